use super::*;

fn number(last: u32) -> Msisdn {
    format!("49171{last:06}").parse().unwrap()
}

fn message(last: u32, expires: u64) -> ShortMessage {
    ShortMessage { network: 0, recipient: number(last), tpdu: vec![4, 0], expires, report: None }
}

fn queue() -> Queue {
    Queue::new(vec![Duration::from_secs(60), Duration::from_secs(300)])
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_recipients_messages_go_in_order_one_at_a_time() {
    let mut queue = queue();
    let [first, second, other] = [(1, 9), (1, 9), (2, 9)].map(|(to, until)| queue.push(message(to, until)));
    assert_eq!(queue.poll_next(Time::ZERO), Some((number(1), first)));
    assert!(queue.has_more(number(1)) && !queue.has_more(number(2)));
    assert_eq!(queue.poll_next(Time::ZERO), Some((number(2), other)));
    assert_eq!((queue.poll_next(Time::ZERO), queue.under_way()), (None, 2));
    assert_eq!(queue.delivered(number(1)), Some(second));
    queue.given_up(number(1));
    assert_eq!(queue.delivered(number(2)), None);
    assert!(queue.is_empty() && queue.under_way() == 0 && queue.recipients.is_empty());
}

#[test]
fn who_could_not_be_reached_is_tried_by_the_schedule() {
    let mut queue = queue();
    let id = queue.push(message(1, 9));
    let mut now = Time::ZERO;
    for interval in [60, 300, 300] {
        assert_eq!(queue.poll_next(now), Some((number(1), id)));
        assert!(queue.failed(now, number(1)));
        let later = queue.push(message(1, 9));
        let until = now + Duration::from_secs(interval);
        assert_eq!(
            (queue.poll_timeout(), queue.poll_next(until - SECOND)),
            (until, None),
            "{later:?} waits too"
        );
        now = until;
    }
    let mut once = Queue::new(vec![]);
    once.push(message(1, 9));
    once.poll_next(Time::ZERO);
    assert!(!once.failed(Time::ZERO, number(1)));
    once.given_up(number(1));
    assert_eq!((once.len(), once.under_way()), (0, 0));
}

#[test]
fn an_alert_ends_the_waiting_and_the_schedule_begins_anew() {
    let mut queue = queue();
    assert!(!queue.alert(number(1)), "nothing waits");
    let id = queue.push(message(1, 9));
    queue.poll_next(Time::ZERO);
    queue.failed(Time::ZERO, number(1));
    assert!(queue.alert(number(1)) && queue.alert(number(1)));
    assert_eq!(queue.poll_next(Time::ZERO), Some((number(1), id)));
    assert_eq!(queue.poll_next(Time::ZERO), None, "one attempt");
    // While the attempt goes on it may be about this one.
    assert!(queue.alert(number(1)) && queue.failed(Time::ZERO, number(1)));
    assert_eq!(queue.poll_next(Time::ZERO), Some((number(1), id)));
    queue.failed(Time::ZERO, number(1));
    assert_eq!(queue.poll_next(Time::ZERO), None);
}

#[test]
fn what_is_too_old_ends_unless_it_is_under_way() {
    let mut queue = queue();
    let ids: Vec<_> =
        [(1, 5), (1, 9), (2, 6), (3, 7)].map(|(to, until)| queue.push(message(to, until))).into();
    queue.poll_next(Time::ZERO);
    queue.poll_next(Time::ZERO);
    queue.failed(Time::ZERO, number(2));
    assert_eq!(queue.poll_expired(4), None);
    assert_eq!(queue.next_expiry(), Some(6), "the first is under way");
    let expired: Vec<_> = core::iter::from_fn(|| queue.poll_expired(8)).map(|(id, _)| id).collect();
    assert_eq!(expired, [ids[2], ids[3]], "the first is under way");
    assert_eq!((queue.waiting(), queue.has_ready(), queue.len()), (0, false, 2));
    queue.given_up(number(1));
    assert_eq!(queue.next_expiry(), Some(9), "it waits for its turn");
    assert_eq!(queue.poll_next(Time::ZERO), Some((number(1), ids[1])));
    assert_eq!(queue.next_expiry(), None);
    queue.failed(Time::ZERO, number(1));
    assert_eq!(queue.poll_expired(9).map(|(id, _)| id), Some(ids[1]));
}

#[test]
fn changes_make_the_same_queue_again() {
    let mut queue = queue();
    let [kept, gone] = [1, 2].map(|to| queue.push(message(to, 9)));
    queue.poll_next(Time::ZERO);
    queue.poll_next(Time::ZERO);
    queue.delivered(number(2));
    let changes = queue.take_changes();
    assert_eq!(changes[2], Change::Remove(gone));
    assert!(!queue.has_changes());
    let mut again = Queue::new(vec![]);
    again.restore([(kept, message(1, 9))]);
    assert_eq!(again.poll_next(Time::ZERO), Some((number(1), kept)));
    assert!(again.push(message(1, 9)) > gone.min(kept), "no id is given twice");
    let text = serde_json::to_string(&message(1, 9)).unwrap();
    assert_eq!(serde_json::from_str::<ShortMessage>(&text).unwrap(), message(1, 9));
}
