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
    assert!(a.asp.is_context_active(Some(100)) && a.asp.is_context_active(None));
    assert!(!a.asp.is_context_active(Some(101)));
    assert_eq!(a.asp.poll_timeout(), Time::NEVER);

    a.stop(seconds(1));
    let passed = exchange(seconds(1), &mut a, &mut b);
    assert_eq!(passed, [(0, Aspia), (1, AspiaAck), (0, Aspdn), (1, Ntfy), (1, AspdnAck)]);
    assert_eq!((a.asp.state(), b.asp.state()), (AspState::Down, AspState::Down));
    assert_eq!((a.asp.poll_timeout(), b.asp.poll_timeout()), (Time::NEVER, Time::NEVER));
    a.start(seconds(2));
    exchange(seconds(2), &mut a, &mut b);
    assert!(a.asp.is_active() && b.asp.is_active());
}

#[test]
fn data_flows_both_ways_once_active() {
    let (mut a, mut b) = active_pair();
    let bytes = data_message(&header(), b"to the gateway");
    b.input(Time::ZERO, a.asp.data_stream(5), &bytes).unwrap();
    a.input(Time::ZERO, 1, &data_message(&header(), b"to us")).unwrap();
    assert_eq!(b.delivered, [b"to the gateway"]);
    assert_eq!(a.delivered, [b"to us"]);
    assert!(a.sent.is_empty() && b.sent.is_empty());
}
