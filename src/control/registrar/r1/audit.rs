//! What the audit asks of one subscriber's exchange: that the HLR is asked whom it has in our place, or told again what it should
//! know; and what comes of that. It takes its turn like everything else, one operation at a time.

use super::{Entry, Event, Known, MapOutcome, Party, R1, Request, is_final};
use crate::base::Time;

/// absentSubscriberSM (TS 29.002 17.6.6): the HLR knows the subscriber, and names nobody for him.
pub(super) const ABSENT_SUBSCRIBER: u8 = 6;

/// How an audit finds out what the HLR believes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Check {
    /// Somebody registered here: the HLR is asked whom it has in our place.
    Ask,
    /// Somebody registered here: the HLR is told so again.
    Assert,
    /// The HLR had nobody in our place, or somebody else: it is being told.
    Repair,
    /// Somebody who is not here: the HLR is asked whether it has us in his place.
    AskOfStranger,
    /// Somebody who is not here, and whom the HLR believes to be: it is being told.
    Disown,
}

impl Check {
    /// What has to be asked for it where what is wanted and what is known agree.
    pub(super) const fn request(self) -> Option<Request> {
        match self {
            Self::Ask | Self::AskOfStranger => Some(Request::Place),
            Self::Assert => Some(Request::Register),
            Self::Repair | Self::Disown => None,
        }
    }

    /// Whether it is about somebody who is registered here.
    const fn is_of_registered(self) -> bool {
        matches!(self, Self::Ask | Self::Assert | Self::Repair)
    }
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Finding {
    /// The HLR has us in our place; or not, in a stranger's.
    Agreed,
    /// It was told again, and nobody knows what it believed before.
    Asserted,
    /// It had others in our place, or nobody, and is being told; another finding follows.
    Missing,
    /// It was told that the subscriber is here.
    Registered,
    /// It was told that the subscriber is not here.
    Deregistered,
    /// It refuses, which says what it knows.
    Refused,
    /// Something newer is wanted, and the exchange goes on with that.
    Superseded,
    /// It gave no answer: to be tried again.
    Failed,
    /// It gave no answer to what it is told, which goes on; another finding follows.
    Late,
}

/// Whether something could begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Begun {
    /// It has; a [`Finding`] comes.
    Underway,
    /// Nothing has to: the exchange will make certain what the HLR knows, or nothing is to be known.
    Left,
    /// Something else is under way: to be tried again.
    Busy,
}

impl<W> R1<W> {
    /// Whether nothing waits for its turn: an audit takes what others leave.
    pub(in super::super) fn is_idle(&self) -> bool {
        self.waiting() == 0
    }

    /// Whether the HLR has said in this life that it knows us to serve `party`.
    pub(in super::super) fn is_heard(&self, party: Party) -> bool {
        self.with(party, |entry| entry.registered.is_some()).unwrap_or(false)
    }

    /// Finds out whether the HLR knows us to serve `party`, as it should.
    pub(in super::super) fn audit(&mut self, now: Time, party: Party, how: Check) -> Begun {
        self.wake(party);
        let Some(entry) = self.entries.get_mut(&party) else { return Begun::Left };
        if !entry.wanted || !entry.agrees() || entry.confirm.is_some() || entry.audit.is_some() {
            return Begun::Left;
        }
        let is_busy = entry.underway.is_some() || entry.queued.is_some() || entry.vector.is_some();
        if is_busy || entry.retry > now {
            self.rest(party);
            return Begun::Busy;
        }
        entry.audit = Some(how);
        self.advance(now, party);
        Begun::Underway
    }

    /// Something has come for somebody who is not here: the HLR, which believes that he is, is told; with `ask` it is
    /// asked first.
    pub(in super::super) fn disown(&mut self, now: Time, party: Party, ask: bool) -> Begun {
        if self.is_known(party) {
            return Begun::Left;
        }
        let entry = match ask {
            true => Entry { audit: Some(Check::AskOfStranger), ..Entry::new(Known::Deregistered) },
            false => Entry { audit: Some(Check::Disown), ..Entry::new(Known::Unknown) },
        };
        self.entries.insert(party, entry);
        self.advance(now, party);
        Begun::Underway
    }

    /// When an HLR was last told that somebody of whom nothing has to be known is not here, or refused him: who asked it
    /// before that may send for him yet.
    pub(in super::super) fn has_left(&self, now: Time, party: Party) -> bool {
        let told = self.forgotten.last(party);
        told.is_some_and(|told| now.since(told.ended) < self.times.repair)
    }

    /// The result of an operation that asked for a place names us, or others; it ends next.
    pub(in super::super) fn heard(&mut self, operation: u64, names_us: bool) {
        let party = self.underway.get(&operation);
        let entry = party.and_then(|party| self.entries.get_mut(party));
        if let Some(underway) = entry.and_then(|entry| entry.underway.as_mut()) {
            underway.names_us = Some(names_us);
        }
    }

    /// What an operation under way asks for.
    pub(in super::super) fn asks_for_place(&self, operation: u64) -> bool {
        let entry = self.underway.get(&operation).and_then(|party| self.entries.get(party));
        let underway = entry.and_then(|entry| entry.underway.as_ref());
        underway.is_some_and(|underway| underway.request == Request::Place)
    }

    /// What an audit was to find out about somebody who is wanted by then, or no more, is of no interest.
    pub(super) fn supersede(&mut self, party: Party) {
        let Some(entry) = self.entries.get_mut(&party) else { return };
        let wanted = entry.wanted;
        if entry.audit.take_if(|check| check.is_of_registered() != wanted).is_some() {
            self.events.push_back(Event::Audited(party, Finding::Superseded));
        }
    }

    /// The HLR has said whom it has in somebody's place, or has not.
    pub(super) fn placed(
        &mut self,
        party: Party,
        doubtful: bool,
        names_us: Option<bool>,
        outcome: &MapOutcome,
    ) {
        self.supersede(party);
        let Some(entry) = self.entries.get_mut(&party) else { return };
        let Some(check) = entry.audit.take() else { return };
        let names_us = match outcome {
            MapOutcome::Returned(_) => names_us,
            MapOutcome::Error(ABSENT_SUBSCRIBER) => Some(false),
            _ => None,
        };
        let finding = match (check, names_us, outcome) {
            // What the HLR has said since is what counts.
            _ if doubtful || !entry.agrees() => Finding::Superseded,
            (Check::AskOfStranger, Some(true), _) => {
                entry.audit = Some(Check::Disown);
                entry.known = Known::Unknown;
                return;
            }
            (_, Some(true), _) | (Check::AskOfStranger, Some(false), _) => Finding::Agreed,
            (_, Some(false), _) => {
                entry.audit = Some(Check::Repair);
                entry.known = Known::Deregistered;
                Finding::Missing
            }
            (Check::AskOfStranger, None, MapOutcome::Error(code)) if does_not_tell(*code) => Finding::Refused,
            // It does not tell: it can be told.
            (_, None, MapOutcome::Error(code)) if does_not_tell(*code) => {
                entry.audit = Some(Check::Assert);
                return;
            }
            (_, None, _) => Finding::Failed,
        };
        self.events.push_back(Event::Audited(party, finding));
    }

    /// The HLR has been told what it should know, or has not.
    pub(super) fn audited(&mut self, party: Party, doubtful: bool, outcome: &MapOutcome) {
        let Some(entry) = self.entries.get_mut(&party) else { return };
        let Some(check) = entry.audit.filter(|check| check.request() != Some(Request::Place)) else { return };
        let finding = match outcome {
            // It is told once more.
            MapOutcome::Returned(_) if doubtful => return,
            MapOutcome::Returned(_) => match check {
                Check::Repair => Finding::Registered,
                Check::Disown => Finding::Deregistered,
                _ => Finding::Asserted,
            },
            MapOutcome::Error(code) if is_final(*code) => Finding::Refused,
            _ if check == Check::Assert && entry.agrees() => Finding::Failed,
            _ => Finding::Late,
        };
        if finding != Finding::Late {
            entry.audit = None;
        }
        self.events.push_back(Event::Audited(party, finding));
    }
}

/// Whether an error to sendRoutingInfoForSM says that no other answer will come to that question: all but a system failure and
/// resource limitation.
const fn does_not_tell(code: u8) -> bool {
    !matches!(code, 34 | 51)
}
