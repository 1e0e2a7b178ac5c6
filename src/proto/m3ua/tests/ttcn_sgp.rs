//! The cases of the TTCN-3 suite STP_Tests_M3UA (osmo-ttcn3-hacks) that a signalling gateway's machine can answer by
//! itself, under their names in lower case: the suite is the ASP. What is routed from one ASP to another is not here.

use super::contexts::{contexts, named};
use super::server::Gateway;
use super::*;
use crate::proto::m3ua::keys::{self, DeregStatus, RegStatus, RoutingKey};

const CONTEXT: u32 = 100;

fn gateway(change: impl FnOnce(&mut AspConfig)) -> Gateway {
    let mut config = AspConfig::new(Role::Sgp, vec![CONTEXT]);
    change(&mut config);
    Gateway::of(vec![config], ServerConfig::new(Some(CONTEXT)))
}

fn up(change: impl FnOnce(&mut AspConfig)) -> Gateway {
    let mut gateway = gateway(change);
    gateway.send(Time::ZERO, 0, Kind::Aspup);
    assert_eq!(gateway.nodes[0].pop(), message(Kind::AspupAck, &[]));
    expect_ntfy(&mut gateway, Status::AsInactive);
    gateway
}

#[track_caller]
fn expect_ntfy(gateway: &mut Gateway, status: Status) {
    let ntfy = gateway.nodes[0].pop();
    assert_eq!((kind(&ntfy), word(&ntfy, tag::STATUS)), (Kind::Ntfy, Some(status as u32)));
    assert_eq!(named(&ntfy), [CONTEXT]);
}

fn aspac(mode: Option<TrafficMode>) -> Vec<u8> {
    let octets = mode.map_or(0, |mode| mode as u32).to_be_bytes();
    let context = contexts(&[CONTEXT]);
    let named = (tag::ROUTING_CONTEXT, &context[..]);
    match mode {
        Some(_) => message(Kind::Aspac, &[(tag::TRAFFIC_MODE, &octets), named]),
        None => message(Kind::Aspac, &[named]),
    }
}

fn act(mode: Option<TrafficMode>) -> Gateway {
    let mut gateway = up(|_| ());
    gateway.input(Time::ZERO, 0, &aspac(mode));
    let ack = gateway.nodes[0].pop();
    assert_eq!((kind(&ack), named(&ack)), (Kind::AspacAck, vec![CONTEXT]));
    assert_eq!(word(&ack, tag::TRAFFIC_MODE), mode.map(|mode| mode as u32));
    expect_ntfy(&mut gateway, Status::AsActive);
    assert!(gateway.nodes[0].sent.is_empty());
    gateway
}

#[test]
fn connect_asp_up() {
    assert!(up(|_| ()).nodes[0].sent.is_empty());
}

#[test]
fn asp_act() {
    act(None);
}

#[test]
fn asp_act_override() {
    act(Some(TrafficMode::Override));
}

#[test]
fn asp_act_loadshare() {
    act(Some(TrafficMode::Loadshare));
}

#[test]
fn asp_act_broadcast() {
    act(Some(TrafficMode::Broadcast));
}

#[test]
fn beat() {
    let mut gateway = up(|_| ());
    gateway.send(Time::ZERO, 0, Kind::Beat);
    assert_eq!(gateway.nodes[0].pop(), message(Kind::BeatAck, &[]));
}

#[test]
fn beat_payload() {
    let mut gateway = up(|_| ());
    let payload: Vec<u8> = (0..=255).collect();
    gateway.input(Time::ZERO, 0, &message(Kind::Beat, &[(tag::HEARTBEAT, &payload)]));
    assert_eq!(gateway.nodes[0].pop(), message(Kind::BeatAck, &[(tag::HEARTBEAT, &payload)]));
}

#[test]
fn beat_timeout() {
    let mut gateway = up(|config| config.t_beat = Some(Duration::from_secs(5)));
    let node = &mut gateway.nodes[0];
    node.timeout(seconds(5));
    assert_eq!(node.kinds(), [Kind::Beat]);
    node.timeout(seconds(10));
    assert_eq!(node.timeouts, [Timeout::PeerFailed]);
}

#[test]
fn beat_disabled() {
    let mut gateway = up(|_| ());
    let node = &mut gateway.nodes[0];
    for second in 1..1000 {
        node.timeout(seconds(second));
    }
    assert_eq!((node.sent.len(), node.timeouts.len()), (0, 0));
}

#[test]
fn act_rctx_data_no_rctx() {
    let mut gateway = act(None);
    let node = &mut gateway.nodes[0];
    node.input(Time::ZERO, 1, &data_message(&DataHeader { routing_context: None, ..header() }, b"x"))
        .unwrap();
    assert_eq!((node.delivered.len(), node.sent.len()), (1, 0));
}

fn block(gateway: &mut Gateway, now: Time) {
    let node = &mut gateway.nodes[0];
    let sent = &mut node.sent;
    node.asp.block(&mut |stream, bytes| sent.push_back((stream, bytes.to_vec())));
    gateway.tend(now, 0, false);
}

#[test]
fn adm_block_act_err() {
    let mut gateway = up(|_| ());
    block(&mut gateway, Time::ZERO);
    gateway.input(Time::ZERO, 0, &aspac(None));
    let err = gateway.nodes[0].pop();
    assert_eq!(word(&err, tag::ERROR_CODE), Some(ErrorCode::RefusedManagementBlocking as u32));
    assert_eq!(named(&err), [CONTEXT]);
    assert!(gateway.nodes[0].sent.is_empty());
}

#[test]
fn adm_block_after_act() {
    let mut gateway = act(None);
    block(&mut gateway, seconds(1));
    let ack = gateway.nodes[0].pop();
    assert_eq!((kind(&ack), named(&ack)), (Kind::AspiaAck, vec![CONTEXT]));
    expect_ntfy(&mut gateway, Status::AsPending);
    gateway.timeout(seconds(3));
    expect_ntfy(&mut gateway, Status::AsInactive);
    gateway.input(seconds(4), 0, &aspac(None));
    assert_eq!(gateway.nodes[0].kinds(), [Kind::Err]);
    gateway.nodes[0].asp.unblock();
    gateway.input(seconds(5), 0, &aspac(None));
    assert_eq!(kind(&gateway.nodes[0].pop()), Kind::AspacAck);
    expect_ntfy(&mut gateway, Status::AsActive);
}

pub(super) fn key(local: u32, point_code: u32) -> RoutingKey {
    RoutingKey {
        local,
        context: None,
        mode: None,
        appearance: None,
        point_code: PointCode(point_code),
        services: 0,
    }
}

pub(super) fn reg_req(keys: &[RoutingKey]) -> Vec<u8> {
    let mut buffer = [0; 4000];
    let mut w = Prepend::new(&mut buffer);
    for key in keys.iter().rev() {
        keys::routing_key(&mut w, key);
    }
    build::message(&mut w, Kind::RegReq).unwrap().to_vec()
}

/// `count` associations that may register, without configured contexts and all up.
fn rkm(count: usize, provisions: &[(u32, u32)], dynamic: Option<u32>) -> Gateway {
    let config = AspConfig { registration: true, ..AspConfig::new(Role::Sgp, vec![]) };
    let mut gateway = Gateway::of(vec![config; count], ServerConfig::new(Some(CONTEXT)));
    let provisions = provisions.iter().map(|&(context, point_code)| Provision {
        context,
        point_code: PointCode(point_code),
        services: 0,
    });
    gateway.servers.provision(provisions.collect(), dynamic);
    for at in 0..count {
        gateway.send(Time::ZERO, at, Kind::Aspup);
        assert_eq!(gateway.nodes[at].kinds(), [Kind::AspupAck], "it has no application server yet");
    }
    gateway
}

/// Status and routing context of the only result, of a REG RSP or DEREG RSP.
#[track_caller]
fn result(gateway: &mut Gateway, at: usize) -> (u32, u32) {
    let answer = gateway.nodes[at].pop();
    let (outer, status) = match kind(&answer) {
        Kind::RegRsp => (tag::REGISTRATION_RESULT, tag::REGISTRATION_STATUS),
        Kind::DeregRsp => (tag::DEREGISTRATION_RESULT, tag::DEREGISTRATION_STATUS),
        other => panic!("{other:?}"),
    };
    let value = Message::parse(&answer).unwrap().parameters.find(outer).unwrap();
    let inside = Parameters::inside(value).0;
    (inside.word(status).unwrap().unwrap(), inside.word(tag::ROUTING_CONTEXT).unwrap().unwrap())
}

fn register(gateway: &mut Gateway, at: usize, key: RoutingKey) -> (u32, u32) {
    gateway.nodes[at].sent.clear();
    gateway.input(Time::ZERO, at, &reg_req(&[key]));
    result(gateway, at)
}

fn unregister(gateway: &mut Gateway, context: u32) -> u32 {
    gateway.nodes[0].sent.clear();
    gateway.input(Time::ZERO, 0, &message(Kind::DeregReq, &[(tag::ROUTING_CONTEXT, &contexts(&[context]))]));
    result(gateway, 0).0
}

#[test]
fn rkm_reg_static_notpermitted() {
    let mut gateway = rkm(1, &[], None);
    assert_eq!(register(&mut gateway, 0, key(1, 23)), (RegStatus::Denied as u32, 0));
}

#[test]
fn rkm_reg_static_permitted() {
    let mut gateway = rkm(1, &[(CONTEXT, 23)], None);
    assert_eq!(register(&mut gateway, 0, key(1, 23)), (0, CONTEXT));
    expect_ntfy(&mut gateway, Status::AsInactive);
    assert_eq!(register(&mut gateway, 0, key(2, 23)).0, RegStatus::AlreadyRegistered as u32);
    assert_eq!(register(&mut gateway, 0, key(3, 24)).0, RegStatus::Denied as u32);
}

#[test]
fn rkm_reg_dynamic_permitted() {
    let mut gateway = rkm(1, &[], Some(1000));
    assert_eq!(register(&mut gateway, 0, key(1, 23)), (0, 1000));
    assert_eq!(register(&mut gateway, 0, key(2, 24)), (0, 1001));
}

#[test]
fn rkm_unreg_never_registered() {
    let mut gateway = rkm(1, &[(CONTEXT, 23)], None);
    assert_eq!(unregister(&mut gateway, CONTEXT), DeregStatus::NotRegistered as u32);
}

#[test]
fn rkm_unreg_invalid() {
    let mut gateway = rkm(1, &[(CONTEXT, 23)], None);
    assert_eq!(unregister(&mut gateway, 1234), DeregStatus::InvalidContext as u32);
}

#[test]
fn rkm_unreg_registered() {
    let mut gateway = rkm(1, &[], Some(1000));
    register(&mut gateway, 0, key(1, 23));
    assert_eq!(unregister(&mut gateway, 1000), 0);
    assert_eq!(gateway.state(), ServerState::Down, "nobody is left");
    assert_eq!(unregister(&mut gateway, 1000), DeregStatus::NotRegistered as u32);
}

#[test]
fn rkm_unreg_active() {
    let mut gateway = rkm(1, &[], Some(1000));
    register(&mut gateway, 0, key(1, 23));
    gateway.send(Time::ZERO, 0, Kind::Aspac);
    assert_eq!(unregister(&mut gateway, 1000), DeregStatus::Active as u32);
    gateway.send(Time::ZERO, 0, Kind::Aspia);
    assert_eq!(unregister(&mut gateway, 1000), 0);
}

#[test]
fn dyn_asp_as_rkm_permitted() {
    let mut gateway = rkm(1, &[], Some(1000));
    gateway.send(Time::ZERO, 0, Kind::Aspac);
    let err = gateway.nodes[0].pop();
    assert_eq!(word(&err, tag::ERROR_CODE), Some(ErrorCode::NoConfiguredAs as u32), "not yet");
    register(&mut gateway, 0, key(1, 23));
    gateway.nodes[0].sent.clear();
    gateway.send(Time::ZERO, 0, Kind::Aspac);
    assert_eq!(gateway.nodes[0].kinds(), [Kind::AspacAck, Kind::Ntfy]);
    let data = data_message(&DataHeader { routing_context: Some(1000), ..header() }, b"x");
    gateway.nodes[0].input(Time::ZERO, 1, &data).unwrap();
    assert_eq!(
        (gateway.nodes[0].delivered.len(), gateway.nodes[0].asp.data_context(None)),
        (1, Some(Some(1000)))
    );
}

#[test]
fn dyn_2asp_as_rkm_permitted() {
    let mut gateway = rkm(2, &[], Some(1000));
    for at in [0, 1] {
        let key = RoutingKey { mode: Some(TrafficMode::Loadshare), ..key(1, 23) };
        assert_eq!(register(&mut gateway, at, key), (0, 1000));
        gateway.send(Time::ZERO, at, Kind::Aspac);
    }
    let (server, associations) = gateway.servers.each().next().unwrap();
    assert_eq!((server.active(), associations), (3, &[0, 1][..]));
    // One is lost, and another comes in its place.
    gateway.lose(seconds(1), 0);
    assert_eq!(gateway.told(1), [Status::AsActive, Status::AspFailure]);
    gateway.nodes[0].up(seconds(2));
    gateway.send(seconds(2), 0, Kind::Aspup);
    assert_eq!(register(&mut gateway, 0, key(9, 23)), (0, 1000));
    assert_eq!(gateway.servers.each().next().unwrap().1, [0, 1]);
}
