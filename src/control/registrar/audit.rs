//! The audit of registrations against HLRs: after a start everybody who was restored, and whoever an operator asks for, is looked
//! at once; and whoever something arrives for who is not here. What differs is repaired, both ways, at a pace of its own that takes
//! what ordinary operations leave.

use super::r1::{Begun, Check, Finding};
use super::{Form, Party, Registrar};
use crate::base::publish::Show;
use crate::base::{Counts as _, Time, counts};
use crate::codec::Prepend;
use crate::control::config::{Audit as How, Ghosts};
use crate::ident::{Digits, Imsi, Msisdn};
use crate::proto::map::{AddressString, SendRoutingInfoForSm, SendRoutingInfoForSmResult, ServingNode};
use ahash::{AHashMap, AHashSet};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;

/// Places of the table that are looked at in one step.
const PLACES: u32 = 4_096;
/// Those that are put off are looked through for somebody whose HLR may be asked, so many in one step.
const PUT_OFF: usize = 1_024;
/// Subscribers for whom something has arrived and who are not here: so many wait to be looked at.
const SUSPECTS: usize = 4_096;
/// After that the audit looks again whether ordinary operations leave it room.
const ROOM: Duration = Duration::from_millis(100);
/// After that the next step looks at more places.
const STEP: Duration = Duration::from_millis(1);
/// The first rest of an HLR that does not answer; each doubles it.
const REST: Duration = Duration::from_secs(1);

counts! {
    /// What audits have found and repaired.
    pub struct AuditCounts {
        /// Audits begun: one after each start that restores anybody, and each that an operator asks for.
        begun,
        /// Audits that have come to their end.
        ended,
        /// Registered subscribers of whom what the HLR knows has become certain.
        checked,
        /// Of these, whom the HLR has here.
        agreed,
        /// Of these, who were registered again since the HLR can't be asked: nobody knows what it believed.
        asserted,
        /// Of these, whom the HLR had elsewhere or nowhere, before it was told.
        missing,
        /// Of these, whom the HLR refused: their bindings have ended.
        refused,
        /// Of these, whose registration changed meanwhile, so that the exchange with the HLR makes it certain.
        superseded,
        /// Registrations repaired at an HLR that had the subscriber elsewhere or nowhere.
        repaired_registered,
        /// Registrations repaired at an HLR that believed somebody to be here who is not.
        repaired_deregistered,
        /// Questions and repairs without an answer, or with one that says to try again: they are tried again.
        failed,
        /// Subscribers who are not here, and for whom something has come that the HLR sends only here.
        ghosts,
        /// Of these, those whom the HLR did not believe to be here when it was asked.
        ghosts_unconfirmed,
        /// Subscribers not here for whom something has come, without room to look after them: the next message shows them again.
        suspects_dropped,
    }
}

/// The audit of everybody that is under way.
struct Walk {
    since: Time,
    /// The place of the table to go on from.
    from: u32,
    /// Of those that it found there, who are next.
    next: VecDeque<Party>,
    /// Those who have to be tried again.
    again: VecDeque<Party>,
    /// Subscribers of the table when it began, less those it has seen.
    unseen: usize,
    /// Those too of whom the HLR has spoken in this life.
    is_of_all: bool,
}

/// What is looked at, and what has come of it.
#[derive(Default)]
pub(super) struct Audit {
    pub(super) counts: AuditCounts,
    walk: Option<Walk>,
    /// Of whom a finding is waited for: of registered ones, and of strangers.
    underway: AHashSet<Party>,
    strangers: AHashSet<Party>,
    /// For whom something has come.
    suspects: VecDeque<Imsi>,
    suspected: AHashSet<Imsi>,
    /// They wait until then for an HLR that is left alone.
    suspects_from: Time,
    /// HLRs that do not answer: until when they are left alone, and how often that was.
    resting: AHashMap<Digits, (Time, u32)>,
    /// When the next operation may go.
    pace: Time,
    /// When there is something to do.
    pub(super) due: Option<Time>,
}

/// How an audit stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct AuditState {
    /// Whether one of everybody is under way.
    pub running: bool,
    /// Registered subscribers whom it has yet to look at, or of whom it has no finding yet.
    pub left: usize,
    /// Of these, those whose HLR has not answered and is asked again.
    pub put_off: usize,
    /// How long it has taken so far, in seconds.
    pub for_s: u64,
    /// Subscribers who are not here, for whom something has come, and who wait to be looked at.
    pub suspects: usize,
}

impl Audit {
    /// Something has come for somebody who is not here.
    pub(super) fn suspect(&mut self, now: Time, imsi: Imsi) {
        if self.suspected.contains(&imsi) {
            return;
        }
        if self.suspects.len() >= SUSPECTS {
            self.counts.suspects_dropped += 1;
            return;
        }
        self.suspected.insert(imsi);
        self.suspects.push_back(imsi);
        self.wake(now);
    }

    fn wake(&mut self, now: Time) {
        self.due = Some(self.due.map_or(now, |due| due.min(now)));
    }

    fn state(&self, now: Time) -> AuditState {
        let walk = self.walk.as_ref();
        AuditState {
            running: walk.is_some(),
            left: walk
                .map_or(0, |walk| walk.unseen + walk.next.len() + walk.again.len() + self.underway.len()),
            put_off: walk.map_or(0, |walk| walk.again.len()),
            for_s: walk.map_or(0, |walk| now.since(walk.since).as_secs()),
            suspects: self.suspects.len() + self.strangers.len(),
        }
    }

    pub(super) fn show(&self, to: &mut dyn Show) {
        to.counts("audit", "", &self.counts);
        let state = self.state(Time::ZERO);
        let about =
            ("audit", "", "left", "Registered subscribers whom the audit under way has yet to look at.");
        to.level(about, state.left as u64, 0);
        let about =
            ("audit", "", "suspects", "Subscribers not here, for whom something has come, to be looked at.");
        to.level(about, state.suspects as u64, SUSPECTS as u64);
    }
}

/// What is to be done next.
enum Next {
    Check(Party),
    Suspect(Imsi),
    /// Nothing before this time.
    Wait(Time),
    /// Nothing until something ends, or comes.
    Nothing,
}

impl Registrar {
    /// Begins to look at everybody, unless that is under way; `is_of_all`: those too of whom an HLR has spoken in this life.
    pub(super) fn begin_audit(&mut self, now: Time, is_of_all: bool) -> bool {
        let count = self.writer.len();
        if self.audit.walk.is_some() {
            return false;
        }
        let (next, again) = (VecDeque::new(), VecDeque::new());
        self.audit.walk = Some(Walk { since: now, from: 0, next, again, unseen: count, is_of_all });
        self.audit.counts.begun += 1;
        self.audit.wake(now);
        tracing::info!(subscribers = count, "registrations are compared with what HLRs know");
        true
    }

    /// An operator asks for an audit of everybody: whether it has begun. It has not where one is under way, or comes when
    /// everybody is restored.
    pub fn audit(&mut self, now: Time, out: &mut super::Outbox) -> bool {
        self.writer.now = now;
        let begun = self.is_restored() && self.begin_audit(now, true);
        self.audit_step(now);
        self.finish(now, out);
        begun
    }

    /// How the audit stands, and what all of this life have found.
    #[must_use]
    pub fn audit_report(&self, now: Time, begun: bool) -> Value {
        let mut found = serde_json::Map::new();
        self.audit.counts.each(&mut |name, _, value| drop(found.insert(name.into(), value.into())));
        json!({ "begun": begun, "state": self.audit.state(now), "found": found })
    }

    /// What the audits of this life have found.
    #[must_use]
    pub fn audit_counts(&self) -> &AuditCounts {
        &self.audit.counts
    }

    /// How the audit stands.
    #[must_use]
    pub fn audit_state(&self, now: Time) -> AuditState {
        self.audit.state(now)
    }

    /// Takes what workers have told of messages: who was not here may be somebody whom an HLR believes to be.
    pub(super) fn take_history(&mut self, now: Time) {
        let Self { history, audit, .. } = self;
        history.take(&mut |imsi| audit.suspect(now, imsi));
    }

    /// Looks at as many as the pace and ordinary operations let it.
    pub(super) fn audit_step(&mut self, now: Time) {
        if self.audit.due.take_if(|due| *due <= now).is_none() {
            return;
        }
        let timers = &self.config.timers;
        let per_second = timers.audit_per_second.min(timers.r1_per_second).max(1);
        let pause = Duration::from_secs(1) / per_second;
        self.audit.resting.retain(|_, (until, _)| *until + timers.r1_repair > now);
        loop {
            let next = match self.audit.pace > now {
                true if self.audit.walk.is_none() && self.audit.suspects.is_empty() => Next::Nothing,
                true => Next::Wait(self.audit.pace),
                false => self.next_of_audit(now, per_second as usize),
            };
            match next {
                Next::Wait(until) => return self.audit.due = Some(until),
                Next::Nothing => {
                    self.end_audit(now);
                    if !self.audit.suspects.is_empty() && self.audit.suspects_from > now {
                        self.audit.due = Some(self.audit.suspects_from);
                    }
                    return;
                }
                Next::Check(party) => self.check(now, party),
                Next::Suspect(imsi) => self.look_at_suspect(now, imsi),
            }
            self.audit.pace = self.audit.pace.max(now) + pause;
        }
    }

    fn next_of_audit(&mut self, now: Time, window: usize) -> Next {
        let is_their_turn = self.audit.suspects_from <= now && self.audit.strangers.len() < window;
        if !self.audit.suspects.is_empty() && is_their_turn {
            if !self.r1.is_idle() {
                return Next::Wait(now + ROOM);
            }
            if let Some(imsi) = self.audit.suspects.pop_front() {
                self.audit.suspected.remove(&imsi);
                return Next::Suspect(imsi);
            }
        }
        if self.audit.walk.is_none() || self.audit.underway.len() >= window {
            return Next::Nothing;
        }
        if !self.r1.is_idle() {
            return Next::Wait(now + ROOM);
        }
        self.next_of_walk(now)
    }

    fn next_of_walk(&mut self, now: Time) -> Next {
        let Some(mut walk) = self.audit.walk.take() else { return Next::Nothing };
        if walk.next.is_empty() && walk.from < self.writer.places() {
            self.look_on(now, &mut walk);
        }
        let mut next = None;
        while let Some(party) = walk.next.pop_front() {
            if self.is_left_alone(now, party) {
                walk.again.push_back(party);
            } else {
                next = Some(Next::Check(party));
                break;
            }
        }
        let is_seen = walk.next.is_empty() && walk.from >= self.writer.places();
        let next = match next {
            Some(next) => next,
            None if !is_seen => Next::Wait(now + STEP),
            None => self.next_again(now, &mut walk),
        };
        self.audit.walk = Some(walk);
        next
    }

    /// Whom some more places of the table have.
    fn look_on(&self, now: Time, walk: &mut Walk) {
        let to = walk.from.saturating_add(PLACES).min(self.writer.places());
        let mut seen = 0;
        let is_audited = |party: &Party| self.how(*party) != How::Off;
        for subscriber in self.writer.within(walk.from..to) {
            seen += 1;
            let record = subscriber.record();
            let mut last = None;
            for (_, binding) in subscriber.registered(now) {
                let party = self.party(binding.network, record.imsi()).filter(|party| last != Some(*party));
                let Some(party) = party.filter(is_audited) else { continue };
                last = Some(party);
                if walk.is_of_all || !self.r1.is_heard(party) {
                    walk.next.push_back(party);
                }
            }
        }
        walk.from = to;
        walk.unseen = walk.unseen.saturating_sub(seen);
    }

    /// Somebody of those put off whose HLR may be asked again.
    fn next_again(&self, now: Time, walk: &mut Walk) -> Next {
        for _ in 0..walk.again.len().min(PUT_OFF) {
            let Some(party) = walk.again.pop_front() else { break };
            if !self.is_left_alone(now, party) {
                return Next::Check(party);
            }
            walk.again.push_back(party);
        }
        if walk.again.len() > PUT_OFF {
            return Next::Wait(now + ROOM);
        }
        match self.audit.resting.values().map(|(until, _)| *until).filter(|until| *until > now).min() {
            Some(rested) if !walk.again.is_empty() => Next::Wait(rested),
            _ => Next::Nothing,
        }
    }

    fn is_left_alone(&self, now: Time, party: Party) -> bool {
        self.left_alone_until(now, party).is_some()
    }

    fn left_alone_until(&self, now: Time, party: Party) -> Option<Time> {
        let (until, _) = self.audit.resting.get(&self.title_of_hlr(party)?)?;
        Some(*until).filter(|until| *until > now)
    }

    fn title_of_hlr(&self, party: Party) -> Option<Digits> {
        let network = self.config.networks.get(usize::from(party.network))?;
        super::hlr::hlr_of(network, party.imsi)
    }

    /// Finds out what the HLR knows of somebody who is registered.
    fn check(&mut self, now: Time, party: Party) {
        let how = match self.how(party) {
            How::Off => return,
            How::RoutingInfo if self.number_of(party).is_some() => Check::Ask,
            How::RoutingInfo | How::Register => Check::Assert,
        };
        // Of whom a binding has ended since he was found, nothing is to be known.
        if !self.is_registered(now, party) {
            return;
        }
        match self.r1.audit(now, party, how) {
            Begun::Underway => drop(self.audit.underway.insert(party)),
            Begun::Left => {
                self.audit.counts.checked += 1;
                self.audit.counts.superseded += 1;
            }
            Begun::Busy => self.put_off(party),
        }
    }

    /// How it can be found out what the HLR knows of somebody.
    fn how(&self, party: Party) -> How {
        self.config.networks.get(usize::from(party.network)).map_or(How::Off, |network| network.audits())
    }

    fn put_off(&mut self, party: Party) {
        if let Some(walk) = &mut self.audit.walk {
            walk.again.push_back(party);
        }
    }

    /// Something has come for somebody who was not here: if he still is not, and it is the HLR that sends it here, the HLR is told.
    fn look_at_suspect(&mut self, now: Time, imsi: Imsi) {
        // Of whom a binding has ended without having been removed, the HLR is told when it is.
        if !self.restoring.loading.has(imsi) || self.writer.by_imsi(imsi).is_some() {
            return;
        }
        let config = self.config.clone();
        let parties = (0u16..).zip(&config.networks).filter(|(_, network)| {
            let is_its = network.imsi_prefixes.iter().any(|prefix| imsi.digits().starts_with(*prefix));
            // Where the HLR knows us beforehand it sends everything here.
            is_its && network.r1 != Form::Preconfigured && super::hlr::hlr_of(network, imsi).is_some()
        });
        for (at, network) in parties {
            let party = Party { network: at, imsi };
            // Where an exchange is under way, or has just ended, that was the answer.
            if self.r1.is_known(party) || self.r1.has_left(now, party) {
                continue;
            }
            if let Some(until) = self.left_alone_until(now, party) {
                self.audit.suspects_from = until;
                self.audit.suspect(until, imsi);
                continue;
            }
            self.audit.counts.ghosts += 1;
            if network.ghosts == Ghosts::Count {
                continue;
            }
            let asks = network.audits() == How::RoutingInfo && self.number_of(party).is_some();
            if self.r1.disown(now, party, asks) == Begun::Underway {
                self.audit.strangers.insert(party);
                tracing::info!(
                    ?imsi,
                    asks,
                    "a message came for somebody who is not registered: the HLR is told"
                );
            }
        }
    }

    /// What came of it.
    pub(super) fn on_audited(&mut self, now: Time, party: Party, finding: Finding) {
        let was_stranger = match finding {
            Finding::Late => self.audit.strangers.contains(&party),
            _ => self.audit.strangers.remove(&party),
        };
        let was_underway = match finding {
            Finding::Missing => self.audit.underway.contains(&party),
            // The exchange goes on with it.
            _ => self.audit.underway.remove(&party),
        };
        let counts = &mut self.audit.counts;
        match finding {
            Finding::Agreed if was_stranger => counts.ghosts_unconfirmed += 1,
            Finding::Agreed => counts.agreed += 1,
            Finding::Asserted => counts.asserted += 1,
            Finding::Missing => counts.missing += 1,
            Finding::Registered => counts.repaired_registered += 1,
            Finding::Deregistered => counts.repaired_deregistered += 1,
            Finding::Refused if was_stranger => {}
            Finding::Refused => counts.refused += 1,
            Finding::Superseded => counts.superseded += 1,
            Finding::Failed | Finding::Late => counts.failed += 1,
        }
        let is_certain = match finding {
            Finding::Agreed | Finding::Asserted | Finding::Registered | Finding::Refused => !was_stranger,
            Finding::Superseded => was_underway,
            Finding::Missing | Finding::Deregistered | Finding::Failed | Finding::Late => false,
        };
        counts.checked += u64::from(is_certain);
        let hlr = self.title_of_hlr(party);
        match (finding, hlr) {
            (Finding::Failed | Finding::Late, Some(hlr)) => self.let_rest(now, hlr),
            (Finding::Superseded, _) | (_, None) => {}
            (_, Some(hlr)) => drop(self.audit.resting.remove(&hlr)),
        }
        if finding == Finding::Failed && was_underway {
            self.put_off(party);
        }
        self.audit.wake(now);
    }

    /// An HLR that does not answer is left alone for a while.
    fn let_rest(&mut self, now: Time, hlr: Digits) {
        let longest = self.config.timers.r1_repair / 2;
        let (until, times) = self.audit.resting.entry(hlr).or_insert((now, 0));
        // Those that were under way together are one failure.
        if *until <= now {
            *until = now + (REST * 2u32.pow((*times).min(10))).min(longest);
            *times += 1;
        }
    }

    /// An audit of everybody is over when nobody is left.
    fn end_audit(&mut self, now: Time) {
        let is_over = |walk: &Walk, audit: &Audit| {
            walk.from >= self.writer.places()
                && walk.next.is_empty()
                && walk.again.is_empty()
                && audit.underway.is_empty()
        };
        if !self.audit.walk.as_ref().is_some_and(|walk| is_over(walk, &self.audit)) {
            return;
        }
        let Some(walk) = self.audit.walk.take() else { return };
        self.audit.counts.ended += 1;
        let counts = &self.audit.counts;
        tracing::info!(
            took = ?now.since(walk.since),
            checked = counts.checked,
            agreed = counts.agreed,
            asserted = counts.asserted,
            missing = counts.missing,
            refused = counts.refused,
            failed = counts.failed,
            "registrations have been compared with what HLRs know; the figures are since the start"
        );
    }

    /// The number that the HLR can be asked by.
    fn number_of(&self, party: Party) -> Option<Msisdn> {
        let of_table = self.writer.by_imsi(party.imsi).and_then(|subscriber| subscriber.record().msisdn());
        of_table.or_else(|| self.subscribers.of(party.network)?.by_imsi(party.imsi)?.msisdn)
    }

    /// sendRoutingInfoForSM as a question alone: it names nodes though a message before could not be delivered, and nobody waits
    /// for an alert because of it.
    pub(super) fn place_question(&self, party: Party, ours: Digits) -> Option<Vec<u8>> {
        let number = AddressString::international(self.number_of(party)?.digits());
        let ask = SendRoutingInfoForSm {
            gprs_support: true,
            imsi: Some(party.imsi),
            single_attempt: true,
            ..SendRoutingInfoForSm::new(number, true, AddressString::international(ours))
        };
        let mut room = [0; 128];
        let mut w = Prepend::new(&mut room);
        ask.write(&mut w, None);
        w.finish().map(<[u8]>::to_vec)
    }

    /// Whether the nodes of an answer to that are ours, if it can be read.
    pub(super) fn names_us(&self, operation: u64, result: &[u8]) -> Option<bool> {
        let party = self.r1.party(operation).filter(|_| self.r1.asks_for_place(operation))?;
        let ours = self.config.networks.get(usize::from(party.network))?.gateway_title;
        let info = SendRoutingInfoForSmResult::parse(result).ok()?;
        let others = [info.additional, info.third].into_iter().flatten().map(|node| match node {
            ServingNode::Msc(number) | ServingNode::Sgsn(number) => number,
        });
        Some(core::iter::once(info.network_node).chain(others).any(|number| number.digits == ours))
    }
}
