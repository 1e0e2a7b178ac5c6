//! The SS7 side as a signalling gateway with an SMSC behind it plays it: SCTP is the project's, everything in it by hand.

use super::ber::{at, bcd, find, international, tlv};
use ipsmgw::base::{Flow, Out, SipKey, Time};
use ipsmgw::proto::sctp::{
    AssociationConfig, AssociationId, Change, Cursor, Endpoint, Event, Role, SctpCounts,
};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

/// The gateway's address on the SS7 link.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 1);
/// The signalling gateways, each with an association; they are off-link.
pub const SIGNALLING_GATEWAYS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 9, 0, 11), Ipv4Addr::new(10, 9, 0, 12)];
/// 2.100.3 and 2.100.4, in 14 bits.
pub const GATEWAY_POINT_CODE: u32 = 4899;
pub const SMSC_POINT_CODE: u32 = 4900;
const ROUTING_CONTEXT: [u8; 4] = [0, 0, 0, 100];

/// Application contexts, their last two octets: shortMsgMO-Relay and shortMsgMT-Relay version 3.
pub const MO_RELAY: [u8; 2] = [21, 3];
pub const MT_RELAY: [u8; 2] = [25, 3];

/// A unitdata message, or one that came back, from the gateway, with all that is around it.
#[derive(Clone, Debug)]
pub struct Unitdata {
    pub association: usize,
    pub stream: u16,
    /// The M3UA parameters before the protocol data.
    pub parameters: Vec<(u16, Vec<u8>)>,
    pub opc: u32,
    pub dpc: u32,
    /// Service indicator, network indicator, message priority.
    pub service: [u8; 3],
    pub sls: u8,
    /// From the message type on.
    pub sccp: Vec<u8>,
    /// Octets of the called and the calling address.
    pub called: Vec<u8>,
    pub calling: Vec<u8>,
    pub tcap: Vec<u8>,
    /// The round of polling that brought it.
    pub round: u64,
}

impl Unitdata {
    fn parse(association: usize, stream: u16, message: &[u8]) -> Self {
        let mut parameters = parameters(message);
        let (tag, data) = parameters.pop().expect("protocol data");
        assert_eq!(tag, 0x0210, "protocol data comes last");
        let number = |at: usize| u32::from_be_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]]);
        let sccp = data[12..].to_vec();
        assert!([0x09, 0x0a].contains(&sccp[0]), "UDT or UDTS: {sccp:02x?}");
        let part = |pointer: usize| {
            let place = pointer + usize::from(sccp[pointer]);
            sccp[place + 1..=place + usize::from(sccp[place])].to_vec()
        };
        Self {
            association,
            stream,
            parameters,
            opc: number(0),
            dpc: number(4),
            service: [data[8], data[9], data[10]],
            sls: data[11],
            called: part(2),
            calling: part(3),
            tcap: part(4),
            sccp,
            round: 0,
        }
    }

    /// 0x62 Begin, 0x64 End, 0x65 Continue, 0x67 Abort.
    pub fn kind(&self) -> u8 {
        self.tcap[0]
    }

    /// Its transaction id of the sender.
    #[track_caller]
    pub fn otid(&self) -> &[u8] {
        at(&self.tcap, &[self.kind(), 0x48])
    }

    /// Its transaction id of the receiver, if it names one.
    pub fn dtid(&self) -> Option<&[u8]> {
        find(&self.tcap, &[self.kind(), 0x49])
    }

    /// The content of the only component, which must be of this kind.
    #[track_caller]
    pub fn component(&self, kind: u8) -> &[u8] {
        at(&self.tcap, &[self.kind(), 0x6c, kind])
    }

    /// SM-RP-UI of a mo-forwardSM.
    #[track_caller]
    pub fn submission(&self) -> &[u8] {
        at(self.component(0xa1), &[0x30, 0x04])
    }
}

pub fn parameters(message: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut rest = &message[8..];
    let mut all = vec![];
    while let [a, b, c, d, ..] = *rest {
        let len = usize::from(u16::from_be_bytes([c, d]));
        all.push((u16::from_be_bytes([a, b]), rest[4..len].to_vec()));
        rest = &rest[len.next_multiple_of(4)..];
    }
    all
}

pub fn m3ua(class: u8, kind: u8, parameters: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = vec![];
    for (tag, value) in parameters {
        body.extend(tag.to_be_bytes());
        body.extend((value.len() as u16 + 4).to_be_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut message = vec![1, 0, class, kind];
    message.extend((body.len() as u32 + 8).to_be_bytes());
    message.extend(body);
    message
}

/// A called or calling party address with a global title, E.164, international, routed on it: no point code.
pub fn address(digits: &str, ssn: u8) -> Vec<u8> {
    let scheme = if digits.len() % 2 == 1 { 0x11 } else { 0x12 };
    [&[0x12, ssn, 0x00, scheme, 0x04][..], &bcd(digits, 0)].concat()
}

/// A UDT, class 1 with return on error.
pub fn udt(called: &[u8], calling: &[u8], data: &[u8]) -> Vec<u8> {
    let (calling_at, data_at) = (3 + called.len(), 3 + called.len() + calling.len());
    let mut message = vec![0x09, 0x81, 3, calling_at as u8, data_at as u8];
    for part in [called, calling, data] {
        message.push(part.len() as u8);
        message.extend(part);
    }
    message
}

/// The dialogue portion that asks for an application context of MAP: AARQ without the optional protocol version.
pub fn dialogue_request(context: [u8; 2]) -> Vec<u8> {
    let name = [&[0x06, 0x07, 4, 0, 0, 1, 0][..], &context].concat();
    let request = tlv(0x60, &[&tlv(0xa1, &[&name])]);
    tlv(0x6b, &[&tlv(0x28, &[&[0x06, 7, 0, 0x11, 0x86, 5, 1, 1, 1], &tlv(0xa0, &[&request])])])
}

/// mt-forwardSM in a Begin, as an SMS-GMSC sends it.
pub fn mt_begin(otid: &[u8], imsi: &str, service_centre: &str, tpdu: &[u8]) -> Vec<u8> {
    let argument = tlv(
        0x30,
        &[&tlv(0x80, &[&bcd(imsi, 0xf)]), &tlv(0x84, &[&international(service_centre)]), &tlv(0x04, &[tpdu])],
    );
    let invoke = tlv(0xa1, &[&[2, 1, 1, 2, 1, 44], &argument]);
    tlv(0x62, &[&tlv(0x48, &[otid]), &dialogue_request(MT_RELAY), &tlv(0x6c, &[&invoke])])
}

/// An End with one component in answer to a Begin with this transaction id, the context accepted.
pub fn end(dtid: &[u8], context: [u8; 2], component: &[u8]) -> Vec<u8> {
    let name = [&[0x06, 0x07, 4, 0, 0, 1, 0][..], &context].concat();
    let accepted = [0xa2, 3, 2, 1, 0, 0xa3, 5, 0xa1, 3, 2, 1, 0];
    let response = tlv(0x61, &[&tlv(0xa1, &[&name]), &accepted]);
    let dialogue =
        tlv(0x6b, &[&tlv(0x28, &[&[0x06, 7, 0, 0x11, 0x86, 5, 1, 1, 1], &tlv(0xa0, &[&response])])]);
    tlv(0x64, &[&tlv(0x49, &[dtid]), &dialogue, &tlv(0x6c, &[component])])
}

/// The result of mo-forwardSM, with the service centre's SUBMIT-REPORT.
pub fn mo_result(report: Option<&[u8]>) -> Vec<u8> {
    match report {
        Some(report) => {
            let result = tlv(0x30, &[&[2, 1, 46], &tlv(0x30, &[&tlv(0x04, &[report])])]);
            tlv(0xa2, &[&[2, 1, 1], &result])
        }
        None => tlv(0xa2, &[&[2, 1, 1]]),
    }
}

/// A user error with its parameter, whole.
pub fn error(code: u8, parameter: &[u8]) -> Vec<u8> {
    tlv(0xa3, &[&[2, 1, 1, 2, 1, code], parameter])
}

/// What an endpoint sends.
pub struct Packets {
    room: Vec<u8>,
    pub waiting: VecDeque<(Ipv4Addr, Vec<u8>)>,
}

impl Out for Packets {
    fn room(&mut self) -> Option<&mut [u8]> {
        Some(&mut self.room)
    }

    fn commit(&mut self, len: usize, flow: Flow) {
        let IpAddr::V4(source) = flow.source else { panic!("IPv6 to nowhere") };
        self.waiting.push_back((source, self.room[..len].to_vec()));
    }
}

/// The signalling gateways and what they have received.
pub struct SignallingGateways {
    endpoint: Endpoint,
    cursor: Cursor,
    pub packets: Packets,
    /// Whether the gateway's ASP is active, by association.
    pub active: Vec<bool>,
    /// Unitdata messages received and not yet taken.
    pub received: VecDeque<Unitdata>,
    /// ERR messages of M3UA.
    pub errors: Vec<Vec<u8>>,
    streams: Vec<u16>,
}

impl SignallingGateways {
    pub fn new(associations: usize) -> Self {
        let configs = SIGNALLING_GATEWAYS.iter().take(associations).map(|own| AssociationConfig {
            remote_port: None,
            ..AssociationConfig::new(Role::Server, (*own).into(), GATEWAY.into())
        });
        let random = SipKey::new([7; 16]);
        let mut endpoint = Endpoint::new(configs.collect(), [9; 32], random);
        let mut packets = Packets { room: vec![0; 2048], waiting: VecDeque::new() };
        for at in 0..associations {
            endpoint.connect(Time::ZERO, AssociationId(at as u16), &mut packets);
        }
        let (active, streams) = (vec![false; associations], vec![1; associations]);
        let received = VecDeque::new();
        Self { endpoint, cursor: Cursor::new(), packets, active, received, errors: vec![], streams }
    }

    pub fn counts(&self) -> &SctpCounts {
        &self.endpoint.counts
    }

    pub fn is_up(&self, association: usize) -> bool {
        self.endpoint.is_up(AssociationId(association as u16))
    }

    pub fn input(&mut self, now: Time, round: u64, from: Ipv4Addr, to: Ipv4Addr, packet: &[u8]) {
        self.cursor.reset();
        let mut messages = vec![];
        while let Some(Event::Data { association, stream, ppid, payload }) =
            self.endpoint.input(now, from.into(), to.into(), packet, &mut self.cursor, &mut self.packets)
        {
            assert_eq!(ppid, 3, "the payload protocol identifier of M3UA");
            messages.push((usize::from(association.0), stream, payload.to_vec()));
        }
        for (association, stream, message) in messages {
            self.on_m3ua(now, round, association, stream, &message);
        }
        while let Some((association, change)) = self.endpoint.poll_event() {
            match change {
                Change::Up { streams } => self.streams[usize::from(association.0)] = streams,
                Change::Down { .. } => self.active[usize::from(association.0)] = false,
                Change::Restarted { .. } | Change::Path { .. } => {}
            }
        }
    }

    fn on_m3ua(&mut self, now: Time, round: u64, association: usize, stream: u16, message: &[u8]) {
        assert_eq!(message[..2], [1, 0], "M3UA version 1");
        assert_eq!(message[4..8], (message.len() as u32).to_be_bytes(), "M3UA length");
        let mut answer = |class, kind, parameters: &[(u16, &[u8])]| {
            let message = m3ua(class, kind, parameters);
            self.endpoint.send(now, AssociationId(association as u16), 0, 3, &message).unwrap();
        };
        match (message[2], message[3]) {
            (1, 1) => {
                assert!(stream > 0, "DATA on stream 0");
                let mut unitdata = Unitdata::parse(association, stream, message);
                unitdata.round = round;
                self.received.push_back(unitdata);
            }
            (3, 1) => answer(3, 4, &[]),
            (3, 2) => answer(3, 5, &[]),
            (3, 3) => answer(3, 6, &[(0x0009, &parameters(message)[0].1)]),
            (4, 1) => {
                self.active[association] = true;
                answer(4, 3, &[(0x000b, &[0, 0, 0, 2]), (0x0006, &ROUTING_CONTEXT)]);
                answer(0, 1, &[(0x000d, &[0, 1, 0, 3]), (0x0006, &ROUTING_CONTEXT)]);
            }
            (4, 2) => {
                self.active[association] = false;
                answer(4, 4, &[(0x0006, &ROUTING_CONTEXT)]);
            }
            (0, 0) => self.errors.push(message.to_vec()),
            (0, 1) | (2, _) | (3, 6) => {}
            other => panic!("M3UA {other:?} from an ASP: {message:02x?}"),
        }
    }

    /// Sends an SCCP message in DATA; it leaves at the next step.
    pub fn send(&mut self, now: Time, association: usize, sls: u8, sccp: &[u8]) {
        let (opc, dpc) = (SMSC_POINT_CODE.to_be_bytes(), GATEWAY_POINT_CODE.to_be_bytes());
        let data = [&opc[..], &dpc, &[3, 2, 0, sls], sccp].concat();
        let message = m3ua(1, 1, &[(0x0006, &ROUTING_CONTEXT), (0x0210, &data)]);
        self.send_m3ua(now, association, 1 + u16::from(sls) % (self.streams[association] - 1), &message);
    }

    /// Sends any M3UA message, right or wrong.
    pub fn send_m3ua(&mut self, now: Time, association: usize, stream: u16, message: &[u8]) {
        self.endpoint.send(now, AssociationId(association as u16), stream, 3, message).unwrap();
    }

    pub fn step(&mut self, now: Time) {
        self.endpoint.handle_timeout(now, &mut self.packets);
        self.endpoint.flush(now, &mut self.packets);
    }
}
