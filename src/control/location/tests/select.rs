//! Who is chosen. The cases are those of RFC 3263 4 and RFC 2782, in words of our own.

use super::super::select::{By, Families, Located, Sought, TARGETS, Target, Ways, Why, locate};
use super::Zone;
use crate::base::Random;
use crate::control::location::records::{Answer, Kind, Question, Record};
use std::collections::BTreeMap;

const BOTH: Families = Families { v4: true, v6: true };
const V4: Families = Families { v4: true, v6: false };
const NONE: Families = Families { v4: false, v6: false };
const ALL: Ways = Ways { udp: V4, tcp: V4, tls: V4 };
const UDP: Ways = Ways { udp: V4, tcp: NONE, tls: NONE };

fn sought(name: &str) -> Sought {
    Sought { name: name.into(), port: None, by: None, secure: false }
}

/// The outcome when everything that is asked for is answered, and what was asked for in each round.
fn with(zone: &Zone, sought: &Sought, ways: &Ways, seed: u64) -> (Located, Vec<Vec<String>>) {
    let mut known = BTreeMap::new();
    let mut rounds = vec![];
    loop {
        match locate(sought, ways, seed, &mut |question| known.get(question).cloned()) {
            Located::Ask(questions) => {
                assert!(!questions.is_empty() && rounds.len() < 4, "{sought:?} asks for ever");
                rounds.push(questions.iter().map(Question::to_string).collect());
                for question in questions {
                    let answer = zone.answer(&question);
                    assert!(known.insert(question, answer).is_none(), "asked twice");
                }
            }
            outcome => return (outcome, rounds),
        }
    }
}

fn targets(zone: &Zone, sought: &Sought, ways: &Ways) -> Vec<String> {
    match with(zone, sought, ways, 1).0 {
        Located::Found(targets, _) => {
            targets.iter().map(|it| format!("{} {}", it.by.name(), it.address)).collect()
        }
        other => vec![format!("{other:?}")],
    }
}

/// The example of RFC 3263 4.1: a domain that prefers TLS, then TCP, then UDP.
fn example() -> Zone {
    Zone::new(
        "example.com NAPTR 50 50 s SIPS+D2T _sips._tcp.example.com
         example.com NAPTR 90 50 s SIP+D2T _sip._tcp.example.com
         example.com NAPTR 100 50 s SIP+D2U _sip._udp.example.com
         _sips._tcp.example.com SRV 0 1 5061 server1.example.com
         _sip._tcp.example.com SRV 0 1 5060 server1.example.com
         _sip._tcp.example.com SRV 1 2 5060 server2.example.com
         _sip._udp.example.com SRV 0 1 5060 server2.example.com
         server1.example.com A 192.0.2.1
         server2.example.com A 192.0.2.2",
    )
}

#[test]
fn the_domain_chooses_among_the_transports_that_we_have() {
    let domain = sought("example.com");
    assert_eq!(targets(&example(), &domain, &ALL), ["tls 192.0.2.1:5061"]);
    let tcp = Ways { tls: NONE, ..ALL };
    assert_eq!(targets(&example(), &domain, &tcp), ["tcp 192.0.2.1:5060", "tcp 192.0.2.2:5060"]);
    assert_eq!(targets(&example(), &domain, &UDP), ["udp 192.0.2.2:5060"]);
    // A SIPS URI leaves TLS alone.
    let secure = Sought { secure: true, ..domain };
    assert_eq!(targets(&example(), &secure, &ALL), ["tls 192.0.2.1:5061"]);
    assert_eq!(with(&example(), &secure, &tcp, 1).0, Located::Nobody(Why::Transports));
}

#[test]
fn each_round_asks_for_what_is_open_and_no_more() {
    let (_, rounds) = with(&example(), &sought("example.com"), &Ways { tls: NONE, ..ALL }, 1);
    assert_eq!(
        rounds,
        [
            vec!["example.com NAPTR"],
            vec!["_sip._tcp.example.com SRV", "_sip._udp.example.com SRV"],
            vec!["server1.example.com A", "server2.example.com A"],
        ]
    );
    let (_, rounds) = with(&Zone::default(), &sought("example.com"), &Ways { udp: BOTH, ..ALL }, 1);
    assert_eq!(
        rounds,
        [
            vec!["example.com NAPTR"],
            vec!["_sip._udp.example.com SRV", "_sip._tcp.example.com SRV", "_sips._tcp.example.com SRV"],
            vec!["example.com AAAA", "example.com A"],
        ]
    );
}

#[test]
fn order_goes_before_preference_and_neither_follows_the_answer() {
    let mut zone = Zone::new(
        "_sip._udp.a.example SRV 0 0 5060 u.example
         _sip._tcp.a.example SRV 0 0 5060 t.example
         u.example A 192.0.2.1
         t.example A 192.0.2.2",
    );
    let tcp = "a.example NAPTR 10 20 S sip+d2t _sip._tcp.a.example";
    for (udp, first) in
        [("10 10", "udp 192.0.2.1:5060"), ("10 30", "tcp 192.0.2.2:5060"), ("11 0", "tcp 192.0.2.2:5060")]
    {
        let udp = format!("a.example NAPTR {udp} s SIP+D2U _sip._udp.a.example");
        for order in [[tcp, &udp], [&udp, tcp]] {
            zone.0.remove(&Question::new("a.example", Kind::Naptr));
            order.iter().for_each(|line| zone.add(line));
            assert_eq!(targets(&zone, &sought("a.example"), &ALL), [first], "{order:?}");
        }
    }
}

#[test]
fn pointers_that_are_none_of_sip_are_no_pointers() {
    let mut zone = Zone::new(
        "a.example NAPTR 10 10 s E2U+sip _sip._tcp.wrong.example
         a.example NAPTR 10 10 u SIP+D2U _sip._tcp.wrong.example
         a.example NAPTR 10 10 s HTTP+D2T _sip._tcp.wrong.example
         _sip._udp.a.example SRV 0 0 5066 u.example
         u.example A 192.0.2.1",
    );
    assert_eq!(targets(&zone, &sought("a.example"), &ALL), ["udp 192.0.2.1:5066"]);
    // One with a regular expression is none of SIP's either.
    let with_regexp = Record::Naptr {
        order: 1,
        preference: 1,
        flags: "s".into(),
        service: "SIP+D2U".into(),
        has_regexp: true,
        replacement: ".".into(),
    };
    zone.0.insert(Question::new("a.example", Kind::Naptr), Answer::Records(vec![with_regexp]));
    assert_eq!(targets(&zone, &sought("a.example"), &ALL), ["udp 192.0.2.1:5066"]);
    // SCTP alone is a transport that we don't have: guessing another would be wrong.
    let mut zone = Zone::new("a.example A 192.0.2.1");
    zone.add("a.example NAPTR 10 10 s SIP+D2S _sip._sctp.a.example");
    assert_eq!(with(&zone, &sought("a.example"), &ALL, 1).0, Located::Nobody(Why::Transports));
}

#[test]
fn without_pointers_servers_are_asked_for_and_without_servers_addresses() {
    let mut zone = Zone::new("a.example A 192.0.2.9");
    assert_eq!(targets(&zone, &sought("a.example"), &ALL), ["udp 192.0.2.9:5060"]);
    let secure = Sought { secure: true, ..sought("a.example") };
    assert_eq!(targets(&zone, &secure, &ALL), ["tls 192.0.2.9:5061"]);
    zone.add("_sip._tcp.a.example SRV 0 0 5070 t.example");
    zone.add("t.example A 192.0.2.2");
    assert_eq!(targets(&zone, &sought("a.example"), &ALL), ["tcp 192.0.2.2:5070"]);
    assert_eq!(targets(&zone, &sought("a.example"), &UDP), ["udp 192.0.2.9:5060"], "TCP is not ours");
    zone.add("_sip._udp.a.example SRV 0 0 5080 t.example");
    assert_eq!(targets(&zone, &sought("a.example"), &ALL), ["udp 192.0.2.2:5080"]);
    let nowhere = with(&Zone::default(), &sought("a.example"), &ALL, 1).0;
    assert_eq!(nowhere, Located::Nobody(Why::Nothing));
}

#[test]
fn a_port_or_a_transport_that_is_given_is_not_asked_for() {
    let zone = example();
    let with_port = Sought { port: Some(5070), ..sought("server1.example.com") };
    let (_, rounds) = with(&zone, &with_port, &ALL, 1);
    assert_eq!(rounds, [["server1.example.com A"]]);
    assert_eq!(targets(&zone, &with_port, &ALL), ["udp 192.0.2.1:5070"]);
    let secure = Sought { secure: true, ..with_port.clone() };
    assert_eq!(targets(&zone, &secure, &ALL), ["tls 192.0.2.1:5070"]);
    let by_tcp = Sought { by: Some(By::Tcp), ..with_port };
    assert_eq!(targets(&zone, &by_tcp, &ALL), ["tcp 192.0.2.1:5070"]);
    let by_tcp = Sought { by: Some(By::Tcp), ..sought("example.com") };
    let (_, rounds) = with(&zone, &by_tcp, &ALL, 1);
    assert_eq!(rounds[0], ["_sip._tcp.example.com SRV"]);
    assert_eq!(targets(&zone, &by_tcp, &ALL), ["tcp 192.0.2.1:5060", "tcp 192.0.2.2:5060"]);
    let by_tls = Sought { by: Some(By::Tls), ..sought("server1.example.com") };
    assert_eq!(targets(&zone, &by_tls, &ALL), ["tls 192.0.2.1:5061"], "no servers: its own address");
    assert_eq!(with(&zone, &by_tls, &UDP, 1).0, Located::Nobody(Why::Transports));
}

#[test]
fn a_service_that_is_not_to_be_had_is_not_sought_elsewhere() {
    let mut zone = Zone::new(
        "_sip._udp.a.example SRV 0 0 0 .
         a.example A 192.0.2.9",
    );
    assert_eq!(with(&zone, &sought("a.example"), &ALL, 1).0, Located::Nobody(Why::Refused));
    zone.add("_sip._tcp.a.example SRV 0 0 5060 t.example");
    zone.add("t.example A 192.0.2.2");
    assert_eq!(targets(&zone, &sought("a.example"), &ALL), ["tcp 192.0.2.2:5060"]);
}

#[test]
fn what_is_not_answered_is_not_taken_for_nothing() {
    let domain = sought("example.com");
    for (name, kind) in [("example.com", Kind::Naptr), ("_sips._tcp.example.com", Kind::Srv)] {
        let mut zone = example();
        zone.fail(name, kind);
        assert_eq!(with(&zone, &domain, &ALL, 1).0, Located::Nobody(Why::Unanswered), "{name}");
    }
    // Of hosts one is as good as another.
    let tcp = Ways { tls: NONE, ..ALL };
    let mut zone = example();
    zone.fail("server1.example.com", Kind::A);
    let (outcome, _) = with(&zone, &domain, &tcp, 1);
    let left = Target { address: "192.0.2.2:5060".parse().unwrap(), by: By::Tcp };
    assert_eq!(outcome, Located::Found(vec![left], false));
    zone.fail("server2.example.com", Kind::A);
    assert_eq!(with(&zone, &domain, &tcp, 1).0, Located::Nobody(Why::Unanswered));
}

#[test]
fn priorities_go_first_and_weights_share() {
    let zone = Zone::new(
        "_sip._udp.a.example SRV 10 60 5060 big.example
         _sip._udp.a.example SRV 10 30 5060 middle.example
         _sip._udp.a.example SRV 10 0 5060 never.example
         _sip._udp.a.example SRV 20 0 5060 last.example
         big.example A 192.0.2.1
         middle.example A 192.0.2.2
         never.example A 192.0.2.3
         last.example A 192.0.2.4",
    );
    let draws = 20_000;
    let mut first: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..draws {
        let (outcome, _) = with(&zone, &sought("a.example"), &UDP, seed);
        let Located::Found(targets, true) = outcome else { panic!() };
        let hosts: Vec<_> = targets.iter().map(|it| it.address.ip().to_string()).collect();
        assert_eq!((hosts.len(), &*hosts[3]), (4, "192.0.2.4"), "the priority before");
        *first.entry(hosts[0].clone()).or_default() += 1;
        assert_eq!(with(&zone, &sought("a.example"), &UDP, seed).0, Located::Found(targets, true));
    }
    // Of 91 equal chances, as RFC 2782 draws from 0 to the sum: 60 and 30, and one for weight 0.
    let share = |host: &str| f64::from(first.get(host).copied().unwrap_or(0)) / draws as f64;
    for (host, expected) in
        [("192.0.2.1", 60.0 / 91.0), ("192.0.2.2", 30.0 / 91.0), ("192.0.2.3", 1.0 / 91.0)]
    {
        assert!((share(host) - expected).abs() < 0.01, "{host}: {} instead of {expected}", share(host));
    }
}

#[test]
fn both_families_are_found_where_we_have_both() {
    let zone = Zone::new(
        "a.example A 192.0.2.1
         a.example AAAA 2001:db8::1
         a.example AAAA ::
         a.example A 224.0.0.1",
    );
    let ways = Ways { udp: BOTH, ..UDP };
    assert_eq!(targets(&zone, &sought("a.example"), &ways), ["udp [2001:db8::1]:5060", "udp 192.0.2.1:5060"]);
    assert_eq!(targets(&zone, &sought("a.example"), &UDP), ["udp 192.0.2.1:5060"]);
}

/// Any zone at all: whatever it says, the search ends, and what it finds is bounded, without repetition, among what the zone
/// has, and the same for the same seed in whatever order the records come.
#[test]
fn any_zone_gives_bounded_targets_of_its_own() {
    let names = [
        "a.example",
        "_sip._udp.a.example",
        "_sip._tcp.a.example",
        "_sips._tcp.a.example",
        "b.example",
        "c.example",
    ];
    for seed in 0..3_000 {
        let mut random = Random::new(seed);
        let mut zone = Zone::default();
        for _ in 0..random.below(60) {
            let pick = |random: &mut Random| names[random.below(names.len() as u64) as usize];
            let name = pick(&mut random);
            match random.below(5) {
                0 => {
                    let service = ["SIP+D2U", "SIP+D2T", "SIPS+D2T", "SIP+D2S"][random.below(4) as usize];
                    let (order, preference) = (random.below(3), random.below(3));
                    let to = pick(&mut random);
                    zone.add(&format!("{name} NAPTR {order} {preference} s {service} {to}"));
                }
                1 | 2 => {
                    let to = if random.below(9) == 0 { "." } else { pick(&mut random) };
                    let (priority, weight, port) = (random.below(3), random.below(4), random.below(3));
                    zone.add(&format!("{name} SRV {priority} {weight} {port} {to}"));
                }
                3 => zone.add(&format!("{name} A 192.0.2.{}", random.below(20))),
                _ => zone.add(&format!("{name} AAAA 2001:db8::{:x}", random.below(20))),
            }
        }
        if random.below(4) == 0 {
            zone.fail(names[random.below(names.len() as u64) as usize], Kind::A);
        }
        let mut family = || Families { v4: random.below(3) > 0, v6: random.below(3) > 0 };
        let ways = Ways { udp: family(), tcp: family(), tls: family() };
        let secure = random.below(4) == 0;
        let (outcome, _) = with(&zone, &Sought { secure, ..sought("a.example") }, &ways, seed);
        let mut turned = zone.clone();
        for answer in turned.0.values_mut() {
            if let Answer::Records(records) = answer {
                records.reverse();
            }
        }
        assert_eq!(with(&turned, &Sought { secure, ..sought("a.example") }, &ways, seed).0, outcome);
        if let Located::Found(targets, _) = outcome {
            assert!((1..=TARGETS).contains(&targets.len()));
            for (at, target) in targets.iter().enumerate() {
                assert!(!targets[..at].contains(target), "{targets:?}");
                assert!(!secure || target.by == By::Tls);
                let Families { v4, v6 } = ways.by(target.by);
                assert!(if target.address.is_ipv4() { v4 } else { v6 }, "{targets:?} {ways:?}");
                let record = Record::Address(target.address.ip());
                let has =
                    |answer: &Answer| matches!(answer, Answer::Records(records) if records.contains(&record));
                assert!(zone.0.values().any(has), "{targets:?}");
            }
        }
    }
}
