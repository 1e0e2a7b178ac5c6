//! `[[network]]` and `[timers]`: served networks and the gateway's own timers.

use super::text::{millis, seconds};
use crate::ident::{Digits, Ssn};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// `[[network]]`: a network whose subscribers the gateway serves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Its name in this file, in logs and metrics.
    pub name: String,
    /// Mobile country code: 3 digits.
    pub mcc: Digits,
    /// Mobile network code: 2 or 3 digits.
    pub mnc: Digits,
    /// Home domains of its IMS. Default: `ims.mncNNN.mccNNN.3gppnetwork.org` (TS 23.003 13.2).
    #[serde(default)]
    pub realms: Vec<String>,
    /// Beginnings of its IMSIs. Default: `mcc` and `mnc`.
    #[serde(default)]
    pub imsi_prefixes: Vec<Digits>,
    /// Beginnings of its MSISDNs, international, without `+`. Default: any number.
    #[serde(default)]
    pub msisdn_prefixes: Vec<Digits>,
    /// The gateway's own global title in this network: E.164, international, without `+`.
    pub gateway_title: Digits,
    /// What the gateway appears as to SMS-GMSC and SMS-IWMSC (G-7). Default `"msc"`.
    #[serde(default = "super::default::node_kind")]
    pub node: NodeKind,
    /// Beginnings of the service centres that its subscribers may use. Default: any.
    #[serde(default)]
    pub service_centres: Vec<Digits>,
    /// Its S-CSCFs: SIP requests are taken from these alone, and messages to subscribers go there.
    pub scscf: Vec<Scscf>,
    /// The gateway's own URI towards this network. Default: `uri` of `[sip]`.
    #[serde(default)]
    pub gateway_uri: String,
    /// How the gateway registers a subscriber with the HLR.
    pub r1: R1,
    /// The final answer to a delivery report from a UE: 200 (TR 23.804 8.10 step 14) or 202 (TS 24.341). Default 200.
    #[serde(default = "super::default::report_answer")]
    pub report_answer: u16,
    /// The answer to a well-formed delivery report that matches no message. Default `"accept"`: `report_answer`.
    #[serde(default = "super::default::report_unmatched")]
    pub report_unmatched: ReportUnmatched,
    /// A file of subscribers, beside this one unless the path is absolute: IMSI, MSISDN and public identities, for
    /// those that a registration does not tell.
    pub subscribers: Option<PathBuf>,
}

/// What the gateway appears as in the SS7 network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// An MSC, on reference point E.
    Msc,
    /// An SGSN, on reference point Gd.
    Sgsn,
}

impl NodeKind {
    /// The subsystem number of such a node (TS 23.003 8).
    #[must_use]
    pub const fn ssn(self) -> Ssn {
        match self {
            Self::Msc => Ssn::MSC,
            Self::Sgsn => Ssn::SGSN,
        }
    }
}

/// An S-CSCF of a network.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scscf {
    /// Its URI, as in `"sip:scscf1.home1.net"`.
    pub uri: String,
    /// Where requests to it are sent; requests from this host, whatever port, are trusted.
    pub address: SocketAddr,
}

/// How the gateway registers a subscriber with the HLR.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum R1 {
    /// Not at all: the HLR knows the gateway's address beforehand (8.7 step 5, 8.8 step 5).
    Preconfigured,
}

/// What becomes of a well-formed delivery report that matches no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum ReportUnmatched {
    /// It is answered like a matching one, and counted: handsets repeat a refused report.
    #[serde(rename = "accept")]
    Accept,
    /// It is answered 488, and counted (TS 24.341 5.3.3.4.1).
    #[serde(rename = "488")]
    NotAcceptableHere,
}

/// `[timers]`: how long the gateway waits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timers {
    /// How long a UE may take from a mobile-terminated message to its report. Default 40,000.
    #[serde(rename = "mt_report_ms", deserialize_with = "millis")]
    pub mt_report: Duration,
    /// How many mobile-terminated messages wait for one user behind the one under way; a further one is answered
    /// subscriberBusyForMT-SMS. Default 8.
    pub mt_queue: u8,
    /// The invoke timer of mo-forwardSM (TS 29.002 17.6.6: medium long). Default 90,000.
    #[serde(rename = "map_forward_ms", deserialize_with = "millis")]
    pub map_forward: Duration,
    /// The longest registration; a longer one is cut, and the answer says so. Default 604,800 (a week).
    #[serde(rename = "registration_max_s", deserialize_with = "seconds")]
    pub registration_max: Duration,
}
