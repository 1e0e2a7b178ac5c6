//! Two workers of one gateway: frames come in on either, so answers, messages and reports cross between them. Nothing
//! may be lost, done twice, or left behind, and each user gets one message after the other.

use core::time::Duration;

use ipsmgw::sim::{Clock, Simulation};
use ipsmgw::stack::Application as _;

#[path = "two_workers/core.rs"]
mod core_network;
#[path = "two_workers/world.rs"]
mod world;

use core_network::{Mo, Mt, Ue};
use world::World;

const DELIVERED: Mt = Mt { delivered: 1, outcome: Some(0) };
const ACKNOWLEDGED: Mo = Mo { status: 202, arrived: 1, acknowledged: 1, refused: 0 };
const ABSENT_SUBSCRIBER_SM: u8 = 6;
const SUBSCRIBER_BUSY: u8 = 31;
const SYSTEM_FAILURE: u8 = 34;

/// Each user's messages both ways, a few at a time.
fn traffic(world: &mut World, users: u32, messages: u32) {
    for at in 0..messages {
        let (from, to) = (world.chance(users.into()) as u32, at % users);
        world.on_core(|core, now, cx| {
            core.submit(now, from, cx);
            core.forward(now, to, cx);
        });
        let pause = world.chance(80);
        world.pass(Duration::from_micros(pause));
    }
    world.until("every message has come to its end", |world| {
        let core = world.core();
        core.mo.values().all(|mo| mo.acknowledged + mo.refused > 0 && mo.status > 0)
            && core.mt.values().all(|mt| mt.outcome.is_some())
            && core.reports.len() == core.reported
    });
    let core = world.core();
    assert_eq!((core.mo.len(), core.mt.len()), (messages as usize, messages as usize));
    for (serial, mo) in &core.mo {
        assert_eq!(*mo, ACKNOWLEDGED, "message {serial}");
    }
    for (serial, mt) in &core.mt {
        assert_eq!(*mt, DELIVERED, "message {serial}");
    }
    assert!(core.reports.iter().all(|status| *status == 200));
    world.assert_nothing_is_left(users);
}

/// Each user submits a message, and most of them it once or twice more, as one does who gets no report: while the service centre
/// is asked or later, by any worker.
fn repeated(world: &mut World, users: u32, rounds: u32, pace: u64) {
    for _ in 0..rounds {
        let mut again = vec![];
        for user in 0..users {
            let serial = world.on_core(|core, now, cx| core.submit(now, user, cx));
            let times = world.chance(3);
            again.extend((0..times).map(|_| serial));
            let pause = world.chance(pace);
            world.pass(Duration::from_micros(pause));
            // Some follow at once, others when all is done.
            while !again.is_empty() && world.chance(2) == 0 {
                let serial = again.swap_remove(world.chance(again.len() as u64) as usize);
                world.on_core(|core, now, cx| core.submit_again(now, serial, cx));
            }
        }
        for serial in again {
            world.on_core(|core, now, cx| core.submit_again(now, serial, cx));
            let pause = world.chance(pace);
            world.pass(Duration::from_micros(pause));
        }
        // A user's next message comes when the last is over: RP has one outstanding each way.
        world.until("every submission has its report", |world| {
            world.core().all_answered()
                && world.core().mo.values().all(|mo| mo.status > 0 && mo.acknowledged > 0)
        });
        world.until("nothing is under way", |world| {
            world.sum(|worker| {
                let mut left = 0;
                worker.application_ref().fill(&mut |name, used, _| {
                    if name == "mo" {
                        left = used as u64
                    }
                });
                left
            }) == 0
        });
    }
}

/// Pain 1: a submission that comes again is forwarded once, whoever gets it, and each MESSAGE has its report.
#[test]
fn duplicates_of_ten_thousand_are_one_forward_each() {
    const USERS: u32 = 400;
    let mut world = World::new(2, USERS, 18);
    world.disturb(5);
    repeated(&mut world, USERS, 25, 60);
    let core = world.core();
    assert_eq!(core.mo.len(), 10_000);
    for (serial, mo) in &core.mo {
        assert_eq!((mo.status, mo.arrived, mo.refused), (202, 1, 0), "message {serial}: {mo:?}");
    }
    let acknowledged: u32 = core.mo.values().map(|mo| mo.acknowledged).sum();
    let repeats = world.sum(|worker| worker.application_ref().counts.mo_repeated);
    assert!(repeats > 8_000, "{repeats}");
    assert!(u64::from(acknowledged) >= 10_000 + repeats, "each has its report: {acknowledged}, {repeats}");
    assert_eq!(world.sum(|worker| worker.application_ref().counts.mo_forgotten), 0);
    world.assert_nothing_is_left(USERS);
}

/// The same text once more, in a message of its own: two messages, whatever else is alike.
#[test]
fn another_message_is_never_taken_for_a_duplicate() {
    let mut world = World::new(1, 4, 19);
    let sent: Vec<u32> = (0..40)
        .map(|at| {
            let serial = world.on_core(|core, now, cx| core.submit(now, at % 4, cx));
            world.pass(Duration::from_millis(20));
            serial
        })
        .collect();
    assert!(sent.iter().all(|serial| world.core().mo[serial] == ACKNOWLEDGED));
    assert_eq!(world.sum(|worker| worker.application_ref().counts.mo_repeated), 0);
    // After the time that a repeat may take, the same is another message.
    world.pass(Duration::from_secs(121));
    let last = *sent.last().expect("one");
    world.on_core(|core, now, cx| core.submit_again(now, last, cx));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.core().mo[&last], Mo { arrived: 2, acknowledged: 2, ..ACKNOWLEDGED });
    world.assert_nothing_is_left(4);
}

/// Two persons behind one subscriber, as with the wildcarded identities of a private exchange, whose terminals count alike.
#[test]
fn the_same_of_two_persons_of_one_subscriber_are_two_messages() {
    const OTHER: &str = "sip:other@home1.net";
    let mut world = World::new(1, 1, 23);
    world.on_core(|core, now, cx| core.register_as(now, 0, OTHER, 3_600, cx));
    world.pass(Duration::from_secs(1));
    for round in 0..40 {
        let serial = world.on_core(|core, now, cx| core.submit(now, 0, cx));
        let pause = world.chance(5_000);
        world.pass(Duration::from_micros(pause));
        world.on_core(|core, now, cx| core.submit_again_as(now, serial, OTHER, cx));
        world.pass(Duration::from_secs(1));
        let both = Mo { arrived: 2, acknowledged: 2, ..ACKNOWLEDGED };
        assert_eq!(world.core().mo[&serial], both, "round {round}");
    }
    assert_eq!(world.sum(|worker| worker.application_ref().counts.mo_repeated), 0);
    world.assert_nothing_is_left(1);
}

fn some_are_bare(world: &mut World, users: u32) {
    world.on_core(|core, _, _| core.ues.extend((0..users).step_by(3).map(|user| (user, Ue::Bare))));
}

#[test]
fn every_message_arrives_once_over_one_association() {
    let mut world = World::new(1, 100, 1);
    some_are_bare(&mut world, 100);
    traffic(&mut world, 100, 2000);
    assert!(world.sum(|worker| worker.counts().1.frames_handed_off) > 2000);
    assert!(world.sum(|worker| worker.counts().1.messages_handed_off) > 1000);
    assert_eq!(world.sum(|worker| worker.counts().1.ring_full), 0);
}

#[test]
fn every_message_arrives_once_over_two_associations() {
    let mut world = World::new(2, 100, 2);
    some_are_bare(&mut world, 100);
    traffic(&mut world, 100, 2000);
    assert!(world.sum(|worker| worker.counts().1.messages_handed_off) > 1000);
}

#[test]
fn every_message_arrives_once_when_frames_are_lost_and_repeated() {
    for (associations, seed) in [(1, 3), (2, 4)] {
        let mut world = World::new(associations, 100, seed);
        some_are_bare(&mut world, 100);
        world.disturb(10);
        // No more than may wait: a lost frame costs its user half a second.
        traffic(&mut world, 100, 900);
        assert!(world.sum(|worker| worker.stack().ims().counts.repeated) > 0);
    }
}

#[test]
fn a_user_gets_one_message_after_the_other_in_their_order_and_eight_wait() {
    let mut world = World::new(1, 1, 5);
    world.on_core(|core, _, _| core.ues.insert(0, Ue::Held));
    let sent: Vec<u32> = (0..11)
        .map(|_| {
            let serial = world.on_core(|core, now, cx| core.forward(now, 0, cx));
            world.pass(Duration::from_millis(5));
            serial
        })
        .collect();
    for (at, serial) in sent.iter().enumerate() {
        let expected = Mt { delivered: u32::from(at == 0), outcome: (at > 8).then_some(SUBSCRIBER_BUSY) };
        assert_eq!(world.core().mt[serial], expected, "message {at}");
    }
    for at in 1..=9 {
        assert_eq!(world.core().order, sent[..at], "one at a time");
        assert_eq!(world.on_core(|core, now, cx| core.release(now, cx)), 1);
        world.pass(Duration::from_millis(5));
    }
    assert!(sent[..9].iter().all(|serial| world.core().mt[serial] == DELIVERED));
    assert_eq!(world.core().reports, [200; 9]);
    world.assert_nothing_is_left(1);
}

/// One SMS-GMSC has three messages for a user in one dialogue, another has messages of its own meanwhile: they come before the
/// first or after the last of the three, whichever workers have what.
#[test]
fn more_messages_keep_the_user() {
    for seed in 0..40 {
        let (associations, lossy) = (1 + seed % 2, seed % 4 == 3);
        let users = 12;
        let mut world = World::new(associations as u16, users, 100 + seed);
        some_are_bare(&mut world, users);
        if lossy {
            world.disturb(10);
        }
        let mut chains = vec![];
        for _ in 0..4 {
            for user in 0..users {
                let pause = world.chance(300);
                let first = world.on_core(|core, now, cx| {
                    core.forward(now, user, cx);
                    core.forward_more(now, (user, 2), false, cx)
                });
                chains.push(first);
                world.pass(Duration::from_micros(pause));
                world.on_core(|core, now, cx| core.forward(now, user, cx));
            }
            world.until("every message has come to its end", |world| {
                world.core().mt.values().all(|mt| mt.outcome.is_some())
            });
        }
        world.until("every report has its answer", |world| {
            world.core().reports.len() == world.core().reported
        });
        let core = world.core();
        assert_eq!(core.mt.len(), chains.len() * 5, "seed {seed}");
        assert!(core.mt.values().all(|mt| *mt == DELIVERED), "seed {seed}");
        for user in 0..users {
            let of_user: Vec<u32> =
                core.order.iter().copied().filter(|serial| core.users[serial] == user).collect();
            let mut left = 0u32;
            for serial in of_user {
                let follows = core.chained.contains(&serial);
                assert_eq!(follows, left > 0, "seed {seed}: user {user} was not kept, or for a stranger");
                left = if chains.contains(&serial) { 2 } else { left.saturating_sub(1) };
            }
        }
        let followed = world.sum(|worker| worker.application_ref().counts.mt_followed);
        let missed = world.sum(|worker| worker.application_ref().counts.mt_not_followed);
        assert_eq!((followed, missed), (2 * chains.len() as u64, 0), "seed {seed}");
        world.assert_nothing_is_left(users);
    }
}

/// A user is kept no longer than `mt_more_ms`, and no longer than the dialogue is there; what fails is followed by nothing; and what
/// follows too late is a message like any other.
#[test]
fn a_user_is_kept_for_a_while_only() {
    for seed in 0..20 {
        let mut world = World::new(1, 1, 200 + seed);
        let chain = |world: &mut World| {
            let first = world.on_core(|core, now, cx| core.forward_more(now, (0, 2), true, cx));
            world.pass(Duration::from_millis(50));
            assert_eq!(world.core().mt[&first], DELIVERED);
            let other = world.on_core(|core, now, cx| core.forward(now, 0, cx));
            world.pass(Duration::from_millis(50));
            assert_eq!(world.core().mt[&other], Mt::default(), "seed {seed}: it waits");
            other
        };
        let missed = |world: &World| world.sum(|worker| worker.application_ref().counts.mt_not_followed);
        // The time has passed.
        let other = chain(&mut world);
        world.pass(Duration::from_secs(9));
        assert_eq!((world.core().mt[&other], missed(&world)), (Mt::default(), 0));
        world.pass(Duration::from_secs(1));
        assert_eq!((world.core().mt[&other], missed(&world)), (DELIVERED, 1));
        // The next one comes all the same, and keeps him again.
        assert_eq!(world.on_core(|core, now, cx| core.go_on(now, cx)), 1);
        world.pass(Duration::from_millis(50));
        let other = world.on_core(|core, now, cx| core.forward(now, 0, cx));
        world.pass(Duration::from_millis(50));
        assert_eq!(world.core().mt[&other], Mt::default());
        // The last one frees him.
        assert_eq!(world.on_core(|core, now, cx| core.go_on(now, cx)), 1);
        world.pass(Duration::from_millis(50));
        assert_eq!((world.core().mt[&other], missed(&world)), (DELIVERED, 1));
        // The SMS-GMSC ends the dialogue.
        let other = chain(&mut world);
        world.on_core(|core, now, cx| core.close(now, cx));
        world.pass(Duration::from_millis(50));
        assert_eq!((world.core().mt[&other], missed(&world)), (DELIVERED, 2), "seed {seed}");
        // The UE never reports on the second.
        let other = chain(&mut world);
        world.on_core(|core, _, _| core.ues.insert(0, Ue::Silent));
        world.on_core(|core, now, cx| core.go_on(now, cx));
        world.pass(Duration::from_secs(39));
        world.on_core(|core, _, _| core.ues.insert(0, Ue::Prompt));
        world.pass(Duration::from_secs(2));
        assert_eq!((world.core().mt[&other], missed(&world)), (DELIVERED, 2));
        // Somebody is kept who de-registers.
        let other = chain(&mut world);
        world.on_core(|core, now, cx| core.register(now, 0, 0, cx));
        world.pass(Duration::from_secs(11));
        let absent = Mt { delivered: 0, outcome: Some(ABSENT_SUBSCRIBER_SM) };
        assert_eq!((world.core().mt[&other], missed(&world)), (absent, 3));
        world.on_core(|core, now, cx| core.close(now, cx));
        world.pass(Duration::from_secs(1));
        world.assert_nothing_is_left(1);
    }
}

#[test]
fn a_ue_that_never_reports_is_absent_and_the_next_message_is_tried() {
    let mut world = World::new(1, 1, 6);
    world.on_core(|core, _, _| core.ues.insert(0, Ue::Silent));
    let first = world.on_core(|core, now, cx| core.forward(now, 0, cx));
    let second = world.on_core(|core, now, cx| core.forward(now, 0, cx));
    world.pass(Duration::from_secs(39));
    assert_eq!(world.core().mt[&first].outcome.or(world.core().mt[&second].outcome), None);
    assert_eq!(world.core().order.len(), 1);
    world.on_core(|core, _, _| core.ues.insert(0, Ue::Prompt));
    world.pass(Duration::from_secs(2));
    let mut ends = [first, second].map(|serial| world.core().mt[&serial]);
    ends.sort_by_key(|end| end.outcome);
    assert_eq!(ends, [DELIVERED, Mt { delivered: 1, outcome: Some(ABSENT_SUBSCRIBER_SM) }]);
    assert_eq!(world.sum(|worker| worker.application_ref().counts.mt_no_report), 1);
    world.assert_nothing_is_left(1);
}

#[test]
fn who_is_deregistered_with_messages_waiting_is_absent_and_leaves_nothing() {
    for seed in 7..47 {
        let mut world = World::new(1, 1, seed);
        world.on_core(|core, _, _| core.ues.insert(0, Ue::Held));
        let sent: Vec<u32> =
            (0..4).map(|_| world.on_core(|core, now, cx| core.forward(now, 0, cx))).collect();
        world.pass(Duration::from_secs(1));
        world.on_core(|core, now, cx| core.register(now, 0, 0, cx));
        world.pass(Duration::from_secs(1));
        // Back again, under a name of its own in the table.
        world.on_core(|core, now, cx| core.register(now, 0, 3600, cx));
        world.pass(Duration::from_secs(1));
        world.on_core(|core, _, _| core.ues.insert(0, Ue::Prompt));
        let last = world.on_core(|core, now, cx| core.forward(now, 0, cx));
        world.pass(Duration::from_secs(1));
        assert_eq!(world.core().mt[&last], DELIVERED);
        world.pass(Duration::from_secs(45));
        for serial in &sent {
            assert_eq!(world.core().mt[serial].outcome, Some(ABSENT_SUBSCRIBER_SM), "seed {seed}");
        }
        assert_eq!(world.core().registered, [200; 3]);
        world.assert_nothing_is_left(1);
    }
}

#[test]
fn a_gateway_that_stops_takes_nothing_new_and_shuts_its_associations_down() {
    for seed in 11..31 {
        let mut world = World::new(2, 2, seed);
        world.on_core(|core, _, _| core.ues.insert(0, Ue::Silent));
        world.on_core(|core, now, cx| core.forward(now, 0, cx));
        world.pass(Duration::from_millis(10));
        let gateway = world.gateway;
        world.stop(gateway);
        world.pass(Duration::from_micros(100));
        let submitted = world.on_core(|core, now, cx| core.submit(now, 1, cx));
        let forwarded = world.on_core(|core, now, cx| core.forward(now, 1, cx));
        world.pass(Duration::from_secs(1));
        assert_eq!(world.core().mo[&submitted], Mo { status: 503, ..Mo::default() });
        // DATA that crosses the ASPIA of a worker that has nothing left to do is discarded (RFC 4666 3.8.1).
        let crossed = world.sum(|worker| {
            worker.stack().ss7().transport().asps().map(|(_, asp)| asp.counts.data_inactive).sum()
        });
        let outcome = (crossed == 0).then_some(SYSTEM_FAILURE);
        assert_eq!(world.core().mt[&forwarded], Mt { delivered: 0, outcome }, "seed {seed}");
        world.pass(Duration::from_secs(4));
        assert!(
            world.workers(gateway).iter().all(|worker| worker.stack().is_closed()),
            "in order, although a message is under way"
        );
    }
}

/// What a short run with loss and with timers of every kind has been.
fn run(clock: Clock, seed: u64) -> (Simulation, Vec<Mo>, Vec<Mt>) {
    let mut world = World::with_clock(clock, 2, 8, seed);
    world.on_core(|core, _, _| core.ues.extend([(0, Ue::Silent), (1, Ue::Bare)]));
    world.disturb(30);
    for _ in 0..30 {
        let (from, to, pause) = (world.chance(8) as u32, world.chance(8) as u32, world.chance(300));
        world.on_core(|core, now, cx| {
            core.submit(now, from, cx);
            core.forward(now, to, cx);
        });
        world.pass(Duration::from_millis(pause));
    }
    world.pass(Duration::from_secs(130));
    let core = world.core();
    let (mo, mt) = (core.mo.values().copied().collect(), core.mt.values().copied().collect());
    (world.into_simulation(), mo, mt)
}

#[test]
fn a_clock_that_jumps_misses_no_timer() {
    const STEP: Duration = Duration::from_micros(500);
    for seed in 12..18 {
        let (jumping, mo, mt) = run(Clock::Grid(STEP), seed);
        let (stepping, mo_by_steps, mt_by_steps) = run(Clock::Steps(STEP), seed);
        assert_eq!(jumping.trace(), stepping.trace(), "seed {seed}");
        assert_eq!((mo, mt), (mo_by_steps, mt_by_steps));
    }
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_another() {
    let [first, again, other] = [15, 15, 16].map(|seed| run(Clock::Jumps, seed));
    assert_eq!(first.0.trace(), again.0.trace());
    assert_eq!((first.1, first.2), (again.1, again.2));
    assert_ne!(first.0.trace(), other.0.trace());
}

#[test]
fn a_gateway_that_crashes_comes_back_as_a_stranger() {
    let mut world = World::new(2, 2, 17);
    world.on_core(|core, _, _| core.ues.insert(0, Ue::Held));
    let under_way = world.on_core(|core, now, cx| core.forward(now, 0, cx));
    world.pass(Duration::from_millis(10));
    world.crash();
    // The UE reports to a gateway that knows neither it nor the message.
    world.on_core(|core, now, cx| core.release(now, cx));
    world.until_active();
    world.on_core(|core, now, cx| core.register(now, 1, 3600, cx));
    world.pass(Duration::from_secs(1));
    let delivered = world.on_core(|core, now, cx| core.forward(now, 1, cx));
    let absent = world.on_core(|core, now, cx| core.forward(now, 0, cx));
    world.pass(Duration::from_secs(1));
    let mt = |serial| world.core().mt[&serial];
    assert_eq!(mt(delivered), DELIVERED);
    assert_eq!(mt(absent), Mt { delivered: 0, outcome: Some(ABSENT_SUBSCRIBER_SM) });
    assert_eq!(mt(under_way), Mt { delivered: 1, outcome: None }, "never told that it arrived");
    assert_eq!(world.core().registered, [200; 3]);
}

/// Whoever was told that he is registered is registered in the next life too, without another REGISTER; and nobody is absent
/// before he was looked for.
#[test]
fn a_gateway_that_keeps_registrations_comes_back_with_everybody() {
    const USERS: u32 = 40;
    let mut world = World::kept(2, USERS, 21);
    let (mut early, mut in_time) = (0, 0);
    for life in 0..6 {
        // Every other life reads so slowly that messages come before everybody is there.
        let is_slow = life % 2 == 0;
        world.disk_read = Duration::from_millis(if is_slow { 100 } else { 0 });
        let pause = world.chance(5_000);
        world.pass(Duration::from_micros(pause));
        world.crash();
        world.until_active();
        if !is_slow {
            world.until("the store is read", |world| world.registrar(world.gateway).is_restored());
        }
        let all: Vec<u32> =
            (0..USERS).map(|user| world.on_core(|core, now, cx| core.forward(now, user, cx))).collect();
        let sent: Vec<u32> =
            (0..USERS).map(|user| world.on_core(|core, now, cx| core.submit(now, user, cx))).collect();
        world.until("all have an answer", |world| {
            let is_over = |serial: &u32| world.core().mt[serial].outcome.is_some();
            all.iter().all(is_over) && sent.iter().all(|serial| world.core().mo[serial].status > 0)
        });
        for serial in all {
            let mt = world.core().mt[&serial];
            let later = Mt { delivered: 0, outcome: Some(SYSTEM_FAILURE) };
            assert!(mt == DELIVERED || mt == later, "message {serial} in life {life}: {mt:?}");
            early += u32::from(mt == later);
            in_time += u32::from(mt == DELIVERED);
        }
        assert!(sent.iter().all(|serial| matches!(world.core().mo[serial].status, 202 | 503)));
        world.pass(Duration::from_secs(40));
        assert_eq!(world.registrar(world.gateway).summary().0, USERS as usize, "everybody is there");
        let user = world.chance(USERS.into()) as u32;
        let serial = world.on_core(|core, now, cx| core.forward(now, user, cx));
        world.pass(Duration::from_secs(1));
        assert_eq!(world.core().mt[&serial], DELIVERED, "life {life}");
    }
    assert!(early > USERS && in_time > USERS, "{early} came too early, {in_time} in time");
    assert_eq!(world.core().registered.len() as u32, USERS, "nobody had to register again");
}
