//! Faults that can be planted into the table's code, at single accesses, so that the models show that they find them.

use core::panic::Location;
use core::sync::atomic::Ordering;
use std::sync::OnceLock;

/// What a planted fault does to an access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing is ordered by it.
    Relaxed,
    /// A change is left out.
    Left,
    /// What is read is the highest value that there is.
    Highest,
}

/// A fault, and the model that has to find it.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Its name.
    pub name: &'static str,
    file: &'static str,
    source: &'static str,
    /// The line of the access, which is there once.
    line: &'static str,
    effect: Effect,
    /// The test.
    pub model: &'static str,
}

const INDEX: (&str, &str) = ("subscriber/index.rs", include_str!("../../../src/subscriber/index.rs"));
const RECLAIM: (&str, &str) = ("subscriber/reclaim.rs", include_str!("../../../src/subscriber/reclaim.rs"));
const TABLE: (&str, &str) = ("subscriber/table.rs", include_str!("../../../src/subscriber/table.rs"));
const WORDS: (&str, &str) = ("subscriber/words.rs", include_str!("../../../src/subscriber/words.rs"));

const fn fault(
    name: &'static str,
    (file, source): (&'static str, &'static str),
    line: &'static str,
    effect: Effect,
    model: &'static str,
) -> Fault {
    Fault { name, file, source, line, effect, model }
}

const WHOLE: &str = "a_record_is_whole_until_the_reader_lets_go";
const PLACE: &str = "a_place_leads_to_a_whole_record";
const LET_GO: &str = "nothing_is_written_before_readers_let_go";
const EXTENDED: &str = "an_extension_is_not_lost";

/// All of them. The environment variable `PLANTED` has the name of the one that is planted.
pub const FAULTS: [Fault; 12] = [
    fault(
        "an entry does not bring the record with it",
        INDEX,
        "word.store(other | u64::from(value) << shift, Ordering::Release);",
        Effect::Relaxed,
        WHOLE,
    ),
    fault(
        "who reads an entry does not see the record",
        INDEX,
        "let word = word.load(Ordering::Acquire);",
        Effect::Relaxed,
        WHOLE,
    ),
    fault(
        "the epoch does not bring the change with it",
        RECLAIM,
        "self.now.fetch_add(1, Ordering::Release) + 1",
        Effect::Relaxed,
        LET_GO,
    ),
    fault(
        "who sees the epoch does not see the change",
        RECLAIM,
        "self.see(reader, self.now.load(Ordering::Acquire));",
        Effect::Relaxed,
        LET_GO,
    ),
    fault(
        "a reader's last look comes after its quiescent point",
        RECLAIM,
        "seen.0.store(epoch, Ordering::Release);",
        Effect::Relaxed,
        LET_GO,
    ),
    fault(
        "the writer does not wait for a reader's last look",
        RECLAIM,
        "self.seen.iter().map(|seen| seen.0.load(Ordering::Acquire)).min().unwrap_or(u64::MAX)",
        Effect::Relaxed,
        LET_GO,
    ),
    fault(
        "the writer waits for no reader",
        RECLAIM,
        "self.seen.iter().map(|seen| seen.0.load(Ordering::Acquire)).min().unwrap_or(u64::MAX)",
        Effect::Highest,
        LET_GO,
    ),
    fault(
        "the writer waits for no reader, in many orders",
        RECLAIM,
        "self.seen.iter().map(|seen| seen.0.load(Ordering::Acquire)).min().unwrap_or(u64::MAX)",
        Effect::Highest,
        "readers_and_the_writer_in_many_orders",
    ),
    fault(
        "a place does not bring the record with it",
        TABLE,
        "self.published().store(word, Ordering::Release);",
        Effect::Relaxed,
        PLACE,
    ),
    fault(
        "who reads a place does not see the record",
        TABLE,
        "(self.published().load(Ordering::Acquire) as u32).checked_sub(1)",
        Effect::Relaxed,
        PLACE,
    ),
    fault(
        "an expiry is not frozen",
        TABLE,
        ".map_or(Time::ZERO, |word| expiry_time(word.fetch_or(FROZEN, Ordering::AcqRel)))",
        Effect::Left,
        EXTENDED,
    ),
    fault(
        "a holder does not take the word",
        WORDS,
        "self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, change)",
        Effect::Left,
        "one_holder_at_a_time",
    ),
];

impl Fault {
    /// Where it is.
    ///
    /// # Panics
    /// If the line is not there, or more than once.
    #[must_use]
    pub fn place(&self) -> u32 {
        let is_it = |(_, line): &(u32, &str)| line.trim().ends_with(self.line);
        let all: Vec<_> = (1..).zip(self.source.lines()).filter(is_it).collect();
        assert_eq!(all.len(), 1, "{}: {}", self.name, self.line);
        all[0].0
    }
}

/// The effect on an access that stands there, if that is where the fault is.
pub fn effect(caller: &Location<'_>) -> Option<Effect> {
    static PLANTED: OnceLock<Option<(Fault, u32)>> = OnceLock::new();
    let planted = PLANTED.get_or_init(|| {
        let name = std::env::var("PLANTED").ok()?;
        let fault = FAULTS.into_iter().find(|fault| fault.name == name).expect("a fault of this name");
        Some((fault, fault.place()))
    });
    let is_here =
        |(fault, line): &&(Fault, u32)| caller.line() == *line && caller.file().ends_with(fault.file);
    planted.as_ref().filter(is_here).map(|(fault, _)| fault.effect)
}

/// The order that an access has after all.
pub fn order(order: Ordering, effect: Option<Effect>) -> Ordering {
    if effect == Some(Effect::Relaxed) { Ordering::Relaxed } else { order }
}

/// Words of a model checker's with the planted fault in them.
macro_rules! words {
    ($inner:path) => {
        use crate::planted::{Effect, effect, order};
        use core::panic::Location;
        use $inner as Inner;

        pub(super) struct AtomicU64(Inner);

        impl AtomicU64 {
            pub(super) fn new(word: u64) -> Self {
                Self(Inner::new(word))
            }

            #[track_caller]
            pub(super) fn load(&self, by: Ordering) -> u64 {
                let effect = effect(Location::caller());
                let word = self.0.load(order(by, effect));
                if effect == Some(Effect::Highest) { u64::MAX } else { word }
            }

            #[track_caller]
            pub(super) fn store(&self, word: u64, by: Ordering) {
                self.0.store(word, order(by, effect(Location::caller())));
            }

            pub(super) fn swap(&self, word: u64, by: Ordering) -> u64 {
                self.0.swap(word, by)
            }

            #[track_caller]
            pub(super) fn fetch_add(&self, word: u64, by: Ordering) -> u64 {
                self.0.fetch_add(word, order(by, effect(Location::caller())))
            }

            #[track_caller]
            pub(super) fn fetch_or(&self, word: u64, by: Ordering) -> u64 {
                if effect(Location::caller()) == Some(Effect::Left) {
                    return self.0.load(Ordering::Acquire);
                }
                self.0.fetch_or(word, by)
            }

            pub(super) fn fetch_and(&self, word: u64, by: Ordering) -> u64 {
                self.0.fetch_and(word, by)
            }

            pub(super) fn fetch_max(&self, word: u64, by: Ordering) -> u64 {
                self.0.fetch_max(word, by)
            }

            pub(super) fn compare_exchange(
                &self,
                expected: u64,
                new: u64,
                success: Ordering,
                failure: Ordering,
            ) -> Result<u64, u64> {
                self.0.compare_exchange(expected, new, success, failure)
            }

            #[track_caller]
            pub(super) fn fetch_update(
                &self,
                set: Ordering,
                get: Ordering,
                mut change: impl FnMut(u64) -> Option<u64>,
            ) -> Result<u64, u64> {
                if effect(Location::caller()) == Some(Effect::Left) {
                    let before = self.0.load(get);
                    return change(before).map(|_| before).ok_or(before);
                }
                self.0.fetch_update(set, get, change)
            }
        }
    };
}
pub(crate) use words;
