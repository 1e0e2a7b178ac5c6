//! Messages that are hard to read rightly, after the catalogue of RFC 4475 and RFC 5118, as MESSAGE and REGISTER.

use super::*;

/// A sound MESSAGE with one part replaced.
fn with(from: &str, to: &str) -> Vec<u8> {
    let sound = "MESSAGE sip:u@h.example SIP/2.0\r\nVia: SIP/2.0/UDP c.example;branch=z9hG4bKt\r\n\
        Max-Forwards: 9\r\nFrom: <sip:a@h.example>;tag=t\r\nTo: <sip:u@h.example>\r\nCall-ID: c@d\r\n\
        CSeq: 3 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";
    assert!(sound.contains(from));
    sound.replacen(from, to, 1).into_bytes()
}

#[test]
fn tortuous_but_valid() {
    // Every freedom of the grammar at once: folds, compact forms, white space, case, escapes, unknown headers and
    // parameters, several Vias on a line, an empty header, octets after the body.
    let tortuous = b"\r\n\r\nMESSAGE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n\
        TO :\r\n sip:vivekg@chair-dnrc.example.com ;   x1\r\n\t= \"quoted \\\" ;tag=no\"\r\n\
        from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n\
        MaX-fOrWaRdS: 0068\r\n\
        Call-ID: wsinv.ndaksdj@192.0.2.1\r\n\
        Content-Length   : 5\r\n\
        cseq: 0009\r\n  MESSAGE\r\n\
        s :\r\n\
        NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n\
        UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n\
        v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n \
        SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n\
        l: 5\r\n\
        m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n  \
        secondparam ; q = 0.33\r\n\r\n\0\r\n\xffy-ignored";
    parse(tortuous, |message| {
        assert_eq!(message.to().uri, b"sip:vivekg@chair-dnrc.example.com");
        assert_eq!(message.to().tag(), None);
        assert_eq!(message.to().params.get(b"X1").unwrap().value, Some(&b"\"quoted \\\" ;tag=no\""[..]));
        assert_eq!(message.from().tag(), Some(&b"98asjd8"[..]));
        assert_eq!(message.from().uri, b"sip:jdrosen@example.com");
        assert_eq!(message.max_forwards(), Some(68));
        assert_eq!(message.cseq(), (9, Method::Message));
        assert_eq!(message.top_via().branch, Some(&b"z9hG4bK9ikj8"[..]));
        assert_eq!(message.top_via().sent_by_host, b"spindle.example.com");
        assert_eq!(message.values(Name::Via).count(), 2);
        assert_eq!(message.header(Name::Subject), Some(&b""[..]));
        let contact = NameAddr::parse(message.values(Name::Contact).next().unwrap()).unwrap();
        assert_eq!(contact.params.get(b"q").unwrap().value, Some(&b"0.33"[..]));
        assert_eq!(contact.params.count(), 3);
        assert_eq!(message.body(), [0, b'\r', b'\n', 0xff, b'y']);
    });
}

#[test]
fn valid_though_unusual() {
    let ok = |from: &str, to: &str| {
        let bytes = with(from, to);
        assert_eq!(why(&bytes), None, "{to:?}");
    };
    ok("MESSAGE sip:u@h.example", "MESSAGE sip:sip%3Auser%40example.com@h.example;other-param=summit");
    ok("MESSAGE sip:u@h.example", "MESSAGE sip:user;par=u%40example.net@h.example");
    ok("MESSAGE sip:u@h.example", "MESSAGE nobodyKnowsThisScheme:totallyopaquecontent");
    ok("sip:a@h.example>", "sip:null-%00-null@h.example>");
    ok("SIP/2.0/UDP c.example", "SIP/2.0/UNKNOWN c.example");
    ok("From: <sip:a", "From: caller<sip:a");
    ok("From: <sip:a", "From: Bell, Alexander <sip:a");
    ok("To: <sip:u@h.example>", "To: isbn:2983792873");
    ok("To: <sip:u@h.example>", "To: <http://www.example.com>");
    ok("Call-ID: c@d", "Call-ID: -!%*_+`'~()<>:\\/[]?{}@\"");
    ok("Content-Length: 2\r\n", "");
    ok("Content-Length: 2", "Content-Length: 2\r\nl: 02");
    ok("From: <sip:a@h.example>;tag=t", "From: <sip:a@h.example>");
    ok("Call-ID", "Date: Fri, 01 Jan 2010 16:00:00 EST\r\nCall-ID");
    ok("c.example;branch=z9hG4bKt", "[2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111");
    ok("sip:u@h.example>", "sip:[2001:db8::10:5070]>");
    ok("SIP/2.0\r\n", "sip/2.0\r\n");
    let long = format!("CSeq: 3 MESSAGE\r\nX-{}: {}", "n".repeat(200), "v".repeat(7000));
    ok("CSeq: 3 MESSAGE", &long);
}

#[test]
fn responses() {
    let response = |line: &str| with("MESSAGE sip:u@h.example SIP/2.0", line);
    for (line, status) in [
        ("SIP/2.0 200 = 2**3 * 5**2 \u{41d}\u{41e} 99", 200),
        ("SIP/2.0 100 ", 100),
        ("SIP/2.0 202", 202),
        ("sip/2.0 699 x", 699),
    ] {
        parse(&response(line), |message| {
            assert_eq!((message.is_request(), message.status()), (false, Some(status)));
            assert_eq!((message.method(), message.request_uri()), (Method::Message, &b""[..]));
        });
    }
    for line in
        ["SIP/2.0 4294967301 better not break", "SIP/2.0 99 x", "SIP/2.0 700 x", "SIP/2.0 2xx", "SIP/2.0 20"]
    {
        assert_eq!(why(&response(line)), Some("Bad Status Code"), "{line}");
    }
}

#[test]
fn invalid() {
    let rows: &[(&str, &str, &str)] = &[
        // Start lines.
        ("MESSAGE sip", "MESSAGE  sip", "Bad Start Line"),
        ("MESSAGE sip:u@h.example SIP/2.0", "MESSAGE", "Bad Start Line"),
        ("MESSAGE sip:u@h.example SIP/2.0", "MESSAGE sip:u@h.example", "Bad Start Line"),
        ("sip:u@h.example SIP", "<sip:u@h.example> SIP", "Bad Request-URI"),
        ("sip:u@h.example SIP", "sip:u@h.example; lr SIP", "Bad Start Line"),
        ("sip:u@h.example SIP", "u@h.example SIP", "Bad Request-URI"),
        ("SIP/2.0\r\nVia", "SIP/2.0 \r\nVia", "Bad Start Line"),
        ("SIP/2.0\r\nVia", "SIP/7.0\r\nVia", "Version Not Supported"),
        ("SIP/2.0\r\nVia", "HTTP/1.1\r\nVia", "Bad Start Line"),
        ("MESSAGE sip", "MESS@GE sip", "Bad Start Line"),
        // Lines and their ends.
        ("To: <", " To: <", "Bad Or Missing From"),
        ("\r\nVia", "\r\n Via", "Bad Header Line"),
        ("To: <", "To <", "Bad Header Line"),
        ("To: <", ": <", "Bad Header Line"),
        ("To: <", "T o: <", "Bad Header Line"),
        ("Call-ID: c@d\r\n", "Call-ID: c@d\n", "Control Character In Header"),
        ("Call-ID: c@d\r\n", "Call-ID: c@d\r", "Control Character In Header"),
        ("Call-ID: c@d", "Call-ID: c\0d", "Control Character In Header"),
        (
            "Call-ID: c@d",
            "Subject: x\rP-Asserted-Identity: <sip:root@h>\r\nCall-ID: c@d",
            "Control Character In Header",
        ),
        ("\r\n\r\nhi", "\r\n", "Headers Don't End"),
        ("\r\n\r\nhi", "", "Headers Don't End"),
        // Mandatory headers.
        ("Via: ", "Vai: ", "Bad Or Missing Via"),
        ("From: ", "Form: ", "Bad Or Missing From"),
        ("To: ", "Tot: ", "Bad Or Missing To"),
        ("Call-ID: ", "Call: ", "Bad Or Missing Call-ID"),
        ("CSeq: ", "Seq: ", "Bad Or Missing CSeq"),
        ("SIP/2.0/UDP c.example", "c.example", "Bad Or Missing Via"),
        ("From: <", "From: \"Mr J. User <", "Bad Or Missing From"),
        ("To: <sip:u@h.example>", "To: <sip:u@h.example", "Bad Or Missing To"),
        ("To: <sip:u@h.example>", "To: \"Watson, Thomas\" < sip:t.watson@example.org >", "Bad Or Missing To"),
        ("Call-ID: c@d", "Call-ID:", "Bad Or Missing Call-ID"),
        ("Call-ID: c@d", "Call-ID: c d", "Bad Or Missing Call-ID"),
        ("CSeq: 3 MESSAGE", "CSeq: 36893488147419103232 MESSAGE", "Bad Or Missing CSeq"),
        ("CSeq: 3 MESSAGE", "CSeq: -3 MESSAGE", "Bad Or Missing CSeq"),
        ("CSeq: 3 MESSAGE", "CSeq: MESSAGE", "Bad Or Missing CSeq"),
        ("CSeq: 3 MESSAGE", "CSeq: 3", "Bad Or Missing CSeq"),
        ("CSeq: 3 MESSAGE", "CSeq: 3MESSAGE", "Bad Or Missing CSeq"),
        ("CSeq: 3 MESSAGE", "CSeq: 3 MESSAGE x", "Bad Or Missing CSeq"),
        ("CSeq: 3 MESSAGE", "CSeq: 3 OPTIONS", "CSeq Method Differs"),
        ("CSeq: 3 MESSAGE", "CSeq: 3 message", "CSeq Method Differs"),
        // Repeated headers.
        ("CSeq: 3 MESSAGE", "CSeq: 3 MESSAGE\r\ncSEQ: 3 MESSAGE", "Repeated Header"),
        ("From:", "f: <sip:x@y>;tag=1\r\nFrom:", "Repeated Header"),
        ("To:", "t: <sip:x@y>\r\nTo:", "Repeated Header"),
        ("Call-ID:", "i : 1\r\nCall-ID:", "Repeated Header"),
        ("Max-Forwards: 9", "Max-Forwards: 9\r\nMax-Forwards: 9", "Repeated Header"),
        ("Content-Type", "c: text/html\r\nContent-Type", "Repeated Header"),
        // Numbers.
        ("Max-Forwards: 9", "Max-Forwards: 300", "Bad Max-Forwards"),
        ("Max-Forwards: 9", "Max-Forwards:", "Bad Max-Forwards"),
        ("Content-Length: 2", "Content-Length: -999", "Bad Content-Length"),
        ("Content-Length: 2", "Content-Length: 2147483649x", "Bad Content-Length"),
        ("Content-Length: 2", "Content-Length: 18446744073709551618", "Bad Content-Length"),
        ("Content-Length: 2", "Content-Length: 2\r\nl: 1", "Bad Content-Length"),
        ("Content-Length: 2", "Content-Length: 3", "Content-Length Too Great"),
        ("Content-Length: 2", "Content-Length: 4294967295", "Content-Length Too Great"),
    ];
    for (from, to, reason) in rows {
        assert_eq!(why(&with(from, to)), Some(*reason), "{to:?}");
    }
    assert_eq!(why(b""), Some("Keep-Alive"));
    assert_eq!(why(b"\r\n\r\n"), Some("Keep-Alive"));
    assert_eq!(why(&vec![b'x'; 70_000]), Some("Message Too Large"));
    assert_eq!(why(&with("u@h.example SIP", &format!("{}@h SIP", "u".repeat(2100)))), Some("Too Long"));
    assert_eq!(why(&with("Call-ID", &format!("X: {}\r\nCall-ID", "v".repeat(8200)))), Some("Too Long"));
    let folds = format!("X: {}\r\nCall-ID", "v\r\n ".repeat(2100));
    assert_eq!(why(&with("Call-ID", &folds)), Some("Too Long"));
    assert_eq!(why(&with("Call-ID", &format!("{}Call-ID", "X: y\r\n".repeat(120)))), None, "128 of them");
    assert_eq!(
        why(&with("Call-ID", &format!("{}Call-ID", "X: y\r\n".repeat(121)))),
        Some("Too Many Headers")
    );
}

#[test]
fn lenient_numbers() {
    let expires =
        |value: &str| parse(&with("Max", &format!("Expires: {value}\r\nMax")), |message| message.expires());
    assert_eq!(expires("0"), Some(0));
    assert_eq!(expires("1000000000000000000000000000000000"), Some(u32::MAX));
    assert_eq!(expires("soon"), None);
    assert_eq!(expires(""), None);
}

#[test]
fn every_reason_has_its_name() {
    assert_eq!(WHY.len(), Why::TooLarge as usize + 1);
    assert!(WHY.len() <= 64);
}
