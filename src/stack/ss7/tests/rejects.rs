//! Components that can't be taken, and the Rejects that they get or don't get (Q.774 3.2.2.2, Q.772 2.4).

use super::*;

const CONTEXT: &[u8] = context::SUBSCRIBER_DATA_MANAGEMENT_V3;
const INSERT: &[u8] = &[0x30, 0x03, 0x80, 0x01, 0x55];

/// Reject without an id, for a general problem.
fn reject_unnamed(problem: u8) -> Vec<u8> {
    vec![0xa4, 5, 5, 0, 0x80, 1, problem]
}

/// Two nodes that each answered the other's bad Reject by a Reject would never stop.
#[test]
fn a_reject_is_never_rejected() {
    for bad in ["a405 020101 0500", "a400", "a403 020201", "a409 020101"] {
        let mut gateway = gateway();
        gateway.hear_tcap(&begin(CONTEXT, &[&invoke(9, 3, INSERT), &invoke(1, 7, INSERT)])).unwrap();
        let id = our_id(&gateway.said()[0]);
        assert_eq!(gateway.hear_tcap(&going_on(&id, None, &[&hex(bad)])), None);
        assert_eq!((gateway.said().len(), gateway.open()), (0, 1), "{bad}");
        assert_eq!(gateway.ss7.counts.reject_malformed, 1);
    }
}

#[test]
fn what_stands_behind_a_bad_component_is_not_executed() {
    for (bad, expected) in [
        (&[0xa5, 3, 2, 1, 5][..], reject(5, [0x80, 0])),
        (&[0xa1, 3, 2, 1, 5], reject(5, [0x80, 1])),
        (&[0xa1, 3, 2, 2, 1], reject_unnamed(2)),
        (&[0xa1, 0], reject_unnamed(1)),
    ] {
        let mut gateway = gateway();
        assert_eq!(gateway.hear_tcap(&begin(CONTEXT, &[bad, &invoke(1, 7, INSERT)])), None, "{bad:02x?}");
        let said = gateway.said();
        assert_eq!(said.iter().map(|said| (said[0], parts(said))).collect::<Vec<_>>(), [(0x64, expected)]);
        assert_eq!((gateway.open(), gateway.ss7.counts.component_malformed), (0, 1));
        // What stands before it is executed.
        let told = gateway.hear_tcap(&begin(CONTEXT, &[&invoke(1, 7, INSERT), bad, &invoke(2, 7, INSERT)]));
        gateway.returned(&told.unwrap().asked(), 7, None);
        assert_eq!(gateway.poll(), []);
        assert_eq!(gateway.open(), 0);
    }
}

/// Nor is a message of bad components answered by many messages, or by more octets than a message has.
#[test]
fn rejections_of_one_message_leave_together() {
    let mut gateway = gateway();
    let strange: Vec<Vec<u8>> = (1..=3).map(|id| invoke(id, 99, INSERT)).collect();
    let all: Vec<&[u8]> = strange.iter().map(Vec::as_slice).collect();
    let expected: Vec<u8> = (1..=3).flat_map(|id| reject(id, [0x81, 1])).collect();
    assert_eq!(gateway.hear_tcap(&begin(CONTEXT, &all)), None);
    let said = gateway.said();
    assert_eq!(
        said.iter().map(|said| (said[0], parts(said))).collect::<Vec<_>>(),
        [(0x64, expected.clone())]
    );
    // With an operation among them they leave at once, and the dialogue stays.
    let good = invoke(9, 7, INSERT);
    let told = gateway.hear_tcap(&begin(CONTEXT, &[all[0], &good, all[1]])).unwrap();
    assert_eq!(gateway.poll(), []);
    let said = gateway.said();
    let expected: Vec<_> = (1..=2).map(|id| (0x65, reject(id, [0x81, 1]))).collect();
    assert_eq!(said.iter().map(|said| (said[0], parts(said))).collect::<Vec<_>>(), expected);
    gateway.returned(&told.asked(), 7, None);
    assert_eq!((gateway.said()[0][0], gateway.open()), (0x64, 0));
    // Many: no more than fit.
    let many = begin(CONTEXT, &vec![&invoke(1, 99, &[])[..]; 20]);
    assert_eq!(gateway.hear_tcap(&many), None);
    let said = gateway.said();
    assert_eq!((said.len(), parts(&said[0])), (1, reject(1, [0x81, 1]).repeat(8)));
    assert!(said[0].len() < many.len(), "{} octets answered by {}", many.len(), said[0].len());
    assert_eq!(gateway.ss7.counts.components_refused, 12);
}

/// What the peer of a dialogue says is counted like what strangers say.
#[test]
fn a_bad_message_in_a_dialogue_is_counted() {
    let mut gateway = gateway();
    gateway.hear_tcap(&begin(CONTEXT, &[&invoke(9, 3, INSERT), &invoke(1, 7, INSERT)])).unwrap();
    let id = our_id(&gateway.said()[0]);
    let message = element(0x65, &[&PEERS_ID, &element(0x49, &[&id]), &[0x6c, 0, 5, 0]]);
    assert_eq!(gateway.hear_tcap(&message), Some(Told::Gone));
    let said = gateway.said();
    assert_eq!((said[0][0], &said[0][said[0].len() - 3..]), (0x67, &[0x4a, 1, 3][..]));
    assert_eq!(gateway.malformed.total(), 1);
}

/// Neither the gateway nor the HLR invokes an operation that others may be linked to.
#[test]
fn a_link_to_nothing() {
    let linked = |id: u8, to: u8| element(0xa1, &[&[2, 1, id, 0x80, 1, to, 2, 1, 7], INSERT]);
    let mut gateway = gateway();
    assert_eq!(gateway.hear_tcap(&begin(CONTEXT, &[&linked(3, 4)])), None);
    assert_eq!(parts(&gateway.said()[0]), reject(3, [0x81, 5]), "unrecognised linked id");
    gateway.invoke(&update(), 7);
    let id = our_id(&gateway.said()[0]);
    let context = context::GPRS_LOCATION_UPDATE_V3;
    assert_eq!(gateway.hear_tcap(&going_on(&id, Some(context), &[&linked(1, 9), &linked(2, 1)])), None);
    let expected = [reject(1, [0x81, 5]), reject(2, [0x81, 6])].concat();
    assert_eq!(parts(&gateway.said()[0]), expected, "linked response unexpected");
    assert_eq!((gateway.open(), gateway.ss7.counts.operation_rejected), (1, 3));
}

/// What ends an operation of ours is told, and rejected if it is not what it should be and the dialogue goes on.
#[test]
fn results_and_errors_that_are_none_are_rejected() {
    let context = context::GPRS_LOCATION_UPDATE_V3;
    let (aborted, failed) = (Told::Aborted(7), |code| Told::Error { user: 7, code });
    for (answer, told, problem) in [
        (result(0xa2, 1, 99, &[0x30, 0]), aborted.clone(), Some([0x82, 2])),
        (hex("a307 020101 06022a03"), aborted, Some([0x83, 2])),
        (hex("a306 020101 020163"), failed(99), Some([0x83, 2])),
        (hex("a308 020101 020120 0500"), failed(34), Some([0x83, 4])),
        // An error of MAP that updateGprsLocation does not have, callBarred, and one that it has.
        (hex("a306 020101 02010d"), failed(13), Some([0x83, 3])),
        (hex("a306 020101 020108"), failed(8), None),
    ] {
        let mut gateway = gateway();
        gateway.invoke(&update(), 7);
        let id = our_id(&gateway.said()[0]);
        assert_eq!(gateway.hear_tcap(&going_on(&id, Some(context), &[&answer])), Some(told), "{answer:02x?}");
        let said = gateway.said();
        let expected = problem.map_or(vec![], |problem| reject(1, problem));
        assert_eq!((said.len(), said[0][0], parts(&said[0])), (1, 0x64, expected), "{answer:02x?}");
        assert_eq!((gateway.open(), gateway.ss7.counts.outcome_rejected), (0, u64::from(problem.is_some())));
    }
}

/// noteSubscriberPresent of version 1, class 4: an answer to it is none, and that it ends without a word is its success.
#[test]
fn what_has_class_4_has_no_answer() {
    let told = Told::Returned { user: 5, opcode: 48, result: vec![] };
    let asked = || {
        let mut gateway = gateway();
        gateway.ss7.policies =
            vec![PeerPolicy { prefix: Digits::EMPTY, handshake: Handshake::Never, highest: Version::V1 }];
        let ready = ReadyForSm {
            from: (digits(GATEWAY), Ssn::SGSN),
            hlr: digits(HLR),
            imsi: "262011234567890".parse().unwrap(),
            reason: AlertReason::MsPresent,
            sgsn: false,
            timeout: Duration::from_secs(20),
        };
        gateway.ss7.ready_for_sm(gateway.now, &ready, 5, &mut gateway.sent).unwrap();
        let id = our_id(&gateway.said()[0]);
        (gateway, id)
    };
    for (answer, problem) in [("a203 020101", [0x82, 1]), ("a306 020101 020122", [0x83, 1])] {
        let (mut gateway, id) = asked();
        assert_eq!(gateway.hear_tcap(&going_on(&id, None, &[&hex(answer)])), None);
        let said = gateway.said();
        assert_eq!((said.len(), said[0][0], parts(&said[0])), (1, 0x65, reject(1, problem)), "{answer}");
        assert_eq!((gateway.open(), gateway.ss7.counts.outcome_rejected), (1, 1));
        gateway.now += Duration::from_secs(20);
        assert_eq!(gateway.poll(), core::slice::from_ref(&told));
    }
    let (mut gateway, id) = asked();
    assert_eq!(gateway.hear_tcap(&end(&id, None, &[])), Some(told));
    // What has an answer has failed without one.
    gateway.invoke(&update(), 7);
    let id = our_id(&gateway.said()[0]);
    let none = end(&id, Some(context::GPRS_LOCATION_UPDATE_V3), &[]);
    assert_eq!(gateway.hear_tcap(&none), Some(Told::Aborted(7)));
}

/// informServiceCentre behind the result that it belongs to, in a dialogue that the HLR leaves open.
#[test]
fn an_operation_beside_an_answer_is_not_lost() {
    let route =
        MapInvoke { context: context::GATEWAY_V3, opcode: operation::SEND_ROUTING_INFO_FOR_SM, ..update() };
    let (answer, inform) = (result(0xa2, 1, 45, INSERT), invoke(2, 63, INSERT));
    for all in [[&answer[..], &inform], [&inform, &answer]] {
        let mut gateway = gateway();
        gateway.invoke(&route, 6);
        let id = our_id(&gateway.said()[0]);
        let told = gateway.hear_tcap(&going_on(&id, Some(context::GATEWAY_V3), &all)).unwrap();
        let expected =
            Told::Invoke { asked: told.asked(), opcode: 63, argument: INSERT.to_vec(), within: Some(6) };
        assert_eq!(told, expected);
        assert_eq!(gateway.poll(), [Told::Returned { user: 6, opcode: 45, result: INSERT.to_vec() }]);
        let said = gateway.said();
        assert_eq!((said.len(), said[0][0], gateway.open()), (1, 0x64, 0));
    }
}

#[test]
fn operations_do_not_come_in_unidirectional_messages() {
    let mut gateway = gateway();
    assert_eq!(gateway.hear_tcap(&element(0x61, &[&components(&[&invoke(1, 7, INSERT)])])), None);
    assert_eq!((gateway.said().len(), gateway.open(), gateway.ss7.counts.unidirectional_refused), (0, 0, 1));
}
