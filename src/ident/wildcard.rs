//! Wildcarded public user identities (TS 23.003 13.4A): between two exclamation marks stands a regular expression.
//!
//! Of extended regular expressions the usual part is known: characters, `.`, classes in brackets, `\` before a character,
//! and `*`, `+`, `?` and `{m,n}` behind any of these. Groups and alternatives are not. Matching takes no more than a fixed
//! number of steps, whatever the pattern and the text: positions reached are bits of one word.

use super::Identity;

/// The most elements of an expression.
const ELEMENTS: usize = 24;

/// One element: which octets it takes, and how often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Element {
    /// ASCII octets that it takes; others are taken if it is negated, or `.`.
    set: u128,
    others: bool,
    least: u8,
    /// `u8::MAX` is without end: no text is so long.
    most: u8,
}

/// A wildcarded public user identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wildcard {
    identity: Identity,
    /// Octets before the first mark, and from behind the second one.
    before: u8,
    after: u8,
    elements: [Element; ELEMENTS],
    len: u8,
}

impl Wildcard {
    /// Reads an identity's text; `None` if it has no expression between two marks, or one that is not known.
    #[must_use]
    pub fn new(identity: Identity) -> Option<Self> {
        let text = identity.as_bytes();
        let first = text.iter().position(|&octet| octet == b'!')?;
        let last = text.iter().rposition(|&octet| octet == b'!').filter(|&last| last > first)?;
        let mut rest = text.get(first + 1..last).filter(|expression| !expression.is_empty())?;
        let element = Element { set: 0, others: false, least: 0, most: 0 };
        let mut wildcard = Self {
            identity,
            before: first as u8,
            after: last as u8 + 1,
            elements: [element; ELEMENTS],
            len: 0,
        };
        while !rest.is_empty() {
            let place = wildcard.elements.get_mut(usize::from(wildcard.len))?;
            *place = Element::take(&mut rest)?;
            wildcard.len += 1;
        }
        Some(wildcard)
    }

    /// The wildcarded identity itself.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether an identity is one of those that are meant.
    #[must_use]
    pub fn matches(&self, identity: &Identity) -> bool {
        let (pattern, text) = (self.identity.as_bytes(), identity.as_bytes());
        let before = pattern.get(..usize::from(self.before)).unwrap_or(&[]);
        let after = pattern.get(usize::from(self.after)..).unwrap_or(&[]);
        let Some(text) = text.strip_prefix(before).and_then(|text| text.strip_suffix(after)) else {
            return false;
        };
        // Bit n: what came so far can have taken n octets.
        let mut reached = 1u128;
        for element in self.elements.iter().take(self.len.into()) {
            reached = element.advance(reached, text);
        }
        reached >> text.len() & 1 == 1
    }
}

impl Element {
    /// From these positions to those behind.
    fn advance(&self, from: u128, text: &[u8]) -> u128 {
        let takes = text.iter().enumerate().filter(|&(_, &octet)| self.takes(octet));
        let takes = takes.fold(0u128, |takes, (at, _)| takes | 1 << at);
        let step = |from: u128| (from & takes) << 1;
        let mut reached = from;
        for _ in 0..self.least {
            reached = step(reached);
        }
        let mut all = reached;
        for _ in self.least..self.most {
            reached = step(reached);
            if reached & !all == 0 {
                break;
            }
            all |= reached;
        }
        all
    }

    fn takes(&self, octet: u8) -> bool {
        if octet < 128 { self.set >> octet & 1 == 1 } else { self.others }
    }

    /// Takes one element off the front of an expression.
    fn take(rest: &mut &[u8]) -> Option<Self> {
        let (set, others) = match take_octet(rest)? {
            (b'.', false) => (u128::MAX, true),
            (b'[', false) => take_class(rest)?,
            (b'(' | b')' | b'|' | b'^' | b'$' | b'*' | b'+' | b'?' | b'{' | b'}', false) => return None,
            (octet, _) if octet < 128 => (1 << octet, false),
            _ => return None,
        };
        let mut after = *rest;
        let (least, most) = match take_octet(&mut after) {
            Some((b'*', false)) => (0, u8::MAX),
            Some((b'+', false)) => (1, u8::MAX),
            Some((b'?', false)) => (0, 1),
            Some((b'{', false)) => take_bounds(&mut after)?,
            _ => {
                after = *rest;
                (1, 1)
            }
        };
        *rest = after;
        Some(Self { set, others, least, most })
    }
}

/// The next octet, and whether a backslash stood before it. A URI writes some as `%` and two digits.
fn take_octet(rest: &mut &[u8]) -> Option<(u8, bool)> {
    let plain = |rest: &mut &[u8]| {
        let (&first, after) = rest.split_first()?;
        let hex = |at: usize| char::from(*after.get(at)?).to_digit(16);
        let escaped = (first == b'%').then(|| Some((hex(0)? * 16 + hex(1)?) as u8)).flatten();
        *rest = if escaped.is_some() { after.get(2..)? } else { after };
        Some(escaped.unwrap_or(first))
    };
    match plain(rest)? {
        b'\\' => Some((plain(rest)?, true)),
        octet => Some((octet, false)),
    }
}

/// What a class in brackets takes, whose bracket has been taken.
fn take_class(rest: &mut &[u8]) -> Option<(u128, bool)> {
    let mut set = 0u128;
    let mut octet = take_octet(rest)?;
    let negated = octet == (b'^', false);
    if negated {
        octet = take_octet(rest)?;
    }
    let mut first = true;
    while octet.0 != b']' || first {
        first = false;
        let low = octet.0;
        let mut after = *rest;
        let mut high = low;
        if take_octet(&mut after) == Some((b'-', false))
            && let Some((end, _)) = take_octet(&mut after)
            && end != b']'
        {
            high = end;
            *rest = after;
        }
        if low > high || high > 127 || low == b'[' && rest.first() == Some(&b':') {
            return None;
        }
        for member in low..=high {
            set |= 1 << member;
        }
        octet = take_octet(rest)?;
    }
    Some(if negated { (!set, true) } else { (set, false) })
}

/// How often, as in `{2}`, `{2,}` or `{2,5}`, whose brace has been taken.
fn take_bounds(rest: &mut &[u8]) -> Option<(u8, u8)> {
    let mut numbers = [None::<u8>; 2];
    let mut at = 0;
    loop {
        match take_octet(rest)? {
            (digit @ b'0'..=b'9', _) => {
                let number = numbers.get_mut(at)?;
                *number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit - b'0')?);
            }
            (b',', _) if at == 0 => at = 1,
            (b'}', _) => break,
            _ => return None,
        }
    }
    let [least, most] = numbers;
    let least = least?;
    let most = match (at, most) {
        (0, _) => least,
        (_, None) => u8::MAX,
        (_, Some(most)) => most,
    };
    (least <= most).then_some((least, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(text: &str) -> Identity {
        Identity::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_meant_matches_and_nothing_else() {
        let table: [(&str, &[&str], &[&str]); 12] = [
            (
                "sip:chatlist!.*!@home1.net",
                &["sip:chatlist@home1.net", "sip:chatlist1@home1.net", "sip:chatlist!@home1.net"],
                &["sip:chatlis@home1.net", "sip:chatlist1@home2.net", "sip:chatlist1", ""],
            ),
            ("sip:!a+!@h", &["sip:a@h", "sip:aaaa@h"], &["sip:@h", "sip:ab@h"]),
            ("tel:+49171!.{3}!", &["tel:+49171123"], &["tel:+4917112", "tel:+491711234", "tel:+49171"]),
            ("tel:+49!.{2,}!", &["tel:+4912", "tel:+49123456"], &["tel:+491"]),
            ("tel:+49!.{1,2}!", &["tel:+491", "tel:+4912"], &["tel:+49", "tel:+49123"]),
            ("tel:+49!%5B0-9%5D%2B!", &["tel:+491", "tel:+49155"], &["tel:+49", "tel:+49a"]),
            ("sip:!%5Ba-c9_%5D%7B2%7D!@h", &["sip:a9@h", "sip:__@h"], &["sip:d9@h", "sip:a@h", "sip:abc@h"]),
            ("sip:!%5B^a%5D+!@h", &["sip:b@h", "sip:ö@h"], &["sip:a@h", "sip:@h"]),
            ("sip:!%5B]-%5D+!@h", &["sip:]@h", "sip:-]@h"], &["sip:a@h"]),
            ("sip:!a%5C.b!@h", &["sip:a.b@h"], &["sip:axb@h"]),
            ("sip:!a?b?!@h", &["sip:@h", "sip:a@h", "sip:b@h", "sip:ab@h"], &["sip:ba@h"]),
            ("sip:!.*b.*!@h", &["sip:b@h", "sip:aba@h"], &["sip:aa@h"]),
        ];
        for (pattern, meant, others) in table {
            let wildcard = Wildcard::new(identity(pattern)).unwrap_or_else(|| panic!("{pattern}"));
            assert_eq!(wildcard.identity(), identity(pattern));
            for text in meant {
                assert!(wildcard.matches(&identity(text)), "{pattern}: {text}");
            }
            for text in others.iter().filter(|text| !text.is_empty()) {
                assert!(!wildcard.matches(&identity(text)), "{pattern}: {text}");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_no_wildcard() {
        for text in [
            "sip:a@h",
            "sip:a!b@h",
            "sip:!!@h",
            "sip:!(a|b)!@h",
            "sip:!a|b!@h",
            "sip:!^a!@h",
            "sip:!a$!@h",
            "sip:!*!@h",
            "sip:!a**!@h",
            "sip:!{2}!@h",
            "sip:!a{!@h",
            "sip:!a{x}!@h",
            "sip:!a{3,2}!@h",
            "sip:!a{,2}!@h",
            "sip:!a{999}!@h",
            "sip:!%5Ba!@h",
            "sip:!%5Bb-a%5D!@h",
            "sip:!%5B%5B:digit:%5D%5D!@h",
            "sip:!a%5C!@h",
            "sip:!ö!@h",
            "sip:!abcdefghijklmnopqrstuvwxy!@h",
        ] {
            assert_eq!(Wildcard::new(identity(text)), None, "{text}");
        }
    }

    #[test]
    fn the_worst_pattern_takes_no_longer_than_another() {
        let wildcard = Wildcard::new(identity(&format!("sip:!{}c!", ".*".repeat(23)))).unwrap();
        let text = identity(&format!("sip:{}", "a".repeat(Identity::MAX - 4)));
        for _ in 0..1000 {
            assert!(!wildcard.matches(&text));
        }
        let whole = Wildcard::new(identity("sip:!.{123}!")).unwrap();
        assert!(whole.matches(&text), "the last bit counts");
    }

    #[test]
    fn any_text_is_read_and_any_is_matched() {
        let mut random = crate::base::Random::stream(3, 3);
        let octets = b"!!!.*+?[]{},^-\\%%25a0(";
        let mut read = 0;
        for _ in 0..if cfg!(miri) { 500 } else { 200_000 } {
            let text: Vec<u8> =
                (0..random.below(20)).map(|_| octets[random.below(octets.len() as u64) as usize]).collect();
            let Some(identity) = Identity::new(&text) else { continue };
            if let Some(wildcard) = Wildcard::new(identity) {
                let _ = wildcard.matches(&identity);
                read += 1;
            }
        }
        assert!(read > 100 || cfg!(miri), "{read}");
    }
}
