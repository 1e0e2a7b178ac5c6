//! What workers are told: by the configuration, by DNS, and when DNS says something else.

use super::super::places::Places;
use super::super::select::{By, Target, Why};
use super::super::{Changed, Location, LocationCounts, Report};
use crate::base::{IpPrefix, Random, Time};
use crate::control::config::Config;
use crate::control::start::{self, Parts};
use crate::control::subscribers::Subscribers;
use crate::gateway::mailbox::Located;
use crate::io::memory::MemoryIo;
use crate::stack::Hop;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const CONFIG: &str = r#"
[[port]]
name = "ims"
device = "net_memory0"
addresses = ["10.0.0.1/24"]
[sip]
listen = ["10.0.0.1:5060"]
uri = "sip:ipsmgw.home1.net"
[sip.dns]
servers = ["10.0.0.53"]
[[network]]
name = "home1"
mcc = "262"
mnc = "01"
gateway_title = "491710999001"
r1 = "preconfigured"
trusted = ["10.1.0.9"]
legacy = true
scscf = [{ uri = "sip:scscf1.home1.net", address = "10.1.0.5:5060" }, { uri = "sip:scscf.home1.net" }]
[[network]]
name = "home2"
mcc = "262"
mnc = "02"
gateway_title = "491710999002"
r1 = "preconfigured"
scscf = [{ uri = "sip:scscf.home2.net" }]
[ss7]
point_code = 100
[[association]]
name = "sg"
role = "client"
local = ["10.0.0.1"]
remote = ["10.0.0.2"]
[[destination]]
point_code = 200
associations = ["sg"]
"#;

/// The S-CSCFs of the configuration that have a name alone.
const HOME1: usize = 1;
const HOME2: usize = 2;

fn location() -> Location {
    let config = Config::parse(Path::new("gw.toml"), CONFIG).unwrap();
    let subscribers = Subscribers::load(&config).unwrap();
    let Parts { location, .. } = start::build(config, subscribers, Vec::<MemoryIo>::new(), [1; 16]).unwrap();
    location
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn target(last: u8) -> Target {
    Target { address: ([10, 1, 0, last], 5060).into(), by: By::Udp }
}

fn report(given: usize, outcome: Result<Vec<Target>, Why>) -> Changed {
    let (is_stale, life) = (false, Duration::from_secs(30));
    let counts = LocationCounts { located: 1, ..LocationCounts::default() };
    Changed(Report { given, outcome, is_stale, life, counts })
}

fn found(given: usize, targets: &[u8]) -> Changed {
    report(given, Ok(targets.iter().map(|last| target(*last)).collect()))
}

/// The hops of a network as `.5 0`: the last octet and the turn, in the order of their places.
fn hops(located: &Located, network: u16) -> Vec<String> {
    let its = located.core.hops.iter().flatten().filter(|hop| hop.network == network);
    let shown = |hop: &Hop| {
        let last = hop.address.ip().to_string();
        let turn = hop.turn.map_or("gone".into(), |turn| turn.to_string());
        format!(".{} {turn}", last.rsplit('.').next().unwrap())
    };
    its.map(shown).collect()
}

fn trusts(located: &Located, network: usize, last: u8) -> bool {
    let source = ([10, 1, 0, last], 40_000).into();
    let prefix = IpPrefix::from(std::net::IpAddr::from([10, 1, 0, last]));
    let by_stack = located.core.trusted.contains(&prefix);
    let by_gateway = located.networks[network].trusts(source);
    assert!(by_stack || !by_gateway, "what a network believes is known");
    by_gateway
}

#[test]
fn before_dns_answers_only_addresses_are_known() {
    let location = location();
    let begin = &location.present;
    assert_eq!((hops(begin, 0), hops(begin, 1)), (vec![".5 0".to_owned()], vec![]));
    assert!(begin.networks[0].unlocated && begin.networks[1].unlocated);
    assert!(trusts(begin, 0, 5) && trusts(begin, 0, 9) && !trusts(begin, 0, 7));
    assert_eq!(begin.core.legacy.len(), 2, "both of the first network");
    assert_eq!(begin.core.hops.len(), 64, "places for those to come");
    let shown = location.shown(at(0));
    assert_eq!(shown["places"].as_array().unwrap().len(), 1);
    assert_eq!(shown["unlocated"][1]["name"], "sip:scscf.home2.net");
}

#[test]
fn what_dns_says_is_exchanged_as_a_whole_and_only_if_it_is_new() {
    let mut location = location();
    let first = location.take(at(1), found(HOME1, &[7, 8])).unwrap();
    assert_eq!(hops(&first, 0), [".5 0", ".7 1", ".8 2"]);
    assert!(!first.networks[0].unlocated && first.networks[1].unlocated);
    assert!(trusts(&first, 0, 7) && !trusts(&first, 1, 7));
    assert_eq!(
        first.networks[0].scscf(([10, 1, 0, 8], 9).into()).unwrap().uri.as_str(),
        "sip:scscf.home1.net"
    );
    assert_eq!(first.core.legacy.len(), 4);
    assert!(location.take(at(2), found(HOME1, &[7, 8])).is_none());
    let other = location.take(at(3), found(HOME2, &[8])).unwrap();
    assert_eq!((hops(&other, 0).len(), hops(&other, 1)), (3, vec![".8 0".to_owned()]));
    // Another order is news too; places stay.
    let turned = location.take(at(4), found(HOME1, &[8, 7])).unwrap();
    assert_eq!(hops(&turned, 0), [".5 0", ".7 2", ".8 1"]);
    assert_eq!(location.counts.changed, 3);
    assert_eq!((location.counts.located, location.counts.no_place), (4, 0));
}

#[test]
fn who_is_gone_is_believed_a_while_and_known_for_long() {
    let mut location = location();
    location.take(at(0), found(HOME2, &[7])).unwrap();
    let moved = location.take(at(10), found(HOME2, &[8])).unwrap();
    assert_eq!(hops(&moved, 1), [".7 gone", ".8 0"]);
    let old = ([10, 1, 0, 7], 5060).into();
    assert!(trusts(&moved, 1, 7), "messages may be under way");
    assert!(moved.networks[1].scscf(old).is_none(), "but he registers nobody");
    assert_eq!(moved.networks[1].scscf_at(old).unwrap().uri.as_str(), "sip:scscf.home2.net");
    assert!(location.handle_timeout(at(309)).is_none());
    let later = location.handle_timeout(at(310)).unwrap();
    assert!(!trusts(&later, 1, 7));
    assert_eq!(hops(&later, 1), [".7 gone", ".8 0"], "users that he has registered are still found");
    assert!(location.handle_timeout(at(311)).is_none());
    let back = location.take(at(400), found(HOME2, &[7])).unwrap();
    assert_eq!(hops(&back, 1), [".7 0", ".8 gone"]);
}

#[test]
fn silence_changes_nothing_and_nothing_is_an_answer() {
    let mut location = location();
    assert!(location.take(at(0), report(HOME2, Err(Why::Unanswered))).is_none());
    let shown = location.shown(at(0));
    assert_eq!(shown["unlocated"][1]["why"], "DNS does not answer");
    location.take(at(1), found(HOME2, &[7])).unwrap();
    assert!(location.take(at(2), report(HOME2, Err(Why::Unanswered))).is_none());
    let place = location.shown(at(2))["places"][1].clone();
    assert_eq!((&place["located_by"], &place["is_target"]), (&"dns, stale".into(), &true.into()));
    let none = location.take(at(3), report(HOME2, Err(Why::Nothing))).unwrap();
    assert_eq!(hops(&none, 1), [".7 gone"]);
    assert!(!none.networks[1].unlocated, "it is known that there is none");
    assert!(location.take(at(4), report(HOME2, Err(Why::Refused))).is_none());
}

#[test]
fn what_a_worker_has_is_not_freed_by_it() {
    let mut location = location();
    let of_worker = location.present.clone();
    let next = location.take(at(0), found(HOME2, &[7])).unwrap();
    assert_eq!(Arc::strong_count(&of_worker), 2, "kept");
    let networks = of_worker.networks.clone();
    drop(of_worker);
    location.handle_timeout(at(1));
    assert_eq!(location.former.len(), 1, "a part of it is in use");
    drop(networks);
    location.handle_timeout(at(2));
    assert_eq!((location.former.len(), Arc::strong_count(&next)), (0, 2));
}

/// However DNS changes its mind: a target keeps its place and has one alone; no place has two; all that fit are there in
/// the order that DNS says; and former ones go in the order in which they went.
#[test]
fn places_are_kept_through_any_changes() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut location = location();
        let mut before = location.present.clone();
        for step in 1..100 {
            let given = [HOME1, HOME2][random.below(2) as usize];
            let mut targets: Vec<u8> = vec![];
            for _ in 0..random.below(9) {
                let last = 20 + random.below(60) as u8;
                if !targets.contains(&last) {
                    targets.push(last);
                }
            }
            let Some(next) = location.take(at(step), found(given, &targets)) else { continue };
            let network = given as u16 - 1;
            let wanted: Vec<_> = targets.iter().map(|last| target(*last).address).collect();
            let mut there: Vec<_> =
                next.core.hops.iter().flatten().filter(|hop| hop.network == network).collect();
            there.retain(|hop| hop.turn.is_some() && hop.uri.as_str() == location.places.uri(given));
            there.sort_by_key(|hop| hop.turn);
            assert_eq!(there.iter().map(|hop| hop.address).collect::<Vec<_>>(), wanted);
            for (at, hop) in next.core.hops.iter().enumerate() {
                let Some(hop) = hop else { continue };
                let same = |other: &Hop| {
                    (other.network, other.address, other.uri) == (hop.network, hop.address, hop.uri)
                };
                assert_eq!(next.core.hops.iter().flatten().filter(|other| same(other)).count(), 1);
                let was = before.core.hops.iter().position(|other| other.as_ref().is_some_and(same));
                assert!(was.is_none_or(|was| was == at), "it has moved");
            }
            assert_eq!(location.counts.no_place, 0);
            before = next;
        }
    }
}

#[test]
fn a_uri_with_an_address_is_asked_of_nobody() {
    for (uri, address, by) in [
        ("sip:10.1.0.7", "10.1.0.7:5060", By::Udp),
        ("sip:10.1.0.7:5070", "10.1.0.7:5070", By::Udp),
        ("sips:10.1.0.7", "10.1.0.7:5061", By::Tls),
    ] {
        let text = CONFIG.replace("sip:scscf.home2.net", uri);
        let tls = "[sip.streams]\nlisten_tls = [\"10.0.0.1:5061\"]\n[sip.tls]\ncertificate = \"c\"\nkey = \"k\"\nverify_peers = false\n";
        let text = text.replace("[sip.dns]", &format!("{tls}[sip.dns]"));
        let config = Config::parse(Path::new("gw.toml"), &text).unwrap();
        let places = Places::new(&config, vec![]).unwrap();
        assert_eq!(places.sought().count(), 1, "{uri}");
        let target = Target { address: address.parse().unwrap(), by };
        assert!(places.places().iter().flatten().any(|place| place.target == target), "{uri}");
    }
}
