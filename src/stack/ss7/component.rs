//! What components mean in a dialogue: invocations of the peer's, and what becomes of ours.

use super::dialogue::{MORE_MESSAGES, gone, gone_if_missed, unanswered};
use super::invocation::{INVOKE_ID, KEPT, Kept, Messages, Octets, Opener, Party};
use super::{Ss7, count, offer};
use crate::base::{Malformed, MalformedCounts, Time};
use crate::proto::map::{self, SmRpDa, SmRpOa, UserError, Version, context, operation};
use crate::proto::tcap::build::Rejects;
use crate::proto::tcap::{AbortReason, Code, Component, Components, DialogueId, Problem};
use crate::stack::{Asked, ForwardSm, Indication, Invoke, Operation, Outcome, Outside};

/// What one component brings about.
enum Step<'a> {
    /// The peer invokes an operation.
    Invoked(Invoke<'a>),
    /// What we invoked with this word has ended, perhaps with what has to be rejected all the same.
    Ended(u64, Outcome<'a>, Option<(i8, Problem)>),
    /// A Reject.
    Reject(Option<i8>, Problem),
    /// Nothing.
    Pass,
    /// The peer has broken the rules: the dialogue is over.
    Abort,
}

impl Ss7 {
    /// Takes the components of a Begin or Continue, up to one that is for the application; those behind it are kept
    /// for later.
    pub(super) fn take<'a>(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        mut components: Components<'a>,
        malformed: &mut MalformedCounts,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'a>> {
        let mut rejects = Rejects::default();
        let mut from_here = components.clone();
        while let Some(component) = components.next() {
            let mut party = self.dialogues.user(dialogue)?;
            match self.step(dialogue, &mut party, component, malformed) {
                Step::Invoked(invoke) => {
                    self.dialogues.set_user(dialogue, party);
                    self.dialogues.renew(now, dialogue);
                    self.pause(dialogue, components, &mut rejects);
                    self.settle(now, dialogue, &party, &rejects, outside);
                    return Some(Indication::Invoke(invoke));
                }
                Step::Ended(user, outcome, rejected) => {
                    if let Some((id, problem)) = rejected {
                        self.reject(&mut rejects, Some(id), problem);
                    }
                    if let Some(invoke) = self.beside(dialogue, &party, &components, &from_here) {
                        self.send(now, dialogue, true, outside, |w| rejects.write(w));
                        return Some(Indication::Invoke(invoke));
                    }
                    if party.is_peers() {
                        self.dialogues.renew(now, dialogue);
                        self.pause(dialogue, components, &mut rejects);
                    }
                    if let Some(outcome) = self.leave_open(now, dialogue, &party, outcome) {
                        self.settle(now, dialogue, &party, &rejects, outside);
                        return Some(Indication::Ended { user, outcome });
                    }
                    // Left open, by the peer after its answer or by us after ours: there is nothing more to say in it.
                    if !party.is_peers() || self.is_done(dialogue, &party) {
                        self.send(now, dialogue, true, outside, |w| rejects.write(w));
                    } else {
                        self.settle(now, dialogue, &party, &rejects, outside);
                    }
                    return Some(Indication::Ended { user, outcome });
                }
                Step::Reject(id, problem) => self.reject(&mut rejects, id, problem),
                Step::Pass => {}
                Step::Abort => {
                    self.abort(now, dialogue, AbortReason::User, outside);
                    return gone_if_missed(dialogue, &party);
                }
            }
            from_here = components.clone();
        }
        if !rejects.is_empty() {
            let party = self.dialogues.user(dialogue)?;
            self.settle(now, dialogue, &party, &rejects, outside);
        }
        None
    }

    /// A peer has taken a message of ours that another is to follow, and not ended the dialogue: what is told of it.
    fn leave_open<'a>(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        party: &Party,
        outcome: Outcome<'a>,
    ) -> Option<Outcome<'a>> {
        let Outcome::Result { tpdu, .. } = outcome else { return None };
        if party.is_peers() || !party.messages.more {
            return None;
        }
        self.dialogues.set_user(dialogue, party.answered());
        self.dialogues.set_timer(now, dialogue, MORE_MESSAGES);
        Some(Outcome::Result { tpdu, open: Some(dialogue) })
    }

    /// Sends the Rejects of a message together (Q.774 3.2.2.2), and ends the dialogue if nothing waits in it: by these,
    /// or without a message, as what has class 4 and is never answered leaves it (a prearranged end).
    fn settle(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        party: &Party,
        rejects: &Rejects,
        outside: &mut dyn Outside,
    ) {
        let is_done = self.is_done(dialogue, party);
        if !rejects.is_empty() {
            self.send(now, dialogue, is_done, outside, |w| rejects.write(w));
        } else if is_done {
            self.dialogues.close(now, dialogue);
        }
    }

    /// One more Reject for the message, or one too many.
    fn reject(&mut self, rejects: &mut Rejects, id: Option<i8>, problem: Problem) {
        if !rejects.add(id, problem) {
            self.counts.components_refused += 1;
        }
    }

    fn step<'a>(
        &mut self,
        dialogue: DialogueId,
        party: &mut Party,
        component: Component<'a>,
        malformed: &mut MalformedCounts,
    ) -> Step<'a> {
        match component {
            Component::Invoke { id, linked: Some(linked), .. } => {
                self.counts.operation_rejected += 1;
                // No operation that is ours to invoke has linked ones (TS 29.002 17.6).
                let problem = match self.invocation(dialogue, party, Some(linked)) {
                    Some(_) => Problem::LINKED_RESPONSE_UNEXPECTED,
                    None => Problem::UNRECOGNISED_LINKED_ID,
                };
                Step::Reject(Some(id), problem)
            }
            Component::Invoke { id, opcode, argument, linked: None } => {
                self.on_invoke(dialogue, party, id, opcode, argument, malformed)
            }
            Component::Malformed { answered: false, .. } => {
                self.counts.reject_malformed += 1;
                Step::Pass
            }
            Component::Malformed { id, problem, .. } => {
                self.counts.component_malformed += 1;
                Step::Reject(id, problem)
            }
            Component::ResultLast { id, .. }
            | Component::ResultNotLast { id, .. }
            | Component::Error { id, .. } => self.on_answer(dialogue, party, id, &component, malformed),
            Component::Reject { id, problem } => {
                let of_invoke = matches!(problem, Problem::General(_) | Problem::Invoke(_));
                match self.invocation(dialogue, party, id).filter(|_| of_invoke) {
                    Some((user, _)) => {
                        self.forget(dialogue, id.unwrap_or(INVOKE_ID));
                        Step::Ended(user, Outcome::Aborted, None)
                    }
                    // An answer of ours is not understood.
                    None => match party.opener {
                        Opener::Us { .. } => Step::Pass,
                        Opener::Peer { .. } => Step::Abort,
                    },
                }
            }
        }
    }

    /// A result or an error, of what we invoked or of nothing.
    fn on_answer<'a>(
        &mut self,
        dialogue: DialogueId,
        party: &Party,
        id: i8,
        component: &Component<'a>,
        malformed: &mut MalformedCounts,
    ) -> Step<'a> {
        let is_error = matches!(component, Component::Error { .. });
        let Some((user, opcode)) = self.invocation(dialogue, party, Some(id)) else {
            let unrecognised = if is_error {
                Problem::UNRECOGNISED_INVOKE_ID_OF_ERROR
            } else {
                Problem::UNRECOGNISED_INVOKE_ID
            };
            return Step::Reject(Some(id), unrecognised);
        };
        let class = map::class(opcode);
        if !(if is_error { class.has_error() } else { class.has_result() }) {
            self.counts.outcome_rejected += 1;
            let unexpected = if is_error { Problem::ERROR_UNEXPECTED } else { Problem::RESULT_UNEXPECTED };
            return Step::Reject(Some(id), unexpected);
        }
        let Some(Answer { outcome, problem }) = outcome_of(component, opcode, malformed) else {
            return Step::Pass;
        };
        self.forget(dialogue, id);
        self.counts.outcome_rejected += u64::from(problem.is_some());
        Step::Ended(user, outcome, problem.map(|problem| (id, problem)))
    }

    fn on_invoke<'a>(
        &mut self,
        dialogue: DialogueId,
        party: &mut Party,
        id: i8,
        code: Code<'a>,
        argument: &'a [u8],
        malformed: &mut MalformedCounts,
    ) -> Step<'a> {
        let Code::Local(opcode) = code else { return self.unrecognised(id) };
        let (within, operation) = match party.opener {
            Opener::Us { user, opcode: of, .. } if operation::is_within(opcode, of) => {
                (Some(user), Ok(Operation::Other { opcode, argument }))
            }
            Opener::Peer { context, .. }
                if offer::has_operation(&self.offers, context, party.version, opcode) =>
            {
                match opcode {
                    // Short messages come one at a time.
                    operation::MT_FORWARD_SM | operation::MO_FORWARD_SM if !party.pending.is_empty() => {
                        self.counts.operation_rejected += 1;
                        return Step::Abort;
                    }
                    operation::MT_FORWARD_SM | operation::MO_FORWARD_SM => {
                        self.counts.more_messages += u64::from(party.messages.more);
                        (None, forward_sm(opcode, context, party, argument))
                    }
                    _ => (None, Ok(Operation::Other { opcode, argument })),
                }
            }
            Opener::Us { .. } | Opener::Peer { .. } => return self.unrecognised(id),
        };
        let Some(operation) = count(operation, malformed) else {
            self.counts.argument_rejected += 1;
            return Step::Reject(Some(id), Problem::MISTYPED_ARGUMENT);
        };
        if !operation::is_unanswered(opcode)
            && let Err(problem) = party.pending.add(id)
        {
            self.counts.operation_rejected += 1;
            return Step::Reject(Some(id), problem);
        }
        let asked = Asked { worker: self.worker, dialogue, invoke_id: id };
        Step::Invoked(Invoke { asked, operation, within, version: party.version })
    }

    fn unrecognised(&mut self, id: i8) -> Step<'static> {
        self.counts.operation_rejected += 1;
        Step::Reject(Some(id), Problem::UNRECOGNISED_OPERATION)
    }

    /// The word and the operation of an invocation of ours; of a dialogue's only one if the peer could not tell which.
    fn invocation(&self, dialogue: DialogueId, party: &Party, id: Option<i8>) -> Option<(u64, u8)> {
        match party.opener {
            Opener::Us { user, opcode, id: ours, is_answered, .. } => {
                (!is_answered && id.is_none_or(|id| id == ours)).then_some((user, opcode))
            }
            Opener::Peer { .. } => self
                .within
                .iter()
                .find(|within| within.dialogue == dialogue && Some(within.id) == id)
                .map(|within| (within.user, within.opcode)),
        }
    }

    /// An invocation of ours in a peer's dialogue has ended.
    fn forget(&mut self, dialogue: DialogueId, id: i8) {
        self.within.retain(|within| within.dialogue != dialogue || within.id != id);
    }

    /// Whether our next component ends a dialogue: it is the peer's, and nothing else waits in it.
    pub(super) fn is_done(&self, dialogue: DialogueId, party: &Party) -> bool {
        let waits = || self.kept.iter().any(|kept| kept.dialogue == dialogue);
        party.is_peers() && party.pending.is_empty() && !waits()
    }

    /// Leaves a dialogue until the application has seen what comes of one component; those behind it are kept, or
    /// rejected if they find no room.
    fn pause(&mut self, dialogue: DialogueId, components: Components<'_>, rejects: &mut Rejects) {
        if !components.is_empty() && !self.keep(dialogue, &components, None) {
            self.counts.components_refused += 1;
            for component in components {
                if let Component::Invoke { id, .. } = component {
                    rejects.add(Some(id), Problem::RESOURCE_LIMITATION);
                }
            }
        }
    }

    fn keep(&mut self, dialogue: DialogueId, components: &Components<'_>, ended: Option<Party>) -> bool {
        let octets = Octets::new(components.rest()).filter(|_| self.kept.len() < KEPT);
        octets.map(|components| self.kept.push_back(Kept { dialogue, components, ended })).is_some()
    }

    /// The peer has ended a dialogue: one of ours with the answer, and perhaps with an operation beside it that nothing
    /// answers (informServiceCentre, TS 29.002 23.3), which is told before.
    pub(super) fn on_end<'a>(
        &mut self,
        dialogue: DialogueId,
        party: &Party,
        components: Components<'a>,
        malformed: &mut MalformedCounts,
    ) -> Indication<'a> {
        let Opener::Us { opcode: of, id, is_answered: false, .. } = party.opener else {
            return gone(dialogue, party, Outcome::Aborted);
        };
        if let Some(invoke) = self.beside(dialogue, party, &components, &components) {
            return Indication::Invoke(invoke);
        }
        let outcome = last_of(components, (id, of), malformed);
        gone(dialogue, party, outcome.unwrap_or(unanswered(of, Outcome::Aborted)))
    }

    /// The operation that nothing answers among `components`, beside the answer with which a dialogue of ours ends: it is told
    /// first, and `all` are kept for the answer that is among them.
    fn beside<'a>(
        &mut self,
        dialogue: DialogueId,
        party: &Party,
        components: &Components<'a>,
        all: &Components<'a>,
    ) -> Option<Invoke<'a>> {
        let Opener::Us { user, opcode: of, .. } = party.opener else { return None };
        let asked = |invoke_id| Asked { worker: self.worker, dialogue, invoke_id };
        let beside = components.clone().find_map(|component| match component {
            Component::Invoke { id, opcode: Code::Local(opcode), argument, .. }
                if operation::is_unanswered(opcode) && operation::is_within(opcode, of) =>
            {
                let operation = Operation::Other { opcode, argument };
                Some(Invoke { asked: asked(id), operation, within: Some(user), version: party.version })
            }
            _ => None,
        });
        let kept = beside.is_some() && self.keep(dialogue, all, Some(*party));
        self.counts.components_refused += u64::from(beside.is_some() && !kept);
        beside.filter(|_| kept)
    }

    /// What the next kept components are for the application; `room` holds them meanwhile.
    pub(super) fn next_kept<'a>(
        &mut self,
        now: Time,
        room: &'a mut Octets,
        malformed: &mut MalformedCounts,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'a>> {
        let kept = loop {
            let kept = self.kept.pop_front()?;
            if kept.ended.is_some() || self.is_open(kept.dialogue) {
                break kept;
            }
        };
        *room = kept.components;
        let components = Components::new(room);
        match kept.ended {
            Some(Party { opener: Opener::Us { user, opcode, id, .. }, .. }) => {
                let outcome = last_of(components, (id, opcode), malformed);
                let outcome = outcome.unwrap_or(unanswered(opcode, Outcome::Aborted));
                Some(Indication::Ended { user, outcome })
            }
            _ => self.take(now, kept.dialogue, components, malformed, outside),
        }
    }
}

/// What became of the last invoke of a dialogue of ours, of which id and operation are given, if the components of its End tell.
fn last_of<'a>(
    components: Components<'a>,
    (ours, opcode): (i8, u8),
    malformed: &mut MalformedCounts,
) -> Option<Outcome<'a>> {
    let answer = components.into_iter().find_map(|component| match component {
        Component::ResultLast { id, .. }
        | Component::ResultNotLast { id, .. }
        | Component::Error { id, .. }
            if id == ours =>
        {
            outcome_of(&component, opcode, malformed)
        }
        Component::Reject { .. } => outcome_of(&component, opcode, malformed),
        _ => None,
    });
    answer.map(|answer| answer.outcome)
}

/// What becomes of an invocation of ours, and what is wrong with the component that says so, if anything: to be rejected
/// where the dialogue goes on (Q.774 3.2.2.2).
struct Answer<'a> {
    outcome: Outcome<'a>,
    problem: Option<Problem>,
}

impl<'a> Answer<'a> {
    fn good(outcome: Outcome<'a>) -> Self {
        Self { outcome, problem: None }
    }

    fn bad(outcome: Outcome<'a>, problem: Problem) -> Self {
        Self { outcome, problem: Some(problem) }
    }
}

/// What a component says of the invocation that it answers, if that is all there is to come.
fn outcome_of<'a>(
    component: &Component<'a>,
    invoked: u8,
    malformed: &mut MalformedCounts,
) -> Option<Answer<'a>> {
    Some(match *component {
        Component::ResultLast { opcode, result, .. } => result_of(invoked, opcode, result, malformed),
        // One part is as good as another: whoever asks for authentication vectors needs one.
        Component::ResultNotLast { result: [], .. } => return None,
        Component::ResultNotLast { opcode, result, .. } => result_of(invoked, opcode, result, malformed),
        Component::Error { code: Code::Local(code), parameter, .. } => {
            match count(UserError::parse(code, parameter), malformed) {
                None => Answer::bad(Outcome::Error(UserError::system_failure()), Problem::MISTYPED_ERROR),
                Some(error @ UserError::Other { .. }) => {
                    Answer::bad(Outcome::Error(error), Problem::UNRECOGNISED_ERROR)
                }
                // What it says is told all the same: the operation has failed.
                Some(error) if !map::errors(invoked).contains(&code) => {
                    Answer::bad(Outcome::Error(error), Problem::UNEXPECTED_ERROR)
                }
                Some(error) => Answer::good(Outcome::Error(error)),
            }
        }
        Component::Error { .. } => Answer::bad(Outcome::Aborted, Problem::UNRECOGNISED_ERROR),
        Component::Reject { .. } => Answer::good(Outcome::Aborted),
        Component::Invoke { .. } | Component::Malformed { .. } => return None,
    })
}

fn result_of<'a>(
    invoked: u8,
    opcode: Option<Code<'_>>,
    result: &'a [u8],
    malformed: &mut MalformedCounts,
) -> Answer<'a> {
    match invoked {
        // The service centre has taken the message: at worst its report is lost.
        operation::MO_FORWARD_SM | operation::MT_FORWARD_SM => {
            match count(map::ForwardSmResult::parse(result), malformed) {
                Some(result) => Answer::good(Outcome::Result { tpdu: result.ui, open: None }),
                None => Answer::bad(Outcome::Result { tpdu: None, open: None }, Problem::MISTYPED_RESULT),
            }
        }
        _ if opcode.is_none_or(|code| code == Code::Local(invoked)) => {
            Answer::good(Outcome::Returned { opcode: invoked, result })
        }
        _ => Answer::bad(Outcome::Aborted, Problem::MISTYPED_RESULT),
    }
}

/// A short message of a peer's. In versions 1 and 2 the operation is the same both ways: in the context that has a way of
/// its own that one, else where SM-RP-DA leads. One more message of a dialogue goes where the first went.
fn forward_sm<'a>(
    opcode: u8,
    context: u8,
    party: &mut Party,
    argument: &'a [u8],
) -> Result<Operation<'a>, Malformed> {
    let originated = match (opcode, context, party.version) {
        (operation::MT_FORWARD_SM, _, _) | (_, context::MT_RELAY, _) => false,
        (_, _, Version::V3) => true,
        _ => map::is_mobile_originated(argument).unwrap_or(party.messages.originated),
    };
    party.messages.originated = originated;
    if originated {
        mo_forward_sm(argument, &mut party.messages).map(Operation::MoForwardSm)
    } else {
        mt_forward_sm(argument, &mut party.messages).map(Operation::MtForwardSm)
    }
}

fn mo_forward_sm<'a>(argument: &'a [u8], messages: &mut Messages) -> Result<ForwardSm<'a>, Malformed> {
    let forward = map::MoForwardSm::parse(argument)?;
    let msisdn = match forward.originator {
        SmRpOa::Msisdn(number) => number.msisdn(),
        SmRpOa::None if messages.more => messages.msisdn,
        SmRpOa::ServiceCentre(_) | SmRpOa::None => None,
    };
    let service_centre = match forward.service_centre {
        SmRpDa::ServiceCentre(number) => Some(number.into()),
        SmRpDa::None if messages.more => messages.service_centre,
        SmRpDa::Imsi(_) | SmRpDa::Lmsi(_) | SmRpDa::RoamingNumber(_) | SmRpDa::None => None,
    };
    let imsi = forward.imsi.or(messages.imsi.filter(|_| messages.more));
    *messages = Messages { imsi, msisdn, service_centre, more: forward.more_messages, ..*messages };
    let more_messages = forward.more_messages;
    Ok(ForwardSm { imsi, msisdn, service_centre, tpdu: forward.ui, more_messages })
}

fn mt_forward_sm<'a>(argument: &'a [u8], messages: &mut Messages) -> Result<ForwardSm<'a>, Malformed> {
    let forward = map::MtForwardSm::parse(argument)?;
    let imsi = match forward.destination {
        SmRpDa::Imsi(imsi) => Some(imsi),
        // The VLR's own number, of which map-open says whose it is.
        SmRpDa::Lmsi(_) => messages.imsi,
        SmRpDa::None if messages.more => messages.imsi,
        SmRpDa::RoamingNumber(_) | SmRpDa::ServiceCentre(_) | SmRpDa::None => None,
    };
    let service_centre = match forward.origin {
        SmRpOa::ServiceCentre(number) => Some(number.into()),
        SmRpOa::None if messages.more => messages.service_centre,
        SmRpOa::Msisdn(_) | SmRpOa::None => None,
    };
    *messages = Messages { imsi, service_centre, more: forward.more_messages, ..*messages };
    let more_messages = forward.more_messages;
    Ok(ForwardSm { imsi, msisdn: None, service_centre, tpdu: forward.ui, more_messages })
}
