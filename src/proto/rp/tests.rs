//! SM-RP against golden octets, and against octets that are wrong.

use super::view::Why;
use super::*;
use crate::base::{Layer, Malformed};
use crate::codec::Prepend;
use crate::ident::Number;
use Direction::{MsToNetwork, NetworkToMs};

/// PROTOCOLS 15: RP-DATA MS to network, MR 7, an SMS-SUBMIT for service centre 491710760000.
const MO: &str = "00070007919471016700001311050c919471907856340000a705c8329bfd06";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn written(rpdu: &Rpdu<'_>, direction: Direction) -> Option<Vec<u8>> {
    let mut room = [0; 300];
    let mut writer = Prepend::new(&mut room);
    rpdu.write(direction, &mut writer);
    writer.finish().map(<[u8]>::to_vec)
}

fn refusal(bytes: &[u8], direction: Direction) -> (u8, u16) {
    let malformed = Rpdu::parse(bytes, direction).unwrap_err();
    assert_eq!(malformed.layer, Layer::Rp);
    assert!(WHY.get(usize::from(malformed.why)).is_some());
    (malformed.why, malformed.offset)
}

#[test]
fn the_golden_submit() {
    let bytes = hex(MO);
    let rpdu = Rpdu::parse(&bytes, MsToNetwork).unwrap();
    let Rpdu::Data(data) = rpdu else { panic!("{rpdu:?}") };
    assert_eq!((data.reference, data.originator), (7, None));
    let centre = data.destination.unwrap();
    assert_eq!(centre.octets(), hex("91947101670000"));
    let number = Number::international("491710760000".parse().unwrap());
    assert_eq!((centre.number(), Some(centre)), (Some(number), RpAddress::of(number)));
    assert_eq!(data.user_data.len(), 0x13);
    assert_eq!(written(&rpdu, MsToNetwork), Some(bytes));
    assert_eq!(format!("{centre:?}"), "1/1:*********000");
}

#[test]
fn every_type_in_both_directions() {
    let address = RpAddress::of(Number::international("491710760000".parse().unwrap()));
    let tpdu: &[u8] = &[0, 0];
    let data = Rpdu::Data(Data { reference: 255, originator: address, destination: None, user_data: tpdu });
    for (rpdu, direction, octets) in [
        (data, NetworkToMs, "01ff079194710167000000020000"),
        (Rpdu::Ack(Ack { reference: 1, user_data: None }), MsToNetwork, "0201"),
        (Rpdu::Ack(Ack { reference: 1, user_data: Some(tpdu) }), NetworkToMs, "030141020000"),
        (error(22, None, Some(tpdu)), MsToNetwork, "0409011641020000"),
        (error(127, Some(3), None), NetworkToMs, "0509027f03"),
        (Rpdu::Smma { reference: 4 }, MsToNetwork, "0604"),
    ] {
        assert_eq!(written(&rpdu, direction), Some(hex(octets)));
        assert_eq!(Rpdu::parse(&hex(octets), direction), Ok(rpdu));
        let other = if direction == MsToNetwork { NetworkToMs } else { MsToNetwork };
        assert_eq!(refusal(&hex(octets), other), (Why::Direction as u8, 0));
    }
    assert_eq!(data.user_data(), Some(tpdu));
    assert_eq!(Rpdu::Smma { reference: 4 }.user_data(), None);
    assert_eq!(Rpdu::Smma { reference: 4 }.reference(), 4);
}

fn error(cause: u8, diagnostic: Option<u8>, user_data: Option<&[u8]>) -> Rpdu<'_> {
    Rpdu::Error(ErrorReport { reference: 9, cause: Cause(cause), diagnostic, user_data })
}

#[test]
fn spare_bits_and_unknown_elements_are_ignored() {
    assert_eq!(Rpdu::parse(&[0xfa, 1], MsToNetwork), Ok(Rpdu::Ack(Ack { reference: 1, user_data: None })));
    let ack = Rpdu::Ack(Ack { reference: 1, user_data: Some(&[0, 0]) });
    assert_eq!(Rpdu::parse(&[2, 1, 0x42, 1, 9, 0x90, 0x41, 2, 0, 0, 7, 7], MsToNetwork), Ok(ack));
    let bare = Rpdu::Ack(Ack { reference: 1, user_data: None });
    assert_eq!(Rpdu::parse(&[2, 1, 0x42, 9, 9], MsToNetwork), Ok(bare), "an element that ends too early");
    assert_eq!(Rpdu::parse(&[4, 9, 3, 0xe9, 1, 2], MsToNetwork), Ok(error(0x69, Some(1), None)));
    assert_eq!(Rpdu::parse(&[0, 1, 0, 0, 1, 5, 99], MsToNetwork).unwrap().user_data(), Some(&[5][..]));
}

#[test]
fn refusals_and_the_answer_they_owe() {
    for (octets, why, owed) in [
        ("", Why::Short, None),
        ("00", Why::Short, None),
        ("0705", Why::MessageType, Some((5, Cause::UNKNOWN_MESSAGE_TYPE))),
        ("0105", Why::Direction, Some((5, Cause::UNKNOWN_MESSAGE_TYPE))),
        ("0305", Why::Direction, None),
        ("0005", Why::Short, Some((5, Cause::INVALID_MANDATORY_INFORMATION))),
        ("00050007", Why::Short, Some((5, Cause::INVALID_MANDATORY_INFORMATION))),
        (
            "0005000c91000000000000000000000001ff",
            Why::Address,
            Some((5, Cause::INVALID_MANDATORY_INFORMATION)),
        ),
        ("00050000", Why::UserData, Some((5, Cause::INVALID_MANDATORY_INFORMATION))),
        ("0005000000", Why::UserData, Some((5, Cause::INVALID_MANDATORY_INFORMATION))),
        ("0005000002ff", Why::UserData, Some((5, Cause::INVALID_MANDATORY_INFORMATION))),
        ("0205410200", Why::UserData, None),
        ("02054100", Why::UserData, None),
        ("0405", Why::Cause, None),
        ("040500", Why::Cause, None),
    ] {
        let bytes = hex(octets);
        assert_eq!(refusal(&bytes, MsToNetwork).0, why as u8, "{octets}");
        let malformed = Rpdu::parse(&bytes, MsToNetwork).unwrap_err();
        assert_eq!(answer(&bytes, malformed), owed, "{octets}");
    }
    assert_eq!(answer(&[0, 1], Malformed::new(Layer::Sip, 0, 0)), None, "somebody else's refusal");
}

#[test]
fn a_report_whose_type_and_reference_are_read_is_one() {
    let ack = |user_data| Some(Rpdu::Ack(Ack { reference: 5, user_data }));
    let tpdu: &[u8] = &[0, 0];
    for (octets, salvaged) in [
        ("02054100", ack(None)),
        ("0205410200", ack(None)),
        ("020541", ack(None)),
        ("0a05", ack(None)),
        ("0405", Some(error(111, None, None))),
        ("040500", Some(error(111, None, None))),
        ("04050041020000", Some(error(111, None, Some(tpdu)))),
        ("040503", Some(error(111, None, None))),
        ("0405019641", Some(error(22, None, None))),
        ("040502160741ff", Some(error(22, Some(7), None))),
        ("0305", None),
        ("0505", None),
        ("0005", None),
        ("0605", None),
        ("0705", None),
        ("02", None),
        ("", None),
    ] {
        let salvaged = salvaged.map(|rpdu| match rpdu {
            Rpdu::Error(error) => Rpdu::Error(ErrorReport { reference: 5, ..error }),
            other => other,
        });
        assert_eq!(Rpdu::salvage(&hex(octets), MsToNetwork), salvaged, "{octets}");
    }
    assert_eq!(
        Rpdu::salvage(&hex("0509"), NetworkToMs),
        Some(error(111, None, None)),
        "towards the mobile likewise"
    );
    assert_eq!(Rpdu::salvage(&hex("0409"), NetworkToMs), None);
}

/// Each of the eight types, each way, cut anywhere: read, salvaged, answered by an RP-ERROR, or so short that there is
/// nothing to answer.
#[test]
fn every_type_each_way_cut_anywhere_has_its_outcome() {
    let tail = hex("05019600410200000000");
    for (direction, indicator) in
        [MsToNetwork, NetworkToMs].into_iter().flat_map(|it| (0..8).map(move |n| (it, n)))
    {
        for end in 0..tail.len() + 1 {
            let bytes: Vec<u8> = [&[indicator][..], &tail].concat()[..end].to_vec();
            let parsed = Rpdu::parse(&bytes, direction);
            let owed = parsed.err().and_then(|why| answer(&bytes, why));
            let salvaged = parsed.err().and_then(|_| Rpdu::salvage(&bytes, direction));
            let own_way = (indicator & 1 != 0) == (direction == NetworkToMs);
            match (indicator, own_way) {
                _ if end < 2 => assert!(owed.is_none() && salvaged.is_none() && parsed.is_err()),
                (2..=5, true) => assert!(parsed.is_ok() || salvaged.is_some(), "a report: {bytes:02x?}"),
                (2..=5, false) => assert!(owed.is_none() && salvaged.is_none(), "nobody's: {bytes:02x?}"),
                (7, _) | (_, false) => assert_eq!(owed, Some((5, Cause::UNKNOWN_MESSAGE_TYPE))),
                (6, true) => assert_eq!(parsed, Ok(Rpdu::Smma { reference: 5 })),
                _ => assert!(
                    parsed.is_ok() || owed == Some((5, Cause::INVALID_MANDATORY_INFORMATION)),
                    "{bytes:02x?}"
                ),
            }
        }
    }
}

#[test]
fn addresses_that_are_no_numbers() {
    let address = |octets: &[u8]| RpAddress::from_octets(octets);
    assert_eq!(address(&[]), None);
    assert_eq!(address(&[0x91; 12]), None);
    assert_eq!(address(&[0x91]).unwrap().number(), None);
    assert_eq!(address(&[0xd1, 0x41, 0x42]).unwrap().number(), None, "alphanumeric");
    assert_eq!(address(&[0x91, 0x1f, 0x22]).unwrap().number(), None, "filler inside");
    assert_eq!(address(&[0x91; 11]).unwrap().number().unwrap().digits.len(), 20);
    assert_eq!(RpAddress::of(Number::international("123456789012345678901".parse().unwrap())), None);
}

#[test]
fn what_cannot_be_written_is_not() {
    let long = [0; MAX_USER_DATA + 1];
    for (user_data, fits) in [(&long[..], false), (&long[1..], true), (&[], false)] {
        let data = Rpdu::Data(Data { reference: 1, originator: None, destination: None, user_data });
        assert_eq!(written(&data, MsToNetwork).is_some(), fits);
        assert_eq!(
            written(&Rpdu::Ack(Ack { reference: 1, user_data: Some(user_data) }), MsToNetwork).is_some(),
            fits
        );
    }
    assert_eq!(written(&Rpdu::Smma { reference: 1 }, NetworkToMs), None);
}

#[test]
fn causes_by_name_and_by_direction() {
    assert_eq!(format!("{:?}", Cause::CONGESTION), "42 (congestion)");
    assert_eq!((0..=127).filter(|&value| Cause(value).name().is_some()).count(), 24);
    for (value, from_ms, to_ms) in [
        (22, 22, 41),
        (38, 111, 38),
        (96, 96, 96),
        (127, 111, 127),
        (100, 111, 41),
        (0, 111, 41),
        (81, 81, 81),
    ] {
        assert_eq!(Cause(value).read_as(MsToNetwork), Cause(from_ms));
        assert_eq!(Cause(value).read_as(NetworkToMs), Cause(to_ms));
    }
    assert!(Cause::CONGESTION.is_temporary_for_smma() && !Cause::UNKNOWN_SUBSCRIBER.is_temporary_for_smma());
}

#[test]
fn no_bytes_panic_and_what_is_read_is_written_alike() {
    let mut seed = 1u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as u8
    };
    let check = |bytes: &[u8]| {
        for direction in [MsToNetwork, NetworkToMs] {
            match Rpdu::parse(bytes, direction) {
                Ok(rpdu) => {
                    let again = written(&rpdu, direction).unwrap();
                    assert_eq!(Rpdu::parse(&again, direction), Ok(rpdu));
                }
                Err(malformed) => {
                    let owed = answer(bytes, malformed);
                    let salvaged = Rpdu::salvage(bytes, direction);
                    assert!(owed.is_none() || salvaged.is_none(), "a report has no answer");
                    if let Some(rpdu) = salvaged {
                        let again = written(&rpdu, direction).unwrap();
                        assert_eq!(Rpdu::parse(&again, direction), Ok(rpdu));
                    }
                }
            }
        }
    };
    let golden = [hex(MO), hex("0409021603410200000099"), hex("030141020000")];
    for bytes in &golden {
        for end in 0..bytes.len() {
            check(&bytes[..end]);
            for value in 0..=255 {
                let mut flipped = bytes.clone();
                flipped[end] = value;
                check(&flipped);
            }
        }
    }
    for _ in 0..50_000 {
        let len = usize::from(random()) % 40;
        let mut bytes: Vec<u8> = (0..len).map(|_| random()).collect();
        if let [first, _, length, ..] = &mut *bytes {
            *first &= 7;
            *length &= 0xf;
        }
        check(&bytes);
    }
}
