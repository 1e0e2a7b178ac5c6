//! TR 23.804 8.7 and 8.8: registration and de-registration by an S-CSCF, and R-1.

use super::harness::gateway::{Options, isolated};
use super::harness::peers::{STRANGER, Ue, deliver, embedded_register, rp_data, service_info, submit};
use super::harness::steps::*;
use std::time::Duration;

/// TR 23.804 8.7, TS 24.229 5.4.1.7: the answer to a third-party REGISTER. Preconfigured, so no R1 exchange.
#[test]
fn p_8_7_registration_is_answered_with_what_was_granted() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        let draft = bench.full_register(&alice, 600_000);
        let response = bench.transact(&draft);
        assert_eq!(response.header("Contact"), "<sip:scscf1.home1.net>;expires=600000");
        assert_eq!(response.start, "SIP/2.0 200 OK");
        for name in ["From", "Call-ID", "CSeq"] {
            assert_eq!(response.header(name), draft.value(name));
        }
        assert!(response.header("To").starts_with("<sip:user0@home1.net>;tag="));

        bench.send(&draft);
        assert_eq!(bench.expect_response(&draft).status(), 200, "a retransmission is answered again");
        bench.until_total("application.registration_forwarded", 1);

        let longer = bench.full_register(&Ue::home1(1), 700_000);
        let response = bench.transact(&longer);
        assert_eq!(response.header("Contact"), "<sip:scscf1.home1.net>;expires=604800", "cut to a week");
        bench.assert_silent();
    });
}

/// A REGISTER that changes nothing extends the expiry on the worker that has it.
#[test]
fn p_8_7_refresh_extends_the_expiry_without_the_control_thread() {
    isolated(Options::default(), |bench| {
        let (alice, bob) = (Ue::home1(0), Ue::home1(1));
        let registered = bench.now();
        for ue in [&alice, &bob] {
            let draft = bench.full_register(ue, 3);
            assert_eq!(bench.transact(&draft).header("Contact"), "<sip:scscf1.home1.net>;expires=3");
        }
        let refresh = bench.full_register(&alice, 1200);
        assert_eq!(bench.transact(&refresh).header("Contact"), "<sip:scscf1.home1.net>;expires=1200");
        bench.until_total("application.registration_refreshed", 1);
        bench.until_total("application.registration_forwarded", 2);

        let over = registered + Duration::from_millis(3100);
        bench.until("the end of the first registration", |peers| (peers.now() > over).then_some(()));
        let message = delivered(bench, &alice, &deliver());
        assert_eq!(message.request().1, "tel:+491701234567");
        let otid = bench.send_mt(&bob.imsi, &deliver());
        assert_error(&bench.expect_end(&otid), ABSENT_DEREGISTERED);

        let moved = bench.full_register(&alice, 1200).but("P-Access-Network-Info", "3GPP-E-UTRAN-FDD");
        bench.transact(&moved);
        bench.until_total("application.registration_forwarded", 3);
    });
}

/// Only S-CSCFs of served networks are trusted (G-2).
#[test]
fn p_8_7_and_p_8_9_refuse_a_stranger() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let mut register = bench.full_register(&alice, 0);
        register.source = STRANGER;
        assert_eq!(bench.transact(&register).start, "SIP/2.0 403 Forbidden");
        let mut message = bench.message(&alice, CENTRE_URI, &rp_data(1, CENTRE, &submit()));
        message.source = STRANGER;
        let response = bench.transact(&message);
        assert_answers(&response, "SIP/2.0 403 Forbidden", &message);
        bench.until_total("application.untrusted_source", 2);
        bench.assert_silent();
        submitted_as(bench, &alice);
    });
}

/// TR 23.804 8.8: Expires 0 ends the registration.
#[test]
fn p_8_8_deregistration_ends_messages_both_ways() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let draft = bench.full_register(&alice, 0);
        let response = bench.transact(&draft);
        assert_eq!(response.start, "SIP/2.0 200 OK");
        assert_eq!(response.header("Contact"), "<sip:scscf1.home1.net>;expires=0");

        let otid = bench.send_mt(&alice.imsi, &deliver());
        assert_error(&bench.expect_end(&otid), ABSENT_DEREGISTERED);
        let message = bench.message(&alice, CENTRE_URI, &rp_data(1, CENTRE, &submit()));
        let refused = bench.transact(&message);
        assert_answers(&refused, "SIP/2.0 403 Forbidden", &message);

        let again = bench.full_register(&alice, 0);
        assert_eq!(bench.transact(&again).status(), 200, "who is not registered can be de-registered");
        bench.assert_silent();
        bench.register(&alice);
        submitted_as(bench, &alice);
    });
}

/// TS 24.341 B.3: service-info tells the MSISDN; the temporary public identity tells the IMSI (TS 23.003 13.4B).
#[test]
fn r_1_identities_from_service_info() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        let body = service_info(&alice.msisdn);
        let temporary = "<sip:262011234567890@ims.mnc001.mcc262.3gppnetwork.org>, <sip:user0@home1.net>";
        let draft = bench
            .third_party_register(&alice, 3600, "application/3gpp-ims+xml", body.as_bytes())
            .with("P-Associated-URI", temporary);
        assert_eq!(bench.transact(&draft).status(), 200);
        let (number, imsi) = submitted_as(bench, &alice);
        assert_eq!((number.as_str(), imsi.as_deref()), ("91947110325476", Some("62021132547698f0")));
        let message = delivered(bench, &alice, &deliver());
        assert_eq!(message.request().1, "tel:+491701234567");
    });
}

/// The S-CSCF includes the UE's own REGISTER, whose user name is the private identity: IMSI@realm (TS 23.003 13.3).
#[test]
fn r_1_identities_from_embedded_register() {
    isolated(Options::default(), |bench| {
        let bob = Ue::home1(1);
        let body = embedded_register(&bob);
        let draft = bench
            .third_party_register(&bob, 3600, "message/sip", body.as_bytes())
            .with("P-Associated-URI", "<sip:user1@home1.net>,<tel:+491701234568>");
        assert_eq!(bench.transact(&draft).status(), 200);
        let (number, imsi) = submitted_as(bench, &bob);
        assert_eq!((number.as_str(), imsi.as_deref()), ("91947110325486", Some("62021132547698f1")));
        let message = delivered(bench, &bob, &deliver());
        assert_eq!(message.request().1, "tel:+491701234568");
    });
}

/// A registration that tells nothing: the subscriber file does.
#[test]
fn r_1_identities_from_subscriber_file() {
    isolated(Options::default(), |bench| {
        let filed = Ue {
            imsi: "262019999999999".into(),
            msisdn: "491709999999".into(),
            impu: "sip:filed@home1.net".into(),
            network: 0,
        };
        let draft = bench.third_party_register(&filed, 3600, "", b"");
        assert_eq!(bench.transact(&draft).status(), 200);
        let (number, imsi) = submitted_as(bench, &filed);
        assert_eq!((number.as_str(), imsi.as_deref()), ("91947190999999", Some("62029199999999f9")));
        let message = delivered(bench, &filed, &deliver());
        assert_eq!(message.request().1, "tel:+491709999999");

        let nobody =
            bench.third_party_register(&Ue { impu: "sip:nobody@home1.net".into(), ..filed }, 60, "", b"");
        assert_eq!(bench.transact(&nobody).status(), 403, "neither number is known");
    });
}

/// TS 23.003 13.4A: an identity for which a wildcarded one of the set stands, and RFC 5502: the served user goes before who
/// is asserted.
#[test]
fn r_1_wildcarded_identities_and_the_served_user() {
    isolated(Options::default(), |bench| {
        let (alice, bob) = (Ue::home1(0), Ue::home1(1));
        let associated = "<sip:user0@home1.net>, <sip:list!.*!@home1.net>, <tel:+4917099!%5B0-9%5D%7B2%7D!>";
        let draft = bench.full_register(&alice, 3600).with("P-Associated-URI", associated);
        assert_eq!(bench.transact(&draft).status(), 200);
        bench.register(&bob);
        bench.settle();
        for (sender, is_known) in [
            ("sip:list7@home1.net", true),
            ("sip:list@HOME1.net", true),
            ("sip:lis@home1.net", false),
            ("sip:list7@home2.net", false),
            ("tel:+491709912", true),
            ("tel:+4917099123", false),
        ] {
            let of_list = Ue { impu: sender.into(), ..alice.clone() };
            if is_known {
                assert_eq!(submitted_as(bench, &of_list).0, "91947110325476", "{sender}");
            } else {
                let draft = bench.message(&of_list, CENTRE_URI, &rp_data(1, CENTRE, &submit()));
                assert_eq!(bench.transact(&draft).status(), 403, "{sender}");
            }
        }
        let draft = bench
            .message(&bob, CENTRE_URI, &rp_data(1, CENTRE, &submit()))
            .with("P-Served-User", "<sip:user0@home1.net>;sescase=orig");
        assert_eq!(bench.transact(&draft).status(), 202);
        let begin = bench.expect_unitdata(0x62);
        let argument = super::harness::ber::at(begin.component(0xa1), &[0x30]);
        let number = super::harness::ber::at(argument, &[0x82]);
        assert_eq!(super::harness::ber::spell(number), "91947110325476", "alice's");
        bench.end_mo(&begin, &super::harness::ss7::mo_result(None));
        let report = bench.expect_message();
        bench.answer(&report, "200 OK");
    });
}
