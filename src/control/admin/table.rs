//! Answers of the admin API as tables for people.

use super::Subject;
use serde_json::{Map, Value};
use std::fmt::Write;

/// The answer about `subject` as a table.
#[must_use]
pub fn table(subject: Subject, answer: &Value) -> String {
    if subject == Subject::Subscribers {
        return layout(&fields(&answer[subject.name()]));
    }
    let list = answer[subject.name()].as_array().map_or(&[][..], Vec::as_slice);
    let rows = match subject {
        Subject::Workers => workers(list),
        Subject::Sctp => sctp(list),
        _ => objects(list),
    };
    if list.is_empty() {
        return format!("no {}\n", subject.name());
    }
    layout(&rows)
}

/// A column for each worker: what it does, every state, and what is not empty.
fn workers(list: &[Value]) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()], vec!["busy".to_owned()]];
    let mut names: Vec<Vec<String>> = vec![];
    for worker in list {
        rows[0].push(format!("worker {}", worker["worker"]));
        rows[1].push(format!("{:.1} %", worker["busy"].as_f64().unwrap_or(0.0) * 100.0));
        leaves(&worker["numbers"], &mut vec![], &mut |path, value| {
            let shown = path[0] == "worker" || capacity(worker, path).is_some() || value.as_u64() != Some(0);
            if shown && !names.iter().any(|name| name == path) {
                names.push(path.to_vec());
            }
        });
    }
    for name in names {
        let cells = list.iter().map(|worker| {
            let value = name.iter().fold(&worker["numbers"], |value, part| &value[part]);
            match capacity(worker, &name) {
                Some(capacity) => format!("{value}/{capacity}"),
                None => cell(value),
            }
        });
        rows.push([name.join(" ")].into_iter().chain(cells).collect());
    }
    rows
}

fn capacity(worker: &Value, path: &[String]) -> Option<u64> {
    path.iter().try_fold(&worker["capacity"], |value, part| value.get(part))?.as_u64()
}

fn leaves(value: &Value, path: &mut Vec<String>, visit: &mut dyn FnMut(&[String], &Value)) {
    let Value::Object(inner) = value else { return visit(path, value) };
    for (name, value) in inner {
        path.push(name.clone());
        leaves(value, path, visit);
        path.pop();
    }
}

/// A row for each object.
fn objects(list: &[Value]) -> Vec<Vec<String>> {
    let first: Option<&Map<String, Value>> = list.first().and_then(Value::as_object);
    let mut keys: Vec<&String> = first.into_iter().flat_map(Map::keys).collect();
    keys.sort_by_key(|key| (*key != "name", *key != "worker"));
    let head = keys.iter().map(|key| key.replace('_', " ")).collect();
    let rows = list.iter().map(|object| keys.iter().map(|key| cell(&object[key.as_str()])).collect());
    [head].into_iter().chain(rows).collect()
}

/// A row for each association, and one for each of its paths.
fn sctp(list: &[Value]) -> Vec<Vec<String>> {
    const OF_ASSOCIATION: [&str; 7] =
        ["name", "worker", "state", "streams", "peer_window", "waiting", "errors"];
    const OF_PATH: [&str; 11] = [
        "remote",
        "local",
        "state",
        "primary",
        "rto_us",
        "srtt_us",
        "cwnd",
        "flight",
        "errors",
        "again",
        "heard_ms_ago",
    ];
    let row = |lead: &str, of: &Value, keys: &[&str]| {
        let cells = keys.iter().map(|key| cell(&of[key]));
        [lead.to_owned()].into_iter().chain(cells).collect::<Vec<_>>()
    };
    let head = |lead: &str, keys: &[&str]| {
        let cells = keys.iter().map(|key| key.replace('_', " "));
        [lead.to_owned()].into_iter().chain(cells).collect::<Vec<_>>()
    };
    let mut rows = vec![head("", &OF_ASSOCIATION), head("path", &OF_PATH)];
    for association in list {
        rows.push(row("", association, &OF_ASSOCIATION));
        let paths = association["paths"].as_array().into_iter().flatten();
        rows.extend(paths.map(|path| row("path", path, &OF_PATH)));
    }
    rows
}

/// A row for each field of one object.
fn fields(object: &Value) -> Vec<Vec<String>> {
    let fields = object.as_object().into_iter().flatten();
    fields.map(|(name, value)| vec![name.clone(), cell(value)]).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}

/// The first column to the left, the others to the right.
fn layout(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let _ = if at == 0 { write!(line, "{cell:width$}") } else { write!(line, "  {cell:>width$}") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::super::numbers::tests::numbers;
    use super::*;
    use serde_json::json;

    #[test]
    fn workers_stand_side_by_side() {
        let text = table(Subject::Workers, &numbers().workers());
        let expected = "                          worker 0     worker 1
busy                         0.0 %        0.0 %
association sg1 state  established  established
link received                    7            8
malformed link short             3            3
tcap dialogues                5/16         5/16
worker busy_nanos                0            0
worker turns                     0            0
";
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn objects_stand_below_each_other() {
        let text = table(Subject::Associations, &numbers().objects("associations", "association"));
        assert_eq!(text.lines().count(), 4, "\n{text}");
        assert!(text.starts_with("name"), "\n{text}");
        assert_eq!(table(Subject::Ports, &numbers().objects("ports", "port")), "no ports\n");
    }

    #[test]
    fn subscribers_are_a_number_and_a_digest() {
        let answer = numbers().answer("subscribers", json!({ "count": 3, "digest": "00c0ffee" }));
        assert_eq!(table(Subject::Subscribers, &answer), "count          3\ndigest  00c0ffee\n");
    }
}
