//! The SMS-GMSC: asks the HLR where a recipient is, sends mt-forwardSM there, to one node after the other until one takes it,
//! and reports to the HLR (8.4, 8.5; TS 23.040 10.1).

use super::SmscNode;
use super::node::{User, Verdict};
use super::queue::MessageId;
use crate::hlr::routing;
use crate::hlr::subscriber::Domain;
use crate::ledger::Fingerprint;
use crate::node::Cx;
use crate::short_message;
use ipsmgw::base::Time;
use ipsmgw::codec::Prepend;
use ipsmgw::control::config::NodeKind;
use ipsmgw::ident::{Imsi, Msisdn, Ssn};
use ipsmgw::proto::map::{
    AddressString, DeliveryOutcome, ReportSmDeliveryStatus, SendRoutingInfoForSm, SendRoutingInfoForSmResult,
    SmRpMti, context, operation,
};
use ipsmgw::stack::{
    AbsentSubscriberDiagnostic, DialogueId, MapInvoke, MtForward, Outcome, SmDeliveryFailureCause, UserError,
};

/// The message type of SMS-STATUS-REPORT, in the first octet (TS 23.040 9.2.3.1).
const STATUS_REPORT: u8 = 2;
/// TP-MMS: no more messages wait.
const NO_MORE_MESSAGES: u8 = 0x04;

/// A recipient whose first message is under way.
pub(crate) struct Attempt {
    recipient: Msisdn,
    message: MessageId,
    /// The network whose service centre has the message.
    network: usize,
    imsi: Option<Imsi>,
    /// Where the HLR says that the recipient is, in order, and which of them is tried.
    nodes: Vec<routing::Node>,
    at: usize,
    /// The dialogue with that node, if it waits for another message.
    open: Option<DialogueId>,
    /// What the HLR is to be told of the nodes that were tried.
    outcomes: Vec<(Domain, DeliveryOutcome, Option<AbsentSubscriberDiagnostic>)>,
    /// informServiceCentre told of flags: a success has to be reported too.
    flagged: bool,
    /// Whether all that has failed can't be helped by another attempt; unknown while nothing has.
    permanent: Option<bool>,
}

impl Attempt {
    const fn new(recipient: Msisdn, message: MessageId, network: usize) -> Self {
        Self {
            recipient,
            message,
            network,
            imsi: None,
            nodes: vec![],
            at: 0,
            open: None,
            outcomes: vec![],
            flagged: false,
            permanent: None,
        }
    }

    /// The HLR or a node has refused. A domain where another attempt may help leaves hope, whatever the others say.
    fn failed(&mut self, permanent: bool) {
        self.permanent = Some(self.permanent.unwrap_or(true) && permanent);
    }

    fn is_hopeless(&self) -> bool {
        self.permanent == Some(true)
    }
}

/// 8.4 and 8.5 step 2: a message is for somebody. Step 3: the HLR is asked where that is.
pub(crate) fn begin(
    node: &mut SmscNode,
    now: Time,
    (recipient, message): (Msisdn, MessageId),
    cx: &mut Cx<'_>,
) {
    let Some(about) = node.queue.get(message) else { return };
    let network = usize::from(about.network);
    let is_report = about.tpdu.first().is_some_and(|first| first & 3 == STATUS_REPORT);
    let centre = node.centres[network];
    let question = SendRoutingInfoForSm {
        gprs_support: node.rules.gprs_support,
        mti: Some(if is_report { SmRpMti::StatusReport } else { SmRpMti::Deliver }),
        single_attempt: node.rules.retry_s.is_empty(),
        ip_messaging: node.rules.ip_messaging,
        ..SendRoutingInfoForSm::new(recipient.into(), false, AddressString::international(centre.title))
    };
    let mut room = [0; 128];
    let mut w = Prepend::new(&mut room);
    question.write(&mut w, node.arc.as_ref());
    // The recipient's own HLR is asked, whoever's the service centre is.
    let of = node.numbering.subscriber(recipient).map_or(network, |(of, _)| usize::from(of));
    let invoke = MapInvoke {
        from: (centre.title, Ssn::MSC),
        to: (node.centres[of].hlr, Ssn::HLR),
        context: context::GATEWAY_V3,
        opcode: operation::SEND_ROUTING_INFO_FOR_SM,
        argument: w.finish().unwrap_or_default(),
        timeout: node.rules.hlr,
    };
    node.counts.attempts += 1;
    let number = node.attempt(Attempt::new(recipient, message, network));
    if cx.stack.invoke(now, &invoke, User::RoutingInfo(number).to_u64(), cx.outside).is_err() {
        wait(node, now, number);
    }
}

/// informServiceCentre, before the result of the same question (TS 29.002 12.6).
pub(crate) fn on_inform(node: &mut SmscNode, number: u32) {
    if let Some(attempt) = node.attempts.get_mut(&number) {
        attempt.flagged = true;
        node.counts.informed += 1;
    }
}

/// 8.4 and 8.5 step 3: the HLR says where the recipient is, or why nowhere.
pub(crate) fn on_routing_info(
    node: &mut SmscNode,
    now: Time,
    number: u32,
    outcome: &Outcome<'_>,
    cx: &mut Cx<'_>,
) {
    let Some(attempt) = node.attempts.get_mut(&number) else { return };
    let routing = match outcome {
        Outcome::Returned { result, .. } => SendRoutingInfoForSmResult::parse(result).ok(),
        _ => None,
    };
    let Some(routing) = routing else {
        node.counts.no_routing += 1;
        attempt.failed(is_permanent(outcome));
        // An absent subscriber's HLR has put the service centre on its list by itself (TS 23.040 3.2.7, 1a).
        return wait(node, now, number);
    };
    let ip_messaging = node.rules.ip_messaging && node.arc.is_some();
    attempt.imsi = Some(routing.imsi);
    attempt.nodes = routing::nodes(&routing, ip_messaging).collect();
    forward(node, now, number, cx);
}

/// 8.4 and 8.5 step 4: the message goes to the first node; 8.5 step 7: to the next.
fn forward(node: &mut SmscNode, now: Time, number: u32, cx: &mut Cx<'_>) {
    let Some(attempt) = node.attempts.get_mut(&number) else { return };
    let open = attempt.open.take();
    let message = node.queue.get(attempt.message);
    let (Some(to), Some(imsi), Some(message)) = (attempt.nodes.get(attempt.at), attempt.imsi, message) else {
        if let Some(dialogue) = open {
            cx.stack.no_more_messages(now, dialogue, cx.outside);
        }
        return wait(node, now, number);
    };
    let more_messages = node.queue.has_more(attempt.recipient);
    let mut tpdu = message.tpdu.clone();
    if let Some(first) = tpdu.first_mut().filter(|_| more_messages) {
        *first &= !NO_MORE_MESSAGES;
    }
    let service_centre = node.centres[attempt.network].title;
    let ssn = match to.kind {
        NodeKind::Msc => Ssn::MSC,
        NodeKind::Sgsn => Ssn::SGSN,
    };
    let forward = MtForward {
        title: service_centre,
        ssn: Ssn::MSC,
        node: (to.number.digits, ssn),
        imsi,
        service_centre: service_centre.into(),
        tpdu: &tpdu,
        more_messages,
    };
    node.counts.forwarded += 1;
    node.counts.more_messages += u64::from(more_messages);
    let user = User::MtForwardSm(number).to_u64();
    // In the dialogue of the one before, or in one of its own if that is gone.
    if let Some(dialogue) = open
        && cx.stack.next_mt_forward_sm(now, dialogue, &tpdu, more_messages, user, cx.outside).is_ok()
    {
        node.counts.in_open_dialogue += 1;
        return;
    }
    if cx.stack.mt_forward_sm(now, &forward, user, cx.outside).is_err() {
        attempt.failed(false);
        fall_back(node, now, number, cx);
    }
}

/// 8.4 step 6: the node's answer; 8.5 step 6: its failure.
pub(crate) fn on_outcome(
    node: &mut SmscNode,
    now: Time,
    number: u32,
    outcome: &Outcome<'_>,
    cx: &mut Cx<'_>,
) {
    let Some(attempt) = node.attempts.get_mut(&number) else { return };
    let Some(domain) = attempt.nodes.get(attempt.at).map(|node| node.domain) else { return };
    if let Outcome::Result { tpdu, open } = outcome {
        attempt.open = *open;
        let failed = !attempt.outcomes.is_empty();
        if attempt.flagged || failed {
            attempt.outcomes.push((domain, DeliveryOutcome::SuccessfulTransfer, None));
        }
        node.counts.fallbacks += u64::from(attempt.at > 0);
        let (message, expected) = (attempt.message, expected_report(node, number, None));
        let verdict = match tpdu {
            Some(tpdu) if expected.as_deref() == Some(tpdu) => Verdict::Delivered,
            None if node.lacks_reports => Verdict::Delivered,
            _ => Verdict::DeliveredWithOtherReport,
        };
        node.verdicts.insert(message, verdict);
        return match node.attempts.get(&number).is_some_and(|attempt| !attempt.outcomes.is_empty()) {
            true => report(node, now, number, cx),
            false => delivered(node, now, number, cx),
        };
    }
    attempt.failed(is_permanent(outcome));
    if let Some((what, diagnostic)) = reportable(outcome) {
        attempt.outcomes.push((domain, what, diagnostic));
    }
    node.counts.failed_at_nodes += 1;
    fall_back(node, now, number, cx);
}

/// What a UE of ours reports about the message of an attempt.
fn expected_report(node: &SmscNode, number: u32, failure: Option<u8>) -> Option<Vec<u8>> {
    let message = node.queue.get(node.attempts.get(&number)?.message)?;
    Some(short_message::deliver_report(Fingerprint::of(&message.tpdu).short(), failure))
}

/// What the HLR wants to know of a failure (TS 29.002 12.3.3).
fn reportable(outcome: &Outcome<'_>) -> Option<(DeliveryOutcome, Option<AbsentSubscriberDiagnostic>)> {
    match outcome {
        Outcome::Error(UserError::AbsentSubscriberSm { diagnostic, .. }) => {
            Some((DeliveryOutcome::AbsentSubscriber, *diagnostic))
        }
        Outcome::Error(UserError::AbsentSubscriber { .. }) => Some((DeliveryOutcome::AbsentSubscriber, None)),
        Outcome::Error(UserError::SmDeliveryFailure { cause, .. })
            if *cause == SmDeliveryFailureCause::MemoryCapacityExceeded =>
        {
            Some((DeliveryOutcome::MemoryCapacityExceeded, None))
        }
        _ => None,
    }
}

/// Whether no other attempt will help (TS 23.040 3.3.1).
fn is_permanent(outcome: &Outcome<'_>) -> bool {
    matches!(
        outcome,
        Outcome::Error(
            UserError::UnknownSubscriber { .. }
                | UserError::TeleserviceNotProvisioned
                | UserError::IllegalSubscriber
                | UserError::IllegalEquipment
        )
    )
}

/// 8.5 step 7: the next node of the HLR's answer, if there is one. Step 8: if all have failed, the service centre decides
/// whether it waits, and has the HLR set its flags if so.
fn fall_back(node: &mut SmscNode, now: Time, number: u32, cx: &mut Cx<'_>) {
    let Some(attempt) = node.attempts.get_mut(&number) else { return };
    attempt.at += 1;
    if attempt.at < attempt.nodes.len() {
        return forward(node, now, number, cx);
    }
    match attempt.outcomes.is_empty() || node.rules.retry_s.is_empty() {
        true => wait(node, now, number),
        false => report(node, now, number, cx),
    }
}

/// The argument of reportSM-DeliveryStatus for what the domains did.
fn status(node: &SmscNode, attempt: &Attempt) -> Option<ReportSmDeliveryStatus> {
    let of = |domain| {
        let outcomes = attempt.outcomes.iter().rev();
        outcomes.clone().find(|(other, ..)| *other == domain).map(|(_, outcome, why)| (*outcome, *why))
    };
    let [ip, msc, sgsn] = [Domain::IpSmGw, Domain::Msc, Domain::Sgsn].map(of);
    let (outcome, diagnostic) = msc.or(sgsn).or(ip)?;
    let additional = sgsn.filter(|_| msc.is_some());
    let ip_beside = ip.filter(|_| msc.is_some() || sgsn.is_some());
    let centre = AddressString::international(node.centres[attempt.network].title);
    Some(ReportSmDeliveryStatus {
        diagnostic,
        gprs_support: node.rules.gprs_support,
        outcome_is_gprs: msc.is_none() && sgsn.is_some(),
        additional_outcome: additional.map(|(outcome, _)| outcome),
        additional_diagnostic: additional.and_then(|(_, why)| why),
        ip_sm_gw: msc.is_none() && sgsn.is_none(),
        ip_sm_gw_outcome: ip_beside.map(|(outcome, _)| outcome),
        ip_sm_gw_diagnostic: ip_beside.and_then(|(_, why)| why),
        smsc_type: node.rules.kind,
        ..ReportSmDeliveryStatus::new(attempt.recipient.into(), centre, outcome)
    })
}

/// 8.4 step 7, 8.5 step 8: reportSM-DeliveryStatus, with the kind of service centre.
fn report(node: &mut SmscNode, now: Time, number: u32, cx: &mut Cx<'_>) {
    let Some(attempt) = node.attempts.get(&number) else { return };
    let status = status(node, attempt);
    let mut room = [0; 128];
    let mut w = Prepend::new(&mut room);
    if let Some(status) = status {
        status.write(&mut w, node.arc.as_ref());
    }
    let of = node.numbering.subscriber(attempt.recipient).map_or(attempt.network, |(of, _)| usize::from(of));
    let invoke = MapInvoke {
        from: (node.centres[attempt.network].title, Ssn::MSC),
        to: (node.centres[of].hlr, Ssn::HLR),
        context: context::GATEWAY_V3,
        opcode: operation::REPORT_SM_DELIVERY_STATUS,
        argument: w.finish().unwrap_or_default(),
        timeout: node.rules.hlr,
    };
    node.counts.reports += 1;
    if cx.stack.invoke(now, &invoke, User::Report(number).to_u64(), cx.outside).is_err() {
        on_reported(node, now, number, cx);
    }
}

/// 8.4 step 8, 8.5 step 9: the HLR knows, or does not want to; the service centre goes on with what it knows itself.
pub(crate) fn on_reported(node: &mut SmscNode, now: Time, number: u32, cx: &mut Cx<'_>) {
    let Some(attempt) = node.attempts.get(&number) else { return };
    let is_delivered =
        attempt.outcomes.iter().any(|(_, outcome, _)| *outcome == DeliveryOutcome::SuccessfulTransfer);
    match is_delivered {
        true => delivered(node, now, number, cx),
        false => wait(node, now, number),
    }
}

/// The message has arrived. If there is another for the recipient, it goes to the same node.
fn delivered(node: &mut SmscNode, now: Time, number: u32, cx: &mut Cx<'_>) {
    let Some(attempt) = node.attempts.get_mut(&number) else { return };
    (attempt.flagged, attempt.permanent) = (false, None);
    attempt.outcomes.clear();
    let (recipient, message) = (attempt.recipient, attempt.message);
    let verdict = node.verdicts.remove(&message).unwrap_or(Verdict::Delivered);
    node.close(now, message, verdict);
    let next = node.queue.delivered(recipient);
    go_on(node, now, number, next, cx);
}

/// The attempt has failed: the recipient's messages wait, or the first has no hope.
fn wait(node: &mut SmscNode, now: Time, number: u32) {
    let Some(attempt) = node.attempts.get(&number) else { return };
    let (recipient, message) = (attempt.recipient, attempt.message);
    let hopeless = attempt.is_hopeless();
    if !hopeless && node.queue.failed(now, recipient) {
        node.attempts.remove(&number);
        return;
    }
    let verdict = if hopeless { Verdict::Undeliverable } else { Verdict::GivenUp };
    node.close(now, message, verdict);
    // The next one asks anew: nothing is known of where the recipient is.
    node.queue.given_up(recipient);
    node.attempts.remove(&number);
}

fn go_on(node: &mut SmscNode, now: Time, number: u32, next: Option<MessageId>, cx: &mut Cx<'_>) {
    match (next, node.attempts.get_mut(&number)) {
        (Some(next), Some(attempt)) => {
            attempt.message = next;
            node.counts.continued += 1;
            forward(node, now, number, cx);
        }
        (_, attempt) => {
            if let Some(dialogue) = attempt.and_then(|attempt| attempt.open) {
                cx.stack.no_more_messages(now, dialogue, cx.outside);
            }
            node.attempts.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_domain_where_another_attempt_may_help_leaves_hope() {
        for (failures, hopeless) in [
            (&[][..], false),
            (&[true], true),
            (&[true, true], true),
            (&[true, false], false),
            (&[false, true], false),
            (&[true, false, true], false),
        ] {
            let mut attempt = Attempt::new("491711000001".parse().unwrap(), MessageId(1), 0);
            failures.iter().for_each(|permanent| attempt.failed(*permanent));
            assert_eq!(attempt.is_hopeless(), hopeless, "{failures:?}");
        }
    }
}
