//! Those at rest whom a life before this one has left, in the order in which the store gives them back: ten million are written one
//! behind the other, where a hash table would have each look for a place of his own, and are found by halving. Who leaves or is
//! asked about anew keeps his place for when he rests again.

use super::rest::{Kept, Key};
use crate::base::Time;
use crate::subscriber::Loading;

/// One of them, in half a line.
#[derive(Clone, Copy)]
struct Place {
    /// The IMSI's octets, the first highest.
    order: u64,
    /// [`Kept::number`], or [`AWAKE`].
    number: u64,
    answered: Time,
    told_before: u32,
    took_ms: u16,
    network: u16,
}

/// Instead of a number: he does not rest.
const AWAKE: u64 = u64::MAX;

impl Place {
    fn new(key: Key, kept: Kept) -> Option<Self> {
        Some(Self {
            order: order(key).0,
            number: kept.number,
            answered: kept.answered,
            told_before: kept.told_before,
            took_ms: kept.took_ms.try_into().ok()?,
            network: key.1,
        })
    }

    fn order(&self) -> (u64, u16) {
        (self.order, self.network)
    }

    fn kept(&self) -> Option<Kept> {
        let Self { number, answered, told_before, took_ms, .. } = *self;
        (number != AWAKE).then_some(Kept { number, answered, took_ms: took_ms.into(), told_before })
    }
}

/// What rows are put in order by, for IMSIs of one length.
fn order(Key(imsi, network): Key) -> (u64, u16) {
    (imsi.swap_bytes(), network)
}

/// All of them.
pub(super) struct Restored {
    places: Vec<Place>,
    /// Where each shard's are.
    shards: Box<[(u32, u32)]>,
    /// The shard that is being restored.
    current: Option<u8>,
}

impl Default for Restored {
    fn default() -> Self {
        Self { places: vec![], shards: vec![(0, 0); Loading::SHARDS].into(), current: None }
    }
}

impl Restored {
    pub(super) fn reserve(&mut self, count: usize) {
        self.places.reserve(count);
    }

    /// Who comes from now on is of this shard.
    pub(super) fn begin(&mut self, shard: u8) {
        if self.current == Some(shard) {
            return;
        }
        self.current = None;
        let at = u32::try_from(self.places.len());
        if let (Some(place), Ok(at)) = (self.shards.get_mut(usize::from(shard)), at)
            && place.0 == place.1
        {
            *place = (at, at);
            self.current = Some(shard);
        }
    }

    /// Puts one behind all others; false if his place is not there, and he is not to be found here.
    pub(super) fn push(&mut self, key: Key, kept: Kept) -> bool {
        let shard = self.current.and_then(|shard| self.shards.get_mut(usize::from(shard)));
        let Some((shard, place)) = shard.zip(Place::new(key, kept)) else { return false };
        let (from, end) = (shard.0 as usize, shard.1 as usize);
        let last = self.places.get(from..).and_then(|of_shard| of_shard.last());
        if self.places.len() == self.places.capacity()
            || end != self.places.len()
            || last.is_some_and(|last| last.order() >= order(key))
        {
            return false;
        }
        shard.1 += 1;
        self.places.push(place);
        true
    }

    /// Where one stands, whether he rests or not.
    fn find(&self, key: Key) -> Option<usize> {
        if self.places.is_empty() {
            return None;
        }
        let shard = Loading::shard_of_imsi(key.party()?.imsi);
        let (from, end) = *self.shards.get(usize::from(shard))?;
        let of_shard = self.places.get(from as usize..end as usize)?;
        let at = of_shard.binary_search_by_key(&order(key), Place::order).ok()?;
        Some(from as usize + at)
    }

    pub(super) fn get(&self, key: Key) -> Option<Kept> {
        self.places.get(self.find(key)?)?.kept()
    }

    /// He rests no more.
    pub(super) fn take(&mut self, key: Key) -> Option<Kept> {
        let at = self.find(key)?;
        let place = self.places.get_mut(at)?;
        let kept = place.kept()?;
        place.number = AWAKE;
        Some(kept)
    }

    /// He rests again; false if he has no place here.
    pub(super) fn put_back(&mut self, key: Key, kept: Kept) -> bool {
        let place = self.find(key).and_then(|at| self.places.get_mut(at));
        let Some((place, new)) = place.zip(Place::new(key, kept)) else { return false };
        *place = new;
        true
    }

    /// Who rests.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        let resting = self.places.iter().filter(|place| place.number != AWAKE);
        resting.map(|place| Key(place.order.swap_bytes(), place.network))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Party;
    use super::*;
    use std::collections::HashMap;

    fn key(number: u64, network: u16) -> Key {
        Key::of(Party { network, imsi: format!("26201{number:010}").parse().unwrap() })
    }

    fn kept(number: u64) -> Kept {
        Kept { number, answered: Time::NEVER, took_ms: 0, told_before: number as u32 }
    }

    /// As rows come: by shards, and in the order of their keys in each.
    fn in_order(count: u64) -> Vec<(u8, Key)> {
        let mut all: Vec<_> = (0..count)
            .map(|number| key(number, (number % 2) as u16))
            .map(|key| (Loading::shard_of_imsi(key.party().unwrap().imsi), key))
            .collect();
        all.sort_by_key(|(shard, key)| (*shard, order(*key)));
        all
    }

    #[test]
    fn who_was_left_is_found_leaves_and_comes_back() {
        let (mut restored, mut model) = (Restored::default(), HashMap::new());
        let all = in_order(3_000);
        restored.reserve(all.len());
        for (at, (shard, key)) in all.iter().enumerate() {
            restored.begin(*shard);
            assert!(restored.push(*key, kept(at as u64 + 1)));
            assert!(!restored.push(*key, kept(7)), "he is there");
            model.insert((key.0, key.1), kept(at as u64 + 1));
        }
        assert_eq!(restored.keys().count(), all.len());
        let mut random = 1u64;
        for turn in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (_, key) = all[(random >> 33) as usize % all.len()];
            let here = model.get(&(key.0, key.1)).copied();
            assert_eq!(restored.get(key), here);
            if here.is_some() {
                assert_eq!((restored.take(key), restored.get(key), restored.take(key)), (here, None, None));
                model.remove(&(key.0, key.1));
            } else {
                let again = Kept { answered: Time::from_millis(turn), took_ms: 65_535, ..kept(turn) };
                assert!(
                    !restored.put_back(key, Kept { took_ms: 65_536, ..again }),
                    "longer than there is room for"
                );
                assert!(restored.put_back(key, again));
                model.insert((key.0, key.1), again);
            }
        }
        let mut left: Vec<_> = restored.keys().map(|key| (key.0, key.1)).collect();
        let mut of_model: Vec<_> = model.into_keys().collect();
        left.sort_unstable();
        of_model.sort_unstable();
        assert_eq!(left, of_model);
    }

    #[test]
    fn who_comes_out_of_turn_has_no_place() {
        let mut restored = Restored::default();
        let all = in_order(2_000);
        assert!(!restored.push(all[0].1, kept(1)), "no shard is being restored");
        restored.begin(all[0].0);
        assert!(!restored.push(all[0].1, kept(1)), "no room");
        restored.reserve(10);
        assert!(restored.push(all[1].1, kept(1)));
        assert!(!restored.push(all[0].1, kept(1)), "one before the last");
        let (other, first) = *all.iter().find(|(shard, _)| *shard != all[0].0).unwrap();
        restored.begin(other);
        assert!(restored.push(first, kept(2)));
        restored.begin(all[0].0);
        assert!(!restored.push(all[2].1, kept(1)), "a shard that has been restored");
        assert!(!restored.put_back(all[2].1, kept(1)) && restored.take(all[2].1).is_none());
        assert_eq!((restored.get(all[1].1), restored.get(first)), (Some(kept(1)), Some(kept(2))));
    }
}
