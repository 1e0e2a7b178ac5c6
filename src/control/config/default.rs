//! What holds where the configuration says nothing.

use super::{
    Access, Admin, Aka, Backoff, Capacity, Eal, Exchange, Ghosts, Log, LogFormat, LogLevel, M3uaRole,
    MoNotPreferred, Node, NodeKind, NumberForm, Numbers, PeerPart, R1, R1Order, R1Trigger, RegEvent,
    ReportUnmatched, RouteOn, Sharing, Store, Timers, UnreachablePolicy,
};
use crate::ident::Digits;
use std::time::Duration;

impl Default for Node {
    fn default() -> Self {
        Self {
            name: "ipsmgw".into(),
            workers: 1,
            backoff: Backoff::Yield,
            secret_file: None,
            tid_prefix: 0,
            tid_prefix_bits: 0,
        }
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            country_code: Digits::EMPTY,
            national_prefix: Digits::EMPTY,
            international_prefix: Digits::from_ascii(b"00").unwrap_or_default(),
            service_centre: NumberForm::AsItCame,
            rule: vec![],
        }
    }
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            dialogues: 65_536,
            client_transactions: 65_536,
            server_transactions: 262_144,
            pending_requests: 8_192,
            mo: 32_768,
            mt: 32_768,
            duplicates: 32_768,
            mo_per_second: 250,
            subscribers: 100_000,
            identities: 100_000,
            details: 50_000,
            frames: 8_192,
            hand_off: 1_024,
            mailbox: 1_024,
            ip_reassemblies: 64,
        }
    }
}

impl Default for Eal {
    fn default() -> Self {
        Self { huge: false, memory_mb: 512, file_prefix: "ipsmgw".into(), extra: vec![] }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { path: None, wait: Duration::from_secs(2), unacknowledged: 65_536 }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { socket: "/run/ipsmgw/admin.sock".into(), audit_file: None }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Json, messages_per_second: 0 }
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            mt_report: Duration::from_secs(40),
            mt_more: Duration::from_secs(10),
            mt_queue: 8,
            map_forward: Duration::from_secs(90),
            registration_max: Duration::from_secs(604_800),
            guard: Duration::from_secs(600),
            r1_answer: Duration::from_secs(2),
            r1_repair: Duration::from_secs(60),
            r1_per_second: 500,
            r1_outstanding: 2_000,
            audit_per_second: 100,
            reg_event_per_second: 200,
            map_registration: Duration::from_secs(20),
            nonce: Duration::from_secs(30),
            reassembly: Duration::from_secs(15),
        }
    }
}

/// Defaults of single keys, in sections where other keys must be given.
macro_rules! defaults {
    ($($name:ident: $kind:ty = $value:expr;)*) => {
        $(pub(super) const fn $name() -> $kind { $value })*
    };
}

pub(super) fn aka() -> Vec<Aka> {
    vec![Aka::V2, Aka::V1]
}

pub(super) fn access_order() -> Vec<Access> {
    vec![Access::Direct, Access::Ims]
}

pub(super) fn match_first() -> Vec<PeerPart> {
    vec![PeerPart::PointCode, PeerPart::Ssn]
}

pub(super) fn match_later() -> Vec<PeerPart> {
    vec![PeerPart::PointCode, PeerPart::Ssn, PeerPart::Title]
}

defaults! {
    r1: R1 = R1::AnyTimeModification;
    ghosts: Ghosts = Ghosts::Deregister;
    r1_order: R1Order = R1Order::Before200;
    r1_trigger: R1Trigger = R1Trigger::Register;
    reg_event: RegEvent = RegEvent::Off;
    mo_not_preferred: MoNotPreferred = MoNotPreferred::Accept;
    unreachable: UnreachablePolicy = UnreachablePolicy::Deregister;
    mtu: u16 = 1500;
    verify_peers: bool = true;
    t1: Duration = Duration::from_millis(500);
    t2: Duration = Duration::from_millis(4_000);
    retry_after_s: u32 = 5;
    probe: Duration = Duration::from_secs(10);
    node_kind: NodeKind = NodeKind::Msc;
    report_answer: u16 = 200;
    report_unmatched: ReportUnmatched = ReportUnmatched::Accept;
    duplicate: Duration = Duration::from_secs(120);
    network_indicator: u8 = 2;
    sif_budget: u16 = 272;
    map_memory_s: u32 = 3600;
    map_version: u8 = 3;
    title_share: u8 = 50;
    point_code_share: u8 = 75;
    aborts_per_second: u32 = 100;
    m3ua_port: u16 = 2905;
    streams: u16 = 16;
    send_ring_kib: u32 = 1_024;
    receive_window_kib: u32 = 256;
    m3ua_role: M3uaRole = M3uaRole::Asp;
    exchange: Exchange = Exchange::Single;
    t_ack_ms: u32 = 2_000;
    t_retry_ms: u32 = 10_000;
    leave_attempts: u32 = 3;
    audit_ms: u32 = 30_000;
    route_on: RouteOn = RouteOn::Gt;
    sharing: Sharing = Sharing::Loadshare;
}

pub(super) fn least_active() -> u8 {
    1
}

pub(super) fn t_recovery() -> Duration {
    Duration::from_secs(2)
}

pub(super) fn held_kib() -> u16 {
    64
}

pub(super) fn service_indicators() -> Vec<u8> {
    vec![3]
}
