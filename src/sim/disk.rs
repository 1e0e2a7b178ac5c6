//! The disk of a simulated gateway that keeps registrations: it outlives the gateway, and takes as long as chance has it.

use crate::base::{Random, Time};
use crate::control::registrar::{Outbox, Registrar};
use crate::control::store::engine::Meta;
use crate::control::store::{Kind, Report, Row, Write, prefix};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

/// The longest that a record takes to be durable.
const COMMIT: Duration = Duration::from_millis(4);

/// What is on it, and what is on its way.
pub(super) struct Disk {
    rows: BTreeMap<Box<[u8]>, Box<[u8]>>,
    pub(super) meta: Meta,
    /// Records with the times at which they are durable.
    writing: VecDeque<(Time, Write)>,
    /// The shard that is read next, and when; after all of them who is watched.
    reading: Option<(u16, Time)>,
    /// The longest that a shard takes to be read.
    read: Duration,
}

impl Disk {
    /// An empty one, for gateways that serve these networks.
    pub(super) fn new(secret: [u8; 16], networks: Vec<String>) -> Self {
        let meta = Meta { secret, sequence: 0, networks };
        Self { rows: BTreeMap::new(), meta, writing: VecDeque::new(), reading: None, read: Duration::ZERO }
    }

    /// A gateway begins to live with it, and reads a shard within this time.
    pub(super) fn begin(&mut self, now: Time, read: Duration) {
        self.read = read;
        self.reading = Some((0, now));
    }

    /// The gateway has died: of what was on its way, some had been written, though nobody was told.
    pub(super) fn crash(&mut self, random: &mut Random) {
        let written = random.below(self.writing.len() as u64 + 1) as usize;
        for (_, write) in self.writing.drain(..).take(written).collect::<Vec<_>>() {
            self.apply(write);
        }
        self.reading = None;
    }

    fn apply(&mut self, write: Write) {
        self.meta.sequence = write.sequence;
        for change in write.changes {
            match change.value {
                Some(value) => self.rows.insert(change.key, value),
                None => self.rows.remove(&change.key),
            };
        }
    }

    /// Takes what there is to write, and says what has been written and read until now. Whether there was anything.
    pub(super) fn turn(
        &mut self,
        now: Time,
        registrar: &mut Registrar,
        random: &mut Random,
        out: &mut Outbox,
    ) -> bool {
        let mut any = false;
        while let Some(write) = registrar.poll_write() {
            any = true;
            let last = self.writing.back().map_or(now, |(at, _)| *at);
            self.writing.push_back((last.max(now + random.span(COMMIT)), write));
        }
        while let Some((_, write)) = self.writing.pop_front_if(|(at, _)| *at <= now) {
            any = true;
            self.apply(write);
            registrar.on_report(now, Report::Durable(self.meta.sequence), out);
        }
        while let Some((part, _)) = self.reading.filter(|(_, at)| *at <= now) {
            any = true;
            self.reading =
                self.read(now, part, registrar, out).map(|next| (next, now + random.span(self.read)));
        }
        any
    }

    /// Reads a shard, or what is behind all of them; what comes next.
    fn read(&self, now: Time, part: u16, registrar: &mut Registrar, out: &mut Outbox) -> Option<u16> {
        let Ok(shard) = u8::try_from(part) else {
            let watched = (0..=u8::MAX).flat_map(|shard| self.rows_of(Kind::Watched, shard)).collect();
            registrar.on_report(now, Report::Rows(watched), out);
            registrar.on_report(now, Report::Loaded, out);
            return None;
        };
        for kind in [Kind::Owed, Kind::Ended, Kind::Subscriber] {
            registrar.on_report(now, Report::Rows(self.rows_of(kind, shard)), out);
        }
        registrar.on_report(now, Report::Shard(shard), out);
        Some(part + 1)
    }

    fn rows_of(&self, kind: Kind, shard: u8) -> Vec<Row> {
        let first: Box<[u8]> = prefix(kind, shard).into();
        let its = self.rows.range(first..).take_while(|(key, _)| key.starts_with(&prefix(kind, shard)));
        its.map(|(key, value)| (key[..].into(), value[..].into())).collect()
    }

    /// When it has something to say next.
    pub(super) fn poll_timeout(&self) -> Time {
        let written = self.writing.front().map_or(Time::NEVER, |(at, _)| *at);
        written.min(self.reading.map_or(Time::NEVER, |(_, at)| at))
    }
}
