//! Where a message's header lines are (RFC 3261 7.3).

use super::limits::Limits;
use super::name::Name;
use super::scan::{control, is_lws, is_token, skip_lws, split_once, trim};
use super::view::Why;
use crate::base::Malformed;

/// The most header lines of a message.
pub const MAX_HEADERS: usize = 128;

/// Where one header is in its message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) name: Name,
    pub(super) folded: bool,
    /// Start of the line.
    pub(super) line: u16,
    /// Start and end of the value, without white space around it.
    pub(super) value: u16,
    pub(super) end: u16,
}

/// Room for the places of a message's headers, given by the caller so that nothing is allocated or cleared.
#[derive(Debug)]
pub struct Slots {
    slots: [Slot; MAX_HEADERS],
    len: usize,
    /// The first slot of each name, or `NONE`.
    first: [u8; Name::COUNT],
    /// A bit for each name that has one, and for each that has more.
    present: u128,
    repeated: u128,
    /// What a message may have.
    pub(super) limits: Limits,
}

const _: () = assert!(Name::COUNT <= 128);

const NONE: u8 = u8::MAX;

impl Slots {
    /// Empty room, for messages within the limits that the configuration has by default.
    #[must_use]
    pub const fn new() -> Self {
        Self::within(Limits::DEFAULT)
    }

    /// Empty room, for messages within those limits.
    #[must_use]
    pub const fn within(limits: Limits) -> Self {
        let slot = Slot { name: Name::Other, folded: false, line: 0, value: 0, end: 0 };
        let slots = [slot; MAX_HEADERS];
        Self { slots, len: 0, first: [NONE; Name::COUNT], present: 0, repeated: 0, limits }
    }

    /// From the next message on, other limits.
    pub const fn keep_within(&mut self, limits: Limits) {
        self.limits = limits;
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.first = [NONE; Name::COUNT];
        self.present = 0;
        self.repeated = 0;
    }

    fn all(&self) -> &[Slot] {
        self.slots.get(..self.len).unwrap_or(&[])
    }

    /// The first slot of that name.
    pub(super) fn first(&self, name: Name) -> Option<&Slot> {
        let first = self.first.get(name as usize).copied().unwrap_or(NONE);
        self.all().get(usize::from(first))
    }

    /// The slots of that name, in order.
    pub(super) fn named(&self, name: Name) -> impl Iterator<Item = &Slot> {
        let first = usize::from(self.first.get(name as usize).copied().unwrap_or(NONE));
        let end = if self.is_repeated(name) { self.len } else { first + 1 };
        self.slots.get(first..end).unwrap_or(&[]).iter().filter(move |slot| slot.name == name)
    }

    pub(super) fn is_repeated(&self, name: Name) -> bool {
        self.repeated >> name as u8 & 1 != 0
    }

    /// Whether there is one of any of these names, of which each is a bit.
    pub(super) fn has_any(&self, names: u128) -> bool {
        self.present & names != 0
    }

    fn push(&mut self, slot: Slot) -> Result<(), Why> {
        let most = usize::from(self.limits.headers);
        let Some(place) = self.slots.get_mut(self.len).filter(|_| self.len < most) else {
            return Err(Why::TooManyHeaders);
        };
        *place = slot;
        if let Some(first) = self.first.get_mut(slot.name as usize) {
            if *first == NONE {
                *first = self.len as u8;
            } else if slot.name.is_single() {
                return Err(Why::Duplicate);
            } else {
                self.repeated |= 1 << slot.name as u8;
            }
        }
        self.present |= 1 << slot.name as u8;
        self.len += 1;
        Ok(())
    }

    /// Appends a continuation line that ends at `end` to the last header.
    fn extend(&mut self, bytes: &[u8], end: usize) -> Result<(), Why> {
        let slot =
            self.len.checked_sub(1).and_then(|last| self.slots.get_mut(last)).ok_or(Why::HeaderLine)?;
        let value = trim(bytes.get(usize::from(slot.value)..end).unwrap_or(&[]));
        let start = end - skip_lws(bytes.get(usize::from(slot.value)..end).unwrap_or(&[])).len();
        if end - usize::from(slot.line) > usize::from(self.limits.header) {
            return Err(Why::TooLong);
        }
        slot.value = start as u16;
        slot.end = (start + value.len()) as u16;
        slot.folded = true;
        Ok(())
    }

    /// Finds the header lines from `start` to the empty line. Gives the offset after the empty line.
    pub(super) fn fill(&mut self, bytes: &[u8], start: usize) -> Result<usize, Malformed> {
        let (mut at, mut quotes) = (start, Quotes::default());
        loop {
            let (line, next) = take_line(bytes, at, &mut quotes)?;
            match line.first() {
                None => return Ok(next),
                Some(b' ' | b'\t') => self.extend(bytes, at + line.len()).map_err(|why| why.at(at))?,
                _ => {
                    quotes.header = at;
                    self.header(line, at).map_err(|why| why.at(at))?;
                }
            }
            at = next;
        }
    }

    /// The same, but passes over what can't be read.
    pub(super) fn fill_leniently(&mut self, bytes: &[u8], start: usize) {
        let (mut at, mut quotes) = (start, Quotes::default());
        while let Ok((line, next)) = take_line(bytes, at, &mut quotes) {
            let _unread = match line.first() {
                None => return,
                Some(b' ' | b'\t') => self.extend(bytes, at + line.len()),
                _ => {
                    quotes.header = at;
                    self.header(line, at)
                }
            };
            at = next;
        }
    }

    /// Notes the header line at `at`.
    #[inline(always)]
    fn header(&mut self, line: &[u8], at: usize) -> Result<(), Why> {
        let (before, value) = split_once(line, b':').ok_or(Why::HeaderLine)?;
        if line.len() > usize::from(self.limits.header) {
            return Err(Why::TooLong);
        }
        // White space may stand before the colon (RFC 3261 7.3.1).
        let mut name = before;
        while let [spelt @ .., last] = name
            && is_lws(*last)
        {
            name = spelt;
        }
        let known = Name::read(line, name.len());
        if known == Name::Other && !is_token(name) {
            return Err(Why::HeaderLine);
        }
        let end = at + line.len();
        let (start, end) = match value {
            [b' ', first, .., last] if !is_lws(*first) && !is_lws(*last) => (end + 1 - value.len(), end),
            _ => {
                let start = end - skip_lws(value).len();
                (start, start + trim(value).len())
            }
        };
        self.push(Slot { name: known, folded: false, line: at as u16, value: start as u16, end: end as u16 })
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self::new()
    }
}

/// How far a header's quotes have been followed: a control character may stand behind a backslash within quotes, and
/// nowhere else (RFC 3261 25.1, `quoted-pair`).
#[derive(Default)]
pub(super) struct Quotes {
    /// Where the last header began.
    header: usize,
    at: usize,
    open: bool,
    escaped: bool,
}

impl Quotes {
    /// Whether [`Quotes::escape`] was asked.
    pub(super) const fn is_asked(&self) -> bool {
        self.at > 0
    }

    /// Whether the octet at `at`, in the header line that begins at `line`, is the second one of a quoted-pair. Lines and
    /// octets are asked about in order, so that each is looked at once.
    fn escape(&mut self, bytes: &[u8], line: usize, at: usize) -> bool {
        if !matches!(bytes.get(line), Some(b' ' | b'\t')) {
            self.header = line;
        }
        if self.at < self.header {
            *self = Self { header: self.header, at: self.header, ..Self::default() };
        }
        for &octet in bytes.get(self.at..at).unwrap_or(&[]) {
            match octet {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.open => self.escaped = true,
                b'"' => self.open = !self.open,
                _ => {}
            }
        }
        self.at = at;
        self.escaped
    }
}

/// The line at `at` without its CR LF, and where the next one begins.
#[inline(always)]
pub(super) fn take_line<'a>(
    bytes: &'a [u8],
    at: usize,
    quotes: &mut Quotes,
) -> Result<(&'a [u8], usize), Malformed> {
    let end = control(bytes, at);
    match bytes.get(end..) {
        Some([b'\r', b'\n', ..]) => Ok((bytes.get(at..end).unwrap_or(&[]), end + 2)),
        _ => take_odd_line(bytes, at, quotes),
    }
}

/// The same of one that may have tabs, and control characters behind backslashes.
#[cold]
fn take_odd_line<'a>(
    bytes: &'a [u8],
    at: usize,
    quotes: &mut Quotes,
) -> Result<(&'a [u8], usize), Malformed> {
    let mut end = at;
    loop {
        end = control(bytes, end);
        match bytes.get(end..).unwrap_or(&[]) {
            [b'\r', b'\n', ..] => return Ok((bytes.get(at..end).unwrap_or(&[]), end + 2)),
            [b'\t', ..] => end += 1,
            [octet, _, ..] if !matches!(octet, b'\r' | b'\n') && quotes.escape(bytes, at, end) => end += 1,
            [_, _, ..] => return Err(Why::Control.at(end)),
            _ => return Err(Why::Unfinished.at(end)),
        }
    }
}
