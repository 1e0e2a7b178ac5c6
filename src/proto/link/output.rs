//! Packets on their way out: route, next hop, headers, and the wait for a hardware address.

use core::net::IpAddr;

use super::build::{self, Upper};
use super::interface::{InterfaceId, key};
use super::neighbour::{Neighbour, NextHop};
use super::{Link, Mac};
use crate::base::{Flow, Frames, HEADROOM, Time, Transport};

/// Octets of the longest packet that is fragmented.
const LONGEST: usize = 2048;

impl Link {
    /// Sends a payload. It stands at `buffer[HEADROOM..HEADROOM + len]` of the buffer that `frames` gives; the headers
    /// are written in front of it, and the frame is sent, or a copy waits until the next hop's address is known. What
    /// can't be sent is dropped and counted.
    pub fn transmit(&mut self, now: Time, flow: &Flow, len: usize, frames: &mut dyn Frames) {
        let (upper, dscp) = match flow.transport {
            Transport::Sctp => (Upper::Sctp, self.sctp_dscp),
            Transport::SctpInFragments => return self.transmit_in_fragments(now, flow, len, frames),
            Transport::Udp { source_port, destination_port } => {
                (Upper::Udp { source_port, destination_port }, self.udp_dscp)
            }
            // The host's kernel has those.
            Transport::Stream { .. } | Transport::StreamTo { .. } => {
                self.counts.no_route += 1;
                return;
            }
        };
        self.send(now, (flow.source, flow.destination), (upper, dscp), len, frames);
    }

    /// An SCTP packet that some router on its way is too small for: IPv4 has that router fragment it, IPv6 its sender, to what
    /// every path carries (RFC 8200 5).
    fn transmit_in_fragments(&mut self, now: Time, flow: &Flow, len: usize, frames: &mut dyn Frames) {
        let mut packet = [0; LONGEST];
        let octets = frames.buffer().and_then(|buffer| buffer.get(HEADROOM..)?.get(..len));
        let (Some(packet), Some(octets)) = (packet.get_mut(..len), octets) else {
            self.counts.too_long += 1;
            return;
        };
        packet.copy_from_slice(octets);
        self.identification = self.identification.wrapping_add(1);
        let longest = if flow.destination.is_ipv6() { build::LEAST_FRAGMENT } else { len.max(1) };
        let mut offset = 0;
        for piece in packet.chunks(longest) {
            let Some(room) =
                frames.buffer().and_then(|buffer| buffer.get_mut(HEADROOM..)?.get_mut(..piece.len()))
            else {
                return;
            };
            room.copy_from_slice(piece);
            let more = offset + piece.len() < len;
            let upper = Upper::SctpPiece { identification: self.identification, offset: offset as u16, more };
            let between = (flow.source, flow.destination);
            self.send(now, between, (upper, self.sctp_dscp), piece.len(), frames);
            offset += piece.len();
        }
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
        let written = buffer.split_at_mut_checked(HEADROOM).and_then(|(head, body)| {
            let packet = build::ip(head, body.get_mut(..len)?, source, destination, upper, dscp)?;
            if HEADROOM - packet + len > interface.mtu { None } else { Some(packet) }
        });
        let Some(packet) = written else {
            self.counts.too_long += 1;
            return;
        };
        let next = self.neighbours.next_hop(now, hop.interface, hop.gateway, target);
        let mac = match next {
            NextHop::Known(mac) => mac,
            NextHop::Unknown(..) => [0; 6],
            NextHop::Full => {
                self.counts.neighbours_full += 1;
                return;
            }
        };
        let head = buffer.get_mut(..packet).unwrap_or(&mut []);
        let Some(start) = build::ethernet(head, interface, mac, build::ethertype(destination)) else {
            return;
        };
        let end = pad(buffer, start, HEADROOM + len);
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
