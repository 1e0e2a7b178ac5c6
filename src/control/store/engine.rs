//! The engine under the store: what it must do, and fjall, which does it.

use super::{Kind, Row, Write};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::fmt;
use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
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
}

/// The engine's own cache: rows are read once, at the start.
const CACHE: u64 = 8 << 20;

impl Fjall {
    /// Opens the engine in the directory `path`, which is made if it is not there, for its owner alone.
    ///
    /// # Errors
    /// It can't be opened.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let wrong = |error: std::io::Error| Failure(error.to_string());
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(wrong)?;
        // Who is registered from where is nobody else's business, whoever made the directory.
        std::fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(wrong)?;
        let database = Database::builder(path).worker_threads(1).cache_size(CACHE).open()?;
        let rows = database.keyspace("registrations", KeyspaceCreateOptions::default)?;
        Ok(Self { database, rows })
    }
}

impl Engine for Fjall {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.rows.get(key)?.map(|value| value.to_vec()))
    }

    fn rows(&self, prefix: &[u8]) -> Rows {
        Box::new(self.rows.prefix(prefix).map(|row| {
            let (key, value) = row.into_inner()?;
            Ok((Box::from(&*key), Box::from(&*value)))
        }))
    }

    fn commit(&mut self, writes: &[Write]) -> Result<(), Failure> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for change in writes.iter().flat_map(|write| &write.changes) {
            match &change.value {
                Some(value) => batch.insert(&self.rows, &*change.key, &**value),
                None => batch.remove(&self.rows, &*change.key),
            }
        }
        if let Some(last) = writes.last() {
            batch.insert(&self.rows, &SEQUENCE[..], &last.sequence.to_be_bytes()[..]);
        }
        Ok(batch.commit()?)
    }

    fn abandon(self: Box<Self>) {
        // Dropped, it would call fsync once more, and perhaps be told that all is well.
        core::mem::forget(self);
    }
}

const VERSION: [u8; 2] = [Kind::Meta as u8, 0];
const SECRET: [u8; 2] = [Kind::Meta as u8, 1];
const SEQUENCE: [u8; 2] = [Kind::Meta as u8, 2];
const NETWORKS: [u8; 2] = [Kind::Meta as u8, 3];

/// The version of the rows. What another version wrote is not guessed at.
const FORMAT: u8 = 1;

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
        let sequence = engine.get(&SEQUENCE)?.and_then(|it| it.try_into().ok()).ok_or_else(damaged)?;
        let known = engine.get(&NETWORKS)?.and_then(|it| String::from_utf8(it).ok()).ok_or_else(damaged)?;
        let networks = known.lines().map(str::to_owned).collect();
        let mut meta = Self { secret, sequence: u64::from_be_bytes(sequence), networks };
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
