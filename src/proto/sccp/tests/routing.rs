use super::*;

fn to(point_code: u32) -> Destination {
    Destination { point_code: PointCode(point_code), ssn: None, route_on_ssn: false }
}

/// The first destination of the rule for a title.
fn translate(routes: &Routes, title: &GlobalTitle) -> Result<Destination, Cause> {
    routes.rule(title, &mut |_| ()).map(|(_, rule)| rule.targets.first())
}

fn rule(prefix: &str, destination: Destination) -> Rule {
    Rule::new(digits(prefix), destination)
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
    let find = |text: &str| translate(&routes, &GlobalTitle::e164(digits(text))).map(|to| to.point_code.0);
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
    let find = |routes: &Routes, text: &str| translate(routes, &GlobalTitle::e164(digits(text)));
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
    assert_eq!(translate(&routes, &title(9, NumberingPlan::E214, "491")), Ok(to(4)));
    assert_eq!(translate(&routes, &title(9, NumberingPlan::E214, "4917")), Ok(to(1)), "longest first");
    assert_eq!(translate(&routes, &title(0, NumberingPlan::E214, "491")), Ok(to(2)));
    assert_eq!(translate(&routes, &title(9, NumberingPlan::E164, "491")), Ok(to(3)));
    assert_eq!(
        translate(&routes, &title(0, NumberingPlan::E164, "491")),
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
    assert_eq!(titled("441", 8), Route::Remote(to(200), SccpAddress::titled(digits("441"), Ssn(8))));
    assert_eq!(routes.route(&on_ssn(Some(101), 8)), Route::Local(Ssn::MSC));
    let remote = Destination { route_on_ssn: true, ..to(300) };
    assert_eq!(routes.route(&on_ssn(Some(300), 8)), Route::Remote(remote, on_ssn(None, 8)));
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
            rules.push(Rule::new(prefix, to(at)));
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
            .map(|rule| rule.targets.first())
            .ok_or(Cause::NO_TRANSLATION_ADDRESS);
        assert_eq!(translate(&routes, &GlobalTitle::e164(wanted)), expected, "{wanted}");
    }
}

/// What the test says of other points.
#[derive(Default)]
struct Told {
    points: Vec<(u32, PointState)>,
    subsystems: Vec<(u32, u8, SubsystemState)>,
}

impl States for Told {
    fn point(&self, PointCode(point_code): PointCode) -> PointState {
        let told = self.points.iter().find(|told| told.0 == point_code);
        told.map_or(PointState::Available, |told| told.1)
    }

    fn subsystem(&self, PointCode(point_code): PointCode, ssn: Ssn) -> SubsystemState {
        let told = self.subsystems.iter().find(|told| (told.0, told.1) == (point_code, ssn.0));
        told.map_or(SubsystemState::Allowed, |told| told.2)
    }
}

fn several(sharing: Sharing) -> Routes {
    let deliver = Destination { ssn: Some(Ssn::HLR), route_on_ssn: true, ..to(1) };
    let targets = Targets::new(&[deliver, to(2), to(3)], sharing).unwrap();
    Routes::new(&[], &[], &[Rule { targets, ..rule("49", to(0)) }]).unwrap()
}

/// Where a title goes, or why it does not.
fn goes(routes: &Routes, selection: u8, states: &Told) -> Result<u32, u8> {
    match routes.resolve(&SccpAddress::titled(digits("4917"), Ssn::MSC), selection, states, &mut |_| ()) {
        Route::Remote(to, _) => Ok(to.point_code.0),
        Route::NoTranslation(cause) => Err(cause.0),
        Route::Local(_) => panic!(),
    }
}

#[test]
fn a_backup_has_what_the_primary_can_not_take() {
    let routes = several(Sharing::Primary);
    let mut told = Told::default();
    assert_eq!((goes(&routes, 0, &told), goes(&routes, 1, &told)), (Ok(1), Ok(1)));
    told.subsystems = vec![(1, 8, SubsystemState::Prohibited), (2, 6, SubsystemState::Prohibited)];
    assert_eq!(goes(&routes, 0, &told), Ok(1), "another subsystem than the one that is called there");
    told.subsystems = vec![(1, 6, SubsystemState::Prohibited), (2, 8, SubsystemState::Prohibited)];
    assert_eq!(goes(&routes, 0, &told), Ok(2), "who translates again may know another");
    told.points = vec![(2, PointState::Congested)];
    assert_eq!(goes(&routes, 0, &told), Ok(3));
}

#[test]
fn with_all_in_trouble_the_cause_is_that_of_the_first() {
    let routes = several(Sharing::Primary);
    let out = [(2, PointState::Unavailable), (3, PointState::Unavailable)];
    let with = |first, ssn| {
        let points = [&out[..], &[(1, first)]].concat();
        goes(&routes, 0, &Told { points, subsystems: vec![(1, 6, ssn)] })
    };
    assert_eq!(with(PointState::Available, SubsystemState::Congested), Err(2));
    assert_eq!(with(PointState::Available, SubsystemState::Prohibited), Err(3));
    assert_eq!(with(PointState::Unavailable, SubsystemState::Prohibited), Err(5));
    assert_eq!(with(PointState::Congested, SubsystemState::Allowed), Err(6));
    assert_eq!(with(PointState::Available, SubsystemState::Allowed), Ok(1));
    let untitled = Routes::new(&[], &[], &[]).unwrap();
    let states = Told { points: vec![(9, PointState::Unavailable)], ..Told::default() };
    let route = untitled.resolve(&on_ssn(Some(9), 6), 0, &states, &mut |_| ());
    assert_eq!(route, Route::NoTranslation(Cause::MTP_FAILURE), "on its subsystem number too");
}

#[test]
fn destinations_share_by_selection() {
    let routes = several(Sharing::Loadshare);
    let of = |states: &Told| (0..6).map(|selection| goes(&routes, selection, states)).collect::<Vec<_>>();
    assert_eq!(of(&Told::default()), [Ok(1), Ok(2), Ok(3), Ok(1), Ok(2), Ok(3)]);
    let out = Told { points: vec![(2, PointState::Unavailable)], ..Told::default() };
    assert_eq!(of(&out), [Ok(1), Ok(3), Ok(1), Ok(3), Ok(1), Ok(3)]);
}

#[test]
fn a_title_is_rewritten() {
    let rewrite = Rewrite {
        strip: 1,
        add: digits("49"),
        translation_type: Some(9),
        numbering_plan: Some(NumberingPlan::E214),
        nature: Some(NatureOfAddress(3)),
    };
    let rules = [Rule { rewrite: Some(rewrite), ..rule("0", to(5)) }];
    let routes = Routes::new(&[], &[], &rules).unwrap();
    let called = |text: &str| SccpAddress::titled(digits(text), Ssn::HLR);
    let Route::Remote(destination, sent) = routes.route(&called("01715")) else { panic!() };
    let title = sent.title.unwrap();
    assert_eq!((destination, title.digits, sent.ssn), (to(5), digits("491715"), Some(Ssn::HLR)));
    assert_eq!((title.translation_type, title.numbering_plan, title.nature.0), (9, NumberingPlan::E214, 3));
    let longest = format!("0{}", "1".repeat(29));
    assert_eq!(routes.route(&called(&longest)), Route::NoTranslation(Cause::NO_TRANSLATION_ADDRESS));
    let nothing_else = Rewrite { add: Digits::EMPTY, translation_type: None, ..rewrite };
    let nothing_else = Rewrite { numbering_plan: None, nature: None, ..nothing_else };
    assert_eq!(nothing_else.apply(&GlobalTitle::e164(digits("017"))), Some(GlobalTitle::e164(digits("17"))));
    assert_eq!(nothing_else.apply(&GlobalTitle::e164(Digits::EMPTY)), None);
}

#[test]
fn an_exact_rule_is_for_one_title() {
    let exact = |text: &str, to| Rule { exact: true, ..rule(text, to) };
    let rules = [rule("4917", to(1)), exact("4917", to(2)), exact("49171", to(3)), rule("49", to(4))];
    let routes = Routes::new(&[], &[], &rules).unwrap();
    let find = |text: &str| translate(&routes, &GlobalTitle::e164(digits(text))).unwrap().point_code.0;
    assert_eq!((find("4917"), find("49171"), find("491711"), find("49172")), (2, 3, 1, 1));
    assert_eq!((find("491"), find("49")), (4, 4));
}

#[test]
fn a_subsystem_of_ours_that_is_out_of_service_is_told_from_one_that_we_are_not() {
    let mut routes = Routes::new(&[PointCode(100)], &[Ssn::MSC], &[rule("49", to(100))]).unwrap();
    let titled = |routes: &Routes, ssn| routes.route(&SccpAddress::titled(digits("49"), Ssn(ssn)));
    assert!(routes.set_local(Ssn::MSC, false) && !routes.set_local(Ssn::HLR, true));
    assert_eq!(titled(&routes, 8), Route::NoTranslation(Cause::SUBSYSTEM_FAILURE));
    assert_eq!(routes.route(&on_ssn(None, 8)), Route::NoTranslation(Cause::SUBSYSTEM_FAILURE));
    assert_eq!(titled(&routes, 6), Route::NoTranslation(Cause::UNEQUIPPED_USER));
    routes.set_local(Ssn::MSC, true);
    assert_eq!(titled(&routes, 8), Route::Local(Ssn::MSC));
}
