//! Subscribers whom the HLR knows us to serve, and about whom nothing is going on: nearly all of them, so that each takes little
//! room. Whenever something is to happen about one he has an [`Entry`] again.

use super::restored::Restored;
use super::{Entry, Known, Party, R1, Said, Told};
use crate::base::Time;
use crate::ident::{Imsi, Msisdn};
use ahash::AHashMap;
use std::time::Duration;

/// The subscriber, packed, and the network.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key(pub(super) u64, pub(super) u16);

impl Key {
    pub(super) fn of(party: Party) -> Self {
        Self(party.imsi.digits().to_word(), party.network)
    }

    pub(super) fn party(self) -> Option<Party> {
        Some(Party { network: self.1, imsi: Imsi::new(crate::ident::Digits::from_word(self.0)?)? })
    }
}

/// What is kept of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    /// The number that the HLR gave, packed; 0 if it gave none.
    pub(super) number: u64,
    /// When the HLR last answered in this life; [`Time::NEVER`]: it was not asked.
    pub(super) answered: Time,
    /// How long that took, in milliseconds.
    pub(super) took_ms: u32,
    /// When it did in a life before this one, in seconds since 1970; 0: never.
    pub(super) told_before: u32,
}

impl Kept {
    /// What is to be kept of an entry at rest.
    fn of<W>(entry: &Entry<W>) -> Option<Self> {
        let is_at_rest = entry.wanted
            && entry.known == Known::Registered
            && entry.is_idle()
            && entry.queued.is_none()
            && entry.asked.is_none()
            && entry.failures == 0
            && !entry.unanswered;
        let (answered, took) = match (entry.told, entry.registered) {
            (None, None) => (Time::NEVER, Duration::ZERO),
            (Some(told), Some(at)) if told.registered && told.said == Said::Agreed && told.ended == at => {
                (at, at.since(told.sent))
            }
            // What it was told last is another story.
            _ => return None,
        };
        is_at_rest.then(|| Self {
            number: entry.msisdn.map_or(0, |number| number.digits().to_word()),
            answered,
            took_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
            told_before: u32::try_from(entry.told_before).unwrap_or(u32::MAX),
        })
    }

    fn number(self) -> Option<Msisdn> {
        Msisdn::new(crate::ident::Digits::from_word(self.number)?)
    }

    fn answered(self) -> Option<Time> {
        (self.answered != Time::NEVER).then_some(self.answered)
    }

    fn told(self) -> Option<Told> {
        let ended = self.answered()?;
        let took = Duration::from_millis(self.took_ms.into());
        Some(Told { registered: true, sent: ended - took, ended, said: Said::Agreed })
    }

    fn entry<W>(self) -> Entry<W> {
        Entry {
            msisdn: self.number(),
            registered: self.answered(),
            told_before: self.told_before.into(),
            told: self.told(),
            ..Entry::new(Known::Registered)
        }
    }
}

/// All of them: those that the store had, and those who have come since.
#[derive(Default)]
pub(super) struct Resting {
    restored: Restored,
    others: AHashMap<Key, Kept>,
}

impl Resting {
    fn get(&self, key: Key) -> Option<Kept> {
        self.others.get(&key).copied().or_else(|| self.restored.get(key))
    }

    fn remove(&mut self, key: Key) -> Option<Kept> {
        self.others.remove(&key).or_else(|| self.restored.take(key))
    }

    fn insert(&mut self, key: Key, kept: Kept) {
        if !self.restored.put_back(key, kept) {
            self.others.insert(key, kept);
        }
    }
}

impl<W> R1<W> {
    /// Something is to happen about a subscriber: if he is at rest, he has an entry from now on.
    pub(super) fn wake(&mut self, party: Party) {
        if let Some(kept) = self.resting.remove(Key::of(party)) {
            self.entries.insert(party, kept.entry());
        }
    }

    /// If there is nothing more to do about a subscriber, he rests.
    pub(super) fn rest(&mut self, party: Party) {
        if let Some(kept) = self.entries.get(&party).and_then(Kept::of) {
            self.entries.remove(&party);
            self.resting.insert(Key::of(party), kept);
        }
    }

    /// A life before this one has left that the HLR knows us to serve `party`, and nothing else.
    pub(super) fn restore_resting(&mut self, party: Party, msisdn: Option<Msisdn>, told: u64) {
        let kept = Kept {
            number: msisdn.map_or(0, |number| number.digits().to_word()),
            answered: Time::NEVER,
            took_ms: 0,
            told_before: u32::try_from(told).unwrap_or(u32::MAX),
        };
        let key = Key::of(party);
        // Who has come meanwhile is known better there.
        if self.resting.others.contains_key(&key) || !self.resting.restored.push(key, kept) {
            self.resting.insert(key, kept);
        }
    }

    /// The subscribers who are restored from now on are of this shard.
    pub(in super::super) fn begin_shard(&mut self, shard: u8) {
        self.resting.restored.begin(shard);
    }

    /// So many are going to rest: their room is not moved from one place to the next as it grows.
    pub(in super::super) fn make_room(&mut self, subscribers: usize) {
        self.resting.restored.reserve(subscribers);
        self.resting.others.reserve(subscribers);
    }

    /// Who rests of those that `is_its` names.
    pub(super) fn resting(&self, is_its: impl Fn(Party) -> bool) -> Vec<Party> {
        let all = self.resting.restored.keys().chain(self.resting.others.keys().copied());
        all.filter_map(Key::party).filter(|party| is_its(*party)).collect()
    }

    /// Shows `see` what is known about a subscriber, at rest or not.
    pub(super) fn with<T>(&self, party: Party, see: impl FnOnce(&Entry<W>) -> T) -> Option<T> {
        match self.entries.get(&party) {
            Some(entry) => Some(see(entry)),
            None => self.resting.get(Key::of(party)).map(|kept| see(&kept.entry())),
        }
    }
}
