//! Power cuts for tests: the calls of a process that was recorded, what a disk may have kept of them at any time, and which such
//! images are looked at. `IPSMGW_CASES=N` looks at N of them, `IPSMGW_CASES=all` at each time in each way, `IPSMGW_SEED` at others.

pub(in crate::control) mod disk;
pub(in crate::control) mod recording;

use super::Opened;
use super::engine::Fjall;
use crate::base::Random;
use std::path::Path;
use std::process::{Command, Stdio};

/// So small that recorded lives move rows to tables.
pub(super) const MEMTABLE: u64 = 96 << 10;
/// Says to a process of its own which image it is to open.
const IMAGE: &str = "IPSMGW_IMAGE";
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

/// Whether the life that opens an image ends at once: where a bit of what the engine knows of itself is another, it may panic, and
/// once more while it puts away what it has. That is loud enough, but no test outlives it, so that a process of its own tries
/// with a copy.
pub(in crate::control) fn ends_at_once(image: &Path, cut: Cut) -> bool {
    if cut != Cut::Flipped {
        return false;
    }
    let copy = image.with_extension("copy");
    let copied = Command::new("cp").arg("-r").args([image, &copy]).status().expect("cp");
    assert!(copied.success());
    let opened = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "control::store::power_cut::an_image_is_opened_by_a_process_of_its_own",
            "--ignored",
        ])
        .env(IMAGE, &copy)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    std::fs::remove_dir_all(copy).unwrap();
    // Ended by a signal.
    opened.code().is_none()
}

#[test]
#[ignore = "it opens the image that the tests of power cuts name"]
fn an_image_is_opened_by_a_process_of_its_own() {
    let path = std::env::var_os(IMAGE).expect("an image");
    drop(Fjall::open_with(Path::new(&path), MEMTABLE));
}
