//! All nodes of a scenario, to look at: what they did together, and whether that is as it should be.

use crate::hlr::HlrNode;
use crate::ledger::{Comparison, Ledger, compare};
use crate::node::Node;
use crate::report;
use crate::serving::ServingNode;
use crate::smsc::SmscNode;
use crate::traffic::{Flow, Traffic};
use ipsmgw::base::Counts;
use ipsmgw::stack::Application;
use serde_json::{Map, Value, json};

fn counts(of: &dyn Counts) -> Value {
    let mut numbers = Map::new();
    of.each(&mut |name, _, count| drop(numbers.insert(name.to_owned(), count.into())));
    Value::Object(numbers)
}

fn numbers(node: &impl Application) -> Value {
    let mut fills = Map::new();
    node.fill(&mut |name, used, _| drop(fills.insert(name.to_owned(), used.into())));
    json!({ "counts": counts(node.counts()), "fill": fills })
}

/// The nodes of a scenario, as far as this process plays them.
#[derive(Clone)]
pub struct Nodes<'a> {
    /// UEs with their S-CSCFs.
    pub ues: Option<&'a Node>,
    /// Service centres.
    pub smsc: Option<&'a SmscNode>,
    /// The HLR.
    pub hlr: Option<&'a HlrNode>,
    /// MSCs and SGSNs.
    pub serving: Vec<&'a ServingNode>,
    /// Whether these are all: then no message can have gone elsewhere.
    pub are_all: bool,
}

impl<'a> Nodes<'a> {
    /// All flows in order, without those of which nothing is asked or known.
    pub fn flows(&self) -> impl Iterator<Item = &'a Flow> + use<'a> {
        let ues = self.ues.map(|node| &node.traffic);
        let [mt, direct_mt] = [0, 1].map(|at| self.smsc.map(|node| &node.mt[at]));
        let of_ues = |flow: fn(&Traffic) -> &Flow| ues.map(flow);
        let own = [
            of_ues(|ues| &ues.registration),
            of_ues(|ues| &ues.mo),
            mt,
            of_ues(|ues| &ues.deregistration),
            of_ues(|ues| &ues.direct_registration),
            of_ues(|ues| &ues.direct_mo),
            direct_mt,
            of_ues(|ues| &ues.direct_deregistration),
            of_ues(|ues| &ues.ues),
        ];
        let serving: Vec<&Flow> = self.serving.iter().map(|node| &node.mo).collect();
        let all = own.into_iter().flatten().chain(serving);
        all.filter(|flow| flow.asked > 0 || flow.surprises > 0)
    }

    /// Counters and fills of every node, as JSON.
    #[must_use]
    pub fn numbers(&self) -> Value {
        let mut all = Map::new();
        let own = [
            ("ues", self.ues.map(numbers)),
            ("smsc", self.smsc.map(numbers)),
            ("hlr", self.hlr.map(numbers)),
        ];
        let serving = self.serving.iter().map(|node| (node.name.as_str(), Some(numbers(*node))));
        for (name, value) in own.into_iter().chain(serving) {
            value.map(|value| all.insert(name.to_owned(), value));
        }
        if let (Some(Value::Object(numbers)), Some(node)) = (all.get_mut("hlr"), self.hlr) {
            numbers.insert("waiting".to_owned(), counts(&node.hlr.waiting.counts));
        }
        Value::Object(all)
    }

    /// How the nodes misbehave, by their names.
    #[must_use]
    pub fn models(&self) -> Value {
        let serving = self.serving.iter().map(|node| (node.name.clone(), Some(json!(node.model))));
        let own = [
            ("ues".to_owned(), self.ues.map(|node| json!(node.shares()))),
            ("hlr".to_owned(), self.hlr.map(|node| json!(node.models))),
            ("smsc".to_owned(), self.smsc.map(|node| json!(node.model()))),
        ];
        let all = own.into_iter().chain(serving);
        Value::Object(all.filter_map(|(name, models)| Some((name, models?))).collect())
    }

    /// The ledgers, with the nodes' names.
    pub fn ledgers(&self) -> impl Iterator<Item = (&'a str, &'a Ledger)> + use<'a> {
        let serving: Vec<_> = self.serving.iter().map(|node| (node.name.as_str(), &node.ledger)).collect();
        let ues = self.ues.map(|node| ("ues", &node.ledger));
        let smsc = self.smsc.map(|node| ("smsc", &node.ledger));
        ues.into_iter().chain(smsc).chain(serving)
    }

    /// What senders and receivers say of all messages. Where other processes play some of them, it is a part of the truth.
    #[must_use]
    pub fn comparison(&self) -> Comparison {
        compare(self.ledgers().map(|(_, ledger)| ledger))
    }

    /// What can't be, if all nodes are here to say so.
    fn differences(&self) -> Vec<String> {
        if self.are_all { self.comparison().differences } else { vec![] }
    }

    /// Whether everything that was asked for has gone as configured.
    #[must_use]
    pub fn is_as_configured(&self) -> bool {
        self.flows().all(|flow| flow.is_done() && flow.surprises == 0) && self.differences().is_empty()
    }

    /// What is not as it should be, a line each; empty if all is well.
    #[must_use]
    pub fn surprises(&self) -> String {
        let differences = self.differences();
        let differences = differences.iter().take(report::TOLD).map(|what| format!("{what}\n"));
        let fault = self.smsc.and_then(|node| node.fault.as_ref());
        let fault = fault.iter().map(|what| format!("{what}\n"));
        report::surprises(self.flows()) + &differences.chain(fault).collect::<String>()
    }
}
