//! No octets make the parser panic, and what it lets through can be answered and read again.

use super::*;
use crate::proto::sip::build;

/// Uses everything that a message offers; answers it and reads the answer.
fn exercise(bytes: &[u8]) {
    let mut slots = Slots::new();
    let mut room = [0; 1472];
    match Message::parse(bytes, &mut slots) {
        Ok(message) => {
            for name in [Name::Via, Name::From, Name::Contact, Name::Route, Name::PAssertedIdentity] {
                for value in message.values(name) {
                    if let Some(address) = NameAddr::parse(value) {
                        let uri = Uri::parse(address.uri);
                        let _ = uri.map(|uri| (uri.digits(), uri.canonical(), uri.identity_text().len()));
                    }
                }
            }
            let _ = (message.expires(), Uri::parse(message.request_uri()));
            let _ = message
                .header(Name::Authorization)
                .map(|it| (auth::username(it), auth::Authorization::parse(it)));
            let _ = message.content_type().map(|media| multipart::parts(media, message.body()).is_ok());
            let tag = minter().to_tag(&message);
            let mut w = Writer::new(&mut room);
            build::response(&message, 200, "OK", &tag, source(), |_| (), &mut w);
            if let Some(len) = w.finish() {
                let mut slots = Slots::new();
                let answer = Message::parse(&room[..len], &mut slots).unwrap();
                assert_eq!(answer.call_id(), message.call_id());
                assert_eq!(answer.cseq(), message.cseq());
                assert_eq!(answer.from().tag(), message.from().tag());
                assert_eq!(answer.top_via().branch, message.top_via().branch);
                assert_eq!(answer.values(Name::Via).count(), message.values(Name::Via).count());
                assert!(answer.to().tag().is_some());
            }
        }
        Err(malformed) => {
            assert!(usize::from(malformed.why) < WHY.len());
            let mut w = Writer::new(&mut room);
            build::refusal(bytes, malformed, &minter(), source(), &mut slots, &mut w);
        }
    }
}

fn corpus() -> Vec<Vec<u8>> {
    let response = text(
        "
        SIP/2.0 200 OK
        Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport=5060;received=192.0.2.1
        From: \"A \\\" B\" <sip:gw@home1.net;x=1?y=2>;tag=1
        To: sip:u%2b1@[2001:db8::1]:5070;tag=2
        i: 1@x
        CSeq: 1 MESSAGE
        Authorization: Digest username=\"a\\\"b@c\", realm=\"x\"
        Contact: \"*\" <tel:+49-1;phone-context=a>;expires=3
        Content-Type: multipart/mixed;boundary=\"b\"
        ",
    );
    let multipart = [&response[..], b"--b\r\nContent-Type: message/sip\r\n\r\nx\r\n--b--\r\n"].concat();
    let folded = String::from_utf8(third_party_register()).unwrap().replace(": ", " :\r\n\t ");
    vec![mo_message(), third_party_register(), multipart, folded.into_bytes()]
}

#[test]
fn cut_anywhere() {
    for message in corpus() {
        for len in 0..=message.len() {
            exercise(&message[..len]);
        }
    }
}

#[test]
fn every_octet_changed() {
    for message in corpus() {
        for at in 0..message.len() {
            for octet in [
                0,
                b'\r',
                b'\n',
                b' ',
                b',',
                b';',
                b'"',
                b'<',
                b'>',
                b':',
                b'=',
                b'0',
                0xff,
                message[at] ^ 0x20,
            ] {
                let mut changed = message.clone();
                changed[at] = octet;
                exercise(&changed);
            }
        }
    }
}

#[test]
fn random_edits_and_random_octets() {
    let mut random = Random(11);
    let corpus = corpus();
    let pieces: [&[u8]; 12] = [
        b"\r\n",
        b"\r\n ",
        b"\"",
        b"<",
        b">",
        b";",
        b",",
        b"=",
        b"\0",
        b"z9hG4bK",
        b"%",
        b"l: 99999999999\r\n",
    ];
    for _ in 0..30_000 {
        let mut message = corpus[random.below(corpus.len())].clone();
        for _ in 0..1 + random.below(6) {
            let at = random.below(message.len());
            let end = (at + random.below(12)).min(message.len());
            match random.below(3) {
                0 => drop(message.drain(at..end)),
                1 => drop(message.splice(at..at, pieces[random.below(pieces.len())].iter().copied())),
                _ => {
                    let copy = message[at..end].to_vec();
                    let to = random.below(message.len());
                    message.splice(to..to, copy);
                }
            }
            if message.is_empty() {
                break;
            }
        }
        exercise(&message);
        let noise: Vec<u8> = (0..random.below(200)).map(|_| random.below(256) as u8).collect();
        exercise(&noise);
    }
}
