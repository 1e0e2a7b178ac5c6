//! `[[port]]`, `[[route]]` and `[sip]`: the IP side.

use super::Dns;
use super::SipLimits;
use super::streams::{StreamTls, Streams};
use super::text::{Mac, PortAddress, Prefix, millis, seconds};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// `[[port]]`: a network port.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Its name in this file, in logs and metrics.
    pub name: String,
    /// The PCI address of a physical port (`"0000:3b:00.0"`), or DPDK device arguments (`"net_memif0,role=client,…"`).
    pub device: String,
    /// What it is for. Default `"network"`.
    #[serde(default)]
    pub role: PortRole,
    /// Takes the place of the device's own MAC address.
    pub mac: Option<Mac>,
    /// With `role = "exception"`, and only then: the MAC address of the kernel's end.
    pub kernel_mac: Option<Mac>,
    /// The largest IP packet, in octets: 1280 to 1500. Default 1500.
    #[serde(default = "super::default::mtu")]
    pub mtu: u16,
    /// Own addresses; an exception port has none.
    #[serde(default)]
    pub addresses: Vec<PortAddress>,
    /// What it does to its frames on purpose, for tests. Default: nothing.
    pub impairment: Option<Impairment>,
}

/// What a port is for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortRole {
    /// It leads to the network.
    #[default]
    Network,
    /// It leads to the host's kernel, which speaks TCP at the own addresses of all other ports.
    Exception,
}

/// `impairment` of a `[[port]]`: shares of the frames, from 0 to 1, each way. A test aid: it stands in for a bad network.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Impairment {
    /// They are lost. Default 0.
    #[serde(default)]
    pub loss: f64,
    /// They come twice. Default 0.
    #[serde(default)]
    pub duplicate: f64,
    /// What chance follows from: the same again loses the same. Default 0.
    #[serde(default)]
    pub seed: u64,
}

/// `[[route]]`: a way to peers that are on no link of ours. The longest prefix wins.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The destinations, as in `"0.0.0.0/0"`.
    pub prefix: Prefix,
    /// The router, on a link of `port`.
    pub gateway: IpAddr,
    /// The name of the port.
    pub port: String,
    /// Own address that packets carry that are bound to none yet. Default: the one on the router's link.
    pub source: Option<IpAddr>,
}

/// `[sip]`: SIP.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sip {
    /// Own addresses and ports for UDP. The first of a family is the one that requests are sent from.
    pub listen: Vec<SocketAddr>,
    /// The gateway's own URI (From and P-Asserted-Identity of what it sends), as in `"sip:ipsmgw.home1.net"`.
    pub uri: String,
    /// The host part of Call-IDs. Default: the host of `uri`.
    #[serde(default)]
    pub host: String,
    /// T1, the round-trip time estimate; F and J are 64 × T1 (RFC 3261 17.1.2.2). Default 500.
    #[serde(rename = "t1_ms", default = "super::default::t1", deserialize_with = "millis")]
    pub t1: Duration,
    /// The fewest seconds after which who was answered 503 may come again; the most are twice as many, so that not all come
    /// together. Default 5.
    #[serde(default = "super::default::retry_after_s")]
    pub retry_after_s: u32,
    /// How often an S-CSCF that does not answer is asked by OPTIONS whether it is back, where a network has several.
    /// Default 10.
    #[serde(rename = "probe_s", default = "super::default::probe", deserialize_with = "seconds")]
    pub probe: Duration,
    /// T2, the longest interval between retransmissions. Default 4,000.
    #[serde(rename = "t2_ms", default = "super::default::t2", deserialize_with = "millis")]
    pub t2: Duration,
    /// `[sip.streams]`: TCP and TLS.
    #[serde(default)]
    pub streams: Streams,
    /// `[sip.tls]`.
    pub tls: Option<StreamTls>,
    /// `[sip.limits]`.
    #[serde(default)]
    pub limits: SipLimits,
    /// `[sip.dns]`.
    #[serde(default)]
    pub dns: Dns,
}
