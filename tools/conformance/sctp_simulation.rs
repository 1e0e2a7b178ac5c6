//! Two SCTP endpoints and a network that loses, repeats, reorders and changes packets and whose paths come and go, under
//! virtual time. Every message that is accepted arrives once, in order on its stream, as long as the association stays; memory
//! stays bounded; when all is healed everything arrives, and both sides end closed. `IPSMGW_SEEDS=N` runs N seeds instead of
//! 10,000, `IPSMGW_SEED=N` that one alone. `IPSMGW_PACKETS=FOLDER` keeps packets of every
//! kind there, for the fuzz targets.
#![allow(unreachable_pub)] // each test binary is a crate of its own

#[path = "sctp_simulation/failover.rs"]
mod failover;
#[path = "sctp_simulation/ledger.rs"]
mod ledger;
#[path = "sctp_simulation/network.rs"]
mod network;
#[path = "sctp_simulation/packets.rs"]
mod packets;
#[path = "sctp_simulation/script.rs"]
mod script;
#[path = "sctp_simulation/world.rs"]
mod world;

use script::Tally;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs seeds 1 to `count` on every core; tells which fail, and adds up what the others give.
fn seeds<T: Send>(count: u64, run: impl Fn(u64) -> T + Sync) -> (Vec<u64>, Vec<T>) {
    let next = AtomicU64::new(1);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut failed, mut given) = (vec![], vec![]);
    std::thread::scope(|scope| {
        let work = || {
            let (mut failed, mut given) = (vec![], vec![]);
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed > count {
                    return (failed, given);
                }
                match catch_unwind(AssertUnwindSafe(|| run(seed))) {
                    Ok(one) => given.push(one),
                    Err(_) => failed.push(seed),
                }
            }
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let (some_failed, some_given) = thread.join().expect("it catches panics");
            failed.extend(some_failed);
            given.extend(some_given);
        }
    });
    failed.sort_unstable();
    (failed, given)
}

/// Says how to repeat what has failed.
fn report(test: &str, failed: &[u64], count: u64) {
    for seed in failed {
        eprintln!("IPSMGW_SEED={seed} cargo test --no-default-features --test sctp_simulation {test}");
    }
    assert!(failed.is_empty(), "{} of {count} seeds fail: {failed:?}", failed.len());
}

#[test]
fn a_storm_loses_repeats_and_reorders_nothing_that_the_user_sees() {
    if let Some(seed) = number("IPSMGW_SEED") {
        eprintln!("{:?}", script::run(seed, None));
        return;
    }
    let count = number("IPSMGW_SEEDS").unwrap_or(10_000);
    let (failed, tallies) = seeds(count, |seed| script::run(seed, None).1);
    let mut sum = Tally::default();
    tallies.iter().for_each(|tally| sum.add(tally));
    println!("{count} seeds: {sum:?}");
    report("a_storm_loses", &failed, count);
    let happened =
        [sum.downs, sum.restarts, sum.again, sum.fast, sum.held, sum.inactive, sum.starved, sum.full];
    assert!(happened.iter().chain(&sum.harmed).all(|&times| times > count / 20), "too quiet: {sum:?}");
    assert!(
        sum.accepted > 40 * count && sum.delivered > sum.accepted * 8 / 10,
        "too little is sent: {sum:?}"
    );
}

#[test]
fn packets_of_every_kind_are_kept_for_the_fuzz_targets() {
    if let Some(folder) = std::env::var_os("IPSMGW_PACKETS") {
        packets::write(folder.as_ref());
    }
}

#[test]
fn the_same_seed_is_the_same_storm_and_another_is_another() {
    let [first, again, other] = [3, 3, 4].map(|seed| script::run(seed, None).0);
    assert_eq!(first, again);
    assert_ne!(first, other);
}

/// Median, 99th percentile and maximum.
fn percentiles(mut spans: Vec<Duration>) -> [Duration; 3] {
    spans.sort_unstable();
    let at = |percent: usize| spans[(spans.len() * percent / 100).min(spans.len() - 1)];
    [at(50), at(99), at(100)]
}

/// Runs a scenario with many seeds, or with the one that is asked for, and says how long it takes.
fn timed(test: &str, what: &str, run: impl Fn(u64) -> Duration + Sync) -> [Duration; 3] {
    if let Some(seed) = number("IPSMGW_SEED") {
        return [run(seed); 3];
    }
    let count = number("IPSMGW_SEEDS").unwrap_or(10_000) / 10;
    let (failed, spans) = seeds(count, run);
    report(test, &failed, count);
    let [median, p99, longest] = percentiles(spans);
    println!("{what}, {count} seeds: median {median:?}, p99 {p99:?}, at most {longest:?}");
    [median, p99, longest]
}

#[test]
fn a_path_dies_under_load_and_the_user_waits_a_quarter_of_a_second_at_most() {
    let [_, p99, _] = timed("a_path_dies", "a path dies", failover::path_failure);
    assert!(p99 <= Duration::from_millis(250), "{p99:?}");
}

#[test]
fn both_paths_die_under_load_and_the_user_is_told_within_a_second() {
    let [.., longest] = timed("both_paths_die", "both paths die", failover::both_paths_dead);
    assert!(longest <= Duration::from_secs(1), "{longest:?}");
}
