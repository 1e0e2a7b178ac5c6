//! The real gateway as a child process, its configuration, and the ports towards it.

pub use super::config::Options;
use super::config::{configuration, credentials, subscribers};
use super::peers::{Cable, Peers};
use super::wire::ROUTER_MAC;
use ipsmgw::base::{PortId, Time};
use ipsmgw::io::dpdk::{DpdkIo, Eal, EalConfig, Ports, PortsConfig};
use ipsmgw::io::{Batch, PacketIo};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command};
use std::time::{Duration, Instant};
use std::{env, thread};

/// The peers' ends of the memif ports, polled by one thread.
struct Memif {
    ports: Vec<DpdkIo>,
    batch: Batch,
    started: Instant,
    idle: u32,
}

impl Cable for Memif {
    fn now(&self) -> Time {
        Time::from_millis(1000) + self.started.elapsed()
    }

    fn queues(&self) -> usize {
        self.ports.len()
    }

    fn send(&mut self, port: usize, queue: usize, frame: &[u8]) {
        let io = &mut self.ports[queue];
        let mut sent = io.alloc().expect("a frame");
        assert!(sent.copy_from(frame));
        let mut batch = Batch::new();
        batch.push(sent).unwrap();
        let deadline = Instant::now() + super::peers::PATIENCE;
        while io.tx_burst(PortId(port as u8), &mut batch) == 0 {
            assert!(Instant::now() < deadline, "the gateway takes no more frames");
            thread::yield_now();
        }
    }

    fn receive(&mut self, port: usize, queue: usize) -> Vec<Vec<u8>> {
        self.ports[queue].rx_burst(PortId(port as u8), &mut self.batch);
        std::iter::from_fn(|| self.batch.pop()).map(|frame| frame.bytes().to_vec()).collect()
    }

    /// Leaves the processor to the gateway when nothing comes.
    fn rest(&mut self, busy: bool) {
        self.idle = if busy { 0 } else { self.idle + 1 };
        match self.idle {
            0..8 => {}
            8..32 => thread::yield_now(),
            _ => thread::park_timeout(Duration::from_micros(50)),
        }
    }
}

/// The gateway, running, and the network around it.
pub struct Bench {
    peers: Peers,
    ports: Ports,
    gateway: Child,
    place: PathBuf,
    /// Free frames as each worker saw them at the start.
    frames_free: Vec<u64>,
}

impl Deref for Bench {
    type Target = Peers;
    fn deref(&self) -> &Peers {
        &self.peers
    }
}

impl DerefMut for Bench {
    fn deref_mut(&mut self) -> &mut Peers {
        &mut self.peers
    }
}

impl Bench {
    /// Opens the ports, starts the gateway and waits until its associations carry traffic.
    pub fn start(place: &Path, options: Options) -> Self {
        let text = configuration(place, options);
        let memif = |at: usize, name: &str| {
            let socket = place.join(format!("{name}.sock"));
            let mac = ROUTER_MAC.map(|octet| format!("{octet:02x}")).join(":");
            format!(
                "net_memif{at},role=server,id=0,socket-abstract=no,socket={},bsize=2048,rsize=10,mac={mac}",
                socket.display()
            )
        };
        let eal = Eal::init(&EalConfig {
            file_prefix: format!("ipsmgw-peers-{}", process::id()),
            huge: false,
            memory_mb: 128,
            devices: vec![memif(0, "ims"), memif(1, "ss7")],
            extra: vec!["--no-telemetry".into()],
        })
        .unwrap();
        let config = PortsConfig { workers: 2, frames: 8192, ..PortsConfig::default() };
        let (ports, mut io) = Ports::open(&eal, &config).unwrap();
        io[0].enter().unwrap();
        let file = place.join("gateway.toml");
        fs::write(&file, text).unwrap();
        fs::write(place.join("home1.csv"), subscribers()).unwrap();
        let passwords = place.join("home1.htdigest");
        fs::write(&passwords, credentials()).unwrap();
        fs::set_permissions(&passwords, fs::Permissions::from_mode(0o600)).unwrap();
        let log = File::create(place.join("gateway.log")).unwrap();
        let gateway = Command::new(env!("CARGO_BIN_EXE_ipsmgw"))
            .arg("run")
            .arg("-c")
            .arg(&file)
            .env("XDG_RUNTIME_DIR", place)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + super::peers::PATIENCE;
        let memif = Memif { ports: io, batch: Batch::new(), started: Instant::now(), idle: 0 };
        let peers = Peers::new(Box::new(memif), options.associations);
        let mut bench = Self { peers, gateway, place: place.to_owned(), ports, frames_free: vec![] };
        while !(bench.ports.is_up(PortId(0)) && bench.ports.is_up(PortId(1))) {
            assert!(Instant::now() < deadline, "the links do not come up");
            assert_eq!(bench.gateway.try_wait().unwrap(), None, "the gateway has ended");
            thread::yield_now();
        }
        bench.until("traffic on every association", |peers| {
            peers.ss7.active.iter().all(|it| *it).then_some(())
        });
        let socket = place.join("admin.sock");
        bench.until("the admin socket", |_| UnixStream::connect(&socket).ok());
        bench.until_workers_know(options.associations);
        bench.frames_free = bench.by_worker("worker.frames_free");
        bench
    }

    /// The owner of an association knows first; the others learn of it in one of their next turns.
    fn until_workers_know(&mut self, associations: usize) {
        let deadline = Instant::now() + super::peers::PATIENCE;
        let mut turns = None;
        loop {
            assert!(Instant::now() < deadline, "associations do not become active");
            let workers = self.workers();
            let active = |it: &Value| {
                let states = it["numbers"]["association"].as_object().into_iter().flatten();
                states.filter(|(_, numbers)| numbers["state"] == "active").count()
            };
            let now: Vec<u64> =
                workers.iter().map(|it| it["numbers"]["worker"]["turns"].as_u64().unwrap()).collect();
            if workers.iter().map(active).sum::<usize>() == associations {
                let before = turns.get_or_insert_with(|| now.clone());
                if now.iter().zip(before).all(|(now, before)| *now > *before + 2) {
                    return;
                }
            }
            self.step();
        }
    }

    /// The gateway's log.
    pub fn log(&self) -> PathBuf {
        self.place.join("gateway.log")
    }

    /// What the admin socket says of each worker.
    pub fn workers(&self) -> Vec<Value> {
        self.shown("workers")
    }

    /// What the admin socket says of each of `subject`: workers, ports, associations.
    pub fn shown(&self, subject: &str) -> Vec<Value> {
        match self.asked(subject) {
            Value::Array(shown) => shown,
            other => panic!("no {subject}: {other}"),
        }
    }

    /// What the admin socket says of the subscriber table: how many there are, and a digest of their registrations.
    pub fn table(&self) -> (u64, String) {
        let table = self.asked("subscribers");
        (table["count"].as_u64().unwrap(), table["digest"].as_str().unwrap().to_owned())
    }

    /// Waits until the registrations have another digest than this: a number that an HLR has told, after the answer to the UE.
    #[track_caller]
    pub fn until_table_changes(&mut self, digest: &str) {
        let deadline = Instant::now() + super::peers::PATIENCE;
        while self.table().1 == digest {
            assert!(Instant::now() < deadline, "the registrations are what they were");
            self.step();
        }
    }

    /// Waits until the table has this many subscribers: what no worker tells of, the control thread does in its own time.
    #[track_caller]
    pub fn until_subscribers(&mut self, count: u64) {
        let deadline = Instant::now() + super::peers::PATIENCE;
        loop {
            let now = self.table().0;
            if now == count {
                return;
            }
            assert!(Instant::now() < deadline, "there are {now} subscribers, not {count}");
            self.step();
        }
    }

    /// What the gateway's own command shows of `subject`, with these further arguments.
    pub fn command_shows(&self, subject: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ipsmgw"));
        command.args(["show", subject, "--socket"]).arg(self.place.join("admin.sock")).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The gateway's own command about a subscriber, which goes on while the peers do.
    pub fn command_about(&self, command: &str, number: &str, arguments: &[&str]) -> Child {
        let mut asked = Command::new(env!("CARGO_BIN_EXE_ipsmgw"));
        asked
            .args([command, number, "--json", "--socket"])
            .arg(self.place.join("admin.sock"))
            .args(arguments);
        asked.stdout(process::Stdio::piped()).spawn().unwrap()
    }

    fn asked(&self, subject: &str) -> Value {
        let mut socket = UnixStream::connect(self.place.join("admin.sock")).unwrap();
        let request = format!("GET /v1/{subject} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        let mut body: Value = serde_json::from_str(body).unwrap();
        body[subject].take()
    }

    /// How many frames of the gateway's have come, by port.
    pub fn received(&mut self) -> [u64; 2] {
        [0, 1].map(|port| self.ports.counts(PortId(port)).received)
    }

    /// The sum over the workers of a number, as in `application.mo_accepted`.
    pub fn total(&self, name: &str) -> u64 {
        self.by_worker(name).iter().sum()
    }

    /// A number of each worker.
    pub fn by_worker(&self, name: &str) -> Vec<u64> {
        let of = |worker: &Value| {
            name.split('.').fold(&worker["numbers"], |numbers, part| &numbers[part]).as_u64().unwrap_or(0)
        };
        self.workers().iter().map(of).collect()
    }

    /// Waits until a number has this value: workers publish every 10 ms.
    #[track_caller]
    pub fn until_total(&mut self, name: &str, value: u64) {
        let deadline = Instant::now() + super::peers::PATIENCE;
        loop {
            let now = self.total(name);
            if now == value {
                return;
            }
            assert!(Instant::now() < deadline, "{name} is {now}, not {value}: {:#?}", self.workers());
            self.step();
        }
    }

    /// Waits until every worker has published what it counted before this call.
    #[track_caller]
    pub fn until_published(&mut self) {
        // The first new numbers may have been gathered before.
        for _ in 0..2 {
            let (before, deadline) = (self.by_worker("worker.turns"), self.now() + super::peers::PATIENCE);
            while self.by_worker("worker.turns").iter().zip(&before).any(|(now, before)| now <= before) {
                assert!(self.now() < deadline, "a worker publishes nothing");
                self.step();
            }
        }
    }

    /// Waits until every worker sees as many free frames as at the start. A worker may have had an empty one in hand
    /// then, which it has put to use since.
    #[track_caller]
    pub fn until_frames_are_back(&mut self) {
        let deadline = Instant::now() + super::peers::PATIENCE;
        loop {
            let free = self.by_worker("worker.frames_free");
            if free.iter().zip(&self.frames_free).all(|(now, before)| now >= before) {
                return;
            }
            assert!(Instant::now() < deadline, "frames are lost: {free:?}, before {:?}", self.frames_free);
            self.step();
        }
    }

    /// Ends the gateway by SIGTERM: it must leave the SS7 network in order and end well.
    pub fn end(mut self) {
        let kill = format!("kill -TERM {}", self.gateway.id()); // the shell has it built in
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        self.until("SHUTDOWN of every association", |peers| {
            (0..peers.ss7.active.len()).all(|at| !peers.ss7.is_up(at)).then_some(())
        });
        // From here on nobody polls, so that memif may take its rings down.
        let status = self.gateway.wait().unwrap();
        assert!(status.success(), "the gateway ended with {status}");
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.gateway.kill();
        let _ = self.gateway.wait();
        if thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.place.join("gateway.log")).unwrap_or_default());
        }
    }
}

/// A fresh directory, removed at the end.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Set for a child process: the test that it runs.
const ALONE: &str = "IPSMGW_CONFORMANCE_ALONE";

/// Runs a test in a process of its own, since EAL starts once in a process: this binary again, which then runs `body`
/// with a gateway started for it alone. `body` must stand in the test function itself, whose name is in its type's.
pub fn isolated<Body: FnOnce(&mut Bench)>(options: Options, body: Body) {
    let path = std::any::type_name::<Body>().trim_end_matches("::{{closure}}");
    let name = path.split_once("::").map_or(path, |(_, name)| name);
    if env::var_os(ALONE).is_none_or(|alone| alone != name) {
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(ALONE, name)
            .output()
            .unwrap();
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
        return;
    }
    let place = Place(env::temp_dir().join(format!("ipsmgw-{}", process::id())));
    let _ = fs::remove_dir_all(&place.0);
    fs::create_dir_all(&place.0).unwrap();
    let mut bench = Bench::start(&place.0, options);
    body(&mut bench);
    bench.end();
}
