//! One folder per protocol: bytes in, values out. No protocol imports another.

pub mod link;
pub mod m3ua;
pub mod map;
pub mod rp;
pub mod sccp;
pub mod sctp;
pub mod sip;
pub mod tcap;
pub mod tpdu;
