//! Thousands register at once, by themselves and by an S-CSCF, at an HLR that takes fewer, under virtual time and through the
//! whole data plane: all are registered in the end, the HLR has registered each once, and whoever was registered before
//! notices nothing of it.

#[path = "storm/core.rs"]
mod core_network;
#[path = "storm/phones.rs"]
mod phones;
#[path = "storm/world.rs"]
mod world;

use core::time::Duration;

use phones::Kind;
use world::World;

/// Who has been registered before, and refreshes and sends messages all the time.
const STEADY: usize = 1_000;
/// Who comes within a second.
const STORM: usize = 4_000;
/// Operations that the HLR takes in a second, and is given.
const TAKES: u32 = 500;
/// For how long the steady ones do something.
const SPAN: Duration = Duration::from_secs(14);

/// A run; who comes may be nobody.
fn run(come: usize, paced: u32) -> World {
    let mut world = World::new(STEADY + come, TAKES, paced);
    world.plan(|phones, _, now| {
        // The HLR is told of these without haste.
        for ue in 0..STEADY {
            phones.register(now + Duration::from_millis(4) * ue as u32, ue);
        }
    });
    world.until("the steady ones are registered", |world| {
        world.phones.borrow().registered(0..STEADY) == STEADY && world.core().waiting() == 0
    });
    world.pass(Duration::from_secs(1));
    world.plan(|phones, random, now| {
        phones.durations.clear();
        for ue in 0..STEADY {
            for _ in 0..2 {
                phones.register(now + random.span(SPAN), ue);
                phones.submit(now + random.span(SPAN), ue);
            }
        }
        for ue in STEADY..STEADY + come {
            phones.register(now + random.span(Duration::from_secs(1)), ue);
        }
    });
    world.until("everybody is registered, and has nothing more to do", |world| {
        let all = STEADY + come;
        let phones = world.phones.borrow();
        phones.registered(0..all) == all
            && phones.is_idle()
            && world.core().waiting() == 0
            && world.simulation.registrar(world.gateway).differing() == 0
    });
    world.pass(Duration::from_secs(1));
    let phones = world.phones.borrow();
    assert_eq!(phones.complaints, Vec::<String>::new());
    let expected = [Kind::Refresh, Kind::Accepted, Kind::Reported].map(|kind| (kind, 2 * STEADY));
    let counted = expected.map(|(kind, _)| (kind, phones.durations.keys().filter(|it| it.0 == kind).count()));
    assert_eq!(counted, expected);
    drop(phones);
    world
}

#[test]
fn whoever_is_registered_notices_nothing_of_a_storm() {
    let (calm, storm) = (run(0, TAKES), run(STORM, TAKES));
    let core = storm.core();
    assert_eq!((core.refused, core.registered.len()), (0, STEADY + STORM), "never more than it takes");
    assert!(core.registered.values().all(|count| *count == 1), "the HLR has registered each once");
    let (phones, before) = (storm.phones.borrow(), calm.phones.borrow());
    assert!(phones.refused > STORM as u32 / 4, "{} refused", phones.refused);
    // Each refresh and each message takes as long as it did, to the step of the clock: no turn of a worker more.
    let longest = |phones: &phones::Phones, kind| {
        let of_kind = phones.durations.iter().filter(|((it, ..), _)| *it == kind);
        of_kind.map(|(_, took)| *took).max().unwrap()
    };
    for kind in [Kind::Refresh, Kind::Accepted, Kind::Reported] {
        let (now, then) = (longest(&phones, kind), longest(&before, kind));
        println!("{kind:?}: {then:?} without the storm, {now:?} with it");
        assert_eq!(now, then, "{kind:?}");
    }
    let slower = phones.durations.iter().filter(|(which, took)| before.durations[which] < **took).count();
    println!("{slower} of {} took longer", phones.durations.len());
}

/// The measure of what pacing does: the same, and the HLR is given all that comes.
#[test]
fn an_hlr_that_is_given_everything_refuses_most_of_it() {
    let world = run(STORM, 100_000);
    assert!(world.core().refused > STORM as u32 / 2, "{}", world.core().refused);
}
