//! A gateway of two workers and a core network of one, in a simulation whose network chooses the gateway's queues by
//! chance, and can lose and repeat frames.

use core::ops::{Deref, DerefMut};
use core::time::Duration;
use std::path::Path;

use ipsmgw::base::{SipKey, Time};
use ipsmgw::control::config::Config;
use ipsmgw::control::subscribers::Subscribers;
use ipsmgw::dataplane::Worker;
use ipsmgw::gateway::Gateway;
use ipsmgw::ident::{Digits, Ssn};
use ipsmgw::io::memory::MemoryIo;
use ipsmgw::proto::map::{Version, context, operation};
use ipsmgw::sim::{Clock, GatewayId, PeerId, PeerStack, Quality, Simulation};
use ipsmgw::stack::{Application as _, Offer, Stack};

use crate::core_network::{CENTRE, Core, Cx, OTHER_CENTRE, imsi};

const CONFIG: &str = r#"
[node]
workers = 2
[capacity]
dialogues = ROOM
client_transactions = ROOM
pending_requests = ROOM
server_transactions = LIVES
mo = ROOM
mt = ROOM
subscribers = ROOM
identities = LIVES
frames = ROOM
[[port]]
name = "ims"
device = "net_memory0"
addresses = ["10.0.0.1/24"]
[[port]]
name = "ss7"
device = "net_memory1"
addresses = ["10.7.0.1/24"]
[sip]
listen = ["10.0.0.1:5060"]
uri = "sip:ipsmgw.home1.net"
[[network]]
name = "home1"
mcc = "262"
mnc = "01"
gateway_title = "491710999001"
scscf = [{ uri = "sip:scscf.home1.net", address = "10.0.0.2:5060" }]
r1 = "preconfigured"
[ss7]
point_code = 100
[[destination]]
point_code = 200
associations = [ASSOCIATIONS]
[[title]]
prefix = "49171076"
point_code = 200
"#;

/// Room for what so many users have under way; small, since every seed builds a world.
fn room(users: u32) -> u32 {
    64 + 16 * users
}

fn config(associations: u16, users: u32, keeps: bool) -> Config {
    let names: Vec<_> = (0..associations).map(|at| format!("\"sg{at}\"")).collect();
    let (room, lives) = (room(users).to_string(), (20 * room(users)).to_string());
    let mut text =
        CONFIG.replace("ASSOCIATIONS", &names.join(", ")).replace("ROOM", &room).replace("LIVES", &lives);
    if keeps {
        text = text.replace("[ss7]", "[store]\npath = \"registrations\"\n[ss7]");
    }
    for at in 0..associations {
        text += &format!(
            "[[association]]\nname = \"sg{at}\"\nrole = \"client\"\nlocal = [\"10.7.0.1\"]\nremote = [\"10.7.0.2\"]\n\
             local_port = {port}\nremote_port = {port}\nrouting_contexts = [100]\n",
            port = 2905 + at
        );
    }
    Config::parse(Path::new("two_workers.toml"), &text).expect("a correct configuration")
}

fn worker(key: &SipKey, io: MemoryIo, associations: u16, users: u32) -> CoreWorker {
    let dialogues = 4 * room(users) as usize;
    let title = |text: &str| -> Digits { text.parse().expect("digits") };
    let ports = [["10.0.0.2", "10.0.0.1"], ["10.7.0.2", "10.7.0.1"]];
    let stack = PeerStack {
        ports: &ports.map(|port| port.map(|address| address.parse().expect("an address"))),
        host: "home1.net",
        associations,
        own: &[(title(CENTRE), Ssn::MSC), (title(OTHER_CENTRE), Ssn::MSC)],
        gateway_titles: title("491710999"),
        dialogues,
        identifiers: (16 * dialogues).next_power_of_two(),
        forward_timeout: Duration::from_secs(600),
        offers: &[
            Offer::only(context::MO_RELAY, Version::V3, operation::MO_FORWARD_SM),
            Offer::only(context::MT_RELAY, Version::V3, operation::MT_FORWARD_SM),
        ],
    };
    stack.worker(key, io, Core::new())
}

/// The core network, as the simulation has it.
type CoreWorker = Worker<MemoryIo, Core>;

/// Everything.
pub(crate) struct World {
    simulation: Simulation,
    pub(crate) gateway: GatewayId,
    core: PeerId<CoreWorker>,
    associations: u16,
    users: u32,
    keeps: bool,
}

impl Deref for World {
    type Target = Simulation;

    fn deref(&self) -> &Simulation {
        &self.simulation
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Simulation {
        &mut self.simulation
    }
}

impl World {
    /// A gateway whose associations are active and whose users are registered.
    pub(crate) fn new(associations: u16, users: u32, seed: u64) -> Self {
        Self::with_clock(Clock::Jumps, associations, users, seed)
    }

    /// The same with a gateway that keeps registrations.
    pub(crate) fn kept(associations: u16, users: u32, seed: u64) -> Self {
        Self::build(Clock::Jumps, associations, users, seed, true)
    }

    /// The same on a clock that goes like this; if not by jumps, everything takes as long as one of its steps.
    pub(crate) fn with_clock(clock: Clock, associations: u16, users: u32, seed: u64) -> Self {
        Self::build(clock, associations, users, seed, false)
    }

    fn build(clock: Clock, associations: u16, users: u32, seed: u64, keeps: bool) -> Self {
        let mut simulation = Simulation::new(seed);
        simulation.clock = clock;
        // A store that is empty is read at once: nobody who registers is told to come again.
        simulation.disk_read = Duration::ZERO;
        let bridges = [simulation.add_bridge(), simulation.add_bridge()];
        let config = config(associations, users, keeps);
        let subscribers = Subscribers::load(&config).expect("no files");
        let gateway = simulation.add_gateway("gateway", &bridges, config, subscribers).expect("a gateway");
        let core = simulation
            .add_peer("core", &bridges, |io, secret| worker(&SipKey::new(secret), io, associations, users));
        if let Clock::Grid(step) | Clock::Steps(step) = clock {
            simulation.pace = step..=step;
            simulation.control_delay = Duration::ZERO;
            for bridge in bridges {
                simulation.set_quality(bridge, Quality { delay: step, ..Quality::PERFECT });
            }
        }
        let mut world = Self { simulation, gateway, core, associations, users, keeps };
        world.until_active();
        world.until("the store is read", |world| world.registrar(world.gateway).is_restored());
        for user in 0..users {
            world.on_core(|core, now, cx| core.register(now, user, 3600, cx));
            world.pass(Duration::from_micros(10));
        }
        world.until("all are registered", |world| world.core().registered.len() as u32 == users);
        assert!(world.core().registered.iter().all(|status| *status == 200));
        world
    }

    /// Goes on until every association is active at both ends, and every worker knows.
    pub(crate) fn until_active(&mut self) {
        let associations = self.associations;
        self.until("the associations are active", |world| {
            (0..associations).all(|association| {
                let active = |stack: &Stack| stack.ss7().transport().is_active(association);
                active(world.core_worker().stack())
                    && world.workers(world.gateway).iter().all(|worker| active(worker.stack()))
            })
        });
    }

    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let end = self.now() + Duration::from_secs(300);
        while !done(self) {
            assert!(self.step(end), "never: {what}");
        }
    }

    fn core_worker(&self) -> &CoreWorker {
        self.peer(self.core)
    }

    /// The core network, to look at.
    pub(crate) fn core(&self) -> &Core {
        self.core_worker().application_ref()
    }

    pub(crate) fn on_core<T>(&mut self, act: impl FnOnce(&mut Core, Time, &mut Cx<'_>) -> T) -> T {
        let core = self.core;
        self.simulation.at(core, act)
    }

    /// A number below `below`.
    pub(crate) fn chance(&mut self, below: u64) -> u64 {
        self.random.below(below)
    }

    /// From now on so many of a thousand frames are lost, and as many repeated.
    pub(crate) fn disturb(&mut self, of_a_thousand: u32) {
        let links = [self.links_of_gateway(self.gateway), self.links_of_peer(self.core)].concat();
        for link in links {
            let link = self.link(link);
            // A frame crosses two links; one of them disturbs.
            link.from_node.quality.loss = of_a_thousand * 1000;
            link.from_node.quality.duplicate = of_a_thousand * 1000;
        }
    }

    /// Its end.
    pub(crate) fn into_simulation(self) -> Simulation {
        self.simulation
    }

    /// The gateway dies, and comes back as another life that knows nothing but what was kept.
    pub(crate) fn crash(&mut self) {
        let gateway = self.gateway;
        self.simulation.crash(gateway);
        let config = config(self.associations, self.users, self.keeps);
        let subscribers = Subscribers::load(&config).expect("no files");
        self.simulation.start(gateway, config, subscribers).expect("a gateway");
    }

    /// The sum of a counter over the gateway's workers.
    pub(crate) fn sum(&self, of: impl Fn(&Worker<MemoryIo, Gateway>) -> u64) -> u64 {
        self.workers(self.gateway).iter().map(of).sum()
    }

    /// Everything has come to its end: nothing is held anywhere.
    pub(crate) fn assert_nothing_is_left(&mut self, users: u32) {
        self.disturb(0);
        self.until("nothing is under way", |world| {
            let mut left = 0;
            let mut add = |name, used, _| {
                let rests = ["server_transactions", "remembered"].contains(&name);
                left += if rests { 0 } else { used };
            };
            world.core_worker().stack().fill(&mut add);
            for worker in world.workers(world.gateway) {
                worker.stack().fill(&mut add);
                worker.application_ref().fill(&mut add);
            }
            left == 0
        });
        self.pass(Duration::from_secs(1));
        for user in 0..users {
            if let Some(subscriber) = self.registrar(self.gateway).table().by_imsi(imsi(user)) {
                assert_eq!(subscriber.mt_holder(), None, "nobody holds user {user}");
            }
        }
        assert_eq!(self.core().unexpected, 0);
        self.assert_no_frame_is_lost();
    }
}
