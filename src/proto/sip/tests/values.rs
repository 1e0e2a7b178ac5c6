//! Views of messages, header values and URIs.

use super::*;
use crate::proto::sip::auth::{Authorization, Unreadable};

fn shown(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_gateways_message_is_read_whole() {
    parse(&mo_message(), |message| {
        assert!(message.is_request());
        assert_eq!(message.method(), Method::Message);
        assert_eq!(message.request_uri(), b"sip:sc.home1.net");
        assert_eq!(message.status(), None);
        let via = message.top_via();
        assert_eq!((shown(via.transport), shown(via.sent_by_host)), ("UDP", "scscf1.home1.net"));
        assert_eq!((via.sent_by_port, via.rport, via.received), (Some(5060), None, None));
        assert_eq!(via.branch.map(shown), Some("z9hG4bK344a65.1"));
        assert!(!message.has_one_via());
        assert_eq!(message.values(Name::Via).count(), 3);
        assert_eq!(shown(message.from().uri), "sip:+4917012345670@home1.net");
        assert_eq!(message.from().tag().map(shown), Some("171828"));
        assert_eq!((message.from().display, message.to().tag()), (&b""[..], None));
        assert_eq!(shown(message.to().uri), "tel:+49172000001;phone-context=x");
        assert_eq!(shown(message.call_id()), "cb03a0s09a2sdfglkj490333");
        assert_eq!(message.cseq(), (666, Method::Message));
        assert_eq!((message.max_forwards(), message.expires()), (Some(68), None));
        let content = message.content_type().unwrap();
        assert!(content.is("application/vnd.3gpp.SMS") && !content.is("application/vnd.3gpp"));
        assert_eq!(message.body(), binary_body());
        let identities: Vec<_> = message.values(Name::PAssertedIdentity).collect();
        assert_eq!(identities.len(), 2, "the comma in quotes doesn't count");
        let first = NameAddr::parse(identities[0]).unwrap();
        assert_eq!(
            (shown(first.display), shown(first.uri)),
            ("\"Dupont, Jean\"", "sip:+4917012345670@home1.net")
        );
        assert_eq!(message.header(Name::PVisitedNetworkId).map(shown), Some("\"Visited network number 1\""));
        assert_eq!(message.header(Name::InReplyTo), None);
        assert_eq!(message.header(Name::Other), None);
        let routes: Vec<_> = message.values(Name::Route).map(shown).collect();
        assert_eq!(routes[1], "<sip:cb03a0s09a2sdfglkj490333@scscf1.home1.net;lr>");
    });
    parse(&third_party_register(), |message| {
        assert_eq!((message.method(), message.expires()), (Method::Register, Some(600_000)));
        assert_eq!(message.body(), b"");
    });
}

#[test]
fn slots_can_be_used_again() {
    let mut slots = Slots::default();
    assert!(Message::parse(&mo_message(), &mut slots).is_ok());
    let register = third_party_register();
    let message = Message::parse(&register, &mut slots).unwrap();
    assert_eq!(message.header(Name::PAssertedIdentity), None);
    assert_eq!(message.header(Name::Contact).map(shown), Some("<sip:scscf1.home1.net>"));
}

#[test]
fn addresses() {
    let parsed = |value: &'static str| {
        NameAddr::parse(value.as_bytes()).map(|address| {
            (shown(address.display), shown(address.uri), address.tag().map(shown), address.params.count())
        })
    };
    assert_eq!(parsed("sip:a@b;tag=x"), Some(("", "sip:a@b", Some("x"), 1)), "20.10: the header's parameter");
    assert_eq!(parsed("<sip:a@b;tag=x>"), Some(("", "sip:a@b;tag=x", None, 0)));
    assert_eq!(parsed("A B. <sip:a@b> ; TAG = x ;y"), Some(("A B.", "sip:a@b", Some("x"), 2)));
    assert_eq!(
        parsed("\"<\\\"sip:z@z>\"<sip:a@b>;p=\";tag=q\""),
        Some(("\"<\\\"sip:z@z>\"", "sip:a@b", None, 1)),
        "an address in a quoted name is no address"
    );
    for wrong in [
        "",
        "<>",
        "<sip:a@b",
        "sip:a@b>",
        "\"unended <sip:a@b>",
        "\"name\" sip:a@b",
        "<sip:a b@c>",
        "< sip:a@c>",
        "<sip:a@b>tag=x",
        "<sip:a@b>;tag",
        "<sip:a@b>;tag=",
        "<sip:a@b>;tag=a;Tag=b",
        "<sip:a@b>;;x",
        "<sip:a@b>;p=\"x",
        "<sip:a@b>, <sip:c@d>",
        "<sip:a@b>;p=\"x\"y",
        "noscheme",
        ":a@b",
        "<<sip:a@b>>",
    ] {
        assert_eq!(parsed(wrong), None, "{wrong}");
    }
}

#[test]
fn lists_keep_commas_in_quotes_and_brackets() {
    let request = text(
        "
        MESSAGE sip:a@b SIP/2.0
        Via: SIP/2.0/UDP a
        Path: <sip:a@b?x=1,2>;q=1 ,, \"x,\\\",\" <sip:c@d>
        From: <sip:a@b>;tag=1
        To: <sip:a@b>
        Path: *
        Call-ID: 1
        CSeq: 1 MESSAGE
        Path: <sip:e@f
        ",
    );
    parse(&request, |message| {
        let values: Vec<_> = message.values(Name::Path).map(shown).collect();
        assert_eq!(values, ["<sip:a@b?x=1,2>;q=1", "\"x,\\\",\" <sip:c@d>", "*", "<sip:e@f"]);
    });
}

#[test]
fn vias() {
    let parsed = |value: &str| {
        let request = String::from_utf8(third_party_register())
            .unwrap()
            .replace("SIP/2.0/UDP scscf1.home1.net;branch=z9hG4bK499ffhy", value);
        Message::parse(request.as_bytes(), &mut Slots::new()).is_ok()
    };
    for right in [
        "SIP/2.0/UDP a.example",
        "SIP / 2.0 / UDP a.example : 5060 ; branch = z9hG4bKa",
        "sip/2.0/SCTP+new 192.0.2.1;rport;branch=x",
        "SIP/2.0/UDP [2001:db8::1];received=[2001:db8::2]",
        "SIP/2.0/UDP [::ffff:192.0.2.1]:1;received=2001:db8::2;rport=65535",
        "SIP/2.0/UDP a.example;branch=z9hG4bK|kam=ailio;i=1",
        "SIP/2.0/UDP a.example, SIP/2.0/UDP b",
    ] {
        assert!(parsed(right), "{right}");
    }
    for wrong in [
        "",
        "SIP/2.0",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/3.0/UDP a.example",
        "SIP/2.0/UDPa.example",
        "SIP/2.0/UDP ;branch=x",
        "SIP/2.0/UDP a.example:0",
        "SIP/2.0/UDP a.example:65536",
        "SIP/2.0/UDP a.example:x",
        "SIP/2.0/UDP 2001:db8::1",
        "SIP/2.0/UDP [2001:db8::1",
        "SIP/2.0/UDP [192.0.2.1]",
        "SIP/2.0/UDP a.example;branch",
        "SIP/2.0/UDP a.example;branch=a;branch=b",
        "SIP/2.0/UDP a.example;rport=a",
        "SIP/2.0/UDP a.example;rport;rport",
        "SIP/2.0/UDP a.example junk",
        "SIP/2.0/UDP a.exa\"mple",
        "SIP/2.0/UDP a.example, junk",
    ] {
        assert!(!parsed(wrong), "{wrong}");
    }
}

#[test]
fn uris_are_taken_apart() {
    let uri = Uri::parse(b"sip:alice;x=1:secret@Atlanta.Example:5061;transport=TCP;lr;user=phone?subject=a")
        .unwrap();
    assert_eq!(uri.scheme, Scheme::Sip);
    assert_eq!((shown(uri.user), shown(uri.host), uri.port), ("alice;x=1", "Atlanta.Example", Some(5061)));
    assert_eq!((uri.param("TRANSPORT").map(shown), uri.param("lr").map(shown)), (Some("TCP"), Some("")));
    assert_eq!((uri.param("subject"), shown(uri.params())), (None, ";transport=TCP;lr;user=phone"));
    assert_eq!(shown(uri.identity_text()), "sip:alice;x=1:secret@Atlanta.Example:5061");
    let uri = Uri::parse(b"SIPS:[2001:db8::1]:5061").unwrap();
    assert_eq!(
        (uri.scheme, shown(uri.host), uri.port, uri.user),
        (Scheme::Sips, "[2001:db8::1]", Some(5061), &b""[..])
    );
    assert_eq!(Uri::parse(b"sip:a%00b@c").map(|uri| shown(uri.user)), Some("a%00b"), "not a C string");
    assert_eq!(Uri::parse(b"http://x/y").unwrap().scheme, Scheme::Other);
    for wrong in [
        "",
        "sip",
        "sip:",
        ":x",
        "sip:@b",
        "sip:a@",
        "sip:a@b:",
        "sip:a@b:x",
        "sip:a@b:70000",
        "sip:a b@c",
        "sip:a@b>",
        "sip:a%4@b",
        "sip:a%zz@b",
        "sip:a@[::1",
        "sip:a@[1]",
        "sip:a@[::1]x",
        "tel:",
        "s p:a@b",
        "sip:a@b c",
        "sip:a@;x",
        "sip:a@b@c",
        "tel:\u{e9}",
    ] {
        assert_eq!(Uri::parse(wrong.as_bytes()), None, "{wrong}");
    }
}

#[test]
fn telephone_numbers() {
    let digits = |text: &str| {
        Uri::parse(text.as_bytes())
            .unwrap()
            .digits()
            .map(|number| (number.digits.to_string(), number.international))
    };
    let international = Some(("491701234567".to_string(), true));
    for text in [
        "tel:+491701234567",
        "tel:+49-170-123.45(67);isub=1",
        "sip:+491701234567@home1.net",
        "sip:%2B491701234567@home1.net",
        "sip:+49170(1234)567;phone-context=x@home1.net;user=phone",
        "sips:+491701234567@h",
    ] {
        assert_eq!(digits(text), international, "{text}");
    }
    assert_eq!(digits("tel:0170;phone-context=+49"), Some(("0170".to_string(), false)));
    assert_eq!(digits("sip:0170@h;user=phone"), Some(("0170".to_string(), false)));
    for none in [
        "sip:0170@h",
        "sip:alice@h;user=phone",
        "sip:h;user=phone",
        "tel:+",
        "tel:+49x",
        "tel:4+9",
        "tel:*21#",
        "urn:491701234567",
        "tel:1234567890123456789012345678901",
    ] {
        assert_eq!(digits(none), None, "{none}");
    }
}

#[test]
fn identities_are_compared_in_one_form() {
    let canonical =
        |text: &str| Uri::parse(text.as_bytes()).unwrap().canonical().map(|identity| identity.to_string());
    for (text, form) in [
        ("SIP:%61lice@Atlanta.EXAMPLE;x=y?z=1", "sip:alice@atlanta.example"),
        ("sip:Alice:pw@a.example", "sip:Alice@a.example"),
        ("sip:a%2fb%C3%a9@a.example:05060", "sip:a%2Fb%C3%A9@a.example:5060"),
        ("sip:A.Example", "sip:a.example"),
        ("sip:u@[2001:DB8::1]:5060", "sip:u@[2001:db8::1]:5060"),
        ("TEL:+49-170(1).2;isub=9", "tel:+4917012"),
        ("tel:%2b49(0)-1;phone-context=x", "tel:+4901"),
        ("tel:01-70;phone-context;q=0", "tel:0170"),
        ("tel:01-70;phone-context=Example.COM", "tel:0170;phone-context=example.com"),
        ("urn:x:Y", "urn:x:Y"),
    ] {
        assert_eq!(canonical(text).as_deref(), Some(form), "{text}");
        assert_eq!(canonical(form).as_deref(), Some(form), "the form is its own");
    }
    assert_ne!(canonical("sip:a@b"), canonical("sip:a@b:5060"), "RFC 3261 19.1.4");
    assert_ne!(canonical("sip:a@b"), canonical("sip:A@b"));
    assert_eq!(canonical(&format!("sip:{}@b", "x".repeat(130))), None);
    for none in ["tel:.", "tel:%2d()", "tel:+49%0d%0aX: y", "tel:+49%001", "tel:+49%3e"] {
        assert_eq!(canonical(none.replace(' ', "%20").as_str()), None, "{none}");
    }
    // A plus can only be the first of a number (RFC 3966 3): otherwise there are neither digits nor an identity.
    for none in ["tel:.+0170", "tel:(+49)170", "tel:-%2B49170", "tel:++49170", "tel:0049+170"] {
        assert_eq!(canonical(none), None, "{none}");
        assert_eq!(Uri::parse(none.as_bytes()).unwrap().digits(), None, "{none}");
    }
}

#[test]
fn media_types() {
    let parsed = |text: &'static str| MediaType::parse(text.as_bytes());
    assert!(parsed("Application / VND.3gpp.sms ; charset=\"x\"").unwrap().is("application/vnd.3gpp.sms"));
    for wrong in ["", "text", "text/", "/plain", "a b/c", "text/plain;", "text/plain, a/b", "text/plain x"] {
        assert_eq!(parsed(wrong), None, "{wrong}");
    }
}

#[test]
fn a_multipart_body_gives_the_embedded_register() {
    let register = third_party_register();
    let mut body = b"ignored\r\n--Bo-1 \t\r\nContent-Type: message/sip\r\nX: y\r\n\r\n".to_vec();
    body.extend(&register);
    body.extend(
        b"\r\n--Bo-1x\r\nis not it\r\n--Bo-1\r\n\r\nno type\r\n--Bo-1\r\nc: application/3gpp-ims+xml\r\n\r\n",
    );
    body.extend(b"\r\n--Bo-1--\r\nignored");
    let media = MediaType::parse(b"multipart/mixed;boundary=\"Bo-1\"").unwrap();
    let parts = multipart::parts(media, &body).unwrap();
    let all: Vec<_> = parts.iter().collect();
    assert_eq!(all.len(), 3);
    let embedded = parts.find("message/sip").unwrap().body;
    assert!(embedded.starts_with(&register) && embedded.ends_with(b"is not it"));
    parse(embedded, |message| assert_eq!(message.expires(), Some(600_000)));
    assert_eq!((all[1].content_type, all[1].body), (None, &b"no type"[..]));
    assert_eq!(parts.find("application/3gpp-ims+xml").unwrap().body, b"");
    assert_eq!(parts.find("text/plain"), None);

    let single = multipart::parts(MediaType::parse(b"message/sip").unwrap(), &register).unwrap();
    assert_eq!(single.find("message/sip").unwrap().body, register);
    let refused = |content_type: &'static str, body: &[u8]| {
        multipart::parts(MediaType::parse(content_type.as_bytes()).unwrap(), body).is_err()
    };
    assert!(refused("multipart/mixed", &body));
    assert!(refused("multipart/mixed;boundary=\"\"", &body));
    assert!(refused("multipart/mixed;boundary=other", &body));
    assert!(refused("multipart/mixed;boundary=Bo-1", &body[..body.len() - 20]));
    assert!(!refused("multipart/mixed;boundary=b", b"--b--"));
    let part = "--b\r\n\r\nx\r\n";
    assert!(!refused("multipart/mixed;boundary=b", (part.repeat(8) + "--b--").as_bytes()));
    assert!(refused("multipart/mixed;boundary=b", (part.repeat(9) + "--b--").as_bytes()));
}

#[test]
fn the_private_identity_of_an_authorization() {
    let user = |value: &'static str| auth::username(value.as_bytes()).map(shown);
    let impi = Some("001010000000001@ims.mnc001.mcc001.3gppnetwork.org");
    assert_eq!(
        user("Digest username=\"001010000000001@ims.mnc001.mcc001.3gppnetwork.org\",realm=\"a\""),
        impi
    );
    assert_eq!(
        user(
            "digest realm=\"a, username=\\\"x\\\"\", nc=1 ,\r\n USERNAME = \"001010000000001@ims.mnc001.mcc001.3gppnetwork.org\""
        ),
        impi
    );
    assert_eq!(user("Digest realm=\"a\",username=bob,uri=\"x\""), Some("bob"));
    for none in [
        "",
        "Digest",
        "Basic username=\"a\"",
        "Digest realm=\"a\"",
        "Digest username=\"a",
        "Digest username=",
    ] {
        assert_eq!(user(none), None, "{none}");
    }
}

#[test]
fn an_authorization_is_read_whole() {
    let value = b"digest username=\"a\\\"b\",realm = \"r,=\" , nonce=\"\",uri=\"sip:a\",response=\"x\", Algorithm=AKAv1-MD5,\r\n \
        cnonce=\"c\",nc=00000001,qop=\"auth\",auts=\"QQ==\",opaque=\"o\",x-other=\"y\",x-other=z,";
    let read = Authorization::parse(value).unwrap();
    let all = [
        read.username,
        read.realm,
        read.nonce,
        read.uri,
        read.response,
        read.algorithm,
        read.cnonce,
        read.nc,
        read.qop,
        read.auts,
        read.opaque,
    ];
    let text = ["a\\\"b", "r,=", "", "sip:a", "x", "AKAv1-MD5", "c", "00000001", "auth", "QQ==", "o"];
    assert_eq!(all.map(|value| value.map(shown)), text.map(Some));
    assert!(!format!("{read:?}").contains("sip:a"), "private");
    for end in 0..value.len() {
        let _ = Authorization::parse(&value[..end]);
    }
    let why = |value: &'static str| Authorization::parse(value.as_bytes()).err();
    for value in ["", "Digest", "Basic a=b", "Digestnonce=a", "nonce=a"] {
        assert_eq!(why(value), Some(Unreadable::Scheme), "{value}");
    }
    for value in [
        "Digest nonce",
        "Digest nonce=",
        "Digest nonce=\"a",
        "Digest nonce=\"a\\\"",
        "Digest nonce=\"a\"b",
        "Digest =a",
        "Digest nonce=a b",
        "Digest nonce=a\"b\"",
        "Digest ,nonce=a",
        "Digest no nce=a",
        "Digest a=b,,c=d",
        "Digest a=,b=c",
    ] {
        assert_eq!(why(value), Some(Unreadable::Grammar), "{value}");
    }
    assert_eq!(why("Digest nonce=a, NONCE=\"a\""), Some(Unreadable::Duplicate));
    assert_eq!(why("Digest "), None);
}

#[test]
fn a_bracket_in_a_quoted_parameter_does_not_make_what_precedes_it_a_name() {
    let bare = b"sip:a@10.1.2.3:5070;+sip.instance=\"<urn:uuid:0>\";q=0.25;expires=60";
    let contact = NameAddr::parse(bare).unwrap();
    assert_eq!((contact.display, shown(contact.uri)), (&b""[..], "sip:a@10.1.2.3:5070"));
    assert_eq!(contact.instance().map(shown), Some("<urn:uuid:0>"));
    assert_eq!((contact.q(), contact.expires()), (Some(250), Some(60)));
    let named = NameAddr::parse(b"A B <sip:a@b>;+sip.instance=\"<urn:uuid:0>\"").unwrap();
    assert_eq!((shown(named.display), shown(named.uri)), ("A B", "sip:a@b"));
    assert_eq!((named.q(), named.expires()), (None, None));
}
