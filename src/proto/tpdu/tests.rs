//! SM-TL against golden octets, and against octets that are wrong.

use super::view::Why;
use super::*;
use crate::base::Layer;
use crate::codec::Prepend;
use core::time::Duration;

const CARRIERS: [Carrier; 6] = [
    Carrier::DataFromMs,
    Carrier::DataToMs,
    Carrier::AckFromMs,
    Carrier::AckToMs,
    Carrier::ErrorFromMs,
    Carrier::ErrorToMs,
];

const STAMP: Timestamp = Timestamp([0x62, 0x11, 0x22, 0x90, 0x41, 0x53, 0x8a]);

fn hex(text: &str) -> Vec<u8> {
    let text: Vec<u8> = text.bytes().filter(|octet| *octet != b' ').collect();
    text.chunks(2).map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn written(tpdu: &Tpdu<'_>) -> Option<Vec<u8>> {
    let mut room = [0; 300];
    let mut writer = Prepend::new(&mut room);
    tpdu.write(&mut writer);
    writer.finish().map(<[u8]>::to_vec)
}

fn number(digits: &str) -> TpAddress {
    TpAddress::international(digits.parse().unwrap()).unwrap()
}

fn text(data: &UserData<'_>) -> String {
    data.characters().collect()
}

/// One TPDU of each kind, with its octets and what carries it.
fn golden() -> Vec<(&'static str, Carrier, Tpdu<'static>)> {
    let hello = |coding, octets| UserData::from_octets(coding, false, octets).unwrap();
    let room = Box::leak(Box::new([0; 140]));
    let seven = UserData::from_gsm7(CodingScheme::GSM7, &[], "Hello", room).unwrap();
    let binary = Parameters {
        protocol: Some(ProtocolIdentifier::USIM_DATA_DOWNLOAD),
        coding: Some(CodingScheme(0xf6)),
        user_data: Some(hello(CodingScheme(0xf6), &[1, 2, 3])),
    };
    let submit = Submit {
        reject_duplicates: false,
        status_report: false,
        reply_path: false,
        reference: 5,
        destination: number("491709876543"),
        protocol: ProtocolIdentifier::PLAIN,
        validity: Validity::Relative(0xa7),
        user_data: seven,
    };
    let deliver = Deliver {
        more_messages: false,
        loop_prevention: false,
        status_report: true,
        reply_path: false,
        originator: TpAddress::name("Design@Home").unwrap(),
        protocol: ProtocolIdentifier::PLAIN,
        timestamp: STAMP,
        user_data: hello(CodingScheme::UCS2, &[0x20, 0xac, 0xd8, 0x3d, 0xde, 0x00]),
    };
    let report = SubmitReport { failure: None, timestamp: STAMP, parameters: Parameters::default() };
    let status = StatusReport {
        more_messages: true,
        loop_prevention: true,
        for_command: false,
        reference: 5,
        recipient: number("4917098765431"),
        timestamp: STAMP,
        discharge: STAMP,
        status: Status::TRYING_SME_BUSY,
        parameters: Parameters::default(),
    };
    let command = Command {
        status_report: true,
        has_header: false,
        reference: 6,
        protocol: ProtocolIdentifier::PLAIN,
        command: CommandType::DELETE,
        number: 5,
        destination: number("491709876543"),
        data: &[0xaa],
    };
    vec![
        ("11050c919471907856340000a705c8329bfd06", Carrier::DataFromMs, Tpdu::Submit(submit)),
        (
            "bd 05 0c91947190785634 00 00 62112290415300 05c8329bfd06",
            Carrier::DataFromMs,
            Tpdu::Submit(Submit {
                reject_duplicates: true,
                status_report: true,
                reply_path: true,
                validity: Validity::Absolute(Timestamp([0x62, 0x11, 0x22, 0x90, 0x41, 0x53, 0])),
                ..submit
            }),
        ),
        (
            "09 05 0c91947190785634 00 00 43211503000000 05c8329bfd06",
            Carrier::DataFromMs,
            Tpdu::Submit(Submit { validity: Validity::Enhanced(*b"\x43\x21\x15\x03\0\0\0"), ..submit }),
        ),
        ("01050c91947190785634000005c8329bfd06", Carrier::DataFromMs, {
            Tpdu::Submit(Submit { validity: Validity::None, ..submit })
        }),
        (
            "24 14d0c4f23c7d760390ef7619 00 08 6211229041538a 06 20acd83dde00",
            Carrier::DataToMs,
            Tpdu::Deliver(deliver),
        ),
        (
            "88 0c91947190785634 00 00 6211229041538a 05c8329bfd06",
            Carrier::DataToMs,
            Tpdu::Deliver(Deliver {
                more_messages: true,
                loop_prevention: true,
                status_report: false,
                reply_path: true,
                originator: number("491709876543"),
                user_data: seven,
                ..deliver
            }),
        ),
        ("0000", Carrier::AckFromMs, {
            Tpdu::DeliverReport(DeliverReport { failure: None, parameters: Parameters::default() })
        }),
        ("00077ff603010203", Carrier::AckFromMs, {
            Tpdu::DeliverReport(DeliverReport { failure: None, parameters: binary })
        }),
        (
            "00d300",
            Carrier::ErrorFromMs,
            Tpdu::DeliverReport(DeliverReport {
                failure: Some(FailureCause::MEMORY_CAPACITY_EXCEEDED),
                parameters: Parameters::default(),
            }),
        ),
        ("01006211229041538a", Carrier::AckToMs, Tpdu::SubmitReport(report)),
        (
            "01c3076211229041538a7ff603010203",
            Carrier::ErrorToMs,
            Tpdu::SubmitReport(SubmitReport {
                failure: Some(FailureCause::INVALID_SME_ADDRESS),
                parameters: binary,
                ..report
            }),
        ),
        (
            "0a 05 0d91947190785634f1 6211229041538a 6211229041538a 21",
            Carrier::DataToMs,
            Tpdu::StatusReport(status),
        ),
        (
            "26 05 0d91947190785634f1 6211229041538a 6211229041538a 21 07 7ff603010203",
            Carrier::DataToMs,
            Tpdu::StatusReport(StatusReport {
                more_messages: false,
                loop_prevention: false,
                for_command: true,
                parameters: binary,
                ..status
            }),
        ),
        ("22 06 00 02 05 0c91947190785634 01 aa", Carrier::DataFromMs, Tpdu::Command(command)),
    ]
}

#[test]
fn every_type_both_ways() {
    for (octets, carrier, tpdu) in golden() {
        assert_eq!(Tpdu::parse(&hex(octets), carrier), Ok(tpdu), "{octets}");
        assert_eq!(written(&tpdu), Some(hex(octets)));
    }
}

#[test]
fn what_carries_a_tpdu_decides_its_type() {
    let types = |first: u8| {
        let mut bytes = vec![0; 40];
        bytes[0] = first;
        CARRIERS.map(|carrier| match Tpdu::parse(&bytes, carrier) {
            Ok(Tpdu::Submit(_)) => "submit",
            Ok(Tpdu::Deliver(_)) => "deliver",
            Ok(Tpdu::DeliverReport(_)) => "deliver report",
            Ok(Tpdu::SubmitReport(_)) => "submit report",
            Ok(Tpdu::StatusReport(_)) => "status report",
            Ok(Tpdu::Command(_)) => "command",
            Err(malformed) => WHY[usize::from(malformed.why)],
        })
    };
    let no = WHY[Why::MessageType as usize];
    assert_eq!(types(0), [no, "deliver", "deliver report", no, "deliver report", no]);
    assert_eq!(types(1), ["submit", no, no, "submit report", no, "submit report"]);
    assert_eq!(types(2), ["command", "status report", no, no, no, no]);
    assert_eq!(types(3), [no; 6]);
}

#[test]
fn reports_of_old_and_new_mobiles() {
    fn parse(octets: &[u8]) -> DeliverReport<'_> {
        match Tpdu::parse(octets, Carrier::AckFromMs) {
            Ok(Tpdu::DeliverReport(report)) => report,
            other => panic!("{other:?}"),
        }
    }
    let empty = DeliverReport { failure: None, parameters: Parameters::default() };
    assert_eq!(parse(&[0]), empty, "no parameter indicator");
    assert_eq!(parse(&[0, 0xf8, 0xff, 0x01]), empty, "an extended indicator, and reserved bits");
    let data = parse(&[0, 4, 3, 0x61, 0xf1, 0x18]).parameters.user_data.unwrap();
    assert_eq!((text(&data).as_str(), data.coding()), ("abc", CodingScheme::GSM7), "without a coding scheme");
    assert_eq!(Tpdu::parse(&[0, 0x80], Carrier::AckFromMs).unwrap_err().why, Why::Short as u8);
}

#[test]
fn refusals() {
    for (octets, carrier, why, offset) in [
        ("", Carrier::DataToMs, Why::Short, 0),
        ("03", Carrier::DataToMs, Why::MessageType, 0),
        ("1105 1591", Carrier::DataFromMs, Why::Address, 2),
        ("1105 0c9194", Carrier::DataFromMs, Why::Address, 2),
        ("1105 0091 0000", Carrier::DataFromMs, Why::Short, 6),
        ("1105 0091 0000 a7 05 c8329bfd", Carrier::DataFromMs, Why::UserDataLength, 7),
        ("1105 0091 0004 a7 8d", Carrier::DataFromMs, Why::UserDataLength, 7),
        ("5105 0091 0004 a7 00", Carrier::DataFromMs, Why::Header, 7),
        ("5105 0091 0004 a7 03 03 0102", Carrier::DataFromMs, Why::Header, 7),
        ("5105 0091 0000 a7 01 01", Carrier::DataFromMs, Why::Header, 7),
        ("2206 00 02 05 0091 02 aa", Carrier::DataFromMs, Why::UserDataLength, 7),
        ("00", Carrier::ErrorFromMs, Why::Short, 1),
    ] {
        let malformed = Tpdu::parse(&hex(octets), carrier).unwrap_err();
        assert_eq!(
            (malformed.layer, malformed.why, malformed.offset),
            (Layer::Tpdu, why as u8, offset),
            "{octets}"
        );
    }
    // 141 octets are one too many even where they are there.
    let mut long = hex("1105 0091 0004 a7 8d");
    long.resize(200, 0);
    assert_eq!(Tpdu::parse(&long, Carrier::DataFromMs).unwrap_err().why, Why::UserDataLength as u8);
}

#[test]
fn what_exceeds_its_limit_is_not_written() {
    let command = |data| {
        Tpdu::Command(Command {
            status_report: false,
            has_header: false,
            reference: 0,
            protocol: ProtocolIdentifier::PLAIN,
            command: CommandType::ENQUIRY,
            number: 0,
            destination: number("1"),
            data,
        })
    };
    assert!(written(&command(&[0; 156])).is_some());
    assert!(written(&command(&[0; 157])).is_none());
    let user_data = UserData::from_octets(CodingScheme::BINARY, false, &[1]);
    let parameters = Parameters { protocol: None, coding: None, user_data };
    let mixed = Tpdu::DeliverReport(DeliverReport { failure: None, parameters });
    assert!(written(&mixed).is_none(), "user data of a coding that isn't announced");
}

#[test]
fn addresses() {
    let plus = number("4917012345");
    assert_eq!(
        (plus.to_string().as_str(), plus.type_of_number(), plus.numbering_plan()),
        ("+4917012345", 1, 1)
    );
    assert_eq!(format!("{plus:?}"), "1/1 *******345");
    let short = TpAddress::number(0x81, "12345".parse().unwrap()).unwrap();
    assert_eq!((short.to_string().as_str(), short.characters().count()), ("12345", 0));
    assert_eq!(TpAddress::international("123456789012345678901".parse().unwrap()), None);
    for name in ["", "A", "Design", "1234567", "Info€{}", "ABCDEFGHIJK"] {
        let address = TpAddress::name(name).unwrap();
        assert_eq!(address.to_string(), name);
        assert_eq!(address.digits(), None);
        let read = TpAddress::read(&mut crate::codec::Reader::new(&{
            let mut room = [0; 20];
            let mut writer = Prepend::new(&mut room);
            address.write(&mut writer);
            writer.finish().unwrap().to_vec()
        }));
        assert_eq!(read, Some(address));
    }
    assert_eq!(TpAddress::name("ABCDEFGHIJKL"), None);
    assert_eq!(TpAddress::name("ł"), None);
    let read = |octets: &[u8]| TpAddress::read(&mut crate::codec::Reader::new(octets)).unwrap();
    assert_eq!(read(&[3, 0x91, 0x21, 0xf3]).digits(), "123".parse().ok());
    assert_eq!(read(&[4, 0x91, 0x21, 0xf3]).digits(), None, "a filler within the length");
    assert_eq!(read(&[4, 0x91, 0x21, 0xf3]).to_string(), "?");
}

#[test]
fn time_stamps() {
    let at = DateTime { year: 26, month: 11, day: 22, hour: 9, minute: 14, second: 35, quarters: -28 };
    assert_eq!(STAMP.parts(), Some(at));
    assert_eq!(Timestamp::new(at), STAMP);
    assert_eq!(format!("{STAMP:?}"), "26-11-22 09:14:35 -07:00");
    // 2026-11-22 16:14:35 UTC.
    assert_eq!(Timestamp::from_unix(1_795_364_075, -28), STAMP);
    for (seconds, quarters, shown) in [
        (951_868_800, 4, "00-03-01 01:00:00 +01:00"),
        (1_709_251_199, 0, "24-02-29 23:59:59 +00:00"),
        (1_735_689_599, 1, "25-01-01 00:14:59 +00:15"),
        (1_735_689_599, 0, "24-12-31 23:59:59 +00:00"),
        (4_102_444_799, 0, "99-12-31 23:59:59 +00:00"),
    ] {
        let stamp = Timestamp::from_unix(seconds, quarters);
        assert_eq!(format!("{stamp:?}"), shown);
    }
    assert_eq!(Timestamp([0x62, 0x31, 0x22, 0x90, 0x41, 0x53, 0]).parts(), None, "month 13");
    assert_eq!(Timestamp([0xa2, 0x11, 0x22, 0x90, 0x41, 0x53, 0]).parts(), None, "no digit");
    assert_eq!(format!("{:?}", Timestamp([0xff; 7])), "[ff, ff, ff, ff, ff, ff, ff]");
    let _ = Timestamp::from_unix(u64::MAX, 127);
    let _ = Timestamp::from_unix(0, -128);
    let _ = Timestamp::new(DateTime { year: 255, quarters: -128, ..at });
}

#[test]
fn validity_periods() {
    let minutes = |minutes: u64| Some(Duration::from_secs(60 * minutes));
    for (value, period) in [
        (0, 5),
        (143, 720),
        (144, 750),
        (167, 1440),
        (168, 2880),
        (196, 30 * 1440),
        (197, 35 * 1440),
        (255, 63 * 7 * 1440),
    ] {
        assert_eq!(Validity::Relative(value).period(), minutes(period));
        assert_eq!(Validity::at_least(minutes(period).unwrap()), Validity::Relative(value));
    }
    assert_eq!(Validity::at_least(Duration::MAX), Validity::Relative(255));
    assert_eq!(Validity::at_least(Duration::from_millis(300_001)), Validity::Relative(1));
    let enhanced =
        |octets: [u8; 4]| Validity::Enhanced([octets[0], octets[1], octets[2], octets[3], 0, 0, 0]);
    assert_eq!(enhanced([0, 1, 1, 1]).period(), None);
    assert_eq!(enhanced([1, 144, 0, 0]).period(), minutes(750));
    assert_eq!(enhanced([2, 60, 0, 0]).period(), minutes(1));
    assert_eq!(enhanced([2, 0, 0, 0]).period(), None, "reserved");
    assert_eq!(enhanced([0x43, 0x21, 0x51, 0x00]).period(), minutes(12 * 60 + 15));
    assert_eq!(enhanced([3, 0xa0, 0, 0]).period(), None);
    assert_eq!(enhanced([7, 1, 1, 1]).period(), None);
    assert_eq!(enhanced([0x81, 1, 1, 1]).period(), None);
    assert!(enhanced([0x43, 0, 0, 0]).is_single_shot() && !enhanced([3, 0, 0, 0]).is_single_shot());
    assert_eq!((Validity::None.period(), Validity::Absolute(STAMP).period()), (None, None));
}

#[test]
fn coding_schemes() {
    use Alphabet::{Binary, Gsm7, Ucs2};
    for (value, alphabet, class, septets) in [
        (0x00, Gsm7, None, true),
        (0x04, Binary, None, false),
        (0x08, Ucs2, None, false),
        (0x0c, Gsm7, None, true),
        (0x11, Gsm7, Some(1), true),
        (0x16, Binary, Some(2), false),
        (0x20, Gsm7, None, false),
        (0x58, Ucs2, Some(0), false),
        (0x63, Gsm7, None, false),
        (0x80, Gsm7, None, true),
        (0xb4, Gsm7, None, true),
        (0xc8, Gsm7, None, true),
        (0xd5, Gsm7, None, true),
        (0xe0, Ucs2, None, false),
        (0xf0, Gsm7, Some(0), true),
        (0xf6, Binary, Some(2), false),
        (0xff, Binary, Some(3), false),
    ] {
        let coding = CodingScheme(value);
        assert_eq!(
            (coding.alphabet(), coding.class(), coding.counts_septets()),
            (alphabet, class, septets),
            "{value:x}"
        );
    }
    assert!(CodingScheme(0x40).deletes_once_read() && !CodingScheme(0xc0).deletes_once_read());
    assert!(CodingScheme(0x60).is_compressed() && !CodingScheme(0xa0).is_compressed());
    assert_eq!(CodingScheme(0xc9).waiting(), Some(Waiting { store: false, active: true, kind: 1 }));
    assert_eq!(CodingScheme(0xd0).waiting(), Some(Waiting { store: true, active: false, kind: 0 }));
    assert_eq!(CodingScheme(0xeb).waiting(), Some(Waiting { store: true, active: true, kind: 3 }));
    assert_eq!(CodingScheme(0xf0).waiting(), None);
}

#[test]
fn headers_and_texts() {
    let concatenation = [0x00, 3, 0x2a, 2, 1];
    let mut room = [0xff; 140];
    let longest = "a".repeat(153);
    let data = UserData::from_gsm7(CodingScheme::GSM7, &concatenation, &longest, &mut room).unwrap();
    assert_eq!((data.length(), data.octets().len(), data.octets()[0]), (160, 140, 5));
    assert_eq!(data.octets()[6] & 1, 0, "the fill bit");
    assert_eq!(text(&data), longest);
    let part = data.elements().next().unwrap().concatenation().unwrap();
    assert_eq!(part, Concatenation { reference: 0x2a, wide: false, total: 2, number: 1 });
    assert_eq!(
        UserData::from_gsm7(CodingScheme::GSM7, &concatenation, &"a".repeat(154), &mut [0; 140]),
        None
    );
    assert!(UserData::from_gsm7(CodingScheme::GSM7, &[], &"a".repeat(160), &mut [0; 140]).is_some());
    assert_eq!(UserData::from_gsm7(CodingScheme::GSM7, &[], &"€".repeat(81), &mut [0; 140]), None);
    assert_eq!(UserData::from_gsm7(CodingScheme::UCS2, &[], "a", &mut [0; 140]), None);

    let mut room = [0; 140];
    let wide = [0x08, 4, 1, 2, 3, 3, 0x05, 4, 0x0b, 0x84, 0x23, 0xf0, 0x24, 1, 3];
    let data = UserData::from_ucs2(CodingScheme::UCS2, &wide, "zł 😀", &mut room).unwrap();
    assert_eq!(text(&data), "zł 😀");
    let elements: Vec<_> = data.elements().collect();
    assert_eq!(
        elements[0].concatenation().map(|part| (part.reference, part.wide, part.number)),
        Some((258, true, 3))
    );
    assert_eq!((elements[1].ports(), elements[1].concatenation()), (Some((2948, 9200)), None));
    assert_eq!((elements[2].name(), elements.len()), ("national language single shift", 3));
    assert_eq!(UserData::from_ucs2(CodingScheme::UCS2, &[], &"ł".repeat(71), &mut [0; 140]), None);
    assert_eq!(UserData::from_ucs2(CodingScheme::GSM7, &[], "ł", &mut [0; 140]), None);

    let mut room = [0; 140];
    let all: Vec<u8> = (0..134).collect();
    let data = UserData::from_binary(CodingScheme::BINARY, &concatenation, &all, &mut room).unwrap();
    assert_eq!((data.body(), data.length(), text(&data).len()), (&all[..], 140, 0));
    assert_eq!(UserData::from_binary(CodingScheme::BINARY, &concatenation, &[0; 135], &mut [0; 140]), None);
    assert_eq!(UserData::from_octets(CodingScheme::BINARY, false, &[0; 141]), None);
    assert_eq!(UserData::from_octets(CodingScheme::BINARY, true, &[2, 0]), None);
    assert_eq!(UserData::from_octets(CodingScheme::GSM7, false, &[0]), None);
}

#[test]
fn strange_headers() {
    let elements = |header: &'static [u8]| {
        let data = UserData::from_octets(CodingScheme::BINARY, true, header).unwrap();
        data.elements()
            .map(|element| (element.identifier, element.concatenation().is_some()))
            .collect::<Vec<_>>()
    };
    assert_eq!(elements(&[0]), []);
    assert_eq!(elements(&[5, 0, 3, 1, 2, 0]), [(0, false)], "number 0");
    assert_eq!(elements(&[5, 0, 3, 1, 2, 3]), [(0, false)], "number above the total");
    assert_eq!(elements(&[5, 0, 3, 1, 0, 0]), [(0, false)]);
    assert_eq!(elements(&[5, 8, 3, 1, 2, 1]), [(8, false)], "too short for its kind");
    assert_eq!(elements(&[5, 0x70, 0, 4, 9, 1]), [(0x70, false)], "the second is cut off");
    assert_eq!(elements(&[1, 7, 0]), []);
}

/// The GSM alphabet counts septets. Who counts octets says too little, and the text is as long as is said; who counts
/// septets for a coding of octets says too much, and is refused.
#[test]
fn gsm7_with_lengths_in_octets() {
    let submit =
        |coding: &str, length: &str| hex(&format!("1105 0091 00 {coding} a7 {length} e8329bfd4697d9ec37"));
    let text_of = |bytes: &[u8]| match Tpdu::parse(bytes, Carrier::DataFromMs) {
        Ok(Tpdu::Submit(submit)) => Ok(text(&submit.user_data)),
        Ok(other) => panic!("{other:?}"),
        Err(malformed) => Err(malformed.why),
    };
    assert_eq!(text_of(&submit("00", "0a")).as_deref(), Ok("hellohello"));
    assert_eq!(text_of(&submit("00", "09")).as_deref(), Ok("hellohell"), "nine octets");
    assert_eq!(text_of(&submit("04", "0a")), Err(Why::UserDataLength as u8), "ten septets");
    assert_eq!(text_of(&submit("04", "09")).as_deref(), Ok(""), "octets have no text");
    assert_eq!(text_of(&submit("00", "a1")), Err(Why::UserDataLength as u8), "161 septets");
    assert_eq!(text_of(&submit("00", "ff")), Err(Why::UserDataLength as u8));
}

#[test]
fn codes_have_names() {
    assert_eq!(format!("{:?}", FailureCause(0xd3)), "d3 (memory capacity exceeded)");
    assert_eq!((FailureCause(0xe5).name(), FailureCause(0x00).name()), ("application specific", "reserved"));
    assert_eq!(format!("{:?}", Status(0x46)), "46 (validity period expired)");
    assert_eq!((Status(0x35).name(), Status(0x03).name()), ("SC specific", "reserved"));
    assert!(Status(0x02).is_success() && Status(0x30).is_pending() && !Status(0x60).is_pending());
    assert_eq!((ProtocolIdentifier(0x43).replaces(), ProtocolIdentifier(0x40).replaces()), (Some(3), None));
    assert_eq!(
        (ProtocolIdentifier(0x32).telematic_device(), ProtocolIdentifier(0x12).telematic_device()),
        (Some(18), None)
    );
}

#[test]
fn no_bytes_panic_and_what_is_read_is_written_alike() {
    let mut seed = 1u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as u8
    };
    let check = |bytes: &[u8]| {
        for carrier in CARRIERS {
            let Ok(tpdu) = Tpdu::parse(bytes, carrier) else { continue };
            let again = written(&tpdu).unwrap();
            assert_eq!(Tpdu::parse(&again, carrier), Ok(tpdu));
            let _ = format!("{tpdu:?}");
            if let Tpdu::Deliver(Deliver { user_data, originator, .. }) = tpdu {
                assert!(user_data.characters().count() <= 160);
                assert!(user_data.elements().count() <= 70);
                let _ = originator.to_string();
            }
        }
    };
    for (octets, ..) in golden() {
        let bytes = hex(octets);
        for at in 0..bytes.len() {
            check(&bytes[..at]);
            for value in 0..=255 {
                let mut flipped = bytes.clone();
                flipped[at] = value;
                check(&flipped);
            }
        }
    }
    for _ in 0..100_000 {
        let len = usize::from(random()) % 180;
        let mut bytes: Vec<u8> = (0..len).map(|_| random()).collect();
        for at in [1, 2] {
            // An address length that can be, wherever the address stands.
            if let Some(length) = bytes.get_mut(at) {
                *length &= 0x0f;
            }
        }
        check(&bytes);
    }
}
