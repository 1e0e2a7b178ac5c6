//! Which version of MAP a peer speaks: what its operator says of it, and what it was found to accept (TS 29.002 5.2.2).

use core::time::Duration;

use crate::base::{SipKey, Time};
use crate::ident::Digits;
use crate::proto::map::Version;

/// Whether a peer's dialogues are opened before anything is invoked in them (TS 29.002 23.2, 23.3.1; TS 33.204).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Handshake {
    /// Always: nobody who only pretends an address gets as far as an operation.
    Always,
    /// When the Begin would not fit one message.
    #[default]
    WhenNeeded,
    /// Never; what does not fit is not sent.
    Never,
}

/// What is agreed with the operator of some peers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerPolicy {
    /// What their titles begin with; the longest one that matches counts.
    pub prefix: Digits,
    /// How dialogues with them are opened.
    pub handshake: Handshake,
    /// The newest version that they are asked in.
    pub highest: Version,
}

impl PeerPolicy {
    /// What holds for everybody else.
    pub(super) const DEFAULT: Self =
        Self { prefix: Digits::EMPTY, handshake: Handshake::WhenNeeded, highest: Version::V3 };
}

/// The policy for a title.
pub(super) fn policy(policies: &[PeerPolicy], title: Digits) -> PeerPolicy {
    let matching = policies.iter().filter(|policy| title.starts_with(policy.prefix));
    matching.max_by_key(|policy| policy.prefix.len()).copied().unwrap_or(PeerPolicy::DEFAULT)
}

/// How many places are looked at.
const PROBES: usize = 8;

/// A peer that accepted an older version than we would have liked.
#[derive(Clone, Copy, Debug)]
struct Known {
    title: Digits,
    context: u8,
    version: Version,
    until: Time,
}

/// What peers accepted that refused newer versions, each for a while: then a newer one is tried again. Only what was
/// accepted is remembered, so that a peer which refuses everything for a time is not spoken to in version 1 after it.
pub(super) struct Versions {
    key: SipKey,
    memory: Duration,
    /// How many slots were ever taken.
    used: usize,
    slots: Box<[Option<Known>]>,
}

impl Versions {
    /// Room for about `capacity` peers and contexts.
    pub(super) fn new(key: SipKey, capacity: usize, memory: Duration) -> Self {
        let slots = vec![None; capacity.next_power_of_two().max(PROBES)].into_boxed_slice();
        Self { key, memory, used: 0, slots }
    }

    /// How many places are taken, by what is remembered or was, and how many there are.
    pub(super) fn fill(&self) -> (usize, usize) {
        (self.used, self.slots.len())
    }

    fn places(&self, title: Digits, context: u8) -> impl Iterator<Item = usize> + use<> {
        let number = title.to_u128();
        let words = [number as u64, (number >> 64) as u64, u64::from(context) << 8 | title.len() as u64];
        let (first, mask) = (self.key.hash_words(words) as usize, self.slots.len() - 1);
        (0..PROBES).map(move |step| first.wrapping_add(step) & mask)
    }

    /// The version to ask a peer in, if one is remembered.
    pub(super) fn of(&self, now: Time, title: Digits, context: u8) -> Option<Version> {
        let known = self.places(title, context).filter_map(|place| *self.slots.get(place)?);
        let same = |known: &Known| known.title == title && known.context == context && known.until > now;
        known.into_iter().find(same).map(|known| known.version)
    }

    /// A peer has accepted an older version. What is remembered already does not live longer for it.
    pub(super) fn accepted(&mut self, now: Time, title: Digits, context: u8, version: Version) {
        if self.of(now, title, context) == Some(version) {
            return;
        }
        let until = |place: &usize| match self.slots.get(*place) {
            Some(Some(known)) if known.title == title && known.context == context => Time::ZERO,
            Some(Some(known)) => known.until,
            _ => Time::ZERO,
        };
        // A free one, or what would be forgotten first.
        let place = self.places(title, context).min_by_key(until);
        let known = Known { title, context, version, until: now + self.memory };
        if let Some(slot) = place.and_then(|place| self.slots.get_mut(place)) {
            self.used += usize::from(slot.is_none());
            *slot = Some(known);
        }
    }

    /// What is remembered: title, context, version, and for how much longer.
    pub(super) fn each(&self, now: Time, visit: &mut dyn FnMut(Digits, u8, Version, Duration)) {
        for known in self.slots.iter().flatten().filter(|known| known.until > now) {
            visit(known.title, known.context, known.version, known.until.since(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Digits {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_accepted_is_remembered_for_a_while() {
        let hour = Duration::from_secs(3600);
        let mut versions = Versions::new(SipKey::new([1; 16]), 64, hour);
        let (one, other, now) = (digits("49171"), digits("4917"), Time::from_millis(5));
        versions.accepted(now, one, 21, Version::V2);
        assert_eq!(versions.of(now, one, 21), Some(Version::V2));
        assert_eq!((versions.of(now, one, 20), versions.of(now, other, 21)), (None, None));
        // Accepted again: it ages all the same.
        let later = now + hour / 2;
        versions.accepted(later, one, 21, Version::V2);
        assert_eq!(versions.of(later + hour / 2, one, 21), None);
        versions.accepted(later, one, 21, Version::V1);
        let mut told = vec![];
        versions.each(later, &mut |title, context, version, left| told.push((title, context, version, left)));
        assert_eq!(told, [(one, 21, Version::V1, hour)]);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut versions = Versions::new(SipKey::new([1; 16]), 64, Duration::from_secs(10));
        let title = |number: u32| digits(&format!("49{number:08}"));
        for number in 0..10_000 {
            let now = Time::from_millis(u64::from(number));
            versions.accepted(now, title(number), 21, Version::V2);
            assert_eq!(versions.of(now, title(number), 21), Some(Version::V2), "the newest is known");
        }
        let mut count = 0;
        versions.each(Time::from_millis(9_999), &mut |_, _, _, _| count += 1);
        assert!((32..=64).contains(&count), "{count}");
        assert_eq!(versions.fill(), (64, 64));
    }

    #[test]
    fn the_longest_prefix_counts() {
        let of =
            |prefix, highest| PeerPolicy { prefix: digits(prefix), handshake: Handshake::Always, highest };
        let policies = [of("49", Version::V2), of("49171", Version::V1)];
        assert_eq!(policy(&policies, digits("491719")).highest, Version::V1);
        assert_eq!(policy(&policies, digits("49172")).highest, Version::V2);
        assert_eq!(policy(&policies, digits("43664")), PeerPolicy::DEFAULT);
    }
}
