//! Via, its topmost value taken apart and all of them checked (RFC 3261 20.42, RFC 3581).

use super::host::{ip_address, is_host};
use super::params::Params;
use super::scan::{decimal, is_lws, octet, skip_lws, split_host, split_once, split_token, trim};
use core::net::IpAddr;

/// The topmost value of Via (RFC 3261 20.42, RFC 3581).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Via<'a> {
    /// `UDP`, `TCP` or another transport's name, as it is spelt.
    pub transport: &'a [u8],
    /// Host that the sender gave as its own: a name, an IPv4 address, or an IPv6 address in brackets.
    pub sent_by_host: &'a [u8],
    /// Port that the sender gave as its own, never 0.
    pub sent_by_port: Option<u16>,
    /// The branch, if there is one.
    pub branch: Option<&'a [u8]>,
    /// The `received` parameter, if there is one.
    pub received: Option<&'a [u8]>,
    /// The `rport` parameter: absent, without a value, or with one.
    pub rport: Option<Option<u16>>,
    /// The value up to its parameters.
    pub(super) head: &'a [u8],
    /// The parameters.
    pub(super) params: Params<'a>,
    /// The rest of the line: empty, or a comma and further values.
    pub(super) rest: &'a [u8],
    /// It can be read. One that can't stands in [`Via::head`] as it is.
    pub(super) readable: bool,
}

impl Via<'_> {
    /// Whether it has the `alias` parameter: requests to sent-by may go by the connection that this came by (RFC 5923 8.1).
    #[must_use]
    pub fn has_alias(&self) -> bool {
        self.params.into_iter().any(|param| param.name.eq_ignore_ascii_case(b"alias"))
    }
}

impl<'a> Via<'a> {
    /// One that can't be read: a response copies it, and goes to where its request came from.
    pub(super) const fn unreadable(line: &'a [u8]) -> Self {
        Self { head: line, readable: false, ..Self::EMPTY }
    }

    /// How many values a Via line has, this its first one included; `None` if another can't be read.
    pub(super) fn count(&self, parameters: u8) -> Option<usize> {
        let (mut via, mut count) = (*self, 1);
        loop {
            let mut rest = via.rest;
            while let Some((b',', after)) = rest.split_first() {
                rest = skip_lws(after);
            }
            if rest.is_empty() {
                return Some(count);
            }
            via = Self::read(rest, parameters)?;
            count += 1;
        }
    }

    /// The first value of a Via line, with at most that many parameters.
    pub(super) fn read(line: &'a [u8], parameters: u8) -> Option<Self> {
        let (transport, rest) = match line.strip_prefix(b"SIP/2.0/UDP ") {
            Some(rest) => (line.get(8..11)?, rest),
            None => Self::protocol(line)?,
        };
        let rest = skip_lws(rest);
        let (sent_by_host, rest) = if rest.first() == Some(&b'[') {
            let (host, after) = rest.split_at_checked(octet(rest, 0, b']') + 1)?;
            ip_address(host)?;
            (host, after)
        } else {
            let (host, after) = split_host(rest);
            is_host(host).then_some((host, after))?
        };
        let (sent_by_port, rest) = match skip_lws(rest).split_first() {
            Some((b':', after)) => {
                let (digits, after) = split_host(skip_lws(after));
                (Some(port(digits)?), after)
            }
            _ => (None, rest),
        };
        let head = line.get(..line.len() - rest.len())?;
        Self { transport, sent_by_host, sent_by_port, head, rest, ..Self::EMPTY }
            .with_params(rest, parameters)
    }

    /// The transport and what follows it, where they are not what they mostly are.
    fn protocol(line: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let after_protocol = match line.strip_prefix(b"SIP/2.0/") {
            Some(rest) => rest,
            None => {
                let (name, rest) = split_once(line, b'/')?;
                let (version, rest) = split_once(rest, b'/')?;
                (trim(name).eq_ignore_ascii_case(b"SIP") && trim(version) == b"2.0")
                    .then_some(skip_lws(rest))?
            }
        };
        let (transport, rest) = split_token(after_protocol);
        (!transport.is_empty() && rest.first().copied().is_some_and(is_lws)).then_some((transport, rest))
    }

    const EMPTY: Self = Self {
        transport: &[],
        sent_by_host: &[],
        sent_by_port: None,
        branch: None,
        received: None,
        rport: None,
        head: &[],
        params: Params::EMPTY,
        rest: &[],
        readable: true,
    };

    fn with_params(mut self, text: &'a [u8], parameters: u8) -> Option<Self> {
        let (params, rest) = Params::read(text, parameters, |param| {
            match param.name.len() {
                5 if param.is(b"rport") => {
                    self.rport = Some(match param.value {
                        Some(digits) => Some(port(digits)?),
                        None => None,
                    });
                }
                6 if param.is(b"branch") => self.branch = Some(param.value?),
                8 if param.is(b"received") => self.received = Some(param.value?),
                _ => {}
            }
            Some(())
        })?;
        Some(Self { params, rest, ..self })
    }

    /// The sent-by host as an address, unless it is a name.
    #[must_use]
    pub fn sent_by_address(&self) -> Option<IpAddr> {
        ip_address(self.sent_by_host)
    }

    /// Whether the branch is one of RFC 3261, unique to its transaction (8.1.1.7).
    #[must_use]
    pub fn has_magic_cookie(&self) -> bool {
        self.branch.is_some_and(has_magic_cookie)
    }
}

/// Whether a branch is one of RFC 3261.
pub(super) fn has_magic_cookie(branch: &[u8]) -> bool {
    branch.split_at_checked(MAGIC_COOKIE.len()).is_some_and(|(cookie, rest)| {
        let mostly = cookie == MAGIC_COOKIE;
        (mostly || cookie.eq_ignore_ascii_case(MAGIC_COOKIE)) && !rest.is_empty()
    })
}

/// What a branch of RFC 3261 begins with.
pub(super) const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

fn port(digits: &[u8]) -> Option<u16> {
    decimal(digits).and_then(|number| u16::try_from(number).ok()).filter(|&number| number != 0)
}
