//! What is refused: frames that follow no protocol, that are for others, that lie; configurations that can't work.

use super::golden::*;
use super::*;

fn refusal(frame: &[u8]) -> Why {
    let (mut link, mut wire) = ready();
    let refused = link.handle_input(Time::ZERO, P0, frame, &mut wire).unwrap_err();
    assert_eq!(refused.layer, Layer::Link);
    assert!(usize::from(refused.offset) <= frame.len());
    assert!(wire.sent.is_empty(), "a malformed frame gets no answer");
    WHYS[usize::from(refused.why)]
}

/// All reasons, by number.
const WHYS: [Why; 28] = [
    Why::EthernetShort,
    Why::EthernetSource,
    Why::ArpShort,
    Why::ArpFormat,
    Why::ArpOperation,
    Why::ArpSender,
    Why::Ipv4Short,
    Why::Ipv4Version,
    Why::Ipv4HeaderLength,
    Why::Ipv4Length,
    Why::Ipv4Checksum,
    Why::Ipv6Short,
    Why::Ipv6Version,
    Why::Ipv6Length,
    Why::Ipv6Extension,
    Why::Ipv6Routing,
    Why::Ipv6Option,
    Why::UdpShort,
    Why::UdpLength,
    Why::UdpChecksum,
    Why::UdpNoChecksum,
    Why::IcmpShort,
    Why::IcmpChecksum,
    Why::IcmpQuote,
    Why::NdpShort,
    Why::NdpHopLimit,
    Why::NdpFormat,
    Why::NdpOption,
];

/// A golden frame with octets changed.
fn with(frame: &str, changes: &[(usize, u8)]) -> Vec<u8> {
    let mut frame = hex(frame);
    for &(at, octet) in changes {
        frame[at] = octet;
    }
    frame
}

/// The same with the checksum at `sum` corrected for it.
fn patched(frame: &str, sum: usize, changes: &[(usize, u8)]) -> Vec<u8> {
    let mut frame = hex(frame);
    for &(at, octet) in changes {
        patch(&mut frame, at, octet, sum);
    }
    frame
}

/// A golden frame cut to `len`, its IPv4 length cut too.
fn shortened(frame: &str, len: usize) -> Vec<u8> {
    let mut frame = hex(frame);
    frame.truncate(len);
    patch(&mut frame, 17, (len - 14) as u8, 24);
    frame
}

/// A golden frame cut to `len`, its IPv6 length cut too.
fn shortened6(frame: &str, len: usize) -> Vec<u8> {
    let mut frame = hex(frame);
    frame.truncate(len);
    frame[19] = (len - 54) as u8;
    frame
}

#[test]
fn each_reason_has_a_name() {
    assert_eq!(WHYS.len(), WHY.len());
    for (at, why) in WHYS.iter().enumerate() {
        assert_eq!(*why as usize, at);
        let name: String = WHY[at].split('_').map(|part| part[..1].to_uppercase() + &part[1..]).collect();
        assert_eq!(name, format!("{why:?}"));
    }
}

#[test]
fn every_kind_of_malformed_frame_has_its_own_reason() {
    use Why::*;
    let icmp6_short = {
        let mut frame = shortened6(ECHO6, 60);
        frame[20] = 58;
        frame
    };
    let vlan_short = hex(SCTP_VLAN_IN)[..17].to_vec();
    for (why, frame) in [
        (EthernetShort, hex(UDP4_IN)[..13].to_vec()),
        (EthernetShort, vlan_short),
        (EthernetSource, with(UDP4_IN, &[(6, 1)])),
        (ArpShort, hex(ARP_REQUEST)[..41].to_vec()),
        (ArpFormat, with(ARP_REQUEST, &[(15, 6)])),
        (ArpFormat, with(ARP_REQUEST, &[(18, 8)])),
        (ArpOperation, with(ARP_REQUEST, &[(21, 3)])),
        (ArpOperation, with(ARP_REQUEST, &[(20, 1)])),
        (ArpSender, with(ARP_REQUEST, &[(22, 0xff)])),
        (ArpSender, with(ARP_REQUEST, &[(22, 0), (27, 0)])),
        (Ipv4Short, hex(UDP4_IN)[..33].to_vec()),
        (Ipv4Version, with(UDP4_IN, &[(14, 0x65)])),
        (Ipv4HeaderLength, with(UDP4_IN, &[(14, 0x44)])),
        (Ipv4HeaderLength, with(UDP4_IN, &[(14, 0x4f)])),
        (Ipv4HeaderLength, with(UDP4_IN, &[(17, 19)])),
        (Ipv4Length, with(UDP4_IN, &[(17, 47)])),
        (Ipv4Checksum, with(UDP4_IN, &[(22, 59)])),
        (Ipv6Short, hex(UDP6_IN)[..53].to_vec()),
        (Ipv6Version, with(UDP6_IN, &[(14, 0x40)])),
        (Ipv6Length, with(UDP6_IN, &[(18, 1)])),
        (Ipv6Extension, with(OPTIONS6, &[(54, 0)])),
        (Ipv6Extension, with(OPTIONS6, &[(55, 9)])),
        (Ipv6Extension, shortened6(OPTIONS6, 57)),
        (Ipv6Routing, with(OPTIONS6, &[(20, 43), (57, 1)])),
        (Ipv6Option, with(OPTIONS6, &[(56, 0x45)])),
        (Ipv6Option, with(OPTIONS6, &[(57, 9)])),
        (UdpShort, shortened(UDP4_IN, 41)),
        (UdpShort, shortened6(UDP6_IN, 61)),
        (UdpLength, patched(UDP4_IN, 40, &[(39, 7)])),
        (UdpLength, patched(UDP4_IN, 40, &[(39, 14)])),
        (UdpChecksum, with(UDP4_IN, &[(45, b'L')])),
        (UdpChecksum, with(UDP6_IN, &[(34, 1)])),
        (UdpNoChecksum, with(UDP6_IN, &[(60, 0), (61, 0)])),
        (IcmpShort, shortened(ECHO4, 41)),
        (IcmpShort, icmp6_short),
        (IcmpChecksum, with(ECHO4, &[(45, 0)])),
        (IcmpChecksum, with(ECHO6, &[(65, 0)])),
        (IcmpQuote, patched(UNREACH4, 36, &[(42, 0x65)])),
        (IcmpQuote, patched(UNREACH4, 36, &[(42, 0x46)])),
        (IcmpQuote, patched(TOOBIG6, 56, &[(62, 0x40)])),
        (NdpHopLimit, with(NS, &[(21, 254)])),
        (NdpFormat, patched(NS, 56, &[(55, 1)])),
        (NdpFormat, patched(NS, 56, &[(62, 0xff)])),
        (NdpOption, patched(NS, 56, &[(79, 0)])),
        (NdpOption, patched(NS, 56, &[(79, 2)])),
    ] {
        assert_eq!(refusal(&frame), why, "{frame:02x?}");
    }
}

#[test]
fn neighbour_messages_that_contradict_themselves() {
    // Too short for a target: an echo of ten octets made a solicitation.
    let mut short = patched(ECHO6, 56, &[(54, 135)]);
    short[21] = 255;
    assert_eq!(refusal(&short), Why::NdpShort);
    // From nobody, with a hardware address.
    let nobody: Vec<(usize, u8)> = (22..38).map(|at| (at, 0)).collect();
    assert_eq!(refusal(&patched(NS, 56, &nobody)), Why::NdpFormat);
    // An answer to somebody's question, to everybody.
    let mut all_nodes = [0; 16];
    (all_nodes[0], all_nodes[1], all_nodes[15]) = (0xff, 2, 1);
    let mut changes: Vec<(usize, u8)> = (38..54).zip(all_nodes).collect();
    let mut answer = patched(NA_ANSWER, 56, &changes);
    answer[..6].copy_from_slice(&[0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!(refusal(&answer), Why::NdpFormat);
    // Unasked, it may.
    changes.push((58, 0x20));
    let mut announcement = patched(NA_ANSWER, 56, &changes);
    announcement[..6].copy_from_slice(&[0x33, 0x33, 0, 0, 0, 1]);
    let (mut link, mut wire) = ready();
    let news = Neighbour { evidence: Evidence::Announced, ..told("2001:db8::1", None, GATEWAY) };
    assert_eq!(link.handle_input(Time::ZERO, P0, &announcement, &mut wire), Ok(Input::Learned(news)));
}

#[test]
fn an_address_somebody_is_about_to_take_is_defended() {
    // Without its option, from nobody: duplicate address detection by another station.
    let mut probe = hex(NS);
    for at in 22..38 {
        patch(&mut probe, at, 0, 56);
    }
    for at in 78..86 {
        patch(&mut probe, at, 0, 56);
    }
    probe.truncate(78);
    probe[19] = 24;
    // The pseudo-header's length is 8 less.
    let sum = u16::from_be_bytes([probe[56], probe[57]]);
    let (sum, carry) = sum.overflowing_add(8);
    probe[56..58].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
    let (mut link, mut wire) = ready();
    assert_eq!(link.handle_input(Time::ZERO, P0, &probe, &mut wire), Ok(Input::Handled));
    let answer = wire.one();
    assert_eq!(answer[..6], [0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!((answer[54], answer[58]), (136, 0x20));
    // The same for ARP.
    let probe = with(ARP_REQUEST, &[(28, 0), (29, 0), (30, 0), (31, 0)]);
    assert_eq!(link.handle_input(Time::ZERO, P0, &probe, &mut wire), Ok(Input::Handled));
    assert_eq!(wire.one()[..6], GATEWAY);
    assert_eq!((link.counts.conflicts, link.counts.neighbours_learned), (1, 3));
}

/// Takes a frame in, expects it to be dropped in silence, and gives what was counted.
fn dropped(frame: &[u8]) -> LinkCounts {
    let (mut link, mut wire) = ready();
    link.counts = LinkCounts::default();
    assert_eq!(link.handle_input(Time::ZERO, P0, frame, &mut wire), Ok(Input::Handled));
    assert!(wire.sent.is_empty());
    link.counts
}

#[test]
fn what_is_not_for_us_is_counted() {
    let counts = |change: &dyn Fn(&mut LinkCounts)| {
        let mut counts = LinkCounts { frames_in: 1, ..LinkCounts::default() };
        change(&mut counts);
        counts
    };
    let broadcast: Vec<(usize, u8)> = (0..6).map(|at| (at, 0xff)).collect();
    for (frame, expected) in [
        (with(UDP4_IN, &[(5, 9)]), counts(&|counts| counts.other_station = 1)),
        (with(UDP4_IN, &broadcast), counts(&|counts| counts.group_frame = 1)),
        (with(SCTP_VLAN_IN, &[(15, 8)]), counts(&|counts| counts.unknown_vlan = 1)),
        (with(UDP4_IN, &[(12, 0x88), (13, 0xcc)]), counts(&|counts| counts.unknown_ethertype = 1)),
        (patched(UDP4_IN, 24, &[(33, 11)]), counts(&|counts| counts.other_address = 1)),
        (patched(UDP4_IN, 24, &[(26, 127)]), counts(&|counts| counts.bad_source = 1)),
        (patched(UDP4_IN, 24, &[(26, 240)]), counts(&|counts| counts.bad_source = 1)),
        (
            patched(UDP4_IN, 24, &[(26, 10), (27, 1), (28, 0), (29, 10)]),
            counts(&|counts| counts.bad_source = 1),
        ),
        (with(UDP6_IN, &[(22, 0xff)]), counts(&|counts| counts.bad_source = 1)),
        (hex(FRAG4), counts(&|counts| (counts.fragments, counts.fragments_tiny) = (1, 1))),
        (hex(FRAG6), counts(&|counts| counts.fragments = 1)),
        (with(ARP_REQUEST, &[(41, 11)]), counts(&|counts| counts.resolutions_ignored = 1)),
        (patched(NS, 56, &[(77, 0x11)]), counts(&|counts| counts.resolutions_ignored = 1)),
        (with(ARP_ANSWER, &[(28, 10)]), counts(&|counts| counts.off_link_senders = 1)),
        (patched(NA_ANSWER, 56, &[(65, 0xb9)]), counts(&|counts| counts.off_link_senders = 1)),
        (with(ARP_ANSWER, &[(31, 10)]), counts(&|counts| counts.conflicts = 1)),
        (with(ARP_ANSWER, &[(31, 10), (27, 1)]), counts(&|counts| counts.resolutions_ignored = 1)),
        (patched(NA_ANSWER, 56, &[(77, 0x10)]), counts(&|counts| counts.conflicts = 1)),
        (patched(NA_ANSWER, 56, &[(58, 0)]), counts(&|counts| counts.resolutions_ignored = 1)),
    ] {
        assert_eq!(dropped(&frame), expected, "{frame:02x?}");
    }
    // On the other port the same address is not ours.
    let (mut link, mut wire) = ready();
    let mut frame = hex(UDP4_IN);
    frame[5] = 2;
    assert_eq!(link.handle_input(Time::ZERO, PortId(1), &frame, &mut wire), Ok(Input::Handled));
    assert_eq!(link.counts.other_address, 1);
    assert_eq!(link.handle_input(Time::ZERO, PortId(2), &frame, &mut wire), Ok(Input::Handled));
    assert_eq!(link.counts.other_station, 1);
}

const GOLDEN: [&str; 22] = [
    UDP4_IN,
    UDP6_IN,
    SCTP_VLAN_IN,
    ARP_REQUEST,
    ARP_ANSWER,
    NS,
    NA_ANSWER,
    ECHO4,
    ECHO6,
    CLOSED4,
    CLOSED6,
    GRE4,
    GRE6,
    UNREACH4,
    TOOBIG4,
    TOOBIG6,
    FRAG4,
    FRAG6,
    OPTIONS4,
    OPTIONS6,
    TCP4,
    ARP_PROBE,
];

#[test]
fn no_octets_make_it_panic() {
    let mut link = link();
    let mut wire = Wire::new();
    let mut seed = 42u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % below
    };
    let mut now = Time::ZERO;
    let mut take = |link: &mut Link, frame: &[u8]| {
        now += Duration::from_millis(1);
        if let Err(refusal) = link.handle_input(now, P0, frame, &mut wire) {
            assert!(usize::from(refusal.why) < WHY.len());
        }
        link.handle_timeout(now, &mut wire);
        wire.sent.clear();
    };
    for golden in GOLDEN {
        let golden = hex(golden);
        for length in 0..golden.len() {
            take(&mut link, &golden[..length]);
        }
        for at in 0..golden.len() {
            for flip in [1, 0x80, 0xff] {
                let mut frame = golden.clone();
                frame[at] ^= flip;
                take(&mut link, &frame);
            }
        }
        for _ in 0..2000 {
            let mut frame = golden.clone();
            for _ in 0..=random(4) {
                let at = 12 + random(frame.len() as u64 - 12) as usize;
                frame[at] = random(256) as u8;
            }
            // A right IPv4 header checksum lets more of them in.
            if frame[12..15] == [8, 0, 0x45] {
                frame[24..26].fill(0);
                let field = checksum::Sum::ZERO.octets(&frame[14..34]).field();
                frame[24..26].copy_from_slice(&field);
            }
            take(&mut link, &frame);
        }
    }
    for _ in 0..20_000 {
        let mut frame: Vec<u8> = (0..random(200)).map(|_| random(256) as u8).collect();
        let header: Vec<u8> = hex(GOLDEN[random(22) as usize]);
        let kept = random(40) as usize;
        for (to, from) in frame.iter_mut().zip(&header[..14 + kept]) {
            *to = *from;
        }
        take(&mut link, &frame);
    }
    link.assert_invariants();
}

#[test]
fn a_configuration_that_cannot_work_is_refused_in_words() {
    type Change = fn(&mut LinkConfig);
    let cases: [(&str, Change); 22] = [
        ("0 ports", |config| config.ports.clear()),
        ("port 0: its MAC address", |config| config.ports[0].mac[0] = 1),
        ("port 1: its MAC address", |config| config.ports[1].mac = [0; 6]),
        ("port 0: its MTU of 1279 is not from 1280", |config| config.ports[0].mtu = 1279),
        ("port 1: its MTU of 575 is not from 576", |config| config.ports[1].mtu = 575),
        ("127.0.0.1/8 is not an address for a host", |config| {
            config.ports[0].addresses[0] = own("127.0.0.1", 8, None);
        }),
        ("ff02::1/64 is not", |config| config.ports[0].addresses[1] = own("ff02::1", 64, None)),
        ("::ffff:10.0.0.1/64 is not", |config| {
            config.ports[0].addresses[1] = own("::ffff:10.0.0.1", 64, None);
        }),
        ("192.0.2.10/33 is not", |config| config.ports[0].addresses[0].prefix = 33),
        ("the VLAN of 198.51.100.10", |config| config.ports[0].addresses[2].vlan = Some(4095)),
        ("the VLAN of 198.51.100.10", |config| config.ports[0].addresses[2].vlan = Some(0)),
        ("10.1.0.10 stands there twice", |config| {
            config.ports[1].addresses.push(own("10.1.0.10", 24, None));
        }),
        ("0.0.0.0/33 on port 0: no such prefix length", |config| config.routes[0].length = 33),
        ("bits behind the prefix", |config| config.routes[2].length = 23),
        ("its gateway 2001:db8::1 is of the other family", |config| {
            config.routes[0].gateway = Some(ip("2001:db8::1"))
        }),
        ("reaches its gateway 192.0.2.1", |config| config.routes[0].port = PortId(1)),
        ("reaches its gateway 192.0.2.1", |config| config.routes[0].port = PortId(9)),
        ("reaches its gateway 192.0.2.1", |config| config.routes[0].source = Some(ip("198.51.100.10"))),
        ("its gateway 10.1.0.10 is an own address", |config| {
            config.routes[0].gateway = Some(ip("10.1.0.10"));
        }),
        ("route 0.0.0.0/0 on port 0: without a gateway it needs a source", |config| {
            config.routes[0].gateway = None;
        }),
        ("the neighbour table is too small", |config| config.neighbours = 2),
        ("code point is above 63", |config| config.udp_dscp = 64),
    ];
    for (text, change) in cases {
        let mut config = config();
        change(&mut config);
        let refusal = Link::new(config).err().unwrap_or_default();
        assert!(refusal.contains(text), "{refusal:?} should name {text:?}");
    }
}
