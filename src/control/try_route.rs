//! `ipsmgw try gt`: where a called global title is sent, step by step: by a configuration alone, for which every point is
//! available, or as the points stand that a running gateway sees.

use super::config::Config;
use super::layers;
use crate::codec::Prepend;
use crate::ident::{Digits, GlobalTitle, NatureOfAddress, NumberingPlan, PointCode, SccpAddress, Ssn};
use crate::proto::sccp::{self, PointState, Route, Routes, Rule, States, Step, SubsystemState};
use serde_json::{Value, json};
use std::fmt;

/// The called address that is tried.
#[derive(Clone, Copy, Debug)]
pub struct Title {
    /// The digits.
    pub digits: Digits,
    /// Translation type.
    pub translation_type: u8,
    /// Numbering plan, 0 to 15.
    pub numbering_plan: u8,
    /// Nature of address, 0 to 127.
    pub nature: u8,
    /// The subsystem that is called.
    pub ssn: u8,
}

/// Whether points can be reached: those that a running gateway has told of; all others can.
#[derive(Clone, Debug, Default)]
pub struct Seen(Vec<(PointCode, bool)>);

impl Seen {
    /// From what a gateway answers about its destinations: for each, a way by each association with its state.
    #[must_use]
    pub fn from_json(answer: &Value) -> Self {
        let ways = answer.get("destinations").and_then(Value::as_array).into_iter().flatten();
        let way = |way: &Value| {
            let (point, _) = way.get("name")?.as_str()?.split_once(" by ")?;
            let state = way.get("state")?.as_str()?;
            Some((point.parse().ok()?, !matches!(state, "down" | "unavailable" | "no-sccp")))
        };
        Self(ways.filter_map(way).collect())
    }
}

impl States for Seen {
    fn point(&self, point_code: PointCode) -> PointState {
        let mut ways = self.0.iter().filter(|(point, _)| *point == point_code).peekable();
        if ways.peek().is_none() || ways.any(|(_, leads)| *leads) {
            PointState::Available
        } else {
            PointState::Unavailable
        }
    }

    fn subsystem(&self, _: PointCode, _: Ssn) -> SubsystemState {
        SubsystemState::Allowed
    }
}

/// The digits of a title as it is written, with or without a "+".
#[must_use]
pub fn digits(text: &str) -> Option<Digits> {
    text.strip_prefix('+').unwrap_or(text).parse().ok()
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// Each step, by its name.
    steps: Vec<(&'static str, String)>,
    leads_somewhere: bool,
}

impl Tried {
    /// Whether a message to it would leave, or be delivered here.
    #[must_use]
    pub fn leads_somewhere(&self) -> bool {
        self.leads_somewhere
    }

    /// A list of steps, and whether they lead somewhere.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let steps: Vec<Value> =
            self.steps.iter().map(|(step, text)| json!({ "step": step, "text": text })).collect();
        json!({ "steps": steps, "leads_somewhere": self.leads_somewhere })
    }

    pub(super) fn say(&mut self, step: &'static str, text: String) {
        self.steps.push((step, text));
    }

    /// Says the last step, which leads somewhere.
    pub(super) fn lead(&mut self, step: &'static str, text: String) {
        self.leads_somewhere = true;
        self.say(step, text);
    }

    /// Each step.
    #[cfg(test)]
    pub(super) fn steps(&self) -> &[(&'static str, String)] {
        &self.steps
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|(step, text)| writeln!(f, "{step:<10} {text}"))
    }
}

/// Tries a title. `selection` is the signalling link selection of its dialogue, by which destinations share.
#[must_use]
pub fn gt(config: &Config, title: &Title, selection: u8, seen: &Seen) -> Tried {
    let mut tried = Tried::default();
    let own: Vec<Digits> = config.networks.iter().map(|network| network.gateway_title).collect();
    let rules = layers::rules(config.ss7.point_code, &own, &config.titles);
    let routes = match Routes::new(&[config.ss7.point_code], &layers::subsystems(config), &rules) {
        Ok(routes) => routes,
        Err(sccp::DuplicatePrefix(one, other)) => {
            let (one, other) = (name(one, &own), name(other, &own));
            tried.say("rules", format!("{one} and {other} are for the same titles"));
            return tried;
        }
    };
    let called = SccpAddress {
        title: Some(GlobalTitle {
            translation_type: title.translation_type,
            numbering_plan: NumberingPlan(title.numbering_plan),
            nature: NatureOfAddress(title.nature),
            ..GlobalTitle::e164(title.digits)
        }),
        ..SccpAddress::titled(title.digits, Ssn(title.ssn))
    };
    tried.say("address", described(&called));
    let route = routes.resolve(&called, selection, seen, &mut |step| explain(&mut tried, &step, &own));
    conclude(&mut tried, config, &own, route, selection);
    tried
}

/// What a rule is called in the configuration.
fn name(at: usize, own: &[Digits]) -> String {
    match at.checked_sub(own.len()) {
        None => format!("network[{at}].gateway_title"),
        Some(at) => format!("title[{at}]"),
    }
}

fn explain(tried: &mut Tried, step: &Step<'_>, own: &[Digits]) {
    match step {
        Step::OnSsn(_) => tried.say("routed on", "the subsystem number".to_owned()),
        Step::Selector { example, applies: false, .. } => {
            tried.say("rules", format!("{}: not for it", selector(example)));
        }
        Step::Selector { example, longest: None, .. } => {
            tried.say("rules", format!("{}: none begins so", selector(example)));
        }
        Step::Selector { example, longest: Some(at), .. } => {
            tried.say("rules", format!("{}: {} is the longest", selector(example), name(*at, own)));
        }
        Step::Decides(at, rule) => {
            let what = if rule.exact { "the title is" } else { "begins with" };
            let text = format!("{} decides: {what} \"{}\"", name(*at, own), rule.prefix);
            let sharing = match (rule.targets.iter().count(), rule.targets.sharing) {
                (1, _) => "",
                (_, sccp::Sharing::Primary) => ", backups behind the first",
                (_, sccp::Sharing::Loadshare) => ", shared by selection",
            };
            tried.say("rule", text + sharing);
        }
        Step::Target(to, obstacle) => {
            let ssn = to.ssn.map_or(String::new(), |ssn| format!(", subsystem {}", ssn.0));
            let on = if to.route_on_ssn { "the subsystem number" } else { "the title" };
            let obstacle = obstacle.map_or("can be reached".to_owned(), |cause| format!("cause {}", cause.0));
            tried.say("target", format!("{}{ssn}, routes on {on}: {obstacle}", to.point_code));
        }
        Step::Chosen(to) => tried.say("chosen", to.point_code.to_string()),
        Step::Rewritten(title) => tried.say("rewritten", title.digits.to_string()),
        Step::NotRewritten => tried.say("rewritten", "not: too few digits, or too many".to_owned()),
    }
}

/// Which titles the rules of a selector are for.
fn selector(rule: &Rule) -> String {
    let part = |name: &str, value: Option<u8>| value.map(|value| format!("{name} {value}"));
    let parts = [
        part("translation type", rule.translation_type),
        part("numbering plan", rule.numbering_plan.map(|plan| plan.0)),
        part("nature", rule.nature.map(|nature| nature.0)),
        rule.exact.then(|| "exact".to_owned()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "for all titles".to_owned() } else { format!("for {}", parts.join(", ")) }
}

fn conclude(tried: &mut Tried, config: &Config, own: &[Digits], route: Route, selection: u8) {
    match route {
        Route::Local(ssn) => {
            tried.lead("result", format!("ours: subsystem {}", ssn.0));
        }
        Route::NoTranslation(cause) => {
            tried.say("result", format!("nowhere: return cause {}, {}", cause.0, cause.name()));
        }
        Route::Remote(to, called) => {
            tried.leads_somewhere = true;
            tried.say("sent to", described(&called));
            let leads = config.destinations.iter().find(|entry| entry.point_code == to.point_code);
            let associations = leads.map(|entry| entry.associations.join(", ")).unwrap_or_default();
            let form = leads.map(|entry| entry.sccp).unwrap_or_default();
            tried.say("result", format!("{} by {associations}, selection {selection}", to.point_code));
            let limit = usize::from(config.ss7.sif_budget).saturating_sub(4);
            let from = SccpAddress::titled(own.first().copied().unwrap_or_default(), Ssn::MSC);
            if let Some((_, room)) = written(&called, &from, limit) {
                tried.say("room", format!("{room} octets of TCAP in a UDT; beyond that {form:?}"));
            }
        }
    }
}

/// An address in words, and its octets.
fn described(address: &SccpAddress) -> String {
    let octets =
        written(address, &SccpAddress::on_ssn(None, None), 4096).map_or(vec![], |(octets, _)| octets);
    let octets: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    let ssn = address.ssn.map_or("none".to_owned(), |ssn| ssn.0.to_string());
    let title = address.title.map_or("no title".to_owned(), |title| {
        let (plan, nature) = (title.numbering_plan.0, title.nature.0);
        let parts = format!("tt {} np {plan} nai {nature}", title.translation_type);
        format!("\"{}\" {parts}", title.digits)
    });
    format!("{title} ssn {ssn}: {}", octets.join(" "))
}

/// The octets of a called address, and how many octets of data fit a UDT of at most `limit` octets with it.
fn written(called: &SccpAddress, calling: &SccpAddress, limit: usize) -> Option<(Vec<u8>, usize)> {
    let mut room = [0; 128];
    let mut w = Prepend::new(&mut room);
    w.u8(0);
    let header = sccp::build::UnitdataHeader { class: 1, return_on_error: true, called, calling };
    sccp::build::udt(&mut w, 0, &header, limit).ok()?;
    let message = w.finish()?;
    match sccp::parse(message) {
        Ok(sccp::Input::Unitdata(unitdata)) => {
            Some((unitdata.called_octets.to_vec(), limit.saturating_sub(message.len() - 1).min(255)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const EXAMPLE: &str = include_str!("../../docs/operating/examples/gateway.toml");

    fn tried(titles: &str, digits: &str, selection: u8) -> Tried {
        tried_as(titles, digits, selection, &Seen::default())
    }

    fn tried_as(titles: &str, digits: &str, selection: u8, seen: &Seen) -> Tried {
        let (before, _) = EXAMPLE.split_once("[[title]]").unwrap();
        let config = Config::parse(Path::new("gw.toml"), &format!("{before}{titles}")).unwrap();
        let digits = super::digits(digits).unwrap();
        let title = Title { digits, translation_type: 0, numbering_plan: 1, nature: 4, ssn: 8 };
        gt(&config, &title, selection, seen)
    }

    const TITLES: &str = r#"
        [[title]]
        prefix = "467"
        point_code = "2.100.4"
        [[title]]
        prefix = "46701"
        numbering_plan = 1
        targets = [{ point_code = "2.100.4", ssn = 6 }, { point_code = "2.100.4" }]
        sharing = "loadshare"
        route_on = "ssn"
        rewrite = { strip = 2, add = "0049" }
        [[title]]
        prefix = "467"
        numbering_plan = 7
        point_code = "2.100.4"
    "#;

    fn step<'t>(tried: &'t Tried, name: &str) -> Vec<&'t str> {
        tried.steps.iter().filter(|(step, _)| *step == name).map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn every_step_of_a_translation_is_told() {
        let tried = tried(TITLES, "+46701234", 0);
        assert!(tried.leads_somewhere());
        let address = "\"46701234\" tt 0 np 1 nai 4 ssn 8: 12 08 00 12 04 64 07 21 43";
        assert_eq!(step(&tried, "address"), [address]);
        let rules = step(&tried, "rules");
        assert!(rules.contains(&"for numbering plan 1: title[1] is the longest"), "{rules:?}");
        assert!(rules.contains(&"for numbering plan 7: not for it"), "{rules:?}");
        assert!(rules.contains(&"for all titles: title[0] is the longest"), "{rules:?}");
        let decides = "title[1] decides: begins with \"46701\", shared by selection";
        assert_eq!(step(&tried, "rule"), [decides]);
        assert_eq!(step(&tried, "target").len(), 2);
        assert_eq!(step(&tried, "chosen"), ["2.100.4"]);
        assert_eq!(step(&tried, "rewritten"), ["0049701234"]);
        let sent = "\"0049701234\" tt 0 np 1 nai 4 ssn 6: 52 06 00 12 04 00 94 07 21 43";
        assert_eq!(step(&tried, "sent to"), [sent]);
        let room = step(&tried, "room");
        assert!(room[0].starts_with("240 octets"), "{room:?}: titles of ten digits");
        assert!(step(&tried, "result")[0].contains("sg1, sg2"));
    }

    #[test]
    fn what_leads_nowhere_has_its_cause() {
        let nowhere = tried(TITLES, "33612", 0);
        assert!(!nowhere.leads_somewhere());
        let cause = "nowhere: return cause 1, no translation for this specific address";
        assert_eq!(step(&nowhere, "result"), [cause]);
        assert_eq!(nowhere.to_json()["leads_somewhere"], false);
    }

    /// A running gateway says which points it reaches: one way is enough, and what it does not mention counts as reached.
    #[test]
    fn points_are_as_a_gateway_sees_them() {
        let way = |by: &str, state: &str| json!({ "name": format!("2.100.4 by {by}"), "state": state });
        let seen = |ways: &[Value]| Seen::from_json(&json!({ "destinations": ways }));
        let out = seen(&[way("sg1", "down"), way("sg2", "unavailable")]);
        let nowhere = tried_as(TITLES, "46799", 0, &out);
        assert!(!nowhere.leads_somewhere());
        assert!(step(&nowhere, "target")[0].ends_with("cause 5"), "{:?}", step(&nowhere, "target"));
        for some in [seen(&[way("sg1", "down"), way("sg2", "restricted")]), seen(&[])] {
            assert!(tried_as(TITLES, "46799", 0, &some).leads_somewhere());
        }
    }

    #[test]
    fn our_own_titles_are_ours() {
        let (_, title) = EXAMPLE.split_once("gateway_title = \"").unwrap();
        let (title, _) = title.split_once('"').unwrap();
        let ours = tried(TITLES, title, 0);
        assert_eq!(step(&ours, "result"), ["ours: subsystem 8"]);
        assert!(step(&ours, "rule")[0].starts_with("network[0].gateway_title decides"));
        let text = ours.to_string();
        assert!(text.lines().count() == ours.steps.len() && text.starts_with("address    \""));
        assert_eq!(ours.to_json()["steps"][0]["step"], "address");
    }
}
