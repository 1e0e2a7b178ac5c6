use super::*;

const NOW: Time = Time::from_millis(1_000);
const TIMES: Times = Times {
    answer: Duration::from_secs(2),
    repair: Duration::from_secs(60),
    lost: Duration::from_secs(30),
    per_second: 500,
    outstanding: 1_000,
};
const SYSTEM_FAILURE: MapOutcome = MapOutcome::Error(34);
const UNKNOWN_SUBSCRIBER: MapOutcome = MapOutcome::Error(1);

fn party(number: u64) -> Party {
    Party { network: 0, imsi: format!("26201{number:010}").parse().unwrap() }
}

fn done() -> MapOutcome {
    MapOutcome::Returned(vec![])
}

/// The only operation to send now.
fn sent(r1: &mut R1<u32>) -> Option<(u64, Request)> {
    let send = r1.poll_send()?;
    assert!(r1.poll_send().is_none(), "one at a time");
    r1.assert_invariants();
    Some((send.operation, send.request))
}

fn settled(r1: &mut R1<u32>) -> Vec<(u32, Settled)> {
    r1.assert_invariants();
    settled_of(r1)
}

fn settled_of<W>(r1: &mut R1<W>) -> Vec<(W, Settled)> {
    std::iter::from_fn(|| r1.poll_event())
        .filter_map(|event| match event {
            Event::Settled(who, how) => Some((who, how)),
            _ => None,
        })
        .collect()
}

#[test]
fn one_operation_at_a_time_and_what_is_no_longer_wanted_is_never_sent() {
    let mut r1 = R1::new(TIMES, 1);
    assert_eq!(r1.wish(NOW, party(1), false, Some(9)), Some(9), "it never was");
    assert_eq!(r1.wish(NOW, party(1), true, Some(1)), None);
    let (first, request) = sent(&mut r1).unwrap();
    assert_eq!(request, Request::Register);
    // Away and back again while the first is under way: nothing more has to be said.
    r1.wish(NOW, party(1), false, Some(2));
    r1.wish(NOW, party(1), true, Some(3));
    assert_eq!(sent(&mut r1), None);
    assert_eq!(settled(&mut r1), [(1, Settled::Superseded), (2, Settled::Superseded)]);
    r1.ended(NOW, first, done());
    assert_eq!(settled(&mut r1), [(3, Settled::Agreed)]);
    assert_eq!(sent(&mut r1), None);
    assert_eq!(r1.wish(NOW, party(1), true, Some(4)), Some(4), "it agrees");
    r1.wish(NOW, party(1), false, None);
    let (second, request) = sent(&mut r1).unwrap();
    assert_eq!(request, Request::Deregister);
    r1.ended(NOW, second, done());
    assert_eq!((r1.entries.len(), r1.differing()), (0, 0), "nothing is kept of who has gone");
    r1.ended(NOW, second, done());
    assert_eq!(
        r1.counts,
        R1Counts { register_sent: 1, deregister_sent: 1, succeeded: 2, ..R1Counts::default() }
    );
}

#[test]
fn who_waits_is_told_after_two_seconds_and_the_exchange_goes_on() {
    let mut r1 = R1::new(TIMES, 1);
    r1.wish(NOW, party(1), true, Some(1));
    let (operation, _) = sent(&mut r1).unwrap();
    assert_eq!(r1.poll_timeout(), NOW + TIMES.answer);
    r1.handle_timeout(NOW + TIMES.answer);
    assert_eq!(settled(&mut r1), [(1, Settled::Late)]);
    r1.ended(NOW + Duration::from_secs(3), operation, UNKNOWN_SUBSCRIBER);
    let event = r1.poll_event();
    assert!(matches!(event, Some(Event::Refused(refused, 1)) if refused == party(1)), "{event:?}");
    assert_eq!((r1.differing(), r1.entries.len()), (0, 0));
}

#[test]
fn failures_are_tried_again_with_growing_pauses_within_the_time_for_repair() {
    let mut r1 = R1::new(TIMES, 1);
    r1.wish(NOW, party(1), true, None);
    let (mut operation, _) = sent(&mut r1).unwrap();
    let (mut now, mut pauses) = (NOW, vec![]);
    for outcome in [SYSTEM_FAILURE, MapOutcome::TimedOut, MapOutcome::Aborted, MapOutcome::NotSent]
        .into_iter()
        .chain(std::iter::repeat_n(SYSTEM_FAILURE, 4))
    {
        r1.ended(now, operation, outcome);
        assert_eq!(sent(&mut r1), None);
        let failed = now;
        operation = loop {
            now = r1.poll_timeout();
            r1.handle_timeout(now);
            if let Some((operation, _)) = sent(&mut r1) {
                break operation;
            }
        };
        pauses.push(now.since(failed).as_secs());
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
    r1.ended(now, operation, done());
    assert_eq!(r1.differing(), 0);
}

#[test]
fn an_unknown_end_is_made_certain_before_anything_else() {
    let mut r1 = R1::new(TIMES, 1);
    r1.wish(NOW, party(1), true, None);
    let (register, _) = sent(&mut r1).unwrap();
    r1.wish(NOW, party(1), false, Some(1));
    r1.ended(NOW, register, MapOutcome::TimedOut);
    let due = r1.poll_timeout().max(NOW + PAUSE);
    r1.handle_timeout(due);
    let (deregister, request) = sent(&mut r1).unwrap();
    assert_eq!(request, Request::Deregister, "it may have registered us");
    r1.ended(due, deregister, UNKNOWN_SUBSCRIBER);
    assert_eq!(settled(&mut r1), [(1, Settled::Refused(1))]);
    // The first may be carried out yet: once more, when it must have been.
    let mut now;
    let (deregister, request) = loop {
        now = r1.poll_timeout();
        r1.handle_timeout(now);
        if let Some(sent) = sent(&mut r1) {
            break sent;
        }
    };
    assert_eq!((request, now), (Request::Deregister, due + TIMES.repair / 2));
    r1.ended(now, deregister, done());
    assert_eq!(r1.entries.len(), 0);
}

#[test]
fn what_an_hlr_says_while_an_operation_is_under_way_makes_it_doubtful() {
    let mut r1 = R1::new(TIMES, 1);
    r1.wish(NOW, party(1), true, Some(1));
    let (first, _) = sent(&mut r1).unwrap();
    r1.cancelled(NOW, party(1));
    assert!(r1.is_wanted(party(1)));
    r1.ended(NOW, first, done());
    assert_eq!(settled(&mut r1), []);
    let (second, request) = sent(&mut r1).unwrap();
    assert_eq!(request, Request::Register);
    r1.ended(NOW, second, done());
    assert_eq!(settled(&mut r1), [(1, Settled::Agreed)]);
    let later = NOW + TIMES.lost;
    r1.cancelled(later, party(1));
    assert!(!r1.is_wanted(party(1)) && sent(&mut r1).is_none(), "otherwise it is the last word");
    assert_eq!(r1.entries.len(), 0);
}

#[test]
fn a_cancellation_that_the_answer_has_overtaken_is_followed_by_a_deregistration() {
    let mut r1 = R1::new(TIMES, 1);
    r1.wish(NOW, party(1), true, Some(1));
    let (register, _) = sent(&mut r1).unwrap();
    r1.ended(NOW, register, done());
    assert_eq!(settled(&mut r1), [(1, Settled::Agreed)]);
    r1.cancelled(NOW, party(1));
    assert!(!r1.is_wanted(party(1)));
    let (deregister, request) = sent(&mut r1).unwrap();
    assert_eq!(request, Request::Deregister);
    r1.ended(NOW, deregister, done());
    assert_eq!(r1.entries.len(), 0);
}

#[test]
fn a_cancellation_does_not_make_certain_what_went_unanswered() {
    let mut r1 = R1::new(TIMES, 1);
    r1.wish(NOW, party(1), true, None);
    let (register, _) = sent(&mut r1).unwrap();
    r1.ended(NOW, register, MapOutcome::TimedOut);
    r1.wish(NOW, party(1), false, Some(1));
    let (deregister, _) = sent(&mut r1).unwrap();
    // The HLR says so before it carries out the registration, and it never answers the de-registration.
    r1.cancelled(NOW, party(1));
    assert_eq!((settled(&mut r1), r1.differing()), (vec![(1, Settled::Agreed)], 1));
    r1.ended(NOW, deregister, MapOutcome::TimedOut);
    r1.handle_timeout(r1.poll_timeout());
    let (again, request) = sent(&mut r1).unwrap();
    assert_eq!(request, Request::Deregister);
    r1.ended(NOW + PAUSE, again, done());
    assert_eq!(r1.differing(), 0);
}

#[test]
fn what_went_unanswered_may_take_effect_late_and_is_made_certain() {
    let mut r1 = R1::new(TIMES, 1);
    r1.wish(NOW, party(1), true, None);
    let (register, _) = sent(&mut r1).unwrap();
    r1.ended(NOW, register, MapOutcome::TimedOut);
    r1.wish(NOW, party(1), false, Some(1));
    let (deregister, request) = sent(&mut r1).unwrap();
    assert_eq!(request, Request::Deregister);
    r1.ended(NOW, deregister, done());
    assert_eq!((settled(&mut r1), r1.differing()), (vec![(1, Settled::Agreed)], 0));
    let confirm = NOW + TIMES.repair / 2;
    let mut now = NOW;
    while now < confirm {
        assert_eq!(sent(&mut r1), None);
        now = r1.poll_timeout();
        r1.handle_timeout(now);
    }
    let (again, request) = sent(&mut r1).unwrap();
    assert_eq!((request, now), (Request::Deregister, confirm));
    r1.ended(now, again, done());
    assert_eq!((sent(&mut r1), r1.entries.len()), (None, 0));
}

#[test]
fn a_cancellation_of_an_earlier_registration_does_not_touch_the_next() {
    let mut r1 = R1::new(TIMES, 1);
    r1.wish(NOW, party(1), true, Some(1));
    let (register, _) = sent(&mut r1).unwrap();
    r1.ended(NOW, register, done());
    assert_eq!(settled(&mut r1), [(1, Settled::Agreed)]);
    r1.wish(NOW, party(1), false, None);
    let (deregister, _) = sent(&mut r1).unwrap();
    r1.wish(NOW, party(1), true, Some(2));
    r1.cancelled(NOW, party(1));
    r1.ended(NOW, deregister, done());
    let (again, request) = sent(&mut r1).unwrap();
    assert_eq!(request, Request::Register);
    r1.ended(NOW, again, done());
    assert_eq!(settled(&mut r1), [(2, Settled::Agreed)]);
}

#[test]
fn an_hlr_that_has_restarted_gets_its_subscribers_again_and_paced() {
    let mut r1 = R1::new(Times { per_second: 10, ..TIMES }, 1);
    let mut now = NOW;
    for number in 0..20 {
        now += Duration::from_secs(1);
        r1.wish(now, party(number), true, None);
        let (operation, _) = sent(&mut r1).unwrap();
        r1.ended(now, operation, done());
    }
    now += Duration::from_secs(10);
    assert_eq!(r1.reset(now, |it| it.imsi != party(0).imsi), 19);
    let start = now;
    let mut again = vec![];
    while again.len() < 19 {
        while let Some(send) = r1.poll_send() {
            again.push(send.party);
            r1.ended(now, send.operation, done());
        }
        if again.len() < 19 {
            now = r1.poll_timeout();
            r1.handle_timeout(now);
        }
    }
    assert!(!again.contains(&party(0)));
    let took = now.since(start).as_millis();
    assert!((1_600..=1_900).contains(&took), "19 at 10 a second: {took} ms");
    assert_eq!(r1.differing(), 0);
}

#[test]
fn a_vector_is_asked_for_once_at_a_time_and_before_a_registration() {
    let mut r1 = R1::new(TIMES, 1);
    r1.vector(NOW, party(1), None, 1);
    let (first, request) = sent(&mut r1).unwrap();
    assert_eq!(request, Request::Vector(None));
    r1.vector(NOW, party(1), None, 2);
    assert!(matches!(r1.poll_event(), Some(Event::Vector(2, Err(Lack::Busy)))));
    r1.wish(NOW, party(1), true, None);
    assert_eq!(sent(&mut r1), None);
    r1.ended(NOW, first, MapOutcome::Returned(vec![7]));
    assert!(matches!(r1.poll_event(), Some(Event::Vector(1, Ok(octets))) if octets == [7]));
    assert_eq!(sent(&mut r1).unwrap().1, Request::Register);
    for (number, outcome, lack) in [
        (2, MapOutcome::TimedOut, Lack::Silent),
        (3, SYSTEM_FAILURE, Lack::Failed),
        (4, UNKNOWN_SUBSCRIBER, Lack::Refused(1)),
    ] {
        r1.vector(NOW, party(number), Some(([1; 16], [2; 14])), 5);
        let (operation, _) = sent(&mut r1).unwrap();
        r1.ended(NOW, operation, outcome);
        assert!(matches!(r1.poll_event(), Some(Event::Vector(5, Err(found))) if found == lack));
    }
    assert_eq!(r1.entries.len(), 1, "nothing is kept of those who only asked");
}

#[test]
fn an_operation_whose_end_never_comes_has_timed_out() {
    let mut r1 = R1::new(TIMES, 1);
    r1.wish(NOW, party(1), true, None);
    sent(&mut r1).unwrap();
    let mut now = NOW;
    while r1.counts.failed == 0 {
        now = r1.poll_timeout();
        r1.handle_timeout(now);
    }
    assert!(now >= NOW + TIMES.lost, "{now:?}");
    r1.handle_timeout(now + PAUSE);
    assert_eq!(sent(&mut r1).unwrap().1, Request::Register);
}

#[test]
fn who_is_at_rest_is_known_as_before_and_wakes_for_whatever_happens() {
    let mut r1 = R1::new(TIMES, 1);
    let number = "491710000001".parse().ok();
    r1.wish(NOW, party(1), true, Some(1));
    let (operation, _) = sent(&mut r1).unwrap();
    r1.inserted(party(1), number);
    let answered = NOW + Duration::from_millis(70);
    r1.ended(answered, operation, done());
    r1.restore(NOW, party(2), (true, false), (number, 1_700_000_000));
    assert_eq!((r1.entries.len(), r1.resting(|_| true).len()), (0, 2));
    for (of, told, before) in [(party(1), Some(answered), 0), (party(2), None, 1_700_000_000)] {
        assert_eq!((r1.told(of), r1.msisdn(of)), ((told, before), number));
        assert!(r1.is_wanted(of) && r1.is_known(of) && r1.is_told(of) && r1.owed(of).is_none());
        assert_eq!(r1.wish(NOW, of, true, Some(4)), Some(4), "it agrees");
    }
    let told = Told { registered: true, sent: NOW, ended: answered, said: Said::Agreed };
    assert_eq!(r1.exchange(NOW, party(1)).unwrap().told, Some(told));
    assert_eq!((r1.entries.len(), r1.differing()), (0, 0), "and they rest again");
    // One is told anew after a restart of his HLR, the other leaves.
    assert_eq!(r1.reset(answered, |it| it == party(1)), 1);
    assert_eq!(sent(&mut r1).unwrap().1, Request::Register);
    r1.wish(answered, party(2), false, None);
    assert_eq!(sent(&mut r1).unwrap().1, Request::Deregister);
    assert_eq!((r1.entries.len(), r1.resting(|_| true).len(), r1.differing()), (2, 0, 2));
    // cancelLocation soon after the answer may have been overtaken by it.
    let mut r1 = R1::<u32>::new(TIMES, 1);
    r1.restore(NOW, party(1), (true, false), (None, 0));
    r1.cancelled(NOW, party(1));
    assert_eq!((r1.is_known(party(1)), sent(&mut r1)), (false, None), "long ago it was certain");
}

/// An HLR of ten operations a second; and what may happen with a REGISTER, in the order of [`R1::refuses`].
const SLOW: Times = Times { per_second: 10, ..TIMES };
const UE: (bool, bool) = (true, false);
const SCSCF: (bool, bool) = (true, true);

/// The HLR carries everything out at once, until `until` or until nothing waits any more; who was told of, and when.
fn carry_out(
    r1: &mut R1<u64>,
    mut now: Time,
    until: Time,
    mut each: impl FnMut(Time, &mut R1<u64>),
) -> Vec<(Time, Send)> {
    let mut all = vec![];
    loop {
        while let Some(send) = r1.poll_send() {
            all.push((now, send));
            r1.ended(now, send.operation, done());
        }
        r1.assert_invariants();
        each(now, r1);
        now = r1.poll_timeout().max(now + Duration::from_nanos(1));
        if now > until || r1.waiting() == 0 {
            return all;
        }
        r1.handle_timeout(now);
    }
}

#[test]
fn who_comes_when_too_many_wait_is_told_one_time_after_the_other() {
    // A REGISTER waits two seconds, of which one is the HLR's: ten may wait.
    let mut r1 = R1::new(SLOW, 1);
    let mut number = 0;
    while r1.refuses(NOW, party(number), UE).is_none() {
        assert_eq!(r1.wish(NOW, party(number), true, Some(number)), None);
        number += 1;
    }
    assert_eq!((number, r1.counts.answered_ahead), (12, 0), "two go out at once");
    let waits: Vec<u32> = (0..600).map(|at| r1.refuses(NOW, party(100 + at), UE).unwrap()).collect();
    // The first after those that wait, the last after a minute; chance adds an eighth at most.
    assert!((1..=4).contains(&waits[0]), "{}", waits[0]);
    assert!((61..=70).contains(&waits[599]), "{}", waits[599]);
    assert!(waits[200..].iter().all(|wait| *wait >= 20));
    let in_one_second = |second| waits.iter().filter(|wait| **wait == second).count();
    assert!((1..70).all(|second| in_one_second(second) <= 20), "{waits:?}");
    assert_eq!(r1.counts.told_to_come_again, 601);
    // Nobody whom the HLR knows, or is about to be told of, is refused.
    assert_eq!(r1.refuses(NOW, party(0), UE), None);
    assert_eq!(r1.refuses(NOW, party(number - 1), UE), None);
    // Time passes, and there is room again.
    let told = carry_out(&mut r1, NOW, NOW + Duration::from_secs(2), |_, _| {});
    assert_eq!(told.len(), 12);
    assert_eq!(r1.refuses(NOW + Duration::from_secs(2), party(100), UE), None);
}

#[test]
fn strangers_can_t_make_others_wait() {
    let mut r1 = R1::new(SLOW, 1);
    r1.wish(NOW, party(2), true, None);
    carry_out(&mut r1, NOW, NOW, |_, _| {});
    for number in 0..50_000 {
        let stranger = party(1_000 + number % 900);
        r1.vector(NOW, stranger, None, 1);
        if r1.is_full_for_challenges(stranger) {
            assert!(r1.come_again(NOW, 0, Booking::Stranger) <= 338, "five minutes and an eighth");
        }
    }
    assert!(std::iter::from_fn(|| r1.poll_event()).any(|it| matches!(it, Event::Vector(1, Err(Lack::Full)))));
    assert!(r1.waiting() <= 5 && r1.entries.len() <= 8, "nothing is kept of those who are refused");
    // Who has proved who he is finds half of the room, and comes again without them before him.
    assert_eq!(r1.refuses(NOW, party(1), UE), None);
    assert!(r1.come_again(NOW, 0, Booking::Ue) <= 3);
    // So does who is registered and is to prove it once more.
    r1.vector(NOW, party(2), None, 2);
    let told = carry_out(&mut r1, NOW, NOW + Duration::from_secs(2), |_, _| {});
    assert!(told.iter().any(|(_, send)| send.party == party(2) && send.request == Request::Vector(None)));
}

#[test]
fn who_may_be_answered_first_is_answered_at_once_and_the_hlr_told_within_the_time_for_repair() {
    let mut r1 = R1::new(SLOW, 1);
    let mut number = 0;
    while r1.refuses(NOW, party(number), SCSCF).is_none() {
        assert_eq!(r1.wish(NOW, party(number), true, Some(number)), None);
        number += 1;
    }
    // Two go out, ten are answered after the HLR, and for the others it is told in a minute, whoever comes meanwhile.
    assert_eq!((number, r1.counts.answered_ahead, r1.counts.told_to_come_again), (212, 200, 1));
    let late: Vec<_> = settled_of(&mut r1).into_iter().filter(|(_, how)| *how == Settled::Late).collect();
    assert_eq!(
        late,
        (12..212).map(|who| (who, Settled::Late)).collect::<Vec<_>>(),
        "and not after two seconds"
    );
    assert!(late.iter().all(|(who, _)| r1.is_wanted(party(*who)) && r1.owed(party(*who)) == Some(true)));
    // Whose operation waits like that is answered at once, too, whatever he asks for: here he changes something.
    assert_eq!(r1.wish(NOW, party(100), true, Some(9_000)), None);
    assert_eq!(settled_of(&mut r1), [(9_000, Settled::Late)]);
    // UEs come all the time, and take two turns of three.
    let mut ues = 10_000;
    let told = carry_out(&mut r1, NOW, NOW + Duration::from_secs(90), |now, r1| {
        while now < NOW + Duration::from_secs(60) && r1.refuses(now, party(ues), UE).is_none() {
            r1.wish(now, party(ues), true, Some(ues));
            ues += 1;
        }
    });
    let scscf: Vec<Party> = (0..212).map(party).collect();
    let mut of_scscf: Vec<Time> =
        told.iter().filter(|(_, it)| scscf.contains(&it.party)).map(|(at, _)| *at).collect();
    assert_eq!((of_scscf.len(), r1.differing()), (212, 0), "each once");
    assert!(ues - 10_000 > 350, "{ues}");
    let last = of_scscf.pop().unwrap().since(NOW);
    assert!(last <= SLOW.repair + Duration::from_secs(1), "{last:?}");
    assert!(settled_of(&mut r1).iter().all(|(_, how)| *how == Settled::Agreed), "nobody waits in vain");
}

#[test]
fn an_hlr_that_has_restarted_does_not_hold_up_those_who_come() {
    let mut r1 = R1::new(SLOW, 1);
    let mut now = NOW;
    for number in 0..200 {
        r1.wish(now, party(number), true, None);
        carry_out(&mut r1, now, now, |_, _| {});
        now += Duration::from_secs(1);
    }
    assert_eq!((r1.reset(now, |_| true), r1.waiting()), (200, 198));
    let mut number = 1_000;
    while r1.refuses(now, party(number), UE).is_none() {
        r1.wish(now, party(number), true, Some(number));
        number += 1;
    }
    assert_eq!(number, 1_006, "they have two turns of three");
    let told = carry_out(&mut r1, now, now + Duration::from_secs(1), |_, _| {});
    let come: Vec<Party> = (1_000..number).map(party).collect();
    assert_eq!((told.iter().filter(|(_, it)| come.contains(&it.party)).count(), r1.counts.late), (6, 0));
    let again = carry_out(&mut r1, now, now + Duration::from_secs(60), |_, _| {});
    assert_eq!((told.len() + again.len(), r1.differing()), (206, 0));
}

#[test]
fn who_is_to_prove_something_overtakes_what_nobody_waits_for() {
    let mut r1 = R1::new(SLOW, 1);
    let mut now = NOW;
    for number in 0..100 {
        r1.wish(now, party(number), true, None);
        carry_out(&mut r1, now, now, |_, _| {});
        now += Duration::from_secs(1);
    }
    r1.reset(now, |_| true);
    r1.vector(now, party(99), None, 7);
    let told = carry_out(&mut r1, now, now + Duration::from_secs(60), |_, _| {});
    let of: Vec<_> = told.iter().filter(|(_, it)| it.party == party(99)).collect();
    assert!(
        matches!(of[..], [(first, Send { request: Request::Vector(None), .. }), (_, Send { request: Request::Register, .. })]
        if first.since(now) <= Duration::from_secs(1)),
        "{of:?}"
    );
    assert_eq!((told.len(), r1.differing()), (101, 0), "each is told of once");
}

#[test]
fn many_who_leave_at_once_are_answered_at_once() {
    let mut r1 = R1::new(SLOW, 1);
    let mut now = NOW;
    for number in 0..100 {
        r1.wish(now, party(number), true, None);
        carry_out(&mut r1, now, now, |_, _| {});
        now += Duration::from_secs(1);
    }
    for number in 0..100 {
        assert_eq!(r1.wish(now, party(number), false, Some(number)), None);
    }
    assert_eq!((r1.counts.answered_ahead, settled_of(&mut r1).len()), (88, 88));
    assert_eq!(carry_out(&mut r1, now, now + Duration::from_secs(60), |_, _| {}).len(), 100);
    assert_eq!((r1.differing(), r1.entries.len(), r1.counts.late), (0, 0, 0));
}

#[test]
fn hlrs_of_one_network_that_are_silent_hold_up_nobody_of_another() {
    let mut r1: R1<u32> = R1::new(Times { outstanding: 3, ..TIMES }, 1);
    for number in 0..9 {
        r1.wish(NOW, party(number), true, None);
    }
    let other = Party { network: 1, ..party(50) };
    r1.wish(NOW, other, true, None);
    let mut sends: Vec<Send> = std::iter::from_fn(|| r1.poll_send()).collect();
    assert_eq!(sends.iter().map(|send| send.party.network).collect::<Vec<_>>(), [0, 0, 0, 1]);
    assert_eq!(r1.counts.held, 6);
    // Each end makes room for one.
    let mut sent = 3;
    while let Some(send) = sends.pop() {
        r1.ended(NOW, send.operation, done());
        r1.handle_timeout(NOW);
        let next: Vec<Send> = std::iter::from_fn(|| r1.poll_send()).collect();
        assert!(next.len() <= 1);
        sent += next.len();
        sends.extend(next);
        r1.assert_invariants();
    }
    assert_eq!((sent, r1.differing()), (9, 0));
}
