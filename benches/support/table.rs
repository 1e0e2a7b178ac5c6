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
/// So many that what they touch is many times a processor's cache, however often they are repeated.
const LOOKUPS: usize = 1 << 23;
/// Look-ups that are timed together.
const PART: usize = 1 << 14;
/// The size that most is told of.
pub const TEN_MILLION: usize = 10_000_000;

/// How many subscribers; the most only with `--long`.
pub fn sizes() -> &'static [usize] {
    let is_long = std::env::args().any(|argument| argument == "--long");
    if is_long { &[1_000_000, TEN_MILLION, 50_000_000] } else { &[1_000_000, TEN_MILLION] }
}

/// What figures call so many subscribers: `10m`.
pub fn size(count: usize) -> String {
    format!("{}m", count / 1_000_000)
}

/// The number of subscriber `n`: 13 digits.
pub fn number(n: usize) -> u64 {
    4_917_000_000_000 + n as u64
}

/// Numbers that no memory foresees.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(self.0) * bound as u128) >> 64) as usize
    }
}

/// Subscribers in an order that no memory foresees.
pub fn order(count: usize) -> Vec<usize> {
    let mut random = Random(1);
    (0..LOOKUPS).map(|_| random.below(count)).collect()
}

/// For each number below `count` another one, so that whoever goes from one to the next comes by all of them.
pub fn cycle(count: usize) -> Vec<u32> {
    let (mut random, mut next) = (Random(1), (0..count as u32).collect::<Vec<_>>());
    (1..count).rev().for_each(|at| next.swap(at, random.below(at)));
    next
}

/// Nanoseconds that `run` takes for one of what it is given: all of them part by part, for two seconds and at least once,
/// and the least of the parts. What it is given is in the cache, as a burst's keys are.
pub fn least<T: Clone>(all: &[T], mut run: impl FnMut(&[T])) -> f64 {
    let (began, mut least, mut given) = (Instant::now(), f64::MAX, Vec::with_capacity(PART));
    while least == f64::MAX || began.elapsed() < Duration::from_secs(2) {
        for part in all.chunks_exact(PART) {
            given.clear();
            given.extend_from_slice(part);
            let started = Instant::now();
            run(&given);
            least = least.min(started.elapsed().as_nanos() as f64 / PART as f64);
        }
    }
    least
}

/// What `run` gives while another thread calls `update` 100,000 times a second, or as often as it can; and how often it did.
pub fn under_writes<T>(update: impl FnMut(usize) + Send, run: impl FnOnce() -> T) -> (T, f64) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let done = &done;
        let writer = scope.spawn(move || {
            let (mut update, began, mut made) = (update, Instant::now(), 0);
            while !done.load(Ordering::Relaxed) {
                if made < began.elapsed().as_micros() as u64 * UPDATES / 1_000_000 {
                    update(made as usize);
                    made += 1;
                } else {
                    std::hint::spin_loop();
                }
            }
            made as f64 / began.elapsed().as_secs_f64()
        });
        let given = run();
        done.store(true, Ordering::Relaxed);
        (given, writer.join().expect("a writer that doesn't panic"))
    })
}

/// The nanoseconds that 999 of 1,000 calls take at most, `look_up` being called with every number below `count`.
pub fn p999(count: usize, mut look_up: impl FnMut(usize)) -> f64 {
    let mut times: Vec<u32> = (0..count)
        .map(|at| {
            let started = Instant::now();
            look_up(at);
            started.elapsed().as_nanos() as u32
        })
        .collect();
    times.sort_unstable();
    f64::from(times[times.len() * 999 / 1000])
}

/// How much of what this process has in memory is in huge pages, for a figure's context.
pub fn huge_share() -> String {
    let sums = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux");
    let of = |what: &str| {
        let line = sums.lines().find_map(|line| line.strip_prefix(what)).unwrap_or("0");
        line.split_whitespace().next().and_then(|kibibytes| kibibytes.parse::<f64>().ok()).unwrap_or(0.0)
    };
    let (reserved, all) = (of("Private_Hugetlb:"), of("Rss:"));
    format!("{:.0} % in huge pages", 100.0 * (of("AnonHugePages:") + reserved) / (all + reserved))
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

/// What this process is to time, and how many subscribers there are; none in the process that starts the others.
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
    // A writer beside the reader needs a core of its own.
    let mut child = match std::env::var("IPSMGW_CORES") {
        Ok(cores) => {
            let mut child = Command::new("taskset");
            child.args(["-c", &cores]).arg(program);
            child
        }
        Err(_) => Command::new(program),
    };
    let child = child
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
