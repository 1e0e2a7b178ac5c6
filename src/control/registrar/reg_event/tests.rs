use super::*;
use crate::stack::Deferred;

const ALICE: &str = "sip:alice@home1.net";
const START: Time = Time::from_millis(1_000);
/// The S-CSCF's tag and target.
const TAG: &str = "s1";
const TARGET: &str = "sip:scscf1.home1.net:5070;x=y";

fn identity(text: &str) -> Identity {
    Identity::new(text.as_bytes()).unwrap()
}

fn watched(text: &str) -> Watched {
    Watched { network: 0, identity: identity(text) }
}

fn path(host: u8) -> Path {
    Path {
        worker: WorkerId(1),
        local: "10.0.0.1:5060".parse().unwrap(),
        remote: SocketAddr::new([10, 1, 0, host].into(), 5060),
        route: identity("sip:scscf1.home1.net"),
    }
}

fn after(seconds: u64) -> Time {
    START + Duration::from_secs(seconds)
}

/// A document with the contacts that are told, each with whether it is registered and takes messages.
fn document(version: u32, state: &str, contacts: &[(&str, bool, bool)]) -> String {
    let contact = |(id, active, takes): &(&str, bool, bool)| {
        let (state, event) = if *active { ("active", "registered") } else { ("terminated", "unregistered") };
        let param = if *takes { "<unknown-param name=\"+g.3gpp.smsip\"/>" } else { "" };
        format!(
            "<contact id=\"{id}\" state=\"{state}\" event=\"{event}\"><uri>sip:a@b</uri>{param}</contact>"
        )
    };
    let contacts: String = contacts.iter().map(contact).collect();
    format!(
        "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{version}\" state=\"{state}\">\
         <registration aor=\"{ALICE}\" id=\"r\" state=\"active\">{contacts}</registration></reginfo>"
    )
}

struct Bench {
    machine: RegEvent,
    now: Time,
}

impl Bench {
    fn new() -> Self {
        Self::with(Limits { most: 8, per_second: 1_000, expires: 600_000 })
    }

    fn with(limits: Limits) -> Self {
        Self { machine: RegEvent::new(limits), now: START }
    }

    /// Alice is watched, and her SUBSCRIBE is under way.
    fn asked() -> (Self, Subscribe) {
        let mut bench = Self::new();
        assert!(bench.machine.watch(START, watched(ALICE), path(5)));
        let subscribe = bench.one();
        (bench, subscribe)
    }

    /// Alice has a subscription for an hour, and these contacts.
    fn subscribed(contacts: &[(&str, bool, bool)]) -> (Self, u64) {
        let (mut bench, subscribe) = Self::asked();
        let number = subscribe.subscription;
        bench.answer(number, 200, Some(3_600));
        assert_eq!(bench.notify(number, 1, "active", &document(0, "full", contacts)), 200);
        assert!(bench.sent().is_empty());
        bench.told();
        (bench, number)
    }

    fn sent(&mut self) -> Vec<Subscribe> {
        self.machine.assert_invariants();
        std::iter::from_fn(|| self.machine.poll_send()).map(|(_, subscribe)| subscribe).collect()
    }

    fn one(&mut self) -> Subscribe {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    /// What was told: before and now, who has contacts and who takes messages.
    fn told(&mut self) -> Vec<[bool; 4]> {
        let events = std::iter::from_fn(|| self.machine.poll_event());
        events
            .map(|Event { before, now, .. }| {
                [before.is_active, before.takes_messages, now.is_active, now.takes_messages]
            })
            .collect()
    }

    fn answer(&mut self, number: u64, status: u16, expires: Option<u32>) {
        self.machine.answered(self.now, number, &Subscribed { status, expires, ..Subscribed::default() });
    }

    fn notify(&mut self, number: u64, sequence: u32, state: &str, body: &str) -> u16 {
        self.notified(&Notified { ..Self::notification(number, sequence, state, body) })
    }

    fn notification(number: u64, sequence: u32, state: &str, body: &str) -> Notified {
        Notified {
            subscription: number,
            remote_tag: TAG.into(),
            sequence,
            state: state.into(),
            contact: Some(TARGET.into()),
            routes: Some(vec!["sip:p1.home1.net;lr".into(), "sip:p2.home1.net;lr".into()]),
            body: body.into(),
            worker: WorkerId(0),
            reply_to: Deferred::numbered(1),
        }
    }

    fn notified(&mut self, notified: &Notified) -> u16 {
        let status = self.machine.notified(self.now, notified);
        self.machine.assert_invariants();
        status
    }

    /// Lets time pass until the next SUBSCRIBE, and no longer.
    fn next(&mut self) -> (u64, Subscribe) {
        loop {
            if let Some((_, subscribe)) = self.machine.poll_send() {
                self.machine.assert_invariants();
                return (self.now.since(START).as_secs(), subscribe);
            }
            self.now = self.machine.poll_timeout().max(self.now);
            assert!(self.now < Time::NEVER, "nothing is due");
            self.machine.handle_timeout(self.now);
        }
    }

    /// Lets time pass until then, deadline by deadline; what was sent, and when.
    fn until(&mut self, end: Time) -> Vec<(u64, Subscribe)> {
        let at = self.now.since(START).as_secs();
        let mut all: Vec<_> = self.sent().into_iter().map(|subscribe| (at, subscribe)).collect();
        loop {
            let next = self.machine.poll_timeout();
            self.now = next.min(end).max(self.now);
            self.machine.handle_timeout(self.now);
            let at = self.now.since(START).as_secs();
            all.extend(self.sent().into_iter().map(|subscribe| (at, subscribe)));
            if next >= end {
                return all;
            }
        }
    }
}

#[test]
fn a_subscribe_says_who_is_watched_and_a_refresh_is_within_the_dialogue() {
    let (mut bench, first) = Bench::asked();
    let number = first.subscription;
    let expected = Subscribe {
        subscription: number,
        network: 0,
        local: path(5).local,
        remote: path(5).remote,
        request_uri: ALICE.into(),
        to: identity(ALICE),
        to_tag: vec![],
        routes: vec!["sip:scscf1.home1.net;lr".into()],
        expires: 600_000,
        sequence: 1,
    };
    assert!(first == expected, "{first:?}");
    bench.answer(number, 202, Some(7_200));
    assert_eq!(bench.notify(number, 41, "active", &document(0, "full", &[("1", true, true)])), 200);
    assert_eq!(bench.told(), [[false, false, true, true]]);
    // Ten minutes before the end.
    let sent = bench.until(after(6_601));
    assert_eq!(sent.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [6_600]);
    let refresh = Subscribe {
        request_uri: TARGET.into(),
        to_tag: TAG.into(),
        routes: vec!["sip:p1.home1.net;lr".into(), "sip:p2.home1.net;lr".into()],
        sequence: 2,
        ..expected
    };
    assert!(sent[0].1 == refresh, "{:?}", sent[0].1);
    // What it brings is the same: nobody is told. A shorter life is halved.
    bench.answer(number, 200, Some(600));
    assert_eq!(
        bench.notify(number, 42, "active;expires=600", &document(1, "full", &[("1", true, true)])),
        200
    );
    assert!(bench.told().is_empty());
    let sent = bench.until(after(6_601 + 301));
    assert_eq!(sent.iter().map(|(at, it)| (*at, it.sequence)).collect::<Vec<_>>(), [(6_901, 3)]);
    assert_eq!((bench.machine.counts.subscribed, bench.machine.counts.subscribe_sent), (2, 3));
}

#[test]
fn a_strict_router_is_written_into_the_request_uri() {
    let (mut bench, first) = Bench::asked();
    let routes = Some(vec!["sip:strict.net".into(), "sip:loose.net;LR".into()]);
    let notified =
        Notified { routes, ..Bench::notification(first.subscription, 1, "active;expires=100", "") };
    assert_eq!(bench.notified(&notified), 200);
    bench.answer(first.subscription, 200, Some(100));
    let (_, refresh) = bench.until(after(51)).remove(0);
    assert_eq!(refresh.request_uri, "sip:strict.net");
    assert_eq!(refresh.routes, ["sip:loose.net;LR", TARGET]);
}

#[test]
fn a_notify_before_the_200() {
    let (mut bench, first) = Bench::asked();
    let number = first.subscription;
    let body = document(0, "full", &[("1", true, true)]);
    assert_eq!(bench.notify(number, 1, "active;expires=3600", &body), 200);
    assert_eq!(bench.told(), [[false, false, true, true]]);
    bench.answer(number, 200, Some(3_600));
    assert!(bench.until(after(2_999)).is_empty(), "the 200 waits for no second NOTIFY");
    assert_eq!(bench.until(after(3_000)).len(), 1);
}

#[test]
fn a_version_gap_asks_for_the_full_state() {
    let (mut bench, number) = Bench::subscribed(&[("1", true, true)]);
    assert_eq!(bench.notify(number, 2, "active", &document(1, "partial", &[("2", true, false)])), 200);
    assert!(bench.told().is_empty(), "both are there, one takes messages");
    // The contact that leaves was told in a document that was lost.
    let gap = document(3, "partial", &[("3", true, false)]);
    assert_eq!(bench.notify(number, 4, "active", &gap), 200);
    let again = bench.one();
    assert_eq!((again.subscription, again.sequence, again.to_tag.as_slice()), (number, 2, TAG.as_bytes()));
    assert_eq!(bench.machine.counts.version_gaps, 1);
    // Nothing of it is believed, and what follows it neither, until everything is told.
    bench.answer(number, 200, Some(3_600));
    assert_eq!(bench.notify(number, 5, "active", &document(4, "partial", &[("1", false, false)])), 200);
    assert!(bench.told().is_empty() && bench.sent().is_empty());
    assert_eq!(bench.notify(number, 6, "active", &document(5, "full", &[("2", true, false)])), 200);
    assert_eq!(bench.told(), [[true, true, true, false]]);
    assert_eq!(bench.machine.counts.without_smsip, 1);
    assert_eq!(bench.notify(number, 7, "active", &document(6, "partial", &[("2", false, false)])), 200);
    assert_eq!(bench.told(), [[true, false, false, false]]);
}

#[test]
fn gaps_that_go_on_are_asked_about_more_and_more_seldom() {
    let (mut bench, number) = Bench::subscribed(&[("1", true, true)]);
    let mut times = vec![];
    for round in 0..5 {
        let gap = document(7, "partial", &[]);
        assert_eq!(bench.notify(number, 2 + 2 * round, "active", &gap), 200);
        times.push(bench.next().0);
        bench.answer(number, 200, Some(3_600));
        assert_eq!(bench.notify(number, 3 + 2 * round, "active", &gap), 200);
    }
    assert!(times.windows(2).all(|pair| pair[1] > pair[0]), "{times:?}");
}

#[test]
fn full_state_with_version_0_again() {
    let (mut bench, number) = Bench::subscribed(&[("1", true, true)]);
    for (sequence, contacts, told) in [
        (2, &[("1", true, false)][..], vec![[true, true, true, false]]),
        (3, &[("1", true, false)], vec![]),
        (5, &[("9", true, true)], vec![[true, false, true, true]]),
        (6, &[], vec![[true, true, false, false]]),
    ] {
        assert_eq!(bench.notify(number, sequence, "active", &document(0, "full", contacts)), 200);
        assert_eq!(bench.told(), told, "{sequence}");
    }
    assert_eq!(bench.machine.counts.version_gaps, 0);
}

#[test]
fn what_is_old_forked_or_of_nobody_is_refused_and_changes_nothing() {
    let (mut bench, number) = Bench::subscribed(&[("1", true, true)]);
    let gone = document(1, "full", &[]);
    assert_eq!(bench.notify(number, 1, "active", &gone), 500, "the same CSeq");
    assert_eq!(bench.notify(number, 0, "active", &gone), 500);
    let forked = Notified { remote_tag: "s2".into(), ..Bench::notification(number, 9, "active", &gone) };
    assert_eq!(bench.notified(&forked), 481);
    assert_eq!(bench.notify(number + 1, 9, "active", &gone), 481);
    assert!(bench.told().is_empty() && bench.sent().is_empty());
    let counts = &bench.machine.counts;
    assert_eq!((counts.notify_out_of_order, counts.notify_forked, counts.notify_unknown), (2, 1, 1));
    assert_eq!(bench.notify(number, 2, "active", &gone), 200);
    assert_eq!(bench.told(), [[true, true, false, false]]);
}

#[test]
fn what_can_not_be_read_is_refused_and_everything_asked_for() {
    let of = |number| Bench::notification(number, 2, "active", "");
    type Change = fn(Notified) -> Notified;
    let wrong: [Change; 6] = [
        |it| Notified { state: b"".to_vec(), ..it },
        |it| Notified { state: b";".to_vec(), ..it },
        |it| Notified { body: b"<reginfo".to_vec(), ..it },
        |it| Notified { body: vec![b' '; reginfo::MAX + 1], ..it },
        |it| Notified { contact: None, ..it },
        |it| Notified { routes: None, ..it },
    ];
    for (at, change) in wrong.into_iter().enumerate() {
        let (mut bench, number) = Bench::subscribed(&[("1", true, true)]);
        assert_eq!(bench.notified(&change(of(number))), 400, "{at}");
        assert!(bench.told().is_empty(), "{at}: nobody loses his registration by it");
        assert_eq!((bench.one().sequence, bench.machine.counts.notify_malformed), (2, 1), "{at}");
    }
    // Before there is a dialogue it begins none.
    let (mut bench, first) = Bench::asked();
    let untagged = Notified { remote_tag: vec![], ..of(first.subscription) };
    assert_eq!(bench.notified(&untagged), 400);
    assert_eq!(bench.machine.watched(), (1, 1));
}

#[test]
fn every_way_to_end_has_its_rule() {
    let next = |state: &str| {
        let (mut bench, number) = Bench::subscribed(&[("1", true, true)]);
        assert_eq!(bench.notify(number, 2, state, ""), 200);
        assert_eq!(bench.machine.counts.terminated, 1);
        let sent = bench.until(after(4_000));
        let first = sent.first().map(|(at, again)| {
            assert!(again.subscription != number && again.to_tag.is_empty(), "another dialogue");
            assert_eq!(again.sequence, 1);
            *at
        });
        assert_eq!(bench.notify(number, 3, "active", ""), 481, "{state}: the old one is over");
        (first, bench.told())
    };
    assert_eq!(next("terminated;reason=deactivated"), (Some(0), vec![]));
    assert_eq!(next("terminated;reason=timeout"), (Some(0), vec![]));
    assert_eq!(next("terminated;reason=probation;retry-after=90"), (Some(90), vec![]));
    assert_eq!(next("terminated;reason=giveup"), (Some(1), vec![]));
    assert_eq!(next("terminated"), (Some(1), vec![]));
    assert_eq!(next("terminated;reason=rejected"), (None, vec![]));
    assert_eq!(next("terminated;reason=invariant"), (None, vec![]));
    assert_eq!(next("terminated;reason=noresource"), (None, vec![[true, true, false, false]]));
    // Whoever registers again is watched again.
    let (mut bench, number) = Bench::subscribed(&[("1", true, true)]);
    bench.notify(number, 2, "terminated;reason=rejected", "");
    assert!(bench.machine.watch(bench.now, watched(ALICE), path(5)));
    assert_eq!(bench.one().sequence, 1);
}

#[test]
fn a_notifier_that_ends_every_subscription_is_asked_more_and_more_seldom() {
    let (mut bench, subscribe) = Bench::asked();
    let (mut number, mut times) = (subscribe.subscription, vec![]);
    for _ in 0..14 {
        bench.answer(number, 200, Some(3_600));
        assert_eq!(bench.notify(number, 1, "terminated;reason=deactivated", ""), 200);
        let (at, again) = bench.next();
        number = again.subscription;
        times.push(at);
    }
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses[..4], [2, 4, 8, 16]);
    assert_eq!(pauses.last(), Some(&600));
}

#[test]
fn a_subscribe_that_fails_is_tried_again_and_what_is_known_stays() {
    let (mut bench, number) = Bench::subscribed(&[("1", true, true)]);
    let (_, refresh) = bench.until(after(3_000)).remove(0);
    assert_eq!(refresh.subscription, number);
    // Not the end of the dialogue: it is tried within it, after what was asked for.
    let busy = Subscribed { status: 503, retry_after: Some(20), ..Subscribed::default() };
    bench.machine.answered(bench.now, number, &busy);
    assert_eq!(bench.notify(number, 2, "active", &document(1, "partial", &[])), 200, "it lives");
    let (at, again) = bench.until(after(3_020)).remove(0);
    assert_eq!((at, again.subscription, again.sequence), (3_020, number, 3));
    // The end of it.
    bench.answer(number, 481, None);
    let (at, another) = bench.until(after(3_030)).remove(0);
    assert_eq!((at, another.to_tag.len(), another.sequence), (3_022, 0, 1));
    assert_ne!(another.subscription, number);
    // Silence, and no word from the worker either.
    let (at, third) = bench.until(after(3_022 + 42 + 4)).remove(0);
    assert_eq!((at, third.sequence), (3_022 + 42 + 4, 1));
    assert!(third.subscription != another.subscription, "nobody knows whether there is a dialogue");
    assert!(bench.told().is_empty());
    let counts = &bench.machine.counts;
    assert_eq!((counts.refused, counts.unanswered), (2, 1));
    // 408 of the worker is no more than that.
    bench.answer(third.subscription, 408, None);
    assert_eq!(bench.machine.counts.unanswered, 2);
}

#[test]
fn an_accepted_subscribe_without_notify_is_a_failure() {
    let (mut bench, first) = Bench::asked();
    bench.answer(first.subscription, 200, Some(3_600));
    assert!(bench.until(after(31)).is_empty());
    let sent = bench.until(after(33));
    assert_eq!(sent.iter().map(|(at, it)| (*at, it.sequence)).collect::<Vec<_>>(), [(33, 1)]);
    assert_eq!(bench.machine.counts.unanswered, 1);
}

#[test]
fn the_fewest_seconds_are_asked_for() {
    let (mut bench, first) = Bench::asked();
    let brief = Subscribed { status: 423, min_expires: Some(700_000), ..Subscribed::default() };
    bench.machine.answered(bench.now, first.subscription, &brief);
    let (_, again) = bench.until(after(1)).remove(0);
    assert_eq!(again.expires, 700_000);
}

#[test]
fn whom_nobody_watches_any_more_is_unsubscribed() {
    let (mut bench, number) = Bench::subscribed(&[("1", true, true)]);
    bench.machine.stop(bench.now, watched(ALICE));
    let last = bench.one();
    assert_eq!((last.subscription, last.expires, last.to_tag.as_slice()), (number, 0, TAG.as_bytes()));
    // What is told meanwhile is taken and is of no interest.
    assert_eq!(bench.notify(number, 2, "active", &document(1, "full", &[])), 200);
    bench.answer(number, 200, Some(0));
    assert_eq!(bench.notify(number, 3, "terminated;reason=timeout", ""), 200);
    assert_eq!(bench.machine.watched(), (0, 0));
    assert_eq!(bench.notify(number, 4, "active", ""), 481);
    assert!(bench.told().is_empty());
    // Nobody waits for ever for the last NOTIFY, or the answer.
    for answer in [Some(200), Some(481), None] {
        let (mut bench, number) = Bench::subscribed(&[("1", true, true)]);
        bench.machine.stop(bench.now, watched(ALICE));
        bench.one();
        if let Some(status) = answer {
            bench.answer(number, status, Some(0));
        }
        assert!(bench.until(after(60)).is_empty());
        assert_eq!(bench.machine.watched(), (0, 0), "{answer:?}");
    }
    // Without a dialogue there is nothing to end, and who registers again meanwhile is watched anew.
    let (mut bench, first) = Bench::asked();
    bench.machine.stop(bench.now, watched(ALICE));
    assert!(bench.sent().is_empty());
    assert!(bench.machine.watch(bench.now, watched(ALICE), path(5)));
    assert_ne!(bench.one().subscription, first.subscription);
}

#[test]
fn another_s_cscf_is_asked_anew_and_what_is_known_stays_until_it_answers() {
    let (mut bench, number) = Bench::subscribed(&[("1", true, true)]);
    assert!(bench.machine.watch(bench.now, watched(ALICE), path(5)));
    assert!(bench.sent().is_empty(), "the same S-CSCF says nothing new");
    assert!(bench.machine.watch(bench.now, watched(ALICE), path(6)));
    let again = bench.one();
    assert_eq!((again.remote, again.sequence, again.to_tag.len()), (path(6).remote, 1, 0));
    assert_eq!(bench.notify(number, 2, "active", &document(1, "full", &[])), 481, "the first one's word");
    assert!(bench.machine.presence(watched(ALICE)).takes_messages);
    let body = document(0, "full", &[]);
    assert_eq!(bench.notify(again.subscription, 1, "active", &body), 200);
    assert_eq!(bench.told(), [[true, true, false, false]]);
}

#[test]
fn subscribes_are_paced_and_bounded() {
    let mut bench = Bench::with(Limits { most: 30, per_second: 10, expires: 600 });
    for user in 0..31 {
        let room = bench.machine.watch(START, watched(&format!("sip:u{user}@home1.net")), path(5));
        assert_eq!(room, user < 30);
    }
    assert_eq!(bench.machine.counts.full, 1);
    let mut at: Vec<u64> = bench.sent().iter().map(|_| 0).collect();
    assert!(at.len() <= 2, "{}", at.len());
    at.extend(bench.until(after(10)).iter().map(|(at, _)| *at));
    assert_eq!(at.len(), 30);
    for second in 0..3 {
        let count = at.iter().filter(|it| **it == second).count();
        assert!((8..=12).contains(&count), "{second}: {count}");
    }
    assert!(bench.machine.counts.paced >= 28);
}

#[test]
fn contacts_are_bounded_over_many_documents() {
    let (mut bench, number) = Bench::subscribed(&[]);
    for round in 0..4u32 {
        let names: Vec<String> = (0..100).map(|at| format!("{round}-{at}")).collect();
        let contacts: Vec<_> = names.iter().map(|name| (name.as_str(), true, true)).collect();
        assert_eq!(
            bench.notify(number, 2 + round, "active", &document(1 + round, "partial", &contacts)),
            200
        );
    }
    assert_eq!((bench.machine.counts.version_gaps, bench.sent().len()), (2, 1));
    let body = document(0, "full", &[]);
    assert_eq!(bench.notify(number, 20, "active", &body), 200);
    assert!(!bench.machine.presence(watched(ALICE)).is_active);
}

/// Everything may come at any time, in any order.
#[test]
fn a_hundred_thousand_random_events_leave_nothing_lying() {
    let mut random = crate::base::Random::stream(7, 1);
    let mut bench = Bench::with(Limits { most: 4, per_second: 50, expires: 600_000 });
    let states = [
        "active",
        "active;expires=90",
        "active;expires=0",
        "pending",
        "terminated;reason=deactivated",
        "terminated;reason=rejected",
        "terminated;reason=noresource",
        "terminated",
        "",
    ];
    let rounds = if cfg!(miri) { 1_000 } else { 100_000 };
    for _ in 0..rounds {
        let user = watched(["sip:a@h", "sip:b@h", "sip:c@h", "sip:d@h", "sip:e@h"][random.below(5) as usize]);
        let number = bench.machine.next.saturating_sub(random.below(6));
        match random.below(12) {
            0 => {
                let _room = bench.machine.watch(bench.now, user, path(random.below(2) as u8));
            }
            1 => bench.machine.stop(bench.now, user),
            2..=4 => {
                let status = [200, 202, 423, 481, 503, 408, 403][random.below(7) as usize];
                bench.answer(number, status, [None, Some(0), Some(9), Some(7_000)][random.below(4) as usize]);
            }
            5..=8 => {
                let state = states[random.below(states.len() as u64) as usize];
                let kind = if random.below(2) == 0 { "full" } else { "partial" };
                let one = ("1", random.below(2) == 0, random.below(2) == 0);
                let body = document(random.below(4) as u32, kind, &[one]);
                bench.notify(number, random.below(40) as u32, state, &body);
            }
            _ => {
                let end = bench.now + Duration::from_secs(random.below(100));
                bench.until(end);
            }
        }
        bench.told();
        bench.sent();
    }
    assert!(bench.machine.watches.len() <= 4);
    assert!(bench.machine.counts.notified > rounds / 100);
}

/// A subscription that is active and has no time left: the peer is asked again, and seldom.
#[test]
fn an_active_subscription_without_time_is_not_asked_for_again_and_again() {
    let (mut bench, subscribe) = Bench::asked();
    let mut number = subscribe.subscription;
    let mut asked = 1;
    for second in 1..=600 {
        bench.answer(number, 200, Some(3_600));
        bench.notify(number, 1, "active;expires=0", &document(0, "full", &[("c", true, true)]));
        bench.now = after(second);
        bench.machine.handle_timeout(bench.now);
        for subscribe in bench.sent() {
            number = subscribe.subscription;
            asked += 1;
        }
    }
    assert!((5..12).contains(&asked), "asked {asked} times in ten minutes");
    assert_eq!(bench.told(), [[false, false, true, true]], "what it says is true all the same");
}
