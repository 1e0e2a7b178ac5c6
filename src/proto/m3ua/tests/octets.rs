use super::*;

#[test]
fn golden_data_is_built_and_parsed() {
    let udt = unhex(GOLDEN_UDT);
    assert_eq!(udt.len(), 131);
    let built = data_message(&header(), &udt);
    let mut golden = unhex("01000101000000a40006000800000064 02100093000004d20000162e03020005");
    golden.extend(&udt);
    golden.push(0);
    assert_eq!(built, golden);

    let data = Data::parse(&Message::parse(&golden).unwrap()).unwrap();
    assert_eq!(data.routing_context, Some(100));
    assert_eq!((data.opc, data.dpc), (PointCode(1234), PointCode(5678)));
    assert_eq!((data.si, data.ni, data.mp, data.sls), (3, 2, 0, 5));
    assert_eq!(data.payload, &udt[..]);
    assert_eq!((data.network_appearance, data.correlation), (None, None));
}

#[test]
fn data_of_every_size_round_trips_with_its_padding() {
    let full = DataHeader { network_appearance: Some(7), ..header() };
    let bare = DataHeader { routing_context: None, ..header() };
    for size in 0..=272 {
        let payload: Vec<u8> = (0..size).map(|at| at as u8).collect();
        for header in [&full, &bare] {
            let bytes = data_message(header, &payload);
            assert_eq!(bytes.len() % 4, 0);
            let data = Data::parse(&Message::parse(&bytes).unwrap()).unwrap();
            assert_eq!(data.payload, &payload[..]);
            assert_eq!(data.network_appearance, header.network_appearance);
            assert_eq!(data.routing_context, header.routing_context);
        }
    }
}

#[test]
fn data_that_does_not_fit_is_refused() {
    let mut buffer = [0; 40];
    let mut writer = Prepend::new(&mut buffer);
    let mark = build::data_padding(&mut writer);
    writer.bytes(&[9; 20]);
    assert_eq!(build::data(&mut writer, mark, &header()), None);
    let mut writer = Prepend::new(&mut buffer);
    assert_eq!(build::data(&mut writer, 3, &header()), None, "a mark that was never reached");
}

#[test]
fn the_length_may_leave_out_the_last_padding() {
    let mut bytes = data_message(&header(), &[1, 2, 3, 4, 5]);
    let length = bytes.len();
    bytes[7] -= 3;
    let payload = |bytes: &[u8]| Data::parse(&Message::parse(bytes).unwrap()).unwrap().payload.to_vec();
    assert_eq!(payload(&bytes), [1, 2, 3, 4, 5], "padding is there but not counted");
    assert_eq!(payload(&bytes[..length - 3]), [1, 2, 3, 4, 5], "padding is not there");
}

#[test]
fn parameters_come_in_any_order_and_unknown_ones_are_skipped() {
    let protocol_data = unhex("000004d20000162e03020005 aabb");
    let bytes = message(
        Kind::Data,
        &[
            (0x7777, b"?"),
            (tag::PROTOCOL_DATA, &protocol_data),
            (tag::CORRELATION, &[0, 0, 0, 9]),
            (tag::ROUTING_CONTEXT, &[0, 0, 0, 100]),
        ],
    );
    let data = Data::parse(&Message::parse(&bytes).unwrap()).unwrap();
    assert_eq!(data.payload, [0xaa, 0xbb]);
    assert_eq!(data.routing_context, Some(100));
    assert_eq!(data.correlation, Some(9));
}

#[test]
fn every_kind_is_known_by_its_numbers() {
    for class in 0..=255u8 {
        for message_type in 0..=255u8 {
            let bytes = [1, 0, class, message_type, 0, 0, 0, 8];
            let expected = match class {
                0 => message_type <= 1,
                1 => message_type == 1,
                2 | 3 => (1..=6).contains(&message_type),
                4 | 9 => (1..=4).contains(&message_type),
                _ => false,
            };
            match Message::parse(&bytes).unwrap().kind() {
                Ok(kind) => {
                    assert!(expected && kind as u16 == u16::from(class) << 8 | u16::from(message_type))
                }
                Err(ErrorCode::UnsupportedMessageClass) => assert!(class > 4 && class != 9),
                Err(code) => {
                    assert!(
                        !expected && (class <= 4 || class == 9) && code == ErrorCode::UnsupportedMessageType
                    );
                }
            }
        }
    }
}

#[test]
fn streams_follow_the_selection_and_spare_stream_0() {
    for sls in 0..=255 {
        assert_eq!(stream_for(sls, 1), 0);
        assert_eq!(stream_for(sls, 2), 1);
        let stream = stream_for(sls, 17);
        assert!((1..17).contains(&stream));
        assert_eq!(stream, 1 + u16::from(sls % 16));
        assert_eq!(stream_for(sls, u16::MAX), 1 + u16::from(sls));
    }
}
