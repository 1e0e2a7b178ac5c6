//! Ports through DPDK: network cards by their PCI address, and DPDK's virtual devices.
//!
//! # Queues
//! A port has as many queue pairs as there are workers, and worker *n* polls queue *n* of every port. Which
//! queue a frame arrives on is the port's business:
//!
//! - A network card hashes addresses and ports (RSS) as far as it can; many can't see SCTP's ports and hash
//!   the addresses alone. Workers never rely on it: they hand over what isn't theirs.
//! - `net_memif`: receive queue *n* of one side is transmit queue *n* of the other, so the peer chooses the
//!   queue ([`super::toeplitz`]). The client says how many rings there are. A server refuses a client with
//!   more than it has itself (the link never comes up). With one that has fewer, it polls the client's first
//!   ring for each that is missing, so that frames arrive twice: **give both sides the same number of
//!   workers** ([`Ports::fault`] says when they differ). The server listens as soon as its port has started;
//!   a client connects once, when its port starts, so the server must be there before it, and a client that
//!   lost its server must be started again. When one side goes, the other's driver unmaps the rings at once,
//!   on a thread of its own. A worker that was preempted within a burst then crashes: rare with a core for
//!   each worker, but stop polling first where possible, and serve no customers over memif.
//! - `net_af_packet`: as many kernel sockets as `qpairs` says, which must be the number of workers; the
//!   kernel hashes.
//!
//! # What lives how long
//! EAL's memory is never unmapped and a mempool is never freed before the process ends, so a frame may
//! outlive everything else here. The ports are stopped and closed when the last of [`Ports`] and the workers'
//! [`DpdkIo`] goes.

mod eal;
mod mbuf;
mod mempool;
mod port;
mod worker;

pub use eal::{Eal, EalConfig};
pub use mbuf::Mbuf;
pub use port::{Ports, PortsConfig};
pub use worker::DpdkIo;

use core::ffi::{CStr, c_int};

/// DPDK's words for an error number, positive or negated.
#[allow(unsafe_code)]
fn explain(error: c_int) -> String {
    // SAFETY: rte_strerror takes any number and gives a string that lives until this thread's next call of
    // it; it is copied before that.
    unsafe { CStr::from_ptr(dpdk_sys::rte_strerror(error.wrapping_abs())) }.to_string_lossy().into_owned()
}
