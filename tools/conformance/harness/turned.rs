//! A gateway of two workers on ports in memory and a virtual clock; the control thread's part is done between turns.

use super::config::{Options, configuration, subscribers};
use super::peers::Cable;
use ipsmgw::base::Time;
use ipsmgw::control::config::Config;
use ipsmgw::control::registrar::Outbox;
use ipsmgw::control::start::{self, Parts};
use ipsmgw::control::subscribers::Subscribers;
use ipsmgw::dataplane::Worker;
use ipsmgw::gateway::Gateway;
use ipsmgw::io::memory::{End, MemoryIo, Pool, pair, views};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// From one turn to the next.
pub const TURN: Duration = Duration::from_micros(50);

/// What turns the workers, and looks at them.
type Turning = Box<dyn FnMut(&mut [Worker<MemoryIo, Gateway>], Time)>;

pub struct Turned {
    pub now: Time,
    pub parts: Parts<MemoryIo>,
    ends: [End; 2],
    turning: Turning,
    pace: Rc<Cell<Duration>>,
}

/// A turn of each worker.
pub fn turn(workers: &mut [Worker<MemoryIo, Gateway>], now: Time) {
    for worker in workers {
        worker.turn(now);
    }
}

impl Turned {
    /// `name` is the test's, of whom others run at the same time.
    pub fn new(name: &str, turning: impl FnMut(&mut [Worker<MemoryIo, Gateway>], Time) + 'static) -> Self {
        let place = std::env::temp_dir().join(format!("ipsmgw-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("home1.csv"), subscribers()).unwrap();
        let text = configuration(&place, Options::default());
        let config = Config::parse(&place.join("gateway.toml"), &text).unwrap();
        let subscribers = Subscribers::load(&config).unwrap();
        std::fs::remove_dir_all(&place).unwrap();
        let pool = Pool::new(4096);
        let ((ims, ims_peer), (ss7, ss7_peer)) = (pair(2, 1024, &pool), pair(2, 1024, &pool));
        let parts = start::build(config, subscribers, views(2, &[ims, ss7], &pool), [1; 16]).unwrap();
        let turning = Box::new(turning);
        Self { now: Time::from_millis(1000), parts, ends: [ims_peer, ss7_peer], turning, pace: Rc::default() }
    }

    /// Turns are as far apart as `pace` says, once it does.
    pub fn paced(self, pace: Rc<Cell<Duration>>) -> Self {
        Self { pace, ..self }
    }

    fn control(&mut self) {
        let Parts { mailboxes, registrar, .. } = &mut self.parts;
        let mut out = Outbox::new();
        for mailbox in mailboxes.iter_mut() {
            while let Some(message) = mailbox.from.pop() {
                registrar.handle(self.now, message, &mut out);
            }
        }
        for (worker, message) in out {
            assert!(mailboxes[usize::from(worker.0)].to.push(message).is_ok());
        }
    }
}

impl Cable for Turned {
    fn now(&self) -> Time {
        self.now
    }

    fn queues(&self) -> usize {
        2
    }

    fn send(&mut self, port: usize, queue: usize, frame: &[u8]) {
        assert!(self.ends[port].send(queue, frame));
    }

    fn receive(&mut self, port: usize, queue: usize) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.ends[port].receive(queue)).map(|frame| frame.bytes().to_vec()).collect()
    }

    fn rest(&mut self, _: bool) {
        self.now += self.pace.get().max(TURN);
        (self.turning)(&mut self.parts.workers, self.now);
        self.control();
    }
}
