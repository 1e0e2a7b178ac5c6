//! The engine's journal, and what it says of its tables, as they lie on the disk: looked at before the engine reads them.
//!
//! The engine takes the first octets that it can't read for the end, and cuts off what follows, silently. That is right where
//! the process or the power went while the last batch was being written: nobody was told that it is durable. It is wrong
//! where something has been damaged further up, since what follows had been confirmed. The two are told apart here by what
//! else there is: behind a batch that was never finished there is no other one, since each waits for the one before it; and a
//! part of it is missing.
//!
//! What the engine writes (fjall 3): a batch is a start (tag 1, number of items, the engine's own sequence number), items
//! (tag 2, type, compression, keyspace, lengths, key, value), and an end (tag 3, XXH3 of the items, four octets of trailer);
//! numbers have the least significant octet first. Files are 64 MB of zeros at first, and named by their turn.

use super::engine::{Failure, SEQUENCE, read_span};
use crate::codec::Reader;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const TRAILER: [u8; 4] = *b"FJL\x03";

/// A batch that is whole.
struct Batch {
    /// The engine's own number of it.
    number: u64,
    /// The first and the last record in it; none: the engine has written it for itself.
    records: Option<(u64, u64)>,
    /// Its octets.
    len: usize,
}

/// How far the journal has been followed.
#[derive(Default)]
struct Followed {
    number: Option<u64>,
    record: Option<u64>,
}

impl Followed {
    /// Whether this batch is the next one.
    fn takes(&mut self, batch: &Batch) -> bool {
        let follows = self.number.is_none_or(|number| batch.number > number)
            && batch.records.zip(self.record).is_none_or(|((first, _), last)| first == last + 1);
        self.number = Some(batch.number);
        self.record = batch.records.map(|(_, last)| last).or(self.record);
        follows
    }
}

/// Looks at what a directory has of tables and journal, and cuts off a batch at its end that was never finished. The number of the last record
/// in it, if there is any.
///
/// # Errors
/// It is damaged, or can't be read.
pub(super) fn examine(directory: &Path) -> Result<Option<u64>, Failure> {
    examine_tables(directory)?;
    let mut followed = Followed::default();
    let mut files = journals(directory)?.into_iter().peekable();
    while let Some(path) = files.next() {
        let octets = read(&path)?;
        let is_last = files.peek().is_none();
        let end = follow(&octets, &mut followed).map_err(|at| damaged(&path, at, &followed))?;
        let rest = without_zeros(octets.get(end..).unwrap_or_default());
        if rest.is_empty() {
            continue;
        }
        if !is_last || has_batch(rest) || is_all_there(rest, end) {
            return Err(damaged(&path, end, &followed));
        }
        cut(&path, end)?;
    }
    Ok(followed.record)
}

/// Looks at what the engine says of its tables. `current` names the file of each keyspace that does, and its sum, which the engine
/// does not compare: with one bit changed there it has other levels than it can bear, or takes tables for none of its own, and
/// who was in them is gone without a word.
fn examine_tables(directory: &Path) -> Result<(), Failure> {
    let keyspaces = directory.join("keyspaces");
    if !keyspaces.try_exists()? {
        return Ok(());
    }
    for keyspace in std::fs::read_dir(keyspaces)? {
        let keyspace = keyspace?.path();
        let current = std::fs::read(keyspace.join("current"))?;
        let mut reader = Reader::new(&current);
        let named = reader.array().zip(reader.array());
        let of_file = |(version, sum)| {
            let path = keyspace.join(format!("v{}", u64::from_le_bytes(version)));
            let octets = std::fs::read(path).ok()?;
            Some(xxhash_rust::xxh3::xxh3_128(&octets) == u128::from_le_bytes(sum))
        };
        if named.and_then(of_file) != Some(true) {
            return Err(Failure(format!("what {} says of its tables is damaged", keyspace.display())));
        }
    }
    Ok(())
}

/// Octets that a disk writes whole.
const SECTOR: usize = 512;

/// Whether nothing is missing of a batch that can't be read, which begins at an octet of its file: its end is there, but for a bit,
/// and no sector before that is empty. A power cut leaves out what was not synchronised, and changes no bit of the rest: this was
/// all written, and perhaps confirmed, before it was damaged.
fn is_all_there(rest: &[u8], begins: usize) -> bool {
    let is_empty = |sector: &[u8]| sector.iter().all(|octet| *octet == 0);
    let end = rest.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    let written = rest.get(..end).unwrap_or_default();
    let Some(trailer) = written.last_chunk::<4>() else { return false };
    let differing = u32::from_ne_bytes(*trailer) ^ u32::from_ne_bytes(TRAILER);
    let (first, others) = written.split_at_checked(SECTOR - begins % SECTOR).unwrap_or((written, &[]));
    differing.count_ones() <= 1 && !is_empty(first) && !others.chunks(SECTOR).any(is_empty)
}

/// What stands before the zeros of a file that has not been filled, in whole pages.
fn without_zeros(octets: &[u8]) -> &[u8] {
    const PAGE: [u8; 4096] = [0; 4096];
    let is_zero = |page: &[u8]| PAGE.starts_with(page);
    let pages = octets.chunks(PAGE.len()).rposition(|page| !is_zero(page)).map_or(0, |last| last + 1);
    octets.get(..pages * PAGE.len()).unwrap_or(octets)
}

fn damaged(path: &Path, at: usize, followed: &Followed) -> Failure {
    let name = path.file_name().unwrap_or_default().display();
    let last = followed.record.map_or("none".into(), |record| record.to_string());
    Failure(format!(
        "its journal {name} is damaged at octet {at}: what follows record {last} can't be trusted"
    ))
}

/// The files of the journal, in their order.
fn journals(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files: Vec<(u64, PathBuf)> = vec![];
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "jnl")
            && let Some(turn) = path.file_stem().and_then(|it| it.to_str()).and_then(|it| it.parse().ok())
        {
            files.push((turn, path));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut octets = vec![];
    File::open(path)?.read_to_end(&mut octets)?;
    Ok(octets)
}

/// Goes over all batches from the start; where the first octets are that are none.
///
/// # Errors
/// Where a batch is whole that is not the next one.
fn follow(octets: &[u8], followed: &mut Followed) -> Result<usize, usize> {
    let mut at = 0;
    while let Some(batch) = octets.get(at..).and_then(batch) {
        if !followed.takes(&batch) {
            return Err(at);
        }
        at += batch.len;
    }
    Ok(at)
}

/// Whether a batch of records that is whole begins anywhere here.
fn has_batch(octets: &[u8]) -> bool {
    let starts = octets.iter().enumerate().filter(|(_, octet)| **octet == START);
    let mut at = starts.filter_map(|(at, _)| octets.get(at..).and_then(batch));
    at.any(|batch| batch.records.is_some())
}

/// The batch that begins here, if it is whole.
fn batch(octets: &[u8]) -> Option<Batch> {
    let mut reader = Reader::new(octets);
    if reader.u8()? != START {
        return None;
    }
    let count = u32::from_le_bytes(reader.array()?);
    let number = u64::from_le_bytes(reader.array()?);
    let items = reader.position();
    let mut records = None;
    for _ in 0..count {
        if reader.u8()? != ITEM {
            return None;
        }
        let _type_compression_and_keyspace: [u8; 10] = reader.array()?;
        let key_len = u16::from_le_bytes(reader.array()?);
        let _value_len: [u8; 4] = reader.array()?;
        let stored_len = u32::from_le_bytes(reader.array()?);
        let (key, value) = (reader.take(key_len.into())?, reader.take(stored_len as usize)?);
        if key == SEQUENCE {
            records = Some(read_span(value)?);
        }
    }
    let items = octets.get(items..reader.position())?;
    if reader.u8()? != END {
        return None;
    }
    let sum = u64::from_le_bytes(reader.array()?);
    let is_whole = reader.array()? == TRAILER && sum == xxhash_rust::xxh3::xxh3_64(items);
    is_whole.then_some(Batch { number, records, len: reader.position() })
}

/// Cuts off what was never finished.
fn cut(path: &Path, len: usize) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(len as u64)?;
    Ok(file.sync_all()?)
}
