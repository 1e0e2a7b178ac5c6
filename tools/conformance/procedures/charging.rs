//! What is kept of each message for charging (TS 24.229 5.7.1), and what requests of the gateway's own tell: P-Charging-Vector and
//! P-Access-Network-Info, towards the core and from there alone.

use super::direct::DIGEST;
use super::harness::direct::*;
use super::harness::gateway::{Bench, Options, isolated};
use super::harness::hlr::Hlr;
use super::harness::peers::{Ue, deliver, rp_data};
use super::harness::phone::Phone;
use super::harness::sip::Sip;
use super::harness::ss7::{error, mo_result};
use super::harness::steps::*;
use std::collections::BTreeSet;

const NETWORK: &str = "ioi = \"Type 3home1.net\"";
const VECTOR: &str = "icid-value=\"AyretyU0dm+6O2IrT5tAFrbHLso=023551024\";orig-ioi=home1.net";
const ACCESS: &str = "IEEE-802.11;i-wlan-node-id=ffffffffffff";

/// The line of the log that tells an end with all of this.
#[track_caller]
fn told(bench: &mut Bench, parts: &[&str]) {
    let log = bench.log();
    bench.until(&format!("the end of a message in the log: {parts:?}"), |_| {
        let text = std::fs::read_to_string(&log).unwrap();
        let is_it = |line: &&str| line.contains("message ended") && parts.iter().all(|it| line.contains(it));
        text.lines().any(|line| is_it(&line)).then_some(())
    });
}

/// The identity of a request of the gateway's, which names the network that it comes from.
#[track_caller]
fn icid(message: &Sip) -> String {
    let vector = message.header("P-Charging-Vector");
    let (icid, ioi) =
        vector.strip_prefix("icid-value=").and_then(|rest| rest.split_once(';')).expect("an icid");
    assert_eq!(ioi, "orig-ioi=\"Type 3home1.net\"");
    assert!(icid.len() == 32 && icid.bytes().all(|octet| octet.is_ascii_hexdigit()), "{icid}");
    icid.to_owned()
}

/// A submission's vector and access are told at its end, well or not; its report has an identity of its own.
#[test]
fn charging_knows_a_submission_from_its_request_to_its_end() {
    isolated(Options { network: NETWORK, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let mut icids = BTreeSet::new();
        for (component, body, outcome) in [
            (mo_result(None), 3, "outcome=\"acknowledged\""),
            (error(34, &[]), 5, "outcome=\"refused\" rp_cause=38"),
        ] {
            let tpdu = bench.fresh_submit();
            let draft = bench.message(&alice, CENTRE_URI, &rp_data(1, CENTRE, &tpdu));
            let draft = draft.with("P-Charging-Vector", VECTOR).with("P-Access-Network-Info", ACCESS);
            assert_eq!(bench.transact(&draft).status(), 202);
            let begin = bench.expect_unitdata(0x62);
            bench.end_mo(&begin, &component);
            let report = bench.expect_message();
            assert_eq!((report.body[0], report.find("P-Access-Network-Info")), (body, None));
            assert!(icids.insert(icid(&report)), "another each");
            bench.answer(&report, "200 OK");
            told(
                bench,
                &[
                    outcome,
                    "report_taken=true",
                    "icid=\"AyretyU0dm+6O2IrT5tAFrbHLso=023551024\" orig_ioi=\"home1.net\"",
                    ACCESS,
                ],
            );
        }
        bench.assert_silent();
    });
}

/// A message for a UE has an identity of the gateway's from its MESSAGE to its end, where the network of the answer is told and
/// the access of the report; whichever worker takes the report.
#[test]
fn charging_knows_a_message_for_a_ue_by_our_own_identity() {
    isolated(Options { network: NETWORK, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let mut icids = BTreeSet::new();
        for (round, named) in [true, true, true, false, false].into_iter().enumerate() {
            let otid = bench.send_mt(&alice.imsi, &deliver());
            let message = bench.expect_message();
            let own = icid(&message);
            let answer =
                message.response("200 OK", "P-Charging-Vector: icid-value=x;term-ioi=\"Type 3ue.net\"\r\n");
            bench.send_datagram(message.destination, Some(message.queue), &answer);
            bench.settle();
            let report = bench.report(&alice, &message, &rp_ack(&message));
            let access = format!("3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=23415000{round}");
            let report = report.with("P-Access-Network-Info", access.clone());
            let report = if named { report } else { report.without("In-Reply-To") };
            let octets = report.octets();
            bench.send_datagram(report.source, Some(round % 2), &octets);
            assert_eq!(bench.expect_response(&report).status(), 200);
            bench.expect_end(&otid).component(0xa2);
            told(
                bench,
                &["outcome=\"delivered\"", &format!("icid=\"{own}\""), "term_ioi=\"Type 3ue.net\"", &access],
            );
            assert!(icids.insert(own), "another each");
        }
        bench.assert_silent();
    });
}

/// A UE at the gateway itself is told nothing of charging, and its word on it is not taken; its access is.
#[test]
fn charging_trusts_no_ue_and_tells_it_nothing() {
    isolated(Options { network: NETWORK, ..DIGEST }, |bench| {
        let mut hlr = Hlr::default();
        let mut phone = Phone::new(1000);
        registered(bench, &mut hlr, &mut phone, 600);
        let tpdu = bench.fresh_submit();
        let draft = bench.phone_message(&phone, CENTRE_URI, &rp_data(1, CENTRE, &tpdu));
        let draft = draft.with("P-Charging-Vector", "icid-value=forged").but("P-Access-Network-Info", ACCESS);
        assert_eq!(bench.transact(&draft).status(), 202);
        let begin = bench.expect_unitdata(0x62);
        bench.end_mo(&begin, &mo_result(None));
        let report = bench.expect_message();
        assert_eq!(report.find("P-Charging-Vector"), None);
        bench.answer(&report, "200 OK");
        told(bench, &["outcome=\"acknowledged\"", ACCESS]);
        assert!(!std::fs::read_to_string(bench.log()).unwrap().contains("forged"));
        let message = phone_gets(bench, &phone);
        assert_eq!(message.find("P-Charging-Vector"), None);
        told(bench, &["outcome=\"delivered\""]);
        bench.assert_silent();
    });
}
