//! MTP3 User Adaptation (RFC 4666): carries MTP3's users, here SCCP, over SCTP, as ASP, IPSP or SGP.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------+---------------+---------------+---------------+
//! |  version (1)  |   reserved    | message class | message type  |  3.1
//! +---------------+---------------+---------------+---------------+
//! |            message length, header and padding included        |
//! +-------------------------------+-------------------------------+
//! |         parameter tag         |  length, header, no padding   |  3.2
//! +-------------------------------+-------------------------------+
//! |                      value, padded to 4 octets                |
//! ```
//!
//! [`Message::parse`] reads, [`build`] writes, [`Asp`] is the state machine (4.3) of one association. Protocol data
//! goes on streams that [`stream_for`] chooses, so that messages of one signalling link selection stay in order.

#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod asp;
pub mod build;
mod destinations;
pub mod keys;
mod server;
mod servers;
#[cfg(test)]
mod tests;
mod view;

pub use asp::{Asp, AspConfig, AspState, Input, M3uaCounts, Role, Timeout};
pub use destinations::{Availability, Change, Reach};
pub use server::{Choice, Notice, Server, ServerConfig, ServerCounts, ServerState};
pub use servers::{Provision, Servers, Told};
pub use view::{Affected, Data, Kind, Message, Parameter, Parameters, WHY, Why};

/// SCTP's payload protocol identifier of M3UA (RFC 4666 7.1).
pub const PAYLOAD_PROTOCOL: u32 = 3;

/// The port of M3UA over SCTP (RFC 4666 1.4.8).
pub const PORT: u16 = 2905;

/// The stream for DATA with signalling link selection `sls`, of `streams_out` outgoing streams (RFC 4666 1.4.7):
/// equal selections share a stream, and stream 0 carries DATA only where it is the only one.
#[must_use]
pub const fn stream_for(sls: u8, streams_out: u16) -> u16 {
    if streams_out < 2 { 0 } else { 1 + sls as u16 % (streams_out - 1) }
}

/// Parameter tags (RFC 4666 3.2).
pub mod tag {
    /// Text for people, at most 255 octets.
    pub const INFO: u16 = 0x0004;
    /// Which application servers, four octets each.
    pub const ROUTING_CONTEXT: u16 = 0x0006;
    /// What an ERR is about.
    pub const DIAGNOSTIC: u16 = 0x0007;
    /// Opaque octets that a BEAT ACK returns.
    pub const HEARTBEAT: u16 = 0x0009;
    /// Override, loadshare or broadcast.
    pub const TRAFFIC_MODE: u16 = 0x000b;
    /// The code of an ERR.
    pub const ERROR_CODE: u16 = 0x000c;
    /// The status of a NTFY: type and information.
    pub const STATUS: u16 = 0x000d;
    /// The identifier that an ASP gives itself.
    pub const ASP_IDENTIFIER: u16 = 0x0011;
    /// Point codes with their masks.
    pub const AFFECTED_POINT_CODE: u16 = 0x0012;
    /// Ties a DATA message to others.
    pub const CORRELATION: u16 = 0x0013;
    /// Which SS7 network, where an association serves several.
    pub const NETWORK_APPEARANCE: u16 = 0x0200;
    /// The cause and the user of a DUPU.
    pub const USER_CAUSE: u16 = 0x0204;
    /// The congestion level of a SCON.
    pub const CONGESTION: u16 = 0x0205;
    /// A routing key that is asked for, with parameters inside.
    pub const ROUTING_KEY: u16 = 0x0207;
    /// What became of a routing key, with parameters inside.
    pub const REGISTRATION_RESULT: u16 = 0x0208;
    /// What became of a routing context that was given up, with parameters inside.
    pub const DEREGISTRATION_RESULT: u16 = 0x0209;
    /// By which the answer to a registration names its routing key.
    pub const LOCAL_KEY: u16 = 0x020a;
    /// The destination of a routing key: a mask and a point code.
    pub const DESTINATION_POINT_CODE: u16 = 0x020b;
    /// The MTP3 users of a routing key, an octet each.
    pub const SERVICE_INDICATORS: u16 = 0x020c;
    /// The originating point codes of a routing key.
    pub const ORIGINATING_POINT_CODES: u16 = 0x020e;
    /// Whether a routing key is registered.
    pub const REGISTRATION_STATUS: u16 = 0x0212;
    /// Whether a routing context is given up.
    pub const DEREGISTRATION_STATUS: u16 = 0x0213;
    /// Routing label and user data.
    pub const PROTOCOL_DATA: u16 = 0x0210;
}

/// How the ASPs of an application server share its traffic (RFC 4666 3.7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum TrafficMode {
    /// One carries all, the others stand by.
    Override = 1,
    /// Each carries a part.
    Loadshare = 2,
    /// Each carries everything.
    Broadcast = 3,
}

impl TrafficMode {
    /// From the parameter's four octets.
    #[must_use]
    pub const fn from_wire(value: u32) -> Option<Self> {
        match value {
            1 => Some(Self::Override),
            2 => Some(Self::Loadshare),
            3 => Some(Self::Broadcast),
            _ => None,
        }
    }
}

/// What an ERR says (RFC 4666 3.8.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum ErrorCode {
    /// A version other than 1.
    InvalidVersion = 0x01,
    /// A message class that isn't supported.
    UnsupportedMessageClass = 0x03,
    /// A message type that isn't supported.
    UnsupportedMessageType = 0x04,
    /// A traffic mode other than the configured one.
    UnsupportedTrafficMode = 0x05,
    /// A message that the state or the role doesn't allow.
    UnexpectedMessage = 0x06,
    /// Any other violation.
    ProtocolError = 0x07,
    /// A message on a stream where it may not be.
    InvalidStreamIdentifier = 0x09,
    /// Locked out by management.
    RefusedManagementBlocking = 0x0d,
    /// An ASPUP without the identifier that is needed here.
    AspIdentifierRequired = 0x0e,
    /// An ASPUP with an identifier that isn't known.
    InvalidAspIdentifier = 0x0f,
    /// A parameter with a value that means nothing.
    InvalidParameterValue = 0x11,
    /// A parameter with a wrong length.
    ParameterFieldError = 0x12,
    /// A destination whose state is not told to who asks.
    DestinationStatusUnknown = 0x14,
    /// A network appearance that isn't configured.
    InvalidNetworkAppearance = 0x15,
    /// A mandatory parameter is absent.
    MissingParameter = 0x16,
    /// A routing context that isn't configured.
    InvalidRoutingContext = 0x19,
    /// An ASP that has no application server: none is configured, and none registered.
    NoConfiguredAs = 0x1a,
}

/// What a NTFY says: status type and information (RFC 4666 3.8.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Status {
    /// The application server has an inactive ASP and no active one.
    AsInactive = 0x1_0002,
    /// The application server carries traffic.
    AsActive = 0x1_0003,
    /// The last active ASP is gone; T(r) runs.
    AsPending = 0x1_0004,
    /// The application server needs more ASPs.
    InsufficientAspResources = 0x2_0001,
    /// Another ASP has taken over.
    AlternateAspActive = 0x2_0002,
    /// An ASP has failed.
    AspFailure = 0x2_0003,
}

impl Status {
    const ALL: [Self; 6] = [
        Self::AsInactive,
        Self::AsActive,
        Self::AsPending,
        Self::InsufficientAspResources,
        Self::AlternateAspActive,
        Self::AspFailure,
    ];

    /// From the parameter's four octets.
    #[must_use]
    pub fn from_wire(value: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|&status| status as u32 == value)
    }
}
