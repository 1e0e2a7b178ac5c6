//! Segments become messages (Q.714 4.1.1.3): a fixed number at a time, in memory that is there from the start.
//!
//! A segment belongs to the message with its originating point code, calling address and local reference. Whatever does
//! not go on where the one before it ended ends the message: its first segment, which is kept, is returned once.

use super::view::Unitdata;
use super::{Cause, Kind, Segmentation, address};
use crate::base::{Inline, SipKey, Time, counts};
use crate::codec::Prepend;
use crate::ident::{PointCode, WorkerId};
use core::time::Duration;
use std::collections::VecDeque;

/// The longest message that is put together, in octets of data.
pub const LONGEST: u16 = 2048;

/// How much is put together at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReassemblyConfig {
    /// How many messages at a time; of one originating point code half as many, or one.
    pub entries: u16,
    /// How many octets of data a message may have: [`LONGEST`] at most.
    pub octets: u16,
    /// T(reass): how long after its first segment a message may become whole.
    pub t_reass: Duration,
}

impl Default for ReassemblyConfig {
    /// 64 messages of the greatest length, 15 s.
    fn default() -> Self {
        Self { entries: 64, octets: LONGEST, t_reass: Duration::from_secs(15) }
    }
}

counts! {
    /// What became of segments.
    pub struct ReassemblyCounts {
        /// Segments taken.
        segments,
        /// Messages put together.
        reassembled,
        /// Segments of messages whose first segment has not come, or that were given up.
        segments_stray,
        /// Messages given up since a segment was not the one that had to follow.
        out_of_order,
        /// Messages given up since a segment had another called address or class than the first.
        at_odds,
        /// Messages given up since they grew too long.
        too_long,
        /// Messages given up since their first segment came again.
        begun_anew,
        /// Messages given up since they took too long.
        timed_out,
        /// Messages not begun since there was no room, or their point code had its share.
        no_room,
    }
}

/// Called, calling: at most these many octets each, as anything longer is refused as an address.
type Octets = Inline<24>;

/// A message of which segments have come. `L` is what its receiver wants to know of it when it is whole.
#[derive(Clone, Copy, Debug)]
struct Entry<L> {
    label: L,
    opc: PointCode,
    kind: Kind,
    class: u8,
    return_on_error: bool,
    called: Octets,
    calling: Octets,
    /// That of the first segment.
    segmentation: Segmentation,
    importance: Option<u8>,
    /// How many segments are still to come.
    remaining: u8,
    /// Octets of the first segment, and of all.
    first: u16,
    length: u16,
    deadline: Time,
}

/// Who is told which first segment of whom has to be returned, and why.
type Return<'r, L> = &'r mut dyn FnMut(&L, &Unitdata<'_>, Cause);

/// Messages that are being put together.
pub struct Reassembly<L> {
    key: SipKey,
    config: ReassemblyConfig,
    /// A hash for each entry, and 0 for a free one: the first thing that is compared.
    hashes: Vec<u64>,
    entries: Vec<Option<Entry<L>>>,
    /// `config.octets` for each entry.
    room: Box<[u8]>,
    /// Those that are whole, in their order.
    whole: VecDeque<u16>,
    /// The earliest deadline, or an earlier time.
    next: Time,
    /// Counters.
    pub counts: ReassemblyCounts,
}

impl<L: Copy> Reassembly<L> {
    /// With nothing in it. All workers of a node need the same `key`.
    #[must_use]
    pub fn new(config: ReassemblyConfig, key: SipKey) -> Self {
        let config = ReassemblyConfig { octets: config.octets.min(LONGEST), ..config };
        let entries = usize::from(config.entries);
        Self {
            key,
            hashes: vec![0; entries],
            entries: (0..entries).map(|_| None).collect(),
            room: vec![0; entries * usize::from(config.octets)].into(),
            whole: VecDeque::with_capacity(entries),
            next: Time::NEVER,
            counts: ReassemblyCounts::default(),
            config,
        }
    }

    /// Which of `workers` puts the message together that a segment belongs to: they hold no transaction id to go by.
    #[must_use]
    pub fn worker(&self, opc: PointCode, segment: &Unitdata<'_>, workers: u8) -> WorkerId {
        WorkerId((self.hash(opc, segment) % u64::from(workers.max(1))) as u8)
    }

    fn hash(&self, PointCode(opc): PointCode, segment: &Unitdata<'_>) -> u64 {
        let reference = segment.segmentation.map_or(0, |segmentation| segmentation.local_reference);
        self.key.hash(&[&opc.to_le_bytes(), &reference.to_le_bytes(), segment.calling_octets]).max(1)
    }

    /// Takes a segment; whether its message is whole now. `give_back` is told of what has to be returned.
    pub fn take(
        &mut self,
        now: Time,
        opc: PointCode,
        label: L,
        segment: &Unitdata<'_>,
        give_back: Return<'_, L>,
    ) -> bool {
        let Some(segmentation) = segment.segmentation else { return false };
        self.counts.segments += 1;
        let hash = self.hash(opc, segment);
        let known = self.find(hash, opc, segment, segmentation.local_reference);
        if segmentation.first {
            if let Some(at) = known {
                self.counts.begun_anew += 1;
                self.give_up(at, Cause::NO_REASSEMBLY, give_back);
            }
            self.begin(now, opc, label, hash, segment, segmentation, give_back);
            return false;
        }
        let Some(at) = known else {
            self.counts.segments_stray += 1;
            return false;
        };
        self.go_on(at, segment, segmentation, give_back)
    }

    /// The entry of a segment's message, if it isn't whole.
    fn find(&self, hash: u64, opc: PointCode, segment: &Unitdata<'_>, reference: u32) -> Option<usize> {
        let is_it = |entry: &Entry<L>| {
            entry.opc == opc
                && entry.remaining > 0
                && entry.segmentation.local_reference == reference
                && *entry.calling == *segment.calling_octets
        };
        let alike = self.hashes.iter().enumerate().filter(|(_, other)| **other == hash);
        let mut alike = alike.map(|(at, _)| at);
        alike.find(|at| self.entries.get(*at).is_some_and(|entry| entry.as_ref().is_some_and(is_it)))
    }

    fn begin(
        &mut self,
        now: Time,
        opc: PointCode,
        label: L,
        hash: u64,
        segment: &Unitdata<'_>,
        segmentation: Segmentation,
        give_back: Return<'_, L>,
    ) {
        let of_it = self.entries.iter().flatten().filter(|entry| entry.opc == opc).count();
        let free = self.hashes.iter().position(|hash| *hash == 0);
        let free = free.filter(|_| of_it < usize::from(self.config.entries / 2).max(1));
        let addresses = Octets::new(segment.called_octets).zip(Octets::new(segment.calling_octets));
        let (Some(at), Some((called, calling))) = (free, addresses) else {
            self.counts.no_room += 1;
            give_back(&label, segment, Cause::LOCAL_PROCESSING);
            return;
        };
        let entry = Entry {
            label,
            opc,
            kind: segment.kind,
            class: segment.class,
            return_on_error: segment.return_on_error,
            called,
            calling,
            segmentation,
            importance: segment.importance,
            remaining: segmentation.remaining,
            first: segment.data.len() as u16,
            length: 0,
            deadline: now + self.config.t_reass,
        };
        if !self.append(at, 0, segment.data) {
            self.counts.too_long += 1;
            give_back(&label, segment, Cause::NO_REASSEMBLY);
            return;
        }
        if let (Some(place), Some(mark)) = (self.entries.get_mut(at), self.hashes.get_mut(at)) {
            self.next = self.next.min(entry.deadline);
            *place = Some(Entry { length: entry.first, ..entry });
            *mark = hash;
        }
    }

    /// Copies data into the room of an entry; whether it fits.
    fn append(&mut self, at: usize, length: u16, data: &[u8]) -> bool {
        let octets = usize::from(self.config.octets);
        let (start, end) = (usize::from(length), usize::from(length) + data.len());
        if end > octets {
            return false;
        }
        let room = self.room.get_mut(at * octets + start..at * octets + end);
        room.map(|room| room.copy_from_slice(data)).is_some()
    }

    fn go_on(
        &mut self,
        at: usize,
        segment: &Unitdata<'_>,
        segmentation: Segmentation,
        give_back: Return<'_, L>,
    ) -> bool {
        let Some(Some(entry)) = self.entries.get(at).copied() else { return false };
        let wrong = if segmentation.remaining + 1 != entry.remaining {
            Some(&mut self.counts.out_of_order)
        } else if segment.class != entry.class || *segment.called_octets != *entry.called {
            Some(&mut self.counts.at_odds)
        } else {
            None
        };
        if let Some(count) = wrong {
            *count += 1;
            self.give_up(at, Cause::NO_REASSEMBLY, give_back);
            return false;
        }
        if !self.append(at, entry.length, segment.data) {
            self.counts.too_long += 1;
            self.give_up(at, Cause::NO_REASSEMBLY, give_back);
            return false;
        }
        let length = entry.length + segment.data.len() as u16;
        if let Some(Some(entry)) = self.entries.get_mut(at) {
            (entry.length, entry.remaining) = (length, segmentation.remaining);
        }
        if segmentation.remaining > 0 {
            return false;
        }
        self.counts.reassembled += 1;
        self.whole.push_back(at as u16);
        true
    }

    /// Frees an entry and has its first segment returned.
    fn give_up(&mut self, at: usize, cause: Cause, give_back: Return<'_, L>) {
        let Some(entry) = self.free(at) else { return };
        if let Some(first) = self.unitdata(at, &entry, entry.first) {
            give_back(&entry.label, &first, cause);
        }
    }

    fn free(&mut self, at: usize) -> Option<Entry<L>> {
        if let Some(hash) = self.hashes.get_mut(at) {
            *hash = 0;
        }
        self.entries.get_mut(at)?.take()
    }

    /// The first `length` octets of an entry as a message.
    fn unitdata<'a>(&'a self, at: usize, entry: &'a Entry<L>, length: u16) -> Option<Unitdata<'a>> {
        let start = at * usize::from(self.config.octets);
        Some(Unitdata {
            kind: entry.kind,
            class: entry.class,
            return_on_error: entry.return_on_error,
            hop_counter: None,
            called: address::read(&entry.called)?,
            calling: address::read(&entry.calling)?,
            called_octets: &entry.called,
            calling_octets: &entry.calling,
            data: self.room.get(start..start + usize::from(length))?,
            segmentation: Some(entry.segmentation),
            importance: entry.importance,
        })
    }

    /// Writes the next message that is whole as a LUDT, as if it had come in one, and gives what came with its first
    /// segment.
    pub fn next_whole(&mut self, writer: &mut Prepend<'_>) -> Option<L> {
        let at = usize::from(self.whole.pop_front()?);
        let entry = self.free(at)?;
        let whole = self.unitdata(at, &entry, entry.length)?;
        super::build::again(writer, Kind::Ludt, &whole).ok()?;
        Some(entry.label)
    }

    /// Whether [`Reassembly::next_whole`] has something.
    #[must_use]
    pub fn has_whole(&self) -> bool {
        !self.whole.is_empty()
    }

    /// Gives up what took too long.
    pub fn handle_timeout(&mut self, now: Time, give_back: Return<'_, L>) {
        if self.next > now {
            return;
        }
        self.next = Time::NEVER;
        for at in 0..self.entries.len() {
            let Some(Some(entry)) = self.entries.get(at) else { continue };
            if entry.remaining == 0 {
                continue;
            }
            if entry.deadline > now {
                self.next = self.next.min(entry.deadline);
                continue;
            }
            self.counts.timed_out += 1;
            self.give_up(at, Cause::NO_REASSEMBLY, give_back);
        }
    }

    /// When [`Reassembly::handle_timeout`] has something to do, or earlier.
    #[must_use]
    pub fn poll_timeout(&self) -> Time {
        self.next
    }

    /// How many messages have their place, and how many there can be.
    #[must_use]
    pub fn fill(&self) -> (usize, usize) {
        (self.entries.iter().flatten().count(), self.entries.len())
    }

    /// What must hold between any two calls.
    pub fn assert_invariants(&self) {
        let taken = |at: &usize| self.entries.get(*at).is_some_and(Option::is_some);
        for (at, hash) in self.hashes.iter().enumerate() {
            assert_eq!(*hash != 0, taken(&at), "a hash for each entry");
        }
        for entry in self.entries.iter().flatten() {
            assert!(entry.first <= entry.length && entry.length <= self.config.octets);
        }
        let done = self.entries.iter().flatten().filter(|entry| entry.remaining == 0).count();
        assert_eq!(done, self.whole.len(), "what is whole waits to be taken");
    }
}
