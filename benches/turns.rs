//! Whole turns of the gateway on ports in memory, from the first frame in to the last frame out: `turn.*` of a thousand users,
//! whom the caches hold, and `turn.*_of_a_million_ns`, of whom each lies far from the last one.

#[path = "support/measure.rs"]
mod measure;
mod support;

use core::time::Duration;

use measure::{Figures, cost};
use support::Pair;

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

const USERS: u32 = 1000;
const MANY: u32 = 1_000_000;
/// From one user to the next: no caches know where, and all are met.
const STRIDE: u64 = 6_700_417;
/// Messages at a time: what a burst of 32 frames brings.
const BATCH: u32 = 32;
/// Bursts of a kind, the first of which only warm up.
const ROUNDS: u32 = 600;
const WARM_UP: u32 = 100;

/// Not inlined, so that a profiler can be told to look here and nowhere else.
#[inline(never)]
fn gateway_turn(pair: &mut Pair) {
    pair.gateway.turn(pair.now);
}

/// Runs one batch to its end, and gives the time and the allocations of the gateway's turns.
fn batch(pair: &mut Pair, users: u32, first: u32, kind: &str) -> (u64, u64) {
    for at in 0..BATCH {
        let number = (u64::from(first + at) * STRIDE % u64::from(users)) as u32;
        pair.on_core(|core, now, cx| match kind {
            "mo" => core.submit(now, number, cx),
            "mt" => core.forward(now, number, cx),
            _ => core.register(now, number, 3600, cx),
        });
    }
    let (mut nanos, mut allocations) = (0, 0);
    for _ in 0..12 {
        pair.now += Duration::from_micros(10);
        pair.core.turn(pair.now);
        let (taken, allocated) = cost(|| gateway_turn(pair));
        nanos += taken;
        allocations += allocated;
        pair.control();
    }
    (nanos, allocations)
}

fn main() {
    let mut figures = Figures::from_arguments();
    let kinds: Vec<_> =
        ["mo", "mt", "refresh"].into_iter().filter(|kind| figures.wants(&format!("turn.{kind}_"))).collect();
    if kinds.is_empty() {
        return figures.finish();
    }
    turns(&mut figures, &kinds, USERS);
    if kinds.iter().any(|kind| figures.wants(&format!("turn.{kind}_of_a_million_"))) {
        turns(&mut figures, &kinds, MANY);
    }
    figures.finish();
}

fn turns(figures: &mut Figures, kinds: &[&str], users: u32) {
    let mut pair = Pair::new(users);
    let of = if users == MANY { "_of_a_million" } else { "" };
    let context =
        format!("one worker, {users} users, bursts of 32, mixed bodies; best and middle burst of 500");
    for kind in kinds {
        let (mut spans, mut allocated) = (vec![], 0);
        for round in 0..ROUNDS {
            let (nanos, allocations) = batch(&mut pair, users, round * BATCH, kind);
            if round >= WARM_UP {
                spans.push(nanos);
                allocated += allocations;
            }
            // Answered transactions rest for 32 s; time passes so that tables keep their size.
            pair.now += Duration::from_millis(200);
        }
        spans.sort_unstable();
        let each = |place: usize| spans[place] as f64 / f64::from(BATCH);
        figures.add(&format!("turn.{kind}{of}_ns"), each(0), "ns", &context);
        figures.add(&format!("turn.{kind}{of}_p50_ns"), each(spans.len() / 2), "ns", &context);
        let of_all = f64::from((ROUNDS - WARM_UP) * BATCH);
        figures.add(&format!("turn.{kind}{of}_allocs"), allocated as f64 / of_all, "allocations", &context);
    }
    check(&pair, kinds);
}

/// Every message arrived, and nothing was done twice.
fn check(pair: &Pair, kinds: &[&str]) {
    let counts = pair.core.application_ref().counts.clone();
    let all = |kind| if kinds.contains(&kind) { u64::from(ROUNDS * BATCH) } else { 0 };
    assert_eq!(counts.wrong, 0, "{counts:?}");
    assert_eq!((counts.mo_arrived, counts.mo_reported), (all("mo"), all("mo")), "{counts:?}");
    assert_eq!((counts.mt_arrived, counts.mt_reported), (all("mt"), all("mt")), "{counts:?}");
    let (clients, servers) = pair.gateway.stack().ims().transaction_counts();
    assert_eq!((clients.retransmitted, clients.absorbed), (0, 0), "{clients:?}");
    assert_eq!((servers.retransmitted_in_progress, servers.retransmitted_completed), (0, 0), "{servers:?}");
}
