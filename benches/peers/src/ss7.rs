//! The whole of a mo-forwardSM Begin by others, on the messages of ours: the crates m3ua, sccp, tcap and gsm_map one after
//! the other; and rasn, which knows no M3UA and no SCCP, with types of no more than the Begin needs.

use std::hint::black_box;

use gsm_map::operations::mo_forward_sm::MoForwardSmArg;
use gsm_map::types::{SmRpDa, SmRpOa};

use crate::measure::Figures;
use crate::messages::{self, MIX, Submission, packed};

pub fn whole(figures: &mut Figures) {
    crates(figures);
    by_rasn::whole(figures);
}

/// An AddressString of an international E.164 number.
fn address(digits: &str) -> Vec<u8> {
    [&[0x91], &packed(digits)[..]].concat()
}

/// Everything that the crates read from a DATA.
struct Read {
    data: m3ua::ProtocolData,
    routing_context: Option<u32>,
    unitdata: sccp::UnitData,
    otid: tcap::TransactionId,
    dialogue: tcap::DialoguePdu,
    invoke: tcap::Invoke,
    argument: MoForwardSmArg,
}

fn decode(octets: &[u8]) -> Read {
    let message = m3ua::M3uaMessage::decode(octets).expect("M3UA");
    let data = message.protocol_data().expect("protocol data");
    let unitdata = sccp::UnitData::decode(&data.user_data).expect("UDT");
    let tcap::TcapMessage::Begin(begin) = tcap::decode(&unitdata.data).expect("TCAP") else {
        panic!("no Begin")
    };
    let portion = begin.dialogue_portion.expect("a dialogue portion");
    let dialogue = portion.dialogue_pdu().expect("a dialogue portion").expect("a dialogue PDU");
    let mut components = begin.components.expect("components");
    let Some(tcap::Component::Invoke(invoke)) = components.pop() else { panic!("no Invoke") };
    let argument = gsm_map::decode(invoke.parameter.as_ref().expect("an argument").as_bytes()).expect("MAP");
    Read {
        routing_context: message.routing_context(),
        data,
        unitdata,
        otid: begin.otid,
        dialogue,
        invoke,
        argument,
    }
}

/// What the crates are given to write a DATA: each message owns its parts, so they are copied for it.
fn encode(it: &Read) -> Vec<u8> {
    let argument = gsm_map::encode(&it.argument).expect("MAP");
    let invoke = tcap::Invoke {
        invoke_id: it.invoke.invoke_id,
        linked_id: None,
        operation_code: it.invoke.operation_code.clone(),
        parameter: Some(rasn_of_crates::types::Any::new(argument)),
    };
    let begin = tcap::TcapMessage::Begin(tcap::Begin {
        otid: it.otid.clone(),
        dialogue_portion: Some(tcap::DialoguePortion::from_pdu(&it.dialogue)),
        components: Some(vec![tcap::Component::Invoke(invoke)]),
    });
    let unitdata = sccp::UnitData {
        protocol_class: 1,
        message_handling: 8,
        called_party: it.unitdata.called_party.clone(),
        calling_party: it.unitdata.calling_party.clone(),
        data: tcap::encode(&begin).expect("TCAP"),
    };
    let (to, user_data) = (&it.data, unitdata.encode().expect("SCCP"));
    let data = m3ua::ProtocolData::new(to.opc, to.dpc, to.si, to.ni, to.mp, to.sls, user_data);
    m3ua::M3uaMessage::data(None, it.routing_context, data, None).encode()
}

/// Whether all that was read is what the message says.
fn check(it: &Submission, read: &Read) {
    let data = &read.data;
    assert_eq!((read.routing_context, data.opc, data.dpc), (Some(it.routing_context), it.opc, it.dpc));
    assert_eq!((data.si, data.ni, data.mp, data.sls), (3, 2, 0, it.sls));
    assert_eq!((read.unitdata.protocol_class, read.unitdata.message_handling), (1, 8));
    for (address, digits) in
        [(&read.unitdata.called_party, &it.called), (&read.unitdata.calling_party, &it.calling)]
    {
        assert_eq!(address.global_title.digits(), Some(&digits[..]));
        assert_eq!(address.ssn, Some(sccp::SubsystemNumber::Msc));
    }
    assert_eq!(read.otid[..], it.otid.to_be_bytes());
    let tcap::DialoguePdu::Aarq { application_context_name, .. } = &read.dialogue else { panic!("no AARQ") };
    assert_eq!(application_context_name[..], [0, 4, 0, 0, 1, 0, 21, 3]);
    assert_eq!(read.invoke.invoke_id, it.invoke_id);
    assert_eq!(read.invoke.operation_code, tcap::OperationCode::Local(46));
    let argument = &read.argument;
    assert_eq!(argument.sm_rp_da, SmRpDa::ServiceCentreAddressDa(address(&it.centre).into()));
    assert_eq!(argument.sm_rp_oa, SmRpOa::MsIsdn(address(&it.originator).into()));
    assert_eq!(argument.sm_rp_ui[..], it.tpdu);
    assert_eq!(argument.imsi.as_deref(), Some(&packed(&it.imsi)[..]));
}

fn crates(figures: &mut Figures) {
    let octets = messages::mix(messages::m3ua_data);
    let read: Vec<_> = octets.iter().map(|octets| decode(octets)).collect();
    for (user, read) in read.iter().enumerate() {
        let it = messages::submission(user);
        check(&it, read);
        // It writes the protocol version, which is the default.
        let written = encode(read);
        assert!((4..=8).contains(&(written.len() - octets[user].len())));
        check(&it, &decode(&written));
    }
    let decode = || {
        for octets in &octets {
            black_box(decode(black_box(octets)));
        }
    };
    let encode = || {
        for read in &read {
            black_box(encode(black_box(read)));
        }
    };
    figures.both_ways("peer.rtt_crates", MIX, "m3ua 1, sccp 1, tcap 3, gsm_map 4", decode, encode);
}

mod by_rasn {
    use rasn::prelude::*;
    use std::hint::black_box;

    use super::address;
    use crate::measure::Figures;
    use crate::messages::{self, MIX, packed};

    #[derive(AsnType, Decode, Encode, Debug, PartialEq)]
    #[rasn(tag(application, 2))]
    struct Begin {
        #[rasn(tag(application, 8))]
        otid: OctetString,
        #[rasn(tag(explicit(application, 11)))]
        dialogue: Option<External>,
        #[rasn(tag(application, 12))]
        components: Option<SequenceOf<Component>>,
    }

    #[derive(AsnType, Decode, Encode, Debug, PartialEq)]
    #[rasn(tag(universal, 8))]
    struct External {
        syntax: ObjectIdentifier,
        #[rasn(tag(explicit(context, 0)))]
        request: Request,
    }

    #[derive(AsnType, Decode, Encode, Debug, PartialEq)]
    #[rasn(tag(application, 0))]
    struct Request {
        #[rasn(tag(context, 0))]
        version: Option<BitString>,
        #[rasn(tag(explicit(context, 1)))]
        context: ObjectIdentifier,
    }

    #[derive(AsnType, Decode, Encode, Debug, PartialEq)]
    #[rasn(choice)]
    enum Component {
        #[rasn(tag(context, 1))]
        Invoke(Invoke),
    }

    #[derive(AsnType, Decode, Encode, Debug, PartialEq)]
    struct Invoke {
        id: i8,
        #[rasn(tag(context, 0))]
        linked: Option<i8>,
        operation: u8,
        argument: MoForwardSmArg,
    }

    #[derive(AsnType, Decode, Encode, Debug, PartialEq)]
    struct MoForwardSmArg {
        destination: SmRpDa,
        originator: SmRpOa,
        ui: OctetString,
        imsi: Option<OctetString>,
    }

    #[derive(AsnType, Decode, Encode, Debug, PartialEq)]
    #[rasn(choice)]
    enum SmRpDa {
        #[rasn(tag(context, 0))]
        Imsi(OctetString),
        #[rasn(tag(context, 4))]
        ServiceCentre(OctetString),
        #[rasn(tag(context, 5))]
        None(()),
    }

    #[derive(AsnType, Decode, Encode, Debug, PartialEq)]
    #[rasn(choice)]
    enum SmRpOa {
        #[rasn(tag(context, 2))]
        Msisdn(OctetString),
        #[rasn(tag(context, 4))]
        ServiceCentre(OctetString),
        #[rasn(tag(context, 5))]
        None(()),
    }

    /// What a message says.
    fn said(user: usize) -> Begin {
        let it = messages::submission(user);
        let oid = |arcs: &[u32]| ObjectIdentifier::new(arcs.to_vec()).expect("an identifier");
        let request = Request { version: None, context: oid(&[0, 4, 0, 0, 1, 0, 21, 3]) };
        let argument = MoForwardSmArg {
            destination: SmRpDa::ServiceCentre(address(&it.centre).into()),
            originator: SmRpOa::Msisdn(address(&it.originator).into()),
            ui: it.tpdu.into(),
            imsi: Some(packed(&it.imsi).into()),
        };
        Begin {
            otid: it.otid.to_be_bytes().to_vec().into(),
            dialogue: Some(External { syntax: oid(&[0, 0, 17, 773, 1, 1, 1]), request }),
            components: Some(vec![Component::Invoke(Invoke {
                id: it.invoke_id,
                linked: None,
                operation: 46,
                argument,
            })]),
        }
    }

    pub fn whole(figures: &mut Figures) {
        let octets = messages::mix(messages::begin);
        let said: Vec<_> = (0..MIX).map(said).collect();
        for (octets, said) in octets.iter().zip(&said) {
            assert_eq!(&rasn::ber::decode::<Begin>(octets).expect("a Begin"), said);
            assert_eq!(&rasn::ber::encode(said).expect("a Begin"), octets);
        }
        let decode = || {
            for octets in &octets {
                black_box(rasn::ber::decode::<Begin>(black_box(octets)).expect("a Begin"));
            }
        };
        let encode = || {
            for said in &said {
                black_box(rasn::ber::encode(black_box(said)).expect("a Begin"));
            }
        };
        let context = "rasn 0.30, TCAP and MAP alone, numbers as octets";
        figures.both_ways("peer.rasn", MIX, context, decode, encode);
    }
}
