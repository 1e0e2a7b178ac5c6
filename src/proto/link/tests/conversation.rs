//! Two links that find each other, gateways that come and go, and routes.

use super::golden::*;
use super::*;

fn seconds(seconds: u64) -> Time {
    Time::from_millis(seconds * 1000)
}

fn neighbour_of_one_link(number: u8, address: &str) -> (Link, Wire) {
    let mac = [2, 0, 0, 0, 1, number];
    let link = Link::new(LinkConfig {
        ports: vec![PortConfig { mac, mtu: 1500, addresses: vec![own(address, 24, Some(100))] }],
        udp_ports: vec![5060],
        neighbours: 4,
        waiting: 8,
        ..LinkConfig::default()
    });
    (link.unwrap(), Wire::new())
}

/// Gives `from`'s frames to `link`; the payloads that arrived.
fn deliver(now: Time, from: &mut Wire, link: &mut Link, wire: &mut Wire) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for frame in from.take() {
        assert_eq!(frame[12..16], [0x81, 0, 0, 100]);
        if let Input::Udp(datagram) = link.handle_input(now, P0, &frame, wire).unwrap() {
            payloads.push(datagram.payload.to_vec());
        }
    }
    payloads
}

#[test]
fn neighbours_find_each_other_on_a_vlan() {
    for (a, b) in [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")] {
        let (mut left, mut left_wire) = neighbour_of_one_link(1, a);
        let (mut right, mut right_wire) = neighbour_of_one_link(2, b);
        let now = seconds(5);
        transmit(&mut left, &mut left_wire, now, &udp(a, b), b"first");
        transmit(&mut left, &mut left_wire, now, &udp(a, b), b"second");
        assert_eq!((left.counts.held, left.counts.solicitations, left.waiting()), (2, 1, 2));
        assert_eq!(left_wire.sent.len(), 1, "one question for both");
        assert_eq!(deliver(now, &mut left_wire, &mut right, &mut right_wire), [b""; 0]);
        assert_eq!(right_wire.sent.len(), 1);
        deliver(now, &mut right_wire, &mut left, &mut left_wire);
        assert_eq!(left.waiting(), 0);
        let arrived = deliver(now, &mut left_wire, &mut right, &mut right_wire);
        assert_eq!(arrived, [&b"first"[..], b"second"], "in order, once");
        // The other side has learned from the question.
        transmit(&mut right, &mut right_wire, now, &udp(b, a), b"back");
        assert_eq!(deliver(now, &mut right_wire, &mut left, &mut left_wire), [b"back"]);
        assert_eq!(right.counts.solicitations, 0);
        left.assert_invariants();
        right.assert_invariants();
    }
}

#[test]
fn gateways_are_asked_for_from_the_start_and_refreshed() {
    let (mut link, mut wire) = (link(), Wire::new());
    assert_eq!(link.poll_timeout(), Time::ZERO);
    link.handle_timeout(Time::ZERO, &mut wire);
    let asked = wire.take();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0], hex(ARP_ASK));
    assert_eq!(asked[1], hex(NS_ASK));
    assert_eq!(link.poll_timeout(), seconds(1));
    for (answer, at) in [(ARP_ANSWER, "192.0.2.1"), (NA_ANSWER, "2001:db8::1")] {
        let learned = link.handle_input(Time::ZERO, P0, &hex(answer).leak()[..], &mut wire).unwrap();
        assert_eq!(learned, Input::Learned(told(at, None, GATEWAY)));
    }
    link.learn(Time::ZERO, told("198.51.100.1", Some(7), GATEWAY), &mut wire);
    link.handle_timeout(seconds(1), &mut wire);
    assert!(wire.sent.is_empty());
    assert_eq!(link.poll_timeout(), seconds(30));

    // Without traffic all the same; to the gateway alone.
    link.handle_timeout(seconds(30), &mut wire);
    let probes = wire.take();
    assert_eq!(probes.len(), 3);
    assert_eq!(probes[0], hex(ARP_PROBE));
    assert_eq!(probes[1][..6], GATEWAY);
    for answer in [ARP_ANSWER, NA_ANSWER] {
        link.handle_input(seconds(30), P0, &hex(answer), &mut wire).unwrap();
    }
    link.learn(seconds(30), told("198.51.100.1", Some(7), GATEWAY), &mut wire);
    link.handle_timeout(seconds(31), &mut wire);
    assert!(wire.sent.is_empty());
    assert_eq!(link.poll_timeout(), seconds(60));
    assert_eq!(link.counts.neighbours_changed, 0);
}

#[test]
fn a_silent_gateway_stays_in_use_and_is_asked_for_without_end() {
    let (mut link, mut wire) = ready();
    let mut destinations = Vec::new();
    for second in 30..50 {
        link.handle_timeout(seconds(second), &mut wire);
        destinations.extend(wire.take().iter().filter(|frame| frame[12..14] == [8, 6]).map(|frame| frame[0]));
    }
    assert_eq!(destinations[..3], [GATEWAY[0]; 3], "three times alone");
    assert_eq!(destinations[3..], [0xff; 17], "then everybody, once a second");
    assert_eq!(link.counts.neighbours_silent, 3);
    transmit(&mut link, &mut wire, seconds(50), &udp("192.0.2.10", "203.0.114.9"), b"hello");
    assert_eq!(wire.one(), hex(UDP4_OUT));
    // It comes back, with another card.
    link.learn(seconds(51), told("192.0.2.1", None, [2, 0, 0, 0, 0, 0x98]), &mut wire);
    transmit(&mut link, &mut wire, seconds(51), &udp("192.0.2.10", "203.0.114.9"), b"hello");
    assert_eq!(wire.one()[..6], [2, 0, 0, 0, 0, 0x98]);
    assert_eq!(link.counts.neighbours_changed, 1);
}

#[test]
fn a_neighbour_that_never_answers_is_given_up() {
    let (mut link, mut wire) = ready();
    let flow = udp("192.0.2.10", "192.0.2.77");
    // One neighbour may fill a quarter of the room.
    for _ in 0..3 {
        transmit(&mut link, &mut wire, Time::ZERO, &flow, b"hello?");
    }
    assert_eq!((link.counts.held, link.counts.held_full, link.waiting()), (2, 1, 2));
    for second in 1..=3 {
        link.handle_timeout(seconds(second), &mut wire);
    }
    assert_eq!((link.counts.solicitations, link.counts.unresolved, link.waiting()), (3, 2, 0));
    assert_eq!(link.counts.neighbours_silent, 1);
    wire.take();
    transmit(&mut link, &mut wire, seconds(4), &flow, b"again");
    assert_eq!(wire.one()[..6], [0xff; 6]);
}

#[test]
fn an_unknown_gateway_has_the_whole_waiting_room() {
    let (mut link, mut wire) = (link(), Wire::new());
    let flow = udp("192.0.2.10", "203.0.114.9");
    for _ in 0..9 {
        transmit(&mut link, &mut wire, Time::ZERO, &flow, b"hello");
    }
    assert_eq!((link.counts.held, link.counts.held_full), (8, 1));
    assert_eq!(wire.one(), hex(ARP_ASK));
    // No buffer for what waited: it is lost, not stuck.
    wire.is_empty = true;
    link.learn(Time::ZERO, told("192.0.2.1", None, GATEWAY), &mut wire);
    assert_eq!((wire.sent.len(), link.waiting()), (0, 0));
    link.assert_invariants();
}

#[test]
fn a_used_neighbour_is_confirmed_and_an_unused_one_forgotten() {
    let (mut link, mut wire) = ready();
    let asked = Neighbour { evidence: Evidence::Asked, ..told("192.0.2.50", None, [2, 0, 0, 0, 0, 50]) };
    link.learn(Time::ZERO, asked, &mut wire);
    transmit(&mut link, &mut wire, seconds(1), &udp("192.0.2.10", "192.0.2.50"), b"hi");
    assert_eq!(wire.one()[..6], asked.mac);
    assert_eq!(link.poll_timeout(), seconds(6), "nobody has confirmed it");
    link.handle_timeout(seconds(6), &mut wire);
    assert_eq!(wire.one()[..6], asked.mac);
    link.learn(seconds(6), Neighbour { evidence: Evidence::Answered, ..asked }, &mut wire);
    link.handle_timeout(seconds(36), &mut wire);
    assert!(wire.take().iter().all(|frame| frame[..6] == GATEWAY), "not used since");
    for second in [37, 38, 39, 40, 41, 42, 635, 636] {
        link.handle_timeout(seconds(second), &mut wire);
    }
    wire.take();
    transmit(&mut link, &mut wire, seconds(636), &udp("192.0.2.10", "192.0.2.50"), b"hi");
    assert_eq!(wire.one()[..6], [0xff; 6]);
}

#[test]
fn a_vanished_neighbour_is_asked_for_anew() {
    let (mut link, mut wire) = ready();
    let flow = udp("192.0.2.10", "192.0.2.50");
    let asked = Neighbour { evidence: Evidence::Asked, ..told("192.0.2.50", None, [2, 0, 0, 0, 0, 50]) };
    link.learn(Time::ZERO, asked, &mut wire);
    for second in 0..=11 {
        transmit(&mut link, &mut wire, seconds(second), &flow, b"hi");
        link.handle_timeout(seconds(second), &mut wire);
    }
    assert_eq!((link.counts.neighbours_silent, link.counts.solicitations), (1, 6));
    wire.take();
    transmit(&mut link, &mut wire, seconds(12), &flow, b"hi");
    assert_eq!(wire.one()[..6], [0xff; 6]);
}

#[test]
fn news_changes_what_it_may() {
    let other = [2, 0, 0, 0, 0, 0x55];
    for (evidence, is_changed) in [
        (Evidence::Announced, true),
        (Evidence::Asked, true),
        (Evidence::Answered, true),
        (Evidence::Proxied, false),
    ] {
        let (mut link, mut wire) = ready();
        link.learn(Time::ZERO, Neighbour { evidence, ..told("192.0.2.1", None, other) }, &mut wire);
        transmit(&mut link, &mut wire, Time::ZERO, &udp("192.0.2.10", "203.0.114.9"), b"hello");
        assert_eq!(wire.one()[..6] == other, is_changed, "{evidence:?}");
        let doubtful = if evidence == Evidence::Answered { 30 } else { 5 };
        assert_eq!(link.poll_timeout(), seconds(doubtful), "{evidence:?}");
        // Somebody unknown becomes known by asking alone.
        link.learn(Time::ZERO, Neighbour { evidence, ..told("192.0.2.60", None, other) }, &mut wire);
        transmit(&mut link, &mut wire, Time::ZERO, &udp("192.0.2.10", "192.0.2.60"), b"hello");
        assert_eq!(wire.one()[..6] == other, evidence == Evidence::Asked, "{evidence:?}");
        link.assert_invariants();
    }
}

#[test]
fn strangers_who_ask_cannot_fill_the_table() {
    let (mut link, mut wire) = ready();
    for number in 100..200 {
        let mut frame = hex(ARP_REQUEST);
        frame[31] = number;
        link.handle_input(Time::ZERO, P0, &frame, &mut wire).unwrap();
    }
    link.assert_invariants();
    wire.take();
    let flow = |number| udp("192.0.2.10", &format!("192.0.2.{number}"));
    for number in 20..25 {
        transmit(&mut link, &mut wire, Time::ZERO, &flow(number), b"new");
    }
    assert_eq!(wire.take().len(), 5);
    assert_eq!(link.counts.neighbours_full, 0);
    transmit(&mut link, &mut wire, Time::ZERO, &flow(25), b"one too many");
    let asked = Neighbour { evidence: Evidence::Asked, ..told("192.0.2.99", None, GATEWAY) };
    link.learn(Time::ZERO, asked, &mut wire);
    assert_eq!((wire.sent.len(), link.counts.neighbours_full), (0, 2));
    link.assert_invariants();
}

#[test]
fn the_longest_prefix_wins() {
    let mut config = config();
    config.routes.extend([
        route("203.0.0.0", 16, Some("10.1.0.1"), 1),
        route("203.0.113.128", 25, Some("10.1.0.2"), 1),
        route("172.16.0.0", 12, None, 1),
        Route { source: Some(ip("198.51.100.10")), ..route("172.20.0.0", 16, None, 0) },
    ]);
    config.routes[0].source = Some(ip("192.0.2.10"));
    let mut link = Link::new(config).unwrap();
    for (destination, source) in [
        ("8.8.8.8", "192.0.2.10"),
        ("203.0.1.1", "10.1.0.10"),
        ("203.0.113.1", "198.51.100.10"),
        ("203.0.113.127", "198.51.100.10"),
        ("203.0.113.128", "10.1.0.10"),
        ("203.0.114.0", "10.1.0.10"),
        ("203.1.0.0", "192.0.2.10"),
        ("198.51.100.99", "198.51.100.10"),
        ("10.1.255.255", "10.1.0.10"),
        ("10.2.0.0", "192.0.2.10"),
        ("172.31.255.255", "10.1.0.10"),
        ("172.20.1.1", "198.51.100.10"),
        ("2001:db8:ffff::1", "2001:db8::10"),
        ("fd00::1", "2001:db8::10"),
    ] {
        assert_eq!(link.source_for(ip(destination)), Some(ip(source)), "{destination}");
    }
    let mut wire = Wire::new();
    for destination in
        ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.10", "::", "::1", "ff02::1"]
    {
        assert_eq!(link.source_for(ip(destination)), None, "{destination}");
        transmit(&mut link, &mut wire, Time::ZERO, &udp("192.0.2.10", destination), b"x");
    }
    assert!(wire.sent.is_empty());
    assert_eq!(link.counts.no_route, 8);
    assert!(link.is_own(ip("10.1.0.10")) && link.is_own(ip("2001:db8::10")) && !link.is_own(ip("10.1.0.11")));
}

#[test]
fn no_default_route_no_way_out_in_either_family() {
    let mut config = config();
    config.routes.remove(0);
    let link = Link::new(config).unwrap();
    assert_eq!(link.source_for(ip("8.8.8.8")), None, "::/0 is not for IPv4");
    assert_eq!(link.source_for(ip("fd00::1")), Some(ip("2001:db8::10")));
}

#[test]
fn equal_routes_are_told_apart_by_the_source() {
    let mut config = config();
    config.routes.push(route("0.0.0.0", 0, Some("10.1.0.1"), 1));
    let mut link = Link::new(config).unwrap();
    let mut wire = Wire::new();
    assert_eq!(link.source_for(ip("8.8.8.8")), Some(ip("192.0.2.10")), "the first");
    for (source, port) in [("192.0.2.10", 0), ("10.1.0.10", 1), ("198.51.100.10", 0)] {
        transmit(&mut link, &mut wire, Time::ZERO, &udp(source, "8.8.8.8"), b"x");
        if let Some((sent, _)) = wire.sent.pop() {
            assert_eq!(sent, PortId(port));
        }
    }
    assert_eq!((link.counts.held, link.counts.solicitations), (3, 2));
}

#[test]
fn a_link_local_gateway_serves() {
    let mut config = config();
    config.routes[1].gateway = Some(ip("fe80::1"));
    let mut link = Link::new(config.clone()).unwrap();
    let mut wire = Wire::new();
    let mut question = hex(NS);
    // The router asks with its link-local address.
    let router = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    for (at, octet) in router.into_iter().enumerate() {
        patch(&mut question, 22 + at, octet, 56);
    }
    let learned = link.handle_input(Time::ZERO, P0, &question, &mut wire).unwrap();
    assert!(matches!(learned, Input::Learned(news) if news.ip == ip("fe80::1")));
    wire.take();
    transmit(&mut link, &mut wire, Time::ZERO, &udp("2001:db8::10", "2001:db8:9::9"), b"odd");
    assert_eq!(wire.one(), hex(UDP6_OUT));

    config.ports[0].addresses.push(own("2001:db8:7::10", 64, Some(7)));
    let refusal = Link::new(config.clone()).err().unwrap();
    assert!(refusal.contains("several VLANs; name a source"), "{refusal}");
    config.routes[1].source = Some(ip("2001:db8:7::10"));
    assert!(Link::new(config).is_ok());
}
