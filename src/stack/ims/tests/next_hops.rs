//! Several S-CSCFs of a network (RFC 3263 4.3): what makes a request go on to the next, and what goes there.

use super::*;
use crate::proto::link::{Cause, Unreachable};

const SECOND: &str = "192.0.2.11:5070";
const THIRD: &str = "192.0.2.12:5060";
const OTHER_NETWORK: &str = "192.0.2.20:5060";
const V6: &str = "[2001:db8::10]:5060";

fn hop(network: u16, address_of: &str, uri: &str) -> Hop {
    Hop { network, address: address(address_of), uri: Identity::new(uri.as_bytes()).unwrap() }
}

/// Network 0 has three S-CSCFs that can be reached from an IPv4 address.
fn bench() -> Bench {
    let mut bench = Bench::new();
    let hops = [
        hop(1, OTHER_NETWORK, "sip:scscf.home2.net"),
        hop(0, V6, "sip:scscf6.home1.net"),
        hop(0, SCSCF, "sip:scscf1.home1.net"),
        hop(0, SECOND, "sip:scscf2.much.longer.home1.net:5070"),
        hop(0, THIRD, "sip:s3;lr"),
    ];
    bench.ims.hops = Hops::new(&hops, Duration::from_secs(10));
    bench
}

fn delivery<'a>() -> MessageRequest<'a> {
    MessageRequest {
        local: address(LOCAL),
        remote: address(SCSCF),
        connection: None,
        request_uri: "tel:+49170",
        to: None,
        from: "sip:gw.home1.net",
        asserted: true,
        route: Some("sip:scscf1.home1.net"),
        in_reply_to: None,
        key: Key { slot: 1, generation: 2 },
        towards_ue: true,
        access_network_info: &[],
        charging: None,
        rp: Rp::Ack { reference: 7, tpdu: None },
    }
}

fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {message}"))
}

fn answer(sent: &str, status: &str, more: &str) -> Vec<u8> {
    let [via, from, to, call_id, cseq] =
        ["Via", "From", "To", "Call-ID", "CSeq"].map(|name| header(sent, name));
    text(&format!(
        "SIP/2.0 {status}\nVia: {via}\nFrom: {from}\nTo: {to};tag=1\nCall-ID: {call_id}\nCSeq: {cseq}\n{more}"
    ))
}

fn icmp(bench: &mut Bench, (sent, by): &(String, Flow)) -> Option<u64> {
    // A quote begins with the UDP header.
    let quoted = [&[0; 8][..], sent.as_bytes()].concat();
    let told = Unreachable { cause: Cause::Port, flow: *by, quoted: &quoted };
    match bench.ims.handle_unreachable(bench.now, &told, &mut bench.sent) {
        Next::Done => None,
        Next::Indication(Indication::Unreachable { user, .. }) => Some(user),
        _ => panic!("something else"),
    }
}

/// What a request became at its user, if it ended.
fn ended(bench: &mut Bench, source: &str, octets: &[u8]) -> Option<(u64, u16)> {
    bench.input(source, octets, |_, next| match next {
        Next::Done => None,
        Next::Indication(Indication::Answered { user, status, .. }) => Some((user, status)),
        _ => panic!("something else"),
    })
}

fn started(bench: &mut Bench) -> ((String, Flow), RequestId) {
    let id = bench.ims.message(bench.now, &delivery(), 7, &mut bench.sent).unwrap();
    bench.ims.assert_invariants();
    (bench.one(), id)
}

/// How a hop fails, after which the request is at the next.
fn fail(bench: &mut Bench, way: usize, at: &str, sent: &(String, Flow)) -> Option<u16> {
    match way {
        0 => ended(bench, at, &answer(&sent.0, "503 Service Unavailable", "")).map(|(_, status)| status),
        1 => icmp(bench, sent).map(|_| 0),
        _ => {
            while bench.sent.datagrams.iter().all(|(text, _)| text == &sent.0) {
                bench.pass(Duration::from_millis(500));
                bench.sent.datagrams.retain(|(text, _)| !text.starts_with("OPTIONS "));
                let expired = bench.ims.poll_expired(bench.now, &mut bench.sent);
                if expired.is_some() {
                    return Some(408);
                }
            }
            bench.sent.datagrams.retain(|(text, _)| text != &sent.0);
            None
        }
    }
}

#[test]
fn the_next_address_after_503_timeout_and_icmp() {
    for way in 0..3 {
        let mut bench = bench();
        let (first, id) = started(&mut bench);
        assert_eq!(first.1, flow(address(LOCAL), address(SCSCF)));
        assert_eq!(fail(&mut bench, way, SCSCF, &first), None, "{way}");
        let second = bench.one();
        assert_eq!(second.1, flow(address(LOCAL), address(SECOND)));
        // Everything is the same but branch and Route.
        let branch = |sent: &str| header(sent, "Via").split("branch=").nth(1).unwrap()[..41].to_owned();
        assert_ne!(branch(&first.0), branch(&second.0));
        let expected = first
            .0
            .replace(&branch(&first.0), &branch(&second.0))
            .replace("<sip:scscf1.home1.net;lr>", "<sip:scscf2.much.longer.home1.net:5070;lr>");
        assert_eq!(second.0, expected);
        // The late answer of the first is nobody's.
        assert_eq!(ended(&mut bench, SCSCF, &answer(&first.0, "200 OK", "")), None);
        assert_eq!(fail(&mut bench, way, SECOND, &second), None, "{way}");
        let third = bench.one();
        assert_eq!(
            (third.1, header(&third.0, "Route")),
            (flow(address(LOCAL), address(THIRD)), "<sip:s3;lr>")
        );
        assert_eq!(bench.ims.transaction_counts().0.elsewhere_tried, 2);
        if way == 0 {
            // Any other answer ends it, at whichever hop.
            assert_eq!(ended(&mut bench, THIRD, &answer(&third.0, "404 Not Found", "")), Some((7, 404)));
            assert!(!bench.ims.cancel(id));
        } else {
            // With the last hop the request ends as it would have with the first.
            assert_eq!(fail(&mut bench, way, THIRD, &third), Some(if way == 1 { 0 } else { 408 }), "{way}");
        }
        assert!(bench.taken().iter().all(|(text, _)| text.starts_with("OPTIONS ") || *text == third.0));
    }
}

#[test]
fn all_hops_together_have_the_time_that_the_caller_has() {
    let mut bench = bench();
    let (first, _) = started(&mut bench);
    let mut sent = vec![(0, first.1)];
    let mut last = first.0;
    let mut over = false;
    for step in 1..=400 {
        bench.pass(Duration::from_millis(100));
        let expired = bench.ims.poll_expired(bench.now, &mut bench.sent);
        for (text, by) in bench.taken() {
            if text.starts_with("MESSAGE ") && text != last {
                sent.push((step * 100, by));
                last = text;
            }
        }
        if expired.is_some() {
            assert_eq!(expired, Some(7));
            assert_eq!(step, 400, "40 s, in three equal parts: {sent:?}");
            over = true;
        }
    }
    assert!(over);
    let at: Vec<_> = sent.iter().map(|(at, _)| *at).collect();
    assert_eq!(at, [0, 13_400, 26_700], "40 s in three parts, looked at each 100 ms");
}

#[test]
fn a_hop_that_said_retry_after_rests() {
    let mut bench = bench();
    let (first, _) = started(&mut bench);
    let busy = answer(&first.0, "503 Service Unavailable", "Retry-After: 30 (maintenance)");
    assert_eq!(ended(&mut bench, SCSCF, &busy), None);
    let second = bench.one();
    assert_eq!(ended(&mut bench, SECOND, &answer(&second.0, "200 OK", "")), Some((7, 200)));
    // Nothing goes there, nor a probe, until it may again.
    for _ in 0..29 {
        let (sent, _) = started(&mut bench);
        assert_eq!(sent.1, flow(address(LOCAL), address(SECOND)));
        assert_eq!(header(&sent.0, "Route"), "<sip:scscf2.much.longer.home1.net:5070;lr>");
        assert_eq!(ended(&mut bench, SECOND, &answer(&sent.0, "200 OK", "")), Some((7, 200)));
        bench.pass(Duration::from_secs(1));
        assert!(bench.taken().is_empty());
    }
    bench.pass(Duration::from_secs(1));
    let (sent, _) = started(&mut bench);
    assert_eq!(
        (sent.1, header(&sent.0, "Route")),
        (flow(address(LOCAL), address(SCSCF)), "<sip:scscf1.home1.net;lr>")
    );
    // A rest without end is cut.
    let busy = answer(&sent.0, "503 Service Unavailable", "Retry-After: 99999999999");
    assert_eq!(ended(&mut bench, SCSCF, &busy), None);
    let states: Vec<_> = bench.ims.hops().map(|(_, state)| state.place()).collect();
    assert_eq!(states, [0, 0, 1, 0, 0]);
    bench.taken();
    bench.pass(Duration::from_secs(300));
    bench.taken();
    bench.ims.poll_expired(bench.now, &mut bench.sent);
    bench.taken();
    assert_eq!(started(&mut bench).0.1.destination, address(SCSCF).ip());
}

/// A hop that is down is asked by OPTIONS, and serves again once it answers, whatever it answers.
#[test]
fn a_hop_that_is_down_is_asked_until_it_answers() {
    let mut bench = bench();
    let (first, _) = started(&mut bench);
    assert_eq!(icmp(&mut bench, &first), None);
    let second = bench.one();
    assert_eq!(ended(&mut bench, SECOND, &answer(&second.0, "200 OK", "")), Some((7, 200)));
    assert_eq!(bench.ims.poll_timeout(), bench.now + Duration::from_secs(10));
    bench.pass(Duration::from_millis(9_999));
    assert!(bench.taken().is_empty());
    bench.pass(Duration::from_millis(1));
    let probe = bench.one();
    assert_eq!(probe.1, flow(address(LOCAL), address(SCSCF)));
    // It is gone still: nobody hears of it, and it is asked again.
    assert_eq!(icmp(&mut bench, &probe), None);
    bench.pass(Duration::from_secs(10));
    let probe = bench.one();
    assert_eq!(started(&mut bench).0.1.destination, address(SECOND).ip());
    assert_eq!(ended(&mut bench, SCSCF, &answer(&probe.0, "403 Forbidden", "")), None);
    assert_eq!(started(&mut bench).0.1.destination, address(SCSCF).ip());
    assert_eq!(bench.ims.counts.probes, 2);
    bench.pass(Duration::from_secs(10));
    assert!(bench.taken().iter().all(|(text, _)| text.starts_with("MESSAGE ")), "no more probes");
}

/// With no other hop, everything is as with one.
#[test]
fn the_only_hop_is_used_whatever_it_said() {
    let mut bench = bench();
    bench.ims.hops = Hops::new(&[hop(0, SCSCF, "sip:scscf1.home1.net")], Duration::from_secs(10));
    for _ in 0..2 {
        let (sent, _) = started(&mut bench);
        let busy = answer(&sent.0, "503 Service Unavailable", "Retry-After: 30");
        assert_eq!(ended(&mut bench, SCSCF, &busy), Some((7, 503)));
    }
    let (sent, _) = started(&mut bench);
    assert_eq!(icmp(&mut bench, &sent), Some(7));
    assert_eq!(started(&mut bench).0.1.destination, address(SCSCF).ip());
    bench.pass(Duration::from_secs(11));
    assert!(bench.taken().iter().all(|(text, _)| text.starts_with("MESSAGE ")), "it is not asked");
    // Nor does what goes to a UE itself go elsewhere.
    let direct = MessageRequest { route: None, ..delivery() };
    bench.ims.message(bench.now, &direct, 9, &mut bench.sent).unwrap();
    let sent = bench.one();
    assert_eq!(icmp(&mut bench, &sent), Some(9));
}

#[test]
fn a_request_is_given_up_at_whichever_hop_it_is() {
    let mut bench = bench();
    let (first, id) = started(&mut bench);
    assert_eq!(icmp(&mut bench, &first), None);
    bench.taken();
    assert!(bench.ims.cancel(id));
    assert!(!bench.ims.cancel(id));
    bench.pass(Duration::from_secs(5));
    assert!(bench.taken().is_empty());
    assert_eq!(bench.ims.clients.len(), 0);
}

/// The hop before may have passed it on before it said no: who then has it twice says 482 (RFC 3261 8.2.2.2), and has it.
#[test]
fn a_copy_that_our_failover_has_made_is_there() {
    let mut bench = bench();
    let (first, _) = started(&mut bench);
    let merged = |sent: &(String, Flow)| answer(&sent.0, "482 Merged Request", "");
    assert_eq!(ended(&mut bench, SCSCF, &merged(&first)), Some((7, 482)), "of the only copy");
    let (first, _) = started(&mut bench);
    assert_eq!(fail(&mut bench, 0, SCSCF, &first), None);
    let second = bench.one();
    assert_eq!(ended(&mut bench, SECOND, &merged(&second)), Some((7, 202)));
}

/// Via names the transport, and a peer by TLS gets nothing in clear: a request goes on to a hop of the same kind alone.
#[test]
fn no_failover_to_another_transport() {
    let kinds = [None, Some(false), Some(true)];
    for first in kinds {
        for second in kinds {
            let mut bench = bench();
            let peers = [(SCSCF, first), (SECOND, second)];
            let peers = peers.iter().filter_map(|(at, secure)| Some((address(at), (*secure)?))).collect();
            let listen = vec![(address(LOCAL), false), (address("192.0.2.1:5061"), true)];
            let streams = ImsStreams { listen, peers };
            bench.ims = Ims::new(ImsConfig { streams, ..bench.ims.config.clone() }, &SipKey::new([3; 16]));
            let hops = [hop(0, SCSCF, "sip:scscf1.home1.net"), hop(0, SECOND, "sip:scscf2.home1.net")];
            bench.ims.hops = Hops::new(&hops, Duration::from_secs(10));
            let (sent, _) = started(&mut bench);
            let is_stream = sent.1.transport.is_stream();
            assert_eq!(
                (is_stream, sent.0.contains("Via: SIP/2.0/TLS ")),
                (first.is_some(), first == Some(true))
            );
            let refused = fail(&mut bench, 0, SCSCF, &sent);
            // Every element that takes UDP takes TCP (RFC 3261 18): by TCP a request goes on to it.
            if first == second || (first, second) == (Some(false), None) {
                assert_eq!(refused, None, "{first:?} {second:?}");
                let again = bench.one();
                let transport = |sent: &str| header(sent, "Via").split(' ').next().unwrap().to_owned();
                assert_eq!(
                    (again.1.destination, transport(&again.0)),
                    (address(SECOND).ip(), transport(&sent.0))
                );
                assert_eq!(again.1.transport.is_stream(), is_stream);
            } else {
                assert_eq!(refused, Some(503), "{first:?} {second:?}");
                assert_eq!(bench.taken(), []);
            }
        }
    }
}
