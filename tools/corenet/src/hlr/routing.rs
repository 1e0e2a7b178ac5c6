//! sendRoutingInfoForSM as the HLR answers it (TS 29.002 12.1, 23.3.2; reference point R5; 8.4 step 3): which nodes a message
//! may be sent to, in which order, and how the SMS-GMSC tells them apart.
//!
//! An SMS-GMSC of TS 29.002 knows two kinds of nodes, and which is which by the places that they stand in:
//!
//! | the SMS-GMSC told | it gets | the gateway stands |
//! | --- | --- | --- |
//! | nothing | networkNode-Number: the first of the list | there, as an MSC would |
//! | gprsSupportIndicator | networkNode-Number, and additional-Number with the kind: the first two of the list | in the place of the kind that was left out; alone, as what it appears as (G-7), with gprsNodeIndicator if that is an SGSN |
//! | IP-messaging support (H-3) | networkNode-Number, additional-Number, thirdNumber: all, in the same order | first, with imsNodeIndicator; or further back, under the kind of networkNode-Number |
//!
//! In the first two rows the gateway's address is spoofed (H-4): the SMS-GMSC takes it for the MSC or the SGSN whose place it
//! has, and calls the subsystem of that kind, whatever the gateway appears as elsewhere; a gateway answers under both. In
//! the third nobody is deceived: imsNodeIndicator says that networkNode-Number is an IP-SM-GW's, and without it a further number of
//! a kind that networkNode-Number has already (SGSN with gprsNodeIndicator, else MSC) can only be the gateway's. So the order is
//! the operator's with three numbers too. [`nodes`] reads an answer back, as the SMS-GMSC does.

use crate::hlr::subscriber::{Barring, Domain, Gateways, Priority, Subscriber, SubscriberId, Subscribers};
use crate::hlr::waiting::MessagesWaiting;
use ipsmgw::control::config::NodeKind;
use ipsmgw::ident::Imsi;
use ipsmgw::proto::map::{
    AbsentSubscriberDiagnostic, AddressString, InformServiceCentre, MwStatus, SendRoutingInfoForSm,
    SendRoutingInfoForSmResult, ServingNode, UserError,
};

/// What an operator decides about routing.
#[derive(Clone, Debug)]
pub struct RoutingRules {
    /// The gateways that the HLR knows.
    pub gateways: Gateways,
    /// The order of domains for subscribers without one of their own.
    pub priority: Priority,
    /// What the gateway appears as where it is the only node (G-7).
    pub gateway_node: NodeKind,
    /// UNRI withholds the gateway from messages without priority, as MNRF withholds the MSC (TS 23.040 3.2.5).
    ///
    /// A VLR and an SGSN say readyForSM at the next sign of life of somebody whom they did not reach. The study asks no
    /// such thing of its gateway: between registrations the HLR would never hear that the user is there again. So it is
    /// for gateways that say readyForSM.
    pub unri_withholds: bool,
}

/// An answer, and what the service centre is to be told beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Routed {
    /// The result or error.
    pub answer: Result<SendRoutingInfoForSmResult, UserError<'static>>,
    /// informServiceCentre, in the same dialogue (TS 29.002 12.6); version 1 does not have it.
    pub inform: Option<InformServiceCentre>,
}

impl Routed {
    const fn refused(error: UserError<'static>) -> Self {
        Self { answer: Err(error), inform: None }
    }
}

/// A node to send a message to, as an SMS-GMSC sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Node {
    /// Its number.
    pub number: AddressString,
    /// What it is called as: whose subsystem.
    pub kind: NodeKind,
    /// The domain whose outcome a delivery report tells with this node's answer (TS 29.002 12.3.3).
    pub domain: Domain,
}

/// Answers sendRoutingInfoForSM.
///
/// Who asks for somebody that can't be reached in any domain waits for that subscriber from now on (TS 23.040 3.2.7, 1a),
/// unless nothing is to be delivered, or not again.
pub fn send_routing_info_for_sm(
    subscribers: &mut Subscribers,
    waiting: &mut MessagesWaiting,
    rules: &RoutingRules,
    ask: &SendRoutingInfoForSm<'_>,
) -> Routed {
    let id = ask.msisdn.msisdn().and_then(|number| subscribers.by_msisdn(number));
    let Some((id, subscriber)) = id.and_then(|id| Some((id, *subscribers.get(id)?))) else {
        return Routed::refused(UserError::UnknownSubscriber { diagnostic: None });
    };
    if !subscriber.teleservice_mt {
        return Routed::refused(UserError::TeleserviceNotProvisioned);
    }
    if let Some(barring) = subscriber.barring {
        let cause = Some(match barring {
            Barring::ServiceActive => 0,
            Barring::Operator => 1,
        });
        return Routed::refused(UserError::CallBarred { cause, unauthorised_originator: false });
    }
    let priority = subscriber.priority.unwrap_or(rules.priority);
    let known = priority.domains().map(|domain| (domain, subscribers.node(id, domain, &rules.gateways)));
    // Whoever was absent is not tried again for a message without priority; a full memory hinders none (TS 23.040 3.2.5).
    let withheld = |domain| {
        !ask.priority
            && subscriber.is_unreachable(domain)
            && (domain != Domain::IpSmGw || rules.unri_withholds)
    };
    let candidates = known.iter().filter_map(|&(domain, number)| number.map(|number| (domain, number)));
    let candidates: Vec<_> = candidates.filter(|(domain, _)| !withheld(*domain)).collect();
    let answer = match answer(subscriber.imsi, &candidates, rules.gateway_node, ask) {
        Some(result) => Ok(result),
        None => {
            let intended = ask.delivery_not_intended.is_none();
            if intended {
                absent(subscribers, id, &known);
            }
            if intended && !ask.single_attempt {
                waiting.wait(subscribers, id, ask.service_centre, None);
            }
            Err(absence(subscribers.get(id), rules, &known, ask))
        }
    };
    Routed { answer, inform: inform(subscribers, waiting, id, ask.service_centre, priority) }
}

/// The result with as many of the nodes as the SMS-GMSC can take; none if there is none.
fn answer(
    imsi: Imsi,
    nodes: &[(Domain, AddressString)],
    gateway: NodeKind,
    ask: &SendRoutingInfoForSm<'_>,
) -> Option<SendRoutingInfoForSmResult> {
    let most = match ask {
        _ if ask.ip_messaging => 3,
        _ if ask.gprs_support => 2,
        _ => 1,
    };
    let nodes = nodes.get(..most).unwrap_or(nodes);
    let (&(first, number), others) = nodes.split_first()?;
    let mut result = SendRoutingInfoForSmResult::new(imsi, number);
    // The kind of networkNode-Number, unless that is the gateway's; and that under which the gateway stands behind it.
    let kind = if first == Domain::Sgsn { NodeKind::Sgsn } else { NodeKind::Msc };
    let spoofed = match (ask.ip_messaging, kind) {
        (true, kind) => kind,
        (false, NodeKind::Msc) => NodeKind::Sgsn,
        (false, NodeKind::Sgsn) => NodeKind::Msc,
    };
    if ask.ip_messaging {
        result.ims_node = first == Domain::IpSmGw;
        result.gprs_node = first == Domain::Sgsn;
    } else if ask.gprs_support && others.is_empty() {
        // With two numbers, the kind of the additional one tells that of the first (TS 29.002 12.1.3).
        result.gprs_node = first == Domain::Sgsn || first == Domain::IpSmGw && gateway == NodeKind::Sgsn;
    }
    let named = |&(domain, number): &(Domain, AddressString)| match (domain, spoofed) {
        (Domain::Msc, _) | (Domain::IpSmGw, NodeKind::Msc) => ServingNode::Msc(number),
        (Domain::Sgsn, _) | (Domain::IpSmGw, NodeKind::Sgsn) => ServingNode::Sgsn(number),
    };
    result.additional = others.first().map(named);
    result.third = others.get(1).map(named);
    Some(result)
}

/// Sets the flags of domains that have no node for the subscriber, so that the first sign of life in any of them alerts.
fn absent(subscribers: &mut Subscribers, id: SubscriberId, known: &[(Domain, Option<AddressString>); 3]) {
    let Some(subscriber) = subscribers.get_mut(id) else { return };
    for &(domain, number) in known {
        if number.is_none() {
            let reason = subscriber.reason(domain).unwrap_or(domain.deregistered());
            subscriber.set_unreachable(domain, Some(reason));
        }
    }
}

/// absentSubscriberSM with a diagnostic, and a second one for those who know more than one domain, in the order of the
/// domains; each names its own domain.
fn absence(
    subscriber: Option<&Subscriber>,
    rules: &RoutingRules,
    known: &[(Domain, Option<AddressString>); 3],
    ask: &SendRoutingInfoForSm<'_>,
) -> UserError<'static> {
    let ip = !rules.gateways.numbers.is_empty() || rules.gateways.predefined.is_some();
    let reason = |&(domain, number): &(Domain, Option<AddressString>)| {
        let reason = subscriber.and_then(|subscriber| subscriber.reason(domain));
        // Where there are no gateways, nobody is told about IMS.
        reason
            .or(number.is_none().then_some(domain.deregistered()))
            .filter(|_| domain != Domain::IpSmGw || ip)
    };
    let mut reasons = known.iter().filter_map(reason);
    let diagnostic = reasons.next();
    let additional = reasons.next().filter(|_| ask.gprs_support || ask.ip_messaging);
    UserError::AbsentSubscriberSm { diagnostic, additional, imsi: None, retransmission: None, alert: None }
}

/// informServiceCentre (TS 29.002 12.6): where a message could not be delivered before, the SMS-GMSC has to report a success too, and
/// is told so by the flags. UNRI has no bit there; its reason stands for it.
fn inform(
    subscribers: &Subscribers,
    waiting: &MessagesWaiting,
    id: SubscriberId,
    service_centre: AddressString,
    priority: Priority,
) -> Option<InformServiceCentre> {
    let subscriber = subscribers.get(id).filter(|subscriber| subscriber.has_flags())?;
    let waits = waiting.list(subscribers, id).any(|(number, _)| number == service_centre);
    let status = MwStatus {
        sc_address_not_included: !waits,
        mnrf: subscriber.is_unreachable(Domain::Msc),
        mcef: subscriber.memory_full,
        mnrg: subscriber.is_unreachable(Domain::Sgsn),
    };
    let flagged = priority.domains().into_iter().filter(|domain| subscriber.is_unreachable(*domain));
    let mut reasons = flagged.filter_map(|domain| subscriber.reason(domain));
    let (diagnostic, additional_diagnostic): (Option<AbsentSubscriberDiagnostic>, _) =
        (reasons.next(), reasons.next());
    Some(InformServiceCentre { stored_msisdn: None, status: Some(status), diagnostic, additional_diagnostic })
}

/// The nodes of an answer in its order, as an SMS-GMSC understands them that asked with or without the IP-messaging
/// indication. Without it, it can't tell a gateway from the node whose place that has.
pub fn nodes(result: &SendRoutingInfoForSmResult, ip_messaging: bool) -> impl Iterator<Item = Node> {
    let kind_of = |node: ServingNode| match node {
        ServingNode::Msc(number) => (NodeKind::Msc, number),
        ServingNode::Sgsn(number) => (NodeKind::Sgsn, number),
    };
    let additional = result.additional.map(kind_of);
    let third = result.third.map(kind_of).filter(|_| ip_messaging);
    let first = match additional {
        Some((NodeKind::Msc, _)) if !ip_messaging => NodeKind::Sgsn,
        Some((NodeKind::Sgsn, _)) if !ip_messaging => NodeKind::Msc,
        _ if result.gprs_node => NodeKind::Sgsn,
        _ => NodeKind::Msc,
    };
    let domain = |kind| match kind {
        NodeKind::Msc => Domain::Msc,
        NodeKind::Sgsn => Domain::Sgsn,
    };
    let gateway_first = ip_messaging && result.ims_node;
    let first_domain = if gateway_first { Domain::IpSmGw } else { domain(first) };
    let named = move |(kind, number)| Node {
        number,
        kind,
        domain: match ip_messaging && !gateway_first && kind == first {
            true => Domain::IpSmGw,
            false => domain(kind),
        },
    };
    let first = Node { number: result.network_node, kind: first, domain: first_domain };
    [Some(first), additional.map(named), third.map(named)].into_iter().flatten()
}

#[cfg(test)]
mod tests;
