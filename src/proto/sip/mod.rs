//! Session Initiation Protocol over UDP (RFC 3261, RFC 3428, RFC 3581, RFC 4320): REGISTER and MESSAGE.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod auth;
pub mod build;
mod client;
pub mod framing;
mod headers;
mod index;
pub mod keep_alive;
mod mint;
pub mod multipart;
mod name;
mod scan;
mod server;
mod timers;
mod uri;
mod view;

pub use build::Writer;
pub use client::{ClientConfig, ClientTransactions, MAX_REQUEST, Refused, ResponseOutcome, SipClientCounts};
pub use headers::{MediaType, NameAddr, Param, Params, Via, split_values};
pub use mint::{Branch, CallId, Minter, Tag, Text, Token};
pub use name::Name;
pub use server::{
    MAX_DEFERRED, Origin, Received, ServerConfig, ServerKey, ServerTransactions, SipServerCounts,
};
pub use timers::Timers;
pub use uri::{Scheme, Telephone, Uri};
pub use view::{MAX_HEADERS, Message, Method, Slots, WHY, Why};

#[cfg(test)]
mod tests;
