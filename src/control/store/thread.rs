//! The store's thread: it gives back what is there, and commits what comes, as many records together as wait.

use super::engine::{Engine, Rows};
use super::{Kind, Report, Row, SHARDS, Write, prefix};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, TryRecvError};
use tokio::sync::mpsc::Sender;

/// Records of one commit, at most.
pub(super) const BATCH: usize = 256;
/// Rows that are given back at a time, and between two commits.
pub(super) const ROWS: usize = 256;

/// Runs until nobody writes any more, or the engine fails.
pub(super) fn run(mut engine: Box<dyn Engine>, writes: &Receiver<Write>, reports: &Sender<Report>) {
    let mut loader = Some(Loader::default());
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        // While there are rows to give back nobody waits for records; afterwards there is nothing else to do. Records that
        // come during a commit are the next one's, so that none waits for others to come.
        let first = match &loader {
            Some(_) => writes.try_recv(),
            None => writes.recv().map_err(|_| TryRecvError::Disconnected),
        };
        match first {
            Ok(first) => {
                batch.push(first);
                batch.extend(writes.try_iter().take(BATCH - 1));
                if let Err(failure) = engine.commit(&batch) {
                    // Who has gone need not be told.
                    let _ = reports.blocking_send(Report::Failed(failure));
                    return engine.abandon();
                }
                let last = batch.last().map_or(0, |write| write.sequence);
                batch.clear();
                let _ = reports.blocking_send(Report::Durable(last));
            }
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => {}
        }
        loader = loader.and_then(|loader| loader.step(&*engine, reports));
    }
}

/// What is given back of each shard, in this order; behind all shards who is watched.
const OF_A_SHARD: [Kind; 3] = [Kind::Owed, Kind::Ended, Kind::Subscriber];

/// Gives back what is there.
#[derive(Default)]
struct Loader {
    /// Which part comes next, or is being given.
    part: usize,
    rows: Option<Rows>,
    /// What was read of a shard's subscribers: nobody of it is given before all of it is known to be whole.
    held: VecDeque<Vec<Row>>,
    /// Whether it is, and is being given.
    is_whole: bool,
}

impl Loader {
    fn at(part: usize) -> Self {
        Self { part, ..Self::default() }
    }

    /// The kind and shard of a part, and whether the shard ends with it.
    fn part(&self) -> Option<(Kind, u8, bool)> {
        let (shard, which) = (self.part / OF_A_SHARD.len(), self.part % OF_A_SHARD.len());
        match (u8::try_from(shard), OF_A_SHARD.get(which)) {
            (Ok(shard), Some(kind)) => Some((*kind, shard, which + 1 == OF_A_SHARD.len())),
            _ => {
                let shard = u8::try_from(self.part - OF_A_SHARD.len() * SHARDS);
                shard.ok().map(|shard| (Kind::Watched, shard, false))
            }
        }
    }

    /// Reads some rows, or gives some back; itself, unless that were the last, or nobody wants them.
    fn step(mut self, engine: &dyn Engine, reports: &Sender<Report>) -> Option<Self> {
        let Some((kind, shard, is_end)) = self.part() else {
            let _ = reports.blocking_send(Report::Loaded);
            return None;
        };
        if self.is_whole {
            let Some(rows) = self.held.pop_front() else {
                reports.blocking_send(Report::Shard(shard)).ok()?;
                return Some(Self::at(self.part + 1));
            };
            reports.blocking_send(Report::Rows(rows)).ok()?;
            return Some(self);
        }
        let rows = self.rows.get_or_insert_with(|| engine.rows(&prefix(kind, shard)));
        let mut read: Vec<Row> = Vec::with_capacity(ROWS);
        let mut failure = None;
        while read.len() < ROWS {
            match rows.next() {
                Some(Ok(row)) => read.push(row),
                Some(Err(error)) => {
                    failure = Some(error);
                    break;
                }
                None => break,
            }
        }
        let is_over = read.len() < ROWS;
        if let Some(failure) = failure {
            // What is owed can't be told apart from what is not: the shard's subscribers are not given either.
            let parts = if kind == Kind::Watched { 1 } else { OF_A_SHARD.len() };
            reports.blocking_send(Report::Unreadable(shard, failure)).ok()?;
            return Some(Self::at((self.part + 1).next_multiple_of(parts)));
        }
        if !read.is_empty() && is_end {
            self.held.push_back(read);
        } else if !read.is_empty() {
            reports.blocking_send(Report::Rows(read)).ok()?;
        }
        if is_over && !is_end {
            return Some(Self::at(self.part + 1));
        }
        self.is_whole = is_over;
        Some(self)
    }
}
