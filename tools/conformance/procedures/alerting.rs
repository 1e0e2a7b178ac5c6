//! TR 23.804 8.6, as far as it is the gateway's: a UE that has memory again, and the HLR that is told.

use super::direct::DIGEST;
use super::harness::ber::{hex, spell, tlv};
use super::harness::direct::*;
use super::harness::gateway::{Bench, Options, isolated};
use super::harness::hlr::{Asked, Hlr, MEMORY_AVAILABLE, MS_PRESENT, READY_FOR_SM, ready_for_sm};
use super::harness::peers::{Ue, deliver};
use super::harness::phone::Phone;
use super::harness::sip::Draft;
use super::harness::ss7::{error, mo_result, udt};
use super::harness::steps::*;

const GPRS: &str = "update_gprs_location";

/// RP-SMMA of a UE behind its S-CSCF, up to readyForSM: the answer is a 202 and no more until the HLR has answered.
#[track_caller]
fn noticed(bench: &mut Bench, ue: &Ue, reference: u8) -> (Draft, Asked) {
    let draft = bench.message(ue, CENTRE_URI, &[6, reference]);
    let accepted = bench.transact(&draft);
    assert_answers(&accepted, "SIP/2.0 202 Accepted", &draft);
    let asked = bench.expect_asked();
    asked.assert_is(READY_FOR_SM, &ready_for_sm(&ue.imsi, MEMORY_AVAILABLE, &[0x81, 0]));
    (draft, asked)
}

/// The message that found the memory full, the notice of free memory, the message once more.
#[test]
fn p_8_6_memory_available_over_ims() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let (otid, message) = delivery(bench, &alice, &deliver());
        let full = bench.report(&alice, &message, &[4, message.body[1], 1, 22]);
        assert_eq!(bench.transact(&full).status(), 200);
        assert_error(&bench.expect_end(&otid), (32, "30030a0100"));

        let (draft, asked) = noticed(bench, &alice, 0x2a);
        bench.assert_silent();
        bench.hlr_agrees(&asked);
        let report = bench.expect_message();
        assert_towards_ue(&report, &alice.impu, 1);
        assert_eq!(spell(&report.body), "032a", "RP-ACK");
        assert_eq!(report.header("In-Reply-To"), draft.value("Call-ID"));
        bench.answer(&report, "200 OK");
        delivered(bench, &alice, &deliver());

        // An HLR that has nothing to add, not even an empty sequence.
        let (_, asked) = noticed(bench, &alice, 0x2b);
        bench.hlr_ends(&asked, &hex("a203 020101"));
        let report = bench.expect_message();
        assert_eq!(spell(&report.body), "032b");
        bench.answer(&report, "200 OK");
        // Nobody's notice.
        let draft = bench.message(&Ue::home1(1), CENTRE_URI, &[6, 1]);
        assert_eq!(bench.transact(&draft).status(), 403);
        bench.until_total("application.memory_available", 2);
        assert_eq!(bench.total("application.memory_available_failed"), 0);
        bench.until_total("fill.mo", 0);
        bench.assert_silent();
    });
}

/// The HLR's errors, and the failures of the way there, as RP-Causes that may answer RP-SMMA (TS 24.011 table 8.4).
#[test]
fn p_8_6_hlr_errors_become_rp_causes() {
    isolated(Options { map_registration_ms: 1500, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let expect = |bench: &mut Bench, draft: &Draft, reference: u8, cause: u8| {
            let report = bench.expect_message();
            assert_towards_ue(&report, &alice.impu, 1);
            assert_eq!(report.body, [5, reference, 1, cause], "RP-ERROR");
            assert_eq!(report.header("In-Reply-To"), draft.value("Call-ID"));
            bench.answer(&report, "200 OK");
        };
        for (reference, (component, cause)) in [
            (error(1, &tlv(0x30, &[&[0x0a, 1, 0]])), 30),
            (error(1, &[]), 30),
            (error(34, &[]), 38),
            (error(35, &[]), 41),
            (error(36, &[]), 41),
            (error(21, &[]), 69),
            (error(13, &[]), 41),
            (error(99, &[]), 41),
            (hex("a406 020101 810101"), 38),
        ]
        .into_iter()
        .enumerate()
        {
            let (draft, asked) = noticed(bench, &alice, reference as u8);
            bench.hlr_ends(&asked, &component);
            expect(bench, &draft, reference as u8, cause);
        }
        let (draft, asked) = noticed(bench, &alice, 100);
        let abort = tlv(0x67, &[&tlv(0x49, &[asked.begin.otid()]), &[0x4a, 1, 4]]);
        bench.reply(&asked.begin, &abort);
        expect(bench, &draft, 100, 38);
        // UDTS: no translation for this address.
        let (draft, asked) = noticed(bench, &alice, 101);
        let mut returned = udt(&asked.begin.calling, &asked.begin.called, &asked.begin.tcap);
        (returned[0], returned[1]) = (0x0a, 1);
        let now = bench.now();
        bench.ss7.send(now, 0, asked.begin.sls, &returned);
        expect(bench, &draft, 101, 38);
        // No answer at all.
        let (draft, _) = noticed(bench, &alice, 102);
        expect(bench, &draft, 102, 38);
        // A network whose HLR nobody has named: for good.
        let bob = Ue::home2(0);
        bench.register(&bob);
        let draft = bench.message(&bob, CENTRE_URI, &[6, 103]);
        assert_eq!(bench.transact(&draft).status(), 202);
        let report = bench.expect_message();
        assert_towards_ue(&report, &bob.impu, 2);
        assert_eq!(
            (&report.body[..], report.header("In-Reply-To")),
            (&[5, 103, 1, 69][..], draft.value("Call-ID"))
        );
        bench.answer(&report, "200 OK");
        bench.until_total("application.memory_available_failed", 13);
        bench.assert_silent();
    });
}

/// Directly; and where the HLR takes us for an SGSN, as an SGSN.
#[test]
fn p_8_6_memory_available_directly_and_as_an_sgsn() {
    isolated(Options { r1: GPRS, ..DIGEST }, |bench| {
        let (mut hlr, mut phone) = (Hlr::default(), Phone::new(1000));
        registered(bench, &mut hlr, &mut phone, 600);
        for (reference, component, body) in [(0x2a, None, "032a"), (0x2b, Some(error(1, &[])), "052b011e")] {
            let draft = bench.phone_message(&phone, CENTRE_URI, &[6, reference]);
            let accepted = bench.transact(&draft);
            assert_answers_phone(&accepted, "SIP/2.0 202 Accepted", &draft);
            let asked = bench.expect_asked();
            asked.assert_is_from(149, READY_FOR_SM, &ready_for_sm(&phone.ue.imsi, MEMORY_AVAILABLE, &[5, 0]));
            bench.assert_silent();
            match component {
                None => bench.hlr_agrees(&asked),
                Some(component) => bench.hlr_ends(&asked, &component),
            }
            let report = bench.expect_message();
            assert_towards_phone(&report, &phone, &phone.contact);
            assert_eq!(
                (spell(&report.body).as_str(), report.header("In-Reply-To")),
                (body, draft.value("Call-ID"))
            );
            bench.answer(&report, "200 OK");
        }
        phone_gets(bench, &phone);
        bench.assert_silent();
    });
}

/// 8.6 steps 3 and 4 while step 2 has not ended: the HLR has registered the subscriber and alerts, and what waited is here
/// before the HLR's answer. It is delivered once that has come, or fails with it.
#[test]
fn p_8_6_what_an_alert_brings_may_be_ahead_of_the_registration() {
    isolated(Options { r1: "any_time_modification", ..DIGEST }, |bench| {
        let (mut alice, mut carol) = (Phone::new(1000), Phone::new(1001));
        for (phone, accepted) in [(&mut alice, true), (&mut carol, false)] {
            let challenge = challenged(bench, phone, 600);
            let draft = proved(bench, phone, 600, &challenge);
            bench.send(&draft);
            let asked = bench.expect_asked();
            let otids = [0, 1].map(|_| bench.send_mt(&phone.ue.imsi, &deliver()));
            bench.assert_silent();
            match accepted {
                true => {
                    bench.hlr_agrees(&asked);
                    assert_eq!(bench.expect_response(&draft).status(), 200);
                    // They may be on both workers: either may be the first.
                    for _ in otids {
                        let message = bench.expect_message();
                        let to = (message.request().1, message.destination);
                        assert_eq!(to, (phone.contact.as_str(), phone.address));
                        bench.answer(&message, "200 OK");
                        let report = phone_report(bench, phone, &message, &rp_ack(&message));
                        assert_eq!(bench.transact(&report).status(), 200);
                    }
                    for otid in otids {
                        bench.expect_end(&otid).component(0xa2);
                    }
                }
                false => {
                    bench.hlr_ends(&asked, &error(1, &[]));
                    assert_eq!(bench.expect_response(&draft).status(), 404);
                    for otid in otids {
                        assert_error(&bench.expect_end(&otid), ABSENT_DEREGISTERED);
                    }
                }
            }
        }
        bench.until_total("application.mt_ahead", 4);
        bench.assert_silent();
    });
}

/// Somebody whom a message did not reach, and whose registration has not ended: at the next sign of life, whatever it is, the HLR
/// is told that he is there (UNRI), once.
#[test]
fn p_8_6_who_did_not_answer_and_is_there_again_is_told_to_the_hlr() {
    isolated(Options { mt_report_ms: 1000, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let told = ready_for_sm(&alice.imsi, MS_PRESENT, &[0x81, 0]);
        for by_message in [false, true] {
            let (otid, _) = delivery(bench, &alice, &deliver());
            assert_error(&bench.expect_end(&otid), ABSENT_NO_RESPONSE);
            match by_message {
                false => bench.register(&alice),
                true => {
                    let (_, begin) = submission(bench, &alice, 7);
                    bench.end_mo(&begin, &mo_result(Some(&hex(SUBMIT_REPORT))));
                    let report = bench.expect_message();
                    bench.answer(&report, "200 OK");
                }
            }
            let asked = bench.expect_asked();
            asked.assert_is(READY_FOR_SM, &told);
            bench.hlr_agrees(&asked);
            bench.register(&alice);
            bench.assert_silent();
        }
        // What does not reach him anew is told anew; an HLR that refuses is not asked again, and nobody is bothered.
        let (otid, _) = delivery(bench, &alice, &deliver());
        assert_error(&bench.expect_end(&otid), ABSENT_NO_RESPONSE);
        bench.register(&alice);
        let asked = bench.expect_asked();
        bench.hlr_ends(&asked, &error(1, &[]));
        bench.until_total("application.present_again_failed", 1);
        delivered(bench, &alice, &deliver());
        bench.register(&alice);
        assert_eq!(bench.total("application.present_again"), 3);
        bench.assert_silent();
    });
}

/// A notice of free memory is a sign of life too, and one that comes again is not told to the HLR as such: that he is there is.
#[test]
fn p_8_6_a_notice_that_comes_again_tells_the_hlr_who_is_there_again() {
    isolated(Options { mt_report_ms: 1000, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let (_, asked) = noticed(bench, &alice, 9);
        bench.hlr_agrees(&asked);
        let report = bench.expect_message();
        bench.answer(&report, "200 OK");
        let (otid, _) = delivery(bench, &alice, &deliver());
        assert_error(&bench.expect_end(&otid), ABSENT_NO_RESPONSE);
        let again = bench.message(&alice, CENTRE_URI, &[6, 9]);
        assert_eq!(bench.transact(&again).status(), 202);
        let asked = bench.expect_asked();
        asked.assert_is(READY_FOR_SM, &ready_for_sm(&alice.imsi, MS_PRESENT, &[0x81, 0]));
        bench.hlr_agrees(&asked);
        let report = bench.expect_message();
        assert_eq!(
            (spell(&report.body).as_str(), report.header("In-Reply-To")),
            ("0309", again.value("Call-ID"))
        );
        bench.answer(&report, "200 OK");
        bench.until_total("application.present_again", 1);
        assert_eq!(bench.total("application.mo_repeated"), 1);
        bench.assert_silent();
    });
}

/// Directly, where every REGISTER goes to the control thread, and the HLR knows the UE already.
#[test]
fn p_8_6_who_did_not_answer_and_registers_again_is_told_to_the_hlr() {
    let options = Options { r1: "any_time_modification", mt_report_ms: 1000, ..DIGEST };
    isolated(options, |bench| {
        let (mut hlr, mut phone) = (Hlr::default(), Phone::new(1000));
        registered(bench, &mut hlr, &mut phone, 600);
        let otid = bench.send_mt(&phone.ue.imsi, &deliver());
        let message = bench.expect_message();
        bench.answer(&message, "200 OK");
        assert_error(&bench.expect_end(&otid), ABSENT_NO_RESPONSE);
        let challenge = challenged(bench, &mut phone, 600);
        bench.assert_silent();
        let draft = proved(bench, &mut phone, 600, &challenge);
        assert_eq!(bench.transact(&draft).status(), 200);
        let asked = bench.expect_asked();
        asked.assert_is(READY_FOR_SM, &ready_for_sm(&phone.ue.imsi, MS_PRESENT, &[0x81, 0]));
        bench.hlr_agrees(&asked);
        phone_gets(bench, &phone);
        bench.assert_silent();
    });
}
