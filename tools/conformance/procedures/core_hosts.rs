//! The hosts of a served network's core: who is believed (REQUIREMENTS G-2), and what it means when one of them is gone.

use super::direct_messages::nobody_listens;
use super::harness::gateway::{Options, isolated};
use super::harness::peers::{SCSCF, Ue, deliver, rp_data, submit, v4};
use super::harness::ss7::mo_result;
use super::harness::steps::*;
use std::net::SocketAddr;

/// A delivery report that is addressed to the gateway comes from an I-CSCF (TS 24.229 5.3.2). Such a host speaks for users,
/// registers none, and is sent nothing but answers.
#[test]
fn g_2_a_host_of_the_core_brings_messages_and_registers_nobody() {
    let network = "trusted = [\"10.1.9.0/24\", \"10.1.8.8\"]";
    isolated(Options { network, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        for (source, reference) in
            [(v4([10, 1, 9, 77]), 1), (SocketAddr::new(v4([10, 1, 8, 8]).ip(), 4000), 2)]
        {
            let (otid, message) = delivery(bench, &alice, &deliver());
            let mut report = bench.report(&alice, &message, &rp_ack(&message));
            report.source = source;
            assert_eq!(bench.transact(&report).status(), 200, "{source}");
            bench.expect_end(&otid).component(0xa2);
            let mut register = bench.full_register(&Ue::home1(1), 60);
            register.source = source;
            assert_eq!(bench.transact(&register).status(), 403, "{source}");
            // The submit report goes to the S-CSCF that has the user.
            let mut draft = bench.message(&alice, CENTRE_URI, &rp_data(reference, CENTRE, &submit()));
            draft.source = source;
            assert_eq!(bench.transact(&draft).status(), 202, "{source}");
            let begin = bench.expect_unitdata(0x62);
            bench.end_mo(&begin, &mo_result(None));
            let report = bench.expect_message();
            assert_eq!(report.destination, SCSCF[0]);
            bench.answer(&report, "200 OK");
        }
        // Their neighbours are nobody.
        bench.until_total("ims.asserted_stripped", 0);
        for source in [v4([10, 1, 8, 9]), v4([10, 1, 10, 1])] {
            let mut draft = bench.message(&alice, CENTRE_URI, &rp_data(1, CENTRE, &submit()));
            draft.source = source;
            assert_eq!(bench.transact(&draft).status(), 403, "{source}");
        }
        bench.until_total("ims.asserted_stripped", 2);
        bench.until_total("application.untrusted_source", 4);
        bench.assert_silent();
    });
}

/// RFC 3261 8.1.3.1: an error of the transport is a 503. Nobody at the S-CSCF's port says nothing of the UE.
#[test]
fn p_8_5_an_s_cscf_that_is_gone_is_a_failure_of_the_system() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let otid = bench.send_mt(&alice.imsi, &deliver());
        let message = bench.expect_message();
        nobody_listens(bench, &message);
        assert_error(&bench.expect_end(&otid), (34, ""));
        bench.until_total("application.mt_unreachable", 0);
        // It is back, and so is its user.
        delivered(bench, &alice, &deliver());
    });
}

/// RFC 3263 4.3: the S-CSCF that has the user is gone, or sends everybody away, and the next of its network delivers; the
/// message is the same but for branch and Route, and both workers go on as it is.
#[test]
fn p_8_10_several_s_cscfs_one_dies() {
    let second = v4([10, 1, 0, 7]);
    let scscf = r#"[{ uri = "sip:scscf1.home1.net", address = "10.1.0.5:5060" }, { uri = "sip:scscf2.home1.net", address = "10.1.0.7:5060" }]"#;
    isolated(Options { scscf, ..Options::default() }, |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        for round in 0..8 {
            let otid = bench.send_mt(&alice.imsi, &deliver());
            let mut message = bench.expect_message();
            if message.destination == SCSCF[0] {
                let first = message;
                if round % 2 == 0 {
                    nobody_listens(bench, &first);
                } else {
                    bench.answer(&first, "503 Service Unavailable\r\nRetry-After: 60");
                }
                message = bench.expect_message();
                assert_eq!(message.header("Route"), "<sip:scscf2.home1.net;lr>");
                assert_ne!(message.branch(), first.branch());
                for same in ["Call-ID", "CSeq", "From", "To", "P-Asserted-Identity"] {
                    assert_eq!(message.header(same), first.header(same));
                }
                assert_eq!((message.request(), &message.body), (first.request(), &first.body));
            }
            assert_eq!(message.destination, second, "the first is not asked again");
            bench.answer(&message, "200 OK");
            let report = bench.report(&alice, &message, &rp_ack(&message));
            assert_eq!(bench.transact(&report).status(), 200);
            bench.expect_end(&otid).component(0xa2);
        }
        bench.until_total("application.mt_delivered", 8);
        let peers = bench.shown("peers");
        let states = |name: &str| -> Vec<&str> {
            let of = peers.iter().filter(|peer| peer["name"].as_str().unwrap().contains(name));
            of.map(|peer| peer["state"].as_str().unwrap()).collect()
        };
        let (first, second) = (states("scscf1.home1"), states("scscf2.home1"));
        assert_eq!((first.len(), second.len()), (2, 2), "each worker's view: {peers:?}");
        assert!(first.iter().any(|state| *state != "up") && second == ["up", "up"], "{peers:?}");
    });
}
