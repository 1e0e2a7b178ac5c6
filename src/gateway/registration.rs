//! Registration: by the S-CSCF, TR 23.804 8.7 (P-8.7), TS 24.229 5.4.1.7; and by the UE itself, TR 23.804 8.1 (P-8.1).
//!
//! A third-party REGISTER that changes nothing but the expiry is answered here, on the worker. Any other goes to the
//! control thread, which finds out who it is about, lets a UE prove who it is, exchanges R1 with the HLR where
//! configured, and publishes the binding.

use core::time::Duration;

use super::mailbox::{self, RegisterOutcome, RegisterRequest, Registrant, ToControl, UeRegister};
use super::{Cx, Gateway, alerting};
use crate::base::Time;
use crate::ident::Identity;
use crate::stack::{Answer, Register, RegisteredFlow};
use crate::subscriber::{AccessKind, AccessNetworkInfo, SubscriberId};

/// The most wildcarded identities of one set.
const WILDCARDS: usize = 8;
/// The most realms that a UE may have credentials for.
const AUTHORIZATIONS: usize = 4;

/// 8.7 step 4: the S-CSCF informs us of the registration. 8.1 step 2: a UE registers.
pub(super) fn on_register(gateway: &mut Gateway, now: Time, register: &Register<'_>, cx: &mut Cx<'_>) {
    let Some(network) = gateway.network_registering(&register.request, register.contact.as_ref()) else {
        return on_ue_register(gateway, now, register, cx);
    };
    let Some(contact) = register.contact else {
        cx.stack.answer(now, &register.request, 400, cx.outside);
        return;
    };
    let fingerprint = fingerprint(gateway, network, cx, register, &contact);
    if let Some(id) = refresh(gateway, now, register, fingerprint, cx) {
        gateway.counts.registration_refreshed += 1;
        if gateway.config.is_kept && cx.outside.to_control(ToControl::Refreshed(id)).is_err() {
            // Nobody is the worse for it: a binding that is restored lives for as long again as it was granted.
            gateway.counts.refresh_not_told += 1;
        }
        cx.stack.answer(now, &register.request, 200, cx.outside);
        if let Some(imsi) = gateway.subscribers.get(id).and_then(|it| alerting::present(&it)) {
            alerting::on_present(gateway, now, network, imsi, cx);
        }
    } else {
        forward_third_party(gateway, now, network, register, fingerprint, cx);
    }
}

/// Extends the expiry of a live binding that this REGISTER would not change otherwise: its subscriber.
///
/// It is told from a newer REGISTER of its Call-ID that overtook it, which is the control thread's (RFC 3261 10.3 step 7).
fn refresh(
    gateway: &Gateway,
    now: Time,
    register: &Register<'_>,
    fingerprint: u64,
    cx: &Cx<'_>,
) -> Option<SubscriberId> {
    let subscriber = gateway.subscribers.by_identity(register.public_identity.as_bytes())?;
    let same = |(_, binding): &(usize, crate::subscriber::Binding)| {
        binding.access == AccessKind::Ims && binding.fingerprint == fingerprint
    };
    let (at, binding) = subscriber.registered(now).find(same)?;
    let of_this_call = binding.call == cx.stack.fingerprint(&[register.call_id], &[]);
    if of_this_call && register.cseq <= subscriber.sequence(at) {
        return None;
    }
    let life = Duration::from_secs(u64::from(register.expires.min(gateway.config.registration_max)));
    let extended = subscriber.refresh(at, now, now + life);
    if extended && of_this_call {
        subscriber.refreshed(at, register.cseq);
    }
    extended.then(|| subscriber.id())
}

/// A keyed hash of everything in the REGISTER that the binding depends on, but its expiry.
fn fingerprint(
    gateway: &Gateway,
    network: u16,
    cx: &Cx<'_>,
    register: &Register<'_>,
    contact: &Identity,
) -> u64 {
    // The S-CSCF rather than its port: by TCP that is another with each connection.
    let source = register.request.source;
    let scscf = gateway.scscf_address(network, source, Some(contact)).unwrap_or(source);
    let of_one = cx.stack.fingerprint(
        &[
            register.public_identity.as_bytes(),
            contact.as_bytes(),
            register.private_identity.as_ref().map_or(&[][..], Identity::as_bytes),
            register.service_info,
            register.access_network_info,
        ],
        &[scscf, register.request.local],
    );
    let with = |hash: u64, name: &[u8], value| cx.stack.fingerprint(&[&hash.to_be_bytes(), name, value], &[]);
    // What a UE can do decides about its messages: a tag that comes or goes is a change.
    let of_features = register.features().fold(of_one, |hash, (name, value)| with(hash, name, value));
    let mut hash = register.associated_values().fold(of_features, |hash, value| with(hash, &[], value));
    register.each_answered(&mut |identity| {
        hash = cx.stack.fingerprint(&[&hash.to_be_bytes(), identity.as_bytes()], &[]);
    });
    hash
}

/// 8.7 steps 5 and 6, 8.8.1 steps 5 and 6 are the control thread's; the answer of step 7 waits for it.
pub(super) fn forward_third_party(
    gateway: &mut Gateway,
    now: Time,
    network: u16,
    register: &Register<'_>,
    fingerprint: u64,
    cx: &mut Cx<'_>,
) {
    let wildcards: Vec<_> = register.wildcards().collect();
    let unreadable = wildcards.iter().filter(|it| it.is_none()).count();
    gateway.counts.wildcard_unreadable += unreadable as u64;
    let mut associated: Vec<_> = register.associated().collect();
    register.each_answered(&mut |identity| {
        if !associated.contains(&identity) {
            associated.push(identity);
        }
    });
    let registrant = Registrant::Scscf {
        network,
        wildcards: wildcards.into_iter().flatten().take(WILDCARDS).collect(),
        private_identity: register.private_identity,
        associated,
        service_info: register.service_info.to_vec(),
    };
    let source = register.request.source;
    let remote = gateway.scscf_address(network, source, register.contact.as_ref()).unwrap_or(source);
    forward(gateway, now, register, registrant, remote, fingerprint, cx);
}

/// 8.1 step 2, 8.2.1 step 1: a UE's own REGISTER. Steps 3 to 5 are the control thread's; the answer of step 6, or 8.2.1
/// step 5, waits for it.
pub(super) fn on_ue_register(gateway: &mut Gateway, now: Time, register: &Register<'_>, cx: &mut Cx<'_>) {
    // A host that is trusted with messages is no S-CSCF, and no UE either.
    let of_core = gateway.network_of(&register.request).is_some();
    if of_core || !gateway.networks.iter().any(|network| network.direct) {
        let status = gateway.refuse_stranger();
        cx.stack.answer(now, &register.request, status, cx.outside);
        return;
    }
    let source = register.request.source;
    // Without rport the UE may receive where its Contact says; behind a NAT it never does.
    // Over a stream it is reached by that alone (RFC 5626 4.2).
    let by_udp = register.request.connection.is_none();
    let beside = |address: &core::net::SocketAddr| by_udp && !register.rport && address.ip() == source.ip();
    let registrant = Registrant::Ue(UeRegister {
        to: register.to_uri.to_vec(),
        request_uri: register.request_uri.to_vec(),
        authorizations: register.authorizations().take(AUTHORIZATIONS).map(<[u8]>::to_vec).collect(),
        wildcard: register.contact_wildcard,
        leaving: register.leaving().collect(),
        q: register.contact_q,
        instance: register.instance.to_vec(),
        reg_id: register.reg_id,
        target: register.contact_address.filter(beside),
    });
    let mut register = *register;
    if gateway.knows(now, source, register.request.connection) {
        register.request = register.request.from_known();
    }
    forward(gateway, now, &register, registrant, source, 0, cx);
}

fn forward(
    gateway: &mut Gateway,
    now: Time,
    register: &Register<'_>,
    registrant: Registrant,
    remote: core::net::SocketAddr,
    fingerprint: u64,
    cx: &mut Cx<'_>,
) {
    let Some(reply_to) = cx.stack.defer(now, &register.request) else {
        gateway.counts.registration_full += 1;
        cx.stack.answer(now, &register.request, 503, cx.outside);
        return;
    };
    let request = RegisterRequest {
        registrant,
        public_identity: register.public_identity,
        contact: register.contact,
        remote,
        local: register.request.local,
        connection: register.request.connection,
        expires_s: register.expires,
        call: cx.stack.fingerprint(&[register.call_id], &[]),
        sequence: register.cseq,
        access_network_info: AccessNetworkInfo::new(register.access_network_info),
        worker: gateway.config.worker,
        reply_to,
        fingerprint,
    };
    let is_cut = register.access_network_info.len() > AccessNetworkInfo::MAX;
    gateway.counts.access_network_info_cut += u64::from(is_cut);
    gateway.counts.registration_forwarded += 1;
    if cx.outside.to_control(ToControl::Register(Box::new(request))).is_err() {
        gateway.counts.registration_full += 1;
        cx.stack.answer_deferred(now, reply_to, 503, &Answer::default(), cx.outside);
    }
}

/// 8.1 step 6, 8.2.1 step 5, 8.7 step 7, 8.8.1 step 7: the control thread is done, whoever registered gets the answer.
pub(super) fn on_registered(now: Time, outcome: &RegisterOutcome, cx: &mut Cx<'_>) {
    let contacts: Vec<(&str, u32)> =
        outcome.contacts.iter().map(|(contact, expires)| (contact.as_str(), *expires)).collect();
    let challenges: Vec<&str> = outcome.challenges.iter().map(String::as_str).collect();
    let flow = outcome.flow.as_ref().and_then(|flow| {
        // The newest is first of those with one preference.
        let contact = outcome.contacts.iter().position(|(contact, _)| *contact == flow.contact)?;
        let mailbox::Flow { ref instance, reg_id, timer, .. } = *flow;
        Some(RegisteredFlow { contact, instance, reg_id, timer })
    });
    let answer = Answer {
        contacts: &contacts,
        flow,
        challenges: &challenges,
        associated: &outcome.associated,
        retry_after: outcome.retry_after,
        date: outcome.date.as_deref(),
        // Who has been authenticated has shown that what is sent there arrives.
        known: outcome.status == 200,
        ..Answer::default()
    };
    cx.stack.answer_deferred(now, outcome.reply_to, outcome.status, &answer, cx.outside);
}
