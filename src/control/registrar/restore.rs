//! After a start: from the rows of the store to the subscriber table, what HLRs are owed, and who is watched.
//!
//! Shards serve as they come. Until a shard is there, nobody of it is absent: who sends for him or registers him is asked to
//! come again. A binding lives for as long again as it was granted, counted from now, since a refresh may have been lost.

use super::JournalLimits;
use super::journal::{
    Apart, EndedRow, Journal, Networks, OwedRow, RowKey, SubscriberRow, Unreadable, WatchedRow, read_key,
};
use super::reg_event::Watched;
use super::{Party, Registrar};
use crate::base::{SipKey, Time};
use crate::control::config::{R1 as Form, UnreachablePolicy};
use crate::control::store::engine::{Failure, Meta};
use crate::control::store::{Kind, Row};
use crate::gateway::mailbox::ToWorker;
use crate::ident::{Imsi, Msisdn, Wildcard, WorkerId};
use crate::proto::map::subscription::Reset;
use crate::stack::UserError;
use crate::subscriber::{Loading, Record, Scratch};
use ahash::AHashMap;
use std::sync::Arc;

/// How far restoring has come.
pub(super) struct Restoring {
    /// What workers see of it.
    pub(super) loading: Arc<Loading>,
    /// What HLRs are owed about the subscribers of the shard that is being restored.
    owed: AHashMap<Party, bool>,
    /// HLRs that have restarted meanwhile.
    pub(super) resets: Vec<Reset>,
    /// When it began.
    since: Option<Time>,
    /// Whether there are wildcarded identities that workers are to be told of.
    has_wildcards: bool,
    is_unreadable: bool,
    /// Where subscribers are taken apart.
    scratch: Scratch,
}

impl Default for Restoring {
    /// There is nothing to restore.
    fn default() -> Self {
        Self {
            loading: Arc::new(Loading::nothing()),
            owed: AHashMap::new(),
            resets: vec![],
            since: None,
            has_wildcards: false,
            is_unreadable: false,
            scratch: Scratch::default(),
        }
    }
}

impl Registrar {
    /// The same with a store that was opened, whose rows are yet to come; `loading` is what workers see of that.
    #[must_use]
    pub fn with_store(mut self, meta: &Meta, limits: JournalLimits, loading: Arc<Loading>) -> Self {
        let names: Vec<String> = self.config.networks.iter().map(|network| network.name.clone()).collect();
        let networks = Networks::new(&names, &meta.networks);
        let journal = Journal::open(limits, meta.sequence);
        // Rows name bindings by hashes that a life before this one has made.
        self.names = SipKey::new(meta.secret).derive("bindings");
        let subscribers = self.config.capacity.subscribers as usize;
        if self.config.networks.iter().any(|network| network.r1 != Form::Preconfigured) {
            self.r1.make_room(subscribers);
        }
        Self {
            writer: self.writer.with_journal(journal, networks, subscribers),
            restoring: Restoring { loading, ..Restoring::default() },
            ..self
        }
    }

    /// Whether everything has been restored.
    #[must_use]
    pub fn is_restored(&self) -> bool {
        self.restoring.loading.is_done()
    }

    /// Whether it is known if a subscriber is registered. If not, that is counted, and who asks gets 503.
    pub(super) fn is_loaded(&mut self, imsi: Option<Imsi>) -> bool {
        let loading = &self.restoring.loading;
        let is_loaded = imsi.map_or_else(|| loading.is_done(), |imsi| loading.has(imsi));
        self.writer.journal.counts.not_loaded += u64::from(!is_loaded);
        is_loaded
    }

    /// An HLR's operation about somebody of whom that is not known yet: it tries again.
    pub(super) fn refuse_unloaded(&mut self, imsi: Imsi) -> Result<(), UserError<'static>> {
        if self.is_loaded(Some(imsi)) { Ok(()) } else { Err(UserError::system_failure()) }
    }

    /// Some rows have come.
    pub(super) fn restore(&mut self, now: Time, rows: &[Row]) {
        self.restoring.since.get_or_insert(now);
        let is_subscriber = |key: &[u8]| key.first() == Some(&(Kind::Subscriber as u8));
        // All rows that come together are of one shard.
        if let Some((key, _)) = rows.first()
            && let Some([_, shard]) = key.first_chunk()
        {
            self.r1.begin_shard(*shard);
        }
        // While the memory brings what one needs, others are asked for.
        for (_, value) in rows.iter().filter(|(key, _)| is_subscriber(key)) {
            self.writer.prefetch(SubscriberRow::image_in(value));
        }
        for (key, value) in rows {
            let restored = match is_subscriber(key) {
                true => self.restore_subscriber(now, key, value),
                false => self.restore_other(now, key, value),
            };
            if restored.is_err() {
                self.writer.journal.counts.rows_unreadable += 1;
                tracing::error!(octets = value.len(), "a row of the store can't be read: it is left out");
            }
        }
    }

    fn restore_subscriber(&mut self, now: Time, key: &[u8], value: &[u8]) -> Result<(), Unreadable> {
        let row = SubscriberRow::read(value)?;
        match self.restore_as_it_is(now, &row) {
            true => Ok(()),
            false => self.restore_apart(now, key, &row),
        }
    }

    /// What is no subscriber.
    fn restore_other(&mut self, now: Time, key: &[u8], value: &[u8]) -> Result<(), Unreadable> {
        match read_key(key, &self.writer.networks)? {
            // A network that is served no more; subscribers are dealt with elsewhere.
            None | Some(RowKey::Subscriber(_)) => {}
            Some(RowKey::Owed(party)) => self.restore_owed(party, OwedRow::read(value)?),
            Some(RowKey::Watched(watched)) => {
                let row = WatchedRow::read(value, watched, self.workers)?;
                self.restore_watched(now, watched, row);
            }
            Some(RowKey::Ended(whose)) => {
                self.writer.journal.counts.restored_ended += 1;
                self.ended.restore(now, whose, EndedRow::read(value)?.cseq);
            }
        }
        Ok(())
    }

    fn restore_owed(&mut self, party: Party, row: OwedRow) {
        self.writer.journal.counts.restored_owed += 1;
        self.settling.owed.insert(party, row.wanted);
        self.restoring.owed.insert(party, row.wanted);
    }

    /// A subscriber of whom nothing has changed goes into the table as he lay in it; false if there is more to do.
    fn restore_as_it_is(&mut self, now: Time, row: &SubscriberRow<'_>) -> bool {
        let image = &row.image;
        let Some(networks) = row.networks(&self.writer.networks) else { return false };
        let mut parties = [None; Record::BINDINGS];
        for (party, (network, is_stream)) in parties.iter_mut().zip(networks) {
            if is_stream && self.ends_streams(network) {
                return false;
            }
            *party = self.party(network, image.imsi());
        }
        // Wildcarded identities have a `!`, and may be new to the workers.
        if image.count() == 0 || image.has_ends() || image.may_have(b'!') {
            return false;
        }
        if self.writer.restore(row).is_none() {
            return false;
        }
        self.writer.journal.counts.restored += 1;
        let number = image.msisdn().filter(|_| row.is_number_told);
        for (at, party) in parties.iter().enumerate() {
            let Some(party) = party.filter(|_| !parties.iter().take(at).any(|before| before == party)) else {
                continue;
            };
            let mut its = parties.iter().zip(row.bindings()).filter(|(it, _)| **it == Some(party));
            self.restore_party(now, party, its.any(|(_, (seconds, _))| *seconds > 0), (number, row.told));
        }
        true
    }

    fn restore_party(&mut self, now: Time, party: Party, wanted: bool, said: (Option<Msisdn>, u64)) {
        let was_owed = self.restoring.owed.remove(&party).is_some();
        self.r1.restore(now, party, (wanted, was_owed), said);
    }

    /// The same where something has: a network, a stream, or who has his keys.
    fn restore_apart(&mut self, now: Time, key: &[u8], row: &SubscriberRow<'_>) -> Result<(), Unreadable> {
        let Some(name) = read_key(key, &self.writer.networks)? else { return Ok(()) };
        let mut apart = row.apart(now, &self.writer.networks, &mut self.restoring.scratch)?;
        self.writer.journal.counts.bindings_without_network += apart.left_out as u64;
        let parties = self.parties_of_record(&apart.record);
        let said = (apart.record.msisdn().filter(|_| row.is_number_told), row.told);
        let lost = self.leave_streams(&mut apart);
        if lost > 0 || apart.left_out > 0 {
            self.writer.journal.change(name);
        }
        let wildcards = apart.record.identities().filter(|it| it.as_bytes().contains(&b'!'));
        let wildcards: Vec<_> = wildcards.filter_map(Wildcard::new).collect();
        let is_there = apart.record.bindings().len() > 0;
        let restored = is_there.then(|| self.writer.restore_apart(apart));
        match restored {
            Some(Ok(_)) => self.writer.journal.counts.restored += 1,
            // Somebody who has registered since has one of his keys, or there is no room.
            Some(Err(refused)) => {
                self.writer.journal.counts.not_restored += 1;
                self.writer.journal.change(name);
                tracing::warn!(?refused, "a subscriber could not be restored");
            }
            None => {}
        }
        for party in parties {
            let wanted = self.is_registered(now, party);
            self.restore_party(now, party, wanted, said);
        }
        if let Some(Ok(_)) = restored {
            self.restore_wildcards(wildcards);
        }
        Ok(())
    }

    /// The HLRs that know that a subscriber is here.
    fn parties_of_record(&self, record: &Record) -> Vec<Party> {
        let mut parties: Vec<Party> = vec![];
        for binding in record.bindings() {
            let party = self.party(binding.network, record.imsi()).filter(|party| !parties.contains(party));
            parties.extend(party);
        }
        parties
    }

    /// G-5: streams ended with the life before this one. Whoever registered by one can't be reached by anything else, and is
    /// gone where such are. How many bindings that ends.
    fn leave_streams(&mut self, row: &mut Apart) -> usize {
        let all = row.record.bindings().zip(row.periods.iter().copied());
        let (bindings, periods): (Vec<_>, Vec<_>) = all
            .filter(|(binding, _)| binding.connection.is_none() || !self.ends_streams(binding.network))
            .unzip();
        let lost = row.record.bindings().len() - bindings.len();
        if lost > 0
            && let Some(record) = row.record.with_bindings(&bindings)
        {
            (row.record, row.periods) = (record, periods);
            self.counts.connection_lost += lost as u64;
        }
        lost
    }

    fn ends_streams(&self, network: u16) -> bool {
        let network = self.config.networks.get(usize::from(network));
        network
            .and_then(|network| network.direct.as_ref())
            .is_some_and(|direct| direct.unreachable == UnreachablePolicy::Deregister)
    }

    fn restore_wildcards(&mut self, wildcards: Vec<Wildcard>) {
        for wildcard in wildcards {
            if self.wildcards.contains(&wildcard) {
                continue;
            }
            if self.wildcards.len() >= super::bindings::WILDCARDS {
                self.counts.wildcards_full += 1;
                continue;
            }
            self.wildcards.push(wildcard);
            self.restoring.has_wildcards = true;
        }
    }

    fn restore_watched(&mut self, now: Time, watched: Watched, row: WatchedRow) {
        self.writer.journal.counts.restored_watched += 1;
        if !self.watch_again(now, watched, row.request, row.known) {
            self.writer.journal.change(RowKey::Watched(watched));
        }
    }

    /// All rows about a shard's subscribers have come.
    pub(super) fn shard_restored(&mut self, now: Time, shard: u8) {
        // Of whom an HLR may believe that he is here, and who is not.
        for (party, _) in core::mem::take(&mut self.restoring.owed) {
            let wanted = self.is_registered(now, party);
            self.r1.restore(now, party, (wanted, true), (None, 0));
        }
        self.restoring.loading.shard_done(shard);
        if core::mem::take(&mut self.restoring.has_wildcards) {
            let all: Arc<[Wildcard]> = self.wildcards.as_slice().into();
            self.out.extend((0..self.workers).map(|it| (WorkerId(it), ToWorker::Wildcards(all.clone()))));
        }
    }

    pub(super) fn shard_unreadable(&mut self, shard: u8, failure: &Failure) {
        self.writer.journal.counts.shards_unreadable += 1;
        self.restoring.is_unreadable = true;
        // What is owed about them stays in the store.
        self.restoring.owed.clear();
        tracing::error!(
            shard,
            why = failure.0,
            "a shard of the store can't be read: its subscribers are refused; restore the store, or remove it and let \
             everybody register again"
        );
    }

    /// Everything has come.
    pub(super) fn all_restored(&mut self, now: Time) {
        if !self.restoring.is_unreadable {
            self.restoring.loading.all_done();
        }
        for reset in core::mem::take(&mut self.restoring.resets) {
            self.reset(now, &reset);
        }
        let took = self.restoring.since.map(|since| now.since(since)).unwrap_or_default();
        let counts = &self.writer.journal.counts;
        tracing::info!(
            subscribers = counts.restored,
            owed = counts.restored_owed,
            watched = counts.restored_watched,
            not_restored = counts.not_restored,
            unreadable = counts.rows_unreadable,
            ?took,
            "registrations restored"
        );
        if !self.writer.is_empty() {
            self.begin_audit(now, false);
        }
    }
}
