//! DPDK ports between two processes, as any user may run them: every frame that one sends over memif comes
//! back unchanged on the queue that it left by, and neither loses a buffer. And: a port that doesn't start is
//! named.
//!
//! EAL starts once in a process, so each test runs this binary again, once for each process that it needs.

#![allow(clippy::disallowed_methods)] // processes, threads and deadlines are what is tested here

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use ipsmgw::base::PortId;
use ipsmgw::io::dpdk::{DpdkIo, Eal, EalConfig, Ports, PortsConfig};
use ipsmgw::io::{Batch, PacketIo};

/// Set for a child process: what it is to do.
const ROLE: &str = "IPSMGW_DPDK_ECHO_ROLE";
/// Set for a child process: where sockets go.
const PLACE: &str = "IPSMGW_DPDK_ECHO_PLACE";

const PORT: PortId = PortId(0);
const QUEUES: usize = 2;
const FRAMES: usize = 20_000;
/// Frames on their way at a time, for each queue: more than a ring's 1,024, so that either side meets a full one.
const WINDOW: usize = 4096;
const PATIENCE: Duration = Duration::from_secs(60);

// The tests.

#[test]
fn ports_of_one_name_are_refused_before_dpdk_starts() {
    let devices = vec!["net_null0".to_owned(), "net_null0,size=64".to_owned()];
    let error = Eal::init(&EalConfig { devices, ..EalConfig::default() }).unwrap_err();
    assert!(error.contains("net_null0"), "{error}");
}

#[test]
fn options_follow_the_configuration() {
    let mut config = EalConfig {
        file_prefix: "a".to_owned(),
        memory_mb: 64,
        devices: vec!["net_null0".to_owned()],
        extra: vec!["--iova-mode=va".to_owned()],
        ..EalConfig::default()
    };
    let text = |config: &EalConfig| {
        let arguments = config.arguments().unwrap();
        arguments.iter().map(|argument| argument.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    assert!(text(&config).ends_with("--no-huge --no-shconf -m 64 --no-pci --vdev=net_null0 --iova-mode=va"));
    config.huge = true;
    config.devices = vec!["0000:00:05.0,x=1".to_owned()];
    assert!(text(&config).ends_with("--in-memory --allow=0000:00:05.0,x=1 --iova-mode=va"));
    config.extra = vec!["nul\0".to_owned()];
    assert!(config.arguments().is_err());
}

#[test]
fn every_frame_comes_back_over_memif() {
    let place = Place::new("echo");
    let mut server = Process::start("server", &place);
    server.expect("ready");
    let mut client = Process::start("client", &place);
    client.expect("returned");
    server.end(); // which stops its workers before it closes the port
    client.end();
}

#[test]
fn a_client_with_fewer_queues_is_noticed() {
    let place = Place::new("fewer");
    let mut server = Process::start("server-of-two", &place);
    server.expect("ready");
    let client = Process::start("client-of-one", &place);
    server.expect("noticed");
    client.end(); // the server no longer polls
    server.end();
}

#[test]
fn a_port_that_does_not_start_is_named() {
    for role in ["missing-driver", "missing-server", "too-few-queues"] {
        let place = Place::new(role);
        let mut process = Process::start(role, &place);
        process.expect("named");
        process.end();
    }
}

/// Does nothing unless it is run as a child process of another test.
#[test]
fn child() {
    let (Ok(role), Some(place)) = (env::var(ROLE), env::var_os(PLACE).map(PathBuf::from)) else { return };
    match role.as_str() {
        "server" => serve(&place),
        "client" => send(&place),
        "server-of-two" => notice(&place),
        "client-of-one" => send_until_input_ends(&place),
        "missing-driver" => {
            refused("net_nonesuch0,key=value", &["port `net_nonesuch0` (devargs `key=value`) is not there"]);
        }
        "missing-server" => refused(
            &memif("client", &place),
            &["port `net_memif0` (devargs `role=client", "could not start", "echo.sock"],
        ),
        "too-few-queues" => {
            refused("net_ring0", &["port `net_ring0` does not start", "queue pairs for 200 workers"])
        }
        _ => panic!("no such role: {role}"),
    }
}

// The processes.

fn serve(place: &Path) {
    let (mut ports, workers) = open("server", &memif("server", place), QUEUES).unwrap();
    let before = ports.available();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for mut io in workers {
            let stop = &stop;
            scope.spawn(move || {
                io.enter().unwrap();
                let mut batch = Batch::new();
                while !stop.load(Ordering::Relaxed) {
                    if io.rx_burst(PORT, &mut batch) == 0 && batch.is_empty() {
                        thread::yield_now();
                    }
                    io.tx_burst(PORT, &mut batch);
                }
                io.leave();
            });
        }
        println!("\nready");
        until_input_ends();
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(ports.available(), before, "buffers are lost");
    let counts = ports.counts(PORT);
    assert_eq!(counts.too_long + counts.send_dropped, 0);
}

fn send(place: &Path) {
    let (mut ports, workers) = open("client", &memif("client", place), QUEUES).unwrap();
    let before = ports.available();
    let deadline = Instant::now() + PATIENCE;
    while !ports.is_up(PORT) {
        assert!(Instant::now() < deadline, "the link does not come up");
        thread::yield_now();
    }
    thread::scope(|scope| {
        for (queue, io) in workers.into_iter().enumerate() {
            scope.spawn(move || send_and_compare(io, queue, deadline));
        }
    });
    assert_eq!(ports.available(), before, "buffers are lost");
    let counts = ports.counts(PORT);
    let all = (QUEUES * FRAMES) as u64;
    assert_eq!((counts.sent, counts.received, counts.sent_octets), (all, all, counts.received_octets));
    assert_eq!(ports.fault(PORT), None);
    println!("\nreturned");
    until_input_ends();
}

/// The parent closes our input when we are to go. A side of memif must not go while the other polls: DPDK
/// takes the rings from under it.
fn until_input_ends() {
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Receives and frees until the port's set-up is found wrong.
fn notice(place: &Path) {
    let (mut ports, mut workers) = open("server", &memif("server", place), QUEUES).unwrap();
    println!("\nready");
    let deadline = Instant::now() + PATIENCE;
    let mut batch = Batch::new();
    let fault = loop {
        assert!(Instant::now() < deadline, "not noticed: {:?}", ports.counts(PORT));
        for io in &mut workers {
            io.rx_burst(PORT, &mut batch);
            batch.clear();
        }
        if let Some(fault) = ports.fault(PORT) {
            break fault;
        }
        thread::yield_now();
    };
    assert!(fault.contains("net_memif0") && fault.contains("fewer queues than the 2"), "{fault}");
    println!("\nnoticed");
    until_input_ends();
}

fn send_until_input_ends(place: &Path) {
    let (_ports, mut workers) = open("client", &memif("client", place), 1).unwrap();
    let input = thread::spawn(until_input_ends);
    let mut batch = Batch::new();
    while !input.is_finished() {
        if let Some(mut frame) = workers[0].alloc() {
            assert!(frame.copy_from(&content(0, 0)));
            let _ = batch.push(frame);
        }
        workers[0].tx_burst(PORT, &mut batch);
        thread::yield_now();
    }
}

fn send_and_compare(mut io: DpdkIo, queue: usize, deadline: Instant) {
    io.enter().unwrap();
    let (mut sent, mut returned) = (0, 0);
    let (mut out, mut back) = (Batch::new(), Batch::new());
    while returned < FRAMES {
        assert!(Instant::now() < deadline, "queue {queue}: {returned} of {sent} frames came back");
        while sent < FRAMES && sent - returned < WINDOW && out.room() > 0 {
            let mut frame = io.alloc().unwrap();
            assert!(frame.copy_from(&content(queue, sent)));
            out.push(frame).unwrap();
            sent += 1;
        }
        io.tx_burst(PORT, &mut out);
        if io.rx_burst(PORT, &mut back) == 0 {
            thread::yield_now();
        }
        while let Some(frame) = back.pop() {
            assert_eq!(frame.bytes(), content(queue, returned), "queue {queue}, frame {returned}");
            returned += 1;
        }
    }
    io.leave();
}

/// A frame of 60 to 1,514 octets that no other frame of the test equals.
fn content(queue: usize, number: usize) -> Vec<u8> {
    let mut content = vec![(number % 251) as u8; 60 + number * 7 % 1455];
    content[..8].copy_from_slice(&(number as u64).to_be_bytes());
    content[8] = queue as u8;
    content
}

fn refused(device: &str, named: &[&str]) {
    let queues = if device.starts_with("net_ring") { 200 } else { 1 };
    let error = open("refused", device, queues).map(drop).unwrap_err();
    for part in named {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    println!("\nnamed");
}

fn memif(role: &str, place: &Path) -> String {
    format!("net_memif0,role={role},id=0,socket={},bsize=2048,rsize=10", place.join("echo.sock").display())
}

fn open(prefix: &str, device: &str, workers: usize) -> Result<(Ports, Vec<DpdkIo>), String> {
    let eal = Eal::init(&EalConfig {
        file_prefix: format!("ipsmgw-{prefix}-{}", process::id()),
        huge: false,
        memory_mb: 256,
        devices: vec![device.to_owned()],
        extra: Vec::new(),
    })?;
    Ports::open(&eal, &PortsConfig { workers, frames: 8192, ..PortsConfig::default() })
}

// What the tests stand on.

/// A fresh directory, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("ipsmgw-dpdk-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A child process in a role; killed if the test fails before its end.
struct Process {
    role: String,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<process::ChildStdout>,
}

impl Process {
    fn start(role: &str, place: &Place) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(PLACE, &place.0)
            .env("XDG_RUNTIME_DIR", &place.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { role: role.to_owned(), child, input, output }
    }

    /// Reads until the process has written this line. Its own deadlines bound the wait.
    fn expect(&mut self, line: &str) {
        let mut said = String::new();
        while said.lines().last() != Some(line) {
            let read = self.output.read_line(&mut said).unwrap();
            assert!(read > 0, "{} ended before it said `{line}`:\n{said}", self.role);
        }
    }

    /// Closes its input and waits for it to end well.
    fn end(mut self) {
        drop(self.input.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{} ended with {status}:\n{rest}", self.role);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
