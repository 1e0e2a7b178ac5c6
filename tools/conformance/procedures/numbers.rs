//! Numbers in every form in which phones and service centres spell them: each is routed by the international number that it
//! stands for, and goes on in the form in which it came.

use super::harness::ber::{at, bcd, hex, spell};
use super::harness::gateway::{Bench, Options, isolated};
use super::harness::peers::{Ue, deliver, rp_data};
use super::harness::sip::Draft;
use super::harness::ss7::{mo_result, mt_begin};
use super::harness::steps::*;

/// `[network.numbers]` of home1, whose users dial 0 before national numbers.
const NUMBERS: &str = r#"
[network.numbers]
national_prefix = "0"
[[network.numbers.rule]]
type = "abbreviated"
prefix = "76"
add = "49171"
strip = 2
"#;

/// An address of RP or MAP: type and plan, and digits.
fn address(kind: u8, digits: &str) -> Vec<u8> {
    [&[kind][..], &bcd(digits, 0xf)].concat()
}

/// RP-DATA of a UE to a service centre in that form.
fn rp_data_to(reference: u8, centre: &[u8], tpdu: &[u8]) -> Vec<u8> {
    [&[0, reference, 0, centre.len() as u8][..], centre, &[tpdu.len() as u8], tpdu].concat()
}

/// A submission is forwarded to the service centre, with SM-RP-DA in this form and the TPDU as it is, and acknowledged to
/// `report_uri`.
#[track_caller]
fn forwarded(bench: &mut Bench, draft: &Draft, form: &[u8], tpdu: &[u8], report_uri: &str) {
    assert_eq!(bench.transact(draft).status(), 202);
    let begin = bench.expect_unitdata(0x62);
    assert_transport(&begin, &plain(CENTRE_ADDRESS), &plain(GATEWAY_ADDRESS));
    let argument = begin.component(0xa1);
    assert_eq!(spell(at(argument, &[0x30, 0x84])), spell(form), "SM-RP-DA is as it came");
    assert_eq!(at(argument, &[0x30, 0x82]), address(0x91, "491701234567"), "who sends is international");
    assert_eq!(spell(at(argument, &[0x30, 0x04])), spell(tpdu), "TP-DA and all else is untouched");
    bench.end_mo(&begin, &mo_result(None));
    let report = bench.expect_message();
    assert_eq!(report.request(), ("MESSAGE", report_uri));
    assert_eq!(report.header("To"), format!("<{report_uri}>"));
    assert_eq!(report.body[0], 3, "RP-ACK");
    bench.answer(&report, "200 OK");
}

/// Pain 10: whichever type of number the phone has for its service centre, in RP-DA or in the Request-URI, the message goes to
/// that one; whichever TP-DA has, it arrives so; and a number that means nothing is refused, not routed somewhere.
#[test]
fn pain_10_a_number_of_any_type_is_routed_and_kept() {
    isolated(Options { network: NUMBERS, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let forms = [
            (0x91, CENTRE),
            (0x81, CENTRE),
            (0x80, CENTRE),
            (0xa1, "1710760000"),
            (0x81, "01710760000"),
            (0x81, "00491710760000"),
            (0xe1, "760760000"),
        ];
        for (n, (kind, digits)) in forms.into_iter().enumerate() {
            let form = address(kind, digits);
            let mut tpdu = bench.fresh_submit();
            tpdu[3] = [0x91, 0xa1, 0x81, 0xb1, 0xe1, 0xc1, 0x90][n];
            let draft = bench.message(&alice, CENTRE_URI, &rp_data_to(n as u8, &form, &tpdu));
            forwarded(bench, &draft, &form, &tpdu, &alice.impu);
        }
        let uris = [
            (CENTRE_URI, address(0x91, CENTRE)),
            ("tel:01710760000;phone-context=home1.net", address(0x81, "01710760000")),
            ("sip:00491710760000@home1.net;user=phone", address(0x81, "00491710760000")),
        ];
        for (uri, form) in uris {
            let tpdu = bench.fresh_submit();
            let draft = bench.message(&alice, uri, &rp_data_to(9, &[], &tpdu));
            forwarded(bench, &draft, &form, &tpdu, &alice.impu);
        }
        for (kind, digits) in [(0xc1, "1710760000"), (0xe1, "11"), (0x99, CENTRE), (0xa1, "1720760000")] {
            let tpdu = bench.fresh_submit();
            let body = rp_data_to(5, &address(kind, digits), &tpdu);
            let draft = bench.message(&alice, CENTRE_URI, &body);
            assert_eq!(bench.transact(&draft).status(), 202);
            let report = bench.expect_message();
            assert_eq!(spell(&report.body), "05050101", "{kind:02x} {digits}: RP-Cause 1");
            bench.answer(&report, "200 OK");
        }
        bench.assert_silent();
    });
}

/// Pain 10: a core may assert its user's number with or without `+`, as a tel or a SIP URI: it is he, and he is addressed as he
/// was asserted.
#[test]
fn pain_10_an_asserted_number_is_its_user_in_any_form() {
    isolated(Options { network: NUMBERS, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        for (asserted, report_uri) in [
            ("tel:+49-170-1234567", "tel:+491701234567"),
            ("tel:01701234567;phone-context=home1.net", "tel:01701234567;phone-context=home1.net"),
            ("tel:00491701234567;phone-context=home1.net", "tel:00491701234567;phone-context=home1.net"),
            ("sip:+491701234567@home1.net;user=phone", "sip:+491701234567@home1.net"),
            ("sip:01701234567@home1.net;user=phone", "sip:01701234567@home1.net"),
        ] {
            let tpdu = bench.fresh_submit();
            let draft = bench.message(&alice, CENTRE_URI, &rp_data(1, CENTRE, &tpdu));
            let draft = draft.but("P-Asserted-Identity", format!("<{asserted}>"));
            forwarded(bench, &draft, &address(0x91, CENTRE), &tpdu, report_uri);
        }
        // Digits that nobody calls a number, and a number of nobody's.
        for asserted in ["sip:01701234567@home1.net", "tel:01701234999;phone-context=home1.net"] {
            let tpdu = bench.fresh_submit();
            let draft = bench.message(&alice, CENTRE_URI, &rp_data(1, CENTRE, &tpdu));
            let draft = draft.but("P-Asserted-Identity", format!("<{asserted}>"));
            assert_eq!(bench.transact(&draft).status(), 403, "{asserted}");
        }
        bench.assert_silent();
    });
}

/// Pain 10: a service centre's number in SM-RP-OA is the UE's RP-OA, whatever its type, and TP-OA is untouched.
#[test]
fn pain_10_a_service_centre_is_shown_to_the_ue_as_it_calls_itself() {
    isolated(Options { network: NUMBERS, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        for (kind, digits) in [(0x91, CENTRE), (0xa1, "1710760000"), (0x81, "01710760000"), (0xb8, "12345")] {
            let form = address(kind, digits);
            let otid = (0x4e55_4d00 + u32::from(kind)).to_be_bytes();
            let tpdu = hex("040b c1 100790173254f6 0000 21122122143440 05c8329bfd06");
            let tpdu = if kind == 0x91 { deliver() } else { tpdu };
            let mut begin = mt_begin(&otid, &alice.imsi, digits, &tpdu);
            let plain_form = address(0x91, digits);
            let place = begin.windows(plain_form.len()).position(|octets| octets == plain_form).unwrap();
            begin[place] = kind;
            bench.send_tcap(&begin);
            let message = bench.expect_message();
            assert_eq!(message.request(), ("MESSAGE", alice.tel().as_str()));
            let body = [&[1, message.body[1], form.len() as u8][..], &form, &[0, tpdu.len() as u8], &tpdu];
            assert_eq!(spell(&message.body), spell(&body.concat()));
            bench.answer(&message, "200 OK");
            let report = bench.report(&alice, &message, &rp_ack(&message));
            assert_eq!(bench.transact(&report).status(), 200);
            bench.expect_end(&otid).component(0xa2);
        }
        bench.assert_silent();
    });
}
