//! `ipsmgw`, an IP Short Message Gateway (3GPP TR 23.804, TS 23.204): SMS between SIP and SS7.
//!
//! Modules stand in reading order: each may import only those above it, as `docs/ARCHITECTURE.md` lays down.

pub mod base;
pub mod codec;
pub mod control;
pub mod dataplane;
pub mod gateway;
pub mod ident;
pub mod io;
pub mod proto;
pub mod sim;
pub mod stack;
pub mod subscriber;
