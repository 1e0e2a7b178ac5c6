//! What strace says of a process's calls that change files.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// All calls by which a file or a directory may become another; one that is not understood is no call to be left out.
const CALLS: &str = "trace=open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,truncate,ftruncate,fallocate,\
                     copy_file_range,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,unlink,\
                     unlinkat,rmdir,mkdir,mkdirat,lseek";

/// All threads; when each call began and how long it took; paths of descriptors; texts whole, octet by octet.
pub(in crate::control) const OPTIONS: [&str; 10] =
    ["-f", "--seccomp-bpf", "-ttt", "-T", "-y", "-xx", "-s", "16777216", "-e", CALLS];

/// A call that has changed something, by paths relative to the room.
pub(in crate::control) enum Call {
    Create(PathBuf),
    Directory(PathBuf),
    /// From a place on, or behind what is there.
    Write(PathBuf, Option<u64>, Vec<u8>),
    Length(PathBuf, u64),
    /// Whether of the data alone; and how many calls had been made before it began.
    Sync(PathBuf, bool, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    /// The recorded life was told that this record is durable.
    Told(u64),
}

/// A call that was made.
pub(in crate::control) struct Made {
    pub(in crate::control) call: Call,
    /// When it ended, in microseconds since 1970.
    pub(in crate::control) ended: u64,
}

/// How many calls are renames, and how many tables rows were moved to.
pub(in crate::control) fn kinds(calls: &[Made]) -> (usize, usize) {
    let is_table = |path: &Path| path.parent().is_some_and(|it| it.ends_with("tables"));
    let renames = calls.iter().filter(|made| matches!(made.call, Call::Rename(..)));
    let tables = calls.iter().filter(|made| matches!(&made.call, Call::Create(path) if is_table(path)));
    (renames.count(), tables.count())
}

/// Adds the calls of a process to those of others before it, in the order in which they ended.
pub(in crate::control) fn read(log: &Path, room: &Path, calls: &mut Vec<Made>) {
    let text = std::fs::read_to_string(log).unwrap();
    // Of each thread what it has begun, and when: after how many calls, and by the clock.
    let mut begun: HashMap<&str, (String, usize, u64)> = HashMap::new();
    let mut process = Process { room, positions: HashMap::new() };
    for line in text.lines() {
        let (thread, line) = line.split_once(' ').unwrap();
        let (time, line) = line.trim_start().split_once(' ').unwrap();
        let time = micros(time);
        if let Some(begin) = line.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, (begin.into(), calls.len(), time));
            continue;
        }
        let (line, since, time) = match line.strip_prefix("<... ") {
            Some(rest) => {
                let (begin, since, time) = begun.remove(thread).unwrap();
                (begin + rest.split_once(" resumed>").unwrap().1, since, time)
            }
            None => (line.to_owned(), calls.len(), time),
        };
        if line.starts_with("+++") || line.starts_with("---") {
            continue;
        }
        let (line, took) = match line.rsplit_once(" <") {
            Some((line, took)) if took.starts_with(|it: char| it.is_ascii_digit()) => {
                (line, micros(took.trim_end_matches('>')))
            }
            _ => (&line[..], 0),
        };
        let ended = time + took;
        calls.extend(process.call(line, since).into_iter().map(|call| Made { call, ended }));
    }
    // Nobody knows whether those were made.
    let place: String = room.as_os_str().as_bytes().iter().map(|octet| format!("\\x{octet:02x}")).collect();
    assert!(!begun.values().any(|(begin, ..)| begin.contains(&place)), "killed within a call");
}

/// Seconds with six decimals.
fn micros(text: &str) -> u64 {
    let (seconds, micros) = text.split_once('.').unwrap();
    assert_eq!(micros.len(), 6, "{text}");
    seconds.parse::<u64>().unwrap() * 1_000_000 + micros.parse::<u64>().unwrap()
}

/// A process whose calls are read.
struct Process<'r> {
    room: &'r Path,
    /// Where its descriptors write that say no place; those that append write behind what is there.
    positions: HashMap<String, Option<u64>>,
}

impl Process<'_> {
    /// What a line tells, if it has changed anything in the room.
    fn call(&mut self, line: &str, since: usize) -> Vec<Call> {
        let (name, rest) = line.split_once('(').unwrap();
        let (arguments, result) = rest.rsplit_once(" = ").unwrap();
        let arguments = arguments.trim_end().strip_suffix(')').unwrap();
        if result.starts_with('-') || result.starts_with('?') {
            return vec![];
        }
        let arguments: Vec<&str> = arguments.split(", ").collect();
        let room = self.room;
        let ours = |path: PathBuf| path.strip_prefix(room).ok().map(Path::to_path_buf);
        let named = |at: usize| ours(path(&octets(arguments[at].trim_matches('"'))));
        let opened = |text: &str| ours(path(&octets(text.split_once('<')?.1.strip_suffix('>')?)));
        let number = |at: usize| -> u64 { arguments[at].parse().unwrap() };
        let call = match name {
            "openat" | "open" => return self.opens(&arguments, result, opened(result)),
            "mkdir" => named(0).map(Call::Directory),
            "mkdirat" => named(1).map(Call::Directory),
            "write" | "pwrite64" => opened(arguments[0]).map(|path| {
                let written = octets(arguments[1].trim_matches('"'));
                assert_eq!(result, written.len().to_string(), "all of it");
                if is_told(&path) {
                    return Call::Told(u64::from_be_bytes(written.try_into().unwrap()));
                }
                let is_placed = name == "pwrite64";
                let place =
                    if is_placed { Some(number(3)) } else { self.passes(arguments[0], written.len()) };
                Call::Write(path, place, written)
            }),
            "ftruncate" => opened(arguments[0]).map(|path| Call::Length(path, number(1))),
            "fsync" | "fdatasync" => {
                opened(arguments[0]).map(|path| Call::Sync(path, name == "fdatasync", since))
            }
            "rename" => named(0).map(|from| Call::Rename(from, named(1).unwrap())),
            "renameat" | "renameat2" => named(1).map(|from| Call::Rename(from, named(3).unwrap())),
            "unlink" | "rmdir" => named(0).map(Call::Remove),
            "unlinkat" => named(1).map(Call::Remove),
            "lseek" => {
                if let Some(Some(position)) = self.positions.get_mut(&descriptor(arguments[0])) {
                    *position = result.parse().unwrap();
                }
                None
            }
            _ => arguments.iter().find_map(|it| opened(it)).map(|_| panic!("not understood: {line}")),
        };
        call.into_iter().collect()
    }

    fn opens(&mut self, arguments: &[&str], result: &str, path: Option<PathBuf>) -> Vec<Call> {
        let has = |flag: &str| arguments.iter().any(|it| it.split('|').any(|it| it == flag));
        self.positions.insert(descriptor(result), (!has("O_APPEND")).then_some(0));
        let Some(path) = path.filter(|path| !is_told(path)) else { return vec![] };
        let created = has("O_CREAT").then(|| Call::Create(path.clone()));
        let emptied = has("O_TRUNC").then_some(Call::Length(path, 0));
        created.into_iter().chain(emptied).collect()
    }

    /// Where a descriptor writes, and that it has written so much there.
    fn passes(&mut self, text: &str, octets: usize) -> Option<u64> {
        let position = self.positions.get_mut(&descriptor(text)).expect("what was opened").as_mut()?;
        *position += octets as u64;
        Some(*position - octets as u64)
    }
}

/// The number of `7</path>`.
fn descriptor(text: &str) -> String {
    text.split_once('<').map_or(text, |(number, _)| number).to_owned()
}

/// What the recorded life of a test says aloud.
fn is_told(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "told")
}

fn path(octets: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(octets))
}

/// A text whose octets are all spelt as `\x2f`.
fn octets(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|it| u8::from_str_radix(it.get(..2).unwrap(), 16).unwrap()).collect()
}
