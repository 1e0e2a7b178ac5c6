//! Mobile originated short messages over IMS: TR 23.804 8.9 (P-8.9), TS 23.204 6.3, TS 24.341 5.3.3.4.

use core::net::SocketAddr;

use super::{Cx, Gateway, User, cause};
use crate::base::{Inline, Key, Time};
use crate::ident::Identity;
use crate::stack::{Message, MessageRequest, MoForward, Outcome, Rp};
use crate::subscriber::Subscriber;

/// A submission between its 202 and its submit report's answer, named by what is awaited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mo {
    awaiting: Awaiting,
    network: u16,
    /// The RP-MR that the report repeats.
    reference: u8,
    /// Whom the report goes to: the identity that the core asserted.
    originator: Identity,
    /// The submission's Call-ID, for the report's In-Reply-To.
    call_id: Inline<256>,
    remote: SocketAddr,
    local: SocketAddr,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Awaiting {
    /// Step 9: the service centre's result.
    Outcome,
    /// Step 13: the UE's answer to the report.
    ReportAnswer,
}

/// What the originator is told: RP-ACK or RP-ERROR with its cause, and the SUBMIT-REPORT if there is one.
type SubmitReport<'a> = Result<Option<&'a [u8]>, (u8, Option<&'a [u8]>)>;

/// Step 3: a MESSAGE from the S-CSCF. Step 4: 202 Accepted. Step 6: mo-forwardSM towards the SMS-IWMSC.
pub(super) fn on_message(
    gateway: &mut Gateway,
    now: Time,
    network: u16,
    message: &Message<'_>,
    cx: &mut Cx<'_>,
) {
    let subscriber = message
        .asserted
        .iter()
        .flatten()
        .find_map(|identity| Some((*identity, gateway.subscribers.by_identity(identity.as_bytes())?)));
    let Some((originator, subscriber)) =
        subscriber.filter(|(_, subscriber)| is_served(subscriber, now, network))
    else {
        gateway.counts.mo_not_registered += 1;
        cx.stack.answer(now, &message.request, 403, cx.outside);
        return;
    };
    let (msisdn, imsi) = (subscriber.record().msisdn(), subscriber.record().imsi());
    let (Some(call_id), false) = (Inline::new(message.call_id), gateway.mo.len() == gateway.mo.capacity())
    else {
        gateway.counts.mo_full += 1;
        cx.stack.answer(now, &message.request, 503, cx.outside);
        return;
    };
    let (reference, submission) = match message.rp {
        Rp::Submit { reference, service_centre, tpdu } => {
            (reference, Ok((service_centre.or(message.request_digits), tpdu)))
        }
        // Memory available: the alert towards the HLR is not offered, and RP tells the UE for good.
        Rp::MemoryAvailable { reference } => (reference, Err(cause::NOT_IMPLEMENTED)),
        Rp::Faulty { reference, cause } => {
            gateway.counts.rp_faulty += 1;
            (reference, Err(cause))
        }
        Rp::Deliver { reference, .. } | Rp::Ack { reference, .. } | Rp::Error { reference, .. } => {
            (reference, Err(cause::MESSAGE_TYPE_NON_EXISTENT))
        }
    };
    gateway.counts.mo_accepted += 1;
    cx.stack.answer(now, &message.request, 202, cx.outside);
    let mo = Mo {
        awaiting: Awaiting::Outcome,
        network,
        reference,
        originator,
        call_id,
        remote: gateway.scscf_address(network, message.request.source),
        local: message.request.local,
    };
    let Ok(key) = gateway.mo.insert(mo) else { return };
    if let Err(cause) = submission.and_then(|(centre, tpdu)| {
        let served = gateway.networks.get(usize::from(network)).ok_or(cause::NETWORK_OUT_OF_ORDER)?;
        let service_centre = centre.ok_or(cause::INVALID_MANDATORY_INFORMATION)?;
        if !served.allows_service_centre(service_centre) {
            return Err(cause::UNASSIGNED_NUMBER);
        }
        let forward = MoForward {
            title: served.title,
            ssn: served.node.ssn(),
            service_centre,
            msisdn: Gateway::originator(msisdn),
            imsi,
            tpdu,
        };
        cx.stack.mo_forward_sm(now, &forward, User::Mo(key).to_u64(), cx.outside).map_err(cause::of_refusal)
    }) {
        send_report(gateway, now, key, Err((cause, None)), cx);
    }
}

/// Whether the subscriber is registered in the network whose S-CSCF speaks for it: no network's core may speak for
/// another's subscribers.
fn is_served(subscriber: &Subscriber<'_>, now: Time, network: u16) -> bool {
    subscriber.registered(now).any(|(_, binding)| binding.network == network)
}

/// Step 9: the SMS-IWMSC's delivery report, or the failure of the way there.
pub(super) fn on_outcome(gateway: &mut Gateway, now: Time, key: Key, outcome: &Outcome<'_>, cx: &mut Cx<'_>) {
    if gateway.mo.get(key).is_none_or(|mo| mo.awaiting != Awaiting::Outcome) {
        return;
    }
    let report: SubmitReport<'_> = match *outcome {
        Outcome::Result(tpdu) => Ok(tpdu),
        Outcome::Error(ref error) => Err((cause::of_map_error(error), cause::diagnostic(error))),
        Outcome::Returned { .. } | Outcome::Aborted | Outcome::TimedOut => {
            Err((cause::NETWORK_OUT_OF_ORDER, None))
        }
    };
    send_report(gateway, now, key, report, cx);
}

/// Step 10: the submit report goes to the UE as a MESSAGE of its own.
fn send_report(gateway: &mut Gateway, now: Time, key: Key, report: SubmitReport<'_>, cx: &mut Cx<'_>) {
    let Some(mo) = gateway.mo.get_mut(key) else { return };
    let Some(network) = gateway.networks.get(usize::from(mo.network)) else { return };
    mo.awaiting = Awaiting::ReportAnswer;
    let reference = mo.reference;
    let rp = match report {
        Ok(tpdu) => Rp::Ack { reference, tpdu },
        Err((cause, tpdu)) => Rp::Error { reference, cause, tpdu },
    };
    match report {
        Ok(_) => gateway.counts.mo_acknowledged += 1,
        Err(_) => gateway.counts.mo_failed += 1,
    }
    let route = network.scscf(mo.remote).map(|scscf| scscf.uri);
    let request = MessageRequest {
        local: mo.local,
        remote: mo.remote,
        request_uri: mo.originator.as_str(),
        to: None,
        from: &network.uri,
        asserted: true,
        route: route.as_ref().map(Identity::as_str),
        in_reply_to: Some(&mo.call_id),
        key: User::Mo(key).call(),
        towards_ue: true,
        access_network_info: &[],
        rp,
    };
    if cx.stack.message(now, &request, User::Mo(key).to_u64(), cx.outside).is_err() {
        gateway.counts.mo_report_undelivered += 1;
        gateway.mo.remove(key);
    }
}

/// Steps 12 and 13: the UE has acknowledged the report, or has not taken it; then it repeats its submission.
pub(super) fn on_report_answered(gateway: &mut Gateway, key: Key, status: u16) {
    if gateway.mo.remove(key).is_some() && !(200..300).contains(&status) {
        gateway.counts.mo_report_undelivered += 1;
    }
}
