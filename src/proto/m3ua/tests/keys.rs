//! Routing keys: their octets, and what becomes of those that can't be served.

use super::server::Gateway;
use super::ttcn_sgp::{key, reg_req};
use super::*;
use crate::proto::m3ua::keys::{self, RegStatus, RoutingKey};

#[test]
fn golden_registration_messages() {
    let full = RoutingKey {
        local: 1,
        context: Some(100),
        mode: Some(TrafficMode::Loadshare),
        appearance: Some(3),
        point_code: PointCode(0x1234),
        services: 1 << 3 | 1 << 5,
    };
    let golden = unhex(
        "01000901 0000003c 02070034 020a0008 00000001 00060008 00000064 000b0008 00000002 02000008 00000003\
         020b0008 00001234 020c0006 03050000",
    );
    assert_eq!(reg_req(&[full]), golden);
    let parsed = Message::parse(&golden).unwrap();
    assert_eq!(parsed.kind(), Ok(Kind::RegReq));
    assert!(Keys::parse(parsed.parameters).unwrap().eq([Ok(full)]));
    let both = reg_req(&[full, key(2, 9)]);
    assert!(Keys::parse(Message::parse(&both).unwrap().parameters).unwrap().eq([Ok(full), Ok(key(2, 9))]));

    let mut buffer = [0; 100];
    let mut w = Prepend::new(&mut buffer);
    keys::registration_result(&mut w, 1, RegStatus::Registered, 100);
    let golden = unhex("01000902 00000024 0208001c 020a0008 00000001 02120008 00000000 00060008 00000064");
    assert_eq!(build::message(&mut w, Kind::RegRsp).unwrap(), golden);
    let mut w = Prepend::new(&mut buffer);
    keys::deregistration_result(&mut w, 100, keys::DeregStatus::Active);
    let golden = unhex("01000904 0000001c 02090014 00060008 00000064 02130008 00000005");
    assert_eq!(build::message(&mut w, Kind::DeregRsp).unwrap(), golden);
}

/// A gateway that has keys for point codes 9 (all users) and 10 (SCCP), and makes others.
fn gateway(dynamic: Option<u32>) -> Gateway {
    let mut config = AspConfig { registration: true, ..AspConfig::new(Role::Sgp, vec![]) };
    config.network_appearance = Some(3);
    let mut gateway = Gateway::of(vec![config], ServerConfig::new(Some(100)));
    let of =
        |context, point_code, services| Provision { context, point_code: PointCode(point_code), services };
    gateway.servers.provision(vec![of(100, 9, 0), of(101, 10, 1 << 3)], dynamic);
    gateway.send(Time::ZERO, 0, Kind::Aspup);
    gateway.nodes[0].sent.clear();
    gateway
}

/// The results of a REG REQ: local identifier, status, routing context.
fn results(gateway: &mut Gateway, request: &[u8]) -> Vec<(u32, RegStatus, u32)> {
    gateway.input(Time::ZERO, 0, request);
    let mut all = Vec::new();
    for (_, answer) in gateway.nodes[0].sent.drain(..).filter(|(_, bytes)| kind(bytes) == Kind::RegRsp) {
        all.extend(keys::results(Message::parse(&answer).unwrap().parameters).unwrap());
    }
    all
}

#[test]
fn each_key_is_answered_by_itself() {
    let mut gateway = gateway(None);
    let loadshare = Some(TrafficMode::Loadshare);
    let asked = [
        RoutingKey { mode: loadshare, ..key(1, 9) },
        RoutingKey { services: 1 << 3, ..key(2, 10) },
        RoutingKey { appearance: Some(4), ..key(3, 9) },
        RoutingKey { services: 1 << 3, ..key(4, 9) },
        RoutingKey { context: Some(7), ..key(5, 9) },
        RoutingKey { context: Some(100), ..key(6, 11) },
        RoutingKey { context: Some(100), ..key(7, 9) },
        key(8, 11),
        key(9, 0),
        key(10, 0x100_0009),
    ];
    use RegStatus::*;
    let expected = [
        (1, Registered, 100),
        (2, Registered, 101),
        (3, InvalidAppearance, 0),
        (4, NoUniqueRouting, 0),
        (5, NotProvisioned, 0),
        (6, ChangeRefused, 0),
        (7, AlreadyRegistered, 100),
        (8, Denied, 0),
        (9, InvalidPointCode, 0),
        (10, AlreadyRegistered, 100),
    ];
    assert_eq!(
        results(&mut gateway, &reg_req(&asked)),
        expected,
        "the last has its mask cut off by the writer"
    );
}

#[test]
fn a_key_of_another_mode_is_refused() {
    let config = AspConfig { registration: true, ..AspConfig::new(Role::Sgp, vec![]) };
    let server = ServerConfig { mode: Some(TrafficMode::Override), ..ServerConfig::new(Some(100)) };
    let mut gateway = Gateway::of(vec![config], server);
    let provision = Provision { context: 100, point_code: PointCode(9), services: 0 };
    gateway.servers.provision(vec![provision], None);
    gateway.send(Time::ZERO, 0, Kind::Aspup);
    let asked = |mode| reg_req(&[RoutingKey { mode: Some(mode), ..key(1, 9) }]);
    let refused = results(&mut gateway, &asked(TrafficMode::Loadshare));
    assert_eq!(refused, [(1, RegStatus::UnsupportedMode, 0)]);
    let taken = results(&mut gateway, &asked(TrafficMode::Override));
    assert_eq!(taken, [(1, RegStatus::Registered, 100)]);
}

#[test]
fn an_asp_has_room_for_32_contexts() {
    let mut gateway = gateway(Some(1000));
    let asked: Vec<_> = (1..=40).map(|at| key(at, 100 + at)).collect();
    let answers = results(&mut gateway, &reg_req(&asked));
    assert_eq!(answers.len(), 40, "in two messages");
    for (at, &(local, status, context)) in answers.iter().enumerate() {
        let expected =
            if at < 32 { (RegStatus::Registered, 1000 + at as u32) } else { (RegStatus::Resources, 0) };
        assert_eq!((local, (status, context)), (at as u32 + 1, expected));
    }
    // What is given up makes room.
    gateway.input(Time::ZERO, 0, &message(Kind::DeregReq, &[(tag::ROUTING_CONTEXT, &1005u32.to_be_bytes())]));
    assert_eq!(results(&mut gateway, &reg_req(&[key(1, 500)]))[0].1, RegStatus::Registered);
}

#[test]
fn malformed_keys_are_answered_by_their_status() {
    let local = (tag::LOCAL_KEY, &[0, 0, 0, 5][..]);
    let point = (tag::DESTINATION_POINT_CODE, &[0, 0, 0, 9][..]);
    let (invalid, unsupported) = (RegStatus::InvalidKey, RegStatus::UnsupportedField);
    type Inside<'a> = &'a [(u16, &'a [u8])];
    let cases: [(Inside<'_>, (u32, RegStatus)); 13] = [
        (&[], (0, invalid)),
        (&[point], (0, invalid)),
        (&[local], (5, invalid)),
        (&[local, local, point], (5, invalid)),
        (&[(tag::LOCAL_KEY, &[0, 5]), point], (0, invalid)),
        (&[local, (tag::DESTINATION_POINT_CODE, &[0, 9])], (5, invalid)),
        (&[local, (tag::DESTINATION_POINT_CODE, &[3, 0, 0, 8])], (5, unsupported)),
        (&[local, point, point], (5, unsupported)),
        (&[local, point, (tag::ORIGINATING_POINT_CODES, &[0, 0, 0, 1])], (5, unsupported)),
        (&[local, point, (tag::SERVICE_INDICATORS, &[16])], (5, invalid)),
        (&[local, point, (tag::TRAFFIC_MODE, &[0, 0, 0, 4])], (5, RegStatus::UnsupportedMode)),
        (&[local, point, (tag::TRAFFIC_MODE, &[0])], (5, invalid)),
        (&[local, point, (0x7777, b"?")], (5, RegStatus::Registered)),
    ];
    for (inside, (local, status)) in cases {
        let whole = message(Kind::RegReq, inside);
        let request = message(Kind::RegReq, &[(tag::ROUTING_KEY, &whole[8..])]);
        let answers = results(&mut gateway(None), &request);
        assert_eq!(answers.len(), 1);
        assert_eq!((answers[0].0, answers[0].1), (local, status), "{inside:02x?}");
    }
    // A parameter inside that isn't whole.
    let request = message(Kind::RegReq, &[(tag::ROUTING_KEY, &[2, 0x0a, 0, 8, 0, 0, 0, 5, 2, 0x0b, 0, 9])]);
    assert_eq!(results(&mut gateway(None), &request), [(5, invalid, 0)]);
}

#[test]
fn registration_in_the_wrong_place_gets_an_err() {
    let code = |node: &mut Node, bytes: &[u8]| {
        node.sent.clear();
        let _ = node.input(Time::ZERO, 0, bytes);
        word(&node.pop(), tag::ERROR_CODE).unwrap()
    };
    let request = reg_req(&[key(1, 9)]);
    for role in [Role::Asp, Role::IpspClient, Role::IpspServer, Role::Sgp] {
        let mut node = Node::new(AspConfig::new(role, vec![100]));
        node.up(Time::ZERO);
        assert_eq!(code(&mut node, &request), ErrorCode::UnsupportedMessageClass as u32, "{role:?}");
    }
    let mut down = Node::new(AspConfig { registration: true, ..AspConfig::new(Role::Sgp, vec![]) });
    down.up(Time::ZERO);
    assert_eq!(code(&mut down, &request), ErrorCode::UnexpectedMessage as u32);
    down.input(Time::ZERO, 0, &message(Kind::Aspup, &[])).unwrap();
    for (kind, expected) in [
        (Kind::RegReq, ErrorCode::MissingParameter),
        (Kind::DeregReq, ErrorCode::MissingParameter),
        (Kind::RegRsp, ErrorCode::UnexpectedMessage),
        (Kind::DeregRsp, ErrorCode::UnexpectedMessage),
    ] {
        assert_eq!(code(&mut down, &message(kind, &[])), expected as u32, "{kind:?}");
    }
}

#[test]
fn an_asp_and_a_gateway_register_and_come_up() {
    let mut a = AspConfig::new(Role::Asp, vec![]);
    a.register = vec![key(1, 9), key(2, 10)];
    let (mut a, mut b) =
        (Node::new(a), Node::new(AspConfig { registration: true, ..AspConfig::new(Role::Sgp, vec![]) }));
    b.servers.provision(vec![], Some(1000));
    b.up(Time::ZERO);
    a.up(Time::ZERO);
    let passed = exchange(Time::ZERO, &mut a, &mut b);
    use Kind::*;
    let expected = [
        (0, Aspup),
        (1, AspupAck),
        (0, RegReq),
        (1, RegRsp),
        (0, Aspac),
        (1, Ntfy),
        (1, Ntfy),
        (1, AspacAck),
        (1, Ntfy),
        (1, Ntfy),
    ];
    assert_eq!(passed, expected);
    assert_eq!((a.asp.active_contexts(), b.asp.active_contexts()), (3, 3));
    assert_eq!(b.asp.data_context(Some(1001)), Some(Some(1001)));
    a.stop(seconds(1));
    let passed = exchange(seconds(1), &mut a, &mut b);
    assert!(passed.contains(&(1, DeregRsp)) && passed.last() == Some(&(1, AspdnAck)), "{passed:?}");
    assert_eq!((a.asp.state(), b.asp.state()), (AspState::Down, AspState::Down));
    assert_eq!(a.asp.poll_timeout(), Time::NEVER);
}
