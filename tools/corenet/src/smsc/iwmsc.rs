//! The SMS-IWMSC: takes mo-forwardSM for its service centre, which checks, stores and answers with a SUBMIT-REPORT; and
//! alertServiceCentre, after which it tries anew.

use super::node::{Late, Unanswered};
use super::queue::{ReportTo, ShortMessage};
use super::{SmscNode, failure_cause};
use crate::ledger::{Direction, Fingerprint};
use crate::model::{Failure, Fate};
use crate::node::Cx;
use crate::short_message;
use core::time::Duration;
use ipsmgw::base::Time;
use ipsmgw::codec::Prepend;
use ipsmgw::ident::Msisdn;
use ipsmgw::proto::map::{AlertServiceCentre, operation};
use ipsmgw::proto::tpdu::{Carrier, Deliver, FailureCause, Submit, Timestamp, TpAddress, Tpdu};
use ipsmgw::stack::{Asked, ForwardSm, SmDeliveryFailureCause, UserError};

/// Why a message is refused: the error, and TP-FCS of the SUBMIT-REPORT in it where the error has room for one.
type Refusal = (UserError<'static>, FailureCause);

/// 8.3 steps 3 to 6, 8.9 steps 6 to 9: mo-forwardSM. It is dealt with now, later or never, as configured.
pub(crate) fn on_mo_forward_sm(node: &mut SmscNode, now: Time, asked: Asked, forward: &ForwardSm<'_>) {
    let fate = node.rules.model.choose(&mut node.random);
    let late = |failure| Late {
        asked,
        sender: forward.msisdn,
        imsi: forward.imsi,
        service_centre: forward.service_centre,
        tpdu: forward.tpdu.to_vec(),
        failure,
    };
    match fate {
        Fate::Silence => {
            node.counts.mo_ignored += 1;
            if let Some(sender) = forward.msisdn {
                node.ledger.received(Direction::Mo, Fingerprint::of(forward.tpdu), sender, false);
            }
        }
        Fate::Answer(Duration::ZERO, failure) => conclude(node, now, &late(failure)),
        Fate::Answer(delay, failure) => {
            let late = late(failure);
            node.next_late += 1;
            node.late.insert((now + delay, node.next_late), late);
        }
    }
}

/// Those whose time has come.
pub(crate) fn on_late(node: &mut SmscNode, now: Time) {
    while let Some(entry) = node.late.first_entry()
        && entry.key().0 <= now
    {
        let late = entry.remove();
        conclude(node, now, &late);
    }
}

/// Takes a message or refuses it. The answer goes out when what was accepted is safe.
fn conclude(node: &mut SmscNode, now: Time, late: &Late) {
    let fingerprint = Fingerprint::of(&late.tpdu);
    let configured = late.failure.map(|failure| (failure.error(), failure_cause(&failure.error())));
    let taken = configured.map_or_else(|| take(node, now, late), Err);
    if let Some(msisdn) = late.sender {
        let received = node.ledger.received(Direction::Mo, fingerprint, msisdn, taken.is_ok());
        node.counts.mo_again += u64::from(received.accepted + received.refused > 1);
    }
    node.counts.without_imsi += u64::from(late.imsi.is_none());
    match taken {
        Ok(()) => node.counts.mo_accepted += 1,
        Err(_) => node.counts.mo_refused += 1,
    }
    let timestamp = Timestamp::from_unix(node.calendar(now), 0);
    let failed = taken.err().map(|(_, failure)| failure.0);
    let report = short_message::submit_report(fingerprint.short(), timestamp.0, failed);
    let error = taken.err().map(|(error, _)| error);
    node.unanswered.push(Unanswered { asked: late.asked, error, report });
}

/// Takes a message, into the queue if it is for a mobile. Others are for SMEs of ours, who have it at once.
fn take(node: &mut SmscNode, now: Time, late: &Late) -> Result<(), Refusal> {
    let refused = |cause| {
        let error = UserError::sm_delivery_failure(cause, None);
        (error, failure_cause(&error))
    };
    let centre = node.centres.iter().position(|centre| Some(centre.title.into()) == late.service_centre);
    let centre = centre.ok_or(refused(SmDeliveryFailureCause::UnknownServiceCentre))?;
    let sender = late.sender.filter(|&msisdn| {
        let known = node.numbering.subscriber(msisdn);
        known.is_some_and(|(_, imsi)| late.imsi.is_none_or(|told| told == imsi))
    });
    let sender = sender.ok_or_else(|| {
        node.counts.foreign_sender += 1;
        refused(SmDeliveryFailureCause::SubscriberNotScSubscriber)
    })?;
    let protocol_error = |failure| (Failure::EquipmentProtocolError.error(), failure);
    let submit = match Tpdu::parse(&late.tpdu, Carrier::DataFromMs) {
        Ok(Tpdu::Submit(submit)) => submit,
        Ok(Tpdu::Command(_)) => return Err(protocol_error(FailureCause::COMMAND_UNSUPPORTED)),
        _ => return Err(protocol_error(FailureCause::TPDU_NOT_SUPPORTED)),
    };
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
    let Unanswered { asked, error, report } = unanswered;
    match error {
        None => cx.stack.mo_forward_sm_result(now, asked, Some(report), cx.outside),
        Some(error) => {
            let error = match *error {
                UserError::SmDeliveryFailure { cause, .. } => {
                    UserError::sm_delivery_failure(cause, Some(report))
                }
                error => error,
            };
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
