//! What global title translation leads to (Q.714 2.4): one of several points, as states allow, and the address that is
//! sent there.

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
    /// The next node, which translates again.
    #[must_use]
    pub const fn titled(point_code: PointCode) -> Self {
        Self { point_code, ssn: None, route_on_ssn: false }
    }

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

/// How several destinations share what is for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sharing {
    /// The first that can be reached has all; the others are backups.
    #[default]
    Primary,
    /// All that can be reached share, by signalling link selection: a dialogue keeps its one.
    Loadshare,
}

/// The destinations of a rule, in order of preference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Targets {
    first: Destination,
    others: [Option<Destination>; Targets::MAX - 1],
    /// How they share.
    pub sharing: Sharing,
}

impl Targets {
    /// How many a rule has at most.
    pub const MAX: usize = 4;

    /// One to [`Targets::MAX`] destinations; `None` for other numbers.
    #[must_use]
    pub fn new(destinations: &[Destination], sharing: Sharing) -> Option<Self> {
        let (first, rest) = destinations.split_first()?;
        let mut others = [None; Self::MAX - 1];
        others.get_mut(..rest.len())?.iter_mut().zip(rest).for_each(|(place, to)| *place = Some(*to));
        Some(Self { first: *first, others, sharing })
    }

    /// The first of them.
    #[must_use]
    pub const fn first(&self) -> Destination {
        self.first
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Destination> + '_ {
        core::iter::once(self.first).chain(self.others.iter().flatten().copied())
    }
}

impl From<Destination> for Targets {
    fn from(first: Destination) -> Self {
        Self { first, others: [None; Self::MAX - 1], sharing: Sharing::Primary }
    }
}

/// What becomes of a title on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rewrite {
    /// How many digits go at its beginning.
    pub strip: u8,
    /// Digits that come in their place.
    pub add: Digits,
    /// Another translation type.
    pub translation_type: Option<u8>,
    /// Another numbering plan.
    pub numbering_plan: Option<NumberingPlan>,
    /// Another nature of address.
    pub nature: Option<NatureOfAddress>,
}

impl Rewrite {
    /// The title rewritten; `None` if it has too few digits, or would have too many.
    #[must_use]
    pub fn apply(&self, title: &GlobalTitle) -> Option<GlobalTitle> {
        let strip = usize::from(self.strip);
        if title.digits.len() < strip {
            return None;
        }
        let mut kept = title.digits.iter().skip(strip);
        let digits = kept.try_fold(self.add, |digits, digit| digits.with(digit))?;
        Some(GlobalTitle {
            translation_type: self.translation_type.unwrap_or(title.translation_type),
            numbering_plan: self.numbering_plan.unwrap_or(title.numbering_plan),
            nature: self.nature.unwrap_or(title.nature),
            digits,
            ..*title
        })
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
    /// Only the title that is `prefix` and no more.
    pub exact: bool,
    /// Where they lead.
    pub targets: Targets,
    /// What becomes of them.
    pub rewrite: Option<Rewrite>,
}

impl Rule {
    /// All titles that begin with `prefix` lead to `destination`.
    #[must_use]
    pub fn new(prefix: Digits, destination: Destination) -> Self {
        Self {
            translation_type: None,
            numbering_plan: None,
            nature: None,
            prefix,
            exact: false,
            targets: destination.into(),
            rewrite: None,
        }
    }
}

/// Whether messages get to a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PointState {
    /// They do.
    Available,
    /// It is too congested for more.
    Congested,
    /// They don't.
    Unavailable,
}

/// Whether a subsystem of another point takes messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubsystemState {
    /// It does, as far as is known.
    Allowed,
    /// Its SCCP is too congested for more.
    Congested,
    /// It doesn't.
    Prohibited,
}

/// What is known of other points.
pub trait States {
    /// Whether messages get to a point.
    fn point(&self, point_code: PointCode) -> PointState;
    /// Whether a subsystem there takes them.
    fn subsystem(&self, point_code: PointCode, ssn: Ssn) -> SubsystemState;

    /// Why a message to this subsystem of a point would not be delivered (Q.714 2.2.2). The subsystem number is only
    /// looked at by the last node.
    fn obstacle(&self, to: &Destination, ssn: Option<Ssn>) -> Option<Cause> {
        match self.point(to.point_code) {
            PointState::Available => {}
            PointState::Congested => return Some(Cause::NETWORK_CONGESTION),
            PointState::Unavailable => return Some(Cause::MTP_FAILURE),
        }
        match self.subsystem(to.point_code, ssn.filter(|_| to.route_on_ssn)?) {
            SubsystemState::Allowed => None,
            SubsystemState::Congested => Some(Cause::SUBSYSTEM_CONGESTION),
            SubsystemState::Prohibited => Some(Cause::SUBSYSTEM_FAILURE),
        }
    }
}

/// Everything can be reached: where states don't matter, or are not known.
#[derive(Clone, Copy, Debug)]
pub struct AllAvailable;

impl States for AllAvailable {
    fn point(&self, _: PointCode) -> PointState {
        PointState::Available
    }

    fn subsystem(&self, _: PointCode, _: Ssn) -> SubsystemState {
        SubsystemState::Allowed
    }
}

/// A step of the way from a called address to what becomes of it, for whoever wants to know why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step<'a> {
    /// It is routed on its subsystem number: at this point code, or here.
    OnSsn(Option<PointCode>),
    /// The rules of a selector are for such titles, or not: the longest that fits, by its place.
    Selector {
        /// One of its rules.
        example: &'a Rule,
        /// Whether it is for such titles.
        applies: bool,
        /// The longest prefix, if one fits.
        longest: Option<usize>,
    },
    /// This rule, by its place, decides.
    Decides(usize, &'a Rule),
    /// One of its destinations, and what is in the way there.
    Target(Destination, Option<Cause>),
    /// The destination of those.
    Chosen(Destination),
    /// The title has been rewritten.
    Rewritten(GlobalTitle),
    /// It can't be rewritten: too few digits, or too many.
    NotRewritten,
}

/// What becomes of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// Ours: this subsystem.
    Local(Ssn),
    /// Another node's, and the called address to send there.
    Remote(Destination, SccpAddress),
    /// Nobody's, or it can't be reached.
    NoTranslation(Cause),
}
