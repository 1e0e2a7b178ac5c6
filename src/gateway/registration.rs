//! Registration by the S-CSCF: TR 23.804 8.7 (P-8.7), TS 24.229 5.4.1.7.
//!
//! A REGISTER that changes nothing but the expiry is answered here, on the worker. Any other goes to the control
//! thread, which completes the identities, exchanges R1 with the HLR where configured, and publishes the binding.

use core::time::Duration;

use super::mailbox::{RegisterAnswer, RegisterOutcome, RegisterRequest, ToControl};
use super::{Cx, Gateway};
use crate::base::Time;
use crate::ident::Identity;
use crate::stack::{Answer, Register};
use crate::subscriber::{AccessKind, AccessNetworkInfo};

/// 8.7 step 4: the S-CSCF informs us of the registration.
pub(super) fn on_register(gateway: &mut Gateway, now: Time, register: &Register<'_>, cx: &mut Cx<'_>) {
    let Some(network) = gateway.network_of(register.request.source) else {
        gateway.counts.untrusted_source += 1;
        cx.stack.answer(now, &register.request, 403, cx.outside);
        return;
    };
    let Some(contact) = register.contact else {
        cx.stack.answer(now, &register.request, 400, cx.outside);
        return;
    };
    let fingerprint = fingerprint(cx, register, &contact);
    if refresh(gateway, now, register, fingerprint) {
        gateway.counts.registration_refreshed += 1;
        cx.stack.answer(now, &register.request, 200, cx.outside);
    } else {
        forward(gateway, now, network, register, fingerprint, cx);
    }
}

/// Extends the expiry of a live binding that this REGISTER would not change otherwise.
fn refresh(gateway: &Gateway, now: Time, register: &Register<'_>, fingerprint: u64) -> bool {
    let Some(subscriber) = gateway.subscribers.by_identity(register.public_identity.as_bytes()) else {
        return false;
    };
    let same = |(_, binding): &(usize, crate::subscriber::Binding)| {
        binding.access == AccessKind::Ims && binding.fingerprint == fingerprint
    };
    let Some((at, _)) = subscriber.registered(now).find(same) else { return false };
    let life = Duration::from_secs(u64::from(register.expires.min(gateway.config.registration_max)));
    subscriber.extend(at, subscriber.expiry(at), now + life)
}

/// A keyed hash of everything in the REGISTER that the binding depends on, but its expiry.
fn fingerprint(cx: &Cx<'_>, register: &Register<'_>, contact: &Identity) -> u64 {
    let of_one = cx.stack.fingerprint(
        &[
            register.public_identity.as_bytes(),
            contact.as_bytes(),
            register.private_identity.as_ref().map_or(&[][..], Identity::as_bytes),
            register.service_info,
            register.access_network_info,
        ],
        &[register.request.source, register.request.local],
    );
    register
        .associated_values()
        .fold(of_one, |hash, value| cx.stack.fingerprint(&[&hash.to_be_bytes(), value], &[]))
}

/// Steps 5 and 6 are the control thread's; the answer of step 7 waits for it.
pub(super) fn forward(
    gateway: &mut Gateway,
    now: Time,
    network: u16,
    register: &Register<'_>,
    fingerprint: u64,
    cx: &mut Cx<'_>,
) {
    let Some(contact) = register.contact else {
        cx.stack.answer(now, &register.request, 400, cx.outside);
        return;
    };
    let Some(reply_to) = cx.stack.defer(now, &register.request) else {
        gateway.counts.registration_full += 1;
        cx.stack.answer(now, &register.request, 503, cx.outside);
        return;
    };
    let request = RegisterRequest {
        network,
        public_identity: register.public_identity,
        contact,
        remote: gateway.scscf_address(network, register.request.source),
        local: register.request.local,
        expires_s: register.expires,
        private_identity: register.private_identity,
        associated: register.associated().collect(),
        service_info: register.service_info.to_vec(),
        access_network_info: AccessNetworkInfo::new(register.access_network_info),
        worker: gateway.config.worker,
        reply_to,
        fingerprint,
    };
    gateway.counts.registration_forwarded += 1;
    if cx.outside.to_control(ToControl::Register(Box::new(request))).is_err() {
        gateway.counts.registration_full += 1;
        cx.stack.answer_deferred(now, reply_to, 503, &Answer::default(), cx.outside);
    }
}

/// 8.7 step 7, 8.8.1 step 7: the control thread is done, the S-CSCF gets its answer.
pub(super) fn on_registered(now: Time, outcome: &RegisterOutcome, cx: &mut Cx<'_>) {
    let (status, contact) = match outcome.answer {
        RegisterAnswer::Accepted { expires_s } => (200, Some((outcome.contact.as_str(), expires_s))),
        RegisterAnswer::Refused { status } => (status, None),
    };
    let answer = Answer { contacts: contact.as_slice(), ..Answer::default() };
    cx.stack.answer_deferred(now, outcome.reply_to, status, &answer, cx.outside);
}
