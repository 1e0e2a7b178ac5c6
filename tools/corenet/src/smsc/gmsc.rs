//! The SMS-GMSC: asks the HLR where a recipient is, sends mt-forwardSM there, and takes the result.

use crate::node::{Cx, Node, User};
use crate::short_message;
use crate::traffic::Delivery;
use crate::ue::{self, Behaviour};
use core::time::Duration;
use ipsmgw::base::Time;
use ipsmgw::codec::Prepend;
use ipsmgw::ident::{Digits, Ssn};
use ipsmgw::proto::map::{
    AddressString, SendRoutingInfoForSm, SendRoutingInfoForSmResult, context, operation,
};
use ipsmgw::stack::{
    AbsentSubscriberDiagnostic, MapInvoke, MtForward, Outcome, SmDeliveryFailureCause, UserError,
};

/// The invoke timer of sendRoutingInfoForSM (TS 29.002 17.1.2: medium).
const ROUTING_INFO: Duration = Duration::from_secs(20);

/// 8.10 steps 2 and 3, 8.4 steps 2 and 3: the service centre has a message for somebody, and the HLR is asked where that is.
/// Whether there was anybody who may get one now.
pub(crate) fn forward(node: &mut Node, now: Time, direct: bool, intended: Time, cx: &mut Cx<'_>) -> bool {
    let members = if direct { &node.direct } else { &node.behind_ims };
    let traffic = &mut node.traffic;
    let most = traffic.config.mt_per_user;
    let Some(at) = ue::free(&node.ues, members, &mut traffic.random, |ue| ue.awaited < most) else {
        return false;
    };
    let number = traffic.deliveries.len() as u32;
    let body = short_message::body(&mut traffic.random, number);
    let originator = originator(number);
    let ue = &mut node.ues[at];
    ue.awaited += 1;
    let scscf = &node.scscfs[ue.network];
    let tpdu = short_message::deliver(originator, &body);
    let question =
        SendRoutingInfoForSm::new(ue.msisdn.into(), true, AddressString::international(scscf.service_centre));
    let mut room = [0; 64];
    let mut w = Prepend::new(&mut room);
    question.write(&mut w, None);
    let invoke = MapInvoke {
        from: (scscf.service_centre, Ssn::MSC),
        to: (scscf.hlr, Ssn::HLR),
        context: context::GATEWAY_V3,
        opcode: operation::SEND_ROUTING_INFO_FOR_SM,
        argument: w.finish().unwrap_or_default(),
        timeout: ROUTING_INFO,
    };
    let sent = cx.stack.invoke(now, &invoke, User::RoutingInfo(number).to_u64(), cx.outside);
    traffic.by_delivery.insert(tpdu.clone(), number);
    traffic.deliveries.push(Delivery { ue: at as u32, tpdu, intended, arrived: 0, ended: false });
    traffic.mt_of(direct).begun += 1;
    if let Err(refusal) = sent {
        fail(node, number, &format!("sendRoutingInfoForSM not sent: {refusal:?}"));
    }
    true
}

/// 8.10 step 3, 8.4 step 3: the HLR says where the recipient is. Step 4: the message goes there.
pub(crate) fn on_routing_info(
    node: &mut Node,
    now: Time,
    number: u32,
    outcome: &Outcome<'_>,
    cx: &mut Cx<'_>,
) {
    let routing = match outcome {
        Outcome::Returned { result, .. } => SendRoutingInfoForSmResult::parse(result).ok(),
        _ => None,
    };
    let Some(routing) = routing else {
        return fail(node, number, &format!("sendRoutingInfoForSM: {outcome:?}"));
    };
    let Some(delivery) = node.traffic.deliveries.get(number as usize) else { return };
    let service_centre = node.scscfs[node.ues[delivery.ue as usize].network].service_centre;
    let ssn = if routing.gprs_node { Ssn::SGSN } else { Ssn::MSC };
    let forward = MtForward {
        title: service_centre,
        ssn: Ssn::MSC,
        node: (routing.network_node.digits, ssn),
        imsi: routing.imsi,
        service_centre,
        tpdu: &delivery.tpdu,
    };
    let sent = cx.stack.mt_forward_sm(now, &forward, User::MtForwardSm(number).to_u64(), cx.outside);
    if let Err(refusal) = sent {
        fail(node, number, &format!("mt-forwardSM not sent: {refusal:?}"));
    }
}

fn fail(node: &mut Node, number: u32, why: &str) {
    let Some(delivery) = node.traffic.deliveries.get(number as usize) else { return };
    let direct = node.ues[delivery.ue as usize].direct.is_some();
    if end(node, number) {
        node.traffic.mt_of(direct).fail(number, why);
    }
}

/// Who sends message `number`.
fn originator(number: u32) -> Digits {
    format!("44770{:06}", number % 1_000_000).parse().unwrap_or(Digits::EMPTY)
}

/// Message `number` has ended; whether only now.
fn end(node: &mut Node, number: u32) -> bool {
    let Some(delivery) = node.traffic.deliveries.get_mut(number as usize) else { return false };
    let first = !core::mem::replace(&mut delivery.ended, true);
    node.ues[delivery.ue as usize].awaited -= u32::from(first);
    first
}

/// 8.10 step 11: the result, which must be what the UE had reported, or what its behaviour leads to.
pub(crate) fn on_outcome(node: &mut Node, now: Time, number: u32, outcome: &Outcome<'_>) {
    if !end(node, number) {
        node.traffic.counts.late += 1;
        return;
    }
    let delivery = &node.traffic.deliveries[number as usize];
    let (intended, arrived) = (delivery.intended, delivery.arrived);
    let ue = &node.ues[delivery.ue as usize];
    let behaviour = ue.behaviour;
    let mt = node.traffic.mt_of(ue.direct.is_some());
    let report = |failure| short_message::deliver_report(number, failure);
    match (behaviour, outcome) {
        (Behaviour::Good, Outcome::Result(_)) if arrived == 0 => {
            mt.fail(number, "acknowledged, but the UE never got it");
        }
        (Behaviour::Good, Outcome::Result(Some(tpdu))) if *tpdu == report(None) => mt.succeed(now, intended),
        (Behaviour::Good, Outcome::Result(tpdu)) => {
            mt.fail(number, &format!("the DELIVER-REPORT is not the UE's: {tpdu:02x?}"));
        }
        (
            Behaviour::Failing(rp_cause),
            Outcome::Error(UserError::SmDeliveryFailure { cause, diagnostic_info }),
        ) if *cause == expected(rp_cause) && *diagnostic_info == Some(&report(Some(ue::FAILURE))[..]) => {
            mt.fail_as_configured();
        }
        (
            Behaviour::Silent | Behaviour::Mute,
            Outcome::Error(UserError::AbsentSubscriberSm {
                diagnostic: Some(AbsentSubscriberDiagnostic::NO_RESPONSE_VIA_IP_SM_GW),
                ..
            }),
        ) => mt.fail_as_configured(),
        (_, outcome) => {
            mt.fail(number, &format!("{behaviour:?} UE, which got it {arrived} times: {outcome:?}"));
        }
    }
}

/// The MAP cause of a UE's RP-Cause (TS 29.002 12.9, TS 24.011 8.2.5.4).
fn expected(rp_cause: u8) -> SmDeliveryFailureCause {
    match rp_cause {
        22 => SmDeliveryFailureCause::MemoryCapacityExceeded,
        _ => SmDeliveryFailureCause::EquipmentProtocolError,
    }
}
