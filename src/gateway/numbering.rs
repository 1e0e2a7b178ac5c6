//! Which international E.164 number a number stands for that is spelt in any other way (TS 23.040 9.1.2.5, E.164 6): the key
//! by which it is looked up and routed, while it goes on in the form in which it came.

use crate::ident::{Digits, Number, Plan, TypeOfNumber};

/// The most digits of an international number (E.164 6.1).
const LONGEST: usize = 15;

/// How a network's users spell numbers.
#[derive(Clone, Debug)]
pub struct Numbering {
    /// The country code of national numbers.
    pub country_code: Digits,
    /// What stands before a national number that does not say that it is one; empty: nothing does.
    pub national_prefix: Digits,
    /// What stands before an international number that does not say that it is one.
    pub international_prefix: Digits,
    /// Numbers with rules of their own, before all else; the longest beginning wins, the first of equals.
    pub rules: Vec<NumberRule>,
    /// Whether a service centre's number goes out in the form in which it came; else as the international number.
    pub keeps_form: bool,
}

/// A rule for numbers that begin alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NumberRule {
    /// Of this type alone; none: of any.
    pub kind: Option<TypeOfNumber>,
    /// How they begin.
    pub prefix: Digits,
    /// How many digits go at their beginning.
    pub strip: u8,
    /// Digits that come in their place.
    pub add: Digits,
}

/// A step from a number to its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// This rule is for it, and says so.
    Rule(usize),
    /// It is international by its type.
    International,
    /// It begins with the international prefix, which goes.
    InternationalPrefix,
    /// It begins with the national prefix, which goes, and the country code comes.
    NationalPrefix,
    /// It is national by its type: the country code comes.
    National,
    /// It says nothing of itself, and is taken for an international number.
    AsItIs,
    /// It stands for none: of a type or a plan that only a rule could know.
    Unknown,
    /// What came of it is too long, or has nothing left.
    NoNumber,
}

impl Numbering {
    /// The international number that it stands for.
    #[must_use]
    pub fn key(&self, number: Number) -> Option<Digits> {
        self.key_by_steps(number, &mut |_| {})
    }

    /// The same, told step by step.
    pub fn key_by_steps(&self, number: Number, say: &mut dyn FnMut(Step)) -> Option<Digits> {
        let (step, key) = self.decide(number);
        say(step);
        let sound = |key: &Digits| (1..=LONGEST).contains(&key.len()) && key.is_decimal();
        let key = key.filter(sound);
        if key.is_none() && step != Step::Unknown {
            say(Step::NoNumber);
        }
        key
    }

    /// How a service centre's number goes out: in its form, or as its key.
    #[must_use]
    pub fn outward(&self, number: Number, key: Digits) -> Number {
        if self.keeps_form { number } else { Number::international(key) }
    }

    fn decide(&self, number: Number) -> (Step, Option<Digits>) {
        let digits = number.digits;
        if let Some((at, rule)) = self.rule(number) {
            return (Step::Rule(at), replaced(digits, usize::from(rule.strip), rule.add));
        }
        if !matches!(number.plan, Plan::E164 | Plan::UNKNOWN) {
            return (Step::Unknown, None);
        }
        let begins = |prefix: Digits| !prefix.is_empty() && digits.starts_with(prefix);
        match number.kind {
            TypeOfNumber::INTERNATIONAL => (Step::International, Some(digits)),
            TypeOfNumber::NATIONAL => (Step::National, replaced(digits, 0, self.country_code)),
            TypeOfNumber::UNKNOWN if begins(self.international_prefix) => {
                (Step::InternationalPrefix, replaced(digits, self.international_prefix.len(), Digits::EMPTY))
            }
            TypeOfNumber::UNKNOWN if begins(self.national_prefix) => {
                (Step::NationalPrefix, replaced(digits, self.national_prefix.len(), self.country_code))
            }
            TypeOfNumber::UNKNOWN => (Step::AsItIs, Some(digits)),
            _ => (Step::Unknown, None),
        }
    }

    fn rule(&self, number: Number) -> Option<(usize, &NumberRule)> {
        let is_for = |rule: &NumberRule| {
            rule.kind.is_none_or(|kind| kind == number.kind) && number.digits.starts_with(rule.prefix)
        };
        let rules = self.rules.iter().enumerate().rev().filter(|(_, rule)| is_for(rule));
        rules.max_by_key(|(_, rule)| rule.prefix.len())
    }
}

/// Digits without so many at their beginning, and with others in their place.
fn replaced(digits: Digits, strip: usize, add: Digits) -> Option<Digits> {
    let mut kept = digits.iter().skip(strip);
    kept.try_fold(add, |digits, digit| digits.with(digit)).filter(|_| strip <= digits.len())
}

/// The country code that an international number begins with (E.164 annex D, ITU-T list of assigned codes).
#[must_use]
pub fn country_code(number: Digits) -> Digits {
    let digit = |at| number.get(at).unwrap_or(0);
    let length = match (digit(0), digit(1)) {
        (1 | 7, _) => 1,
        (2, 0 | 7)
        | (3, 0..=4 | 6 | 9)
        | (4, 0 | 1 | 3..=9)
        | (5, 1..=8)
        | (6, 0..=6)
        | (8, 1 | 2 | 4 | 6)
        | (9, 0..=5 | 8) => 2,
        _ => 3,
    };
    let mut code = number.iter().take(length);
    code.try_fold(Digits::EMPTY, |code, digit| code.with(digit)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Digits {
        text.parse().unwrap()
    }

    /// Those of a title's country alone.
    fn plain(title: &str) -> Numbering {
        Numbering {
            country_code: country_code(digits(title)),
            national_prefix: Digits::EMPTY,
            international_prefix: digits("00"),
            rules: vec![],
            keeps_form: true,
        }
    }

    fn numbering() -> Numbering {
        let rule =
            |kind, prefix, strip, add| NumberRule { kind, prefix: digits(prefix), strip, add: digits(add) };
        Numbering {
            national_prefix: digits("0"),
            rules: vec![
                rule(Some(TypeOfNumber::ABBREVIATED), "", 0, "4917"),
                rule(None, "22", 1, "491"),
                rule(None, "22", 2, "492"),
                rule(Some(TypeOfNumber::NATIONAL), "227", 0, "43"),
                rule(None, "4444", 4, ""),
            ],
            ..plain("491710999001")
        }
    }

    /// A number by its octet of type and plan.
    fn key(octet: u8, number: &str) -> (Option<String>, Vec<Step>) {
        let mut steps = vec![];
        let key =
            numbering().key_by_steps(Number::typed(digits(number), octet), &mut |step| steps.push(step));
        assert_eq!(key, numbering().key(Number::typed(digits(number), octet)));
        (key.map(|key| key.to_string()), steps)
    }

    #[test]
    fn every_type_of_number_has_its_key() {
        let centre = "491710760000";
        for (octet, number, expected, step) in [
            (0x91, centre, Some(centre), Step::International),
            (0x90, centre, Some(centre), Step::International),
            (0x91, "0", Some("0"), Step::International),
            (0xa1, "1710760000", Some(centre), Step::National),
            (0xa1, "01710760000", Some("4901710760000"), Step::National),
            (0x81, "00491710760000", Some(centre), Step::InternationalPrefix),
            (0x81, "01710760000", Some(centre), Step::NationalPrefix),
            (0x80, "01710760000", Some(centre), Step::NationalPrefix),
            (0x81, centre, Some(centre), Step::AsItIs),
            (0xb1, "1710760000", None, Step::Unknown),
            (0xc1, "1710760000", None, Step::Unknown),
            (0xe1, "0760000", Some("49170760000"), Step::Rule(0)),
            (0x81, "2255", Some("491255"), Step::Rule(1)),
            (0xa1, "2275", Some("432275"), Step::Rule(3)),
            (0x81, "2275", Some("491275"), Step::Rule(1)),
            (0x99, centre, None, Step::Unknown),
            (0x96, centre, None, Step::Unknown),
        ] {
            assert_eq!(key(octet, number), (expected.map(str::to_owned), vec![step]), "{octet:02x} {number}");
        }
        assert_eq!(key(0x91, "1234567890123456").1, [Step::International, Step::NoNumber]);
        assert_eq!(key(0xa1, "12345678901234").1, [Step::National, Step::NoNumber]);
        assert_eq!(key(0x81, "4444"), (None, vec![Step::Rule(4), Step::NoNumber]));
        assert_eq!(key(0x81, "00"), (None, vec![Step::InternationalPrefix, Step::NoNumber]));
    }

    #[test]
    fn what_has_no_rules_is_of_its_titles_country() {
        let plain = plain("12125550100");
        let key = |octet, number| plain.key(Number::typed(digits(number), octet)).map(|key| key.to_string());
        assert_eq!(key(0xa1, "2125550101").as_deref(), Some("12125550101"));
        assert_eq!(key(0x81, "02125550101").as_deref(), Some("02125550101"), "no prefix is known");
    }

    #[test]
    fn country_codes_by_their_first_digits() {
        for (number, code) in [
            ("12125550100", "1"),
            ("79161234567", "7"),
            ("201001234567", "20"),
            ("27821234567", "27"),
            ("211912345678", "211"),
            ("358401234567", "358"),
            ("3725123456", "372"),
            ("33612345678", "33"),
            ("420601123456", "420"),
            ("491710760000", "49"),
            ("5215512345678", "52"),
            ("593991234567", "593"),
            ("6591234567", "65"),
            ("6731234567", "673"),
            ("8613912345678", "86"),
            ("85291234567", "852"),
            ("919812345678", "91"),
            ("971501234567", "971"),
            ("998901234567", "998"),
            ("9", "9"),
        ] {
            assert_eq!(country_code(digits(number)), digits(code), "{number}");
        }
    }
}
