//! The loop of a worker's thread.

use super::{Backoff, BackoffMode, Clock, Worker};
use crate::base::publish::Publisher;
use crate::base::{Bell, Time};
use crate::io::PacketIo;
use crate::stack::Application;
use core::time::Duration;
use std::sync::{Arc, Weak};

/// How often a worker publishes its numbers.
const PUBLISH: Duration = Duration::from_millis(10);

/// One worker's part in leaving together. A packet that another waits for, the SHUTDOWN ACK of its association, may come to
/// this one's queues: nobody leaves them before all are done.
pub struct Departure {
    under_way: Option<Arc<()>>,
    all: Weak<()>,
}

impl Departure {
    /// The parts of so many workers.
    #[must_use]
    pub fn together(workers: usize) -> Vec<Self> {
        let shared = Arc::new(());
        let part = || Self { under_way: Some(shared.clone()), all: Arc::downgrade(&shared) };
        (0..workers).map(|_| part()).collect()
    }

    /// Whether this worker may leave, which has nothing under way or not.
    fn may_leave(&mut self, idle: bool) -> bool {
        if idle {
            self.under_way = None;
        }
        idle && self.all.strong_count() == 0
    }
}

/// Turns `worker` until it has stopped: until it was told to, and then no worker has anything under way or it took `grace`.
pub fn run<IO: PacketIo, A: Application>(
    mut worker: Worker<IO, A>,
    mut publisher: Publisher,
    clock: Clock,
    mode: BackoffMode,
    bell: &Bell,
    grace: Duration,
    mut departure: Departure,
) {
    let mut backoff = Backoff::new(mode);
    let mut next = Time::ZERO;
    let mut stop_by = Time::NEVER;
    loop {
        let now = clock.now();
        let busy = worker.turn(now);
        if worker.take_woke_control() {
            bell.ring();
        }
        if busy {
            worker.add_busy(clock.now().since(now));
        }
        if now >= next {
            next = now + PUBLISH;
            worker.set_sleeps(backoff.sleeps);
            publisher.publish(&worker);
            if worker.is_stopping() {
                stop_by = stop_by.min(now + grace);
                if now >= stop_by || departure.may_leave(worker.is_idle()) {
                    return;
                }
            }
        }
        backoff.after_turn(busy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_leaves_before_all_are_done() {
        let mut parts = Departure::together(3);
        let (mut third, mut second, mut first) =
            (parts.pop().unwrap(), parts.pop().unwrap(), parts.pop().unwrap());
        assert!(!first.may_leave(true));
        assert!(!second.may_leave(false));
        // One that could not begin has nothing under way.
        drop(second);
        assert!(!third.may_leave(false));
        assert!(!first.may_leave(true));
        assert!(third.may_leave(true));
        assert!(!first.may_leave(false), "it has something again");
        assert!(first.may_leave(true));
    }
}
