//! Address resolution: ARP (RFC 826) and neighbour discovery (RFC 4861 §7), questions and answers.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::interface::{self, InterfaceId, is_host, key, solicited_node};
use super::neighbour::{Evidence, Neighbour, Question};
use super::output::pad;
use super::view::{Arp, Ethernet, Icmp, Ndp, Packet};
use super::{Input, Link, Mac, NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, build};
use crate::base::{Frames, HEADROOM, Malformed, Time};

const BROADCAST: Mac = [0xff; 6];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

/// The hardware address of an IPv6 group (RFC 2464 §7).
fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

impl Link {
    /// An ARP message.
    pub(super) fn arp(
        &mut self,
        now: Time,
        id: InterfaceId,
        frame: &Ethernet<'_>,
        frames: &mut dyn Frames,
    ) -> Result<Input<'static>, Malformed> {
        let arp = Arp::parse(frame.payload, frame.at)?;
        let target_is_ours = self.interfaces.has(id, key(arp.target.into()));
        if self.is_conflict(id, arp.sender.into(), arp.sender_mac) {
            return Ok(Input::Handled);
        }
        if arp.is_request && target_is_ours {
            self.counts.resolutions_answered += 1;
            self.send_arp(id, 2, arp.target, (arp.sender_mac, arp.sender), arp.sender_mac, frames);
        }
        let evidence = match (arp.is_request, target_is_ours) {
            (true, true) => Evidence::Asked,
            (false, true) => Evidence::Answered,
            _ if arp.sender == arp.target => Evidence::Announced,
            _ => {
                self.counts.resolutions_ignored += 1;
                return Ok(Input::Handled);
            }
        };
        Ok(self.hear(now, id, arp.sender.into(), arp.sender_mac, evidence, frames))
    }

    fn send_arp(
        &mut self,
        id: InterfaceId,
        operation: u8,
        sender: Ipv4Addr,
        target: (Mac, Ipv4Addr),
        destination: Mac,
        frames: &mut dyn Frames,
    ) {
        let Some(interface) = self.interfaces.get(id) else { return };
        let Some(buffer) = frames.buffer() else { return };
        let head = buffer.get_mut(..HEADROOM).unwrap_or(&mut []);
        let Some(start) = build::arp(head, interface, operation, sender, target, destination) else { return };
        let end = pad(buffer, start, HEADROOM);
        frames.send(interface.port, start..end);
        self.counts.frames_out += 1;
    }

    /// A neighbour solicitation or advertisement.
    pub(super) fn neighbour_message(
        &mut self,
        now: Time,
        id: InterfaceId,
        from: Mac,
        packet: &Packet<'_>,
        icmp: &Icmp<'_>,
        frames: &mut dyn Frames,
    ) -> Result<Input<'static>, Malformed> {
        let message = Ndp::parse(packet, icmp)?;
        let target_is_ours = self.interfaces.has(id, key(message.target.into()));
        if message.is_solicitation {
            if !target_is_ours {
                self.counts.resolutions_ignored += 1;
                return Ok(Input::Handled);
            }
            if packet.source.is_unspecified() {
                // Somebody is about to take this address (RFC 4862 §5.4): it is taken.
                self.counts.conflicts += u64::from(!self.interfaces.is_own_mac(from));
                self.advertise(
                    id,
                    message.target,
                    OVERRIDE,
                    (group_mac(ALL_NODES), ALL_NODES.into()),
                    frames,
                );
                return Ok(Input::Handled);
            }
            if self.is_conflict(id, packet.source, from) {
                return Ok(Input::Handled);
            }
            self.advertise(
                id,
                message.target,
                SOLICITED | OVERRIDE,
                (message.mac.unwrap_or(from), packet.source),
                frames,
            );
            return Ok(match message.mac {
                Some(mac) => self.hear(now, id, packet.source, mac, Evidence::Asked, frames),
                None => Input::Handled,
            });
        }
        let Some(mac) = message.mac.or(Some(from).filter(|_| message.is_solicited)) else {
            self.counts.resolutions_ignored += 1;
            return Ok(Input::Handled);
        };
        if self.is_conflict(id, message.target.into(), mac) {
            return Ok(Input::Handled);
        }
        let evidence = match (message.is_solicited, message.overrides) {
            (true, true) => Evidence::Answered,
            (true, false) => Evidence::Proxied,
            (false, true) => Evidence::Announced,
            (false, false) => {
                self.counts.resolutions_ignored += 1;
                return Ok(Input::Handled);
            }
        };
        Ok(self.hear(now, id, message.target.into(), mac, evidence, frames))
    }

    fn advertise(
        &mut self,
        id: InterfaceId,
        target: Ipv6Addr,
        flags: u8,
        (mac, to): (Mac, IpAddr),
        frames: &mut dyn Frames,
    ) {
        let Some(interface) = self.interfaces.get(id) else { return };
        let message = build::neighbour_message(NEIGHBOUR_ADVERTISEMENT, flags, target, 2, interface.mac);
        self.counts.resolutions_answered += 1;
        self.send_on_link(id, mac, (target.into(), to), &message, frames);
    }

    /// Whether a message speaks for an own address; then it is counted, if it isn't our own message come back.
    fn is_conflict(&mut self, id: InterfaceId, sender: IpAddr, mac: Mac) -> bool {
        let is_ours = self.interfaces.has(id, key(sender));
        if is_ours {
            if self.interfaces.is_own_mac(mac) {
                self.counts.resolutions_ignored += 1;
            } else {
                self.counts.conflicts += 1;
            }
        }
        is_ours
    }

    /// Believes a neighbour, if it is one.
    fn hear(
        &mut self,
        now: Time,
        id: InterfaceId,
        ip: IpAddr,
        mac: Mac,
        evidence: Evidence,
        frames: &mut dyn Frames,
    ) -> Input<'static> {
        if !is_host(ip) {
            // Somebody without an address yet asks whether it is free.
            self.counts.resolutions_ignored += 1;
            return Input::Handled;
        }
        if !self.routes.is_on_link(id, ip) {
            self.counts.off_link_senders += 1;
            return Input::Handled;
        }
        let Some(interface) = self.interfaces.get(id) else { return Input::Handled };
        let vlan = if interface.vlan == 0 { None } else { Some(interface.vlan) };
        let neighbour = Neighbour { port: interface.port, vlan, ip, mac, evidence };
        self.take_in(now, id, neighbour, frames);
        Input::Learned(neighbour)
    }

    /// Sends a question.
    pub(super) fn ask(&mut self, question: &Question, frames: &mut dyn Frames) {
        let id = question.interface;
        let Some(interface) = self.interfaces.get(id) else { return };
        let mac = interface.mac;
        let Some(source) = self.interfaces.asking(id, question.target) else { return };
        self.counts.solicitations += 1;
        match (source, interface::address(question.target)) {
            (IpAddr::V4(source), IpAddr::V4(target)) => {
                let to = question.mac.unwrap_or(BROADCAST);
                self.send_arp(id, 1, source, ([0; 6], target), to, frames);
            }
            (source, IpAddr::V6(target)) => {
                let message = build::neighbour_message(NEIGHBOUR_SOLICITATION, 0, target, 1, mac);
                let group = solicited_node(target);
                let (mac, to) = match question.mac {
                    Some(mac) => (mac, target),
                    None => (group_mac(group), group),
                };
                self.send_on_link(id, mac, (source, to.into()), &message, frames);
            }
            _ => {}
        }
    }
}
