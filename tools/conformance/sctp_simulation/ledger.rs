//! What was accepted of one side, and what of it has arrived at the other.

use super::network::Random;
use std::collections::VecDeque;

/// A message that an endpoint took for sending.
struct Accepted {
    era: u32,
    stream: u16,
    unordered: bool,
    octets: usize,
    delivered: bool,
}

/// Messages from one side to the other. An era begins when the sender's association comes up, or is restarted, and ends when
/// it goes down: what was accepted in it may then be lost, but never comes twice, or after what was accepted later.
pub(crate) struct Ledger {
    from: usize,
    longest: usize,
    pub(crate) era: u32,
    accepted: Vec<Accepted>,
    /// Ordered messages that have not arrived, by stream.
    queues: Vec<VecDeque<usize>>,
    /// Messages of this era that have not arrived, and their octets.
    pub(crate) missing: usize,
    octets: usize,
    delivered: usize,
}

impl Ledger {
    pub(crate) fn new(from: usize, longest: usize) -> Self {
        Self {
            from,
            longest,
            era: 0,
            accepted: vec![],
            queues: vec![VecDeque::new(); 64],
            missing: 0,
            octets: 0,
            delivered: 0,
        }
    }

    /// The next message; its octets tell which it is.
    pub(crate) fn next(&self, random: &mut Random) -> (u16, Vec<u8>) {
        let length = random.within(8, self.longest as u64);
        let mut payload = vec![0; length as usize];
        fill(self.from, self.accepted.len(), &mut payload);
        (random.below(1 << 16) as u16, payload)
    }

    /// The endpoint took it.
    pub(crate) fn accept(&mut self, stream: u16, unordered: bool, octets: usize) {
        let number = self.accepted.len();
        self.accepted.push(Accepted { era: self.era, stream, unordered, octets, delivered: false });
        self.missing += 1;
        self.octets += octets;
        if !unordered {
            self.queues[usize::from(stream)].push_back(number);
        }
    }

    /// The protocol identifier of a message of this side.
    pub(crate) fn ppid(&self) -> u32 {
        3 + self.from as u32
    }

    /// It came out at the other side.
    pub(crate) fn deliver(&mut self, stream: u16, ppid: u32, payload: &[u8]) {
        let number = payload.first_chunk::<4>().map(|octets| u32::from_be_bytes(*octets) as usize);
        let number = number.expect("messages are longer");
        let accepted = self.accepted.get_mut(number).expect("only what was sent arrives");
        assert_eq!((stream, ppid), (accepted.stream, 3 + self.from as u32), "message {number}");
        let mut as_sent = vec![0; accepted.octets];
        fill(self.from, number, &mut as_sent);
        assert!(payload == as_sent, "message {number} arrives with other octets");
        assert!(!accepted.delivered, "message {number} arrives again");
        accepted.delivered = true;
        let (era, unordered, octets) = (accepted.era, accepted.unordered, accepted.octets);
        self.delivered += 1;
        if era == self.era {
            self.missing -= 1;
            self.octets -= octets;
        }
        if unordered {
            return;
        }
        loop {
            let queue = &mut self.queues[usize::from(stream)];
            let next = queue.pop_front();
            let next = next.unwrap_or_else(|| panic!("message {number} arrives after later ones"));
            if next == number {
                break;
            }
            // Lost when its association went down.
            assert_ne!(self.accepted[next].era, era, "message {number} of stream {stream} overtakes {next}");
        }
    }

    /// The sender's association came up, went down, or was restarted.
    pub(crate) fn new_era(&mut self, all_delivered: bool) {
        assert!(!all_delivered || self.missing == 0, "{} messages are lost in a graceful end", self.missing);
        self.era += 1;
        (self.missing, self.octets) = (0, 0);
    }

    /// The octets that have not arrived are in a ring or in a window.
    pub(crate) fn assert_bounded(&self, limit: usize) {
        assert!(self.octets <= limit, "{} octets are kept, more than {limit}", self.octets);
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.len()
    }

    pub(crate) fn delivered(&self) -> usize {
        self.delivered
    }
}

fn fill(from: usize, number: usize, payload: &mut [u8]) {
    let mut octet = (number * 7 + from * 101) as u8;
    for place in payload.iter_mut() {
        *place = octet;
        octet = octet.wrapping_add(37);
    }
    if let Some(name) = payload.first_chunk_mut::<4>() {
        *name = (number as u32).to_be_bytes();
    }
}
