//! TR 23.804 8.10 steps 10 and 14: the UE's delivery report finds its message, and is answered.

use super::result::finish;
use super::{Awaiting, Mt, MtResult, Report, ReportRequest};
use crate::base::{Inline, Key, Time};
use crate::gateway::mailbox::{ToControl, Unmatched};
use crate::gateway::sender::Sender;
use crate::gateway::{Crossing, Cx, Gateway, UnmatchedReport};
use crate::ident::WorkerId;
use crate::stack::{Answer, Message, Rp};
use crate::subscriber::{AccessNetworkInfo, SubscriberId};
use core::time::Duration;

/// By what a report was led to its message.
#[derive(Clone, Copy)]
enum By {
    InReplyTo,
    Token,
    Identity,
}

/// The least time from one explanation in the log to the next.
const EXPLAINED_EVERY: Duration = Duration::from_secs(1);

/// What a report says, and the RP-MR that it repeats; nothing if it is none.
pub(super) fn read(gateway: &Gateway, rp: &Rp<'_>) -> Option<(u8, MtResult)> {
    let (reference, failure, tpdu) = match *rp {
        Rp::Ack { reference, tpdu } => (reference, None, tpdu),
        Rp::Error { reference, cause, tpdu } => {
            (reference, Some(gateway.config.causes.failure_of_rp_cause(cause)), tpdu)
        }
        _ => return None,
    };
    let report = tpdu.and_then(Inline::new).unwrap_or(Inline::EMPTY);
    Some((reference, MtResult { failure, report }))
}

/// Step 10: the UE's delivery report, recognised by its RP message. Its message is found by In-Reply-To; or else by our token
/// in the Request-URI; or else by the user and the RP-MR. What In-Reply-To names need not be it: a UE may repeat an old one,
/// and a core may put its own in the place of ours.
pub(in crate::gateway) fn on_report(
    gateway: &mut Gateway,
    now: Time,
    sender: &Sender,
    message: &Message<'_>,
    cx: &mut Cx<'_>,
) {
    let Some((reference, result)) = read(gateway, &message.rp) else { return };
    let worker = gateway.config.worker;
    let named = message.in_reply_to.filter(|(of, _)| *of == worker).map(|(_, key)| key);
    let reporter = sender.subscriber.and_then(|id| gateway.subscribers.get(id));
    let Some(request) = cx.stack.defer(now, &message.request) else {
        cx.stack.answer(now, &message.request, 503, cx.outside);
        return;
    };
    let mut report = Report {
        subscriber: reporter.map(|it| it.id()),
        imsi: reporter.and_then(|it| it.record().imsi()),
        sender: sender.identity.or(message.asserted[0]),
        has_in_reply_to: message.has_in_reply_to,
        named: None,
        token: message.token,
        passed: false,
        reference,
        result,
        access_network_info: AccessNetworkInfo::new(message.access_network_info),
        request,
        worker,
        network: sender.network,
    };
    if let Some(mt) = named.and_then(|key| gateway.mt.get(key)) {
        if fits(mt, &report) {
            return matched(gateway, now, named, By::InReplyTo, &report, cx);
        }
        report.named = Some((mt.imsi, mt.reference));
    }
    seek(gateway, now, report, cx);
}

/// A report that another worker took, for the message that it names here, or for a user whom this worker held then.
pub(in crate::gateway) fn on_report_elsewhere(
    gateway: &mut Gateway,
    now: Time,
    report: Report,
    cx: &mut Cx<'_>,
) {
    seek(gateway, now, report, cx);
}

/// The message of a report whose In-Reply-To has not led to it.
fn seek(gateway: &mut Gateway, now: Time, mut report: Report, cx: &mut Cx<'_>) {
    let worker = gateway.config.worker;
    match report.token {
        Some((of, _)) if of != worker => return pass(gateway, now, of, report, cx),
        Some((_, key)) if gateway.mt.get(key).is_some_and(|mt| fits(mt, &report)) => {
            return matched(gateway, now, Some(key), By::Token, &report, cx);
        }
        _ => report.token = None,
    }
    let user = report.subscriber.and_then(|id| gateway.subscribers.get(id));
    match user.and_then(|user| user.mt_holder()) {
        Some((holder, _)) if holder.worker == worker => {
            let key = gateway.held(holder);
            let key = key.filter(|key| gateway.mt.get(*key).is_some_and(|mt| fits(mt, &report)));
            matched(gateway, now, key, By::Identity, &report, cx);
        }
        Some((holder, _)) if !report.passed => {
            report.passed = true;
            pass(gateway, now, holder.worker, report, cx);
        }
        _ => matched(gateway, now, None, By::Identity, &report, cx),
    }
}

/// To another worker.
fn pass(gateway: &mut Gateway, now: Time, to: WorkerId, report: Report, cx: &mut Cx<'_>) {
    if cx.outside.to_worker(to, Crossing::Report { report }).is_err() {
        gateway.counts.crossing_full += 1;
        let request = ReportRequest { request: report.request, worker: report.worker, status: 503 };
        answer_report(gateway, now, request, cx);
    }
}

/// Whether a report is a message's. Who is in the table no more can only have named it: what names it, only he was sent.
fn fits(mt: &Mt, report: &Report) -> bool {
    let known = |id: SubscriberId| mt.subscriber == id || mt.imsi.is_some() && mt.imsi == report.imsi;
    report.subscriber.is_none_or(known)
        && mt.network == report.network
        && mt.reference == report.reference
        && matches!(mt.awaiting, Awaiting::Report)
}

/// Ends the delivery that the report is for; a report that fits none is answered by policy.
fn matched(gateway: &mut Gateway, now: Time, found: Option<Key>, by: By, report: &Report, cx: &mut Cx<'_>) {
    let status = report_status(gateway, report.network, found.is_some());
    let request = ReportRequest { request: report.request, worker: report.worker, status };
    match found {
        Some(key) => {
            match by {
                By::InReplyTo => gateway.counts.report_by_in_reply_to += 1,
                By::Token => gateway.counts.report_by_token += 1,
                By::Identity => gateway.counts.report_by_identity += 1,
            }
            if let Some(mt) = gateway.mt.get_mut(key) {
                mt.charging.access_network_info = report.access_network_info;
            }
            finish(gateway, now, key, &report.result, Some(request), cx);
        }
        None => {
            gateway.counts.report_unmatched += 1;
            explain(gateway, now, report, cx);
            answer_report(gateway, now, request, cx);
        }
    }
}

/// Tells the log why a report matched nothing, unless one was explained a moment ago.
fn explain(gateway: &mut Gateway, now: Time, report: &Report, cx: &mut Cx<'_>) {
    if gateway.explained.is_some_and(|at| now < at + EXPLAINED_EVERY) {
        gateway.counts.report_unexplained += 1;
        return;
    }
    gateway.explained = Some(now);
    let user = report.subscriber.and_then(|id| gateway.subscribers.get(id));
    let unmatched = Unmatched {
        network: report.network,
        sender: report.sender,
        imsi: report.imsi,
        reference: report.reference,
        has_in_reply_to: report.has_in_reply_to,
        named: report.named,
        awaited: user.and_then(|user| user.mt_holder()).map(|(_, reference)| reference),
    };
    if cx.outside.to_control(ToControl::Unmatched(Box::new(unmatched))).is_err() {
        gateway.counts.report_unexplained += 1;
    }
}

fn report_status(gateway: &Gateway, network: u16, matched: bool) -> u16 {
    match gateway.networks.get(usize::from(network)) {
        Some(network) if !matched && network.report_unmatched == UnmatchedReport::NotAcceptable => 488,
        Some(network) => network.report_answer,
        None => 403,
    }
}

pub(super) fn answer_report(gateway: &mut Gateway, now: Time, report: ReportRequest, cx: &mut Cx<'_>) {
    if report.worker == gateway.config.worker {
        cx.stack.answer_deferred(now, report.request, report.status, &Answer::default(), cx.outside);
    } else {
        let answer = Crossing::ReportAnswer { request: report.request, status: report.status };
        gateway.tell(report.worker, answer, cx);
    }
}
