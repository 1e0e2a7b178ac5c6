//! How many dialogues each peer may have open, so that none takes the room of all.

use super::Limits;
use crate::base::SipKey;
use crate::ident::SccpAddress;

/// Counters of open dialogues by title and by point code. Peers that share a counter by chance share a quota; whom they
/// share it with nobody can choose, for the hash has a secret.
pub(super) struct Quotas {
    key: SipKey,
    limits: Limits,
    titles: Box<[u32]>,
    point_codes: Box<[u32]>,
}

/// The counters that a dialogue stands in; by default in none.
#[derive(Clone, Copy, Default)]
pub(super) struct Places {
    title: Option<u32>,
    point_code: Option<u32>,
}

impl Places {
    /// The dialogues counted by title and by point code, with this one.
    pub(super) fn add_to(self, [titles, point_codes]: [u64; 2]) -> [u64; 2] {
        [titles + u64::from(self.title.is_some()), point_codes + u64::from(self.point_code.is_some())]
    }
}

/// Counters of titles: a number of peers that seldom meet in one. Fuzz targets, which add them up after each event, have
/// two peers.
const TITLES: usize = if cfg!(fuzzing) { 1 << 4 } else { 1 << 14 };
/// Counters of point codes, which are 2^14 at most in most networks.
const POINT_CODES: usize = TITLES;

impl Quotas {
    pub(super) fn new(key: SipKey, limits: Limits) -> Self {
        let room = |limit, places| vec![0; if limit == u32::MAX { 0 } else { places }].into_boxed_slice();
        Self {
            key,
            titles: room(limits.per_title, TITLES),
            point_codes: room(limits.per_point_code, POINT_CODES),
            limits,
        }
    }

    /// Counts one more dialogue of a peer's, or says that it has enough.
    pub(super) fn enter(&mut self, peer: &SccpAddress) -> Option<Places> {
        let place = |of: &[u32], hash: u64| (!of.is_empty()).then(|| (hash % of.len() as u64) as u32);
        let title = peer.title.and_then(|title| {
            place(&self.titles, self.key.quick_hash(&[&title.digits.to_u128().to_be_bytes()]))
        });
        let point_code = peer
            .point_code
            .and_then(|code| place(&self.point_codes, self.key.quick_hash_u64(u64::from(code.0) | 1 << 63)));
        let places = Places { title, point_code };
        let is_full = |of: &[u32], place: Option<u32>, limit| {
            place.and_then(|place| of.get(place as usize)).is_some_and(|&open| open >= limit)
        };
        if is_full(&self.titles, title, self.limits.per_title)
            || is_full(&self.point_codes, point_code, self.limits.per_point_code)
        {
            return None;
        }
        self.count(places, |open| open + 1);
        Some(places)
    }

    /// A dialogue is over.
    pub(super) fn leave(&mut self, places: Places) {
        self.count(places, |open| open.saturating_sub(1));
    }

    fn count(&mut self, places: Places, change: impl Fn(u32) -> u32) {
        for (of, place) in [(&mut self.titles, places.title), (&mut self.point_codes, places.point_code)] {
            if let Some(open) = place.and_then(|place| of.get_mut(place as usize)) {
                *open = change(*open);
            }
        }
    }

    /// Dialogues counted by title and by point code.
    pub(super) fn sums(&self) -> [u64; 2] {
        [&self.titles, &self.point_codes].map(|of| of.iter().map(|&open| u64::from(open)).sum())
    }
}
