//! The network around the gateway: S-CSCFs with UEs behind them on one link, signalling gateways with an SMSC on the other.

use super::ber::hex;
use super::sip::{Draft, Sip};
use super::ss7::{self, SignallingGateways, Unitdata};
use super::stun::Stun;
use super::wire::{self, Received};
use ipsmgw::base::Time;
use ipsmgw::io::toeplitz::{queue, toeplitz};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The gateway's ports, in the order of its configuration.
pub const IMS: usize = 0;
pub const SS7: usize = 1;

/// Where the gateway takes SIP, over IPv4 and over IPv6.
pub const GATEWAY: SocketAddr = v4([10, 0, 0, 1]);
pub const GATEWAY_V6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xfd10, 0, 0, 0, 0, 0, 0, 1)), GATEWAY.port());
/// The S-CSCFs of the two served networks, and one of nobody's.
pub const SCSCF: [SocketAddr; 2] = [v4([10, 1, 0, 5]), v4([10, 1, 0, 6])];
pub const STRANGER: SocketAddr = v4([10, 1, 0, 66]);

/// SIP's port at an IPv4 address.
pub const fn v4([a, b, c, d]: [u8; 4]) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), 5060)
}

/// Where the gateway takes SIP from a peer: at its address of the same family.
pub fn gateway_for(peer: SocketAddr) -> SocketAddr {
    if peer.is_ipv4() { GATEWAY } else { GATEWAY_V6 }
}

/// How long anything may take that the gateway does at once; machines are slow sometimes.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a link carries.
const LONGEST_FRAME: usize = 14 + 1500;

/// The links between the gateway and the peers, and the clock of both.
pub trait Cable {
    fn now(&self) -> Time;
    fn queues(&self) -> usize;
    fn send(&mut self, port: usize, queue: usize, frame: &[u8]);
    /// What has come by one queue since the last call, or a part of it.
    fn receive(&mut self, port: usize, queue: usize) -> Vec<Vec<u8>>;
    /// The end of a step; `busy` if it had anything to do.
    fn rest(&mut self, busy: bool);
}

/// A subscriber.
#[derive(Clone, Debug)]
pub struct Ue {
    pub imsi: String,
    pub msisdn: String,
    pub impu: String,
    /// Which network: 0 or 1.
    pub network: usize,
}

impl Ue {
    /// One of many of the first network; number 0 has the identities of PROTOCOLS 15.
    pub fn home1(number: u64) -> Self {
        Self {
            imsi: (262_011_234_567_890 + number).to_string(),
            msisdn: (491_701_234_567 + number).to_string(),
            impu: format!("sip:user{number}@home1.net"),
            network: 0,
        }
    }

    /// One of many of the second network.
    pub fn home2(number: u64) -> Self {
        Self {
            imsi: (234_015_000_000_000 + number).to_string(),
            msisdn: (447_700_900_000 + number).to_string(),
            impu: format!("sip:user{number}@home2.net"),
            network: 1,
        }
    }

    pub fn tel(&self) -> String {
        format!("tel:+{}", self.msisdn)
    }
}

/// Loses and doubles packets, by seed.
pub struct Impairment {
    state: u64,
    /// Of a thousand packets, how many are lost, and how many doubled.
    pub per_mille: u64,
}

impl Impairment {
    pub fn new(seed: u64, per_mille: u64) -> Self {
        Self { state: seed, per_mille }
    }

    /// How often a packet arrives.
    fn copies(&mut self) -> usize {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match self.state >> 33 {
            number if number % 1000 < self.per_mille => 0,
            number if number % 1000 < 2 * self.per_mille => 2,
            _ => 1,
        }
    }
}

/// Fragments of one packet by offset, each with whether more follow.
type Pieces = BTreeMap<usize, (bool, Vec<u8>)>;

pub struct Peers {
    cable: Box<dyn Cable>,
    round: u64,
    minted: u64,
    /// SIP messages received and not yet taken.
    pub sip: VecDeque<Sip>,
    /// Datagrams that are no SIP, likewise.
    pub stun: VecDeque<Stun>,
    pub ss7: SignallingGateways,
    pub impairment: Option<Impairment>,
    /// SCTP packets take turns between the queues instead of keeping to one.
    pub spread_sctp: bool,
    sctp_packets: usize,
    /// The tag that the gateway's packets must carry, by association.
    pub tags: [[u8; 4]; 2],
    /// SCTP packets to addresses of no signalling gateway.
    pub foreign: Vec<Vec<u8>>,
    /// Fragments of the gateway's datagrams that are not complete, and how many there were.
    pieces: BTreeMap<(IpAddr, IpAddr, u32), Pieces>,
    pub pieces_received: usize,
    /// SCTP packets sent with more than one DATA chunk.
    pub bundled_packets: usize,
    /// Dialogues of the gateway's that the HLR has accepted before it ends them, by the gateway's transaction ids.
    pub accepted: Vec<Vec<u8>>,
}

impl Peers {
    pub fn new(cable: Box<dyn Cable>, associations: usize) -> Self {
        Self {
            cable,
            round: 0,
            accepted: vec![],
            minted: 0,
            sip: VecDeque::new(),
            stun: VecDeque::new(),
            ss7: SignallingGateways::new(associations),
            impairment: None,
            spread_sctp: false,
            sctp_packets: 0,
            tags: [[0; 4]; 2],
            foreign: vec![],
            pieces: BTreeMap::new(),
            pieces_received: 0,
            bundled_packets: 0,
        }
    }

    pub fn now(&self) -> Time {
        self.cable.now()
    }

    /// A number that was not used yet.
    pub fn mint(&mut self) -> u64 {
        self.minted += 1;
        self.minted
    }

    /// Takes what has arrived and sends what is due. The IMS link is looked at before the SS7 link: what the gateway
    /// sent on SS7 before something on IMS is never seen in a later round.
    pub fn step(&mut self) {
        let now = self.now();
        self.round += 1;
        let mut busy = false;
        let queues = self.cable.queues();
        for (port, queue) in
            [IMS, SS7].into_iter().flat_map(|port| (0..queues).map(move |queue| (port, queue)))
        {
            for frame in self.cable.receive(port, queue) {
                busy = true;
                let copies = self.copies(&frame);
                for _ in 0..copies {
                    self.on_frame(now, port, queue, &frame);
                }
            }
        }
        self.ss7.step(now);
        busy |= self.send_sctp();
        self.cable.rest(busy);
    }

    fn copies(&mut self, frame: &[u8]) -> usize {
        match &mut self.impairment {
            Some(impairment) if frame[12..14] == [8, 0] => impairment.copies(),
            _ => 1,
        }
    }

    fn on_frame(&mut self, now: Time, port: usize, queue: usize, frame: &[u8]) {
        match wire::read(port, frame) {
            Received::Resolution(reply) => self.cable.send(port, queue, &reply),
            Received::Udp { source, destination, payload } => {
                self.on_datagram(port, queue, (source, destination), payload);
            }
            Received::Piece { of, offset, more, octets } => {
                self.pieces_received += 1;
                let pieces = self.pieces.entry(of).or_default();
                assert!(pieces.insert(offset, (more, octets.to_vec())).is_none(), "a fragment came twice");
                let whole: Vec<u8> = pieces.values().flat_map(|(_, octets)| octets.clone()).collect();
                let ends = pieces
                    .last_key_value()
                    .is_some_and(|(at, (more, octets))| !more && at + octets.len() == whole.len());
                if ends {
                    self.pieces.remove(&of);
                    if let Received::Udp { source, destination, payload } = wire::datagram(of.0, of.1, &whole)
                    {
                        self.on_datagram(port, queue, (source, destination), payload);
                    }
                }
            }
            Received::Sctp { source, destination, payload } => {
                assert_eq!(port, SS7, "SCTP on the IMS link");
                assert!(wire::sctp_is_sound(payload), "SCTP checksum: {payload:02x?}");
                if ss7::SIGNALLING_GATEWAYS.contains(&destination) {
                    self.ss7.input(now, self.round, source, destination, payload);
                } else {
                    self.foreign.push(payload.to_vec());
                }
            }
            Received::Other => {}
        }
    }

    fn on_datagram(
        &mut self,
        port: usize,
        queue: usize,
        (source, destination): (SocketAddr, SocketAddr),
        payload: &[u8],
    ) {
        assert_eq!((port, source), (IMS, gateway_for(destination)), "UDP from elsewhere");
        // STUN begins with two zero bits (RFC 8489 5), as no SIP does.
        if payload.first().is_none_or(|octet| *octet < b' ') {
            self.stun.push_back(Stun { source, destination, octets: payload.to_vec() });
            return;
        }
        let mut sip = Sip::parse(payload, source, destination);
        (sip.round, sip.queue) = (self.round, queue);
        self.sip.push_back(sip);
    }

    fn send_sctp(&mut self) -> bool {
        let mut any = false;
        while let Some((source, packet)) = self.ss7.packets.waiting.pop_front() {
            any = true;
            self.sctp_packets += 1;
            if let Some(at) = ss7::SIGNALLING_GATEWAYS.iter().position(|own| *own == source) {
                self.tags[at].copy_from_slice(&packet[4..8]);
            }
            self.bundled_packets += usize::from(wire::data_chunks(&packet) > 1);
            let queues = self.cable.queues();
            let hash = queue(toeplitz(source.into(), ss7::GATEWAY.into(), None), queues);
            let queue = if self.spread_sctp { self.sctp_packets % queues } else { hash };
            self.send_frame(SS7, queue, &wire::ipv4(SS7, source, ss7::GATEWAY, wire::SCTP, &packet));
        }
        any
    }

    /// Sends a frame, right or wrong.
    pub fn send_frame(&mut self, port: usize, queue: usize, frame: &[u8]) {
        for _ in 0..self.copies(frame) {
            self.cable.send(port, queue, frame);
        }
    }

    /// Sends a datagram from a peer on the IMS link, in fragments if it is longer than that; on the queue that a network card
    /// would choose, unless one is named.
    pub fn send_datagram(&mut self, source: SocketAddr, queue: Option<usize>, payload: &[u8]) {
        let gateway = gateway_for(source);
        let hash = toeplitz(source.ip(), gateway.ip(), Some((source.port(), gateway.port())));
        let queue = queue.unwrap_or(ipsmgw::io::toeplitz::queue(hash, self.cable.queues()));
        let frame = wire::udp(IMS, source, gateway, payload);
        if frame.len() <= LONGEST_FRAME {
            return self.send_frame(IMS, queue, &frame);
        }
        let identification = 0x1000 + self.mint() as u32;
        for piece in wire::fragments(&frame, identification, 1400) {
            self.send_frame(IMS, queue, &piece);
        }
    }

    /// Sends a request in fragments of at most `most` octets, which come in this order to these queues, again and again.
    pub fn send_in_fragments(
        &mut self,
        draft: &Draft,
        most: usize,
        order: impl Fn(&mut Vec<Vec<u8>>),
        queues: &[usize],
    ) {
        let gateway = gateway_for(draft.source);
        let identification = 0x1000 + self.mint() as u32;
        let frame = wire::udp(IMS, draft.source, gateway, &draft.octets());
        let mut frames = wire::fragments(&frame, identification, most);
        order(&mut frames);
        for (frame, queue) in frames.iter().zip(queues.iter().cycle()) {
            self.send_frame(IMS, *queue, frame);
        }
    }

    pub fn send(&mut self, draft: &Draft) {
        self.send_datagram(draft.source, None, &draft.octets());
    }

    /// Steps until `found` gives something.
    #[track_caller]
    pub fn until<T>(&mut self, what: &str, mut found: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = self.now() + PATIENCE;
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            assert!(
                self.now() < deadline,
                "{what} did not come; waiting here: {:#?} {:#?}",
                self.sip,
                self.ss7.received
            );
            self.step();
        }
    }

    /// The oldest SIP message like this.
    pub fn take_sip(&mut self, like: impl Fn(&Sip) -> bool) -> Option<Sip> {
        let at = self.sip.iter().position(like)?;
        self.sip.remove(at)
    }

    #[track_caller]
    pub fn expect_sip(&mut self, what: &str, like: impl Fn(&Sip) -> bool) -> Sip {
        self.until(what, |peers| peers.take_sip(&like))
    }

    /// The next request from the gateway, which must be a MESSAGE.
    #[track_caller]
    pub fn expect_message(&mut self) -> Sip {
        let message = self.expect_sip("a MESSAGE", Sip::is_request);
        assert_eq!(message.request().0, "MESSAGE");
        message
    }

    /// The response to a request.
    #[track_caller]
    pub fn expect_response(&mut self, draft: &Draft) -> Sip {
        self.expect_sip(&format!("a response to {draft:?}"), |sip| {
            !sip.is_request() && sip.branch() == draft.branch
        })
    }

    /// Sends a request and waits for its response.
    #[track_caller]
    pub fn transact(&mut self, draft: &Draft) -> Sip {
        self.send(draft);
        self.expect_response(draft)
    }

    /// Answers a request of the gateway.
    pub fn answer(&mut self, request: &Sip, status: &str) {
        self.send_datagram(request.destination, Some(request.queue), &request.response(status, ""));
    }

    /// A request of an S-CSCF, with new identifiers.
    pub fn draft(&mut self, network: usize, method: &'static str, uri: &str) -> Draft {
        let (number, source) = (self.mint(), SCSCF[network]);
        let draft = Draft {
            method,
            uri: uri.into(),
            headers: vec![],
            body: vec![],
            branch: format!("z9hG4bKpeer{number}"),
            source,
            sent_by: None,
            rport: false,
        };
        draft.with("Max-Forwards", "70").with("Call-ID", format!("call-{number}@home{}.net", network + 1))
    }

    /// A third-party REGISTER with a body of this type (TS 24.341 B.3).
    pub fn third_party_register(&mut self, ue: &Ue, expires: u32, kind: &str, body: &[u8]) -> Draft {
        let home = ue.network + 1;
        let scscf = format!("<sip:scscf1.home{home}.net>");
        let number = self.mint();
        let mut draft = self.draft(ue.network, "REGISTER", &format!("sip:ipsmgw.home{home}.net"));
        if !body.is_empty() {
            draft = draft.with("Content-Type", kind);
        }
        draft.body = body.to_vec();
        draft
            .with("From", format!("{scscf};tag=reg{number}"))
            .with("To", format!("<{}>", ue.impu))
            .with("CSeq", format!("{number} REGISTER"))
            .with("Contact", scscf)
            .with("Expires", expires.to_string())
            .with("P-Access-Network-Info", "IEEE-802.11")
    }

    /// A REGISTER whose body tells both numbers: service-info the MSISDN, the UE's own REGISTER the IMSI.
    pub fn full_register(&mut self, ue: &Ue, expires: u32) -> Draft {
        let body = format!(
            "--part\r\nContent-Type: application/3gpp-ims+xml\r\n\r\n{}\r\n--part\r\nContent-Type: message/sip\r\n\r\n{}\r\n--part--\r\n",
            service_info(&ue.msisdn),
            embedded_register(ue),
        );
        self.third_party_register(ue, expires, "multipart/mixed;boundary=part", body.as_bytes())
    }

    /// The same as large as S-CSCFs make it where UEs say much: `octets` long or a little more.
    pub fn large_register(&mut self, ue: &Ue, expires: u32, octets: usize) -> Draft {
        let mut draft = self.full_register(ue, expires);
        let text = String::from_utf8(std::mem::take(&mut draft.body)).unwrap();
        let (head, end) = text.rsplit_once("Content-Length: 0").unwrap();
        let lines = octets.saturating_sub(draft.octets().len() + text.len()).div_ceil(200);
        let more: String =
            (0..lines).map(|at| format!("P-Said-{at:02}: {}\r\n", "said ".repeat(38))).collect();
        draft.body = format!("{head}{more}Content-Length: 0{end}").into_bytes();
        draft
    }

    /// Registers a subscriber for an hour.
    #[track_caller]
    pub fn register(&mut self, ue: &Ue) {
        let draft = self.full_register(ue, 3600);
        let response = self.transact(&draft);
        assert_eq!(response.status(), 200, "{response:#?}");
    }

    /// A MESSAGE from a UE with an RP message as its body.
    pub fn message(&mut self, ue: &Ue, uri: &str, body: &[u8]) -> Draft {
        let number = self.mint();
        let mut draft = self.draft(ue.network, "MESSAGE", uri);
        draft.body = body.to_vec();
        draft
            .with("From", format!("<{}>;tag=ue{number}", ue.impu))
            .with("To", format!("<{uri}>"))
            .with("CSeq", format!("{number} MESSAGE"))
            .with("P-Asserted-Identity", format!("<{}>", ue.impu))
            .with("Request-Disposition", "no-fork")
            .with("Content-Type", "application/vnd.3gpp.sms")
    }

    /// Another SUBMIT than any before: TP-MR and the validity tell it.
    pub fn fresh_submit(&mut self) -> Vec<u8> {
        let number = self.mint();
        let mut tpdu = submit();
        (tpdu[1], tpdu[12]) = (number as u8, (number >> 8) as u8);
        tpdu
    }

    /// A UE's delivery report for a MESSAGE of the gateway's.
    pub fn report(&mut self, ue: &Ue, answered: &Sip, body: &[u8]) -> Draft {
        let draft = self.message(ue, &format!("sip:ipsmgw.home{}.net", ue.network + 1), body);
        draft.with("In-Reply-To", answered.header("Call-ID"))
    }

    /// The oldest unitdata message like this.
    pub fn take_unitdata(&mut self, like: impl Fn(&Unitdata) -> bool) -> Option<Unitdata> {
        let at = self.ss7.received.iter().position(like)?;
        self.ss7.received.remove(at)
    }

    /// The next unitdata message from the gateway, which must be of this kind.
    #[track_caller]
    pub fn expect_unitdata(&mut self, kind: u8) -> Unitdata {
        let unitdata = self.until("a unitdata message", |peers| peers.take_unitdata(|_| true));
        assert_eq!(unitdata.kind(), kind, "{unitdata:02x?}");
        unitdata
    }

    /// The End of a dialogue that we began.
    #[track_caller]
    pub fn expect_end(&mut self, otid: &[u8]) -> Unitdata {
        let end = self.until("an End", |peers| peers.take_unitdata(|it| it.dtid() == Some(otid)));
        assert_eq!(end.kind(), 0x64, "{end:02x?}");
        end
    }

    /// Sends a TCAP message from the SMSC's title to the gateway's title of the first network, as an MSC.
    pub fn send_tcap(&mut self, tcap: &[u8]) {
        let (called, calling) = (ss7::address("491710999001", 8), ss7::address("491710760000", 8));
        let now = self.now();
        self.ss7.send(now, 0, 5, &ss7::udt(&called, &calling, tcap));
    }

    /// Answers a dialogue of the gateway by an End with this component.
    pub fn end_mo(&mut self, begin: &Unitdata, component: &[u8]) {
        self.reply(begin, &ss7::end(begin.otid(), ss7::MO_RELAY, component));
    }

    /// Sends a TCAP message to where another came from.
    pub fn reply(&mut self, to: &Unitdata, tcap: &[u8]) {
        let now = self.now();
        self.ss7.send(now, to.association, to.sls, &ss7::udt(&to.calling, &to.called, tcap));
    }

    /// Sends mt-forwardSM; its transaction id.
    pub fn send_mt(&mut self, imsi: &str, tpdu: &[u8]) -> [u8; 4] {
        let otid = (0x4d54_0000 + self.mint() as u32).to_be_bytes();
        self.send_tcap(&ss7::mt_begin(&otid, imsi, "491710760000", tpdu));
        otid
    }

    /// Everything that either worker did before has come when this returns: each has answered a question since.
    #[track_caller]
    pub fn settle(&mut self) {
        for queue in 0..self.cable.queues() {
            let draft = self.draft(0, "OPTIONS", "sip:ipsmgw.home1.net");
            let draft =
                draft.with("From", "<sip:scscf1.home1.net>;tag=o").with("To", "<sip:ipsmgw.home1.net>");
            let number = self.mint();
            let draft = draft.with("CSeq", format!("{number} OPTIONS"));
            self.send_datagram(draft.source, Some(queue), &draft.octets());
            assert_eq!(self.expect_response(&draft).status(), 200);
        }
    }

    /// Nothing waits that the test did not ask for.
    #[track_caller]
    pub fn assert_silent(&mut self) {
        self.settle();
        assert!(
            self.sip.is_empty() && self.stun.is_empty() && self.ss7.received.is_empty(),
            "{:#?} {:#?} {:#?}",
            self.sip,
            self.stun,
            self.ss7.received
        );
    }
}

/// The body of type application/3gpp-ims+xml that tells the MSISDN (TS 24.341 B.3).
pub fn service_info(msisdn: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ims-3gpp version=\"1\"><service-info>{msisdn}</service-info></ims-3gpp>"
    )
}

/// The UE's own REGISTER, which the S-CSCF puts into a body of type message/sip.
pub fn embedded_register(ue: &Ue) -> String {
    let domain = "ims.mnc001.mcc262.3gppnetwork.org";
    format!(
        "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP 10.2.0.1;branch=z9hG4bKue\r\nMax-Forwards: 70\r\n\
         From: <{impu}>;tag=u\r\nTo: <{impu}>\r\nCall-ID: ue-call\r\nCSeq: 1 REGISTER\r\n\
         Contact: <sip:10.2.0.1>;+g.3gpp.smsip;expires=3600\r\n\
         Authorization: Digest username=\"{imsi}@{domain}\",realm=\"home1.net\",nonce=\"\",uri=\"sip:home1.net\",response=\"\"\r\n\
         Content-Length: 0\r\n\r\n",
        impu = ue.impu,
        imsi = ue.imsi,
    )
}

/// RP-DATA of a UE: no originator, the service centre as destination.
pub fn rp_data(reference: u8, service_centre: &str, tpdu: &[u8]) -> Vec<u8> {
    let address = super::ber::international(service_centre);
    [&[0x00, reference, 0x00, address.len() as u8][..], &address, &[tpdu.len() as u8], tpdu].concat()
}

/// SUBMIT "Hello" to 491709876543 with a validity of a day (PROTOCOLS 15).
pub fn submit() -> Vec<u8> {
    hex("11050c919471907856340000a705c8329bfd06")
}

/// DELIVER "Hello" from 491709876543.
pub fn deliver() -> Vec<u8> {
    hex("040c9194719078563400006211229221434005c8329bfd06")
}
