//! Nonces that serve once and are kept nowhere: what the gateway must know again of a challenge is sealed inside them.

use super::digest::Algorithm;
use crate::base::{Inline, SipKey, Time};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use std::net::IpAddr;
use std::time::Duration;

/// What a nonce is good for: it is genuine for nothing else.
///
/// The source's address is part of it, so that a right answer also shows that the address receives what is sent to it,
/// and nobody registers from another's. Its port is not: a UE may answer from another.
#[derive(Clone, Copy)]
pub(super) struct Bound<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) network: u16,
    pub(super) source: IpAddr,
    /// IMSI or user name.
    pub(super) identity: &'a str,
}

/// RAND and AUTN, which an AKA nonce begins with (RFC 3310 3.2).
pub(super) type RandAutn = [u8; 32];

/// A genuine nonce.
pub(super) struct Opened {
    pub(super) sequence: u64,
    issued: Time,
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
/// In base64: RAND and AUTN (AKA), the sequence number, and sealed by ChaCha20-Poly1305 (RFC 8439) under that number
/// the time of issue and the password (AKA).
pub(super) struct Nonces {
    cipher: ChaCha20Poly1305,
    lifetime: Duration,
    next: u64,
    /// A bit for each of the last sequence numbers: it was used.
    used: Box<[u64]>,
}

const SEQUENCE: usize = 8;
const TIME: usize = 8;
/// The password's length and room for it.
const PASSWORD: usize = 1 + 16;
const TAG: usize = 16;
/// Octets of a nonce of SIP digest and of AKA, and of the text of the longer one.
const DIGEST: usize = SEQUENCE + TIME + TAG;
const AKA: usize = 32 + DIGEST + PASSWORD;
const TEXT: usize = AKA.div_ceil(3) * 4;

impl Nonces {
    /// `key` must be of this life of the process alone: sequence numbers begin again. Of the last `window` nonces is
    /// known whether they were used.
    pub(super) fn new(key: &SipKey, window: u32, lifetime: Duration) -> Self {
        let half = |part: &[u8]| key.hash_u128(&[part]).to_le_bytes();
        let secret: [u8; 32] = [half(b"nonce/0"), half(b"nonce/1")].concat().try_into().unwrap_or_default();
        let words = window.max(1).div_ceil(64) as usize;
        let cipher = ChaCha20Poly1305::new(Key::from_slice(&secret));
        Self { cipher, lifetime, next: 0, used: vec![0; words].into() }
    }

    /// How many nonces may be outstanding.
    pub(super) fn window(&self) -> u64 {
        self.used.len() as u64 * 64
    }

    /// A nonce for SIP digest.
    pub(super) fn issue(&mut self, now: Time, bound: &Bound<'_>) -> String {
        self.seal(now, bound, &[], &[])
    }

    /// A nonce for AKA; `password` is at most 16 octets.
    pub(super) fn issue_aka(
        &mut self,
        now: Time,
        bound: &Bound<'_>,
        rand_autn: &RandAutn,
        password: &Inline<16>,
    ) -> String {
        let mut sealed = [0; PASSWORD];
        sealed[0] = password.len() as u8;
        sealed[1..=password.len()].copy_from_slice(password);
        self.seal(now, bound, rand_autn, &sealed)
    }

    fn seal(&mut self, now: Time, bound: &Bound<'_>, rand_autn: &[u8], password: &[u8]) -> String {
        let sequence = self.next;
        self.next += 1;
        let (word, bit) = self.place(sequence);
        self.used[word] &= !bit;
        let plain = [&now.as_nanos().to_le_bytes(), password].concat();
        let payload = Payload { msg: &plain, aad: &associated(bound, rand_autn) };
        // It can fail for messages of gigabytes alone; what is then issued is no genuine nonce.
        let sealed = self.cipher.encrypt(&unique(sequence), payload).unwrap_or_default();
        STANDARD.encode([rand_autn, &sequence.to_le_bytes(), &sealed].concat())
    }

    /// The nonce of this text, if it was issued by us for just this.
    pub(super) fn open(&self, bound: &Bound<'_>, text: &[u8]) -> Option<Opened> {
        let octets = STANDARD.decode(text.get(..text.len().min(TEXT + 1))?).ok()?;
        let (rand_autn, rest) = match (bound.algorithm, octets.len()) {
            (Algorithm::Md5, DIGEST) => octets.split_at(0),
            (Algorithm::AkaV1Md5 | Algorithm::AkaV2Md5, AKA) => octets.split_at(32),
            _ => return None,
        };
        let (sequence, sealed) = rest.split_first_chunk::<SEQUENCE>()?;
        let sequence = u64::from_le_bytes(*sequence);
        let payload = Payload { msg: sealed, aad: &associated(bound, rand_autn) };
        let plain = self.cipher.decrypt(&unique(sequence), payload).ok()?;
        let (issued, password) = plain.split_first_chunk::<TIME>()?;
        let password = match password.split_first() {
            Some((&len, password)) => password.get(..usize::from(len))?,
            None => &[],
        };
        Some(Opened {
            sequence,
            issued: Time::from_nanos(u64::from_le_bytes(*issued)),
            rand_autn: rand_autn.try_into().unwrap_or([0; 32]),
            password: Inline::new(password)?,
        })
    }

    /// Whether it may still be answered.
    pub(super) fn freshness(&self, now: Time, nonce: &Opened) -> Freshness {
        let behind = self.next.saturating_sub(nonce.sequence);
        if behind > self.window() || now.since(nonce.issued) > self.lifetime {
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

/// The cipher's nonce: no two messages have the same under one key.
fn unique(sequence: u64) -> Nonce {
    let mut unique = [0; 12];
    unique[..SEQUENCE].copy_from_slice(&sequence.to_le_bytes());
    unique.into()
}

/// What is authenticated but not in the nonce, or there in clear. Only the last part has no fixed length: how long
/// `rand_autn` is, follows from the algorithm.
fn associated(bound: &Bound<'_>, rand_autn: &[u8]) -> Vec<u8> {
    let address = match bound.source {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    let network = bound.network.to_le_bytes();
    [&[bound.algorithm as u8], &network[..], &address, rand_autn, bound.identity.as_bytes()].concat()
}
