//! The store's thread: it gives back what is there, and commits what comes, as many records together as wait.

use super::engine::{Engine, Rows};
use super::{Kind, Report, Row, SHARDS, Write, prefix};
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
}

impl Loader {
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

    /// Gives some rows back; itself, unless that were the last, or nobody wants them.
    fn step(mut self, engine: &dyn Engine, reports: &Sender<Report>) -> Option<Self> {
        let Some((kind, shard, is_end)) = self.part() else {
            let _ = reports.blocking_send(Report::Loaded);
            return None;
        };
        let rows = self.rows.get_or_insert_with(|| engine.rows(&prefix(kind, shard)));
        let mut given: Vec<Row> = Vec::with_capacity(ROWS);
        let mut failure = None;
        while given.len() < ROWS {
            match rows.next() {
                Some(Ok(row)) => given.push(row),
                Some(Err(error)) => {
                    failure = Some(error);
                    break;
                }
                None => break,
            }
        }
        let is_over = given.len() < ROWS;
        if !given.is_empty() {
            reports.blocking_send(Report::Rows(given)).ok()?;
        }
        if is_over {
            self.rows = None;
            self.part += 1;
            match failure {
                Some(failure) => {
                    // What is owed can't be told apart from what is not: the shard's subscribers are not given either.
                    self.part =
                        self.part.next_multiple_of(if kind == Kind::Watched { 1 } else { OF_A_SHARD.len() });
                    reports.blocking_send(Report::Unreadable(shard, failure)).ok()?;
                }
                None if is_end => reports.blocking_send(Report::Shard(shard)).ok()?,
                None => {}
            }
        }
        Some(self)
    }
}
