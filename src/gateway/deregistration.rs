//! De-registration: by the S-CSCF, TR 23.804 8.8 (P-8.8); by the UE, 8.2.1 (P-8.2.1); by the gateway itself, 8.2.2
//! (P-8.2.2), whose steps 1 to 3 are the control thread's.

use super::mailbox::Inform;
use super::{Cx, Gateway, User, registration};
use crate::base::Time;
use crate::stack::{InformRequest, Register};

/// 8.8.1 step 4: the S-CSCF informs us of the de-registration (Expires 0). 8.2.1 step 1: a UE de-registers. R1 and the
/// removal of the binding are the control thread's; the answer is [`registration::on_registered`].
pub(super) fn on_register(gateway: &mut Gateway, now: Time, register: &Register<'_>, cx: &mut Cx<'_>) {
    match gateway.network_registering(&register.request, register.contact.as_ref()) {
        Some(network) => registration::forward_third_party(gateway, now, network, register, 0, cx),
        None => registration::on_ue_register(gateway, now, register, cx),
    }
}

/// 8.2.2 step 4: the UE is told that its registration has ended.
pub(super) fn on_inform(gateway: &mut Gateway, now: Time, inform: &Inform, cx: &mut Cx<'_>) {
    let Some(network) = gateway.networks.get(usize::from(inform.network)) else { return };
    gateway.informs = gateway.informs.wrapping_add(1);
    let user = User::Inform(gateway.informs);
    let request = InformRequest {
        local: inform.local,
        remote: inform.remote,
        connection: inform.connection,
        request_uri: inform.contact.as_str(),
        to: inform.identity.as_str(),
        from: &network.uri,
        key: user.call(),
        content_type: inform.content.0,
        body: &inform.content.1,
    };
    match cx.stack.inform(now, &request, user.to_u64(), cx.outside) {
        Ok(_) => gateway.counts.informed += 1,
        Err(_) => gateway.counts.inform_undelivered += 1,
    }
}

/// The UE's answer to that, or none. Whatever it is, the registration has ended.
pub(super) fn on_inform_answered(gateway: &mut Gateway, status: u16) {
    if !(200..300).contains(&status) {
        gateway.counts.inform_undelivered += 1;
    }
}
