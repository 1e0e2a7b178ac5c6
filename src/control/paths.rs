//! What the operator is told of SCTP's associations and paths: each change, and a path that was never proved.

use crate::base::Time;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a path may be unproved before that is an alarm. Middleboxes that drop HEARTBEATs leave it so for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// How something stood when it was looked at last.
struct Known {
    state: String,
    since: Time,
    /// The alarm was raised.
    told: bool,
}

/// What was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum News {
    /// An association (without a path), or a path, stands otherwise.
    Changed { association: String, remote: Option<String>, from: String, to: String },
    /// A path of an association that is up was never proved: it can't take over.
    Unproved { association: String, remote: String },
}

/// Remembers how associations and paths stood.
#[derive(Default)]
pub(super) struct Watch {
    known: BTreeMap<(String, Option<String>), Known>,
}

impl Watch {
    /// Looks at the answer of `show sctp`.
    pub(super) fn look(&mut self, now: Time, answer: &Value) -> Vec<News> {
        let mut news = vec![];
        let mut seen = vec![];
        for association in answer["sctp"].as_array().into_iter().flatten() {
            let name = association["name"].as_str().unwrap_or_default();
            let paths = association["paths"].as_array().into_iter().flatten();
            let paths = paths.map(|path| (path["remote"].as_str().map(str::to_owned), &path["state"]));
            for (remote, state) in [(None, &association["state"])].into_iter().chain(paths) {
                let key = (name.to_owned(), remote);
                self.note(now, &key, state.as_str().unwrap_or_default(), &mut news);
                seen.push(key);
            }
        }
        self.known.retain(|key, _| seen.contains(key));
        news
    }

    fn note(&mut self, now: Time, key: &(String, Option<String>), state: &str, news: &mut Vec<News>) {
        let (association, remote) = key.clone();
        let Some(known) = self.known.get_mut(key) else {
            self.known.insert(key.clone(), Known { state: state.to_owned(), since: now, told: false });
            return;
        };
        if known.state != state {
            let from = core::mem::replace(&mut known.state, state.to_owned());
            (known.since, known.told) = (now, false);
            news.push(News::Changed { association, remote, from, to: state.to_owned() });
        } else if let Some(remote) = remote.filter(|_| state == "unconfirmed" && !known.told)
            && now.since(known.since) >= PATIENCE
        {
            known.told = true;
            news.push(News::Unproved { association, remote });
        }
    }
}

/// Tells it in the log.
pub(super) fn tell(news: &[News]) {
    for news in news {
        match news {
            News::Changed { association, remote: None, from, to } => {
                tracing::info!(association, from, to, "association");
            }
            News::Changed { association, remote: Some(remote), from, to } if to == "active" => {
                tracing::info!(association, remote, from, to, "path");
            }
            News::Changed { association, remote: Some(remote), from, to } => {
                tracing::warn!(association, remote, from, to, "path");
            }
            News::Unproved { association, remote } => {
                let why = "no HEARTBEAT to it was ever answered; look for what drops them on the way";
                tracing::warn!(association, remote, why, "path never confirmed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(state: &str, paths: &[(&str, &str)]) -> Value {
        let paths: Vec<Value> =
            paths.iter().map(|(remote, state)| json!({ "remote": remote, "state": state })).collect();
        json!({ "sctp": [{ "name": "sg1", "state": state, "paths": paths }] })
    }

    #[test]
    fn changes_are_told_once_and_an_unproved_path_is_an_alarm() {
        let mut watch = Watch::default();
        let at = |seconds: u64| Time::from_millis(1_000 * seconds);
        assert_eq!(watch.look(at(0), &answer("closed", &[])), []);
        let up = answer("established", &[("10.7.0.11", "active"), ("10.8.0.11", "unconfirmed")]);
        let changed = |remote: Option<&str>, from: &str, to: &str| News::Changed {
            association: "sg1".into(),
            remote: remote.map(str::to_owned),
            from: from.into(),
            to: to.into(),
        };
        assert_eq!(watch.look(at(1), &up), [changed(None, "closed", "established")]);
        assert_eq!(watch.look(at(10), &up), []);
        let alarm = News::Unproved { association: "sg1".into(), remote: "10.8.0.11".into() };
        assert_eq!(watch.look(at(11), &up), [alarm]);
        assert_eq!(watch.look(at(30), &up), []);
        let failed = answer("established", &[("10.7.0.11", "inactive"), ("10.8.0.11", "active")]);
        let news = [
            changed(Some("10.7.0.11"), "active", "inactive"),
            changed(Some("10.8.0.11"), "unconfirmed", "active"),
        ];
        assert_eq!(watch.look(at(31), &failed), news);
    }
}
