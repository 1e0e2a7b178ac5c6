//! Server location: who is chosen (RFC 3263, RFC 2782), how long answers live, what workers are told.

mod cache;
mod places;
mod select;
mod servers;

use super::records::{Answer, Kind, Question, Record};
use std::collections::BTreeMap;

/// What DNS has, as the tests write it: records by question.
#[derive(Clone, Default)]
struct Zone(BTreeMap<Question, Answer>);

impl Zone {
    /// From lines such as `example.com NAPTR 50 50 s SIPS+D2T _sips._tcp.example.com` and `a.example.com A 192.0.2.1`.
    fn new(text: &str) -> Self {
        let mut zone = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            zone.add(line);
        }
        zone
    }

    fn add(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (kind, record) = match words[1] {
            "NAPTR" => {
                let naptr = Record::Naptr {
                    order: words[2].parse().unwrap(),
                    preference: words[3].parse().unwrap(),
                    flags: words[4].into(),
                    service: words[5].into(),
                    has_regexp: false,
                    replacement: words[6].into(),
                };
                (Kind::Naptr, naptr)
            }
            "SRV" => {
                let [priority, weight, port] = [2, 3, 4].map(|at| words[at].parse().unwrap());
                (Kind::Srv, Record::Srv { priority, weight, port, target: words[5].into() })
            }
            kind => {
                let kind = if kind == "A" { Kind::A } else { Kind::Aaaa };
                (kind, Record::Address(words[2].parse().unwrap()))
            }
        };
        match self.0.entry(Question::new(words[0], kind)).or_insert(Answer::Records(vec![])) {
            Answer::Records(records) => records.push(record),
            _ => panic!("{line}"),
        }
    }

    /// Nobody answers that question.
    fn fail(&mut self, name: &str, kind: Kind) {
        self.0.insert(Question::new(name, kind), Answer::Failed);
    }

    fn answer(&self, question: &Question) -> Answer {
        self.0.get(question).cloned().unwrap_or(Answer::Nothing)
    }
}
