//! What a worker does when it finds nothing (DESIGN decision 1).
#![allow(clippy::disallowed_methods)] // an idle worker is the one that may sleep

use core::time::Duration;

/// How an idle worker waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BackoffMode {
    /// It polls on: production, a core of its own.
    Spin,
    /// It yields, then sleeps for at most 100 µs at a time: whenever there are more pollers than cores.
    Yield,
}

/// Turns without work before the worker yields.
const SPINS: u32 = 16;
/// Turns without work before the worker sleeps.
const YIELDS: u32 = 64;
/// The longest sleep.
const LONGEST: Duration = Duration::from_micros(100);

/// One worker's back-off.
#[derive(Clone, Debug)]
pub struct Backoff {
    mode: BackoffMode,
    idle: u32,
    /// How often the worker has slept.
    pub sleeps: u64,
}

impl Backoff {
    /// For a worker that is busy.
    #[must_use]
    pub fn new(mode: BackoffMode) -> Self {
        Self { mode, idle: 0, sleeps: 0 }
    }

    /// After a turn: `busy` if it found anything to do.
    pub fn after_turn(&mut self, busy: bool) {
        if busy {
            self.idle = 0;
            return;
        }
        self.idle = self.idle.saturating_add(1);
        match (self.mode, self.idle) {
            (BackoffMode::Spin, _) | (_, ..SPINS) => core::hint::spin_loop(),
            (_, ..YIELDS) => std::thread::yield_now(),
            _ => {
                self.sleeps += 1;
                // Half the limit: the kernel adds its timer slack of about 50 µs.
                std::thread::sleep(LONGEST / 2);
            }
        }
    }
}
