//! How much a stranger may make the gateway do: challenges per identity and per source, and pauses after wrong answers.

use crate::base::{SipKey, Time};
use std::net::IpAddr;
use std::time::Duration;

/// A rate: so many at once, and again as many spread over each `per`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// How many, at least 1.
    pub count: u32,
    /// In what time.
    pub per: Duration,
}

/// A bucket of tokens: when it will be full again.
#[derive(Clone, Copy, Default)]
pub(super) struct Bucket(Time);

impl Bucket {
    /// Takes a token, or says how long it takes until there is one.
    pub(super) fn take(&mut self, now: Time, rate: Rate) -> Result<(), Duration> {
        let full = self.0.max(now) + rate.per / rate.count.max(1);
        let missing = full.since(now).saturating_sub(rate.per);
        if missing > Duration::ZERO {
            return Err(missing);
        }
        self.0 = full;
        Ok(())
    }
}

/// How an identity has answered challenges from one source.
///
/// It is kept per source, so that a stranger's wrong answers make nobody wait but the stranger: how fast many strangers
/// together can guess is bounded by the challenges per identity.
#[derive(Clone, Copy, Default)]
pub(super) struct Standing {
    /// Wrong answers in a row.
    failures: u32,
    paused_until: Time,
    /// A right answer has come from there. Its challenges have a bucket of their own, which strangers can't empty.
    pub(super) proven: bool,
}

/// When pauses begin, and how long they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pauses {
    /// So many wrong answers in a row bring the first pause.
    pub after: u32,
    /// How long the first pause is; each further wrong answer doubles it.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Standing {
    pub(super) fn failed(&mut self, now: Time, pauses: Pauses) {
        self.failures = self.failures.saturating_add(1);
        if let Some(doublings) = self.failures.checked_sub(pauses.after.max(1)) {
            let pause = pauses.first.saturating_mul(1u32.checked_shl(doublings).unwrap_or(u32::MAX));
            self.paused_until = now + pause.min(pauses.longest);
        }
    }

    pub(super) fn passed(&mut self) {
        *self = Self { proven: true, ..Self::default() };
    }

    /// How much of a pause is left.
    pub(super) fn pause(&self, now: Time) -> Option<Duration> {
        (self.paused_until > now).then(|| self.paused_until.since(now))
    }
}

/// A host as a stranger can't choose it freely: an IPv4 address, or an IPv6 network of 64 bits.
pub(super) fn host(source: IpAddr) -> [u8; 16] {
    match source.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => (address.to_bits() >> 64 << 64).to_be_bytes(),
    }
}

/// Places in one set of a [`Recent`].
const WAYS: usize = 8;

/// What is known about the most recent of many keys, in bounded room. A key's hash, which strangers can't know, chooses
/// a set of eight places; in it, the one that was not changed for the longest is forgotten.
pub(super) struct Recent<V> {
    key: SipKey,
    sets: Box<[[Place<V>; WAYS]]>,
    clock: u64,
}

#[derive(Clone, Copy, Default)]
struct Place<V> {
    hash: u64,
    /// When it was changed last, by the count of changes; 0 if it is free.
    changed: u64,
    value: V,
}

impl<V: Copy + Default> Recent<V> {
    /// Room for `capacity` keys, rounded up to whole sets.
    pub(super) fn new(key: SipKey, capacity: u32) -> Self {
        let sets = capacity.max(1).div_ceil(WAYS as u32) as usize;
        Self { key, sets: vec![[Place::default(); WAYS]; sets].into(), clock: 0 }
    }

    /// How many keys there is room for.
    pub(super) fn capacity(&self) -> u64 {
        (self.sets.len() * WAYS) as u64
    }

    /// What is known about the key of these parts. To ask takes nobody's place.
    pub(super) fn get(&self, parts: &[&[u8]]) -> Option<&V> {
        let hash = self.key.hash(parts);
        let found = self.sets[self.set(hash)].iter().find(|place| place.changed > 0 && place.hash == hash);
        found.map(|place| &place.value)
    }

    /// What is known about the key of these parts, or a new place for it, to be changed.
    pub(super) fn change(&mut self, parts: &[&[u8]]) -> &mut V {
        let hash = self.key.hash(parts);
        self.clock += 1;
        let set = self.set(hash);
        let set = &mut self.sets[set];
        let found = set.iter().position(|place| place.changed > 0 && place.hash == hash);
        let at = found.unwrap_or_else(|| {
            let oldest = (0..WAYS).min_by_key(|&at| set[at].changed).unwrap_or(0);
            set[oldest] = Place { hash, ..Place::default() };
            oldest
        });
        set[at].changed = self.clock;
        &mut set[at].value
    }

    fn set(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.sets.len() as u128) >> 64) as usize
    }
}
