//! Words of which loom tries every order of accesses, and every value that a read may give.

pub(super) use loom::sync::atomic::{AtomicUsize, Ordering};

crate::planted::words!(loom::sync::atomic::AtomicU64);

pub(super) const WORDS: usize = 1;
pub(super) const PLACES: usize = 1;
pub(super) const REFERENCES: usize = 1;
pub(super) const WAITING: (usize, usize) = (2, 2);
