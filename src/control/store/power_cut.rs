//! Power cuts for tests: the calls of a process that was recorded, what a disk may have kept of them at any time, and which such
//! images are looked at. `IPSMGW_CASES=N` looks at N of them, `IPSMGW_CASES=all` at each time in each way, `IPSMGW_SEED` at others.

pub(in crate::control) mod disk;
pub(in crate::control) mod recording;

use super::Opened;
use super::engine::Fjall;
use crate::base::Random;
use std::path::Path;

/// So small that recorded lives move rows to tables.
pub(super) const MEMTABLE: u64 = 96 << 10;
/// Images without any wish.
const CASES: usize = 50;

/// What becomes of that which was not synchronised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::control) enum Cut {
    /// It is lost.
    Lost,
    /// Any part of it is there.
    Torn,
    /// So it is, and a bit of what is there is another.
    Flipped,
}

/// The images that are looked at: after how many calls the power goes, and how; in the order of their times. And chance, by their
/// seed.
pub(in crate::control) fn images(calls: usize) -> (Vec<(usize, Cut)>, Random) {
    let wish = |name: &str| std::env::var(name).ok();
    let seed = wish("IPSMGW_SEED").map_or(1, |text| text.parse().expect("a number"));
    let mut random = Random::stream(seed, 1);
    let each = |time| [Cut::Lost, Cut::Torn, Cut::Flipped].map(|cut| (time, cut));
    let all: Vec<_> = (0..=calls).flat_map(each).collect();
    let cases = match wish("IPSMGW_CASES").as_deref() {
        None => CASES,
        Some("all") => all.len(),
        Some(text) => text.parse().expect("a number, or all"),
    };
    let mut chosen = vec![];
    while chosen.len() < cases {
        let mut left = all.clone();
        while chosen.len() < cases && !left.is_empty() {
            chosen.push(left.swap_remove(random.below(left.len() as u64) as usize));
        }
    }
    chosen.sort_by_key(|(time, _)| *time);
    println!("seed {seed}: {cases} of {} images after {calls} calls", all.len());
    (chosen, random)
}

/// A new store whose engine moves rows to tables soon; it does so in all its lives.
pub(in crate::control) fn prepare(path: &Path, networks: &[String]) {
    let engine = Fjall::open_with(path, MEMTABLE).unwrap();
    Opened::of(Box::new(engine), networks, [7; 16]).unwrap();
}
