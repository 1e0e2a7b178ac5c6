//! The whole of a mo-forwardSM Begin in our hands, M3UA down to MAP: taken apart and written. What comes out is compared
//! with what the message says before anything is timed.
#![allow(unreachable_pub, missing_docs)] // of benchmarks

use core::hint::black_box;

use ipsmgw::codec::Prepend;
use ipsmgw::ident::{Digits, PointCode, SccpAddress, Ssn};
use ipsmgw::proto::{m3ua, map, sccp, tcap};

use crate::measure::Figures;
use crate::messages::{CONTEXT, MIX, Submission, m3ua_data, mix, submission};

/// What each layer reads from one DATA.
struct Read<'r, 'a> {
    data: &'r m3ua::Data<'a>,
    unitdata: &'r sccp::Unitdata<'a>,
    begin: &'r tcap::Message<'a>,
    invoke: &'r tcap::Component<'a>,
    submit: &'r map::MoForwardSm<'a>,
}

/// Reads all layers, each to its end, and shows what they read, in its place: it is long to move.
#[inline]
fn decode(octets: &[u8], show: impl FnOnce(Read<'_, '_>)) {
    let Ok(message) = &m3ua::Message::parse(octets) else { panic!("no M3UA") };
    assert_eq!(message.kind(), Ok(m3ua::Kind::Data));
    let Ok(data) = &m3ua::Data::parse(message) else { panic!("no DATA") };
    let Ok(sccp::Input::Unitdata(unitdata)) = &sccp::parse(data.payload) else { panic!("no UDT") };
    let Ok(begin) = &mut tcap::Message::parse(unitdata.data) else { panic!("no TCAP") };
    let Some(invoke) = &begin.components.next() else { panic!("no component") };
    assert!(begin.components.is_empty());
    let tcap::Component::Invoke { argument, .. } = invoke else { panic!("no Invoke") };
    let Ok(submit) = &map::MoForwardSm::parse(argument) else { panic!("no MAP") };
    show(Read { data, unitdata, begin, invoke, submit });
}

/// What each layer is given to write one DATA.
struct Written<'a> {
    data: m3ua::build::DataHeader,
    called: SccpAddress,
    calling: SccpAddress,
    otid: tcap::TransactionId,
    invoke_id: i8,
    submit: map::MoForwardSm<'a>,
}

#[inline]
fn encode(it: &Written<'_>, room: &mut [u8], show: impl FnOnce(&[u8])) {
    let mut w = Prepend::new(room);
    let mark = m3ua::build::data_padding(&mut w);
    it.submit.write(&mut w);
    tcap::build::invoke(&mut w, mark, it.invoke_id, map::operation::MO_FORWARD_SM);
    tcap::build::begin(&mut w, mark, it.otid, map::context::MO_RELAY_V3, None);
    let (called, calling) = (&it.called, &it.calling);
    let header = sccp::build::UnitdataHeader { class: 1, return_on_error: true, called, calling };
    sccp::build::udt(&mut w, mark, &header, 268).expect("it fits");
    show(m3ua::build::data(&mut w, mark, &it.data).expect("it fits"));
}

fn digits(text: &str) -> Digits {
    text.parse().expect("digits")
}

/// What the layers are given for a message.
fn given(it: &Submission) -> Written<'_> {
    let number = |text: &str| map::AddressString::international(digits(text));
    let mut submit = map::MoForwardSm::new(
        map::SmRpDa::ServiceCentre(number(&it.centre)),
        map::SmRpOa::Msisdn(number(&it.originator)),
        &it.tpdu,
    );
    submit.imsi = it.imsi.parse().ok();
    Written {
        data: m3ua::build::DataHeader {
            network_appearance: None,
            routing_context: Some(it.routing_context),
            opc: PointCode(it.opc),
            dpc: PointCode(it.dpc),
            si: 3,
            ni: 2,
            mp: 0,
            sls: it.sls,
        },
        called: SccpAddress::titled(digits(&it.called), Ssn::MSC),
        calling: SccpAddress::titled(digits(&it.calling), Ssn::MSC),
        otid: tcap::TransactionId::from_u32(it.otid),
        invoke_id: it.invoke_id,
        submit,
    }
}

/// Whether all that was read is what the message says.
fn check(it: &Submission, read: &Read<'_, '_>) {
    let given = given(it);
    let data = m3ua::build::DataHeader {
        network_appearance: read.data.network_appearance,
        routing_context: read.data.routing_context,
        opc: read.data.opc,
        dpc: read.data.dpc,
        si: read.data.si,
        ni: read.data.ni,
        mp: read.data.mp,
        sls: read.data.sls,
    };
    assert_eq!(data, given.data);
    assert_eq!((read.unitdata.class, read.unitdata.return_on_error), (1, true));
    assert_eq!((read.unitdata.called, read.unitdata.calling), (given.called, given.calling));
    assert_eq!(read.begin.message_type, tcap::MessageType::Begin);
    assert_eq!(read.begin.otid, Some(given.otid));
    let request = tcap::DialoguePortion::Request {
        version1: true,
        application_context: &CONTEXT,
        user_information: None,
    };
    assert_eq!(read.begin.dialogue, Some(request));
    let tcap::Component::Invoke { id, linked: None, opcode, .. } = *read.invoke else { panic!("no Invoke") };
    assert_eq!((id, opcode), (given.invoke_id, tcap::Code::Local(46)));
    assert_eq!(*read.submit, given.submit);
}

pub fn figures(figures: &mut Figures) {
    let all: Vec<_> = (0..MIX).map(submission).collect();
    let octets = mix(m3ua_data);
    let given: Vec<_> = all.iter().map(given).collect();
    let mut room = [0; 512];
    for ((it, octets), given) in all.iter().zip(&octets).zip(&given) {
        decode(octets, |read| check(it, &read));
        encode(given, &mut room, |written| assert_eq!(written, octets));
    }
    let show = |read: Read<'_, '_>| {
        black_box((read.data, read.unitdata, read.begin, read.invoke, read.submit));
    };
    let decode = || octets.iter().for_each(|octets| decode(black_box(octets), show));
    let encode = || {
        for given in &given {
            encode(black_box(given), &mut room, |written| {
                black_box(written);
            });
        }
    };
    figures.both_ways("ss7", MIX, "M3UA to MAP, each value of each layer", decode, encode);
}
