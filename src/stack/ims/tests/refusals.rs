//! What is refused, with which status, and what the refusal says.

use super::*;

/// A MESSAGE of an S-CSCF that submits a short message; each change replaces a text by another.
fn message(branch: &str, changes: &[(&str, &str)]) -> Vec<u8> {
    let head = format!(
        "
        MESSAGE sip:gw.home1.net SIP/2.0
        Via: SIP/2.0/UDP scscf1.home1.net;branch=z9hG4bK{branch}
        Max-Forwards: 70
        P-Asserted-Identity: <sip:a@home1.net>
        From: <sip:a@home1.net>;tag=f1
        To: <sip:gw.home1.net>
        Call-ID: c1
        CSeq: 7 MESSAGE
        Content-Type: application/vnd.3gpp.sms
        "
    );
    let mut whole = String::from_utf8(text(&head)).unwrap();
    for (from, to) in changes {
        assert!(whole.contains(from), "{from}");
        whole = whole.replacen(from, to, 1);
    }
    [whole.as_bytes(), &[0x00, 0x01, 0x00, 0x04, 0x91, 0x94, 0x71, 0x01, 0x02, 0x01, 0x00]].concat()
}

const CONTENT: &str = "Content-Type: application/vnd.3gpp.sms\r\n";

/// The answer to a request that is refused, or to OPTIONS.
fn refused(bench: &mut Bench, source: &str, request: &[u8]) -> String {
    bench.absorbed(source, request);
    bench.one().0
}

fn taken(bench: &mut Bench, source: &str, request: &[u8]) -> bool {
    bench.input(source, request, |_, next| matches!(next, Next::Indication(Indication::Message(_))))
}

#[test]
fn only_another_scheme_is_416_and_a_bad_uri_is_400() {
    for (uri, status) in [
        ("http://home1.net", 416),
        ("nobodyKnowsThisScheme:totallyopaquecontent", 416),
        ("soap.beep://192.0.2.103:3002", 416),
        ("sip:2001:db8::10", 400),
        ("sip:u@h:", 400),
        ("sip:@h", 400),
        ("sip:a%zz@h", 400),
        ("SIPS:", 400),
        ("tel:", 400),
    ] {
        let mut bench = Bench::new();
        let answer =
            refused(&mut bench, SCSCF, &message("1", &[("sip:gw.home1.net SIP", &format!("{uri} SIP"))]));
        assert!(answer.starts_with(&format!("SIP/2.0 {status} ")), "{uri}: {answer}");
        let counts = &bench.ims.counts;
        let expected = (u64::from(status == 416), u64::from(status == 400));
        assert_eq!(
            (counts.bad_scheme, counts.bad_request, counts.bad_rp),
            (expected.0, expected.1, 0),
            "{uri}"
        );
    }
}

/// RFC 3261 8.2.2.3: every option is named, and a fold, a quote or an empty value can't keep the answer back.
#[test]
fn a_folded_require_is_answered() {
    for (require, unsupported) in [
        ("Require: 100rel", Some("100rel")),
        ("Require: 100rel,\r\n nothingSupportsThis", Some("100rel, nothingSupportsThis")),
        ("Require:\r\n\t100rel", Some("100rel")),
        ("Require: a\r\nRequire: b,c\r\n ,d", Some("a, b, c, d")),
        ("Require: a\r\n b", None),
        ("Require: \"a\", b", None),
        ("Require: ,", None),
    ] {
        let mut bench = Bench::new();
        let request = message("1", &[("Call-ID", &format!("{require}\r\nCall-ID"))]);
        let answer = refused(&mut bench, SCSCF, &request);
        if unsupported.is_none() {
            assert!(answer.starts_with("SIP/2.0 400 Bad Require\r\n"), "{require}: {answer}");
            continue;
        }
        assert!(answer.starts_with("SIP/2.0 420 Bad Extension\r\n"), "{require}: {answer}");
        let lines: Vec<_> = answer.lines().filter_map(|line| line.strip_prefix("Unsupported: ")).collect();
        assert_eq!(lines, unsupported.as_slice(), "{require}");
        // And so is its retransmission.
        assert_eq!(refused(&mut bench, SCSCF, &request), answer);
        assert_eq!((bench.ims.counts.bad_extension, bench.ims.counts.repeated), (1, 1));
    }
}

#[test]
fn no_value_that_is_repeated_keeps_an_answer_back() {
    let mut bench = Bench::new();
    let required = |octets: usize| {
        let options =
            |from: usize| (0..7).map(|at| format!("{}{}", from + at, "x".repeat(octets))).collect::<Vec<_>>();
        format!("Require: {}\r\nRequire: {}\r\nCall-ID", options(10).join(","), options(20).join(","))
    };
    // More than a frame holds goes in fragments.
    let answer = refused(&mut bench, SCSCF, &message("1", &[("Call-ID", &required(150))]));
    assert!(answer.starts_with("SIP/2.0 420 ") && answer.len() > 1480, "{answer}");
    assert_eq!(answer.split("Unsupported: ").nth(1).unwrap().split(", ").count(), 14);
    // More than a datagram holds is left out.
    let answer = refused(&mut bench, SCSCF, &message("2", &[("Call-ID", &required(700))]));
    assert!(answer.starts_with("SIP/2.0 420 ") && !answer.contains("Unsupported"), "{answer}");
    // What does not fit even then is counted, and nothing is sent.
    let via = format!("Via: SIP/2.0/UDP a;branch=z9hG4bK{}\r\n", "a".repeat(250));
    let vias = format!("{}Max-Forwards: 0", via.repeat(40));
    bench.absorbed(SCSCF, &message("3", &[("Max-Forwards: 70", &vias)]));
    assert_eq!((bench.taken().len(), bench.ims.servers.counts.unwritable), (0, 1));
}

/// RFC 3261 8.2.3, TS 24.341 5.3.1.2.
#[test]
fn an_encoded_body_is_415_and_says_what_is_taken() {
    for (header, taken_so) in [
        ("Content-Encoding: gzip", false),
        ("e: gzip", false),
        ("Content-Encoding: identity, deflate", false),
        ("Content-Transfer-Encoding: base64", false),
        ("Content-Transfer-Encoding: quoted-printable", false),
        ("Content-Encoding: Identity", true),
        ("Content-Transfer-Encoding: binary", true),
        ("Content-Transfer-Encoding: 8BIT", true),
    ] {
        let mut bench = Bench::new();
        let request = message("1", &[(CONTENT, &format!("{CONTENT}{header}\r\n"))]);
        if taken_so {
            assert!(taken(&mut bench, SCSCF, &request), "{header}");
            continue;
        }
        let answer = refused(&mut bench, SCSCF, &request);
        assert!(answer.starts_with("SIP/2.0 415 Unsupported Media Type\r\n"), "{header}: {answer}");
        assert!(
            answer.contains("\r\nAccept: application/vnd.3gpp.sms\r\nAccept-Encoding: identity\r\n"),
            "{answer}"
        );
        assert_eq!((bench.ims.counts.bad_encoding, bench.ims.counts.bad_media_type), (1, 0), "{header}");
    }
    // Of another type, no encoding is at fault; without a body there is none.
    let mut bench = Bench::new();
    let answer = refused(&mut bench, SCSCF, &message("1", &[("application/vnd.3gpp.sms", "text/plain")]));
    assert!(answer.contains("\r\nAccept: ") && !answer.contains("Accept-Encoding"), "{answer}");
    let register = String::from_utf8(ue_register("1")).unwrap();
    let encoded = |end: &str| register.replace("Content-Length: 0\r\n\r\n", end).into_bytes();
    bench.register(SCSCF, &encoded("Content-Encoding: gzip\r\n\r\n"), |_, _| ());
    let with_body = encoded("Content-Type: application/3gpp-ims+xml\r\nContent-Encoding: gzip\r\n\r\nx");
    let answer =
        refused(&mut bench, SCSCF, &String::from_utf8(with_body).unwrap().replace("bK1", "bK2").into_bytes());
    assert!(answer.starts_with("SIP/2.0 415 "), "{answer}");
}

/// RFC 3261 9.2: what is not INVITE can't be cancelled (9.1), but a transaction that is there is found.
#[test]
fn cancel_of_what_is_here_is_200_and_changes_nothing() {
    for status in [Some(202), None] {
        let mut bench = Bench::new();
        given(&mut bench, &message("1", &[]), status);
        let cancel = message("1", &[("MESSAGE", "CANCEL"), ("7 MESSAGE", "7 CANCEL"), (CONTENT, "")]);
        let answer = refused(&mut bench, SCSCF, &cancel);
        assert!(answer.starts_with("SIP/2.0 200 OK\r\n"), "{answer}");
        assert_eq!((bench.ims.counts.cancelled_in_vain, bench.ims.counts.cancelled), (1, 0));
        // Of another branch it is nobody's.
        let of_another =
            [("MESSAGE", "CANCEL"), ("7 MESSAGE", "7 CANCEL"), ("z9hG4bK1", "z9hG4bK9"), (CONTENT, "")];
        assert!(refused(&mut bench, SCSCF, &message("1", &of_another)).starts_with("SIP/2.0 481 "));
    }
}

/// RFC 3261 21.5.7.
#[test]
fn what_is_longer_than_the_limit_is_513() {
    let mut bench = Bench::new();
    bench.ims.config.limits = sip::Limits { message: 600, ..sip::Limits::DEFAULT };
    let answer = refused(
        &mut bench,
        SCSCF,
        &message("1", &[("Call-ID", &format!("X: {}\r\nCall-ID", "x".repeat(600)))]),
    );
    assert!(answer.starts_with("SIP/2.0 513 Message Too Large\r\n"), "{answer}");
    assert_eq!((bench.ims.counts.too_large, bench.ims.counts.bad_request), (1, 0));
}

#[test]
fn cancel_is_481() {
    let mut bench = Bench::new();
    assert!(taken(&mut bench, SCSCF, &message("1", &[])));
    let cancel = message("1", &[("MESSAGE", "CANCEL"), ("7 MESSAGE", "7 CANCEL"), (CONTENT, "")]);
    let answer = refused(&mut bench, SCSCF, &cancel);
    assert!(answer.starts_with("SIP/2.0 481 Call/Transaction Does Not Exist\r\n"), "{answer}");
    assert!(!answer.contains("Allow"), "{answer}");
    assert_eq!((bench.ims.counts.cancelled, bench.ims.counts.bad_method), (1, 0));
}

/// Gives the MESSAGE to the application, which answers it or puts it off.
fn given(bench: &mut Bench, request: &[u8], status: Option<u16>) {
    let now = bench.now;
    bench.input(SCSCF, request, |bench, next| {
        let Next::Indication(Indication::Message(message)) = next else { panic!("not taken") };
        match status {
            Some(status) => bench.ims.answer(now, &message.request, status, &mut bench.sent),
            None => drop(bench.ims.defer(now, &message.request).unwrap()),
        }
        bench.ims.assert_invariants();
    });
    bench.taken();
}

/// RFC 3261 8.2.2.2: the same request by two ways is one.
#[test]
fn merged_requests_are_482() {
    for status in [Some(202), None] {
        let mut bench = Bench::new();
        given(&mut bench, &message("1", &[]), status);
        let copy = message("2", &[("scscf1", "scscf2")]);
        for _ in 0..2 {
            let answer = refused(&mut bench, SCSCF, &copy);
            assert!(answer.starts_with("SIP/2.0 482 Loop Detected\r\n"), "{answer}");
        }
        assert_eq!((bench.ims.counts.merged, bench.ims.servers.counts.merged), (2, 2));
        // Another CSeq, Call-ID or From tag, or a tag of ours in To, and it is another request.
        for (at, change) in [
            ("7 MESSAGE", "8 MESSAGE"),
            ("ID: c1", "ID: c2"),
            ("tag=f1", "tag=f2"),
            ("To: <sip:gw.home1.net>", "To: <sip:gw.home1.net>;tag=1"),
        ]
        .into_iter()
        .enumerate()
        {
            assert!(taken(&mut bench, SCSCF, &message(&format!("3{at}"), &[change])), "{change:?}");
        }
        // The transaction itself is no copy of itself.
        bench.absorbed(SCSCF, &message("1", &[]));
        assert_eq!(bench.taken().len(), usize::from(status.is_some()));
        // Once it is forgotten, it may come again.
        bench.pass(Duration::from_secs(33));
        bench.taken();
        assert!(status.is_none() || taken(&mut bench, SCSCF, &copy));
    }
}

/// RFC 3263 4.3: who was told 503, or not answered, asks again by another branch.
#[test]
fn a_refused_request_may_come_by_another_branch() {
    for status in [503, 500, 403] {
        let mut bench = Bench::new();
        given(&mut bench, &message("1", &[]), Some(status));
        assert!(taken(&mut bench, SCSCF, &message("2", &[])), "{status}");
    }
}

#[test]
fn copies_of_a_request_meet_at_one_worker() {
    let owners: Vec<_> = (0..4)
        .map(|at| {
            let mut bench = Bench::of_worker(0, 8, 4);
            let request = message(&at.to_string(), &[("scscf1", &format!("s{at}"))]);
            bench.input(SCSCF, &request, |_, next| match next {
                Next::HandOff(owner) => owner.0,
                Next::Indication(_) => 0,
                _ => panic!("not taken"),
            })
        })
        .collect();
    assert!(owners.iter().all(|owner| *owner == owners[0]), "{owners:?}");
}

/// RFC 3261 17.2.3: host and port of sent-by are compared, not octets.
#[test]
fn sent_by_is_a_host_and_a_port() {
    let mut bench = Bench::new();
    given(&mut bench, &message("1", &[]), Some(202));
    for same in ["scscf1.home1.net:5060", "SCSCF1.Home1.NET", "scscf1.HOME1.net:5060"] {
        bench.absorbed(SCSCF, &message("1", &[("scscf1.home1.net;", &format!("{same};"))]));
        assert!(bench.one().0.starts_with("SIP/2.0 202 "), "{same}");
    }
    assert_eq!(bench.ims.counts.repeated, 3);
}

/// RFC 3261 17.2.3 for peers of RFC 2543, from configured hosts alone.
#[test]
fn a_legacy_peer_needs_no_branch() {
    let old = |changes: &[(&str, &str)]| {
        let all = [&[(";branch=z9hG4bK1", "")], changes].concat();
        message("1", &all)
    };
    let mut bench = Bench::new();
    assert!(refused(&mut bench, SCSCF, &old(&[])).starts_with("SIP/2.0 400 "));
    let legacy = vec![address(SCSCF).ip().into()];
    let core = CoreHosts { legacy, ..(*bench.ims.core).clone() };
    bench.ims.set_core(&core.into());
    given(&mut bench, &old(&[]), Some(202));
    bench.absorbed(SCSCF, &old(&[]));
    let (first, _) = bench.one();
    assert!(first.starts_with("SIP/2.0 202 "), "{first}");
    for change in [
        ("ID: c1", "ID: c2"),
        ("7 MESSAGE", "8 MESSAGE"),
        ("tag=f1", "tag=f2"),
        ("scscf1.home1", "scscf2.home1"),
    ] {
        let other = old(&[change]);
        // The last differs in Via alone: by another way it is the same request.
        if change.0 == "scscf1.home1" {
            assert!(refused(&mut bench, SCSCF, &other).starts_with("SIP/2.0 482 "));
        } else {
            given(&mut bench, &other, Some(202));
        }
    }
    bench.absorbed(SCSCF, &old(&[("ID: c1", "ID: c2")]));
    let tag = |answer: &str| answer.split("home1.net>;tag=").nth(2).map(|rest| rest[..8].to_owned());
    assert_ne!(tag(&bench.one().0), tag(&first), "each has its own To tag");
    assert!(refused(&mut bench, UE, &old(&[])).starts_with("SIP/2.0 400 "), "others must have one");
}

/// RFC 3261 21.5.4; RELIABILITY 2.4: those who are sent away don't come back in the same second.
#[test]
fn retry_after_is_spread() {
    let mut bench = Bench::of_worker(0, 1, 1);
    bench.deferred(SCSCF, &ue_register("first"));
    let mut seen = std::collections::BTreeSet::new();
    for at in 0..64 {
        let request = ue_register(&at.to_string());
        let mut ask = || {
            let now = bench.now;
            bench.input(SCSCF, &request, |bench, next| {
                if let Next::Indication(Indication::Register(register)) = next {
                    assert!(bench.ims.defer(now, &register.request).is_none());
                    bench.ims.answer(now, &register.request, 503, &mut bench.sent);
                }
            });
            bench.one().0
        };
        let answer = ask();
        assert_eq!(ask(), answer, "a retransmission gets the same");
        let seconds = answer.split("Retry-After: ").nth(1).and_then(|rest| rest.split('\r').next());
        let seconds: u32 = seconds.unwrap().parse().unwrap();
        assert!((5..=10).contains(&seconds), "{answer}");
        seen.insert(seconds);
    }
    assert!(seen.len() >= 4, "{seen:?}");
}

/// TS 24.341 B.3: the 200 has a Date, that of its first sending.
#[test]
fn a_refresh_has_a_date_that_its_retransmission_repeats() {
    let mut bench = Bench::new();
    let register = |bench: &mut Bench, branch: &str| {
        let now = bench.now;
        bench.register(SCSCF, &ue_register(branch), |bench, register| {
            bench.ims.answer(now, &register.request, 200, &mut bench.sent);
        });
        bench.one().0
    };
    assert!(!register(&mut bench, "1").contains("Date:"), "not before there is a calendar");
    bench.ims.set_calendar(1_289_690_940);
    bench.pass(Duration::from_millis(12_999));
    let first = register(&mut bench, "2");
    let headers = "Contact: <sip:234150999999999@10.1.2.3:5070;ob>;expires=1800\r\nDate: Sat, 13 Nov 2010 23:29:12 GMT\r\n";
    assert!(first.contains(headers), "{first}");
    bench.pass(Duration::from_secs(20));
    bench.absorbed(SCSCF, &ue_register("2"));
    assert_eq!(bench.one().0, first);
    // A calendar that no Date can tell leaves the answer without one.
    bench.ims.set_calendar(u64::MAX / 2);
    assert!(!register(&mut bench, "3").contains("Date:"));
}
