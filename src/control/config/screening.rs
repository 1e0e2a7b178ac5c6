//! `[screening]`: what is refused of what the SS7 network brings.

use crate::ident::{Digits, PointCode};
use crate::stack::{Action, Rule};
use serde::Deserialize;
use std::collections::BTreeMap;

/// `[screening]`. Without the section nothing is screened.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Screening {
    /// Whether rules are only tried: what breaks them is counted and told, and let through. Default false.
    pub dry_run: bool,
    /// Point codes of our own network: of nodes, and of STPs that let nothing in from outside under our own titles. Default
    /// none: whoever has a title of ours is inside.
    pub own_points: Vec<PointCode>,
    /// Subsystem numbers that calling addresses may have. Default 6, 7, 8, 146, 147, 149.
    pub calling_subsystems: Vec<u8>,
    /// Translation types that called titles may have. Default 0.
    pub translation_types: Vec<u8>,
    /// The least and the most digits of a calling title: 1 to 15. Default 7 and 15.
    pub title_digits: [u8; 2],
    /// The most components of a message: 1 to 32. Default 8.
    pub components: u8,
    /// How many leading digits service centre and calling title share where the network of neither is known: 1 to 15.
    /// Default 5, the country and most of the network.
    pub service_centre_digits: u8,
    /// Dialogues a second that one title may open, by each worker's associations; 0, the default: any number.
    pub title_rate: u32,
    /// How many of them at once. Default: as many as in a second.
    pub title_burst: Option<u32>,
    /// Messages of ours that one point may return in a second; 0, the default: any number.
    pub returned_rate: u32,
    /// How many of them at once. Default: as many as in a second.
    pub returned_burst: Option<u32>,
    /// Titles and points whose rates are kept at a time: 64 to 1,048,576; 16 octets each, per worker. Default 4,096.
    pub rates: u32,
    /// Refusals that are logged in a second, of each rule and worker: 0 to 100. Default 1.
    pub logged_per_second: u32,
    /// What is done about what breaks each rule, by its name. Default: as [`default_action`] says.
    pub rules: BTreeMap<String, Action>,
    /// `[[screening.operator]]`: networks whose titles and subscribers are known.
    pub operator: Vec<ScreeningOperator>,
    /// `[[screening.peer]]`: whose messages may come by an association.
    pub peer: Vec<ScreeningPeer>,
}

impl Default for Screening {
    fn default() -> Self {
        Self {
            dry_run: false,
            own_points: vec![],
            calling_subsystems: vec![6, 7, 8, 146, 147, 149],
            translation_types: vec![0],
            title_digits: [7, 15],
            components: 8,
            service_centre_digits: 5,
            title_rate: 0,
            title_burst: None,
            returned_rate: 0,
            returned_burst: None,
            rates: 4096,
            logged_per_second: 1,
            rules: BTreeMap::new(),
            operator: vec![],
            peer: vec![],
        }
    }
}

impl Screening {
    /// Puts in the defaults that follow from other keys, and those of the rules.
    pub(super) fn fill(&mut self) {
        self.title_burst.get_or_insert(self.title_rate);
        self.returned_burst.get_or_insert(self.returned_rate);
        for rule in Rule::ALL {
            self.rules.entry(rule.name().to_owned()).or_insert(default_action(*rule));
        }
    }

    /// What is done about what breaks a rule.
    #[must_use]
    pub fn action(&self, rule: Rule) -> Action {
        match self.rules.get(rule.name()).copied().unwrap_or_default() {
            Action::Off => Action::Off,
            _ if self.dry_run => Action::DryRun,
            action => action,
        }
    }
}

/// What is done about what breaks a rule, unless the configuration says something else.
#[must_use]
pub const fn default_action(rule: Rule) -> Action {
    match rule {
        // Other networks have habits, and TCAP rejects what does not belong to a context anyway.
        Rule::CallingPointCode | Rule::TranslationType | Rule::OtherContext | Rule::OtherSubsystem => {
            Action::DryRun
        }
        Rule::Components => Action::Abort,
        Rule::Category2 | Rule::Category3 => Action::UnexpectedDataValue,
        Rule::ServiceCentre => Action::SystemFailure,
        Rule::PointCode
        | Rule::CallingSsn
        | Rule::CallingTitle
        | Rule::SpoofedTitle
        | Rule::TitleRate
        | Rule::ReturnedRate
        | Rule::Category1
        | Rule::Unlisted => Action::Drop,
    }
}

/// `[[screening.operator]]`: a network.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreeningOperator {
    /// Its name. That of a `[[network]]`: it is ours, and has that network's `gateway_title`, the titles of its HLRs and its
    /// `imsi_prefixes` beside what is given here.
    pub name: String,
    /// Beginnings of its nodes' titles: country and network.
    pub titles: Vec<Digits>,
    /// Beginnings of its subscribers' IMSIs: MCC and MNC. Default none.
    #[serde(default)]
    pub imsi_prefixes: Vec<Digits>,
}

/// `[[screening.peer]]`: whose messages may come by an association. By one that is not listed: those of the destinations that
/// it leads to, if the peer is an IPSP; else anybody's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreeningPeer {
    /// The association.
    pub association: Option<String>,
    /// Instead: all associations to this signalling gateway.
    pub signalling_gateway: Option<String>,
    /// Originating point codes.
    pub point_codes: Vec<PointCode>,
}
