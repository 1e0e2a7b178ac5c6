//! Paths to the peer: retransmission time-out (RFC 9260 6.3), congestion window (7.2), heartbeats (8.3).

use super::super::cookie::Addresses;
use super::super::view::{Chunk, Tlvs, chunk, parameter};
use super::super::{AssociationConfig, COMMON_HEADER, MAX_PATHS, Timers, Why, malformed};
use super::{Association, State, Step, Turn, packet_limit};
use crate::base::{Malformed, Time};
use crate::codec::Reader;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

/// One of our addresses to one of the peer's.
#[derive(Clone, Debug)]
pub(in super::super) struct Path {
    pub(in super::super) local: IpAddr,
    pub(in super::super) remote: IpAddr,
    /// Not failed (8.2).
    pub(super) active: bool,
    /// The address is the peer's for sure (5.4); no DATA goes to another.
    pub(super) confirmed: bool,
    /// Smoothed round-trip time and its variation; none before the first measurement.
    rtt: Option<(Duration, Duration)>,
    pub(super) rto: Duration,
    pub(super) cwnd: u32,
    pub(super) ssthresh: u32,
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
    /// The nonce of the HEARTBEAT under way, and when it left.
    heartbeat: Option<(u64, Time)>,
    /// When DATA last left.
    pub(super) last_used: Time,
    /// One packet may leave whatever the window (7.2.4).
    pub(super) urgent: bool,
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
            last_used: Time::ZERO,
            urgent: false,
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

    /// Whether DATA may go this way.
    pub(super) fn is_usable(&self) -> bool {
        self.active && self.confirmed
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
        self.ssthresh = self.cwnd;
        let halvings = (idle.as_nanos() / self.rto.as_nanos().max(1)).min(31) as u32;
        self.cwnd = (self.cwnd >> halvings).max(4 * chunk);
        self.last_used = now;
    }
}

/// The paths of an association; there is always at least one.
pub(in super::super) struct Paths {
    list: [Path; MAX_PATHS],
    count: u8,
    pub(super) primary: u8,
}

impl Paths {
    pub(super) fn new(config: &AssociationConfig) -> Self {
        let local = config.local.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let path = Path::new(local, nowhere, false, &config.timers, packet_limit(config, local.is_ipv6()));
        Self { list: core::array::from_fn(|_| path.clone()), count: 1, primary: 0 }
    }

    /// Begins anew with the peer's `addresses`, of which those that `confirmed` accepts are the peer's for sure.
    /// `local` is our address for the first of them, if it is known already.
    pub(super) fn set(
        &mut self,
        config: &AssociationConfig,
        addresses: &Addresses,
        local: Option<IpAddr>,
        confirmed: impl Fn(IpAddr) -> bool,
    ) {
        let ipv6 = addresses.iter().any(|address| address.is_ipv6());
        let limit = packet_limit(config, ipv6);
        let mut count = 0;
        for (place, (remote, path)) in addresses.iter().zip(&mut self.list).enumerate() {
            let own = match local {
                Some(local) if place == 0 => local,
                _ => local_for(config, place, remote),
            };
            *path = Path::new(own, remote, confirmed(remote), &config.timers, limit);
            count += 1;
        }
        self.count = count.max(1);
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
    /// Where new DATA goes (6.4).
    pub(super) fn data_path(&self) -> u8 {
        let primary = self.paths.primary;
        if self.paths.at(primary).is_usable() {
            return primary;
        }
        (0..self.paths.count()).find(|&path| self.paths.at(path).is_usable()).unwrap_or(primary)
    }

    /// Where to repeat what got no answer on `path`: another usable path, or the same.
    pub(super) fn alternate_path(&self, path: u8) -> u8 {
        let count = self.paths.count();
        (1..count)
            .map(|step| (path + step) % count)
            .find(|&other| self.paths.at(other).is_usable())
            .unwrap_or(path)
    }

    /// Starts the heartbeats of all paths; those not confirmed begin at once (5.4).
    pub(super) fn start_heartbeats(&mut self, turn: &mut Turn<'_>) {
        for path in 0..self.paths.count() {
            let deadline =
                if self.paths.at(path).confirmed { self.next_heartbeat(turn, path) } else { turn.now };
            self.paths.at_mut(path).heartbeat_at = self.wake_at(deadline);
        }
    }

    /// RTO + HB.interval from now, give or take half the RTO.
    fn next_heartbeat(&self, turn: &mut Turn<'_>, path: u8) -> Time {
        let path = self.paths.at(path);
        let interval = self.config.timers.heartbeat;
        if interval.is_zero() && path.confirmed {
            return Time::NEVER;
        }
        let interval = if path.confirmed { interval } else { Duration::ZERO };
        turn.now + interval + turn.random.jitter(path.rto)
    }

    pub(super) fn on_heartbeat_timer(&mut self, turn: &mut Turn<'_>, path: u8) {
        use State::{Established, ShutdownPending, ShutdownReceived};
        if !matches!(self.state, Established | ShutdownPending | ShutdownReceived) {
            self.paths.at_mut(path).heartbeat_at = Time::NEVER;
            return;
        }
        let timers = &self.config.timers;
        let entry = self.paths.at_mut(path);
        if entry.heartbeat.take().is_some() {
            turn.counts.heartbeats_lost += 1;
            entry.back_off(timers);
            let confirmed = entry.confirmed;
            if self.count_error(turn, path, confirmed) {
                return;
            }
            let deadline = self.next_heartbeat(turn, path);
            self.paths.at_mut(path).heartbeat_at = self.wake_at(deadline);
            return;
        }
        // A path that carries DATA needs no HEARTBEAT.
        let rest = entry.last_used + timers.heartbeat;
        if entry.confirmed && entry.last_used > Time::ZERO && rest > turn.now {
            let deadline = rest + turn.random.jitter(entry.rto);
            self.paths.at_mut(path).heartbeat_at = self.wake_at(deadline);
            return;
        }
        let nonce = turn.random.next();
        entry.heartbeat = Some((nonce, turn.now));
        let deadline = turn.now + entry.rto;
        entry.heartbeat_at = deadline;
        self.wake_at(deadline);
        turn.counts.heartbeats_out += 1;
        turn.emit(self.route(path), self.peer_tag, |w| {
            w.chunk(chunk::HEARTBEAT, 0, |w| {
                w.tlv(parameter::HEARTBEAT_INFO, |w| {
                    w.u32(u32::from(path));
                    w.bytes(&nonce.to_be_bytes());
                });
            });
        });
    }

    pub(super) fn on_heartbeat(
        &mut self,
        turn: &mut Turn<'_>,
        chunk: &Chunk<'_>,
    ) -> Result<Step<'static>, Malformed> {
        if matches!(self.state, State::Closed | State::CookieWait) {
            turn.counts.unexpected_chunks += 1;
            return Ok(Step::Next);
        }
        match Tlvs::new(chunk.value).next() {
            Some(Ok(_)) => {}
            Some(Err(refused)) => return Err(refused),
            None => return Err(malformed(Why::ShortChunk, 0)),
        }
        turn.emit(self.route(self.arrival_path), self.peer_tag, |w| {
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
        let entry = self.paths.at_mut(path);
        match entry.heartbeat {
            Some((expected, sent)) if expected == nonce => {
                entry.heartbeat = None;
                entry.confirmed = true;
                entry.measure(turn.now.since(sent), &self.config.timers);
                self.clear_errors(path);
                let deadline = self.next_heartbeat(turn, path);
                self.paths.at_mut(path).heartbeat_at = self.wake_at(deadline);
                self.dirty = true;
            }
            _ => turn.counts.unexpected_chunks += 1,
        }
        Ok(Step::Next)
    }
}
