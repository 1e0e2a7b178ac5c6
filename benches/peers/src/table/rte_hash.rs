//! DPDK's hash table with lock-free readers, driven from C. It leads to places; the lines are kept beside it.
#![allow(unsafe_code)] // calls C

use super::support::{BATCH, number};
use super::{line, time};
use crate::measure::prefetch_word;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Lines beyond one for each subscriber, in turn the place of one that has changed.
const SPARE: usize = 1 << 16;

// SAFETY: as `rte_hash.c` defines them.
unsafe extern "C" {
    safe fn peer_rte_hash_start(entries: u32) -> i32;
    safe fn peer_rte_hash_set(key: u64, place: usize) -> i32;
    fn peer_rte_hash_find(keys: *const u64, count: u32, places: *mut *mut c_void) -> i32;
}

pub(super) fn rte_hash(count: usize) {
    assert_eq!(peer_rte_hash_start(count as u32), 0, "DPDK");
    let lines: Vec<[AtomicU64; 8]> = (0..count + SPARE).map(|n| line(n).map(AtomicU64::new)).collect();
    (0..count).for_each(|n| assert_eq!(peer_rte_hash_set(number(n), n), 0));
    let find = |keys: &[u64]| {
        let mut places = [null_mut(); BATCH];
        let room = keys.len().min(BATCH) as u32;
        // SAFETY: so many keys are there, and as many places.
        let found = unsafe { peer_rte_hash_find(keys.as_ptr(), room, places.as_mut_ptr()) };
        assert_eq!(found as usize, keys.len(), "subscribers");
        let found = || places.iter().take(keys.len()).filter_map(|place| lines.get(place.addr()));
        found().for_each(|line| prefetch_word(&line[1]));
        found().map(|line| line[1].load(Ordering::Relaxed)).sum()
    };
    let next = AtomicUsize::new(0);
    let update = |n| {
        let place = count + next.fetch_add(1, Ordering::Relaxed) % SPARE;
        lines[place].iter().for_each(|word| word.store(n as u64, Ordering::Relaxed));
        assert_eq!(peer_rte_hash_set(number(n), place), 0);
    };
    let context = "rte_hash of DPDK 22.11, lock-free readers, CRC as its hash, bulk look-up, lines beside it fetched ahead";
    time("rte_hash", context, count, find, update);
}
