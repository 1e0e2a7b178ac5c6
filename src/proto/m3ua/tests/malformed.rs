use super::*;
use crate::codec::mutated::mutated;

#[test]
fn truncated_flipped_and_random_octets_are_survived() {
    let mut seed = 7u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as u8
    };
    let messages = [
        data_message(&header(), &unhex(GOLDEN_UDT)),
        message(Kind::Aspup, &[(tag::ASP_IDENTIFIER, &[0, 0, 0, 1]), (tag::INFO, b"hello")]),
        message(Kind::AspupAck, &[]),
        message(Kind::Aspac, &[(tag::TRAFFIC_MODE, &[0, 0, 0, 2]), (tag::ROUTING_CONTEXT, &[0, 0, 0, 100])]),
        message(Kind::AspacAck, &[(tag::ROUTING_CONTEXT, &[0, 0, 0, 100])]),
        message(Kind::Duna, &[(tag::AFFECTED_POINT_CODE, &[0, 0, 0, 9, 3, 0, 1, 0])]),
        message(Kind::Daud, &[(tag::AFFECTED_POINT_CODE, &[0, 0, 0, 9])]),
        message(Kind::Dupu, &[(tag::AFFECTED_POINT_CODE, &[0, 0, 0, 9]), (tag::USER_CAUSE, &[0, 1, 0, 3])]),
        message(Kind::Scon, &[(tag::AFFECTED_POINT_CODE, &[0, 0, 0, 9]), (tag::CONGESTION, &[0, 0, 0, 2])]),
        message(Kind::Beat, &[(tag::HEARTBEAT, b"12345")]),
        message(Kind::Ntfy, &[(tag::STATUS, &[0, 1, 0, 3])]),
        message(Kind::Err, &[(tag::ERROR_CODE, &[0, 0, 0, 6])]),
    ];
    for role in [Role::Asp, Role::IpspClient, Role::IpspServer, Role::Sgp] {
        let mut node = Node::new(AspConfig::new(role, vec![100]));
        node.up(Time::ZERO);
        let mut now = Time::ZERO;
        for golden in &messages {
            for end in 0..golden.len() {
                let _ = node.input(now, 1, &golden[..end]);
            }
            for at in 0..golden.len() {
                for bit in 0..8u16 {
                    let mut bytes = golden.clone();
                    bytes[at] ^= 1 << bit;
                    let _ = node.input(now, bit, &bytes);
                    now += Duration::from_millis(50);
                    node.timeout(now);
                }
            }
        }
        for _ in 0..20_000 {
            let mut bytes: Vec<u8> = (0..random() % 48).map(|_| random() & random()).collect();
            if let [version, _, class, kind, a, b, c, length, ..] = &mut bytes[..] {
                (*version, *class, *kind) = (1, *class % 5, *kind % 7);
                (*a, *b, *c) = (0, 0, 0);
                *length = random() % 48;
            }
            let _ = node.input(now, 1, &bytes);
            node.sent.clear();
        }
    }
}

/// What an SGP says to each of these.
#[test]
fn malformed_messages_get_their_err() {
    let cases: &[(&[u8], Option<ErrorCode>)] = &[
        (&[1, 0, 3], None),
        (&[1, 0, 3, 1, 0, 0, 0], None),
        (&[2, 0, 3, 1, 0, 0, 0, 8], Some(ErrorCode::InvalidVersion)),
        (&[0, 0, 3, 1, 0, 0, 0, 8], Some(ErrorCode::InvalidVersion)),
        (&[2, 0, 0, 0, 0, 0, 0, 8], None),
        (&[1, 0, 3, 1, 0, 0, 0, 7], Some(ErrorCode::ProtocolError)),
        (&[1, 0, 3, 1, 0, 0, 0, 12], Some(ErrorCode::ProtocolError)),
        (&[1, 0, 3, 1, 0xff, 0xff, 0xff, 0xff], Some(ErrorCode::ProtocolError)),
        (&[1, 0, 3, 1, 0, 0, 0, 8, 0, 0, 0, 0], Some(ErrorCode::ProtocolError)),
        (&[1, 0, 3, 1, 0, 0, 0, 12, 0, 4, 0, 3], Some(ErrorCode::ParameterFieldError)),
        (&[1, 0, 3, 1, 0, 0, 0, 12, 0, 4, 0, 5], Some(ErrorCode::ParameterFieldError)),
        (&[1, 0, 3, 1, 0, 0, 0, 10, 0, 4], Some(ErrorCode::ParameterFieldError)),
        (&[1, 0, 9, 1, 0, 0, 0, 8], Some(ErrorCode::UnsupportedMessageClass)),
        (&[1, 0, 5, 1, 0, 0, 0, 8], Some(ErrorCode::UnsupportedMessageClass)),
        (&[1, 0, 9, 5, 0, 0, 0, 8], Some(ErrorCode::UnsupportedMessageType)),
        (&[1, 0, 3, 7, 0, 0, 0, 8], Some(ErrorCode::UnsupportedMessageType)),
        (&[1, 0, 0, 2, 0, 0, 0, 8], Some(ErrorCode::UnsupportedMessageType)),
        (&[1, 0, 1, 1, 0, 0, 0, 8], Some(ErrorCode::MissingParameter)),
        (&[1, 0, 1, 1, 0, 0, 0, 13, 2, 0x10, 0, 5, 0], Some(ErrorCode::ParameterFieldError)),
        (&[1, 0, 3, 1, 0, 0, 0, 13, 0, 0x11, 0, 5, 1], Some(ErrorCode::ParameterFieldError)),
        (&[1, 0, 2, 3, 0, 0, 0, 8], Some(ErrorCode::MissingParameter)),
        (&[1, 0, 2, 3, 0, 0, 0, 12, 0, 0x12, 0, 4], Some(ErrorCode::ParameterFieldError)),
        (&[1, 0, 0, 0, 0, 0, 0, 8], None),
        (&[1, 0, 0, 0, 0, 0, 0, 9], None),
    ];
    for (bytes, expected) in cases {
        let mut node = Node::new(AspConfig::new(Role::Sgp, vec![100]));
        node.up(Time::ZERO);
        let _ = node.input(Time::ZERO, 0, bytes);
        let code = node.sent.pop_front().map(|(stream, answer)| {
            assert_eq!((stream, kind(&answer)), (0, Kind::Err));
            let diagnostic = Message::parse(&answer).unwrap().parameters.find(tag::DIAGNOSTIC).unwrap();
            assert_eq!(diagnostic, *bytes);
            word(&answer, tag::ERROR_CODE).unwrap()
        });
        assert_eq!(code, expected.map(|code| code as u32), "{bytes:02x?}");
        assert!(node.sent.is_empty());
        assert_eq!(node.asp.state(), AspState::Down);
    }
}

#[test]
fn point_codes_beyond_24_bits_are_refused() {
    let mut bytes = data_message(&header(), &[1]);
    bytes[20] = 1;
    let refused = Data::parse(&Message::parse(&bytes).unwrap()).unwrap_err();
    assert_eq!(WHY[usize::from(refused.why)], "value");
}

#[test]
fn an_err_repeats_at_most_40_octets() {
    let mut node = Node::new(AspConfig::new(Role::Sgp, vec![100]));
    node.up(Time::ZERO);
    node.input(Time::ZERO, 1, &data_message(&header(), &[5; 250])).unwrap();
    let err = node.pop();
    assert_eq!(word(&err, tag::ERROR_CODE), Some(ErrorCode::UnexpectedMessage as u32));
    assert_eq!(word(&err, tag::ROUTING_CONTEXT), Some(100));
    let diagnostic = Message::parse(&err).unwrap().parameters.find(tag::DIAGNOSTIC).unwrap();
    assert_eq!(diagnostic.len(), 40);
}

#[test]
fn m3ua_duplicate_routing_context() {
    let protocol_data = unhex("000004d20000162e03020005 aabb");
    let data = (tag::PROTOCOL_DATA, &protocol_data[..]);
    let context = (tag::ROUTING_CONTEXT, &[0, 0, 0, 100][..]);
    let whole = message(Kind::Data, &[context, data, (0x7777, b"?"), (0x7777, b"?")]);
    assert!(Message::parse(&whole).is_ok(), "what isn't known may come twice");
    let info = (tag::INFO, &b"text"[..]);
    for parameters in [&[context, context, data][..], &[context, data, data], &[info, context, info, data]] {
        let twice = message(Kind::Data, parameters);
        let refused = Message::parse(&twice).unwrap_err();
        assert_eq!(WHY[usize::from(refused.why)], "duplicate");
        let mut node = Node::new(AspConfig::new(Role::Sgp, vec![100]));
        node.up(Time::ZERO);
        assert!(node.input(Time::ZERO, 1, &twice).is_err());
        assert_eq!(word(&node.pop(), tag::ERROR_CODE), Some(ErrorCode::ProtocolError as u32));
    }
    // Routing keys and their results are one each.
    let key = (tag::ROUTING_KEY, &[0, 0, 0, 0][..]);
    assert!(Message::parse(&message(Kind::RegReq, &[key, key])).is_ok());
}

/// Each parameter but the last is filled up to four octets, which its length does not count (3.2); where the filling is
/// missing, the next one can't be found.
#[test]
fn m3ua_parameters_unaligned() {
    let protocol_data = unhex("000004d20000162e03020005 aa");
    let context = [0, 6, 0, 8, 0, 0, 0, 100];
    let data = [&[2, 0x10, 0, 17][..], &protocol_data].concat();
    let message = |parts: &[&[u8]]| {
        let parameters = parts.concat();
        [&[1, 0, 1, 1, 0, 0, 0, 8 + parameters.len() as u8][..], &parameters].concat()
    };
    let code = |bytes: &[u8]| {
        let mut node = Node::new(AspConfig::new(Role::Sgp, vec![100]));
        node.up(Time::ZERO);
        node.input(Time::ZERO, 0, &super::message(Kind::Aspup, &[])).unwrap();
        node.input(Time::ZERO, 0, &super::message(Kind::Aspac, &[])).unwrap();
        node.sent.clear();
        let refused = node.input(Time::ZERO, 1, bytes).is_err();
        let answer = node.sent.pop_front().map(|(_, answer)| word(&answer, tag::ERROR_CODE).unwrap());
        assert_eq!(refused, answer.is_some());
        answer
    };
    let field = Some(ErrorCode::ParameterFieldError as u32);
    assert_eq!(code(&message(&[&data, &[0; 3], &context])), None, "filled up");
    assert_eq!(code(&message(&[&context, &data])), None, "the last may lack it");
    assert_eq!(code(&message(&[&data, &context])), field, "it is missing");
    assert_eq!(code(&message(&[&data, &[0], &context])), field, "one octet of three");
    assert_eq!(code(&message(&[&context, &data, &[0; 2]])), None, "two octets of three at the end");
    assert_eq!(code(&message(&[&context, &data, &[0; 4]])), field, "one octet too many");
    assert_eq!(code(&message(&[&[0, 6, 0, 7, 0, 0, 0, 100], &data])), field, "a context of three octets");
    // What the length of the message counts need not be a multiple of four; octets beyond it, no more than filling.
    let mut long = message(&[&context, &data]);
    assert_eq!(long.len() % 4, 1);
    long.extend([0; 3]);
    assert_eq!(code(&long), None);
    long.push(0);
    assert_eq!(code(&long), Some(ErrorCode::ProtocolError as u32));
}

/// The form that nearly every DATA has is taken apart in one step: whatever is changed in one, that says what the walk over
/// its parameters says.
#[test]
fn the_usual_data_is_read_as_any_other() {
    let (mut usual, mut others, mut refused) = (0, 0, 0);
    for length in [0, 1, 2, 3, 4, 57] {
        let payload = &unhex(GOLDEN_UDT)[..length];
        let header = build::DataHeader { routing_context: Some(100), network_appearance: None, ..header() };
        mutated(&data_message(&header, payload), length as u64, &mut |bytes| {
            let (read, walked) = (Message::parse(bytes), Message::any(bytes));
            let parts = |message: &Message<'_>| {
                let parameters: Vec<_> = message.parameters.map(|it| (it.tag, it.value.to_vec())).collect();
                (message.class, message.message_type, message.kind(), parameters)
            };
            assert_eq!(read.as_ref().map(parts), walked.as_ref().map(parts), "{bytes:02x?}");
            let (Ok(read), Ok(walked)) = (read, walked) else { return refused += 1 };
            assert_eq!(Data::parse(&read), Data::any(&walked), "{bytes:02x?}");
            assert_eq!(Data::parse(&read), Data::parse(&walked), "{bytes:02x?}");
            if read.is_usual() { usual += 1 } else { others += 1 }
        });
    }
    assert!(usual > 10_000 && others > 10_000 && refused > 10_000, "{usual} {others} {refused}");
}
