//! Fuzz targets of SIP, of fragments of IP, of SCTP and of the layers over that: whatever comes, nothing panics, work and answers are bounded by what came, and the books balance.
#![allow(missing_docs, dead_code, unused_imports)]

#[path = "../../../src/base/mod.rs"]
pub mod base;
#[path = "../../../src/codec/mod.rs"]
pub mod codec;
#[path = "../../../src/ident/mod.rs"]
pub mod ident;
#[path = "."]
pub mod proto {
    #[path = "../../../src/proto/m3ua/mod.rs"]
    pub mod m3ua;
    #[path = "../../../src/proto/map/mod.rs"]
    pub mod map;
    #[path = "../../../src/proto/sccp/mod.rs"]
    pub mod sccp;
    #[path = "../../../src/proto/sctp/mod.rs"]
    pub mod sctp;
    #[path = "../../../src/proto/tcap/mod.rs"]
    pub mod tcap;
}

pub mod association;
mod bench;
mod chunks;
pub mod m3ua;
pub mod map;
mod octets;
pub mod packet;
pub mod reassembly;
pub mod sccp;
pub mod sip;
pub mod tcap;
mod work;

/// Whether checksums and MACs of cookies are compared from now on.
pub fn check(checked: bool) {
    #[cfg(fuzzing)]
    proto::sctp::view::CHECKED.store(checked, core::sync::atomic::Ordering::Relaxed);
    #[cfg(not(fuzzing))]
    let _ = checked;
}
