//! How many registrations the HLRs are asked for at a time, and when whoever is more than that may come again.

use super::{Party, R1};
use crate::base::{Random, Time};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Nobody is told to wait for longer.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Nor is anybody who has not proved who he is: strangers could make it as long as they like.
const LONGEST_OF_STRANGERS: Duration = Duration::from_secs(300);
/// The share of a wait that chance adds at most.
const SPREAD: u32 = 8;

/// The come-backs that are booked, and what waits because an HLR has enough to do.
pub(super) struct Pace {
    /// Who is refused from now on may come again at this time at the earliest; and whoever has not proved who he is.
    booked: Time,
    booked_of_strangers: Time,
    chance: Random,
    /// Operations that a network's HLRs have not answered yet.
    outstanding: BTreeMap<u16, usize>,
    /// What waits for one of them to end.
    held: BTreeMap<u16, VecDeque<Party>>,
}

impl Pace {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            booked: Time::ZERO,
            booked_of_strangers: Time::ZERO,
            chance: Random::new(seed),
            outstanding: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    /// An operation has gone out.
    pub(super) fn sent(&mut self, party: Party) {
        *self.outstanding.entry(party.network).or_default() += 1;
    }

    /// One has ended: what may take its place.
    pub(super) fn ended(&mut self, party: Party) -> Option<Party> {
        if let Some(outstanding) = self.outstanding.get_mut(&party.network) {
            *outstanding = outstanding.saturating_sub(1);
        }
        self.held.get_mut(&party.network)?.pop_front()
    }

    /// Whether a network's HLRs have as many operations to answer as they may; then `party` waits for the end of one.
    pub(super) fn holds(&mut self, party: Party, most: usize) -> bool {
        let is_full = self.outstanding.get(&party.network).is_some_and(|outstanding| *outstanding >= most);
        if is_full {
            self.held.entry(party.network).or_default().push_back(party);
        }
        is_full
    }

    fn waiting(&self, network: u16) -> usize {
        self.held.get(&network).map_or(0, VecDeque::len)
    }
}

impl<W> R1<W> {
    /// Whether as many wait for their turn as can be answered in time, of these parts of it; for a network.
    pub(super) fn is_behind(&self, network: u16, parts: u32) -> bool {
        // Half of the time that a REGISTER waits is the HLR's.
        let most = self.times.answer.as_millis() * u128::from(self.times.per_second) / 1_000 / 2;
        let most = (most / u128::from(parts)).max(1) as usize;
        self.queue.len() + self.pace_of.waiting(network) >= most
    }

    /// Whether the HLR can't be told of `party` for now: after so many seconds the REGISTER may come again. Who is refused one after
    /// the other is told one time after the other, as many a second as are asked for; nobody whom the HLR knows, or is
    /// being told of, is refused.
    pub(in super::super) fn refuses(&mut self, now: Time, party: Party) -> Option<u32> {
        let is_told = self.is_wanted(party);
        (!is_told && self.is_behind(party.network, 1)).then(|| self.come_again(now, party.network, true))
    }

    /// Books a time to come again; in seconds from now.
    pub(in super::super) fn come_again(&mut self, now: Time, network: u16, is_proved: bool) -> u32 {
        let step = Duration::from_secs(1) / self.times.per_second.max(1);
        let ahead = self.queue.len() + self.pace_of.waiting(network);
        let earliest = now + step.saturating_mul(u32::try_from(ahead).unwrap_or(u32::MAX)).min(LONGEST);
        let pace = &mut self.pace_of;
        let (booked, longest) = match is_proved {
            true => (&mut pace.booked, LONGEST),
            false => (&mut pace.booked_of_strangers, LONGEST_OF_STRANGERS),
        };
        *booked = ((*booked).max(earliest) + step).min(now + longest);
        self.counts.told_to_come_again += 1;
        let wait = booked.since(now);
        let most = (wait / SPREAD).max(Duration::from_secs(1));
        let wait = wait + Duration::from_millis(pace.chance.below(most.as_millis() as u64));
        u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
    }
}
