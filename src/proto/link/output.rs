//! Packets on their way out: route, next hop, headers, the wait for a hardware address; in fragments where they are too long.

use core::net::IpAddr;
use core::ops::Range;

use super::build::{self, Upper};
use super::interface::{InterfaceId, key};
use super::neighbour::{Neighbour, NextHop};
use super::route::Hop;
use super::{Link, Mac, SCTP};
use crate::base::{Flow, Frames, HEADROOM, SipKey, Time, Transport};
use crate::ident::WorkerId;

/// Octets of the longest packet that fits any frame, whatever its link takes.
const LONGEST_PACKET: usize = 2048 - HEADROOM;

/// Room in front of a long payload for the transport header that is ours to write.
const UDP_HEADER: usize = 8;

/// What a link needs to send packets that are longer than a link or a path takes.
pub(super) struct Pieces {
    /// One packet without its IP header: a payload behind room for its transport header.
    long: Box<[u8]>,
    /// Whether that is the room last given.
    pub(super) is_long: bool,
    key: SipKey,
    sent: u32,
    worker: u32,
    workers: u32,
}

impl Pieces {
    pub(super) fn new(worker: WorkerId, workers: u8, key: &SipKey, octets: usize) -> Self {
        Self {
            long: vec![0; octets].into(),
            is_long: false,
            key: key.derive("identification"),
            sent: 0,
            worker: worker.0.into(),
            workers: workers.max(1).into(),
        }
    }

    /// An identification that no other packet between these two has had for long, from whichever worker (RFC 6864 4.3), and
    /// that others can't foretell (RFC 7739 5.3): each worker counts on in steps of all, from a place of the two's own.
    fn identification(&mut self, (source, destination): (IpAddr, IpAddr)) -> u32 {
        let bits = if source.is_ipv4() { 16 } else { 32 };
        self.sent = self.sent.wrapping_add(1);
        let turns = (1u64 << bits) / u64::from(self.workers);
        let ours = u64::from(self.sent) % turns * u64::from(self.workers) + u64::from(self.worker);
        let (a, b) = (key(source), key(destination));
        let words = [a as u64, (a >> 64) as u64, b as u64, (b >> 64) as u64];
        (self.key.quick_hash_words(words).wrapping_add(ours) & ((1 << bits) - 1)) as u32
    }
}

impl Link {
    /// Sends a payload. It stands at `buffer[HEADROOM..HEADROOM + len]` of the buffer that `frames` gives; the headers
    /// are written in front of it, and the frame is sent, or a copy waits until the next hop's address is known. What
    /// is longer than the link or the path takes goes in fragments, if it is a datagram. What can't be sent is dropped and
    /// counted.
    pub fn transmit(&mut self, now: Time, flow: &Flow, len: usize, frames: &mut dyn Frames) {
        let between = (flow.source, flow.destination);
        let (upper, dscp) = match flow.transport {
            Transport::Sctp => (Upper::Sctp, self.sctp_dscp),
            Transport::SctpInFragments => return self.transmit_in_fragments(now, between, len, frames),
            Transport::Udp { source_port, destination_port } => {
                (Upper::Udp { source_port, destination_port }, self.udp_dscp)
            }
            // The host's kernel has those.
            Transport::Stream { .. } | Transport::StreamTo { .. } => {
                self.counts.no_route += 1;
                return;
            }
        };
        self.send(now, between, (upper, dscp), len, frames);
    }

    /// Room for the payload of one datagram as long as [`super::ReassemblyConfig::octets`] allows; it is sent by
    /// [`Self::transmit_long`].
    pub fn long_room(&mut self) -> Option<&mut [u8]> {
        self.pieces.is_long = true;
        self.pieces.long.get_mut(UDP_HEADER..)
    }

    /// Whether [`Self::long_room`] was asked for since the last call.
    pub fn take_long(&mut self) -> bool {
        core::mem::take(&mut self.pieces.is_long)
    }

    /// The first `len` octets of [`Self::long_room`], for what carries them without a datagram.
    #[must_use]
    pub fn long(&self, len: usize) -> &[u8] {
        self.pieces.long.get(UDP_HEADER..).and_then(|room| room.get(..len)).unwrap_or(&[])
    }

    /// Sends the first `len` octets of [`Self::long_room`] as a datagram, in fragments where it has to.
    pub fn transmit_long(&mut self, now: Time, flow: &Flow, len: usize, frames: &mut dyn Frames) {
        let Transport::Udp { source_port, destination_port } = flow.transport else {
            self.counts.too_long += 1;
            return;
        };
        let upper = Upper::Udp { source_port, destination_port };
        self.send_long(now, (flow.source, flow.destination), (upper, self.udp_dscp), len, frames);
    }

    /// [`Self::transmit_long`] for any protocol.
    pub(super) fn send_long(
        &mut self,
        now: Time,
        between: (IpAddr, IpAddr),
        (upper, dscp): (Upper, u8),
        len: usize,
        frames: &mut dyn Frames,
    ) {
        let (source, destination) = between;
        let Some(mtu) = self.mtu(now, between).map(|mtu| mtu.min(LONGEST_PACKET)) else {
            self.counts.no_route += 1;
            return;
        };
        let mut long = core::mem::take(&mut self.pieces.long);
        let written = long.split_at_mut_checked(UDP_HEADER).and_then(|(head, rest)| {
            let (head, length, protocol) =
                build::transport(head, rest.get_mut(..len)?, source, destination, upper)?;
            Some((head.len(), length, protocol))
        });
        match written {
            Some((start, length, protocol)) => {
                let packet = long.get(start..).and_then(|packet| packet.get(..length)).unwrap_or(&[]);
                let header = if source.is_ipv4() { 20 } else { 40 };
                if header + length <= mtu {
                    self.send_piece(now, between, (Upper::Written(protocol), dscp), packet, frames);
                } else {
                    let longest =
                        if source.is_ipv4() { mtu - header } else { mtu - header - build::FRAGMENT_HEADER };
                    self.send_pieces(now, between, (protocol, dscp), (packet, longest / 8 * 8), frames);
                }
            }
            None => self.counts.too_long += 1,
        }
        self.pieces.long = long;
    }

    /// An SCTP packet that some router on its way is too small for: IPv4 has that router fragment it, IPv6 its sender, to what
    /// every path carries (RFC 8200 5).
    fn transmit_in_fragments(
        &mut self,
        now: Time,
        between: (IpAddr, IpAddr),
        len: usize,
        frames: &mut dyn Frames,
    ) {
        let mut long = core::mem::take(&mut self.pieces.long);
        let octets = frames.buffer().and_then(|buffer| buffer.get(HEADROOM..)?.get(..len));
        match (long.get_mut(..len), octets) {
            (Some(packet), Some(octets)) => {
                packet.copy_from_slice(octets);
                let longest = if between.1.is_ipv6() { build::LEAST_FRAGMENT } else { len };
                self.send_pieces(now, between, (SCTP, self.sctp_dscp), (packet, longest), frames);
            }
            _ => self.counts.too_long += 1,
        }
        self.pieces.long = long;
    }

    /// Sends a packet, its transport header included, in fragments of at most `longest` octets.
    fn send_pieces(
        &mut self,
        now: Time,
        between: (IpAddr, IpAddr),
        (protocol, dscp): (u8, u8),
        (packet, longest): (&[u8], usize),
        frames: &mut dyn Frames,
    ) {
        let identification = self.pieces.identification(between);
        let mut left = packet.len();
        for (piece, number) in packet.chunks(longest.max(8)).zip(0usize..) {
            left -= piece.len();
            let offset = (number * longest.max(8)) as u16;
            let upper = Upper::Piece { protocol, identification, offset, more: left > 0 };
            if !self.send_piece(now, between, (upper, dscp), piece, frames) {
                return;
            }
        }
        self.counts.fragmented += 1;
    }

    /// Sends a copy of what stands behind an IP header. Whether there was a buffer.
    fn send_piece(
        &mut self,
        now: Time,
        between: (IpAddr, IpAddr),
        written: (Upper, u8),
        piece: &[u8],
        frames: &mut dyn Frames,
    ) -> bool {
        let room = frames.buffer().and_then(|buffer| buffer.get_mut(HEADROOM..)?.get_mut(..piece.len()));
        let Some(room) = room else { return false };
        room.copy_from_slice(piece);
        self.send(now, between, written, piece.len(), frames);
        true
    }

    /// The longest IP packet to there, as far as it is known; `None` without a route.
    fn mtu(&self, now: Time, (source, destination): (IpAddr, IpAddr)) -> Option<usize> {
        let hop = self.routes.hop(&self.interfaces, source, key(destination))?;
        let link = self.interfaces.get(hop.interface)?.mtu;
        Some(self.path_mtus.get(now, key(destination)).map_or(link, |path| path.min(link)))
    }

    /// Sends in fragments what stands in the buffer that `frames` gives.
    fn send_again_long(
        &mut self,
        now: Time,
        between: (IpAddr, IpAddr),
        written: (Upper, u8),
        len: usize,
        frames: &mut dyn Frames,
    ) {
        let octets = frames.buffer().and_then(|buffer| buffer.get(HEADROOM..)?.get(..len));
        let room = self.pieces.long.get_mut(UDP_HEADER..).and_then(|room| room.get_mut(..len));
        let (Some(octets), Some(room)) = (octets, room) else {
            self.counts.too_long += 1;
            return;
        };
        room.copy_from_slice(octets);
        self.send_long(now, between, written, len, frames);
    }

    /// [`Self::transmit`] for any protocol.
    pub(super) fn send(
        &mut self,
        now: Time,
        (source, destination): (IpAddr, IpAddr),
        (upper, dscp): (Upper, u8),
        len: usize,
        frames: &mut dyn Frames,
    ) {
        let target = key(destination);
        let Some(hop) = self.routes.hop(&self.interfaces, source, target) else {
            self.counts.no_route += 1;
            return;
        };
        let Some(interface) = self.interfaces.get(hop.interface) else { return };
        let Some(buffer) = frames.buffer() else { return };
        let written = buffer
            .split_at_mut_checked(HEADROOM)
            .and_then(|(head, body)| build::ip(head, body.get_mut(..len)?, source, destination, upper, dscp));
        let Some(packet) = written else {
            self.counts.too_long += 1;
            return;
        };
        let (octets, is_datagram) = (HEADROOM - packet + len, upper.is_datagram());
        let path = if is_datagram { self.path_mtus.get(now, target) } else { None };
        if octets > path.map_or(interface.mtu, |path| path.min(interface.mtu)) {
            if is_datagram {
                self.send_again_long(now, (source, destination), (upper, dscp), len, frames);
            } else {
                self.counts.too_long += 1;
            }
            return;
        }
        self.leave(now, &hop, destination, packet..HEADROOM + len, frames);
    }

    /// Sends the IP packet at this place of the buffer that `frames` gives, or has a copy wait for the next hop's address.
    pub(super) fn leave(
        &mut self,
        now: Time,
        hop: &Hop,
        destination: IpAddr,
        packet: Range<usize>,
        frames: &mut dyn Frames,
    ) {
        let (Some(interface), Some(buffer)) = (self.interfaces.get(hop.interface), frames.buffer()) else {
            return;
        };
        let next = self.neighbours.next_hop(now, hop.interface, hop.gateway, key(destination));
        let mac = match next {
            NextHop::Known(mac) => mac,
            NextHop::Unknown(..) => [0; 6],
            NextHop::Full => {
                self.counts.neighbours_full += 1;
                return;
            }
        };
        let head = buffer.get_mut(..packet.start).unwrap_or(&mut []);
        let Some(start) = build::ethernet(head, interface, mac, build::ethertype(destination)) else {
            return;
        };
        let end = pad(buffer, start, packet.end);
        match next {
            NextHop::Unknown(entry, question) => {
                let frame = buffer.get(start..end).unwrap_or(&[]);
                if self.neighbours.hold(entry, frame) {
                    self.counts.held += 1;
                } else {
                    self.counts.held_full += 1;
                }
                if let Some(question) = question {
                    self.ask(&question, frames);
                }
            }
            _ => {
                frames.send(interface.port, start..end);
                self.counts.frames_out += 1;
            }
        }
    }

    /// Sends a payload on the link itself, past routes and neighbour table.
    pub(super) fn send_on_link(
        &mut self,
        id: InterfaceId,
        mac: Mac,
        (source, destination): (IpAddr, IpAddr),
        payload: &[u8],
        frames: &mut dyn Frames,
    ) {
        let Some(interface) = self.interfaces.get(id) else { return };
        let Some(buffer) = frames.buffer() else { return };
        let start = buffer.split_at_mut_checked(HEADROOM).and_then(|(head, body)| {
            let body = body.get_mut(..payload.len())?;
            body.copy_from_slice(payload);
            let packet = build::ip(head, body, source, destination, Upper::Neighbour, 0)?;
            build::ethernet(head.get_mut(..packet)?, interface, mac, build::ethertype(destination))
        });
        let Some(start) = start else { return };
        let end = pad(buffer, start, HEADROOM + payload.len());
        frames.send(interface.port, start..end);
        self.counts.frames_out += 1;
    }

    /// Takes in what is known of a neighbour now, and sends what waited for it.
    pub(super) fn take_in(
        &mut self,
        now: Time,
        interface: InterfaceId,
        news: Neighbour,
        frames: &mut dyn Frames,
    ) {
        let learned =
            self.neighbours.learn(now, interface, key(news.ip), news.mac, news.evidence, &mut self.counts);
        let Some(entry) = learned else { return };
        while self.neighbours.waiting(entry) > 0 {
            // Without a buffer the frame is lost, and the caller has counted that.
            let buffer = frames.buffer();
            let is_lost = buffer.is_none();
            let Some(len) = self.neighbours.release(entry, buffer) else { return };
            if !is_lost {
                frames.send(news.port, 0..len);
                self.counts.frames_out += 1;
            }
        }
    }
}

/// Fills a short frame up with zeros; its end.
pub(super) fn pad(buffer: &mut [u8], start: usize, end: usize) -> usize {
    let least = start + build::SHORTEST;
    if end >= least {
        return end;
    }
    match buffer.get_mut(end..least) {
        Some(padding) => {
            padding.fill(0);
            least
        }
        None => end,
    }
}
