//! The words of a subscriber that any worker may change: MT in progress and the last MO.

use super::sync::{AtomicU64, Ordering};
use crate::ident::WorkerId;

/// Who is sending an MT message to a subscriber: a worker, and its own name for the transfer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Holder {
    /// The worker.
    pub worker: WorkerId,
    /// The slot of the transfer at that worker; its low 24 bits are kept.
    pub slot: u32,
    /// The low bits of that slot's generation.
    pub generation: u16,
}

const HELD: u64 = 1 << 63;
const MR: u64 = 0xff;
/// UNRI: a message did not reach the subscriber (TS 23.008 3.2.5). It is the subscriber's, whoever holds the word.
const UNRI: u64 = 1 << 62;
/// What in the word is not the holder's.
const OTHERS: u64 = MR | UNRI;

impl Holder {
    fn to_bits(self) -> u64 {
        HELD | u64::from(self.generation) << 40
            | u64::from(self.worker.0) << 32
            | u64::from(self.slot & 0xff_ffff) << 8
    }

    fn from_bits(word: u64) -> Option<Self> {
        (word & HELD != 0).then_some(Self {
            worker: WorkerId((word >> 32) as u8),
            slot: (word >> 8) as u32 & 0xff_ffff,
            generation: (word >> 40) as u16,
        })
    }
}

/// MT in progress: nobody or a holder, with the RP-Message-Reference used last.
pub(super) struct MtWord<'t>(pub(super) &'t AtomicU64);

impl MtWord<'_> {
    fn change(&self, change: impl Fn(u64) -> Option<u64>) -> Result<u64, u64> {
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, change)
    }

    fn next(word: u64) -> u64 {
        (word as u8).wrapping_add(1).into()
    }

    /// Takes the word for `holder`: the RP-MR to use, or who has it.
    pub(super) fn begin(&self, holder: Holder) -> Result<u8, Holder> {
        match self
            .change(|word| (word & HELD == 0).then(|| holder.to_bits() | word & UNRI | Self::next(word)))
        {
            Ok(before) => Ok(Self::next(before) as u8),
            // A refused change is one of a held word.
            Err(word) => Err(Holder::from_bits(word).unwrap_or(holder)),
        }
    }

    /// Passes the word from one transfer to the next, without a moment in which it is free: the next RP-MR, or nothing
    /// if `from` doesn't have it.
    pub(super) fn pass(&self, from: Holder, to: Holder) -> Option<u8> {
        let held = from.to_bits();
        self.change(|word| (word & !OTHERS == held).then(|| to.to_bits() | word & UNRI | Self::next(word)))
            .ok()
            .map(|before| Self::next(before) as u8)
    }

    /// Gives the word back; false if somebody else has it.
    pub(super) fn end(&self, holder: Holder) -> bool {
        let held = holder.to_bits();
        self.change(|word| (word & !OTHERS == held).then_some(word & OTHERS)).is_ok()
    }

    pub(super) fn holder(&self) -> Option<(Holder, u8)> {
        let word = self.0.load(Ordering::Acquire);
        Holder::from_bits(word).map(|holder| (holder, word as u8))
    }

    /// The RP-Message-Reference used last.
    pub(super) fn reference(&self) -> u8 {
        self.0.load(Ordering::Acquire) as u8
    }

    /// Sets UNRI.
    pub(super) fn set_unri(&self) {
        self.0.fetch_or(UNRI, Ordering::AcqRel);
    }

    /// Clears UNRI; whether it was set.
    pub(super) fn take_unri(&self) -> bool {
        self.0.load(Ordering::Acquire) & UNRI != 0 && self.0.fetch_and(!UNRI, Ordering::AcqRel) & UNRI != 0
    }

    /// For the writer, while the slot is nobody's: the next reference follows on this one.
    pub(super) fn reset(&self, reference: u8) {
        self.0.store(reference.into(), Ordering::Relaxed);
    }
}

/// A word of its own layout, for whoever uses it.
pub(super) struct PlainWord<'t>(pub(super) &'t AtomicU64);

impl PlainWord<'_> {
    pub(super) fn load(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn swap_if(&self, expected: u64, new: u64) -> bool {
        self.0.compare_exchange(expected, new, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// For the writer, while the slot is nobody's.
    pub(super) fn reset(&self, word: u64) {
        self.0.store(word, Ordering::Relaxed);
    }
}

/// Where the last message that a subscriber submitted is remembered, and a mark of what it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastMo {
    /// The worker that remembers it.
    pub worker: WorkerId,
    /// Its place there, below 2^24.
    pub place: u32,
    mark: u32,
}

impl LastMo {
    /// The highest place.
    pub const PLACES: u32 = 0xff_ffff;

    /// The last message, remembered by `worker` at `place`, of which the low 24 bits are kept; of the mark the low 31 bits.
    #[must_use]
    pub const fn new(worker: WorkerId, place: u32, mark: u64) -> Self {
        Self { worker, place: place & Self::PLACES, mark: mark as u32 & 0x7fff_ffff }
    }

    /// Whether it has this mark. Two messages may have the same.
    #[must_use]
    pub const fn is_marked(self, mark: u64) -> bool {
        self.mark == mark as u32 & 0x7fff_ffff
    }

    pub(super) fn to_bits(self) -> u64 {
        HELD | u64::from(self.mark) << 32 | u64::from(self.worker.0) << 24 | u64::from(self.place)
    }

    pub(super) fn from_bits(word: u64) -> Option<Self> {
        (word & HELD != 0).then(|| Self::new(WorkerId((word >> 24) as u8), word as u32, word >> 32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Holder = Holder { worker: WorkerId(255), slot: 0xff_ffff, generation: 0xffff };
    const B: Holder = Holder { worker: WorkerId(0), slot: 0, generation: 0 };

    #[test]
    fn the_last_message_is_a_word_and_back() {
        assert_eq!(LastMo::from_bits(0), None);
        for (worker, place, mark) in [(0, 0, 0), (255, u32::MAX, u64::MAX), (7, 0x12_3456, 0x1_7654_3210)] {
            let last = LastMo::new(WorkerId(worker), place, mark);
            assert_eq!(LastMo::from_bits(last.to_bits()), Some(last));
            assert!(last.is_marked(mark) && !last.is_marked(mark ^ 1));
        }
    }

    #[test]
    fn one_holder_at_a_time_and_references_go_on() {
        let word = AtomicU64::new(0);
        let word = MtWord(&word);
        assert_eq!(word.holder(), None);
        assert!(!word.end(B), "nobody has it");
        assert_eq!(word.begin(A), Ok(1));
        assert!(!word.take_unri());
        word.set_unri();
        assert_eq!(word.begin(B), Err(A));
        assert_eq!(word.begin(A), Err(A));
        assert_eq!(word.pass(A, A), Some(2));
        assert_eq!(word.pass(B, A), None);
        assert_eq!(word.holder(), Some((A, 2)));
        assert!(!word.end(B));
        assert!(!word.end(Holder { generation: 1, ..A }), "an earlier transfer in the same slot");
        assert!(word.end(A));
        assert!(!word.end(A));
        assert_eq!(word.begin(B), Ok(3), "the reference lives on");
        assert!(word.take_unri() && !word.take_unri(), "and so does UNRI");
        assert_eq!(word.holder(), Some((B, 3)));
        for turn in 0..600u32 {
            assert_eq!(word.pass(B, B), Some((turn + 4) as u8), "wraps within its octet");
        }
        assert!(word.pass(B, A).is_some());
        assert!(!word.end(B), "it has been passed on");
        assert_eq!(word.holder().map(|(holder, _)| holder), Some(A));
    }
}
