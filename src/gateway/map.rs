//! Operations that are not about short messages: the control thread's towards HLRs (R1), and HLRs' towards us. The worker
//! only carries them between mailbox and dialogue.

use super::mailbox::{Invoked, MapAnswer, MapOperation, MapOutcome, ToControl};
use super::{Cx, Gateway, User};
use crate::base::Time;
use crate::stack::{Invoke, MapInvoke, Outcome, UserError};

/// The control thread invokes an operation.
pub(super) fn on_operation(gateway: &mut Gateway, now: Time, operation: &MapOperation, cx: &mut Cx<'_>) {
    let invoke = MapInvoke {
        from: operation.from,
        to: operation.to,
        context: operation.context,
        opcode: operation.opcode,
        argument: &operation.argument,
        timeout: operation.timeout,
    };
    if cx.stack.invoke(now, &invoke, User::Map(operation.operation).to_u64(), cx.outside).is_err() {
        tell(gateway, operation.operation, MapOutcome::NotSent, cx);
    }
}

/// It has ended.
pub(super) fn on_ended(gateway: &mut Gateway, operation: u64, outcome: &Outcome<'_>, cx: &mut Cx<'_>) {
    let outcome = match outcome {
        Outcome::Returned { result, .. } => MapOutcome::Returned(result.to_vec()),
        Outcome::Error(error) => MapOutcome::Error(error.code()),
        Outcome::Result { .. } | Outcome::NotDelivered(_) | Outcome::Aborted => MapOutcome::Aborted,
        Outcome::TimedOut => MapOutcome::TimedOut,
    };
    tell(gateway, operation, outcome, cx);
}

/// What does not reach the control thread is as good as unanswered: it has a timer of its own.
fn tell(gateway: &mut Gateway, operation: u64, outcome: MapOutcome, cx: &mut Cx<'_>) {
    if cx.outside.to_control(ToControl::Ended { operation, outcome }).is_err() {
        gateway.counts.control_full += 1;
    }
}

/// An HLR invokes an operation: the control thread answers.
pub(super) fn on_invoked(
    gateway: &mut Gateway,
    now: Time,
    invoke: &Invoke<'_>,
    opcode: u8,
    argument: &[u8],
    cx: &mut Cx<'_>,
) {
    let within = invoke.within.and_then(|user| match User::from_u64(user) {
        User::Map(operation) => Some(operation),
        User::Mo(_) | User::Mt(_) | User::Inform(_) | User::MemoryAvailable(_) => None,
        User::Present | User::Subscription(_) => None,
    });
    let invoked = Invoked { asked: invoke.asked, within, opcode, argument: argument.to_vec() };
    if cx.outside.to_control(ToControl::Invoked(Box::new(invoked))).is_err() {
        gateway.counts.control_full += 1;
        cx.stack.user_error(now, &invoke.asked, &UserError::system_failure(), cx.outside);
    }
}

/// The control thread's answer to that.
pub(super) fn on_answer(now: Time, answer: &MapAnswer, cx: &mut Cx<'_>) {
    match &answer.answer {
        Ok(result) => {
            cx.stack.returned(now, &answer.asked, answer.opcode, result.as_deref(), cx.outside);
        }
        Err(error) => {
            cx.stack.user_error(now, &answer.asked, error, cx.outside);
        }
    }
}
