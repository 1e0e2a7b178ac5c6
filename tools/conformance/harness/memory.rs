//! A gateway of two workers on ports in memory and a virtual clock; the control thread's part is done between turns.

use super::config::{Options, configuration, credentials, subscribers};
use super::peers::Cable;
use ipsmgw::base::Time;
use ipsmgw::base::publish::{About, Kind, Show, Shown};
use ipsmgw::control::config::Config;
use ipsmgw::control::registrar::Outbox;
use ipsmgw::control::start::{self, Parts};
use ipsmgw::control::subscribers::Subscribers;
use ipsmgw::io::memory::{End, MemoryIo, Pool, pair, views};
use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// From one turn to the next, unless another pace is set.
pub const TURN: Duration = Duration::from_micros(50);
const FRAMES: usize = 4096;

/// What is done around the workers' turns, which it is given to call.
pub type Around = Box<dyn FnMut(&mut dyn FnMut())>;

/// The gateway.
pub struct Turned {
    now: Time,
    parts: Parts<MemoryIo>,
    ends: [End; 2],
    pool: Pool,
    around: Around,
    pace: Duration,
}

/// The same, for the peers to poll and for a test to look at.
#[derive(Clone)]
pub struct Memory(Rc<RefCell<Turned>>);

/// The parts of a gateway, the peers' ends of its ports, and all frames.
pub fn build(options: Options) -> (Parts<MemoryIo>, [End; 2], Pool) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let place = std::env::temp_dir().join(format!("ipsmgw-memory-{}-{number}", std::process::id()));
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("home1.csv"), subscribers()).unwrap();
    let passwords = place.join("home1.htdigest");
    fs::write(&passwords, credentials()).unwrap();
    fs::set_permissions(&passwords, fs::Permissions::from_mode(0o600)).unwrap();
    let text = configuration(&place, options);
    let config = Config::parse(&place.join("gateway.toml"), &text).unwrap();
    let subscribers = Subscribers::load(&config).unwrap();
    fs::remove_dir_all(&place).unwrap();
    let pool = Pool::new(FRAMES);
    let ((ims, ims_peer), (ss7, ss7_peer)) = (pair(2, 1024, &pool), pair(2, 1024, &pool));
    let parts = start::build(config, subscribers, views(2, &[ims, ss7], &pool), [1; 16]).unwrap();
    (parts, [ims_peer, ss7_peer], pool)
}

impl Memory {
    pub fn new(options: Options) -> Self {
        Self::around(options, Box::new(|turn| turn()))
    }

    /// One whose turns are taken within `around`.
    pub fn around(options: Options, around: Around) -> Self {
        let (parts, ends, pool) = build(options);
        let now = Time::from_millis(1000);
        Self(Rc::new(RefCell::new(Turned { now, parts, ends, pool, around, pace: TURN })))
    }

    /// Turns are so far apart from now on.
    pub fn pace(&self, span: Duration) {
        self.0.borrow_mut().pace = span;
    }

    /// Lets time pass in which nobody sends anything.
    pub fn pass(&self, span: Duration) {
        self.0.borrow_mut().now += span;
    }

    /// The sum over the workers of a number, as in `ims.requests`.
    pub fn total(&self, name: &str) -> u64 {
        let mut sum = Sum { name, total: None };
        for worker in &self.0.borrow().parts.workers {
            worker.show(&mut sum);
        }
        sum.total.unwrap_or_else(|| panic!("no number {name}"))
    }

    /// The sum over the workers of what can be seen of their stacks.
    pub fn stacks<T: core::iter::Sum>(&self, of: impl Fn(&ipsmgw::stack::Stack) -> T) -> T {
        self.0.borrow().parts.workers.iter().map(|worker| of(worker.stack())).sum()
    }

    /// How many subscribers are registered.
    pub fn registered(&self) -> usize {
        self.0.borrow().parts.registrar.summary().0
    }

    /// Frames that neither the pool nor a worker has in hand.
    pub fn frames_lost(&self) -> usize {
        let turned = self.0.borrow();
        // Each worker holds an empty one for each port.
        (FRAMES - turned.pool.available()).saturating_sub(2 * turned.parts.workers.len())
    }

    pub fn assert_invariants(&self) {
        let turned = self.0.borrow();
        turned.parts.workers.iter().for_each(|worker| worker.stack().assert_invariants());
        turned.parts.registrar.assert_invariants();
    }
}

/// Adds up what has a name, as in `ims.requests` and `malformed.sip.Bad Status Code`.
struct Sum<'a> {
    name: &'a str,
    total: Option<u64>,
}

impl Show for Sum<'_> {
    fn number(&mut self, about: &About<'_>, value: u64) {
        let kind = if about.kind == Kind::Malformed { "malformed." } else { "" };
        if about.object.is_empty() && format!("{kind}{}.{}", about.group, about.name) == self.name {
            *self.total.get_or_insert(0) += value;
        }
    }
}

impl Cable for Memory {
    fn now(&self) -> Time {
        self.0.borrow().now
    }

    fn queues(&self) -> usize {
        2
    }

    fn send(&mut self, port: usize, queue: usize, frame: &[u8]) {
        assert!(self.0.borrow_mut().ends[port].send(queue, frame));
    }

    fn receive(&mut self, port: usize, queue: usize) -> Vec<Vec<u8>> {
        let turned = self.0.borrow_mut();
        std::iter::from_fn(|| turned.ends[port].receive(queue)).map(|frame| frame.bytes().to_vec()).collect()
    }

    fn rest(&mut self, _: bool) {
        let Turned { now, parts, around, pace, .. } = &mut *self.0.borrow_mut();
        *now += *pace;
        let now = *now;
        let Parts { workers, mailboxes, registrar, .. } = parts;
        around(&mut || {
            for worker in workers.iter_mut() {
                worker.turn(now);
            }
        });
        let mut out = Outbox::new();
        registrar.handle_timeout(now, &mut out);
        for mailbox in mailboxes.iter_mut() {
            while let Some(message) = mailbox.from.pop() {
                registrar.handle(now, message, &mut out);
            }
        }
        for (worker, message) in out {
            assert!(mailboxes[usize::from(worker.0)].to.push(message).is_ok());
        }
    }
}
