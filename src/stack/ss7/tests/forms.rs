//! The forms in which messages leave: as short as it goes, and never one that the destination does not take.

use super::addressing::{Crossing, label, worker_with};
use super::*;

/// A worker that leads HLR titles to 200, which takes `form`.
fn towards(form: sccp::Kind) -> Ss7 {
    worker_with(3, 4, |sccp| {
        let hlr = sccp::Destination::titled(PointCode(200));
        sccp.rules.push(sccp::Rule::new(digits("491710888"), hlr));
        sccp.points = vec![sccp::RemotePoint { point_code: PointCode(200), form }];
    })
}

/// What leaves for an argument of so many octets.
fn sent(ss7: &mut Ss7, size: usize) -> Result<Vec<(Label, Vec<u8>)>, Refusal> {
    let argument = vec![4; size];
    let mut outside = Crossing::default();
    let invoke = MapInvoke { argument: &argument, ..update() };
    ss7.invoke(Time::from_millis(1), &invoke, 1, &mut outside)?;
    Ok(outside.crossed.into_iter().map(|(_, label, message)| (label, message)).collect())
}

fn data_of(message: &[u8]) -> sccp::Unitdata<'_> {
    match sccp::parse(message) {
        Ok(sccp::Input::Unitdata(unitdata)) => unitdata,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_fits_is_a_udt_whatever_else_is_taken() {
    for form in [sccp::Kind::Udt, sccp::Kind::Xudt, sccp::Kind::Ludt] {
        let messages = sent(&mut towards(form), 100).unwrap();
        assert_eq!(messages.len(), 1);
        assert_eq!(data_of(&messages[0].1).kind, sccp::Kind::Udt);
    }
}

#[test]
fn what_does_not_fit_a_udt_is_refused_where_nothing_else_is_taken() {
    let mut ss7 = towards(sccp::Kind::Udt);
    assert_eq!(sent(&mut ss7, 300).unwrap_err(), Refusal::TooLong);
    assert_eq!((ss7.counts.too_long, ss7.dialogues.len()), (1, 0));
}

#[test]
fn a_long_message_leaves_as_a_ludt() {
    let mut ss7 = towards(sccp::Kind::Ludt);
    let messages = sent(&mut ss7, 1500).unwrap();
    let [(_, message)] = &messages[..] else { panic!() };
    let unitdata = data_of(message);
    assert_eq!((unitdata.kind, unitdata.class, unitdata.hop_counter), (sccp::Kind::Ludt, 1, Some(15)));
    assert!(unitdata.data.len() > 1500 && unitdata.return_on_error && !unitdata.is_segment());
    assert_eq!(sent(&mut ss7, 2048).unwrap_err(), Refusal::TooLong, "it would not cross to another worker");
}

#[test]
fn a_long_message_leaves_in_segments() {
    let mut ss7 = towards(sccp::Kind::Xudt);
    let mut references = vec![];
    for (size, count) in [(240, 2), (500, 3), (1500, 7), (3400, 16)] {
        let messages = sent(&mut ss7, size).unwrap();
        assert_eq!(messages.len(), count, "{size}");
        let first = data_of(&messages[0].1);
        let (reference, length) = (first.segmentation.unwrap().local_reference, first.data.len());
        references.push(reference);
        for (at, (label, message)) in messages.iter().enumerate() {
            assert!(message.len() <= sccp::MTP3_LIMIT);
            assert_eq!(label.selection, messages[0].0.selection, "one way keeps them in order");
            let unitdata = data_of(message);
            assert_eq!((unitdata.kind, unitdata.class), (sccp::Kind::Xudt, 1));
            assert_eq!(unitdata.return_on_error, at == 0);
            let expected = sccp::Segmentation {
                first: at == 0,
                in_sequence: true,
                remaining: (count - 1 - at) as u8,
                local_reference: reference,
            };
            assert_eq!(unitdata.segmentation, Some(expected));
            // The receiver may take its room for as many as the first says, each as long as the first.
            assert!(unitdata.data.len() <= length);
        }
    }
    assert_eq!(ss7.counts.segmented, 4);
    let worker = |reference: &u32| reference >> 20;
    assert!(references.iter().all(|reference| worker(reference) == 3), "{references:?}");
    references.dedup();
    assert_eq!(references.len(), 4);
    assert_eq!(sent(&mut ss7, 3700).unwrap_err(), Refusal::TooLong, "more than 16");
}

/// Sent by one node, put together by another.
#[test]
fn what_left_in_segments_arrives_whole() {
    let mut ss7 = towards(sccp::Kind::Xudt);
    let mut peer = worker_with(0, 1, |sccp| sccp.rules[0].prefix = digits(HLR));
    for size in [240, 241, 700, 1900] {
        let mut whole = Whole::EMPTY;
        let mut outside = Crossing::default();
        let mut malformed = MalformedCounts::default();
        let now = Time::from_millis(1);
        for (at, (_, message)) in sent(&mut ss7, size).unwrap().iter().enumerate() {
            assert!(!peer.has_whole(), "{at}");
            let mut message = message.clone();
            // To the SGSN's number instead of the HLR's: the peer is one.
            let called = usize::from(message[3]) + 3;
            message[called + 2] = Ssn::SGSN.0;
            peer.handle_sccp(now, &label(200), &message, &mut malformed, &mut outside);
        }
        assert!(peer.has_whole());
        peer.next_whole(now, &mut whole, &mut malformed, &mut outside);
        assert_eq!((malformed.total(), peer.sccp_counts().delivered), (0, 1));
        peer.sccp.counts = sccp::SccpCounts::default();
    }
}
