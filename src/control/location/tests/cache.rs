//! How long answers are believed.

use super::super::cache::{Cache, CacheConfig, Kept, RECORDS, RETRY, Reply};
use super::super::records::{Answer, Kind, Question, Record};
use crate::base::Time;
use std::time::Duration;

const CONFIG: CacheConfig = CacheConfig {
    ttl_min: Duration::from_secs(5),
    ttl_max: Duration::from_secs(100),
    negative_max: Duration::from_secs(20),
    entries: 3,
};

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn question(name: &str) -> Question {
    Question::new(name, Kind::A)
}

fn record(last: u8) -> Record {
    Record::Address([192, 0, 2, last].into())
}

fn records(ttl: u64) -> Reply {
    Reply::Records(vec![record(1)], Duration::from_secs(ttl))
}

fn answered(reply: Reply) -> Kept {
    let mut cache = Cache::new(CONFIG);
    cache.answered(at(0), question("a.example"), reply);
    cache.get(at(0), &question("A.Example.")).unwrap()
}

#[test]
fn a_life_is_neither_too_short_nor_too_long() {
    for (ttl, kept) in [(0, 5), (4, 5), (50, 50), (100, 100), (4_000_000_000, 100)] {
        let answer = answered(records(ttl));
        assert_eq!((answer.expires, answer.is_stale), (at(kept), false), "{ttl}");
        assert!(answer.refresh < answer.expires && answer.refresh >= at(kept - kept.div_ceil(10)), "{ttl}");
    }
    let nothing = |ttl: Option<u64>| answered(Reply::Nothing(ttl.map(Duration::from_secs))).expires;
    assert_eq!([None, Some(0), Some(10), Some(3_600)].map(nothing), [20, 5, 10, 20].map(at));
    assert_eq!(answered(Reply::Records(vec![], Duration::from_secs(50))).answer, Answer::Nothing);
}

#[test]
fn what_has_ended_is_used_while_nobody_answers() {
    let mut cache = Cache::new(CONFIG);
    cache.answered(at(0), question("a"), records(10));
    assert_eq!(cache.get(at(9), &question("a")), None, "it is time to ask again");
    assert!(cache.failed(at(9), question("a")));
    let kept = cache.get(at(9), &question("a")).unwrap();
    assert_eq!((kept.answer, kept.is_stale), (Answer::Records(vec![record(1)]), false), "it lives still");
    let old = cache.get(at(11), &question("a")).unwrap();
    assert!(old.is_stale, "it has ended meanwhile");
    for later in 2..1_000 {
        let now = at(9) + RETRY * later;
        assert_eq!(cache.get(now, &question("a")), None, "and is asked for again");
        assert!(cache.failed(now, question("a")));
        let kept = cache.get(now, &question("a")).unwrap();
        assert_eq!((kept.answer, kept.is_stale), (Answer::Records(vec![record(1)]), true));
    }
    cache.answered(at(10_000), question("a"), records(10));
    assert!(!cache.get(at(10_000), &question("a")).unwrap().is_stale);
}

#[test]
fn what_was_never_answered_is_asked_for_again_soon() {
    let mut cache = Cache::new(CONFIG);
    assert!(!cache.failed(at(0), question("a")));
    assert_eq!(
        cache.get(at(4), &question("a")).map(|kept| (kept.answer, kept.is_stale)),
        Some((Answer::Failed, false))
    );
    assert_eq!(cache.get(at(0) + RETRY, &question("a")), None);
    assert!(!cache.failed(at(5), question("a")), "a failure is nothing to be kept");
    // That there is nothing is an answer, and is kept like one.
    cache.answered(at(10), question("a"), Reply::Nothing(None));
    assert!(cache.failed(at(40), question("a")));
    assert_eq!(cache.get(at(40), &question("a")).unwrap().answer, Answer::Nothing);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut cache = Cache::new(CONFIG);
    for (at_second, name) in (0..).zip(["a", "b", "c"]) {
        cache.answered(at(at_second), question(name), records(50));
    }
    assert!(cache.get(at(3), &question("a")).is_some());
    cache.answered(at(4), question("d"), records(50));
    let there = ["a", "b", "c", "d"].map(|name| cache.get(at(5), &question(name)).is_some());
    assert_eq!(there, [true, false, true, true], "who was not used for the longest time has gone");
    let many = (0..=255).map(record).collect();
    let Answer::Records(kept) = answered(Reply::Records(many, Duration::from_secs(9))).answer else {
        panic!()
    };
    assert_eq!(kept.len(), RECORDS);
}
