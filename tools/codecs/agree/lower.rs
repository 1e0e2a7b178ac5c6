//! M3UA's DATA, and SCCP's unitdata messages with their addresses.

use ipsmgw::codec::Prepend;
use ipsmgw::ident::{
    Digits, GlobalTitle, NatureOfAddress, NumberingPlan, PointCode, SccpAddress, Ssn, TitleIndicator,
};
use ipsmgw::proto::{m3ua as our_m3ua, sccp as our_sccp};

use crate::random::{Random, each};
use crate::written;

#[test]
fn m3ua_data() {
    each(|case, random| {
        let payload = random.octets(1, 270);
        let header = our_m3ua::build::DataHeader {
            network_appearance: random.perhaps(|it| it.word() as u32),
            routing_context: random.perhaps(|it| it.word() as u32),
            opc: PointCode(random.below(1 << 24) as u32),
            dpc: PointCode(random.below(1 << 24) as u32),
            si: random.below(16) as u8,
            ni: random.below(4) as u8,
            mp: random.below(4) as u8,
            sls: random.octet(),
        };
        let correlation = random.perhaps(|it| it.word() as u32);
        let data = m3ua::ProtocolData::new(
            header.opc.0,
            header.dpc.0,
            header.si,
            header.ni,
            header.mp,
            header.sls,
            payload.clone(),
        );
        let theirs = |correlation| {
            let (appearance, context) = (header.network_appearance, header.routing_context);
            m3ua::M3uaMessage::data(appearance, context, data.clone(), correlation)
        };
        let mut room = [0; 512];
        let mut w = Prepend::new(&mut room);
        let mark = our_m3ua::build::data_padding(&mut w);
        w.bytes(&payload);
        let ours = our_m3ua::build::data(&mut w, mark, &header).expect("it fits");
        assert_eq!(ours, theirs(None).encode(), "case {case}");
        assert_eq!(m3ua::M3uaMessage::decode(ours).expect("theirs read ours"), theirs(None));
        let encoded = theirs(correlation).encode();
        let message = our_m3ua::Message::parse(&encoded).expect("ours read theirs");
        let expected = our_m3ua::Data {
            network_appearance: header.network_appearance,
            routing_context: header.routing_context,
            opc: header.opc,
            dpc: header.dpc,
            si: header.si,
            ni: header.ni,
            mp: header.mp,
            sls: header.sls,
            payload: &payload,
            correlation,
        };
        assert_eq!(our_m3ua::Data::parse(&message), Ok(expected), "case {case}");
    });
}

/// An address for both.
fn address(random: &mut Random) -> (SccpAddress, sccp::SccpAddress) {
    let (translation_type, nature) = (random.octet(), random.below(128) as u8);
    let plan = random.below(16) as u8;
    let text = random.digits(1, 24);
    let digits: Digits = text.parse().expect("digits");
    let odd = text.len() % 2 == 1;
    let scheme = if odd { 1 } else { 2 };
    let title = |indicator, translation_type, plan, nature| {
        Some(GlobalTitle {
            indicator,
            translation_type,
            numbering_plan: NumberingPlan(plan),
            nature: NatureOfAddress(nature),
            digits,
        })
    };
    let (title, global_title) = match random.below(5) {
        0 => (None, sccp::GlobalTitle::NoTitle),
        1 => (
            title(TitleIndicator::Nature, 0, 1, nature),
            sccp::GlobalTitle::Gt0001 { nature_of_address: nature, odd_even: odd, digits: text },
        ),
        2 => (
            title(TitleIndicator::TranslationType, translation_type, 0, 0),
            sccp::GlobalTitle::Gt0010 { translation_type, digits: text },
        ),
        3 => (
            title(TitleIndicator::TypeAndPlan, translation_type, plan, 0),
            sccp::GlobalTitle::Gt0011 {
                translation_type,
                numbering_plan: plan,
                encoding_scheme: scheme,
                digits: text,
            },
        ),
        _ => (
            title(TitleIndicator::TypePlanAndNature, translation_type, plan, nature),
            sccp::GlobalTitle::Gt0100 {
                translation_type,
                numbering_plan: plan,
                encoding_scheme: scheme,
                nature_of_address: nature,
                digits: text,
            },
        ),
    };
    let point_code = random.perhaps(|it| it.below(1 << 14) as u16);
    let ssn = random.perhaps(Random::octet);
    let route_on_ssn = random.flag();
    (
        SccpAddress {
            point_code: point_code.map(|code| PointCode(u32::from(code))),
            ssn: ssn.map(Ssn),
            title,
            route_on_ssn,
            national: false, // Theirs don't keep it.
        },
        sccp::SccpAddress {
            route_on_ssn,
            point_code,
            ssn: ssn.map(sccp::SubsystemNumber::from_u8),
            global_title,
        },
    )
}

#[test]
fn sccp_unitdata() {
    each(|case, random| {
        let ((called, called_theirs), (calling, calling_theirs)) = (address(random), address(random));
        let (class, return_on_error) = (random.below(2) as u8, random.flag());
        let data = random.octets(1, 200);
        let header =
            our_sccp::build::UnitdataHeader { class, return_on_error, called: &called, calling: &calling };
        let handling = if return_on_error { 8 } else { 0 };
        let mut udt = sccp::UnitData::new(called_theirs.clone(), calling_theirs.clone(), data.clone());
        (udt.protocol_class, udt.message_handling) = (class, handling);
        let mut xudt =
            sccp::ExtendedUnitData::new(called_theirs.clone(), calling_theirs.clone(), data.clone());
        (xudt.protocol_class, xudt.message_handling) = (class, handling);
        let mut ludt = sccp::LongUnitData::new(called_theirs, calling_theirs, data.clone());
        (ludt.protocol_class, ludt.message_handling) = (class, handling);
        for (kind, theirs) in [
            (our_sccp::Kind::Udt, sccp::SccpMessage::Udt(udt)),
            (our_sccp::Kind::Xudt, sccp::SccpMessage::Xudt(xudt)),
            (our_sccp::Kind::Ludt, sccp::SccpMessage::Ludt(ludt)),
        ] {
            let ours = written(|w| {
                w.bytes(&data);
                our_sccp::build::unitdata(w, 0, kind, &header, 400).expect("it fits");
            });
            assert_eq!(sccp::SccpMessage::decode(&ours).expect("theirs read ours"), theirs, "case {case}");
            let encoded = theirs.encode().expect("theirs write");
            assert_eq!(ours, encoded, "case {case}");
            let Ok(our_sccp::Input::Unitdata(read)) = our_sccp::parse(&encoded) else {
                panic!("case {case}: {encoded:02x?}")
            };
            assert_eq!((read.kind, read.class, read.return_on_error), (kind, class, return_on_error));
            assert_eq!((read.called, read.calling), (called, calling), "case {case}");
            assert_eq!(read.data, data);
            // Back as a service message: the same with the addresses the other way round.
            let cause = our_sccp::Cause(random.below(15) as u8);
            let returned = written(|w| our_sccp::build::service(w, &read, cause).expect("it fits"));
            let theirs_returned = sccp::SccpMessage::decode(&returned).expect("theirs read ours");
            assert_eq!(theirs_returned.called_party(), theirs.calling_party(), "case {case}");
            assert_eq!(theirs_returned.calling_party(), theirs.called_party());
            assert_eq!(theirs_returned.data(), data);
        }
    });
}
