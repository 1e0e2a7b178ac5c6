//! The network between two endpoints: what is under way, and all that can happen to it.

use ipsmgw::base::{Flow, Out, Time};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;
use std::time::Duration;

/// Numbers that follow from a seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `below`, which is not 0.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.next() % below
    }

    pub(crate) fn within(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        percent > 0 && self.below(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }

    pub(crate) fn micros(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_micros(self.within(from, to))
    }
}

/// What one direction does to packets; percentages.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Faults {
    pub(crate) loss: u64,
    pub(crate) repeat: u64,
    pub(crate) corrupt: u64,
    /// The slowest packet takes so many microseconds longer than the fastest.
    pub(crate) spread: u64,
}

/// A path that goes down again and again, or once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flap {
    pub(crate) path: usize,
    /// Which directions are down: to side 0, to side 1.
    pub(crate) to: [bool; 2],
    pub(crate) from: Time,
    pub(crate) period: Duration,
    pub(crate) down: Duration,
}

impl Flap {
    fn is_down(&self, now: Time) -> bool {
        now >= self.from && now.since(self.from).as_nanos() % self.period.as_nanos() < self.down.as_nanos()
    }
}

/// A packet under way.
pub(crate) struct Packet {
    pub(crate) to: usize,
    pub(crate) flow: Flow,
    pub(crate) bytes: Vec<u8>,
    pub(crate) corrupt: bool,
}

/// Everything between the two sides.
pub(crate) struct Network {
    pub(crate) faults: [Faults; 2],
    pub(crate) flaps: Vec<Flap>,
    /// The fastest packet's time, by path.
    pub(crate) latency: Vec<Duration>,
    /// Addresses of side 0 and 1, by path.
    pub(crate) addresses: [Vec<IpAddr>; 2],
    pub(crate) random: Random,
    /// Packets that were lost, repeated, changed, or met a path that was down.
    pub(crate) harmed: [u64; 4],
    under_way: BinaryHeap<Reverse<(Time, u64, usize)>>,
    packets: Vec<Option<Packet>>,
    free: Vec<usize>,
    count: u64,
}

impl Network {
    pub(crate) fn new(addresses: [Vec<IpAddr>; 2], random: Random) -> Self {
        Self {
            faults: [Faults::default(); 2],
            flaps: vec![],
            latency: vec![Duration::from_micros(500); addresses[0].len()],
            addresses,
            random,
            harmed: [0; 4],
            under_way: BinaryHeap::new(),
            packets: vec![],
            free: vec![],
            count: 0,
        }
    }

    /// No fault from now on; what is under way stays so.
    pub(crate) fn heal(&mut self) {
        self.faults = [Faults::default(); 2];
        self.flaps.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Takes what side `from` sends.
    pub(crate) fn send(&mut self, now: Time, from: usize, flow: Flow, bytes: &[u8]) {
        let to = 1 - from;
        let path = self.addresses[to].iter().position(|&address| address == flow.destination);
        let path = path.expect("a packet goes to an address of the other side");
        assert!(self.addresses[from].contains(&flow.source), "a packet comes from an own address: {flow:?}");
        let faults = self.faults[to];
        if self.flaps.iter().any(|flap| flap.path == path && flap.to[to] && flap.is_down(now)) {
            self.harmed[3] += 1;
            return;
        }
        let copies = 1 + u64::from(self.random.percent(faults.repeat));
        self.harmed[1] += copies - 1;
        for _ in 0..copies {
            if self.random.percent(faults.loss) {
                self.harmed[0] += 1;
                continue;
            }
            let late = self.random.micros(0, faults.spread);
            let mut packet = Packet { to, flow, bytes: bytes.to_vec(), corrupt: false };
            if self.random.percent(faults.corrupt) {
                packet.corrupt = true;
                self.harmed[2] += 1;
                self.corrupt(&mut packet.bytes);
            }
            self.put(now + self.latency[path] + late, packet);
        }
    }

    /// One to three bits flip, octets are cut off or come on top: CRC32c finds each of these.
    fn corrupt(&mut self, bytes: &mut Vec<u8>) {
        match self.random.below(8) {
            0 => bytes.truncate(self.random.below(bytes.len() as u64) as usize),
            1 => bytes.extend([1; 4]),
            _ => {
                let first = self.random.below(8 * bytes.len() as u64) as usize;
                for bit in 0..=self.random.below(3) as usize {
                    let at = (first + bit * 5) % (8 * bytes.len());
                    bytes[at / 8] ^= 1 << (at % 8);
                }
            }
        }
    }

    fn put(&mut self, at: Time, packet: Packet) {
        self.count += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.packets.push(None);
            self.packets.len() - 1
        });
        self.packets[place] = Some(packet);
        self.under_way.push(Reverse((at, self.count, place)));
    }

    /// When the next packet arrives.
    pub(crate) fn next(&self) -> Time {
        self.under_way.peek().map_or(Time::NEVER, |Reverse((at, ..))| *at)
    }

    /// A packet that has arrived.
    pub(crate) fn arrived(&mut self, now: Time) -> Option<Packet> {
        let Reverse((_, _, place)) = self.under_way.peek().filter(|Reverse((at, ..))| *at <= now)?.to_owned();
        self.under_way.pop();
        self.free.push(place);
        self.packets[place].take()
    }
}

/// Transmit buffers of one side.
#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) sent: Vec<(Flow, Vec<u8>)>,
    room: Vec<u8>,
    /// So many packets more find a buffer.
    pub(crate) buffers: Option<usize>,
}

impl Out for Wire {
    fn room(&mut self) -> Option<&mut [u8]> {
        if self.buffers == Some(0) {
            return None;
        }
        // Old octets stay, so that what a writer forgets to write shows.
        self.room.resize(1920, 0xa5);
        Some(&mut self.room)
    }

    fn commit(&mut self, len: usize, flow: Flow) {
        if let Some(left) = &mut self.buffers {
            *left -= 1;
        }
        self.sent.push((flow, self.room[..len].to_vec()));
        self.room.fill(0xa5);
    }
}
