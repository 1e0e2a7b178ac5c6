//! TR 23.804 8.10 steps 5 and 8: the message goes to the UE, over one binding after the other.

use super::report::read;
use super::result::{finish, give_up_waiting, release};
use super::{Arrived, Awaiting, Mt, MtResult};
use crate::base::{Key, Time};
use crate::gateway::cause::{self, Failure};
use crate::gateway::mailbox::{ToControl, Version};
use crate::gateway::sender::is_of_flow;
use crate::gateway::{Cx, Gateway, Network, Timed, User};
use crate::ident::Identity;
use crate::stack::{ChargingVector, MessageRequest, RequestId, Rp};
use crate::subscriber::{AccessKind, Binding, Published};

/// Step 5: the message goes towards the S-CSCF, with the user's tel URI as Request-URI; or to the UE itself (8.4 step 5),
/// at the address of its binding.
pub(super) fn deliver(gateway: &mut Gateway, now: Time, key: Key, arrived: &Arrived, cx: &mut Cx<'_>) {
    let Some(mt) = gateway.mt.get_mut(key) else { return };
    let found = gateway.subscribers.get(mt.subscriber);
    let found = found.and_then(|subscriber| Some((subscriber, mt.tried.next(now, &subscriber)?)));
    let sent = found.ok_or(Failure::Absent(cause::DEREGISTERED)).and_then(|(subscriber, binding)| {
        mt.imsi = subscriber.record().imsi();
        mt.network = binding.network;
        mt.direct = (binding.access == AccessKind::Direct).then(|| (Version::of(&binding), binding.target));
        mt.answered = false;
        mt.tried.add(&binding);
        // Only where it may be needed once more.
        if mt.again.is_none() && mt.tried.next(now, &subscriber).is_some() {
            mt.again = gateway.waiting.insert(*arrived).ok();
        }
        let network = gateway.networks.get(usize::from(binding.network)).ok_or(Failure::SystemFailure)?;
        let user = User::Mt(key);
        let rp = Rp::Deliver {
            reference: mt.reference,
            service_centre: arrived.service_centre,
            tpdu: &arrived.tpdu,
        };
        let token = cx.stack.report_token(user.call());
        let token = if network.report_token { &token[..] } else { &[] };
        let own = Own { network, token, icid: &mt.charging.icid };
        send(now, &own, subscriber.record(), &binding, user, rp, cx)
    });
    match sent {
        Ok(request) => {
            mt.request = Some(request);
            mt.timer = gateway.timers.insert(now + gateway.config.report_timeout, Timed::Mt(key)).ok();
        }
        Err(failure) => finish(gateway, now, key, &MtResult::failed(failure), None, cx),
    }
}

/// What a message has of ours.
struct Own<'a> {
    network: &'a Network,
    /// The parameter that our URI gets.
    token: &'a [u8],
    /// Our identity for it.
    icid: &'a [u8],
}

/// Sends a message.
fn send(
    now: Time,
    &Own { network, token, icid }: &Own<'_>,
    record: Published<'_>,
    binding: &Binding,
    user: User,
    rp: Rp<'_>,
    cx: &mut Cx<'_>,
) -> Result<RequestId, Failure> {
    let direct = binding.access == AccessKind::Direct;
    let tel = record.msisdn().and_then(Identity::tel);
    let target = tel.or_else(|| record.default_identity()).ok_or(Failure::SystemFailure)?;
    let own = network.uri.as_str();
    let mut named = [0; 256];
    let from = match (named.get_mut(..own.len() + token.len()), token) {
        (None, _) | (_, []) => own,
        (Some(room), _) => {
            let (uri, parameter) = room.split_at_mut(own.len());
            uri.copy_from_slice(own.as_bytes());
            parameter.copy_from_slice(token);
            core::str::from_utf8(room).unwrap_or(own)
        }
    };
    let request = MessageRequest {
        local: binding.local,
        remote: binding.target,
        connection: binding.connection,
        request_uri: if direct { binding.contact.as_str() } else { target.as_str() },
        to: direct.then(|| target.as_str()),
        from,
        asserted: true,
        route: (!direct).then(|| binding.contact.as_str()),
        in_reply_to: None,
        key: user.call(),
        towards_ue: !direct,
        access_network_info: &[],
        charging: (!direct).then_some((icid, network.ioi.as_bytes())),
        rp,
    };
    cx.stack.message(now, &request, user.to_u64(), cx.outside).map_err(|_| Failure::SystemFailure)
}

/// Step 8: the answer of the S-CSCF or of the UE. A 2xx is not the report, unless the network's UEs are known to put it there;
/// anything else ends the attempt (8.5 step 5).
pub(in crate::gateway) fn on_answered(
    gateway: &mut Gateway,
    now: Time,
    key: Key,
    status: u16,
    (report, charging): (Option<&Rp<'_>>, Option<&ChargingVector<'_>>),
    cx: &mut Cx<'_>,
) {
    let report = report.and_then(|rp| read(gateway, rp));
    let Some(mt) = gateway.mt.get_mut(key) else { return };
    if !matches!(mt.awaiting, Awaiting::Report) {
        return;
    }
    mt.request = None;
    if let Some(charging) = charging.filter(|_| mt.direct.is_none()) {
        mt.charging.answered(charging);
    }
    if (200..300).contains(&status) {
        mt.answered = true;
        let taken =
            gateway.networks.get(usize::from(mt.network)).is_some_and(|network| network.report_in_200);
        match report {
            Some((reference, result)) if taken && reference == mt.reference => {
                gateway.counts.report_in_200 += 1;
                finish(gateway, now, key, &result, None, cx);
            }
            Some(_) => gateway.counts.report_in_200_ignored += 1,
            None => {}
        }
    } else {
        if status == 408 {
            tell_unreachable(gateway, key, cx);
        }
        if let Some(mt) = gateway.mt.get_mut(key).filter(|_| !is_of_flow(status)) {
            mt.tried.answered();
        }
        let failure = gateway.config.causes.failure_of_status(status);
        fail(gateway, now, key, failure, cx);
    }
}

/// An attempt has failed: the next binding is tried, if there is one (G-6), before failure is reported. A UE that has taken the
/// message and says no more may show it to its user: it does not get it again another way, but another device does.
fn fail(gateway: &mut Gateway, now: Time, key: Key, failure: Failure, cx: &mut Cx<'_>) {
    let Some(mt) = gateway.mt.get_mut(key) else { return };
    if mt.answered {
        mt.tried.answered();
    }
    stop_repeating(mt, cx);
    if let Some(timer) = mt.timer.take() {
        gateway.timers.cancel(timer);
    }
    let next = gateway.subscribers.get(mt.subscriber).and_then(|subscriber| mt.tried.next(now, &subscriber));
    // Devices that registered here themselves can be told apart; behind an S-CSCF there may be the same one.
    let is_other = |next: &Binding| mt.direct.is_some() && next.access == AccessKind::Direct;
    let next = next.filter(|next| !mt.answered || is_other(next));
    match mt.again.and_then(|again| gateway.waiting.get(again).copied()).filter(|_| next.is_some()) {
        Some(arrived) => {
            gateway.counts.mt_again += 1;
            deliver(gateway, now, key, &arrived, cx);
        }
        None => finish(gateway, now, key, &MtResult::failed(failure), None, cx),
    }
}

/// Nobody waits for the answer to the MESSAGE any more.
pub(super) fn stop_repeating(mt: &mut Mt, cx: &mut Cx<'_>) {
    if let Some(request) = mt.request.take() {
        cx.stack.cancel_request(request);
    }
}

/// G-5: the control thread learns that a UE is not where it registered from.
fn tell_unreachable(gateway: &mut Gateway, key: Key, cx: &mut Cx<'_>) {
    let Some(mt) = gateway.mt.get(key) else { return };
    let Some((binding, _)) = mt.direct else { return };
    gateway.counts.mt_unreachable += 1;
    if cx.outside.to_control(ToControl::Unreachable { subscriber: mt.subscriber, binding }).is_err() {
        gateway.counts.control_full += 1;
    }
}

/// 8.5 step 5: the UE took the message and never reported, or never answered at all; or nothing followed for which a user was
/// kept.
pub(in crate::gateway) fn on_report_timeout(gateway: &mut Gateway, now: Time, key: Key, cx: &mut Cx<'_>) {
    let Some(mt) = gateway.mt.get_mut(key) else { return };
    mt.timer = None;
    match mt.awaiting {
        Awaiting::Report => {
            match mt.answered {
                true => gateway.counts.mt_no_report += 1,
                false => tell_unreachable(gateway, key, cx),
            }
            fail(gateway, now, key, Failure::Absent(cause::NO_RESPONSE), cx);
        }
        // The worker with the dialogue never said that the result has gone: its ring was full.
        Awaiting::ResultSent(report) => release(gateway, now, key, report, cx),
        Awaiting::NextMessage => give_up_waiting(gateway, now, key, cx),
    }
}
