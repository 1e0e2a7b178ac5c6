//! What an association is configured to do, and what is counted.

use crate::base::counts;
use crate::ident::PointCode;
use crate::proto::m3ua::TrafficMode;
use crate::proto::m3ua::keys::RoutingKey;
use core::time::Duration;

/// Who we are on an association.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// An application server process towards a signalling gateway.
    Asp,
    /// A peer without signalling gateway that starts the exchange.
    IpspClient,
    /// A peer without signalling gateway that lets the other side start.
    IpspServer,
    /// A signalling gateway process towards an ASP.
    Sgp,
}

/// State of an ASP (RFC 4666 4.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Default)]
pub enum AspState {
    /// Not there, or its SCTP association isn't.
    #[default]
    Down,
    /// There, without traffic.
    Inactive,
    /// Carries traffic for at least one routing context.
    Active,
}

/// What an association is configured to do.
#[derive(Clone, Debug)]
pub struct AspConfig {
    /// Who we are.
    pub role: Role,
    /// IPSP: each side sends its own ASPUP and ASPAC (RFC 4666 5.6.2), instead of one exchange for both (5.6.1).
    pub double_exchange: bool,
    /// The application servers, at most [`AspConfig::MAX_CONTEXTS`]; none where the peer knows the only one.
    pub routing_contexts: Vec<u32>,
    /// With double exchange, the application servers of the peer where they are others than `routing_contexts`, at most
    /// [`AspConfig::MAX_CONTEXTS`].
    pub peer_contexts: Vec<u32>,
    /// The network appearance that messages must bear if they bear one.
    pub network_appearance: Option<u32>,
    /// The traffic mode to ask for; as SGP, the only one to accept.
    pub traffic_mode: Option<TrafficMode>,
    /// The identifier to give in ASPUP; as SGP, the one to demand.
    pub asp_identifier: Option<u32>,
    /// T(ack): how long to wait for an acknowledgement before asking again.
    pub t_ack: Duration,
    /// How long to wait after a refusal before asking again.
    pub t_retry: Duration,
    /// How often ASPIA and ASPDN are sent before they are taken as acknowledged.
    pub leave_attempts: u32,
    /// T(beat): how often to send BEAT; the peer has failed when nothing has come for twice as long.
    pub t_beat: Option<Duration>,
    /// As ASP, how often to ask about destinations that were said to be unavailable, restricted or congested; `audited`
    /// are asked about as soon as the ASP is active. Without it nothing is asked.
    pub t_audit: Option<Duration>,
    /// The destinations that matter to us.
    pub audited: Vec<PointCode>,
    /// Accept DATA on stream 0, from peers that have no other.
    pub data_on_stream_0: bool,
    /// How many destinations can be known as not simply available; 128 of them are asked about.
    pub destinations: usize,
    /// As SGP, the destinations that can be reached; none: all.
    pub reachable: Vec<PointCode>,
    /// As SGP, the destinations whose state is told to who asks; none: all.
    pub reportable: Vec<PointCode>,
    /// As ASP, the routing keys to register, at most [`AspConfig::MAX_CONTEXTS`], each with another local identifier:
    /// the routing contexts that the gateway gives them join `routing_contexts`.
    pub register: Vec<RoutingKey>,
    /// As SGP, let ASPs register routing keys: [`Servers`](crate::proto::m3ua::Servers) say which.
    pub registration: bool,
    /// As ASP, take news about destinations while inactive too, from gateways that do not wait until it is active.
    pub ssnm_while_inactive: bool,
    /// As ASP, answer a DAUD of the gateway: everything is available by us.
    pub daud_from_gateway: bool,
}

impl AspConfig {
    /// The most routing contexts of an association.
    pub const MAX_CONTEXTS: usize = 32;

    /// The usual times and sizes, for `role` and `routing_contexts`.
    #[must_use]
    pub fn new(role: Role, routing_contexts: Vec<u32>) -> Self {
        Self {
            role,
            double_exchange: false,
            routing_contexts,
            peer_contexts: Vec::new(),
            network_appearance: None,
            traffic_mode: None,
            asp_identifier: None,
            t_ack: Duration::from_secs(2),
            t_retry: Duration::from_secs(10),
            leave_attempts: 3,
            t_beat: None,
            t_audit: None,
            audited: Vec::new(),
            data_on_stream_0: false,
            destinations: 128,
            reachable: Vec::new(),
            reportable: Vec::new(),
            register: Vec::new(),
            registration: false,
            ssnm_while_inactive: false,
            daud_from_gateway: false,
        }
    }
}

counts! {
    /// Counters of M3UA.
    pub struct M3uaCounts {
        /// DATA messages taken.
        data_received,
        /// Management messages received, of all classes but DATA.
        management_received,
        /// Management messages sent.
        management_sent,
        /// Messages refused as malformed.
        malformed,
        /// Messages while there was no association.
        without_association,
        /// Messages of a class or type that isn't supported.
        unsupported,
        /// Messages that the state or the role didn't allow.
        unexpected,
        /// DATA for an ASP that isn't active, discarded.
        data_inactive,
        /// DATA on stream 0.
        invalid_stream,
        /// Messages with a routing context that isn't configured, or without one that is needed.
        invalid_routing_context,
        /// Messages with another network appearance.
        invalid_network_appearance,
        /// ASPUP or ASPAC that we refused.
        refused,
        /// ERR messages sent.
        errors_sent,
        /// ERR messages received.
        errors_received,
        /// NTFY messages received.
        notifications_received,
        /// Times T(ack) ended without an acknowledgement.
        t_ack_expired,
        /// Times ASPUP or ASPAC was refused by the peer.
        refused_by_peer,
        /// Routing keys that the gateway has refused.
        keys_refused,
        /// Times the peer answered no BEAT in time.
        beat_failures,
        /// Times the state became ASP-ACTIVE.
        activations,
        /// Destinations that found no room in the table.
        destinations_full,
        /// Point codes of a DAUD beyond those that are answered.
        audit_refused,
        /// Messages of ours that didn't fit their buffer.
        too_long,
    }
}
