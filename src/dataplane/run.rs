//! The loop of a worker's thread.

use super::{Backoff, BackoffMode, Clock, Worker};
use crate::base::publish::Publisher;
use crate::base::{Bell, Time};
use crate::io::PacketIo;
use crate::stack::Application;
use core::time::Duration;

/// How often a worker publishes its numbers.
const PUBLISH: Duration = Duration::from_millis(10);

/// How long associations may take to shut down when `grace` has ended with something still under way.
const LEAVE: Duration = Duration::from_secs(1);

/// Turns `worker` until it has stopped: until it was told to, and then has nothing under way or took `grace`; peers
/// are told in either case.
pub fn run<IO: PacketIo, A: Application>(
    mut worker: Worker<IO, A>,
    mut publisher: Publisher,
    clock: Clock,
    mode: BackoffMode,
    bell: &Bell,
    grace: Duration,
) {
    let mut backoff = Backoff::new(mode);
    let mut next = Time::ZERO;
    let mut stop_by = Time::NEVER;
    let mut left = false;
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
                if now >= stop_by && !left {
                    left = true;
                    worker.leave(now);
                }
                let gone = left && worker.stack().is_closed();
                if gone || worker.is_idle() || now >= stop_by + LEAVE {
                    return;
                }
            }
        }
        backoff.after_turn(busy);
    }
}
