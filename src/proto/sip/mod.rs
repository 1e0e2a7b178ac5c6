//! Session Initiation Protocol over UDP and streams (RFC 3261, RFC 3428, RFC 3581, RFC 4320): REGISTER and MESSAGE.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod auth;
pub mod build;
mod charging;
mod client;
pub mod framing;
mod headers;
mod hint;
mod host;
mod index;
pub mod keep_alive;
mod limits;
mod mint;
pub mod multipart;
mod name;
mod params;
mod places;
mod scan;
mod server;
mod slots;
mod timers;
mod uri;
mod usual;
mod via;
mod view;

pub use build::Writer;
pub use charging::ChargingVector;
pub use client::{
    Attempt, ClientConfig, ClientTransactions, LONGEST_BY_UDP, MAX_LONG_REQUEST, MAX_REQUEST, Refused,
    ResponseOutcome, SipClientCounts,
};
pub use headers::{MediaType, NameAddr, split_values};
pub use hint::Hinter;
pub use limits::Limits;
pub use mint::{Branch, CallId, Minter, Tag, Text, Token};
pub use name::Name;
pub use params::{Param, Params};
pub use server::{
    MAX_DEFERRED, Origin, Received, ServerConfig, ServerKey, ServerTransactions, SipServerCounts,
};
pub use slots::{MAX_HEADERS, Slots};
pub use timers::Timers;
pub use uri::{Scheme, Telephone, Uri};
pub use via::Via;
pub use view::{Message, Method, WHY, Why};

#[cfg(test)]
mod tests;
