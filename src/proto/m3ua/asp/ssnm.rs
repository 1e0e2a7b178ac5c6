//! SS7 signalling network management (RFC 4666 3.4, 4.5): what signalling gateways say about destinations.

use super::{Asp, AspState, Input, Request, Role, Side};
use crate::base::Malformed;
use crate::ident::PointCode;
use crate::proto::m3ua::destinations::{Availability, Change, Reach};
use crate::proto::m3ua::view::{Affected, Kind, Message, Why, malformed};
use crate::proto::m3ua::{build, tag};

/// The most point codes that one message of ours names, or that we answer of one DAUD.
pub(super) const POINTS_MAX: usize = 128;

impl Asp {
    pub(super) fn on_ssnm<'a>(
        &mut self,
        bytes: &[u8],
        message: &Message<'a>,
        kind: Kind,
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<Input<'a>, Malformed> {
        let parameters = message.parameters;
        let affected = Affected::parse(parameters)?;
        let appearance = parameters.word(tag::NETWORK_APPEARANCE)?;
        let named = parameters.find(tag::ROUTING_CONTEXT).is_some();
        let change = match kind {
            Kind::Duna => Some(Change::Reach(Reach::Unavailable)),
            Kind::Dava => Some(Change::Reach(Reach::Available)),
            Kind::Drst => Some(Change::Reach(Reach::Restricted)),
            // Networks without congestion levels leave the level out.
            Kind::Scon => {
                Some(Change::Congestion(parameters.word(tag::CONGESTION)?.map_or(1, |word| word as u8 & 3)))
            }
            Kind::Dupu => {
                let word = parameters.word(tag::USER_CAUSE)?.ok_or(malformed(Why::Missing, 8))?;
                // Other users than SCCP (3) are none of ours.
                if word & 0xffff != 3 {
                    return Ok(Input::Handled);
                }
                Some(Change::NoSccp((word >> 16) as u16))
            }
            _ => None,
        };
        let fits_role = match self.config.role {
            Role::Asp => kind != Kind::Daud,
            Role::Sgp => matches!(kind, Kind::Daud | Kind::Scon),
            Role::IpspClient | Role::IpspServer => true,
        };
        let up = self.ours().state == AspState::Active || self.theirs().state == AspState::Active;
        if !fits_role || (!up && self.request != Some(Request::Aspac)) {
            self.unexpected(bytes, send);
            return Ok(Input::Handled);
        }
        if !self.is_our_network(appearance, bytes, send) {
            return Ok(Input::Handled);
        }
        // Destinations aren't kept apart by context: what is said for one of ours counts, without one too.
        let Some(contexts) = self.context_mask(Side::Ours, bytes, message, send)? else {
            return Ok(Input::Handled);
        };
        let Some(change) = change else {
            self.answer_audit(affected, if named { contexts } else { 0 }, send);
            return Ok(Input::Handled);
        };
        let ranges = if kind == Kind::Dupu { 1 } else { usize::MAX };
        for (point_code, mask) in affected.take(ranges) {
            let mask = if kind == Kind::Dupu { 0 } else { mask };
            if !self.destinations.update(point_code, mask, change) {
                self.counts.destinations_full += 1;
            }
        }
        Ok(Input::Destination { affected, change })
    }

    /// Asks the signalling gateway about every destination that isn't simply available (RFC 4666 3.4.3).
    pub fn audit(&mut self, send: &mut dyn FnMut(u16, &[u8])) {
        if !self.is_active() || self.config.role == Role::Sgp {
            return;
        }
        let mut points = [(PointCode(0), 0); POINTS_MAX];
        let mut count = 0;
        for (slot, (point_code, mask, _)) in points.iter_mut().zip(self.destinations.iter()) {
            *slot = (point_code, mask);
            count += 1;
        }
        if let Some(points @ [_, ..]) = points.get(..count) {
            self.tell(Kind::Daud, points, None, self.ours().active, send);
            // The answers say where it goes on.
            self.destinations.forget_congestion();
        }
    }

    /// As SGP, changes what is known of a destination, and tells the ASP if it is active.
    pub fn report(
        &mut self,
        point_code: PointCode,
        mask: u8,
        change: Change,
        send: &mut dyn FnMut(u16, &[u8]),
    ) {
        let mask = mask.min(24);
        if !self.destinations.update(point_code, mask, change) {
            self.counts.destinations_full += 1;
        }
        if !self.is_active() {
            return;
        }
        let point = [(point_code, mask)];
        let active = self.theirs().active;
        match change {
            Change::Reach(Reach::Available) => self.tell(Kind::Dava, &point, None, active, send),
            Change::Reach(Reach::Restricted) => self.tell(Kind::Drst, &point, None, active, send),
            Change::Reach(Reach::Unavailable) => self.tell(Kind::Duna, &point, None, active, send),
            Change::Congestion(level) => {
                self.tell(Kind::Scon, &point, Some((tag::CONGESTION, u32::from(level))), active, send);
            }
            Change::NoSccp(cause) => {
                let cause = u32::from(cause) << 16 | 3;
                self.tell(Kind::Dupu, &[(point_code, 0)], Some((tag::USER_CAUSE, cause)), active, send);
            }
            Change::SccpBack => {}
        }
    }

    /// Answers a DAUD: SCON for what is congested, then DAVA, DRST or DUNA.
    fn answer_audit(&mut self, affected: Affected<'_>, contexts: u32, send: &mut dyn FnMut(u16, &[u8])) {
        let extra = affected.count().saturating_sub(POINTS_MAX);
        self.counts.audit_refused += extra as u64;
        for level in 1..=3 {
            let parameter = Some((tag::CONGESTION, u32::from(level)));
            self.answer_part(affected, Kind::Scon, parameter, contexts, send, |state| {
                state.congestion == level && state.reach != Reach::Unavailable
            });
        }
        for (kind, reach) in [
            (Kind::Dava, Reach::Available),
            (Kind::Drst, Reach::Restricted),
            (Kind::Duna, Reach::Unavailable),
        ] {
            self.answer_part(affected, kind, None, contexts, send, |state| state.reach == reach);
        }
    }

    fn answer_part(
        &mut self,
        affected: Affected<'_>,
        kind: Kind,
        parameter: Option<(u16, u32)>,
        contexts: u32,
        send: &mut dyn FnMut(u16, &[u8]),
        picks: impl Fn(Availability) -> bool,
    ) {
        let mut points = [(PointCode(0), 0); POINTS_MAX];
        let mut count = 0;
        for (point_code, mask) in affected.take(POINTS_MAX) {
            if picks(self.reported(point_code))
                && let Some(slot) = points.get_mut(count)
            {
                *slot = (point_code, mask);
                count += 1;
            }
        }
        if let Some(points @ [_, ..]) = points.get(..count) {
            self.tell(kind, points, parameter, contexts, send);
        }
    }

    /// What we say of a destination as SGP.
    fn reported(&self, point_code: PointCode) -> Availability {
        let reachable = &self.config.reachable;
        if reachable.is_empty() || reachable.contains(&point_code) {
            self.destinations.get(point_code)
        } else {
            Availability { reach: Reach::Unavailable, ..Availability::default() }
        }
    }

    fn tell(
        &mut self,
        kind: Kind,
        points: &[(PointCode, u8)],
        parameter: Option<(u16, u32)>,
        contexts: u32,
        send: &mut dyn FnMut(u16, &[u8]),
    ) {
        let contexts = self.contexts(Side::Ours, contexts);
        let appearance = self.config.network_appearance;
        self.emit(
            kind,
            |writer| {
                if let Some((tag, value)) = parameter {
                    build::parameter(writer, tag, &value.to_be_bytes());
                }
                build::affected(writer, points.iter().copied());
                build::routing_contexts(writer, contexts);
                if let Some(appearance) = appearance {
                    build::parameter(writer, tag::NETWORK_APPEARANCE, &appearance.to_be_bytes());
                }
            },
            send,
        );
    }
}
