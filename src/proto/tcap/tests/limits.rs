//! What one peer may take of the table, and strangers of our time.

use super::*;
use crate::ident::PointCode;

fn limited(limits: Limits) -> Dialogues {
    Dialogues::new(DialoguesConfig { capacity: 100, identifiers: 1000, limits, ..config() }).unwrap()
}

fn peer(title: u32, point_code: u32) -> SccpAddress {
    SccpAddress { point_code: Some(PointCode(point_code)), ..address(&format!("49171{title}"), Ssn::MSC) }
}

/// Whether a Begin from there opens a dialogue; if not, what the Abort says.
fn opens(table: &mut Dialogues, from: &SccpAddress) -> Result<DialogueId, Vec<u8>> {
    let begin = hex(EMPTY_BEGIN);
    let indication = table.handle_input(Time::ZERO, from, &begin).unwrap();
    table.assert_invariants();
    match indication {
        Indication::Begin { dialogue, .. } => Ok(dialogue),
        Indication::Refuse(refusal) => Err(refusal_bytes(&refusal)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_peer_takes_the_room_of_all() {
    let mut table = limited(Limits { per_title: 20, per_point_code: 50, ..Limits::default() });
    let resource_limitation = Err(hex("67094904000000014a0104"));
    let first: Vec<_> = (0..20).map(|_| opens(&mut table, &peer(1, 7)).unwrap()).collect();
    assert_eq!(opens(&mut table, &peer(1, 7)), resource_limitation);
    // The same title through another point code is the same peer; another title through the same one is not.
    assert_eq!(opens(&mut table, &peer(1, 8)), resource_limitation);
    assert!((0..20).all(|_| opens(&mut table, &peer(2, 7)).is_ok()));
    assert!((0..10).all(|_| opens(&mut table, &peer(3, 7)).is_ok()));
    assert_eq!(opens(&mut table, &peer(3, 7)), resource_limitation, "the point code has enough");
    assert!(opens(&mut table, &peer(3, 8)).is_ok());
    assert_eq!((table.counts.refused_quota, table.counts.refused_full, table.len()), (3, 0, 51));
    // Ours are not counted, and what ends makes room, however it ends.
    assert!(table.open(Time::ZERO, &peer(1, 7), 0, TIMEOUT).is_some());
    written(|w| {
        table.write_end(Time::ZERO, w, 0, first[0], None).unwrap();
        w.clear();
        table.write_abort(Time::ZERO, w, first[1], AbortReason::User, None).unwrap();
    });
    table.close(Time::ZERO, first[2]);
    assert!((0..3).all(|_| opens(&mut table, &peer(1, 7)).is_ok()));
    assert_eq!(opens(&mut table, &peer(1, 7)), resource_limitation);
    while table.handle_timeout(Time::ZERO + TIMEOUT).is_some() {}
    table.assert_invariants();
    assert!(table.is_empty() && opens(&mut table, &peer(1, 7)).is_ok());
}

#[test]
fn a_full_table_reads_no_further_than_the_transaction_id() {
    let mut table = Dialogues::new(DialoguesConfig { capacity: 1, ..config() }).unwrap();
    assert!(opens(&mut table, &smsc()).is_ok());
    // Its dialogue portion is none, which nobody looks at.
    let begin = hex("6207 480107 6b02 0500");
    let Ok(Indication::Refuse(refusal)) = table.handle_input(Time::ZERO, &smsc(), &begin) else { panic!() };
    assert_eq!(refusal_bytes(&refusal), hex("6706 490107 4a0104"));
    assert_eq!((table.counts.refused_full, table.counts.refused_dialogue_portion), (1, 0));
}

#[test]
fn guessers_are_answered_so_many_times_a_second() {
    let mut table = limited(Limits { aborts_per_second: 10, ..Limits::default() });
    let guess = hex(CAP_CONTINUE_2);
    let mut now = Time::from_millis(900);
    for seconds in 1..4 {
        let answers = (0..10_000)
            .filter(|_| matches!(table.handle_input(now, &smsc(), &guess), Ok(Indication::Refuse(_))))
            .count();
        assert_eq!(answers, 10);
        assert_eq!(table.counts.aborts_withheld, seconds * 9_990);
        now += Duration::from_millis(500 + 500 * (seconds % 2));
    }
    assert_eq!(table.counts.unrecognised_transaction, 30_000);
}

/// A peer's dialogue lives by what it asks for, which its user says, and not by what it sends.
#[test]
fn what_is_merely_sent_keeps_no_dialogue_alive() {
    let (mut ours, mut theirs) = (other_table(), table());
    let start = Time::from_millis(1);
    let (id, message) = begin(&mut ours, start, 0);
    let (their_id, _) = accept(&mut theirs, start, &message);
    let answer = written(|w| {
        theirs.write_continue(w, 0, their_id, None).unwrap();
    });
    assert!(matches!(ours.handle_input(start, &smsc(), &answer), Ok(Indication::Continue { .. })));
    let empty = written(|w| {
        ours.write_continue(w, 0, id, None).unwrap();
    });
    let guard = config().guard;
    let late = start + guard - Duration::from_millis(1);
    assert!(matches!(theirs.handle_input(late, &gateway(), &empty), Ok(Indication::Continue { .. })));
    assert_eq!(theirs.poll_timeout(), Some(start + guard));
    theirs.renew(late, their_id);
    assert_eq!(theirs.poll_timeout(), Some(late + guard));
    // One of ours lives as long as its operation.
    ours.renew(late, id);
    assert_eq!(ours.poll_timeout(), Some(start + TIMEOUT));
}
