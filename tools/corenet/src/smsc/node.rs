//! The service centres as an application on their stack: what arrives goes to SMS-IWMSC and SMS-GMSC, what was accepted is
//! stored before anybody is told, and messages of the scenario are put in.

use super::gmsc::{self, Attempt};
use super::iwmsc;
use super::queue::{Change, MessageId, Queue, ShortMessage};
use super::store::Store;
use super::{Centre, Numbering};
use crate::config::{self, Config};
use crate::ledger::{Direction, Fingerprint, Ledger, Outcome as Ended};
use crate::model::{Failure, Model};
use crate::node::Cx;
use crate::random::Random;
use crate::scenario::{Phase, Player};
use crate::short_message;
use crate::traffic::Flow;
use core::convert::Infallible;
use core::time::Duration;
use ipsmgw::base::{Counts, Time, counts};
use ipsmgw::codec::Prepend;
use ipsmgw::ident::{Imsi, Msisdn, Number};
use ipsmgw::proto::map::{Arc, Version, operation};
use ipsmgw::proto::tpdu::{Parameters, Status, StatusReport, Timestamp, TpAddress};
use ipsmgw::stack::{Application, Asked, Indication, Operation, Stack, UserError};
use std::collections::BTreeMap;

counts! {
    /// What the service centres did.
    pub struct SmscCounts {
        /// Messages taken from mobiles.
        mo_accepted,
        /// Messages refused.
        mo_refused,
        /// Messages left without an answer, as configured.
        mo_ignored,
        /// Messages that came again.
        mo_again,
        /// Messages for SMEs, who have them at once.
        for_smes,
        /// Messages without the sender's IMSI, which the standard leaves to the network.
        without_imsi,
        /// Messages from somebody who is no subscriber, or not with this IMSI.
        foreign_sender,
        /// Operations that a service centre does not know.
        not_for_us,
        /// Attempts to deliver, each beginning with sendRoutingInfoForSM.
        attempts,
        /// Messages that went to the node that had just taken another for the same recipient.
        continued,
        /// sendRoutingInfoForSM without a node to try.
        no_routing,
        /// informServiceCentre taken.
        informed,
        /// mt-forwardSM sent.
        forwarded,
        /// mt-forwardSM sent with moreMessagesToSend.
        more_messages,
        /// mt-forwardSM sent in the dialogue of the one before.
        in_open_dialogue,
        /// mt-forwardSM that failed.
        failed_at_nodes,
        /// Messages that a node took after another had failed.
        fallbacks,
        /// reportSM-DeliveryStatus sent.
        reports,
        /// alertServiceCentre taken.
        alerts,
        /// Among them those about somebody for whom messages waited.
        alerts_for_waiting,
        /// Messages delivered.
        delivered,
        /// Messages given up after the only attempt, or for good.
        given_up,
        /// Messages whose validity has ended.
        expired,
        /// Status reports made.
        status_reports,
    }
}

/// Whose answer a user word brings back: an attempt's, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum User {
    RoutingInfo(u32),
    MtForwardSm(u32),
    Report(u32),
}

impl User {
    pub(crate) fn to_u64(self) -> u64 {
        match self {
            Self::RoutingInfo(number) => u64::from(number),
            Self::MtForwardSm(number) => 1 << 32 | u64::from(number),
            Self::Report(number) => 2 << 32 | u64::from(number),
        }
    }

    fn from_u64(word: u64) -> Self {
        let number = word as u32;
        match word >> 32 {
            0 => Self::RoutingInfo(number),
            1 => Self::MtForwardSm(number),
            _ => Self::Report(number),
        }
    }
}

/// How a message has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// With the DELIVER-REPORT of a UE of ours.
    Delivered,
    /// With another, or none.
    DeliveredWithOtherReport,
    /// The only attempt has failed.
    GivenUp,
    /// It can't be delivered.
    Undeliverable,
    /// It is too old.
    Expired,
}

/// A mobile originated message whose sender waits until it is safe.
pub(crate) struct Unanswered {
    pub(crate) asked: Asked,
    /// Why it was refused.
    pub(crate) error: Option<UserError<'static>>,
    /// The SUBMIT-REPORT.
    pub(crate) report: Vec<u8>,
}

/// A mobile originated message that is dealt with later.
pub(crate) struct Late {
    pub(crate) asked: Asked,
    pub(crate) sender: Option<Msisdn>,
    pub(crate) imsi: Option<Imsi>,
    pub(crate) service_centre: Option<Number>,
    pub(crate) tpdu: Vec<u8>,
    pub(crate) failure: Option<Failure>,
}

/// A message of the scenario.
#[derive(Clone, Copy)]
struct Begun {
    direct: bool,
    number: u32,
    intended: Time,
}

/// Service centres with their SMS-GMSC and SMS-IWMSC.
pub struct SmscNode {
    pub(crate) centres: Vec<Centre>,
    pub(crate) numbering: Numbering,
    pub(crate) rules: config::Smsc,
    pub(crate) arc: Option<Arc>,
    /// The messages.
    pub queue: Queue,
    store: Store,
    pub(crate) attempts: BTreeMap<u32, Attempt>,
    next_attempt: u32,
    pub(crate) unanswered: Vec<Unanswered>,
    /// Mobile originated messages that are dealt with later, as the model says.
    pub(crate) late: BTreeMap<(Time, u64), Late>,
    pub(crate) next_late: u64,
    /// Of messages that have arrived, until they are closed.
    pub(crate) verdicts: BTreeMap<MessageId, Verdict>,
    /// What was sent and taken.
    pub ledger: Ledger,
    /// Mobile terminated messages for UEs behind S-CSCFs, and for those with direct access.
    pub mt: [Flow; 2],
    recipients: [Vec<(u16, Msisdn)>; 2],
    begun: BTreeMap<MessageId, Begun>,
    number: u32,
    /// Whether messages of the scenario may fail.
    may_fail: bool,
    /// Whether a node may tell nothing with the result: older versions of MAP have no room for a DELIVER-REPORT.
    pub(crate) lacks_reports: bool,
    phase: Phase,
    /// Whether all associations have been up.
    risen: bool,
    pub(crate) random: Random,
    /// Seconds since 1970 at time zero.
    epoch: u64,
    /// What the store said, if it failed: nothing is accepted any more.
    pub fault: Option<String>,
    stopping: bool,
    /// What was counted.
    pub counts: SmscCounts,
}

impl SmscNode {
    /// As configured, with the messages of its store. At time zero it is `epoch`, in seconds since 1970.
    ///
    /// # Errors
    /// Says which subscribers are wrong, or what is with the store.
    pub fn new(config: &Config, epoch: u64) -> Result<Self, String> {
        let rules = config.smsc.clone();
        let retries = rules.retry_s.iter().map(|&seconds| Duration::from_secs(seconds.into()));
        let mut queue = Queue::new(retries.collect());
        let (store, messages) = Store::open(rules.store.as_deref())?;
        let mut ledger = Ledger::default();
        for (_, message) in &messages {
            ledger.sent(Direction::Mt, Fingerprint::of(&message.tpdu), message.recipient);
        }
        queue.restore(messages);
        let mut recipients = [vec![], vec![]];
        for (at, network) in config.networks.iter().enumerate() {
            for (place, line) in network.lines()?.into_iter().enumerate() {
                recipients[usize::from(place < network.direct as usize)].push((at as u16, line.msisdn));
            }
        }
        let asked = |asked, who: &[_]| if who.is_empty() { 0 } else { asked };
        let mt = [("mt", config.traffic.mt), ("direct_mt", config.traffic.direct_mt)];
        let mut flows = mt.into_iter().zip(&recipients);
        let mt = core::array::from_fn(|_| {
            let ((name, count), who) = flows.next().unwrap_or((("", 0), &recipients[0]));
            Flow::new(name, asked(count, who), &config.traffic)
        });
        let ue = &config.ue;
        let misbehave = config.serving_nodes.iter().any(|node| !node.model.is_good());
        let mut points = config.serving_nodes.iter().map(|node| &node.point).chain([&config.smsc.point]);
        let lacks_reports = points.any(|point| point.highest_map.0 < Version::V3);
        Ok(Self {
            centres: config
                .networks
                .iter()
                .map(|network| Centre { title: network.service_centre, hlr: network.hlr_title })
                .collect(),
            numbering: Numbering::new(config)?,
            rules,
            arc: config.extensions,
            queue,
            store,
            attempts: BTreeMap::new(),
            next_attempt: 0,
            unanswered: vec![],
            late: BTreeMap::new(),
            next_late: 0,
            verdicts: BTreeMap::new(),
            ledger,
            mt,
            recipients,
            begun: BTreeMap::new(),
            number: 0,
            lacks_reports,
            may_fail: misbehave || ue.silent + ue.mute + ue.failing > 0.0,
            phase: Phase::Rising,
            risen: false,
            random: Random::new(config.seed ^ 0x5c),
            epoch,
            fault: None,
            stopping: false,
            counts: SmscCounts::default(),
        })
    }

    /// Seconds since 1970.
    pub(crate) fn calendar(&self, now: Time) -> u64 {
        self.epoch + now.since(Time::ZERO).as_secs()
    }

    /// Takes a message into the queue. It is safe after [`SmscNode::settle`].
    pub(crate) fn accept(&mut self, message: ShortMessage) -> MessageId {
        self.ledger.sent(Direction::Mt, Fingerprint::of(&message.tpdu), message.recipient);
        self.queue.push(message)
    }

    /// Names an attempt.
    pub(crate) fn attempt(&mut self, attempt: Attempt) -> u32 {
        self.next_attempt = self.next_attempt.wrapping_add(1);
        self.attempts.insert(self.next_attempt, attempt);
        self.next_attempt
    }

    /// A message is about to leave the queue: the ledger, its sender and the scenario are told.
    pub(crate) fn close(&mut self, now: Time, id: MessageId, verdict: Verdict) {
        if let Some(message) = self.queue.get(id).cloned() {
            self.conclude(now, id, &message, verdict);
        }
    }

    fn conclude(&mut self, now: Time, id: MessageId, message: &ShortMessage, verdict: Verdict) {
        let (ended, status) = match verdict {
            Verdict::Delivered | Verdict::DeliveredWithOtherReport => (Ended::Accepted, Status::DELIVERED),
            Verdict::GivenUp => (Ended::Failed, Status::NO_RESPONSE),
            Verdict::Undeliverable => (Ended::Failed, Status::NOT_OBTAINABLE),
            Verdict::Expired => (Ended::Failed, Status::EXPIRED),
        };
        match verdict {
            Verdict::Delivered | Verdict::DeliveredWithOtherReport => self.counts.delivered += 1,
            Verdict::GivenUp | Verdict::Undeliverable => self.counts.given_up += 1,
            Verdict::Expired => self.counts.expired += 1,
        }
        self.ledger.ended(Direction::Mt, Fingerprint::of(&message.tpdu), message.recipient, ended);
        if message.report.is_some() {
            self.report_status(now, message, status);
        }
        let Some(Begun { direct, number, intended }) = self.begun.remove(&id) else { return };
        let flow = &mut self.mt[usize::from(direct)];
        match verdict {
            Verdict::Delivered => flow.succeed(now, intended),
            Verdict::DeliveredWithOtherReport => flow.fail(number, "the DELIVER-REPORT is not the UE's"),
            _ if self.may_fail => flow.fail_as_configured(),
            verdict => flow.fail(number, &format!("{verdict:?}")),
        }
    }

    /// SMS-STATUS-REPORT to the sender of a message that has ended (TS 23.040 3.2.9).
    fn report_status(&mut self, now: Time, message: &ShortMessage, status: Status) {
        let Some(to) = &message.report else { return };
        let Some(recipient) = TpAddress::international(message.recipient.digits()) else { return };
        let calendar = self.calendar(now);
        let report = StatusReport {
            more_messages: false,
            loop_prevention: false,
            for_command: false,
            reference: to.reference,
            recipient,
            timestamp: Timestamp::from_unix(to.submitted, 0),
            discharge: Timestamp::from_unix(calendar, 0),
            status,
            parameters: Parameters::default(),
        };
        let mut room = [0; 64];
        let mut w = Prepend::new(&mut room);
        report.write(&mut w);
        self.counts.status_reports += 1;
        self.accept(ShortMessage {
            network: message.network,
            recipient: to.sender,
            tpdu: w.finish().unwrap_or_default().to_vec(),
            expires: calendar + u64::from(self.rules.validity_s),
            report: None,
        });
    }

    /// A message of the scenario, from an SME to a mobile.
    fn submit(&mut self, now: Time, direct: bool, intended: Time) {
        let who = &self.recipients[usize::from(direct)];
        let (network, recipient) = who[self.random.below(who.len())];
        let (id, number) = self.submit_to(now, network, recipient);
        self.mt[usize::from(direct)].begun += 1;
        self.begun.insert(id, Begun { direct, number, intended });
    }

    /// The network of a subscriber's number.
    #[must_use]
    pub fn network_of(&self, number: Msisdn) -> Option<u16> {
        self.numbering.subscriber(number).map(|(network, _)| network)
    }

    /// What becomes of mobile originated messages.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.rules.model
    }

    /// Mobile originated messages are dealt with so from now on.
    pub fn set_model(&mut self, model: Model) {
        self.rules.model = model;
    }

    /// An SME has a message for a mobile, whose network has this place in the configuration: its name and running number.
    pub fn submit_to(&mut self, now: Time, network: u16, recipient: Msisdn) -> (MessageId, u32) {
        let number = self.number;
        self.number += 1;
        let body = short_message::body(&mut self.random, number);
        let originator = format!("44770{:06}", number % 1_000_000).parse().unwrap_or_default();
        (self.accept_from_sme(now, network, recipient, short_message::deliver(originator, &body)), number)
    }

    /// An SME has a text for a mobile that takes so many messages.
    pub fn submit_parts_to(
        &mut self,
        now: Time,
        network: u16,
        recipient: Msisdn,
        parts: u8,
    ) -> Vec<MessageId> {
        let number = self.number;
        self.number += 1;
        let originator = format!("44770{:06}", number % 1_000_000).parse().unwrap_or_default();
        let bodies: Vec<_> =
            (1..=parts).map(|at| short_message::part(&mut self.random, number, (at, parts))).collect();
        let tpdus = bodies.iter().map(|body| short_message::deliver(originator, body));
        tpdus.map(|tpdu| self.accept_from_sme(now, network, recipient, tpdu)).collect()
    }

    fn accept_from_sme(&mut self, now: Time, network: u16, recipient: Msisdn, tpdu: Vec<u8>) -> MessageId {
        let expires = self.calendar(now) + u64::from(self.rules.validity_s);
        self.accept(ShortMessage { network, recipient, tpdu, expires, report: None })
    }

    /// Makes safe what was accepted, then tells those who wait for that.
    fn settle(&mut self, now: Time, cx: &mut Cx<'_>) {
        if self.queue.has_changes() {
            let changes: Vec<Change> = self.queue.take_changes();
            if let Err(what) = self.store.apply(&changes) {
                self.fault.get_or_insert(what);
            }
        }
        let refusal = self.fault.is_some().then_some(Failure::ScCongestion.error());
        for mut unanswered in core::mem::take(&mut self.unanswered) {
            unanswered.error = unanswered.error.or(refusal);
            iwmsc::answer(now, &unanswered, cx);
        }
    }

    /// Begins what can begin.
    fn proceed(&mut self, now: Time, cx: &mut Cx<'_>) {
        self.risen |= self.is_up(cx.stack);
        if self.phase == Phase::Messages {
            for direct in [false, true] {
                while let Some(intended) = self.mt[usize::from(direct)].due(now) {
                    self.submit(now, direct, intended);
                }
            }
        }
        iwmsc::on_late(self, now);
        while let Some((id, message)) = self.queue.poll_expired(self.calendar(now)) {
            self.conclude(now, id, &message, Verdict::Expired);
        }
        while self.risen
            && !self.stopping
            && self.queue.under_way() < self.rules.deliveries as usize
            && let Some(next) = self.queue.poll_next(now)
        {
            gmsc::begin(self, now, next, cx);
        }
    }

    /// Leaves the SS7 network in order.
    pub fn stop(&mut self, now: Time, cx: &mut Cx<'_>) {
        if !core::mem::replace(&mut self.stopping, true) {
            self.settle(now, cx);
            cx.stack.stop(now, cx.outside);
        }
    }
}

impl Player for SmscNode {
    fn is_up(&self, stack: &Stack) -> bool {
        stack.ss7().transport().associations().all(|(_, _, is_active)| is_active)
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
    }

    fn is_done(&self) -> bool {
        self.phase != Phase::Messages || self.mt.iter().all(Flow::is_done)
    }
}

impl Application for SmscNode {
    type Crossing = Infallible;
    type Request = Infallible;
    type Reply = Infallible;

    fn handle(&mut self, now: Time, indication: &mut Indication<'_>, cx: &mut Cx<'_>) {
        match *indication {
            Indication::Invoke(invoke) => match (invoke.operation, invoke.within.map(User::from_u64)) {
                (Operation::MoForwardSm(ref forward), None) => {
                    iwmsc::on_mo_forward_sm(self, now, invoke.asked, forward);
                }
                (Operation::Other { opcode: operation::ALERT_SERVICE_CENTRE, argument }, None) => {
                    iwmsc::on_alert(self, now, &invoke.asked, argument, cx);
                }
                (
                    Operation::Other { opcode: operation::INFORM_SERVICE_CENTRE, .. },
                    Some(User::RoutingInfo(number)),
                ) => gmsc::on_inform(self, number),
                _ => {
                    self.counts.not_for_us += 1;
                    cx.stack.user_error(now, &invoke.asked, &UserError::FacilityNotSupported, cx.outside);
                }
            },
            Indication::Ended { user, outcome } => match User::from_u64(user) {
                User::RoutingInfo(number) => gmsc::on_routing_info(self, now, number, &outcome, cx),
                User::MtForwardSm(number) => gmsc::on_outcome(self, now, number, &outcome, cx),
                User::Report(number) => gmsc::on_reported(self, now, number, cx),
            },
            // There is no SIP here.
            _ => {}
        }
        self.proceed(now, cx);
    }

    fn handle_crossing(&mut self, _now: Time, crossing: Infallible, _cx: &mut Cx<'_>) {
        match crossing {}
    }

    fn handle_reply(&mut self, _now: Time, reply: Infallible, _cx: &mut Cx<'_>) {
        match reply {}
    }

    fn handle_timeout(&mut self, now: Time, cx: &mut Cx<'_>) {
        self.proceed(now, cx);
        self.settle(now, cx);
    }

    fn poll_timeout(&self) -> Time {
        let due = self.queue.has_changes() || !self.unanswered.is_empty() || self.queue.has_ready();
        let expiry = self.queue.next_expiry().map(|expires| expires.saturating_sub(self.epoch));
        let expiry = expiry.map_or(Time::NEVER, |seconds| Time::ZERO + Duration::from_secs(seconds));
        let late = self.late.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at);
        if due { Time::ZERO } else { self.queue.poll_timeout().min(expiry).min(late) }
    }

    fn is_stopping(&self) -> bool {
        self.stopping
    }

    fn quiescent(&mut self) {}

    fn counts(&self) -> &dyn Counts {
        &self.counts
    }

    fn fill(&self, visit: &mut dyn FnMut(&'static str, usize, usize)) {
        visit("queue", self.queue.len(), 0);
        visit("under_way", self.queue.under_way(), self.rules.deliveries as usize);
        visit("waiting", self.queue.waiting(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_words_bring_back_what_they_were_made_of() {
        for number in [0, 7, u32::MAX] {
            for user in [User::RoutingInfo(number), User::MtForwardSm(number), User::Report(number)] {
                assert_eq!(User::from_u64(user.to_u64()), user);
            }
        }
    }
}
