//! SCCP routing control (Q.714 2): global title translation by longest prefix, point codes, local subsystems.

use super::translation::{AllAvailable, Destination, Route, Rule, Sharing, States, Step};
use super::{Cause, translation};
use crate::ident::{Digits, GlobalTitle, NatureOfAddress, NumberingPlan, PointCode, SccpAddress, Ssn};

/// Two rules, by their places, are for the same titles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DuplicatePrefix(pub usize, pub usize);

/// What a table needs of a rule: its key and its place in the configuration beside it.
type Entry = (u128, usize, Rule);
type Selector = (Option<u8>, Option<NumberingPlan>, Option<NatureOfAddress>, bool);

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
    /// The rule's place.
    rule: u32,
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
            rows.push(Row { rule: at as u32, length: rule.prefix.len() as u8, parent });
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
        let (translation_type, numbering_plan, nature, _) = self.selector;
        translation_type.is_none_or(|wanted| wanted == title.translation_type)
            && numbering_plan.is_none_or(|wanted| wanted == title.numbering_plan)
            && nature.is_none_or(|wanted| wanted == title.nature)
    }

    /// The rule that fits a title best.
    fn longest(&self, digits: Digits) -> Option<&Row> {
        let (.., exact) = self.selector;
        self.find(order(digits)).filter(|row| !exact || usize::from(row.length) == digits.len())
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

/// Which addresses are ours and where the others lead; made at start, then only read, but for the service that our own
/// subsystems are in.
#[derive(Clone, Debug)]
pub struct Routes {
    own: Vec<PointCode>,
    /// The subsystems that we are, and those of them that are in service.
    equipped: [u64; 4],
    in_service: [u64; 4],
    rules: Vec<Rule>,
    tables: Vec<Table>,
}

impl Routes {
    /// From our own point codes, the subsystems that we are, and the translation rules. Rules that leave parts open
    /// yield to rules of the same prefix that don't.
    pub fn new(own: &[PointCode], local: &[Ssn], rules: &[Rule]) -> Result<Self, DuplicatePrefix> {
        let mut groups: Vec<(Selector, Vec<Entry>)> = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            let selector = (rule.translation_type, rule.numbering_plan, rule.nature, rule.exact);
            let entry = (order(rule.prefix), at, *rule);
            match groups.iter_mut().find(|group| group.0 == selector) {
                Some(group) => group.1.push(entry),
                None => groups.push((selector, vec![entry])),
            }
        }
        let named = |selector: &Selector| {
            let parts = [selector.0.is_some(), selector.1.is_some(), selector.2.is_some(), selector.3];
            parts.into_iter().filter(|part| *part).count()
        };
        groups.sort_by_key(|group| core::cmp::Reverse(named(&group.0)));
        let tables = groups
            .into_iter()
            .map(|(selector, rules)| Table::new(selector, rules))
            .collect::<Result<_, _>>()?;
        let mut this =
            Self { own: own.to_vec(), equipped: [0; 4], in_service: [0; 4], rules: rules.to_vec(), tables };
        for ssn in local.iter().filter(|ssn| ssn.0 != 0) {
            set(&mut this.equipped, *ssn, true);
            set(&mut this.in_service, *ssn, true);
        }
        Ok(this)
    }

    /// The translation rules, in the configuration's order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Brings a subsystem of ours into service or takes it out; whether it is ours.
    pub fn set_local(&mut self, ssn: Ssn, in_service: bool) -> bool {
        let ours = self.is_equipped(ssn);
        set(&mut self.in_service, ssn, in_service && ours);
        ours
    }

    /// Whether we are this subsystem, in service or not. Number 0 is nobody's.
    #[must_use]
    pub fn is_equipped(&self, ssn: Ssn) -> bool {
        get(&self.equipped, ssn)
    }

    /// Whether we are this subsystem, and it is in service.
    #[must_use]
    pub fn is_local(&self, ssn: Ssn) -> bool {
        get(&self.in_service, ssn)
    }

    /// Our point code, the first if there are several.
    #[must_use]
    pub fn own_point_code(&self) -> Option<PointCode> {
        self.own.first().copied()
    }

    /// Whether a point code is ours.
    #[must_use]
    pub fn is_own(&self, point_code: PointCode) -> bool {
        self.own.contains(&point_code)
    }

    /// The rule for a global title, and its place; of equally long prefixes, the one whose rule says more.
    pub fn rule(
        &self,
        title: &GlobalTitle,
        steps: &mut impl FnMut(Step<'_>),
    ) -> Result<(usize, &Rule), Cause> {
        let mut cause = Cause::NO_TRANSLATION_NATURE;
        let mut best: Option<&Row> = None;
        for table in &self.tables {
            let applies = table.matches(title);
            let longest = if applies { table.longest(title.digits) } else { None };
            if let Some(example) = table.rows.first().and_then(|row| self.rules.get(row.rule as usize)) {
                steps(Step::Selector { example, applies, longest: longest.map(|row| row.rule as usize) });
            }
            if applies {
                cause = Cause::NO_TRANSLATION_ADDRESS;
            }
            if let Some(row) = longest
                && best.is_none_or(|best| row.length > best.length)
            {
                best = Some(row);
            }
        }
        let at = best.ok_or(cause)?.rule as usize;
        let rule = self.rules.get(at).ok_or(cause)?;
        steps(Step::Decides(at, rule));
        Ok((at, rule))
    }

    /// What becomes of a message to this called address (Q.714 2.2), whatever the states are.
    #[must_use]
    pub fn route(&self, called: &SccpAddress) -> Route {
        self.resolve(called, 0, &AllAvailable, &mut |_| ())
    }

    /// What becomes of a message to this called address (Q.714 2.2). `selection` is MTP's signalling link selection;
    /// `steps` is told each step.
    pub fn resolve(
        &self,
        called: &SccpAddress,
        selection: u8,
        states: &impl States,
        steps: &mut impl FnMut(Step<'_>),
    ) -> Route {
        if called.route_on_ssn {
            let elsewhere = called.point_code.filter(|point_code| !self.is_own(*point_code));
            steps(Step::OnSsn(elsewhere));
            let Some(point_code) = elsewhere else { return self.local(called.ssn) };
            let to = Destination { point_code, ssn: None, route_on_ssn: true };
            let obstacle = states.obstacle(&to, called.ssn);
            steps(Step::Target(to, obstacle));
            return obstacle.map_or(Route::Remote(to, to.called(called)), Route::NoTranslation);
        }
        let Some(title) = &called.title else { return Route::NoTranslation(Cause::NO_TRANSLATION_NATURE) };
        let rule = match self.rule(title, steps) {
            Ok((_, rule)) => rule,
            Err(cause) => return Route::NoTranslation(cause),
        };
        let to = match self.choose(rule, called.ssn, selection, states, steps) {
            Ok(to) if self.is_own(to.point_code) => return self.local(to.ssn.or(called.ssn)),
            Ok(to) => to,
            Err(cause) => return Route::NoTranslation(cause),
        };
        let Some(rewrite) = &rule.rewrite else { return Route::Remote(to, to.called(called)) };
        match rewrite.apply(title) {
            Some(title) => {
                steps(Step::Rewritten(title));
                Route::Remote(to, to.called(&SccpAddress { title: Some(title), ..*called }))
            }
            None => {
                steps(Step::NotRewritten);
                Route::NoTranslation(Cause::NO_TRANSLATION_ADDRESS)
            }
        }
    }

    /// The destination of a rule that a message goes to: of those with nothing in the way, the first, or one by its
    /// selection. With all in trouble, the trouble is that of the first.
    fn choose(
        &self,
        rule: &Rule,
        ssn: Option<Ssn>,
        selection: u8,
        states: &impl States,
        steps: &mut impl FnMut(Step<'_>),
    ) -> Result<Destination, Cause> {
        let obstacle = |to: &Destination| match to.ssn.or(ssn) {
            ssn if !self.is_own(to.point_code) => states.obstacle(to, ssn),
            Some(ssn) if self.is_local(ssn) => None,
            Some(ssn) if self.is_equipped(ssn) => Some(Cause::SUBSYSTEM_FAILURE),
            _ => Some(Cause::UNEQUIPPED_USER),
        };
        let (mut usable, mut count, mut trouble) = ([None; translation::Targets::MAX], 0, None);
        for to in rule.targets.iter() {
            let in_the_way = obstacle(&to);
            steps(Step::Target(to, in_the_way));
            match (in_the_way, usable.get_mut(count)) {
                (None, Some(place)) => {
                    *place = Some(to);
                    count += 1;
                }
                (cause, _) => trouble = trouble.or(cause),
            }
        }
        let at = match rule.targets.sharing {
            Sharing::Primary => 0,
            Sharing::Loadshare => usize::from(selection) % count.max(1),
        };
        let chosen = usable.get(at).copied().flatten();
        let chosen = chosen.ok_or(trouble.unwrap_or(Cause::NO_TRANSLATION_ADDRESS))?;
        steps(Step::Chosen(chosen));
        Ok(chosen)
    }

    /// A subsystem of ours, if we are it, and it is in service.
    fn local(&self, ssn: Option<Ssn>) -> Route {
        match ssn {
            Some(ssn) if self.is_local(ssn) => Route::Local(ssn),
            Some(ssn) if self.is_equipped(ssn) => Route::NoTranslation(Cause::SUBSYSTEM_FAILURE),
            _ => Route::NoTranslation(Cause::UNEQUIPPED_USER),
        }
    }
}

/// Sets a subsystem's bit.
fn set(words: &mut [u64; 4], Ssn(ssn): Ssn, on: bool) {
    if let Some(word) = words.get_mut(usize::from(ssn >> 6)) {
        let bit = 1 << (ssn & 63);
        *word = if on { *word | bit } else { *word & !bit };
    }
}

/// A subsystem's bit.
fn get(words: &[u64; 4], Ssn(ssn): Ssn) -> bool {
    words.get(usize::from(ssn >> 6)).is_some_and(|word| word >> (ssn & 63) & 1 == 1)
}
