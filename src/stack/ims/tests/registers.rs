//! What is read of a REGISTER: of a UE for itself, of an S-CSCF for its user, and of nobody who can be understood.

use super::*;

const NAI: &str = "sip:234150999999999@ims.mnc015.mcc234.3gppnetwork.org";

fn changed(from: &str, to: &str) -> Vec<u8> {
    let whole = String::from_utf8(ue_register("1")).unwrap();
    assert!(whole.contains(from), "{from}");
    whole.replace(from, to).into_bytes()
}

#[test]
fn a_ue_says_all_that_its_binding_depends_on() {
    let mut bench = Bench::new();
    let octets = ue_register("1").len();
    bench.register(UE, &ue_register("1"), |_, it| {
        assert_eq!(it.public_identity.as_str(), NAI);
        assert_eq!(it.to_uri, NAI.as_bytes());
        assert_eq!(it.request_uri, b"sip:ims.mnc015.mcc234.3gppnetwork.org");
        assert_eq!(it.contact.unwrap().as_str(), "sip:234150999999999@10.1.2.3:5070;ob");
        assert_eq!(it.contact_address, Some(address("10.1.2.3:5070")));
        assert_eq!((it.contact_q, it.contact_wildcard, it.expires), (Some(700), false, 1800));
        assert_eq!(it.instance, b"<urn:gsma:imei:90420156-025763-0>");
        assert!(it.authorization.unwrap().starts_with(b"Digest username=\"234150999999999@"));
        assert_eq!((it.call_id, it.cseq, it.rport), (&b"apb03a0s09dkjdfglkj49111"[..], 1, true));
        assert_eq!((it.request.source, it.request.local), (address(UE), address(LOCAL)));
        assert_eq!((it.request.octets, it.request.known), (octets, false));
        assert_eq!((it.private_identity, it.service_info), (None, &b""[..]));
        assert_eq!(it.associated().count(), 0);
    });
}

#[test]
fn compact_and_folded_headers_over_ipv6_say_the_same() {
    let register = text(
        r#"
        REGISTER sip:home1.net SIP/2.0
        v: SIP/2.0/UDP [2001:db8:7::7]:5070
        |;branch=z9hG4bK1
        f: <sip:a@home1.net>;tag=1
        t: "A
        |B" <sip:%61@HOME1.net;x=1>
        m: <sip:a@[2001:db8:7::7]>
        |;q=1.000 ;EXPIRES=
        |60
        i: 1
        CSeq: 4294967295
        |REGISTER
        Authorization: Digest
        |username="a"
        Authorization: Digest username="b"
        l: 0
        "#,
    );
    Bench::new().register(UE_V6, &register, |_, it| {
        assert_eq!(
            (it.public_identity.as_str(), it.to_uri),
            ("sip:a@home1.net", &b"sip:%61@HOME1.net;x=1"[..])
        );
        assert_eq!(it.contact.unwrap().as_str(), "sip:a@[2001:db8:7::7]");
        assert_eq!(it.contact_address, Some(address("[2001:db8:7::7]:5060")));
        assert_eq!((it.contact_q, it.expires, it.instance), (Some(1000), 60, &b""[..]));
        assert_eq!(it.authorization, Some(&b"Digest\r\n username=\"a\""[..]));
        assert_eq!((it.cseq, it.rport, it.request.local), (u32::MAX, false, address(LOCAL_V6)));
    });
}

#[test]
fn seconds_of_life_are_the_contacts_then_the_headers_then_an_hour() {
    let cases = [
        ("", "", 1800),
        (";expires=1800", "", 600_000),
        (";expires=1800", ";expires=0", 0),
        ("expires=1800", "expires=99999999999", u32::MAX),
        ("expires=1800", "expires=soon", 3600),
        ("expires=1800", "expires", 3600),
    ];
    for (from, to, expires) in cases {
        Bench::new().register(UE, &changed(from, to), |_, it| assert_eq!(it.expires, expires, "{to}"));
    }
    let neither = String::from_utf8(changed(";expires=1800", "")).unwrap().replace("Expires: 600000\r\n", "");
    Bench::new().register(UE, neither.as_bytes(), |_, it| assert_eq!(it.expires, 3600));
}

#[test]
fn a_flow_has_a_number_a_device_and_nobody_between() {
    let with = |number: &str, from: &str, to: &str| {
        let whole = String::from_utf8(changed(";q=0.7", &format!(";q=0.7{number}"))).unwrap();
        assert!(whole.contains(from), "{from}");
        whole.replace(from, to).into_bytes()
    };
    for (number, from, to, flow) in [
        (";reg-id=1", "", "", Some(1)),
        (";REG-ID=2147483647", "", "", Some(2_147_483_647)),
        ("", "", "", None),
        (";reg-id=0", "", "", None),
        (";reg-id=2147483648", "", "", None),
        (";reg-id=one", "", "", None),
        (";reg-id", "", "", None),
        (";reg-id=1", "Supported: path, outbound", "Supported: path", None),
        (";reg-id=1", "Supported: path, outbound", "Require: outbound", Some(1)),
        (";reg-id=1", ";+sip.instance=\"<urn:gsma:imei:90420156-025763-0>\"", "", None),
    ] {
        let register = with(number, from, to);
        Bench::new().register(UE, &register, |_, it| assert_eq!(it.reg_id, flow, "{number} {to}"));
    }
    // An S-CSCF has no flow here.
    Bench::new().register(SCSCF, &with(";reg-id=1", "", ""), |_, it| assert_eq!(it.reg_id, None));
    // A UE that comes through somebody has it with him, who has not said that he keeps it.
    let via = "Max-Forwards: 70";
    let through = format!("Via: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKp\r\n{via}");
    let mut bench = Bench::new();
    let register = with(";reg-id=1", via, &through);
    bench.absorbed(UE, &register);
    assert!(bench.one().0.starts_with("SIP/2.0 439 First Hop Lacks Outbound Support\r\n"));
    assert_eq!(bench.ims.counts.flow_of_another, 1);
    Bench::new().register(UE, &with("", via, &through), |_, it| assert_eq!(it.reg_id, None));
}

#[test]
fn a_register_may_require_outbound_and_nothing_else() {
    let mut bench = Bench::new();
    let register = changed("Supported: path, outbound", "Require: outbound, path");
    bench.absorbed(UE, &register);
    let (response, _) = bench.one();
    assert!(
        response.starts_with("SIP/2.0 420 ") && response.contains("\r\nUnsupported: path\r\n"),
        "{response}"
    );
}

#[test]
fn a_contact_that_is_no_address_of_a_host_has_none() {
    for (to, contact_address) in [
        ("<sip:a@ue.example>", None),
        ("<sip:a@10.1.2.3:0>", None),
        ("<tel:+49170>", None),
        ("sips:a@10.1.2.3", Some("10.1.2.3:5061")),
        ("<sip:10.1.2.3:9>", Some("10.1.2.3:9")),
    ] {
        let register = changed("<sip:234150999999999@10.1.2.3:5070;ob>", to);
        Bench::new().register(UE, &register, |_, it| {
            assert_eq!(it.contact_address, contact_address.map(address), "{to}");
        });
    }
}

#[test]
fn q_has_at_most_three_decimals_and_is_at_most_one() {
    for (q, thousandths) in [
        ("0", Some(0)),
        ("0.", Some(0)),
        ("0.05", Some(50)),
        ("0.999", Some(999)),
        ("1", Some(1000)),
        ("1.0", Some(1000)),
        ("1.001", None),
        ("0.1234", None),
        ("2", None),
        ("0.x", None),
        (".5", None),
        ("00.5", None),
    ] {
        Bench::new().register(UE, &changed("q=0.7", &format!("q={q}")), |_, it| {
            assert_eq!(it.contact_q, thousandths, "{q}");
        });
    }
}

#[test]
fn a_query_has_no_contact_and_a_wildcard_ends_all() {
    let whole = String::from_utf8(ue_register("1")).unwrap();
    let line = whole.lines().find(|line| line.starts_with("Contact")).unwrap();
    let with = |contact: &str, expires: &str| {
        whole.replace(&format!("{line}\r\n"), contact).replace("Expires: 600000\r\n", expires).into_bytes()
    };
    let all = "Contact: *\r\n";
    Bench::new().register(UE, &with("", ""), |_, it| {
        assert_eq!((it.contact, it.contact_address, it.contact_wildcard), (None, None, false));
    });
    Bench::new().register(UE, &with(all, "Expires: 0\r\n"), |_, it| {
        assert_eq!((it.contact, it.contact_wildcard, it.expires), (None, true, 0));
    });
    // RFC 3261 10.3 step 6, and Contacts that are none.
    let long = format!("Contact: <sip:{}@10.1.2.3>\r\n", "x".repeat(Identity::MAX));
    for (contact, expires) in [
        (all, "Expires: 1\r\n"),
        (all, ""),
        ("Contact: *, <sip:a@b>\r\n", "Expires: 0\r\n"),
        ("Contact: <sip:a@b>\r\nContact: *\r\n", "Expires: 0\r\n"),
        ("Contact: *;expires=0\r\n", "Expires: 0\r\n"),
        ("Contact: \"a\r\n", ""),
        (&long, ""),
    ] {
        let mut bench = Bench::new();
        let refused = bench.input(UE, &with(contact, expires), |_, next| matches!(next, Next::Done));
        assert!(refused, "{contact}");
        assert!(bench.one().0.starts_with("SIP/2.0 400 Bad "), "{contact}");
        assert_eq!((bench.ims.counts.bad_request, bench.ims.counts.bad_rp), (1, 0));
    }
}

/// RFC 3261 10.3 step 7: all that is asked for, or nothing.
#[test]
fn of_several_contacts_one_stays_and_the_others_leave() {
    let whole = String::from_utf8(ue_register("1")).unwrap();
    let line = whole.lines().find(|line| line.starts_with("Contact")).unwrap();
    let with =
        |contacts: &str| whole.replace(line, contacts).replace("Expires: 600000", "Expires: 60").into_bytes();
    for (contacts, expires, leaving) in [
        ("Contact: <sip:new@b>", 60, &[][..]),
        ("Contact: <sip:new@b>, <sip:old@b>;expires=0", 60, &["sip:old@b"][..]),
        ("Contact: <sip:old@b>;expires=0\r\nm: <sip:new@b>;expires=9", 9, &["sip:old@b"]),
        (
            "Contact: <sip:a@b>;expires=0, <sip:c@b>;expires=0\r\nContact: <sip:new@b>",
            60,
            &["sip:a@b", "sip:c@b"],
        ),
        ("Contact: <sip:new@b>;expires=0, <sip:new@b>", 60, &[]),
    ] {
        Bench::new().register(UE, &with(contacts), |_, it| {
            let found: Vec<_> = it.leaving().map(|identity| identity.to_string()).collect();
            assert_eq!((it.contact.unwrap().as_str(), it.expires), ("sip:new@b", expires), "{contacts}");
            assert_eq!(found, leaving, "{contacts}");
        });
    }
    for contacts in [
        "Contact: <sip:a@b>, <sip:c@b>",
        "Contact: <sip:a@b>, <sip:c@b>;expires=0, <sip:d@b>;expires=1",
        "Contact: <sip:a@b>;expires=0\r\nContact: <sip:c@b>;expires=0",
    ] {
        let mut bench = Bench::new();
        assert!(bench.input(UE, &with(contacts), |_, next| matches!(next, Next::Done)));
        assert!(bench.one().0.starts_with("SIP/2.0 403 Forbidden\r\n"), "{contacts}");
        assert_eq!((bench.ims.counts.several_contacts, bench.ims.counts.bad_request), (1, 0));
    }
}

#[test]
fn associated_identities_come_from_every_line() {
    let register = text(
        r#"
        REGISTER sip:gw.home1.net SIP/2.0
        Via: SIP/2.0/UDP scscf1.home1.net;branch=z9hG4bK1
        P-Associated-URI: <sip:a@home1.net>, "B, b" <sip:b@HOME1.net;x=1>
        From: <sip:scscf1.home1.net>;tag=1
        To: <sip:a@home1.net>
        Contact: <sip:scscf1.home1.net>
        Expires: 600000
        P-Associated-URI: <tel:+49-170>
        Call-ID: 1
        CSeq: 1 REGISTER
        P-Associated-URI: ,
        P-Associated-URI: no identity
        "#,
    );
    Bench::new().register(SCSCF, &register, |_, it| {
        let found: Vec<_> = it.associated().map(|identity| identity.to_string()).collect();
        assert_eq!(found, ["sip:a@home1.net", "sip:b@home1.net", "tel:+49170"]);
        assert_eq!(it.associated_values().count(), 4);
        assert_eq!((it.contact.unwrap().as_str(), it.expires), ("sip:scscf1.home1.net", 600_000));
        assert!(it.request.known);
    });
}

#[test]
fn a_contact_of_an_s_cscf_may_be_longer_than_is_kept() {
    let long = format!("<sip:{}@scscf1.home1.net>", "x".repeat(Identity::MAX));
    let contact =
        |text: &str| text.replacen("Contact: <sip:scscf1.home1.net>", &format!("Contact: {long}"), 1);
    let register = contact(&String::from_utf8(third_party("text/plain", "x")).unwrap()).into_bytes();
    Bench::new().register(SCSCF, &register, |_, it| {
        assert_eq!(it.contact.unwrap().as_str(), "sip:scscf1.home1.net", "that of From");
    });
    // Somebody else's is where he is to be reached.
    let mut bench = Bench::new();
    bench.absorbed(UE, &register);
    assert!(bench.one().0.starts_with("SIP/2.0 400 "));
}

/// The REGISTER of a UE and its answer, as an S-CSCF puts them into the body (TS 24.229 5.4.1.7, iFC IncludeRegisterRequest
/// and IncludeRegisterResponse).
fn third_party(kind: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "
        REGISTER sip:gw.home1.net SIP/2.0
        Via: SIP/2.0/UDP scscf1.home1.net;branch=z9hG4bK1
        From: <sip:scscf1.home1.net>;tag=1
        To: <sip:a@home1.net>
        Contact: <sip:scscf1.home1.net>
        P-Associated-URI: <sip:a@home1.net>
        Call-ID: 1
        CSeq: 1 REGISTER
        Content-Type: {kind}
        "
    );
    [&text(&head)[..], body.as_bytes()].concat()
}

fn of_ue(start: &str, more: &str) -> String {
    let message = format!(
        "{start}\nVia: SIP/2.0/UDP 10.1.2.3;branch=z9hG4bK7\nFrom: <sip:a@home1.net>;tag=1\nTo: <sip:a@home1.net>\n\
         Call-ID: 2\nCSeq: 2 REGISTER\n{more}"
    );
    String::from_utf8(text(&message)).unwrap()
}

const UE_START: &str = "REGISTER sip:home1.net SIP/2.0";

fn parts(boundary: &str, parts: &[(&str, &str)]) -> String {
    let parts =
        parts.iter().map(|(kind, body)| format!("--{boundary}\r\nContent-Type: {kind}\r\n\r\n{body}\r\n"));
    parts.collect::<String>() + &format!("--{boundary}--\r\n")
}

#[test]
fn pain_11_a_third_party_register_in_every_form() {
    let request = of_ue(
        UE_START,
        "Contact: <sip:a@10.1.2.3>;+g.3gpp.smsip;expires=600\nAuthorization: Digest username=\"a@home1.net\"",
    );
    let response = of_ue(
        "SIP/2.0 200 OK",
        "P-Associated-URI: <sip:b@home1.net>, <tel:+49170>\nService-Route: <sip:s;lr>",
    );
    let info = ("application/3gpp-ims+xml", "<ims-3gpp/>");
    let (ours, theirs) = (("message/sip", &*request), ("message/sip", &*response));
    let inner = parts("in", &[ours, theirs]);
    let deepest = parts("deep", &[ours]);
    let deep = parts("in", &[("multipart/mixed;boundary=deep", &deepest)]);
    // What is read of each: the private identity, whether the UE takes short messages, identities, service-info.
    let all = ["sip:a@home1.net", "sip:b@home1.net", "tel:+49170"];
    let cases = [
        ("text/plain".to_owned(), "x".to_owned(), (false, None, 1, false)),
        (info.0.to_owned(), info.1.to_owned(), (false, None, 1, true)),
        ("message/sip".to_owned(), request.clone(), (true, Some(true), 1, false)),
        ("message/sip".to_owned(), response.clone(), (false, None, 3, false)),
        (
            "multipart/mixed;boundary=b".to_owned(),
            parts("b", &[ours, theirs, info]),
            (true, Some(true), 3, true),
        ),
        (
            "multipart/mixed;boundary=b".to_owned(),
            parts("b", &[theirs, info, ours]),
            (true, Some(true), 3, true),
        ),
        (
            "multipart/mixed; boundary=\"o\"".to_owned(),
            parts("o", &[info, ("multipart/related;boundary=in", &inner)]),
            (true, Some(true), 3, true),
        ),
        // What can't be read is passed over.
        ("message/sip".to_owned(), "REGISTER".to_owned(), (false, None, 1, false)),
        ("message/sip".to_owned(), response.replace("200 OK", "403 Forbidden"), (false, None, 1, false)),
        ("message/sip".to_owned(), request.replace("REGISTER", "PUBLISH"), (false, None, 1, false)),
        ("message/sip".to_owned(), request.replace("+g.3gpp.smsip;", ""), (true, Some(false), 1, false)),
    ];
    for (kind, body, (private, takes_sms, identities, service_info)) in cases {
        Bench::new().register(SCSCF, &third_party(&kind, &body), |_, it| {
            assert_eq!(
                it.private_identity.is_some_and(|it| it.as_str() == "a@home1.net"),
                private,
                "{kind} {body}"
            );
            let tagged = || it.features().any(|(name, _)| name.eq_ignore_ascii_case(b"+g.3gpp.smsip"));
            assert_eq!(
                ((!it.ue_contact.is_empty()).then(tagged), !it.service_info.is_empty()),
                (takes_sms, service_info),
                "{kind} {body}"
            );
            let mut found: Vec<_> = it.associated().map(|identity| identity.to_string()).collect();
            it.each_answered(&mut |identity| found.push(identity.to_string()));
            assert_eq!(found, all[..identities], "{kind} {body}");
        });
    }
    // A body that doesn't end is no body, nor is one that is too deep.
    let too_deep = parts("o", &[("multipart/mixed;boundary=in", &deep), info]);
    let endless = parts("b", &[ours]).replace("b--", "");
    for (kind, body) in [("multipart/mixed;boundary=b", endless), ("multipart/mixed;boundary=o", too_deep)] {
        let mut bench = Bench::new();
        bench.absorbed(SCSCF, &third_party(kind, &body));
        assert!(bench.one().0.starts_with("SIP/2.0 400 "), "{kind}");
    }
}

#[test]
fn what_is_cut_or_changed_anywhere_is_read_or_refused() {
    let whole = ue_register("1");
    let mut bench = Bench::new();
    for len in 0..whole.len() {
        bench.input(UE, &whole[..len], |_, _| ());
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            bench.input(UE, &changed, |_, _| ());
        }
    }
    assert!(bench.taken().iter().all(|(reply, _)| reply.len() <= whole.len()));
    assert_eq!(bench.ims.servers.completed(), 0, "nothing of a stranger's is remembered");
}
