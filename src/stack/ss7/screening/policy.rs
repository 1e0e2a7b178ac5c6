//! What is refused, of whom, and what is said to it: as it is configured, and as it is looked up.

use super::operations::{self, Class};
use super::prefixes::Prefixes;
use super::rates::Rate;
use crate::ident::{Digits, GlobalTitle, NatureOfAddress, NumberingPlan, PointCode, SccpAddress, Ssn};
use crate::proto::map::{self, operation};

macro_rules! rules {
    ($($(#[doc = $help:literal])* $name:ident = $text:literal,)*) => {
        /// A rule of screening.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Rule { $($(#[doc = $help])* $name,)* }

        impl Rule {
            /// All rules, in the order in which they are looked at.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// What it is called in the configuration, in metrics and in the log.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

rules! {
    /// DATA whose originating point code is none of the association's.
    PointCode = "point_code",
    /// A calling address without a subsystem number, or with one that does not speak MAP to us.
    CallingSsn = "calling_ssn",
    /// A calling address without a title, or with one that is no international E.164 number.
    CallingTitle = "calling_title",
    /// A calling address with a point code, of another network.
    CallingPointCode = "calling_point_code",
    /// A called address with a translation type that nobody should use.
    TranslationType = "translation_type",
    /// A calling title of our own network that comes from a point outside of it.
    SpoofedTitle = "spoofed_title",
    /// More dialogues from a title than it may open.
    TitleRate = "title_rate",
    /// More of our own messages returned from a point than it may return.
    ReturnedRate = "returned_rate",
    /// More components in a message than anybody needs.
    Components = "components",
    /// An operation of category 1 from outside.
    Category1 = "category_1",
    /// An operation of category 2 about a subscriber of another network than the caller's.
    Category2 = "category_2",
    /// An operation of category 3 from a network that we know nothing of.
    Category3 = "category_3",
    /// An operation of no category, from outside.
    Unlisted = "unlisted_operation",
    /// A short message whose service centre is not of the caller's network.
    ServiceCentre = "service_centre",
    /// An operation that its application context does not have.
    OtherContext = "operation_of_another_context",
    /// An application context that does not belong to the subsystem that is called.
    OtherSubsystem = "context_of_another_subsystem",
}

impl Rule {
    /// Whether it looks at a message before there is a dialogue, or may be one: such a message can only be dropped.
    #[must_use]
    pub const fn is_of_messages(self) -> bool {
        (self as u8) < Self::Components as u8
    }

    pub(super) const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// Rules that look at operations.
pub(super) const OF_OPERATIONS: u32 = !0 << Rule::Components as u8;

/// What is done about what breaks a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Action {
    /// The rule is not looked at.
    #[default]
    Off,
    /// It is counted and told, and let through.
    DryRun,
    /// Nothing: the message is discarded. A dialogue that is there already is forgotten.
    Drop,
    /// The dialogue is aborted by its user (ABRT).
    Abort,
    /// The user error systemFailure; nothing where the operation has no errors.
    SystemFailure,
    /// The user error unexpectedDataValue; nothing where the operation has no errors.
    UnexpectedDataValue,
}

impl Action {
    /// The names of all, in their order.
    pub const NAMES: &[&str] =
        &["off", "dry-run", "drop", "abort", "system-failure", "unexpected-data-value"];

    /// What it is called in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.get(self as usize).copied().unwrap_or("off")
    }
}

/// A network whose titles and subscribers are known.
#[derive(Clone, Debug, Default)]
pub struct Operator {
    /// Whether we are part of it.
    pub is_own: bool,
    /// Beginnings of the titles of its nodes.
    pub titles: Vec<Digits>,
    /// Beginnings of its subscribers' IMSIs: MCC and MNC.
    pub imsi_prefixes: Vec<Digits>,
}

/// What screening is configured to do. By default all rules are off.
#[derive(Clone, Debug)]
pub struct ScreeningConfig {
    /// What is done about what breaks each rule, in the order of [`Rule::ALL`].
    pub actions: [Action; Rule::COUNT],
    /// The networks that are known.
    pub operators: Vec<Operator>,
    /// For each association, by its place, the point codes whose messages may come by it; `None`: any.
    pub originating: Vec<Option<Vec<PointCode>>>,
    /// Point codes of our own network; none: a title of our own tells that a message is from inside.
    pub own_points: Vec<PointCode>,
    /// Subsystem numbers that calling addresses may have.
    pub subsystems: Vec<Ssn>,
    /// Translation types that called titles may have.
    pub translation_types: Vec<u8>,
    /// The least and the most digits that a calling title may have.
    pub title_digits: (u8, u8),
    /// The most components of a message.
    pub components: u8,
    /// How many leading digits service centre and calling title must share where the network of neither is known.
    pub service_centre_digits: u8,
    /// Dialogues that a title may open in a second, and at once; 0 in a second: any number.
    pub title_rate: (u32, u32),
    /// Messages of ours that a point may return in a second, and at once; 0 in a second: any number.
    pub returned_rate: (u32, u32),
    /// Titles and points whose rates are kept at a time; 16 octets each.
    pub rates: u32,
    /// Refusals of each rule that are told in a second.
    pub told_per_second: u32,
}

impl Default for ScreeningConfig {
    fn default() -> Self {
        Self {
            actions: [Action::Off; Rule::COUNT],
            operators: Vec::new(),
            originating: Vec::new(),
            own_points: Vec::new(),
            subsystems: [6, 7, 8, 146, 147, 149].map(Ssn).to_vec(),
            translation_types: vec![0],
            title_digits: (7, 15),
            components: 8,
            service_centre_digits: 5,
            title_rate: (0, 0),
            returned_rate: (0, 0),
            rates: 4096,
            told_per_second: 1,
        }
    }
}

/// From whom a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Source {
    pub(super) association: u16,
    pub(super) point_code: PointCode,
    pub(super) title: Option<Digits>,
    /// The network of the title, by its number from 1; 0: none that is known.
    pub(super) operator: u32,
    is_own: bool,
    /// From our own network.
    is_inside: bool,
}

impl Source {
    /// A message of which nothing is known but the point that it comes from.
    pub(super) fn of_point(association: u16, point_code: PointCode) -> Self {
        Self { association, point_code, title: None, operator: 0, is_own: false, is_inside: false }
    }
}

/// Numbers are bits: 256 of them.
#[derive(Clone, Copy, Debug, Default)]
struct Set([u64; 4]);

impl Set {
    fn of(numbers: impl Iterator<Item = u8>) -> Self {
        let mut set = Self::default();
        for number in numbers {
            if let Some(word) = set.0.get_mut(usize::from(number >> 6)) {
                *word |= 1 << (number & 63);
            }
        }
        set
    }

    fn has(&self, number: u8) -> bool {
        self.0.get(usize::from(number >> 6)).is_some_and(|word| word >> (number & 63) & 1 == 1)
    }
}

/// A [`ScreeningConfig`] to be asked.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    actions: [Action; Rule::COUNT],
    /// A bit for each rule that is looked at.
    pub(super) on: u32,
    titles: Prefixes,
    imsis: Prefixes,
    /// Whether each network is ours, by its number.
    own: Vec<bool>,
    originating: Vec<Option<Box<[PointCode]>>>,
    own_points: Box<[PointCode]>,
    subsystems: Set,
    translation_types: Set,
    title_digits: (u8, u8),
    pub(super) components: usize,
    service_centre_digits: u32,
    pub(super) title_rate: Option<Rate>,
    pub(super) returned_rate: Option<Rate>,
}

impl Policy {
    /// Refuses a prefix that two networks claim.
    pub(super) fn new(config: &ScreeningConfig) -> Result<Self, String> {
        let (mut titles, mut imsis) = (Prefixes::new(), Prefixes::new());
        for (operator, number) in config.operators.iter().zip(1..) {
            for (table, prefixes, of) in
                [(&mut titles, &operator.titles, "titles"), (&mut imsis, &operator.imsi_prefixes, "IMSIs")]
            {
                for prefix in prefixes {
                    let twice = |_| format!("two networks have the {of} that begin with {prefix}");
                    table.insert(*prefix, number).map_err(twice)?;
                }
            }
        }
        let sorted = |points: &Vec<PointCode>| {
            let mut points = points.clone();
            points.sort_unstable();
            points.into_boxed_slice()
        };
        let on = Rule::ALL.iter().zip(config.actions).filter(|(_, action)| *action != Action::Off);
        let mut on = on.fold(0, |on, (rule, _)| on | rule.bit());
        let rate = |(per_second, burst)| Rate::new(per_second, burst);
        let (title_rate, returned_rate) = (rate(config.title_rate), rate(config.returned_rate));
        for (rule, rate) in [(Rule::TitleRate, title_rate), (Rule::ReturnedRate, returned_rate)] {
            on &= if rate.is_some() { !0 } else { !rule.bit() };
        }
        Ok(Self {
            actions: config.actions,
            on,
            titles,
            imsis,
            own: core::iter::once(false).chain(config.operators.iter().map(|it| it.is_own)).collect(),
            originating: config.originating.iter().map(|points| points.as_ref().map(sorted)).collect(),
            own_points: sorted(&config.own_points),
            subsystems: Set::of(config.subsystems.iter().map(|ssn| ssn.0)),
            translation_types: Set::of(config.translation_types.iter().copied()),
            title_digits: config.title_digits,
            components: config.components.into(),
            service_centre_digits: config.service_centre_digits.into(),
            title_rate,
            returned_rate,
        })
    }

    pub(super) fn action(&self, rule: Rule) -> Action {
        let action = self.actions.get(rule as usize).copied().unwrap_or_default();
        if self.on & rule.bit() == 0 { Action::Off } else { action }
    }

    /// Whether messages of a point may come by an association.
    pub(super) fn is_expected(&self, association: u16, point_code: PointCode) -> bool {
        match self.originating.get(usize::from(association)) {
            Some(Some(points)) => points.binary_search(&point_code).is_ok(),
            _ => true,
        }
    }

    fn is_own(&self, operator: u32) -> bool {
        self.own.get(operator as usize).copied().unwrap_or(false)
    }

    /// From whom a message is.
    #[inline]
    pub(super) fn source(&self, association: u16, point_code: PointCode, title: Option<Digits>) -> Source {
        let operator = title.map_or(0, |title| self.titles.find(title));
        let is_own = self.is_own(operator);
        let is_own_point =
            || self.own_points.is_empty() || self.own_points.binary_search(&point_code).is_ok();
        Source { association, point_code, title, operator, is_own, is_inside: is_own && is_own_point() }
    }

    /// Which rules the addresses of a message break: a bit for each.
    #[inline]
    pub(super) fn addresses(&self, source: &Source, called: &SccpAddress, calling: &SccpAddress) -> u32 {
        let broken = |is_broken: bool, rule: Rule| if is_broken { rule.bit() } else { 0 };
        let foreign_type =
            |title: GlobalTitle| !called.route_on_ssn && !self.translation_types.has(title.translation_type);
        broken(!calling.ssn.is_some_and(|ssn| self.subsystems.has(ssn.0)), Rule::CallingSsn)
            | broken(!source.is_inside && !self.is_plausible(calling), Rule::CallingTitle)
            | broken(!source.is_inside && calling.point_code.is_some(), Rule::CallingPointCode)
            | broken(called.title.is_some_and(foreign_type), Rule::TranslationType)
            | broken(source.is_own && !source.is_inside, Rule::SpoofedTitle)
    }

    /// Whether an address is one that another network's node may have (TS 29.002 6.1.3.1): an international E.164 number.
    fn is_plausible(&self, calling: &SccpAddress) -> bool {
        let Some(title) = calling.title else { return false };
        let (least, most) = self.title_digits;
        let is_long_enough = (usize::from(least)..=usize::from(most)).contains(&title.digits.len());
        // No country code begins with 0 (E.164).
        let begins = title.digits.get(0).is_some_and(|digit| digit != 0);
        let is_international =
            (title.numbering_plan, title.nature) == (NumberingPlan::E164, NatureOfAddress::INTERNATIONAL);
        is_long_enough && begins && is_international && title.digits.is_decimal()
    }

    /// Which rules an operation breaks that somebody asks for.
    #[inline]
    pub(super) fn operation(&self, source: &Source, opcode: u8, argument: &[u8]) -> u32 {
        let class = match operations::class(opcode) {
            Class::Either if map::goes_to_service_centre(argument) => Class::Visited,
            class => class,
        };
        let is_outside = !source.is_inside;
        let (is_broken, rule) = match class {
            Class::Own => (is_outside, Rule::Category1),
            Class::Home => (!self.is_home(source, opcode, argument), Rule::Category2),
            Class::Visited => (is_outside && (source.operator == 0 || source.is_own), Rule::Category3),
            Class::Message | Class::Either => {
                let centre = map::service_centre(argument);
                (centre.is_some_and(|centre| !self.is_together(source, centre)), Rule::ServiceCentre)
            }
            Class::Any => return 0,
            Class::Unlisted => (is_outside, Rule::Unlisted),
        };
        if is_broken { rule.bit() } else { 0 }
    }

    /// Whether a subscriber, or for reset the HLR that speaks, is of the caller's network; or both are of ours.
    fn is_home(&self, source: &Source, opcode: u8, argument: &[u8]) -> bool {
        let operator = if opcode == operation::RESET {
            map::resetting_node(argument).map_or(0, |number| self.titles.find(number))
        } else {
            map::subscriber(argument).map_or(0, |imsi| self.imsis.find(imsi.digits()))
        };
        let is_own = source.is_own && self.is_own(operator);
        operator != 0 && (operator == source.operator || is_own) && (!source.is_own || source.is_inside)
    }

    /// Whether a service centre may speak under the caller's title: both are of one network, or of none that is known and
    /// begin alike.
    fn is_together(&self, source: &Source, centre: Digits) -> bool {
        let operator = self.titles.find(centre);
        match source.title {
            Some(title) if operator == 0 && source.operator == 0 => {
                common(title, centre) >= self.service_centre_digits
            }
            _ => operator != 0 && operator == source.operator || source.is_inside && self.is_own(operator),
        }
    }
}

/// How many leading digits two numbers share.
fn common(one: Digits, other: Digits) -> u32 {
    let least = one.len().min(other.len()) as u32;
    ((one.to_u128() ^ other.to_u128()).trailing_zeros() / 4).min(least)
}
