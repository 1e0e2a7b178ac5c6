//! what UEs send to keep their flow through a NAT open (RFC 5626 3.5). Over UDP line ends have no answer; a STUN
//! Binding request has one, which tells the address that the gateway sees. A stranger gets it only if it is no longer than
//! what he sent.

use super::direct::DIGEST;
use super::harness::direct::*;
use super::harness::gateway::{Bench, isolated};
use super::harness::hlr::Hlr;
use super::harness::peers::{SCSCF, STRANGER, rp_data, submit, v4};
use super::harness::phone::Phone;
use super::harness::ss7::mo_result;
use super::harness::steps::*;
use super::harness::stun::{binding_request, software};
use std::net::SocketAddr;

/// UEs at their own addresses, and behind a NAT.
fn phones() -> [Phone; 3] {
    let inside = v4([192, 168, 1, 7]);
    let natted = Phone {
        behind: Some(inside),
        contact: format!("sip:user1001@{inside}"),
        address: SocketAddr::new(v4([10, 1, 9, 9]).ip(), 40_001),
        ..Phone::new(1001)
    };
    [Phone::new(1000), natted, Phone::new(1002).at("[fd11:22:33::44]:40044".parse().unwrap())]
}

fn at_port(address: SocketAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address.ip(), port)
}

/// How many keep-alives the gateway has taken, and how many Binding requests it has answered.
#[track_caller]
fn assert_counted(bench: &mut Bench, taken: u64, answered: u64) {
    bench.until_total("ims.keep_alive", taken);
    bench.until_published();
    assert_eq!((bench.total("ims.keep_alive"), bench.total("ims.keep_alive_answered")), (taken, answered));
}

/// How many datagrams were refused as malformed SIP.
fn malformed(bench: &Bench) -> u64 {
    let of = |worker: &serde_json::Value| {
        let reasons = worker["numbers"]["malformed"]["sip"].as_object();
        reasons.into_iter().flat_map(|it| it.values()).filter_map(serde_json::Value::as_u64).sum::<u64>()
    };
    bench.workers().iter().map(of).sum()
}

#[test]
fn r_2_stun_tells_who_is_registered_his_address() {
    isolated(DIGEST, |bench| {
        let (mut hlr, mut phones, id) = (Hlr::default(), phones(), [0x5a; 12]);
        for phone in &phones {
            bench.assert_unanswered(phone.address, &binding_request(id, &[]));
        }
        assert_counted(bench, 3, 0);
        for phone in &mut phones {
            registered(bench, &mut hlr, phone, 600);
        }
        for phone in &phones {
            bench.assert_mapped(phone.address, &[]);
            bench.assert_mapped(phone.address, &software(8));
            // From another port, as after the NAT has forgotten him: he is a stranger until he registers again.
            let moved = at_port(phone.address, phone.address.port() + 1);
            bench.assert_unanswered(moved, &binding_request(id, &[]));
        }
        assert_counted(bench, 12, 6);
        // The NAT has moved him: by his next REGISTER he is known there, and no more where he was.
        let [_, natted, _] = &mut phones;
        let before = natted.address;
        natted.address = at_port(before, 40_002);
        registered(bench, &mut hlr, natted, 600);
        bench.assert_mapped(natted.address, &[]);
        bench.assert_unanswered(before, &binding_request(id, &[]));
        for phone in &phones {
            phone_gets(bench, phone);
        }
        for phone in &mut phones {
            registered(bench, &mut hlr, phone, 0);
            bench.assert_unanswered(phone.address, &binding_request(id, &[]));
        }
        assert_counted(bench, 17, 7);
    });
}

/// Or else anybody could have the gateway flood somebody else, in whose name he asks.
#[test]
fn r_2_stun_answers_to_strangers_are_no_longer_than_their_requests() {
    isolated(DIGEST, |bench| {
        let (stranger, v6) = (STRANGER, "[fd11::66]:5060".parse().unwrap());
        let id = [0x5a; 12];
        // Of 20, 28 and 40 octets; the answers are of 32 and 44.
        bench.assert_unanswered(stranger, &binding_request(id, &software(8)));
        bench.assert_unanswered(v6, &binding_request(id, &[]));
        bench.assert_unanswered(v6, &binding_request(id, &software(20)));
        bench.assert_mapped(stranger, &software(12));
        bench.assert_mapped(v6, &software(24));
        // An S-CSCF is no stranger.
        bench.assert_mapped(SCSCF[0], &[]);
        assert_counted(bench, 6, 3);
        bench.until_published();
        assert_eq!(malformed(bench), 0);

        let request = binding_request(id, &software(24));
        let with = |at: usize, octets: &[u8]| {
            let mut other = request.clone();
            other[at..at + octets.len()].copy_from_slice(octets);
            other
        };
        let no_requests = [
            with(0, &[1, 1]),                   // a success response
            with(0, &[0, 0x11]),                // an indication
            with(0, &[0, 3]),                   // Allocate (RFC 8656)
            with(4, &[0x21, 0x12, 0xa4, 0x43]), // of RFC 3489, without the cookie
            with(2, &[0, 20]),                  // shorter than it is
            with(2, &[0, 28]),                  // longer than it is
            with(20, &[0, 3]),                  // CHANGE-REQUEST, which would have to be understood
            with(22, &[0, 60]),                 // an attribute beyond the end
            request[..19].to_vec(),
        ];
        let count = no_requests.len() as u64;
        for datagram in no_requests {
            bench.assert_unanswered(SCSCF[0], &datagram);
        }
        assert_counted(bench, 6, 3);
        assert_eq!(malformed(bench), count, "counted as what they are not, SIP");
    });
}

/// Over UDP there is no pong: RFC 5626 3.5.1 has it for connections alone.
#[test]
fn r_2_line_ends_keep_a_flow_open_and_have_no_answer() {
    isolated(DIGEST, |bench| {
        let (mut hlr, [mut phone, ..]) = (Hlr::default(), phones());
        registered(bench, &mut hlr, &mut phone, 600);
        let pings = [&b"\r\n\r\n"[..], b"\r\n", b"\r\n\r\n\r\n", b"", b"\0"];
        for source in [phone.address, at_port(phone.address, 5099), STRANGER, SCSCF[0]] {
            for ping in pings {
                bench.assert_unanswered(source, ping);
            }
        }
        assert_counted(bench, 4 * pings.len() as u64, 0);
        bench.until_published();
        assert_eq!(malformed(bench), 0);
        // A ping and a message in one datagram are a message (RFC 3261 7.5).
        let draft = bench.phone_message(&phone, CENTRE_URI, &rp_data(1, CENTRE, &submit()));
        bench.send_datagram(phone.address, None, &[b"\r\n\r\n", &draft.octets()[..]].concat());
        let accepted = bench.expect_response(&draft);
        assert_answers_phone(&accepted, "SIP/2.0 202 Accepted", &draft);
        let begin = bench.expect_unitdata(0x62);
        bench.end_mo(&begin, &mo_result(None));
        let report = bench.expect_message();
        assert_towards_phone(&report, &phone, &phone.contact);
        bench.answer(&report, "200 OK");
        phone_gets(bench, &phone);
        bench.assert_silent();
    });
}
