//! Packets that no association takes: out of the blue (RFC 9260 8.4), INIT, COOKIE ECHO. A server keeps no state until
//! the cookie comes back.

use super::association::{
    Arrival, InitValues, Parameters, Route, State, Turn, is_unicast, packet_limit, send_stale, unrecognized,
    write_init,
};
use super::cookie::{Addresses, Cookie};
use super::endpoint::{Cursor, Endpoint, Peer, Phase};
use super::view::{self, Chunk, Init, Packet, Tlv, Tlvs, cause, chunk};
use super::{PacketWriter, association::Association};
use crate::base::{Malformed, Out, Time};
use core::time::Duration;

/// Answers to packets of no association, so many a second and no more.
pub(super) struct AnswerLimit {
    left: u32,
    refilled: Time,
}

impl AnswerLimit {
    const BURST: u32 = 100;
    const INTERVAL: Duration = Duration::from_millis(5);

    pub(super) const FULL: Self = Self { left: Self::BURST, refilled: Time::ZERO };

    fn take(&mut self, now: Time) -> bool {
        let earned = now.since(self.refilled).as_nanos() / Self::INTERVAL.as_nanos();
        if earned >= u128::from(Self::BURST) {
            (self.left, self.refilled) = (Self::BURST, now);
        } else {
            self.left = (self.left + earned as u32).min(Self::BURST);
            self.refilled += Self::INTERVAL * earned as u32;
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

impl Endpoint {
    /// A packet of no association (8.4).
    #[allow(clippy::too_many_arguments)] // the packet's addresses, its first chunk, and where answers go
    pub(super) fn out_of_the_blue(
        &mut self,
        now: Time,
        peer: Peer,
        packet: &Packet<'_>,
        first: &Chunk<'_>,
        alone: bool,
        cursor: &mut Cursor,
        out: &mut dyn Out,
    ) -> Result<(), Malformed> {
        self.counts.out_of_the_blue += 1;
        if !is_unicast(peer.0) || !is_unicast(peer.1) {
            return Ok(());
        }
        let is_stale = |chunk: &Chunk<'_>| {
            chunk.kind == chunk::ERROR
                && Tlvs::new(chunk.value)
                    .any(|error| error.is_ok_and(|error| error.kind == cause::STALE_COOKIE))
        };
        // In the order of 8.4, whatever comes first in the packet.
        if packet.has(chunk::ABORT) {
            return Ok(());
        }
        match first.kind {
            chunk::INIT if packet.tag == 0 && alone => return self.on_init(now, peer, None, first, out),
            chunk::COOKIE_ECHO => return self.on_cookie_echo(now, peer, packet, first, cursor, out),
            _ if packet.tag == 0 => {}
            _ if packet.has(chunk::SHUTDOWN_ACK) => {
                self.answer(now, peer, packet.tag, chunk::SHUTDOWN_COMPLETE, out)
            }
            _ if packet.has(chunk::SHUTDOWN_COMPLETE) || packet.has(chunk::COOKIE_ACK) => {}
            _ if packet.chunks().any(|chunk| chunk.is_ok_and(|chunk| is_stale(&chunk))) => {}
            _ => self.answer(now, peer, packet.tag, chunk::ABORT, out),
        }
        Ok(())
    }

    fn route(&self, peer: Peer) -> Route {
        let (destination, source, remote_port, local_port) = peer;
        let limit = if destination.is_ipv6() { 1240 } else { 556 };
        Route { source, destination, ports: (local_port, remote_port), limit, in_fragments: false }
    }

    /// An answer of one empty chunk with the packet's own tag reflected (T bit).
    pub(super) fn answer(&mut self, now: Time, peer: Peer, tag: u32, kind: u8, out: &mut dyn Out) {
        self.stateless(now, peer, out, tag, |w| w.chunk(kind, 1, |_| {}));
    }

    /// An ABORT with the Initiate Tag of the INIT that it answers.
    fn refuse_init(
        &mut self,
        now: Time,
        peer: Peer,
        tag: u32,
        code: u16,
        out: &mut dyn Out,
        contents: impl FnOnce(&mut PacketWriter<'_>),
    ) {
        self.counts.inits_refused += 1;
        self.stateless(now, peer, out, tag, |w| w.chunk(chunk::ABORT, 0, |w| w.tlv(code, contents)));
    }

    fn stateless(
        &mut self,
        now: Time,
        peer: Peer,
        out: &mut dyn Out,
        tag: u32,
        write: impl FnOnce(&mut PacketWriter<'_>),
    ) {
        if !self.limit.take(now) {
            self.counts.stateless_limited += 1;
            return;
        }
        let route = self.route(peer);
        let turn = &mut Turn { now, out, counts: &mut self.counts, random: &mut self.random };
        if turn.emit(route, tag, write) {
            self.counts.stateless_answers += 1;
        }
    }

    /// The configuration that a packet from a peer without association may use: the most exact one that is free.
    fn configured(&self, peer: Peer) -> Option<u16> {
        let (source, destination, remote_port, local_port) = peer;
        let fits = |association: &&Association| {
            let config = &association.config;
            association.wanted
                && association.state == State::Closed
                && config.local_port == local_port
                && config.local.contains(&destination)
                && config.remote_port.is_none_or(|port| port == remote_port)
                && (config.remote.is_empty() || config.remote.contains(&source))
        };
        self.associations
            .iter()
            .filter(fits)
            .min_by_key(|association| {
                (association.config.remote.is_empty(), association.config.remote_port.is_none())
            })
            .map(|association| association.id)
    }

    /// INIT, alone in its packet, with tag 0 (5.1, 5.2.1, 5.2.2). `known` is the association that is there already.
    pub(super) fn on_init(
        &mut self,
        now: Time,
        peer: Peer,
        known: Option<u16>,
        chunk: &Chunk<'_>,
        out: &mut dyn Out,
    ) -> Result<(), Malformed> {
        self.counts.inits_in += 1;
        let init = Init::parse(chunk)?;
        if init.tag == 0 {
            self.counts.inits_refused += 1;
            return Ok(());
        }
        let Some(id) = known.or_else(|| self.configured(peer)) else {
            self.refuse_init(now, peer, init.tag, cause::OUT_OF_RESOURCE, out, |_| {});
            return Ok(());
        };
        let Some(association) = self.associations.get(usize::from(id)) else { return Ok(()) };
        if association.state == State::ShutdownAckSent {
            let turn = &mut Turn { now, out, counts: &mut self.counts, random: &mut self.random };
            association.send_shutdown_ack(turn);
            return Ok(());
        }
        if init.is_invalid() {
            self.refuse_init(now, peer, init.tag, cause::INVALID_PARAMETER, out, |_| {});
            return Ok(());
        }
        // Of an association that is there, no address may be new (5.2.2).
        let mut addresses = Addresses::NONE;
        association.paths.iter().for_each(|path| addresses.add(path.remote));
        let compared = known.is_some() && association.state != State::CookieWait;
        let compared = compared.then_some(&addresses);
        let read = Parameters::read(&init, peer.0, &association.config, compared)?;
        if let Some(name) = read.host_name {
            self.refuse_init(now, peer, init.tag, cause::UNRESOLVABLE_ADDRESS, out, |w| w.bytes(name));
        } else if read.stranger {
            let strangers = init.parameters.filter_map(Result::ok);
            let strangers =
                strangers.filter(|tlv| tlv.address().is_some_and(|address| !addresses.contains(address)));
            let from_elsewhere = !addresses.contains(peer.0);
            self.refuse_init(now, peer, init.tag, cause::RESTART_WITH_NEW_ADDRESSES, out, |w| {
                if from_elsewhere {
                    w.address(peer.0);
                }
                for Tlv { whole, .. } in strangers {
                    if w.fits(whole.len()) {
                        w.pad();
                        w.bytes(whole);
                    }
                }
            });
        } else {
            self.acknowledge_init(now, peer, id, &init, &read.addresses, out);
        }
        Ok(())
    }

    /// INIT ACK with the state in its cookie; nothing of it stays here.
    fn acknowledge_init(
        &mut self,
        now: Time,
        peer: Peer,
        id: u16,
        init: &Init<'_>,
        addresses: &Addresses,
        out: &mut dyn Out,
    ) {
        let Some(association) = self.associations.get(usize::from(id)) else { return };
        let config = &association.config;
        let (fresh, tie) = match association.state {
            State::Closed => (true, 0),
            State::CookieWait => (false, 0),
            State::CookieEchoed => (false, association.tie(&self.random)),
            _ => (true, association.tie(&self.random)),
        };
        let own = association.init_values();
        let values = InitValues {
            tag: if fresh { self.random.tag(association.local_tag) } else { own.tag },
            tsn: if fresh { self.random.next() as u32 } else { own.tsn },
            outbound: own.outbound.min(init.inbound),
            ..own
        };
        let cookie = Cookie {
            association: id,
            made: now,
            ports: (peer.3, peer.2),
            tags: (values.tag, init.tag),
            tsns: (values.tsn, init.tsn),
            window: init.window,
            streams: (values.outbound, init.outbound.min(own.inbound)),
            tie,
            addresses: *addresses,
        };
        let sealed = self.baker.seal(now, &cookie);
        let route = Route { limit: packet_limit(config, peer.0.is_ipv6()), ..self.route(peer) };
        let turn = &mut Turn { now, out, counts: &mut self.counts, random: &mut self.random };
        turn.emit(route, init.tag, |w| {
            w.chunk(chunk::INIT_ACK, 0, |w| {
                write_init(w, values, &config.local);
                w.tlv(view::parameter::STATE_COOKIE, |w| w.bytes(sealed.octets()));
                for unknown in unrecognized(init.parameters) {
                    if w.fits(4 + unknown.whole.len()) {
                        w.tlv(view::parameter::UNRECOGNIZED, |w| w.bytes(unknown.whole));
                    }
                }
            });
        });
    }

    /// Which association a good cookie is for: the one that its INIT was about, or, if that has become somebody else's
    /// since, the one that it has brought up already (5.2.4 D) or another that is free for this peer.
    fn slot(&self, peer: Peer, cookie: &Cookie) -> Option<u16> {
        let association = self.associations.get(usize::from(cookie.association))?;
        if !association.config.local.contains(&peer.1) {
            return None;
        }
        let is_its = association.local_tag == cookie.tags.0
            || cookie.tie != 0 && cookie.tie == association.tie(&self.random);
        let filed = self.peers.get(&peer).copied();
        match association.state {
            _ if is_its => Some(cookie.association),
            _ if filed.is_some() => filed,
            State::Closed => Some(cookie.association),
            _ => self.configured(peer),
        }
    }

    /// COOKIE ECHO, first in its packet (5.1.5, 5.2.4).
    pub(super) fn on_cookie_echo(
        &mut self,
        now: Time,
        peer: Peer,
        packet: &Packet<'_>,
        chunk: &Chunk<'_>,
        cursor: &mut Cursor,
        out: &mut dyn Out,
    ) -> Result<(), Malformed> {
        let opened = self.baker.open(now, chunk.value).filter(|cookie| {
            cookie.ports == (peer.3, peer.2)
                && cookie.tags.0 == packet.tag
                && cookie.addresses.contains(peer.0)
                && cookie.is_sound()
        });
        let Some(cookie) = opened.as_ref() else {
            self.counts.cookies_bad += 1;
            return Ok(());
        };
        let Some(id) = self.slot(peer, cookie) else {
            self.counts.cookies_bad += 1;
            let life = self.associations.get(usize::from(cookie.association));
            if life.is_some_and(|it| now.since(cookie.made) > it.config.timers.cookie_life) {
                self.counts.cookies_stale += 1;
                let route = self.route(peer);
                let turn = &mut Turn { now, out, counts: &mut self.counts, random: &mut self.random };
                send_stale(turn, route, cookie.tags.1);
            }
            return Ok(());
        };
        let Some(association) = self.associations.get_mut(usize::from(id)) else { return Ok(()) };
        let stale = now.since(cookie.made) > association.config.timers.cookie_life;
        let turn = &mut Turn { now, out, counts: &mut self.counts, random: &mut self.random };
        let goes_on = match association.state {
            State::Closed if !association.wanted || association.spent == cookie.tags => false,
            State::Closed if stale => {
                turn.counts.cookies_stale += 1;
                let (destination, source, ..) = peer;
                let limit = packet_limit(&association.config, destination.is_ipv6());
                send_stale(
                    turn,
                    Route { source, destination, ports: cookie.ports, limit, in_fragments: false },
                    cookie.tags.1,
                );
                false
            }
            State::Closed => {
                association.accept(turn, cookie, peer.0, peer.1);
                true
            }
            _ => {
                association.arrival = Arrival::new(association.path_to(peer.0), peer.1);
                association.on_cookie_echo(turn, cookie, peer.1, stale)
            }
        };
        cursor.association = id;
        if goes_on {
            association.arrival = Arrival::new(association.path_to(peer.0), peer.1);
            cursor.tag = association.local_tag;
            cursor.phase = Phase::Chunks;
            cursor.at += chunk.whole.len().next_multiple_of(4);
        }
        Ok(())
    }
}
