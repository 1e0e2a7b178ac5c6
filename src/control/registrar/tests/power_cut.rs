//! Power cuts of the whole gateway: its binary is recorded while hundreds register, refresh and leave, with a ledger outside of it;
//! whatever a disk may have kept of it at any time is opened and restored as the next life would, and held against the ledger.
//! `IPSMGW_RECORDING=DIRECTORY` keeps the recording there, and looks at one that is there already.

use super::*;
use crate::control::store::power_cut::disk::{self, Disk};
use crate::control::store::power_cut::recording::{self, Call, Made};
use crate::control::store::power_cut::{Cut, ends_at_once, images, prepare};
use crate::control::store::{Opened, Report};
use crate::ident::{Imsi, Msisdn};
use crate::subscriber::{Loading, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

/// The gateway that is recorded.
const BINARY: &str = "IPSMGW_BINARY";
/// Where the recording is kept.
const RECORDING: &str = "IPSMGW_RECORDING";
const NEVER: u64 = u64::MAX;
/// fdatasync takes so many microseconds more than this machine's disk: an answer that does not wait for it comes before its end.
const SLOW: &str = "inject=fdatasync:delay_enter=3000";
const LIVES: usize = 2;

/// A REGISTER of the ledger, with times in microseconds since 1970.
struct Asked {
    minutes: u32,
    sent: u64,
    answered: u64,
    status: u16,
}

/// Somebody, and what he has asked for, in its order.
struct Ue {
    imsi: Imsi,
    msisdn: Msisdn,
    identity: String,
    network: u16,
    asked: Vec<Asked>,
    /// What his HLR was told, and when it heard.
    told: Vec<(bool, u64)>,
}

/// What may be known of somebody: for how many minutes he registered, or that he is not there.
type May = BTreeSet<Option<u32>>;

impl Ue {
    fn tel(&self) -> String {
        format!("tel:+{}", self.msisdn.digits())
    }

    /// What an image may know of him whose last call ended at `last`, and before the call that ended at `next`.
    fn may(&self, last: u64, next: u64) -> May {
        let mut may = May::from([None]);
        for asked in &self.asked {
            let then = (asked.minutes > 0).then_some(asked.minutes);
            let is_certain = asked.status == 200 && asked.answered < next;
            let is_refresh = |before: &Option<u32>| before.is_some() && then.is_some();
            // Refreshes are written behind their answers.
            let before: Vec<_> = may.iter().copied().filter(|it| !is_certain || is_refresh(it)).collect();
            may = before.into_iter().collect();
            if is_certain && may.is_empty() || asked.sent <= last {
                may.insert(then);
            }
        }
        may
    }
}

fn micros(text: &str) -> u64 {
    if text == "-" { NEVER } else { text.parse().unwrap() }
}

fn read_ledger(path: &Path) -> Vec<Ue> {
    let mut ues: BTreeMap<String, Ue> = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        match &line.split(' ').collect::<Vec<_>>()[..] {
            ["ue", imsi, msisdn, identity, network] => {
                let (number, identity) = (msisdn.parse().unwrap(), (*identity).into());
                let (asked, told) = (vec![], vec![]);
                let network = network.parse().unwrap();
                let ue = Ue { imsi: imsi.parse().unwrap(), msisdn: number, identity, network, asked, told };
                ues.insert((*imsi).into(), ue);
            }
            ["asked", imsi, seconds, sent, answered, status] => {
                let minutes = seconds.parse::<u32>().unwrap() / 60;
                let (sent, answered) = (micros(sent), micros(answered));
                let status = status.parse().unwrap_or(0);
                ues.get_mut(*imsi).unwrap().asked.push(Asked { minutes, sent, answered, status });
            }
            ["hlr", imsi, registered, heard] => {
                ues.get_mut(*imsi).unwrap().told.push((*registered == "1", micros(heard)));
            }
            other => panic!("{other:?}"),
        }
    }
    ues.into_values().collect()
}

/// The gateway's lives under strace, driven by a process of its own; everything is left in `directory`.
fn record(directory: &Path) {
    let binary = std::env::var_os(BINARY).unwrap_or_else(|| panic!("name the gateway's binary in {BINARY}"));
    let interop = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/interop");
    let python = Command::new(interop.join("setup")).output().unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    let python = String::from_utf8(python.stdout).unwrap();
    let judged = Command::new(python.trim())
        .arg(interop.join("power_judge.py"))
        .args([&binary, directory.as_os_str(), "1".as_ref()])
        .args(recording::OPTIONS)
        .args(["-e", SLOW])
        .status();
    assert!(judged.unwrap().success(), "see what the judge says, and {}", directory.display());
}

/// A life that was restored.
struct Restored {
    registrar: Registrar,
    reader: Reader,
    loading: Arc<Loading>,
    unreadable: usize,
}

/// The next life, of an image.
fn next_life(path: &Path, config: &Arc<Config>) -> Result<Restored, String> {
    let names: Vec<String> = config.networks.iter().map(|network| network.name.clone()).collect();
    let opened = std::panic::catch_unwind(|| Opened::open(path, &names, [9; 16]));
    // A process that ends at once is loud enough.
    let opened = opened.map_err(|_| "it panicked".to_owned())?.map_err(|failure| failure.0)?;
    let (registrar, reader) = registrar_by(config.capacity.subscribers as usize, config.clone());
    let loading = Arc::new(Loading::default());
    let limits = JournalLimits { records: 1_024, wait: Duration::from_secs(2) };
    let mut registrar = registrar.with_store(&opened.meta, limits, loading.clone());
    registrar.set_calendar(NOW, 1_700_000_000);
    let (mut store, thread) = opened.start(16).unwrap();
    let (mut out, mut unreadable) = (Outbox::new(), 0);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    loop {
        let report = runtime.block_on(store.report()).expect("it ends when it is dropped");
        let is_last = matches!(report, Report::Loaded);
        unreadable += usize::from(matches!(report, Report::Unreadable(..)));
        registrar.on_report(NOW, report, &mut out);
        if is_last {
            break;
        }
    }
    drop(store);
    thread.join().unwrap();
    registrar.assert_invariants();
    Ok(Restored { registrar, reader, loading, unreadable })
}

impl Restored {
    /// What it knows of somebody, by each of his names alike.
    fn knows(&self, ue: &Ue) -> Option<u32> {
        let table: &Table = &self.reader;
        let (by_imsi, by_msisdn) = (table.by_imsi(ue.imsi), table.by_msisdn(ue.msisdn));
        let by_names = [&ue.identity, &ue.tel()].map(|name| table.by_identity(name.as_bytes()));
        let ids =
            [&by_imsi, &by_msisdn, &by_names[0], &by_names[1]].map(|found| found.as_ref().map(|it| it.id()));
        assert!(ids.iter().all(|id| *id == ids[0]), "{} by IMSI, number and names: {ids:?}", ue.imsi);
        let found = by_imsi?;
        let record = found.record();
        assert_eq!((record.imsi(), record.msisdn()), (Some(ue.imsi), Some(ue.msisdn)));
        let names: BTreeSet<_> = record.identities().map(|it| it.as_str().to_owned()).collect();
        assert_eq!(names, BTreeSet::from([ue.identity.clone(), ue.tel()]));
        let bindings: Vec<_> = record.bindings().collect();
        let [binding] = &bindings[..] else { panic!("{bindings:?}") };
        assert_eq!(binding.network, ue.network);
        let minutes = found.expiry(0).since(NOW).as_secs() / 60;
        Some(u32::try_from(minutes).unwrap())
    }

    /// Holds it against the ledger; how many are there, and how many could have been something else too.
    fn examine(&self, ues: &[Ue], last: u64, next: u64, what: &str) -> (usize, usize) {
        let (mut there, mut open, mut differing) = (0, 0, 0);
        for ue in ues {
            let (may, known) = (ue.may(last, next), self.knows(ue));
            there += usize::from(known.is_some());
            if !self.loading.has(ue.imsi) {
                assert_eq!(known, None, "{what}: {} is of a shard that is refused", ue.imsi);
                continue;
            }
            assert!(may.contains(&known), "{what}: {} is {known:?}, which is none of {may:?}", ue.imsi);
            open += usize::from(may.len() > 1);
            let heard = ue.told.iter().rfind(|(_, heard)| *heard < next);
            differing += usize::from(heard.is_some_and(|(told, _)| *told != known.is_some()));
        }
        let (registered, _) = self.registrar.summary();
        assert_eq!(registered, there, "{what}: somebody is there of whom nobody has heard");
        let counts = &self.registrar.writer.journal.counts;
        assert_eq!((counts.rows_unreadable, counts.not_restored), (0, 0), "{what}");
        if self.unreadable == 0 {
            let known = self.registrar.differing();
            assert!(
                differing <= known,
                "{what}: HLRs believe otherwise of {differing}, of {known} that is known"
            );
        }
        (there, open)
    }
}

/// Everything that was recorded: calls of all lives, and whom they were about.
struct Recorded {
    directory: PathBuf,
    /// As it was before the first life.
    disk: Disk,
    calls: Vec<Made>,
    ues: Vec<Ue>,
    config: Arc<Config>,
}

fn recorded() -> Recorded {
    // On a disk, as a gateway's is; and whoever reads its calls knows it by the same name.
    let name = format!("ipsmgw-recorded-{}", std::process::id());
    let kept = std::env::var_os(RECORDING).map(PathBuf::from);
    let directory = kept.unwrap_or_else(|| std::env::temp_dir().join(name));
    std::fs::create_dir_all(&directory).unwrap();
    let directory = directory.canonicalize().unwrap();
    let (before, room) = (directory.join("before"), directory.join("room"));
    if !directory.join("ledger").exists() {
        prepare(&before.join("registrations"), &["home1", "home2"].map(String::from));
        record(&directory);
    }
    let disk = Disk::holding(&before);
    let (mut calls, mut whole) = (vec![], disk.clone());
    for life in 1..=LIVES {
        let begin = calls.len();
        recording::read(&directory.join(format!("strace-{life}")), &room, &mut calls);
        calls[begin..].iter().for_each(|made: &Made| whole.carry_out(&made.call));
        whole.assert_is(&directory.join(format!("after-{life}")));
    }
    let config = Arc::new(Config::load(&directory.join("gateway.toml")).unwrap());
    Recorded { disk, calls, ues: read_ledger(&directory.join("ledger")), config, directory }
}

/// How much was recorded, which has to be enough.
fn tell(recorded: &Recorded) {
    let (renames, tables) = recording::kinds(&recorded.calls);
    let syncs = recorded.calls.iter().filter(|made| matches!(made.call, Call::Sync(..))).count();
    let asked = recorded.ues.iter().flat_map(|ue| &ue.asked);
    let (answered, missing): (Vec<_>, Vec<_>) = asked.partition(|asked| asked.status == 200);
    println!(
        "recorded: {} calls, of them {syncs} of fsync and fdatasync, {renames} renames, {tables} tables; {} REGISTERs answered \
         200, {} not",
        recorded.calls.len(),
        answered.len(),
        missing.len()
    );
    assert!(renames > 5 && tables > 5 && syncs > 200 && answered.len() > 3_000, "too little happens");
}

#[test]
#[ignore = "needs root, and the gateway's binary in IPSMGW_BINARY: tools/test runs it"]
fn whatever_a_power_cut_leaves_of_the_gateway_is_recovered_or_refused() {
    let mut recorded = recorded();
    tell(&recorded);
    let (chosen, mut random) = images(recorded.calls.len());
    let (room, mut at) = (disk::room(), 0);
    let image = room.join("image");
    let (mut recovered, mut shards, mut refused, mut there, mut open) = (0, 0, 0, 0, 0);
    for (time, cut) in chosen {
        recorded.calls[at..time].iter().for_each(|made| recorded.disk.carry_out(&made.call));
        at = time;
        let ended = |call: Option<&Made>, otherwise| call.map_or(otherwise, |made| made.ended);
        let last = ended(time.checked_sub(1).and_then(|it| recorded.calls.get(it)), 0);
        let next = ended(recorded.calls.get(time), NEVER);
        let what = format!("image after {at} calls, {cut:?}, in {}", image.display());
        recorded.disk.write_what_is_left(&image, &mut random, cut);
        let life = match ends_at_once(&image, cut) {
            true => Err("it ends at once".into()),
            false => next_life(&image, &recorded.config),
        };
        match life {
            Ok(life) => {
                assert!(cut == Cut::Flipped || life.unreadable == 0, "{what}: a shard can't be read");
                let (known, unsure) = life.examine(&recorded.ues, last, next, &what);
                (recovered, shards) = (recovered + 1, shards + life.unreadable);
                (there, open) = (there + known, open + unsure);
            }
            Err(why) => {
                assert!(cut == Cut::Flipped, "{what}: refused, though nothing was damaged: {why}");
                refused += 1;
            }
        }
        std::fs::remove_dir_all(&image).unwrap();
    }
    println!(
        "{recovered} recovered with {there} registrations ({open} were under way or refreshed), {shards} shards of these \
         refused; {refused} refused"
    );
    std::fs::remove_dir_all(room).unwrap();
    if std::env::var_os(RECORDING).is_none() {
        std::fs::remove_dir_all(recorded.directory).unwrap();
    }
}
