//! Submissions that a UE sends again, as if it had never had a report (TS 24.011 TR1M, TRAM; TS 24.341 5.3.1): the same
//! subscriber, RP-MR and content within a while. They get the earlier one's report, and the service centre nothing.
//!
//! Several persons may stand behind one subscriber (a wildcarded identity): then the asserted identity must be the same too.
//!
//! A subscriber's word says which worker remembers his last submission, where, and a mark of what it was; that worker has it
//! whole in a bounded ring. Only what is the same in all is a repeat: a mark alone never is.

use std::collections::VecDeque;

use super::mo::{self, Submission, SubmitReport};
use super::{Crossing, Cx, Gateway};
use crate::base::{Key, Time};
use crate::ident::WorkerId;
use crate::subscriber::LastMo;

/// A submission that is remembered.
#[derive(Clone, Copy, Debug)]
struct Entry {
    submission: Submission,
    /// The subscriber's word that leads here.
    last: LastMo,
    /// Until when the same again is a repeat.
    until: Time,
    /// The submission under way.
    mo: Key,
    /// How it ended.
    report: Option<SubmitReport>,
}

/// The last submissions that one worker has sent on, oldest first.
pub(crate) struct Remembered {
    entries: VecDeque<Entry>,
    capacity: usize,
    /// The place of the oldest.
    first: u32,
}

/// What a submission is to what is remembered.
#[allow(clippy::large_enum_variant)] // handed on at once and never kept: no box on the packet path
enum Found {
    /// The same is under way.
    UnderWay(Key),
    /// The same has ended like this.
    Ended(SubmitReport),
}

impl Remembered {
    /// Room for so many.
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: VecDeque::with_capacity(capacity), capacity, first: 0 }
    }

    /// How many are remembered, and how many there is room for.
    pub(super) fn fill(&self) -> (usize, usize) {
        (self.entries.len(), self.capacity)
    }

    /// Where the next one will be.
    fn next_place(&self) -> u32 {
        self.first.wrapping_add(self.entries.len() as u32)
    }

    /// Remembers one, and forgets the oldest where there is no room; whether that might still have come again.
    fn push(&mut self, now: Time, entry: Entry) -> bool {
        let forgotten = if self.entries.len() < self.capacity { None } else { self.entries.pop_front() };
        self.first = self.first.wrapping_add(u32::from(forgotten.is_some()));
        self.entries.push_back(entry);
        forgotten.is_some_and(|oldest| oldest.until > now)
    }

    fn at(&mut self, last: LastMo) -> Option<&mut Entry> {
        let from_first = last.place.wrapping_sub(self.first) & LastMo::PLACES;
        self.entries.get_mut(from_first as usize).filter(|entry| entry.last == last)
    }

    /// The same submission, if it is remembered there.
    fn find(&mut self, now: Time, last: LastMo, submission: &Submission) -> Option<Found> {
        let entry = self.at(last)?;
        if now >= entry.until || !entry.submission.is_same(submission) {
            return None;
        }
        Some(entry.report.map_or(Found::UnderWay(entry.mo), Found::Ended))
    }
}

/// Carries a submission out, or treats it as the repeat that it is. `known` is a word that it was compared with before.
pub(super) fn begin(
    gateway: &mut Gateway,
    now: Time,
    key: Key,
    submission: &Submission,
    known: Option<LastMo>,
    cx: &mut Cx<'_>,
) {
    let worker = gateway.config.worker;
    let window = gateway.mo.get(key).and_then(|mo| gateway.networks.get(usize::from(mo.network())));
    let window = window.map(|network| network.duplicate).unwrap_or_default();
    let mark = cx.stack.fingerprint(&[&submission.key(), &submission.tpdu], &[]);
    // Whoever was quicker has begun another meanwhile, which is looked at in its turn.
    while let Some(subscriber) = gateway.subscribers.get(submission.subscriber).filter(|_| !window.is_zero())
    {
        let before = subscriber.last_mo();
        match before.filter(|last| last.is_marked(mark) && known != Some(*last)) {
            Some(last) if last.worker == worker => {
                if let Some(found) = gateway.remembered.find(now, last, submission) {
                    return repeat(gateway, now, (worker, key), found, cx);
                }
            }
            Some(last) => return ask(gateway, now, key, submission, last, cx),
            None => {}
        }
        let last = LastMo::new(worker, gateway.remembered.next_place(), mark);
        if subscriber.begin_mo(before, last) {
            let entry = Entry { submission: *submission, last, until: now + window, mo: key, report: None };
            gateway.counts.mo_forgotten += u64::from(gateway.remembered.push(now, entry));
            if let Some(mo) = gateway.mo.get_mut(key) {
                mo.remember(last);
            }
            break;
        }
    }
    if let Err(cause) = mo::carry_out(gateway, now, key, submission, cx) {
        forget(gateway, key);
        mo::send_report(gateway, now, key, Err((cause, None)), cx);
    }
}

/// What was never sent on may be tried again.
pub(super) fn forget(gateway: &mut Gateway, key: Key) {
    let Some(last) = gateway.mo.get_mut(key).and_then(|mo| mo.forget()) else { return };
    if let Some(entry) = gateway.remembered.at(last) {
        entry.until = Time::ZERO;
        if let Some(subscriber) = gateway.subscribers.get(entry.submission.subscriber) {
            let _ = subscriber.end_mo(last);
        }
    }
}

/// The submission of `last` has ended: the same again gets this report.
pub(super) fn ended(gateway: &mut Gateway, last: LastMo, report: SubmitReport) {
    if let Some(entry) = gateway.remembered.at(last) {
        entry.report = Some(report);
    }
}

/// The same is under way here, or has ended: it gets the same report, each under its own Call-ID.
fn repeat(gateway: &mut Gateway, now: Time, who: (WorkerId, Key), found: Found, cx: &mut Cx<'_>) {
    gateway.counts.mo_repeated += 1;
    let report = match found {
        Found::Ended(report) => report,
        Found::UnderWay(key) => {
            if gateway.mo.get_mut(key).is_some_and(|mo| mo.wait_for(who)) {
                return;
            }
            // So many wait that this one has to come again.
            SubmitReport::refused(super::cause::CONGESTION)
        }
    };
    mo::pass_report(gateway, now, who, &report, cx);
}

/// Another worker remembers what may be the same: it is asked before anything is sent on.
fn ask(gateway: &mut Gateway, now: Time, key: Key, submission: &Submission, last: LastMo, cx: &mut Cx<'_>) {
    let worker = gateway.config.worker;
    let asked = Crossing::Repeat { worker, key, last, submission: *submission };
    if cx.outside.to_worker(last.worker, asked).is_ok() {
        return mo::await_other(gateway, now, key);
    }
    gateway.counts.crossing_full += 1;
    mo::send_report(gateway, now, key, Err((super::cause::CONGESTION, None)), cx);
}

/// Another worker has a submission that may be the same as one that is remembered here.
pub(super) fn on_repeat(
    gateway: &mut Gateway,
    now: Time,
    (worker, key): (WorkerId, Key),
    last: LastMo,
    submission: &Submission,
    cx: &mut Cx<'_>,
) {
    match gateway.remembered.find(now, last, submission) {
        Some(found) => repeat(gateway, now, (worker, key), found, cx),
        None => gateway.tell(worker, Crossing::NoRepeat { key, last, submission: *submission }, cx),
    }
}

/// What another worker remembers is not the same.
pub(super) fn on_no_repeat(
    gateway: &mut Gateway,
    now: Time,
    key: Key,
    last: LastMo,
    submission: &Submission,
    cx: &mut Cx<'_>,
) {
    if mo::is_waiting(gateway, key) {
        mo::await_nobody(gateway, key);
        begin(gateway, now, key, submission, Some(last), cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Inline;
    use crate::ident::Number;
    use crate::subscriber::SubscriberId;
    use core::time::Duration;

    fn submission(reference: u8, tpdu: &[u8]) -> Submission {
        Submission {
            subscriber: SubscriberId { slot: 1, generation: 1 },
            device: 0,
            originator: 0,
            reference,
            service_centre: "491710760000".parse().ok().map(Number::international),
            tpdu: Inline::new(tpdu).unwrap(),
        }
    }

    fn remember(remembered: &mut Remembered, now: Time, reference: u8) -> (LastMo, bool) {
        let last = LastMo::new(WorkerId(3), remembered.next_place(), 77);
        let entry = Entry {
            submission: submission(reference, b"text"),
            last,
            until: now + Duration::from_secs(120),
            mo: Key { slot: reference.into(), generation: 0 },
            report: None,
        };
        (last, remembered.push(now, entry))
    }

    #[test]
    fn only_the_same_in_all_is_a_repeat_and_only_for_a_while() {
        let (now, mut remembered) = (Time::from_millis(1000), Remembered::new(4));
        let (last, _) = remember(&mut remembered, now, 7);
        let same = submission(7, b"text");
        assert!(matches!(remembered.find(now, last, &same), Some(Found::UnderWay(Key { slot: 7, .. }))));
        let other = SubscriberId { slot: 1, generation: 2 };
        for different in [
            submission(8, b"text"),
            submission(7, b"text "),
            submission(7, b"texu"),
            Submission { subscriber: other, ..same },
            Submission { service_centre: None, ..same },
            Submission { service_centre: "491710760001".parse().ok().map(Number::international), ..same },
            Submission {
                service_centre: same.service_centre.map(|number| Number::typed(number.digits, 0xa1)),
                ..same
            },
        ] {
            assert!(remembered.find(now, last, &different).is_none(), "the mark is the same: {different:?}");
        }
        let ended = SubmitReport::refused(41);
        remembered.at(last).unwrap().report = Some(ended);
        assert!(matches!(remembered.find(now, last, &same), Some(Found::Ended(_))));
        let late = now + Duration::from_secs(120);
        assert!(remembered.find(late, last, &same).is_none(), "another message by then");
        assert!(remembered.find(now, LastMo::new(WorkerId(3), last.place, 78), &same).is_none());
    }

    #[test]
    fn two_devices_that_are_known_apart_may_send_the_same() {
        let one = submission(7, b"text");
        let of = |device| Submission { device, ..one };
        assert!(!of(1).is_same(&of(2)));
        assert!(of(1).is_same(&of(1)) && of(0).is_same(&of(2)) && of(2).is_same(&of(0)));
    }

    #[test]
    fn two_persons_behind_one_subscriber_may_send_the_same() {
        let one = submission(7, b"text");
        let of = |originator| Submission { originator, ..one };
        assert!(!of(1).is_same(&of(2)) && of(1).is_same(&of(1)));
        let direct = Submission { device: 5, ..one };
        assert!(of(1).is_same(&direct) && direct.is_same(&of(1)), "one UE by two ways");
    }

    #[test]
    fn a_full_ring_forgets_the_oldest_and_says_whether_it_was_too_soon() {
        let (mut now, mut remembered) = (Time::from_millis(1000), Remembered::new(3));
        remembered.first = u32::MAX - 1;
        let (first, _) = remember(&mut remembered, now, 0);
        for reference in 1..3 {
            let (last, forgotten) = remember(&mut remembered, now, reference);
            assert!(!forgotten && remembered.find(now, last, &submission(reference, b"text")).is_some());
        }
        let (last, forgotten) = remember(&mut remembered, now, 3);
        assert!(forgotten && remembered.find(now, first, &submission(0, b"text")).is_none());
        assert!(remembered.find(now, last, &submission(3, b"text")).is_some(), "places wrap");
        assert_eq!(remembered.fill(), (3, 3));
        now += Duration::from_secs(121);
        assert!(!remember(&mut remembered, now, 4).1, "nobody would have sent it again");
    }
}
