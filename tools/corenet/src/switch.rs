//! The Ethernets inside the box: on each are nodes of ours, and a port to the outside.

use crate::capture::{CaptureFile, WallClock};
use ipsmgw::base::{PortId, counts};
use ipsmgw::io::memory::{End, MemoryIo, Pool, pair, views};
use ipsmgw::io::{Batch, PacketIo};
use std::collections::HashMap;

/// Frames that a node's port holds in each direction.
const DEPTH: usize = 1024;

counts! {
    /// What became of frames.
    pub struct SwitchCounts {
        /// Frames carried.
        carried,
        /// Copies lost because a node's or a port's queue was full, or the pool empty.
        lost,
    }
}

/// Who is on an Ethernet: the outside, or a node by its place.
type Place = Option<usize>;

/// One Ethernet.
#[derive(Default)]
struct Segment {
    /// The far ends of the nodes' cables.
    nodes: Vec<End>,
    /// Who was heard with which address.
    heard: HashMap<[u8; 6], Place>,
}

/// All of them, a port of `IO` to each.
pub struct Switch<IO> {
    /// Tells the link addresses of its nodes from those of other processes' nodes on the same networks.
    pub station: [u8; 2],
    outside: IO,
    segments: Vec<Segment>,
    pool: Pool,
    capture: Option<(CaptureFile, WallClock)>,
    arriving: Batch,
    leaving: Batch,
    /// What became of frames.
    pub counts: SwitchCounts,
}

impl<IO: PacketIo> Switch<IO> {
    /// Without nodes; those will have `frames` frames, all together. What is carried goes to `capture`.
    #[must_use]
    pub fn new(outside: IO, frames: usize, capture: Option<(CaptureFile, WallClock)>) -> Self {
        Self {
            station: [0; 2],
            segments: (0..outside.ports()).map(|_| Segment::default()).collect(),
            outside,
            pool: Pool::new(frames),
            capture,
            arriving: Batch::new(),
            leaving: Batch::new(),
            counts: SwitchCounts::default(),
        }
    }

    /// A node's ports, one on each of these networks, by the numbers of their outside ports.
    pub fn attach(&mut self, networks: &[PortId]) -> Option<MemoryIo> {
        let mut ends = vec![];
        for network in networks {
            let segment = self.segments.get_mut(usize::from(network.0))?;
            let (mut near, far) = pair(1, DEPTH, &self.pool);
            let [high, low] = self.station;
            near.mac = [2, high, low, 2, network.0, segment.nodes.len() as u8];
            near.mtu = self.outside.mtu(*network);
            ends.push(near);
            segment.nodes.push(far);
        }
        views(1, &ends, &self.pool).pop()
    }

    /// The port to the outside, to enter and to leave.
    pub fn outside(&mut self) -> &mut IO {
        &mut self.outside
    }

    /// Carries what has come; whether there was anything.
    pub fn turn(&mut self) -> bool {
        let before = self.counts.carried;
        for network in 0..self.segments.len() {
            let port = PortId(network as u8);
            let mut arriving = core::mem::take(&mut self.arriving);
            self.outside.rx_burst(port, &mut arriving);
            while let Some(frame) = arriving.pop() {
                self.carry(network, None, frame.bytes());
            }
            self.arriving = arriving;
            for node in 0..self.segments[network].nodes.len() {
                while let Some(frame) = self.segments[network].nodes[node].receive(0) {
                    self.carry(network, Some(node), frame.bytes());
                }
            }
            self.send_off(port);
        }
        self.counts.carried > before
    }

    /// Carries a frame that `from` has sent.
    fn carry(&mut self, network: usize, from: Place, bytes: &[u8]) {
        let (Some(to), Some(source)) = (bytes.first_chunk::<6>(), bytes.get(6..12)) else { return };
        let port = PortId(network as u8);
        self.counts.carried += 1;
        if let Some((file, clock)) = &mut self.capture {
            file.packet(port, from.is_some(), clock(), bytes);
        }
        let segment = &mut self.segments[network];
        if let Ok(source) = source.try_into()
            && segment.heard.get(&source) != Some(&from)
        {
            segment.heard.insert(source, from);
        }
        let known = segment.heard.get(to).copied();
        let goes = |place: Place| place != from && known.is_none_or(|known| known == place);
        let mut lost = 0;
        for (at, node) in segment.nodes.iter().enumerate() {
            lost += u64::from(goes(Some(at)) && !node.send(0, bytes));
        }
        if goes(None) {
            if self.leaving.room() == 0 {
                self.send_off(port);
            }
            let copy = self.outside.alloc().and_then(|mut copy| copy.copy_from(bytes).then_some(copy));
            lost += u64::from(copy.is_none_or(|copy| self.leaving.push(copy).is_err()));
        }
        self.counts.lost += lost;
    }

    /// Gives a port what is to leave by it.
    fn send_off(&mut self, port: PortId) {
        let mut sent = 1;
        while !self.leaving.is_empty() && sent > 0 {
            sent = self.outside.tx_burst(port, &mut self.leaving);
        }
        self.counts.lost += self.leaving.len() as u64;
        if !self.leaving.is_empty() {
            self.outside.drop_unsent(port, &mut self.leaving);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: PortId = PortId(0);

    fn send(io: &mut MemoryIo, to: [u8; 6], mark: u8) {
        let mut frame = io.alloc().unwrap();
        let octets = [&to[..], &io.mac(NETWORK), &[8, 0, mark]].concat();
        assert!(frame.copy_from(&octets));
        let mut batch = Batch::new();
        batch.push(frame).unwrap();
        assert_eq!(io.tx_burst(NETWORK, &mut batch), 1);
    }

    fn marks(io: &mut MemoryIo) -> Vec<u8> {
        let mut batch = Batch::new();
        io.rx_burst(NETWORK, &mut batch);
        core::iter::from_fn(|| batch.pop()).map(|frame| frame.bytes()[14]).collect()
    }

    #[test]
    fn a_frame_goes_to_whom_it_is_for_and_to_all_if_nobody_has_heard_of_him() {
        let pool = Pool::new(64);
        let (ours, theirs) = pair(1, 16, &pool);
        let outside = views(1, &[ours], &pool).pop().unwrap();
        let mut switch = Switch::new(outside, 64, None);
        let (mut a, mut b) = (switch.attach(&[NETWORK]).unwrap(), switch.attach(&[NETWORK]).unwrap());
        assert!(switch.attach(&[PortId(1)]).is_none(), "no such network");
        let (mac_a, mac_b) = (a.mac(NETWORK), b.mac(NETWORK));
        assert_ne!(mac_a, mac_b);
        let from_outside = |to: [u8; 6], mark| {
            assert!(theirs.send(0, &[&to[..], &[2, 9, 9, 9, 9, 9], &[8, 0, mark]].concat()));
        };
        let out =
            || core::iter::from_fn(|| theirs.receive(0)).map(|frame| frame.bytes()[14]).collect::<Vec<_>>();
        send(&mut a, [0xff; 6], 1);
        assert!(switch.turn());
        assert_eq!((marks(&mut a), marks(&mut b), out()), (vec![], vec![1], vec![1]));
        from_outside(mac_a, 2);
        send(&mut b, mac_a, 3);
        assert!(switch.turn());
        assert_eq!((marks(&mut a), marks(&mut b), out()), (vec![2, 3], vec![], vec![]));
        send(&mut a, [2, 9, 9, 9, 9, 9], 4);
        send(&mut a, mac_b, 5);
        assert!(switch.turn());
        assert_eq!((marks(&mut a), marks(&mut b), out()), (vec![], vec![5], vec![4]));
        assert!(!switch.turn());
        assert_eq!((switch.counts.carried, switch.counts.lost), (5, 0));
        drop((a, b));
        assert_eq!((pool.available(), switch.pool.available()), (64, 64));
    }

    #[test]
    fn what_is_carried_is_written_once() {
        let pool = Pool::new(16);
        let (ours, theirs) = pair(1, 8, &pool);
        let path = std::env::temp_dir().join(format!("corenet-capture-{}.pcapng", std::process::id()));
        let file = CaptureFile::create(&path, ["port"]).unwrap();
        let outside = views(1, &[ours], &pool).pop().unwrap();
        let mut switch = Switch::new(outside, 16, Some((file.clone(), Box::new(|| 1))));
        let mut nodes: Vec<_> = (0..2).filter_map(|_| switch.attach(&[NETWORK])).collect();
        send(&mut nodes[0], [0xff; 6], 0xa1);
        assert!(theirs.send(0, &[0xb1; 16]));
        switch.turn();
        file.flush().unwrap();
        let written = std::fs::read(&path).unwrap();
        let times = |octets: &[u8]| written.windows(octets.len()).filter(|window| *window == octets).count();
        assert_eq!([times(&[8, 0, 0xa1]), times(&[0xb1; 16])], [1, 1]);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_a_full_queue_does_not_take_is_lost_and_counted() {
        let pool = Pool::new(64);
        let (ours, theirs) = pair(1, 4, &pool);
        let outside = views(1, &[ours], &pool).pop().unwrap();
        let mut switch = Switch::new(outside, 64, None);
        let mut a = switch.attach(&[NETWORK]).unwrap();
        for mark in 0..6 {
            send(&mut a, [0xff; 6], mark);
        }
        switch.turn();
        assert_eq!((switch.counts.carried, switch.counts.lost), (6, 2));
        drop(theirs);
    }
}
