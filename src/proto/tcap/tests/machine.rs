//! Every cell of the transaction machine (Q.774 3.3): what each event does in each state.

use super::*;

#[derive(Clone, Copy, Debug)]
enum Event {
    Continue,
    End,
    Abort,
    /// With something behind the components.
    BadContinue,
    BadEnd,
    /// With a P-Abort cause that is no integer.
    BadAbort,
    /// SCCP returns a message of ours.
    Notice,
    Timer,
    WriteBegin,
    WriteContinue,
    WriteEnd,
    WriteAbort,
    Close,
}

/// Brings a dialogue without a dialogue portion into a state: opened, begun, asked for by the peer, answered by it,
/// answered by us.
fn dialogue_in(state: usize) -> (Dialogues, DialogueId) {
    let (mut table, now) = (table(), Time::ZERO);
    if matches!(state, 2 | 4) {
        let (id, _) = accept(&mut table, now, &hex("6203 480107"));
        if state == 4 {
            written(|w| {
                table.write_continue(w, 0, id, None).unwrap();
            });
        }
        return (table, id);
    }
    let id = table.open(now, &gateway(), 0, TIMEOUT).unwrap();
    if state > 0 {
        written(|w| {
            table.write_begin(w, 0, id, &[], None).unwrap();
        });
    }
    if state == 3 {
        let answer = message(&table, id, 0x65, &[]);
        assert!(matches!(table.handle_input(now, &gateway(), &answer), Ok(Indication::Continue { .. })));
    }
    (table, id)
}

/// A message to the dialogue, of a peer whose transaction is 07.
fn message(table: &Dialogues, id: DialogueId, tag: u8, rest: &[u8]) -> Vec<u8> {
    written(|w| {
        w.bytes(rest);
        build::transaction_id(w, 0x49, table.local_id(id).unwrap());
        if tag == 0x65 {
            w.bytes(&[0x48, 1, 7]);
        }
        crate::codec::ber::wrap(w, tag, 0);
    })
}

fn heard(table: &mut Dialogues, message: &[u8]) -> &'static str {
    match table.handle_input(Time::ZERO, &gateway(), message) {
        Ok(Indication::Continue { .. }) => "told",
        Ok(Indication::End { .. }) => "told",
        Ok(Indication::Abort { answer: None, .. }) => "failed",
        Ok(Indication::Abort { answer: Some(_), .. }) => "failed, aborted",
        Ok(Indication::Ignored) => "ignored",
        other => panic!("{other:?}"),
    }
}

fn done(table: &mut Dialogues, id: DialogueId, event: Event) -> &'static str {
    let now = Time::ZERO;
    let mut room = [0; 100];
    let w = &mut Prepend::new(&mut room);
    let sent = |peer: Option<SccpAddress>| if peer.is_some() { "sent" } else { "nothing" };
    let surplus = [0x6c, 0, 5, 0];
    let (tag, rest): (u8, &[u8]) = match event {
        Event::Continue => (0x65, &[]),
        Event::End => (0x64, &[]),
        Event::Abort => (0x67, &[]),
        Event::BadContinue => (0x65, &surplus),
        Event::BadEnd => (0x64, &surplus),
        Event::BadAbort => (0x67, &[0x4a, 0]),
        Event::Notice => {
            let mut ours = hex("6206 480400000000");
            ours[4..8].copy_from_slice(table.local_id(id).unwrap().as_bytes());
            return if table.handle_returned(now, &gateway(), |to| *to, &ours).is_some() {
                "failed"
            } else {
                "ignored"
            };
        }
        Event::Timer => {
            return match table.handle_timeout(now + TIMEOUT).unwrap().abort {
                Some(_) => "failed, aborted",
                None => "failed",
            };
        }
        Event::WriteBegin => return sent(table.write_begin(w, 0, id, &[], None)),
        Event::WriteContinue => return sent(table.write_continue(w, 0, id, None)),
        Event::WriteEnd => return sent(table.write_end(now, w, 0, id, None)),
        Event::WriteAbort => return sent(table.write_abort(now, w, id, AbortReason::User, None)),
        Event::Close => {
            table.close(now, id);
            return "nothing";
        }
    };
    let message = message(table, id, tag, rest);
    heard(table, &message)
}

/// Rows are events; columns the states Idle, Initiation Sent, Initiation Received, Active by the peer's answer, Active by
/// ours. A cell says what happens, and with a dot that the dialogue is over.
const MACHINE: [(Event, [&str; 5]); 13] = [
    (Event::Continue, ["ignored", "told", "ignored", "told", "told"]),
    (Event::End, ["ignored", "told.", "ignored", "told.", "told."]),
    (Event::Abort, ["ignored", "failed.", "ignored", "failed.", "failed."]),
    (Event::BadContinue, ["ignored", "failed, aborted.", "ignored", "failed, aborted.", "failed, aborted."]),
    (Event::BadEnd, ["ignored", "failed.", "ignored", "failed.", "failed."]),
    (Event::BadAbort, ["ignored", "failed.", "ignored", "failed.", "failed."]),
    (Event::Notice, ["ignored", "failed.", "ignored", "failed.", "failed."]),
    (Event::Timer, ["failed.", "failed.", "failed, aborted.", "failed, aborted.", "failed, aborted."]),
    (Event::WriteBegin, ["sent", "nothing", "nothing", "nothing", "nothing"]),
    (Event::WriteContinue, ["nothing", "nothing", "sent", "sent", "sent"]),
    (Event::WriteEnd, ["nothing", "nothing", "sent.", "sent.", "sent."]),
    (Event::WriteAbort, ["nothing.", "nothing.", "sent.", "sent.", "sent."]),
    (Event::Close, ["nothing.", "nothing.", "nothing.", "nothing.", "nothing."]),
];

#[test]
fn every_cell_of_the_transaction_machine() {
    for (event, row) in MACHINE {
        for (state, expected) in row.into_iter().enumerate() {
            let (mut table, id) = dialogue_in(state);
            table.assert_invariants();
            // A Begin is of another dialogue, whatever its transaction id is.
            let (other, _) = accept(&mut table, Time::ZERO, &hex("6203 480107"));
            table.close(Time::ZERO, other);
            let happened = done(&mut table, id, event);
            table.assert_invariants();
            let dot = if table.is_empty() { "." } else { "" };
            assert_eq!(format!("{happened}{dot}"), expected, "{event:?} in state {state}");
        }
    }
}

/// What an idle dialogue, one begun, one answered and one that goes on do when nothing more happens; and that time ends
/// none that was ended.
#[test]
fn dialogues_left_idle_end_in_their_time() {
    for state in 0..5 {
        let (mut table, id) = dialogue_in(state);
        let life = if matches!(state, 2 | 4) { config().guard } else { TIMEOUT };
        assert!(table.handle_timeout(Time::ZERO + life - Duration::from_millis(1)).is_none());
        let expired = table.handle_timeout(Time::ZERO + life).unwrap();
        assert_eq!((expired.dialogue, expired.initiator), (id, !matches!(state, 2 | 4)));
        let (mut table, id) = dialogue_in(state);
        table.close(Time::ZERO, id);
        assert!(table.handle_timeout(Time::ZERO + life).is_none());
    }
}
