//! TCAP dialogues with MAP in them: what peers open, what we open, and what is said in either.

use core::time::Duration;

use super::invocation::{Octets, Opener, Party, WITHIN, Within};
use super::{Class, MapInvoke, MoForward, MtForward, ROOM, ReadyForSm, Refusal, Ss7, count};
use crate::base::{MalformedCounts, Time};
use crate::codec::Prepend;
use crate::ident::{Digits, SccpAddress, Ssn, WorkerId};
use crate::proto::map::{self, AddressString, SmRpDa, SmRpOa, UserError, context, operation};
use crate::proto::tcap::{self, AbortCause, AbortReason, Components, DialogueId, Indication as Tcap, build};
use crate::stack::{Asked, Indication, Outcome, Outside};

/// SCCP class 1, returned on error: a dialogue's messages keep their order, and we learn of what can't be delivered.
const IN_SEQUENCE_RETURNED: Class = Class { number: 1, return_on_error: true };
/// SCCP class 0 without return: answers that nobody misses.
const BASIC: Class = Class { number: 0, return_on_error: false };

/// The one invoke of a dialogue of ours.
pub(super) const INVOKE_ID: i8 = 1;

/// How long a peer that has opened a dialogue without an operation may take to ask for one.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// How long a peer may take over what we invoke in a dialogue of its own (TS 29.002 17.1.2, m).
const WITHIN_TIMEOUT: Duration = Duration::from_secs(30);

impl Ss7 {
    /// A TCAP message for `own`, one of our addresses.
    pub(super) fn handle_tcap<'a>(
        &mut self,
        now: Time,
        own: usize,
        peer: &SccpAddress,
        bytes: &'a [u8],
        malformed: &mut MalformedCounts,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'a>> {
        match count(self.dialogues.handle_input(now, peer, bytes), malformed)? {
            Tcap::Begin { dialogue, application_context, components, .. } => {
                self.on_begin(now, dialogue, own, application_context, components, malformed, outside)
            }
            Tcap::Continue { dialogue, components, .. } => {
                self.take(now, dialogue, components, malformed, outside)
            }
            Tcap::End { dialogue, user: party, components, .. } => {
                Some(self.on_end(dialogue, &party, components, malformed))
            }
            Tcap::Abort { dialogue, user: party, cause, answer } => {
                if let AbortCause::Malformed(why) = cause {
                    malformed.add(why);
                }
                if let Some(refusal) = answer {
                    self.refuse(&self.calling(own), peer, &refusal, malformed, outside);
                }
                Some(gone(dialogue, &party, Outcome::Aborted))
            }
            Tcap::Refuse(refusal) => {
                self.refuse(&self.calling(own), peer, &refusal, malformed, outside);
                None
            }
            Tcap::Unidirectional { .. } => {
                self.counts.unidirectional_refused += 1;
                None
            }
            Tcap::Ignored => None,
        }
    }

    /// A dialogue that a peer opens: its application context decides what may be asked in it.
    fn on_begin<'a>(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        own: usize,
        application_context: Option<&'a [u8]>,
        components: Components<'a>,
        malformed: &mut MalformedCounts,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'a>> {
        let offer = self.offers.iter().position(|offer| Some(offer.context) == application_context);
        let opener = Opener::Peer { own: own as u16, offer: offer.unwrap_or(0) as u16 };
        self.dialogues.set_user(dialogue, Party { opener, ..Party::default() });
        if offer.is_none() {
            self.counts.context_refused += 1;
            self.abort(now, dialogue, AbortReason::ContextNotSupported, outside);
            return None;
        }
        if components.is_empty() {
            // The handshake of TS 29.002 23.3.1: the dialogue is opened first.
            self.send(now, dialogue, false, outside, |_| {});
            self.dialogues.set_timer(now, dialogue, HANDSHAKE);
            return None;
        }
        self.take(now, dialogue, components, malformed, outside)
    }

    /// Opens a dialogue of ours from `from` and sends the invocation of `opcode`, whose argument `argument` writes.
    fn open(
        &mut self,
        now: Time,
        (from, to): ((Digits, Ssn), (Digits, Ssn)),
        application_context: &[u8],
        (opcode, timeout): (u8, Duration),
        user: u64,
        outside: &mut dyn Outside,
        argument: impl FnOnce(&mut Prepend<'_>),
    ) -> Result<(), Refusal> {
        let party = Party::ours(user, from, opcode);
        let titled = SccpAddress::titled(to.0, to.1);
        // Answers must come from where the Begin goes.
        let point_code = self.route(&titled).map(|(point_code, _)| point_code);
        let to = SccpAddress { point_code, ..titled };
        let dialogue = self.dialogues.open(now, &to, party, timeout).ok_or(Refusal::Full)?;
        let mut room = [0; ROOM];
        let mut w = Prepend::new(&mut room);
        argument(&mut w);
        build::invoke(&mut w, 0, INVOKE_ID, opcode);
        let sent = self
            .dialogues
            .write_begin(&mut w, 0, dialogue, application_context, None)
            .ok_or(Refusal::TooLong)
            .and_then(|peer| {
                let from = SccpAddress::titled(from.0, from.1);
                self.send_unitdata(&mut w, IN_SEQUENCE_RETURNED, &peer, &from, selection(dialogue), outside)
            });
        if sent.is_err() {
            self.dialogues.close(now, dialogue);
        }
        sent.map(|_| ())
    }

    /// mo-forwardSM towards the SMS-IWMSC.
    pub(in crate::stack) fn mo_forward_sm(
        &mut self,
        now: Time,
        forward: &MoForward<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let international = |digits| AddressString::international(digits);
        let argument = map::MoForwardSm {
            service_centre: SmRpDa::ServiceCentre(international(forward.service_centre)),
            originator: forward
                .msisdn
                .map_or(SmRpOa::None, |msisdn| SmRpOa::Msisdn(international(msisdn.digits()))),
            ui: forward.tpdu,
            imsi: forward.imsi,
            correlation_id: None,
            delivery_outcome: None,
            more_messages: false,
            extension: map::Extension::NONE,
        };
        let between = ((forward.title, forward.ssn), (forward.service_centre, Ssn::MSC));
        let invoked = (operation::MO_FORWARD_SM, self.forward_timeout);
        self.open(now, between, context::MO_RELAY_V3, invoked, user, outside, |w| argument.write(w))
    }

    /// mt-forwardSM, as an SMS-GMSC sends it.
    pub(in crate::stack) fn mt_forward_sm(
        &mut self,
        now: Time,
        forward: &MtForward<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let origin = SmRpOa::ServiceCentre(AddressString::international(forward.service_centre));
        let argument = map::MtForwardSm {
            more_messages: forward.more_messages,
            ..map::MtForwardSm::new(SmRpDa::Imsi(forward.imsi), origin, forward.tpdu)
        };
        let between = ((forward.title, forward.ssn), forward.node);
        let invoked = (operation::MT_FORWARD_SM, self.forward_timeout);
        self.open(now, between, context::MT_RELAY_V3, invoked, user, outside, |w| argument.write(w))
    }

    /// readyForSM towards the HLR.
    pub(in crate::stack) fn ready_for_sm(
        &mut self,
        now: Time,
        ready: &ReadyForSm,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let argument = map::ReadyForSm {
            imsi: ready.imsi,
            reason: ready.reason,
            gprs: ready.sgsn,
            ip_sm_gw: !ready.sgsn,
        };
        let between = (ready.from, (ready.hlr, Ssn::HLR));
        let invoked = (operation::READY_FOR_SM, ready.timeout);
        self.open(now, between, context::MWD_MANAGEMENT_V3, invoked, user, outside, |w| argument.write(w))
    }

    /// Any operation, in a dialogue of its own.
    pub(in crate::stack) fn invoke(
        &mut self,
        now: Time,
        invoke: &MapInvoke<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let between = (invoke.from, invoke.to);
        let invoked = (invoke.opcode, invoke.timeout);
        self.open(now, between, invoke.context, invoked, user, outside, |w| w.bytes(invoke.argument))
    }

    /// An operation inside a dialogue that a peer opened, whose invocation waits for our answer.
    pub(in crate::stack) fn invoke_within(
        &mut self,
        now: Time,
        &Asked { dialogue, .. }: &Asked,
        opcode: u8,
        argument: &[u8],
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let is_peers = self.dialogues.user(dialogue).is_some_and(|party| party.is_peers());
        if !is_peers {
            return Err(Refusal::NoRoute);
        }
        let taken = |id: i8| self.within.iter().any(|other| other.dialogue == dialogue && other.id == id);
        let id = (INVOKE_ID..=i8::MAX).find(|&id| !taken(id)).filter(|_| self.within.len() < WITHIN);
        let id = id.ok_or(Refusal::Full)?;
        let write = |w: &mut Prepend<'_>| {
            w.bytes(argument);
            build::invoke(w, 0, id, opcode);
        };
        self.try_send(now, dialogue, false, outside, write)?;
        if operation::is_unanswered(opcode) {
            return Ok(());
        }
        self.within.push(Within { dialogue, id, opcode, user, deadline: now + WITHIN_TIMEOUT });
        Ok(())
    }

    /// The result of an mt- or mo-forwardSM that a peer invoked, with the report's TPDU if there is one.
    pub(in crate::stack) fn forward_sm_result(
        &mut self,
        now: Time,
        asked: &Asked,
        opcode: u8,
        tpdu: Option<&[u8]>,
        outside: &mut dyn Outside,
    ) -> Option<WorkerId> {
        self.answer(now, asked, outside, |w| {
            let has_result = map::ForwardSmResult { ui: tpdu }.write(w);
            build::result_last(w, 0, asked.invoke_id, has_result.then_some(opcode));
        })
    }

    /// The result of any operation that a peer invoked: a whole element, or nothing.
    pub(in crate::stack) fn returned(
        &mut self,
        now: Time,
        asked: &Asked,
        opcode: u8,
        result: Option<&[u8]>,
        outside: &mut dyn Outside,
    ) -> Option<WorkerId> {
        self.answer(now, asked, outside, |w| {
            w.bytes(result.unwrap_or(&[]));
            build::result_last(w, 0, asked.invoke_id, result.map(|_| opcode));
        })
    }

    /// A user error as the answer to an invoke.
    pub(in crate::stack) fn user_error(
        &mut self,
        now: Time,
        asked: &Asked,
        error: &UserError<'_>,
        outside: &mut dyn Outside,
    ) -> Option<WorkerId> {
        self.answer(now, asked, outside, |w| {
            error.write(w);
            build::error(w, 0, asked.invoke_id, error.code());
        })
    }

    /// Answers an invoke of a peer's: the last of a dialogue that the peer opened in an End, else in a Continue. Gives
    /// the worker whose association the answer leaves by, if it is sent.
    fn answer(
        &mut self,
        now: Time,
        &Asked { dialogue, invoke_id, .. }: &Asked,
        outside: &mut dyn Outside,
        component: impl FnOnce(&mut Prepend<'_>),
    ) -> Option<WorkerId> {
        let mut party = self.dialogues.user(dialogue);
        if !party.as_mut().is_some_and(|party| party.pending.remove(invoke_id)) {
            self.counts.answer_late += 1;
            return None;
        }
        let party = party?;
        let ends = self.is_done(dialogue, &party);
        if !ends {
            self.dialogues.set_user(dialogue, party);
        }
        self.send(now, dialogue, ends, outside, component)
    }

    /// Sends `component` in an End, or in a Continue. What can't be sent is counted; the peer's own timer ends its
    /// side.
    pub(super) fn send(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        ends: bool,
        outside: &mut dyn Outside,
        component: impl FnOnce(&mut Prepend<'_>),
    ) -> Option<WorkerId> {
        self.try_send(now, dialogue, ends, outside, component).ok()
    }

    fn try_send(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        ends: bool,
        outside: &mut dyn Outside,
        component: impl FnOnce(&mut Prepend<'_>),
    ) -> Result<WorkerId, Refusal> {
        let from = self.address_in(&self.dialogues.user(dialogue).unwrap_or_default());
        let mut room = [0; ROOM];
        let mut w = Prepend::new(&mut room);
        component(&mut w);
        let to = if ends {
            self.dialogues.write_end(now, &mut w, 0, dialogue, None)
        } else {
            self.dialogues.write_continue(&mut w, 0, dialogue, None)
        };
        let to = to.ok_or(Refusal::TooLong)?;
        self.send_unitdata(&mut w, IN_SEQUENCE_RETURNED, &to, &from, selection(dialogue), outside)
    }

    pub(super) fn abort(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        reason: AbortReason,
        outside: &mut dyn Outside,
    ) {
        let from = self.address_in(&self.dialogues.user(dialogue).unwrap_or_default());
        let mut room = [0; ROOM];
        let mut w = Prepend::new(&mut room);
        if let Some(to) = self.dialogues.write_abort(now, &mut w, dialogue, reason, None) {
            let _ = self.send_unitdata(&mut w, BASIC, &to, &from, selection(dialogue), outside);
        }
    }

    /// Sends the Abort that a message without a dialogue gets.
    fn refuse(
        &mut self,
        from: &SccpAddress,
        peer: &SccpAddress,
        refusal: &tcap::Refusal<'_>,
        malformed: &mut MalformedCounts,
        outside: &mut dyn Outside,
    ) {
        if let Some(why) = refusal.malformed {
            malformed.add(why);
        }
        let mut room = [0; ROOM];
        let mut w = Prepend::new(&mut room);
        build::refusal(&mut w, refusal, None);
        let _ = self.send_unitdata(&mut w, BASIC, peer, from, 0, outside);
    }

    /// Our address in a dialogue: the one that it was opened from, or that the peer called.
    fn address_in(&self, party: &Party) -> SccpAddress {
        match party.opener {
            Opener::Us { title, ssn, .. } => SccpAddress::titled(title, ssn),
            Opener::Peer { own, .. } => self.calling(own.into()),
        }
    }

    /// What came of itself: dialogues and invocations that took too long, and components that were kept, which stand
    /// in `room`. Call until `None`.
    pub(in crate::stack) fn poll<'a>(
        &mut self,
        now: Time,
        room: &'a mut Octets,
        malformed: &mut MalformedCounts,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'a>> {
        if let Some(expired) = self.dialogues.handle_timeout(now) {
            if let Some(abort) = expired.abort {
                let from = self.address_in(&expired.user);
                self.refuse(&from, &expired.peer, &abort, malformed, outside);
            }
            return Some(gone(expired.dialogue, &expired.user, Outcome::TimedOut));
        }
        if let Some(ended) = self.ended_within(now) {
            return Some(ended);
        }
        self.next_kept(now, room, malformed, outside)
    }

    /// The next invocation of ours in a peer's dialogue that took too long, or whose dialogue is gone.
    fn ended_within(&mut self, now: Time) -> Option<Indication<'static>> {
        let over = |within: &Within| within.deadline <= now || !self.is_open(within.dialogue);
        let at = self.within.iter().position(over)?;
        let within = self.within.swap_remove(at);
        let outcome = if within.deadline <= now { Outcome::TimedOut } else { Outcome::Aborted };
        Some(Indication::Ended { user: within.user, outcome })
    }
}

/// A dialogue is gone, with or without an answer to what we invoked in it.
pub(super) fn gone<'a>(dialogue: DialogueId, party: &Party, outcome: Outcome<'a>) -> Indication<'a> {
    match party.opener {
        Opener::Us { user, .. } => Indication::Ended { user, outcome },
        Opener::Peer { .. } => Indication::Gone { dialogue },
    }
}

/// Signalling link selection: the same for all messages of a dialogue, spread over dialogues.
fn selection(dialogue: DialogueId) -> u8 {
    dialogue.to_u64() as u8 & 0xf
}
