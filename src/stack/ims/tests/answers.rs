//! Answers: what a REGISTER gets, what its retransmission gets, and what strangers don't get.

use super::*;

const CHALLENGE: &str = "Digest realm=\"home1.net\", nonce=\"bm9uY2U=\", algorithm=AKAv1-MD5, qop=\"auth\"";
const T1: Duration = Duration::from_millis(500);

/// A REGISTER of few octets, without rport.
fn short(branch: &str) -> Vec<u8> {
    text(&format!(
        "
        REGISTER sip:h SIP/2.0
        v:SIP/2.0/UDP 10.1.2.3;branch=z9hG4bK{branch}
        f:<sip:a@h>;tag=1
        t:<sip:a@h>
        i:1
        CSeq:1 REGISTER
        "
    ))
}

fn back(source: &str, port: u16) -> Flow {
    let (source, local) = (address(source), address(if source.starts_with('[') { LOCAL_V6 } else { LOCAL }));
    flow(local, SocketAddr::new(source.ip(), port))
}

#[test]
fn a_challenge_is_sent_again_octet_for_octet() {
    let mut bench = Bench::new();
    let request = bench.deferred(UE, &ue_register("1"));
    bench.absorbed(UE, &ue_register("1"));
    assert!(bench.taken().is_empty());
    let challenges = [CHALLENGE, "Digest realm=\"home1.net\", nonce=\"bWQ1\", algorithm=MD5, qop=\"auth\""];
    bench.answer_deferred(request, 401, &Answer { challenges: &challenges, ..Answer::default() });
    let (first, to) = bench.one();
    assert_eq!(to, back(UE, 40000));
    let tag = first.split("org>;tag=").nth(2).and_then(|rest| rest.split('\r').next()).unwrap().to_owned();
    assert_eq!(
        first.as_bytes(),
        text(&format!(
            "
            SIP/2.0 401 Unauthorized
            Via: SIP/2.0/UDP 10.1.2.3:5070;branch=z9hG4bK1;received=198.51.100.7;rport=40000
            From: <sip:234150999999999@ims.mnc015.mcc234.3gppnetwork.org>;tag=4fa3
            To: <sip:234150999999999@ims.mnc015.mcc234.3gppnetwork.org>;tag={tag}
            Call-ID: apb03a0s09dkjdfglkj49111
            CSeq: 1 REGISTER
            WWW-Authenticate: {}
            WWW-Authenticate: {}
            Content-Length: 0
            ",
            challenges[0], challenges[1]
        ))
    );
    for _ in 0..2 {
        bench.absorbed(UE, &ue_register("1"));
        assert_eq!(bench.one(), (first.clone(), to));
    }
    // From elsewhere it goes where it went, not where somebody says.
    bench.absorbed("203.0.113.9:9", &ue_register("1"));
    assert_eq!(bench.one(), (first.clone(), to));
    bench.pass(T1 * 64);
    bench.absorbed(UE, &ue_register("1"));
    assert_eq!(bench.one(), (first, to));
    bench.pass(Duration::from_millis(1));
    assert_eq!((bench.ims.servers.kept(), bench.ims.servers.completed()), (0, 0));
    bench.deferred(UE, &ue_register("1"));
}

#[test]
fn a_success_lists_contacts_identities_and_date() {
    let mut bench = Bench::new();
    let request = bench.deferred(UE_V6, &ue_register("1"));
    let associated = [Identity::new(b"sip:a@home1.net").unwrap(), Identity::new(b"tel:+49170").unwrap()];
    let answer = Answer {
        contacts: &[("sip:a@[2001:db8:7::7]:5070", 1800), ("sip:a@other", 0)],
        associated: &associated,
        date: Some("Sat, 13 Nov 2010 23:29:00 GMT"),
        ..Answer::default()
    };
    bench.answer_deferred(request, 200, &answer);
    let (sent, to) = bench.one();
    assert_eq!(to, back(UE_V6, 40000));
    assert!(sent.contains(";received=2001:db8:7::7;rport=40000\r\n"), "{sent}");
    let (_, headers) = sent.split_once("CSeq: 1 REGISTER\r\n").unwrap();
    assert_eq!(
        headers.as_bytes(),
        text(
            "
            Contact: <sip:a@[2001:db8:7::7]:5070>;expires=1800
            Contact: <sip:a@other>;expires=0
            P-Associated-URI: <sip:a@home1.net>
            P-Associated-URI: <tel:+49170>
            Date: Sat, 13 Nov 2010 23:29:00 GMT
            Content-Length: 0
            "
        )
    );
    bench.absorbed(UE_V6, &ue_register("1"));
    assert_eq!(bench.one().0, sent);
}

#[test]
fn retry_after_and_min_expires_belong_to_their_statuses() {
    let mut bench = Bench::new();
    for (at, (status, answer, header)) in [
        (423, Answer { min_expires: Some(600), ..Answer::default() }, "Min-Expires: 600\r\n"),
        (503, Answer::default(), "\r\nRetry-After: "),
        (503, Answer { retry_after: Some(60), ..Answer::default() }, "Retry-After: 60\r\n"),
        (403, Answer::default(), "CSeq: 1 REGISTER\r\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let register = ue_register(&at.to_string());
        let request = bench.deferred(UE, &register);
        bench.answer_deferred(request, status, &answer);
        let (sent, _) = bench.one();
        assert!(sent.starts_with(&format!("SIP/2.0 {status} ")) && sent.contains(header), "{sent}");
    }
}

#[test]
fn the_oldest_kept_answer_gives_way_to_a_new_request() {
    let mut bench = Bench::of_worker(0, 1, 2);
    let challenge = Answer { challenges: &[CHALLENGE], ..Answer::default() };
    for branch in ["1", "2", "3"] {
        let request = bench.deferred(UE, &ue_register(branch));
        bench.answer_deferred(request, 401, &challenge);
        bench.pass(Duration::from_millis(10));
    }
    assert_eq!((bench.ims.servers.kept(), bench.ims.servers.pending()), (2, 0));
    assert_eq!(bench.ims.servers.counts.forgotten_early, 1);
    bench.taken();
    bench.absorbed(UE, &ue_register("3"));
    assert!(bench.one().0.starts_with("SIP/2.0 401"));
    // The first is new again, and pushes the second out.
    let (first, second) = (bench.deferred(UE, &ue_register("1")), bench.deferred(UE, &ue_register("2")));
    assert_eq!((bench.ims.servers.kept(), bench.ims.servers.pending()), (0, 2));
    bench.register(UE, &ue_register("4"), |bench, register| {
        assert_eq!(bench.ims.defer(bench.now, &register.request), None, "both wait for their answer");
    });
    bench.answer_deferred(first, 403, &Answer::default());
    bench.answer_deferred(second, 401, &challenge);
    bench.answer_deferred(second, 401, &challenge);
    assert_eq!(bench.taken().len(), 2, "nobody is answered twice");
}

#[test]
fn kept_answers_leave_room_in_the_table_too() {
    let mut bench = Bench::of_worker(0, 1, 16);
    let challenge = Answer { challenges: &[CHALLENGE], ..Answer::default() };
    for branch in 0..40 {
        let request = bench.deferred(UE, &ue_register(&branch.to_string()));
        bench.answer_deferred(request, 401, &challenge);
    }
    assert_eq!((bench.ims.servers.kept(), bench.ims.servers.counts.forgotten_early), (16, 24));
    // What an S-CSCF sends is remembered in their place.
    for branch in 40..56 {
        bench.register(SCSCF, &ue_register(&branch.to_string()), |bench, register| {
            bench.ims.answer(bench.now, &register.request, 403, &mut bench.sent);
        });
    }
    assert_eq!((bench.ims.servers.kept(), bench.ims.servers.completed()), (0, 16));
    bench.taken();
    bench.absorbed(SCSCF, &ue_register("99"));
    assert!(bench.one().0.starts_with("SIP/2.0 503 "), "now it is full");
}

#[test]
fn without_a_buffer_a_challenge_is_made_anew() {
    let mut bench = Bench::new();
    let request = bench.deferred(UE, &ue_register("1"));
    bench.sent.full = true;
    bench.answer_deferred(request, 401, &Answer { challenges: &[CHALLENGE], ..Answer::default() });
    bench.sent.full = false;
    assert_eq!(bench.ims.servers.counts.no_buffer, 1);
    let again = bench.deferred(UE, &ue_register("1"));
    let long = "x".repeat(1500);
    bench.answer_deferred(again, 401, &Answer { challenges: &[&long], ..Answer::default() });
    assert_eq!(bench.ims.servers.counts.unwritable, 1);
    bench.deferred(UE, &ue_register("1"));
    assert!(bench.taken().is_empty());
}

#[test]
fn no_stranger_gets_more_than_was_sent_in_its_name() {
    let mut bench = Bench::new();
    let challenge = Answer { challenges: &[CHALLENGE], ..Answer::default() };
    let request = bench.deferred(UE, &short("1"));
    bench.answer_deferred(request, 401, &challenge);
    assert_eq!((bench.withheld(), bench.ims.servers.kept()), (1, 0));
    // It is no answer, so the next one is a new request; now its nonce has come back.
    let request = bench.deferred(UE, &short("1"));
    bench.answer_deferred(request, 401, &Answer { known: true, ..challenge });
    let (sent, to) = bench.one();
    assert_eq!(to, back(UE, 5060), "the port of sent-by, without rport");
    bench.absorbed(UE, &short("1"));
    assert_eq!(bench.one().0, sent);
    // A REGISTER as phones send it is longer than its challenge.
    let request = bench.deferred(UE, &ue_register("1"));
    bench.answer_deferred(request, 401, &challenge);
    assert_eq!((bench.taken().len(), bench.withheld()), (1, 1));
    // But what repeats it must be as long.
    let tiny = String::from_utf8(short("1")).unwrap().replace("10.1.2.3", "10.1.2.3:5070").into_bytes();
    bench.absorbed(UE, &tiny);
    assert_eq!((bench.taken().len(), bench.withheld()), (0, 2));
    // Who is known by configuration, or to the application, may have it.
    let request = bench.deferred(SCSCF, &short("2"));
    bench.answer_deferred(request, 401, &challenge);
    let request = bench.register(UE, &short("3"), |bench, register| {
        bench.ims.defer(bench.now, &register.request.from_known()).unwrap()
    });
    bench.answer_deferred(request, 401, &challenge);
    assert_eq!((bench.taken().len(), bench.withheld()), (2, 2));
}

/// By the S-CSCF, too, whose own requests get answers of any length.
#[test]
fn who_repeats_a_strangers_request_sends_as_much_as_the_stranger_gets() {
    let mut bench = Bench::new();
    let request = bench.deferred(UE, &ue_register("1"));
    bench.answer_deferred(request, 401, &Answer { challenges: &[CHALLENGE], ..Answer::default() });
    let (first, to) = bench.one();
    assert!(first.len() <= ue_register("1").len());
    let tiny = String::from_utf8(short("1")).unwrap().replace("10.1.2.3", "10.1.2.3:5070").into_bytes();
    assert!(first.len() > tiny.len());
    for (round, source) in ["203.0.113.9:9", SCSCF, UE, SCSCF].into_iter().enumerate() {
        bench.absorbed(source, &ue_register("1"));
        assert_eq!(bench.one(), (first.clone(), to));
        bench.absorbed(source, &tiny);
        assert_eq!((bench.taken().len(), bench.withheld()), (0, round as u64 + 1));
    }
}

#[test]
fn refusals_and_100s_obey_the_limit_and_strangers_are_not_remembered() {
    let whole = String::from_utf8(ue_register("1")).unwrap();
    let but = |from: &str, to: &str| whole.replace(from, to).into_bytes();
    let small = |from: &str, to: &str| String::from_utf8(short("1")).unwrap().replace(from, to).into_bytes();
    let cases = [
        ("405", but("REGISTER", "INFO"), small("REGISTER", "INFO")),
        ("415", but("REGISTER", "MESSAGE"), small("REGISTER", "MESSAGE")),
        ("416", but("REGISTER sip:", "REGISTER http:"), small("REGISTER sip:", "REGISTER x:")),
        ("420", but("Supported", "Require"), small("i:1", "i:1\r\nRequire:x")),
        ("483", but("Forwards: 70", "Forwards: 0"), small("i:1", "i:1\r\nMax-Forwards:0")),
        ("400", but("z9hG4bK1", "1"), small("z9hG4bK1", "1")),
        ("400", but("1 REGISTER", "x"), small("1 REGISTER", "x")),
        ("505", but("SIP/2.0\r", "SIP/3.0\r"), small("SIP/2.0\r", "SIP/3.0\r")),
        ("200", but("REGISTER", "OPTIONS"), small("REGISTER", "OPTIONS")),
    ];
    let mut bench = Bench::new();
    for (at, (status, long, short)) in cases.iter().enumerate() {
        let own = |message: &[u8]| {
            let text = String::from_utf8(message.to_vec()).unwrap();
            text.replace("z9hG4bK1", &format!("z9hG4bK1{at}")).into_bytes()
        };
        let (long, short) = (&own(long)[..], &own(short)[..]);
        for _ in 0..2 {
            bench.absorbed(UE, long);
            assert!(bench.one().0.starts_with(&format!("SIP/2.0 {status} ")), "{status}");
            bench.absorbed(UE, short);
            assert!(bench.taken().is_empty(), "{status}");
        }
        assert_eq!(bench.withheld(), 2 * at as u64 + 2);
        bench.absorbed(SCSCF, short);
        assert!(bench.one().0.starts_with(&format!("SIP/2.0 {status} ")), "{status}");
    }
    // The S-CSCF's are remembered, but for what has no transaction.
    assert_eq!(bench.ims.servers.completed(), 6);
    assert_eq!(bench.ims.counts.repeated, 0);
    // The application's refusals too, but what it accepts is remembered: it can't be accepted twice.
    for status in [403, 202] {
        bench.register(UE, &ue_register("9"), |bench, register| {
            bench.ims.answer(bench.now, &register.request, status, &mut bench.sent);
        });
    }
    assert_eq!((bench.ims.servers.completed(), bench.taken().len()), (7, 2));
    bench.absorbed(UE, &ue_register("9"));
    assert!(bench.one().0.starts_with("SIP/2.0 202 "));
}

#[test]
fn a_100_is_no_longer_than_its_request_either() {
    let mut bench = Bench::new();
    let request = bench.deferred(UE, &short("1"));
    bench.deferred(UE, &ue_register("2"));
    bench.pass(Duration::from_millis(3_500));
    assert!(bench.one().0.contains("branch=z9hG4bK2"));
    assert_eq!(bench.withheld(), 1);
    bench.absorbed(UE, &short("1"));
    bench.absorbed(UE, &ue_register("2"));
    assert!(bench.one().0.starts_with("SIP/2.0 100 Trying\r\n"));
    assert_eq!(bench.withheld(), 2);
    // Nobody was waited for until the client gave up: nothing stays of a stranger.
    bench.pass(Duration::from_secs(29));
    assert_eq!((bench.ims.servers.pending(), bench.ims.servers.completed()), (0, 0));
    bench.answer_deferred(request, 403, &Answer::default());
    assert_eq!(bench.ims.servers.counts.late_answers, 1);
}

#[test]
fn a_retransmission_from_another_address_is_a_strangers() {
    let mut bench = Bench::new();
    bench.register(UE, &short("1"), |bench, register| {
        bench.ims.answer(bench.now, &register.request.from_known(), 403, &mut bench.sent);
    });
    let (first, _) = bench.one();
    bench.absorbed(UE, &short("1"));
    assert_eq!(bench.one().0, first);
    let elsewhere = (1..=64).filter(|host| {
        bench.absorbed(&format!("203.0.113.{host}:5060"), &short("1"));
        !bench.taken().is_empty()
    });
    assert!(elsewhere.count() < 8, "six bits tell");
}

/// The identities of TS 23.003 in a REGISTER without credentials, and the challenges of AKA: the longest that there are.
#[test]
fn a_register_of_500_octets_gets_its_challenge() {
    let realm = "ims.mnc001.mcc262.3gppnetwork.org";
    let register = |octets: usize| {
        let lines = |agent: &str| {
            format!(
                "REGISTER sip:{realm} SIP/2.0\nVia: SIP/2.0/UDP 10.1.2.3:5060;rport;branch=z9hG4bK{octets:010}\n\
                 Max-Forwards: 70\nFrom: <sip:262010000000001@{realm}>;tag=4fe1c3a9\n\
                 To: <sip:262010000000001@{realm}>\nCall-ID: 1-48151623@10.1.2.3\nCSeq: 1 REGISTER\n\
                 Contact: <sip:262010000000001@10.1.2.3:5060>;+g.3gpp.smsip\nExpires: 600000\n\
                 User-Agent: {agent}\nContent-Length: 0\n\n"
            )
        };
        let shortest = text(&lines("")).len();
        text(&lines(&"x".repeat(octets - shortest)))
    };
    // RAND, AUTN, number, time, an AKAv2 password and a check.
    let nonce = "n".repeat((32usize + 5 + 2 + 16 + 8).div_ceil(3) * 4);
    let [v2, v1] = ["AKAv2-MD5", "AKAv1-MD5"].map(|algorithm| {
        format!("Digest realm=\"{realm}\",nonce=\"{nonce}\",algorithm={algorithm},qop=\"auth\"")
    });
    let mut bench = Bench::new();
    let challenge = Answer { challenges: &[&v2, &v1], ..Answer::default() };
    let request = bench.deferred(UE, &register(500));
    bench.answer_deferred(request, 401, &challenge);
    let (short, _) = bench.one();
    assert!(
        short.len() <= 500 && short.starts_with("SIP/2.0 401 \r\n") && short.ends_with("\r\n\r\n"),
        "{short}"
    );
    assert!(short.contains(&v2) && !short.contains(&v1) && !short.contains("Content-Length"));
    let request = bench.deferred(UE, &register(900));
    bench.answer_deferred(request, 401, &challenge);
    let (whole, _) = bench.one();
    assert!(whole.starts_with("SIP/2.0 401 Unauthorized\r\n") && whole.contains(&v2) && whole.contains(&v1));
    let request = bench.deferred(UE, &register(440));
    bench.answer_deferred(request, 401, &challenge);
    assert_eq!((bench.taken().len(), bench.withheld()), (0, 1));
}
