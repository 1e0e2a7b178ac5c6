use super::*;

fn pair(a: Role, b: Role, double_exchange: bool) -> (Node, Node) {
    let node = |role| Node::new(AspConfig { double_exchange, ..AspConfig::new(role, vec![100]) });
    let (mut a, mut b) = (node(a), node(b));
    a.up(Time::ZERO);
    b.up(Time::ZERO);
    (a, b)
}

fn both(a: &Node, b: &Node, state: AspState) {
    assert_eq!((a.asp.state(), b.asp.state()), (state, state));
}

#[test]
fn one_exchange_activates_both_ways() {
    let (mut a, mut b) = pair(Role::IpspClient, Role::IpspServer, false);
    let passed = exchange(Time::ZERO, &mut a, &mut b);
    use Kind::*;
    assert_eq!(passed, [(0, Aspup), (1, AspupAck), (0, Aspac), (1, AspacAck)]);
    both(&a, &b, AspState::Active);
    let data = data_message(&header(), b"x");
    a.input(Time::ZERO, 1, &data).unwrap();
    b.input(Time::ZERO, 1, &data).unwrap();
    assert_eq!((a.delivered.len(), b.delivered.len()), (1, 1));
}

#[test]
fn each_side_sends_its_own_in_a_double_exchange() {
    for roles in [(Role::IpspClient, Role::IpspServer), (Role::IpspClient, Role::IpspClient)] {
        let (mut a, mut b) = pair(roles.0, roles.1, true);
        let passed = exchange(Time::ZERO, &mut a, &mut b);
        for who in [0, 1] {
            for kind in [Kind::Aspup, Kind::AspupAck, Kind::Aspac, Kind::AspacAck] {
                assert_eq!(passed.iter().filter(|&&one| one == (who, kind)).count(), 1, "{who} {kind:?}");
            }
        }
        assert_eq!(passed.len(), 8);
        both(&a, &b, AspState::Active);
        // One direction ends: nothing is sent any more, and the other side may still ask.
        a.stop(seconds(1));
        exchange(seconds(1), &mut a, &mut b);
        both(&a, &b, AspState::Down);
        a.start(seconds(2));
        exchange(seconds(2), &mut a, &mut b);
        both(&a, &b, AspState::Active);
    }
}

#[test]
fn a_double_exchange_is_not_active_by_halves() {
    let (mut a, _) = pair(Role::IpspClient, Role::IpspServer, true);
    a.input(Time::ZERO, 0, &message(Kind::AspupAck, &[])).unwrap();
    a.input(Time::ZERO, 0, &message(Kind::AspacAck, &[])).unwrap();
    assert!(!a.asp.is_active(), "the peer has not asked for traffic");
    a.input(Time::ZERO, 1, &data_message(&header(), b"x")).unwrap();
    assert_eq!(a.delivered.len(), 1, "but we have");
    a.input(Time::ZERO, 0, &message(Kind::Aspup, &[])).unwrap();
    a.input(Time::ZERO, 0, &message(Kind::Aspac, &[])).unwrap();
    assert!(a.asp.is_active());
}

#[test]
fn crossing_requests_are_all_acknowledged() {
    let (mut a, mut b) = pair(Role::IpspClient, Role::IpspClient, false);
    let passed = exchange(Time::ZERO, &mut a, &mut b);
    both(&a, &b, AspState::Active);
    for who in [0, 1] {
        assert!(passed.contains(&(who, Kind::AspupAck)));
    }
    assert!(!passed.iter().any(|&(_, kind)| kind == Kind::Err));
    assert_eq!((a.asp.poll_timeout(), b.asp.poll_timeout()), (Time::NEVER, Time::NEVER));
    a.stop(seconds(1));
    b.stop(seconds(1));
    let passed = exchange(seconds(1), &mut a, &mut b);
    both(&a, &b, AspState::Down);
    assert!(!passed.iter().any(|&(_, kind)| kind == Kind::Err), "{passed:?}");
    assert_eq!((a.asp.poll_timeout(), b.asp.poll_timeout()), (Time::NEVER, Time::NEVER));
}

#[test]
fn a_peer_that_leaves_is_not_called_back_at_once() {
    let (mut a, mut b) = pair(Role::IpspClient, Role::IpspServer, false);
    exchange(Time::ZERO, &mut a, &mut b);
    b.stop(seconds(1));
    let passed = exchange(seconds(1), &mut a, &mut b);
    use Kind::*;
    assert_eq!(passed, [(1, Aspia), (0, AspiaAck), (1, Aspdn), (0, AspdnAck)]);
    both(&a, &b, AspState::Down);
    assert_eq!(a.asp.poll_timeout(), seconds(11));
    a.timeout(seconds(11));
    let passed = exchange(seconds(11), &mut a, &mut b);
    assert_eq!(passed, [(0, Aspup), (1, Err)], "it is still stopped");
    b.start(seconds(12));
    a.timeout(seconds(21));
    exchange(seconds(21), &mut a, &mut b);
    both(&a, &b, AspState::Active);
}

#[test]
fn a_restarted_peer_comes_back() {
    let (mut a, mut b) = pair(Role::IpspClient, Role::IpspServer, false);
    exchange(Time::ZERO, &mut a, &mut b);
    // The client forgets all, and its association stays.
    a.up(seconds(1));
    let passed = exchange(seconds(1), &mut a, &mut b);
    assert!(passed.contains(&(1, Kind::Err)));
    both(&a, &b, AspState::Active);
}

#[test]
fn lost_messages_are_made_up_for_in_every_pairing() {
    use Role::*;
    for (seed, (roles, double_exchange)) in [
        ((Asp, Sgp), false),
        ((IpspClient, IpspServer), false),
        ((IpspClient, IpspServer), true),
        ((IpspClient, IpspClient), false),
        ((IpspClient, IpspClient), true),
    ]
    .into_iter()
    .cycle()
    .take(500)
    .enumerate()
    {
        let mut random = seed as u64 + 1;
        let mut lose = move || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            random >> 62 == 0
        };
        let (mut a, mut b) = pair(roles.0, roles.1, double_exchange);
        let mut now = Time::ZERO;
        for turn in 0..200 {
            // A quarter of the messages is lost for a while, which SCTP would not do.
            for _ in 0..20 {
                if let Some((stream, bytes)) = a.sent.pop_front()
                    && (turn > 20 || !lose())
                {
                    b.input(now, stream, &bytes).unwrap();
                }
                if let Some((stream, bytes)) = b.sent.pop_front()
                    && (turn > 20 || !lose())
                {
                    a.input(now, stream, &bytes).unwrap();
                }
            }
            now += Duration::from_secs(1);
            a.timeout(now);
            b.timeout(now);
        }
        both(&a, &b, AspState::Active);
    }
}
