//! Bad input on both sides of the real binary: for each cause a counter rises and the protocol's own answer comes, or
//! none where it has none; the gateway goes on serving, and no frame is lost.

mod harness;

use harness::ber::{at, hex, spell, tlv};
use harness::gateway::{Bench, Options, isolated};
use harness::hlr::{Asked, HLR};
use harness::peers::{GATEWAY, IMS, SCSCF, SS7, Ue, deliver, rp_data, submit};
use harness::sip::Draft;
use harness::ss7::{self, SIGNALLING_GATEWAYS, address, m3ua, mo_result, parameters, udt};
use harness::steps::{CENTRE, CENTRE_URI, delivered, pass, plain, submitted_as};
use harness::wire;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Messages both ways still pass, nothing is left over, and all frames are back.
#[track_caller]
fn assert_serves(bench: &mut Bench, ue: &Ue) {
    for _ in 0..4 {
        submitted_as(bench, ue);
        delivered(bench, ue, &deliver());
    }
    bench.assert_silent();
    bench.until_frames_are_back();
}

/// Frames that are no IP packets for us, or wrong ones.
#[test]
fn malformed_frames_are_counted_and_dropped() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let good = wire::udp(IMS, SCSCF[0], GATEWAY, b"OPTIONS sip:x SIP/2.0\r\n\r\n");
        let changed = |at: usize, value: u8| {
            let mut frame = good.clone();
            frame[at] = value;
            frame
        };
        // With the IPv4 checksum made right again.
        let summed = |at: usize, value: u8| {
            let mut frame = changed(at, value);
            frame[24..26].fill(0);
            let sum = wire::internet_checksum(&[&frame[14..34]]);
            frame[24..26].copy_from_slice(&sum.to_be_bytes());
            frame
        };
        let cases = [
            ("ethernet_short", good[..13].to_vec()),
            ("ethernet_source", changed(6, 0x03)),
            ("arp_short", [&good[..12], &hex("0806 0001 0800 0604 0001 02")].concat()),
            ("arp_format", [&good[..12], &hex("0806 0006 0800 0604 0001"), &[2; 20]].concat()),
            ("ipv4_short", good[..20].to_vec()),
            ("ipv4_version", summed(14, 0x65)),
            ("ipv4_header_length", summed(14, 0x44)),
            ("ipv4_length", good[..good.len() - 1].to_vec()),
            ("ipv4_checksum", changed(24, good[24] ^ 1)),
            ("udp_checksum", changed(40, good[40] ^ 1)),
            ("udp_checksum", changed(50, b'X')),
            ("udp_length", changed(38, 0xff)),
        ];
        let mut expected = std::collections::BTreeMap::new();
        for (cause, frame) in &cases {
            for queue in [0, 1] {
                bench.send_frame(IMS, queue, frame);
            }
            *expected.entry(*cause).or_insert(0) += 2;
        }
        for (cause, count) in expected {
            bench.until_total(&format!("malformed.link.{cause}"), count);
        }
        assert_serves(bench, &alice);
    });
}

/// A request whose octets are wrong: 400 with the reason, 505 for another version, nothing where no line can be read.
#[test]
fn malformed_requests_get_400_and_are_counted() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let request = |bench: &mut Bench| bench.message(&alice, CENTRE_URI, &rp_data(1, CENTRE, &submit()));
        type Change = fn(Draft) -> Vec<u8>;
        fn replaced(draft: &Draft, from: &str, to: &str) -> Vec<u8> {
            let octets = draft.octets();
            let end = octets.len() - draft.body.len();
            let head = String::from_utf8(octets[..end].to_vec()).unwrap();
            assert!(head.contains(from), "{head}");
            [head.replacen(from, to, 1).as_bytes(), &draft.body].concat()
        }
        let cases: [(&str, Option<u16>, Change); 13] = [
            ("Bad Or Missing From", Some(400), |it| it.without("From").octets()),
            ("Bad Or Missing To", Some(400), |it| it.without("To").octets()),
            ("Bad Or Missing Call-ID", Some(400), |it| it.without("Call-ID").octets()),
            ("Bad Or Missing CSeq", Some(400), |it| it.without("CSeq").octets()),
            ("CSeq Method Differs", Some(400), |it| it.but("CSeq", "7 REGISTER").octets()),
            ("Bad Max-Forwards", Some(400), |it| it.but("Max-Forwards", "many").octets()),
            ("Content-Length Too Great", Some(400), |it| {
                replaced(&it, "Content-Length: ", "Content-Length: 9")
            }),
            ("Bad Content-Length", Some(400), |it| replaced(&it, "Content-Length: ", "Content-Length: -")),
            ("Repeated Header", Some(400), |it| it.with("Call-ID", "another").octets()),
            ("Version Not Supported", Some(505), |it| replaced(&it, " SIP/2.0\r\nVia", " SIP/3.0\r\nVia")),
            ("Bad Or Missing Via", Some(400), |it| replaced(&it, "Via: SIP/2.0/UDP", "Via:")),
            ("Bad Start Line", None, |it| replaced(&it, "MESSAGE ", "MES\tSAGE ")),
            ("Headers Don't End", None, |it| it.octets()[..60].to_vec()),
        ];
        for (cause, status, change) in cases {
            let draft = request(bench);
            bench.send_datagram(draft.source, None, &change(draft.clone()));
            bench.until_total(&format!("malformed.sip.{cause}"), 1);
            bench.settle();
            let answer = bench.take_sip(|sip| !sip.is_request() && sip.branch() == draft.branch);
            assert_eq!(answer.as_ref().map(|answer| answer.status()), status, "{cause}: {answer:?}");
            if let Some(answer) = answer.filter(|answer| answer.status() == 400) {
                assert_eq!(answer.start, format!("SIP/2.0 400 {cause}"));
            }
        }
        assert_serves(bench, &alice);
    });
}

/// A request that is right, but nothing that is offered.
#[test]
fn requests_that_are_not_offered_get_their_status_and_are_counted() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        type Change = fn(Draft) -> Draft;
        let cases: [(&str, u16, (&str, &str), Change); 7] = [
            ("ims.bad_method", 405, ("Allow", "MESSAGE"), |it| {
                Draft { method: "INFO", ..it }.but("CSeq", "1 INFO")
            }),
            ("ims.bad_media_type", 415, ("Accept", "application/vnd.3gpp.sms"), |it| {
                it.but("Content-Type", "text/plain")
            }),
            ("ims.bad_scheme", 416, ("", ""), |it| Draft { uri: "http://home1.net".into(), ..it }),
            ("ims.bad_extension", 420, ("Unsupported", "100rel"), |it| it.with("Require", "100rel")),
            ("ims.too_many_hops", 483, ("", ""), |it| it.but("Max-Forwards", "0")),
            ("ims.bad_rp", 400, ("", ""), |it| Draft { body: vec![], ..it }),
            ("ims.bad_rp", 400, ("", ""), |it| Draft { body: vec![0], ..it }),
        ];
        for (counter, status, (name, value), change) in cases {
            let before = bench.total(counter);
            let draft = bench.message(&alice, CENTRE_URI, &rp_data(1, CENTRE, &submit()));
            let draft = change(draft);
            let answer = bench.transact(&draft);
            assert_eq!(answer.status(), status, "{answer:?}");
            assert!(name.is_empty() || answer.header(name).contains(value), "{answer:?}");
            bench.until_total(counter, before + 1);
        }
        // More user data than RP carries: the UE is told so by RP itself.
        let body = [&rp_data(5, CENTRE, &submit())[..11], &[255; 256]].concat();
        let draft = bench.message(&alice, CENTRE_URI, &body);
        assert_eq!(bench.transact(&draft).status(), 202);
        let report = bench.expect_message();
        assert_eq!(spell(&report.body), plain("05 05 01 60"), "invalid mandatory information");
        bench.answer(&report, "200 OK");
        bench.until_total("application.rp_faulty", 1);
        assert_serves(bench, &alice);
    });
}

/// SCTP packets and chunks that are wrong, or in an association that is not theirs.
#[test]
fn malformed_sctp_is_counted_and_changes_nothing() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        delivered(bench, &alice, &deliver());
        let (own, other) = (SIGNALLING_GATEWAYS[0], Ipv4Addr::new(10, 9, 0, 99));
        let tag = bench.tags[0];
        let wrong_tag = tag.map(|octet| !octet);
        let data = hex("0003 0014 00000001 0001 0000 00000003 41424344");
        let abort = hex("0600 0004");
        let send = |bench: &mut Bench, source: Ipv4Addr, packet: &[u8]| {
            bench.send_frame(SS7, 1, &wire::ipv4(SS7, source, ss7::GATEWAY, wire::SCTP, packet));
        };
        let damaged = |packet: Vec<u8>, at: usize| {
            let mut packet = packet;
            packet[at] ^= 0x80;
            packet
        };
        let cases = [
            ("malformed.sctp.short_packet", wire::sctp(tag, &data)[..14].to_vec()),
            ("malformed.sctp.checksum", damaged(wire::sctp(tag, &data), 20)),
            ("malformed.sctp.chunk_length", wire::sctp(tag, &hex("0003 0040 00000001 0001 0000"))),
            ("malformed.sctp.short_chunk", wire::sctp(tag, &hex("0300 0008 00000001"))),
            ("sctp.bad_tag", wire::sctp(wrong_tag, &data)),
            ("sctp.bad_tag", wire::sctp(wrong_tag, &abort)),
        ];
        for (counter, packet) in cases {
            let before = bench.total(counter);
            send(bench, own, &packet);
            bench.until_total(counter, before + 1);
            assert!(bench.ss7.is_up(0));
        }
        // Somebody without an association: an ABORT that reflects the tag (8.4).
        send(bench, other, &wire::sctp([1, 2, 3, 4], &data));
        let answer = bench.until("an ABORT", |peers| peers.foreign.pop());
        assert_eq!((spell(&answer[4..8]).as_str(), spell(&answer[12..14]).as_str()), ("01020304", "0601"));
        bench.until_total("sctp.out_of_the_blue", 1);
        // But no answer to an ABORT.
        send(bench, other, &wire::sctp([1, 2, 3, 4], &abort));
        bench.until_total("sctp.out_of_the_blue", 2);
        assert_serves(bench, &alice);
        assert!(bench.foreign.is_empty());
    });
}

/// M3UA messages that are wrong get ERR (RFC 4666 3.8.1); DATA that is not ours is counted.
#[test]
fn malformed_m3ua_gets_err_and_is_counted() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let context = [0, 0, 0, 100];
        let data = |dpc: u32, si: u8, ni: u8| {
            let label =
                [&4900u32.to_be_bytes()[..], &dpc.to_be_bytes(), &[si, ni, 0, 1], &hex("0900")].concat();
            m3ua(1, 1, &[(6, &context), (0x0210, &label)])
        };
        let mut other_version = data(4899, 3, 2);
        other_version[0] = 2;
        let errors = [
            (1, 1, other_version, "malformed.m3ua.version"),
            (3, 1, m3ua(7, 1, &[]), "m3ua.sg1.unsupported"),
            (4, 1, m3ua(1, 9, &[]), "m3ua.sg1.unsupported"),
            (9, 0, data(4899, 3, 2), "m3ua.sg1.invalid_stream"),
            (0x16, 1, m3ua(1, 1, &[(6, &context)]), "malformed.m3ua.missing"),
        ];
        for (code, stream, message, counter) in errors {
            let now = bench.now();
            let before = bench.total(counter);
            bench.ss7.send_m3ua(now, 0, stream, &message);
            let error = bench.until("an ERR", |peers| peers.ss7.errors.pop());
            let code_of =
                parameters(&error).into_iter().find(|(tag, _)| *tag == 0x000c).expect("an error code");
            assert_eq!(code_of.1, [0, 0, 0, code], "{counter}");
            bench.until_total(counter, before + 1);
        }
        let foreign = [
            ("transport.foreign_user", data(4899, 5, 2)),
            ("transport.foreign_network", data(4899, 3, 0)),
            ("transport.foreign_point_code", data(77, 3, 2)),
        ];
        for (counter, message) in foreign {
            let now = bench.now();
            bench.ss7.send_m3ua(now, 0, 1, &message);
            bench.until_total(counter, 1);
        }
        assert!(bench.ss7.active[0]);
        assert_serves(bench, &alice);
    });
}

/// SCCP, TCAP and MAP: UDTS, Abort and Reject, or silence where the peer did not ask for an answer.
#[test]
fn malformed_sccp_tcap_and_map_get_their_answers() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let send = |bench: &mut Bench, sccp: &[u8]| {
            let now = bench.now();
            bench.ss7.send(now, 0, 2, sccp);
        };
        let (own, centre) = (address("491710999001", 8), address(CENTRE, 8));
        let begin = ss7::mt_begin(&[0, 0, 0, 1], &alice.imsi, CENTRE, &deliver());
        for (cause, sccp) in [
            ("short", hex("0981")),
            ("type", hex("7f81 03 0e 19 00")),
            ("pointer", hex("0981 f0 f1 f2 00")),
            ("address", udt(&hex("12"), &centre, &begin)),
        ] {
            send(bench, &sccp);
            bench.until_total(&format!("malformed.sccp.{cause}"), 1);
        }
        // A subsystem that nobody has: it comes back as UDTS, cause 4.
        send(bench, &udt(&address("491710999001", 6), &centre, &begin));
        let returned = bench.until("UDTS", |peers| peers.take_unitdata(|it| it.sccp[0] == 0x0a));
        assert_eq!((returned.sccp[1], &returned.tcap), (4, &begin), "unequipped user");
        bench.until_total("sccp.unequipped", 1);

        // P-Abort causes: badly formatted, unrecognised message type, unrecognised transaction.
        let aborts = [
            (2, hex("620a 4804 000000a1 6c7f 0000"), "tcap.malformed"),
            (0, hex("6306 4804 000000a1"), "tcap.unrecognised_type"),
            (1, hex("650c 4804 000000a1 4904 7fffffff"), "tcap.unrecognised_transaction"),
        ];
        for (cause, tcap, counter) in aborts {
            send(bench, &udt(&own, &centre, &tcap));
            let abort = bench.expect_unitdata(0x67);
            assert_eq!(abort.dtid(), Some(&[0, 0, 0, 0xa1][..]));
            assert_eq!(at(&abort.tcap, &[0x67, 0x4a]), [cause], "{counter}");
            bench.until_total(counter, 1);
        }
        // An End or an Abort for nobody is nothing to answer.
        for tcap in [hex("6406 4904 7fffffff"), hex("6709 4904 7fffffff 4a0101")] {
            send(bench, &udt(&own, &centre, &tcap));
        }
        bench.until_total("tcap.unrecognised_transaction", 3);
        bench.assert_silent();

        // An argument that ends too early.
        let invoke = tlv(0xa1, &[&[2, 1, 1, 2, 1, 44], &hex("3004 8008 6202")]);
        let begin =
            [&tlv(0x48, &[&[0, 0, 0, 4]])[..], &ss7::dialogue_request(ss7::MT_RELAY), &tlv(0x6c, &[&invoke])];
        send(bench, &udt(&own, &centre, &tlv(0x62, &begin)));
        let end = bench.expect_end(&[0, 0, 0, 4]);
        assert_eq!(spell(end.component(0xa4)), "020101810102", "invoke problem: mistyped parameter");
        bench.until_total("malformed.map.structure", 1);
        assert_serves(bench, &alice);
    });
}

/// Octets changed, cut off and put in by chance, in requests and in SCCP messages, thousands of them.
#[test]
fn chance_does_not_stop_it() {
    isolated(Options::default(), |bench| {
        let alice = Ue::home1(0);
        bench.register(&alice);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut chance = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below.max(1)
        };
        for round in 0..4_000 {
            let register = bench.full_register(&Ue::home1(1), 60).octets();
            let message = bench.message(&alice, CENTRE_URI, &rp_data(1, CENTRE, &submit())).octets();
            let begin = ss7::mt_begin(&[0, 0, 0, 1], &alice.imsi, CENTRE, &deliver());
            let sccp = udt(&address("491710999001", 8), &address(CENTRE, 8), &begin);
            let mut octets = [register, message, sccp].into_iter().nth(round % 3).unwrap();
            for _ in 0..=chance(3) {
                let place = chance(octets.len());
                match chance(4) {
                    0 => octets.truncate(place.max(1)),
                    1 => octets.insert(place, chance(256) as u8),
                    2 => drop(octets.remove(place)),
                    _ => octets[place] = chance(256) as u8,
                }
                if octets.is_empty() {
                    octets.push(0);
                }
            }
            if round % 3 < 2 {
                bench.send_datagram(SCSCF[0], Some(chance(2)), &octets);
            } else {
                let now = bench.now();
                bench.ss7.send(now, 0, chance(16) as u8, &octets);
            }
            finish_what_it_took_for_good(bench);
        }
        until_calm(bench);
        // What did not reach her is told to the HLR now, and not while it is looked whether she is served.
        bench.register(&alice);
        until_calm(bench);
        assert_serves(bench, &alice);
    });
}

/// Until nothing has come, and nothing was left, for longer than it takes workers to publish their numbers.
fn until_calm(bench: &mut Bench) {
    let deadline = bench.now() + harness::peers::PATIENCE;
    let mut calm = 0;
    while calm < 3 {
        assert!(bench.now() < deadline, "something is left: {:#?}", bench.workers());
        let left = ["mo", "mt", "dialogues"].iter().any(|it| bench.total(&format!("fill.{it}")) > 0);
        pass(bench, Duration::from_millis(20));
        calm = if finish_what_it_took_for_good(bench) || left { 0 } else { calm + 1 };
    }
}

/// Some of the changes hurt nothing: these messages take their course. Whether anything had come.
fn finish_what_it_took_for_good(bench: &mut Bench) -> bool {
    bench.step();
    let any = !(bench.sip.is_empty() && bench.ss7.received.is_empty());
    while let Some(unitdata) = bench.take_unitdata(|it| it.sccp[0] == 0x09 && it.kind() == 0x62) {
        // readyForSM for the UE below, each time it is heard of again.
        match unitdata.called == address(HLR, 6) {
            true => bench.hlr_agrees(&Asked::read(unitdata)),
            false => bench.end_mo(&unitdata, &mo_result(None)),
        }
    }
    while let Some(message) = bench.take_sip(|sip| sip.is_request()) {
        // A UE that takes nothing: its message has failed at once.
        bench.answer(&message, if message.body[0] == 1 { "480 Temporarily Unavailable" } else { "200 OK" });
    }
    bench.sip.clear();
    bench.ss7.received.clear();
    any
}
