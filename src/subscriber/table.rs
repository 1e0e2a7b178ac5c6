//! What workers see: look-ups without locks, and a subscriber's words.
#![allow(unsafe_code)] // borrows records that the writer may retire; quiescent points keep them alive

use super::index::Index;
use super::joining::Joining;
use super::reclaim::{Epochs, Retired};
use super::record::{Binding, Record, SubscriberId};
use super::words::{Holder, LastMo, MtWord, PlainWord};
use super::writer::TableConfig;
use crate::base::Time;
use crate::ident::{Imsi, Msisdn, WorkerId};
use core::cell::Cell;
use core::hash::{BuildHasher, Hasher};
use core::marker::PhantomData;
use core::net::{IpAddr, SocketAddr};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

/// An expiry with this bit belongs to a record that is being replaced: it can be read but no longer extended.
const FROZEN: u64 = 1 << 63;

/// A record as readers find it, with the expiries of its bindings.
pub(super) struct Published {
    id: SubscriberId,
    record: Record,
    expiries: [AtomicU64; Record::BINDINGS],
    sequences: [AtomicU32; Record::BINDINGS],
}

// The table's pointers to it hide this from the compiler: readers on several threads borrow one.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Published>();
};

fn expiry_bits(time: Time) -> u64 {
    time.as_nanos().min(FROZEN - 1)
}

fn expiry_time(bits: u64) -> Time {
    match bits & !FROZEN {
        nanos if nanos == FROZEN - 1 => Time::NEVER,
        nanos => Time::from_nanos(nanos),
    }
}

impl Published {
    pub(super) fn new(
        id: SubscriberId,
        record: Record,
        expiries: [Time; Record::BINDINGS],
        sequences: [u32; Record::BINDINGS],
    ) -> Box<Self> {
        let expiries = expiries.map(|time| AtomicU64::new(expiry_bits(time)));
        Box::new(Self { id, record, expiries, sequences: sequences.map(AtomicU32::new) })
    }

    fn expiry(&self, binding: usize) -> Time {
        self.expiries.get(binding).map_or(Time::ZERO, |word| expiry_time(word.load(Ordering::Acquire)))
    }

    /// For the writer: from now on the expiry can't be extended. Returns its last value.
    fn freeze(&self, binding: usize) -> Time {
        self.expiries
            .get(binding)
            .map_or(Time::ZERO, |word| expiry_time(word.fetch_or(FROZEN, Ordering::AcqRel)))
    }
}

/// One place in the table. The words outlive the records that take turns here.
#[derive(Default)]
pub(super) struct Slot {
    published: AtomicPtr<Published>,
    pub(super) mt: MtWord,
    pub(super) last_mo: PlainWord,
    /// UNRI: not zero if a message did not reach the subscriber (TS 23.008 3.2.5).
    pub(super) unri: PlainWord,
}

impl Slot {
    /// For the writer: publishes another record or none, and gives the old one back.
    pub(super) fn swap(&self, new: Option<Box<Published>>) -> Option<NonNull<Published>> {
        let new = new.map_or(core::ptr::null_mut(), Box::into_raw);
        NonNull::new(self.published.swap(new, Ordering::AcqRel))
    }
}

/// The table itself, as [`Reader`] and [`super::Writer`] let it be read.
pub struct Table {
    pub(super) slots: Box<[Slot]>,
    pub(super) imsis: Index,
    pub(super) msisdns: Index,
    pub(super) identities: Index,
    pub(super) addresses: Index,
    pub(super) epochs: Epochs,
    pub(super) joining: Joining,
    hasher: ahash::RandomState,
    /// What the writer left unfreed when it went.
    pub(super) left: OnceLock<VecDeque<(u64, Retired)>>,
}

impl Drop for Table {
    fn drop(&mut self) {
        for slot in &self.slots {
            if let Some(published) = slot.swap(None) {
                // SAFETY: the record comes from `swap`'s `into_raw`, and with the table its readers are gone.
                drop(unsafe { Retired::new(published) });
            }
        }
    }
}

impl Table {
    pub(super) fn new(config: &TableConfig) -> Self {
        let seed = |number| config.key.hash_u64(number);
        Self {
            slots: (0..config.subscribers).map(|_| Slot::default()).collect(),
            imsis: Index::new(config.subscribers),
            msisdns: Index::new(config.subscribers),
            identities: Index::new(config.identities),
            addresses: Index::new(config.addresses),
            epochs: Epochs::new(config.readers),
            joining: Joining::default(),
            hasher: ahash::RandomState::with_seeds(seed(0), seed(1), seed(2), seed(3)),
            left: OnceLock::new(),
        }
    }

    /// Octets that the table takes from the start, records not included.
    #[must_use]
    pub fn memory(&self) -> usize {
        let indexes = [&self.imsis, &self.msisdns, &self.identities, &self.addresses];
        size_of_val(&*self.slots) + indexes.map(Index::memory).iter().sum::<usize>()
    }

    pub(super) fn hash_imsi(&self, imsi: Imsi) -> u64 {
        self.hasher.hash_one(imsi.digits().to_u128())
    }

    pub(super) fn hash_msisdn(&self, msisdn: Msisdn) -> u64 {
        self.hasher.hash_one(msisdn.digits().to_u128())
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

    pub(super) fn at(&self, slot: u32) -> Option<Subscriber<'_>> {
        let slot = self.slots.get(slot as usize)?;
        let published = NonNull::new(slot.published.load(Ordering::Acquire))?;
        // SAFETY: the record was published whole and is never changed but in its atomics. It lives as long as the borrow
        // of the table: one got through a `Reader` must end before that reader can pass a quiescent point, without
        // which the writer frees nothing that was reachable before; one got through the `Writer` must end before the
        // writer can retire anything.
        Some(Subscriber { slot, published: unsafe { published.as_ref() } })
    }

    fn search(&self, index: &Index, hash: u64, is_it: impl Fn(&Record) -> bool) -> Option<Subscriber<'_>> {
        index.find(hash, |slot| self.at(slot).filter(|subscriber| is_it(subscriber.record())))
    }

    /// The subscriber with this IMSI.
    #[must_use]
    pub fn by_imsi(&self, imsi: Imsi) -> Option<Subscriber<'_>> {
        self.search(&self.imsis, self.hash_imsi(imsi), |record| record.imsi() == Some(imsi))
    }

    /// The subscriber with this MSISDN.
    #[must_use]
    pub fn by_msisdn(&self, msisdn: Msisdn) -> Option<Subscriber<'_>> {
        self.search(&self.msisdns, self.hash_msisdn(msisdn), |record| record.msisdn() == Some(msisdn))
    }

    /// The subscriber with this public identity, in the spelling that it was registered with.
    #[must_use]
    pub fn by_identity(&self, text: &[u8]) -> Option<Subscriber<'_>> {
        self.search(&self.identities, self.hash_identity(text), |record| record.has_identity(text))
    }

    /// The subscriber whose UE registered here directly from this address and port.
    #[must_use]
    pub fn by_address(&self, address: SocketAddr) -> Option<Subscriber<'_>> {
        self.search(&self.addresses, self.hash_address(address), |record| {
            record.binding_from(address).is_some()
        })
    }

    /// Whether the registration of a subscriber waits for the HLR. If it does, `worker` is told of its end
    /// ([`super::Writer::join_ended`]); if not, look once more: it may just have ended.
    #[must_use]
    pub fn wait_for_join(&self, imsi: Imsi, worker: WorkerId) -> bool {
        self.joining.wait(self.hash_imsi(imsi), worker)
    }

    /// The subscriber of this name, unless it is gone.
    #[must_use]
    pub fn get(&self, id: SubscriberId) -> Option<Subscriber<'_>> {
        self.at(id.slot).filter(|subscriber| subscriber.id() == id)
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
    slot: &'t Slot,
    published: &'t Published,
}

impl<'t> Subscriber<'t> {
    /// Its name, which outlives this borrow.
    #[must_use]
    pub fn id(&self) -> SubscriberId {
        self.published.id
    }

    /// Its record.
    #[must_use]
    pub fn record(&self) -> &'t Record {
        &self.published.record
    }

    /// When the binding at this index ends; zero if there is none.
    #[must_use]
    pub fn expiry(&self, binding: usize) -> Time {
        self.published.expiry(binding)
    }

    /// Changes a binding's expiry from `expected` to `new`. False if it is another by now or the record is being
    /// replaced: then look the subscriber up again.
    #[must_use]
    pub fn extend(&self, binding: usize, expected: Time, new: Time) -> bool {
        self.published.record.binding(binding).is_some()
            && self.published.expiries.get(binding).is_some_and(|word| {
                word.compare_exchange(
                    expiry_bits(expected),
                    expiry_bits(new),
                    Ordering::AcqRel,
                    Ordering::Acquire,
                )
                .is_ok()
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
        self.published.sequences.get(binding).map_or(0, |word| word.load(Ordering::Acquire))
    }

    /// A refresh with this CSeq, of the binding's Call-ID, has extended the binding.
    pub fn refreshed(&self, binding: usize, sequence: u32) {
        if let Some(word) = self.published.sequences.get(binding) {
            word.fetch_max(sequence, Ordering::AcqRel);
        }
    }

    /// The bindings that hold at `now`, with their indexes.
    pub fn registered(&self, now: Time) -> impl Iterator<Item = (usize, &'t Binding)> + use<'t> {
        let published = self.published;
        published
            .record
            .all_bindings()
            .iter()
            .enumerate()
            .filter(move |&(index, _)| published.expiry(index) > now)
    }

    /// Whether any binding holds at `now`.
    #[must_use]
    pub fn is_registered(&self, now: Time) -> bool {
        self.registered(now).next().is_some()
    }

    /// For the writer: from now on the expiry of this binding can't be extended. Returns its last value.
    pub(super) fn freeze(&self, binding: usize) -> Time {
        self.published.freeze(binding)
    }

    /// Reserves the subscriber for one MT transfer: the RP-Message-Reference to use, or who has reserved it.
    pub fn begin_mt(&self, holder: Holder) -> Result<u8, Holder> {
        self.slot.mt.begin(holder)
    }

    /// Passes the reservation from one transfer to the next, which nobody can overtake: the RP-Message-Reference to use,
    /// or `None` if it is not `from`'s.
    #[must_use]
    pub fn pass_mt(&self, from: Holder, to: Holder) -> Option<u8> {
        self.slot.mt.pass(from, to)
    }

    /// Gives the reservation back; false if it is not `holder`'s.
    pub fn end_mt(&self, holder: Holder) -> bool {
        self.slot.mt.end(holder)
    }

    /// Who has reserved the subscriber, and the RP-Message-Reference given out last.
    #[must_use]
    pub fn mt_holder(&self) -> Option<(Holder, u8)> {
        self.slot.mt.holder()
    }

    /// UNRI of the gateway (TS 23.008 3.2.5): a message did not reach the subscriber, who is registered nevertheless.
    pub fn set_unri(&self) {
        // Who is faster has set it too.
        let _ = self.slot.unri.swap_if(0, 1);
    }

    /// Clears UNRI; whether it was set.
    #[must_use]
    pub fn take_unri(&self) -> bool {
        self.slot.unri.load() != 0 && self.slot.unri.swap_if(1, 0)
    }

    /// The last message that the subscriber submitted; none until there is one, or when it was forgotten.
    #[must_use]
    pub fn last_mo(&self) -> Option<LastMo> {
        LastMo::from_bits(self.slot.last_mo.load())
    }

    /// Puts a message in the place of the last; false if that is another than `before` by now.
    #[must_use]
    pub fn begin_mo(&self, before: Option<LastMo>, last: LastMo) -> bool {
        self.slot.last_mo.swap_if(before.map_or(0, LastMo::to_bits), last.to_bits())
    }

    /// Forgets a message; false if another is the last by now.
    #[must_use]
    pub fn end_mo(&self, last: LastMo) -> bool {
        self.slot.last_mo.swap_if(last.to_bits(), 0)
    }
}
