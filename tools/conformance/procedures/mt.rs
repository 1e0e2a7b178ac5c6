//! TR 23.804 8.10: mobile terminated messages over IMS.

use super::harness::ber::{at, find, hex, spell};
use super::harness::gateway::{Bench, Options, isolated};
use super::harness::peers::{Ue, deliver};
use super::harness::steps::*;

/// TR 23.804 8.10 with every field that its messages carry, and its order: the 200 is not the report, and the MAP
/// result comes before the report's answer.
#[test]
fn p_8_10_mt_message_and_its_report() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        for _ in 0..8 {
            let otid = bench.send_mt(&alice.imsi, &deliver());
            let message = bench.expect_message();
            assert_towards_ue(&message, "tel:+491701234567", 1);
            assert_eq!(message.find("In-Reply-To"), None);
            let reference = message.body[1];
            let expected = format!("01 {reference:02x} 07 91947101670000 00 18 {}", spell(&deliver()));
            assert_eq!(spell(&message.body), plain(&expected), "RP-DATA");
            bench.answer(&message, "200 OK");
            bench.assert_silent();

            let report = bench.report(&alice, &message, &rp_ack(&message));
            let answer = bench.transact(&report);
            assert_answers(&answer, "SIP/2.0 200 OK", &report);
            let end = bench.expect_end(&otid);
            assert_transport(&end, &plain(CENTRE_ADDRESS), &plain(GATEWAY_ADDRESS));
            assert_eq!(spell(end.component(0xa2)), plain("020101 3009 02012c 3004 0402 0000"));
            let response = at(&end.tcap, &[0x64, 0x6b, 0x28, 0xa0, 0x61]);
            assert_eq!(spell(at(response, &[0xa1, 0x06])), "04000001001903", "shortMsgMT-RelayContext-v3");
            assert_eq!(spell(at(response, &[0xa2])), "020100", "accepted");
        }
        bench.until_total("application.mt_delivered", 8);
        bench.until_total("fill.mt", 0);
        bench.assert_silent();
    });
}

/// Steps 11 and 14: the MAP result leaves before the report is answered, whichever worker has the dialogue, the
/// association and the report.
#[test]
fn p_8_10_mt_result_precedes_the_answer_to_the_report() {
    isolated(Options { ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        for _ in 0..64 {
            let (otid, message) = delivery(bench, &alice, &deliver());
            let report = bench.report(&alice, &message, &rp_ack(&message));
            let answer = bench.transact(&report);
            let end = bench.expect_end(&otid);
            assert!(end.round <= answer.round, "answered in round {}, result in {}", answer.round, end.round);
        }
    });
}

/// Nobody known, and somebody known who is not registered, have their MAP error at once and no SIP packet.
#[test]
fn p_8_10_mt_for_somebody_absent_is_refused_at_once() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let gone = bench.full_register(&alice, 0);
        bench.transact(&gone);
        let cases = [
            ("310150123456789", (5, "")),
            (alice.imsi.as_str(), ABSENT_DEREGISTERED),
            ("262019876543210", ABSENT_DEREGISTERED),
        ];
        for (imsi, expected) in cases {
            for _ in 0..4 {
                let otid = bench.send_mt(imsi, &deliver());
                let end = bench.expect_end(&otid);
                assert_error(&end, expected);
                assert_transport(&end, &plain(CENTRE_ADDRESS), &plain(GATEWAY_ADDRESS));
            }
        }
        bench.assert_silent();
        bench.until_total("application.mt_unknown_subscriber", 4);
        bench.until_total("application.mt_not_registered", 8);
        assert_eq!(bench.total("fill.client_transactions"), 0);
    });
}

/// RP allows one message at a time: further ones wait in order, eight of them, and the ninth finds the user busy.
#[test]
fn p_8_10_mt_messages_for_one_user_wait_in_order() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let numbered = |number: u8| [&deliver()[..23], &[number]].concat();
        let mut otids = vec![bench.send_mt(&alice.imsi, &numbered(0))];
        let mut message = bench.expect_message();
        for number in 1..=8 {
            otids.push(bench.send_mt(&alice.imsi, &numbered(number)));
            bench.until_total("application.mt_queued", number.into());
        }
        let busy = bench.send_mt(&alice.imsi, &numbered(9));
        assert_error(&bench.expect_end(&busy), (31, ""));
        assert!(bench.sip.is_empty(), "one at a time: {:#?}", bench.sip);

        let mut references = vec![];
        for (number, otid) in otids.iter().enumerate() {
            assert_eq!(message.body.last(), Some(&(number as u8)), "order");
            assert!(!references.contains(&message.body[1]), "a new RP-MR each");
            references.push(message.body[1]);
            bench.answer(&message, "200 OK");
            let report = bench.report(&alice, &message, &rp_ack(&message));
            assert_eq!(bench.transact(&report).status(), 200);
            assert_eq!(
                spell(bench.expect_end(otid).component(0xa2)),
                plain("020101 3009 02012c 3004 0402 0000")
            );
            if number < 8 {
                message = bench.expect_message();
            }
        }
        bench.assert_silent();
        bench.until_total("fill.mt_waiting", 0);
    });
}

/// A report without In-Reply-To is found by who sends it and its RP-MR, whichever worker it enters by.
#[test]
fn p_8_10_mt_report_without_in_reply_to_finds_its_message() {
    isolated(Options::default(), |bench| {
        for number in 0..8 {
            let ue = Ue::home1(number);
            bench.register(&ue);
            for _ in 0..2 {
                let (otid, message) = delivery(bench, &ue, &deliver());
                let report = bench.report(&ue, &message, &rp_ack(&message)).without("In-Reply-To");
                let answer = bench.transact(&report);
                assert_answers(&answer, "SIP/2.0 200 OK", &report);
                assert!(find(&bench.expect_end(&otid).tcap, &[0x64, 0x6c, 0xa2]).is_some());
            }
        }
        assert_eq!(bench.total("application.report_unmatched"), 0);
        bench.assert_silent();
    });
}

/// Reports that answer nothing: by the policy of the network (200 and 202, or 488), and no MAP message.
#[test]
fn p_8_10_mt_unmatched_reports_are_answered_by_policy() {
    isolated(Options::default(), |bench| {
        let (alice, dora) = (Ue::home1(0), Ue::home2(0));
        bench.register(&alice);
        bench.register(&dora);
        let stray = |bench: &mut Bench, ue: &Ue, status: u16| {
            let uri = format!("sip:ipsmgw.home{}.net", ue.network + 1);
            let plain = bench.message(ue, &uri, &hex("0209"));
            assert_eq!(bench.transact(&plain).status(), status);
            let named = bench.message(ue, &uri, &hex("0209")).with("In-Reply-To", "nothing@ipsmgw.home1.net");
            assert_eq!(bench.transact(&named).status(), status);
        };
        stray(bench, &alice, 200);
        stray(bench, &dora, 488);

        // A report with another RP-MR is none of the message's.
        let (otid, message) = delivery(bench, &alice, &deliver());
        let wrong = bench.report(&alice, &message, &[0x02, message.body[1].wrapping_add(1)]);
        assert_eq!(bench.transact(&wrong).status(), 200);
        // And nobody else may report for alice.
        bench.register(&Ue::home1(1));
        let foreign = bench.report(&Ue::home1(1), &message, &rp_ack(&message));
        assert_eq!(bench.transact(&foreign).status(), 200);
        bench.assert_silent();
        bench.until_total("application.report_unmatched", 6);
        let report = bench.report(&alice, &message, &rp_ack(&message));
        assert_eq!(bench.transact(&report).status(), 200);
        bench.expect_end(&otid);

        // The second network answers reports with 202.
        let otid = bench.send_mt(&dora.imsi, &deliver());
        let message = bench.expect_message();
        assert_towards_ue(&message, "tel:+447700900000", 2);
        bench.answer(&message, "200 OK");
        let report = bench.report(&dora, &message, &rp_ack(&message));
        let answer = bench.transact(&report);
        assert_answers(&answer, "SIP/2.0 202 Accepted", &report);
        bench.expect_end(&otid);
        bench.assert_silent();
    });
}
