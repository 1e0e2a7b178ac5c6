//! Whose registrations have been restored after a start, shard by shard: who is not in the table, and whose shard is not
//! there yet, may be registered for all that anybody knows.

use crate::ident::Imsi;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bits of shards that have been restored. Only the control thread sets them; workers read.
#[derive(Debug)]
pub struct Loading {
    shards: [AtomicU64; Self::SHARDS / 64],
    everything: AtomicBool,
}

impl Default for Loading {
    /// Nothing has been restored yet.
    fn default() -> Self {
        Self { shards: Default::default(), everything: AtomicBool::new(false) }
    }
}

impl Loading {
    /// How many shards there are.
    pub const SHARDS: usize = 256;

    /// There is nothing to restore.
    #[must_use]
    pub fn nothing() -> Self {
        Self { everything: AtomicBool::new(true), ..Self::default() }
    }

    /// The shard of a subscriber, by the digits of the IMSI or whatever names him. The same in every life: rows are kept by it.
    #[must_use]
    pub fn shard_of(name: &[u8]) -> u8 {
        // FNV-1a, whose upper octet is folded in: shards need no more than to be of about one size.
        let step = |hash: u64, octet: &u8| (hash ^ u64::from(*octet)).wrapping_mul(0x100_0000_01b3);
        let hash = name.iter().fold(0xcbf2_9ce4_8422_2325, step);
        (hash ^ hash >> 29 ^ hash >> 51) as u8
    }

    /// The shard of the subscriber with this IMSI.
    #[must_use]
    pub fn shard_of_imsi(imsi: Imsi) -> u8 {
        Self::shard_of(&imsi.digits().to_u128().to_be_bytes())
    }

    /// The subscribers of a shard are in the table.
    pub fn shard_done(&self, shard: u8) {
        if let Some(word) = self.shards.get(usize::from(shard / 64)) {
            word.fetch_or(1 << (shard % 64), Ordering::Release);
        }
    }

    /// Everybody is, and everything else that was kept is known.
    pub fn all_done(&self) {
        self.everything.store(true, Ordering::Release);
    }

    /// Whether everybody is in the table who was registered.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.everything.load(Ordering::Acquire)
    }

    /// Whether the subscribers of a shard are.
    #[must_use]
    pub fn has_shard(&self, shard: u8) -> bool {
        let word = self.shards.get(usize::from(shard / 64));
        self.is_done() || word.is_some_and(|word| word.load(Ordering::Acquire) & 1 << (shard % 64) != 0)
    }

    /// Whether the subscriber with this IMSI would be in the table, were he registered.
    #[must_use]
    pub fn has(&self, imsi: Imsi) -> bool {
        self.is_done() || self.has_shard(Self::shard_of_imsi(imsi))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_there_when_it_is_done_and_all_are_in_the_end() {
        let loading = Loading::default();
        let imsi: Imsi = "262010000000001".parse().unwrap();
        let shard = Loading::shard_of_imsi(imsi);
        assert!(!loading.has(imsi) && !loading.is_done());
        loading.shard_done(shard);
        assert!(loading.has(imsi) && !loading.is_done());
        assert_eq!((0..=255).filter(|shard| loading.has_shard(*shard)).count(), 1);
        loading.all_done();
        assert!((0..=255).all(|shard| loading.has_shard(shard)) && loading.is_done());
        assert!(Loading::nothing().has(imsi));
    }

    /// Rows are kept by it: another hash would look for everybody in another place.
    #[test]
    fn shards_are_the_same_in_every_life_and_of_about_one_size() {
        assert_eq!(Loading::shard_of(b""), 127);
        let mut sizes = [0u32; Loading::SHARDS];
        for number in 0..100_000 {
            let imsi: Imsi = format!("26201{number:010}").parse().unwrap();
            sizes[usize::from(Loading::shard_of_imsi(imsi))] += 1;
        }
        assert!(sizes.iter().all(|size| (200..600).contains(size)), "{sizes:?}");
    }
}
