//! The message as it stands on the wire: transaction portion, and what follows it (Q.773 3; X.690).

use super::{Components, Diagnostic, DialoguePortion, Why};
use crate::base::Malformed;
use crate::codec::Reader;
use crate::codec::ber;

/// The longest message that is read, in octets: what SCCP can reassemble (Q.714 4.1.1).
pub const MAX_MESSAGE: usize = 4096;

/// P-Abort causes (Q.773 3.3).
pub mod p_abort {
    /// The type of message is not known.
    pub const UNRECOGNISED_MESSAGE_TYPE: u8 = 0;
    /// There is no such transaction.
    pub const UNRECOGNISED_TRANSACTION_ID: u8 = 1;
    /// The transaction portion does not follow BER or its tags.
    pub const BADLY_FORMATTED: u8 = 2;
    /// The transaction portion has the wrong parts; a peer that knows no dialogue portion (MAP v1) says this.
    pub const INCORRECT_TRANSACTION_PORTION: u8 = 3;
    /// There is no room for another transaction.
    pub const RESOURCE_LIMITATION: u8 = 4;
}

/// Type of message (Q.773 table 8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageType {
    /// No transaction.
    Unidirectional,
    /// Opens a transaction.
    Begin,
    /// Confirms or continues one.
    Continue,
    /// Ends one.
    End,
    /// Aborts one.
    Abort,
    /// None that Q.773 has.
    Unrecognised,
}

/// A transaction id: one to four octets that only their maker understands. Its length is kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TransactionId {
    len: u8,
    octets: [u8; 4],
}

impl TransactionId {
    /// From the octets of an OTID or DTID; `None` unless there are one to four.
    #[must_use]
    #[inline]
    pub fn new(octets: &[u8]) -> Option<Self> {
        if let &[a, b, c, d] = octets {
            return Some(Self { len: 4, octets: [a, b, c, d] });
        }
        let mut id = Self { len: octets.len() as u8, octets: [0; 4] };
        if octets.is_empty() {
            return None;
        }
        id.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(id)
    }

    /// One of ours: four octets.
    #[must_use]
    pub const fn from_u32(id: u32) -> Self {
        Self { len: 4, octets: id.to_be_bytes() }
    }

    /// As a number, if it has four octets, as all of ours have.
    #[must_use]
    pub const fn to_u32(self) -> Option<u32> {
        if self.len == 4 { Some(u32::from_be_bytes(self.octets)) } else { None }
    }

    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

/// Type and transaction ids, read before anything else: enough to route a message and to refuse it.
#[derive(Clone, Copy, Debug)]
pub struct TransactionPortion<'a> {
    /// Type of message.
    pub message_type: MessageType,
    /// Originating transaction id, where the type has one and it can be read.
    pub otid: Option<TransactionId>,
    /// Destination transaction id, where the type has one and it can be read.
    pub dtid: Option<TransactionId>,
    /// A transaction id that the type must have can't be read.
    fault: Option<Fault>,
    /// What follows the transaction ids.
    rest: Reader<'a>,
    /// Where the contents begin in the message.
    base: usize,
}

impl<'a> TransactionPortion<'a> {
    /// Reads the beginning of a message.
    ///
    /// # Errors
    /// If it is too long or is not one whole BER element.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Self::usual(bytes).map_or_else(|| Self::any(bytes), Ok)
    }

    /// That of a Begin whose OTID has four octets, as of nearly every one.
    #[inline(always)]
    pub(super) fn usual(bytes: &'a [u8]) -> Option<Self> {
        let contents = ber::whole(bytes, 0x62)?;
        let mut rest = Reader::new(contents);
        let [0x48, 4, octets @ ..] = rest.array::<6>()? else { return None };
        Some(Self {
            message_type: MessageType::Begin,
            otid: Some(TransactionId { len: 4, octets }),
            dtid: None,
            fault: None,
            rest,
            base: bytes.len() - contents.len(),
        })
    }

    #[inline(never)]
    pub(super) fn any(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() > MAX_MESSAGE {
            return Err(Why::TooLong.at(MAX_MESSAGE));
        }
        let mut outer = Reader::new(bytes);
        let message = ber::read(&mut outer).ok_or(Why::Message.at(0))?;
        if !outer.is_empty() {
            return Err(Why::Message.at(outer.position()));
        }
        let message_type = match message.tag {
            0x61 => MessageType::Unidirectional,
            0x62 => MessageType::Begin,
            0x64 => MessageType::End,
            0x65 => MessageType::Continue,
            0x67 => MessageType::Abort,
            _ => MessageType::Unrecognised,
        };
        let mut rest = Reader::new(message.value);
        let base = bytes.len() - message.value.len();
        let (with_otid, with_dtid) = match message_type {
            MessageType::Unidirectional => (false, false),
            MessageType::Begin | MessageType::Unrecognised => (true, false),
            MessageType::Continue => (true, true),
            MessageType::End | MessageType::Abort => (false, true),
        };
        let mut fault = None;
        let mut id = |tag| {
            let at = rest;
            let octets = ber::read_tag(&mut rest, tag);
            let id = octets.and_then(TransactionId::new);
            if id.is_none() && fault.is_none() {
                let is_unreadable = octets.is_none() && at.peek() == Some(tag);
                fault = Some(Fault::of(is_unreadable, Why::TransactionId.at(base + at.position())));
            }
            id
        };
        let otid = if with_otid { id(0x48) } else { None };
        let dtid = if with_dtid { id(0x49) } else { None };
        Ok(Self { message_type, otid, dtid, fault, rest, base })
    }
}

/// Why a message is none, and the P-Abort cause that says so (Q.772 2.3): badly formatted if an element does not follow
/// BER, incorrect if it does, or would, but has no business there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fault {
    pub(super) malformed: Malformed,
    pub(super) p_abort: u8,
}

impl Fault {
    #[cold]
    const fn of(is_unreadable: bool, malformed: Malformed) -> Self {
        let p_abort = match is_unreadable {
            true => p_abort::BADLY_FORMATTED,
            false => p_abort::INCORRECT_TRANSACTION_PORTION,
        };
        Self { malformed, p_abort }
    }
}

/// The OTID of a message of ours that SCCP returned, perhaps only its first segment.
pub(super) fn returned_otid(bytes: &[u8]) -> Option<TransactionId> {
    let mut reader = Reader::new(bytes);
    match ber::open(&mut reader)? {
        0x62 | 0x65 => TransactionId::new(ber::read_tag(&mut reader, 0x48)?),
        _ => None,
    }
}

/// A whole message. Components are read one by one, since each is answered on its own.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// Type of message.
    pub message_type: MessageType,
    /// Originating transaction id: in Begin and Continue.
    pub otid: Option<TransactionId>,
    /// Destination transaction id: in Continue, End and Abort.
    pub dtid: Option<TransactionId>,
    /// P-Abort cause, in an Abort by the peer's transaction layer.
    pub p_abort: Option<u8>,
    /// Dialogue portion.
    pub dialogue: Option<DialoguePortion<'a>>,
    /// Components.
    pub components: Components<'a>,
}

impl<'a> Message<'a> {
    /// Reads a message whose type Q.773 has.
    ///
    /// # Errors
    /// If it is no TCAP message; its components may still be bad, each on its own.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let usual = TransactionPortion::usual(bytes).and_then(|portion| Self::usual(&portion));
        usual.map_or_else(|| Self::any(bytes), Ok)
    }

    #[inline(never)]
    fn any(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Self::after(&TransactionPortion::any(bytes)?).map_err(|fault| fault.malformed)
    }

    /// Reads what follows the transaction ids.
    #[inline]
    pub(super) fn after(portion: &TransactionPortion<'a>) -> Result<Self, Fault> {
        Self::usual(portion).map_or_else(|| Self::any_after(portion), Ok)
    }

    /// A Begin with an application context and components, and no user information.
    #[inline(always)]
    pub(super) fn usual(portion: &TransactionPortion<'a>) -> Option<Self> {
        let (dialogue, components) = DialoguePortion::usual_request(portion.rest.rest())?;
        let message = Self {
            message_type: MessageType::Begin,
            otid: portion.otid,
            dtid: None,
            p_abort: None,
            dialogue: Some(dialogue),
            components: Components::new(ber::whole(components, 0x6c)?),
        };
        (portion.message_type == MessageType::Begin && portion.fault.is_none()).then_some(message)
    }

    #[inline(never)]
    pub(super) fn any_after(portion: &TransactionPortion<'a>) -> Result<Self, Fault> {
        if portion.message_type == MessageType::Unrecognised {
            let malformed = Why::MessageType.at(0);
            return Err(Fault { malformed, p_abort: p_abort::UNRECOGNISED_MESSAGE_TYPE });
        }
        if let Some(fault) = portion.fault {
            return Err(fault);
        }
        let mut rest = portion.rest;
        let at = |rest: &Reader<'_>| portion.base + rest.position();
        let abort = portion.message_type == MessageType::Abort;
        let mut message = Self {
            message_type: portion.message_type,
            otid: portion.otid,
            dtid: portion.dtid,
            p_abort: None,
            dialogue: None,
            components: Components::new(&[]),
        };
        if abort && rest.peek() == Some(0x4a) {
            let cause = ber::read_tag(&mut rest, 0x4a).and_then(ber::integer);
            let cause = cause.and_then(|cause| u8::try_from(cause).ok());
            message.p_abort = Some(cause.ok_or(Fault::of(false, Why::PAbortCause.at(at(&rest))))?);
        }
        if rest.peek() == Some(0x6b) {
            let start = at(&rest);
            let fault = || Fault::of(true, Why::DialoguePortion.at(start));
            let dialogue = ber::read_tag(&mut rest, 0x6b).ok_or_else(fault)?;
            message.dialogue = Some(DialoguePortion::parse(dialogue));
        }
        if !abort && rest.peek() == Some(0x6c) {
            let start = at(&rest);
            let fault = || Fault::of(true, Why::ComponentPortion.at(start));
            let components = ber::read_tag(&mut rest, 0x6c).ok_or_else(fault)?;
            message.components = Components::new(components);
        }
        if rest.is_empty() { Ok(message) } else { Err(Fault::of(false, Why::Unexpected.at(at(&rest)))) }
    }
}

/// An Abort to send for a message that got no dialogue, or for a dialogue that is gone: write it with
/// [`build::refusal`](super::build::refusal) to where the message came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal<'a> {
    /// The peer's transaction.
    pub to: TransactionId,
    /// What the Abort says.
    pub reason: RefusalReason<'a>,
    /// What was wrong with the message, if it was malformed: for the caller's drop counters.
    pub malformed: Option<Malformed>,
}

/// What an Abort says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusalReason<'a> {
    /// A P-Abort cause, from [`p_abort`].
    Provider(u8),
    /// AARE, rejected, with this context and diagnostic.
    Rejected {
        /// The context that the peer proposed.
        application_context: &'a [u8],
        /// Why not.
        diagnostic: Diagnostic,
    },
    /// ABRT by our user.
    User,
    /// ABRT by our dialogue layer: the peer broke the dialogue protocol.
    DialogueProvider,
    /// Nothing, as in a dialogue without dialogue portions (MAP v1).
    Bare,
}
