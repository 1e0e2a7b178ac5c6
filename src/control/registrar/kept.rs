//! The subscriber table as the registrar changes it: whatever changes there is said to the journal.

use super::journal::{Apart, Journal, Name, Networks, RowKey, State, SubscriberRow, key_of};
use crate::base::Time;
use crate::control::store::Change;
use crate::ident::Imsi;
use crate::subscriber::{Binding, Published, Record, Refused, Subscriber, SubscriberId, Writer};
use std::time::Duration;

/// The table's writing end, and the journal. It reads as [`Writer`] does.
pub(super) struct Kept {
    writer: Writer,
    pub(super) journal: Journal,
    /// Where rows have the served networks.
    pub(super) networks: Networks,
    /// For how long each binding of the subscriber in each place was granted, in minutes, which is how long it lives after a
    /// restart. Empty without a store.
    periods: Box<[[u16; Record::BINDINGS]]>,
    /// What the time is in the call that is being carried out.
    pub(super) now: Time,
}

impl core::ops::Deref for Kept {
    type Target = Writer;
    fn deref(&self) -> &Writer {
        &self.writer
    }
}

/// A subscriber as he was before a change.
struct Before {
    id: SubscriberId,
    record: Record,
    periods: [u16; Record::BINDINGS],
}

impl Kept {
    /// A table of which nothing is kept.
    pub(super) fn new(writer: Writer) -> Self {
        Self {
            writer,
            journal: Journal::off(),
            networks: Networks::default(),
            periods: Box::default(),
            now: Time::ZERO,
        }
    }

    /// The same, kept in a store with room for so many subscribers.
    pub(super) fn with_journal(self, journal: Journal, networks: Networks, subscribers: usize) -> Self {
        Self { journal, networks, periods: vec![Default::default(); subscribers].into(), ..self }
    }

    /// [`Writer::register`].
    pub(super) fn register(
        &mut self,
        record: Record,
        expiries: &[Option<Time>],
    ) -> Result<SubscriberId, Refused> {
        if self.journal.state() == State::Off {
            return self.writer.register(record, expiries);
        }
        let before = self.who_may_be(&record);
        let name = Name::of_record(&record);
        let id = self.writer.register(record, expiries)?;
        let before = before.into_iter().find(|before| before.id == id);
        self.replaced(id, name, expiries, before.as_ref());
        Ok(id)
    }

    /// [`Writer::amend`].
    pub(super) fn amend(
        &mut self,
        id: SubscriberId,
        record: &Record,
        expiries: &[Option<Time>],
    ) -> Result<(), Refused> {
        if self.journal.state() == State::Off {
            return self.writer.amend(id, record, expiries);
        }
        let before = self.writer.get(id).map(|found| self.before(&found));
        self.writer.amend(id, record, expiries)?;
        self.replaced(id, Name::of_record(record), expiries, before.as_ref());
        Ok(())
    }

    /// A subscriber, who has this name now, has got another record.
    fn replaced(
        &mut self,
        id: SubscriberId,
        name: Option<Name>,
        expiries: &[Option<Time>],
        before: Option<&Before>,
    ) {
        if let Some(old) = before.and_then(|before| Name::of_record(&before.record))
            && Some(old) != name
        {
            self.journal.change(RowKey::Subscriber(old));
        }
        let is_refresh = before.is_some_and(|before| {
            self.writer.get(id).is_some_and(|it| is_same_but_time(&before.record, &it.record().to_record()))
        });
        self.note_periods(id, expiries, before);
        match name.map(RowKey::Subscriber) {
            Some(row) if is_refresh => self.journal.change_behind(row),
            Some(row) => self.journal.change(row),
            None => {}
        }
    }

    /// [`Writer::restore`] of somebody whom the store has as he is.
    pub(super) fn restore(&mut self, row: &SubscriberRow<'_>) -> Option<SubscriberId> {
        let mut times = [(Time::ZERO, 0); Record::BINDINGS];
        let mut periods = [0; Record::BINDINGS];
        for (((seconds, sequence), time), minutes) in row.bindings().iter().zip(&mut times).zip(&mut periods)
        {
            *time = (self.now + Duration::from_secs((*seconds).into()), *sequence);
            *minutes = u16::try_from(seconds.div_ceil(60)).unwrap_or(u16::MAX);
        }
        let id = self.writer.restore(&row.image, times.get(..row.bindings().len())?)?;
        if let Some(place) = self.periods.get_mut(id.slot as usize) {
            *place = periods;
        }
        Some(id)
    }

    /// [`Writer::register`] of somebody whom the store has, or nearly.
    pub(super) fn restore_apart(&mut self, apart: Apart) -> Result<SubscriberId, Refused> {
        let period = |seconds: &u32| Duration::from_secs((*seconds).into());
        let expiries: Vec<_> = apart.periods.iter().map(|it| Some(self.now + period(it))).collect();
        let id = self.writer.register(apart.record, &expiries)?;
        self.note_periods(id, &expiries, None);
        Ok(id)
    }

    /// [`Writer::deregister`].
    pub(super) fn deregister(&mut self, id: SubscriberId) -> bool {
        self.changed(id);
        self.writer.deregister(id)
    }

    /// [`Writer::remove_binding`].
    pub(super) fn remove_binding(&mut self, id: SubscriberId, binding: usize) -> bool {
        self.changed(id);
        let count = |it: &Self| it.writer.get(id).map_or(0, |found| found.record().bindings().len());
        let before = count(self);
        let is_removed = self.writer.remove_binding(id, binding);
        // Where there is no room it has merely ended, and the others are where they were.
        if count(self) < before
            && let Some(periods) = self.periods.get_mut(id.slot as usize).and_then(|it| it.get_mut(binding..))
        {
            periods.rotate_left(1);
        }
        is_removed
    }

    /// [`Writer::reclaim`].
    pub(super) fn reclaim(&mut self) -> usize {
        self.writer.reclaim()
    }

    /// [`Writer::expired`].
    pub(super) fn expired(&mut self, now: Time, found: &mut impl FnMut(SubscriberId)) {
        self.writer.expired(now, found);
    }

    /// A worker has refreshed one of a subscriber's bindings.
    pub(super) fn refreshed(&mut self, id: SubscriberId) {
        let Some(subscriber) = self.writer.get(id) else { return };
        let Some(name) = Name::of(subscriber.record()) else { return };
        if let Some(periods) = self.periods.get_mut(id.slot as usize) {
            for (at, period) in periods.iter_mut().enumerate() {
                *period = (*period).max(minutes(subscriber.expiry(at).since(self.now)));
            }
        }
        self.journal.change_behind(RowKey::Subscriber(name));
    }

    /// Something of a subscriber's has changed that the table does not hold.
    pub(super) fn changed_behind(&mut self, imsi: Imsi) {
        if self.writer.by_imsi(imsi).is_some() {
            self.journal.change_behind(RowKey::Subscriber(Name::Imsi(imsi)));
        }
    }

    /// Makes records of what has changed: see [`Journal::flush`]. `told` says when the HLR has told somebody's number, and whether
    /// it has; `other` writes what is not a subscriber.
    pub(super) fn flush(
        &mut self,
        now: Time,
        behind: bool,
        told: impl Fn(Published<'_>) -> (u64, bool),
        other: impl Fn(&RowKey, u64) -> Option<Box<[u8]>>,
    ) {
        let mut journal = core::mem::replace(&mut self.journal, Journal::off());
        journal.flush(now, behind, |row, sequence| {
            let value = match row {
                RowKey::Subscriber(name) => self.named(name).map(|it| {
                    let (periods, told) = (self.periods(it.id()), told(it.record()));
                    let row =
                        SubscriberRow::write(sequence, (&self.writer, &it), &periods, told, &self.networks);
                    // No row would be somebody who has left: one that can't be read is counted, and said, at the next start.
                    row.unwrap_or_default()
                }),
                row => other(row, sequence),
            };
            Change { key: key_of(row, &self.networks), value }
        });
        self.journal = journal;
    }

    fn changed(&mut self, id: SubscriberId) {
        let name = self.writer.get(id).and_then(|subscriber| Name::of(subscriber.record()));
        if let Some(name) = name {
            self.journal.change(RowKey::Subscriber(name));
        }
    }

    /// The subscriber of this name.
    pub(super) fn named(&self, name: &Name) -> Option<Subscriber<'_>> {
        let found = match name {
            Name::Imsi(imsi) => self.writer.by_imsi(*imsi),
            Name::Msisdn(msisdn) => self.writer.by_msisdn(*msisdn),
            Name::Identity(identity) => self.writer.by_identity(identity.as_bytes()),
        };
        found.filter(|it| Name::of(it.record()) == Some(*name))
    }

    /// For how long the bindings of a subscriber were granted, in seconds.
    pub(super) fn periods(&self, id: SubscriberId) -> [u32; Record::BINDINGS] {
        let minutes = self.periods.get(id.slot as usize).copied().unwrap_or_default();
        minutes.map(|minutes| u32::from(minutes) * 60)
    }

    /// Everybody whose record may be replaced by this one.
    fn who_may_be(&self, record: &Record) -> Vec<Before> {
        let by_imsi = record.imsi().and_then(|imsi| self.writer.by_imsi(imsi));
        let by_msisdn = record.msisdn().and_then(|msisdn| self.writer.by_msisdn(msisdn));
        let by_identity = record.default_identity().and_then(|it| self.writer.by_identity(it.as_bytes()));
        let mut all: Vec<Before> = vec![];
        for found in [by_imsi, by_msisdn, by_identity].into_iter().flatten() {
            if all.iter().all(|before| before.id != found.id()) {
                all.push(self.before(&found));
            }
        }
        all
    }

    fn before(&self, found: &Subscriber<'_>) -> Before {
        let id = found.id();
        let periods = self.periods.get(id.slot as usize).copied().unwrap_or_default();
        Before { id, record: found.record().to_record(), periods }
    }

    fn note_periods(&mut self, id: SubscriberId, expiries: &[Option<Time>], before: Option<&Before>) {
        let Some(subscriber) = self.writer.get(id) else { return };
        let mut all = [0; Record::BINDINGS];
        for (at, (binding, period)) in subscriber.record().bindings().zip(&mut all).enumerate() {
            let is_it = |it: &Binding| it.registration == binding.registration && it.access == binding.access;
            let old = before.and_then(|before| {
                let (old, period) = before.record.bindings().zip(before.periods).find(|(it, _)| is_it(it))?;
                Some((old.call == binding.call && old.sequence == binding.sequence, period))
            });
            let left = minutes(subscriber.expiry(at).since(self.now));
            *period = match (old, expiries.get(at).copied().flatten()) {
                // A new REGISTER was granted that much.
                (None, _) | (Some((false, _)), Some(_)) => left,
                (Some((_, old)), _) => old.max(left),
            };
        }
        if let Some(place) = self.periods.get_mut(id.slot as usize) {
            *place = all;
        }
    }
}

/// Rounded up, and up to 45 days.
fn minutes(span: Duration) -> u16 {
    u16::try_from(span.as_nanos().div_ceil(60_000_000_000)).unwrap_or(u16::MAX)
}

/// Whether one record is the other but for what any refresh changes: a refresh that is lost ends nothing early.
pub(super) fn is_same_but_time(one: &Record, other: &Record) -> bool {
    let timeless = |binding: Binding| Binding { fingerprint: 0, call: 0, sequence: 0, ..binding };
    one.imsi() == other.imsi()
        && one.msisdn() == other.msisdn()
        && one.private_identity() == other.private_identity()
        && one.in_their_sets().eq(other.in_their_sets())
        && one.ends().iter().map(|(set, _)| set).eq(other.ends().iter().map(|(set, _)| set))
        && one.bindings().map(timeless).eq(other.bindings().map(timeless))
}
