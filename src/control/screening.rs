//! Screening between the configuration and the stack: which networks and peers there are, and what the log tells of refusals.

use super::config::{Config, M3uaRole, Network};
use crate::ident::{Digits, Masked, PointCode, Ssn};
use crate::stack::{Action, Operator, Rule, Screened, ScreeningConfig};

/// A beginning of titles or IMSIs, and where in the configuration it stands.
pub(super) type Placed = (String, Digits);

/// The networks that are known: those that are served, then the others, each with its name.
#[must_use]
pub(super) fn operators(config: &Config) -> Vec<(&str, bool, Vec<Placed>, Vec<Placed>)> {
    let Some(screening) = &config.screening else { return vec![] };
    let given = |at: usize| {
        let list = |key: &'static str, prefixes: &[Digits]| -> Vec<Placed> {
            let place = |n| format!("screening.operator[{at}].{key}[{n}]");
            prefixes.iter().enumerate().map(|(n, prefix)| (place(n), *prefix)).collect()
        };
        let operator = screening.operator.get(at);
        operator.map_or((vec![], vec![]), |operator| {
            (list("titles", &operator.titles), list("imsi_prefixes", &operator.imsi_prefixes))
        })
    };
    let own = config.networks.iter().enumerate().map(|(at, network)| {
        let (mut titles, mut imsis) = implied(at, network);
        let entry = screening.operator.iter().position(|operator| operator.name == network.name);
        let (more_titles, more_imsis) = entry.map(given).unwrap_or_default();
        titles.extend(more_titles);
        imsis.extend(more_imsis);
        (network.name.as_str(), true, titles, imsis)
    });
    let is_network = |name: &str| config.networks.iter().any(|network| network.name == name);
    let others = screening.operator.iter().enumerate().filter(|(_, operator)| !is_network(&operator.name));
    let others = others.map(|(at, operator)| {
        let (titles, imsis) = given(at);
        (operator.name.as_str(), false, titles, imsis)
    });
    own.chain(others).collect()
}

/// What a served network's own section says of its titles and IMSIs.
fn implied(at: usize, network: &Network) -> (Vec<Placed>, Vec<Placed>) {
    let gateway = (format!("network[{at}].gateway_title"), network.gateway_title);
    let hlrs = network.hlr.iter().enumerate();
    let hlrs = hlrs.map(|(n, hlr)| (format!("network[{at}].hlr[{n}].title"), hlr.title));
    let imsis = network.imsi_prefixes.iter().enumerate();
    let imsis = imsis.map(|(n, prefix)| (format!("network[{at}].imsi_prefixes[{n}]"), *prefix));
    ([gateway].into_iter().chain(hlrs).collect(), imsis.collect())
}

/// The point codes whose messages may come by each association; `None`: any.
fn originating(config: &Config) -> Vec<Option<Vec<PointCode>>> {
    let Some(screening) = &config.screening else { return vec![] };
    let points = config.associations.iter().map(|association| {
        let listed = |peer: &&super::config::ScreeningPeer| {
            peer.association.as_ref() == Some(&association.name)
                || peer.signalling_gateway.is_some()
                    && peer.signalling_gateway == association.signalling_gateway
        };
        let mut listed = screening.peer.iter().filter(listed).peekable();
        if listed.peek().is_some() {
            return Some(listed.flat_map(|peer| peer.point_codes.iter().copied()).collect());
        }
        let is_ipsp = matches!(association.m3ua, M3uaRole::IpspClient | M3uaRole::IpspServer);
        let leads = config.destinations.iter().filter(|to| to.associations.contains(&association.name));
        is_ipsp.then(|| leads.map(|to| to.point_code).collect())
    });
    points.collect()
}

/// Screening as the stack has it.
#[must_use]
pub(super) fn screening(config: &Config) -> ScreeningConfig {
    let Some(screening) = &config.screening else { return ScreeningConfig::default() };
    let mut actions = [Action::Off; Rule::COUNT];
    for (action, rule) in actions.iter_mut().zip(Rule::ALL) {
        *action = screening.action(*rule);
    }
    let prefixes = |placed: Vec<Placed>| placed.into_iter().map(|(_, prefix)| prefix).collect();
    let operators = operators(config).into_iter().map(|(_, is_own, titles, imsis)| Operator {
        is_own,
        titles: prefixes(titles),
        imsi_prefixes: prefixes(imsis),
    });
    let [least, most] = screening.title_digits;
    ScreeningConfig {
        actions,
        operators: operators.collect(),
        originating: originating(config),
        own_points: screening.own_points.clone(),
        subsystems: screening.calling_subsystems.iter().copied().map(Ssn).collect(),
        translation_types: screening.translation_types.clone(),
        title_digits: (least, most),
        components: screening.components,
        service_centre_digits: screening.service_centre_digits,
        title_rate: (screening.title_rate, screening.title_burst.unwrap_or(screening.title_rate)),
        returned_rate: (screening.returned_rate, screening.returned_burst.unwrap_or(screening.returned_rate)),
        rates: screening.rates,
        told_per_second: screening.logged_per_second,
    }
}

/// Logs a refusal.
pub(super) fn tell(config: &Config, screened: &Screened) {
    let association = config.associations.get(usize::from(screened.association));
    let network = (screened.operator as usize).checked_sub(1);
    let network = network.and_then(|at| operators(config).get(at).map(|(name, ..)| (*name).to_owned()));
    tracing::warn!(
        rule = screened.rule.name(),
        action = screened.action.name(),
        association = association.map(|association| association.name.as_str()),
        point_code = %screened.point_code,
        title = screened.title.map(|title| tracing::field::display(Masked(title))),
        network,
        operation = screened.opcode,
        more = screened.more,
        "screened"
    );
}

/// Tells at the start whether anything is screened.
pub(super) fn tell_start(config: &Config) {
    match &config.screening {
        None => tracing::info!("nothing is screened: there is no [screening] section"),
        Some(screening) => {
            let off = Rule::ALL.iter().filter(|rule| screening.action(**rule) == Action::Off);
            let off: Vec<_> = off.map(|rule| rule.name()).collect();
            let networks = operators(config).len();
            tracing::info!(dry_run = screening.dry_run, networks, off = off.join(","), "screening");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::LogFormat;
    use super::super::log::tests::logged;
    use super::super::numbers::Numbers;
    use super::*;
    use crate::base::publish::{Show, Shown, publish};
    use crate::ident::WorkerId;
    use crate::stack::RuleCounts;
    use std::path::Path;

    const EXAMPLE: &str = include_str!("../../docs/operating/examples/gateway.toml");

    fn config(changes: &[(&str, &str)]) -> Config {
        let text = changes.iter().fold(EXAMPLE.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        Config::parse(Path::new("gw.toml"), &text).unwrap()
    }

    fn digits(text: &str) -> Digits {
        text.parse().unwrap()
    }

    #[test]
    fn networks_have_the_titles_of_their_own_sections_too() {
        let screening = screening(&config(&[]));
        let [home1, home2, partner] = &screening.operators[..] else { panic!() };
        assert!(home1.is_own && home2.is_own && !partner.is_own);
        assert_eq!(home1.titles, [digits("4917100001"), digits("49171")]);
        assert_eq!(home1.imsi_prefixes, [digits("26201")]);
        assert_eq!(home2.titles, [digits("447000000001"), digits("447000000006"), digits("44700")]);
        assert_eq!(
            (&partner.titles[..], &partner.imsi_prefixes[..]),
            (&[digits("33609")][..], &[digits("20801")][..])
        );
        assert_eq!((screening.title_rate, screening.returned_rate), ((0, 0), (0, 0)));
    }

    #[test]
    fn associations_have_the_points_that_are_listed_or_those_of_an_ipsp() {
        let point = |text: &str| text.parse::<PointCode>().unwrap();
        assert_eq!(screening(&config(&[])).originating, [Some(vec![point("2.100.4")]), None]);
        let ipsp = [
            ("m3ua = \"asp\"", "m3ua = \"ipsp-client\""),
            ("association = \"sg1\"             #", "signalling_gateway = \"sg\" #"),
            ("# signalling_gateway = \"sg\"     # what", "# what"),
            ("remote = [\"10.7.0.12\"", "signalling_gateway = \"sg\"\nremote = [\"10.7.0.12\""),
            ("point_codes = [\"2.100.4\"]", "point_codes = [7, 8]"),
        ];
        let expected = [Some(vec![point("2.100.4")]), Some(vec![PointCode(7), PointCode(8)])];
        assert_eq!(screening(&config(&ipsp)).originating, expected);
    }

    #[test]
    fn each_rule_does_what_it_is_told_or_only_tries() {
        let action = |config: &Config, rule: Rule| screening(config).actions[rule as usize];
        let as_given =
            config(&[("# category_1 = \"drop\"", "category_1 = \"abort\"\ncomponents = \"off\" #")]);
        assert_eq!(action(&as_given, Rule::Category1), Action::Abort);
        assert_eq!(action(&as_given, Rule::Components), Action::Off);
        assert_eq!(action(&as_given, Rule::ServiceCentre), Action::SystemFailure);
        assert_eq!(action(&as_given, Rule::OtherContext), Action::DryRun);
        let tried = config(&[
            ("# dry_run = false", "dry_run = true"),
            ("# components = \"abort\"", "components = \"off\""),
        ]);
        assert_eq!(action(&tried, Rule::Category1), Action::DryRun);
        assert_eq!(action(&tried, Rule::Components), Action::Off, "not even tried");
        let (before, after) = EXAMPLE.split_once("[screening]").unwrap();
        let (_, after) = after.split_once("[admin]").unwrap();
        let without = Config::parse(Path::new("gw.toml"), &format!("{before}[admin]{after}")).unwrap();
        assert_eq!(screening(&without).actions, [Action::Off; Rule::COUNT]);
    }

    #[test]
    fn the_defaults_of_the_example_are_those_of_the_code() {
        for rule in Rule::ALL {
            let line =
                format!("# {} = \"{}\"", rule.name(), super::super::config::default_action(*rule).name());
            assert!(EXAMPLE.lines().any(|it| it.starts_with(&line)), "{line}");
        }
    }

    #[test]
    fn the_log_names_rule_and_peer_and_masks_numbers() {
        let config = config(&[]);
        let screened = Screened {
            rule: Rule::Category1,
            action: Action::Drop,
            association: 1,
            point_code: PointCode(2 << 11 | 100 << 3 | 4),
            title: Some(digits("33609123456")),
            operator: 3,
            opcode: Some(71),
            more: 12,
        };
        let text = logged(LogFormat::Json, || tell(&config, &screened));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (key, value) in [
            ("level", "WARN"),
            ("message", "screened"),
            ("rule", "category_1"),
            ("action", "drop"),
            ("association", "sg2"),
            ("point_code", "2.100.4"),
            ("title", "********456"),
            ("network", "partner"),
        ] {
            assert_eq!(json[key], value, "{text}");
        }
        assert_eq!((&json["operation"], &json["more"]), (&71.into(), &12.into()));
        assert!(!text.contains("33609123") && !format!("{screened:?}").contains("33609123"));
        let stranger = Screened { title: None, operator: 0, opcode: None, association: 9, ..screened };
        let text = logged(LogFormat::Text, || tell(&config, &stranger));
        assert!(text.contains("rule=\"category_1\"") && !text.contains("partner"), "{text}");
    }

    #[test]
    fn the_start_tells_what_is_screened() {
        let text = logged(LogFormat::Text, || tell_start(&config(&[])));
        assert!(text.contains("dry_run=false") && text.contains("networks=3"), "{text}");
        let (before, after) = EXAMPLE.split_once("[screening]").unwrap();
        let (_, after) = after.split_once("[admin]").unwrap();
        let without = Config::parse(Path::new("gw.toml"), &format!("{before}[admin]{after}")).unwrap();
        let text = logged(LogFormat::Text, || tell_start(&without));
        assert!(text.contains("nothing is screened"), "{text}");
    }

    struct OneRule(RuleCounts);

    impl Shown for OneRule {
        fn show(&self, to: &mut dyn Show) {
            to.counts("screening", Rule::Category1.name(), &self.0);
            let about = ("screening", Rule::Category1.name(), "action", "What is done.");
            to.state(about, Action::Drop as usize, Action::NAMES);
        }
    }

    #[test]
    fn rules_are_shown_with_action_and_counts() {
        let rule = OneRule(RuleCounts { refused: 7, let_through: 2 });
        let numbers = Numbers::new("gw", vec![(Some(WorkerId(0)), publish(&rule).1)]);
        let answer = numbers.objects("screening", "screening");
        let expected = serde_json::json!({
            "name": "category_1", "worker": 0, "action": "drop", "refused": 7, "let_through": 2
        });
        assert_eq!(answer["screening"][0], expected);
        let text = super::super::metrics::text(&numbers);
        let line = "ipsmgw_screening_refused_total{worker=\"0\",name=\"category_1\"} 7";
        assert!(text.lines().any(|it| it == line), "{text}");
    }
}
