//! Who opened a dialogue, and which invocations are under way in it (Q.774 3.2.2).

use crate::base::{Inline, Key, Time};
use crate::ident::{Digits, Imsi, Msisdn, Number, Ssn};
use crate::proto::map::Version;
use crate::proto::tcap::{DialogueId, Problem};

/// What is kept with each dialogue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Party {
    pub(super) opener: Opener,
    /// The version of its application context.
    pub(super) version: Version,
    /// Where our operation is kept until the peer accepts the dialogue.
    pub(super) held: Option<Key>,
    /// What its short messages say once for all.
    pub(super) messages: Messages,
    /// What the peer has invoked and we have not answered.
    pub(super) pending: Pending,
}

/// Who opened a dialogue.
#[derive(Clone, Copy, Debug)]
pub(super) enum Opener {
    /// We did, from this address, to invoke this operation.
    Us {
        /// The application's word.
        user: u64,
        title: Digits,
        ssn: Ssn,
        opcode: u8,
        /// The id of the last invoke.
        id: i8,
        /// Whether that has ended: the dialogue waits for another short message.
        is_answered: bool,
    },
    /// The peer did.
    Peer {
        /// The place of our address that it called.
        own: u16,
        /// The application context, without its version.
        context: u8,
    },
}

impl Default for Opener {
    fn default() -> Self {
        Self::Peer { own: 0, context: 0 }
    }
}

impl Default for Party {
    fn default() -> Self {
        Self {
            opener: Opener::default(),
            version: Version::V3,
            held: None,
            messages: Messages::default(),
            pending: Pending::default(),
        }
    }
}

/// Short messages of a dialogue: later ones go where the first went (TS 29.002 12.2, 12.9). Of a dialogue of ours `more`
/// alone is used.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Messages {
    /// The subscriber: of the first message, or as map-open names the one whose LMSI the message has.
    pub(super) imsi: Option<Imsi>,
    /// The subscriber who sends.
    pub(super) msisdn: Option<Msisdn>,
    /// The service centre.
    pub(super) service_centre: Option<Number>,
    /// Whether they go to the service centre.
    pub(super) originated: bool,
    /// Whether another is to follow the last one (moreMessagesToSend).
    pub(super) more: bool,
}

impl Party {
    /// With what is kept for it, and the version that the peer is asked in.
    pub(super) fn held(self, held: Option<Key>, version: Version) -> Self {
        Self { held, version, ..self }
    }

    pub(super) fn ours(user: u64, (title, ssn): (Digits, Ssn), opcode: u8) -> Self {
        let opener = Opener::Us { user, title, ssn, opcode, id: INVOKE_ID, is_answered: false };
        Self { opener, ..Self::default() }
    }

    /// With or without a message that is to follow (moreMessagesToSend).
    pub(super) fn with_more(self, more: bool) -> Self {
        Self { messages: Messages { more, ..self.messages }, ..self }
    }

    /// With what we invoked answered.
    pub(super) fn answered(self) -> Self {
        let opener = match self.opener {
            Opener::Us { user, title, ssn, opcode, id, .. } => {
                Opener::Us { user, title, ssn, opcode, id, is_answered: true }
            }
            peer @ Opener::Peer { .. } => peer,
        };
        Self { opener, ..self }
    }

    /// With another message for the same subscriber invoked, if the last one is answered and this was to follow; and its
    /// invoke id, which is another (Q.771 3.1.3.2).
    pub(super) fn next(self, user: u64, more: bool) -> Option<(Self, i8)> {
        match self.opener {
            Opener::Us { title, ssn, opcode, id, is_answered: true, .. } => {
                let id = id.checked_add(1).unwrap_or(INVOKE_ID);
                let opener = Opener::Us { user, title, ssn, opcode, id, is_answered: false };
                Some((Self { opener, ..self }.with_more(more), id))
            }
            Opener::Us { .. } | Opener::Peer { .. } => None,
        }
    }

    pub(super) fn is_peers(&self) -> bool {
        matches!(self.opener, Opener::Peer { .. })
    }
}

/// Invoke ids of a peer that wait for our answer, few at a time.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Pending {
    len: u8,
    ids: [i8; 7],
}

impl Pending {
    fn ids(&self) -> &[i8] {
        self.ids.get(..usize::from(self.len)).unwrap_or(&[])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds one, or says what is wrong with it.
    pub(super) fn add(&mut self, id: i8) -> Result<(), Problem> {
        if self.ids().contains(&id) {
            return Err(Problem::DUPLICATE_INVOKE_ID);
        }
        let place = self.ids.get_mut(usize::from(self.len)).ok_or(Problem::RESOURCE_LIMITATION)?;
        *place = id;
        self.len += 1;
        Ok(())
    }

    /// Takes one out; whether it was there.
    pub(super) fn remove(&mut self, id: i8) -> bool {
        let Some(at) = self.ids().iter().position(|&other| other == id) else { return false };
        self.len -= 1;
        self.ids.swap(at, usize::from(self.len));
        true
    }
}

/// An invocation of ours in a dialogue that a peer opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Within {
    pub(super) dialogue: DialogueId,
    pub(super) id: i8,
    pub(super) opcode: u8,
    /// The application's word.
    pub(super) user: u64,
    pub(super) deadline: Time,
}

/// The first invoke of a dialogue of ours.
pub(super) const INVOKE_ID: i8 = 1;
/// How many invocations of ours there may be in dialogues that peers opened.
pub(super) const WITHIN: usize = 256;
/// How many messages may have components that wait.
pub(super) const KEPT: usize = 32;

/// Components of a message of which one keeps the application busy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) dialogue: DialogueId,
    pub(super) components: Octets,
    /// The dialogue was ours, and these have ended it.
    pub(super) ended: Option<Party>,
}

/// As many as a UDT carries.
pub(in crate::stack) type Octets = Inline<256>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_invocations_are_few_and_different() {
        let mut pending = Pending::default();
        for id in -3..4 {
            assert_eq!(pending.add(id), Ok(()));
        }
        assert_eq!(pending.add(0), Err(Problem::DUPLICATE_INVOKE_ID));
        assert_eq!(pending.add(9), Err(Problem::RESOURCE_LIMITATION));
        assert!(pending.remove(-3) && !pending.remove(-3));
        assert_eq!(pending.add(9), Ok(()));
        for id in [9, 3, 2, 1, 0, -1, -2] {
            assert!(!pending.is_empty() && pending.remove(id));
        }
        assert!(pending.is_empty());
    }
}
