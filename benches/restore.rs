//! A restart of the gateway: from the store on the disk to the table of subscribers, on one core: `restore.*`.
//!
//! `IPSMGW_BINDINGS=N` restores N of them, `IPSMGW_STORE=DIRECTORY` from a store that is kept. A process of its own writes them, as REGISTERs of that many subscribers do; what is
//! measured is another one, from opening the store to the last subscriber.

#![allow(clippy::disallowed_methods)] // a benchmark reads the clock

#[path = "support/measure.rs"]
mod measure;

use ipsmgw::base::Time;
use ipsmgw::control::config::Config;
use ipsmgw::control::registrar::{Outbox, Registrar};
use ipsmgw::control::start::{self, Parts};
use ipsmgw::control::store::{Opened, Store};
use ipsmgw::control::subscribers::Subscribers;
use ipsmgw::gateway::mailbox::{MapOutcome, RegisterRequest, Registrant, ToControl, ToWorker};
use ipsmgw::ident::{Identity, WorkerId};
use ipsmgw::io::memory::{MemoryIo, Pool, pair, views};
use ipsmgw::stack::Deferred;
use ipsmgw::subscriber::AccessNetworkInfo;
use measure::Figures;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// That of the gateway.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many are written and restored.
const COUNT: &str = "IPSMGW_BINDINGS";
/// Where they are kept for another run; without it they go.
const STORE: &str = "IPSMGW_STORE";
/// Where the process keeps them that writes them.
const WRITES: &str = "IPSMGW_WRITES_BINDINGS";
const NOW: Time = Time::from_millis(1_000);

fn config(count: u64) -> Config {
    let text = format!(
        r#"
[node]
workers = 1
[capacity]
dialogues = 64
client_transactions = 64
server_transactions = 64
mo = 64
mt = 64
subscribers = {count}
identities = {}
[[port]]
name = "ims"
device = "net_memory0"
addresses = ["10.0.0.1/24"]
[sip]
listen = ["10.0.0.1:5060"]
uri = "sip:ipsmgw.home1.net"
[[network]]
name = "home1"
mcc = "262"
mnc = "01"
gateway_title = "491710999001"
scscf = [{{ uri = "sip:scscf.home1.net", address = "10.0.0.2:5060" }}]
r1 = "any_time_modification"
hlr = [{{ title = "491710900000" }}]
[timers]
r1_per_second = 1000000
[ss7]
point_code = 100
[[association]]
name = "sg"
role = "client"
local = ["10.0.0.1"]
remote = ["10.0.0.3"]
routing_contexts = [100]
[[destination]]
point_code = 200
associations = ["sg"]
[[title]]
prefix = ""
point_code = 200
[store]
path = "registrations"
"#,
        2 * count
    );
    Config::parse(Path::new("restore.toml"), &text).expect("a correct configuration")
}

/// A registrar with a store that is yet to be read.
fn gateway(store: &Path, count: u64) -> (Registrar, Store, std::thread::JoinHandle<()>) {
    let opened = Opened::open(store, &["home1".to_owned()], [7; 16]).expect("a store");
    let (config, meta) = (config(count), opened.meta.clone());
    let subscribers = Subscribers::load(&config).expect("no files");
    let pool = Pool::new(64);
    let io: Vec<MemoryIo> = views(1, &[pair(1, 64, &pool).0], &pool);
    let Parts { registrar, .. } =
        start::build_with(config, subscribers, io, [1; 16], Some(&meta)).expect("a gateway");
    let (store, thread) = opened.start(65_537).expect("a thread");
    (registrar, store, thread)
}

fn register(number: u64) -> RegisterRequest {
    let identity = |text: String| Identity::new(text.as_bytes()).expect("an identity");
    RegisterRequest {
        registrant: Registrant::Scscf {
            network: 0,
            private_identity: Some(identity(format!("26201{number:010}@ims.mnc001.mcc262.3gppnetwork.org"))),
            associated: vec![identity(format!("tel:+49171{number:08}"))],
            wildcards: vec![],
            service_info: format!("49171{number:08}").into_bytes(),
        },
        public_identity: identity(format!("sip:+49171{number:08}@home1.net")),
        contact: Some(identity("sip:scscf.home1.net".into())),
        remote: "10.0.0.2:5060".parse().expect("an address"),
        local: "10.0.0.1:5060".parse().expect("an address"),
        connection: None,
        expires_s: 600_000,
        call: number,
        sequence: 1,
        access_network_info: AccessNetworkInfo::new(b"IEEE-802.11"),
        worker: WorkerId(0),
        reply_to: Deferred::NOBODY,
        fingerprint: number,
    }
}

/// Writes what is to be written, and carries out at once what the HLR is asked for.
fn pass(registrar: &mut Registrar, store: &Store, now: Time, mut out: Outbox) {
    while !out.is_empty() {
        for (_, said) in core::mem::take(&mut out) {
            if let ToWorker::Invoke(asked) = said {
                let (operation, outcome) = (asked.operation, MapOutcome::Returned(vec![]));
                registrar.handle(now, ToControl::Ended { operation, outcome }, &mut out);
            }
        }
    }
    while let Some(write) = registrar.poll_write() {
        store.write(write).expect("room");
    }
}

/// Takes what the store has to say until `done`.
fn take(registrar: &mut Registrar, store: &mut Store, now: Time, mut done: impl FnMut(&Registrar) -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    while !done(registrar) {
        let report = runtime.block_on(store.report()).expect("the store goes on");
        let mut out = Outbox::new();
        registrar.on_report(now, report, &mut out);
        pass(registrar, store, now, out);
    }
}

/// So many subscribers register.
fn write(store: &Path, count: u64) {
    let (mut registrar, mut store, thread) = gateway(store, count);
    take(&mut registrar, &mut store, NOW, Registrar::is_restored);
    let mut now = NOW;
    for number in 0..count {
        // As many a second as HLRs may be told of.
        now = NOW + Duration::from_micros(number);
        let mut out = Outbox::new();
        registrar.handle(now, ToControl::Register(Box::new(register(number))), &mut out);
        pass(&mut registrar, &store, now, out);
        if registrar.unacknowledged() >= 4_096 {
            take(&mut registrar, &mut store, now, |registrar| registrar.unacknowledged() < 2_048);
        }
    }
    take(&mut registrar, &mut store, now, |registrar| registrar.unacknowledged() == 0);
    assert_eq!((registrar.summary().0, registrar.differing()), (count as usize, 0));
    drop(store);
    thread.join().expect("the store ends well");
}

/// Octets of this process in memory.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("procfs");
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("a number of pages") * 4_096
}

fn main() {
    let count = std::env::var(COUNT).map_or(1_000_000, |text| text.parse().expect("a number"));
    if let Some(store) = std::env::var_os(WRITES) {
        return write(Path::new(&store), count);
    }
    let mut figures = Figures::from_arguments();
    if !figures.wants("restore.") {
        return figures.finish();
    }
    let kept = std::env::var_os(STORE).map(PathBuf::from);
    let own = || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("restore-{}", std::process::id()));
    let store = kept.clone().unwrap_or_else(own);
    let program = std::env::current_exe().expect("a path");
    if !store.exists() {
        let written = std::process::Command::new(program).env(WRITES, &store).status().expect("it begins");
        assert!(written.success());
    }
    let (before, began) = (resident(), Instant::now());
    let (mut registrar, mut rows, thread) = gateway(&store, count);
    let opened = began.elapsed();
    take(&mut registrar, &mut rows, NOW, Registrar::is_restored);
    let (took, memory) = (began.elapsed(), resident() - before);
    assert_eq!(registrar.summary().0, count as usize, "everybody is there");
    let context = format!("{count} subscribers with one binding each, two threads on one core");
    figures.add("restore.opening_s", opened.as_secs_f64(), "s", &context);
    figures.add("restore.whole_s", took.as_secs_f64(), "s", &context);
    figures.add("restore.bindings_per_s", count as f64 / took.as_secs_f64(), "bindings/s", &context);
    figures.add("restore.rss_bytes_per_binding", memory as f64 / count as f64, "octets", &context);
    drop(rows);
    thread.join().expect("the store ends well");
    if kept.is_none() {
        std::fs::remove_dir_all(store).expect("it goes");
    }
    figures.finish();
}
