//! Header values that we understand: name-addr, lists and media types (RFC 3261 20, 25.1).

use super::limits::Limits;
use super::params::{Params, same};
use super::scan::{
    has_scheme, is_display_text, is_token, is_uri_text, list_mark, octet, quoted, seconds, skip_lws,
    split_once, split_param_value, split_token, trim,
};
use super::uri::Uri;

/// A value of From, To, Contact, Route, P-Asserted-Identity and their like: an address with parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameAddr<'a> {
    /// The display name as it is spelt, with its quotes; empty if there is none.
    pub display: &'a [u8],
    /// The URI, checked: [`Uri::of_checked`] takes it apart.
    pub uri: &'a [u8],
    /// The header's parameters, not the URI's.
    pub params: Params<'a>,
    tag: Option<&'a [u8]>,
}

impl<'a> NameAddr<'a> {
    /// One value, or `None` if it is no address. Without angle brackets all parameters are the header's, and the URI has
    /// no question mark (20.10).
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        Self::read(value, Limits::DEFAULT.parameters)
    }

    /// From its parts, which have been checked.
    #[inline(always)]
    pub(super) const fn of_parts(
        display: &'a [u8],
        uri: &'a [u8],
        params: Params<'a>,
        tag: Option<&'a [u8]>,
    ) -> Self {
        Self { display, uri, params, tag }
    }

    /// The same with at most that many parameters.
    pub(super) fn read(value: &'a [u8], parameters: u8) -> Option<Self> {
        Some(Self::read_with_uri(value, parameters)?.0)
    }

    /// The same, and the URI taken apart.
    pub(super) fn read_with_uri(value: &'a [u8], parameters: u8) -> Option<(Self, Uri<'a>)> {
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
                let open = (open < value.len() && open < octet(value, 0, b'"')).then_some(open);
                is_display_text(value.get(..open.unwrap_or(0))?).then_some(open)?
            }
        };
        let (display, uri, params) = match open {
            Some(open) => {
                let (uri, params) = split_once(value.get(open + 1..)?, b'>')?;
                (trim(value.get(..open)?), uri, params)
            }
            None => {
                let (uri, params) = split_param_value(value);
                (octet(uri, 0, b'?') == uri.len()).then_some((&[][..], uri, params))?
            }
        };
        if !is_uri_text(uri) || !has_scheme(uri) {
            return None;
        }
        let parts = Uri::of_checked(uri)?;
        let mut tag = None;
        let (params, rest) = Params::read(params, parameters, |param| {
            if param.is(b"tag") {
                tag = Some(param.value.filter(|value| is_token(value))?);
            }
            Some(())
        })?;
        rest.is_empty().then_some((Self { display, uri, params, tag }, parts))
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

    /// The `reg-id` parameter of a Contact: the number of a flow, from 1 to 2^31 - 1 (RFC 5626 10).
    #[must_use]
    pub fn reg_id(&self) -> Option<u32> {
        let number = seconds(self.params.get(b"reg-id")?.value?)?;
        (1..1 << 31).contains(&number).then_some(number)
    }

    /// The `tag` parameter (RFC 3261 19.3).
    #[must_use]
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.tag
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
        Self::read(value, Limits::DEFAULT.parameters)
    }

    /// The same with at most that many parameters.
    pub(super) fn read(value: &'a [u8], parameters: u8) -> Option<Self> {
        let (kind, rest) = split_once(value, b'/')?;
        let kind = trim(kind);
        let (subtype, params) = split_token(skip_lws(rest));
        if !is_token(kind) || subtype.is_empty() {
            return None;
        }
        Some(Self { kind, subtype, params: Params::parse(params, parameters)? })
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
