//! Deterministic simulation: gateways and their peers on one thread, with a virtual clock and a network that loses and
//! reorders, all from one seed. A seed that fails is a bug report that anybody can run.
//!
//! A [`Simulation`] has *bridges* (one Ethernet each), *gateways* (their workers and their control logic, as the product
//! builds them) and *peers* (a [`Worker`] with an application of its own, or a [`Scripted`] function of frames). Each node
//! has a link to the bridges it is on. The clock jumps to what happens next: a frame that arrives, a timer, the end of
//! a turn. A turn that found something to do takes a span of time by chance, so that the threads of a real process
//! overtake each other in as many ways as there are seeds.
//!
//! Only tests, benchmarks and tools use this module.

mod capture;
mod control;
mod disk;
mod network;
mod peer;
mod stack;
#[cfg(test)]
mod tests;
mod trace;

pub use crate::base::Random;
pub use network::{Link, Quality, Queues, Way, WayCounts};
pub use peer::{Peer, Ports, Scripted};
pub use stack::PeerStack;
pub use trace::Trace;

use crate::base::Time;
use crate::control::StartError;
use crate::control::config::Config;
use crate::control::registrar::Registrar;
use crate::control::start::{self, Parts};
use crate::control::subscribers::Subscribers;
use crate::dataplane::Worker;
use crate::gateway::Gateway;
use crate::gateway::mailbox::ToWorker;
use crate::ident::WorkerId;
use crate::io::memory::{End, MemoryIo, Pool, pair, views};
use crate::stack::{Application, Context};
use control::Control;
use core::any::Any;
use core::marker::PhantomData;
use core::time::Duration;
use disk::Disk;
use network::Network;
use std::ops::RangeInclusive;

/// Frames that a port's queue holds.
const QUEUE: usize = 512;
/// The last time that a clock may show, for who waits without an end.
const PATIENCE: Duration = Duration::from_secs(300);

/// A bridge: everybody on it hears everybody else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BridgeId(usize);

/// A link between a node and a bridge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkId(usize);

/// A gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GatewayId(usize);

/// A peer of type `P`.
pub struct PeerId<P>(usize, PhantomData<fn() -> P>);

impl<P> Clone for PeerId<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for PeerId<P> {}

/// How the clock goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// From one thing that happens to the next.
    Jumps,
    /// The same, but everything happens at multiples of this span only.
    Grid(Duration),
    /// Everybody has a turn at each multiple of this span, whether or not there is anything to do.
    Steps(Duration),
}

/// A node of the network: what belongs to it whatever runs on it.
struct Node {
    name: String,
    pool: Pool,
    ends: Vec<End>,
    links: Vec<LinkId>,
    /// The first of its actors, one for each worker; a gateway has one more, the control thread.
    actor: usize,
}

/// A gateway, or what is left of one that has crashed: nothing.
struct Site {
    node: usize,
    workers: Vec<Worker<MemoryIo, Gateway>>,
    control: Option<Control>,
    /// What outlives the gateway, while there is none.
    disk: Option<Disk>,
}

struct Guest {
    node: usize,
    peer: Box<dyn Peer>,
}

/// Something that has turns.
struct Actor {
    what: What,
    /// When it has something to do.
    wake: Time,
    /// Until when its last turn takes.
    ready: Time,
}

#[derive(Clone, Copy)]
enum What {
    /// A gateway, and which of its workers.
    Worker(usize, usize),
    /// A gateway's control thread.
    Control(usize),
    Peer(usize),
}

impl Actor {
    fn due(&self) -> Time {
        self.wake.max(self.ready)
    }
}

/// A whole network on one thread.
pub struct Simulation {
    /// How the clock goes.
    pub clock: Clock,
    /// How long a turn takes that found something to do; by chance between the two.
    pub pace: RangeInclusive<Duration>,
    /// How long the control thread may take to come to what a worker asks.
    pub control_delay: Duration,
    /// The longest that a gateway's disk takes to read one of the 256 shards of its registrations.
    pub disk_read: Duration,
    /// How many frames a peer has that is added from now on.
    pub peer_frames: usize,
    /// For the scenario: what it draws does not disturb the network.
    pub random: Random,
    seed: u64,
    now: Time,
    network: Network,
    nodes: Vec<Node>,
    sites: Vec<Site>,
    guests: Vec<Guest>,
    actors: Vec<Actor>,
    /// What decides about turns.
    turns: Random,
}

impl Simulation {
    /// An empty network. The clock shows one second.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            clock: Clock::Jumps,
            pace: Duration::from_micros(1)..=Duration::from_micros(20),
            control_delay: Duration::from_micros(200),
            disk_read: Duration::from_micros(500),
            peer_frames: 256,
            random: Random::stream(seed, 0),
            seed,
            now: Time::from_millis(1000),
            network: Network::new(Random::stream(seed, 1)),
            nodes: vec![],
            sites: vec![],
            guests: vec![],
            actors: vec![],
            turns: Random::stream(seed, 2),
        }
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// The seed that all follows from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What the run has been so far.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.network.trace
    }

    /// How many frames are on their way.
    #[must_use]
    pub fn on_the_way(&self) -> usize {
        self.network.on_the_way()
    }

    /// One more Ethernet.
    pub fn add_bridge(&mut self) -> BridgeId {
        BridgeId(self.network.add_bridge())
    }

    /// A gateway with a port on each of `bridges`, in the order of its configuration's. It has
    /// `capacity.frames` for each worker and port.
    ///
    /// # Errors
    /// Says which part of the configuration does not fit.
    pub fn add_gateway(
        &mut self,
        name: &str,
        bridges: &[BridgeId],
        config: Config,
        subscribers: Subscribers,
    ) -> Result<GatewayId, StartError> {
        let workers = usize::from(config.node.workers);
        let frames = config.capacity.frames as usize * workers * bridges.len();
        let node = self.add_node(name, bridges, workers, frames);
        let id = self.sites.len();
        self.sites.push(Site { node, workers: vec![], control: None, disk: None });
        for worker in 0..workers {
            self.add_actor(What::Worker(id, worker));
        }
        self.add_actor(What::Control(id));
        self.start(GatewayId(id), config, subscribers)?;
        Ok(GatewayId(id))
    }

    /// A peer with a port on each of `bridges`, which `build` makes of its ports and of random octets.
    pub fn add_peer<P: Peer>(
        &mut self,
        name: &str,
        bridges: &[BridgeId],
        build: impl FnOnce(MemoryIo, [u8; 16]) -> P,
    ) -> PeerId<P> {
        let node = self.add_node(name, bridges, 1, self.peer_frames);
        let Node { ends, pool, .. } = &self.nodes[node];
        let io = views(1, ends, pool).pop().expect("one view");
        let peer = Box::new(build(io, self.turns.octets()));
        self.guests.push(Guest { node, peer });
        self.add_actor(What::Peer(self.guests.len() - 1));
        PeerId(self.guests.len() - 1, PhantomData)
    }

    fn add_node(&mut self, name: &str, bridges: &[BridgeId], queues: usize, frames: usize) -> usize {
        let pool = Pool::new(frames);
        let actor = self.actors.len();
        let (mut ends, mut links) = (vec![], vec![]);
        for (at, bridge) in bridges.iter().enumerate() {
            let (mut near, far) = pair(queues, QUEUE, &pool);
            let link = self.network.add_link(&format!("{name}.{at}"), bridge.0, far, actor);
            near.mac = [2, 0, 0, 1, (link >> 8) as u8, link as u8];
            ends.push(near);
            links.push(LinkId(link));
        }
        self.nodes.push(Node { name: name.into(), pool, ends, links, actor });
        self.nodes.len() - 1
    }

    fn add_actor(&mut self, what: What) {
        self.actors.push(Actor { what, wake: self.now, ready: self.now });
    }

    /// Starts a gateway again that has crashed, as a new life of it: what the old one knew is gone, but for what it has kept where
    /// its configuration names a store.
    ///
    /// # Errors
    /// Says which part of the configuration does not fit.
    ///
    /// # Panics
    /// If it runs, or if the configuration has another number of workers than before.
    pub fn start(
        &mut self,
        gateway: GatewayId,
        config: Config,
        subscribers: Subscribers,
    ) -> Result<(), StartError> {
        let site = &mut self.sites[gateway.0];
        assert!(site.control.is_none(), "a gateway that runs already");
        let Node { ends, pool, actor, .. } = &self.nodes[site.node];
        let queues = ends.first().map_or(0, End::queues);
        assert_eq!(usize::from(config.node.workers), queues, "one worker for each queue");
        let life = self.turns.octets();
        let networks = || config.networks.iter().map(|network| network.name.clone()).collect();
        let mut disk = config
            .store
            .path
            .is_some()
            .then(|| site.disk.take().unwrap_or_else(|| Disk::new(self.turns.octets(), networks())));
        let meta = disk.as_ref().map(|disk| disk.meta.clone());
        let Parts { workers, mailboxes, registrar, .. } =
            start::build_with(config, subscribers, views(queues, ends, pool), life, meta.as_ref())?;
        if let Some(disk) = &mut disk {
            disk.begin(self.now, self.disk_read);
        }
        site.workers = workers;
        site.control = Some(Control::new(registrar, mailboxes, disk));
        for actor in &mut self.actors[*actor..=*actor + queues] {
            actor.wake = self.now;
        }
        Ok(())
    }

    /// Ends a gateway as `kill -9` does: nobody is told, and what its ports had received is lost.
    pub fn crash(&mut self, gateway: GatewayId) {
        let site = &mut self.sites[gateway.0];
        site.workers.clear();
        site.disk = site.control.take().and_then(|control| control.disk);
        if let Some(disk) = &mut site.disk {
            disk.crash(&mut self.turns);
        }
        let Node { ends, .. } = &self.nodes[site.node];
        for end in ends {
            for queue in 0..end.queues() {
                while end.receive(queue).is_some() {}
            }
        }
    }

    /// Tells a gateway to stop, as SIGTERM does.
    pub fn stop(&mut self, gateway: GatewayId) {
        let site = &mut self.sites[gateway.0];
        let Some(control) = &mut site.control else { return };
        for worker in 0..site.workers.len() {
            control.tell(WorkerId(worker as u8), ToWorker::Stop);
        }
        let actor = self.nodes[site.node].actor + site.workers.len();
        self.actors[actor].wake = self.now;
    }

    /// Lets a worker of a gateway do nothing for a while, as when the kernel takes its core away.
    pub fn pause(&mut self, gateway: GatewayId, worker: WorkerId, span: Duration) {
        let first = self.nodes[self.sites[gateway.0].node].actor;
        self.actors[first + usize::from(worker.0)].ready = self.now + span;
    }

    /// A gateway's workers, to look at; none if it has crashed.
    #[must_use]
    pub fn workers(&self, gateway: GatewayId) -> &[Worker<MemoryIo, Gateway>] {
        &self.sites[gateway.0].workers
    }

    /// A gateway's registrar.
    ///
    /// # Panics
    /// If it has crashed.
    #[must_use]
    pub fn registrar(&self, gateway: GatewayId) -> &Registrar {
        &self.sites[gateway.0].control.as_ref().expect("a gateway that runs").registrar
    }

    /// A peer, to look at.
    #[must_use]
    pub fn peer<P: Peer>(&self, id: PeerId<P>) -> &P {
        let peer: &dyn Any = &*self.guests[id.0].peer;
        peer.downcast_ref().expect("its own type")
    }

    /// A peer, to do something with, after which it has a turn.
    pub fn peer_mut<P: Peer>(&mut self, id: PeerId<P>) -> &mut P {
        let guest = &mut self.guests[id.0];
        self.actors[self.nodes[guest.node].actor].wake = self.now;
        let peer: &mut dyn Any = &mut *guest.peer;
        peer.downcast_mut().expect("its own type")
    }

    /// Something that a peer's application does on its own: begin a flow, for example.
    pub fn at<A: Application + 'static, T>(
        &mut self,
        id: PeerId<Worker<MemoryIo, A>>,
        act: impl FnOnce(&mut A, Time, &mut Context<'_, A::Crossing, A::Request>) -> T,
    ) -> T {
        let now = self.now;
        self.peer_mut(id).with_application(|application, cx| act(application, now, cx))
    }

    /// The links of a gateway, one for each port.
    #[must_use]
    pub fn links_of_gateway(&self, gateway: GatewayId) -> &[LinkId] {
        &self.nodes[self.sites[gateway.0].node].links
    }

    /// The links of a peer, one for each port.
    #[must_use]
    pub fn links_of_peer<P>(&self, peer: PeerId<P>) -> &[LinkId] {
        &self.nodes[self.guests[peer.0].node].links
    }

    /// A link: what it does to frames, and what it has done.
    pub fn link(&mut self, link: LinkId) -> &mut Link {
        &mut self.network.links[link.0]
    }

    /// Both directions of all links of a bridge work like this from now on.
    pub fn set_quality(&mut self, bridge: BridgeId, quality: Quality) {
        for link in self.network.of_bridge(bridge.0) {
            (link.from_node.quality, link.to_node.quality) = (quality, quality);
        }
    }

    fn grain(&self) -> Duration {
        match self.clock {
            Clock::Jumps => Duration::ZERO,
            Clock::Grid(grain) | Clock::Steps(grain) => grain,
        }
    }

    /// When something happens next: later than now, since causes come before what they bring about.
    fn next(&self) -> Time {
        let (grain, soonest) = (self.grain(), self.now + Duration::from_nanos(1));
        let due = match self.clock {
            Clock::Steps(_) => soonest,
            _ => self.actors.iter().map(Actor::due).fold(self.network.next(), Time::min),
        };
        due.max(soonest).next_multiple_of(grain)
    }

    /// Goes to what happens next, unless that is after `limit`; then only the clock goes there. Whether anything
    /// happened.
    pub fn step(&mut self, limit: Time) -> bool {
        let now = self.next();
        if now > limit {
            self.now = self.now.max(limit);
            return false;
        }
        self.now = now;
        self.network.grain = self.grain();
        let actors = &mut self.actors;
        self.network.deliver(now, &mut |actor| actors[actor].wake = now);
        let everybody = matches!(self.clock, Clock::Steps(_));
        // Who is first among several is chance, too.
        let backwards = Random::stream(self.seed, now.as_nanos()).share(500_000);
        for at in 0..self.actors.len() {
            let at = if backwards { self.actors.len() - 1 - at } else { at };
            if everybody || self.actors[at].due() <= now {
                self.turn(at);
            }
        }
        true
    }

    fn turn(&mut self, at: usize) {
        let now = self.now;
        let what = self.actors[at].what;
        self.actors[at].wake = Time::NEVER;
        let (busy, wake) = match what {
            What::Worker(site, worker) => self.turn_worker(site, worker),
            What::Control(site) => self.turn_control(site),
            What::Peer(guest) => {
                let Guest { node, peer } = &mut self.guests[guest];
                let busy = peer.turn(now);
                for link in &self.nodes[*node].links {
                    self.network.collect(now, link.0, 0);
                }
                (busy, if busy { now } else { peer.poll_timeout() })
            }
        };
        let (least, most) = (*self.pace.start(), *self.pace.end());
        let takes = if busy { least + self.turns.span(most.saturating_sub(least)) } else { least };
        let actor = &mut self.actors[at];
        actor.wake = actor.wake.min(wake);
        actor.ready = actor.ready.max(now + takes);
    }

    fn turn_worker(&mut self, site: usize, number: usize) -> (bool, Time) {
        let now = self.now;
        let Site { node, workers, control, .. } = &mut self.sites[site];
        let Some(worker) = workers.get_mut(number) else { return (false, Time::NEVER) };
        let busy = worker.turn(now);
        let wake = if busy { now } else { worker.poll_timeout() };
        let Node { links, actor: first, .. } = &self.nodes[*node];
        for link in links {
            self.network.collect(now, link.0, number);
        }
        if busy {
            worker.application_ref().assert_invariants();
        }
        // A timer, too, may have said something to others.
        for (at, neighbour) in workers.iter().enumerate() {
            if at != number && neighbour.waiting() > 0 {
                self.actors[first + at].wake = now;
            }
        }
        if control.as_ref().is_some_and(Control::has_post) {
            let actor = &mut self.actors[first + workers.len()];
            if actor.wake > now + self.control_delay {
                actor.wake = now + self.turns.span(self.control_delay);
            }
        }
        (busy, wake)
    }

    fn turn_control(&mut self, site: usize) -> (bool, Time) {
        let now = self.now;
        let Site { node, control, .. } = &mut self.sites[site];
        let Some(control) = control else { return (false, Time::NEVER) };
        let (first, actors) = (self.nodes[*node].actor, &mut self.actors);
        let busy = control.turn(now, &mut self.turns, &mut |to| actors[first + usize::from(to.0)].wake = now);
        let wake = if control.has_post() {
            now + self.turns.span(self.control_delay)
        } else {
            control.poll_timeout(now)
        };
        (busy, wake)
    }

    /// Lets `time` pass.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
    }

    /// Goes on until `done`, which is asked whenever something has happened.
    ///
    /// # Panics
    /// If that is not so within five minutes.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let end = self.now + PATIENCE;
        while !done(self) {
            assert!(self.step(end), "never: {what} (seed {})", self.seed);
        }
    }

    /// Looks for frames that somebody has taken from a pool and never given back: when nothing is on its way, each
    /// worker and each peer has one at most, to write into.
    ///
    /// # Panics
    /// If one is lost.
    pub fn assert_no_frame_is_lost(&self) {
        for node in &self.nodes {
            let kept = node.ends.first().map_or(0, End::queues);
            let (free, all) = (node.pool.available(), node.pool.capacity());
            assert!(free + kept >= all, "{}: {free} of {all} frames (seed {})", node.name, self.seed);
        }
    }
}

impl Drop for Simulation {
    /// A test that fails leaves its last frames in a file.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let thread = std::thread::current();
        let name = format!("{}-{}", thread.name().unwrap_or("main"), self.seed);
        match self.network.capture.write(&name) {
            Ok(path) => {
                eprintln!("seed {} at {:?}: its frames are in {}", self.seed, self.now, path.display())
            }
            Err(error) => eprintln!("seed {} at {:?}: no file of its frames: {error}", self.seed, self.now),
        }
    }
}
