//! From a key's hash to the slots that may hold it: one writer, readers without locks and in bounded time.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const EMPTY: u64 = 0;
/// Slots are stored plus one.
pub(super) const MAX_SLOTS: usize = u32::MAX as usize;
const WAYS: usize = 8;

/// One cache line. An entry holds 32 bits of the hash and the slot plus one.
#[derive(Default)]
#[repr(align(64))]
struct Bucket([AtomicU64; WAYS]);

/// A key stands in one of two buckets, the emptier when it came, and never moves. So a reader looks at sixteen entries
/// and no more, can't miss a key that is there, and nothing has to be tidied up behind a key that goes.
pub(super) struct Index {
    buckets: Box<[Bucket]>,
    capacity: usize,
    /// Changed by the writer alone.
    used: AtomicUsize,
}

impl Index {
    /// An index for `capacity` keys. At most half full, with two choices, buckets practically never overflow.
    pub(super) fn new(capacity: usize) -> Self {
        let buckets = (capacity * 2).div_ceil(WAYS).next_power_of_two().max(4);
        Self {
            buckets: (0..buckets).map(|_| Bucket::default()).collect(),
            capacity,
            used: AtomicUsize::new(0),
        }
    }

    /// Octets that it takes.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    fn word(hash: u64, slot: u32) -> u64 {
        hash & !u64::from(u32::MAX) | (u64::from(slot) + 1)
    }

    /// The two buckets of a hash, always different ones.
    fn homes(&self, hash: u64) -> [&[AtomicU64]; 2] {
        let mask = self.buckets.len() - 1;
        let first = hash as usize & mask;
        // The stored bits say nothing about the low ones; for the other bucket all are mixed.
        let second = first ^ ((hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize | 1) & mask;
        [first, second].map(|at| self.buckets.get(at).map_or(&[][..], |bucket| &bucket.0))
    }

    /// Offers `accept` every slot that may hold the key of `hash`, until it gives something.
    pub(super) fn find<T>(&self, hash: u64, mut accept: impl FnMut(u32) -> Option<T>) -> Option<T> {
        for entry in self.homes(hash).into_iter().flatten() {
            let word = entry.load(Ordering::Acquire);
            if word != EMPTY
                && word >> 32 == hash >> 32
                && let Some(found) = accept((word as u32).wrapping_sub(1))
            {
                return Some(found);
            }
        }
        None
    }

    /// For the writer: adds an entry; false if there is no place for it. That there are not more than
    /// [`Index::capacity`] is the writer's to see to: while it replaces a record there may be a few more.
    pub(super) fn insert(&self, hash: u64, slot: u32) -> bool {
        let free =
            |bucket: &[AtomicU64]| bucket.iter().filter(|e| e.load(Ordering::Relaxed) == EMPTY).count();
        let [first, second] = self.homes(hash);
        let home = if free(first) >= free(second) { first } else { second };
        let Some(entry) = home.iter().find(|entry| entry.load(Ordering::Relaxed) == EMPTY) else {
            return false;
        };
        entry.store(Self::word(hash, slot), Ordering::Release);
        self.used.store(self.len() + 1, Ordering::Relaxed);
        true
    }

    /// For the writer: removes an entry that [`Index::insert`] added.
    pub(super) fn remove(&self, hash: u64, slot: u32) {
        let word = Self::word(hash, slot);
        match self.homes(hash).into_iter().flatten().find(|entry| entry.load(Ordering::Relaxed) == word) {
            Some(entry) => {
                entry.store(EMPTY, Ordering::Release);
                self.used.store(self.len().saturating_sub(1), Ordering::Relaxed);
            }
            None => debug_assert!(false, "the entry to remove is there"),
        }
    }

    /// The most keys.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colliding_keys_are_all_offered_and_removed_alone() {
        let index = Index::new(100);
        let slots = |hash| {
            let mut found = Vec::new();
            index.find(hash, |slot| {
                found.push(slot);
                None::<()>
            });
            found.sort_unstable();
            found
        };
        let hash = 0xabcd_0000_0000_000f;
        for slot in 0..4 {
            assert!(index.insert(hash, slot));
        }
        assert_eq!(slots(hash), [0, 1, 2, 3]);
        index.remove(hash, 1);
        assert_eq!(slots(hash), [0, 2, 3]);
        assert!(index.insert(hash, u32::MAX - 1));
        assert_eq!(slots(hash), [0, 2, 3, u32::MAX - 1]);
        assert_eq!(slots(hash ^ 1 << 63), [0; 0], "other bits of the hash");
        for slot in 4..16 {
            assert!(index.insert(hash, slot));
        }
        assert!(!index.insert(hash, 16), "both buckets are full");
        assert_eq!((index.len(), slots(hash).len()), (16, 16));
    }

    #[test]
    fn years_of_coming_and_going_at_full_capacity_overflow_no_bucket() {
        for (capacity, rounds) in [(4, 50_000), (64, 50_000), (4096, 500_000), (65_536, 1_000_000)] {
            let (capacity, rounds) = if cfg!(miri) { (4, 100) } else { (capacity, rounds) };
            let index = Index::new(capacity as usize);
            let key = crate::base::SipKey::new([1; 16]);
            for n in 0..rounds {
                assert!(index.insert(key.hash_u64(n), n as u32), "{capacity} {n}");
                // Which one goes is as random as the key that comes, once it is full.
                if n + 1 >= capacity {
                    index.remove(key.hash_u64(n + 1 - capacity), (n + 1 - capacity) as u32);
                }
            }
            assert_eq!(index.len() as u64, capacity - 1);
            for n in rounds + 1 - capacity..rounds {
                assert_eq!(index.find(key.hash_u64(n), Some), Some(n as u32));
            }
        }
    }
}
