//! How figures are taken: the least time of many samples, the allocations beside it, and the list that tools/bench
//! merges. A peer's figure is called as ours with the peer's name behind it: `sip.parse_ns.rsip`.
#![allow(unsafe_code)] // an allocator that counts
#![allow(clippy::disallowed_methods)] // a benchmark reads the clock
#![allow(dead_code, unreachable_pub, missing_docs)] // each benchmark uses its part

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::alloc::{GlobalAlloc, Layout, System};
use std::time::Instant;

/// The system's allocator, counted.
pub struct Counting;

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

/// What `run` takes: nanoseconds and allocations.
pub fn cost(run: impl FnOnce()) -> (u64, u64) {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let started = Instant::now();
    run();
    let nanos = started.elapsed().as_nanos() as u64;
    (nanos, ALLOCATIONS.load(Ordering::Relaxed) - before)
}

/// The figures of one run.
pub struct Figures {
    prefix: String,
    path: Option<String>,
    list: Vec<serde_json::Value>,
}

impl Figures {
    /// From the command line: `--figures PATH` to write to, `--prefix PREFIX` of the names wanted.
    pub fn from_arguments() -> Self {
        let value = |name: &str| std::env::args().skip_while(|argument| argument != name).nth(1);
        Self { prefix: value("--prefix").unwrap_or_default(), path: value("--figures"), list: Vec::new() }
    }

    /// Whether a figure of that name, or one whose name begins so, is wanted.
    pub fn wants(&self, name: &str) -> bool {
        name.starts_with(&self.prefix) || self.prefix.starts_with(name)
    }

    /// Adds a figure.
    pub fn add(&mut self, name: &str, value: f64, unit: &str, context: &str) {
        if !name.starts_with(&self.prefix) {
            return;
        }
        println!("{name:32} {value:10.1} {unit}");
        self.list.push(serde_json::json!({ "name": name, "value": value, "unit": unit, "context": context }));
    }

    /// Times `run`, which does `operations` of a kind, for about a third of a second: `name_ns` and `name_allocs`, each
    /// for one operation. `by` names the peer, or is empty.
    pub fn time(&mut self, name: &str, by: &str, operations: usize, context: &str, mut run: impl FnMut()) {
        let of = |kind: &str| match by {
            "" => format!("{name}_{kind}"),
            by => format!("{name}_{kind}.{by}"),
        };
        if !self.wants(&of("ns")) && !self.wants(&of("allocs")) {
            return;
        }
        let began = Instant::now();
        let (mut least, mut allocated, mut samples) = (u64::MAX, 0, 0u64);
        run();
        while samples < 20 || began.elapsed() < Duration::from_millis(300) {
            let (nanos, allocations) = cost(&mut run);
            least = least.min(nanos);
            allocated += allocations;
            samples += 1;
        }
        self.add(&of("ns"), least as f64 / operations as f64, "ns", context);
        let allocated = allocated as f64 / (samples * operations as u64) as f64;
        self.add(&of("allocs"), allocated, "allocations", context);
    }

    /// Writes the list where the command line says.
    pub fn finish(self) {
        if let Some(path) = self.path {
            std::fs::write(path, serde_json::to_vec_pretty(&self.list).expect("JSON"))
                .expect("a writable path");
        }
    }
}
