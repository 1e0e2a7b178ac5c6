//! The base timers of transactions over UDP (RFC 3261 17, Table 4).

use core::time::Duration;

/// T1 and T2, from which the others follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timers {
    /// Estimate of the round-trip time: Timer E begins with it, Timers F and J are 64 times as long.
    pub t1: Duration,
    /// The longest interval between retransmissions of a request.
    pub t2: Duration,
}

impl Timers {
    /// The values of RFC 3261.
    pub const RFC_3261: Self = Self { t1: Duration::from_millis(500), t2: Duration::from_secs(4) };
    /// The values towards a handset on a radio network (TS 24.229 table 7.7.1).
    pub const TOWARDS_UE: Self = Self { t1: Duration::from_secs(2), t2: Duration::from_secs(16) };

    /// Timers F and J: how long a request may go unanswered, and how long its answer is remembered.
    #[must_use]
    pub fn transaction(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Timer E after it has fired at `interval`.
    pub(super) fn next_interval(&self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.t2)
    }

    /// When a request without a final response must be answered with 100: as Timer E reaches T2 (RFC 4320 4.1).
    #[must_use]
    pub fn trying(&self) -> Duration {
        let mut interval = self.t1;
        let mut passed = Duration::ZERO;
        while interval < self.t2 && passed < self.transaction() {
            passed = passed.saturating_add(interval);
            interval = interval.saturating_mul(2);
        }
        passed
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::RFC_3261
    }
}
