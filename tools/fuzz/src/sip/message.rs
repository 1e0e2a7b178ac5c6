//! One message: read, answered, and read again.

use super::reference::{Lines, bare};
use super::{is_within, source};
use crate::work;
use ipsmgw::base::SipKey;
use ipsmgw::proto::sip::{
    CallId, Message, Minter, Name, NameAddr, Slots, Tag, Uri, WHY, Writer, auth, build, multipart,
};

/// Edges that a message may cost, and those that each of its octets may.
const WORK: (u64, u64) = (20_000, 200);
/// What an answer may have beyond its request: the status line, `received` and `rport`, the tag.
const BEYOND: usize = 300;

fn minter() -> Minter {
    Minter::new(SipKey::new([9; 16]))
}

/// Headers by name and compact form, as the standards pair them.
const HEADERS: [(Name, &str, &str); 12] = [
    (Name::Via, "via", "v"),
    (Name::From, "from", "f"),
    (Name::To, "to", "t"),
    (Name::CallId, "call-id", "i"),
    (Name::CSeq, "cseq", ""),
    (Name::Contact, "contact", "m"),
    (Name::ContentType, "content-type", "c"),
    (Name::Expires, "expires", ""),
    (Name::Authorization, "authorization", ""),
    (Name::PAssertedIdentity, "p-asserted-identity", ""),
    (Name::InReplyTo, "in-reply-to", ""),
    (Name::Require, "require", ""),
];

pub fn run(octets: &[u8]) {
    let mut slots = Slots::new();
    let (parsed, work) = work::of(|| Message::parse(octets, &mut slots));
    assert!(work <= WORK.0 + WORK.1 * octets.len() as u64, "{work} edges for {} octets", octets.len());
    match parsed {
        Ok(message) => {
            look(octets, &message);
            again(octets, &message);
            if message.is_request() {
                answer(octets, &message);
            }
        }
        Err(why) => {
            assert!(usize::from(why.why) < WHY.len() && why.offset as usize <= octets.len());
            let mut slots = Slots::new();
            assert_eq!(
                Message::parse(octets, &mut slots).err(),
                Some(why),
                "the same octets, the same reason"
            );
            refuse(octets, why);
        }
    }
}

/// What the message says is what plain code finds in it, and lies in it.
fn look(octets: &[u8], message: &Message<'_>) {
    let lines = Lines::of(octets);
    for (name, long, compact) in HEADERS {
        let found = message.header(name);
        assert_eq!(found.map(bare).as_deref(), lines.values(long, compact).next(), "{long}");
        for value in message.values(name) {
            assert!(!value.is_empty() && is_within(value, octets));
            let Some(address) = NameAddr::parse(value) else { continue };
            assert!(is_within(address.uri, value) && is_within(address.display, value));
            let uri = Uri::parse(address.uri);
            assert_eq!(uri, Uri::of_checked(address.uri), "what an address has was checked");
            let _ = uri.map(|uri| (uri.digits(), uri.canonical(), uri.identity_text().len(), uri.address()));
            let _ = (address.expires(), address.q(), address.instance(), address.tag());
        }
    }
    assert!(is_within(message.body(), octets) && is_within(message.call_id(), octets));
    if message.is_request() {
        assert_eq!(Uri::parse(message.request_uri()), Uri::of_checked(message.request_uri()));
    }
    let _ = (message.expires(), message.min_expires(), message.max_forwards());
    if let Some(value) = message.header(Name::Authorization) {
        let _ = (auth::username(value), auth::Authorization::parse(value));
    }
    if let Some(media) = message.content_type() {
        let _ = multipart::parts(media, message.body());
    }
}

/// What surrounds a message does not change it.
fn again(octets: &[u8], message: &Message<'_>) {
    let mut around = [b"\r\n\r\n", octets].concat();
    if message.header(Name::ContentLength).is_some() {
        around.extend(b"\r\nMESSAGE sip:a@b SIP/2.0\r\n");
    }
    if around.len() > usize::from(u16::MAX) {
        return;
    }
    let mut slots = Slots::new();
    let same = Message::parse(&around, &mut slots).expect("the same message");
    assert_eq!(
        (same.call_id(), same.cseq(), same.status()),
        (message.call_id(), message.cseq(), message.status())
    );
    assert_eq!((same.request_uri(), same.body()), (message.request_uri(), message.body()));
    assert_eq!((same.from(), same.to(), same.top_via()), (message.from(), message.to(), message.top_via()));
}

/// The answer to a request can be written, can be read, and is that request's.
fn answer(octets: &[u8], message: &Message<'_>) {
    let tag: Tag = minter().to_tag(message);
    let mut room = vec![0; octets.len() + BEYOND];
    let mut write = || {
        let mut w = Writer::new(&mut room);
        build::response(message, 200, "OK", &tag, source(), |_| (), &mut w);
        w.finish().expect("what was read can be answered")
    };
    let len = write();
    assert_eq!(len, write());
    let mut slots = Slots::new();
    let Ok(answer) = Message::parse(&room[..len], &mut slots) else {
        assert!(len > usize::from(u16::MAX), "{}", room[..len].escape_ascii());
        return;
    };
    assert_eq!((answer.status(), answer.body()), (Some(200), &b""[..]));
    assert_eq!((bare(answer.call_id()), answer.cseq()), (bare(message.call_id()), message.cseq()));
    assert_eq!(answer.from().tag(), message.from().tag());
    assert_eq!(answer.to().tag(), Some(message.to().tag().unwrap_or(tag.as_bytes())));
    let (ours, theirs) = (answer.top_via(), message.top_via());
    assert_eq!(
        (ours.branch, ours.sent_by_host, ours.sent_by_port),
        (theirs.branch, theirs.sent_by_host, theirs.sent_by_port)
    );
    assert_eq!(ours.rport.is_some(), theirs.rport.is_some());
    assert_eq!(answer.values(Name::Via).count(), message.values(Name::Via).count());
    let target = build::response_target(&theirs, source());
    assert_eq!(target.ip(), source().ip());
}

/// A refusal is bounded by what it refuses, and nothing of that becomes a header of its own.
fn refuse(octets: &[u8], why: ipsmgw::base::Malformed) {
    let mut room = vec![0; octets.len() + BEYOND];
    let mut slots = Slots::new();
    let mut w = Writer::new(&mut room);
    let Some(target) = build::refusal(octets, why, &minter(), source(), &mut slots, &mut w) else { return };
    assert_eq!(target.ip(), source().ip());
    let Some(len) = w.finish() else { return };
    let text = &room[..len];
    assert!(
        text.starts_with(b"SIP/2.0 400 ") || text.starts_with(b"SIP/2.0 505 "),
        "{}",
        text.escape_ascii()
    );
    assert!(text.ends_with(b"\r\n\r\n"), "{}", text.escape_ascii());
    let head = &text[..len - 4];
    let allowed: [&[u8]; 6] = [b"Via: ", b"From: ", b"To: ", b"Call-ID: ", b"CSeq: ", b"Content-Length: 0"];
    for line in head.split(|&octet| octet == b'\n').skip(1) {
        assert!(allowed.iter().any(|name| line.starts_with(name)), "{}", text.escape_ascii());
    }
}

/// Identifiers that are not ours are read as nobody's, whatever they are.
pub fn identifiers(octets: &[u8]) {
    let minter = minter();
    let (branch, call_id, tag) =
        (minter.read_branch(octets), minter.read_call_id(octets), minter.read_tag(octets));
    if let Some(token) = branch {
        assert_eq!(minter.branch(token).as_bytes(), octets);
    }
    if let Some(token) = tag {
        assert_eq!(minter.tag(token).as_bytes(), octets);
    }
    if let Some(token) = call_id {
        let ours: CallId = minter.call_id(token, b"");
        assert!(octets.starts_with(ours.as_bytes().strip_suffix(b"@").unwrap_or(ours.as_bytes())));
    }
    let _ = minter.read_quoted(octets);
}
