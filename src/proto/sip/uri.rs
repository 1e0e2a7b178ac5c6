//! SIP, SIPS and tel URIs (RFC 3261 19.1, RFC 3966).

use super::host::{ip_address, is_host};
use super::params::Seen;
use super::scan::{
    decimal, host_end, is_password_text, is_token, is_uri_text, is_user_text, octet, spell, split_once,
};
use crate::ident::{Digits, Identity};
use core::net::SocketAddr;

/// A URI's scheme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Any other: a Request-URI of such a scheme is answered with 416.
    Other,
}

/// A URI taken apart. What it borrows has only octets that a URI may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uri<'a> {
    /// The scheme.
    pub scheme: Scheme,
    /// The user part with its escapes and parameters, without a password; of a tel URI the number; of another
    /// scheme all that follows the colon. Empty if there is none.
    pub user: &'a [u8],
    /// The host as it is spelt, an IPv6 address in its brackets; empty for a tel URI.
    pub host: &'a [u8],
    /// The port.
    pub port: Option<u16>,
    /// The parameters with their first semicolon, or empty.
    params: &'a [u8],
    /// The headers with their question mark, or empty.
    headers: &'a [u8],
    text: &'a [u8],
}

/// A telephone number found in a URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Telephone {
    /// The digits alone.
    pub digits: Digits,
    /// Whether the number is international, that is began with `+`.
    pub international: bool,
}

impl<'a> Uri<'a> {
    /// The URI that `text` consists of, without angle brackets; `None` if it is no URI, or a SIP URI without a host.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (scheme, _) = split_once(text, b':')?;
        if is_uri_text(text) && is_token(scheme) { Self::of_checked(text) } else { None }
    }

    /// From its user, host, parameters, headers and whole text, which have been checked.
    #[inline(always)]
    pub(super) const fn of_parts(
        scheme: Scheme,
        [user, host, params, headers, text]: [&'a [u8]; 5],
        port: Option<u16>,
    ) -> Self {
        Self { scheme, user, host, port, params, headers, text }
    }

    /// The same of a text that has only octets of a URI and begins with a scheme, as the parser has seen to of a
    /// Request-URI and of what [`NameAddr`](super::NameAddr) calls a URI.
    #[must_use]
    pub fn of_checked(text: &'a [u8]) -> Option<Self> {
        let (scheme, rest) = match text {
            [b's', b'i', b'p', b':', rest @ ..] => (Scheme::Sip, rest),
            [b't', b'e', b'l', b':', rest @ ..] => (Scheme::Tel, rest),
            _ => Self::scheme_of(text)?,
        };
        if rest.is_empty() || !escapes_are_whole(text) {
            return None;
        }
        let empty = Self { scheme, user: &[], host: &[], port: None, params: &[], headers: &[], text };
        match scheme {
            Scheme::Sip | Scheme::Sips => empty.sip(rest),
            Scheme::Tel => {
                let (user, params) = rest.split_at_checked(octet(rest, 0, b';'))?;
                (!user.is_empty() && params_are_sound(params)).then_some(Self { user, params, ..empty })
            }
            Scheme::Other => Some(Self { user: rest, ..empty }),
        }
    }

    /// A scheme in any case, and what follows its colon.
    fn scheme_of(text: &'a [u8]) -> Option<(Scheme, &'a [u8])> {
        let (scheme, rest) = split_once(text, b':')?;
        let scheme = match scheme.len() {
            3 if scheme.eq_ignore_ascii_case(b"sip") => Scheme::Sip,
            4 if scheme.eq_ignore_ascii_case(b"sips") => Scheme::Sips,
            3 if scheme.eq_ignore_ascii_case(b"tel") => Scheme::Tel,
            _ => Scheme::Other,
        };
        Some((scheme, rest))
    }

    /// `[user[:password]@]host[:port][;params][?headers]`. An unescaped `@` can only end the user part.
    fn sip(self, rest: &'a [u8]) -> Option<Self> {
        let (user, rest) = match split_once(rest, b'@') {
            Some((user_and_password, rest)) => {
                let (user, password) =
                    user_and_password.split_at_checked(octet(user_and_password, 0, b':'))?;
                let sound = is_user_text(user) && password.get(1..).is_none_or(is_password_text);
                (sound.then_some(user)?, rest)
            }
            None => (&[][..], rest),
        };
        let (host_and_port, rest) = rest.split_at_checked(host_end(rest))?;
        let (params, headers) = rest.split_at_checked(octet(rest, 0, b'?'))?;
        let (host, rest) = if host_and_port.first() == Some(&b'[') {
            let (host, rest) = host_and_port.split_at_checked(octet(host_and_port, 0, b']') + 1)?;
            (host, rest)
        } else {
            host_and_port.split_at_checked(octet(host_and_port, 0, b':'))?
        };
        if !is_host(host) || headers.len() == 1 || !params_are_sound(params) {
            return None;
        }
        let port = match rest.split_first() {
            None => None,
            Some((b':', digits)) => Some(u16::try_from(decimal(digits)?).ok()?),
            Some(_) => return None,
        };
        Some(Self { user, host, port, params, headers, ..self })
    }

    /// Host and port, if the host is an IP address; without a port, the one that SIP has there (RFC 3261 19.1.2).
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let port = self.port.unwrap_or(if self.scheme == Scheme::Sips { 5061 } else { 5060 });
        Some(SocketAddr::new(ip_address(self.host)?, port)).filter(|address| address.port() != 0)
    }

    /// The value of a parameter, empty if it has none; `None` if the parameter is absent.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'a [u8]> {
        self.params.split(|&c| c == b';').find_map(|param| {
            let (found, value) = split_once(param, b'=').unwrap_or((param, &[]));
            found.eq_ignore_ascii_case(name.as_bytes()).then_some(value)
        })
    }

    /// The parameters as they are spelt, with their first semicolon; empty if there are none.
    #[must_use]
    pub fn params(&self) -> &'a [u8] {
        self.params
    }

    /// The whole URI as it is spelt.
    #[must_use]
    pub const fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The headers that a request made of the URI would have, with their question mark; empty if there are none. A
    /// Request-URI has none (RFC 3261 19.1.1).
    #[must_use]
    pub fn headers(&self) -> &'a [u8] {
        self.headers
    }

    /// The URI as it may be a Request-URI, in two pieces to be written one behind the other: without headers and `method`,
    /// which stand in a Contact but not there (RFC 3261 19.1.1, 19.1.5).
    #[must_use]
    pub fn request_uri(&self) -> [&'a [u8]; 2] {
        let end = self.text.len() - self.headers.len();
        let whole = self.text.get(..end).unwrap_or(&[]);
        let start = end - self.params.len();
        let mut at = start;
        for param in self.params.split(|&c| c == b';').skip(1) {
            let (name, _) = split_once(param, b'=').unwrap_or((param, &[]));
            let after = at + 1 + param.len();
            if self.scheme != Scheme::Tel && name.eq_ignore_ascii_case(b"method") {
                return [whole.get(..at).unwrap_or(&[]), whole.get(after..).unwrap_or(&[])];
            }
            at = after;
        }
        [whole, &[]]
    }

    /// The telephone number of a tel URI, or of a SIP URI whose user part is one: it says `user=phone` or begins with
    /// `+`. Visual separators are dropped; parameters of the number (`;phone-context=`) are not part of it.
    /// `None` if there is no number, or one with other than decimal digits or with too many.
    #[must_use]
    pub fn digits(&self) -> Option<Telephone> {
        let is_number = match self.scheme {
            Scheme::Tel => true,
            Scheme::Sip | Scheme::Sips => {
                self.param("user").is_some_and(|value| value.eq_ignore_ascii_case(b"phone"))
                    || Unescaped(self.user).next().is_some_and(|(first, _)| first == b'+')
            }
            Scheme::Other => false,
        };
        if !is_number {
            return None;
        }
        let (number, _) = self.user.split_at_checked(octet(self.user, 0, b';'))?;
        let mut digits = Digits::EMPTY;
        let mut international = false;
        for (at, (c, _)) in Unescaped(number).enumerate() {
            match c {
                b'+' if at == 0 => international = true,
                b'0'..=b'9' => digits = digits.with(c - b'0')?,
                b'-' | b'.' | b'(' | b')' => {}
                _ => return None,
            }
        }
        (!digits.is_empty()).then_some(Telephone { digits, international })
    }

    /// The URI without parameters and headers, spelt as it came: escapes and letter case are untouched, so that two
    /// spellings of one identity differ. [`Uri::canonical`] is the form to compare.
    #[must_use]
    pub fn identity_text(&self) -> &'a [u8] {
        let end = match self.scheme {
            Scheme::Tel => octet(self.text, 0, b';'),
            Scheme::Sip | Scheme::Sips => {
                let after_user = split_once(self.text, b'@').map_or(0, |(before, _)| before.len() + 1);
                octet(self.text, after_user, b';').min(octet(self.text, after_user, b'?'))
            }
            Scheme::Other => self.text.len(),
        };
        self.text.get(..end).unwrap_or(self.text)
    }

    /// The identity to compare and to look up: scheme and host in lower case, needless escapes of the user part
    /// resolved and the others in upper case (RFC 3261 19.1.4), a tel number without visual separators, no password,
    /// parameters (but the context of a local number) or headers. The user part's case and the port stay. `None` if it is longer than an [`Identity`],
    /// or a tel number without a digit or with an octet that no number has.
    #[must_use]
    pub fn canonical(&self) -> Option<Identity> {
        let mut text = Text { octets: [0; Identity::MAX], len: 0 };
        match self.scheme {
            Scheme::Sip => text.push(b"sip:")?,
            Scheme::Sips => text.push(b"sips:")?,
            Scheme::Tel => text.push(b"tel:")?,
            Scheme::Other => return Identity::new(self.text),
        }
        let is_plain = self.scheme != Scheme::Tel && octet(self.user, 0, b'%') == self.user.len();
        if is_plain {
            text.push(self.user)?;
        }
        for (at, (c, escaped)) in Unescaped(if is_plain { &[] } else { self.user }).enumerate() {
            if self.scheme == Scheme::Tel {
                // Not behind separators either, without which it would begin a number (RFC 3966 3, `global-number-digits`).
                if c == b'+' && at > 0 {
                    return None;
                }
                // A number has nothing to escape (RFC 3966 3): of what can't stand there, an escape makes no identity.
                if escaped
                    && !(c.is_ascii_hexdigit() || matches!(c, b'+' | b'*' | b'#' | b'-' | b'.' | b'(' | b')'))
                {
                    return None;
                }
                if !matches!(c, b'-' | b'.' | b'(' | b')') {
                    text.push(&[c.to_ascii_lowercase()])?;
                }
            } else if escaped && !is_unreserved(c) {
                text.push(&[b'%', upper_hex(c >> 4), upper_hex(c & 0xf)])?;
            } else {
                text.push(&[c])?;
            }
        }
        if self.scheme == Scheme::Tel && text.len == b"tel:".len() {
            return None; // separators alone are no number (RFC 3966 3)
        }
        if self.scheme != Scheme::Tel {
            if !self.user.is_empty() {
                text.push(b"@")?;
            }
            text.push_lower(self.host)?;
            if let Some(port) = self.port {
                text.push(b":")?;
                text.push(spell(u32::from(port), &mut [0; 10]))?;
            }
        } else if text.octets.get(b"tel:".len()) != Some(&b'+')
            && let Some(context) = self.param("phone-context").filter(|context| !context.is_empty())
        {
            // A local number means nothing without its context (RFC 3966 5.1.5); one without a value is none.
            text.push(b";phone-context=")?;
            text.push_lower(context)?;
        }
        Identity::new(text.octets.get(..text.len)?)
    }
}

struct Text {
    octets: [u8; Identity::MAX],
    len: usize,
}

impl Text {
    fn push(&mut self, octets: &[u8]) -> Option<()> {
        let end = self.len + octets.len();
        self.octets.get_mut(self.len..end)?.copy_from_slice(octets);
        self.len = end;
        Some(())
    }

    fn push_lower(&mut self, octets: &[u8]) -> Option<()> {
        let start = self.len;
        self.push(octets)?;
        self.octets.get_mut(start..self.len)?.make_ascii_lowercase();
        Some(())
    }
}

/// Octets with `%` escapes resolved, and whether each was escaped.
struct Unescaped<'a>(&'a [u8]);

impl Iterator for Unescaped<'_> {
    type Item = (u8, bool);
    fn next(&mut self) -> Option<(u8, bool)> {
        let (&first, rest) = self.0.split_first()?;
        if first == b'%'
            && let Some((&[high, low], after)) = rest.split_first_chunk::<2>()
            && let (Some(high), Some(low)) = (hex(high), hex(low))
        {
            self.0 = after;
            return Some((high << 4 | low, true));
        }
        self.0 = rest;
        Some((first, false))
    }
}

fn escapes_are_whole(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some((_, after)) = split_once(rest, b'%') {
        match after {
            [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest = after,
            _ => return false,
        }
    }
    true
}

/// Whether a URI's parameters are as the grammar has them: names, values that are not empty, none twice (RFC 3261 19.1.1).
///
/// Beyond the grammar, a value may have an equals sign: senders write base64 there.
fn params_are_sound(params: &[u8]) -> bool {
    let Some(list) = params.strip_prefix(b";") else { return params.is_empty() };
    let mut seen = Seen::default();
    list.split(|&c| c == b';').enumerate().all(|(count, param)| {
        let (name, value) = match split_once(param, b'=') {
            Some((name, value)) => (name, Some(value)),
            None => (param, None),
        };
        let stray = |text: &[u8]| text.iter().any(|c| matches!(c, b'@' | b',' | b'?'));
        let sound = !name.is_empty() && value != Some(&[]) && !stray(param);
        let name_of = |other: &'_ [u8]| split_once(other, b'=').map_or(other.len(), |(name, _)| name.len());
        sound
            && !(seen.note(name)
                && list.split(|&c| c == b';').take(count).any(|other| {
                    other.get(..name_of(other)).is_some_and(|other| other.eq_ignore_ascii_case(name))
                }))
    })
}

/// The value of a hexadecimal digit in either case.
fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

const fn upper_hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' - 10 + nibble }
}

const fn is_unreserved(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}
