//! The store over an engine with faults, and over fjall on a disk that loses what was not synchronised.

mod power_cut;

use super::engine::{Engine, Fjall};
use super::examine::examine;
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

/// A row's key and value.
type Octets = (Box<[u8]>, Box<[u8]>);

fn octets((key, value): &Row) -> Octets {
    (key[..].into(), value[..].into())
}

/// What is restored: rows, and shards in their order; until everything is there.
fn load(store: &mut Store) -> (Vec<Octets>, Vec<u8>, Vec<u8>) {
    let (mut rows, mut shards, mut unreadable) = (vec![], vec![], vec![]);
    loop {
        match next(store) {
            Report::Rows(some) => {
                assert!(some.len() <= ROWS);
                rows.extend(some.iter().map(octets));
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
    // Of two of shard 9 the first can be read: he is not given either, or some of it would be served, and the others not.
    let writes: Vec<_> = (0..=255).chain([9 + 256]).map(write).collect();
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
    assert_eq!((rows.len(), unreadable), (256, vec![8]));
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
        // The number of what was confirmed is not synchronised, and an earlier one may be there.
        std::fs::remove_file(there.join("confirmed")).unwrap();
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
        let all = rows(Kind::Subscriber).flat_map(|prefix| engine.rows(&prefix));
        let all: Vec<Octets> = all.map(|row| octets(&row.unwrap())).collect();
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

/// The journal of some commits of two rows each, without the zeros behind it, and where each of its batches ends.
fn journal(name: &str, commits: u64) -> (PathBuf, Vec<u8>, Vec<usize>) {
    let path = directory(name);
    let mut engine = Fjall::open(&path).unwrap();
    let mut ends = vec![];
    for sequence in 0..commits {
        engine.commit(&[write(sequence)]).unwrap();
        let written = std::fs::read(path.join("0.jnl")).unwrap();
        ends.push(written.iter().rposition(|octet| *octet != 0).unwrap() + 1);
    }
    let mut written = std::fs::read(path.join("0.jnl")).unwrap();
    written.truncate(*ends.last().unwrap());
    drop(engine);
    std::fs::remove_dir_all(path).unwrap();
    let there = directory(name);
    std::fs::create_dir(&there).unwrap();
    (there, written, ends)
}

/// The engine would take such tables for none of its own, and go on without them.
#[test]
fn a_bit_of_what_the_engine_says_of_its_tables_is_damage() {
    let path = directory("tables");
    let mut engine = Fjall::open(&path).unwrap();
    (0..6).for_each(|sequence| engine.commit(&[write(sequence)]).unwrap());
    drop(engine);
    let mut files = vec![];
    for keyspace in std::fs::read_dir(path.join("keyspaces")).unwrap() {
        let current = keyspace.unwrap().path().join("current");
        let version = std::fs::read(&current).unwrap()[..8].try_into().map(u64::from_le_bytes).unwrap();
        files.extend([current.with_file_name(format!("v{version}")), current]);
    }
    assert_eq!(files.len(), 4, "of the rows, and of the engine itself");
    for file in files {
        let whole = std::fs::read(&file).unwrap();
        // Behind number and sum, `current` names the kind of that.
        let count = if file.ends_with("current") { 24 } else { whole.len() };
        for bit in 0..8 * count {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&file, &damaged).unwrap();
            let failure = examine(&path).expect_err(&format!("bit {bit} of {}", file.display()));
            assert!(failure.0.contains("says of its tables is damaged"), "{failure}");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(examine(&path).is_err(), "without {}", file.display());
        std::fs::write(&file, whole).unwrap();
    }
    assert!(Fjall::open(&path).is_ok());
    std::fs::remove_dir_all(path).unwrap();
}

/// A bit that has flipped anywhere, and the last batch is another matter than those before it.
#[test]
fn damage_in_the_middle_is_no_end() {
    let (there, written, ends) = journal("damaged", 6);
    let file = there.join("0.jnl");
    let (last_begins, end) = (ends[4], ends[5]);
    let with = |octets: &[u8]| {
        std::fs::write(&file, octets).unwrap();
        examine(&there)
    };
    assert_eq!(with(&written), Ok(Some(5)));
    // The number that the engine has given to its first batch is in no sum, and no other one comes before it.
    let numbered = 5..13;
    for at in (0..last_begins).filter(|at| !numbered.contains(at)) {
        for bit in 0..8 {
            let mut damaged = written.clone();
            damaged[at] ^= 1 << bit;
            let failure = with(&damaged).expect_err(&format!("bit {bit} of octet {at}"));
            assert!(failure.0.contains("0.jnl is damaged at octet"), "{failure}");
            assert_eq!(std::fs::read(&file).unwrap(), damaged, "nothing is cut off");
        }
    }
    // Nothing is missing of the last one either, and a bit is another.
    for at in (last_begins..end).filter(|at| !(last_begins + 5..last_begins + 13).contains(at)) {
        for bit in 0..8 {
            let mut damaged = written.clone();
            damaged[at] ^= 1 << bit;
            with(&damaged).expect_err(&format!("bit {bit} of octet {at}"));
            assert_eq!(std::fs::read(&file).unwrap(), damaged, "nothing is cut off");
        }
    }
    for at in last_begins + 1..end {
        let mut torn = written.clone();
        torn[at..].fill(0);
        assert_eq!(with(&torn), Ok(Some(4)), "all but what came before octet {at}");
        assert_eq!(std::fs::metadata(&file).unwrap().len(), last_begins as u64);
    }
    // A batch that is not there, or there twice, is as good as damaged.
    let batches = |which: &[usize]| {
        let begins = |at: usize| if at == 0 { 0 } else { ends[at - 1] };
        which.iter().flat_map(|at| written[begins(*at)..ends[*at]].to_vec()).collect::<Vec<u8>>()
    };
    for wrong in [&[0, 1, 3, 4][..], &[0, 1, 1, 2], &[1, 0], &[0, 2, 1, 3]] {
        assert!(with(&batches(wrong)).is_err(), "{wrong:?}");
    }
    assert_eq!(with(&batches(&[2, 3])), Ok(Some(3)), "what came before was moved to tables");
    assert_eq!(with(&[]), Ok(None));
    std::fs::remove_dir_all(there).unwrap();
}

#[test]
fn only_the_last_file_of_the_journal_may_have_an_end_that_is_torn() {
    let (there, written, ends) = journal("files", 6);
    let (first, second) = written.split_at(ends[2]);
    let with = |first: &[u8], second: &[u8]| {
        std::fs::write(there.join("9.jnl"), first).unwrap();
        std::fs::write(there.join("10.jnl"), second).unwrap();
        examine(&there)
    };
    assert_eq!(with(&[first, &[0; 100]].concat(), second), Ok(Some(5)));
    assert_eq!(with(first, &second[..second.len() - 1]), Ok(Some(4)));
    assert!(with(&first[..first.len() - 1], second).is_err());
    assert!(with(&first[..ends[1]], second).is_err(), "a batch is missing between them");
    std::fs::remove_dir_all(there).unwrap();
}

/// The last batch of the journal looks the same whether a part of it was never written, or was lost when it had been.
#[test]
fn what_was_confirmed_is_missed() {
    let path = directory("confirmed");
    let mut engine = Fjall::open(&path).unwrap();
    (0..5).for_each(|sequence| engine.commit(&[write(sequence)]).unwrap());
    drop(engine);
    let journal = path.join("0.jnl");
    let mut octets = std::fs::read(&journal).unwrap();
    let end = octets.iter().rposition(|octet| *octet != 0).unwrap();
    octets[end - 20..].fill(0);
    std::fs::write(&journal, &octets).unwrap();
    let failure = Fjall::open(&path).err().unwrap();
    assert!(failure.0.contains("it ends with record 3, but 4 was confirmed"), "{failure}");
    // A number of which only a part was written says nothing.
    std::fs::write(path.join("confirmed"), [0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]).unwrap();
    assert!(Fjall::open(&path).is_ok());
    std::fs::remove_dir_all(path).unwrap();
}

/// A long batch of which any sector is missing was never finished; with all of them, and a bit that is another, it was.
#[test]
fn a_batch_is_torn_where_a_sector_of_it_is_missing() {
    let path = directory("sectors");
    let mut engine = Fjall::open(&path).unwrap();
    engine.commit(&[write(1)]).unwrap();
    let long = Change { key: Box::new([Kind::Subscriber as u8, 0]), value: Some(vec![7; 3_000].into()) };
    let journal = path.join("0.jnl");
    let end_of = |octets: &[u8]| octets.iter().rposition(|octet| *octet != 0).unwrap() + 1;
    let begins = end_of(&std::fs::read(&journal).unwrap());
    engine.commit(&[Write { sequence: 2, changes: vec![long] }]).unwrap();
    drop(engine);
    let written = std::fs::read(&journal).unwrap();
    let ends = end_of(&written);
    let with = |octets: &[u8]| {
        std::fs::write(&journal, octets).unwrap();
        examine(&path)
    };
    for sector in begins / 512..=(ends - 1) / 512 {
        let mut torn = written.clone();
        torn[begins.max(sector * 512)..ends.min(sector * 512 + 512)].fill(0);
        assert_eq!(with(&torn), Ok(Some(1)), "sector {sector}");
    }
    let mut damaged = written.clone();
    damaged[begins + 1_500] ^= 4;
    assert!(with(&damaged).is_err());
    assert_eq!(with(&written), Ok(Some(2)));
    std::fs::remove_dir_all(path).unwrap();
}

/// What a power cut leaves of a store that is being made holds nothing, and is made anew; anything else without its beginning is not.
#[test]
fn a_store_that_was_never_whole_is_made_anew() {
    let path = directory("unfinished");
    let mut engine = Fjall::open(&path).unwrap();
    engine.commit(&[write(1)]).unwrap();
    drop(engine);
    assert!(!path.join("unfinished").exists());
    std::fs::remove_file(path.join("version")).unwrap();
    assert!(Fjall::open(&path).is_err(), "it was whole");
    std::fs::write(path.join("unfinished"), []).unwrap();
    let failure = Fjall::open(&path).err().unwrap();
    assert!(failure.0.contains("never whole, but record 1 was confirmed"), "{failure}");
    std::fs::write(path.join("confirmed"), []).unwrap();
    let mut engine = Fjall::open(&path).unwrap();
    assert_eq!(engine.rows(&[]).count(), 0);
    engine.commit(&[write(1)]).unwrap();
    drop(engine);
    assert!(!path.join("unfinished").exists());
    assert_eq!(Fjall::open(&path).unwrap().rows(&[Kind::Subscriber as u8]).count(), 1);
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
