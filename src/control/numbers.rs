//! The published numbers of all workers and of the control thread, for the metrics and the admin API.

use crate::base::Time;
use crate::base::publish::{Entry, Kind, Published, address};
use crate::dataplane::{LOCATED, PATH_WORDS, SCTP_PATH};
use crate::ident::WorkerId;
use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// The group of numbers that tells what a worker does, and its counter of the nanoseconds that it was busy for.
const WORKER: &str = "worker";
const BUSY: &str = "busy_nanos";

/// Who publishes what.
pub struct Numbers {
    node: String,
    sources: Vec<(Option<WorkerId>, Published)>,
    /// For each source: how much of the last interval it was busy, in millionths.
    busy: Box<[AtomicU64]>,
    /// For each source: the counter at the last sample, and when that was.
    sampled: Box<[(AtomicU64, AtomicU64)]>,
}

impl Numbers {
    /// Of the gateway called `node`; a source that is no worker's is the control thread's.
    #[must_use]
    pub fn new(node: &str, sources: Vec<(Option<WorkerId>, Published)>) -> Self {
        Self {
            node: node.into(),
            busy: sources.iter().map(|_| AtomicU64::new(0)).collect(),
            sampled: sources.iter().map(|_| Default::default()).collect(),
            sources,
        }
    }

    /// The gateway's name.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Each source, with the worker that it is of.
    pub fn sources(&self) -> impl Iterator<Item = (Option<WorkerId>, &Published)> {
        self.sources.iter().map(|(worker, published)| (*worker, published))
    }

    /// Finds out how busy the workers have been since the last call; called about every second by the control thread.
    pub fn sample(&self, now: Time) {
        for (((_, published), busy), (nanos, at)) in self.sources.iter().zip(&self.busy).zip(&self.sampled) {
            let value = published.get(WORKER, BUSY).unwrap_or(0);
            let worked = value.saturating_sub(nanos.swap(value, Ordering::Relaxed));
            let passed = now.as_nanos().saturating_sub(at.swap(now.as_nanos(), Ordering::Relaxed)).max(1);
            let share = u128::from(worked) * 1_000_000 / u128::from(passed);
            busy.store(share.min(1_000_000) as u64, Ordering::Relaxed);
        }
    }

    /// All workers, as the admin API tells it: `busy` between 0 and 1 over the last second, `numbers` by group (and by
    /// object, where a group has several), `capacity` of those that have one.
    #[must_use]
    pub fn workers(&self) -> Value {
        let workers = self.sources.iter().zip(&self.busy).filter_map(|((worker, published), busy)| {
            let (numbers, capacity) = tree(published, |_| true);
            let busy = busy.load(Ordering::Relaxed) as f64 / 1e6;
            worker.map(|worker| json!({ "worker": worker.0, "busy": busy, "numbers": numbers, "capacity": capacity }))
        });
        self.answer("workers", Value::Array(workers.collect()))
    }

    /// The objects of one group (ports, associations), each with the worker that it is of.
    #[must_use]
    pub fn objects(&self, key: &str, group: &str) -> Value {
        let mut objects = vec![];
        for (worker, published) in self.sources() {
            let (numbers, _) = tree(published, |entry| entry.group == group && !entry.object.is_empty());
            let Some(Value::Object(named)) = numbers.get(group) else { continue };
            for (name, values) in named {
                let mut object = Map::from_iter([("name".into(), json!(name))]);
                object.insert("worker".into(), json!(worker.map(|worker| worker.0)));
                object.extend(values.as_object().cloned().unwrap_or_default());
                objects.push(Value::Object(object));
            }
        }
        self.answer(key, Value::Array(objects))
    }

    /// The S-CSCFs, each with the worker that has the account, and with what server location says of its place.
    #[must_use]
    pub fn peers(&self, located: &Value) -> Value {
        let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
        let places = list(located, "places");
        let mut peers = list(&self.objects("peers", "hop"), "peers");
        for peer in &mut peers {
            let place = places.iter().find(|place| place["name"] == peer["name"]);
            place_of(peer, place.unwrap_or(&Value::Null));
        }
        for mut peer in list(&self.objects("peers", LOCATED), "peers") {
            let is_its = |place: &&Value| peer["name"] == json!(place["place"].to_string());
            let Some(place) = places.iter().find(is_its) else { continue };
            if place["is_target"] == json!(true) {
                peer["name"] = place["name"].clone();
                place_of(&mut peer, place);
                peers.push(peer);
            }
        }
        for name in list(located, "unlocated") {
            let mut peer = json!({ "name": name["name"], "worker": null, "state": "unlocated" });
            place_of(&mut peer, &json!({ "located_by": name["why"] }));
            peers.push(peer);
        }
        self.answer("peers", Value::Array(peers))
    }

    /// The associations with their SCTP and, of those that are up, their paths.
    #[must_use]
    pub fn sctp(&self) -> Value {
        let mut answer = self.objects("sctp", "sctp_association");
        let list = answer.get_mut("sctp").and_then(Value::as_array_mut);
        for association in list.into_iter().flatten().filter_map(Value::as_object_mut) {
            let name = association.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let paths = self.sources().flat_map(|(_, published)| paths(published, &name));
            association.insert("paths".into(), Value::Array(paths.collect()));
        }
        answer
    }

    /// An answer of the admin API: who gives it, and what is asked for under `key`.
    pub(super) fn answer(&self, key: &str, shown: Value) -> Value {
        json!({ "node": self.node, "version": env!("CARGO_PKG_VERSION"), key: shown })
    }
}

/// What is said of a peer's place.
fn place_of(peer: &mut Value, place: &Value) {
    for key in ["transport", "located_by", "ttl_s"] {
        peer[key] = place[key].clone();
    }
}

/// The paths that an association has now.
fn paths(published: &Published, association: &str) -> Vec<Value> {
    let mut paths: Vec<(String, Map<String, Value>, [u64; 4])> = vec![];
    for (entry, value) in published.read() {
        let of = entry.object.strip_prefix(association).and_then(|rest| rest.strip_prefix(' '));
        if entry.group != SCTP_PATH || of.is_none() {
            continue;
        }
        if paths.last().is_none_or(|(object, ..)| *object != entry.object) {
            paths.push((entry.object.clone(), Map::new(), [0; 4]));
        }
        let Some((_, path, words)) = paths.last_mut() else { continue };
        match (entry.kind, PATH_WORDS.iter().position(|word| *word == entry.name)) {
            (_, Some(at)) => words[at] = value,
            (Kind::State(states), _) => {
                let state = states.get(value as usize).copied().unwrap_or("unknown");
                path.insert(entry.name.into(), json!(state));
            }
            _ => drop(path.insert(entry.name.into(), json!(value))),
        }
    }
    let told = paths.into_iter().filter_map(|(_, mut path, [local, local_low, remote, remote_low])| {
        path.insert("remote".into(), json!(address(remote, remote_low)?.to_string()));
        path.insert("local".into(), json!(address(local, local_low)?.to_string()));
        Some(Value::Object(path))
    });
    told.collect()
}

/// The numbers that `wanted` lets through, and the capacities of those that have one.
fn tree(published: &Published, wanted: impl Fn(&Entry) -> bool) -> (Map<String, Value>, Map<String, Value>) {
    let (mut numbers, mut capacities) = (Map::new(), Map::new());
    for (entry, value) in published.read().filter(|(entry, _)| wanted(entry)) {
        match entry.kind {
            Kind::Malformed if value == 0 => {}
            Kind::Word => {}
            Kind::Malformed => put(&mut numbers, &["malformed", entry.group, entry.name], json!(value)),
            Kind::Counter => put(&mut numbers, &[entry.group, &entry.object, entry.name], json!(value)),
            Kind::State(states) => {
                let state = states.get(value as usize).copied().unwrap_or("unknown");
                put(&mut numbers, &[entry.group, &entry.object, entry.name], json!(state));
            }
            Kind::Level { capacity } => {
                let path = [entry.group, &entry.object, entry.name];
                put(&mut numbers, &path, json!(value));
                if capacity > 0 {
                    put(&mut capacities, &path, json!(capacity));
                }
            }
        }
    }
    (numbers, capacities)
}

/// Puts `value` at `path`, whose empty parts don't count.
fn put(tree: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        ["", rest @ ..] => put(tree, rest, value),
        [name] => drop(tree.insert((*name).into(), value)),
        [name, rest @ ..] => {
            let inner = tree.entry(*name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
#[allow(unreachable_pub)] // `counts!` makes public structs
pub(super) mod tests {
    use super::*;
    use crate::base::publish::{Publisher, Show, Shown, publish};
    use crate::base::{Layer, Malformed, MalformedCounts, counts};

    counts! {
        /// For the test.
        pub struct Link {
            /// Frames in.
            received,
        }
    }

    counts! {
        /// For the test.
        pub struct Work {
            /// Rounds.
            turns,
            /// Nanoseconds spent with work.
            busy_nanos,
        }
    }

    #[derive(Default)]
    struct Worker {
        link: Link,
        work: Work,
        dialogues: u64,
        malformed: MalformedCounts,
    }

    const WHY: [&[&str]; Layer::COUNT] = [&["short", "long"], &[], &[], &[], &[], &[], &[], &[], &[]];

    impl Shown for Worker {
        fn show(&self, to: &mut dyn Show) {
            to.counts("worker", "", &self.work);
            to.counts("link", "", &self.link);
            to.level(("tcap", "", "dialogues", "Dialogues open."), self.dialogues, 16);
            to.state(("association", "sg1", "state", "State."), 1, &["closed", "established"]);
            to.malformed(&[&self.malformed], &WHY);
        }
    }

    fn worker() -> Worker {
        let mut worker = Worker { link: Link { received: 7 }, dialogues: 5, ..Default::default() };
        for _ in 0..3 {
            worker.malformed.add(Malformed::new(Layer::Link, 0, 0));
        }
        worker
    }

    pub(in super::super) fn numbers() -> Numbers {
        let mut worker = worker();
        let first = publish(&worker).1;
        worker.link.received = 8;
        let control: (Publisher, Published) = publish(&Worker::default());
        let sources =
            vec![(Some(WorkerId(0)), first), (Some(WorkerId(1)), publish(&worker).1), (None, control.1)];
        Numbers::new("gw\"1", sources)
    }

    #[test]
    fn workers_are_told_by_group_object_and_name() {
        let workers = numbers().workers();
        let one = &workers["workers"][1];
        assert_eq!(workers["workers"].as_array().unwrap().len(), 2, "the control thread is none");
        assert_eq!((&one["worker"], &one["numbers"]["link"]["received"]), (&json!(1), &json!(8)));
        assert_eq!(one["numbers"]["association"]["sg1"]["state"], "established");
        assert_eq!(one["numbers"]["malformed"], json!({ "link": { "short": 3 } }));
        assert_eq!(
            (&one["numbers"]["tcap"]["dialogues"], &one["capacity"]["tcap"]["dialogues"]),
            (&json!(5), &json!(16))
        );
    }

    #[test]
    fn objects_are_told_with_their_worker() {
        let all = numbers().objects("associations", "association");
        assert_eq!(all["associations"][0], json!({ "name": "sg1", "worker": 0, "state": "established" }));
    }

    #[test]
    fn busy_is_the_share_of_the_last_interval() {
        let mut worker = Worker::default();
        let (mut publisher, published) = publish(&worker);
        let numbers = Numbers::new("gw", vec![(Some(WorkerId(0)), published)]);
        let busy = |numbers: &Numbers| numbers.workers()["workers"][0]["busy"].as_f64().unwrap();
        numbers.sample(Time::from_millis(1_000));
        assert!(busy(&numbers).abs() < 1e-9);
        worker.work.busy_nanos = 250_000_000;
        publisher.publish(&worker);
        numbers.sample(Time::from_millis(2_000));
        assert!((busy(&numbers) - 0.25).abs() < 1e-9);
        numbers.sample(Time::from_millis(3_000));
        assert!(busy(&numbers).abs() < 1e-9);
    }
}
