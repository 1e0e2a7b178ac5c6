//! From a key's hash to the records that may have it: one writer, readers without locks and in bounded time.

use super::memory::{Pages, equal_halves, prefetch};
use super::sync::{AtomicU64, AtomicUsize, Ordering, WORDS};

/// Entries of a bucket. The half word that is left counts the keys of this bucket that stand elsewhere.
const ENTRIES: usize = 2 * WORDS - 1;
/// Buckets in which a key may stand, the first by preference.
pub(super) const HOMES: u64 = 8;
/// An index that is full fills so many of three parts of its entries.
const FILLED: usize = 2;
/// Keys that may stand in one of the other homes, for each bucket where they don't.
const MOST_DISPLACED: u32 = 15;
/// The most records: four bits are left to tell one from another.
pub(super) const MAX_RECORDS: usize = (1 << 28) - 1;

/// A key stands in the first of its homes that had a place when it came, and never moves; where that is not the first of
/// all, the first says how many of its keys stand in which of the others. So a reader looks at one bucket nearly always
/// and at no more than eight, can't miss a key that is there, and nothing has to be tidied up behind a key that goes.
///
/// An entry has 32 bits: the record plus one, and above it as many bits of the hash, never zero, as are left.
pub(super) struct Index {
    buckets: Pages<WORDS>,
    capacity: usize,
    /// Bits of an entry that are the record's.
    bits: u32,
    /// Changed by the writer alone.
    used: AtomicUsize,
}

/// The number below `bound` that lies as high in its range as `word` in its own.
#[inline]
fn scale(word: u32, bound: u64) -> u64 {
    (u64::from(word) * bound) >> 32
}

impl Index {
    /// An index for `capacity` keys of at most `records` records.
    pub(super) fn new(capacity: usize, records: usize) -> Self {
        let least = (capacity * 3).div_ceil(FILLED * ENTRIES) + 1;
        // No factor below the number of homes, so that all homes of a key are different buckets.
        let is_fit = |count: &usize| [2, 3, 5, 7].iter().all(|factor| !count.is_multiple_of(*factor));
        let buckets = (least.max(HOMES as usize)..).find(is_fit).unwrap_or(least);
        let bits = usize::BITS - records.leading_zeros();
        Self { buckets: Pages::new(buckets), capacity, bits, used: AtomicUsize::new(0) }
    }

    /// The memory that it takes.
    pub(super) fn pages(&self) -> &Pages<WORDS> {
        &self.buckets
    }

    /// What an entry of this hash has above the record.
    #[inline]
    fn mark(&self, hash: u64) -> u32 {
        (scale(hash as u32, (1 << (32 - self.bits)) - 1) as u32 + 1) << self.bits
    }

    /// What of an entry is the record's.
    #[inline]
    fn own(&self) -> u32 {
        (1 << self.bits) - 1
    }

    fn entry(&self, hash: u64, record: u32) -> u32 {
        self.mark(hash) | (record + 1)
    }

    /// One of the buckets where a key may stand.
    #[inline]
    pub(super) fn home(&self, hash: u64, number: u64) -> usize {
        let buckets = self.buckets.len() as u64;
        let first = scale((hash >> 32) as u32, buckets);
        if number == 0 {
            return first as usize;
        }
        // All bits of the hash are mixed, so that keys of one bucket have different others.
        let stride = 1 + scale((hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32, buckets - 1);
        ((first + number * stride) % buckets) as usize
    }

    /// Begins to fetch the bucket where a key most probably stands.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        if let Some(bucket) = self.buckets.get(self.home(hash, 0)) {
            prefetch(bucket);
        }
    }

    /// Offers `accept` the records of a bucket that may have the key, until it gives something; else how many keys of this
    /// bucket stand in which other.
    #[inline]
    fn scan<T>(
        &self,
        bucket: &[AtomicU64; WORDS],
        hash: u64,
        accept: &mut impl FnMut(u32) -> Option<T>,
    ) -> Result<T, u32> {
        let (mark, own) = (self.mark(hash), self.own());
        // All are compared before any is looked at: where a key stands can't be foreseen, and of branches for each entry one
        // would be foreseen wrongly for nearly each key.
        let (mut hits, last) = equal_halves(bucket, mark, !own);
        hits &= (1 << ENTRIES) - 1;
        while hits != 0 {
            let at = hits.trailing_zeros() as usize;
            let entry = bucket.get(at / 2).map_or(0, |word| entry_in(word, at));
            if entry & !own != mark {
                return self.scan_each(bucket, hash, accept);
            }
            if let Some(found) = accept((entry & own).wrapping_sub(1)) {
                return Ok(found);
            }
            hits &= hits - 1;
        }
        Err((last >> 32) as u32)
    }

    /// [`Index::scan`] when an entry has changed meanwhile: each is read once.
    #[cold]
    fn scan_each<T>(
        &self,
        bucket: &[AtomicU64; WORDS],
        hash: u64,
        accept: &mut impl FnMut(u32) -> Option<T>,
    ) -> Result<T, u32> {
        let (mark, own) = (self.mark(hash), self.own());
        let entries = (0..ENTRIES).filter_map(|at| Some(entry_in(bucket.get(at / 2)?, at)));
        let mut hits = entries.filter(|entry| entry & !own == mark);
        let found = hits.find_map(|entry| accept((entry & own).wrapping_sub(1)));
        found.ok_or_else(|| bucket.last().map_or(0, |counts| entry_in(counts, ENTRIES)))
    }

    /// The records that the first bucket has for this hash, of which one is its key's most probably: the first two, or the only
    /// one twice; and whether there may be others: there too, or elsewhere if there is none.
    #[inline]
    pub(super) fn first(&self, hash: u64) -> (Option<[u32; 2]>, bool) {
        let Some(bucket) = self.buckets.get(self.home(hash, 0)) else { return (None, false) };
        let own = self.own();
        let (hits, last) = equal_halves(bucket, self.mark(hash), !own);
        let hits = hits & ((1 << ENTRIES) - 1);
        if hits == 0 {
            return (None, last >> 32 != 0);
        }
        let record = |hits: u32| {
            let at = hits.trailing_zeros() as usize;
            bucket.get(at / 2).map_or(0, |word| entry_in(word, at) & own).wrapping_sub(1)
        };
        let others = hits & (hits - 1);
        let next = if others == 0 { hits } else { others };
        (Some([record(hits), record(next)]), others & others.wrapping_sub(1) != 0)
    }

    /// Offers `see` each record that the first bucket has for this hash.
    pub(super) fn see_first(&self, hash: u64, see: impl FnMut(u32)) {
        self.see(self.buckets.get(self.home(hash, 0)), hash, see);
    }

    /// Offers `see` each record that other buckets have for it.
    pub(super) fn see_others(&self, hash: u64, see: impl FnMut(u32)) {
        self.see(self.others(hash), hash, see);
    }

    fn see<'t>(
        &self,
        buckets: impl IntoIterator<Item = &'t [AtomicU64; WORDS]>,
        hash: u64,
        mut see: impl FnMut(u32),
    ) {
        let mut see = |record| {
            see(record);
            None::<()>
        };
        for bucket in buckets {
            let _ = self.scan(bucket, hash, &mut see);
        }
    }

    /// Begins to fetch the other buckets in which keys of the first one stand.
    pub(super) fn prefetch_others(&self, hash: u64) {
        self.others(hash).for_each(prefetch);
    }

    fn others(&self, hash: u64) -> impl Iterator<Item = &[AtomicU64; WORDS]> {
        let counts = self.buckets.get(self.home(hash, 0)).and_then(|first| first.last());
        self.homes_of(hash, counts.map_or(0, |counts| entry_in(counts, ENTRIES)))
    }

    /// The buckets but the first where a key of that one may stand.
    fn homes_of(&self, hash: u64, elsewhere: u32) -> impl Iterator<Item = &[AtomicU64; WORDS]> {
        let homes = (1..HOMES).filter(move |&home| displaced(elsewhere, home) > 0);
        homes.filter_map(move |home| self.buckets.get(self.home(hash, home)))
    }

    /// Offers `accept` every record that may have the key of `hash`, until it gives something.
    #[inline]
    pub(super) fn find<T>(&self, hash: u64, mut accept: impl FnMut(u32) -> Option<T>) -> Option<T> {
        match self.scan(self.buckets.get(self.home(hash, 0))?, hash, &mut accept) {
            Ok(found) => Some(found),
            Err(0) => None,
            Err(elsewhere) => self.find_elsewhere(hash, elsewhere, &mut accept),
        }
    }

    #[cold]
    fn find_elsewhere<T>(
        &self,
        hash: u64,
        elsewhere: u32,
        accept: &mut impl FnMut(u32) -> Option<T>,
    ) -> Option<T> {
        self.homes_of(hash, elsewhere).find_map(|bucket| self.scan(bucket, hash, accept).ok())
    }

    /// For the writer: where such an entry stands among a key's homes: home, bucket, and place there.
    fn places(&self, hash: u64, entry: u32) -> impl Iterator<Item = (u64, usize, usize)> + '_ {
        (0..HOMES).flat_map(move |home| {
            let bucket = self.home(hash, home);
            let entries = self.buckets.get(bucket).into_iter().flat_map(halves).enumerate();
            entries
                .filter(move |(_, (word, shift))| half(word, *shift) == entry)
                .map(move |(at, _)| (home, bucket, at))
        })
    }

    fn set(&self, bucket: usize, at: usize, entry: u32) {
        if let Some((word, shift)) = self.buckets.get(bucket).and_then(|bucket| halves(bucket).nth(at)) {
            set_half(word, shift, entry);
        }
    }

    /// Whether two keys of one record have the same entry, so that nobody can say which of them one is.
    pub(super) fn are_alike(&self, one: u64, other: u64) -> bool {
        self.mark(one) == self.mark(other)
    }

    /// For the writer: adds an entry; false if there is no place for it. That there are not more than
    /// [`Index::capacity`] is the writer's to see to: while it replaces a record there may be a few more.
    pub(super) fn insert(&self, hash: u64, record: u32) -> bool {
        let Some(counts) = self.buckets.get(self.home(hash, 0)).and_then(|first| first.last()) else {
            return false;
        };
        for home in 0..HOMES {
            let place = self
                .buckets
                .get(self.home(hash, home))
                .and_then(|bucket| halves(bucket).find(|(word, shift)| half(word, *shift) == 0));
            let Some((word, shift)) = place else { continue };
            if home > 0 {
                let elsewhere = half(counts, 32);
                if displaced(elsewhere, home) == MOST_DISPLACED {
                    continue;
                }
                // Before the entry, so that whoever looks for a key that is there looks everywhere.
                set_half(counts, 32, elsewhere + (1 << (4 * home)));
            }
            set_half(word, shift, self.entry(hash, record));
            self.used.store(self.len() + 1, Ordering::Relaxed);
            return true;
        }
        false
    }

    /// For the writer: a key's entry leads to another record from now on; no reader misses it meanwhile. It is no key like
    /// another one of its record ([`Index::are_alike`]).
    pub(super) fn replace(&self, hash: u64, old: u32, new: u32) {
        let place = self.places(hash, self.entry(hash, old)).next();
        debug_assert!(place.is_some(), "the entry to replace is there");
        if let Some((_, bucket, at)) = place {
            self.set(bucket, at, self.entry(hash, new));
        }
    }

    /// For the writer: removes the entries of keys of a record, all that are alike at a time: which is whose does not matter
    /// then, except to the counts.
    pub(super) fn remove(&self, hashes: &[u64], record: u32) {
        let of = |hash: &u64| self.places(*hash, self.entry(*hash, record)).collect();
        let all: Vec<Vec<(u64, usize, usize)>> = hashes.iter().map(of).collect();
        debug_assert!(all.iter().all(|places| !places.is_empty()), "the entries to remove are there");
        for &(_, bucket, at) in all.iter().flatten() {
            self.set(bucket, at, 0);
        }
        let mut cleared: Vec<_> = all.iter().flatten().map(|(_, bucket, at)| (bucket, at)).collect();
        cleared.sort_unstable();
        cleared.dedup();
        self.used.store(self.len().saturating_sub(cleared.len()), Ordering::Relaxed);
        for (hash, places) in hashes.iter().zip(&all) {
            let [(home @ 1.., bucket, at)] = places[..] else { continue };
            let is_it = |place: &&(u64, usize, usize)| (place.1, place.2) == (bucket, at);
            // Of two that are alike it can't be said which stood where: a count too high costs a look, one too low a key.
            if all.iter().flatten().filter(is_it).count() == 1
                && let Some(counts) = self.buckets.get(self.home(*hash, 0)).and_then(|first| first.last())
            {
                set_half(counts, 32, half(counts, 32) - (1 << (4 * home)));
            }
        }
    }

    /// How many buckets a look-up of this hash reads at most.
    #[cfg(test)]
    pub(super) fn buckets_of(&self, hash: u64) -> usize {
        let counts = self.buckets.get(self.home(hash, 0)).and_then(|first| first.last());
        let elsewhere = counts.map_or(0, |counts| half(counts, 32));
        1 + (1..HOMES).filter(|&home| displaced(elsewhere, home) > 0).count()
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

/// Of the keys of a bucket that stand elsewhere, those in this one of their homes.
fn displaced(elsewhere: u32, home: u64) -> u32 {
    elsewhere >> (4 * home) & MOST_DISPLACED
}

/// The entries of a bucket, each a word and the bit where it begins there.
fn halves(bucket: &[AtomicU64; WORDS]) -> impl Iterator<Item = (&AtomicU64, u32)> {
    bucket.iter().flat_map(|word| [(word, 0), (word, 32)]).take(ENTRIES)
}

/// An entry by its place, for a reader.
#[inline]
fn entry_in(word: &AtomicU64, at: usize) -> u32 {
    let word = word.load(Ordering::Acquire);
    (word >> (32 * (at % 2))) as u32
}

fn half(word: &AtomicU64, shift: u32) -> u32 {
    (word.load(Ordering::Relaxed) >> shift) as u32
}

/// Changes half a word; the other half is the same writer's.
fn set_half(word: &AtomicU64, shift: u32, value: u32) {
    let other = word.load(Ordering::Relaxed) & !(u64::from(u32::MAX) << shift);
    word.store(other | u64::from(value) << shift, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colliding_keys_are_all_offered_and_removed_alone() {
        let index = Index::new(100, MAX_RECORDS);
        let records = |hash| {
            let mut found = Vec::new();
            index.find(hash, |record| {
                found.push(record);
                None::<()>
            });
            found.sort_unstable();
            found
        };
        let hash = 0xabcd_0000_0000_000f;
        for record in 0..4 {
            assert!(index.insert(hash, record));
        }
        assert_eq!(records(hash), [0, 1, 2, 3]);
        index.remove(&[hash], 1);
        assert_eq!(records(hash), [0, 2, 3]);
        index.replace(hash, 2, 7);
        assert_eq!(records(hash), [0, 3, 7]);
        assert!(index.insert(hash, MAX_RECORDS as u32 - 1));
        assert_eq!(records(hash), [0, 3, 7, MAX_RECORDS as u32 - 1]);
        assert_eq!(records(hash ^ 1 << 31), [0; 0], "other bits of the hash");
        let mut most = 4;
        while index.insert(hash, 1000 + most) {
            most += 1;
        }
        assert_eq!(most as usize, ENTRIES * HOMES as usize, "all its homes are full");
        assert_eq!((index.len(), records(hash).len()), (most as usize, most as usize));
        let (mut here, mut elsewhere) = (0, 0);
        index.see_first(hash, |_| here += 1);
        index.see_others(hash, |_| elsewhere += 1);
        assert_eq!((here, here + elsewhere), (ENTRIES, most as usize));
        assert_eq!(index.first(hash), (Some([0, MAX_RECORDS as u32 - 1]), true), "there are others");
        assert_eq!(index.first(hash ^ 1 << 31), (None, true), "of a key of this bucket that is elsewhere");
        for record in 1004..1000 + most {
            index.remove(&[hash], record);
        }
        assert_eq!(records(hash), [0, 3, 7, MAX_RECORDS as u32 - 1]);
        let counts = half(index.buckets[index.home(hash, 0)].last().unwrap(), 32);
        assert_eq!(counts, 0, "nobody stands elsewhere any more");
        assert_eq!(index.first(hash ^ 1 << 31), (None, false));
    }

    /// Entries of one record can be equal: what is left of them is found whichever goes.
    #[test]
    fn keys_that_are_alike_are_not_lost_with_each_other() {
        let index = Index::new(100, MAX_RECORDS);
        let (one, other) = (5 << 59 | 7, 5 << 59 | 7 | 1 << 31 | 1 << 35);
        assert!(index.home(one, 0) == index.home(other, 0) && index.home(one, 1) != index.home(other, 1));
        // One had to go elsewhere, and the other has a place in the bucket that is the first for both.
        let other = other & !(1 << 31);
        assert!(index.are_alike(one, other));
        for record in 10..10 + ENTRIES as u32 {
            assert!(index.insert(one, record));
        }
        assert!(index.insert(one, 1));
        index.remove(&[one], 10);
        assert!(index.insert(other, 1));
        let finds = |hash, record| index.find(hash, |it| (it == record).then_some(())).is_some();
        assert!(finds(one, 1) && finds(other, 1));
        let before = index.len();
        index.remove(&[one, other], 1);
        assert!(!finds(one, 1) && !finds(other, 1));
        assert_eq!(index.len(), before - 2);
        assert!((11..10 + ENTRIES as u32).all(|record| finds(one, record)));
    }

    #[test]
    fn years_of_coming_and_going_at_full_capacity_overflow_no_bucket() {
        for (capacity, rounds) in [(4, 50_000), (64, 50_000), (4096, 500_000), (65_536, 1_000_000)] {
            let (capacity, rounds) = if cfg!(miri) { (4, 100) } else { (capacity, rounds) };
            let index = Index::new(capacity as usize, MAX_RECORDS);
            let key = crate::base::SipKey::new([1; 16]);
            for n in 0..rounds {
                assert!(index.insert(key.hash_u64(n), n as u32), "{capacity} {n}");
                // Which one goes is as random as the key that comes, once it is full.
                if n + 1 >= capacity {
                    index.remove(&[key.hash_u64(n + 1 - capacity)], (n + 1 - capacity) as u32);
                }
            }
            assert_eq!(index.len() as u64, capacity - 1);
            for n in rounds + 1 - capacity..rounds {
                assert_eq!(index.find(key.hash_u64(n), |it| (it == n as u32).then_some(it)), Some(n as u32));
            }
        }
    }
}
