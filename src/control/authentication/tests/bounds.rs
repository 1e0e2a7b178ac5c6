//! The nonces' window, the limits of challenges, pauses after wrong answers.

use super::limits::{Bucket, Recent, Standing};
use super::*;

fn limit(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Limited { retry_after_s } => retry_after_s,
        other => panic!("{other:?}"),
    }
}

fn from(source: &str, user: &'static str) -> Attempt<'static> {
    Attempt { source: source.parse().unwrap(), ..attempt(Scheme::Digest(user)) }
}

#[test]
fn a_nonce_that_the_window_has_left_is_stale() {
    let config = AuthenticatorConfig {
        nonces: 64,
        per_identity: Rate { count: 1000, per: Duration::from_secs(1) },
        per_source: Rate { count: 1000, per: Duration::from_secs(1) },
        ..AuthenticatorConfig::new(vec![network()])
    };
    let mut authenticator = Authenticator::new(config, &SipKey::new([7; 16]));
    let alice = attempt(Scheme::Digest("alice"));
    let answer = |challenge: &str| Credential::new("alice", b"open sesame", challenge).text();
    // Twice round, so that every bit is used and free again.
    for round in 0..3 {
        let asked: Vec<_> =
            (0..64).map(|_| answer(&challenge(authenticator.examine(at(round), &alice)))).collect();
        for text in &asked {
            assert_eq!(authenticator.examine(at(round), &with(&alice, text)), Verdict::Authenticated);
        }
        for text in &asked[..1] {
            assert!(is_stale(authenticator.examine(at(round), &with(&alice, text))), "used");
        }
    }
    let first = answer(&challenge(authenticator.examine(at(4), &alice)));
    let second = answer(&challenge(authenticator.examine(at(4), &alice)));
    for _ in 0..63 {
        challenge(authenticator.examine(at(4), &alice));
    }
    assert!(is_stale(authenticator.examine(at(4), &with(&alice, &first))), "64 were issued since");
    let stale = authenticator.counts.stale;
    assert!(is_stale(authenticator.examine(at(4), &with(&alice, &second))), "and now 64 since the second");
    assert_eq!(authenticator.counts.stale, stale + 1);
    assert_eq!(authenticator.sizes()[0], ("nonces", 64));
}

#[test]
fn an_identity_gets_so_many_challenges_and_a_proven_source_its_own() {
    let mut authenticator = authenticator();
    let alice = attempt(Scheme::Digest("alice"));
    let text =
        Credential::new("alice", b"open sesame", &challenge(authenticator.examine(at(0), &alice))).text();
    assert_eq!(authenticator.examine(at(0), &with(&alice, &text)), Verdict::Authenticated);
    // Strangers use up what there is for everybody.
    let stranger = from("198.51.100.1", "alice");
    let got =
        (0..30).filter(|_| matches!(authenticator.examine(at(0), &stranger), Verdict::Challenge(_))).count();
    assert_eq!((got, authenticator.counts.limited_identity), (9, 21));
    assert_eq!(limit(authenticator.examine(at(0), &from("198.51.100.2", "alice"))), 1);
    // Who was right before still gets ten, and no more.
    let got =
        (0..30).filter(|_| matches!(authenticator.examine(at(0), &alice), Verdict::Challenge(_))).count();
    assert_eq!(got, 10);
    assert_eq!(limit(authenticator.examine(at(0), &alice)), 1);
    // A second brings one more.
    challenge(authenticator.examine(at(1000), &stranger));
    limit(authenticator.examine(at(1000), &stranger));
    // In another network it is another identity.
    challenge(authenticator.examine(at(1000), &Attempt { network: 1, ..stranger }));
}

#[test]
fn a_source_gets_so_many_challenges() {
    let mut authenticator = authenticator();
    let users: Vec<String> = (0..200).map(|number| format!("user{number}")).collect();
    let mut ask = |source: &str, user: &str| {
        let attempt = Attempt { source: source.parse().unwrap(), ..attempt(Scheme::Digest(user)) };
        matches!(authenticator.examine(at(0), &attempt), Verdict::Challenge(_))
    };
    assert_eq!(users.iter().filter(|user| ask("198.51.100.1", user)).count(), 100);
    assert!(ask("198.51.100.2", "user0"));
    let one_link = |number: usize| format!("2001:db8::{number:x}");
    let got = users.iter().enumerate().filter(|(number, user)| ask(&one_link(*number), user)).count();
    assert_eq!(got, 100, "addresses of one /64 are one source");
    assert!(ask("2001:db8:0:1::1", "user1"));
    assert_eq!(authenticator.counts.limited_source, 200);
}

#[test]
fn wrong_answers_bring_pauses_that_grow_and_end() {
    let mut authenticator = authenticator();
    let alice = attempt(Scheme::Digest("alice"));
    let mut now = 0;
    let fail = |authenticator: &mut Authenticator, now| {
        let asked = challenge(authenticator.examine(at(now), &alice));
        let text = Credential::new("alice", b"?", &asked).text();
        let verdict = authenticator.examine(at(now), &with(&alice, &text));
        assert_eq!(verdict, Verdict::Refused(Reason::WrongResponse));
    };
    for _ in 0..5 {
        fail(&mut authenticator, now);
    }
    for pause in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        assert_eq!(limit(authenticator.examine(at(now), &alice)), pause);
        assert!(limit(authenticator.examine(at(now + u64::from(pause) * 1000 - 1), &alice)) == 1);
        now += u64::from(pause) * 1000;
        fail(&mut authenticator, now);
    }
    assert_eq!(authenticator.counts.limited_failures, 18);
    // From another source nobody waits, and a right answer ends it.
    let elsewhere = from("203.0.113.5", "alice");
    challenge(authenticator.examine(at(now), &elsewhere));
    now += 60_000;
    let text =
        Credential::new("alice", b"open sesame", &challenge(authenticator.examine(at(now), &alice))).text();
    assert_eq!(authenticator.examine(at(now), &with(&alice, &text)), Verdict::Authenticated);
    for _ in 0..4 {
        now += 1000;
        fail(&mut authenticator, now);
    }
    challenge(authenticator.examine(at(now + 1000), &alice));
}

#[test]
fn a_bucket_fills_evenly() {
    let rate = Rate { count: 4, per: Duration::from_secs(2) };
    let mut bucket = Bucket::default();
    assert!((0..4).all(|_| bucket.take(at(5000), rate).is_ok()));
    assert_eq!(bucket.take(at(5000), rate), Err(Duration::from_millis(500)));
    assert_eq!(bucket.take(at(5499), rate), Err(Duration::from_millis(1)));
    assert_eq!(bucket.take(at(5500), rate), Ok(()));
    assert!(bucket.take(at(5500), rate).is_err());
    assert!((0..4).all(|_| bucket.take(at(60_000), rate).is_ok()));
    assert!(bucket.take(at(60_000), rate).is_err());
}

#[test]
fn pauses_do_not_overflow() {
    let pauses = Pauses { after: 0, first: Duration::from_secs(1), longest: Duration::from_secs(60) };
    let mut standing = Standing::default();
    for _ in 0..100 {
        standing.failed(at(0), pauses);
    }
    assert_eq!(standing.pause(at(1)), Some(Duration::from_millis(59_999)));
    assert_eq!(standing.pause(at(60_000)), None);
}

#[test]
fn what_was_not_asked_for_the_longest_is_forgotten() {
    let mut recent = Recent::<u32>::new(SipKey::new([1; 16]), 8);
    assert_eq!(recent.capacity(), 8);
    for number in 1..=8u32 {
        *recent.of(&[&number.to_le_bytes()]) = number;
    }
    assert_eq!(*recent.of(&[&1u32.to_le_bytes()]), 1, "asked again");
    *recent.of(&[&9u32.to_le_bytes()]) = 9;
    let kept: Vec<_> =
        [1, 3, 4, 5, 6, 7, 8, 9].iter().map(|it: &u32| *recent.of(&[&it.to_le_bytes()])).collect();
    assert_eq!(kept, [1, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(*recent.of(&[&2u32.to_le_bytes()]), 0);
    assert_eq!(Recent::<u32>::new(SipKey::new([1; 16]), 9).capacity(), 16);
}
