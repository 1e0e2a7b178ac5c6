//! How long the user waits when a path dies under load, and when he is told that all paths are dead, with the timers of
//! signalling networks.

use super::network::{Flap, Network, Random};
use super::script::{addresses, configs};
use super::world::World;
use ipsmgw::base::Time;
use ipsmgw::proto::sctp::DownReason;
use std::time::Duration;

/// A pair with `paths` paths whose users talk: 10 to 1,000 messages a second each way, 1 to 20 ms between the sides.
struct Talk {
    world: World,
    /// Between two messages of one side.
    gap: Duration,
    next: Time,
    /// What has arrived of each side, when something did last, and the longest that nothing did.
    arrived: [usize; 2],
    last: [Time; 2],
    longest: [Duration; 2],
}

impl Talk {
    fn new(seed: u64, paths: usize) -> Self {
        let random = &mut Random::new(seed);
        let addresses = addresses(paths, random.percent(25), random.percent(25));
        let configs = configs(&addresses);
        let mut network = Network::new(addresses, Random::new(random.next()));
        for latency in &mut network.latency {
            *latency = random.micros(500, 10_000);
        }
        for faults in &mut network.faults {
            faults.spread = random.pick(&[0, 0, 500, 2000]);
        }
        let mut world = World::new(configs, 250, network, Random::new(random.next()));
        world.grain = Duration::from_micros(random.pick(&[0, 50, 500]));
        let gap = random.pick(&[1, 2, 5, 10, 20]);
        world.connect(0);
        let soon = world.now + Duration::from_secs(2);
        assert!(world.run_until(soon, |world| world.is_up()));
        let (now, never) = (world.now, [Duration::ZERO; 2]);
        Self {
            world,
            gap: Duration::from_millis(gap),
            next: now,
            arrived: [0; 2],
            last: [now; 2],
            longest: never,
        }
    }

    /// Until `end`, or until `done`.
    fn run(&mut self, end: Time, mut done: impl FnMut(&mut World) -> bool) -> bool {
        while self.world.now < end {
            if self.world.now >= self.next {
                self.next = self.world.now + self.gap;
                self.world.send(0, 1);
                self.world.send(1, 1);
            }
            self.world.step(self.next.min(end));
            for from in 0..2 {
                let arrived = self.world.ledgers[from].delivered();
                if arrived > self.arrived[from] {
                    self.arrived[from] = arrived;
                    self.longest[from] = self.longest[from].max(self.world.now.since(self.last[from]));
                    self.last[from] = self.world.now;
                }
            }
            if done(&mut self.world) {
                return true;
            }
        }
        false
    }

    /// Lets both talk until all paths are known, then cuts `paths` for good; when that was.
    fn cut(&mut self, paths: usize, directions: [bool; 2]) -> Time {
        let settled = self.world.now + self.world.random.micros(1_500_000, 2_500_000);
        self.run(settled, |_| false);
        let from = self.world.now;
        let forever = Duration::from_secs(1_000_000);
        for path in 0..paths {
            let flap = Flap { path, to: directions, from, period: forever, down: forever };
            self.world.network.flaps.push(flap);
        }
        (self.last, self.longest) = ([from; 2], [Duration::ZERO; 2]);
        from
    }
}

/// The first path dies, in both directions or in one: the longest that nothing arrives at either side, beyond what is
/// usual between two messages.
pub(crate) fn path_failure(seed: u64) -> Duration {
    let mut talk = Talk::new(seed, 2);
    let directions = [[true, true], [true, true], [true, false], [false, true]][(seed % 4) as usize];
    let cut = talk.cut(1, directions);
    talk.run(cut + Duration::from_secs(3), |_| false);
    assert!(talk.world.is_up(), "the association stays");
    // Nothing is lost either.
    let (later, stop) = (talk.world.now + Duration::from_secs(2), Time::NEVER);
    talk.next = stop;
    talk.world.run_until(later, |world| world.ledgers.iter().all(|ledger| ledger.missing == 0));
    assert!(talk.world.ledgers.iter().all(|ledger| ledger.missing == 0));
    talk.longest[0].max(talk.longest[1]).saturating_sub(talk.gap)
}

/// All paths die: how long until both users are told.
pub(crate) fn both_paths_dead(seed: u64) -> Duration {
    let mut talk = Talk::new(seed, 2);
    let cut = talk.cut(2, [true, true]);
    let told = talk
        .run(cut + Duration::from_secs(10), |world| world.sides.iter().all(|side| !side.downs.is_empty()));
    assert!(told, "somebody is never told");
    let downs = talk.world.sides.each_ref().map(|side| side.downs[0]);
    assert!(downs.iter().all(|down| down.1 == DownReason::Lost));
    downs[0].0.max(downs[1].0).since(cut)
}
