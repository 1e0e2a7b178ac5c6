//! Tables of others with as many subscribers as ours, found by number, a line of 64 octets each: `peer.dashmap.lookup_10m_ns`
//! and so on, each in a process of its own, all in huge pages.

mod rte_hash;
#[path = "../../support/table.rs"]
mod support;

use core::hash::BuildHasher;
use core::hint::black_box;
use std::collections::HashMap;
use std::sync::RwLock;

use crate::measure::Figures;
use support::{
    BATCH, huge_share, in_a_process, least, number, order, own, p999, size, sizes, tell, under_writes,
};

type Line = [u64; 8];

/// The same keyed hash for all of them, as ours has it.
fn hasher() -> impl BuildHasher + Clone {
    ahash::RandomState::with_seeds(1, 2, 3, 4)
}

fn line(n: usize) -> Line {
    [n as u64; 8]
}

/// Times `find`, which looks up the numbers of a batch and gives a sum of what it found, by itself and while `update` puts
/// another line in the place of a subscriber's.
fn time(
    name: &str,
    context: &str,
    count: usize,
    find: impl Fn(&[u64]) -> u64,
    update: impl Fn(usize) + Send + Sync,
) {
    let order = order(count);
    let keys: Vec<u64> = order.iter().map(|&n| number(n)).collect();
    let batched = || {
        least(&keys, |keys| {
            for keys in keys.chunks(BATCH) {
                black_box(find(keys));
            }
        })
    };
    let single = || {
        least(&keys, |keys| {
            for key in keys {
                black_box(find(core::slice::from_ref(key)));
            }
        })
    };
    let (size, update) = (size(count), |made| update(order[order.len() - 1 - made % order.len()]));
    let context = format!("{context}; {count} subscribers by number, {}", huge_share());
    tell(&format!("peer.{name}.lookup_{size}_ns"), batched(), "ns", &format!("batches of 32: {context}"));
    tell(&format!("peer.{name}.lookup_single_{size}_ns"), single(), "ns", &format!("one by one: {context}"));
    let told = |(value, rate): (f64, f64), figure: &str, how: &str| {
        let context = format!("{how}, a second thread replaces {rate:.0} lines a second: {context}");
        tell(&format!("peer.{name}.{figure}"), value, "ns", &context);
    };
    told(under_writes(update, batched), &format!("lookup_{size}_under_writes_ns"), "batches of 32");
    if count == support::TEN_MILLION {
        let worst = || {
            p999(keys.len(), |at| {
                black_box(find(&keys[at..=at]));
            })
        };
        told(under_writes(update, worst), "p999_under_writes_ns", "one by one");
    }
}

fn dashmap(count: usize) {
    let map = dashmap::DashMap::with_capacity_and_hasher(count, hasher());
    (0..count).for_each(|n| assert!(map.insert(number(n), line(n)).is_none()));
    time(
        "dashmap",
        "dashmap 6",
        count,
        |keys| keys.iter().map(|key| map.get(key).expect("a subscriber")[1]).sum(),
        |n| assert!(map.insert(number(n), line(n)).is_some()),
    );
}

fn papaya(count: usize) {
    let map = papaya::HashMap::builder().capacity(count).hasher(hasher()).build();
    (0..count).for_each(|n| assert!(map.pin().insert(number(n), line(n)).is_none()));
    time(
        "papaya",
        "papaya 0.2, a guard for each batch",
        count,
        |keys| {
            let map = map.pin();
            keys.iter().map(|key| map.get(key).expect("a subscriber")[1]).sum()
        },
        |n| assert!(map.pin().insert(number(n), line(n)).is_some()),
    );
}

fn scc(count: usize) {
    let map = scc::HashMap::with_capacity_and_hasher(count, hasher());
    (0..count).for_each(|n| assert!(map.insert_sync(number(n), line(n)).is_ok()));
    time(
        "scc",
        "scc 3",
        count,
        |keys| keys.iter().map(|key| map.read_sync(key, |_, line| line[1]).expect("a subscriber")).sum(),
        |n| assert!(map.upsert_sync(number(n), line(n)).is_some()),
    );
}

fn rwlock(count: usize) {
    let mut map = HashMap::with_capacity_and_hasher(count, hasher());
    (0..count).for_each(|n| assert!(map.insert(number(n), line(n)).is_none()));
    let map = RwLock::new(map);
    time(
        "rwlock",
        "RwLock<HashMap> with ahash, locked for each batch",
        count,
        |keys| {
            let map = map.read().expect("nobody panics");
            keys.iter().map(|key| map.get(key).expect("a subscriber")[1]).sum()
        },
        |n| assert!(map.write().expect("nobody panics").insert(number(n), line(n)).is_some()),
    );
}

type Table = (&'static str, fn(usize));
const TABLES: [Table; 5] = [
    ("dashmap", dashmap),
    ("papaya", papaya),
    ("scc", scc),
    ("rwlock", rwlock),
    ("rte_hash", rte_hash::rte_hash),
];

/// Whether this process is there for one of the tables, which it then has timed.
pub fn is_own() -> bool {
    let Some((what, count)) = own() else { return false };
    let table = TABLES.iter().find(|(name, _)| *name == what);
    table.expect("a table of this name").1(count);
    true
}

/// All tables whose figures are wanted.
pub fn lookups(figures: &mut Figures) {
    for &count in sizes() {
        for (name, _) in TABLES {
            let mut wanted =
                vec![format!("lookup_{}_", size(count)), format!("lookup_single_{}_", size(count))];
            wanted.extend((count == support::TEN_MILLION).then(|| "p999_".into()));
            if wanted.iter().any(|figure| figures.wants(&format!("peer.{name}.{figure}"))) {
                in_a_process(figures, name, count);
            }
        }
    }
}
