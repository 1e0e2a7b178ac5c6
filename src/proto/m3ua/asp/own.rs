//! Our own ASP's requests: up, active, inactive, down, and what the peer makes of them (RFC 4666 4.3.4).

use super::{Asp, AspState, Half, Request, Role, Side};
use crate::base::{Malformed, Time};
use crate::proto::m3ua::view::{Kind, Message, Why, malformed};
use crate::proto::m3ua::{ErrorCode, Status, build, tag};

impl Asp {
    /// Whether we are to ask for traffic ourselves.
    pub(super) fn initiates(&self) -> bool {
        match self.config.role {
            Role::Asp | Role::IpspClient => true,
            Role::IpspServer => self.is_double() && self.theirs().state != AspState::Down,
            Role::Sgp => false,
        }
    }

    /// Makes the next request, unless one waits, a refusal is fresh, or all is as it should be.
    pub(super) fn advance(&mut self, now: Time, send: &mut dyn FnMut(u16, &[u8])) {
        if !self.associated
            || self.request.is_some()
            || self.deadline != Time::NEVER
            || self.config.role == Role::Sgp
        {
            return;
        }
        let Half { state, active } = *self.ours();
        if !self.stopped && state == AspState::Inactive && self.is_without_keys() {
            self.put_off(now);
            return;
        }
        if let Some(request) = self.next_registration() {
            self.attempts = 0;
            self.ask(now, request, send);
            return;
        }
        let next = match state {
            AspState::Down if !self.stopped && self.initiates() => Request::Aspup,
            AspState::Active if self.stopped => Request::Aspia,
            AspState::Inactive if self.stopped => Request::Aspdn,
            AspState::Inactive | AspState::Active
                if !self.stopped && self.initiates() && self.wanted() & !active != 0 =>
            {
                Request::Aspac
            }
            _ => return,
        };
        self.attempts = 0;
        self.ask(now, next, send);
    }

    fn ask(&mut self, now: Time, request: Request, send: &mut dyn FnMut(u16, &[u8])) {
        self.request = Some(request);
        self.attempts = self.attempts.saturating_add(1);
        self.doubted = false;
        self.deadline = now + self.config.t_ack;
        let identifier = self.config.asp_identifier;
        let mode = self.config.traffic_mode;
        let missing = self.wanted() & !self.ours().active;
        match request {
            Request::Aspup => self.emit(
                Kind::Aspup,
                |writer| {
                    if let Some(identifier) = identifier {
                        build::parameter(writer, tag::ASP_IDENTIFIER, &identifier.to_be_bytes());
                    }
                },
                send,
            ),
            Request::Aspac => {
                let contexts = self.contexts(Side::Ours, if missing == 0 { self.wanted() } else { missing });
                self.emit(
                    Kind::Aspac,
                    |writer| {
                        build::routing_contexts(writer, contexts);
                        if let Some(mode) = mode {
                            build::traffic_mode(writer, mode);
                        }
                    },
                    send,
                );
            }
            Request::Aspia => {
                let contexts = self.contexts(Side::Ours, self.ours().active);
                self.emit(Kind::Aspia, |writer| build::routing_contexts(writer, contexts), send);
            }
            Request::Aspdn => self.emit(Kind::Aspdn, |_| (), send),
            Request::Reg => self.ask_for_keys(send),
            Request::Dereg => self.give_keys_up(send),
        }
    }

    /// The peer has acknowledged a request, or says of itself that our state is another (4.3.4.1 to 4.3.4.4).
    pub(super) fn on_acknowledgement(
        &mut self,
        now: Time,
        bytes: &[u8],
        message: &Message<'_>,
        kind: Kind,
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<(), Malformed> {
        let awaited = self.request;
        match kind {
            Kind::AspupAck => {
                if awaited == Some(Request::Aspup) {
                    self.settle();
                    if self.ours().state == AspState::Down {
                        self.ours_mut().set_active(0);
                    }
                } else if self.ours().state != AspState::Inactive {
                    self.unexpected(bytes, send);
                    self.settle();
                    self.ours_mut().set_active(0);
                    self.forget_registered();
                }
            }
            Kind::AspdnAck => {
                if awaited != Some(Request::Aspdn) && self.ours().state != AspState::Down {
                    self.unexpected(bytes, send);
                }
                if awaited != Some(Request::Aspup) {
                    self.settle();
                }
                self.ours_mut().set_down();
                self.forget_registered();
            }
            Kind::AspacAck => {
                let Some(mask) = self.context_mask(Side::Ours, bytes, message, send)? else { return Ok(()) };
                if self.stopped || self.ours().state == AspState::Down {
                    // Late, after we have asked to leave.
                    self.counts.unexpected += 1;
                    return Ok(());
                }
                let active = self.ours().active | mask;
                self.ours_mut().set_active(active);
                self.standby &= !mask;
                if awaited == Some(Request::Aspac) && self.wanted() & !active == 0 {
                    self.settle();
                }
            }
            _ => {
                let Some(mask) = self.context_mask(Side::Ours, bytes, message, send)? else { return Ok(()) };
                if self.ours().state == AspState::Active {
                    let active = self.ours().active & !mask;
                    self.ours_mut().set_active(active);
                }
                if awaited == Some(Request::Aspia) && self.ours().active == 0 {
                    self.settle();
                }
            }
        }
        self.advance(now, send);
        Ok(())
    }

    /// The routing contexts that we are to be active for now: all but those that another ASP has taken over.
    fn wanted(&self) -> u32 {
        self.all(Side::Ours) & !self.standby
    }

    /// No request waits any more, and none is put off.
    pub(super) fn settle(&mut self) {
        self.request = None;
        self.deadline = Time::NEVER;
    }

    /// Puts the next request off: the peer has refused the last one, or has left by itself.
    pub(super) fn put_off(&mut self, now: Time) {
        self.request = None;
        self.deadline = now + self.config.t_retry;
    }

    pub(super) fn on_err(
        &mut self,
        now: Time,
        message: &Message<'_>,
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<(), Malformed> {
        let code = message.parameters.word(tag::ERROR_CODE)?.ok_or(malformed(Why::Missing, 8))?;
        self.counts.errors_received += 1;
        let asking = matches!(self.request, Some(Request::Aspup | Request::Aspac | Request::Reg));
        const FINAL: [ErrorCode; 8] = [
            ErrorCode::RefusedManagementBlocking,
            ErrorCode::UnsupportedTrafficMode,
            ErrorCode::AspIdentifierRequired,
            ErrorCode::InvalidAspIdentifier,
            ErrorCode::InvalidNetworkAppearance,
            ErrorCode::InvalidRoutingContext,
            ErrorCode::UnsupportedMessageType,
            ErrorCode::NoConfiguredAs,
        ];
        const UNSUPPORTED: [u32; 2] =
            [ErrorCode::UnsupportedMessageClass as u32, ErrorCode::UnsupportedMessageType as u32];
        if self.request == Some(Request::Reg) && UNSUPPORTED.contains(&code) {
            self.counts.refused_by_peer += 1;
            self.on_registration_unsupported();
            self.advance(now, send);
        } else if code == ErrorCode::UnexpectedMessage as u32 {
            // Perhaps for an old message: the acknowledgement may still come, so T(ack) decides.
            self.doubted = true;
            if self.request.is_none()
                && self.deadline == Time::NEVER
                && self.ours().state == AspState::Active
                && self.initiates()
            {
                // The peer may think us inactive; an active ASP may ask again (4.3.4.3).
                self.attempts = 0;
                self.ask(now, Request::Aspac, send);
            }
        } else if asking && FINAL.iter().any(|&known| known as u32 == code) {
            self.counts.refused_by_peer += 1;
            self.put_off(now);
        }
        Ok(())
    }

    pub(super) fn on_ntfy(
        &mut self,
        now: Time,
        bytes: &[u8],
        message: &Message<'_>,
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<(), Malformed> {
        if self.config.role == Role::Sgp {
            self.unexpected(bytes, send);
            return Ok(());
        }
        let status = message.parameters.word(tag::STATUS)?.ok_or(malformed(Why::Missing, 8))?;
        self.counts.notifications_received += 1;
        let Some(mask) = self.context_mask(Side::Ours, bytes, message, send)? else { return Ok(()) };
        let active = self.ours().active;
        match Status::from_wire(status) {
            Some(Status::AlternateAspActive) if active & mask != 0 => {
                self.ours_mut().set_active(active & !mask);
                self.standby |= active & mask;
                let done = match self.request {
                    Some(Request::Aspac) => self.wanted() & !self.ours().active == 0,
                    Some(Request::Aspia) => self.ours().active == 0,
                    _ => false,
                };
                if done {
                    self.settle();
                }
            }
            Some(Status::AsPending | Status::AsInactive | Status::InsufficientAspResources) => {
                self.standby &= !mask;
                if status != Status::AsInactive as u32 && self.request.is_none() {
                    self.settle();
                }
            }
            _ => {}
        }
        self.advance(now, send);
        Ok(())
    }

    /// T(ack), or the end of the pause after a refusal. `true` if the peer has failed.
    pub(super) fn on_deadline(&mut self, now: Time, send: &mut dyn FnMut(u16, &[u8])) -> bool {
        let request = self.request;
        let doubted = self.doubted;
        self.settle();
        let Some(request) = request else {
            self.ask_again_for_keys();
            self.advance(now, send);
            return false;
        };
        self.counts.t_ack_expired += 1;
        match request {
            Request::Aspdn if self.attempts >= self.config.leave_attempts => {
                self.ours_mut().set_down();
                return true;
            }
            Request::Aspia if self.attempts >= self.config.leave_attempts => {
                self.ours_mut().set_active(0);
                self.advance(now, send);
            }
            Request::Dereg if self.attempts >= self.config.leave_attempts => {
                self.forget_registered();
                self.advance(now, send);
            }
            Request::Aspac | Request::Reg if doubted => {
                // The peer doesn't expect an ASPAC, so to it we are down.
                self.ours_mut().set_down();
                self.advance(now, send);
            }
            _ => self.ask(now, request, send),
        }
        false
    }
}
