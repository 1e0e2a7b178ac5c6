//! SIP, as the gateway itself has it: these targets are linked with the crate, not with a copy of its sources, since what
//! crashes elsewhere is mostly what uses a message, and not what reads it.

pub mod authorization;
pub mod body;
pub mod message;
mod reference;
pub mod stream;
pub mod transaction;
pub mod uri;
mod world;

use std::net::SocketAddr;

/// Where a request comes from.
fn source() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 5091))
}

/// What a fuzzer gives, after its first line and the line end.
fn split_line(octets: &[u8]) -> (&[u8], &[u8]) {
    match octets.iter().position(|&octet| octet == b'\n') {
        Some(at) => (&octets[..at], &octets[at + 1..]),
        None => (octets, &[]),
    }
}

/// Whether `part` lies within `whole`, and is no copy.
fn is_within(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    part.is_empty() || (whole.start <= part.start && part.end <= whole.end)
}
