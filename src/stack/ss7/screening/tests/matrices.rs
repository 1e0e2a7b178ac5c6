//! Who may ask for what: each class of operations, from inside and outside, about subscribers of each network.

use super::super::policy::{OF_OPERATIONS, Policy, Source};
use super::super::{Action, Operator, Rule, ScreeningConfig};
use crate::codec::Prepend;
use crate::ident::{Digits, PointCode, SccpAddress, Ssn};
use crate::proto::map::{AddressString, MtForwardSm, SmRpDa, SmRpOa};

const INSIDE: u32 = 200;
const OUTSIDE: u32 = 300;

/// Titles of our two networks, of a partner, of nobody that we know.
const HOME: &str = "491710888001";
const HOME2: &str = "436640999001";
const PARTNER: &str = "447700900123";
const STRANGER: &str = "8613800100500";

const IMSI_HOME: &str = "262011234567890";
const IMSI_HOME2: &str = "232031234567890";
const IMSI_PARTNER: &str = "234151234567890";
const IMSI_STRANGER: &str = "460001234567890";

fn digits(text: &str) -> Digits {
    text.parse().unwrap()
}

fn operator(is_own: bool, titles: &[&str], imsis: &[&str]) -> Operator {
    let all = |texts: &[&str]| texts.iter().map(|text| digits(text)).collect();
    Operator { is_own, titles: all(titles), imsi_prefixes: all(imsis) }
}

fn config() -> ScreeningConfig {
    ScreeningConfig {
        actions: [Action::Drop; Rule::COUNT],
        operators: vec![
            operator(true, &["49171"], &["26201"]),
            operator(true, &["43664"], &["23203"]),
            operator(false, &["4477009"], &["23415"]),
        ],
        own_points: vec![PointCode(INSIDE)],
        ..ScreeningConfig::default()
    }
}

fn policy() -> Policy {
    Policy::new(&config()).unwrap()
}

fn source(policy: &Policy, title: &str, point_code: u32) -> Source {
    policy.source(0, PointCode(point_code), Some(digits(title)))
}

/// Names of the rules whose bits are set.
fn names(broken: u32) -> Vec<&'static str> {
    Rule::ALL.iter().filter(|rule| broken & rule.bit() != 0).map(|rule| rule.name()).collect()
}

/// TBCD of an IMSI in an element.
fn imsi(tag: u8, text: &str) -> Vec<u8> {
    let mut octets = vec![tag, 8];
    let nibbles: Vec<u8> = text.bytes().map(|digit| digit - b'0').chain([0xf]).collect();
    octets.extend(nibbles.chunks(2).map(|pair| pair[1] << 4 | pair[0]));
    octets
}

fn wrapped(tag: u8, contents: &[u8]) -> Vec<u8> {
    [&[tag, contents.len() as u8], contents].concat()
}

/// An argument of each form that begins with an IMSI: as the operations have them.
fn about(text: &str) -> Vec<(u8, Vec<u8>)> {
    let identity = wrapped(0x30, &[&imsi(0x04, text)[..], &[0x04, 4, 1, 2, 3, 4]].concat());
    vec![
        (3, wrapped(0xa3, &imsi(0x04, text))),
        (3, wrapped(0xa3, &identity)),
        (3, imsi(0x04, text)),
        (3, identity),
        (4, wrapped(0x30, &imsi(0x80, text))),
        (7, wrapped(0x30, &imsi(0x80, text))),
        (8, wrapped(0x30, &imsi(0x80, text))),
        (70, wrapped(0x30, &imsi(0x80, text))),
    ]
}

fn number(text: &str) -> Vec<u8> {
    let mut room = [0; 32];
    let mut w = Prepend::new(&mut room);
    AddressString::international(digits(text)).put(&mut w, 0x04);
    w.finish().unwrap().to_vec()
}

/// mt-ForwardSM from a service centre.
fn message(centre: Option<&str>) -> Vec<u8> {
    let origin = match centre {
        Some(centre) => SmRpOa::ServiceCentre(AddressString::international(digits(centre))),
        None => SmRpOa::None,
    };
    let mut room = [0; 128];
    let mut w = Prepend::new(&mut room);
    MtForwardSm::new(SmRpDa::Imsi(IMSI_HOME.parse().unwrap()), origin, &[1, 2, 3]).write(&mut w);
    w.finish().unwrap().to_vec()
}

#[test]
fn category_1_from_our_own_network_alone() {
    let policy = policy();
    for opcode in [5, 9, 22, 24, 45, 47, 58, 62, 65, 71, 83, 85] {
        for (title, point, is_refused) in [
            (HOME, INSIDE, false),
            (HOME2, INSIDE, false),
            (HOME, OUTSIDE, true),
            (PARTNER, OUTSIDE, true),
            (PARTNER, INSIDE, true),
            (STRANGER, OUTSIDE, true),
        ] {
            let broken = policy.operation(&source(&policy, title, point), opcode, &[]);
            let expected: &[&str] = if is_refused { &["category_1"] } else { &[] };
            assert_eq!(names(broken), expected, "{opcode} from {title} at {point}");
        }
    }
}

#[test]
fn category_2_from_the_home_network_alone() {
    let policy = policy();
    for (title, point, good) in [
        (HOME, INSIDE, &[IMSI_HOME, IMSI_HOME2][..]),
        (HOME2, INSIDE, &[IMSI_HOME, IMSI_HOME2]),
        (HOME, OUTSIDE, &[]),
        (PARTNER, OUTSIDE, &[IMSI_PARTNER]),
        (STRANGER, OUTSIDE, &[]),
    ] {
        for subscriber in [IMSI_HOME, IMSI_HOME2, IMSI_PARTNER, IMSI_STRANGER] {
            for (opcode, argument) in about(subscriber) {
                let broken = policy.operation(&source(&policy, title, point), opcode, &argument);
                let expected: &[&str] = if good.contains(&subscriber) { &[] } else { &["category_2"] };
                assert_eq!(names(broken), expected, "{opcode} about {subscriber} from {title} at {point}");
            }
        }
        // Whom it is about can't be read.
        for argument in [&[][..], &[0x30, 0], &[0x05, 0], &[0x30, 0x80, 0, 0], &[0x04, 1, 0xff]] {
            let broken = policy.operation(&source(&policy, title, point), 7, argument);
            assert_eq!(names(broken), ["category_2"], "{argument:02x?}");
        }
    }
}

#[test]
fn a_reset_is_of_the_network_of_the_hlr_that_it_names() {
    let policy = policy();
    for (title, point, named, is_refused) in [
        (HOME, INSIDE, HOME, false),
        (PARTNER, OUTSIDE, PARTNER, false),
        (PARTNER, OUTSIDE, HOME, true),
        (HOME, OUTSIDE, HOME, true),
        (STRANGER, OUTSIDE, STRANGER, true),
    ] {
        let with_resource = [&[0x0a, 1, 1][..], &number(named)].concat();
        for argument in [wrapped(0x30, &number(named)), wrapped(0x30, &with_resource)] {
            let broken = policy.operation(&source(&policy, title, point), 37, &argument);
            let expected: &[&str] = if is_refused { &["category_2"] } else { &[] };
            assert_eq!(names(broken), expected, "{named} from {title} at {point}");
        }
    }
}

#[test]
fn category_3_from_networks_that_are_known() {
    let policy = policy();
    for opcode in [2, 23, 56, 57, 66, 67] {
        for (title, point, is_refused) in [
            (HOME, INSIDE, false),
            (HOME, OUTSIDE, true),
            (PARTNER, OUTSIDE, false),
            (STRANGER, OUTSIDE, true),
        ] {
            let broken = policy.operation(&source(&policy, title, point), opcode, &[]);
            let expected: &[&str] = if is_refused { &["category_3"] } else { &[] };
            assert_eq!(names(broken), expected, "{opcode} from {title} at {point}");
        }
    }
    let outside = source(&policy, PARTNER, OUTSIDE);
    assert_eq!(names(policy.operation(&outside, 100, &[])), ["unlisted_operation"]);
    assert_eq!(policy.operation(&source(&policy, HOME, INSIDE), 100, &[]), 0);
    assert_eq!(policy.operation(&outside, 64, &[]), 0, "an HLR alerts any service centre");
}

/// MT faking: title, service centre, and whether each is ours, a partner's, or unknown.
#[test]
fn a_service_centre_speaks_under_a_title_of_its_network() {
    let policy = policy();
    let near = "8613800100999";
    let far = "8614500100999";
    let titles = [(HOME, INSIDE), (HOME2, INSIDE), (PARTNER, OUTSIDE), (STRANGER, OUTSIDE), (HOME, OUTSIDE)];
    for (title, point) in titles {
        for centre in [HOME, HOME2, PARTNER, "447800911111", STRANGER, near, far] {
            let is_good = match (title, point) {
                (HOME, INSIDE) | (HOME2, INSIDE) => [HOME, HOME2].contains(&centre),
                (HOME, _) => centre == HOME,
                (PARTNER, _) => centre == PARTNER,
                _ => [STRANGER, near].contains(&centre),
            };
            let expected: &[&str] = if is_good { &[] } else { &["service_centre"] };
            for opcode in [44, 46] {
                let broken = policy.operation(&source(&policy, title, point), opcode, &message(Some(centre)));
                assert_eq!(names(broken), expected, "{opcode}: {centre} under {title} at {point}");
            }
        }
        let later = policy.operation(&source(&policy, title, point), 44, &message(None));
        assert_eq!(later, 0, "the service centre is that of the message before");
    }
}

#[test]
fn addresses_as_other_networks_have_them() {
    let policy = policy();
    let called = SccpAddress::titled(digits("4917100001"), Ssn::MSC);
    let broken = |point: u32, change: &dyn Fn(&mut SccpAddress)| {
        let mut calling = SccpAddress::titled(digits(PARTNER), Ssn::MSC);
        change(&mut calling);
        let source = policy.source(0, PointCode(point), calling.title.map(|title| title.digits));
        names(policy.addresses(&source, &called, &calling) & !OF_OPERATIONS)
    };
    let none: [&str; 0] = [];
    assert_eq!(broken(OUTSIDE, &|_| ()), none);
    for ssn in 0..=255 {
        let expected: &[&str] = if [6, 7, 8, 146, 147, 149].contains(&ssn) { &[] } else { &["calling_ssn"] };
        assert_eq!(broken(OUTSIDE, &|it| it.ssn = Some(Ssn(ssn))), expected);
    }
    assert_eq!(broken(OUTSIDE, &|it| it.ssn = None), ["calling_ssn"]);
    for (title, is_good) in [
        ("447700", false),
        ("4477009", true),
        ("447700900123456", true),
        ("4477009001234567", false),
        ("0447700900123", false),
    ] {
        let expected: &[&str] = if is_good { &[] } else { &["calling_title"] };
        let change = |it: &mut SccpAddress| *it = SccpAddress::titled(digits(title), Ssn::MSC);
        assert_eq!(broken(OUTSIDE, &change), expected, "{title}");
    }
    let letters = digits("44770090012").with(11).unwrap();
    assert_eq!(broken(OUTSIDE, &|it| *it = SccpAddress::titled(letters, Ssn::MSC)), ["calling_title"]);
    assert_eq!(broken(OUTSIDE, &|it| it.title = None), ["calling_title"]);
    let nature = |it: &mut SccpAddress| it.title.as_mut().unwrap().nature.0 = 3;
    assert_eq!(broken(OUTSIDE, &nature), ["calling_title"]);
    let plan = |it: &mut SccpAddress| it.title.as_mut().unwrap().numbering_plan.0 = 7;
    assert_eq!(broken(OUTSIDE, &plan), ["calling_title"]);
    let point = |it: &mut SccpAddress| it.point_code = Some(PointCode(9));
    assert_eq!(broken(OUTSIDE, &point), ["calling_point_code"]);
    // Our own nodes may have addresses of any kind; others may not have our titles.
    let own = |it: &mut SccpAddress| {
        *it =
            SccpAddress { point_code: Some(PointCode(9)), ..SccpAddress::titled(digits("49171"), Ssn::MSC) };
    };
    assert_eq!(broken(INSIDE, &own), none);
    assert_eq!(broken(OUTSIDE, &own), ["calling_title", "calling_point_code", "spoofed_title"]);
}

#[test]
fn called_titles_have_a_translation_type_that_is_used() {
    let policy = policy();
    let calling = SccpAddress::titled(digits(PARTNER), Ssn::MSC);
    let source = policy.source(0, PointCode(OUTSIDE), Some(digits(PARTNER)));
    let mut called = SccpAddress::titled(digits("4917100001"), Ssn::MSC);
    assert_eq!(policy.addresses(&source, &called, &calling), 0);
    called.title.as_mut().unwrap().translation_type = 17;
    assert_eq!(names(policy.addresses(&source, &called, &calling)), ["translation_type"]);
    called.route_on_ssn = true;
    assert_eq!(policy.addresses(&source, &called, &calling), 0, "nobody translates it");
}

#[test]
fn without_points_of_our_own_a_title_of_ours_is_inside() {
    let policy = Policy::new(&ScreeningConfig { own_points: vec![], ..config() }).unwrap();
    assert_eq!(policy.operation(&source(&policy, HOME, OUTSIDE), 71, &[]), 0);
    assert_eq!(names(policy.operation(&source(&policy, PARTNER, OUTSIDE), 71, &[])), ["category_1"]);
    let calling = SccpAddress::titled(digits(HOME), Ssn::HLR);
    let called = SccpAddress::titled(digits("4917100001"), Ssn::MSC);
    assert_eq!(policy.addresses(&source(&policy, HOME, OUTSIDE), &called, &calling), 0);
}

#[test]
fn associations_have_points_of_their_own_or_any() {
    let originating = vec![Some(vec![PointCode(300), PointCode(200)]), None];
    let policy = Policy::new(&ScreeningConfig { originating, ..config() }).unwrap();
    assert!(policy.is_expected(0, PointCode(200)) && policy.is_expected(0, PointCode(300)));
    assert!(!policy.is_expected(0, PointCode(201)));
    assert!(policy.is_expected(1, PointCode(201)) && policy.is_expected(2, PointCode(201)));
}

#[test]
fn two_networks_with_one_prefix_are_refused() {
    let mut config = config();
    config.operators.push(operator(false, &["49171"], &[]));
    let refused = Policy::new(&config).map(drop).unwrap_err();
    assert_eq!(refused, "two networks have the titles that begin with 49171");
}
