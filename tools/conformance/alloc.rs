//! In its steady state the gateway allocates nothing for a message, either way, nor for the refresh of a registration.

#[path = "../../benches/support/measure.rs"]
mod measure;

mod harness;

use harness::config::{Options, configuration, subscribers};
use harness::peers::{Cable, Peers, Ue, deliver};
use harness::steps::{delivered, submitted_as};
use ipsmgw::base::{Bell, Connection, ConnectionId, Time};
use ipsmgw::control::config::Config;
use ipsmgw::control::registrar::Outbox;
use ipsmgw::control::start::{self, Parts};
use ipsmgw::control::subscribers::Subscribers;
use ipsmgw::dataplane::{Worker, stream_rings};
use ipsmgw::gateway::Gateway;
use ipsmgw::io::memory::{End, MemoryIo, Pool, pair, views};
use ipsmgw::proto::sip::Slots;
use ipsmgw::stack::{FromStream, Owner, StreamMessage};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const USERS: u64 = 50;
/// Of each kind, how many go before and how many are counted.
const WARM_UP: u64 = 500;
const COUNTED: u64 = 1_000;
/// From one turn to the next.
const TURN: Duration = Duration::from_micros(50);

/// A gateway of two workers on ports in memory and a virtual clock; the control thread's part is done between turns.
struct Turned {
    now: Time,
    parts: Parts<MemoryIo>,
    ends: [End; 2],
    /// Allocations in turns of the workers.
    allocations: Rc<Cell<u64>>,
}

impl Turned {
    fn new(allocations: Rc<Cell<u64>>) -> Self {
        let place = std::env::temp_dir().join(format!("ipsmgw-alloc-{}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("home1.csv"), subscribers()).unwrap();
        let text = configuration(&place, Options::default());
        let config = Config::parse(&place.join("gateway.toml"), &text).unwrap();
        let subscribers = Subscribers::load(&config).unwrap();
        std::fs::remove_dir_all(&place).unwrap();
        let pool = Pool::new(4096);
        let ((ims, ims_peer), (ss7, ss7_peer)) = (pair(2, 1024, &pool), pair(2, 1024, &pool));
        let parts = start::build(config, subscribers, views(2, &[ims, ss7], &pool), [1; 16]).unwrap();
        Self { now: Time::from_millis(1000), parts, ends: [ims_peer, ss7_peer], allocations }
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

fn turn(workers: &mut [Worker<MemoryIo, Gateway>], now: Time) {
    for worker in workers {
        worker.turn(now);
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
        self.now += TURN;
        let (workers, now) = (&mut self.parts.workers, self.now);
        let (_, allocations) = measure::cost(|| turn(workers, now));
        self.allocations.set(self.allocations.get() + allocations);
        self.control();
    }
}

/// One test, since the allocator counts for the whole process.
#[test]
fn steady_state_turns_allocate_nothing() {
    let allocations = Rc::new(Cell::new(0));
    let mut peers = Peers::new(Box::new(Turned::new(allocations.clone())), 1);
    peers.until("traffic", |peers| peers.ss7.active[0].then_some(()));
    peers.settle();
    for number in 0..USERS {
        peers.register(&Ue::home1(number));
    }
    assert!(
        allocations.get() > 0,
        "a first registration goes to the control thread in a box: the allocator counts"
    );
    type Act = fn(&mut Peers, &Ue);
    let kinds: [(&str, Act); 3] = [
        ("mo", |peers, ue| drop(submitted_as(peers, ue))),
        ("mt", |peers, ue| drop(delivered(peers, ue, &deliver()))),
        ("refresh", Peers::register),
    ];
    for (kind, act) in kinds {
        for number in 0..WARM_UP + COUNTED {
            if number == WARM_UP {
                allocations.set(0);
            }
            act(&mut peers, &Ue::home1(number % USERS));
        }
        assert_eq!(allocations.get(), 0, "allocations in {COUNTED} times {kind}");
    }
    peers.assert_silent();
    assert_eq!(of_streams(), 0, "allocations in {COUNTED} messages by a stream");
}

/// Allocations in turns with messages by a stream, whose buffers go round.
fn of_streams() -> u64 {
    let Turned { mut now, parts, .. } = Turned::new(Rc::default());
    let spread = parts.key.derive("spread");
    let (mut ends, mut threads) = (vec![], vec![]);
    for _ in &parts.workers {
        let (end, thread) = stream_rings(16, Bell::new(|| ()));
        ends.push(vec![end]);
        threads.push(thread);
    }
    let workers = parts.workers.into_iter().zip(ends);
    let mut workers: Vec<_> = workers.map(|(worker, end)| worker.with_streams(end, spread)).collect();
    let owner = Owner::new(&parts.key, 2);
    let connection = Connection { id: ConnectionId { thread: 0, slot: 1, generation: 1 }, secure: false };
    let (source, local) = ("10.1.0.66:5060".parse().unwrap(), "10.0.0.1:5060".parse().unwrap());
    let mut slots = Slots::new();
    let mut allocations = 0;
    for number in 0..WARM_UP + COUNTED {
        let message = format!(
            "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK{number}\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        let thread = &mut threads[usize::from(owner.look(message.as_bytes(), false, &mut slots).worker.0)];
        let mut octets = thread.buffer().unwrap_or_default();
        octets.clear();
        octets.extend(message.as_bytes());
        let message = StreamMessage { connection, source, local, octets, refused: None };
        assert!(thread.send(FromStream::Message(message)).is_ok());
        now += TURN;
        let (_, cost) = measure::cost(|| turn(&mut workers, now));
        allocations += if number < WARM_UP { 0 } else { cost };
        let answer = thread.receive().expect("an answer");
        assert!(answer.bytes().starts_with(b"SIP/2.0 200 OK\r\n"));
        thread.give_back(answer);
    }
    allocations
}
