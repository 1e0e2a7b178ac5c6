//! The loop of a worker's thread.

use super::{Backoff, BackoffMode, Clock, Worker};
use crate::base::publish::Publisher;
use crate::base::{Bell, Time};
use crate::io::PacketIo;
use crate::stack::Application;
use core::time::Duration;

/// How often a worker publishes its numbers.
const PUBLISH: Duration = Duration::from_millis(10);

/// Turns `worker` until it has stopped: until it was told to, and then has nothing under way or took `grace`.
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
                if now >= stop_by || worker.is_idle() {
                    return;
                }
            }
        }
        backoff.after_turn(busy);
    }
}
