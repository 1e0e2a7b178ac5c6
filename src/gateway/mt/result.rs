//! TR 23.804 8.10 steps 11 and 14: the MAP result, on the worker that has the dialogue; then the report's answer and the
//! user's next message.

use super::deliver::stop_repeating;
use super::report::answer_report;
use super::{Arrived, Awaiting, MtResult, ReportRequest, hold, holder};
use crate::base::{Key, Time};
use crate::gateway::cause::{self, Failure};
use crate::gateway::charging::{End, MessageEnd};
use crate::gateway::{Crossing, Cx, Gateway, Timed};
use crate::ident::{Imsi, WorkerId};
use crate::stack::{Asked, DialogueId};
use crate::subscriber::SubscriberId;

/// Step 11: the MAP result, on the worker that has the dialogue; then step 14 and the next message for the user.
pub(super) fn finish(
    gateway: &mut Gateway,
    now: Time,
    key: Key,
    result: &MtResult,
    report: Option<ReportRequest>,
    cx: &mut Cx<'_>,
) {
    let Some(mt) = gateway.mt.get_mut(key) else { return };
    stop_repeating(mt, cx);
    // Nothing follows what has failed: the dialogue has ended with it (TS 29.002 23.3.2).
    mt.more &= result.failure.is_none();
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
    let end = End::Delivered(result.failure);
    let end = MessageEnd { network: mt.network, imsi: mt.imsi, end, charging: mt.charging };
    let (asked, worker) = (mt.asked, gateway.config.worker);
    gateway.ended(now, &end, cx);
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
        mt.timer = gateway.timers.insert(now + gateway.config.report_timeout, Timed::Mt(key)).ok();
    }
}

/// Step 11 for another worker's dialogue: the result came by the same ring just before, and leaves now.
pub(in crate::gateway) fn on_result_passes(
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
pub(in crate::gateway) fn on_result_sent(gateway: &mut Gateway, now: Time, key: Key, cx: &mut Cx<'_>) {
    let Some(mt) = gateway.mt.get_mut(key) else { return };
    if let Awaiting::ResultSent(report) = mt.awaiting {
        if let Some(timer) = mt.timer.take() {
            gateway.timers.cancel(timer);
        }
        release(gateway, now, key, report, cx);
    }
}

/// Step 14: the report's answer; then the user's next message, or the user is free, or kept for the next message of the same
/// dialogue.
pub(super) fn release(
    gateway: &mut Gateway,
    now: Time,
    key: Key,
    report: Option<ReportRequest>,
    cx: &mut Cx<'_>,
) {
    if let Some(report) = report {
        answer_report(gateway, now, report, cx);
    }
    let Some(mt) = gateway.mt.get_mut(key) else { return };
    let is_there = |asked: &Asked| asked.worker != gateway.config.worker || cx.stack.is_open(asked.dialogue);
    if !mt.more || gateway.config.mt_more.is_zero() || !is_there(&mt.asked) {
        return pass_on(gateway, now, key, None, cx);
    }
    // It may have overtaken the news that its predecessor's result has gone.
    let waiting = &gateway.waiting;
    let follows = |place: &Option<Key>| {
        let arrived = place.and_then(|waits| waiting.get(waits));
        arrived.is_some_and(|arrived| mt.is_followed_by(&arrived.asked))
    };
    let next = mt.queue.keys.iter().position(follows).and_then(|at| mt.queue.take(at));
    if let Some(arrived) = next.and_then(|waiting| gateway.waiting.remove(waiting)) {
        gateway.counts.mt_followed += 1;
        return pass_on(gateway, now, key, Some(arrived), cx);
    }
    mt.awaiting = Awaiting::NextMessage;
    mt.timer = gateway.timers.insert(now + gateway.config.mt_more, Timed::Mt(key)).ok();
}

/// Nothing followed in time, or nothing will: the user's next message, or the user is free.
pub(super) fn give_up_waiting(gateway: &mut Gateway, now: Time, key: Key, cx: &mut Cx<'_>) {
    gateway.counts.mt_not_followed += 1;
    pass_on(gateway, now, key, None, cx);
}

/// A dialogue in which another message was to follow is gone, on the worker that had it: who holds its subscriber learns that.
pub(in crate::gateway) fn on_dialogue_gone(
    gateway: &mut Gateway,
    now: Time,
    imsi: Imsi,
    dialogue: DialogueId,
    cx: &mut Cx<'_>,
) {
    let worker = gateway.config.worker;
    let Some(subscriber) = gateway.subscribers.by_imsi(imsi) else { return };
    let id = subscriber.id();
    match subscriber.mt_holder() {
        Some((holder, _)) if holder.worker == worker => on_no_more(gateway, now, id, (worker, dialogue), cx),
        Some((holder, _)) => {
            gateway.tell(holder.worker, Crossing::NoMore { subscriber: id, worker, dialogue }, cx);
        }
        None => {}
    }
}

/// No message follows in a dialogue of that worker's.
pub(in crate::gateway) fn on_no_more(
    gateway: &mut Gateway,
    now: Time,
    id: SubscriberId,
    (of, dialogue): (WorkerId, DialogueId),
    cx: &mut Cx<'_>,
) {
    let Some((holder, _)) = gateway.subscribers.get(id).and_then(|subscriber| subscriber.mt_holder()) else {
        return;
    };
    let key = gateway.held(holder).filter(|_| holder.worker == gateway.config.worker);
    let Some((key, mt)) = key.and_then(|key| Some((key, gateway.mt.get_mut(key)?))) else { return };
    if (mt.asked.worker, mt.asked.dialogue) != (of, dialogue) || !mt.more {
        return;
    }
    mt.more = false;
    if mt.is_over() {
        give_up_waiting(gateway, now, key, cx);
    }
}

/// This message is next, or the oldest that waits; and the user's word passes to it without a moment in which another worker
/// could overtake. What its SMS-GMSC has given up is left out.
pub(super) fn pass_on(
    gateway: &mut Gateway,
    now: Time,
    from: Key,
    mut first: Option<Arrived>,
    cx: &mut Cx<'_>,
) {
    let worker = gateway.config.worker;
    let Some(mut mt) = gateway.mt.remove(from) else { return };
    if let Some(timer) = mt.timer.take() {
        gateway.timers.cancel(timer);
    }
    let (id, mut queue) = (mt.subscriber, mt.queue);
    while let Some(arrived) = first.take().or_else(|| gateway.waiting.remove(queue.pop()?)) {
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

/// Brings a result to whoever asked, here or on another worker.
pub(super) fn conclude(
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
pub(in crate::gateway) fn on_result_elsewhere(
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
pub(super) fn send_result(
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
