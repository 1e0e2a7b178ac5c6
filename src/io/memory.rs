//! Ports in memory, for tests, simulation and benchmarks: cables of bounded queues, and a pool that shows a
//! leak.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use super::{BURST, Batch, Frame, PacketIo, PortCounts, ROOM};
use crate::base::{HEADROOM, PortId};

struct Buffer {
    /// Where to go back to; `None` while there.
    pool: Option<Arc<ArrayQueue<Box<Buffer>>>>,
    start: u16,
    end: u16,
    room: [u8; ROOM],
}

/// A frame of a [`Pool`].
pub struct MemoryFrame {
    /// Always there but in `drop`.
    buffer: Option<Box<Buffer>>,
}

impl MemoryFrame {
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.as_deref().map_or(&[], |buffer| &buffer.room[buffer.start.into()..buffer.end.into()])
    }

    #[inline]
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.buffer
            .as_deref_mut()
            .map_or(&mut [], |buffer| &mut buffer.room[buffer.start.into()..buffer.end.into()])
    }

    #[inline]
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.buffer.as_deref_mut().map_or(&mut [], |buffer| &mut buffer.room)
    }

    /// `start <= end <= ROOM`.
    #[inline]
    pub(super) fn set_range(&mut self, start: usize, end: usize) {
        if let Some(buffer) = self.buffer.as_deref_mut() {
            (buffer.start, buffer.end) = (start as u16, end as u16);
        }
    }
}

impl Drop for MemoryFrame {
    fn drop(&mut self) {
        if let Some(mut buffer) = self.buffer.take()
            && let Some(pool) = buffer.pool.take()
        {
            let returned = pool.push(buffer);
            debug_assert!(returned.is_ok(), "more frames came back than the pool gave");
        }
    }
}

/// A pool of frames, all allocated at the start; its clones are the same pool.
#[derive(Clone)]
pub struct Pool {
    free: Arc<ArrayQueue<Box<Buffer>>>,
}

impl Pool {
    /// With `frames` frames, at least one.
    #[must_use]
    pub fn new(frames: usize) -> Self {
        let free = Arc::new(ArrayQueue::new(frames.max(1)));
        while free.push(Box::new(Buffer { pool: None, start: 0, end: 0, room: [0; ROOM] })).is_ok() {}
        Self { free }
    }

    /// An empty frame, or `None` when all are out.
    #[must_use]
    pub fn alloc(&self) -> Option<Frame> {
        let mut buffer = self.free.pop()?;
        buffer.pool = Some(self.free.clone());
        (buffer.start, buffer.end) = (HEADROOM as u16, HEADROOM as u16);
        Some(Frame::Memory(MemoryFrame { buffer: Some(buffer) }))
    }

    /// How many frames are in the pool: [`Pool::capacity`] when nobody holds or has lost one.
    #[must_use]
    pub fn available(&self) -> usize {
        self.free.len()
    }

    /// How many frames there are in all.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.free.capacity()
    }
}

type Lane = Arc<ArrayQueue<Frame>>;

/// One end of a cable, with a receive and a transmit queue for each worker. Its clones are the same end: a
/// test may hold one beside the worker's.
#[derive(Clone)]
pub struct End {
    lanes: Vec<(Lane, Lane)>,
    pool: Pool,
    /// This end's MAC address.
    pub mac: [u8; 6],
    /// This end's MTU.
    pub mtu: usize,
}

/// A cable of `queues` queues, each `depth` frames long in either direction: what one end sends on a queue,
/// the other receives on the same. Frames that an end injects are of `pool`.
#[must_use]
pub fn pair(queues: usize, depth: usize, pool: &Pool) -> (End, End) {
    let lane = || Arc::new(ArrayQueue::new(depth.max(1)));
    let lanes: Vec<(Lane, Lane)> = (0..queues).map(|_| (lane(), lane())).collect();
    let turned = lanes.iter().map(|(a, b)| (b.clone(), a.clone())).collect();
    let end = |lanes, mac| End { lanes, pool: pool.clone(), mac, mtu: 1500 };
    (end(lanes, [2, 0, 0, 0, 0, 0xa]), end(turned, [2, 0, 0, 0, 0, 0xb]))
}

impl End {
    /// How many queues it has.
    #[must_use]
    pub fn queues(&self) -> usize {
        self.lanes.len()
    }

    /// Sends a copy of `bytes` to the other end; whether a frame and a place in the queue were free.
    pub fn send(&self, queue: usize, bytes: &[u8]) -> bool {
        let Some((_, tx)) = self.lanes.get(queue) else { return false };
        self.pool.alloc().is_some_and(|mut frame| frame.copy_from(bytes) && tx.push(frame).is_ok())
    }

    /// Takes the oldest frame that the other end has sent on this queue.
    #[must_use]
    pub fn receive(&self, queue: usize) -> Option<Frame> {
        self.lanes.get(queue)?.0.pop()
    }
}

/// A worker's view of in-memory ports.
pub struct MemoryIo {
    queue: usize,
    ports: Vec<(End, PortCounts)>,
    pool: Pool,
}

/// One view for each of `workers` workers, all with the same ports; worker *n* has queue *n* of each.
#[must_use]
pub fn views(workers: usize, ports: &[End], pool: &Pool) -> Vec<MemoryIo> {
    (0..workers)
        .map(|queue| MemoryIo {
            queue,
            ports: ports.iter().map(|end| (end.clone(), PortCounts::default())).collect(),
            pool: pool.clone(),
        })
        .collect()
}

impl MemoryIo {
    /// What this worker's queue of a port has counted.
    #[must_use]
    pub fn counts(&self, port: PortId) -> PortCounts {
        self.ports.get(usize::from(port.0)).map(|(_, counts)| counts.clone()).unwrap_or_default()
    }
}

impl PacketIo for MemoryIo {
    fn ports(&self) -> usize {
        self.ports.len()
    }

    fn rx_burst(&mut self, port: PortId, into: &mut Batch) -> usize {
        let Some((end, counts)) = self.ports.get_mut(usize::from(port.0)) else { return 0 };
        let Some((rx, _)) = end.lanes.get(self.queue) else { return 0 };
        let before = into.len();
        for _ in 0..BURST.min(into.room()) {
            let Some(frame) = rx.pop() else { break };
            counts.received_octets += frame.len() as u64;
            let _ = into.push(frame); // there is room
        }
        let received = into.len() - before;
        counts.received += received as u64;
        received
    }

    fn tx_burst(&mut self, port: PortId, batch: &mut Batch) -> usize {
        let Some((end, counts)) = self.ports.get_mut(usize::from(port.0)) else { return 0 };
        let Some((_, tx)) = end.lanes.get(self.queue) else { return 0 };
        let mut sent = 0;
        while let Some(frame) = batch.pop() {
            let octets = frame.len() as u64;
            if let Err(frame) = tx.push(frame) {
                batch.put_back(frame);
                break;
            }
            counts.sent_octets += octets;
            sent += 1;
        }
        counts.sent += sent as u64;
        sent
    }

    fn drop_unsent(&mut self, port: PortId, batch: &mut Batch) {
        if let Some((_, counts)) = self.ports.get_mut(usize::from(port.0)) {
            counts.send_dropped += batch.len() as u64;
        }
        batch.clear();
    }

    fn alloc(&mut self) -> Option<Frame> {
        self.pool.alloc()
    }

    fn available(&self) -> usize {
        self.pool.available()
    }

    fn mac(&self, port: PortId) -> [u8; 6] {
        self.ports.get(usize::from(port.0)).map_or([0; 6], |(end, _)| end.mac)
    }

    fn mtu(&self, port: PortId) -> usize {
        self.ports.get(usize::from(port.0)).map_or(0, |(end, _)| end.mtu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: PortId = PortId(0);

    #[test]
    fn a_pool_gives_what_it_has_and_gets_it_back() {
        let pool = Pool::new(3);
        let held: Vec<Frame> = core::iter::from_fn(|| pool.alloc()).collect();
        assert_eq!((held.len(), pool.available()), (3, 0));
        drop(held);
        assert_eq!(pool.available(), pool.capacity());
    }

    #[test]
    fn a_frame_outlives_its_pool() {
        let mut frame = Pool::new(1).alloc().unwrap();
        assert!(frame.copy_from(b"still here"));
        assert_eq!(frame.bytes(), b"still here");
    }

    #[test]
    fn queue_n_of_one_end_is_queue_n_of_the_other() {
        let pool = Pool::new(64);
        let (ours, theirs) = pair(2, 8, &pool);
        let mut workers = views(2, &[ours], &pool);
        assert!(theirs.send(0, b"zero") && theirs.send(1, b"one"));
        for (worker, expected) in workers.iter_mut().zip([&b"zero"[..], b"one"]) {
            let mut batch = Batch::new();
            assert_eq!(worker.rx_burst(PORT, &mut batch), 1);
            assert_eq!(batch.iter().next().unwrap().bytes(), expected);
            assert_eq!(worker.tx_burst(PORT, &mut batch), 1);
        }
        assert_eq!(theirs.receive(1).unwrap().bytes(), b"one");
        assert_eq!(theirs.receive(0).unwrap().bytes(), b"zero");
        assert!(theirs.receive(0).is_none() && theirs.receive(7).is_none());
        assert_eq!(pool.available(), 64);
        assert_eq!(workers[1].counts(PORT).sent_octets, 3);
    }

    #[test]
    fn a_full_queue_leaves_the_rest_in_order() {
        let pool = Pool::new(64);
        let (ours, theirs) = pair(1, 3, &pool);
        let mut worker = views(1, &[ours], &pool).remove(0);
        let mut batch = Batch::new();
        for number in 0..5 {
            let mut frame = worker.alloc().unwrap();
            assert!(frame.copy_from(&[number]));
            batch.push(frame).unwrap();
        }
        assert_eq!((worker.tx_burst(PORT, &mut batch), batch.len()), (3, 2));
        assert_eq!(theirs.receive(0).unwrap().bytes(), [0]);
        assert_eq!((worker.tx_burst(PORT, &mut batch), batch.len()), (1, 1));
        worker.drop_unsent(PORT, &mut batch);
        assert_eq!(worker.counts(PORT).send_dropped, 1);
        assert!(!worker.mac(PORT).is_empty() && batch.is_empty());
        while theirs.receive(0).is_some() {}
        assert_eq!(pool.available(), 64);
    }

    #[test]
    fn a_burst_is_bounded_and_an_unknown_port_is_silent() {
        let pool = Pool::new(128);
        let (ours, theirs) = pair(1, 128, &pool);
        let mut worker = views(1, &[ours], &pool).remove(0);
        while theirs.send(0, b"x") {}
        let mut batch = Batch::new();
        assert_eq!(worker.rx_burst(PORT, &mut batch), BURST);
        assert_eq!(worker.rx_burst(PORT, &mut batch), BURST);
        assert_eq!(worker.rx_burst(PORT, &mut batch), 0);
        assert_eq!(worker.rx_burst(PortId(1), &mut Batch::new()), 0);
        assert_eq!(worker.tx_burst(PortId(1), &mut batch), 0);
        worker.drop_unsent(PortId(1), &mut batch);
        assert_eq!((worker.mtu(PortId(1)), worker.available()), (0, 64));
        assert_eq!((worker.ports(), worker.mtu(PORT)), (1, 1500));
    }
}
