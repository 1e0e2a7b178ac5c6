//! Reading SCCP connectionless messages (Q.713 4).

use super::{Cause, Kind, address};
use crate::base::{Layer, Malformed};
use crate::codec::Reader;
use crate::ident::{SccpAddress, Ssn};
use core::ops::Range;

/// Why an SCCP message was refused; an index into [`WHY`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Why {
    /// The fixed part is not whole.
    Short,
    /// Not a connectionless message.
    Type,
    /// A protocol class other than 0 and 1.
    Class,
    /// A hop counter above 15.
    HopCounter,
    /// A pointer leads outside, or a parameter ends there.
    Pointer,
    /// Two parameters share octets.
    Overlap,
    /// An address that can't be read.
    Address,
    /// No data.
    NoData,
    /// The optional part is not whole, or one of its parameters has a wrong length or comes twice.
    Optional,
    /// A management message that can't be read.
    Management,
}

/// Names of the reasons, by number.
pub const WHY: &[&str] = &[
    "short",
    "type",
    "class",
    "hop counter",
    "pointer",
    "overlap",
    "address",
    "no data",
    "optional",
    "management",
];

pub(super) const fn malformed(why: Why, offset: usize) -> Malformed {
    Malformed::new(Layer::Sccp, why as u8, offset)
}

/// Names of optional parameters (Q.713 3.1).
pub(super) const SEGMENTATION: u8 = 0x10;
pub(super) const IMPORTANCE: u8 = 0x12;

/// Which part of a longer message this is (Q.713 3.17).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segmentation {
    /// The first segment.
    pub first: bool,
    /// In-sequence delivery was asked for: class 1.
    pub in_sequence: bool,
    /// How many segments follow.
    pub remaining: u8,
    /// Ties the segments of a message together: 24 bits.
    pub local_reference: u32,
}

impl Segmentation {
    /// Whether the message has one segment, this one.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.first && self.remaining == 0
    }
}

/// A UDT, XUDT or LUDT message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unitdata<'a> {
    /// Which form.
    pub kind: Kind,
    /// Protocol class: 0, or 1 for in-sequence delivery.
    pub class: u8,
    /// What can't be delivered is to be returned.
    pub return_on_error: bool,
    /// Translations left, 0 to 15, in XUDT and LUDT.
    pub hop_counter: Option<u8>,
    /// To whom.
    pub called: SccpAddress,
    /// From whom.
    pub calling: SccpAddress,
    /// The called address as it came, to be returned unchanged.
    pub called_octets: &'a [u8],
    /// The calling address as it came.
    pub calling_octets: &'a [u8],
    /// The user's data.
    pub data: &'a [u8],
    /// Which part of a longer message this is.
    pub segmentation: Option<Segmentation>,
    /// Importance, 0 to 7.
    pub importance: Option<u8>,
}

impl Unitdata<'_> {
    /// Whether the data is a part of a longer message.
    #[must_use]
    pub fn is_segment(&self) -> bool {
        self.segmentation.is_some_and(|segmentation| !segmentation.is_whole())
    }

    /// Whether management says this to management (Q.714 5.3): class 0, whole, and routed on subsystem number 1. Whether
    /// it is for us is not looked at.
    #[must_use]
    pub fn is_management(&self) -> bool {
        let management = Some(Ssn::SCMG);
        self.class == 0
            && !self.is_segment()
            && self.called.route_on_ssn
            && (self.called.ssn, self.calling.ssn) == (management, management)
    }
}

/// A UDTS, XUDTS or LUDTS message: data of ours that comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Service<'a> {
    /// Which form.
    pub kind: Kind,
    /// Why it was not delivered.
    pub cause: Cause,
    /// To whom it comes back: the calling address of what we sent.
    pub called: SccpAddress,
    /// The called address of what we sent.
    pub calling: SccpAddress,
    /// What we sent; of a segmented message, the first segment.
    pub data: &'a [u8],
    /// Which part of a longer message this is.
    pub segmentation: Option<Segmentation>,
}

/// A message that has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// Data for a subsystem.
    Unitdata(Unitdata<'a>),
    /// Data of ours that could not be delivered.
    Service(Service<'a>),
}

/// The variable and optional parts of a message.
struct Parts<'a> {
    called: &'a [u8],
    calling: &'a [u8],
    data: &'a [u8],
    segmentation: Option<Segmentation>,
    importance: Option<u8>,
}

/// Parses an SCCP connectionless message.
#[inline]
pub fn parse(bytes: &[u8]) -> Result<Input<'_>, Malformed> {
    usual(bytes).map_or_else(|| any(bytes), |unitdata| Ok(Input::Unitdata(unitdata)))
}

/// A UDT whose parts stand one behind the other, and between titles in full, as nearly every message; `None` of any other.
#[inline(always)]
pub(super) fn usual(bytes: &[u8]) -> Option<Unitdata<'_>> {
    let &[0x09, octet, ref rest @ ..] = bytes else { return None };
    let parts = in_order(rest).filter(|_| octet & 0xf <= 1)?;
    Some(Unitdata {
        kind: Kind::Udt,
        class: octet & 0xf,
        return_on_error: octet >> 4 == 8,
        hop_counter: None,
        called: address::usual(parts.called)?,
        calling: address::usual(parts.calling)?,
        called_octets: parts.called,
        calling_octets: parts.calling,
        data: parts.data,
        segmentation: None,
        importance: None,
    })
}

#[inline(never)]
pub(super) fn any(bytes: &[u8]) -> Result<Input<'_>, Malformed> {
    let mut reader = Reader::new(bytes);
    let short = malformed(Why::Short, bytes.len());
    let [message_type, octet] = reader.array().ok_or(short)?;
    let (kind, is_service) = match message_type {
        0x09 => (Kind::Udt, false),
        0x0a => (Kind::Udt, true),
        0x11 => (Kind::Xudt, false),
        0x12 => (Kind::Xudt, true),
        0x13 => (Kind::Ludt, false),
        0x14 => (Kind::Ludt, true),
        _ => return Err(malformed(Why::Type, 0)),
    };
    let hop_counter = if kind == Kind::Udt { None } else { Some(reader.u8().ok_or(short)?) };
    if hop_counter.is_some_and(|count| count > 15) {
        return Err(malformed(Why::HopCounter, 2));
    }
    if !is_service && octet & 0xf > 1 {
        return Err(malformed(Why::Class, 1));
    }
    let parts = parse_parts(bytes, reader, kind)?;
    let address = malformed(Why::Address, 0);
    let called = address::read(parts.called).ok_or(address)?;
    let calling = address::read(parts.calling).ok_or(address)?;
    if is_service {
        return Ok(Input::Service(Service {
            kind,
            cause: Cause(octet),
            called,
            calling,
            data: parts.data,
            segmentation: parts.segmentation,
        }));
    }
    Ok(Input::Unitdata(Unitdata {
        kind,
        class: octet & 0xf,
        return_on_error: octet >> 4 == 8,
        hop_counter,
        called,
        calling,
        called_octets: parts.called,
        calling_octets: parts.calling,
        data: parts.data,
        segmentation: parts.segmentation,
        importance: parts.importance,
    }))
}

/// A message as a relay point passes it on: all but the addresses octet for octet.
pub(super) struct Passed<'a> {
    /// Message type; and class and return option, or the cause.
    pub(super) head: [u8; 2],
    pub(super) hop_counter: Option<u8>,
    pub(super) calling: &'a [u8],
    pub(super) data: &'a [u8],
    /// With its end, if there is any.
    pub(super) optional: &'a [u8],
}

/// Takes a message of this form apart that [`parse`] has taken.
pub(super) fn passed(bytes: &[u8], kind: Kind) -> Option<Passed<'_>> {
    let mut reader = Reader::new(bytes);
    let head = reader.array()?;
    let hop_counter = if kind == Kind::Udt { None } else { Some(reader.u8()?) };
    let Parts { calling, data, .. } = parse_parts(bytes, reader, kind).ok()?;
    let optional_at = match kind {
        Kind::Udt => 0,
        Kind::Xudt | Kind::Ludt => {
            reader.take(if kind == Kind::Ludt { 6 } else { 3 })?;
            pointer(&mut reader, kind)?
        }
    };
    let optional = if optional_at == 0 {
        &[]
    } else {
        let mut parts = Parts { called: &[], calling: &[], data: &[], segmentation: None, importance: None };
        bytes.get(parts.optional(bytes, optional_at).ok()?)?
    };
    Some(Passed { head, hop_counter, calling, data, optional })
}

/// Reads a pointer: the place it points to; 0 for none.
fn pointer(reader: &mut Reader<'_>, kind: Kind) -> Option<usize> {
    let (own, distance) = if kind == Kind::Ludt {
        // Counted from its more significant octet, which comes last.
        (reader.position() + 1, usize::from(reader.u16()?.swap_bytes()))
    } else {
        (reader.position(), usize::from(reader.u8()?))
    };
    Some(if distance == 0 { 0 } else { own + distance })
}

/// The mandatory parameter whose length stands at `at`, and the octets it takes, length included.
fn variable(bytes: &[u8], at: usize, long: bool) -> Option<(&[u8], Range<usize>)> {
    let mut reader = Reader::new(bytes);
    reader.take(if at == 0 { return None } else { at })?;
    let length = if long { usize::from(reader.u16()?.swap_bytes()) } else { usize::from(reader.u8()?) };
    let value = reader.take(length)?;
    Some((value, at..reader.position()))
}

/// The parts of a UDT whose pointers lead to one behind the other, as in nearly every one, from its pointers on.
#[inline(always)]
fn in_order(rest: &[u8]) -> Option<Parts<'_>> {
    let &[3, second, third, called, ref rest @ ..] = rest else { return None };
    let (called, rest) = rest.split_at_checked(usize::from(called))?;
    let (&calling, rest) = rest.split_first()?;
    let (calling, rest) = rest.split_at_checked(usize::from(calling))?;
    let (&data, rest) = rest.split_first()?;
    let data = rest.get(..usize::from(data))?;
    let pointers = [second, third].map(usize::from);
    if data.is_empty() || pointers != [3 + called.len(), 3 + called.len() + calling.len()] {
        return None;
    }
    Some(Parts { called, calling, data, segmentation: None, importance: None })
}

fn parse_parts<'a>(bytes: &'a [u8], mut reader: Reader<'a>, kind: Kind) -> Result<Parts<'a>, Malformed> {
    let mut places = [0; 4];
    let count = if kind == Kind::Udt { 3 } else { 4 };
    for place in places.iter_mut().take(count) {
        *place = pointer(&mut reader, kind).ok_or(malformed(Why::Short, bytes.len()))?;
    }
    let fixed = reader.position();
    let [called_at, calling_at, data_at, optional_at] = places;
    let outside = |at| malformed(Why::Pointer, at);
    let (called, called_range) = variable(bytes, called_at, false).ok_or(outside(called_at))?;
    let (calling, calling_range) = variable(bytes, calling_at, false).ok_or(outside(calling_at))?;
    let (data, data_range) = variable(bytes, data_at, kind == Kind::Ludt).ok_or(outside(data_at))?;
    if data.is_empty() {
        return Err(malformed(Why::NoData, data_at));
    }
    let mut parts = Parts { called, calling, data, segmentation: None, importance: None };
    let optional_range = if optional_at == 0 { fixed..fixed } else { parts.optional(bytes, optional_at)? };
    // What the pointers lead to must lie behind them, apart from each other.
    let ranges = [0..fixed, called_range, calling_range, data_range, optional_range];
    for (at, one) in ranges.iter().enumerate() {
        if ranges.iter().skip(at + 1).any(|other| one.start < other.end && other.start < one.end) {
            return Err(malformed(Why::Overlap, one.start));
        }
    }
    Ok(parts)
}

impl Parts<'_> {
    /// Reads the optional part (Q.713 1.6) and gives the octets it takes.
    fn optional(&mut self, bytes: &[u8], at: usize) -> Result<Range<usize>, Malformed> {
        const END: u8 = 0x00;
        let mut reader = Reader::new(bytes);
        reader.take(at).ok_or(malformed(Why::Pointer, at))?;
        loop {
            let wrong = malformed(Why::Optional, reader.position());
            let name = reader.u8().ok_or(wrong)?;
            if name == END {
                return Ok(at..reader.position());
            }
            let length = usize::from(reader.u8().ok_or(wrong)?);
            let value = reader.take(length).ok_or(wrong)?;
            match (name, value) {
                (SEGMENTATION, &[octet, a, b, c]) if self.segmentation.is_none() => {
                    self.segmentation = Some(Segmentation {
                        first: octet & 0x80 != 0,
                        in_sequence: octet & 0x40 != 0,
                        remaining: octet & 0xf,
                        local_reference: u32::from_le_bytes([a, b, c, 0]),
                    });
                }
                (IMPORTANCE, &[importance]) if self.importance.is_none() => {
                    self.importance = Some(importance & 7)
                }
                (SEGMENTATION | IMPORTANCE, _) => return Err(wrong),
                _ => {}
            }
        }
    }
}
