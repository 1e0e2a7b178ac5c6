//! Registrations race: refreshes, de-registrations, NOTIFYs, cancelLocation, guard timers, lost UEs and an HLR that fails, for
//! subscribers with two accesses each, in random order and delay, under virtual time. `IPSMGW_SEEDS=N` runs N seeds
//! instead of 2,000, `IPSMGW_SEED=N` that one alone.

#[path = "races/hlr.rs"]
mod hlr;
#[path = "races/notifier.rs"]
mod notifier;
#[path = "races/phones.rs"]
mod phones;
#[path = "races/restart.rs"]
mod restart;
#[path = "races/script.rs"]
mod script;
#[path = "races/world.rs"]
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What comes of each seed, on every core; it panics with all those that fail, and says how to run one of them alone.
fn seeds<T: Send>(test: &str, unless_given: u64, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let (first, last) = match number("IPSMGW_SEED") {
        Some(seed) => (seed, seed),
        None => (1, number("IPSMGW_SEEDS").unwrap_or(unless_given)),
    };
    let next = AtomicU64::new(first);
    let work = || {
        let (mut ends, mut failed) = (vec![], vec![]);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > last {
                return (ends, failed);
            }
            match catch_unwind(AssertUnwindSafe(|| run(seed))) {
                Ok(end) => ends.push(end),
                Err(_) => failed.push(seed),
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut ends, mut failed) = (vec![], vec![]);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let (its, of_seeds) = thread.join().expect("it catches panics");
            ends.extend(its);
            failed.extend(of_seeds);
        }
    });
    failed.sort_unstable();
    for seed in &failed {
        eprintln!("IPSMGW_SEED={seed} cargo test --no-default-features --test races {test}");
    }
    assert!(failed.is_empty(), "{} seeds fail: {failed:?}", failed.len());
    ends
}

#[test]
fn registrations_race_and_table_and_hlr_agree_in_the_end() {
    let run = |seed| {
        let end = script::run(seed);
        [end.certain, end.ended_by_notify]
    };
    let ends = seeds("registrations_race", 2_000, run);
    let count = ends.len() as u64;
    let [certain, notified] = [0, 1].map(|which| ends.iter().map(|end| end[which]).sum::<u64>());
    assert!(certain > 6 * count || count < 100, "what is certain about {count} seeds: {certain} devices");
    assert!(notified > count / 20 || count < 100, "NOTIFYs in {count} seeds have ended {notified} bindings");
}

/// Of 100 seeds, unless `IPSMGW_SEEDS` says otherwise.
#[test]
fn what_an_hlr_believes_wrongly_after_a_restart_is_repaired_both_ways() {
    let ends = seeds("what_an_hlr_believes", 100, restart::run);
    let (mut repaired, count) = (restart::Repaired::default(), ends.len() as u64);
    ends.into_iter().for_each(|of_seed| repaired.add(of_seed));
    let restart::Repaired { registered, deregistered, asserted, failed } = repaired;
    let is_much = [registered, deregistered, asserted, failed].iter().all(|it| *it > count / 4);
    assert!(is_much || count < 100, "what {count} seeds have repaired: {repaired:?}");
}

#[test]
fn the_same_seed_is_the_same_race_and_another_is_another() {
    let [first, again, other] = [3, 3, 4].map(|seed| script::run(seed).trace);
    assert_eq!(first, again);
    assert_ne!(first, other);
}
