//! Setting up an association (RFC 9260 5.1), and INIT and COOKIE ECHO in one that exists (5.2).

use super::super::build::PacketWriter;
use super::super::cookie::{Addresses, Cookie};
use super::super::view::{Chunk, Init, Tlv, Tlvs, Unknown, cause, chunk, parameter};
use super::super::{AssociationConfig, DownReason, Why, malformed};
use super::path::write_heartbeat;
use super::{Arrival, Association, Deadlines, Notice, Route, State, Step, Turn};
use crate::base::{Malformed, Time};
use core::net::IpAddr;

/// The fixed part of an INIT or INIT ACK of ours.
#[derive(Clone, Copy)]
pub(in super::super) struct InitValues {
    pub(in super::super) tag: u32,
    pub(in super::super) window: u32,
    pub(in super::super) outbound: u16,
    pub(in super::super) inbound: u16,
    pub(in super::super) tsn: u32,
}

/// Writes the fixed part, then our addresses if there are several.
pub(in super::super) fn write_init(w: &mut PacketWriter<'_>, values: InitValues, local: &[IpAddr]) {
    w.u32(values.tag);
    w.u32(values.window);
    w.u16(values.outbound);
    w.u16(values.inbound);
    w.u32(values.tsn);
    if local.len() > 1 {
        for &address in local {
            w.address(address);
        }
    }
}

/// The parameters of an INIT or INIT ACK that we know.
pub(in super::super) struct Parameters<'a> {
    /// The packet's source, then the addresses listed, of families that we have, as far as there is room.
    pub(in super::super) addresses: Addresses,
    /// Whether the source, or an address listed, is news.
    pub(in super::super) stranger: bool,
    pub(in super::super) cookie: Option<&'a [u8]>,
    pub(in super::super) host_name: Option<&'a [u8]>,
}

impl<'a> Parameters<'a> {
    /// Reads them up to the first unknown one that says stop. An address that is not among `known` is news.
    pub(in super::super) fn read(
        init: &Init<'a>,
        source: IpAddr,
        config: &AssociationConfig,
        known: Option<&Addresses>,
    ) -> Result<Self, Malformed> {
        let mut addresses = Addresses::NONE;
        addresses.add(source);
        let stranger = known.is_some_and(|known| !known.contains(source));
        let mut read = Self { addresses, stranger, cookie: None, host_name: None };
        for tlv in init.parameters {
            let tlv = tlv?;
            match tlv.kind {
                parameter::IPV4 | parameter::IPV6 => {
                    let address = tlv.address().ok_or(malformed(Why::ParameterLength, 0))?;
                    let usable = config.local.iter().any(|own| own.is_ipv6() == address.is_ipv6());
                    if !is_unicast(address) || !usable {
                        continue;
                    }
                    read.stranger |= known.is_some_and(|known| !known.contains(address));
                    read.addresses.add(address);
                }
                parameter::STATE_COOKIE => read.cookie = Some(tlv.value),
                parameter::HOST_NAME => read.host_name = Some(tlv.whole),
                kind if is_ours(kind) => {}
                kind if Unknown::parameter(kind).skip => {}
                _ => break,
            }
        }
        Ok(read)
    }
}

/// Parameter types that we understand, in INIT or INIT ACK.
const fn is_ours(kind: u16) -> bool {
    matches!(
        kind,
        parameter::IPV4
            | parameter::IPV6
            | parameter::STATE_COOKIE
            | parameter::UNRECOGNIZED
            | parameter::COOKIE_PRESERVATIVE
            | parameter::HOST_NAME
            | parameter::SUPPORTED_ADDRESS_TYPES
    )
}

/// The unknown parameters that want to be reported (3.2.1), up to the first that says stop, that one included.
pub(in super::super) fn unrecognized<'a>(parameters: Tlvs<'a>) -> impl Iterator<Item = Tlv<'a>> {
    let mut stopped = false;
    parameters
        .map_while(move |tlv| {
            let tlv = tlv.ok().filter(|_| !stopped)?;
            let unknown = Unknown::parameter(tlv.kind);
            stopped = !is_ours(tlv.kind) && !unknown.skip;
            Some((tlv, !is_ours(tlv.kind) && unknown.report))
        })
        .filter_map(|(tlv, report)| report.then_some(tlv))
}

/// Whether a packet may come from, or go to, this address (8.4 rule 1).
pub(in super::super) fn is_unicast(address: IpAddr) -> bool {
    !address.is_unspecified()
        && !address.is_multicast()
        && match address {
            IpAddr::V4(address) => !address.is_broadcast(),
            IpAddr::V6(_) => true,
        }
}

impl Association {
    /// Begins a connection attempt unless there is an association already.
    pub(in super::super) fn connect(&mut self, turn: &mut Turn<'_>) {
        self.wanted = true;
        self.deadlines.retry = Time::NEVER;
        if self.state != State::Closed || self.config.remote.is_empty() {
            return;
        }
        let Some(port) = self.config.remote_port else { return };
        self.remote_port = port;
        let mut addresses = Addresses::NONE;
        for &address in &self.config.remote {
            addresses.add(address);
        }
        self.paths.set(&self.config, &addresses, None, |_| true);
        (self.attempts, self.stale) = (0, 0);
        self.reindex = true;
        self.begin(turn);
    }

    /// After a stale cookie: a new INIT, which counts as one more attempt.
    pub(super) fn restart_init(&mut self, turn: &mut Turn<'_>) {
        self.stale = self.stale.saturating_add(1);
        if self.stale > self.config.timers.max_init_retransmits {
            self.close(turn, DownReason::NoAnswer);
            return;
        }
        self.begin(turn);
    }

    fn begin(&mut self, turn: &mut Turn<'_>) {
        self.local_tag = turn.random.tag(self.spent.0);
        self.peer_tag = 0;
        self.tsns = (turn.random.next() as u32, 0);
        self.state = State::CookieWait;
        self.send_init(turn);
    }

    /// What our INIT says, and an INIT ACK while we wait for the peer's (5.2.1).
    pub(in super::super) fn init_values(&self) -> InitValues {
        InitValues {
            tag: self.local_tag,
            window: self.config.receive_window.max(1500),
            outbound: self.config.streams.max(1),
            inbound: self.config.max_in_streams.max(1),
            tsn: self.tsns.0,
        }
    }

    fn send_init(&mut self, turn: &mut Turn<'_>) {
        let path = self.paths.primary;
        let (values, local) = (self.init_values(), &self.config.local);
        turn.emit(self.route(path), 0, |w| {
            w.chunk(chunk::INIT, 0, |w| {
                write_init(w, values, local);
                let has = |ipv6| local.iter().any(|address| address.is_ipv6() == ipv6);
                w.tlv(parameter::SUPPORTED_ADDRESS_TYPES, |w| {
                    for (kind, wanted) in [(parameter::IPV4, has(false)), (parameter::IPV6, has(true))] {
                        if wanted {
                            w.u16(kind);
                        }
                    }
                });
            });
        });
        self.deadlines.t1 = self.wake_at(turn.now + self.paths.at(path).rto);
    }

    pub(super) fn on_t1(&mut self, turn: &mut Turn<'_>) {
        self.deadlines.t1 = Time::NEVER;
        self.attempts = self.attempts.saturating_add(1);
        if self.attempts > self.config.timers.max_init_retransmits {
            self.close(turn, DownReason::NoAnswer);
            return;
        }
        self.paths.at_mut(self.paths.primary).back_off(&self.config.timers);
        // The next try takes the next address that is the peer's for sure (6.4, 5.4).
        let primary = self.paths.primary;
        let after = (1..=self.paths.count()).map(|step| (primary + step) % self.paths.count());
        let next = after.into_iter().find(|&path| self.paths.at(path).confirmed);
        self.paths.primary = next.unwrap_or(primary);
        match self.state {
            State::CookieWait => self.send_init(turn),
            State::CookieEchoed => self.send_cookie_echo(turn),
            _ => {}
        }
    }

    /// INIT ACK, alone in its packet, with our tag. `source` sent it, to our `destination`.
    pub(in super::super) fn on_init_ack(
        &mut self,
        turn: &mut Turn<'_>,
        chunk: &Chunk<'_>,
        source: IpAddr,
        destination: IpAddr,
    ) -> Result<(), Malformed> {
        if self.state != State::CookieWait {
            turn.counts.unexpected_chunks += 1;
            return Ok(());
        }
        let init = Init::parse(chunk)?;
        let read = Parameters::read(&init, source, &self.config, None)?;
        // Answers go where it came from (5.1.2).
        let back = Route { source: destination, destination: source, ..self.route(self.paths.primary) };
        if init.tag == 0 {
            // Without the peer's tag only a reflected one can be sent (3.3.3).
            let tag = self.local_tag;
            turn.emit(back, tag, |w| w.chunk(chunk::ABORT, 1, |_| {}));
            turn.counts.aborts_out += 1;
            self.close(turn, DownReason::Refused { cause: cause::INVALID_PARAMETER });
            return Ok(());
        }
        if init.is_narrow() {
            // Refused, and nothing else changes (3.3.3).
            turn.counts.aborts_out += 1;
            turn.emit(back, init.tag, |w| {
                w.chunk(chunk::ABORT, 0, |w| w.tlv(cause::INVALID_PARAMETER, |_| {}));
            });
            return Ok(());
        }
        self.peer_tag = init.tag;
        if init.is_invalid() {
            self.refuse(turn, back, cause::INVALID_PARAMETER, &[]);
        } else if let Some(name) = read.host_name {
            self.refuse(turn, back, cause::UNRESOLVABLE_ADDRESS, name);
        } else if let Some(cookie) = read.cookie {
            let Some(room) = self.cookie.get_mut(..cookie.len()) else {
                self.refuse(turn, back, cause::OUT_OF_RESOURCE, &[]);
                return Ok(());
            };
            room.copy_from_slice(cookie);
            self.cookie_length = cookie.len();
            self.keep_report(init.parameters);
            self.learn(&init, &read.addresses, source, destination);
            self.attempts = 0;
            self.state = State::CookieEchoed;
            self.send_cookie_echo(turn);
        } else {
            // One parameter is missing: the cookie.
            self.refuse(
                turn,
                back,
                cause::MISSING_PARAMETER,
                &[0, 0, 0, 1, 0, parameter::STATE_COOKIE as u8],
            );
        }
        Ok(())
    }

    fn refuse(&mut self, turn: &mut Turn<'_>, route: Route, code: u16, contents: &[u8]) {
        self.abort_by(turn, route, code, contents, DownReason::Refused { cause: code });
    }

    /// Keeps what of an INIT ACK is to be reported (3.2.2), as far as there is room.
    fn keep_report(&mut self, parameters: Tlvs<'_>) {
        self.report_length = 0;
        for tlv in unrecognized(parameters) {
            let start = self.cookie_length + self.report_length.next_multiple_of(4);
            let Some(room) = self.cookie.get_mut(start..).and_then(|rest| rest.get_mut(..tlv.whole.len()))
            else {
                return;
            };
            room.copy_from_slice(tlv.whole);
            let padding = start + tlv.whole.len()..start + tlv.whole.len().next_multiple_of(4);
            if let Some(padding) = self.cookie.get_mut(padding) {
                padding.fill(0);
            }
            self.report_length = start - self.cookie_length + tlv.whole.len();
        }
    }

    /// Takes over what the INIT ACK says.
    fn learn(&mut self, init: &Init<'_>, addresses: &Addresses, source: IpAddr, destination: IpAddr) {
        let rto = self.paths.at(self.paths.primary).rto;
        let config = &self.config;
        let given = |address| address == source || config.remote.contains(&address);
        self.paths.set(config, addresses, Some(destination), given);
        self.paths.at_mut(0).rto = rto;
        self.prefer_configured();
        self.reindex = true;
        self.tsns.1 = init.tsn;
        self.outbound.reset(self.tsns.0, self.config.streams.min(init.inbound), init.window);
        self.inbound.reset(init.tsn);
    }

    fn send_cookie_echo(&mut self, turn: &mut Turn<'_>) {
        let path = self.paths.primary;
        let (cookie, rest) = self.cookie.split_at_checked(self.cookie_length).unwrap_or((&[], &[]));
        let report = rest.get(..self.report_length).unwrap_or(&[]);
        turn.emit(self.route(path), self.peer_tag, |w| {
            w.chunk(chunk::COOKIE_ECHO, 0, |w| w.bytes(cookie));
            let report = report.get(..w.room().saturating_sub(8)).unwrap_or(report);
            if !report.is_empty() {
                let write =
                    |w: &mut PacketWriter<'_>| w.tlv(cause::UNRECOGNIZED_PARAMETERS, |w| w.bytes(report));
                w.chunk(chunk::ERROR, 0, write);
            }
        });
        self.deadlines.t1 = self.wake_at(turn.now + self.paths.at(path).rto);
    }

    pub(super) fn on_cookie_ack(&mut self, turn: &mut Turn<'_>) -> Step<'static> {
        if self.state == State::CookieEchoed {
            self.establish(turn);
        } else {
            turn.counts.unexpected_chunks += 1;
        }
        Step::Next
    }

    fn establish(&mut self, turn: &mut Turn<'_>) {
        self.state = State::Established;
        self.deadlines = Deadlines::STOPPED;
        (self.attempts, self.stale, self.errors) = (0, 0, 0);
        self.notice = Notice { up: true, ..self.notice };
        turn.counts.associations_up += 1;
        self.start_heartbeats(turn);
    }

    /// A good COOKIE ECHO where there is no association: there is one now (5.1.5). The cookie's first address is where
    /// the INIT came from; `source` sent the cookie, to our `destination`.
    pub(in super::super) fn accept(
        &mut self,
        turn: &mut Turn<'_>,
        cookie: &Cookie,
        source: IpAddr,
        destination: IpAddr,
    ) {
        self.adopt(cookie, destination);
        self.arrival = Arrival::new(self.path_to(source), destination);
        self.establish(turn);
        self.send_cookie_ack(turn);
    }

    /// The peer's address that the configuration names first is the primary one, if the peer has it.
    fn prefer_configured(&mut self) {
        let preferred = self.config.remote.first().and_then(|&address| self.paths.find(address));
        self.paths.primary = preferred.unwrap_or(0);
    }

    /// Takes everything over from a cookie.
    fn adopt(&mut self, cookie: &Cookie, destination: IpAddr) {
        self.remote_port = cookie.ports.1;
        (self.local_tag, self.peer_tag) = cookie.tags;
        self.tsns = cookie.tsns;
        let first = cookie.addresses.iter().next();
        self.paths.set(&self.config, &cookie.addresses, Some(destination), |address| Some(address) == first);
        self.prefer_configured();
        self.arrival = Arrival::new(0, destination);
        self.reindex = true;
        self.outbound.reset(cookie.tsns.0, cookie.streams.0, cookie.window);
        self.inbound.reset(cookie.tsns.1);
        self.errors = 0;
        self.cookie_length = 0;
        self.shutdown_owed = false;
    }

    fn send_cookie_ack(&mut self, turn: &mut Turn<'_>) {
        let path = self.arrival.path;
        // An address that is not proved yet gets it with a HEARTBEAT alone (5.4).
        let nonce = (!self.paths.at(path).confirmed).then(|| self.begin_heartbeat(turn, path));
        turn.emit(self.arrival_route(), self.peer_tag, |w| {
            w.chunk(chunk::COOKIE_ACK, 0, |_| {});
            if let Some(nonce) = nonce {
                write_heartbeat(w, path, nonce);
            }
        });
    }

    /// A good COOKIE ECHO where there is an association: the table of 5.2.4. Whether the rest of the packet counts.
    pub(in super::super) fn on_cookie_echo(
        &mut self,
        turn: &mut Turn<'_>,
        cookie: &Cookie,
        destination: IpAddr,
        stale: bool,
    ) -> bool {
        let same = (cookie.tags.0 == self.local_tag, cookie.tags.1 == self.peer_tag);
        let handshaking = matches!(self.state, State::CookieWait | State::CookieEchoed);
        match same {
            // D: our COOKIE ACK was lost, or both sides began at once. However old the cookie is.
            (true, true) => {
                if handshaking {
                    self.establish(turn);
                }
                self.send_cookie_ack(turn);
                true
            }
            _ if stale => {
                turn.counts.cookies_stale += 1;
                self.send_stale(turn, cookie, destination);
                false
            }
            // A: the peer has restarted.
            (false, false) if cookie.tie != 0 && cookie.tie == self.tie(turn.random) => {
                self.on_restart(turn, cookie, destination)
            }
            // B: both sides began at once, and the peer's INIT came after its INIT ACK.
            (true, false) => {
                if !handshaking && cookie.tsns.1 != self.tsns.1 {
                    // It has forgotten its INIT ACK, whose numbers we have: it died meanwhile, and began anew.
                    return self.on_restart(turn, cookie, destination);
                }
                if handshaking {
                    self.adopt(cookie, destination);
                    self.establish(turn);
                } else {
                    self.peer_tag = cookie.tags.1;
                }
                self.send_cookie_ack(turn);
                true
            }
            // C, and all that the table leaves out.
            _ => {
                turn.counts.cookies_bad += 1;
                false
            }
        }
    }

    fn on_restart(&mut self, turn: &mut Turn<'_>, cookie: &Cookie, destination: IpAddr) -> bool {
        if self.state == State::ShutdownAckSent {
            self.send_shutdown_ack(turn);
            self.tell_error(cause::COOKIE_WHILE_SHUTTING_DOWN, &[]);
            self.end_of_packet(turn);
            return false;
        }
        turn.counts.restarts += 1;
        turn.counts.data_lost += u64::from(self.outbound.waiting());
        let handshaking = matches!(self.state, State::CookieWait | State::CookieEchoed);
        self.adopt(cookie, destination);
        self.establish(turn);
        turn.counts.associations_up -= 1;
        self.notice.restarted = !handshaking && self.notice.down.is_none();
        self.notice.up = handshaking || self.notice.down.is_some();
        self.send_cookie_ack(turn);
        true
    }

    fn send_stale(&self, turn: &mut Turn<'_>, cookie: &Cookie, destination: IpAddr) {
        let route = self.arrival_route();
        send_stale(turn, Route { source: destination, ..route }, cookie.tags.1);
    }
}

/// ERROR with cause stale cookie; the measure of staleness may be 0 (3.3.10.3).
pub(in super::super) fn send_stale(turn: &mut Turn<'_>, route: Route, tag: u32) {
    turn.emit(route, tag, |w| {
        w.chunk(chunk::ERROR, 0, |w| w.tlv(cause::STALE_COOKIE, |w| w.u32(0)));
    });
}
