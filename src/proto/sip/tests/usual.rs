//! Messages are the same to the readers of usual spellings and to the general ones: equal values, equal refusals.

use super::*;
use crate::base::Malformed;
use crate::codec::scan::Vectors;

const NAMES: [Name; 16] = [
    Name::Via,
    Name::From,
    Name::To,
    Name::CallId,
    Name::CSeq,
    Name::Contact,
    Name::Route,
    Name::RecordRoute,
    Name::PAssertedIdentity,
    Name::PAccessNetworkInfo,
    Name::ContentType,
    Name::ContentLength,
    Name::Expires,
    Name::Subject,
    Name::Event,
    Name::SecurityVerify,
];

/// What a message says of itself, to be compared.
fn said<'a>(message: &Message<'a>) -> impl PartialEq + core::fmt::Debug + use<'a> {
    let mut asserted = message.asserted_uris();
    (
        (message.method(), message.target(), message.status(), message.request_uri(), message.body()),
        (message.top_via(), message.has_one_via(), message.from(), message.to(), message.call_id()),
        (message.cseq(), message.max_forwards(), message.expires(), message.content_type()),
        (asserted.next(), asserted.next(), message.contact(), message.is_all_contacts(), message.event()),
    )
}

fn same(one: &Message<'_>, other: &Message<'_>) {
    assert_eq!(said(one), said(other));
    for name in NAMES {
        let fields =
            |message: &Message<'_>| message.fragment().fields(name).map(|field| field.folded).collect();
        assert!(one.lines(name).eq(other.lines(name)), "{name:?}");
        let (one, other): (Vec<bool>, Vec<bool>) = (fields(one), fields(other));
        assert_eq!(one, other, "{name:?}");
    }
}

/// Reads a message in both ways: in a room that has been used before, as a worker's has, of which nothing must be seen, and in a
/// new one.
struct Both {
    slots: Slots,
    limits: Limits,
    taken: usize,
}

impl Both {
    fn new(limits: Limits) -> Self {
        Self { slots: Slots::within(limits), limits, taken: 0 }
    }

    fn agree(&mut self, octets: &[u8]) -> Result<(), Malformed> {
        let found = Message::parse(octets, &mut self.slots);
        let mut others = Slots::within(self.limits);
        let expected = Message::parse_in_general(octets, &mut others);
        match (found, expected) {
            (Ok(one), Ok(other)) => {
                self.taken += 1;
                same(&one, &other);
                Ok(())
            }
            (Err(one), Err(other)) if one == other => Err(one),
            (found, expected) => {
                panic!("{:?} and {:?}: {}", found.err(), expected.err(), octets.escape_ascii())
            }
        }
    }
}

/// Headers as they are spelt by somebody, each to stand in a message.
const LINES: &[&str] = &[
    "Via: SIP/2.0/UDP pcscf-1.ims.mnc001.mcc262.3gppnetwork.org:5060;branch=z9hG4bK-1.2;rport=5060;received=192.0.2.7",
    "Via: SIP/2.0/TCP [2001:db8::1]:5061;comp=sigcomp;branch=z9hG4bK1;keep;alias",
    "v: SIP/2.0/TLS 192.0.2.1;rport;branch=z9hG4bKa, SIP/2.0/UDP b.example",
    "Via: SIP/2.0/SCTP [::ffff:1:2:3:4:5];BRANCH=z9hG4bKx;maddr=192.0.2.9;ttl=16",
    "Via: SIP/2.0/UDP 10.0.0.256;branch=z9hG4bKa",
    "Via: SIP/2.0/UDP [1:2:3:4:5:6:7:8];branch=z9hG4bK0123456789012345678901234567890123456789;rport",
    "Via: SIP/2.0/UDP h.example:0;branch=z9hG4bKa",
    "Via: SIP/2.0/UDP h.example;branch=a;branch=b",
    "Via: SIP/2.0/UDP h.example;rport;rport",
    "Via: SIP/2.0/UDP h.example;received=1.2.3.4;received=1.2.3.4",
    "Via: SIP/2.0/UDP h.example;received=x;branch",
    "Route: <sip:orig@scscf1.ims.mnc001.mcc262.3gppnetwork.org:6060;lr;token=a~b>",
    "Route: <sip:a.example;lr>,<sip:b.example;lr>, <sips:c.example:5061>;x=y",
    "Record-Route: \"A, \\\"B\\\" C\" <sip:u:p@h-1.example;transport=tcp?x=y>;a;b=\"c,d\"",
    "Record-Route: <sip:192.0.2.1:5080;lr>;received",
    "P-Asserted-Identity: \"Dupont, Jean\" <sip:+4917012345670@home1.net;user=phone>, <tel:+49-170-1234;phone-context=x>",
    "P-Asserted-Identity: Jean Dupont <sip:jean@home1.net>,tel:+491701234",
    "P-Asserted-Identity: <tel:+4917012>;x, <urn:service:sos>, <sip:a@b>",
    "Contact: *",
    "m: <sip:[2001:db8:aaa:bbb::1f]:1357;ob>;+g.3gpp.smsip;+sip.instance=\"<urn:gsma:imei:90420156-025763-0>\";expires=600000",
    "Contact: <sip:u@h;lr;LR>;q=0.5;expires=7;Expires=8",
    "Contact: sip:u@h.example;expires=5, <sip:v@h.example>;received=1.2.3.4",
    "Content-Type: multipart/mixed;boundary=\"x\"",
    "c: application/vnd.3gpp.sms",
    "Content-Type: message/sip;received=9;charset=utf-8",
    "Expires: 600000",
    "Expires: 99999999999",
    "Max-Forwards: 256",
    "l: 0",
    "Content-Length: 3",
    "Content-Length: 00000000000",
    "P-Access-Network-Info: 3GPP-E-UTRAN-FDD;\r\n utran-cell-id-3gpp=26201D0FCE11",
    "Subject: folded\r\n \tand folded\r\n again",
    "Subject: \u{e9}\u{e8} and\ttab",
    "Security-Verify: ipsec-3gpp; alg=hmac-sha-1-96",
    "X-Own: a: b",
    "Unknown-Header-With-A-Name-Of-Many-Octets-To-Be-Sure-That-No-Window-Has-It: x",
    "Event: reg;id=1",
    "Require: path",
    "CSeq : 3 MESSAGE",
    "Subject:x",
    "Subject:",
    "Subject: x ",
    "From: A <sip:a@b.example>;tag=1",
];

fn with(line: &str) -> Vec<u8> {
    format!(
        "MESSAGE sip:+491710760000@home1.net;user=phone SIP/2.0\r\n\
         Via: SIP/2.0/UDP scscf1.home1.net:5060;branch=z9hG4bK1;rport\r\n{line}\r\n\
         From: <sip:+49170@home1.net>;tag=a1\r\nTo: \"T\" <tel:+491710760000>\r\n\
         Call-ID: 0123@10.9.1.3\r\nCSeq: 17 MESSAGE\r\n\r\nabc"
    )
    .into_bytes()
}

fn corpus() -> Vec<Vec<u8>> {
    let response = text(
        "
        SIP/2.0 200 OK
        Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport=5060;received=192.0.2.1
        From: <sip:gw@home1.net>;tag=1
        To: sip:u%2b1@[2001:db8::1]:5070;tag=2
        i: 1@x
        CSeq: 1234567890 MESSAGE
        ",
    );
    let whole = [mo_message(), third_party_register(), response];
    whole.into_iter().chain(LINES.iter().map(|line| with(line))).collect()
}

#[test]
fn every_octet_changed_to_every_value() {
    let mut both = Both::new(Limits::DEFAULT);
    for message in corpus() {
        let _refused = both.agree(&message);
        // Those with one line of interest differ in that line alone.
        let start = message.windows(6).position(|six| six == b"rport\r").map_or(0, |at| at + 7);
        let end = message.windows(7).position(|seven| seven == b"\nFrom: ").unwrap_or(message.len());
        let range = if message.ends_with(b"abc") { start..end } else { 0..message.len() };
        for at in range {
            // All beyond ASCII are alike.
            for octet in (0..=0x80).chain([u8::MAX]) {
                let mut changed = message.clone();
                changed[at] = octet;
                let _refused = both.agree(&changed);
            }
        }
    }
    assert!(both.taken > 50_000, "{}", both.taken);
}

/// Readers are shown so many octets at a time: whatever is stretched goes beyond them somewhere, and comes to an end there.
#[test]
fn stretched_anywhere() {
    let mut both = Both::new(Limits::DEFAULT);
    for line in LINES {
        let message = with(line);
        let start = message.windows(line.len()).position(|it| it == line.as_bytes()).unwrap();
        for at in start..start + line.len() {
            for (fill, count) in
                b"a1 .:;=\"".iter().flat_map(|fill| (56..67).step_by(3).map(move |count| (*fill, count)))
            {
                let longer = vec![fill; count];
                let _refused = both.agree(&[&message[..at], &longer, &message[at..]].concat());
                // And words, with a stop at each place in turn.
                let words = [&longer[..], b" ", &longer[..7]].concat();
                let _refused = both.agree(&[&message[..at], &words, &message[at..]].concat());
            }
        }
    }
    for words in 1..140 {
        for length in 1..8 {
            let name = "a".repeat(length) + " ";
            let line = format!("Contact: {}<sip:a@home1.net>", name.repeat(words));
            both.agree(&with(&line)).expect("a display name");
        }
    }
    assert!(both.taken > 20_000, "{}", both.taken);
}

#[test]
fn cut_anywhere_and_within_tight_limits() {
    let limits = Limits {
        message: 600,
        headers: 9,
        header: 400,
        uri: 20,
        vias: 2,
        contacts: 2,
        parameters: 2,
        call_id: 12,
        ..Limits::DEFAULT
    };
    let (mut both, mut tight) = (Both::new(Limits::DEFAULT), Both::new(limits));
    for message in corpus() {
        for length in 0..=message.len() {
            let _refused = (both.agree(&message[..length]), tight.agree(&message[..length]));
        }
        for (at, _) in message.iter().enumerate().filter(|(_, octet)| **octet == b'\n') {
            // Every line once more, and in another place.
            let lines = message.split_inclusive(|&octet| octet == b'\n').next().unwrap();
            let doubled = [&message[..=at], lines, &message[at + 1..]].concat();
            let _refused = (both.agree(&doubled), tight.agree(&doubled));
        }
    }
}

#[test]
fn lines_in_any_order_and_changed_at_random() {
    let mut random = Random(23);
    let mut both = Both::new(Limits::DEFAULT);
    let pieces: [&str; 18] = [
        "\r\n", "\r\n ", "\"", "<", ">", ";", ",", "=", "\0", "\\\"", "%41", ";lr", ";tag=1", ":5060", "@",
        " ", ".", "a",
    ];
    for round in 0..60_000 {
        let mut lines: Vec<&str> = vec![
            "From: <sip:+49170@home1.net>;tag=a1",
            "To: \"T\" <tel:+491710760000>",
            "Call-ID: 0123@10.9.1.3",
            "CSeq: 17 MESSAGE",
        ];
        for _ in 0..1 + random.below(8) {
            lines.insert(random.below(lines.len() + 1), LINES[random.below(LINES.len())]);
        }
        let via = "Via: SIP/2.0/UDP s.home1.net;branch=z9hG4bK1";
        let text = format!("MESSAGE sip:u@h.example SIP/2.0\r\n{via}\r\n{}\r\n\r\n", lines.join("\r\n"));
        let mut message = text.into_bytes();
        for _ in 0..if round % 2 == 0 { 0 } else { 1 + random.below(3) } {
            let at = random.below(message.len());
            match random.below(3) {
                0 => drop(message.drain(at..(at + 1 + random.below(4)).min(message.len()))),
                1 => drop(message.splice(at..at, pieces[random.below(pieces.len())].bytes())),
                _ => message[at] = pieces[random.below(pieces.len())].as_bytes()[0],
            }
            if message.is_empty() {
                break;
            }
        }
        let _refused = both.agree(&message);
    }
    assert!(both.taken > 10_000, "{}", both.taken);
}

#[test]
fn usual_messages_are_found_by_their_marks() {
    let Some(vectors) = Vectors::detect() else { return };
    struct Find<'a>(&'a mut Slots, &'a [u8]);
    impl crate::codec::scan::Task for Find<'_> {
        type Output = Option<(usize, usize)>;
        fn run(self, vectors: Vectors) -> Option<(usize, usize)> {
            self.0.lines.fill_usual(vectors, self.1, &mut self.0.marks)
        }
    }
    let mut slots = Slots::new();
    for message in [mo_message(), third_party_register(), with("m: *"), with("Subject: x\r\n y z")] {
        let line = message.windows(2).position(|two| two == b"\r\n").unwrap();
        let body = message.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let found = vectors.run(Find(&mut slots, &message));
        assert_eq!(found, Some((line, body)), "{}", message.escape_ascii());
    }
    for odd in ["Subject : x", "Subject:x", "Subject: x ", "Subject: a\tb", "From: <sip:a@b>"] {
        assert_eq!(vectors.run(Find(&mut slots, &with(odd))), None, "{odd}");
    }
}
