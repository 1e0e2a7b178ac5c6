//! The slow path of registration (8.1, 8.2, 8.7, 8.8): from a REGISTER to a record of the subscriber table, with the
//! exchange over R1 in between.
//!
//! One function for each thing that arrives, in step order. It knows no clock and no thread: messages go in, messages
//! for workers come out, so that a simulation runs the same code.

mod audit;
mod bindings;
mod direct;
mod ended;
mod history;
mod hlr;
mod identities;
mod join;
mod journal;
mod kept;
mod leave;
pub mod operator;
mod r1;
mod reg_event;
mod reginfo;
mod restore;
mod service_info;
mod settle;
#[cfg(test)]
mod tests;
mod trigger;

use super::authentication::Authenticator;
use super::config::{Config, R1 as Form, R1Order, UnreachablePolicy};
use super::subscribers::{Known, Subscribers};
use crate::base::publish::{Show, Shown};
use crate::base::{ConnectionId, Consumer, SipKey, Time, counts};
use crate::gateway::endings::Ending;
use crate::gateway::mailbox::{Inform, RegisterRequest, Registrant, ToControl, ToWorker, Version};
use crate::ident::{Imsi, Wildcard, WorkerId};
use crate::subscriber::{Binding, SubscriberId, Writer};
use ahash::AHashMap;
pub use audit::{AuditCounts, AuditState};
use ended::Ended;
use join::Joining;
pub use journal::{JournalCounts, Limits as JournalLimits};
use kept::Kept;
use leave::Leaving;
pub use r1::R1Counts;
use r1::{Booking, Event, Lack, Party, R1, Settled, Times};
use reg_event::RegEvent;
pub use reg_event::RegEventCounts;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

counts! {
    /// What became of registrations on the slow path; refreshes that change nothing stay on the workers.
    pub struct RegistrarCounts {
        /// Registrations accepted, first ones and changed ones.
        registered,
        /// De-registrations that removed a binding.
        deregistered,
        /// De-registrations of one identity of several that registered apart: the others' binding stays.
        deregistered_identity,
        /// Sets of identities that registered apart from others, whose time had passed: the others' binding stays.
        expired_identities,
        /// Bindings removed because a NOTIFY showed that the last contact had gone.
        deregistered_by_notify,
        /// Third-party REGISTERs answered before a NOTIFY shows a contact that takes short messages.
        held,
        /// De-registrations of somebody who was not registered.
        deregistered_unknown,
        /// Bindings removed because their time had passed: by the guard timer of 8.2.2 where UEs register themselves.
        expired,
        /// Bindings removed because the UE could not be reached.
        unreachable,
        /// Bindings whose stream was lost.
        connection_lost,
        /// Bindings removed because the HLR said so: cancelLocation, or short messages no longer subscribed to.
        cancelled,
        /// Bindings that operators have ended.
        ended_by_operator,
        /// Bindings removed because the HLR refused the registration after it had been answered.
        refused_late,
        /// Registrations accepted without an IMSI: no message can be sent to the subscriber.
        without_imsi,
        /// Registrations accepted without an MSISDN: the subscriber sends under no number of its own.
        without_msisdn,
        /// Identities beyond those that are kept of one subscriber: nobody is known by them.
        identities_cut,
        /// Wildcarded identities for which there is no room.
        wildcards_full,
        /// Registrations accepted with a number or identity that another subscriber had until then.
        taken_over,
        /// Registrations refused because neither IMSI nor MSISDN could be found.
        refused_unknown,
        /// Registrations refused because a key belongs to a subscriber of another network.
        refused_network,
        /// Registrations refused because there is no room.
        refused_full,
        /// Registrations refused because the HLR refused them.
        refused_hlr,
        /// Registrations and de-registrations refused because a newer one has come before them.
        refused_stale,
        /// Registrations of UEs refused: no served network has their realm, or they give no IMSI.
        refused_realm,
        /// Registrations of UEs refused: the identity in To is not theirs.
        refused_identity,
        /// Registrations of UEs refused because the HLR gave no authentication vector.
        refused_vector,
        /// Registrations refused because another is under way for the same subscriber, or too many challenges were asked for.
        refused_busy,
        /// Bodies in which no MSISDN could be found.
        service_info_without_msisdn,
        /// Operations of HLRs that were carried out.
        invoked,
        /// Operations of HLRs refused: not understood, or about somebody unknown.
        invoked_refused,
    }
}

/// Messages for workers.
pub type Outbox = Vec<(WorkerId, ToWorker)>;

/// Registers, de-registers and sweeps; the one user of the table's writing end.
pub struct Registrar {
    config: Arc<Config>,
    subscribers: Subscribers,
    writer: Kept,
    authenticator: Authenticator,
    r1: R1<Waiter>,
    reg_event: RegEvent,
    /// Whom S-CSCFs have registered and whose registration state is watched.
    holding: trigger::Holding,
    /// Wildcarded identities that workers know.
    wildcards: Vec<Wildcard>,
    /// Hashes that name bindings.
    names: SipKey,
    workers: u8,
    /// The calendar's time, in seconds since 1970, at a moment of ours.
    calendar: Option<(Time, u64)>,
    next_sweep: Time,
    /// De-registrations of late: what is older comes too late.
    ended: Ended,
    /// For each place of each stream thread, the last connection there that somebody registered by and that is gone.
    lost: AHashMap<(u8, u32), u32>,
    out: Outbox,
    /// What is durable, and who waits for that.
    settling: settle::Settling,
    /// Who has been restored after the start.
    restoring: restore::Restoring,
    /// What is compared with what HLRs know.
    audit: audit::Audit,
    /// The last messages of subscribers, for operators.
    history: history::History,
    /// What has become of de-registrations that operators asked for.
    deregistered: VecDeque<(u64, operator::Deregistered)>,
    /// What happened so far.
    pub counts: RegistrarCounts,
}

/// Who waits for the HLR.
#[derive(Debug)]
enum Waiter {
    /// A registration: 8.1 step 5, 8.7 step 6.
    Join(Box<Joining>),
    /// A de-registration: 8.2.1 step 4, 8.8 step 6.
    Leave(Box<Leaving>),
    /// A UE that is to be told: 8.2.2 step 3.
    Inform(Box<Inform>),
    /// A REGISTER that is to be challenged.
    Challenge(Box<direct::Unproved>),
    /// An operator who de-registers somebody: the number of the question, and of the bindings that have ended.
    Operator(u64, usize),
}

/// How much longer than its invoke timer an operation may take until we are told of its end.
const MARGIN: Duration = Duration::from_secs(10);
/// How often expired bindings are looked for.
const SWEEP: Duration = Duration::from_secs(1);

impl Shown for Registrar {
    fn show(&self, to: &mut dyn Show) {
        to.counts("registration", "", &self.counts);
        to.counts("r1", "", &self.r1.counts);
        to.counts("reg_event", "", &self.reg_event.counts);
        to.counts("authentication", "", &self.authenticator.counts);
        to.counts("subscriber", "", &self.writer.counts);
        let about = ("subscriber", "", "subscribers", "Subscribers in the table.");
        to.level(about, self.writer.len() as u64, self.config.capacity.subscribers.into());
        let about = ("subscriber", "", "unreclaimed", "Old records that wait for readers.");
        to.level(about, self.writer.unreclaimed() as u64, 0);
        self.show_journal(to);
        self.audit.show(to);
        let (details, most) = self.writer.details();
        let about = ("subscriber", "", "details", "Pieces of memory for bindings and identities in use.");
        to.level(about, details as u64, most as u64);
        let about = ("r1", "", "differing", "Subscribers of whom HLR and table differ, or may.");
        to.level(about, self.r1.differing() as u64, 0);
        let about =
            ("r1", "", "waiting", "Operations that wait for their turn, or for an HLR to answer others.");
        to.level(about, self.r1.waiting() as u64, 0);
        let (watched, without) = self.reg_event.watched();
        let about = ("reg_event", "", "watched", "Public identities whose registration state is watched.");
        to.level(about, watched as u64, self.config.capacity.subscribers.into());
        let about =
            ("reg_event", "", "unsubscribed", "Of these, how many have no subscription at the moment.");
        to.level(about, without as u64, 0);
    }
}

impl Registrar {
    /// A registrar for the networks of `config`, whose messages go to `workers` workers. All its random-looking numbers
    /// follow from `key`.
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        subscribers: Subscribers,
        writer: Writer,
        authenticator: Authenticator,
        workers: u8,
        key: &SipKey,
    ) -> Self {
        let timers = &config.timers;
        let times = Times {
            answer: timers.r1_answer,
            repair: timers.r1_repair,
            lost: timers.map_registration + MARGIN,
            per_second: timers.r1_per_second,
            outstanding: timers.r1_outstanding as usize,
        };
        Self {
            r1: R1::new(times, key.derive("come again").hash_u64(0)),
            reg_event: RegEvent::new(trigger::limits(&config)),
            holding: trigger::Holding::default(),
            wildcards: vec![],
            names: key.derive("bindings"),
            config,
            subscribers,
            writer: Kept::new(writer),
            authenticator,
            workers,
            calendar: None,
            next_sweep: Time::ZERO,
            ended: Ended::default(),
            lost: AHashMap::new(),
            out: vec![],
            settling: settle::Settling::default(),
            restoring: restore::Restoring::default(),
            audit: audit::Audit::default(),
            history: history::History::default(),
            deregistered: VecDeque::new(),
            counts: RegistrarCounts::default(),
        }
    }

    /// The same with the rings by which workers tell the ends of messages.
    #[must_use]
    pub fn with_endings(self, rings: Vec<Consumer<Ending>>) -> Self {
        Self { history: history::History::new(rings), ..self }
    }

    /// From now on answers carry the date: `now` is `since_1970` seconds after the beginning of 1970.
    pub fn set_calendar(&mut self, now: Time, since_1970: u64) {
        self.calendar = Some((now, since_1970));
    }

    /// The subscriber table.
    #[must_use]
    pub fn table(&self) -> &crate::subscriber::Table {
        &self.writer
    }

    /// How many subscribers the table has, and its digest ([`Writer::digest`]): the same as long as nobody's registration
    /// comes, changes or goes.
    #[must_use]
    pub fn summary(&self) -> (usize, u64) {
        (self.writer.len(), self.writer.digest())
    }

    /// Subscribers of whom HLR and table differ, or may.
    #[must_use]
    pub fn differing(&self) -> usize {
        self.r1.differing()
    }

    /// Checks what must hold between any two calls. A walk over the whole table: for tests and simulation.
    ///
    /// # Panics
    /// If it does not.
    pub fn assert_invariants(&self) {
        self.writer.assert_invariants();
        self.r1.assert_invariants();
        self.reg_event.assert_invariants();
        self.writer.journal.assert_invariants();
    }

    /// Something that a worker says. What it brings about for workers is appended to `out`.
    pub fn handle(&mut self, now: Time, message: ToControl, out: &mut Outbox) {
        self.writer.now = now;
        match message {
            ToControl::Refreshed(subscriber) => self.writer.refreshed(subscriber),
            ToControl::Register(request) => self.on_register(now, *request),
            ToControl::Ended { operation, outcome } => self.on_ended(now, operation, outcome),
            ToControl::Invoked(invoked) => self.on_invoked(now, &invoked),
            ToControl::Unreachable { subscriber, binding } => self.on_unreachable(now, subscriber, binding),
            ToControl::Unmatched(unmatched) => super::reports::tell(&self.config, &unmatched),
            ToControl::MessageEnded(end) => super::reports::tell_end(&self.config, &end),
            ToControl::Subscribed { subscription, answer } => {
                self.reg_event.answered(now, subscription, &answer);
            }
            ToControl::Notified(notified) => self.on_notified(now, &notified),
            ToControl::Screened(screened) => super::screening::tell(&self.config, &screened),
        }
        self.finish(now, out);
    }

    /// Deadlines have passed: HLRs that take too long, tries that are due, bindings that have ended.
    pub fn handle_timeout(&mut self, now: Time, out: &mut Outbox) {
        self.writer.now = now;
        self.r1.handle_timeout(now);
        self.reg_event.handle_timeout(now);
        if now >= self.next_sweep {
            self.next_sweep = now + SWEEP;
            self.sweep(now);
            self.ended.forget(now);
            self.settling.is_behind_due = true;
        }
        self.audit_step(now);
        self.settle_late(now);
        self.finish(now, out);
    }

    /// The earliest deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Time {
        let exchanges = self.r1.poll_timeout().min(self.reg_event.poll_timeout());
        let audit = self.audit.due.unwrap_or(Time::NEVER);
        exchanges.min(self.writer.journal.poll_timeout()).min(self.next_sweep).min(audit)
    }

    /// Works off what the exchange with the HLRs has brought about.
    fn finish(&mut self, now: Time, out: &mut Outbox) {
        while let Some(event) = self.reg_event.poll_event() {
            self.on_presence(now, event);
        }
        while let Some(event) = self.r1.poll_event() {
            self.on_r1(now, event);
        }
        while let Some(send) = self.r1.poll_send() {
            self.send(now, send);
        }
        // An operation that can't be sent has ended.
        while let Some(event) = self.r1.poll_event() {
            self.on_r1(now, event);
        }
        while let Some((worker, subscribe)) = self.reg_event.poll_send() {
            self.out.push((worker, ToWorker::Subscribe(Box::new(subscribe))));
        }
        self.settle(now);
        out.append(&mut self.out);
    }

    fn on_register(&mut self, now: Time, request: RegisterRequest) {
        match &request.registrant {
            Registrant::Scscf { network, .. } => {
                let network = *network;
                self.on_third_party(now, network, request);
            }
            Registrant::Ue(_) => self.on_ue(now, request),
        }
    }

    /// 8.7 step 4 and 8.8 step 4: the S-CSCF informs us.
    fn on_third_party(&mut self, now: Time, network: u16, request: RegisterRequest) {
        let config = self.config.clone();
        let Some(served) = config.networks.get(usize::from(network)) else {
            return self.answer(now, &request, 403, &[]);
        };
        let known = self.find(served, &request);
        let known = self.complete(known, network, &request);
        if !self.is_loaded(known.imsi) {
            return self.answer(now, &request, 503, &[]);
        }
        if request.expires_s == 0 {
            return self.on_deregister(now, request, network, known.imsi);
        }
        if known.imsi.is_none() && known.msisdn.is_none() {
            self.counts.refused_unknown += 1;
            let (identity, network) = (request.public_identity, &served.name);
            tracing::warn!(?identity, network, "registration refused: neither IMSI nor MSISDN is known");
            return self.answer(now, &request, 403, &[]);
        }
        if let Some(seconds) = self.is_too_many(now, network, known.imsi, true) {
            return self.answer_later(&request, seconds);
        }
        match self.waits_for_notify(network) {
            true => self.hold(now, request, network, known),
            false => self.join(now, request, network, known),
        }
    }

    /// 8.2.2 step 1: the guard timer of a binding has expired, or its UE is gone: de-registration goes to the HLR, then the
    /// mapping is deleted. Step 4, if it has to be, follows the HLR's answer.
    fn end(&mut self, now: Time, id: SubscriberId, at: usize, event: Option<&str>) {
        let Some(subscriber) = self.writer.get(id) else { return };
        let Some(binding) = subscriber.record().binding(at) else { return };
        let inform = event.and_then(|event| direct::inform(subscriber.record(), &binding, event));
        let party = self.last_of(now, id, &[binding.registration]);
        let inform = inform.map(|inform| Waiter::Inform(Box::new(inform)));
        let waits = match party {
            Some(party) => self.r1.wish(now, party, false, inform),
            None => inform,
        };
        self.remove(id, at);
        if let Some(Waiter::Inform(inform)) = waits {
            self.inform(*inform);
        }
    }

    /// 8.2.2 step 4: the UE is told.
    fn inform(&mut self, inform: Inform) {
        let worker = self.worker(u64::from(inform.remote.port()));
        self.out.push((worker, ToWorker::Inform(Box::new(inform))));
    }

    /// Bindings whose time has passed.
    fn sweep(&mut self, now: Time) {
        let mut ended = vec![];
        self.writer.expired(now, &mut |id| ended.push(id));
        for id in ended {
            self.sweep_sets(now, id);
            let Some(subscriber) = self.writer.get(id) else { continue };
            let claimed: Vec<usize> = (0..subscriber.record().bindings().len())
                .filter(|&at| {
                    let expiry = subscriber.expiry(at);
                    // A worker may extend it at this moment: then it stays.
                    expiry <= now && subscriber.extend(at, expiry, Time::ZERO)
                })
                .collect();
            let (imsi, msisdn) = (subscriber.record().imsi(), subscriber.record().msisdn());
            for &at in claimed.iter().rev() {
                self.end(now, id, at, Some("expired"));
                self.counts.expired += 1;
                tracing::info!(?imsi, ?msisdn, "registration expired");
            }
        }
        self.sweep_held(now);
        self.take_history(now);
        self.writer.reclaim();
    }

    /// G-5: a stream is lost; whoever registered by it can't be reached by anything else (RFC 5626 4.3).
    pub fn on_connection_lost(
        &mut self,
        now: Time,
        source: SocketAddr,
        connection: ConnectionId,
        out: &mut Outbox,
    ) {
        self.writer.now = now;
        // They are lost in the order in which the place was used.
        self.lost.insert((connection.thread, connection.slot), connection.generation);
        self.without_connection(now, source, connection);
        self.finish(now, out);
    }

    /// Whether a connection is gone. One that is used later at its place says so of it as well.
    fn is_lost(&self, connection: ConnectionId) -> bool {
        let last = self.lost.get(&(connection.thread, connection.slot));
        last.is_some_and(|&generation| generation >= connection.generation)
    }

    /// Who registered by a connection that is gone.
    fn without_connection(&mut self, now: Time, source: SocketAddr, connection: ConnectionId) {
        let found = self.writer.by_address(source).and_then(|subscriber| {
            let binding = subscriber.record().binding(subscriber.record().binding_from(source)?)?;
            let same = binding.connection.is_some_and(|it| it.id == connection);
            same.then(|| (subscriber.id(), Version::of(&binding)))
        });
        if let Some((id, binding)) = found {
            self.counts.connection_lost += 1;
            self.on_unreachable(now, id, binding);
        }
    }

    /// G-5: a UE can't be reached.
    fn on_unreachable(&mut self, now: Time, id: SubscriberId, binding: Version) {
        let Some(subscriber) = self.writer.get(id) else { return };
        let Some(at) = subscriber.record().bindings().position(|it| Version::of(&it) == binding) else {
            return;
        };
        let network = subscriber.record().binding(at).map_or(0, |binding| binding.network);
        let direct =
            self.config.networks.get(usize::from(network)).and_then(|network| network.direct.as_ref());
        if direct.is_some_and(|direct| direct.unreachable == UnreachablePolicy::Deregister) {
            self.counts.unreachable += 1;
            tracing::info!(imsi = ?subscriber.record().imsi(), "de-registered: it can't be reached");
            self.end(now, id, at, None);
        }
    }

    /// What the exchange with an HLR has brought about.
    fn on_r1(&mut self, now: Time, event: Event<Waiter>) {
        match event {
            Event::Settled(Waiter::Join(joining), how) => {
                self.on_joined(now, *joining, how);
            }
            Event::Settled(Waiter::Leave(leaving), _) => self.on_left(now, &leaving),
            // Somebody who has registered again need not be told that he is gone.
            Event::Settled(Waiter::Inform(_), Settled::Superseded) => {}
            Event::Settled(Waiter::Inform(inform), _) => self.inform(*inform),
            Event::Settled(Waiter::Operator(number, bindings), how) => {
                self.on_told_for_operator(number, bindings, how);
            }
            Event::Audited(party, finding) => self.on_audited(now, party, finding),
            Event::Registered(party, msisdn) => self.on_number(now, party, msisdn),
            Event::Refused(party, error) => {
                let ended = self.end_all(now, party, "rejected");
                self.counts.refused_late += ended;
                tracing::warn!(imsi = ?party.imsi, error, "the HLR refuses the registration");
            }
            Event::Vector(Waiter::Challenge(unproved), vector) => self.on_vector(now, *unproved, vector),
            Event::Settled(Waiter::Challenge(_), _) | Event::Vector(..) => {}
        }
    }

    /// Ends all bindings of a subscriber in one network, since the HLR no longer knows it here; how many those were.
    fn end_all(&mut self, now: Time, party: Party, event: &str) -> u64 {
        let mut ended = 0;
        let first = |registrar: &Self| {
            let subscriber = registrar.writer.by_imsi(party.imsi)?;
            let at = subscriber.record().bindings().position(|it| it.network == party.network)?;
            Some((subscriber.id(), at))
        };
        while let Some((id, at)) = first(self) {
            self.end(now, id, at, Some(event));
            ended += 1;
        }
        ended
    }

    /// Whom the HLR has to be told about: nobody where it knows us beforehand.
    fn party(&self, network: u16, imsi: Option<Imsi>) -> Option<Party> {
        let served = self.config.networks.get(usize::from(network))?;
        (served.r1 != Form::Preconfigured).then_some(Party { network, imsi: imsi? })
    }

    /// Whom the HLR has to be told about when these bindings of a subscriber end: nobody as long as others live or are on
    /// their way.
    fn last_of(&self, now: Time, id: SubscriberId, names: &[u64]) -> Option<Party> {
        let subscriber = self.writer.get(id)?;
        let mut bindings = subscriber.record().bindings();
        let network = bindings.find(|binding| names.contains(&binding.registration))?.network;
        let party = self.party(network, subscriber.record().imsi())?;
        let stays = |binding: &Binding| binding.network == network && !names.contains(&binding.registration);
        let others = subscriber.registered(now).any(|(_, binding)| stays(&binding));
        (!others && !self.r1.is_registering(party)).then_some(party)
    }

    /// Whether the subscriber has a live binding in the network.
    fn is_registered(&self, now: Time, party: Party) -> bool {
        let subscriber = self.writer.by_imsi(party.imsi);
        subscriber.is_some_and(|it| it.registered(now).any(|(_, binding)| binding.network == party.network))
    }

    fn network_of(&self, id: SubscriberId) -> Option<u16> {
        Some(self.writer.get(id)?.record().binding(0)?.network)
    }

    fn order(&self, network: u16) -> R1Order {
        self.config.networks.get(usize::from(network)).map_or(R1Order::Before200, |network| network.r1_order)
    }

    /// Any worker, by something that spreads.
    fn worker(&self, spread: u64) -> WorkerId {
        WorkerId((spread % u64::from(self.workers.max(1))) as u8)
    }
}
