//! The store over an engine with faults, and over fjall on a disk that loses what was not synchronised.

use super::engine::{Engine, Fjall};
use super::faulty::Faulty;
use super::thread::{BATCH, ROWS};
use super::*;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

fn write(sequence: u64) -> Write {
    let key = [&prefix(Kind::Subscriber, sequence as u8)[..], &sequence.to_be_bytes()].concat();
    Write { sequence, changes: vec![Change { key: key.into(), value: Some(Box::from(&b"value"[..])) }] }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).into()).collect()
}

fn open(engine: impl Engine + 'static) -> Opened {
    Opened::of(Box::new(engine), &names(&["home"]), [7; 16]).unwrap()
}

fn next(store: &mut Store) -> Report {
    store.reports.blocking_recv().expect("the thread has ended")
}

/// What is restored: rows, and shards in their order; until everything is there.
fn load(store: &mut Store) -> (Vec<Row>, Vec<u8>, Vec<u8>) {
    let (mut rows, mut shards, mut unreadable) = (vec![], vec![], vec![]);
    loop {
        match next(store) {
            Report::Rows(some) => {
                assert!(some.len() <= ROWS);
                rows.extend(some);
            }
            Report::Shard(shard) => shards.push(shard),
            Report::Unreadable(shard, _) => unreadable.push(shard),
            Report::Loaded => return (rows, shards, unreadable),
            Report::Durable(_) => {}
            Report::Failed(failure) => panic!("{failure}"),
        }
    }
}

/// A directory of its own for each test, empty.
fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("ipsmgw-store-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

#[test]
fn what_waits_is_committed_together_and_the_last_number_told() {
    let (engine, _, sizes) = Faulty::new();
    let opened = open(engine);
    let (engine, sequence) = (opened.engine, opened.meta.sequence);
    assert_eq!(sequence, 1, "what a new store knows of itself is its first record");
    drop((engine, sizes));
    let (engine, faults, sizes) = Faulty::new();
    let mut opened = open(engine);
    assert_eq!(sizes.recv().unwrap(), 1);
    let (gated, gate) = Faulty::new().0.gated();
    opened.engine = Box::new(gated);
    let (mut store, thread) = opened.start(1_000).unwrap();
    assert_eq!(load(&mut store).0, []);
    for sequence in 2..=601 {
        store.write(write(sequence)).unwrap();
    }
    // However many the first commit took, those that came during it go together, and no more than a batch.
    let mut last = 1;
    let mut commits = 0;
    while last < 601 {
        gate.send(()).unwrap();
        let Report::Durable(sequence) = next(&mut store) else { panic!() };
        assert!(sequence > last && sequence - last <= BATCH as u64);
        (last, commits) = (sequence, commits + 1);
    }
    assert!(commits <= 4, "600 records in {commits} commits");
    drop(store);
    thread.join().unwrap();
    assert!(!faults.abandoned.load(Ordering::SeqCst));
}

#[test]
fn a_failed_commit_is_the_last_one() {
    let (engine, faults, _sizes) = Faulty::new();
    let opened = open(engine);
    faults.fails_at.store(2, Ordering::SeqCst);
    let (mut store, thread) = opened.start(16).unwrap();
    load(&mut store);
    store.write(write(2)).unwrap();
    assert!(matches!(next(&mut store), Report::Durable(2)));
    store.write(write(3)).unwrap();
    let Report::Failed(failure) = next(&mut store) else { panic!() };
    assert_eq!(failure.0, "Input/output error");
    assert!(store.reports.blocking_recv().is_none(), "nothing more is said");
    thread.join().unwrap();
    assert!(store.write(write(4)).is_err(), "nor taken");
    assert_eq!(faults.commits.load(Ordering::SeqCst), 3, "and never tried again");
    assert!(faults.abandoned.load(Ordering::SeqCst), "not even as it is let go");
}

#[test]
fn a_store_that_stalls_takes_as_much_as_it_has_room_for() {
    let (engine, ..) = Faulty::new();
    let mut opened = open(engine);
    let (gated, gate) = Faulty::new().0.gated();
    opened.engine = Box::new(gated);
    let (mut store, thread) = opened.start(4).unwrap();
    load(&mut store);
    // One commit at most is under way; nobody is blocked, whatever comes.
    let taken = (2..100).take_while(|sequence| store.write(write(*sequence)).is_ok()).count() as u64;
    assert!((4..=8).contains(&taken), "{taken}");
    drop(gate);
    let mut last = 0;
    while last < taken + 1 {
        let Report::Durable(sequence) = next(&mut store) else { panic!() };
        last = sequence;
    }
    drop(store);
    thread.join().unwrap();
}

#[test]
fn a_shard_that_cannot_be_read_is_told_and_the_others_come() {
    let (mut engine, faults, _sizes) = Faulty::new();
    let writes: Vec<_> = (0..=255).map(write).collect();
    engine.commit(&writes).unwrap();
    faults.unreadable.set(prefix(Kind::Subscriber, 9).to_vec()).unwrap();
    let (mut store, thread) = open(engine).start(16).unwrap();
    let (rows, shards, unreadable) = load(&mut store);
    assert_eq!((rows.len(), unreadable), (255, vec![9]));
    assert_eq!(shards, (0..=255).filter(|shard| *shard != 9).collect::<Vec<_>>());
    drop(store);
    thread.join().unwrap();
    // Where what is owed can't be read, nobody of the shard is restored: what the HLR knows of them is not known.
    let (mut engine, faults, _sizes) = Faulty::new();
    engine.commit(&writes).unwrap();
    faults.unreadable.set(prefix(Kind::Owed, 8).to_vec()).unwrap();
    let (mut store, thread) = open(engine).start(16).unwrap();
    let (rows, _, unreadable) = load(&mut store);
    assert_eq!((rows.len(), unreadable), (255, vec![8]));
    drop(store);
    thread.join().unwrap();
}

#[test]
fn what_was_durable_is_there_in_the_next_life() {
    let path = directory("lives");
    let opened = Opened::open(&path, &names(&["home", "other"]), [7; 16]).unwrap();
    assert_eq!(opened.meta.networks, names(&["home", "other"]));
    let second = Opened::open(&path, &[], [1; 16]);
    assert!(second.is_err_and(|failure| !failure.0.is_empty()), "one process has it");
    let (mut store, thread) = opened.start(1_000).unwrap();
    assert_eq!(load(&mut store).0, []);
    for sequence in 2..=700 {
        store.write(write(sequence)).unwrap();
    }
    let mut gone = write(3);
    (gone.sequence, gone.changes[0].value) = (701, None);
    store.write(gone).unwrap();
    drop(store);
    thread.join().unwrap();
    // A network more, and another that is served no more.
    let opened = Opened::open(&path, &names(&["new", "home"]), [9; 16]).unwrap();
    assert_eq!(opened.meta.networks, names(&["home", "other", "new"]), "places stay");
    assert_eq!((opened.meta.secret, opened.meta.sequence), ([7; 16], 702));
    let (mut store, thread) = opened.start(1_000).unwrap();
    let (rows, shards, _) = load(&mut store);
    assert_eq!((rows.len(), shards.len()), (698, SHARDS));
    let mut expected: Vec<_> =
        (2..=700).filter(|it| *it != 3).map(|it| write(it).changes.remove(0).key).collect();
    expected.sort();
    assert!(rows.iter().map(|(key, _)| key).eq(&expected));
    drop(store);
    thread.join().unwrap();
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
    assert_eq!(mode & 0o777, 0o700, "who is registered is nobody else's business");
    std::fs::remove_dir_all(path).unwrap();
}

/// However much of the last writes a power cut leaves: what is found is what some commit had made of it, all or none of each.
#[test]
fn a_torn_tail_is_cut_and_nothing_is_invented() {
    let path = directory("torn");
    let mut engine = Fjall::open(&path).unwrap();
    let journal = path.join("0.jnl");
    let two = |sequence: u64| {
        let mut one = write(sequence);
        one.changes.push(write(sequence + 1_000).changes.remove(0));
        one
    };
    for sequence in 0..20 {
        engine.commit(&[two(sequence)]).unwrap();
    }
    // As a process that is killed leaves it.
    let written = std::fs::read(&journal).unwrap();
    let end = written.iter().rposition(|octet| *octet != 0).unwrap() + 1;
    let copy = |cut: usize| {
        let there = directory("torn-copy");
        let copied = std::process::Command::new("cp").arg("-r").args([&path, &there]).status().unwrap();
        assert!(copied.success());
        let file = std::fs::File::create(there.join("0.jnl")).unwrap();
        std::io::Write::write_all(&mut &file, &written[..cut]).unwrap();
        file.set_len(written.len() as u64).unwrap();
        there
    };
    let mut found = vec![];
    for cut in (0..=end).rev().step_by(37) {
        let there = copy(cut);
        // Before the keyspace itself was written there is nothing to find.
        let engine = Fjall::open(&there).unwrap();
        let rows = |kind| (0..=255).map(move |shard| prefix(kind, shard));
        let all: Vec<Row> =
            rows(Kind::Subscriber).flat_map(|prefix| engine.rows(&prefix)).map(Result::unwrap).collect();
        assert_eq!(all.len() % 2, 0, "half of a record after a cut at {cut}");
        let count = all.len() as u64 / 2;
        let mut expected: Vec<_> = (0..count).flat_map(|at| two(at).changes).map(|it| it.key).collect();
        expected.sort();
        assert!(all.iter().map(|(key, _)| key).eq(&expected), "not the first ones after a cut at {cut}");
        found.push(count);
        drop(engine);
        std::fs::remove_dir_all(there).unwrap();
    }
    assert!(found.is_sorted_by(|more, less| more >= less) && found[0] == 20, "{found:?}");
    assert_eq!(found.last(), Some(&0));
    drop(engine);
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn a_store_of_another_version_is_not_guessed_at() {
    let (mut engine, ..) = Faulty::new();
    engine.commit(&[]).unwrap();
    let version = Change { key: Box::new([Kind::Meta as u8, 0]), value: Some(Box::new([9])) };
    engine.commit(&[Write { sequence: 1, changes: vec![version] }]).unwrap();
    let failure = Opened::of(Box::new(engine), &[], [7; 16]).err().unwrap();
    assert!(failure.0.contains("version [9]"), "{failure}");
}
