//! A table of fixed size from the fingerprints of server transactions to numbers: open addressing, linear probing.

/// No entry: its number is one that nobody uses.
const EMPTY: u64 = u64::MAX;

/// Each entry is 32 bits of the fingerprint and the number. The owner of the numbers compares the whole fingerprint.
pub(super) struct Index {
    entries: Vec<u64>,
    len: usize,
}

impl Index {
    /// An index for `capacity` numbers below 2^32 - 1; at most half of it is ever filled.
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: vec![EMPTY; (2 * capacity).next_power_of_two().max(2)], len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn mask(&self) -> usize {
        self.entries.len() - 1
    }

    fn get(&self, at: usize) -> u64 {
        self.entries.get(at & self.mask()).copied().unwrap_or(EMPTY)
    }

    fn set(&mut self, at: usize, entry: u64) {
        let at = at & self.mask();
        if let Some(place) = self.entries.get_mut(at) {
            *place = entry;
        }
    }

    /// The place and the number of the entry for `fingerprint` that `is` knows to be the right one.
    pub(super) fn find(&self, fingerprint: u128, is: impl Fn(u32) -> bool) -> Option<(usize, u32)> {
        let hash = fingerprint as u32;
        let mut at = hash as usize;
        loop {
            let entry = self.get(at);
            if entry == EMPTY {
                return None;
            }
            if (entry >> 32) as u32 == hash && is(entry as u32) {
                return Some((at & self.mask(), entry as u32));
            }
            at = at.wrapping_add(1);
        }
    }

    /// Adds a number; the owner keeps their count within the capacity.
    pub(super) fn insert(&mut self, fingerprint: u128, number: u32) {
        debug_assert!(2 * self.len < self.entries.len());
        let hash = fingerprint as u32;
        let mut at = hash as usize;
        while self.get(at) != EMPTY {
            at = at.wrapping_add(1);
        }
        self.set(at, u64::from(hash) << 32 | u64::from(number));
        self.len += 1;
    }

    /// Removes the entry at a place that [`Index::find`] gave, and closes the gap.
    pub(super) fn remove(&mut self, place: usize) {
        let mask = self.mask();
        let mut gap = place;
        let mut at = place;
        loop {
            at = (at + 1) & mask;
            let entry = self.get(at);
            if entry == EMPTY {
                break;
            }
            // An entry may move back to the gap unless its home lies between the two.
            let home = (entry >> 32) as usize & mask;
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(gap) & mask {
                self.set(gap, entry);
                gap = at;
            }
        }
        self.set(gap, EMPTY);
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_map_over_random_use() {
        let mut index = Index::new(200);
        let mut model = std::collections::BTreeMap::new();
        let mut seed = 7u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % below
        };
        let mut numbers: Vec<u128> = Vec::new();
        for _ in 0..50_000 {
            // Few home places, so that runs are long and wrap around the end.
            let fingerprint = u128::from(random(40) * 13 + 480) | u128::from(random(20)) << 64;
            let found = index.find(fingerprint, |number| numbers[number as usize] == fingerprint);
            assert_eq!(found.map(|(_, number)| number), model.get(&fingerprint).copied());
            match found {
                Some((place, _)) => {
                    index.remove(place);
                    model.remove(&fingerprint);
                }
                None if model.len() < 200 => {
                    index.insert(fingerprint, numbers.len() as u32);
                    model.insert(fingerprint, numbers.len() as u32);
                    numbers.push(fingerprint);
                }
                None => {}
            }
            assert_eq!(index.len(), model.len());
        }
    }
}
