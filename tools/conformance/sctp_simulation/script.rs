//! What one seed makes happen: a storm, then a network that is healed, in which everything must come to its end.

use super::ledger::Ledger;
use super::network::{Faults, Flap, Network, Random};
use super::world::World;
use ipsmgw::base::Time;
use ipsmgw::proto::sctp::{AssociationConfig, DownReason, MESSAGE_LIMIT, Role, Timers};
use std::net::IpAddr;
use std::time::Duration;

/// What has happened, over many seeds.
#[derive(Default, Clone, Copy, Debug)]
pub(crate) struct Tally {
    pub(crate) accepted: u64,
    pub(crate) delivered: u64,
    /// Lost, repeated, changed packets, and those that met a path that was down.
    pub(crate) harmed: [u64; 4],
    pub(crate) downs: u64,
    pub(crate) restarts: u64,
    pub(crate) again: u64,
    pub(crate) fast: u64,
    pub(crate) held: u64,
    pub(crate) inactive: u64,
    pub(crate) starved: u64,
    pub(crate) full: u64,
    pub(crate) virtual_seconds: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.delivered += other.delivered;
        for (sum, more) in self.harmed.iter_mut().zip(other.harmed) {
            *sum += more;
        }
        self.downs += other.downs;
        self.restarts += other.restarts;
        self.again += other.again;
        self.fast += other.fast;
        self.held += other.held;
        self.inactive += other.inactive;
        self.starved += other.starved;
        self.full += other.full;
        self.virtual_seconds += other.virtual_seconds;
    }
}

fn address(path: usize, side: usize, ipv6: bool) -> IpAddr {
    let text =
        if ipv6 { format!("2001:db8:{path}::{}", side + 1) } else { format!("10.{path}.0.{}", side + 1) };
    text.parse().expect("an address")
}

/// Addresses of both sides on `paths` paths; of two families when `mixed`.
pub(crate) fn addresses(paths: usize, ipv6: bool, mixed: bool) -> [Vec<IpAddr>; 2] {
    [0, 1].map(|side| {
        (0..paths).map(|path| address(path, side, if mixed { path % 2 == 1 } else { ipv6 })).collect()
    })
}

/// The two configurations: side 0 is the client.
pub(crate) fn configs(addresses: &[Vec<IpAddr>; 2]) -> [AssociationConfig; 2] {
    [Role::Client, Role::Server].map(|role| {
        let side = usize::from(role == Role::Server);
        let mut config = AssociationConfig::new(role, addresses[side][0], addresses[1 - side][0]);
        config.local.clone_from(&addresses[side]);
        config.remote.clone_from(&addresses[1 - side]);
        config
    })
}

fn timers(random: &mut Random) -> Timers {
    let mut timers = Timers::default();
    match random.below(4) {
        0 => {
            timers = Timers::RFC_9260;
            timers.rto_max = Duration::from_secs(random.within(2, 8));
            timers.association_max_retrans = random.within(5, 10) as u16;
            timers.heartbeat = Duration::from_secs(random.within(1, 30));
        }
        1 => {
            timers.potentially_failed_max_retrans = random.below(4) as u16;
            timers.path_max_retrans = random.within(1, 6) as u16;
            timers.association_max_retrans = random.within(4, 12) as u16;
            timers.max_init_retransmits = random.within(1, 8) as u16;
        }
        _ => {}
    }
    if random.percent(20) {
        timers.primary_switchover_max_retrans = random.within(1, 4) as u16;
    }
    if random.percent(10) {
        timers.heartbeat = Duration::ZERO;
    }
    if random.percent(20) {
        timers.sack_delay = Duration::ZERO;
    }
    timers.max_burst = random.pick(&[1, 2, 4, 4, 8]);
    timers
}

fn faults(random: &mut Random) -> Faults {
    let strength = random.pick(&[0, 1, 1, 3]);
    let mut on = |most: u64| if random.percent(50) { random.within(1, most * strength + 1) } else { 0 };
    Faults { loss: on(8), repeat: on(8), corrupt: on(4), spread: 1000 * on(12) }
}

fn flap(random: &mut Random, paths: usize, storm: Duration) -> Flap {
    let path = random.below(paths as u64) as usize;
    let to = random.pick(&[[true, true], [true, true], [true, false], [false, true]]);
    let from = Time::from_millis(random.below(storm.as_millis() as u64));
    let once = random.percent(30);
    let period = if once { Duration::from_secs(1000) } else { random.micros(40_000, 2_000_000) };
    let down = if once { random.micros(10_000, 4_000_000) } else { period / random.within(2, 8) as u32 };
    Flap { path, to, from, period, down }
}

/// The world of a seed, with its faults on.
fn world(seed: u64, storm: Duration) -> World {
    let random = &mut Random::new(seed);
    let paths = random.pick(&[1, 1, 2, 2, 2, 3]);
    let addresses = addresses(paths, random.percent(30), paths > 1 && random.percent(25));
    let mut configs = configs(&addresses);
    let timers = timers(random);
    if random.percent(25) {
        configs[1].role = Role::Client;
    }
    let longest = random.pick(&[40, 200, 200, 400, 1500, MESSAGE_LIMIT as u64]) as usize;
    for config in &mut configs {
        config.timers = timers.clone();
        config.send_ring = random.pick(&[1, 1 << 15, 1 << 16, 1 << 17]);
        config.receive_window = random.pick(&[1500, 6000, 1 << 14, 1 << 16, 1 << 17]);
        config.mtu = random.pick(&[1280, 1400, 1500, 1500]);
        config.streams = random.pick(&[1, 3, 17]);
    }
    let mut network = Network::new(addresses, Random::new(random.next()));
    for latency in &mut network.latency {
        *latency = random.micros(50, 20_000);
    }
    network.faults = [faults(random), faults(random)];
    for _ in 0..random.pick(&[0, 0, 1, 1, 2, 4]) {
        network.flaps.push(flap(random, paths, storm));
    }
    let mut world = World::new(configs, longest, network, Random::new(random.next()));
    world.grain = Duration::from_micros(random.pick(&[0, 0, 50, 1000, 5000]));
    world.starved = random.pick(&[0, 0, 0, 5, 30]);
    world.unordered = random.pick(&[0, 0, 20, 100]);
    world
}

/// What a user does to the association while the storm goes on; weights of each.
fn meddle(world: &mut World, tempers: &[u8]) {
    if tempers.is_empty() {
        return;
    }
    let place = world.random.below(2) as usize;
    match world.random.pick(tempers) {
        0 => world.crash(place),
        1 => world.abort(place),
        2 => world.shutdown(place),
        _ => {
            let address = world.random.pick(&world.network.addresses[1 - place].clone());
            let side = &mut world.sides[place];
            side.endpoint.set_primary(world.now, super::world::ID, address, &mut side.wire);
        }
    }
}

/// Faults are on, users send, and some of them do worse.
fn storm(world: &mut World, length: Duration) {
    let bursts = world.random.within(6, 60);
    let most = world.random.pick(&[2, 6, 20, 60]);
    let tempers: &[u8] = world.random.pick(&[&[], &[], &[3], &[0], &[1, 3], &[2], &[0, 1, 2, 3]]);
    let end = world.now + length;
    let gap = length / bursts as u32;
    while world.now < end {
        let until = world.now + world.random.micros(1000, 2 * gap.as_micros() as u64);
        world.run_until(until.min(end), |_| false);
        for place in 0..2 {
            let count = world.random.below(most + 1);
            world.send(place, count);
            if !world.sides[place].wanted && world.random.percent(60) {
                world.connect(place);
            }
        }
        if world.random.percent(25) {
            meddle(world, tempers);
        }
    }
}

/// How long the slower side may take to notice anything.
fn patience(world: &World) -> Duration {
    let timers = &world.sides[0].config.timers;
    let retrans = timers.association_max_retrans.max(timers.max_init_retransmits);
    Duration::from_secs(20) + timers.rto_max * u32::from(2 * retrans + 4) + timers.heartbeat * 4
}

/// Healed: both sides come up, and all that is accepted arrives.
fn calm(world: &mut World) {
    world.network.heal();
    world.starved = 0;
    for place in 0..2 {
        if !world.sides[place].wanted {
            world.connect(place);
        }
    }
    let end = world.now + patience(world);
    // Messages that are sent in the last era, from now on.
    let mut sent = [(0, 0); 2];
    let mut next = world.now;
    let settled = loop {
        if world.is_up()
            && world
                .ledgers
                .iter()
                .zip(sent)
                .all(|(ledger, sent)| ledger.missing == 0 && sent == (ledger.era, 3))
        {
            break true;
        }
        if world.now >= end {
            break false;
        }
        if world.now >= next {
            next = world.now + Duration::from_millis(100);
            for (place, sent) in sent.iter_mut().enumerate() {
                let Ledger { era, missing, .. } = world.ledgers[place];
                if sent.0 != era {
                    *sent = (era, 0);
                }
                if sent.1 < 3 {
                    world.send(place, 1);
                    sent.1 += usize::from(world.ledgers[place].missing > missing);
                }
            }
        }
        world.step(next.min(end));
    };
    let missing = [0, 1].map(|place| world.ledgers[place].missing);
    let states = [0, 1].map(|place| world.sides[place].endpoint.state(super::world::ID));
    assert!(settled, "not all arrives when all is healed: {missing:?} are missing, {states:?}");
}

/// Both users end it, and nothing stays.
fn end(world: &mut World) {
    let sudden = world.random.percent(20);
    for place in 0..2 {
        let count = world.random.below(6);
        world.send(place, count);
    }
    let first = world.random.below(2) as usize;
    let begun = [0, 1].map(|place| world.sides[place].downs.len());
    let at_once = world.random.percent(25);
    if sudden {
        world.abort(first);
    } else {
        world.shutdown(first);
    }
    if at_once {
        let pause = world.now + world.random.micros(0, 3000);
        world.run_until(pause, |_| false);
        world.shutdown(1 - first);
    }
    let limit = world.now + patience(world);
    let ended = world.run_until(limit, |world| {
        if world.sides[1 - first].downs.len() > begun[1 - first] && world.sides[1 - first].wanted {
            world.shutdown(1 - first);
        }
        world.is_closed()
    });
    assert!(ended, "both sides end closed");
    if !sudden {
        for (side, begun) in world.sides.iter().zip(begun) {
            let reason = side.downs.get(begun).map(|down| down.1);
            assert_eq!(reason, Some(DownReason::Shutdown), "both sides end gracefully");
        }
    }
    // What is still under way finds nobody, and nobody has anything left to do.
    let limit = world.now + Duration::from_secs(5);
    world.run_until(limit, |_| false);
    assert!(world.is_closed() && world.network.len() == 0);
    let counts = [0, 1].map(|place| world.sides[place].endpoint.counts.packets_out);
    let limit = world.now + Duration::from_secs(100);
    world.run_until(limit, |_| false);
    assert_eq!(counts, [0, 1].map(|place| world.sides[place].endpoint.counts.packets_out));
}

/// Runs one seed. Gives its trace, and what has happened; keeps the packets in `kept`.
pub(crate) fn run(seed: u64, kept: Option<&mut Vec<Vec<u8>>>) -> (u64, Tally) {
    let length = Duration::from_millis(1000 + 1000 * (seed % 6));
    let mut world = world(seed, length);
    world.kept = kept.is_some().then(Vec::new);
    for place in 0..2 {
        if world.sides[place].config.role == Role::Client {
            world.connect(place);
        }
    }
    storm(&mut world, length);
    calm(&mut world);
    end(&mut world);
    world.assert_invariants();
    if let (Some(all), Some(kept)) = (kept, world.kept.take()) {
        all.extend(kept);
    }
    let sum = |of: fn(&super::world::Side) -> u64| world.sides.iter().map(of).sum::<u64>();
    let tally = Tally {
        accepted: world.ledgers.iter().map(|ledger| ledger.accepted() as u64).sum(),
        delivered: world.ledgers.iter().map(|ledger| ledger.delivered() as u64).sum(),
        harmed: world.network.harmed,
        downs: sum(|side| side.downs.len() as u64),
        restarts: sum(|side| side.endpoint.counts.restarts),
        again: sum(|side| side.endpoint.counts.data_again),
        fast: sum(|side| side.endpoint.counts.fast_retransmits),
        held: sum(|side| side.endpoint.counts.data_held),
        inactive: sum(|side| side.endpoint.counts.paths_inactive),
        starved: sum(|side| side.endpoint.counts.no_buffer),
        full: sum(|side| side.endpoint.counts.send_full),
        virtual_seconds: world.now.as_secs(),
    };
    (world.trace, tally)
}
