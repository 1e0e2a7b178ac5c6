//! The journal of registrations: what has changed and is to be durable, and who waits for that (decision 12 of the design).
//!
//! What is written are states, not events: the row of a subscriber as the table has him, of what an HLR is yet to be told, of
//! whose registration state is watched. So what changes again before it was written is written once, and what there is no room
//! for waits without taking any. A machine like the others: records go out by [`Journal::poll_write`], what became durable
//! comes in by [`Journal::durable`], and answers that waited for it come out.

mod octets;
mod row;
#[cfg(test)]
mod tests;

use super::ended::Whose;
use super::r1::Party;
use super::reg_event::Watched;
use crate::base::{Time, counts};
use crate::control::store::{Change, Write};
use crate::gateway::mailbox::{RegisterOutcome, ToWorker};
use crate::ident::{Identity, Imsi, Msisdn, WorkerId};
use ahash::{AHashMap, AHashSet};
pub(super) use row::{
    Apart, EndedRow, Networks, OwedRow, SubscriberRow, Unreadable, WatchedRow, key_of, read_key,
};
use std::collections::VecDeque;
use std::time::Duration;

counts! {
    /// What was written to the store of registrations, and what it did to registrations.
    pub struct JournalCounts {
        /// Records handed to the store.
        written,
        /// Records that became durable.
        durable,
        /// Rows of those that a refresh alone has changed, written behind its answer.
        behind,
        /// Answers that waited for the disk for too long: 503 instead.
        late,
        /// Registrations and de-registrations refused because the store has failed, or has too much to write.
        refused,
        /// Answers that waited for the disk when the store failed: 503 instead.
        fenced,
        /// Subscribers restored at the start.
        restored,
        /// Subscribers not restored: somebody who has registered since has one of their keys, or there is no room.
        not_restored,
        /// Bindings not restored: their network is served no more.
        bindings_without_network,
        /// Operations owed to HLRs that were restored.
        restored_owed,
        /// Watched identities restored: their subscriptions are asked for anew.
        restored_watched,
        /// De-registrations of late restored: a REGISTER that they have overtaken brings back nothing.
        restored_ended,
        /// Rows that could not be read.
        rows_unreadable,
        /// Shards that could not be read: their subscribers are refused for a while, and never absent.
        shards_unreadable,
        /// Requests of subscribers, and operations of HLRs about them, refused while they are not restored yet.
        not_loaded,
    }
}

/// Names a subscriber's row: by the IMSI, else the MSISDN, else the default public identity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Name {
    /// The usual.
    Imsi(Imsi),
    /// Where no IMSI is known.
    Msisdn(Msisdn),
    /// Nor an MSISDN.
    Identity(Identity),
}

/// Names a row.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum RowKey {
    /// A subscriber with his bindings.
    Subscriber(Name),
    /// What an HLR is yet to be told.
    Owed(Party),
    /// Whose registration state is watched.
    Watched(Watched),
    /// A de-registration of late.
    Ended(Whose),
}

/// How much may wait for the disk, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Records that are not durable yet, at most.
    pub records: usize,
    /// How long a REGISTER waits for the disk.
    pub wait: Duration,
}

/// How it stands with the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// There is none: nothing is durable, and nobody waits for that.
    Off,
    /// It writes.
    Open,
    /// It has failed and writes nothing any more, until the process starts anew.
    Fenced,
}

/// The names of [`State`], for metrics.
pub(super) const STATES: [&str; 3] = ["off", "open", "fenced"];

/// An answer that waits.
struct Waiting {
    sequence: u64,
    until: Time,
    worker: WorkerId,
    outcome: Box<RegisterOutcome>,
}

/// What became of waiting.
pub(super) enum Done {
    /// The answer may be given.
    Answer(WorkerId, Box<RegisterOutcome>),
    /// It may not: 503.
    Refuse(WorkerId, Box<RegisterOutcome>),
}

/// What is to be durable, and who waits for it.
pub(super) struct Journal {
    state: State,
    limits: Limits,
    /// The number of the last record, and of the last that is durable.
    last: u64,
    durable: u64,
    /// When each record that is not durable was given out.
    since: VecDeque<(u64, Time)>,
    /// Rows that somebody waits for, or that are not to be lost.
    changed: AHashSet<RowKey>,
    /// Rows that only a refresh has changed.
    behind: AHashSet<RowKey>,
    /// The last record about each row that is not durable yet; once fenced, what never will be.
    unsettled: AHashMap<RowKey, u64>,
    settling: VecDeque<(u64, RowKey)>,
    writes: VecDeque<Write>,
    answers: VecDeque<Waiting>,
    /// Operations for HLRs, which are not sent before it is written that they are owed.
    sends: VecDeque<(u64, WorkerId, ToWorker)>,
    pub(super) counts: JournalCounts,
}

/// Rows of one record, at most: so long one message of the control thread may take.
const ROWS: usize = 64;

impl Journal {
    /// No journal.
    pub(super) fn off() -> Self {
        Self::new(State::Off, Limits { records: 0, wait: Duration::ZERO }, 0)
    }

    /// A journal whose last record was `last`.
    pub(super) fn open(limits: Limits, last: u64) -> Self {
        Self::new(State::Open, limits, last)
    }

    fn new(state: State, limits: Limits, last: u64) -> Self {
        Self {
            state,
            limits,
            last,
            durable: last,
            since: VecDeque::new(),
            changed: AHashSet::new(),
            behind: AHashSet::new(),
            unsettled: AHashMap::new(),
            settling: VecDeque::new(),
            writes: VecDeque::new(),
            answers: VecDeque::new(),
            sends: VecDeque::new(),
            counts: JournalCounts::default(),
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Records that are not durable yet.
    pub(super) fn unacknowledged(&self) -> usize {
        self.since.len()
    }

    /// How long the oldest of them has been waiting.
    pub(super) fn age(&self, now: Time) -> Duration {
        self.since.front().map_or(Duration::ZERO, |(_, since)| now.since(*since))
    }

    /// Whether new registrations and de-registrations are refused: the store has failed, has as much to write as may wait, or
    /// has been writing for so long that who came now would wait in vain.
    pub(super) fn refuses(&self, now: Time) -> bool {
        match self.state {
            State::Off => false,
            State::Open => self.since.len() >= self.limits.records || self.age(now) >= self.limits.wait,
            State::Fenced => true,
        }
    }

    /// A row has become another, or has gone.
    pub(super) fn change(&mut self, row: RowKey) {
        if self.state == State::Open {
            self.behind.remove(&row);
            self.changed.insert(row);
        } else if self.state == State::Fenced {
            // For whoever asks whether it is durable: never.
            self.unsettled.insert(row, u64::MAX);
        }
    }

    /// A row has become another, and nobody waits for that.
    pub(super) fn change_behind(&mut self, row: RowKey) {
        if self.state == State::Open && !self.changed.contains(&row) {
            self.behind.insert(row);
        }
    }

    /// Makes records of what has changed, as `row` says it is now, as long as there is room; with `behind`, of what refreshes have
    /// changed too, which take no more than half of the room.
    pub(super) fn flush(&mut self, now: Time, behind: bool, mut row: impl FnMut(&RowKey, u64) -> Change) {
        while self.since.len() < self.limits.records && !self.changed.is_empty() {
            let keys: Vec<RowKey> = self.changed.iter().take(ROWS).copied().collect();
            for key in &keys {
                self.changed.remove(key);
            }
            let sequence = self.record(now, &keys, &mut row);
            for key in keys {
                self.unsettled.insert(key, sequence);
                self.settling.push_back((sequence, key));
            }
        }
        while behind && self.since.len() < self.limits.records / 2 && !self.behind.is_empty() {
            let keys: Vec<RowKey> = self.behind.iter().take(ROWS).copied().collect();
            for key in &keys {
                self.behind.remove(key);
            }
            self.counts.behind += keys.len() as u64;
            self.record(now, &keys, &mut row);
        }
    }

    fn record(&mut self, now: Time, keys: &[RowKey], row: &mut impl FnMut(&RowKey, u64) -> Change) -> u64 {
        self.last += 1;
        let sequence = self.last;
        let changes = keys.iter().map(|key| row(key, sequence)).collect();
        self.writes.push_back(Write { sequence, changes });
        self.since.push_back((sequence, now));
        self.counts.written += 1;
        sequence
    }

    /// The record that has to be durable before these rows are, if they are not yet.
    fn awaited(&self, rows: &[RowKey]) -> Option<u64> {
        let of = |row: &RowKey| match self.changed.contains(row) {
            true => Some(u64::MAX),
            false => self.unsettled.get(row).copied(),
        };
        rows.iter().filter_map(of).max()
    }

    /// An answer that is to be given when these rows are durable, or, with none named, everything that was written until now.
    /// What becomes of it now, if anything does.
    pub(super) fn answer(
        &mut self,
        now: Time,
        rows: Option<&[RowKey]>,
        worker: WorkerId,
        outcome: Box<RegisterOutcome>,
    ) -> Option<Done> {
        let awaited = match rows {
            Some(rows) => self.awaited(rows),
            None if !self.changed.is_empty() => Some(u64::MAX),
            None => (self.last > self.durable).then_some(self.last),
        };
        match (self.state, awaited) {
            (State::Off, _) | (_, None) => Some(Done::Answer(worker, outcome)),
            // There was no room to write it.
            (State::Open, Some(u64::MAX)) => {
                self.counts.refused += 1;
                Some(Done::Refuse(worker, outcome))
            }
            (State::Open, Some(sequence)) => {
                let until = now + self.limits.wait;
                self.answers.push_back(Waiting { sequence, until, worker, outcome });
                None
            }
            (State::Fenced, Some(_)) => {
                self.counts.fenced += 1;
                Some(Done::Refuse(worker, outcome))
            }
        }
    }

    /// What [`Journal::is_kept`] is asked later: whether everything is durable that was written until now.
    pub(super) fn mark(&self) -> u64 {
        if self.changed.is_empty() { self.last } else { u64::MAX }
    }

    /// Whether everything up to a mark is durable, or never will be for certain; `None`: not yet.
    pub(super) fn is_kept(&self, mark: u64) -> Option<bool> {
        match self.state {
            State::Off => Some(true),
            State::Open if mark <= self.durable => Some(true),
            // There was no room to write it.
            State::Open => (mark == u64::MAX).then_some(false),
            State::Fenced => Some(mark <= self.durable),
        }
    }

    /// An operation for an HLR, which comes out of [`Journal::poll_send`] when everything is durable that was written until now.
    pub(super) fn send(&mut self, worker: WorkerId, operation: ToWorker) {
        self.sends.push_back((self.last, worker, operation));
    }

    pub(super) fn poll_send(&mut self) -> Option<(WorkerId, ToWorker)> {
        let is_due = |sequence: u64| self.state != State::Open || sequence <= self.durable;
        self.sends.pop_front_if(|(sequence, ..)| is_due(*sequence)).map(|(_, worker, it)| (worker, it))
    }

    pub(super) fn poll_write(&mut self) -> Option<Write> {
        self.writes.pop_front()
    }

    /// Every record up to this one is durable.
    pub(super) fn durable(&mut self, sequence: u64, done: &mut Vec<Done>) {
        self.durable = self.durable.max(sequence);
        while self.since.pop_front_if(|(at, _)| *at <= sequence).is_some() {
            self.counts.durable += 1;
        }
        while let Some((at, row)) = self.settling.pop_front_if(|(at, _)| *at <= sequence) {
            if self.unsettled.get(&row) == Some(&at) {
                self.unsettled.remove(&row);
            }
        }
        while let Some(it) = self.answers.pop_front_if(|it| it.sequence <= sequence) {
            done.push(Done::Answer(it.worker, it.outcome));
        }
    }

    /// The store has failed: who waits, waits in vain, and what was not durable never is. The rows that are not.
    pub(super) fn fence(&mut self, done: &mut Vec<Done>) -> Vec<RowKey> {
        self.state = State::Fenced;
        self.counts.fenced += self.answers.len() as u64;
        done.extend(self.answers.drain(..).map(|it| Done::Refuse(it.worker, it.outcome)));
        self.writes.clear();
        self.since.clear();
        self.settling.clear();
        self.behind.clear();
        let lost = self.changed.drain();
        self.unsettled.extend(lost.map(|row| (row, u64::MAX)));
        self.unsettled.keys().copied().collect()
    }

    /// Who has waited for too long waits no more; the rows that are not durable yet, if that was somebody.
    pub(super) fn handle_timeout(&mut self, now: Time, done: &mut Vec<Done>) -> Vec<RowKey> {
        let before = done.len();
        while let Some(it) = self.answers.pop_front_if(|it| it.until <= now) {
            self.counts.late += 1;
            done.push(Done::Refuse(it.worker, it.outcome));
        }
        if done.len() == before { vec![] } else { self.unsettled.keys().copied().collect() }
    }

    /// The earliest deadline.
    pub(super) fn poll_timeout(&self) -> Time {
        self.answers.front().map_or(Time::NEVER, |it| it.until)
    }

    /// Checks what must hold between any two calls.
    pub(super) fn assert_invariants(&self) {
        assert!(self.durable <= self.last && self.since.len() as u64 <= self.last - self.durable);
        let waiting = self.answers.iter().all(|it| it.sequence > self.durable && it.sequence <= self.last);
        assert!(waiting, "an answer that waits for nothing");
        assert!(self.state == State::Open || self.answers.is_empty() && self.changed.is_empty());
    }
}
