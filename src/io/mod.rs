//! Packet input and output: what a worker sees of the network's ports, through DPDK or in memory.
//!
//! A frame has one owner: the port that receives it gives it to a worker, which frees it by dropping it,
//! hands it to another worker over a ring, or gives it to a port to be sent and never sees it again.

mod batch;
mod fan;
mod frame;
mod impaired;

#[cfg(feature = "dpdk")]
pub mod dpdk;
pub mod memory;
pub mod toeplitz;

pub use batch::{BURST, Batch};
pub use fan::{Fan, receive_queue};
pub use frame::{Frame, ROOM};
pub use impaired::{Impaired, Impairment, ImpairmentCounts};

use crate::base::{PortId, counts};

/// One worker's view of the network: its own queue of every port, and the pool that frames come from.
///
/// Ports are numbered from 0 without gaps, in the order of the configuration. A port that isn't there
/// receives nothing and sends nothing.
pub trait PacketIo: Send {
    /// To be called once on the thread that will poll, before its first burst.
    ///
    /// # Errors
    /// Says what the backend lacks.
    fn enter(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// To be called on the same thread, after its last burst.
    fn leave(&mut self) {}

    /// How many ports there are.
    fn ports(&self) -> usize;

    /// Appends up to [`BURST`] received frames to `into`, as many as it has room for; how many they are.
    /// Some network cards round the room down to a multiple of 8: below that they may deliver nothing.
    fn rx_burst(&mut self, port: PortId, into: &mut Batch) -> usize;

    /// Sends frames from the front of `batch`; how many. What the port has no room for stays in `batch`, in
    /// order.
    fn tx_burst(&mut self, port: PortId, batch: &mut Batch) -> usize;

    /// Frees what is left in `batch` and counts it as dropped on its way out of `port`.
    fn drop_unsent(&mut self, port: PortId, batch: &mut Batch);

    /// An empty frame, or `None` when the pool has none left (the caller counts that).
    fn alloc(&mut self) -> Option<Frame>;

    /// How many frames the pool has left. Adds up every worker's cache: for housekeeping, not for each
    /// packet.
    fn available(&self) -> usize;

    /// The port's own MAC address.
    fn mac(&self, port: PortId) -> [u8; 6];

    /// The longest IP packet that the port sends, in octets.
    fn mtu(&self, port: PortId) -> usize;
}

counts! {
    /// What a port and its driver counted, all queues together.
    pub struct PortCounts {
        /// Frames received.
        received,
        /// Frames sent.
        sent,
        /// Octets received.
        received_octets,
        /// Octets sent.
        sent_octets,
        /// Frames lost because no worker fetched them in time.
        missed,
        /// Frames that the driver found damaged on receipt.
        receive_errors,
        /// Frames that the driver could not send.
        send_errors,
        /// Receptions that failed because the pool was empty.
        no_frame,
        /// Received frames that we dropped because they are longer than a frame's room.
        too_long,
        /// Frames that we dropped because the port's transmit queue was full.
        send_dropped,
    }
}
