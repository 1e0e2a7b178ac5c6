//! Ports that lose frames and deliver some twice, by a seed: they show what is above them, and its peers, a bad network.

use super::{BURST, Batch, Frame, PacketIo};
use crate::base::{PortId, Random, counts};
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

counts! {
    /// What a port did to its frames on purpose, both ways together.
    pub struct ImpairmentCounts {
        /// Frames lost on purpose.
        impaired_lost,
        /// Frames doubled on purpose.
        impaired_doubled,
    }
}

/// What a port does to its frames, each way; the workers that share it count here.
#[derive(Debug)]
pub struct Impairment {
    /// Frames lost, and frames doubled, of a million.
    loss: u32,
    duplicate: u32,
    seed: u64,
    lost: AtomicU64,
    doubled: AtomicU64,
}

impl Impairment {
    /// Loses and doubles these shares of the frames, from 0 to 1; which ones follows from the seed.
    #[must_use]
    pub fn new(loss: f64, duplicate: f64, seed: u64) -> Self {
        let of_a_million = |share: f64| (share * 1e6) as u32;
        Self {
            loss: of_a_million(loss),
            duplicate: of_a_million(duplicate),
            seed,
            lost: AtomicU64::new(0),
            doubled: AtomicU64::new(0),
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> ImpairmentCounts {
        ImpairmentCounts {
            impaired_lost: self.lost.load(Ordering::Relaxed),
            impaired_doubled: self.doubled.load(Ordering::Relaxed),
        }
    }
}

/// One port's impairment as one worker has it.
struct Fate {
    of: Arc<Impairment>,
    random: Random,
}

impl Fate {
    /// Moves `from` to `to`, as long as there is room for a frame and its double.
    fn pass(&mut self, io: &mut impl PacketIo, from: &mut Batch, to: &mut Batch) {
        while to.room() >= 2
            && let Some(frame) = from.pop()
        {
            if self.random.share(self.of.loss) {
                self.of.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let copy = self.random.share(self.of.duplicate).then(|| io.alloc()).flatten();
            let copy = copy.and_then(|mut copy| copy.copy_from(frame.bytes()).then_some(copy));
            let _ = to.push(frame);
            if copy.is_some_and(|copy| to.push(copy).is_ok()) {
                self.of.doubled.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// A worker's view of ports of which some are impaired. Those that are not cost a branch for each burst.
pub struct Impaired<IO> {
    io: IO,
    /// By port; a port beyond the end is not impaired.
    fates: Box<[Option<Fate>]>,
    arriving: Batch,
    leaving: Batch,
}

impl<IO: PacketIo> Impaired<IO> {
    /// Over `io`, with the impairment of each port. Workers that share ports have different numbers, or they would lose
    /// the same frames.
    #[must_use]
    pub fn new(io: IO, ports: &[Option<Arc<Impairment>>], worker: u8) -> Self {
        let fate = |(at, of): (usize, &Option<Arc<Impairment>>)| {
            let of = of.clone()?;
            let random = Random::stream(of.seed, u64::from(worker) << 8 | at as u64);
            Some(Fate { of, random })
        };
        let fates = ports.iter().enumerate().map(fate).collect();
        Self { io, fates, arriving: Batch::new(), leaving: Batch::new() }
    }

    /// What is below.
    pub fn inner(&mut self) -> &mut IO {
        &mut self.io
    }

    /// What was done to the frames of all ports.
    #[must_use]
    pub fn counts(&self) -> ImpairmentCounts {
        self.fates.iter().flatten().fold(ImpairmentCounts::default(), |sum, fate| {
            let more = fate.of.counts();
            ImpairmentCounts {
                impaired_lost: sum.impaired_lost + more.impaired_lost,
                impaired_doubled: sum.impaired_doubled + more.impaired_doubled,
            }
        })
    }
}

impl<IO: PacketIo> PacketIo for Impaired<IO> {
    fn enter(&mut self) -> Result<(), String> {
        self.io.enter()
    }

    fn leave(&mut self) {
        self.io.leave();
    }

    fn ports(&self) -> usize {
        self.io.ports()
    }

    #[inline]
    fn rx_burst(&mut self, port: PortId, into: &mut Batch) -> usize {
        let Some(Some(fate)) = self.fates.get_mut(usize::from(port.0)) else {
            return self.io.rx_burst(port, into);
        };
        let before = into.len();
        // All that comes has room, each twice.
        if into.room() >= 2 * BURST {
            self.io.rx_burst(port, &mut self.arriving);
            fate.pass(&mut self.io, &mut self.arriving, into);
        }
        into.len() - before
    }

    /// What an impaired port has no room for is lost, and counted as not sent.
    #[inline]
    fn tx_burst(&mut self, port: PortId, batch: &mut Batch) -> usize {
        let Some(Some(fate)) = self.fates.get_mut(usize::from(port.0)) else {
            return self.io.tx_burst(port, batch);
        };
        let count = batch.len();
        while !batch.is_empty() {
            fate.pass(&mut self.io, batch, &mut self.leaving);
            self.io.tx_burst(port, &mut self.leaving);
            self.io.tx_burst(port, &mut self.leaving);
            if !self.leaving.is_empty() {
                self.io.drop_unsent(port, &mut self.leaving);
            }
        }
        count
    }

    fn drop_unsent(&mut self, port: PortId, batch: &mut Batch) {
        self.io.drop_unsent(port, batch);
    }

    fn alloc(&mut self) -> Option<Frame> {
        self.io.alloc()
    }

    fn available(&self) -> usize {
        self.io.available()
    }

    fn mac(&self, port: PortId) -> [u8; 6] {
        self.io.mac(port)
    }

    fn mtu(&self, port: PortId) -> usize {
        self.io.mtu(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::memory::{Pool, pair, views};

    const PORT: PortId = PortId(0);

    /// What of 200 numbered frames comes through each way, by a worker's number; and what was counted.
    fn received(ports: &[Option<Arc<Impairment>>], worker: u8) -> (Vec<u8>, Vec<u8>, ImpairmentCounts) {
        let pool = Pool::new(2048);
        let (ours, theirs) = pair(1, 1024, &pool);
        let io = views(1, &[ours], &pool).pop().unwrap();
        let mut io = Impaired::new(io, ports, worker);
        let mut batch = Batch::new();
        for number in 0..200 {
            let mut frame = io.alloc().unwrap();
            assert!(frame.copy_from(&[number]));
            batch.push(frame).unwrap();
            assert_eq!(io.tx_burst(PORT, &mut batch), 1);
            assert!(theirs.send(0, &[number]));
        }
        let out = core::iter::from_fn(|| theirs.receive(0)).map(|frame| frame.bytes()[0]).collect();
        let mut back = vec![];
        for _ in 0..50 {
            io.rx_burst(PORT, &mut batch);
            back.extend(core::iter::from_fn(|| batch.pop()).map(|frame| frame.bytes()[0]));
        }
        let counts = io.counts();
        drop(io);
        assert_eq!(pool.available(), pool.capacity(), "a frame is lost for good");
        (out, back, counts)
    }

    fn impairment(loss: f64, duplicate: f64, seed: u64) -> [Option<Arc<Impairment>>; 1] {
        [Some(Arc::new(Impairment::new(loss, duplicate, seed)))]
    }

    #[test]
    fn frames_are_lost_and_doubled_by_the_seed_both_ways() {
        let all: Vec<u8> = (0..200).collect();
        let (out, back, counts) = received(&impairment(0.2, 0.2, 1), 0);
        let (mut lost, mut doubled) = (0, 0);
        for way in [&out, &back] {
            let missing = all.iter().filter(|number| !way.contains(number)).count();
            let twice = way.windows(2).filter(|pair| pair[0] == pair[1]).count();
            assert!((20..60).contains(&missing) && (20..60).contains(&twice), "{missing} {twice}");
            (lost, doubled) = (lost + missing as u64, doubled + twice as u64);
        }
        assert_eq!(counts, ImpairmentCounts { impaired_lost: lost, impaired_doubled: doubled });
        assert_eq!(received(&impairment(0.2, 0.2, 1), 0), (out, back.clone(), counts), "the same again");
        assert_ne!(received(&impairment(0.2, 0.2, 2), 0).1, back, "another seed");
        assert_ne!(received(&impairment(0.2, 0.2, 1), 1).1, back, "another worker");
    }

    #[test]
    fn a_port_that_is_not_impaired_passes_everything() {
        let all: Vec<u8> = (0..200).collect();
        for ports in [&impairment(0.0, 0.0, 1)[..], &[None], &[]] {
            assert_eq!(received(ports, 0), (all.clone(), all.clone(), ImpairmentCounts::default()));
        }
        let (out, back, counts) = received(&impairment(1.0, 0.0, 1), 0);
        assert_eq!((out.len(), back.len(), counts.impaired_lost), (0, 0, 400));
    }
}
