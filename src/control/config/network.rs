//! `[[network]]` and `[timers]`: served networks and the gateway's own timers.

use super::numbers::Numbers;
use super::text::{Hosts, millis, seconds};
use crate::ident::{Digits, Ssn};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
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
    /// Its S-CSCFs, which register subscribers as a third party; messages to such subscribers go there, or, if that one
    /// does not answer or says 503, to the next in this order (RFC 3263 4.3). Without one, UEs
    /// must be able to register here themselves (`direct`).
    #[serde(default)]
    pub scscf: Vec<Scscf>,
    /// Other hosts of its core that messages may come from, addresses and prefixes as in `"10.1.0.0/24"`: I-CSCFs, which bring
    /// delivery reports that are addressed to the gateway (TS 24.229 5.3.2). Nothing is sent there but answers. Default: none.
    #[serde(default)]
    pub trusted: Vec<Hosts>,
    /// Whether its core may leave out the branch of RFC 3261 in Via: its requests are then told apart by RFC 2543's rules.
    /// Default false.
    #[serde(default)]
    pub legacy: bool,
    /// How UEs register here themselves (8.1). Without it, only S-CSCFs are listened to.
    pub direct: Option<Direct>,
    /// Its name in P-Charging-Vector (orig-ioi, TS 24.229 7.2A.5), as in `"Type 3home1.net"`. Default: none is told.
    #[serde(default)]
    pub ioi: String,
    /// How its users spell numbers. Default: those of the country of `gateway_title`, without a national prefix.
    #[serde(default)]
    pub numbers: Numbers,
    /// The gateway's own URI towards this network. Default: `uri` of `[sip]`.
    #[serde(default)]
    pub gateway_uri: String,
    /// How the gateway registers a subscriber with the HLR. Default `"any_time_modification"`.
    #[serde(default = "super::default::r1")]
    pub r1: R1,
    /// How it is found out after a start, or when an operator asks, whether the HLR knows who is registered here: by asking whom
    /// it would send a message to (`"routing_info"`), or by registering again (`"register"`); or not at all (`"off"`). Default
    /// `"register"`, and `"routing_info"` where `r1` is `"update_gprs_location"`.
    pub audit: Option<Audit>,
    /// What is done about somebody whom the HLR believes to be registered here and who is not, when a message for him shows that:
    /// the HLR is told (`"deregister"`), or it is counted alone (`"count"`). Default `"deregister"`.
    #[serde(default = "super::default::ghosts")]
    pub ghosts: Ghosts,
    /// Whether a REGISTER is answered after the HLR (TR 23.804) or before (TS 23.204). Default `"before_200"`: the HLR comes
    /// first.
    #[serde(default = "super::default::r1_order")]
    pub r1_order: R1Order,
    /// What makes the gateway register a subscriber of an S-CSCF with the HLR: its REGISTER, or a NOTIFY that shows a
    /// registered contact that takes short messages (TS 24.341 5.3.3.2). Default `"register"`.
    #[serde(default = "super::default::r1_trigger")]
    pub r1_trigger: R1Trigger,
    /// Whether registration state is watched (RFC 3680) where a REGISTER is the trigger, so that somebody whose contacts
    /// have all gone is absent at once. Default `"off"`.
    #[serde(default = "super::default::reg_event")]
    pub reg_event: RegEvent,
    /// The HLRs, by beginnings of IMSIs; the longest wins. Needed unless `r1` is preconfigured and no UE authenticates with
    /// its SIM.
    #[serde(default)]
    pub hlr: Vec<HlrRoute>,
    /// Which access is preferred where a subscriber has several (G-6), the first most. Default `["direct", "ims"]`.
    #[serde(default = "super::default::access_order")]
    pub access_order: Vec<Access>,
    /// Whether the user's own order (subscriber file, q-values) goes before `access_order`. Default false.
    #[serde(default)]
    pub user_order: bool,
    /// What becomes of a message that a UE submits over another access than the preferred one. Default `"accept"`.
    #[serde(default = "super::default::mo_not_preferred")]
    pub mo_not_preferred: MoNotPreferred,
    /// The final answer to a delivery report from a UE: 200 (TR 23.804 8.10 step 14) or 202 (TS 24.341). Default 200.
    #[serde(default = "super::default::report_answer")]
    pub report_answer: u16,
    /// The answer to a well-formed delivery report that matches no message. Default `"accept"`: `report_answer`.
    #[serde(default = "super::default::report_unmatched")]
    pub report_unmatched: ReportUnmatched,
    /// For how long a submission that comes again (same subscriber, RP-MR and TPDU, in a request of its own) gets the first
    /// one's report, and is not forwarded; the notice of free memory likewise. 0: every one is forwarded. Default 120.
    #[serde(rename = "duplicate_s", default = "super::default::duplicate", deserialize_with = "seconds")]
    pub duplicate: Duration,
    /// Whether the gateway's URI in From and P-Asserted-Identity of a message to a UE gets a parameter (`ipsm`) that names
    /// the message, so that a report to that URI is matched though it has no In-Reply-To. Default false: strict peers compare
    /// P-Asserted-Identity.
    #[serde(default)]
    pub report_token: bool,
    /// A quirk: whether an RP-ACK or RP-ERROR in the body of the 200 to a message counts as the UE's report. Default false: a 200
    /// is never taken for delivery.
    #[serde(default)]
    pub report_in_200: bool,
    /// A file of subscribers, beside this one unless the path is absolute: IMSI, MSISDN and public identities, for
    /// those that a registration does not tell.
    pub subscribers: Option<PathBuf>,
}

impl Network {
    /// How it is found out whether the HLR knows who is registered here. One that knows the gateway beforehand has nothing to know.
    #[must_use]
    pub fn audits(&self) -> Audit {
        match self.r1 {
            R1::AnyTimeModification => self.audit.unwrap_or(Audit::Register),
            R1::UpdateGprsLocation => self.audit.unwrap_or(Audit::RoutingInfo),
            R1::Preconfigured => Audit::Off,
        }
    }
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
    /// Where requests to it are sent; requests from this host, whatever port, are trusted. Default: where the URI's host is, if
    /// that is an address, or else where the servers of `[sip.dns]` say (RFC 3263).
    pub address: Option<SocketAddr>,
    /// How: `"udp"`, `"tcp"` or `"tls"`; those need `[sip.streams]`. Default: without an address what DNS says; with one
    /// `"udp"`, but for what is too large for it, or `"tls"` for a SIPS URI.
    pub transport: Option<ScscfTransport>,
}

impl Scscf {
    /// Whether its URI is a SIPS URI.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.uri.starts_with("sips:")
    }

    /// The URI's host and port.
    fn host_port(&self) -> (&str, Option<u16>) {
        let host = super::host_of(&self.uri).unwrap_or_default();
        let rest = self.uri.rsplit_once(host).map_or("", |(_, rest)| rest);
        (host, rest.strip_prefix(':').and_then(|port| port.parse().ok()))
    }

    /// The name that DNS has to be asked for, with the URI's port; nothing if it is given where this one is.
    #[must_use]
    pub fn sought(&self) -> Option<(&str, Option<u16>)> {
        self.address.is_none().then(|| self.host_port())
    }

    /// An address in the URI is one that is given (RFC 3263 4.2), and what has an address has a transport.
    pub(super) fn fill(&mut self) {
        let (host, port) = self.host_port();
        let by_default = if self.is_secure() { ScscfTransport::Tls } else { ScscfTransport::Udp };
        let transport = self.transport.unwrap_or(by_default);
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        let of_transport = if transport == ScscfTransport::Tls { 5061 } else { 5060 };
        let address = address.map(|address| SocketAddr::new(address, port.unwrap_or(of_transport)));
        self.address = self.address.or(address);
        if self.address.is_some() {
            self.transport = Some(transport);
        }
    }
}

/// By what requests to an S-CSCF go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScscfTransport {
    /// By UDP.
    Udp,
    /// By TCP.
    Tcp,
    /// By TLS.
    Tls,
}

/// `[network.direct]`: UEs that register at the gateway itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Direct {
    /// How a UE proves who it is.
    pub authentication: Authentication,
    /// With `"aka"`: which algorithms are offered, the preferred one first. Default `["AKAv2-MD5", "AKAv1-MD5"]`.
    #[serde(default = "super::default::aka")]
    pub aka: Vec<Aka>,
    /// With `"digest"`: a file of users and hashed passwords as `htdigest` writes it, beside this one unless the path is
    /// absolute.
    pub credentials: Option<PathBuf>,
    /// Whether a UE that can't be reached is de-registered (G-5). Default `"deregister"`.
    #[serde(default = "super::default::unreachable")]
    pub unreachable: UnreachablePolicy,
}

/// How a UE proves who it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authentication {
    /// With its SIM: digest AKA (RFC 3310, RFC 4169), with vectors of the HLR.
    Aka,
    /// With a password: digest with MD5 (RFC 7616).
    Digest,
    /// Not at all. For a laboratory: everybody can be anybody.
    None,
}

/// A digest algorithm with AKA.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Aka {
    /// RFC 3310.
    #[serde(rename = "AKAv1-MD5")]
    V1,
    /// RFC 4169.
    #[serde(rename = "AKAv2-MD5")]
    V2,
}

/// What becomes of the registration of a UE that can't be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnreachablePolicy {
    /// It ends.
    Deregister,
    /// It stays until its time has passed.
    Keep,
}

/// A way to reach a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// The UE itself registered here.
    Direct,
    /// Through an S-CSCF.
    Ims,
}

/// What becomes of a message over an access that is not the preferred one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MoNotPreferred {
    /// It is forwarded.
    Accept,
    /// It is answered 403.
    Refuse,
}

/// An HLR.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HlrRoute {
    /// The beginning of its subscribers' IMSIs. Default: any.
    #[serde(default)]
    pub imsi_prefix: Digits,
    /// Its global title: E.164, international, without `+`.
    pub title: Digits,
}

/// Which goes first: the HLR's answer or ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum R1Order {
    /// The HLR's (TR 23.804 8.1, 8.7), for at most `r1_answer_ms`.
    #[serde(rename = "before_200")]
    Before200,
    /// Ours (TS 23.204 6.1, 6.2).
    #[serde(rename = "after_200")]
    After200,
}

/// How the gateway registers a subscriber with the HLR.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum R1 {
    /// anyTimeModification, as an IP-SM-GW (TS 29.002 22.4).
    AnyTimeModification,
    /// updateGprsLocation and purgeMS, as an SGSN: a plain HLR then cancels the subscriber's real SGSN.
    UpdateGprsLocation,
    /// Not at all: the HLR knows the gateway's address beforehand (8.7 step 5, 8.8 step 5).
    Preconfigured,
}

/// How it is found out whether the HLR knows who is registered here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audit {
    /// By sendRoutingInfoForSM: the HLR names the gateway, or does not. For HLRs that name it to the gateway itself.
    RoutingInfo,
    /// By registering again, which tells nothing of what the HLR knew.
    Register,
    /// Not at all.
    Off,
}

/// What is done about somebody whom the HLR believes to be registered here and who is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ghosts {
    /// The HLR is told.
    Deregister,
    /// It is counted.
    Count,
}

/// What makes the gateway register a subscriber of an S-CSCF with the HLR.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum R1Trigger {
    /// The third-party REGISTER (TR 23.804 8.7).
    Register,
    /// A NOTIFY that shows a registered contact with the feature tag `+g.3gpp.smsip` (TS 24.341 5.3.3.2); the REGISTER is
    /// answered before.
    RegEvent,
}

/// Whether registration state is watched beside the REGISTERs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegEvent {
    /// It is not.
    Off,
    /// It is: when the last registered contact has gone, so has the subscriber.
    Watch,
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
    /// How long a user is kept for the next message of an SMS-GMSC that has more for him in the same dialogue, before those of
    /// others; 0: not at all. Default 10,000.
    #[serde(rename = "mt_more_ms", deserialize_with = "millis")]
    pub mt_more: Duration,
    /// The invoke timer of mo-forwardSM (TS 29.002 17.6.6: medium long). Default 90,000.
    #[serde(rename = "map_forward_ms", deserialize_with = "millis")]
    pub map_forward: Duration,
    /// The longest registration; a longer one is cut, and the answer says so. Default 604,800 (a week).
    #[serde(rename = "registration_max_s", deserialize_with = "seconds")]
    pub registration_max: Duration,
    /// The long guard timer of 8.2.2: how much longer than asked for a direct registration lives before the gateway ends
    /// it. Default 600.
    #[serde(rename = "guard_s", deserialize_with = "seconds")]
    pub guard: Duration,
    /// How long a REGISTER waits for the HLR; then it is answered, and the exchange goes on. Default 2,000.
    #[serde(rename = "r1_answer_ms", deserialize_with = "millis")]
    pub r1_answer: Duration,
    /// How long subscriber table and HLR may differ while both are up. Default 60.
    #[serde(rename = "r1_repair_s", deserialize_with = "seconds")]
    pub r1_repair: Duration,
    /// Operations towards HLRs in a second, at most. Default 500.
    pub r1_per_second: u32,
    /// Operations that the HLRs of one network have not answered yet, at most; more wait. Default 2,000.
    pub r1_outstanding: u32,
    /// Of these, those of audits, which take what others leave, in a second at most. Default 100.
    pub audit_per_second: u32,
    /// SUBSCRIBEs to S-CSCFs in a second, at most. Default 200.
    pub reg_event_per_second: u32,
    /// The invoke timer of operations towards HLRs (TS 29.002 17.1.2: medium). Default 20,000.
    #[serde(rename = "map_registration_ms", deserialize_with = "millis")]
    pub map_registration: Duration,
    /// How long a challenge may be answered. Default 30.
    #[serde(rename = "nonce_s", deserialize_with = "seconds")]
    pub nonce: Duration,
    /// How long the fragments of an IP packet may take, from the first that arrives (RFC 791 3.2: 15; RFC 8200 4.5: 60).
    /// Default 15.
    #[serde(rename = "reassembly_s", deserialize_with = "seconds")]
    pub reassembly: Duration,
}
