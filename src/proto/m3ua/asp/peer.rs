//! The other side's ASP: its requests, answered as SGP or IPSP (RFC 4666 4.3.4), and what the application server
//! is then told.

use super::{Asp, AspState, Role, Side};
use crate::base::{Malformed, Time};
use crate::proto::m3ua::view::{Kind, Message};
use crate::proto::m3ua::{ErrorCode, Status, build, tag};

impl Asp {
    pub(super) fn on_request(
        &mut self,
        now: Time,
        bytes: &[u8],
        message: &Message<'_>,
        kind: Kind,
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<(), Malformed> {
        match kind {
            Kind::Aspup => self.on_aspup(now, bytes, message, send)?,
            Kind::Aspdn => self.on_aspdn(now, send),
            Kind::Aspac => self.on_aspac(bytes, message, send)?,
            _ => self.on_aspia(now, bytes, message, send)?,
        }
        self.advance(now, send);
        Ok(())
    }

    fn on_aspup(
        &mut self,
        now: Time,
        bytes: &[u8],
        message: &Message<'_>,
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<(), Malformed> {
        let identifier = message.parameters.word(tag::ASP_IDENTIFIER)?;
        let refusal = if self.stopped {
            Some(ErrorCode::RefusedManagementBlocking)
        } else if self.config.role != Role::Sgp || self.config.asp_identifier.is_none() {
            None
        } else if identifier.is_none() {
            Some(ErrorCode::AspIdentifierRequired)
        } else {
            (identifier != self.config.asp_identifier).then_some(ErrorCode::InvalidAspIdentifier)
        };
        if let Some(code) = refusal {
            self.counts.refused += 1;
            self.reject(code, bytes, &[], send);
            return Ok(());
        }
        let was = self.theirs().state;
        let lost = self.theirs().active;
        self.theirs_mut().set_active(0);
        self.emit(Kind::AspupAck, |_| (), send);
        match was {
            AspState::Down => self.notify_contexts(Status::AsInactive, self.all(Side::Theirs), send),
            AspState::Inactive => {}
            AspState::Active => {
                self.unexpected(bytes, send);
                self.on_lost(now, lost, send);
            }
        }
        Ok(())
    }

    fn on_aspdn(&mut self, now: Time, send: &mut dyn FnMut(u16, &[u8])) {
        let was = self.theirs().state;
        self.forget_pending();
        self.theirs_mut().set_down();
        self.emit(Kind::AspdnAck, |_| (), send);
        self.on_left(now, was);
    }

    fn on_aspac(
        &mut self,
        bytes: &[u8],
        message: &Message<'_>,
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<(), Malformed> {
        let mode = message.parameters.word(tag::TRAFFIC_MODE)?;
        if self.stopped {
            self.counts.refused += 1;
            self.reject(ErrorCode::RefusedManagementBlocking, bytes, &[], send);
            return Ok(());
        }
        if self.theirs().state == AspState::Down {
            self.unexpected(bytes, send);
            return Ok(());
        }
        let supported = match (mode, self.config.traffic_mode) {
            (Some(asked), Some(ours)) => asked == ours as u32,
            (Some(asked), None) => (1..=3).contains(&asked),
            (None, _) => true,
        };
        if !supported {
            self.counts.refused += 1;
            self.reject(ErrorCode::UnsupportedTrafficMode, bytes, &[], send);
            return Ok(());
        }
        let Some(mask) = self.context_mask(Side::Theirs, bytes, message, send)? else { return Ok(()) };
        let fresh = mask & !self.theirs().active;
        let active = self.theirs().active | mask;
        self.theirs_mut().set_active(active);
        self.pending &= !mask;
        if self.pending == 0 {
            self.recovery_deadline = Time::NEVER;
        }
        self.acknowledge(Kind::AspacAck, mask, message, send);
        self.notify_contexts(Status::AsActive, fresh, send);
        if !self.is_double() && self.request.is_none() && active == self.all(Side::Theirs) {
            // The peer has come back by itself: nothing is put off any more.
            self.settle();
        }
        Ok(())
    }

    fn on_aspia(
        &mut self,
        now: Time,
        bytes: &[u8],
        message: &Message<'_>,
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<(), Malformed> {
        if self.theirs().state == AspState::Down {
            self.unexpected(bytes, send);
            return Ok(());
        }
        let Some(mask) = self.context_mask(Side::Theirs, bytes, message, send)? else { return Ok(()) };
        let was = self.theirs().state;
        let lost = self.theirs().active & mask;
        let active = self.theirs().active & !mask;
        self.theirs_mut().set_active(active);
        self.acknowledge(Kind::AspiaAck, mask, message, send);
        self.on_lost(now, lost, send);
        self.on_left(now, was);
        Ok(())
    }

    /// An acknowledgement that repeats what the request named.
    fn acknowledge(
        &mut self,
        kind: Kind,
        mask: u32,
        message: &Message<'_>,
        send: &mut dyn FnMut(u16, &[u8]),
    ) {
        let named = message.parameters.find(tag::ROUTING_CONTEXT).is_some();
        let contexts = self.contexts(Side::Theirs, if named { mask } else { 0 });
        let mode = message.parameters.find(tag::TRAFFIC_MODE).filter(|_| kind == Kind::AspacAck);
        self.emit(
            kind,
            |writer| {
                build::routing_contexts(writer, contexts);
                if let Some(mode) = mode {
                    build::parameter(writer, tag::TRAFFIC_MODE, mode);
                }
            },
            send,
        );
    }

    /// The application servers of `lost` have no active ASP any more: T(r) runs before they are inactive (4.3.2).
    fn on_lost(&mut self, now: Time, lost: u32, send: &mut dyn FnMut(u16, &[u8])) {
        if self.config.role == Role::Sgp && lost != 0 {
            self.pending |= lost;
            self.recovery_deadline = now + self.config.t_recovery;
            self.notify_contexts(Status::AsPending, lost, send);
        }
    }

    pub(super) fn forget_pending(&mut self) {
        self.pending = 0;
        self.recovery_deadline = Time::NEVER;
    }

    /// A peer that shares our state has left it: it is not called back at once, since it may be about to stop.
    fn on_left(&mut self, now: Time, was: AspState) {
        if self.initiates() && !self.stopped && !self.is_double() && self.theirs().state < was {
            self.put_off(now);
        }
    }

    /// As SGP, tells the ASP a status of its application server that other associations have brought about
    /// (RFC 4666 4.3.4.5). "Alternate ASP active" also makes it inactive here.
    pub fn notify(&mut self, status: Status, send: &mut dyn FnMut(u16, &[u8])) {
        if status == Status::AlternateAspActive && self.theirs().state == AspState::Active {
            self.theirs_mut().set_active(0);
        }
        self.notify_contexts(status, self.all(Side::Theirs), send);
    }

    /// Sends a NTFY about the application servers of `mask`, as SGP, to an ASP that is up.
    pub(super) fn notify_contexts(&mut self, status: Status, mask: u32, send: &mut dyn FnMut(u16, &[u8])) {
        if self.config.role != Role::Sgp || self.theirs().state == AspState::Down || mask == 0 {
            return;
        }
        let contexts = self.contexts(Side::Theirs, mask);
        self.emit(
            Kind::Ntfy,
            |writer| {
                build::routing_contexts(writer, contexts);
                build::status(writer, status);
            },
            send,
        );
    }
}
