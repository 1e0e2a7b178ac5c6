//! The state cookie (RFC 9260 5.1.3): all that a server knows of a new association, kept by the peer, under a MAC.

use super::MAX_PATHS;
use super::association::is_unicast;
use super::view::is_checked;
use crate::base::Time;
use crate::codec::Reader;
use core::net::IpAddr;
use core::time::Duration;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// How long one key makes cookies. A cookie of the key before is still good.
pub(super) const ROTATION: Duration = Duration::from_secs(600);
/// No cookie is longer.
pub(super) const MAX_LENGTH: usize = 64 + 17 * MAX_PATHS + MAC_LENGTH;
const MAC_LENGTH: usize = 32;

/// The contents of a cookie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Cookie {
    /// Which configuration.
    pub(super) association: u16,
    /// When it was made.
    pub(super) made: Time,
    /// Our port and the peer's.
    pub(super) ports: (u16, u16),
    /// Our tag and the peer's.
    pub(super) tags: (u32, u32),
    /// Our initial TSN and the peer's.
    pub(super) tsns: (u32, u32),
    /// The peer's advertised window.
    pub(super) window: u32,
    /// Streams out and in.
    pub(super) streams: (u16, u16),
    /// Stands for the tags of the association that was there when the cookie was made; 0 if there was none.
    pub(super) tie: u64,
    /// The peer's addresses; the first is where the INIT ACK went.
    pub(super) addresses: Addresses,
}

impl Cookie {
    /// Whether it holds what no INIT that we have answered could lack, whoever made it.
    pub(super) fn is_sound(&self) -> bool {
        let (out, inbound) = self.streams;
        out > 0
            && inbound > 0
            && self.window >= 1500
            && self.tags.0 != 0
            && self.tags.1 != 0
            && self.addresses.iter().all(is_unicast)
    }
}

/// A few addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Addresses {
    list: [Option<IpAddr>; MAX_PATHS],
}

impl Addresses {
    pub(super) const NONE: Self = Self { list: [None; MAX_PATHS] };

    /// Adds an address unless it is there or there is no room.
    pub(super) fn add(&mut self, address: IpAddr) {
        if !self.contains(address)
            && let Some(free) = self.list.iter_mut().find(|entry| entry.is_none())
        {
            *free = Some(address);
        }
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.list.contains(&Some(address))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.list.iter().copied().flatten()
    }
}

/// A cookie as it goes over the wire.
pub(super) struct Sealed {
    octets: [u8; MAX_LENGTH],
    length: usize,
}

impl Sealed {
    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or(&[])
    }

    fn put(&mut self, octets: &[u8]) {
        if let Some(room) = self.octets.get_mut(self.length..).and_then(|rest| rest.get_mut(..octets.len())) {
            room.copy_from_slice(octets);
            self.length += octets.len();
        }
    }
}

/// Makes cookies and knows its own.
pub(super) struct Baker {
    master: Hmac<Sha256>,
    epoch: u32,
    current: Hmac<Sha256>,
    previous: Hmac<Sha256>,
}

impl Baker {
    pub(super) fn new(secret: [u8; 32]) -> Self {
        // An HMAC key of the hash's block size needs no length check.
        let mut block = [0; 64];
        block.split_at_mut(32).0.copy_from_slice(&secret);
        let master = <Hmac<Sha256> as hmac::digest::KeyInit>::new(&block.into());
        let current = Self::key(&master, 0);
        Self { epoch: 0, previous: current.clone(), current, master }
    }

    fn key(master: &Hmac<Sha256>, epoch: u32) -> Hmac<Sha256> {
        let derived = master.clone().chain_update(epoch.to_be_bytes()).finalize().into_bytes();
        let mut block = [0; 64];
        block.split_at_mut(MAC_LENGTH).0.copy_from_slice(&derived);
        <Hmac<Sha256> as hmac::digest::KeyInit>::new(&block.into())
    }

    /// Takes the key of the time.
    fn rotate(&mut self, now: Time) {
        let epoch = (now.as_secs() / ROTATION.as_secs()) as u32;
        if epoch != self.epoch {
            self.epoch = epoch;
            self.current = Self::key(&self.master, epoch);
            self.previous = Self::key(&self.master, epoch.saturating_sub(1));
        }
    }

    pub(super) fn seal(&mut self, now: Time, cookie: &Cookie) -> Sealed {
        self.rotate(now);
        let mut sealed = Sealed { octets: [0; MAX_LENGTH], length: 0 };
        sealed.put(&self.epoch.to_be_bytes());
        sealed.put(&cookie.association.to_be_bytes());
        sealed.put(&cookie.made.as_nanos().to_be_bytes());
        sealed.put(&cookie.ports.0.to_be_bytes());
        sealed.put(&cookie.ports.1.to_be_bytes());
        for word in [cookie.tags.0, cookie.tags.1, cookie.tsns.0, cookie.tsns.1, cookie.window] {
            sealed.put(&word.to_be_bytes());
        }
        sealed.put(&cookie.streams.0.to_be_bytes());
        sealed.put(&cookie.streams.1.to_be_bytes());
        sealed.put(&cookie.tie.to_be_bytes());
        for address in cookie.addresses.iter() {
            match address {
                IpAddr::V4(address) => {
                    sealed.put(&[4]);
                    sealed.put(&address.octets());
                }
                IpAddr::V6(address) => {
                    sealed.put(&[6]);
                    sealed.put(&address.octets());
                }
            }
        }
        let mac = self.current.clone().chain_update(sealed.octets()).finalize().into_bytes();
        sealed.put(&mac);
        sealed
    }

    /// The contents of a cookie that we made with a key still in use; the MAC is compared in constant time.
    pub(super) fn open(&mut self, now: Time, octets: &[u8]) -> Option<Cookie> {
        self.rotate(now);
        let (body, mac) = octets.split_last_chunk::<MAC_LENGTH>()?;
        let mut reader = Reader::new(body);
        let epoch = reader.u32()?;
        let key = match self.epoch.checked_sub(epoch)? {
            0 => &self.current,
            1 => &self.previous,
            _ => return None,
        };
        let verified = key.clone().chain_update(body).verify(&(*mac).into());
        if verified.is_err() && is_checked() {
            return None;
        }
        let association = reader.u16()?;
        let made = Time::from_nanos(u64::from_be_bytes(reader.array()?));
        let ports = (reader.u16()?, reader.u16()?);
        let tags = (reader.u32()?, reader.u32()?);
        let tsns = (reader.u32()?, reader.u32()?);
        let window = reader.u32()?;
        let streams = (reader.u16()?, reader.u16()?);
        let tie = u64::from_be_bytes(reader.array()?);
        let mut addresses = Addresses::NONE;
        while let Some(family) = reader.u8() {
            addresses.add(match family {
                4 => IpAddr::from(reader.array::<4>()?),
                6 => IpAddr::from(reader.array::<16>()?),
                _ => return None,
            });
        }
        Some(Cookie { association, made, ports, tags, tsns, window, streams, tie, addresses })
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use super::*;

    fn cookie(made: Time) -> Cookie {
        let mut addresses = Addresses::NONE;
        addresses.add("10.0.0.1".parse().unwrap());
        addresses.add("2001:db8::1".parse().unwrap());
        Cookie {
            association: 3,
            made,
            ports: (2905, 2906),
            tags: (1, 2),
            tsns: (3, 4),
            window: 5,
            streams: (6, 7),
            tie: 8,
            addresses,
        }
    }

    #[test]
    fn only_an_unchanged_cookie_of_our_own_opens() {
        let mut baker = Baker::new([7; 32]);
        let now = Time::from_millis(5);
        let sealed = baker.seal(now, &cookie(now));
        assert_eq!(baker.open(now, sealed.octets()), Some(cookie(now)));
        assert_eq!(baker.seal(now, &cookie(now)).octets(), sealed.octets(), "every octet is written");
        for at in 0..sealed.octets().len() {
            for bit in 0..8 {
                let mut forged = sealed.octets().to_vec();
                forged[at] ^= 1 << bit;
                assert_eq!(baker.open(now, &forged), None, "{at}.{bit}");
            }
            assert_eq!(baker.open(now, &sealed.octets()[..at]), None);
        }
        assert_eq!(Baker::new([8; 32]).open(now, sealed.octets()), None);
    }

    #[test]
    fn the_previous_key_still_opens_and_the_one_before_does_not() {
        let mut baker = Baker::new([7; 32]);
        let start = Time::ZERO + ROTATION - Duration::from_millis(1);
        let sealed = baker.seal(start, &cookie(start));
        assert!(baker.open(start + Duration::from_secs(1), sealed.octets()).is_some());
        assert!(baker.open(start + ROTATION + Duration::from_secs(1), sealed.octets()).is_none());
        let fresh = baker.seal(start + ROTATION, &cookie(start));
        assert_ne!(fresh.octets(), sealed.octets());
    }
}
