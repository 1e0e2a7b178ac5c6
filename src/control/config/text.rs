//! How values of the configuration are spelt.

use crate::base::IpPrefix;
use crate::ident::{Digits, PointCode};
use crate::stack::Action;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// A value that is written as a string.
pub(super) fn from_text<'de, D: Deserializer<'de>, T: FromStr<Err = &'static str>>(
    from: D,
) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(de::Error::custom)
}

/// A duration that is written as a number of milliseconds.
pub(super) fn millis<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u32::deserialize(from).map(|millis| Duration::from_millis(millis.into()))
}

/// A duration that is written as a number of seconds.
pub(super) fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u32::deserialize(from).map(|seconds| Duration::from_secs(seconds.into()))
}

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from_text(from)
    }
}

impl<'de> Deserialize<'de> for PointCode {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Spelling;
        impl Visitor<'_> for Spelling {
            type Value = PointCode;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a point code: a number, or \"zone.area.point\" as in \"2.100.3\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<PointCode, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<PointCode, E> {
                self.visit_str(&number.to_string())
            }
        }
        from.deserialize_any(Spelling)
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let all = [
            Self::Off,
            Self::DryRun,
            Self::Drop,
            Self::Abort,
            Self::SystemFailure,
            Self::UnexpectedDataValue,
        ];
        let named = all.into_iter().find(|action| action.name() == text);
        named.ok_or_else(|| de::Error::unknown_variant(&text, Self::NAMES))
    }
}

/// A MAC address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mac(pub [u8; 6]);

impl FromStr for Mac {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "expected a MAC address, as in \"02:00:00:00:00:01\"";
        let octets: Vec<u8> = text
            .split(':')
            .map(|octet| u8::from_str_radix(octet, 16).ok().filter(|_| octet.len() == 2).ok_or(WRONG))
            .collect::<Result<_, _>>()?;
        octets.try_into().map(Self).map_err(|_| WRONG)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from_text(from)
    }
}

/// An address with the length of its network prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Prefix {
    /// The address, host bits included.
    pub address: IpAddr,
    /// How many leading bits name the network.
    pub length: u8,
}

impl Prefix {
    fn bits(address: IpAddr) -> (u128, u8) {
        match address {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        }
    }

    /// Whether `address` lies in the network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let ((ours, family), (other, other_family)) = (Self::bits(self.address), Self::bits(address));
        family == other_family && (ours ^ other).leading_zeros() >= u32::from(self.length)
    }

    /// Whether every bit behind the prefix is zero.
    #[must_use]
    pub fn is_network(&self) -> bool {
        let (bits, _) = Self::bits(self.address);
        bits.checked_shl(self.length.into()).unwrap_or(0) == 0
    }
}

impl FromStr for Prefix {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str =
            "expected an address and a prefix length, as in \"10.0.0.1/24\" or \"fd00::1/64\"";
        let (address, length) = text.split_once('/').ok_or(WRONG)?;
        let prefix =
            Self { address: address.parse().map_err(|_| WRONG)?, length: length.parse().map_err(|_| WRONG)? };
        if prefix.length <= Self::bits(prefix.address).1 { Ok(prefix) } else { Err(WRONG) }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from_text(from)
    }
}

/// One host or all of a network: `"10.1.0.5"`, `"10.1.0.0/24"`, `"fd00::/8"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hosts(pub IpPrefix);

impl FromStr for Hosts {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str =
            "expected an address or a prefix without host bits, as in \"10.1.0.5\" or \"10.1.0.0/24\"";
        if !text.contains('/') {
            return text.parse::<IpAddr>().map(|address| Self(address.into())).map_err(|_| WRONG);
        }
        let prefix: Prefix = text.parse().map_err(|_| WRONG)?;
        let hosts = Self(IpPrefix { address: prefix.address, length: prefix.length });
        if prefix.is_network() { Ok(hosts) } else { Err(WRONG) }
    }
}

impl<'de> Deserialize<'de> for Hosts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from_text(from)
    }
}

/// An own address of a port: `"10.0.0.1/24"`, or `{ address = "fd00::1/64", vlan = 5 }`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortAddress {
    /// The address and its network.
    pub prefix: Prefix,
    /// The VLAN (802.1Q) it lives in; none: untagged.
    pub vlan: Option<u16>,
}

impl<'de> Deserialize<'de> for PortAddress {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            address: Prefix,
            vlan: Option<u16>,
        }
        struct Spelling;
        impl<'de> Visitor<'de> for Spelling {
            type Value = PortAddress;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"address/length\" or { address = \"address/length\", vlan = number }")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<PortAddress, E> {
                Ok(PortAddress { prefix: text.parse().map_err(E::custom)?, vlan: None })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PortAddress, A::Error> {
                let Table { address, vlan } = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(PortAddress { prefix: address, vlan })
            }
        }
        from.deserialize_any(Spelling)
    }
}
