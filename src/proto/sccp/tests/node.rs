use super::*;
use core::time::Duration;

const OPC: PointCode = PointCode(77);

/// The service centre's node: point code 100; the network's titles lead to 200.
pub(super) fn node() -> Sccp {
    let rule = |prefix: &str, point_code| Rule {
        numbering_plan: Some(NumberingPlan::E164),
        ..Rule::new(digits(prefix), Destination::titled(PointCode(point_code)))
    };
    let rules = vec![rule("491710760000", 100), rule("49171", 200)];
    Sccp::new(&config(rules)).unwrap()
}

fn config(rules: Vec<Rule>) -> SccpConfig {
    SccpConfig::new(vec![PointCode(100)], vec![Ssn::MSC, Ssn::SGSN], rules)
}

/// What becomes of a message, and what is answered.
pub(super) fn outcome(node: &mut Sccp, bytes: &[u8]) -> (String, Vec<u8>) {
    let mut buffer = [0; 300];
    let mut answer = Prepend::new(&mut buffer);
    let indication = match node.handle_input(Time::ZERO, OPC, bytes, &mut answer).unwrap() {
        Indication::Unitdata(ssn, _) => format!("unitdata {}", ssn.0),
        Indication::Notice(ssn, service) => format!("notice {} {}", ssn.0, service.cause.0),
        Indication::Segment(_) => "segment".into(),
        Indication::Management(scmg) => format!("management {:?} {}", scmg.message_type, scmg.ssn.0),
        Indication::Answer(PointCode(to)) => format!("answer to {to}"),
        Indication::Nothing => String::new(),
    };
    (indication, answer.finish().unwrap().to_vec())
}

fn cause(answer: &[u8]) -> Cause {
    match parse(answer) {
        Ok(Input::Service(service)) => service.cause,
        other => panic!("{other:?}"),
    }
}

#[test]
fn data_for_us_is_delivered_by_title_and_by_subsystem() {
    let mut node = node();
    for kind in [Kind::Udt, Kind::Xudt, Kind::Ludt] {
        let bytes = built(kind, true, &centre(), &gateway(), b"x");
        assert_eq!(outcome(&mut node, &bytes), ("unitdata 8".into(), vec![]));
        let bytes = built(kind, true, &on_ssn(Some(100), 149), &gateway(), b"x");
        assert_eq!(outcome(&mut node, &bytes).0, "unitdata 149");
        let bytes = built(kind, true, &on_ssn(None, 149), &gateway(), b"x");
        assert_eq!(outcome(&mut node, &bytes).0, "unitdata 149");
    }
    assert_eq!(node.counts.delivered, 9);
}

#[test]
fn data_for_nobody_is_returned_with_its_cause() {
    let mut node = node();
    let title = |text: &str, ssn| SccpAddress::titled(digits(text), Ssn(ssn));
    let untitled = SccpAddress { route_on_ssn: false, ..on_ssn(None, 8) };
    let mut other_plan = centre();
    other_plan.title.as_mut().unwrap().numbering_plan = NumberingPlan::E214;
    let without_ssn = SccpAddress { ssn: None, ..centre() };
    let cases = [
        (title("33612345", 8), Cause::NO_TRANSLATION_ADDRESS),
        (other_plan, Cause::NO_TRANSLATION_NATURE),
        (untitled, Cause::NO_TRANSLATION_NATURE),
        (title("491710760000", 6), Cause::UNEQUIPPED_USER),
        (title("491710760000", 0), Cause::UNEQUIPPED_USER),
        (without_ssn, Cause::UNEQUIPPED_USER),
        (on_ssn(None, 6), Cause::UNEQUIPPED_USER),
        (title("4917199", 8), Cause::NO_TRANSLATION_ADDRESS),
        (on_ssn(Some(101), 8), Cause::NO_TRANSLATION_ADDRESS),
    ];
    for kind in [Kind::Udt, Kind::Xudt, Kind::Ludt] {
        for (called, expected) in &cases {
            let bytes = built(kind, true, called, &gateway(), b"data");
            let (indication, answer) = outcome(&mut node, &bytes);
            assert_eq!(indication, "answer to 200", "by the calling title");
            let Ok(Input::Service(service)) = parse(&answer) else { panic!() };
            assert_eq!((service.kind, service.cause), (kind, *expected));
            assert_eq!((service.called, service.calling, service.data), (gateway(), *called, &b"data"[..]));
            let bytes = built(kind, false, called, &gateway(), b"data");
            assert_eq!(outcome(&mut node, &bytes), (String::new(), vec![]), "not to be returned");
        }
    }
    assert_eq!(node.counts.returned, 27);
    assert_eq!(node.counts.discarded, 27);
}

#[test]
fn a_return_goes_to_the_sender_when_its_address_leads_nowhere_else() {
    let mut node = node();
    let called = on_ssn(None, 6);
    let attempt = |node: &mut Sccp, calling: &SccpAddress| {
        outcome(node, &built(Kind::Udt, true, &called, calling, b"x")).0
    };
    assert_eq!(attempt(&mut node, &on_ssn(None, 6)), "answer to 77");
    assert_eq!(attempt(&mut node, &on_ssn(Some(5), 6)), "answer to 5");
    assert_eq!(attempt(&mut node, &centre()), "answer to 77", "it claims to be us");
    let nobody = SccpAddress { ssn: None, ..on_ssn(Some(5), 6) };
    assert_eq!(attempt(&mut node, &nobody), "");
}

#[test]
fn returns_are_limited_per_second() {
    let mut node = node();
    let bytes = built(Kind::Udt, true, &on_ssn(None, 6), &gateway(), b"x");
    let mut attempt = |now| {
        let mut buffer = [0; 300];
        node.handle_input(now, OPC, &bytes, &mut Prepend::new(&mut buffer)).unwrap() != Indication::Nothing
    };
    let start = Time::from_millis(5_000);
    assert_eq!((0..1500).filter(|_| attempt(start)).count(), 1000);
    assert!(!attempt(start + Duration::from_millis(999)));
    assert!(attempt(start + Duration::from_secs(1)));
}

/// Who has had its share does not use up that of the others, of whom there are not too many.
#[test]
fn returns_are_limited_by_point() {
    let mut node = node();
    let bytes = built(Kind::Udt, true, &on_ssn(None, 6), &gateway(), b"x");
    let mut attempt = |opc| {
        let (mut buffer, start) = ([0; 300], Time::from_millis(5_000));
        let answer = &mut Prepend::new(&mut buffer);
        node.handle_input(start, PointCode(opc), &bytes, answer).unwrap() != Indication::Nothing
    };
    assert_eq!((0..1500).filter(|_| attempt(1)).count(), 1000);
    assert!(attempt(2));
    assert_eq!((3..100).filter(|opc| attempt(*opc)).count(), 14, "sixteen points in a second");
    assert!(attempt(2) && !attempt(1));
}

#[test]
fn a_service_message_is_never_answered() {
    let mut node = node();
    for kind in [Kind::Udt, Kind::Xudt, Kind::Ludt] {
        for (called, expected) in
            [(centre(), "notice 8 1"), (gateway(), ""), (on_ssn(None, 6), ""), (on_ssn(Some(9), 8), "")]
        {
            let mut bytes = built(kind, false, &called, &gateway(), b"x");
            bytes[0] += 1;
            assert_eq!(outcome(&mut node, &bytes), (expected.into(), vec![]));
        }
    }
    assert_eq!(node.counts.came_back, 3);
    assert_eq!((node.counts.transit, node.counts.unequipped), (6, 3));
}

#[test]
fn segments_are_refused_once_per_message() {
    let mut whole = node();
    assert_eq!(outcome(&mut whole, &segment(&centre(), &gateway(), 0xc2, true)).0, "segment");
    assert_eq!(outcome(&mut whole, &segment(&on_ssn(None, 6), &gateway(), 0xc2, true)).0, "answer to 200");
    let none = ReassemblyConfig { entries: 0, ..ReassemblyConfig::default() };
    let mut node = node();
    let rules = node.routes.rules().to_vec();
    node = Sccp::new(&SccpConfig { reassembly: none, ..config(rules) }).unwrap();
    let (indication, answer) = outcome(&mut node, &segment(&centre(), &gateway(), 0xc2, true));
    assert_eq!(indication, "answer to 200");
    assert_eq!(cause(&answer), Cause::SEGMENTATION_NOT_SUPPORTED);
    assert_eq!(outcome(&mut node, &segment(&centre(), &gateway(), 0x41, true)), (String::new(), vec![]));
    assert_eq!(outcome(&mut node, &segment(&centre(), &gateway(), 0xc0, true)).0, "unitdata 8");
    assert_eq!(node.counts.segments_unsupported, 2);
}

/// Whatever our own limit is: what came in one piece goes back in one.
#[test]
fn a_long_message_is_returned_whole() {
    let mut node = node();
    let data = [5; 300];
    let bytes = built(Kind::Ludt, true, &on_ssn(None, 6), &gateway(), &data);
    let mut buffer = [0; 400];
    let mut answer = Prepend::new(&mut buffer);
    let told = node.handle_input(Time::ZERO, OPC, &bytes, &mut answer).unwrap();
    assert_eq!(told, Indication::Answer(PointCode(200)));
    let Ok(Input::Service(service)) = parse(answer.finish().unwrap()) else { panic!() };
    assert_eq!((service.kind, service.cause), (Kind::Ludt, Cause::UNEQUIPPED_USER));
    assert_eq!(service.data, data);
}

/// Management is who says so in every way: another node's, or a user with its number, is not.
#[test]
fn not_everything_with_subsystem_number_1_is_management() {
    let mut node = node();
    let test = [3, 8, 100, 0, 0];
    let send = |class: u8, called: &SccpAddress, calling: &SccpAddress| {
        let mut bytes = built(Kind::Udt, false, called, calling, &test);
        bytes[1] = class;
        bytes
    };
    let management = on_ssn(None, 1);
    assert_eq!(outcome(&mut node, &send(0, &management, &management)).0, "answer to 77");
    assert_eq!(outcome(&mut node, &send(0, &on_ssn(Some(100), 1), &management)).0, "answer to 77");
    let title = |text: &str| SccpAddress::titled(digits(text), Ssn::SCMG);
    for (class, called, calling) in [
        (1, management, management),
        (0, title("491710999001"), management),
        (0, title("491710760000"), management),
        (0, on_ssn(Some(9), 1), management),
        (0, management, on_ssn(None, 8)),
    ] {
        assert_eq!(outcome(&mut node, &send(class, &called, &calling)), (String::new(), vec![]));
    }
    let mut segment = segment(&management, &management, 0xc1, false);
    segment[1] = 0;
    assert_eq!(outcome(&mut node, &segment), (String::new(), vec![]), "in parts");
    assert_eq!((node.counts.management, node.counts.tests_answered), (2, 2));
}

#[test]
fn a_used_up_hop_counter_is_told() {
    let mut node = node();
    let mut bytes = built(Kind::Xudt, true, &centre(), &gateway(), b"x");
    bytes[2] = 0;
    assert_eq!(cause(&outcome(&mut node, &bytes).1), Cause::HOP_COUNTER_VIOLATION);
    bytes[2] = 1;
    assert_eq!(cause(&outcome(&mut node, &bytes).1), Cause::HOP_COUNTER_VIOLATION, "ours is a translation");
    bytes[2] = 2;
    assert_eq!(outcome(&mut node, &bytes).0, "unitdata 8");
    let mut bytes = built(Kind::Ludt, true, &on_ssn(Some(100), 8), &gateway(), b"x");
    bytes[2] = 1;
    assert_eq!(outcome(&mut node, &bytes).0, "unitdata 8", "nothing is translated");
    assert_eq!(node.counts.hop_counter, 2);
}

#[test]
fn status_tests_are_answered_for_what_we_are() {
    let mut node = node();
    let test = |ssn, point_code| {
        let mut buffer = [0; 40];
        let mut writer = Prepend::new(&mut buffer);
        let scmg = Scmg {
            message_type: ScmgType::StatusTest,
            ssn: Ssn(ssn),
            point_code: PointCode(point_code),
            multiplicity: 0,
            congestion: None,
        };
        scmg.write(&mut writer).unwrap();
        writer.finish().unwrap().to_vec()
    };
    assert_eq!(test(8, 100), unhex("09 00 03 05 07 02 42 01 02 42 01 05 03 08 64 00 00"));
    let (indication, answer) = outcome(&mut node, &test(8, 100));
    assert_eq!(indication, "answer to 77");
    assert_eq!(answer, unhex("09 00 03 05 07 02 42 01 02 42 01 05 01 08 64 00 00"));
    assert_eq!(outcome(&mut node, &test(1, 100)).0, "answer to 77", "management is always there");
    assert_eq!(outcome(&mut node, &test(6, 100)), (String::new(), vec![]));
    assert_eq!(outcome(&mut node, &test(8, 101)), (String::new(), vec![]));
    node.routes.set_local(Ssn::MSC, false);
    assert_eq!(outcome(&mut node, &test(8, 100)), (String::new(), vec![]));
    assert_eq!(node.counts.tests_ignored, 3);
}

#[test]
fn news_of_remote_subsystems_are_passed_on() {
    let mut node = node();
    for (number, expected) in [
        (1, "management Allowed 6"),
        (2, "management Prohibited 6"),
        (4, "management OutOfServiceRequest 6"),
        (5, "management OutOfServiceGrant 6"),
    ] {
        let bytes = [&unhex("09 00 03 05 07 02 42 01 02 42 01 05")[..], &[number, 6, 5, 0, 0]].concat();
        assert_eq!(outcome(&mut node, &bytes), (expected.into(), vec![]));
    }
    let congested = unhex("09 00 03 05 07 02 42 01 02 42 01 06 06 06 05 00 00 03");
    let scmg = Scmg::parse(parsed(&congested).data).unwrap();
    assert_eq!((scmg.message_type, scmg.congestion), (ScmgType::Congested, Some(3)));
    let mut buffer = [0; 40];
    let mut writer = Prepend::new(&mut buffer);
    scmg.write(&mut writer).unwrap();
    assert_eq!(writer.finish().unwrap(), congested);
}

/// Subsystem number 0 is "not known": nobody's as called address, and as good as none as calling address.
#[test]
fn ssn_0_is_nobodys() {
    let mut node = node();
    for kind in [Kind::Udt, Kind::Xudt, Kind::Ludt] {
        for called in [on_ssn(None, 0), on_ssn(Some(100), 0)] {
            let (indication, answer) = outcome(&mut node, &built(kind, true, &called, &gateway(), b"x"));
            assert_eq!((indication.as_str(), cause(&answer)), ("answer to 200", Cause::UNEQUIPPED_USER));
        }
        let bytes = built(kind, true, &centre(), &on_ssn(Some(5), 0), b"x");
        assert_eq!(outcome(&mut node, &bytes).0, "unitdata 8");
        let bytes = built(kind, true, &on_ssn(None, 6), &on_ssn(Some(5), 0), b"x");
        assert_eq!(outcome(&mut node, &bytes).0, "answer to 5");
    }
}
