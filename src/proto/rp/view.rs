//! Reads RPDUs.

use super::{Cause, IEI_USER_DATA, MAX_USER_DATA, RpAddress};
use crate::base::{Layer, Malformed};
use crate::codec::Reader;

/// Which way an RPDU goes; it decides what a message type indicator means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Direction {
    /// From the mobile station (the UE) to the network.
    MsToNetwork,
    /// From the network to the mobile station.
    NetworkToMs,
}

/// The names of the reasons for [`Malformed`] of [`Layer::Rp`].
pub const WHY: &[&str] = &[
    "too short",
    "unknown message type",
    "message type of the other direction",
    "address too long",
    "RP-User-Data missing or too long",
    "RP-Cause missing",
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Why {
    Short,
    MessageType,
    Direction,
    Address,
    UserData,
    Cause,
}

/// RP-DATA: a short message (TS 24.011 7.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Data<'a> {
    /// RP-Message-Reference.
    pub reference: u8,
    /// RP-Originator Address: the service centre, towards the MS.
    pub originator: Option<RpAddress>,
    /// RP-Destination Address: the service centre, from the MS.
    pub destination: Option<RpAddress>,
    /// The TPDU: 1 to 233 octets.
    pub user_data: &'a [u8],
}

/// RP-ACK: the report of success (TS 24.011 7.3.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ack<'a> {
    /// RP-Message-Reference of the message that it answers.
    pub reference: u8,
    /// The TPDU, an SMS-DELIVER-REPORT or SMS-SUBMIT-REPORT.
    pub user_data: Option<&'a [u8]>,
}

/// RP-ERROR: the report of failure (TS 24.011 7.3.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ErrorReport<'a> {
    /// RP-Message-Reference of the message that it answers.
    pub reference: u8,
    /// Why, as received: [`Cause::read_as`] tells what an unknown value counts as.
    pub cause: Cause,
    /// The diagnostic octet after the cause.
    pub diagnostic: Option<u8>,
    /// The TPDU, an SMS-DELIVER-REPORT or SMS-SUBMIT-REPORT.
    pub user_data: Option<&'a [u8]>,
}

/// An RPDU of any type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rpdu<'a> {
    /// A short message.
    Data(Data<'a>),
    /// Success.
    Ack(Ack<'a>),
    /// Failure.
    Error(ErrorReport<'a>),
    /// The MS has memory available again (TS 24.011 7.3.2); from the MS only.
    Smma {
        /// RP-Message-Reference.
        reference: u8,
    },
}

fn malformed(why: Why, offset: usize) -> Malformed {
    Malformed::new(Layer::Rp, why as u8, offset)
}

impl<'a> Rpdu<'a> {
    /// Reads one RPDU that goes in `direction`. Spare bits, elements it doesn't know and whatever follows the last element
    /// are ignored.
    ///
    /// # Errors
    /// [`Malformed`] of [`Layer::Rp`]; [`answer`] tells the RP-ERROR that the peer is owed.
    pub fn parse(bytes: &'a [u8], direction: Direction) -> Result<Self, Malformed> {
        let reader = &mut Reader::new(bytes);
        let (Some(first), Some(reference)) = (reader.u8(), reader.u8()) else {
            return Err(malformed(Why::Short, bytes.len()));
        };
        let indicator = first & 7;
        let to_ms = indicator & 1 != 0;
        match (indicator, to_ms == (direction == Direction::NetworkToMs)) {
            (7, _) => Err(malformed(Why::MessageType, 0)),
            (_, false) => Err(malformed(Why::Direction, 0)),
            (0 | 1, true) => Self::data(reader, reference),
            (2 | 3, true) => Ok(Self::Ack(Ack { reference, user_data: user_data(reader)? })),
            (4 | 5, true) => Self::error(reader, reference),
            (_, true) => Ok(Self::Smma { reference }),
        }
    }

    /// A report of which [`Rpdu::parse`] could not read more than its type and reference, and perhaps its cause: without
    /// what is wrong, since the peer has said what became of the message. An RP-ERROR without a cause counts as one with
    /// 111 (TS 24.011 8.2.5.4). `None` for anything but a report that goes in `direction`.
    #[must_use]
    pub fn salvage(bytes: &'a [u8], direction: Direction) -> Option<Self> {
        let (&[first, reference], rest) = bytes.split_first_chunk()?;
        if (first & 1 != 0) != (direction == Direction::NetworkToMs) {
            return None;
        }
        let reader = &mut Reader::new(rest);
        match first & 7 {
            2 | 3 => Some(Self::Ack(Ack { reference, user_data: user_data(reader).ok().flatten() })),
            4 | 5 => {
                let element = length_value(reader).unwrap_or(&[]);
                let cause = element.first().map_or(Cause::PROTOCOL_ERROR, |cause| Cause(cause & 0x7f));
                let diagnostic = element.get(1).copied();
                let user_data = user_data(reader).ok().flatten();
                Some(Self::Error(ErrorReport { reference, cause, diagnostic, user_data }))
            }
            _ => None,
        }
    }

    fn data(reader: &mut Reader<'a>, reference: u8) -> Result<Self, Malformed> {
        let originator = address(reader)?;
        let destination = address(reader)?;
        let at = reader.position();
        match length_value(reader) {
            Some(user_data) if (1..=MAX_USER_DATA).contains(&user_data.len()) => {
                Ok(Self::Data(Data { reference, originator, destination, user_data }))
            }
            _ => Err(malformed(Why::UserData, at)),
        }
    }

    fn error(reader: &mut Reader<'a>, reference: u8) -> Result<Self, Malformed> {
        let at = reader.position();
        let element = length_value(reader).unwrap_or(&[]);
        let Some(cause) = element.first() else { return Err(malformed(Why::Cause, at)) };
        Ok(Self::Error(ErrorReport {
            reference,
            cause: Cause(cause & 0x7f),
            diagnostic: element.get(1).copied(),
            user_data: user_data(reader)?,
        }))
    }

    /// RP-Message-Reference.
    #[must_use]
    pub const fn reference(&self) -> u8 {
        match self {
            Self::Data(Data { reference, .. })
            | Self::Ack(Ack { reference, .. })
            | Self::Error(ErrorReport { reference, .. })
            | Self::Smma { reference } => *reference,
        }
    }

    /// The TPDU, if there is one.
    #[must_use]
    pub const fn user_data(&self) -> Option<&'a [u8]> {
        match self {
            Self::Data(data) => Some(data.user_data),
            Self::Ack(ack) => ack.user_data,
            Self::Error(error) => error.user_data,
            Self::Smma { .. } => None,
        }
    }
}

fn length_value<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = reader.u8()?;
    reader.take(usize::from(length))
}

fn address(reader: &mut Reader<'_>) -> Result<Option<RpAddress>, Malformed> {
    let at = reader.position();
    match length_value(reader) {
        None => Err(malformed(Why::Short, at)),
        Some([]) => Ok(None),
        Some(octets) => RpAddress::from_octets(octets).map(Some).ok_or(malformed(Why::Address, at)),
    }
}

/// The optional RP-User-Data of a report. Other elements are stepped over: one octet if the identifier's high bit is set,
/// else by their length (TS 24.007 11.2.4).
fn user_data<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    loop {
        let at = reader.position();
        match reader.u8() {
            None => return Ok(None),
            Some(0x80..) => {}
            Some(identifier) => match length_value(reader) {
                Some(value) if identifier == IEI_USER_DATA => {
                    if (1..=MAX_USER_DATA).contains(&value.len()) {
                        return Ok(Some(value));
                    }
                    return Err(malformed(Why::UserData, at));
                }
                Some(_) => {}
                None if identifier == IEI_USER_DATA => return Err(malformed(Why::UserData, at)),
                // The rest can't be told apart; what was mandatory is there.
                None => return Ok(None),
            },
        }
    }
}

/// The RP-Message-Reference and cause of the RP-ERROR that a malformed RPDU is owed (TS 24.011 9). `None` if it has no
/// reference, or is a report itself, which is dropped.
#[must_use]
pub fn answer(bytes: &[u8], refusal: Malformed) -> Option<(u8, Cause)> {
    let [first, reference, ..] = *bytes else { return None };
    if refusal.layer != Layer::Rp || matches!(first & 7, 2..=5) {
        return None;
    }
    let of_type = refusal.why == Why::MessageType as u8 || refusal.why == Why::Direction as u8;
    Some((
        reference,
        if of_type { Cause::UNKNOWN_MESSAGE_TYPE } else { Cause::INVALID_MANDATORY_INFORMATION },
    ))
}
