//! Components: invocations of operations and what becomes of them (Q.773 3.2).

use crate::codec::Reader;
use crate::codec::ber::{self, Tlv};

/// Identifiers of the components (Q.773 table 18).
const INVOKE: u8 = 0xa1;
const RESULT_LAST: u8 = 0xa2;
const ERROR: u8 = 0xa3;
const REJECT: u8 = 0xa4;
const RESULT_NOT_LAST: u8 = 0xa7;

/// More components in a message than this are refused.
pub const MAX_COMPONENTS: usize = 32;

/// Code of an operation or an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code<'a> {
    /// A local code, as MAP and CAP have.
    Local(u8),
    /// A global code (an object identifier), or a local one beyond an octet: the whole element.
    Other(&'a [u8]),
}

impl<'a> Code<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let before = reader.rest();
        let element = ber::read(reader)?;
        let whole = before.get(..before.len() - reader.len())?;
        match element.tag {
            0x02 => {
                let code = ber::integer(element.value)?;
                Some(u8::try_from(code).map_or(Self::Other(whole), Self::Local))
            }
            0x06 => Some(Self::Other(whole)),
            _ => None,
        }
    }
}

/// What is wrong with a component (Q.773 table 21).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// 0 unrecognised component, 1 mistyped component, 2 badly structured component.
    General(u8),
    /// 0 duplicate id, 1 unrecognised operation, 2 mistyped parameter, 3 resource limitation, 4 initiating release,
    /// 5 unrecognised linked id, 6 linked response unexpected, 7 unexpected linked operation.
    Invoke(u8),
    /// 0 unrecognised id, 1 result unexpected, 2 mistyped parameter.
    ReturnResult(u8),
    /// 0 unrecognised id, 1 error unexpected, 2 unrecognised error, 3 unexpected error, 4 mistyped parameter.
    ReturnError(u8),
}

impl Problem {
    /// The component's tag is none that Q.773 has.
    pub const UNRECOGNISED_COMPONENT: Self = Self::General(0);
    /// The component lacks a part or has one too many.
    pub const MISTYPED_COMPONENT: Self = Self::General(1);
    /// The component does not follow BER.
    pub const BADLY_STRUCTURED_COMPONENT: Self = Self::General(2);
    /// An invocation with this id is under way.
    pub const DUPLICATE_INVOKE_ID: Self = Self::Invoke(0);
    /// The operation is not part of the application context.
    pub const UNRECOGNISED_OPERATION: Self = Self::Invoke(1);
    /// The operation's argument can't be read.
    pub const MISTYPED_ARGUMENT: Self = Self::Invoke(2);
    /// There is no room for the invocation.
    pub const RESOURCE_LIMITATION: Self = Self::Invoke(3);
    /// The invocation is linked to none of ours.
    pub const UNRECOGNISED_LINKED_ID: Self = Self::Invoke(5);
    /// The invocation is linked to one of ours that allows no linked operations.
    pub const LINKED_RESPONSE_UNEXPECTED: Self = Self::Invoke(6);
    /// No operation of ours has this id.
    pub const UNRECOGNISED_INVOKE_ID: Self = Self::ReturnResult(0);
    /// The operation's result can't be read.
    pub const MISTYPED_RESULT: Self = Self::ReturnResult(2);
    /// The operation's class has no result.
    pub const RESULT_UNEXPECTED: Self = Self::ReturnResult(1);
    /// No operation of ours has this id; an error.
    pub const UNRECOGNISED_INVOKE_ID_OF_ERROR: Self = Self::ReturnError(0);
    /// The error is none that the operation has.
    pub const UNRECOGNISED_ERROR: Self = Self::ReturnError(2);
    /// The operation's class has no errors.
    pub const ERROR_UNEXPECTED: Self = Self::ReturnError(1);
    /// The error is none of the operation's.
    pub const UNEXPECTED_ERROR: Self = Self::ReturnError(3);
    /// The error's parameter can't be read.
    pub const MISTYPED_ERROR: Self = Self::ReturnError(4);

    /// Tag and code as they stand in a Reject.
    pub(super) const fn spelling(self) -> (u8, u8) {
        match self {
            Self::General(code) => (0x80, code),
            Self::Invoke(code) => (0x81, code),
            Self::ReturnResult(code) => (0x82, code),
            Self::ReturnError(code) => (0x83, code),
        }
    }
}

/// One component. Arguments, results and parameters are whole elements, tag included, or empty if there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Component<'a> {
    /// The peer asks for an operation.
    Invoke {
        /// Names the invocation.
        id: i8,
        /// The invocation of ours that this one belongs to.
        linked: Option<i8>,
        /// Which operation.
        opcode: Code<'a>,
        /// Its argument.
        argument: &'a [u8],
    },
    /// Our operation succeeded; this is its result, or the last part of it.
    ResultLast {
        /// Which invocation of ours.
        id: i8,
        /// Which operation, if there is a result.
        opcode: Option<Code<'a>>,
        /// The result.
        result: &'a [u8],
    },
    /// A part of our operation's result; more follows.
    ResultNotLast {
        /// Which invocation of ours.
        id: i8,
        /// Which operation, if there is a result.
        opcode: Option<Code<'a>>,
        /// The result.
        result: &'a [u8],
    },
    /// Our operation failed.
    Error {
        /// Which invocation of ours.
        id: i8,
        /// Which error.
        code: Code<'a>,
        /// Its parameter.
        parameter: &'a [u8],
    },
    /// The peer could not take a component of ours.
    Reject {
        /// Which invocation, if the peer could tell.
        id: Option<i8>,
        /// What it had against it.
        problem: Problem,
    },
    /// Not a component. It is the last that is given: what follows is discarded (Q.774 3.2.2.2).
    Malformed {
        /// Which invocation, if that could be read.
        id: Option<i8>,
        /// What to say.
        problem: Problem,
        /// Whether to answer it by a Reject: not if it was one itself, since nothing answers a Reject.
        answered: bool,
    },
}

/// The components of a message, in order.
#[derive(Clone, Debug)]
pub struct Components<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Components<'a> {
    /// Those in the contents of a component portion (tag 6C).
    #[must_use]
    pub const fn new(portion: &'a [u8]) -> Self {
        Self { rest: portion, left: MAX_COMPONENTS }
    }

    /// The octets of those that are left.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether none is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Components<'a> {
    type Item = Component<'a>;

    #[inline]
    fn next(&mut self) -> Option<Component<'a>> {
        match lone_invoke(self.rest) {
            Some(invoke) if self.left > 0 => {
                self.rest = &[];
                self.left -= 1;
                Some(invoke)
            }
            _ => self.any(),
        }
    }
}

impl<'a> Components<'a> {
    #[inline(never)]
    pub(super) fn any(&mut self) -> Option<Component<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let component = self.left.checked_sub(1).and_then(|left| {
            self.left = left;
            let mut reader = Reader::new(self.rest);
            let component = ber::read(&mut reader);
            self.rest = reader.rest();
            component
        });
        let Some(component) = component else {
            // Its identifier tells whether it was a Reject even where its length does not hold.
            let answered = self.rest.first() != Some(&REJECT);
            self.rest = &[];
            let problem = Problem::BADLY_STRUCTURED_COMPONENT;
            return Some(Component::Malformed { id: None, problem, answered });
        };
        let mut parts = Reader::new(component.value);
        let id = match (component.tag, parts.peek()) {
            (REJECT, Some(0x05)) => ber::read(&mut parts).map(|_| None),
            _ => invoke_id(&mut parts, 0x02).map(Some),
        };
        let read = match (component.tag, id) {
            (INVOKE, Some(Some(id))) => read_invoke(id, &mut parts),
            (RESULT_LAST, Some(Some(id))) => {
                read_result(&mut parts).map(|(opcode, result)| Component::ResultLast { id, opcode, result })
            }
            (RESULT_NOT_LAST, Some(Some(id))) => read_result(&mut parts)
                .map(|(opcode, result)| Component::ResultNotLast { id, opcode, result }),
            (ERROR, Some(Some(id))) => Code::read(&mut parts)
                .and_then(|code| Some(Component::Error { id, code, parameter: at_most_one(&mut parts)? })),
            (REJECT, Some(id)) => read_problem(&mut parts).map(|problem| Component::Reject { id, problem }),
            _ => None,
        };
        Some(read.unwrap_or_else(|| {
            self.rest = &[];
            let problem = problem_of(component);
            Component::Malformed { id: id.flatten(), problem, answered: component.tag != REJECT }
        }))
    }
}

/// What is wrong with a component that can't be read: it is none, it breaks BER, or it has other parts than it must
/// have (Q.772 2.4).
#[cold]
fn problem_of(component: Tlv<'_>) -> Problem {
    let within = match component.tag {
        RESULT_LAST | RESULT_NOT_LAST => 1,
        INVOKE | ERROR | REJECT => 0,
        _ => return Problem::UNRECOGNISED_COMPONENT,
    };
    if is_structured(component.value, within) {
        Problem::MISTYPED_COMPONENT
    } else {
        Problem::BADLY_STRUCTURED_COMPONENT
    }
}

/// Whether all contents are BER elements, and those of the SEQUENCEs among them, `within` levels down.
fn is_structured(contents: &[u8], within: u8) -> bool {
    let mut parts = Reader::new(contents);
    while !parts.is_empty() {
        let Some(part) = ber::read(&mut parts) else { return false };
        if part.tag == 0x30 && within > 0 && !is_structured(part.value, within - 1) {
            return false;
        }
    }
    true
}

fn invoke_id(reader: &mut Reader<'_>, tag: u8) -> Option<i8> {
    i8::try_from(ber::integer(ber::read_tag(reader, tag)?)?).ok()
}

/// An Invoke that stands alone in `components`, of a local operation with a SEQUENCE for its argument, and linked to none, as
/// nearly every one; `None` of anything else.
#[inline(always)]
fn lone_invoke(components: &[u8]) -> Option<Component<'_>> {
    let invoke = ber::whole(components, INVOKE)?;
    let (&[id_tag, id_length, id, tag, length, code], argument) = invoke.split_first_chunk()?;
    if [id_tag, id_length, tag, length] != [0x02, 1, 0x02, 1] || code >= 0x80 {
        return None;
    }
    ber::whole(argument, 0x30)?;
    Some(Component::Invoke { id: id as i8, linked: None, opcode: Code::Local(code), argument })
}

fn read_invoke<'a>(id: i8, parts: &mut Reader<'a>) -> Option<Component<'a>> {
    let linked = match parts.peek()? {
        0x80 => Some(invoke_id(parts, 0x80)?),
        0x81 => ber::read(parts).map(|_| None)?, // ROSE's "absent", spelt out.
        _ => None,
    };
    let opcode = Code::read(parts)?;
    Some(Component::Invoke { id, linked, opcode, argument: at_most_one(parts)? })
}

fn read_result<'a>(parts: &mut Reader<'a>) -> Option<(Option<Code<'a>>, &'a [u8])> {
    if parts.is_empty() {
        return Some((None, &[]));
    }
    let mut inner = Reader::new(ber::read_tag(parts, 0x30)?);
    let opcode = Code::read(&mut inner)?;
    let result = at_most_one(&mut inner)?;
    parts.is_empty().then_some((Some(opcode), result))
}

fn read_problem(parts: &mut Reader<'_>) -> Option<Problem> {
    let element = ber::read(parts)?;
    let code = u8::try_from(ber::integer(element.value)?).ok()?;
    let problem = match element.tag {
        0x80 => Problem::General(code),
        0x81 => Problem::Invoke(code),
        0x82 => Problem::ReturnResult(code),
        0x83 => Problem::ReturnError(code),
        _ => return None,
    };
    parts.is_empty().then_some(problem)
}

/// What is left: nothing, or one whole element, which is given with its tag.
#[inline]
fn at_most_one<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let whole = reader.rest();
    if whole.is_empty() {
        return Some(whole);
    }
    ber::read(reader)?;
    reader.is_empty().then_some(whole)
}
