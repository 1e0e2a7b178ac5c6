//! What the control thread does to the table: registrations come, change and go.

use super::draft::{Draft, FAR_IDENTITIES};
use super::image::{self, Image};
use super::index::{Index, MAX_RECORDS};
use super::joining::Joining;
use super::published::Published;
use super::record::{AccessKind, Binding, Record, SubscriberId};
use super::store::Stocks;
use super::sync::{REFERENCES, WAITING};
use super::table::{Reader, Slot, Subscriber, Table, follows};
use crate::base::{ConnectionId, SipKey, Time, counts};
use crate::ident::{Imsi, Msisdn, WorkerId};
use core::net::SocketAddr;
use std::collections::VecDeque;
use std::sync::Arc;

/// How big the table is; nothing grows later.
#[derive(Clone, Debug)]
pub struct TableConfig {
    /// The most subscribers.
    pub subscribers: usize,
    /// The most public identities, of all subscribers together, that don't follow from their numbers.
    pub identities: usize,
    /// Pieces of 60 octets for what does not fit into the one that each record has: such identities, further bindings.
    pub details: usize,
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
        /// Registrations refused because there was no room for their identities and bindings.
        refused_details,
        /// Registrations refused because too many old records wait for readers.
        refused_unreclaimed,
        /// Registrations refused because another subscriber has one of the keys.
        refused_taken,
    }
}

/// A table with its one writer, and a reader for each worker.
///
/// # Panics
/// If `config.subscribers` is no number of records (above 2^28 less 81,921).
#[must_use]
pub fn table(config: &TableConfig) -> (Writer, Vec<Reader>) {
    let waiting = (config.subscribers / 32).clamp(WAITING.0, WAITING.1);
    let spare = waiting / 4;
    let records = config.subscribers + waiting + spare;
    assert!(records <= MAX_RECORDS, "too many subscribers for one table");
    let table = Arc::new(Table::new(config, records, spare));
    let readers = (0..config.readers).map(|number| Reader::new(table.clone(), number)).collect();
    let references = config.key.derive("references");
    let writer = Writer {
        stocks: Stocks::new(&table.store),
        places: Places::default(),
        waiting,
        retired: VecDeque::new(),
        leaving: VecDeque::new(),
        swept: 0,
        references: (0..REFERENCES).map(|at| references.hash_u64(at as u64) as u8).collect(),
        key: config.key.derive("digest"),
        counts: TableCounts::default(),
        table,
    };
    (writer, readers)
}

/// Places looked at by one call of [`Writer::expired`].
const SWEEP: usize = 1 << 16;

/// Places of the table where nobody is: those never used, then those that came back, the first of them first.
#[derive(Default)]
struct Places {
    fresh: u32,
    /// The first and the last that came back. The word of the last MO names the next, plus one.
    freed: Option<(u32, u32)>,
    used: usize,
}

impl Places {
    /// The name that the next subscriber gets.
    fn first(&self, table: &Table) -> Option<SubscriberId> {
        let fresh = || table.slot(self.fresh).map(|_| self.fresh);
        // A place rests as long as there are others.
        let slot = fresh().or(self.freed.map(|(first, _)| first))?;
        Some(SubscriberId { slot, generation: table.slot(slot)?.generation() })
    }

    /// It is taken.
    fn take(&mut self, table: &Table, slot: u32) {
        self.used += 1;
        if slot == self.fresh {
            self.fresh += 1;
        } else if let Some((first, last)) = self.freed {
            let next = table.slot(first).and_then(|slot| (slot.last_mo().load() as u32).checked_sub(1));
            self.freed = next.map(|next| (next, last));
        }
    }

    fn give_back(&mut self, table: &Table, id: SubscriberId) {
        let Some(slot) = table.slot(id.slot) else { return };
        slot.swap(None, id.generation.wrapping_add(1));
        slot.last_mo().reset(0);
        self.used -= 1;
        let before = self.freed.and_then(|(_, last)| table.slot(last));
        if let Some(before) = before {
            before.last_mo().reset(u64::from(id.slot) + 1);
        }
        self.freed = Some((self.freed.map_or(id.slot, |(first, _)| first), id.slot));
    }
}

/// A key's index, by its number, and its hash there.
type Hashed = (usize, u64);

/// Keys that a new record brings, that lead to it instead of the old one, and that go with the old one.
struct Moves {
    added: Vec<Hashed>,
    replaced: Vec<Hashed>,
    dropped: Vec<Hashed>,
}

/// The one writer of the table. It can also look up, as [`Table`] does.
pub struct Writer {
    table: Arc<Table>,
    /// What is free among records.
    stocks: Stocks,
    /// What is free among places.
    places: Places,
    /// Old records that may wait for readers.
    waiting: usize,
    /// Old records by the epoch that readers have to see, oldest first.
    retired: VecDeque<(u64, u32)>,
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
        if self.retired.len() >= self.waiting {
            self.counts.refused_unreclaimed += 1;
            return Err(Refused::Full);
        }
        let Some(id) = same.or_else(|| self.places.first(&self.table)) else {
            self.counts.refused_subscribers += 1;
            return Err(Refused::Full);
        };
        self.publish(id, &record, (expiries, false))?;
        if same.is_some() {
            self.counts.replaced += 1;
        } else {
            self.counts.added += 1;
        }
        Ok(id)
    }

    /// As [`Writer::register`], for a change of somebody who is there that must not fail for want of room, as when
    /// identities leave him: lines and cells are kept for that which registrations don't get. They suffice unless a reader
    /// lets go of nothing for as long as thousands of such changes.
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub fn amend(
        &mut self,
        id: SubscriberId,
        record: &Record,
        expiries: &[Option<Time>],
    ) -> Result<(), Refused> {
        self.reclaim();
        if let Some(other) = self.holder_of_a_key(record, Some(id)) {
            self.counts.refused_taken += 1;
            return Err(Refused::Taken(other));
        }
        if self.get(id).is_none() {
            return Err(Refused::Full);
        }
        self.publish(id, record, (expiries, true))?;
        self.counts.replaced += 1;
        Ok(())
    }

    /// Puts a subscriber's record behind what is in `into`, as [`Image::read`] finds it. Networks are called there what `network`
    /// says, and each stream `stream`. `None` if he is gone, and no more than a part may have been written.
    pub fn write_image(
        &self,
        subscriber: &Subscriber<'_>,
        (network, stream): (impl Fn(u16) -> u16, ConnectionId),
        into: &mut Vec<u8>,
    ) -> Option<()> {
        image::write(subscriber, &self.stocks.interned, (network, stream), into)
    }

    /// Begins to fetch what [`Writer::restore`] is going to look at for an image that begins with these octets.
    pub fn prefetch(&self, image: &[u8]) {
        let (words, _) = image.as_chunks::<8>();
        if let [msisdn, imsi, ..] = words {
            self.table.msisdns.prefetch(self.table.hash_packed(u64::from_le_bytes(*msisdn)));
            self.table.imsis.prefetch(self.table.hash_packed(u64::from_le_bytes(*imsi)));
        }
    }

    /// Adds a subscriber as he was in a table before this one, with an expiry and a CSeq for each binding. `None`, and nothing has
    /// changed, where that is not all there is to do: somebody has one of his keys, or there is no room. Then
    /// [`Writer::register`] says what.
    pub fn restore(&mut self, image: &Image<'_>, times: &[(Time, u32)]) -> Option<SubscriberId> {
        let id = self.places.first(&self.table).filter(|_| times.len() == image.count())?;
        let (draft, leading) =
            Draft::of_image(image, &self.table.store.templates, &mut self.stocks.interned)?;
        let new = self.stocks.write(&self.table.store, id, &draft, (times, false))?;
        let numbers = (image.imsi(), image.msisdn());
        let keys = self.table.at(new).map(|it| self.keys_of_image(image, (numbers, leading), it.record()))?;
        let is_free = |found: Option<Subscriber<'_>>| found.is_none();
        let may_come = keys.as_ref().is_some_and(|keys| self.have_room(keys, &[]))
            && numbers.1.is_none_or(|it| is_free(self.by_msisdn(it)))
            && numbers.0.is_none_or(|it| is_free(self.by_imsi(it)));
        let Some(keys) = keys.filter(|_| may_come) else {
            self.stocks.free(&self.table.store, new);
            return None;
        };
        self.settle(id, numbers, new);
        for (at, (index, hash)) in keys.iter().enumerate() {
            if !self.index(*index).insert(*hash, new) {
                self.withdraw(id, keys.get(..at).unwrap_or(&[]), new, true);
                return None;
            }
        }
        self.counts.added += 1;
        Some(id)
    }

    /// The keys of a record that nobody finds yet; `None` if somebody else has one of those that don't follow from his numbers.
    fn keys_of_image(
        &self,
        image: &Image<'_>,
        (numbers, leading): ((Option<Imsi>, Option<Msisdn>), u8),
        record: Published<'_>,
    ) -> Option<Vec<Hashed>> {
        let table = &*self.table;
        let mut keys: Vec<Hashed> = Vec::with_capacity(4);
        keys.extend(numbers.0.map(|imsi| (0, table.hash_imsi(imsi))));
        keys.extend(numbers.1.map(|msisdn| (1, table.hash_msisdn(msisdn))));
        let shape = image.shape();
        let follow = !shape.has(FAR_IDENTITIES) && shape.identities == leading;
        if table.identities.len() > 0 || !follow {
            for identity in record.identities() {
                let text = identity.as_bytes();
                if table.by_identity(text).is_some() {
                    return None;
                }
                if !follows(numbers, text) {
                    keys.push((2, table.hash_identity(text)));
                }
            }
        }
        if image.has_direct() {
            for address in record.bindings().filter_map(|binding| address_of(&binding)) {
                if table.by_address(address).is_some() {
                    return None;
                }
                keys.push((3, table.hash_address(address)));
            }
        }
        if keys.len() > 2 {
            keys.sort_unstable();
            keys.dedup();
        }
        Some(keys)
    }

    /// The place of a subscriber's RP-Message-Reference while he is not here.
    fn reference_of(&self, (imsi, msisdn): (Option<Imsi>, Option<Msisdn>)) -> usize {
        let table = &*self.table;
        let by_number = || msisdn.map(|msisdn| table.hash_msisdn(msisdn));
        let hash = imsi.map(|imsi| table.hash_imsi(imsi)).or_else(by_number);
        hash.unwrap_or(0) as usize % REFERENCES
    }

    fn slot(&self, id: SubscriberId) -> Option<Slot<'_>> {
        self.table.slot(id.slot)
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

    fn index(&self, number: usize) -> &Index {
        let table = &*self.table;
        match number {
            0 => &table.imsis,
            1 => &table.msisdns,
            2 => &table.identities,
            _ => &table.addresses,
        }
    }

    /// The keys of a record, each once.
    fn keys_of(&self, record: &Record) -> Vec<Hashed> {
        let table = &*self.table;
        let mut keys: Vec<Hashed> = vec![];
        keys.extend(record.imsi().map(|imsi| (0, table.hash_imsi(imsi))));
        keys.extend(record.msisdn().map(|msisdn| (1, table.hash_msisdn(msisdn))));
        let numbers = (record.imsi(), record.msisdn());
        for identity in record.identities().filter(|identity| !follows(numbers, identity.as_bytes())) {
            keys.push((2, table.hash_identity(identity.as_bytes())));
        }
        keys.extend(addresses(record).map(|address| (3, table.hash_address(address))));
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Whether each index has room for what is added, once what is dropped has gone.
    fn have_room(&self, added: &[Hashed], dropped: &[Hashed]) -> bool {
        added.iter().all(|(number, _)| {
            let of_this = |keys: &[Hashed]| keys.iter().filter(|key| key.0 == *number).count();
            let index = self.index(*number);
            index.len() + of_this(added) <= index.capacity() + of_this(dropped)
        })
    }

    /// The expiries and sequences that a record starts with: those that `expiries` says, else those of the present one, whose
    /// expiries workers can't extend from now on.
    fn times(&self, id: SubscriberId, record: &Record, expiries: &[Option<Time>]) -> Vec<(Time, u32)> {
        let mut times: Vec<_> = record.bindings().map(|binding| (Time::ZERO, binding.sequence)).collect();
        if let Some(present) = self.get(id) {
            for (index, old) in present.record().bindings().enumerate() {
                // Frozen even where a new time is given, so that no worker believes it has extended what is going.
                let kept = present.freeze(index);
                for ((time, sequence), new) in times.iter_mut().zip(record.bindings()) {
                    if new.access == old.access && new.registration == old.registration {
                        *time = kept;
                        if new.call == old.call {
                            *sequence = present.sequence(index).max(*sequence);
                        }
                    }
                }
            }
        }
        for ((time, _), given) in times.iter_mut().zip(expiries) {
            *time = given.unwrap_or(*time);
        }
        times
    }

    /// Workers may extend the present record's expiries again.
    fn thaw(&self, id: SubscriberId) {
        if let Some(present) = self.get(id) {
            (0..Record::BINDINGS).for_each(|binding| present.thaw(binding));
        }
    }

    /// Whether another key of a record has the same entry in its index.
    fn is_like_another(&self, key: &Hashed, all: &[Hashed]) -> bool {
        let index = self.index(key.0);
        all.iter().any(|other| other.0 == key.0 && other.1 != key.1 && index.are_alike(other.1, key.1))
    }

    /// What a change of keys does to the indexes.
    fn moves(&self, keys: &[Hashed], before: &[Hashed]) -> Moves {
        let (both, added): (Vec<Hashed>, Vec<_>) = keys.iter().partition(|key| before.contains(key));
        let dropped: Vec<_> = before.iter().filter(|key| !keys.contains(key)).copied().collect();
        // Keys that can't be told from each other are put in once more, and go together.
        let (alike, replaced): (Vec<_>, _) =
            both.into_iter().partition(|key| self.is_like_another(key, before));
        let moves = Moves { added, replaced, dropped };
        let Moves { added, dropped, .. } = moves;
        let more = |keys: Vec<Hashed>| keys.into_iter().chain(alike.iter().copied()).collect();
        Moves { added: more(added), dropped: more(dropped), ..moves }
    }

    /// Publishes a record in the place of the present one, if any: new keys first, then those that both have, then the
    /// place; keys that only the old one had go last. So a key that both have is found all the time, and who finds a
    /// subscriber finds one that was whole before.
    fn publish(
        &mut self,
        id: SubscriberId,
        record: &Record,
        (expiries, spare): (&[Option<Time>], bool),
    ) -> Result<(), Refused> {
        let present = self.get(id).map(|present| present.record().to_record());
        let before = present.as_ref().map(|it| self.keys_of(it)).unwrap_or_default();
        let moves = self.moves(&self.keys_of(record), &before);
        if !self.have_room(&moves.added, &moves.dropped) {
            self.counts.refused_index += 1;
            return Err(Refused::Full);
        }
        let draft = Draft::new(record, &self.table.store.templates, &mut self.stocks.interned);
        let times = self.times(id, record, expiries);
        let Some(new) = self.stocks.write(&self.table.store, id, &draft, (&times, spare)) else {
            self.thaw(id);
            self.counts.refused_details += 1;
            return Err(Refused::Full);
        };
        let old = self.slot(id).and_then(|slot| slot.record());
        if old.is_none() {
            // Before any key leads there.
            self.settle(id, (record.imsi(), record.msisdn()), new);
        }
        for (at, (index, hash)) in moves.added.iter().enumerate() {
            if !self.index(*index).insert(*hash, new) {
                self.withdraw(id, moves.added.get(..at).unwrap_or(&[]), new, old.is_none());
                return Err(Refused::Full);
            }
        }
        if let Some(old) = old {
            for (index, hash) in moves.replaced {
                self.index(index).replace(hash, old, new);
            }
            if let Some(slot) = self.slot(id) {
                slot.swap(Some(new), id.generation);
            }
            self.remove_keys(&moves.dropped, old);
            self.retire(old);
        }
        Ok(())
    }

    fn remove_keys(&self, keys: &[Hashed], record: u32) {
        for number in 0..4 {
            let of_this = keys.iter().filter(|key| key.0 == number);
            self.index(number).remove(&of_this.map(|key| key.1).collect::<Vec<_>>(), record);
        }
    }

    /// A new subscriber gets his place.
    fn settle(&mut self, id: SubscriberId, numbers: (Option<Imsi>, Option<Msisdn>), new: u32) {
        self.places.take(&self.table, id.slot);
        let reference = self.references.get(self.reference_of(numbers)).copied().unwrap_or(0);
        if let Some(slot) = self.slot(id) {
            slot.mt().reset(reference);
            slot.last_mo().reset(0);
            slot.swap(Some(new), id.generation);
        }
    }

    /// A bucket was full: what a reader may have found goes as if it had been replaced.
    fn withdraw(&mut self, id: SubscriberId, inserted: &[Hashed], new: u32, was_settled: bool) {
        self.remove_keys(inserted, new);
        if was_settled {
            self.leave(id);
        } else {
            self.thaw(id);
            self.take_back(id, new);
        }
        self.retire(new);
        self.counts.refused_index += 1;
    }

    /// What workers have extended in a record that is withdrawn is so in the one that stays.
    fn take_back(&self, id: SubscriberId, withdrawn: u32) {
        let (Some(stays), Some(goes)) = (self.get(id), self.table.at(withdrawn)) else { return };
        for (at, gone) in goes.record().bindings().enumerate() {
            let until = goes.freeze(at);
            let is_it = |it: &Binding| it.access == gone.access && it.registration == gone.registration;
            if let Some(same) = stays.record().bindings().position(|it| is_it(&it)) {
                let before = stays.expiry(same);
                let _ = before < until && stays.extend(same, before, until);
            }
        }
    }

    fn retire(&mut self, old: u32) {
        // Nobody finds it any more.
        let epoch = self.table.epochs.advance();
        self.retired.push_back((epoch, old));
    }

    /// Nobody is in this place any more, but readers may still hold a subscriber there.
    fn leave(&mut self, id: SubscriberId) {
        if let Some(slot) = self.slot(id) {
            slot.swap(None, id.generation);
        }
        let epoch = self.table.epochs.advance();
        self.leaving.push_back((epoch, id));
    }

    /// Removes a subscriber; false if there is none of this name.
    pub fn deregister(&mut self, id: SubscriberId) -> bool {
        self.reclaim();
        let Some(present) = self.get(id).map(|present| present.record().to_record()) else { return false };
        let Some(old) = self.slot(id).and_then(|slot| slot.record()) else { return false };
        self.remove_keys(&self.keys_of(&present), old);
        let at = self.reference_of((present.imsi(), present.msisdn()));
        let last = self.slot(id).map(|slot| slot.mt().reference());
        if let (Some(place), Some(last)) = (self.references.get_mut(at), last) {
            *place = last;
        }
        self.leave(id);
        self.retire(old);
        self.counts.removed += 1;
        true
    }

    /// Removes one binding; the last one leaves the subscriber known and not registered. False if there is none. Where there
    /// is no room even of what is kept for such changes ([`Writer::amend`]), it has ended all the same, and
    /// [`Writer::expired`] finds it.
    pub fn remove_binding(&mut self, id: SubscriberId, binding: usize) -> bool {
        let Some(record) = self.get(id).map(|present| present.record().to_record()) else { return false };
        if record.binding(binding).is_none() {
            return false;
        }
        let others = record.bindings().enumerate().filter(|&(index, _)| index != binding);
        let rest: Vec<_> = others.map(|(_, rest)| rest).collect();
        let amended = record.with_bindings(&rest).map(|rest| self.amend(id, &rest, &[]));
        if !matches!(amended, Some(Ok(())))
            && let Some(present) = self.get(id)
        {
            present.end(binding);
        }
        true
    }

    /// Frees what no reader can hold any more; returns how many old records that were. Every change does this too.
    pub fn reclaim(&mut self) -> usize {
        let passed = self.table.epochs.passed();
        let records = self.retired.partition_point(|(epoch, _)| *epoch <= passed);
        for (_, record) in self.retired.drain(..records) {
            self.stocks.free(&self.table.store, record);
        }
        let places = self.leaving.partition_point(|(epoch, _)| *epoch <= passed);
        for (_, id) in self.leaving.drain(..places) {
            self.places.give_back(&self.table, id);
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
            if let Some(subscriber) = self.table.at_slot(slot)
                && (subscriber.live(now) < subscriber.record().count()
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
            let (id, record) = (subscriber.id(), subscriber.record().to_record());
            keys += self.keys_of(&record).len();
            let mut found: Vec<_> =
                record.identities().map(|identity| self.by_identity(identity.as_bytes())).collect();
            found.extend(record.imsi().map(|imsi| self.by_imsi(imsi)));
            found.extend(record.msisdn().map(|msisdn| self.by_msisdn(msisdn)));
            found.extend(addresses(&record).map(|address| self.by_address(address)));
            assert!(
                found.iter().all(|found| found.is_some_and(|found| found.id() == id)),
                "a key leads elsewhere"
            );
        }
        let indexes = [0, 1, 2, 3].map(|number| self.index(number));
        assert_eq!(indexes.map(Index::len).iter().sum::<usize>(), keys, "an index has keys of nobody");
        assert!(indexes.iter().all(|index| index.len() <= index.capacity()));
        assert_eq!(self.iter().count(), self.len(), "a place is lost");
    }

    /// Pieces of memory for bindings and identities in use, and how many there are. Of these, registrations get all but those
    /// kept for [`Writer::amend`].
    #[must_use]
    pub fn details(&self) -> (usize, usize) {
        (self.stocks.used().0, self.table.store.cells())
    }

    /// Cells and templates in use.
    #[cfg(test)]
    pub(super) fn used(&self) -> (usize, usize) {
        self.stocks.used()
    }

    /// How many subscribers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.used - self.leaving.len()
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
        places.filter_map(|slot| self.table.at_slot(slot))
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
        self.iter().fold(0, |sum, subscriber| {
            sum.wrapping_add(digest_of(&self.key, &subscriber.record().to_record()))
        })
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
    record.bindings().filter_map(|binding| address_of(&binding))
}

/// The key that a binding is.
fn address_of(binding: &Binding) -> Option<SocketAddr> {
    (binding.access == AccessKind::Direct).then_some(binding.remote)
}
