//! The next hops of served networks, their S-CSCFs: how each has answered of late, and where a request goes next when one
//! doesn't (RFC 3263 4.3).

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use std::sync::Arc;

use super::{Ims, ImsConfig};
use crate::base::{IpPrefix, Time};
use crate::ident::Identity;
use crate::proto::link::KnownHosts;
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
    /// Its turn among those of its network; nothing if it is there no more, and was once: what is meant for it goes to another.
    pub turn: Option<u8>,
}

/// The hosts of served networks' cores: made by the slow path, and exchanged as a whole.
#[derive(Clone, Debug)]
pub struct CoreHosts {
    /// Where requests to users can be sent, each in a place that it keeps; others may get the places of former ones.
    pub hops: Vec<Option<Hop>>,
    /// Hosts that are known by configuration.
    pub trusted: Arc<[IpPrefix]>,
    /// Hosts whose requests may have no branch of RFC 3261.
    pub legacy: Vec<IpPrefix>,
    /// Peers that get our requests by a stream, and whether that is TLS.
    pub peers: Vec<(SocketAddr, bool)>,
    /// Of which hosts fragments find room whatever strangers send.
    pub known: KnownHosts,
}

impl CoreHosts {
    /// Those that a worker begins with.
    pub(super) fn of(config: &ImsConfig) -> Self {
        Self {
            hops: config.hops.iter().copied().map(Some).collect(),
            trusted: config.trusted.clone().into(),
            legacy: config.legacy.clone(),
            peers: config.streams.peers.clone(),
            known: KnownHosts::new(core::iter::empty()),
        }
    }
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

impl Ims {
    /// The hosts of the core are these from now on.
    pub(in crate::stack) fn set_core(&mut self, core: &Arc<CoreHosts>) {
        self.hops.set(&core.hops);
        if self.config.streams.listen.iter().any(|(_, secure)| !secure) {
            self.clients.set_streams(core.trusted.clone());
        }
        self.core = core.clone();
    }
}

/// The hops as one worker knows them.
pub(super) struct Hops {
    hops: Vec<(Option<Hop>, HopState)>,
    probe: Duration,
}

impl Hops {
    /// All are up. The hops of a network are tried in their order.
    pub(super) fn new(hops: &[Hop], probe: Duration) -> Self {
        let mut all = Vec::with_capacity(MOST);
        all.extend(hops.iter().take(MOST).map(|hop| (Some(*hop), HopState::Up)));
        Self { hops: all, probe }
    }

    /// Each place has that hop from now on. One that has it already knows how it has answered.
    fn set(&mut self, hops: &[Option<Hop>]) {
        let len = hops.len().min(MOST);
        self.hops.resize(len, (None, HopState::Up));
        for (place, hop) in self.hops.iter_mut().zip(hops) {
            let named = |hop: &Option<Hop>| hop.map(|hop| (hop.network, hop.address, hop.uri));
            if named(&place.0) != named(hop) {
                place.1 = HopState::Up;
            }
            place.0 = *hop;
        }
    }

    /// Every place with its hop's state.
    pub(super) fn each(&self) -> impl Iterator<Item = &(Option<Hop>, HopState)> {
        self.hops.iter()
    }

    pub(super) fn get(&self, at: u8) -> Option<Hop> {
        self.hops.get(usize::from(at))?.0
    }

    fn may_have(&self, at: usize, now: Time) -> bool {
        self.hops.get(at).is_some_and(|(hop, state)| {
            hop.is_some_and(|hop| hop.turn.is_some())
                && match state {
                    HopState::Up => true,
                    HopState::Resting(until) => now >= *until,
                    HopState::Down(_) => false,
                }
        })
    }

    /// The next hop for a request that was meant for `first` and sent to those of `tried`, from an address like `local`:
    /// another place of the same S-CSCF before those of others.
    fn next(&self, now: Time, first: &Hop, tried: u64, local: IpAddr) -> Option<u8> {
        let fits = |(at, (hop, _)): (usize, &(Option<Hop>, HopState))| {
            let hop = (*hop)?;
            let fits = hop.network == first.network
                && tried >> at & 1 == 0
                && hop.address.is_ipv4() == local.is_ipv4()
                && self.may_have(at, now);
            fits.then_some((hop.uri != first.uri, hop.turn?, at as u8))
        };
        self.hops.iter().enumerate().filter_map(fits).min().map(|(.., at)| at)
    }

    /// Where a request begins that is meant for the hop at `remote`: there, or, while that one rests or is down, at the next.
    /// Nothing if `remote` is no hop. `life` is how long it may take in all, `longest` how long at one hop.
    pub(super) fn begin(
        &self,
        now: Time,
        (local, remote): (IpAddr, SocketAddr),
        (life, longest): (Duration, Duration),
    ) -> Option<Attempt> {
        let at = |is_there: bool| {
            let is_it = |hop: &Hop| hop.address == remote && hop.turn.is_some() == is_there;
            self.hops.iter().position(|(hop, _)| hop.as_ref().is_some_and(is_it))
        };
        let meant = at(true).or_else(|| at(false))? as u8;
        let first = self.get(meant)?;
        let next = if self.may_have(meant.into(), now) { None } else { self.next(now, &first, 0, local) };
        Some(self.attempt(now, (&first, local), (next.unwrap_or(meant), 0, now + life), longest))
    }

    /// Where a request goes that was sent to `last.hop` in vain; nothing if there is no hop or no time left.
    pub(super) fn go_on(
        &self,
        now: Time,
        local: IpAddr,
        last: &Attempt,
        longest: Duration,
    ) -> Option<Attempt> {
        let first = self.get(last.hop)?;
        let hop = self.next(now, &first, last.tried, local).filter(|_| now < last.until)?;
        Some(self.attempt(now, (&first, local), (hop, last.tried, last.until), longest))
    }

    /// The time that is left is shared by the hops that are left, so that the last has as much as the first. One alone has
    /// Timer F, as if there were no others.
    fn attempt(
        &self,
        now: Time,
        (first, local): (&Hop, IpAddr),
        (hop, tried, until): (u8, u64, Time),
        longest: Duration,
    ) -> Attempt {
        let mut all = tried | 1 << hop;
        let mut left = 1;
        while let Some(next) = self.next(now, first, all, local) {
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
        let due = |(hop, state): &(Option<Hop>, HopState)| {
            matches!(state, HopState::Down(due) if now >= *due) && self.is_probed(hop)
        };
        let at = self.hops.iter().position(due)?;
        let (hop, state) = self.hops.get_mut(at)?;
        *state = HopState::Down(next);
        Some((at as u8, (*hop)?))
    }

    /// Whether the hop is there, and its network has others.
    fn is_probed(&self, hop: &Option<Hop>) -> bool {
        let Some(hop) = hop.filter(|hop| hop.turn.is_some()) else { return false };
        let same = |other: &Hop| other.network == hop.network && other.turn.is_some();
        self.hops.iter().filter(|(other, _)| other.as_ref().is_some_and(same)).count() > 1
    }

    /// When the next probe is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let due = |(hop, state): &(Option<Hop>, HopState)| match state {
            HopState::Down(due) if self.is_probed(hop) => Some(*due),
            _ => None,
        };
        self.hops.iter().filter_map(due).min()
    }
}
