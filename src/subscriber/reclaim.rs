//! When the place of an old record may be used again: once every reader has passed a quiescent point since it was replaced.

use super::sync::{AtomicU64, Ordering};

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
            // Release: the reader's last look at what it found comes before the writer's using its place again.
            seen.0.store(epoch, Ordering::Release);
        }
    }

    /// The epoch that every reader has seen.
    pub(super) fn passed(&self) -> u64 {
        self.seen.iter().map(|seen| seen.0.load(Ordering::Acquire)).min().unwrap_or(u64::MAX)
    }
}
