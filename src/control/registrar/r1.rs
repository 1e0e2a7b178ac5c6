//! R1, the exchange with the HLR (requirement R-1): one operation at a time per subscriber, coalesced, retried, paced.
//!
//! For each subscriber there is what we want the HLR to know (registered here or not) and what it was last heard to
//! know. Whenever the two differ an operation goes out; what was wanted and no longer is, is never sent. Whoever needs
//! the HLR's answer (a REGISTER, say) waits with the subscriber, and no longer than [`Times::answer`].

use crate::base::{Time, counts};
use crate::gateway::mailbox::MapOutcome;
use crate::ident::{Imsi, Msisdn};
use ahash::AHashMap;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

counts! {
    /// What was exchanged with HLRs.
    pub struct R1Counts {
        /// Operations sent to register a subscriber.
        register_sent,
        /// Operations sent to de-register a subscriber.
        deregister_sent,
        /// sendAuthenticationInfo sent.
        vectors_sent,
        /// Operations that an HLR carried out.
        succeeded,
        /// Operations that an HLR refused for good.
        refused,
        /// Operations that ended without an answer, or with one that says to try again.
        failed,
        /// Answers given to UEs and S-CSCFs because the HLR took too long.
        late,
        /// Operations that waited for their turn because of `r1_per_second`.
        paced,
    }
}

/// RAND and AUTS, if the UE asks for re-synchronisation (TS 33.102 6.3.5).
pub(super) type Resynchronise = Option<([u8; 16], [u8; 14])>;

/// Who is registered: the HLR knows subscribers by IMSI.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Party {
    /// The served network, whose form of R1 and whose HLRs hold.
    pub(super) network: u16,
    /// The subscriber.
    pub(super) imsi: Imsi,
}

/// What is asked of an HLR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Request {
    /// That it knows us to serve the subscriber.
    Register,
    /// That it no longer does.
    Deregister,
    /// An authentication vector, after re-synchronisation with RAND and AUTS if they are given.
    Vector(Resynchronise),
}

/// An operation to send; its end is told to [`R1::ended`] under the same number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Send {
    /// Names it.
    pub(super) operation: u64,
    /// For whom.
    pub(super) party: Party,
    /// What.
    pub(super) request: Request,
}

/// What became of something.
#[derive(Debug)]
pub(super) enum Event<W> {
    /// Who waited for the HLR need wait no longer.
    Settled(W, Settled),
    /// The HLR refused the registration for good; whoever waited is told by [`Event::Settled`].
    Refused(Party, u8),
    /// The HLR has registered the subscriber, and said this number, if it did.
    Registered(Party, Option<Msisdn>),
    /// The answer to a request for a vector: the result's octets, or why there is none.
    Vector(W, Result<Vec<u8>, Lack>),
}

/// How waiting ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Settled {
    /// The HLR agrees.
    Agreed,
    /// It has not answered in time; the exchange goes on.
    Late,
    /// It refused for good, with this MAP error.
    Refused(u8),
    /// Something else is wanted by now.
    Superseded,
}

/// Why there is no authentication vector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lack {
    /// The HLR refused, with this MAP error.
    Refused(u8),
    /// No answer in time.
    Silent,
    /// It could not be asked, or could not answer: try again later.
    Failed,
    /// Another request for the same subscriber is under way.
    Busy,
}

/// What the HLR was last heard to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Known {
    Registered,
    Deregistered,
    /// An operation was sent and its end is not known, or the HLR has restarted.
    Unknown,
}

struct Underway {
    operation: u64,
    request: Request,
    /// When it has ended, whether we were told or not.
    until: Time,
    /// What cancelLocation or Reset said meanwhile may be older or newer than what the operation does.
    doubtful: bool,
}

struct Waiting<W> {
    registered: bool,
    until: Time,
    who: W,
}

struct Entry<W> {
    wanted: bool,
    known: Known,
    underway: Option<Underway>,
    waiting: Vec<Waiting<W>>,
    vector: Option<(Resynchronise, W)>,
    /// The vector that is under way belongs to them.
    asked: Option<W>,
    failures: u32,
    /// When the next try is due; before that nothing is sent for the subscriber.
    retry: Time,
    queued: bool,
    msisdn: Option<Msisdn>,
}

impl<W> Entry<W> {
    fn new(known: Known) -> Self {
        Self {
            wanted: known == Known::Registered,
            known,
            underway: None,
            waiting: vec![],
            vector: None,
            asked: None,
            failures: 0,
            retry: Time::ZERO,
            queued: false,
            msisdn: None,
        }
    }

    fn agrees(&self) -> bool {
        self.known == if self.wanted { Known::Registered } else { Known::Deregistered }
    }

    /// What has to be asked next.
    fn next(&self) -> Option<Request> {
        match &self.vector {
            _ if self.underway.is_some() => None,
            Some((resynchronise, _)) => Some(Request::Vector(*resynchronise)),
            None if self.agrees() => None,
            None if self.wanted => Some(Request::Register),
            None => Some(Request::Deregister),
        }
    }

    fn is_forgotten(&self) -> bool {
        !self.wanted
            && self.agrees()
            && self.underway.is_none()
            && self.waiting.is_empty()
            && self.vector.is_none()
    }
}

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// How long a REGISTER waits for the HLR.
    pub(super) answer: Duration,
    /// How long table and HLR may differ while both are up: the longest pause between tries is half of it.
    pub(super) repair: Duration,
    /// After so long an operation has ended, whether we were told or not.
    pub(super) lost: Duration,
    /// Operations in a second, at most, all HLRs together.
    pub(super) per_second: u32,
}

/// The exchanges with all HLRs. `W` is who waits.
pub(super) struct R1<W> {
    times: Times,
    entries: AHashMap<Party, Entry<W>>,
    underway: AHashMap<u64, Party>,
    next: u64,
    due: BTreeSet<(Time, Party)>,
    queue: VecDeque<Party>,
    /// When the next operation may be sent.
    pace: Time,
    events: VecDeque<Event<W>>,
    sends: VecDeque<Send>,
    pub(super) counts: R1Counts,
}

/// The first pause after a failure; each doubles it.
const PAUSE: Duration = Duration::from_secs(1);
/// Operations that may go out at once after a quiet time, as a part of those of a second.
const BURST: u32 = 10;

impl<W> R1<W> {
    pub(super) fn new(times: Times) -> Self {
        Self {
            times,
            entries: AHashMap::new(),
            underway: AHashMap::new(),
            next: 1,
            due: BTreeSet::new(),
            queue: VecDeque::new(),
            pace: Time::ZERO,
            events: VecDeque::new(),
            sends: VecDeque::new(),
            counts: R1Counts::default(),
        }
    }

    /// The HLR shall know that we serve `party`, or that we don't. Gives `who` back if it does already; else what becomes
    /// of it comes as [`Event::Settled`].
    pub(super) fn wish(&mut self, now: Time, party: Party, registered: bool, who: Option<W>) -> Option<W> {
        let entry = self.entries.entry(party).or_insert_with(|| Entry::new(Known::Deregistered));
        if entry.wanted != registered {
            entry.wanted = registered;
            entry.failures = 0;
            entry.retry = now;
            for superseded in entry.waiting.drain(..) {
                self.events.push_back(Event::Settled(superseded.who, Settled::Superseded));
            }
        }
        let settled = entry.agrees()
            && entry.underway.as_ref().is_none_or(|it| matches!(it.request, Request::Vector(_)));
        if settled {
            self.tidy(party);
            return who;
        }
        if let Some(who) = who {
            let until = now + self.times.answer;
            entry.waiting.push(Waiting { registered, until, who });
            self.due.insert((until, party));
        }
        self.advance(now, party);
        None
    }

    /// Asks for an authentication vector: [`Event::Vector`] brings it.
    pub(super) fn vector(&mut self, now: Time, party: Party, resynchronise: Resynchronise, who: W) {
        let entry = self.entries.entry(party).or_insert_with(|| Entry::new(Known::Deregistered));
        // Strangers can ask for these: they get no more room than a second's worth.
        let full = self.queue.len() >= self.times.per_second as usize;
        if full || entry.vector.is_some() || entry.asked.is_some() {
            self.events.push_back(Event::Vector(who, Err(Lack::Busy)));
            return self.tidy(party);
        }
        entry.vector = Some((resynchronise, who));
        self.advance(now, party);
    }

    /// Whether somebody's registration waits for the HLR.
    pub(super) fn is_registering(&self, party: Party) -> bool {
        self.entries.get(&party).is_some_and(|entry| entry.waiting.iter().any(|waiting| waiting.registered))
    }

    /// Whether the HLR shall know that we serve `party`.
    pub(super) fn is_wanted(&self, party: Party) -> bool {
        self.entries.get(&party).is_some_and(|entry| entry.wanted)
    }

    /// Whether there is an exchange about `party`, or its result is kept.
    pub(super) fn is_known(&self, party: Party) -> bool {
        self.entries.contains_key(&party)
    }

    /// Subscribers of whom HLR and table differ, or may.
    pub(super) fn differing(&self) -> usize {
        self.entries.values().filter(|entry| !entry.agrees()).count()
    }

    /// The number that the HLR gave when it registered the subscriber.
    pub(super) fn msisdn(&self, party: Party) -> Option<Msisdn> {
        self.entries.get(&party)?.msisdn
    }

    /// Whom an operation is for, if it is under way.
    pub(super) fn party(&self, operation: u64) -> Option<Party> {
        self.underway.get(&operation).copied()
    }

    /// The HLR tells the subscriber's number while it registers (insertSubscriberData).
    pub(super) fn inserted(&mut self, party: Party, msisdn: Option<Msisdn>) {
        if let Some(entry) = self.entries.get_mut(&party) {
            entry.msisdn = msisdn.or(entry.msisdn);
        }
    }

    /// The HLR has given the subscriber to somebody else, or has no such subscriber any more (cancelLocation).
    pub(super) fn cancelled(&mut self, now: Time, party: Party) {
        let Some(entry) = self.entries.get_mut(&party) else { return };
        match &mut entry.underway {
            // It may have been sent before the HLR did what we asked: that is asked once more.
            Some(underway) if underway.request == Request::Register => underway.doubtful = true,
            _ => {
                entry.wanted = false;
                entry.known = Known::Deregistered;
                for waiting in entry.waiting.drain(..) {
                    let how = if waiting.registered { Settled::Superseded } else { Settled::Agreed };
                    self.events.push_back(Event::Settled(waiting.who, how));
                }
            }
        }
        self.advance(now, party);
        self.tidy(party);
    }

    /// An HLR has restarted and may have forgotten the subscribers that `is_its` names: they are registered once more.
    pub(super) fn reset(&mut self, now: Time, is_its: impl Fn(Party) -> bool) -> usize {
        let mut parties: Vec<Party> = self.entries.keys().copied().filter(|party| is_its(*party)).collect();
        parties.sort_unstable();
        for &party in &parties {
            let Some(entry) = self.entries.get_mut(&party) else { continue };
            entry.known = Known::Unknown;
            if let Some(underway) = &mut entry.underway {
                underway.doubtful = true;
            }
            self.advance(now, party);
        }
        parties.len()
    }

    /// Sends what is due for `party`, or puts it into the queue of those that wait for their turn.
    fn advance(&mut self, now: Time, party: Party) {
        let Some(entry) = self.entries.get_mut(&party) else { return };
        if entry.queued {
            return;
        }
        let Some(request) = entry.next() else { return };
        if entry.retry > now && !matches!(request, Request::Vector(_)) {
            self.due.insert((entry.retry, party));
            return;
        }
        entry.queued = true;
        self.queue.push_back(party);
        self.drain(now);
        self.counts.paced += u64::from(self.queue.back() == Some(&party));
    }

    /// Sends from the queue as many as the pace allows.
    fn drain(&mut self, now: Time) {
        let step = Duration::from_secs(1) / self.times.per_second.max(1);
        let burst = step * (self.times.per_second / BURST).max(1);
        while !self.queue.is_empty() && self.pace <= now + burst {
            let Some(party) = self.queue.pop_front() else { return };
            if self.send(now, party) {
                self.pace = self.pace.max(now) + step;
            }
        }
        if let Some(&first) = self.queue.front() {
            self.due.insert((self.pace, first));
        }
    }

    fn send(&mut self, now: Time, party: Party) -> bool {
        let Some(entry) = self.entries.get_mut(&party) else { return false };
        entry.queued = false;
        let Some(request) = entry.next() else {
            self.tidy(party);
            return false;
        };
        if entry.retry > now && !matches!(request, Request::Vector(_)) {
            self.due.insert((entry.retry, party));
            return false;
        }
        let operation = self.next;
        self.next += 1;
        match request {
            Request::Register => {
                entry.known = Known::Unknown;
                entry.msisdn = None;
                self.counts.register_sent += 1;
            }
            Request::Deregister => {
                entry.known = Known::Unknown;
                self.counts.deregister_sent += 1;
            }
            Request::Vector(_) => {
                entry.asked = entry.vector.take().map(|(_, who)| who);
                self.counts.vectors_sent += 1;
            }
        }
        let until = now + self.times.lost;
        entry.underway = Some(Underway { operation, request, until, doubtful: false });
        self.due.insert((until, party));
        self.underway.insert(operation, party);
        self.sends.push_back(Send { operation, party, request });
        true
    }

    /// An operation has ended.
    pub(super) fn ended(&mut self, now: Time, operation: u64, outcome: MapOutcome) {
        let Some(party) = self.underway.remove(&operation) else { return };
        let Some(entry) = self.entries.get_mut(&party) else { return };
        let Some(Underway { request, doubtful, .. }) = entry.underway.take_if(|it| it.operation == operation)
        else {
            return;
        };
        match (&outcome, request) {
            (MapOutcome::Returned(_), _) => self.counts.succeeded += 1,
            (MapOutcome::Error(code), _) if is_final(*code) => self.counts.refused += 1,
            _ => self.counts.failed += 1,
        }
        if let Request::Vector(_) = request {
            if let Some(who) = entry.asked.take() {
                let answer = match outcome {
                    MapOutcome::Returned(result) => Ok(result),
                    MapOutcome::Error(code) if is_final(code) => Err(Lack::Refused(code)),
                    MapOutcome::TimedOut => Err(Lack::Silent),
                    MapOutcome::Error(_) | MapOutcome::Aborted | MapOutcome::NotSent => Err(Lack::Failed),
                };
                self.events.push_back(Event::Vector(who, answer));
            }
        } else {
            self.agreed_or_not(now, party, request == Request::Register, doubtful, &outcome);
        }
        self.advance(now, party);
        self.tidy(party);
    }

    fn agreed_or_not(
        &mut self,
        now: Time,
        party: Party,
        registered: bool,
        doubtful: bool,
        outcome: &MapOutcome,
    ) {
        let Some(entry) = self.entries.get_mut(&party) else { return };
        match outcome {
            MapOutcome::Returned(_) => {
                entry.failures = 0;
                entry.retry = now;
                if doubtful {
                    return;
                }
                entry.known = if registered { Known::Registered } else { Known::Deregistered };
                if registered {
                    self.events.push_back(Event::Registered(party, entry.msisdn));
                }
                self.settle(party, registered, Settled::Agreed);
            }
            MapOutcome::Error(code) if is_final(*code) => {
                entry.failures = 0;
                entry.known = Known::Deregistered;
                if registered && entry.wanted {
                    entry.wanted = false;
                    self.events.push_back(Event::Refused(party, *code));
                }
                self.settle(party, registered, Settled::Refused(*code));
            }
            MapOutcome::Error(_) | MapOutcome::Aborted | MapOutcome::TimedOut | MapOutcome::NotSent => {
                let longest = self.times.repair / 2;
                entry.retry = now + (PAUSE * 2u32.pow(entry.failures.min(10))).min(longest);
                entry.failures += 1;
            }
        }
    }

    /// Whoever waits for this state waits no longer.
    fn settle(&mut self, party: Party, registered: bool, how: Settled) {
        let Some(entry) = self.entries.get_mut(&party) else { return };
        for waiting in entry.waiting.extract_if(.., |waiting| waiting.registered == registered) {
            self.events.push_back(Event::Settled(waiting.who, how));
        }
    }

    fn tidy(&mut self, party: Party) {
        if self.entries.get(&party).is_some_and(|entry| entry.is_forgotten() && !entry.queued) {
            self.entries.remove(&party);
        }
    }

    /// Deadlines have passed.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        while let Some(&(at, party)) = self.due.first()
            && at <= now
        {
            self.due.pop_first();
            let lost = self.entries.get(&party).and_then(|entry| entry.underway.as_ref());
            if let Some(lost) = lost.filter(|underway| underway.until <= now) {
                self.ended(now, lost.operation, MapOutcome::TimedOut);
            }
            if let Some(entry) = self.entries.get_mut(&party) {
                for waiting in entry.waiting.extract_if(.., |waiting| waiting.until <= now) {
                    self.counts.late += 1;
                    self.events.push_back(Event::Settled(waiting.who, Settled::Late));
                }
                self.advance(now, party);
            }
        }
        self.drain(now);
    }

    /// The earliest deadline.
    pub(super) fn poll_timeout(&self) -> Time {
        self.due.first().map_or(Time::NEVER, |(at, _)| *at)
    }

    pub(super) fn poll_send(&mut self) -> Option<Send> {
        self.sends.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<Event<W>> {
        self.events.pop_front()
    }

    /// Checks what must hold between any two calls.
    pub(super) fn assert_invariants(&self) {
        let underway = self.entries.values().filter(|entry| entry.underway.is_some()).count();
        assert_eq!(underway, self.underway.len(), "an operation of nobody");
        for entry in self.entries.values() {
            assert!(
                entry.agrees() || entry.underway.is_some() || entry.queued || entry.failures > 0,
                "left as it is"
            );
            assert_eq!(
                entry.asked.is_some(),
                matches!(entry.underway, Some(Underway { request: Request::Vector(_), .. }))
            );
        }
    }
}

/// Whether a MAP error says that the same again will be refused again (TS 29.002 17.6.6 and PROTOCOLS 7.4): all but
/// system failure, resource limitation and what is not known.
fn is_final(code: u8) -> bool {
    matches!(code, 1 | 5 | 8 | 9 | 12 | 21 | 35 | 36 | 61 | 62)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_000);
    const TIMES: Times = Times {
        answer: Duration::from_secs(2),
        repair: Duration::from_secs(60),
        lost: Duration::from_secs(30),
        per_second: 500,
    };
    const SYSTEM_FAILURE: MapOutcome = MapOutcome::Error(34);
    const UNKNOWN_SUBSCRIBER: MapOutcome = MapOutcome::Error(1);

    fn party(number: u64) -> Party {
        Party { network: 0, imsi: format!("26201{number:010}").parse().unwrap() }
    }

    fn done() -> MapOutcome {
        MapOutcome::Returned(vec![])
    }

    /// The only operation to send now.
    fn sent(r1: &mut R1<u32>) -> Option<(u64, Request)> {
        let send = r1.poll_send()?;
        assert!(r1.poll_send().is_none(), "one at a time");
        r1.assert_invariants();
        Some((send.operation, send.request))
    }

    fn settled(r1: &mut R1<u32>) -> Vec<(u32, Settled)> {
        r1.assert_invariants();
        std::iter::from_fn(|| r1.poll_event())
            .filter_map(|event| match event {
                Event::Settled(who, how) => Some((who, how)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn one_operation_at_a_time_and_what_is_no_longer_wanted_is_never_sent() {
        let mut r1 = R1::new(TIMES);
        assert_eq!(r1.wish(NOW, party(1), false, Some(9)), Some(9), "it never was");
        assert_eq!(r1.wish(NOW, party(1), true, Some(1)), None);
        let (first, request) = sent(&mut r1).unwrap();
        assert_eq!(request, Request::Register);
        // Away and back again while the first is under way: nothing more has to be said.
        r1.wish(NOW, party(1), false, Some(2));
        r1.wish(NOW, party(1), true, Some(3));
        assert_eq!(sent(&mut r1), None);
        assert_eq!(settled(&mut r1), [(1, Settled::Superseded), (2, Settled::Superseded)]);
        r1.ended(NOW, first, done());
        assert_eq!(settled(&mut r1), [(3, Settled::Agreed)]);
        assert_eq!(sent(&mut r1), None);
        assert_eq!(r1.wish(NOW, party(1), true, Some(4)), Some(4), "it agrees");
        r1.wish(NOW, party(1), false, None);
        let (second, request) = sent(&mut r1).unwrap();
        assert_eq!(request, Request::Deregister);
        r1.ended(NOW, second, done());
        assert_eq!((r1.entries.len(), r1.differing()), (0, 0), "nothing is kept of who has gone");
        r1.ended(NOW, second, done());
        assert_eq!(
            r1.counts,
            R1Counts { register_sent: 1, deregister_sent: 1, succeeded: 2, ..R1Counts::default() }
        );
    }

    #[test]
    fn who_waits_is_told_after_two_seconds_and_the_exchange_goes_on() {
        let mut r1 = R1::new(TIMES);
        r1.wish(NOW, party(1), true, Some(1));
        let (operation, _) = sent(&mut r1).unwrap();
        assert_eq!(r1.poll_timeout(), NOW + TIMES.answer);
        r1.handle_timeout(NOW + TIMES.answer);
        assert_eq!(settled(&mut r1), [(1, Settled::Late)]);
        r1.ended(NOW + Duration::from_secs(3), operation, UNKNOWN_SUBSCRIBER);
        let event = r1.poll_event();
        assert!(matches!(event, Some(Event::Refused(refused, 1)) if refused == party(1)), "{event:?}");
        assert_eq!((r1.differing(), r1.entries.len()), (0, 0));
    }

    #[test]
    fn failures_are_tried_again_with_growing_pauses_within_the_time_for_repair() {
        let mut r1 = R1::new(TIMES);
        r1.wish(NOW, party(1), true, None);
        let (mut operation, _) = sent(&mut r1).unwrap();
        let (mut now, mut pauses) = (NOW, vec![]);
        for outcome in [SYSTEM_FAILURE, MapOutcome::TimedOut, MapOutcome::Aborted, MapOutcome::NotSent]
            .into_iter()
            .chain(std::iter::repeat_n(SYSTEM_FAILURE, 4))
        {
            r1.ended(now, operation, outcome);
            assert_eq!(sent(&mut r1), None);
            let failed = now;
            operation = loop {
                now = r1.poll_timeout();
                r1.handle_timeout(now);
                if let Some((operation, _)) = sent(&mut r1) {
                    break operation;
                }
            };
            pauses.push(now.since(failed).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
        r1.ended(now, operation, done());
        assert_eq!(r1.differing(), 0);
    }

    #[test]
    fn an_unknown_end_is_made_certain_before_anything_else() {
        let mut r1 = R1::new(TIMES);
        r1.wish(NOW, party(1), true, None);
        let (register, _) = sent(&mut r1).unwrap();
        r1.wish(NOW, party(1), false, Some(1));
        r1.ended(NOW, register, MapOutcome::TimedOut);
        let due = r1.poll_timeout().max(NOW + PAUSE);
        r1.handle_timeout(due);
        let (deregister, request) = sent(&mut r1).unwrap();
        assert_eq!(request, Request::Deregister, "it may have registered us");
        r1.ended(due, deregister, UNKNOWN_SUBSCRIBER);
        assert_eq!(settled(&mut r1), [(1, Settled::Refused(1))]);
        assert_eq!(r1.entries.len(), 0);
    }

    #[test]
    fn what_an_hlr_says_while_an_operation_is_under_way_makes_it_doubtful() {
        let mut r1 = R1::new(TIMES);
        r1.wish(NOW, party(1), true, Some(1));
        let (first, _) = sent(&mut r1).unwrap();
        r1.cancelled(NOW, party(1));
        assert!(r1.is_wanted(party(1)));
        r1.ended(NOW, first, done());
        assert_eq!(settled(&mut r1), []);
        let (second, request) = sent(&mut r1).unwrap();
        assert_eq!(request, Request::Register);
        r1.ended(NOW, second, done());
        assert_eq!(settled(&mut r1), [(1, Settled::Agreed)]);
        r1.cancelled(NOW, party(1));
        assert!(!r1.is_wanted(party(1)) && sent(&mut r1).is_none(), "otherwise it is the last word");
        assert_eq!(r1.entries.len(), 0);
    }

    #[test]
    fn an_hlr_that_has_restarted_gets_its_subscribers_again_and_paced() {
        let mut r1 = R1::new(Times { per_second: 10, ..TIMES });
        let mut now = NOW;
        for number in 0..20 {
            now += Duration::from_secs(1);
            r1.wish(now, party(number), true, None);
            let (operation, _) = sent(&mut r1).unwrap();
            r1.ended(now, operation, done());
        }
        now += Duration::from_secs(10);
        assert_eq!(r1.reset(now, |it| it.imsi != party(0).imsi), 19);
        let start = now;
        let mut again = vec![];
        while again.len() < 19 {
            while let Some(send) = r1.poll_send() {
                again.push(send.party);
                r1.ended(now, send.operation, done());
            }
            if again.len() < 19 {
                now = r1.poll_timeout();
                r1.handle_timeout(now);
            }
        }
        assert!(!again.contains(&party(0)));
        let took = now.since(start).as_millis();
        assert!((1_600..=1_900).contains(&took), "19 at 10 a second: {took} ms");
        assert_eq!(r1.differing(), 0);
    }

    #[test]
    fn a_vector_is_asked_for_once_at_a_time_and_before_a_registration() {
        let mut r1 = R1::new(TIMES);
        r1.vector(NOW, party(1), None, 1);
        let (first, request) = sent(&mut r1).unwrap();
        assert_eq!(request, Request::Vector(None));
        r1.vector(NOW, party(1), None, 2);
        assert!(matches!(r1.poll_event(), Some(Event::Vector(2, Err(Lack::Busy)))));
        r1.wish(NOW, party(1), true, None);
        assert_eq!(sent(&mut r1), None);
        r1.ended(NOW, first, MapOutcome::Returned(vec![7]));
        assert!(matches!(r1.poll_event(), Some(Event::Vector(1, Ok(octets))) if octets == [7]));
        assert_eq!(sent(&mut r1).unwrap().1, Request::Register);
        for (number, outcome, lack) in [
            (2, MapOutcome::TimedOut, Lack::Silent),
            (3, SYSTEM_FAILURE, Lack::Failed),
            (4, UNKNOWN_SUBSCRIBER, Lack::Refused(1)),
        ] {
            r1.vector(NOW, party(number), Some(([1; 16], [2; 14])), 5);
            let (operation, _) = sent(&mut r1).unwrap();
            r1.ended(NOW, operation, outcome);
            assert!(matches!(r1.poll_event(), Some(Event::Vector(5, Err(found))) if found == lack));
        }
        assert_eq!(r1.entries.len(), 1, "nothing is kept of those who only asked");
    }

    #[test]
    fn an_operation_whose_end_never_comes_has_timed_out() {
        let mut r1 = R1::new(TIMES);
        r1.wish(NOW, party(1), true, None);
        sent(&mut r1).unwrap();
        let mut now = NOW;
        while r1.counts.failed == 0 {
            now = r1.poll_timeout();
            r1.handle_timeout(now);
        }
        assert!(now >= NOW + TIMES.lost, "{now:?}");
        r1.handle_timeout(now + PAUSE);
        assert_eq!(sent(&mut r1).unwrap().1, Request::Register);
    }
}
