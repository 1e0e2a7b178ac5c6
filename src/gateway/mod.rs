//! The procedures of TR 23.804 clause 8, one file each: every function is one arriving message, in the clause's step
//! order. They know subscribers and policy, but no buffers, sockets or point codes.

mod alerting;
pub mod cause;
pub mod charging;
mod crossing;
pub mod deregistration;
mod duplicates;
pub mod endings;
pub mod mailbox;
mod map;
pub mod mo;
pub mod mt;
mod network;
mod numbering;
pub mod registration;
mod sender;
pub mod subscription;

use std::collections::VecDeque;
use std::sync::Arc;

use core::net::SocketAddr;
use core::time::Duration;

pub use crossing::Crossing;
pub use network::{Network, Node, Scscf, UnmatchedReport, hlr_of};
pub use numbering::{NumberRule, Numbering, Step as NumberStep, country_code};

use crate::base::{Connection, Counts, Key, Producer, Slab, Time, Wheel, counts};
use crate::ident::{Identity, Imsi, Msisdn, Wildcard, WorkerId};
use crate::stack::{
    Answer, Application, ChargingVector, Context, Hint, Indication, Invoke, Message, Operation, Request, Rp,
};
use crate::subscriber::{AccessKind, Binding, Key as By, Loading, Reader};
use mailbox::{ToControl, ToWorker};

/// What the procedures use to reach the protocols, other workers and the control thread.
pub type Cx<'a> = Context<'a, Crossing, ToControl>;

counts! {
    /// What the procedures have done.
    pub struct GatewayCounts {
        /// Third-party REGISTERs answered on the worker: nothing had changed but the expiry.
        registration_refreshed,
        /// Third-party REGISTERs handed to the control thread.
        registration_forwarded,
        /// Third-party REGISTERs refused with 503: no room to keep them, or the control thread is behind.
        registration_full,
        /// Wildcarded identities whose expression is not known: nobody is known by them.
        wildcard_unreadable,
        /// P-Access-Network-Info of REGISTERs that was kept no further than its 63rd octet.
        access_network_info_cut,
        /// REGISTERs and MESSAGEs refused: the sender is no S-CSCF, nor a UE that may register, or has registered, here.
        untrusted_source,
        /// REGISTERs and MESSAGEs refused with 503: the sender may be an S-CSCF that DNS has not told us of yet.
        unlocated_source,
        /// Messages to the control thread lost or refused because its mailbox was full.
        control_full,
        /// UEs told that the gateway has ended their registration.
        informed,
        /// Of these, how many did not take it.
        inform_undelivered,
        /// SUBSCRIBEs sent for the control thread.
        subscribe_sent,
        /// SUBSCRIBEs of the control thread that could not be sent.
        subscribe_not_sent,
        /// NOTIFYs handed to the control thread.
        notify_forwarded,
        /// NOTIFYs refused with 503: no room to keep them, or the control thread is behind.
        notify_full,
        /// Mobile originated messages accepted with 202.
        mo_accepted,
        /// Mobile originated messages refused with 403: the sender is not registered here.
        mo_not_registered,
        /// Mobile originated messages refused with 503: no room for another.
        mo_full,
        /// Mobile originated messages refused with 403: another access than the one they came over is preferred.
        mo_not_preferred,
        /// Submissions and notices of free memory that came again and got the same report as before.
        mo_repeated,
        /// Submissions forgotten before their time, since more were remembered than there is room for.
        mo_forgotten,
        /// Submit reports sent without In-Reply-To, since the submission's Call-ID is too long.
        mo_report_bare,
        /// Submit reports sent once more, over another binding.
        mo_report_again,
        /// RP-ACKs sent to the originator.
        mo_acknowledged,
        /// RP-ERRORs sent to the originator.
        mo_failed,
        /// Submit reports that the UE did not take.
        mo_report_undelivered,
        /// Notices of free memory from UEs, accepted with 202.
        memory_available,
        /// Of these, how many their HLRs have not taken.
        memory_available_failed,
        /// readyForSM sent because somebody whom a message had not reached is there again.
        present_again,
        /// Of these, how many the HLR did not take.
        present_again_failed,
        /// Mobile terminated messages asked of us.
        mt_received,
        /// Mobile terminated messages that the UE acknowledged.
        mt_delivered,
        /// Mobile terminated messages that ended in an error.
        mt_failed,
        /// Mobile terminated messages for somebody unknown.
        mt_unknown_subscriber,
        /// Mobile terminated messages that came before the end of their subscriber's registration, and waited for it.
        mt_ahead,
        /// Mobile terminated messages for somebody who is not registered.
        mt_not_registered,
        /// Mobile terminated messages that waited for an earlier one to the same user.
        mt_queued,
        /// Mobile terminated messages that went to a user who had been kept for them: the one before was in the same dialogue.
        mt_followed,
        /// Users kept for another message of a dialogue in which none followed in time.
        mt_not_followed,
        /// Mobile terminated messages refused because too many wait for the same user.
        mt_busy,
        /// Mobile terminated messages refused because no more fit.
        mt_full,
        /// Dialogues that an SMS-GMSC aborted, or left open for too long, before they were answered.
        mt_abandoned,
        /// Messages that the UE took with a 2xx and then never reported on.
        mt_no_report,
        /// Mobile terminated messages sent once more, over another binding.
        mt_again,
        /// UEs that could not be reached where they had registered.
        mt_unreachable,
        /// Delivery reports that In-Reply-To led to their message.
        report_by_in_reply_to,
        /// Delivery reports that our token in their Request-URI led to their message.
        report_by_token,
        /// Delivery reports that were known by who sent them and by RP-MR.
        report_by_identity,
        /// Delivery reports in the body of a 2xx, taken as `report_in_200` says.
        report_in_200,
        /// Delivery reports in the body of a 2xx that were not taken.
        report_in_200_ignored,
        /// Delivery reports that match nothing that we wait for.
        report_unmatched,
        /// Of these, how many were not explained in the log: too many at a time, or the mailbox was full.
        report_unexplained,
        /// RP messages that no UE may send, or that are not understood.
        rp_faulty,
        /// Delivery reports with an element that can't be read; the others count.
        rp_report_repaired,
        /// Operations invoked that we do not offer in this role.
        operation_refused,
        /// Messages refused, either way, since the gateway is to stop.
        refused_stopping,
        /// Ends of messages that did not reach the log: more than `log.messages_per_second`, or the mailbox was full.
        ends_untold,
        /// Ends of messages that operators will not find, since the ring to the control thread was full.
        endings_dropped,
        /// Refusals by screening that did not reach the log, since the mailbox was full.
        screened_untold,
        /// Messages to another worker that waited because its ring was full.
        crossing_waited,
        /// MESSAGEs refused with 503 because the sender's registration may not have been restored yet after a start.
        mo_not_loaded,
        /// Mobile terminated messages refused with systemFailure for the same reason.
        mt_not_loaded,
        /// Refreshes that the control thread was not told of, because its mailbox was full.
        refresh_not_told,
        /// Messages to another worker lost or refused because its ring was full, and too many waited already.
        crossing_full,
    }
}

/// Sizes and times of the gateway's state on one worker.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The worker.
    pub worker: WorkerId,
    /// Mobile originated messages in progress, at most.
    pub mo: usize,
    /// Users with a mobile terminated message in progress, at most.
    pub mt: usize,
    /// Submissions that are remembered, so that the same again is known, at most.
    pub duplicates: usize,
    /// How long a service centre may take over mo-forwardSM.
    pub forward_timeout: Duration,
    /// Mobile terminated messages that wait for an earlier one to the same user, at most, per user.
    pub mt_queue: usize,
    /// How long a user is kept for the next message of a dialogue (moreMessagesToSend).
    pub mt_more: Duration,
    /// How long a UE may take for its delivery report (TS 24.011 TR1N).
    pub report_timeout: Duration,
    /// The longest registration, in seconds.
    pub registration_max: u32,
    /// How long an HLR may take over readyForSM.
    pub hlr_timeout: Duration,
    /// What one side's "no" is on the other.
    pub causes: Arc<cause::Causes>,
    /// What the identities for charging of this worker's requests begin with, in this life of the process.
    pub icid: u64,
    /// How many ends of messages are told to the log in a second, at most.
    pub ends_per_second: u32,
    /// Whose registrations have been restored after the start.
    pub loading: Arc<Loading>,
    /// Whether registrations are kept: then the control thread hears of refreshes too.
    pub is_kept: bool,
}

/// The gateway on one worker.
pub struct Gateway {
    pub(crate) config: GatewayConfig,
    pub(crate) networks: Arc<[Network]>,
    pub(crate) subscribers: Reader,
    /// Wildcarded identities: who is not in the table by his own may be there by one of them.
    pub(crate) wildcards: Arc<[Wildcard]>,
    pub(crate) mo: Slab<mo::Mo>,
    pub(crate) mt: Slab<mt::Mt>,
    pub(crate) waiting: Slab<mt::Arrived>,
    /// Messages for subscribers whose registration waits for the HLR, in the order in which they came.
    pub(crate) for_joining: Vec<(Imsi, Key)>,
    /// Submit reports that can be sent over another binding, should the first fail.
    pub(crate) reports: Slab<mo::SubmitReport>,
    /// The last submissions, so that the same again is known.
    pub(crate) remembered: duplicates::Remembered,
    /// UEs informed so far.
    pub(crate) informs: u32,
    pub(crate) timers: Wheel<Timed>,
    /// When a report that matches nothing was explained last.
    pub(crate) explained: Option<Time>,
    /// Identities for charging given so far.
    pub(crate) icids: u64,
    /// When the second began in which ends of messages are counted, and how many there were.
    pub(crate) ends_since: Time,
    pub(crate) ends_told: u32,
    /// Where the ends of messages are told that operators may ask for.
    endings: Option<Producer<endings::Ending>>,
    /// What had no room in the ring to its worker, oldest first.
    unsent: VecDeque<(WorkerId, Crossing)>,
    /// The second since 1970 in which our clock began, once the control thread has told it.
    began: Option<u64>,
    /// When we were told to stop.
    stopping: Option<Time>,
    stopped: bool,
    /// What was done.
    pub counts: GatewayCounts,
}

/// Whose answer a user word brings back: it goes with every request, and returns with what becomes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum User {
    /// mo-forwardSM, or the submit report, of a mobile originated message.
    Mo(Key),
    /// A mobile terminated message.
    Mt(Key),
    /// An operation of the control thread's, by its number.
    Map(u64),
    /// A UE told that its registration has ended, by a running number.
    Inform(u32),
    /// readyForSM of a UE that has memory again; the answer to it is sent as that of a mobile originated message.
    MemoryAvailable(Key),
    /// readyForSM of a subscriber who is there again.
    Present,
    /// A SUBSCRIBE of the control thread's, by the subscription's number.
    Subscription(u64),
}

/// Numbers that the control thread gives fit beside the kind of a user word.
const NUMBER: u64 = 0xff_ffff_ffff_ffff;
/// Above the generation in the key of a subscription's Call-ID.
const OF_SUBSCRIPTION: u32 = 5;

/// What a timer is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Timed {
    /// A mobile terminated message.
    Mt(Key),
    /// A submission whose like another worker has.
    Mo(Key),
}

/// Messages to other workers that may wait for room in a ring.
const UNSENT: usize = 1024;

/// How long after the order to stop the SS7 network is left, even if something is still under way: then there is time
/// to shut associations down in order.
const LEAVE_AFTER: Duration = Duration::from_secs(3);

/// Generations of the slabs have 24 bits, slots too, so that a user word has room for the kind.
pub(crate) const GENERATION_BITS: u32 = 24;

impl User {
    pub(crate) fn to_u64(self) -> u64 {
        match self {
            Self::Mo(key) => key.to_u64(),
            Self::Mt(key) => 1 << 56 | key.to_u64(),
            Self::Map(operation) => 2 << 56 | operation & NUMBER,
            Self::Inform(number) => 3 << 56 | u64::from(number),
            Self::MemoryAvailable(key) => 4 << 56 | key.to_u64(),
            Self::Present => 5 << 56,
            Self::Subscription(number) => 6 << 56 | number & NUMBER,
        }
    }

    pub(crate) fn from_u64(word: u64) -> Self {
        let key = Key { slot: word as u32 & 0xff_ffff, generation: (word >> 32) as u32 & 0xff_ffff };
        match word >> 56 {
            0 => Self::Mo(key),
            1 => Self::Mt(key),
            2 => Self::Map(word & NUMBER),
            3 => Self::Inform(word as u32),
            4 => Self::MemoryAvailable(key),
            6 => Self::Subscription(word & NUMBER),
            _ => Self::Present,
        }
    }

    /// The key that the Call-ID of its request names. Those of submit reports have a bit above the generation: entries
    /// of both kinds share slots and generations, but no two requests a Call-ID, and In-Reply-To finds messages only.
    pub(crate) fn call(self) -> Key {
        match self {
            Self::Mo(key) | Self::MemoryAvailable(key) => {
                Key { generation: key.generation | 1 << GENERATION_BITS, ..key }
            }
            Self::Mt(key) => key,
            Self::Map(operation) => Key { slot: operation as u32, generation: 3 << GENERATION_BITS },
            Self::Inform(number) => Key { slot: number, generation: 2 << GENERATION_BITS },
            Self::Present => Key { slot: 0, generation: 4 << GENERATION_BITS },
            Self::Subscription(number) => {
                let generation = OF_SUBSCRIPTION << GENERATION_BITS | (number >> 32) as u32 & 0xff_ffff;
                Key { slot: number as u32, generation }
            }
        }
    }

    /// The number of the subscription whose Call-ID names `key`, if it is one's.
    pub(crate) fn subscription(key: Key) -> Option<u64> {
        let number = u64::from(key.generation & 0xff_ffff) << 32 | u64::from(key.slot);
        (key.generation >> GENERATION_BITS == OF_SUBSCRIPTION).then_some(number)
    }
}

impl Gateway {
    /// An idle gateway.
    #[must_use]
    pub fn new(config: GatewayConfig, networks: Arc<[Network]>, subscribers: Reader) -> Self {
        Self {
            mo: Slab::with_generation_bits(config.mo, GENERATION_BITS),
            mt: Slab::with_generation_bits(config.mt, GENERATION_BITS),
            waiting: Slab::with_generation_bits(config.mt, GENERATION_BITS),
            for_joining: Vec::with_capacity(config.mt),
            reports: Slab::new(config.mo),
            informs: 0,
            wildcards: Arc::new([]),
            remembered: duplicates::Remembered::new(config.duplicates),
            timers: Wheel::new(config.mt + config.mo),
            explained: None,
            icids: 0,
            ends_since: Time::ZERO,
            ends_told: 0,
            endings: None,
            unsent: VecDeque::with_capacity(UNSENT),
            began: None,
            stopping: None,
            stopped: false,
            config,
            networks,
            subscribers,
            counts: GatewayCounts::default(),
        }
    }

    /// The served network whose core `source` belongs to: an S-CSCF at that very address, or on that host, or another host
    /// that is trusted. Only those may speak for users (REQUIREMENTS G-2).
    pub(crate) fn network_of(&self, request: &Request<'_>) -> Option<u16> {
        let trusts = |network: &Network| request.trusted && network.trusts(request.source);
        self.network_registering(request, None)
            .or_else(|| self.networks.iter().position(trusts).map(|at| at as u16))
    }

    /// The served network whose S-CSCF `source` is, whatever port it sends from, unless it is the very address of one, or
    /// has the URI of one in Contact: only those register users (TS 24.229 5.4.1.7).
    pub(crate) fn network_registering(
        &self,
        request: &Request<'_>,
        contact: Option<&Identity>,
    ) -> Option<u16> {
        let source = request.source;
        let exact = |network: &Network| network.scscfs.iter().any(|scscf| scscf.address == source);
        let named = |network: &Network| network.has_named(source, contact);
        self.networks
            .iter()
            .position(exact)
            .or_else(|| self.networks.iter().position(named))
            .or_else(|| self.networks.iter().position(|network| network.scscf(source).is_some()))
            .filter(|_| request.trusted)
            .map(|at| at as u16)
    }

    /// Whether a UE has registered from that address and port, by that stream if it is one: what is sent there arrives.
    pub(crate) fn knows(&self, now: Time, source: SocketAddr, connection: Option<Connection>) -> bool {
        self.subscribers.by_address(source).is_some_and(|subscriber| {
            let at = subscriber.record().binding_from(source);
            let by = |at| subscriber.record().binding(at).is_some_and(|it| it.connection == connection);
            at.is_some_and(|at| by(at) && subscriber.expiry(at) > now)
        })
    }

    /// Where the S-CSCF that sent from `source` is sent to; nothing for another host of its core, where nothing is sent.
    pub(crate) fn scscf_address(
        &self,
        network: u16,
        source: SocketAddr,
        contact: Option<&Identity>,
    ) -> Option<SocketAddr> {
        let network = self.networks.get(usize::from(network))?;
        network.scscf_registering(source, contact).map(|scscf| scscf.address)
    }

    /// Where the S-CSCF is sent to that brings a message of a subscriber with that binding: the one at that very address, or
    /// else the one that has registered him, if it is on the same host.
    pub(crate) fn scscf_of(&self, network: u16, source: SocketAddr, binding: &Binding) -> SocketAddr {
        let network = self.networks.get(usize::from(network));
        let is_exact = network.is_some_and(|it| it.scscfs.iter().any(|scscf| scscf.address == source));
        if !is_exact && binding.target.ip() == source.ip() {
            return binding.target;
        }
        network.and_then(|it| it.scscf(source)).map_or(binding.target, |scscf| scscf.address)
    }

    /// What somebody is answered who is nobody: 403, but 503 as long as he may be an S-CSCF of which it is not known yet where
    /// it is.
    pub(crate) fn refuse_stranger(&mut self) -> u16 {
        if self.networks.iter().any(|network| network.unlocated) {
            self.counts.unlocated_source += 1;
            return 503;
        }
        self.counts.untrusted_source += 1;
        403
    }

    /// What somebody is answered of whom it is not known yet whether he is registered.
    pub(crate) fn refuse_unloaded(&mut self) -> u16 {
        self.counts.mo_not_loaded += 1;
        503
    }

    /// Dispatches a MESSAGE by what its SM-RP message is: submission, report or notice of free memory.
    fn on_message(&mut self, now: Time, message: &mut Message<'_>, cx: &mut Cx<'_>) {
        let sender = sender::find(self, now, message).or_else(|| sender::reporting(self, message));
        let Some(sender) = sender else {
            let status = match self.config.loading.is_done() {
                true => self.refuse_stranger(),
                // His registration may not have been restored yet.
                false => self.refuse_unloaded(),
            };
            cx.stack.answer(now, &message.request, status, cx.outside);
            return;
        };
        if sender.access == AccessKind::Direct {
            message.request = message.request.from_known();
        }
        match message.rp {
            Rp::Submit { .. } | Rp::MemoryAvailable { .. } if self.stopping.is_some() => {
                self.counts.refused_stopping += 1;
                cx.stack.answer(now, &message.request, 503, cx.outside);
            }
            Rp::Submit { .. } | Rp::Faulty { .. } => mo::on_message(self, now, &sender, message, cx),
            Rp::MemoryAvailable { .. } => {
                alerting::on_memory_available(self, now, &sender, message, cx);
            }
            Rp::Ack { .. } | Rp::Error { .. } => {
                self.counts.rp_report_repaired += u64::from(message.repaired);
                mt::on_report(self, now, &sender, message, cx);
            }
            Rp::Deliver { .. } => {
                self.counts.rp_faulty += 1;
                cx.stack.answer(now, &message.request, 400, cx.outside);
            }
        }
    }

    fn on_invoke(&mut self, now: Time, invoke: &Invoke<'_>, cx: &mut Cx<'_>) {
        match invoke.operation {
            Operation::MtForwardSm(_) if self.stopping.is_some() => {
                self.counts.refused_stopping += 1;
                let error = crate::stack::UserError::system_failure();
                cx.stack.user_error(now, &invoke.asked, &error, cx.outside);
            }
            Operation::MtForwardSm(ref forward) => mt::on_forward_sm(self, now, invoke, forward, cx),
            Operation::MoForwardSm(_) => {
                self.counts.operation_refused += 1;
                let error = crate::stack::UserError::FacilityNotSupported;
                cx.stack.user_error(now, &invoke.asked, &error, cx.outside);
            }
            Operation::Other { opcode, argument } => map::on_invoked(self, now, invoke, opcode, argument, cx),
        }
    }

    fn on_answered(
        &mut self,
        now: Time,
        user: u64,
        status: u16,
        (report, charging): (Option<&Rp<'_>>, Option<&ChargingVector<'_>>),
        cx: &mut Cx<'_>,
    ) {
        match User::from_u64(user) {
            User::Mo(key) => mo::on_report_answered(self, now, key, status, cx),
            User::Mt(key) => mt::on_answered(self, now, key, status, (report, charging), cx),
            User::Inform(_) => deregistration::on_inform_answered(self, status),
            User::Subscription(number) => subscription::on_failed(self, number, status, cx),
            User::Map(_) | User::MemoryAvailable(_) | User::Present => {}
        }
    }

    /// What an error of the transport is like: a 503 (RFC 3261 8.1.3.1), for an S-CSCF that is gone says nothing of the UE
    /// behind it; but where it is the UE's own host that says so, the UE has gone (G-5), and has not answered.
    fn status_of_unreachable(&self, user: u64) -> u16 {
        match User::from_u64(user) {
            User::Mt(key) if self.mt.get(key).is_some_and(|mt| !mt.is_direct()) => 503,
            _ => 408,
        }
    }

    /// Whether `imsi` belongs to a served network, so that its owner is absent rather than unknown.
    pub(crate) fn serves(&self, imsi: Imsi) -> bool {
        self.networks
            .iter()
            .any(|network| network.imsi_prefixes.iter().any(|prefix| imsi.digits().starts_with(*prefix)))
    }

    /// The number a message is sent under when its subscriber has none (TS 23.003 3).
    pub(crate) fn originator(msisdn: Option<Msisdn>) -> Option<Msisdn> {
        msisdn.or_else(|| Msisdn::from_ascii(b"000000000000000"))
    }

    /// Seconds since 1970.
    pub(crate) fn since_1970(&self, now: Time) -> Option<u64> {
        self.began.map(|began| began + now.as_secs())
    }

    /// Tells the gateway on another worker; when its ring is full, a little later.
    pub(crate) fn tell(&mut self, to: WorkerId, crossing: Crossing, cx: &mut Cx<'_>) {
        let refused = match self.unsent.is_empty() {
            true => cx.outside.to_worker(to, crossing).err(),
            false => Some(crossing),
        };
        let Some(crossing) = refused else { return };
        if self.unsent.len() < UNSENT {
            self.counts.crossing_waited += 1;
            self.unsent.push_back((to, crossing));
        } else {
            self.counts.crossing_full += 1;
        }
    }

    /// Tries once more what had no room, in its order.
    fn tell_again(&mut self, cx: &mut Cx<'_>) {
        while let Some((to, crossing)) = self.unsent.pop_front() {
            if let Err(crossing) = cx.outside.to_worker(to, crossing) {
                return self.unsent.push_front((to, crossing));
            }
        }
    }

    /// Checks what must hold between any two calls.
    pub fn assert_invariants(&self) {
        assert!(self.timers.len() <= self.mt.len() + self.mo.len(), "a timer without a message");
        self.mo.iter().for_each(|(_, mo)| mo.assert_invariants());
        let waiting: usize = self.mt.iter().map(|(_, mt)| mt.waiting()).sum();
        let waiting = waiting + self.for_joining.len();
        let reports = self.mo.iter().filter(|(_, mo)| mo.has_report()).count();
        assert_eq!(reports, self.reports.len(), "a report that nobody will send");
        assert_eq!(waiting, self.waiting.len(), "a waiting message that nobody will deliver");
    }
}

impl Application for Gateway {
    type Crossing = Crossing;
    type Request = ToControl;
    type Reply = ToWorker;

    fn handle(&mut self, now: Time, indication: &mut Indication<'_>, cx: &mut Cx<'_>) {
        // The great ones stay where they are.
        match *indication {
            Indication::Register(ref register) if register.expires == 0 => {
                deregistration::on_register(self, now, register, cx)
            }
            Indication::Register(ref register) => registration::on_register(self, now, register, cx),
            Indication::Message(ref mut message) => self.on_message(now, message, cx),
            Indication::Invoke(ref invoke) => self.on_invoke(now, invoke, cx),
            Indication::Answered { user, status, ref report, ref charging } => {
                self.on_answered(now, user, status, (report.as_ref(), charging.as_ref()), cx);
            }
            Indication::Unreachable { user, .. } => {
                let status = self.status_of_unreachable(user);
                self.on_answered(now, user, status, (None, None), cx);
            }
            Indication::KeepAlive { source, local, transaction } => {
                if self.knows(now, source, None) {
                    cx.stack.answer_keep_alive(now, source, local, &transaction, cx.outside);
                }
            }
            Indication::Subscribed { user, answer } => {
                if let User::Subscription(number) = User::from_u64(user) {
                    subscription::on_answered(self, number, answer, cx);
                }
            }
            Indication::Notify(ref notify) => subscription::on_notify(self, now, notify, cx),
            // UEs and an HLR get these alone.
            Indication::Challenged { .. } | Indication::Content(_) | Indication::Published { .. } => {}
            Indication::Ended { user, outcome } => match User::from_u64(user) {
                User::Mo(key) => mo::on_outcome(self, now, key, &outcome, cx),
                User::Map(operation) => map::on_ended(self, operation, &outcome, cx),
                User::MemoryAvailable(key) => alerting::on_outcome(self, now, key, &outcome, cx),
                User::Present => alerting::on_present_outcome(self, &outcome),
                User::Mt(_) | User::Inform(_) | User::Subscription(_) => {}
            },
            // Its message, if it has one, is found without an asker when its turn comes or its report.
            Indication::Gone { dialogue, is_owed, more_for } => {
                self.counts.mt_abandoned += u64::from(is_owed);
                if let Some(imsi) = more_for {
                    mt::on_dialogue_gone(self, now, imsi, dialogue, cx);
                }
            }
        }
    }

    fn handle_crossing(&mut self, now: Time, crossing: Crossing, cx: &mut Cx<'_>) {
        match crossing {
            Crossing::Arrived { subscriber, arrived } => {
                mt::on_arrived_elsewhere(self, now, subscriber, &arrived, cx)
            }
            Crossing::Result { asked, holder, result } => {
                mt::on_result_elsewhere(self, now, asked, holder, &result, cx)
            }
            Crossing::ResultPasses { worker, key } => mt::on_result_passes(self, now, worker, key, cx),
            Crossing::ResultSent { key } => mt::on_result_sent(self, now, key, cx),
            Crossing::NoMore { subscriber, worker, dialogue } => {
                mt::on_no_more(self, now, subscriber, (worker, dialogue), cx);
            }
            Crossing::Report { report } => mt::on_report_elsewhere(self, now, report, cx),
            Crossing::Repeat { worker, key, last, submission } => {
                duplicates::on_repeat(self, now, (worker, key), last, &submission, cx);
            }
            Crossing::NoRepeat { key, last, submission } => {
                duplicates::on_no_repeat(self, now, key, last, &submission, cx);
            }
            Crossing::Submitted { key, report } => {
                mo::pass_report(self, now, (self.config.worker, key), &report, cx);
            }
            Crossing::ReportAnswer { request, status } => {
                cx.stack.answer_deferred(now, request, status, &Answer::default(), cx.outside);
            }
        }
    }

    fn handle_reply(&mut self, now: Time, reply: ToWorker, cx: &mut Cx<'_>) {
        match reply {
            ToWorker::RegisterDone(outcome) => registration::on_registered(now, &outcome, cx),
            ToWorker::Invoke(operation) => map::on_operation(self, now, &operation, cx),
            ToWorker::Answer(answer) => map::on_answer(now, &answer, cx),
            ToWorker::Present { network, imsi } => alerting::on_present(self, now, network, imsi, cx),
            ToWorker::Joined(imsi) => mt::on_joined(self, now, imsi, cx),
            ToWorker::Inform(inform) => deregistration::on_inform(self, now, &inform, cx),
            ToWorker::Subscribe(subscribe) => subscription::on_subscribe(self, now, &subscribe, cx),
            ToWorker::Wildcards(wildcards) => self.wildcards = wildcards,
            // The control thread keeps the former ones until no worker has them.
            ToWorker::Located(located) => {
                self.networks = located.networks.clone();
                cx.stack.set_core(&located.core);
            }
            ToWorker::NotifyDone { reply_to, status } => {
                cx.stack.answer_deferred(now, reply_to, status, &Answer::default(), cx.outside);
            }
            ToWorker::Subsystem { ssn, in_service, tells } => {
                cx.stack.set_subsystem(ssn, in_service, tells, cx.outside);
            }
            ToWorker::Calendar(began) => {
                self.began = Some(began);
                cx.stack.set_calendar(began);
            }
            // What is under way goes on; when it is done, the next timeout leaves the SS7 network.
            ToWorker::Stop => self.stopping = self.stopping.or(Some(now)),
        }
    }

    fn handle_timeout(&mut self, now: Time, cx: &mut Cx<'_>) {
        while let Some(timed) = self.timers.poll(now) {
            match timed {
                Timed::Mt(key) => mt::on_report_timeout(self, now, key, cx),
                Timed::Mo(key) => mo::on_timeout(self, now, key, cx),
            }
        }
        self.tell_again(cx);
        while let Some(screened) = cx.stack.next_screened() {
            if cx.outside.to_control(ToControl::Screened(screened)).is_err() {
                self.counts.screened_untold += 1;
            }
        }
        if let Some(since) = self.stopping
            && !self.stopped
            && (self.is_idle() || now >= since + LEAVE_AFTER)
        {
            self.stopped = true;
            cx.stack.stop(now, cx.outside);
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    fn is_idle(&self) -> bool {
        let over = self.mt.iter().all(|(_, mt)| mt.is_over());
        self.mo.is_empty() && over && self.for_joining.is_empty() && self.unsent.is_empty()
    }

    fn poll_timeout(&self) -> Time {
        let leaving = match self.stopping {
            Some(since) if !self.stopped => {
                if self.is_idle() {
                    since
                } else {
                    since + LEAVE_AFTER
                }
            }
            _ => Time::NEVER,
        };
        let telling = if self.unsent.is_empty() { Time::NEVER } else { Time::ZERO };
        self.timers.next_deadline().min(leaving).min(telling)
    }

    fn look_ahead(&self, hints: &[Option<Hint<'_>>]) {
        self.subscribers.look_ahead(hints.iter().flatten().map(|hint| match *hint {
            Hint::Identity(text) => By::Identity(text),
            Hint::Address(source) => By::Address(source),
            Hint::Imsi(imsi) => By::Imsi(imsi),
        }));
    }

    fn quiescent(&mut self) {
        self.subscribers.quiescent();
    }

    fn counts(&self) -> &dyn Counts {
        &self.counts
    }

    fn fill(&self, visit: &mut dyn FnMut(&'static str, usize, usize)) {
        visit("mo", self.mo.len(), self.mo.capacity());
        visit("mt", self.mt.len(), self.mt.capacity());
        let (remembered, room) = self.remembered.fill();
        visit("remembered", remembered, room);
        visit("mt_waiting", self.waiting.len(), self.waiting.capacity());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_words_bring_back_what_they_were_made_of() {
        let key = Key { slot: 0xabcdef, generation: 0x123456 };
        let map = User::Map(0xff_1234_5678_9abc);
        let present = User::Present;
        let subscription = User::Subscription(0xff_1234_5678_9abc);
        for user in
            [User::Mo(key), User::Mt(key), map, User::Inform(u32::MAX), User::MemoryAvailable(key), present]
        {
            assert_eq!(User::from_u64(user.to_u64()), user);
            assert_eq!(User::subscription(user.call()), None, "{user:?}");
        }
        assert_eq!(User::from_u64(subscription.to_u64()), subscription);
        assert_eq!(User::subscription(subscription.call()), Some(0xff_1234_5678_9abc));
    }

    #[test]
    fn a_submit_report_and_a_message_of_the_same_place_differ_in_their_calls() {
        let key = Key { slot: 0, generation: 0xff_ffff };
        assert_ne!(User::Mo(key).call(), User::Mt(key).call());
        assert_eq!(User::Mt(key).call(), key, "In-Reply-To finds the message by it");
    }
}
