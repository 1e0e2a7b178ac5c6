//! Two endpoints over a link that loses, repeats and reorders, on a virtual clock.

use super::*;

struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % below
    }
}

/// Percentages.
#[derive(Clone, Copy, Default)]
struct Faults {
    loss: u64,
    repeat: u64,
    /// The slowest packet takes so many milliseconds longer than the fastest.
    spread: u64,
}

struct Side {
    endpoint: Endpoint,
    wire: Wire,
    received: Vec<Message>,
    changes: Vec<Change>,
}

struct Pair {
    sides: [Side; 2],
    now: Time,
    under_way: Vec<(Time, u64, usize, Flow, Vec<u8>)>,
    count: u64,
    faults: Faults,
    random: Random,
    cursor: Cursor,
}

fn ends() -> (AssociationConfig, AssociationConfig) {
    let client = AssociationConfig::new(Role::Client, ip(OURS), ip(PEER));
    let server = AssociationConfig::new(Role::Server, ip(PEER), ip(OURS));
    (client, server)
}

impl Pair {
    fn new(client: AssociationConfig, server: AssociationConfig, seed: u64) -> Self {
        let side = |config, key| Side {
            endpoint: Endpoint::new(vec![config], [key; 32], SipKey::new([key ^ seed as u8; 16])),
            wire: Wire::default(),
            received: Vec::new(),
            changes: Vec::new(),
        };
        Self {
            sides: [side(client, 1), side(server, 2)],
            now: Time::from_millis(1),
            under_way: Vec::new(),
            count: 0,
            faults: Faults::default(),
            random: Random(seed),
            cursor: Cursor::new(),
        }
    }

    fn put_on_link(&mut self) {
        for from in 0..2 {
            self.sides[from].endpoint.flush(self.now, &mut self.sides[from].wire);
            for (flow, bytes) in std::mem::take(&mut self.sides[from].wire.sent) {
                let copies = if self.random.below(100) < self.faults.repeat { 2 } else { 1 };
                for _ in 0..copies {
                    if self.random.below(100) < self.faults.loss {
                        continue;
                    }
                    let micros = 500 + self.random.below(1000 * self.faults.spread + 1);
                    let at = self.now + Duration::from_micros(micros);
                    self.count += 1;
                    self.under_way.push((at, self.count, 1 - from, flow, bytes.clone()));
                }
            }
        }
    }

    /// One event: a packet arrives, or a timer expires.
    fn step(&mut self) {
        self.put_on_link();
        let arrival = self.under_way.iter().map(|packet| (packet.0, packet.1)).min();
        let timer = self.sides.iter().map(|side| side.endpoint.poll_timeout()).min().unwrap();
        let next = arrival.map_or(timer, |(at, _)| at.min(timer));
        assert_ne!(next, Time::NEVER, "nothing will ever happen");
        self.now = self.now.max(next);
        if let Some(at) = self.under_way.iter().position(|packet| Some((packet.0, packet.1)) == arrival)
            && self.under_way[at].0 <= self.now
        {
            let (_, _, to, flow, bytes) = self.under_way.swap_remove(at);
            let side = &mut self.sides[to];
            let flow = (flow.source, flow.destination);
            side.received.extend(give(
                &mut side.endpoint,
                self.now,
                flow,
                &bytes,
                &mut self.cursor,
                &mut side.wire,
            ));
        }
        for side in &mut self.sides {
            side.endpoint.handle_timeout(self.now, &mut side.wire);
            let changes = std::iter::from_fn(|| side.endpoint.poll_event()).map(|(_, change)| change);
            side.changes.extend(changes.filter(|change| !matches!(change, Change::Path { .. })));
            side.endpoint.assert_invariants();
        }
    }

    fn run_until(&mut self, millis: u64, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + Duration::from_millis(millis);
        while self.now < end {
            if done(self) {
                return true;
            }
            self.step();
        }
        done(self)
    }

    fn connect(&mut self) {
        let side = &mut self.sides[0];
        side.endpoint.connect(self.now, ID, &mut side.wire);
        assert!(self.run_until(20_000, |pair| pair.sides.iter().all(|side| side.endpoint.is_up(ID))));
    }
}

/// A message whose octets say which it is, of a length from its number.
fn message(side: usize, number: usize, longest: usize) -> Message {
    let mut payload = vec![0; 8 + number * 37 % (longest - 8)];
    payload[..8].copy_from_slice(&(number as u64).to_be_bytes());
    for (at, octet) in payload.iter_mut().enumerate().skip(8) {
        *octet = (at * 7 + number + side) as u8;
    }
    Message { stream: (number % 17) as u16, ppid: 3, payload }
}

/// Both sides send `count` messages each; each side gets all of the other's, once, in order on every stream.
fn exchange(pair: &mut Pair, count: usize, longest: usize) {
    let mut next = [0, 0];
    let mut rounds = 0;
    while pair.sides.iter().any(|side| side.received.len() < count) {
        for (side, next) in next.iter_mut().enumerate() {
            for _ in 0..pair.random.below(40) {
                let Message { stream, ppid, payload } = message(side, *next, longest);
                if *next == count
                    || pair.sides[side].endpoint.send(pair.now, ID, stream, ppid, &payload).is_err()
                {
                    break;
                }
                *next += 1;
            }
        }
        pair.step();
        rounds += 1;
        assert!(rounds < 2_000_000, "it goes on for ever");
    }
    pair.run_until(1000, |_| false);
    for side in 0..2 {
        let received = &pair.sides[1 - side].received;
        assert_eq!(received.len(), count, "each once");
        let mut last = [None; 17];
        for got in received {
            let number = u64::from_be_bytes(got.payload[..8].try_into().unwrap()) as usize;
            assert_eq!(*got, message(side, number, longest));
            let before = last[usize::from(got.stream)].replace(number);
            assert!(before.is_none_or(|before| before + 17 == number), "in order, none missing");
        }
        assert_eq!(pair.sides[side].changes, [Change::Up { streams: 17 }]);
        assert_eq!(pair.sides[side].endpoint.counts.malformed, 0);
    }
}

#[test]
fn a_good_link_carries_everything_without_repeating_anything() {
    let (client, server) = ends();
    let mut pair = Pair::new(client, server, 1);
    pair.connect();
    exchange(&mut pair, 3000, 300);
    for side in &pair.sides {
        let counts = &side.endpoint.counts;
        assert_eq!((counts.data_again, counts.data_duplicate, counts.t3_expiries), (0, 0, 0));
        assert!(counts.packets_out < counts.data_out, "messages travel in bundles: {counts:?}");
    }
}

#[test]
fn a_bad_link_loses_repeats_and_reorders_and_nobody_notices() {
    for seed in 1..=12 {
        let (client, server) = ends();
        let mut pair = Pair::new(client, server, seed);
        pair.faults = Faults { loss: 3, repeat: 3, spread: if seed % 2 == 0 { 0 } else { 5 } };
        pair.connect();
        exchange(&mut pair, 1500, if seed % 3 == 0 { MESSAGE_LIMIT } else { 400 });
        let counts = &pair.sides[0].endpoint.counts;
        assert!(counts.data_again > 0 && counts.data_duplicate > 0 && counts.data_held > 0, "{counts:?}");
    }
}

#[test]
fn small_rings_and_windows_only_slow_things_down() {
    for seed in 1..=4 {
        let (mut client, mut server) = ends();
        client.send_ring = 1;
        client.receive_window = 1500;
        server.receive_window = 6000;
        let mut pair = Pair::new(client, server, seed);
        pair.faults = Faults { loss: 2, repeat: 2, spread: 3 };
        pair.connect();
        exchange(&mut pair, 400, 3000);
    }
}

#[test]
fn both_sides_connect_at_once() {
    for seed in 0..20 {
        let (client, mut server) = ends();
        server.role = Role::Client;
        let mut pair = Pair::new(client, server, seed);
        pair.faults = Faults { loss: if seed < 5 { 0 } else { 20 }, repeat: 10, spread: 3 };
        let side = &mut pair.sides[1];
        side.endpoint.connect(pair.now, ID, &mut side.wire);
        pair.connect();
        pair.faults = Faults::default();
        exchange_after_noise(&mut pair);
    }
}

/// After a set-up that may have seen restarts: messages pass both ways.
fn exchange_after_noise(pair: &mut Pair) {
    pair.run_until(3000, |_| false);
    assert!(pair.sides.iter().all(|side| side.endpoint.is_up(ID)));
    for side in 0..2 {
        pair.sides[side].endpoint.send(pair.now, ID, 1, 3, b"still there").unwrap();
    }
    assert!(pair.run_until(1000, |pair| pair.sides.iter().all(|side| side.received.len() == 1)));
}

#[test]
fn a_restarted_peer_is_taken_back() {
    let (client, server) = ends();
    let mut pair = Pair::new(client.clone(), server, 5);
    pair.connect();
    pair.run_until(100, |_| false);
    pair.sides[0].endpoint = Endpoint::new(vec![client], [9; 32], SipKey::new([9; 16]));
    pair.sides[0].changes.clear();
    pair.connect();
    exchange_after_noise(&mut pair);
    assert_eq!(pair.sides[1].changes, [Change::Up { streams: 17 }, Change::Restarted { streams: 17 }]);
    assert_eq!(pair.sides[0].changes, [Change::Up { streams: 17 }]);
}

#[test]
fn a_dead_link_is_noticed_within_a_second_and_comes_back() {
    let (client, server) = ends();
    let mut pair = Pair::new(client, server, 6);
    pair.connect();
    pair.run_until(100, |_| false);
    pair.sides[0].endpoint.send(pair.now, ID, 1, 3, b"into the void").unwrap();
    pair.faults.loss = 100;
    let start = pair.now;
    assert!(pair.run_until(5000, |pair| !pair.sides[0].endpoint.is_up(ID)));
    assert!(pair.now.since(start) <= Duration::from_millis(1000), "{:?}", pair.now.since(start));
    assert_eq!(pair.sides[0].changes.last(), Some(&Change::Down { reason: DownReason::Lost }));
    // The idle side has heartbeats only.
    assert!(pair.run_until(10_000, |pair| !pair.sides[1].endpoint.is_up(ID)));
    pair.faults.loss = 0;
    assert!(pair.run_until(5000, |pair| pair.sides.iter().all(|side| side.endpoint.is_up(ID))));
    exchange_after_noise(&mut pair);
}

#[test]
fn a_refused_client_tries_for_ever() {
    let (client, mut server) = ends();
    server.local_port = 7;
    let mut pair = Pair::new(client, server, 7);
    let side = &mut pair.sides[0];
    side.endpoint.connect(pair.now, ID, &mut side.wire);
    pair.run_until(20_000, |_| false);
    let refusals = pair.sides[0].changes.len();
    assert!((10..=40).contains(&refusals), "{refusals} in 20 s, about one a second");
    let refused = Change::Down { reason: DownReason::Refused { cause: 4 } };
    assert!(pair.sides[0].changes.iter().all(|&change| change == refused));
    let side = &mut pair.sides[0];
    side.endpoint.shutdown(pair.now, ID, &mut side.wire);
    assert!(pair.sides[0].endpoint.poll_timeout() >= pair.now);
    let count = pair.sides[0].endpoint.counts.packets_out;
    let (mut now, side) = (pair.now, &mut pair.sides[0]);
    for _ in 0..100 {
        now += Duration::from_secs(1);
        side.endpoint.handle_timeout(now, &mut side.wire);
    }
    assert_eq!(side.endpoint.counts.packets_out, count);
}

#[test]
fn a_graceful_end_delivers_everything_first() {
    for seed in 0..10 {
        let (client, server) = ends();
        let mut pair = Pair::new(client, server, seed);
        pair.faults = Faults { loss: 5, repeat: 5, spread: 2 };
        pair.connect();
        for number in 0..60 {
            let Message { stream, ppid, payload } = message(0, number, 900);
            pair.sides[0].endpoint.send(pair.now, ID, stream, ppid, &payload).unwrap();
        }
        let side = &mut pair.sides[0];
        side.endpoint.shutdown(pair.now, ID, &mut side.wire);
        assert_eq!(side.endpoint.send(pair.now, ID, 0, 3, b"x"), Err(SendRefused::NotUp));
        assert!(pair.run_until(10_000, |pair| {
            pair.sides.iter().all(|side| !side.endpoint.is_up(ID) && side.endpoint.state(ID) == State::Closed)
        }));
        assert_eq!(pair.sides[1].received.len(), 60, "seed {seed}");
    }
}

#[test]
fn two_paths_and_the_first_one_dies() {
    let (mut client, mut server) = ends();
    client.local.push(ip("10.0.1.1"));
    client.remote.push(ip(OTHER));
    server.local.push(ip(OTHER));
    server.remote.push(ip("10.0.1.1"));
    let mut pair = Pair::new(client, server, 3);
    pair.connect();
    // The second path is confirmed by heartbeats.
    pair.run_until(1000, |_| false);
    for number in 0..200 {
        let Message { stream, ppid, payload } = message(0, number, 200);
        pair.sides[0].endpoint.send(pair.now, ID, stream, ppid, &payload).unwrap();
        pair.step();
        if number > 20 {
            pair.put_on_link();
            pair.under_way
                .retain(|packet| packet.3.destination != ip(PEER) && packet.3.destination != ip(OURS));
        }
    }
    let alive = |pair: &mut Pair| {
        pair.put_on_link();
        pair.under_way.retain(|packet| packet.3.destination != ip(PEER) && packet.3.destination != ip(OURS));
    };
    let end = pair.now + Duration::from_secs(5);
    while pair.now < end {
        alive(&mut pair);
        pair.step();
    }
    assert_eq!(pair.sides[1].received.len(), 200);
    assert!(pair.sides.iter().all(|side| side.endpoint.is_up(ID)));
    assert!(pair.sides[0].endpoint.counts.paths_inactive > 0);
}
