//! The engine under the store: what it must do, and fjall, which does it.

use super::examine::examine;
use super::{Kind, Row, Write};
use crate::codec::Reader;
use crate::codec::crc32c::crc32c;
use fjall::config::{BlockSizePolicy, FilterPolicy};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Why the engine could not do something, in its own words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<fjall::Error> for Failure {
    fn from(error: fjall::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// The rows with one prefix, by their keys, as they were when they were asked for.
pub type Rows = Box<dyn Iterator<Item = Result<Row, Failure>>>;

/// What keeps rows.
pub trait Engine: Send {
    /// The value of a row.
    ///
    /// # Errors
    /// It can't be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Failure>;

    /// The rows whose keys begin with `prefix`.
    fn rows(&self, prefix: &[u8]) -> Rows;

    /// Changes rows, all or none, and returns when that is durable.
    ///
    /// # Errors
    /// Then nobody knows whether it is, and nothing more may be asked of the engine.
    fn commit(&mut self, writes: &[Write]) -> Result<(), Failure>;

    /// Lets go of it after a failure, without a last attempt to write.
    fn abandon(self: Box<Self>);
}

/// fjall: a log-structured engine in Rust.
pub struct Fjall {
    database: Database,
    rows: Keyspace,
    witness: Witness,
}

/// The engine's own cache: rows are read once, at the start.
const CACHE: u64 = 8 << 20;
/// Octets of a block of a table: all of them are read, one after the other, and hardly any row alone.
const BLOCK: u32 = 32 << 10;
/// So much is in memory, and in a file of the journal, before it is moved to tables.
const MEMTABLE: u64 = 64 << 20;

impl Fjall {
    /// Opens the engine in the directory `path`, which is made if it is not there, for its owner alone.
    ///
    /// # Errors
    /// It can't be opened.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        Self::open_with(path, MEMTABLE)
    }

    /// The same with so much in memory before it is moved to tables.
    pub(super) fn open_with(path: &Path, memtable: u64) -> Result<Self, Failure> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        // Who is registered from where is nobody else's business, whoever made the directory.
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
        // Locked before the journal is looked at: a process that writes it has no end that could be cut off.
        let witness = Witness::open(&path.join("confirmed"))?;
        let confirmed = witness.read()?;
        let is_made = begin_anew(path, confirmed)?;
        let in_journal = examine(path)?;
        let database = Database::builder(path).worker_threads(1).cache_size(CACHE).open()?;
        let options = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(memtable)
                .data_block_size_policy(BlockSizePolicy::all(BLOCK))
                .filter_policy(FilterPolicy::disabled())
        };
        let rows = database.keyspace("registrations", options)?;
        if is_made {
            database.persist(PersistMode::SyncAll)?;
            std::fs::remove_file(path.join(UNFINISHED))?;
            // Before anything is confirmed that would go with the next life if the mark came back.
            File::open(path)?.sync_all()?;
        }
        let engine = Self { database, rows, witness };
        let last = engine.get(&SEQUENCE)?.and_then(|span| read_span(&span)).map(|(_, last)| last);
        if in_journal.is_some() && in_journal != last || last < confirmed {
            let number = |record: Option<u64>| record.map_or("none".into(), |record| record.to_string());
            return Err(Failure(format!(
                "it ends with record {}, but {} was confirmed, and its journal ends with {}",
                number(last),
                number(confirmed),
                number(in_journal)
            )));
        }
        Ok(engine)
    }
}

/// A mark beside the engine's files until a new store is whole.
const UNFINISHED: &str = "unfinished";

/// Whether the engine is to make a new store: there is none, or what a power cut has left of one that was never whole, which the
/// engine does not open; nothing can have been confirmed in that, and it goes.
fn begin_anew(path: &Path, confirmed: Option<u64>) -> Result<bool, Failure> {
    let mark = path.join(UNFINISHED);
    let mut its = vec![];
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        let is_its = ["version", "lock", "keyspaces"].iter().any(|name| path.ends_with(name));
        its.extend((is_its || path.extension().is_some_and(|it| it == "jnl")).then_some(path));
    }
    if !mark.try_exists()? {
        if !its.is_empty() {
            return Ok(false);
        }
        File::create(mark)?.sync_all()?;
        File::open(path)?.sync_all()?;
    } else if let Some(record) = confirmed {
        return Err(Failure(format!(
            "it is marked as one that was never whole, but record {record} was confirmed"
        )));
    }
    for file in its {
        if file.is_dir() { std::fs::remove_dir_all(file)? } else { std::fs::remove_file(file)? }
    }
    Ok(true)
}

/// A file beside the engine's with the number of the last record that is durable, written after each commit and never
/// synchronised: if the last batch of the journal is damaged, it is not taken for one that was never finished.
struct Witness(File);

impl Witness {
    fn open(path: &Path) -> Result<Self, Failure> {
        let file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path)?;
        file.try_lock().map_err(|_| Failure("another process has it".into()))?;
        Ok(Self(file))
    }

    /// The number; none if the file is new, or only a part of it was written.
    fn read(&self) -> Result<Option<u64>, Failure> {
        let mut octets = [0; 12];
        if self.0.metadata()?.len() < octets.len() as u64 {
            return Ok(None);
        }
        self.0.read_exact_at(&mut octets, 0)?;
        let [number @ .., a, b, c, d] = octets;
        let is_whole = crc32c(&number) == u32::from_be_bytes([a, b, c, d]);
        Ok(is_whole.then_some(u64::from_be_bytes(number)))
    }

    fn write(&self, record: u64) -> Result<(), Failure> {
        let number = record.to_be_bytes();
        let octets = [&number[..], &crc32c(&number).to_be_bytes()].concat();
        Ok(self.0.write_all_at(&octets, 0)?)
    }
}

impl Engine for Fjall {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.rows.get(key)?.map(|value| value.to_vec()))
    }

    fn rows(&self, prefix: &[u8]) -> Rows {
        Box::new(self.rows.prefix(prefix).map(|row| Ok(row.into_inner()?)))
    }

    fn commit(&mut self, writes: &[Write]) -> Result<(), Failure> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for change in writes.iter().flat_map(|write| &write.changes) {
            match &change.value {
                Some(value) => batch.insert(&self.rows, &*change.key, &**value),
                None => batch.remove(&self.rows, &*change.key),
            }
        }
        let Some((first, last)) = writes.first().zip(writes.last()) else { return Ok(batch.commit()?) };
        let span = [first.sequence.to_be_bytes(), last.sequence.to_be_bytes()].concat();
        batch.insert(&self.rows, &SEQUENCE[..], &span[..]);
        batch.commit()?;
        self.witness.write(last.sequence)
    }

    fn abandon(self: Box<Self>) {
        // Dropped, it would call fsync once more, and perhaps be told that all is well.
        core::mem::forget(self);
    }
}

const VERSION: [u8; 2] = [Kind::Meta as u8, 0];
const SECRET: [u8; 2] = [Kind::Meta as u8, 1];
/// The first and the last record of the commit that was the last.
pub(super) const SEQUENCE: [u8; 2] = [Kind::Meta as u8, 2];
const NETWORKS: [u8; 2] = [Kind::Meta as u8, 3];

/// The version of the rows. What another version wrote is not guessed at.
const FORMAT: u8 = 2;

/// The records of a commit, as its row of [`SEQUENCE`] has them.
pub(super) fn read_span(octets: &[u8]) -> Option<(u64, u64)> {
    let mut reader = Reader::new(octets);
    let span = (u64::from_be_bytes(reader.array()?), u64::from_be_bytes(reader.array()?));
    reader.is_empty().then_some(span)
}

/// What the store knows of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meta {
    /// The secret behind hashes that rows hold, so that the next life finds what this one named.
    pub secret: [u8; 16],
    /// The number of the last record.
    pub sequence: u64,
    /// The names of all networks that rows were ever about; rows have their places here.
    pub networks: Vec<String>,
}

impl Meta {
    /// Reads it, and adds what is new: everything in a new store, whose secret becomes `fresh`, or else new networks.
    pub(super) fn read(engine: &mut dyn Engine, names: &[String], fresh: [u8; 16]) -> Result<Self, Failure> {
        let Some(version) = engine.get(&VERSION)? else {
            let meta = Self { secret: fresh, sequence: 0, networks: names.to_vec() };
            return meta.write(engine);
        };
        if version != [FORMAT] {
            return Err(Failure(format!("the store's rows have version {version:?}, not {FORMAT}")));
        }
        let damaged = || Failure("what the store knows of itself is damaged".into());
        let secret = engine.get(&SECRET)?.and_then(|secret| secret.try_into().ok()).ok_or_else(damaged)?;
        let span = engine.get(&SEQUENCE)?.and_then(|span| read_span(&span)).ok_or_else(damaged)?;
        let known = engine.get(&NETWORKS)?.and_then(|it| String::from_utf8(it).ok()).ok_or_else(damaged)?;
        let networks = known.lines().map(str::to_owned).collect();
        let mut meta = Self { secret, sequence: span.1, networks };
        let new: Vec<_> = names.iter().filter(|name| !meta.networks.contains(name)).cloned().collect();
        if new.is_empty() {
            return Ok(meta);
        }
        meta.networks.extend(new);
        meta.write(engine)
    }

    fn write(mut self, engine: &mut dyn Engine) -> Result<Self, Failure> {
        self.sequence += 1;
        let change =
            |key: [u8; 2], value: &[u8]| super::Change { key: key.into(), value: Some(value.into()) };
        let networks = self.networks.join("\n");
        let changes = vec![
            change(VERSION, &[FORMAT]),
            change(SECRET, &self.secret),
            change(NETWORKS, networks.as_bytes()),
        ];
        engine.commit(&[Write { sequence: self.sequence, changes }])?;
        Ok(self)
    }
}
