//! A whole gateway of two workers on ports in memory, and the IMS link around it as octets.

use ipsmgw::base::Time;
use ipsmgw::control::config::Config;
use ipsmgw::control::registrar::Outbox;
use ipsmgw::control::start::{self, Parts};
use ipsmgw::control::subscribers::Subscribers;
use ipsmgw::io::memory::{End, MemoryIo, Pool, pair, views};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const PEER: [u8; 6] = [2, 0, 0, 0, 0, 9];
pub const GATEWAY: [u8; 4] = [10, 0, 0, 1];
/// Room for what is under way; small, so that it is filled.
const FRAMES: usize = 64;

const CONFIG: &str = r#"
[node]
workers = 2
[capacity]
dialogues = 16
client_transactions = 16
pending_requests = 16
server_transactions = 64
mo = 16
mt = 16
subscribers = 16
identities = 64
frames = 64
hand_off = 64
mailbox = 64
[[port]]
name = "ims"
device = "net_memory0"
mac = "02:00:00:00:00:01"
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
realms = ["home1.net"]
r1 = "preconfigured"
subscribers = "subscribers.csv"
[network.direct]
authentication = "digest"
credentials = "passwords.htdigest"
[timers]
registration_max_s = 3600
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
prefix = ""
point_code = 200
"#;

thread_local! {
    static READ: Config = read();
}

/// The configuration, with the files that it names: four subscribers with passwords.
fn read() -> Config {
    let place = std::env::temp_dir().join(format!("ipsmgw-fuzz-{}", std::process::id()));
    fs::create_dir_all(&place).expect("a directory");
    let lines = |line: fn(u8) -> String| (0..4).map(line).collect::<String>();
    let subscribers =
        lines(|user| format!("26201123456789{user},4917012345{user},sip:user{user}@home1.net\n"));
    fs::write(place.join("subscribers.csv"), subscribers).expect("a file");
    let passwords = place.join("passwords.htdigest");
    fs::write(&passwords, lines(|user| format!("user{user}:home1.net:{:032x}\n", user))).expect("a file");
    fs::set_permissions(&passwords, fs::Permissions::from_mode(0o600)).expect("its rights");
    Config::parse(&place.join("fuzz.toml"), CONFIG).expect("a correct configuration")
}

/// A datagram from the gateway.
pub struct Datagram {
    pub to: [u8; 4],
    pub octets: Vec<u8>,
}

pub struct World {
    pub now: Time,
    pub parts: Parts<MemoryIo>,
    ims: End,
    ss7: End,
    pool: Pool,
    /// What has come from the gateway since the last look.
    pub arrived: Vec<Datagram>,
}

impl World {
    pub fn new() -> Self {
        let config = READ.with(Clone::clone);
        let subscribers = Subscribers::load(&config).expect("no files");
        let pool = Pool::new(FRAMES);
        let ((ims, ims_peer), (ss7, ss7_peer)) = (pair(2, 32, &pool), pair(2, 32, &pool));
        let parts =
            start::build(config, subscribers, views(2, &[ims, ss7], &pool), [1; 16]).expect("it fits");
        Self { now: Time::from_millis(1000), parts, ims: ims_peer, ss7: ss7_peer, pool, arrived: vec![] }
    }

    /// A datagram for the gateway's SIP port, by one queue.
    pub fn send(&mut self, from: [u8; 4], queue: usize, payload: &[u8]) {
        let frame = udp(from, payload);
        if frame.len() < 2000 && self.ims.send(queue & 1, &frame) {
            self.turn();
        }
    }

    pub fn pass(&mut self, span: Duration) {
        self.now += span;
        self.turn();
    }

    /// Turns until nothing moves any more.
    fn turn(&mut self) {
        for _ in 0..64 {
            let Parts { workers, mailboxes, registrar, .. } = &mut self.parts;
            self.now += Duration::from_micros(600);
            let now = self.now;
            let mut busy = false;
            for worker in workers.iter_mut() {
                busy |= worker.turn(now);
            }
            let mut out = Outbox::new();
            registrar.handle_timeout(now, &mut out);
            for mailbox in mailboxes.iter_mut() {
                while let Some(message) = mailbox.from.pop() {
                    busy = true;
                    registrar.handle(now, message, &mut out);
                }
            }
            for (worker, message) in out {
                busy = true;
                assert!(mailboxes[usize::from(worker.0)].to.push(message).is_ok(), "a mailbox is full");
            }
            for queue in 0..2 {
                while let Some(frame) = self.ims.receive(queue) {
                    busy = true;
                    let octets = frame.bytes().to_vec();
                    drop(frame);
                    self.take(queue, &octets);
                }
                while self.ss7.receive(queue).is_some() {}
            }
            if !busy {
                self.parts.workers.iter().for_each(|worker| worker.stack().ims().assert_invariants());
                return;
            }
        }
        panic!("the gateway does not come to rest");
    }

    fn take(&mut self, queue: usize, frame: &[u8]) {
        match frame.get(12..14) {
            Some([8, 6]) if frame[20..22] == [0, 1] => {
                let reply = [
                    &MAC[..],
                    &PEER,
                    &[8, 6, 0, 1, 8, 0, 6, 4, 0, 2],
                    &PEER,
                    &frame[38..42],
                    &MAC,
                    &frame[28..32],
                ];
                assert!(self.ims.send(queue, &reply.concat()));
            }
            Some([8, 0]) if frame[23] == 17 => {
                assert_eq!(frame[26..30], GATEWAY);
                let to = frame[30..34].try_into().expect("four octets");
                self.arrived.push(Datagram { to, octets: frame[42..].to_vec() });
            }
            _ => {}
        }
    }

    /// A sum over the workers.
    pub fn sum(&self, of: impl Fn(&ipsmgw::stack::Stack) -> u64) -> u64 {
        self.parts.workers.iter().map(|worker| of(worker.stack())).sum()
    }

    /// Nobody holds a frame but the workers their empty ones, one for each port.
    pub fn assert_frames_are_back(&self) {
        let most = 2 * self.parts.workers.len();
        assert!(self.pool.available() + most >= FRAMES, "{} of {FRAMES} frames", self.pool.available());
    }

    /// Nothing waits any more.
    pub fn assert_rest(&self) {
        for worker in &self.parts.workers {
            worker.stack().assert_invariants();
            worker.stack().ims().fill(&mut |what, used, _| assert_eq!(used, 0, "{what}"));
        }
        self.parts.registrar.assert_invariants();
        assert_eq!(self.parts.registrar.summary().0, 0, "registrations");
    }
}

fn udp(from: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = |octets: usize| (octets as u16).to_be_bytes();
    let mut ip =
        [&[0x45, 0][..], &length(28 + payload.len()), &[0, 0, 0x40, 0, 64, 17, 0, 0], &from, &GATEWAY]
            .concat();
    let sum: u32 = ip.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let port = 5060u16.to_be_bytes();
    [&MAC[..], &PEER, &[8, 0], &ip, &port, &port, &length(8 + payload.len()), &[0, 0], payload].concat()
}
