//! A gateway with one worker and a core network with another, back to back over ports in memory, on a virtual clock.

#![allow(dead_code, unreachable_pub)] // each benchmark uses its part

use core::time::Duration;
use std::path::Path;

use ipsmgw::base::{Counts, Inline, Key, SipKey, Time, counts};
use ipsmgw::control::Mailbox;
use ipsmgw::control::config::Config;
use ipsmgw::control::registrar::{Outbox, Registrar};
use ipsmgw::control::start::{self, Parts};
use ipsmgw::control::subscribers::Subscribers;
use ipsmgw::dataplane::Worker;
use ipsmgw::gateway::Gateway;
use ipsmgw::ident::{Digits, Imsi, Number, Ssn};
use ipsmgw::io::memory::{MemoryIo, Pool, pair, views};
use ipsmgw::proto::map::{Version, context, operation};
use ipsmgw::sim::PeerStack;
use ipsmgw::stack::{
    Application, Context, Indication, MessageRequest, MtForward, Offer, Operation, Outcome, RegisterRequest,
    Rp,
};

const CONFIG: &str = r#"
[node]
workers = 1
[capacity]
dialogues = 8192
client_transactions = 16384
server_transactions = 65536
mo = 8192
mt = 8192
subscribers = SUBSCRIBERS
identities = IDENTITIES
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

const GATEWAY_SIP: &str = "10.0.0.1:5060";
const CORE_SIP: &str = "10.0.0.2:5060";
const GATEWAY_TITLE: &str = "491710999001";
const CENTRE: &str = "491710760000";

counts! {
    /// What the core network saw.
    pub struct CoreCounts {
        /// REGISTERs answered 200.
        registered,
        /// mo-forwardSM received as it was sent.
        mo_arrived,
        /// RP-ACKs of the service centre that reached the originator.
        mo_reported,
        /// Messages that the UE got as they were sent.
        mt_arrived,
        /// Results of mt-forwardSM.
        mt_reported,
        /// Anything that was not as it should be.
        wrong,
    }
}

/// S-CSCF, UEs and SMSC as one application.
pub struct Core {
    pub counts: CoreCounts,
    reference: u8,
    serial: u32,
}

type Cx<'a> = Context<'a, (), ()>;

/// The user's numbers, from its own.
fn user(number: u32) -> (String, Imsi, String) {
    let msisdn = format!("49170{number:07}");
    let imsi = format!("26201{number:010}").parse().expect("an IMSI");
    (format!("sip:+{msisdn}@home1.net"), imsi, msisdn)
}

/// Message bodies of different kinds: a full binary one, a full GSM one, a short one.
fn tpdu(submit: bool, serial: u32) -> Vec<u8> {
    let mut tpdu = if submit { vec![0x11, serial as u8] } else { vec![0x04] };
    tpdu.extend([0x0c, 0x91, 0x94, 0x71, 0x10, 0x32, 0x54, 0x76]);
    let (coding, length) = [(0x04, 140u8), (0x00, 160), (0x00, 5)][serial as usize % 3];
    tpdu.extend([0x00, coding]);
    if submit {
        tpdu.push(0xa7);
    } else {
        tpdu.extend([0x62, 0x11, 0x22, 0x01, 0x00, 0x00, 0x00]);
    }
    tpdu.push(length);
    let octets = if coding == 0 { (usize::from(length) * 7).div_ceil(8) } else { usize::from(length) };
    tpdu.extend((0..octets).map(|at| (at as u32).wrapping_mul(serial) as u8));
    tpdu
}

impl Core {
    fn key(&mut self) -> Key {
        self.serial += 1;
        Key { slot: self.serial, generation: 0 }
    }

    pub fn register(&mut self, now: Time, number: u32, expires: u32, cx: &mut Cx<'_>) {
        let (identity, imsi, msisdn) = user(number);
        let body = format!(
            "REGISTER sip:home1.net SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKx\r\nFrom: <{identity}>;tag=1\r\n\
             To: <{identity}>\r\nCall-ID: a{number}\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n\
             Authorization: Digest username=\"{imsi}@ims.mnc001.mcc262.3gppnetwork.org\", realm=\"home1.net\"\r\n\
             Contact: <sip:{msisdn}@10.9.9.9>;+g.3gpp.smsip\r\nContent-Length: 0\r\n\r\n"
        );
        let key = self.key();
        let request = RegisterRequest {
            local: CORE_SIP.parse().expect("an address"),
            remote: GATEWAY_SIP.parse().expect("an address"),
            request_uri: "sip:ipsmgw.home1.net",
            from: "sip:scscf.home1.net",
            to: &identity,
            expires,
            key,
            sequence: 1,
            contact: None,
            authorization: None,
            access_network_info: b"IEEE-802.11",
            body: ("message/sip", body.as_bytes()),
        };
        cx.stack.register(now, &request, 1, cx.outside).expect("room");
    }

    pub fn submit(&mut self, now: Time, number: u32, cx: &mut Cx<'_>) {
        let (identity, ..) = user(number);
        self.reference = self.reference.wrapping_add(1);
        let (key, serial) = (self.key(), self.serial);
        let request = MessageRequest {
            local: CORE_SIP.parse().expect("an address"),
            remote: GATEWAY_SIP.parse().expect("an address"),
            connection: None,
            request_uri: "sip:ipsmgw.home1.net",
            to: None,
            asserted: true,
            from: &identity,
            route: Some("sip:ipsmgw.home1.net"),
            in_reply_to: None,
            key,
            towards_ue: false,
            access_network_info: b"IEEE-802.11",
            charging: None,
            rp: Rp::Submit {
                reference: self.reference,
                service_centre: CENTRE.parse().ok().map(Number::international),
                tpdu: &tpdu(true, serial),
            },
        };
        cx.stack.message(now, &request, 2, cx.outside).expect("room");
    }

    pub fn forward(&mut self, now: Time, number: u32, cx: &mut Cx<'_>) {
        let (_, imsi, _) = user(number);
        self.serial += 1;
        let forward = MtForward {
            title: CENTRE.parse().expect("digits"),
            ssn: Ssn::MSC,
            node: (GATEWAY_TITLE.parse().expect("digits"), Ssn::MSC),
            imsi,
            service_centre: Number::international(CENTRE.parse().expect("digits")),
            tpdu: &tpdu(false, self.serial),
            more_messages: false,
        };
        cx.stack.mt_forward_sm(now, &forward, 3, cx.outside).expect("a way to the gateway");
    }
}

impl Application for Core {
    type Crossing = ();
    type Request = ();
    type Reply = ();

    fn handle(&mut self, now: Time, indication: &mut Indication<'_>, cx: &mut Cx<'_>) {
        match *indication {
            Indication::Answered { user: 1, status: 200, .. } => self.counts.registered += 1,
            Indication::Answered { user: 2, status: 202, .. }
            | Indication::Answered { user: 4, status: 200, .. } => {}
            Indication::Invoke(invoke) => match invoke.operation {
                Operation::MoForwardSm(_) => {
                    self.counts.mo_arrived += 1;
                    let report = [0x01, 0x00, 0x62, 0x11, 0x22, 0x01, 0x00, 0x00, 0x00];
                    cx.stack.mo_forward_sm_result(now, &invoke.asked, Some(&report), cx.outside);
                }
                Operation::MtForwardSm(_) | Operation::Other { .. } => self.counts.wrong += 1,
            },
            Indication::Message(message) => match message.rp {
                Rp::Ack { .. } => {
                    self.counts.mo_reported += 1;
                    cx.stack.answer(now, &message.request, 200, cx.outside);
                }
                Rp::Deliver { reference, .. } => {
                    self.counts.mt_arrived += 1;
                    cx.stack.answer(now, &message.request, 200, cx.outside);
                    let to = message.to.expect("a Request-URI");
                    let number: u32 = to.as_str()[10..].parse().expect("a user's number");
                    let call_id: Inline<256> = Inline::new(message.call_id).expect("a Call-ID");
                    let (identity, ..) = user(number);
                    let key = self.key();
                    let request = MessageRequest {
                        local: CORE_SIP.parse().expect("an address"),
                        remote: GATEWAY_SIP.parse().expect("an address"),
                        connection: None,
                        request_uri: "sip:ipsmgw.home1.net",
                        to: None,
                        asserted: true,
                        from: &identity,
                        route: None,
                        in_reply_to: Some(&call_id),
                        key,
                        towards_ue: false,
                        access_network_info: &[],
                        charging: None,
                        rp: Rp::Ack { reference, tpdu: Some(&[0, 0]) },
                    };
                    cx.stack.message(now, &request, 4, cx.outside).expect("room");
                }
                _ => self.counts.wrong += 1,
            },
            Indication::Ended { user: 3, outcome: Outcome::Result { tpdu: Some([0, 0]), .. } } => {
                self.counts.mt_reported += 1
            }
            other => {
                self.counts.wrong += 1;
                eprintln!("unexpected: {other:?}");
            }
        }
    }

    fn handle_crossing(&mut self, _: Time, (): (), _: &mut Cx<'_>) {}
    fn handle_reply(&mut self, _: Time, (): (), _: &mut Cx<'_>) {}
    fn handle_timeout(&mut self, _: Time, _: &mut Cx<'_>) {}
    fn poll_timeout(&self) -> Time {
        Time::NEVER
    }
    fn quiescent(&mut self) {}
    fn counts(&self) -> &dyn Counts {
        &self.counts
    }
    fn fill(&self, _: &mut dyn FnMut(&'static str, usize, usize)) {}
}

/// Both ends.
pub struct Pair {
    pub now: Time,
    pub gateway: Worker<MemoryIo, Gateway>,
    pub core: Worker<MemoryIo, Core>,
    mailbox: Mailbox,
    registrar: Registrar,
}

fn worker(key: &SipKey, io: MemoryIo) -> Worker<MemoryIo, Core> {
    let title = |text: &str| -> Digits { text.parse().expect("digits") };
    let ports = [["10.0.0.2", "10.0.0.1"], ["10.7.0.2", "10.7.0.1"]];
    let stack = PeerStack {
        ports: &ports.map(|port| port.map(|address| address.parse().expect("an address"))),
        host: "home1.net",
        associations: 1,
        own: &[(title(CENTRE), Ssn::MSC)],
        gateway_titles: title("491710999"),
        dialogues: 8192,
        identifiers: 1 << 20,
        forward_timeout: Duration::from_secs(60),
        offers: &[
            Offer::only(context::MO_RELAY, Version::V3, operation::MO_FORWARD_SM),
            Offer::only(context::MT_RELAY, Version::V3, operation::MT_FORWARD_SM),
        ],
    };
    stack.worker(key, io, Core { counts: CoreCounts::default(), reference: 0, serial: 0 })
}

impl Pair {
    /// Both ends, with the association active and `users` registered.
    pub fn new(users: u32) -> Self {
        // As many as a driver's cache of free buffers holds.
        let pool = Pool::new(512);
        let (ims_gateway, ims_core) = pair(1, 1024, &pool);
        let (ss7_gateway, ss7_core) = pair(1, 1024, &pool);
        let gateway_io = views(1, &[ims_gateway, ss7_gateway], &pool);
        let core_io = views(1, &[ims_core, ss7_core], &pool).pop().expect("a view");
        let subscribers = users.max(20_000);
        let text = CONFIG.replace("SUBSCRIBERS", &subscribers.to_string());
        let text = text.replace("IDENTITIES", &(3 * subscribers).to_string());
        let config = Config::parse(Path::new("bench.toml"), &text).expect("a correct configuration");
        let subscribers = Subscribers::load(&config).expect("no files");
        let Parts { mut workers, mut mailboxes, registrar, .. } =
            start::build(config, subscribers, gateway_io, [1; 16]).expect("a gateway");
        let mut pair = Self {
            now: Time::from_millis(1000),
            gateway: workers.pop().expect("a worker"),
            core: worker(&SipKey::new([9; 16]), core_io),
            mailbox: mailboxes.pop().expect("a mailbox"),
            registrar,
        };
        pair.until("the association is active", |pair| pair.core.stack().ss7().transport().is_active(0));
        pair.turns(50);
        for number in 0..users {
            pair.on_core(|core, now, cx| core.register(now, number, 3600, cx));
            if number % 16 == 15 {
                pair.turns(4);
                // Answered transactions rest for 32 s, and there is room for some.
                pair.now += Duration::from_millis(10);
            }
        }
        pair.until("all are registered", |pair| pair.registered() == u64::from(users));
        pair
    }

    pub fn registered(&mut self) -> u64 {
        self.core.application().counts.registered
    }

    pub fn on_core(&mut self, act: impl FnOnce(&mut Core, Time, &mut Cx<'_>)) {
        let now = self.now;
        self.core.with_application(|core, cx| act(core, now, cx));
    }

    /// The control thread's part.
    pub fn control(&mut self) {
        let mut out = Outbox::new();
        while let Some(message) = self.mailbox.from.pop() {
            self.registrar.handle(self.now, message, &mut out);
        }
        for (_, message) in out {
            let _ = self.mailbox.to.push(message);
        }
    }

    /// Turns of both ends, each 10 µs after the other.
    pub fn turns(&mut self, count: usize) {
        for _ in 0..count {
            self.now += Duration::from_micros(10);
            self.core.turn(self.now);
            self.gateway.turn(self.now);
            self.control();
        }
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..1_000_000 {
            if done(self) {
                return;
            }
            self.turns(1);
        }
        panic!("never: {what}");
    }
}
