//! Counters in Prometheus' text form over HTTP.

use super::numbers::Numbers;
use crate::base::publish::{Entry, Kind};
use crate::ident::WorkerId;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// One metric with the samples of all workers.
struct Metric {
    kind: &'static str,
    help: String,
    samples: Vec<(String, u64)>,
}

/// All numbers as text (Prometheus exposition format 0.0.4).
#[must_use]
pub fn text(numbers: &Numbers) -> String {
    let mut metrics = BTreeMap::new();
    for (worker, published) in numbers.sources() {
        for (entry, value) in published.read() {
            add(&mut metrics, worker, entry, value);
        }
    }
    let mut text = String::new();
    let version = env!("CARGO_PKG_VERSION");
    let node = escaped(numbers.node());
    let _ = writeln!(text, "# HELP ipsmgw_build_info The version that runs.\n# TYPE ipsmgw_build_info gauge");
    let _ = writeln!(text, "ipsmgw_build_info{{node=\"{node}\",version=\"{version}\"}} 1");
    for (name, Metric { kind, help, samples }) in metrics {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    }
    text
}

fn add(metrics: &mut BTreeMap<String, Metric>, worker: Option<WorkerId>, entry: &Entry, value: u64) {
    let Entry { group, object, name, help, kind } = entry;
    let mut labels = worker.map_or(String::new(), |worker| format!("worker=\"{}\"", worker.0));
    let mut label = |name: &str, value: &str| {
        let comma = if labels.is_empty() { "" } else { "," };
        let _ = write!(labels, "{comma}{name}=\"{}\"", escaped(value));
    };
    if !object.is_empty() {
        label("name", object);
    }
    let mut sample = |name: String, kind: &'static str, help: &str, labels: &str, value: u64| {
        let new = || Metric { kind, help: help.into(), samples: vec![] };
        metrics.entry(name).or_insert_with(new).samples.push((labels.into(), value));
    };
    match kind {
        Kind::Counter => sample(format!("ipsmgw_{group}_{name}_total"), "counter", help, &labels, value),
        Kind::Malformed => {
            label("layer", group);
            label("why", name);
            // Most reasons never happen: those that haven't are left out.
            if value > 0 {
                let help = "What was refused as malformed, by layer and reason.";
                sample("ipsmgw_malformed_total".into(), "counter", help, &labels, value);
            }
        }
        Kind::Level { capacity } => {
            sample(format!("ipsmgw_{group}_{name}"), "gauge", help, &labels, value);
            if *capacity > 0 {
                let help = format!("Room for: {help}");
                sample(format!("ipsmgw_{group}_{name}_capacity"), "gauge", &help, &labels, *capacity);
            }
        }
        Kind::Word => {}
        Kind::State(states) => {
            label("state", states.get(value as usize).copied().unwrap_or("unknown"));
            sample(format!("ipsmgw_{group}_{name}"), "gauge", help, &labels, 1);
        }
    }
}

/// A label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// `GET /metrics`.
pub(super) fn router(numbers: Arc<Numbers>) -> Router {
    let text = move || async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text(&numbers)) };
    Router::new().route("/metrics", get(text))
}

#[cfg(test)]
mod tests {
    use super::super::numbers::tests::numbers;
    use super::*;

    #[test]
    fn each_metric_has_one_head_and_a_sample_for_each_worker() {
        let text = text(&numbers());
        let expected = "\
# HELP ipsmgw_link_received_total Frames in.
# TYPE ipsmgw_link_received_total counter
ipsmgw_link_received_total{worker=\"0\"} 7
ipsmgw_link_received_total{worker=\"1\"} 8
";
        assert!(text.contains(expected), "{text}");
        for line in [
            "ipsmgw_build_info{node=\"gw\\\"1\",version=\"0.1.0\"} 1",
            "ipsmgw_malformed_total{worker=\"0\",layer=\"link\",why=\"short\"} 3",
            "ipsmgw_tcap_dialogues{worker=\"1\"} 5",
            "ipsmgw_tcap_dialogues_capacity{worker=\"1\"} 16",
            "ipsmgw_association_state{worker=\"0\",name=\"sg1\",state=\"established\"} 1",
            "# TYPE ipsmgw_association_state gauge",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("why=\"long\""), "reasons that never happened are left out");
    }

    #[test]
    fn every_line_is_of_the_format() {
        let text = text(&numbers());
        let mut seen = std::collections::BTreeSet::new();
        for line in text.lines() {
            if let Some(head) = line.strip_prefix("# ") {
                assert!(head.starts_with("HELP ") || head.starts_with("TYPE "), "{line}");
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<u64>().is_ok(), "{line}");
            let name = series.split('{').next().unwrap();
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()), "{line}");
            assert!(seen.insert(series), "twice: {line}");
        }
    }
}
