//! Where responses go, what keeps a flow open, and what ICMP says of it.

use super::*;
use crate::proto::link::{Cause, Unreachable};

/// Octets from text in hexadecimal.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// A Binding request, and its answers of RFC 5769 2.2 and 2.3 without what a password signs.
const REQUEST: &str = "0001 0000 2112a442 b7e7a701bc34d686fa87dfae";
const ANSWER: &str = "0101 000c 2112a442 b7e7a701bc34d686fa87dfae 0020 0008 0001 a147 e112a643";
const ANSWER_V6: &str = "0101 0018 2112a442 b7e7a701bc34d686fa87dfae
    0020 0014 0002 a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9";
const MAPPED: &str = "192.0.2.1:32853";
const MAPPED_V6: &str = "[2001:db8:1234:5678:11:2233:4455:6677]:32853";

#[test]
fn keep_alives_that_ask_nothing_are_counted_and_never_answered() {
    let mut bench = Bench::new();
    for datagram in [&b""[..], b"\0", b"\r\n", b"\r\n\r\n", b"\n", b"\r\n\r\n\r\n"] {
        bench.absorbed(UE, datagram);
        bench.absorbed(UE_V6, datagram);
    }
    assert_eq!((bench.ims.counts.keep_alive, bench.ims.counts.not_sip), (12, 0));
    assert!(bench.taken().is_empty());
    for datagram in [&b"\0\0"[..], b" ", b"\x01", b"\r\n\0", b"x"] {
        bench.absorbed(UE, datagram);
    }
    assert_eq!((bench.ims.counts.keep_alive, bench.ims.counts.bad_request), (12, 0));
    assert!(bench.taken().is_empty());
    // A message may stand behind line ends.
    let message = [b"\r\n\r\n", &ue_register("1")[..]].concat();
    bench.deferred(UE, &message);
}

#[test]
fn a_binding_request_of_a_stranger_is_the_applications() {
    let mut bench = Bench::new();
    for (source, mapped, answer) in [(UE, MAPPED, ANSWER), (UE_V6, MAPPED_V6, ANSWER_V6)] {
        let request = bench.input(source, &hex(REQUEST), |_, next| match next {
            Next::Indication(Indication::KeepAlive { source, local, transaction }) => {
                (source, local, transaction)
            }
            _ => panic!("not told"),
        });
        let local = address(if source == UE { LOCAL } else { LOCAL_V6 });
        assert_eq!((request.0, request.1), (address(source), local));
        assert!(bench.taken().is_empty());
        bench.ims.answer_keep_alive(address(mapped), local, &request.2, &mut bench.sent);
        let (sent, to) = bench.one();
        assert_eq!(sent.chars().map(|c| c as u8).collect::<Vec<_>>(), hex(answer));
        assert_eq!(to, flow(local, address(mapped)));
    }
    assert_eq!((bench.ims.counts.keep_alive, bench.ims.counts.keep_alive_answered), (2, 2));
}

#[test]
fn a_binding_request_that_is_long_enough_or_an_s_cscfs_is_answered() {
    let mut bench = Bench::new();
    bench.absorbed(SCSCF, &hex(REQUEST));
    assert_eq!(bench.one().0.chars().count(), 32);
    // SOFTWARE, "phone 1.0" and three octets to fill up.
    let padded = hex("0001 0010 2112a442 b7e7a701bc34d686fa87dfae 8022 0009 70686f6e6520312e30 000000");
    bench.absorbed(UE, &padded);
    assert_eq!(bench.one().0.chars().count(), 32);
    let told = bench.input(UE_V6, &padded, |_, next| matches!(next, Next::Indication(_)));
    assert!(told, "36 octets are fewer than 44");
    // What is no Binding request, or asks for what we don't know, is nothing.
    let keep_alives = bench.ims.counts.keep_alive;
    for other in [
        "0001 0000 2112a443 b7e7a701bc34d686fa87dfae",
        "0101 0000 2112a442 b7e7a701bc34d686fa87dfae",
        "0001 0004 2112a442 b7e7a701bc34d686fa87dfae",
        "0001 0000 2112a442 b7e7a701bc34d686fa87dfae 00",
        "0001 0000 2112a442 b7e7a701bc34d686fa87df",
        "0001 0008 2112a442 b7e7a701bc34d686fa87dfae 0003 0004 00000006",
        "0001 0004 2112a442 b7e7a701bc34d686fa87dfae 8022 0004",
        "0001 0002 2112a442 b7e7a701bc34d686fa87dfae 8022",
        "0001 0005 2112a442 b7e7a701bc34d686fa87dfae 8022 0001 70",
    ] {
        bench.absorbed(UE, &hex(other));
    }
    assert_eq!((bench.ims.counts.keep_alive, bench.taken().len()), (keep_alives, 0));
}

/// The first request of ours that was sent to `remote`, as a router quotes it.
fn quoted(bench: &mut Bench, remote: &str) -> (Vec<u8>, Flow) {
    let local = if remote.starts_with('[') { LOCAL_V6 } else { LOCAL };
    let request = InformRequest {
        local: address(local),
        remote: address(remote),
        connection: None,
        request_uri: "sip:a@ue.example",
        to: "sip:a@home1.net",
        from: "sip:gw.home1.net",
        key: Key { slot: 1, generation: 2 },
        content_type: "text/plain",
        body: b"x",
    };
    bench.ims.inform(bench.now, &request, 42, &mut bench.sent).unwrap();
    let (sent, flow) = bench.one();
    ([&[0; 8], sent.as_bytes()].concat(), flow)
}

fn told(bench: &mut Bench, flow: Flow, quoted: &[u8]) -> Option<(u64, SocketAddr)> {
    told_of(bench, Cause::Port, flow, quoted)
}

fn told_of(bench: &mut Bench, cause: Cause, flow: Flow, quoted: &[u8]) -> Option<(u64, SocketAddr)> {
    let told = Unreachable { cause, flow, quoted };
    let next = bench.ims.handle_unreachable(bench.now, &told, &mut bench.sent);
    bench.ims.assert_invariants();
    match next {
        Next::Indication(Indication::Unreachable { user, remote }) => Some((user, remote)),
        Next::Done => None,
        _ => panic!("something else"),
    }
}

#[test]
fn icmp_ends_the_request_that_it_proves_to_be_about() {
    for remote in [UE, UE_V6] {
        let mut bench = Bench::new();
        let (quoted, flow) = quoted(&mut bench, remote);
        assert_eq!(told(&mut bench, flow, &quoted), Some((42, address(remote))));
        assert_eq!(bench.ims.clients.len(), 0);
        assert_eq!((told(&mut bench, flow, &quoted), bench.ims.counts.unreachable_unproved), (None, 1));
        bench.pass(Duration::from_secs(40));
        assert_eq!((bench.taken().len(), bench.ims.poll_expired(bench.now, &mut bench.sent)), (0, None));
    }
    // As far as the branch is enough.
    let mut bench = Bench::new();
    let (quoted, flow) = quoted(&mut bench, UE);
    let text = String::from_utf8(quoted.clone()).unwrap();
    let end = text.find(";rport").unwrap();
    assert_eq!(told(&mut bench, flow, &quoted[..end - 1]), None);
    assert_eq!(told(&mut bench, flow, &quoted[..end]), Some((42, address(UE))));
}

#[test]
fn only_that_nobody_is_there_ends_a_request() {
    let mut bench = Bench::new();
    let (quoted, flow) = quoted(&mut bench, UE);
    for cause in [Cause::TooBig(1280), Cause::HopLimit, Cause::Parameter] {
        assert_eq!(told_of(&mut bench, cause, flow, &quoted), None);
    }
    for cause in [Cause::Network, Cause::Host, Cause::Protocol, Cause::Port, Cause::Prohibited] {
        let (quoted, flow) = self::quoted(&mut bench, UE);
        assert!(told_of(&mut bench, cause, flow, &quoted).is_some());
    }
    assert_eq!((bench.ims.clients.len(), bench.ims.counts.unreachable_unproved), (1, 0));
}

#[test]
fn a_forged_icmp_changes_nothing() {
    let mut bench = Bench::new();
    let (quoted, flow) = quoted(&mut bench, UE);
    let with = |transport| Flow { transport, ..flow };
    let flows = [
        Flow { destination: "198.51.100.8".parse().unwrap(), ..flow },
        Flow { source: "192.0.2.2".parse().unwrap(), ..flow },
        with(Transport::Udp { source_port: 5060, destination_port: 40001 }),
        with(Transport::Udp { source_port: 5061, destination_port: 40000 }),
        with(Transport::Sctp),
    ];
    for other in flows {
        assert_eq!(told(&mut bench, other, &quoted), None);
    }
    for len in 0..=8 {
        assert_eq!(told(&mut bench, flow, &quoted[..len]), None);
    }
    let text = String::from_utf8(quoted.clone()).unwrap();
    let branch = text.find("z9hG4bK").unwrap();
    for at in branch..branch + 41 {
        let mut forged = quoted.clone();
        forged[at] ^= 1;
        assert_eq!(told(&mut bench, flow, &forged), None, "{at}");
    }
    for (from, to) in [("Via", "Vib"), ("branch", "broken"), ("MESSAGE", "MES\r\nAGE"), ("\r\nVia", "Via")] {
        assert_eq!(told(&mut bench, flow, text.replacen(from, to, 1).as_bytes()), None, "{from}");
    }
    // A response of ours has a peer's branch.
    bench.absorbed(SCSCF, &text_of_options());
    let (response, to) = bench.one();
    assert_eq!(told(&mut bench, to, format!("12345678{response}").as_bytes()), None);
    assert_eq!(bench.ims.counts.unreachable_unproved, 5 - 1 + 9 + 41 + 4 + 1);
    assert_eq!((bench.ims.clients.len(), bench.ims.clients.counts.unreachable), (1, 0));
    assert_eq!(told(&mut bench, flow, &quoted), Some((42, address(UE))), "the honest one passes");
}

fn text_of_options() -> Vec<u8> {
    String::from_utf8(ue_register("1")).unwrap().replace("REGISTER", "OPTIONS").into_bytes()
}

#[test]
fn icmp_about_another_workers_request_goes_there() {
    let (mut owner, mut other) = (Bench::of_worker(1, 2, 4), Bench::of_worker(0, 2, 4));
    let (quoted, flow) = quoted(&mut owner, UE);
    let told_to = Unreachable { cause: Cause::Host, flow, quoted: &quoted };
    assert!(matches!(
        other.ims.handle_unreachable(other.now, &told_to, &mut other.sent),
        Next::HandOff(WorkerId(1))
    ));
    assert_eq!(told(&mut owner, flow, &quoted), Some((42, address(UE))));
}
