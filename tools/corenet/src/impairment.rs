//! A network that loses packets and delivers some twice, by a seed.

use crate::config::Impairment;
use crate::random::Random;
use ipsmgw::base::PortId;
use ipsmgw::io::{BURST, Batch, Frame, PacketIo};

/// Ports over which packets get lost or doubled, each way.
pub struct Impaired<IO> {
    io: IO,
    shares: Impairment,
    random: Random,
    arriving: Batch,
    leaving: Batch,
    /// Packets lost, and packets doubled.
    pub counts: (u64, u64),
}

impl<IO: PacketIo> Impaired<IO> {
    /// Over `io`.
    #[must_use]
    pub fn new(io: IO, shares: Impairment, seed: u64) -> Self {
        let random = Random::new(seed);
        Self { io, shares, random, arriving: Batch::new(), leaving: Batch::new(), counts: (0, 0) }
    }

    /// What is below.
    pub fn inner(&mut self) -> &mut IO {
        &mut self.io
    }

    /// Moves `from` to `to`, as long as there is room for a frame and its double.
    fn pass(&mut self, from: &mut Batch, to: &mut Batch) {
        while to.room() >= 2
            && let Some(frame) = from.pop()
        {
            if self.random.chance(self.shares.loss) {
                self.counts.0 += 1;
                continue;
            }
            let copy = self.random.chance(self.shares.duplicate).then(|| self.io.alloc()).flatten();
            let copy = copy.and_then(|mut copy| copy.copy_from(frame.bytes()).then_some(copy));
            let _ = to.push(frame);
            if copy.is_some_and(|copy| to.push(copy).is_ok()) {
                self.counts.1 += 1;
            }
        }
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

    fn rx_burst(&mut self, port: PortId, into: &mut Batch) -> usize {
        let mut arriving = core::mem::take(&mut self.arriving);
        let before = into.len();
        if into.room() >= 2 * BURST {
            self.io.rx_burst(port, &mut arriving);
        }
        self.pass(&mut arriving, into);
        self.arriving = arriving;
        into.len() - before
    }

    /// What the port has no room for is lost.
    fn tx_burst(&mut self, port: PortId, batch: &mut Batch) -> usize {
        let count = batch.len();
        let mut leaving = core::mem::take(&mut self.leaving);
        while !batch.is_empty() {
            self.pass(batch, &mut leaving);
            self.io.tx_burst(port, &mut leaving);
            self.io.tx_burst(port, &mut leaving);
            if !leaving.is_empty() {
                self.io.drop_unsent(port, &mut leaving);
            }
        }
        self.leaving = leaving;
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
    use ipsmgw::io::memory::{Pool, pair, views};

    const PORT: PortId = PortId(0);

    fn received(shares: Impairment, seed: u64) -> (Vec<u8>, Vec<u8>) {
        let pool = Pool::new(2048);
        let (ours, theirs) = pair(1, 1024, &pool);
        let io = views(1, &[ours], &pool).pop().unwrap();
        let mut io = Impaired::new(io, shares, seed);
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
        drop(io);
        assert_eq!(pool.available(), pool.capacity(), "a frame is lost for good");
        (out, back)
    }

    #[test]
    fn packets_are_lost_and_doubled_by_the_seed_both_ways() {
        let all: Vec<u8> = (0..200).collect();
        assert_eq!(received(Impairment::default(), 1), (all.clone(), all.clone()));
        let shares = Impairment { loss: 0.2, duplicate: 0.2 };
        let (out, back) = received(shares, 1);
        for way in [&out, &back] {
            let missing = all.iter().filter(|number| !way.contains(number)).count();
            let twice = way.windows(2).filter(|pair| pair[0] == pair[1]).count();
            assert!((20..60).contains(&missing) && (20..60).contains(&twice), "{missing} {twice}");
        }
        assert_eq!(received(shares, 1), (out, back.clone()), "the same again");
        assert_ne!(received(shares, 2).1, back);
    }
}
