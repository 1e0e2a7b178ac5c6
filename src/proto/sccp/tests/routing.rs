use super::*;

fn to(point_code: u32) -> Destination {
    Destination { point_code: PointCode(point_code), ssn: None, route_on_ssn: false }
}

fn rule(prefix: &str, destination: Destination) -> Rule {
    Rule { translation_type: None, numbering_plan: None, nature: None, prefix: digits(prefix), destination }
}

#[test]
fn the_longest_prefix_wins() {
    let rules = [
        rule("49", to(1)),
        rule("4917", to(2)),
        rule("49171", to(3)),
        rule("49172", to(4)),
        rule("1", to(5)),
    ];
    let routes = Routes::new(&[], &[], &rules).unwrap();
    let find = |text: &str| routes.translate(&GlobalTitle::e164(digits(text))).map(|to| to.point_code.0);
    assert_eq!(find("49"), Ok(1));
    assert_eq!(find("4916"), Ok(1));
    assert_eq!(find("4918"), Ok(1));
    assert_eq!(find("49170"), Ok(2));
    assert_eq!(find("49171"), Ok(3));
    assert_eq!(find("491719999"), Ok(3));
    assert_eq!(find("491729999"), Ok(4));
    assert_eq!(find("49173"), Ok(2));
    assert_eq!(find("12"), Ok(5));
    assert_eq!(find("4"), Err(Cause::NO_TRANSLATION_ADDRESS));
    assert_eq!(find(""), Err(Cause::NO_TRANSLATION_ADDRESS));
    assert_eq!(find("5"), Err(Cause::NO_TRANSLATION_ADDRESS));
    assert_eq!(find("0"), Err(Cause::NO_TRANSLATION_ADDRESS));
}

#[test]
fn an_empty_prefix_takes_all_and_no_rule_takes_none() {
    let routes = Routes::new(&[], &[], &[rule("", to(1)), rule("49", to(2))]).unwrap();
    let find = |routes: &Routes, text: &str| routes.translate(&GlobalTitle::e164(digits(text)));
    assert_eq!(find(&routes, ""), Ok(to(1)));
    assert_eq!(find(&routes, "50"), Ok(to(1)));
    assert_eq!(find(&routes, "491"), Ok(to(2)));
    let none = Routes::new(&[], &[], &[]).unwrap();
    assert_eq!(find(&none, "49"), Err(Cause::NO_TRANSLATION_NATURE));
}

#[test]
fn rules_that_say_more_win_among_equally_long_ones() {
    let e214 = Rule { numbering_plan: Some(NumberingPlan::E214), ..rule("49", to(2)) };
    let typed = Rule { translation_type: Some(9), ..rule("49", to(3)) };
    let exact = Rule {
        translation_type: Some(9),
        numbering_plan: Some(NumberingPlan::E214),
        nature: Some(NatureOfAddress::INTERNATIONAL),
        ..rule("49", to(4))
    };
    let routes = Routes::new(&[], &[], &[rule("4917", to(1)), e214, typed, exact]).unwrap();
    let title = |translation_type, plan, text: &str| GlobalTitle {
        translation_type,
        numbering_plan: plan,
        ..GlobalTitle::e164(digits(text))
    };
    assert_eq!(routes.translate(&title(9, NumberingPlan::E214, "491")), Ok(to(4)));
    assert_eq!(routes.translate(&title(9, NumberingPlan::E214, "4917")), Ok(to(1)), "longest first");
    assert_eq!(routes.translate(&title(0, NumberingPlan::E214, "491")), Ok(to(2)));
    assert_eq!(routes.translate(&title(9, NumberingPlan::E164, "491")), Ok(to(3)));
    assert_eq!(
        routes.translate(&title(0, NumberingPlan::E164, "491")),
        Err(Cause::NO_TRANSLATION_ADDRESS),
        "a rule of all titles was asked"
    );
    assert_eq!(Routes::new(&[], &[], &[e214, typed, e214]).unwrap_err(), DuplicatePrefix(0, 2));
}

#[test]
fn a_destination_changes_the_called_address() {
    let keep = to(5);
    assert_eq!(keep.called(&centre()), centre());
    let deliver = Destination { ssn: Some(Ssn::HLR), route_on_ssn: true, ..to(5) };
    let called = deliver.called(&SccpAddress { point_code: Some(PointCode(1)), ..centre() });
    assert_eq!((called.point_code, called.ssn, called.route_on_ssn), (None, Some(Ssn::HLR), true));
    assert_eq!(called.title, centre().title);
}

#[test]
fn own_titles_lead_to_own_subsystems() {
    let own = PointCode(100);
    let renamed = Destination { ssn: Some(Ssn::SGSN), ..to(100) };
    let rules = [rule("4917", to(100)), rule("4918", renamed), rule("44", to(200))];
    let routes = Routes::new(&[own, PointCode(101)], &[Ssn::MSC, Ssn::SGSN], &rules).unwrap();
    let titled = |text: &str, ssn| routes.route(&SccpAddress::titled(digits(text), Ssn(ssn)));
    assert_eq!(titled("49170", 8), Route::Local(Ssn::MSC));
    assert_eq!(titled("49180", 8), Route::Local(Ssn::SGSN));
    assert_eq!(titled("49170", 6), Route::NoTranslation(Cause::UNEQUIPPED_USER));
    assert_eq!(titled("441", 8), Route::Remote(to(200)));
    assert_eq!(routes.route(&on_ssn(Some(101), 8)), Route::Local(Ssn::MSC));
    let remote = Destination { route_on_ssn: true, ..to(300) };
    assert_eq!(routes.route(&on_ssn(Some(300), 8)), Route::Remote(remote));
    assert!(!Routes::new(&[], &[Ssn(0)], &[]).unwrap().is_local(Ssn(0)));
    assert!(Routes::new(&[], &[Ssn(255)], &[]).unwrap().is_local(Ssn(255)));
}

#[test]
fn translation_agrees_with_a_search_through_all_rules() {
    let mut seed = 11u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut number = |longest: u64, base: u64| {
        let length = random(longest + 1);
        (0..length).fold(Digits::EMPTY, |digits, _| digits.with(random(base) as u8).unwrap())
    };
    let mut rules: Vec<Rule> = Vec::new();
    for at in 0..3000 {
        let prefix = match at % 3 {
            0 => number(4, 10),
            1 => number(12, 3),
            _ => number(30, 15),
        };
        if rules.iter().all(|rule| rule.prefix != prefix) {
            rules.push(Rule {
                translation_type: None,
                numbering_plan: None,
                nature: None,
                prefix,
                destination: to(at),
            });
        }
    }
    let routes = Routes::new(&[], &[], &rules).unwrap();
    for at in 0..20_000 {
        let wanted = match at % 3 {
            0 => number(15, 10),
            1 => number(15, 3),
            _ => number(30, 15),
        };
        let expected = rules
            .iter()
            .filter(|rule| wanted.starts_with(rule.prefix))
            .max_by_key(|rule| rule.prefix.len())
            .map(|rule| rule.destination)
            .ok_or(Cause::NO_TRANSLATION_ADDRESS);
        assert_eq!(routes.translate(&GlobalTitle::e164(wanted)), expected, "{wanted}");
    }
}
