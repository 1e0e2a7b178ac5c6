//! Receiving DATA: which TSNs have come (RFC 9260 6.2), order within a stream (6.5, 6.6), fragments (6.9), SACK.

use super::super::build::PacketWriter;
use super::super::view::{Chunk, Data, cause, chunk};
use super::super::{AssociationConfig, DownReason, before};
use super::store::{Refused, Store};
use super::{Association, State, Step, Turn};
use crate::base::{Malformed, Time};

/// How far above the cumulative TSN a TSN may be.
const SPAN: u32 = 4096;
/// Duplicate TSNs reported in one SACK, at most.
const DUPLICATES: usize = 16;
/// SACKs that leave at once in one turn because something is missing, at most: three reports mean loss (7.2.4).
const URGENT_SACKS: u8 = 3;
/// Octets of a SACK chunk before its blocks.
const SACK_HEADER: usize = 16;

/// One bit for each TSN from the cumulative one to `SPAN` above it.
struct Bits(Box<[u64]>);

impl Bits {
    fn new() -> Self {
        Self(vec![0; SPAN as usize / 64].into())
    }

    const fn place(tsn: u32) -> (usize, u64) {
        ((tsn % SPAN / 64) as usize, 1 << (tsn % 64))
    }

    fn get(&self, tsn: u32) -> bool {
        let (word, bit) = Self::place(tsn);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    fn set(&mut self, tsn: u32, value: bool) {
        let (word, bit) = Self::place(tsn);
        if let Some(word) = self.0.get_mut(word) {
            if value {
                *word |= bit;
            } else {
                *word &= !bit;
            }
        }
    }
}

/// What is to be acknowledged, and how soon.
#[derive(Default)]
struct Owed {
    /// Packets with DATA since the last SACK.
    packets: u8,
    /// This packet had DATA.
    in_packet: bool,
    at_once: bool,
    /// Where the last DATA came from.
    path: u8,
    /// SACKs that left at once in this turn.
    urgent: u8,
}

/// What became of a DATA chunk.
enum Arrival {
    /// It is a whole message, and its turn.
    Deliver,
    /// Stored; messages of this list may be complete.
    Held(usize),
    Duplicate,
    /// Not taken, and not acknowledged.
    Dropped,
    /// Acknowledged but for a stream that is not there.
    InvalidStream,
    /// The sender breaks the protocol.
    Refused(Refused),
}

/// The receiving half of an association.
pub(super) struct Inbound {
    /// Every TSN up to this one has come.
    pub(super) cumulative: u32,
    /// The highest TSN that has come.
    highest: u32,
    received: Bits,
    begins: Bits,
    ends: Bits,
    duplicates: [u32; DUPLICATES],
    duplicate_count: usize,
    /// The next SSN of each stream.
    ssns: Box<[u16]>,
    store: Store,
    window: u32,
    /// The window that the last SACK told.
    advertised: u32,
    owed: Owed,
    /// Our user does not read: whole messages are held too, as long as there is room.
    pub(super) on_hold: bool,
}

impl Inbound {
    pub(super) fn new(config: &AssociationConfig) -> Self {
        let streams = usize::from(config.max_in_streams.max(1));
        Self {
            cumulative: 0,
            highest: 0,
            received: Bits::new(),
            begins: Bits::new(),
            ends: Bits::new(),
            duplicates: [0; DUPLICATES],
            duplicate_count: 0,
            ssns: vec![0; streams].into(),
            // One list for each stream, and one for unordered fragments.
            store: Store::new(streams + 1, config.receive_window.max(1500) as usize),
            window: config.receive_window.max(1500),
            advertised: config.receive_window.max(1500),
            owed: Owed::default(),
            on_hold: false,
        }
    }

    /// Begins anew, before the peer's first TSN.
    pub(super) fn reset(&mut self, first: u32) {
        self.cumulative = first.wrapping_sub(1);
        self.highest = self.cumulative;
        self.received.0.fill(0);
        self.begins.0.fill(0);
        self.ends.0.fill(0);
        self.ends.set(self.cumulative, true);
        self.duplicate_count = 0;
        self.advertised = self.window;
        self.ssns.fill(0);
        if !self.store.is_empty() {
            self.store.reset();
        }
        // The first DATA is acknowledged at once (5.1).
        self.owed = Owed { at_once: true, ..Owed::default() };
    }

    fn has(&self, tsn: u32) -> bool {
        tsn == self.cumulative
            || before(self.cumulative, tsn) && !before(self.highest, tsn) && self.received.get(tsn)
    }

    fn on_data(&mut self, data: &Data<'_>) -> Arrival {
        self.owed.in_packet = true;
        let distance = data.tsn.wrapping_sub(self.cumulative) as i32;
        if distance <= 0 || self.has(data.tsn) {
            if let Some(entry) = self.duplicates.get_mut(self.duplicate_count) {
                *entry = data.tsn;
                self.duplicate_count += 1;
            }
            self.owed.at_once = true;
            return Arrival::Duplicate;
        }
        if distance >= SPAN as i32 {
            self.owed.at_once = true;
            return Arrival::Dropped;
        }
        // With a closed window nothing is taken but what is missing (6.2).
        if self.store.free_octets() == 0 && distance > 1 && before(self.highest, data.tsn) {
            self.owed.at_once = true;
            return Arrival::Dropped;
        }
        let known = (self.has(data.tsn.wrapping_sub(1)), self.has(data.tsn.wrapping_add(1)));
        if known.0 && self.ends.get(data.tsn.wrapping_sub(1)) != data.has(Data::BEGIN)
            || known.1 && self.begins.get(data.tsn.wrapping_add(1)) != data.has(Data::END)
        {
            return Arrival::Refused(Refused::Violation);
        }
        let unordered_list = self.ssns.len();
        let Some(ssn) = self.ssns.get_mut(usize::from(data.stream)) else {
            self.mark(data);
            return Arrival::InvalidStream;
        };
        let whole = data.has(Data::BEGIN | Data::END);
        let unordered = data.has(Data::UNORDERED);
        if !unordered && data.ssn.wrapping_sub(*ssn) >= 0x8000 {
            return Arrival::Refused(Refused::Violation);
        }
        if whole && (unordered || data.ssn == *ssn) && !self.on_hold {
            // A second message of this number would never be due.
            if !unordered && self.store.first_ssn(usize::from(data.stream)) == Some(data.ssn) {
                return Arrival::Refused(Refused::Violation);
            }
            if !unordered {
                *ssn = ssn.wrapping_add(1);
            }
            self.mark(data);
            return Arrival::Deliver;
        }
        let list = if unordered { unordered_list } else { usize::from(data.stream) };
        loop {
            match self.store.hold(list, data, known) {
                Ok(()) => break,
                // What is needed sooner displaces what is needed last (6.2).
                Err(Refused::Full) => match self.store.drop_highest(data.tsn) {
                    Some(tsn) => self.forget(tsn),
                    None if distance == 1 && !self.on_hold => return Arrival::Refused(Refused::Full),
                    None => {
                        self.owed.at_once = true;
                        return Arrival::Dropped;
                    }
                },
                Err(refused) => return Arrival::Refused(refused),
            }
        }
        self.mark(data);
        Arrival::Held(list)
    }

    /// Notes that a TSN has come.
    fn mark(&mut self, data: &Data<'_>) {
        self.begins.set(data.tsn, data.has(Data::BEGIN));
        self.ends.set(data.tsn, data.has(Data::END));
        if before(self.highest, data.tsn) {
            self.highest = data.tsn;
        }
        if data.tsn == self.cumulative.wrapping_add(1) {
            self.cumulative = data.tsn;
            while self.cumulative != self.highest && self.received.get(self.cumulative.wrapping_add(1)) {
                self.cumulative = self.cumulative.wrapping_add(1);
                self.received.set(self.cumulative, false);
            }
        } else {
            self.received.set(data.tsn, true);
        }
        self.owed.at_once |= data.has(Data::IMMEDIATE) || self.cumulative != self.highest;
    }

    /// A TSN above the cumulative one was dropped again.
    fn forget(&mut self, tsn: u32) {
        self.received.set(tsn, false);
        while self.highest != self.cumulative && !self.received.get(self.highest) {
            self.highest = self.highest.wrapping_sub(1);
        }
        self.owed.at_once = true;
    }

    fn owes(&self) -> bool {
        self.owed.packets > 0
    }

    pub(super) fn acknowledge_at_once(&mut self) {
        self.owed.at_once = true;
    }

    fn gaps(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        let mut offset = 1;
        core::iter::from_fn(move || {
            let last = self.highest.wrapping_sub(self.cumulative);
            let has = |offset: u32| offset <= last && self.received.get(self.cumulative.wrapping_add(offset));
            while offset <= last && !has(offset) {
                offset += 1;
            }
            let start = offset;
            while has(offset) {
                offset += 1;
            }
            (offset > start).then_some((start as u16, (offset - 1) as u16))
        })
    }

    /// What the peer may send beyond what it has sent.
    fn open_window(&self) -> u32 {
        self.window.min(self.store.free_octets())
    }

    /// The window is a quarter wider than was told last: the peer should know (6.2).
    fn has_opened(&self) -> bool {
        let opened = self.open_window().saturating_sub(self.advertised);
        opened >= self.window / 4 && opened > 0
    }

    /// Writes the SACK, with as many gap blocks as fit, and owes none any more.
    fn write_sack(&mut self, w: &mut PacketWriter<'_>) {
        let room = w.room().saturating_sub(SACK_HEADER + 4 * self.duplicate_count) / 4;
        let gaps = if self.highest == self.cumulative { 0 } else { self.gaps().take(room).count() };
        self.advertised = self.open_window();
        let window = self.advertised;
        let duplicates = self.duplicates.get(..self.duplicate_count).unwrap_or(&[]);
        w.chunk(chunk::SACK, 0, |w| {
            w.u32(self.cumulative);
            w.u32(window);
            w.u16(gaps as u16);
            w.u16(duplicates.len() as u16);
            for (start, end) in self.gaps().take(gaps) {
                w.u16(start);
                w.u16(end);
            }
            for &tsn in duplicates {
                w.u32(tsn);
            }
        });
        self.duplicate_count = 0;
        self.owed = Owed { path: self.owed.path, urgent: self.owed.urgent, ..Owed::default() };
    }

    pub(super) fn assert_invariants(&self) {
        self.store.assert_invariants();
        assert!(self.highest.wrapping_sub(self.cumulative) < SPAN);
        assert!(self.highest == self.cumulative || self.received.get(self.highest));
        assert!(!self.received.get(self.cumulative.wrapping_add(1)));
    }
}

impl Association {
    pub(super) fn on_data<'a>(
        &mut self,
        turn: &mut Turn<'_>,
        chunk: &Chunk<'a>,
    ) -> Result<Step<'a>, Malformed> {
        use State::{Established, ShutdownPending, ShutdownSent};
        if !matches!(self.state, Established | ShutdownPending | ShutdownSent) {
            turn.counts.data_dropped += 1;
            return Ok(Step::Next);
        }
        let data = Data::parse(chunk)?;
        if data.payload.is_empty() {
            let reason = DownReason::Aborted { cause: cause::NO_USER_DATA };
            self.abort_with(turn, cause::NO_USER_DATA, &data.tsn.to_be_bytes(), reason);
            return Ok(Step::Stop);
        }
        self.inbound.owed.path = self.arrival.path;
        let arrival = self.inbound.on_data(&data);
        if !matches!(arrival, Arrival::Duplicate | Arrival::Dropped | Arrival::Refused(_)) {
            turn.counts.data_in += 1;
        }
        Ok(match arrival {
            Arrival::Deliver => Step::Deliver(data),
            Arrival::Held(list) => {
                turn.counts.data_held += 1;
                Step::Look(list)
            }
            Arrival::Duplicate => {
                turn.counts.data_duplicate += 1;
                Step::Next
            }
            Arrival::Dropped => {
                turn.counts.data_no_window += 1;
                Step::Next
            }
            Arrival::InvalidStream => {
                let [high, low] = data.stream.to_be_bytes();
                self.inbound.owed.at_once = true;
                self.tell_error(cause::INVALID_STREAM, &[high, low, 0, 0]);
                Step::Next
            }
            Arrival::Refused(refused) => {
                let code = match refused {
                    Refused::Violation => cause::PROTOCOL_VIOLATION,
                    Refused::Full | Refused::TooLong => cause::OUT_OF_RESOURCE,
                };
                self.abort_with(turn, code, &[], DownReason::Aborted { cause: code });
                Step::Stop
            }
        })
    }

    /// The next message of `list` that is complete and due, moved into `scratch`: stream, protocol identifier, length.
    pub(in super::super) fn take_ready(
        &mut self,
        list: usize,
        scratch: &mut [u8],
    ) -> Option<(u16, u32, usize)> {
        let inbound = &mut self.inbound;
        if inbound.store.is_empty() || inbound.on_hold {
            return None;
        }
        let ready = inbound.store.ready(list, inbound.ssns.get(list).copied())?;
        if let Some(ssn) = inbound.ssns.get_mut(list) {
            *ssn = ssn.wrapping_add(1);
        }
        let length = inbound.store.take(list, ready, scratch);
        Some((ready.stream, ready.ppid, length))
    }

    /// Our user stops reading, until [`Self::read`].
    pub(in super::super) fn hold(&mut self) {
        self.inbound.on_hold = true;
    }

    /// Our user reads again: the next message that was held, as from [`Self::take_ready`]. After the last, the peer is told
    /// how far the window has opened (6.2).
    pub(in super::super) fn read(&mut self, scratch: &mut [u8]) -> Option<(u16, u32, usize)> {
        self.inbound.on_hold = false;
        let lists = self.inbound.ssns.len() + 1;
        let message = (0..lists).find_map(|list| self.take_ready(list, scratch));
        if message.is_none() && self.state == State::Closed {
            self.inbound.reset(0);
        } else if message.is_none() && self.inbound.has_opened() {
            self.inbound.owed.packets = self.inbound.owed.packets.max(1);
            self.inbound.owed.at_once = true;
            self.dirty = true;
        }
        message
    }

    /// After the last chunk of a packet: is a SACK due, now or later (6.2)? While something is missing each packet has its
    /// own (6.7), a few at once and the rest at the end of the turn.
    pub(super) fn owe_sack(&mut self, turn: &mut Turn<'_>) {
        let has_opened = self.inbound.has_opened();
        let owed = &mut self.inbound.owed;
        if !core::mem::take(&mut owed.in_packet) {
            return;
        }
        owed.packets = owed.packets.saturating_add(1);
        owed.at_once |= owed.packets >= 2 || self.config.timers.sack_delay.is_zero();
        owed.at_once |= has_opened;
        if owed.at_once {
            self.dirty = true;
        } else if self.deadlines.sack == Time::NEVER {
            self.deadlines.sack = self.wake_at(turn.now + self.config.timers.sack_delay);
        }
        if self.state == State::ShutdownSent {
            self.shutdown_owed = true;
            self.dirty = true;
            // Its packets are signs of life (9.2).
            self.errors = 0;
        }
        if self.inbound.cumulative != self.inbound.highest && self.inbound.owed.urgent < URGENT_SACKS {
            self.inbound.owed.urgent += 1;
            self.flush_sack(turn);
        }
    }

    /// Writes a SACK ahead of DATA on `path` if one is owed to the same address.
    pub(super) fn piggyback_sack(&mut self, w: &mut PacketWriter<'_>, path: u8) -> bool {
        let wanted = self.inbound.owes() && self.sack_path() == path;
        if wanted {
            self.inbound.write_sack(w);
            self.deadlines.sack = Time::NEVER;
        }
        wanted
    }

    /// SACKs go where the last DATA came from (6.4), unless nobody has proved that the address is the peer's (5.4).
    fn sack_path(&self) -> u8 {
        let path = self.inbound.owed.path;
        if self.paths.at(path).confirmed { path } else { self.data_path() }
    }

    /// A turn has ended.
    pub(super) fn calm(&mut self) {
        self.inbound.owed.urgent = 0;
    }

    /// Sends the SACK that no DATA took along, if it is due.
    pub(super) fn flush_sack(&mut self, turn: &mut Turn<'_>) {
        use State::{Established, ShutdownPending, ShutdownReceived, ShutdownSent};
        if !matches!(self.state, Established | ShutdownPending | ShutdownSent | ShutdownReceived) {
            return;
        }
        let path = self.sack_path();
        let shutdown = core::mem::take(&mut self.shutdown_owed);
        // Every SHUTDOWN carries the cumulative TSN; gaps and duplicates need the SACK as well (9.2).
        let cumulative = self.inbound.cumulative;
        if !(self.inbound.owed.at_once && self.inbound.owes() || shutdown) {
            return;
        }
        let (route, tag) = (self.route(path), self.peer_tag);
        let sent = turn.emit(route, tag, |w| {
            self.inbound.write_sack(w);
            if shutdown {
                w.chunk(chunk::SHUTDOWN, 0, |w| w.u32(cumulative));
            }
        });
        if sent {
            turn.counts.sacks_out += 1;
            self.deadlines.sack = Time::NEVER;
            if shutdown {
                self.restart_t2(turn.now);
            }
        } else {
            // No buffer: again at the next flush.
            self.shutdown_owed = shutdown;
            self.dirty = true;
        }
    }
}
