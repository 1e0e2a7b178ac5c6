//! The exception port: what the host's kernel speaks for us at our own addresses, TCP and what ICMP says of it.
//!
//! Routed, not bridged: ARP, neighbour discovery and VLANs stay ours. The kernel's end of the port has our addresses
//! without a link, and one way, over the port, to everybody.

use super::build;
use super::interface::{is_host, key};
use super::output::pad;
use super::view::{Ethernet, Packet};
use super::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, ICMP, ICMPV6, Input, Link, Mac, TCP};
use crate::base::{Frames, HEADROOM, Malformed, PortId, Time};

/// The port towards the host's kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exception {
    /// It has no own addresses.
    pub port: PortId,
    /// The hardware address of the kernel's end.
    pub kernel: [u8; 6],
}

/// Types of ICMPv6 that keep to one link: neighbour discovery and multicast listeners (RFC 4861, RFC 2710, RFC 3810).
const ON_LINK: [core::ops::RangeInclusive<u8>; 3] = [130..=132, 133..=137, 143..=143];

impl Link {
    /// A packet for the kernel: it goes there as it came. Without an exception port it is nobody's.
    pub(super) fn give_kernel<'a>(&mut self, packet: &Packet<'_>, frames: &mut dyn Frames) -> Input<'a> {
        self.counts.other_in += 1;
        let Some(Exception { port, kernel }) = self.exception else { return Input::Other };
        let Some(from) = self.interfaces.mac(port) else { return Input::Other };
        let Some(buffer) = frames.buffer() else { return Input::Handled };
        let end = HEADROOM + packet.whole.len();
        // What came in fragments has no headers any more; of ICMP errors none does.
        let room = buffer.get_mut(HEADROOM..end).filter(|room| !room.is_empty());
        let Some(room) = room else {
            self.counts.too_long += 1;
            return Input::Handled;
        };
        room.copy_from_slice(packet.whole);
        let head = buffer.get_mut(..HEADROOM).unwrap_or(&mut []);
        let Some(start) = build::untagged(head, (kernel, from), build::ethertype(packet.destination)) else {
            return Input::Handled;
        };
        let end = pad(buffer, start, end);
        frames.send(port, start..end);
        self.counts.frames_out += 1;
        self.counts.to_kernel += 1;
        Input::Handled
    }

    /// A frame of the kernel's: an IP packet of TCP, or of ICMP, from an own address to another host goes there by our
    /// routes.
    pub(super) fn take_kernels<'a>(
        &mut self,
        now: Time,
        (mac, frame): (Mac, &Ethernet<'a>),
        frames: &mut dyn Frames,
    ) -> Result<Input<'a>, Malformed> {
        let packet = match frame.ethertype {
            ETHERTYPE_IPV4 if frame.destination == mac => Packet::parse_v4(frame.payload, frame.at)?,
            ETHERTYPE_IPV6 if frame.destination == mac => Packet::parse_v6(frame.payload, frame.at)?,
            // It asks for neighbours and routers; what it has to know is configured.
            _ => {
                self.counts.kernel_ignored += 1;
                return Ok(Input::Handled);
            }
        };
        let is_of_link = |packet: &Packet<'_>| {
            packet.payload.first().is_some_and(|kind| ON_LINK.iter().any(|kinds| kinds.contains(kind)))
        };
        let is_allowed = match packet.protocol {
            TCP => true,
            ICMP => packet.destination.is_ipv4(),
            ICMPV6 => packet.destination.is_ipv6() && (packet.piece.is_some() || !is_of_link(&packet)),
            _ => false,
        };
        if !is_allowed || !is_host(packet.destination) {
            self.counts.kernel_ignored += 1;
        } else if !self.interfaces.is_own(key(packet.source))
            || self.interfaces.is_own(key(packet.destination))
        {
            self.counts.kernel_bad_source += 1;
        } else {
            self.forward(now, &packet, frames);
        }
        Ok(Input::Handled)
    }

    /// Sends a packet of the kernel's on by route and neighbour.
    fn forward(&mut self, now: Time, packet: &Packet<'_>, frames: &mut dyn Frames) {
        let Some(hop) = self.routes.hop(&self.interfaces, packet.source, key(packet.destination)) else {
            self.counts.no_route += 1;
            return;
        };
        let Some(mtu) = self.interfaces.get(hop.interface).map(|interface| interface.mtu) else { return };
        let Some(buffer) = frames.buffer() else { return };
        let end = HEADROOM + packet.whole.len();
        let room = buffer.get_mut(HEADROOM..end).filter(|room| room.len() <= mtu);
        let Some(room) = room else {
            self.counts.kernel_too_long += 1;
            return;
        };
        room.copy_from_slice(packet.whole);
        self.counts.from_kernel += 1;
        self.leave(now, &hop, packet.destination, HEADROOM..end, frames);
    }
}
