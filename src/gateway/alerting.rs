//! Alerting: TR 23.804 8.6 (P-8.6). Its steps are the registrar's, the HLR's and the service centre's; ours is what goes
//! before them where no registration would tell the HLR: the UE's notice that there is memory again (RP-SMMA, TS 24.011
//! 7.3.2), over IMS or directly, and the return of a subscriber whose registration had not ended (UNRI, TS 23.008
//! 3.2.5). Both become readyForSM (TS 29.002 12.4).

use super::mo;
use super::sender::Sender;
use super::{Cx, Gateway, User, cause, duplicates};
use crate::base::{Key, Time};
use crate::ident::{Imsi, Ssn};
use crate::stack::{AlertReason, Message, Outcome, ReadyForSm};
use crate::subscriber::Subscriber;

/// A UE has memory again: 202, and readyForSM towards its HLR. Over whatever access it comes: it is no short message.
pub(super) fn on_memory_available(
    gateway: &mut Gateway,
    now: Time,
    sender: &Sender,
    message: &Message<'_>,
    cx: &mut Cx<'_>,
) {
    let Some(accepted) = mo::accept(gateway, now, sender, message, cx) else { return };
    gateway.counts.memory_available += 1;
    match mo::submission(gateway, &accepted, message) {
        Ok(notice) => duplicates::begin(gateway, now, accepted.key, &notice, None, cx),
        Err(cause) => refuse(gateway, now, accepted.key, cause, cx),
    }
    // The notice itself may be one that the HLR has had.
    if let Some(imsi) = accepted.present {
        on_present(gateway, now, accepted.network, imsi, cx);
    }
}

/// readyForSM for a UE's notice; or the RP-Cause of why there is none.
pub(super) fn tell_hlr(
    gateway: &mut Gateway,
    now: Time,
    key: Key,
    network: u16,
    imsi: Option<Imsi>,
    cx: &mut Cx<'_>,
) -> Result<(), u8> {
    // Without either nobody could be told, now or later.
    let ready = imsi.and_then(|imsi| ready(gateway, network, imsi, AlertReason::MemoryAvailable));
    let user = User::MemoryAvailable(key).to_u64();
    let told = ready
        .ok_or(cause::NOT_IMPLEMENTED)
        .and_then(|ready| cx.stack.ready_for_sm(now, &ready, user, cx.outside).map_err(cause::of_refusal));
    gateway.counts.memory_available_failed += u64::from(told.is_err());
    told
}

/// readyForSM towards a subscriber's HLR; none if nobody has named that.
fn ready(gateway: &Gateway, network: u16, imsi: Imsi, reason: AlertReason) -> Option<ReadyForSm> {
    let network = gateway.networks.get(usize::from(network))?;
    Some(ReadyForSm {
        from: (network.title, if network.sgsn_at_hlr { Ssn::SGSN } else { network.node.ssn() }),
        hlr: network.hlr(imsi)?,
        imsi,
        reason,
        sgsn: network.sgsn_at_hlr,
        timeout: gateway.config.hlr_timeout,
    })
}

/// A sign of life of a subscriber: a REGISTER that changes nothing, a message. 8.6 step 2, if a message did not reach him before:
/// the HLR would not hear of it otherwise. Gives what [`on_present`] needs.
pub(super) fn present(subscriber: &Subscriber<'_>) -> Option<Imsi> {
    subscriber.record().imsi().filter(|_| subscriber.take_unri())
}

/// 8.6 step 2 of somebody whose registration had not ended: the HLR is told, and goes on with step 3.
pub(super) fn on_present(gateway: &mut Gateway, now: Time, network: u16, imsi: Imsi, cx: &mut Cx<'_>) {
    let Some(ready) = ready(gateway, network, imsi, AlertReason::MsPresent) else { return };
    gateway.counts.present_again += 1;
    if cx.stack.ready_for_sm(now, &ready, User::Present.to_u64(), cx.outside).is_err() {
        gateway.counts.present_again_failed += 1;
    }
}

/// The HLR's answer, which nobody waits for: the service centres have their schedules too.
pub(super) fn on_present_outcome(gateway: &mut Gateway, outcome: &Outcome<'_>) {
    gateway.counts.present_again_failed += u64::from(!matches!(outcome, Outcome::Returned { .. }));
}

/// The HLR's answer, or none: the UE gets its RP-ACK or RP-ERROR as a MESSAGE of its own, as a submit report.
pub(super) fn on_outcome(gateway: &mut Gateway, now: Time, key: Key, outcome: &Outcome<'_>, cx: &mut Cx<'_>) {
    if let Outcome::Returned { .. } = outcome {
        return mo::send_report(gateway, now, key, Ok(None), cx);
    }
    let cause = gateway.config.causes.rp_cause_of_alert(outcome);
    refuse(gateway, now, key, cause, cx);
}

fn refuse(gateway: &mut Gateway, now: Time, key: Key, cause: u8, cx: &mut Cx<'_>) {
    gateway.counts.memory_available_failed += 1;
    mo::send_report(gateway, now, key, Err((cause, None)), cx);
}
