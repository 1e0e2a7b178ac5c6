//! In its steady state the gateway allocates nothing for a message, either way, nor for the refresh of a registration.

#[path = "../../benches/support/measure.rs"]
mod measure;

mod harness;

use harness::config::Options;
use harness::memory::Memory;
use harness::peers::{Peers, Ue, deliver};
use harness::steps::{delivered, submitted_as};
use std::cell::Cell;
use std::rc::Rc;

const USERS: u64 = 50;
/// Of each kind, how many go before and how many are counted.
const WARM_UP: u64 = 500;
const COUNTED: u64 = 1_000;
/// One test, since the allocator counts for the whole process.
#[test]
fn steady_state_turns_allocate_nothing() {
    let allocations = Rc::new(Cell::new(0));
    let counted = allocations.clone();
    let around = Box::new(move |turn: &mut dyn FnMut()| {
        let (_, allocations) = measure::cost(turn);
        counted.set(counted.get() + allocations);
    });
    let mut peers = Peers::new(Box::new(Memory::around(Options::default(), around)), 1);
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
}
