//! SCCP routing control (Q.714 2): global title translation by longest prefix, point codes, local subsystems.

use super::Cause;
use crate::ident::{Digits, GlobalTitle, NatureOfAddress, NumberingPlan, PointCode, SccpAddress, Ssn};

/// Where a translated address leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Destination {
    /// The next node; one of our own point codes makes the address a local one.
    pub point_code: PointCode,
    /// Replaces the subsystem number.
    pub ssn: Option<Ssn>,
    /// The next node is to deliver by subsystem number, rather than to translate again.
    pub route_on_ssn: bool,
}

impl Destination {
    /// The called address to send there: the title stays.
    #[must_use]
    pub fn called(&self, address: &SccpAddress) -> SccpAddress {
        SccpAddress {
            point_code: None,
            ssn: self.ssn.or(address.ssn),
            route_on_ssn: self.route_on_ssn,
            ..*address
        }
    }
}

/// A row of the translation table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Only titles of this translation type.
    pub translation_type: Option<u8>,
    /// Only titles of this numbering plan.
    pub numbering_plan: Option<NumberingPlan>,
    /// Only titles of this nature.
    pub nature: Option<NatureOfAddress>,
    /// Only titles that begin so.
    pub prefix: Digits,
    /// Where they lead.
    pub destination: Destination,
}

/// Two rules, by their places, are for the same titles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DuplicatePrefix(pub usize, pub usize);

/// What becomes of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// Ours: this subsystem.
    Local(Ssn),
    /// Another node's.
    Remote(Destination),
    /// Nobody's.
    NoTranslation(Cause),
}

/// What a table needs of a rule: its key and its place in the configuration beside it.
type Entry = (u128, usize, Rule);
type Selector = (Option<u8>, Option<NumberingPlan>, Option<NatureOfAddress>);

/// The rules of one selector: prefixes in lexicographic order.
#[derive(Clone, Debug)]
struct Table {
    selector: Selector,
    keys: Vec<u128>,
    rows: Vec<Row>,
    /// For each value of a key's first three digits, the place of the first key that isn't below it.
    index: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    destination: Destination,
    /// How many digits.
    length: u8,
    /// The longest other prefix that this one begins with; itself if there is none.
    parent: u32,
}

const INDEX_BITS: u32 = 12;

/// The digits as a number that orders like text: each digit plus one, the first in the topmost nibble.
fn order(digits: Digits) -> u128 {
    const LOW_HALVES: u128 = u128::MAX / 255 * 15;
    let len = digits.len() as u32;
    let mask = (1u128 << (4 * len)) - 1;
    let nibbles = (digits.to_u128() & mask) + ((u128::MAX / 15) & mask);
    ((nibbles & LOW_HALVES) << 4 | nibbles >> 4 & LOW_HALVES).swap_bytes()
}

/// Whether the first `length` digits of two keys agree.
fn agree(one: u128, other: u128, length: u8) -> bool {
    (one ^ other).checked_shr(128 - 4 * u32::from(length)).unwrap_or(0) == 0
}

impl Table {
    fn new(selector: Selector, mut rules: Vec<Entry>) -> Result<Self, DuplicatePrefix> {
        rules.sort_unstable_by_key(|&(key, at, _)| (key, at));
        let mut keys: Vec<u128> = Vec::with_capacity(rules.len());
        let mut rows: Vec<Row> = Vec::with_capacity(rules.len());
        // The prefixes that the current one begins with, shortest first.
        let mut above: Vec<u32> = Vec::new();
        for (place, &(key, at, rule)) in rules.iter().enumerate() {
            if let Some(&(before, first, _)) = place.checked_sub(1).and_then(|before| rules.get(before))
                && before == key
            {
                return Err(DuplicatePrefix(first, at));
            }
            while let Some(&last) = above.last()
                && !matches!((keys.get(last as usize), rows.get(last as usize)),
                    (Some(&upper), Some(row)) if agree(upper, key, row.length))
            {
                above.pop();
            }
            let parent = above.last().copied().unwrap_or(place as u32);
            above.push(place as u32);
            keys.push(key);
            rows.push(Row { destination: rule.destination, length: rule.prefix.len() as u8, parent });
        }
        let index = (0..=1u128 << INDEX_BITS)
            .map(|top| match top.checked_mul(1 << (128 - INDEX_BITS)) {
                Some(bound) => keys.partition_point(|&key| key < bound) as u32,
                None => keys.len() as u32,
            })
            .collect();
        Ok(Self { selector, keys, rows, index })
    }

    fn matches(&self, title: &GlobalTitle) -> bool {
        let (translation_type, numbering_plan, nature) = self.selector;
        translation_type.is_none_or(|wanted| wanted == title.translation_type)
            && numbering_plan.is_none_or(|wanted| wanted == title.numbering_plan)
            && nature.is_none_or(|wanted| wanted == title.nature)
    }

    /// The longest prefix of `key`: the last key not above it, or one that that begins with.
    fn find(&self, key: u128) -> Option<&Row> {
        let top = (key >> (128 - INDEX_BITS)) as usize;
        let (low, high) = (*self.index.get(top)? as usize, *self.index.get(top + 1)? as usize);
        let within = self.keys.get(low..high)?.partition_point(|&other| other <= key);
        let mut at = (low + within).checked_sub(1)?;
        loop {
            let row = self.rows.get(at)?;
            if agree(*self.keys.get(at)?, key, row.length) {
                return Some(row);
            }
            let parent = row.parent as usize;
            if parent == at {
                return None;
            }
            at = parent;
        }
    }
}

/// Which addresses are ours and where the others lead; made at start, then only read.
#[derive(Clone, Debug)]
pub struct Routes {
    own: Vec<PointCode>,
    local: [u64; 4],
    rules: Vec<Rule>,
    tables: Vec<Table>,
}

impl Routes {
    /// From our own point codes, the subsystems that we are, and the translation rules. Rules that leave parts open
    /// yield to rules of the same prefix that don't.
    pub fn new(own: &[PointCode], local: &[Ssn], rules: &[Rule]) -> Result<Self, DuplicatePrefix> {
        let mut groups: Vec<(Selector, Vec<Entry>)> = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            let selector = (rule.translation_type, rule.numbering_plan, rule.nature);
            let entry = (order(rule.prefix), at, *rule);
            match groups.iter_mut().find(|group| group.0 == selector) {
                Some(group) => group.1.push(entry),
                None => groups.push((selector, vec![entry])),
            }
        }
        let named = |selector: &Selector| {
            u8::from(selector.0.is_some()) + u8::from(selector.1.is_some()) + u8::from(selector.2.is_some())
        };
        groups.sort_by_key(|group| core::cmp::Reverse(named(&group.0)));
        let tables = groups
            .into_iter()
            .map(|(selector, rules)| Table::new(selector, rules))
            .collect::<Result<_, _>>()?;
        let mut this = Self { own: own.to_vec(), local: [0; 4], rules: rules.to_vec(), tables };
        for &ssn in local {
            this.set_local(ssn, true);
        }
        Ok(this)
    }

    /// The translation rules, in the configuration's order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Brings a local subsystem into service or takes it out.
    pub fn set_local(&mut self, ssn: Ssn, in_service: bool) {
        if let Some(word) = self.local.get_mut(usize::from(ssn.0 >> 6)) {
            let bit = 1 << (ssn.0 & 63);
            *word = if in_service { *word | bit } else { *word & !bit };
        }
    }

    /// Whether we are this subsystem. Number 0 is nobody's.
    #[must_use]
    pub fn is_local(&self, ssn: Ssn) -> bool {
        ssn.0 != 0
            && self.local.get(usize::from(ssn.0 >> 6)).is_some_and(|word| word >> (ssn.0 & 63) & 1 == 1)
    }

    /// Whether a point code is ours.
    #[must_use]
    pub fn is_own(&self, point_code: PointCode) -> bool {
        self.own.contains(&point_code)
    }

    /// Translates a global title; of equally long prefixes, the one whose rule says more.
    pub fn translate(&self, title: &GlobalTitle) -> Result<Destination, Cause> {
        let key = order(title.digits);
        let mut cause = Cause::NO_TRANSLATION_NATURE;
        let mut best: Option<&Row> = None;
        for table in self.tables.iter().filter(|table| table.matches(title)) {
            cause = Cause::NO_TRANSLATION_ADDRESS;
            if let Some(row) = table.find(key)
                && best.is_none_or(|best| row.length > best.length)
            {
                best = Some(row);
            }
        }
        best.map(|row| row.destination).ok_or(cause)
    }

    /// What becomes of a message to this called address (Q.714 2.2).
    #[must_use]
    pub fn route(&self, called: &SccpAddress) -> Route {
        let destination = if called.route_on_ssn {
            match called.point_code {
                Some(point_code) if !self.is_own(point_code) => {
                    return Route::Remote(Destination { point_code, ssn: None, route_on_ssn: true });
                }
                _ => None,
            }
        } else {
            match called.title.as_ref().map(|title| self.translate(title)) {
                Some(Ok(destination)) if self.is_own(destination.point_code) => Some(destination),
                Some(Ok(destination)) => return Route::Remote(destination),
                Some(Err(cause)) => return Route::NoTranslation(cause),
                None => return Route::NoTranslation(Cause::NO_TRANSLATION_NATURE),
            }
        };
        match destination.and_then(|destination| destination.ssn).or(called.ssn) {
            Some(ssn) if self.is_local(ssn) => Route::Local(ssn),
            _ => Route::NoTranslation(Cause::UNEQUIPPED_USER),
        }
    }
}
