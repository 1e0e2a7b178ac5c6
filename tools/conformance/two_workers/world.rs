//! A gateway of two workers and a core network of one, on a virtual clock; between them a switch that chooses the
//! gateway's queue by chance, and can lose and repeat frames.

use core::time::Duration;
use std::path::Path;

use ipsmgw::base::{PortId, SipKey, Time};
use ipsmgw::control::Mailbox;
use ipsmgw::control::config::Config;
use ipsmgw::control::registrar::Registrar;
use ipsmgw::control::start::{self, Parts};
use ipsmgw::control::subscribers::Subscribers;
use ipsmgw::dataplane::{Worker, rings};
use ipsmgw::gateway::Gateway;
use ipsmgw::gateway::mailbox::{ToControl, ToWorker};
use ipsmgw::ident::{Digits, PointCode, SccpAddress, Ssn, WorkerId};
use ipsmgw::io::PacketIo as _;
use ipsmgw::io::memory::{End, MemoryIo, Pool, pair, views};
use ipsmgw::proto::link::{Link, LinkConfig, OwnAddress, PortConfig};
use ipsmgw::proto::m3ua::{AspConfig, Role as AspRole};
use ipsmgw::proto::map::{context, operation};
use ipsmgw::proto::sccp::{Destination as Leads, Rule, SccpConfig};
use ipsmgw::proto::tcap::{DialoguesConfig, PeerMatch};
use ipsmgw::proto::{sctp, sip};
use ipsmgw::stack::{
    AssociationSetup, Destination, Ims, ImsConfig, Offer, Side, Ss7, Ss7Config, Stack, Transport,
};

use crate::core_network::{CENTRE, CORE_SIP, Core, Cx, imsi};

const CONFIG: &str = r#"
[node]
workers = 2
[capacity]
dialogues = 1024
client_transactions = 2048
server_transactions = 32768
mo = 1024
mt = 1024
subscribers = 2048
identities = 8192
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

fn config(associations: u16) -> Config {
    let names: Vec<_> = (0..associations).map(|at| format!("\"sg{at}\"")).collect();
    let mut text = CONFIG.replace("ASSOCIATIONS", &names.join(", "));
    for at in 0..associations {
        text += &format!(
            "[[association]]\nname = \"sg{at}\"\nrole = \"client\"\nlocal = [\"10.7.0.1\"]\nremote = [\"10.7.0.2\"]\n\
             local_port = {port}\nremote_port = {port}\nrouting_contexts = [100]\n",
            port = 2905 + at
        );
    }
    Config::parse(Path::new("two_workers.toml"), &text).expect("a correct configuration")
}

fn core_stack(key: &SipKey, io: &MemoryIo, associations: u16) -> Stack {
    let port = |at: u8, address: &str| PortConfig {
        mac: io.mac(PortId(at)),
        mtu: 1500,
        addresses: vec![OwnAddress { address: address.parse().expect("an address"), prefix: 24, vlan: None }],
    };
    let link = Link::new(LinkConfig {
        ports: vec![port(0, "10.0.0.2"), port(1, "10.7.0.2")],
        udp_ports: vec![5060],
        neighbours: 16,
        waiting: 64,
        ..LinkConfig::default()
    });
    let ims = ImsConfig {
        worker: WorkerId(0),
        workers: 1,
        side: Side::Mobile,
        listen: vec![CORE_SIP.parse().expect("an address")],
        trusted: vec!["10.0.0.1".parse().expect("an address")],
        host: "home1.net".into(),
        registration_max: 600_000,
        retry_after: 1,
        timers: sip::Timers::RFC_3261,
        client_transactions: 4096,
        pending_requests: 64,
        server_transactions: 65536,
    };
    let title = |text: &str| -> Digits { text.parse().expect("digits") };
    let leads = |prefix: &str, point_code| Rule {
        translation_type: None,
        numbering_plan: None,
        nature: None,
        prefix: title(prefix),
        destination: Leads { point_code: PointCode(point_code), ssn: None, route_on_ssn: false },
    };
    let address = |text: &str| text.parse().expect("an address");
    let setup = |at: u16| AssociationSetup {
        name: format!("gw{at}"),
        owner: WorkerId(0),
        sctp: sctp::AssociationConfig {
            local_port: 2905 + at,
            remote_port: None,
            ..sctp::AssociationConfig::new(sctp::Role::Server, address("10.7.0.2"), address("10.7.0.1"))
        },
        m3ua: AspConfig::new(AspRole::Sgp, vec![100]),
    };
    let transport = Transport::new(
        WorkerId(0),
        PointCode(200),
        2,
        (0..associations).map(setup).collect(),
        vec![Destination { point_code: PointCode(100), associations: (0..associations).collect() }],
        [7; 32],
        key.derive("core"),
    );
    let ss7 = Ss7::new(Ss7Config {
        worker: WorkerId(0),
        workers: 1,
        transport,
        own: vec![SccpAddress::titled(title(CENTRE), Ssn::MSC)],
        sccp: SccpConfig::new(
            vec![PointCode(200)],
            vec![Ssn::MSC],
            vec![leads(CENTRE, 200), leads("491710999", 100)],
        ),
        dialogues: DialoguesConfig {
            worker: WorkerId(0),
            workers: 1,
            capacity: 4096,
            identifiers: 1 << 20,
            prefix: 0,
            prefix_bits: 0,
            key: key.derive("core dialogues"),
            rest: Duration::from_secs(1),
            guard: Duration::from_secs(600),
            peer_match: PeerMatch::default(),
        },
        forward_timeout: Duration::from_secs(600),
        offers: vec![
            Offer { context: context::MO_RELAY_V3, opcode: operation::MO_FORWARD_SM },
            Offer { context: context::MT_RELAY_V3, opcode: operation::MT_FORWARD_SM },
        ],
    });
    Stack::new(WorkerId(0), key, link.expect("a link"), Ims::new(ims, key), ss7.expect("SS7"))
}

/// A cable between the gateway's port and the core network's, cut in the middle.
struct Cable {
    gateway: End,
    core: End,
}

/// Everything.
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) gateway: Vec<Worker<MemoryIo, Gateway>>,
    pub(crate) core: Worker<MemoryIo, Core>,
    pub(crate) mailboxes: Vec<Mailbox>,
    pub(crate) registrar: Registrar,
    pub(crate) pool: Pool,
    cables: Vec<Cable>,
    seed: u64,
    /// Of a thousand frames, how many are lost, and as many repeated.
    pub(crate) disturbed: u64,
}

impl World {
    /// A gateway whose associations are active and whose users are registered.
    pub(crate) fn new(associations: u16, users: u32, seed: u64) -> Self {
        let pool = Pool::new(16384);
        let (mut gateway_ends, mut core_ends, mut cables) = (vec![], vec![], vec![]);
        for _ in 0..2 {
            let (near_gateway, gateway) = pair(2, 2048, &pool);
            let (core, near_core) = pair(1, 4096, &pool);
            gateway_ends.push(near_gateway);
            core_ends.push(near_core);
            cables.push(Cable { gateway, core });
        }
        let config = config(associations);
        let subscribers = Subscribers::load(&config).expect("no files");
        let Parts { workers, mailboxes, registrar, .. } =
            start::build(config, subscribers, views(2, &gateway_ends, &pool), [2; 16]).expect("a gateway");
        let io = views(1, &core_ends, &pool).pop().expect("a view");
        let key = SipKey::new([9; 16]);
        let stack = core_stack(&key, &io, associations);
        let (mut ends, _control) = rings::<(), (), ()>(1, 16, 16);
        let core = Worker::new(WorkerId(0), io, stack, Core::new(), ends.pop().expect("ends"));
        let now = Time::from_millis(1000);
        let mut world =
            Self { now, gateway: workers, core, mailboxes, registrar, pool, cables, seed, disturbed: 0 };
        for association in 0..associations {
            world.until("the association is active", |world| {
                let active = |stack: &Stack| stack.ss7().transport().is_active(association);
                active(world.core.stack()) && world.gateway.iter().all(|worker| active(worker.stack()))
            });
        }
        for user in 0..users {
            world.on_core(|core, now, cx| core.register(now, user, 3600, cx));
            world.turn();
        }
        world.until("all are registered", |world| world.core().registered.len() as u32 == users);
        assert!(world.core().registered.iter().all(|status| *status == 200));
        world
    }

    /// The core network, to look at.
    pub(crate) fn core(&self) -> &Core {
        self.core.application_ref()
    }

    pub(crate) fn on_core<T>(&mut self, act: impl FnOnce(&mut Core, Time, &mut Cx<'_>) -> T) -> T {
        let now = self.now;
        self.core.with_application(|core, cx| act(core, now, cx))
    }

    /// A number below `below`.
    pub(crate) fn chance(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    /// How often a frame that is sent arrives.
    fn copies(&mut self) -> usize {
        match self.chance(1000) {
            lost if lost < self.disturbed => 0,
            repeated if repeated < 2 * self.disturbed => 2,
            _ => 1,
        }
    }

    fn carry(&mut self) {
        for at in 0..self.cables.len() {
            let Cable { gateway, core } = &self.cables[at];
            let (gateway, core) = (gateway.clone(), core.clone());
            for queue in 0..2 {
                while let Some(frame) = gateway.receive(queue) {
                    for _ in 0..self.copies() {
                        assert!(core.send(0, frame.bytes()), "room on the cable");
                    }
                }
            }
            while let Some(frame) = core.receive(0) {
                for _ in 0..self.copies() {
                    let queue = self.chance(2) as usize;
                    assert!(gateway.send(queue, frame.bytes()), "room on the cable");
                }
            }
        }
    }

    fn control(&mut self) {
        for mailbox in &mut self.mailboxes {
            while let Some(ToControl::Register(request)) = mailbox.from.pop() {
                let outcome = self.registrar.register(self.now, &request);
                assert!(mailbox.to.push(ToWorker::RegisterDone(outcome)).is_ok(), "room in the mailbox");
            }
        }
    }

    /// A turn of everybody: 10 µs, or half a millisecond when nobody has anything to do.
    pub(crate) fn turn(&mut self) {
        let mut busy = self.core.turn(self.now);
        self.carry();
        for worker in &mut self.gateway {
            busy |= worker.turn(self.now);
            worker.application_ref().assert_invariants();
        }
        self.carry();
        self.control();
        self.now += Duration::from_micros(if busy { 10 } else { 500 });
    }

    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let end = self.now + Duration::from_secs(300);
        while !done(self) {
            assert!(self.now < end, "never: {what}");
            self.turn();
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.turn();
        }
    }

    /// The sum of a counter over the gateway's workers.
    pub(crate) fn sum(&self, of: impl Fn(&Worker<MemoryIo, Gateway>) -> u64) -> u64 {
        self.gateway.iter().map(of).sum()
    }

    /// Everything has come to its end: nothing is held anywhere.
    pub(crate) fn assert_nothing_is_left(&mut self, users: u32) {
        self.disturbed = 0;
        self.until("nothing is under way", |world| {
            use ipsmgw::stack::Application as _;
            let mut left = 0;
            let mut add = |name, used, _| left += if name == "server_transactions" { 0 } else { used };
            world.core.stack().fill(&mut add);
            for worker in &world.gateway {
                worker.stack().fill(&mut add);
                worker.application_ref().fill(&mut add);
            }
            left == 0
        });
        self.pass(Duration::from_secs(1));
        for user in 0..users {
            if let Some(subscriber) = self.registrar.table().by_imsi(imsi(user)) {
                assert_eq!(subscriber.mt_holder(), None, "nobody holds user {user}");
            }
        }
        assert_eq!(self.core().unexpected, 0);
        // Each worker keeps one frame to write into.
        assert!(self.pool.available() + 3 >= self.pool.capacity(), "frames lost");
    }
}
