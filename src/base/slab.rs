//! A table of fixed size whose keys carry a generation, so that a stale key finds nothing.

/// Names one entry of a [`Slab`]: its slot and the slot's generation when it was filled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Key {
    /// Index into the slab.
    pub slot: u32,
    /// How often the slot had been emptied before.
    pub generation: u32,
}

impl Key {
    /// The key as one word.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }

    /// The key from [`Key::to_u64`].
    #[must_use]
    pub const fn from_u64(word: u64) -> Self {
        Self { slot: word as u32, generation: (word >> 32) as u32 }
    }
}

struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// A table of at most `capacity` values, allocated once. Freed slots are reused oldest first, so that a slot rests
/// as long as possible between two uses; or, where generations are wide enough to do without, newest first, so that
/// few slots are in use and those stay in the processor's cache.
pub struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: std::collections::VecDeque<u32>,
    generations: u32,
    newest_first: bool,
}

impl<T> Slab<T> {
    /// A slab for `capacity` values, with generations of 32 bits.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::with_generation_bits(capacity, 32)
    }

    /// The same, but the slot that was freed last is used first.
    #[must_use]
    pub fn newest_first(capacity: usize) -> Self {
        Self { newest_first: true, ..Self::new(capacity) }
    }

    /// A slab whose generations wrap after `bits` bits (1..=32), for keys that must fit a narrow field.
    #[must_use]
    pub fn with_generation_bits(capacity: usize, bits: u32) -> Self {
        assert!((1..=32).contains(&bits) && u32::try_from(capacity).is_ok());
        Self {
            slots: (0..capacity).map(|_| Slot { generation: 0, value: None }).collect(),
            free: (0..capacity as u32).collect(),
            generations: if bits == 32 { u32::MAX } else { (1 << bits) - 1 },
            newest_first: false,
        }
    }

    /// How many values fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key that the next [`Slab::insert`] gives, or `None` when the slab is full.
    #[must_use]
    pub fn next_key(&self) -> Option<Key> {
        let slot = *self.free.front()?;
        Some(Key { slot, generation: self.slots[slot as usize].generation })
    }

    /// Stores `value`, or gives it back when the slab is full.
    #[inline]
    pub fn insert(&mut self, value: T) -> Result<Key, T> {
        let Some(slot) = self.free.pop_front() else { return Err(value) };
        let entry = &mut self.slots[slot as usize];
        entry.value = Some(value);
        Ok(Key { slot, generation: entry.generation })
    }

    /// The value under `key`, unless it is gone.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&T> {
        let entry = self.slots.get(key.slot as usize)?;
        if entry.generation == key.generation { entry.value.as_ref() } else { None }
    }

    /// The value under `key` to change, unless it is gone.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let entry = self.slots.get_mut(key.slot as usize)?;
        if entry.generation == key.generation { entry.value.as_mut() } else { None }
    }

    /// The key of the value in `slot`, if there is one.
    #[must_use]
    pub fn key_of(&self, slot: u32) -> Option<Key> {
        let entry = self.slots.get(slot as usize)?;
        entry.value.as_ref().map(|_| Key { slot, generation: entry.generation })
    }

    /// Takes the value out; its key is stale from now on.
    #[inline] // great values, of which callers want little
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.slots.get_mut(key.slot as usize)?;
        if entry.generation != key.generation {
            return None;
        }
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1) & self.generations;
        if self.newest_first {
            self.free.push_front(key.slot);
        } else {
            self.free.push_back(key.slot);
        }
        Some(value)
    }

    /// All values with their keys, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.slots.iter().enumerate().filter_map(|(slot, entry)| {
            entry.value.as_ref().map(|value| (Key { slot: slot as u32, generation: entry.generation }, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_finds_nothing_and_slots_rest() {
        let mut slab = Slab::with_generation_bits(2, 2);
        let a = slab.insert('a').unwrap();
        let b = slab.insert('b').unwrap();
        assert_eq!(slab.insert('c'), Err('c'));
        assert_eq!(slab.remove(a), Some('a'));
        assert_eq!(slab.remove(a), None);
        assert_eq!(slab.remove(b), Some('b'));
        let c = slab.insert('c').unwrap();
        assert_eq!(c.slot, a.slot, "the slot that has rested longest");
        assert_ne!(c.generation, a.generation);
        assert_eq!(slab.get(a), None);
        assert_eq!(slab.get(c), Some(&'c'));
        assert_eq!(Key::from_u64(c.to_u64()), c);
    }

    #[test]
    fn the_slot_freed_last_is_used_first_where_that_was_asked_for() {
        let mut slab = Slab::newest_first(3);
        let keys = ['a', 'b'].map(|value| slab.insert(value).unwrap());
        for key in keys {
            slab.remove(key);
        }
        let again = slab.insert('c').unwrap();
        assert_eq!((again.slot, again.generation), (keys[1].slot, 1));
        assert_eq!(slab.get(keys[1]), None);
    }

    #[test]
    fn generations_wrap_at_their_width() {
        let mut slab = Slab::with_generation_bits(1, 2);
        for turn in 0..9 {
            let key = slab.insert(turn).unwrap();
            assert_eq!(key.generation, turn & 3);
            slab.remove(key);
        }
    }
}
