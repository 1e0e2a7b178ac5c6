//! Sending DATA: the send ring, windows (RFC 9260 6.1, 7.2), and what T3-rtx sends again (6.3.3).

use super::super::view::{Chunks, Data, chunk};
use super::super::{AssociationConfig, COMMON_HEADER, DATA_HEADER, Left, MESSAGE_LIMIT, SendRefused, before};
use super::path::Paths;
use super::{Association, Route, State, Turn};
use crate::base::Time;
use crate::codec::Prepend;

/// Where a DATA chunk stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
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
pub(super) struct Record {
    /// Where in the ring; the chunk stands there as it goes over the wire, header and padding included.
    offset: u32,
    /// Octets of user data.
    pub(super) octets: u16,
    pub(super) standing: Standing,
    /// Where it goes, or went last.
    pub(super) path: u8,
    /// Where it went last: another path while it waits to be sent again elsewhere.
    pub(super) sent_on: u8,
    /// SACKs that reported it missing.
    pub(super) misses: u8,
    /// It was retransmitted fast once, and won't be again.
    pub(super) fast: bool,
    /// It was sent more than once: its round trip says nothing (Karn).
    pub(super) again: bool,
}

impl Record {
    const EMPTY: Self = Self {
        offset: 0,
        octets: 0,
        standing: Standing::Waiting,
        path: 0,
        sent_on: 0,
        misses: 0,
        fast: false,
        again: false,
    };

    pub(super) const fn wire(&self) -> usize {
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
    pub(super) acknowledged: u32,
    /// The highest TSN that was ever sent.
    pub(super) sent: u32,
    /// The highest TSN given out.
    assigned: u32,
    /// The next SSN of each stream.
    ssns: Box<[u16]>,
    pub(super) streams: u16,
    /// The peer's window, less what is under way.
    pub(super) window: u32,
    /// Octets of user data under way, on all paths: what the peer's window counts.
    pub(super) flying: u32,
    /// Chunks to be sent again.
    pub(super) marked: u32,
    /// Chunks acknowledged by gap blocks only.
    pub(super) gaps: u32,
    /// A SACK has come since the last T3 expired.
    pub(super) heard: bool,
    /// The window that the peer's last SACK told.
    pub(super) told: u32,
    /// Of the association before: the TSNs acknowledged, sent and given out when it ended. The ring keeps what lies between
    /// until the next message is put there.
    before: (u32, u32, u32),
    /// The peer's window is shut, and one chunk may leave to see whether it has opened (6.1 A).
    pub(super) probe: bool,
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
            heard: false,
            told: 0,
            before: (0, 0, 0),
            probe: false,
        }
    }

    /// Begins anew with TSN `first`, so many streams, and the peer's window.
    pub(super) fn reset(&mut self, first: u32, streams: u16, window: u32) {
        if self.waiting() > 0 {
            self.before = (self.acknowledged, self.sent, self.assigned);
        }
        self.head = 0;
        self.acknowledged = first.wrapping_sub(1);
        self.sent = self.acknowledged;
        self.assigned = self.acknowledged;
        self.ssns.fill(0);
        self.streams = streams;
        self.window = window;
        (self.flying, self.marked, self.gaps) = (0, 0, 0);
        self.heard = false;
        self.told = window;
        self.probe = false;
    }

    /// Chunks sent or unsent that are not acknowledged.
    pub(super) const fn waiting(&self) -> u32 {
        self.assigned.wrapping_sub(self.acknowledged)
    }

    pub(super) fn record(&self, tsn: u32) -> Option<&Record> {
        self.records.get(tsn as usize & (self.records.len() - 1))
    }

    pub(super) fn record_mut(&mut self, tsn: u32) -> Option<&mut Record> {
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
        self.before = (0, 0, 0);
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

    /// What was not acknowledged when the association before this one ended, message by message. One whose first fragments
    /// were acknowledged can't be given back.
    pub(super) fn left(&self, scratch: &mut [u8], each: &mut dyn FnMut(Left<'_>)) {
        let (mut tsn, sent, assigned) = self.before;
        // Octets of the message so far, and whether any of them left.
        let mut message = None;
        while tsn != assigned {
            tsn = tsn.wrapping_add(1);
            let Some(record) = self.record(tsn) else { return };
            let chunk = Chunks::resume(&self.ring, record.offset as usize).next();
            let Some(Ok(data)) = chunk.and_then(Result::ok).map(|chunk| Data::parse(&chunk)) else { return };
            if data.has(Data::BEGIN) {
                message = Some((0, !before(sent, tsn)));
            }
            let Some((start, is_sent)) = message else { continue };
            let end = start + data.payload.len();
            let Some(room) = scratch.get_mut(start..end) else { return };
            room.copy_from_slice(data.payload);
            message = Some((end, is_sent));
            if data.has(Data::END) {
                let payload = scratch.get(..end).unwrap_or(&[]);
                each(Left { stream: data.stream, ppid: data.ppid, sent: is_sent, payload });
                message = None;
            }
        }
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

    /// Whether nothing before `tsn` is under way on `path`.
    fn is_earliest(&self, tsn: u32, path: u8) -> bool {
        let mut earlier = self.acknowledged.wrapping_add(1);
        while before(earlier, tsn) {
            if self.record(earlier).is_some_and(|it| it.standing == Standing::Flying && it.path == path) {
                return false;
            }
            earlier = earlier.wrapping_add(1);
        }
        true
    }

    /// Whether the peer's window lets the next new chunk go, or it is time to ask whether it does again (6.1 A).
    fn may_send_new(&self) -> bool {
        let Some(record) = self.record(self.sent.wrapping_add(1)) else { return false };
        let is_open = self.window >= u32::from(record.octets);
        self.sent != self.assigned && self.marked == 0 && (is_open || self.probe && self.is_idle())
    }

    /// Nothing is under way, nor waits to be sent again.
    const fn is_idle(&self) -> bool {
        self.flying == 0 && self.gaps == 0 && self.marked == 0
    }

    /// A chunk is under way no more.
    pub(super) fn land(&mut self, paths: &mut Paths, record: Record) {
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
            self.await_window(turn.now, data_path);
        }
        self.flush_sack(turn);
        self.calm();
    }

    /// The peer's window is shut and nothing is under way that would bring news of it: one chunk asks, an RTO from now; from
    /// then on T3 repeats it, ever later (6.1 A).
    fn await_window(&mut self, now: Time, path: u8) {
        let is_shut = self.outbound.is_idle() && self.outbound.sent != self.outbound.assigned;
        if !is_shut {
            self.outbound.probe = false;
            self.deadlines.probe = Time::NEVER;
        } else if self.deadlines.probe == Time::NEVER && !self.outbound.probe {
            self.deadlines.probe = self.wake_at(now + self.paths.at(path).rto);
        }
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
            let entry = self.paths.at(path);
            // After T3 one packet is under way and no more (7.2.3).
            let full = entry.flight >= allowed || entry.single && entry.flight > 0;
            if !urgent && full {
                return;
            }
            let marked =
                if self.outbound.marked > 0 { self.outbound.next_marked(again_from, path) } else { None };
            let new = takes_new && self.outbound.may_send_new();
            if marked.is_none() && !new {
                return;
            }
            again_from = marked.unwrap_or(again_from);
            // What was cut before the path's MTU was lowered goes alone (6.9).
            let first = marked.unwrap_or(self.outbound.sent.wrapping_add(1));
            let wire = COMMON_HEADER + self.outbound.record(first).map_or(0, Record::wire);
            let in_fragments = wire > route.limit;
            let route = Route { limit: route.limit.max(wire), in_fragments, ..route };
            let (mut chunks, mut earliest) = ((0, 0), false);
            let mut sack = false;
            let (tag, now) = (self.peer_tag, turn.now);
            let sent = turn.emit(route, tag, |w| {
                sack = !in_fragments && self.piggyback_sack(w, path);
                let room = |wire: usize, w: &super::PacketWriter<'_>| w.fits(wire);
                let mut next = marked;
                while let Some(tsn) = next {
                    let Some(&record) = self.outbound.record(tsn) else { break };
                    let full = !urgent && self.paths.at(path).flight >= allowed;
                    if full || !room(record.wire(), w) {
                        break;
                    }
                    earliest |= chunks.0 == 0 && self.outbound.is_earliest(tsn, path);
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
                    self.outbound.probe = false;
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
            if chunks == (0, 0) {
                // The SACK took all the room: DATA is next, as urgent as before.
                entry.urgent = urgent;
                continue;
            }
            (entry.last_used, entry.decays) = (turn.now, false);
            if entry.t3 == Time::NEVER || earliest {
                entry.t3 = turn.now + entry.rto;
                self.wake = self.wake.min(self.paths.at(path).t3);
            }
        }
    }

    /// Copies one chunk from the ring into a packet: it is under way.
    fn launch(&mut self, now: Time, w: &mut super::PacketWriter<'_>, tsn: u32, record: Record, path: u8) {
        let offset = record.offset as usize;
        // Who wants to end wants the last SACK at once (6.1, RFC 7053).
        if self.state == State::ShutdownPending
            && tsn == self.outbound.assigned
            && let Some(flags) = self.outbound.ring.get_mut(offset + 1)
        {
            *flags |= Data::IMMEDIATE;
        }
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
            *entry = Record { standing: Standing::Flying, path, sent_on: path, misses: 0, again, ..record };
        }
        self.outbound.window = self.outbound.window.saturating_sub(octets);
        self.outbound.flying += octets;
        let path = self.paths.at_mut(path);
        path.flight += record.wire() as u32;
        path.again += u64::from(again);
        if !again && path.measured.is_none() {
            path.measured = Some((tsn, now));
        }
    }

    /// T3-rtx on `path` (6.3.3, 7.2.3): all that is under way there is sent again, elsewhere if possible.
    pub(super) fn on_t3(&mut self, turn: &mut Turn<'_>, path: u8) {
        turn.counts.t3_expiries += 1;
        let chunk = (self.limit() - COMMON_HEADER) as u32;
        // A peer that has no room and says so is alive (6.1 A).
        let first = self.outbound.record(self.outbound.acknowledged.wrapping_add(1));
        let probing =
            self.outbound.heard && first.is_some_and(|it| self.outbound.told < u32::from(it.octets));
        self.outbound.heard = false;
        let entry = self.paths.at_mut(path);
        entry.recovery = None;
        entry.single = true;
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
                *entry = Record { standing: Standing::Marked, path: other, misses: 0, ..record };
            }
        }
        self.dirty = true;
    }

    /// Whether nothing is left to be sent or acknowledged.
    pub(super) fn is_drained(&self) -> bool {
        self.outbound.waiting() == 0
    }

    pub(super) fn cumulative_in(&self) -> u32 {
        self.inbound.cumulative
    }
}
