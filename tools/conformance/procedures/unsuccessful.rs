//! TR 23.804 8.5 steps 5 and 6: mobile terminated messages that fail.

use super::harness::ber::{hex, spell};
use super::harness::gateway::{Options, isolated};
use super::harness::peers::{Ue, deliver};
use super::harness::steps::*;
use std::time::Duration;

/// TR 23.804 8.5 steps 5 and 6: a UE that takes the message and never reports, and one that never answers.
#[test]
fn p_8_5_mt_without_report_fails_when_the_timer_ends() {
    isolated(Options { mt_report_ms: 2000, ..Options::default() }, |bench| {
        let (alice, bob) = (Ue::home1(0), Ue::home1(1));
        bench.register(&alice);
        bench.register(&bob);
        let (silent, began) = (bench.send_mt(&alice.imsi, &deliver()), bench.now());
        let message = bench.expect_message();
        bench.answer(&message, "200 OK");
        let dead = bench.send_mt(&bob.imsi, &deliver());
        let first = bench.expect_message();
        let second = bench.expect_message();
        assert_eq!(spell(&first.raw), spell(&second.raw), "Timer E: the same request again");

        let end = bench.expect_end(&silent);
        let taken = bench.now().since(began);
        assert!(taken >= Duration::from_secs(2) && taken < Duration::from_secs(4), "{taken:?}");
        assert_error(&end, ABSENT_NO_RESPONSE);
        assert_error(&bench.expect_end(&dead), ABSENT_NO_RESPONSE);
        bench.until_total("application.mt_no_report", 1);

        // A report that comes too late is answered, and no second result is sent.
        let report = bench.report(&alice, &message, &rp_ack(&message));
        assert_eq!(bench.transact(&report).status(), 200);
        bench.until_total("application.report_unmatched", 1);
        bench.answer(&second, "200 OK");
        bench.settle();
        assert!(bench.ss7.received.is_empty());
        bench.sip.clear();

        // The user is free again.
        delivered(bench, &alice, &deliver());
    });
}

/// What the UE says is wrong, and what the S-CSCF says, as MAP errors (PROTOCOLS 2.7).
#[test]
fn p_8_5_mt_failures_become_map_errors() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let report = hex("00d300");
        let rp_errors = [
            (22, true, "300a 0a0100 0405 00d300"),
            (22, false, "3003 0a0100"),
            (81, false, "3003 0a0101"),
            (96, true, "3008 0a0101 0403 00d300"),
            (111, false, "3003 0a0101"),
            (127, false, "3003 0a0101"),
            (41, false, "3003 0a0101"),
        ];
        for (cause, with_report, parameter) in rp_errors {
            let (otid, message) = delivery(bench, &alice, &deliver());
            let mut body = vec![0x04, message.body[1], 1, cause];
            if with_report {
                body.extend([0x41, report.len() as u8]);
                body.extend(&report);
            }
            let draft = bench.report(&alice, &message, &body);
            let answer = bench.transact(&draft);
            assert_answers(&answer, "SIP/2.0 200 OK", &draft);
            let end = bench.expect_end(&otid);
            let parameter = if with_report {
                format!("3008 0a01{} 0403 00d300", &plain(parameter)[8..10])
            } else {
                parameter.into()
            };
            assert_error(&end, (32, &plain(&parameter)));
        }
        let statuses = [
            ("404 Not Found", 6, "300302010b"),
            ("410 Gone", 6, "300302010b"),
            ("480 Temporarily Unavailable", 6, "300302010b"),
            ("604 Does Not Exist Anywhere", 6, "300302010b"),
            ("408 Request Timeout", 6, "300302010c"),
            ("430 Flow Failed", 6, "300302010c"),
            ("486 Busy Here", 31, ""),
            ("600 Busy Everywhere", 31, ""),
            ("406 Not Acceptable", 32, "30030a0102"),
            ("415 Unsupported Media Type", 32, "30030a0102"),
            ("420 Bad Extension", 32, "30030a0102"),
            ("488 Not Acceptable Here", 32, "30030a0102"),
            ("403 Forbidden", 9, ""),
            ("603 Decline", 9, ""),
        ];
        for (status, code, parameter) in statuses {
            let otid = bench.send_mt(&alice.imsi, &deliver());
            let message = bench.expect_message();
            bench.answer(&message, status);
            let end = bench.expect_end(&otid);
            let found = user_error(&end);
            assert_eq!((found.0, spell(&found.1).as_str()), (code, parameter), "for {status}");
        }
        for status in ["500 Server Internal Error", "503 Service Unavailable"] {
            let otid = bench.send_mt(&alice.imsi, &deliver());
            let message = bench.expect_message();
            bench.answer(&message, status);
            assert_eq!(user_error(&bench.expect_end(&otid)).0, 34, "systemFailure for {status}");
        }
        bench.assert_silent();
        bench.until_total("application.mt_failed", (rp_errors.len() + statuses.len() + 2) as u64);
    });
}

/// A UE that de-registers while its report is on the way has the message: the report counts, whoever it is from now, and
/// the SMS-GMSC is not told to deliver again. A stranger's does not.
#[test]
fn p_8_5_a_report_counts_though_its_ue_has_deregistered() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        for _ in 0..8 {
            bench.register(&alice);
            let (otid, message) = delivery(bench, &alice, &deliver());
            let gone = bench.full_register(&alice, 0);
            assert_eq!(bench.transact(&gone).status(), 200);
            let foreign = bench.report(&Ue::home2(0), &message, &rp_ack(&message));
            assert_eq!(bench.transact(&foreign).status(), 488);
            bench.assert_silent();
            let report = bench.report(&alice, &message, &rp_ack(&message));
            assert_answers(&bench.transact(&report), "SIP/2.0 200 OK", &report);
            let end = bench.expect_end(&otid);
            assert_eq!(spell(end.component(0xa2)), plain("020101 3009 02012c 3004 0402 0000"));
        }
        bench.until_total("application.mt_delivered", 8);
        bench.until_total("fill.mt", 0);
        bench.assert_silent();
    });
}
