use super::*;

fn asp() -> Node {
    Node::new(AspConfig::new(Role::Asp, vec![100]))
}

fn sgp() -> Node {
    Node::new(AspConfig::new(Role::Sgp, vec![100]))
}

fn active_pair() -> (Node, Node) {
    let (mut a, mut b) = (asp(), sgp());
    a.up(Time::ZERO);
    b.up(Time::ZERO);
    exchange(Time::ZERO, &mut a, &mut b);
    assert!(a.asp.is_active() && b.asp.is_active());
    (a, b)
}

#[test]
fn an_asp_and_a_gateway_come_up_and_leave() {
    let (mut a, mut b) = (asp(), sgp());
    b.up(Time::ZERO);
    a.up(Time::ZERO);
    let passed = exchange(Time::ZERO, &mut a, &mut b);
    use Kind::*;
    assert_eq!(passed, [(0, Aspup), (1, AspupAck), (0, Aspac), (1, Ntfy), (1, AspacAck), (1, Ntfy)]);
    assert_eq!(a.changes, [AspState::Inactive, AspState::Active]);
    assert_eq!(b.changes, [AspState::Inactive, AspState::Active]);
    assert!(a.asp.data_context(Some(100)).is_some() && a.asp.data_context(None).is_some());
    assert!(a.asp.data_context(Some(101)).is_none());
    assert_eq!(a.asp.poll_timeout(), Time::NEVER);

    a.stop(seconds(1));
    let passed = exchange(seconds(1), &mut a, &mut b);
    assert_eq!(passed, [(0, Aspia), (1, AspiaAck), (0, Aspdn), (1, Ntfy), (1, AspdnAck)]);
    assert_eq!((a.asp.state(), b.asp.state()), (AspState::Down, AspState::Down));
    assert_eq!((a.asp.poll_timeout(), b.poll()), (Time::NEVER, seconds(3)), "T(r)");
    a.start(seconds(2));
    exchange(seconds(2), &mut a, &mut b);
    assert!(a.asp.is_active() && b.asp.is_active());
}

#[test]
fn data_flows_both_ways_once_active() {
    let (mut a, mut b) = active_pair();
    let bytes = data_message(&header(), b"to the gateway");
    b.input(Time::ZERO, stream_for(5, 16), &bytes).unwrap();
    a.input(Time::ZERO, 1, &data_message(&header(), b"to us")).unwrap();
    assert_eq!(b.delivered, [b"to the gateway"]);
    assert_eq!(a.delivered, [b"to us"]);
    assert!(a.sent.is_empty() && b.sent.is_empty());
}

fn node(role: Role, change: impl FnOnce(&mut AspConfig)) -> Node {
    let mut config = AspConfig::new(role, vec![100]);
    change(&mut config);
    Node::new(config)
}

fn up(mut node: Node) -> Node {
    node.up(Time::ZERO);
    node
}

/// An ASP, active, whose peer is the test.
fn active_asp(change: impl FnOnce(&mut AspConfig)) -> Node {
    let mut node = up(node(Role::Asp, change));
    node.input(Time::ZERO, 0, &message(Kind::AspupAck, &[])).unwrap();
    node.input(Time::ZERO, 0, &message(Kind::AspacAck, &[])).unwrap();
    assert!(node.asp.is_active());
    node.sent.clear();
    node
}

/// A gateway whose ASP is the test; inactive.
fn inactive_sgp(change: impl FnOnce(&mut AspConfig)) -> Node {
    let mut node = up(node(Role::Sgp, change));
    node.input(Time::ZERO, 0, &message(Kind::Aspup, &[])).unwrap();
    assert_eq!(node.kinds(), [Kind::AspupAck, Kind::Ntfy]);
    node
}

fn active_sgp(change: impl FnOnce(&mut AspConfig)) -> Node {
    let mut node = inactive_sgp(change);
    node.input(Time::ZERO, 0, &message(Kind::Aspac, &[])).unwrap();
    assert!(node.asp.is_active());
    node.sent.clear();
    node
}

/// The codes of the ERR messages sent since last asked; nothing else may have been sent.
fn errors(node: &mut Node) -> Vec<u32> {
    node.sent
        .drain(..)
        .map(|(_, bytes)| {
            assert_eq!(kind(&bytes), Kind::Err);
            word(&bytes, tag::ERROR_CODE).unwrap()
        })
        .collect()
}

/// No ERR.
const FINE: [u32; 0] = [];
const UNEXPECTED: u32 = ErrorCode::UnexpectedMessage as u32;

#[test]
fn aspup_and_aspac_say_what_is_configured() {
    let mut a = up(Node::new(AspConfig {
        asp_identifier: Some(7),
        traffic_mode: Some(TrafficMode::Loadshare),
        ..AspConfig::new(Role::Asp, vec![100, 200])
    }));
    assert_eq!(a.pop(), message(Kind::Aspup, &[(tag::ASP_IDENTIFIER, &[0, 0, 0, 7])]));
    a.input(Time::ZERO, 0, &message(Kind::AspupAck, &[])).unwrap();
    let contexts = [0, 0, 0, 100, 0, 0, 0, 200];
    let aspac = [(tag::TRAFFIC_MODE, &[0, 0, 0, 2][..]), (tag::ROUTING_CONTEXT, &contexts[..])];
    assert_eq!(a.pop(), message(Kind::Aspac, &aspac));
}

#[test]
fn an_acknowledgement_of_one_context_leaves_the_other_asked_for() {
    let mut a = up(Node::new(AspConfig::new(Role::Asp, vec![100, 200])));
    a.input(Time::ZERO, 0, &message(Kind::AspupAck, &[])).unwrap();
    a.sent.clear();
    let one = [(tag::ROUTING_CONTEXT, &[0, 0, 0, 200][..])];
    a.input(Time::ZERO, 0, &message(Kind::AspacAck, &one)).unwrap();
    assert!(
        a.asp.is_active()
            && a.asp.data_context(Some(200)).is_some()
            && a.asp.data_context(Some(100)).is_none()
    );
    a.timeout(seconds(2));
    assert_eq!(a.pop(), message(Kind::Aspac, &[(tag::ROUTING_CONTEXT, &[0, 0, 0, 100])]));
    // DATA without a context is ambiguous here.
    a.input(seconds(2), 1, &data_message(&DataHeader { routing_context: None, ..header() }, b"x")).unwrap();
    assert_eq!(errors(&mut a), [ErrorCode::MissingParameter as u32]);
    a.input(seconds(2), 0, &message(Kind::AspacAck, &[(tag::ROUTING_CONTEXT, &[0, 0, 0, 100])])).unwrap();
    assert!(a.asp.data_context(Some(100)).is_some());
    assert_eq!(a.asp.poll_timeout(), Time::NEVER);
}

#[test]
fn lost_acknowledgements_are_asked_for_again() {
    let mut a = up(asp());
    for second in [2, 4, 6] {
        assert_eq!(a.kinds(), [Kind::Aspup]);
        assert_eq!(a.asp.poll_timeout(), seconds(second));
        a.timeout(seconds(second) - Duration::from_nanos(1));
        assert!(a.sent.is_empty());
        a.timeout(seconds(second));
    }
    a.input(seconds(7), 0, &message(Kind::AspupAck, &[])).unwrap();
    assert_eq!(a.kinds(), [Kind::Aspup, Kind::Aspac]);
    a.timeout(seconds(9));
    assert_eq!(a.kinds(), [Kind::Aspac]);
    a.input(seconds(9), 0, &message(Kind::AspacAck, &[])).unwrap();
    a.stop(seconds(10));
    a.timeout(seconds(12));
    assert_eq!(a.kinds(), [Kind::Aspia, Kind::Aspia]);
    a.input(seconds(12), 0, &message(Kind::AspiaAck, &[])).unwrap();
    a.timeout(seconds(14));
    assert_eq!(a.kinds(), [Kind::Aspdn, Kind::Aspdn]);
    a.input(seconds(14), 0, &message(Kind::AspdnAck, &[])).unwrap();
    assert_eq!((a.asp.state(), a.asp.poll_timeout()), (AspState::Down, Time::NEVER));
    assert_eq!(a.asp.counts.t_ack_expired, 6);
}

#[test]
fn a_peer_that_acknowledges_no_leaving_has_failed() {
    let mut a = active_asp(|_| ());
    a.stop(seconds(0));
    for second in 1..=6 {
        a.timeout(seconds(2 * second));
    }
    use Kind::*;
    assert_eq!(a.kinds(), [Aspia, Aspia, Aspia, Aspdn, Aspdn, Aspdn]);
    assert_eq!(a.timeouts, [Timeout::Changed(AspState::Inactive), Timeout::PeerFailed]);
    assert_eq!(a.asp.state(), AspState::Down);
}

#[test]
fn stopping_overtakes_what_was_asked_before() {
    let mut a = up(asp());
    a.stop(seconds(0));
    assert_eq!(a.kinds(), [Kind::Aspup]);
    assert_eq!(a.asp.poll_timeout(), Time::NEVER);
    // The late acknowledgement makes us inactive at the gateway, so we leave properly.
    a.input(seconds(1), 0, &message(Kind::AspupAck, &[])).unwrap();
    assert_eq!(a.kinds(), [Kind::Err, Kind::Aspdn]);

    let mut a = up(asp());
    a.input(seconds(0), 0, &message(Kind::AspupAck, &[])).unwrap();
    a.stop(seconds(1));
    a.input(seconds(1), 0, &message(Kind::AspacAck, &[])).unwrap();
    assert_eq!(a.kinds(), [Kind::Aspup, Kind::Aspac, Kind::Aspdn]);
    assert!(!a.asp.is_active());
}

#[test]
fn data_is_taken_from_the_request_on_and_without_any_notification() {
    let mut a = up(asp());
    let data = data_message(&header(), b"x");
    a.input(Time::ZERO, 1, &data).unwrap();
    assert_eq!(a.kinds(), [Kind::Aspup, Kind::Err], "down");
    a.input(Time::ZERO, 0, &message(Kind::AspupAck, &[])).unwrap();
    a.input(Time::ZERO, 1, &data).unwrap();
    assert_eq!(a.delivered.len(), 1, "it may overtake the ASPAC ACK");
    a.input(Time::ZERO, 0, &message(Kind::AspacAck, &[])).unwrap();
    a.input(Time::ZERO, 1, &data).unwrap();
    assert_eq!((a.delivered.len(), a.kinds()), (2, vec![Kind::Aspac]));
    a.stop(Time::ZERO);
    a.input(Time::ZERO, 1, &data).unwrap();
    assert_eq!(a.delivered.len(), 3, "until the gateway has acknowledged");
    a.input(Time::ZERO, 0, &message(Kind::AspiaAck, &[])).unwrap();
    a.sent.clear();
    a.input(Time::ZERO, 1, &data).unwrap();
    assert_eq!((a.delivered.len(), a.sent.len()), (3, 0), "an inactive ASP discards silently");
    assert_eq!(a.asp.counts.data_inactive, 1);
}

#[test]
fn data_in_the_wrong_place_gets_an_err() {
    let code = |node: &mut Node, stream, header: &DataHeader| {
        node.input(Time::ZERO, stream, &data_message(header, b"x")).unwrap();
        errors(node)
    };
    let mut b = inactive_sgp(|_| ());
    assert_eq!(code(&mut b, 1, &header()), [UNEXPECTED], "inactive");
    let mut b = active_sgp(|config| config.network_appearance = Some(3));
    assert_eq!(code(&mut b, 1, &header()), FINE);
    assert_eq!(code(&mut b, 0, &header()), [ErrorCode::InvalidStreamIdentifier as u32]);
    let context = DataHeader { routing_context: Some(101), ..header() };
    assert_eq!(code(&mut b, 1, &context), [ErrorCode::InvalidRoutingContext as u32]);
    let appearance = DataHeader { network_appearance: Some(4), ..header() };
    assert_eq!(code(&mut b, 1, &appearance), [ErrorCode::InvalidNetworkAppearance as u32]);
    assert_eq!(code(&mut b, 1, &DataHeader { network_appearance: Some(3), ..header() }), FINE);
    assert_eq!(code(&mut b, 1, &DataHeader { routing_context: None, ..header() }), FINE, "there is only one");
    assert_eq!(b.delivered.len(), 3);
    let mut lenient = active_sgp(|config| config.data_on_stream_0 = true);
    assert_eq!(code(&mut lenient, 0, &header()), FINE);
    let mut b = up(sgp());
    assert_eq!(code(&mut b, 1, &header()), [UNEXPECTED], "down");
}

#[test]
fn without_configured_contexts_an_asp_takes_any_and_a_gateway_none() {
    let mut a = active_asp(|config| config.routing_contexts.clear());
    a.input(Time::ZERO, 1, &data_message(&header(), b"x")).unwrap();
    a.input(Time::ZERO, 1, &data_message(&DataHeader { routing_context: None, ..header() }, b"x")).unwrap();
    assert_eq!((a.delivered.len(), a.sent.len()), (2, 0));
    assert!(a.asp.data_context(None).is_some());
    let mut b = inactive_sgp(|config| config.routing_contexts.clear());
    b.input(Time::ZERO, 0, &message(Kind::Aspac, &[(tag::ROUTING_CONTEXT, &[0, 0, 0, 1])])).unwrap();
    assert_eq!(errors(&mut b), [ErrorCode::InvalidRoutingContext as u32]);
    b.input(Time::ZERO, 0, &message(Kind::Aspac, &[])).unwrap();
    assert_eq!(b.kinds(), [Kind::AspacAck, Kind::Ntfy]);
}

#[test]
fn messages_of_the_other_role_are_unexpected() {
    use Kind::*;
    let affected = [(tag::AFFECTED_POINT_CODE, &[0, 0, 0, 9][..])];
    for kind in [Aspup, Aspdn, Aspac, Aspia] {
        let mut a = active_asp(|_| ());
        a.input(Time::ZERO, 0, &message(kind, &[])).unwrap();
        assert_eq!((errors(&mut a), a.asp.is_active()), (vec![UNEXPECTED], true), "{kind:?}");
    }
    let mut a = active_asp(|_| ());
    a.input(Time::ZERO, 0, &message(Daud, &affected)).unwrap();
    assert_eq!(errors(&mut a), [UNEXPECTED]);
    for kind in [AspupAck, AspdnAck, AspacAck, AspiaAck, Duna, Dava, Drst] {
        let mut b = active_sgp(|_| ());
        b.input(Time::ZERO, 0, &message(kind, &affected)).unwrap();
        assert_eq!((errors(&mut b), b.asp.is_active()), (vec![UNEXPECTED], true), "{kind:?}");
    }
    let mut b = active_sgp(|_| ());
    b.input(Time::ZERO, 0, &message(Ntfy, &[(tag::STATUS, &[0, 1, 0, 3])])).unwrap();
    assert_eq!(errors(&mut b), [UNEXPECTED]);
}

#[test]
fn acknowledgements_that_nobody_asked_for_restart_the_procedure() {
    use Kind::*;
    for (kind, expected) in
        [(AspupAck, vec![Err, Aspac]), (AspdnAck, vec![Err, Aspup]), (AspiaAck, vec![Aspac])]
    {
        let mut a = active_asp(|_| ());
        a.input(Time::ZERO, 0, &message(kind, &[])).unwrap();
        assert_eq!((a.kinds(), a.asp.is_active()), (expected, false), "{kind:?}");
        assert!(a.asp.poll_timeout() != Time::NEVER);
    }
    let mut a = active_asp(|_| ());
    a.input(Time::ZERO, 0, &message(AspacAck, &[])).unwrap();
    assert_eq!((a.kinds(), a.asp.is_active()), (vec![], true));
    a.input(Time::ZERO, 0, &message(AspacAck, &[(tag::ROUTING_CONTEXT, &[0, 0, 0, 9])])).unwrap();
    assert_eq!(errors(&mut a), [ErrorCode::InvalidRoutingContext as u32]);
}

#[test]
fn a_restarted_asp_is_told_so_and_its_server_is_pending() {
    let mut b = active_sgp(|_| ());
    b.input(seconds(1), 0, &message(Kind::Aspup, &[])).unwrap();
    assert_eq!(kind(&b.pop()), Kind::AspupAck);
    assert_eq!(word(&b.pop(), tag::ERROR_CODE), Some(UNEXPECTED));
    assert_eq!(word(&b.pop(), tag::STATUS), Some(Status::AsPending as u32));
    assert_eq!(b.asp.state(), AspState::Inactive);
    b.input(seconds(1), 0, &message(Kind::Aspup, &[])).unwrap();
    assert_eq!(b.kinds(), [Kind::AspupAck], "again while inactive: acknowledged, no more");
}

#[test]
fn a_client_that_meets_its_own_past_comes_up_all_the_same() {
    // The gateway still thinks it active: ASPUP gets an acknowledgement and ERR "unexpected message".
    let mut b = active_sgp(|_| ());
    let mut a = up(asp());
    exchange(Time::ZERO, &mut a, &mut b);
    assert!(a.asp.is_active() && b.asp.is_active());
    assert_eq!(a.asp.counts.errors_received, 1);
    a.timeout(seconds(10));
    assert!(a.sent.is_empty());
}

#[test]
fn a_gateway_that_has_forgotten_us_is_told_again() {
    let mut a = active_asp(|_| ());
    let mut b = up(sgp());
    b.input(Time::ZERO, 1, &data_message(&header(), b"x")).unwrap();
    let passed = exchange(Time::ZERO, &mut a, &mut b);
    use Kind::*;
    assert_eq!(passed, [(1, Err), (0, Aspac), (1, Err)]);
    assert!(a.asp.is_active(), "not given up for one ERR");
    a.timeout(seconds(2));
    assert!(!a.asp.is_active());
    exchange(seconds(2), &mut a, &mut b);
    assert!(a.asp.is_active() && b.asp.is_active());
}

#[test]
fn a_refusal_is_not_answered_at_once() {
    for (change, code) in [
        ((|config| config.asp_identifier = Some(5)) as fn(&mut AspConfig), ErrorCode::AspIdentifierRequired),
        (|config| config.traffic_mode = Some(TrafficMode::Loadshare), ErrorCode::UnsupportedTrafficMode),
        (|config| config.routing_contexts = vec![9], ErrorCode::InvalidRoutingContext),
    ] {
        let mut a = up(node(Role::Asp, |config| config.traffic_mode = Some(TrafficMode::Override)));
        let mut b = up(node(Role::Sgp, change));
        let passed = exchange(Time::ZERO, &mut a, &mut b);
        assert_eq!(passed.last(), Some(&(1, Kind::Err)), "{code:?}");
        assert_eq!(a.asp.counts.refused_by_peer, 1);
        assert!(!a.asp.is_active());
        assert_eq!(a.asp.poll_timeout(), seconds(10));
        a.timeout(seconds(10));
        assert_eq!(a.sent.len(), 1, "asked again later");
    }
    let mut b = up(node(Role::Sgp, |config| config.asp_identifier = Some(5)));
    b.input(Time::ZERO, 0, &message(Kind::Aspup, &[(tag::ASP_IDENTIFIER, &[0, 0, 0, 6])])).unwrap();
    assert_eq!(errors(&mut b), [ErrorCode::InvalidAspIdentifier as u32]);
    b.input(Time::ZERO, 0, &message(Kind::Aspup, &[(tag::ASP_IDENTIFIER, &[0, 0, 0, 5])])).unwrap();
    assert_eq!(b.kinds(), [Kind::AspupAck, Kind::Ntfy]);
    b.input(Time::ZERO, 0, &message(Kind::Aspac, &[(tag::TRAFFIC_MODE, &[0, 0, 0, 4])])).unwrap();
    assert_eq!(errors(&mut b), [ErrorCode::UnsupportedTrafficMode as u32], "there is no fourth mode");
}

#[test]
fn every_traffic_mode_is_acknowledged_as_asked() {
    for mode in [TrafficMode::Override, TrafficMode::Loadshare, TrafficMode::Broadcast] {
        let mut b = inactive_sgp(|_| ());
        let octets = (mode as u32).to_be_bytes();
        let asked = [(tag::TRAFFIC_MODE, &octets[..]), (tag::ROUTING_CONTEXT, &[0, 0, 0, 100][..])];
        b.input(Time::ZERO, 0, &message(Kind::Aspac, &asked)).unwrap();
        assert_eq!(b.pop(), message(Kind::AspacAck, &asked));
        let active = [(tag::STATUS, &[0, 1, 0, 3][..]), (tag::ROUTING_CONTEXT, &[0, 0, 0, 100][..])];
        assert_eq!(b.pop(), message(Kind::Ntfy, &active));
    }
}

#[test]
fn known_contexts_are_activated_beside_an_unknown_one() {
    let mut b = inactive_sgp(|_| ());
    let contexts = [0, 0, 0, 9, 0, 0, 0, 100];
    b.input(Time::ZERO, 0, &message(Kind::Aspac, &[(tag::ROUTING_CONTEXT, &contexts)])).unwrap();
    let error = b.pop();
    assert_eq!(word(&error, tag::ERROR_CODE), Some(ErrorCode::InvalidRoutingContext as u32));
    assert_eq!(word(&error, tag::ROUTING_CONTEXT), Some(9));
    assert_eq!(b.pop(), message(Kind::AspacAck, &[(tag::ROUTING_CONTEXT, &[0, 0, 0, 100])]));
    assert!(b.asp.is_active());
}

#[test]
fn requests_out_of_order_at_a_gateway() {
    let mut b = up(sgp());
    for kind in [Kind::Aspac, Kind::Aspia] {
        b.input(Time::ZERO, 0, &message(kind, &[])).unwrap();
        assert_eq!(errors(&mut b), [UNEXPECTED]);
    }
    b.input(Time::ZERO, 0, &message(Kind::Aspdn, &[])).unwrap();
    assert_eq!(b.kinds(), [Kind::AspdnAck], "down already");
    let mut b = inactive_sgp(|_| ());
    b.input(Time::ZERO, 0, &message(Kind::Aspia, &[])).unwrap();
    assert_eq!(b.kinds(), [Kind::AspiaAck], "inactive already");
    let mut b = active_sgp(|_| ());
    b.input(Time::ZERO, 0, &message(Kind::Aspac, &[])).unwrap();
    assert_eq!(b.kinds(), [Kind::AspacAck], "active already: no news for the ASP");
    b.input(Time::ZERO, 0, &message(Kind::Aspdn, &[])).unwrap();
    assert_eq!((b.kinds(), b.asp.state()), (vec![Kind::AspdnAck], AspState::Down));
    assert_eq!((b.asp.poll_timeout(), b.poll()), (Time::NEVER, seconds(2)), "its server is pending");
    b.timeout(seconds(2));
    assert_eq!((b.poll(), b.sent.len()), (Time::NEVER, 0), "and down, with nobody to be told");
}

#[test]
fn a_pending_server_becomes_inactive_after_t_r_or_active_before_it() {
    let status = |node: &mut Node| word(&node.pop(), tag::STATUS).unwrap();
    let mut b = active_sgp(|_| ());
    b.input(seconds(1), 0, &message(Kind::Aspia, &[])).unwrap();
    assert_eq!(kind(&b.pop()), Kind::AspiaAck);
    assert_eq!(status(&mut b), Status::AsPending as u32);
    assert_eq!(b.poll(), seconds(3));
    b.timeout(seconds(3));
    assert_eq!(status(&mut b), Status::AsInactive as u32);
    assert_eq!(b.poll(), Time::NEVER);
    b.input(seconds(4), 0, &message(Kind::Aspac, &[])).unwrap();
    b.input(seconds(5), 0, &message(Kind::Aspia, &[])).unwrap();
    b.sent.clear();
    b.input(seconds(6), 0, &message(Kind::Aspac, &[])).unwrap();
    assert_eq!(kind(&b.pop()), Kind::AspacAck);
    assert_eq!(status(&mut b), Status::AsActive as u32);
    assert_eq!(b.poll(), Time::NEVER);
}

#[test]
fn a_gateway_locks_an_asp_out_and_lets_it_in_again() {
    let (mut a, mut b) = active_pair();
    b.stop(seconds(1));
    let passed = exchange(seconds(1), &mut a, &mut b);
    use Kind::*;
    assert_eq!(passed, [(1, AspdnAck), (0, Err), (0, Aspup), (1, Err)]);
    assert_eq!(b.asp.counts.refused, 1);
    assert_eq!((a.asp.state(), b.asp.state()), (AspState::Down, AspState::Down));
    b.start(seconds(2));
    a.timeout(seconds(11));
    exchange(seconds(11), &mut a, &mut b);
    assert!(a.asp.is_active() && b.asp.is_active());
    // Locked out between ASPUP and ASPAC.
    let mut b = inactive_sgp(|_| ());
    b.stop(seconds(0));
    assert_eq!(b.kinds(), [AspdnAck]);
    b.input(seconds(0), 0, &message(Aspac, &[])).unwrap();
    assert_eq!(errors(&mut b), [ErrorCode::RefusedManagementBlocking as u32]);
}

#[test]
fn another_asp_takes_over_and_ends() {
    let (mut a, mut b) = active_pair();
    b.tell(Status::AlternateAspActive, Some(100), None);
    exchange(seconds(1), &mut a, &mut b);
    assert_eq!((a.asp.state(), b.asp.state()), (AspState::Inactive, AspState::Inactive));
    assert_eq!(a.asp.poll_timeout(), Time::NEVER, "it stands by and does not fight");
    b.tell(Status::AsPending, Some(100), None);
    exchange(seconds(2), &mut a, &mut b);
    assert!(a.asp.is_active() && b.asp.is_active());
}

#[test]
fn a_notification_that_an_asp_is_wanted_ends_the_pause_after_a_refusal() {
    for status in [Status::AsPending, Status::InsufficientAspResources] {
        let mut a = up(asp());
        a.input(Time::ZERO, 0, &message(Kind::AspupAck, &[])).unwrap();
        let refusal = (ErrorCode::RefusedManagementBlocking as u32).to_be_bytes();
        a.input(Time::ZERO, 0, &message(Kind::Err, &[(tag::ERROR_CODE, &refusal)])).unwrap();
        a.sent.clear();
        let octets = (status as u32).to_be_bytes();
        a.input(seconds(1), 0, &message(Kind::Ntfy, &[(tag::STATUS, &octets)])).unwrap();
        assert_eq!(a.kinds(), [Kind::Aspac]);
    }
    let mut a = active_asp(|_| ());
    for status in [0x1_0003, 0x1_0004, 0x2_0003, 0x7_0007u32] {
        a.input(seconds(1), 0, &message(Kind::Ntfy, &[(tag::STATUS, &status.to_be_bytes())])).unwrap();
    }
    assert_eq!((a.asp.is_active(), a.sent.len(), a.asp.counts.notifications_received), (true, 0, 4));
}

#[test]
fn losing_the_association_ends_everything() {
    let (mut a, mut b) = active_pair();
    a.asp.association_down(seconds(1));
    b.asp.association_down(seconds(1));
    a.asp.assert_invariants();
    b.asp.assert_invariants();
    assert_eq!((a.asp.state(), b.asp.state()), (AspState::Down, AspState::Down));
    assert_eq!((a.asp.poll_timeout(), b.poll()), (Time::NEVER, Time::NEVER));
    a.input(seconds(1), 1, &data_message(&header(), b"late")).unwrap();
    assert_eq!((a.asp.counts.without_association, a.delivered.len()), (1, 0));
    a.stop(seconds(1));
    a.start(seconds(1));
    assert!(a.sent.is_empty());
    b.up(seconds(2));
    a.up(seconds(2));
    exchange(seconds(2), &mut a, &mut b);
    assert!(a.asp.is_active() && b.asp.is_active());
    assert_eq!(a.asp.counts.activations, 2);
    // Restarted by the peer, with no loss in between.
    a.up(seconds(3));
    assert_eq!((a.asp.state(), a.kinds()), (AspState::Down, vec![Kind::Aspup]));
}

#[test]
fn beats_are_answered_in_every_state_on_their_stream() {
    for mut node in [up(asp()), active_asp(|_| ()), up(sgp()), active_sgp(|_| ())] {
        node.sent.clear();
        for data in [&b"opaque"[..], &[], &[7; 1900], &[8; 4337], &[9; 4340]] {
            node.input(Time::ZERO, 2, &message(Kind::Beat, &[(tag::HEARTBEAT, data)])).unwrap();
            assert_eq!(node.sent.pop_front(), Some((2, message(Kind::BeatAck, &[(tag::HEARTBEAT, data)]))));
        }
        node.input(Time::ZERO, 0, &message(Kind::Beat, &[])).unwrap();
        assert_eq!(node.pop(), message(Kind::BeatAck, &[]));
        assert!(node.input(Time::ZERO, 0, &message(Kind::Beat, &[(tag::HEARTBEAT, &[0; 4341])])).is_err());
        assert_eq!(errors(&mut node), [ErrorCode::InvalidParameterValue as u32]);
    }
}

#[test]
fn a_peer_that_is_silent_for_two_beats_has_failed() {
    let beat = |config: &mut AspConfig| config.t_beat = Some(Duration::from_secs(30));
    let mut a = active_asp(beat);
    assert_eq!(a.asp.poll_timeout(), seconds(30));
    a.timeout(seconds(30));
    assert_eq!(a.kinds(), [Kind::Beat]);
    a.input(seconds(31), 1, &data_message(&header(), b"any message will do")).unwrap();
    a.timeout(seconds(60));
    a.timeout(seconds(90));
    assert_eq!((a.kinds(), a.timeouts.len()), (vec![Kind::Beat, Kind::Beat], 0));
    a.timeout(seconds(120));
    assert_eq!((a.timeouts, a.asp.counts.beat_failures), (vec![Timeout::PeerFailed], 1));
    assert_eq!(a.asp.poll_timeout(), Time::NEVER);

    // One that answers lives on; beats differ, so that a late answer can be told.
    let (mut a, mut b) = (up(node(Role::Asp, beat)), up(sgp()));
    exchange(Time::ZERO, &mut a, &mut b);
    for second in 1..10 {
        a.timeout(seconds(30 * second));
        assert_eq!(exchange(seconds(30 * second), &mut a, &mut b), [(0, Kind::Beat), (1, Kind::BeatAck)]);
    }
    assert!(a.timeouts.is_empty() && a.asp.is_active());
    // None is sent while down.
    let mut b = up(node(Role::Sgp, beat));
    b.timeout(seconds(30));
    b.timeout(seconds(90));
    assert!(b.sent.is_empty() && b.timeouts.is_empty());
}

#[test]
fn an_err_never_causes_one() {
    for role in [Role::Asp, Role::IpspClient, Role::IpspServer, Role::Sgp] {
        let mut node = up(node(role, |_| ()));
        node.sent.clear();
        for code in 0..0x20u32 {
            let _ = node.input(Time::ZERO, 0, &message(Kind::Err, &[(tag::ERROR_CODE, &code.to_be_bytes())]));
        }
        assert!(node.input(Time::ZERO, 0, &message(Kind::Err, &[])).is_err());
        assert!(node.input(Time::ZERO, 0, &message(Kind::Err, &[(tag::ERROR_CODE, &[1])])).is_err());
        assert!(node.sent.is_empty());
    }
}
