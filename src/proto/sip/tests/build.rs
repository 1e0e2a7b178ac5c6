//! Golden octets of everything that we write, and identifiers.

use super::*;
use crate::proto::sip::build::{self, Content, Request, reason_phrase, response_target};

fn written(write: impl FnOnce(&mut Writer<'_>)) -> Option<Vec<u8>> {
    let mut buffer = [0xaa; 1472];
    let mut w = Writer::new(&mut buffer);
    write(&mut w);
    let len = w.finish()?;
    Some(buffer[..len].to_vec())
}

const DELIVERY: Request<'static> = Request {
    method: Method::Message,
    uri: b"tel:+4917012345670",
    transport: b"UDP",
    host: b"ipsmgw.home1.net",
    port: 5060,
    branch: b"z9hG4bKabc",
    routes: &[b"<sip:scscf1.home1.net;lr>"],
    from: b"sip:ipsmgw.home1.net",
    from_tag: b"f00",
    to: b"tel:+4917012345670",
    call_id: b"id@ipsmgw.home1.net",
    cseq: 1,
};

#[test]
fn a_delivery_is_written_as_ts_24_341_wants_it() {
    let bytes = written(|w| {
        let extra = |w: &mut Writer<'_>| {
            w.address(Name::PAssertedIdentity, b"sip:ipsmgw.home1.net", &[]);
            w.header(Name::RequestDisposition, &[b"no-fork"]);
            w.header(Name::AcceptContact, &[b"*;+g.3gpp.smsip;require;explicit"]);
            w.header(Name::InReplyTo, &[b"cb03a0s09a2sdfglkj490333"]);
        };
        let content = Content { media_type: b"application/vnd.3gpp.sms", body: &binary_body() };
        build::request(&DELIVERY, extra, Some(content), w);
    })
    .unwrap();
    let mut golden = text(
        "
        MESSAGE tel:+4917012345670 SIP/2.0
        Via: SIP/2.0/UDP ipsmgw.home1.net:5060;branch=z9hG4bKabc;rport
        Max-Forwards: 70
        Route: <sip:scscf1.home1.net;lr>
        From: <sip:ipsmgw.home1.net>;tag=f00
        To: <tel:+4917012345670>
        Call-ID: id@ipsmgw.home1.net
        CSeq: 1 MESSAGE
        P-Asserted-Identity: <sip:ipsmgw.home1.net>
        Request-Disposition: no-fork
        Accept-Contact: *;+g.3gpp.smsip;require;explicit
        In-Reply-To: cb03a0s09a2sdfglkj490333
        Content-Type: application/vnd.3gpp.sms
        Content-Length: 48
        ",
    );
    golden.extend(binary_body());
    assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&golden));
    assert_eq!(bytes, golden);
    parse(&bytes, |message| {
        assert_eq!(message.from().tag(), Some(&b"f00"[..]), "every request has one (RFC 3261 8.1.1.3)");
        assert_eq!(message.body(), binary_body());
    });
}

#[test]
fn a_registration_is_written_with_its_mandatory_headers() {
    let register = Request {
        method: Method::Register,
        uri: b"sip:home1.net",
        transport: b"UDP",
        host: b"[2001:db8::1]",
        port: 5062,
        routes: &[],
        from: b"sip:user@home1.net",
        to: b"sip:user@home1.net",
        cseq: 4_000_000_000,
        ..DELIVERY
    };
    let bytes = written(|w| {
        build::request(
            &register,
            |w| {
                w.address(Name::Contact, b"sip:user@[2001:db8::1]:5062", &[b";+g.3gpp.smsip"]);
                w.number(Name::Expires, 3600);
            },
            None,
            w,
        );
    })
    .unwrap();
    let golden = text(
        "
        REGISTER sip:home1.net SIP/2.0
        Via: SIP/2.0/UDP [2001:db8::1]:5062;branch=z9hG4bKabc;rport
        Max-Forwards: 70
        From: <sip:user@home1.net>;tag=f00
        To: <sip:user@home1.net>
        Call-ID: id@ipsmgw.home1.net
        CSeq: 4000000000 REGISTER
        Contact: <sip:user@[2001:db8::1]:5062>;+g.3gpp.smsip
        Expires: 3600
        Content-Length: 0
        ",
    );
    assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&golden));
}

#[test]
fn a_response_copies_what_rfc_3261_8_2_6_says() {
    let minter = minter();
    let bytes = parse(&mo_message(), |request| {
        let tag = minter.to_tag(&request);
        written(|w| build::response(&request, 202, reason_phrase(202), &tag, source(), |_| (), w)).unwrap()
    });
    let tag = parse(&mo_message(), |request| minter.to_tag(&request));
    let tag = std::str::from_utf8(tag.as_bytes()).unwrap();
    let golden = text(&format!(
        "
        SIP/2.0 202 Accepted
        Via: SIP/2.0/UDP scscf1.home1.net:5060;branch=z9hG4bK344a65.1;received=192.0.2.7
        Via: SIP/2.0/UDP pcscf1.visited1.net:5060;branch=z9hG4bK240f34.1, SIP/2.0/UDP [5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp;branch=z9hG4bKnashds7
        From: <sip:+4917012345670@home1.net>;tag=171828
        To: <tel:+49172000001;phone-context=x>;tag={tag}
        Call-ID: cb03a0s09a2sdfglkj490333
        CSeq: 666 MESSAGE
        Content-Length: 0
        "
    ));
    assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&golden));
}

/// 3,000 requests that say the same, by seed: their lines in any order and spelling.
#[test]
fn a_response_does_not_tell_how_its_request_was_spelt() {
    const LINES: [[&str; 5]; 7] = [
        [
            "Via: SIP/2.0/UDP a;branch=z9hG4bK1;rport",
            "v:SIP/2.0/UDP a;branch=z9hG4bK1;rport",
            "Via: SIP/2.0/UDP a;rport;branch=z9hG4bK1",
            "VIA: SIP/2.0/UDP a;branch=z9hG4bK1;rport \t",
            "Via:\r\n SIP/2.0/UDP a;branch=z9hG4bK1;rport",
        ],
        [
            "Via: SIP/2.0/UDP b",
            "v: SIP/2.0/UDP b",
            "Via:SIP/2.0/UDP b",
            "Via:  SIP/2.0/UDP b",
            "Via: SIP/2.0/UDP b ",
        ],
        [
            "From: <sip:a@b>;tag=1",
            "f: <sip:a@b>;tag=1",
            "From:\r\n <sip:a@b>;tag=1",
            "from: <sip:a@b>;tag=1",
            "From : <sip:a@b>;tag=1",
        ],
        ["To: <sip:c@d>", "t: <sip:c@d>", "To: <sip:c@d> ", "To:\t<sip:c@d>", "TO:\r\n\t<sip:c@d>\r\n "],
        ["Call-ID: x@y", "i: x@y", "Call-ID:\r\n x@y", "call-id: x@y", "Call-ID: x@y  "],
        ["CSeq: 1 MESSAGE", "CSEQ: 1 MESSAGE", "CSeq:1 MESSAGE", "CSeq: 1 MESSAGE\t", "CSeq  : 1 MESSAGE"],
        ["Max-Forwards: 70", "Subject: From: To", "x: y", "Max-Forwards:\r\n 70", "s:"],
    ];
    let mut random = crate::base::Random::stream(11, 0);
    let mut below = |most: usize| random.below(most as u64) as usize;
    for round in 0..3_000 {
        let mut order = [0, 1, 2, 3, 4, 5, 6];
        for at in 1..order.len() {
            order.swap(at, below(at + 1));
        }
        // One Via before the other.
        let (first, second) =
            (order.iter().position(|&line| line == 0), order.iter().position(|&line| line == 1));
        if first > second {
            order.swap(first.unwrap(), second.unwrap());
        }
        let lines = order.map(|line| LINES[line][below(if round % 2 == 0 { 5 } else { 1 })]);
        let has_tag = round % 3 == 0;
        let request = format!("MESSAGE sip:a@b SIP/2.0\r\n{}\r\n\r\n", lines.join("\r\n"));
        let request = if has_tag { request.replace("<sip:c@d>", "<sip:c@d>;tag=9") } else { request };
        let (answer, tag) = parse(request.as_bytes(), |request| {
            let tag = minter().to_tag(&request);
            let answer =
                written(|w| build::response(&request, 200, "OK", &tag, source(), |_| (), w)).unwrap();
            (String::from_utf8(answer).unwrap(), String::from_utf8(tag.as_bytes().to_vec()).unwrap())
        });
        let expected = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1;received=192.0.2.7;rport={}\r\n\
             Via: SIP/2.0/UDP b\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag={}\r\nCall-ID: x@y\r\n\
             CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
            source().port(),
            if has_tag { "9" } else { &tag },
        );
        assert_eq!(answer, expected, "{request}");
    }
}

/// The topmost Via line of a response to a REGISTER with that one, and where the response goes.
fn via_answered(via: &str, source: &str) -> (String, String) {
    let request = String::from_utf8(third_party_register()).unwrap();
    let request =
        request.replace("Via: SIP/2.0/UDP scscf1.home1.net;branch=z9hG4bK499ffhy", &format!("Via: {via}"));
    let source = source.parse().unwrap();
    parse(request.as_bytes(), |request| {
        let tag = minter().to_tag(&request);
        let bytes = written(|w| build::response(&request, 200, "OK", &tag, source, |_| (), w)).unwrap();
        let line = String::from_utf8(bytes).unwrap().lines().nth(1).unwrap().to_string();
        (line, response_target(&request.top_via(), source).to_string())
    })
}

#[test]
fn the_topmost_via_gets_received_and_rport() {
    let rows = [
        // As RFC 3261 18.2.1: sent-by is the source.
        ("SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKa", "192.0.2.9:9999", "", "192.0.2.9:5070"),
        ("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa", "192.0.2.9:9999", "", "192.0.2.9:5060"),
        ("SIP/2.0/UDP [2001:db8::9]:5070;branch=z9hG4bKa", "[2001:db8::9]:1", "", "[2001:db8::9]:5070"),
        // Another address, or a name.
        (
            "SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKa",
            "192.0.2.9:9999",
            ";received=192.0.2.9",
            "192.0.2.9:5070",
        ),
        (
            "SIP/2.0/UDP a.example;branch=z9hG4bKa",
            "[2001:db8::9]:1",
            ";received=2001:db8::9",
            "[2001:db8::9]:5060",
        ),
    ];
    for (via, source, added, target) in rows {
        assert_eq!(via_answered(via, source), (format!("Via: {via}{added}"), target.to_string()));
    }
    // RFC 3581: rport is filled in, and received is there even if sent-by is right.
    assert_eq!(
        via_answered("SIP/2.0/UDP 192.0.2.9:5070;rport;branch=z9hG4bKa;x=\"a;b\"", "192.0.2.9:9999"),
        (
            "Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKa;x=\"a;b\";received=192.0.2.9;rport=9999"
                .to_string(),
            "192.0.2.9:9999".to_string()
        )
    );
    // What the sender claims of itself gives way; what follows the first value stays.
    assert_eq!(
        via_answered(
            "SIP/2.0/UDP 192.0.2.9;received=203.0.113.5;branch=z9hG4bKa;rport=7, SIP/2.0/TCP b.example;branch=z9hG4bKb",
            "192.0.2.9:9999"
        )
        .0,
        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa;received=192.0.2.9;rport=9999, SIP/2.0/TCP b.example;branch=z9hG4bKb"
    );
    assert_eq!(
        via_answered("SIP/2.0/UDP 192.0.2.9;received=203.0.113.5;branch=z9hG4bKa", "192.0.2.9:9999"),
        ("Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa".to_string(), "192.0.2.9:5060".to_string())
    );
}

#[test]
fn a_503_says_when_to_come_back_and_a_100_gives_the_timestamp_back() {
    let request = String::from_utf8(third_party_register()).unwrap();
    let request = request.replace("Expires: 600000", "Timestamp: 54\r\n \t.2\r\nExpires: 600000");
    parse(request.as_bytes(), |request| {
        let tag = minter().to_tag(&request);
        let retry_after = |w: &mut Writer<'_>| w.number(Name::RetryAfter, 7);
        let reason = build::reason_phrase(503);
        let bytes =
            written(|w| build::response(&request, 503, reason, &tag, source(), retry_after, w)).unwrap();
        let answer = String::from_utf8(bytes).unwrap();
        assert!(answer.starts_with("SIP/2.0 503 Service Unavailable\r\n"));
        assert!(answer.ends_with("\r\nCSeq: 87 REGISTER\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"));
        let bytes = written(|w| build::response(&request, 100, "Trying", &tag, source(), |_| (), w)).unwrap();
        assert!(String::from_utf8(bytes).unwrap().contains("\r\nTimestamp: 54 \t.2\r\n"));
    });
}

#[test]
fn folded_headers_are_copied_on_one_line() {
    let request = text(
        "
        MESSAGE sip:a@b SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.7
        From: <sip:a@b>;tag=1
        To: <sip:a@b>
        Call-ID: 1
        CSeq: 1 MESSAGE
        ",
    );
    let folded = String::from_utf8(request)
        .unwrap()
        .replace("UDP 192.0.2.7", "UDP\r\n 192.0.2.7\r\n\t;branch=z9hG4bKa")
        .replace("To: <", "To: A\r\n  B <");
    parse(folded.as_bytes(), |request| {
        let tag = minter().to_tag(&request);
        let bytes = written(|w| build::response(&request, 200, "OK", &tag, source(), |_| (), w)).unwrap();
        let answer = String::from_utf8(bytes).unwrap();
        assert!(answer.contains("\r\nVia: SIP/2.0/UDP 192.0.2.7\t;branch=z9hG4bKa\r\n"), "{answer}");
        assert!(answer.contains("\r\nTo: A  B <sip:a@b>;tag="), "{answer}");
        parse(answer.as_bytes(), |answer| assert_eq!(answer.status(), Some(200)));
    });
}

#[test]
fn nothing_writes_a_line_of_somebody_elses() {
    let injected = b"x\r\nP-Asserted-Identity: <sip:root@home1.net>";
    let requests: [Request<'_>; 9] = [
        Request { uri: injected, ..DELIVERY },
        Request { uri: b"sip:a@b>", ..DELIVERY },
        Request { host: injected, ..DELIVERY },
        Request { branch: b"z9hG4bK a", ..DELIVERY },
        Request { routes: &[injected], ..DELIVERY },
        Request { from: b"sip:a@b>;tag=x;<", ..DELIVERY },
        Request { from_tag: injected, ..DELIVERY },
        Request { to: injected, ..DELIVERY },
        Request { call_id: b"a\nb", ..DELIVERY },
    ];
    for request in requests {
        assert_eq!(written(|w| build::request(&request, |_| (), None, w)), None, "{request:?}");
    }
    for part in [&injected[..], b"\r", b"\n", b"\0"] {
        assert_eq!(written(|w| w.header(Name::InReplyTo, &[b"a", part])), None);
        assert_eq!(written(|w| w.address(Name::Contact, b"sip:a@b", &[part])), None);
    }
    assert_eq!(written(|w| w.header(Name::Other, &[b"a"])), None);
    assert_eq!(written(|w| w.header(Name::InReplyTo, &[b"a\tb"])).unwrap(), b"In-Reply-To: a\tb\r\n");
    let too_long = Content { media_type: b"a/b", body: &[0; 1472] };
    assert_eq!(written(|w| build::request(&DELIVERY, |_| (), Some(too_long), w)), None);
}

#[test]
fn a_malformed_request_is_answered_if_a_via_says_where_to() {
    let answer = |bytes: &[u8]| {
        let malformed = Message::parse(bytes, &mut Slots::new()).unwrap_err();
        let mut target = None;
        let bytes = written(|w| {
            target = build::refusal(bytes, malformed, &minter(), source(), &mut Slots::new(), w);
        });
        target.map(|target| (String::from_utf8(bytes.unwrap()).unwrap(), target.to_string()))
    };
    let whole = String::from_utf8(third_party_register()).unwrap();
    let (text, target) = answer(whole.replace("Call-ID: 1asdaddlrfjflslj40a222\r\n", "").as_bytes()).unwrap();
    let tag = minter().to_tag_of(b"z9hG4bK499ffhy");
    assert_eq!(
        text,
        format!(
            "SIP/2.0 400 Bad Or Missing Call-ID\r\n\
            Via: SIP/2.0/UDP scscf1.home1.net;branch=z9hG4bK499ffhy;received=192.0.2.7\r\n\
            From: <sip:scscf1.home1.net>;tag=538ya\r\n\
            To: <sip:user1_public1@home1.net>;tag={}\r\n\
            CSeq: 87 REGISTER\r\n\
            Content-Length: 0\r\n\r\n",
            std::str::from_utf8(tag.as_bytes()).unwrap()
        )
    );
    assert_eq!(target, "192.0.2.7:5060");
    let (text, _) = answer(whole.replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia").as_bytes()).unwrap();
    assert!(text.starts_with("SIP/2.0 505 Version Not Supported\r\nVia: "));
    let (text, _) = answer(whole.replace("Expires: 600000", "=bad=\r\nExpires: 600000").as_bytes()).unwrap();
    assert!(
        text.starts_with("SIP/2.0 400 Bad Header Line\r\nVia: ")
            && text.contains("\r\nCSeq: 87 REGISTER\r\n")
    );
    assert_eq!(answer(whole.replace("Via", "Viaa").as_bytes()), None);
    // A Via that can't be read comes back as it is, to where it came from (RFC 4475 3.1.2.1, 3.1.2.16).
    let of_via = |via: &str, version: &str| {
        let changed = whole.replace("SIP/2.0/UDP scscf1.home1.net;branch=z9hG4bK499ffhy", via);
        answer(changed.replace("net SIP/2.0", version).as_bytes()).unwrap()
    };
    let (text, target) = of_via("SIP/2.0/UDP 192.0.2.15;;,;,,", "net SIP/2.0");
    assert!(
        text.starts_with("SIP/2.0 400 Bad Or Missing Via\r\nVia: SIP/2.0/UDP 192.0.2.15;;,;,,\r\nFrom: ")
    );
    assert_eq!(target, source().to_string());
    let (text, target) = of_via("SIP/7.0/UDP\r\n c.example;branch=z9hG4bKk", "net SIP/7.0");
    assert!(text.starts_with(
        "SIP/2.0 505 Version Not Supported\r\nVia: SIP/7.0/UDP c.example;branch=z9hG4bKk\r\nFrom: "
    ));
    assert_eq!(target, source().to_string());
    assert_eq!(answer(b"\r\n\r\n"), None, "a keep-alive");
    assert_eq!(answer(whole.replace("REGISTER", "ACK").replace("From", "Frm").as_bytes()), None);
    let response = whole.replace("REGISTER sip:ipsmgw.home1.net SIP/2.0", "SIP/2.0 9 No");
    assert_eq!(answer(response.as_bytes()), None);
}

#[test]
fn identifiers_are_known_again_and_only_as_what_they_are() {
    let minter = minter();
    let token = Token { worker: WorkerId(3), slot: 0xdead_beef, generation: 77 };
    let branch = minter.branch(token);
    let call_id = minter.call_id(token, b"ipsmgw.home1.net");
    let tag = minter.tag(token);
    assert!(branch.as_bytes().starts_with(b"z9hG4bK03deadbeef0000004d"));
    assert!(call_id.as_bytes().ends_with(b"@ipsmgw.home1.net"));
    assert_eq!(minter.call_id(token, &[b'x'; 65]).as_bytes().len(), 34);
    assert_eq!(minter.read_branch(branch.as_bytes()), Some(token));
    assert_eq!(minter.read_call_id(call_id.as_bytes()), Some(token));
    assert_eq!(minter.read_call_id(&call_id.as_bytes()[..34]), Some(token));
    assert_eq!(minter.read_tag(tag.as_bytes()), Some(token));
    // One is not the other.
    assert_eq!(minter.read_call_id(&branch.as_bytes()[7..]), None);
    assert_eq!(minter.read_tag(&branch.as_bytes()[7..]), None);
    assert_eq!(minter.read_branch(&[b"z9hG4bK", tag.as_bytes()].concat()), None);
    // Nobody else's.
    assert_eq!(Minter::new(SipKey::new([8; 16])).read_branch(branch.as_bytes()), None);
    for at in 0..branch.as_bytes().len() {
        let mut changed = branch.as_bytes().to_vec();
        changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
        assert_eq!(minter.read_branch(&changed), None);
        assert_eq!(minter.read_branch(&branch.as_bytes()[..at]), None);
    }
    assert_eq!(
        minter.read_call_id(&[call_id.as_bytes(), b"x"].concat()),
        Some(token),
        "hosts are not compared"
    );
    assert_eq!(minter.read_call_id(&[&call_id.as_bytes()[..34], b"x"].concat()), None);
}

#[test]
fn every_port_is_told_back_in_decimals() {
    let message = String::from_utf8(third_party_register()).unwrap().replacen("499ffhy", "499ffhy;rport", 1);
    let mut slots = Slots::new();
    let request = Message::parse(message.as_bytes(), &mut slots).unwrap();
    let tag = minter().to_tag(&request);
    for port in 1..=u16::MAX {
        let source = SocketAddr::from(([192, 0, 2, 1], port));
        let bytes = written(|w| build::response(&request, 202, "Accepted", &tag, source, |_| (), w)).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(&format!(";rport={port}\r\n")), "{text}");
    }
}
