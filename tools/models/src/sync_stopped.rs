//! Words at whose every access a thread may be stopped.

pub(super) use core::sync::atomic::{AtomicUsize, Ordering};

pub(super) const WORDS: usize = 8;
pub(super) const PLACES: usize = 1;
pub(super) const REFERENCES: usize = 1;
pub(super) const WAITING: (usize, usize) = (2, 2);

/// A word that tells of each access before it happens.
pub(super) struct AtomicU64(core::sync::atomic::AtomicU64);

macro_rules! told {
    ($($name:ident($($value:ident),*: u64 $(, $order:ident)+) -> $result:ty;)*) => {
        impl AtomicU64 {
            pub(super) const fn new(word: u64) -> Self {
                Self(core::sync::atomic::AtomicU64::new(word))
            }

            pub(super) fn load(&self, order: Ordering) -> u64 {
                super::step();
                self.0.load(order)
            }

            pub(super) fn fetch_update(
                &self,
                set: Ordering,
                get: Ordering,
                change: impl FnMut(u64) -> Option<u64>,
            ) -> Result<u64, u64> {
                super::step();
                self.0.fetch_update(set, get, change)
            }

            $(pub(super) fn $name(&self, $($value: u64,)* $($order: Ordering),+) -> $result {
                super::step();
                self.0.$name($($value,)* $($order),+)
            })*
        }
    };
}

told! {
    store(word: u64, order) -> ();
    swap(word: u64, order) -> u64;
    fetch_add(word: u64, order) -> u64;
    fetch_or(word: u64, order) -> u64;
    fetch_and(word: u64, order) -> u64;
    fetch_max(word: u64, order) -> u64;
    compare_exchange(expected, new: u64, success, failure) -> Result<u64, u64>;
}
