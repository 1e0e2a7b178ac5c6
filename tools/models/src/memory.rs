//! Groups of words, as `src/subscriber/memory.rs` has them, in ordinary memory.

use super::sync::{AtomicU64, Ordering};
use core::ops::Deref;

/// The pages that memory is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum PageSize {
    /// 4 KiB.
    Small,
}

pub(super) struct Pages<const N: usize>(Box<[[AtomicU64; N]]>);

impl<const N: usize> Pages<N> {
    pub(super) fn new(count: usize) -> Self {
        Self((0..count).map(|_| core::array::from_fn(|_| AtomicU64::new(0))).collect())
    }

    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.0)
    }

    pub(super) fn page_size(&self) -> PageSize {
        PageSize::Small
    }
}

pub(super) fn prefetch<const N: usize>(_group: &[AtomicU64; N]) {}

pub(super) fn equal_halves<const N: usize>(words: &[AtomicU64; N], value: u32, mask: u32) -> (u32, u64) {
    words.iter().enumerate().fold((0, 0), |(bits, _), (at, word)| {
        let (word, is) = (word.load(Ordering::Relaxed), |half: u32| u32::from(half & mask == value));
        (bits | (is(word as u32) | is((word >> 32) as u32) << 1) << (2 * at), word)
    })
}

impl<const N: usize> Deref for Pages<N> {
    type Target = [[AtomicU64; N]];
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
