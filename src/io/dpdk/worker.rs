//! A worker's view of the ports: its queue of each.
#![allow(unsafe_code)] // bursts exchange raw mbufs with the driver

use core::ptr::{self, NonNull};
use std::sync::Arc;

use super::explain;
use super::mbuf::Mbuf;
use super::mempool::Mempool;
use super::port::{Port, Started, add};
use crate::base::PortId;
use crate::io::{BURST, Batch, Frame, PacketIo};

/// One queue of every port. There is one value for each queue, and it isn't `Clone`: nobody else polls that
/// queue.
pub struct DpdkIo {
    queue: u16,
    ports: Arc<Started>,
    pool: Mempool,
}

impl DpdkIo {
    pub(super) fn new(queue: u16, ports: Arc<Started>, pool: Mempool) -> Self {
        Self { queue, ports, pool }
    }

    #[inline]
    fn port(&self, port: PortId) -> Option<&Port> {
        self.ports.0.get(usize::from(port.0))
    }
}

impl PacketIo for DpdkIo {
    /// Registers the thread with EAL, which gives it its own cache of the pool. Without, all works, more
    /// slowly.
    fn enter(&mut self) -> Result<(), String> {
        // SAFETY: reads a thread-local number.
        if unsafe { dpdk_sys::shim_thread_is_registered() } != 0 {
            return Ok(());
        }
        // SAFETY: EAL is started, since ports are; any thread may register itself.
        match unsafe { dpdk_sys::rte_thread_register() } {
            0 => Ok(()),
            // SAFETY: reads a thread-local number.
            _ => Err(format!("DPDK takes no more threads: {}", explain(unsafe { dpdk_sys::shim_errno() }))),
        }
    }

    fn leave(&mut self) {
        // SAFETY: EAL is started; a thread that isn't registered, or is EAL's own, is left as it is.
        unsafe { dpdk_sys::rte_thread_unregister() };
    }

    fn ports(&self) -> usize {
        self.ports.0.len()
    }

    #[inline]
    fn rx_burst(&mut self, port: PortId, into: &mut Batch) -> usize {
        let Some(port) = self.port(port) else { return 0 };
        let mut raw = [ptr::null_mut(); BURST];
        let most = BURST.min(into.room()) as u16;
        // SAFETY: the port is started and has this queue, which this value alone polls, through `&mut self`;
        // the array has room for `most`.
        let received = unsafe { dpdk_sys::shim_rx_burst(port.number, self.queue, raw.as_mut_ptr(), most) };
        let (mut frames, mut octets, mut chains) = (0, 0, 0);
        for raw in raw.into_iter().take(received.into()).filter_map(NonNull::new) {
            // SAFETY: the driver gives live mbufs of our pool, and with each its one reference.
            match unsafe { Mbuf::adopt(raw) } {
                Ok(frame) => {
                    frames += 1;
                    octets += frame.bytes().len();
                    let _ = into.push(Frame::Dpdk(frame)); // there is room
                }
                Err(chain) => {
                    chains += 1;
                    drop(chain);
                }
            }
        }
        if received > 0 {
            let counts = &port.queues[usize::from(self.queue)];
            add(&counts.received, frames);
            add(&counts.received_octets, octets);
            add(&counts.too_long, chains);
        }
        frames
    }

    #[inline]
    fn tx_burst(&mut self, port: PortId, batch: &mut Batch) -> usize {
        if batch.is_empty() {
            return 0;
        }
        let Some(port) = self.port(port) else { return 0 };
        let counts = &port.queues[usize::from(self.queue)];
        let mut raw = [ptr::null_mut(); Batch::CAPACITY];
        let (mut count, mut octets) = (0, 0);
        while let Some(frame) = batch.pop() {
            match frame {
                Frame::Dpdk(frame) => {
                    octets += frame.bytes().len();
                    raw[count] = frame.into_raw();
                    count += 1;
                }
                // Of another pool: nobody who has this `PacketIo` makes one.
                Frame::Memory(_) => add(&counts.send_dropped, 1),
            }
        }
        // SAFETY: the port is started and has this queue, which this value alone fills; `count` live mbufs,
        // of which the driver takes over as many as it says.
        let sent =
            unsafe { dpdk_sys::shim_tx_burst(port.number, self.queue, raw.as_mut_ptr(), count as u16) };
        let sent = usize::from(sent).min(count);
        for raw in raw[sent..count].iter().copied().filter_map(NonNull::new) {
            // SAFETY: the driver hasn't taken it, so it is as `into_raw` gave it.
            if let Ok(frame) = unsafe { Mbuf::adopt(raw) } {
                octets -= frame.bytes().len();
                let _ = batch.push(Frame::Dpdk(frame)); // there is room: it came from there
            }
        }
        add(&counts.sent, sent);
        add(&counts.sent_octets, octets);
        sent
    }

    fn drop_unsent(&mut self, port: PortId, batch: &mut Batch) {
        if let Some(port) = self.port(port) {
            add(&port.queues[usize::from(self.queue)].send_dropped, batch.len());
        }
        batch.clear();
    }

    #[inline]
    fn alloc(&mut self) -> Option<Frame> {
        self.pool.alloc().map(Frame::Dpdk)
    }

    fn available(&self) -> usize {
        self.pool.available()
    }

    fn mac(&self, port: PortId) -> [u8; 6] {
        self.port(port).map_or([0; 6], |port| port.mac)
    }

    fn mtu(&self, port: PortId) -> usize {
        self.port(port).map_or(0, |port| port.mtu)
    }
}
