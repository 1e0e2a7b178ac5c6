//! Whole turns of the gateway on ports in memory, from the first frame in to the last frame out: `turn.*`.
#![allow(unsafe_code)] // an allocator that counts
#![allow(clippy::disallowed_methods)] // a benchmark reads the clock

mod support;

use core::sync::atomic::{AtomicU64, Ordering};
use std::alloc::{GlobalAlloc, Layout, System};
use std::time::Instant;

use support::Pair;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const USERS: u32 = 1000;
/// Messages at a time: what a burst of 32 frames brings.
const BATCH: u32 = 32;

/// Runs one batch to its end, and gives the time and the allocations of the gateway's turns.
fn batch(pair: &mut Pair, first: u32, kind: &str) -> (u128, u64) {
    for at in 0..BATCH {
        let number = (first + at) % USERS;
        pair.on_core(|core, now, cx| match kind {
            "mo" => core.submit(now, number, cx),
            "mt" => core.forward(now, number, cx),
            _ => core.register(now, number, 3600, cx),
        });
    }
    let (mut nanos, mut allocations) = (0, 0);
    for _ in 0..12 {
        pair.now += core::time::Duration::from_micros(10);
        pair.core.turn(pair.now);
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let started = Instant::now();
        pair.gateway.turn(pair.now);
        nanos += started.elapsed().as_nanos();
        allocations += ALLOCATIONS.load(Ordering::Relaxed) - before;
        pair.control();
    }
    (nanos, allocations)
}

fn main() {
    let mut pair = Pair::new(USERS);
    let mut figures = Vec::new();
    for kind in ["mo", "mt", "refresh"] {
        let (mut best, mut allocated, mut rounds) = (u128::MAX, 0, 0u64);
        for round in 0..600u32 {
            let (nanos, allocations) = batch(&mut pair, round * BATCH, kind);
            if round >= 100 {
                best = best.min(nanos);
                allocated += allocations;
                rounds += 1;
            }
            // Answered transactions rest for 32 s; time passes so that tables keep their size.
            pair.now += core::time::Duration::from_millis(200);
        }
        let messages = u64::from(BATCH);
        figures.push((format!("turn.{kind}_ns"), best as f64 / messages as f64, "ns"));
        figures.push((
            format!("turn.{kind}_allocs"),
            allocated as f64 / (rounds * messages) as f64,
            "allocations",
        ));
    }
    let counts = pair.core.application().counts.clone();
    assert_eq!(counts.wrong, 0, "{counts:?}");
    assert_eq!((counts.mo_arrived, counts.mo_reported), (600 * 32, 600 * 32), "{counts:?}");
    assert_eq!((counts.mt_arrived, counts.mt_reported), (600 * 32, 600 * 32), "{counts:?}");
    let context = "one worker, 1,000 users, bursts of 32, mixed bodies; best burst of 500";
    let figures: Vec<_> = figures
        .into_iter()
        .map(|(name, value, unit)| {
            println!("{name:24} {value:10.1} {unit}");
            serde_json::json!({ "name": name, "value": value, "unit": unit, "context": context })
        })
        .collect();
    if let Some(path) = std::env::args().skip_while(|argument| argument != "--figures").nth(1) {
        std::fs::write(path, serde_json::to_vec_pretty(&figures).expect("JSON")).expect("a writable path");
    }
}
