//! Several associations, to one signalling gateway or to several: what gateways say of destinations, associations that end
//! with messages in them, and leaving in order (RFC 4666 4.3.4, 4.5).

use super::*;
use crate::base::{Flow, Out, Time};
use crate::ident::PointCode;
use crate::proto::m3ua::Availability;
use crate::proto::sccp::Sharing;
use crate::proto::sctp::{AssociationId, Cursor, Timers};
use core::net::IpAddr;
use std::collections::VecDeque;

const US: [u8; 4] = [10, 7, 0, 1];
const THEM: [u8; 4] = [10, 7, 0, 2];
pub(super) const FAR: PointCode = PointCode(300);

/// Keeps packets.
pub(super) struct Packets(Vec<u8>, VecDeque<Vec<u8>>);

impl Packets {
    pub(super) fn new() -> Self {
        Self(vec![0; 1480], VecDeque::new())
    }
}

impl Out for Packets {
    fn room(&mut self) -> Option<&mut [u8]> {
        Some(&mut self.0)
    }

    fn commit(&mut self, len: usize, _: Flow) {
        self.1.push_back(self.0[..len].to_vec());
    }
}

/// Keeps what crosses to other workers.
#[derive(Default)]
pub(super) struct Crossed {
    messages: Vec<(WorkerId, Label, Vec<u8>)>,
    news: Vec<(u16, PointCode, Option<Availability>)>,
}

impl Frames for Crossed {
    fn buffer(&mut self) -> Option<&mut [u8]> {
        None
    }
    fn send(&mut self, _: PortId, _: Range<usize>) {}
}

impl Outside for Crossed {
    fn hand_off(&mut self, to: WorkerId, label: Label, message: &[u8]) -> bool {
        self.messages.push((to, label, message.to_vec()));
        true
    }
    fn hand_off_part(&mut self, _: WorkerId, _: crate::stack::Part, _: &[u8]) -> bool {
        false
    }
    fn tell_all(&mut self, news: News) {
        if let News::Way { association, destination, state } = news {
            self.news.push((association, destination, state));
        }
    }
    fn drain(&mut self) {}
}

/// An application server process and a signalling gateway process with several associations between them.
pub(super) struct Net {
    pub(super) us: Transport,
    pub(super) them: Transport,
    pub(super) now: Time,
    /// Associations whose packets are lost.
    pub(super) cut: Vec<u16>,
    /// What reached the gateway: association and message.
    pub(super) heard: Vec<(u16, Vec<u8>)>,
    /// What came back from it.
    pub(super) back: Vec<(u16, Vec<u8>)>,
    /// M3UA messages (class and type) and SCTP chunks of ours, as they left: DATA's M3UA, or the chunk's type alone.
    left: Vec<(u8, u16)>,
    pub(super) crossed: Crossed,
}

impl Net {
    /// As many associations as `gateways`, whose names may be the same; the last `others` of them are worker 1's. The other side
    /// knows the last of our routing contexts alone.
    fn new(gateways: &[&str], others: usize, contexts: &[u32], destination: Destination) -> Self {
        Self::with(gateways, others, contexts, vec![destination], None)
    }

    /// The same with several destinations; with some `behind` it, the gateway passes on what is for these.
    fn with(
        gateways: &[&str],
        others: usize,
        contexts: &[u32],
        destinations: Vec<Destination>,
        behind: Option<Vec<Destination>>,
    ) -> Self {
        let mut net = Self::shaped(gateways, others, contexts, destinations, behind, &|_, _, _| ());
        assert!((0..gateways.len() - others).all(|at| net.us.is_active(at as u16)));
        net.crossed = Crossed::default();
        net.left.clear();
        net
    }

    /// The same with M3UA as `shape` has it, by association and side; whatever becomes active in two seconds.
    pub(super) fn shaped(
        gateways: &[&str],
        others: usize,
        contexts: &[u32],
        destinations: Vec<Destination>,
        behind: Option<Vec<Destination>>,
        shape: &dyn Fn(usize, Role, &mut AspConfig),
    ) -> Self {
        let setup = |at: usize, role| {
            let (own, peer) = if role == sctp::Role::Client { (US, THEM) } else { (THEM, US) };
            let mut m3ua = AspConfig::new(
                if role == sctp::Role::Client { Role::Asp } else { Role::Sgp },
                if role == sctp::Role::Client {
                    contexts.to_vec()
                } else {
                    contexts[contexts.len() - 1..].to_vec()
                },
            );
            shape(at, m3ua.role, &mut m3ua);
            let ports = (3000 + at as u16, 2905 + at as u16);
            let (local_port, remote_port) =
                if role == sctp::Role::Client { ports } else { (ports.1, ports.0) };
            AssociationSetup {
                name: format!("a{at}"),
                owner: WorkerId(u8::from(role == sctp::Role::Client && at >= gateways.len() - others)),
                gateway: Some(gateways[at].to_owned()),
                sctp: sctp::AssociationConfig {
                    local_port,
                    remote_port: Some(remote_port),
                    timers: Timers::SIGTRAN,
                    send_ring: 1 << 16,
                    ..sctp::AssociationConfig::new(role, own.into(), peer.into())
                },
                m3ua,
            }
        };
        let transport = |role, code, destinations| {
            let setups = (0..gateways.len()).map(|at| setup(at, role)).collect();
            let random = SipKey::new([code as u8; 16]);
            Transport::new(WorkerId(0), PointCode(code), 2, setups, destinations, [1; 32], random)
        };
        let mut net = Self {
            us: transport(sctp::Role::Client, 100, destinations),
            them: transport(sctp::Role::Server, FAR.0, behind.clone().unwrap_or_default()),
            now: Time::from_millis(1),
            cut: vec![],
            heard: vec![],
            back: vec![],
            left: vec![],
            crossed: Crossed::default(),
        };
        if behind.is_some() {
            net.them.become_gateway();
        }
        net.run(Duration::from_secs(2));
        net
    }

    fn loadshare(gateways: &[&str]) -> Self {
        let all = (0..gateways.len() as u16).collect();
        Self::new(gateways, 0, &[7], Destination::new(FAR, all))
    }

    /// Lets both sides say what they have to, until neither has anything.
    pub(super) fn pump(&mut self) {
        let mut ours = Packets::new();
        let mut theirs = Packets::new();
        loop {
            self.us.handle_timeout(self.now, &mut ours);
            self.us.settle(self.now, &mut self.crossed);
            self.us.announce(self.now, &mut self.crossed);
            self.us.endpoint.flush(self.now, &mut ours);
            self.them.handle_timeout(self.now, &mut theirs);
            self.them.settle(self.now, &mut Crossed::default());
            self.them.endpoint.flush(self.now, &mut theirs);
            if ours.1.is_empty() && theirs.1.is_empty() {
                return;
            }
            while let Some(packet) = ours.1.pop_front() {
                let at = u16::from_be_bytes([packet[0], packet[1]]) - 3000;
                self.note(&packet);
                if !self.cut.contains(&at) {
                    deliver(&mut self.them, self.now, (US, THEM), &packet, &mut self.heard, &mut theirs);
                }
            }
            while let Some(packet) = theirs.1.pop_front() {
                let at = u16::from_be_bytes([packet[2], packet[3]]) - 3000;
                if !self.cut.contains(&at) {
                    deliver(&mut self.us, self.now, (THEM, US), &packet, &mut self.back, &mut ours);
                }
            }
        }
    }

    fn note(&mut self, packet: &[u8]) {
        let mut at = 12;
        while at + 4 <= packet.len() {
            let length = usize::from(u16::from_be_bytes([packet[at + 2], packet[at + 3]]));
            match packet[at] {
                0 if packet.len() > at + 20 => {
                    self.left.push((0, u16::from_be_bytes([packet[at + 18], packet[at + 19]])));
                }
                kind => self.left.push((kind, 0)),
            }
            at += length.next_multiple_of(4);
        }
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.pump();
        while self.now < end {
            let next = self.us.poll_timeout().min(self.them.poll_timeout());
            self.now = next.max(self.now + Duration::from_millis(1)).min(end);
            self.pump();
        }
    }

    fn send(&mut self, selection: u8, message: &[u8]) -> Result<WorkerId, Refusal> {
        self.send_to(FAR, selection, message)
    }

    pub(super) fn send_to(
        &mut self,
        to: PointCode,
        selection: u8,
        message: &[u8],
    ) -> Result<WorkerId, Refusal> {
        let mut room = [0; 1024];
        let mut w = Prepend::new(&mut room);
        w.bytes(message);
        self.us.send(&mut w, to, selection, &mut self.crossed)
    }

    /// Which associations carry one message for each selection.
    fn spread(&mut self) -> Vec<u16> {
        self.heard.clear();
        for selection in 0..16 {
            self.send(selection, &[selection; 8]).unwrap();
        }
        self.pump();
        let mut by: Vec<u16> = self.heard.iter().map(|(association, _)| *association).collect();
        assert_eq!(by.len(), 16);
        by.sort_unstable();
        by.dedup();
        by
    }

    /// An association ends, and none follows while it is cut.
    pub(super) fn end(&mut self, association: u16) {
        let mut last = Packets::new();
        let id = AssociationId(association);
        self.them.endpoint.abort(self.now, id, b"", &mut last);
        self.them.endpoint.connect(self.now, id, &mut last);
        let mut answers = Packets::new();
        for packet in last.1 {
            deliver(&mut self.us, self.now, (THEM, US), &packet, &mut vec![], &mut answers);
        }
        self.cut.push(association);
        self.pump();
        assert!(!self.us.is_active(association));
    }

    /// The gateway process of an association says something.
    pub(super) fn say(&mut self, association: u16, message: &str) {
        let sent = self.them.endpoint.send(self.now, AssociationId(association), 0, 3, &hex(message));
        sent.unwrap();
        self.pump();
    }
}

fn deliver(
    to: &mut Transport,
    now: Time,
    (from, at): ([u8; 4], [u8; 4]),
    packet: &[u8],
    heard: &mut Vec<(u16, Vec<u8>)>,
    out: &mut Packets,
) {
    let mut cursor = Cursor::new();
    let between = (IpAddr::from(from), IpAddr::from(at));
    let refused = &mut |why: Malformed| panic!("{why:?}");
    loop {
        match to.next(now, between, packet, &mut cursor, refused, out) {
            None => return,
            Some(None) => {}
            Some(Some((label, message))) if label.destination != to.point_code() => {
                to.relay(now, &label, message, &mut Crossed::default());
            }
            Some(Some((label, message))) => heard.push((label.association, message.to_vec())),
        }
    }
}

const DUNA: &str = "01000201 00000018 0006 0008 00000007 0012 0008 0000012c";
const DAVA: &str = "01000202 00000018 0006 0008 00000007 0012 0008 0000012c";
const DRST: &str = "01000206 00000018 0006 0008 00000007 0012 0008 0000012c";
const SCON: &str = "01000204 00000020 0006 0008 00000007 0012 0008 0000012c 0205 0008 00000002";
const DUPU: &str = "01000205 00000020 0006 0008 00000007 0012 0008 0000012c 0204 0008 00020003";

#[test]
fn what_gateways_say_chooses_the_way() {
    let mut net = Net::loadshare(&["one", "two"]);
    assert_eq!(net.spread(), [0, 1]);
    for worse in [DUNA, DRST, SCON, DUPU] {
        net.say(0, worse);
        assert_eq!(net.spread(), [1], "{worse}");
        net.say(0, DAVA);
        // A DAVA says nothing of congestion (4.5.3).
        net.say(0, &SCON.replace("00000002", "00000000"));
        assert_eq!(net.spread(), [0, 1], "{worse}");
    }
    // Without SCCP by every way: it must be asked whether it is back, and any will do.
    net.say(0, DUPU);
    net.say(1, DUPU);
    assert_eq!(net.spread(), [0, 1]);
    assert_eq!(net.us.silent, [FAR]);
    net.us.ways.sccp_back(FAR);
    assert_eq!(net.us.state_of(FAR).map(|state| state.no_sccp), Some(false));
    net.say(0, DUNA);
    net.say(1, DUNA);
    assert_eq!(net.send(0, b"nobody"), Err(Refusal::NoRoute));
    assert!(net.us.state_of(FAR).is_some_and(|state| !state.is_usable()));
    net.say(1, DAVA);
    assert_eq!(net.spread(), [1]);
}

/// Ranges of point codes count too.
#[test]
fn a_range_that_is_unavailable() {
    let mut net = Net::loadshare(&["one", "two"]);
    net.say(1, &DUNA.replace("0000012c", "0800012f"));
    assert_eq!(net.spread(), [0]);
    net.say(1, &DAVA.replace("0000012c", "0200012f"));
    assert_eq!(net.spread(), [0, 1]);
}

#[test]
fn one_gateway_speaks_for_all_its_associations() {
    let mut net = Net::loadshare(&["one", "one", "two"]);
    net.say(1, DUNA);
    assert_eq!(net.spread(), [2]);
    // An association that comes back believes what the other one heard.
    net.end(0);
    net.cut.clear();
    net.run(Duration::from_secs(8));
    assert!(net.us.is_active(0));
    assert_eq!(net.spread(), [2]);
    net.say(0, DAVA);
    assert_eq!(net.spread(), [0, 1, 2]);
}

#[test]
fn a_primary_association_has_all_while_it_leads_there() {
    let first = Destination { sharing: Sharing::Primary, ..Destination::new(FAR, vec![1, 0]) };
    let mut net = Net::new(&["one", "two"], 0, &[7], first);
    assert_eq!(net.spread(), [1]);
    net.say(1, DUNA);
    assert_eq!(net.spread(), [0]);
    net.say(1, DAVA);
    assert_eq!(net.spread(), [1]);
}

/// Of a destination that is congested by every way, one dialogue in 2ⁿ is let through, until it is over: said, or not
/// mentioned for long.
#[test]
fn congestion_limits_new_dialogues() {
    let mut net = Net::loadshare(&["one", "two"]);
    let admitted = |net: &mut Net| (0..64).filter(|_| net.us.admits(FAR)).count();
    net.say(0, SCON);
    assert_eq!(admitted(&mut net), 64);
    net.say(1, SCON);
    assert_eq!(admitted(&mut net), 16);
    assert_eq!(net.us.counts.congested_point, 48);
    net.run(Duration::from_secs(11));
    assert_eq!(admitted(&mut net), 64);
}

/// DATA names an application server that is active (3.3.1), whichever that is.
#[test]
fn data_names_an_active_application_server() {
    // The gateway knows the second alone.
    let mut net = Net::new(&["one"], 0, &[7, 8], Destination::new(FAR, vec![0]));
    net.send(0, b"eight").unwrap();
    net.pump();
    assert_eq!(net.heard, [(0, b"eight".to_vec())]);
}

/// An association ends with messages in it: what was not sent goes by the other, once and in order; what was sent is
/// counted, and of it only that which may come twice goes again.
#[test]
fn what_an_ended_association_has_not_sent_goes_another_way() {
    let mut net = Net::loadshare(&["one", "two"]);
    net.cut = vec![0];
    // An End of a dialogue of the peer's, which may come twice, and 60 that may not.
    let end = hex("0980 03 05 07 02 4206 02 4208 08 6406 4904 01020304");
    let own = (0..16).find(|&selection| net.us.ways.choose(FAR, selection, 0) == Some((0, 0))).unwrap();
    net.send(own, &end).unwrap();
    let texts: Vec<Vec<u8>> = (0..60).map(|n| [n; 200].to_vec()).collect();
    for text in &texts {
        net.send(own, text).unwrap();
        // They leave one by one, not in packets that are full.
        let mut lost = Packets::new();
        net.us.endpoint.flush(net.now, &mut lost);
    }
    net.heard.clear();
    net.run(Duration::from_secs(8));
    assert!(!net.us.is_active(0) && net.us.is_active(1));
    let counts = &net.us.counts;
    assert!(counts.indeterminate > 1 && counts.rescued > 1, "{counts:?}");
    assert_eq!((counts.indeterminate + counts.rescued, counts.stranded, counts.repeated), (61, 0, 1));
    let unsent = &texts[counts.indeterminate as usize - 1..];
    let by_other: Vec<_> = net.heard.iter().map(|(association, message)| (*association, message)).collect();
    let expected: Vec<_> = [&end].into_iter().chain(unsent).map(|message| (1, message)).collect();
    assert_eq!(by_other, expected);
}

/// Without another way it is told.
#[test]
fn what_finds_no_other_way_is_counted() {
    let mut net = Net::loadshare(&["one"]);
    net.cut = vec![0];
    for n in 0..60 {
        net.send(0, &[n; 200]).unwrap();
    }
    net.run(Duration::from_secs(8));
    let counts = &net.us.counts;
    assert!(counts.stranded > 1 && counts.rescued == 0);
    assert_eq!(counts.stranded + counts.indeterminate, 60);
    // It comes up again by itself.
    net.cut.clear();
    net.run(Duration::from_secs(8));
    assert_eq!(net.spread(), [0]);
}

/// An association whose ring is full gives way to another.
#[test]
fn a_full_association_gives_way() {
    let mut net = Net::loadshare(&["one", "two"]);
    net.cut = vec![0];
    let own = (0..16).find(|&selection| net.us.ways.choose(FAR, selection, 0) == Some((0, 0))).unwrap();
    let mut sent = 0;
    while net.us.counts.rerouted == 0 {
        net.send(own, &[7; 250]).unwrap();
        sent += 1;
        assert!(sent < 1000);
    }
    net.heard.clear();
    net.pump();
    assert_eq!(net.heard, [(1, vec![7; 250])]);
}

/// A message that another worker has chosen an association of ours for, when that has just ended, goes another way; if the
/// only other way is that worker's, back to it.
#[test]
fn a_message_handed_over_late_goes_another_way() {
    let mut net = Net::new(&["one", "two", "three"], 1, &[7], Destination::new(FAR, vec![0, 1, 2]));
    let label = Label {
        direction: Direction::Out,
        association: 0,
        originating: PointCode(100),
        destination: FAR,
        selection: 0,
        tried: 1,
    };
    net.us.learn(2, FAR, Some(Availability::default()));
    net.end(0);
    net.heard.clear();
    assert_eq!(net.us.send_for_another(&label, b"late", &mut net.crossed), Ok(()));
    net.pump();
    assert_eq!(net.heard, [(1, b"late".to_vec())]);
    net.end(1);
    net.crossed.messages.clear();
    assert_eq!(net.us.send_for_another(&label, b"late", &mut net.crossed), Ok(()));
    let on = Label { association: 2, tried: 0b101, ..label };
    assert_eq!(net.crossed.messages, [(WorkerId(1), on, b"late".to_vec())]);
    net.us.learn(2, FAR, None);
    assert_eq!(net.us.send_for_another(&label, b"late", &mut net.crossed), Err(Refusal::NoRoute));
}

/// The others learn what a gateway says when it says it, and once more every second.
#[test]
fn workers_tell_each_other_their_ways() {
    let mut net = Net::loadshare(&["one"]);
    net.say(0, DUNA);
    let unavailable = Availability { reach: m3ua::Reach::Unavailable, ..Availability::default() };
    assert_eq!(net.crossed.news.last(), Some(&(0, FAR, Some(unavailable))));
    net.crossed.news.clear();
    net.run(Duration::from_millis(1001));
    assert_eq!(net.crossed.news.last(), Some(&(0, FAR, Some(unavailable))));
}

/// ASPIA, its acknowledgement, ASPDN, its acknowledgement, SHUTDOWN (4.3.4.4, 4.3.4.2); what is sent meanwhile goes by the
/// others, and nothing connects again.
#[test]
fn leaving_in_order() {
    let mut net = Net::loadshare(&["one"]);
    net.us.stop(net.now, &mut Packets::new());
    assert_eq!(net.send(0, b"too late"), Err(Refusal::NoRoute));
    net.run(Duration::from_secs(1));
    let told: Vec<_> = net.left.iter().filter(|(kind, _)| [0, 7, 8].contains(kind)).copied().collect();
    let (aspia, aspdn, shutdown) = ((0, 0x0402), (0, 0x0302), (7, 0));
    assert_eq!(told, [aspia, aspdn, shutdown]);
    assert!(net.us.is_closed());
    net.run(Duration::from_secs(20));
    assert!(net.us.is_closed());
}

/// Whoever does not answer holds up nobody: neither for long, nor to be connected to again.
#[test]
fn leaving_a_gateway_that_is_silent() {
    let mut net = Net::loadshare(&["one"]);
    net.cut = vec![0];
    net.us.stop(net.now, &mut Packets::new());
    net.run(Duration::from_secs(20));
    assert!(net.us.is_closed());
    net.cut.clear();
    net.left.clear();
    net.run(Duration::from_secs(20));
    assert!(net.us.is_closed());
    assert_eq!(net.left, []);
}

/// A gateway passes on what is for another point, and says which points it reaches (4.5.1): here we are the ASPs on both
/// sides of it.
#[test]
fn a_gateway_between_two_points() {
    let (own, nobody) = (PointCode(100), PointCode(555));
    let destinations = vec![Destination::new(own, vec![0]), Destination::new(nobody, vec![0])];
    let behind = Some(vec![Destination::new(own, vec![1])]);
    let each = |at: usize, _: Role, config: &mut AspConfig| config.routing_contexts = vec![7 + at as u32];
    let mut net = Net::shaped(&["one", "two"], 0, &[7], destinations, behind, &each);
    net.send_to(own, 3, b"over").unwrap();
    net.pump();
    assert_eq!((&net.back[..], &net.heard[..]), (&[(1, b"over".to_vec())][..], &[][..]));
    // What it does not know it says with the first message.
    net.send_to(nobody, 3, b"nobody").unwrap();
    net.pump();
    assert_eq!(net.send_to(nobody, 3, b"nobody"), Err(Refusal::NoRoute));
    assert_eq!((net.them.counts.relayed, net.them.counts.relay_refused), (1, 1));
    // What it loses for longer than T(r) it says, and what it gets back at once.
    net.end(1);
    net.run(Duration::from_millis(1900));
    assert!(net.us.state_of(own).is_some_and(|state| state.is_usable()), "its application server is pending");
    net.run(Duration::from_millis(200));
    assert_eq!(net.send_to(own, 3, b"away"), Err(Refusal::NoRoute));
    net.cut.clear();
    net.run(Duration::from_secs(8));
    net.send_to(own, 3, b"again").unwrap();
    net.pump();
    assert_eq!(net.back.last(), Some(&(1, b"again".to_vec())));
}

/// Whoever is up before what lies behind a gateway asks, and hears that it is not there.
#[test]
fn a_gateway_says_what_it_has_not_reached_yet() {
    let (own, away) = (PointCode(100), PointCode(556));
    let destinations = vec![Destination::new(own, vec![0]), Destination::new(away, vec![0])];
    let behind = Some(vec![Destination::new(own, vec![1]), Destination::new(away, vec![2])]);
    let mut net = Net::with(&["one", "two"], 0, &[7], destinations, behind);
    let about = |point: &str| hex(&format!("0100020300000010 00120008 000002{point}"));
    net.us.endpoint.send(net.now, AssociationId(0), 0, 3, &about("2c")).unwrap();
    net.pump();
    assert_eq!(net.send_to(away, 3, b"away"), Err(Refusal::NoRoute));
    assert_eq!((net.send_to(own, 3, b"over").is_ok(), net.them.counts.relay_refused), (true, 0));
}
