//! ICMP (RFC 792) and ICMPv6 (RFC 4443): echo, errors about packets of ours, errors about packets of others.

use super::build::Upper;
use super::interface::{InterfaceId, key};
use super::view::{Icmp, Packet, quoted};
use super::{Input, Link, NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, SCTP, TCP, UDP};
use crate::base::{Flow, Frames, HEADROOM, Malformed, Time, Transport};

/// An ICMP error about a packet of ours. Anybody can forge one who guesses the flow; believe it accordingly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreachable<'a> {
    /// Why it did not arrive.
    pub cause: Cause,
    /// The packet's flow, from us to the peer.
    pub flow: Flow,
    /// The start of its SCTP packet or UDP datagram, transport header first: at least eight octets.
    pub quoted: &'a [u8],
}

/// Why a packet did not arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// No route to the network.
    Network,
    /// The host does not answer its router.
    Host,
    /// The host does not know the protocol.
    Protocol,
    /// Nobody listens on the port.
    Port,
    /// Policy forbids it.
    Prohibited,
    /// It is larger than the path allows, which is this many octets of IP packet (0: not told).
    TooBig(u32),
    /// It passed too many routers.
    HopLimit,
    /// A field of its header was refused.
    Parameter,
}

const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;
const V6_ECHO_REQUEST: u8 = 128;
const V6_ECHO_REPLY: u8 = 129;

/// What an error's type and code mean; `None` if it is no error, or one that is best ignored (redirect, source quench).
fn cause(is_v6: bool, icmp: &Icmp<'_>) -> Option<Cause> {
    Some(match (is_v6, icmp.kind, icmp.code) {
        (false, 3, 0 | 5 | 6 | 11) | (true, 1, 0 | 2) => Cause::Network,
        (false, 3, 1 | 7 | 8 | 12) | (true, 1, 3) => Cause::Host,
        (false, 3, 2) | (true, 4, 1) => Cause::Protocol,
        (false, 3, 3) | (true, 1, 4) => Cause::Port,
        (false, 3, 4) => Cause::TooBig(icmp.word & 0xffff),
        (true, 2, _) => Cause::TooBig(icmp.word),
        (false, 3, _) | (true, 1, _) => Cause::Prohibited,
        (false, 11, _) | (true, 3, _) => Cause::HopLimit,
        (false, 12, _) | (true, 4, _) => Cause::Parameter,
        _ => return None,
    })
}

impl Link {
    /// An ICMP or ICMPv6 message to an own address, or a neighbour message to a group.
    pub(super) fn icmp<'a>(
        &mut self,
        now: Time,
        id: InterfaceId,
        from: super::Mac,
        packet: &Packet<'a>,
        frames: &mut dyn Frames,
    ) -> Result<Input<'a>, Malformed> {
        if packet.destination.is_ipv6()
            && matches!(packet.payload, [NEIGHBOUR_SOLICITATION | NEIGHBOUR_ADVERTISEMENT, ..])
        {
            let icmp = Icmp::parse(packet)?;
            return self.neighbour_message(now, id, from, packet, &icmp, frames);
        }
        self.icmp_message(now, packet, frames)
    }

    /// Any but a neighbour message.
    pub(super) fn icmp_message<'a>(
        &mut self,
        now: Time,
        packet: &Packet<'a>,
        frames: &mut dyn Frames,
    ) -> Result<Input<'a>, Malformed> {
        let icmp = Icmp::parse(packet)?;
        let is_v6 = packet.destination.is_ipv6();
        if packet.destination.is_multicast() || packet.source.is_unspecified() {
            self.counts.icmp_ignored += 1;
            return Ok(Input::Handled);
        }
        if icmp.kind == if is_v6 { V6_ECHO_REQUEST } else { ECHO_REQUEST } && icmp.code == 0 {
            self.answer_echo(now, packet, frames);
            return Ok(Input::Handled);
        }
        let Some(cause) = cause(is_v6, &icmp) else {
            self.counts.icmp_ignored += 1;
            return Ok(Input::Handled);
        };
        let quote = quoted(icmp.body, packet.at, is_v6)?;
        if !self.interfaces.is_own(key(quote.source)) || quote.piece.is_some() {
            self.counts.icmp_ignored += 1;
            return Ok(Input::Handled);
        }
        let transport = match (quote.protocol, quote.payload) {
            (SCTP, _) => Transport::Sctp,
            (UDP, &[s0, s1, d0, d1, ..]) => Transport::Udp {
                source_port: u16::from_be_bytes([s0, s1]),
                destination_port: u16::from_be_bytes([d0, d1]),
            },
            (TCP, _) => return Ok(self.give_kernel(packet, frames)),
            _ => {
                self.counts.icmp_ignored += 1;
                return Ok(Input::Handled);
            }
        };
        self.counts.unreachable_in += 1;
        let flow = Flow { source: quote.source, destination: quote.destination, transport };
        Ok(Input::Unreachable(Unreachable { cause, flow, quoted: quote.payload }))
    }

    fn answer_echo(&mut self, now: Time, packet: &Packet<'_>, frames: &mut dyn Frames) {
        let len = packet.payload.len();
        let is_long = len > frames.buffer().map_or(0, |buffer| buffer.len().saturating_sub(HEADROOM));
        let room =
            if is_long { self.long_room() } else { frames.buffer().and_then(|all| all.get_mut(HEADROOM..)) };
        let Some(reply) = room.and_then(|room| room.get_mut(..len)) else {
            self.counts.too_long += 1;
            return;
        };
        reply.copy_from_slice(packet.payload);
        let is_v6 = packet.destination.is_ipv6();
        if let Some(kind) = reply.first_mut() {
            *kind = if is_v6 { V6_ECHO_REPLY } else { ECHO_REPLY };
        }
        self.counts.echoes += 1;
        let between = (packet.destination, packet.source);
        if is_long {
            self.send_long(now, between, (Upper::Icmp, 0), len, frames);
        } else {
            self.send(now, between, (Upper::Icmp, 0), len, frames);
        }
    }

    /// Tells the sender that nobody listens on the port.
    pub(super) fn refuse_port(&mut self, now: Time, packet: &Packet<'_>, frames: &mut dyn Frames) {
        let (kind, code) = if packet.destination.is_ipv6() { (1, 4) } else { (3, 3) };
        self.refuse(now, packet, kind, code, 0, frames);
    }

    /// Tells the sender that the protocol is not spoken here (RFC 1122 §3.2.2.1, RFC 8200 §4).
    pub(super) fn refuse_protocol(&mut self, now: Time, packet: &Packet<'_>, frames: &mut dyn Frames) {
        if packet.destination.is_ipv6() {
            self.refuse(now, packet, 4, 1, packet.protocol_at, frames);
        } else {
            self.refuse(now, packet, 3, 2, 0, frames);
        }
    }

    pub(super) fn refuse(
        &mut self,
        now: Time,
        packet: &Packet<'_>,
        kind: u8,
        code: u8,
        word: u32,
        frames: &mut dyn Frames,
    ) {
        if packet.whole.is_empty() || !self.errors.take(now) {
            self.counts.errors_withheld += 1;
            return;
        }
        let most = quoted_at_most(packet.destination.is_ipv6());
        let quote = packet.whole.iter().take(most).copied();
        let room = frames.buffer().and_then(|buffer| buffer.get_mut(HEADROOM..));
        let Some(len) = room.and_then(|room| write_error(room, (kind, code, word), quote)) else { return };
        self.counts.errors_out += 1;
        self.send(now, (packet.destination, packet.source), (Upper::Icmp, 0), len, frames);
    }
}

/// Octets of a packet that an error about it quotes: as much as fits the smallest packet that every host takes, 576 octets (RFC
/// 1812 §4.3.2.3) and 1280.
pub(super) const fn quoted_at_most(is_v6: bool) -> usize {
    if is_v6 { 1280 - 48 } else { 576 - 28 }
}

/// Writes an error but for its checksum; its length.
pub(super) fn write_error(
    room: &mut [u8],
    (kind, code, word): (u8, u8, u32),
    quote: impl Iterator<Item = u8>,
) -> Option<usize> {
    let (head, rest) = room.split_first_chunk_mut::<8>()?;
    let [w0, w1, w2, w3] = word.to_be_bytes();
    *head = [kind, code, 0, 0, w0, w1, w2, w3];
    let mut len = head.len();
    for (to, from) in rest.iter_mut().zip(quote) {
        *to = from;
        len += 1;
    }
    Some(len)
}
