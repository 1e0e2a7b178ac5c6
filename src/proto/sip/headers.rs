//! Header values that we understand: Via, name-addr, parameters, lists and media types (RFC 3261 20, 25.1).

use super::scan::{
    decimal, has_scheme, is_lws, is_plain, is_plain_value, is_token, is_uri_text, list_mark, octet, quoted,
    seconds, skip_lws, split_host, split_once, split_param_value, split_token, trim,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A parameter of a header's value: `name` or `name=value`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Param<'a> {
    /// The name as it is spelt; compare without regard to case.
    pub name: &'a [u8],
    /// The value, a quoted string with its quotes.
    pub value: Option<&'a [u8]>,
}

impl<'a> Param<'a> {
    /// Takes `;name[=value]` off the front of `text`. `Ok(None)` at the end of the list, that is at the end of
    /// `text` or before a comma; an error when neither a parameter nor an end stands there.
    fn take(text: &mut &'a [u8]) -> Result<Option<Self>, Unreadable> {
        let rest = skip_lws(text);
        *text = rest;
        let Some((&first, rest)) = rest.split_first() else { return Ok(None) };
        match first {
            b',' => return Ok(None),
            b';' => {}
            _ => return Err(Unreadable),
        }
        let (name, rest) = split_token(skip_lws(rest));
        if name.is_empty() {
            return Err(Unreadable);
        }
        let after_name = skip_lws(rest);
        let Some((b'=', rest)) = after_name.split_first() else {
            *text = after_name;
            return Ok(Some(Self { name, value: None }));
        };
        let rest = skip_lws(rest);
        let (value, rest) = if rest.first() == Some(&b'"') {
            rest.split_at_checked(quoted(rest).ok_or(Unreadable)?).ok_or(Unreadable)?
        } else {
            split_param_value(rest)
        };
        if value.is_empty() {
            return Err(Unreadable);
        }
        *text = rest;
        Ok(Some(Self { name, value: Some(value) }))
    }

    /// [`Param::take`] for a text that [`is_plain`]: a parameter reaches to the next semicolon.
    #[inline]
    fn take_plain(text: &mut &'a [u8]) -> Result<Option<Self>, Unreadable> {
        let Some((&first, rest)) = text.split_first() else { return Ok(None) };
        if first != b';' {
            return Err(Unreadable);
        }
        let (name, rest) = split_token(rest);
        let (value, after) = match rest.split_first() {
            Some((b'=', rest)) => {
                let (value, after) = rest.split_at_checked(octet(rest, 0, b';')).unwrap_or((rest, &[]));
                (Some(value), after)
            }
            None | Some((b';', _)) => (None, rest),
            Some(_) => return Err(Unreadable),
        };
        if name.is_empty() || value == Some(&[]) {
            return Err(Unreadable);
        }
        *text = after;
        Ok(Some(Self { name, value }))
    }

    #[inline(always)]
    fn is(&self, name: &[u8]) -> bool {
        same(self.name, name)
    }
}

/// Whether two texts are the same without regard to case. Mostly they are spelt the same too, which is told sooner.
#[inline(always)]
fn same(text: &[u8], other: &[u8]) -> bool {
    text == other || text.eq_ignore_ascii_case(other)
}

/// What stands there does not follow the grammar.
struct Unreadable;

/// The parameters of a header's value, in order; they have been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Params<'a> {
    rest: &'a [u8],
    /// No white space, comma or quote is in them.
    plain: bool,
}

impl<'a> Params<'a> {
    /// The parameters that `text` consists of, or `None` if it is anything else.
    fn parse(text: &'a [u8]) -> Option<Self> {
        let params = Self::of(text);
        let mut rest = params;
        while rest.advance().ok()?.is_some() {}
        rest.rest.is_empty().then_some(params)
    }

    /// Not checked yet.
    #[inline]
    fn of(text: &'a [u8]) -> Self {
        Self { rest: text, plain: is_plain(text) }
    }

    #[inline]
    fn advance(&mut self) -> Result<Option<Param<'a>>, Unreadable> {
        if self.plain { Param::take_plain(&mut self.rest) } else { Param::take(&mut self.rest) }
    }

    /// The text before a last parameter that is `last`, semicolon included, if nothing needs more than a look.
    pub(super) fn plain_before(&self, last: &[u8]) -> Option<&'a [u8]> {
        self.rest.strip_suffix(last).filter(|_| self.plain)
    }

    /// The first parameter of that name.
    #[must_use]
    pub fn get(mut self, name: &[u8]) -> Option<Param<'a>> {
        self.find(|param| param.is(name))
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Param<'a>;
    fn next(&mut self) -> Option<Param<'a>> {
        self.advance().ok().flatten()
    }
}

/// A value of From, To, Contact, Route, P-Asserted-Identity and their like: an address with parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameAddr<'a> {
    /// The display name as it is spelt, with its quotes; empty if there is none.
    pub display: &'a [u8],
    /// The URI: octets that a URI may have, beginning with a scheme. [`super::Uri::parse`] takes it apart.
    pub uri: &'a [u8],
    /// The header's parameters, not the URI's.
    pub params: Params<'a>,
    tag: Option<&'a [u8]>,
}

impl<'a> NameAddr<'a> {
    /// One value, or `None` if it is no address. Without angle brackets all parameters are the header's (20.10).
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        Self::usual(value).or_else(|| Self::any(value))
    }

    fn any(value: &'a [u8]) -> Option<Self> {
        let value = trim(value);
        let open = match value.first()? {
            b'<' => Some(0),
            b'"' => {
                let end = quoted(value)?;
                let gap = value.get(end..)?;
                let open = end + gap.len() - skip_lws(gap).len();
                // A quoted name is a display name, so a bracket must follow.
                (value.get(open) == Some(&b'<')).then_some(())?;
                Some(open)
            }
            _ => {
                // One behind a quote is within a parameter, as in `sip:a@b;+sip.instance="<urn:…>"`.
                let open = octet(value, 0, b'<');
                (open < value.len() && open < octet(value, 0, b'"')).then_some(open)
            }
        };
        let (display, uri, params) = match open {
            Some(open) => {
                let (uri, params) = split_once(value.get(open + 1..)?, b'>')?;
                (trim(value.get(..open)?), uri, params)
            }
            None => {
                let (uri, params) = split_param_value(value);
                (&[][..], uri, params)
            }
        };
        if !is_uri_text(uri) || !has_scheme(uri) {
            return None;
        }
        let mut tag = None;
        let params = Params::of(params);
        let mut rest = params;
        while let Some(param) = rest.advance().ok()? {
            if param.is(b"tag") && tag.replace(param.value?).is_some() {
                return None;
            }
        }
        rest.rest.is_empty().then_some(())?;
        Some(Self { display, uri, params, tag })
    }

    /// The usual one at once: `<uri>` with a tag or nothing behind it.
    #[inline]
    fn usual(value: &'a [u8]) -> Option<Self> {
        let (uri, params) = split_once(value.strip_prefix(b"<")?, b'>')?;
        let tag = match params {
            [] => None,
            [b';', b't', b'a', b'g', b'=', tag @ ..] => Some(tag),
            _ => return None,
        };
        let is_it = is_uri_text(uri) && has_scheme(uri) && tag.is_none_or(is_plain_value);
        is_it.then_some(Self { display: &[], uri, params: Params { rest: params, plain: true }, tag })
    }

    /// The `expires` parameter of a Contact, in seconds; one that is no number counts as an hour (RFC 3261 10.2.1.1).
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        let param = self.params.get(b"expires")?;
        Some(param.value.and_then(seconds).unwrap_or(3600))
    }

    /// The `q` parameter of a Contact in thousandths (RFC 3261 25.1): 0 to 1 with at most three decimals.
    #[must_use]
    pub fn q(&self) -> Option<u16> {
        let value = self.params.get(b"q")?.value?;
        let (whole, decimals) = split_once(value, b'.').unwrap_or((value, &[]));
        let whole = match whole {
            b"0" => 0,
            b"1" => 1000,
            _ => return None,
        };
        if decimals.len() > 3 {
            return None;
        }
        let mut thousandths = 0;
        for at in 0..3 {
            let digit = decimals.get(at).copied().unwrap_or(b'0');
            thousandths = thousandths * 10 + u16::from(digit.checked_sub(b'0').filter(|&digit| digit < 10)?);
        }
        Some(whole + thousandths).filter(|&q| q <= 1000)
    }

    /// The `+sip.instance` parameter of a Contact without its quotes, as in `<urn:gsma:imei:…>` (RFC 5626 4.1).
    #[must_use]
    pub fn instance(&self) -> Option<&'a [u8]> {
        self.params.get(b"+sip.instance")?.value.map(unquoted)
    }

    /// The `tag` parameter (RFC 3261 19.3).
    #[must_use]
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.tag
    }
}

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
}

impl Via<'_> {
    /// Whether it has the `alias` parameter: requests to sent-by may go by the connection that this came by (RFC 5923 8.1).
    #[must_use]
    pub fn has_alias(&self) -> bool {
        self.params.into_iter().any(|param| param.name.eq_ignore_ascii_case(b"alias"))
    }
}

impl<'a> Via<'a> {
    /// The first value of a Via line.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
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
            (!host.is_empty()).then_some((host, after))?
        };
        let (sent_by_port, rest) = match skip_lws(rest).split_first() {
            Some((b':', after)) => {
                let (digits, after) = split_host(skip_lws(after));
                (Some(port(digits)?), after)
            }
            _ => (None, rest),
        };
        let head = line.get(..line.len() - rest.len())?;
        Self { transport, sent_by_host, sent_by_port, head, rest, ..Self::EMPTY }.with_params(rest)
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
        params: Params { rest: &[], plain: true },
        rest: &[],
    };

    fn with_params(mut self, text: &'a [u8]) -> Option<Self> {
        let params = Params::of(text);
        let mut rest = params;
        while let Some(param) = rest.advance().ok()? {
            let again = match param.name.len() {
                5 if param.is(b"rport") => {
                    let number = match param.value {
                        Some(digits) => Some(port(digits)?),
                        None => None,
                    };
                    self.rport.replace(number).is_some()
                }
                6 if param.is(b"branch") => self.branch.replace(param.value?).is_some(),
                8 if param.is(b"received") => self.received.replace(param.value?).is_some(),
                _ => false,
            };
            if again {
                return None;
            }
        }
        self.params = Params { rest: text.get(..text.len() - rest.rest.len())?, ..params };
        self.rest = rest.rest;
        Some(self)
    }

    /// The sent-by host as an address, unless it is a name.
    #[must_use]
    pub fn sent_by_address(&self) -> Option<IpAddr> {
        ip_address(self.sent_by_host)
    }

    /// Whether the branch is one of RFC 3261, unique to its transaction (8.1.1.7).
    #[must_use]
    pub fn has_magic_cookie(&self) -> bool {
        self.branch.is_some_and(|branch| {
            branch
                .split_at_checked(MAGIC_COOKIE.len())
                .is_some_and(|(cookie, rest)| cookie.eq_ignore_ascii_case(MAGIC_COOKIE) && !rest.is_empty())
        })
    }
}

/// What a branch of RFC 3261 begins with.
pub(super) const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

fn port(digits: &[u8]) -> Option<u16> {
    decimal(digits).and_then(|number| u16::try_from(number).ok()).filter(|&number| number != 0)
}

/// An IPv4 address, or an IPv6 address with or without brackets (RFC 5118 4.5).
pub(super) fn ip_address(text: &[u8]) -> Option<IpAddr> {
    let plain = match text.strip_prefix(b"[") {
        Some(rest) => rest.strip_suffix(b"]")?,
        None => text,
    };
    let v6 = plain.contains(&b':');
    let plain = core::str::from_utf8(plain).ok()?;
    if v6 {
        plain.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    } else if plain.len() == text.len() {
        plain.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
    } else {
        None
    }
}

/// The values of a comma-separated list; commas in quotes and angle brackets don't separate.
pub fn split_values(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = list;
    core::iter::from_fn(move || take_value(&mut rest))
}

/// Takes the first value off a comma-separated list; commas in quotes and angle brackets don't separate.
pub(super) fn take_value<'a>(list: &mut &'a [u8]) -> Option<&'a [u8]> {
    loop {
        let text = skip_lws(list);
        if text.is_empty() {
            *list = text;
            return None;
        }
        let mut at = 0;
        if text.first() == Some(&b'<') {
            at = octet(text, 0, b'>');
            // Mostly that is all.
            if at + 1 == text.len() {
                *list = &[];
                return Some(text);
            }
        }
        at = list_mark(text, at);
        loop {
            match text.get(at) {
                Some(b'"') => at += text.get(at..).and_then(quoted).unwrap_or(text.len()),
                Some(b'<') => at = octet(text, at, b'>'),
                _ => break,
            }
            at = list_mark(text, at);
        }
        let (value, rest) = text.split_at_checked(at).unwrap_or((text, &[]));
        *list = rest.get(1..).unwrap_or(&[]);
        let value = trim(value);
        if !value.is_empty() {
            return Some(value);
        }
    }
}

/// A value of Content-Type (RFC 3261 20.15).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MediaType<'a> {
    /// As in `application`.
    pub kind: &'a [u8],
    /// As in `vnd.3gpp.sms`.
    pub subtype: &'a [u8],
    /// As in `;boundary=x`.
    pub params: Params<'a>,
}

impl<'a> MediaType<'a> {
    /// From a header's value, or `None` if that is no media type.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (kind, rest) = split_once(value, b'/')?;
        let kind = trim(kind);
        let (subtype, params) = split_token(skip_lws(rest));
        if !is_token(kind) || subtype.is_empty() {
            return None;
        }
        Some(Self { kind, subtype, params: Params::parse(params)? })
    }

    /// Whether this is `kind/subtype`, without regard to case and parameters.
    #[must_use]
    pub fn is(&self, media_type: &str) -> bool {
        let text = media_type.as_bytes();
        text.split_at_checked(self.kind.len()).is_some_and(|(kind, rest)| {
            let subtype = rest.strip_prefix(b"/").unwrap_or(&[]);
            same(kind, self.kind) && same(subtype, self.subtype)
        })
    }
}

/// A quoted string without its quotes; its escapes are left as they are. Any other text unchanged.
#[must_use]
pub(super) fn unquoted(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of few octets, those that matter to the grammar among them.
    fn texts() -> impl Iterator<Item = Vec<u8>> {
        const PARTS: [&[u8]; 16] = [
            b";",
            b";tag=",
            b"=",
            b"<",
            b">",
            b"<sip:",
            b"sip:a@b",
            b"tel:1",
            b"\"",
            b",",
            b" ",
            b"\t",
            b"x",
            b"rport",
            b"{",
            b"0123456789abcdefg",
        ];
        let mut seed = 11u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as usize
        };
        let rounds = if cfg!(miri) { 1000 } else { 400_000 };
        (0..rounds)
            .map(move |_| (0..random() % 7).flat_map(|_| PARTS[random() % PARTS.len()]).copied().collect())
    }

    #[test]
    fn the_usual_address_is_read_as_any_other() {
        let mut usual = 0;
        for text in texts() {
            let value = [b"<sip:a@b", &text[..]].concat();
            if let Some(found) = NameAddr::usual(&value) {
                assert_eq!(NameAddr::any(&value), Some(found), "{:?}", value.escape_ascii().to_string());
                usual += 1;
            }
        }
        assert!(usual > 100, "{usual}");
    }

    #[test]
    fn plain_parameters_are_read_as_any_others() {
        fn all<'a>(
            text: &'a [u8],
            take: impl Fn(&mut &'a [u8]) -> Result<Option<Param<'a>>, Unreadable>,
        ) -> Option<Vec<Param<'a>>> {
            let (mut rest, mut found) = (text, Vec::new());
            while let Some(param) = take(&mut rest).ok()? {
                found.push(param);
            }
            rest.is_empty().then_some(found)
        }
        let mut read = 0;
        for text in texts().filter(|text| is_plain(text)) {
            let plain = all(&text, Param::take_plain);
            assert_eq!(plain, all(&text, Param::take), "{:?}", text.escape_ascii().to_string());
            read += usize::from(plain.is_some_and(|params| params.len() > 1));
        }
        assert!(read > 100, "{read}");
    }
}
