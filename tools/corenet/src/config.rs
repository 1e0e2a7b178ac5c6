//! The configuration: a TOML file in the gateway's own style, with the gateway's own sections for ports and SS7.

mod line;

pub use line::Line;

use crate::hlr::presence::PresenceRules;
use crate::hlr::subscriber::Priority;
use crate::hlr::waiting::AlertRules;
use crate::model::{Model, Models};
use ipsmgw::control::config::{
    ApplicationServer, Association, Backoff, Destination, Eal, NodeKind, Port, PortAddress, R1, Role, Route,
    Ss7, Title,
};
use ipsmgw::ident::Digits;
use ipsmgw::proto::map::{Arc, SmscType, Version};
use serde::{Deserialize, Deserializer, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The whole configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What every random choice follows from. Default 1.
    #[serde(default = "one")]
    pub seed: u64,
    /// `[node]`.
    #[serde(default)]
    pub node: Node,
    /// `[eal]`: DPDK's environment.
    #[serde(default)]
    pub eal: Eal,
    /// `[[port]]`.
    #[serde(rename = "port")]
    pub ports: Vec<Port>,
    /// `[[route]]`.
    #[serde(rename = "route", default)]
    pub routes: Vec<Route>,
    /// The arc of object identifiers under which the study's extensions to MAP stand, as in `"1.3.6.1.4.1.99999.1"`. Default:
    /// there are none.
    #[serde(default, deserialize_with = "arc")]
    pub extensions: Option<Arc>,
    /// `[sip]`.
    #[serde(default)]
    pub sip: Sip,
    /// `[[network]]`: a network that the gateway serves.
    #[serde(rename = "network")]
    pub networks: Vec<Network>,
    /// `[hlr]`.
    pub hlr: Hlr,
    /// `[traffic]`.
    #[serde(default)]
    pub traffic: Traffic,
    /// `[ue]`: UEs that don't do as they should.
    #[serde(default)]
    pub ue: Ue,
    /// `[smsc]`.
    pub smsc: Smsc,
    /// `[[serving_node]]`: an MSC or SGSN.
    #[serde(rename = "serving_node", default)]
    pub serving_nodes: Vec<ServingNode>,
    /// `[[stp]]`: a signalling gateway between other nodes.
    #[serde(rename = "stp", default)]
    pub stps: Vec<Stp>,
    /// `[impairment]`: what the network does to packets.
    #[serde(default)]
    pub impairment: Impairment,
    /// `[capture]`.
    #[serde(default)]
    pub capture: Capture,
    /// `[api]`: what is told, and changed, while it runs. Default: nothing.
    pub api: Option<Api>,
}

/// `[api]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// The address that it listens at, as in `"127.0.0.1:8080"`. Whoever can reach it can do all that it lets do.
    pub listen: SocketAddr,
}

/// `[hlr]`: the HLR of all networks, a node of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hlr {
    /// `[hlr.point]`: where it is.
    pub point: SignallingPoint,
    /// The order in which SMS-GMSCs are to try the domains, as in `["ip-sm-gw", "msc", "sgsn"]`, the default.
    #[serde(default)]
    pub priority: Priority,
    /// Whether the gateway is withheld from messages without priority after a failure, until it says readyForSM. Default
    /// false.
    #[serde(default)]
    pub unri_withholds: bool,
    /// Beginnings of the numbers of MSCs that may serve subscribers. Default: none.
    #[serde(default)]
    pub mscs: Vec<Digits>,
    /// Beginnings of the numbers of SGSNs that may serve subscribers. Default: none.
    #[serde(default)]
    pub sgsns: Vec<Digits>,
    /// `[hlr.alerts]`: service centres that wait, and their alerts.
    #[serde(default)]
    pub alerts: AlertRules,
    /// `[hlr.presence]`: the presence server that is told who is IP connected. Default: none is.
    pub presence: Option<PresenceServer>,
    /// `[hlr.models.…]`: how it misbehaves.
    #[serde(default)]
    pub models: Models,
}

impl Hlr {
    /// Where it sends SIP from.
    #[must_use]
    pub fn sip(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.point.addresses.first()?.prefix.address, SIP_PORT))
    }
}

/// `[hlr.presence]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceServer {
    /// Its address.
    pub server: SocketAddr,
    /// How it is told.
    #[serde(default)]
    pub rules: PresenceRules,
}

/// A node on the network behind one of the ports, with an address and a point code of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignallingPoint {
    /// The port's name.
    pub port: String,
    /// Its own addresses.
    pub addresses: Vec<PortAddress>,
    /// `[[….also]]`: further networks that it is on.
    #[serde(default)]
    pub also: Vec<Attachment>,
    /// `[….ss7]`.
    pub ss7: Ss7,
    /// `[[….association]]`.
    #[serde(rename = "association")]
    pub associations: Vec<Association>,
    /// `[[….application_server]]`.
    #[serde(rename = "application_server", default)]
    pub application_servers: Vec<ApplicationServer>,
    /// `[[….destination]]`.
    #[serde(rename = "destination")]
    pub destinations: Vec<Destination>,
    /// `[[….title]]`: where the titles of others lead.
    #[serde(rename = "title", default)]
    pub titles: Vec<Title>,
    /// The newest version of MAP that it speaks: newer application contexts are refused, and short messages are sent in none.
    /// Default 3.
    #[serde(default)]
    pub highest_map: HighestMap,
    /// How they are refused. Default `"context"`.
    #[serde(default)]
    pub refuse_as: RefuseAs,
}

/// A version of MAP: 1, 2 or 3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "u8")]
pub struct HighestMap(pub Version);

impl Default for HighestMap {
    fn default() -> Self {
        Self(Version::V3)
    }
}

impl TryFrom<u8> for HighestMap {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        Version::new(number).map(Self).ok_or_else(|| format!("{number} is no version of MAP; 1, 2 or 3"))
    }
}

/// How an application context is refused.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefuseAs {
    /// By its name, and with one that would do, as versions 2 and 3 do.
    #[default]
    Context,
    /// By P-Abort "incorrect transaction portion", as a node of version 1 does that knows no dialogue portions.
    PAbort,
}

/// A network that a signalling point is on too.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// The port's name.
    pub port: String,
    /// Its own addresses there.
    pub addresses: Vec<PortAddress>,
}

impl SignallingPoint {
    /// The networks that it is on, by the names of their ports, and its addresses there.
    pub fn networks(&self) -> impl Iterator<Item = (&str, &[PortAddress])> {
        let also = self.also.iter().map(|it| (it.port.as_str(), &it.addresses[..]));
        [(self.port.as_str(), &self.addresses[..])].into_iter().chain(also)
    }

    /// Its ports, on the networks of those of `ports`.
    ///
    /// # Errors
    /// There is none of a name.
    pub fn ports(&self, ports: &[Port]) -> Result<Vec<Port>, String> {
        let its = |(name, addresses): (&str, &[PortAddress])| {
            let port = ports.iter().find(|port| port.name == name);
            let port = port.ok_or_else(|| format!("port: there is none named {name:?}; name a [[port]]"))?;
            Ok(Port { addresses: addresses.to_vec(), mac: None, ..port.clone() })
        };
        self.networks().map(its).collect()
    }

    fn check(&self, ports: &[Port]) -> Result<(), String> {
        let ports = self.ports(ports)?;
        for association in &self.associations {
            let foreign = association.local.iter().find(|&&address| !is_own(&ports, address));
            if let Some(address) = foreign {
                let name = &association.name;
                return Err(format!("association {name}: local: {address} is no own address; add it there"));
            }
        }
        Ok(())
    }
}

fn is_own(ports: &[Port], address: IpAddr) -> bool {
    ports.iter().flat_map(|port| &port.addresses).any(|own| own.prefix.address == address)
}

/// `[node]`: the process.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Node {
    /// How many queues each port has: as many as the gateway has workers. Default 1.
    pub queues: usize,
    /// What it does when nothing comes. Default `"yield"`.
    pub backoff: Backoff,
    /// Packet buffers for each port and queue. Default 8,192.
    pub frames: u32,
    /// The nodes that this process plays: `"ues"` (with the S-CSCFs), `"smsc"`, `"hlr"`, and serving nodes and signalling gateways by their
    /// names. Default: all.
    pub plays: Option<Vec<String>>,
}

/// The names of nodes that there are once.
pub const UES: &str = "ues";
/// The service centres.
pub const SMSC: &str = "smsc";
/// The HLR.
pub const HLR: &str = "hlr";

impl Default for Node {
    fn default() -> Self {
        Self { queues: 1, backoff: Backoff::Yield, frames: 8_192, plays: None }
    }
}

/// `[sip]`: SIP's timers at the S-CSCFs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sip {
    /// T1. Default 500.
    #[serde(rename = "t1_ms", deserialize_with = "millis")]
    pub t1: Duration,
    /// T2. Default 4,000.
    #[serde(rename = "t2_ms", deserialize_with = "millis")]
    pub t2: Duration,
}

impl Default for Sip {
    fn default() -> Self {
        Self { t1: Duration::from_millis(500), t2: Duration::from_millis(4_000) }
    }
}

/// `[[network]]`: a network with its subscribers, S-CSCF and service centre, as the gateway serves it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its home domain, the host of public user identities.
    pub realm: String,
    /// How many subscribers it has, unless a file lists them.
    pub subscribers: Option<u32>,
    /// The beginning of their IMSIs; a running number makes them 15 digits long.
    pub imsi_prefix: Option<Digits>,
    /// The beginning of their numbers; six digits follow.
    pub msisdn_prefix: Option<Digits>,
    /// Lines of IMSI, MSISDN and public identities, as the gateway reads them too; beside this configuration.
    pub subscribers_file: Option<PathBuf>,
    /// The S-CSCF's URI.
    pub scscf_uri: String,
    /// The S-CSCF's own address.
    pub scscf_address: SocketAddr,
    /// The gateway's address for this network.
    pub gateway_address: SocketAddr,
    /// The gateway's URI in this network.
    pub gateway_uri: String,
    /// The gateway's title in this network, which the HLR tells as the recipient's node.
    pub gateway_title: Digits,
    /// What the gateway appears as. Default `"msc"`.
    #[serde(default = "msc")]
    pub gateway_node: NodeKind,
    /// The service centre: its title, its number in messages, and that of its GMSC and IWMSC.
    pub service_centre: Digits,
    /// The HLR's title.
    pub hlr_title: Digits,
    /// How the HLR learns which gateway serves a subscriber. Default `"preconfigured"`: it knows.
    #[serde(default = "preconfigured")]
    pub r1: R1,
    /// So many of its subscribers, the first ones, register at the gateway themselves. Default 0.
    #[serde(default)]
    pub direct: u32,
    /// Where the first of them is seen; the others have the addresses after it. Behind the S-CSCF's port.
    pub direct_address: Option<SocketAddr>,
    /// How many of them share an address, behind an address translator, with the ports after that of the first. Default 1.
    #[serde(default = "alone")]
    pub direct_sharing: u32,
    /// What they prove who they are with. Default `"aka"`: their SIM cards.
    #[serde(default)]
    pub direct_authentication: DirectAuthentication,
    /// What the third-party REGISTER tells the gateway. Default `"service-info"`.
    #[serde(default)]
    pub register_body: RegisterBody,
}

/// How UEs with direct access prove who they are, by the gateway's own words for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DirectAuthentication {
    /// With a SIM card, whose IMSI the first REGISTER tells (TS 24.229 5.1.1.2).
    #[default]
    Aka,
    /// With a password, of which the first REGISTER says nothing (RFC 3261 22.1).
    Digest,
}

/// The body of a third-party REGISTER (TS 24.229 5.4.1.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegisterBody {
    /// None: the gateway has the subscriber's numbers from elsewhere.
    None,
    /// `application/3gpp-ims+xml` with the MSISDN in service-info.
    #[default]
    ServiceInfo,
    /// `message/sip`: the UE's REGISTER, whose Authorization tells the private identity.
    EmbeddedRegister,
    /// Both, in `multipart/mixed`.
    Multipart,
}

/// `[traffic]`: what is sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Traffic {
    /// Mobile originated messages. Default 0.
    pub mo: u32,
    /// Mobile terminated messages. Default 0.
    pub mt: u32,
    /// Mobile originated messages of UEs with direct access. Default 0.
    pub direct_mo: u32,
    /// Mobile terminated messages for UEs with direct access. Default 0.
    pub direct_mt: u32,
    /// Messages of a flow under way at a time, at most. Default 64.
    pub window: u32,
    /// Messages of a flow begun in a second; 0: as many as the window lets. Default 0.
    pub rate: f64,
    /// This share of the UEs, from 0 to 1, leaves when the messages begin, and comes back. Default 0.
    pub absent: f64,
    /// How long after that, at most: at random. Default 10,000.
    #[serde(rename = "absent_ms", deserialize_with = "millis")]
    pub absence: Duration,
    /// How often every UE registers anew before the messages. Default 0.
    pub refreshes: u32,
    /// Whether every UE de-registers at the end. Default false.
    pub deregister: bool,
    /// Seconds of life that registrations ask for. Default 600,000.
    pub expires: u32,
    /// How long a UE waits for its submit report (TS 24.011 TR1M). Default 40,000.
    #[serde(rename = "mo_report_ms", deserialize_with = "millis")]
    pub mo_report: Duration,
    /// The invoke timer of mt-forwardSM. Default 90,000.
    #[serde(rename = "mt_forward_ms", deserialize_with = "millis")]
    pub mt_forward: Duration,
    /// How long the gateway may take to come up. Default 30,000.
    #[serde(rename = "up_ms", deserialize_with = "millis")]
    pub up: Duration,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            mo: 0,
            mt: 0,
            direct_mo: 0,
            direct_mt: 0,
            window: 64,
            rate: 0.0,
            absent: 0.0,
            absence: Duration::from_secs(10),
            refreshes: 0,
            deregister: false,
            expires: 600_000,
            mo_report: Duration::from_secs(40),
            mt_forward: Duration::from_secs(90),
            up: Duration::from_secs(30),
        }
    }
}

/// `[ue]`: shares of the UEs, from 0 to 1, that don't do as they should.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ue {
    /// They don't answer at all.
    pub silent: f64,
    /// They answer 200 and never report.
    pub mute: f64,
    /// They report RP-ERROR.
    pub failing: f64,
    /// With this RP-Cause. Default 22: memory capacity exceeded.
    pub cause: u8,
    /// They refuse the MESSAGE.
    pub refusing: f64,
    /// With this status. Default 480: temporarily unavailable.
    pub status: u16,
    /// They submit each message once more after its RP-ACK, in a MESSAGE of its own.
    pub repeating: f64,
    /// They report under another of their identities, their number.
    pub other_identity: f64,
}

impl Ue {
    /// Whether the shares are some.
    ///
    /// # Errors
    /// Says which is none, or that the status is none.
    pub fn check(&self) -> Result<(), String> {
        if !(300..700).contains(&self.status) {
            return Err(format!("status: {} refuses nothing; give 300 to 699", self.status));
        }
        let shares = [
            ("silent", self.silent),
            ("mute", self.mute),
            ("failing", self.failing),
            ("refusing", self.refusing),
            ("repeating", self.repeating),
            ("other_identity", self.other_identity),
        ];
        match shares.iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            Some((key, share)) => Err(format!("{key}: {share} is no share; give 0 to 1")),
            None => Ok(()),
        }
    }
}

impl Default for Ue {
    fn default() -> Self {
        Self {
            silent: 0.0,
            mute: 0.0,
            failing: 0.0,
            cause: 22,
            refusing: 0.0,
            status: 480,
            repeating: 0.0,
            other_identity: 0.0,
        }
    }
}

/// `[smsc]`: the service centres of all networks, with SMS-GMSC and SMS-IWMSC, a node of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smsc {
    /// `[smsc.point]`: where it is.
    pub point: SignallingPoint,
    /// The file in which it keeps its messages, beside this configuration. Default: none, they end with the process.
    pub store: Option<PathBuf>,
    /// Whether its SMS-GMSC says that it can take three numbers (8.4 step 3); needs `extensions`. Default true.
    #[serde(default = "yes")]
    pub ip_messaging: bool,
    /// Whether its SMS-GMSC says that it can take two (gprsSupportIndicator). Default true.
    #[serde(default = "yes")]
    pub gprs_support: bool,
    /// What kind of service centre it says it is (8.5 step 8): `"normal"`, `"voice-mail"` or `"video-mail"`; needs
    /// `extensions`. Default: it doesn't say.
    #[serde(default, deserialize_with = "smsc_type")]
    pub kind: Option<SmscType>,
    /// How long after each failure it tries again, in seconds; after the last again and again. Default 60, 300, 900, 3,600.
    /// An empty list: it tries once, and doesn't wait for an alert either.
    #[serde(default = "retries")]
    pub retry_s: Vec<u32>,
    /// How long it keeps messages that don't tell their validity, in seconds. Default 172,800: two days.
    #[serde(default = "validity")]
    pub validity_s: u32,
    /// How many recipients it serves at a time; the others' messages stay in the queue. Default 1,024.
    #[serde(default = "deliveries")]
    pub deliveries: u32,
    /// `hlr_ms`: the invoke timer of sendRoutingInfoForSM and reportSM-DeliveryStatus. Default 20,000 (TS 29.002 17.1.2:
    /// medium).
    #[serde(default = "medium", rename = "hlr_ms", deserialize_with = "millis")]
    pub hlr: Duration,
    /// `[smsc.model]`: what becomes of mobile originated messages.
    #[serde(default)]
    pub model: Model,
}

const fn medium() -> Duration {
    Duration::from_secs(20)
}

const fn yes() -> bool {
    true
}

fn retries() -> Vec<u32> {
    vec![60, 300, 900, 3_600]
}

const fn validity() -> u32 {
    172_800
}

const fn deliveries() -> u32 {
    1_024
}

/// `[[serving_node]]`: an MSC with its VLR, or an SGSN, with mobiles behind it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServingNode {
    /// Its name.
    pub name: String,
    /// `"msc"` or `"sgsn"`.
    pub kind: NodeKind,
    /// Its title; an MSC's is its VLR's too.
    pub title: Digits,
    /// `[serving_node.point]`: where it is.
    pub point: SignallingPoint,
    /// This share of every network's subscribers is attached at the start, from 0 to 1. Default 1.
    #[serde(default = "whole")]
    pub attached: f64,
    /// `[serving_node.model]`: what becomes of messages to them.
    #[serde(default)]
    pub model: Model,
    /// How long after a message found its mobile absent or full the mobile is there again, or has room, and the HLR is told so
    /// by readyForSM; in milliseconds. Default: it does not come back by itself.
    pub back_ms: Option<u32>,
    /// Messages that its mobiles send to their service centres. Default 0.
    #[serde(default)]
    pub mo: u32,
}

const fn whole() -> f64 {
    1.0
}

/// `[[stp]]`: a signalling gateway, to which the associations of others lead, and that passes on what they say to each other.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stp {
    /// Its name.
    pub name: String,
    /// `[stp.point]`: where it is. Its `[[stp.point.title]]` say where titles lead that others send to its own point code.
    pub point: SignallingPoint,
}

/// `[impairment]`: shares of the packets, from 0 to 1, each way on every port.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Impairment {
    /// They are lost.
    pub loss: f64,
    /// They come twice.
    pub duplicate: f64,
}

impl Impairment {
    /// The same for each of a node's ports; nothing, if nothing happens to any packet.
    pub(crate) fn of_ports(
        self,
        ports: usize,
        seed: u64,
    ) -> Vec<Option<std::sync::Arc<ipsmgw::io::Impairment>>> {
        let any = self.loss > 0.0 || self.duplicate > 0.0;
        let of = || std::sync::Arc::new(ipsmgw::io::Impairment::new(self.loss, self.duplicate, seed));
        (0..ports).map(|_| any.then(of)).collect()
    }
}

/// `[capture]`: what goes over the ports, as a file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capture {
    /// The pcapng file, beside this configuration. Default: none.
    pub file: Option<PathBuf>,
}

/// SIP's port.
const SIP_PORT: u16 = 5060;

fn arc<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Arc>, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// M3UA's port (RFC 4666 1.4.8).
const M3UA_PORT: u16 = 2905;

fn smsc_type<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SmscType>, D::Error> {
    match String::deserialize(from)?.as_str() {
        "normal" => Ok(Some(SmscType::Normal)),
        "voice-mail" => Ok(Some(SmscType::VoiceMail)),
        "video-mail" => Ok(Some(SmscType::VideoMail)),
        text => Err(serde::de::Error::custom(format!(
            "unknown kind {text:?}, expected one of normal, voice-mail, video-mail"
        ))),
    }
}

const fn one() -> u64 {
    1
}

const fn alone() -> u32 {
    1
}

const fn preconfigured() -> R1 {
    R1::Preconfigured
}

const fn msc() -> NodeKind {
    NodeKind::Msc
}

fn millis<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u32::deserialize(from).map(|millis| Duration::from_millis(millis.into()))
}

impl Config {
    /// Reads and checks `file`.
    ///
    /// # Errors
    /// Says what is wrong, where, and what to do.
    pub fn load(file: &Path) -> Result<Self, String> {
        let at = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("{at}: cannot be read: {error}; name a readable file with -c"))?;
        let mut config = Self::parse(&text).map_err(|what| format!("{at}: {what}"))?;
        let directory = file.parent().unwrap_or(Path::new("")).to_owned();
        for network in &mut config.networks {
            network.subscribers_file = network.subscribers_file.take().map(|file| directory.join(file));
        }
        config.capture.file = config.capture.file.take().map(|file| directory.join(file));
        config.smsc.store = config.smsc.store.take().map(|file| directory.join(file));
        Ok(config)
    }

    /// The routes that lead out by a port.
    #[must_use]
    pub fn routes_by(&self, port: &str) -> Vec<Route> {
        self.routes.iter().filter(|route| route.port == port).cloned().collect()
    }

    /// Whether this process plays a node.
    #[must_use]
    pub fn plays(&self, name: &str) -> bool {
        self.node.plays.as_ref().is_none_or(|plays| plays.iter().any(|it| it == name))
    }

    /// What the link addresses of this process's nodes have in common: processes that play different nodes may be on one
    /// network.
    #[must_use]
    pub fn station(&self) -> [u8; 2] {
        let names = self.node.plays.iter().flatten().flat_map(|name| name.bytes().chain([0]));
        let hash = |hash: u16, octet: u8| (hash ^ u16::from(octet)).wrapping_mul(0x0193).rotate_left(5);
        names.fold(0, hash).to_be_bytes()
    }

    /// The signalling points that this process plays, with their places in the file.
    pub fn points(&self) -> impl Iterator<Item = (&'static str, &SignallingPoint)> {
        let serving =
            self.serving_nodes.iter().map(|node| (node.name.as_str(), "serving_node.point", &node.point));
        let own = [(SMSC, "smsc.point", &self.smsc.point), (HLR, "hlr.point", &self.hlr.point)];
        let stps = self.stps.iter().map(|stp| (stp.name.as_str(), "stp.point", &stp.point));
        let all = own.into_iter().chain(serving).chain(stps).filter(|(name, ..)| self.plays(name));
        all.map(|(_, place, point)| (place, point))
    }

    /// Whether an address is one of the box's own.
    #[must_use]
    pub fn is_own(&self, address: IpAddr) -> bool {
        let networks = self.points().flat_map(|(_, point)| point.networks());
        let mut of_points = networks.flat_map(|(_, addresses)| addresses);
        of_points.any(|own| own.prefix.address == address) || is_own(&self.ports, address)
    }

    /// Checks `text` as a configuration.
    ///
    /// # Errors
    /// Says what is wrong and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut config: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let serving = config.serving_nodes.iter_mut().map(|node| &mut node.point);
        let stps = config.stps.iter_mut().map(|stp| &mut stp.point);
        let points = [&mut config.smsc.point, &mut config.hlr.point].into_iter().chain(serving).chain(stps);
        let all = points.flat_map(|point| &mut point.associations);
        for association in all.filter(|association| association.role == Role::Client) {
            association.remote_port.get_or_insert(M3UA_PORT);
        }
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        for (key, count) in [
            ("port", self.ports.len()),
            ("network", self.networks.len()),
            ("node.queues", self.node.queues),
            ("traffic.window", self.traffic.window as usize),
        ] {
            if count == 0 {
                return Err(format!("{key}: there is none; give at least one"));
            }
        }
        if let Some(port) = self.ports.iter().find(|port| port.impairment.is_some()) {
            let name = &port.name;
            return Err(format!(
                "port {name}: impairment: is for all ports here; write it under [impairment]"
            ));
        }
        let stps = self.stps.iter().map(|stp| stp.name.as_str());
        let names = self.serving_nodes.iter().map(|node| node.name.as_str()).chain(stps);
        let names: Vec<&str> = [UES, SMSC, HLR].into_iter().chain(names).collect();
        let unknown = self.node.plays.iter().flatten().find(|name| !names.contains(&name.as_str()));
        if let Some(name) = unknown {
            return Err(format!("node.plays: there is no node {name:?}; the nodes are {}", names.join(", ")));
        }
        for network in self.networks.iter().filter(|_| self.plays(UES)) {
            let address = network.scscf_address.ip();
            if !is_own(&self.ports, address) {
                let name = &network.name;
                return Err(format!(
                    "network {name}: scscf_address: {address} is no own address; add it to a [[port]]"
                ));
            }
        }
        for network in self.networks.iter().filter(|network| network.direct > 0) {
            let name = &network.name;
            if network.direct_address.is_none() {
                return Err(format!("network {name}: direct_address: missing; give the first UE's address"));
            }
        }
        for (place, point) in self.points() {
            point.check(&self.ports).map_err(|what| format!("{place}: {what}"))?;
        }
        for node in &self.serving_nodes {
            let wrong = |what| format!("serving_node {}: {what}", node.name);
            node.model.check().map_err(wrong)?;
        }
        self.ue.check().map_err(|what| format!("ue: {what}"))?;
        self.smsc.model.check().map_err(|what| format!("smsc.model: {what}"))?;
        self.hlr.models.check().map_err(|what| format!("hlr.models: {what}"))?;
        let shares = [
            ("traffic.absent", self.traffic.absent),
            (
                "serving_node.attached",
                self.serving_nodes.iter().map(|node| node.attached).fold(0.0, f64::max),
            ),
            ("impairment.loss", self.impairment.loss),
            ("impairment.duplicate", self.impairment.duplicate),
        ];
        match shares.iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            Some((key, share)) => Err(format!("{key}: {share} is no share; give 0 to 1")),
            None => Ok(()),
        }
    }
}
