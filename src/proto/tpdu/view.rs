//! Reads TPDUs.

use super::user_data::Wrong;
use super::{
    CodingScheme, CommandType, FailureCause, ProtocolIdentifier, Status, Timestamp, TpAddress, UserData,
    Validity,
};
use crate::base::{Layer, Malformed};
use crate::codec::Reader;

/// Which RPDU (or MAP parameter) a TPDU came in: that decides what its TP-MTI means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Carrier {
    /// RP-DATA from the MS; sm-RP-UI of mo-forwardSM.
    DataFromMs,
    /// RP-DATA to the MS; sm-RP-UI of mt-forwardSM.
    DataToMs,
    /// RP-ACK from the MS; the result of mt-forwardSM.
    AckFromMs,
    /// RP-ACK to the MS; the result of mo-forwardSM.
    AckToMs,
    /// RP-ERROR from the MS; diagnosticInfo of mt-forwardSM's error.
    ErrorFromMs,
    /// RP-ERROR to the MS; diagnosticInfo of mo-forwardSM's error.
    ErrorToMs,
}

/// The names of the reasons for [`Malformed`] of [`Layer::Tpdu`].
pub const WHY: &[&str] = &[
    "too short",
    "unknown message type",
    "address too long or cut off",
    "TP-User-Data-Length beyond the octets or the limit",
    "user data header longer than the user data",
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Why {
    Short,
    MessageType,
    Address,
    UserDataLength,
    Header,
}

/// Any TPDU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tpdu<'a> {
    /// SMS-DELIVER.
    Deliver(Deliver<'a>),
    /// SMS-DELIVER-REPORT.
    DeliverReport(DeliverReport<'a>),
    /// SMS-SUBMIT.
    Submit(Submit<'a>),
    /// SMS-SUBMIT-REPORT.
    SubmitReport(SubmitReport<'a>),
    /// SMS-STATUS-REPORT.
    StatusReport(StatusReport<'a>),
    /// SMS-COMMAND.
    Command(Command<'a>),
}

/// SMS-DELIVER: a short message to a mobile (TS 23.040 9.2.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deliver<'a> {
    /// Whether more messages wait at the service centre (the TP-MMS bit is 0 then).
    pub more_messages: bool,
    /// TP-Loop-Prevention.
    pub loop_prevention: bool,
    /// TP-Status-Report-Indication: the sender gets a report.
    pub status_report: bool,
    /// TP-Reply-Path.
    pub reply_path: bool,
    /// TP-Originating-Address.
    pub originator: TpAddress,
    /// TP-Protocol-Identifier.
    pub protocol: ProtocolIdentifier,
    /// TP-Service-Centre-Time-Stamp.
    pub timestamp: Timestamp,
    /// TP-User-Data, with TP-Data-Coding-Scheme.
    pub user_data: UserData<'a>,
}

/// SMS-SUBMIT: a short message from a mobile (TS 23.040 9.2.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Submit<'a> {
    /// TP-Reject-Duplicates.
    pub reject_duplicates: bool,
    /// TP-Status-Report-Request.
    pub status_report: bool,
    /// TP-Reply-Path.
    pub reply_path: bool,
    /// TP-Message-Reference.
    pub reference: u8,
    /// TP-Destination-Address.
    pub destination: TpAddress,
    /// TP-Protocol-Identifier.
    pub protocol: ProtocolIdentifier,
    /// TP-Validity-Period.
    pub validity: Validity,
    /// TP-User-Data, with TP-Data-Coding-Scheme.
    pub user_data: UserData<'a>,
}

/// What reports may add, as TP-Parameter-Indicator says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Parameters<'a> {
    /// TP-Protocol-Identifier.
    pub protocol: Option<ProtocolIdentifier>,
    /// TP-Data-Coding-Scheme; without it user data is read as the GSM alphabet.
    pub coding: Option<CodingScheme>,
    /// TP-User-Data.
    pub user_data: Option<UserData<'a>>,
}

/// SMS-DELIVER-REPORT: the mobile's answer to SMS-DELIVER or SMS-STATUS-REPORT (TS 23.040 9.2.2.1a).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeliverReport<'a> {
    /// TP-Failure-Cause; in an error, and only there.
    pub failure: Option<FailureCause>,
    /// What it adds.
    pub parameters: Parameters<'a>,
}

/// SMS-SUBMIT-REPORT: the service centre's answer to SMS-SUBMIT or SMS-COMMAND (TS 23.040 9.2.2.2a).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubmitReport<'a> {
    /// TP-Failure-Cause; in an error, and only there.
    pub failure: Option<FailureCause>,
    /// TP-Service-Centre-Time-Stamp.
    pub timestamp: Timestamp,
    /// What it adds.
    pub parameters: Parameters<'a>,
}

/// SMS-STATUS-REPORT: what became of a submitted message (TS 23.040 9.2.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatusReport<'a> {
    /// Whether more messages wait at the service centre (the TP-MMS bit is 0 then).
    pub more_messages: bool,
    /// TP-Loop-Prevention.
    pub loop_prevention: bool,
    /// TP-Status-Report-Qualifier: it answers an SMS-COMMAND, not an SMS-SUBMIT.
    pub for_command: bool,
    /// TP-Message-Reference of what it answers.
    pub reference: u8,
    /// TP-Recipient-Address.
    pub recipient: TpAddress,
    /// TP-Service-Centre-Time-Stamp of the submission.
    pub timestamp: Timestamp,
    /// TP-Discharge-Time.
    pub discharge: Timestamp,
    /// TP-Status.
    pub status: Status,
    /// What it adds.
    pub parameters: Parameters<'a>,
}

/// SMS-COMMAND: what a mobile wants done with a submitted message (TS 23.040 9.2.2.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Command<'a> {
    /// TP-Status-Report-Request.
    pub status_report: bool,
    /// TP-User-Data-Header-Indicator: the command data starts with a header.
    pub has_header: bool,
    /// TP-Message-Reference.
    pub reference: u8,
    /// TP-Protocol-Identifier.
    pub protocol: ProtocolIdentifier,
    /// TP-Command-Type.
    pub command: CommandType,
    /// TP-Message-Number: the reference of the submitted message.
    pub number: u8,
    /// TP-Destination-Address of the submitted message.
    pub destination: TpAddress,
    /// TP-Command-Data, at most 156 octets.
    pub data: &'a [u8],
}

/// Bits of the first octet, TP-MTI apart. Some positions have another meaning in each message.
pub(super) mod flag {
    pub(in super::super) const REJECT_DUPLICATES: u8 = 0x04;
    pub(in super::super) const NO_MORE_MESSAGES: u8 = 0x04;
    pub(in super::super) const LOOP_PREVENTION: u8 = 0x08;
    pub(in super::super) const VALIDITY_FORMAT: u8 = 0x18;
    pub(in super::super) const STATUS_REPORT: u8 = 0x20;
    pub(in super::super) const HEADER: u8 = 0x40;
    pub(in super::super) const REPLY_PATH: u8 = 0x80;
}

/// TP-Parameter-Indicator, and whether another octet of it follows.
pub(super) mod indicator {
    pub(in super::super) const PROTOCOL: u8 = 0x01;
    pub(in super::super) const CODING: u8 = 0x02;
    pub(in super::super) const USER_DATA: u8 = 0x04;
    pub(in super::super) const MORE: u8 = 0x80;
}

/// The most octets of user data, or command data, where it is not 140.
pub(super) mod limit {
    pub(in super::super) const DELIVER_REPORT: usize = 159;
    pub(in super::super) const SUBMIT_REPORT: usize = 152;
    pub(in super::super) const STATUS_REPORT: usize = 143;
    pub(in super::super) const COMMAND: usize = 156;
}

type Result<T> = core::result::Result<T, Malformed>;

fn short(reader: &Reader<'_>) -> Malformed {
    refusal(reader, Why::Short)
}

fn refusal(reader: &Reader<'_>, why: Why) -> Malformed {
    Malformed::new(Layer::Tpdu, why as u8, reader.position())
}

fn octet(reader: &mut Reader<'_>) -> Result<u8> {
    reader.u8().ok_or(short(reader))
}

fn address(reader: &mut Reader<'_>) -> Result<TpAddress> {
    TpAddress::read(reader).ok_or(refusal(reader, Why::Address))
}

fn timestamp(reader: &mut Reader<'_>) -> Result<Timestamp> {
    reader.array().map(Timestamp).ok_or(short(reader))
}

fn user_data<'a>(
    reader: &mut Reader<'a>,
    coding: CodingScheme,
    first: u8,
    most: usize,
) -> Result<UserData<'a>> {
    let start = *reader;
    UserData::read(reader, coding, first & flag::HEADER != 0, most).map_err(|wrong| match wrong {
        Wrong::Length => refusal(&start, Why::UserDataLength),
        Wrong::Header => refusal(&start, Why::Header),
    })
}

impl<'a> Tpdu<'a> {
    /// Reads one TPDU. Octets after its end are ignored, and so are spare bits.
    ///
    /// # Errors
    /// [`Malformed`] of [`Layer::Tpdu`].
    pub fn parse(bytes: &'a [u8], carrier: Carrier) -> Result<Self> {
        let reader = &mut Reader::new(bytes);
        let first = octet(reader)?;
        match (first & 3, carrier) {
            (0, Carrier::DataToMs) => deliver(reader, first).map(Self::Deliver),
            (0, Carrier::AckFromMs | Carrier::ErrorFromMs) => {
                let failure = failure(reader, carrier == Carrier::ErrorFromMs)?;
                let parameters = parameters(reader, first, limit::DELIVER_REPORT, |_| Ok(()))?.0;
                Ok(Self::DeliverReport(DeliverReport { failure, parameters }))
            }
            (1, Carrier::DataFromMs) => submit(reader, first).map(Self::Submit),
            (1, Carrier::AckToMs | Carrier::ErrorToMs) => {
                let failure = failure(reader, carrier == Carrier::ErrorToMs)?;
                let (parameters, timestamp) = parameters(reader, first, limit::SUBMIT_REPORT, timestamp)?;
                Ok(Self::SubmitReport(SubmitReport { failure, timestamp, parameters }))
            }
            (2, Carrier::DataToMs) => status_report(reader, first).map(Self::StatusReport),
            (2, Carrier::DataFromMs) => command(reader, first).map(Self::Command),
            _ => Err(Malformed::new(Layer::Tpdu, Why::MessageType as u8, 0)),
        }
    }
}

fn deliver<'a>(reader: &mut Reader<'a>, first: u8) -> Result<Deliver<'a>> {
    let originator = address(reader)?;
    let protocol = ProtocolIdentifier(octet(reader)?);
    let coding = CodingScheme(octet(reader)?);
    Ok(Deliver {
        more_messages: first & flag::NO_MORE_MESSAGES == 0,
        loop_prevention: first & flag::LOOP_PREVENTION != 0,
        status_report: first & flag::STATUS_REPORT != 0,
        reply_path: first & flag::REPLY_PATH != 0,
        originator,
        protocol,
        timestamp: timestamp(reader)?,
        user_data: user_data(reader, coding, first, UserData::MAX)?,
    })
}

fn submit<'a>(reader: &mut Reader<'a>, first: u8) -> Result<Submit<'a>> {
    let reference = octet(reader)?;
    let destination = address(reader)?;
    let protocol = ProtocolIdentifier(octet(reader)?);
    let coding = CodingScheme(octet(reader)?);
    let validity = match first & flag::VALIDITY_FORMAT {
        0x00 => Validity::None,
        0x10 => Validity::Relative(octet(reader)?),
        0x08 => Validity::Enhanced(timestamp(reader)?.0),
        _ => Validity::Absolute(timestamp(reader)?),
    };
    Ok(Submit {
        reject_duplicates: first & flag::REJECT_DUPLICATES != 0,
        status_report: first & flag::STATUS_REPORT != 0,
        reply_path: first & flag::REPLY_PATH != 0,
        reference,
        destination,
        protocol,
        validity,
        user_data: user_data(reader, coding, first, UserData::MAX)?,
    })
}

fn failure(reader: &mut Reader<'_>, is_error: bool) -> Result<Option<FailureCause>> {
    if is_error { octet(reader).map(|value| Some(FailureCause(value))) } else { Ok(None) }
}

/// TP-Parameter-Indicator and what it announces, with `between` between the two. An indicator that isn't there any more
/// (as old mobiles send) announces nothing.
fn parameters<'a, T>(
    reader: &mut Reader<'a>,
    first: u8,
    most: usize,
    between: impl Fn(&mut Reader<'a>) -> Result<T>,
) -> Result<(Parameters<'a>, T)> {
    let indicator = reader.u8().unwrap_or(0);
    let mut more = indicator;
    while more & indicator::MORE != 0 {
        more = octet(reader)?;
    }
    let between = between(reader)?;
    let mut parameters = Parameters::default();
    if indicator & indicator::PROTOCOL != 0 {
        parameters.protocol = Some(ProtocolIdentifier(octet(reader)?));
    }
    if indicator & indicator::CODING != 0 {
        parameters.coding = Some(CodingScheme(octet(reader)?));
    }
    if indicator & indicator::USER_DATA != 0 {
        parameters.user_data = Some(user_data(reader, parameters.coding.unwrap_or_default(), first, most)?);
    }
    Ok((parameters, between))
}

fn status_report<'a>(reader: &mut Reader<'a>, first: u8) -> Result<StatusReport<'a>> {
    Ok(StatusReport {
        more_messages: first & flag::NO_MORE_MESSAGES == 0,
        loop_prevention: first & flag::LOOP_PREVENTION != 0,
        for_command: first & flag::STATUS_REPORT != 0,
        reference: octet(reader)?,
        recipient: address(reader)?,
        timestamp: timestamp(reader)?,
        discharge: timestamp(reader)?,
        status: Status(octet(reader)?),
        parameters: parameters(reader, first, limit::STATUS_REPORT, |_| Ok(()))?.0,
    })
}

fn command<'a>(reader: &mut Reader<'a>, first: u8) -> Result<Command<'a>> {
    let mut command = Command {
        status_report: first & flag::STATUS_REPORT != 0,
        has_header: first & flag::HEADER != 0,
        reference: octet(reader)?,
        protocol: ProtocolIdentifier(octet(reader)?),
        command: CommandType(octet(reader)?),
        number: octet(reader)?,
        destination: address(reader)?,
        data: &[],
    };
    let start = *reader;
    let length = usize::from(octet(reader)?);
    let data = reader.take(length).filter(|data| data.len() <= limit::COMMAND);
    command.data = data.ok_or(refusal(&start, Why::UserDataLength))?;
    Ok(command)
}
