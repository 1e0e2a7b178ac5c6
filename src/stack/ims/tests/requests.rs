//! Requests of ours to a UE with direct access.

use super::*;

/// What stands between two texts.
pub(super) fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map(|(found, _)| found).unwrap()
}

fn direct<'a>() -> MessageRequest<'a> {
    MessageRequest {
        local: address(LOCAL_V6),
        remote: address(UE_V6),
        connection: None,
        request_uri: "sip:a@[2001:db8:7::7]:5070;ob",
        to: Some("sip:a@home1.net"),
        from: "sip:gw.home1.net",
        asserted: false,
        route: None,
        in_reply_to: None,
        key: Key { slot: 1, generation: 2 },
        towards_ue: false,
        access_network_info: &[],
        charging: None,
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
        connection: None,
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
    // What is longer than a frame goes in fragments; a datagram has its limit too.
    let long = "x".repeat(1480);
    let fragments = InformRequest { body: long.as_bytes(), ..request };
    bench.ims.inform(bench.now, &fragments, 8, &mut bench.sent).unwrap();
    assert!(bench.one().0.len() > sip::MAX_REQUEST);
    let long = "x".repeat(8100);
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
    assert_eq!((bench.taken().len(), bench.ims.poll_expired(bench.now, &mut bench.sent)), (0, None));
    // Its place is another's now.
    let next = bench.ims.message(bench.now, &direct(), 2, &mut bench.sent).unwrap();
    assert!(next != request && !bench.ims.cancel(request) && bench.ims.cancel(next));
}

/// A REGISTER as the core network in a box sends it.
fn registering<'a>() -> crate::stack::RegisterRequest<'a> {
    crate::stack::RegisterRequest {
        local: address(LOCAL),
        remote: address(SCSCF),
        request_uri: "sip:as.home1.net",
        from: "sip:scscf1.home1.net",
        to: "sip:a@home1.net",
        expires: 600_000,
        contact: None,
        authorization: None,
        key: Key { slot: 1, generation: 2 },
        sequence: 87,
        access_network_info: b"3GPP-UTRAN-TDD; utran-cell-id-3gpp=234151D0FCE11",
        body: ("application/3gpp-ims+xml", b"<ims-3gpp/>"),
    }
}

/// RFC 3261 8.1.1: To, From with its tag, CSeq, Call-ID, Max-Forwards and Via in every request; and beyond them what each is
/// for, octet by octet but for the identifiers.
#[test]
fn pain_02_every_request_has_what_rfc_3261_demands() {
    let mut bench = Bench::new();
    let key = Key { slot: 1, generation: 2 };
    let core = MessageRequest {
        local: address(LOCAL),
        remote: address(SCSCF),
        request_uri: "tel:+49170",
        to: None,
        route: Some("sip:scscf1.home1.net"),
        asserted: true,
        charging: Some((b"0f", b"Type 3home1.net")),
        towards_ue: true,
        ..direct()
    };
    let report = MessageRequest {
        in_reply_to: Some(b"c1@ue"),
        request_uri: "sip:a@home1.net",
        charging: Some((b"1e", b"")),
        ..core
    };
    let inform = InformRequest {
        local: address(LOCAL),
        remote: address(UE),
        connection: None,
        request_uri: "sip:a@10.1.2.3",
        to: "sip:a@home1.net",
        from: "sip:gw.home1.net",
        key,
        content_type: "text/plain",
        body: b"x",
    };
    let publish = PublishRequest {
        local: address(LOCAL),
        remote: address(SCSCF),
        uri: "sip:a@home1.net",
        event: "presence",
        expires: 3600,
        if_match: None,
        key,
        body: ("application/pidf+xml", b"<p/>"),
    };
    let (now, ims, out) = (bench.now, &mut bench.ims, &mut bench.sent);
    ims.message(now, &core, 1, out).unwrap();
    ims.message(now, &report, 2, out).unwrap();
    ims.message(now, &direct(), 3, out).unwrap();
    ims.inform(now, &inform, 4, out).unwrap();
    ims.register(now, &registering(), 5, out).unwrap();
    ims.publish(now, &publish, 6, out).unwrap();
    let hop =
        Hop { network: 0, address: address(SCSCF), uri: Identity::new(b"sip:scscf1.home1.net").unwrap() };
    assert!(ims.ask_hop(now, 0, &hop, out));
    let sms = "Content-Type: application/vnd.3gpp.sms\nContent-Length: 2";
    let core_headers = "P-Asserted-Identity: <sip:gw.home1.net>\n%Request-Disposition: no-fork\n\
        Accept-Contact: *;+g.3gpp.smsip;require;explicit\n";
    let route = "\nRoute: <sip:scscf1.home1.net;lr>";
    let expected = [
        (
            "MESSAGE tel:+49170",
            "192.0.2.1",
            route,
            "gw.home1.net",
            "tel:+49170",
            core_headers.replace('%', "P-Charging-Vector: icid-value=0f;orig-ioi=\"Type 3home1.net\"\n")
                + sms,
        ),
        (
            "MESSAGE sip:a@home1.net",
            "192.0.2.1",
            route,
            "gw.home1.net",
            "sip:a@home1.net",
            core_headers.replace('%', "P-Charging-Vector: icid-value=1e\nIn-Reply-To: c1@ue\n") + sms,
        ),
        (
            "MESSAGE sip:a@[2001:db8:7::7]:5070;ob",
            "[2001:db8::1]",
            "",
            "gw.home1.net",
            "sip:a@home1.net",
            sms.into(),
        ),
        (
            "MESSAGE sip:a@10.1.2.3",
            "192.0.2.1",
            "",
            "gw.home1.net",
            "sip:a@home1.net",
            "Content-Type: text/plain\nContent-Length: 1".into(),
        ),
        (
            "REGISTER sip:as.home1.net",
            "192.0.2.1",
            "",
            "scscf1.home1.net",
            "sip:a@home1.net",
            "Contact: <sip:scscf1.home1.net>\nExpires: 600000\n\
             P-Access-Network-Info: 3GPP-UTRAN-TDD; utran-cell-id-3gpp=234151D0FCE11\n\
             Content-Type: application/3gpp-ims+xml\nContent-Length: 11"
                .into(),
        ),
        (
            "PUBLISH sip:a@home1.net",
            "192.0.2.1",
            "",
            "a@home1.net",
            "sip:a@home1.net",
            "Event: presence\nExpires: 3600\nContent-Type: application/pidf+xml\nContent-Length: 4".into(),
        ),
        (
            "OPTIONS sip:scscf1.home1.net",
            "192.0.2.1",
            "",
            "gw.example",
            "sip:scscf1.home1.net",
            "Accept: application/vnd.3gpp.sms\nContent-Length: 0".into(),
        ),
    ];
    let sent = bench.taken();
    assert_eq!(sent.len(), expected.len());
    let mut seen = std::collections::BTreeSet::new();
    for ((sent, _), (start, host, route, from, to, more)) in sent.iter().zip(expected) {
        let (head, _) = sent.split_once("\r\n\r\n").unwrap();
        let (branch, call_id) = (between(head, "branch=", ";rport"), between(head, "Call-ID: ", "\r"));
        let (tag, cseq) = (between(head, ">;tag=", "\r"), between(head, "CSeq: ", " "));
        assert!(branch.starts_with("z9hG4bK") && tag.len() >= 8 && cseq.parse::<u32>().unwrap() < 1 << 31);
        assert!(seen.insert(branch.to_owned()), "a branch of its own");
        let method = start.split(' ').next().unwrap();
        assert_eq!(
            (head.to_owned() + "\r\n\r\n").into_bytes(),
            text(&format!(
                "{start} SIP/2.0\nVia: SIP/2.0/UDP {host}:5060;branch={branch};rport\nMax-Forwards: 70{route}\n\
                 From: <sip:{from}>;tag={tag}\nTo: <{to}>\nCall-ID: {call_id}\nCSeq: {cseq} {method}\n{more}"
            ))
        );
        let mut slots = Slots::new();
        assert!(sip::Message::parse(sent.as_bytes(), &mut slots).is_ok());
    }
}

/// Pain 1: a submit report goes out however long the texts are that it has to repeat, or the UE submits again for ever.
#[test]
fn pain_01_a_submit_report_is_sent_however_long_its_texts_are() {
    let mut bench = Bench::new();
    let identity = |letter: &str| format!("sip:{}@home1.net", letter.repeat(Identity::MAX - 14));
    let (to, route, from) = (identity("a"), identity("b"), identity("c"));
    let (call_id, tpdu) = ("i".repeat(256), [0x55; 232]);
    let report = MessageRequest {
        request_uri: &to,
        to: Some(&to),
        from: &from,
        asserted: true,
        route: Some(&route),
        in_reply_to: Some(call_id.as_bytes()),
        towards_ue: true,
        access_network_info: &[b'p'; 200],
        charging: None,
        rp: Rp::Ack { reference: 7, tpdu: Some(&tpdu) },
        ..direct()
    };
    bench.ims.message(bench.now, &report, 1, &mut bench.sent).unwrap();
    let (sent, _) = bench.one();
    assert!(sent.chars().count() > sip::MAX_REQUEST, "{}", sent.chars().count());
    assert!(sent.contains(&format!("\r\nIn-Reply-To: {call_id}\r\n")));
    assert_eq!(bench.ims.counts.not_sent, 0);
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
