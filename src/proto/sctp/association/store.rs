//! Chunks held until what is missing before them has come: copies in blocks of fixed size, in one list per stream.

use super::super::view::Data;
use super::super::{MESSAGE_LIMIT, before};

/// Octets of one block.
const BLOCK: usize = 256;
const NIL: u16 = u16::MAX;

/// Why a chunk is not held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// No room.
    Full,
    /// It and its neighbour can't both be right (RFC 9260 6.9).
    Violation,
    /// The message gets longer than [`MESSAGE_LIMIT`].
    TooLong,
}

#[derive(Clone, Copy)]
struct Held {
    tsn: u32,
    ppid: u32,
    stream: u16,
    ssn: u16,
    length: u16,
    flags: u8,
    first_block: u16,
    previous: u16,
    next: u16,
}

impl Held {
    const EMPTY: Self = Self {
        tsn: 0,
        ppid: 0,
        stream: 0,
        ssn: 0,
        length: 0,
        flags: 0,
        first_block: NIL,
        previous: NIL,
        next: NIL,
    };

    const fn has(&self, flag: u8) -> bool {
        self.flags & flag == flag
    }
}

#[derive(Clone, Copy)]
struct List {
    head: u16,
    tail: u16,
}

/// The held chunks of one association. Each list is in the order of TSNs.
pub(super) struct Store {
    lists: Box<[List]>,
    entries: Box<[Held]>,
    free_entry: u16,
    blocks: Box<[[u8; BLOCK]]>,
    after: Box<[u16]>,
    free_block: u16,
    free_blocks: u16,
    held: u16,
}

/// A message complete in the store.
#[derive(Clone, Copy)]
pub(super) struct Ready {
    first: u16,
    pub(super) stream: u16,
    pub(super) ppid: u32,
}

impl Store {
    pub(super) fn new(lists: usize, octets: usize) -> Self {
        let blocks = octets.div_ceil(BLOCK).clamp(32, usize::from(NIL) - 1);
        let mut store = Self {
            lists: vec![List { head: NIL, tail: NIL }; lists].into(),
            entries: vec![Held::EMPTY; blocks].into(),
            free_entry: NIL,
            blocks: vec![[0; BLOCK]; blocks].into(),
            after: vec![NIL; blocks].into(),
            free_block: NIL,
            free_blocks: 0,
            held: 0,
        };
        store.reset();
        store
    }

    pub(super) fn reset(&mut self) {
        self.lists.fill(List { head: NIL, tail: NIL });
        let count = self.entries.len() as u16;
        let following = |at: u16| if at + 1 < count { at + 1 } else { NIL };
        for (at, (entry, after)) in self.entries.iter_mut().zip(&mut self.after).enumerate() {
            *entry = Held { next: following(at as u16), ..Held::EMPTY };
            *after = following(at as u16);
        }
        (self.free_entry, self.free_block, self.free_blocks, self.held) = (0, 0, count, 0);
    }

    /// Octets that can still be held.
    pub(super) fn free_octets(&self) -> u32 {
        u32::from(self.free_blocks) * BLOCK as u32
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.held == 0
    }

    fn entry(&self, at: u16) -> Option<&Held> {
        self.entries.get(usize::from(at))
    }

    fn set_next(&mut self, list: usize, at: u16, next: u16) {
        if let Some(entry) = self.entries.get_mut(usize::from(at)) {
            entry.next = next;
        } else if let Some(list) = self.lists.get_mut(list) {
            list.head = next;
        }
    }

    fn set_previous(&mut self, list: usize, at: u16, previous: u16) {
        if let Some(entry) = self.entries.get_mut(usize::from(at)) {
            entry.previous = previous;
        } else if let Some(list) = self.lists.get_mut(list) {
            list.tail = previous;
        }
    }

    /// Copies a chunk into the store. `known` says whether the TSNs before and after it have been received: then a
    /// fragment must find its neighbour in the same list.
    pub(super) fn hold(&mut self, list: usize, data: &Data<'_>, known: (bool, bool)) -> Result<(), Refused> {
        let blocks = data.payload.len().div_ceil(BLOCK);
        if self.free_entry == NIL || blocks > usize::from(self.free_blocks) {
            return Err(Refused::Full);
        }
        let mut previous = self.lists.get(list).map_or(NIL, |list| list.tail);
        let mut next = NIL;
        while let Some(entry) = self.entry(previous).filter(|entry| before(data.tsn, entry.tsn)) {
            next = previous;
            previous = entry.previous;
        }
        self.check_neighbours(data, previous, next, known)?;
        let at = self.free_entry;
        let first_block = self.copy(data.payload);
        let Some(entry) = self.entries.get_mut(usize::from(at)) else { return Err(Refused::Full) };
        self.free_entry = entry.next;
        *entry = Held {
            tsn: data.tsn,
            ppid: data.ppid,
            stream: data.stream,
            ssn: data.ssn,
            length: data.payload.len() as u16,
            flags: data.flags,
            first_block,
            previous,
            next,
        };
        self.set_next(list, previous, at);
        self.set_previous(list, next, at);
        self.held += 1;
        if self.run_octets(at) > MESSAGE_LIMIT {
            return Err(Refused::TooLong);
        }
        Ok(())
    }

    fn check_neighbours(
        &self,
        data: &Data<'_>,
        previous: u16,
        next: u16,
        known: (bool, bool),
    ) -> Result<(), Refused> {
        let fits = |at: u16, tsn: u32| {
            self.entry(at).is_some_and(|entry| {
                entry.tsn == tsn
                    && entry.stream == data.stream
                    && (entry.flags ^ data.flags) & Data::UNORDERED == 0
                    && (data.has(Data::UNORDERED) || entry.ssn == data.ssn)
            })
        };
        let before_fits = !known.0 || data.has(Data::BEGIN) || fits(previous, data.tsn.wrapping_sub(1));
        let after_fits = !known.1 || data.has(Data::END) || fits(next, data.tsn.wrapping_add(1));
        // SSNs of a stream rise with TSNs, and each is one message's (6.5).
        let rises = |earlier: u16, later: u16, is_boundary: bool| {
            (later.wrapping_sub(earlier) as i16) > 0 || later == earlier && !is_boundary
        };
        let ordered = !data.has(Data::UNORDERED);
        let follows = self.entry(previous).is_none_or(|entry| {
            !ordered || rises(entry.ssn, data.ssn, entry.has(Data::END) || data.has(Data::BEGIN))
        });
        let precedes = self.entry(next).is_none_or(|entry| {
            !ordered || rises(data.ssn, entry.ssn, data.has(Data::END) || entry.has(Data::BEGIN))
        });
        if before_fits && after_fits && follows && precedes { Ok(()) } else { Err(Refused::Violation) }
    }

    /// The SSN of the first chunk of a list.
    pub(super) fn first_ssn(&self, list: usize) -> Option<u16> {
        self.entry(self.lists.get(list)?.head).map(|entry| entry.ssn)
    }

    /// Octets of the fragments around `at` that follow one another.
    fn run_octets(&self, at: u16) -> usize {
        let Some(middle) = self.entry(at) else { return 0 };
        let mut octets = usize::from(middle.length);
        let mut edge = middle;
        while let Some(entry) = self.entry(edge.previous) {
            if edge.has(Data::BEGIN) || entry.tsn.wrapping_add(1) != edge.tsn || octets > MESSAGE_LIMIT {
                break;
            }
            octets += usize::from(entry.length);
            edge = entry;
        }
        edge = middle;
        while let Some(entry) = self.entry(edge.next) {
            if edge.has(Data::END) || edge.tsn.wrapping_add(1) != entry.tsn || octets > MESSAGE_LIMIT {
                break;
            }
            octets += usize::from(entry.length);
            edge = entry;
        }
        octets
    }

    /// Copies into free blocks, of which there must be enough, and gives the first.
    fn copy(&mut self, payload: &[u8]) -> u16 {
        let first = self.free_block;
        let mut last = NIL;
        for part in payload.chunks(BLOCK) {
            let at = self.free_block;
            if let Some(room) =
                self.blocks.get_mut(usize::from(at)).and_then(|block| block.get_mut(..part.len()))
            {
                room.copy_from_slice(part);
            }
            self.free_block = self.after.get(usize::from(at)).copied().unwrap_or(NIL);
            self.free_blocks -= 1;
            last = at;
        }
        if let Some(after) = self.after.get_mut(usize::from(last)) {
            *after = NIL;
        }
        first
    }

    /// The first message of an ordered list, if it is complete and `ssn` is its number; of the unordered list (`None`)
    /// any that is complete.
    pub(super) fn ready(&self, list: usize, ssn: Option<u16>) -> Option<Ready> {
        let mut at = self.lists.get(list)?.head;
        while let Some(entry) = self.entry(at) {
            let begins = entry.has(Data::BEGIN) && ssn.is_none_or(|ssn| entry.ssn == ssn);
            if begins && self.is_complete(at) {
                return Some(Ready { first: at, stream: entry.stream, ppid: entry.ppid });
            }
            if ssn.is_some() {
                return None;
            }
            at = entry.next;
        }
        None
    }

    fn is_complete(&self, first: u16) -> bool {
        let Some(mut entry) = self.entry(first) else { return false };
        while !entry.has(Data::END) {
            match self.entry(entry.next) {
                Some(next) if next.tsn == entry.tsn.wrapping_add(1) => entry = next,
                _ => return false,
            }
        }
        true
    }

    /// Moves a complete message into `scratch`; its length.
    pub(super) fn take(&mut self, list: usize, ready: Ready, scratch: &mut [u8]) -> usize {
        let mut length = 0;
        let mut at = ready.first;
        while let Some(&entry) = self.entry(at) {
            let mut left = usize::from(entry.length);
            let mut block = entry.first_block;
            while left > 0 {
                let part = left.min(BLOCK);
                if let Some(octets) = self.blocks.get(usize::from(block)).and_then(|block| block.get(..part))
                    && let Some(room) = scratch.get_mut(length..).and_then(|rest| rest.get_mut(..part))
                {
                    room.copy_from_slice(octets);
                }
                length += part;
                left -= part;
                block = self.after.get(usize::from(block)).copied().unwrap_or(NIL);
            }
            self.release(list, at);
            if entry.has(Data::END) {
                break;
            }
            at = entry.next;
        }
        length
    }

    /// Drops the held chunk with the highest TSN, if that is above `tsn`; gives its TSN.
    pub(super) fn drop_highest(&mut self, tsn: u32) -> Option<u32> {
        let tails = self.lists.iter().enumerate().filter_map(|(list, ends)| {
            self.entry(ends.tail).map(|entry| (entry.tsn.wrapping_sub(tsn) as i32, list, ends.tail))
        });
        let (distance, list, at) = tails.max_by_key(|&(distance, ..)| distance)?;
        if distance <= 0 {
            return None;
        }
        self.release(list, at);
        Some(tsn.wrapping_add(distance as u32))
    }

    fn release(&mut self, list: usize, at: u16) {
        let Some(&entry) = self.entry(at) else { return };
        self.set_next(list, entry.previous, entry.next);
        self.set_previous(list, entry.next, entry.previous);
        let mut block = entry.first_block;
        for _ in 0..usize::from(entry.length).div_ceil(BLOCK) {
            let Some(after) = self.after.get_mut(usize::from(block)) else { break };
            let next = core::mem::replace(after, self.free_block);
            self.free_block = block;
            self.free_blocks += 1;
            block = next;
        }
        let free = self.free_entry;
        if let Some(entry) = self.entries.get_mut(usize::from(at)) {
            *entry = Held { next: free, ..Held::EMPTY };
        }
        self.free_entry = at;
        self.held -= 1;
    }

    /// Panics if entries or blocks were lost or lists are out of order.
    pub(super) fn assert_invariants(&self) {
        let (mut held, mut blocks) = (0, 0);
        for list in &self.lists {
            let (mut at, mut previous) = (list.head, NIL);
            while let Some(entry) = self.entry(at) {
                assert_eq!(entry.previous, previous);
                assert!(self.entry(previous).is_none_or(|earlier| before(earlier.tsn, entry.tsn)));
                held += 1;
                blocks += usize::from(entry.length).div_ceil(BLOCK);
                (previous, at) = (at, entry.next);
            }
            assert_eq!(list.tail, previous);
        }
        assert_eq!(held, self.held);
        assert_eq!(blocks + usize::from(self.free_blocks), self.blocks.len());
    }
}
