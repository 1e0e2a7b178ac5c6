//! TR 23.804 8.9: mobile originated messages over IMS.

use super::harness::ber::{at, hex, international, spell, tlv};
use super::harness::gateway::{Bench, Options, isolated};
use super::harness::peers::{Ue, deliver, rp_data, submit};
use super::harness::sip::Draft;
use super::harness::ss7::{Unitdata, error, mo_result, udt};
use super::harness::steps::*;
use std::time::Duration;

/// TR 23.804 8.9 with every field that its messages carry.
#[test]
fn p_8_9_mo_message_and_its_report() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let body = hex("00 07 00 07 91947101670000 13 11050c919471907856340000a705c8329bfd06");
        let draft = bench.message(&alice, CENTRE_URI, &body);
        let accepted = bench.transact(&draft);
        assert_answers(&accepted, "SIP/2.0 202 Accepted", &draft);

        let begin = bench.expect_unitdata(0x62);
        assert_transport(&begin, &plain(CENTRE_ADDRESS), &plain(GATEWAY_ADDRESS));
        assert_eq!(begin.otid().len(), 4);
        let expected = format!(
            "625f 4804{otid} 6b1a 2818 060700118605010101 a00d 600b a109 060704000001001503 \
             6c3b a139 020101 02012e 3031 840791947101670000 820791947110325476 \
             0413 11050c919471907856340000a705c8329bfd06 0408 62021132547698f0",
            otid = spell(begin.otid())
        );
        assert_eq!(spell(&begin.tcap), plain(&expected));

        bench.end_mo(&begin, &mo_result(Some(&hex(SUBMIT_REPORT))));
        let report = bench.expect_message();
        assert_towards_ue(&report, "sip:user0@home1.net", 1);
        assert_eq!(report.header("In-Reply-To"), draft.value("Call-ID"));
        assert_ne!(report.header("Call-ID"), draft.value("Call-ID"));
        assert_eq!(
            spell(&report.body),
            plain("03 07 41 09 0100 12112221436540"),
            "RP-ACK with the same RP-MR"
        );
        bench.answer(&report, "200 OK");
        bench.until_total("application.mo_acknowledged", 1);
        bench.assert_silent();
        bench.until_total("fill.mo", 0);
    });
}

/// The service centre may stand in the Request-URI (8.9 step 6); who sends may be asserted by number; and a result
/// without SUBMIT-REPORT makes an RP-ACK without one.
#[test]
fn p_8_9_mo_service_centre_from_the_request_uri() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let body = [&hex("00 f0 00 00")[..], &[19], &submit()].concat();
        let draft = bench
            .message(&alice, "sip:+491710760042@home1.net;user=phone", &body)
            .but("P-Asserted-Identity", "\"Alice\" <tel:+491701234567>");
        assert_eq!(bench.transact(&draft).status(), 202);
        let begin = bench.expect_unitdata(0x62);
        assert_transport(&begin, &plain("12080012 04947101670024"), &plain(GATEWAY_ADDRESS));
        assert_eq!(at(begin.component(0xa1), &[0x30, 0x84]), international("491710760042"));
        bench.end_mo(&begin, &mo_result(None));
        let report = bench.expect_message();
        assert_towards_ue(&report, "tel:+491701234567", 1);
        assert_eq!(spell(&report.body), "03f0");
        bench.answer(&report, "200 OK");

        // A service centre that the network's users may not use: no SS7 message, RP-Cause 1.
        let draft = bench.message(&alice, CENTRE_URI, &rp_data(9, "491729999999", &submit()));
        assert_eq!(bench.transact(&draft).status(), 202);
        let report = bench.expect_message();
        assert_eq!(
            (spell(&report.body).as_str(), report.header("In-Reply-To")),
            ("05090101", draft.value("Call-ID"))
        );
        bench.answer(&report, "200 OK");
        bench.assert_silent();
    });
}

/// The service centre's errors, and the failures of the way there, as RP-Causes (PROTOCOLS 2.7).
#[test]
fn p_8_9_mo_errors_become_rp_causes() {
    isolated(Options { map_forward_ms: 3000, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let report = hex("0102c40012112221436540");
        let failure = |cause: u8| tlv(0x30, &[&[0x0a, 1, cause]]);
        let with_report = |cause: u8| tlv(0x30, &[&[0x0a, 1, cause], &tlv(4, &[&report])]);
        let cases = [
            (error(32, &failure(3)), 1, false),
            (error(32, &with_report(4)), 42, true),
            (error(32, &with_report(5)), 21, true),
            (error(32, &failure(1)), 111, false),
            (error(34, &[]), 38, false),
            (error(34, &[0x0a, 1, 0]), 38, false),
            (error(35, &[]), 41, false),
            (error(36, &[]), 41, false),
            (error(21, &[]), 69, false),
            (error(13, &tlv(0x30, &[&[0x0a, 1, 1]])), 10, false),
            (error(99, &[]), 41, false),
            (hex("a406 020101 810101"), 38, false),
        ];
        let submit_and_expect = |bench: &mut Bench,
                                 reference: u8,
                                 cause: u8,
                                 report: &[u8],
                                 act: &mut dyn FnMut(&mut Bench, &Unitdata)| {
            let (draft, begin) = submission(bench, &alice, reference);
            act(bench, &begin);
            let message = bench.expect_message();
            assert_towards_ue(&message, "sip:user0@home1.net", 1);
            assert_eq!(message.header("In-Reply-To"), draft.value("Call-ID"));
            let mut expected = vec![0x05, reference, 1, cause];
            if !report.is_empty() {
                expected.extend([0x41, report.len() as u8]);
                expected.extend(report);
            }
            assert_eq!(spell(&message.body), spell(&expected), "{begin:02x?}");
            bench.answer(&message, "200 OK");
        };
        for (reference, (component, cause, has_report)) in cases.iter().enumerate() {
            let report = if *has_report { &report[..] } else { &[] };
            submit_and_expect(bench, reference as u8, *cause, report, &mut |bench, begin| {
                bench.end_mo(begin, component)
            });
        }
        // Causes that a SUBMIT-REPORT would tell more about, if the service centre gave one: one of our own does.
        for (reference, cause, rp_cause, fcs) in [(90, 4, 42, "c0"), (91, 5, 21, "c3"), (92, 6, 28, "c1")] {
            let (draft, begin) = submission(bench, &alice, reference);
            bench.end_mo(&begin, &error(32, &failure(cause)));
            let message = bench.expect_message();
            assert_towards_ue(&message, "sip:user0@home1.net", 1);
            assert_eq!(message.header("In-Reply-To"), draft.value("Call-ID"));
            let (report, stamp) = message.body.split_at(9);
            assert_eq!(spell(report), format!("05{reference:02x}01{rp_cause:02x}410a01{fcs}00"));
            assert_is_now(stamp);
            bench.answer(&message, "200 OK");
        }
        // P-Abort.
        submit_and_expect(bench, 100, 38, &[], &mut |bench, begin| {
            let abort = tlv(0x67, &[&tlv(0x49, &[begin.otid()]), &[0x4a, 1, 4]]);
            let (now, sccp) = (bench.now(), udt(&begin.calling, &begin.called, &abort));
            bench.ss7.send(now, 0, begin.sls, &sccp);
        });
        // UDTS: no translation for this address.
        submit_and_expect(bench, 101, 38, &[], &mut |bench, begin| {
            let mut returned = udt(&begin.calling, &begin.called, &begin.tcap);
            (returned[0], returned[1]) = (0x0a, 1);
            let now = bench.now();
            bench.ss7.send(now, 0, begin.sls, &returned);
        });
        // No answer at all.
        submit_and_expect(bench, 102, 38, &[], &mut |_, _| {});
        bench.until_total("application.mo_failed", cases.len() as u64 + 6);
        bench.assert_silent();
    });
}

/// A time stamp in UTC (TS 23.040 9.2.3.11), not an hour old.
#[track_caller]
#[allow(clippy::disallowed_methods)] // the gateway has its calendar from this machine too
fn assert_is_now(stamp: &[u8]) {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let of = |seconds| ipsmgw::proto::tpdu::Timestamp::from_unix(seconds, 0).0;
    assert!((since_1970 - 3600..=since_1970 + 1).any(|seconds| of(seconds) == stamp), "{stamp:02x?}");
}

/// Rows of the tables of causes that the configuration changes, each way.
#[test]
fn p_8_9_and_p_8_5_causes_as_the_operator_has_them() {
    let sections = "[causes.rp_of_map]\nsc-Congestion = 47\naborted = 41\n[causes.fcs_of_map]\nsc-Congestion = 0xc2\n\
                    [causes.map_of_rp]\n22 = \"absentSubscriberSM 12\"\n[causes.map_of_sip]\n486 = \"facilityNotSupported\"\n";
    isolated(Options { sections, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        for (component, expected) in [
            (error(32, &hex("3003 0a0104")), "05 07 01 2f 41 0a 01 c2 00"),
            (hex("a406 020101 810101"), "05 07 01 29"),
        ] {
            let (_, begin) = submission(bench, &alice, 7);
            bench.end_mo(&begin, &component);
            let message = bench.expect_message();
            let body = &message.body[..message.body.len().min(9)];
            assert_eq!(spell(body), plain(expected));
            bench.answer(&message, "200 OK");
        }
        let otid = bench.send_mt(&alice.imsi, &deliver());
        let message = bench.expect_message();
        bench.answer(&message, "486 Busy Here");
        assert_error(&bench.expect_end(&otid), (21, ""));
        let (otid, message) = delivery(bench, &alice, &deliver());
        let report = bench.report(&alice, &message, &[4, message.body[1], 1, 22]);
        assert_eq!(bench.transact(&report).status(), 200);
        assert_error(&bench.expect_end(&otid), ABSENT_NO_RESPONSE);
        bench.assert_silent();
    });
}

/// A MESSAGE that comes again, soon or as late as a UE may repeat it (RFC 3261 17.2.2, 64 times T1), by either worker, is
/// one submission and has one answer.
#[test]
fn p_8_9_mo_retransmissions_are_one_submission() {
    const T1: u32 = 200;
    isolated(Options { t1_ms: T1, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let began = bench.now();
        let draft = bench.message(&alice, CENTRE_URI, &rp_data(7, CENTRE, &submit()));
        let accepted = bench.transact(&draft);
        let begin = bench.expect_unitdata(0x62);
        let again = |bench: &mut Bench, what: &str| {
            for queue in [0, 1] {
                bench.send_datagram(draft.source, Some(queue), &draft.octets());
                let response = bench.expect_response(&draft);
                assert_eq!(spell(&response.raw), spell(&accepted.raw), "{what}, by worker {queue}");
            }
        };
        pass(bench, Duration::from_millis(T1.into()));
        again(bench, "while the service centre is asked");
        bench.end_mo(&begin, &mo_result(None));
        let report = bench.expect_message();
        bench.answer(&report, "200 OK");
        again(bench, "when all is done");

        // The gateway is not idle meanwhile.
        let late = began + Duration::from_millis((60 * T1).into());
        while bench.now() < late {
            bench.settle();
            pass(bench, Duration::from_millis(100));
        }
        again(bench, "after 60 times T1");
        bench.assert_silent();
        assert_eq!(bench.total("application.mo_accepted"), 1);
        bench.until_total("ims.repeated", 6);
    });
}

/// RP messages that are none, or not a UE's, get RP's own answer.
#[test]
fn p_8_9_mo_other_rp_messages_get_their_answers() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let table = [("07 2b", "05 2b 01 61"), ("00 2c 00 07 919471", "05 2c 01 60")];
        for (sent, answered) in table {
            let draft = bench.message(&alice, CENTRE_URI, &hex(sent));
            let accepted = bench.transact(&draft);
            assert_answers(&accepted, "SIP/2.0 202 Accepted", &draft);
            let report = bench.expect_message();
            assert_eq!(spell(&report.body), plain(answered), "for {sent}");
            assert_eq!(report.header("In-Reply-To"), draft.value("Call-ID"));
            bench.answer(&report, "200 OK");
        }
        bench.assert_silent();
    });
}

/// What the service centre has refused, or what never got there, may be tried again with the same octets; after an abort
/// nobody knows whether it has the message, and the same again gets the same report.
#[test]
fn a_refused_submission_may_be_tried_again() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        type Answer = fn(&mut Bench, &Unitdata);
        let ends: [(Answer, bool); 3] = [
            (|bench, begin| bench.end_mo(begin, &error(34, &[])), true),
            (
                |bench, begin| {
                    let mut returned = udt(&begin.calling, &begin.called, &begin.tcap);
                    (returned[0], returned[1]) = (0x0a, 1);
                    let now = bench.now();
                    bench.ss7.send(now, 0, begin.sls, &returned);
                },
                true,
            ),
            (
                |bench, begin| {
                    let abort = tlv(0x67, &[&tlv(0x49, &[begin.otid()]), &[0x4a, 1, 4]]);
                    let (now, sccp) = (bench.now(), udt(&begin.calling, &begin.called, &abort));
                    bench.ss7.send(now, 0, begin.sls, &sccp);
                },
                false,
            ),
        ];
        for (reference, (end, may_again)) in ends.into_iter().enumerate() {
            let body = rp_data(reference as u8, CENTRE, &bench.fresh_submit());
            let report_of = |bench: &mut Bench, draft: &Draft, kind: u8| {
                let report = bench.expect_message();
                assert_eq!(report.header("In-Reply-To"), draft.value("Call-ID"));
                assert_eq!(report.body[..2], [kind, reference as u8], "{report:#?}");
                bench.answer(&report, "200 OK");
            };
            let [first, again] = [(); 2].map(|()| bench.message(&alice, CENTRE_URI, &body));
            assert_eq!(bench.transact(&first).status(), 202);
            let begin = bench.expect_unitdata(0x62);
            end(bench, &begin);
            report_of(bench, &first, 5);
            assert_eq!(bench.transact(&again).status(), 202);
            if may_again {
                let begin = bench.expect_unitdata(0x62);
                bench.end_mo(&begin, &mo_result(None));
            }
            report_of(bench, &again, if may_again { 3 } else { 5 });
            bench.assert_silent();
        }
    });
}
