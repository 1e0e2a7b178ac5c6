//! R1, the exchange with the HLR (requirement R-1): one operation at a time per subscriber, coalesced, retried, paced.
//!
//! For each subscriber there is what we want the HLR to know (registered here or not) and what it was last heard to
//! know. Whenever the two differ an operation goes out; what was wanted and no longer is, is never sent. Whoever needs
//! the HLR's answer (a REGISTER, say) waits with the subscriber, and no longer than [`Times::answer`]. Where both agree
//! and nothing is going on, as with nearly all, little is kept ([`rest`]).

mod audit;
mod exchange;
mod pace;
mod rest;
mod restored;
#[cfg(test)]
mod tests;

use crate::base::{Time, counts};
use crate::gateway::mailbox::MapOutcome;
use crate::ident::{Imsi, Msisdn};
use ahash::AHashMap;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

pub(super) use audit::{Begun, Check, Finding};
use exchange::Forgotten;
pub(super) use exchange::{Exchange, Said, Told};
pub(super) use pace::Booking;
use pace::{Lane, Pace};
use rest::Resting;

counts! {
    /// What was exchanged with HLRs.
    pub struct R1Counts {
        /// Operations sent to register a subscriber.
        register_sent,
        /// Operations sent to de-register a subscriber.
        deregister_sent,
        /// sendRoutingInfoForSM sent, to find out whom an HLR has in a subscriber's place.
        questions_sent,
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
        /// Operations that waited since an HLR had `r1_outstanding` to answer.
        held,
        /// Answers given to UEs and S-CSCFs before the HLR's turn had come, since more wait than it can be told of in time.
        answered_ahead,
        /// REGISTERs refused with 503 and a time to come again, since more wait than HLRs can be told of in time.
        told_to_come_again,
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
    /// Which nodes it would name for a message to the subscriber; the result goes to [`R1::heard`] before the end.
    Place,
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
    /// What came of [`R1::audit`] or [`R1::disown`].
    Audited(Party, Finding),
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
    /// More wait than the HLRs are asked for in time.
    Full,
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
    /// The result names us, or others.
    names_us: Option<bool>,
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
    /// Where it waits for its turn.
    queued: Option<Lane>,
    msisdn: Option<Msisdn>,
    /// When the HLR last answered that it has registered the subscriber.
    registered: Option<Time>,
    /// The same in a life before this one, in seconds since 1970; 0: never.
    told_before: u64,
    /// An operation has got no answer: the HLR may carry it out yet, even after those that follow.
    unanswered: bool,
    /// When what the HLR knows is to be made certain, since such an operation may have been carried out late.
    confirm: Option<Time>,
    /// The last operation about the registration.
    told: Option<Told>,
    /// What an audit has yet to find out.
    audit: Option<Check>,
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
            queued: None,
            msisdn: None,
            registered: None,
            told_before: 0,
            unanswered: false,
            confirm: None,
            told: None,
            audit: None,
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
            None if self.agrees() => self.audit.and_then(Check::request),
            None if self.wanted => Some(Request::Register),
            None => Some(Request::Deregister),
        }
    }

    fn is_forgotten(&self) -> bool {
        !self.wanted && self.agrees() && self.is_idle()
    }

    /// Whether nothing is under way, waits, or is to be made certain.
    fn is_idle(&self) -> bool {
        self.underway.is_none()
            && self.waiting.is_empty()
            && self.vector.is_none()
            && self.confirm.is_none()
            && self.audit.is_none()
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
    /// Operations that the HLRs of one network have not answered, at most.
    pub(super) outstanding: usize,
}

/// The exchanges with all HLRs. `W` is who waits.
pub(super) struct R1<W> {
    times: Times,
    entries: AHashMap<Party, Entry<W>>,
    resting: Resting,
    underway: AHashMap<u64, Party>,
    next: u64,
    due: BTreeSet<(Time, Party)>,
    pace: Pace,
    events: VecDeque<Event<W>>,
    sends: VecDeque<Send>,
    /// Of whom what is owed may be another since this was emptied; some stand here more than once.
    pub(super) changed: Vec<Party>,
    forgotten: Forgotten,
    pub(super) counts: R1Counts,
}

/// The first pause after a failure; each doubles it.
const PAUSE: Duration = Duration::from_secs(1);

impl<W> R1<W> {
    pub(super) fn new(times: Times, seed: u64) -> Self {
        Self {
            times,
            entries: AHashMap::new(),
            resting: Resting::default(),
            underway: AHashMap::new(),
            next: 1,
            due: BTreeSet::new(),
            pace: Pace::new(seed),
            events: VecDeque::new(),
            sends: VecDeque::new(),
            changed: vec![],
            forgotten: Forgotten::default(),
            counts: R1Counts::default(),
        }
    }

    /// A life before this one has left that the HLR knows us to serve `party`, or, where something `is_owed`, that it is to know
    /// whether we do. The number, and when in seconds since 1970, are what it said last.
    pub(super) fn restore(
        &mut self,
        now: Time,
        party: Party,
        (wanted, is_owed): (bool, bool),
        (msisdn, told): (Option<Msisdn>, u64),
    ) {
        if wanted && !is_owed && !self.entries.contains_key(&party) {
            return self.restore_resting(party, msisdn, told);
        }
        self.wake(party);
        let known = if is_owed { Known::Unknown } else { Known::Registered };
        let entry = self.entries.entry(party).or_insert_with(|| Entry::new(known));
        (entry.wanted, entry.msisdn, entry.told_before) = (wanted, msisdn, told);
        self.advance(now, party);
    }

    /// What the HLR is yet to be told, if that is to outlive the process: whether we serve `party`.
    pub(super) fn owed(&self, party: Party) -> Option<bool> {
        let entry = self.entries.get(&party)?;
        let is_owed = !entry.agrees() || entry.unanswered || entry.confirm.is_some();
        is_owed.then_some(entry.wanted)
    }

    /// When the HLR last said that it knows us to serve `party`: in this life, or in seconds since 1970 in one before.
    pub(super) fn told(&self, party: Party) -> (Option<Time>, u64) {
        self.with(party, |entry| (entry.registered, entry.told_before)).unwrap_or_default()
    }

    /// The HLR shall know that we serve `party`, or that we don't. Gives `who` back if it does already; else what becomes
    /// of it comes as [`Event::Settled`].
    pub(super) fn wish(&mut self, now: Time, party: Party, registered: bool, who: Option<W>) -> Option<W> {
        self.wake(party);
        let entry = self.entries.entry(party).or_insert_with(|| Entry::new(Known::Deregistered));
        if entry.wanted != registered {
            entry.wanted = registered;
            entry.failures = 0;
            entry.retry = now;
            for superseded in entry.waiting.drain(..) {
                self.events.push_back(Event::Settled(superseded.who, Settled::Superseded));
            }
        }
        // What is under way where both agree already changes nothing: a vector, or an audit's.
        let settled =
            entry.agrees() && entry.underway.as_ref().is_none_or(|it| it.request != Request::Deregister);
        if settled {
            self.tidy(party);
            return who;
        }
        if let Some(who) = who {
            self.wait(now, party, registered, who);
        }
        self.advance(now, party);
        None
    }

    /// `who` waits for the HLR, unless that is known to be in vain.
    fn wait(&mut self, now: Time, party: Party, registered: bool, who: W) {
        let is_too_late = self.entries.get(&party).is_some_and(|it| self.is_too_late(party.network, it));
        if is_too_late {
            self.counts.answered_ahead += 1;
            return self.events.push_back(Event::Settled(who, Settled::Late));
        }
        let until = now + self.times.answer;
        if let Some(entry) = self.entries.get_mut(&party) {
            entry.waiting.push(Waiting { registered, until, who });
            self.due.insert((until, party));
        }
    }

    /// Asks for an authentication vector: [`Event::Vector`] brings it.
    pub(super) fn vector(&mut self, now: Time, party: Party, resynchronise: Resynchronise, who: W) {
        self.wake(party);
        let full = self.is_full_for_challenges(party);
        let entry = self.entries.entry(party).or_insert_with(|| Entry::new(Known::Deregistered));
        if full || entry.vector.is_some() || entry.asked.is_some() {
            let lack = if full { Lack::Full } else { Lack::Busy };
            self.events.push_back(Event::Vector(who, Err(lack)));
            return self.tidy(party);
        }
        entry.vector = Some((resynchronise, who));
        self.advance(now, party);
    }

    /// Takes back those who wait for `party` to be registered and whom `is_it` names.
    pub(super) fn withdraw(&mut self, party: Party, is_it: impl Fn(&W) -> bool) -> Vec<W> {
        let Some(entry) = self.entries.get_mut(&party) else { return vec![] };
        let withdrawn = entry.waiting.extract_if(.., |waiting| waiting.registered && is_it(&waiting.who));
        withdrawn.map(|waiting| waiting.who).collect()
    }

    /// Whether somebody's registration waits for the HLR.
    pub(super) fn is_registering(&self, party: Party) -> bool {
        self.entries.get(&party).is_some_and(|entry| entry.waiting.iter().any(|waiting| waiting.registered))
    }

    /// Whether the HLR shall know that we serve `party`.
    pub(super) fn is_wanted(&self, party: Party) -> bool {
        self.with(party, |entry| entry.wanted).unwrap_or(false)
    }

    /// Whether there is an exchange about `party`, or its result is kept.
    pub(super) fn is_known(&self, party: Party) -> bool {
        self.with(party, |_| ()).is_some()
    }

    /// Subscribers of whom HLR and table differ, or may.
    pub(super) fn differing(&self) -> usize {
        self.entries.values().filter(|entry| !entry.agrees()).count()
    }

    /// The number that the HLR gave when it registered the subscriber.
    pub(super) fn msisdn(&self, party: Party) -> Option<Msisdn> {
        self.with(party, |entry| entry.msisdn)?
    }

    /// Whom an operation is for, if it is under way.
    pub(super) fn party(&self, operation: u64) -> Option<Party> {
        self.underway.get(&operation).copied()
    }

    /// The HLR tells the subscriber's number while it registers (insertSubscriberData).
    pub(super) fn inserted(&mut self, party: Party, msisdn: Option<Msisdn>) {
        self.wake(party);
        if let Some(entry) = self.entries.get_mut(&party) {
            entry.msisdn = msisdn.or(entry.msisdn);
        }
        self.rest(party);
    }

    /// The HLR has given the subscriber to somebody else, or has no such subscriber any more (cancelLocation).
    pub(super) fn cancelled(&mut self, now: Time, party: Party) {
        self.wake(party);
        let Some(entry) = self.entries.get_mut(&party) else { return };
        let settled = entry.known == Known::Registered;
        match &mut entry.underway {
            // It may have been sent before the HLR did what we asked: that is asked once more.
            Some(underway) if underway.request == Request::Register => {
                underway.doubtful = true;
                entry.known = Known::Unknown;
            }
            // It is about an earlier registration: the next is yet to be asked for.
            _ if entry.wanted && !settled => {}
            underway => {
                entry.wanted = false;
                // It may have been sent before that answer, which overtook it: then the HLR knows us, and is told. So it may
                // if it carries out later what it has not answered; and what is under way is certain only when it has ended.
                let crossing = entry.registered.is_some_and(|at| now < at + self.times.lost);
                let open = underway.as_ref().is_some_and(|it| it.request == Request::Deregister);
                let certain = !crossing && !entry.unanswered && !open;
                entry.known = if certain { Known::Deregistered } else { Known::Unknown };
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
        let mut parties = self.resting(&is_its);
        parties.iter().for_each(|party| self.wake(*party));
        parties.extend(self.entries.keys().copied().filter(|party| is_its(*party)));
        parties.sort_unstable();
        parties.dedup();
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
        self.changed.push(party);
        self.supersede(party);
        let Some(entry) = self.entries.get_mut(&party) else { return };
        let Some(request) = entry.next() else { return };
        if entry.retry > now && !matches!(request, Request::Vector(_)) {
            if entry.queued.is_none() {
                self.due.insert((entry.retry, party));
            }
            return;
        }
        let is_awaited = matches!(request, Request::Vector(_)) || !entry.waiting.is_empty();
        let is_new = self.enqueue(party, if is_awaited { Lane::Awaited } else { Lane::Owed });
        self.drain(now);
        let waits = self.entries.get(&party).is_some_and(|entry| entry.queued.is_some());
        self.counts.paced += u64::from(is_new && waits);
    }

    fn send(&mut self, now: Time, party: Party) -> bool {
        let Some(entry) = self.entries.get_mut(&party) else { return false };
        entry.queued = None;
        self.changed.push(party);
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
                // Where it says again what the HLR knows, nothing is less certain while it is under way.
                if !entry.agrees() {
                    entry.known = Known::Unknown;
                }
                entry.msisdn = None;
                self.counts.register_sent += 1;
            }
            Request::Deregister => {
                entry.known = Known::Unknown;
                self.counts.deregister_sent += 1;
            }
            Request::Place => self.counts.questions_sent += 1,
            Request::Vector(_) => {
                entry.asked = entry.vector.take().map(|(_, who)| who);
                self.counts.vectors_sent += 1;
            }
        }
        if matches!(request, Request::Register | Request::Deregister) {
            entry.told = Some(Told::now(now, request == Request::Register));
        }
        let until = now + self.times.lost;
        entry.underway = Some(Underway { operation, request, until, doubtful: false, names_us: None });
        self.due.insert((until, party));
        self.underway.insert(operation, party);
        self.sends.push_back(Send { operation, party, request });
        true
    }

    /// An operation has ended.
    pub(super) fn ended(&mut self, now: Time, operation: u64, outcome: MapOutcome) {
        let Some(party) = self.underway.remove(&operation) else { return };
        self.pace.ended(party);
        let Some(entry) = self.entries.get_mut(&party) else { return };
        let Some(Underway { request, doubtful, names_us, .. }) =
            entry.underway.take_if(|it| it.operation == operation)
        else {
            return;
        };
        match (&outcome, request) {
            (MapOutcome::Returned(_), _) | (MapOutcome::Error(audit::ABSENT_SUBSCRIBER), Request::Place) => {
                self.counts.succeeded += 1;
            }
            (MapOutcome::Error(code), _) if is_final(*code) => self.counts.refused += 1,
            _ => self.counts.failed += 1,
        }
        if request == Request::Place {
            self.placed(party, doubtful, names_us, &outcome);
        } else if let Request::Vector(_) = request {
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
            self.audited(party, doubtful, &outcome);
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
        if let Some(told) = &mut entry.told {
            told.end(now, outcome);
        }
        let answered = match outcome {
            MapOutcome::Returned(_) => true,
            MapOutcome::Error(code) => is_final(*code),
            _ => false,
        };
        if answered && core::mem::take(&mut entry.unanswered) {
            let at = now + self.times.repair / 2;
            entry.confirm = Some(at);
            self.due.insert((at, party));
        }
        match outcome {
            MapOutcome::Returned(_) => {
                entry.failures = 0;
                entry.retry = now;
                if doubtful {
                    return;
                }
                entry.known = if registered { Known::Registered } else { Known::Deregistered };
                if registered {
                    entry.registered = Some(now);
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
                entry.unanswered |= !matches!(outcome, MapOutcome::Error(_) | MapOutcome::NotSent);
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
        self.changed.push(party);
        if self.entries.get(&party).is_some_and(|entry| entry.is_forgotten() && entry.queued.is_none())
            && let Some(entry) = self.entries.remove(&party)
        {
            self.forgotten.add(party, &entry);
        }
        self.rest(party);
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
                if entry.confirm.take_if(|confirm| *confirm <= now).is_some() {
                    entry.known = Known::Unknown;
                }
                self.advance(now, party);
            }
        }
        self.drain(now);
    }

    /// The earliest deadline.
    pub(super) fn poll_timeout(&self) -> Time {
        self.due.first().map_or(Time::NEVER, |(at, _)| *at).min(self.next_turn())
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
                entry.agrees() || entry.underway.is_some() || entry.queued.is_some() || entry.failures > 0,
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
