//! What strace says of a process's calls that change files.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// All calls by which a file or a directory may become another; one that is not understood is no call to be left out.
const CALLS: &str = "trace=open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,truncate,ftruncate,fallocate,\
                     copy_file_range,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,unlink,\
                     unlinkat,rmdir,mkdir,mkdirat,lseek";

/// All threads; paths of descriptors; texts whole, octet by octet.
pub(super) const OPTIONS: [&str; 8] = ["-f", "--seccomp-bpf", "-y", "-xx", "-s", "16777216", "-e", CALLS];

/// A call that has changed something, by paths relative to the room.
pub(super) enum Call {
    Create(PathBuf),
    Directory(PathBuf),
    Write(PathBuf, Option<u64>, Vec<u8>),
    Length(PathBuf, u64),
    /// Whether of the data alone; and how many calls had been made before it began.
    Sync(PathBuf, bool, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    /// The recorded life was told that this record is durable.
    Told(u64),
}

/// How many calls are renames, and how many tables rows were moved to.
pub(super) fn kinds(calls: &[Call]) -> (usize, usize) {
    let is_table = |path: &Path| path.parent().is_some_and(|it| it.ends_with("tables"));
    let renames = calls.iter().filter(|call| matches!(call, Call::Rename(..)));
    let tables = calls.iter().filter(|call| matches!(call, Call::Create(path) if is_table(path)));
    (renames.count(), tables.count())
}

/// The calls in the order in which they ended.
pub(super) fn read(log: &Path, room: &Path) -> Vec<Call> {
    let text = std::fs::read_to_string(log).unwrap();
    // Of each thread what it has begun, and when.
    let mut begun: HashMap<&str, (String, usize)> = HashMap::new();
    let mut calls = vec![];
    for line in text.lines() {
        let (thread, line) = line.split_once(' ').unwrap();
        let line = line.trim_start();
        if let Some(begin) = line.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, (begin.into(), calls.len()));
            continue;
        }
        let (line, since) = match line.strip_prefix("<... ") {
            Some(rest) => {
                let (begin, since) = begun.remove(thread).unwrap();
                (begin + rest.split_once(" resumed>").unwrap().1, since)
            }
            None => (line.to_owned(), calls.len()),
        };
        if !line.starts_with("+++") && !line.starts_with("---") {
            calls.extend(call(&line, since, room));
        }
    }
    calls
}

/// What a line tells, if it has changed anything in the room.
fn call(line: &str, since: usize, room: &Path) -> Option<Call> {
    let (name, rest) = line.split_once('(').unwrap();
    let (arguments, result) = rest.rsplit_once(" = ").unwrap();
    let arguments = arguments.trim_end().strip_suffix(')').unwrap();
    if result.starts_with('-') || result.starts_with('?') {
        return None;
    }
    let arguments: Vec<&str> = arguments.split(", ").collect();
    let ours = |path: PathBuf| path.strip_prefix(room).ok().map(Path::to_path_buf);
    let named = |at: usize| ours(path(&octets(arguments[at].trim_matches('"'))));
    let opened = |text: &str| ours(path(&octets(text.split_once('<')?.1.strip_suffix('>')?)));
    let number = |at: usize| -> u64 { arguments[at].parse().unwrap() };
    match name {
        "openat" | "open" => {
            let creates = arguments.iter().any(|it| it.contains("O_CREAT"));
            let empties = arguments.iter().any(|it| it.contains("O_TRUNC"));
            let path = opened(result)?;
            assert!(creates || !empties, "{line}");
            creates.then_some(Call::Create(path)).filter(|call| !is_told(call))
        }
        "mkdir" => named(0).map(Call::Directory),
        "mkdirat" => named(1).map(Call::Directory),
        "write" | "pwrite64" => {
            let path = opened(arguments[0])?;
            let written = octets(arguments[1].trim_matches('"'));
            assert_eq!(result, written.len().to_string(), "all of it");
            if path.extension().is_some_and(|it| it == "told") {
                return Some(Call::Told(u64::from_be_bytes(written.try_into().unwrap())));
            }
            Some(Call::Write(path, (name == "pwrite64").then(|| number(3)), written))
        }
        "ftruncate" => opened(arguments[0]).map(|path| Call::Length(path, number(1))),
        "fsync" | "fdatasync" => {
            opened(arguments[0]).map(|path| Call::Sync(path, name == "fdatasync", since))
        }
        "rename" => named(0).map(|from| Call::Rename(from, named(1).unwrap())),
        "renameat" | "renameat2" => named(1).map(|from| Call::Rename(from, named(3).unwrap())),
        "unlink" | "rmdir" => named(0).map(Call::Remove),
        "unlinkat" => named(1).map(Call::Remove),
        // Nothing is read and written by the same descriptor here.
        "lseek" => None,
        _ => arguments.iter().find_map(|it| opened(it)).map(|_| panic!("not understood: {line}")),
    }
}

fn is_told(call: &Call) -> bool {
    matches!(call, Call::Create(path) if path.extension().is_some_and(|it| it == "told"))
}

fn path(octets: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(octets))
}

/// A text whose octets are all spelt as `\x2f`.
fn octets(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|it| u8::from_str_radix(it.get(..2).unwrap(), 16).unwrap()).collect()
}
