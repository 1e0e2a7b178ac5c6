use super::*;
use crate::hlr::waiting::AlertRules;
use ipsmgw::proto::map::ReportSmDeliveryStatus;

const IMSI: &str = "262010000000001";
const MSISDN: &str = "49170000001";
const MSC: &str = "491700001";
const SGSN: &str = "491700003";
const GATEWAY: &str = "4917100001";
const CENTRE: &str = "4917200001";

/// Every order of domains.
const ORDERS: [[Domain; 3]; 6] = {
    use Domain::{IpSmGw, Msc, Sgsn};
    [
        [IpSmGw, Msc, Sgsn],
        [IpSmGw, Sgsn, Msc],
        [Msc, IpSmGw, Sgsn],
        [Msc, Sgsn, IpSmGw],
        [Sgsn, IpSmGw, Msc],
        [Sgsn, Msc, IpSmGw],
    ]
};

fn number(digits: &str) -> AddressString {
    AddressString::international(digits.parse().unwrap())
}

fn node_of(domain: Domain) -> AddressString {
    number(match domain {
        Domain::Msc => MSC,
        Domain::Sgsn => SGSN,
        Domain::IpSmGw => GATEWAY,
    })
}

struct Hlr {
    subscribers: Subscribers,
    waiting: MessagesWaiting,
    rules: RoutingRules,
    id: SubscriberId,
}

impl Hlr {
    /// With a subscriber who is served in these domains.
    fn new(domains: &[Domain]) -> Self {
        let mut subscribers = Subscribers::default();
        let id = subscribers.add(0, IMSI.parse().unwrap(), MSISDN.parse().unwrap()).unwrap();
        for domain in domains {
            let node = node_of(*domain);
            match domain {
                Domain::Msc => drop(subscribers.update_location(id, (node, number("491700002"))).unwrap()),
                Domain::Sgsn => drop(subscribers.update_gprs_location(id, node).unwrap()),
                Domain::IpSmGw => assert_eq!(subscribers.register_ip_sm_gw(id, node), Ok(true)),
            }
        }
        let gateways = Gateways { numbers: vec![GATEWAY.parse().unwrap()], ..Gateways::default() };
        let rules = RoutingRules {
            gateways,
            priority: Priority::default(),
            gateway_node: NodeKind::Msc,
            unri_withholds: false,
        };
        Self { subscribers, waiting: MessagesWaiting::new(AlertRules::default()), rules, id }
    }

    fn subscriber(&mut self) -> &mut Subscriber {
        self.subscribers.get_mut(self.id).unwrap()
    }

    fn ask(&mut self, ask: &SendRoutingInfoForSm<'_>) -> Routed {
        send_routing_info_for_sm(&mut self.subscribers, &mut self.waiting, &self.rules, ask)
    }

    fn result(&mut self, ask: &SendRoutingInfoForSm<'_>) -> SendRoutingInfoForSmResult {
        self.ask(ask).answer.unwrap()
    }

    /// The diagnostics of the absent subscriber.
    fn absent(&mut self, ask: &SendRoutingInfoForSm<'_>) -> [Option<u8>; 2] {
        match self.ask(ask).answer {
            Err(UserError::AbsentSubscriberSm { diagnostic, additional, imsi: None, .. }) => {
                [diagnostic, additional].map(|diagnostic| diagnostic.map(|diagnostic| diagnostic.0))
            }
            other => panic!("{other:?}"),
        }
    }

    fn waits(&self) -> usize {
        self.waiting.list(&self.subscribers, self.id).count()
    }
}

fn ask() -> SendRoutingInfoForSm<'static> {
    SendRoutingInfoForSm::new(number(MSISDN), false, number(CENTRE))
}

fn with_gprs() -> SendRoutingInfoForSm<'static> {
    SendRoutingInfoForSm { gprs_support: true, ..ask() }
}

fn with_ip() -> SendRoutingInfoForSm<'static> {
    SendRoutingInfoForSm { ip_messaging: true, ..with_gprs() }
}

#[test]
fn h_3_with_the_indication_all_three_addresses_come_in_order_and_none_is_mistaken() {
    for order in ORDERS {
        let mut hlr = Hlr::new(&Domain::ALL);
        hlr.rules.priority = Priority::try_from(order).unwrap();
        let routed = hlr.ask(&with_ip());
        let result = routed.answer.unwrap();
        assert_eq!((result.imsi.to_string().as_str(), routed.inform), (IMSI, None));
        let seen: Vec<_> = nodes(&result, true).map(|node| (node.domain, node.number)).collect();
        assert_eq!(seen, order.map(|domain| (domain, node_of(domain))));
        assert_eq!(result.ims_node, order[0] == Domain::IpSmGw);
        assert_eq!(result.gprs_node, order[0] == Domain::Sgsn);
    }
}

#[test]
fn h_3_with_the_indication_two_addresses_or_one_are_not_mistaken_either() {
    for order in ORDERS {
        for some in [&order[..1], &order[..2], &order[1..]] {
            let mut hlr = Hlr::new(some);
            hlr.rules.priority = Priority::try_from(order).unwrap();
            let result = hlr.result(&with_ip());
            let seen: Vec<_> = nodes(&result, true).map(|node| node.domain).collect();
            assert_eq!(seen, some, "{result:?}");
            assert_eq!(result.third, None);
        }
    }
}

#[test]
fn h_4_a_list_in_priority_order_is_cut_to_two_with_the_gprs_support_indicator() {
    for order in ORDERS {
        let mut hlr = Hlr::new(&Domain::ALL);
        hlr.rules.priority = Priority::try_from(order).unwrap();
        let result = hlr.result(&with_gprs());
        let seen: Vec<_> = nodes(&result, false).collect();
        assert_eq!(
            seen.iter().map(|node| node.number).collect::<Vec<_>>(),
            [order[0], order[1]].map(node_of)
        );
        // What the SMS-GMSC takes for an MSC or SGSN is that, or the gateway in its place.
        assert_ne!(seen[0].kind, seen[1].kind);
        for (node, domain) in seen.iter().zip(order) {
            match domain {
                Domain::Msc => assert_eq!(node.domain, Domain::Msc),
                Domain::Sgsn => assert_eq!(node.domain, Domain::Sgsn),
                Domain::IpSmGw => assert_eq!(node.domain, order[2], "the one that was left out: spoofed"),
            }
        }
        assert_eq!((result.third, result.ims_node, result.gprs_node), (None, false, false));
    }
}

#[test]
fn h_4_without_any_indicator_the_first_of_the_list_stands_where_an_msc_would() {
    for order in ORDERS {
        let mut hlr = Hlr::new(&Domain::ALL);
        hlr.rules.gateway_node = NodeKind::Sgsn;
        hlr.rules.priority = Priority::try_from(order).unwrap();
        let result = hlr.result(&ask());
        assert_eq!(result, SendRoutingInfoForSmResult::new(IMSI.parse().unwrap(), node_of(order[0])));
        let seen: Vec<_> = nodes(&result, false).collect();
        assert_eq!(seen, [Node { number: node_of(order[0]), kind: NodeKind::Msc, domain: Domain::Msc }]);
    }
}

#[test]
fn h_4_a_gateway_alone_stands_as_what_it_appears_as() {
    for (kind, gprs_node) in [(NodeKind::Msc, false), (NodeKind::Sgsn, true)] {
        let mut hlr = Hlr::new(&[Domain::IpSmGw]);
        hlr.rules.gateway_node = kind;
        let result = hlr.result(&with_gprs());
        assert_eq!((result.gprs_node, result.additional), (gprs_node, None));
        assert_eq!(nodes(&result, false).next().unwrap().kind, kind);
    }
    let mut hlr = Hlr::new(&[Domain::Sgsn]);
    assert!(hlr.result(&with_gprs()).gprs_node, "an SGSN alone");
}

#[test]
fn h_4_the_subscribers_own_order_goes_before_the_hlrs() {
    let mut hlr = Hlr::new(&Domain::ALL);
    hlr.subscriber().priority = Some(Priority::try_from(ORDERS[4]).unwrap());
    assert_eq!(hlr.result(&ask()).network_node, number(SGSN));
    hlr.subscriber().priority = None;
    assert_eq!(hlr.result(&ask()).network_node, number(GATEWAY));
}

#[test]
fn h_4_a_subscriber_without_a_gateway_is_reached_as_before() {
    let mut hlr = Hlr::new(&[Domain::Msc, Domain::Sgsn]);
    for ask in [with_gprs(), with_ip()] {
        let expected = SendRoutingInfoForSmResult {
            additional: Some(ServingNode::Sgsn(number(SGSN))),
            ..SendRoutingInfoForSmResult::new(IMSI.parse().unwrap(), number(MSC))
        };
        assert_eq!(hlr.ask(&ask), Routed { answer: Ok(expected), inform: None });
    }
}

#[test]
fn a_domain_that_was_absent_is_withheld_from_messages_without_priority() {
    let urgent = SendRoutingInfoForSm { priority: true, ..with_ip() };
    let mut hlr = Hlr::new(&Domain::ALL);
    hlr.subscriber().set_unreachable(Domain::Msc, Some(AbsentSubscriberDiagnostic(0)));
    let seen = |hlr: &mut Hlr, ask: &SendRoutingInfoForSm<'_>| {
        nodes(&hlr.result(ask), true).map(|node| node.domain).collect::<Vec<_>>()
    };
    assert_eq!(seen(&mut hlr, &with_ip()), [Domain::IpSmGw, Domain::Sgsn]);
    assert_eq!(seen(&mut hlr, &urgent), Domain::ALL);
    hlr.subscriber().set_unreachable(Domain::IpSmGw, Some(AbsentSubscriberDiagnostic(12)));
    assert_eq!(seen(&mut hlr, &with_ip()), [Domain::IpSmGw, Domain::Sgsn], "not so the gateway");
    hlr.rules.unri_withholds = true;
    assert_eq!(seen(&mut hlr, &with_ip()), [Domain::Sgsn], "unless it says readyForSM");
    assert_eq!(seen(&mut hlr, &urgent), Domain::ALL);
    hlr.subscriber().memory_full = true;
    assert_eq!(seen(&mut hlr, &with_ip()), [Domain::Sgsn], "a full memory hinders none");
}

#[test]
fn h_6_who_asks_for_somebody_absent_everywhere_waits_and_is_alerted_at_the_next_registration() {
    let mut hlr = Hlr::new(&[]);
    assert_eq!(hlr.absent(&ask()), [Some(11), None], "one domain for one who knows one");
    assert_eq!(hlr.absent(&with_gprs()), [Some(11), Some(3)]);
    assert_eq!(hlr.absent(&with_ip()), [Some(11), Some(3)]);
    assert_eq!(hlr.waits(), 1, "once");
    let inform = hlr.ask(&with_gprs()).inform.unwrap();
    let status = MwStatus { sc_address_not_included: false, mnrf: true, mcef: false, mnrg: true };
    assert_eq!((inform.status, inform.diagnostic.map(|code| code.0)), (Some(status), Some(11)));
    hlr.subscribers.register_ip_sm_gw(hlr.id, number(GATEWAY)).unwrap();
    hlr.waiting.present(&mut hlr.subscribers, hlr.id, Domain::IpSmGw);
    let alert = hlr.waiting.poll_alert(ipsmgw::base::Time::ZERO, &hlr.subscribers).unwrap();
    assert_eq!(alert.argument.service_centre, number(CENTRE));
    assert_eq!(hlr.result(&ask()).network_node, number(GATEWAY));
}

#[test]
fn what_is_known_of_the_absence_is_told() {
    let mut hlr = Hlr::new(&[Domain::Msc, Domain::Sgsn]);
    hlr.subscribers.purge_ms(hlr.id, number(SGSN), false).unwrap();
    hlr.subscriber().set_unreachable(Domain::Msc, Some(AbsentSubscriberDiagnostic(1)));
    assert_eq!(hlr.absent(&with_gprs()), [Some(11), Some(1)]);
    hlr.rules.gateways = Gateways::default();
    assert_eq!(hlr.absent(&with_gprs()), [Some(1), Some(8)], "no gateways: nothing about IMS");
    hlr.rules.priority = Priority::try_from(ORDERS[5]).unwrap();
    assert_eq!(hlr.absent(&with_gprs()), [Some(8), Some(1)]);
    let mut unknown = Hlr::new(&[Domain::Msc]);
    unknown.rules.gateways = Gateways::default();
    unknown.subscriber().set_unreachable(Domain::Msc, None);
    assert_eq!(unknown.absent(&ask()), [Some(7), None], "a reason that nobody told is not made up");
}

#[test]
fn who_does_not_mean_to_deliver_or_not_again_does_not_wait() {
    let mut hlr = Hlr::new(&[]);
    let only_imsi = SendRoutingInfoForSm { delivery_not_intended: Some(0), ..ask() };
    assert_eq!(hlr.absent(&only_imsi), [Some(11), None]);
    assert_eq!((hlr.waits(), hlr.subscriber().has_flags()), (0, false));
    let once = SendRoutingInfoForSm { single_attempt: true, ..ask() };
    let routed = hlr.ask(&once);
    assert_eq!((hlr.waits(), hlr.subscriber().has_flags()), (0, true));
    assert!(routed.inform.unwrap().status.unwrap().sc_address_not_included);
}

#[test]
fn the_service_centre_is_informed_of_the_flags_where_there_are_some() {
    let mut hlr = Hlr::new(&Domain::ALL);
    assert_eq!(hlr.ask(&with_ip()).inform, None);
    let report = ReportSmDeliveryStatus {
        diagnostic: Some(AbsentSubscriberDiagnostic(12)),
        ip_sm_gw: true,
        ..ReportSmDeliveryStatus::new(
            number(MSISDN),
            number(CENTRE),
            ipsmgw::proto::map::DeliveryOutcome::AbsentSubscriber,
        )
    };
    hlr.waiting.report_sm_delivery_status(&mut hlr.subscribers, &report).unwrap();
    hlr.subscriber().memory_full = true;
    let inform = |hlr: &mut Hlr, ask: &SendRoutingInfoForSm<'_>| {
        let inform = hlr.ask(ask).inform.unwrap();
        (inform.status.unwrap(), inform.diagnostic.map(|code| code.0), inform.additional_diagnostic)
    };
    let status = MwStatus { sc_address_not_included: false, mnrf: false, mcef: true, mnrg: false };
    assert_eq!(inform(&mut hlr, &with_ip()), (status, Some(12), None));
    let other = SendRoutingInfoForSm { service_centre: number("4917200002"), ..with_ip() };
    let status = MwStatus { sc_address_not_included: true, ..status };
    assert_eq!(inform(&mut hlr, &other), (status, Some(12), None), "another that does not wait");
}

#[test]
fn who_can_have_no_messages_is_refused_with_the_reason() {
    let mut hlr = Hlr::new(&Domain::ALL);
    let stranger = SendRoutingInfoForSm { msisdn: number("4917099"), ..ask() };
    let unknown = Routed::refused(UserError::UnknownSubscriber { diagnostic: None });
    assert_eq!(hlr.ask(&stranger), unknown);
    let mut national = ask();
    national.msisdn.nature.0 = 2;
    assert_eq!(hlr.ask(&national), unknown);
    for (barring, cause) in [(Barring::ServiceActive, 0), (Barring::Operator, 1)] {
        hlr.subscriber().barring = Some(barring);
        let barred = UserError::CallBarred { cause: Some(cause), unauthorised_originator: false };
        assert_eq!(hlr.ask(&ask()), Routed::refused(barred));
    }
    hlr.subscriber().teleservice_mt = false;
    assert_eq!(hlr.ask(&ask()), Routed::refused(UserError::TeleserviceNotProvisioned));
    assert_eq!(hlr.waits(), 0);
}
