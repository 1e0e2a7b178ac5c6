//! The states of an ASP and its application server over one SCTP association (RFC 4666 4.3), from either side.

mod config;
mod data;
mod own;
mod peer;
mod register;
mod ssnm;

use super::build;
use super::destinations::{Availability, Change, Destinations};
use super::keys::Keys;
use super::view::{Affected, Data, Kind, Message, Why, error_code, malformed};
use super::{ErrorCode, TrafficMode, tag};
use crate::base::{Malformed, Time};
use crate::codec::{Prepend, Reader};
use crate::ident::PointCode;

use register::Registrations;

pub use config::{AspConfig, AspState, M3uaCounts, Role};

/// What a message was.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A message for an MTP3 user.
    Data(Data<'a>),
    /// The state of the ASP is now this.
    Changed(AspState),
    /// News about destinations, already in the table of [`Asp::availability`].
    Destination {
        /// Which: point codes, each with the number of its low bits that are wild.
        affected: Affected<'a>,
        /// What is new.
        change: Change,
    },
    /// As SGP, routing keys that the ASP asks for, to be answered by [`Servers::register`](super::Servers::register).
    Registration(Keys<'a>),
    /// As SGP, routing contexts that the ASP gives up, four octets each, to be answered by
    /// [`Servers::deregister`](super::Servers::deregister).
    Deregistration(&'a [u8]),
    /// Nothing for the layers above.
    Handled,
}

/// What a timer brought about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timeout {
    /// The state of the ASP is now this.
    Changed(AspState),
    /// The peer doesn't answer: its association is to be aborted.
    PeerFailed,
}

/// One direction of an association: whose requests are acknowledged.
#[derive(Clone, Copy, Debug, Default)]
struct Half {
    state: AspState,
    /// The routing contexts that are active, by place in the configuration.
    active: u32,
}

impl Half {
    fn set_active(&mut self, active: u32) {
        self.active = active;
        self.state = if active == 0 { AspState::Inactive } else { AspState::Active };
    }

    fn set_down(&mut self) {
        *self = Self::default();
    }
}

/// A direction: whose ASP it is that asks for traffic. Without double exchange both are one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Ours,
    Theirs,
}

/// The traffic mode of an application server, as SGP or IPSP.
#[derive(Clone, Copy, Debug)]
struct Modes {
    /// The one to accept; any if none.
    required: Option<TrafficMode>,
    /// The one that the ASP has asked for.
    asked: Option<TrafficMode>,
}

/// A request of ours that waits for its acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Request {
    Aspup,
    Aspac,
    Aspia,
    Aspdn,
    Reg,
    Dereg,
}

/// M3UA over one association.
#[derive(Debug)]
pub struct Asp {
    config: AspConfig,
    /// Ours, and with double exchange, theirs; otherwise one state serves both.
    halves: [Half; 2],
    associated: bool,
    streams_out: u16,
    /// Management wants the ASP down.
    stopped: bool,
    /// The routing contexts that another ASP has taken over: we wait for its end.
    standby: u32,
    request: Option<Request>,
    attempts: u32,
    /// ERR "unexpected message" has come since the request was sent.
    doubted: bool,
    /// End of T(ack) if a request waits, else when to ask again after a refusal.
    deadline: Time,
    /// The traffic modes that the application servers take, as SGP, and those that the ASP has asked for.
    modes: [Modes; AspConfig::MAX_CONTEXTS],
    /// The identifier that the peer has given itself.
    peer_identifier: Option<u32>,
    /// The identifiers that others have in application servers that it serves too.
    taken: Vec<u32>,
    /// Management lets the ASP be up, without traffic.
    blocked: bool,
    registrations: Registrations,
    beat_deadline: Time,
    audit_deadline: Time,
    heard: Time,
    beats: u64,
    destinations: Destinations,
    /// Counters.
    pub counts: M3uaCounts,
}

/// Octets of the longest management message that we write.
const MANAGEMENT_MAX: usize = 1200;
/// Octets of the longest BEAT that we answer: as long as messages may be that SCTP delivers to us.
const BEAT_MAX: usize = 4352;

impl Asp {
    /// An ASP without association. Panics if there are more than [`AspConfig::MAX_CONTEXTS`] routing contexts.
    #[must_use]
    pub fn new(mut config: AspConfig) -> Self {
        if config.registration || !config.register.is_empty() {
            config.routing_contexts.reserve(AspConfig::MAX_CONTEXTS);
        }
        assert!(config.routing_contexts.len() <= AspConfig::MAX_CONTEXTS);
        assert!(config.peer_contexts.len() <= AspConfig::MAX_CONTEXTS);
        Self {
            halves: [Half::default(); 2],
            associated: false,
            streams_out: 0,
            stopped: false,
            standby: 0,
            request: None,
            attempts: 0,
            doubted: false,
            deadline: Time::NEVER,
            modes: [Modes { required: config.traffic_mode, asked: None }; AspConfig::MAX_CONTEXTS],
            peer_identifier: None,
            taken: Vec::new(),
            blocked: false,
            registrations: Registrations::default(),
            beat_deadline: Time::NEVER,
            audit_deadline: Time::NEVER,
            heard: Time::ZERO,
            beats: 0,
            destinations: Destinations::new(config.destinations),
            counts: M3uaCounts::default(),
            config,
        }
    }

    /// The SCTP association is up, with `streams_out` outgoing streams; or it was restarted by the peer.
    pub fn association_up(&mut self, now: Time, streams_out: u16, send: &mut dyn FnMut(u16, &[u8])) {
        self.association_down(now);
        self.associated = true;
        self.streams_out = streams_out;
        self.heard = now;
        self.beat_deadline = self.config.t_beat.map_or(Time::NEVER, |period| now + period);
        self.advance(now, send);
    }

    /// The SCTP association is gone: ASP-DOWN, nothing is known of destinations.
    pub fn association_down(&mut self, _now: Time) {
        self.associated = false;
        self.halves = [Half::default(); 2];
        self.standby = 0;
        self.request = None;
        self.deadline = Time::NEVER;
        self.peer_identifier = None;
        self.forget_registered();
        self.beat_deadline = Time::NEVER;
        self.audit_deadline = Time::NEVER;
        if self.config.role != Role::Sgp {
            self.destinations.clear();
        }
    }

    /// Leaves the traffic: ASPIA, then ASPDN. As SGP, locks the ASP out (RFC 4666 4.3.4.2).
    pub fn stop(&mut self, now: Time, send: &mut dyn FnMut(u16, &[u8])) {
        self.stopped = true;
        if self.config.role == Role::Sgp {
            if self.halves[0].state != AspState::Down {
                self.halves[0].set_down();
                self.emit(Kind::AspdnAck, |_| (), send);
            }
            return;
        }
        if matches!(self.request, Some(Request::Aspup | Request::Aspac | Request::Reg) | None) {
            self.request = None;
            self.deadline = Time::NEVER;
        }
        self.advance(now, send);
    }

    /// As SGP, keeps the ASP from traffic and lets it be up: an ASPIA ACK unasked, and no ASPAC is accepted until
    /// [`Asp::unblock`].
    pub fn block(&mut self, send: &mut dyn FnMut(u16, &[u8])) {
        if self.config.role != Role::Sgp {
            return;
        }
        self.blocked = true;
        if self.theirs().state == AspState::Active {
            let contexts = self.contexts(Side::Theirs, self.theirs().active);
            self.theirs_mut().set_active(0);
            self.emit(Kind::AspiaAck, |writer| build::routing_contexts(writer, contexts), send);
        }
    }

    /// Ends [`Asp::block`]; the ASP asks when it likes.
    pub fn unblock(&mut self) {
        self.blocked = false;
    }

    /// Ends [`Asp::stop`]: enters the traffic again, or as SGP, lets the ASP in.
    pub fn start(&mut self, now: Time, send: &mut dyn FnMut(u16, &[u8])) {
        self.stopped = false;
        self.advance(now, send);
    }

    /// Who we are.
    #[must_use]
    pub fn role(&self) -> Role {
        self.config.role
    }

    /// The network appearance that messages must bear if they bear one.
    #[must_use]
    pub fn network_appearance(&self) -> Option<u32> {
        self.config.network_appearance
    }

    /// The state; with double exchange, the lower of the two directions.
    #[must_use]
    pub fn state(&self) -> AspState {
        if self.is_double() { self.ours().state.min(self.theirs().state) } else { self.ours().state }
    }

    /// What the peer has said about a destination.
    #[must_use]
    pub fn availability(&self, point_code: PointCode) -> Availability {
        self.destinations.get(point_code)
    }

    /// The SCCP of a destination has answered again, which ends the effect of a DUPU.
    pub fn sccp_back(&mut self, point_code: PointCode) {
        self.destinations.update(point_code, 0, Change::SccpBack);
    }

    /// When [`Asp::handle_timeout`] is due; `Time::NEVER` when no timer runs.
    #[must_use]
    pub fn poll_timeout(&self) -> Time {
        self.deadline.min(self.beat_deadline).min(self.audit_deadline)
    }

    fn is_double(&self) -> bool {
        self.config.double_exchange && matches!(self.config.role, Role::IpspClient | Role::IpspServer)
    }

    fn ours(&self) -> &Half {
        &self.halves[0]
    }

    fn ours_mut(&mut self) -> &mut Half {
        &mut self.halves[0]
    }

    fn theirs(&self) -> &Half {
        if self.is_double() { &self.halves[1] } else { &self.halves[0] }
    }

    fn theirs_mut(&mut self) -> &mut Half {
        if self.is_double() { &mut self.halves[1] } else { &mut self.halves[0] }
    }

    /// Sends a management message with the parameters that `write` puts down, on stream 0.
    fn emit(&mut self, kind: Kind, write: impl FnOnce(&mut Prepend<'_>), send: &mut dyn FnMut(u16, &[u8])) {
        self.emit_on(0, kind, write, send);
    }

    fn emit_on(
        &mut self,
        stream: u16,
        kind: Kind,
        write: impl FnOnce(&mut Prepend<'_>),
        send: &mut dyn FnMut(u16, &[u8]),
    ) {
        self.emit_in(&mut [0; MANAGEMENT_MAX], stream, kind, write, send);
    }

    /// Sends a message that has room in `buffer`.
    fn emit_in(
        &mut self,
        buffer: &mut [u8],
        stream: u16,
        kind: Kind,
        write: impl FnOnce(&mut Prepend<'_>),
        send: &mut dyn FnMut(u16, &[u8]),
    ) {
        let mut writer = Prepend::new(buffer);
        write(&mut writer);
        match build::message(&mut writer, kind) {
            Some(message) => {
                self.counts.management_sent += 1;
                send(stream, message);
            }
            None => self.counts.too_long += 1,
        }
    }

    /// Answers `offending` with an ERR about these routing contexts, unless it is one itself (RFC 4666 3.8.1).
    fn reject(
        &mut self,
        code: ErrorCode,
        offending: &[u8],
        contexts: &[u32],
        send: &mut dyn FnMut(u16, &[u8]),
    ) {
        if matches!(offending, [_, _, 0, 0, ..]) {
            return;
        }
        self.counts.errors_sent += 1;
        let diagnostic = offending.get(..40).unwrap_or(offending);
        // What was invalid is told: the appearance that came, not the one that is configured.
        let appearance = match code {
            ErrorCode::InvalidNetworkAppearance => Message::parse(offending)
                .ok()
                .and_then(|message| message.parameters.find(tag::NETWORK_APPEARANCE)),
            _ => None,
        };
        self.emit(
            Kind::Err,
            |writer| {
                build::parameter(writer, tag::DIAGNOSTIC, diagnostic);
                if let Some(appearance) = appearance {
                    build::parameter(writer, tag::NETWORK_APPEARANCE, appearance);
                }
                build::routing_contexts(writer, contexts.iter().copied());
                build::error_code(writer, code);
            },
            send,
        );
    }

    fn unexpected(&mut self, offending: &[u8], send: &mut dyn FnMut(u16, &[u8])) {
        self.counts.unexpected += 1;
        // A routing context in the message belongs into the ERR too.
        let context = Message::parse(offending)
            .ok()
            .and_then(|message| message.parameters.find(tag::ROUTING_CONTEXT))
            .and_then(|value| Reader::new(value).u32());
        self.reject(ErrorCode::UnexpectedMessage, offending, context.as_slice(), send);
    }

    /// Takes one SCTP user message that came on `stream`. What it answers goes to `send`, as stream and message.
    pub fn handle_input<'a>(
        &mut self,
        now: Time,
        stream: u16,
        bytes: &'a [u8],
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<Input<'a>, Malformed> {
        if !self.associated {
            self.counts.without_association += 1;
            return Ok(Input::Handled);
        }
        self.heard = now;
        let before = self.state();
        let input = Message::parse(bytes).and_then(|message| match message.kind() {
            Ok(Kind::Data) => self.on_data(stream, bytes, &message, send),
            Ok(kind) => {
                self.counts.management_received += 1;
                self.on_management(now, stream, bytes, &message, kind, send)
            }
            Err(code) => {
                self.counts.unsupported += 1;
                self.reject(code, bytes, &[], send);
                Ok(Input::Handled)
            }
        });
        if let Err(refused) = input {
            self.counts.malformed += 1;
            if let Some(code) = error_code(refused.why) {
                self.reject(code, bytes, &[], send);
            }
            return Err(refused);
        }
        let after = self.state();
        if before != after {
            self.on_change(now, after, send);
            return Ok(Input::Changed(after));
        }
        input
    }

    fn on_change(&mut self, now: Time, state: AspState, send: &mut dyn FnMut(u16, &[u8])) {
        if state == AspState::Active {
            self.counts.activations += 1;
            if let Some(period) = self.config.t_audit {
                self.audit_deadline = now + period;
                self.audit_first(send);
            }
        } else {
            self.audit_deadline = Time::NEVER;
        }
        if cfg!(debug_assertions) {
            self.assert_invariants();
        }
    }

    fn on_management<'a>(
        &mut self,
        now: Time,
        stream: u16,
        bytes: &'a [u8],
        message: &Message<'a>,
        kind: Kind,
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<Input<'a>, Malformed> {
        match kind {
            Kind::Err => self.on_err(now, message, send)?,
            Kind::Ntfy => self.on_ntfy(now, bytes, message, send)?,
            Kind::Beat => self.on_beat(stream, message, send)?,
            Kind::BeatAck => {}
            Kind::AspupAck | Kind::AspdnAck | Kind::AspacAck | Kind::AspiaAck => {
                if self.config.role == Role::Sgp {
                    self.unexpected(bytes, send);
                } else {
                    self.on_acknowledgement(now, bytes, message, kind, send)?;
                }
            }
            Kind::Aspup | Kind::Aspdn | Kind::Aspac | Kind::Aspia => {
                if self.config.role == Role::Asp {
                    self.unexpected(bytes, send);
                } else {
                    self.on_request(now, bytes, message, kind, send)?;
                }
            }
            Kind::RegReq | Kind::RegRsp | Kind::DeregReq | Kind::DeregRsp => {
                return self.on_keys(now, bytes, message, kind, send);
            }
            _ => return self.on_ssnm(bytes, message, kind, send),
        }
        Ok(Input::Handled)
    }

    fn on_beat(
        &mut self,
        stream: u16,
        message: &Message<'_>,
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<(), Malformed> {
        let heartbeat = message.parameters.find(tag::HEARTBEAT);
        if heartbeat.is_some_and(|data| data.len() > BEAT_MAX - 12) {
            return Err(malformed(Why::Value, 8));
        }
        self.emit_in(
            &mut [0; BEAT_MAX],
            stream,
            Kind::BeatAck,
            |writer| {
                if let Some(data) = heartbeat {
                    build::parameter(writer, tag::HEARTBEAT, data);
                }
            },
            send,
        );
        Ok(())
    }

    /// Runs the timers that are due at `now`.
    pub fn handle_timeout(&mut self, now: Time, send: &mut dyn FnMut(u16, &[u8])) -> Option<Timeout> {
        let before = self.state();
        let mut failed = false;
        if now >= self.deadline {
            failed |= self.on_deadline(now, send);
        }
        if now >= self.beat_deadline {
            failed |= self.on_beat_deadline(now, send);
        }
        if now >= self.audit_deadline {
            self.audit_deadline = self.config.t_audit.map_or(Time::NEVER, |period| now + period);
            self.audit(send);
        }
        if cfg!(debug_assertions) {
            self.assert_invariants();
        }
        if failed {
            return Some(Timeout::PeerFailed);
        }
        let after = self.state();
        if before == after {
            return None;
        }
        self.on_change(now, after, send);
        Some(Timeout::Changed(after))
    }

    fn on_beat_deadline(&mut self, now: Time, send: &mut dyn FnMut(u16, &[u8])) -> bool {
        let Some(period) = self.config.t_beat else { return false };
        if self.ours().state.max(self.theirs().state) == AspState::Down {
            self.heard = now;
        } else if now.since(self.heard) >= period * 2 {
            self.counts.beat_failures += 1;
            self.beat_deadline = Time::NEVER;
            return true;
        } else {
            self.beats = self.beats.wrapping_add(1);
            let data = self.beats.to_be_bytes();
            self.emit(Kind::Beat, |writer| build::parameter(writer, tag::HEARTBEAT, &data), send);
        }
        self.beat_deadline = now + period;
        false
    }

    /// Panics if the state contradicts itself.
    pub fn assert_invariants(&self) {
        for (half, side) in self.halves.iter().zip([Side::Ours, Side::Theirs]) {
            assert_eq!(half.state == AspState::Active, half.active != 0);
            assert_eq!(half.active & !self.all(side), 0);
        }
        assert_eq!(self.standby & (self.ours().active | !self.all(Side::Ours)), 0);
        assert!(self.request.is_none() || self.deadline != Time::NEVER);
        assert!(!self.blocked || self.config.role != Role::Sgp || self.theirs().active == 0);
        assert!(self.associated || self.state() == AspState::Down);
        let Registrations { registered, vacant, .. } = self.registrations;
        assert_eq!(registered & vacant, 0);
        assert_eq!(registered & !self.all(Side::Ours), 0);
        assert!(self.associated || registered == 0);
        assert!(self.config.role != Role::Sgp || self.request.is_none());
    }
}
