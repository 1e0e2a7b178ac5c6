//! Routing key management (RFC 4666 3.6): keys that are asked for, and what became of them.

use super::view::{Parameters, Why, malformed};
use super::{TrafficMode, build, tag};
use crate::base::Malformed;
use crate::codec::Prepend;
use crate::ident::PointCode;

/// What became of a routing key (RFC 4666 3.6.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum RegStatus {
    /// It is registered.
    Registered = 0,
    /// An error without a code.
    Unknown = 1,
    /// Its destination point code means nothing.
    InvalidPointCode = 2,
    /// Its network appearance isn't ours.
    InvalidAppearance = 3,
    /// It can't be read.
    InvalidKey = 4,
    /// This ASP may not register it.
    Denied = 5,
    /// Its traffic can't be told from that of another key.
    NoUniqueRouting = 6,
    /// It names a routing context that isn't provisioned.
    NotProvisioned = 7,
    /// There is no room.
    Resources = 8,
    /// It has a part that isn't supported here.
    UnsupportedField = 9,
    /// Its traffic mode isn't that of its application server.
    UnsupportedMode = 10,
    /// A key that is registered may not be changed.
    ChangeRefused = 11,
    /// This ASP has registered it before.
    AlreadyRegistered = 12,
}

impl RegStatus {
    const ALL: [Self; 13] = [
        Self::Registered,
        Self::Unknown,
        Self::InvalidPointCode,
        Self::InvalidAppearance,
        Self::InvalidKey,
        Self::Denied,
        Self::NoUniqueRouting,
        Self::NotProvisioned,
        Self::Resources,
        Self::UnsupportedField,
        Self::UnsupportedMode,
        Self::ChangeRefused,
        Self::AlreadyRegistered,
    ];

    /// From the parameter's four octets; what isn't known is an unknown error.
    #[must_use]
    pub fn from_wire(value: u32) -> Self {
        Self::ALL.into_iter().find(|&status| status as u32 == value).unwrap_or(Self::Unknown)
    }

    /// Whether the ASP may be active for the key's routing context.
    #[must_use]
    pub const fn is_registered(self) -> bool {
        matches!(self, Self::Registered | Self::AlreadyRegistered)
    }
}

/// What became of a routing context that was given up (RFC 4666 3.6.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum DeregStatus {
    /// It is given up.
    Deregistered = 0,
    /// An error without a code.
    Unknown = 1,
    /// There is no such routing context.
    InvalidContext = 2,
    /// This ASP may not give it up.
    Denied = 3,
    /// This ASP has not registered it.
    NotRegistered = 4,
    /// This ASP is active for it.
    Active = 5,
}

/// A routing key: traffic of one destination point code, for all of its users or some (RFC 4666 3.6.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoutingKey {
    /// By which the answer names it.
    pub local: u32,
    /// A routing context whose key is to change.
    pub context: Option<u32>,
    /// How the ASPs share its traffic.
    pub mode: Option<TrafficMode>,
    /// Which SS7 network.
    pub appearance: Option<u32>,
    /// The destination.
    pub point_code: PointCode,
    /// The service indicators 0 to 15, one bit each; all if there is none.
    pub services: u16,
}

/// The routing keys of a REG REQ.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a>(Parameters<'a>);

impl<'a> Keys<'a> {
    /// From the parameters of a REG REQ, which must have one.
    pub(super) fn parse(parameters: Parameters<'a>) -> Result<Self, Malformed> {
        parameters.mandatory(tag::ROUTING_KEY)?;
        Ok(Self(parameters))
    }
}

impl Iterator for Keys<'_> {
    /// A key, or why it is refused, by its local identifier (0 if it has none).
    type Item = Result<RoutingKey, (u32, RegStatus)>;

    fn next(&mut self) -> Option<Self::Item> {
        let key = Iterator::find(&mut self.0, |parameter| parameter.tag == tag::ROUTING_KEY)?;
        Some(parse_key(key.value))
    }
}

fn parse_key(value: &[u8]) -> Result<RoutingKey, (u32, RegStatus)> {
    let (parameters, whole) = Parameters::inside(value);
    let local = parameters.word(tag::LOCAL_KEY).ok().flatten();
    let refuse = |status| (local.unwrap_or(0), status);
    let invalid = refuse(RegStatus::InvalidKey);
    if local.is_none() || !whole {
        return Err(invalid);
    }
    let count = |tag| parameters.filter(|parameter| parameter.tag == tag).count();
    for tag in [tag::LOCAL_KEY, tag::ROUTING_CONTEXT, tag::TRAFFIC_MODE, tag::NETWORK_APPEARANCE] {
        if count(tag) > 1 {
            return Err(invalid);
        }
    }
    // Groups of point codes, and keys by originating point code, are not supported.
    if count(tag::DESTINATION_POINT_CODE) > 1
        || count(tag::SERVICE_INDICATORS) > 1
        || parameters.find(tag::ORIGINATING_POINT_CODES).is_some()
    {
        return Err(refuse(RegStatus::UnsupportedField));
    }
    let word = |tag| parameters.word(tag).map_err(|_| invalid);
    let point_code = match word(tag::DESTINATION_POINT_CODE)? {
        None => return Err(invalid),
        Some(0) => return Err(refuse(RegStatus::InvalidPointCode)),
        Some(masked) if masked >> 24 != 0 => return Err(refuse(RegStatus::UnsupportedField)),
        Some(point_code) => PointCode(point_code),
    };
    let mode = match word(tag::TRAFFIC_MODE)? {
        None => None,
        Some(mode) => Some(TrafficMode::from_wire(mode).ok_or_else(|| refuse(RegStatus::UnsupportedMode))?),
    };
    let mut services = 0;
    for &service in parameters.find(tag::SERVICE_INDICATORS).unwrap_or(&[]) {
        services |= 1u16.checked_shl(service.into()).ok_or(invalid)?;
    }
    Ok(RoutingKey {
        local: local.unwrap_or(0),
        context: word(tag::ROUTING_CONTEXT)?,
        mode,
        appearance: word(tag::NETWORK_APPEARANCE)?,
        point_code,
        services,
    })
}

/// The results of a REG RSP: local identifier, status, routing context. Those that can't be read are left out.
pub(super) fn results(
    parameters: Parameters<'_>,
) -> Result<impl Iterator<Item = (u32, RegStatus, u32)>, Malformed> {
    parameters.mandatory(tag::REGISTRATION_RESULT)?;
    Ok(parameters.filter(|parameter| parameter.tag == tag::REGISTRATION_RESULT).filter_map(|result| {
        let inside = Parameters::inside(result.value).0;
        let word = |tag| inside.word(tag).ok().flatten();
        let status = RegStatus::from_wire(word(tag::REGISTRATION_STATUS)?);
        Some((word(tag::LOCAL_KEY)?, status, word(tag::ROUTING_CONTEXT)?))
    }))
}

/// The routing contexts of a DEREG REQ, or of each result of a DEREG RSP.
pub(super) fn given_up(value: &[u8]) -> Result<impl Iterator<Item = u32>, Malformed> {
    let (words, rest) = value.as_chunks();
    if words.is_empty() || !rest.is_empty() {
        return Err(malformed(Why::Size, 8));
    }
    Ok(words.iter().map(|word| u32::from_be_bytes(*word)))
}

/// Puts a routing key in front, as a REG REQ has it.
pub fn routing_key(w: &mut Prepend<'_>, key: &RoutingKey) {
    let before = w.len();
    if key.services != 0 {
        let mut services = [0; 16];
        let mut count = 0;
        for service in (0..16u8).filter(|service| key.services >> service & 1 == 1) {
            if let Some(slot) = services.get_mut(count) {
                *slot = service;
                count += 1;
            }
        }
        build::parameter(w, tag::SERVICE_INDICATORS, services.get(..count).unwrap_or(&[]));
    }
    build::parameter(w, tag::DESTINATION_POINT_CODE, &(key.point_code.0 & 0xff_ffff).to_be_bytes());
    if let Some(appearance) = key.appearance {
        build::parameter(w, tag::NETWORK_APPEARANCE, &appearance.to_be_bytes());
    }
    if let Some(mode) = key.mode {
        build::traffic_mode(w, mode);
    }
    if let Some(context) = key.context {
        build::parameter(w, tag::ROUTING_CONTEXT, &context.to_be_bytes());
    }
    build::parameter(w, tag::LOCAL_KEY, &key.local.to_be_bytes());
    enclose(w, before, tag::ROUTING_KEY);
}

/// Puts what became of a routing key in front, as a REG RSP has it. The routing context counts only if it is
/// registered.
pub fn registration_result(w: &mut Prepend<'_>, local: u32, status: RegStatus, context: u32) {
    let before = w.len();
    build::parameter(w, tag::ROUTING_CONTEXT, &context.to_be_bytes());
    build::parameter(w, tag::REGISTRATION_STATUS, &(status as u32).to_be_bytes());
    build::parameter(w, tag::LOCAL_KEY, &local.to_be_bytes());
    enclose(w, before, tag::REGISTRATION_RESULT);
}

/// Puts what became of a routing context in front, as a DEREG RSP has it.
pub fn deregistration_result(w: &mut Prepend<'_>, context: u32, status: DeregStatus) {
    let before = w.len();
    build::parameter(w, tag::DEREGISTRATION_STATUS, &(status as u32).to_be_bytes());
    build::parameter(w, tag::ROUTING_CONTEXT, &context.to_be_bytes());
    enclose(w, before, tag::DEREGISTRATION_RESULT);
}

/// Makes the parameters written since `before` the value of one. They are padded, and so is it.
fn enclose(w: &mut Prepend<'_>, before: usize, tag: u16) {
    let length = w.len() - before + 4;
    w.u16(length as u16);
    w.u16(tag);
}
