//! The other side's ASP: its requests, answered as SGP or IPSP (RFC 4666 4.3.4). What it means for its application
//! servers is for [`Server`](crate::proto::m3ua::Server) to say.

use super::{Asp, AspConfig, AspState, Role, Side};
use crate::base::{Malformed, Time};
use crate::codec::Reader;
use crate::proto::m3ua::view::{Kind, Message};
use crate::proto::m3ua::{ErrorCode, Status, TrafficMode, build, tag};

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
            Kind::Aspup => self.on_aspup(bytes, message, send)?,
            Kind::Aspdn => self.on_aspdn(now, send),
            Kind::Aspac => self.on_aspac(bytes, message, send)?,
            _ => self.on_aspia(now, bytes, message, send)?,
        }
        self.advance(now, send);
        Ok(())
    }

    fn on_aspup(
        &mut self,
        bytes: &[u8],
        message: &Message<'_>,
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<(), Malformed> {
        let identifier = message.parameters.word(tag::ASP_IDENTIFIER)?;
        let refusal = if self.stopped {
            Some(ErrorCode::RefusedManagementBlocking)
        } else if identifier.is_some_and(|identifier| self.taken.contains(&identifier)) {
            // It is not unique (RFC 4666 3.8.1).
            Some(ErrorCode::InvalidAspIdentifier)
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
        self.peer_identifier = identifier;
        self.theirs_mut().set_active(0);
        self.emit(Kind::AspupAck, |_| (), send);
        if was == AspState::Active {
            self.unexpected(bytes, send);
        }
        Ok(())
    }

    fn on_aspdn(&mut self, now: Time, send: &mut dyn FnMut(u16, &[u8])) {
        let was = self.theirs().state;
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
        if self.stopped || self.blocked {
            self.counts.refused += 1;
            let mut contexts = [0; AspConfig::MAX_CONTEXTS];
            let mut named = Reader::new(message.parameters.find(tag::ROUTING_CONTEXT).unwrap_or(&[]));
            let mut count = 0;
            for (slot, context) in contexts.iter_mut().zip(core::iter::from_fn(|| named.u32())) {
                *slot = context;
                count += 1;
            }
            let contexts = contexts.get(..count).unwrap_or(&[]);
            self.reject(ErrorCode::RefusedManagementBlocking, bytes, contexts, send);
            return Ok(());
        }
        if self.theirs().state == AspState::Down {
            self.unexpected(bytes, send);
            return Ok(());
        }
        let Some(mask) = self.context_mask(Side::Theirs, bytes, message, send)? else { return Ok(()) };
        if !self.takes_mode(mode, mask) {
            self.counts.refused += 1;
            self.reject(ErrorCode::UnsupportedTrafficMode, bytes, &[], send);
            return Ok(());
        }
        let active = self.theirs().active | mask;
        self.theirs_mut().set_active(active);
        self.remember_mode(mode, mask);
        self.acknowledge(Kind::AspacAck, mask, message, send);
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
        let active = self.theirs().active & !mask;
        self.theirs_mut().set_active(active);
        self.acknowledge(Kind::AspiaAck, mask, message, send);
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

    /// A peer that shares our state has left it: it is not called back at once, since it may be about to stop.
    fn on_left(&mut self, now: Time, was: AspState) {
        if self.initiates() && !self.stopped && !self.is_double() && self.theirs().state < was {
            self.put_off(now);
        }
    }

    /// The state of the peer's ASP for one application server (RFC 4666 4.3.1); down for one that it doesn't serve.
    #[must_use]
    pub fn member_state(&self, context: Option<u32>) -> AspState {
        let half = self.theirs();
        let Some(bit) = self.context_bit(Side::Theirs, context) else { return AspState::Down };
        match half.state {
            AspState::Active if half.active & bit == 0 => AspState::Inactive,
            state => state,
        }
    }

    /// The identifier that the peer has given in its ASPUP.
    #[must_use]
    pub fn peer_identifier(&self) -> Option<u32> {
        self.peer_identifier
    }

    /// As SGP, the identifiers that the ASP may not give itself from now on: others have them.
    pub(in crate::proto::m3ua) fn refuse_identifiers(&mut self, taken: impl Iterator<Item = u32>) {
        self.taken.clear();
        self.taken.extend(taken);
    }

    /// The traffic mode that the peer has asked for, for one application server.
    #[must_use]
    pub fn asked_mode(&self, context: Option<u32>) -> Option<TrafficMode> {
        let at = self.context_bit(Side::Theirs, context)?.trailing_zeros();
        self.modes.get(at as usize)?.asked
    }

    /// As SGP, the traffic mode that the ASP must ask for from now on for one application server, if for any.
    pub fn require_mode(&mut self, context: Option<u32>, mode: Option<TrafficMode>) {
        let Some(bit) = self.context_bit(Side::Theirs, context) else { return };
        if let Some(modes) = self.modes.get_mut(bit.trailing_zeros() as usize) {
            modes.required = mode;
        }
    }

    /// Whether the application servers of `mask` take this traffic mode.
    fn takes_mode(&self, mode: Option<u32>, mask: u32) -> bool {
        let Some(asked) = mode else { return true };
        TrafficMode::from_wire(asked).is_some_and(|asked| {
            let mut modes = self.modes.iter().enumerate();
            modes.all(|(at, modes)| mask >> at & 1 == 0 || modes.required.is_none_or(|it| it == asked))
        })
    }

    fn remember_mode(&mut self, mode: Option<u32>, mask: u32) {
        for (at, modes) in self.modes.iter_mut().enumerate() {
            if mask >> at & 1 == 1 {
                modes.asked = mode.and_then(TrafficMode::from_wire);
            }
        }
    }

    /// As SGP, sends the ASP a NTFY about one of its application servers, if it is up (RFC 4666 4.3.4.5). After
    /// "alternate ASP active" it is inactive there.
    pub fn tell(
        &mut self,
        status: Status,
        context: Option<u32>,
        asp_identifier: Option<u32>,
        send: &mut dyn FnMut(u16, &[u8]),
    ) {
        if self.config.role != Role::Sgp || self.theirs().state == AspState::Down {
            return;
        }
        if status == Status::AlternateAspActive
            && let Some(bit) = self.context_bit(Side::Theirs, context)
        {
            let active = self.theirs().active & !bit;
            self.theirs_mut().set_active(active);
        }
        self.emit(
            Kind::Ntfy,
            |writer| {
                build::routing_contexts(writer, context.into_iter());
                if let Some(identifier) = asp_identifier {
                    build::parameter(writer, tag::ASP_IDENTIFIER, &identifier.to_be_bytes());
                }
                build::status(writer, status);
            },
            send,
        );
    }
}
