//! Who is about to be in the table: subscribers whose registration waits for the HLR.
//!
//! What the HLR sends on after it has registered a subscriber (an alerted service centre's message, say) can be here before the
//! control thread has dealt with its answer. A worker that does not find a subscriber in the table looks here too, and has
//! itself told when the registration has ended.

use super::sync::{AtomicU64, Ordering, PLACES};
use crate::ident::WorkerId;

/// The low bits of a word: the workers that are to be told.
const WORKERS: u64 = 0xffff;

/// A word for each registration under way, at a place that follows from the IMSI's hash: its upper bits, with a bit for
/// each worker that waits.
pub(super) struct Joining(Box<[AtomicU64]>);

impl Default for Joining {
    fn default() -> Self {
        Self((0..PLACES).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Joining {
    fn place(&self, hash: u64) -> Option<&AtomicU64> {
        self.0.get(hash as usize % PLACES)
    }

    /// What stands for a subscriber; never zero.
    const fn tag(hash: u64) -> u64 {
        hash & !WORKERS | 1 << 63
    }

    const fn bit(worker: WorkerId) -> u64 {
        1 << (worker.0 % 16)
    }

    /// A registration waits for the HLR from now on. Whether there was a place for it.
    pub(super) fn begin(&self, hash: u64) -> bool {
        let tag = Self::tag(hash);
        self.place(hash).is_some_and(|word| {
            let taken = word.compare_exchange(0, tag, Ordering::AcqRel, Ordering::Acquire);
            taken.is_ok() || taken.is_err_and(|other| other & !WORKERS == tag)
        })
    }

    /// It has ended, and the table says how: for whom to tell, see [`Joining::is_told`].
    pub(super) fn end(&self, hash: u64) -> u16 {
        let Some(word) = self.place(hash) else { return 0 };
        let tag = Self::tag(hash);
        let ended = word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| (word & !WORKERS == tag).then_some(0));
        ended.map_or(0, |word| word as u16)
    }

    /// Whether a worker is among those that [`Joining::end`] gave; of more than sixteen, some may be told in vain.
    pub(super) const fn is_told(told: u16, worker: WorkerId) -> bool {
        told as u64 & Self::bit(worker) != 0
    }

    /// Whether a registration is under way. If it is, `worker` is told of its end; if not, the table is to be asked once
    /// more, since it may just have ended.
    pub(super) fn wait(&self, hash: u64, worker: WorkerId) -> bool {
        let tag = Self::tag(hash);
        self.place(hash).is_some_and(|word| {
            let waits = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                (word & !WORKERS == tag).then_some(word | Self::bit(worker))
            });
            waits.is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: u64 = 0x1234_5678_9abc_0042;

    #[test]
    fn who_waits_is_told_once() {
        let joining = Joining::default();
        assert!(!joining.wait(HASH, WorkerId(1)), "nobody registers");
        assert!(joining.begin(HASH) && joining.begin(HASH), "another contact of the same subscriber");
        assert!(
            joining.wait(HASH, WorkerId(1))
                && joining.wait(HASH, WorkerId(3))
                && joining.wait(HASH, WorkerId(3))
        );
        let told = joining.end(HASH);
        assert_eq!(
            [0, 1, 2, 3].map(|worker| Joining::is_told(told, WorkerId(worker))),
            [false, true, false, true]
        );
        assert_eq!((joining.end(HASH), joining.wait(HASH, WorkerId(1))), (0, false));
    }

    #[test]
    fn subscribers_of_one_place_are_not_mistaken() {
        let joining = Joining::default();
        let other = HASH ^ 1 << 40;
        assert!(joining.begin(HASH) && !joining.begin(other), "no place");
        assert!(!joining.wait(other, WorkerId(0)));
        assert_eq!(joining.end(other), 0);
        assert!(joining.wait(HASH, WorkerId(0)), "and the first still registers");
    }

    /// However a worker's look and the end of a registration fall together: it is told, or it finds the end.
    #[test]
    fn nobody_waits_in_vain() {
        let joining = Joining::default();
        for _ in 0..2_000 {
            assert!(joining.begin(HASH));
            let (waits, told) = std::thread::scope(|scope| {
                let waits = scope.spawn(|| joining.wait(HASH, WorkerId(2)));
                let told = joining.end(HASH);
                (waits.join().unwrap(), told)
            });
            assert_eq!(waits, Joining::is_told(told, WorkerId(2)));
        }
    }
}
