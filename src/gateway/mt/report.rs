//! TR 23.804 8.10 steps 10 and 14: the UE's delivery report finds its message, and is answered.

use super::result::finish;
use super::{Awaiting, Mt, MtResult, Report, ReportRequest};
use crate::base::{Inline, Key, Time};
use crate::gateway::sender::Sender;
use crate::gateway::{Crossing, Cx, Gateway, UnmatchedReport};
use crate::stack::{Answer, Message, Rp};
use crate::subscriber::SubscriberId;

/// Step 10: the UE's delivery report, recognised by its RP message and found by In-Reply-To, or else by the user and
/// the RP-MR.
pub(in crate::gateway) fn on_report(
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
pub(in crate::gateway) fn on_report_elsewhere(
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

pub(super) fn answer_report(gateway: &mut Gateway, now: Time, report: ReportRequest, cx: &mut Cx<'_>) {
    if report.worker == gateway.config.worker {
        cx.stack.answer_deferred(now, report.request, report.status, &Answer::default(), cx.outside);
    } else {
        let answer = Crossing::ReportAnswer { request: report.request, status: report.status };
        gateway.tell(report.worker, answer, cx);
    }
}
