//! What is on the disk after a power cut: a life of the store is recorded by strace, call by call, and whatever a disk may
//! have kept of it at any time is opened as the next life would.

use super::*;
use crate::base::Random;
use crate::control::store::power_cut::disk::{self, Disk};
use crate::control::store::power_cut::recording::{self, Call, Made};
use crate::control::store::power_cut::{Cut, MEMTABLE, ends_at_once, images};
use std::collections::BTreeMap;
use std::path::Path;

/// Says to this test where its recorded life keeps its rows.
const LIFE: &str = "IPSMGW_RECORDED_LIFE";
const RECORDS: u64 = 1_200;
/// Records that are handed over at a time, at most.
const BURST: u64 = 6;

type Rows = BTreeMap<Box<[u8]>, Box<[u8]>>;

/// A record: some rows of two hundred come, change or go.
fn record(sequence: u64) -> Write {
    let mut random = Random::stream(sequence, 0);
    let changes = (0..=random.below(3)).map(|_| {
        let key = [&prefix(Kind::Subscriber, random.below(4) as u8)[..], &[random.below(50) as u8]].concat();
        let value =
            || [&sequence.to_be_bytes()[..], &vec![sequence as u8; random.below(400) as usize]].concat();
        Change { key: key.into(), value: (!sequence.is_multiple_of(5)).then(value).map(Into::into) }
    });
    Write { sequence, changes: changes.collect() }
}

fn apply(rows: &mut Rows, sequence: u64) {
    // The first record is what the store knows of itself.
    for change in record(sequence).changes.into_iter().filter(|_| sequence > 1) {
        match change.value {
            Some(value) => rows.insert(change.key, value),
            None => rows.remove(&change.key),
        };
    }
}

/// The life that is recorded. What it is told to be durable it says aloud.
fn live(path: &Path) {
    let engine = Fjall::open_with(path, MEMTABLE).unwrap();
    let opened = Opened::of(Box::new(engine), &names(&["home"]), [7; 16]).unwrap();
    let (mut store, thread) = opened.start(64).unwrap();
    load(&mut store);
    let confirmed = std::fs::File::create(path.with_extension("told")).unwrap();
    let (mut next, mut random) = (2, Random::stream(0, 0));
    while next <= RECORDS {
        for _ in 0..=random.below(BURST) {
            store.write(record(next)).unwrap();
            next += 1;
        }
        let mut last = 0;
        while last + 1 < next {
            let Report::Durable(sequence) = super::next(&mut store) else { panic!() };
            last = sequence;
            std::io::Write::write_all(&mut &confirmed, &sequence.to_be_bytes()).unwrap();
        }
    }
    drop(store);
    thread.join().unwrap();
}

/// The calls of a life in a process of its own.
fn recorded(room: &Path) -> Vec<Made> {
    let (store, log) = (room.join("life"), room.join("strace"));
    let strace = std::process::Command::new("strace")
        .args(recording::OPTIONS)
        .arg("-o")
        .args([log.as_os_str(), std::env::current_exe().unwrap().as_os_str()])
        .args([
            "--exact",
            "control::store::tests::power_cut::whatever_a_power_cut_leaves_is_recovered_or_refused",
        ])
        .env(LIFE, &store)
        .stdout(std::process::Stdio::null())
        .status()
        .expect("strace, which tools/deps installs");
    assert!(strace.success());
    let mut calls = vec![];
    recording::read(&log, room, &mut calls);
    std::fs::remove_file(store.with_extension("told")).unwrap();
    std::fs::remove_file(log).unwrap();
    let mut disk = Disk::default();
    calls.iter().for_each(|made| disk.carry_out(&made.call));
    disk.assert_is(room);
    std::fs::remove_dir_all(&store).unwrap();
    calls
}

/// What the next life finds.
enum Found {
    Refused(String),
    Rows(Rows, Vec<u8>),
}

fn opened(path: &Path) -> Found {
    let opened = std::panic::catch_unwind(|| {
        let engine = Fjall::open_with(path, MEMTABLE)?;
        Opened::of(Box::new(engine), &names(&["home"]), [7; 16])
    });
    match opened {
        // A process that ends at once is loud enough.
        Err(_) => Found::Refused("it panicked".into()),
        Ok(Err(failure)) => Found::Refused(failure.0),
        Ok(Ok(opened)) => {
            let (mut store, thread) = opened.start(16).unwrap();
            let (rows, _, unreadable) = load(&mut store);
            drop(store);
            thread.join().unwrap();
            Found::Rows(rows.into_iter().collect(), unreadable)
        }
    }
}

/// Whether the rows are those of a time between what was confirmed and what had been handed over; of the shards that can be read.
fn is_of_its_time(found: &Rows, unreadable: &[u8], confirmed: u64, before: &Rows) -> bool {
    let mut rows = before.clone();
    (confirmed..=confirmed + BURST).any(|sequence| {
        if sequence > confirmed {
            apply(&mut rows, sequence);
        }
        rows.iter().filter(|(key, _)| !unreadable.contains(&key[1])).eq(found)
    })
}

#[test]
fn whatever_a_power_cut_leaves_is_recovered_or_refused() {
    if let Some(path) = std::env::var_os(LIFE) {
        return live(Path::new(&path));
    }
    let room = disk::room();
    let calls = recorded(&room);
    let (renames, tables) = recording::kinds(&calls);
    assert!(renames > 5 && tables > 2, "{renames} renames, {tables} tables: too little happens");
    let (chosen, mut random) = images(calls.len());
    let (mut disk, mut before, mut confirmed, mut at) = (Disk::default(), Rows::new(), 0, 0);
    let (mut refused, mut unreadable_shards, mut recovered) = (0, 0, 0);
    let image = room.join("image");
    for (time, cut) in chosen {
        for Made { call, .. } in &calls[at..time] {
            if let Call::Told(sequence) = call {
                (confirmed + 1..=*sequence).for_each(|it| apply(&mut before, it));
                confirmed = *sequence;
            }
            disk.carry_out(call);
        }
        at = time;
        let what = format!("image after {at} calls, record {confirmed} confirmed, {cut:?}");
        disk.write_what_is_left(&image, &mut random, cut);
        let flips = cut == Cut::Flipped;
        let found = match ends_at_once(&image, cut) {
            true => Found::Refused("it ends at once".into()),
            false => opened(&image),
        };
        match found {
            Found::Rows(rows, unreadable) => {
                assert!(flips || unreadable.is_empty(), "{what}: {unreadable:?} can't be read");
                let is_right = is_of_its_time(&rows, &unreadable, confirmed, &before);
                assert!(is_right, "{what}: what it finds was never so; see {}", image.display());
                unreadable_shards += unreadable.len();
                recovered += 1;
            }
            Found::Refused(why) => {
                assert!(flips, "{what}: refused, though nothing was damaged: {why}; see {}", image.display());
                refused += 1;
            }
        }
        std::fs::remove_dir_all(&image).unwrap();
    }
    println!("{recovered} recovered, {unreadable_shards} shards of these refused; {refused} refused");
    std::fs::remove_dir_all(room).unwrap();
}
