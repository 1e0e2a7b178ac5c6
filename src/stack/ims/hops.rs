//! The next hops of served networks, their S-CSCFs: how each has answered of late, and where a request goes next when one
//! doesn't (RFC 3263 4.3).

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::base::Time;
use crate::ident::Identity;
use crate::proto::sip::Attempt;

/// A place that requests to a network's users can be sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hop {
    /// The served network, by its place in the configuration.
    pub network: u16,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its URI, for Route.
    pub uri: Identity,
}

/// How a hop has answered of late.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HopState {
    /// It answers, or nothing was asked of it yet.
    Up,
    /// It has said that nothing more may come until then (503 with Retry-After).
    Resting(Time),
    /// It did not answer. It is asked by OPTIONS at that time, and every so often until it does.
    Down(Time),
}

impl HopState {
    /// The names of the states.
    pub const NAMES: &[&str] = &["up", "resting", "down"];

    /// The place of its name.
    #[must_use]
    pub const fn place(self) -> usize {
        match self {
            Self::Up => 0,
            Self::Resting(_) => 1,
            Self::Down(_) => 2,
        }
    }
}

/// The longest rest that a hop is given, whatever it asks for.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// Hops that a request can go on to: a bit for each.
const MOST: usize = u64::BITS as usize;

/// The hops as one worker knows them.
pub(super) struct Hops {
    hops: Vec<(Hop, HopState)>,
    probe: Duration,
}

impl Hops {
    /// All are up. The hops of a network are tried in their order.
    pub(super) fn new(hops: &[Hop], probe: Duration) -> Self {
        Self { hops: hops.iter().take(MOST).map(|hop| (*hop, HopState::Up)).collect(), probe }
    }

    /// Every hop with its state.
    pub(super) fn each(&self) -> impl Iterator<Item = &(Hop, HopState)> {
        self.hops.iter()
    }

    pub(super) fn get(&self, at: u8) -> Option<Hop> {
        self.hops.get(usize::from(at)).map(|(hop, _)| *hop)
    }

    fn may_have(&self, at: usize, now: Time) -> bool {
        self.hops.get(at).is_some_and(|(_, state)| match state {
            HopState::Up => true,
            HopState::Resting(until) => now >= *until,
            HopState::Down(_) => false,
        })
    }

    /// The next hop of that network for a request that was sent to those of `tried`, from an address like `local`.
    fn next(&self, now: Time, network: u16, tried: u64, local: IpAddr) -> Option<u8> {
        let fits = |(at, (hop, _)): &(usize, &(Hop, HopState))| {
            hop.network == network
                && tried >> at & 1 == 0
                && hop.address.is_ipv4() == local.is_ipv4()
                && self.may_have(*at, now)
        };
        self.hops.iter().enumerate().find(fits).map(|(at, _)| at as u8)
    }

    /// Where a request begins that is meant for the hop at `remote`: there, or, while that one rests or is down, at the next.
    /// Nothing if `remote` is no hop. `life` is how long it may take in all, `longest` how long at one hop.
    pub(super) fn begin(
        &self,
        now: Time,
        (local, remote): (IpAddr, SocketAddr),
        (life, longest): (Duration, Duration),
    ) -> Option<Attempt> {
        let meant = self.hops.iter().position(|(hop, _)| hop.address == remote)?;
        let network = self.hops.get(meant)?.0.network;
        let next = if self.may_have(meant, now) { None } else { self.next(now, network, 0, local) };
        let hop = next.unwrap_or(meant as u8);
        Some(self.attempt(now, (network, local), (hop, 0, now + life), longest))
    }

    /// Where a request goes that was sent to `last.hop` in vain; nothing if there is no hop or no time left.
    pub(super) fn go_on(
        &self,
        now: Time,
        local: IpAddr,
        last: &Attempt,
        longest: Duration,
    ) -> Option<Attempt> {
        let network = self.get(last.hop)?.network;
        let hop = self.next(now, network, last.tried, local).filter(|_| now < last.until)?;
        Some(self.attempt(now, (network, local), (hop, last.tried, last.until), longest))
    }

    /// The time that is left is shared by the hops that are left, so that the last has as much as the first. One alone has
    /// Timer F, as if there were no others.
    fn attempt(
        &self,
        now: Time,
        (network, local): (u16, IpAddr),
        (hop, tried, until): (u8, u64, Time),
        longest: Duration,
    ) -> Attempt {
        let mut all = tried | 1 << hop;
        let mut left = 1;
        while let Some(next) = self.next(now, network, all, local) {
            all |= 1 << next;
            left += 1;
        }
        let share = until.since(now) / left;
        let alone = left == 1 && tried == 0;
        let end = now + if alone { longest } else { share.min(longest) };
        Attempt { hop, tried: tried | 1 << hop, until, end }
    }

    /// The hop has answered, with that status, and perhaps with a Retry-After.
    pub(super) fn answered(&mut self, now: Time, at: u8, status: u16, retry_after: Option<u32>) {
        let Some((_, state)) = self.hops.get_mut(usize::from(at)) else { return };
        *state = match retry_after.filter(|_| status == 503) {
            Some(seconds) => HopState::Resting(now + Duration::from_secs(seconds.into()).min(LONGEST_REST)),
            None => HopState::Up,
        };
    }

    /// The hop has not answered, or its host says that nobody is there.
    pub(super) fn lost(&mut self, now: Time, at: u8) {
        let probe = now + self.probe;
        if let Some((_, state)) = self.hops.get_mut(usize::from(at)) {
            *state = HopState::Down(probe);
        }
    }

    /// A hop that is down, and to be asked now whether it still is. The only one of a network is not: requests go there
    /// whatever it has said.
    pub(super) fn probe(&mut self, now: Time) -> Option<(u8, Hop)> {
        let next = now + self.probe;
        let due = |(hop, state): &(Hop, HopState)| {
            matches!(state, HopState::Down(due) if now >= *due) && self.has_others(hop)
        };
        let at = self.hops.iter().position(due)?;
        let (hop, state) = self.hops.get_mut(at)?;
        *state = HopState::Down(next);
        Some((at as u8, *hop))
    }

    fn has_others(&self, hop: &Hop) -> bool {
        self.hops.iter().filter(|(other, _)| other.network == hop.network).count() > 1
    }

    /// When the next probe is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let due = |(hop, state): &(Hop, HopState)| match state {
            HopState::Down(due) if self.has_others(hop) => Some(*due),
            _ => None,
        };
        self.hops.iter().filter_map(due).min()
    }
}
