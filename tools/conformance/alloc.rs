//! In its steady state the gateway allocates nothing for a message, either way, nor for the refresh of a registration.

#[path = "../../benches/support/measure.rs"]
mod measure;

mod harness;

use harness::peers::{Peers, Ue, deliver};
use harness::steps::{delivered, submitted_as};
use harness::turned::{Turned, turn};
use std::cell::Cell;
use std::rc::Rc;

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
    let turned = Turned::new("alloc", move |workers, now| {
        let (_, cost) = measure::cost(|| turn(workers, now));
        counted.set(counted.get() + cost);
    });
    let mut peers = Peers::new(Box::new(turned), 1);
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
}
