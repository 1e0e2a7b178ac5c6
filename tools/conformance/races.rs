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

/// Runs seeds on every core; tells which fail, of how many devices the end was certain, and how many bindings NOTIFYs have
/// ended.
fn seeds(count: u64) -> (Vec<u64>, u64, u64) {
    let (next, certain, notified) = (AtomicU64::new(1), AtomicU64::new(0), AtomicU64::new(0));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut failed = vec![];
    std::thread::scope(|scope| {
        let work = || {
            let mut failed = vec![];
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed > count {
                    return failed;
                }
                match catch_unwind(AssertUnwindSafe(|| script::run(seed))) {
                    Ok(end) => {
                        certain.fetch_add(end.certain, Ordering::Relaxed);
                        notified.fetch_add(end.ended_by_notify, Ordering::Relaxed);
                    }
                    Err(_) => failed.push(seed),
                }
            }
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        failed.extend(threads.into_iter().flat_map(|thread| thread.join().expect("it catches panics")));
    });
    failed.sort_unstable();
    (failed, certain.into_inner(), notified.into_inner())
}

#[test]
fn registrations_race_and_table_and_hlr_agree_in_the_end() {
    if let Some(seed) = number("IPSMGW_SEED") {
        script::run(seed);
        return;
    }
    let count = number("IPSMGW_SEEDS").unwrap_or(2000);
    let (failed, certain, notified) = seeds(count);
    for seed in &failed {
        eprintln!("IPSMGW_SEED={seed} cargo test --no-default-features --test races registrations_race");
    }
    assert!(failed.is_empty(), "{} of {count} seeds fail: {failed:?}", failed.len());
    assert!(certain > 6 * count, "what is certain about {count} seeds: {certain} devices");
    assert!(notified > count / 20, "NOTIFYs in {count} seeds have ended {notified} bindings");
}

/// `IPSMGW_SEEDS=N` runs N seeds here too, instead of 200.
#[test]
fn what_an_hlr_believes_wrongly_after_a_restart_is_repaired_both_ways() {
    let seeds = match number("IPSMGW_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("IPSMGW_SEEDS").unwrap_or(200),
    };
    let (next, last) = (AtomicU64::new(*seeds.start()), *seeds.end());
    let work = || {
        let (mut failed, mut repaired) = (vec![], restart::Repaired::default());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > last {
                return (failed, repaired);
            }
            match catch_unwind(|| restart::run(seed)) {
                Ok(of_seed) => repaired.add(of_seed),
                Err(_) => failed.push(seed),
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut failed, mut repaired) = (vec![], restart::Repaired::default());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let (its, of_seeds) = thread.join().expect("it catches panics");
            failed.extend(its);
            repaired.add(of_seeds);
        }
    });
    for seed in &failed {
        eprintln!("IPSMGW_SEED={seed} cargo test --no-default-features --test races what_an_hlr_believes");
    }
    assert!(failed.is_empty(), "{} seeds fail: {failed:?}", failed.len());
    let restart::Repaired { registered, deregistered, asserted, failed } = repaired;
    let count = last + 1 - seeds.start();
    let is_much = [registered, deregistered, asserted, failed].iter().all(|it| *it > count / 4);
    assert!(is_much || count < 100, "what {count} seeds have repaired: {repaired:?}");
}

#[test]
fn the_same_seed_is_the_same_race_and_another_is_another() {
    let [first, again, other] = [3, 3, 4].map(|seed| script::run(seed).trace);
    assert_eq!(first, again);
    assert_ne!(first, other);
}
