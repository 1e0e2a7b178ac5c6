//! How tables of subscribers are timed, ours and those of others: the same keys in the same order, each table in a process of its own.
#![allow(clippy::disallowed_methods)] // a benchmark reads the clock
#![allow(dead_code, unreachable_pub, missing_docs)] // each benchmark uses its part

use crate::measure::Figures;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Keys looked up at a time.
pub const BATCH: usize = 32;
/// Updates a second while the reader is timed.
const UPDATES: u64 = 100_000;
const LOOKUPS: usize = 1 << 20;

/// Sizes, by what figures call them; the last one only with `--long`.
pub fn sizes() -> Vec<(&'static str, usize)> {
    let all = [("1m", 1_000_000), ("10m", 10_000_000), ("50m", 50_000_000)];
    let is_long = std::env::args().any(|argument| argument == "--long");
    all.into_iter().take(if is_long { 3 } else { 2 }).collect()
}

/// The number of subscriber `n`: 13 digits.
pub fn number(n: usize) -> u64 {
    4_917_000_000_000 + n as u64
}

/// Subscribers in an order that no memory foresees.
pub fn order(count: usize) -> Vec<usize> {
    let mut state = 1u64;
    (0..LOOKUPS)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((u128::from(state) * count as u128) >> 64) as usize
        })
        .collect()
}

/// Nanoseconds for one of `count` operations: the least of a second's runs, at least three.
pub fn least(count: usize, mut run: impl FnMut()) -> f64 {
    let (began, mut least, mut runs) = (Instant::now(), u128::MAX, 0);
    while runs < 3 || began.elapsed() < Duration::from_secs(2) {
        let started = Instant::now();
        run();
        least = least.min(started.elapsed().as_nanos());
        runs += 1;
    }
    least as f64 / count as f64
}

/// The nanoseconds that 999 of 1,000 look-ups take at most, while `update` is called 100,000 times a second by another
/// thread.
pub fn under_writes(
    order: &[usize],
    mut look_up: impl FnMut(usize),
    update: impl FnMut(usize) + Send,
) -> f64 {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let done = &done;
        scope.spawn(move || {
            let (mut update, began, mut made) = (update, Instant::now(), 0);
            while !done.load(Ordering::Relaxed) {
                if made < began.elapsed().as_micros() as u64 * UPDATES / 1_000_000 {
                    update(made as usize);
                    made += 1;
                } else {
                    std::hint::spin_loop();
                }
            }
        });
        let mut times: Vec<u32> = order
            .iter()
            .map(|&n| {
                let started = Instant::now();
                look_up(n);
                started.elapsed().as_nanos() as u32
            })
            .collect();
        done.store(true, Ordering::Relaxed);
        times.sort_unstable();
        f64::from(times[times.len() * 999 / 1000])
    })
}

/// The octets that this process has in memory.
pub fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("pages") * 4096
}

/// One figure of a process of its own.
pub fn tell(name: &str, value: f64, unit: &str, context: &str) {
    println!("figure\t{name}\t{value}\t{unit}\t{context}");
}

/// Which table this process is to time, and how many subscribers it has; none in the process that starts the others.
pub fn own() -> Option<(String, usize)> {
    let own = std::env::var("IPSMGW_TABLE").ok()?;
    let (what, count) = own.split_once(' ')?;
    Some((what.into(), count.parse().ok()?))
}

/// Times one table in a process of its own.
pub fn in_a_process(figures: &mut Figures, what: &str, count: usize) {
    let program = std::env::current_exe().expect("a program");
    // Huge pages for whatever takes its memory from the C library, too.
    let pages = if what == "small" { "glibc.malloc.hugetlb=0" } else { "glibc.malloc.hugetlb=1" };
    let child = Command::new(program)
        .env("IPSMGW_TABLE", format!("{what} {count}"))
        .env("GLIBC_TUNABLES", pages)
        .stderr(Stdio::inherit())
        .output()
        .expect("it starts");
    assert!(child.status.success(), "{what} of {count} subscribers fails");
    for line in String::from_utf8_lossy(&child.stdout).lines() {
        if let ["figure", name, value, unit, context] = line.split('\t').collect::<Vec<_>>()[..] {
            figures.add(name, value.parse().expect("a number"), unit, context);
        }
    }
}
