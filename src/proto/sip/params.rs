//! Parameters of a header's value: `;name=value` (RFC 3261 7.3.1, 25.1).

use super::host::{ip_address, is_host};
use super::scan::{is_opaque, is_plain, is_token, octet, quoted, skip_lws, split_param_value, split_token};

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
    pub(super) fn is(&self, name: &[u8]) -> bool {
        same(self.name, name)
    }

    /// Whether the value is what may stand there: a token, a host or a quoted string, of `received` an address.
    ///
    /// Beyond the grammar, a branch and a boundary may have any visible octets but those that end a value: senders write
    /// base64 there.
    fn has_sound_value(&self) -> bool {
        let Some(value) = self.value else { return true };
        match self.name.len() {
            _ if value.first() == Some(&b'"') => true,
            6 if self.is(b"branch") => is_opaque(value),
            8 if self.is(b"boundary") => is_opaque(value),
            8 if self.is(b"received") => ip_address(value).is_some(),
            _ => is_token(value) || is_host(value) || ip_address(value).is_some(),
        }
    }
}

/// Whether two texts are the same without regard to case. Mostly they are spelt the same too, which is told sooner.
#[inline(always)]
pub(super) fn same(text: &[u8], other: &[u8]) -> bool {
    text == other || text.eq_ignore_ascii_case(other)
}

/// Names that were seen. One that was not is mostly told from all of them at once.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen(u64);

impl Seen {
    /// Notes a name. Whether one like it may have been seen before.
    #[inline]
    pub(super) fn note(&mut self, name: &[u8]) -> bool {
        let octet = |octet: Option<&u8>| u32::from(octet.copied().unwrap_or(0) | 0x20);
        let sum = octet(name.first()) * 5 + octet(name.last()) * 11 + name.len() as u32;
        let bit = 1u64 << (sum % 64);
        let before = self.0 & bit != 0;
        self.0 |= bit;
        before
    }
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
    /// None.
    pub(super) const EMPTY: Self = Self { rest: &[], plain: true };

    /// Those that `text` consists of, which have been checked; `plain` if they have no white space, comma or quote.
    #[inline(always)]
    pub(super) const fn of_parts(text: &'a [u8], plain: bool) -> Self {
        Self { rest: text, plain }
    }

    /// What they are of.
    pub(super) const fn parts(&self) -> (&'a [u8], bool) {
        (self.rest, self.plain)
    }

    /// The parameters that `text` consists of, or `None` if it is anything else, or more than `most`.
    pub(super) fn parse(text: &'a [u8], most: u8) -> Option<Self> {
        let (params, rest) = Self::read(text, most, |_| Some(()))?;
        rest.is_empty().then_some(params)
    }

    /// The parameters at the start of `text`, and what follows: nothing, or a comma and more. None may stand there twice
    /// (RFC 3261 7.3.1). `see` is shown each, and may refuse it.
    pub(super) fn read(
        text: &'a [u8],
        most: u8,
        mut see: impl FnMut(&Param<'a>) -> Option<()>,
    ) -> Option<(Self, &'a [u8])> {
        let params = Self::of(text);
        let mut rest = params;
        let (mut seen, mut count) = (Seen::default(), 0);
        while let Some(param) = rest.advance().ok()? {
            if count == most || !param.has_sound_value() {
                return None;
            }
            if seen.note(param.name) && params.take(usize::from(count)).any(|other| other.is(param.name)) {
                return None;
            }
            count += 1;
            see(&param)?;
        }
        Some((Self { rest: text.get(..text.len() - rest.rest.len())?, ..params }, rest.rest))
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
