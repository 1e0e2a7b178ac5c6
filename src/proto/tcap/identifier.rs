//! Transaction ids that say where their dialogue lives: a node prefix, then a keyed permutation of worker, slot and
//! the slot's generation.

use super::TransactionId;
use crate::base::{Key, Permutation, SipKey, Time};
use crate::ident::WorkerId;
use core::time::Duration;

/// Names a dialogue of one worker's table; stale once the dialogue is gone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct DialogueId(pub(super) Key);

impl DialogueId {
    /// As one word.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        self.0.to_u64()
    }

    /// From [`DialogueId::to_u64`].
    #[must_use]
    pub const fn from_u64(word: u64) -> Self {
        Self(Key::from_u64(word))
    }
}

/// Generations narrower than this would let an id come back too soon.
const MIN_GENERATION_BITS: u32 = 2;
const NIL: u32 = u32::MAX;

/// The arithmetic between keys and transaction ids.
#[derive(Clone, Debug)]
pub(super) struct Scheme {
    permutation: Permutation,
    prefix: u32,
    workers: u32,
    slots: u32,
    slot_bits: u32,
    generation_bits: u32,
}

impl Scheme {
    /// A scheme for `workers` workers with `slots` slots each, under a node prefix of `prefix_bits` bits.
    pub(super) fn new(
        key: SipKey,
        prefix: u32,
        prefix_bits: u32,
        workers: u8,
        slots: usize,
    ) -> Result<Self, String> {
        if prefix_bits > 8 || prefix >> prefix_bits != 0 {
            return Err(format!(
                "transaction id prefix {prefix} of {prefix_bits} bits: a prefix has at most 8 bits and must fit them"
            ));
        }
        if workers == 0 || slots == 0 {
            return Err("transaction ids need at least one worker and one slot".into());
        }
        let bits = 32 - prefix_bits;
        let worker_bits = u32::from(workers).next_power_of_two().trailing_zeros();
        let left = bits - worker_bits - MIN_GENERATION_BITS;
        let slot_bits = slots.checked_next_power_of_two().map_or(usize::BITS, usize::trailing_zeros);
        if slot_bits > left {
            return Err(format!(
                "{slots} transaction ids for each of {workers} workers do not fit {bits} bits beside a generation of \
                 {MIN_GENERATION_BITS}: the most is {}",
                1u64 << left
            ));
        }
        Ok(Self {
            permutation: Permutation::new(key, bits),
            prefix,
            workers: u32::from(workers),
            slots: slots as u32,
            slot_bits,
            generation_bits: bits - worker_bits - slot_bits,
        })
    }

    pub(super) fn apply(&self, worker: WorkerId, id: DialogueId) -> u32 {
        let worker = u64::from(worker.0) << (self.slot_bits + self.generation_bits);
        let slot = u64::from(id.0.slot) << self.generation_bits;
        let index = worker | slot | u64::from(id.0.generation);
        let prefix = u64::from(self.prefix) << self.permutation.bits();
        prefix as u32 | self.permutation.apply(index as u32)
    }

    /// Where the dialogue with this id lives, or `None` if we never gave the id to anybody.
    pub(super) fn invert(&self, id: TransactionId) -> Option<(WorkerId, DialogueId)> {
        let id = u64::from(id.to_u32()?);
        let bits = self.permutation.bits();
        if id >> bits != u64::from(self.prefix) {
            return None;
        }
        let index = u64::from(self.permutation.invert((id & ((1 << bits) - 1)) as u32));
        let generation = index & ((1 << self.generation_bits) - 1);
        let slot = index >> self.generation_bits & ((1 << self.slot_bits) - 1);
        let worker = index >> (self.generation_bits + self.slot_bits);
        if worker >= u64::from(self.workers) || slot >= u64::from(self.slots) {
            return None;
        }
        let key = Key { slot: slot as u32, generation: generation as u32 };
        Some((WorkerId(worker as u8), DialogueId(key)))
    }

    fn next_generation(&self, generation: u32) -> u32 {
        ((u64::from(generation) + 1) & ((1 << self.generation_bits) - 1)) as u32
    }
}

struct Slot {
    generation: u32,
    /// The dialogue's place while the slot is in use; else the next free slot.
    link: u32,
    /// Not to be used again before this; never, while in use.
    rests_until: Time,
}

impl Slot {
    fn in_use(&self) -> bool {
        self.rests_until == Time::NEVER
    }
}

/// One worker's slots. They are far more than dialogues at a time, since each rests after its use; so they are kept
/// small and apart from the dialogues.
pub(super) struct Slots {
    slots: Vec<Slot>,
    /// Free slots in the order of their freeing, which is the order in which they have rested.
    first_free: u32,
    last_free: u32,
    rest: Duration,
}

impl Slots {
    pub(super) fn new(count: usize, rest: Duration) -> Self {
        let slots = (1..=count as u32)
            .map(|next| Slot {
                generation: 0,
                link: if next == count as u32 { NIL } else { next },
                rests_until: Time::ZERO,
            })
            .collect();
        Self { slots, first_free: 0, last_free: count as u32 - 1, rest }
    }

    /// Takes the slot that has rested longest, for the dialogue at `place`; `None` if all are in use or resting.
    pub(super) fn take(&mut self, now: Time, place: u32) -> Option<DialogueId> {
        let at = self.first_free;
        let slot = self.slots.get_mut(at as usize)?;
        if slot.rests_until > now {
            return None;
        }
        self.first_free = slot.link;
        if self.first_free == NIL {
            self.last_free = NIL;
        }
        slot.link = place;
        slot.rests_until = Time::NEVER;
        Some(DialogueId(Key { slot: at, generation: slot.generation }))
    }

    /// The place of the dialogue with this id.
    pub(super) fn place(&self, id: DialogueId) -> Option<u32> {
        let slot = self.slots.get(id.0.slot as usize)?;
        (slot.in_use() && slot.generation == id.0.generation).then_some(slot.link)
    }

    /// Lets the slot rest; its id is stale from now on.
    pub(super) fn free(&mut self, now: Time, scheme: &Scheme, id: DialogueId) {
        if self.place(id).is_none() {
            return;
        }
        let Some(slot) = self.slots.get_mut(id.0.slot as usize) else { return };
        slot.generation = scheme.next_generation(slot.generation);
        slot.rests_until = now + self.rest;
        slot.link = NIL;
        match self.slots.get_mut(self.last_free as usize) {
            Some(last) => last.link = id.0.slot,
            None => self.first_free = id.0.slot,
        }
        self.last_free = id.0.slot;
    }

    /// How many slots are in use, by a walk over all.
    pub(super) fn in_use(&self) -> usize {
        self.slots.iter().filter(|slot| slot.in_use()).count()
    }
}
