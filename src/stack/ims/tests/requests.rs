//! Requests of ours to a UE with direct access.

use super::*;

/// What stands between two texts.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map(|(found, _)| found).unwrap()
}

fn direct<'a>() -> MessageRequest<'a> {
    MessageRequest {
        local: address(LOCAL_V6),
        remote: address(UE_V6),
        request_uri: "sip:a@[2001:db8:7::7]:5070;ob",
        to: Some("sip:a@home1.net"),
        from: "sip:gw.home1.net",
        asserted: false,
        route: None,
        in_reply_to: None,
        key: Key { slot: 1, generation: 2 },
        towards_ue: false,
        access_network_info: &[],
        rp: Rp::Ack { reference: 7, tpdu: None },
    }
}

#[test]
fn a_message_goes_to_the_contact_and_is_for_the_identity() {
    let mut bench = Bench::new();
    bench.ims.message(bench.now, &direct(), 1, &mut bench.sent).unwrap();
    let (sent, to) = bench.one();
    assert_eq!(to, flow(address(LOCAL_V6), address(UE_V6)));
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    let branch = between(head, "branch=", ";rport");
    let (tag, call_id) = (between(head, "net>;tag=", "\r"), between(head, "Call-ID: ", "\r"));
    let cseq = between(head, "CSeq: ", " MESSAGE");
    assert_eq!(
        (head.to_owned() + "\r\n\r\n").into_bytes(),
        text(&format!(
            "
            MESSAGE sip:a@[2001:db8:7::7]:5070;ob SIP/2.0
            Via: SIP/2.0/UDP [2001:db8::1]:5060;branch={branch};rport
            Max-Forwards: 70
            From: <sip:gw.home1.net>;tag={tag}
            To: <sip:a@home1.net>
            Call-ID: {call_id}
            CSeq: {cseq} MESSAGE
            Content-Type: application/vnd.3gpp.sms
            Content-Length: 2
            "
        ))
    );
    assert!(rp::Rpdu::parse(body.as_bytes(), rp::Direction::NetworkToMs).is_ok());
    bench.ims.message(bench.now, &MessageRequest { asserted: true, ..direct() }, 1, &mut bench.sent).unwrap();
    assert!(bench.one().0.contains("\r\nP-Asserted-Identity: <sip:gw.home1.net>\r\n"));
}

#[test]
fn a_ue_is_informed_by_any_content() {
    let mut bench = Bench::new();
    let request = InformRequest {
        local: address(LOCAL),
        remote: address(UE),
        request_uri: "sip:a@10.1.2.3:5070",
        to: "sip:a@home1.net",
        from: "sip:gw.home1.net",
        key: Key { slot: 1, generation: 2 },
        content_type: "text/plain;charset=UTF-8",
        body: "Registration ended".as_bytes(),
    };
    bench.ims.inform(bench.now, &request, 7, &mut bench.sent).unwrap();
    let (sent, to) = bench.one();
    assert_eq!(to, flow(address(LOCAL), address(UE)));
    assert!(
        sent.starts_with("MESSAGE sip:a@10.1.2.3:5070 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=")
    );
    assert!(sent.contains("\r\nTo: <sip:a@home1.net>\r\n"));
    let content =
        "\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: 18\r\n\r\nRegistration ended";
    assert!(sent.ends_with(content), "{sent}");
    // Its answer ends it as any other.
    let answer = text(&format!(
        "
        SIP/2.0 200 OK
        Via: {}
        From: <sip:gw.home1.net>;tag=1
        To: <sip:a@home1.net>;tag=2
        Call-ID: 1
        CSeq: 1 MESSAGE
        ",
        between(&sent, "Via: ", "\r")
    ));
    let answered = bench.input(UE, &answer, |_, next| {
        matches!(next, Next::Indication(Indication::Answered { user: 7, status: 200, .. }))
    });
    assert!(answered);
    let long = "x".repeat(1400);
    let too_long = InformRequest { body: long.as_bytes(), ..request };
    let split = InformRequest { content_type: "a\r\nb", ..request };
    for wrong in [too_long, split] {
        let refused = bench.ims.inform(bench.now, &wrong, 7, &mut bench.sent);
        assert_eq!(refused, Err(crate::stack::Refusal::TooLong));
    }
    assert!(bench.taken().is_empty());
}

#[test]
fn a_publication_says_what_it_is_and_its_answer_brings_the_entity_tag() {
    let mut bench = Bench::new();
    let refresh = PublishRequest {
        local: address(LOCAL),
        remote: address(SCSCF),
        uri: "sip:+49170000001@home1.net",
        event: "presence",
        expires: 3600,
        if_match: Some("dx200xyz"),
        key: Key { slot: 1, generation: 2 },
        body: ("", &[]),
    };
    let first = PublishRequest { if_match: None, body: ("application/pidf+xml", b"<presence/>"), ..refresh };
    for (request, headers) in [
        (refresh, "SIP-If-Match: dx200xyz\r\nContent-Length: 0\r\n\r\n"),
        (first, "Content-Type: application/pidf+xml\r\nContent-Length: 11\r\n\r\n<presence/>"),
    ] {
        bench.ims.publish(bench.now, &request, 7, &mut bench.sent).unwrap();
        let (sent, to) = bench.one();
        assert_eq!(to, flow(address(LOCAL), address(SCSCF)));
        assert!(sent.starts_with("PUBLISH sip:+49170000001@home1.net SIP/2.0\r\n"), "{sent}");
        assert!(sent.contains("\r\nFrom: <sip:+49170000001@home1.net>;tag="));
        assert!(sent.contains("\r\nTo: <sip:+49170000001@home1.net>\r\n"));
        assert!(
            sent.ends_with(&format!(" PUBLISH\r\nEvent: presence\r\nExpires: 3600\r\n{headers}")),
            "{sent}"
        );
        let via = between(&sent, "Via: ", "\r");
        for (status, extra, expected) in [
            ("100 Trying", "SIP-ETag: early", None),
            (
                "200 OK",
                "SIP-ETag: kwj449x\nExpires: 1800",
                Some(Published {
                    status: 200,
                    etag: Some(b"kwj449x"),
                    expires: Some(1800),
                    min_expires: None,
                }),
            ),
        ] {
            let answered =
                bench.input(SCSCF, &answer_to(via, "PUBLISH", status, extra), |_, next| match next {
                    Next::Indication(Indication::Published { user: 7, answer }) => Some(answer) == expected,
                    Next::Done => expected.is_none(),
                    _ => false,
                });
            assert!(answered, "{status}");
        }
    }
    bench.ims.publish(bench.now, &first, 8, &mut bench.sent).unwrap();
    let (sent, _) = bench.one();
    let brief =
        answer_to(between(&sent, "Via: ", "\r"), "PUBLISH", "423 Interval Too Brief", "Min-Expires: 7200");
    let refused = bench.input(SCSCF, &brief, |_, next| match next {
        Next::Indication(Indication::Published { user: 8, answer }) => {
            Some((answer.status, answer.min_expires))
        }
        _ => None,
    });
    assert_eq!(refused, Some((423, Some(7200))));
    let split = PublishRequest { if_match: Some("a\r\nb"), ..refresh };
    let refused = bench.ims.publish(bench.now, &split, 7, &mut bench.sent);
    assert_eq!(refused, Err(crate::stack::Refusal::TooLong));
}

/// A response to the request with this Via, with more header lines.
fn answer_to(via: &str, method: &str, status: &str, more: &str) -> Vec<u8> {
    text(&format!(
        "SIP/2.0 {status}\nVia: {via}\nFrom: <sip:a>;tag=1\nTo: <sip:a>;tag=2\nCall-ID: 1\nCSeq: 1 {method}\n{more}"
    ))
}

#[test]
fn a_request_that_nobody_waits_for_is_not_repeated() {
    let mut bench = Bench::new();
    let request = bench.ims.message(bench.now, &direct(), 1, &mut bench.sent).unwrap();
    bench.pass(Duration::from_millis(500));
    assert_eq!(bench.taken().len(), 2);
    assert!(bench.ims.cancel(request));
    assert!(!bench.ims.cancel(request));
    bench.pass(Duration::from_secs(33));
    assert_eq!((bench.taken().len(), bench.ims.poll_expired()), (0, None));
    // Its place is another's now.
    let next = bench.ims.message(bench.now, &direct(), 2, &mut bench.sent).unwrap();
    assert!(next != request && !bench.ims.cancel(request) && bench.ims.cancel(next));
}

/// RFC 3261 19.1.1: a contact may have headers and a method, a Request-URI may not.
#[test]
fn headers_and_method_of_a_contact_stay_out_of_the_request_uri() {
    let mut bench = Bench::new();
    for (contact, request_uri) in [
        ("sip:a@[2001:db8:7::7]:5070;ob?Route=%3Csip:x.example%3E", "sip:a@[2001:db8:7::7]:5070;ob"),
        ("SIPS:a@x.example;Method=REGISTER;transport=udp?a=b&c=d", "SIPS:a@x.example;transport=udp"),
        ("sip:x.example;method=INVITE", "sip:x.example"),
        ("sip:a;method=b?c@x.example;lr", "sip:a;method=b?c@x.example;lr"),
        ("sip:a@x.example;methods=a", "sip:a@x.example;methods=a"),
        ("tel:+4917012345;method=x", "tel:+4917012345;method=x"),
    ] {
        let request = MessageRequest { request_uri: contact, ..direct() };
        bench.ims.message(bench.now, &request, 1, &mut bench.sent).unwrap();
        let (sent, _) = bench.one();
        assert_eq!(between(&sent, "MESSAGE ", " SIP/2.0\r\n"), request_uri, "{contact}");
    }
}
