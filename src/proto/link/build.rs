//! Headers, written in front of a payload, each layer in front of the one it carries.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::checksum::Sum;
use super::interface::Interface;
use super::view::pseudo_header;
use super::{ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN, ICMP, ICMPV6, Mac, SCTP, UDP};

/// The longest Ethernet header, with a tag.
pub(super) const ETHERNET: usize = 18;
/// The shortest frame, without its check sequence.
pub(super) const SHORTEST: usize = 60;
const HOP_LIMIT: u8 = 64;

/// What stands behind the IP header.
#[derive(Clone, Copy)]
pub(super) enum Upper {
    Sctp,
    /// Something with its transport header, by its protocol number.
    Written(u8),
    /// A piece of such a thing, or all of it, which may be fragmented on its way.
    Piece {
        protocol: u8,
        identification: u32,
        /// Octets of the packet before it.
        offset: u16,
        more: bool,
    },
    Udp {
        source_port: u16,
        destination_port: u16,
    },
    /// ICMP or ICMPv6, by the family; its checksum field is written here.
    Icmp,
    /// The same with the hop limit that shows that no router has passed it on (RFC 4861 §3.1).
    Neighbour,
}

impl Upper {
    /// Whether it goes in fragments when it is longer than its way takes.
    pub(super) const fn is_datagram(self) -> bool {
        matches!(self, Self::Udp { .. } | Self::Icmp)
    }
}

/// Puts `octets` at the end of `head` and gives what is free in front of them.
fn put<const N: usize>(head: &mut [u8], octets: [u8; N]) -> Option<&mut [u8]> {
    let (rest, room) = head.split_last_chunk_mut::<N>()?;
    *room = octets;
    Some(rest)
}

/// Writes transport and IP headers for `payload` at the end of `head`. How many octets of `head` stay free; `None` if
/// they don't fit or are too many for IP.
pub(super) fn ip(
    head: &mut [u8],
    payload: &mut [u8],
    source: IpAddr,
    destination: IpAddr,
    upper: Upper,
    dscp: u8,
) -> Option<usize> {
    let (head, length, protocol) = transport(head, payload, source, destination, upper)?;
    let rest = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let total = u16::try_from(length + 20).ok()?;
            let fragment = match upper {
                Upper::Piece { identification, offset, more, .. } => {
                    let [i0, i1] = (identification as u16).to_be_bytes();
                    let [f0, f1] = ((offset / 8) | (u16::from(more) << 13)).to_be_bytes();
                    [i0, i1, f0, f1]
                }
                // It may not be fragmented, so its identification means nothing and is zero (RFC 6864 4.1).
                _ => [0, 0, DONT_FRAGMENT, 0],
            };
            put(head, ipv4(total, protocol, source, destination, dscp, fragment))?
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let hop_limit = if matches!(upper, Upper::Neighbour) { 255 } else { HOP_LIMIT };
            let (head, length, protocol) = match upper {
                Upper::Piece { identification, offset, more, .. } => {
                    let [i0, i1, i2, i3] = identification.to_be_bytes();
                    let [f0, f1] = (offset | u16::from(more)).to_be_bytes();
                    (put(head, [protocol, 0, f0, f1, i0, i1, i2, i3])?, length + FRAGMENT_HEADER, FRAGMENT)
                }
                _ => (head, length, protocol),
            };
            let length = u16::try_from(length).ok()?;
            let [l0, l1] = length.to_be_bytes();
            let head = put(head, destination.octets())?;
            let head = put(head, source.octets())?;
            put(head, [0x60 | dscp >> 2, dscp << 6, 0, 0, l0, l1, protocol, hop_limit])?
        }
        _ => return None,
    };
    Some(rest.len())
}

/// Writes the transport header, if it is ours to write: what is free, length of header and payload, protocol.
pub(super) fn transport<'b>(
    head: &'b mut [u8],
    payload: &mut [u8],
    source: IpAddr,
    destination: IpAddr,
    upper: Upper,
) -> Option<(&'b mut [u8], usize, u8)> {
    match upper {
        Upper::Sctp => Some((head, payload.len(), SCTP)),
        Upper::Written(protocol) | Upper::Piece { protocol, .. } => Some((head, payload.len(), protocol)),
        Upper::Udp { source_port, destination_port } => {
            let length = u16::try_from(payload.len() + 8).ok()?;
            let sum = pseudo_header(source, destination, UDP, usize::from(length))
                .number(source_port)
                .number(destination_port)
                .number(length)
                .octets(payload);
            // Zero would mean no checksum; both are zero in one's complement.
            let [c0, c1] = match sum.field() {
                [0, 0] => [0xff, 0xff],
                field => field,
            };
            let [s0, s1] = source_port.to_be_bytes();
            let [d0, d1] = destination_port.to_be_bytes();
            let [l0, l1] = length.to_be_bytes();
            Some((put(head, [s0, s1, d0, d1, l0, l1, c0, c1])?, usize::from(length), UDP))
        }
        Upper::Icmp | Upper::Neighbour => {
            let is_v6 = source.is_ipv6();
            let protocol = if is_v6 { ICMPV6 } else { ICMP };
            let length = payload.len();
            let sum = if is_v6 { pseudo_header(source, destination, protocol, length) } else { Sum::ZERO };
            payload.get_mut(2..4)?.fill(0);
            let field = sum.octets(payload).field();
            *payload.get_mut(2..)?.first_chunk_mut()? = field;
            Some((head, length, protocol))
        }
    }
}

/// The flag of an IPv4 packet that is not to be fragmented.
const DONT_FRAGMENT: u8 = 0x40;
/// The protocol number of IPv6's fragment header.
const FRAGMENT: u8 = 44;
/// Its octets.
pub(super) const FRAGMENT_HEADER: usize = 8;
/// Octets of SCTP in a fragment that every IPv6 path carries: a multiple of eight.
pub(super) const LEAST_FRAGMENT: usize = (1280 - 40 - FRAGMENT_HEADER) / 8 * 8;

/// An IPv4 header, with its identification, flags and fragment offset.
fn ipv4(
    total: u16,
    protocol: u8,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    dscp: u8,
    [i0, i1, f0, f1]: [u8; 4],
) -> [u8; 20] {
    let [l0, l1] = total.to_be_bytes();
    let [s0, s1, s2, s3] = source.octets();
    let [d0, d1, d2, d3] = destination.octets();
    let header = |c0, c1| {
        let tos = dscp << 2;
        [0x45, tos, l0, l1, i0, i1, f0, f1, HOP_LIMIT, protocol, c0, c1, s0, s1, s2, s3, d0, d1, d2, d3]
    };
    let [c0, c1] = Sum::ZERO.octets(&header(0, 0)).field();
    header(c0, c1)
}

/// Writes an Ethernet header without a tag at the end of `head`. How many octets stay free.
pub(super) fn untagged(head: &mut [u8], (destination, source): (Mac, Mac), ethertype: u16) -> Option<usize> {
    let head = put(head, ethertype.to_be_bytes())?;
    let head = put(head, source)?;
    Some(put(head, destination)?.len())
}

/// Writes the Ethernet header at the end of `head`. How many octets stay free.
pub(super) fn ethernet(
    head: &mut [u8],
    interface: &Interface,
    destination: Mac,
    ethertype: u16,
) -> Option<usize> {
    let head = put(head, ethertype.to_be_bytes())?;
    let head = if interface.vlan == 0 {
        head
    } else {
        let head = put(head, interface.vlan.to_be_bytes())?;
        put(head, ETHERTYPE_VLAN.to_be_bytes())?
    };
    let head = put(head, interface.mac)?;
    Some(put(head, destination)?.len())
}

/// The Ethernet type of the family of `address`.
pub(super) const fn ethertype(address: IpAddr) -> u16 {
    if address.is_ipv4() { ETHERTYPE_IPV4 } else { ETHERTYPE_IPV6 }
}

/// Writes an ARP message and its Ethernet header at the end of `head`. How many octets stay free.
pub(super) fn arp(
    head: &mut [u8],
    interface: &Interface,
    operation: u8,
    sender: Ipv4Addr,
    (target_mac, target): (Mac, Ipv4Addr),
    destination: Mac,
) -> Option<usize> {
    let head = put(head, target.octets())?;
    let head = put(head, target_mac)?;
    let head = put(head, sender.octets())?;
    let head = put(head, interface.mac)?;
    let head = put(head, [0, 1, 8, 0, 6, 4, 0, operation])?;
    let free = head.len();
    ethernet(head.get_mut(..free)?, interface, destination, ETHERTYPE_ARP)
}

/// A neighbour solicitation or advertisement with our hardware address as its option (RFC 4861 §4.3, §4.4).
pub(super) fn neighbour_message(kind: u8, flags: u8, target: Ipv6Addr, option: u8, mac: Mac) -> [u8; 32] {
    let [m0, m1, m2, m3, m4, m5] = mac;
    let mut message = [0; 32];
    let [k, _, _, _, f, _, _, _, rest @ ..] = &mut message;
    (*k, *f) = (kind, flags);
    let (address, tail) = rest.split_at_mut(16);
    address.copy_from_slice(&target.octets());
    tail.copy_from_slice(&[option, 1, m0, m1, m2, m3, m4, m5]);
    message
}
