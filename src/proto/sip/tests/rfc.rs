//! The messages of RFC 4475 and RFC 5118, by the octets of their archives: what is well-formed is read, answered, and read
//! again; what is not, and is a request, is refused with the status that it gets.

use super::*;
use crate::proto::sip::build;

#[path = "../../../../tools/conformance/torture/cases.rs"]
mod cases;

use cases::{Case, Verdict};

/// A response to a request can be read, and says what it must say of the request.
fn answered(case: &Case, request: &Message<'_>) {
    let mut room = [0; 8192];
    let mut w = Writer::new(&mut room);
    let tag = minter().to_tag(request);
    build::response(request, 405, "x", &tag, source(), |_| (), &mut w);
    let len = w.finish().unwrap_or_else(|| panic!("{} can't be answered", case.file));
    parse(&room[..len], |answer| {
        assert_eq!(answer.status(), Some(405));
        assert_eq!((answer.call_id(), answer.cseq()), (request.call_id(), request.cseq()), "{}", case.file);
        assert_eq!(answer.from().tag(), request.from().tag(), "{}", case.file);
        assert_eq!(answer.from().uri, request.from().uri, "{}", case.file);
        assert_eq!(answer.to().uri, request.to().uri, "{}", case.file);
        assert_eq!(answer.top_via().branch, request.top_via().branch, "{}", case.file);
        assert_eq!(answer.values(Name::Via).count(), request.values(Name::Via).count(), "{}", case.file);
    });
}

#[test]
fn the_archives_messages_are_read_answered_and_read_again() {
    let mut read = 0;
    for case in cases::all() {
        let wire = case.wire();
        let mut slots = Slots::new();
        match Message::parse(&wire, &mut slots) {
            Ok(message) => {
                read += 1;
                if message.is_request() {
                    answered(case, &message);
                }
            }
            Err(why) => {
                assert!(!case.parses, "{} is well-formed: {}", case.file, WHY[usize::from(why.why)]);
                let Verdict::Status(status) = case.verdict else { continue };
                let mut room = [0; 2048];
                let mut w = Writer::new(&mut room);
                let target = build::refusal(&wire, why, &minter(), source(), &mut Slots::new(), &mut w);
                assert_eq!(target.map(|target| target.ip()), Some(source().ip()), "{}", case.file);
                let len = w.finish().expect("it fits");
                assert!(room[..len].starts_with(format!("SIP/2.0 {status} ").as_bytes()), "{}", case.file);
            }
        }
    }
    assert!(read >= 30, "{read}");
}
