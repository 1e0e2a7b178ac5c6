//! The SMS-IWMSC: takes mo-forwardSM for its service centre, which checks, stores and answers with a SUBMIT-REPORT.

use crate::node::{Cx, Node};
use crate::short_message;
use ipsmgw::base::Time;
use ipsmgw::stack::{ForwardSm, Invoke, Operation, SmDeliveryFailureCause, UserError};

/// 8.9 step 6: mo-forwardSM. Step 9: the service centre's answer.
pub(crate) fn on_invoke(node: &mut Node, now: Time, invoke: &Invoke<'_>, cx: &mut Cx<'_>) {
    let Operation::MoForwardSm(ref forward) = invoke.operation else {
        node.traffic.counts.not_for_us += 1;
        cx.stack.user_error(now, &invoke.asked, &UserError::FacilityNotSupported, cx.outside);
        return;
    };
    let (report, cause) = match take(node, forward) {
        Ok(number) if node.traffic.submissions[number as usize].refused => {
            (short_message::submit_report(number, Some(node.smsc.failure())), Some(node.smsc.cause()))
        }
        Ok(number) => (short_message::submit_report(number, None), None),
        Err(cause) => (vec![], Some(cause)),
    };
    match cause {
        None => cx.stack.mo_forward_sm_result(now, &invoke.asked, Some(&report), cx.outside),
        Some(cause) => {
            let report = (!report.is_empty()).then_some(&report[..]);
            let error = UserError::sm_delivery_failure(cause, report);
            cx.stack.user_error(now, &invoke.asked, &error, cx.outside);
        }
    }
}

/// Which message it is, if it is as its sender sent it, or the cause of the refusal.
fn take(node: &mut Node, forward: &ForwardSm<'_>) -> Result<u32, SmDeliveryFailureCause> {
    let traffic = &mut node.traffic;
    let Some(&number) = traffic.by_submission.get(forward.tpdu) else {
        traffic.counts.altered += 1;
        traffic.mo.surprise(u32::MAX, "the SMS-IWMSC got a message that nobody sent");
        return Err(SmDeliveryFailureCause::EquipmentProtocolError);
    };
    let submission = &mut traffic.submissions[number as usize];
    submission.arrived += 1;
    if submission.arrived > 1 {
        traffic.counts.iwmsc_twice += 1;
    }
    let ue = &node.ues[submission.ue as usize];
    let direct = ue.direct.is_some();
    let service_centre = node.scscfs[ue.network].service_centre;
    if forward.service_centre != Some(service_centre) {
        traffic.mo_of(direct).surprise(number, &format!("SM-RP-DA is {:?}", forward.service_centre));
        return Err(SmDeliveryFailureCause::UnknownServiceCentre);
    }
    if forward.msisdn != Some(ue.msisdn) || forward.imsi != Some(ue.imsi) {
        let what = format!("SM-RP-OA is {:?}, IMSI {:?}", forward.msisdn, forward.imsi);
        traffic.mo_of(direct).surprise(number, &what);
        return Err(SmDeliveryFailureCause::SubscriberNotScSubscriber);
    }
    Ok(number)
}
