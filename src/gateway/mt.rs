//! Mobile terminated short messages: over IMS, TR 23.804 8.10 (P-8.10), TS 23.204 6.4, TS 24.341 5.3.3.4; directly,
//! TR 23.804 8.4 (P-8.4); and 8.5 steps 5 and 6 (P-8.5). Steps are those of 8.10 where no other clause is named.
//!
//! A user takes one message at a time (RP has one RP-DATA outstanding each way). The worker that got in first holds the
//! user's *MT in progress* word; later messages wait with the holder, whichever worker has their dialogues.

use super::cause::{self, Failure};
use super::mailbox::{ToControl, Version};
use super::sender::{Sender, Tried};
use super::{Crossing, Cx, Gateway, UnmatchedReport, User};
use crate::base::{Inline, Key, Time, TimerId};
use crate::ident::{Digits, Identity, Imsi, WorkerId};
use crate::stack::{Answer, Asked, Deferred, ForwardSm, Invoke, Message, MessageRequest, RequestId, Rp};
use crate::subscriber::{AccessKind, Binding, Holder, Record, SubscriberId};
use std::net::SocketAddr;

/// The longest queue per user that can be configured.
pub const MAX_QUEUE: usize = 16;

/// A message that has arrived for a user, and who waits for its result.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// Who waits.
    pub asked: Asked,
    /// The service centre's address, for RP-OA.
    pub service_centre: Option<Digits>,
    /// The TPDU.
    pub tpdu: Inline<233>,
}

/// How a delivery ended, with the UE's DELIVER-REPORT (empty if it gave none).
#[derive(Clone, Copy, Debug)]
pub struct MtResult {
    /// Nothing if it was delivered.
    pub failure: Option<Failure>,
    /// The DELIVER-REPORT.
    pub report: Inline<233>,
}

impl MtResult {
    /// A failure without a report of the UE.
    #[must_use]
    pub const fn failed(failure: Failure) -> Self {
        Self { failure: Some(failure), report: Inline::EMPTY }
    }
}

/// A delivery report on its way to the holder.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Whose it is: another name in the table means the same subscriber who has registered again.
    pub imsi: Option<Imsi>,
    /// The RP-MR that it repeats.
    pub reference: u8,
    /// What it says.
    pub result: MtResult,
    /// The MESSAGE that waits for an answer, and the worker that has it.
    pub request: Deferred,
    /// That worker.
    pub worker: WorkerId,
    /// The served network, whose policy answers it.
    pub network: u16,
}

/// A user's message in progress, and those that wait behind it.
#[derive(Debug)]
pub(crate) struct Mt {
    subscriber: SubscriberId,
    imsi: Option<Imsi>,
    network: u16,
    reference: u8,
    asked: Asked,
    /// Step 8: the UE has the MESSAGE.
    answered: bool,
    /// The MESSAGE, as long as it may have to be repeated.
    request: Option<RequestId>,
    /// The bindings that it was sent over.
    tried: Tried,
    /// The UE's own binding that it was sent over last, and its address.
    direct: Option<(Version, SocketAddr)>,
    /// The message, kept as long as there is another binding to send it over.
    again: Option<Key>,
    awaiting: Awaiting,
    timer: Option<TimerId>,
    queue: Queue,
}

/// Messages that wait for a user, oldest first.
#[derive(Clone, Copy, Debug, Default)]
struct Queue {
    keys: [Option<Key>; MAX_QUEUE],
    len: usize,
}

impl Queue {
    /// Appends a message; false when there is no place.
    fn push(&mut self, key: Key) -> bool {
        let Some(place) = self.keys.get_mut(self.len) else { return false };
        *place = Some(key);
        self.len += 1;
        true
    }

    fn pop(&mut self) -> Option<Key> {
        let first = self.keys[0].take()?;
        self.keys.rotate_left(1);
        self.len -= 1;
        Some(first)
    }
}

#[derive(Clone, Copy, Debug)]
enum Awaiting {
    /// Step 10: the UE's delivery report.
    Report,
    /// Step 11, done by another worker; then the report is answered with this status.
    ResultSent(Option<ReportRequest>),
}

/// A delivery report that waits for its answer: here, or on another worker.
#[derive(Clone, Copy, Debug)]
struct ReportRequest {
    request: Deferred,
    worker: WorkerId,
    status: u16,
}

/// The name of an entry of ours in a subscriber's *MT in progress* word.
fn holder(worker: WorkerId, key: Key) -> Holder {
    Holder { worker, slot: key.slot, generation: key.generation as u16 }
}

impl Gateway {
    /// The entry of ours that a subscriber's word names.
    fn held(&self, holder: Holder) -> Option<Key> {
        self.mt.key_of(holder.slot).filter(|key| key.generation as u16 == holder.generation)
    }
}

impl Mt {
    /// The network of a UE that was sent the message itself, if `source` is where it was sent.
    pub(super) fn sent_from(&self, source: SocketAddr) -> Option<u16> {
        self.direct.filter(|(_, address)| *address == source).map(|_| self.network)
    }

    /// How many messages of ours wait in the gateway's slab.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len + usize::from(self.again.is_some())
    }
}

/// Step 4: the SMS-GMSC's message. Somebody unknown, or known and not registered, gets his MAP error in this turn.
pub(super) fn on_forward_sm(
    gateway: &mut Gateway,
    now: Time,
    invoke: &Invoke<'_>,
    forward: &ForwardSm<'_>,
    cx: &mut Cx<'_>,
) {
    gateway.counts.mt_received += 1;
    let asked = invoke.asked;
    let Some(tpdu) = Inline::new(forward.tpdu) else {
        send_result(gateway, now, asked, &MtResult::failed(Failure::EquipmentProtocolError), cx);
        return;
    };
    let arrived = Arrived { asked, service_centre: forward.service_centre, tpdu };
    let found = find(gateway, now, forward.imsi);
    if found.is_err() && forward.imsi.is_some_and(|imsi| wait_for_join(gateway, imsi, &arrived)) {
        return;
    }
    // Where nobody registers any more, somebody may have done so a moment ago.
    match found.or_else(|_| find(gateway, now, forward.imsi)) {
        Ok(subscriber) => begin(gateway, now, subscriber, &arrived, cx),
        Err(failure) => {
            gateway.counts.mt_not_registered += u64::from(failure != Failure::UnidentifiedSubscriber);
            gateway.counts.mt_unknown_subscriber += u64::from(failure == Failure::UnidentifiedSubscriber);
            send_result(gateway, now, asked, &MtResult::failed(failure), cx);
        }
    }
}

/// 8.6 steps 3 and 4: the HLR alerts service centres as soon as it has registered a subscriber (8.1 step 4), and a message can
/// be here before step 6. It waits for that. Whether it does.
fn wait_for_join(gateway: &mut Gateway, imsi: Imsi, arrived: &Arrived) -> bool {
    if gateway.for_joining.len() == gateway.for_joining.capacity() {
        return false;
    }
    let Ok(waiting) = gateway.waiting.insert(*arrived) else { return false };
    if !gateway.subscribers.wait_for_join(imsi, gateway.config.worker) {
        gateway.waiting.remove(waiting);
        return false;
    }
    gateway.counts.mt_ahead += 1;
    gateway.for_joining.push((imsi, waiting));
    true
}

/// 8.1 step 6, for messages that came before it: the registration has ended, well or not.
pub(super) fn on_joined(gateway: &mut Gateway, now: Time, imsi: Imsi, cx: &mut Cx<'_>) {
    let found = find(gateway, now, Some(imsi));
    let mut at = 0;
    while let Some(&(of, waiting)) = gateway.for_joining.get(at) {
        if of != imsi {
            at += 1;
            continue;
        }
        gateway.for_joining.remove(at);
        let Some(arrived) = gateway.waiting.remove(waiting) else { continue };
        match found {
            Ok(subscriber) => begin(gateway, now, subscriber, &arrived, cx),
            Err(failure) => {
                gateway.counts.mt_not_registered += 1;
                send_result(gateway, now, arrived.asked, &MtResult::failed(failure), cx);
            }
        }
    }
}

/// The registered subscriber with this IMSI.
fn find(gateway: &Gateway, now: Time, imsi: Option<Imsi>) -> Result<SubscriberId, Failure> {
    let imsi = imsi.ok_or(Failure::UnidentifiedSubscriber)?;
    match gateway.subscribers.by_imsi(imsi) {
        Some(subscriber) if subscriber.is_registered(now) => Ok(subscriber.id()),
        Some(_) => Err(Failure::Absent(cause::DEREGISTERED)),
        None if gateway.serves(imsi) => Err(Failure::Absent(cause::DEREGISTERED)),
        None => Err(Failure::UnidentifiedSubscriber),
    }
}

/// Becomes the user's holder and delivers, or joins the holder's queue, here or on another worker.
fn begin(gateway: &mut Gateway, now: Time, id: SubscriberId, arrived: &Arrived, cx: &mut Cx<'_>) {
    let Some(key) = gateway.mt.next_key() else {
        gateway.counts.mt_full += 1;
        return conclude(gateway, now, arrived.asked, None, &MtResult::failed(Failure::SystemFailure), cx);
    };
    let Some(begun) =
        gateway.subscribers.get(id).map(|subscriber| subscriber.begin_mt(holder(gateway.config.worker, key)))
    else {
        return conclude(
            gateway,
            now,
            arrived.asked,
            None,
            &MtResult::failed(Failure::Absent(cause::DEREGISTERED)),
            cx,
        );
    };
    match begun {
        Ok(reference) => hold(gateway, now, id, reference, arrived, Queue::default(), cx),
        Err(other) if other.worker == gateway.config.worker => join(gateway, now, other, id, arrived, cx),
        Err(other) => {
            if cx
                .outside
                .to_worker(other.worker, Crossing::Arrived { subscriber: id, arrived: *arrived })
                .is_err()
            {
                gateway.counts.crossing_full += 1;
                conclude(gateway, now, arrived.asked, None, &MtResult::failed(Failure::SystemFailure), cx);
            }
        }
    }
}

/// The user's word is ours: delivers `arrived`, with `queue` behind it.
fn hold(
    gateway: &mut Gateway,
    now: Time,
    subscriber: SubscriberId,
    reference: u8,
    arrived: &Arrived,
    queue: Queue,
    cx: &mut Cx<'_>,
) {
    let mt = Mt {
        subscriber,
        imsi: None,
        network: 0,
        reference,
        asked: arrived.asked,
        answered: false,
        request: None,
        tried: Tried::default(),
        direct: None,
        again: None,
        awaiting: Awaiting::Report,
        timer: None,
        queue,
    };
    if let Ok(key) = gateway.mt.insert(mt) {
        deliver(gateway, now, key, arrived, cx);
    }
}

/// Waits behind the message in progress, unless too many do.
fn join(
    gateway: &mut Gateway,
    now: Time,
    holder: Holder,
    id: SubscriberId,
    arrived: &Arrived,
    cx: &mut Cx<'_>,
) {
    let limit = gateway.config.mt_queue.min(MAX_QUEUE);
    let key = gateway.held(holder);
    if let Some(mt) = key.and_then(|key| gateway.mt.get_mut(key)).filter(|mt| mt.subscriber == id)
        && mt.queue.len < limit
        && let Ok(waiting) = gateway.waiting.insert(*arrived)
        && mt.queue.push(waiting)
    {
        gateway.counts.mt_queued += 1;
        return;
    }
    gateway.counts.mt_busy += 1;
    conclude(gateway, now, arrived.asked, None, &MtResult::failed(Failure::Busy), cx);
}

/// A message for a user whom this worker held a moment ago, from the worker that has its dialogue.
pub(super) fn on_arrived_elsewhere(
    gateway: &mut Gateway,
    now: Time,
    id: SubscriberId,
    arrived: &Arrived,
    cx: &mut Cx<'_>,
) {
    begin(gateway, now, id, arrived, cx);
}

/// Step 5: the message goes towards the S-CSCF, with the user's tel URI as Request-URI; or to the UE itself (8.4 step 5),
/// at the address of its binding.
fn deliver(gateway: &mut Gateway, now: Time, key: Key, arrived: &Arrived, cx: &mut Cx<'_>) {
    let Some(mt) = gateway.mt.get_mut(key) else { return };
    let found = gateway.subscribers.get(mt.subscriber);
    let found = found.and_then(|subscriber| Some((subscriber, mt.tried.next(now, &subscriber)?)));
    let sent = found.ok_or(Failure::Absent(cause::DEREGISTERED)).and_then(|(subscriber, binding)| {
        mt.imsi = subscriber.record().imsi();
        mt.network = binding.network;
        mt.direct = (binding.access == AccessKind::Direct).then(|| (Version::of(binding), binding.target));
        mt.answered = false;
        mt.tried.add(binding);
        // Only where it may be needed once more.
        if mt.again.is_none() && mt.tried.next(now, &subscriber).is_some() {
            mt.again = gateway.waiting.insert(*arrived).ok();
        }
        let network = gateway.networks.get(usize::from(binding.network)).ok_or(Failure::SystemFailure)?;
        let user = User::Mt(key);
        let rp = Rp::Deliver {
            reference: mt.reference,
            service_centre: arrived.service_centre,
            tpdu: &arrived.tpdu,
        };
        send(now, &network.uri, subscriber.record(), binding, user, rp, cx)
    });
    match sent {
        Ok(request) => {
            mt.request = Some(request);
            mt.timer = gateway.timers.insert(now + gateway.config.report_timeout, key).ok();
        }
        Err(failure) => finish(gateway, now, key, &MtResult::failed(failure), None, cx),
    }
}

fn send(
    now: Time,
    from: &str,
    record: &Record,
    binding: &Binding,
    user: User,
    rp: Rp<'_>,
    cx: &mut Cx<'_>,
) -> Result<RequestId, Failure> {
    let direct = binding.access == AccessKind::Direct;
    let tel = record.msisdn().and_then(Identity::tel);
    let target = tel.or_else(|| record.default_identity()).ok_or(Failure::SystemFailure)?;
    let request = MessageRequest {
        local: binding.local,
        remote: binding.target,
        connection: binding.connection,
        request_uri: if direct { binding.contact.as_str() } else { target.as_str() },
        to: direct.then(|| target.as_str()),
        from,
        asserted: true,
        route: (!direct).then(|| binding.contact.as_str()),
        in_reply_to: None,
        key: user.call(),
        towards_ue: !direct,
        access_network_info: &[],
        rp,
    };
    cx.stack.message(now, &request, user.to_u64(), cx.outside).map_err(|_| Failure::SystemFailure)
}

/// Step 8: the answer of the S-CSCF or of the UE. A 2xx is not the report; anything else ends the attempt (8.5 step 5).
pub(super) fn on_answered(gateway: &mut Gateway, now: Time, key: Key, status: u16, cx: &mut Cx<'_>) {
    let Some(mt) = gateway.mt.get_mut(key) else { return };
    if !matches!(mt.awaiting, Awaiting::Report) {
        return;
    }
    mt.request = None;
    if (200..300).contains(&status) {
        mt.answered = true;
    } else {
        if status == 408 {
            tell_unreachable(gateway, key, cx);
        }
        let failure = gateway.config.causes.failure_of_status(status);
        fail(gateway, now, key, failure, cx);
    }
}

/// An attempt has failed: the next binding is tried, if there is one (G-6), before failure is reported.
fn fail(gateway: &mut Gateway, now: Time, key: Key, failure: Failure, cx: &mut Cx<'_>) {
    let Some(mt) = gateway.mt.get_mut(key) else { return };
    stop_repeating(mt, cx);
    if let Some(timer) = mt.timer.take() {
        gateway.timers.cancel(timer);
    }
    let next = gateway.subscribers.get(mt.subscriber).and_then(|subscriber| mt.tried.next(now, &subscriber));
    match mt.again.and_then(|again| gateway.waiting.get(again).copied()).filter(|_| next.is_some()) {
        Some(arrived) => {
            gateway.counts.mt_again += 1;
            deliver(gateway, now, key, &arrived, cx);
        }
        None => finish(gateway, now, key, &MtResult::failed(failure), None, cx),
    }
}

/// Nobody waits for the answer to the MESSAGE any more.
fn stop_repeating(mt: &mut Mt, cx: &mut Cx<'_>) {
    if let Some(request) = mt.request.take() {
        cx.stack.cancel_request(request);
    }
}

/// G-5: the control thread learns that a UE is not where it registered from.
fn tell_unreachable(gateway: &mut Gateway, key: Key, cx: &mut Cx<'_>) {
    let Some(mt) = gateway.mt.get(key) else { return };
    let Some((binding, _)) = mt.direct else { return };
    gateway.counts.mt_unreachable += 1;
    if cx.outside.to_control(ToControl::Unreachable { subscriber: mt.subscriber, binding }).is_err() {
        gateway.counts.control_full += 1;
    }
}

/// Step 10: the UE's delivery report, recognised by its RP message and found by In-Reply-To, or else by the user and
/// the RP-MR.
pub(super) fn on_report(
    gateway: &mut Gateway,
    now: Time,
    sender: &Sender,
    message: &Message<'_>,
    cx: &mut Cx<'_>,
) {
    let network = sender.network;
    let (reference, result) = match message.rp {
        Rp::Ack { reference, tpdu } => (
            reference,
            MtResult { failure: None, report: tpdu.and_then(Inline::new).unwrap_or(Inline::EMPTY) },
        ),
        Rp::Error { reference, cause, tpdu } => (
            reference,
            MtResult {
                failure: Some(gateway.config.causes.failure_of_rp_cause(cause)),
                report: tpdu.and_then(Inline::new).unwrap_or(Inline::EMPTY),
            },
        ),
        _ => return,
    };
    let reporter = sender.subscriber.and_then(|id| gateway.subscribers.get(id));
    let (subscriber, imsi, holder) = match (reporter, message.in_reply_to) {
        (Some(it), _) => {
            let holder = it.mt_holder().map(|(holder, _)| (holder, it.id()));
            (Some(it.id()), it.record().imsi(), holder)
        }
        // He has gone since, but only who was sent the message knows what it was called.
        (None, Some(_)) => (None, None, None),
        (None, None) => return unmatched(gateway, now, network, message, cx),
    };
    let Some(request) = cx.stack.defer(now, &message.request) else {
        cx.stack.answer(now, &message.request, 503, cx.outside);
        return;
    };
    let report = Report { imsi, reference, result, request, worker: gateway.config.worker, network };
    match (message.in_reply_to, holder) {
        (Some((worker, key)), _) if worker == gateway.config.worker => {
            accept(gateway, now, Some(key), subscriber, &report, cx);
        }
        (None, Some((holder, _))) if holder.worker == gateway.config.worker => {
            let key = gateway.held(holder);
            accept(gateway, now, key, subscriber, &report, cx);
        }
        (None, Some((holder, subscriber))) => {
            if cx.outside.to_worker(holder.worker, Crossing::Report { subscriber, report }).is_err() {
                gateway.counts.crossing_full += 1;
                cx.stack.answer_deferred(now, request, 503, &Answer::default(), cx.outside);
            }
        }
        _ => accept(gateway, now, None, subscriber, &report, cx),
    }
}

/// A report that another worker took, for a user whom this worker held when it looked.
pub(super) fn on_report_elsewhere(
    gateway: &mut Gateway,
    now: Time,
    subscriber: SubscriberId,
    report: &Report,
    cx: &mut Cx<'_>,
) {
    let holder = gateway.subscribers.get(subscriber).and_then(|subscriber| subscriber.mt_holder());
    let key = holder
        .filter(|(holder, _)| holder.worker == gateway.config.worker)
        .and_then(|(holder, _)| gateway.held(holder));
    accept(gateway, now, key, Some(subscriber), report, cx);
}

/// Ends the delivery that the report is for; a report that fits none is answered by policy.
fn accept(
    gateway: &mut Gateway,
    now: Time,
    key: Option<Key>,
    subscriber: Option<SubscriberId>,
    report: &Report,
    cx: &mut Cx<'_>,
) {
    let fits = |mt: &&Mt| {
        let known = |id: SubscriberId| mt.subscriber == id || mt.imsi.is_some() && mt.imsi == report.imsi;
        let same = subscriber.is_none_or(known);
        same && mt.network == report.network
            && mt.reference == report.reference
            && matches!(mt.awaiting, Awaiting::Report)
    };
    let found = key.filter(|key| gateway.mt.get(*key).as_ref().is_some_and(fits));
    let status = report_status(gateway, report.network, found.is_some());
    let request = ReportRequest { request: report.request, worker: report.worker, status };
    match found {
        Some(key) => finish(gateway, now, key, &report.result, Some(request), cx),
        None => {
            gateway.counts.report_unmatched += 1;
            answer_report(gateway, now, request, cx);
        }
    }
}

fn report_status(gateway: &Gateway, network: u16, matched: bool) -> u16 {
    match gateway.networks.get(usize::from(network)) {
        Some(network) if !matched && network.report_unmatched == UnmatchedReport::NotAcceptable => 488,
        Some(network) => network.report_answer,
        None => 403,
    }
}

fn unmatched(gateway: &mut Gateway, now: Time, network: u16, message: &Message<'_>, cx: &mut Cx<'_>) {
    gateway.counts.report_unmatched += 1;
    let status = report_status(gateway, network, false);
    cx.stack.answer(now, &message.request, status, cx.outside);
}

/// 8.5 step 5: the UE took the message and never reported, or never answered at all.
pub(super) fn on_report_timeout(gateway: &mut Gateway, now: Time, key: Key, cx: &mut Cx<'_>) {
    let Some(mt) = gateway.mt.get_mut(key) else { return };
    mt.timer = None;
    match mt.awaiting {
        Awaiting::Report => {
            match mt.answered {
                true => gateway.counts.mt_no_report += 1,
                false => tell_unreachable(gateway, key, cx),
            }
            fail(gateway, now, key, Failure::Absent(cause::NO_RESPONSE), cx);
        }
        // The worker with the dialogue never said that the result has gone: its ring was full.
        Awaiting::ResultSent(report) => release(gateway, now, key, report, cx),
    }
}

/// Step 11: the MAP result, on the worker that has the dialogue; then step 14 and the next message for the user.
fn finish(
    gateway: &mut Gateway,
    now: Time,
    key: Key,
    result: &MtResult,
    report: Option<ReportRequest>,
    cx: &mut Cx<'_>,
) {
    let Some(mt) = gateway.mt.get_mut(key) else { return };
    stop_repeating(mt, cx);
    if let Some(again) = mt.again.take() {
        gateway.waiting.remove(again);
    }
    if let Some(timer) = mt.timer.take() {
        gateway.timers.cancel(timer);
    }
    // 8.6: who could not be reached is waited for.
    if let Some(subscriber) = gateway.subscribers.get(mt.subscriber) {
        match result.failure {
            Some(Failure::Absent(_)) => subscriber.set_unri(),
            None => drop(subscriber.take_unri()),
            Some(_) => {}
        }
    }
    let (asked, worker) = (mt.asked, gateway.config.worker);
    if asked.worker != worker {
        await_result(gateway, now, key, report);
        return conclude(gateway, now, asked, Some((worker, key)), result, cx);
    }
    let way = send_result(gateway, now, asked, result, cx);
    match way.filter(|way| *way != worker && report.is_some()) {
        Some(way) => {
            await_result(gateway, now, key, report);
            gateway.tell(way, Crossing::ResultPasses { worker, key }, cx);
        }
        None => {
            if report.is_some() {
                cx.stack.send_off(now, cx.outside);
            }
            release(gateway, now, key, report, cx);
        }
    }
}

/// Other workers say when the result has gone.
fn await_result(gateway: &mut Gateway, now: Time, key: Key, report: Option<ReportRequest>) {
    if let Some(mt) = gateway.mt.get_mut(key) {
        mt.awaiting = Awaiting::ResultSent(report);
        mt.timer = gateway.timers.insert(now + gateway.config.report_timeout, key).ok();
    }
}

/// Step 11 for another worker's dialogue: the result came by the same ring just before, and leaves now.
pub(super) fn on_result_passes(
    gateway: &mut Gateway,
    now: Time,
    worker: WorkerId,
    key: Key,
    cx: &mut Cx<'_>,
) {
    cx.stack.send_off(now, cx.outside);
    if worker == gateway.config.worker {
        on_result_sent(gateway, now, key, cx);
    } else {
        gateway.tell(worker, Crossing::ResultSent { key }, cx);
    }
}

/// Step 11 done elsewhere.
pub(super) fn on_result_sent(gateway: &mut Gateway, now: Time, key: Key, cx: &mut Cx<'_>) {
    let Some(mt) = gateway.mt.get_mut(key) else { return };
    if let Awaiting::ResultSent(report) = mt.awaiting {
        if let Some(timer) = mt.timer.take() {
            gateway.timers.cancel(timer);
        }
        release(gateway, now, key, report, cx);
    }
}

/// Step 14: the report's answer; then the user's next message, or the user is free.
fn release(gateway: &mut Gateway, now: Time, key: Key, report: Option<ReportRequest>, cx: &mut Cx<'_>) {
    if let Some(report) = report {
        answer_report(gateway, now, report, cx);
    }
    if let Some(mt) = gateway.mt.remove(key) {
        deliver_next(gateway, now, key, mt.subscriber, mt.queue, cx);
    }
}

/// The oldest message that waits is next, and the user's word passes to it without a moment in which another worker
/// could overtake; what its SMS-GMSC has given up is left out.
fn deliver_next(
    gateway: &mut Gateway,
    now: Time,
    from: Key,
    id: SubscriberId,
    mut queue: Queue,
    cx: &mut Cx<'_>,
) {
    let worker = gateway.config.worker;
    while let Some(arrived) = queue.pop().and_then(|waiting| gateway.waiting.remove(waiting)) {
        if arrived.asked.worker == worker && !cx.stack.is_open(arrived.asked.dialogue) {
            continue;
        }
        let passed = gateway
            .mt
            .next_key()
            .and_then(|to| gateway.subscribers.get(id)?.pass_mt(holder(worker, from), holder(worker, to)));
        match passed {
            Some(reference) => return hold(gateway, now, id, reference, &arrived, queue, cx),
            // The subscriber has gone, and the word with it.
            None => {
                let absent = MtResult::failed(Failure::Absent(cause::DEREGISTERED));
                conclude(gateway, now, arrived.asked, None, &absent, cx);
            }
        }
    }
    if let Some(subscriber) = gateway.subscribers.get(id) {
        subscriber.end_mt(holder(worker, from));
    }
}

fn answer_report(gateway: &mut Gateway, now: Time, report: ReportRequest, cx: &mut Cx<'_>) {
    if report.worker == gateway.config.worker {
        cx.stack.answer_deferred(now, report.request, report.status, &Answer::default(), cx.outside);
    } else {
        let answer = Crossing::ReportAnswer { request: report.request, status: report.status };
        gateway.tell(report.worker, answer, cx);
    }
}

/// Brings a result to whoever asked, here or on another worker.
fn conclude(
    gateway: &mut Gateway,
    now: Time,
    asked: Asked,
    holder: Option<(WorkerId, Key)>,
    result: &MtResult,
    cx: &mut Cx<'_>,
) {
    if asked.worker == gateway.config.worker {
        send_result(gateway, now, asked, result, cx);
    } else {
        gateway.tell(asked.worker, Crossing::Result { asked, holder, result: *result }, cx);
    }
}

/// The result of a delivery that another worker made, for a dialogue of this one.
pub(super) fn on_result_elsewhere(
    gateway: &mut Gateway,
    now: Time,
    asked: Asked,
    holder: Option<(WorkerId, Key)>,
    result: &MtResult,
    cx: &mut Cx<'_>,
) {
    let way = send_result(gateway, now, asked, result, cx);
    let Some((worker, key)) = holder else { return };
    match way.filter(|way| *way != gateway.config.worker) {
        Some(way) => gateway.tell(way, Crossing::ResultPasses { worker, key }, cx),
        None => on_result_passes(gateway, now, worker, key, cx),
    }
}

/// Step 11: the MAP result, or the user error of 8.5 step 6; nothing if the SMS-GMSC has given up meanwhile. Gives the
/// worker whose association it leaves by, if it is sent.
fn send_result(
    gateway: &mut Gateway,
    now: Time,
    asked: Asked,
    result: &MtResult,
    cx: &mut Cx<'_>,
) -> Option<WorkerId> {
    if !cx.stack.is_open(asked.dialogue) {
        return None;
    }
    let report = (!result.report.is_empty()).then_some(&result.report[..]);
    match result.failure {
        None => {
            gateway.counts.mt_delivered += 1;
            cx.stack.mt_forward_sm_result(now, &asked, report, cx.outside)
        }
        Some(failure) => {
            gateway.counts.mt_failed += 1;
            let error = cause::map_error(failure, report);
            cx.stack.user_error(now, &asked, &error, cx.outside)
        }
    }
}
