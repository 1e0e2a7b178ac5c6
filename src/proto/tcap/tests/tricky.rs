//! Spellings of BER that trip decoders, in whole messages: what is legal reads as its plain form does, and what is not
//! gets one definite answer. Those inside arguments stand with the tests of the SS7 stack.

use super::*;
use crate::codec::ber;
use crate::codec::mutated::mutated;

/// What a table says to a message from a stranger: an Abort, or nothing.
fn answer(message: &[u8]) -> Option<Vec<u8>> {
    let mut table = table();
    let indication = table.handle_input(Time::ZERO, &smsc(), message);
    table.assert_invariants();
    match indication {
        Ok(Indication::Refuse(refusal)) => Some(refusal_bytes(&refusal)),
        Ok(Indication::Ignored) | Err(_) => None,
        other => panic!("{other:?}"),
    }
}

/// A P-Abort for the transaction 07.
fn p_abort(cause: u8) -> Option<Vec<u8>> {
    Some(vec![0x67, 6, 0x49, 1, 7, 0x4a, 1, cause])
}

/// A Begin of transaction 07 with these components.
fn begin_with(components: &[u8]) -> Vec<u8> {
    written(|w| {
        w.bytes(components);
        ber::wrap(w, 0x6c, 0);
        build::request(w, MO_RELAY_V3, None);
        w.bytes(&[0x48, 1, 7]);
        ber::wrap(w, 0x62, 0);
    })
}

/// The components that a table makes of a Begin's.
fn taken(portion: &str) -> Vec<Component<'static>> {
    let message: &'static [u8] = Box::leak(begin_with(&hex(portion)).into_boxed_slice());
    match table().handle_input(Time::ZERO, &smsc(), message) {
        Ok(Indication::Begin { components, .. }) => components.collect(),
        other => panic!("{other:?}"),
    }
}

/// That a component is to be rejected, for this problem.
#[track_caller]
fn rejected(portion: &str, id: Option<i8>, problem: Problem) {
    assert_eq!(taken(portion), [Component::Malformed { id, problem, answered: true }], "{portion}");
}

/// Elements with the lengths of those constructed spelt by the bits of `forms`: indefinite, or in `long` more octets than
/// they need.
fn respelt(contents: &[u8], forms: &mut u32, long: bool) -> Vec<u8> {
    let (mut reader, mut out) = (crate::codec::Reader::new(contents), vec![]);
    while let Some(element) = ber::read(&mut reader) {
        let chosen = *forms & 1 == 1;
        let is_constructed = element.tag & 0x20 != 0;
        if is_constructed {
            *forms >>= 1;
        }
        let inner = if is_constructed { respelt(element.value, forms, long) } else { element.value.to_vec() };
        out.push(element.tag);
        match chosen && is_constructed {
            true if long => out.extend([0x84, 0, 0, (inner.len() >> 8) as u8, inner.len() as u8]),
            true => out.push(0x80),
            false if inner.len() < 0x80 => out.push(inner.len() as u8),
            false => out.extend([0x82, (inner.len() >> 8) as u8, inner.len() as u8]),
        }
        out.extend(inner);
        if chosen && is_constructed && !long {
            out.extend([0, 0]);
        }
    }
    out
}

/// Every mixture of lengths at the nine levels of the golden Begin.
fn mixtures_read_as_the_golden_begin(long: bool) {
    let golden = hex(MO_BEGIN);
    let plain = Message::parse(&golden).unwrap();
    let argument = |message: &Message<'_>| match message.components.clone().collect::<Vec<_>>()[..] {
        [Component::Invoke { id: 1, linked: None, opcode: Code::Local(46), argument }] => argument.to_vec(),
        ref other => panic!("{other:?}"),
    };
    let expected = argument(&plain);
    for forms in 0..1 << 9 {
        let (mut left, mut none) = (forms, 0);
        let spelt = respelt(&golden, &mut left, long);
        assert_eq!((left, respelt(&spelt, &mut none, long)), (0, golden.clone()), "all levels, and back");
        let message = Message::parse(&spelt).unwrap();
        assert_eq!((message.otid, message.dialogue), (plain.otid, plain.dialogue), "{forms:b}");
        let spelt = argument(&message);
        assert_eq!(respelt(&spelt, &mut none, long), expected, "{forms:b}");
    }
}

#[test]
fn indefinite_at_every_level_reads_as_definite() {
    mixtures_read_as_the_golden_begin(false);
}

#[test]
fn lengths_longer_than_needed_are_accepted() {
    mixtures_read_as_the_golden_begin(true);
    let id: &[u8] = &[0x84, 0, 0, 0, 1, 7];
    let message = [&[0x62, 0x81, 7, 0x48], id].concat();
    assert_eq!(Message::parse(&message).unwrap().otid, TransactionId::new(&[7]));
    assert!(matches!(taken("a109 0282000101 028101 2e")[..], [Component::Invoke { id: 1, .. }]));
}

#[test]
fn primitive_and_indefinite_is_refused() {
    // A transaction id: it can't be answered. Further inside, it can.
    assert_eq!(answer(&hex("6205 4880 07 0000")), None);
    assert_eq!(answer(&hex("6509 480107 4980 01 0000 00")), p_abort(2));
    rejected("a107 0280 01 0000 00", None, Problem::BADLY_STRUCTURED_COMPONENT);
    rejected("a108 020101 0280 2e0000", Some(1), Problem::BADLY_STRUCTURED_COMPONENT);
}

#[test]
fn end_of_contents_without_a_beginning() {
    assert_eq!(answer(&hex("0000")), None);
    assert_eq!(answer(&hex("6202 0000")), None);
    assert_eq!(answer(&hex("6205 480107 0000")), p_abort(3));
    rejected("0000", None, Problem::BADLY_STRUCTURED_COMPONENT);
    rejected("a105 020101 0000", Some(1), Problem::BADLY_STRUCTURED_COMPONENT);
    rejected("a108 020101 02012e 0000", Some(1), Problem::BADLY_STRUCTURED_COMPONENT);
}

#[test]
fn a_length_of_five_octets_is_refused() {
    assert_eq!(answer(&hex("62850000000003480107")), None);
    assert_eq!(answer(&hex("620a 480107 6c850000000000")), p_abort(2));
    rejected("a1850000000006 020101 02012e", None, Problem::BADLY_STRUCTURED_COMPONENT);
    rejected("a10d 020101 02012e 04850000000000", Some(1), Problem::BADLY_STRUCTURED_COMPONENT);
}

#[test]
fn lengths_beyond_what_holds_them() {
    assert_eq!(answer(&hex("6204 480107")), None, "the message");
    assert_eq!(answer(&hex("6203 480507")), None, "the transaction id");
    for portion in ["6b09 28", "6c09 a1", "6c84ffffffff"] {
        let portion = hex(portion);
        let message = [&[0x62, 3 + portion.len() as u8, 0x48, 1, 7], &portion[..]].concat();
        assert_eq!(answer(&message), p_abort(2));
    }
    // What lies inside a dialogue portion is for the dialogue layer: an ABRT.
    let abrt = hex("6717 490107 6b12 2810 060700118605010101 a005 6403 800101");
    assert_eq!(answer(&hex("6207 480107 6b02 2809")), Some(abrt));
    rejected("a109 020101 02012e", None, Problem::BADLY_STRUCTURED_COMPONENT);
    rejected("a108 020101 02012e 0409", Some(1), Problem::BADLY_STRUCTURED_COMPONENT);
}

/// A tag number in up to four more octets is an element that nobody knows; one in more is none.
#[test]
fn tags_of_many_octets() {
    for (tag, is_read) in [("1f01", true), ("bf818181 01", true), ("bf81818181 01", false)] {
        let argument = hex(&format!("{tag} 00"));
        let component = [&[0xa1, 6 + argument.len() as u8, 2, 1, 1, 2, 1, 46], &argument[..]].concat();
        let portion: String = component.iter().map(|octet| format!("{octet:02x}")).collect();
        match taken(&portion)[..] {
            [Component::Invoke { argument: read, .. }] => assert_eq!((read, is_read), (&argument[..], true)),
            [Component::Malformed { problem: Problem::BADLY_STRUCTURED_COMPONENT, .. }] => assert!(!is_read),
            ref other => panic!("{tag}: {other:?}"),
        }
    }
    assert_eq!(
        answer(&hex("6207 480107 bf810100")),
        p_abort(3),
        "after the transaction ids there may be none"
    );
    rejected("bf810103 020105", Some(5), Problem::UNRECOGNISED_COMPONENT);
}

/// Octets of 30 80 one in another: read no deeper than 16 levels, and not again from each.
#[test]
fn a_nesting_bomb_costs_no_more_than_its_octets() {
    assert_eq!(answer(&[0x62, 0x80].repeat(2000)), None);
    let inside = [0x30, 0x80].repeat(100);
    let component = [&[0xa1, 0x82, 0, 206, 2, 1, 1, 2, 1, 46], &inside[..]].concat();
    let message = begin_with(&component);
    let mut table = table();
    let Ok(Indication::Begin { mut components, .. }) = table.handle_input(Time::ZERO, &smsc(), &message)
    else {
        panic!()
    };
    let problem = Problem::BADLY_STRUCTURED_COMPONENT;
    assert_eq!(components.next(), Some(Component::Malformed { id: Some(1), problem, answered: true }));
    // Of definite length it is one element, in which TCAP does not look.
    let mut nested = vec![5, 0];
    for _ in 0..50 {
        nested = [&[0x30, nested.len() as u8][..], &nested].concat();
    }
    let component = [&[0xa1, 6 + nested.len() as u8, 2, 1, 1, 2, 1, 46], &nested[..]].concat();
    let message = begin_with(&component);
    let Ok(Indication::Begin { mut components, .. }) = table.handle_input(Time::ZERO, &smsc(), &message)
    else {
        panic!()
    };
    assert!(matches!(components.next(), Some(Component::Invoke { argument, .. }) if argument == nested));
}

/// However elements are nested, and however many there are, none is read more often than its octets pay for: eight
/// elements an octet at most, in the longest message as in any.
#[test]
fn a_ber_bomb_costs_at_most_eight_elements_an_octet() {
    let wrapped = |tag: &[u8], contents: &[u8]| [tag, &[0x80], contents, &[0, 0]].concat();
    let nested = |levels: usize, contents: &[u8]| {
        (0..levels).fold(contents.to_vec(), |inner, _| wrapped(&[0x30], &inner))
    };
    let definite = |levels: usize| {
        (0..levels).fold(vec![5, 0], |inner, _| {
            [&[0x30, 0x82, (inner.len() >> 8) as u8, inner.len() as u8][..], &inner].concat()
        })
    };
    let (many, full) = ([5, 0].repeat(480), [5, 0].repeat(2000));
    let invoke = |argument: &[u8]| wrapped(&[0xa1], &[&[2, 1, 1, 2, 1, 46], argument].concat());
    let portions = [
        invoke(&nested(12, &many)),
        invoke(&nested(40, &many)),
        invoke(&definite(900)),
        invoke(&[0x30, 0x80].repeat(1900)),
        wrapped(&[0xa2], &[&[2, 1, 1], &nested(12, &many)[..]].concat()),
        invoke(&nested(1, &[5, 0])).repeat(200),
        wrapped(&[0xa1], &[]).repeat(900),
        full.clone(),
        [0xa1, 0].repeat(2000),
        [0xa1, 0x80].repeat(2000),
    ];
    let begin = |parts: &[u8]| wrapped(&[0x62], &[&[0x48, 1, 7], parts].concat());
    let mut messages: Vec<Vec<u8>> =
        portions.iter().map(|portion| begin(&wrapped(&[0x6c], portion))).collect();
    messages.extend([
        [0x62, 0x80].repeat(2048),
        begin(&wrapped(&[0x6b], &wrapped(&[0x28], &nested(12, &many)))),
        begin(&wrapped(&[0x6b], &nested(40, &many))),
        begin(&[0x6b, 0x80].repeat(2000)),
        begin(&full),
    ]);
    for (which, message) in messages.iter().enumerate() {
        let mut table = table();
        let ((), steps) = ber::steps::of(|| {
            if let Ok(Indication::Begin { components, .. }) = table.handle_input(Time::ZERO, &smsc(), message)
            {
                assert!(components.count() <= MAX_COMPONENTS + 1);
            }
        });
        assert!(steps <= 8 * message.len() as u64, "{which}: {steps} elements of {} octets", message.len());
    }
}

#[test]
fn elements_of_a_message_are_counted() {
    let message = |elements: usize| {
        let inside = [&[0x48, 1, 7, 0x6c, 0x80, 0xa2, 0x80, 2, 1, 1][..], &[5, 0].repeat(elements), &[0; 4]];
        [&[0x62, 0x80], &inside.concat()[..], &[0, 0]].concat()
    };
    // Besides them stand four others in the message.
    assert!(Message::parse(&message(ber::MAX_ELEMENTS - 4)).is_ok());
    assert!(Message::parse(&message(ber::MAX_ELEMENTS - 3)).is_err());
    assert_eq!(taken(&"a203020100".repeat(40)).len(), MAX_COMPONENTS + 1, "components");
}

#[test]
fn components_of_no_length() {
    rejected("a100", None, Problem::MISTYPED_COMPONENT);
    assert_eq!(taken(""), []);
    assert!(Message::parse(&hex("6205 480107 6c00")).unwrap().components.is_empty());
}

#[test]
fn components_twice() {
    assert_eq!(answer(&hex("6207 480107 6c00 6c00")), p_abort(3));
    assert_eq!(answer(&hex("6207 480107 6b00 6b00")), p_abort(3));
}

/// An OTID of another length is none, and nothing can be answered; a DTID of another length is answered.
#[test]
fn transaction_ids_of_no_and_of_five_octets() {
    for id in ["4800", "48050102030405"] {
        let id = hex(id);
        let message = [&[0x62, id.len() as u8], &id[..]].concat();
        assert_eq!(answer(&message), None);
    }
    for id in ["4900", "49050102030405"] {
        let id = hex(id);
        let message = [&[0x65, 3 + id.len() as u8, 0x48, 1, 7], &id[..]].concat();
        assert_eq!(answer(&message), p_abort(3));
        for silent in [0x64, 0x67] {
            assert_eq!(answer(&[&[silent, id.len() as u8], &id[..]].concat()), None);
        }
    }
    for octets in 1..=4 {
        let message =
            [&[0x65, 7 + octets, 0x48, octets][..], &vec![9; octets.into()], &[0x49, 3, 1, 2, 3]].concat();
        let expected =
            [&[0x67, 5 + octets, 0x49, octets][..], &vec![9; octets.into()], &[0x4a, 1, 1]].concat();
        assert_eq!(answer(&message), Some(expected), "the id goes back in its own length");
    }
}

#[test]
fn invoke_ids_beyond_an_octet() {
    for id in ["02020080", "0202ff7f", "020100", "0203000001"] {
        let portion = format!("a1{:02x} {id} 02012e", hex(id).len() + 3);
        let expected = match id {
            "020100" => Some(0),
            "0203000001" => Some(1),
            _ => None,
        };
        match taken(&portion)[..] {
            [Component::Invoke { id, .. }] => assert_eq!(Some(id), expected),
            [Component::Malformed { id: None, problem: Problem::MISTYPED_COMPONENT, .. }] => {
                assert_eq!(expected, None);
            }
            ref other => panic!("{other:?}"),
        }
    }
}

/// The form that nearly every Begin has is taken apart in one step, and its one Invoke: whatever is changed in one, that
/// says what is said of any message and its components.
#[test]
fn the_usual_begin_is_read_as_any_other() {
    let (mut usual, mut others, mut refused) = (0, 0, 0);
    // Between them each length around another takes one octet once, and two.
    for length in [0, 81, 82, 118, 120, 128] {
        let begin = written(|w| {
            ber::put(w, 0x30, &vec![5; length]);
            build::invoke(w, 0, 7, 46);
            build::begin(w, 0, TransactionId::from_u32(0x0102_0304), MO_RELAY_V3, None);
        });
        mutated(&begin, length as u64, &mut |bytes| {
            let any = TransactionPortion::any(bytes);
            let ids = |it: TransactionPortion<'_>| (it.message_type, it.otid, it.dtid);
            assert_eq!(TransactionPortion::parse(bytes).map(ids), any.map(ids), "{bytes:02x?}");
            let any = any.and_then(|portion| Message::any_after(&portion).map_err(|fault| fault.malformed));
            let read = Message::parse(bytes);
            let parts = |it: &Message<'_>| (it.message_type, it.otid, it.dtid, it.p_abort);
            assert_eq!(read.as_ref().map(parts), any.as_ref().map(parts), "{bytes:02x?}");
            let (Ok(mut read), Ok(mut any)) = (read, any) else { return refused += 1 };
            assert_eq!(read.dialogue, any.dialogue, "{bytes:02x?}");
            while !any.components.is_empty() {
                assert_eq!(read.components.rest(), any.components.rest(), "{bytes:02x?}");
                assert_eq!(read.components.next(), any.components.any(), "{bytes:02x?}");
            }
            assert_eq!((read.components.next(), any.components.any()), (None, None), "{bytes:02x?}");
            match TransactionPortion::usual(bytes).and_then(|portion| Message::usual(&portion)) {
                Some(_) => usual += 1,
                None => others += 1,
            }
        });
    }
    assert!(usual > 10_000 && others > 10_000 && refused > 10_000, "{usual} {others} {refused}");
}

#[test]
fn an_invoke_alone_is_written_as_any_other() {
    for opcode in 0..=u8::MAX {
        for id in [i8::MIN, -1, 0, 1, i8::MAX] {
            let usual = written(|w| build::invoke(w, 0, id, opcode));
            assert_eq!(usual, written(|w| build::invoke_linked(w, 0, id, None, Code::Local(opcode))));
        }
    }
}
