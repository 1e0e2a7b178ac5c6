//! `[node]`, `[capacity]`, `[eal]`, `[admin]`, `[metrics]` and `[log]`: the process.

use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// `[node]`: this gateway among others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Node {
    /// Its name in logs and metrics. Default `"ipsmgw"`.
    pub name: String,
    /// How many workers poll, each on a core of its own where there are enough: 1 to 64. Default 1.
    pub workers: u8,
    /// What a worker does that finds nothing. Default `"yield"`.
    pub backoff: Backoff,
    /// A file with 32 hexadecimal digits, readable by the owner alone: the secret behind the identifiers that the
    /// gateway mints. Default: random at every start.
    pub secret_file: Option<PathBuf>,
    /// The node's number in the leading bits of its TCAP transaction ids, for peers that route on it. Default 0.
    pub tid_prefix: u8,
    /// How many leading bits of a transaction id hold `tid_prefix`: 0 to 8. Default 0.
    pub tid_prefix_bits: u8,
}

/// What a worker does that finds nothing to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backoff {
    /// Polls on: lowest latency, one whole core each.
    Spin,
    /// Yields, then sleeps at most 100 µs: where there are more pollers than cores.
    Yield,
}

/// `[capacity]`: how much of everything there is room for. It is allocated at start and never grows; when something
/// is full, what needs it is refused and counted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capacity {
    /// TCAP dialogues, per worker. Default 65,536.
    pub dialogues: u32,
    /// SIP client transactions, per worker. Default 65,536.
    pub client_transactions: u32,
    /// SIP server transactions, per worker; one lives 64 × T1 (32 s) after its answer. Default 262,144.
    pub server_transactions: u32,
    /// SIP requests that wait for the gateway's answer, per worker. Default 8,192.
    pub pending_requests: u32,
    /// Mobile-originated messages under way, per worker. Default 32,768.
    pub mo: u32,
    /// Mobile-terminated messages under way or queued, per worker. Default 32,768.
    pub mt: u32,
    /// Submissions of UEs that are remembered, so that the same again is known, per worker. Default 32,768.
    pub duplicates: u32,
    /// Submissions of UEs in a second, per worker, for which `duplicates` has to suffice: each is remembered for `duplicate_s` of
    /// its network. With fewer places there is a warning. Default 250.
    pub mo_per_second: u32,
    /// Registered subscribers. Default 100,000.
    pub subscribers: u32,
    /// Public user identities of registered subscribers that don't follow from their numbers: `sip:alice@…`, not
    /// `sip:+49…@…`, `tel:+49…` or `sip:IMSI@…`. Default 100,000.
    pub identities: u32,
    /// Pieces of 64 octets for what of a subscriber does not fit into his own: further bindings, identities that don't follow
    /// from his numbers. Default 50,000.
    pub details: u32,
    /// Packet buffers of 2,048 octets, per worker and port. Default 8,192.
    pub frames: u32,
    /// Places in each ring from one worker to another. Default 1,024.
    pub hand_off: u32,
    /// Places in each mailbox between a worker and the control thread. Default 1,024.
    pub mailbox: u32,
    /// IP packets whose fragments arrive, per worker: 1 to 1,024, each as long as `sip.limits.datagram`. One source gets a
    /// quarter; peers that are not configured get half together. Default 64.
    pub ip_reassemblies: u32,
}

/// `[eal]`: DPDK's environment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Eal {
    /// Whether memory comes from huge pages. Default false (`--no-huge`).
    pub huge: bool,
    /// Memory for packet buffers and queues, in MB. Default 512.
    pub memory_mb: u32,
    /// Separates the files of several processes on one machine. Default `"ipsmgw"`.
    pub file_prefix: String,
    /// Further EAL arguments, as they are. Default none.
    pub extra: Vec<String>,
}

/// `[store]`: where registrations are kept, so that they outlive the process.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The directory, made with mode 0700 if it is not there, relative to the configuration's. Default: none, registrations
    /// are not kept, and whoever is registered is absent after a restart until he registers again.
    pub path: Option<PathBuf>,
    /// How long a REGISTER waits for the disk before it is refused with 503, in milliseconds: 10 to 30,000. Default 2,000.
    #[serde(rename = "wait_ms", deserialize_with = "super::text::millis")]
    pub wait: Duration,
    /// Records that wait for the disk, at most: 16 to 1,048,576. With as many, registrations are refused. Default 65,536.
    pub unacknowledged: u32,
}

/// `[admin]`: the admin API, which `ipsmgw show …` asks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// The Unix socket, created with mode 0600. Default `"/run/ipsmgw/admin.sock"`.
    pub socket: PathBuf,
    /// A file to which each question about subscribers is appended, and made durable, before it is answered: who asked, when, about
    /// whom. Default: none, these records go to the log, with numbers masked.
    pub audit_file: Option<PathBuf>,
}

/// `[metrics]`: counters in Prometheus' text form over HTTP.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// An address of the host (not of a port of the gateway), for example `"127.0.0.1:9464"`. Default: none, no HTTP.
    pub listen: Option<SocketAddr>,
}

/// `[log]`: the log on standard error.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The least severe level that is written. Default `"info"`.
    pub level: LogLevel,
    /// Default `"json"`.
    pub format: LogFormat,
    /// Of how many messages in a second, on each worker, the end is told: how, and what is known of them for charging. Default 0.
    pub messages_per_second: u32,
}

/// How severe a log record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something is broken.
    Error,
    /// Something will break, or isn't as it should be.
    Warn,
    /// What the process does as a whole.
    Info,
    /// What it does with single registrations and associations.
    Debug,
    /// Everything.
    Trace,
}

/// How log records are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// One line for people.
    Text,
}
