//! What `[screening]` refers to, and that no prefix is two networks'.

use super::Check;
use crate::control::config::{Screening, ScreeningPeer};
use crate::control::screening::{Placed, operators};
use crate::stack::{Action, Rule};
use std::collections::BTreeMap;

impl Check<'_, '_, '_> {
    pub(super) fn screening(&mut self) {
        let Some(screening) = &self.config.screening else { return };
        self.screening_ranges(screening);
        self.screening_rules(screening);
        self.screening_operators(screening);
        for (at, peer) in screening.peer.iter().enumerate() {
            self.screening_peer(at, peer);
        }
    }

    fn screening_ranges(&mut self, screening: &Screening) {
        let [least, most] = screening.title_digits;
        self.range("screening.title_digits[0]", least, 1..=15);
        self.range("screening.title_digits[1]", most, least.clamp(1, 15)..=15);
        self.range("screening.components", screening.components, 1..=32);
        self.range("screening.service_centre_digits", screening.service_centre_digits, 1..=15);
        self.range("screening.rates", screening.rates, 64..=1 << 20);
        self.range("screening.logged_per_second", screening.logged_per_second, 0..=100);
        for (key, value) in [
            ("title_rate", Some(screening.title_rate)),
            ("title_burst", screening.title_burst),
            ("returned_rate", Some(screening.returned_rate)),
            ("returned_burst", screening.returned_burst),
        ] {
            self.range(format!("screening.{key}"), value.unwrap_or(0), 0..=10_000_000);
        }
        self.count("screening.calling_subsystems", screening.calling_subsystems.len(), "numbers", 1..=256);
        self.count("screening.translation_types", screening.translation_types.len(), "numbers", 1..=256);
    }

    fn screening_rules(&mut self, screening: &Screening) {
        for (name, action) in &screening.rules {
            let place = format!("screening.rules.{name}");
            match Rule::ALL.iter().find(|rule| rule.name() == name) {
                None => {
                    let known: Vec<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
                    self.error(place, "is no rule", format!("give one of {}", known.join(", ")));
                }
                Some(rule) if rule.is_of_messages() && *action > Action::Drop => {
                    let what = format!("{:?} answers what is no dialogue yet", action.name());
                    self.error(place, what, "give \"drop\", \"dry-run\" or \"off\"");
                }
                Some(_) => {}
            }
        }
    }

    fn screening_operators(&mut self, screening: &Screening) {
        let each = || screening.operator.iter().enumerate();
        self.unique(each().map(|(at, operator)| (format!("screening.operator[{at}].name"), &operator.name)));
        for (at, operator) in each() {
            let place = |key: &str| format!("screening.operator[{at}].{key}");
            self.name(place("name"), &operator.name);
            self.count(place("titles"), operator.titles.len(), "prefixes", 1..=10_000);
            for (key, prefixes) in [("titles", &operator.titles), ("imsi_prefixes", &operator.imsi_prefixes)]
            {
                for (n, prefix) in prefixes.iter().enumerate() {
                    self.count(place(&format!("{key}[{n}]")), prefix.len(), "digits", 1..=15);
                }
            }
        }
        let config = self.config;
        let (mut titles, mut imsis) = (BTreeMap::new(), BTreeMap::new());
        for (name, _, of_titles, of_imsis) in operators(config) {
            self.claim(&mut titles, name, of_titles);
            self.claim(&mut imsis, name, of_imsis);
        }
    }

    /// Reports prefixes that belong to another network already.
    fn claim<'n>(
        &mut self,
        taken: &mut BTreeMap<String, (&'n str, String)>,
        name: &'n str,
        prefixes: Vec<Placed>,
    ) {
        for (place, prefix) in prefixes {
            let before = taken.entry(prefix.to_string()).or_insert((name, place.clone()));
            if before.0 != name {
                let what = format!("{prefix} is given to network {:?} at {}", before.0, before.1);
                self.error(place, what, "give each prefix to one network");
            }
        }
    }

    fn screening_peer(&mut self, at: usize, peer: &ScreeningPeer) {
        let place = |key: &str| format!("screening.peer[{at}].{key}");
        let associations = &self.config.associations;
        match (&peer.association, &peer.signalling_gateway) {
            (Some(name), None) => {
                if !associations.iter().any(|association| association.name == *name) {
                    let what = format!("there is no association {name:?}");
                    self.error(place("association"), what, "give the name of an [[association]]");
                }
            }
            (None, Some(name)) => {
                if !associations.iter().any(|it| it.signalling_gateway.as_ref() == Some(name)) {
                    let what = format!("no association leads to the signalling gateway {name:?}");
                    let remedy = "give what is signalling_gateway of an [[association]]";
                    self.error(place("signalling_gateway"), what, remedy);
                }
            }
            (Some(_), Some(_)) => {
                let remedy = "give either, not both";
                self.error(place("signalling_gateway"), "stands beside association", remedy);
            }
            (None, None) => {
                let remedy = "give association, or signalling_gateway";
                self.error(place("association"), "is missing", remedy);
            }
        }
        self.count(place("point_codes"), peer.point_codes.len(), "point codes", 1..=4096);
    }
}
