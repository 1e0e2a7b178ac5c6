//! What workers see: look-ups without locks, and a subscriber's words.

use super::index::Index;
use super::joining::Joining;
use super::memory::{PageSize, Pages, prefetch};
use super::published::Published;
use super::reclaim::Epochs;
use super::record::{Binding, SubscriberId};
use super::store::{FROZEN, IMSI, Line, MSISDN, Store, expiry_bits, expiry_time, load, name};
use super::sync::{AtomicU64, Ordering};
use super::words::{Holder, LastMo, MtWord, PlainWord};
use super::writer::TableConfig;
use crate::base::Time;
use crate::ident::{Digits, Imsi, Msisdn, WorkerId};
use core::cell::Cell;
use core::hash::{BuildHasher, Hasher};
use core::marker::PhantomData;
use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Words of a place in the table. They outlive the records that take turns there.
const SLOT: usize = 3;
/// Keys that are looked up at a time.
const BATCH: usize = 32;
/// Of these, so many at a time are computed before the memory is asked for what they need. What asks for a line whose page the
/// processor has to look for first is held up until it has found that, and with it all that is computed behind: it looks for
/// several pages at a time only if nothing but requests stands between them.
const GROUP: usize = 8;

/// What a subscriber is looked up by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key<'k> {
    /// His number.
    Msisdn(Msisdn),
    /// His IMSI.
    Imsi(Imsi),
    /// One of his public identities, in the spelling that it was registered with.
    Identity(&'k [u8]),
    /// The address and port that his UE registered from.
    Address(SocketAddr),
}

/// A key of a batch, by what it is most probably found.
#[derive(Clone, Copy)]
struct Sought<'t> {
    index: &'t Index,
    hash: u64,
    /// Packed, if it is a number of this index; else 0.
    number: u64,
    /// What is found first, and what next: the same once more if there is nothing else.
    lines: Option<[&'t Line; 2]>,
}

/// The table itself, as [`Reader`] and [`super::Writer`] let it be read.
pub struct Table {
    pub(super) slots: Pages<SLOT>,
    pub(super) store: Store,
    pub(super) imsis: Index,
    pub(super) msisdns: Index,
    pub(super) identities: Index,
    pub(super) addresses: Index,
    pub(super) epochs: Epochs,
    pub(super) joining: Joining,
    details: usize,
    hasher: ahash::RandomState,
}

/// The digits with which an identity begins, if they may be a number of the subscriber's: `sip:+49…@…`, `tel:+49…`, or
/// an IMSI.
fn number_in(identity: &[u8]) -> Option<(Digits, bool)> {
    let behind_scheme = identity.iter().position(|&octet| octet == b':').map_or(0, |at| at + 1);
    let text = identity.get(behind_scheme..)?;
    let (text, is_global) = text.strip_prefix(b"+").map_or((text, false), |text| (text, true));
    let count = text.iter().take_while(|octet| octet.is_ascii_digit()).count();
    if !(5..=15).contains(&count) {
        return None;
    }
    Some((Digits::from_ascii(text.get(..count)?)?, is_global))
}

/// Whether an identity leads to its subscriber by one of his numbers, and so is in no index of its own.
pub(super) fn follows((imsi, msisdn): (Option<Imsi>, Option<Msisdn>), identity: &[u8]) -> bool {
    number_in(identity).is_some_and(|(digits, is_global)| {
        msisdn.is_some_and(|it| it.digits() == digits)
            || !is_global && imsi.is_some_and(|it| it.digits() == digits)
    })
}

impl Table {
    /// A table; `records` is the most of them at a time, old ones included that wait for readers, of which there is room for
    /// `spare` beyond those of registrations.
    pub(super) fn new(config: &TableConfig, records: usize, spare: usize) -> Self {
        let seed = |number| config.key.hash_u64(number);
        let index = |capacity| Index::new(capacity, records);
        Self {
            slots: Pages::new(config.subscribers),
            store: Store::new(records, config.details, spare),
            imsis: index(config.subscribers),
            msisdns: index(config.subscribers),
            identities: index(config.identities),
            addresses: index(config.addresses),
            epochs: Epochs::new(config.readers),
            joining: Joining::default(),
            details: config.details,
            hasher: ahash::RandomState::with_seeds(seed(0), seed(1), seed(2), seed(3)),
        }
    }

    fn indexes(&self) -> [&Index; 4] {
        [&self.imsis, &self.msisdns, &self.identities, &self.addresses]
    }

    /// Octets of each part of the table.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, usize); 8] {
        let [imsis, msisdns, identities, addresses] = self.indexes().map(|index| index.pages().memory());
        let [lines, cells, templates] = self.store.memory().map(|(octets, _)| octets);
        [
            ("places", self.slots.memory()),
            ("lines", lines),
            ("cells", cells),
            ("templates", templates),
            ("imsis", imsis),
            ("msisdns", msisdns),
            ("identities", identities),
            ("addresses", addresses),
        ]
    }

    /// Octets that the table takes, all of them from the start.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.parts().iter().map(|(_, octets)| octets).sum()
    }

    /// Octets for each subscriber, all indexes included, but for the details that there is room for beyond what everybody has.
    #[must_use]
    pub fn octets_each(&self) -> usize {
        (self.memory() - self.details * size_of::<Line>()).div_ceil(self.slots.len().max(1))
    }

    /// The pages that most of it is in.
    #[must_use]
    pub fn page_size(&self) -> PageSize {
        let [(_, lines), ..] = self.store.memory();
        lines
    }

    /// The hash of a number that is packed as it is in a line.
    #[inline]
    pub(super) fn hash_packed(&self, number: u64) -> u64 {
        self.hasher.hash_one(number)
    }

    pub(super) fn hash_imsi(&self, imsi: Imsi) -> u64 {
        self.hash_packed(imsi.digits().to_word())
    }

    pub(super) fn hash_msisdn(&self, msisdn: Msisdn) -> u64 {
        self.hash_packed(msisdn.digits().to_word())
    }

    pub(super) fn hash_identity(&self, text: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(text);
        hasher.finish()
    }

    pub(super) fn hash_address(&self, address: SocketAddr) -> u64 {
        let ip = match address.ip().to_canonical() {
            IpAddr::V4(ip) => u128::from(u32::from(ip)),
            IpAddr::V6(ip) => u128::from(ip),
        };
        self.hasher.hash_one((ip, address.port()))
    }

    /// A place in the table.
    pub(super) fn slot(&self, slot: u32) -> Option<Slot<'_>> {
        self.slots.get(slot as usize).map(Slot)
    }

    /// The record of this number. It was published whole and is never changed but in its atomic words. It stays as it is for
    /// as long as the borrow of the table: one got through a `Reader` must end before that reader can pass a quiescent point,
    /// without which the writer reuses nothing that was reachable before; one got through the `Writer` must end before the
    /// writer can retire anything.
    pub(super) fn at(&self, record: u32) -> Option<Subscriber<'_>> {
        let line = self.store.lines.get(record as usize)?;
        Some(Subscriber { table: self, line })
    }

    #[inline]
    fn search(
        &self,
        index: &Index,
        hash: u64,
        is_it: impl Fn(Subscriber<'_>) -> bool,
    ) -> Option<Subscriber<'_>> {
        index.find(hash, |record| self.at(record).filter(|subscriber| is_it(*subscriber)))
    }

    /// The subscriber with this IMSI.
    #[must_use]
    #[inline]
    pub fn by_imsi(&self, imsi: Imsi) -> Option<Subscriber<'_>> {
        let packed = imsi.digits().to_word();
        self.search(&self.imsis, self.hash_imsi(imsi), |it| load(it.line, IMSI) == packed)
    }

    /// The subscriber with this MSISDN.
    #[must_use]
    #[inline]
    pub fn by_msisdn(&self, msisdn: Msisdn) -> Option<Subscriber<'_>> {
        let packed = msisdn.digits().to_word();
        self.search(&self.msisdns, self.hash_msisdn(msisdn), |it| load(it.line, MSISDN) == packed)
    }

    /// The subscriber with this public identity, in the spelling that it was registered with.
    #[must_use]
    pub fn by_identity(&self, text: &[u8]) -> Option<Subscriber<'_>> {
        let Some((digits, is_global)) = number_in(text) else { return self.by_own_key(text) };
        // A change of the subscriber's number may put an identity from one index into the other: it is there before it
        // goes from where it was.
        let by_number = || self.by_number(text, digits, is_global);
        by_number().or_else(|| self.by_own_key(text)).or_else(by_number)
    }

    fn by_number(&self, text: &[u8], digits: Digits, is_global: bool) -> Option<Subscriber<'_>> {
        let has_it = |it: &Subscriber<'_>| it.record().has_identity(text);
        let by_imsi = || self.by_imsi(Imsi::new(digits).filter(|_| !is_global)?);
        let by_msisdn = Msisdn::new(digits).and_then(|msisdn| self.by_msisdn(msisdn));
        by_msisdn.filter(has_it).or_else(|| by_imsi().filter(has_it))
    }

    fn by_own_key(&self, text: &[u8]) -> Option<Subscriber<'_>> {
        self.search(&self.identities, self.hash_identity(text), |it| it.record().has_identity(text))
    }

    /// The subscriber whose UE registered here directly from this address and port.
    #[must_use]
    pub fn by_address(&self, address: SocketAddr) -> Option<Subscriber<'_>> {
        self.search(&self.addresses, self.hash_address(address), |it| {
            it.record().binding_from(address).is_some()
        })
    }

    /// The subscriber with this key.
    #[must_use]
    pub fn find(&self, key: Key<'_>) -> Option<Subscriber<'_>> {
        match key {
            Key::Msisdn(msisdn) => self.by_msisdn(msisdn),
            Key::Imsi(imsi) => self.by_imsi(imsi),
            Key::Identity(text) => self.by_identity(text),
            Key::Address(address) => self.by_address(address),
        }
    }

    /// By what a key is most probably found.
    #[inline]
    fn sought(&self, key: &Key<'_>) -> Sought<'_> {
        let by = |index, hash| Sought { index, hash, number: 0, lines: None };
        let by_number = |index, digits: Digits| {
            let number = digits.to_word();
            Sought { number, ..by(index, self.hash_packed(number)) }
        };
        match *key {
            Key::Msisdn(msisdn) => by_number(&self.msisdns, msisdn.digits()),
            Key::Imsi(imsi) => by_number(&self.imsis, imsi.digits()),
            Key::Address(address) => by(&self.addresses, self.hash_address(address)),
            Key::Identity(text) => match number_in(text) {
                Some((digits, true)) => by(&self.msisdns, self.hash_packed(digits.to_word())),
                Some((digits, false)) => by(&self.imsis, self.hash_packed(digits.to_word())),
                None => by(&self.identities, self.hash_identity(text)),
            },
        }
    }

    /// Looks up a whole burst, as [`Table::find`] does one: while the memory brings what one key needs, others are
    /// asked for. As many are found as both slices have room for.
    pub fn find_many<'t>(&'t self, keys: &[Key<'_>], found: &mut [Option<Subscriber<'t>>]) {
        for (keys, found) in keys.chunks(BATCH).zip(found.chunks_mut(BATCH)) {
            self.find_batch(keys, found);
        }
    }

    fn find_batch<'t>(&'t self, keys: &[Key<'_>], found: &mut [Option<Subscriber<'t>>]) {
        let mut room = [self.nobody(); BATCH];
        let Some(all) = room.get_mut(..keys.len()) else { return };
        for (group, keys) in all.chunks_mut(GROUP).zip(keys.chunks(GROUP)) {
            for (sought, key) in group.iter_mut().zip(keys) {
                *sought = self.sought(key);
            }
            group.iter().for_each(|sought| sought.index.prefetch(sought.hash));
        }
        self.find_first(all);
        for ((sought, key), found) in all.iter().zip(keys).zip(found) {
            *found = match sought.lines.and_then(|lines| self.own_of(sought, lines, key)) {
                Some(line) => Some(Subscriber { table: self, line }),
                None => self.find_unusual(*key),
            };
        }
    }

    /// Begins to fetch what will be read of the subscribers with these keys, of as many as a burst has, that they may be found and
    /// read soon without waiting for the memory.
    pub fn look_ahead<'k>(&self, keys: impl Iterator<Item = Key<'k>>) {
        let (mut room, mut count) = ([self.nobody(); BATCH], 0);
        for (sought, key) in room.iter_mut().zip(keys) {
            *sought = self.sought(&key);
            count += 1;
        }
        let Some(all) = room.get_mut(..count) else { return };
        all.iter().for_each(|sought| sought.index.prefetch(sought.hash));
        self.find_first(all);
        for [line, _] in all.iter().filter_map(|sought| sought.lines) {
            self.slots.get(name(line).slot as usize).into_iter().for_each(prefetch);
            self.store.prefetch_cell(line);
        }
    }

    fn nobody(&self) -> Sought<'_> {
        Sought { index: &self.msisdns, hash: 0, number: 0, lines: None }
    }

    /// Finds what each key leads to first, and begins to fetch it. The buckets have been asked for.
    fn find_first<'t>(&'t self, all: &mut [Sought<'t>]) {
        let mut elsewhere = 0u32;
        for (number, group) in all.chunks_mut(GROUP).enumerate() {
            for (at, sought) in group.iter_mut().enumerate() {
                let (records, may_be_another) = sought.index.first(sought.hash);
                sought.lines = records.and_then(|records| self.lines(records));
                if may_be_another {
                    elsewhere |= u32::from(self.prefetch_another(sought)) << (number * GROUP + at);
                }
            }
            // Which keys have a second candidate can't be foreseen: all ask for two.
            group.iter().filter_map(|sought| sought.lines).flatten().for_each(prefetch);
        }
        while elsewhere != 0 {
            if let Some(sought) = all.get_mut(elsewhere.trailing_zeros() as usize) {
                self.prefetch_elsewhere(sought);
            }
            elsewhere &= elsewhere - 1;
        }
    }

    #[inline]
    fn lines(&self, [first, second]: [u32; 2]) -> Option<[&Line; 2]> {
        Some([self.store.lines.get(first as usize)?, self.store.lines.get(second as usize)?])
    }

    /// The line of these that has the key, compared whole.
    #[inline]
    fn own_of<'t>(
        &'t self,
        sought: &Sought<'t>,
        [first, second]: [&'t Line; 2],
        key: &Key<'_>,
    ) -> Option<&'t Line> {
        if sought.number == 0 {
            let has = |line: &&'t Line| Subscriber { table: self, line }.has(key);
            return Some(first).filter(has).or_else(|| Some(second).filter(has));
        }
        let word = if core::ptr::eq(sought.index, &self.msisdns) { MSISDN } else { IMSI };
        let line = core::hint::select_unpredictable(load(first, word) == sought.number, first, second);
        (load(line, word) == sought.number).then_some(line)
    }

    /// Begins to fetch what may be a third record of a key beside those found first; true if it may only be elsewhere, and that
    /// place is fetched.
    #[cold]
    fn prefetch_another(&self, sought: &Sought<'_>) -> bool {
        if sought.lines.is_none() {
            sought.index.prefetch_others(sought.hash);
            return true;
        }
        sought.index.see_first(sought.hash, |record| {
            self.store.lines.get(record as usize).into_iter().for_each(prefetch);
        });
        false
    }

    #[cold]
    fn prefetch_elsewhere<'t>(&'t self, sought: &mut Sought<'t>) {
        let Sought { index, hash, .. } = *sought;
        index.see_others(hash, |record| {
            let line = self.store.lines.get(record as usize);
            line.into_iter().for_each(prefetch);
            sought.lines = sought.lines.or(line.map(|line| [line; 2]));
        });
    }

    #[cold]
    fn find_unusual(&self, key: Key<'_>) -> Option<Subscriber<'_>> {
        self.find(key)
    }

    /// Whether the registration of a subscriber waits for the HLR. If it does, `worker` is told of its end
    /// ([`super::Writer::join_ended`]); if not, look once more: it may just have ended.
    #[must_use]
    pub fn wait_for_join(&self, imsi: Imsi, worker: WorkerId) -> bool {
        self.joining.wait(self.hash_imsi(imsi), worker)
    }

    /// The subscriber at a place, if there is one.
    pub(super) fn at_slot(&self, slot: u32) -> Option<Subscriber<'_>> {
        self.at(self.slot(slot)?.record()?)
    }

    /// The subscriber of this name, unless it is gone.
    #[must_use]
    pub fn get(&self, id: SubscriberId) -> Option<Subscriber<'_>> {
        self.at_slot(id.slot).filter(|subscriber| subscriber.id() == id)
    }
}

/// One place in the table.
#[derive(Clone, Copy)]
pub(super) struct Slot<'t>(&'t [AtomicU64; SLOT]);

impl<'t> Slot<'t> {
    /// The record plus one, 0 for none; above it the place's generation, which is the writer's.
    fn published(self) -> &'t AtomicU64 {
        let [published, ..] = self.0;
        published
    }

    /// MT in progress.
    pub(super) fn mt(self) -> MtWord<'t> {
        let [_, mt, _] = self.0;
        MtWord(mt)
    }

    pub(super) fn last_mo(self) -> PlainWord<'t> {
        let [.., last_mo] = self.0;
        PlainWord(last_mo)
    }

    /// The record that is published here.
    pub(super) fn record(self) -> Option<u32> {
        (self.published().load(Ordering::Acquire) as u32).checked_sub(1)
    }

    /// For the writer: publishes another record or none, in this generation of the place; gives the old one back.
    pub(super) fn swap(self, new: Option<u32>, generation: u32) -> Option<u32> {
        let old = self.record();
        let word = u64::from(generation) << 32 | new.map_or(0, |record| u64::from(record) + 1);
        self.published().store(word, Ordering::Release);
        old
    }

    /// For the writer: the generation of the place.
    pub(super) fn generation(self) -> u32 {
        (self.published().load(Ordering::Relaxed) >> 32) as u32
    }
}

/// One worker's access to the table: all look-ups of [`Table`].
pub struct Reader {
    table: Arc<Table>,
    number: usize,
    /// One thread at a time: its quiescent points are that thread's.
    not_sync: PhantomData<Cell<()>>,
}

impl Reader {
    pub(super) fn new(table: Arc<Table>, number: usize) -> Self {
        Self { table, number, not_sync: PhantomData }
    }

    /// To be called once a turn, busy or idle: nothing found before is held any more, which the borrow checker proves.
    /// A reader that stops calling this keeps old records from being freed.
    pub fn quiescent(&mut self) {
        self.table.epochs.quiescent(self.number);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.table.epochs.leave(self.number);
    }
}

impl core::ops::Deref for Reader {
    type Target = Table;
    fn deref(&self) -> &Table {
        &self.table
    }
}

/// A subscriber as it was when it was looked up, and its words as they are now.
#[derive(Clone, Copy)]
pub struct Subscriber<'t> {
    pub(super) table: &'t Table,
    pub(super) line: &'t Line,
}

impl<'t> Subscriber<'t> {
    /// Its name, which outlives this borrow.
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        name(self.line)
    }

    /// Its record.
    #[must_use]
    pub fn record(&self) -> Published<'t> {
        Published { store: &self.table.store, line: self.line }
    }

    /// Whether the key is its own, compared whole.
    #[inline]
    fn has(&self, key: &Key<'_>) -> bool {
        match *key {
            Key::Msisdn(msisdn) => load(self.line, MSISDN) == msisdn.digits().to_word(),
            Key::Imsi(imsi) => load(self.line, IMSI) == imsi.digits().to_word(),
            Key::Identity(text) => self.record().has_identity(text),
            Key::Address(address) => self.record().binding_from(address).is_some(),
        }
    }

    fn slot(&self) -> Option<Slot<'t>> {
        self.table.slot(self.id().slot)
    }

    fn expiry_word(&self, binding: usize) -> Option<&'t AtomicU64> {
        self.table.store.expiry(self.line, binding).filter(|_| binding < self.record().count())
    }

    /// When the binding at this index ends; zero if there is none.
    #[must_use]
    pub fn expiry(&self, binding: usize) -> Time {
        self.expiry_word(binding).map_or(Time::ZERO, |word| expiry_time(word.load(Ordering::Acquire)))
    }

    /// Changes a binding's expiry from `expected` to `new`. False if it is another by now or the record is being
    /// replaced: then look the subscriber up again.
    #[must_use]
    pub fn extend(&self, binding: usize, expected: Time, new: Time) -> bool {
        let (expected, new) = (expiry_bits(expected), expiry_bits(new));
        self.expiry_word(binding).is_some_and(|word| {
            word.compare_exchange(expected, new, Ordering::AcqRel, Ordering::Acquire).is_ok()
        })
    }

    /// A refresh: a binding that holds at `now` lives until `new`. False if it has ended, which the writer may have found at
    /// this moment, or its record is being replaced.
    #[must_use]
    pub fn refresh(&self, binding: usize, now: Time, new: Time) -> bool {
        let until = self.expiry(binding);
        until > now && self.extend(binding, until, new)
    }

    /// The CSeq of the newest REGISTER of a binding's Call-ID, be it a mere refresh.
    #[must_use]
    pub fn sequence(&self, binding: usize) -> u32 {
        self.sequence_word(binding).map_or(0, |(word, _)| word.load(Ordering::Acquire) as u32)
    }

    fn sequence_word(&self, binding: usize) -> Option<(&'t AtomicU64, u64)> {
        self.table.store.sequence(self.line, binding).filter(|_| binding < self.record().count())
    }

    /// A refresh with this CSeq, of the binding's Call-ID, has extended the binding.
    pub fn refreshed(&self, binding: usize, sequence: u32) {
        if let Some((word, above)) = self.sequence_word(binding) {
            word.fetch_max(above | u64::from(sequence), Ordering::AcqRel);
        }
    }

    /// The bindings that hold at `now`, by their indexes.
    pub fn holding(&self, now: Time) -> impl Iterator<Item = usize> + use<'t> {
        let subscriber = *self;
        (0..self.record().count()).filter(move |&binding| subscriber.expiry(binding) > now)
    }

    /// The bindings that hold at `now`, with their indexes.
    pub fn registered(&self, now: Time) -> impl Iterator<Item = (usize, Binding)> + use<'t> {
        let record = self.record();
        self.holding(now).filter_map(move |binding| Some((binding, record.binding(binding)?)))
    }

    /// Whether any binding holds at `now`.
    #[must_use]
    pub fn is_registered(&self, now: Time) -> bool {
        self.live(now) > 0
    }

    /// How many bindings hold at `now`.
    pub(super) fn live(&self, now: Time) -> usize {
        self.holding(now).count()
    }

    /// For the writer: from now on the expiry of this binding can't be extended. Returns its last value.
    pub(super) fn freeze(&self, binding: usize) -> Time {
        self.expiry_word(binding)
            .map_or(Time::ZERO, |word| expiry_time(word.fetch_or(FROZEN, Ordering::AcqRel)))
    }

    /// For the writer: a binding has ended, whoever extends it at this moment.
    pub(super) fn end(&self, binding: usize) {
        if let Some(word) = self.expiry_word(binding) {
            word.swap(expiry_bits(Time::ZERO), Ordering::AcqRel);
        }
    }

    /// For the writer: the record stays after all.
    pub(super) fn thaw(&self, binding: usize) {
        if let Some(word) = self.expiry_word(binding) {
            word.fetch_and(!FROZEN, Ordering::AcqRel);
        }
    }

    /// Reserves the subscriber for one MT transfer: the RP-Message-Reference to use, or who has reserved it.
    pub fn begin_mt(&self, holder: Holder) -> Result<u8, Holder> {
        self.slot().map_or(Err(holder), |slot| slot.mt().begin(holder))
    }

    /// Passes the reservation from one transfer to the next, which nobody can overtake: the RP-Message-Reference to use,
    /// or `None` if it is not `from`'s.
    #[must_use]
    pub fn pass_mt(&self, from: Holder, to: Holder) -> Option<u8> {
        self.slot()?.mt().pass(from, to)
    }

    /// Gives the reservation back; false if it is not `holder`'s.
    pub fn end_mt(&self, holder: Holder) -> bool {
        self.slot().is_some_and(|slot| slot.mt().end(holder))
    }

    /// Who has reserved the subscriber, and the RP-Message-Reference given out last.
    #[must_use]
    pub fn mt_holder(&self) -> Option<(Holder, u8)> {
        self.slot()?.mt().holder()
    }

    /// UNRI of the gateway (TS 23.008 3.2.5): a message did not reach the subscriber, who is registered nevertheless.
    pub fn set_unri(&self) {
        if let Some(slot) = self.slot() {
            slot.mt().set_unri();
        }
    }

    /// Clears UNRI; whether it was set.
    #[must_use]
    pub fn take_unri(&self) -> bool {
        self.slot().is_some_and(|slot| slot.mt().take_unri())
    }

    /// The last message that the subscriber submitted; none until there is one, or when it was forgotten.
    #[must_use]
    pub fn last_mo(&self) -> Option<LastMo> {
        LastMo::from_bits(self.slot()?.last_mo().load())
    }

    /// Puts a message in the place of the last; false if that is another than `before` by now.
    #[must_use]
    pub fn begin_mo(&self, before: Option<LastMo>, last: LastMo) -> bool {
        let before = before.map_or(0, LastMo::to_bits);
        self.slot().is_some_and(|slot| slot.last_mo().swap_if(before, last.to_bits()))
    }

    /// Forgets a message; false if another is the last by now.
    #[must_use]
    pub fn end_mo(&self, last: LastMo) -> bool {
        self.slot().is_some_and(|slot| slot.last_mo().swap_if(last.to_bits(), 0))
    }
}
