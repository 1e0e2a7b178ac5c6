//! Sending DATA: the send ring, windows (RFC 9260 6.1, 7.2), SACK (6.2.1), retransmission (6.3.3, 7.2.4).

use super::super::view::{Chunk, Data, Sack, chunk};
use super::super::{
    AssociationConfig, CHUNK_HEADER, COMMON_HEADER, DATA_HEADER, MAX_PATHS, MESSAGE_LIMIT, SendRefused, Why,
    before, malformed,
};
use super::path::Paths;
use super::{Association, State, Step, Turn};
use crate::base::{Malformed, Time};
use crate::codec::Prepend;

/// Where a DATA chunk stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// Not sent yet.
    Waiting,
    /// Under way.
    Flying,
    /// Lost, as far as we know: to be sent again.
    Marked,
    /// Reported by a gap block, which the peer may take back.
    Gap,
}

/// A DATA chunk of ours in the ring.
#[derive(Clone, Copy, Debug)]
struct Record {
    /// Where in the ring; the chunk stands there as it goes over the wire, header and padding included.
    offset: u32,
    /// Octets of user data.
    octets: u16,
    standing: Standing,
    path: u8,
    /// SACKs that reported it missing.
    misses: u8,
    /// It was retransmitted fast once, and won't be again.
    fast: bool,
    /// It was sent more than once: its round trip says nothing (Karn).
    again: bool,
}

impl Record {
    const EMPTY: Self = Self {
        offset: 0,
        octets: 0,
        standing: Standing::Waiting,
        path: 0,
        misses: 0,
        fast: false,
        again: false,
    };

    const fn wire(&self) -> usize {
        (DATA_HEADER + self.octets as usize).next_multiple_of(4)
    }
}

/// The sending half of an association.
pub(super) struct Outbound {
    ring: Box<[u8]>,
    /// Where the next chunk goes.
    head: usize,
    /// By TSN, modulo their number, which is a power of two.
    records: Box<[Record]>,
    /// Every TSN up to this one is acknowledged.
    acknowledged: u32,
    /// The highest TSN that was ever sent.
    sent: u32,
    /// The highest TSN given out.
    assigned: u32,
    /// The next SSN of each stream.
    ssns: Box<[u16]>,
    pub(super) streams: u16,
    /// The peer's window, less what is under way.
    window: u32,
    /// Octets of user data under way, on all paths: what the peer's window counts.
    flying: u32,
    /// Chunks to be sent again.
    marked: u32,
    /// Chunks acknowledged by gap blocks only.
    gaps: u32,
    /// In fast recovery, until this TSN is acknowledged (7.2.4).
    recovery: Option<u32>,
    /// A SACK has come since the last T3 expiry.
    heard: bool,
}

/// What one SACK has acknowledged, by path.
#[derive(Default)]
struct Acknowledged {
    octets: [u32; MAX_PATHS],
    /// The cumulative TSN went over a chunk of this path.
    first: [bool; MAX_PATHS],
    flight_before: [u32; MAX_PATHS],
    highest_new: Option<u32>,
}

impl Outbound {
    pub(super) fn new(config: &AssociationConfig) -> Self {
        let octets = config.send_ring.clamp(4 * MESSAGE_LIMIT, 1 << 28).next_multiple_of(4);
        let records = (octets / 64).next_power_of_two().min(1 << 15);
        Self {
            ring: vec![0; octets].into(),
            head: 0,
            records: vec![Record::EMPTY; records].into(),
            acknowledged: 0,
            sent: 0,
            assigned: 0,
            ssns: vec![0; usize::from(config.streams.max(1))].into(),
            streams: 0,
            window: 0,
            flying: 0,
            marked: 0,
            gaps: 0,
            recovery: None,
            heard: false,
        }
    }

    /// Begins anew with TSN `first`, so many streams, and the peer's window.
    pub(super) fn reset(&mut self, first: u32, streams: u16, window: u32) {
        self.head = 0;
        self.acknowledged = first.wrapping_sub(1);
        self.sent = self.acknowledged;
        self.assigned = self.acknowledged;
        self.ssns.fill(0);
        self.streams = streams;
        self.window = window;
        (self.flying, self.marked, self.gaps) = (0, 0, 0);
        self.recovery = None;
        self.heard = false;
    }

    /// Chunks sent or unsent that are not acknowledged.
    pub(super) const fn waiting(&self) -> u32 {
        self.assigned.wrapping_sub(self.acknowledged)
    }

    fn record(&self, tsn: u32) -> Option<&Record> {
        self.records.get(tsn as usize & (self.records.len() - 1))
    }

    fn record_mut(&mut self, tsn: u32) -> Option<&mut Record> {
        let mask = self.records.len() - 1;
        self.records.get_mut(tsn as usize & mask)
    }

    /// A place in the ring for `wire` octets in one piece.
    fn allocate(&self, wire: usize) -> Option<usize> {
        if self.waiting() as usize >= self.records.len() {
            return None;
        }
        if self.waiting() == 0 {
            return (wire <= self.ring.len()).then_some(0);
        }
        let tail = self.record(self.acknowledged.wrapping_add(1))?.offset as usize;
        if self.head <= tail {
            return (tail - self.head >= wire).then_some(self.head);
        }
        if self.ring.len() - self.head >= wire {
            return Some(self.head);
        }
        (tail >= wire).then_some(0)
    }

    /// Copies one fragment into the ring as a DATA chunk.
    fn push(&mut self, stream: u16, ssn: u16, ppid: u32, flags: u8, payload: &[u8]) -> Option<()> {
        let tsn = self.assigned.wrapping_add(1);
        let length = DATA_HEADER + payload.len();
        let wire = length.next_multiple_of(4);
        let offset = self.allocate(wire)?;
        let room = self.ring.get_mut(offset..)?.get_mut(..wire)?;
        let (head, body) = room.split_at_mut_checked(DATA_HEADER)?;
        let mut header = Prepend::new(head);
        header.u32(ppid);
        header.u16(ssn);
        header.u16(stream);
        header.u32(tsn);
        header.u16(length as u16);
        header.u8(flags);
        header.u8(chunk::DATA);
        let (data, padding) = body.split_at_mut_checked(payload.len())?;
        data.copy_from_slice(payload);
        padding.fill(0);
        *self.record_mut(tsn)? =
            Record { offset: offset as u32, octets: payload.len() as u16, ..Record::EMPTY };
        self.head = offset + wire;
        self.assigned = tsn;
        Some(())
    }

    /// Takes a whole message or nothing, cut into fragments of at most `fragment` octets.
    fn put(
        &mut self,
        stream: u16,
        ppid: u32,
        payload: &[u8],
        unordered: bool,
        fragment: usize,
    ) -> Result<(), SendRefused> {
        if payload.is_empty() {
            return Err(SendRefused::Empty);
        }
        if payload.len() > MESSAGE_LIMIT {
            return Err(SendRefused::TooLong);
        }
        let Some(&ssn) = self.ssns.get(usize::from(stream)).filter(|_| stream < self.streams) else {
            return Err(SendRefused::NoSuchStream);
        };
        let before = (self.head, self.assigned);
        let last = payload.len().div_ceil(fragment) - 1;
        for (at, part) in payload.chunks(fragment).enumerate() {
            let mut flags = if unordered { Data::UNORDERED } else { 0 };
            if at == 0 {
                flags |= Data::BEGIN;
            }
            if at == last {
                flags |= Data::END;
            }
            if self.push(stream, ssn, ppid, flags, part).is_none() {
                (self.head, self.assigned) = before;
                return Err(SendRefused::Full);
            }
        }
        if let Some(ssn) = self.ssns.get_mut(usize::from(stream)).filter(|_| !unordered) {
            *ssn = ssn.wrapping_add(1);
        }
        Ok(())
    }

    /// The first chunk from `tsn` on that is to be sent again on `path`.
    fn next_marked(&self, mut tsn: u32, path: u8) -> Option<u32> {
        while !before(self.sent, tsn) {
            let record = self.record(tsn)?;
            if record.standing == Standing::Marked && record.path == path {
                return Some(tsn);
            }
            tsn = tsn.wrapping_add(1);
        }
        None
    }

    /// Whether the peer's window lets the next new chunk go; one may always be under way (6.1 A).
    fn may_send_new(&self) -> bool {
        let Some(record) = self.record(self.sent.wrapping_add(1)) else { return false };
        self.sent != self.assigned
            && self.marked == 0
            && (self.flying == 0 && self.gaps == 0 || self.window >= u32::from(record.octets))
    }

    /// A chunk is under way no more.
    fn land(&mut self, paths: &mut Paths, record: Record) {
        let octets = u32::from(record.octets);
        let path = paths.at_mut(record.path);
        path.flight = path.flight.saturating_sub(record.wire() as u32);
        self.flying = self.flying.saturating_sub(octets);
    }

    pub(super) fn assert_invariants(&self, paths: &Paths) {
        assert!(!before(self.sent, self.acknowledged) && !before(self.assigned, self.sent));
        let (mut flying, mut flight, mut marked, mut gaps) = (0, 0, 0, 0);
        let mut tsn = self.acknowledged;
        while tsn != self.assigned {
            tsn = tsn.wrapping_add(1);
            let record = self.record(tsn).copied().unwrap_or(Record::EMPTY);
            assert_eq!(record.standing == Standing::Waiting, before(self.sent, tsn));
            match record.standing {
                Standing::Flying => {
                    flying += u32::from(record.octets);
                    flight += record.wire() as u32;
                }
                Standing::Marked => marked += 1,
                Standing::Gap => gaps += 1,
                Standing::Waiting => {}
            }
        }
        assert_eq!((flying, marked, gaps), (self.flying, self.marked, self.gaps));
        assert_eq!(paths.iter().map(|path| path.flight).sum::<u32>(), flight);
        assert!(paths.iter().all(|path| (path.flight == 0) || path.t3 != Time::NEVER));
    }
}

impl Association {
    /// Queues one message; it leaves at the next flush.
    pub(in super::super) fn send(
        &mut self,
        stream: u16,
        ppid: u32,
        payload: &[u8],
        unordered: bool,
    ) -> Result<(), SendRefused> {
        if !self.is_up() {
            return Err(SendRefused::NotUp);
        }
        let fragment = self.limit() - COMMON_HEADER - DATA_HEADER;
        self.outbound.put(stream, ppid, payload, unordered, fragment)?;
        self.dirty = true;
        Ok(())
    }

    /// End of a turn: packs what may be sent now.
    pub(in super::super) fn flush(&mut self, turn: &mut Turn<'_>) {
        use State::{Established, ShutdownPending, ShutdownReceived};
        if matches!(self.state, Established | ShutdownPending | ShutdownReceived)
            && self.outbound.waiting() > 0
        {
            let data_path = self.data_path();
            for path in 0..self.paths.count() {
                self.flush_path(turn, path, path == data_path);
            }
        }
        self.flush_sack(turn);
    }

    /// Sends packets on one path while its window and the peer's allow.
    fn flush_path(&mut self, turn: &mut Turn<'_>, path: u8, takes_new: bool) {
        let route = self.route(path);
        let chunk_limit = (route.limit - COMMON_HEADER) as u32;
        self.paths.at_mut(path).shrink_idle(turn.now, chunk_limit);
        let mut again_from = self.outbound.acknowledged.wrapping_add(1);
        let burst = u32::from(self.config.timers.max_burst.max(1)).saturating_mul(chunk_limit);
        let allowed = self.paths.at(path).cwnd.min(self.paths.at(path).flight.saturating_add(burst));
        loop {
            let urgent = core::mem::take(&mut self.paths.at_mut(path).urgent);
            if !urgent && self.paths.at(path).flight >= allowed {
                return;
            }
            let marked =
                if self.outbound.marked > 0 { self.outbound.next_marked(again_from, path) } else { None };
            let new = takes_new && self.outbound.may_send_new();
            if marked.is_none() && !new {
                return;
            }
            again_from = marked.unwrap_or(again_from);
            let (mut chunks, mut first_of_all) = ((0, 0), false);
            let mut sack = false;
            let (tag, now) = (self.peer_tag, turn.now);
            let sent = turn.emit(route, tag, |w| {
                sack = self.piggyback_sack(w, path);
                let room = |wire: usize, w: &super::PacketWriter<'_>| w.fits(wire);
                let mut next = marked;
                while let Some(tsn) = next {
                    let Some(&record) = self.outbound.record(tsn) else { break };
                    let full = !urgent && self.paths.at(path).flight >= allowed;
                    if full || !room(record.wire(), w) {
                        break;
                    }
                    first_of_all |= tsn == self.outbound.acknowledged.wrapping_add(1);
                    self.launch(now, w, tsn, record, path);
                    chunks.0 += 1;
                    next = self.outbound.next_marked(tsn.wrapping_add(1), path);
                }
                while takes_new && self.outbound.may_send_new() && self.paths.at(path).flight < allowed {
                    let tsn = self.outbound.sent.wrapping_add(1);
                    let Some(&record) = self.outbound.record(tsn) else { break };
                    if !room(record.wire(), w) {
                        break;
                    }
                    self.outbound.sent = tsn;
                    self.launch(now, w, tsn, record, path);
                    chunks.1 += 1;
                }
            });
            if !sent {
                self.dirty = true;
                return;
            }
            turn.counts.data_again += chunks.0;
            turn.counts.data_out += chunks.1;
            turn.counts.sacks_out += u64::from(sack);
            let entry = self.paths.at_mut(path);
            entry.last_used = turn.now;
            if entry.t3 == Time::NEVER || first_of_all {
                entry.t3 = turn.now + entry.rto;
                self.wake = self.wake.min(self.paths.at(path).t3);
            }
        }
    }

    /// Copies one chunk from the ring into a packet: it is under way.
    fn launch(&mut self, now: Time, w: &mut super::PacketWriter<'_>, tsn: u32, record: Record, path: u8) {
        let offset = record.offset as usize;
        if let Some(chunk) = self.outbound.ring.get(offset..).and_then(|ring| ring.get(..record.wire())) {
            w.pad();
            w.bytes(chunk);
        }
        let again = record.standing == Standing::Marked;
        if again {
            self.outbound.marked -= 1;
        }
        let octets = u32::from(record.octets);
        if let Some(entry) = self.outbound.record_mut(tsn) {
            *entry = Record { standing: Standing::Flying, path, misses: 0, again, ..record };
        }
        self.outbound.window = self.outbound.window.saturating_sub(octets);
        self.outbound.flying += octets;
        let path = self.paths.at_mut(path);
        path.flight += record.wire() as u32;
        if !again && path.measured.is_none() {
            path.measured = Some((tsn, now));
        }
    }

    pub(super) fn on_sack(
        &mut self,
        turn: &mut Turn<'_>,
        chunk: &Chunk<'_>,
    ) -> Result<Step<'static>, Malformed> {
        use State::{Established, ShutdownPending, ShutdownReceived};
        turn.counts.sacks_in += 1;
        if !matches!(self.state, Established | ShutdownPending | ShutdownReceived) {
            return Ok(Step::Next);
        }
        let sack = Sack::parse(chunk)?;
        if before(sack.cumulative, self.outbound.acknowledged) {
            turn.counts.sacks_old += 1;
            return Ok(Step::Next);
        }
        let highest = sack.cumulative.wrapping_add(u32::from(sack.last_gap_end()));
        if before(self.outbound.sent, sack.cumulative) || before(self.outbound.sent, highest) {
            return Err(malformed(Why::AheadOfSent, CHUNK_HEADER));
        }
        self.outbound.heard = true;
        let advanced = sack.cumulative != self.outbound.acknowledged;
        let mut news = self.acknowledge(turn.now, sack.cumulative);
        if sack.last_gap_end() > 0 || self.outbound.gaps > 0 {
            self.acknowledge_gaps(turn, &sack, advanced, &mut news);
        }
        self.outbound.window = sack.window.saturating_sub(self.outbound.flying);
        self.grow_and_rearm(turn.now, advanced, &news);
        self.dirty = true;
        self.all_acknowledged(turn);
        Ok(Step::Next)
    }

    /// Frees every chunk up to `cumulative`, which must not be above what was sent.
    fn acknowledge(&mut self, now: Time, cumulative: u32) -> Acknowledged {
        let mut news = Acknowledged::default();
        for (before, path) in news.flight_before.iter_mut().zip(self.paths.iter()) {
            *before = path.flight;
        }
        while self.outbound.acknowledged != cumulative {
            let tsn = self.outbound.acknowledged.wrapping_add(1);
            self.outbound.acknowledged = tsn;
            let Some(&record) = self.outbound.record(tsn) else { break };
            let path = usize::from(record.path);
            if let Some(first) = news.first.get_mut(path) {
                *first = true;
            }
            match record.standing {
                Standing::Gap => self.outbound.gaps -= 1,
                Standing::Marked => {
                    self.outbound.marked -= 1;
                    self.credit(&mut news, tsn, record);
                }
                _ => {
                    self.outbound.land(&mut self.paths, record);
                    self.sample(now, tsn, record);
                    self.credit(&mut news, tsn, record);
                }
            }
        }
        if self.outbound.recovery.is_some_and(|exit| !before(cumulative, exit)) {
            self.outbound.recovery = None;
        }
        news
    }

    /// A chunk is acknowledged for the first time.
    fn credit(&mut self, news: &mut Acknowledged, tsn: u32, record: Record) {
        if let Some(octets) = news.octets.get_mut(usize::from(record.path)) {
            *octets += record.wire() as u32;
        }
        news.highest_new = Some(tsn);
        // An answer at last (8.1). A chunk sent again may have been answered on either path; the last one counts.
        self.clear_errors(record.path);
    }

    /// Measures the round trip if this was the chunk being measured (6.3.1).
    fn sample(&mut self, now: Time, tsn: u32, record: Record) {
        let path = self.paths.at_mut(record.path);
        if let Some((measured, sent)) = path.measured
            && measured == tsn
        {
            path.measured = None;
            if !record.again {
                path.measure(now.since(sent), &self.config.timers);
            }
        }
    }

    /// Gap blocks: what they acknowledge, what they take back, and what they show to be missing (6.2.1, 7.2.4).
    fn acknowledge_gaps(
        &mut self,
        turn: &mut Turn<'_>,
        sack: &Sack<'_>,
        advanced: bool,
        news: &mut Acknowledged,
    ) {
        let mut blocks = sack.gaps();
        let mut block = blocks.next();
        let mut tsn = sack.cumulative;
        while tsn != self.outbound.sent {
            tsn = tsn.wrapping_add(1);
            let offset = tsn.wrapping_sub(sack.cumulative);
            while block.is_some_and(|(_, end)| u32::from(end) < offset) {
                block = blocks.next();
            }
            let reported = block.is_some_and(|(start, _)| u32::from(start) <= offset);
            let Some(&record) = self.outbound.record(tsn) else { return };
            let standing = match (reported, record.standing) {
                (true, Standing::Flying) => {
                    self.outbound.land(&mut self.paths, record);
                    self.sample(turn.now, tsn, record);
                    self.credit(news, tsn, record);
                    self.outbound.gaps += 1;
                    Standing::Gap
                }
                (true, Standing::Marked) => {
                    self.outbound.marked -= 1;
                    self.credit(news, tsn, record);
                    self.outbound.gaps += 1;
                    Standing::Gap
                }
                (false, Standing::Gap) => {
                    // Taken back: under way again, so that T3 or three reports bring it back.
                    self.outbound.gaps -= 1;
                    self.outbound.flying += u32::from(record.octets);
                    self.paths.at_mut(record.path).flight += record.wire() as u32;
                    Standing::Flying
                }
                (_, standing) => standing,
            };
            if let Some(entry) = self.outbound.record_mut(tsn) {
                entry.standing = standing;
            }
        }
        // In fast recovery a SACK that moves the cumulative TSN counts for all that is missing in it.
        let in_recovery = advanced && self.outbound.recovery.is_some();
        let end = sack.cumulative.wrapping_add(u32::from(sack.last_gap_end()));
        let upto = if in_recovery { Some(end) } else { news.highest_new };
        if let Some(upto) = upto {
            self.count_misses(turn, sack.cumulative, upto);
        }
    }

    /// Counts the chunks after `cumulative` and before `upto` that are still missing; the third time means lost.
    fn count_misses(&mut self, turn: &mut Turn<'_>, cumulative: u32, upto: u32) {
        let mut tsn = cumulative.wrapping_add(1);
        while before(tsn, upto) {
            let Some(record) =
                self.outbound.record_mut(tsn).filter(|record| record.standing == Standing::Flying)
            else {
                tsn = tsn.wrapping_add(1);
                continue;
            };
            record.misses = record.misses.saturating_add(1);
            if record.misses >= 3 && !record.fast {
                record.fast = true;
                record.standing = Standing::Marked;
                let record = *record;
                self.outbound.marked += 1;
                self.outbound.land(&mut self.paths, record);
                self.outbound.window = self.outbound.window.saturating_add(u32::from(record.octets));
                turn.counts.fast_retransmits += 1;
                self.enter_recovery(record.path, tsn);
            }
            tsn = tsn.wrapping_add(1);
        }
    }

    /// Halves the window, once for each recovery, and lets one packet go at once.
    fn enter_recovery(&mut self, path: u8, tsn: u32) {
        let chunk = (self.limit() - COMMON_HEADER) as u32;
        let fresh = self.outbound.recovery.is_none();
        let sent = self.outbound.sent;
        let path = self.paths.at_mut(path);
        if path.measured.is_some_and(|(measured, _)| measured == tsn) {
            path.measured = None;
        }
        if fresh {
            path.ssthresh = (path.cwnd / 2).max(4 * chunk);
            path.cwnd = path.ssthresh;
            path.partial = 0;
            path.urgent = true;
            self.outbound.recovery = Some(sent);
        }
    }

    /// Congestion windows (7.2.1, 7.2.2) and T3-rtx (6.3.2 R2, R3) after a SACK.
    fn grow_and_rearm(&mut self, now: Time, advanced: bool, news: &Acknowledged) {
        let chunk = (self.limit() - COMMON_HEADER) as u32;
        let recovering = self.outbound.recovery.is_some();
        let nothing_left = self.outbound.acknowledged == self.outbound.sent;
        for place in 0..self.paths.count() {
            let at = usize::from(place);
            let (Some(&octets), Some(&first), Some(&flight)) =
                (news.octets.get(at), news.first.get(at), news.flight_before.get(at))
            else {
                return;
            };
            let path = self.paths.at_mut(place);
            if octets > 0 && advanced && !recovering {
                // The window grows only when it was used up, but for the last chunk that did not fit.
                let used_up = flight.saturating_add(chunk) > path.cwnd;
                if path.cwnd <= path.ssthresh {
                    if used_up {
                        path.cwnd = path.cwnd.saturating_add(octets.min(chunk));
                    }
                } else {
                    path.partial = path.partial.saturating_add(octets);
                    if path.partial >= path.cwnd && used_up {
                        path.partial -= path.cwnd;
                        path.cwnd = path.cwnd.saturating_add(chunk);
                    }
                    path.partial = path.partial.min(path.cwnd);
                }
            }
            if nothing_left {
                path.partial = 0;
            }
            if path.flight == 0 {
                path.t3 = Time::NEVER;
            } else if first || path.t3 == Time::NEVER {
                path.t3 = now + path.rto;
                self.wake = self.wake.min(now + self.paths.at(place).rto);
            }
        }
    }

    /// T3-rtx on `path` (6.3.3, 7.2.3): all that is under way there is sent again, elsewhere if possible.
    pub(super) fn on_t3(&mut self, turn: &mut Turn<'_>, path: u8) {
        turn.counts.t3_expiries += 1;
        let chunk = (self.limit() - COMMON_HEADER) as u32;
        // A peer that answers with a window of 0 is alive (6.1 A).
        let probing = self.outbound.window == 0 && self.outbound.heard;
        self.outbound.heard = false;
        self.outbound.recovery = None;
        let entry = self.paths.at_mut(path);
        entry.t3 = Time::NEVER;
        entry.ssthresh = (entry.cwnd / 2).max(4 * chunk);
        entry.cwnd = chunk;
        entry.partial = 0;
        entry.measured = None;
        entry.back_off(&self.config.timers);
        if !probing && self.count_error(turn, path, true) {
            return;
        }
        let other = self.alternate_path(path);
        let mut tsn = self.outbound.acknowledged;
        while tsn != self.outbound.sent {
            tsn = tsn.wrapping_add(1);
            let Some(&record) = self.outbound.record(tsn) else { break };
            if record.path != path || record.standing == Standing::Waiting || record.standing == Standing::Gap
            {
                continue;
            }
            if record.standing == Standing::Flying {
                self.outbound.land(&mut self.paths, record);
                self.outbound.marked += 1;
                self.outbound.window = self.outbound.window.saturating_add(u32::from(record.octets));
            }
            if let Some(entry) = self.outbound.record_mut(tsn) {
                *entry = Record { standing: Standing::Marked, path: other, misses: 0, fast: false, ..record };
            }
        }
        self.dirty = true;
    }

    /// Takes in the cumulative TSN of a SHUTDOWN; `false` if it is above what was sent.
    pub(super) fn acknowledge_upto(&mut self, now: Time, cumulative: u32) -> bool {
        if before(self.outbound.sent, cumulative) {
            return false;
        }
        if before(self.outbound.acknowledged, cumulative) {
            let news = self.acknowledge(now, cumulative);
            self.grow_and_rearm(now, true, &news);
        }
        true
    }

    /// Whether nothing is left to be sent or acknowledged.
    pub(super) fn is_drained(&self) -> bool {
        self.outbound.waiting() == 0
    }

    pub(super) fn cumulative_in(&self) -> u32 {
        self.inbound.cumulative
    }
}
