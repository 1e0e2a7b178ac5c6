//! A disk that keeps what was synchronised, and of the rest what chance has it keep.
//!
//! As file systems with a journal do: names come and go in the order in which they were changed, and whoever synchronises a
//! file, or a directory, synchronises all changes of names before; of what was written since into a file any page may be there,
//! or not, or half of it.

use super::Cut;
use super::recording::Call;
use crate::base::Random;
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const PAGE: usize = 4096;
/// What a disk writes whole.
const SECTOR: usize = 512;

#[derive(Clone, Default)]
struct File {
    /// What is on the disk: octets that are not zero, and the length.
    octets: Vec<u8>,
    len: u64,
    /// What was changed since, with the number of the call.
    pending: Vec<(usize, Change)>,
    /// How long it is with that.
    length: u64,
}

#[derive(Clone)]
enum Change {
    Length(u64),
    Octets(u64, Vec<u8>),
}

impl File {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Length(len) => {
                self.octets.truncate(*len as usize);
                self.len = *len;
            }
            Change::Octets(at, octets) => {
                let end = *at as usize + octets.len();
                self.octets.resize(self.octets.len().max(end), 0);
                self.octets[*at as usize..end].copy_from_slice(octets);
                self.len = self.len.max(end as u64);
            }
        }
    }

    /// What a disk may have of it: of what is pending nothing, all, what came first, or some parts.
    fn left(&self, random: &mut Random, cut: Cut) -> Self {
        let mut left = Self { pending: vec![], ..self.clone() };
        let way = if cut == Cut::Lost { 0 } else { random.below(4) };
        let first = random.below(self.pending.len() as u64 + 1) as usize;
        for (at, (_, change)) in self.pending.iter().enumerate() {
            match (way, change) {
                (0, _) => {}
                (1, change) => left.apply(change),
                (2, change) if at < first => left.apply(change),
                (2, _) => {}
                (_, change @ Change::Length(_)) => {
                    if random.below(2) == 0 {
                        left.apply(change);
                    }
                }
                (_, Change::Octets(begin, octets)) => left.apply_parts(*begin, octets, random),
            }
        }
        left
    }

    /// Some pages of what was written, and of some of these some sectors.
    fn apply_parts(&mut self, begin: u64, octets: &[u8], random: &mut Random) {
        let mut at = begin as usize;
        let end = at + octets.len();
        while at < end {
            let page_end = end.min((at / PAGE + 1) * PAGE);
            let kept = match random.below(4) {
                0 | 1 => page_end,
                2 => at,
                _ => page_end.min((at / SECTOR + 1 + random.below(8) as usize) * SECTOR),
            };
            if kept > at {
                let part = &octets[at - begin as usize..kept - begin as usize];
                self.apply(&Change::Octets(at as u64, part.to_vec()));
            }
            at = page_end;
        }
    }
}

/// A name that has come or gone.
#[derive(Clone)]
enum Naming {
    Directory(PathBuf),
    File(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

#[derive(Clone, Default)]
struct Names(BTreeMap<PathBuf, Option<usize>>);

impl Names {
    fn apply(&mut self, naming: &Naming) {
        match naming {
            Naming::Directory(path) => drop(self.0.insert(path.clone(), None)),
            Naming::File(path, file) => drop(self.0.insert(path.clone(), Some(*file))),
            Naming::Rename(from, to) => {
                let file = self.0.remove(from).expect("a file that is renamed is there");
                self.0.insert(to.clone(), file);
            }
            Naming::Remove(path) => drop(self.0.remove(path)),
        }
    }
}

/// The disk.
#[derive(Clone, Default)]
pub(in crate::control) struct Disk {
    files: Vec<File>,
    /// As the process sees it, and as it is on the disk.
    now: Names,
    kept: Names,
    pending: Vec<(usize, Naming)>,
    calls: usize,
}

impl Disk {
    /// A disk on which everything is that stands in a room now.
    pub(in crate::control) fn holding(room: &Path) -> Self {
        let (mut disk, mut found) = (Self::default(), vec![]);
        walk(room, room, &mut found);
        for (path, is_directory) in found {
            let file = (!is_directory).then(|| {
                let octets = std::fs::read(room.join(&path)).unwrap();
                let (len, octets) = (octets.len() as u64, filled(&octets).to_vec());
                disk.files.push(File { octets, len, pending: vec![], length: len });
                disk.files.len() - 1
            });
            disk.now.0.insert(path, file);
        }
        disk.kept = disk.now.clone();
        disk
    }

    /// Holds what the process saw against what stands in a room, as it left that: then every call was understood.
    pub(in crate::control) fn assert_is(&self, room: &Path) {
        let mut found = vec![];
        walk(room, room, &mut found);
        found.sort();
        let known = self.now.0.iter().map(|(path, file)| (path.clone(), file.is_none()));
        assert_eq!(known.collect::<Vec<_>>(), found, "names in {}", room.display());
        for (path, number) in &self.now.0 {
            let Some(number) = number else { continue };
            let mut file = self.files[*number].clone();
            core::mem::take(&mut file.pending).iter().for_each(|(_, change)| file.apply(change));
            let there = std::fs::read(room.join(path)).unwrap();
            let is_it = there.len() as u64 == file.len && filled(&there) == filled(&file.octets);
            assert!(is_it, "{} in {}", path.display(), room.display());
        }
    }

    pub(in crate::control) fn carry_out(&mut self, call: &Call) {
        let at = self.calls;
        self.calls += 1;
        match call {
            Call::Create(path) => {
                if !self.now.0.contains_key(path) {
                    self.files.push(File::default());
                    self.name(Naming::File(path.clone(), self.files.len() - 1));
                }
            }
            Call::Directory(path) => self.name(Naming::Directory(path.clone())),
            Call::Rename(from, to) => self.name(Naming::Rename(from.clone(), to.clone())),
            Call::Remove(path) => self.name(Naming::Remove(path.clone())),
            Call::Write(path, place, octets) => {
                let Some(file) = self.file(path) else { return };
                let begin = place.unwrap_or(file.length);
                file.length = file.length.max(begin + octets.len() as u64);
                file.pending.push((at, Change::Octets(begin, octets.clone())));
            }
            Call::Length(path, len) => {
                let Some(file) = self.file(path) else { return };
                file.length = *len;
                file.pending.push((at, Change::Length(*len)));
            }
            Call::Sync(path, is_of_data, since) => self.synchronise(path, *is_of_data, *since),
            Call::Told(_) => {}
        }
    }

    fn name(&mut self, naming: Naming) {
        self.now.apply(&naming);
        self.pending.push((self.calls - 1, naming));
    }

    fn file(&mut self, path: &Path) -> Option<&mut File> {
        let file = self.now.0.get(path).copied().flatten()?;
        self.files.get_mut(file)
    }

    /// What was changed before the call began is on the disk.
    fn synchronise(&mut self, path: &Path, is_of_data: bool, since: usize) {
        if let Some(file) = self.file(path) {
            let due = file.pending.iter().take_while(|(at, _)| *at < since).count();
            let changes: Vec<_> = file.pending.drain(..due).collect();
            changes.iter().for_each(|(_, change)| file.apply(change));
        }
        if !is_of_data {
            let due = self.pending.iter().take_while(|(at, _)| *at < since).count();
            for (_, naming) in self.pending.drain(..due) {
                self.kept.apply(&naming);
            }
        }
    }

    /// Writes what a power cut leaves now into a directory, as it would be after the next start.
    pub(in crate::control) fn write_what_is_left(&self, to: &Path, random: &mut Random, cut: Cut) {
        let mut names = self.kept.clone();
        let kept = if cut == Cut::Lost { 0 } else { random.below(self.pending.len() as u64 + 1) as usize };
        self.pending.iter().take(kept).for_each(|(_, naming)| names.apply(naming));
        let mut files: Vec<(PathBuf, File)> = vec![];
        std::fs::create_dir_all(to).unwrap();
        for (path, file) in &names.0 {
            // The recorded directory is the first component.
            let there = to.join(path.components().skip(1).collect::<PathBuf>());
            match file {
                None => std::fs::create_dir_all(there).unwrap(),
                Some(file) => files.push((there, self.files[*file].left(random, cut))),
            }
        }
        if cut == Cut::Flipped {
            flip(&mut files, random);
        }
        for (path, file) in files {
            let written = std::fs::File::create(path).unwrap();
            written.write_all_at(&file.octets, 0).unwrap();
            written.set_len(file.len).unwrap();
        }
    }
}

/// What a file has before the zeros at its end, page by page: a journal is made long before it is written.
fn filled(mut octets: &[u8]) -> &[u8] {
    while let Some((before, last)) = octets.split_last_chunk::<PAGE>()
        && last == &[0; PAGE]
    {
        octets = before;
    }
    let end = octets.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
    &octets[..end]
}

/// The files and directories below a directory, by their paths relative to `room`.
fn walk(room: &Path, directory: &Path, found: &mut Vec<(PathBuf, bool)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        found.push((path.strip_prefix(room).unwrap().to_path_buf(), path.is_dir()));
        if path.is_dir() {
            walk(room, &path, found);
        }
    }
}

/// One bit of one file; as often of a small file as of a long one.
fn flip(files: &mut [(PathBuf, File)], random: &mut Random) {
    let mut full: Vec<&mut File> =
        files.iter_mut().map(|(_, file)| file).filter(|it| !it.octets.is_empty()).collect();
    if full.is_empty() {
        return;
    }
    let which = random.below(full.len() as u64) as usize;
    let octets = &mut full[which].octets;
    let at = random.below(octets.len() as u64) as usize;
    octets[at] ^= 1 << random.below(8);
}

/// A directory for all this, in memory where there is a place for that.
pub(in crate::control) fn room() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let room = place.join(format!("ipsmgw-power-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&room);
    std::fs::create_dir(&room).unwrap();
    room
}
