//! An engine in memory, with the faults that a disk has: it stalls, and it fails.

use super::engine::{Engine, Failure, Rows};
use super::{Row, Write};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};

/// What happens to commits, and what has happened.
#[derive(Default)]
pub(in crate::control) struct Faults {
    /// The commit that fails, from 0, and all that follow; `usize::MAX` if none does.
    pub(in crate::control) fails_at: AtomicUsize,
    /// Commits asked for, the failed one among them.
    pub(in crate::control) commits: AtomicUsize,
    /// Whether it was let go after a failure, without another try.
    pub(in crate::control) abandoned: AtomicBool,
    /// The prefix that can't be read.
    pub(in crate::control) unreadable: OnceLock<Vec<u8>>,
}

/// The engine.
pub(in crate::control) struct Faulty {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    faults: Arc<Faults>,
    /// Each commit waits for one of these, where there is a gate.
    gate: Option<Receiver<()>>,
    /// How many records each commit had.
    sizes: Sender<usize>,
}

impl Faulty {
    /// An engine whose commits have nothing to wait for, its faults, and the sizes of its commits.
    pub(in crate::control) fn new() -> (Self, Arc<Faults>, Receiver<usize>) {
        let faults = Arc::new(Faults { fails_at: AtomicUsize::new(usize::MAX), ..Faults::default() });
        let (sizes, told) = channel();
        (Self { rows: BTreeMap::new(), faults: faults.clone(), gate: None, sizes }, faults, told)
    }

    /// The same, each of whose commits from now on waits for one of what is sent here.
    pub(in crate::control) fn gated(mut self) -> (Self, Sender<()>) {
        let (open, gate) = channel();
        self.gate = Some(gate);
        (self, open)
    }
}

impl Engine for Faulty {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.rows.get(key).cloned())
    }

    fn rows(&self, prefix: &[u8]) -> Rows {
        let is_its = |(key, _): &(&Vec<u8>, &Vec<u8>)| key.starts_with(prefix);
        let rows = self.rows.iter().filter(is_its);
        let mut all: Vec<Result<Row, Failure>> =
            rows.map(|(key, value)| Ok((key[..].into(), value[..].into()))).collect();
        if self.faults.unreadable.get().is_some_and(|it| it == prefix) {
            all.insert(all.len() / 2, Err(Failure("checksum".into())));
        }
        Box::new(all.into_iter())
    }

    fn commit(&mut self, writes: &[Write]) -> Result<(), Failure> {
        // A test that waits for nothing more has no gate either.
        self.gate.as_ref().map(Receiver::recv);
        let _ = self.sizes.send(writes.len());
        if self.faults.commits.fetch_add(1, Ordering::SeqCst) >= self.faults.fails_at.load(Ordering::SeqCst) {
            return Err(Failure("Input/output error".into()));
        }
        for change in writes.iter().flat_map(|write| &write.changes) {
            match &change.value {
                Some(value) => drop(self.rows.insert(change.key.to_vec(), value.to_vec())),
                None => drop(self.rows.remove(&change.key[..])),
            }
        }
        Ok(())
    }

    fn abandon(self: Box<Self>) {
        self.faults.abandoned.store(true, Ordering::SeqCst);
    }
}
