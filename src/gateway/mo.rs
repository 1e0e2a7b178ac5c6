//! Mobile originated short messages: over IMS, TR 23.804 8.9 (P-8.9), TS 23.204 6.3, TS 24.341 5.3.3.4; and directly,
//! TR 23.804 8.3 (P-8.3). Steps are those of 8.9; 8.3 has the same ones in fewer.

use core::net::SocketAddr;

use super::sender::{Sender, Tried};
use super::{Cx, Gateway, User, alerting, cause};
use crate::base::{Connection, Inline, Key, Time};
use crate::ident::{Identity, Imsi, Msisdn};
use crate::stack::{Message, MessageRequest, MoForward, Outcome, Rp, submit_report};
use crate::subscriber::{AccessKind, SubscriberId};

/// A submission between its 202 and its submit report's answer, named by what is awaited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mo {
    awaiting: Awaiting,
    network: u16,
    /// The RP-MR that the report repeats.
    reference: u8,
    /// Whether the report goes straight to the UE.
    direct: bool,
    /// Whom the report goes to: the identity that the core asserted, or the UE's contact.
    originator: Identity,
    subscriber: SubscriberId,
    /// The submission's Call-ID, for the report's In-Reply-To.
    call_id: Inline<256>,
    remote: SocketAddr,
    local: SocketAddr,
    /// The UE's stream, if it registered by one: the report goes back by that.
    connection: Option<Connection>,
    /// The bindings that the report was sent over, the first of which is the submission's.
    tried: Tried,
    /// The report, kept as long as there is another binding to send it over.
    report: Option<Key>,
}

impl Mo {
    pub(super) fn has_report(&self) -> bool {
        self.report.is_some()
    }
}

/// A submit report: RP-ACK, or RP-ERROR with its cause; and the SUBMIT-REPORT, empty if there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    cause: Option<u8>,
    tpdu: Inline<233>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Awaiting {
    /// Step 9: the service centre's result.
    Outcome,
    /// Step 13: the UE's answer to the report.
    ReportAnswer,
}

/// What the originator is told: RP-ACK or RP-ERROR with its cause, and the SUBMIT-REPORT if there is one.
pub(super) type SubmitReport<'a> = Result<Option<&'a [u8]>, (u8, Option<&'a [u8]>)>;

/// What is known of the sender of a MESSAGE that has been answered 202: the UE waits for its RP-ACK or RP-ERROR.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepted {
    pub(super) key: Key,
    pub(super) network: u16,
    pub(super) msisdn: Option<Msisdn>,
    pub(super) imsi: Option<Imsi>,
    /// The subscriber, if a message had not reached him, and he is there again.
    pub(super) present: Option<Imsi>,
}

/// Step 3 (8.3 step 2): a MESSAGE from the S-CSCF, or from the UE, whose sender must be registered. Step 4: 202 Accepted.
pub(super) fn accept(
    gateway: &mut Gateway,
    now: Time,
    sender: &Sender,
    message: &Message<'_>,
    cx: &mut Cx<'_>,
) -> Option<Accepted> {
    let network = sender.network;
    let found = sender.subscriber.and_then(|id| gateway.subscribers.get(id));
    let found =
        found.and_then(|subscriber| Some((subscriber, sender.binding(now, &subscriber)?, sender.identity?)));
    let Some((subscriber, binding, originator)) = found else {
        gateway.counts.mo_not_registered += 1;
        cx.stack.answer(now, &message.request, 403, cx.outside);
        return None;
    };
    // A notice of free memory is no message: it is as true over any access.
    let preferred = matches!(message.rp, Rp::MemoryAvailable { .. })
        || subscriber.registered(now).all(|(_, other)| other.priority <= binding.priority);
    if !preferred && gateway.networks.get(usize::from(network)).is_some_and(|it| it.mo_preferred_only) {
        gateway.counts.mo_not_preferred += 1;
        cx.stack.answer(now, &message.request, 403, cx.outside);
        return None;
    }
    let (msisdn, imsi) = (subscriber.record().msisdn(), subscriber.record().imsi());
    let present = alerting::present(&subscriber);
    let subscriber = subscriber.id();
    let (Some(call_id), false) = (Inline::new(message.call_id), gateway.mo.len() == gateway.mo.capacity())
    else {
        gateway.counts.mo_full += 1;
        cx.stack.answer(now, &message.request, 503, cx.outside);
        return None;
    };
    gateway.counts.mo_accepted += 1;
    cx.stack.answer(now, &message.request, 202, cx.outside);
    let direct = sender.access == AccessKind::Direct;
    let remote = match direct {
        true => binding.target,
        // What came by another host of the core is answered by way of the S-CSCF that has the user.
        false => gateway.scscf_address(network, message.request.source).unwrap_or(binding.target),
    };
    let mut tried = Tried::default();
    tried.add(binding);
    let mo = Mo {
        awaiting: Awaiting::Outcome,
        network,
        reference: message.rp.reference(),
        direct,
        originator,
        subscriber,
        call_id,
        remote,
        local: message.request.local,
        connection: message.request.connection.filter(|_| direct),
        tried,
        report: None,
    };
    let key = gateway.mo.insert(mo).ok()?;
    Some(Accepted { key, network, msisdn, imsi, present })
}

/// Steps 3 and 4, and step 6 (8.3 step 3): mo-forwardSM towards the SMS-IWMSC, with the MSISDN of the binding.
pub(super) fn on_message(
    gateway: &mut Gateway,
    now: Time,
    sender: &Sender,
    message: &Message<'_>,
    cx: &mut Cx<'_>,
) {
    let Some(accepted) = accept(gateway, now, sender, message, cx) else { return };
    let Accepted { key, network, msisdn, imsi, present } = accepted;
    let submission = match message.rp {
        Rp::Submit { service_centre, tpdu, .. } => Ok((service_centre.or(message.request_digits), tpdu)),
        Rp::Faulty { cause, .. } => {
            gateway.counts.rp_faulty += 1;
            Err(cause)
        }
        Rp::MemoryAvailable { .. } | Rp::Deliver { .. } | Rp::Ack { .. } | Rp::Error { .. } => {
            Err(cause::MESSAGE_TYPE_NON_EXISTENT)
        }
    };
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
    if let Some(imsi) = present {
        alerting::on_present(gateway, now, network, imsi, cx);
    }
}

/// Step 9: the SMS-IWMSC's delivery report, or the failure of the way there.
pub(super) fn on_outcome(gateway: &mut Gateway, now: Time, key: Key, outcome: &Outcome<'_>, cx: &mut Cx<'_>) {
    if let Outcome::Result { tpdu, .. } = *outcome {
        return send_report(gateway, now, key, Ok(tpdu), cx);
    }
    let causes = &gateway.config.causes;
    let (cause, failure) = (causes.rp_cause_of(outcome), causes.fcs_of(outcome));
    let own = failure.zip(gateway.since_1970(now)).map(|(failure, at)| submit_report(failure, at));
    let tpdu = cause::diagnostic(outcome).or(own.as_ref().map(|own| &own[..]));
    send_report(gateway, now, key, Err((cause, tpdu)), cx);
}

/// Step 10 (8.3 step 7): the submit report goes to the UE as a MESSAGE of its own.
pub(super) fn send_report(
    gateway: &mut Gateway,
    now: Time,
    key: Key,
    report: SubmitReport<'_>,
    cx: &mut Cx<'_>,
) {
    let Some(mo) = gateway.mo.get_mut(key).filter(|mo| mo.awaiting == Awaiting::Outcome) else { return };
    match report {
        Ok(_) => gateway.counts.mo_acknowledged += 1,
        Err(_) => gateway.counts.mo_failed += 1,
    }
    mo.awaiting = Awaiting::ReportAnswer;
    let subscriber = gateway.subscribers.get(mo.subscriber);
    if subscriber.is_some_and(|subscriber| mo.tried.next(now, &subscriber).is_some()) {
        let (cause, tpdu) = match report {
            Ok(tpdu) => (None, tpdu),
            Err((cause, tpdu)) => (Some(cause), tpdu),
        };
        let tpdu = tpdu.and_then(Inline::new).unwrap_or(Inline::EMPTY);
        mo.report = gateway.reports.insert(Report { cause, tpdu }).ok();
    }
    send(gateway, now, key, report, cx);
}

fn send(gateway: &mut Gateway, now: Time, key: Key, report: SubmitReport<'_>, cx: &mut Cx<'_>) {
    let Some(mo) = gateway.mo.get(key) else { return };
    let Some(network) = gateway.networks.get(usize::from(mo.network)) else { return };
    let reference = mo.reference;
    let rp = match report {
        Ok(tpdu) => Rp::Ack { reference, tpdu },
        Err((cause, tpdu)) => Rp::Error { reference, cause, tpdu },
    };
    let route = network.scscf(mo.remote).filter(|_| !mo.direct).map(|scscf| scscf.uri);
    let request = MessageRequest {
        local: mo.local,
        remote: mo.remote,
        connection: mo.connection,
        request_uri: mo.originator.as_str(),
        to: None,
        from: &network.uri,
        asserted: true,
        route: route.as_ref().map(Identity::as_str),
        in_reply_to: Some(&mo.call_id),
        key: User::Mo(key).call(),
        towards_ue: !mo.direct,
        access_network_info: &[],
        rp,
    };
    if cx.stack.message(now, &request, User::Mo(key).to_u64(), cx.outside).is_err() {
        give_up(gateway, key);
    }
}

/// Steps 12 and 13: the UE has acknowledged the report, or has not taken it. Then it gets it over another binding, if
/// there is one (G-6); else it repeats its submission.
pub(super) fn on_report_answered(gateway: &mut Gateway, now: Time, key: Key, status: u16, cx: &mut Cx<'_>) {
    let Some(mo) = gateway.mo.get_mut(key) else { return };
    if (200..300).contains(&status) {
        if let Some(report) = mo.report.take() {
            gateway.reports.remove(report);
        }
        gateway.mo.remove(key);
        return;
    }
    let next = gateway.subscribers.get(mo.subscriber).and_then(|subscriber| {
        let binding = mo.tried.next(now, &subscriber)?;
        let identity = match binding.access {
            AccessKind::Ims => subscriber.record().default_identity()?,
            AccessKind::Direct => binding.contact,
        };
        Some((binding, identity))
    });
    let report = mo.report.and_then(|report| gateway.reports.get(report).copied());
    let (Some((binding, identity)), Some(report)) = (next, report) else { return give_up(gateway, key) };
    gateway.counts.mo_report_again += 1;
    mo.tried.add(binding);
    mo.network = binding.network;
    mo.direct = binding.access == AccessKind::Direct;
    mo.originator = identity;
    mo.remote = binding.target;
    mo.local = binding.local;
    mo.connection = binding.connection;
    let tpdu = (!report.tpdu.is_empty()).then_some(&report.tpdu[..]);
    let report = match report.cause {
        None => Ok(tpdu),
        Some(cause) => Err((cause, tpdu)),
    };
    send(gateway, now, key, report, cx);
}

/// The UE does not get its report.
fn give_up(gateway: &mut Gateway, key: Key) {
    if let Some(mo) = gateway.mo.remove(key) {
        gateway.counts.mo_report_undelivered += 1;
        if let Some(report) = mo.report {
            gateway.reports.remove(report);
        }
    }
}
