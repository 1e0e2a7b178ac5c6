//! Tables of others with as many subscribers as ours, found by number, a line of 64 octets each: `peer.dashmap.lookup_10m_ns`
//! and so on, each in a process of its own, all in huge pages.

#[path = "../../support/table.rs"]
mod support;

use core::hash::BuildHasher;
use core::hint::black_box;
use std::collections::HashMap;
use std::sync::RwLock;

use crate::measure::Figures;
use support::{BATCH, in_a_process, least, number, order, own, tell};

type Line = [u64; 8];

/// How many subscribers.
const COUNT: usize = 10_000_000;

/// The same keyed hash for all of them, as ours has it.
fn hasher() -> impl BuildHasher + Clone {
    ahash::RandomState::with_seeds(1, 2, 3, 4)
}

fn line(n: usize) -> Line {
    [n as u64; 8]
}

/// Times `find`, which looks up the numbers of a batch and gives a sum of what it found.
fn time(name: &str, context: &str, count: usize, find: impl Fn(&[u64]) -> u64) {
    let keys: Vec<u64> = order(count).into_iter().map(number).collect();
    let nanos = least(keys.len(), || {
        for keys in keys.chunks(BATCH) {
            black_box(find(keys));
        }
    });
    tell(
        &format!("peer.{name}.lookup_10m_ns"),
        nanos,
        "ns",
        &format!("{context}; {count} subscribers by number"),
    );
}

fn dashmap(count: usize) {
    let map = dashmap::DashMap::with_capacity_and_hasher(count, hasher());
    (0..count).for_each(|n| assert!(map.insert(number(n), line(n)).is_none()));
    time("dashmap", "dashmap 6, one by one", count, |keys| {
        keys.iter().map(|key| map.get(key).expect("a subscriber")[1]).sum()
    });
}

fn papaya(count: usize) {
    let map = papaya::HashMap::builder().capacity(count).hasher(hasher()).build();
    (0..count).for_each(|n| {
        map.pin().insert(number(n), line(n));
    });
    time("papaya", "papaya 0.2, one guard for 32", count, |keys| {
        let map = map.pin();
        keys.iter().map(|key| map.get(key).expect("a subscriber")[1]).sum()
    });
}

fn scc(count: usize) {
    let map = scc::HashMap::with_capacity_and_hasher(count, hasher());
    (0..count).for_each(|n| assert!(map.insert_sync(number(n), line(n)).is_ok()));
    time("scc", "scc 3, one by one", count, |keys| {
        keys.iter().map(|key| map.read_sync(key, |_, line| line[1]).expect("a subscriber")).sum()
    });
}

fn rwlock(count: usize) {
    let mut map = HashMap::with_capacity_and_hasher(count, hasher());
    (0..count).for_each(|n| assert!(map.insert(number(n), line(n)).is_none()));
    let map = RwLock::new(map);
    time("rwlock", "RwLock<HashMap> with ahash, locked once for 32", count, |keys| {
        let map = map.read().expect("nobody panics");
        keys.iter().map(|key| map.get(key).expect("a subscriber")[1]).sum()
    });
}

type Table = (&'static str, fn(usize));
const TABLES: [Table; 4] = [("dashmap", dashmap), ("papaya", papaya), ("scc", scc), ("rwlock", rwlock)];

/// Whether this process is there for one of the tables, which it then has timed.
pub fn is_own() -> bool {
    let Some((what, count)) = own() else { return false };
    let table = TABLES.iter().find(|(name, _)| *name == what);
    table.expect("a table of this name").1(count);
    true
}

/// All tables whose figures are wanted.
pub fn lookups(figures: &mut Figures) {
    for (name, _) in TABLES {
        if figures.wants(&format!("peer.{name}.lookup_10m_ns")) {
            in_a_process(figures, name, COUNT);
        }
    }
}
