//! Fragments on their way in (RFC 791 3.2, RFC 8200 4.5): to the worker that has their train, and what becomes of them there.

use super::build::Upper;
use super::reassembly::{Outcome, Reassembled, Refusal};
use super::view::{Packet, Piece};
use super::{ICMP, ICMPV6, Input, Link, NO_NEXT_HEADER, SCTP, TCP, UDP};
use crate::base::{Frames, HEADROOM, Malformed, Time};

impl Link {
    /// A fragment of a packet to an own address.
    pub(super) fn fragment<'a>(
        &mut self,
        now: Time,
        packet: &Packet<'a>,
        piece: Piece,
        frames: &mut dyn Frames,
    ) -> Result<Input<'a>, Malformed> {
        self.counts.fragments += 1;
        match (packet.protocol, packet.source.is_ipv6()) {
            (TCP, _) => return Ok(self.give_kernel(packet, frames)),
            (UDP | SCTP, _) | (ICMP, false) | (_, true) => {}
            _ => {
                if piece.offset == 0 {
                    self.refuse_protocol(now, packet, frames);
                }
                return Ok(Input::Handled);
            }
        }
        let owner = self.reassembly.owner(packet, piece);
        if owner != self.worker {
            return Ok(Input::Elsewhere(owner));
        }
        match self.reassembly.input(now, packet, piece) {
            Outcome::Kept => {}
            Outcome::Repeated => self.counts.fragments_repeated += 1,
            Outcome::Whole => {
                self.counts.reassembled += 1;
                return Ok(Input::Reassembled);
            }
            Outcome::Refused(refusal) => self.refuse_fragment(now, packet, refusal, frames),
        }
        Ok(Input::Handled)
    }

    /// Counts a refused fragment, and tells its sender where RFC 8200 4.5 wants it.
    fn refuse_fragment(&mut self, now: Time, packet: &Packet<'_>, refusal: Refusal, frames: &mut dyn Frames) {
        let counts = &mut self.counts;
        let (count, parameter) = match refusal {
            Refusal::Empty => (&mut counts.fragments_empty, None),
            // The payload length of the IPv6 header is what is wrong.
            Refusal::Uneven => (&mut counts.fragments_uneven, Some((0, 4))),
            // RFC 7112 5: the first fragment lacks a header.
            Refusal::Tiny => (&mut counts.fragments_tiny, Some((3, 0))),
            // The offset, two octets behind the fragment header's begin.
            Refusal::TooLong => (&mut counts.fragments_too_long, Some((0, packet.protocol_at + 2))),
            Refusal::Overlap => (&mut counts.fragments_overlapping, None),
            Refusal::End => (&mut counts.fragments_beyond, None),
            Refusal::OfRefused => (&mut counts.fragments_of_refused, None),
            Refusal::Full => (&mut counts.reassembly_full, None),
            Refusal::SourceFull => (&mut counts.reassembly_source_full, None),
        };
        *count += 1;
        if let (Some((code, pointer)), true) = (parameter, packet.source.is_ipv6()) {
            self.refuse(now, packet, 4, code, pointer, frames);
        }
    }

    /// Gives the packet that [`Input::Reassembled`] told of. Whether there is one.
    pub fn take_reassembled(&mut self, into: &mut Reassembled) -> bool {
        self.reassembly.take(into)
    }

    /// Octets that a [`Reassembled`] has room for.
    #[must_use]
    pub const fn longest_reassembled(&self) -> usize {
        self.reassembly.octets()
    }

    /// Goes on with a packet that was put together, here or by another worker.
    ///
    /// # Errors
    ///
    /// It does not follow the protocols.
    pub fn handle_reassembled<'a>(
        &mut self,
        now: Time,
        whole: &'a Reassembled,
        frames: &mut dyn Frames,
    ) -> Result<Input<'a>, Malformed> {
        let octets = whole.octets();
        let mut packet = Packet {
            source: whole.source,
            destination: whole.destination,
            protocol: whole.protocol,
            hop_limit: 0,
            piece: None,
            payload: octets,
            at: 0,
            whole: octets,
            protocol_at: 0,
        };
        if packet.source.is_ipv6() {
            packet = packet.extension_headers(true)?;
        }
        // Its IP header is not kept: no ICMP error can quote it.
        packet.whole = &[];
        match (packet.protocol, packet.destination.is_ipv6()) {
            (SCTP, _) => {
                self.counts.sctp_in += 1;
                let Packet { source, destination, payload, .. } = packet;
                Ok(Input::Sctp(super::Packet { source, destination, payload }))
            }
            (UDP, _) => self.datagram(now, &packet, frames),
            // Not neighbour discovery, which never comes in fragments (RFC 6980 5).
            (ICMP, false) | (ICMPV6, true) => self.icmp_message(now, &packet, frames),
            (NO_NEXT_HEADER, true) => Ok(Input::Handled),
            _ => {
                self.refuse_protocol(now, &packet, frames);
                Ok(Input::Handled)
            }
        }
    }

    /// Gives up packets not all of whose fragments came in time, and tells the senders of those whose first fragment came
    /// (RFC 792, RFC 4443 3.3).
    pub(super) fn expire_fragments(&mut self, now: Time, frames: &mut dyn Frames) {
        let mut from = 0;
        while let Some(at) = self.reassembly.due(now, from) {
            let (is_late, first) = self.reassembly.late(at);
            self.counts.reassembly_late += u64::from(is_late);
            if let Some(first) = first {
                let (to, ours) = (first.source, first.destination);
                let kind = if ours.is_ipv6() { 3 } else { 11 };
                let most = super::icmp::quoted_at_most(ours.is_ipv6());
                let room = frames.buffer().and_then(|buffer| buffer.get_mut(HEADROOM..));
                let quote = first.head.iter().chain(first.payload).take(most);
                let len = room.and_then(|room| super::icmp::write_error(room, (kind, 1, 0), quote.copied()));
                if !self.errors.take(now) {
                    self.counts.errors_withheld += 1;
                } else if let Some(len) = len {
                    self.counts.errors_out += 1;
                    self.send(now, (ours, to), (Upper::Icmp, 0), len, frames);
                }
            }
            self.reassembly.free(at);
            from = at + 1;
        }
        self.reassembly.reckon();
    }
}
