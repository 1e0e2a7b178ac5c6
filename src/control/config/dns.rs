//! `[sip.dns]`: where S-CSCFs are that are given by name.

use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// `[sip.dns]`: the servers that are asked where S-CSCFs are (RFC 3263), by the host's kernel. Without any, each S-CSCF needs an
/// address.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// The servers, as in `["10.0.0.53"]`, with a port if it is not 53; the first is asked before the others. What they say
    /// decides who is trusted: name those of the IMS core, by a network that strangers can't send into. Default none.
    pub servers: Vec<DnsServer>,
    /// How long one server may take, in milliseconds. Default 2,000.
    #[serde(rename = "timeout_ms", deserialize_with = "super::text::millis")]
    pub timeout: Duration,
    /// How often each is asked, until one answers. Default 2.
    pub attempts: u8,
    /// However short records live, so many seconds they are kept. Default 5.
    #[serde(rename = "ttl_min_s", deserialize_with = "super::text::seconds")]
    pub ttl_min: Duration,
    /// However long records live, no more seconds they are kept. Default 3,600.
    #[serde(rename = "ttl_max_s", deserialize_with = "super::text::seconds")]
    pub ttl_max: Duration,
    /// For so many seconds, at most, it is believed that there are no records. Default 60.
    #[serde(rename = "negative_max_s", deserialize_with = "super::text::seconds")]
    pub negative_max: Duration,
    /// Answers that are kept for each S-CSCF, at most. Default 64.
    pub entries: u32,
}

impl Default for Dns {
    fn default() -> Self {
        Self {
            servers: vec![],
            timeout: Duration::from_secs(2),
            attempts: 2,
            ttl_min: Duration::from_secs(5),
            ttl_max: Duration::from_secs(3_600),
            negative_max: Duration::from_secs(60),
            entries: 64,
        }
    }
}

/// A server of DNS: `"10.0.0.53"`, `"10.0.0.53:5353"`, `"[fd00::53]:5353"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DnsServer(pub SocketAddr);

/// The port of DNS.
const PORT: u16 = 53;

impl FromStr for DnsServer {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, PORT));
        let address = plain.or_else(|_| text.parse::<SocketAddr>());
        address
            .map(Self)
            .map_err(|_| "expected the address of a server, as in \"10.0.0.53\" or \"10.0.0.53:5353\"")
    }
}

impl<'de> Deserialize<'de> for DnsServer {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        super::text::from_text(from)
    }
}
