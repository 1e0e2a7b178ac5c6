//! What came of it: a table for people, an object for programs.

use crate::traffic::Flow;
use serde::Serialize;
use std::fmt::Write as _;

/// How many surprises of a kind are told.
pub const TOLD: usize = 5;

/// One flow's outcome.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FlowReport {
    /// The flow.
    pub name: String,
    /// How many attempts were asked for.
    pub sent: u32,
    /// How many arrived unchanged and were reported back.
    pub delivered: u32,
    /// How many did not.
    pub failed: u32,
    /// The median latency, from the intended start to the report, in microseconds.
    pub p50_us: u64,
    /// The latency that one in a hundred exceeds.
    pub p99_us: u64,
}

impl FlowReport {
    fn of(flow: &Flow) -> Self {
        Self {
            name: flow.name.clone(),
            sent: flow.asked,
            delivered: flow.delivered,
            failed: flow.asked - flow.delivered,
            p50_us: flow.latency_us(0.50),
            p99_us: flow.latency_us(0.99),
        }
    }
}

/// The whole outcome.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    /// Each flow, in order.
    pub flows: Vec<FlowReport>,
    /// The capture file.
    pub pcap: Option<String>,
}

impl Report {
    /// Of what has happened so far.
    #[must_use]
    pub fn new<'a>(flows: impl IntoIterator<Item = &'a Flow>, pcap: Option<String>) -> Self {
        Self { flows: flows.into_iter().map(FlowReport::of).collect(), pcap }
    }

    /// As one line of JSON.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| unreachable!("text and numbers"))
    }

    /// As a table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<22}{:>10}{:>12}{:>10}{:>12}{:>12}\n",
            "flow", "sent", "delivered", "failed", "p50 ms", "p99 ms"
        );
        for flow in &self.flows {
            let FlowReport { name, sent, delivered, failed, p50_us, p99_us } = flow;
            let [p50, p99] = [p50_us, p99_us].map(|&us| us as f64 / 1000.0);
            let _ = writeln!(text, "{name:<22}{sent:>10}{delivered:>12}{failed:>10}{p50:>12.3}{p99:>12.3}");
        }
        if let Some(pcap) = &self.pcap {
            let _ = writeln!(text, "capture: {pcap}");
        }
        text
    }
}

/// What is not as it should be, a line each; empty if all is well.
#[must_use]
pub fn surprises<'a>(flows: impl IntoIterator<Item = &'a Flow>) -> String {
    let mut text = String::new();
    for flow in flows {
        for surprise in &flow.first_surprises {
            let _ = writeln!(text, "{surprise}");
        }
        let untold = flow.surprises as usize - flow.first_surprises.len();
        if untold > 0 {
            let _ = writeln!(text, "{}: {untold} more", flow.name);
        }
        if !flow.is_done() {
            let _ = writeln!(
                text,
                "{}: {} of {} have not ended",
                flow.name,
                flow.asked - flow.ended(),
                flow.asked
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use ipsmgw::base::Time;

    #[test]
    fn both_forms_tell_the_same() {
        let pace = config::Traffic::default();
        let [mut registration, mut mo] =
            [("registration", 1), ("mo", 2)].map(|(name, asked)| Flow::new(name, asked, &pace));
        mo.begun = 2;
        mo.succeed(Time::from_millis(3), Time::from_millis(1));
        mo.fail(1, "gone");
        registration.begun = 1;
        registration.succeed(Time::from_millis(1), Time::from_millis(1));
        let report = Report::new([&registration, &mo], Some("x.pcapng".into()));
        assert_eq!(
            report.json(),
            r#"{"flows":[{"name":"registration","sent":1,"delivered":1,"failed":0,"p50_us":0,"p99_us":0},{"name":"mo","sent":2,"delivered":1,"failed":1,"p50_us":2000,"p99_us":2000}],"pcap":"x.pcapng"}"#
        );
        assert!(
            report.table().contains("mo                             2           1         1       2.000")
        );
        assert_eq!(surprises([&registration, &mo]), "mo 1: gone\n");
    }
}
