use super::*;
use crate::config::Config;

const MSC: &str = "491700001";
const VLR: &str = "491700002";
const SGSN: &str = "491700003";
const GATEWAY: &str = "4917100001";
const OTHER_GATEWAY: &str = "4917100002";

fn number(digits: &str) -> AddressString {
    AddressString::international(digits.parse().unwrap())
}

fn one() -> (Subscribers, SubscriberId) {
    let mut subscribers = Subscribers::default();
    let (imsi, msisdn) = ("262010000000001".parse().unwrap(), "49170000001".parse().unwrap());
    let id = subscribers.add(0, imsi, msisdn).unwrap();
    assert_eq!((subscribers.by_imsi(imsi), subscribers.by_msisdn(msisdn)), (Some(id), Some(id)));
    (subscribers, id)
}

fn gateways(predefined: Option<&str>, without_exchange: bool) -> Gateways {
    let predefined = predefined.map(|digits| digits.parse().unwrap());
    Gateways { numbers: vec![GATEWAY.parse().unwrap()], predefined, without_exchange }
}

#[test]
fn h_1_the_gateways_address_comes_with_the_registration() {
    let (mut subscribers, id) = one();
    let gateways = gateways(None, false);
    let gateway = |subscribers: &Subscribers| subscribers.node(id, Domain::IpSmGw, &gateways);
    assert_eq!(gateway(&subscribers), None);
    assert_eq!(subscribers.register_ip_sm_gw(id, number(GATEWAY)), Ok(true));
    assert_eq!(subscribers.register_ip_sm_gw(id, number(GATEWAY)), Ok(false), "again: nothing new");
    assert_eq!(gateway(&subscribers), Some(number(GATEWAY)));
    assert_eq!((subscribers.ip_registered(), subscribers.get(id).unwrap().is_ip_registered()), (1, true));
    subscribers.register_ip_sm_gw(id, number(OTHER_GATEWAY)).unwrap();
    assert_eq!(gateway(&subscribers), Some(number(OTHER_GATEWAY)), "the last one counts");
}

#[test]
fn h_1_the_gateways_address_is_predefined_per_hlr_or_per_subscriber() {
    for without_exchange in [false, true] {
        let gateways = gateways(Some(GATEWAY), without_exchange);
        let (mut subscribers, id) = one();
        let gateway = |subscribers: &Subscribers| subscribers.node(id, Domain::IpSmGw, &gateways);
        let known = without_exchange.then_some(number(GATEWAY));
        assert_eq!(gateway(&subscribers), known, "only without the exchange it counts at once");
        subscribers.predefine_ip_sm_gw(id, number(OTHER_GATEWAY)).unwrap();
        let known = without_exchange.then_some(number(OTHER_GATEWAY));
        assert_eq!(gateway(&subscribers), known, "the subscriber's before the HLR's");
        subscribers.register_ip_sm_gw(id, number("4917100003")).unwrap();
        assert_eq!(gateway(&subscribers), Some(number("4917100003")), "the registered before both");
    }
}

#[test]
fn h_2_the_number_is_in_the_data_that_the_gateway_is_told() {
    let (mut subscribers, id) = one();
    let subscriber = subscribers.get_mut(id).unwrap();
    let data = subscriber.data();
    assert_eq!(data.msisdn, Some(number("49170000001")));
    assert_eq!(data.status, Some(SubscriberStatus::ServiceGranted));
    let both = vec![Teleservice::SHORT_MESSAGE_MT_PP, Teleservice::SHORT_MESSAGE_MO_PP];
    assert_eq!(data.teleservices, Some(both));
    (subscriber.teleservice_mo, subscriber.barring) = (false, Some(Barring::Operator));
    let data = subscriber.data();
    assert_eq!(data.status, Some(SubscriberStatus::OperatorDeterminedBarring));
    assert_eq!(data.teleservices, Some(vec![Teleservice::SHORT_MESSAGE_MT_PP]));
}

#[test]
fn h_7_deregistration_deletes_the_address_and_the_flag() {
    let (mut subscribers, id) = one();
    subscribers.register_ip_sm_gw(id, number(GATEWAY)).unwrap();
    assert!(subscribers.deregister_ip_sm_gw(id));
    assert!(!subscribers.deregister_ip_sm_gw(id), "once");
    let subscriber = *subscribers.get(id).unwrap();
    assert_eq!((subscriber.ip_sm_gw, subscriber.is_ip_registered()), (None, false));
    assert_eq!(subscriber.reason(Domain::IpSmGw), Some(AbsentSubscriberDiagnostic::DEREGISTERED_FOR_IMS));
    assert_eq!(subscribers.node(id, Domain::IpSmGw, &gateways(Some(GATEWAY), false)), None);
    assert_eq!(subscribers.ip_registered(), 0);
}

#[test]
fn h_7_a_predefined_address_survives_deregistration_and_waits_for_the_flag() {
    let (mut subscribers, id) = one();
    let gateways = gateways(None, false);
    subscribers.predefine_ip_sm_gw(id, number(OTHER_GATEWAY)).unwrap();
    subscribers.register_ip_sm_gw(id, number(GATEWAY)).unwrap();
    subscribers.deregister_ip_sm_gw(id);
    assert_eq!(subscribers.node(id, Domain::IpSmGw, &gateways), None);
    assert_eq!(
        subscribers.nodes.number(subscribers.get(id).unwrap().predefined.unwrap()),
        Some(number(OTHER_GATEWAY))
    );
}

#[test]
fn a_gateways_registration_leaves_msc_and_sgsn_where_they_are() {
    let (mut subscribers, id) = one();
    let gateways = gateways(None, false);
    subscribers.update_location(id, (number(MSC), number(VLR))).unwrap();
    subscribers.update_gprs_location(id, number(SGSN)).unwrap();
    subscribers.register_ip_sm_gw(id, number(GATEWAY)).unwrap();
    for (domain, digits) in [(Domain::Msc, MSC), (Domain::Sgsn, SGSN), (Domain::IpSmGw, GATEWAY)] {
        assert_eq!(subscribers.node(id, domain, &gateways), Some(number(digits)));
    }
    assert_eq!(subscribers.vlr(id), Some(number(VLR)));
}

#[test]
fn a_purge_counts_from_the_node_that_serves() {
    let (mut subscribers, id) = one();
    let gateways = gateways(None, false);
    subscribers.update_location(id, (number(MSC), number(VLR))).unwrap();
    subscribers.update_gprs_location(id, number(SGSN)).unwrap();
    subscribers.register_ip_sm_gw(id, number(GATEWAY)).unwrap();
    assert_eq!(subscribers.purge_ms(id, number("491700009"), true), None, "the previous VLR");
    assert_eq!(subscribers.purge_ms(id, number(VLR), false), None, "a VLR is no SGSN");
    for (digits, vlr, domain, reason) in
        [(VLR, true, Domain::Msc, 4), (SGSN, false, Domain::Sgsn, 8), (GATEWAY, false, Domain::IpSmGw, 11)]
    {
        assert_eq!(subscribers.purge_ms(id, number(digits), vlr), Some(domain));
        assert_eq!(subscribers.node(id, domain, &gateways), None);
        let subscriber = subscribers.get(id).unwrap();
        assert_eq!(subscriber.reason(domain), Some(AbsentSubscriberDiagnostic(reason)));
        assert!(!subscriber.is_unreachable(domain), "no message has failed");
    }
    assert_eq!(subscribers.ip_registered(), 0);
}

#[test]
fn flags_stand_by_domain_with_their_reasons() {
    let (mut subscribers, id) = one();
    let subscriber = subscribers.get_mut(id).unwrap();
    assert!(!subscriber.has_flags());
    for domain in Domain::ALL {
        subscriber.set_unreachable(domain, Some(domain.deregistered()));
        assert!(subscriber.is_unreachable(domain) && subscriber.has_flags());
        assert_eq!(subscriber.reason(domain).and_then(Domain::of), Some(domain), "a reason names its domain");
        assert_eq!(Domain::of(domain.purged()), Some(domain));
        subscriber.set_unreachable(domain, None);
        assert_eq!(subscriber.reason(domain), Some(domain.deregistered()), "the known reason stays");
    }
    subscriber.set_reachable(Domain::Msc);
    let flags = Domain::ALL.map(|domain| subscriber.is_unreachable(domain));
    assert_eq!((flags, subscriber.reason(Domain::Msc)), ([true, false, true], None));
    assert_eq!(Domain::of(AbsentSubscriberDiagnostic::TEMPORARILY_UNAVAILABLE), None, "13 is of none");
}

#[test]
fn imsis_and_numbers_are_given_once() {
    let (mut subscribers, _) = one();
    let (imsi, msisdn) = ("262010000000001".parse().unwrap(), "49170000001".parse().unwrap());
    let other = "262010000000002".parse().unwrap();
    assert_eq!(subscribers.add(0, other, msisdn), Err(Taken::Msisdn(msisdn)));
    assert_eq!(subscribers.by_imsi(other), None);
    assert_eq!(subscribers.add(0, imsi, "49170000002".parse().unwrap()), Err(Taken::Imsi(imsi)));
    assert_eq!(subscribers.len(), 1);
}

#[test]
fn an_order_of_domains_has_each_once() {
    use Domain::{IpSmGw, Msc, Sgsn};
    let order = |text: &str| toml::from_str::<BTreeMap<String, Priority>>(&format!("order = {text}"));
    let read = order(r#"["sgsn", "ip-sm-gw", "msc"]"#).unwrap()["order"];
    assert_eq!(read.domains(), [Sgsn, IpSmGw, Msc]);
    assert_eq!(Priority::default().domains(), [IpSmGw, Msc, Sgsn]);
    for wrong in [r#"["msc", "msc", "sgsn"]"#, r#"["msc", "sgsn"]"#, r#"["msc", "sgsn", "smsf"]"#] {
        assert!(order(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn generated_subscribers_are_those_of_the_configuration() {
    let config = Config::parse(include_str!("../../../demo/corenet.toml")).unwrap();
    let network = &config.networks[0];
    let lines = network.lines().unwrap();
    let mut subscribers = Subscribers::default();
    let prefixes = (network.imsi_prefix.unwrap(), network.msisdn_prefix.unwrap());
    subscribers.generate(3, prefixes, network.subscribers.unwrap()).unwrap();
    assert_eq!(subscribers.len(), lines.len());
    for line in lines {
        let id = subscribers.by_imsi(line.imsi).unwrap();
        let subscriber = subscribers.get(id).unwrap();
        assert_eq!((subscriber.msisdn, subscriber.home), (line.msisdn, 3));
    }
    assert!(subscribers.generate(3, prefixes, 1).is_err(), "they are there already");
    let long = "4917".parse().unwrap();
    assert!(subscribers.generate(0, ("2620100000000".parse().unwrap(), long), 100).is_err());
}

/// What a million of them take: the list, and two trees whose leaves are half full at worst.
#[test]
fn a_million_subscribers_take_less_than_two_hundred_megabytes() {
    const MOST: usize = 200 << 20;
    let (list, keys) = (size_of::<Subscriber>(), 2 * (size_of::<Imsi>() + size_of::<SubscriberId>()));
    assert!(list <= 64, "{list}");
    assert!(1_000_000 * (list + keys * 2 * 6 / 5) < MOST, "a fifth more for inner nodes: {keys}");
    let mut subscribers = Subscribers::default();
    let prefixes = ("26201".parse().unwrap(), "49170".parse().unwrap());
    subscribers.generate(0, prefixes, 1_000_000).unwrap();
    let last = subscribers.by_msisdn("491701000000".parse().unwrap()).unwrap();
    assert_eq!(subscribers.get(last).unwrap().imsi.to_string(), "262010001000000");
    assert_eq!((subscribers.len(), subscribers.list.capacity()), (1_000_000, 1_000_000));
    assert_eq!((subscribers.by_imsi.len(), subscribers.by_msisdn.len()), (1_000_000, 1_000_000));
}
