//! What of RFC 3261's grammar is held to, what is taken beyond it, and the limits of both.

use super::*;
use crate::proto::sip::build;

/// A sound MESSAGE with more header lines.
fn with(lines: &str) -> Vec<u8> {
    let sound = "MESSAGE sip:u@h.example SIP/2.0\r\nVia: SIP/2.0/UDP c.example;branch=z9hG4bKt\r\n\
        From: <sip:a@h.example>;tag=t\r\nTo: <sip:u@h.example>\r\nCall-ID: c@d\r\nCSeq: 3 MESSAGE\r\n\r\n";
    sound.replacen("Call-ID", &format!("{lines}Call-ID"), 1).into_bytes()
}

/// The same with one part replaced.
fn but(from: &str, to: &str) -> Vec<u8> {
    let sound = String::from_utf8(with("")).unwrap();
    assert!(sound.contains(from));
    sound.replacen(from, to, 1).into_bytes()
}

#[test]
fn control_octets_only_behind_a_backslash() {
    for octet in (0..0x20u8).chain([0x7f]) {
        let escaped = |before: &str, after: &str| {
            let header = [b"Subject: ", before.as_bytes(), &[octet], after.as_bytes(), b"\r\n"].concat();
            let text = String::from_utf8(with("\u{1}")).unwrap();
            let (head, tail) = text.split_once('\u{1}').unwrap();
            why(&[head.as_bytes(), &header, tail.as_bytes()].concat())
        };
        let refused = Some("Control Character In Header");
        let within = match octet {
            b'\r' | b'\n' => refused,
            _ => None,
        };
        let bare = if octet == b'\t' { None } else { refused };
        assert_eq!(escaped("\"a\\", "b\""), within, "{octet:#x}");
        assert_eq!(escaped("\"a\\\\\\", "b\""), within, "{octet:#x}");
        assert_eq!(escaped("\"a\",\r\n \"\\\" \\", "b\""), within, "{octet:#x}");
        assert_eq!(escaped("\"a\\\\", "b\""), bare, "{octet:#x}: the backslash is itself escaped");
        assert_eq!(escaped("\"a", "b\""), bare, "{octet:#x}");
        assert_eq!(escaped("a\\", "b"), bare, "{octet:#x}");
        assert_eq!(escaped("\"a\" \\", "b"), bare, "{octet:#x}");
        assert_eq!(escaped("\"a\\b", "\""), bare, "{octet:#x}");
    }
    assert_eq!(why(&but("MESSAGE sip", "MESSAGE \"\\\u{1}\" sip")), Some("Control Character In Header"));
    assert_eq!(
        why(&but("MESSAGE sip:u@h.example SIP/2.0", "SIP/2.0 200 \"\\\u{1}\"")),
        Some("Control Character In Header")
    );
    // RFC 4475 3.1.1.2.
    let to = "To: \"BEL:\\\u{7} NUL:\\\0 DEL:\\\u{7f}\" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com>";
    parse(&but("To: <sip:u@h.example>", to), |message| {
        assert_eq!(message.to().display, b"\"BEL:\\\x07 NUL:\\\0 DEL:\\\x7f\"");
        assert_eq!(Uri::of_checked(message.to().uri).unwrap().host, b"example.com");
        let mut room = [0; 1472];
        let mut w = Writer::new(&mut room);
        build::response(&message, 405, "No", &minter().to_tag(&message), source(), |_| (), &mut w);
        let len = w.finish().unwrap();
        parse(&room[..len], |answer| assert_eq!(answer.to().display, message.to().display));
    });
}

#[test]
fn no_headers_in_a_request_uri() {
    let wrong = [
        "sip:u@h.example?Route=%3Csip:x%3E",
        "sip:h.example?",
        "sips:u@h.example;x?a=b",
        "sip:2001:db8::10",
        "sip:u@h.example:",
        "sip:@h.example",
        "sip:a%zz@h.example",
        "sip:u@-h",
        "sip:u@h..example",
        "sip:u@192.0.2.256",
        "sip:u@h;;lr",
        "sip:u@h;lr;LR",
        "sip:u@h;lr=",
        "sip:u@h;",
        "sip:u[1]@h",
        "sip:u:p;w@h",
        "sip::p@h",
        "tel:",
    ];
    for uri in wrong {
        assert_eq!(why(&but("sip:u@h.example S", &format!("{uri} S"))), Some("Bad Request-URI"), "{uri}");
        assert_eq!(
            NameAddr::parse(format!("<{uri}>").as_bytes()).is_some(),
            uri.contains("?R") || uri.contains("?a")
        );
    }
    for uri in ["http://x/y?z", "sip:u;a?b/c@h.example;lr;x=a==;y", "sip:u@[2001:db8:::192.0.2.1]:5070"] {
        assert_eq!(why(&but("sip:u@h.example S", &format!("{uri} S"))), None, "{uri}");
    }
    parse(&with(""), |message| assert_eq!(message.target().unwrap().user, b"u"));
}

#[test]
fn a_contact_becomes_a_request_uri_without_headers_and_method() {
    let becomes = |contact: &'static str| {
        let pieces = Uri::parse(contact.as_bytes()).unwrap().request_uri();
        let text = String::from_utf8(pieces.concat()).unwrap();
        let uri = Uri::parse(text.as_bytes()).unwrap();
        assert_eq!((uri.headers(), uri.param("method")), (&b""[..], None), "{text}");
        text
    };
    assert_eq!(becomes("sip:u@h?Route=%3Csip:x%3E"), "sip:u@h");
    assert_eq!(becomes("sip:u@h;lr;Method=INVITE;x=y?a=b"), "sip:u@h;lr;x=y");
    assert_eq!(becomes("sip:u@h;method=INVITE"), "sip:u@h");
    assert_eq!(becomes("sip:method=a;method=b@h;x"), "sip:method=a;method=b@h;x");
    assert_eq!(becomes("sips:u@h:1;methods=x"), "sips:u@h:1;methods=x");
    assert_eq!(Uri::parse(b"tel:1;method=x").unwrap().request_uri().concat(), b"tel:1;method=x");
}

#[test]
fn an_address_without_brackets_has_no_headers() {
    // RFC 4475 3.1.2.13.
    assert_eq!(
        why(&with("Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E\r\n")),
        Some("Bad Contact")
    );
    assert_eq!(why(&with("Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>\r\n")), None);
}

#[test]
fn tags_values_and_names_are_as_the_grammar_has_them() {
    let from = |value: &str| why(&but("<sip:a@h.example>;tag=t", value));
    for right in [
        "<sip:a@h>;tag=a.-!%*_+`'~b",
        "Mr. J <sip:a@h>;tag=t",
        "Bell, A <sip:a@h>;tag=t",
        "J\u{fc}rgen <sip:a@h>;tag=t",
        "\"any (text) <here>; \\\" \u{e9}\" <sip:a@h>;tag=t",
        "<sip:a@h>;tag=t;x=192.0.2.1;y=[2001:db8::1];z=2001:db8::1;q=\"a b\"",
        "sip:a@h;tag=t",
        "<sip:a@h> ;\ttag\r\n =\r\n t",
    ] {
        assert_eq!(from(right), None, "{right}");
    }
    for wrong in [
        "<sip:a@h>;tag=a<b>c",
        "<sip:a@h>;tag=\"t\"",
        "<sip:a@h>;tag=a@b",
        "<sip:a@h>;tag=t;x=a/b",
        "<sip:a@h>;tag=t;x;X=1",
        "<sip:a@h>;tag=t;a;b;c;d;e;f;g;h;i;j;k;d=1",
        "<sip:a@h>;tag=t;TAG=u",
        "a b\"c <sip:a@h>;tag=t",
        "a(b) <sip:a@h>;tag=t",
        "<sip:a@h>;tag=t;x=a=b",
        "<sip:a@b@c>;tag=t",
    ] {
        assert_eq!(from(wrong), Some("Bad Or Missing From"), "{wrong}");
    }
    let via = |value: &str| why(&but("c.example;branch=z9hG4bKt", value));
    assert_eq!(via("c.example;branch=z9hG4bK|a=b@c/d"), None, "senders have such branches");
    assert_eq!(via("c.example;branch=a;ttl=1;TTL=2"), Some("Bad Or Missing Via"));
    assert_eq!(via("c.example;received=[2001:db8:::192.0.2.1]"), None);
    assert_eq!(via("c.example;received=a.example"), Some("Bad Or Missing Via"));
    assert_eq!(via("c.example, SIP/2.0/TCP d.example;branch=x"), None);
    for second in ["junk", "SIP/2.0/UDP d.example;branch", "SIP/2.0/UDP -d", "SIP/2.0/UDP d e"] {
        assert_eq!(via(&format!("c.example, {second}")), Some("Bad Or Missing Via"));
        assert_eq!(via(&format!("c.example\r\nv: {second}")), Some("Bad Or Missing Via"));
    }
}

#[test]
fn what_is_read_at_once_is_read_or_refused() {
    for (line, reason) in [
        ("P-Asserted-Identity: <sip:a@h>, <garbage", "Bad P-Asserted-Identity"),
        ("P-Asserted-Identity: <sip:a@h>\r\nP-Asserted-Identity: b", "Bad P-Asserted-Identity"),
        ("Contact: *, <sip:a@h>", "Bad Contact"),
        ("Contact: *;expires=1", "Bad Contact"),
        ("m: <sip:a@h", "Bad Contact"),
        ("Route: sip.example.com", "Bad Route"),
        ("Record-Route: <sip:a@h>;lr;lr", "Bad Route"),
        ("Content-Type: text", "Bad Content-Type"),
        ("c:", "Bad Content-Type"),
        ("Content-Encoding: g zip", "Bad Content-Encoding"),
        ("e:", "Bad Content-Encoding"),
        ("Require: a;b", "Bad Require"),
        ("Require:", "Bad Require"),
        ("Proxy-Require: a b", "Bad Require"),
        ("Event: ;id=1", "Bad Event"),
        ("o: reg;id=1;id=2", "Bad Event"),
        ("Subscription-State: active,x", "Bad Subscription-State"),
        ("Event: reg\r\no: reg", "Repeated Header"),
    ] {
        assert_eq!(why(&with(&format!("{line}\r\n"))), Some(reason), "{line}");
    }
    let lines = "P-Asserted-Identity: \"A\" <urn:x:y>, <sip:a@h>;x, <sips:b@h>\r\nContact: <sip:a@h>;q=0.5, sip:b@h\r\n\
        P-Asserted-Identity: tel:+1, <tel:+2>\r\nRequire: a,\r\n b\r\nEvent: reg ;id=7\r\ne: gzip, Identity\r\n\
        Subscription-State: Active;expires=9\r\nRetry-After: 18000 (in a \\( meeting);duration=3600\r\n";
    parse(&with(lines), |message| {
        assert_eq!(message.asserted().collect::<Vec<_>>(), [&b"sip:a@h"[..], b"tel:+1"]);
        assert_eq!(message.contacts().map(|it| it.uri).collect::<Vec<_>>(), [b"sip:a@h", b"sip:b@h"]);
        assert!(!message.is_all_contacts() && message.is_encoded());
        assert_eq!(message.values(Name::Require).collect::<Vec<_>>(), [b"a", b"b"]);
        let (package, params) = message.event().unwrap();
        assert_eq!((package, params.get(b"id").unwrap().value), (&b"reg"[..], Some(&b"7"[..])));
        assert_eq!(message.subscription_state().unwrap().0, b"Active");
        assert_eq!(message.retry_after(), Some(18_000));
        assert_eq!(message.parts().unwrap().iter().count(), 0, "no Content-Type");
    });
    parse(&with("Contact:  * \r\ne: identity\r\nRetry-After: soon\r\n"), |message| {
        assert!(message.is_all_contacts() && !message.is_encoded());
        assert_eq!((message.contacts().count(), message.asserted().count()), (0, 0));
        assert_eq!((message.event(), message.retry_after()), (None, None));
    });
}

#[test]
fn limits_are_the_configured() {
    let of = |limits: Limits, bytes: &[u8]| {
        let mut slots = Slots::within(limits);
        Message::parse(bytes, &mut slots).err().map(|malformed| WHY[usize::from(malformed.why)])
    };
    let base = Limits {
        headers: 10,
        header: 60,
        uri: 20,
        vias: 3,
        contacts: 2,
        parameters: 3,
        call_id: 10,
        ..Limits::DEFAULT
    };
    let sound = with("");
    assert_eq!(of(base, &sound), None);
    let length = sound.len() as u16;
    assert_eq!(of(Limits { message: length, ..base }, &sound), None);
    assert_eq!(of(Limits { message: length - 1, ..base }, &sound), Some("Message Too Large"));
    assert_eq!(of(base, &with(&"X: y\r\n".repeat(5))), None);
    assert_eq!(of(base, &with(&"X: y\r\n".repeat(6))), Some("Too Many Headers"));
    assert_eq!(of(base, &with(&format!("X: {}\r\n", "y".repeat(57)))), None);
    assert_eq!(of(base, &with(&format!("X: {}\r\n", "y".repeat(58)))), Some("Too Long"));
    assert_eq!(
        of(base, &with(&format!("X: {}\r\n {}\r\n", "y".repeat(50), "z".repeat(10)))),
        Some("Too Long")
    );
    assert_eq!(of(base, &but("u@h.example S", &format!("{}@h.example S", "u".repeat(6)))), None);
    assert_eq!(of(base, &but("u@h.example S", &format!("{}@h.example S", "u".repeat(7)))), Some("Too Long"));
    assert_eq!(of(base, &with("Via: SIP/2.0/UDP a, SIP/2.0/UDP b\r\n")), None);
    assert_eq!(
        of(base, &with("Via: SIP/2.0/UDP a, SIP/2.0/UDP b\r\nv: SIP/2.0/UDP c\r\n")),
        Some("Too Many Via")
    );
    assert_eq!(of(base, &with("Contact: <sip:a@h>, <sip:b@h>\r\n")), None);
    assert_eq!(of(base, &with("Contact: <sip:a@h>, <sip:b@h>\r\nm: <sip:c@h>\r\n")), Some("Bad Contact"));
    assert_eq!(of(base, &but("tag=t", "tag=t;x;y")), None);
    assert_eq!(of(base, &but("tag=t", "tag=t;x;y;z")), Some("Bad Or Missing From"));
    assert_eq!(of(base, &but("branch=z9hG4bKt", "a;b;c")), None);
    assert_eq!(of(base, &but("branch=z9hG4bKt", "a;b;c;d")), Some("Bad Or Missing Via"));
    assert_eq!(of(base, &but("Call-ID: c@d", "Call-ID: 0123456789")), None);
    assert_eq!(of(base, &but("Call-ID: c@d", "Call-ID: 0123456789a")), Some("Too Long"));
    let vias = |count: usize| with(&"Via: SIP/2.0/UDP a\r\n".repeat(count - 1));
    assert_eq!((why(&vias(70)), why(&vias(71))), (None, Some("Too Many Via")), "by default");
    let parts = |limits: Limits, depth: usize, count: usize| {
        let inner = "--b\r\n\r\nx\r\n".repeat(count) + "--b--";
        let body = (1..depth).fold(inner, |body, _| {
            let inner = body.replace('b', "bb");
            format!(
                "--b\r\nContent-Type: multipart/mixed;boundary={}\r\n\r\n{inner}\r\n--b--",
                if inner.contains("bbbb") { "bbbb" } else { "bb" }
            )
        });
        let mut slots = Slots::within(limits);
        let bytes = [&with("Content-Type: multipart/mixed;boundary=b\r\n")[..], body.as_bytes()].concat();
        Message::parse(&bytes, &mut slots).unwrap().parts().map(|parts| parts.iter().count()).ok()
    };
    assert_eq!(parts(Limits::DEFAULT, 1, 8), Some(8));
    assert_eq!(parts(Limits::DEFAULT, 1, 9), None);
    assert_eq!(parts(Limits::DEFAULT, 2, 3), Some(3));
    assert_eq!(parts(Limits { depth: 1, ..Limits::DEFAULT }, 2, 3), None);
    assert_eq!(parts(Limits { parts: 2, ..Limits::DEFAULT }, 2, 3), None);
    assert_eq!(parts(Limits { parts: 255, ..Limits::DEFAULT }, 1, 33), None, "there is room for 32");
}

#[test]
fn folded_is_as_unfolded() {
    let message = mo_message();
    let plain = String::from_utf8(message[..message.len() - 48].to_vec()).unwrap();
    // White space that separates, and may therefore be a fold.
    let folded = plain.replace(": ", ":\r\n ").replace("; ", ";\r\n\t").replace(", ", " ,\r\n  \t");
    let folded =
        folded.replace("666 MESSAGE", "666\r\n MESSAGE").replace(";branch=", " ;\r\n branch\r\n =\r\n ");
    let bytes = [folded.as_bytes(), &binary_body()].concat();
    let seen = |message: Message<'_>| {
        let via = message.top_via();
        let params =
            |value: &[u8]| NameAddr::parse(value).map(|it| (it.uri.to_vec(), it.tag().map(<[u8]>::to_vec)));
        (
            message.request_uri().to_vec(),
            (via.branch.map(<[u8]>::to_vec), via.sent_by_host.to_vec(), via.sent_by_port),
            [Name::From, Name::To].map(|name| params(message.header(name).unwrap())),
            message.asserted().map(<[u8]>::to_vec).collect::<Vec<_>>(),
            message.addresses(Name::Route).map(|it| it.uri.to_vec()).collect::<Vec<_>>(),
            (message.cseq().0, message.call_id().to_vec(), message.max_forwards(), message.body().to_vec()),
        )
    };
    assert_eq!(parse(&bytes, seen), parse(&message, seen));
}
