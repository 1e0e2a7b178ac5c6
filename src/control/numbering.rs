//! A network's rules for numbers, as configured; and `ipsmgw try number`: which international number one stands for, and how
//! it goes out, step by step.

use super::config::{Config, Network, NumberForm, NumberRule, NumberType};
use super::try_route::Tried;
use crate::gateway::{self, NumberStep, Numbering};
use crate::ident::{Digits, Number, Plan, TypeOfNumber};

/// How the users of a network spell numbers.
#[must_use]
pub fn numbering(network: &Network) -> Numbering {
    let numbers = &network.numbers;
    let rule = |rule: &NumberRule| gateway::NumberRule {
        kind: rule.kind.map(type_of_number),
        prefix: rule.prefix,
        strip: rule.strip,
        add: rule.add,
    };
    Numbering {
        country_code: numbers.country_code,
        national_prefix: numbers.national_prefix,
        international_prefix: numbers.international_prefix,
        rules: numbers.rule.iter().map(rule).collect(),
        keeps_form: numbers.service_centre == NumberForm::AsItCame,
    }
}

const fn type_of_number(kind: NumberType) -> TypeOfNumber {
    match kind {
        NumberType::Unknown => TypeOfNumber::UNKNOWN,
        NumberType::International => TypeOfNumber::INTERNATIONAL,
        NumberType::National => TypeOfNumber::NATIONAL,
        NumberType::NetworkSpecific => TypeOfNumber::NETWORK_SPECIFIC,
        NumberType::Subscriber => TypeOfNumber::SUBSCRIBER,
        NumberType::Abbreviated => TypeOfNumber::ABBREVIATED,
    }
}

/// A number as it is written: international if it begins with `+`, else of the type that is told. `None` if it is none.
#[must_use]
pub fn number(text: &str, kind: NumberType, plan: u8) -> Option<Number> {
    let international = text.strip_prefix('+');
    let kind = if international.is_some() { NumberType::International } else { kind };
    let digits: Digits = international.unwrap_or(text).parse().ok()?;
    (!digits.is_empty()).then_some(Number { digits, kind: type_of_number(kind), plan: Plan(plan) })
}

/// Tries a number of a network's user as a service centre's; the first network, if none is named.
///
/// # Errors
/// If there is no network of that name.
pub fn try_number(config: &Config, network: Option<&str>, number: Number) -> Result<Tried, String> {
    let mut named = config.networks.iter().enumerate();
    let found = named.find(|(_, it)| network.is_none_or(|name| it.name == name));
    let Some((at, network)) = found else {
        let names: Vec<&str> = config.networks.iter().map(|network| network.name.as_str()).collect();
        return Err(format!("there is no such network; there are {}", names.join(", ")));
    };
    let rules = numbering(network);
    let mut tried = Tried::default();
    tried.say("network", network.name.clone());
    tried.say("number", described(number));
    let key = rules.key_by_steps(number, &mut |step| explain(&mut tried, step, at, &rules));
    let Some(key) = key else {
        tried.say(
            "result",
            "nothing: a message to it is answered with RP-Cause 1, unassigned number".to_owned(),
        );
        return Ok(tried);
    };
    tried.say("key", format!("+{key}"));
    tried.say("goes out", described(rules.outward(number, key)));
    let allowed = network.service_centres.iter().find(|prefix| key.starts_with(**prefix));
    match allowed {
        None if !network.service_centres.is_empty() => {
            tried.say("result", format!("network[{at}].service_centres has none that begins so: RP-Cause 1"));
        }
        None => tried.lead("result", format!("called as title {key}: any service centre may be used")),
        Some(prefix) => {
            tried.lead("result", format!("called as title {key}: service_centres has \"{prefix}\""));
        }
    }
    Ok(tried)
}

fn explain(tried: &mut Tried, step: NumberStep, at: usize, rules: &Numbering) {
    let code = rules.country_code;
    let (name, text) = match step {
        NumberStep::Rule(rule) => {
            let decides = format!("network[{at}].numbers.rule[{rule}] decides");
            let text = rules.rules.get(rule).map_or(String::new(), |rule| {
                format!(": begins with \"{}\", strip {}, add \"{}\"", rule.prefix, rule.strip, rule.add)
            });
            ("rule", decides + &text)
        }
        NumberStep::International => ("type", "international: it is the key itself".to_owned()),
        NumberStep::National => ("type", format!("national: the country code {code} comes before it")),
        NumberStep::InternationalPrefix => {
            let prefix = rules.international_prefix;
            ("prefix", format!("begins with the international prefix \"{prefix}\", which goes"))
        }
        NumberStep::NationalPrefix => {
            let prefix = rules.national_prefix;
            ("prefix", format!("begins with the national prefix \"{prefix}\", for which {code} comes"))
        }
        NumberStep::AsItIs => {
            ("type", "unknown, without a prefix: taken for an international number".to_owned())
        }
        NumberStep::Unknown => ("type", "means nothing without a rule".to_owned()),
        NumberStep::NoNumber => ("key", "none: no digits are left, or more than 15".to_owned()),
    };
    tried.say(name, text);
}

/// A number in words, and its octet of type and plan.
fn described(number: Number) -> String {
    let kind = match number.kind {
        TypeOfNumber::UNKNOWN => "unknown",
        TypeOfNumber::INTERNATIONAL => "international",
        TypeOfNumber::NATIONAL => "national",
        TypeOfNumber::NETWORK_SPECIFIC => "network specific",
        TypeOfNumber::SUBSCRIBER => "subscriber",
        TypeOfNumber::ALPHANUMERIC => "alphanumeric",
        TypeOfNumber::ABBREVIATED => "abbreviated",
        _ => "reserved",
    };
    format!("\"{}\" {kind}, plan {}: {:02x}", number.digits, number.plan.0, number.octet())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const EXAMPLE: &str = include_str!("../../docs/operating/examples/gateway.toml");
    const NUMBERS: &str = r#"
        national_prefix = "0"
        [[network.numbers.rule]]
        type = "abbreviated"
        prefix = "7"
        strip = 1
        add = "44700"
    "#;

    /// The example, whose second network has these rules.
    fn config(numbers: &str) -> Config {
        let section = "[network.numbers]\n";
        let text = EXAMPLE.replacen(section, &format!("{section}{numbers}\n"), 1);
        Config::parse(Path::new("gw.toml"), &text).unwrap()
    }

    fn steps(numbers: &str, text: &str, kind: NumberType) -> (Vec<(&'static str, String)>, bool) {
        let number = number(text, kind, 1).unwrap();
        let tried = try_number(&config(numbers), Some("home2"), number).unwrap();
        (tried.steps().to_vec(), tried.leads_somewhere())
    }

    fn texts<'t>(told: &'t [(&'static str, String)]) -> Vec<(&'static str, &'t str)> {
        told.iter().map(|(name, text)| (*name, text.as_str())).collect()
    }

    #[test]
    fn every_step_to_the_key_is_told() {
        let (told, leads) = steps(NUMBERS, "07000000005", NumberType::Unknown);
        assert!(leads, "{told:?}");
        assert_eq!(
            texts(&told),
            [
                ("network", "home2"),
                ("number", "\"07000000005\" unknown, plan 1: 81"),
                ("prefix", "begins with the national prefix \"0\", for which 44 comes"),
                ("key", "+447000000005"),
                ("goes out", "\"07000000005\" unknown, plan 1: 81"),
                ("result", "called as title 447000000005: any service centre may be used"),
            ]
        );
        let (told, _) = steps(NUMBERS, "70000005", NumberType::Abbreviated);
        assert!(texts(&told).contains(&("key", "+447000000005")), "{told:?}");
        assert!(told[2].1.starts_with("network[1].numbers.rule[0] decides: begins with \"7\""), "{told:?}");
        let (told, leads) = steps("", "70000005", NumberType::Abbreviated);
        assert!(!leads && told.last().unwrap().1.contains("RP-Cause 1"), "{told:?}");
        let (told, _) = steps("", "+447000000005", NumberType::National);
        assert!(texts(&told).contains(&("type", "international: it is the key itself")), "+ says it");
    }

    #[test]
    fn a_service_centre_goes_out_as_configured_and_only_to_those_that_are_allowed() {
        let outward = "service_centre = \"international\"";
        let (told, _) = steps(outward, "7000000005", NumberType::National);
        assert!(
            texts(&told).contains(&("goes out", "\"447000000005\" international, plan 1: 91")),
            "{told:?}"
        );
        let config = config("");
        let number = number("+447000000005", NumberType::Unknown, 1).unwrap();
        let tried = try_number(&config, None, number).unwrap();
        assert!(!tried.leads_somewhere() && tried.to_string().contains("home1"), "{tried}");
        assert!(try_number(&config, Some("nowhere"), number).unwrap_err().contains("home1, home2"));
    }

    #[test]
    fn no_number_is_none() {
        for text in ["", "+", "49a", "+49 171"] {
            assert_eq!(super::number(text, NumberType::Unknown, 1), None, "{text}");
        }
    }
}
