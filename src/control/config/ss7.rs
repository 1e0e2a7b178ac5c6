//! `[ss7]`, `[[association]]`, `[[destination]]` and `[[title]]`: the SS7 side.

use super::text::millis;
use crate::ident::{Digits, PointCode};
use serde::Deserialize;
use std::net::IpAddr;
use std::time::Duration;

/// `[ss7]`: the gateway as a signalling point.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ss7 {
    /// Its point code: a number, or zone.area.point as in `"2.100.3"`.
    pub point_code: PointCode,
    /// 0 international, 1 international spare, 2 national, 3 national spare. Default 2.
    #[serde(default = "super::default::network_indicator")]
    pub network_indicator: u8,
    /// The largest MTP signalling information field that the network takes, in octets: an SCCP message and the four
    /// octets of the routing label. Default 272.
    #[serde(default = "super::default::sif_budget")]
    pub sif_budget: u16,
}

/// `[[association]]`: an SCTP association and the M3UA on it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Association {
    /// Its name in this file, in logs and metrics.
    pub name: String,
    /// Which side sends the INIT.
    pub role: Role,
    /// Own addresses, the preferred one first.
    pub local: Vec<IpAddr>,
    /// Own port. Default 2905.
    #[serde(default = "super::default::m3ua_port")]
    pub local_port: u16,
    /// The peer's addresses, the preferred one first.
    pub remote: Vec<IpAddr>,
    /// The peer's port. Default: 2905 for a client; any for a server.
    pub remote_port: Option<u16>,
    /// The worker that owns it, from 0. Default: in turn.
    pub worker: Option<u8>,
    /// Streams each way, the first for M3UA's management: 2 to 64. Default 16.
    #[serde(default = "super::default::streams")]
    pub streams: u16,
    /// RTO.Initial (RFC 9260 16). Default 1,000.
    #[serde(rename = "rto_initial_ms", default = "super::default::rto_initial", deserialize_with = "millis")]
    pub rto_initial: Duration,
    /// RTO.Min. Default 200, since signalling networks are short and a second is an age for them.
    #[serde(rename = "rto_min_ms", default = "super::default::rto_min", deserialize_with = "millis")]
    pub rto_min: Duration,
    /// RTO.Max. Default 5,000.
    #[serde(rename = "rto_max_ms", default = "super::default::rto_max", deserialize_with = "millis")]
    pub rto_max: Duration,
    /// HB.Interval. Default 30,000.
    #[serde(rename = "heartbeat_ms", default = "super::default::heartbeat", deserialize_with = "millis")]
    pub heartbeat: Duration,
    /// How long a SACK may be delayed: 0 to 500. Default 100.
    #[serde(rename = "sack_delay_ms", default = "super::default::sack_delay", deserialize_with = "millis")]
    pub sack_delay: Duration,
    /// The gateway's role in M3UA. Default `"asp"`.
    #[serde(default = "super::default::m3ua_role")]
    pub m3ua: M3uaRole,
    /// Routing contexts of the application servers it is active for. Default: none is sent.
    #[serde(default)]
    pub routing_contexts: Vec<u32>,
    /// Network appearance in DATA messages. Default: none is sent.
    pub network_appearance: Option<u32>,
    /// Traffic mode type in ASP Active. Default: none is sent.
    pub traffic_mode: Option<TrafficMode>,
}

/// Which side of an association the gateway is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It sends the INIT.
    Client,
    /// It waits for one.
    Server,
}

/// The gateway's role in M3UA (RFC 4666 1.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum M3uaRole {
    /// Application server process, towards a signalling gateway.
    Asp,
    /// One of two equal IP server processes; it sends ASP Up.
    IpspClient,
    /// One of two equal IP server processes; it waits for ASP Up.
    IpspServer,
    /// Signalling gateway process, towards an ASP.
    Sgp,
}

/// How traffic is shared among the processes of an application server (RFC 4666 3.7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrafficMode {
    /// One has all.
    Override,
    /// They share.
    Loadshare,
    /// All have all.
    Broadcast,
}

/// `[[destination]]`: a signalling point and the associations that reach it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// Its point code.
    pub point_code: PointCode,
    /// Names of the associations, which share the traffic.
    pub associations: Vec<String>,
}

/// `[[title]]`: where called global titles are sent. The longest prefix wins.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// The beginning of the title's digits; `""` is any.
    pub prefix: Digits,
    /// The next signalling point, a `[[destination]]`.
    pub point_code: PointCode,
    /// Only titles of this translation type. Default: any.
    pub translation_type: Option<u8>,
    /// Only titles of this numbering plan (1: E.164). Default: any.
    pub numbering_plan: Option<u8>,
    /// Only titles of this nature of address (4: international). Default: any.
    pub nature: Option<u8>,
    /// What the next point routes on. Default `"gt"`.
    #[serde(default = "super::default::route_on")]
    pub route_on: RouteOn,
}

/// The routing indicator of a called party address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteOn {
    /// The global title: the next point translates again.
    Gt,
    /// The subsystem number: the next point is the last.
    Ssn,
}
