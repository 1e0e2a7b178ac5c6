//! Ethernet, ARP, IPv4, IPv6 with neighbour discovery, UDP and SCTP's checksum as the gateway's neighbours write and read
//! them: by hand, so that what the gateway sends is judged by other code than its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The gateway's MAC address on each port, as configured.
pub const GATEWAY_MAC: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
/// The router's MAC address on both links.
pub const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 0xff, 0xfe];

const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
const ARP: [u8; 2] = [0x08, 0x06];
pub const UDP: u8 = 17;
const FRAGMENT: u8 = 44;
const ICMPV6: u8 = 58;
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

/// RFC 768, RFC 8200 8.1.
fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, len: usize) -> Vec<u8> {
    let len = (len as u32).to_be_bytes();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            [&source.octets()[..], &destination.octets(), &[0, protocol], &len[2..]].concat()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            [&source.octets()[..], &destination.octets(), &len, &[0, 0, 0, protocol]].concat()
        }
        _ => panic!("{source} and {destination} are of two families"),
    }
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

/// An IPv6 packet in such a frame.
fn ipv6(
    port: usize,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    (protocol, hop_limit): (u8, u8),
    payload: &[u8],
) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    let header = [&[0x60, 0, 0, 0][..], &len, &[protocol, hop_limit]].concat();
    let addresses = [source.octets(), destination.octets()].concat();
    [&GATEWAY_MAC[port][..], &ROUTER_MAC, &IPV6, &header, &addresses, payload].concat()
}

/// An IP packet of either family in such a frame.
fn ip(port: usize, source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => ipv4(port, source, destination, protocol, payload),
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            ipv6(port, source, destination, (protocol, 64), payload)
        }
        _ => panic!("{source} and {destination} are of two families"),
    }
}

/// A UDP datagram in such a frame.
pub fn udp(port: usize, source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let len = 8 + payload.len();
    let mut datagram = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
    datagram.extend([(len >> 8) as u8, len as u8, 0, 0]);
    datagram.extend(payload);
    let pseudo = pseudo_header(source.ip(), destination.ip(), UDP, len);
    let sum = match internet_checksum(&[&pseudo, &datagram]) {
        0 => 0xffff,
        sum => sum,
    };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    ip(port, source.ip(), destination.ip(), UDP, &datagram)
}

/// A frame's IP packet in fragments of at most `most` octets, a multiple of eight (RFC 791 3.2, RFC 8200 4.5).
pub fn fragments(frame: &[u8], identification: u32, most: usize) -> Vec<Vec<u8>> {
    let header = if frame[12..14] == IPV4 { 34 } else { 54 };
    let (head, payload) = frame.split_at(header);
    let piece = |(number, octets): (usize, &[u8])| {
        let offset = number * most;
        let more = offset + octets.len() < payload.len();
        let mut head = head.to_vec();
        if header == 34 {
            let place = (offset / 8) as u16 | u16::from(more) << 13;
            head[16..18].copy_from_slice(&(20 + octets.len() as u16).to_be_bytes());
            head[18..20].copy_from_slice(&(identification as u16).to_be_bytes());
            head[20..22].copy_from_slice(&place.to_be_bytes());
            head[24..26].fill(0);
            let sum = internet_checksum(&[&head[14..]]);
            head[24..26].copy_from_slice(&sum.to_be_bytes());
        } else {
            let protocol = std::mem::replace(&mut head[20], FRAGMENT);
            head[18..20].copy_from_slice(&(8 + octets.len() as u16).to_be_bytes());
            head.extend([protocol, 0]);
            head.extend((offset as u16 | u16::from(more)).to_be_bytes());
            head.extend(identification.to_be_bytes());
        }
        head.extend(octets);
        head
    };
    payload.chunks(most).enumerate().map(piece).collect()
}

/// An ICMP message that a datagram of the gateway's did not reach its port (RFC 792, RFC 4443 3.1), with as much of the
/// datagram in it as routers quote.
pub fn port_unreachable(port: usize, source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let error = if source.is_ipv4() { [3, 3] } else { [1, 4] };
    about(port, (error, 0), source, destination, payload)
}

/// The same of a router whose next link takes packets of `mtu` octets (RFC 1191 4, RFC 4443 3.2).
pub fn too_big(
    port: usize,
    mtu: u32,
    source: SocketAddr,
    destination: SocketAddr,
    payload: &[u8],
) -> Vec<u8> {
    let error = if source.is_ipv4() { [3, 4] } else { [2, 0] };
    about(port, (error, mtu), source, destination, payload)
}

fn about(
    port: usize,
    (error, word): ([u8; 2], u32),
    source: SocketAddr,
    destination: SocketAddr,
    payload: &[u8],
) -> Vec<u8> {
    let quoted = udp(port, source, destination, payload)[14..].to_vec();
    let (protocol, most) = if source.is_ipv4() { (1, 548) } else { (ICMPV6, 1232) };
    let mut message = [&error[..], &[0; 2], &word.to_be_bytes(), &quoted[..quoted.len().min(most)]].concat();
    let pseudo = match source {
        SocketAddr::V4(_) => vec![],
        SocketAddr::V6(_) => pseudo_header(destination.ip(), source.ip(), ICMPV6, message.len()),
    };
    let sum = internet_checksum(&[&pseudo, &message]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    ip(port, destination.ip(), source.ip(), protocol, &message)
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
    /// It asks for a neighbour's hardware address: the answer.
    Resolution(Vec<u8>),
    Udp {
        source: SocketAddr,
        destination: SocketAddr,
        payload: &'a [u8],
    },
    Sctp {
        source: Ipv4Addr,
        destination: Ipv4Addr,
        payload: &'a [u8],
    },
    /// A part of a packet, which begins with `offset`; the packet is told apart by where it goes and by its identification.
    Piece {
        of: (IpAddr, IpAddr, u32),
        offset: usize,
        more: bool,
        octets: &'a [u8],
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
    if ether_type == IPV6 {
        return read_ipv6(port, frame);
    }
    assert_eq!((ether_type, &frame[..6]), (&IPV4[..], &ROUTER_MAC[..]), "{frame:02x?}");
    assert_eq!(rest[0], 0x45, "an IPv4 header without options");
    let len = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
    let packet = &rest[..len];
    assert_eq!(internet_checksum(&[&packet[..20]]), 0, "IPv4 header checksum: {packet:02x?}");
    let address = |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
    let (source, destination, payload) = (address(12), address(16), &packet[20..]);
    let place = u16::from_be_bytes([packet[6], packet[7]]);
    if place & 0x3fff != 0 {
        let identification = u16::from_be_bytes([packet[4], packet[5]]);
        assert_eq!((packet[9], place & 0x4000), (UDP, 0), "a fragment may be fragmented: {packet:02x?}");
        return Received::Piece {
            of: (source.into(), destination.into(), identification.into()),
            offset: usize::from(place & 0x1fff) * 8,
            more: place & 0x2000 != 0,
            octets: payload,
        };
    }
    match packet[9] {
        UDP => datagram(source.into(), destination.into(), payload),
        SCTP => Received::Sctp { source, destination, payload },
        _ => Received::Other,
    }
}

fn read_ipv6(port: usize, frame: &[u8]) -> Received<'_> {
    let (header, rest) = frame[14..].split_first_chunk::<40>().expect("an IPv6 header");
    assert_eq!(header[0] >> 4, 6, "version: {frame:02x?}");
    let payload = &rest[..usize::from(u16::from_be_bytes([header[4], header[5]]))];
    let address = |at: usize| Ipv6Addr::from(*header[at..].first_chunk::<16>().unwrap());
    let (source, destination) = (address(8), address(24));
    match header[6] {
        FRAGMENT => {
            let place = u16::from_be_bytes([payload[2], payload[3]]);
            assert_eq!((payload[0], payload[1], place & 6), (UDP, 0, 0), "{payload:02x?}");
            let identification = u32::from_be_bytes(payload[4..8].try_into().unwrap());
            Received::Piece {
                of: (source.into(), destination.into(), identification),
                offset: usize::from(place & !7),
                more: place & 1 == 1,
                octets: &payload[8..],
            }
        }
        UDP => {
            assert_eq!(frame[..6], ROUTER_MAC, "{frame:02x?}");
            datagram(source.into(), destination.into(), payload)
        }
        ICMPV6 => {
            let pseudo = pseudo_header(source.into(), destination.into(), ICMPV6, payload.len());
            assert_eq!(internet_checksum(&[&pseudo, payload]), 0, "ICMPv6 checksum: {frame:02x?}");
            neighbour_solicitation(port, frame, source, destination, payload)
        }
        _ => Received::Other,
    }
}

/// A UDP datagram, whose checksum must be there and right.
pub fn datagram(source: IpAddr, destination: IpAddr, octets: &[u8]) -> Received<'_> {
    let number = |at: usize| u16::from_be_bytes([octets[at], octets[at + 1]]);
    assert_eq!(usize::from(number(4)), octets.len(), "UDP length");
    let pseudo = pseudo_header(source, destination, UDP, octets.len());
    assert!(
        number(6) != 0 && internet_checksum(&[&pseudo, octets]) == 0,
        "UDP checksum from {source} to {destination}: {octets:02x?}"
    );
    let (source, destination) = (SocketAddr::new(source, number(0)), SocketAddr::new(destination, number(2)));
    Received::Udp { source, destination, payload: &octets[8..] }
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
    Received::Resolution(reply.concat())
}

/// The same in IPv6 (RFC 4861 4.3, 4.4): to all who may have the address, or to who had it.
fn neighbour_solicitation<'a>(
    port: usize,
    frame: &[u8],
    source: Ipv6Addr,
    destination: Ipv6Addr,
    message: &[u8],
) -> Received<'a> {
    const SOLICITATION: u8 = 135;
    const ADVERTISEMENT: u8 = 136;
    const SOLICITED_AND_OVERRIDE: u8 = 0x60;
    if message[0] != SOLICITATION || source.is_unspecified() {
        return Received::Other;
    }
    assert_eq!((frame[21], &message[4..8]), (255, &[0; 4][..]), "hop limit, reserved: {frame:02x?}");
    let target: [u8; 16] = message[8..24].try_into().unwrap();
    let [.., a, b, c] = target;
    let (group, mac) =
        (Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]), [0x33, 0x33, 0xff, a, b, c]);
    let to = (destination, &frame[..6]);
    assert!(to == (group, &mac[..]) || to == (target.into(), &ROUTER_MAC[..]), "{frame:02x?}");
    assert_eq!(message[24..], [&[1, 1][..], &GATEWAY_MAC[port]].concat(), "its own hardware address");
    let mut answer =
        [&[ADVERTISEMENT, 0, 0, 0, SOLICITED_AND_OVERRIDE, 0, 0, 0][..], &target, &[2, 1], &ROUTER_MAC]
            .concat();
    let pseudo = pseudo_header(target.into(), source.into(), ICMPV6, answer.len());
    let sum = internet_checksum(&[&pseudo, &answer]);
    answer[2..4].copy_from_slice(&sum.to_be_bytes());
    Received::Resolution(ipv6(port, target.into(), source, (ICMPV6, 255), &answer))
}
