//! Paths to the peer: retransmission time-out (RFC 9260 6.3), congestion window (7.2), heartbeats (8.3).

use super::super::build::PacketWriter;
use super::super::cookie::Addresses;
use super::super::status::PathStatus;
use super::super::view::{Chunk, Tlvs, chunk, parameter};
use super::super::{AssociationConfig, COMMON_HEADER, MAX_PATHS, Timers, Why, malformed};
use super::{Association, State, Step, Turn, octets_behind_ip, packet_limit};
use crate::base::{Malformed, Time};
use crate::codec::Reader;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

/// A HEARTBEAT that left.
#[derive(Clone, Copy, Debug)]
struct Heartbeat {
    nonce: u64,
    sent: Time,
    /// It was not answered within an RTO, and counted as an error.
    lost: bool,
}

/// How a path stands (8.2, 5.4, RFC 7829 3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathState {
    /// Nobody has proved yet that the address is the peer's: no DATA goes there.
    Unconfirmed,
    /// It answers.
    Active,
    /// It did not answer lately: new DATA avoids it, and HEARTBEATs ask.
    PotentiallyFailed,
    /// It has failed.
    Inactive,
}

impl PathState {
    /// All of them, as they are told, by number.
    pub const NAMES: [&'static str; 4] = ["unconfirmed", "active", "potentially-failed", "inactive"];
}

/// One of our addresses to one of the peer's.
#[derive(Clone, Debug)]
pub(in super::super) struct Path {
    pub(in super::super) local: IpAddr,
    pub(in super::super) remote: IpAddr,
    /// Not failed (8.2).
    pub(super) active: bool,
    /// The address is the peer's for sure (5.4); no DATA goes to another.
    pub(super) confirmed: bool,
    /// The largest SCTP packet that it carries, in octets.
    pub(super) limit: usize,
    /// Smoothed round-trip time and its variation; none before the first measurement.
    rtt: Option<(Duration, Duration)>,
    pub(super) rto: Duration,
    pub(in super::super) cwnd: u32,
    pub(in super::super) ssthresh: u32,
    /// Octets acknowledged since the window last grew, in congestion avoidance.
    pub(super) partial: u32,
    /// Octets of DATA chunks under way: what the congestion window counts.
    pub(super) flight: u32,
    /// Consecutive unanswered transmissions (8.2).
    pub(super) errors: u16,
    /// T3-rtx.
    pub(super) t3: Time,
    /// The DATA whose round trip is being measured, and when it left.
    pub(super) measured: Option<(u32, Time)>,
    /// When to send a HEARTBEAT, or when the one under way counts as lost.
    pub(super) heartbeat_at: Time,
    /// The last HEARTBEAT that was not answered yet: however late, its answer counts (8.3).
    heartbeat: Option<Heartbeat>,
    /// When the last HEARTBEAT was answered.
    pub(in super::super) heard: Option<Time>,
    /// When DATA last left, or the window was last halved since.
    pub(super) last_used: Time,
    /// The window was halved since DATA last left.
    pub(super) decays: bool,
    /// One packet may leave whatever the window (7.2.4).
    pub(super) urgent: bool,
    /// In fast recovery, until this TSN is acknowledged (7.2.4).
    pub(super) recovery: Option<u32>,
    /// DATA chunks that were sent here again.
    pub(super) again: u64,
    /// How it stood when the user was told last.
    pub(super) told: PathState,
    /// T3 has expired and nothing was acknowledged since: one packet at a time (7.2.3).
    pub(super) single: bool,
}

impl Path {
    fn new(local: IpAddr, remote: IpAddr, confirmed: bool, timers: &Timers, limit: usize) -> Self {
        let chunk = (limit - COMMON_HEADER) as u32;
        let floor = if remote.is_ipv6() { 4344 } else { 4404 };
        Self {
            local,
            remote,
            active: true,
            confirmed,
            limit,
            rtt: None,
            rto: timers.rto_initial,
            cwnd: (4 * chunk).min(floor.max(2 * chunk)),
            ssthresh: u32::MAX,
            partial: 0,
            flight: 0,
            errors: 0,
            t3: Time::NEVER,
            measured: None,
            heartbeat_at: Time::NEVER,
            heartbeat: None,
            heard: None,
            last_used: Time::ZERO,
            decays: false,
            urgent: false,
            recovery: None,
            again: 0,
            told: if confirmed { PathState::Active } else { PathState::Unconfirmed },
            single: false,
        }
    }

    /// Takes in one measurement (6.3.1).
    pub(super) fn measure(&mut self, sample: Duration, timers: &Timers) {
        let (smoothed, variation) = match self.rtt {
            None => (sample, sample / 2),
            Some((smoothed, variation)) => {
                ((smoothed * 7 + sample) / 8, (variation * 3 + smoothed.abs_diff(sample)) / 4)
            }
        };
        self.rtt = Some((smoothed, variation));
        self.rto = (smoothed + variation * 4).clamp(timers.rto_min, timers.rto_max);
    }

    pub(super) fn back_off(&mut self, timers: &Timers) {
        self.rto = (self.rto * 2).min(timers.rto_max);
    }

    /// Asks it at once whether it is there, unless that was asked already.
    pub(super) fn ask(&mut self, now: Time) -> Time {
        if self.heartbeat.is_none_or(|heartbeat| heartbeat.lost) {
            self.heartbeat_at = now;
        }
        self.heartbeat_at
    }

    /// As it is now.
    pub(super) fn status(&self, timers: &Timers, is_primary: bool) -> PathStatus {
        PathStatus {
            local: self.local,
            remote: self.remote,
            state: self.state(timers),
            is_primary,
            rto: self.rto,
            srtt: self.rtt.map(|(smoothed, _)| smoothed),
            cwnd: self.cwnd,
            flight: self.flight,
            limit: self.limit,
            errors: self.errors,
            again: self.again,
            heard: self.heard,
        }
    }

    /// How it stands.
    pub(in super::super) fn state(&self, timers: &Timers) -> PathState {
        match (self.active, self.confirmed) {
            (false, _) => PathState::Inactive,
            (true, false) => PathState::Unconfirmed,
            _ if self.errors > timers.potentially_failed_max_retrans => PathState::PotentiallyFailed,
            _ => PathState::Active,
        }
    }

    /// How well DATA may go this way: the least number is the best path. None: not at all (5.4).
    fn rank(&self, timers: &Timers) -> Option<u16> {
        match self.state(timers) {
            PathState::Unconfirmed => None,
            PathState::Active => Some(0),
            PathState::PotentiallyFailed | PathState::Inactive if !self.confirmed => None,
            PathState::PotentiallyFailed | PathState::Inactive => Some(self.errors.max(1)),
        }
    }

    /// A window unused for a time shrinks by half every RTO (7.2.1).
    pub(super) fn shrink_idle(&mut self, now: Time, chunk: u32) {
        if self.flight > 0 || self.last_used == Time::ZERO {
            return;
        }
        let idle = now.since(self.last_used);
        if idle < self.rto || self.cwnd <= 4 * chunk {
            return;
        }
        // What it was before the first of them, not before each.
        if !core::mem::replace(&mut self.decays, true) {
            self.ssthresh = self.cwnd;
        }
        let halvings = (idle.as_nanos() / self.rto.as_nanos().max(1)) as u32;
        self.cwnd = (self.cwnd >> halvings.min(31)).max(4 * chunk);
        self.last_used += self.rto * halvings;
    }
}

/// The paths of an association; there is always at least one.
pub(in super::super) struct Paths {
    list: [Path; MAX_PATHS],
    count: u8,
    pub(super) primary: u8,
    /// The least of the paths' limits.
    limit: usize,
}

impl Paths {
    pub(super) fn new(config: &AssociationConfig) -> Self {
        let local = config.local.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let path = Path::new(local, nowhere, false, &config.timers, packet_limit(config, local.is_ipv6()));
        Self { limit: path.limit, list: core::array::from_fn(|_| path.clone()), count: 1, primary: 0 }
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// The limits of paths have changed.
    fn find_limit(&mut self) {
        self.limit = self.iter().map(|path| path.limit).min().unwrap_or(self.limit);
    }

    /// Begins anew with the peer's `addresses`, of which those that `confirmed` accepts are the peer's for sure.
    /// `local` is our address for the first of them, if it is known already, unless the configuration has one for it.
    pub(super) fn set(
        &mut self,
        config: &AssociationConfig,
        addresses: &Addresses,
        local: Option<IpAddr>,
        confirmed: impl Fn(IpAddr) -> bool,
    ) {
        let mut count = 0;
        for (place, (remote, path)) in addresses.iter().zip(&mut self.list).enumerate() {
            // Addresses that are configured as a pair stay one, wherever the peer's packet came to: some answer from any
            // address that they have, and a crossed path would die with either network.
            let is_paired = config.remote.len() > 1 && config.remote.contains(&remote);
            let own = match local {
                Some(local) if place == 0 && !is_paired => local,
                _ => local_for(config, place, remote),
            };
            let limit = packet_limit(config, remote.is_ipv6());
            *path = Path::new(own, remote, confirmed(remote), &config.timers, limit);
            count += 1;
        }
        self.count = count.max(1);
        self.find_limit();
        self.primary = 0;
    }

    pub(super) fn stop(&mut self) {
        for path in &mut self.list {
            path.stop();
            path.flight = 0;
        }
    }

    pub(super) const fn count(&self) -> u8 {
        self.count
    }

    pub(super) fn at(&self, place: u8) -> &Path {
        let [a, b, c, d] = &self.list;
        match place {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        }
    }

    pub(super) fn at_mut(&mut self, place: u8) -> &mut Path {
        let [a, b, c, d] = &mut self.list;
        match place {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        }
    }

    pub(in super::super) fn iter(&self) -> impl Iterator<Item = &Path> {
        self.list.iter().take(usize::from(self.count))
    }

    pub(super) fn find(&self, remote: IpAddr) -> Option<u8> {
        self.iter().position(|path| path.remote == remote).map(|place| place as u8)
    }
}

/// Our address towards `remote`: the one in the same place of the list as the peer's, if the family fits.
fn local_for(config: &AssociationConfig, place: usize, remote: IpAddr) -> IpAddr {
    let place = config.remote.iter().position(|&address| address == remote).unwrap_or(place);
    let fits = |address: &&IpAddr| address.is_ipv6() == remote.is_ipv6();
    let paired = config.local.get(place).filter(fits).or_else(|| config.local.iter().find(fits));
    paired.or(config.local.first()).copied().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

impl Association {
    /// Where new DATA goes (6.4, RFC 7829 3.2): the primary path, or another while that one does not answer; where none
    /// answers, the one with the fewest errors.
    pub(super) fn data_path(&self) -> u8 {
        let primary = self.paths.primary;
        self.best_path(primary, self.paths.count()).unwrap_or(primary)
    }

    /// Where to repeat what got no answer on `path`: another path that is as good or better, or the same.
    pub(super) fn alternate_path(&self, path: u8) -> u8 {
        let timers = &self.config.timers;
        let next = (path + 1) % self.paths.count();
        let other = self.best_path(next, self.paths.count() - 1);
        let rank = |path| self.paths.at(path).rank(timers);
        other.filter(|&other| rank(other) <= rank(path)).unwrap_or(path)
    }

    /// The best of `count` paths from `first` on, the earliest of equals.
    fn best_path(&self, first: u8, count: u8) -> Option<u8> {
        let ranked = (0..count).filter_map(|step| {
            let path = (first + step) % self.paths.count();
            Some((self.paths.at(path).rank(&self.config.timers)?, path))
        });
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, path)| path)
    }

    /// A path carries IP packets of `octets` and no larger ones (7.3); 0 is not told, and means the least that all carry.
    pub(in super::super) fn lower_mtu(&mut self, turn: &mut Turn<'_>, path: u8, octets: u32) {
        let entry = self.paths.at_mut(path);
        let limit = octets_behind_ip(octets as usize, entry.remote.is_ipv6());
        if limit < entry.limit {
            entry.limit = limit;
            turn.counts.mtu_lowered += 1;
            self.paths.find_limit();
        }
    }

    /// New DATA goes to `address` from now on, as long as it answers; false if the peer has no such address.
    pub(in super::super) fn set_primary(&mut self, address: IpAddr) -> bool {
        let path = self.paths.find(address);
        if let Some(path) = path {
            self.paths.primary = path;
            self.dirty = true;
        }
        path.is_some()
    }

    /// Starts the heartbeats of all paths; those not confirmed begin at once, one each RTO (5.4, HB.Max.Burst).
    pub(super) fn start_heartbeats(&mut self, turn: &mut Turn<'_>) {
        let mut unconfirmed = 0;
        for place in 0..self.paths.count() {
            let path = self.paths.at(place);
            let deadline = if path.confirmed {
                self.next_heartbeat(turn, place, turn.now)
            } else {
                unconfirmed += 1;
                turn.now + path.rto * (unconfirmed - 1)
            };
            self.paths.at_mut(place).heartbeat_at = self.wake_at(deadline);
        }
    }

    /// RTO + HB.interval after `since`, give or take half the RTO.
    fn next_heartbeat(&self, turn: &mut Turn<'_>, path: u8, since: Time) -> Time {
        let timers = &self.config.timers;
        let path = self.paths.at(path);
        match path.state(timers) {
            // Asked in turn with the others, so that one leaves each RTO (5.4).
            PathState::Unconfirmed => {
                let asked = self.paths.iter().filter(|path| path.state(timers) == PathState::Unconfirmed);
                since + path.rto * asked.count() as u32
            }
            // Whether it is there again is asked once each RTO, whatever the interval (RFC 7829 3.2).
            PathState::PotentiallyFailed => since + turn.random.jitter(path.rto),
            PathState::Active | PathState::Inactive if timers.heartbeat.is_zero() => Time::NEVER,
            PathState::Active | PathState::Inactive => {
                since + timers.heartbeat + turn.random.jitter(path.rto)
            }
        }
    }

    pub(super) fn on_heartbeat_timer(&mut self, turn: &mut Turn<'_>, path: u8) {
        use State::{Established, ShutdownPending, ShutdownReceived};
        if !matches!(self.state, Established | ShutdownPending | ShutdownReceived) {
            self.paths.at_mut(path).heartbeat_at = Time::NEVER;
            return;
        }
        let timers = &self.config.timers;
        let entry = self.paths.at_mut(path);
        if let Some(heartbeat) = entry.heartbeat.as_mut().filter(|heartbeat| !heartbeat.lost) {
            heartbeat.lost = true;
            let sent = heartbeat.sent;
            turn.counts.heartbeats_lost += 1;
            entry.back_off(timers);
            // Only where DATA goes do they count for the association (8.1).
            let whole_association = entry.confirmed && path == self.data_path();
            if self.count_error(turn, path, whole_association) {
                return;
            }
            let deadline = self.next_heartbeat(turn, path, sent).max(turn.now);
            self.paths.at_mut(path).heartbeat_at = self.wake_at(deadline);
            return;
        }
        // A path that carries DATA needs no HEARTBEAT.
        let rest = entry.last_used + timers.heartbeat;
        if entry.state(timers) == PathState::Active && entry.last_used > Time::ZERO && rest > turn.now {
            let deadline = rest + turn.random.jitter(entry.rto);
            self.paths.at_mut(path).heartbeat_at = self.wake_at(deadline);
            return;
        }
        let nonce = self.begin_heartbeat(turn, path);
        turn.emit(self.route(path), self.peer_tag, |w| write_heartbeat(w, path, nonce));
    }

    /// A HEARTBEAT leaves: its nonce.
    pub(super) fn begin_heartbeat(&mut self, turn: &mut Turn<'_>, path: u8) -> u64 {
        let nonce = turn.random.next();
        let entry = self.paths.at_mut(path);
        entry.heartbeat = Some(Heartbeat { nonce, sent: turn.now, lost: false });
        let deadline = turn.now + entry.rto;
        entry.heartbeat_at = deadline;
        self.wake_at(deadline);
        turn.counts.heartbeats_out += 1;
        nonce
    }

    pub(super) fn on_heartbeat(
        &mut self,
        turn: &mut Turn<'_>,
        chunk: &Chunk<'_>,
    ) -> Result<Step<'static>, Malformed> {
        use State::{CookieEchoed, Established, ShutdownPending, ShutdownReceived};
        // One answer a packet: what goes out is bounded by what comes in.
        if !matches!(self.state, CookieEchoed | Established | ShutdownPending | ShutdownReceived)
            || core::mem::replace(&mut self.arrival.is_answered, true)
        {
            turn.counts.unexpected_chunks += 1;
            return Ok(Step::Next);
        }
        match Tlvs::new(chunk.value).next() {
            Some(Ok(_)) => {}
            Some(Err(refused)) => return Err(refused),
            None => return Err(malformed(Why::ShortChunk, 0)),
        }
        // Back to where it came from, from where it came to, proved or not (5.4, 6.4).
        turn.emit(self.arrival_route(), self.peer_tag, |w| {
            if w.fits(chunk.whole.len()) {
                w.chunk(chunk::HEARTBEAT_ACK, 0, |w| w.bytes(chunk.value));
            }
        });
        Ok(Step::Next)
    }

    pub(super) fn on_heartbeat_ack(
        &mut self,
        turn: &mut Turn<'_>,
        chunk: &Chunk<'_>,
    ) -> Result<Step<'static>, Malformed> {
        let Some(info) = Tlvs::new(chunk.value).next() else {
            return Err(malformed(Why::ShortChunk, 0));
        };
        let mut reader = Reader::new(info?.value);
        let (Some(place), Some(nonce)) = (reader.u32(), reader.array().map(u64::from_be_bytes)) else {
            return Err(malformed(Why::ShortChunk, 0));
        };
        let Some(path) = u8::try_from(place).ok().filter(|&path| path < self.paths.count()) else {
            turn.counts.unexpected_chunks += 1;
            return Ok(Step::Next);
        };
        let chunk_limit = (self.limit() - COMMON_HEADER) as u32;
        let entry = self.paths.at_mut(path);
        match entry.heartbeat {
            Some(Heartbeat { nonce: expected, sent, .. }) if expected == nonce => {
                entry.heartbeat = None;
                entry.confirmed = true;
                entry.heard = Some(turn.now);
                if entry.errors > 0 {
                    // Back again: slow start (7.2.1).
                    entry.cwnd = entry.cwnd.min(chunk_limit);
                }
                entry.measure(turn.now.since(sent), &self.config.timers);
                self.clear_errors(path);
                let deadline = self.next_heartbeat(turn, path, turn.now);
                self.paths.at_mut(path).heartbeat_at = self.wake_at(deadline);
                self.dirty = true;
            }
            _ => turn.counts.unexpected_chunks += 1,
        }
        Ok(Step::Next)
    }
}

/// A HEARTBEAT that tells which path it asks (3.3.5).
pub(super) fn write_heartbeat(w: &mut PacketWriter<'_>, path: u8, nonce: u64) {
    w.chunk(chunk::HEARTBEAT, 0, |w| {
        w.tlv(parameter::HEARTBEAT_INFO, |w| {
            w.u32(u32::from(path));
            w.bytes(&nonce.to_be_bytes());
        });
    });
}
