//! Checked views of what arrives: Ethernet, ARP, IPv4, IPv6, UDP, and the neighbour messages of ICMPv6.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Mac;
use super::checksum::Sum;
use super::{ICMPV6, Why};
use crate::base::Malformed;

/// Ethernet II with at most one 802.1Q tag.
pub(super) struct Ethernet<'a> {
    pub(super) destination: Mac,
    pub(super) source: Mac,
    /// VLAN identifier; 0 without a tag, or with one that only carries a priority.
    pub(super) vlan: u16,
    pub(super) ethertype: u16,
    pub(super) payload: &'a [u8],
    /// Where the payload starts.
    pub(super) at: usize,
}

impl<'a> Ethernet<'a> {
    pub(super) fn parse(frame: &'a [u8]) -> Result<Self, Malformed> {
        let short = || Why::EthernetShort.at(frame.len());
        let (destination, rest) = frame.split_first_chunk::<6>().ok_or_else(short)?;
        let (source, rest) = rest.split_first_chunk::<6>().ok_or_else(short)?;
        let (ethertype, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
        if source.is_group() {
            return Err(Why::EthernetSource.at(6));
        }
        let untagged = Self {
            destination: *destination,
            source: *source,
            vlan: 0,
            ethertype: u16::from_be_bytes(*ethertype),
            payload: rest,
            at: 14,
        };
        if untagged.ethertype != super::ETHERTYPE_VLAN {
            return Ok(untagged);
        }
        let (&[high, low, type_high, type_low], payload) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let vlan = u16::from_be_bytes([high & 0x0f, low]);
        let ethertype = u16::from_be_bytes([type_high, type_low]);
        Ok(Self { vlan, ethertype, payload, at: 18, ..untagged })
    }
}

/// What the rules say about hardware addresses.
pub(super) trait HardwareAddress {
    /// Whether it is multicast or broadcast.
    fn is_group(&self) -> bool;
    /// Whether it can be a station's own.
    fn is_station(&self) -> bool;
}

impl HardwareAddress for Mac {
    fn is_group(&self) -> bool {
        self.first().is_some_and(|octet| octet & 1 != 0)
    }

    fn is_station(&self) -> bool {
        !self.is_group() && *self != [0; 6]
    }
}

/// ARP for IPv4 over Ethernet (RFC 826).
pub(super) struct Arp {
    /// A request; otherwise a reply.
    pub(super) is_request: bool,
    pub(super) sender_mac: Mac,
    pub(super) sender: Ipv4Addr,
    pub(super) target: Ipv4Addr,
}

impl Arp {
    pub(super) fn parse(octets: &[u8], at: usize) -> Result<Self, Malformed> {
        let short = || Why::ArpShort.at(at + octets.len());
        let (&[h0, h1, p0, p1, hardware, protocol, o0, operation], rest) =
            octets.split_first_chunk::<8>().ok_or_else(short)?;
        if [h0, h1, p0, p1, hardware, protocol] != [0, 1, 8, 0, 6, 4] {
            return Err(Why::ArpFormat.at(at));
        }
        if o0 != 0 || !matches!(operation, 1 | 2) {
            return Err(Why::ArpOperation.at(at + 6));
        }
        let (&sender_mac, rest) = rest.split_first_chunk::<6>().ok_or_else(short)?;
        let (&sender, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let (_, rest) = rest.split_first_chunk::<6>().ok_or_else(short)?;
        let (&target, _) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        if !sender_mac.is_station() {
            return Err(Why::ArpSender.at(at + 8));
        }
        Ok(Self { is_request: operation == 1, sender_mac, sender: sender.into(), target: target.into() })
    }
}

/// An IPv4 or IPv6 packet, its options and extension headers passed over.
#[derive(Clone, Copy)]
pub(super) struct Packet<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// What the payload is.
    pub(super) protocol: u8,
    pub(super) hop_limit: u8,
    /// Which part of a larger packet it is, if it is one.
    pub(super) piece: Option<Piece>,
    pub(super) payload: &'a [u8],
    /// Where the payload starts in the frame.
    pub(super) at: usize,
    /// The packet from its IP header on, without link padding.
    pub(super) whole: &'a [u8],
    /// Where in the packet the protocol is named.
    pub(super) protocol_at: u32,
}

/// What a fragment says of itself (RFC 791 3.1, RFC 8200 4.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    /// The same in all fragments of a packet.
    pub(super) identification: u32,
    /// Octets of the packet before it.
    pub(super) offset: u16,
    /// Whether others follow.
    pub(super) more: bool,
}

impl<'a> Packet<'a> {
    pub(super) fn parse_v4(octets: &'a [u8], at: usize) -> Result<Self, Malformed> {
        let (fixed, _) =
            octets.split_first_chunk::<20>().ok_or_else(|| Why::Ipv4Short.at(at + octets.len()))?;
        let &[first, _, l0, l1, i0, i1, f0, f1, hop_limit, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
            fixed;
        if first >> 4 != 4 {
            return Err(Why::Ipv4Version.at(at));
        }
        let header_length = usize::from(first & 0x0f) * 4;
        let whole = octets
            .get(..usize::from(u16::from_be_bytes([l0, l1])))
            .ok_or_else(|| Why::Ipv4Length.at(at + 2))?;
        if header_length < 20 {
            return Err(Why::Ipv4HeaderLength.at(at));
        }
        let (header, payload) =
            whole.split_at_checked(header_length).ok_or_else(|| Why::Ipv4HeaderLength.at(at))?;
        // Mostly there are no options, and the sum over a known length is quick.
        let options = header.get(20..).unwrap_or(&[]);
        let sum = Sum::ZERO.octets(fixed);
        let sum = if options.is_empty() { sum } else { sum.octets(options) };
        if !sum.is_right() {
            return Err(Why::Ipv4Checksum.at(at + 10));
        }
        Ok(Self {
            source: Ipv4Addr::new(s0, s1, s2, s3).into(),
            destination: Ipv4Addr::new(d0, d1, d2, d3).into(),
            protocol,
            hop_limit,
            // More fragments, or an offset.
            piece: (f0 & 0x3f != 0 || f1 != 0).then_some(Piece {
                identification: u16::from_be_bytes([i0, i1]).into(),
                offset: u16::from_be_bytes([f0 & 0x1f, f1]) * 8,
                more: f0 & 0x20 != 0,
            }),
            payload,
            at: at + header_length,
            whole,
            protocol_at: 9,
        })
    }

    pub(super) fn parse_v6(octets: &'a [u8], at: usize) -> Result<Self, Malformed> {
        let short = || Why::Ipv6Short.at(at + octets.len());
        let (&[first, _, _, _, l0, l1, protocol, hop_limit], rest) =
            octets.split_first_chunk::<8>().ok_or_else(short)?;
        let (&source, rest) = rest.split_first_chunk::<16>().ok_or_else(short)?;
        let (&destination, rest) = rest.split_first_chunk::<16>().ok_or_else(short)?;
        if first >> 4 != 6 {
            return Err(Why::Ipv6Version.at(at));
        }
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let payload = rest.get(..length).ok_or_else(|| Why::Ipv6Length.at(at + 4))?;
        let packet = Self {
            source: Ipv6Addr::from(source).into(),
            destination: Ipv6Addr::from(destination).into(),
            protocol,
            hop_limit,
            piece: None,
            payload,
            at: at + 40,
            whole: octets.get(..40 + length).unwrap_or(octets),
            protocol_at: 6,
        };
        if matches!(protocol, 0 | 43 | 44 | 60) { packet.extension_headers(false) } else { Ok(packet) }
    }

    /// Passes over hop-by-hop options, destination options, spent routing headers, and the fragment header of a packet that
    /// was not cut (RFC 8200 4, RFC 6946), as far as the fragment header of one that was, behind which nothing can be told.
    /// `is_within`: headers behind a fragment header, where neither hop-by-hop options nor another may stand.
    pub(super) fn extension_headers(mut self, is_within: bool) -> Result<Self, Malformed> {
        let (mut first, mut is_within) = (!is_within, is_within);
        while matches!(self.protocol, 0 | 43 | 44 | 60) {
            if self.protocol == 0 && !first || self.protocol == 44 && is_within {
                return Err(Why::Ipv6Extension.at(self.at));
            }
            first = false;
            if self.protocol == 44 {
                self.fragment_header()?;
                is_within = true;
                match self.piece {
                    Some(_) => return Ok(self),
                    None => continue,
                }
            }
            let &[next, length, kind, segments_left, ..] = self.payload else {
                return Err(Why::Ipv6Extension.at(self.at));
            };
            let _ = kind;
            let length = usize::from(length) * 8 + 8;
            let (header, rest) =
                self.payload.split_at_checked(length).ok_or_else(|| Why::Ipv6Extension.at(self.at + 1))?;
            if self.protocol == 43 {
                if segments_left != 0 {
                    return Err(Why::Ipv6Routing.at(self.at + 3));
                }
            } else if !options_may_be_skipped(header) {
                return Err(Why::Ipv6Option.at(self.at));
            }
            self.protocol_at = (self.whole.len() - self.payload.len()) as u32;
            self.protocol = next;
            self.payload = rest;
            self.at += length;
        }
        Ok(self)
    }

    /// Reads a fragment header (RFC 8200 4.5).
    fn fragment_header(&mut self) -> Result<(), Malformed> {
        let (&[next, _, f0, f1, i0, i1, i2, i3], rest) =
            self.payload.split_first_chunk::<8>().ok_or_else(|| Why::Ipv6Extension.at(self.at))?;
        let (offset, more) = (u16::from_be_bytes([f0, f1]) & !7, f1 & 1 != 0);
        let identification = u32::from_be_bytes([i0, i1, i2, i3]);
        self.piece = (offset != 0 || more).then_some(Piece { identification, offset, more });
        self.protocol_at = (self.whole.len() - self.payload.len()) as u32;
        (self.protocol, self.payload) = (next, rest);
        self.at += 8;
        Ok(())
    }

    /// Sum of the pseudo-header that transport checksums cover (RFC 9293 §3.1, RFC 8200 §8.1).
    pub(super) fn pseudo_header(&self, length: usize) -> Sum {
        pseudo_header(self.source, self.destination, self.protocol, length)
    }
}

/// Whether every option that we don't know says that it may be skipped (RFC 8200 §4.2: the two high bits are 00).
fn options_may_be_skipped(header: &[u8]) -> bool {
    let mut rest = header.get(2..).unwrap_or(&[]);
    loop {
        match rest {
            [] => return true,
            [0, tail @ ..] => rest = tail,
            &[kind, length, ref tail @ ..] if kind & 0xc0 == 0 => match tail.get(usize::from(length)..) {
                Some(tail) => rest = tail,
                None => return false,
            },
            _ => return false,
        }
    }
}

/// Sum of the pseudo-header for a transport segment of `length` octets.
pub(super) fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> Sum {
    // In both families every other half-word is zero for the lengths that we can see.
    let sum = Sum::ZERO.number(u16::from(protocol)).number(length as u16);
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            sum.octets(&source.octets()).octets(&destination.octets())
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            sum.octets(&source.octets()).octets(&destination.octets())
        }
        _ => sum, // one packet never has two families
    }
}

/// A UDP datagram whose length and checksum are right (RFC 768, RFC 8200 §8.1).
pub(super) struct Udp<'a> {
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) payload: &'a [u8],
}

impl<'a> Udp<'a> {
    pub(super) fn parse(packet: &Packet<'a>) -> Result<Self, Malformed> {
        let octets = packet.payload;
        let (&[s0, s1, d0, d1, l0, l1, c0, c1], _) =
            octets.split_first_chunk::<8>().ok_or_else(|| Why::UdpShort.at(packet.at + octets.len()))?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let datagram = octets.get(..length).ok_or_else(|| Why::UdpLength.at(packet.at + 4))?;
        let payload = datagram.get(8..).ok_or_else(|| Why::UdpLength.at(packet.at + 4))?;
        if [c0, c1] == [0, 0] {
            if packet.source.is_ipv6() {
                return Err(Why::UdpNoChecksum.at(packet.at + 6));
            }
        } else if !packet.pseudo_header(length).octets(datagram).is_right() {
            return Err(Why::UdpChecksum.at(packet.at + 6));
        }
        Ok(Self {
            source_port: u16::from_be_bytes([s0, s1]),
            destination_port: u16::from_be_bytes([d0, d1]),
            payload,
        })
    }
}

/// An ICMP or ICMPv6 message whose checksum is right.
pub(super) struct Icmp<'a> {
    pub(super) kind: u8,
    pub(super) code: u8,
    /// The four octets after the checksum.
    pub(super) word: u32,
    /// What follows these eight octets.
    pub(super) body: &'a [u8],
}

impl<'a> Icmp<'a> {
    pub(super) fn parse(packet: &Packet<'a>) -> Result<Self, Malformed> {
        let octets = packet.payload;
        let (&[kind, code, _, _, w0, w1, w2, w3], body) =
            octets.split_first_chunk::<8>().ok_or_else(|| Why::IcmpShort.at(packet.at + octets.len()))?;
        let sum = if packet.protocol == ICMPV6 { packet.pseudo_header(octets.len()) } else { Sum::ZERO };
        if !sum.octets(octets).is_right() {
            return Err(Why::IcmpChecksum.at(packet.at + 2));
        }
        Ok(Self { kind, code, word: u32::from_be_bytes([w0, w1, w2, w3]), body })
    }
}

/// A neighbour solicitation or advertisement that passes RFC 4861 §7.1.
pub(super) struct Ndp {
    pub(super) is_solicitation: bool,
    /// Of an advertisement: it answers a solicitation.
    pub(super) is_solicited: bool,
    /// Of an advertisement: it replaces a known address.
    pub(super) overrides: bool,
    pub(super) target: Ipv6Addr,
    /// The source's (solicitation) or target's (advertisement) address, if the message names it.
    pub(super) mac: Option<Mac>,
}

impl Ndp {
    pub(super) fn parse(packet: &Packet<'_>, icmp: &Icmp<'_>) -> Result<Self, Malformed> {
        if packet.hop_limit != 255 {
            return Err(Why::NdpHopLimit.at(packet.at));
        }
        let short = || Why::NdpShort.at(packet.at + packet.payload.len());
        let (&target, mut options) = icmp.body.split_first_chunk::<16>().ok_or_else(short)?;
        let target = Ipv6Addr::from(target);
        if icmp.code != 0 || target.is_multicast() {
            return Err(Why::NdpFormat.at(packet.at));
        }
        let is_solicitation = icmp.kind == super::NEIGHBOUR_SOLICITATION;
        let wanted = if is_solicitation { 1 } else { 2 };
        let mut mac = None;
        while let &[kind, length, ..] = options {
            let (option, rest) = options
                .split_at_checked(usize::from(length) * 8)
                .filter(|(option, _)| !option.is_empty())
                .ok_or_else(|| Why::NdpOption.at(packet.at + packet.payload.len() - options.len()))?;
            if let (true, &[_, 1, m0, m1, m2, m3, m4, m5]) = (kind == wanted, option) {
                mac = Some([m0, m1, m2, m3, m4, m5]).filter(|mac| mac.is_station());
            }
            options = rest;
        }
        if !options.is_empty() {
            return Err(Why::NdpOption.at(packet.at + packet.payload.len() - options.len()));
        }
        let solicited = icmp.word >> 30 & 1 != 0;
        let from_nobody = packet.source.is_unspecified();
        if is_solicitation && from_nobody && (mac.is_some() || !packet.destination.is_multicast())
            || !is_solicitation && solicited && packet.destination.is_multicast()
        {
            return Err(Why::NdpFormat.at(packet.at));
        }
        Ok(Self {
            is_solicitation,
            is_solicited: solicited,
            overrides: icmp.word >> 29 & 1 != 0,
            target,
            mac,
        })
    }
}

/// The start of a packet of ours that an ICMP error gives back: its addresses, protocol, and as much of its payload as
/// was quoted, at least eight octets. Nothing in it is checked by anyone, so nothing more is read.
pub(super) fn quoted<'a>(body: &'a [u8], at: usize, is_v6: bool) -> Result<Packet<'a>, Malformed> {
    let why = || Why::IcmpQuote.at(at + 8);
    let (source, destination, protocol, header_length, piece): (IpAddr, IpAddr, _, _, _) = if is_v6 {
        let (&[first, _, _, _, _, _, protocol, _], rest) = body.split_first_chunk::<8>().ok_or_else(why)?;
        let (&source, rest) = rest.split_first_chunk::<16>().ok_or_else(why)?;
        let (&destination, _) = rest.split_first_chunk::<16>().ok_or_else(why)?;
        if first >> 4 != 6 {
            return Err(why());
        }
        (Ipv6Addr::from(source).into(), Ipv6Addr::from(destination).into(), protocol, 40, None)
    } else {
        let (&[first, _, _, _, i0, i1, f0, f1, _, protocol, _, _], rest) =
            body.split_first_chunk::<12>().ok_or_else(why)?;
        let (&source, rest) = rest.split_first_chunk::<4>().ok_or_else(why)?;
        let (&destination, _) = rest.split_first_chunk::<4>().ok_or_else(why)?;
        if first >> 4 != 4 || first & 0x0f < 5 {
            return Err(why());
        }
        let offset = u16::from_be_bytes([f0 & 0x1f, f1]) * 8;
        let identification = u16::from_be_bytes([i0, i1]).into();
        // A first fragment of ours begins as the whole does.
        let piece = (offset != 0).then_some(Piece { identification, offset, more: f0 & 0x20 != 0 });
        let header_length = usize::from(first & 0x0f) * 4;
        (Ipv4Addr::from(source).into(), Ipv4Addr::from(destination).into(), protocol, header_length, piece)
    };
    let payload = body.get(header_length..).filter(|rest| rest.len() >= 8).ok_or_else(why)?;
    let mut packet = Packet {
        source,
        destination,
        protocol,
        hop_limit: 0,
        piece,
        payload,
        at: at + 8 + header_length,
        whole: body,
        protocol_at: 0,
    };
    if is_v6 && protocol == 44 {
        packet.fragment_header()?;
        packet.piece = packet.piece.filter(|piece| piece.offset != 0);
        if packet.payload.len() < 8 {
            return Err(why());
        }
    }
    Ok(packet)
}
