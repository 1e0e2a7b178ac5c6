//! Delivery and submit reports as phones and cores really send and want them. The numbers in the tests' names are those of the
//! table "Pains" of `docs/conformance.md`.

use super::direct::DIGEST;
use super::harness::ber::{at, hex, spell, tlv};
use super::harness::direct::*;
use super::harness::gateway::{Bench, Options, isolated};
use super::harness::hlr::Hlr;
use super::harness::peers::{SCSCF, Ue, deliver, rp_data, submit};
use super::harness::phone::Phone;
use super::harness::sip::{Draft, Sip};
use super::harness::ss7::{error, mo_result};
use super::harness::steps::*;

/// The 200 to a MESSAGE, with an RP message of the UE's in its body.
fn answer_with(bench: &mut Bench, message: &Sip, body: &[u8]) {
    let head = message.response("200 OK", "Content-Type: application/vnd.3gpp.sms\r\n");
    let head = String::from_utf8(head)
        .unwrap()
        .replace("Content-Length: 0", &format!("Content-Length: {}", body.len()));
    bench.send_datagram(message.destination, Some(message.queue), &[head.as_bytes(), body].concat());
}

/// A report that the gateway takes, and the MAP result that it brings.
#[track_caller]
fn reported(bench: &mut Bench, ue: &Ue, message: &Sip, otid: &[u8], how: impl Fn(Draft) -> Draft) {
    let report = how(bench.report(ue, message, &rp_ack(message)));
    let answer = bench.transact(&report);
    assert_answers(&answer, "SIP/2.0 200 OK", &report);
    bench.expect_end(otid).component(0xa2);
}

/// Pain 3: reports are never refused, whichever worker they come to, however they name their message; and each is counted
/// by what led to it.
#[test]
fn pain_03_a_report_at_any_worker() {
    isolated(Options { network: "report_token = true", ..Options::default() }, |bench| {
        let ues: Vec<Ue> = (0..8).map(Ue::home1).collect();
        for ue in &ues {
            bench.register(ue);
        }
        let rounds = 12;
        for round in 0..rounds {
            for ue in &ues {
                let (otid, message) = delivery(bench, ue, &deliver());
                let own = message.header("P-Asserted-Identity").trim_matches(['<', '>']).to_owned();
                assert!(own.starts_with("sip:ipsmgw.home1.net;ipsm="), "{own}");
                assert!(message.header("From").starts_with(&format!("<{own}>;tag=")));
                let mut report = bench.report(ue, &message, &rp_ack(&message));
                match round % 3 {
                    0 => {}
                    1 => report = Draft { uri: own, ..report.without("In-Reply-To") },
                    _ => report = report.without("In-Reply-To"),
                }
                let octets = report.octets();
                bench.send_datagram(report.source, Some(round / 3 % 2), &octets);
                assert_eq!(bench.expect_response(&report).status(), 200);
                bench.expect_end(&otid).component(0xa2);
            }
        }
        let each = (rounds * ues.len() / 3) as u64;
        for by in ["in_reply_to", "token", "identity"] {
            bench.until_total(&format!("application.report_by_{by}"), each);
        }
        assert_eq!(bench.total("application.report_unmatched"), 0);
        bench.assert_silent();
    });
}

/// Pain 3: what In-Reply-To names may be another message, an old one, or a stranger's: then who sends it and its RP-MR decide.
#[test]
fn pain_03_an_in_reply_to_that_does_not_fit_is_not_the_end() {
    isolated(Options::default(), |bench| {
        let (alice, bob) = (Ue::home1(0), Ue::home1(1));
        bench.register(&alice);
        bench.register(&bob);
        let old = delivered(bench, &alice, &deliver());
        for _ in 0..4 {
            let (of_bob, for_bob) = delivery(bench, &bob, &deliver());
            for call in [old.header("Call-ID"), for_bob.header("Call-ID"), "b2bua-1@scscf1.home1.net"] {
                let (otid, message) = delivery(bench, &alice, &deliver());
                reported(bench, &alice, &message, &otid, |report| report.but("In-Reply-To", call));
            }
            reported(bench, &bob, &for_bob, &of_bob, |report| report);
        }
        bench.until_total("application.report_by_identity", 12);
        assert_eq!(bench.total("application.report_unmatched"), 0);

        // The last message's report once more, and one with an RP-MR that nobody waits for: taken, and counted.
        let (otid, message) = delivery(bench, &alice, &deliver());
        let wrong = bench.report(&alice, &message, &[2, message.body[1].wrapping_add(1)]);
        assert_eq!(bench.transact(&wrong).status(), 200);
        reported(bench, &alice, &message, &otid, |report| report);
        let again = bench.report(&alice, &message, &rp_ack(&message));
        assert_eq!(bench.transact(&again).status(), 200);
        bench.until_total("application.report_unmatched", 2);
        bench.assert_silent();
    });
}

/// Pain 4: a report that another identity of the same set sends is its report, with and without In-Reply-To.
#[test]
fn pain_04_another_identity_of_the_set_reports() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        let second = "sip:second@home1.net";
        let draft = bench
            .full_register(&alice, 3600)
            .with("P-Associated-URI", format!("<{}>, <{second}>, <{}>", alice.impu, alice.tel()));
        assert_eq!(bench.transact(&draft).status(), 200);
        for identity in [second, &alice.tel(), &alice.impu] {
            for named in [true, false] {
                let (otid, message) = delivery(bench, &alice, &deliver());
                reported(bench, &alice, &message, &otid, |report| {
                    let report = report.but("P-Asserted-Identity", format!("<{identity}>"));
                    if named { report } else { report.without("In-Reply-To") }
                });
            }
        }
        bench.until_total("application.report_by_identity", 3);
        bench.until_total("application.report_by_in_reply_to", 3);
        bench.assert_silent();
    });
}

/// Pain 5: a 200 is no delivery, whatever its body says: the message is not delivered until a report says so, and without one it
/// has failed.
#[test]
fn pain_05_a_200_is_no_report() {
    isolated(Options { mt_report_ms: 2000, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let otid = bench.send_mt(&alice.imsi, &deliver());
        let message = bench.expect_message();
        answer_with(bench, &message, &rp_ack(&message));
        bench.settle();
        assert!(bench.ss7.received.is_empty(), "a 200 was taken for delivery");
        reported(bench, &alice, &message, &otid, |report| report);
        bench.until_total("application.report_in_200_ignored", 1);

        let otid = bench.send_mt(&alice.imsi, &deliver());
        let message = bench.expect_message();
        bench.answer(&message, "200 OK");
        assert_error(&bench.expect_end(&otid), ABSENT_NO_RESPONSE);
        bench.until_total("application.mt_no_report", 1);
        bench.assert_silent();
    });
}

/// Pain 5: where the network's UEs are known to put their report into the 200, it counts: the good one and the bad one. One for
/// another message does not, nor does one in a body of another type.
#[test]
fn pain_05_a_report_in_the_200() {
    isolated(
        Options { network: "report_in_200 = true", mt_report_ms: 2000, ..Options::default() },
        |bench| {
            let alice = Ue::home1(0);
            bench.register(&alice);
            let otid = bench.send_mt(&alice.imsi, &deliver());
            let message = bench.expect_message();
            answer_with(bench, &message, &rp_ack(&message));
            assert_eq!(
                spell(bench.expect_end(&otid).component(0xa2)),
                plain("020101 3009 02012c 3004 0402 0000")
            );

            let otid = bench.send_mt(&alice.imsi, &deliver());
            let message = bench.expect_message();
            answer_with(bench, &message, &[4, message.body[1], 1, 22]);
            assert_error(&bench.expect_end(&otid), (32, "30030a0100"));
            bench.until_total("application.report_in_200", 2);

            let otid = bench.send_mt(&alice.imsi, &deliver());
            let message = bench.expect_message();
            answer_with(bench, &message, &[2, message.body[1].wrapping_add(1)]);
            bench.settle();
            assert!(bench.ss7.received.is_empty());
            reported(bench, &alice, &message, &otid, |report| report);
            bench.until_total("application.report_in_200_ignored", 1);
            bench.assert_silent();
        },
    );
}

/// Pain 5: who has taken a message with a 200 and says no more does not get it again over another access: it may be the same
/// phone. Another device of the same subscriber does.
#[test]
fn pain_05_after_a_200_only_another_device_is_tried() {
    isolated(Options { mt_report_ms: 2000, ..DIGEST }, |bench| {
        let mut phone = Phone::new(1000);
        registered(bench, &mut Hlr::default(), &mut phone, 600);
        bench.register(&phone.ue);
        let otid = bench.send_mt(&phone.ue.imsi, &deliver());
        let message = bench.expect_message();
        assert_eq!(message.destination, phone.address);
        bench.answer(&message, "200 OK");
        assert_error(&bench.expect_end(&otid), ABSENT_NO_RESPONSE);
        bench.assert_silent();
        assert_eq!(bench.total("application.mt_again"), 0);

        let mut first = Phone::new(1001);
        let mut other = Phone { call: "other".into(), ..Phone::new(1001).at(Phone::new(1050).address) };
        registered(bench, &mut Hlr::default(), &mut first, 600);
        registered(bench, &mut Hlr::default(), &mut other, 600);
        let otid = bench.send_mt(&first.ue.imsi, &deliver());
        let message = bench.expect_message();
        bench.answer(&message, "200 OK");
        let again = bench.expect_message();
        assert_ne!(again.destination, message.destination);
        bench.answer(&again, "200 OK");
        let to = if again.destination == first.address { &first } else { &other };
        let report = phone_report(bench, to, &again, &rp_ack(&again));
        assert_eq!(bench.transact(&report).status(), 200);
        bench.expect_end(&otid).component(0xa2);
        bench.until_total("application.mt_again", 1);
        bench.assert_silent();
    });
}

/// Pain 6: each of the eight types from a UE, cut anywhere, has its outcome: a submission, a report, a notice, an RP-ERROR, or
/// 400 where there is no reference to answer. Nothing is taken for a text.
#[test]
fn pain_06_every_rp_type_has_an_outcome() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let mut reference = 0u8;
        let whole = hex("00 07 91947101670000 13 11050c919471907856340000a705c8329bfd06");
        for indicator in 0..8u8 {
            for end in [0, 1, 2, 3, 4, 9, 12, 20, whole.len() + 2] {
                reference = reference.wrapping_add(1);
                let body: Vec<u8> = [&[indicator, reference][..], &whole].concat()[..end].to_vec();
                let draft = bench.message(&alice, CENTRE_URI, &body);
                let status = bench.transact(&draft).status();
                let what = spell(&body);
                let expected = match indicator {
                    _ if end < 2 => 400,
                    // A report of the network's is nobody's report here.
                    3 | 5 => 400,
                    2 | 4 => 200,
                    _ => 202,
                };
                assert_eq!(status, expected, "{what}");
                if status != 202 {
                    continue;
                }
                let error = match indicator {
                    0 if end > whole.len() + 1 => None,
                    0 => Some(0x60),
                    // Without an HLR of this network's there is nobody to tell: not implemented.
                    6 => None,
                    _ => Some(0x61),
                };
                if let Some(cause) = error {
                    let report = bench.expect_message();
                    assert_eq!(spell(&report.body), format!("05{reference:02x}01{cause:02x}"), "{what}");
                    bench.answer(&report, "200 OK");
                } else {
                    let begin = bench.expect_unitdata(0x62);
                    assert_eq!(begin.component(0xa1)[5], if indicator == 0 { 46 } else { 66 }, "{what}");
                    bench.ss7.received.clear();
                }
            }
        }
        bench.assert_silent();
    });
}

/// Pain 6: a report whose type and reference can be read ends its message, whatever else is wrong with it.
#[test]
fn pain_06_a_report_with_a_bad_element_counts() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let bad: [(&str, Option<(u8, &str)>); 6] = [
            ("02 mr 41 00", None),
            ("02 mr 41 05 00", None),
            ("02 mr 41", None),
            ("04 mr", Some((32, "30030a0101"))),
            ("04 mr 00", Some((32, "30030a0101"))),
            ("04 mr 01 16 41 00", Some((32, "30030a0100"))),
        ];
        for (octets, error) in bad {
            let (otid, message) = delivery(bench, &alice, &deliver());
            let body = hex(&octets.replace("mr", &format!("{:02x}", message.body[1])));
            let report = bench.report(&alice, &message, &body);
            assert_eq!(bench.transact(&report).status(), 200, "{octets}");
            let end = bench.expect_end(&otid);
            match error {
                None => assert_eq!(end.component(0xa2)[..3], [2, 1, 1]),
                Some(error) => assert_error(&end, error),
            }
        }
        bench.until_total("application.rp_report_repaired", bad.len() as u64);
        bench.assert_silent();
    });
}

/// Pain 1: the report goes to the identity that submitted, with its RP-MR, In-Reply-To and a From tag; and a UE that submits the
/// same again, by whichever worker, soon or late, has the same report for each MESSAGE, and the service centre one message.
#[test]
fn pain_01_the_report_goes_to_the_served_identity_and_a_repeat_gets_it_again() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        for round in 0..4u8 {
            let body = rp_data(round, CENTRE, &submit());
            let submit = |bench: &mut Bench, queue: usize| {
                let draft = bench.message(&alice, CENTRE_URI, &body);
                bench.send_datagram(draft.source, Some(queue), &draft.octets());
                assert_eq!(bench.expect_response(&draft).status(), 202);
                draft
            };
            let first = submit(bench, usize::from(round % 2));
            let begin = bench.expect_unitdata(0x62);
            let soon = [submit(bench, 0), submit(bench, 1)];
            bench.settle();
            assert!(bench.ss7.received.is_empty(), "forwarded twice");
            bench.end_mo(&begin, &mo_result(Some(&hex(SUBMIT_REPORT))));
            let mut waiting: Vec<String> =
                [&first, &soon[0], &soon[1]].map(|draft| draft.value("Call-ID").to_owned()).to_vec();
            let mut reports = 0;
            while !waiting.is_empty() {
                let report = bench.expect_message();
                assert_towards_ue(&report, "sip:user0@home1.net", 1);
                assert_eq!(spell(&report.body), format!("03{round:02x}4109{}", plain(SUBMIT_REPORT)));
                let at = waiting.iter().position(|call| call == report.header("In-Reply-To"));
                waiting.swap_remove(at.expect("one that waits"));
                bench.answer(&report, "200 OK");
                reports += 1;
                if waiting.is_empty() && reports == 3 {
                    for queue in [0, 1] {
                        waiting.push(submit(bench, queue).value("Call-ID").to_owned());
                    }
                }
            }
            bench.assert_silent();
        }
        bench.until_total("application.mo_repeated", 16);
        bench.until_total("fill.mo", 0);
    });
}

/// Pain 1: the notice of free memory likewise.
#[test]
fn pain_01_a_notice_of_free_memory_that_comes_again_is_told_once() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let notice = |bench: &mut Bench| {
            let draft = bench.message(&alice, CENTRE_URI, &[6, 9]);
            assert_eq!(bench.transact(&draft).status(), 202);
            draft
        };
        let first = notice(bench);
        let asked = bench.expect_unitdata(0x62);
        let second = notice(bench);
        bench.settle();
        assert!(bench.ss7.received.is_empty(), "told twice");
        bench.reply(&asked, &tlv(0x67, &[&tlv(0x49, &[asked.otid()]), &[0x4a, 1, 4]]));
        let mut named = vec![];
        for _ in 0..2 {
            let report = bench.expect_message();
            assert_eq!(spell(&report.body), "05090126");
            named.push(report.header("In-Reply-To").to_owned());
            bench.answer(&report, "200 OK");
        }
        named.sort();
        let mut expected = [first, second].map(|draft| draft.value("Call-ID").to_owned());
        expected.sort();
        assert_eq!(named, expected);
        bench.assert_silent();
    });
}

/// Pain 7: each RP-Cause of a UE has its MAP error, and each MAP error its RP-Cause.
#[test]
fn pain_07_each_cause() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        for cause in 0..128u8 {
            let (otid, message) = delivery(bench, &alice, &deliver());
            let report = bench.report(&alice, &message, &[4, message.body[1], 1, cause]);
            assert_eq!(bench.transact(&report).status(), 200);
            let failure = if cause == 22 { "30030a0100" } else { "30030a0101" };
            assert_error(&bench.expect_end(&otid), (32, failure));
        }
        let plain_errors =
            [(1, 30), (5, 28), (9, 28), (11, 50), (21, 69), (34, 38), (35, 41), (36, 41), (51, 47)];
        let failures = [(0, 22), (1, 111), (2, 111), (3, 1), (4, 42), (5, 21), (6, 28)];
        let plain_errors = plain_errors.map(|(code, cause)| (error(code, &[]), cause));
        let failures = failures.map(|(failure, cause)| (error(32, &[0x30, 3, 0x0a, 1, failure]), cause));
        for (reference, (component, cause)) in plain_errors.into_iter().chain(failures).enumerate() {
            let (_, begin) = submission(bench, &alice, reference as u8);
            bench.end_mo(&begin, &component);
            let report = bench.expect_message();
            assert_eq!(report.body[..4], [5, reference as u8, 1, cause], "{component:02x?}");
            bench.answer(&report, "200 OK");
        }
        bench.assert_silent();
    });
}

/// Pain 8: every value of an octet at every place of a TPDU passes unchanged, both ways.
#[test]
fn pain_08_every_octet_at_every_place() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        for value in 0..=255u8 {
            let tpdu: Vec<u8> = (0..80u8).map(|place| place.wrapping_mul(7).wrapping_add(value)).collect();
            let draft = bench.message(&alice, CENTRE_URI, &rp_data(value, CENTRE, &tpdu));
            assert_eq!(bench.transact(&draft).status(), 202);
            let begin = bench.expect_unitdata(0x62);
            assert_eq!(spell(at(begin.component(0xa1), &[0x30, 0x04])), spell(&tpdu));
            bench.end_mo(&begin, &mo_result(None));
            let report = bench.expect_message();
            bench.answer(&report, "200 OK");
            let message = delivered(bench, &alice, &tpdu);
            assert_eq!(spell(&message.body[message.body.len() - tpdu.len()..]), spell(&tpdu));
        }
        bench.assert_silent();
    });
}

/// Pain 1: a Call-ID that is too long to be kept is no reason to refuse a message, nor one that is too long for the report's
/// datagram: the report goes without In-Reply-To.
#[test]
fn pain_01_a_long_call_id_is_no_reason_for_no_report() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        for (reference, length) in [16, 256, 257, 700].into_iter().enumerate() {
            let body = rp_data(reference as u8, CENTRE, &submit());
            let call = "c".repeat(length);
            let draft = bench.message(&alice, CENTRE_URI, &body).but("Call-ID", call.as_str());
            assert_eq!(bench.transact(&draft).status(), 202, "{length}");
            let begin = bench.expect_unitdata(0x62);
            bench.end_mo(&begin, &mo_result(None));
            let report = bench.expect_message();
            assert_eq!(spell(&report.body), format!("03{reference:02x}"));
            assert_eq!(report.find("In-Reply-To"), (length <= 256).then_some(call.as_str()));
            bench.answer(&report, "200 OK");
        }
        bench.until_total("application.mo_report_bare", 2);
        assert_eq!(bench.total("application.mo_full"), 0);
        bench.assert_silent();
    });
}

/// Pain 2: a report is no worse for its From tag: one of its own, the tag that its message had, one as long as there may be, or
/// none, as of RFC 2543; with and without In-Reply-To, and once more.
#[test]
fn pain_02_a_report_with_any_from_tag_or_none_counts() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        for named in [true, false] {
            for kind in 0..4 {
                let (otid, message) = delivery(bench, &alice, &deliver());
                let ours = message.parameter("From", "tag").to_owned();
                let tag = [
                    ";tag=x1".to_owned(),
                    format!(";tag={ours}"),
                    format!(";tag={}", "t".repeat(900)),
                    String::new(),
                ];
                let report = bench.report(&alice, &message, &rp_ack(&message));
                let report = report.but("From", format!("<{}>{}", alice.impu, tag[kind]));
                let report = if named { report } else { report.without("In-Reply-To") };
                let answer = bench.transact(&report);
                assert_eq!(answer.status(), 200, "{kind}");
                assert_eq!(answer.header("From"), report.value("From"));
                bench.expect_end(&otid).component(0xa2);
                // Its 200 was lost: the same octets come again.
                bench.send(&report);
                assert_eq!(bench.expect_response(&report).status(), 200);
            }
        }
        bench.until_total("application.report_by_identity", 4);
        bench.until_total("application.report_by_in_reply_to", 4);
        assert_eq!(bench.total("application.report_unmatched"), 0);
        bench.assert_silent();
    });
}

/// Pain 3: the report comes by another S-CSCF of the network than the one that took its message.
#[test]
fn pain_03_a_report_by_another_s_cscf() {
    let scscf = r#"[{ uri = "sip:scscf1.home1.net", address = "10.1.0.5:5060" }, { uri = "sip:scscf2.home1.net", address = "10.1.0.7:5060" }]"#;
    isolated(Options { scscf, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        for (port, named) in [(5060, true), (5060, false), (40_000, true), (40_000, false)] {
            let (otid, message) = delivery(bench, &alice, &deliver());
            assert_eq!(message.destination, SCSCF[0]);
            reported(bench, &alice, &message, &otid, |report| {
                let report = Draft { source: ([10, 1, 0, 7], port).into(), ..report };
                if named { report } else { report.without("In-Reply-To") }
            });
        }
        bench.until_total("application.report_by_identity", 2);
        assert_eq!(bench.total("application.untrusted_source"), 0);
        bench.assert_silent();
    });
}
