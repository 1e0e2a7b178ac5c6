//! SCCP management of a node: news of other points change where titles lead, and ours are told.

use super::addressing::{Crossing, gateway_address, hear, label, unitdata, worker_with};
use super::*;
use sccp::{ScmgType, SubsystemState};

/// A worker whose HLR title leads to subsystem 6 at 200, and to 300 when that is out.
fn with_backup() -> Ss7 {
    routed_there(true)
}

/// The same, routed there on the subsystem number or on the title.
fn routed_there(route_on_ssn: bool) -> Ss7 {
    worker_with(0, 2, |sccp| {
        let at = |point_code| sccp::Destination {
            ssn: Some(Ssn::HLR),
            route_on_ssn,
            ..sccp::Destination::titled(PointCode(point_code))
        };
        let targets = sccp::Targets::new(&[at(200), at(300)], sccp::Sharing::Primary).unwrap();
        sccp.rules.push(sccp::Rule { targets, ..sccp::Rule::new(digits("491710888"), at(200)) });
        let point =
            |point_code| sccp::RemotePoint { point_code: PointCode(point_code), form: sccp::Kind::Udt };
        sccp.points = vec![point(200), point(300)];
    })
}

/// What point 200 says of subsystem 6 there.
fn status(message_type: ScmgType) -> Vec<u8> {
    let (ssn, point_code) = (Ssn::HLR, PointCode(200));
    let scmg = sccp::Scmg { message_type, ssn, point_code, multiplicity: 0, congestion: None };
    let mut room = [0; 64];
    let mut w = Prepend::new(&mut room);
    scmg.write(&mut w).unwrap();
    w.finish().unwrap().to_vec()
}

/// The point that an operation for the HLR goes to.
fn goes_to(ss7: &mut Ss7) -> u32 {
    let mut outside = Crossing::default();
    ss7.invoke(Time::from_millis(1), &update(), 1, &mut outside).unwrap();
    outside.crossed[0].1.destination.0
}

/// The management messages that have left, and where to.
fn managed(outside: &mut Crossing) -> Vec<(u32, Vec<u8>)> {
    let taken = core::mem::take(&mut outside.crossed).into_iter();
    taken
        .filter_map(|(_, label, message)| match sccp::parse(&message) {
            Ok(sccp::Input::Unitdata(unitdata)) if unitdata.is_management() => {
                Some((label.destination.0, unitdata.data.to_vec()))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_backup_serves_while_a_subsystem_is_out() {
    let (mut ss7, mut outside) = (with_backup(), Crossing::default());
    assert_eq!(goes_to(&mut ss7), 200);
    assert_eq!(hear(&mut ss7, &status(ScmgType::Prohibited), &mut outside), None);
    let [news] = outside.news[..] else { panic!("{:?}", outside.news) };
    assert_eq!((news.ssn, news.state), (Ssn::HLR, SubsystemState::Prohibited));
    assert_eq!(goes_to(&mut ss7), 300);
    let mut other = with_backup();
    other.learn(Time::from_millis(1), &news);
    assert_eq!(goes_to(&mut other), 300, "another worker has learnt it");
    let (mut room, mut malformed) = (Octets::EMPTY, MalformedCounts::default());
    let due = ss7.subsystems.poll_timeout();
    assert_eq!(due, Time::from_millis(10_001));
    ss7.poll(due, &mut room, &mut malformed, &mut outside);
    assert_eq!(managed(&mut outside), [(200, vec![3, 6, 200, 0, 0])], "SST");
    assert_eq!(outside.news.len(), 2, "the others are told again");
    hear(&mut ss7, &status(ScmgType::Allowed), &mut outside);
    assert_eq!(goes_to(&mut ss7), 200);
    assert_eq!(outside.news[2].state, SubsystemState::Allowed);
}

/// DUPU: the SCCP of the point is absent. Its management is tested, and until it answers the backup serves (N-PCSTATE).
#[test]
fn a_point_without_sccp_is_tested_until_it_answers() {
    for route_on_ssn in [true, false] {
        tested_until_it_answers(routed_there(route_on_ssn));
    }
}

fn tested_until_it_answers(mut ss7: Ss7) {
    let mut outside = Crossing::default();
    assert_eq!(goes_to(&mut ss7), 200);
    let absent = m3ua::Change::NoSccp(1);
    ss7.transport.note_silence(PointCode(200), absent);
    ss7.transport.note_silence(PointCode(200), absent);
    ss7.transport.note_silence(PointCode(999), absent);
    let (mut room, mut malformed) = (Octets::EMPTY, MalformedCounts::default());
    let now = Time::from_millis(1);
    assert!(ss7.poll(now, &mut room, &mut malformed, &mut outside).is_none());
    let [news] = outside.news[..] else { panic!("of a point that is none of ours: {:?}", outside.news) };
    assert_eq!((news.point_code, news.ssn), (PointCode(200), Ssn::SCMG));
    assert_eq!(goes_to(&mut ss7), 300);
    let due = ss7.subsystems.poll_timeout();
    ss7.poll(due, &mut room, &mut malformed, &mut outside);
    assert_eq!(managed(&mut outside), [(200, vec![3, 1, 200, 0, 0])], "SST of its management");
    let (message_type, ssn, point_code) = (ScmgType::Allowed, Ssn::SCMG, PointCode(200));
    let scmg = sccp::Scmg { message_type, ssn, point_code, multiplicity: 0, congestion: None };
    let mut answer = [0; 64];
    let mut w = Prepend::new(&mut answer);
    scmg.write(&mut w).unwrap();
    hear(&mut ss7, w.finish().unwrap(), &mut outside);
    assert_eq!(goes_to(&mut ss7), 200);
}

/// A message that came back says the same as SSP.
#[test]
fn a_subsystem_that_failed_is_not_asked_again() {
    let (mut ss7, mut outside) = (with_backup(), Crossing::default());
    ss7.invoke(Time::from_millis(1), &update(), 7, &mut outside).unwrap();
    let (_, _, sent) = outside.crossed.remove(0);
    let Ok(sccp::Input::Unitdata(unitdata)) = sccp::parse(&sent) else { panic!() };
    let mut room = [0; 400];
    let mut w = Prepend::new(&mut room);
    // The title comes back as it was before the last node.
    let called = SccpAddress { route_on_ssn: false, ..unitdata.called };
    let unitdata = sccp::Unitdata { called, ..unitdata };
    sccp::build::service(&mut w, &unitdata, sccp::Cause::SUBSYSTEM_FAILURE).unwrap();
    let mut returned = w.finish().unwrap().to_vec();
    let calling = 3 + usize::from(returned[3]) + 1;
    returned[calling] &= !0x40;
    assert_eq!(hear(&mut ss7, &returned, &mut outside), Some(Told::NotDelivered(7, 3)));
    assert_eq!((goes_to(&mut ss7), outside.news.len()), (300, 1));
}

#[test]
fn a_subsystem_of_ours_goes_out_and_comes_back() {
    let (mut ss7, mut outside) = (with_backup(), Crossing::default());
    assert!(!ss7.set_subsystem(Ssn::HLR, false, true, &mut outside), "it is none of ours");
    assert!(ss7.set_subsystem(Ssn::SGSN, false, true, &mut outside));
    let told = |what: u8| vec![what, 149, 100, 0, 0];
    assert_eq!(managed(&mut outside), [(200, told(2)), (300, told(2))], "SSP to all that we send to");
    let hlr = SccpAddress::titled(digits(HLR), Ssn::HLR);
    hear(&mut ss7, &unitdata(&gateway_address(), &hlr, b"data"), &mut outside);
    let causes: Vec<_> = outside
        .crossed
        .iter()
        .filter_map(|(_, _, message)| match sccp::parse(message) {
            Ok(sccp::Input::Service(service)) => Some(service.cause),
            _ => None,
        })
        .collect();
    assert_eq!(causes, [sccp::Cause::SUBSYSTEM_FAILURE]);
    assert_eq!(managed(&mut outside), [(200, told(2))], "SSP to who has not heard of it");
    let test = sccp::Scmg {
        message_type: ScmgType::StatusTest,
        ssn: Ssn::SGSN,
        point_code: PointCode(100),
        multiplicity: 0,
        congestion: None,
    };
    let mut room = [0; 64];
    let mut w = Prepend::new(&mut room);
    test.write(&mut w).unwrap();
    let test = w.finish().unwrap().to_vec();
    hear(&mut ss7, &test, &mut outside);
    assert_eq!(managed(&mut outside), [], "no answer while it is out");
    assert!(ss7.set_subsystem(Ssn::SGSN, true, false, &mut outside));
    assert_eq!(managed(&mut outside), [], "another worker tells");
    hear(&mut ss7, &test, &mut outside);
    assert_eq!(managed(&mut outside), [(200, told(1))], "SSA");
    assert_eq!(label(200).originating, PointCode(200));
}

/// What was taken while a subsystem was in service is delivered, though it goes out before the message has crossed.
#[test]
fn what_was_taken_before_a_subsystem_went_out_arrives() {
    let to_hlr = sccp::Rule::new(digits("491710888"), sccp::Destination::titled(PointCode(200)));
    let mut ss7 = worker_with(0, 2, |sccp| sccp.rules.push(to_hlr));
    let (mut outside, mut malformed) = (Crossing::default(), MalformedCounts::default());
    let now = Time::from_millis(1);
    ss7.invoke(now, &update(), 7, &mut outside).unwrap();
    let (.., sent) = outside.crossed.pop().unwrap();
    let Ok(sccp::Input::Unitdata(ours)) = sccp::parse(&sent) else { panic!() };
    let mut room = [0; 400];
    let mut w = Prepend::new(&mut room);
    sccp::build::service(&mut w, &ours, sccp::Cause::MTP_FAILURE).unwrap();
    let back = w.finish().unwrap().to_vec();
    assert!(ss7.set_subsystem(Ssn::SGSN, false, false, &mut outside));
    let told = ss7.handle_message(now, &label(200), &back, &mut malformed, &mut outside);
    assert_eq!(told.map(Told::of), Some(Told::NotDelivered(7, 5)));
    let hlr = SccpAddress::titled(digits(HLR), Ssn::HLR);
    let asked = unitdata(
        &gateway_address(),
        &hlr,
        &begin(
            context::SUBSCRIBER_DATA_MANAGEMENT_V3,
            &[&invoke(1, operation::INSERT_SUBSCRIBER_DATA, &[0x30, 0])],
        ),
    );
    let told = ss7.handle_message(now, &label(200), &asked, &mut malformed, &mut outside);
    assert!(matches!(told.map(Told::of), Some(Told::Invoke { .. })));
}

/// Another worker's management has heard that the SCCP of a point answers.
#[test]
fn all_workers_learn_that_a_point_has_its_sccp_back() {
    // The worker whose associations they are.
    let mut ss7 = worker_with(9, 10, |_| ());
    let (now, to) = (Time::from_millis(1), (PointCode(200), 0));
    for carries in [ways::Carries::Nothing, ways::Carries::Traffic] {
        ss7.transport.ways.set_carries(0, carries);
    }
    ss7.transport.ways.hear(now, 0, to, m3ua::Change::NoSccp(1));
    assert_eq!(ss7.transport.state_of(PointCode(200)).map(|state| state.no_sccp), Some(true));
    let news =
        sccp::SubsystemNews { point_code: PointCode(200), ssn: Ssn::SCMG, state: SubsystemState::Allowed };
    ss7.learn(now, &news);
    assert_eq!(ss7.transport.state_of(PointCode(200)).map(|state| state.no_sccp), Some(false));
}
