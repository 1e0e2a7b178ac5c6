//! Dialogues of one node with another like it, or with octets written by hand: operations inside operations, several at
//! a time, answers that come twice or never, and octets that nobody should send.

mod addressing;
mod answers;
mod failover;
mod forms;
mod hostile;
mod management;
mod more_messages;
mod openings;
mod rejects;
mod screened;
mod set_up;
mod stranded;
mod strangers;
mod tricky;
mod ttcn;

mod versions;

use super::*;
use crate::base::{Frames, PortId, SipKey};
use crate::proto::m3ua::{self, AspConfig, Role};
use crate::proto::map::{Version, context, operation};
use crate::proto::sctp;
use crate::proto::tcap::{Limits, PeerMatch};
use crate::stack::{Asked, News, Operation, UserError};
use core::ops::Range;

const GATEWAY: &str = "491710999001";
/// The gateway in another network.
const SECOND: &str = "436640999001";
const HLR: &str = "491710888001";
const LIMITS: Limits = Limits { per_title: 48, per_point_code: 60, aborts_per_second: 10 };

fn digits(text: &str) -> Digits {
    text.parse().unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Keeps what a node sends.
#[derive(Default)]
struct Sent(Vec<Vec<u8>>);

impl Frames for Sent {
    fn buffer(&mut self) -> Option<&mut [u8]> {
        None
    }
    fn send(&mut self, _: PortId, _: Range<usize>) {}
}

impl Outside for Sent {
    fn hand_off(&mut self, _: WorkerId, _: Label, message: &[u8]) -> bool {
        self.0.push(message.to_vec());
        true
    }
    fn hand_off_part(&mut self, _: WorkerId, _: crate::stack::Part, _: &[u8]) -> bool {
        false
    }
    fn tell_all(&mut self, _: News) {}
    fn drain(&mut self) {}
}

/// What a node tells its application.
#[derive(Clone, PartialEq, Debug)]
enum Told {
    Invoke { asked: Asked, opcode: u8, argument: Vec<u8>, within: Option<u64> },
    Returned { user: u64, opcode: u8, result: Vec<u8> },
    Error { user: u64, code: u8 },
    NotDelivered(u64, u8),
    Aborted(u64),
    TimedOut(u64),
    Gone,
}

impl Told {
    fn of(indication: Indication<'_>) -> Self {
        match indication {
            Indication::Invoke(invoke) => {
                let (opcode, argument) = match invoke.operation {
                    Operation::Other { opcode, argument } => (opcode, argument.to_vec()),
                    Operation::MtForwardSm(forward) => (operation::MT_FORWARD_SM, forward.tpdu.to_vec()),
                    Operation::MoForwardSm(forward) => (operation::MO_FORWARD_SM, forward.tpdu.to_vec()),
                };
                Self::Invoke { asked: invoke.asked, opcode, argument, within: invoke.within }
            }
            Indication::Ended { user, outcome } => match outcome {
                Outcome::Returned { opcode, result } => {
                    Self::Returned { user, opcode, result: result.to_vec() }
                }
                Outcome::Error(error) => Self::Error { user, code: error.code() },
                Outcome::NotDelivered(cause) => Self::NotDelivered(user, cause.0),
                Outcome::Aborted => Self::Aborted(user),
                Outcome::TimedOut => Self::TimedOut(user),
                Outcome::Result { tpdu, .. } => {
                    let result = tpdu.unwrap_or(&[]).to_vec();
                    Self::Returned { user, opcode: operation::MO_FORWARD_SM, result }
                }
            },
            Indication::Gone { .. } => Self::Gone,
            other => panic!("{other:?}"),
        }
    }

    fn asked(&self) -> Asked {
        match self {
            Self::Invoke { asked, .. } => *asked,
            other => panic!("no invocation: {other:?}"),
        }
    }
}

/// A node whose only association is another worker's, so that all that it sends crosses.
struct Node {
    ss7: Ss7,
    now: Time,
    sent: Sent,
    malformed: MalformedCounts,
    peer: u32,
}

impl Node {
    fn new(point_code: u32, peer: u32, own: Vec<SccpAddress>, offers: Vec<Offer>) -> Self {
        Self::with(point_code, peer, own, offers, PeerMatch::default())
    }

    fn with(
        point_code: u32,
        peer: u32,
        own: Vec<SccpAddress>,
        offers: Vec<Offer>,
        peer_match: PeerMatch,
    ) -> Self {
        let key = SipKey::new([point_code as u8; 16]);
        let address = |last| core::net::IpAddr::from([10, 7, 0, last]);
        let setup = AssociationSetup {
            name: "a".to_owned(),
            owner: WorkerId(1),
            gateway: None,
            sctp: sctp::AssociationConfig::new(sctp::Role::Server, address(1), address(2)),
            m3ua: AspConfig::new(Role::Sgp, vec![1]),
        };
        let leads = Destination::new(PointCode(peer), vec![0]);
        let mut transport = Transport::new(
            WorkerId(0),
            PointCode(point_code),
            2,
            vec![setup],
            vec![leads],
            [1; 32],
            key.derive("transport"),
        );
        transport.learn(0, PointCode(peer), Some(m3ua::Availability::default()));
        let rule =
            |prefix: &str, point_code| sccp::Rule::new(digits(prefix), sccp::Destination::titled(point_code));
        let rules = vec![
            rule("491710999", PointCode(100)),
            rule("436640999", PointCode(100)),
            rule("491710888", PointCode(200)),
        ];
        let ssns = own.iter().filter_map(|address| address.ssn).collect();
        let ss7 = Ss7::new(Ss7Config {
            worker: WorkerId(0),
            workers: 1,
            transport,
            own,
            sccp: sccp::SccpConfig::new(vec![PointCode(point_code)], ssns, rules),
            dialogues: DialoguesConfig {
                worker: WorkerId(0),
                workers: 1,
                capacity: 64,
                identifiers: 4096,
                prefix: 0,
                prefix_bits: 0,
                key: key.derive("dialogues"),
                rest: Duration::from_secs(1),
                guard: Duration::from_secs(600),
                peer_match,
                limits: LIMITS,
            },
            forward_timeout: Duration::from_secs(90),
            offers,
            peers: Peers { held: 64, versions: 64, ..Peers::default() },
            screening: ScreeningConfig::default(),
        });
        let ss7 = ss7.unwrap();
        Self {
            ss7,
            now: Time::from_millis(1),
            sent: Sent::default(),
            malformed: MalformedCounts::default(),
            peer,
        }
    }

    /// An SCCP message from the other node.
    fn hear(&mut self, message: &[u8]) -> Option<Told> {
        let told = self.hear_from(self.peer, message);
        self.ss7.assert_invariants();
        told
    }

    /// An SCCP message that MTP says comes from this point code.
    fn hear_from(&mut self, point_code: u32, message: &[u8]) -> Option<Told> {
        let label = Label {
            direction: Direction::In,
            association: 0,
            originating: PointCode(point_code),
            destination: self.ss7.transport.point_code(),
            selection: 0,
            tried: 0,
        };
        let indication = self.ss7.handle_sccp(self.now, &label, message, &mut self.malformed, &mut self.sent);
        indication.map(Told::of)
    }

    /// What came of itself by now.
    fn poll(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        let mut room = Octets::EMPTY;
        loop {
            let next = self.ss7.poll(self.now, &mut room, &mut self.malformed, &mut self.sent);
            let Some(indication) = next else { return told };
            told.push(Told::of(indication));
            self.ss7.assert_invariants();
        }
    }

    /// What was sent since the last call: the called and calling addresses and the TCAP message of each.
    fn sent(&mut self) -> Vec<(SccpAddress, SccpAddress, Vec<u8>)> {
        let taken = |message: &Vec<u8>| match sccp::parse(message) {
            Ok(sccp::Input::Unitdata(unitdata)) => {
                (unitdata.called, unitdata.calling, unitdata.data.to_vec())
            }
            other => panic!("{other:?}"),
        };
        core::mem::take(&mut self.sent.0).iter().map(taken).collect()
    }

    /// The TCAP messages sent since the last call.
    fn said(&mut self) -> Vec<Vec<u8>> {
        self.sent().into_iter().map(|(_, _, message)| message).collect()
    }

    fn invoke(&mut self, invoke: &MapInvoke<'_>, user: u64) {
        self.ss7.invoke(self.now, invoke, user, &mut self.sent).unwrap();
    }

    fn within(&mut self, asked: &Asked, argument: &[u8], user: u64) -> Result<(), Refusal> {
        let opcode = operation::INSERT_SUBSCRIBER_DATA;
        self.ss7.invoke_within(self.now, asked, opcode, argument, user, &mut self.sent)
    }

    fn returned(&mut self, asked: &Asked, opcode: u8, result: Option<&[u8]>) {
        self.ss7.returned(self.now, asked, opcode, result, &mut self.sent);
    }

    fn open(&self) -> usize {
        self.ss7.dialogues.len()
    }
}

/// An operation in one version of a context, by the value of its object identifier.
fn offer(context: &[u8], opcode: u8) -> Offer {
    let (context, version) = context::parse(context).unwrap();
    Offer::only(context, Version::new(version).unwrap(), opcode)
}

/// The gateway, as it stands in two networks.
fn gateway() -> Node {
    gateway_with(PeerMatch::default())
}

fn gateway_with(peer_match: PeerMatch) -> Node {
    let own = [GATEWAY, SECOND]
        .into_iter()
        .flat_map(|title| [Ssn::MSC, Ssn::SGSN].map(|ssn| SccpAddress::titled(digits(title), ssn)));
    let offers = vec![
        offer(context::MT_RELAY_V3, operation::MT_FORWARD_SM),
        offer(context::LOCATION_CANCELLATION_V3, operation::CANCEL_LOCATION),
        offer(context::LOCATION_CANCELLATION_V2, operation::CANCEL_LOCATION),
        offer(context::SUBSCRIBER_DATA_MANAGEMENT_V3, operation::INSERT_SUBSCRIBER_DATA),
        offer(context::SUBSCRIBER_DATA_MANAGEMENT_V3, operation::DELETE_SUBSCRIBER_DATA),
        offer(context::RESET_V2, operation::RESET),
    ];
    Node::with(100, 200, own.collect(), offers, peer_match)
}

fn hlr() -> Node {
    let offers = vec![
        offer(context::GPRS_LOCATION_UPDATE_V3, operation::UPDATE_GPRS_LOCATION),
        offer(context::INFO_RETRIEVAL_V3, operation::SEND_AUTHENTICATION_INFO),
        offer(context::GATEWAY_V3, operation::SEND_ROUTING_INFO_FOR_SM),
        offer(context::MWD_MANAGEMENT_V3, operation::READY_FOR_SM),
    ];
    Node::new(200, 100, vec![SccpAddress::titled(digits(HLR), Ssn::HLR)], offers)
}

const UPDATE: MapInvoke<'_> = MapInvoke {
    from: (Digits::EMPTY, Ssn::SGSN),
    to: (Digits::EMPTY, Ssn::HLR),
    context: context::GPRS_LOCATION_UPDATE_V3,
    opcode: operation::UPDATE_GPRS_LOCATION,
    argument: &[0x30, 0x03, 0x04, 0x01, 0x55],
    timeout: Duration::from_secs(20),
};

fn update() -> MapInvoke<'static> {
    MapInvoke { from: (digits(GATEWAY), Ssn::SGSN), to: (digits(HLR), Ssn::HLR), ..UPDATE }
}

fn authenticate() -> MapInvoke<'static> {
    MapInvoke { context: context::INFO_RETRIEVAL_V3, opcode: operation::SEND_AUTHENTICATION_INFO, ..update() }
}

/// One element, short enough.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let length = match contents.len() {
        short @ 0..0x80 => vec![short as u8],
        long => vec![0x81, u8::try_from(long).expect("a short message")],
    };
    [&[tag], &length[..], &contents].concat()
}

fn invoke(id: i8, opcode: u8, argument: &[u8]) -> Vec<u8> {
    element(0xa1, &[&[2, 1, id as u8, 2, 1, opcode], argument])
}

/// ReturnResultLast, or with tag a7 another part of a result.
fn result(tag: u8, id: i8, opcode: u8, result: &[u8]) -> Vec<u8> {
    element(tag, &[&[2, 1, id as u8], &element(0x30, &[&[2, 1, opcode], result])])
}

/// Reject with a problem's tag and code.
fn reject(id: i8, problem: [u8; 2]) -> Vec<u8> {
    element(0xa4, &[&[2, 1, id as u8, problem[0], 1, problem[1]]])
}

fn dialogue_portion(pdu: &[u8]) -> Vec<u8> {
    let external = element(0x28, &[&hex("06 07 00118605010101"), &element(0xa0, &[pdu])]);
    element(0x6b, &[&external])
}

fn aarq(context: &[u8]) -> Vec<u8> {
    dialogue_portion(&element(0x60, &[&element(0xa1, &[&element(6, &[context])])]))
}

/// AARE: 0 accepted, or 1 with the diagnostic "context not supported".
fn aare(context: &[u8], result: u8) -> Vec<u8> {
    let context = element(0xa1, &[&element(6, &[context])]);
    let rest = [0xa2, 3, 2, 1, result, 0xa3, 5, 0xa1, 3, 2, 1, 2 * result];
    dialogue_portion(&element(0x61, &[&context, &rest]))
}

fn components(all: &[&[u8]]) -> Vec<u8> {
    if all.is_empty() { vec![] } else { element(0x6c, all) }
}

const PEERS_ID: [u8; 6] = [0x48, 4, 0xab, 0xcd, 0xef, 0x01];

fn begin(context: &[u8], all: &[&[u8]]) -> Vec<u8> {
    element(0x62, &[&PEERS_ID, &aarq(context), &components(all)])
}

/// A Continue to the dialogue with this transaction id; with the AARE of a context, the first.
fn going_on(to: &[u8], context: Option<&[u8]>, all: &[&[u8]]) -> Vec<u8> {
    let accepted = context.map_or(vec![], |context| aare(context, 0));
    element(0x65, &[&PEERS_ID, &element(0x49, &[to]), &accepted, &components(all)])
}

fn end(to: &[u8], context: Option<&[u8]>, all: &[&[u8]]) -> Vec<u8> {
    let accepted = context.map_or(vec![], |context| aare(context, 0));
    element(0x64, &[&element(0x49, &[to]), &accepted, &components(all)])
}

/// A TCAP message on its way from the HLR to the gateway, or from the gateway to the HLR.
fn carried(message: &[u8], to_gateway: bool) -> Vec<u8> {
    let gateway = SccpAddress::titled(digits(GATEWAY), Ssn::SGSN);
    let hlr = SccpAddress::titled(digits(HLR), Ssn::HLR);
    let (called, calling) = if to_gateway { (&gateway, &hlr) } else { (&hlr, &gateway) };
    let header = sccp::build::UnitdataHeader { class: 1, return_on_error: false, called, calling };
    let mut room = [0; 600];
    let mut w = Prepend::new(&mut room);
    w.bytes(message);
    sccp::build::udt(&mut w, 0, &header, 600).expect("it fits");
    w.finish().unwrap().to_vec()
}

/// Our transaction id in a message of ours that has one: the second element from the front.
fn our_id(message: &[u8]) -> Vec<u8> {
    let skip = if message[1] == 0x81 { 3 } else { 2 };
    assert_eq!(message[skip..skip + 2], [0x48, 4]);
    message[skip + 2..skip + 6].to_vec()
}

/// The components of a message, less what stands before them.
fn parts(message: &[u8]) -> Vec<u8> {
    let parsed = tcap::Message::parse(message).expect("a message");
    parsed.components.rest().to_vec()
}

impl Node {
    /// A TCAP message from the other node, whose way is written by hand.
    fn hear_tcap(&mut self, message: &[u8]) -> Option<Told> {
        let to_gateway = self.peer == 200;
        self.hear(&carried(message, to_gateway))
    }
}
