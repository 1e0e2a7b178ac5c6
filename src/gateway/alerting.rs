//! Alerting: TR 23.804 8.6 (P-8.6). Its steps are the registrar's, the HLR's and the service centre's; ours is what goes
//! before them where it was the UE's memory that failed: the notice that there is memory again (RP-SMMA, TS 24.011
//! 7.3.2; readyForSM, TS 29.002 12.4), over IMS or directly.

use super::mo::{self, Accepted};
use super::sender::Sender;
use super::{Cx, Gateway, User, cause};
use crate::base::{Key, Time};
use crate::ident::Ssn;
use crate::stack::{Message, Outcome, ReadyForSm};

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
    if let Err(cause) = tell_hlr(gateway, now, &accepted, cx) {
        refuse(gateway, now, accepted.key, cause, cx);
    }
}

fn tell_hlr(gateway: &Gateway, now: Time, accepted: &Accepted, cx: &mut Cx<'_>) -> Result<(), u8> {
    let network = gateway.networks.get(usize::from(accepted.network)).ok_or(cause::NETWORK_OUT_OF_ORDER)?;
    // Without either nobody could be told, now or later.
    let told = accepted.imsi.and_then(|imsi| Some((imsi, network.hlr(imsi)?)));
    let (imsi, hlr) = told.ok_or(cause::NOT_IMPLEMENTED)?;
    let ready = ReadyForSm {
        from: (network.title, if network.sgsn_at_hlr { Ssn::SGSN } else { network.node.ssn() }),
        hlr,
        imsi,
        sgsn: network.sgsn_at_hlr,
        timeout: gateway.config.hlr_timeout,
    };
    let user = User::MemoryAvailable(accepted.key).to_u64();
    cx.stack.ready_for_sm(now, &ready, user, cx.outside).map_err(cause::of_refusal)
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
