//! What DNS has answered, for as long as it says, and longer while it does not answer any more.

use super::records::{Answer, Question, Record};
use crate::base::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// How soon what nobody answered is asked again.
pub(super) const RETRY: Duration = Duration::from_secs(5);
/// Records of one answer that are kept, at most.
pub(super) const RECORDS: usize = 64;

/// How long answers are believed, and how many are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CacheConfig {
    /// However short a record lives, so long it is kept.
    pub(super) ttl_min: Duration,
    /// However long a record lives, no longer is it kept.
    pub(super) ttl_max: Duration,
    /// No longer is it believed that there is no record.
    pub(super) negative_max: Duration,
    /// Answers that are kept, at most.
    pub(super) entries: usize,
}

/// What a server has said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Reply {
    /// Records, and how long they live.
    Records(Vec<Record>, Duration),
    /// There is none, and how long that holds, if it is said (RFC 2308).
    Nothing(Option<Duration>),
}

struct Entry {
    answer: Answer,
    /// When it is asked for again.
    refresh: Time,
    /// Until when it is good.
    expires: Time,
    used: Time,
}

/// An answer as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    /// The answer.
    pub(super) answer: Answer,
    /// When it is asked for again.
    pub(super) refresh: Time,
    /// Until when it is good.
    pub(super) expires: Time,
    /// Whether it is kept for want of a newer one.
    pub(super) is_stale: bool,
}

/// The answers.
pub(super) struct Cache {
    config: CacheConfig,
    entries: BTreeMap<Question, Entry>,
}

impl Cache {
    /// Without any.
    pub(super) fn new(config: CacheConfig) -> Self {
        Self { config, entries: BTreeMap::new() }
    }

    /// What is known about a question, unless it is time to ask again.
    pub(super) fn get(&mut self, now: Time, question: &Question) -> Option<Kept> {
        let entry = self.entries.get_mut(question).filter(|entry| now < entry.refresh)?;
        entry.used = now;
        let Entry { ref answer, refresh, expires, .. } = *entry;
        let is_stale = now >= expires && *answer != Answer::Failed;
        Some(Kept { answer: answer.clone(), refresh, expires, is_stale })
    }

    /// An answer has come.
    pub(super) fn answered(&mut self, now: Time, question: Question, reply: Reply) {
        let CacheConfig { ttl_min, ttl_max, negative_max, .. } = self.config;
        let (answer, life) = match reply {
            Reply::Records(mut records, ttl) if !records.is_empty() => {
                records.sort_unstable();
                records.truncate(RECORDS);
                (Answer::Records(records), ttl.clamp(ttl_min, ttl_max.max(ttl_min)))
            }
            Reply::Records(_, ttl) => (Answer::Nothing, ttl.min(negative_max).max(ttl_min)),
            Reply::Nothing(ttl) => {
                (Answer::Nothing, ttl.unwrap_or(negative_max).min(negative_max).max(ttl_min))
            }
        };
        // Asked for again a little earlier, so that it is there when it ends.
        let refresh = now + (life - life / 10);
        self.put(question, Entry { answer, refresh, expires: now + life, used: now });
    }

    /// No answer has come: what was known stays as it was. Whether anything was.
    pub(super) fn failed(&mut self, now: Time, question: Question) -> bool {
        let refresh = now + RETRY;
        match self.entries.get_mut(&question) {
            Some(entry) if entry.answer != Answer::Failed => {
                (entry.refresh, entry.used) = (refresh, now);
                true
            }
            _ => {
                let answer = Answer::Failed;
                self.put(question, Entry { answer, refresh, expires: refresh, used: now });
                false
            }
        }
    }

    /// Where there is no room, what was not used for the longest time goes.
    fn put(&mut self, question: Question, entry: Entry) {
        if !self.entries.contains_key(&question) && self.entries.len() >= self.config.entries.max(1) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(question, _)| question.clone()) {
                self.entries.remove(&oldest);
            }
        }
        self.entries.insert(question, entry);
    }
}
