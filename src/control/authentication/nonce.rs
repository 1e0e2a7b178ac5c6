//! Nonces that serve once and are kept nowhere: what the gateway must know again of a challenge is sealed inside them.

use super::digest::Algorithm;
use crate::base::{Inline, SipKey, Time};
use crate::ident::Imsi;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use std::net::IpAddr;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// What a nonce is good for: it is genuine for nothing else.
///
/// The source's address is part of it, so that a right answer also shows that the address receives what is sent to it,
/// and nobody registers from another's. Its port is not: a UE may answer from another.
///
/// The subscriber is part of it whatever name he has: with AKA because the answer is checked with his vector; with a
/// password so that as many guesses can be made for him as challenges, and no more.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub(super) algorithm: Algorithm,
    pub(super) network: u16,
    pub(super) source: IpAddr,
    pub(super) imsi: Imsi,
}

/// RAND and AUTN, which an AKA nonce begins with (RFC 3310 3.2).
pub(super) type RandAutn = [u8; 32];

/// A genuine nonce.
pub(super) struct Opened {
    pub(super) sequence: u64,
    issued: u16,
    /// RAND and AUTN; zeros in a nonce of SIP digest.
    pub(super) rand_autn: RandAutn,
    /// The password that answers an AKA challenge; empty in a nonce of SIP digest.
    pub(super) password: Inline<16>,
}

/// Whether a genuine nonce may still be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Freshness {
    Fresh,
    /// It was issued too long ago, or too many were issued since.
    Old,
    Used,
}

/// Issues nonces and knows its own again.
///
/// In base64: RAND and AUTN (AKA), the sequence number, the time of issue, the password (AKA) under ChaCha20 (RFC 8439)
/// with the sequence number as its nonce, and a SipHash-2-4 over all that and what it is bound to. It is as short as can
/// be: a challenge must not be longer than the REGISTER that it answers.
pub(super) struct Nonces {
    cipher: [u8; 32],
    check: SipKey,
    lifetime: Duration,
    next: u64,
    /// A bit for each of the last sequence numbers: it was used.
    used: Box<[u64]>,
}

const SEQUENCE: usize = 5;
const TIME: usize = 2;
const CHECK: usize = 8;
/// Octets of a nonce of SIP digest, and of AKA with its password of 4 to 16 octets; and of the text of the longest.
const DIGEST: usize = SEQUENCE + TIME + CHECK;
const AKA: core::ops::RangeInclusive<usize> = 32 + DIGEST + 4..=32 + DIGEST + 16;
const TEXT: usize = (*AKA.end()).div_ceil(3) * 4;
/// The time of issue is told in units of 2^30 ns, a little more than a second; after 19 hours it begins again.
const UNIT: u32 = 30;

impl Nonces {
    /// `key` must be of this life of the process alone: sequence numbers begin again. Of the last `window` nonces is
    /// known whether they were used.
    pub(super) fn new(key: &SipKey, window: u32, lifetime: Duration) -> Self {
        let half = |part: &[u8]| key.hash_u128(&[part]).to_le_bytes();
        let cipher = [half(b"nonce/0"), half(b"nonce/1")].concat().try_into().unwrap_or_default();
        let words = window.max(1).div_ceil(64) as usize;
        Self { cipher, check: key.derive("nonce check"), lifetime, next: 0, used: vec![0; words].into() }
    }

    /// How many nonces may be outstanding.
    pub(super) fn window(&self) -> u64 {
        self.used.len() as u64 * 64
    }

    /// A nonce for SIP digest.
    pub(super) fn issue(&mut self, now: Time, bound: &Bound) -> String {
        self.seal(now, bound, &[], &[])
    }

    /// A nonce for AKA; `password` is of 4 to 16 octets.
    pub(super) fn issue_aka(
        &mut self,
        now: Time,
        bound: &Bound,
        rand_autn: &RandAutn,
        password: &Inline<16>,
    ) -> String {
        self.seal(now, bound, rand_autn, password)
    }

    fn seal(&mut self, now: Time, bound: &Bound, rand_autn: &[u8], password: &[u8]) -> String {
        let sequence = self.next;
        self.next += 1;
        let (word, bit) = self.place(sequence);
        self.used[word] &= !bit;
        let mut password = password.to_vec();
        self.cipher(sequence).apply_keystream(&mut password);
        let number = &sequence.to_be_bytes()[8 - SEQUENCE..];
        let mut octets = [rand_autn, number, &units(now).to_be_bytes(), &password].concat();
        let check = self.check(bound, &octets);
        octets.extend(check.to_be_bytes());
        STANDARD.encode(octets)
    }

    /// The nonce of this text, if it was issued by us for just this.
    pub(super) fn open(&self, bound: &Bound, text: &[u8]) -> Option<Opened> {
        let octets = STANDARD.decode(text.get(..text.len().min(TEXT + 1))?).ok()?;
        let (octets, check) = octets.split_last_chunk::<CHECK>()?;
        let (rand_autn, rest) = match (bound.algorithm, octets.len() + CHECK) {
            (Algorithm::Md5, DIGEST) => octets.split_at(0),
            (Algorithm::AkaV1Md5 | Algorithm::AkaV2Md5, len) if AKA.contains(&len) => octets.split_at(32),
            _ => return None,
        };
        if !bool::from(self.check(bound, octets).to_be_bytes().ct_eq(check)) {
            return None;
        }
        let (number, rest) = rest.split_first_chunk::<SEQUENCE>()?;
        let (issued, password) = rest.split_first_chunk::<TIME>()?;
        let sequence = number.iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
        let mut password = password.to_vec();
        self.cipher(sequence).apply_keystream(&mut password);
        Some(Opened {
            sequence,
            issued: u16::from_be_bytes(*issued),
            rand_autn: rand_autn.try_into().unwrap_or([0; 32]),
            password: Inline::new(&password)?,
        })
    }

    /// No two passwords have the same keystream under one key.
    fn cipher(&self, sequence: u64) -> ChaCha20 {
        let mut unique = [0; 12];
        unique[..8].copy_from_slice(&sequence.to_le_bytes());
        ChaCha20::new(&self.cipher.into(), &unique.into())
    }

    /// Over what is in a nonce before the check, and what it is bound to.
    fn check(&self, bound: &Bound, octets: &[u8]) -> u64 {
        let address = match bound.source {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        let (network, imsi) = (bound.network.to_le_bytes(), bound.imsi.digits().to_u128().to_le_bytes());
        self.check.hash(&[&[bound.algorithm as u8], &network, &address, &imsi, octets])
    }

    /// Whether it may still be answered.
    pub(super) fn freshness(&self, now: Time, nonce: &Opened) -> Freshness {
        let behind = self.next.saturating_sub(nonce.sequence);
        let age = Duration::from_nanos(u64::from(units(now).wrapping_sub(nonce.issued)) << UNIT);
        if behind > self.window() || age > self.lifetime {
            return Freshness::Old;
        }
        let (word, bit) = self.place(nonce.sequence);
        if self.used[word] & bit == 0 { Freshness::Fresh } else { Freshness::Used }
    }

    /// Uses a fresh nonce up.
    pub(super) fn spend(&mut self, nonce: &Opened) {
        let (word, bit) = self.place(nonce.sequence);
        self.used[word] |= bit;
    }

    fn place(&self, sequence: u64) -> (usize, u64) {
        let at = sequence % self.window();
        ((at / 64) as usize, 1 << (at % 64))
    }
}

/// A time of issue as a nonce tells it.
fn units(time: Time) -> u16 {
    (time.as_nanos() >> UNIT) as u16
}
