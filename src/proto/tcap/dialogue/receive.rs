//! What the peer sends: opening, continuing, ending and aborting dialogues (Q.774 3.2.1, 3.3).

use super::{AbortCause, AddressParts, Admission, Context, Dialogue, Dialogues, Indication, Returned, State};
use crate::base::{Malformed, Time};
use crate::ident::SccpAddress;
use crate::proto::tcap::{
    Components, Diagnostic, DialogueId, DialoguePortion, Message, MessageType, Refusal, RefusalReason,
    TransactionPortion, p_abort, view,
};

/// Decides over a Begin by its application context and its components.
type Admit<'d> = &'d mut dyn FnMut(Option<&[u8]>, &Components<'_>) -> Admission;

impl<U: Copy + Default> Dialogues<U> {
    /// Takes a message from `peer`, the calling address (with the OPC in it, if the point code is to be matched or
    /// is needed to answer).
    ///
    /// # Errors
    /// If the message can't be read and can't be answered either.
    pub fn handle_input<'a>(
        &mut self,
        now: Time,
        peer: &SccpAddress,
        bytes: &'a [u8],
    ) -> Result<Indication<'a, U>, Malformed> {
        self.handle_input_if(now, peer, bytes, &mut |_, _| Admission::Open)
    }

    /// [`Dialogues::handle_input`], but for a Begin that could be read `admit` decides by its application context and its
    /// components whether there is to be a dialogue.
    ///
    /// # Errors
    /// If it can't be read and can't be answered either.
    #[inline]
    pub fn handle_input_if<'a>(
        &mut self,
        now: Time,
        peer: &SccpAddress,
        bytes: &'a [u8],
        admit: Admit<'_>,
    ) -> Result<Indication<'a, U>, Malformed> {
        let portion = TransactionPortion::parse(bytes).inspect_err(|_| self.counts.malformed += 1)?;
        match portion.message_type {
            MessageType::Begin => self.on_begin(now, peer, &portion, admit),
            MessageType::Continue | MessageType::End | MessageType::Abort => {
                self.on_backward(now, peer, &portion)
            }
            MessageType::Unidirectional => self.on_unidirectional(&portion),
            MessageType::Unrecognised => {
                self.counts.unrecognised_type += 1;
                refuse_malformed(&portion)
            }
        }
    }

    fn on_begin<'a>(
        &mut self,
        now: Time,
        peer: &SccpAddress,
        portion: &TransactionPortion<'a>,
        admit: Admit<'_>,
    ) -> Result<Indication<'a, U>, Malformed> {
        let Some(otid) = portion.otid else {
            self.counts.malformed += 1;
            return refuse_malformed(portion);
        };
        let refuse = |reason| Ok(Indication::Refuse(Refusal { to: otid, reason, malformed: None }));
        // Nothing more is read for a dialogue that can't be.
        if self.free.is_empty() {
            self.counts.refused_full += 1;
            return refuse(RefusalReason::Provider(p_abort::RESOURCE_LIMITATION));
        }
        let Ok(message) = Message::after(portion) else {
            self.counts.malformed += 1;
            return refuse_malformed(portion);
        };
        let (context, user_information) = match message.dialogue {
            None => (None, None),
            Some(DialoguePortion::Request { version1: true, application_context, user_information }) => {
                (Some(application_context), user_information)
            }
            Some(DialoguePortion::Request { application_context, .. }) => {
                self.counts.refused_dialogue_portion += 1;
                let diagnostic = Diagnostic::NO_COMMON_DIALOGUE_PORTION;
                return refuse(RefusalReason::Rejected { application_context, diagnostic });
            }
            Some(_) => {
                // An ABRT, not a P-Abort: its causes 2 and 3 would make the peer fall back to version 1 of MAP.
                self.counts.refused_dialogue_portion += 1;
                return refuse(RefusalReason::DialogueProvider);
            }
        };
        let value = context.unwrap_or(&[]);
        let Some(remembered) = Context::new(value).filter(|_| context != Some(&[])) else {
            // None of ours is so long, or empty.
            self.counts.refused_dialogue_portion += 1;
            let diagnostic = Diagnostic::CONTEXT_NOT_SUPPORTED;
            return refuse(RefusalReason::Rejected { application_context: value, diagnostic });
        };
        match admit(context, &message.components) {
            Admission::Open => {}
            Admission::Ignore => {
                self.counts.not_admitted += 1;
                return Ok(Indication::Ignored);
            }
            Admission::Refuse(reason) => {
                self.counts.not_admitted += 1;
                return refuse(reason);
            }
        }
        let Some(places) = self.quotas.enter(peer) else {
            self.counts.refused_quota += 1;
            return refuse(RefusalReason::Provider(p_abort::RESOURCE_LIMITATION));
        };
        let Some(dialogue) = self.insert(now, peer, Some(otid), remembered, U::default(), self.guard) else {
            self.quotas.leave(places);
            self.counts.refused_full += 1;
            return refuse(RefusalReason::Provider(p_abort::RESOURCE_LIMITATION));
        };
        if let Some(entry) = self.find_mut(dialogue) {
            entry.places = places;
        }
        self.counts.begins_received += 1;
        Ok(Indication::Begin {
            dialogue,
            application_context: context,
            user_information,
            components: message.components,
        })
    }

    /// Nothing answers one, so what is wrong with it is counted alone (Q.774 3.2.2.1).
    fn on_unidirectional<'a>(
        &mut self,
        portion: &TransactionPortion<'a>,
    ) -> Result<Indication<'a, U>, Malformed> {
        let message = Message::after(portion).map_err(|fault| fault.malformed);
        let message = message.inspect_err(|_| self.counts.malformed += 1)?;
        let (application_context, user_information) = match message.dialogue {
            None => (None, None),
            Some(DialoguePortion::Unidirectional {
                version1: true,
                application_context,
                user_information,
            }) => (Some(application_context), user_information),
            Some(_) => {
                self.counts.refused_dialogue_portion += 1;
                return Ok(Indication::Ignored);
            }
        };
        self.counts.unidirectionals_received += 1;
        let components = message.components;
        Ok(Indication::Unidirectional { application_context, user_information, components })
    }

    /// Continue, End or Abort.
    fn on_backward<'a>(
        &mut self,
        now: Time,
        peer: &SccpAddress,
        portion: &TransactionPortion<'a>,
    ) -> Result<Indication<'a, U>, Malformed> {
        let Some(dtid) = portion.dtid else {
            self.counts.malformed += 1;
            return refuse_malformed(portion);
        };
        let Some(dialogue) = self.find_local(dtid) else {
            self.counts.unrecognised_transaction += 1;
            return Ok(match (portion.message_type, portion.otid) {
                (MessageType::Continue, Some(to)) if self.may_abort(now) => {
                    let reason = RefusalReason::Provider(p_abort::UNRECOGNISED_TRANSACTION_ID);
                    Indication::Refuse(Refusal { to, reason, malformed: None })
                }
                _ => Indication::Ignored,
            });
        };
        let parts = match dialogue.state {
            State::InitiationSent => self.peer_match.first,
            State::Active => self.peer_match.later,
            // Nobody but a guesser knows this id yet.
            State::Idle | State::InitiationReceived => {
                self.counts.unexpected += 1;
                return Ok(Indication::Ignored);
            }
        };
        let same_transaction =
            portion.otid.is_none() || dialogue.remote.is_none() || portion.otid == dialogue.remote;
        if !same_transaction || !self.peer_match.agrees(parts, &dialogue.peer, peer) {
            self.counts.wrong_peer += 1;
            return Ok(Indication::Ignored);
        }
        let id = dialogue.id;
        match Message::after(portion) {
            Err(fault) => {
                self.counts.malformed += 1;
                let reason = RefusalReason::Provider(fault.p_abort);
                let answer = portion.otid.map(|to| Refusal { to, reason, malformed: None });
                Ok(self.fail(now, id, AbortCause::Malformed(fault.malformed), answer))
            }
            Ok(message) if message.message_type == MessageType::Abort => Ok(self.on_abort(now, id, &message)),
            Ok(message) => Ok(self.on_continue_or_end(now, peer, id, message)),
        }
    }

    fn on_continue_or_end<'a>(
        &mut self,
        now: Time,
        peer: &SccpAddress,
        id: DialogueId,
        message: Message<'a>,
    ) -> Indication<'a, U> {
        let Some(dialogue) = self.find_mut(id) else { return Indication::Ignored };
        let first = dialogue.state == State::InitiationSent;
        let user_information = match dialogue.judge(message.dialogue) {
            Ok(user_information) => user_information,
            Err(cause) => {
                match cause {
                    AbortCause::Abnormal => self.counts.abnormal += 1,
                    _ => self.counts.refused_by_peer += 1,
                }
                let reason = RefusalReason::DialogueProvider;
                let answer = message.otid.map(|to| Refusal { to, reason, malformed: None });
                return self.fail(now, id, cause, answer);
            }
        };
        let user = dialogue.user;
        let components = message.components;
        if message.message_type == MessageType::End {
            self.remove(now, id);
            self.counts.ends_received += 1;
            return Indication::End { dialogue: id, user, user_information, components };
        }
        if first {
            dialogue.state = State::Active;
            dialogue.remote = message.otid;
            dialogue.peer = *peer;
        }
        self.counts.continues_received += 1;
        Indication::Continue { dialogue: id, user, user_information, components }
    }

    fn on_abort<'a>(&mut self, now: Time, id: DialogueId, message: &Message<'a>) -> Indication<'a, U> {
        self.counts.aborts_received += 1;
        let cause = match (message.p_abort, message.dialogue) {
            (Some(cause), _) => AbortCause::Provider(cause),
            (None, Some(DialoguePortion::Response { accepted: false, diagnostic, user_information, .. })) => {
                self.counts.refused_by_peer += 1;
                AbortCause::Refused { diagnostic, user_information }
            }
            (None, Some(DialoguePortion::Abort { by_provider: true, .. })) => AbortCause::DialogueProvider,
            (None, Some(DialoguePortion::Abort { user_information, .. })) => {
                AbortCause::User { user_information }
            }
            (None, None) => AbortCause::Bare,
            (None, Some(_)) => AbortCause::User { user_information: None },
        };
        self.fail(now, id, cause, None)
    }

    fn fail<'a>(
        &mut self,
        now: Time,
        id: DialogueId,
        cause: AbortCause<'a>,
        answer: Option<Refusal<'a>>,
    ) -> Indication<'a, U> {
        match self.remove(now, id) {
            Some(dialogue) => Indication::Abort { dialogue: id, user: dialogue.user, cause, answer },
            None => Indication::Ignored,
        }
    }

    /// Takes a message of ours that SCCP returned ((X)UDTS, for N-NOTICE): the dialogue fails at once. `peer` is where
    /// it was going, with the OPC of what came back; `sent_to` gives what SCCP makes of an address on the way, since it comes
    /// back as that. `None` if it is of no dialogue of ours that has sent something, or comes from somewhere else.
    pub fn handle_returned(
        &mut self,
        now: Time,
        peer: &SccpAddress,
        sent_to: impl Fn(&SccpAddress) -> SccpAddress,
        bytes: &[u8],
    ) -> Option<Returned<U>> {
        let otid = view::returned_otid(bytes);
        let Some(dialogue) = otid.and_then(|otid| self.find_local(otid)) else {
            self.counts.unrecognised_transaction += 1;
            return None;
        };
        let point_code = match dialogue.state {
            State::InitiationSent => self.peer_match.first.point_code,
            State::Active => self.peer_match.later.point_code,
            State::Idle | State::InitiationReceived => {
                self.counts.unexpected += 1;
                return None;
            }
        };
        let parts = AddressParts { point_code, ssn: true, title: true };
        let agrees = |expected: &SccpAddress| self.peer_match.agrees(parts, expected, peer);
        if !agrees(&dialogue.peer) && !agrees(&sent_to(&dialogue.peer)) {
            self.counts.wrong_peer += 1;
            return None;
        }
        let returned = Returned { dialogue: dialogue.id, user: dialogue.user };
        self.counts.returned += 1;
        self.remove(now, returned.dialogue);
        Some(returned)
    }
}

impl<U> Dialogue<U> {
    /// What the peer's user tells ours in the dialogue portion of a Continue or End, or why the dialogue fails: an AARE
    /// belongs into the answer to an AARQ, and nothing anywhere else (Q.774 3.2.1.2, 3.2.2.1).
    fn judge<'a>(&self, portion: Option<DialoguePortion<'a>>) -> Result<Option<&'a [u8]>, AbortCause<'a>> {
        let expected = self.state == State::InitiationSent && !self.context.is_none();
        match portion {
            None if !expected => Ok(None),
            Some(DialoguePortion::Response { accepted: false, diagnostic, user_information, .. })
                if expected =>
            {
                Err(AbortCause::Refused { diagnostic, user_information })
            }
            Some(DialoguePortion::Response { application_context, user_information, .. })
                if expected && application_context == self.context.as_bytes() =>
            {
                Ok(user_information)
            }
            _ => Err(AbortCause::Abnormal),
        }
    }
}

/// A P-Abort for a message that can't be read, if it has an OTID; else the reason why it can't.
fn refuse_malformed<'a, U>(portion: &TransactionPortion<'a>) -> Result<Indication<'a, U>, Malformed> {
    let Err(fault) = Message::after(portion) else { return Ok(Indication::Ignored) };
    let to = portion.otid.ok_or(fault.malformed)?;
    let reason = RefusalReason::Provider(fault.p_abort);
    Ok(Indication::Refuse(Refusal { to, reason, malformed: Some(fault.malformed) }))
}
