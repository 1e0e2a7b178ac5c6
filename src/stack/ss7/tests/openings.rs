//! Dialogues that peers open: with what, how often, and how they end.

use super::*;

const CANCEL: &[u8] = &[0x04, 0x08, 0x62, 0x02, 0x11, 0x32, 0x54, 0x76, 0x98, 0xf0];
const INSERT: &[u8] = &[0x30, 0x03, 0x80, 0x01, 0x55];

/// An End, or a Continue, of the first answer in a context.
fn answered(node: &mut Node, tag: u8, context: &[u8], all: &[&[u8]]) {
    let said = node.said();
    let [message] = &said[..] else { panic!("{said:02x?}") };
    assert_eq!(message[0], tag);
    let accepted = aare(context, 0);
    assert!(message.windows(accepted.len()).any(|window| window == accepted), "the first answer accepts");
    assert_eq!(parts(message), all.concat());
}

#[test]
fn a_location_is_cancelled_in_either_version() {
    for context in [context::LOCATION_CANCELLATION_V2, context::LOCATION_CANCELLATION_V3] {
        let mut gateway = gateway();
        let told = gateway.hear_tcap(&begin(context, &[&invoke(7, 3, CANCEL)])).unwrap();
        let asked = told.asked();
        let expected = Told::Invoke { asked, opcode: 3, argument: CANCEL.to_vec(), within: None };
        assert_eq!((told, asked.invoke_id), (expected, 7));
        gateway.returned(&asked, 3, None);
        answered(&mut gateway, 0x64, context, &[&[0xa2, 3, 2, 1, 7]]);
        assert_eq!(gateway.open(), 0);
    }
}

#[test]
fn an_error_ends_what_a_peer_asked() {
    let mut gateway = gateway();
    let context = context::LOCATION_CANCELLATION_V3;
    let asked = gateway.hear_tcap(&begin(context, &[&invoke(1, 3, CANCEL)])).unwrap().asked();
    let error = UserError::UnknownSubscriber { diagnostic: Some(0) };
    gateway.ss7.user_error(gateway.now, &asked, &error, &mut gateway.sent);
    answered(&mut gateway, 0x64, context, &[&hex("a30b 020101 020101 30030a0100")]);
    // Who answers twice is not heard twice.
    gateway.returned(&asked, 3, None);
    assert_eq!((gateway.said().len(), gateway.ss7.counts.answer_late, gateway.open()), (0, 1, 0));
}

#[test]
fn a_handshake_comes_before_the_operation() {
    let mut gateway = gateway();
    let context = context::LOCATION_CANCELLATION_V3;
    assert_eq!(gateway.hear_tcap(&begin(context, &[])), None);
    let id = our_id(&gateway.said()[0]);
    let asked = gateway.hear_tcap(&going_on(&id, None, &[&invoke(1, 3, CANCEL)])).unwrap().asked();
    gateway.returned(&asked, 3, Some(&[0x30, 0]));
    let said = gateway.said();
    assert_eq!((said.len(), said[0][0], parts(&said[0])), (1, 0x64, result(0xa2, 1, 3, &[0x30, 0])));
    assert_eq!(gateway.open(), 0);
}

#[test]
fn a_handshake_without_an_operation_is_aborted_in_time() {
    let mut gateway = gateway();
    assert_eq!(gateway.hear_tcap(&begin(context::RESET_V2, &[])), None);
    gateway.said();
    gateway.now += Duration::from_secs(31);
    assert_eq!(gateway.poll(), [Told::Gone]);
    assert_eq!(gateway.said()[0][0], 0x67);
}

#[test]
fn nothing_answers_a_reset_and_nothing_is_left_of_it() {
    let mut gateway = gateway();
    let reset = invoke(1, operation::RESET, &hex("3009 040791947101880810"));
    for round in 0..200 {
        let told = gateway.hear_tcap(&begin(context::RESET_V2, &[&reset])).unwrap();
        assert!(matches!(&told, Told::Invoke { opcode: operation::RESET, within: None, .. }));
        assert_eq!((gateway.open(), gateway.said().len()), (0, 0), "round {round}");
        // An application that answers it all the same is not heard.
        gateway.returned(&told.asked(), operation::RESET, None);
        assert_eq!(gateway.said().len(), 0);
        gateway.now += Duration::from_millis(20);
    }
    // After a handshake.
    gateway.hear_tcap(&begin(context::RESET_V2, &[]));
    let id = our_id(&gateway.said()[0]);
    assert!(gateway.hear_tcap(&going_on(&id, None, &[&reset])).is_some());
    assert_eq!((gateway.open(), gateway.said().len()), (0, 0));
    assert_eq!(gateway.hear_tcap(&end(&id, None, &[])), None, "the peer's End finds nothing any more");
    assert_eq!((gateway.poll(), gateway.said().len()), (vec![], 0));
}

#[test]
fn several_operations_of_one_message_are_told_one_by_one() {
    let mut gateway = gateway();
    let context = context::SUBSCRIBER_DATA_MANAGEMENT_V3;
    let (first, second, third) = (invoke(1, 7, INSERT), invoke(2, 8, INSERT), invoke(3, 7, INSERT));
    let first = gateway.hear_tcap(&begin(context, &[&first, &second, &third])).unwrap().asked();
    assert_eq!(gateway.ss7.poll_timeout(), Time::ZERO, "more waits");
    // Answered before the others have been seen: the dialogue goes on.
    gateway.returned(&first, 7, None);
    answered(&mut gateway, 0x65, context, &[&[0xa2, 3, 2, 1, 1]]);
    let told = gateway.poll();
    let asked: Vec<Asked> = told.iter().map(Told::asked).collect();
    assert_eq!(asked.iter().map(|asked| asked.invoke_id).collect::<Vec<_>>(), [2, 3]);
    gateway.returned(&asked[1], 7, None);
    gateway.returned(&asked[0], 8, None);
    let said = gateway.said();
    assert_eq!(said.iter().map(|message| message[0]).collect::<Vec<_>>(), [0x65, 0x64]);
    assert_eq!((parts(&said[0]), parts(&said[1])), (vec![0xa2, 3, 2, 1, 3], vec![0xa2, 3, 2, 1, 2]));
    assert_eq!(gateway.open(), 0);
}

#[test]
fn what_is_not_offered_is_refused() {
    let mut gateway = gateway();
    // A context, or its version.
    for context in [&context::of(16, 2)[..], &context::of(2, 4), context::GPRS_LOCATION_UPDATE_V3] {
        assert_eq!(gateway.hear_tcap(&begin(context, &[&invoke(1, 7, INSERT)])), None);
        let said = gateway.said();
        let refusal = tcap::Message::parse(&said[0]).unwrap();
        let Some(tcap::DialoguePortion::Response { accepted: false, diagnostic, .. }) = refusal.dialogue
        else {
            panic!("{refusal:?}")
        };
        assert_eq!((said[0][0], diagnostic), (0x67, tcap::Diagnostic::CONTEXT_NOT_SUPPORTED));
    }
    assert_eq!(gateway.ss7.counts.context_refused, 3);
    // An operation of another context; one with a code that no octet holds.
    let context = context::LOCATION_CANCELLATION_V3;
    for component in [invoke(5, 7, INSERT), hex("a107 020105 02020107")] {
        assert_eq!(gateway.hear_tcap(&begin(context, &[&component])), None);
        answered(&mut gateway, 0x64, context, &[&reject(5, [0x81, 1])]);
    }
    // Of two, the other one stands.
    let told = gateway.hear_tcap(&begin(context, &[&invoke(5, 7, INSERT), &invoke(6, 3, CANCEL)])).unwrap();
    answered(&mut gateway, 0x65, context, &[&reject(5, [0x81, 1])]);
    gateway.returned(&told.asked(), 3, None);
    assert_eq!((gateway.said()[0][0], gateway.open()), (0x64, 0));
}

#[test]
fn an_invoke_id_is_used_once_at_a_time_and_few_are() {
    let mut gateway = gateway();
    let context = context::SUBSCRIBER_DATA_MANAGEMENT_V3;
    gateway.hear_tcap(&begin(context, &[&invoke(1, 7, INSERT)])).unwrap();
    // The peer learns our transaction id by the first answer: a Reject of what it may not ask.
    assert_eq!(gateway.poll(), []);
    let second = gateway.hear_tcap(&begin(context, &[&invoke(9, 3, CANCEL), &invoke(1, 7, INSERT)]));
    let id = our_id(&gateway.said()[0]);
    assert_eq!(gateway.hear_tcap(&going_on(&id, None, &[&invoke(1, 7, INSERT)])), None);
    assert_eq!(parts(&gateway.said()[0]), reject(1, [0x81, 0]), "a duplicate");
    for number in 2..=7 {
        assert!(gateway.hear_tcap(&going_on(&id, None, &[&invoke(number, 7, INSERT)])).is_some());
    }
    assert_eq!(gateway.hear_tcap(&going_on(&id, None, &[&invoke(8, 7, INSERT)])), None);
    assert_eq!(parts(&gateway.said()[0]), reject(8, [0x81, 3]), "one too many");
    // An answer makes room, and the id may come again.
    gateway.returned(&second.unwrap().asked(), 7, None);
    gateway.said();
    assert!(gateway.hear_tcap(&going_on(&id, None, &[&invoke(1, 7, INSERT)])).is_some());
    // Answers to what we never invoked.
    gateway.hear_tcap(&going_on(&id, None, &[&result(0xa2, 4, 7, INSERT)]));
    gateway.hear_tcap(&going_on(&id, None, &[&hex("a306 020104 020101")]));
    let said = gateway.said();
    assert_eq!((parts(&said[0]), parts(&said[1])), (reject(4, [0x82, 0]), reject(4, [0x83, 0])));
    // A peer that rejects what we said has lost its way.
    assert_eq!(gateway.hear_tcap(&going_on(&id, None, &[&reject(1, [0x82, 0])])), Some(Told::Gone));
    assert_eq!((gateway.said()[0][0], gateway.open()), (0x67, 1));
}

#[test]
fn short_messages_come_one_at_a_time() {
    let mut gateway = gateway();
    let argument = hex("3019 800862021132547698f0 840791947101670000 0404 00010203");
    let forward = invoke(1, operation::MT_FORWARD_SM, &argument);
    let context = context::MT_RELAY_V3;
    let bad = invoke(2, operation::MT_FORWARD_SM, &[0x30, 0]);
    assert_eq!(gateway.hear_tcap(&begin(context, &[&bad])), None);
    answered(&mut gateway, 0x64, context, &[&reject(2, [0x81, 2])]);
    assert!(gateway.hear_tcap(&begin(context, &[&forward, &invoke(2, 44, &argument)])).is_some());
    assert_eq!(gateway.poll(), [Told::Gone]);
    assert_eq!((gateway.said()[0][0], gateway.open()), (0x67, 0));
}

#[test]
fn components_that_find_no_room_to_wait_are_rejected() {
    let mut gateway = gateway();
    let context = context::SUBSCRIBER_DATA_MANAGEMENT_V3;
    let two = begin(context, &[&invoke(1, 7, INSERT), &invoke(2, 7, INSERT)]);
    let asked: Vec<Asked> = (0..=KEPT).map(|_| gateway.hear_tcap(&two).unwrap().asked()).collect();
    let said = gateway.said();
    assert_eq!((said.len(), parts(&said[0])), (1, reject(2, [0x81, 3])));
    assert_eq!(gateway.ss7.counts.components_refused, 1);
    // The last one's dialogue has nothing else to wait for; the others have.
    for asked in asked.iter().rev() {
        gateway.returned(asked, 7, None);
    }
    let tags: Vec<u8> = gateway.said().iter().map(|message| message[0]).collect();
    assert_eq!((tags[0], tags[1..].iter().all(|&tag| tag == 0x65)), (0x64, true));
    for told in gateway.poll() {
        gateway.returned(&told.asked(), 7, None);
    }
    assert_eq!(gateway.open(), 0);
}

#[test]
fn a_peer_that_gives_up_is_gone() {
    let mut gateway = gateway();
    let context = context::SUBSCRIBER_DATA_MANAGEMENT_V3;
    let two = [&invoke(9, 3, CANCEL)[..], &invoke(1, 7, INSERT), &invoke(2, 7, INSERT)];
    for last in [element(0x67, &[]), element(0x64, &[])] {
        let asked = gateway.hear_tcap(&begin(context, &two)).unwrap().asked();
        let id = our_id(&gateway.said()[0]);
        let message = element(last[0], &[&element(0x49, &[&id])]);
        assert_eq!(gateway.hear_tcap(&message), Some(Told::Gone));
        assert_eq!(gateway.poll(), [], "what waited of it is forgotten");
        gateway.returned(&asked, 7, None);
        assert_eq!((gateway.said().len(), gateway.open()), (0, 0));
    }
}
