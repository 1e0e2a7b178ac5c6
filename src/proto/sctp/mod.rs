//! Stream Control Transmission Protocol (RFC 9260): associations that carry SIGTRAN messages, as client and as server.
//!
//! An [`Endpoint`] holds all associations that one worker owns. It is given packets, the time and what to send, and
//! puts packets into the caller's [`Out`](crate::base::Out); it knows no socket and no clock.
//!
//! ```text
//! common header   0        2             4                 8          12
//!                 | source | destination | verification tag | CRC32c  | chunks ...
//! chunk           | type 1 | flags 1 | length 2 | value ... | padding to 4
//! DATA            | TSN 4 | stream 2 | SSN 2 | PPID 4 | user data ...
//! SACK            | cumulative TSN 4 | window 4 | gaps 2 | duplicates 2 | gap blocks ... | duplicate TSNs ...
//! INIT (ACK)      | tag 4 | window 4 | streams out 2 | streams in 2 | TSN 4 | parameters ...
//! ```
//!
//! How an association goes (RFC 9260 4):
//!
//! ```text
//!            connect                INIT ACK                  COOKIE ACK
//!  Closed ───INIT──► CookieWait ──COOKIE ECHO──► CookieEchoed ─────────► Established ◄── COOKIE ECHO (server)
//!                                                                         │        │
//!                                               shutdown ShutdownPending ◄┘        └► ShutdownReceived (SHUTDOWN came)
//!                                               all acked    │                              │   all acked
//!                                                        ShutdownSent ──SHUTDOWN ACK──► Closed  ◄─ ShutdownAckSent
//! ```
//!
//! Paths are an array: every packet names the one it takes. New data goes to the primary path, or to another active,
//! confirmed one while the primary is inactive; a retransmission after a timeout prefers another path (6.4).
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod association;
mod build;
mod cookie;
mod endpoint;
mod icmp;
mod stateless;
mod status;
#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
pub mod view;

pub use association::{PathState, State};
pub use build::PacketWriter;
pub use endpoint::{AssociationId, Change, Cursor, DownReason, Endpoint, Event, Left, SendRefused};
pub use icmp::Unreachable;
pub use status::{AssociationStatus, PathStatus};
pub use view::owner_key;

use crate::base::{Layer, Malformed, SipKey, counts};
use core::net::IpAddr;
use core::time::Duration;

/// Octets of the common header.
pub(crate) const COMMON_HEADER: usize = 12;
/// Octets of a chunk header.
pub(crate) const CHUNK_HEADER: usize = 4;
/// Octets of a DATA chunk before its user data.
pub(crate) const DATA_HEADER: usize = 16;
/// Peer addresses that an association can have; further ones in an INIT are left unused.
pub const MAX_PATHS: usize = 4;
/// The longest user message, in octets, that is sent, or put together again from fragments.
pub const MESSAGE_LIMIT: usize = 4352;

/// Why octets are not SCTP; an index into [`WHY`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Why {
    /// Shorter than a common header and a chunk header.
    ShortPacket,
    /// CRC32c wrong.
    Checksum,
    /// A port is 0.
    PortZero,
    /// A chunk length below 4 or past the packet.
    ChunkLength,
    /// A parameter or cause length below 4 or past its chunk.
    ParameterLength,
    /// A chunk shorter than its fixed part.
    ShortChunk,
    /// A SACK that counts more blocks than it has.
    SackCounts,
    /// Gap blocks that overlap, run backwards or touch the cumulative TSN.
    SackBlocks,
    /// A SACK or SHUTDOWN for a TSN that was never sent.
    AheadOfSent,
}

/// The names of [`Why`].
pub const WHY: &[&str] = &[
    "short_packet",
    "checksum",
    "port_zero",
    "chunk_length",
    "parameter_length",
    "short_chunk",
    "sack_counts",
    "sack_blocks",
    "ahead_of_sent",
];

pub(crate) const fn malformed(why: Why, offset: usize) -> Malformed {
    Malformed::new(Layer::Sctp, why as u8, offset)
}

/// Whether TSN `a` comes before `b` (serial arithmetic, RFC 9260 1.6).
pub(crate) const fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// Which side sends the INIT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Sends INIT, and again for ever after a loss. Its peer's INIT is accepted too (5.2.1).
    Client,
    /// Waits for INIT.
    Server,
}

/// Timers and limits of an association (RFC 9260 16).
#[derive(Clone, Debug)]
pub struct Timers {
    /// RTO.Initial.
    pub rto_initial: Duration,
    /// RTO.Min.
    pub rto_min: Duration,
    /// RTO.Max.
    pub rto_max: Duration,
    /// HB.interval; zero switches own HEARTBEATs off.
    pub heartbeat: Duration,
    /// SACK.Delay.
    pub sack_delay: Duration,
    /// Path.Max.Retrans.
    pub path_max_retrans: u16,
    /// PotentiallyFailed.Max.Retrans (RFC 7829 3.1): more errors in a row, and new DATA avoids the path. As high as
    /// `path_max_retrans`: there is no such state.
    pub potentially_failed_max_retrans: u16,
    /// Primary.Switchover.Max.Retrans (RFC 7829 5): more errors in a row, and another path stays the primary one.
    pub primary_switchover_max_retrans: u16,
    /// Association.Max.Retrans.
    pub association_max_retrans: u16,
    /// Max.Init.Retransmits.
    pub max_init_retransmits: u16,
    /// Valid.Cookie.Life.
    pub cookie_life: Duration,
    /// Max.Burst: packets of new data in one flush.
    pub max_burst: u16,
    /// How long a client waits, give or take a half, before it connects again.
    pub retry_gap: Duration,
}

impl Timers {
    /// The values that RFC 9260 16 recommends.
    pub const RFC_9260: Self = Self {
        rto_initial: Duration::from_secs(1),
        rto_min: Duration::from_secs(1),
        rto_max: Duration::from_secs(60),
        heartbeat: Duration::from_secs(30),
        sack_delay: Duration::from_millis(200),
        path_max_retrans: 5,
        potentially_failed_max_retrans: 5,
        primary_switchover_max_retrans: u16::MAX,
        association_max_retrans: 10,
        max_init_retransmits: 8,
        cookie_life: Duration::from_secs(60),
        max_burst: 4,
        retry_gap: Duration::from_secs(1),
    };

    /// Values for signalling networks: a path is left after one time-out, and a dead peer noticed within a second.
    pub const SIGTRAN: Self = Self {
        rto_initial: Duration::from_millis(200),
        rto_min: Duration::from_millis(100),
        rto_max: Duration::from_millis(200),
        heartbeat: Duration::from_secs(1),
        sack_delay: Duration::from_millis(20),
        path_max_retrans: 2,
        potentially_failed_max_retrans: 0,
        association_max_retrans: 4,
        max_init_retransmits: 4,
        ..Self::RFC_9260
    };
}

impl Default for Timers {
    fn default() -> Self {
        Self::SIGTRAN
    }
}

/// One association that an [`Endpoint`] may have.
#[derive(Clone, Debug)]
pub struct AssociationConfig {
    /// Which side we are.
    pub role: Role,
    /// Our addresses, the first one preferred; at least one, at most [`MAX_PATHS`].
    pub local: Vec<IpAddr>,
    /// Our port.
    pub local_port: u16,
    /// The peer's addresses, the first one preferred. A server's may be empty: any peer.
    pub remote: Vec<IpAddr>,
    /// The peer's port. `None`, for a server, is any.
    pub remote_port: Option<u16>,
    /// Outbound streams that we ask for; the peer may allow fewer.
    pub streams: u16,
    /// Inbound streams that we allow.
    pub max_in_streams: u16,
    /// Timers and limits.
    pub timers: Timers,
    /// Octets of messages waiting for acknowledgement or to be sent, 20 octets for each fragment included.
    pub send_ring: usize,
    /// Octets of messages that may be held until what is missing before them has come: the advertised window.
    pub receive_window: u32,
    /// The largest IP packet, in octets, that every path carries; at least 576 (IPv4) or 1,280 (IPv6).
    pub mtu: u16,
}

impl AssociationConfig {
    /// An association with one address on each side and ordinary sizes, on the M3UA port (RFC 4666 1.4.8).
    #[must_use]
    pub fn new(role: Role, local: IpAddr, remote: IpAddr) -> Self {
        Self {
            role,
            local: vec![local],
            local_port: 2905,
            remote: vec![remote],
            remote_port: Some(2905),
            streams: 17,
            max_in_streams: 17,
            timers: Timers::default(),
            send_ring: 1 << 20,
            receive_window: 1 << 18,
            mtu: 1500,
        }
    }
}

counts! {
    /// What an endpoint has seen and done.
    pub struct SctpCounts {
        /// Packets received.
        packets_in,
        /// Packets sent.
        packets_out,
        /// User messages delivered.
        messages_in,
        /// User messages taken for sending.
        messages_out,
        /// DATA chunks received that were new.
        data_in,
        /// DATA chunks sent for the first time.
        data_out,
        /// DATA chunks sent again.
        data_again,
        /// DATA chunks received again.
        data_duplicate,
        /// DATA chunks held because something before them was missing.
        data_held,
        /// DATA chunks dropped for want of receive window.
        data_no_window,
        /// DATA chunks dropped because the state or the TSN allows none.
        data_dropped,
        /// Losses noticed by three missing reports.
        fast_retransmits,
        /// Expiries of T3-rtx.
        t3_expiries,
        /// SACKs received.
        sacks_in,
        /// SACKs sent.
        sacks_out,
        /// SACKs older than what was acknowledged already.
        sacks_old,
        /// Packets or chunks that are not SCTP, by any reason.
        malformed,
        /// Packets with a verification tag that is not the association's.
        bad_tag,
        /// Chunks of a type we don't know.
        unknown_chunks,
        /// Chunks dropped because the state does not allow them.
        unexpected_chunks,
        /// Packets of no association.
        out_of_the_blue,
        /// Answers to packets of no association.
        stateless_answers,
        /// Answers to packets of no association that the rate limit held back.
        stateless_limited,
        /// INITs received.
        inits_in,
        /// INITs that no configuration allows, or whose association is taken.
        inits_refused,
        /// COOKIE ECHOs whose MAC, ports or tags are wrong.
        cookies_bad,
        /// COOKIE ECHOs that came too late.
        cookies_stale,
        /// Associations that came up.
        associations_up,
        /// Associations that went down, however.
        associations_down,
        /// Associations that the peer restarted.
        restarts,
        /// ABORTs received.
        aborts_in,
        /// ABORTs sent in an association.
        aborts_out,
        /// ERRORs received.
        errors_in,
        /// ICMP errors about our packets.
        icmp_in,
        /// Among them those that quote no tag of ours.
        icmp_unproved,
        /// Paths whose MTU was lowered.
        mtu_lowered,
        /// HEARTBEATs sent.
        heartbeats_out,
        /// HEARTBEATs that were not answered in time.
        heartbeats_lost,
        /// Paths that became potentially failed (RFC 7829).
        paths_potentially_failed,
        /// Paths that became inactive.
        paths_inactive,
        /// Messages refused because the send ring was full.
        send_full,
        /// DATA chunks not acknowledged, or never sent, when their association went down.
        data_lost,
        /// Packets not sent because no transmit buffer was free, or it was too small.
        no_buffer,
    }
}

/// Unpredictable numbers: a keyed hash of a count.
#[derive(Debug)]
pub(crate) struct Random {
    key: SipKey,
    count: u64,
}

impl Random {
    pub(crate) const fn new(key: SipKey) -> Self {
        Self { key, count: 0 }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.count = self.count.wrapping_add(1);
        self.key.hash_u64(self.count)
    }

    /// A tag: 32 bits, never 0, never `other`.
    pub(crate) fn tag(&mut self, other: u32) -> u32 {
        loop {
            let tag = self.next() as u32;
            if tag != 0 && tag != other {
                return tag;
            }
        }
    }

    /// A span from half of `span` to one and a half of it.
    pub(crate) fn jitter(&mut self, span: Duration) -> Duration {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX).min(u64::MAX / 4);
        Duration::from_nanos(nanos / 2 + self.next() % nanos.max(1))
    }
}
