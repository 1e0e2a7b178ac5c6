//! Packets that arrive in fragments (RFC 791 3.2, RFC 8200 4.5), put together in memory of a fixed size.
//!
//! All fragments of one packet, a *train*, come to one worker: that which a keyed hash of source, destination,
//! identification and protocol names. A train is given up as a whole when its fragments overlap (RFC 5722, for IPv4 as
//! well) or say different things of its end; what else arrives of it until its time is over is dropped.
//!
//! Fragments are the one thing that a stranger can make us keep without an answer from him. So there is room for few
//! trains; one source gets a quarter of it, and all that are not known by configuration get half.

use core::net::IpAddr;
use core::time::Duration;
use std::sync::Arc;

use super::interface::{address, key};
use super::view::{Packet, Piece};
use super::{ICMP, ICMPV6, SCTP, TCP, UDP};
use crate::base::{IpPrefix, SipKey, Time};
use crate::ident::WorkerId;

/// How much is kept of packets that arrive in fragments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReassemblyConfig {
    /// Packets at a time, 1 to 1,024.
    pub entries: usize,
    /// Octets of the longest, without its IP header: 1,480 to 65,535.
    pub octets: usize,
    /// How long the fragments of a packet may take, from the first that arrives. RFC 791 3.2 has 15 seconds, RFC 8200 4.5 60.
    pub t_reassembly: Duration,
    /// Sources that are known by configuration.
    pub known: Vec<IpPrefix>,
}

impl Default for ReassemblyConfig {
    fn default() -> Self {
        Self { entries: 64, octets: 8192 + 8, t_reassembly: Duration::from_secs(15), known: Vec::new() }
    }
}

/// A packet that came in fragments, put together: room for one, for a [`super::Link`] to fill.
pub struct Reassembled {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) len: usize,
    pub(super) octets: Box<[u8]>,
}

/// What a worker tells another of a packet that it has put together, beside its octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// The sender.
    pub source: IpAddr,
    /// An own address.
    pub destination: IpAddr,
    /// What the packet carries, by its IP protocol number.
    pub protocol: u8,
    /// Octets before these.
    pub offset: u16,
    /// Octets of all parts.
    pub total: u16,
}

impl Reassembled {
    /// Room for `octets` octets behind the IP header.
    #[must_use]
    pub fn new(octets: usize) -> Self {
        let nobody = IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED);
        let octets = vec![0; octets].into_boxed_slice();
        Self { source: nobody, destination: nobody, protocol: 0, len: 0, octets }
    }

    /// What stands behind the IP header.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or(&[])
    }

    /// The packet in parts of `most` octets, for another worker.
    pub fn parts(&self, most: usize) -> impl Iterator<Item = (Part, &[u8])> {
        let Self { source, destination, protocol, len, .. } = *self;
        self.octets().chunks(most.max(1)).zip(0usize..).map(move |(octets, number)| {
            let (offset, total) = ((number * most.max(1)) as u16, len as u16);
            (Part { source, destination, protocol, offset, total }, octets)
        })
    }

    /// Takes in what another worker hands over, part by part: `None` if it does not follow on what came before, else
    /// whether it was the last.
    pub fn take_in(&mut self, part: &Part, octets: &[u8]) -> Option<bool> {
        let Part { source, destination, protocol, offset, total } = *part;
        if offset == 0 {
            (self.source, self.destination, self.protocol, self.len) = (source, destination, protocol, 0);
        }
        let end = self.len + octets.len();
        let fits = self.len == usize::from(offset) && end <= usize::from(total);
        let Some(room) = self.octets.get_mut(self.len..end).filter(|_| fits) else {
            self.len = 0;
            return None;
        };
        room.copy_from_slice(octets);
        self.len = end;
        Some(end == usize::from(total))
    }
}

/// Why a fragment was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// It carries nothing.
    Empty,
    /// Others follow, but not at a multiple of eight octets.
    Uneven,
    /// It is shorter than any link makes it, or a first one without its transport header.
    Tiny,
    /// It leads beyond what there is room for.
    TooLong,
    /// It shares octets with another that is not its copy.
    Overlap,
    /// It lies behind the end that another named, or names another end.
    End,
    /// Its train was refused before.
    OfRefused,
    /// No room.
    Full,
    /// No room for another of its source.
    SourceFull,
}

/// What became of a fragment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// It is kept.
    Kept,
    /// It has come before.
    Repeated,
    /// It was the last of its packet, which [`Reassembly::take`] gives.
    Whole,
    Refused(Refusal),
}

/// What tells one train from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    source: u128,
    destination: u128,
    identification: u32,
    /// Of IPv4; IPv6 has it in the first fragment alone, and tells trains apart without it.
    protocol: u8,
}

/// Octets kept of the headers in front of the first fragment, for an ICMP error.
const HEAD: usize = 128;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Free,
    Open,
    Refused,
}

struct Train {
    identity: Identity,
    state: State,
    /// When its time is over.
    until: Time,
    /// Octets, once the last fragment is there.
    total: Option<usize>,
    /// Where the farthest fragment ends.
    farthest: usize,
    received: usize,
    /// Of the first fragment: what the packet carries, its headers, and where it ends.
    protocol: u8,
    head: [u8; HEAD],
    head_len: usize,
    first_end: usize,
    octets: Box<[u8]>,
    /// Which units of eight octets are there, and in which of them a fragment begins.
    there: Box<[u64]>,
    begins: Box<[u64]>,
}

/// Sources that are known by configuration, as fragments are looked up among them.
#[derive(Clone, Debug)]
pub struct KnownHosts(Arc<[IpPrefix]>);

impl KnownHosts {
    /// These.
    #[must_use]
    pub fn new(hosts: impl Iterator<Item = IpPrefix>) -> Self {
        Self(hosts.collect())
    }
}

/// Trains whose fragments arrive.
pub(super) struct Reassembly {
    key: SipKey,
    workers: u8,
    octets: usize,
    t_reassembly: Duration,
    known: KnownHosts,
    hashes: Box<[u64]>,
    trains: Box<[Train]>,
    used: usize,
    next: Time,
    whole: Option<usize>,
}

fn bit(bits: &[u64], unit: usize) -> bool {
    bits.get(unit / 64).is_some_and(|word| word >> (unit % 64) & 1 != 0)
}

fn set(bits: &mut [u64], unit: usize) {
    if let Some(word) = bits.get_mut(unit / 64) {
        *word |= 1 << (unit % 64);
    }
}

impl Reassembly {
    pub(super) fn new(config: &ReassemblyConfig, secret: &SipKey, workers: u8) -> Result<Self, String> {
        let &ReassemblyConfig { entries, octets, t_reassembly, .. } = config;
        if !(1..=1024).contains(&entries) || !(1480..=65_535).contains(&octets) {
            return Err("fragments: room is for 1 to 1024 packets of 1480 to 65535 octets".into());
        }
        let train = || Train {
            identity: Identity { source: 0, destination: 0, identification: 0, protocol: 0 },
            state: State::Free,
            until: Time::NEVER,
            total: None,
            farthest: 0,
            received: 0,
            protocol: 0,
            head: [0; HEAD],
            head_len: 0,
            first_end: 0,
            octets: vec![0; octets].into(),
            there: vec![0; octets.div_ceil(8 * 64)].into(),
            begins: vec![0; octets.div_ceil(8 * 64)].into(),
        };
        Ok(Self {
            key: secret.derive("fragments"),
            workers: workers.max(1),
            octets,
            t_reassembly,
            known: KnownHosts::new(config.known.iter().copied()),
            hashes: vec![0; entries].into(),
            trains: (0..entries).map(|_| train()).collect(),
            used: 0,
            next: Time::NEVER,
            whole: None,
        })
    }

    /// Other sources are known from now on.
    pub(super) fn set_known(&mut self, known: KnownHosts) {
        self.known = known;
    }

    /// Octets of the longest packet.
    pub(super) const fn octets(&self) -> usize {
        self.octets
    }

    /// How many trains there are, and for how many there is room.
    pub(super) const fn fill(&self) -> (usize, usize) {
        (self.used, self.trains.len())
    }

    /// When the time of a train is over, or earlier.
    pub(super) const fn next(&self) -> Time {
        self.next
    }

    fn identity(packet: &Packet<'_>, piece: Piece) -> Identity {
        let protocol = if packet.source.is_ipv4() { packet.protocol } else { 0 };
        let (source, destination) = (key(packet.source), key(packet.destination));
        Identity { source, destination, identification: piece.identification, protocol }
    }

    fn hash(&self, identity: &Identity) -> u64 {
        let Identity { source, destination, identification, protocol } = *identity;
        let rest = u64::from(identification) << 8 | u64::from(protocol);
        let (from, to) = ((source >> 64) as u64, (destination >> 64) as u64);
        self.key.quick_hash_words([from, source as u64, to, destination as u64, rest])
    }

    /// The worker that has the train of a fragment.
    pub(super) fn owner(&self, packet: &Packet<'_>, piece: Piece) -> WorkerId {
        let hash = self.hash(&Self::identity(packet, piece));
        WorkerId(((u128::from(hash) * u128::from(self.workers)) >> 64) as u8)
    }

    /// Takes in a fragment.
    pub(super) fn input(&mut self, now: Time, packet: &Packet<'_>, piece: Piece) -> Outcome {
        if packet.payload.is_empty() {
            return Outcome::Refused(Refusal::Empty);
        }
        if piece.more && !packet.payload.len().is_multiple_of(8) {
            return Outcome::Refused(Refusal::Uneven);
        }
        let identity = Self::identity(packet, piece);
        let at = match self.find_or_begin(now, &identity) {
            Ok(at) => at,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let limit = self.octets;
        let Some(train) = self.trains.get_mut(at) else { return Outcome::Refused(Refusal::Full) };
        if train.state == State::Refused {
            return Outcome::Refused(Refusal::OfRefused);
        }
        let outcome = train.input(packet, piece, limit);
        match outcome {
            Outcome::Refused(_) => train.state = State::Refused,
            Outcome::Whole => self.whole = Some(at),
            _ => {}
        }
        outcome
    }

    fn find_or_begin(&mut self, now: Time, identity: &Identity) -> Result<usize, Refusal> {
        let hash = self.hash(identity);
        let is_it = |(at, _): &(usize, &u64)| {
            self.trains
                .get(*at)
                .is_some_and(|train| train.state != State::Free && train.identity == *identity)
        };
        let mut same = self.hashes.iter().enumerate().filter(|(_, known)| **known == hash);
        if let Some((at, _)) = same.find(is_it) {
            return Ok(at);
        }
        let room = self.trains.len();
        let in_use = || self.trains.iter().filter(|train| train.state != State::Free);
        let is_known = |source: &u128| {
            let source = address(*source);
            self.known.0.iter().any(|known| known.contains(source))
        };
        let of_source = in_use().filter(|train| train.identity.source == identity.source).count();
        if of_source >= (room / 4).max(1) {
            return Err(Refusal::SourceFull);
        }
        if !self.known.0.is_empty() && !is_known(&identity.source) {
            let of_strangers = in_use().filter(|train| !is_known(&train.identity.source)).count();
            if of_strangers >= (room / 2).max(1) {
                return Err(Refusal::Full);
            }
        }
        let free = self.trains.iter_mut().enumerate().find(|(_, train)| train.state == State::Free);
        let (at, train) = free.ok_or(Refusal::Full)?;
        train.begin(*identity, now + self.t_reassembly);
        self.next = self.next.min(train.until);
        self.used += 1;
        if let Some(place) = self.hashes.get_mut(at) {
            *place = hash;
        }
        Ok(at)
    }

    /// Exchanges the packet that [`Outcome::Whole`] told of for the room in `into`. Whether there was one.
    pub(super) fn take(&mut self, into: &mut Reassembled) -> bool {
        let Some(train) = self.whole.take().and_then(|at| self.trains.get_mut(at)) else { return false };
        train.state = State::Free;
        self.used -= 1;
        if into.octets.len() != train.octets.len() {
            return false;
        }
        core::mem::swap(&mut into.octets, &mut train.octets);
        into.source = address(train.identity.source);
        into.destination = address(train.identity.destination);
        into.protocol = train.protocol;
        into.len = train.received;
        true
    }

    /// The first train from the one numbered `from` on whose time is over.
    pub(super) fn due(&self, now: Time, from: usize) -> Option<usize> {
        let is_due = |train: &Train| train.state != State::Free && train.until <= now;
        self.trains.iter().enumerate().skip(from).find(|(_, train)| is_due(train)).map(|(at, _)| at)
    }

    /// Whether a train was still waited for, and the start of its first fragment, if that came.
    pub(super) fn late(&self, at: usize) -> (bool, Option<Late<'_>>) {
        match self.trains.get(at).filter(|train| train.state == State::Open) {
            Some(train) => (true, train.late()),
            None => (false, None),
        }
    }

    /// Forgets a train.
    pub(super) fn free(&mut self, at: usize) {
        if let Some(train) = self.trains.get_mut(at) {
            self.used -= usize::from(train.state != State::Free);
            train.state = State::Free;
        }
    }

    /// Looks when the time of the next train is over.
    pub(super) fn reckon(&mut self) {
        let used = self.trains.iter().filter(|train| train.state != State::Free);
        self.next = used.map(|train| train.until).min().unwrap_or(Time::NEVER);
    }

    pub(super) fn assert_invariants(&self) {
        let used = self.trains.iter().filter(|train| train.state != State::Free);
        assert_eq!(used.clone().count(), self.used);
        for train in used {
            assert!(train.until >= self.next);
            assert!(train.received <= train.farthest && train.farthest <= self.octets);
        }
    }
}

/// A packet of which not all fragments came in time, but the first.
pub(super) struct Late<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// The first fragment: its headers and what follows them.
    pub(super) head: &'a [u8],
    pub(super) payload: &'a [u8],
}

/// Octets that the first fragment of a packet holds at least: its transport header.
const fn header_of(protocol: u8) -> usize {
    match protocol {
        SCTP => 12,
        TCP => 20,
        UDP | ICMP | ICMPV6 => 8,
        _ => 1,
    }
}

/// A fragment that is not the last is longer: every link carries 68 octets of IPv4 (RFC 791 3.2), of which less than
/// eight may stay unused.
const TINY: usize = 60;

impl Train {
    fn begin(&mut self, identity: Identity, until: Time) {
        (self.identity, self.until, self.state) = (identity, until, State::Open);
        (self.total, self.farthest, self.received) = (None, 0, 0);
        (self.head_len, self.first_end, self.protocol) = (0, 0, 0);
        self.there.fill(0);
        self.begins.fill(0);
    }

    fn input(&mut self, packet: &Packet<'_>, piece: Piece, limit: usize) -> Outcome {
        use Outcome::Refused;
        let payload = packet.payload;
        let start = usize::from(piece.offset);
        let end = start + payload.len();
        if end > limit {
            return Refused(Refusal::TooLong);
        }
        let is_short = packet.source.is_ipv4() && packet.whole.len() <= TINY
            || start == 0 && payload.len() < header_of(packet.protocol);
        if piece.more && is_short {
            return Refused(Refusal::Tiny);
        }
        let fits = match self.total {
            Some(total) if piece.more => end < total,
            Some(total) => end == total,
            None if piece.more => true,
            None => self.farthest <= end,
        };
        if !fits {
            return Refused(Refusal::End);
        }
        let units = start / 8..end.div_ceil(8);
        if units.clone().any(|unit| bit(&self.there, unit)) {
            let copy = self.is_copy(&units, payload, start) && piece.more != (self.total == Some(end));
            return if copy { Outcome::Repeated } else { Refused(Refusal::Overlap) };
        }
        let Some(room) = self.octets.get_mut(start..end) else { return Refused(Refusal::TooLong) };
        room.copy_from_slice(payload);
        set(&mut self.begins, units.start);
        for unit in units {
            set(&mut self.there, unit);
        }
        self.received += payload.len();
        self.farthest = self.farthest.max(end);
        if !piece.more {
            self.total = Some(end);
        }
        if start == 0 {
            self.keep_head(packet, end);
        }
        if self.total == Some(self.received) { Outcome::Whole } else { Outcome::Kept }
    }

    /// Whether these units are just one fragment, with these octets.
    fn is_copy(&self, units: &core::ops::Range<usize>, payload: &[u8], start: usize) -> bool {
        let mut inner = units.clone().skip(1);
        bit(&self.begins, units.start)
            && units.clone().all(|unit| bit(&self.there, unit))
            && !inner.any(|unit| bit(&self.begins, unit))
            && (bit(&self.begins, units.end) || !bit(&self.there, units.end))
            && self.octets.get(start..start + payload.len()) == Some(payload)
    }

    fn keep_head(&mut self, packet: &Packet<'_>, end: usize) {
        self.protocol = packet.protocol;
        self.first_end = end;
        let headers = packet.whole.len().saturating_sub(packet.payload.len());
        let (from, to) = (packet.whole.get(..headers), self.head.get_mut(..headers));
        if let (Some(from), Some(to)) = (from, to) {
            to.copy_from_slice(from);
            self.head_len = headers;
        }
    }

    fn late(&self) -> Option<Late<'_>> {
        let head = self.head.get(..self.head_len).filter(|head| !head.is_empty())?;
        Some(Late {
            source: address(self.identity.source),
            destination: address(self.identity.destination),
            head,
            payload: self.octets.get(..self.first_end)?,
        })
    }
}
