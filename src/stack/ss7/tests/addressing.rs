//! Whose a message is, where its answer goes, and what becomes of it when it can't be handed on.

use super::*;

/// What crosses, and to whom; with `full` rings nothing does.
#[derive(Default)]
pub(super) struct Crossing {
    pub(super) crossed: Vec<(WorkerId, Label, Vec<u8>)>,
    pub(super) full: bool,
}

impl Frames for Crossing {
    fn buffer(&mut self) -> Option<&mut [u8]> {
        None
    }
    fn send(&mut self, _: PortId, _: Range<usize>) {}
}

impl Outside for Crossing {
    fn hand_off(&mut self, to: WorkerId, label: Label, message: &[u8]) -> bool {
        let taken = !self.full || label.direction == Direction::Out;
        if taken {
            self.crossed.push((to, label, message.to_vec()));
        }
        taken
    }
    fn tell_all(&mut self, _: News) {}
    fn drain(&mut self) {}
}

/// One of `workers` of the gateway, whose associations to points 200 and 300 are a further worker's.
pub(super) fn worker(worker: u8, workers: u8) -> Ss7 {
    let key = SipKey::new([7; 16]);
    let address = |last| core::net::IpAddr::from([10, 7, 0, last]);
    let setup = |at: u8| AssociationSetup {
        name: at.to_string(),
        owner: WorkerId(9),
        sctp: sctp::AssociationConfig::new(sctp::Role::Server, address(1), address(2 + at)),
        m3ua: AspConfig::new(Role::Sgp, vec![1]),
    };
    let leads = |point_code, at| Destination { point_code: PointCode(point_code), associations: vec![at] };
    let mut transport = Transport::new(
        WorkerId(worker),
        PointCode(100),
        2,
        vec![setup(0), setup(1)],
        vec![leads(200, 0), leads(300, 1)],
        [1; 32],
        key.derive("transport"),
    );
    transport.learn(0, true);
    transport.learn(1, true);
    let own = SccpAddress::titled(digits(GATEWAY), Ssn::SGSN);
    let rule = sccp::Rule {
        translation_type: None,
        numbering_plan: None,
        nature: None,
        prefix: digits("491710999"),
        destination: sccp::Destination { point_code: PointCode(100), ssn: None, route_on_ssn: false },
    };
    let ss7 = Ss7::new(Ss7Config {
        worker: WorkerId(worker),
        workers,
        transport,
        own: vec![own],
        sccp: sccp::SccpConfig::new(vec![PointCode(100)], vec![Ssn::SGSN], vec![rule]),
        dialogues: DialoguesConfig {
            worker: WorkerId(worker),
            workers,
            capacity: 64,
            identifiers: 4096,
            prefix: 0,
            prefix_bits: 0,
            key: key.derive("dialogues"),
            rest: Duration::from_secs(1),
            guard: Duration::from_secs(600),
            peer_match: PeerMatch::default(),
        },
        forward_timeout: Duration::from_secs(90),
        offers: vec![Offer {
            context: context::SUBSCRIBER_DATA_MANAGEMENT_V3,
            opcode: operation::INSERT_SUBSCRIBER_DATA,
        }],
    });
    ss7.unwrap()
}

/// What MTP says of a message from `opc`.
pub(super) fn label(opc: u32) -> Label {
    Label {
        direction: Direction::In,
        association: 0,
        originating: PointCode(opc),
        destination: PointCode(100),
        selection: 5,
    }
}

/// Gives a message from point 200 to a worker.
pub(super) fn hear(ss7: &mut Ss7, message: &[u8], outside: &mut Crossing) -> Option<Told> {
    let mut malformed = MalformedCounts::default();
    ss7.handle_sccp(Time::from_millis(1), &label(200), message, &mut malformed, outside).map(Told::of)
}

/// A UDT message with the return option.
fn unitdata(called: &SccpAddress, calling: &SccpAddress, data: &[u8]) -> Vec<u8> {
    let header = sccp::build::UnitdataHeader { class: 1, return_on_error: true, called, calling };
    let mut room = [0; 4000];
    let mut w = Prepend::new(&mut room);
    w.bytes(data);
    let kind = if data.len() > 255 { sccp::Kind::Ludt } else { sccp::Kind::Udt };
    sccp::build::unitdata(&mut w, 0, kind, &header, 4000).expect("it fits");
    w.finish().unwrap().to_vec()
}

fn gateway_address() -> SccpAddress {
    SccpAddress::titled(digits(GATEWAY), Ssn::SGSN)
}

/// The point codes that what was sent is for.
fn destinations(outside: &Crossing) -> Vec<u32> {
    outside.crossed.iter().map(|(_, label, _)| label.destination.0).collect()
}

#[test]
fn an_answer_goes_to_the_peers_own_point_code() {
    let (mut ss7, mut outside) = (worker(0, 1), Crossing::default());
    let opening = begin(context::SUBSCRIBER_DATA_MANAGEMENT_V3, &[]);
    for (told, expected) in [(None, 200), (Some(300), 300), (Some(301), 200)] {
        let peer = SccpAddress::on_ssn(told.map(PointCode), Some(Ssn::HLR));
        assert_eq!(hear(&mut ss7, &unitdata(&gateway_address(), &peer, &opening), &mut outside), None);
        assert_eq!(destinations(&outside), [expected], "behind a relay, if it leads anywhere");
        outside.crossed.clear();
    }
}
