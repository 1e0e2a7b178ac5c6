//! Writing M3UA messages (RFC 4666 3), from their end to their start.

use super::{ErrorCode, Kind, Status, TrafficMode, tag};
use crate::codec::Prepend;
use crate::ident::PointCode;

/// What stands around the payload of a DATA message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DataHeader {
    /// Which SS7 network, where the association serves several.
    pub network_appearance: Option<u32>,
    /// Which application server; needed where the association serves more than one.
    pub routing_context: Option<u32>,
    /// Originating point code.
    pub opc: PointCode,
    /// Destination point code.
    pub dpc: PointCode,
    /// Service indicator: 3 is SCCP.
    pub si: u8,
    /// Network indicator.
    pub ni: u8,
    /// Message priority.
    pub mp: u8,
    /// Signalling link selection.
    pub sls: u8,
}

/// Room for the padding of a DATA message, whose size is known only when its payload is: to be written before the
/// payload. Gives the mark that [`data`] takes.
#[inline(always)]
pub fn data_padding(writer: &mut Prepend<'_>) -> usize {
    writer.bytes(&[0; 3]);
    writer.len()
}

/// Makes what was written since `mark` (of [`data_padding`]) the payload of a DATA message, and gives the whole
/// message, padded; `None` if it does not fit.
#[inline(always)]
pub fn data<'w>(writer: &'w mut Prepend<'_>, mark: usize, header: &DataHeader) -> Option<&'w [u8]> {
    let payload = writer.len().checked_sub(mark)?;
    let padding = payload.wrapping_neg() & 3;
    if let (None, Some(context)) = (header.network_appearance, header.routing_context) {
        // Common header and routing context in one piece.
        protocol_data_header(writer, payload, header)?;
        let length = payload + padding + 32;
        let front = (0x0100_0101 << 32 | u128::from(u32::try_from(length).ok()?)) << 64
            | u128::from(tag::ROUTING_CONTEXT) << 48
            | 8 << 32
            | u128::from(context);
        writer.bytes(&front.to_be_bytes());
        return writer.finish()?.get(..length);
    }
    before_payload(writer, payload, header)?;
    let length = writer.len().checked_sub(mark)?.checked_add(padding)?.checked_add(8)?;
    common_header(writer, Kind::Data, u32::try_from(length).ok()?);
    writer.finish()?.get(..length)
}

/// Writes a whole DATA message with a correlation identifier, into a writer that is empty; `None` if it does not fit.
pub fn correlated_data<'w>(
    writer: &'w mut Prepend<'_>,
    payload: &[u8],
    header: &DataHeader,
    correlation: u32,
) -> Option<&'w [u8]> {
    parameter(writer, tag::CORRELATION, &correlation.to_be_bytes());
    writer.bytes([0u8; 3].get(..payload.len().wrapping_neg() & 3)?);
    writer.bytes(payload);
    before_payload(writer, payload.len(), header)?;
    message(writer, Kind::Data)
}

/// What stands before the payload of a DATA message, but for the common header.
#[inline(always)]
fn before_payload(writer: &mut Prepend<'_>, payload: usize, header: &DataHeader) -> Option<()> {
    protocol_data_header(writer, payload, header)?;
    if let Some(context) = header.routing_context {
        word(writer, tag::ROUTING_CONTEXT, context);
    }
    if let Some(appearance) = header.network_appearance {
        word(writer, tag::NETWORK_APPEARANCE, appearance);
    }
    Some(())
}

#[inline(always)]
fn protocol_data_header(writer: &mut Prepend<'_>, payload: usize, header: &DataHeader) -> Option<()> {
    // Protocol data's own header in one piece: tag and length, point codes, and the four octets after them.
    let [opc, dpc] = [header.opc, header.dpc].map(|PointCode(point_code)| u128::from(point_code));
    let size = u128::from(u16::try_from(payload + 16).ok()?);
    let last = u128::from(u32::from_be_bytes([header.si, header.ni, header.mp, header.sls]));
    let front = u128::from(tag::PROTOCOL_DATA) << 112 | size << 96 | opc << 64 | dpc << 32 | last;
    writer.bytes(&front.to_be_bytes());
    Some(())
}

/// Puts a parameter of four octets in front.
#[inline]
fn word(writer: &mut Prepend<'_>, tag: u16, value: u32) {
    let front = u64::from(tag) << 48 | 8 << 32 | u64::from(value);
    writer.bytes(&front.to_be_bytes());
}

/// Puts a parameter in front, with its padding. A value of more than 65,531 octets is cut.
pub fn parameter(writer: &mut Prepend<'_>, tag: u16, value: &[u8]) {
    let value = value.get(..usize::from(u16::MAX) - 4).unwrap_or(value);
    writer.bytes([0u8; 3].get(..value.len().wrapping_neg() & 3).unwrap_or(&[]));
    writer.bytes(value);
    writer.u16(value.len() as u16 + 4);
    writer.u16(tag);
}

#[inline(always)]
fn common_header(writer: &mut Prepend<'_>, kind: Kind, length: u32) {
    let front = 0x0100 << 48 | (kind as u64) << 32 | u64::from(length);
    writer.bytes(&front.to_be_bytes());
}

/// Makes the parameters written so far a message, and gives it; `None` if it does not fit.
pub fn message<'w>(writer: &'w mut Prepend<'_>, kind: Kind) -> Option<&'w [u8]> {
    common_header(writer, kind, writer.len() as u32 + 8);
    writer.finish()
}

/// Puts a routing context parameter in front, unless there is no context.
pub fn routing_contexts(writer: &mut Prepend<'_>, contexts: impl DoubleEndedIterator<Item = u32>) {
    let before = writer.len();
    for context in contexts.rev() {
        writer.u32(context);
    }
    let length = writer.len() - before;
    if length > 0 {
        writer.u16(length as u16 + 4);
        writer.u16(tag::ROUTING_CONTEXT);
    }
}

/// Puts a traffic mode in front.
pub fn traffic_mode(writer: &mut Prepend<'_>, mode: TrafficMode) {
    parameter(writer, tag::TRAFFIC_MODE, &(mode as u32).to_be_bytes());
}

/// Puts the status of a NTFY in front.
pub fn status(writer: &mut Prepend<'_>, status: Status) {
    parameter(writer, tag::STATUS, &(status as u32).to_be_bytes());
}

/// Puts the code of an ERR in front.
pub fn error_code(writer: &mut Prepend<'_>, code: ErrorCode) {
    parameter(writer, tag::ERROR_CODE, &(code as u32).to_be_bytes());
}

/// Puts an affected point code parameter in front: point codes and how many of their low bits are wild. Gives how
/// many there are; without any, nothing is written.
pub fn affected(writer: &mut Prepend<'_>, points: impl Iterator<Item = (PointCode, u8)>) -> usize {
    let before = writer.len();
    for (point_code, mask) in points {
        writer.u32(u32::from(mask) << 24 | point_code.0 & 0xff_ffff);
    }
    let length = writer.len() - before;
    if length > 0 {
        writer.u16(length as u16 + 4);
        writer.u16(tag::AFFECTED_POINT_CODE);
    }
    length / 4
}
