//! Writing SCCP connectionless messages (Q.713 4), from their end to their start.

use super::address::{Octets, Words};
use super::view::{IMPORTANCE, Passed, SEGMENTATION, Segmentation, Unitdata};
use super::{Cause, Kind};
use crate::codec::Prepend;
use crate::ident::SccpAddress;

/// The data, or the whole message, is longer than its form or the limit allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong;

/// The hop counter of a new XUDT or LUDT message.
const HOPS: u8 = 15;

/// What stands around the data of a unitdata message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnitdataHeader<'a> {
    /// Protocol class: 0, or 1 for in-sequence delivery.
    pub class: u8,
    /// What can't be delivered is to be returned.
    pub return_on_error: bool,
    /// To whom.
    pub called: &'a SccpAddress,
    /// From whom.
    pub calling: &'a SccpAddress,
}

impl UnitdataHeader<'_> {
    /// Protocol class and message handling (Q.713 3.6).
    fn octet(&self) -> u8 {
        self.class & 1 | u8::from(self.return_on_error) << 7
    }
}

/// Makes what was written since `mark` the data of a UDT message of at most `limit` octets.
#[inline(always)]
pub fn udt(
    writer: &mut Prepend<'_>,
    mark: usize,
    header: &UnitdataHeader<'_>,
    limit: usize,
) -> Result<(), TooLong> {
    usual_udt(writer, mark, header, limit)
        .map_or_else(|| writer.aside(|writer| unitdata(writer, mark, Kind::Udt, header, limit)), Ok)
}

/// A UDT between titles in full that keeps to `limit`; `None` of any other, with nothing written.
#[inline(always)]
fn usual_udt(writer: &mut Prepend<'_>, mark: usize, header: &UnitdataHeader<'_>, limit: usize) -> Option<()> {
    let (called, calling) = (Words::new(header.called)?, Words::new(header.calling)?);
    let data = writer.len().checked_sub(mark)?;
    let addresses = called.len() + calling.len();
    if 8 + addresses + data > limit {
        return None;
    }
    writer.u8(u8::try_from(data).ok()?);
    calling.put(writer);
    called.put(writer);
    let (second, third) = (3 + called.len() as u8, 3 + addresses as u8);
    writer.bytes(&[Kind::Udt as u8, header.octet(), 3, second, third]);
    Some(())
}

/// Like [`udt`], in any of the three forms; unsegmented, with no optional part.
pub fn unitdata(
    writer: &mut Prepend<'_>,
    mark: usize,
    kind: Kind,
    header: &UnitdataHeader<'_>,
    limit: usize,
) -> Result<(), TooLong> {
    let called = Octets::new(header.called);
    let calling = Octets::new(header.calling);
    let around = Around {
        message_type: kind as u8,
        octet: header.octet(),
        hops: HOPS,
        called: called.as_slice(),
        calling: calling.as_slice(),
        optional: 0,
    };
    message(writer, mark, &around, limit)
}

/// Writes one segment of a longer message, an XUDT of at most `limit` octets with `part` as its data.
pub fn segment(
    writer: &mut Prepend<'_>,
    header: &UnitdataHeader<'_>,
    part: &[u8],
    segmentation: Segmentation,
    limit: usize,
) -> Result<(), TooLong> {
    let called = Octets::new(header.called);
    let calling = Octets::new(header.calling);
    let optional = optional(writer, Some(segmentation), None);
    let mark = writer.len();
    writer.bytes(part);
    let around = Around {
        message_type: Kind::Xudt as u8,
        octet: header.octet(),
        hops: HOPS,
        called: called.as_slice(),
        calling: calling.as_slice(),
        optional,
    };
    message(writer, mark, &around, limit)
}

/// How many octets of data a [`segment`] of at most `limit` octets has room for.
#[must_use]
pub fn segment_room(called: &SccpAddress, calling: &SccpAddress, limit: usize) -> usize {
    let addresses = address_len(called) + address_len(calling);
    // Type, class, hop counter and pointers; three lengths; the optional part.
    const AROUND: usize = 7 + 3 + SEGMENTATION_PART;
    // The last pointer, which leads over all of it to the optional part, has one octet.
    let by_pointer = usize::from(u8::MAX).saturating_sub(4 + addresses);
    limit.saturating_sub(AROUND + addresses).min(by_pointer)
}

/// Writes `unitdata` as it came, its addresses octet for octet, as a whole message in the form `kind`.
pub fn again(writer: &mut Prepend<'_>, kind: Kind, unitdata: &Unitdata<'_>) -> Result<(), TooLong> {
    let optional = if kind == Kind::Udt { 0 } else { optional(writer, None, unitdata.importance) };
    let mark = writer.len();
    writer.bytes(unitdata.data);
    let around = Around {
        message_type: kind as u8,
        octet: unitdata.class & 1 | u8::from(unitdata.return_on_error) << 7,
        hops: HOPS,
        called: unitdata.called_octets,
        calling: unitdata.calling_octets,
        optional,
    };
    message(writer, mark, &around, usize::MAX)
}

/// Writes the service message (UDTS, XUDTS or LUDTS) that returns `unitdata` for `cause`: addresses swapped, data
/// and segmentation unchanged. It is no longer than what it returns, and goes back through the network that carried
/// that.
pub fn service(writer: &mut Prepend<'_>, unitdata: &Unitdata<'_>, cause: Cause) -> Result<(), TooLong> {
    let segmentation = unitdata.segmentation.filter(|_| unitdata.kind != Kind::Udt);
    let optional = optional(writer, segmentation, None);
    let mark = writer.len();
    writer.bytes(unitdata.data);
    let around = Around {
        message_type: unitdata.kind as u8 + 1,
        octet: cause.0,
        hops: HOPS,
        called: unitdata.calling_octets,
        calling: unitdata.called_octets,
        optional,
    };
    message(writer, mark, &around, usize::MAX)
}

/// Writes a message of another's once more, unitdata or service, to the address that its title has been translated into.
/// `calling` replaces the calling address, if that has to say more than it does.
pub(super) fn onward(
    writer: &mut Prepend<'_>,
    passed: &Passed<'_>,
    hop_counter: Option<u8>,
    called: &SccpAddress,
    calling: Option<&SccpAddress>,
) -> Result<(), TooLong> {
    let [message_type, octet] = passed.head;
    let called = Octets::new(called);
    let calling = calling.map(Octets::new);
    writer.bytes(passed.optional);
    let mark = writer.len();
    writer.bytes(passed.data);
    let around = Around {
        message_type,
        octet,
        hops: hop_counter.unwrap_or(HOPS),
        called: called.as_slice(),
        calling: calling.as_ref().map_or(passed.calling, Octets::as_slice),
        optional: passed.optional.len(),
    };
    message(writer, mark, &around, usize::MAX)
}

/// Octets of an optional part with segmentation and its end.
const SEGMENTATION_PART: usize = 7;

/// Writes the optional part, if it has anything in it, and gives its length.
fn optional(writer: &mut Prepend<'_>, segmentation: Option<Segmentation>, importance: Option<u8>) -> usize {
    let mark = writer.len();
    if segmentation.is_none() && importance.is_none() {
        return 0;
    }
    writer.u8(0);
    if let Some(importance) = importance {
        writer.bytes(&[IMPORTANCE, 1, importance & 7]);
    }
    if let Some(segmentation) = segmentation {
        let octet = u8::from(segmentation.first) << 7
            | u8::from(segmentation.in_sequence) << 6
            | segmentation.remaining & 0xf;
        let [a, b, c, _] = segmentation.local_reference.to_le_bytes();
        writer.bytes(&[SEGMENTATION, 4, octet, a, b, c]);
    }
    writer.len() - mark
}

/// What stands before the data of a message, and the length of the optional part, which stands behind it.
struct Around<'a> {
    message_type: u8,
    /// Class and return option, or the cause.
    octet: u8,
    /// Where the form has a hop counter.
    hops: u8,
    called: &'a [u8],
    calling: &'a [u8],
    optional: usize,
}

#[inline]
fn message(writer: &mut Prepend<'_>, mark: usize, around: &Around<'_>, limit: usize) -> Result<(), TooLong> {
    let &Around { message_type, octet, hops, called, calling, optional } = around;
    let is_short = message_type <= Kind::Udt as u8 + 1;
    let is_long = message_type >= Kind::Ludt as u8;
    let data = writer.len().checked_sub(mark).ok_or(TooLong)?;
    let called_length = u8::try_from(called.len()).map_err(|_| TooLong)?;
    let calling_length = u8::try_from(calling.len()).map_err(|_| TooLong)?;
    let (fixed, data_length) = match (is_short, is_long) {
        (true, _) => (5, 1),
        (_, false) => (7, 1),
        (_, true) => (11, 2),
    };
    let addresses = called.len() + calling.len();
    let total = fixed + 2 + addresses + data_length + data + optional;
    if total > limit {
        return Err(TooLong);
    }
    // From its own place, that of the last pointer, to behind the data.
    let optional_at = if optional == 0 { 0 } else { (if is_long { 5 } else { 4 }) + addresses + data };
    if is_long {
        let data = u16::try_from(data).map_err(|_| TooLong)?;
        let pointers = [7, 6 + called.len(), 5 + addresses, optional_at];
        u16::try_from(optional_at).map_err(|_| TooLong)?;
        writer.u16(data.swap_bytes());
        push_addresses(writer, (called, called_length), (calling, calling_length));
        for pointer in pointers.into_iter().rev() {
            writer.u16((pointer as u16).swap_bytes());
        }
    } else {
        let data = u8::try_from(data).map_err(|_| TooLong)?;
        let optional_at = [u8::try_from(optional_at).map_err(|_| TooLong)?];
        let optional: &[u8] = if is_short { &[] } else { &optional_at };
        let first = 3 + optional.len() as u8;
        let second = u8::try_from(usize::from(first) + called.len()).map_err(|_| TooLong)?;
        let third = u8::try_from(usize::from(first) + addresses).map_err(|_| TooLong)?;
        writer.u8(data);
        if is_short {
            writer.bytes(calling);
            writer.u8(calling_length);
            writer.bytes(called);
            writer.bytes(&[message_type, octet, first, second, third, called_length]);
            return Ok(());
        }
        push_addresses(writer, (called, called_length), (calling, calling_length));
        writer.bytes(optional);
        writer.bytes(&[first, second, third]);
    }
    writer.bytes(&[message_type, octet, hops]);
    Ok(())
}

fn push_addresses(writer: &mut Prepend<'_>, called: (&[u8], u8), calling: (&[u8], u8)) {
    for (octets, length) in [calling, called] {
        writer.bytes(octets);
        writer.u8(length);
    }
}

/// Octets of a UDT with so many of data between these addresses.
#[must_use]
pub fn udt_len(data: usize, called: &SccpAddress, calling: &SccpAddress) -> usize {
    // Type, class, three pointers, and a length in front of each of the three.
    8 + address_len(called) + address_len(calling) + data
}

fn address_len(address: &SccpAddress) -> usize {
    Words::new(address).map_or_else(|| Octets::new(address).as_slice().len(), |words| words.len())
}
