//! Whose turn it is to be told to an HLR, how many may wait for that, and when whoever is more than those may come again.

use super::{Entry, Party, R1};
use crate::base::{Random, Time};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Nobody is told to wait for longer.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Nor is anybody who has not proved who he is: strangers could make it as long as they like.
const LONGEST_OF_STRANGERS: Duration = Duration::from_secs(300);
/// The share of a wait that chance adds at most.
const SPREAD: u32 = 8;
/// Operations that may go out at once after a quiet time, as a part of those of a second: messages share their way.
const BURST: u32 = 50;

/// In which of two queues an operation waits for its turn. While both have some, two turns of three are the first one's, so that
/// neither those who come now nor all those whom an HLR that has restarted is told of once more hold up the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Lane {
    /// Somebody waits for the answer.
    Awaited,
    /// Nobody does, or no longer.
    Owed,
}

/// In how many turns everybody has had his share.
const ROUND: u32 = 3;

impl Lane {
    /// How many turns of a round it has.
    const fn share(self, is_shared: bool) -> u32 {
        match self {
            _ if !is_shared => ROUND,
            Self::Awaited => 2,
            Self::Owed => 1,
        }
    }
}

/// Who books a time to come again. Each takes its time from a book of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in super::super) enum Booking {
    /// A UE that has proved who it is, or need not, and whose REGISTER waits for the HLR.
    Ue,
    /// One that has yet to be asked for a proof.
    Stranger,
    /// Somebody whose REGISTER need not wait for the HLR.
    Later,
}

/// How much of the room for those who wait somebody may find taken, in halves of it.
#[derive(Clone, Copy)]
enum Halves {
    /// Strangers leave room to those who have proved who they are.
    Stranger = 1,
    Known = 2,
    /// Whom the HLR knows to be here has to be challenged too, whoever else comes.
    Registered = 4,
}

/// Parties in their lanes. Who changes the lane is left in the old one as well, and passed over there.
#[derive(Default)]
struct Queues {
    lanes: [VecDeque<Party>; 2],
    turn: u32,
}

impl Queues {
    fn push(&mut self, party: Party, lane: Lane) {
        self.lanes[lane as usize].push_back(party);
    }

    /// From the lanes by turns.
    fn pop(&mut self) -> Option<(Party, Lane)> {
        let first = if self.turn < Lane::Awaited.share(true) { Lane::Awaited } else { Lane::Owed };
        let other = if first == Lane::Awaited { Lane::Owed } else { Lane::Awaited };
        self.turn = (self.turn + 1) % ROUND;
        [first, other].into_iter().find_map(|lane| Some((self.lanes[lane as usize].pop_front()?, lane)))
    }

    fn len(&self, lane: Lane) -> usize {
        self.lanes[lane as usize].len()
    }

    fn is_empty(&self) -> bool {
        self.lanes.iter().all(VecDeque::is_empty)
    }
}

/// A network's HLRs.
#[derive(Default)]
struct Hlrs {
    /// Operations that they have not answered yet.
    outstanding: usize,
    /// What waits for one of them to end.
    held: Queues,
}

/// What waits for its turn.
pub(super) struct Pace {
    /// When the next operation may be sent.
    next: Time,
    queues: Queues,
    hlrs: BTreeMap<u16, Hlrs>,
    /// Whether what was held comes first now.
    is_turn_of_held: bool,
    /// Who is refused from now on may come again at this time at the earliest.
    booked: BTreeMap<(u16, Booking), Time>,
    chance: Random,
}

impl Pace {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            next: Time::ZERO,
            queues: Queues::default(),
            hlrs: BTreeMap::new(),
            is_turn_of_held: false,
            booked: BTreeMap::new(),
            chance: Random::new(seed),
        }
    }

    /// One has ended.
    pub(super) fn ended(&mut self, party: Party) {
        if let Some(hlrs) = self.hlrs.get_mut(&party.network) {
            hlrs.outstanding = hlrs.outstanding.saturating_sub(1);
        }
    }

    fn sent(&mut self, party: Party, step: Duration, now: Time) {
        self.hlrs.entry(party.network).or_default().outstanding += 1;
        self.next = self.next.max(now) + step;
    }

    /// Whose turn it is: of those that were held and those that were not by turns. Whose HLRs have as many operations to answer as
    /// they may is held; `held` counts them.
    fn take(&mut self, most: usize, held: &mut u64) -> Option<(Party, Lane)> {
        self.is_turn_of_held = !self.is_turn_of_held;
        let of_held = |pace: &mut Self| {
            let ready = pace.hlrs.values_mut().filter(|hlrs| hlrs.outstanding < most);
            // Who has been served least has the least to answer.
            ready.filter(|hlrs| !hlrs.held.is_empty()).min_by_key(|hlrs| hlrs.outstanding)?.held.pop()
        };
        if self.is_turn_of_held
            && let Some(taken) = of_held(self)
        {
            return Some(taken);
        }
        while let Some((party, lane)) = self.queues.pop() {
            let hlrs = self.hlrs.entry(party.network).or_default();
            if hlrs.outstanding < most && hlrs.held.is_empty() {
                return Some((party, lane));
            }
            hlrs.held.push(party, lane);
            *held += 1;
        }
        of_held(self)
    }

    /// Whether anybody waits for his turn alone.
    fn is_waited_for(&self, most: usize) -> bool {
        let is_ready = |hlrs: &Hlrs| hlrs.outstanding < most && !hlrs.held.is_empty();
        !self.queues.is_empty() || self.hlrs.values().any(is_ready)
    }

    /// How many wait in a lane whom one of a network has before him.
    fn before(&self, network: u16, lane: Lane) -> usize {
        let held = self.hlrs.get(&network).map_or(0, |hlrs| hlrs.held.len(lane));
        self.queues.len(lane) + held
    }

    /// All that wait.
    fn waiting(&self) -> usize {
        let of = |queues: &Queues| queues.len(Lane::Awaited) + queues.len(Lane::Owed);
        of(&self.queues) + self.hlrs.values().map(|hlrs| of(&hlrs.held)).sum::<usize>()
    }
}

impl<W> R1<W> {
    fn step(&self) -> Duration {
        Duration::from_secs(1) / self.times.per_second.max(1)
    }

    fn burst(&self) -> Duration {
        self.step() * (self.times.per_second / BURST).max(1)
    }

    /// How many operations of a lane get their turn within `span`, beside the other one.
    fn turns_within(&self, span: Duration, lane: Lane, is_shared: bool) -> usize {
        let turns = span.as_millis() * u128::from(self.times.per_second) / 1_000;
        (turns * u128::from(lane.share(is_shared)) / u128::from(ROUND)).max(1) as usize
    }

    /// Whether as many wait for the HLR's answer as get it in time: half of the time that a REGISTER waits is the HLR's.
    fn is_full(&self, network: u16, halves: Halves) -> bool {
        let is_shared = self.pace.before(network, Lane::Owed) > 0;
        let most = self.turns_within(self.times.answer / 2, Lane::Awaited, is_shared) * halves as usize / 2;
        self.pace.before(network, Lane::Awaited) >= most.max(1)
    }

    /// Whether somebody's challenge has to wait until the HLR is asked for fewer.
    pub(super) fn is_full_for_challenges(&self, party: Party) -> bool {
        let halves = if self.is_wanted(party) { Halves::Registered } else { Halves::Stranger };
        self.is_full(party.network, halves)
    }

    /// Whether somebody who wants to wait for the HLR would do so in vain: his turn comes too late for an answer in time.
    pub(super) fn is_too_late(&self, network: u16, entry: &Entry<W>) -> bool {
        match entry.queued {
            _ if entry.underway.is_some() => false,
            Some(lane) => lane == Lane::Owed,
            None => self.is_full(network, Halves::Known),
        }
    }

    /// Whether the HLR can't be told of `party` for now: after so many seconds the REGISTER may come again. `waits`: it is
    /// answered after the HLR; `may_be_late`: it may be answered before, if the HLR is told within the time for repair. Nobody
    /// whom the HLR knows, or is being told of, is refused.
    pub(in super::super) fn refuses(
        &mut self,
        now: Time,
        party: Party,
        (waits, may_be_late): (bool, bool),
    ) -> Option<u32> {
        let in_time = waits && !self.is_full(party.network, Halves::Known);
        let most = self.turns_within(self.times.repair, Lane::Owed, true);
        let late = may_be_late && self.pace.before(party.network, Lane::Owed) < most;
        if in_time || late || self.is_wanted(party) {
            return None;
        }
        let who = if may_be_late { Booking::Later } else { Booking::Ue };
        Some(self.come_again(now, party.network, who))
    }

    /// Books a time to come again, after those that have booked before; in seconds from now.
    pub(in super::super) fn come_again(&mut self, now: Time, network: u16, who: Booking) -> u32 {
        let is_later = |who: Booking| who == Booking::Later;
        let ahead = |(of, until): (&(u16, Booking), &Time)| (*until > now).then_some(*of);
        let others: Vec<_> =
            self.pace.booked.iter().filter_map(ahead).filter(|of| *of != (network, who)).collect();
        let of_lane = others.iter().filter(|(_, it)| is_later(*it) == is_later(who)).count() as u32;
        let share = match who {
            Booking::Later => Lane::Owed.share(others.iter().any(|(_, it)| !is_later(*it))),
            Booking::Ue | Booking::Stranger => Lane::Awaited.share(self.pace.before(network, Lane::Owed) > 0),
        };
        // Who is challenged registers then.
        let operations = if who == Booking::Stranger { 2 } else { 1 };
        let step = self.step() * operations * (1 + of_lane) * ROUND / share;
        let before = u32::try_from(self.pace.before(network, Lane::Awaited)).unwrap_or(u32::MAX);
        let earliest = now + self.step().saturating_mul(before).min(LONGEST);
        let longest = if who == Booking::Stranger { LONGEST_OF_STRANGERS } else { LONGEST };
        let booked = self.pace.booked.entry((network, who)).or_insert(Time::ZERO);
        *booked = ((*booked).max(earliest) + step).min(now + longest);
        let wait = booked.since(now);
        let most = (wait / SPREAD).max(Duration::from_secs(1));
        let wait = wait + Duration::from_millis(self.pace.chance.below(most.as_millis() as u64));
        self.counts.told_to_come_again += 1;
        u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
    }

    /// Puts somebody into a lane, unless he is there or in a better one. Whether he was in none.
    pub(super) fn enqueue(&mut self, party: Party, lane: Lane) -> bool {
        let Some(entry) = self.entries.get_mut(&party) else { return false };
        let before = entry.queued;
        if before.is_none_or(|before| before > lane) {
            entry.queued = Some(lane);
            self.pace.queues.push(party, lane);
        }
        before.is_none()
    }

    /// Sends as many as the pace allows.
    pub(super) fn drain(&mut self, now: Time) {
        let (step, burst) = (self.step(), self.burst());
        while self.pace.next <= now + burst
            && let Some((party, lane)) = self.pace.take(self.times.outstanding, &mut self.counts.held)
        {
            let is_there = self.entries.get(&party).is_some_and(|entry| entry.queued == Some(lane));
            if is_there && self.send(now, party) {
                self.pace.sent(party, step, now);
            }
        }
    }

    /// When somebody's turn comes.
    pub(super) fn next_turn(&self) -> Time {
        if !self.pace.is_waited_for(self.times.outstanding) {
            return Time::NEVER;
        }
        // Those that may go out at once are never saved up while others wait.
        Time::ZERO + self.pace.next.since(Time::ZERO + self.burst())
    }

    /// Operations that wait for their turn.
    pub(in super::super) fn waiting(&self) -> usize {
        self.pace.waiting()
    }
}
