//! Mobile terminated short messages: over IMS, TR 23.804 8.10 (P-8.10), TS 23.204 6.4, TS 24.341 5.3.3.4; directly,
//! TR 23.804 8.4 (P-8.4); and 8.5 steps 5 and 6 (P-8.5). Steps are those of 8.10 where no other clause is named.
//!
//! A user takes one message at a time (RP has one RP-DATA outstanding each way). The worker that got in first holds the
//! user's *MT in progress* word; later messages wait with the holder, whichever worker has their dialogues. Where the
//! SMS-GMSC has more messages for him, the user is kept for the next one of that dialogue, for a while.

mod deliver;
mod report;
mod result;

use super::cause::{self, Failure};
use super::charging::Charging;
use super::mailbox::Version;
use super::sender::Tried;
use super::{Crossing, Cx, Gateway};
use crate::base::{Inline, Key, Time, TimerId};
use crate::ident::{Identity, Imsi, Number, WorkerId};
use crate::stack::{Asked, Deferred, ForwardSm, Invoke, RequestId};
use crate::subscriber::{AccessNetworkInfo, Holder, SubscriberId};
use std::net::SocketAddr;

use deliver::deliver;
pub(super) use deliver::{on_answered, on_report_timeout};
pub(super) use report::{on_report, on_report_elsewhere};
use result::{conclude, pass_on, send_result};
pub(super) use result::{
    on_dialogue_gone, on_no_more, on_result_elsewhere, on_result_passes, on_result_sent,
};

/// The longest queue per user that can be configured.
pub const MAX_QUEUE: usize = 16;

/// A message that has arrived for a user, and who waits for its result.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// Who waits.
    pub asked: Asked,
    /// The service centre's address, for RP-OA.
    pub service_centre: Option<Number>,
    /// The TPDU.
    pub tpdu: Inline<233>,
    /// Whether another is to follow in the same dialogue (moreMessagesToSend).
    pub more: bool,
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

/// A delivery report on its way to its message.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Whose it is, unless he is in the table no more.
    pub subscriber: Option<SubscriberId>,
    /// His IMSI: another name in the table means the same subscriber who has registered again.
    pub imsi: Option<Imsi>,
    /// Who has sent it, as the core asserts, or the UE's contact.
    pub sender: Option<Identity>,
    /// Whether it has an In-Reply-To.
    pub has_in_reply_to: bool,
    /// The IMSI of whom the message is for that In-Reply-To names and that it is none of; and that message's RP-MR.
    pub named: Option<(Option<Imsi>, u8)>,
    /// The message that our token names, until that was tried.
    pub token: Option<(WorkerId, Key)>,
    /// Whether it was passed to the worker that held the user.
    pub passed: bool,
    /// The RP-MR that it repeats.
    pub reference: u8,
    /// What it says.
    pub result: MtResult,
    /// By which access the UE has sent it.
    pub access_network_info: AccessNetworkInfo,
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
    /// Whether another message is to follow in its dialogue, for which the user is kept once this one is delivered.
    more: bool,
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
    /// What is known of it for charging.
    charging: Charging,
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

    /// Takes one out of its place.
    fn take(&mut self, at: usize) -> Option<Key> {
        let taken = self.keys.get_mut(at..self.len)?.first_mut()?.take();
        self.keys.get_mut(at..)?.rotate_left(1);
        self.len -= 1;
        taken
    }

    fn pop(&mut self) -> Option<Key> {
        self.take(0)
    }
}

#[derive(Clone, Copy, Debug)]
enum Awaiting {
    /// Step 10: the UE's delivery report.
    Report,
    /// Step 11, done by another worker; then the report is answered with this status.
    ResultSent(Option<ReportRequest>),
    /// Step 4 once more: the next message of the same dialogue (TS 29.002 23.3.2).
    NextMessage,
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

    /// Whether it is being sent to the UE itself.
    pub(super) fn is_direct(&self) -> bool {
        self.direct.is_some()
    }

    /// Whether it is over, and its user kept for the next message of its dialogue.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.awaiting, Awaiting::NextMessage)
    }

    /// Whether a message of this dialogue is the one that is to follow.
    fn is_followed_by(&self, asked: &Asked) -> bool {
        self.more && (self.asked.worker, self.asked.dialogue) == (asked.worker, asked.dialogue)
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
    let more = forward.more_messages;
    let arrived = Arrived { asked, service_centre: forward.service_centre, tpdu, more };
    let found = find(gateway, now, forward.imsi);
    if found.is_err() && forward.imsi.is_some_and(|imsi| wait_for_join(gateway, imsi, &arrived)) {
        return;
    }
    // Where nobody registers any more, somebody may have done so a moment ago.
    match found.or_else(|_| find(gateway, now, forward.imsi)) {
        Ok(subscriber) => begin(gateway, now, subscriber, &arrived, cx),
        Err(failure) => {
            gateway.counts.mt_not_registered += u64::from(matches!(failure, Failure::Absent(_)));
            gateway.counts.mt_not_loaded += u64::from(failure == Failure::SystemFailure);
            gateway.counts.mt_unknown_subscriber += u64::from(failure == Failure::UnidentifiedSubscriber);
            gateway.note_refused(now, forward.imsi, failure);
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
                gateway.note_refused(now, Some(imsi), failure);
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
        None if !gateway.config.loading.has(imsi) => Err(Failure::SystemFailure),
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
        more: arrived.more,
        answered: false,
        request: None,
        tried: Tried::default(),
        direct: None,
        again: None,
        awaiting: Awaiting::Report,
        timer: None,
        queue,
        charging: Charging { icid: gateway.next_icid(), ..Charging::NONE },
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
    let found = key.and_then(|key| Some((key, gateway.mt.get_mut(key).filter(|mt| mt.subscriber == id)?)));
    let follows = found.as_ref().is_some_and(|(_, mt)| mt.is_followed_by(&arrived.asked));
    if let Some((key, mt)) = &found
        && follows
        && mt.is_over()
    {
        let key = *key;
        gateway.counts.mt_followed += 1;
        return pass_on(gateway, now, key, Some(*arrived), cx);
    }
    // Who is next anyway waits for an answer that is on its way to others of this gateway.
    if let Some((_, mt)) = found
        && mt.queue.len < limit + usize::from(follows)
        && let Ok(waiting) = gateway.waiting.insert(*arrived)
        && mt.queue.push(waiting)
    {
        gateway.counts.mt_queued += 1;
        return;
    }
    gateway.counts.mt_busy += 1;
    let imsi = gateway.subscribers.get(id).and_then(|subscriber| subscriber.record().imsi());
    gateway.note_refused(now, imsi, Failure::Busy);
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
