//! Frames on their way in, up to the transport.

use super::interface::{InterfaceId, is_host, key};
use super::view::{Ethernet, HardwareAddress, Packet, Udp};
use super::{Datagram, Input, Link};
use super::{ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ICMP, ICMPV6, NO_NEXT_HEADER, SCTP, TCP, UDP};
use crate::base::{Frames, Malformed, PortId, Time};

impl Link {
    /// Takes in a frame that arrived on `port`. Answers go into `frames`.
    ///
    /// # Errors
    ///
    /// The frame does not follow the protocols; `why` is a [`super::Why`].
    pub fn handle_input<'a>(
        &mut self,
        now: Time,
        port: PortId,
        frame: &'a [u8],
        frames: &mut dyn Frames,
    ) -> Result<Input<'a>, Malformed> {
        self.counts.frames_in += 1;
        let ethernet = Ethernet::parse(frame)?;
        if self.exception.is_some_and(|exception| exception.port == port) {
            let mac = self.interfaces.mac(port).unwrap_or_default();
            return self.take_kernels(now, (mac, &ethernet), frames);
        }
        let is_group = ethernet.destination.is_group();
        if !is_group && self.interfaces.mac(port) != Some(ethernet.destination) {
            self.counts.other_station += 1;
            return Ok(Input::Handled);
        }
        let Some(id) = self.interfaces.find(port, ethernet.vlan) else {
            self.counts.unknown_vlan += 1;
            return Ok(Input::Handled);
        };
        let packet = match ethernet.ethertype {
            ETHERTYPE_IPV4 => Packet::parse_v4(ethernet.payload, ethernet.at)?,
            ETHERTYPE_IPV6 => Packet::parse_v6(ethernet.payload, ethernet.at)?,
            ETHERTYPE_ARP => return self.arp(now, id, &ethernet, frames),
            _ => {
                self.counts.unknown_ethertype += 1;
                return Ok(Input::Handled);
            }
        };
        if self.interfaces.has(id, key(packet.destination)) {
            if is_group {
                // RFC 1122 §3.3.6: a packet for one host has no business in a frame for all.
                self.counts.group_frame += 1;
                return Ok(Input::Handled);
            }
            return self.packet(now, id, &ethernet, &packet, frames);
        }
        if packet.protocol == ICMPV6
            && packet.piece.is_none()
            && self.interfaces.listens(id, packet.destination)
            && (is_host(packet.source) || packet.source.is_unspecified())
        {
            return self.icmp(now, id, ethernet.source, &packet, frames);
        }
        self.counts.other_address += 1;
        Ok(Input::Handled)
    }

    /// A packet to an own address.
    fn packet<'a>(
        &mut self,
        now: Time,
        id: InterfaceId,
        ethernet: &Ethernet<'a>,
        packet: &Packet<'a>,
        frames: &mut dyn Frames,
    ) -> Result<Input<'a>, Malformed> {
        if !is_host(packet.source) || self.interfaces.is_own(key(packet.source)) {
            self.counts.bad_source += 1;
            return Ok(Input::Handled);
        }
        if let Some(piece) = packet.piece {
            return self.fragment(now, packet, piece, frames);
        }
        match (packet.protocol, packet.destination.is_ipv6()) {
            (SCTP, _) => {
                self.counts.sctp_in += 1;
                let &Packet { source, destination, payload, .. } = packet;
                Ok(Input::Sctp(super::Packet { source, destination, payload }))
            }
            (UDP, _) => self.datagram(now, packet, frames),
            (ICMP, false) | (ICMPV6, true) => self.icmp(now, id, ethernet.source, packet, frames),
            (TCP, _) => Ok(self.give_kernel(packet, frames)),
            (NO_NEXT_HEADER, true) => Ok(Input::Handled),
            _ => {
                self.refuse_protocol(now, packet, frames);
                Ok(Input::Handled)
            }
        }
    }

    pub(super) fn datagram<'a>(
        &mut self,
        now: Time,
        packet: &Packet<'a>,
        frames: &mut dyn Frames,
    ) -> Result<Input<'a>, Malformed> {
        let udp = Udp::parse(packet)?;
        if self.udp_ports.binary_search(&udp.destination_port).is_err() {
            self.refuse_port(now, packet, frames);
            return Ok(Input::Handled);
        }
        self.counts.udp_in += 1;
        Ok(Input::Udp(Datagram {
            source: packet.source,
            destination: packet.destination,
            source_port: udp.source_port,
            destination_port: udp.destination_port,
            payload: udp.payload,
        }))
    }
}
