//! The durable store of registrations (decision 12 of the design; [0030](../../../docs/decisions/0030-store-of-registrations.md)):
//! rows in an embedded engine, written by a thread of its own.
//!
//! It knows octets, not subscribers. Records come in by a bounded queue, in the order of their sequence numbers; as many as
//! wait are committed together, with one fdatasync, and the control thread is told the last number that is durable. At the
//! start it gives back what it holds, shard by shard, and commits meanwhile. Its first failure is its last: an fdatasync that
//! has failed may have lost what the next one would call durable, so nothing is tried again and nothing more is written.

pub mod engine;
mod examine;
#[cfg(test)]
pub(super) mod faulty;
#[cfg(test)]
pub(super) mod power_cut;
#[cfg(test)]
mod tests;
mod thread;

use crate::subscriber::Loading;
use engine::{Engine, Failure, Fjall, Meta};
pub use fjall::Slice;
use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use tokio::sync::mpsc;

/// What a row is about: the first octet of its key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Kind {
    /// About the store itself.
    Meta = 0,
    /// What an HLR is yet to be told.
    Owed = 1,
    /// A subscriber with his bindings.
    Subscriber = 2,
    /// Whose registration state is watched.
    Watched = 3,
    /// A de-registration of late.
    Ended = 4,
}

/// A row that was read: its key, which begins with kind and shard, and its value, both as the engine has them in memory.
pub type Row = (Slice, Slice);

/// A row that becomes another, or goes if it has no value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Its key.
    pub key: Box<[u8]>,
    /// Its value from now on.
    pub value: Option<Box<[u8]>>,
}

/// A record: changes that become durable together or not at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Write {
    /// Its number; each record has the next, over all lives of the store, so that whoever follows knows what is missing.
    pub sequence: u64,
    /// What changes.
    pub changes: Vec<Change>,
}

/// What the store tells the control thread.
#[derive(Debug)]
pub enum Report {
    /// Rows that were there at the start.
    Rows(Vec<Row>),
    /// All that is owed about, and of, a shard's subscribers was given.
    Shard(u8),
    /// A shard can't be read: its subscribers are not here, and not absent either.
    Unreadable(u8, Failure),
    /// Everything was given.
    Loaded,
    /// Every record up to this one is durable.
    Durable(u64),
    /// The store has failed, and writes nothing any more.
    Failed(Failure),
}

/// Reports that may wait for the control thread; while it has not taken them, the store waits.
const REPORTS: usize = 64;

/// The control thread's end of the store.
pub struct Store {
    writes: SyncSender<Write>,
    reports: mpsc::Receiver<Report>,
}

/// A store that was opened, and what it knows of itself.
pub struct Opened {
    /// The engine.
    engine: Box<dyn Engine>,
    /// What lasts longer than a life of the process.
    pub meta: Meta,
}

impl Opened {
    /// Opens the store in the directory `path`, or makes one there. `networks` are the names of the served networks.
    ///
    /// # Errors
    /// It can't be opened, another process has it, or it is damaged.
    pub fn open(path: &Path, networks: &[String], fresh: [u8; 16]) -> Result<Self, Failure> {
        let engine = Fjall::open(path)?;
        Self::of(Box::new(engine), networks, fresh)
    }

    /// The same over any engine.
    ///
    /// # Errors
    /// It can't be read, or is of another version.
    pub fn of(mut engine: Box<dyn Engine>, networks: &[String], fresh: [u8; 16]) -> Result<Self, Failure> {
        let meta = Meta::read(&mut *engine, networks, fresh)?;
        Ok(Self { engine, meta })
    }

    /// Starts the thread, which takes up to `records` that are not durable yet.
    ///
    /// # Errors
    /// There is no thread to be had.
    #[allow(clippy::disallowed_methods)] // the store's thread is started here
    pub fn start(self, records: usize) -> std::io::Result<(Store, std::thread::JoinHandle<()>)> {
        let (writes, inbox) = sync_channel(records);
        let (outbox, reports) = mpsc::channel(REPORTS);
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || thread::run(self.engine, &inbox, &outbox))?;
        Ok((Store { writes, reports }, thread))
    }
}

impl Store {
    /// Hands a record over. It comes back if there is no room, or the store has failed.
    ///
    /// # Errors
    /// The record.
    pub fn write(&self, write: Write) -> Result<(), Write> {
        self.writes.try_send(write).map_err(|error| match error {
            TrySendError::Full(write) | TrySendError::Disconnected(write) => write,
        })
    }

    /// What it has to tell; `None` when it has ended.
    pub async fn report(&mut self) -> Option<Report> {
        self.reports.recv().await
    }

    /// The same, if there is something by now.
    pub fn try_report(&mut self) -> Option<Report> {
        self.reports.try_recv().ok()
    }
}

/// The beginning of the keys of a shard's rows of one kind.
#[must_use]
pub const fn prefix(kind: Kind, shard: u8) -> [u8; 2] {
    [kind as u8, shard]
}

/// How many shards there are: as many as the table knows of.
const SHARDS: usize = Loading::SHARDS;
