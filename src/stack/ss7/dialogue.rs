//! TCAP dialogues with MAP in them: what peers open, what we open, and what is said in either.

use core::time::Duration;

use super::invocation::{INVOKE_ID, Messages, Octets, Opener, Party, WITHIN, Within};
use super::{Class, Refusal, SHORT, Ss7, count, offer};
use crate::base::{MalformedCounts, Time};
use crate::codec::Prepend;
use crate::ident::{Imsi, SccpAddress, WorkerId};
use crate::proto::map::{self, DialoguePdu, Plan, RefuseReason, UserError, Version, context, operation};
use crate::proto::tcap::{
    self, AbortCause, AbortReason, Code, Component, Components, DialogueId, Indication as Tcap,
    RefusalReason, build, p_abort,
};
use crate::stack::{Asked, Indication, Outcome, Outside};

/// SCCP class 1, returned on error: a dialogue's messages keep their order, and we learn of what can't be delivered.
pub(super) const IN_SEQUENCE_RETURNED: Class = Class { number: 1, return_on_error: true };
/// SCCP class 0 without return: answers that nobody misses.
const BASIC: Class = Class { number: 0, return_on_error: false };

/// How long a peer that has opened a dialogue without an operation may take to ask for one.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// How long whoever has more messages may take over the next one.
pub(super) const MORE_MESSAGES: Duration = Duration::from_secs(60);

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
        let ssn = self.calling(own).ssn;
        let Self { dialogues, screening, offers, .. } = self;
        let admit = &mut |name: Option<&[u8]>, components: &Components<'_>| {
            screening.admit(now, ssn, offers, name, components)
        };
        match count(dialogues.handle_input_if(now, peer, bytes, admit), malformed)? {
            Tcap::Begin { dialogue, application_context, user_information, components } => {
                let opened = (application_context, user_information);
                self.on_begin(now, dialogue, own, opened, components, malformed, outside)
            }
            Tcap::Continue { dialogue, user: party, components, .. } => {
                if let Some(ended) = self.accepted(now, dialogue, &party, outside) {
                    return Some(ended);
                }
                let mut gone = None;
                if !self.admits_in(now, dialogue, &party, &components, &mut gone, outside) {
                    return gone;
                }
                self.take(now, dialogue, components, malformed, outside)
            }
            Tcap::End { dialogue, user: party, components, .. } => {
                if let Some(held) = self.release(&party) {
                    self.remember(now, &held);
                }
                Some(self.on_end(dialogue, &party, components, malformed))
            }
            Tcap::Abort { dialogue, user: party, cause, answer } => {
                if let AbortCause::Malformed(why) = cause {
                    malformed.add(why);
                }
                if let Some(refusal) = answer {
                    self.refuse(&self.calling(own), peer, &refusal, malformed, outside);
                }
                if self.ask_again(now, &party, &cause, outside) {
                    return None;
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

    /// A dialogue that a peer opens: its application context, or in version 1 its first operation, decides what may be
    /// asked in it.
    fn on_begin<'a>(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        own: usize,
        (application_context, user_information): (Option<&'a [u8]>, Option<&'a [u8]>),
        components: Components<'a>,
        malformed: &mut MalformedCounts,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'a>> {
        let (context, version) = opened(application_context, &components);
        let opener = Opener::Peer { own: own as u16, context };
        // Whom a message to an LMSI concerns (TS 29.002 23.3.1).
        let messages = Messages { imsi: user_information.and_then(destination_imsi), ..Messages::default() };
        let party = Party { opener, messages, version: version.unwrap_or(Version::V1), ..Party::default() };
        self.dialogues.set_user(dialogue, party);
        if !version.is_some_and(|version| offer::has(&self.offers, context, version)) {
            self.counts.context_refused += 1;
            self.refuse_context(now, dialogue, context, outside);
            return None;
        }
        if let Some((id, error)) = self.screening.take_error() {
            self.end_with(now, dialogue, party.version, (id, &error), outside);
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
        self.within.push(Within { dialogue, id, opcode, user, deadline: now + map::timer(opcode).life() });
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
        self.answer(now, asked, true, outside, |w, version| {
            // forwardSM of versions 1 and 2 has an empty result.
            let has_result = version == Version::V3 && map::ForwardSmResult { ui: tpdu }.write(w);
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
        self.answer(now, asked, true, outside, |w, version| {
            // Where later versions have an extensible SEQUENCE, older ones have nothing.
            let result = result.filter(|result| version == Version::V3 || *result != [0x30, 0]);
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
        self.answer(now, asked, false, outside, |w, version| {
            let error = error.spoken(version);
            error.write_in(w, version);
            build::error(w, 0, asked.invoke_id, error.code());
        })
    }

    /// Answers an invoke of a peer's, in the version of the dialogue: the last of a dialogue that the peer opened in an End,
    /// else in a Continue, as also after a result when the peer has more messages (TS 29.002 23.3.2). Gives the worker whose
    /// association the answer leaves by, if it is sent.
    fn answer(
        &mut self,
        now: Time,
        &Asked { dialogue, invoke_id, .. }: &Asked,
        is_result: bool,
        outside: &mut dyn Outside,
        component: impl FnOnce(&mut Prepend<'_>, Version),
    ) -> Option<WorkerId> {
        let mut party = self.dialogues.user(dialogue);
        if !party.as_mut().is_some_and(|party| party.pending.remove(invoke_id)) {
            self.counts.answer_late += 1;
            return None;
        }
        let party = party?;
        let is_done = self.is_done(dialogue, &party);
        let more = party.messages.more && is_result;
        if !is_done || more {
            self.dialogues.set_user(dialogue, party);
        }
        let sent = self.send(now, dialogue, is_done && !more, outside, |w| component(w, party.version));
        if is_done && more {
            self.dialogues.set_timer(now, dialogue, MORE_MESSAGES);
        }
        sent
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

    pub(super) fn try_send(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        ends: bool,
        outside: &mut dyn Outside,
        component: impl FnOnce(&mut Prepend<'_>),
    ) -> Result<WorkerId, Refusal> {
        let from = self.address_in(&self.dialogues.user(dialogue).unwrap_or_default());
        let mut room = core::mem::take(&mut self.room);
        let mut w = Prepend::new(&mut room);
        component(&mut w);
        let to = if ends {
            self.dialogues.write_end(now, &mut w, 0, dialogue, None)
        } else {
            self.dialogues.write_continue(&mut w, 0, dialogue, None)
        };
        let sent = to.ok_or(Refusal::TooLong).and_then(|to| {
            self.send_unitdata(&mut w, IN_SEQUENCE_RETURNED, &to, &from, selection(dialogue), outside)
        });
        self.room = room;
        sent
    }

    /// Refuses the application context of a dialogue, and names one that would do (TS 29.002 15.2.1).
    fn refuse_context(&mut self, now: Time, dialogue: DialogueId, context: u8, outside: &mut dyn Outside) {
        let mut room = [0; SHORT];
        let mut w = Prepend::new(&mut room);
        if self.refuse_without_name
            && let (Some(peer), Some(to)) =
                (self.dialogues.peer(dialogue).copied(), self.dialogues.remote_id(dialogue))
        {
            let from = self.address_in(&self.dialogues.user(dialogue).unwrap_or_default());
            self.dialogues.close(now, dialogue);
            let reason = RefusalReason::Provider(p_abort::INCORRECT_TRANSACTION_PORTION);
            build::refusal(&mut w, &tcap::Refusal { to, reason, malformed: None }, None);
            let _ = self.send_unitdata(&mut w, BASIC, &peer, &from, selection(dialogue), outside);
            return;
        }
        let alternative = offer::alternative(&self.offers, context);
        if let Some(alternative) = &alternative {
            let refuse =
                DialoguePdu::Refuse { reason: RefuseReason::NoReason, alternative: Some(alternative) };
            refuse.write(&mut w);
        }
        let user_information = w.finish().filter(|_| alternative.is_some());
        self.abort_with(now, dialogue, AbortReason::ContextNotSupported, user_information, outside);
    }

    pub(super) fn abort(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        reason: AbortReason,
        outside: &mut dyn Outside,
    ) {
        self.abort_with(now, dialogue, reason, None, outside);
    }

    fn abort_with(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        reason: AbortReason,
        user_information: Option<&[u8]>,
        outside: &mut dyn Outside,
    ) {
        let from = self.address_in(&self.dialogues.user(dialogue).unwrap_or_default());
        let mut room = [0; SHORT];
        let mut w = Prepend::new(&mut room);
        if let Some(to) = self.dialogues.write_abort(now, &mut w, dialogue, reason, user_information) {
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
        let mut room = [0; SHORT];
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
        self.give_up_segments(now, outside);
        self.test_subsystems(now, outside);
        if let Some(gone) = self.next_stranded(now, outside) {
            return Some(gone);
        }
        if let Some(expired) = self.dialogues.handle_timeout(now) {
            if let Some(abort) = expired.abort {
                let from = self.address_in(&expired.user);
                self.refuse(&from, &expired.peer, &abort, malformed, outside);
            }
            self.release(&expired.user);
            return Some(gone(expired.dialogue, &expired.user, timed_out(&expired.user)));
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
        let outcome = match within.deadline <= now {
            true => unanswered(within.opcode, Outcome::TimedOut),
            false => Outcome::Aborted,
        };
        Some(Indication::Ended { user: within.user, outcome })
    }
}

/// What it means that nothing has answered an operation of ours: that it has failed, or, if its class has no result, that it
/// was not refused (Q.774 3.2.1.1).
pub(super) fn unanswered(opcode: u8, failure: Outcome<'static>) -> Outcome<'static> {
    if map::class(opcode).has_result() { failure } else { Outcome::Returned { opcode, result: &[] } }
}

fn timed_out(party: &Party) -> Outcome<'static> {
    match party.opener {
        Opener::Us { opcode, .. } => unanswered(opcode, Outcome::TimedOut),
        Opener::Peer { .. } => Outcome::TimedOut,
    }
}

/// The context of a dialogue that a peer opens, and its version, if it is one of MAP's.
pub(super) fn opened(name: Option<&[u8]>, components: &Components<'_>) -> (u8, Option<Version>) {
    let (context, version) = match name {
        Some(value) => context::parse(value).unwrap_or_default(),
        None => (context_of_first(components).unwrap_or_default(), 1),
    };
    // Version 1 has no name (TS 29.002 15.2.2).
    (context, Version::new(version).filter(|&v| (v == Version::V1) == name.is_none()))
}

/// The context of a dialogue of version 1: its first operation's.
fn context_of_first(components: &Components<'_>) -> Option<u8> {
    match components.clone().next()? {
        Component::Invoke { opcode: Code::Local(opcode), .. } => map::context_of_v1(opcode),
        _ => None,
    }
}

/// The subscriber whom map-open names as the destination.
fn destination_imsi(user_information: &[u8]) -> Option<Imsi> {
    match DialoguePdu::parse(user_information)? {
        DialoguePdu::Open { destination: Some(to), .. } if to.plan == Plan::E212 => Imsi::new(to.digits),
        _ => None,
    }
}

/// A dialogue is gone, with or without an answer to what we invoked in it.
pub(super) fn gone<'a>(dialogue: DialogueId, party: &Party, outcome: Outcome<'a>) -> Indication<'a> {
    match party.opener {
        Opener::Us { user, is_answered: false, .. } => Indication::Ended { user, outcome },
        Opener::Us { .. } | Opener::Peer { .. } => gone_of_peer(dialogue, party),
    }
}

/// A dialogue that a peer opened, or left open for another message of ours, is gone.
fn gone_of_peer<'a>(dialogue: DialogueId, party: &Party) -> Indication<'a> {
    let more_for = party.messages.imsi.filter(|_| party.is_peers() && party.messages.more);
    Indication::Gone { dialogue, is_owed: !party.pending.is_empty(), more_for }
}

/// The same, if somebody waits for something in it.
pub(super) fn gone_if_missed<'a>(dialogue: DialogueId, party: &Party) -> Option<Indication<'a>> {
    let is_missed = party.is_peers() && (!party.pending.is_empty() || party.messages.more);
    is_missed.then(|| gone_of_peer(dialogue, party))
}

/// Signalling link selection: the same for all messages of a dialogue, spread over dialogues.
pub(super) fn selection(dialogue: DialogueId) -> u8 {
    dialogue.to_u64() as u8 & 0xf
}
