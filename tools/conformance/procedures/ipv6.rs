//! direct access over IPv6, to a UE on a link of the gateway's and to one behind a router.

use super::direct::DIGEST;
use super::direct_messages::nobody_listens;
use super::harness::ber::{bcd, hex, international, spell};
use super::harness::direct::*;
use super::harness::gateway::{Bench, Options, isolated};
use super::harness::hlr::Hlr;
use super::harness::peers::{deliver, submit};
use super::harness::phone::Phone;
use super::harness::ss7::mo_result;
use super::harness::steps::*;

const ATM: &str = "any_time_modification";

/// One on the gateway's own link, and one behind the router.
fn phones() -> [Phone; 2] {
    [(1000, "[fd10::77]:5060"), (1001, "[fd11:22:33::44]:40044")]
        .map(|(number, address)| Phone::new(number).at(address.parse().unwrap()))
}

/// 8.1 steps 2 to 6 and 8.2.1 steps 1 to 5.
#[test]
fn p_8_1_and_p_8_2_1_over_ipv6() {
    isolated(Options { r1: ATM, ..DIGEST }, |bench| {
        for mut phone in phones() {
            let challenge = challenged(bench, &mut phone, 3600);
            let draft = proved(bench, &mut phone, 3600, &challenge);
            told_first(bench, &draft, &phone, true);
            let response = bench.expect_response(&draft);
            assert_registered(&response, &draft, &phone, 3600, &[&phone.aor.clone(), &phone.ue.tel()]);
            assert_eq!(phone_sends(bench, &phone), spell(&international(&phone.ue.msisdn)));
            phone_gets(bench, &phone);
            // The same host at another port is somebody else.
            let mut elsewhere = phone.clone();
            elsewhere.address.set_port(5099);
            let draft = bench.phone_message(&elsewhere, CENTRE_URI, &submit());
            let response = bench.transact(&draft);
            assert_answers_phone(&response, "SIP/2.0 403 Forbidden", &draft);

            let challenge = challenged(bench, &mut phone, 0);
            let draft = proved(bench, &mut phone, 0, &challenge);
            told_first(bench, &draft, &phone, false);
            let response = bench.expect_response(&draft);
            assert_answers_phone(&response, "SIP/2.0 200 OK", &draft);
            assert_eq!(response.find("Contact"), None, "none is left");
            assert_gone(bench, &phone);
            bench.assert_silent();
        }
    });
}

/// Sends a REGISTER, which is answered after the HLR.
#[track_caller]
fn told_first(bench: &mut Bench, draft: &super::harness::sip::Draft, phone: &Phone, registered: bool) {
    bench.send(draft);
    let asked = bench.expect_asked();
    assert_tells(&asked, ATM, &phone.ue.imsi, registered);
    bench.assert_silent();
    bench.hlr_agrees(&asked);
}

/// 8.3 steps 2, 3, 6 and 7, and 8.4 steps 4 to 6, with every field.
#[test]
fn p_8_3_and_p_8_4_over_ipv6() {
    isolated(DIGEST, |bench| {
        for mut phone in phones() {
            registered(bench, &mut Hlr::default(), &mut phone, 600);
            let (draft, begin) = phone_submits(bench, &phone);
            assert_transport(&begin, &plain(CENTRE_ADDRESS), &plain(GATEWAY_ADDRESS));
            let argument = format!(
                "3031 840791947101670000 8207{number} 0413 {submit} 0408 {imsi}",
                number = spell(&international(&phone.ue.msisdn)),
                submit = spell(&draft.body[draft.body.len() - submit().len()..]),
                imsi = spell(&bcd(&phone.ue.imsi, 0xf)),
            );
            assert_eq!(spell(begin.component(0xa1)), plain(&format!("020101 02012e {argument}")));
            bench.end_mo(&begin, &mo_result(Some(&hex(SUBMIT_REPORT))));
            let report = bench.expect_message();
            assert_towards_phone(&report, &phone, &phone.contact);
            assert_eq!(report.header("Content-Type"), "application/vnd.3gpp.sms");
            assert_eq!(report.header("In-Reply-To"), draft.value("Call-ID"));
            assert_eq!(spell(&report.body), plain("03 01 41 09 0100 12112221436540"));
            bench.answer(&report, "200 OK");

            let otid = bench.send_mt(&phone.ue.imsi, &deliver());
            let message = bench.expect_message();
            assert_towards_phone(&message, &phone, &phone.ue.tel());
            assert_eq!(message.header("Content-Type"), "application/vnd.3gpp.sms");
            let expected =
                format!("01 {:02x} 07 91947101670000 00 18 {}", message.body[1], spell(&deliver()));
            assert_eq!(spell(&message.body), plain(&expected), "RP-DATA");
            bench.answer(&message, "200 OK");
            bench.assert_silent();
            let report = phone_report(bench, &phone, &message, &rp_ack(&message));
            let response = bench.transact(&report);
            assert_answers_phone(&response, "SIP/2.0 200 OK", &report);
            let end = bench.expect_end(&otid);
            assert_transport(&end, &plain(CENTRE_ADDRESS), &plain(GATEWAY_ADDRESS));
            assert_eq!(spell(end.component(0xa2)), plain("020101 3009 02012c 3004 0402 0000"));
        }
        bench.until_total("application.mt_delivered", 2);
        bench.until_total("fill.mo", 0);
        bench.assert_silent();
    });
}

/// ICMPv6 says that nobody listens there: the registration ends, at the HLR too.
#[test]
fn g_5_a_ue_that_has_gone_over_ipv6() {
    isolated(Options { r1: ATM, ..DIGEST }, |bench| {
        for mut phone in phones() {
            let mut hlr = Hlr::default();
            registered(bench, &mut hlr, &mut phone, 600);
            let otid = bench.send_mt(&phone.ue.imsi, &deliver());
            let message = bench.expect_message();
            assert_eq!(message.destination, phone.address);
            nobody_listens(bench, &message);
            // The End and the operation come in either order.
            assert_error(&bench.expect_end(&otid), ABSENT_NO_RESPONSE);
            let asked = bench.expect_asked();
            assert_tells(&asked, ATM, &phone.ue.imsi, false);
            hlr.answer(bench, &asked);
            bench.assert_silent();
            assert_gone(bench, &phone);
        }
    });
}
