//! What becomes durable, and who waits for that: answers to REGISTERs that change something, and operations for HLRs.
//!
//! A registration and a de-registration are answered 2xx when they are in the store. What a refresh changes is written behind
//! its answer, since what is restored lives for as long again as it was granted.

use super::journal::{Done, EndedRow, Journal, Name, OwedRow, RowKey, STATES, State, WatchedRow};
use super::kept::is_same_but_time;
use super::operator::Deregistered;
use super::reg_event::Watched;
use super::{Joining, Outbox, Party, Registrar};
use crate::base::Time;
use crate::base::publish::Show;
use crate::control::store::{Report, Write};
use crate::gateway::mailbox::{RegisterOutcome, RegisterRequest, Registrant, ToWorker};
use crate::ident::WorkerId;
use crate::subscriber::{Binding, Published};
use ahash::AHashMap;
use std::collections::VecDeque;
use std::time::Duration;

/// What an answer waits for.
pub(super) enum Awaited {
    /// These rows.
    Rows(Vec<RowKey>),
    /// All that was written until now: what a de-registration has ended is named by nothing any more.
    Everything,
}

/// What the call that is being carried out has brought about, until it is known what is durable of it.
#[derive(Default)]
pub(super) struct Settling {
    pub(super) answers: Vec<(Awaited, WorkerId, Box<RegisterOutcome>)>,
    pub(super) sends: Vec<(WorkerId, ToWorker)>,
    /// What operators are told of their de-registrations, and the mark up to which that has to be durable.
    pub(super) operators: VecDeque<(u64, u64, Deregistered)>,
    /// What HLRs are yet to be told, as the store has it or will.
    pub(super) owed: AHashMap<Party, bool>,
    /// Whether what refreshes have changed is to be written too.
    pub(super) is_behind_due: bool,
    /// Whether somebody had to be refused because the disk takes too long.
    is_slow: bool,
}

impl Registrar {
    /// What the store has to say.
    pub fn on_report(&mut self, now: Time, report: Report, out: &mut Outbox) {
        self.writer.now = now;
        match report {
            Report::Rows(rows) => self.restore(now, &rows),
            Report::Shard(shard) => self.shard_restored(now, shard),
            Report::Unreadable(shard, failure) => self.shard_unreadable(shard, &failure),
            Report::Loaded => self.all_restored(now),
            Report::Durable(sequence) => {
                let mut done = vec![];
                self.writer.journal.durable(sequence, &mut done);
                self.done(done);
                if core::mem::take(&mut self.settling.is_slow) {
                    tracing::info!(sequence, "the store of registrations writes again");
                }
            }
            // It says so once, and then ends.
            Report::Failed(_) if self.writer.journal.state() == State::Fenced => {}
            Report::Failed(failure) => {
                let mut done = vec![];
                let lost = self.writer.journal.fence(&mut done);
                tracing::error!(
                    why = failure.0,
                    answers = done.len(),
                    rows = lost.len(),
                    "the store of registrations has failed: nothing is written any more, new registrations and \
                     de-registrations are refused with 503, messages go on; see to the disk and start the gateway anew"
                );
                self.done(done);
                self.forbid_refreshes(&lost);
            }
        }
        self.finish(now, out);
    }

    /// What refreshes have changed is written now: the process ends.
    pub fn write_behind(&mut self, now: Time, out: &mut Outbox) {
        self.settling.is_behind_due = true;
        self.finish(now, out);
    }

    /// The next record for the store.
    pub fn poll_write(&mut self) -> Option<Write> {
        self.writer.journal.poll_write()
    }

    /// Records that are not durable yet.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.writer.journal.unacknowledged()
    }

    /// Makes records of what the call has changed, and lets go what waits for nothing.
    pub(super) fn settle(&mut self, now: Time) {
        self.note_changes();
        let is_behind_due = core::mem::take(&mut self.settling.is_behind_due);
        let Self { writer, r1, holding, settling, calendar, ended, .. } = self;
        let told = |record: Published<'_>| {
            let first = record.binding(0).map(|binding| binding.network);
            let party = first.zip(record.imsi()).map(|(network, imsi)| Party { network, imsi });
            let Some(party) = party else { return (0, false) };
            let number = r1.msisdn(party);
            let at = match (r1.told(party), *calendar) {
                ((Some(at), _), Some((then, since_1970))) => {
                    // Either may be the earlier.
                    (since_1970 + at.since(then).as_secs()).saturating_sub(then.since(at).as_secs())
                }
                ((_, before), _) => before,
            };
            (at, number.is_some() && number == record.msisdn())
        };
        let other = |row: &RowKey, sequence: u64| match row {
            RowKey::Owed(party) => {
                settling.owed.get(party).map(|wanted| OwedRow { wanted: *wanted }.write(sequence))
            }
            RowKey::Watched(watched) => {
                holding.get(*watched).map(|(request, known)| WatchedRow::write(sequence, request, known))
            }
            RowKey::Ended(whose) => ended.get(whose).map(|cseq| EndedRow { cseq }.write(sequence)),
            RowKey::Subscriber(_) => None,
        };
        writer.flush(now, is_behind_due, told, other);
        let mark = self.writer.journal.mark();
        let ended = self.deregistered.drain(..).map(|(number, ended)| (mark, number, ended));
        self.settling.operators.extend(ended);
        let (mut done, mut refused) = (vec![], vec![]);
        for (awaited, worker, outcome) in core::mem::take(&mut self.settling.answers) {
            let rows = match &awaited {
                Awaited::Rows(rows) => Some(&rows[..]),
                Awaited::Everything => None,
            };
            let answer = self.writer.journal.answer(now, rows, worker, outcome);
            if matches!(answer, Some(Done::Refuse(..))) {
                refused.extend(rows.unwrap_or_default().iter().copied());
            }
            done.extend(answer);
        }
        self.done(done);
        self.forbid_refreshes(&refused);
        for (worker, operation) in self.settling.sends.drain(..) {
            self.writer.journal.send(worker, operation);
        }
        while let Some(send) = self.writer.journal.poll_send() {
            self.out.push(send);
        }
    }

    /// The rows that the call has changed and that are not the table's.
    fn note_changes(&mut self) {
        if !self.is_kept() {
            self.r1.changed.clear();
            self.ended.changed.clear();
            self.ended.forgotten.clear();
            return self.holding.changed.clear();
        }
        for party in core::mem::take(&mut self.r1.changed) {
            let owed = self.r1.owed(party);
            let before = self.settling.owed.get(&party).copied();
            if owed == before {
                continue;
            }
            if let Some(wanted) = owed {
                self.settling.owed.insert(party, wanted);
            } else {
                self.settling.owed.remove(&party);
            }
            self.writer.journal.change(RowKey::Owed(party));
            if owed.is_none() {
                // His row says when the HLR was told.
                self.writer.changed_behind(party.imsi);
            }
        }
        for watched in core::mem::take(&mut self.holding.changed) {
            self.writer.journal.change(RowKey::Watched(watched));
        }
        for whose in core::mem::take(&mut self.ended.changed) {
            self.writer.journal.change(RowKey::Ended(whose));
        }
        for whose in core::mem::take(&mut self.ended.forgotten) {
            self.writer.journal.change_behind(RowKey::Ended(whose));
        }
    }

    fn done(&mut self, done: Vec<Done>) {
        for done in done {
            let (worker, outcome) = match done {
                Done::Answer(worker, outcome) => (worker, outcome),
                Done::Refuse(worker, outcome) => (worker, Box::new(unavailable(outcome.reply_to))),
            };
            self.out.push((worker, ToWorker::RegisterDone(outcome)));
        }
    }

    /// Who has waited for the disk for too long gets 503.
    pub(super) fn settle_late(&mut self, now: Time) {
        let mut done = vec![];
        let unsettled = self.writer.journal.handle_timeout(now, &mut done);
        if !done.is_empty() && !core::mem::replace(&mut self.settling.is_slow, true) {
            let (waiting, age) = (self.writer.journal.unacknowledged(), self.writer.journal.age(now));
            tracing::warn!(waiting, ?age, "the disk takes too long: registrations are refused with 503");
        }
        self.done(done);
        self.forbid_refreshes(&unsettled);
    }

    /// Workers answer what merely refreshes a binding. One that may not outlive the process is not to be refreshed like that:
    /// its next REGISTER comes here.
    fn forbid_refreshes(&mut self, rows: &[RowKey]) {
        for row in rows {
            let RowKey::Subscriber(name) = row else { continue };
            let Some(subscriber) = self.writer.named(name) else { continue };
            let (id, record) = (subscriber.id(), subscriber.record());
            if record.bindings().all(|binding| binding.fingerprint == 0) {
                continue;
            }
            let bindings: Vec<_> = record.bindings().map(|it| Binding { fingerprint: 0, ..it }).collect();
            if let Some(record) = record.with_bindings(&bindings) {
                // Where there is no room, the binding was published more than a wait ago: a REGISTER of its own follows.
                let _ = self.writer.amend(id, &record, &[]);
            }
        }
    }

    /// Whether anything is durable, so that somebody may have to wait for that.
    pub(super) fn is_kept(&self) -> bool {
        self.writer.journal.state() != State::Off
    }

    /// What the 200 to a REGISTER waits for.
    pub(super) fn awaited_by(&self, request: &RegisterRequest) -> Awaited {
        let asks =
            matches!(&request.registrant, Registrant::Ue(ue) if !ue.wildcard && request.contact.is_none());
        if request.expires_s == 0 && !asks {
            return Awaited::Everything;
        }
        let subscriber = self.writer.by_identity(request.public_identity.as_bytes()).filter(|_| !asks);
        let name = subscriber.and_then(|subscriber| Name::of(subscriber.record()));
        let watched = match &request.registrant {
            Registrant::Scscf { network, .. } => {
                Some(Watched { network: *network, identity: request.public_identity })
            }
            Registrant::Ue(_) => None,
        };
        let rows = name.map(RowKey::Subscriber).into_iter().chain(watched.map(RowKey::Watched));
        Awaited::Rows(rows.collect())
    }

    /// Whether a de-registration is refused, because it could not be kept.
    pub(super) fn refuses_to_end(&mut self, now: Time) -> bool {
        let refuses = self.writer.journal.refuses(now);
        self.writer.journal.counts.refused += u64::from(refuses);
        refuses
    }

    /// Whether a registration is refused, because it could not be kept. A refresh never is.
    pub(super) fn is_refused_by_journal(&mut self, now: Time, joining: &Joining) -> bool {
        let refuses = self.writer.journal.refuses(now) && !self.is_refresh(now, joining);
        self.writer.journal.counts.refused += u64::from(refuses);
        refuses
    }

    fn is_refresh(&self, now: Time, joining: &Joining) -> bool {
        let Some(served) = self.config.networks.get(usize::from(joining.network)) else { return false };
        let mut known = joining.known;
        let party = self.party(joining.network, known.imsi);
        known.msisdn = party.and_then(|party| self.r1.msisdn(party)).or(known.msisdn);
        let ends = now + Duration::from_secs(joining.expires_s.into());
        let binding = self.binding(served, joining);
        let Some((record, ..)) = self.record(known, &joining.request, binding, ends) else { return false };
        let present = self.present(known, &joining.request.public_identity);
        present.is_some_and(|present| is_same_but_time(&present.record().to_record(), &record))
    }

    pub(super) fn show_journal(&self, to: &mut dyn Show) {
        let journal: &Journal = &self.writer.journal;
        to.counts("journal", "", &journal.counts);
        let about = (
            "journal",
            "",
            "state",
            "Whether registrations are kept in a store, and whether that still writes.",
        );
        to.state(about, journal.state() as usize, &STATES);
        let about = ("journal", "", "unacknowledged", "Records that are not durable yet.");
        to.level(about, journal.unacknowledged() as u64, self.config.store.unacknowledged.into());
        let about = ("journal", "", "owed", "Subscribers of whom an HLR is yet to be told something.");
        to.level(about, self.settling.owed.len() as u64, 0);
    }
}

/// What somebody is told who waited in vain.
fn unavailable(reply_to: crate::stack::Deferred) -> RegisterOutcome {
    RegisterOutcome {
        reply_to,
        status: 503,
        contacts: vec![],
        flow: None,
        challenges: vec![],
        associated: vec![],
        retry_after: None,
        date: None,
    }
}
