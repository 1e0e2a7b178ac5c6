//! When an old record may be freed: once every reader has passed a quiescent point since it was replaced.
#![allow(unsafe_code)] // frees what readers have borrowed; the epochs say when that is over

use super::table::Published;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

#[repr(align(128))]
struct Seen(AtomicU64);

/// The writer's count of retirements, and for each reader the count at its last quiescent point.
pub(super) struct Epochs {
    now: AtomicU64,
    seen: Box<[Seen]>,
}

impl Epochs {
    pub(super) fn new(readers: usize) -> Self {
        Self { now: AtomicU64::new(0), seen: (0..readers).map(|_| Seen(AtomicU64::new(0))).collect() }
    }

    /// For the writer, after it has made something unreachable: the epoch that readers have to see.
    pub(super) fn advance(&self) -> u64 {
        // Release: a reader that sees this epoch also sees what was swapped before it.
        self.now.fetch_add(1, Ordering::Release) + 1
    }

    /// A reader holds nothing that it found before now.
    pub(super) fn quiescent(&self, reader: usize) {
        self.see(reader, self.now.load(Ordering::Acquire));
    }

    /// A reader is gone and holds nothing.
    pub(super) fn leave(&self, reader: usize) {
        self.see(reader, u64::MAX);
    }

    fn see(&self, reader: usize, epoch: u64) {
        if let Some(seen) = self.seen.get(reader) {
            // Release: the reader's last look at what it found comes before the writer's freeing it.
            seen.0.store(epoch, Ordering::Release);
        }
    }

    /// The epoch that every reader has seen.
    pub(super) fn passed(&self) -> u64 {
        self.seen.iter().map(|seen| seen.0.load(Ordering::Acquire)).min().unwrap_or(u64::MAX)
    }
}

/// A record that nobody can find any more; freed when dropped.
pub(super) struct Retired(NonNull<Published>);

impl Retired {
    /// Takes over a record from [`Box::into_raw`].
    ///
    /// # Safety
    /// Nobody can reach it any more but readers that reached it before, and the caller keeps the value until they have
    /// passed a quiescent point.
    pub(super) unsafe fn new(published: NonNull<Published>) -> Self {
        Self(published)
    }
}

// SAFETY: it owns the record, and a record is Send.
unsafe impl Send for Retired {}
// SAFETY: a shared reference gives access to nothing.
unsafe impl Sync for Retired {}

impl Drop for Retired {
    fn drop(&mut self) {
        // SAFETY: `new` promised that it comes from a box, that nobody else frees it, and that by now no reader is left.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}
