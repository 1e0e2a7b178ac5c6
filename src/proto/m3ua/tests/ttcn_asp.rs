//! The cases of the TTCN-3 suite STP_Tests_M3UA (osmo-ttcn3-hacks) whose suite is the signalling gateway, and the mirror
//! of those about routing keys, under their names in lower case.

use super::contexts::{contexts, named};
use super::ttcn_sgp::key;
use super::*;
use crate::proto::m3ua::keys::{self, Keys, RegStatus};

fn asp(change: impl FnOnce(&mut AspConfig)) -> Node {
    let mut config = AspConfig::new(Role::Asp, vec![100]);
    change(&mut config);
    let mut node = Node::new(config);
    node.up(Time::ZERO);
    node
}

fn inactive(change: impl FnOnce(&mut AspConfig)) -> Node {
    let mut node = asp(change);
    assert_eq!(kind(&node.pop()), Kind::Aspup);
    node.input(Time::ZERO, 0, &message(Kind::AspupAck, &[])).unwrap();
    node
}

fn active(change: impl FnOnce(&mut AspConfig)) -> Node {
    let mut node = inactive(change);
    let aspac = node.pop();
    assert_eq!((kind(&aspac), named(&aspac)), (Kind::Aspac, vec![100]));
    node.input(Time::ZERO, 0, &message(Kind::AspacAck, &[(tag::ROUTING_CONTEXT, &contexts(&[100]))]))
        .unwrap();
    node.sent.clear();
    node
}

fn ntfy(node: &mut Node, status: Status) {
    let octets = (status as u32).to_be_bytes();
    node.input(Time::ZERO, 0, &message(Kind::Ntfy, &[(tag::STATUS, &octets)])).unwrap();
}

#[test]
fn clnt_connect_asp_up() {
    let mut node = asp(|_| ());
    assert_eq!(node.pop(), message(Kind::Aspup, &[]));
    node.input(Time::ZERO, 0, &message(Kind::AspupAck, &[])).unwrap();
    assert_eq!(node.asp.state(), AspState::Inactive);
}

#[test]
fn clnt_asp_act() {
    let mut node = inactive(|_| ());
    ntfy(&mut node, Status::AsInactive);
    assert_eq!(node.kinds(), [Kind::Aspac]);
    node.input(Time::ZERO, 0, &message(Kind::AspacAck, &[])).unwrap();
    ntfy(&mut node, Status::AsActive);
    assert!(node.asp.is_active() && node.sent.is_empty());
}

#[test]
fn clnt_asp_act_tmt_loadshare() {
    let mut node = inactive(|config| config.traffic_mode = Some(TrafficMode::Loadshare));
    assert_eq!(word(&node.pop(), tag::TRAFFIC_MODE), Some(2));
}

#[test]
fn clnt_beat() {
    let mut node = active(|_| ());
    for parameters in [&[][..], &[(tag::HEARTBEAT, &b"payload"[..])]] {
        node.input(Time::ZERO, 3, &message(Kind::Beat, parameters)).unwrap();
        assert_eq!(node.sent.pop_front(), Some((3, message(Kind::BeatAck, parameters))));
    }
}

#[test]
fn clnt_beat_timeout() {
    let mut node = active(|config| config.t_beat = Some(Duration::from_secs(5)));
    node.timeout(seconds(5));
    assert_eq!(node.kinds(), [Kind::Beat]);
    node.timeout(seconds(10));
    assert_eq!(node.timeouts, [Timeout::PeerFailed]);
}

#[test]
fn clnt_beat_disabled() {
    let mut node = active(|_| ());
    for second in 1..1000 {
        node.timeout(seconds(second));
    }
    assert_eq!((node.sent.len(), node.timeouts.len()), (0, 0));
}

#[test]
fn clnt_sg_to_asp() {
    let mut node = active(|_| ());
    node.input(Time::ZERO, 1, &data_message(&header(), b"x")).unwrap();
    assert_eq!((node.delivered.len(), node.sent.len()), (1, 0));
}

#[test]
fn clnt_asp_to_sg() {
    assert_eq!(active(|_| ()).asp.data_context(None), Some(Some(100)));
}

#[test]
fn clnt_sg_to_asp_norctx() {
    let mut node = active(|_| ());
    node.input(Time::ZERO, 1, &data_message(&DataHeader { routing_context: None, ..header() }, b"x"))
        .unwrap();
    assert_eq!((node.delivered.len(), node.sent.len()), (1, 0));
}

#[test]
fn clnt_asp_to_sg_norctx() {
    let mut node = asp(|config| config.routing_contexts.clear());
    node.input(Time::ZERO, 0, &message(Kind::AspupAck, &[])).unwrap();
    node.input(Time::ZERO, 0, &message(Kind::AspacAck, &[])).unwrap();
    assert_eq!(node.asp.data_context(None), Some(None));
}

#[test]
fn clnt_quirk_no_notify_asp_act() {
    let node = active(|_| ());
    assert!(node.asp.is_active());
    assert_eq!(node.asp.counts.notifications_received, 0);
}

const AFFECTED: (u16, &[u8]) = (tag::AFFECTED_POINT_CODE, &[0, 0, 0, 9]);

#[test]
fn clnt_no_daud_in_asp() {
    let mut node = active(|_| ());
    node.input(Time::ZERO, 0, &message(Kind::Daud, &[AFFECTED])).unwrap();
    assert_eq!(word(&node.pop(), tag::ERROR_CODE), Some(ErrorCode::UnexpectedMessage as u32));
}

#[test]
fn clnt_quirk_daud_in_asp() {
    let mut node = active(|config| config.daud_from_gateway = true);
    // What the gateway has said is not told back to it.
    node.input(Time::ZERO, 0, &message(Kind::Duna, &[AFFECTED])).unwrap();
    node.input(Time::ZERO, 0, &message(Kind::Daud, &[AFFECTED])).unwrap();
    assert_eq!(node.pop(), message(Kind::Dava, &[AFFECTED]));
}

#[test]
fn clnt_no_snm_inactive() {
    let mut node = active(|_| ());
    node.stop(Time::ZERO);
    node.input(Time::ZERO, 0, &message(Kind::AspiaAck, &[])).unwrap();
    node.sent.clear();
    node.input(Time::ZERO, 0, &message(Kind::Duna, &[AFFECTED])).unwrap();
    assert_eq!(word(&node.pop(), tag::ERROR_CODE), Some(ErrorCode::UnexpectedMessage as u32));
    assert!(node.asp.availability(PointCode(9)).is_usable());
}

#[test]
fn clnt_quirk_snm_inactive() {
    let mut node = active(|config| config.ssnm_while_inactive = true);
    node.stop(Time::ZERO);
    node.input(Time::ZERO, 0, &message(Kind::AspiaAck, &[])).unwrap();
    node.sent.clear();
    node.input(Time::ZERO, 0, &message(Kind::Duna, &[AFFECTED])).unwrap();
    assert_eq!((node.sent.len(), node.asp.availability(PointCode(9)).is_usable()), (0, false));
}

/// An ASP with keys to register, asked for already.
fn registering(contexts: &[u32], points: &[u32]) -> Node {
    let mut node = inactive(|config| {
        config.routing_contexts = contexts.to_vec();
        config.register = (1..).zip(points).map(|(local, &point_code)| key(local, point_code)).collect();
    });
    let request = node.pop();
    assert_eq!((kind(&request), node.sent.len()), (Kind::RegReq, 0), "before any ASPAC");
    let asked = Keys::parse(Message::parse(&request).unwrap().parameters).unwrap();
    assert!(asked.map(|key| key.unwrap().point_code.0).eq(points.iter().copied()));
    node
}

fn answer(node: &mut Node, now: Time, results: &[(u32, RegStatus, u32)]) {
    let mut buffer = [0; 1000];
    let mut w = Prepend::new(&mut buffer);
    for &(local, status, context) in results.iter().rev() {
        keys::registration_result(&mut w, local, status, context);
    }
    let bytes = build::message(&mut w, Kind::RegRsp).unwrap().to_vec();
    node.input(now, 0, &bytes).unwrap();
}

#[test]
fn rkm_client_reg_static_notpermitted() {
    let mut node = registering(&[], &[23]);
    answer(&mut node, Time::ZERO, &[(1, RegStatus::Denied, 0)]);
    assert_eq!((node.sent.len(), node.asp.counts.keys_refused), (0, 1), "there is nothing to be active for");
    assert_eq!(node.asp.poll_timeout(), seconds(10));
    node.timeout(seconds(10));
    assert_eq!(node.kinds(), [Kind::RegReq]);
}

#[test]
fn rkm_client_reg_static_permitted() {
    let mut node = registering(&[], &[23]);
    answer(&mut node, Time::ZERO, &[(1, RegStatus::Registered, 100)]);
    let aspac = node.pop();
    assert_eq!((kind(&aspac), named(&aspac)), (Kind::Aspac, vec![100]));
    node.input(Time::ZERO, 0, &message(Kind::AspacAck, &[])).unwrap();
    assert_eq!(node.asp.data_context(None), Some(Some(100)));
}

#[test]
fn rkm_client_reg_dynamic_permitted() {
    let mut node = registering(&[7], &[23, 24]);
    answer(&mut node, Time::ZERO, &[(2, RegStatus::Registered, 1001)]);
    assert!(node.sent.is_empty(), "one answer is missing");
    answer(&mut node, Time::ZERO, &[(1, RegStatus::Registered, 1000), (9, RegStatus::Registered, 5)]);
    assert_eq!(named(&node.pop()), [7, 1001, 1000], "beside what is configured");
}

#[test]
fn rkm_client_reg_already_registered() {
    let mut node = registering(&[], &[23, 24]);
    answer(&mut node, Time::ZERO, &[(1, RegStatus::AlreadyRegistered, 1000), (2, RegStatus::InvalidKey, 0)]);
    assert_eq!(named(&node.pop()), [1000], "it counts as registered; without the other");
}

#[test]
fn rkm_client_not_supported() {
    let unsupported = (ErrorCode::UnsupportedMessageClass as u32).to_be_bytes();
    let err = message(Kind::Err, &[(tag::ERROR_CODE, &unsupported)]);
    let mut node = registering(&[7], &[23]);
    node.input(Time::ZERO, 0, &err).unwrap();
    assert_eq!(named(&node.pop()), [7], "what is configured");
    let mut node = registering(&[], &[23]);
    node.input(Time::ZERO, 0, &err).unwrap();
    assert_eq!((node.sent.len(), node.asp.poll_timeout()), (0, seconds(10)));
}

#[test]
fn rkm_client_unanswered() {
    let mut node = registering(&[], &[23]);
    node.timeout(seconds(2));
    assert_eq!(node.kinds(), [Kind::RegReq]);
}

fn leaving() -> Node {
    let mut node = registering(&[], &[23]);
    answer(&mut node, Time::ZERO, &[(1, RegStatus::Registered, 1000)]);
    node.input(Time::ZERO, 0, &message(Kind::AspacAck, &[])).unwrap();
    node.stop(seconds(1));
    node.input(seconds(1), 0, &message(Kind::AspiaAck, &[])).unwrap();
    assert_eq!(node.kinds(), [Kind::Aspac, Kind::Aspia, Kind::DeregReq], "in the end it is given up");
    node
}

#[test]
fn rkm_client_unreg_registered() {
    for status in [0, 2, 4, 5u32] {
        let mut node = leaving();
        let mut buffer = [0; 100];
        let mut w = Prepend::new(&mut buffer);
        let before = [(tag::ROUTING_CONTEXT, 1000u32), (tag::DEREGISTRATION_STATUS, status)];
        let value: Vec<u8> = before
            .iter()
            .flat_map(|(tag, word)| [&tag.to_be_bytes()[..], &[0, 8], &word.to_be_bytes()].concat())
            .collect();
        build::parameter(&mut w, tag::DEREGISTRATION_RESULT, &value);
        let bytes = build::message(&mut w, Kind::DeregRsp).unwrap().to_vec();
        node.input(seconds(1), 0, &bytes).unwrap();
        assert_eq!(node.kinds(), [Kind::Aspdn], "whatever the answer, {status}");
    }
}

#[test]
fn rkm_client_unreg_unanswered() {
    let mut node = leaving();
    for second in [3, 5, 7] {
        node.timeout(seconds(second));
    }
    assert_eq!(node.kinds(), [Kind::DeregReq, Kind::DeregReq, Kind::Aspdn]);
}

#[test]
fn rkm_client_registers_again_after_a_loss() {
    let mut node = registering(&[], &[23]);
    answer(&mut node, Time::ZERO, &[(1, RegStatus::Registered, 1000)]);
    node.input(Time::ZERO, 0, &message(Kind::AspacAck, &[])).unwrap();
    node.down(seconds(1));
    assert_eq!(node.asp.active_contexts(), 0);
    node.up(seconds(2));
    node.input(seconds(2), 0, &message(Kind::AspupAck, &[])).unwrap();
    assert_eq!(node.kinds(), [Kind::Aspac, Kind::Aspup, Kind::RegReq]);
    answer(&mut node, seconds(2), &[(1, RegStatus::Registered, 2000)]);
    assert_eq!(named(&node.pop()), [2000], "the gateway may give another");
}
