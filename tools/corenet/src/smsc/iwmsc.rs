//! The SMS-IWMSC: takes mo-forwardSM for its service centre, which checks, stores and answers with a SUBMIT-REPORT; and
//! alertServiceCentre, after which it tries anew.

use super::node::Unanswered;
use super::queue::{ReportTo, ShortMessage};
use super::{SmscNode, failure_cause};
use crate::ledger::{Direction, Fingerprint};
use crate::node::Cx;
use crate::short_message;
use ipsmgw::base::Time;
use ipsmgw::codec::Prepend;
use ipsmgw::ident::Msisdn;
use ipsmgw::proto::map::{AlertServiceCentre, operation};
use ipsmgw::proto::tpdu::{Carrier, Deliver, FailureCause, Submit, Timestamp, TpAddress, Tpdu};
use ipsmgw::stack::{Asked, ForwardSm, SmDeliveryFailureCause, UserError};

/// Why a message is refused: the cause of sm-DeliveryFailure, and TP-FCS of the SUBMIT-REPORT in it.
type Refusal = (SmDeliveryFailureCause, FailureCause);

/// 8.3 steps 3 to 6, 8.9 steps 6 to 9: mo-forwardSM. The answer goes out when what was accepted is safe.
pub(crate) fn on_mo_forward_sm(node: &mut SmscNode, now: Time, asked: Asked, forward: &ForwardSm<'_>) {
    let fingerprint = Fingerprint::of(forward.tpdu);
    let taken = take(node, now, forward);
    if let Some(msisdn) = forward.msisdn {
        let received = node.ledger.received(Direction::Mo, fingerprint, msisdn, taken.is_ok());
        node.counts.mo_again += u64::from(received.accepted + received.refused > 1);
    }
    let failure = taken.err();
    node.counts.without_imsi += u64::from(forward.imsi.is_none());
    match failure {
        None => node.counts.mo_accepted += 1,
        Some(_) => node.counts.mo_refused += 1,
    }
    let timestamp = Timestamp::from_unix(node.calendar(now), 0);
    let failed = failure.map(|(_, failure)| failure.0);
    let report = short_message::submit_report(fingerprint.short(), timestamp.0, failed);
    node.unanswered.push(Unanswered { asked, cause: failure.map(|(cause, _)| cause), report });
}

/// Takes a message, into the queue if it is for a mobile. Others are for SMEs of ours, who have it at once.
fn take(node: &mut SmscNode, now: Time, forward: &ForwardSm<'_>) -> Result<(), Refusal> {
    let refused = |cause| (cause, failure_cause(cause));
    let centre = node.centres.iter().position(|centre| Some(centre.title) == forward.service_centre);
    let centre = centre.ok_or(refused(SmDeliveryFailureCause::UnknownServiceCentre))?;
    let sender = forward.msisdn.filter(|&msisdn| {
        let known = node.numbering.subscriber(msisdn);
        known.is_some_and(|(_, imsi)| forward.imsi.is_none_or(|told| told == imsi))
    });
    let sender = sender.ok_or_else(|| {
        node.counts.foreign_sender += 1;
        refused(SmDeliveryFailureCause::SubscriberNotScSubscriber)
    })?;
    let protocol_error = |failure| (SmDeliveryFailureCause::EquipmentProtocolError, failure);
    let submit = match Tpdu::parse(forward.tpdu, Carrier::DataFromMs) {
        Ok(Tpdu::Submit(submit)) => submit,
        Ok(Tpdu::Command(_)) => return Err(protocol_error(FailureCause::COMMAND_UNSUPPORTED)),
        _ => return Err(protocol_error(FailureCause::TPDU_NOT_SUPPORTED)),
    };
    if node.random.chance(node.rules.failing) {
        return Err(refused(node.rules.cause));
    }
    let to = submit.destination.digits().and_then(Msisdn::new);
    let to = to.ok_or(refused(SmDeliveryFailureCause::InvalidSmeAddress))?;
    if node.numbering.subscriber(to).is_some() {
        let message = message(node, now, (centre as u16, sender, to), &submit);
        node.accept(message.ok_or(protocol_error(FailureCause::UNSPECIFIED))?);
    } else {
        node.counts.for_smes += 1;
    }
    Ok(())
}

/// SMS-DELIVER out of SMS-SUBMIT: what the sender wrote goes through unchanged (G-9).
fn message(
    node: &SmscNode,
    now: Time,
    (network, sender, recipient): (u16, Msisdn, Msisdn),
    submit: &Submit<'_>,
) -> Option<ShortMessage> {
    let submitted = node.calendar(now);
    let deliver = Deliver {
        more_messages: false,
        loop_prevention: false,
        status_report: submit.status_report,
        reply_path: submit.reply_path,
        originator: TpAddress::international(sender.digits())?,
        protocol: submit.protocol,
        timestamp: Timestamp::from_unix(submitted, 0),
        user_data: submit.user_data,
    };
    let mut room = [0; 256];
    let mut w = Prepend::new(&mut room);
    deliver.write(&mut w);
    let validity = submit.validity.period().map_or(u64::from(node.rules.validity_s), |it| it.as_secs());
    Some(ShortMessage {
        network,
        recipient,
        tpdu: w.finish()?.to_vec(),
        expires: submitted + validity,
        report: submit.status_report.then_some(ReportTo { sender, reference: submit.reference, submitted }),
    })
}

/// What was accepted is safe: its senders are told (8.9 step 9).
pub(crate) fn answer(now: Time, unanswered: &Unanswered, cx: &mut Cx<'_>) {
    let Unanswered { asked, cause, report } = unanswered;
    match cause {
        None => cx.stack.mo_forward_sm_result(now, asked, Some(report), cx.outside),
        Some(cause) => {
            let error = UserError::sm_delivery_failure(*cause, Some(report));
            cx.stack.user_error(now, asked, &error, cx.outside);
        }
    }
}

/// 8.6 step 4: alertServiceCentre. What waits for the subscriber is tried at once.
pub(crate) fn on_alert(node: &mut SmscNode, now: Time, asked: &Asked, argument: &[u8], cx: &mut Cx<'_>) {
    let Ok(alert) = AlertServiceCentre::parse(argument) else {
        cx.stack.user_error(now, asked, &UserError::UnexpectedDataValue, cx.outside);
        return;
    };
    node.counts.alerts += 1;
    if let Some(number) = alert.msisdn.msisdn()
        && node.queue.alert(number)
    {
        node.counts.alerts_for_waiting += 1;
    }
    cx.stack.returned(now, asked, operation::ALERT_SERVICE_CENTRE, None, cx.outside);
}
