//! What the admin API tells of subscribers, as text for people.

use super::Subject;
use super::table::table;
use serde_json::{Map, Value};

/// Counts, if there are any, and a part of the list.
#[must_use]
pub fn listed(answer: &Value) -> String {
    let mut text = String::new();
    if answer["subscribers"].is_object() {
        text += &table(Subject::Subscribers, answer);
    }
    let Some(list) = answer["list"].as_array() else { return text };
    if !text.is_empty() {
        text.push('\n');
    }
    if list.is_empty() {
        text += "no such subscribers\n";
    } else {
        let head = ["MSISDN", "IMSI", "state", "network", "access", "S-CSCF", "bindings", "ends in"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(list.iter().map(|it| {
            let accesses = it["access"].as_array().into_iter().flatten().map(cell).collect::<Vec<_>>();
            let plain = |key: &str| cell(&it[key]);
            vec![
                plain("msisdn"),
                plain("imsi"),
                plain("state").replace('_', " "),
                plain("network"),
                accesses.join(","),
                plain("scscf"),
                plain("bindings"),
                span(&it["ends_in_s"]),
            ]
        }));
        text += &columns(&rows);
    }
    if let Some(next) = answer["next"].as_u64() {
        text += &format!("there may be more: --after {next}\n");
    }
    text
}

/// What is known about a subscriber.
#[must_use]
pub fn why_report(answer: &Value) -> String {
    let why = &answer["why"];
    if why["found"] != true {
        let mut text = format!("{}: nobody is known by that number. Looked in:\n", cell(&why["asked"]));
        text += &looked(why);
        return text;
    }
    let mut fields = vec![];
    let mut field = |name: &str, value: String| fields.push(vec![name.to_owned(), value]);
    field("MSISDN", cell(&why["msisdn"]));
    field("IMSI", cell(&why["imsi"]));
    field("private identity", cell(&why["private_identity"]));
    field("identities", list_of(&why["identities"], cell).join(" "));
    let registered = match (why["registered"] == true, why["registering"] == true) {
        (true, _) => format!("yes, in {}", cell(&why["network"])),
        (false, true) => "no, but a registration waits for the HLR".into(),
        (false, false) => "no".into(),
    };
    field("registered", registered);
    if why["mt_in_progress"] == true {
        field("message under way", "to the subscriber".into());
    }
    for hlr in why["hlr"].as_array().into_iter().flatten() {
        field("HLR", hlr_line(hlr));
    }
    for (name, key) in [("last sent", "submitted"), ("last received", "delivered")] {
        let messages = list_of(&why["messages"][key], message);
        field(name, if messages.is_empty() { "nothing known".into() } else { messages.join("; ") });
    }
    let timer = |timer: &Value| format!("{} in {}", cell(&timer["timer"]), span(&timer["in_s"]));
    let next = Some(&why["next_timer"]).filter(|next| next.is_object()).map(timer);
    field("next timer", next.unwrap_or_else(|| "none".into()));
    let mut text = columns(&fields);
    text += &bindings(why);
    text += "\nlooked in\n";
    text + &looked(why)
}

/// What has become of a de-registration.
#[must_use]
pub fn deregistered(answer: &Value) -> String {
    let it = &answer["deregister"];
    let outcome = cell(&it["outcome"]).replace('_', " ");
    let mut text = format!("{}: {outcome}, bindings ended: {}", cell(&it["asked"]), cell(&it["bindings"]));
    if let Some(cause) = it["cause"].as_str() {
        text += &format!("; {cause}");
    }
    if let Some(error) = it["map_error"].as_u64() {
        text += &format!(" (MAP error {error})");
    }
    text.push('\n');
    text
}

/// How the audit against HLRs stands.
#[must_use]
pub fn compared(answer: &Value) -> String {
    let (audit, state) = (&answer["audit"], &answer["audit"]["state"]);
    let mut text = match (audit["begun"] == true, state["running"] == true) {
        (true, _) => "begun".to_owned(),
        (false, true) => format!("under way for {}", span(&state["for_s"])),
        (false, false) => "none under way".to_owned(),
    };
    text += &format!("; left: {}, put off: {}", cell(&state["left"]), cell(&state["put_off"]));
    text += &format!(", suspects: {}\n\nsince the start\n", cell(&state["suspects"]));
    let found = audit["found"].as_object().into_iter().flatten();
    let rows: Vec<_> =
        found.map(|(name, value)| vec![format!("  {}", name.replace('_', " ")), cell(value)]).collect();
    text + &columns(&rows)
}

fn bindings(why: &Value) -> String {
    let list = why["bindings"].as_array().map_or(&[][..], Vec::as_slice);
    if list.is_empty() {
        return String::new();
    }
    let head = ["access", "priority", "expires in", "ends in", "path", "contact", "access network"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(list.iter().map(|it| {
        let plain = |key: &str| cell(&it[key]);
        let spans = |key: &str| span(&it[key]);
        vec![
            plain("access"),
            plain("priority"),
            spans("expires_in_s"),
            spans("ends_in_s"),
            plain("path"),
            plain("contact"),
            plain("access_network_info"),
        ]
    }));
    format!("\n{}", columns(&rows))
}

fn hlr_line(hlr: &Value) -> String {
    let (told, before) = (&hlr["told"], &hlr["told_before_start"]);
    let mut text = cell(&hlr["hlr"]);
    text += &match told.is_object() {
        false if before.is_object() => {
            let (what, ago) = (cell(&before["what"]), span(&before["answered_s_ago"]));
            format!(": told {what} before the gateway's start, which it had done {ago} ago")
        }
        false => ": not told anything yet".to_owned(),
        true => format!(": told {} {} ago", cell(&told["what"]), span(&told["s_ago"])),
    };
    text += &match (told["answer"].as_str(), told["map_error"].as_u64()) {
        (Some(_), Some(error)) => format!(", answered with MAP error {error}"),
        (Some("agreed"), _) => ", which it has done".into(),
        (Some(answer), _) => format!(", {}", answer.replace('_', " ")),
        (None, _) if told.is_object() => ", no answer yet".into(),
        (None, _) => String::new(),
    };
    if let Some(to_tell) = hlr["to_tell"].as_str() {
        text += &format!("; has yet to be told {to_tell}");
        if hlr["next_try_in_s"].is_u64() {
            text += &format!(", next try in {}", span(&hlr["next_try_in_s"]));
        }
    }
    text
}

fn message(message: &Value) -> String {
    let mut text = cell(&message["outcome"]);
    if let Some(cause) = message["rp_cause"].as_u64() {
        text += &format!(" with RP-Cause {cause}");
    }
    if let Some(failure) = message["failure"].as_str() {
        text += &format!(" ({failure})");
    }
    if message["report_taken"] == false {
        text += ", report not taken";
    }
    text + &format!(" {} ago", span(&message["s_ago"]))
}

fn looked(why: &Value) -> String {
    let looked = why["looked_in"].as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> = looked
        .map(|it| {
            let found = if it["found"] == true { "found" } else { "-" };
            vec![format!("  {}", cell(&it["place"])), found.to_owned()]
        })
        .collect();
    columns(&rows)
}

fn list_of(list: &Value, shown: impl Fn(&Value) -> String) -> Vec<String> {
    list.as_array().into_iter().flatten().map(shown).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}

/// Seconds as people say them.
fn span(seconds: &Value) -> String {
    let Some(seconds) = seconds.as_u64() else { return "-".into() };
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min {} s", seconds % 60),
        3_600..86_400 => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// All columns to the left.
fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|at| width(at).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The list beside the counts, as one answer for programs.
#[must_use]
pub fn merged(counts: Option<Value>, list: Option<Value>) -> Value {
    let mut merged = Map::new();
    for part in [counts, list].into_iter().flatten() {
        merged.extend(part.as_object().cloned().unwrap_or_default());
    }
    Value::Object(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_list_stands_behind_the_counts_in_columns() {
        let counts = json!({ "node": "gw", "subscribers": { "count": 2, "digest": "00c0ffee" } });
        let line = |msisdn: &str, access: &[&str], scscf: Option<&str>, ends: u64| {
            json!({
                "msisdn": msisdn, "imsi": "************890", "state": "hlr_pending", "network": "home1",
                "access": access, "scscf": scscf, "bindings": access.len(), "ends_in_s": ends,
            })
        };
        let first = line("*********567", &["direct", "ims"], Some("sip:scscf1.home1.net"), 3_599);
        let list = json!({ "node": "gw", "list": [first, line("***89", &["direct"], None, 59)], "next": 16 });
        let text = listed(&merged(Some(counts), Some(list)));
        let expected = "count          2
digest  00c0ffee

MSISDN        IMSI             state        network  access      S-CSCF                bindings  ends in
*********567  ************890  hlr pending  home1    direct,ims  sip:scscf1.home1.net  2         59 min 59 s
***89         ************890  hlr pending  home1    direct      -                     1         59 s
there may be more: --after 16
";
        assert_eq!(text, expected, "\n{text}");
        let none = listed(&merged(None, Some(json!({ "list": [], "next": null }))));
        assert_eq!(none, "no such subscribers\n");
    }

    #[test]
    fn nobody_is_said_with_where_was_looked() {
        let looked = json!([{ "place": "here", "found": false }, { "place": "over there", "found": false }]);
        let text = why_report(&json!({ "why": { "asked": "***789", "found": false, "looked_in": looked } }));
        let expected =
            "***789: nobody is known by that number. Looked in:\n  here        -\n  over there  -\n";
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn an_end_is_said_with_its_cause() {
        let ended = |outcome: &str, cause: Option<&str>, error: Option<u8>| {
            let it = json!({ "asked": "***789", "outcome": outcome, "bindings": 1, "cause": cause, "map_error": error });
            deregistered(&json!({ "deregister": it }))
        };
        assert_eq!(ended("done", None, None), "***789: done, bindings ended: 1\n");
        let text = ended("refused", Some("the HLR has refused"), Some(34));
        assert_eq!(text, "***789: refused, bindings ended: 1; the HLR has refused (MAP error 34)\n");
    }
    #[test]
    fn an_audit_is_said_with_what_is_left() {
        let audit = |begun: bool, running: bool| {
            let state = json!({ "running": running, "left": 7, "put_off": 2, "for_s": 61, "suspects": 0 });
            let found = json!({ "checked": 3, "repaired_registered": 1 });
            compared(&json!({ "audit": { "begun": begun, "state": state, "found": found } }))
        };
        let text = audit(true, true);
        let expected = "begun; left: 7, put off: 2, suspects: 0\n\nsince the start\n  checked              3\n  repaired registered  1\n";
        assert_eq!(text, expected, "\n{text}");
        assert!(audit(false, true).starts_with("under way for 1 min 1 s; left: 7"));
        assert!(audit(false, false).starts_with("none under way; "));
    }

    #[test]
    fn what_an_hlr_was_told_before_the_start_is_said_until_it_is_told_anew() {
        let told = json!({ "what": "registered", "s_ago": 5, "answer": "agreed", "map_error": null });
        let before = json!({ "what": "registered", "answer": "agreed", "answered_s_ago": 3_600 });
        let line = |told: &Value| {
            hlr_line(&json!({ "hlr": "447000000006", "told": told, "told_before_start": before }))
        };
        let expected =
            "447000000006: told registered before the gateway's start, which it had done 1 h 0 min ago";
        assert_eq!(line(&Value::Null), expected);
        assert_eq!(line(&told), "447000000006: told registered 5 s ago, which it has done");
    }
}
