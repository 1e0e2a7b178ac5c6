//! Writing SCCP connectionless messages (Q.713 4), from their end to their start.

use super::address::Octets;
use super::{Cause, Kind, Unitdata};
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

/// Makes what was written since `mark` the data of a UDT message of at most `limit` octets.
pub fn udt(
    writer: &mut Prepend<'_>,
    mark: usize,
    header: &UnitdataHeader<'_>,
    limit: usize,
) -> Result<(), TooLong> {
    unitdata(writer, mark, Kind::Udt, header, limit)
}

/// Like [`udt`], in any of the three forms; unsegmented, with no optional part.
pub fn unitdata(
    writer: &mut Prepend<'_>,
    mark: usize,
    kind: Kind,
    header: &UnitdataHeader<'_>,
    limit: usize,
) -> Result<(), TooLong> {
    let octet = header.class & 1 | u8::from(header.return_on_error) << 7;
    let called = Octets::new(header.called);
    let calling = Octets::new(header.calling);
    message(writer, mark, kind as u8, octet, called.as_slice(), calling.as_slice(), limit)
}

/// Writes the service message (UDTS, XUDTS or LUDTS) that returns `unitdata` for `cause`: addresses swapped, data
/// unchanged.
pub fn service(
    writer: &mut Prepend<'_>,
    unitdata: &Unitdata<'_>,
    cause: Cause,
    limit: usize,
) -> Result<(), TooLong> {
    let mark = writer.len();
    writer.bytes(unitdata.data);
    let message_type = unitdata.kind as u8 + 1;
    message(writer, mark, message_type, cause.0, unitdata.calling_octets, unitdata.called_octets, limit)
}

fn message(
    writer: &mut Prepend<'_>,
    mark: usize,
    message_type: u8,
    octet: u8,
    called: &[u8],
    calling: &[u8],
    limit: usize,
) -> Result<(), TooLong> {
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
    let total = fixed + 2 + called.len() + calling.len() + data_length + data;
    if total > limit {
        return Err(TooLong);
    }
    if is_long {
        let data = u16::try_from(data).map_err(|_| TooLong)?;
        writer.u16(data.swap_bytes());
    } else {
        writer.u8(u8::try_from(data).map_err(|_| TooLong)?);
    }
    writer.bytes(calling);
    writer.u8(calling_length);
    writer.bytes(called);
    writer.u8(called_length);
    let addresses = called.len() + calling.len();
    if is_long {
        let pointers = [7, 6 + called.len(), 5 + addresses, 0];
        for pointer in pointers.into_iter().rev() {
            writer.u16((pointer as u16).swap_bytes());
        }
    } else {
        let optional: &[u8] = if is_short { &[] } else { &[0] };
        let first = 3 + optional.len() as u8;
        let second = u8::try_from(usize::from(first) + called.len()).map_err(|_| TooLong)?;
        let third = u8::try_from(usize::from(first) + addresses).map_err(|_| TooLong)?;
        writer.bytes(optional);
        writer.bytes(&[first, second, third]);
    }
    if !is_short {
        writer.u8(HOPS);
    }
    writer.bytes(&[message_type, octet]);
    Ok(())
}

/// Octets of a UDT with so many of data between these addresses.
#[must_use]
pub fn udt_len(data: usize, called: &SccpAddress, calling: &SccpAddress) -> usize {
    // Type, class, three pointers, and a length in front of each of the three.
    8 + Octets::new(called).as_slice().len() + Octets::new(calling).as_slice().len() + data
}
