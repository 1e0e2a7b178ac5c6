//! Operations that we invoke: in dialogues of our own, with the peer's inside, and inside a peer's.

use super::*;

const INSERT: &[u8] = &[0x30, 0x03, 0x80, 0x01, 0x55];
const LOCATION: &[u8] = &[0x30, 0x03, 0x04, 0x01, 0x66];
const UGL: &[u8] = context::GPRS_LOCATION_UPDATE_V3;
const SAI: &[u8] = context::INFO_RETRIEVAL_V3;

/// Carries everything from one node to the other.
fn deliver(from: &mut Node, to: &mut Node) -> Vec<Told> {
    let messages = core::mem::take(&mut from.sent.0);
    messages.iter().filter_map(|message| to.hear(message)).collect()
}

fn tags(node: &Node) -> Vec<u8> {
    let tag = |message: &Vec<u8>| match sccp::parse(message) {
        Ok(sccp::Input::Unitdata(unitdata)) => unitdata.data[0],
        other => panic!("{other:?}"),
    };
    node.sent.0.iter().map(tag).collect()
}

#[test]
fn an_update_of_location_brings_subscriber_data() {
    let (mut gateway, mut hlr) = (gateway(), hlr());
    gateway.invoke(&update(), 77);
    assert_eq!(tags(&gateway), [0x62]);
    let asked = deliver(&mut gateway, &mut hlr).remove(0);
    let expected = Told::Invoke {
        asked: asked.asked(),
        opcode: operation::UPDATE_GPRS_LOCATION,
        argument: UPDATE.argument.to_vec(),
        within: None,
    };
    assert_eq!(asked, expected);
    hlr.within(&asked.asked(), INSERT, 500).unwrap();
    hlr.within(&asked.asked(), INSERT, 501).unwrap();
    assert_eq!(tags(&hlr), [0x65, 0x65]);
    let insertions = deliver(&mut hlr, &mut gateway);
    for (number, told) in insertions.iter().enumerate() {
        let asked = told.asked();
        assert_eq!(usize::from(asked.invoke_id.unsigned_abs()), number + 1);
        let expected = Told::Invoke { asked, opcode: 7, argument: INSERT.to_vec(), within: Some(77) };
        assert_eq!(*told, expected);
        let result = (number == 0).then_some(&[0x30, 0][..]);
        gateway.returned(&asked, 7, result);
    }
    assert_eq!(tags(&gateway), [0x65, 0x65]);
    let outcomes = deliver(&mut gateway, &mut hlr);
    let first = Told::Returned { user: 500, opcode: 7, result: vec![0x30, 0] };
    let second = Told::Returned { user: 501, opcode: 7, result: vec![] };
    assert_eq!(outcomes, [first, second]);
    hlr.returned(&asked.asked(), operation::UPDATE_GPRS_LOCATION, Some(LOCATION));
    assert_eq!(tags(&hlr), [0x64]);
    let expected = Told::Returned { user: 77, opcode: 23, result: LOCATION.to_vec() };
    assert_eq!(deliver(&mut hlr, &mut gateway), [expected]);
    assert_eq!((gateway.open(), hlr.open(), hlr.poll().len()), (0, 0, 0));
    assert_eq!(gateway.sent().len() + hlr.sent().len(), 0);
}

/// Both insertions in one Continue, both answers in one, and the peer's own transaction ids.
#[test]
fn several_operations_of_one_continue() {
    let (mut gateway, mut hlr) = (gateway(), hlr());
    gateway.invoke(&update(), 5);
    let id = our_id(&gateway.said()[0]);
    let both = going_on(&id, Some(UGL), &[&invoke(10, 7, INSERT), &invoke(11, 7, INSERT)]);
    let first = gateway.hear_tcap(&both).unwrap().asked();
    gateway.returned(&first, 7, None);
    let second = gateway.poll().remove(0).asked();
    gateway.returned(&second, 7, None);
    let said = gateway.said();
    assert_eq!((said[0][0], said[1][0]), (0x65, 0x65), "the dialogue is ours");
    assert_eq!([parts(&said[0]), parts(&said[1])].concat(), hex("a203 02010a a203 02010b"));
    let last = end(&id, None, &[&result(0xa2, 1, 23, LOCATION)]);
    let expected = Told::Returned { user: 5, opcode: 23, result: LOCATION.to_vec() };
    assert_eq!(gateway.hear_tcap(&last), Some(expected));

    let asked = hlr.hear_tcap(&begin(UGL, &[&invoke(1, 23, LOCATION)])).unwrap().asked();
    hlr.within(&asked, INSERT, 1).unwrap();
    hlr.within(&asked, INSERT, 2).unwrap();
    let id = our_id(&hlr.said()[0]);
    let both = going_on(&id, None, &[&hex("a203 020101"), &hex("a306 020102 020115")]);
    assert_eq!(hlr.hear_tcap(&both), Some(Told::Returned { user: 1, opcode: 7, result: vec![] }));
    // The application ends its part before it has seen the other: the dialogue ends when that is told.
    hlr.returned(&asked, 23, Some(LOCATION));
    assert_eq!(tags(&hlr), [0x65]);
    assert_eq!(hlr.poll(), [Told::Error { user: 2, code: 21 }]);
    assert_eq!((tags(&hlr), hlr.open()), (vec![0x65, 0x64], 0));
}

#[test]
fn re_synchronisation_brings_vectors() {
    let (mut gateway, mut hlr) = (gateway(), hlr());
    let argument = hex(
        "3031 800862021132547698f0 020101 3022 0410000102030405060708090a0b0c0d0e0f 040e202122232425262728292a2b2c2d",
    );
    gateway.invoke(&MapInvoke { argument: &argument, ..authenticate() }, 9);
    let told = deliver(&mut gateway, &mut hlr).remove(0);
    assert!(matches!(&told, Told::Invoke { opcode: 56, argument: got, .. } if *got == argument));
    let vectors = element(0xa3, &[&[0x04, 1, 9]]);
    hlr.returned(&told.asked(), 56, Some(&vectors));
    let expected = Told::Returned { user: 9, opcode: 56, result: vectors };
    assert_eq!(deliver(&mut hlr, &mut gateway), [expected]);
    assert_eq!((gateway.open(), hlr.open()), (0, 0));
}

fn route() -> MapInvoke<'static> {
    let opcode = operation::SEND_ROUTING_INFO_FOR_SM;
    MapInvoke { context: context::GATEWAY_V3, opcode, argument: LOCATION, ..update() }
}

#[test]
fn what_waits_for_a_subscriber_is_told_before_the_answer() {
    let (mut gmsc, mut hlr) = (gateway(), hlr());
    gmsc.invoke(&route(), 6);
    let asked = deliver(&mut gmsc, &mut hlr).remove(0).asked();
    let (now, sent) = (hlr.now, &mut hlr.sent);
    hlr.ss7.invoke_within(now, &asked, operation::INFORM_SERVICE_CENTRE, INSERT, 1, sent).unwrap();
    hlr.returned(&asked, operation::SEND_ROUTING_INFO_FOR_SM, Some(LOCATION));
    assert_eq!(tags(&hlr), [0x65, 0x64]);
    let told = deliver(&mut hlr, &mut gmsc);
    let inform = |asked| Told::Invoke { asked, opcode: 63, argument: INSERT.to_vec(), within: Some(6) };
    let answer = Told::Returned { user: 6, opcode: 45, result: LOCATION.to_vec() };
    assert_eq!(told, [inform(told[0].asked()), answer.clone()]);
    hlr.now += Duration::from_secs(60);
    assert_eq!(
        (hlr.poll(), gmsc.sent().len(), gmsc.open(), hlr.open()),
        (vec![], 0, 0, 0),
        "no answer to that"
    );
    // In one message with the answer, before it or behind it.
    let (inside, last) = (invoke(1, 63, INSERT), result(0xa2, 1, 45, LOCATION));
    let absent = hex("a306 020101 020106");
    for (components, answer) in [
        ([&inside, &last], answer.clone()),
        ([&last, &inside], answer),
        ([&absent, &inside], Told::Error { user: 6, code: 6 }),
    ] {
        let mut gmsc = gateway();
        gmsc.invoke(&route(), 6);
        let id = our_id(&gmsc.said()[0]);
        let told = gmsc.hear_tcap(&end(&id, Some(context::GATEWAY_V3), &components.map(|it| &it[..])));
        let told = told.unwrap();
        assert_eq!(told, inform(told.asked()));
        assert_eq!(gmsc.ss7.poll_timeout(), Time::ZERO);
        assert_eq!(gmsc.poll(), [answer]);
        assert_eq!((gmsc.open(), gmsc.said().len()), (0, 0));
    }
    // Elsewhere nobody has anything to inform of.
    let mut gateway = gateway();
    gateway.invoke(&authenticate(), 4);
    let id = our_id(&gateway.said()[0]);
    let both = end(&id, Some(SAI), &[&invoke(1, 63, INSERT), &result(0xa2, 1, 56, INSERT)]);
    let expected = Told::Returned { user: 4, opcode: 56, result: INSERT.to_vec() };
    assert_eq!(gateway.hear_tcap(&both), Some(expected));
}

#[test]
fn an_hlr_hears_of_free_memory() {
    for (sgsn, ssn, indicator) in [(false, Ssn::MSC, "8100"), (true, Ssn::SGSN, "0500")] {
        let (mut gateway, mut hlr) = (gateway(), hlr());
        let ready = ReadyForSm {
            reason: crate::stack::AlertReason::MemoryAvailable,
            from: (digits(GATEWAY), ssn),
            hlr: digits(HLR),
            imsi: "262011234567890".parse().unwrap(),
            sgsn,
            timeout: Duration::from_secs(20),
        };
        gateway.ss7.ready_for_sm(gateway.now, &ready, 8, &mut gateway.sent).unwrap();
        let told = deliver(&mut gateway, &mut hlr).remove(0);
        let argument = hex(&format!("300f 800862021132547698f0 0a0101 {indicator}"));
        assert_eq!(told, Told::Invoke { asked: told.asked(), opcode: 66, argument, within: None });
        hlr.returned(&told.asked(), operation::READY_FOR_SM, None);
        let called = hlr.sent.0.iter().map(|message| match sccp::parse(message) {
            Ok(sccp::Input::Unitdata(unitdata)) => unitdata.called.ssn,
            other => panic!("{other:?}"),
        });
        assert_eq!(called.collect::<Vec<_>>(), [Some(ssn)]);
        let expected = Told::Returned { user: 8, opcode: 66, result: vec![] };
        assert_eq!(deliver(&mut hlr, &mut gateway), [expected]);
        assert_eq!((gateway.open(), hlr.open()), (0, 0));
    }
}

#[test]
fn a_result_in_parts_or_in_a_continue_is_enough() {
    let vectors = hex("a302 a100");
    let part = |tag| result(tag, 1, 56, &vectors);
    let whole = |id: &[u8], tag| going_on(id, Some(SAI), &[&part(tag)]);
    for tag in [0xa7, 0xa2] {
        let mut gateway = gateway();
        gateway.invoke(&authenticate(), 4);
        let id = our_id(&gateway.said()[0]);
        let expected = Some(Told::Returned { user: 4, opcode: 56, result: vectors.clone() });
        assert_eq!(gateway.hear_tcap(&whole(&id, tag)), expected);
        let said = gateway.said();
        assert_eq!((said.len(), said[0][0], gateway.open()), (1, 0x64, 0), "nothing more to say");
    }
    // A first part that is empty: the next one counts. An empty Continue before it says nothing.
    let mut gateway = gateway();
    gateway.invoke(&authenticate(), 4);
    let id = our_id(&gateway.said()[0]);
    assert_eq!(gateway.hear_tcap(&going_on(&id, Some(SAI), &[])), None);
    assert_eq!(gateway.hear_tcap(&going_on(&id, None, &[&hex("a703 020101")])), None);
    let last = end(&id, None, &[&part(0xa7), &part(0xa2)]);
    assert_eq!(
        gateway.hear_tcap(&last),
        Some(Told::Returned { user: 4, opcode: 56, result: vectors.clone() })
    );
    // A result of another operation is none.
    gateway.invoke(&authenticate(), 4);
    let id = our_id(&gateway.said()[0]);
    let wrong = end(&id, Some(SAI), &[&result(0xa2, 1, 55, &vectors)]);
    assert_eq!(gateway.hear_tcap(&wrong), Some(Told::Aborted(4)));
}

#[test]
fn errors_come_with_their_code() {
    for (component, told) in [
        ("a30b 020101 020101 30030a0101", Told::Error { user: 1, code: 1 }),
        ("a306 020101 020108", Told::Error { user: 1, code: 8 }),
        ("a307 020101 020200c8", Told::Error { user: 1, code: 200 }),
        ("a307 020101 06022a03", Told::Aborted(1)),
        ("a406 020101 810101", Told::Aborted(1)),
        ("a405 0500 800102", Told::Aborted(1)),
    ] {
        for in_continue in [false, true] {
            let mut gateway = gateway();
            gateway.invoke(&authenticate(), 1);
            let id = our_id(&gateway.said()[0]);
            let answer = if in_continue { going_on } else { end };
            let answer = answer(&id, Some(SAI), &[&hex(component)]);
            assert_eq!(gateway.hear_tcap(&answer), Some(told.clone()), "{component}");
            assert_eq!(gateway.open(), 0);
            let ends = gateway.said().iter().filter(|message| message[0] == 0x64).count();
            assert_eq!(ends, usize::from(in_continue));
        }
    }
}

#[test]
fn what_a_peer_may_not_say_in_a_dialogue_of_ours_is_rejected() {
    let mut gateway = gateway();
    gateway.invoke(&update(), 3);
    let id = our_id(&gateway.said()[0]);
    let insert = invoke(1, 7, INSERT);
    assert!(gateway.hear_tcap(&going_on(&id, Some(UGL), &[&insert])).is_some());
    for (component, problem) in [
        (insert, reject(1, [0x81, 0])),
        (invoke(2, 44, INSERT), reject(2, [0x81, 1])),
        (result(0xa2, 9, 23, LOCATION), reject(9, [0x82, 0])),
        (hex("a306 020109 020101"), reject(9, [0x83, 0])),
        (hex("a103 020103"), reject(3, [0x80, 1])),
        (hex("a503 020103"), reject(3, [0x80, 0])),
        (hex("a10a 0201"), hex("a405 0500 800102")),
    ] {
        assert_eq!(gateway.hear_tcap(&going_on(&id, None, &[&component])), None);
        let said = gateway.said();
        assert_eq!((said[0][0], parts(&said[0])), (0x65, problem), "{component:02x?}");
    }
    // It does not understand our answer: its End, or its Abort, will tell what it makes of that.
    assert_eq!(gateway.hear_tcap(&going_on(&id, None, &[&reject(1, [0x82, 0])])), None);
    assert_eq!((gateway.said().len(), gateway.open()), (0, 1));
    // Nothing may be invoked in a dialogue of authentication.
    gateway.invoke(&authenticate(), 4);
    let id = our_id(&gateway.said()[0]);
    assert_eq!(gateway.hear_tcap(&going_on(&id, Some(SAI), &[&invoke(1, 7, INSERT)])), None);
    assert_eq!(parts(&gateway.said()[0]), reject(1, [0x81, 1]));
}

#[test]
fn an_abort_ends_everything_in_the_dialogue() {
    let user_abort = |id: &[u8]| {
        let abort = dialogue_portion(&hex("6403 800100"));
        element(0x67, &[&element(0x49, &[id]), &abort])
    };
    let mut gateway = gateway();
    gateway.invoke(&update(), 3);
    let id = our_id(&gateway.said()[0]);
    let asked = gateway.hear_tcap(&going_on(&id, Some(UGL), &[&invoke(1, 7, INSERT)])).unwrap().asked();
    assert_eq!(gateway.hear_tcap(&user_abort(&id)), Some(Told::Aborted(3)));
    gateway.returned(&asked, 7, None);
    assert_eq!((gateway.said().len(), gateway.ss7.counts.answer_late), (0, 1));
    // Before anything else: P-Abort; and the context's refusal, which says no more to the application.
    let first = |id: &[u8]| element(0x67, &[&element(0x49, &[id]), &[0x4a, 1, 4]]);
    let refused = |id: &[u8]| element(0x67, &[&element(0x49, &[id]), &aare(UGL, 1)]);
    for abort in [first, refused] as [fn(&[u8]) -> Vec<u8>; 2] {
        gateway.invoke(&update(), 4);
        let id = our_id(&gateway.said()[0]);
        assert_eq!(gateway.hear_tcap(&abort(&id)), Some(Told::Aborted(4)));
    }
    assert_eq!((gateway.open(), gateway.said().len()), (0, 0));

    let mut hlr = hlr();
    let asked = hlr.hear_tcap(&begin(UGL, &[&invoke(1, 23, LOCATION)])).unwrap().asked();
    hlr.within(&asked, INSERT, 8).unwrap();
    let id = our_id(&hlr.said()[0]);
    assert_eq!(hlr.hear_tcap(&user_abort(&id)), Some(Told::Gone));
    assert_eq!(hlr.ss7.poll_timeout(), Time::ZERO);
    assert_eq!(hlr.poll(), [Told::Aborted(8)]);
    assert_eq!(hlr.within(&asked, INSERT, 9), Err(Refusal::NoRoute));
}

#[test]
fn another_version_than_ours_is_no_answer() {
    let mut gateway = gateway();
    for (context, result) in [(context::of(32, 2), 0), (context::of(32, 3), 1)] {
        gateway.invoke(&update(), 6);
        let id = our_id(&gateway.said()[0]);
        let answer = element(0x65, &[&PEERS_ID, &element(0x49, &[&id]), &aare(&context, result)]);
        assert_eq!(gateway.hear_tcap(&answer), Some(Told::Aborted(6)));
        assert_eq!((gateway.said()[0][0], gateway.open()), (0x67, 0));
    }
}

#[test]
fn what_takes_too_long_is_aborted_from_where_it_was_opened() {
    let mut gateway = gateway();
    let from = (digits(SECOND), Ssn::SGSN);
    gateway.invoke(&MapInvoke { from, timeout: Duration::from_secs(2), ..update() }, 1);
    gateway.invoke(&MapInvoke { from, timeout: Duration::from_secs(3), ..update() }, 2);
    let begins = gateway.sent();
    assert_eq!(begins[0].1, SccpAddress::titled(from.0, from.1));
    let id = our_id(&begins[1].2);
    // The second is answered, but not to the end; an operation of the peer's gives it no more time.
    gateway.now += Duration::from_secs(1);
    gateway.hear_tcap(&going_on(&id, Some(UGL), &[&invoke(1, 7, INSERT)])).unwrap();
    gateway.now += Duration::from_millis(1001);
    assert_eq!(gateway.poll(), [Told::TimedOut(1)]);
    assert_eq!(gateway.sent().len(), 0, "nobody to tell");
    gateway.now += Duration::from_secs(1);
    assert_eq!(gateway.poll(), [Told::TimedOut(2)]);
    let sent = gateway.sent();
    let (called, calling, message) = &sent[0];
    assert_eq!((message[0], *calling), (0x67, SccpAddress::titled(from.0, from.1)));
    assert_eq!(called.title.unwrap().digits, digits(HLR));
    assert_eq!(gateway.open(), 0);
}

#[test]
fn an_operation_inside_another_has_its_own_time() {
    let mut hlr = hlr();
    let asked = hlr.hear_tcap(&begin(UGL, &[&invoke(1, 23, LOCATION)])).unwrap().asked();
    hlr.within(&asked, INSERT, 1).unwrap();
    hlr.now += Duration::from_secs(12);
    hlr.within(&asked, INSERT, 2).unwrap();
    hlr.now += Duration::from_millis(7999);
    assert_eq!(hlr.poll(), []);
    hlr.now += Duration::from_millis(1);
    assert_eq!(hlr.poll(), [Told::TimedOut(1)]);
    // Its answer comes too late; the other's does not.
    let id = our_id(&hlr.said()[0]);
    assert_eq!(hlr.hear_tcap(&going_on(&id, None, &[&hex("a203 020101")])), None);
    assert_eq!(parts(&hlr.said()[0]), reject(1, [0x82, 0]));
    let told = hlr.hear_tcap(&going_on(&id, None, &[&hex("a203 020102")]));
    assert_eq!(told, Some(Told::Returned { user: 2, opcode: 7, result: vec![] }));
    hlr.ss7.user_error(hlr.now, &asked, &UserError::system_failure(), &mut hlr.sent);
    assert_eq!((tags(&hlr), hlr.open()), (vec![0x64], 0));
}

#[test]
fn operations_inside_others_are_bounded() {
    let mut hlr = hlr();
    let asked = hlr.hear_tcap(&begin(UGL, &[&invoke(1, 23, LOCATION)])).unwrap().asked();
    for number in 0..127 {
        hlr.within(&asked, INSERT, number).unwrap();
    }
    assert_eq!(hlr.within(&asked, INSERT, 127), Err(Refusal::Full), "no invoke id is left");
    let other = hlr.hear_tcap(&begin(UGL, &[&invoke(1, 23, LOCATION)])).unwrap().asked();
    let third = hlr.hear_tcap(&begin(UGL, &[&invoke(1, 23, LOCATION)])).unwrap().asked();
    for number in 0..127 {
        hlr.within(&other, INSERT, 200 + number).unwrap();
    }
    hlr.within(&third, INSERT, 400).unwrap();
    hlr.within(&third, INSERT, 401).unwrap();
    assert_eq!(hlr.within(&third, INSERT, 402), Err(Refusal::Full));
    assert_eq!(hlr.within(&third, &[0; 300], 402), Err(Refusal::Full));
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut gateway = gateway();
    let long = element(0x04, &[&[0; 250]]);
    let invoke = MapInvoke { argument: &long, ..update() };
    let refused = gateway.ss7.invoke(gateway.now, &invoke, 1, &mut gateway.sent);
    assert_eq!((refused, gateway.open()), (Err(Refusal::TooLong), 0));
    let nowhere = MapInvoke { to: (digits("1"), Ssn::HLR), ..update() };
    let refused = gateway.ss7.invoke(gateway.now, &nowhere, 1, &mut gateway.sent);
    assert_eq!((refused, gateway.open()), (Err(Refusal::NoRoute), 0));
}

#[test]
fn a_message_that_came_back_ends_its_dialogue() {
    let (mut gateway, mut hlr) = (gateway(), hlr());
    gateway.invoke(&update(), 12);
    let message = gateway.sent.0.remove(0);
    // UDTS, no translation; called and calling change places.
    let back = |message: &[u8], cause| {
        let Ok(sccp::Input::Unitdata(unitdata)) = sccp::parse(message) else { panic!() };
        let mut room = [0; 600];
        let mut w = Prepend::new(&mut room);
        w.bytes(unitdata.data);
        let (called, calling) = (&unitdata.calling, &unitdata.called);
        let header = sccp::build::UnitdataHeader { class: 1, return_on_error: false, called, calling };
        sccp::build::udt(&mut w, 0, &header, 600).unwrap();
        let mut returned = w.finish().unwrap().to_vec();
        (returned[0], returned[1]) = (0x0a, cause);
        returned
    };
    assert_eq!(gateway.hear(&back(&message, 4)), Some(Told::NotDelivered(12, 4)));
    gateway.invoke(&update(), 13);
    let later = gateway.sent.0.remove(0);
    assert_eq!(gateway.hear(&back(&later, 2)), Some(Told::NotDelivered(13, 2)), "another way may be open");
    assert_eq!(gateway.open(), 0);
    hlr.hear(&message).unwrap();
    let asked = hlr.hear_tcap(&begin(UGL, &[&invoke(1, 23, LOCATION)])).unwrap().asked();
    hlr.within(&asked, INSERT, 8).unwrap();
    let message = hlr.sent.0.remove(0);
    assert_eq!(hlr.hear(&back(&message, 4)), Some(Told::Gone), "the peer opened it");
    assert_eq!(hlr.poll(), [Told::Aborted(8)]);
}
