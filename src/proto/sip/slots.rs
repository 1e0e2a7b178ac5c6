//! Where a message's header lines are (RFC 3261 7.3).

use super::limits::Limits;
use super::name::Name;
use super::places::Values;
use super::scan::{control, is_lws, is_token, skip_lws, split_once, trim};
use super::view::Why;
use crate::base::Malformed;
use crate::codec::scan::{Marks, Vectors};

/// The most header lines of a message.
pub const MAX_HEADERS: usize = 128;

/// Where one header is in its message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Start of the line.
    pub(super) line: u16,
    /// Start and end of the value, without white space around it.
    pub(super) value: u16,
    pub(super) end: u16,
    /// The slot of the next header of the same name, or 0.
    next: u8,
}

impl Slot {
    /// The place of the value.
    #[inline(always)]
    pub(super) const fn place(&self) -> (usize, usize) {
        (self.value as usize, self.end as usize)
    }

    /// Appends a continuation line that ends at `end`.
    fn extend(&mut self, bytes: &[u8], end: usize) {
        let rest = bytes.get(usize::from(self.value)..end).unwrap_or(&[]);
        let start = end - skip_lws(rest).len();
        self.value = start as u16;
        self.end = (start + trim(rest).len()) as u16;
    }
}

const SLOTS: usize = u8::MAX as usize + 1;

/// Room for something of every name.
const NAMES: usize = Name::COUNT.next_multiple_of(16);

/// Room for the places of a message's headers and values, given by the caller so that nothing is allocated or cleared.
#[derive(Debug)]
pub struct Slots {
    pub(super) lines: Lines,
    pub(super) marks: Marks,
    pub(super) values: Values,
}

impl Slots {
    /// Empty room, for messages within the limits that the configuration has by default.
    #[must_use]
    pub const fn new() -> Self {
        Self::within(Limits::DEFAULT)
    }

    /// Empty room, for messages within those limits.
    #[must_use]
    pub const fn within(limits: Limits) -> Self {
        Self { lines: Lines::within(limits), marks: Marks::new(), values: Values::EMPTY }
    }

    /// From the next message on, other limits.
    pub const fn keep_within(&mut self, limits: Limits) {
        self.lines.limits = limits;
    }
}

/// Where the header lines of a message are.
#[derive(Debug)]
pub(super) struct Lines {
    /// The first one is of no header. There are so many that every number is of one; those beyond [`MAX_HEADERS`] are not
    /// used.
    slots: [Slot; SLOTS],
    len: usize,
    /// The first slot of each name, or 0.
    first: [u8; NAMES],
    /// The last slot of each name that has one, while they are filled in order.
    last: [u8; NAMES],
    /// A bit for each slot whose value has line ends in it; the first slot, which is none, has none.
    folded: [u64; 3],
    /// What a message may have.
    pub(super) limits: Limits,
}

impl Lines {
    const fn within(limits: Limits) -> Self {
        let slot = Slot { line: 0, value: 0, end: 0, next: 0 };
        Self { slots: [slot; SLOTS], len: 0, first: [0; NAMES], last: [0; NAMES], folded: [0; 3], limits }
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.first = [0; NAMES];
        self.folded = [0; 3];
    }

    /// The first slot of that name.
    #[inline(always)]
    pub(super) fn first(&self, name: Name) -> Option<&Slot> {
        self.named(name).next()
    }

    /// The slots of that name, in order.
    #[inline(always)]
    pub(super) fn named(&self, name: Name) -> Named<'_> {
        Named { slots: &self.slots, at: self.first.get(name as usize).copied().unwrap_or(0) }
    }

    /// Whether one of the names has a slot that are read of those messages alone that have them.
    #[inline(always)]
    pub(super) fn has_others(&self) -> bool {
        self.word(1) != 0 || self.first(Name::Event).is_some()
    }

    /// Whether one of those has a slot that hardly any message has.
    #[inline(always)]
    pub(super) fn has_seldom(&self) -> bool {
        self.word(1) >> 32 != 0 || self.first(Name::Event).is_some()
    }

    /// The first slots of eight names.
    #[inline(always)]
    fn word(&self, at: usize) -> u64 {
        self.first.as_chunks::<8>().0.get(at).map_or(0, |slots| u64::from_le_bytes(*slots))
    }

    /// Whether a slot's value has line ends in it.
    pub(super) fn is_folded(&self, slot: u8) -> bool {
        let word = self.folded.get(usize::from(slot / 64)).copied().unwrap_or(0);
        word >> (slot % 64) & 1 != 0
    }

    fn push(&mut self, name: Name, slot: Slot) -> Result<(), Why> {
        if self.len == usize::from(self.limits.headers) {
            return Err(Why::TooManyHeaders);
        }
        let at = self.len + 1;
        let of_name = (self.first.get_mut(name as usize), self.last.get_mut(name as usize));
        let (Some(first), Some(last)) = of_name else {
            return Ok(());
        };
        if *first == 0 {
            *first = at as u8;
        } else if name.is_single() {
            return Err(Why::Duplicate);
        } else if let Some(before) = self.slots.get_mut(usize::from(*last)) {
            before.next = at as u8;
        }
        *last = at as u8;
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
            self.len = at;
            Ok(())
        } else {
            Err(Why::TooManyHeaders)
        }
    }

    /// Finds the header lines of a message whose lines are as usual, by marks. Gives where the start line ends and where
    /// the body begins; `None` of a message that has something unusual, sound or not.
    #[inline(always)]
    pub(super) fn fill_usual(
        &mut self,
        vectors: Vectors,
        bytes: &[u8],
        marks: &mut Marks,
    ) -> Option<(usize, usize)> {
        // The end of a line and a visible octet behind it.
        const EDGE: u32 = u32::from_be_bytes(*b"\r\n!\0");
        const VISIBLE: u32 = ((u8::MAX - b' ') as u32) << 8;
        self.clear();
        let Self { slots, first, folded, limits, .. } = self;
        let last = vectors.mark(bytes, marks)?;
        if last + 4 > usize::from(limits.header) {
            return None;
        }
        let marks = &*marks;
        let (mut len, mut end) = (0, last);
        if marks.four(end.checked_sub(1)?) as u8 <= b' ' {
            return None;
        }
        // From the last line to the first, so that the first of a name comes to stand before the others.
        for (block, mut ends) in marks.ends_before(last) {
            while ends != 0 {
                let behind = ends.leading_zeros();
                let before = block - behind as usize;
                ends &= !(1 << (before % 64));
                let edge = marks.edge(before);
                if edge.before() <= b' ' {
                    return None;
                }
                if edge.four().wrapping_sub(EDGE) >= VISIBLE {
                    go_on(folded, len + 1, edge.four())?;
                    continue;
                }
                let window = edge.window_behind();
                let colon = window.next_stop();
                let name = Name::usual(vectors, &window, colon)?;
                // Any other octet that isn't visible ends a line, and that behind a space.
                if window.octet(colon + 2) == b' ' {
                    return None;
                }
                let first = first.get_mut(name as usize)?;
                // Those that are too many are counted, too.
                len += 1;
                *slots.get_mut(len % SLOTS)? = Slot {
                    line: (before + 2) as u16,
                    value: (before + 2 + colon + 2) as u16,
                    end: end as u16,
                    next: *first,
                };
                *first = len as u8;
                end = before;
            }
        }
        let repeated = first
            .iter()
            .take(Name::SINGLE)
            .fold(0, |repeated, &first| repeated | slots.get(usize::from(first)).map_or(0, |slot| slot.next));
        self.len = len;
        if len > usize::from(limits.headers).min(MAX_HEADERS) {
            return None;
        }
        // Nor can the start line go on.
        (end > 0 && repeated == 0 && !self.is_folded(len as u8 + 1)).then_some((end, last + 4))
    }

    /// Appends a continuation line that ends at `end` to the last header.
    fn extend(&mut self, bytes: &[u8], end: usize) -> Result<(), Why> {
        let at = self.len;
        let slot = self.slots.get_mut(at).filter(|_| at > 0).ok_or(Why::HeaderLine)?;
        if end - usize::from(slot.line) > usize::from(self.limits.header) {
            return Err(Why::TooLong);
        }
        slot.extend(bytes, end);
        if let Some(word) = self.folded.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
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
        self.push(known, Slot { line: at as u16, value: start as u16, end: end as u16, next: 0 })
    }
}

/// Notes that a slot's line goes on from the one before, if a space stands behind the end of that.
#[cold]
#[inline(never)]
fn go_on(folded: &mut [u64; 3], slot: usize, edge: u32) -> Option<()> {
    *folded.get_mut(slot / 64)? |= 1 << (slot % 64);
    (edge >> 8 == u32::from_be_bytes(*b"\0\r\n ")).then_some(())
}

/// See [`Lines::named`].
#[derive(Clone)]
pub(super) struct Named<'a> {
    slots: &'a [Slot; SLOTS],
    at: u8,
}

impl Named<'_> {
    /// The number of the slot that comes next, or 0.
    pub(super) const fn number(&self) -> u8 {
        self.at
    }
}

impl<'a> Iterator for Named<'a> {
    type Item = &'a Slot;
    #[inline(always)]
    fn next(&mut self) -> Option<&'a Slot> {
        let slot = self.slots.get(usize::from(self.at)).filter(|_| self.at != 0)?;
        self.at = slot.next;
        Some(slot)
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
