//! TCAP dialogues with MAP in them: what peers invoke, what becomes of what we invoke, and our answers.

use core::time::Duration;

use super::{Class, MoForward, MtForward, ROOM, Refusal, Ss7, count};
use crate::base::{MalformedCounts, Time};
use crate::codec::Prepend;
use crate::ident::{SccpAddress, WorkerId};
use crate::proto::map::{self, AddressString, SmRpDa, SmRpOa, UserError, context, operation};
use crate::proto::tcap::{
    self, AbortReason, Code, Component, Components, DialogueId, Indication as Tcap, Problem, build,
};
use crate::stack::{Asked, ForwardSm, Indication, Invoke, Operation, Outcome, Outside};

/// SCCP class 1, returned on error: a dialogue's messages keep their order, and we learn of what can't be delivered.
const IN_SEQUENCE_RETURNED: Class = Class { number: 1, return_on_error: true };
/// SCCP class 0 without return: answers that nobody misses.
const BASIC: Class = Class { number: 0, return_on_error: false };

/// The one invoke of a dialogue of ours.
const INVOKE_ID: i8 = 1;

/// Marks the user word of a dialogue that a peer opened. The low 32 bits of the word are the place of our own address,
/// the next eight the operation that the dialogue is for. Applications' words leave this bit clear.
const PEER_OPENED: u64 = 1 << 63;
/// Marks such a dialogue while its operation is under way: one at a time.
const INVOKED: u64 = 1 << 62;

/// How long a peer that has opened a dialogue without an operation may take to ask for one.
const HANDSHAKE: Duration = Duration::from_secs(30);

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
                self.dialogues.set_user(dialogue, PEER_OPENED | own as u64);
                self.on_begin(now, dialogue, own, application_context, components, malformed, outside)
            }
            Tcap::Continue { dialogue, user, components, .. } if user & PEER_OPENED == 0 => {
                let outcome = outcome_of(components, malformed)?;
                // The peer leaves the dialogue open after its answer: there is nothing more to say in it. We are whom
                // it calls now, for so we called ourselves.
                self.answer_from(now, own, dialogue, true, outside, |_| {});
                Some(Indication::Ended { user, outcome })
            }
            // After the handshake (TS 29.002 23.3.1) the operation comes in a Continue.
            Tcap::Continue { dialogue, user, components, .. } if user & INVOKED == 0 => {
                self.on_operation(now, dialogue, user, components, malformed, outside)
            }
            // Another operation before the first is answered.
            Tcap::Continue { dialogue, .. } => {
                self.counts.operation_rejected += 1;
                self.abort(now, dialogue, AbortReason::User, outside);
                Some(Indication::Gone { dialogue })
            }
            Tcap::End { dialogue, user, components, .. } => match user & PEER_OPENED {
                0 => {
                    let outcome = outcome_of(components, malformed).unwrap_or(Outcome::Aborted);
                    Some(Indication::Ended { user, outcome })
                }
                _ => Some(Indication::Gone { dialogue }),
            },
            Tcap::Abort { dialogue, user, answer, .. } => {
                if let Some(refusal) = answer {
                    self.refuse(own, peer, &refusal, malformed, outside);
                }
                Some(lost(dialogue, user, Outcome::Aborted))
            }
            Tcap::Refuse(refusal) => {
                self.refuse(own, peer, &refusal, malformed, outside);
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
        let offered = match application_context {
            Some(context::MT_RELAY_V3) => Some(operation::MT_FORWARD_SM),
            Some(context::MO_RELAY_V3) if self.interworking_msc => Some(operation::MO_FORWARD_SM),
            _ => None,
        };
        let Some(offered) = offered else {
            self.counts.context_refused += 1;
            self.abort(now, dialogue, AbortReason::ContextNotSupported, outside);
            return None;
        };
        let user = PEER_OPENED | u64::from(offered) << 32 | own as u64;
        self.dialogues.set_user(dialogue, user);
        if components.is_empty() {
            // The handshake of TS 29.002 23.3.1: the dialogue is opened first.
            self.answer(now, dialogue, false, outside, |_| {});
            self.dialogues.set_timer(now, dialogue, HANDSHAKE);
            return None;
        }
        self.on_operation(now, dialogue, user, components, malformed, outside)
    }

    /// What a peer asks in a dialogue that it opened.
    fn on_operation<'a>(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        user: u64,
        components: Components<'a>,
        malformed: &mut MalformedCounts,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'a>> {
        let offered = (user >> 32) as u8;
        let component = components.into_iter().next()?;
        let (id, problem) = match component {
            Component::Invoke { id, opcode: Code::Local(opcode), argument, .. } if opcode == offered => {
                match argument_of(opcode, argument) {
                    Ok(operation) => {
                        self.dialogues.set_user(dialogue, user | INVOKED);
                        let asked = Asked { worker: self.worker, dialogue, invoke_id: id };
                        return Some(Indication::Invoke(Invoke { asked, operation }));
                    }
                    Err(why) => {
                        malformed.add(why);
                        self.counts.argument_rejected += 1;
                        (Some(id), Problem::MISTYPED_ARGUMENT)
                    }
                }
            }
            Component::Invoke { id, .. } => {
                self.counts.operation_rejected += 1;
                (Some(id), Problem::UNRECOGNISED_OPERATION)
            }
            Component::Malformed { id, problem } => (id, problem),
            Component::ResultLast { id, .. } | Component::ResultNotLast { id, .. } => {
                (Some(id), Problem::UNRECOGNISED_INVOKE_ID)
            }
            Component::Error { id, .. } => (Some(id), Problem::ReturnError(0)),
            Component::Reject { .. } => {
                self.abort(now, dialogue, AbortReason::User, outside);
                return None;
            }
        };
        self.answer(now, dialogue, true, outside, |w| build::reject(w, id, problem));
        None
    }

    /// Opens a dialogue and sends `component` in its Begin.
    fn invoke(
        &mut self,
        now: Time,
        from: &SccpAddress,
        to: &SccpAddress,
        application_context: &[u8],
        user: u64,
        outside: &mut dyn Outside,
        component: impl FnOnce(&mut Prepend<'_>),
    ) -> Result<(), Refusal> {
        let dialogue = self.dialogues.open(now, to, user, self.forward_timeout).ok_or(Refusal::Full)?;
        let mut room = [0; ROOM];
        let mut w = Prepend::new(&mut room);
        component(&mut w);
        let sent = self
            .dialogues
            .write_begin(&mut w, 0, dialogue, application_context, None)
            .ok_or(Refusal::TooLong)
            .and_then(|peer| {
                self.send_unitdata(&mut w, IN_SEQUENCE_RETURNED, &peer, from, selection(dialogue), outside)
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
        let from = SccpAddress::titled(forward.title, forward.ssn);
        let to = SccpAddress::titled(forward.service_centre, crate::ident::Ssn::MSC);
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
        };
        self.invoke(now, &from, &to, context::MO_RELAY_V3, user, outside, |w| {
            argument.write(w);
            build::invoke(w, 0, INVOKE_ID, operation::MO_FORWARD_SM);
        })
    }

    /// mt-forwardSM, as an SMS-GMSC sends it.
    pub(in crate::stack) fn mt_forward_sm(
        &mut self,
        now: Time,
        forward: &MtForward<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let from = SccpAddress::titled(forward.title, forward.ssn);
        let to = SccpAddress::titled(forward.node.0, forward.node.1);
        let origin = SmRpOa::ServiceCentre(AddressString::international(forward.service_centre));
        let argument = map::MtForwardSm::new(SmRpDa::Imsi(forward.imsi), origin, forward.tpdu);
        self.invoke(now, &from, &to, context::MT_RELAY_V3, user, outside, |w| {
            argument.write(w);
            build::invoke(w, 0, INVOKE_ID, operation::MT_FORWARD_SM);
        })
    }

    /// The result of an mt- or mo-forwardSM that a peer invoked, with the report's TPDU if there is one.
    pub(in crate::stack) fn forward_sm_result(
        &mut self,
        now: Time,
        &Asked { dialogue, invoke_id, .. }: &Asked,
        opcode: u8,
        tpdu: Option<&[u8]>,
        outside: &mut dyn Outside,
    ) -> Option<WorkerId> {
        self.answer(now, dialogue, true, outside, |w| {
            let has_result = map::ForwardSmResult { ui: tpdu }.write(w);
            build::result_last(w, 0, invoke_id, has_result.then_some(opcode));
        })
    }

    /// A user error as the answer to an invoke.
    pub(in crate::stack) fn user_error(
        &mut self,
        now: Time,
        &Asked { dialogue, invoke_id, .. }: &Asked,
        error: &UserError<'_>,
        outside: &mut dyn Outside,
    ) -> Option<WorkerId> {
        self.answer(now, dialogue, true, outside, |w| {
            error.write(w);
            build::error(w, 0, invoke_id, error.code());
        })
    }

    /// Sends `component` in an End, or in a Continue. Gives the worker whose association it leaves by, if it is sent.
    fn answer(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        ends: bool,
        outside: &mut dyn Outside,
        component: impl FnOnce(&mut Prepend<'_>),
    ) -> Option<WorkerId> {
        let own = own_place(self.dialogues.user(dialogue).unwrap_or(0));
        self.answer_from(now, own, dialogue, ends, outside, component)
    }

    fn answer_from(
        &mut self,
        now: Time,
        own: usize,
        dialogue: DialogueId,
        ends: bool,
        outside: &mut dyn Outside,
        component: impl FnOnce(&mut Prepend<'_>),
    ) -> Option<WorkerId> {
        let own = self.calling(own);
        let mut room = [0; ROOM];
        let mut w = Prepend::new(&mut room);
        component(&mut w);
        let to = if ends {
            self.dialogues.write_end(now, &mut w, 0, dialogue, None)
        } else {
            self.dialogues.write_continue(&mut w, 0, dialogue, None)
        };
        // What can't be sent is counted; the peer's own timer ends its side.
        self.send_unitdata(&mut w, IN_SEQUENCE_RETURNED, &to?, &own, selection(dialogue), outside).ok()
    }

    fn abort(&mut self, now: Time, dialogue: DialogueId, reason: AbortReason, outside: &mut dyn Outside) {
        let own = self.own_of(dialogue);
        let mut room = [0; ROOM];
        let mut w = Prepend::new(&mut room);
        if let Some(to) = self.dialogues.write_abort(now, &mut w, dialogue, reason, None) {
            let _ = self.send_unitdata(&mut w, BASIC, &to, &own, selection(dialogue), outside);
        }
    }

    /// Sends the Abort that a message without a dialogue gets.
    fn refuse(
        &mut self,
        own: usize,
        peer: &SccpAddress,
        refusal: &tcap::Refusal<'_>,
        malformed: &mut MalformedCounts,
        outside: &mut dyn Outside,
    ) {
        if let Some(why) = refusal.malformed {
            malformed.add(why);
        }
        let from = self.calling(own);
        let mut room = [0; ROOM];
        let mut w = Prepend::new(&mut room);
        build::refusal(&mut w, refusal, None);
        let _ = self.send_unitdata(&mut w, BASIC, peer, &from, 0, outside);
    }

    /// Our address in a dialogue: the one that the peer called, or, in dialogues of ours, any of ours with its title.
    fn own_of(&self, dialogue: DialogueId) -> SccpAddress {
        let user = self.dialogues.user(dialogue).unwrap_or(0);
        self.calling(own_place(user))
    }

    /// The next dialogue that took too long.
    pub(in crate::stack) fn expired(
        &mut self,
        now: Time,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'static>> {
        let expired = self.dialogues.handle_timeout(now)?;
        if let Some(abort) = expired.abort {
            let own = own_place(expired.user);
            self.refuse(own, &expired.peer, &abort, &mut MalformedCounts::default(), outside);
        }
        Some(lost(expired.dialogue, expired.user, Outcome::TimedOut))
    }
}

/// A dialogue is gone without an answer.
fn lost(dialogue: DialogueId, user: u64, outcome: Outcome<'static>) -> Indication<'static> {
    if user & PEER_OPENED != 0 { Indication::Gone { dialogue } } else { Indication::Ended { user, outcome } }
}

/// The place of our address in a dialogue with this user word: the one that the peer called, or, in a dialogue of
/// ours, the first.
fn own_place(user: u64) -> usize {
    if user & PEER_OPENED == 0 { 0 } else { user as u32 as usize }
}

/// Signalling link selection: the same for all messages of a dialogue, spread over dialogues.
fn selection(dialogue: DialogueId) -> u8 {
    dialogue.to_u64() as u8 & 0xf
}

/// What became of the one invoke of a dialogue of ours, if these components tell.
fn outcome_of<'a>(components: Components<'a>, malformed: &mut MalformedCounts) -> Option<Outcome<'a>> {
    components.into_iter().find_map(|component| match component {
        Component::ResultLast { id: INVOKE_ID, result: [], .. } => Some(Outcome::Result(None)),
        Component::ResultLast { id: INVOKE_ID, result, .. } => match map::ForwardSmResult::parse(result) {
            Ok(result) => Some(Outcome::Result(result.ui)),
            Err(why) => {
                // The service centre has taken the message: only its report is lost.
                malformed.add(why);
                Some(Outcome::Result(None))
            }
        },
        Component::Error { id: INVOKE_ID, code: Code::Local(code), parameter } => {
            Some(Outcome::Error(UserError::parse(code, parameter).unwrap_or_else(|why| {
                malformed.add(why);
                UserError::system_failure()
            })))
        }
        Component::Error { id: INVOKE_ID, .. } | Component::Reject { .. } => Some(Outcome::Aborted),
        _ => None,
    })
}

/// The argument of an operation that we offer.
fn argument_of(opcode: u8, argument: &[u8]) -> Result<Operation<'_>, crate::base::Malformed> {
    if opcode == operation::MO_FORWARD_SM {
        let forward = map::MoForwardSm::parse(argument)?;
        Ok(Operation::MoForwardSm(ForwardSm {
            imsi: forward.imsi,
            msisdn: match forward.originator {
                SmRpOa::Msisdn(number) => number.msisdn(),
                SmRpOa::ServiceCentre(_) | SmRpOa::None => None,
            },
            service_centre: match forward.service_centre {
                SmRpDa::ServiceCentre(number) => Some(number.digits),
                SmRpDa::Imsi(_) | SmRpDa::Lmsi(_) | SmRpDa::None => None,
            },
            tpdu: forward.ui,
            more_messages: false,
        }))
    } else {
        let forward = map::MtForwardSm::parse(argument)?;
        Ok(Operation::MtForwardSm(ForwardSm {
            imsi: match forward.destination {
                SmRpDa::Imsi(imsi) => Some(imsi),
                SmRpDa::Lmsi(_) | SmRpDa::ServiceCentre(_) | SmRpDa::None => None,
            },
            msisdn: None,
            service_centre: match forward.origin {
                SmRpOa::ServiceCentre(number) => Some(number.digits),
                SmRpOa::Msisdn(_) | SmRpOa::None => None,
            },
            tpdu: forward.ui,
            more_messages: forward.more_messages,
        }))
    }
}
