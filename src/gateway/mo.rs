//! Mobile originated short messages: over IMS, TR 23.804 8.9 (P-8.9), TS 23.204 6.3, TS 24.341 5.3.3.4; and directly,
//! TR 23.804 8.3 (P-8.3). Steps are those of 8.9; 8.3 has the same ones in fewer.

use core::net::SocketAddr;
use core::time::Duration;

use super::charging::{Charging, End, MessageEnd};
use super::sender::{Sender, Tried, is_of_flow};
use super::{Crossing, Cx, Gateway, Timed, User, alerting, cause, duplicates};
use crate::base::{Connection, Inline, Key, Time, TimerId};
use crate::ident::{Identity, Imsi, Number, WorkerId};
use crate::stack::{Message, MessageRequest, MoForward, Outcome, Refusal, Rp, submit_report};
use crate::subscriber::{AccessKind, LastMo, SubscriberId};

/// Repeats of one submission that wait for its report, at most.
const REPEATS: usize = 4;
/// How much longer than the service centre may take another worker may take to say what became of the same submission.
const CROSSING: Duration = Duration::from_secs(10);

/// A submission between its 202 and its submit report's answer, named by what is awaited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mo {
    awaiting: Awaiting,
    network: u16,
    /// The RP-MR that the report repeats.
    reference: u8,
    /// Whether the report goes straight to the UE.
    direct: bool,
    /// Whom the report goes to: the identity that the core asserted, or the UE's contact.
    originator: Identity,
    subscriber: SubscriberId,
    /// The submission's Call-ID, for the report's In-Reply-To; empty if it is longer.
    call_id: Inline<256>,
    remote: SocketAddr,
    local: SocketAddr,
    /// The UE's stream, if it registered by one: the report goes back by that.
    connection: Option<Connection>,
    /// The bindings that the report was sent over, the first of which is the submission's.
    tried: Tried,
    /// The report, kept as long as there is another binding to send it over.
    report: Option<Key>,
    /// Where it is remembered, for the same again.
    last: Option<LastMo>,
    /// The same again, here or on other workers: they get this one's report.
    repeats: [Option<(WorkerId, Key)>; REPEATS],
    /// Another worker has the same under way, and may lose sight of this one.
    timer: Option<TimerId>,
    /// RP-Cause of the report, if it is an RP-ERROR.
    cause: Option<u8>,
    /// What is known of the submission for charging.
    charging: Charging,
}

impl Mo {
    pub(super) fn has_report(&self) -> bool {
        self.report.is_some()
    }

    /// Checks what must hold between any two calls.
    pub(super) fn assert_invariants(&self) {
        assert!(self.timer.is_none() || self.last.is_none(), "sent on, and still another worker's");
    }

    pub(super) fn network(&self) -> u16 {
        self.network
    }

    /// It is remembered there.
    pub(super) fn remember(&mut self, last: LastMo) {
        self.last = Some(last);
    }

    /// It is no more remembered there.
    pub(super) fn forget(&mut self) -> Option<LastMo> {
        self.last.take()
    }

    /// The same again gets its report too; false if too many wait for that, or it is on its way.
    pub(super) fn wait_for(&mut self, who: (WorkerId, Key)) -> bool {
        let place = self.repeats.iter_mut().find(|place| place.is_none());
        match place.filter(|_| self.awaiting == Awaiting::Outcome) {
            Some(place) => {
                *place = Some(who);
                true
            }
            None => false,
        }
    }
}

/// What a UE has submitted: a short message, or the notice of free memory.
#[derive(Clone, Copy, Debug)]
pub struct Submission {
    /// Whose.
    pub subscriber: SubscriberId,
    /// The name of the UE's binding, if it registered here itself; else zero: one UE can't be told from another.
    pub device: u64,
    /// A keyed hash of the identity that the core asserted, since several persons may stand behind one subscriber; zero if
    /// the UE registered here itself, which [`Submission::device`] tells.
    pub originator: u64,
    /// RP-MR.
    pub reference: u8,
    /// The service centre's number as it came; none: a notice of free memory.
    pub service_centre: Option<Number>,
    /// The TPDU; empty for a notice of free memory.
    pub tpdu: Inline<233>,
}

impl Submission {
    /// Whether it is the same, of the same person and UE as far as that can be told.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let may_be = |one: u64, other: u64| one == other || one == 0 || other == 0;
        may_be(self.device, other.device)
            && may_be(self.originator, other.originator)
            && self.subscriber == other.subscriber
            && self.reference == other.reference
            && self.service_centre == other.service_centre
            && self.tpdu[..] == other.tpdu[..]
    }

    /// What the same has alike, beside the TPDU.
    pub(super) fn key(&self) -> [u8; 26] {
        let (kind, digits) =
            self.service_centre.map_or((0, 0), |number| (number.octet(), number.digits.to_u128()));
        let mut key = [0; 26];
        key[..8].copy_from_slice(&self.subscriber.to_u64().to_be_bytes());
        (key[8], key[9]) = (self.reference, kind);
        key[10..].copy_from_slice(&digits.to_be_bytes());
        key
    }
}

/// A submit report: RP-ACK, or RP-ERROR with its cause; and the SUBMIT-REPORT, empty if there is none.
#[derive(Clone, Copy, Debug)]
pub struct SubmitReport {
    cause: Option<u8>,
    tpdu: Inline<233>,
}

impl SubmitReport {
    fn of(report: Reported<'_>) -> Self {
        let (cause, tpdu) = match report {
            Ok(tpdu) => (None, tpdu),
            Err((cause, tpdu)) => (Some(cause), tpdu),
        };
        Self { cause, tpdu: tpdu.and_then(Inline::new).unwrap_or(Inline::EMPTY) }
    }

    /// RP-ERROR with this cause.
    pub(super) const fn refused(cause: u8) -> Self {
        Self { cause: Some(cause), tpdu: Inline::EMPTY }
    }

    fn reported(&self) -> Reported<'_> {
        let tpdu = (!self.tpdu.is_empty()).then_some(&self.tpdu[..]);
        match self.cause {
            None => Ok(tpdu),
            Some(cause) => Err((cause, tpdu)),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Awaiting {
    /// Step 9: the service centre's result.
    Outcome,
    /// Step 13: the UE's answer to the report.
    ReportAnswer,
}

/// What the originator is told: RP-ACK or RP-ERROR with its cause, and the SUBMIT-REPORT if there is one.
pub(super) type Reported<'a> = Result<Option<&'a [u8]>, (u8, Option<&'a [u8]>)>;

/// What is known of the sender of a MESSAGE that has been answered 202: the UE waits for its RP-ACK or RP-ERROR.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepted {
    pub(super) key: Key,
    pub(super) network: u16,
    pub(super) subscriber: SubscriberId,
    /// The name of the binding, if the UE registered here itself; else zero.
    pub(super) device: u64,
    /// A keyed hash of the identity that the core asserted; else zero.
    pub(super) originator: u64,
    /// The subscriber, if a message had not reached him, and he is there again.
    pub(super) present: Option<Imsi>,
}

/// Step 3 (8.3 step 2): a MESSAGE from the S-CSCF, or from the UE, whose sender must be registered. Step 4: 202 Accepted.
pub(super) fn accept(
    gateway: &mut Gateway,
    now: Time,
    sender: &Sender,
    message: &Message<'_>,
    cx: &mut Cx<'_>,
) -> Option<Accepted> {
    let network = sender.network;
    let found = sender.subscriber.and_then(|id| gateway.subscribers.get(id));
    let found_nobody = found.is_none();
    let found =
        found.and_then(|subscriber| Some((subscriber, sender.binding(now, &subscriber)?, sender.identity?)));
    let Some((subscriber, (at, binding), originator)) = found else {
        let is_unknown = found_nobody && !gateway.config.loading.is_done();
        gateway.counts.mo_not_registered += u64::from(!is_unknown);
        let status = if is_unknown { gateway.refuse_unloaded() } else { 403 };
        cx.stack.answer(now, &message.request, status, cx.outside);
        return None;
    };
    // A notice of free memory is no message: it is as true over any access.
    let preferred = matches!(message.rp, Rp::MemoryAvailable { .. })
        || subscriber
            .holding(now)
            .filter(|&other| other != at)
            .all(|other| subscriber.record().priority(other).is_none_or(|it| it <= binding.priority));
    if !preferred && gateway.networks.get(usize::from(network)).is_some_and(|it| it.mo_preferred_only) {
        gateway.counts.mo_not_preferred += 1;
        cx.stack.answer(now, &message.request, 403, cx.outside);
        return None;
    }
    let present = alerting::present(&subscriber);
    let subscriber = subscriber.id();
    if gateway.mo.len() == gateway.mo.capacity() {
        gateway.counts.mo_full += 1;
        cx.stack.answer(now, &message.request, 503, cx.outside);
        return None;
    }
    // To refuse a long one would be for ever: its report goes without In-Reply-To.
    let call_id = Inline::new(message.call_id).unwrap_or(Inline::EMPTY);
    gateway.counts.mo_accepted += 1;
    cx.stack.answer(now, &message.request, 202, cx.outside);
    let direct = sender.access == AccessKind::Direct;
    let remote = match direct {
        true => binding.target,
        // What came by another host of the core is answered by way of the S-CSCF that has the user.
        false => gateway.scscf_of(network, message.request.source, &binding),
    };
    let mut tried = Tried::default();
    tried.add(&binding);
    let mo = Mo {
        awaiting: Awaiting::Outcome,
        network,
        reference: message.rp.reference(),
        direct,
        originator,
        subscriber,
        call_id,
        remote,
        local: message.request.local,
        connection: message.request.connection.filter(|_| direct),
        tried,
        report: None,
        last: None,
        repeats: [None; REPEATS],
        timer: None,
        cause: None,
        charging: Charging::of(message, !direct),
    };
    let key = gateway.mo.insert(mo).ok()?;
    let (device, originator) = match direct {
        true => (binding.registration, 0),
        false => (0, cx.stack.fingerprint(&[originator.as_bytes()], &[])),
    };
    Some(Accepted { key, network, subscriber, device, originator, present })
}

/// Steps 3 and 4, and step 6 (8.3 step 3): mo-forwardSM towards the SMS-IWMSC, with the MSISDN of the binding; unless it is a
/// message that was submitted before.
pub(super) fn on_message(
    gateway: &mut Gateway,
    now: Time,
    sender: &Sender,
    message: &Message<'_>,
    cx: &mut Cx<'_>,
) {
    let Some(accepted) = accept(gateway, now, sender, message, cx) else { return };
    match submission(gateway, &accepted, message) {
        Ok(submission) => duplicates::begin(gateway, now, accepted.key, &submission, None, cx),
        Err(cause) => {
            gateway.counts.rp_faulty += u64::from(matches!(message.rp, Rp::Faulty { .. }));
            send_report(gateway, now, accepted.key, Err((cause, None)), cx);
        }
    }
    if let Some(imsi) = accepted.present {
        alerting::on_present(gateway, now, accepted.network, imsi, cx);
    }
}

/// What is submitted, or the RP-Cause of the error that the UE gets.
pub(super) fn submission(
    gateway: &Gateway,
    accepted: &Accepted,
    message: &Message<'_>,
) -> Result<Submission, u8> {
    let of = |service_centre, tpdu| Submission {
        subscriber: accepted.subscriber,
        device: accepted.device,
        originator: accepted.originator,
        reference: message.rp.reference(),
        service_centre,
        tpdu,
    };
    match message.rp {
        Rp::Submit { service_centre, tpdu, .. } => {
            let served =
                gateway.networks.get(usize::from(accepted.network)).ok_or(cause::NETWORK_OUT_OF_ORDER)?;
            let service_centre =
                service_centre.or(message.request_number).ok_or(cause::INVALID_MANDATORY_INFORMATION)?;
            let key = served.numbering.key(service_centre);
            if !key.is_some_and(|key| served.allows_service_centre(key)) {
                return Err(cause::UNASSIGNED_NUMBER);
            }
            let tpdu = Inline::new(tpdu).ok_or(cause::INVALID_MANDATORY_INFORMATION)?;
            Ok(of(Some(service_centre), tpdu))
        }
        Rp::MemoryAvailable { .. } => Ok(of(None, Inline::EMPTY)),
        Rp::Faulty { cause, .. } => Err(cause),
        Rp::Deliver { .. } | Rp::Ack { .. } | Rp::Error { .. } => Err(cause::MESSAGE_TYPE_NON_EXISTENT),
    }
}

/// Step 6: sends what was submitted on, or tells the RP-Cause of why it can't.
pub(super) fn carry_out(
    gateway: &mut Gateway,
    now: Time,
    key: Key,
    submission: &Submission,
    cx: &mut Cx<'_>,
) -> Result<(), u8> {
    let Some(mo) = gateway.mo.get(key) else { return Ok(()) };
    let network = mo.network;
    let subscriber = gateway.subscribers.get(submission.subscriber).ok_or(cause::UNIDENTIFIED_SUBSCRIBER)?;
    let (msisdn, imsi) = (subscriber.record().msisdn(), subscriber.record().imsi());
    let Some(number) = submission.service_centre else {
        return alerting::tell_hlr(gateway, now, key, network, imsi, cx);
    };
    let served = gateway.networks.get(usize::from(network)).ok_or(cause::NETWORK_OUT_OF_ORDER)?;
    let service_centre = served.numbering.key(number).ok_or(cause::UNASSIGNED_NUMBER)?;
    let forward = MoForward {
        title: served.title,
        ssn: served.node.ssn(),
        service_centre,
        destination: served.numbering.outward(number, service_centre),
        msisdn: Gateway::originator(msisdn),
        imsi,
        tpdu: &submission.tpdu,
    };
    cx.stack.mo_forward_sm(now, &forward, User::Mo(key).to_u64(), cx.outside).map_err(cause::of_refusal)
}

/// Another worker is asked, or tells in its time, what becomes of the same submission.
pub(super) fn await_other(gateway: &mut Gateway, now: Time, key: Key) {
    let deadline = now + gateway.config.forward_timeout + CROSSING;
    if let Some(mo) = gateway.mo.get_mut(key).filter(|mo| mo.timer.is_none()) {
        mo.timer = gateway.timers.insert(deadline, Timed::Mo(key)).ok();
    }
}

/// Another worker has told what it knows: nobody is waited for.
pub(super) fn await_nobody(gateway: &mut Gateway, key: Key) {
    if let Some(timer) = gateway.mo.get_mut(key).and_then(|mo| mo.timer.take()) {
        gateway.timers.cancel(timer);
    }
}

/// Another worker has lost sight of it.
pub(super) fn on_timeout(gateway: &mut Gateway, now: Time, key: Key, cx: &mut Cx<'_>) {
    if let Some(mo) = gateway.mo.get_mut(key) {
        mo.timer = None;
    }
    send_report(gateway, now, key, Err((cause::NETWORK_OUT_OF_ORDER, None)), cx);
}

/// Whether a submission waits for what becomes of it.
pub(super) fn is_waiting(gateway: &Gateway, key: Key) -> bool {
    gateway.mo.get(key).is_some_and(|mo| mo.awaiting == Awaiting::Outcome)
}

/// The report of a submission, for the same again.
pub(super) fn pass_report(
    gateway: &mut Gateway,
    now: Time,
    (worker, key): (WorkerId, Key),
    report: &SubmitReport,
    cx: &mut Cx<'_>,
) {
    if worker == gateway.config.worker {
        send_report(gateway, now, key, report.reported(), cx);
    } else {
        gateway.tell(worker, Crossing::Submitted { key, report: *report }, cx);
    }
}

/// Step 9: the SMS-IWMSC's delivery report, or the failure of the way there.
pub(super) fn on_outcome(gateway: &mut Gateway, now: Time, key: Key, outcome: &Outcome<'_>, cx: &mut Cx<'_>) {
    if let Outcome::Result { tpdu, .. } = *outcome {
        return send_report(gateway, now, key, Ok(tpdu), cx);
    }
    // Nothing was taken: the same again may succeed. After a time-out or an abort nobody knows.
    if matches!(outcome, Outcome::Error(_) | Outcome::NotDelivered(_)) {
        duplicates::forget(gateway, key);
    }
    let causes = &gateway.config.causes;
    let (cause, failure) = (causes.rp_cause_of(outcome), causes.fcs_of(outcome));
    let own = failure.zip(gateway.since_1970(now)).map(|(failure, at)| submit_report(failure, at));
    let tpdu = cause::diagnostic(outcome).or(own.as_ref().map(|own| &own[..]));
    send_report(gateway, now, key, Err((cause, tpdu)), cx);
}

/// Step 10 (8.3 step 7): the submit report goes to the UE as a MESSAGE of its own.
pub(super) fn send_report(gateway: &mut Gateway, now: Time, key: Key, report: Reported<'_>, cx: &mut Cx<'_>) {
    let Some(mo) = gateway.mo.get_mut(key).filter(|mo| mo.awaiting == Awaiting::Outcome) else { return };
    if let Some(timer) = mo.timer.take() {
        gateway.timers.cancel(timer);
    }
    match report {
        Ok(_) => gateway.counts.mo_acknowledged += 1,
        Err(_) => gateway.counts.mo_failed += 1,
    }
    mo.awaiting = Awaiting::ReportAnswer;
    mo.cause = report.err().map(|(cause, _)| cause);
    let (last, repeats) = (mo.last.take(), core::mem::take(&mut mo.repeats));
    let subscriber = gateway.subscribers.get(mo.subscriber);
    if subscriber.is_some_and(|subscriber| mo.tried.next(now, &subscriber).is_some()) {
        mo.report = gateway.reports.insert(SubmitReport::of(report)).ok();
    }
    if let Some(last) = last {
        duplicates::ended(gateway, last, SubmitReport::of(report));
    }
    send(gateway, now, key, report, cx);
    // Those are of no submission of their own: none of them has repeats.
    for who in repeats.into_iter().flatten() {
        pass_report(gateway, now, who, &SubmitReport::of(report), cx);
    }
}

fn send(gateway: &mut Gateway, now: Time, key: Key, report: Reported<'_>, cx: &mut Cx<'_>) {
    let icid = gateway.next_icid();
    let Some(mo) = gateway.mo.get(key) else { return };
    let Some(network) = gateway.networks.get(usize::from(mo.network)) else { return };
    let reference = mo.reference;
    let rp = match report {
        Ok(tpdu) => Rp::Ack { reference, tpdu },
        Err((cause, tpdu)) => Rp::Error { reference, cause, tpdu },
    };
    let route = network.scscf_at(mo.remote).filter(|_| !mo.direct).map(|scscf| scscf.uri);
    let request = MessageRequest {
        local: mo.local,
        remote: mo.remote,
        connection: mo.connection,
        request_uri: mo.originator.as_str(),
        to: None,
        from: &network.uri,
        asserted: true,
        route: route.as_ref().map(Identity::as_str),
        in_reply_to: (!mo.call_id.is_empty()).then_some(&mo.call_id[..]),
        key: User::Mo(key).call(),
        towards_ue: !mo.direct,
        access_network_info: &[],
        charging: (!mo.direct).then_some((&icid[..], network.ioi.as_bytes())),
        rp,
    };
    let user = User::Mo(key).to_u64();
    let mut sent = cx.stack.message(now, &request, user, cx.outside);
    let mut bare = mo.call_id.is_empty();
    if sent == Err(Refusal::TooLong) && !bare {
        bare = true;
        let request = MessageRequest { in_reply_to: None, ..request };
        sent = cx.stack.message(now, &request, user, cx.outside);
    }
    gateway.counts.mo_report_bare += u64::from(bare && sent.is_ok());
    if sent.is_err() {
        give_up(gateway, now, key, cx);
    }
}

/// Steps 12 and 13: the UE has acknowledged the report, or has not taken it. Then it gets it over another binding, if
/// there is one (G-6); else it repeats its submission.
pub(super) fn on_report_answered(gateway: &mut Gateway, now: Time, key: Key, status: u16, cx: &mut Cx<'_>) {
    let Some(mo) = gateway.mo.get_mut(key) else { return };
    if (200..300).contains(&status) {
        return end(gateway, now, key, true, cx);
    }
    if !is_of_flow(status) {
        mo.tried.answered();
    }
    let next = gateway.subscribers.get(mo.subscriber).and_then(|subscriber| {
        let binding = mo.tried.next(now, &subscriber)?;
        let identity = match binding.access {
            AccessKind::Ims => subscriber.record().default_identity()?,
            AccessKind::Direct => binding.contact,
        };
        Some((binding, identity))
    });
    let report = mo.report.and_then(|report| gateway.reports.get(report).copied());
    let (Some((binding, identity)), Some(report)) = (next, report) else {
        return give_up(gateway, now, key, cx);
    };
    gateway.counts.mo_report_again += 1;
    mo.tried.add(&binding);
    mo.network = binding.network;
    mo.direct = binding.access == AccessKind::Direct;
    mo.originator = identity;
    mo.remote = binding.target;
    mo.local = binding.local;
    mo.connection = binding.connection;
    send(gateway, now, key, report.reported(), cx);
}

/// The UE does not get its report.
fn give_up(gateway: &mut Gateway, now: Time, key: Key, cx: &mut Cx<'_>) {
    gateway.counts.mo_report_undelivered += u64::from(gateway.mo.get(key).is_some());
    end(gateway, now, key, false, cx);
}

/// It is over, whether or not the UE has taken its report.
fn end(gateway: &mut Gateway, now: Time, key: Key, is_told: bool, cx: &mut Cx<'_>) {
    let Some(mo) = gateway.mo.remove(key) else { return };
    if let Some(report) = mo.report {
        gateway.reports.remove(report);
    }
    let end = End::Submitted { cause: mo.cause, is_told };
    let imsi = gateway.subscribers.get(mo.subscriber).and_then(|subscriber| subscriber.record().imsi());
    gateway.ended(now, &MessageEnd { network: mo.network, imsi, end, charging: mo.charging }, cx);
}
