use super::super::address::{self, Octets};
use super::*;

const HEADER: &str = "0981030e190b120800120494710167 00000b120800120494710199091065";

#[test]
fn golden_udt_is_built_and_parsed() {
    let data: Vec<u8> = (0..101).collect();
    let mut golden = unhex(HEADER);
    golden.extend(&data);
    let bytes = built(Kind::Udt, true, &centre(), &gateway(), &data);
    assert_eq!(bytes, golden);
    let unitdata = parsed(&golden);
    assert_eq!((unitdata.kind, unitdata.class, unitdata.return_on_error), (Kind::Udt, 1, true));
    assert_eq!((unitdata.called, unitdata.calling), (centre(), gateway()));
    assert_eq!(unitdata.data, &data[..]);
    assert_eq!((unitdata.hop_counter, unitdata.segmentation, unitdata.importance), (None, None, None));
}

#[test]
fn every_form_round_trips() {
    let addresses = [
        centre(),
        on_ssn(None, 8),
        on_ssn(Some(0x3fff), 149),
        SccpAddress { point_code: Some(PointCode(5)), ..SccpAddress::titled(digits("4917109"), Ssn(6)) },
        SccpAddress { ssn: None, ..SccpAddress::titled(digits("123456789012345678901234567890"), Ssn(6)) },
        SccpAddress::on_ssn(None, None),
        SccpAddress { route_on_ssn: true, ..SccpAddress::titled(Digits::EMPTY, Ssn(7)) },
    ];
    for kind in [Kind::Udt, Kind::Xudt, Kind::Ludt] {
        for called in &addresses {
            for calling in &addresses {
                for size in [1, 2, 200, 254, 255] {
                    let data = vec![7; size];
                    let bytes = built(kind, false, called, calling, &data);
                    let unitdata = parsed(&bytes);
                    assert_eq!((unitdata.kind, unitdata.called, unitdata.calling), (kind, *called, *calling));
                    assert_eq!(unitdata.data, &data[..]);
                    assert_eq!(unitdata.hop_counter, (kind != Kind::Udt).then_some(15));
                    assert!(!unitdata.return_on_error);
                }
            }
        }
    }
    let long = vec![9; 3952];
    assert_eq!(parsed(&built(Kind::Ludt, false, &centre(), &gateway(), &long)).data, &long[..]);
}

#[test]
fn what_is_too_long_is_refused_before_anything_is_written() {
    let (called, calling) = (centre(), gateway());
    let header = UnitdataHeader { class: 0, return_on_error: false, called: &called, calling: &calling };
    let attempt = |kind, size: usize, limit| {
        let mut buffer = [0; 5000];
        let mut writer = Prepend::new(&mut buffer);
        writer.bytes(&vec![1; size]);
        let result = unitdata(&mut writer, 0, kind, &header, limit);
        assert!(result.is_ok() || writer.len() == size);
        result
    };
    assert_eq!(attempt(Kind::Udt, 238, MTP3_LIMIT), Ok(()), "the budget of two 12-digit titles");
    assert_eq!(attempt(Kind::Udt, 239, MTP3_LIMIT), Err(TooLong));
    assert_eq!(attempt(Kind::Udt, 255, 4096), Ok(()));
    assert_eq!(attempt(Kind::Udt, 256, 4096), Err(TooLong));
    assert_eq!(attempt(Kind::Xudt, 256, 4096), Err(TooLong));
    assert_eq!(attempt(Kind::Ludt, 256, 4096), Ok(()));
    assert_eq!(attempt(Kind::Ludt, 4096, 4096), Err(TooLong));
}

#[test]
fn titles_of_all_formats_are_read() {
    let title = |indicator, translation_type, plan, nature, text: &str| {
        Some(GlobalTitle {
            indicator,
            translation_type,
            numbering_plan: NumberingPlan(plan),
            nature: NatureOfAddress(nature),
            digits: digits(text),
        })
    };
    let read = |text: &str| address::read(&unhex(text));
    let title_of = |text: &str| read(text).unwrap().title;
    assert_eq!(title_of("0608 04 2143 65"), title(TitleIndicator::Nature, 0, 1, 4, "123456"));
    assert_eq!(title_of("0608 84 2143 05"), title(TitleIndicator::Nature, 0, 1, 4, "12345"));
    assert_eq!(title_of("0a08 0a 2143"), title(TitleIndicator::TranslationType, 10, 0, 0, "1234"));
    assert_eq!(title_of("0e08 00 11 2143 05"), title(TitleIndicator::TypeAndPlan, 0, 1, 0, "12345"));
    assert_eq!(title_of("1208 00 12 04 2143"), title(TitleIndicator::TypePlanAndNature, 0, 1, 4, "1234"));
    assert_eq!(
        title_of("1208 00 71 84 2103"),
        title(TitleIndicator::TypePlanAndNature, 0, 7, 4, "123"),
        "the nature has seven bits"
    );
}

#[test]
fn addresses_that_lie_are_refused_or_read_as_meant() {
    let read = |text: &str| address::read(&unhex(text));
    let digits_of = |text: &str| read(text).and_then(|address| address.title).map(|title| title.digits);
    assert_eq!(
        digits_of("1208 00 12 04 21f3"),
        Some(digits("123")),
        "said to be even, but a filler stands there"
    );
    assert_eq!(digits_of("1208 00 11 04 2143"), Some(digits("123")), "odd: the last half doesn't count");
    for wrong in [
        "",
        "01 05",                                              // point code cut off
        "02",                                                 // subsystem number cut off
        "42 08 00",                                           // more than the indicator tells of
        "12 08 00 12",                                        // nature cut off
        "12 08 00 11 04",                                     // odd, and no octet
        "12 08 00 10 04 21",                                  // unknown encoding
        "12 08 00 13 04 21",                                  // national encoding
        "16 08 00 12 04 21",                                  // format 0101
        "3e 08 00 12 04 21",                                  // format 1111
        "12 08 00 12 04 2f",                                  // 15 among the digits
        "12 08 00 12 04 11111111 11111111 11111111 11111111", // 32 digits
    ] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
    assert_eq!(read("00").unwrap().ssn, None);
    assert_eq!(read("42 00").unwrap().ssn, Some(Ssn(0)));
}

#[test]
fn addresses_are_written_with_their_own_filler() {
    let odd = SccpAddress::titled(digits("49171"), Ssn(8));
    assert_eq!(Octets::new(&odd).as_slice(), unhex("12 08 00 11 04 94 71 01"));
    assert_eq!(Octets::new(&on_ssn(Some(0x1234), 6)).as_slice(), unhex("43 34 12 06"));
}

/// An answer goes to the address as it came: in its own format, with the national bit.
#[test]
fn addresses_of_all_formats_are_written_as_they_were_read() {
    for text in [
        "06 08 04 2143 65",
        "06 08 84 2143 05",
        "0a 08 0a 2143",
        "0a 08 0a 21f3",
        "0e 08 00 11 2143 05",
        "0e 08 00 12 2143",
        "12 08 00 12 04 2143",
        "13 64 00 08 00 11 04 2103",
        "92 08 00 12 04 2143",
        "c3 64 00 08",
        "c2 08",
    ] {
        let read = address::read(&unhex(text)).unwrap();
        assert_eq!(Octets::new(&read).as_slice(), unhex(text), "{text}");
    }
}

#[test]
fn why_of_every_malformed_message() {
    let why = |bytes: &[u8]| match parse(bytes) {
        Err(refused) => WHY[usize::from(refused.why)],
        Ok(input) => panic!("{input:?}"),
    };
    let udt = unhex("09 00 03 05 07 02 42 08 02 42 08 02 aa bb");
    parsed(&udt);
    let changed = |at: usize, octet: u8| {
        let mut bytes = udt.clone();
        bytes[at] = octet;
        bytes
    };
    assert_eq!(why(&[]), "short");
    assert_eq!(why(&udt[..4]), "short");
    assert_eq!(why(&[0x11, 0]), "short");
    assert_eq!(why(&changed(0, 0x01)), "type");
    assert_eq!(why(&changed(1, 2)), "class");
    assert_eq!(why(&changed(2, 200)), "pointer");
    assert_eq!(why(&changed(4, 9)), "pointer", "at the data's last octet, which is no length");
    assert_eq!(why(&changed(11, 3)), "pointer", "the data ends outside");
    assert_eq!(why(&changed(2, 0)), "pointer", "a mandatory parameter can't be absent");
    assert_eq!(why(&changed(2, 6)), "overlap", "both addresses in one place");
    assert_eq!(why(&changed(5, 4)), "overlap");
    assert_eq!(why(&changed(2, 1)), "overlap", "inside the pointers");
    assert_eq!(why(&changed(6, 0x56)), "address");
    assert_eq!(why(&changed(11, 0)), "no data");
    let xudt = segment(&on_ssn(None, 8), &on_ssn(None, 6), 0x80, false);
    assert_eq!(parsed(&xudt).importance, Some(5));
    let mut bytes = xudt.clone();
    bytes[2] = 16;
    assert_eq!(why(&bytes), "hop counter");
    assert_eq!(why(&xudt[..xudt.len() - 1]), "optional", "no end");
    let mut bytes = xudt.clone();
    let segmentation = bytes.len() - 10;
    bytes[segmentation + 1] = 3;
    assert_eq!(why(&bytes), "optional");
    let mut bytes = xudt.clone();
    bytes[6] = 250;
    assert_eq!(why(&bytes), "pointer");
    let mut bytes = xudt;
    bytes[6] = 1;
    assert_ne!(why(&bytes), "short");
    let mut node = super::node::node();
    for text in
        ["09 00 03 05 07 02 42 01 02 42 01 02 01 08", "09 00 03 05 07 02 42 01 02 42 01 05 07 08 01 00 00"]
    {
        let (mut buffer, bytes) = ([0; 40], unhex(text));
        let taken = node.handle_input(Time::ZERO, PointCode(9), &bytes, &mut Prepend::new(&mut buffer));
        assert_eq!(WHY[usize::from(taken.unwrap_err().why)], "management");
    }
}

/// A LUDT's pointers and its length of data have two octets, the less significant first.
#[test]
fn ludt_pointers_and_lengths_that_lie() {
    let why = |bytes: &[u8]| match parse(bytes) {
        Err(refused) => WHY[usize::from(refused.why)],
        Ok(_) => "",
    };
    let ludt = unhex("13 00 0f 0700 0800 0900 0000 02 42 08 02 42 06 0200 aabb");
    assert_eq!(parsed(&ludt).data, [0xaa, 0xbb]);
    let changed = |at: usize, octets: [u8; 2]| {
        let mut bytes = ludt.clone();
        bytes[at..at + 2].copy_from_slice(&octets);
        bytes
    };
    for (at, octets, expected) in [
        (3, [0xff, 0xff], "pointer"),
        (3, [0x00, 0x07], "pointer"),
        (3, [0, 0], "pointer"),
        (7, [11, 0], "pointer"),
        (9, [0xff, 0xff], "pointer"),
        (9, [13, 0], "pointer"),
        (9, [11, 0], "optional"),
        (9, [1, 0], "optional"),
        (3, [10, 0], "overlap"),
        (5, [5, 0], "overlap"),
        (3, [1, 0], "overlap"),
        (17, [3, 0], "pointer"),
        (17, [0xff, 0xff], "pointer"),
        (17, [0, 2], "pointer"),
        (17, [0, 0], "no data"),
    ] {
        assert_eq!(why(&changed(at, octets)), expected, "{octets:02x?} at {at}");
    }
    for end in 0..ludt.len() {
        assert!(parse(&ludt[..end]).is_err(), "{end} octets");
    }
}

/// An optional part of parameters without contents, or that leads to itself, ends where the message does.
#[test]
fn optional_parameters_always_end() {
    let whole = built(Kind::Xudt, false, &on_ssn(None, 8), &on_ssn(None, 6), b"x");
    let with = |optional: &[u8]| {
        let mut bytes = whole.clone();
        bytes[6] = (bytes.len() - 6) as u8;
        bytes.extend(optional);
        parse(&bytes).map(|_| ()).map_err(|refused| WHY[usize::from(refused.why)])
    };
    assert_eq!(with(&[&[0x77, 0].repeat(1000)[..], &[0]].concat()), Ok(()));
    assert_eq!(with(&[0x77, 0].repeat(1000)), Err("optional"));
    for short in [&[0x77][..], &[0x77, 0], &[0x77, 1], &[0x77, 0xff, 0], &[0x12, 0, 0], &[0x10, 0, 0]] {
        assert_eq!(with(short), Err("optional"), "{short:02x?}");
    }
    for pointer in 1..=255 {
        let mut bytes = whole.clone();
        bytes[6] = pointer;
        assert!(parse(&bytes).is_err(), "{pointer}");
    }
}

#[test]
fn segmentation_and_unknown_options_are_read() {
    let whole = parsed_segment(0x80);
    assert!(!whole.0);
    assert_eq!(whole.1.local_reference, 0x030201);
    let (is_segment, segmentation) = parsed_segment(0xc3);
    assert!(is_segment && segmentation.first && segmentation.in_sequence);
    assert_eq!(segmentation.remaining, 3);
    assert!(parsed_segment(0x00).0, "the last of several");
    // An unknown parameter in front is skipped; the optional part always ends.
    let mut bytes = built(Kind::Xudt, false, &on_ssn(None, 8), &on_ssn(None, 6), b"x");
    bytes[6] = (bytes.len() - 6) as u8;
    bytes.extend([0x77, 0, 0x78, 2, 1, 1, 0x12, 1, 0xf, 0, 0xee]);
    assert_eq!(parsed(&bytes).importance, Some(7));
}

fn parsed_segment(octet: u8) -> (bool, Segmentation) {
    let bytes = segment(&on_ssn(None, 8), &on_ssn(None, 6), octet, false);
    let unitdata = parsed(&bytes);
    (unitdata.is_segment(), unitdata.segmentation.unwrap())
}

#[test]
fn truncated_flipped_and_random_octets_are_survived() {
    let mut seed = 3u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as u8
    };
    let mut node = super::node::node();
    let mut samples =
        vec![segment(&centre(), &gateway(), 0xc1, true), unhex("09000305070242010242010503080a0000")];
    for kind in [Kind::Udt, Kind::Xudt, Kind::Ludt] {
        samples.push(built(kind, true, &centre(), &gateway(), b"0123456789"));
        let mut service = built(kind, true, &gateway(), &centre(), b"0123456789");
        service[0] += 1;
        samples.push(service);
    }
    let mut take = |bytes: &[u8]| {
        let mut buffer = [0; 300];
        let mut answer = Prepend::new(&mut buffer);
        let from = PointCode(9);
        if let Ok(Indication::Answer(_)) = node.handle_input(Time::ZERO, from, bytes, &mut answer) {
            // Whatever we send can be read again.
            assert!(parse(answer.finish().unwrap()).is_ok());
        }
    };
    for sample in &samples {
        assert!(parse(sample).is_ok());
        for end in 0..sample.len() {
            take(&sample[..end]);
        }
        for at in 0..sample.len() {
            for octet in 0..=255 {
                let mut bytes = sample.clone();
                bytes[at] = octet;
                take(&bytes);
            }
        }
    }
    for _ in 0..50_000 {
        let mut bytes: Vec<u8> = (0..random() % 40).map(|_| random() & random() & 0x1f).collect();
        if let [message_type, ..] = &mut bytes[..] {
            *message_type = [9, 10, 17, 18, 19, 20][usize::from(random()) % 6];
        }
        take(&bytes);
    }
}
