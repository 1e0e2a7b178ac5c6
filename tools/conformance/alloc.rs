//! In its steady state the gateway allocates nothing for a message, either way, nor for the refresh of a registration.

#[path = "../../benches/support/measure.rs"]
mod measure;

mod harness;

use harness::config::Options;
use harness::memory::{Memory, TURN, build};
use harness::peers::{Peers, Ue, deliver};
use harness::steps::{delivered, submitted_as};
use ipsmgw::base::{Bell, Connection, ConnectionId, Time};
use ipsmgw::dataplane::stream_rings;
use ipsmgw::proto::sip::Slots;
use ipsmgw::stack::{FromStream, Owner, StreamMessage};
use std::cell::Cell;
use std::rc::Rc;

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

const USERS: u64 = 50;
/// Of each kind, how many go before and how many are counted.
const WARM_UP: u64 = 500;
const COUNTED: u64 = 1_000;
fn refreshed_in_fragments(peers: &mut Peers, ue: &Ue) {
    let draft = peers.large_register(ue, 3600, 3515);
    peers.send_in_fragments(&draft, 1480, |frames| frames.reverse(), &[0, 1]);
    assert_eq!(peers.expect_response(&draft).status(), 200);
}

/// One test, since the allocator counts for the whole process.
#[test]
fn steady_state_turns_allocate_nothing() {
    let allocations = Rc::new(Cell::new(0));
    let counted = allocations.clone();
    let counting = move |turn: &mut dyn FnMut()| {
        let (_, cost) = measure::cost(turn);
        counted.set(counted.get() + cost);
    };
    let memory = Memory::around(Options::DEFAULT, Box::new(counting));
    let mut peers = Peers::new(Box::new(memory), 1);
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
    let kinds: [(&str, Act); 4] = [
        ("mo", |peers, ue| drop(submitted_as(peers, ue))),
        ("mt", |peers, ue| drop(delivered(peers, ue, &deliver()))),
        ("refresh", Peers::register),
        ("refresh in fragments by both queues", refreshed_in_fragments),
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
    let (parts, _ends, _pool) = build(Options::DEFAULT);
    let mut now = Time::from_millis(1000);
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
        let message = StreamMessage { connection, source, local, octets, proved: true, refused: None };
        assert!(thread.send(FromStream::Message(message)).is_ok());
        now += TURN;
        let (_, cost) = measure::cost(|| {
            for worker in &mut workers {
                worker.turn(now);
            }
        });
        allocations += if number < WARM_UP { 0 } else { cost };
        let answer = thread.receive().expect("an answer");
        assert!(answer.bytes().starts_with(b"SIP/2.0 200 OK\r\n"));
        thread.give_back(answer);
    }
    allocations
}
