//! The gateway and the core network in one process, over cables in memory and on a virtual clock.
#![allow(dead_code, unreachable_pub)] // each test binary is a crate of its own and uses its part

use corenet::hlr::{Hlr, HlrNode};
use corenet::node::Cx;
use corenet::nodes::Nodes;
use corenet::scenario::{Phase, Player, Scenario};
use corenet::serving::ServingNode;
use corenet::smsc::SmscNode;
use corenet::traffic::Traffic;
use corenet::{Config, Node, direct, start};
use ipsmgw::base::Time;
use ipsmgw::control::config::Config as GatewayConfig;
use ipsmgw::control::subscribers::Subscribers;
use ipsmgw::dataplane::Worker;
use ipsmgw::gateway::Gateway;
use ipsmgw::io::Impaired;
use ipsmgw::io::memory::MemoryIo;
use ipsmgw::sim::{GatewayId, PeerId, Queues, Simulation};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

/// Frames of the core network, and of the gateway for each worker and port.
pub const FRAMES: u32 = 2048;
/// How long a scenario may take on the virtual clock.
pub const PATIENCE: Duration = Duration::from_secs(600);

pub struct World {
    pub simulation: Simulation,
    pub gateway: GatewayId,
    pub ues: PeerId<On<Node>>,
    pub smsc: PeerId<On<SmscNode>>,
    pub hlr: PeerId<On<HlrNode>>,
    pub serving: Vec<PeerId<On<ServingNode>>>,
    pub scenario: Scenario,
    /// The UEs' own, where another process plays them.
    pub of_ues: Option<Scenario>,
    /// How often the core network looks at its pace.
    pub step: Duration,
}

/// A node of the core network and the stack that it stands on.
pub type On<A> = Worker<Impaired<MemoryIo>, A>;

/// Calls a function of all nodes of the core network, whatever they are.
macro_rules! all {
    ($world:expr, $node:ident => $act:expr) => {{
        let World { simulation, ues, smsc, hlr, serving, .. } = $world;
        all!(simulation, $node, $act, *ues, *smsc, *hlr);
        for peer in serving {
            all!(simulation, $node, $act, *peer);
        }
    }};
    ($simulation:ident, $node:ident, $act:expr, $($peer:expr),*) => {
        $({
            let $node = $simulation.peer_mut($peer);
            $act;
        })*
    };
}

/// Seconds since 1970 at the beginning.
pub const EPOCH: u64 = 1_795_824_000;

/// The demo's two configurations, without direct access, changed by `change`.
pub fn world(workers: u8, change: impl FnOnce(&mut GatewayConfig, &mut Config)) -> World {
    world_of(workers, |gateway, corenet| {
        for network in &mut corenet.networks {
            network.direct = 0;
        }
        change(gateway, corenet);
    })
}

/// The demo's two configurations, changed by `change`.
pub fn world_of(workers: u8, change: impl FnOnce(&mut GatewayConfig, &mut Config)) -> World {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("demo/gateway.toml");
    let mut gateway = GatewayConfig::load(&file).unwrap();
    gateway.node.workers = workers;
    gateway.capacity.frames = FRAMES;
    for association in &mut gateway.associations {
        association.worker = association.worker.map(|worker| worker % workers);
    }
    let mut corenet = Config::load(&file.with_file_name("corenet.toml")).unwrap();
    corenet.node.queues = workers.into();
    corenet.capture.file = None;
    for network in &mut corenet.networks {
        network.subscribers = Some(20);
    }
    (corenet.traffic.mo, corenet.traffic.mt) = (200, 200);
    (corenet.traffic.direct_mo, corenet.traffic.direct_mt) = (200, 200);
    corenet.traffic.deregister = false;
    for node in &mut corenet.serving_nodes {
        node.mo = 0;
    }
    change(&mut gateway, &mut corenet);
    let directory = std::env::temp_dir().join(format!(
        "corenet-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::create_dir_all(&directory).unwrap();
    // Subscriber files and credentials are the core network's own.
    for (network, ours) in gateway.networks.iter_mut().zip(&corenet.networks) {
        let lines = ours.lines().unwrap();
        if let Some(file) = &mut network.subscribers {
            *file = directory.join(format!("{}.csv", network.name));
            let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            std::fs::write(file, lines.join("\n")).unwrap();
        }
        if let Some(file) = network.direct.as_mut().and_then(|direct| direct.credentials.as_mut()) {
            *file = directory.join(format!("{}.htdigest", network.name));
            let credential = |line| direct::credential(ours, line, corenet.seed);
            std::fs::write(&*file, lines.iter().map(credential).collect::<Vec<_>>().join("\n")).unwrap();
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
    let subscribers = Subscribers::load(&gateway).unwrap();
    std::fs::remove_dir_all(directory).unwrap();

    let mut simulation = Simulation::new(corenet.seed);
    let bridges = [simulation.add_bridge(), simulation.add_bridge()];
    let gateway = simulation.add_gateway("gateway", &bridges, gateway, subscribers).unwrap();
    for link in simulation.links_of_gateway(gateway).to_vec() {
        simulation.link(link).queues = Queues::Toeplitz;
    }
    simulation.peer_frames = FRAMES as usize;
    let [ims, ss7] = [&bridges[..1], &bridges[1..]];
    let hlr = simulation.add_peer("hlr", ss7, |io, _| start::hlr(&corenet, io).unwrap());
    let smsc = simulation.add_peer("smsc", ss7, |io, _| start::smsc(&corenet, EPOCH, io).unwrap());
    let nodes = corenet.serving_nodes.iter().enumerate();
    let serving = nodes.map(|(at, node)| {
        simulation.add_peer(&node.name, ss7, |io, _| start::serving(&corenet, at, io).unwrap())
    });
    let serving = serving.collect();
    let ues = simulation.add_peer("ues", ims, |io, _| start::ues(&corenet, io).unwrap());
    let scenario = Scenario::new(corenet.traffic.up);
    let step = Duration::from_micros(500);
    World { simulation, gateway, ues, smsc, hlr, serving, scenario, of_ues: None, step }
}

impl World {
    /// What a test that fails has to say.
    fn told(&self) -> String {
        let (ues, smsc, hlr) = (&self.traffic().counts, &self.smsc().counts, self.hlr());
        let surprises = self.nodes().surprises();
        format!("{surprises}{ues:?}\n{smsc:?}\n{:?}\n{:?}", hlr.counts, hlr.waiting.counts)
    }

    pub fn run_until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let deadline = self.simulation.now() + PATIENCE;
        while !done(self) {
            let now = self.simulation.now();
            assert!(now < deadline, "{what} is not reached:\n{}", self.told());
            match self.of_ues {
                Some(_) => self.advance_apart(now),
                None => self.advance(now),
            }
            self.simulation.pass(self.step);
        }
    }

    fn advance(&mut self, now: Time) {
        let (mut are_up, mut are_done) = (true, true);
        all!(&mut *self, node => {
            are_up &= node.application_ref().is_up(node.stack());
            are_done &= node.application_ref().is_done();
        });
        if let Some(phase) = self.scenario.advance(now, are_up, are_done) {
            all!(&mut *self, node => node.with_application(|node, _| node.enter(phase)));
        }
    }

    /// UEs and SS7 nodes go on without waiting for each other.
    fn advance_apart(&mut self, now: Time) {
        let ues = self.simulation.peer_mut(self.ues);
        let (is_up, is_done) = (ues.application_ref().is_up(ues.stack()), ues.application_ref().is_done());
        let next = self.of_ues.as_mut().and_then(|scenario| scenario.advance(now, is_up, is_done));
        if let Some(phase) = next {
            ues.with_application(|node, _| node.enter(phase));
        }
        let (mut are_up, mut are_done) = (true, true);
        let World { simulation, smsc, hlr, serving, scenario, .. } = &mut *self;
        all!(
            simulation,
            node,
            {
                are_up &= node.application_ref().is_up(node.stack());
                are_done &= node.application_ref().is_done();
            },
            *smsc,
            *hlr
        );
        for peer in serving.iter() {
            let node = simulation.peer(*peer);
            are_up &= node.application_ref().is_up(node.stack());
            are_done &= node.application_ref().is_done();
        }
        if let Some(phase) = scenario.advance(now, are_up, are_done) {
            all!(simulation, node, node.with_application(|node, _| node.enter(phase)), *smsc, *hlr);
            for peer in serving.iter() {
                simulation.peer_mut(*peer).with_application(|node, _| node.enter(phase));
            }
        }
    }

    /// The nodes of the core network, to look at.
    pub fn nodes(&self) -> Nodes<'_> {
        let Self { simulation, ues, smsc, hlr, serving, .. } = self;
        Nodes {
            ues: Some(simulation.peer(*ues).application_ref()),
            smsc: Some(simulation.peer(*smsc).application_ref()),
            hlr: Some(simulation.peer(*hlr).application_ref()),
            serving: serving.iter().map(|peer| simulation.peer(*peer).application_ref()).collect(),
            are_all: true,
        }
    }

    /// Runs the scenario, then lets transactions and associations end, and looks for lost frames.
    pub fn run(&mut self) {
        self.run_until("the end of the scenario", |world| world.scenario.phase() == Phase::Finished);
        assert_eq!(self.nodes().surprises(), "");
        assert!(self.nodes().is_as_configured());
    }

    pub fn stop(&mut self) {
        self.simulation.stop(self.gateway);
        self.run_until("an idle gateway", |world| world.gateway().iter().all(Worker::is_idle));
        let now = self.simulation.now();
        all!(&mut *self, node => node.with_application(|node, cx| node.stop(now, cx)));
        self.run_until("closed associations", |world| {
            let mut closed = true;
            all!(world, node => closed &= node.stack().is_closed());
            closed
        });
        self.simulation.pass(Duration::from_millis(50));
        self.simulation.assert_no_frame_is_lost();
    }

    pub fn gateway(&self) -> &[Worker<MemoryIo, Gateway>] {
        self.simulation.workers(self.gateway)
    }

    pub fn traffic(&self) -> &Traffic {
        &self.simulation.peer(self.ues).application_ref().traffic
    }

    pub fn sum(&self, count: impl Fn(&Worker<MemoryIo, Gateway>) -> u64) -> u64 {
        self.gateway().iter().map(count).sum()
    }
}

pub fn outcomes(world: &World) -> Vec<(&str, u32, u32)> {
    world.nodes().flows().map(|flow| (flow.name.as_str(), flow.delivered, flow.failed)).collect()
}

/// What the gateway can't deliver fails at once.
pub fn only_by_the_gateway(corenet: &mut Config) {
    corenet.smsc.retry_s = vec![];
    for node in &mut corenet.serving_nodes {
        node.attached = 0.0;
    }
}

/// How many messages came again, to the SMS-IWMSC and to UEs.
pub fn again(world: &World) -> (u64, u64) {
    (world.smsc().counts.mo_again, world.traffic().counts.ue_twice)
}

/// 50 UEs with direct access, and 20 behind the S-CSCF.
pub fn direct_world(workers: u8, change: impl FnOnce(&mut GatewayConfig, &mut Config)) -> World {
    world_of(workers, |gateway, corenet| {
        corenet.networks[1].subscribers = Some(50);
        corenet.networks[1].direct = 50;
        change(gateway, corenet);
    })
}

impl World {
    pub fn hlr(&self) -> &Hlr {
        &self.simulation.peer(self.hlr).application_ref().hlr
    }

    /// Whether HLR and subscriber table say the same of every subscriber.
    pub fn assert_agreement(&self, what: &str) {
        let table = self.simulation.registrar(self.gateway).table();
        for ue in &self.ues().ues {
            let of_hlr = self.hlr().gateway_of(ue.imsi).is_some();
            let of_table = table.by_imsi(ue.imsi).is_some();
            assert_eq!(of_hlr, of_table, "{what}: HLR and table differ about {:?}", ue.imsi);
        }
    }
}

impl World {
    /// The UEs behind S-CSCFs, or those with direct access.
    pub fn members(&self, direct: bool) -> Vec<u32> {
        let ues = self.ues().ues.iter().zip(0..);
        ues.filter(|(ue, _)| ue.direct.is_some() == direct).map(|(_, number)| number).collect()
    }

    /// Something that the UEs do on their own.
    pub fn with_ues<T>(&mut self, act: impl FnOnce(&mut Node, Time, &mut Cx<'_>) -> T) -> T {
        let now = self.simulation.now();
        self.simulation.peer_mut(self.ues).with_application(|node, cx| act(node, now, cx))
    }

    /// Something that happens to the HLR.
    pub fn with_hlr<T>(&mut self, act: impl FnOnce(&mut HlrNode, Time) -> T) -> T {
        let now = self.simulation.now();
        self.simulation.peer_mut(self.hlr).with_application(|node, _| act(node, now))
    }

    /// Something that the service centres do on their own.
    pub fn with_smsc<T>(&mut self, act: impl FnOnce(&mut SmscNode, Time, &mut Cx<'_>) -> T) -> T {
        let now = self.simulation.now();
        self.simulation.peer_mut(self.smsc).with_application(|node, cx| act(node, now, cx))
    }

    pub fn ues(&self) -> &Node {
        self.simulation.peer(self.ues).application_ref()
    }

    pub fn smsc(&self) -> &SmscNode {
        self.simulation.peer(self.smsc).application_ref()
    }

    pub fn serving(&self, at: usize) -> &ServingNode {
        self.simulation.peer(self.serving[at]).application_ref()
    }

    /// Runs to the end; every message has arrived once, as all ledgers say.
    pub fn run_and_compare(&mut self, expected: &[(&str, u32, u32)]) {
        self.run();
        assert_eq!(outcomes(self), expected);
        let comparison = self.nodes().comparison();
        assert_eq!(
            (comparison.delivered, comparison.unreported),
            (comparison.sent, 0),
            "{}",
            comparison.text()
        );
        assert!(self.smsc().queue.is_empty());
    }
}
