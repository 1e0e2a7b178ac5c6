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
    Attempt { source: source.parse().unwrap(), ..attempt(digest(user)) }
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
    let alice = attempt(digest("alice"));
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
    let alice = attempt(digest("alice"));
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

/// Guesses are bounded by challenges: those that were got for others don't serve, and a try with them costs one of the
/// subscriber's own; a further name of his brings no more.
#[test]
fn strangers_guess_as_often_as_a_subscriber_gets_challenges() {
    let mut authenticator = authenticator();
    let Scheme::Digest { imsi, .. } = digest("alice") else { unreachable!() };
    let (mut guesses, mut got) = (0, 0);
    for number in 0..100 {
        let source = format!("198.51.100.{number}");
        let (user, other) = (["alice", "bob"][number % 2], format!("user{number}"));
        for scheme in [Scheme::Digest { imsi, user: None }, digest(&other)] {
            let asked = Attempt { scheme, ..from(&source, user) };
            let Verdict::Challenge(values) = authenticator.examine(at(0), &asked) else { continue };
            got += 1;
            let text = Credential::new(user, b"guess", &values[0]).text();
            let named = Attempt { scheme: Scheme::Digest { imsi, user: Some(user) }, ..asked };
            let verdict = authenticator.examine(at(0), &with(&named, &text));
            guesses += u32::from(verdict == Verdict::Refused(Reason::WrongResponse));
        }
    }
    assert_eq!((guesses, got), (5, 105));
}

#[test]
fn a_source_gets_so_many_challenges() {
    let mut authenticator = authenticator();
    let users: Vec<String> = (0..200).map(|number| format!("user{number}")).collect();
    let mut ask = |source: &str, user: &str| {
        let attempt = Attempt { source: source.parse().unwrap(), ..attempt(digest(user)) };
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
    let alice = attempt(digest("alice"));
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
fn what_was_not_changed_for_the_longest_is_forgotten() {
    let mut recent = Recent::<u32>::new(SipKey::new([1; 16]), 8);
    assert_eq!(recent.capacity(), 8);
    assert_eq!(recent.get(&[&1u32.to_le_bytes()]), None);
    for number in 1..=8u32 {
        *recent.change(&[&number.to_le_bytes()]) = number;
    }
    assert_eq!(*recent.change(&[&1u32.to_le_bytes()]), 1, "changed again");
    assert_eq!(recent.get(&[&2u32.to_le_bytes()]), Some(&2), "but only asked for");
    *recent.change(&[&9u32.to_le_bytes()]) = 9;
    let kept = (1..=9u32).map(|number| recent.get(&[&number.to_le_bytes()]).copied().unwrap_or(0));
    assert_eq!(kept.collect::<Vec<_>>(), [1, 0, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(Recent::<u32>::new(SipKey::new([1; 16]), 9).capacity(), 16);
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) as usize % end
    }
}

/// Strangers who know everything but passwords, and answer with what they see, from their own sources or from home.
#[test]
fn of_ten_thousand_strangers_none_passes_and_the_user_always_does() {
    let mut authenticator = authenticator();
    let mut random = Random(1);
    let alice = attempt(digest("alice"));
    let right = |challenge: &str| Credential::new("alice", b"open sesame", challenge);
    let mut seen = vec![];
    for number in 0..10_000u64 {
        let now = at(number * 10);
        if number % 100 == 0 {
            let credential = right(&challenge(authenticator.examine(now, &alice)));
            assert_eq!(authenticator.examine(now, &with(&alice, &credential.text())), Verdict::Authenticated);
            seen.push(credential);
        }
        let source = format!("198.51.100.{}", random.below(40));
        let user = ["alice", "bob", "mallory"][random.below(3)];
        let asked = from(&source, user);
        if let Verdict::Challenge(values) = authenticator.examine(now, &asked) {
            seen.push(Credential::new(user, b"guess", &values[0]));
        }
        // A right answer that was overheard too: it was used. Some claim to come from home, not so
        // many that home's own bucket is empty: from there nobody can tell them from the user.
        let mut credential = seen[random.below(seen.len())].clone();
        match random.below(4) {
            0 => credential.username = user.into(),
            1 => credential.nonce = seen[random.below(seen.len())].nonce.clone(),
            2 => credential.nc = format!("{:08x}", random.below(3)),
            _ => {}
        }
        let text = credential.text();
        let source = if random.below(64) == 0 { HOME } else { source.as_str() };
        let verdict = authenticator.examine(now, &with(&from(source, user), &text));
        assert_ne!(verdict, Verdict::Authenticated, "{number}");
    }
    let counts = &authenticator.counts;
    assert_eq!(counts.verified, 100);
    assert!(
        counts.wrong_response > 20 && counts.stale > 1000 && counts.limited_identity > 1000,
        "{counts:?}"
    );
}

#[test]
fn no_octets_panic() {
    let mut random = Random(2);
    let mut authenticator = authenticator();
    let aka = Scheme::Aka("262011234567890".parse().unwrap());
    let whole = format!(
        "Digest username=\"alice\",realm=\"{REALM}\",nonce=\"{}\",uri=\"{URI}\",response=\"{}\",algorithm=AKAv1-MD5,\
         cnonce=\"a\",nc=00000001,qop=auth,auts=\"AAAA\"",
        "A".repeat(108),
        "a".repeat(32)
    );
    for number in 0..20_000 {
        let mut octets = whole.clone().into_bytes();
        for _ in 0..=random.below(4) {
            let at = random.below(octets.len());
            match random.below(4) {
                0 => drop(octets.remove(at)),
                1 => octets.insert(at, random.below(256) as u8),
                2 => octets[at] = b"\",=\\ \r\n\t%"[random.below(9)],
                _ => octets[at] ^= 1 << random.below(8),
            }
        }
        let scheme = if number % 2 == 0 { aka } else { digest("alice") };
        let attempt = Attempt { authorization: Some(&octets), ..attempt(scheme) };
        assert_ne!(authenticator.examine(at(number), &attempt), Verdict::Authenticated);
    }
}
