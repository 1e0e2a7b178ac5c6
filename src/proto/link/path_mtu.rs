//! What paths to single destinations carry, as routers on them say (RFC 1191, RFC 8201): a table of fixed size.

use core::net::IpAddr;
use core::time::Duration;

use super::interface::{address, key};
use crate::base::{SipKey, Time};

/// Destinations at a time. One that falls on another's place takes it.
const PLACES: usize = 256;
/// How long a path is believed to be that small (RFC 8201 4).
const LIFE: Duration = Duration::from_secs(600);

#[derive(Clone, Copy)]
struct Place {
    destination: u128,
    mtu: u16,
    until: Time,
}

/// Paths that carry less than their first link.
pub(super) struct PathMtus {
    key: SipKey,
    places: Box<[Place]>,
    /// Whether any was ever learnt.
    is_used: bool,
}

impl PathMtus {
    pub(super) fn new(secret: &SipKey) -> Self {
        let nobody = Place { destination: 0, mtu: 0, until: Time::ZERO };
        Self { key: secret.derive("paths"), places: [nobody; PLACES].into(), is_used: false }
    }

    fn place(&self, destination: u128) -> usize {
        let words = [destination as u64, (destination >> 64) as u64];
        self.key.quick_hash_words(words) as usize % PLACES
    }

    /// Octets of the longest IP packet to there, if that is less than the link takes.
    pub(super) fn get(&self, now: Time, destination: u128) -> Option<usize> {
        if !self.is_used {
            return None;
        }
        let place = self.places.get(self.place(destination))?;
        (place.destination == destination && now < place.until).then_some(place.mtu.into())
    }

    /// Believes that a path carries `mtu` octets and no more; what every link carries (RFC 8200 5), or every host takes (RFC
    /// 791 3.1), it carries all the same. Whether that is news.
    pub(super) fn lower(&mut self, now: Time, destination: IpAddr, mtu: u32) -> bool {
        let least = if destination.is_ipv6() { 1280 } else { 576 };
        let mtu = u16::try_from(mtu.max(least)).unwrap_or(u16::MAX);
        let destination = key(destination);
        if self.get(now, destination).is_some_and(|known| known <= mtu.into()) {
            return false;
        }
        let at = self.place(destination);
        if let Some(place) = self.places.get_mut(at) {
            *place = Place { destination, mtu, until: now + LIFE };
        }
        self.is_used = true;
        true
    }

    pub(super) fn assert_invariants(&self) {
        for place in self.places.iter().filter(|place| place.until > Time::ZERO) {
            assert!(place.mtu >= if address(place.destination).is_ipv6() { 1280 } else { 576 });
        }
    }
}
