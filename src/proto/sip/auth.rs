//! Digest authorization in place (RFC 3261 20.7, RFC 7616 3.4, RFC 3310 3.4).

use super::headers::unquoted;
use super::scan::{is_lws, is_token, quoted, skip_lws, split_once, trim};

/// The `username` of a Digest authorization, without quotes: in IMS the private user identity (TS 24.229 5.1.1.2).
/// `None` for another scheme, or if the header can't be read that far.
#[must_use]
pub fn username(value: &[u8]) -> Option<&[u8]> {
    let mut rest = parameters(value)?;
    loop {
        let (name, value) = take(&mut rest)?;
        if name.eq_ignore_ascii_case(b"username") {
            return Some(value);
        }
    }
}

/// Why an Authorization can't be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// Another scheme than Digest.
    Scheme,
    /// What stands there is no list of parameters.
    Grammar,
    /// A parameter stands there twice.
    Duplicate,
}

/// The value of an Authorization header with the scheme Digest. Each value is without its quotes; escapes in it are
/// left as they are, which is also how they go into digests (RFC 7616 3.4.1, `unq`).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Authorization<'a> {
    /// Who.
    pub username: Option<&'a [u8]>,
    /// The realm of the challenge.
    pub realm: Option<&'a [u8]>,
    /// The nonce of the challenge; empty before there was one (TS 24.229 5.1.1.2).
    pub nonce: Option<&'a [u8]>,
    /// The Request-URI, as the client says.
    pub uri: Option<&'a [u8]>,
    /// The digest in hexadecimal; empty if the client refuses the challenge (TS 24.229 5.1.1.5.3).
    pub response: Option<&'a [u8]>,
    /// The algorithm; MD5 if there is none.
    pub algorithm: Option<&'a [u8]>,
    /// The client's nonce.
    pub cnonce: Option<&'a [u8]>,
    /// How often the nonce has been used, 8 hexadecimal digits.
    pub nc: Option<&'a [u8]>,
    /// The quality of protection.
    pub qop: Option<&'a [u8]>,
    /// The client's re-synchronisation token in base64 (RFC 3310 3.4).
    pub auts: Option<&'a [u8]>,
    /// What the challenge had here.
    pub opaque: Option<&'a [u8]>,
}

impl<'a> Authorization<'a> {
    /// Takes the value of one header apart. Parameters that are not known are passed over.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(value: &'a [u8]) -> Result<Self, Unreadable> {
        let mut rest = parameters(value).ok_or(Unreadable::Scheme)?;
        let mut all = Self::default();
        while !rest.is_empty() {
            let (name, value) = take(&mut rest).ok_or(Unreadable::Grammar)?;
            let Some(place) = all.place(name) else { continue };
            if place.replace(value).is_some() {
                return Err(Unreadable::Duplicate);
            }
        }
        Ok(all)
    }

    fn place(&mut self, name: &[u8]) -> Option<&mut Option<&'a [u8]>> {
        let places: [(&[u8], &mut Option<&'a [u8]>); 11] = [
            (b"username", &mut self.username),
            (b"realm", &mut self.realm),
            (b"nonce", &mut self.nonce),
            (b"uri", &mut self.uri),
            (b"response", &mut self.response),
            (b"algorithm", &mut self.algorithm),
            (b"cnonce", &mut self.cnonce),
            (b"nc", &mut self.nc),
            (b"qop", &mut self.qop),
            (b"auts", &mut self.auts),
            (b"opaque", &mut self.opaque),
        ];
        places.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, place)| place)
    }
}

/// Masked: it names who authenticates, and what with.
impl core::fmt::Debug for Authorization<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Authorization(private)")
    }
}

/// What follows the scheme Digest.
fn parameters(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(value.iter().copied().position(is_lws)?)?;
    scheme.eq_ignore_ascii_case(b"Digest").then_some(skip_lws(rest))
}

/// Takes `name=value` off the front of `rest`, and the comma behind it. Values that should have quotes are taken
/// without them too, and the other way: clients differ.
fn take<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (name, value) = split_once(rest, b'=')?;
    let (name, value) = (trim(name), skip_lws(value));
    let (value, after) = if value.first() == Some(&b'"') {
        let (value, after) = value.split_at_checked(quoted(value)?)?;
        (unquoted(value), skip_lws(after))
    } else {
        let end = value.iter().position(|&octet| octet == b',').unwrap_or(value.len());
        let (value, after) = value.split_at_checked(end)?;
        let value = trim(value);
        if value.is_empty() || value.iter().any(|&octet| is_lws(octet) || octet == b'"') {
            return None;
        }
        (value, after)
    };
    *rest = match after.split_first() {
        None => after,
        // A comma with nothing behind it is taken: lists may have empty elements.
        Some((b',', after)) => skip_lws(after),
        Some(_) => return None,
    };
    is_token(name).then_some((name, value))
}
