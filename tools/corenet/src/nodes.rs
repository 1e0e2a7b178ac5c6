//! All nodes of a scenario, to look at: what they did together, and whether that is as it should be.

use crate::hlr::HlrNode;
use crate::ledger::{Comparison, Ledger, compare};
use crate::node::Node;
use crate::report;
use crate::serving::ServingNode;
use crate::smsc::SmscNode;
use crate::traffic::Flow;
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

/// The nodes of a scenario.
#[derive(Clone)]
pub struct Nodes<'a> {
    /// UEs with their S-CSCFs.
    pub ues: &'a Node,
    /// Service centres.
    pub smsc: &'a SmscNode,
    /// The HLR.
    pub hlr: &'a HlrNode,
    /// MSCs and SGSNs.
    pub serving: Vec<&'a ServingNode>,
}

impl<'a> Nodes<'a> {
    /// All flows in order, without those of which nothing is asked or known.
    pub fn flows(&self) -> impl Iterator<Item = &'a Flow> + use<'a> {
        let (ues, [mt, direct_mt]) = (&self.ues.traffic, &self.smsc.mt);
        let ims = [&ues.registration, &ues.mo, mt, &ues.deregistration];
        let direct = [&ues.direct_registration, &ues.direct_mo, direct_mt, &ues.direct_deregistration];
        let serving: Vec<&Flow> = self.serving.iter().map(|node| &node.mo).collect();
        let all = ims.into_iter().chain(direct).chain(serving).chain([&ues.ues]);
        all.filter(|flow| flow.asked > 0 || flow.surprises > 0)
    }

    /// Counters and fills of every node, as JSON.
    #[must_use]
    pub fn numbers(&self) -> Value {
        let serving = self.serving.iter().map(|node| (node.name.as_str(), numbers(*node)));
        let own = [("ues", numbers(self.ues)), ("smsc", numbers(self.smsc)), ("hlr", numbers(self.hlr))];
        let waiting = json!({ "waiting": counts(&self.hlr.hlr.waiting.counts) });
        let mut all: Map<String, Value> =
            own.into_iter().chain(serving).map(|(name, value)| (name.to_owned(), value)).collect();
        if let Some(Value::Object(hlr)) = all.get_mut("hlr") {
            hlr.extend(waiting.as_object().cloned().unwrap_or_default());
        }
        Value::Object(all)
    }

    /// How the nodes misbehave, by their names.
    #[must_use]
    pub fn models(&self) -> Value {
        let serving = self.serving.iter().map(|node| (node.name.clone(), json!(node.model)));
        let own = [("hlr".to_owned(), json!(self.hlr.models)), ("smsc".to_owned(), json!(self.smsc.model()))];
        Value::Object(own.into_iter().chain(serving).collect())
    }

    /// The ledgers, with the nodes' names.
    pub fn ledgers(&self) -> impl Iterator<Item = (&'a str, &'a Ledger)> + use<'a> {
        let serving: Vec<_> = self.serving.iter().map(|node| (node.name.as_str(), &node.ledger)).collect();
        [("ues", &self.ues.ledger), ("smsc", &self.smsc.ledger)].into_iter().chain(serving)
    }

    /// What senders and receivers say of all messages.
    #[must_use]
    pub fn comparison(&self) -> Comparison {
        compare(self.ledgers().map(|(_, ledger)| ledger))
    }

    /// Whether everything that was asked for has gone as configured.
    #[must_use]
    pub fn is_as_configured(&self) -> bool {
        self.flows().all(|flow| flow.is_done() && flow.surprises == 0)
            && self.comparison().differences.is_empty()
    }

    /// What is not as it should be, a line each; empty if all is well.
    #[must_use]
    pub fn surprises(&self) -> String {
        let differences = self.comparison().differences;
        let differences = differences.iter().take(report::TOLD).map(|what| format!("{what}\n"));
        let fault = self.smsc.fault.iter().map(|what| format!("{what}\n"));
        report::surprises(self.flows()) + &differences.chain(fault).collect::<String>()
    }
}
