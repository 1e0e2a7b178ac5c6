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
fn who_comes_when_too_many_wait_is_told_one_time_after_the_other() {
    // Ten a second, and a REGISTER waits two seconds: ten may wait.
    let mut r1 = R1::new(Times { per_second: 10, answer: Duration::from_secs(2), ..TIMES }, 1);
    let mut number = 0;
    while r1.refuses(NOW, party(number)).is_none() {
        r1.wish(NOW, party(number), true, Some(number));
        number += 1;
    }
    assert!((10..=13).contains(&number), "{number}");
    let waits: Vec<u32> = (0..600).map(|at| r1.refuses(NOW, party(100 + at)).unwrap()).collect();
    // The first after those that wait, the last after a minute; chance adds an eighth at most.
    assert!((1..=4).contains(&waits[0]), "{}", waits[0]);
    assert!((61..=70).contains(&waits[599]), "{}", waits[599]);
    assert!(waits[200..].iter().all(|wait| *wait >= 20));
    assert_eq!(r1.counts.told_to_come_again, 601);
    // Nobody whom the HLR knows, or is about to be told of, is refused.
    assert_eq!(r1.refuses(NOW, party(0)), None);
    assert_eq!(r1.refuses(NOW, party(number - 1)), None);
    // Time passes, and there is room again.
    let mut now = NOW;
    while now < NOW + Duration::from_secs(2) {
        now = r1.poll_timeout();
        r1.handle_timeout(now);
        while let Some(send) = r1.poll_send() {
            r1.ended(now, send.operation, done());
        }
    }
    assert_eq!(r1.refuses(now, party(100)), None);
    r1.assert_invariants();
}

#[test]
fn strangers_can_t_make_others_wait() {
    let mut r1 = R1::new(Times { per_second: 10, answer: Duration::from_secs(2), ..TIMES }, 1);
    for stranger in 0..50_000 {
        r1.vector(NOW, party(1_000 + stranger % 900), None, 1);
        if r1.is_behind(0, 2) {
            assert!(r1.come_again(NOW, 0, false) <= 338, "five minutes and an eighth");
        }
    }
    assert!(!r1.is_behind(0, 1), "they have half of the room");
    assert_eq!(r1.refuses(NOW, party(1)), None);
    assert!(r1.come_again(NOW, 0, true) <= 3);
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
