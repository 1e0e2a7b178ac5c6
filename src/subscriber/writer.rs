//! What the control thread does to the table: registrations come, change and go.
#![allow(unsafe_code)] // hands replaced records to the reclaimer

use super::index::{Index, MAX_SLOTS};
use super::joining::Joining;
use super::reclaim::Retired;
use super::record::{AccessKind, Binding, Record, SubscriberId};
use super::table::{Published, Reader, Slot, Subscriber, Table};
use crate::base::{SipKey, Time, counts};
use crate::ident::{Imsi, WorkerId};
use core::net::SocketAddr;
use core::ptr::NonNull;
use std::collections::VecDeque;
use std::sync::Arc;

/// How big the table is; nothing grows later.
#[derive(Clone, Debug)]
pub struct TableConfig {
    /// The most subscribers.
    pub subscribers: usize,
    /// The most public identities of all subscribers together.
    pub identities: usize,
    /// The most addresses of UEs that register here directly.
    pub addresses: usize,
    /// How many workers read.
    pub readers: usize,
    /// Random secret behind the hashes, so that nobody can choose keys that collide.
    pub key: SipKey,
}

/// Why a registration was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The table is full: of subscribers, keys, or old records that some reader still keeps from being freed.
    Full,
    /// Another subscriber has one of the keys: take it from that one first.
    Taken(SubscriberId),
}

counts! {
    /// What happened to the subscriber table.
    pub struct TableCounts {
        /// Subscribers added.
        added,
        /// Records replaced by newer ones of the same subscriber.
        replaced,
        /// Subscribers removed.
        removed,
        /// Old records freed.
        reclaimed,
        /// Registrations refused for want of a free place.
        refused_subscribers,
        /// Registrations refused because an index was full.
        refused_index,
        /// Registrations refused because too many old records wait for readers.
        refused_unreclaimed,
        /// Registrations refused because another subscriber has one of the keys.
        refused_taken,
    }
}

/// A table with its one writer, and a reader for each worker.
///
/// # Panics
/// If `config.subscribers` is no number of slots (above 2^32 - 2).
#[must_use]
pub fn table(config: &TableConfig) -> (Writer, Vec<Reader>) {
    assert!(config.subscribers <= MAX_SLOTS, "too many subscribers for one table");
    let table = Arc::new(Table::new(config));
    let readers = (0..config.readers).map(|number| Reader::new(table.clone(), number)).collect();
    let references = config.key.derive("references");
    let writer = Writer {
        free: (0..config.subscribers as u32).map(|slot| SubscriberId { slot, generation: 0 }).collect(),
        retired: VecDeque::new(),
        leaving: VecDeque::new(),
        swept: 0,
        references: (0..REFERENCES).map(|at| references.hash_u64(at) as u8).collect(),
        key: config.key.derive("digest"),
        counts: TableCounts::default(),
        table,
    };
    (writer, readers)
}

/// Old records that may wait for readers before registrations are refused.
const UNRECLAIMED: usize = 1 << 16;
/// Subscribers whose RP-Message-Reference goes on where it was when they come back, and others that share their places.
const REFERENCES: u64 = 1 << 16;
/// Places looked at by one call of [`Writer::expired`].
const SWEEP: usize = 1 << 16;

/// The one writer of the table. It can also look up, as [`Table`] does.
pub struct Writer {
    table: Arc<Table>,
    /// Free places, with the names that their next subscribers get.
    free: VecDeque<SubscriberId>,
    /// Old records by the epoch that readers have to see, oldest first.
    retired: VecDeque<(u64, Retired)>,
    /// Emptied places, likewise: readers may still hold a subscriber there and change its words.
    leaving: VecDeque<(u64, SubscriberId)>,
    /// The RP-Message-Reference that whoever was last in such a place had when he went; at first any. A report without
    /// In-Reply-To of a message before must not end another's delivery.
    references: Box<[u8]>,
    /// Where the next sweep for expired bindings starts.
    swept: usize,
    /// Secret behind the digest.
    key: SipKey,
    /// What happened so far.
    pub counts: TableCounts,
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Readers may still hold records; the last of them frees these with the table.
        let _ = self.table.left.set(core::mem::take(&mut self.retired));
    }
}

impl core::ops::Deref for Writer {
    type Target = Table;
    fn deref(&self) -> &Table {
        &self.table
    }
}

impl Writer {
    /// The registration of a subscriber waits for the HLR from now on: messages for it wait too.
    pub fn join_began(&self, imsi: Imsi) {
        // Without a place they are answered as if nobody were registering.
        self.table.joining.begin(self.table.hash_imsi(imsi));
    }

    /// It has ended, and the table says how. Of `workers`, those with messages that wait for that.
    pub fn join_ended(&self, imsi: Imsi, workers: u8) -> impl Iterator<Item = WorkerId> + use<> {
        let told = self.table.joining.end(self.table.hash_imsi(imsi));
        (0..workers).map(WorkerId).filter(move |worker| Joining::is_told(told, *worker))
    }

    /// Adds a subscriber, or replaces the record of the same one (by IMSI, else MSISDN, else default identity), whose
    /// name and words live on. `expiries` has one entry for each binding: a time, or `None` to keep that of the present
    /// binding with the same access and registration, whatever workers have extended it to.
    ///
    /// A missing entry counts as `None`, and with no such binding before, that binding has already ended.
    ///
    /// The subscriber found by a weaker key is the same one only if no stronger key differs: another IMSI with a known
    /// MSISDN (a changed SIM) is refused as taken.
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub fn register(&mut self, record: Record, expiries: &[Option<Time>]) -> Result<SubscriberId, Refused> {
        self.reclaim();
        let same = self.same_subscriber(&record).map(|found| found.id());
        if let Some(other) = self.holder_of_a_key(&record, same) {
            self.counts.refused_taken += 1;
            return Err(Refused::Taken(other));
        }
        if self.retired.len() >= UNRECLAIMED {
            self.counts.refused_unreclaimed += 1;
            return Err(Refused::Full);
        }
        let Some(id) = same.or_else(|| self.free.front().copied()) else {
            self.counts.refused_subscribers += 1;
            return Err(Refused::Full);
        };
        // Keys before the record, so that whoever finds the record by one key finds it by all; until the swap they lead
        // to a record that doesn't have them, or to none.
        if !self.insert_keys(id, &record) {
            self.counts.refused_index += 1;
            return Err(Refused::Full);
        }
        if same.is_some() {
            self.counts.replaced += 1;
        } else {
            self.free.pop_front();
            self.counts.added += 1;
            let at = self.reference_of(&record);
            let reference = self.references.get(at).copied().unwrap_or(0);
            if let Some(slot) = self.slot(id) {
                slot.mt.reset(reference);
                slot.last_mo.reset();
                slot.unri.reset();
            }
        }
        self.publish(id, record, expiries);
        Ok(id)
    }

    /// The place of a subscriber's RP-Message-Reference while he is not here.
    fn reference_of(&self, record: &Record) -> usize {
        let table = &*self.table;
        let by_number = || record.msisdn().map(|msisdn| table.hash_msisdn(msisdn));
        let hash = record.imsi().map(|imsi| table.hash_imsi(imsi)).or_else(by_number);
        (hash.unwrap_or(0) % REFERENCES) as usize
    }

    fn slot(&self, id: SubscriberId) -> Option<&Slot> {
        self.table.slots.get(id.slot as usize)
    }

    fn same_subscriber(&self, record: &Record) -> Option<Subscriber<'_>> {
        fn agree<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
            a.is_none() || b.is_none() || a == b
        }
        let same_sim = |found: &Subscriber<'_>| agree(found.record().imsi(), record.imsi());
        let same_number = |found: &Subscriber<'_>| agree(found.record().msisdn(), record.msisdn());
        record
            .imsi()
            .and_then(|imsi| self.by_imsi(imsi))
            .or_else(|| self.by_msisdn(record.msisdn()?).filter(same_sim))
            .or_else(|| {
                let default = record.default_identity()?;
                self.by_identity(default.as_bytes()).filter(same_sim).filter(same_number)
            })
    }

    /// A subscriber other than `same` that has one of the record's keys.
    fn holder_of_a_key(&self, record: &Record, same: Option<SubscriberId>) -> Option<SubscriberId> {
        let other =
            |found: Option<Subscriber<'_>>| found.map(|found| found.id()).filter(|&id| Some(id) != same);
        record
            .imsi()
            .and_then(|imsi| other(self.by_imsi(imsi)))
            .or_else(|| other(self.by_msisdn(record.msisdn()?)))
            .or_else(|| record.identities().find_map(|identity| other(self.by_identity(identity.as_bytes()))))
            .or_else(|| addresses(record).find_map(|address| other(self.by_address(address))))
    }

    /// Adds the keys that the present record of `id`, if any, doesn't have; all or none.
    fn insert_keys(&self, id: SubscriberId, record: &Record) -> bool {
        let present = self.get(id).map(|subscriber| subscriber.record());
        let added = self.keys_beyond(record, present);
        let dropped = present.map(|present| self.keys_beyond(present, Some(record))).unwrap_or_default();
        for index in [&self.table.imsis, &self.table.msisdns, &self.table.identities, &self.table.addresses] {
            let of_this =
                |keys: &[(&Index, u64)]| keys.iter().filter(|key| core::ptr::eq(key.0, index)).count();
            if index.len() + of_this(&added) > index.capacity() + of_this(&dropped) {
                return false;
            }
        }
        for (at, (index, hash)) in added.iter().enumerate() {
            if !index.insert(*hash, id.slot) {
                for (index, hash) in added.iter().take(at) {
                    index.remove(*hash, id.slot);
                }
                return false;
            }
        }
        true
    }

    /// The keys of `record` that `other` doesn't have, each once.
    fn keys_beyond<'t>(&'t self, record: &Record, other: Option<&Record>) -> Vec<(&'t Index, u64)> {
        let table = &*self.table;
        let mut keys = Vec::new();
        if let Some(imsi) = record.imsi().filter(|&imsi| other.is_none_or(|other| other.imsi() != Some(imsi)))
        {
            keys.push((&table.imsis, table.hash_imsi(imsi)));
        }
        if let Some(msisdn) =
            record.msisdn().filter(|&it| other.is_none_or(|other| other.msisdn() != Some(it)))
        {
            keys.push((&table.msisdns, table.hash_msisdn(msisdn)));
        }
        for (at, identity) in record.identities().enumerate() {
            let text = identity.as_bytes();
            let again = record.identities().take(at).any(|earlier| earlier == identity);
            if !again && other.is_none_or(|other| !other.has_identity(text)) {
                keys.push((&table.identities, table.hash_identity(text)));
            }
        }
        for (index, binding) in record.bindings().enumerate() {
            let address = binding.remote;
            // `binding_from` names the first binding from an address, and only direct ones.
            if record.binding_from(address) == Some(index)
                && other.is_none_or(|other| other.binding_from(address).is_none())
            {
                keys.push((&table.addresses, table.hash_address(address)));
            }
        }
        keys
    }

    fn publish(&mut self, id: SubscriberId, record: Record, expiries: &[Option<Time>]) {
        let present = self.get(id);
        let mut times = [Time::ZERO; Record::BINDINGS];
        let mut sequences: [u32; Record::BINDINGS] =
            core::array::from_fn(|at| record.binding(at).map_or(0, |binding| binding.sequence));
        if let Some(present) = present {
            for (index, old) in present.record().bindings().enumerate() {
                // Frozen even where a new time is given, so that no worker believes it has extended what is going.
                let kept = present.freeze(index);
                for (at, new) in record.bindings().enumerate() {
                    if new.access == old.access
                        && new.registration == old.registration
                        && let (Some(time), Some(sequence)) = (times.get_mut(at), sequences.get_mut(at))
                    {
                        *time = kept;
                        if new.call == old.call {
                            *sequence = present.sequence(index).max(*sequence);
                        }
                    }
                }
            }
        }
        for (time, given) in times.iter_mut().zip(expiries) {
            *time = given.unwrap_or(*time);
        }
        let dropped =
            present.map(|present| self.keys_beyond(present.record(), Some(&record))).unwrap_or_default();
        let slot = self.slot(id);
        let published = Published::new(id, record, times, sequences);
        let old = slot.and_then(|slot| slot.swap(Some(published)));
        for (index, hash) in dropped {
            index.remove(hash, id.slot);
        }
        self.retire(old);
    }

    fn retire(&mut self, old: Option<NonNull<Published>>) {
        if let Some(old) = old {
            let epoch = self.table.epochs.advance();
            // SAFETY: `old` came out of its slot just now, so nobody finds it any more; it is kept until `reclaim` has seen
            // every reader at or past this epoch, or until the table goes.
            self.retired.push_back((epoch, unsafe { Retired::new(old) }));
        }
    }

    /// Removes a subscriber; false if there is none of this name.
    pub fn deregister(&mut self, id: SubscriberId) -> bool {
        self.reclaim();
        let Some(present) = self.get(id) else { return false };
        for (index, hash) in self.keys_beyond(present.record(), None) {
            index.remove(hash, id.slot);
        }
        let at = self.reference_of(present.record());
        let last = self.slot(id).map(|slot| slot.mt.reference());
        if let (Some(place), Some(last)) = (self.references.get_mut(at), last) {
            *place = last;
        }
        let old = self.slot(id).and_then(|slot| slot.swap(None));
        self.retire(old);
        let epoch = self.table.epochs.advance();
        self.leaving.push_back((epoch, id));
        self.counts.removed += 1;
        true
    }

    /// Removes one binding; the last one leaves the subscriber known and not registered. False if there is none.
    pub fn remove_binding(&mut self, id: SubscriberId, binding: usize) -> bool {
        let Some(present) = self.get(id) else { return false };
        let record = present.record();
        if record.binding(binding).is_none() {
            return false;
        }
        let rest: Vec<_> = record
            .bindings()
            .enumerate()
            .filter(|&(index, _)| index != binding)
            .map(|(_, rest)| rest)
            .collect();
        let Some(record) = record.with_bindings(&rest) else { return false };
        let keep = vec![None; rest.len()];
        self.reclaim();
        self.counts.replaced += 1;
        self.publish(id, record, &keep);
        true
    }

    /// Frees what no reader can hold any more; returns how many old records that were. Every change does this too.
    pub fn reclaim(&mut self) -> usize {
        let passed = self.table.epochs.passed();
        let records = self.retired.partition_point(|(epoch, _)| *epoch <= passed);
        self.retired.drain(..records);
        let places = self.leaving.partition_point(|(epoch, _)| *epoch <= passed);
        for (_, id) in self.leaving.drain(..places) {
            self.free.push_back(SubscriberId { generation: id.generation.wrapping_add(1), ..id });
        }
        self.counts.reclaimed += records as u64;
        records
    }

    /// Old records that wait for readers.
    #[must_use]
    pub fn unreclaimed(&self) -> usize {
        self.retired.len()
    }

    /// Looks for subscribers of whom a binding has ended by `now`, or a set of identities, in the next 65,536 places of the
    /// table: called regularly, it goes round.
    pub fn expired(&mut self, now: Time, found: &mut impl FnMut(SubscriberId)) {
        let places = self.table.slots.len();
        for _ in 0..places.min(SWEEP) {
            let slot = self.swept as u32;
            self.swept = if self.swept + 1 < places { self.swept + 1 } else { 0 };
            if let Some(subscriber) = self.table.at(slot)
                && (subscriber.registered(now).count() < subscriber.record().bindings().len()
                    || subscriber.record().ends().iter().any(|(_, end)| *end <= now))
            {
                found(subscriber.id());
            }
        }
    }

    /// Checks that the indexes and the records are each other's inverse, and that every place is accounted for. A walk over
    /// the whole table: for tests and simulation.
    ///
    /// # Panics
    /// If they are not.
    pub fn assert_invariants(&self) {
        let mut keys = 0;
        for subscriber in self.iter() {
            let (id, record) = (subscriber.id(), subscriber.record());
            keys += self.keys_beyond(record, None).len();
            let mut found: Vec<_> =
                record.identities().map(|identity| self.by_identity(identity.as_bytes())).collect();
            found.extend(record.imsi().map(|imsi| self.by_imsi(imsi)));
            found.extend(record.msisdn().map(|msisdn| self.by_msisdn(msisdn)));
            found.extend(addresses(record).map(|address| self.by_address(address)));
            assert!(
                found.iter().all(|found| found.is_some_and(|found| found.id() == id)),
                "a key leads elsewhere"
            );
        }
        let table = &*self.table;
        let indexes = [&table.imsis, &table.msisdns, &table.identities, &table.addresses];
        assert_eq!(indexes.map(Index::len).iter().sum::<usize>(), keys, "an index has keys of nobody");
        assert!(indexes.iter().all(|index| index.len() <= index.capacity()));
        assert_eq!(self.iter().count(), self.len(), "a place is lost");
    }

    /// How many subscribers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.slots.len() - self.free.len() - self.leaving.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All subscribers, by their places.
    pub fn iter(&self) -> impl Iterator<Item = Subscriber<'_>> {
        self.within(0..self.places())
    }

    /// The subscribers in these places, in their order.
    pub fn within(&self, places: core::ops::Range<u32>) -> impl Iterator<Item = Subscriber<'_>> {
        places.filter_map(|slot| self.table.at(slot))
    }

    /// How many places there are.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.table.slots.len() as u32
    }

    /// A number that two tables with the same records and the same key share, whatever their order and places; refreshes
    /// don't change it. Who does not know the key can't find out by it who is registered. A walk over the whole table.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.iter().fold(0, |sum, subscriber| sum.wrapping_add(digest_of(&self.key, subscriber.record())))
    }
}

fn digest_of(key: &SipKey, record: &Record) -> u64 {
    let numbers = [record.imsi().map(|imsi| imsi.digits()), record.msisdn().map(|msisdn| msisdn.digits())];
    let private = record.private_identity();
    let mut parts: Vec<Vec<u8>> = numbers
        .map(|digits| digits.map_or(0, |digits| digits.to_u128()).to_le_bytes().to_vec())
        .into_iter()
        .chain([private.map_or_else(Vec::new, |identity| identity.as_bytes().to_vec())])
        .collect();
    parts.extend(record.identities().map(|identity| identity.as_bytes().to_vec()));
    for binding in record.bindings() {
        let Binding {
            access,
            priority,
            contact,
            remote,
            target,
            local,
            connection,
            network,
            access_network_info,
            fingerprint: _,
            registration: _,
            device: _,
            call: _,
            sequence: _,
        } = binding;
        parts.push(contact.as_bytes().to_vec());
        parts.push(access_network_info.as_str().into());
        parts
            .push(format!("{access:?} {priority} {remote} {target} {local} {connection:?} {network}").into());
    }
    key.hash(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn addresses(record: &Record) -> impl Iterator<Item = SocketAddr> + '_ {
    record.bindings().filter(|binding| binding.access == AccessKind::Direct).map(|binding| binding.remote)
}
