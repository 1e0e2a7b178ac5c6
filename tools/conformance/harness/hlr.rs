//! The HLR with its authentication centre, played octet by octet (PROTOCOLS 7.1 to 7.4).

use super::ber::{at, bcd, elements, international, spell, tlv};
use super::peers::Peers;
use super::phone::Vector;
use super::sip::{Draft, Sip};
use super::ss7::{self, Unitdata, address};
use std::collections::{BTreeMap, BTreeSet};

/// Its title, and the gateway's in the first network.
pub const HLR: &str = "491710000006";
pub const OURS: &str = "491710999001";

/// Operations.
pub const CANCEL_LOCATION: u8 = 3;
pub const INSERT_SUBSCRIBER_DATA: u8 = 7;
pub const DELETE_SUBSCRIBER_DATA: u8 = 8;
pub const UPDATE_GPRS_LOCATION: u8 = 23;
pub const RESET: u8 = 37;
pub const SEND_ROUTING_INFO_FOR_SM: u8 = 45;
pub const SEND_AUTHENTICATION_INFO: u8 = 56;
pub const ANY_TIME_MODIFICATION: u8 = 65;
pub const READY_FOR_SM: u8 = 66;
pub const PURGE_MS: u8 = 67;

/// The application context of an operation towards the HLR, and the subsystem of ours that speaks.
pub fn context_of(opcode: u8) -> ([u8; 2], u8) {
    match opcode {
        UPDATE_GPRS_LOCATION => ([32, 3], 149),
        SEND_AUTHENTICATION_INFO => ([14, 3], 149),
        PURGE_MS => ([27, 3], 149),
        ANY_TIME_MODIFICATION => ([43, 3], 147),
        READY_FOR_SM => ([24, 3], 8),
        SEND_ROUTING_INFO_FOR_SM => ([20, 3], 8),
        other => panic!("operation {other} towards an HLR"),
    }
}

/// The arguments, as TS 29.002 17.7.1 spells them.
pub fn any_time_modification(imsi: &str, registered: bool) -> Vec<u8> {
    let identity = tlv(0xa0, &[&tlv(0x80, &[&bcd(imsi, 0xf)])]);
    let status = tlv(0xa8, &[&[0x80, 1, u8::from(registered)]]);
    tlv(0x30, &[&identity, &tlv(0x81, &[&international(OURS)]), &status])
}

pub fn update_gprs_location(imsi: &str) -> Vec<u8> {
    let own = [4, 5, 0x04, 10, 0, 0, 1];
    tlv(0x30, &[&tlv(4, &[&bcd(imsi, 0xf)]), &tlv(4, &[&international(OURS)]), &own])
}

pub fn purge_ms(imsi: &str) -> Vec<u8> {
    tlv(0xa3, &[&tlv(4, &[&bcd(imsi, 0xf)]), &tlv(0x81, &[&international(OURS)])])
}

/// With priority, for an SGSN too, and for a single attempt: a question, which changes nothing.
pub fn send_routing_info_for_sm(msisdn: &str, imsi: &str) -> Vec<u8> {
    let (number, ours) = (tlv(0x80, &[&international(msisdn)]), tlv(0x82, &[&international(OURS)]));
    tlv(0x30, &[&number, &[0x81, 1, 0xff], &ours, &[0x87, 0], &tlv(0x8c, &[&bcd(imsi, 0xf)]), &[0x8d, 0]])
}

pub fn send_authentication_info(imsi: &str, resynchronisation: &[u8]) -> Vec<u8> {
    let imsi = tlv(0x80, &[&bcd(imsi, 0xf)]);
    tlv(0x30, &[&imsi, &[2, 1, 1, 5, 0, 0x81, 0], resynchronisation, &[0x83, 1, 1]])
}

/// AlertReason.
pub const MS_PRESENT: u8 = 0;
pub const MEMORY_AVAILABLE: u8 = 1;

/// readyForSM, as from whom the last element says.
pub fn ready_for_sm(imsi: &str, reason: u8, indicator: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&tlv(0x80, &[&bcd(imsi, 0xf)]), &[0x0a, 1, reason], indicator])
}

/// insertSubscriberData: what is told of IMSI and number, and short messages.
pub fn insert_subscriber_data(imsi: Option<&str>, msisdn: Option<&str>) -> Vec<u8> {
    let imsi = imsi.map_or(vec![], |imsi| tlv(0x80, &[&bcd(imsi, 0xf)]));
    let msisdn = msisdn.map_or(vec![], |msisdn| tlv(0x81, &[&international(msisdn)]));
    tlv(0x30, &[&imsi, &msisdn, &[0x83, 1, 0, 0xa6, 6, 4, 1, 0x21, 4, 1, 0x22]])
}

/// An invoke of the gateway's in a dialogue with the HLR.
#[derive(Clone, Debug)]
pub struct Asked {
    pub begin: Unitdata,
    pub opcode: u8,
    /// The whole argument.
    pub argument: Vec<u8>,
}

impl Asked {
    #[track_caller]
    pub fn read(begin: Unitdata) -> Self {
        assert_eq!((begin.kind(), &begin.called), (0x62, &address(HLR, 6)), "{begin:02x?}");
        let invoke = elements(begin.component(0xa1));
        assert_eq!(invoke[0], (2, &[1][..]), "invoke id 1");
        let (opcode, (tag, argument)) = (invoke[1].1[0], invoke[2]);
        let argument = tlv(tag, &[argument]);
        Self { opcode, argument, begin }
    }

    /// Every octet of it: the addresses, the dialogue portion, this argument.
    #[track_caller]
    pub fn assert_is(&self, opcode: u8, argument: &[u8]) {
        self.assert_is_from(context_of(opcode).1, opcode, argument);
    }

    /// The same, from another subsystem of ours.
    #[track_caller]
    pub fn assert_is_from(&self, ssn: u8, opcode: u8, argument: &[u8]) {
        assert_eq!((self.opcode, spell(&self.argument)), (opcode, spell(argument)));
        let (context, _) = context_of(opcode);
        assert_eq!(spell(&self.begin.calling), spell(&address(OURS, ssn)));
        assert_eq!((self.begin.opc, self.begin.dpc, self.begin.service), (4899, 4900, [3, 2, 0]));
        assert_eq!(self.begin.sccp[..2], [0x09, 0x81], "UDT, class 1, return on error");
        let otid = tlv(0x48, &[self.begin.otid()]);
        let name = [&[6, 7, 4, 0, 0, 1, 0][..], &context].concat();
        let request = tlv(0x60, &[&tlv(0xa1, &[&name])]);
        let portion =
            tlv(0x6b, &[&tlv(0x28, &[&[6, 7, 0, 0x11, 0x86, 5, 1, 1, 1], &tlv(0xa0, &[&request])])]);
        let invoke = tlv(0x6c, &[&tlv(0xa1, &[&[2, 1, 1, 2, 1, opcode], argument])]);
        assert_eq!(spell(&self.begin.tcap), spell(&tlv(0x62, &[&otid, &portion, &invoke])));
    }

    /// Whom it is about.
    pub fn imsi(&self) -> String {
        let octets = match self.opcode {
            ANY_TIME_MODIFICATION => at(&self.argument, &[0x30, 0xa0, 0x80]),
            UPDATE_GPRS_LOCATION => at(&self.argument, &[0x30, 4]),
            PURGE_MS => at(&self.argument, &[0xa3, 4]),
            SEND_ROUTING_INFO_FOR_SM => at(&self.argument, &[0x30, 0x8c]),
            _ => at(&self.argument, &[0x30, 0x80]),
        };
        octets
            .iter()
            .flat_map(|octet| [octet & 0xf, octet >> 4])
            .filter(|digit| *digit < 10)
            .map(|digit| char::from(b'0' + digit))
            .collect()
    }

    /// Whether it says that the gateway serves the subscriber from now on, or no longer; or is about something else.
    pub fn registers(&self) -> Option<bool> {
        match self.opcode {
            ANY_TIME_MODIFICATION => Some(at(&self.argument, &[0x30, 0xa8, 0x80]) == [1]),
            UPDATE_GPRS_LOCATION => Some(true),
            PURGE_MS => Some(false),
            _ => None,
        }
    }

    /// Its result, as an HLR gives it that has nothing to add.
    pub fn result(&self, vector: &Vector) -> Vec<u8> {
        let result = match self.opcode {
            UPDATE_GPRS_LOCATION => tlv(0x30, &[&tlv(4, &[&international(HLR)])]),
            // The SGSN that it believes in is the gateway.
            SEND_ROUTING_INFO_FOR_SM => {
                let place = tlv(0xa0, &[&tlv(0x81, &[&international(OURS)]), &[0x85, 0]]);
                tlv(0x30, &[&tlv(4, &[&bcd(&self.imsi(), 0xf)]), &place])
            }
            SEND_AUTHENTICATION_INFO => {
                let field = |octets: &[u8]| tlv(4, &[octets]);
                let Vector { rand, autn, xres, ck, ik } = vector;
                let set = tlv(0x30, &[&field(rand), &field(xres), &field(ck), &field(ik), &field(autn)]);
                tlv(0xa3, &[&tlv(0xa1, &[&set])])
            }
            _ => tlv(0x30, &[]),
        };
        tlv(0xa2, &[&[2, 1, 1], &tlv(0x30, &[&[2, 1, self.opcode], &result])])
    }
}

impl Peers {
    /// The next message of the gateway's on SS7, which must be an invoke for the HLR.
    #[track_caller]
    pub fn expect_asked(&mut self) -> Asked {
        Asked::read(self.expect_unitdata(0x62))
    }

    /// Ends a dialogue with the HLR by this component. Only the first message to the gateway has a dialogue portion.
    pub fn hlr_ends(&mut self, asked: &Asked, component: &[u8]) {
        let dtid = asked.begin.otid();
        let end = match self.accepted.iter().position(|it| *it == dtid) {
            None => ss7::end(dtid, context_of(asked.opcode).0, component),
            Some(at) => {
                self.accepted.swap_remove(at);
                tlv(0x64, &[&tlv(0x49, &[dtid]), &tlv(0x6c, &[component])])
            }
        };
        self.reply(&asked.begin, &end);
    }

    /// The HLR carries it out.
    pub fn hlr_agrees(&mut self, asked: &Asked) {
        self.hlr_ends(asked, &asked.result(&Vector::of(&asked.imsi(), 0)));
    }

    /// The HLR invokes insertSubscriberData inside the dialogue, several times at once; the results.
    #[track_caller]
    pub fn hlr_inserts(
        &mut self,
        asked: &Asked,
        otid: [u8; 4],
        first: bool,
        invokes: &[(u8, Vec<u8>)],
    ) -> Vec<String> {
        let (otid_element, dtid) = (tlv(0x48, &[&otid]), tlv(0x49, &[asked.begin.otid()]));
        let invoke = |(id, argument): &(u8, Vec<u8>)| {
            tlv(0xa1, &[&[2, 1, *id, 2, 1, INSERT_SUBSCRIBER_DATA], argument])
        };
        let components = tlv(0x6c, &[&invokes.iter().flat_map(invoke).collect::<Vec<u8>>()]);
        let accepted = ss7::end(&[0; 4], context_of(asked.opcode).0, &[]);
        let portion = tlv(0x6b, &[at(&accepted, &[0x64, 0x6b])]);
        let portion = if first { portion } else { vec![] };
        if first {
            self.accepted.push(asked.begin.otid().to_vec());
        }
        self.reply(&asked.begin, &tlv(0x65, &[&otid_element, &dtid, &portion, &components]));
        let mut results = vec![];
        self.until("the results of insertSubscriberData", |peers| {
            let of_this = |it: &Unitdata| it.kind() == 0x65 && it.dtid() == Some(&otid[..]);
            while let Some(told) = peers.take_unitdata(of_this) {
                let components = elements(at(&told.tcap, &[0x65, 0x6c]));
                results.extend(components.into_iter().map(|(tag, content)| spell(&tlv(tag, &[content]))));
            }
            (results.len() >= invokes.len()).then(|| results.clone())
        })
    }

    /// The HLR opens a dialogue with an invoke; its transaction id.
    pub fn hlr_invokes(&mut self, context: [u8; 2], opcode: u8, argument: &[u8]) -> [u8; 4] {
        let otid = (0x484c_0000 + self.mint() as u32).to_be_bytes();
        let invoke = tlv(0xa1, &[&[2, 1, 1, 2, 1, opcode], argument]);
        let begin =
            tlv(0x62, &[&tlv(0x48, &[&otid]), &ss7::dialogue_request(context), &tlv(0x6c, &[&invoke])]);
        // To the subsystem that the gateway registered with.
        let (called, calling) = (address(OURS, 149), address(HLR, 6));
        let now = self.now();
        self.ss7.send(now, 0, 3, &ss7::udt(&called, &calling, &begin));
        otid
    }
}

/// An HLR that does by itself what it is asked to.
#[derive(Debug, Default)]
pub struct Hlr {
    /// Subscribers that the gateway serves, as it has said.
    pub registered: BTreeSet<String>,
    /// What it has been asked, and about whom.
    pub asked: Vec<(u8, String)>,
    /// Vectors given so far, by IMSI.
    given: BTreeMap<String, u32>,
}

impl Hlr {
    /// Answers all that waits.
    pub fn serve(&mut self, peers: &mut Peers) {
        while let Some(begin) = peers.take_unitdata(|it| it.kind() == 0x62 && it.called == address(HLR, 6)) {
            self.answer(peers, &Asked::read(begin));
        }
    }

    /// Carries out one operation.
    pub fn answer(&mut self, peers: &mut Peers, asked: &Asked) {
        let imsi = asked.imsi();
        self.note(asked);
        let time = self.given.entry(imsi.clone()).or_default();
        if asked.opcode == SEND_AUTHENTICATION_INFO {
            *time += 1;
        }
        peers.hlr_ends(asked, &asked.result(&Vector::of(&imsi, *time)));
    }

    /// Notes what an operation is about.
    pub fn note(&mut self, asked: &Asked) {
        let imsi = asked.imsi();
        self.asked.push((asked.opcode, imsi.clone()));
        match asked.registers() {
            Some(true) => drop(self.registered.insert(imsi)),
            Some(false) => drop(self.registered.remove(&imsi)),
            None => {}
        }
    }

    /// The last vector given for a subscriber.
    pub fn vector(&self, imsi: &str) -> Vector {
        Vector::of(imsi, self.given.get(imsi).copied().unwrap_or(0))
    }

    /// Sends a request and serves the gateway until it is answered.
    #[track_caller]
    pub fn transact(&mut self, peers: &mut Peers, draft: &Draft) -> Sip {
        peers.send(draft);
        peers.until("a response", |peers| {
            self.serve(peers);
            peers.take_sip(|sip| !sip.is_request() && sip.branch() == draft.branch)
        })
    }
}
