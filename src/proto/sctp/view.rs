//! SCTP packets, chunks, parameters and error causes as they stand in the octets received.

use super::{CHUNK_HEADER, COMMON_HEADER, Why, malformed};
use crate::base::Malformed;
use crate::codec::{Reader, crc32c};
use core::net::IpAddr;

/// Chunk types (RFC 9260 3.2).
pub mod chunk {
    /// Payload data.
    pub const DATA: u8 = 0;
    /// Initiation.
    pub const INIT: u8 = 1;
    /// Initiation acknowledgement.
    pub const INIT_ACK: u8 = 2;
    /// Selective acknowledgement.
    pub const SACK: u8 = 3;
    /// Heartbeat request.
    pub const HEARTBEAT: u8 = 4;
    /// Heartbeat acknowledgement.
    pub const HEARTBEAT_ACK: u8 = 5;
    /// Abort.
    pub const ABORT: u8 = 6;
    /// Shutdown.
    pub const SHUTDOWN: u8 = 7;
    /// Shutdown acknowledgement.
    pub const SHUTDOWN_ACK: u8 = 8;
    /// Operation error.
    pub const ERROR: u8 = 9;
    /// State cookie.
    pub const COOKIE_ECHO: u8 = 10;
    /// Cookie acknowledgement.
    pub const COOKIE_ACK: u8 = 11;
    /// Shutdown complete.
    pub const SHUTDOWN_COMPLETE: u8 = 14;
}

/// Parameter types (RFC 9260 3.3.2.1, 3.3.3.1, 3.3.5).
pub mod parameter {
    /// Heartbeat information.
    pub const HEARTBEAT_INFO: u16 = 1;
    /// IPv4 address.
    pub const IPV4: u16 = 5;
    /// IPv6 address.
    pub const IPV6: u16 = 6;
    /// State cookie.
    pub const STATE_COOKIE: u16 = 7;
    /// Unrecognized parameter.
    pub const UNRECOGNIZED: u16 = 8;
    /// Cookie preservative.
    pub const COOKIE_PRESERVATIVE: u16 = 9;
    /// Host name address, deprecated.
    pub const HOST_NAME: u16 = 11;
    /// Supported address types.
    pub const SUPPORTED_ADDRESS_TYPES: u16 = 12;
}

/// Error causes (RFC 9260 3.3.10).
pub mod cause {
    /// Invalid stream identifier.
    pub const INVALID_STREAM: u16 = 1;
    /// Missing mandatory parameter.
    pub const MISSING_PARAMETER: u16 = 2;
    /// Stale cookie.
    pub const STALE_COOKIE: u16 = 3;
    /// Out of resource.
    pub const OUT_OF_RESOURCE: u16 = 4;
    /// Unresolvable address.
    pub const UNRESOLVABLE_ADDRESS: u16 = 5;
    /// Unrecognized chunk type.
    pub const UNRECOGNIZED_CHUNK: u16 = 6;
    /// Invalid mandatory parameter.
    pub const INVALID_PARAMETER: u16 = 7;
    /// Unrecognized parameters.
    pub const UNRECOGNIZED_PARAMETERS: u16 = 8;
    /// No user data.
    pub const NO_USER_DATA: u16 = 9;
    /// Cookie received while shutting down.
    pub const COOKIE_WHILE_SHUTTING_DOWN: u16 = 10;
    /// Restart of an association with new addresses.
    pub const RESTART_WITH_NEW_ADDRESSES: u16 = 11;
    /// User-initiated abort.
    pub const USER_ABORT: u16 = 12;
    /// Protocol violation.
    pub const PROTOCOL_VIOLATION: u16 = 13;
}

/// What an unknown type's two highest bits ask for (RFC 9260 3.2, 3.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unknown {
    /// Go on with what follows; otherwise stop here.
    pub skip: bool,
    /// Tell the sender.
    pub report: bool,
}

impl Unknown {
    const fn of(high_bits: u8) -> Self {
        Self { skip: high_bits & 2 != 0, report: high_bits & 1 != 0 }
    }

    /// For a chunk type.
    #[must_use]
    pub const fn chunk(kind: u8) -> Self {
        Self::of(kind >> 6)
    }

    /// For a parameter type.
    #[must_use]
    pub const fn parameter(kind: u16) -> Self {
        Self::of((kind >> 14) as u8)
    }
}

/// A packet with a right checksum, ports that are not 0, and room for at least one chunk header.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// Verification tag.
    pub tag: u32,
    bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Checks length, checksum (RFC 9260 6.8) and ports. `bytes` is all that follows the IP header.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let short = malformed(Why::ShortPacket, bytes.len());
        let (Some(source_port), Some(destination_port), Some(tag), Some(sum)) =
            (reader.u16(), reader.u16(), reader.u32(), reader.array::<4>())
        else {
            return Err(short);
        };
        if reader.len() < CHUNK_HEADER {
            return Err(short);
        }
        if u32::from_le_bytes(sum) != checksum(bytes) && is_checked() {
            return Err(malformed(Why::Checksum, 8));
        }
        if source_port == 0 || destination_port == 0 {
            return Err(malformed(Why::PortZero, 0));
        }
        Ok(Self { source_port, destination_port, tag, bytes })
    }

    /// Whether it holds a chunk of this type.
    #[must_use]
    pub fn has(&self, kind: u8) -> bool {
        self.chunks().any(|chunk| chunk.is_ok_and(|chunk| chunk.kind == kind))
    }

    /// All chunks.
    #[must_use]
    pub const fn chunks(&self) -> Chunks<'a> {
        Chunks { bytes: self.bytes, at: COMMON_HEADER }
    }
}

/// Whether checksums and the MACs of cookies are compared. Fuzz targets that look behind them say no.
#[cfg(fuzzing)]
pub static CHECKED: core::sync::atomic::AtomicBool = core::sync::atomic::AtomicBool::new(true);

#[cfg(fuzzing)]
pub(super) fn is_checked() -> bool {
    CHECKED.load(core::sync::atomic::Ordering::Relaxed)
}

#[cfg(not(fuzzing))]
pub(super) const fn is_checked() -> bool {
    true
}

/// The checksum of a packet, whatever stands in its checksum field.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u32 {
    let (head, rest) = bytes.split_at(bytes.len().min(COMMON_HEADER));
    let ports_and_tag = head.get(..8).unwrap_or(head);
    !crc32c::update(crc32c::update(crc32c::update(crc32c::START, ports_and_tag), &[0; 4]), rest)
}

/// One chunk: its length is at least 4 and lies within the packet.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// Chunk type.
    pub kind: u8,
    /// Chunk flags.
    pub flags: u8,
    /// What follows the chunk header, without padding.
    pub value: &'a [u8],
    /// The chunk with its header, without padding.
    pub whole: &'a [u8],
}

/// Walks the chunks of a packet. It moves by at least four octets at each step and ends at the first length that lies.
#[derive(Clone, Copy, Debug)]
pub struct Chunks<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Chunks<'a> {
    /// Goes on at a place that [`Chunks::position`] gave, in the same octets.
    #[must_use]
    pub const fn resume(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Octets from the start of the packet to the next chunk.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.at
    }

    /// Whether no chunk follows.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        self.at = self.bytes.len();
        let mut reader = Reader::new(rest);
        let (Some(kind), Some(flags), Some(length)) = (reader.u8(), reader.u8(), reader.u16()) else {
            return Some(Err(malformed(Why::ChunkLength, start)));
        };
        let length = usize::from(length);
        let (Some(value), Some(whole)) = (rest.get(CHUNK_HEADER..length), rest.get(..length)) else {
            return Some(Err(malformed(Why::ChunkLength, start)));
        };
        // The padding of the last chunk may be missing.
        self.at = start + length.next_multiple_of(4);
        Some(Ok(Chunk { kind, flags, value, whole }))
    }
}

/// A type-length-value: a parameter or an error cause.
#[derive(Clone, Copy, Debug)]
pub struct Tlv<'a> {
    /// Parameter type or cause code.
    pub kind: u16,
    /// Contents without padding.
    pub value: &'a [u8],
    /// Header and contents without padding.
    pub whole: &'a [u8],
}

/// Walks parameters or error causes; ends at the first length that lies.
#[derive(Clone, Copy, Debug)]
pub struct Tlvs<'a>(&'a [u8]);

impl<'a> Tlvs<'a> {
    /// Over the octets of a chunk behind its fixed part.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<Tlv<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = core::mem::take(&mut self.0);
        if bytes.is_empty() {
            return None;
        }
        let mut reader = Reader::new(bytes);
        let (Some(kind), Some(length)) = (reader.u16(), reader.u16()) else {
            return Some(Err(malformed(Why::ParameterLength, 0)));
        };
        let length = usize::from(length);
        let (Some(value), Some(whole)) = (bytes.get(4..length), bytes.get(..length)) else {
            return Some(Err(malformed(Why::ParameterLength, 0)));
        };
        self.0 = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some(Ok(Tlv { kind, value, whole }))
    }
}

impl Tlv<'_> {
    /// The address in an address parameter; `None` if it is none or has another length.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.kind {
            parameter::IPV4 => <[u8; 4]>::try_from(self.value).ok().map(IpAddr::from),
            parameter::IPV6 => <[u8; 16]>::try_from(self.value).ok().map(IpAddr::from),
            _ => None,
        }
    }
}

/// INIT and INIT ACK (RFC 9260 3.3.2, 3.3.3). The values are as received: 0 where 0 is forbidden too.
#[derive(Clone, Copy, Debug)]
pub struct Init<'a> {
    /// Initiate Tag.
    pub tag: u32,
    /// Advertised receiver window credit, in octets.
    pub window: u32,
    /// Number of outbound streams.
    pub outbound: u16,
    /// Number of inbound streams, at most.
    pub inbound: u16,
    /// Initial TSN.
    pub tsn: u32,
    /// Variable-length parameters.
    pub parameters: Tlvs<'a>,
}

impl<'a> Init<'a> {
    /// The chunk's fixed part, which must be whole.
    pub fn parse(chunk: &Chunk<'a>) -> Result<Self, Malformed> {
        let mut reader = Reader::new(chunk.value);
        let (Some(tag), Some(window), Some(outbound), Some(inbound), Some(tsn)) =
            (reader.u32(), reader.u32(), reader.u16(), reader.u16(), reader.u32())
        else {
            return Err(malformed(Why::ShortChunk, 0));
        };
        Ok(Self { tag, window, outbound, inbound, tsn, parameters: Tlvs(reader.rest()) })
    }

    /// Whether a mandatory value is one that RFC 9260 3.3.2 forbids (the tag apart).
    #[must_use]
    pub const fn is_invalid(&self) -> bool {
        self.outbound == 0 || self.inbound == 0 || self.is_narrow()
    }

    /// Whether the window is less than anybody may have.
    #[must_use]
    pub const fn is_narrow(&self) -> bool {
        self.window < 1500
    }
}

/// DATA (RFC 9260 3.3.1).
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// Transmission sequence number.
    pub tsn: u32,
    /// Stream identifier.
    pub stream: u16,
    /// Stream sequence number; without meaning when unordered.
    pub ssn: u16,
    /// Payload protocol identifier.
    pub ppid: u32,
    /// User data; empty in a chunk that breaks 3.3.1.
    pub payload: &'a [u8],
    /// I, U, B and E bits.
    pub flags: u8,
}

impl<'a> Data<'a> {
    /// E: last fragment of a message.
    pub const END: u8 = 1;
    /// B: first fragment of a message.
    pub const BEGIN: u8 = 2;
    /// U: unordered.
    pub const UNORDERED: u8 = 4;
    /// I: wants its SACK at once.
    pub const IMMEDIATE: u8 = 8;

    /// The chunk's fixed part, which must be whole.
    pub fn parse(chunk: &Chunk<'a>) -> Result<Self, Malformed> {
        let mut reader = Reader::new(chunk.value);
        let (Some(tsn), Some(stream), Some(ssn), Some(ppid)) =
            (reader.u32(), reader.u16(), reader.u16(), reader.u32())
        else {
            return Err(malformed(Why::ShortChunk, 0));
        };
        Ok(Self { tsn, stream, ssn, ppid, payload: reader.rest(), flags: chunk.flags })
    }

    /// Whether all bits of `flag` are set.
    #[must_use]
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag == flag
    }
}

/// SACK (RFC 9260 3.3.4), with gap blocks in ascending order, none overlapping another or touching the cumulative TSN.
#[derive(Clone, Copy, Debug)]
pub struct Sack<'a> {
    /// Cumulative TSN Ack.
    pub cumulative: u32,
    /// Advertised receiver window credit, in octets.
    pub window: u32,
    gaps: &'a [u8],
}

impl<'a> Sack<'a> {
    /// Checks that both lists lie within the chunk and that the gap blocks make sense.
    pub fn parse(chunk: &Chunk<'a>) -> Result<Self, Malformed> {
        let mut reader = Reader::new(chunk.value);
        let short = malformed(Why::ShortChunk, 0);
        let (Some(cumulative), Some(window), Some(gap_count), Some(duplicate_count)) =
            (reader.u32(), reader.u32(), reader.u16(), reader.u16())
        else {
            return Err(short);
        };
        let (Some(gaps), Some(_)) =
            (reader.take(4 * usize::from(gap_count)), reader.take(4 * usize::from(duplicate_count)))
        else {
            return Err(malformed(Why::SackCounts, 8));
        };
        let sack = Self { cumulative, window, gaps };
        let mut last = 1;
        for (start, end) in sack.gaps() {
            if start <= last || end < start {
                return Err(malformed(Why::SackBlocks, 16));
            }
            last = end;
        }
        Ok(sack)
    }

    /// First and last TSN of each gap block, as offsets from the cumulative TSN.
    pub fn gaps(&self) -> impl Iterator<Item = (u16, u16)> + 'a {
        let (blocks, _) = self.gaps.as_chunks::<4>();
        blocks.iter().map(|&[a, b, c, d]| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }

    /// The end of the last gap block, as an offset; 0 without gap blocks.
    #[must_use]
    pub fn last_gap_end(&self) -> u16 {
        self.gaps.last_chunk::<2>().map_or(0, |&octets| u16::from_be_bytes(octets))
    }
}

/// The cause code of the first error cause of an ABORT or ERROR; 0 if there is none that is whole.
#[must_use]
pub fn first_cause(chunk: &Chunk<'_>) -> u16 {
    match Tlvs::new(chunk.value).next() {
        Some(Ok(cause)) => cause.kind,
        _ => 0,
    }
}

/// The ports of a packet, for the look-up of the worker that owns its association: (sender's, receiver's).
#[must_use]
pub fn owner_key(packet: &[u8]) -> Option<(u16, u16)> {
    let mut reader = Reader::new(packet);
    Some((reader.u16()?, reader.u16()?))
}
