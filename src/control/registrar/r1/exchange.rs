//! What can be said of the exchange with the HLR about one subscriber: what it was told and when, and what it has yet to be
//! told.

use super::{Entry, Known, MapOutcome, Party, R1};
use crate::base::Time;
use std::collections::VecDeque;

/// The newest of those of whom nothing has to be known any more, at most.
const FORGOTTEN: usize = 16_384;

/// How an operation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Said {
    /// It has not yet.
    Nothing,
    /// The HLR carried it out.
    Agreed,
    /// A user error, by its code.
    Error(u8),
    /// The dialogue was refused or aborted, or there was no way to the HLR.
    Aborted,
    /// No answer in time.
    Unanswered,
    /// It could not be sent.
    NotSent,
}

/// The last operation about a registration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct Told {
    /// Whether the HLR was told that we serve the subscriber, or that we no longer do.
    pub(in super::super) registered: bool,
    /// When.
    pub(in super::super) sent: Time,
    /// When it ended.
    pub(in super::super) ended: Time,
    /// How.
    pub(in super::super) said: Said,
}

impl Told {
    pub(super) const fn now(sent: Time, registered: bool) -> Self {
        Self { registered, sent, ended: Time::NEVER, said: Said::Nothing }
    }

    pub(super) fn end(&mut self, now: Time, outcome: &MapOutcome) {
        self.ended = now;
        self.said = match outcome {
            MapOutcome::Returned(_) => Said::Agreed,
            MapOutcome::Error(code) => Said::Error(*code),
            MapOutcome::Aborted => Said::Aborted,
            MapOutcome::TimedOut => Said::Unanswered,
            MapOutcome::NotSent => Said::NotSent,
        };
    }
}

/// The last operations about those of whom nothing has to be known any more.
#[derive(Default)]
pub(super) struct Forgotten(VecDeque<(Party, Told)>);

impl Forgotten {
    pub(super) fn add<W>(&mut self, party: Party, entry: &Entry<W>) {
        let Some(told) = entry.told else { return };
        if self.0.len() >= FORGOTTEN {
            self.0.pop_front();
        }
        self.0.push_back((party, told));
    }

    pub(super) fn last(&self, party: Party) -> Option<Told> {
        self.0.iter().rev().find(|(of, _)| *of == party).map(|(_, told)| *told)
    }
}

/// The exchange about one subscriber as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct Exchange {
    /// The last operation about its registration.
    pub(in super::super) told: Option<Told>,
    /// When the HLR said in a life before this one that it knows us to serve the subscriber, in seconds since 1970; 0: never, or
    /// something newer is known.
    pub(in super::super) told_before: u64,
    /// What the HLR has yet to be told: registered, or not; none: it knows.
    pub(in super::super) to_tell: Option<bool>,
    /// Operations that have failed in a row.
    pub(in super::super) failures: u32,
    /// REGISTERs, or others, that wait for the HLR.
    pub(in super::super) waiting: usize,
    /// What waits for its turn, since HLRs are asked at a pace.
    pub(in super::super) is_queued: bool,
    /// An operation under way ends at the latest then.
    pub(in super::super) underway: Option<Time>,
    /// Who waits need wait no longer then.
    pub(in super::super) answered_by: Option<Time>,
    /// The next try.
    pub(in super::super) retry: Option<Time>,
    /// What the HLR knows is made certain then, since an operation had got no answer.
    pub(in super::super) confirm: Option<Time>,
}

impl<W> R1<W> {
    /// What can be said about `party`; none if there is nothing, or it was too long ago.
    pub(in super::super) fn exchange(&self, now: Time, party: Party) -> Option<Exchange> {
        self.with(party, |entry| entry.exchange(now)).or_else(|| {
            let told = self.forgotten.last(party)?;
            Some(Exchange {
                told: Some(told),
                told_before: 0,
                to_tell: None,
                failures: 0,
                waiting: 0,
                is_queued: false,
                underway: None,
                answered_by: None,
                retry: None,
                confirm: None,
            })
        })
    }

    /// Whether the HLR is known to have registered `party` here.
    pub(in super::super) fn is_told(&self, party: Party) -> bool {
        self.with(party, |entry| entry.known == Known::Registered).unwrap_or(false)
    }
}

impl<W> Entry<W> {
    fn exchange(&self, now: Time) -> Exchange {
        let to_tell = (!self.agrees()).then_some(self.wanted);
        let is_idle = self.underway.is_none() && self.queued.is_none();
        Exchange {
            told: self.told,
            told_before: self.told_before,
            to_tell,
            failures: self.failures,
            waiting: self.waiting.len(),
            is_queued: self.queued.is_some(),
            underway: self.underway.as_ref().map(|underway| underway.until),
            answered_by: self.waiting.iter().map(|waiting| waiting.until).min(),
            retry: to_tell.filter(|_| is_idle && self.retry > now).map(|_| self.retry),
            confirm: self.confirm,
        }
    }
}
