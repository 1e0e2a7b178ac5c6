//! The dialogue portion of a message (Q.773 4): which application context a dialogue has, and whether it is taken.

use crate::codec::Reader;
use crate::codec::ber::{self, Tlv};

/// Value of the object identifier dialogue-as-id, {0 0 17 773 1 1 1}.
pub(super) const DIALOGUE_AS_ID: [u8; 7] = [0x00, 0x11, 0x86, 0x05, 0x01, 0x01, 0x01];

/// Value of the object identifier unidialogue-as-id, {0 0 17 773 1 2 1}.
pub(super) const UNIDIALOGUE_AS_ID: [u8; 7] = [0x00, 0x11, 0x86, 0x05, 0x01, 0x02, 0x01];

/// The source of a negative or positive answer in an AARE, with its code (Q.773 4.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Diagnostic {
    /// From the peer's user: 0 null, 1 no reason given, 2 application context name not supported.
    User(u8),
    /// From the peer's dialogue layer: 0 null, 1 no reason given, 2 no common dialogue portion.
    Provider(u8),
}

impl Diagnostic {
    /// The peer does not know the application context, or not in that version.
    pub const CONTEXT_NOT_SUPPORTED: Self = Self::User(2);
    /// The peer speaks another version of the dialogue protocol.
    pub const NO_COMMON_DIALOGUE_PORTION: Self = Self::Provider(2);
}

/// A dialogue PDU (Q.773 4). Application contexts are values of object identifiers; user information is a row of
/// EXTERNAL elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DialoguePortion<'a> {
    /// AARQ: the initiator proposes a context.
    Request {
        /// Whether version 1 of the dialogue protocol is among those proposed; absent means yes.
        version1: bool,
        /// The context.
        application_context: &'a [u8],
        /// What the users tell each other.
        user_information: Option<&'a [u8]>,
    },
    /// AARE: the responder's answer.
    Response {
        /// The context.
        application_context: &'a [u8],
        /// Whether the responder takes part.
        accepted: bool,
        /// Why it does not.
        diagnostic: Diagnostic,
        /// What the users tell each other.
        user_information: Option<&'a [u8]>,
    },
    /// ABRT: the dialogue is off.
    Abort {
        /// Whether the peer's dialogue layer says so, rather than its user.
        by_provider: bool,
        /// What the users tell each other.
        user_information: Option<&'a [u8]>,
    },
    /// AUDT: the context of a Unidirectional message.
    Unidirectional {
        /// Whether version 1 of the dialogue protocol is among those that it could have; absent means yes.
        version1: bool,
        /// The context.
        application_context: &'a [u8],
        /// What the users tell each other.
        user_information: Option<&'a [u8]>,
    },
    /// Something else: it can't be read, or has a syntax that is none of Q.773's. Q.774 3.2.2 calls that abnormal.
    Abnormal,
}

impl<'a> DialoguePortion<'a> {
    /// Reads the contents of a dialogue portion (tag 6B).
    #[must_use]
    pub fn parse(portion: &'a [u8]) -> Self {
        let usual = usual_pdu(portion).map(|pdu| (&DIALOGUE_AS_ID[..], pdu));
        usual.or_else(|| any_pdu(portion)).and_then(Self::read).unwrap_or(Self::Abnormal)
    }

    /// A dialogue portion, tag and all, with an AARQ as nearly every Begin has it, and what follows; `None` of any other.
    #[inline]
    pub(super) fn usual_request(octets: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let rest =
            octets.strip_prefix(&CONTEXT_ALONE).or_else(|| octets.strip_prefix(&VERSION_AND_CONTEXT))?;
        let (application_context, rest) = rest.split_at_checked(7)?;
        Some((Self::Request { version1: true, application_context, user_information: None }, rest))
    }

    fn read((syntax, pdu): (&[u8], Tlv<'a>)) -> Option<Self> {
        let mut fields = Reader::new(pdu.value);
        let (mut version1, mut context, mut result, mut diagnostic, mut user_information) =
            (true, None, None, None, None);
        let mut abort_source = None;
        while !fields.is_empty() {
            let field = ber::read(&mut fields)?;
            match (pdu.tag, field.tag) {
                (0x60 | 0x61, 0x80) => version1 = field.value.get(1)? & 0x80 != 0,
                (0x60 | 0x61, 0xa1) => context = Some(only(field.value, 0x06)?),
                (0x61, 0xa2) => result = Some(ber::integer(only(field.value, 0x02)?)?),
                (0x61, 0xa3) => diagnostic = Some(read_diagnostic(field.value)?),
                (0x64, 0x80) => abort_source = Some(ber::integer(field.value)?),
                (_, 0xbe) => user_information = Some(field.value),
                _ => {} // A later version's, passed over.
            }
        }
        match pdu.tag {
            0x60 if syntax == UNIDIALOGUE_AS_ID => {
                Some(Self::Unidirectional { version1, application_context: context?, user_information })
            }
            _ if syntax != DIALOGUE_AS_ID => None,
            0x60 => Some(Self::Request { version1, application_context: context?, user_information }),
            0x61 => Some(Self::Response {
                application_context: context?,
                accepted: result? == 0,
                diagnostic: diagnostic?,
                user_information,
            }),
            0x64 => Some(Self::Abort { by_provider: abort_source? == 1, user_information }),
            _ => None,
        }
    }
}

/// What stands before the context in a dialogue portion with an AARQ of nothing else, whose context has the seven octets of
/// MAP's and CAP's.
pub(super) const CONTEXT_ALONE: [u8; 21] =
    [0x6b, 26, 0x28, 24, 0x06, 7, 0x00, 0x11, 0x86, 0x05, 1, 1, 1, 0xa0, 13, 0x60, 11, 0xa1, 9, 0x06, 7];
/// The same with a protocol version, which is 1.
const VERSION_AND_CONTEXT: [u8; 25] = [
    0x6b, 30, 0x28, 28, 0x06, 7, 0x00, 0x11, 0x86, 0x05, 1, 1, 1, 0xa0, 17, 0x60, 15, 0x80, 2, 7, 0x80, 0xa1,
    9, 0x06, 7,
];

/// The dialogue PDU in a portion whose lengths all have one octet, as nearly every portion's have.
fn usual_pdu(portion: &[u8]) -> Option<Tlv<'_>> {
    let (front, value) = portion.split_first_chunk::<15>()?;
    let &[0x28, external, 0x06, 0x07, 0x00, 0x11, 0x86, 0x05, 0x01, 0x01, 0x01, 0xa0, single, tag, length] =
        front
    else {
        return None;
    };
    let lengths = [external, single, length].map(usize::from);
    (lengths == [value.len() + 13, value.len() + 2, value.len()] && external < 0x80)
        .then_some(Tlv { tag, value })
}

/// The dialogue PDU in a portion of any spelling, with its abstract syntax.
fn any_pdu(portion: &[u8]) -> Option<(&[u8], Tlv<'_>)> {
    let mut portion = Reader::new(portion);
    let mut external = Reader::new(ber::read_tag(&mut portion, 0x28)?);
    let syntax = ber::read_tag(&mut external, 0x06).filter(|_| portion.is_empty())?;
    // Of an EXTERNAL's other parts (X.690 8.18), an indirect reference and a description say nothing here.
    for passed_over in [0x02, 0x07] {
        if external.peek() == Some(passed_over) {
            ber::read(&mut external)?;
        }
    }
    let mut single = Reader::new(ber::read_tag(&mut external, 0xa0)?);
    let pdu = ber::read(&mut single)?;
    (external.is_empty() && single.is_empty()).then_some((syntax, pdu))
}

/// The one element in `value`, which must have this tag.
fn only(value: &[u8], tag: u8) -> Option<&[u8]> {
    let mut reader = Reader::new(value);
    let contents = ber::read_tag(&mut reader, tag)?;
    reader.is_empty().then_some(contents)
}

fn read_diagnostic(value: &[u8]) -> Option<Diagnostic> {
    let mut reader = Reader::new(value);
    let source = ber::read(&mut reader)?;
    let code = u8::try_from(ber::integer(only(source.value, 0x02)?)?).ok()?;
    match source.tag {
        0xa1 => Some(Diagnostic::User(code)),
        0xa2 => Some(Diagnostic::Provider(code)),
        _ => None,
    }
}
