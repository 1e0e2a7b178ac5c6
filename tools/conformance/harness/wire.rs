//! Ethernet, ARP, IPv4, UDP and SCTP's checksum as the gateway's neighbours write and read them: by hand, so that what
//! the gateway sends is judged by other code than its own.

use std::net::{Ipv4Addr, SocketAddrV4};

/// The gateway's MAC address on each port, as configured.
pub const GATEWAY_MAC: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
/// The router's MAC address on both links.
pub const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 0xff, 0xfe];

const IPV4: [u8; 2] = [0x08, 0x00];
const ARP: [u8; 2] = [0x08, 0x06];
pub const UDP: u8 = 17;
pub const SCTP: u8 = 132;

/// The ones' complement sum of RFC 1071.
pub fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn pseudo_header(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, len: usize) -> Vec<u8> {
    let mut header = [source.octets(), destination.octets()].concat();
    header.extend([0, protocol, (len >> 8) as u8, len as u8]);
    header
}

/// An IPv4 packet in an Ethernet frame for the gateway's port `port`.
pub fn ipv4(port: usize, source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = [&GATEWAY_MAC[port][..], &ROUTER_MAC, &IPV4].concat();
    let len = (20 + payload.len()) as u16;
    let mut header = vec![0x45, 0, (len >> 8) as u8, len as u8, 0, 0, 0x40, 0, 64, protocol, 0, 0];
    header.extend(source.octets());
    header.extend(destination.octets());
    let sum = internet_checksum(&[&header]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    frame.extend(header);
    frame.extend(payload);
    frame
}

/// A UDP datagram in such a frame.
pub fn udp(port: usize, source: SocketAddrV4, destination: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let len = 8 + payload.len();
    let mut datagram = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
    datagram.extend([(len >> 8) as u8, len as u8, 0, 0]);
    datagram.extend(payload);
    let pseudo = pseudo_header(*source.ip(), *destination.ip(), UDP, len);
    let sum = match internet_checksum(&[&pseudo, &datagram]) {
        0 => 0xffff,
        sum => sum,
    };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    ipv4(port, *source.ip(), *destination.ip(), UDP, &datagram)
}

/// An ICMP message that a datagram of the gateway's did not reach its port (RFC 792), with all of the datagram in it.
pub fn port_unreachable(
    port: usize,
    source: SocketAddrV4,
    destination: SocketAddrV4,
    payload: &[u8],
) -> Vec<u8> {
    let quoted = udp(port, source, destination, payload)[14..].to_vec();
    let mut message = [&[3, 3, 0, 0, 0, 0, 0, 0][..], &quoted[..quoted.len().min(548)]].concat();
    let sum = internet_checksum(&[&message]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    ipv4(port, *destination.ip(), *source.ip(), 1, &message)
}

/// CRC32c, a bit at a time (RFC 9260 A).
fn crc32c(octets: &[u8]) -> u32 {
    !octets.iter().fold(!0, |crc, octet| {
        (0..8).fold(crc ^ u32::from(*octet), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    })
}

/// An SCTP packet to the gateway's M3UA port, with these chunks as they are.
pub fn sctp(tag: [u8; 4], chunks: &[u8]) -> Vec<u8> {
    let mut packet = [&2905u16.to_be_bytes()[..], &2905u16.to_be_bytes(), &tag, &[0; 4], chunks].concat();
    let sum = crc32c(&packet);
    packet[8..12].copy_from_slice(&sum.to_le_bytes());
    packet
}

/// Whether a packet's checksum is right.
pub fn sctp_is_sound(packet: &[u8]) -> bool {
    crc32c(&[&packet[..8], &[0; 4], &packet[12..]].concat()).to_le_bytes() == packet[8..12]
}

/// How many DATA chunks an SCTP packet has.
pub fn data_chunks(packet: &[u8]) -> usize {
    let mut rest = packet.get(12..).unwrap_or(&[]);
    let mut count = 0;
    while let [kind, _, a, b, ..] = *rest {
        count += usize::from(kind == 0);
        rest = rest.get(usize::from(u16::from_be_bytes([a, b])).next_multiple_of(4).max(4)..).unwrap_or(&[]);
    }
    count
}

/// What a frame from the gateway holds.
#[derive(Debug)]
pub enum Received<'a> {
    /// It looks for a neighbour: the answer.
    ArpRequest(Vec<u8>),
    Udp {
        source: SocketAddrV4,
        destination: SocketAddrV4,
        payload: &'a [u8],
    },
    Sctp {
        source: Ipv4Addr,
        destination: Ipv4Addr,
        payload: &'a [u8],
    },
    Other,
}

/// Reads a frame from the gateway's port `port`, and panics if any checksum or length in it is wrong.
pub fn read(port: usize, frame: &[u8]) -> Received<'_> {
    assert_eq!(frame[6..12], GATEWAY_MAC[port], "frame from another station: {frame:02x?}");
    let (ether_type, rest) = (&frame[12..14], &frame[14..]);
    if ether_type == ARP {
        return arp(rest);
    }
    assert_eq!((ether_type, &frame[..6]), (&IPV4[..], &ROUTER_MAC[..]), "{frame:02x?}");
    assert_eq!(rest[0], 0x45, "an IPv4 header without options");
    let len = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
    let packet = &rest[..len];
    assert_eq!(internet_checksum(&[&packet[..20]]), 0, "IPv4 header checksum: {packet:02x?}");
    let address = |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
    let (source, destination, payload) = (address(12), address(16), &packet[20..]);
    match packet[9] {
        UDP => {
            let number = |at: usize| u16::from_be_bytes([payload[at], payload[at + 1]]);
            assert_eq!(usize::from(number(4)), payload.len(), "UDP length");
            let pseudo = pseudo_header(source, destination, UDP, payload.len());
            assert!(
                number(6) != 0 && internet_checksum(&[&pseudo, payload]) == 0,
                "UDP checksum: {packet:02x?}"
            );
            let (source, destination) =
                (SocketAddrV4::new(source, number(0)), SocketAddrV4::new(destination, number(2)));
            Received::Udp { source, destination, payload: &payload[8..] }
        }
        SCTP => Received::Sctp { source, destination, payload },
        _ => Received::Other,
    }
}

/// All addresses of the link are the router's.
fn arp(packet: &[u8]) -> Received<'_> {
    let request = packet.starts_with(&[0, 1, 8, 0, 6, 4, 0, 1]);
    // An announcement asks for the sender's own address.
    if !request || packet[14..18] == packet[24..28] {
        return Received::Other;
    }
    let (sender, target) = (&packet[8..18], &packet[24..28]);
    let reply = [&sender[..6], &ROUTER_MAC, &ARP, &[0, 1, 8, 0, 6, 4, 0, 2], &ROUTER_MAC, target, sender];
    Received::ArpRequest(reply.concat())
}
