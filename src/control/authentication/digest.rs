//! The arithmetic of digest: MD5 (RFC 2617, RFC 7616), and AKA's passwords for it (RFC 3310, RFC 4169).

use crate::base::Inline;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use md5::{Digest as _, Md5};
use serde::Deserialize;

/// An algorithm of digest authentication.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Algorithm {
    /// SIP digest with a password that is agreed beforehand.
    #[serde(rename = "MD5")]
    Md5,
    /// AKA: the password is RES (RFC 3310).
    #[serde(rename = "AKAv1-MD5")]
    AkaV1Md5,
    /// AKA: the password follows from RES, IK and CK, so that no other protocol's run serves (RFC 4169).
    #[serde(rename = "AKAv2-MD5")]
    AkaV2Md5,
}

impl Algorithm {
    /// All, in the order in which a UE should prefer them last to first.
    pub(super) const ALL: [Self; 3] = [Self::Md5, Self::AkaV1Md5, Self::AkaV2Md5];

    /// As it is spelt in headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::AkaV1Md5 => "AKAv1-MD5",
            Self::AkaV2Md5 => "AKAv2-MD5",
        }
    }

    /// From a header, without regard to case.
    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| name.eq_ignore_ascii_case(algorithm.name().as_bytes()))
    }

    /// Whether it takes vectors of the authentication centre.
    #[must_use]
    pub const fn is_aka(self) -> bool {
        !matches!(self, Self::Md5)
    }
}

/// An authentication vector of UMTS AKA (TS 33.102 6.3.2).
#[derive(Clone, Copy)]
pub struct Vector {
    /// The challenge.
    pub rand: [u8; 16],
    /// What shows the UE that the challenge is the network's.
    pub autn: [u8; 16],
    /// The expected response: 4 to 16 octets.
    pub xres: Inline<16>,
    /// Key of confidentiality.
    pub ck: [u8; 16],
    /// Key of integrity.
    pub ik: [u8; 16],
}

/// Masked: it is secret.
impl core::fmt::Debug for Vector {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Vector(secret)")
    }
}

impl Vector {
    /// What must be kept to check an answer: RES, or the octets that AKAv2's password is the base64 of.
    pub(super) fn password(&self, algorithm: Algorithm) -> Inline<16> {
        if algorithm != Algorithm::AkaV2Md5 {
            return self.xres;
        }
        // A key of any length will do.
        let key = [&self.xres[..], &self.ik, &self.ck].concat();
        let hash = Hmac::<Md5>::new_from_slice(&key).ok().map(|mac| {
            let octets: [u8; 16] =
                mac.chain_update(b"http-digest-akav2-password").finalize().into_bytes().into();
            octets
        });
        hash.and_then(|octets| Inline::new(&octets)).unwrap_or(Inline::EMPTY)
    }
}

/// H(A1) of an AKA challenge whose [`Vector::password`] was `password`.
pub(super) fn ha1_of_aka(algorithm: Algorithm, username: &[u8], realm: &[u8], password: &[u8]) -> [u8; 16] {
    match algorithm {
        Algorithm::AkaV2Md5 => ha1(username, realm, STANDARD.encode(password).as_bytes()),
        _ => ha1(username, realm, password),
    }
}

/// H(A1).
pub(super) fn ha1(username: &[u8], realm: &[u8], password: &[u8]) -> [u8; 16] {
    md5(&[username, realm, password])
}

/// What a response is made of beside the password, with the quality of protection `auth`.
pub(super) struct Answer<'a> {
    pub(super) nonce: &'a [u8],
    pub(super) nc: &'a [u8],
    pub(super) cnonce: &'a [u8],
    pub(super) method: &'a [u8],
    pub(super) uri: &'a [u8],
}

impl Answer<'_> {
    /// The response of who knows the password behind `ha1`.
    pub(super) fn response(&self, ha1: &[u8; 16]) -> [u8; 16] {
        let ha2 = md5(&[self.method, self.uri]);
        md5(&[&hex(ha1), self.nonce, self.nc, self.cnonce, b"auth", &hex(&ha2)])
    }
}

/// MD5 of the parts with colons between them.
fn md5(parts: &[&[u8]]) -> [u8; 16] {
    Md5::digest(parts.join(&b':')).into()
}

/// In lower case.
fn hex(octets: &[u8; 16]) -> [u8; 32] {
    let digit = |at: usize| octets[at / 2] >> (4 * (1 - at % 2)) & 0xf;
    core::array::from_fn(|at| b"0123456789abcdef"[usize::from(digit(at))])
}

/// 16 octets from 32 hexadecimal digits in either case.
pub(super) fn from_hex(text: &[u8]) -> Option<[u8; 16]> {
    let digits = text.iter().all(u8::is_ascii_hexdigit) && text.len() == 32;
    let number = u128::from_str_radix(core::str::from_utf8(text).ok()?, 16).ok()?;
    digits.then_some(number.to_be_bytes())
}
