//! The words that readers and the writer share. The models of tools/models put others in their place.

pub(super) use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Words of a bucket: a cache line.
pub(super) const WORDS: usize = 8;
/// Registrations that can wait for the HLR at a time without getting in each other's way.
pub(super) const PLACES: usize = 1 << 14;
/// Subscribers whose RP-Message-Reference goes on where it was when they come back, and others that share their places.
pub(super) const REFERENCES: usize = 1 << 16;
/// Old records that may wait for readers before registrations are refused, in a small table and in a large one.
pub(super) const WAITING: (usize, usize) = (1 << 12, 1 << 16);
