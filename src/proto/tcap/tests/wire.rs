//! Spellings that stacks in the field use, transaction ids, and octets that nobody should send.

use super::*;
use crate::codec::ber;

fn components(portion: &str) -> Vec<String> {
    Components::new(&hex(portion)).map(|component| format!("{component:?}")).collect()
}

fn one(portion: &str) -> Component<'static> {
    let mut components = Components::new(Box::leak(hex(portion).into_boxed_slice()));
    let component = components.next().unwrap();
    assert!(components.next().is_none());
    component
}

#[test]
fn components_of_every_kind_round_trip() {
    let built = written(|w| {
        build::reject(w, None, Problem::BADLY_STRUCTURED_COMPONENT);
        build::reject(w, Some(-128), Problem::MISTYPED_ARGUMENT);
        let mark = w.len();
        w.bytes(&[0x30, 0]);
        build::error(w, mark, 127, 32);
        let mark = w.len();
        build::error(w, mark, 3, 27);
        let mark = w.len();
        w.bytes(&[0x30, 0]);
        build::result_last(w, mark, 2, Some(44));
        let mark = w.len();
        build::result_last(w, mark, 1, None);
        let mark = w.len();
        build::invoke(w, mark, 0, 200);
    });
    let parameter: &[u8] = &[0x30, 0];
    let expected = [
        Component::Invoke { id: 0, linked: None, opcode: Code::Local(200), argument: &[] },
        Component::ResultLast { id: 1, opcode: None, result: &[] },
        Component::ResultLast { id: 2, opcode: Some(Code::Local(44)), result: parameter },
        Component::Error { id: 3, code: Code::Local(27), parameter: &[] },
        Component::Error { id: 127, code: Code::Local(32), parameter },
        Component::Reject { id: Some(-128), problem: Problem::Invoke(2) },
        Component::Reject { id: None, problem: Problem::General(2) },
    ];
    assert_eq!(Components::new(&built).collect::<Vec<_>>(), expected);
}

#[test]
fn linked_invokes_parts_of_results_and_codes_of_any_kind_round_trip() {
    let global: &[u8] = &[6, 2, 0x2a, 3];
    let wide: &[u8] = &[2, 2, 1, 0];
    let built = written(|w| {
        w.bytes(&[5, 0]);
        build::result_not_last(w, 0, 4, Code::Local(56));
        let mark = w.len();
        build::invoke_linked(w, mark, 3, None, Code::Other(wide));
        let mark = w.len();
        build::invoke_linked(w, mark, 2, Some(-1), Code::Other(global));
    });
    let expected = [
        Component::Invoke { id: 2, linked: Some(-1), opcode: Code::Other(global), argument: &[] },
        Component::Invoke { id: 3, linked: None, opcode: Code::Other(wide), argument: &[] },
        Component::ResultNotLast { id: 4, opcode: Some(Code::Local(56)), result: &[5, 0] },
    ];
    assert_eq!(Components::new(&built).collect::<Vec<_>>(), expected);
}

#[test]
fn unidirectional_message() {
    let mut table = table();
    let context: &[u8] = &[4, 0, 0, 1, 0, 36, 2];
    for (context, information) in [(context, None), (context, Some(&[0x28, 0][..])), (&[], None)] {
        let message = written(|w| {
            build::invoke(w, 0, 1, 61);
            build::unidirectional(w, 0, context, information);
        });
        assert_eq!(table.owner(&message), Owner::None);
        let Ok(Indication::Unidirectional { application_context, user_information, mut components }) =
            table.handle_input(Time::ZERO, &smsc(), &message)
        else {
            panic!()
        };
        assert_eq!(application_context.unwrap_or(&[]), context);
        assert_eq!(user_information, information);
        assert!(matches!(components.next(), Some(Component::Invoke { opcode: Code::Local(61), .. })));
    }
    // The example of Q.773's syntax, version spelt out; then what is no AUDT, which nobody answers.
    let audt = "612c 6b1e 281c 060700118605010201 a011 600f 80020780 a109060704000001002402 6c0a a108020101020139 3000";
    let audt = hex(audt);
    assert!(matches!(table.handle_input(Time::ZERO, &smsc(), &audt), Ok(Indication::Unidirectional { .. })));
    let mut aarq = audt.clone();
    aarq[13] = 1;
    let mut version2 = audt.clone();
    version2[21..23].copy_from_slice(&[6, 0x40]);
    for bad in [aarq, version2] {
        assert!(matches!(table.handle_input(Time::ZERO, &smsc(), &bad), Ok(Indication::Ignored)));
    }
    assert!(table.handle_input(Time::ZERO, &smsc(), &hex("6104 6c00 0500")).is_err());
    let counts = &table.counts;
    assert_eq!(
        (counts.unidirectionals_received, counts.refused_dialogue_portion, counts.malformed),
        (4, 2, 1)
    );
    // An AUDT belongs into no Begin.
    let mut begin = hex(EMPTY_BEGIN);
    let at = begin.windows(3).position(|window| window == [5, 1, 1]).unwrap();
    begin[at + 1] = 2;
    let Ok(Indication::Refuse(refusal)) = table.handle_input(Time::ZERO, &smsc(), &begin) else { panic!() };
    assert_eq!(refusal.reason, RefusalReason::DialogueProvider);
}

#[test]
fn rare_spellings_of_components_are_read() {
    let invoke = one("a10b 020101 800107 02012e 0500");
    let argument: &[u8] = &[5, 0];
    assert_eq!(invoke, Component::Invoke { id: 1, linked: Some(7), opcode: Code::Local(46), argument });
    let invoke = one("a108 020101 8100 02012e");
    assert!(matches!(invoke, Component::Invoke { linked: None, .. }));
    // A global code, and a local one beyond an octet.
    let global: &[u8] = &[6, 2, 0x2a, 3];
    assert!(
        matches!(one("a107 020101 06022a03"), Component::Invoke { opcode: Code::Other(code), .. } if code == global)
    );
    let wide: &[u8] = &[2, 2, 1, 0];
    assert!(
        matches!(one("a107 020101 02020100"), Component::Invoke { opcode: Code::Other(code), .. } if code == wide)
    );
    // Indefinite lengths at every level, and a length in more octets than it needs.
    let invoke = one("a180 020101 02012e 3080 0401ff 0000 0000");
    assert!(matches!(invoke, Component::Invoke { argument, .. } if argument.len() == 7));
    assert!(matches!(one("a18106 020101 02012e"), Component::Invoke { argument: &[], .. }));
    assert!(matches!(one("a703 020101"), Component::ResultNotLast { id: 1, opcode: None, .. }));
}

#[test]
fn bad_components_say_what_to_reject() {
    let malformed = |portion, id, problem| {
        let answered = true;
        assert_eq!(one(portion), Component::Malformed { id, problem, answered }, "{portion}");
    };
    malformed("a100", None, Problem::MISTYPED_COMPONENT);
    malformed("a103 020101", Some(1), Problem::MISTYPED_COMPONENT);
    malformed("a107 02020100 02012e", None, Problem::MISTYPED_COMPONENT);
    malformed("a10a 020101 02012e 0500 0500", Some(1), Problem::MISTYPED_COMPONENT);
    malformed("a205 020101 0500", Some(1), Problem::MISTYPED_COMPONENT);
    malformed("a206 020101 800100", Some(1), Problem::MISTYPED_COMPONENT);
    malformed("a206 020101 300101", Some(1), Problem::BADLY_STRUCTURED_COMPONENT);
    malformed("a306 020101 800100", Some(1), Problem::MISTYPED_COMPONENT);
    malformed("a503 020105", Some(5), Problem::UNRECOGNISED_COMPONENT);
    malformed("a103 0201", None, Problem::BADLY_STRUCTURED_COMPONENT);
    malformed("a103 020201", None, Problem::BADLY_STRUCTURED_COMPONENT);
    malformed("a104 02800000", None, Problem::BADLY_STRUCTURED_COMPONENT);
    malformed("a106 020101 02022e", Some(1), Problem::BADLY_STRUCTURED_COMPONENT);
    malformed("0000", None, Problem::BADLY_STRUCTURED_COMPONENT);
    malformed("a180 020101", None, Problem::BADLY_STRUCTURED_COMPONENT);
    // Those behind a bad one are discarded, whatever is wrong with it.
    for bad in ["a100", "a503020105", "a103020201", "a1"] {
        assert_eq!(components(&format!("a20302010a {bad} a10602010102012e")).len(), 2, "{bad}");
    }
    // A Reject is never answered.
    for reject in ["a405 020101 0500", "a400", "a403 020201", "a407 020101 810105 00", "a409 020101"] {
        assert!(matches!(one(reject), Component::Malformed { answered: false, .. }), "{reject}");
    }
    // Good ones in front of a broken one are given.
    assert_eq!(components("a203020101a1").len(), 2);
    // No more than a fixed number of them.
    assert_eq!(Components::new(&[0xa2, 3, 2, 1, 0].repeat(1000)).count(), MAX_COMPONENTS + 1);
}

#[test]
fn indefinite_lengths_outside_and_inside() {
    let begin = "6280 480401020304 6b80 2880 060700118605010101 a080 6080 a180 060704000001001503 0000 0000 0000 0000 0000 \
                 6c80 a180 020101 02012e 3080 0000 0000 0000 0000";
    let bytes = hex(begin);
    let message = Message::parse(&bytes).unwrap();
    let Some(DialoguePortion::Request { application_context: MO_RELAY_V3, .. }) = message.dialogue else {
        panic!()
    };
    assert!(matches!(
        message.components.collect::<Vec<_>>()[..],
        [Component::Invoke { id: 1, opcode: Code::Local(46), .. }]
    ));
}

#[test]
fn transaction_ids_have_one_to_four_octets() {
    for (octets, legal) in [(0, false), (1, true), (2, true), (3, true), (4, true), (5, false)] {
        let message = written(|w| {
            ber::put(w, 0x48, &vec![7; octets]);
            ber::wrap(w, 0x62, 0);
        });
        assert_eq!(Message::parse(&message).is_ok(), legal);
    }
    assert_eq!(TransactionId::new(&[1, 2]).unwrap().to_u32(), None);
}

#[test]
fn identifiers_name_worker_and_slot_and_nothing_else_does() {
    let mut tables: Vec<_> = (0..3)
        .map(|worker| Dialogues::new(DialoguesConfig { worker: WorkerId(worker), ..config() }).unwrap())
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    for at in 0..3 {
        for _ in 0..8 {
            let (id, _) = begin(&mut tables[at], Time::ZERO, 0);
            let local = tables[at].local_id(id).unwrap();
            assert_eq!(local.to_u32().unwrap() >> 29, 5, "the node's prefix");
            assert!(seen.insert(local.to_u32()));
            let end = written(|w| {
                build::transaction_id(w, 0x49, local);
                ber::wrap(w, 0x64, 0);
            });
            for other in &tables {
                assert_eq!(other.owner(&end), Owner::Worker(WorkerId(at as u8)));
            }
        }
    }
    // A short id, one of another node, and one that would be of a fourth worker, are nobody's.
    let owner = |id: &[u8]| {
        tables[0].owner(&written(|w| {
            ber::put(w, 0x49, id);
            ber::wrap(w, 0x64, 0);
        }))
    };
    assert_eq!(owner(&[0xa0, 0]), Owner::None);
    assert_eq!(owner(&[0, 1, 2, 3]), Owner::None);
    let nobody = (0..1000u32).filter(|&id| owner(&(5 << 29 | id).to_be_bytes()) == Owner::None).count();
    assert!((150..400).contains(&nobody), "a quarter of the numbers: {nobody}");
}

#[test]
fn schemes_that_do_not_fit_are_refused() {
    let new = |change: fn(&mut DialoguesConfig)| {
        let mut config = config();
        change(&mut config);
        Dialogues::<u64>::new(config).map(|_| ())
    };
    let text = new(|config| {
        config.prefix_bits = 8;
        config.workers = 8;
        config.identifiers = (1 << 19) + 1;
    });
    assert!(text.unwrap_err().ends_with("the most is 524288"));
    assert!(new(|config| config.prefix_bits = 9).is_err());
    assert!(new(|config| config.prefix = 8).is_err());
    assert!(new(|config| config.workers = 1).is_err());
    assert!(new(|config| config.workers = 0).is_err());
    assert!(new(|config| config.capacity = 0).is_err());
    assert!(new(|config| config.identifiers = 7).is_err());
    assert!(new(|config| config.identifiers = usize::MAX).is_err());
    assert!(new(|config| (config.workers, config.prefix_bits, config.prefix) = (255, 0, 0)).is_ok());
}

#[test]
fn ids_of_one_slot_come_back_only_after_all_its_generations() {
    let tiny = DialoguesConfig { rest: Duration::ZERO, capacity: 1, identifiers: 1, ..config() };
    let mut table = Dialogues::new(tiny).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..10_000 {
        let id = table.open(Time::ZERO, &smsc(), 0, TIMEOUT).unwrap();
        assert!(seen.insert(table.local_id(id).unwrap().to_u32()));
        table.close(Time::ZERO, id);
    }
    table.assert_invariants();
}

fn walk(table: &mut Dialogues, now: Time, bytes: &[u8]) {
    let _ = (table.owner(bytes), table.owner_of_returned(bytes));
    let _ = table.handle_returned(now, &smsc(), |to| *to, bytes);
    let refusal = match table.handle_input(now, &smsc(), bytes) {
        Ok(Indication::Begin { components, dialogue, .. }) => {
            assert!(components.count() <= MAX_COMPONENTS + 1);
            table.close(now, dialogue);
            None
        }
        Ok(
            Indication::Continue { components, .. }
            | Indication::End { components, .. }
            | Indication::Unidirectional { components, .. },
        ) => {
            assert!(components.count() <= MAX_COMPONENTS + 1);
            None
        }
        Ok(Indication::Abort { answer, .. }) => answer,
        Ok(Indication::Refuse(refusal)) => Some(refusal),
        Ok(Indication::Ignored) => None,
        Err(malformed) => {
            assert!(WHY.len() > usize::from(malformed.why));
            None
        }
    };
    if let Some(refusal) = refusal {
        let mut buffer = vec![0; 5000];
        let mut w = Prepend::new(&mut buffer);
        build::refusal(&mut w, &refusal, None);
        assert!(Message::parse(w.finish().unwrap()).is_ok(), "an answer that can be read");
    }
    table.assert_invariants();
}

/// Golden messages cut and changed at every octet, and random octets with good tags among them, for dialogues in
/// every state: no panic, no dialogue lost or left over.
#[test]
fn no_octets_do_harm() {
    let mut table =
        Dialogues::new(DialoguesConfig { identifiers: 1 << 16, rest: Duration::ZERO, ..config() }).unwrap();
    let now = Time::ZERO;
    let (mut messages, mut ids) = (golden(), Vec::new());
    let (their_id, _) = accept(&mut table, now, &messages[0]);
    ids.push(table.local_id(their_id).unwrap());
    for message in golden() {
        let (id, _) = begin(&mut table, now, 0);
        let Some(at) = message.windows(2).position(|pair| pair == [0x49, 4]) else { continue };
        let mut aimed = message.clone();
        aimed[at + 2..at + 6].copy_from_slice(table.local_id(id).unwrap().as_bytes());
        ids.push(table.local_id(id).unwrap());
        messages.push(aimed);
    }
    for message in &messages {
        for cut in 0..=message.len() {
            walk(&mut table, now, &message[..cut]);
        }
        for at in 0..message.len() {
            for change in [1, 0x80, 0xff, 0x20] {
                let mut changed = message.clone();
                changed[at] ^= change;
                walk(&mut table, now, &changed);
            }
        }
    }
    let mut seed = 7u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as u8
    };
    const TAGS: [u8; 24] = [
        0x62, 0x64, 0x65, 0x67, 0x48, 0x49, 0x4a, 0x6b, 0x6c, 0x28, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0x60, 0x61,
        0x64, 0x80, 0x82, 0x00, 0x02, 0x30, 0xbe,
    ];
    for _ in 0..20_000 {
        let length = random() % 64;
        let bytes: Vec<u8> = (0..length)
            .map(|_| if random() & 1 == 0 { TAGS[usize::from(random()) % TAGS.len()] } else { random() % 24 })
            .collect();
        walk(&mut table, now, &bytes);
    }
    // Nested as deep as a message can be.
    for nested in [[0x62, 0x80].repeat(2000), [0x6c, 0x80, 0xa1, 0x80].repeat(1000)] {
        walk(&mut table, now, &nested);
    }
}
