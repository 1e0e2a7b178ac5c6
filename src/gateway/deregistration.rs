//! De-registration by the S-CSCF: TR 23.804 8.8 (P-8.8).

use super::{Cx, Gateway, registration};
use crate::base::Time;
use crate::stack::Register;

/// 8.8.1 step 4: the S-CSCF informs us of the de-registration (Expires 0). Steps 5 and 6 (R1) and the removal of the
/// binding are the control thread's; step 7 is [`registration::on_registered`].
pub fn on_register(gateway: &mut Gateway, now: Time, register: &Register<'_>, cx: &mut Cx<'_>) {
    let Some(network) = gateway.network_of(register.request.source) else {
        gateway.counts.untrusted_source += 1;
        cx.stack.answer(now, &register.request, 403, cx.outside);
        return;
    };
    registration::forward(gateway, now, network, register, 0, cx);
}
