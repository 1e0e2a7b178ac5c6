//! SUBSCRIBE and NOTIFY of the event package `reg`.

use super::requests::between;
use super::*;
use crate::stack::{Notify, SubscribeRequest, Subscribed};

const KEY: Key = Key { slot: 7, generation: 0x0500_0001 };

pub(super) fn first<'a>() -> SubscribeRequest<'a> {
    SubscribeRequest {
        local: address(LOCAL),
        remote: address(SCSCF),
        request_uri: "sip:alice@home1.net",
        to: "sip:alice@home1.net",
        to_tag: &[],
        from: "sip:gw.home1.net",
        routes: &[b"<sip:scscf1.home1.net;lr>"],
        expires: 600_000,
        key: KEY,
        sequence: 1,
    }
}

/// The SUBSCRIBE that is sent.
fn subscribe(bench: &mut Bench, request: &SubscribeRequest<'_>) -> String {
    bench.ims.subscribe(bench.now, request, 42, &mut bench.sent).unwrap();
    let (sent, to) = bench.one();
    assert_eq!(to, flow(address(LOCAL), address(SCSCF)));
    sent
}

/// A NOTIFY in the dialogue of a SUBSCRIBE of ours, with these headers and this body.
fn notify(subscribe: &str, headers: &str, body: &str) -> Vec<u8> {
    let (tag, call_id) = (between(subscribe, "net>;tag=", "\r"), between(subscribe, "Call-ID: ", "\r"));
    let head = text(&format!(
        "
        NOTIFY sip:192.0.2.1:5060 SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1
        Max-Forwards: 70
        From: <sip:alice@home1.net>;tag=s1
        To: <sip:gw.home1.net>;tag={tag}
        Call-ID: {call_id}
        CSeq: 41 NOTIFY
        {headers}
        Content-Length: {}
        ",
        body.len()
    ));
    [head, body.as_bytes().to_vec()].concat()
}

const HEADERS: &str = "Event: reg;id=1
        Subscription-State: active;expires=3600
        Contact: <sip:scscf1.home1.net:5070;x=y>;expires=7
        Record-Route: <sip:p1.home1.net;lr>;a=b, \"P\" <sip:p2.home1.net;lr>
        Record-Route: <sip:p3.home1.net>
        Content-Type: application/reginfo+xml;charset=\"utf-8\"";

fn notified<T>(bench: &mut Bench, datagram: &[u8], see: impl FnOnce(&mut Bench, &Notify<'_>) -> T) -> T {
    bench.input(SCSCF, datagram, |bench, next| match next {
        Next::Indication(Indication::Notify(notify)) => see(bench, &notify),
        _ => panic!("no NOTIFY"),
    })
}

#[test]
fn a_subscribe_has_what_rfc_3680_asks_for() {
    let mut bench = Bench::new();
    let sent = subscribe(&mut bench, &first());
    let branch = between(&sent, "branch=", ";rport");
    let (tag, call_id) = (between(&sent, "net>;tag=", "\r"), between(&sent, "Call-ID: ", "\r"));
    assert_eq!(
        sent.as_bytes(),
        text(&format!(
            "
            SUBSCRIBE sip:alice@home1.net SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport
            Max-Forwards: 70
            Route: <sip:scscf1.home1.net;lr>
            From: <sip:gw.home1.net>;tag={tag}
            To: <sip:alice@home1.net>
            Call-ID: {call_id}
            CSeq: 1 SUBSCRIBE
            P-Asserted-Identity: <sip:gw.home1.net>
            Contact: <sip:192.0.2.1:5060>
            Event: reg
            Accept: application/reginfo+xml
            Expires: 600000
            Content-Length: 0
            "
        ))
    );
    // Within the dialogue: the same Call-ID and tag, the peer's tag, and the next CSeq.
    let refresh = SubscribeRequest { to_tag: b"s1", sequence: 2, ..first() };
    let again = subscribe(&mut bench, &refresh);
    for line in [
        format!("From: <sip:gw.home1.net>;tag={tag}\r\n"),
        "To: <sip:alice@home1.net>;tag=s1\r\n".into(),
        format!("Call-ID: {call_id}\r\n"),
        "CSeq: 2 SUBSCRIBE\r\n".into(),
    ] {
        assert!(again.contains(&line), "{line} in {again}");
    }
    let split = SubscribeRequest { to_tag: b"s1\r\nX: y", ..first() };
    assert!(bench.ims.subscribe(bench.now, &split, 42, &mut bench.sent).is_err());
}

#[test]
fn its_answer_tells_what_is_granted_or_when_to_try_again() {
    let answers = [
        (
            "200 OK",
            "Expires: 3600",
            Subscribed { status: 200, expires: Some(3_600), ..Subscribed::default() },
        ),
        (
            "423 Interval Too Brief",
            "Min-Expires: 9",
            Subscribed { status: 423, min_expires: Some(9), ..Subscribed::default() },
        ),
        (
            "503 Service Unavailable",
            "Retry-After: 20 (busy);duration=3",
            Subscribed { status: 503, retry_after: Some(20), ..Subscribed::default() },
        ),
    ];
    for (status, header, expected) in answers {
        let mut bench = Bench::new();
        let sent = subscribe(&mut bench, &first());
        let from_via = between(&sent, "SIP/2.0\r\n", "Max-Forwards").to_owned();
        let ids = between(&sent, "net;lr>\r\n", "P-Asserted")
            .replace("home1.net>\r\nCall", "home1.net>;tag=s1\r\nCall");
        let answer = format!("SIP/2.0 {status}\r\n{from_via}{ids}{header}\r\nContent-Length: 0\r\n\r\n");
        bench.input(SCSCF, answer.as_bytes(), |_, next| match next {
            Next::Indication(Indication::Subscribed { user: 42, answer }) => assert_eq!(answer, expected),
            _ => panic!("no answer: {status}"),
        });
    }
}

#[test]
fn a_notify_tells_its_subscription_dialogue_and_document() {
    let mut bench = Bench::new();
    let sent = subscribe(&mut bench, &first());
    notified(&mut bench, &notify(&sent, HEADERS, "<reginfo/>"), |bench, it| {
        assert_eq!((it.key, it.remote_tag, it.cseq), (KEY, &b"s1"[..], 41));
        assert_eq!(it.state, b"active;expires=3600");
        assert_eq!(it.contact, Some(&b"sip:scscf1.home1.net:5070;x=y"[..]));
        let routes: Vec<_> = it.routes().map(|route| route.escape_ascii().to_string()).collect();
        assert_eq!(routes, ["sip:p1.home1.net;lr", "sip:p2.home1.net;lr", "sip:p3.home1.net"]);
        assert_eq!(it.body, b"<reginfo/>");
        bench.ims.answer(bench.now, &it.request, 200, &mut bench.sent);
    });
    assert!(bench.one().0.starts_with("SIP/2.0 200 OK\r\n"));
    bench.absorbed(SCSCF, &notify(&sent, HEADERS, "<reginfo/>"));
    assert!(bench.one().0.starts_with("SIP/2.0 200 OK\r\n"), "repeated");
}

#[test]
fn a_notify_of_another_subscription_package_or_document_is_refused() {
    type Change = fn(&str) -> String;
    let changes: [(Change, &str, &str); 8] = [
        (|it| it.replacen("Call-ID: ", "Call-ID: 0", 1), "481 ", ""),
        (|it| it.replacen("net>;tag=", "net>;tag=0", 2), "481 ", ""),
        (|it| it.replacen("To: <sip:gw.home1.net>;tag=", "To: <sip:gw.home1.net>;x=", 1), "481 ", ""),
        (|it| it.replacen("Event: reg;id=1", "Event: presence", 1), "489 ", "Allow-Events: reg\r\n"),
        (|it| it.replacen("Event: reg;id=1", "Event: reg.winfo", 1), "489 ", "Allow-Events: reg\r\n"),
        (|it| it.replacen("Event: reg;id=1", "X: y", 1), "489 ", "Allow-Events: reg\r\n"),
        (|it| it.replacen("reginfo+xml", "pidf+xml", 1), "415 ", "Accept: application/reginfo+xml\r\n"),
        (|it| it.replacen("Contact: <sip:scscf1", "Contact: <:scscf1", 1), "400 ", ""),
    ];
    for (at, (change, status, header)) in changes.into_iter().enumerate() {
        let mut bench = Bench::new();
        let sent = subscribe(&mut bench, &first());
        let whole = String::from_utf8(notify(&sent, HEADERS, "<reginfo/>")).unwrap();
        let changed = change(&whole);
        assert_ne!(changed, whole, "{at}");
        bench.absorbed(SCSCF, changed.as_bytes());
        let answer = bench.one().0;
        assert!(
            answer.starts_with(&format!("SIP/2.0 {status}")) && answer.contains(header),
            "{at}: {answer}"
        );
    }
    let mut bench = Bench::new();
    let sent = subscribe(&mut bench, &first());
    // The tag of one request and the Call-ID of another.
    let other = SubscribeRequest { key: Key { slot: 8, ..KEY }, ..first() };
    let second = subscribe(&mut bench, &other);
    let mixed = String::from_utf8(notify(&sent, HEADERS, ""))
        .unwrap()
        .replace(between(&sent, "Call-ID: ", "\r"), between(&second, "Call-ID: ", "\r"));
    bench.absorbed(SCSCF, mixed.as_bytes());
    assert!(bench.one().0.starts_with("SIP/2.0 481 "));
    assert_eq!(bench.ims.counts.bad_dialogue, 1);
    // Any worker takes it, in upper or lower case, and a SUBSCRIBE is nothing for us.
    let spelt = String::from_utf8(notify(&sent, HEADERS, "")).unwrap().replace("Event: reg;", "o: REG ;");
    notified(&mut bench, spelt.replace("z9hG4bK1", "z9hG4bK3").as_bytes(), |_, _| ());
    let theirs = spelt.replace("NOTIFY", "SUBSCRIBE").replace("z9hG4bK1", "z9hG4bK4");
    bench.absorbed(SCSCF, theirs.as_bytes());
    let refused = bench.taken().pop().unwrap().0;
    assert!(refused.starts_with("SIP/2.0 405 ") && refused.contains("OPTIONS, NOTIFY\r\n"), "{refused}");
}
