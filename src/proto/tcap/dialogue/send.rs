//! What our user sends: opening, continuing, ending and aborting dialogues (Q.774 3.2.1, 3.3).

use super::{AbortReason, Context, Dialogue, Dialogues, State};
use crate::base::Time;
use crate::codec::{Prepend, ber};
use crate::ident::SccpAddress;
use crate::proto::tcap::{Diagnostic, DialogueId, Refusal, RefusalReason, build};

impl<U: Copy + Default> Dialogues<U> {
    /// Makes a Begin of the components that stand since `mark`, and gives the address to send it to. An empty
    /// application context stands for no dialogue portion. `None`, and nothing done, if the writer has overflowed, the
    /// context is longer than 15 octets, or the dialogue is gone or already begun.
    pub fn write_begin(
        &mut self,
        w: &mut Prepend<'_>,
        mark: usize,
        id: DialogueId,
        application_context: &[u8],
        user_information: Option<&[u8]>,
    ) -> Option<SccpAddress> {
        let context = Context::new(application_context)?;
        let found = self.find_mut(id).filter(|dialogue| dialogue.state == State::Idle);
        let Some(dialogue) = found else { return self.refuse_stale() };
        build::begin(w, mark, dialogue.local, application_context, user_information);
        if w.overflowed() {
            return None;
        }
        dialogue.context = context;
        dialogue.state = State::InitiationSent;
        let peer = dialogue.peer;
        self.counts.begins_sent += 1;
        Some(peer)
    }

    /// Makes a Continue of the components that stand since `mark`, and gives the address to send it to. User
    /// information goes only into our first answer. `None`, and nothing done, if the writer has overflowed, or the
    /// dialogue is gone or not confirmed by the peer yet.
    pub fn write_continue(
        &mut self,
        w: &mut Prepend<'_>,
        mark: usize,
        id: DialogueId,
        user_information: Option<&[u8]>,
    ) -> Option<SccpAddress> {
        let found = self.find_mut(id).and_then(|dialogue| dialogue.remote.map(|remote| (dialogue, remote)));
        let Some((dialogue, remote)) = found else { return self.refuse_stale() };
        build::components(w, mark);
        dialogue.put_response(w, user_information);
        build::transaction_id(w, 0x49, remote);
        build::transaction_id(w, 0x48, dialogue.local);
        ber::wrap(w, 0x65, mark);
        if w.overflowed() {
            return None;
        }
        dialogue.state = State::Active;
        let peer = dialogue.peer;
        self.counts.continues_sent += 1;
        Some(peer)
    }

    /// Makes an End of the components that stand since `mark`, and gives the address to send it to; the dialogue is
    /// gone. `None`, and nothing done, as for [`Dialogues::write_continue`].
    pub fn write_end(
        &mut self,
        now: Time,
        w: &mut Prepend<'_>,
        mark: usize,
        id: DialogueId,
        user_information: Option<&[u8]>,
    ) -> Option<SccpAddress> {
        let found = self.find(id).and_then(|dialogue| dialogue.remote.map(|remote| (dialogue, remote)));
        let Some((dialogue, remote)) = found else { return self.refuse_stale() };
        build::components(w, mark);
        dialogue.put_response(w, user_information);
        build::transaction_id(w, 0x49, remote);
        ber::wrap(w, 0x64, mark);
        if w.overflowed() {
            return None;
        }
        let peer = dialogue.peer;
        self.remove(now, id);
        self.counts.ends_sent += 1;
        Some(peer)
    }

    /// Puts an Abort in front, and gives the address to send it to; the dialogue is gone. `None` if there is nothing to
    /// send: the peer has not answered, so it can't be told, or the dialogue was gone, or the writer has overflowed.
    pub fn write_abort(
        &mut self,
        now: Time,
        w: &mut Prepend<'_>,
        id: DialogueId,
        reason: AbortReason,
        user_information: Option<&[u8]>,
    ) -> Option<SccpAddress> {
        let Some(dialogue) = self.remove(now, id) else { return self.refuse_stale() };
        let to = dialogue.remote?;
        let first = dialogue.state == State::InitiationReceived && !dialogue.context.is_none();
        let application_context = dialogue.context.as_bytes();
        let reason = match reason {
            AbortReason::ContextNotSupported if first => {
                RefusalReason::Rejected { application_context, diagnostic: Diagnostic::CONTEXT_NOT_SUPPORTED }
            }
            AbortReason::Refused if first => {
                RefusalReason::Rejected { application_context, diagnostic: Diagnostic::User(1) }
            }
            _ => dialogue.plain_abort(),
        };
        build::refusal(w, &Refusal { to, reason, malformed: None }, user_information);
        self.counts.aborts_sent += 1;
        (!w.overflowed()).then_some(dialogue.peer)
    }

    fn refuse_stale(&mut self) -> Option<SccpAddress> {
        self.counts.stale += 1;
        None
    }
}

impl<U> Dialogue<U> {
    /// Puts the AARE in front, if this is our first answer to a Begin with an AARQ.
    fn put_response(&self, w: &mut Prepend<'_>, user_information: Option<&[u8]>) {
        if self.state == State::InitiationReceived && !self.context.is_none() {
            build::response(w, self.context.as_bytes(), None, user_information);
        }
    }
}
