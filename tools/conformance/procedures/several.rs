//! G-6: several bindings of one subscriber, at the gateway itself and through the IMS, in the order of preference.

use super::direct::DIGEST;
use super::harness::ber::{at, spell};
use super::harness::direct::*;
use super::harness::gateway::{Bench, Options, isolated};
use super::harness::hlr::Hlr;
use super::harness::peers::{SCSCF, deliver, rp_data, submit};
use super::harness::phone::Phone;
use super::harness::ss7::mo_result;
use super::harness::steps::*;

/// Somebody registered over both accesses.
fn both(bench: &mut Bench, number: u64) -> Phone {
    let mut phone = Phone::new(number);
    registered(bench, &mut Hlr::default(), &mut phone, 600);
    bench.register(&phone.ue);
    phone
}

/// Where the MESSAGE of the next mt-forwardSM goes; it is refused there, and then taken at the other access.
#[track_caller]
fn tried(bench: &mut Bench, phone: &Phone) -> Vec<std::net::SocketAddr> {
    let otid = bench.send_mt(&phone.ue.imsi, &deliver());
    let first = bench.expect_message();
    bench.answer(&first, "480 Temporarily Unavailable");
    let second = bench.expect_message();
    assert_eq!(first.body, second.body, "the same RP-DATA");
    assert_ne!(first.header("CSeq"), second.header("CSeq"), "another request (RFC 3261 8.1.3.5)");
    assert_ne!(first.branch(), second.branch());
    assert!(bench.ss7.received.is_empty(), "a failure was reported");
    bench.answer(&second, "200 OK");
    let report = match second.destination == SCSCF[0] {
        true => bench.report(&phone.ue, &second, &rp_ack(&second)),
        false => phone_report(bench, phone, &second, &rp_ack(&second)),
    };
    assert_eq!(bench.transact(&report).status(), 200);
    bench.expect_end(&otid).component(0xa2);
    vec![first.destination, second.destination]
}

#[test]
fn g_6_the_preferred_binding_first_and_the_next_before_failure() {
    isolated(DIGEST, |bench| {
        let phone = both(bench, 1000);
        assert_eq!(tried(bench, &phone), [phone.address, SCSCF[0]]);
        bench.until_total("application.mt_again", 1);
        // Both fail: one failure, the last one's.
        let otid = bench.send_mt(&phone.ue.imsi, &deliver());
        let first = bench.expect_message();
        assert_towards_phone(&first, &phone, &phone.ue.tel());
        bench.answer(&first, "480 Temporarily Unavailable");
        let second = bench.expect_message();
        assert_towards_ue(&second, &phone.ue.tel(), 1);
        bench.answer(&second, "486 Busy Here");
        assert_error(&bench.expect_end(&otid), (31, ""));
        // One access ends: the other stays.
        let mut leaving = phone.clone();
        registered(bench, &mut Hlr::default(), &mut leaving, 0);
        let message = delivered(bench, &phone.ue, &deliver());
        assert_eq!(message.destination, SCSCF[0]);
        bench.assert_silent();
    });
}

#[test]
fn g_6_the_operators_order() {
    isolated(Options { network: "access_order = [\"ims\", \"direct\"]", ..DIGEST }, |bench| {
        for number in [1000, 1100] {
            let phone = both(bench, number);
            assert_eq!(tried(bench, &phone), [SCSCF[0], phone.address], "{number}");
        }
    });
}

/// The user's own order: in the subscriber file, and by q-values among several UEs.
#[test]
fn g_6_the_users_order() {
    isolated(Options { network: "user_order = true", ..DIGEST }, |bench| {
        let phone = both(bench, 1000);
        assert_eq!(tried(bench, &phone), [phone.address, SCSCF[0]]);
        let phone = both(bench, 1100);
        assert_eq!(tried(bench, &phone), [SCSCF[0], phone.address], "as the file says");

        let mut low = Phone { parameters: ";q=0.3".into(), ..Phone::new(1001) };
        let mut high = Phone {
            parameters: ";q=0.9".into(),
            call: "high".into(),
            ..Phone::new(1001).at(Phone::new(1050).address)
        };
        registered(bench, &mut Hlr::default(), &mut low, 600);
        registered(bench, &mut Hlr::default(), &mut high, 600);
        phone_gets(bench, &high);
        let otid = bench.send_mt(&low.ue.imsi, &deliver());
        for phone in [&high, &low] {
            let message = bench.expect_message();
            assert_eq!(message.destination, phone.address);
            bench.answer(&message, "480 Temporarily Unavailable");
        }
        assert_error(&bench.expect_end(&otid), ABSENT_DEREGISTERED);
        bench.assert_silent();
    });
}

/// A message over the access that is not preferred: forwarded or refused, by policy.
#[test]
fn g_6_submissions_over_the_other_access_are_refused_by_policy() {
    isolated(Options { network: "mo_not_preferred = \"refuse\"", ..DIGEST }, |bench| {
        let phone = both(bench, 1000);
        phone_sends(bench, &phone);
        let draft = bench.message(&phone.ue, CENTRE_URI, &rp_data(1, CENTRE, &submit()));
        let refused = bench.transact(&draft);
        assert_answers(&refused, "SIP/2.0 403 Forbidden", &draft);
        bench.until_total("application.mo_not_preferred", 1);
        bench.assert_silent();
        // Once the preferred one has gone, the other is.
        let mut leaving = phone.clone();
        registered(bench, &mut Hlr::default(), &mut leaving, 0);
        submitted_as(bench, &phone.ue);
    });
}

/// The submit report goes back as the submission came; if it can't, over the other access.
#[test]
fn g_6_submit_reports_fall_back() {
    isolated(DIGEST, |bench| {
        let phone = both(bench, 1000);
        let (draft, begin) = phone_submits(bench, &phone);
        bench.end_mo(&begin, &mo_result(None));
        let report = bench.expect_message();
        assert_towards_phone(&report, &phone, &phone.contact);
        bench.answer(&report, "480 Temporarily Unavailable");
        let again = bench.expect_message();
        assert_towards_ue(&again, &phone.ue.impu, 1);
        assert_eq!((&again.body, again.header("In-Reply-To")), (&report.body, draft.value("Call-ID")));
        bench.answer(&again, "200 OK");

        // The other way round: accepted over the IMS too, which is the default.
        let (draft, begin) = submission(bench, &phone.ue, 2);
        assert!(!spell(at(begin.component(0xa1), &[0x30, 0x82])).is_empty());
        bench.end_mo(&begin, &mo_result(None));
        let report = bench.expect_message();
        assert_towards_ue(&report, &phone.ue.impu, 1);
        bench.answer(&report, "480 Temporarily Unavailable");
        let again = bench.expect_message();
        assert_towards_phone(&again, &phone, &phone.contact);
        assert_eq!((&again.body, again.header("In-Reply-To")), (&report.body, draft.value("Call-ID")));
        bench.answer(&again, "200 OK");
        bench.until_total("application.mo_report_again", 2);
        bench.until_total("fill.mo", 0);
        bench.assert_silent();
    });
}
