//! The short message relay layer, SM-RP (TS 24.011 clauses 7.3, 8.2 and 9), as MESSAGE requests carry it (TS 24.341).
//!
//! ```text
//! RP-DATA   MTI 0/1 | MR | L RP-OA | L RP-DA | L RP-UD (TPDU)       RP-ACK    MTI 2/3 | MR | [41 L RP-UD]
//! RP-SMMA   MTI 6   | MR                                            RP-ERROR  MTI 4/5 | MR | L cause [diagnostic] | [41 L RP-UD]
//! ```
//! Even MTIs go from the MS to the network, odd ones from the network to the MS. The TPDU passes through unchanged.
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)
)]

mod address;
mod build;
mod cause;
#[cfg(test)]
mod tests;
mod view;

pub use address::RpAddress;
pub use cause::Cause;
pub use view::{Ack, Data, Direction, ErrorReport, Rpdu, WHY, answer};

/// The longest RP-User-Data, in octets, as the length fits an RPDU of 248 octets with the longest address.
pub const MAX_USER_DATA: usize = 233;
/// Element identifier of RP-User-Data in RP-ACK and RP-ERROR.
const IEI_USER_DATA: u8 = 0x41;
