//! Two endpoints, the network between them, and their users' books.

use super::ledger::Ledger;
use super::network::{Network, Random, Wire};
use ipsmgw::base::{SipKey, Time};
use ipsmgw::proto::sctp::{
    AssociationConfig, AssociationId, Change, Cursor, DownReason, Endpoint, Event, MESSAGE_LIMIT, State,
};
use std::time::Duration;

pub(crate) const ID: AssociationId = AssociationId(0);

/// One side.
pub(crate) struct Side {
    pub(crate) endpoint: Endpoint,
    pub(crate) wire: Wire,
    pub(crate) config: AssociationConfig,
    /// Whether its user wants the association.
    pub(crate) wanted: bool,
    pub(crate) up: bool,
    pub(crate) downs: Vec<(Time, DownReason)>,
    lives: u8,
}

impl Side {
    fn new(config: AssociationConfig, place: usize) -> Self {
        Self {
            endpoint: endpoint(&config, place, 0),
            wire: Wire::default(),
            wanted: config.role == ipsmgw::proto::sctp::Role::Server,
            config,
            up: false,
            downs: vec![],
            lives: 0,
        }
    }
}

fn endpoint(config: &AssociationConfig, place: usize, life: u8) -> Endpoint {
    let key = [place as u8 + 1, life, 7, 7];
    Endpoint::new(
        vec![config.clone()],
        core::array::from_fn(|at| key[at % 4]),
        SipKey::new(core::array::from_fn(|at| key[at % 4])),
    )
}

/// Everything that a seed makes happen.
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) sides: [Side; 2],
    /// What side 0 has sent, and what side 1 has.
    pub(crate) ledgers: [Ledger; 2],
    pub(crate) network: Network,
    pub(crate) random: Random,
    /// Turns begin at multiples of this, so that several packets meet in one.
    pub(crate) grain: Duration,
    /// So many turns in a hundred have few transmit buffers.
    pub(crate) starved: u64,
    /// Messages in a hundred that are sent unordered.
    pub(crate) unordered: u64,
    /// Says what has happened, in order.
    pub(crate) trace: u64,
    /// Where packets are kept, for other tests to begin with.
    pub(crate) kept: Option<Vec<Vec<u8>>>,
    cursor: Cursor,
    turns_at_once: u32,
}

impl World {
    pub(crate) fn new(
        configs: [AssociationConfig; 2],
        longest: usize,
        network: Network,
        random: Random,
    ) -> Self {
        let [first, second] = configs;
        Self {
            now: Time::from_millis(1),
            sides: [Side::new(first, 0), Side::new(second, 1)],
            ledgers: [Ledger::new(0, longest), Ledger::new(1, longest)],
            network,
            random,
            grain: Duration::ZERO,
            starved: 0,
            unordered: 0,
            trace: 0xcbf2_9ce4_8422_2325,
            kept: None,
            cursor: Cursor::new(),
            turns_at_once: 0,
        }
    }

    fn note(&mut self, word: u64) {
        self.trace = (self.trace ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    }

    pub(crate) fn connect(&mut self, place: usize) {
        let side = &mut self.sides[place];
        side.wanted = true;
        side.endpoint.connect(self.now, ID, &mut side.wire);
        self.changes(place);
    }

    pub(crate) fn shutdown(&mut self, place: usize) {
        let side = &mut self.sides[place];
        side.wanted = false;
        side.endpoint.shutdown(self.now, ID, &mut side.wire);
        self.changes(place);
    }

    pub(crate) fn abort(&mut self, place: usize) {
        let side = &mut self.sides[place];
        side.wanted = false;
        side.endpoint.abort(self.now, ID, b"the user has had enough", &mut side.wire);
        self.changes(place);
    }

    /// The process dies and begins again; it remembers nothing.
    pub(crate) fn crash(&mut self, place: usize) {
        let side = &mut self.sides[place];
        side.lives += 1;
        side.up = false;
        side.endpoint = endpoint(&side.config, place, side.lives);
        self.ledgers[place].new_era(false);
        if side.wanted {
            self.connect(place);
        }
    }

    /// Sends up to `count` messages; fewer when the ring is full.
    pub(crate) fn send(&mut self, place: usize, count: u64) {
        let streams = self.sides[0].config.streams.min(self.sides[1].config.streams);
        for _ in 0..count {
            let side = &mut self.sides[place];
            let (stream, payload) = self.ledgers[place].next(&mut self.random);
            let stream = stream % streams;
            let unordered = self.random.percent(self.unordered);
            let ppid = self.ledgers[place].ppid();
            let taken = if unordered {
                side.endpoint.send_unordered(self.now, ID, stream, ppid, &payload)
            } else {
                side.endpoint.send(self.now, ID, stream, ppid, &payload)
            };
            assert!(taken.is_err() || side.up, "who is not up takes nothing");
            if taken.is_err() {
                return;
            }
            self.ledgers[place].accept(stream, unordered, payload.len());
        }
        let ring = self.sides[place].config.send_ring.max(4 * MESSAGE_LIMIT);
        let window = self.sides[1 - place].config.receive_window as usize;
        self.ledgers[place].assert_bounded(ring + window + MESSAGE_LIMIT);
    }

    /// What has become of a side's association.
    fn changes(&mut self, place: usize) {
        while let Some((_, change)) = self.sides[place].endpoint.poll_event() {
            let side = &mut self.sides[place];
            if let Change::Down { reason, .. } = change {
                self.ledgers[place].new_era(side.up && reason == DownReason::Shutdown);
                side.up = false;
                side.downs.push((self.now, reason));
                self.note(2);
            } else if matches!(change, Change::Up { .. } | Change::Restarted { .. }) {
                self.ledgers[place].new_era(false);
                side.up = true;
                self.note(3);
            }
        }
    }

    fn put_on_network(&mut self, place: usize) {
        for (flow, bytes) in core::mem::take(&mut self.sides[place].wire.sent) {
            let word = (bytes.len() as u64) << 32
                ^ u64::from(u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]));
            self.note(self.now.as_nanos() ^ word.rotate_left(17) ^ place as u64);
            self.network.send(self.now, place, flow, &bytes);
            if let Some(kept) = &mut self.kept {
                kept.push(bytes);
            }
        }
    }

    fn receive(&mut self, packet: &super::network::Packet) {
        let to = packet.to;
        let Side { endpoint, wire, .. } = &mut self.sides[to];
        let before = (endpoint.counts.malformed, wire.sent.len());
        let ledger = &mut self.ledgers[1 - to];
        self.cursor.reset();
        let flow = packet.flow;
        while let Some(Event::Data { association, stream, ppid, payload }) =
            endpoint.input(self.now, flow.source, flow.destination, &packet.bytes, &mut self.cursor, wire)
        {
            assert!(!packet.corrupt, "what was changed under way is not delivered");
            assert_eq!(association, ID);
            ledger.deliver(stream, ppid, payload);
        }
        let refused = endpoint.counts.malformed - before.0;
        assert_eq!(
            refused,
            u64::from(packet.corrupt),
            "what was changed under way is refused, and only that"
        );
        let answers = wire.sent.len() - before.1;
        assert!(answers <= 4, "{answers} packets answer one");
        self.changes(to);
    }

    /// One turn of both sides, at the next point in time at which something happens, or at `until`.
    pub(crate) fn step(&mut self, until: Time) {
        for place in 0..2 {
            let few = self.random.percent(self.starved);
            let side = &mut self.sides[place];
            side.wire.buffers = few.then_some(place);
            let sent = side.wire.sent.len();
            side.endpoint.flush(self.now, &mut side.wire);
            let sent = side.wire.sent.len() - sent;
            let most = 4 + side.config.local.len() * (2 + usize::from(side.config.timers.max_burst));
            assert!(sent <= most.max(64), "{sent} packets leave at once");
            side.wire.buffers = None;
            self.put_on_network(place);
        }
        let timers = self.sides.iter().map(|side| side.endpoint.poll_timeout()).min();
        let mut next = self.network.next().min(timers.unwrap_or(Time::NEVER)).min(until);
        if self.starved > 0 {
            // Buffers come back.
            next = next.min(self.now + Duration::from_millis(5));
        }
        let next = self.now.max(next.next_multiple_of(self.grain).min(until));
        self.turns_at_once = if next == self.now { self.turns_at_once + 1 } else { 0 };
        assert!(self.turns_at_once < 10_000, "time stands still");
        self.now = next;
        while let Some(packet) = self.network.arrived(self.now) {
            self.receive(&packet);
        }
        for place in 0..2 {
            let side = &mut self.sides[place];
            side.endpoint.handle_timeout(self.now, &mut side.wire);
            self.changes(place);
            self.put_on_network(place);
        }
        assert!(self.network.len() < 10_000, "packets without end");
    }

    pub(crate) fn run_until(&mut self, end: Time, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        while self.now < end {
            if done(self) {
                return true;
            }
            self.step(end);
        }
        done(self)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.sides.iter().all(|side| side.endpoint.state(ID) == State::Closed)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.sides.iter().all(|side| side.up && side.endpoint.is_up(ID))
    }

    pub(crate) fn assert_invariants(&self) {
        for side in &self.sides {
            side.endpoint.assert_invariants();
        }
    }
}
