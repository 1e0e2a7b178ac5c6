//! TR 23.804 8.3, 8.4 and 8.5 steps 4 to 6: messages from and to UEs that are registered at the gateway itself; G-5.

use super::direct::DIGEST;
use super::harness::ber::{bcd, hex, international, spell};
use super::harness::direct::*;
use super::harness::gateway::{Options, isolated};
use super::harness::hlr::Hlr;
use super::harness::peers::{GATEWAY, IMS, Peers, Ue, deliver, submit, v4};
use super::harness::phone::Phone;
use super::harness::sip::Sip;
use super::harness::ss7::{error, mo_result};
use super::harness::steps::*;
use super::harness::wire::port_unreachable;
use std::net::SocketAddr;
use std::time::Duration;

const ATM: &str = "any_time_modification";

/// Steps 2, 3, 6 and 7 with every field, whoever the UE says it is.
#[test]
fn p_8_3_the_msisdn_is_that_of_the_address() {
    isolated(DIGEST, |bench| {
        let mut hlr = Hlr::default();
        let (mut phone, mut other) = (Phone::new(1000), Phone::new(1001));
        registered(bench, &mut hlr, &mut phone, 600);
        registered(bench, &mut hlr, &mut other, 600);
        let victim = Ue::home1(1001);
        let body = hex("00 07 00 07 91947101670000 13 11050c919471907856340000a705c8329bfd06");
        let with_originator = [&hex("00 07 07")[..], &international(&victim.msisdn), &body[3..]].concat();
        let honest = bench.phone_message(&phone, CENTRE_URI, &body);
        let claims = [
            honest.clone(),
            honest.clone().but("From", format!("<{}>;tag=m", victim.impu)),
            honest.clone().with("P-Asserted-Identity", format!("<{}>", victim.impu)),
            honest.clone().with("P-Asserted-Identity", format!("<{}>", victim.tel())),
            honest.clone().with("P-Preferred-Identity", format!("<{}>", victim.tel())),
            honest.clone().with("Contact", format!("<{}>", other.contact)),
            super::harness::sip::Draft { body: with_originator, ..honest.clone() },
        ];
        for (at, draft) in claims.into_iter().enumerate() {
            let mut draft = draft.but("Call-ID", format!("claim-{at}"));
            draft.branch = format!("z9hG4bKclaim{at}");
            // Another RP-MR each: the same again would be a repeat.
            draft.body[1] = at as u8;
            let accepted = bench.transact(&draft);
            assert_answers_phone(&accepted, "SIP/2.0 202 Accepted", &draft);
            let begin = bench.expect_unitdata(0x62);
            assert_transport(&begin, &plain(CENTRE_ADDRESS), &plain(GATEWAY_ADDRESS));
            let expected = format!(
                "625f 4804{otid} 6b1a 2818 060700118605010101 a00d 600b a109 060704000001001503 \
                 6c3b a139 020101 02012e 3031 840791947101670000 8207{number} \
                 0413 11050c919471907856340000a705c8329bfd06 0408 {imsi}",
                otid = spell(begin.otid()),
                number = spell(&international(&phone.ue.msisdn)),
                imsi = spell(&bcd(&phone.ue.imsi, 0xf)),
            );
            assert_eq!(spell(&begin.tcap), plain(&expected), "{draft:?}");
            let (component, body) = match at % 2 {
                0 => (mo_result(Some(&hex(SUBMIT_REPORT))), format!("03 {at:02x} 41 09 0100 12112221436540")),
                _ => (error(32, &hex("3003 0a0103")), format!("05 {at:02x} 01 01")),
            };
            bench.end_mo(&begin, &component);
            let report = bench.expect_message();
            assert_towards_phone(&report, &phone, &phone.contact);
            assert_eq!(report.header("Content-Type"), "application/vnd.3gpp.sms");
            assert_eq!(report.header("In-Reply-To"), draft.value("Call-ID"));
            assert_eq!(spell(&report.body), plain(&body));
            bench.answer(&report, "200 OK");
        }
        bench.until_total("fill.mo", 0);
        bench.assert_silent();
    });
}

/// Steps 4 to 6 with every field: to the address that the REGISTER came from, for the contact.
#[test]
fn p_8_4_to_the_contact_at_the_address_of_the_register() {
    isolated(DIGEST, |bench| {
        let (mut hlr, mut phone) = (Hlr::default(), Phone::new(1000));
        registered(bench, &mut hlr, &mut phone, 600);
        for _ in 0..4 {
            let otid = bench.send_mt(&phone.ue.imsi, &deliver());
            let message = bench.expect_message();
            assert_towards_phone(&message, &phone, &phone.ue.tel());
            assert_eq!(message.header("Content-Type"), "application/vnd.3gpp.sms");
            assert_eq!(message.find("In-Reply-To"), None);
            let reference = message.body[1];
            let expected = format!("01 {reference:02x} 07 91947101670000 00 18 {}", spell(&deliver()));
            assert_eq!(spell(&message.body), plain(&expected), "RP-DATA");
            bench.answer(&message, "200 OK");
            bench.assert_silent();
            let report = phone_report(bench, &phone, &message, &rp_ack(&message));
            let answer = bench.transact(&report);
            assert_answers_phone(&answer, "SIP/2.0 200 OK", &report);
            let end = bench.expect_end(&otid);
            assert_transport(&end, &plain(CENTRE_ADDRESS), &plain(GATEWAY_ADDRESS));
            assert_eq!(spell(end.component(0xa2)), plain("020101 3009 02012c 3004 0402 0000"));
        }
        bench.until_total("application.mt_delivered", 4);
        bench.assert_silent();
    });
}

/// Behind a NAT with and without rport, at another port than its own, and at an address that changes.
#[test]
fn r_2_and_p_8_4_behind_a_nat_and_at_other_ports() {
    isolated(DIGEST, |bench| {
        let mut hlr = Hlr::default();
        let outside = |port| SocketAddr::new(v4([10, 1, 9, 9]).ip(), port);
        let inside = v4([192, 168, 1, 7]);
        let natted = |number, port, rport| Phone {
            behind: Some(inside),
            contact: format!("sip:user{number}@{inside};transport=udp"),
            address: outside(port),
            rport,
            ..Phone::new(number)
        };
        let mut phones =
            [natted(1000, 40_001, true), natted(1001, 40_002, false), natted(1002, 40_003, true)];
        for phone in &mut phones {
            let response = registered(bench, &mut hlr, phone, 600);
            assert_eq!(response.header("Contact"), format!("<{}>;expires=600", phone.contact));
        }
        for phone in &phones {
            phone_gets(bench, phone);
            assert_eq!(phone_sends(bench, phone), spell(&international(&phone.ue.msisdn)));
        }
        // The NAT gives one a new port: by its next REGISTER it is reached there.
        let [one, ..] = &mut phones;
        let before = one.address;
        one.address = outside(40_011);
        registered(bench, &mut hlr, one, 600);
        phone_gets(bench, one);
        phone_sends(bench, one);
        let draft = bench.phone_message(&Phone { address: before, ..one.clone() }, CENTRE_URI, &submit());
        assert_eq!(bench.transact(&draft).status(), 403, "the old port is nobody's");

        // No NAT: a UE that sends from another port than it listens at.
        let listens = SocketAddr::new(v4([10, 1, 9, 8]).ip(), 5062);
        let from = SocketAddr::new(listens.ip(), 33_333);
        let mut two =
            Phone { address: from, behind: Some(listens), rport: false, ..Phone::new(1003).at(listens) };
        two.address = from;
        registered(bench, &mut hlr, &mut two, 600);
        let otid = bench.send_mt(&two.ue.imsi, &deliver());
        let message = bench.expect_message();
        assert_eq!((message.request().1, message.destination), (two.contact.as_str(), listens));
        bench.answer(&message, "480 Temporarily Unavailable");
        bench.expect_end(&otid);
        bench.assert_silent();
    });
}

/// Steps 4 to 6: what the UE says, and that it says nothing, as MAP errors.
#[test]
fn p_8_5_direct_failures_become_map_errors() {
    isolated(Options { mt_report_ms: 2000, ..DIGEST }, |bench| {
        let (mut hlr, mut phone) = (Hlr::default(), Phone::new(1000));
        registered(bench, &mut hlr, &mut phone, 600);
        for (cause, parameter) in [(22, "30030a0100"), (111, "30030a0101"), (127, "30030a0101")] {
            let otid = bench.send_mt(&phone.ue.imsi, &deliver());
            let message = bench.expect_message();
            bench.answer(&message, "200 OK");
            let report = phone_report(bench, &phone, &message, &[4, message.body[1], 1, cause]);
            assert_eq!(bench.transact(&report).status(), 200);
            assert_error(&bench.expect_end(&otid), (32, parameter));
        }
        for (status, expected) in [
            ("480 Temporarily Unavailable", ABSENT_DEREGISTERED),
            ("486 Busy Here", (31, "")),
            ("415 Unsupported Media Type", (32, "30030a0102")),
            ("603 Decline", (9, "")),
        ] {
            let otid = bench.send_mt(&phone.ue.imsi, &deliver());
            let message = bench.expect_message();
            bench.answer(&message, status);
            assert_error(&bench.expect_end(&otid), expected);
        }
        // It takes the message and never reports: it can be reached, and stays.
        let otid = bench.send_mt(&phone.ue.imsi, &deliver());
        let message = bench.expect_message();
        bench.answer(&message, "200 OK");
        assert_error(&bench.expect_end(&otid), ABSENT_NO_RESPONSE);
        let report = phone_report(bench, &phone, &message, &rp_ack(&message));
        assert_eq!(bench.transact(&report).status(), 200, "too late");
        phone_gets(bench, &phone);
        bench.assert_silent();
    });
}

/// The UE's host says that nobody listens.
pub(super) fn nobody_listens(bench: &mut Peers, message: &Sip) {
    let (from, to) = (message.source, message.destination);
    bench.send_frame(IMS, message.queue, &port_unreachable(IMS, from, to, &message.raw));
}

/// A UE that de-registers while its report is on the way has the message: the report counts, though its address is
/// nobody's any more; but from that address alone.
#[test]
fn p_8_5_a_direct_report_counts_though_its_ue_has_deregistered() {
    isolated(DIGEST, |bench| {
        let (mut hlr, mut phone) = (Hlr::default(), Phone::new(1000));
        for _ in 0..4 {
            registered(bench, &mut hlr, &mut phone, 600);
            let (otid, message) = delivery(bench, &phone.ue, &deliver());
            let challenge = challenged(bench, &mut phone, 0);
            let gone = proved(bench, &mut phone, 0, &challenge);
            assert_eq!(bench.transact(&gone).status(), 200);
            let elsewhere = Phone { address: SocketAddr::new(phone.address.ip(), 4999), ..phone.clone() };
            let foreign = phone_report(bench, &elsewhere, &message, &rp_ack(&message));
            assert_eq!(bench.transact(&foreign).status(), 403);
            let without = bench.phone_message(&phone, "sip:ipsmgw.home1.net", &rp_ack(&message));
            assert_eq!(bench.transact(&without).status(), 403);
            bench.assert_silent();
            let report = phone_report(bench, &phone, &message, &rp_ack(&message));
            assert_answers_phone(&bench.transact(&report), "SIP/2.0 200 OK", &report);
            let end = bench.expect_end(&otid);
            assert_eq!(spell(end.component(0xa2)), plain("020101 3009 02012c 3004 0402 0000"));
        }
        bench.until_total("application.mt_delivered", 4);
        bench.until_total("fill.mt", 0);
        bench.assert_silent();
    });
}

/// G-5: no answer at all, and ICMP, each end the registration, at the HLR too; the UE is not told, nor another ended.
#[test]
fn g_5_a_ue_that_has_gone_is_deregistered() {
    isolated(Options { r1: ATM, t1_ms: 40, ..DIGEST }, |bench| {
        let mut hlr = Hlr::default();
        let mut phones = [Phone::new(1000), Phone::new(1001), Phone::new(1002)];
        for phone in &mut phones {
            registered(bench, &mut hlr, phone, 600);
        }
        let [silent, gone, stays] = &phones;
        // Forged: about a datagram that never was, or by somebody else's flow.
        let otid = bench.send_mt(&stays.ue.imsi, &deliver());
        let message = bench.expect_message();
        let text = String::from_utf8_lossy(&message.raw).replace(message.branch(), "z9hG4bKforged");
        bench.send_frame(IMS, 0, &port_unreachable(IMS, GATEWAY, stays.address, text.as_bytes()));
        bench.send_frame(IMS, 0, &port_unreachable(IMS, GATEWAY, gone.address, &message.raw));
        bench.until_total("ims.unreachable_unproved", 2);
        bench.answer(&message, "200 OK");
        let report = phone_report(bench, stays, &message, &rp_ack(&message));
        assert_eq!(bench.transact(&report).status(), 200);
        bench.expect_end(&otid).component(0xa2);

        let began = bench.now();
        let otid = bench.send_mt(&silent.ue.imsi, &deliver());
        let lost = bench.expect_message();
        let told = bench.send_mt(&gone.ue.imsi, &deliver());
        let message = bench.expect_sip("a MESSAGE", |sip| sip.destination == gone.address);
        assert_eq!(lost.destination, silent.address);
        nobody_listens(bench, &message);
        assert_error(&bench.expect_end(&told), ABSENT_NO_RESPONSE);
        let asked = bench.expect_asked();
        assert_tells(&asked, ATM, &gone.ue.imsi, false);
        hlr.answer(bench, &asked);
        assert!(bench.now().since(began) < Duration::from_millis(2500), "ICMP is faster than Timer F");

        assert_error(&bench.expect_end(&otid), ABSENT_NO_RESPONSE);
        assert!(bench.now().since(began) >= Duration::from_millis(64 * 40), "Timer F");
        let asked = bench.expect_asked();
        assert_tells(&asked, ATM, &silent.ue.imsi, false);
        hlr.answer(bench, &asked);
        bench.sip.clear(); // Timer E
        bench.assert_silent();
        assert_eq!(hlr.registered.iter().collect::<Vec<_>>(), [&stays.ue.imsi]);
        assert_gone(bench, silent);
        assert_gone(bench, gone);
        phone_gets(bench, stays);
        let [silent, ..] = &mut phones;
        registered(bench, &mut hlr, silent, 600);
        phone_gets(bench, silent);
        bench.assert_silent();
    });
}

/// G-5: where the policy is to keep it, the registration stays.
#[test]
fn g_5_unless_the_policy_is_to_keep_it() {
    isolated(Options { access: "unreachable = \"keep\"", r1: ATM, ..DIGEST }, |bench| {
        let (mut hlr, mut phone) = (Hlr::default(), Phone::new(1000));
        registered(bench, &mut hlr, &mut phone, 600);
        let otid = bench.send_mt(&phone.ue.imsi, &deliver());
        let message = bench.expect_message();
        nobody_listens(bench, &message);
        assert_error(&bench.expect_end(&otid), ABSENT_NO_RESPONSE);
        bench.assert_silent();
        phone_gets(bench, &phone);
        assert_eq!(hlr.registered.len(), 1);
    });
}
