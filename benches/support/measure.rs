//! How figures are taken: the least time of many samples, the allocations beside it, and the list that tools/bench
//! merges. A peer's figure is called as ours with the peer's name behind it, `ring.item_ns.rtrb`; of two SCTP endpoints, of a
//! whole message of SS7 and of SIP, with it in front: `peer.usrsctp.both_ends_b32_ns`, `peer.rsip.parse_message_ns`.
#![allow(unsafe_code)] // an allocator that counts
#![allow(clippy::disallowed_methods)] // a benchmark reads the clock
#![allow(dead_code, unreachable_pub, missing_docs)] // each benchmark uses its part

use core::cell::Cell;
use core::time::Duration;
use std::alloc::{GlobalAlloc, Layout, System};
use std::time::Instant;

/// The system's allocator, counted: that of each benchmark whose allocations matter.
pub struct Counting;

thread_local! {
    // Each thread's own: an atomic one would cost peers several nanoseconds each time.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What `run` takes: nanoseconds, and allocations of this thread.
pub fn cost(run: impl FnOnce()) -> (u64, u64) {
    let before = ALLOCATIONS.get();
    let started = Instant::now();
    run();
    let nanos = started.elapsed().as_nanos() as u64;
    (nanos, ALLOCATIONS.get() - before)
}

/// Asks for the cache lines of `octets`, and does not wait for them.
pub fn prefetch(octets: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in octets.chunks(64) {
        // SAFETY: any address may be prefetched; this one is of a slice.
        unsafe {
            core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(line.as_ptr().cast());
        }
    }
}

/// Asks for the cache line of a word, and does not wait for it.
pub fn prefetch_word<T>(word: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: any address may be prefetched; this one is of a word.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(
            core::ptr::from_ref(word).cast(),
        );
    }
}

/// The figures of one run.
pub struct Figures {
    prefix: String,
    path: Option<String>,
    rounds: Option<u64>,
    list: Vec<serde_json::Value>,
}

impl Figures {
    /// From the command line: `--figures PATH` to write to, `--prefix PREFIX` of the names wanted. With `--rounds N`
    /// nothing is timed: what is wanted runs N times, for those who count its instructions from outside.
    pub fn from_arguments() -> Self {
        let value = |name: &str| std::env::args().skip_while(|argument| argument != name).nth(1);
        Self {
            prefix: value("--prefix").unwrap_or_default(),
            path: value("--figures"),
            rounds: value("--rounds").map(|rounds| rounds.parse().expect("a number of rounds")),
            list: Vec::new(),
        }
    }

    /// Whether this figure is wanted, for its own name or for that of ours which it is compared with: the memory's limit with the
    /// table as a whole.
    fn is_wanted(&self, name: &str) -> bool {
        if name.starts_with("limit.random_line") && "table.".starts_with(&self.prefix) {
            return true;
        }
        let ours = name.strip_prefix("peer.").and_then(|name| name.split_once('.'));
        let ours = ours.map(|(whose, figure)| match whose {
            "rtt_crates" | "rasn" => format!("ss7.{figure}"),
            "rsip" | "rsipstack" | "sipx" | "ezk" | "rvoip" | "httparse" => format!("sip.{figure}"),
            "dashmap" | "papaya" | "scc" | "rwlock" | "rte_hash" => {
                let figure = figure.replace("lookup_", "lookup_b32_").replace("_b32_single_", "_single_");
                format!("table.{figure}")
            }
            _ => format!("sctp.{figure}"),
        });
        name.starts_with(&self.prefix) || ours.is_some_and(|ours| ours.starts_with(&self.prefix))
    }

    /// Whether a figure of that name, or one whose name begins so, is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.is_wanted(name) || self.prefix.starts_with(name)
    }

    /// Adds a figure.
    pub fn add(&mut self, name: &str, value: f64, unit: &str, context: &str) {
        if !self.is_wanted(name) || self.rounds.is_some() {
            return;
        }
        println!("{name:32} {value:10.1} {unit}");
        self.list.push(serde_json::json!({ "name": name, "value": value, "unit": unit, "context": context }));
    }

    /// The least nanoseconds and the mean allocations of `run`, which runs for about a third of a second.
    fn sample(&self, mut run: impl FnMut()) -> (f64, f64) {
        if let Some(rounds) = self.rounds {
            (0..rounds).for_each(|_| run());
            return (0.0, 0.0);
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
        (least as f64, allocated as f64 / samples as f64)
    }

    /// Times `run`, which does `operations` of a kind: `name_ns` and `name_allocs`, each for one operation. `by` names
    /// the peer, or is empty.
    pub fn time(&mut self, name: &str, by: &str, operations: usize, context: &str, run: impl FnMut()) {
        let of = |kind: &str| match by {
            "" => format!("{name}_{kind}"),
            by => format!("{name}_{kind}.{by}"),
        };
        if !self.wants(&of("ns")) && !self.wants(&of("allocs")) {
            return;
        }
        let (nanos, allocated) = self.sample(run);
        self.add(&of("ns"), nanos / operations as f64, "ns", context);
        self.add(&of("allocs"), allocated / operations as f64, "allocations", context);
    }

    /// Times the taking apart and the writing of `messages` different messages, in which `whose` is `ss7` or `peer.NAME`:
    /// `decode_ns` and `encode_ns` of one, and its `allocs`, both ways together.
    pub fn both_ways(
        &mut self,
        whose: &str,
        messages: usize,
        context: &str,
        decode: impl FnMut(),
        encode: impl FnMut(),
    ) {
        let of = |kind: &str| format!("{whose}.{kind}");
        let messages = messages as f64;
        let context = format!("mo-forwardSM Begin, mix of {messages}: {context}");
        let mut allocations = 0.0;
        if self.wants(&of("decode_ns")) || self.wants(&of("allocs")) {
            let (nanos, allocated) = self.sample(decode);
            self.add(&of("decode_ns"), nanos / messages, "ns", &context);
            allocations += allocated / messages;
        }
        if self.wants(&of("encode_ns")) || self.wants(&of("allocs")) {
            let (nanos, allocated) = self.sample(encode);
            self.add(&of("encode_ns"), nanos / messages, "ns", &context);
            allocations += allocated / messages;
        }
        self.add(&of("allocs"), allocations, "allocations", &format!("both ways together: {context}"));
    }

    /// Times two SCTP endpoints, `whose` is `sctp` or `peer.NAME`: `exchange` sends so many messages and returns when
    /// they have arrived. Gives the allocations a message, at the worse of both batches.
    pub fn both_ends(&mut self, whose: &str, context: &str, mut exchange: impl FnMut(usize)) -> f64 {
        // Samples of so many messages, since some work is done for every second packet alone.
        const MESSAGES: usize = 320;
        let mut worst: f64 = 0.0;
        for size in [1, 32] {
            let of = |kind: &str| format!("{whose}.both_ends_b{size}_{kind}");
            if !self.wants(&of("ns")) && !self.wants(&format!("{whose}.allocs")) {
                continue;
            }
            let (nanos, allocated) = self.sample(|| (0..MESSAGES / size).for_each(|_| exchange(size)));
            let (nanos, allocated) = (nanos / MESSAGES as f64, allocated / MESSAGES as f64);
            let context = format!("200 octets, {size} at a time, ordered, both ends: {context}");
            self.add(&of("ns"), nanos, "ns", &context);
            worst = worst.max(allocated);
        }
        worst
    }

    /// Adds what `both_ends` gave: not for a library in C, whose allocations are not seen.
    pub fn allocations(&mut self, whose: &str, allocations: f64) {
        self.add(
            &format!("{whose}.allocs"),
            allocations,
            "allocations",
            "a message, at the worse of both batches",
        );
    }

    /// Writes the list where the command line says.
    pub fn finish(self) {
        if let Some(path) = self.path {
            std::fs::write(path, serde_json::to_vec_pretty(&self.list).expect("JSON"))
                .expect("a writable path");
        }
    }
}
