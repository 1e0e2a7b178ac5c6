//! Reading M3UA messages (RFC 4666 3).

use super::{ErrorCode, tag};
use crate::base::{Layer, Malformed};
use crate::codec::Reader;
use crate::ident::PointCode;

/// Why an M3UA message was refused; an index into [`WHY`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Why {
    /// No whole common header.
    Short,
    /// Not version 1.
    Version,
    /// The message length is not that of the octets.
    Length,
    /// A parameter's length is below 4 or beyond the message.
    Parameter,
    /// A mandatory parameter is absent.
    Missing,
    /// A parameter's value has the wrong size.
    Size,
    /// A parameter's value means nothing.
    Value,
    /// A parameter stands there twice that may stand there once (3.2).
    Duplicate,
}

/// Names of the reasons, by number.
pub const WHY: &[&str] =
    &["short", "version", "length", "parameter", "missing", "size", "value", "duplicate"];

pub(super) const fn malformed(why: Why, offset: usize) -> Malformed {
    Malformed::new(Layer::M3ua, why as u8, offset)
}

/// The code of the ERR that answers a message refused for number `why`; `None` where there is no message to answer.
pub(super) const fn error_code(why: u8) -> Option<ErrorCode> {
    match why {
        1 => Some(ErrorCode::InvalidVersion),
        2 | 7 => Some(ErrorCode::ProtocolError),
        3 | 5 => Some(ErrorCode::ParameterFieldError),
        4 => Some(ErrorCode::MissingParameter),
        6 => Some(ErrorCode::InvalidParameterValue),
        _ => None,
    }
}

/// Message class and type (RFC 4666 3.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum Kind {
    /// Error.
    Err = 0x0000,
    /// Notify.
    Ntfy = 0x0001,
    /// Payload data.
    Data = 0x0101,
    /// Destination unavailable.
    Duna = 0x0201,
    /// Destination available.
    Dava = 0x0202,
    /// Destination state audit.
    Daud = 0x0203,
    /// Signalling congestion.
    Scon = 0x0204,
    /// Destination user part unavailable.
    Dupu = 0x0205,
    /// Destination restricted.
    Drst = 0x0206,
    /// ASP up.
    Aspup = 0x0301,
    /// ASP down.
    Aspdn = 0x0302,
    /// Heartbeat.
    Beat = 0x0303,
    /// ASP up acknowledgement.
    AspupAck = 0x0304,
    /// ASP down acknowledgement.
    AspdnAck = 0x0305,
    /// Heartbeat acknowledgement.
    BeatAck = 0x0306,
    /// ASP active.
    Aspac = 0x0401,
    /// ASP inactive.
    Aspia = 0x0402,
    /// ASP active acknowledgement.
    AspacAck = 0x0403,
    /// ASP inactive acknowledgement.
    AspiaAck = 0x0404,
    /// Registration request.
    RegReq = 0x0901,
    /// Registration response.
    RegRsp = 0x0902,
    /// De-registration request.
    DeregReq = 0x0903,
    /// De-registration response.
    DeregRsp = 0x0904,
}

impl Kind {
    const ALL: [Self; 23] = [
        Self::Err,
        Self::Ntfy,
        Self::Data,
        Self::Duna,
        Self::Dava,
        Self::Daud,
        Self::Scon,
        Self::Dupu,
        Self::Drst,
        Self::Aspup,
        Self::Aspdn,
        Self::Beat,
        Self::AspupAck,
        Self::AspdnAck,
        Self::BeatAck,
        Self::Aspac,
        Self::Aspia,
        Self::AspacAck,
        Self::AspiaAck,
        Self::RegReq,
        Self::RegRsp,
        Self::DeregReq,
        Self::DeregRsp,
    ];
}

/// One parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameter<'a> {
    /// Which.
    pub tag: u16,
    /// Its value, without padding.
    pub value: &'a [u8],
}

/// The parameters of a message, in order.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a>(Reader<'a>);

impl<'a> Iterator for Parameters<'a> {
    type Item = Parameter<'a>;

    #[inline]
    fn next(&mut self) -> Option<Parameter<'a>> {
        let mut reader = self.0;
        let tag = reader.u16()?;
        let length = usize::from(reader.u16()?);
        let value = reader.take(length.checked_sub(4)?)?;
        // The last parameter may lack its padding (3.1.4).
        reader.take((length.wrapping_neg() & 3).min(reader.len()))?;
        self.0 = reader;
        Some(Parameter { tag, value })
    }
}

impl<'a> Parameters<'a> {
    /// The parameters inside the value of another, and whether they fill it.
    pub(super) fn inside(value: &'a [u8]) -> (Self, bool) {
        let these = Self(Reader::new(value));
        let mut rest = these;
        while rest.next().is_some() {}
        (these, rest.0.is_empty())
    }

    /// The value of the first parameter `tag`.
    #[must_use]
    pub fn find(mut self, tag: u16) -> Option<&'a [u8]> {
        self.find_map(|parameter| (parameter.tag == tag).then_some(parameter.value))
    }

    /// The value of parameter `tag`, which the message must have.
    pub fn mandatory(self, tag: u16) -> Result<&'a [u8], Malformed> {
        self.find(tag).ok_or(malformed(Why::Missing, 8))
    }

    /// The value of parameter `tag`, four octets, if the message has it.
    pub fn word(self, tag: u16) -> Result<Option<u32>, Malformed> {
        word(self.find(tag))
    }
}

/// The four octets of a parameter, if there is one.
#[inline]
fn word(value: Option<&[u8]>) -> Result<Option<u32>, Malformed> {
    match value.map(<[u8; 4]>::try_from) {
        None => Ok(None),
        Some(Ok(octets)) => Ok(Some(u32::from_be_bytes(octets))),
        Some(Err(_)) => Err(malformed(Why::Size, 8)),
    }
}

/// A bit for each parameter that a message may have but once (3.2); none for those that may be several (routing keys
/// and their results) or that we don't know.
const fn once(tag: u16) -> u64 {
    match tag {
        tag::ROUTING_KEY | tag::REGISTRATION_RESULT | tag::DEREGISTRATION_RESULT => 0,
        0x0004..=0x0013 => 1 << (tag - 0x0004),
        0x0200..=0x0213 => 1 << (tag - 0x0200 + 0x10),
        _ => 0,
    }
}

/// The common header of a DATA, its length left out.
const DATA_HEADER: u64 = 0x0100_0101 << 32;
/// The reserved octet of a common header.
const RESERVED: u64 = 0xff << 48;

/// The fixed octets of a routing context, its own and those of protocol data, and the payload after them, if `parameters`
/// are these two and nothing else, as those of nearly every DATA.
#[inline(always)]
fn usual_payload(parameters: &[u8]) -> Option<(&[u8; 24], &[u8])> {
    let (fixed, rest) = parameters.split_first_chunk::<24>()?;
    let &[a, b, c, d, _, _, _, _, e, f, high, low, ..] = fixed;
    let payload = usize::from(u16::from_be_bytes([high, low])).checked_sub(16)?;
    if u32::from_be_bytes([a, b, c, d]) != u32::from(tag::ROUTING_CONTEXT) << 16 | 8
        || u16::from_be_bytes([e, f]) != tag::PROTOCOL_DATA
        || rest.len() != (payload + 3) & !3
    {
        return None;
    }
    Some((fixed, rest.get(..payload)?))
}

/// A whole message whose parameters all lie inside it, none of them twice.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Message class.
    pub class: u8,
    /// Message type within its class.
    pub message_type: u8,
    /// The parameters.
    pub parameters: Parameters<'a>,
    /// What [`usual_payload`] gives, if the message is the usual DATA: taken apart once.
    usual: Option<(&'a [u8; 24], &'a [u8])>,
}

impl<'a> Message<'a> {
    /// Parses one SCTP user message. The length may leave out the padding of the last parameter (3.1.4).
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Self::usual(bytes).map_or_else(|| Self::any(bytes), Ok)
    }

    /// A DATA of the usual parameters, to the last octet.
    #[inline(always)]
    fn usual(bytes: &'a [u8]) -> Option<Self> {
        let (&header, parameters) = bytes.split_first_chunk()?;
        let header = u64::from_be_bytes(header) & !RESERVED;
        let usual = usual_payload(parameters)?;
        (header == DATA_HEADER | bytes.len() as u64).then_some(Self {
            class: 1,
            message_type: 1,
            parameters: Parameters(Reader::new(parameters)),
            usual: Some(usual),
        })
    }

    #[inline(never)]
    pub(super) fn any(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let Some([version, _reserved, class, message_type]) = reader.array() else {
            return Err(malformed(Why::Short, 0));
        };
        let Some(length) = reader.u32() else { return Err(malformed(Why::Short, 4)) };
        if version != 1 {
            return Err(malformed(Why::Version, 0));
        }
        let length = length as usize;
        let Some(mut body) = length.checked_sub(8).and_then(|count| reader.take(count)).map(Reader::new)
        else {
            return Err(malformed(Why::Length, 4));
        };
        if reader.len() > 3 {
            return Err(malformed(Why::Length, 4));
        }
        let parameters = Parameters(body);
        let mut seen = 0u64;
        while !body.is_empty() {
            let mut rest = Parameters(body);
            let Some(parameter) = rest.next() else {
                return Err(malformed(Why::Parameter, 8 + body.position()));
            };
            let bit = once(parameter.tag);
            if seen & bit != 0 {
                return Err(malformed(Why::Duplicate, 8 + body.position()));
            }
            seen |= bit;
            body = rest.0;
        }
        Ok(Self { class, message_type, parameters, usual: None })
    }

    /// Whether it was taken apart in one step.
    #[cfg(test)]
    pub(super) fn is_usual(&self) -> bool {
        self.usual.is_some()
    }

    /// Class and type together, or the code of the ERR that answers a message that isn't supported.
    #[inline]
    pub fn kind(&self) -> Result<Kind, ErrorCode> {
        let wire = u16::from(self.class) << 8 | u16::from(self.message_type);
        if wire == Kind::Data as u16 { Ok(Kind::Data) } else { self.other_kind(wire) }
    }

    #[inline(never)]
    fn other_kind(&self, wire: u16) -> Result<Kind, ErrorCode> {
        Kind::ALL.into_iter().find(|&kind| kind as u16 == wire).ok_or(if matches!(self.class, 0..=4 | 9) {
            ErrorCode::UnsupportedMessageType
        } else {
            ErrorCode::UnsupportedMessageClass
        })
    }
}

/// A DATA message (RFC 4666 3.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Data<'a> {
    /// Which SS7 network.
    pub network_appearance: Option<u32>,
    /// Which application server; may be absent where the association serves one.
    pub routing_context: Option<u32>,
    /// Originating point code.
    pub opc: PointCode,
    /// Destination point code.
    pub dpc: PointCode,
    /// Service indicator: 3 is SCCP.
    pub si: u8,
    /// Network indicator: 0 international, 2 national, 1 and 3 their spares.
    pub ni: u8,
    /// Message priority.
    pub mp: u8,
    /// Signalling link selection.
    pub sls: u8,
    /// The user's message.
    pub payload: &'a [u8],
    /// Correlation identifier.
    pub correlation: Option<u32>,
}

impl<'a> Data<'a> {
    /// The DATA message that `message` is.
    #[inline]
    pub fn parse(message: &Message<'a>) -> Result<Self, Malformed> {
        message.usual.and_then(Self::usual).map_or_else(|| Self::any(message), Ok)
    }

    #[inline(always)]
    fn usual((fixed, payload): (&[u8; 24], &'a [u8])) -> Option<Self> {
        let &[_, _, _, _, a, b, c, d, _, _, _, _, e, f, g, h, i, j, k, l, si, ni, mp, sls] = fixed;
        let [opc, dpc] = [[e, f, g, h], [i, j, k, l]].map(|octets| PointCode(u32::from_be_bytes(octets)));
        ((opc.0 | dpc.0) >> 24 == 0).then_some(Self {
            network_appearance: None,
            routing_context: Some(u32::from_be_bytes([a, b, c, d])),
            opc,
            dpc,
            si,
            ni,
            mp,
            sls,
            payload,
            correlation: None,
        })
    }

    #[inline(never)]
    pub(super) fn any(message: &Message<'a>) -> Result<Self, Malformed> {
        let (mut protocol_data, mut appearance, mut context, mut correlation) = (None, None, None, None);
        for Parameter { tag, value } in message.parameters {
            match tag {
                tag::PROTOCOL_DATA => protocol_data = Some(value),
                tag::ROUTING_CONTEXT => context = Some(value),
                tag::NETWORK_APPEARANCE => appearance = Some(value),
                tag::CORRELATION => correlation = Some(value),
                _ => {}
            }
        }
        let mut reader = Reader::new(protocol_data.ok_or(malformed(Why::Missing, 8))?);
        let size = malformed(Why::Size, 8);
        let opc = PointCode(reader.u32().ok_or(size)?);
        let dpc = PointCode(reader.u32().ok_or(size)?);
        let [si, ni, mp, sls] = reader.array().ok_or(size)?;
        if (opc.0 | dpc.0) >> 24 != 0 {
            return Err(malformed(Why::Value, 8));
        }
        Ok(Self {
            network_appearance: word(appearance)?,
            routing_context: word(context)?,
            opc,
            dpc,
            si,
            ni,
            mp,
            sls,
            payload: reader.rest(),
            correlation: word(correlation)?,
        })
    }
}

/// The point codes of an affected point code parameter (RFC 4666 3.4.1), each with the number of its low bits that
/// are wild.
#[derive(Clone, Copy, Debug)]
pub struct Affected<'a>(Reader<'a>);

impl<'a> Affected<'a> {
    /// From the parameter that `parameters` must have.
    pub(super) fn parse(parameters: Parameters<'a>) -> Result<Self, Malformed> {
        let value = parameters.mandatory(tag::AFFECTED_POINT_CODE)?;
        if value.is_empty() || value.len() % 4 != 0 {
            return Err(malformed(Why::Size, 8));
        }
        Ok(Self(Reader::new(value)))
    }
}

impl Iterator for Affected<'_> {
    type Item = (PointCode, u8);

    fn next(&mut self) -> Option<Self::Item> {
        let word = self.0.u32()?;
        Some((PointCode(word & 0xff_ffff), (word >> 24).min(24) as u8))
    }
}
