//! The network between the nodes: bridges, and links that lose, repeat, delay, damage and reorder frames by chance.

use super::capture::Capture;
use super::trace::Trace;
use crate::base::Random;
use crate::base::{Time, counts};
use crate::io::memory::End;
use crate::io::receive_queue;
use core::cmp::{Ordering, Reverse};
use core::time::Duration;
use std::collections::{BTreeMap, BinaryHeap};

/// What one direction of a link does to frames. Shares are of a million.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quality {
    /// How many get lost.
    pub loss: u32,
    /// How many of the others arrive twice.
    pub duplicate: u32,
    /// How many arrive with one bit turned.
    pub damage: u32,
    /// How many are held back, by up to `jitter` more, and passed by those behind them. All others keep their order.
    pub reorder: u32,
    /// How long every frame takes.
    pub delay: Duration,
    /// How much longer it may take.
    pub jitter: Duration,
    /// How many may be on their way at a time; more are lost.
    pub room: usize,
}

impl Quality {
    /// A cable that loses nothing and takes 10 µs.
    pub const PERFECT: Self = Self {
        loss: 0,
        duplicate: 0,
        damage: 0,
        reorder: 0,
        delay: Duration::from_micros(10),
        jitter: Duration::ZERO,
        room: 4096,
    };
    /// A cable that is cut.
    pub const CUT: Self = Self { loss: 1_000_000, ..Self::PERFECT };
}

impl Default for Quality {
    fn default() -> Self {
        Self::PERFECT
    }
}

/// How a port with several queues chooses one for a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Queues {
    /// By chance: as bad as it can be for who hopes that a flow stays on its queue.
    #[default]
    Chance,
    /// By the Toeplitz hash of its addresses and UDP ports, as network cards do.
    Toeplitz,
}

counts! {
    /// What one direction of a link did.
    pub struct WayCounts {
        /// Frames put in.
        sent,
        /// Frames lost by chance.
        lost,
        /// Frames doubled.
        doubled,
        /// Frames with a bit turned.
        damaged,
        /// Frames held back, so that others could pass.
        held_back,
        /// Frames lost because too many were on their way.
        full,
        /// Frames that came out.
        arrived,
        /// Frames that came out and were lost, because the node's queue or pool had no room.
        refused,
    }
}

/// One direction of a link.
#[derive(Default)]
pub struct Way {
    /// What it does to frames.
    pub quality: Quality,
    /// What it has done.
    pub counts: WayCounts,
    on_the_way: usize,
    /// When the last of the frames in order arrives.
    last: Time,
}

/// The link between a node's port and its bridge.
pub struct Link {
    /// From the node to the bridge.
    pub from_node: Way,
    /// From the bridge to the node.
    pub to_node: Way,
    /// How the node's port chooses the queue.
    pub queues: Queues,
    bridge: usize,
    /// The bridge's end of the cable.
    end: End,
    /// The first of the node's actors, one for each queue.
    actor: usize,
}

impl Link {
    fn way(&mut self, direction: Direction) -> &mut Way {
        match direction {
            Direction::FromNode => &mut self.from_node,
            Direction::ToNode => &mut self.to_node,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    FromNode,
    ToNode,
}

/// A frame on its way.
struct Flying {
    arrives: Time,
    /// Frames that arrive at one time do so in the order in which they set out.
    number: u64,
    link: usize,
    direction: Direction,
    bytes: Vec<u8>,
}

impl PartialEq for Flying {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Flying {}

impl PartialOrd for Flying {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flying {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.arrives, self.number).cmp(&(other.arrives, other.number))
    }
}

/// All bridges and links, and what is on its way.
pub(super) struct Network {
    pub(super) links: Vec<Link>,
    pub(super) trace: Trace,
    pub(super) capture: Capture,
    /// For each bridge, behind which link an address was last seen.
    bridges: Vec<BTreeMap<[u8; 6], usize>>,
    flying: BinaryHeap<Reverse<Flying>>,
    flown: u64,
    random: Random,
    /// Frames arrive at multiples of this only.
    pub(super) grain: Duration,
    spare: Vec<Vec<u8>>,
}

impl Network {
    pub(super) fn new(random: Random) -> Self {
        Self {
            links: vec![],
            trace: Trace::default(),
            capture: Capture::default(),
            bridges: vec![],
            flying: BinaryHeap::new(),
            flown: 0,
            random,
            grain: Duration::from_nanos(1),
            spare: vec![],
        }
    }

    pub(super) fn add_bridge(&mut self) -> usize {
        self.bridges.push(BTreeMap::new());
        self.bridges.len() - 1
    }

    /// A link from the node whose first actor is `actor` to a bridge, which has the `end` of its cable.
    pub(super) fn add_link(&mut self, name: &str, bridge: usize, end: End, actor: usize) -> usize {
        assert!(bridge < self.bridges.len(), "a bridge of this simulation");
        self.capture.add_interface(name);
        let (from_node, to_node) = (Way::default(), Way::default());
        self.links.push(Link { from_node, to_node, queues: Queues::default(), bridge, end, actor });
        self.links.len() - 1
    }

    /// All links of a bridge.
    pub(super) fn of_bridge(&mut self, bridge: usize) -> impl Iterator<Item = &mut Link> {
        self.links.iter_mut().filter(move |link| link.bridge == bridge)
    }

    /// When the next frame arrives somewhere.
    pub(super) fn next(&self) -> Time {
        self.flying.peek().map_or(Time::NEVER, |Reverse(flying)| flying.arrives)
    }

    /// How many frames are on their way.
    pub(super) fn on_the_way(&self) -> usize {
        self.flying.len()
    }

    /// Takes what the node has sent on one queue of a link.
    pub(super) fn collect(&mut self, now: Time, link: usize, queue: usize) {
        while let Some(frame) = self.links[link].end.receive(queue) {
            self.trace.add(now, link, usize::MAX, frame.bytes());
            self.capture.add(now, link, true, frame.bytes());
            let bytes = self.copy(frame.bytes());
            self.set_out(now, link, Direction::FromNode, bytes);
        }
    }

    /// Brings everything that arrives until `now`; tells which actors have got something.
    pub(super) fn deliver(&mut self, now: Time, reached: &mut dyn FnMut(usize)) {
        while self.flying.peek().is_some_and(|Reverse(flying)| flying.arrives <= now) {
            let Some(Reverse(flying)) = self.flying.pop() else { return };
            let Flying { link, direction, bytes, .. } = flying;
            let way = self.links[link].way(direction);
            way.on_the_way -= 1;
            way.counts.arrived += 1;
            match direction {
                Direction::FromNode => self.forward(now, link, bytes),
                Direction::ToNode => {
                    reached(self.hand_in(now, link, &bytes));
                    self.spare.push(bytes);
                }
            }
        }
    }

    /// A bridge learns who is where, and sends to everybody what it does not know better.
    fn forward(&mut self, now: Time, from: usize, bytes: Vec<u8>) {
        let bridge = self.links[from].bridge;
        let address = |at: usize| bytes.get(at..).and_then(|bytes| bytes.first_chunk::<6>()).copied();
        let (Some(destination), Some(source)) = (address(0), address(6)) else { return };
        self.bridges[bridge].insert(source, from);
        let known = self.bridges[bridge].get(&destination).filter(|_| destination[0] & 1 == 0).copied();
        if let Some(to) = known {
            if to != from {
                self.set_out(now, to, Direction::ToNode, bytes);
            }
            return;
        }
        for to in 0..self.links.len() {
            if to != from && self.links[to].bridge == bridge {
                let copy = self.copy(&bytes);
                self.set_out(now, to, Direction::ToNode, copy);
            }
        }
        self.spare.push(bytes);
    }

    /// The actor that the frame is put before.
    fn hand_in(&mut self, now: Time, at: usize, bytes: &[u8]) -> usize {
        let link = &mut self.links[at];
        let queues = link.end.queues();
        let queue = match link.queues {
            _ if queues == 1 => 0,
            Queues::Chance => self.random.below(queues as u64) as usize,
            Queues::Toeplitz => receive_queue(bytes, queues),
        };
        self.trace.add(now, at, queue, bytes);
        self.capture.add(now, at, false, bytes);
        if !link.end.send(queue, bytes) {
            link.to_node.counts.refused += 1;
        }
        link.actor + queue
    }

    /// A frame enters one direction of a link: here everything that can happen to it is decided.
    fn set_out(&mut self, now: Time, link: usize, direction: Direction, mut bytes: Vec<u8>) {
        let random = &mut self.random;
        let way = self.links[link].way(direction);
        let quality = way.quality;
        way.counts.sent += 1;
        if random.share(quality.loss) {
            way.counts.lost += 1;
            self.spare.push(bytes);
            return;
        }
        if random.share(quality.damage) && !bytes.is_empty() {
            way.counts.damaged += 1;
            let bit = random.below(bytes.len() as u64 * 8);
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
        if random.share(quality.duplicate) {
            way.counts.doubled += 1;
            let copy = self.copy(&bytes);
            self.fly(now, link, direction, copy);
        }
        self.fly(now, link, direction, bytes);
    }

    fn fly(&mut self, now: Time, link: usize, direction: Direction, bytes: Vec<u8>) {
        let random = &mut self.random;
        let way = self.links[link].way(direction);
        let quality = way.quality;
        if way.on_the_way >= quality.room {
            way.counts.full += 1;
            self.spare.push(bytes);
            return;
        }
        let mut arrives = now + quality.delay + random.span(quality.jitter);
        if random.share(quality.reorder) {
            way.counts.held_back += 1;
            arrives += random.span(quality.jitter);
        } else {
            way.last = way.last.max(arrives);
            arrives = way.last;
        }
        way.on_the_way += 1;
        let arrives = arrives.next_multiple_of(self.grain);
        self.flown += 1;
        let number = self.flown;
        self.flying.push(Reverse(Flying { arrives, number, link, direction, bytes }));
    }

    fn copy(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(bytes);
        copy
    }
}
