//! Golden frames in and out, and the layers one by one.

use super::golden::*;
use super::*;
use crate::proto::link::checksum::Sum;

fn input<'a>(link: &mut Link, wire: &mut Wire, frame: &'a [u8]) -> Input<'a> {
    link.handle_input(Time::ZERO, P0, frame, wire).unwrap()
}

#[test]
fn udp_both_ways() {
    for (frame, answer, source, destination, payload) in [
        (UDP4_IN, UDP4_OUT, "203.0.114.9", "192.0.2.10", &b"hello"[..]),
        (UDP6_IN, UDP6_OUT, "2001:db8:9::9", "2001:db8::10", b"odd"),
    ] {
        let (mut link, mut wire) = ready();
        let frame = hex(frame);
        let datagram = Datagram {
            source: ip(source),
            destination: ip(destination),
            source_port: 5060,
            destination_port: 5060,
            payload,
        };
        assert_eq!(input(&mut link, &mut wire, &frame), Input::Udp(datagram));
        transmit(&mut link, &mut wire, Time::ZERO, &udp(destination, source), payload);
        assert_eq!(wire.one(), hex(answer));
        assert_eq!((link.counts.udp_in, link.counts.frames_in, link.counts.frames_out), (1, 1, 1));
    }
}

#[test]
fn sctp_on_a_vlan_both_ways() {
    let (mut link, mut wire) = ready();
    let (frame, answer) = (hex(SCTP_VLAN_IN), hex(SCTP_VLAN_OUT));
    let (ours, peer) = (ip("198.51.100.10"), ip("203.0.113.5"));
    let packet = Packet { source: peer, destination: ours, payload: &frame[38..62] };
    assert_eq!(input(&mut link, &mut wire, &frame), Input::Sctp(packet));
    let flow = Flow { source: ours, destination: peer, transport: Transport::Sctp };
    transmit(&mut link, &mut wire, Time::ZERO, &flow, &answer[38..62]);
    assert_eq!(wire.one(), answer);
}

#[test]
fn a_priority_tag_is_no_vlan() {
    let (mut link, mut wire) = ready();
    let mut frame = hex(UDP4_IN);
    frame.splice(12..12, [0x81, 0, 0xa0, 0]);
    assert!(matches!(input(&mut link, &mut wire, &frame), Input::Udp(_)));
}

#[test]
fn options_and_extension_headers_are_passed_over() {
    let (mut link, mut wire) = ready();
    for frame in [OPTIONS4, OPTIONS6] {
        let frame = hex(frame);
        let Input::Udp(datagram) = input(&mut link, &mut wire, &frame) else { panic!() };
        assert_eq!(datagram.payload, b"past options");
    }
}

#[test]
fn no_checksum_is_well_over_ipv4_only() {
    let (mut link, mut wire) = ready();
    let mut frame = hex(UDP4_IN);
    frame[40..42].fill(0);
    assert!(matches!(input(&mut link, &mut wire, &frame), Input::Udp(_)));
    let mut frame = hex(UDP6_IN);
    frame[60..62].fill(0);
    let refusal = link.handle_input(Time::ZERO, P0, &frame, &mut wire).unwrap_err();
    assert_eq!(refusal, Why::UdpNoChecksum.at(60));
}

#[test]
fn questions_for_us_are_answered() {
    for (question, answer, asker) in [(ARP_REQUEST, ARP_REPLY, "192.0.2.1"), (NS, NA, "2001:db8::1")] {
        let (mut link, mut wire) = (link(), Wire::new());
        let learned = input(&mut link, &mut wire, &hex(question).leak()[..]);
        assert_eq!(wire.one(), hex(answer));
        assert_eq!(
            learned,
            Input::Learned(Neighbour { evidence: Evidence::Asked, ..told(asker, None, GATEWAY) })
        );
        assert_eq!((link.counts.resolutions_answered, link.counts.neighbours_learned), (1, 1));
        link.assert_invariants();
    }
}

#[test]
fn echo_is_answered_by_the_route() {
    for (request, reply) in [(ECHO4, ECHO4_REPLY), (ECHO6, ECHO6_REPLY)] {
        let (mut link, mut wire) = ready();
        assert_eq!(input(&mut link, &mut wire, &hex(request)), Input::Handled);
        assert_eq!(wire.one(), hex(reply));
        assert_eq!(link.counts.echoes, 1);
    }
}

#[test]
fn closed_ports_and_unknown_protocols_are_refused() {
    for (frame, reply) in
        [(CLOSED4, CLOSED4_REPLY), (CLOSED6, CLOSED6_REPLY), (GRE4, GRE4_REPLY), (GRE6, GRE6_REPLY)]
    {
        let (mut link, mut wire) = ready();
        assert_eq!(input(&mut link, &mut wire, &hex(frame)), Input::Handled);
        assert_eq!(wire.one(), hex(reply));
        assert_eq!(link.counts.errors_out, 1);
    }
}

#[test]
fn refusals_are_rationed() {
    let (mut link, mut wire) = ready();
    let frame = hex(CLOSED4);
    for _ in 0..60 {
        input(&mut link, &mut wire, &frame);
    }
    assert_eq!((wire.take().len(), link.counts.errors_withheld), (50, 10));
    for (millis, sent) in [(9, 0), (10, 1), (10, 0), (35, 2), (40, 1), (1_000_000, 50)] {
        for _ in 0..60 {
            link.handle_input(Time::from_millis(millis), P0, &frame, &mut wire).unwrap();
        }
        assert_eq!(wire.take().len(), sent, "at {millis} ms");
    }
}

#[test]
fn a_large_refusal_quotes_no_more_than_every_host_takes() {
    for (source, destination, most) in
        [("203.0.114.9", "192.0.2.10", 576 + 14), ("2001:db8:9::9", "2001:db8::10", 1280 + 14)]
    {
        let (mut peer, mut wire) = (peer(source), Wire::new());
        let flow = Flow {
            transport: Transport::Udp { source_port: 1, destination_port: 9 },
            ..udp(source, destination)
        };
        transmit(&mut peer, &mut wire, Time::ZERO, &flow, &[7; 1400]);
        let frame = wire.one();
        let (mut link, mut wire) = ready();
        assert_eq!(input(&mut link, &mut wire, &frame), Input::Handled, "{frame:02x?}");
        let error = wire.one();
        assert_eq!(error.len(), most);
        // The peer finds its own flow in it.
        let mut error = error;
        error[..6].copy_from_slice(&GATEWAY);
        let Input::Unreachable(told) = input(&mut peer, &mut Wire::new(), &error) else { panic!() };
        assert_eq!((told.cause, told.flow), (Cause::Port, flow));
    }
}

/// A link with one address, whose default gateway is [`MAC`].
fn peer(address: &str) -> Link {
    let is_v4 = ip(address).is_ipv4();
    let (any, gateway, prefix) = if is_v4 { ("0.0.0.0", "203.0.114.1", 24) } else { ("::", "fe80::1", 64) };
    let mut link = Link::new(LinkConfig {
        ports: vec![PortConfig { mac: GATEWAY, mtu: 1500, addresses: vec![own(address, prefix, None)] }],
        routes: vec![route(any, 0, Some(gateway), 0)],
        neighbours: 1,
        ..LinkConfig::default()
    })
    .unwrap();
    link.learn(Time::ZERO, told(gateway, None, MAC), &mut Wire::new());
    link
}

#[test]
fn errors_about_us_name_the_flow() {
    let (mut link, mut wire) = ready();
    let sctp = |source, destination| Flow {
        source: ip(source),
        destination: ip(destination),
        transport: Transport::Sctp,
    };
    let lost = Flow {
        transport: Transport::Udp { source_port: 5060, destination_port: 5062 },
        ..udp("192.0.2.10", "203.0.114.9")
    };
    for (frame, cause, flow, quoted) in [
        (UNREACH4, Cause::Host, lost, 8),
        (TOOBIG4, Cause::TooBig(1400), sctp("192.0.2.10", "203.0.114.9"), 8),
        (TOOBIG6, Cause::TooBig(1380), sctp("2001:db8::10", "2001:db8:9::9"), 24),
    ] {
        let frame = hex(frame);
        let Input::Unreachable(told) = input(&mut link, &mut wire, &frame) else { panic!() };
        assert_eq!((told.cause, told.flow, told.quoted.len()), (cause, flow, quoted));
        if flow.transport == Transport::Sctp {
            assert_eq!(told.quoted[..8], [0x0b, 0x59, 0x0b, 0x5a, 0x0a, 0x0b, 0x0c, 0x0d]);
        }
    }
    assert_eq!(link.counts.unreachable_in, 3);
    assert!(wire.sent.is_empty());
}

#[test]
fn each_type_and_code_has_its_cause() {
    let v4 = [
        (3, 0, Some(Cause::Network)),
        (3, 2, Some(Cause::Protocol)),
        (3, 3, Some(Cause::Port)),
        (3, 13, Some(Cause::Prohibited)),
        (11, 0, Some(Cause::HopLimit)),
        (12, 0, Some(Cause::Parameter)),
        (4, 0, None),
        (5, 1, None),
        (0, 0, None),
    ];
    let (mut link, mut wire) = ready();
    for (kind, code, cause) in v4 {
        let mut frame = hex(UNREACH4);
        patch(&mut frame, 34, kind, 36);
        patch(&mut frame, 35, code, 36);
        expect_cause(&mut link, &mut wire, &frame, cause);
    }
    let v6 = [
        (1, 0, Some(Cause::Network)),
        (1, 1, Some(Cause::Prohibited)),
        (1, 3, Some(Cause::Host)),
        (1, 4, Some(Cause::Port)),
        (3, 0, Some(Cause::HopLimit)),
        (4, 0, Some(Cause::Parameter)),
        (4, 1, Some(Cause::Protocol)),
        (134, 0, None),
        (137, 0, None),
    ];
    for (kind, code, cause) in v6 {
        let mut frame = hex(TOOBIG6);
        patch(&mut frame, 54, kind, 56);
        patch(&mut frame, 55, code, 56);
        expect_cause(&mut link, &mut wire, &frame, cause);
    }
}

fn expect_cause(link: &mut Link, wire: &mut Wire, frame: &[u8], cause: Option<Cause>) {
    let before = link.counts.icmp_ignored;
    match (input(link, wire, frame), cause) {
        (Input::Unreachable(told), Some(cause)) => assert_eq!(told.cause, cause),
        (Input::Handled, None) => assert_eq!(link.counts.icmp_ignored, before + 1),
        (other, cause) => panic!("{other:?} for {cause:?}"),
    }
}

#[test]
fn errors_about_tcp_and_segments_go_to_the_exception_port() {
    let (mut link, mut wire) = ready();
    assert_eq!(input(&mut link, &mut wire, &hex(TCP4)), Input::Other);
    let mut frame = hex(UNREACH4);
    patch(&mut frame, 42 + 9, 6, 36);
    assert_eq!(input(&mut link, &mut wire, &frame), Input::Other);
    patch(&mut frame, 42 + 9, 47, 36);
    assert_eq!(input(&mut link, &mut wire, &frame), Input::Handled);
    assert_eq!((link.counts.other_in, link.counts.icmp_ignored), (2, 1));
}

#[test]
fn an_error_about_somebody_elses_packet_is_ignored() {
    let (mut link, mut wire) = ready();
    let mut frame = hex(UNREACH4);
    patch(&mut frame, 42 + 15, 11, 36);
    assert_eq!(input(&mut link, &mut wire, &frame), Input::Handled);
    assert_eq!((link.counts.icmp_ignored, link.counts.unreachable_in), (1, 0));
}

#[test]
fn the_largest_packet_passes_and_one_more_octet_does_not() {
    let (mut link, mut wire) = ready();
    let flow = Flow { transport: Transport::Sctp, ..udp("192.0.2.10", "203.0.114.9") };
    transmit(&mut link, &mut wire, Time::ZERO, &flow, &[7; 1480]);
    assert_eq!(wire.one().len(), 1514);
    transmit(&mut link, &mut wire, Time::ZERO, &flow, &[7; 1481]);
    let flow = udp("192.0.2.10", "203.0.114.9");
    link.transmit(Time::ZERO, &flow, 5000, &mut wire);
    link.transmit(Time::ZERO, &flow, usize::MAX, &mut wire);
    assert!(wire.sent.is_empty());
    assert_eq!(link.counts.too_long, 3);
}

#[test]
fn a_udp_checksum_of_zero_is_sent_as_ones() {
    let (mut link, mut wire) = ready();
    let flow = udp("192.0.2.10", "203.0.114.9");
    transmit(&mut link, &mut wire, Time::ZERO, &flow, &[0, 0]);
    let frame = wire.one();
    // A payload equal to that checksum makes the sum come out as zero.
    transmit(&mut link, &mut wire, Time::ZERO, &flow, &[frame[40], frame[41]]);
    assert_eq!(wire.one()[40..42], [0xff, 0xff]);
}

#[test]
fn the_sum_agrees_with_the_plain_definition() {
    let mut seed = 7u64;
    let mut octets = vec![0u8; 1500];
    for octet in &mut octets {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        *octet = (seed >> 56) as u8;
    }
    for length in (0..200).chain([699, 700, 1500]) {
        let octets = &octets[..length];
        let mut plain: u32 = 0;
        for word in octets.chunks(2) {
            plain += u32::from(word[0]) << 8 | word.get(1).map_or(0, |low| u32::from(*low));
        }
        while plain >> 16 != 0 {
            plain = (plain & 0xffff) + (plain >> 16);
        }
        let sum = Sum::ZERO.octets(octets);
        assert_eq!(u16::from_be_bytes(sum.field()), !plain as u16, "{length}");
        let [c0, c1] = sum.field();
        assert!(sum.number(u16::from_be_bytes([c0, c1])).is_right());
    }
    assert_eq!(Sum::ZERO.octets(&[0xff; 65535]).field(), [0, 0xff]);
}
