//! Several routing contexts on one association: what is active for which, and what is said of which.

use super::*;

pub(super) fn contexts(list: &[u32]) -> Vec<u8> {
    list.iter().flat_map(|context| context.to_be_bytes()).collect()
}

/// The routing contexts that a message names.
pub(super) fn named(bytes: &[u8]) -> Vec<u32> {
    let value = Message::parse(bytes).unwrap().parameters.find(tag::ROUTING_CONTEXT).unwrap_or(&[]);
    value.chunks(4).map(|word| u32::from_be_bytes(word.try_into().unwrap())).collect()
}

/// An ASP of 100 and 200 that the gateway has made active for `active`.
fn asp(active: &[u32]) -> Node {
    let mut node = Node::new(AspConfig::new(Role::Asp, vec![100, 200]));
    node.up(Time::ZERO);
    node.input(Time::ZERO, 0, &message(Kind::AspupAck, &[])).unwrap();
    node.input(Time::ZERO, 0, &message(Kind::AspacAck, &[(tag::ROUTING_CONTEXT, &contexts(active))]))
        .unwrap();
    node.sent.clear();
    node
}

#[test]
fn data_for_an_inactive_context_is_discarded_silently() {
    let mut a = asp(&[100]);
    let data = |context| data_message(&DataHeader { routing_context: Some(context), ..header() }, b"x");
    // The gateway refuses 200, so that nothing is asked any more.
    let refusal = (ErrorCode::InvalidRoutingContext as u32).to_be_bytes();
    a.input(Time::ZERO, 0, &message(Kind::Err, &[(tag::ERROR_CODE, &refusal)])).unwrap();
    a.input(Time::ZERO, 1, &data(200)).unwrap();
    assert_eq!((a.sent.len(), a.delivered.len(), a.asp.counts.data_inactive), (0, 0, 1));
    a.input(Time::ZERO, 1, &data(100)).unwrap();
    assert_eq!((a.sent.len(), a.delivered.len()), (0, 1));
}

#[test]
fn data_goes_with_a_context_that_is_active() {
    let a = asp(&[200]);
    assert_eq!(a.asp.active_contexts(), 2);
    assert_eq!(a.asp.data_context(None), Some(Some(200)), "not the first configured");
    assert_eq!(a.asp.data_context(Some(200)), Some(Some(200)));
    assert_eq!(a.asp.data_context(Some(100)), None, "configured and not active");
    assert_eq!(a.asp.data_context(Some(9)), None);
    assert_eq!(asp(&[100, 200]).asp.data_context(None), Some(Some(100)));
    let mut nameless = Node::new(AspConfig::new(Role::Asp, vec![]));
    nameless.up(Time::ZERO);
    assert_eq!((nameless.asp.data_context(None), nameless.asp.active_contexts()), (None, 0), "down");
    nameless.input(Time::ZERO, 0, &message(Kind::AspupAck, &[])).unwrap();
    nameless.input(Time::ZERO, 0, &message(Kind::AspacAck, &[])).unwrap();
    assert_eq!((nameless.asp.data_context(None), nameless.asp.active_contexts()), (Some(None), 1));
}

#[test]
fn data_goes_while_the_peers_half_of_a_double_exchange_is_active() {
    let mut config = AspConfig::new(Role::IpspServer, vec![100]);
    config.double_exchange = true;
    config.peer_contexts = vec![7, 8];
    let mut b = Node::new(config);
    b.up(Time::ZERO);
    b.input(Time::ZERO, 0, &message(Kind::Aspup, &[])).unwrap();
    b.input(Time::ZERO, 0, &message(Kind::Aspac, &[(tag::ROUTING_CONTEXT, &contexts(&[8]))])).unwrap();
    assert_eq!(b.kinds(), [Kind::AspupAck, Kind::Aspup, Kind::AspacAck]);
    assert!(b.asp.is_active(), "whatever becomes of our own half");
    assert_eq!(b.asp.data_context(None), Some(Some(8)), "its context, not ours");
    assert_eq!((b.asp.data_context(Some(7)), b.asp.data_context(Some(100))), (None, None));
    b.input(Time::ZERO, 1, &data_message(&header(), b"x")).unwrap();
    assert_eq!((b.delivered.len(), b.kinds()), (0, vec![Kind::Err]), "ours is down");
    b.input(Time::ZERO, 0, &message(Kind::AspupAck, &[])).unwrap();
    assert_eq!(named(&b.pop()), [100]);
    b.input(Time::ZERO, 0, &message(Kind::AspacAck, &[])).unwrap();
    b.input(Time::ZERO, 1, &data_message(&header(), b"x")).unwrap();
    assert_eq!((b.delivered.len(), b.sent.len()), (1, 0));
    b.input(Time::ZERO, 0, &message(Kind::Aspac, &[(tag::ROUTING_CONTEXT, &contexts(&[100]))])).unwrap();
    assert_eq!(word(&b.pop(), tag::ERROR_CODE), Some(ErrorCode::InvalidRoutingContext as u32));
}

/// A gateway whose ASP is the test; inactive.
fn sgp(change: impl FnOnce(&mut AspConfig)) -> Node {
    let mut config = AspConfig::new(Role::Sgp, vec![100, 200]);
    change(&mut config);
    let mut node = Node::new(config);
    node.up(Time::ZERO);
    node.input(Time::ZERO, 0, &message(Kind::Aspup, &[])).unwrap();
    node.sent.clear();
    node
}

#[test]
fn an_err_names_the_network_appearance_that_came() {
    let mut b = sgp(|config| config.network_appearance = Some(3));
    b.input(Time::ZERO, 1, &data_message(&DataHeader { network_appearance: Some(4), ..header() }, b"x"))
        .unwrap();
    let err = b.pop();
    assert_eq!(word(&err, tag::ERROR_CODE), Some(ErrorCode::InvalidNetworkAppearance as u32));
    assert_eq!(word(&err, tag::NETWORK_APPEARANCE), Some(4));
}

#[test]
fn an_err_names_every_context_that_is_unknown() {
    for kind in [Kind::Aspac, Kind::Aspia] {
        let mut b = sgp(|_| ());
        b.input(Time::ZERO, 0, &message(kind, &[(tag::ROUTING_CONTEXT, &contexts(&[9, 100, 8]))])).unwrap();
        let err = b.pop();
        assert_eq!(word(&err, tag::ERROR_CODE), Some(ErrorCode::InvalidRoutingContext as u32));
        assert_eq!(named(&err), [9, 8]);
        assert_eq!(named(&b.pop()), [100], "the acknowledgement");
    }
}

#[test]
fn a_notification_counts_for_the_contexts_that_it_names() {
    let notify = |node: &mut Node, status: Status, list: &[u32]| {
        let octets = (status as u32).to_be_bytes();
        let parameters = [(tag::STATUS, &octets[..]), (tag::ROUTING_CONTEXT, &contexts(list)[..])];
        node.input(seconds(1), 0, &message(Kind::Ntfy, &parameters)).unwrap();
    };
    let mut a = asp(&[100, 200]);
    notify(&mut a, Status::AlternateAspActive, &[100]);
    assert_eq!((a.asp.active_contexts(), a.sent.len()), (2, 0), "200 stays");
    notify(&mut a, Status::AsPending, &[200]);
    assert_eq!(a.sent.len(), 0, "100 stands by, and 200 is active");
    notify(&mut a, Status::AsPending, &[9]);
    assert_eq!(word(&a.pop(), tag::ERROR_CODE), Some(ErrorCode::InvalidRoutingContext as u32));
    assert!(a.sent.is_empty(), "another's server");
    notify(&mut a, Status::AsPending, &[100]);
    assert_eq!(named(&a.pop()), [100], "ASPAC for what is wanted again");
    notify(&mut a, Status::AlternateAspActive, &[200]);
    assert_eq!((a.asp.state(), a.sent.len()), (AspState::Inactive, 0));
}
