//! A gateway of two workers, its core network and its UEs, on a clock that goes in steps: whatever a turn does, it takes one.

use core::time::Duration;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use ipsmgw::base::{PortId, SipKey, Time};
use ipsmgw::control::config::Config;
use ipsmgw::control::subscribers::Subscribers;
use ipsmgw::dataplane::Worker;
use ipsmgw::ident::Digits;
use ipsmgw::io::memory::MemoryIo;
use ipsmgw::proto::map::{Version, context, operation};
use ipsmgw::sim::{
    Clock, GatewayId, PeerId, PeerStack, Ports, Quality, Queues, Random, Scripted, Simulation,
};
use ipsmgw::stack::{Offer, Stack};

use crate::core_network::{CENTRE, Core, HLR};
use crate::phones::Phones;

/// A step: the way over a cable, and a turn.
const STEP: Duration = Duration::from_micros(100);

const CONFIG: &str = r#"
[node]
workers = 2
[capacity]
dialogues = 8192
client_transactions = 4096
pending_requests = 4096
server_transactions = 32768
mo = 1024
mt = 64
subscribers = 8192
identities = 8192
frames = 1024
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
r1 = "any_time_modification"
hlr = [{ title = "491710760001" }]
[network.direct]
authentication = "none"
[timers]
r1_per_second = PACED
r1_outstanding = 4000
[ss7]
point_code = 100
[[association]]
name = "sg"
role = "client"
local = ["10.7.0.1"]
remote = ["10.7.0.2"]
routing_contexts = [100]
[[destination]]
point_code = 200
associations = ["sg"]
[[title]]
prefix = "49171076"
point_code = 200
"#;

type CoreWorker = Worker<MemoryIo, Core>;
type Script = Box<dyn FnMut(Time, Option<(PortId, &[u8])>, &mut Ports)>;

/// Everything.
pub(crate) struct World {
    pub(crate) simulation: Simulation,
    pub(crate) gateway: GatewayId,
    core: PeerId<CoreWorker>,
    script: PeerId<Scripted<Script>>,
    pub(crate) phones: Rc<RefCell<Phones>>,
}

fn worker(key: &SipKey, io: MemoryIo, takes: u32) -> CoreWorker {
    let title = |text: &str| -> Digits { text.parse().expect("digits") };
    let offer = |context, opcode| Offer::only(context, Version::V3, opcode);
    let stack = PeerStack {
        ports: &[["10.7.0.2", "10.7.0.1"].map(|address| address.parse().expect("an address"))],
        host: "hlr.home1.net",
        associations: 1,
        own: &[(title(CENTRE.0), CENTRE.1), (title(HLR.0), HLR.1)],
        gateway_titles: title("491710999"),
        dialogues: 8192,
        identifiers: 131_072,
        forward_timeout: Duration::from_secs(100),
        offers: &[
            offer(context::MO_RELAY, operation::MO_FORWARD_SM),
            offer(context::ANY_TIME_INFO_HANDLING, operation::ANY_TIME_MODIFICATION),
        ],
    };
    stack.worker(key, io, Core::new(takes))
}

impl World {
    /// A gateway whose association is active, and nobody registered of so many; an HLR that takes so many operations in a second,
    /// and how many it is given at most.
    pub(crate) fn new(ues: usize, takes: u32, paced: u32) -> Self {
        let mut simulation = Simulation::new(8);
        (simulation.clock, simulation.pace) = (Clock::Grid(STEP), STEP..=STEP);
        simulation.control_delay = Duration::ZERO;
        simulation.peer_frames = 4096;
        let bridges = [simulation.add_bridge(), simulation.add_bridge()];
        let text = CONFIG.replace("PACED", &paced.to_string());
        let config = Config::parse(Path::new("storm.toml"), &text).expect("a correct configuration");
        let subscribers = Subscribers::load(&config).expect("no files");
        let gateway = simulation.add_gateway("gateway", &bridges, config, subscribers).expect("a gateway");
        let core =
            simulation.add_peer("core", &bridges[1..], |io, secret| worker(&SipKey::new(secret), io, takes));
        let phones = Rc::new(RefCell::new(Phones::new(ues)));
        let own = phones.clone();
        let script = simulation.add_peer("phones", &bridges[..1], |io, _| {
            let script: Script = Box::new(move |now, frame, ports| {
                own.borrow_mut().turn(now, frame.map(|(_, frame)| frame), ports);
            });
            Scripted::new(io, script)
        });
        for bridge in bridges {
            simulation.set_quality(bridge, Quality { delay: STEP, ..Quality::PERFECT });
        }
        for link in simulation.links_of_gateway(gateway).to_vec() {
            simulation.link(link).queues = Queues::Toeplitz;
        }
        let mut world = Self { simulation, gateway, core, script, phones };
        world.until("the association is active", |world| {
            let active = |stack: &Stack| stack.ss7().transport().is_active(0);
            active(world.simulation.peer(world.core).stack())
                && world.simulation.workers(world.gateway).iter().all(|worker| active(worker.stack()))
        });
        world
    }

    /// The core network, to look at.
    pub(crate) fn core(&self) -> &Core {
        self.simulation.peer(self.core).application_ref()
    }

    /// Something that UEs are to do, with chances of its own.
    pub(crate) fn plan(&mut self, plan: impl FnOnce(&mut Phones, &mut Random, Time)) {
        let now = self.simulation.now();
        self.simulation.peer_mut(self.script).wake();
        plan(&mut self.phones.borrow_mut(), &mut Random::new(now.as_nanos()), now);
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.simulation.pass(time);
    }

    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let end = self.simulation.now() + Duration::from_secs(300);
        while !done(self) {
            let next = self.simulation.now() + Duration::from_millis(10);
            assert!(next < end, "never: {what}");
            self.simulation.pass(Duration::from_millis(10));
        }
    }
}
