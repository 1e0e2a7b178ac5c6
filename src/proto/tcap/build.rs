//! Writes components and messages, innermost first.
//!
//! A component is put around what stands in the writer since `mark` (an earlier [`Prepend::len`]): the argument,
//! result or parameter, tag included, or nothing. Several components are written last first.

use super::dialogue_portion::{CONTEXT_ALONE, DIALOGUE_AS_ID, UNIDIALOGUE_AS_ID};
use super::{Code, Diagnostic, Problem, Refusal, RefusalReason, TransactionId};
use crate::codec::{Prepend, ber};

/// Makes an Invoke of what stands since `mark`.
#[inline(always)]
pub fn invoke(w: &mut Prepend<'_>, mark: usize, invoke_id: i8, opcode: u8) {
    if opcode < 0x80 {
        // As all of MAP's and CAP's: id and operation in one piece.
        w.bytes(&[0x02, 1, invoke_id as u8, 0x02, 1, opcode]);
        return ber::wrap(w, 0xa1, mark);
    }
    w.aside(|w| invoke_linked(w, mark, invoke_id, None, Code::Local(opcode)));
}

/// Makes an Invoke of what stands since `mark`, of an operation with any code, and perhaps linked to one of the peer's.
pub fn invoke_linked(w: &mut Prepend<'_>, mark: usize, invoke_id: i8, linked: Option<i8>, opcode: Code<'_>) {
    put_code(w, opcode);
    if let Some(linked) = linked {
        w.bytes(&[0x80, 0x01, linked.to_be_bytes()[0]]);
    }
    put_invoke_id(w, invoke_id);
    ber::wrap(w, 0xa1, mark);
}

fn put_code(w: &mut Prepend<'_>, code: Code<'_>) {
    match code {
        Code::Local(code) => ber::put_integer(w, 0x02, i32::from(code)),
        Code::Other(element) => w.bytes(element),
    }
}

/// Makes a ReturnResultLast of what stands since `mark`. An empty result has no operation either: `None`.
pub fn result_last(w: &mut Prepend<'_>, mark: usize, invoke_id: i8, opcode: Option<u8>) {
    if let Some(opcode) = opcode {
        ber::put_integer(w, 0x02, i32::from(opcode));
        ber::wrap(w, 0x30, mark);
    }
    put_invoke_id(w, invoke_id);
    ber::wrap(w, 0xa2, mark);
}

/// Makes a ReturnResultNotLast of what stands since `mark`: a part of a result.
pub fn result_not_last(w: &mut Prepend<'_>, mark: usize, invoke_id: i8, opcode: Code<'_>) {
    put_code(w, opcode);
    ber::wrap(w, 0x30, mark);
    put_invoke_id(w, invoke_id);
    ber::wrap(w, 0xa7, mark);
}

/// Makes a Unidirectional of the components that stand since `mark`. An empty application context stands for no dialogue
/// portion.
pub fn unidirectional(
    w: &mut Prepend<'_>,
    mark: usize,
    application_context: &[u8],
    user_information: Option<&[u8]>,
) {
    ber::wrap(w, 0x6c, mark);
    if !application_context.is_empty() {
        let portion = w.len();
        put_user_information(w, user_information);
        put_context(w, application_context);
        ber::wrap(w, 0x60, portion);
        wrap_dialogue(w, &UNIDIALOGUE_AS_ID, portion);
    }
    ber::wrap(w, 0x61, mark);
}

/// Makes a ReturnError of what stands since `mark`.
pub fn error(w: &mut Prepend<'_>, mark: usize, invoke_id: i8, code: u8) {
    ber::put_integer(w, 0x02, i32::from(code));
    put_invoke_id(w, invoke_id);
    ber::wrap(w, 0xa3, mark);
}

/// Puts a Reject in front; without an id when none could be read.
pub fn reject(w: &mut Prepend<'_>, invoke_id: Option<i8>, problem: Problem) {
    let mark = w.len();
    let (tag, code) = problem.spelling();
    ber::put_integer(w, tag, i32::from(code));
    match invoke_id {
        Some(id) => put_invoke_id(w, id),
        None => w.bytes(&[0x05, 0x00]),
    }
    ber::wrap(w, 0xa4, mark);
}

/// Rejects that leave in one message, in the order in which they were added. No more than fit one, for a message of
/// bad components must not be answered by more octets than it had.
#[derive(Clone, Copy, Default, Debug)]
pub struct Rejects {
    len: u8,
    all: [Option<(Option<i8>, Problem)>; Self::MAX],
}

impl Rejects {
    /// How many fit.
    pub const MAX: usize = 8;

    /// Adds one; whether it found room.
    pub fn add(&mut self, invoke_id: Option<i8>, problem: Problem) -> bool {
        let Some(place) = self.all.get_mut(usize::from(self.len)) else { return false };
        *place = Some((invoke_id, problem));
        self.len += 1;
        true
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts them in front.
    pub fn write(&self, w: &mut Prepend<'_>) {
        for &(invoke_id, problem) in self.all.iter().rev().flatten() {
            reject(w, invoke_id, problem);
        }
    }
}

fn put_invoke_id(w: &mut Prepend<'_>, id: i8) {
    w.bytes(&[0x02, 0x01, id.to_be_bytes()[0]]);
}

/// Puts an Abort in front that refuses a message. `user_information` goes with the reasons that have room for it:
/// rejected, and aborted by our user.
pub fn refusal(w: &mut Prepend<'_>, refusal: &Refusal<'_>, user_information: Option<&[u8]>) {
    let mark = w.len();
    match refusal.reason {
        RefusalReason::Provider(cause) => ber::put_integer(w, 0x4a, i32::from(cause)),
        RefusalReason::Rejected { application_context, diagnostic } => {
            response(w, application_context, Some(diagnostic), user_information);
        }
        RefusalReason::User => abort(w, 0, user_information),
        RefusalReason::DialogueProvider => abort(w, 1, None),
        RefusalReason::Bare => {}
    }
    transaction_id(w, 0x49, refusal.to);
    ber::wrap(w, 0x67, mark);
}

/// Puts a transaction id in front: tag 48 (originating) or 49 (destination).
#[inline(always)]
pub(super) fn transaction_id(w: &mut Prepend<'_>, tag: u8, id: TransactionId) {
    match id.to_u32() {
        Some(id) => {
            let [a, b, c, d] = id.to_be_bytes();
            w.bytes(&[tag, 4, a, b, c, d]);
        }
        None => w.aside(move |w| ber::put(w, tag, id.as_bytes())),
    }
}

/// Makes a Begin of the components that stand since `mark`, if any: a dialogue's is [`Dialogues::write_begin`], which keeps
/// the table. An empty application context stands for no dialogue portion.
///
/// [`Dialogues::write_begin`]: super::Dialogues::write_begin
#[inline(always)]
pub fn begin(
    w: &mut Prepend<'_>,
    mark: usize,
    otid: TransactionId,
    application_context: &[u8],
    user_information: Option<&[u8]>,
) {
    components(w, mark);
    if !application_context.is_empty() {
        request(w, application_context, user_information);
    }
    transaction_id(w, 0x48, otid);
    ber::wrap(w, 0x62, mark);
}

/// Makes a component portion of what stands since `mark`, unless nothing does.
#[inline(always)]
pub(super) fn components(w: &mut Prepend<'_>, mark: usize) {
    if w.len() > mark {
        ber::wrap(w, 0x6c, mark);
    }
}

/// Puts a dialogue portion with AARQ in front. The protocol version stays out, being 1 by default: a message of 140
/// octets then fits one UDT.
#[inline(always)]
pub(super) fn request(w: &mut Prepend<'_>, application_context: &[u8], user_information: Option<&[u8]>) {
    match (application_context.as_array::<7>(), user_information) {
        // As long as every context of MAP and CAP.
        (Some(context), None) => {
            w.bytes(context);
            w.bytes(&CONTEXT_ALONE);
        }
        _ => w.aside(|w| request_with(w, application_context, user_information)),
    }
}

#[inline(never)]
fn request_with(w: &mut Prepend<'_>, application_context: &[u8], user_information: Option<&[u8]>) {
    let mark = w.len();
    put_user_information(w, user_information);
    put_context(w, application_context);
    ber::wrap(w, 0x60, mark);
    wrap_dialogue(w, &DIALOGUE_AS_ID, mark);
}

/// Puts a dialogue portion with AARE in front: accepted, or rejected for `rejected`.
pub(super) fn response(
    w: &mut Prepend<'_>,
    application_context: &[u8],
    rejected: Option<Diagnostic>,
    user_information: Option<&[u8]>,
) {
    let mark = w.len();
    put_user_information(w, user_information);
    let (source, code) = match rejected.unwrap_or(Diagnostic::User(0)) {
        Diagnostic::User(code) => (0xa1, code),
        Diagnostic::Provider(code) => (0xa2, code),
    };
    w.bytes(&[0xa3, 0x05, source, 0x03, 0x02, 0x01, code & 0x7f]);
    w.bytes(&[0xa2, 0x03, 0x02, 0x01, u8::from(rejected.is_some())]);
    put_context(w, application_context);
    ber::wrap(w, 0x61, mark);
    wrap_dialogue(w, &DIALOGUE_AS_ID, mark);
}

fn abort(w: &mut Prepend<'_>, source: u8, user_information: Option<&[u8]>) {
    let mark = w.len();
    put_user_information(w, user_information);
    w.bytes(&[0x80, 0x01, source]);
    ber::wrap(w, 0x64, mark);
    wrap_dialogue(w, &DIALOGUE_AS_ID, mark);
}

fn put_user_information(w: &mut Prepend<'_>, user_information: Option<&[u8]>) {
    if let Some(user_information) = user_information {
        ber::put(w, 0xbe, user_information);
    }
}

fn put_context(w: &mut Prepend<'_>, application_context: &[u8]) {
    let mark = w.len();
    ber::put(w, 0x06, application_context);
    ber::wrap(w, 0xa1, mark);
}

/// Makes a dialogue portion of the dialogue PDU that stands since `mark`.
fn wrap_dialogue(w: &mut Prepend<'_>, syntax: &[u8], mark: usize) {
    ber::wrap(w, 0xa0, mark);
    ber::put(w, 0x06, syntax);
    ber::wrap(w, 0x28, mark);
    ber::wrap(w, 0x6b, mark);
}

/// Octets of an element with so many in it.
const fn element_len(contents: usize) -> usize {
    contents
        + match contents {
            0..0x80 => 2,
            0x80..0x100 => 3,
            _ => 4,
        }
}

/// Octets of a Begin with so many of components, and an AARQ without user information for an application context of so
/// many; none for no dialogue portion.
#[must_use]
pub const fn begin_len(components: usize, application_context: usize) -> usize {
    let dialogue = if application_context == 0 {
        0
    } else {
        // 6b { 28 { 06, a0 { 60 { a1 { 06 } } } } }
        let request = element_len(element_len(element_len(application_context)));
        element_len(element_len(element_len(DIALOGUE_AS_ID.len()) + element_len(request)))
    };
    element_len(6 + dialogue + element_len(components))
}

/// Octets of a Continue with so many of components and no dialogue portion, to a peer whose transaction id is as long as
/// ours.
#[must_use]
pub const fn continue_len(components: usize) -> usize {
    element_len(12 + element_len(components))
}
