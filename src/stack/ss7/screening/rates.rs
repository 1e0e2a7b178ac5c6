//! How much each peer may send, in a table of fixed size that strangers can't aim at.

use crate::base::{SipKey, Time};

/// So often, and so many at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rate {
    /// Nanoseconds for each.
    interval: u64,
    /// By how many nanoseconds the next may be early.
    tolerance: u64,
}

impl Rate {
    /// `per_second` on average, `burst` at once; `None` if nothing is limited.
    pub(super) fn new(per_second: u32, burst: u32) -> Option<Self> {
        let interval = 1_000_000_000u64.checked_div(per_second.into())?.max(1);
        Some(Self { interval, tolerance: interval * u64::from(burst.max(1) - 1) })
    }
}

/// A bucket, empty or partly used: when it will be full again, which is all that has to be kept of it (the virtual scheduling
/// of ITU-T I.371). One that is full already is a free place.
#[derive(Clone, Copy, Default, Debug)]
struct Bucket {
    /// Whose it is.
    mark: u64,
    /// When it is full.
    full_at: u64,
}

impl Bucket {
    fn take(&mut self, now: u64, rate: Rate) -> bool {
        let full_at = self.full_at.max(now);
        let is_there = full_at - now <= rate.tolerance;
        if is_there {
            self.full_at = full_at.saturating_add(rate.interval);
        }
        is_there
    }
}

/// Buckets by a keyed hash of whom they are for, four to a set. Who finds all four of his set in use by others takes from one
/// bucket together with everybody else who does: to pretend to be many wins a stranger no more than one of them has.
#[derive(Debug)]
pub(super) struct Rates {
    key: SipKey,
    sets: Box<[[Bucket; 4]]>,
    shared: Bucket,
    /// How often somebody took from the bucket of all.
    pub(super) shared_count: u64,
}

impl Rates {
    /// Room for so many at a time, rounded up to a power of two.
    pub(super) fn new(key: SipKey, entries: u32) -> Self {
        let sets = (entries as usize).div_ceil(4).next_power_of_two();
        let sets = vec![[Bucket::default(); 4]; sets].into_boxed_slice();
        Self { key, sets, shared: Bucket::default(), shared_count: 0 }
    }

    /// A mark for what is limited, by two words of it.
    pub(super) fn mark(&self, words: [u64; 2]) -> u64 {
        self.key.quick_hash_words(words)
    }

    /// Takes one from somebody's bucket; whether there was one.
    pub(super) fn take(&mut self, now: Time, mark: u64, rate: Rate) -> bool {
        let now = now.as_nanos();
        let at = mark as usize & (self.sets.len() - 1);
        let Some(set) = self.sets.get_mut(at) else { return true };
        if let Some(own) = set.iter_mut().find(|bucket| bucket.mark == mark) {
            return own.take(now, rate);
        }
        if let Some(free) = set.iter_mut().find(|bucket| bucket.full_at <= now) {
            *free = Bucket { mark, full_at: 0 };
            return free.take(now, rate);
        }
        self.shared_count += 1;
        self.shared.take(now, rate)
    }
}
