//! Golden vectors, two tables back to back, and bad input.

use super::*;
use crate::base::{SipKey, Time};
use crate::codec::Prepend;
use crate::ident::{GlobalTitle, SccpAddress, Ssn, WorkerId};
use core::time::Duration;

mod limits;
mod machine;
mod tricky;
mod vectors;
mod wire;

const MO_RELAY_V3: &[u8] = &[4, 0, 0, 1, 0, 21, 3];
const MT_RELAY_V3: &[u8] = &[4, 0, 0, 1, 0, 25, 3];

/// MO Begin with AARQ (protocol version spelt out) and mo-forwardSM.
const MO_BEGIN: &str = "62634804000000016b1e281c060700118605010101a011600f80020780a1090607040000010015036c3ba13902010102012e3031\
     840791947101670000820791947110325476041311050c919471907856340000a705c8329bfd06040862021132547698f0";
const EMPTY_BEGIN: &str = "62264804000000016b1e281c060700118605010101a011600f80020780a109060704000001001503";
const ACCEPT: &str = "65384804000000a14904000000016b2a2828060700118605010101a01d611b80020780a109060704000001001503a203020100a305\
     a103020100";
const MT_END_ABSENT: &str = "64414904000000016b2a2828060700118605010101a01d611b80020780a109060704000001001903a203020100a305a1030201006c0d\
     a30b020101020106300302010c";
const CAP_CONTINUE: &str = "655e4804000000a14904000000016b2a2828060700118605010101a01d611b80020780a10906070400000115033da203020100a305a1\
     030201006c24a11a02010102013f3012a01030068001028101013006800103810100a106020102020141";
const CAP_CONTINUE_2: &str = "65244804000000014904000000a16c16a114020102020140300c800103a102a100a203800100";
const CAP_END: &str = "64134904000000016c0ba109020101020142040115";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn golden() -> Vec<Vec<u8>> {
    [MO_BEGIN, EMPTY_BEGIN, ACCEPT, MT_END_ABSENT, CAP_CONTINUE, CAP_CONTINUE_2, CAP_END].map(hex).into()
}

fn written(write: impl FnOnce(&mut Prepend<'_>)) -> Vec<u8> {
    let mut buffer = [0; 600];
    let mut w = Prepend::new(&mut buffer);
    write(&mut w);
    w.finish().expect("it fits").to_vec()
}

fn address(digits: &str, ssn: Ssn) -> SccpAddress {
    SccpAddress::titled(digits.parse().unwrap(), ssn)
}

fn smsc() -> SccpAddress {
    address("491710760000", Ssn::MSC)
}

fn gateway() -> SccpAddress {
    address("491710999001", Ssn::MSC)
}

fn config() -> DialoguesConfig {
    DialoguesConfig {
        worker: WorkerId(1),
        workers: 3,
        capacity: 8,
        identifiers: 32,
        prefix: 5,
        prefix_bits: 3,
        key: SipKey::new([9; 16]),
        rest: Duration::from_secs(100),
        guard: Duration::from_secs(30),
        peer_match: PeerMatch::default(),
        limits: Limits::default(),
    }
}

fn table() -> Dialogues {
    Dialogues::new(config()).unwrap()
}

/// Another node's table.
fn other_table() -> Dialogues {
    Dialogues::new(DialoguesConfig {
        worker: WorkerId(0),
        workers: 1,
        prefix: 0,
        prefix_bits: 0,
        key: SipKey::new([8; 16]),
        ..config()
    })
    .unwrap()
}

const TIMEOUT: Duration = Duration::from_secs(90);

/// Opens a dialogue and gives its Begin.
fn begin(table: &mut Dialogues, now: Time, user: u64) -> (DialogueId, Vec<u8>) {
    let id = table.open(now, &smsc(), user, TIMEOUT).expect("room");
    let message = written(|w| {
        w.bytes(&[0x30, 0x00]);
        build::invoke(w, 0, 1, 46);
        assert_eq!(table.write_begin(w, 0, id, MO_RELAY_V3, None), Some(smsc()));
    });
    (id, message)
}

/// Takes a Begin at the other end.
fn accept<'a>(table: &mut Dialogues, now: Time, bytes: &'a [u8]) -> (DialogueId, Components<'a>) {
    match table.handle_input(now, &gateway(), bytes) {
        Ok(Indication::Begin { dialogue, components, .. }) => (dialogue, components),
        other => panic!("{other:?}"),
    }
}

fn end(table: &mut Dialogues, now: Time, id: DialogueId) -> Vec<u8> {
    written(|w| {
        build::result_last(w, 0, 1, None);
        assert_eq!(table.write_end(now, w, 0, id, None), Some(gateway()));
    })
}

fn refusal_bytes(refusal: &Refusal<'_>) -> Vec<u8> {
    written(|w| build::refusal(w, refusal, None))
}

#[test]
fn reads_the_golden_begin() {
    let bytes = hex(MO_BEGIN);
    let mut message = Message::parse(&bytes).unwrap();
    assert_eq!(message.message_type, MessageType::Begin);
    assert_eq!(message.otid, Some(TransactionId::from_u32(1)));
    assert_eq!(message.dtid, None);
    let request =
        DialoguePortion::Request { version1: true, application_context: MO_RELAY_V3, user_information: None };
    assert_eq!(message.dialogue, Some(request));
    let Some(Component::Invoke { id: 1, linked: None, opcode: Code::Local(46), argument }) =
        message.components.next()
    else {
        panic!()
    };
    assert_eq!(argument.len(), 51);
    assert_eq!(message.components.next(), None);
}

#[test]
fn reads_the_golden_answers() {
    let bytes = hex(MT_END_ABSENT);
    let mut message = Message::parse(&bytes).unwrap();
    assert_eq!(message.dtid, Some(TransactionId::from_u32(1)));
    let response = DialoguePortion::Response {
        application_context: MT_RELAY_V3,
        accepted: true,
        diagnostic: Diagnostic::User(0),
        user_information: None,
    };
    assert_eq!(message.dialogue, Some(response));
    let error = Component::Error { id: 1, code: Code::Local(6), parameter: &[0x30, 3, 2, 1, 12] };
    assert_eq!(message.components.collect::<Vec<_>>(), [error]);

    let bytes = hex(CAP_CONTINUE);
    message = Message::parse(&bytes).unwrap();
    assert_eq!(message.otid, Some(TransactionId::from_u32(0xa1)));
    let opcodes: Vec<_> = message
        .components
        .map(|component| match component {
            Component::Invoke { id, opcode: Code::Local(opcode), .. } => (id, opcode),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(opcodes, [(1, 63), (2, 65)]);
}

/// The golden messages with the protocol version spelt out, less that version, which ours leave out.
#[test]
fn writes_the_golden_messages_less_the_protocol_version() {
    let mut table = table();
    let now = Time::from_millis(1);
    let id = table.open(now, &smsc(), 0, TIMEOUT).unwrap();
    let ours = written(|w| {
        table.write_begin(w, 0, id, MO_RELAY_V3, None).unwrap();
    });
    let otid = table.local_id(id).unwrap();
    assert_eq!(ours[4..8], *otid.as_bytes());
    let mut expected = hex("62224804000000016b1a2818060700118605010101a00d600ba109060704000001001503");
    expected[4..8].copy_from_slice(otid.as_bytes());
    assert_eq!(ours, expected);

    let (peer_id, _) = accept(&mut table, now, &hex(EMPTY_BEGIN));
    let mut expected = hex(
        "65344804000000a14904000000016b262824060700118605010101a0196117a109060704000001001503a203020100a305a103020100",
    );
    expected[4..8].copy_from_slice(table.local_id(peer_id).unwrap().as_bytes());
    let accepted = written(|w| {
        table.write_continue(w, 0, peer_id, None).unwrap();
    });
    assert_eq!(accepted, expected);
    let second = written(|w| {
        table.write_continue(w, 0, peer_id, None).unwrap();
    });
    assert_eq!(second.len(), 14, "the dialogue portion stands in the first answer alone");
    let last = written(|w| {
        w.bytes(&[0x04, 0x01, 0x15]);
        build::invoke(w, 0, 1, 66);
        table.write_end(now, w, 0, peer_id, None).unwrap();
    });
    assert_eq!(last, hex(CAP_END));
    table.assert_invariants();
}

/// A short message of 140 octets makes an argument of 188 with numbers of 12 digits; 238 octets fit one UDT.
#[test]
fn a_full_short_message_fits_one_begin() {
    let mut table = table();
    let id = table.open(Time::ZERO, &smsc(), 0, TIMEOUT).unwrap();
    let message = written(|w| {
        w.bytes(&[0; 185]);
        w.bytes(&[0x30, 0x81, 185]);
        build::invoke(w, 0, 1, 46);
        table.write_begin(w, 0, id, MO_RELAY_V3, None).unwrap();
    });
    assert_eq!(message.len(), 237);
}

#[test]
fn two_tables_talk_from_begin_to_end() {
    let (mut ours, mut theirs) = (table(), other_table());
    let now = Time::from_millis(5);
    let (id, message) = begin(&mut ours, now, 77);
    assert!(matches!(theirs.owner(&message), Owner::Begin { .. }));
    let (their_id, mut components) = accept(&mut theirs, now, &message);
    assert!(matches!(components.next(), Some(Component::Invoke { opcode: Code::Local(46), .. })));
    let answer = written(|w| {
        assert_eq!(theirs.write_continue(w, 0, their_id, None), Some(gateway()));
    });
    assert_eq!(ours.owner(&answer), Owner::Worker(WorkerId(1)));
    // The answer comes from another title than the one that was called; that becomes the peer.
    let answering = address("491710760009", Ssn::MSC);
    match ours.handle_input(now, &answering, &answer) {
        Ok(Indication::Continue { dialogue, user: 77, .. }) => assert_eq!(dialogue, id),
        other => panic!("{other:?}"),
    }
    assert_eq!(ours.peer(id), Some(&answering));
    let more = written(|w| {
        w.bytes(&[0x30, 0x00]);
        build::invoke(w, 0, 2, 46);
        assert_eq!(ours.write_continue(w, 0, id, None), Some(answering));
    });
    assert!(matches!(theirs.handle_input(now, &gateway(), &more), Ok(Indication::Continue { .. })));
    let last = end(&mut theirs, now, their_id);
    ours.set_user(id, 78);
    match ours.handle_input(now, &answering, &last) {
        Ok(Indication::End { dialogue, user: 78, mut components, .. }) => {
            assert_eq!(dialogue, id);
            let result = Component::ResultLast { id: 1, opcode: None, result: &[] };
            assert_eq!(components.next(), Some(result));
        }
        other => panic!("{other:?}"),
    }
    for table in [&ours, &theirs] {
        assert!(table.is_empty());
        table.assert_invariants();
    }
    assert!(matches!(ours.handle_input(now, &answering, &last), Ok(Indication::Ignored)), "stale");
    assert_eq!(ours.counts.unrecognised_transaction, 1);
    assert_eq!((ours.counts.begins_sent, ours.counts.ends_received), (1, 1));
}

#[test]
fn somebody_else_cannot_touch_a_dialogue() {
    let (mut ours, mut theirs) = (table(), other_table());
    let now = Time::ZERO;
    let (id, message) = begin(&mut ours, now, 1);
    let (their_id, _) = accept(&mut theirs, now, &message);
    let answer = written(|w| {
        theirs.write_continue(w, 0, their_id, None).unwrap();
    });
    // First: the subsystem must match, the title need not.
    let stranger = address("491710760000", Ssn::HLR);
    assert!(matches!(ours.handle_input(now, &stranger, &answer), Ok(Indication::Ignored)));
    assert!(matches!(ours.handle_input(now, &smsc(), &answer), Ok(Indication::Continue { .. })));
    // Later: the title too, and the peer's transaction id.
    let last = end(&mut theirs, now, their_id);
    assert!(matches!(
        ours.handle_input(now, &address("15550001111", Ssn::MSC), &last),
        Ok(Indication::Ignored)
    ));
    let untitled = SccpAddress { title: None, ..smsc() };
    assert!(matches!(ours.handle_input(now, &untitled, &last), Ok(Indication::Ignored)));
    let mut other_id = answer.clone();
    other_id[7] ^= 1;
    assert!(matches!(ours.handle_input(now, &smsc(), &other_id), Ok(Indication::Ignored)));
    assert_eq!(ours.counts.wrong_peer, 4);
    // Another translation type is the same title.
    let retyped = GlobalTitle { translation_type: 9, ..smsc().title.unwrap() };
    let retyped = SccpAddress { title: Some(retyped), ..smsc() };
    assert_eq!(ours.len(), 1);
    assert!(ours.remote_id(id).is_some());
    assert!(matches!(ours.handle_input(now, &retyped, &last), Ok(Indication::End { .. })));
}

#[test]
fn every_part_that_is_configured_is_compared() {
    use crate::ident::PointCode;
    let none = AddressParts { point_code: false, ssn: false, title: false };
    let called = SccpAddress { point_code: Some(PointCode(5)), ..smsc() };
    let strangers = [
        (SccpAddress { point_code: Some(PointCode(6)), ..called }, AddressParts { point_code: true, ..none }),
        (SccpAddress { ssn: None, ..called }, AddressParts { ssn: true, ..none }),
        (address("1", Ssn::MSC), AddressParts { title: true, ..none }),
    ];
    for (stranger, parts) in strangers {
        for (first, taken) in [(none, true), (parts, false)] {
            let peer_match = PeerMatch { first, later: none, relays: vec![] };
            let mut ours = Dialogues::new(DialoguesConfig { peer_match, ..config() }).unwrap();
            let mut theirs = other_table();
            let id = ours.open(Time::ZERO, &called, 0, TIMEOUT).unwrap();
            let message = written(|w| {
                ours.write_begin(w, 0, id, MO_RELAY_V3, None).unwrap();
            });
            let (their_id, _) = accept(&mut theirs, Time::ZERO, &message);
            let last = end(&mut theirs, Time::ZERO, their_id);
            let indication = ours.handle_input(Time::ZERO, &stranger, &last);
            assert_eq!(matches!(indication, Ok(Indication::End { .. })), taken, "{parts:?}");
        }
    }
}

#[test]
fn messages_without_a_dialogue_get_the_abort_that_they_deserve() {
    let mut table = table();
    let refuse = |table: &mut Dialogues, bytes: &[u8]| match table.handle_input(Time::ZERO, &smsc(), bytes) {
        Ok(Indication::Refuse(refusal)) => refusal_bytes(&refusal),
        other => panic!("{other:?}"),
    };
    // A Continue for nobody: unrecognised transaction id; End and Abort for nobody: silence.
    assert_eq!(refuse(&mut table, &hex(CAP_CONTINUE_2)), hex("67094904000000014a0101"));
    for silent in [CAP_END, "670949040000a1004a0100", "67064904000000a1"] {
        assert!(matches!(table.handle_input(Time::ZERO, &smsc(), &hex(silent)), Ok(Indication::Ignored)));
    }
    assert_eq!(table.counts.unrecognised_transaction, 4);
    // Elements that follow BER but have no business there (3); some that don't (2); a type that doesn't exist (0). The
    // peer's id goes back in its own length.
    for (bytes, expected) in [
        ("6206 480101 010203", "6706 490101 4a0103"),
        ("6208 48020a0b 6c00 0500", "6707 49020a0b 4a0103"),
        ("6207 480107 6c00 6c00", "6706 490107 4a0103"),
        ("6207 480107 6c00 6b00", "6706 490107 4a0103"),
        ("6206 480107 490107", "6706 490107 4a0103"),
        ("6503 480107", "6706 490107 4a0103"),
        ("6505 480107 4900", "6706 490107 4a0103"),
        ("650a 480107 49050102030405", "6706 490107 4a0103"),
        ("6506 480107 490201", "6706 490107 4a0102"),
        ("6206 480107 6c0501", "6706 490107 4a0102"),
        ("6206 480107 6b0528", "6706 490107 4a0102"),
        ("6207 480107 6c80a100", "6706 490107 4a0102"),
        ("6303 480107", "6706 490107 4a0100"),
    ] {
        assert_eq!(refuse(&mut table, &hex(bytes)), hex(expected), "{bytes}");
    }
    assert_eq!((table.counts.malformed, table.counts.unrecognised_type), (12, 1));
    // Nothing to answer to.
    for silent in ["", "62", "6200", "6202480048", "620748050102030405", "300348010a", "6405490501020304"] {
        let bytes = hex(silent);
        if let Ok(Indication::Refuse(refusal)) = table.handle_input(Time::ZERO, &smsc(), &bytes) {
            assert!(silent.starts_with("30"), "{silent}: {refusal:?}");
        }
    }
    assert!(table.handle_input(Time::ZERO, &smsc(), &[0; 5000]).is_err());
    assert!(table.is_empty());
}

/// What stands where a dialogue portion does, and is none that may stand there, is answered by an ABRT (Q.774 3.2.2.1): a
/// P-Abort would say that the transaction portion is bad, and a peer would fall back to version 1 of MAP.
#[test]
fn dialogue_portions_of_other_syntaxes() {
    let mut table = table();
    let foreign = [
        ("an AARE", "6b262824060700118605010101a0196117a109060704000001001503a203020100a305a103020100"),
        ("an ABRT", "6b12 2810 060700118605010101 a005 6403 800100"),
        ("of another syntax", "6b12 2810 060700118605010102 a005 6003 800100"),
        ("octet aligned", "6b0f 280d 060700118605010101 81020500"),
        ("arbitrary", "6b0f 280d 060700118605010101 82020500"),
        ("no OID", "6b06 2804 a0026000"),
        ("an AARQ without a context", "6b0f 280d 060700118605010101 a0026000"),
        ("an OID cut off", "6b04 2802 0600"),
        ("no EXTERNAL", "6b02 0500"),
        ("nothing", "6b00"),
        (
            "two",
            "6b3c 281c060700118605010101a011600f80020780a109060704000001001503 281c060700118605010101a011600f80020780a109060704000001001503",
        ),
    ];
    for (what, portion) in foreign {
        let portion = hex(portion);
        let begin = written(|w| {
            w.bytes(&portion);
            build::transaction_id(w, 0x48, TransactionId::from_u32(7));
            crate::codec::ber::wrap(w, 0x62, 0);
        });
        let Ok(Indication::Refuse(refusal)) = table.handle_input(Time::ZERO, &smsc(), &begin) else {
            panic!("{what}")
        };
        assert_eq!(
            refusal_bytes(&refusal),
            hex("671a 490400000007 6b12 2810 060700118605010101 a005 6403 800101"),
            "{what}"
        );
    }
    assert_eq!((table.counts.refused_dialogue_portion, table.len()), (foreign.len() as u64, 0));
    // An indirect reference and a description beside the OID say nothing.
    let begin = "622c 480400000001 6b24 2822 060700118605010101 020105 070141 a011 600f 80020780 a109060704000001001503";
    let begin = hex(begin);
    assert!(matches!(table.handle_input(Time::ZERO, &smsc(), &begin), Ok(Indication::Begin { .. })));
}

/// An AARE belongs into the answer to an AARQ, and nothing into any other message.
#[test]
fn dialogue_portions_where_none_belongs() {
    let aarq = |w: &mut Prepend<'_>| build::request(w, MO_RELAY_V3, None);
    let aare = |w: &mut Prepend<'_>| build::response(w, MO_RELAY_V3, None, None);
    let noise = |w: &mut Prepend<'_>| w.bytes(&[0x6b, 0]);
    let now = Time::ZERO;
    for portion in [&aarq as &dyn Fn(&mut Prepend<'_>), &aare, &noise] {
        for tag in [0x65, 0x64] {
            for ours_first in [false, true] {
                let (mut ours, mut theirs) = (table(), other_table());
                let (id, message) = begin(&mut ours, now, 2);
                let (their_id, _) = accept(&mut theirs, now, &message);
                let answer = written(|w| {
                    theirs.write_continue(w, 0, their_id, None).unwrap();
                });
                assert!(matches!(ours.handle_input(now, &smsc(), &answer), Ok(Indication::Continue { .. })));
                let (hears, to, from) = match ours_first {
                    true => (&mut ours, (id, smsc()), their_id),
                    false => (&mut theirs, (their_id, gateway()), id),
                };
                let remote = hears.remote_id(to.0).unwrap();
                let message = written(|w| {
                    portion(w);
                    build::transaction_id(w, 0x49, hears.local_id(to.0).unwrap());
                    if tag == 0x65 {
                        build::transaction_id(w, 0x48, remote);
                    }
                    crate::codec::ber::wrap(w, tag, 0);
                });
                match hears.handle_input(now, &to.1, &message) {
                    Ok(Indication::Abort { cause: AbortCause::Abnormal, answer, .. }) => {
                        assert_eq!(
                            answer.map(|answer| answer.reason),
                            (tag == 0x65).then_some(RefusalReason::DialogueProvider)
                        );
                    }
                    other => panic!("{from:?}: {other:?}"),
                }
                assert_eq!((hears.counts.abnormal, hears.len()), (1, 0));
            }
        }
    }
}

#[test]
fn contexts_and_versions_that_we_do_not_speak() {
    let mut table = table();
    // Version 2 of the dialogue protocol alone (80 02 06 40): no common dialogue portion.
    let mut other_version = hex(EMPTY_BEGIN);
    let at = other_version.windows(2).position(|pair| pair == [0x07, 0x80]).unwrap();
    other_version[at] = 6;
    other_version[at + 1] = 0x40;
    let Ok(Indication::Refuse(refusal)) = table.handle_input(Time::ZERO, &smsc(), &other_version) else {
        panic!()
    };
    let answer = refusal_bytes(&refusal);
    let message = Message::parse(&answer).unwrap();
    let expected = DialoguePortion::Response {
        application_context: MO_RELAY_V3,
        accepted: false,
        diagnostic: Diagnostic::NO_COMMON_DIALOGUE_PORTION,
        user_information: None,
    };
    assert_eq!((message.message_type, message.dialogue), (MessageType::Abort, Some(expected)));
    assert!(table.is_empty());

    // A context that the user does not know: rejected in an Abort, and the initiator learns why.
    let (mut ours, now) = (other_table(), Time::ZERO);
    let (id, message) = begin(&mut ours, now, 4);
    let (their_id, _) = accept(&mut table, now, &message);
    let answer = written(|w| {
        let refused = AbortReason::ContextNotSupported;
        assert_eq!(table.write_abort(now, w, their_id, refused, Some(&[0x28, 0])), Some(gateway()));
    });
    match ours.handle_input(now, &smsc(), &answer) {
        Ok(Indication::Abort { dialogue, user: 4, cause, answer: None }) => {
            assert_eq!(dialogue, id);
            let (diagnostic, user_information) = (Diagnostic::CONTEXT_NOT_SUPPORTED, Some(&[0x28, 0][..]));
            assert_eq!(cause, AbortCause::Refused { diagnostic, user_information });
        }
        other => panic!("{other:?}"),
    }

    // A context longer than any of ours.
    let long = [7; 16];
    let proposed = written(|w| {
        build::request(w, &long, None);
        build::transaction_id(w, 0x48, TransactionId::from_u32(1));
        crate::codec::ber::wrap(w, 0x62, 0);
    });
    assert!(matches!(
        table.handle_input(now, &smsc(), &proposed),
        Ok(Indication::Refuse(Refusal { reason: RefusalReason::Rejected { .. }, .. }))
    ));
    assert!(ours.is_empty() && table.is_empty());
}

#[test]
fn a_first_answer_must_echo_the_context() {
    let (mut ours, now) = (table(), Time::ZERO);
    type Spoil = fn(&mut Vec<u8>);
    let spoil: [(&str, Spoil); 3] = [
        ("another context", |bytes| {
            let at = bytes.windows(2).position(|pair| pair == [21, 3]).unwrap();
            bytes[at] = 25;
        }),
        ("rejected", |bytes| {
            let at = bytes.windows(4).position(|four| four == [0xa2, 3, 2, 1]).unwrap();
            bytes[at + 4] = 1;
        }),
        ("no dialogue portion", |bytes| {
            bytes.truncate(14);
            bytes[1] = 12;
        }),
    ];
    for (what, spoil) in spoil {
        let mut theirs = other_table();
        let (id, message) = begin(&mut ours, now, 9);
        let (their_id, _) = accept(&mut theirs, now, &message);
        let mut answer = written(|w| {
            theirs.write_continue(w, 0, their_id, None).unwrap();
        });
        spoil(&mut answer);
        match ours.handle_input(now, &smsc(), &answer) {
            Ok(Indication::Abort { dialogue, user: 9, answer: Some(refusal), cause }) => {
                assert_eq!(dialogue, id, "{what}");
                assert_eq!(cause == AbortCause::Abnormal, what != "rejected");
                let abort = refusal_bytes(&refusal);
                let heard = theirs.handle_input(now, &gateway(), &abort);
                let Ok(Indication::Abort { cause: AbortCause::DialogueProvider, .. }) = heard else {
                    panic!("{what}: {heard:?}")
                };
            }
            other => panic!("{what}: {other:?}"),
        }
        assert!(ours.is_empty() && theirs.is_empty());
    }
}

#[test]
fn aborts_of_every_kind_end_a_dialogue() {
    let now = Time::ZERO;
    for (reason, expected) in [
        (RefusalReason::Provider(4), AbortCause::Provider(4)),
        (RefusalReason::User, AbortCause::User { user_information: None }),
        (RefusalReason::DialogueProvider, AbortCause::DialogueProvider),
        (RefusalReason::Bare, AbortCause::Bare),
    ] {
        let mut ours = table();
        let (id, _) = begin(&mut ours, now, 3);
        let abort = refusal_bytes(&Refusal { to: ours.local_id(id).unwrap(), reason, malformed: None });
        match ours.handle_input(now, &smsc(), &abort) {
            Ok(Indication::Abort { user: 3, cause, answer: None, .. }) => assert_eq!(cause, expected),
            other => panic!("{other:?}"),
        }
        assert!(ours.is_empty());
    }
    // Free-form user information of old stacks is an abort all the same.
    let mut ours = table();
    let (id, _) = begin(&mut ours, now, 3);
    let mut abort = hex("670b4904000000006b03040100");
    abort[4..8].copy_from_slice(ours.local_id(id).unwrap().as_bytes());
    assert!(matches!(ours.handle_input(now, &smsc(), &abort), Ok(Indication::Abort { .. })));
}

#[test]
fn bad_messages_from_the_peer_end_the_dialogue() {
    let (mut ours, mut theirs, now) = (table(), other_table(), Time::ZERO);
    let (_, message) = begin(&mut ours, now, 2);
    let (their_id, _) = accept(&mut theirs, now, &message);
    let mut answer = written(|w| {
        theirs.write_continue(w, 0, their_id, None).unwrap();
    });
    answer.extend([4, 0]);
    answer[1] += 2;
    match ours.handle_input(now, &smsc(), &answer) {
        Ok(Indication::Abort {
            user: 2, cause: AbortCause::Malformed(why), answer: Some(refusal), ..
        }) => {
            assert_eq!(WHY[usize::from(why.why)], "unexpected");
            let heard = refusal_bytes(&refusal);
            let heard = theirs.handle_input(now, &gateway(), &heard);
            let incorrect = AbortCause::Provider(p_abort::INCORRECT_TRANSACTION_PORTION);
            assert!(matches!(heard, Ok(Indication::Abort { cause, .. }) if cause == incorrect));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobody_can_answer_what_was_not_sent() {
    let (mut table, now) = (table(), Time::ZERO);
    let (their_id, _) = accept(&mut table, now, &hex(EMPTY_BEGIN));
    let idle = table.open(now, &smsc(), 0, TIMEOUT).unwrap();
    for id in [their_id, idle] {
        let mut guess = hex("64064904000000000000");
        guess.truncate(8);
        guess[4..8].copy_from_slice(table.local_id(id).unwrap().as_bytes());
        assert!(matches!(table.handle_input(now, &gateway(), &guess), Ok(Indication::Ignored)));
    }
    assert_eq!(table.counts.unexpected, 2);
    assert_eq!(table.len(), 2);
}

#[test]
fn time_ends_what_nobody_ends() {
    let (mut ours, mut theirs) = (table(), other_table());
    let start = Time::from_millis(1000);
    let (_, message) = begin(&mut ours, start, 11);
    let (their_id, _) = accept(&mut theirs, start, &message);
    assert_eq!(ours.poll_timeout(), Some(start + TIMEOUT));
    assert!(ours.handle_timeout(start + TIMEOUT - Duration::from_millis(1)).is_none());
    let expired = ours.handle_timeout(start + TIMEOUT).unwrap();
    assert!(expired.initiator && expired.user == 11 && expired.abort.is_none());
    assert!(ours.handle_timeout(start + TIMEOUT).is_none());
    assert_eq!(ours.poll_timeout(), None);

    // The peer's dialogue: the guard, put off by set_timer; and the Abort that it deserves.
    theirs.set_timer(start, their_id, Duration::from_secs(40));
    assert!(theirs.handle_timeout(start + Duration::from_secs(31)).is_none());
    let expired = theirs.handle_timeout(start + Duration::from_secs(40)).unwrap();
    assert!(!expired.initiator && expired.peer == gateway());
    let abort = refusal_bytes(&expired.abort.unwrap());
    let message = Message::parse(&abort).unwrap();
    let user = DialoguePortion::Abort { by_provider: false, user_information: None };
    assert_eq!(message.dialogue, Some(user));
    assert_eq!((ours.counts.invokes_expired, theirs.counts.guards_expired), (1, 1));
    for table in [&ours, &theirs] {
        table.assert_invariants();
        assert!(table.is_empty());
    }
}

#[test]
fn a_message_that_sccp_returns_fails_its_dialogue() {
    let (mut ours, now) = (table(), Time::ZERO);
    let (id, message) = begin(&mut ours, now, 6);
    assert_eq!(ours.owner_of_returned(&message), Owner::Worker(WorkerId(1)));
    let first_segment = &message[..20];
    assert_eq!(ours.handle_returned(now, &address("1", Ssn::MSC), |to| *to, first_segment), None);
    assert_eq!(ours.handle_returned(now, &smsc(), |to| *to, &message[..5]), None);
    assert_eq!(
        ours.handle_returned(now, &smsc(), |to| *to, first_segment),
        Some(Returned { dialogue: id, user: 6 })
    );
    assert_eq!(ours.handle_returned(now, &smsc(), |to| *to, first_segment), None);
    assert!(ours.is_empty());
    assert_eq!((ours.counts.returned, ours.counts.wrong_peer), (1, 1));
}

#[test]
fn a_full_table_refuses_and_identifiers_rest() {
    let mut table = Dialogues::new(DialoguesConfig { capacity: 2, identifiers: 3, ..config() }).unwrap();
    let mut now = Time::from_millis(7);
    let (first, _) = accept(&mut table, now, &hex(EMPTY_BEGIN));
    let second = table.open(now, &smsc(), 0, TIMEOUT).unwrap();
    assert_eq!(table.open(now, &smsc(), 0, TIMEOUT), None);
    match table.handle_input(now, &gateway(), &hex(EMPTY_BEGIN)) {
        Ok(Indication::Refuse(refusal)) => {
            assert_eq!(refusal_bytes(&refusal), hex("67094904000000014a0104"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((table.counts.open_full, table.counts.refused_full), (1, 1));
    table.close(now, second);
    let third = table.open(now, &smsc(), 0, TIMEOUT).unwrap();
    table.close(now, third);
    assert_eq!(table.open(now, &smsc(), 0, TIMEOUT), None, "all three ids are in use or rest");
    now += config().rest;
    let again = table.open(now, &smsc(), 0, TIMEOUT).unwrap();
    assert_eq!(again.0.slot, second.0.slot, "the one that has rested longest");
    assert_ne!(again, second);
    assert_eq!(table.peer(second), None, "the old id is stale");
    assert_eq!(DialogueId::from_u64(again.to_u64()), again);
    assert!(table.peer(first).is_some());
    table.assert_invariants();
}

#[test]
fn requests_for_stale_dialogues_write_nothing() {
    let (mut table, now) = (table(), Time::ZERO);
    let (id, _) = accept(&mut table, now, &hex(EMPTY_BEGIN));
    let sent = written(|w| {
        table.write_end(now, w, 0, id, None).unwrap();
    });
    assert!(!sent.is_empty());
    let nothing = written(|w| {
        assert_eq!(table.write_begin(w, 0, id, MO_RELAY_V3, None), None);
        assert_eq!(table.write_continue(w, 0, id, None), None);
        assert_eq!(table.write_end(now, w, 0, id, None), None);
        assert_eq!(table.write_abort(now, w, id, AbortReason::User, None), None);
    });
    assert!(nothing.is_empty());
    assert_eq!(table.counts.stale, 4);
    // Ours, not confirmed by the peer: no Continue and no End, and nobody to send an Abort to.
    let (id, _) = begin(&mut table, now, 0);
    let nothing = written(|w| {
        assert_eq!(table.write_begin(w, 0, id, MO_RELAY_V3, None), None);
        assert_eq!(table.write_continue(w, 0, id, None), None);
        assert_eq!(table.write_abort(now, w, id, AbortReason::User, None), None);
    });
    assert!(nothing.is_empty() && table.is_empty());
}

#[test]
fn what_does_not_fit_the_writer_changes_nothing() {
    let (mut table, now) = (table(), Time::ZERO);
    let (id, _) = accept(&mut table, now, &hex(EMPTY_BEGIN));
    for room in 0..20 {
        let mut buffer = vec![0; room];
        let mut w = Prepend::new(&mut buffer);
        assert_eq!(table.write_end(now, &mut w, 0, id, None), None);
        assert_eq!(table.write_continue(&mut w, 0, id, None), None);
    }
    let ours = table.open(now, &smsc(), 0, TIMEOUT).unwrap();
    assert_eq!(table.write_begin(&mut Prepend::new(&mut [0; 20]), 0, ours, MO_RELAY_V3, None), None);
    let whole = written(|w| {
        table.write_begin(w, 0, ours, MO_RELAY_V3, None).unwrap();
        w.clear();
        table.write_continue(w, 0, id, None).unwrap();
    });
    assert!(matches!(Message::parse(&whole).unwrap().dialogue, Some(DialoguePortion::Response { .. })));
}

#[test]
fn without_a_dialogue_portion_as_map_version_1() {
    let (mut ours, mut theirs, now) = (table(), other_table(), Time::ZERO);
    let id = ours.open(now, &smsc(), 0, TIMEOUT).unwrap();
    let message = written(|w| {
        build::invoke(w, 0, -1, 46);
        ours.write_begin(w, 0, id, &[], None).unwrap();
    });
    let Ok(Indication::Begin { dialogue, application_context: None, .. }) =
        theirs.handle_input(now, &gateway(), &message)
    else {
        panic!()
    };
    let answer = written(|w| {
        theirs.write_continue(w, 0, dialogue, None).unwrap();
    });
    assert_eq!(answer.len(), 14);
    assert!(matches!(ours.handle_input(now, &smsc(), &answer), Ok(Indication::Continue { .. })));
    let abort = written(|w| {
        theirs.write_abort(now, w, dialogue, AbortReason::ContextNotSupported, None).unwrap();
    });
    assert_eq!(abort.len(), 8, "an Abort that says nothing");
    assert!(matches!(ours.handle_input(now, &smsc(), &abort), Ok(Indication::Abort { .. })));
}
