//! What holds for all procedures: G-7, G-9, R-6.

use super::harness::ber::{at, bcd, hex, international, spell, tlv};
use super::harness::gateway::{Options, isolated};
use super::harness::peers::{PATIENCE, Ue, deliver, rp_data};
use super::harness::ss7::{self, address, mo_result, udt};
use super::harness::steps::*;
use serde_json::json;

/// G-7: an MSC towards one network's SMSC and an SGSN towards the other's; an SMS-GMSC may call either subsystem.
#[test]
fn g_7_msc_and_sgsn_subsystem_numbers() {
    isolated(Options { node: "sgsn", ..Options::default() }, |bench| {
        let (alice, dora) = (Ue::home1(0), Ue::home2(0));
        bench.register(&alice);
        bench.register(&dora);
        for (ue, own) in [(&alice, "12950012 04947101990910"), (&dora, "12950012 04440700000010")] {
            let (_, begin) = submission(bench, ue, 1);
            assert_transport(&begin, &plain(CENTRE_ADDRESS), &plain(own));
            bench.end_mo(&begin, &mo_result(None));
            let report = bench.expect_message();
            bench.answer(&report, "200 OK");
        }

        for (title, ssn, ue) in [
            ("491710999001", 8, &alice),
            ("491710999001", 0x95, &alice),
            ("447000000001", 0x95, &dora),
            ("447000000001", 8, &dora),
        ] {
            let otid = (0x0700_0000 + bench.mint() as u32).to_be_bytes();
            let begin = ss7::mt_begin(&otid, &ue.imsi, CENTRE, &deliver());
            let (now, sccp) = (bench.now(), udt(&address(title, ssn), &address(CENTRE, 8), &begin));
            bench.ss7.send(now, 0, 3, &sccp);
            let message = bench.expect_message();
            bench.answer(&message, "200 OK");
            let report = bench.report(ue, &message, &rp_ack(&message));
            bench.transact(&report);
            let end = bench.expect_end(&otid);
            assert_transport(&end, &plain(CENTRE_ADDRESS), &spell(&address(title, ssn)));
        }
    });
}

/// G-9: no octet of a TPDU is touched, either way, nor of a report; a message of 140 octets of user data included.
#[test]
fn g_9_every_octet_survives() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let binary = |first: u8| (0..140).map(|at| first.wrapping_add(at)).collect::<Vec<u8>>();
        for user_data in
            [binary(0), binary(116), vec![0; 140], vec![0xff; 140], hex("050003420201 00 0d0a0d0a")]
        {
            let header = if user_data.len() == 140 { 0x11 } else { 0x51 };
            let submit =
                [&[header][..], &hex("ff 0c91947190785634 7f f6 a7"), &[user_data.len() as u8], &user_data]
                    .concat();
            let draft = bench.message(&alice, CENTRE_URI, &rp_data(255, CENTRE, &submit));
            assert_eq!(bench.transact(&draft).status(), 202);
            let begin = bench.expect_unitdata(0x62);
            assert_eq!(spell(begin.submission()), spell(&submit));
            let report = [&hex("0105 12112221436540 f6")[..], &[user_data.len() as u8], &user_data].concat();
            bench.end_mo(&begin, &mo_result(Some(&report)));
            let message = bench.expect_message();
            assert_eq!(spell(&message.body[..4]), format!("03ff41{:02x}", report.len()));
            assert_eq!(spell(&message.body[4..]), spell(&report));
            bench.answer(&message, "200 OK");

            let deliver = [
                &[header & !1][..],
                &hex("0c91947190785634 41 f4 62112292214340"),
                &[user_data.len() as u8],
                &user_data,
            ]
            .concat();
            let (otid, message) = delivery(bench, &alice, &deliver);
            assert_eq!(spell(&message.body[11..]), format!("{:02x}{}", deliver.len(), spell(&deliver)));
            let deliver_report = [&hex("0007 41f4")[..], &[user_data.len() as u8], &user_data].concat();
            let body =
                [&[0x02, message.body[1], 0x41, deliver_report.len() as u8][..], &deliver_report].concat();
            let report = bench.report(&alice, &message, &body);
            assert_eq!(bench.transact(&report).status(), 200);
            let end = bench.expect_end(&otid);
            assert_eq!(spell(at(end.component(0xa2), &[0x30, 0x30, 0x04])), spell(&deliver_report));
        }
    });
}

/// the dialogues that the gateway does not offer are refused as Q.774 and TS 29.002 say, and it opens no others.
#[test]
fn r_6_dialogues_that_are_not_offered_are_refused() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let begin = |otid: &[u8], context: [u8; 2], operation: u8| {
            let argument = tlv(
                0x30,
                &[
                    &tlv(0x80, &[&bcd(&alice.imsi, 15)]),
                    &tlv(0x84, &[&international(CENTRE)]),
                    &tlv(4, &[&deliver()]),
                ],
            );
            let invoke = tlv(0xa1, &[&[2, 1, 1, 2, 1, operation], &argument]);
            tlv(0x62, &[&tlv(0x48, &[otid]), &ss7::dialogue_request(context), &tlv(0x6c, &[&invoke])])
        };
        // Version 4 of the context: refused for its name, with one that is offered.
        bench.send_tcap(&begin(&[0, 0, 0, 1], [25, 4], 44));
        let abort = bench.expect_unitdata(0x67);
        assert_eq!(abort.dtid(), Some(&[0, 0, 0, 1][..]));
        let response = at(&abort.tcap, &[0x67, 0x6b, 0x28, 0xa0, 0x61]);
        assert_eq!(spell(at(response, &[0xa2])), "020101", "reject-permanent");
        assert_eq!(spell(at(response, &[0xa3, 0xa1])), "020102", "application-context-name-not-supported");
        let refuse = at(response, &[0xbe, 0x28, 0xa0, 0xa3]);
        assert_eq!(spell(at(refuse, &[0x06])), "04000001001903", "alternative: version 3");
        // An operation of another context.
        bench.send_tcap(&begin(&[0, 0, 0, 2], [25, 3], 46));
        let end = bench.expect_end(&[0, 0, 0, 2]);
        assert_eq!(spell(end.component(0xa4)), "020101810101", "invoke problem: unrecognized operation");
        // A mistyped argument.
        let invoke = tlv(0xa1, &[&[2, 1, 1, 2, 1, 44], &tlv(0x30, &[&[5, 0]])]);
        bench.send_tcap(&tlv(
            0x62,
            &[&tlv(0x48, &[&[0, 0, 0, 3]]), &ss7::dialogue_request(ss7::MT_RELAY), &tlv(0x6c, &[&invoke])],
        ));
        let end = bench.expect_end(&[0, 0, 0, 3]);
        assert_eq!(spell(end.component(0xa4)), "020101810102", "invoke problem: mistyped parameter");
        bench.until_total("ss7.context_refused", 1);
        bench.until_total("ss7.operation_rejected", 1);
        bench.until_total("ss7.argument_rejected", 1);
        bench.assert_silent();
    });
}

/// the dialogue may be opened first, as TS 29.002 23.3.1 has it, with the message in the Continue that follows.
#[test]
fn r_6_dialogue_opened_before_its_message() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let otid = [0, 0, 0, 9];
        bench.send_tcap(&tlv(0x62, &[&tlv(0x48, &[&otid]), &ss7::dialogue_request(ss7::MT_RELAY)]));
        let accepted = bench.expect_unitdata(0x65);
        assert_eq!(accepted.dtid(), Some(&otid[..]));
        assert_eq!(spell(at(&accepted.tcap, &[0x65, 0x6b, 0x28, 0xa0, 0x61, 0xa2])), "020100", "accepted");
        let begin = ss7::mt_begin(&otid, &alice.imsi, CENTRE, &deliver());
        let components = tlv(0x6c, &[at(&begin, &[0x62, 0x6c])]);
        bench.send_tcap(&tlv(0x65, &[&tlv(0x48, &[&otid]), &tlv(0x49, &[accepted.otid()]), &components]));
        let message = bench.expect_message();
        bench.answer(&message, "200 OK");
        let report = bench.report(&alice, &message, &rp_ack(&message));
        assert_eq!(bench.transact(&report).status(), 200);
        let end = bench.expect_end(&otid);
        assert_eq!(spell(end.component(0xa2)), plain("020101 3009 02012c 3004 0402 0000"));
        bench.assert_silent();
    });
}

/// What the ports count is shown: as many frames sent as came out at the other end.
#[test]
fn the_ports_tell_what_they_have_sent_and_received() {
    isolated(Options::default(), |bench| {
        bench.register(&Ue::home1(0));
        bench.settle();
        let deadline = bench.now() + PATIENCE;
        loop {
            let ports = bench.shown("ports");
            let told: Vec<_> =
                ports.iter().map(|port| (&port["name"], &port["link"], &port["sent"])).collect();
            let came = bench.received();
            if told
                == [
                    (&json!("ims"), &json!("up"), &json!(came[0])),
                    (&json!("ss7"), &json!("up"), &json!(came[1])),
                ]
            {
                assert!(came.iter().all(|&frames| frames > 0));
                return;
            }
            assert!(bench.now() < deadline, "{ports:#?} {came:?}");
            bench.step();
        }
    });
}
