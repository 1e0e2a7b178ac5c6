//! What a SACK brings (RFC 9260 6.2.1): chunks to free, congestion windows (7.2.1, 7.2.2), losses (7.2.4) and T3-rtx (6.3.2).

use super::super::view::{Chunk, Sack};
use super::super::{CHUNK_HEADER, COMMON_HEADER, MAX_PATHS, Why, before, malformed};
use super::send::{Record, Standing};
use super::{Association, State, Step, Turn};
use crate::base::{Malformed, Time};

/// What one SACK has done to one path.
#[derive(Clone, Copy, Default)]
struct News {
    /// Octets of DATA chunks acknowledged for the first time.
    octets: u32,
    /// The earliest chunk that was under way on this path has come.
    first: bool,
    flight_before: u32,
    was_recovering: bool,
    /// The highest TSN that was acknowledged for the first time and last sent here.
    highest: Option<u32>,
}

type AllNews = [News; MAX_PATHS];

impl Association {
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
        (self.outbound.heard, self.outbound.told) = (true, sack.window);
        let advanced = sack.cumulative != self.outbound.acknowledged;
        let mut news = self.acknowledge(turn.now, sack.cumulative);
        let with_gaps = sack.last_gap_end() > 0 || self.outbound.gaps > 0;
        if with_gaps {
            self.acknowledge_gaps(turn.now, &sack, &mut news);
        }
        self.outbound.window = sack.window.saturating_sub(self.outbound.flying);
        // Growth comes before the cut (7.2.4).
        self.grow(advanced, &news);
        if with_gaps {
            self.count_misses(turn, &sack, advanced, &news);
        }
        self.rearm(turn.now, &news);
        self.dirty = true;
        self.all_acknowledged(turn);
        Ok(Step::Next)
    }

    /// Frees every chunk up to `cumulative`, which must not be above what was sent.
    fn acknowledge(&mut self, now: Time, cumulative: u32) -> AllNews {
        let mut news = AllNews::default();
        for (news, path) in news.iter_mut().zip(self.paths.iter()) {
            news.flight_before = path.flight;
            news.was_recovering = path.recovery.is_some();
        }
        while self.outbound.acknowledged != cumulative {
            let tsn = self.outbound.acknowledged.wrapping_add(1);
            self.outbound.acknowledged = tsn;
            let Some(&record) = self.outbound.record(tsn) else { break };
            match record.standing {
                Standing::Gap => self.outbound.gaps -= 1,
                Standing::Marked => {
                    self.outbound.marked -= 1;
                    self.credit(&mut news, tsn, record);
                }
                _ => {
                    if let Some(news) = news.get_mut(usize::from(record.path)) {
                        news.first = true;
                    }
                    self.outbound.land(&mut self.paths, record);
                    self.sample(now, tsn, record);
                    self.credit(&mut news, tsn, record);
                }
            }
        }
        for path in 0..self.paths.count() {
            let path = self.paths.at_mut(path);
            path.recovery = path.recovery.filter(|exit| before(cumulative, *exit));
        }
        news
    }

    /// A chunk is acknowledged for the first time.
    fn credit(&mut self, news: &mut AllNews, tsn: u32, record: Record) {
        if let Some(news) = news.get_mut(usize::from(record.sent_on)) {
            news.octets += record.wire() as u32;
            if news.highest.is_none_or(|highest| before(highest, tsn)) {
                news.highest = Some(tsn);
            }
        }
        // An answer at last (8.1). A chunk sent again may have been answered on either path; the last one counts.
        self.clear_errors(record.sent_on);
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

    /// Gap blocks: what they acknowledge, and what they take back (6.2.1).
    fn acknowledge_gaps(&mut self, now: Time, sack: &Sack<'_>, news: &mut AllNews) {
        let mut blocks = sack.gaps();
        let mut block = blocks.next();
        let mut tsn = sack.cumulative;
        // Paths on which something is under way that no block reports.
        let mut missing = [false; MAX_PATHS];
        while tsn != self.outbound.sent {
            tsn = tsn.wrapping_add(1);
            let offset = tsn.wrapping_sub(sack.cumulative);
            while block.is_some_and(|(_, end)| u32::from(end) < offset) {
                block = blocks.next();
            }
            let reported = block.is_some_and(|(start, _)| u32::from(start) <= offset);
            let Some(&record) = self.outbound.record(tsn) else { return };
            let mut misses = record.misses;
            let place = usize::from(record.path);
            let standing = match (reported, record.standing) {
                (true, Standing::Flying) => {
                    if let (Some(false), Some(news)) = (missing.get(place), news.get_mut(place)) {
                        news.first = true;
                    }
                    self.outbound.land(&mut self.paths, record);
                    self.sample(now, tsn, record);
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
                    // Taken back, which is a first report of its loss: under way again, so that T3 or two more bring it back.
                    self.outbound.gaps -= 1;
                    self.outbound.flying += u32::from(record.octets);
                    self.paths.at_mut(record.path).flight += record.wire() as u32;
                    misses = 1;
                    Standing::Flying
                }
                (_, standing) => {
                    if let Some(missing) = missing.get_mut(place).filter(|_| standing == Standing::Flying) {
                        *missing = true;
                    }
                    standing
                }
            };
            if let Some(entry) = self.outbound.record_mut(tsn) {
                (entry.standing, entry.misses) = (standing, misses);
            }
        }
    }

    /// Counts the chunks that are still missing though later ones of the same path have come; the third time means lost
    /// (7.2.4). On a path in fast recovery, a SACK that moves the cumulative TSN counts for all that is missing in it.
    fn count_misses(&mut self, turn: &mut Turn<'_>, sack: &Sack<'_>, advanced: bool, news: &AllNews) {
        let end = sack.cumulative.wrapping_add(u32::from(sack.last_gap_end()));
        let upto: [Option<u32>; MAX_PATHS] = core::array::from_fn(|at| {
            let news = news.get(at)?;
            if advanced && news.was_recovering { Some(end) } else { news.highest }
        });
        let mut tsn = sack.cumulative.wrapping_add(1);
        while before(tsn, end) {
            if let Some(lost) = self.count_miss(tsn, &upto) {
                turn.counts.fast_retransmits += 1;
                self.enter_recovery(lost.path, tsn);
            }
            tsn = tsn.wrapping_add(1);
        }
    }

    /// One report that `tsn` is missing, if it is one; the chunk, if that was the third.
    fn count_miss(&mut self, tsn: u32, upto: &[Option<u32>; MAX_PATHS]) -> Option<Record> {
        let record = self.outbound.record_mut(tsn).filter(|record| record.standing == Standing::Flying)?;
        let upto = upto.get(usize::from(record.path)).copied().flatten();
        if !upto.is_some_and(|upto| before(tsn, upto)) {
            return None;
        }
        record.misses = record.misses.saturating_add(1);
        if record.misses < 3 || record.fast {
            return None;
        }
        record.fast = true;
        record.standing = Standing::Marked;
        let record = *record;
        self.outbound.marked += 1;
        self.outbound.land(&mut self.paths, record);
        self.outbound.window = self.outbound.window.saturating_add(u32::from(record.octets));
        Some(record)
    }

    /// Halves the path's window, once for each recovery, and lets one packet go at once.
    fn enter_recovery(&mut self, path: u8, tsn: u32) {
        let chunk = (self.limit() - COMMON_HEADER) as u32;
        let sent = self.outbound.sent;
        let path = self.paths.at_mut(path);
        if path.measured.is_some_and(|(measured, _)| measured == tsn) {
            path.measured = None;
        }
        if path.recovery.is_none() {
            path.ssthresh = (path.cwnd / 2).max(4 * chunk);
            path.cwnd = path.ssthresh;
            path.partial = 0;
            path.urgent = true;
            path.recovery = Some(sent);
        }
    }

    /// Congestion windows (7.2.1, 7.2.2): they grow only while they are used up, and not in fast recovery.
    fn grow(&mut self, advanced: bool, news: &AllNews) {
        let chunk = (self.limit() - COMMON_HEADER) as u32;
        let nothing_left = self.outbound.acknowledged == self.outbound.sent;
        for (place, news) in (0..self.paths.count()).zip(news) {
            let path = self.paths.at_mut(place);
            if news.octets > 0 {
                path.single = false;
            }
            let used_up = news.flight_before >= path.cwnd;
            if news.octets > 0 && advanced && path.recovery.is_none() {
                if path.cwnd <= path.ssthresh {
                    if used_up {
                        path.cwnd = path.cwnd.saturating_add(news.octets.min(chunk));
                    }
                } else {
                    path.partial = path.partial.saturating_add(news.octets);
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
        }
    }

    /// T3-rtx (6.3.2 R2, R3): stopped where nothing is under way, begun anew where the earliest was acknowledged.
    fn rearm(&mut self, now: Time, news: &AllNews) {
        for (place, news) in (0..self.paths.count()).zip(news) {
            let path = self.paths.at_mut(place);
            if path.flight == 0 {
                path.t3 = Time::NEVER;
            } else if news.first || path.t3 == Time::NEVER {
                path.t3 = now + path.rto;
                self.wake = self.wake.min(now + self.paths.at(place).rto);
            }
        }
    }

    /// Takes in the cumulative TSN of a SHUTDOWN; `false` if it is above what was sent.
    pub(super) fn acknowledge_upto(&mut self, now: Time, cumulative: u32) -> bool {
        if before(self.outbound.sent, cumulative) {
            return false;
        }
        if before(self.outbound.acknowledged, cumulative) {
            let news = self.acknowledge(now, cumulative);
            self.grow(true, &news);
            self.rearm(now, &news);
        }
        true
    }
}
