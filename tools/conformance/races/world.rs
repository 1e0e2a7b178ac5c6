//! A gateway of two workers, its HLR and its phones, in a simulation of which a seed decides everything.

use core::net::SocketAddrV4;
use core::time::Duration;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use ipsmgw::base::{PortId, SipKey, Time};
use ipsmgw::control::config::Config;
use ipsmgw::control::subscribers::Subscribers;
use ipsmgw::dataplane::Worker;
use ipsmgw::ident::{Digits, Ssn};
use ipsmgw::io::memory::MemoryIo;
use ipsmgw::proto::map::{Version, context, operation};
use ipsmgw::sim::{
    BridgeId, GatewayId, LinkId, PeerId, PeerStack, Ports, Quality, Random, Scripted, Simulation,
};
use ipsmgw::stack::{Offer, Stack};

use crate::hlr::{CENTRE, Cx, HLR_TITLE, Hlr};
use crate::phones::Phones;

const CONFIG: &str = r#"
[node]
workers = 2
[capacity]
dialogues = 128
client_transactions = 128
pending_requests = 64
server_transactions = 1024
mo = 32
mt = 32
subscribers = 16
identities = 64
frames = 128
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
r1 = "FORM"
r1_order = "ORDER"
access_order = ["PREFERRED", "OTHER"]
REG_EVENT
hlr = [{ title = "491710760001" }]
[network.direct]
authentication = "none"
[timers]
guard_s = 5
r1_answer_ms = 2000
r1_repair_s = REPAIR
map_registration_ms = 4000
mt_report_ms = 10000
[ss7]
point_code = 100
[[destination]]
point_code = 200
associations = [ASSOCIATIONS]
[[title]]
prefix = "49171076"
point_code = 200
"#;

/// The guard timer.
pub(crate) const GUARD: Duration = Duration::from_secs(5);
/// `r1_repair_s`.
pub(crate) const REPAIR: Duration = Duration::from_secs(12);

/// In which ways a world can differ from others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) associations: u16,
    pub(crate) gprs: bool,
    pub(crate) after_200: bool,
    pub(crate) ims_first: bool,
    /// What the S-CSCF's NOTIFYs are for.
    pub(crate) notifies: Notifies,
    /// Whether registrations outlive the process.
    pub(crate) kept: bool,
}

/// What NOTIFYs of registration state bring about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Notifies {
    /// Nobody asks for any.
    Nothing,
    /// The end of a registration.
    Ends,
    /// Its beginning too.
    All,
}

fn config(shape: Shape) -> Config {
    let names: Vec<_> = (0..shape.associations).map(|at| format!("\"sg{at}\"")).collect();
    let (preferred, other) = if shape.ims_first { ("ims", "direct") } else { ("direct", "ims") };
    let reg_event = match shape.notifies {
        Notifies::Nothing => "",
        Notifies::Ends => "reg_event = \"watch\"",
        Notifies::All => "r1_trigger = \"reg_event\"",
    };
    let mut text = CONFIG
        .replace("ASSOCIATIONS", &names.join(", "))
        .replace("FORM", if shape.gprs { "update_gprs_location" } else { "any_time_modification" })
        .replace("ORDER", if shape.after_200 { "after_200" } else { "before_200" })
        .replace("REG_EVENT", reg_event)
        .replace("PREFERRED", preferred)
        .replace("OTHER", other)
        .replace("REPAIR", &REPAIR.as_secs().to_string());
    for at in 0..shape.associations {
        text += &format!(
            "[[association]]\nname = \"sg{at}\"\nrole = \"client\"\nlocal = [\"10.7.0.1\"]\nremote = [\"10.7.0.2\"]\n\
             local_port = {port}\nremote_port = {port}\nrouting_contexts = [100]\n",
            port = 2905 + at
        );
    }
    if shape.kept {
        text += "[store]\npath = \"registrations\"\n";
    }
    Config::parse(Path::new("races.toml"), &text).expect("a correct configuration")
}

fn digits(text: &str) -> Digits {
    text.parse().expect("digits")
}

/// The HLR; SIP has nothing to do there.
fn worker(key: &SipKey, io: MemoryIo, associations: u16, hlr: Hlr) -> HlrWorker {
    let offer = |context, opcode| Offer::only(context, Version::V3, opcode);
    let stack = PeerStack {
        ports: &[["10.7.0.2", "10.7.0.1"].map(|address| address.parse().expect("an address"))],
        host: "hlr.home1.net",
        associations,
        own: &[(digits(CENTRE), Ssn::MSC), (digits(HLR_TITLE), Ssn::HLR)],
        gateway_titles: digits("491710999"),
        dialogues: 256,
        identifiers: 4096,
        forward_timeout: Duration::from_secs(100),
        offers: &[
            offer(context::MO_RELAY, operation::MO_FORWARD_SM),
            offer(context::ANY_TIME_INFO_HANDLING, operation::ANY_TIME_MODIFICATION),
            offer(context::GPRS_LOCATION_UPDATE, operation::UPDATE_GPRS_LOCATION),
            offer(context::MS_PURGING, operation::PURGE_MS),
            offer(context::GATEWAY, operation::SEND_ROUTING_INFO_FOR_SM),
        ],
    };
    stack.worker(key, io, hlr)
}

type HlrWorker = Worker<MemoryIo, Hlr>;
type Script = Box<dyn FnMut(Time, Option<(PortId, &[u8])>, &mut Ports)>;

/// Everything.
pub(crate) struct World {
    pub(crate) simulation: Simulation,
    pub(crate) gateway: GatewayId,
    pub(crate) bridges: [BridgeId; 2],
    shape: Shape,
    hlr: PeerId<HlrWorker>,
    script: PeerId<Scripted<Script>>,
    pub(crate) phones: Rc<RefCell<Phones>>,
}

impl World {
    /// A gateway whose associations are active, and nobody registered.
    pub(crate) fn new(shape: Shape, seed: u64) -> Self {
        let mut simulation = Simulation::new(seed);
        let bridges = [simulation.add_bridge(), simulation.add_bridge()];
        let config = config(shape);
        let subscribers = Subscribers::load(&config).expect("no files");
        let gateway = simulation.add_gateway("gateway", &bridges, config, subscribers).expect("a gateway");
        let hlr = simulation.add_peer("hlr", &bridges[1..], |io, secret| {
            let hlr = Hlr::new(Random::stream(seed, 77));
            worker(&SipKey::new(secret), io, shape.associations, hlr)
        });
        let phones = Rc::new(RefCell::new(Phones::default()));
        let own = phones.clone();
        let script = simulation.add_peer("phones", &bridges[..1], |io, _| {
            let script: Script = Box::new(move |now, frame, ports| {
                own.borrow_mut().turn(now, frame.map(|(_, frame)| frame), ports);
            });
            Scripted::new(io, script)
        });
        let mut world = Self { simulation, gateway, bridges, shape, hlr, script, phones };
        world.until("the associations are active", Self::is_active);
        world
    }

    fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let end = self.now() + Duration::from_secs(60);
        while !is_so(self) {
            assert!(self.simulation.step(end), "{what}");
        }
    }

    /// The gateway that has crashed lives again, and knows whoever was registered.
    pub(crate) fn start_again(&mut self) {
        let config = config(self.shape);
        let subscribers = Subscribers::load(&config).expect("no files");
        self.simulation.start(self.gateway, config, subscribers).expect("a gateway");
        let is_ready =
            |world: &Self| world.is_active() && world.simulation.registrar(world.gateway).is_restored();
        self.until("it is ready", is_ready);
    }

    /// Whether every association is active at both ends, and every worker knows.
    pub(crate) fn is_active(&self) -> bool {
        (0..self.shape.associations).all(|association| {
            let active = |stack: &Stack| stack.ss7().transport().is_active(association);
            active(self.simulation.peer(self.hlr).stack())
                && self.simulation.workers(self.gateway).iter().all(|worker| active(worker.stack()))
        })
    }

    /// Whether an end of an association has given it up, and what it had sent with it.
    pub(crate) fn has_lost_an_association(&self) -> bool {
        let lost = |stack: &Stack| stack.ss7().transport().sctp_counts().associations_down > 0;
        lost(self.simulation.peer(self.hlr).stack())
            || self.simulation.workers(self.gateway).iter().any(|worker| lost(worker.stack()))
    }

    pub(crate) fn now(&self) -> Time {
        self.simulation.now()
    }

    pub(crate) fn hlr(&self) -> &Hlr {
        self.simulation.peer(self.hlr).application_ref()
    }

    pub(crate) fn hlr_links(&self) -> Vec<LinkId> {
        self.simulation.links_of_peer(self.hlr).to_vec()
    }

    pub(crate) fn on_hlr<T>(&mut self, act: impl FnOnce(&mut Hlr, Time, &mut Cx<'_>) -> T) -> T {
        self.simulation.at(self.hlr, act)
    }

    pub(crate) fn on_phones<T>(&mut self, act: impl FnOnce(&mut Phones, Time) -> T) -> T {
        let now = self.now();
        self.simulation.peer_mut(self.script).wake();
        act(&mut self.phones.borrow_mut(), now)
    }

    /// From now on all links are like this.
    pub(crate) fn set_quality(&mut self, quality: Quality) {
        for bridge in self.bridges {
            self.simulation.set_quality(bridge, quality);
        }
    }
}

/// Where a UE is at first.
pub(crate) fn home(subscriber: usize, device: usize) -> SocketAddrV4 {
    SocketAddrV4::new([10, 0, 0, 10 + 2 * subscriber as u8 + device as u8].into(), 5060)
}
