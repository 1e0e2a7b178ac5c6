//! Where records lie: a line of words each, and what does not fit there in cells behind it.

use super::draft::Draft;
use super::memory::{Pages, prefetch};
use super::record::SubscriberId;
use super::sync::{AtomicU64, Ordering};
use super::template::{Interned, MOST, Templates};
use crate::base::Time;

/// Words of a line, and of a cell: a cache line each.
pub(super) const LINE: usize = 8;
/// The most cells that a record takes: that of the words, and those of four bindings, a private identity, 32 others, their
/// sets and when these end.
pub(super) const LARGEST: usize = 1 + (4 * 512 + 33 * 130 + 32 * 10 + 128_usize).div_ceil(CELL);
/// A table has room for a template for every so many records, but for at least so many.
const EACH: usize = 64;
const FEWEST: usize = 256;
/// Octets of a cell behind its link.
pub(super) const CELL: usize = 60;
/// The most templates that one record names in its cells.
pub(super) const NAMED: usize = 48;
/// An expiry with this bit belongs to a record that is being replaced: it can be read but no longer extended.
pub(super) const FROZEN: u64 = 1 << 63;

/// The words of a line.
pub(super) const MSISDN: usize = 0;
pub(super) const IMSI: usize = 1;
/// The first binding's expiry.
const EXPIRY: usize = 2;
/// The first binding's fingerprint.
pub(super) const FINGERPRINT: usize = 3;
/// The subscriber's name.
const NAME: usize = 4;
/// The first cell plus one, or 0, and below it the first binding's CSeq.
const CELL_AND_SEQUENCE: usize = 5;
/// Templates of the identities, 16 bits each, where they have one and are few.
pub(super) const IDENTITIES: usize = 6;
/// [`super::draft::Shape`].
pub(super) const SHAPE: usize = 7;

/// A record's line.
pub(super) type Line = [AtomicU64; LINE];

/// The records, as readers find them. All of it is words that change atomically, each written before the record's number
/// stands anywhere, and again after every reader that may have seen it there has passed a quiescent point.
pub(super) struct Store {
    pub(super) lines: Pages<LINE>,
    cells: Pages<LINE>,
    /// Cells that only those get who are there already.
    spare: usize,
    pub(super) templates: Templates,
}

pub(super) fn load(line: &Line, at: usize) -> u64 {
    line.get(at).map_or(0, |word| word.load(Ordering::Relaxed))
}

/// The cell in which the octets begin, or that has the words of further bindings, plus one; 0 is none.
pub(super) fn first_cell(line: &Line) -> u32 {
    (load(line, CELL_AND_SEQUENCE) >> 32) as u32
}

pub(super) fn name(line: &Line) -> SubscriberId {
    SubscriberId::from_u64(load(line, NAME))
}

impl Store {
    /// Room for so many records and, beyond one for each of them, so many cells; `spare` of these only for who is there
    /// already, and enough for any one record besides.
    pub(super) fn new(records: usize, cells: usize, spare: usize) -> Self {
        let spare = spare + LARGEST;
        Self {
            lines: Pages::new(records),
            cells: Pages::new(records + cells + spare),
            spare,
            templates: Templates::new((records / EACH).clamp(FEWEST.min(records), MOST)),
        }
    }

    /// The memory that it takes: lines, cells and templates.
    pub(super) fn memory(&self) -> [(usize, super::memory::PageSize); 3] {
        let templates = self.templates.pages();
        [
            (self.lines.memory(), self.lines.page_size()),
            (self.cells.memory(), self.cells.page_size()),
            (templates.memory(), templates.page_size()),
        ]
    }

    /// How many cells there are.
    pub(super) fn cells(&self) -> usize {
        self.cells.len()
    }

    fn cell(&self, number: u32) -> Option<&Line> {
        self.cells.get((number as usize).checked_sub(1)?)
    }

    /// Begins to fetch a record's first cell.
    pub(super) fn prefetch_cell(&self, line: &Line) {
        self.cell(first_cell(line)).into_iter().for_each(prefetch);
    }

    /// The word of a binding's expiry.
    pub(super) fn expiry<'t>(&'t self, line: &'t Line, binding: usize) -> Option<&'t AtomicU64> {
        if binding == 0 { line.get(EXPIRY) } else { self.cell(first_cell(line))?.get(binding) }
    }

    /// The CSeq of a binding: its word, and what stands above it there.
    pub(super) fn sequence<'t>(&'t self, line: &'t Line, binding: usize) -> Option<(&'t AtomicU64, u64)> {
        if binding == 0 {
            return Some((line.get(CELL_AND_SEQUENCE)?, u64::from(first_cell(line)) << 32));
        }
        Some((self.cell(first_cell(line))?.get(3 + binding)?, 0))
    }

    /// The octets of a record, from the first.
    pub(super) fn octets(&self, line: &Line) -> Cursor<'_> {
        let mut next = first_cell(line);
        if super::draft::Shape::of(line).bindings > 1 {
            next = self.cell(next).map_or(0, |cell| load(cell, 0) as u32);
        }
        Cursor { store: self, octets: [0; 8 * LINE], at: 8 * LINE, next }
    }
}

/// Reads the octets of a record, cell by cell.
pub(super) struct Cursor<'t> {
    store: &'t Store,
    octets: [u8; 8 * LINE],
    at: usize,
    next: u32,
}

impl Cursor<'_> {
    /// The next octets, at most `most` of them and at least one.
    fn part(&mut self, most: usize) -> Option<&[u8]> {
        if self.at >= self.octets.len() {
            let cell = self.store.cell(self.next)?;
            for (room, word) in self.octets.chunks_exact_mut(8).zip(cell) {
                room.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
            }
            self.next = load(cell, 0) as u32;
            self.at = 4;
        }
        let from = self.at;
        self.at = self.octets.len().min(from + most);
        self.octets.get(from..self.at)
    }

    pub(super) fn read(&mut self, room: &mut [u8]) -> Option<()> {
        let mut read = 0;
        while read < room.len() {
            let part = self.part(room.len() - read)?;
            room.get_mut(read..read + part.len())?.copy_from_slice(part);
            read += part.len();
        }
        Some(())
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut octets = [0; N];
        self.read(&mut octets).map(|()| octets)
    }

    /// All that is left, to the end of the last cell.
    pub(super) fn rest(&mut self, into: &mut Vec<u8>) {
        while let Some(part) = self.part(CELL) {
            into.extend(part);
        }
    }

    pub(super) fn octet(&mut self) -> Option<u8> {
        self.array::<1>().map(|[octet]| octet)
    }

    pub(super) fn word(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn length(&mut self) -> Option<usize> {
        self.array().map(|octets| usize::from(u16::from_le_bytes(octets)))
    }

    pub(super) fn skip(&mut self, mut count: usize) -> Option<()> {
        while count > 0 {
            count -= self.part(count)?.len();
        }
        Some(())
    }

    /// The templates that the record names here, which come first.
    pub(super) fn named(&mut self) -> Option<([u16; NAMED], usize)> {
        let count = usize::from(self.octet()?);
        let mut named = [0; NAMED];
        for number in named.get_mut(..count)? {
            *number = self.array().map(u16::from_le_bytes)?;
        }
        Some((named, count))
    }
}

/// Places of one kind that the writer gives out: those never used, then those that came back.
#[derive(Default)]
struct Stock {
    fresh: usize,
    /// The last that came back, plus one; its first word names the one before.
    freed: u32,
    used: usize,
}

impl Stock {
    fn left(&self, of: &Pages<LINE>) -> usize {
        of.len() - self.used
    }

    fn take(&mut self, of: &Pages<LINE>) -> Option<u32> {
        let place = match self.freed.checked_sub(1) {
            Some(place) => {
                self.freed = load(of.get(place as usize)?, 0) as u32;
                place
            }
            None => {
                let place = self.fresh;
                of.get(place)?;
                self.fresh += 1;
                place as u32
            }
        };
        self.used += 1;
        Some(place)
    }

    fn give_back(&mut self, of: &Pages<LINE>, place: u32) {
        if let Some(link) = of.get(place as usize).and_then(|words| words.first()) {
            link.store(self.freed.into(), Ordering::Relaxed);
            self.freed = place + 1;
            self.used -= 1;
        }
    }
}

/// What the writer knows of the [`Store`] beyond readers: what is free there.
pub(super) struct Stocks {
    lines: Stock,
    cells: Stock,
    pub(super) interned: Interned,
}

impl Stocks {
    pub(super) fn new(store: &Store) -> Self {
        let interned = Interned::new(store.templates.pages().len());
        Self { lines: Stock::default(), cells: Stock::default(), interned }
    }

    /// Cells and templates in use.
    pub(super) fn used(&self) -> (usize, usize) {
        (self.cells.used, self.interned.len())
    }

    /// Writes a record where no reader finds it yet; `None` if there is no room for it, which leaves no trace.
    /// `spare`: what is kept for those who are there may be used.
    pub(super) fn write(
        &mut self,
        store: &Store,
        id: SubscriberId,
        draft: &Draft,
        (times, spare): (&[(Time, u32)], bool),
    ) -> Option<u32> {
        let words = usize::from(draft.shape.bindings > 1);
        let count = words + draft.octets.len().div_ceil(CELL);
        let kept = if spare { 0 } else { store.spare };
        if self.lines.left(&store.lines) == 0 || self.cells.left(&store.cells) < count + kept {
            draft.named().for_each(|number| self.interned.give_back(number));
            return None;
        }
        let place = self.lines.take(&store.lines)?;
        let line = store.lines.get(place as usize)?;
        let cells: Vec<u32> = (0..count).map_while(|_| self.cells.take(&store.cells)).collect();
        let number = |at: usize| cells.get(at).map_or(0, |cell| cell + 1);
        for (at, part) in draft.octets.chunks(CELL).enumerate() {
            let mut octets = [0; 8 * LINE];
            let (link, room) = octets.split_at_mut(4);
            link.copy_from_slice(&number(words + at + 1).to_le_bytes());
            room.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
            let cell = store.cell(number(words + at))?;
            for (word, octets) in cell.iter().zip(octets.as_chunks::<8>().0) {
                word.store(u64::from_le_bytes(*octets), Ordering::Relaxed);
            }
        }
        if words > 0 {
            store.cell(number(0))?.first()?.store(number(1).into(), Ordering::Relaxed);
        }
        for (word, value) in line.iter().zip(draft.words()) {
            word.store(value, Ordering::Relaxed);
        }
        line.get(NAME)?.store(id.to_u64(), Ordering::Relaxed);
        line.get(CELL_AND_SEQUENCE)?.store(u64::from(number(0)) << 32, Ordering::Relaxed);
        for (binding, (time, sequence)) in times.iter().enumerate().take(draft.shape.bindings.into()) {
            store.expiry(line, binding)?.store(expiry_bits(*time), Ordering::Relaxed);
            let (word, above) = store.sequence(line, binding)?;
            word.store(above | u64::from(*sequence), Ordering::Relaxed);
        }
        Some(place)
    }

    /// A record that no reader can hold any more makes room for others.
    pub(super) fn free(&mut self, store: &Store, place: u32) {
        let Some(line) = store.lines.get(place as usize) else { return };
        let shape = super::draft::Shape::of(line);
        shape.named(load(line, IDENTITIES)).for_each(|number| self.interned.give_back(number));
        if let Some((named, count)) = store.octets(line).named() {
            named.iter().take(count).for_each(|number| self.interned.give_back(*number));
        }
        let mut next = first_cell(line);
        while let Some(cell) = store.cell(next) {
            let this = next - 1;
            next = load(cell, 0) as u32;
            self.cells.give_back(&store.cells, this);
        }
        self.lines.give_back(&store.lines, place);
    }
}

pub(super) fn expiry_bits(time: Time) -> u64 {
    time.as_nanos().min(FROZEN - 1)
}

pub(super) fn expiry_time(bits: u64) -> Time {
    match bits & !FROZEN {
        nanos if nanos == FROZEN - 1 => Time::NEVER,
        nanos => Time::from_nanos(nanos),
    }
}
