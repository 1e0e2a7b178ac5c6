//! Words at whose every access shuttle may turn to another thread.

pub(super) use shuttle::sync::atomic::{AtomicUsize, Ordering};

crate::planted::words!(shuttle::sync::atomic::AtomicU64);

pub(super) const WORDS: usize = 2;
pub(super) const PLACES: usize = 1;
pub(super) const REFERENCES: usize = 1;
pub(super) const WAITING: (usize, usize) = (2, 2);
