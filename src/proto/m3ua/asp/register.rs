//! Routing keys that are registered while running (RFC 4666 4.4): asked for as ASP, answered as SGP.

use super::{Asp, AspConfig, AspState, Half, Input, Request, Role, Side};
use crate::base::{Malformed, Time};
use crate::codec::Prepend;
use crate::proto::m3ua::keys::{self, DeregStatus, Keys, RegStatus};
use crate::proto::m3ua::view::{Kind, Message};
use crate::proto::m3ua::{ErrorCode, tag};

/// What has become of our routing keys, one bit each by their place in the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Registrations {
    done: u32,
    refused: u32,
    /// The places of the routing contexts that are registered, and of those that were and are none any more.
    pub(super) registered: u32,
    pub(super) vacant: u32,
}

impl Asp {
    /// Whether routing contexts come by registration here.
    pub(super) fn registers(&self) -> bool {
        match self.config.role {
            Role::Asp => !self.config.register.is_empty(),
            Role::Sgp => self.config.registration,
            Role::IpspClient | Role::IpspServer => false,
        }
    }

    /// The keys that are yet to be asked for.
    fn unasked(&self) -> u32 {
        let count = self.config.register.len().min(AspConfig::MAX_CONTEXTS) as u32;
        let all = u32::MAX.checked_shr(32 - count).unwrap_or(0);
        all & !(self.registrations.done | self.registrations.refused)
    }

    /// The request about keys that is due between ASPUP ACK and ASPAC, or between ASPIA ACK and ASPDN.
    pub(super) fn next_registration(&self) -> Option<Request> {
        if self.config.role != Role::Asp || self.ours().state != AspState::Inactive {
            None
        } else if self.stopped {
            (self.registrations.registered != 0).then_some(Request::Dereg)
        } else {
            (self.unasked() != 0).then_some(Request::Reg)
        }
    }

    /// Keys that were refused are asked for again after a pause, if there is nothing else to be active for.
    pub(super) fn is_without_keys(&self) -> bool {
        self.registers() && self.registrations.refused != 0 && self.all(Side::Ours) == 0
    }

    pub(super) fn ask_again_for_keys(&mut self) {
        self.registrations.refused = 0;
    }

    pub(super) fn ask_for_keys(&mut self, send: &mut dyn FnMut(u16, &[u8])) {
        let unasked = self.unasked();
        let (appearance, mode) = (self.config.network_appearance, self.config.traffic_mode);
        let mut wanted = [None; AspConfig::MAX_CONTEXTS];
        for (at, (slot, key)) in wanted.iter_mut().zip(&self.config.register).enumerate() {
            *slot = (unasked >> at & 1 == 1).then_some(keys::RoutingKey {
                mode: key.mode.or(mode),
                appearance: key.appearance.or(appearance),
                ..*key
            });
        }
        let write = |w: &mut Prepend<'_>| {
            for key in wanted.iter().rev().flatten() {
                keys::routing_key(w, key);
            }
        };
        self.emit_in(&mut [0; super::BEAT_MAX], 0, Kind::RegReq, write, send);
    }

    pub(super) fn give_keys_up(&mut self, send: &mut dyn FnMut(u16, &[u8])) {
        let contexts = self.contexts(Side::Ours, self.registrations.registered);
        self.emit(Kind::DeregReq, |w| crate::proto::m3ua::build::routing_contexts(w, contexts), send);
    }

    /// A message about routing keys.
    pub(super) fn on_keys<'a>(
        &mut self,
        now: Time,
        bytes: &[u8],
        message: &Message<'a>,
        kind: Kind,
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<Input<'a>, Malformed> {
        let answer = matches!(kind, Kind::RegRsp | Kind::DeregRsp);
        if !self.registers() {
            self.counts.unsupported += 1;
            self.reject(ErrorCode::UnsupportedMessageClass, bytes, &[], send);
            return Ok(Input::Handled);
        }
        let Half { state, .. } = *if answer { self.ours() } else { self.theirs() };
        if answer != (self.config.role == Role::Asp) || state == AspState::Down {
            self.unexpected(bytes, send);
            return Ok(Input::Handled);
        }
        match kind {
            Kind::RegReq => return Ok(Input::Registration(Keys::parse(message.parameters)?)),
            Kind::DeregReq => {
                let value = message.parameters.mandatory(tag::ROUTING_CONTEXT)?;
                let _ = keys::given_up(value)?;
                return Ok(Input::Deregistration(value));
            }
            Kind::RegRsp => self.on_registered(message)?,
            _ => {
                message.parameters.mandatory(tag::DEREGISTRATION_RESULT)?;
                if self.request == Some(Request::Dereg) {
                    self.forget_registered();
                    self.settle();
                }
            }
        }
        self.advance(now, send);
        Ok(Input::Handled)
    }

    fn on_registered(&mut self, message: &Message<'_>) -> Result<(), Malformed> {
        for (local, status, context) in keys::results(message.parameters)? {
            let Some(at) = self.config.register.iter().position(|key| key.local == local) else { continue };
            let bit = 1u32.wrapping_shl(at as u32);
            if status.is_registered() && self.add_context(context) {
                self.registrations.done |= bit;
                self.registrations.refused &= !bit;
            } else {
                self.counts.keys_refused += 1;
                self.registrations.refused |= bit;
            }
        }
        if self.request == Some(Request::Reg) && self.unasked() == 0 {
            self.settle();
        }
        Ok(())
    }

    /// The gateway knows no registration: what is configured must do.
    pub(super) fn on_registration_unsupported(&mut self) {
        self.registrations.refused |= self.unasked();
        self.settle();
    }

    /// Serves one routing context more; `false` if there is no room. As SGP, after its key was registered.
    pub(in crate::proto::m3ua) fn add_context(&mut self, context: u32) -> bool {
        let known = self.config.routing_contexts.iter().position(|&known| known == context);
        let vacant = self.registrations.vacant;
        let at = match known {
            Some(at) if vacant >> at & 1 == 0 => return true,
            Some(at) => at,
            None if vacant != 0 => vacant.trailing_zeros() as usize,
            None => self.config.routing_contexts.len(),
        };
        if let Some(slot) = self.config.routing_contexts.get_mut(at) {
            *slot = context;
        } else if at < AspConfig::MAX_CONTEXTS {
            self.config.routing_contexts.push(context);
        } else {
            return false;
        }
        self.registrations.vacant &= !(1 << at);
        self.registrations.registered |= 1 << at;
        true
    }

    /// Whether a routing context has come by registration.
    pub(in crate::proto::m3ua) fn has_registered(&self, context: u32) -> bool {
        let bit = self.context_bit(Side::Ours, Some(context)).unwrap_or(0);
        self.registrations.registered & bit != 0
    }

    /// Serves a registered routing context no more.
    pub(in crate::proto::m3ua) fn remove_context(&mut self, context: u32) {
        let bit = self.context_bit(Side::Ours, Some(context)).unwrap_or(0);
        self.vacate(bit & self.registrations.registered);
    }

    fn vacate(&mut self, mask: u32) {
        self.registrations.registered &= !mask;
        self.registrations.vacant |= mask;
        self.standby &= !mask;
        let active = self.ours().active;
        if active & mask != 0 {
            self.ours_mut().set_active(active & !mask);
        }
        for (at, modes) in self.modes.iter_mut().enumerate() {
            if mask >> at & 1 == 1 {
                *modes = super::Modes { required: self.config.traffic_mode, asked: None };
            }
        }
    }

    /// Every registration has ended: with the association, with our being up, or because we gave them up.
    pub(super) fn forget_registered(&mut self) {
        self.vacate(self.registrations.registered);
        self.registrations.done = 0;
        self.registrations.refused = 0;
    }

    /// Answers the registration of keys: local identifier, status and routing context of each.
    pub(in crate::proto::m3ua) fn answer_registration(
        &mut self,
        results: &[(u32, RegStatus, u32)],
        send: &mut dyn FnMut(u16, &[u8]),
    ) {
        let write = |w: &mut Prepend<'_>| {
            for &(local, status, context) in results.iter().rev() {
                keys::registration_result(w, local, status, context);
            }
        };
        self.emit(Kind::RegRsp, write, send);
    }

    /// Answers the giving up of routing contexts.
    pub(in crate::proto::m3ua) fn answer_deregistration(
        &mut self,
        results: &[(u32, DeregStatus)],
        send: &mut dyn FnMut(u16, &[u8]),
    ) {
        let write = |w: &mut Prepend<'_>| {
            for &(context, status) in results.iter().rev() {
                keys::deregistration_result(w, context, status);
            }
        };
        self.emit(Kind::DeregRsp, write, send);
    }
}
