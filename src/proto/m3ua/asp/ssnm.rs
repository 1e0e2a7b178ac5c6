//! SS7 signalling network management (RFC 4666 3.4, 4.5): what signalling gateways say about destinations.

use super::{Asp, AspState, Input, Request, Role, Side};
use crate::base::Malformed;
use crate::ident::PointCode;
use crate::proto::m3ua::destinations::{Availability, Change, Reach, covers};
use crate::proto::m3ua::view::{Affected, Kind, Message, Why, malformed};
use crate::proto::m3ua::{ErrorCode, build, tag};

/// The most point codes that one message of ours names, or that we answer of one DAUD.
pub(super) const POINTS_MAX: usize = 128;

/// What is said of a point code or range in answer to a DAUD.
#[derive(Clone, Copy)]
struct Answer {
    point_code: PointCode,
    mask: u8,
    /// `None`: it isn't told.
    reach: Option<Reach>,
    /// The congestion level, where it isn't that of what is around.
    level: Option<u8>,
}

/// The answers to one DAUD.
struct Answers {
    points: [Answer; POINTS_MAX],
    count: usize,
    /// How many found no room.
    left_out: usize,
}

impl Default for Answers {
    fn default() -> Self {
        let none = Answer { point_code: PointCode(0), mask: 0, reach: None, level: None };
        Self { points: [none; POINTS_MAX], count: 0, left_out: 0 }
    }
}

impl Answers {
    fn add(&mut self, answer: Answer) {
        match self.points.get_mut(self.count) {
            Some(slot) => {
                *slot = answer;
                self.count += 1;
            }
            None => self.left_out += 1,
        }
    }

    fn points(&self) -> &[Answer] {
        self.points.get(..self.count).unwrap_or(&[])
    }
}

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
            Role::Asp => kind != Kind::Daud || self.config.daud_from_gateway,
            Role::Sgp => matches!(kind, Kind::Daud | Kind::Scon),
            Role::IpspClient | Role::IpspServer => true,
        };
        let least = if self.config.ssnm_while_inactive { AspState::Inactive } else { AspState::Active };
        let up = self.ours().state.max(self.theirs().state) >= least;
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
            self.answer_audit(bytes, affected, if named { contexts } else { 0 }, send);
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

    /// Asks the signalling gateway about the destinations that matter to us: nothing is known of them yet, or what was
    /// said is old (RFC 4666 4.5.3).
    pub(super) fn audit_first(&mut self, send: &mut dyn FnMut(u16, &[u8])) {
        if self.config.role != Role::Asp {
            return;
        }
        let mut points = [(PointCode(0), 0); POINTS_MAX];
        let mut count = 0;
        for (slot, &point_code) in points.iter_mut().zip(&self.config.audited) {
            *slot = (point_code, 0);
            count += 1;
        }
        self.ask_about(points.get(..count).unwrap_or(&[]), send);
    }

    /// Asks the signalling gateway about every destination that isn't simply available (RFC 4666 3.4.3).
    pub fn audit(&mut self, send: &mut dyn FnMut(u16, &[u8])) {
        if self.ours().state != AspState::Active || self.config.role == Role::Sgp {
            return;
        }
        let mut points = [(PointCode(0), 0); POINTS_MAX];
        let mut count = 0;
        for (slot, (point_code, mask, _)) in points.iter_mut().zip(self.destinations.iter()) {
            *slot = (point_code, mask);
            count += 1;
        }
        self.ask_about(points.get(..count).unwrap_or(&[]), send);
    }

    fn ask_about(&mut self, points: &[(PointCode, u8)], send: &mut dyn FnMut(u16, &[u8])) {
        if points.is_empty() {
            return;
        }
        self.tell_points(Kind::Daud, points, None, self.ours().active, send);
        // The answers say where it goes on.
        self.destinations.forget_congestion();
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
        if self.theirs().state != AspState::Active {
            return;
        }
        let point = [(point_code, mask)];
        let active = self.theirs().active;
        match change {
            Change::Reach(Reach::Available) => self.tell_points(Kind::Dava, &point, None, active, send),
            Change::Reach(Reach::Restricted) => self.tell_points(Kind::Drst, &point, None, active, send),
            Change::Reach(Reach::Unavailable) => self.tell_points(Kind::Duna, &point, None, active, send),
            Change::Congestion(level) => {
                self.tell_points(Kind::Scon, &point, Some((tag::CONGESTION, u32::from(level))), active, send);
            }
            Change::NoSccp(cause) => {
                let cause = u32::from(cause) << 16 | 3;
                self.tell_points(
                    Kind::Dupu,
                    &[(point_code, 0)],
                    Some((tag::USER_CAUSE, cause)),
                    active,
                    send,
                );
            }
            Change::SccpBack => {}
        }
    }

    /// The peer has sent a message to an MTP user that is not here: DUPU "unequipped", unless we are an ASP, which has
    /// nothing to say of users (RFC 4666 3.4.5).
    pub fn refuse_user(&mut self, own: PointCode, user: u8, send: &mut dyn FnMut(u16, &[u8])) {
        const UNEQUIPPED: u32 = 1;
        if self.config.role != Role::Asp && self.theirs().state == AspState::Active {
            let parameter = Some((tag::USER_CAUSE, UNEQUIPPED << 16 | u32::from(user)));
            self.tell_points(Kind::Dupu, &[(own, 0)], parameter, self.theirs().active, send);
        }
    }

    /// Answers a DAUD: what is congested by SCON, then everything by DAVA, DRST or DUNA. Ranges come before what
    /// lies inside them, since news of a range hold for all of it.
    fn answer_audit(
        &mut self,
        bytes: &[u8],
        affected: Affected<'_>,
        contexts: u32,
        send: &mut dyn FnMut(u16, &[u8]),
    ) {
        let mut answers = Answers::default();
        for (point_code, mask) in affected {
            self.audited(point_code, mask, &mut answers);
        }
        self.counts.audit_refused += answers.left_out as u64;
        for mask in (0..=24).rev() {
            for level in 0..=3 {
                let parameter = Some((tag::CONGESTION, u32::from(level)));
                self.answer_part(&answers, Kind::Scon, parameter, contexts, send, |answer| {
                    answer.mask == mask && answer.level == Some(level)
                });
            }
            for (kind, reach) in [
                (Kind::Dava, Reach::Available),
                (Kind::Drst, Reach::Restricted),
                (Kind::Duna, Reach::Unavailable),
            ] {
                self.answer_part(&answers, kind, None, contexts, send, |answer| {
                    answer.mask == mask && answer.reach == Some(reach)
                });
            }
        }
        let mut untold = [(PointCode(0), 0); POINTS_MAX];
        let mut count = 0;
        for (slot, answer) in untold.iter_mut().zip(answers.points().iter().filter(|it| it.reach.is_none())) {
            *slot = (answer.point_code, answer.mask);
            count += 1;
        }
        if let Some(untold @ [_, ..]) = untold.get(..count) {
            self.refuse_audit(bytes, untold, contexts, send);
        }
    }

    /// ERR "destination status unknown" with the point codes whose state isn't told (RFC 4666 3.8.1).
    fn refuse_audit(
        &mut self,
        bytes: &[u8],
        points: &[(PointCode, u8)],
        contexts: u32,
        send: &mut dyn FnMut(u16, &[u8]),
    ) {
        self.counts.errors_sent += 1;
        let contexts = self.contexts(Side::Ours, contexts);
        let appearance = self.config.network_appearance;
        let diagnostic = bytes.get(..40).unwrap_or(bytes);
        self.emit(
            Kind::Err,
            |writer| {
                build::parameter(writer, tag::DIAGNOSTIC, diagnostic);
                build::affected(writer, points.iter().copied());
                if let Some(appearance) = appearance {
                    build::parameter(writer, tag::NETWORK_APPEARANCE, &appearance.to_be_bytes());
                }
                build::routing_contexts(writer, contexts);
                build::error_code(writer, ErrorCode::DestinationStatusUnknown);
            },
            send,
        );
    }

    /// What is to be said of a range, and of those inside it that are otherwise.
    fn audited(&self, point_code: PointCode, mask: u8, answers: &mut Answers) {
        let inside = |inner: PointCode, narrower: u8| narrower < mask && covers(point_code, mask, inner);
        let (reachable, reportable) = (&self.config.reachable, &self.config.reportable);
        if !reportable.is_empty() && !reportable.contains(&point_code) {
            answers.add(Answer { point_code, mask, reach: None, level: None });
            return;
        }
        let of = |reach, congestion: u8, around: u8| Answer {
            point_code,
            mask,
            reach: Some(reach),
            level: (reach != Reach::Unavailable && congestion != around).then_some(congestion),
        };
        if !(reachable.is_empty() || mask == 0 && reachable.contains(&point_code)) {
            answers.add(of(Reach::Unavailable, 0, 0));
            for &point in reachable.iter().filter(|&&point| inside(point, 0)) {
                let state = self.reported(point, 0);
                answers.add(Answer { point_code: point, mask: 0, ..of(state.reach, state.congestion, 0) });
            }
            return;
        }
        let whole = self.reported(point_code, mask);
        answers.add(of(whole.reach, whole.congestion, 0));
        for (inner, narrower, state) in self.destinations.iter().filter(|it| inside(it.0, it.1)) {
            let around = self.destinations.of_range(inner, narrower.saturating_add(1));
            let answer = of(state.reach, state.congestion, around.congestion);
            answers.add(Answer { point_code: inner, mask: narrower, ..answer });
        }
    }

    fn answer_part(
        &mut self,
        answers: &Answers,
        kind: Kind,
        parameter: Option<(u16, u32)>,
        contexts: u32,
        send: &mut dyn FnMut(u16, &[u8]),
        picks: impl Fn(&Answer) -> bool,
    ) {
        let mut points = [(PointCode(0), 0); POINTS_MAX];
        let mut count = 0;
        for (slot, answer) in points.iter_mut().zip(answers.points().iter().filter(|answer| picks(answer))) {
            *slot = (answer.point_code, answer.mask);
            count += 1;
        }
        if let Some(points @ [_, ..]) = points.get(..count) {
            self.tell_points(kind, points, parameter, contexts, send);
        }
    }

    /// What we say of a destination or of the whole of a range. What a gateway has told us is not told back to it.
    fn reported(&self, point_code: PointCode, mask: u8) -> Availability {
        if self.config.role == Role::Asp {
            return Availability::default();
        }
        self.destinations.of_range(point_code, mask)
    }

    fn tell_points(
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
