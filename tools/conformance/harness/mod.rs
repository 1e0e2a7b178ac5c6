//! The gateway under test and the network around it: S-CSCFs, UEs, signalling gateways, an SMSC and an HLR,
//! played by the test.
//!
//! What the gateway sends is read by code of this folder, down to single octets, and never by the gateway's own; SCTP
//! alone is shared, since it has a suite of its own.
#![allow(dead_code, unreachable_pub)] // each test binary is a crate of its own and uses its part
#![allow(clippy::disallowed_methods)] // real time and real processes are what is tested here

pub mod ber;
pub mod config;
pub mod direct;
#[cfg(feature = "dpdk")]
pub mod gateway;
pub mod hlr;
pub mod memory;
pub mod peers;
pub mod phone;
pub mod sip;
pub mod ss7;
pub mod steps;
pub mod stun;
pub mod wire;
