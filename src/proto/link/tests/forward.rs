//! The exception port, and the kernel behind it.

use super::golden::*;
use super::*;

const EXCEPTION: PortId = PortId(2);
const KERNEL: [u8; 6] = [2, 0, 0, 0, 0xee, 1];
const OUR_END: [u8; 6] = [2, 0, 0, 0, 0xee, 2];

/// A link with an exception port that knows its gateways.
fn with_kernel() -> (Link, Wire) {
    let mut config = config();
    config.ports.push(PortConfig { mac: OUR_END, mtu: 1500, addresses: vec![] });
    config.exception = Some(Exception { port: EXCEPTION, kernel: KERNEL });
    let (mut link, mut wire) = (Link::new(config).unwrap(), Wire::new());
    for (gateway, vlan) in [("192.0.2.1", None), ("2001:db8::1", None), ("198.51.100.1", Some(7))] {
        link.learn(Time::ZERO, told(gateway, vlan, GATEWAY), &mut wire);
    }
    (link, wire)
}

/// The IP packet of a frame of IPv4, without what fills the frame up.
fn packet(frame: &[u8]) -> &[u8] {
    &frame[14..14 + usize::from(u16::from_be_bytes([frame[16], frame[17]]))]
}

/// A segment of TCP the other way round, as the kernel answers: from us to the peer.
fn answer() -> Vec<u8> {
    let mut frame = hex(TCP4);
    frame[..12].copy_from_slice(&[OUR_END, KERNEL].concat());
    let (from, to) = (frame[26..30].to_vec(), frame[30..34].to_vec());
    frame[26..30].copy_from_slice(&to);
    frame[30..34].copy_from_slice(&from);
    frame
}

#[test]
fn tcp_reaches_the_kernel_and_comes_back() {
    let (mut link, mut wire) = with_kernel();
    let segment = hex(TCP4);
    assert_eq!(link.handle_input(Time::ZERO, P0, &segment, &mut wire), Ok(Input::Handled));
    let (port, frame) = wire.sent.pop().unwrap();
    assert_eq!((port, &frame[..12]), (EXCEPTION, &[KERNEL, OUR_END].concat()[..]));
    assert_eq!(packet(&frame), packet(&segment), "no octet changed");
    assert_eq!((link.counts.to_kernel, link.counts.other_in), (1, 1));

    let answer = answer();
    assert_eq!(link.handle_input(Time::ZERO, EXCEPTION, &answer, &mut wire), Ok(Input::Handled));
    let (port, frame) = wire.sent.pop().unwrap();
    assert_eq!((port, &frame[..12]), (P0, &[GATEWAY, MAC].concat()[..]), "by route and neighbour");
    assert_eq!(packet(&frame), packet(&answer));
    assert_eq!(link.counts.from_kernel, 1);
    link.assert_invariants();
}

/// An ICMP error about TCP, and fragments of TCP, whole as they are; errors about other things stay here.
#[test]
fn what_is_about_tcp_goes_too() {
    let (mut link, mut wire) = with_kernel();
    let mut about_tcp = hex(UNREACH4);
    patch(&mut about_tcp, 42 + 9, 6, 36);
    let mut fragment = hex(TCP4);
    patch(&mut fragment, 20, 0x20, 24);
    for frame in [&about_tcp, &fragment] {
        assert_eq!(link.handle_input(Time::ZERO, P0, frame, &mut wire), Ok(Input::Handled));
        let (port, sent) = wire.sent.pop().unwrap();
        assert_eq!((port, packet(&sent)), (EXCEPTION, packet(frame)));
    }
    assert_eq!((link.counts.to_kernel, link.counts.fragments), (2, 1));
    assert!(matches!(
        link.handle_input(Time::ZERO, P0, &hex(UNREACH4), &mut wire),
        Ok(Input::Unreachable(_))
    ));
    assert!(wire.sent.is_empty());
}

/// The kernel speaks for our addresses alone, to others alone, and TCP alone; it learns no neighbours of ours.
#[test]
fn what_the_kernel_may_not_say() {
    let bad_source = |frame: &mut Vec<u8>| patch(frame, 29, 11, 24);
    let ours = |frame: &mut Vec<u8>| {
        for (at, octet) in [(30, 10), (31, 1), (32, 0), (33, 10)] {
            patch(frame, at, octet, 24);
        }
    };
    let group = |frame: &mut Vec<u8>| patch(frame, 30, 224, 24);
    let udp = |frame: &mut Vec<u8>| patch(frame, 23, 17, 24);
    let elsewhere = |frame: &mut Vec<u8>| frame[5] = 9;
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Vec<u8>), [u64; 2]);
    let changes: [Change<'_>; 5] = [
        ("from another's address", &bad_source, [1, 0]),
        ("to an own one", &ours, [1, 0]),
        ("to a group", &group, [0, 1]),
        ("UDP", &udp, [0, 1]),
        ("to another station", &elsewhere, [0, 1]),
    ];
    for (name, change, counted) in changes {
        let (mut link, mut wire) = with_kernel();
        let mut frame = answer();
        change(&mut frame);
        assert_eq!(link.handle_input(Time::ZERO, EXCEPTION, &frame, &mut wire), Ok(Input::Handled), "{name}");
        assert_eq!([link.counts.kernel_bad_source, link.counts.kernel_ignored], counted, "{name}");
        assert!(wire.sent.is_empty(), "{name}");
    }
    let (mut link, mut wire) = with_kernel();
    for frame in [ARP_REQUEST, NS] {
        assert_eq!(link.handle_input(Time::ZERO, EXCEPTION, &hex(frame), &mut wire), Ok(Input::Handled));
    }
    assert!(wire.sent.is_empty() && link.counts.kernel_ignored == 2);
    let mut short = answer();
    short.truncate(40);
    assert_eq!(
        link.handle_input(Time::ZERO, EXCEPTION, &short, &mut wire).unwrap_err().why,
        Why::Ipv4Length as u8
    );
}

#[test]
fn an_exception_port_has_no_addresses() {
    let mut config = config();
    config.exception = Some(Exception { port: P0, kernel: KERNEL });
    assert!(Link::new(config.clone()).err().unwrap().contains("exception port"));
    config.ports.push(PortConfig { mac: OUR_END, mtu: 1500, addresses: vec![] });
    config.exception = Some(Exception { port: EXCEPTION, kernel: [0; 6] });
    assert!(Link::new(config.clone()).err().unwrap().contains("exception port"));
    config.exception = Some(Exception { port: EXCEPTION, kernel: KERNEL });
    assert!(Link::new(config).is_ok());
}
