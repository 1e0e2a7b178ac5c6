//! The HLR as a node of the SS7 network: what it is asked, and what it asks while it answers.

use super::{Answer, Hlr, Location};
use crate::node::Cx;
use core::convert::Infallible;
use ipsmgw::base::{Counts, Time};
use ipsmgw::proto::map::subscription::UpdateGprsLocationResult;
use ipsmgw::proto::map::{AddressString, operation};
use ipsmgw::stack::{Application, Asked, Indication, Invoke, Operation, Outcome, Stack, UserError};

/// The HLR on its stack.
pub struct HlrNode {
    /// What it knows.
    pub hlr: Hlr,
    stopping: bool,
}

impl HlrNode {
    /// Around what it knows.
    #[must_use]
    pub fn new(hlr: Hlr) -> Self {
        Self { hlr, stopping: false }
    }

    /// Whether it has reached all that it is configured with.
    #[must_use]
    pub fn is_up(&self, stack: &Stack) -> bool {
        stack.ss7().transport().associations().all(|(_, _, is_active)| is_active)
    }

    /// Leaves the SS7 network in order.
    pub fn stop(&mut self, now: Time, cx: &mut Cx<'_>) {
        if !core::mem::replace(&mut self.stopping, true) {
            cx.stack.stop(now, cx.outside);
        }
    }
}

/// 8.1 step 4, 8.2.1 step 3, 8.2.2 step 2, 8.7 and 8.8: a gateway invokes an operation.
fn on_invoke(node: &mut HlrNode, now: Time, invoke: &Invoke<'_>, cx: &mut Cx<'_>) {
    let Operation::Other { opcode, argument } = invoke.operation else {
        cx.stack.user_error(now, &invoke.asked, &UserError::FacilityNotSupported, cx.outside);
        return;
    };
    let hlr = &mut node.hlr;
    let answer = match opcode {
        operation::SEND_ROUTING_INFO_FOR_SM => hlr.send_routing_info_for_sm(argument),
        operation::ANY_TIME_MODIFICATION => hlr.any_time_modification(argument),
        operation::PURGE_MS => hlr.purge_ms(argument),
        operation::SEND_AUTHENTICATION_INFO => hlr.send_authentication_info(argument),
        operation::UPDATE_GPRS_LOCATION => match hlr.update_gprs_location(argument) {
            Ok((imsi, gateway, data)) => {
                hlr.next = hlr.next.wrapping_add(1);
                let user = hlr.next.into();
                let sent = cx.stack.invoke_within(
                    now,
                    &invoke.asked,
                    operation::INSERT_SUBSCRIBER_DATA,
                    &data,
                    user,
                    cx.outside,
                );
                match sent {
                    Ok(()) => {
                        hlr.locations.insert(hlr.next, Location { asked: invoke.asked, imsi, gateway });
                        return;
                    }
                    Err(_) => Err(UserError::system_failure()),
                }
            }
            Err(error) => Err(error),
        },
        _ => Err(UserError::FacilityNotSupported),
    };
    finish(node, now, &invoke.asked, opcode, answer, cx);
}

/// The gateway has taken the subscriber's data, or has not.
fn on_inserted(node: &mut HlrNode, now: Time, number: u32, outcome: &Outcome<'_>, cx: &mut Cx<'_>) {
    let Some(Location { asked, imsi, gateway }) = node.hlr.locations.remove(&number) else { return };
    let answer = match (outcome, node.hlr.home(imsi).map(|home| home.title)) {
        (Outcome::Returned { .. }, Ok(title)) => {
            node.hlr.counts.inserted += 1;
            node.hlr.set(imsi, Some(gateway));
            Ok(UpdateGprsLocationResult { hlr_number: AddressString::international(title) }.encode())
        }
        _ => Err(UserError::system_failure()),
    };
    finish(node, now, &asked, operation::UPDATE_GPRS_LOCATION, answer, cx);
}

fn finish(node: &mut HlrNode, now: Time, asked: &Asked, opcode: u8, answer: Answer, cx: &mut Cx<'_>) {
    match answer {
        Ok(result) => cx.stack.returned(now, asked, opcode, Some(&result), cx.outside),
        Err(error) => {
            node.hlr.counts.refused += 1;
            cx.stack.user_error(now, asked, &error, cx.outside)
        }
    };
}

impl Application for HlrNode {
    type Crossing = Infallible;
    type Request = Infallible;
    type Reply = Infallible;

    fn handle(&mut self, now: Time, indication: Indication<'_>, cx: &mut Cx<'_>) {
        match indication {
            Indication::Invoke(invoke) => on_invoke(self, now, &invoke, cx),
            Indication::Ended { user, outcome } => on_inserted(self, now, user as u32, &outcome, cx),
            // It answers in the turn of the question, and has no SIP.
            _ => {}
        }
    }

    fn handle_crossing(&mut self, _now: Time, crossing: Infallible, _cx: &mut Cx<'_>) {
        match crossing {}
    }

    fn handle_reply(&mut self, _now: Time, reply: Infallible, _cx: &mut Cx<'_>) {
        match reply {}
    }

    fn handle_timeout(&mut self, _now: Time, _cx: &mut Cx<'_>) {}

    fn poll_timeout(&self) -> Time {
        Time::NEVER
    }

    fn is_stopping(&self) -> bool {
        self.stopping
    }

    fn quiescent(&mut self) {}

    fn counts(&self) -> &dyn Counts {
        &self.hlr.counts
    }

    fn fill(&self, _visit: &mut dyn FnMut(&'static str, usize, usize)) {}
}
