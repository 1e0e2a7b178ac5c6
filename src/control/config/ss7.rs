//! `[ss7]`, `[[association]]`, `[[destination]]`, `[[title]]` and `[[map_peer]]`: the SS7 side.

use super::RoutingKey;
use crate::ident::{Digits, PointCode};
use crate::proto::sctp;
use crate::proto::tcap::{AddressParts, Limits, PeerMatch};
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
    /// How long it is remembered that a peer speaks an older version of MAP, in seconds: 1 to 604,800. Default 3,600.
    #[serde(default = "super::default::map_memory_s")]
    pub map_memory_s: u32,
    /// What must be the called party's in the first answer to a dialogue that the gateway opens; `point_code` is the
    /// one that the dialogue's beginning was sent to, against the OPC of the answer. Default point code and subsystem: a
    /// title that is translated on the way is answered from another.
    #[serde(default = "super::default::match_first")]
    pub match_first: Vec<PeerPart>,
    /// What must be the peer's in all later messages of a dialogue, and in all of one that the peer has opened. Default
    /// point code, subsystem and title.
    #[serde(default = "super::default::match_later")]
    pub match_later: Vec<PeerPart>,
    /// How much of `capacity.dialogues` the dialogues may take that one title has opened, in percent. Default 50.
    #[serde(default = "super::default::title_share")]
    pub title_share: u8,
    /// How much those may that were opened from one point code, perhaps a relay's: what is left is for others and for
    /// the gateway's own. Default 75.
    #[serde(default = "super::default::point_code_share")]
    pub point_code_share: u8,
    /// Aborts a second, per worker, for transaction ids that name no dialogue. Default 100.
    #[serde(default = "super::default::aborts_per_second")]
    pub aborts_per_second: u32,
    /// Point codes of signalling relays that stand in for one another, and the one that is all of theirs: what one of
    /// them was sent may be answered through another. The targets of one `[[title]]` with `route_on = "gt"` are known to be
    /// such. Default none.
    #[serde(default)]
    pub relays: Vec<PointCode>,
    /// Where the gateway is the signalling gateway: ASPs may register any routing key, and get routing contexts from this number
    /// on for those that no `[[application_server]]` has. Default: only those.
    pub registered_contexts_from: Option<u32>,
}

/// A part of an SCCP address that tells a dialogue's peer from others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerPart {
    /// The point code.
    PointCode,
    /// The subsystem number.
    Ssn,
    /// The global title.
    Title,
}

impl Ss7 {
    /// What one peer may take of a table of so many dialogues.
    #[must_use]
    pub fn limits(&self, dialogues: u32) -> Limits {
        let share = |percent: u8| (u64::from(dialogues) * u64::from(percent)).div_ceil(100) as u32;
        Limits {
            per_title: share(self.title_share),
            per_point_code: share(self.point_code_share),
            aborts_per_second: self.aborts_per_second,
        }
    }

    /// How a dialogue's peer is told from others. Points that translate the same titles of `titles` stand in for one another
    /// without being listed.
    #[must_use]
    pub fn peer_match(&self, titles: &[Title]) -> PeerMatch {
        let several = |title: &&Title| title.route_on == RouteOn::Gt && title.all_targets().nth(1).is_some();
        let translating = titles.iter().filter(several).flat_map(Title::all_targets).map(|to| to.point_code);
        let parts = |parts: &[PeerPart]| AddressParts {
            point_code: parts.contains(&PeerPart::PointCode),
            ssn: parts.contains(&PeerPart::Ssn),
            title: parts.contains(&PeerPart::Title),
        };
        PeerMatch {
            first: parts(&self.match_first),
            later: parts(&self.match_later),
            relays: self.relays.iter().copied().chain(translating).collect(),
        }
    }
}

/// `[sccp]`: limits of SCCP.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sccp {
    /// The subsystems that the gateway is, in every network. Default 8, 149, 147 and 146: MSC, SGSN, gsmSCF and CAP.
    pub subsystems: Vec<u8>,
    /// Messages that are put together from segments at a time, per worker; 0: segments are refused. Default 64.
    pub reassemblies: u16,
    /// The longest of them, in octets: 256 to 2,048. Default 2,048.
    pub reassembly_octets: u16,
    /// How long the other segments may take after the first (T(reass)). Key `t_reassembly_ms`, default 15,000.
    #[serde(rename = "t_reassembly_ms", deserialize_with = "super::text::millis")]
    pub t_reassembly: Duration,
    /// From the news that a subsystem is out to the first test (T(stat info)). Key `t_status_ms`, default 10,000.
    #[serde(rename = "t_status_ms", deserialize_with = "super::text::millis")]
    pub t_status: Duration,
    /// The longest time between two tests. Key `t_status_max_ms`, default 600,000.
    #[serde(rename = "t_status_max_ms", deserialize_with = "super::text::millis")]
    pub t_status_max: Duration,
    /// Messages returned in a second to one point, per worker. Default 1,000.
    pub returns_per_second: u32,
}

impl Default for Sccp {
    fn default() -> Self {
        Self {
            subsystems: vec![8, 149, 147, 146],
            reassemblies: 64,
            reassembly_octets: 2048,
            t_reassembly: Duration::from_secs(15),
            t_status: Duration::from_secs(10),
            t_status_max: Duration::from_secs(600),
            returns_per_second: 1000,
        }
    }
}

/// `[[association]]`: an SCTP association and the M3UA on it.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Written")]
pub struct Association {
    /// Its name in this file, in logs and metrics.
    pub name: String,
    /// The name of the signalling gateway behind it: what one of the associations to it says of a destination holds for all of
    /// them. Default: a gateway of its own.
    pub signalling_gateway: Option<String>,
    /// Which side sends the INIT.
    pub role: Role,
    /// Own addresses, the preferred one first.
    pub local: Vec<IpAddr>,
    /// Own port. Default 2905.
    pub local_port: u16,
    /// The peer's addresses, the preferred one first. Whoever comes from another is nobody.
    pub remote: Vec<IpAddr>,
    /// The peer's port. Default: 2905 for a client; any for a server.
    pub remote_port: Option<u16>,
    /// The worker that owns it, from 0. Default: in turn.
    pub worker: Option<u8>,
    /// Streams each way, the first for M3UA's management: 2 to 64. Default 16.
    pub streams: u16,
    /// SCTP's timers and limits: those of `profile`, but for what is given by name.
    pub timers: SctpTimers,
    /// Kibibytes of messages that may wait to be sent or acknowledged: 64 to 65,536. Default 1,024.
    pub send_ring_kib: u32,
    /// Kibibytes of messages that may wait for what is missing before them: 16 to 65,536. Default 256.
    pub receive_window_kib: u32,
    /// The gateway's role in M3UA. Default `"asp"`.
    pub m3ua: M3uaRole,
    /// Routing contexts of the application servers it is active for. Default: none is sent.
    pub routing_contexts: Vec<u32>,
    /// Network appearance in DATA messages. Default: none is sent.
    pub network_appearance: Option<u32>,
    /// Traffic mode type in ASP Active. Default: none is sent.
    pub traffic_mode: Option<TrafficMode>,
    /// Whether one exchange of ASP Up and ASP Active serves both IPSPs or each makes its own. Default `"single"`.
    pub exchange: Exchange,
    /// With the double exchange, the routing contexts of the peer. Default: the same as `routing_contexts`.
    pub peer_routing_contexts: Vec<u32>,
    /// As ASP, the routing keys to register: the signalling gateway gives them routing contexts, beside `routing_contexts`.
    /// Default none.
    pub register: Vec<RoutingKey>,
    /// As signalling gateway, whether the ASP may register routing keys. Default false.
    pub registration: bool,
    /// M3UA's timers and what it puts up with.
    pub m3ua_procedures: M3uaProcedures,
}

/// M3UA's timers and leniencies. Keys of `[[association]]`; times end in `_ms`.
#[derive(Clone, Debug)]
pub struct M3uaProcedures {
    /// The ASP identifier in ASP Up; of an SGP, the one to demand. Default: none.
    pub asp_identifier: Option<u32>,
    /// T(ack). Default 2,000.
    pub t_ack: Duration,
    /// How long to wait after a refusal before asking again. Default 10,000.
    pub t_retry: Duration,
    /// How often ASP Inactive and ASP Down are sent before the peer counts as gone. Default 3.
    pub leave_attempts: u32,
    /// T(beat); 0: no BEAT is sent. Default 0 with profile `"rfc9260"`, 30,000 with `"sigtran"`.
    pub beat: Duration,
    /// How often an ASP asks about destinations; 0: never. Default 30,000.
    pub audit: Duration,
    /// Whether DATA on stream 0 is taken.
    pub data_on_stream_0: bool,
    /// Whether an ASP takes news about destinations while it is inactive.
    pub ssnm_while_inactive: bool,
    /// Whether an ASP answers a DAUD.
    pub daud_from_gateway: bool,
}

/// What the timers and limits of an association are that no key gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// The values of RFC 9260 16.
    #[default]
    Rfc9260,
    /// Values for short, fast networks: a dead peer is noticed within a second, a dead path left after one time-out.
    Sigtran,
}

/// SCTP's timers and limits (RFC 9260 16, RFC 7829). Keys of `[[association]]`; times end in `_ms`.
#[derive(Clone, Debug)]
pub struct SctpTimers {
    /// RTO.Initial.
    pub rto_initial: Duration,
    /// RTO.Min.
    pub rto_min: Duration,
    /// RTO.Max.
    pub rto_max: Duration,
    /// HB.interval; 0: only paths that are in doubt are asked.
    pub heartbeat: Duration,
    /// SACK.Delay: 0 to 500.
    pub sack_delay: Duration,
    /// Path.Max.Retrans.
    pub path_max_retrans: u16,
    /// Association.Max.Retrans.
    pub association_max_retrans: u16,
    /// Max.Init.Retransmits.
    pub max_init_retransmits: u16,
    /// PotentiallyFailed.Max.Retrans; as high as `path_max_retrans`: there is no such state.
    pub potentially_failed_max_retrans: u16,
    /// Primary.Switchover.Max.Retrans; without it new DATA returns to the first address as soon as that answers.
    pub primary_switchover_max_retrans: Option<u16>,
    /// Max.Burst, in packets.
    pub max_burst: u16,
    /// Valid.Cookie.Life.
    pub cookie_life: Duration,
    /// How long a client waits before it connects again, give or take a half.
    pub retry: Duration,
}

/// `[[association]]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    signalling_gateway: Option<String>,
    role: Role,
    local: Vec<IpAddr>,
    #[serde(default = "super::default::m3ua_port")]
    local_port: u16,
    remote: Vec<IpAddr>,
    remote_port: Option<u16>,
    worker: Option<u8>,
    #[serde(default = "super::default::streams")]
    streams: u16,
    #[serde(default)]
    profile: Profile,
    rto_initial_ms: Option<u32>,
    rto_min_ms: Option<u32>,
    rto_max_ms: Option<u32>,
    heartbeat_ms: Option<u32>,
    sack_delay_ms: Option<u32>,
    path_max_retrans: Option<u16>,
    association_max_retrans: Option<u16>,
    max_init_retransmits: Option<u16>,
    potentially_failed_max_retrans: Option<u16>,
    primary_switchover_max_retrans: Option<u16>,
    max_burst: Option<u16>,
    cookie_life_ms: Option<u32>,
    retry_ms: Option<u32>,
    #[serde(default = "super::default::send_ring_kib")]
    send_ring_kib: u32,
    #[serde(default = "super::default::receive_window_kib")]
    receive_window_kib: u32,
    #[serde(default = "super::default::m3ua_role")]
    m3ua: M3uaRole,
    #[serde(default)]
    routing_contexts: Vec<u32>,
    network_appearance: Option<u32>,
    traffic_mode: Option<TrafficMode>,
    #[serde(default = "super::default::exchange")]
    exchange: Exchange,
    #[serde(default)]
    peer_routing_contexts: Vec<u32>,
    #[serde(default)]
    register: Vec<RoutingKey>,
    #[serde(default)]
    registration: bool,
    asp_identifier: Option<u32>,
    #[serde(default = "super::default::t_ack_ms")]
    t_ack_ms: u32,
    #[serde(default = "super::default::t_retry_ms")]
    t_retry_ms: u32,
    #[serde(default = "super::default::leave_attempts")]
    leave_attempts: u32,
    beat_ms: Option<u32>,
    #[serde(default = "super::default::audit_ms")]
    audit_ms: u32,
    #[serde(default)]
    data_on_stream_0: bool,
    #[serde(default)]
    ssnm_while_inactive: bool,
    #[serde(default)]
    daud_from_gateway: bool,
}

impl From<Written> for Association {
    fn from(written: Written) -> Self {
        // SCTP's HEARTBEAT asks the peer's kernel, BEAT its M3UA (RFC 4666 3.5.5): who wants a dead peer noticed wants both.
        let (profile, beat) = match written.profile {
            Profile::Rfc9260 => (sctp::Timers::RFC_9260, Duration::ZERO),
            Profile::Sigtran => (sctp::Timers::SIGTRAN, Duration::from_secs(30)),
        };
        let millis = |given: Option<u32>, profile: Duration| {
            given.map_or(profile, |millis| Duration::from_millis(millis.into()))
        };
        Self {
            timers: SctpTimers {
                rto_initial: millis(written.rto_initial_ms, profile.rto_initial),
                rto_min: millis(written.rto_min_ms, profile.rto_min),
                rto_max: millis(written.rto_max_ms, profile.rto_max),
                heartbeat: millis(written.heartbeat_ms, profile.heartbeat),
                sack_delay: millis(written.sack_delay_ms, profile.sack_delay),
                path_max_retrans: written.path_max_retrans.unwrap_or(profile.path_max_retrans),
                association_max_retrans: written
                    .association_max_retrans
                    .unwrap_or(profile.association_max_retrans),
                max_init_retransmits: written.max_init_retransmits.unwrap_or(profile.max_init_retransmits),
                potentially_failed_max_retrans: written
                    .potentially_failed_max_retrans
                    .unwrap_or(profile.potentially_failed_max_retrans),
                primary_switchover_max_retrans: written.primary_switchover_max_retrans,
                max_burst: written.max_burst.unwrap_or(profile.max_burst),
                cookie_life: millis(written.cookie_life_ms, profile.cookie_life),
                retry: millis(written.retry_ms, profile.retry_gap),
            },
            name: written.name,
            signalling_gateway: written.signalling_gateway,
            role: written.role,
            local: written.local,
            local_port: written.local_port,
            remote: written.remote,
            remote_port: written.remote_port,
            worker: written.worker,
            streams: written.streams,
            send_ring_kib: written.send_ring_kib,
            receive_window_kib: written.receive_window_kib,
            m3ua: written.m3ua,
            routing_contexts: written.routing_contexts,
            network_appearance: written.network_appearance,
            traffic_mode: written.traffic_mode,
            exchange: written.exchange,
            peer_routing_contexts: written.peer_routing_contexts,
            register: written.register,
            registration: written.registration,
            m3ua_procedures: M3uaProcedures {
                asp_identifier: written.asp_identifier,
                t_ack: Duration::from_millis(written.t_ack_ms.into()),
                t_retry: Duration::from_millis(written.t_retry_ms.into()),
                leave_attempts: written.leave_attempts,
                beat: millis(written.beat_ms, beat),
                audit: Duration::from_millis(written.audit_ms.into()),
                data_on_stream_0: written.data_on_stream_0,
                ssnm_while_inactive: written.ssnm_while_inactive,
                daud_from_gateway: written.daud_from_gateway,
            },
        }
    }
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

/// How two IPSPs come up (RFC 4666 5.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exchange {
    /// One exchange serves both.
    Single,
    /// Each side makes its own.
    Double,
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
    /// Names of the associations that lead there.
    pub associations: Vec<String>,
    /// How they share the traffic. Default `"loadshare"`.
    #[serde(default = "super::default::sharing")]
    pub sharing: Sharing,
    /// What it takes when a message does not fit a UDT. Default `"udt"`: nothing else.
    #[serde(default)]
    pub sccp: SccpForm,
}

/// A form of SCCP's connectionless messages (Q.713 4), the greatest that a point takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SccpForm {
    /// UDT: about 238 octets of TCAP.
    #[default]
    Udt,
    /// XUDT: in segments, sixteen at the most.
    Xudt,
    /// LUDT: in one piece, where there is no MTP3 with its 272 octets on the way.
    Ludt,
}

/// `[[title]]`: where called global titles are sent. The longest prefix wins.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// The beginning of the title's digits; `""` is any.
    pub prefix: Digits,
    /// The next signalling point, a `[[destination]]`: the short form of one target.
    pub point_code: Option<PointCode>,
    /// Up to four signalling points, in order of preference, instead of `point_code`.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// How they share. Default `"primary"`.
    #[serde(default)]
    pub sharing: Sharing,
    /// Whether the title is `prefix` and no more. Default false.
    #[serde(default)]
    pub exact: bool,
    /// What becomes of the title on its way. Default: nothing.
    pub rewrite: Option<Rewrite>,
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

impl Title {
    /// Its targets, in either form.
    pub fn all_targets(&self) -> impl Iterator<Item = Target> + '_ {
        let short = self.point_code.map(|point_code| Target { point_code, ssn: None });
        short.into_iter().chain(self.targets.iter().copied())
    }
}

/// One of the signalling points that titles lead to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its point code, a `[[destination]]`.
    pub point_code: PointCode,
    /// The subsystem number that is sent there. Default: as it was.
    pub ssn: Option<u8>,
}

/// How the associations to a destination, or the targets of a title, share the traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// The first that can be reached has all, the others are backups.
    #[default]
    Primary,
    /// All that can be reached share.
    Loadshare,
}

/// What becomes of a title.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    /// How many of the prefix's digits go. Default 0.
    #[serde(default)]
    pub strip: u8,
    /// Digits that come in their place. Default none.
    #[serde(default)]
    pub add: Digits,
    /// Another translation type. Default: as it was.
    pub translation_type: Option<u8>,
    /// Another numbering plan. Default: as it was.
    pub numbering_plan: Option<u8>,
    /// Another nature of address. Default: as it was.
    pub nature: Option<u8>,
}

/// `[[map_peer]]`: what is agreed with the operator of some service centres and HLRs. The longest prefix wins.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapPeer {
    /// The beginning of their titles' digits; `""` is any.
    pub prefix: Digits,
    /// Whether dialogues with them are opened before anything is asked in them. Default `"when-needed"`.
    #[serde(default)]
    pub handshake: Handshake,
    /// The newest version of MAP that they are asked in: 1, 2 or 3. Default 3.
    #[serde(default = "super::default::map_version")]
    pub highest_version: u8,
}

/// When a dialogue is opened first, by a Begin that asks nothing (TS 29.002 23.3.1, TS 33.204).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Handshake {
    /// Always.
    Always,
    /// When a Begin with what is asked would not fit.
    #[default]
    WhenNeeded,
    /// Never: what does not fit is refused.
    Never,
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
