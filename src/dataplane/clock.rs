//! The real clock, which only the data plane and the control thread read.
#![allow(clippy::disallowed_methods)] // this is the clock that everything below is given

use std::time::Instant;

use crate::base::Time;

/// Time since the process began, the same for all its threads.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock that starts now, a second after zero (so that "a moment ago" exists).
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        Time::from_millis(1000) + self.started.elapsed()
    }
}
