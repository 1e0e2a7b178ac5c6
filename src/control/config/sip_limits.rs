//! `[sip.limits]`: how much of everything a SIP message may have.

use crate::proto::sip::Limits;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::ops::RangeInclusive;

/// `[sip.limits]`. A request that is beyond one of them is refused with 400, a response is dropped; both are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SipLimits {
    /// What a message may have, each under its own name.
    pub messages: Limits,
    /// Octets of the longest UDP datagram, in and out, in fragments where it has to: 1,472 to 65,527. Default 8,192.
    pub datagram: u16,
}

impl Default for SipLimits {
    fn default() -> Self {
        Self { messages: Limits::DEFAULT, datagram: 8_192 }
    }
}

impl SipLimits {
    /// Shows each key with its value and the range that it must be in.
    pub(super) fn check(&self, mut range: impl FnMut(&'static str, usize, RangeInclusive<usize>)) {
        self.messages.each(&mut range);
        range("datagram", self.datagram.into(), 1472..=65_527);
    }
}

impl<'de> Deserialize<'de> for SipLimits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Section)
    }
}

struct Section;

impl<'de> Visitor<'de> for Section {
    type Value = SipLimits;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("limits of SIP messages")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SipLimits, A::Error> {
        let mut limits = SipLimits::default();
        while let Some(Key(key)) = map.next_key()? {
            match key.as_str() {
                "datagram" => limits.datagram = map.next_value()?,
                name => map.next_value_seed(Bound(&mut limits.messages, name))?,
            }
        }
        Ok(limits)
    }
}

/// The name of a limit.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let key = String::deserialize(from)?;
        match key == "datagram" || Limits::NAMES.contains(&key.as_str()) {
            true => Ok(Self(key)),
            false => Err(de::Error::unknown_field(&key, Limits::NAMES)),
        }
    }
}

/// A value for the limit of that name.
struct Bound<'l>(&'l mut Limits, &'l str);

impl<'de> DeserializeSeed<'de> for Bound<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        let value = u64::deserialize(from)?;
        let Self(limits, name) = self;
        limits.set(name, value).ok_or_else(|| de::Error::custom(format_args!("{value} is out of range")))
    }
}
