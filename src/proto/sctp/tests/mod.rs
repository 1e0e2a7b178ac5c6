//! Tests by subject; here the two benches they run on: a scripted peer, and two endpoints over a bad link.

mod acknowledgements;
mod association;
mod beyond;
mod bookkeeping;
mod bundling;
mod cookies;
mod data;
mod duplicate;
mod error;
mod fault;
mod hostile;
mod invalid;
mod link;
mod losses;
mod multihoming;
mod paths;
mod restart;
mod rules;
mod script;
mod termination;
mod vulnerabilities;

use super::view::{Chunks, Packet, chunk};
use super::*;
use crate::base::{Flow, Out, Time};

pub(super) const OURS: &str = "10.0.0.1";
pub(super) const PEER: &str = "10.0.0.2";
pub(super) const OTHER: &str = "10.0.1.2";

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Keeps what is sent.
#[derive(Default)]
pub(super) struct Wire {
    pub(super) sent: Vec<(Flow, Vec<u8>)>,
    room: Vec<u8>,
    pub(super) closed: bool,
    /// What stands in a buffer before it is written.
    pub(super) fill: u8,
}

impl Out for Wire {
    fn room(&mut self) -> Option<&mut [u8]> {
        // Old octets stay, so that what a writer forgets to write shows.
        self.room.resize(1920, 0xa5 ^ self.fill);
        (!self.closed).then_some(&mut self.room[..])
    }

    fn commit(&mut self, len: usize, flow: Flow) {
        self.sent.push((flow, self.room[..len].to_vec()));
        self.room.fill(0xa5 ^ self.fill);
    }
}

/// A chunk as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) value: Vec<u8>,
}

impl Seen {
    pub(super) fn u32(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.value[at..at + 4].try_into().unwrap())
    }

    pub(super) fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes(self.value[at..at + 2].try_into().unwrap())
    }
}

/// A packet as sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) flow: Flow,
    pub(super) tag: u32,
    pub(super) chunks: Vec<Seen>,
}

impl Sent {
    pub(super) fn parse(flow: Flow, bytes: &[u8]) -> Self {
        let packet = Packet::parse(bytes).expect("what we send is well-formed");
        let chunks = packet
            .chunks()
            .map(|chunk| chunk.unwrap())
            .map(|chunk| Seen { kind: chunk.kind, flags: chunk.flags, value: chunk.value.to_vec() })
            .collect();
        assert_eq!(bytes.len() % 4, 0);
        Self { flow, tag: packet.tag, chunks }
    }

    pub(super) fn kinds(&self) -> Vec<u8> {
        self.chunks.iter().map(|chunk| chunk.kind).collect()
    }
}

/// A message as delivered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Message {
    pub(super) stream: u16,
    pub(super) ppid: u32,
    pub(super) payload: Vec<u8>,
}

pub(super) fn give(
    endpoint: &mut Endpoint,
    now: Time,
    flow: (IpAddr, IpAddr),
    packet: &[u8],
    cursor: &mut Cursor,
    wire: &mut Wire,
) -> Vec<Message> {
    let mut messages = Vec::new();
    cursor.reset();
    while let Some(Event::Data { stream, ppid, payload, .. }) =
        endpoint.input(now, flow.0, flow.1, packet, cursor, wire)
    {
        messages.push(Message { stream, ppid, payload: payload.to_vec() });
    }
    messages
}

/// Our endpoint against a peer that the test plays.
pub(super) struct Bench {
    pub(super) endpoint: Endpoint,
    pub(super) now: Time,
    pub(super) wire: Wire,
    cursor: Cursor,
    /// Our tag and the peer's, once known.
    pub(super) ours: u32,
    pub(super) theirs: u32,
    /// The next TSN of the peer.
    pub(super) tsn: u32,
    /// Our initial TSN.
    pub(super) our_tsn: u32,
    /// Where packets come from, and where to.
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
}

pub(super) const ID: AssociationId = AssociationId(0);
pub(super) const THEIR_TAG: u32 = 0x0bad_cafe;
pub(super) const THEIR_TSN: u32 = 1000;

pub(super) fn config(role: Role) -> AssociationConfig {
    let mut config = AssociationConfig::new(role, ip(OURS), ip(PEER));
    config.timers = Timers { heartbeat: Duration::ZERO, ..Timers::RFC_9260 };
    config
}

/// The octets of a packet from the peer's port to ours.
pub(super) fn packet(tag: u32, write: impl FnOnce(&mut PacketWriter<'_>)) -> Vec<u8> {
    let mut room = vec![0; 65_536];
    let mut writer = PacketWriter::new(&mut room, 65_536, (2905, 2905), tag);
    write(&mut writer);
    let length = writer.finish().unwrap();
    room.truncate(length);
    room
}

pub(super) fn init_fields(w: &mut PacketWriter<'_>, tag: u32, tsn: u32) {
    w.u32(tag);
    w.u32(100_000);
    w.u16(17);
    w.u16(17);
    w.u32(tsn);
}

pub(super) fn data(w: &mut PacketWriter<'_>, flags: u8, tsn: u32, stream: u16, ssn: u16, payload: &[u8]) {
    w.chunk(chunk::DATA, flags, |w| {
        w.u32(tsn);
        w.u16(stream);
        w.u16(ssn);
        w.u32(3);
        w.bytes(payload);
    });
}

pub(super) fn sack(w: &mut PacketWriter<'_>, cumulative: u32, window: u32, gaps: &[(u16, u16)]) {
    w.chunk(chunk::SACK, 0, |w| {
        w.u32(cumulative);
        w.u32(window);
        w.u16(gaps.len() as u16);
        w.u16(0);
        for gap in gaps {
            w.u16(gap.0);
            w.u16(gap.1);
        }
    });
}

pub(super) const WHOLE: u8 = 3;

impl Bench {
    pub(super) fn new(config: AssociationConfig) -> Self {
        Self::with(vec![config])
    }

    pub(super) fn with(configs: Vec<AssociationConfig>) -> Self {
        Self {
            endpoint: Endpoint::new(configs, [1; 32], SipKey::new([2; 16])),
            now: Time::from_millis(1000),
            wire: Wire::default(),
            cursor: Cursor::new(),
            ours: 0,
            theirs: THEIR_TAG,
            tsn: THEIR_TSN,
            our_tsn: 0,
            source: ip(PEER),
            destination: ip(OURS),
        }
    }

    pub(super) fn client() -> Self {
        let mut bench = Self::new(config(Role::Client));
        bench.endpoint.connect(bench.now, ID, &mut bench.wire);
        bench
    }

    pub(super) fn server() -> Self {
        Self::new(config(Role::Server))
    }

    pub(super) fn bytes(&mut self, packet: &[u8]) -> Vec<Message> {
        let flow = (self.source, self.destination);
        let messages = give(&mut self.endpoint, self.now, flow, packet, &mut self.cursor, &mut self.wire);
        self.endpoint.assert_invariants();
        messages
    }

    /// A packet with this tag; then the end of the turn.
    pub(super) fn inject(&mut self, tag: u32, write: impl FnOnce(&mut PacketWriter<'_>)) -> Vec<Message> {
        let messages = self.bytes(&packet(tag, write));
        self.flush();
        messages
    }

    /// A packet with the right tag.
    pub(super) fn peer(&mut self, write: impl FnOnce(&mut PacketWriter<'_>)) -> Vec<Message> {
        self.inject(self.ours, write)
    }

    pub(super) fn flush(&mut self) {
        self.endpoint.flush(self.now, &mut self.wire);
        self.endpoint.assert_invariants();
    }

    pub(super) fn sent(&mut self) -> Vec<Sent> {
        self.wire.sent.drain(..).map(|(flow, bytes)| Sent::parse(flow, &bytes)).collect()
    }

    /// The only packet sent since the last look.
    pub(super) fn one(&mut self) -> Sent {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    pub(super) fn silent(&mut self) {
        let sent = self.sent();
        assert!(sent.is_empty(), "{sent:?}");
    }

    /// Runs the timers until so many milliseconds later.
    pub(super) fn advance(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while self.endpoint.poll_timeout() <= end {
            self.now = self.now.max(self.endpoint.poll_timeout());
            self.endpoint.handle_timeout(self.now, &mut self.wire);
            self.endpoint.assert_invariants();
        }
        self.now = end;
    }

    pub(super) fn events(&mut self) -> Vec<Change> {
        std::iter::from_fn(|| self.endpoint.poll_event()).map(|(_, change)| change).collect()
    }

    pub(super) fn state(&self) -> State {
        self.endpoint.state(ID)
    }

    pub(super) fn send(&mut self, payload: &[u8]) -> Result<(), SendRefused> {
        let sent = self.endpoint.send(self.now, ID, 0, 3, payload);
        self.flush();
        sent
    }

    /// INIT from the peer with further parameters; the answer.
    pub(super) fn init(&mut self, tag: u32, more: impl FnOnce(&mut PacketWriter<'_>)) -> Sent {
        let tsn = self.tsn;
        self.inject(0, |w| {
            w.chunk(chunk::INIT, 0, |w| {
                init_fields(w, tag, tsn);
                more(w);
            });
        });
        self.one()
    }

    /// Echoes the cookie of an INIT ACK.
    pub(super) fn echo(&mut self, init_ack: &Sent) -> Vec<Message> {
        let cookie = cookie_of(init_ack);
        self.inject(init_ack.chunks[0].u32(0), |w| w.chunk(chunk::COOKIE_ECHO, 0, |w| w.bytes(&cookie)))
    }

    /// The peer connects to us.
    pub(super) fn accept(mut self) -> Self {
        let init_ack = self.init(THEIR_TAG, |_| {});
        assert_eq!(init_ack.kinds(), [chunk::INIT_ACK]);
        self.learn(&init_ack);
        self.echo(&init_ack);
        assert_eq!(self.one().kinds(), [chunk::COOKIE_ACK]);
        assert_eq!(self.events(), [Change::Up { streams: 17 }]);
        self
    }

    pub(super) fn learn(&mut self, init: &Sent) {
        self.ours = init.chunks[0].u32(0);
        self.our_tsn = init.chunks[0].u32(12);
    }

    /// An established association.
    pub(super) fn up() -> Self {
        Self::server().accept()
    }

    /// INIT ACK with a cookie and further parameters.
    pub(super) fn init_ack(&mut self, more: impl FnOnce(&mut PacketWriter<'_>)) {
        let tsn = self.tsn;
        self.peer(|w| {
            w.chunk(chunk::INIT_ACK, 0, |w| {
                init_fields(w, THEIR_TAG, tsn);
                w.tlv(view::parameter::STATE_COOKIE, |w| w.bytes(b"the peer's cookie"));
                more(w);
            });
        });
    }

    /// A HEARTBEAT with the tag must be answered.
    pub(super) fn intact(&mut self) {
        self.peer(|w| w.chunk(chunk::HEARTBEAT, 0, |w| w.tlv(1, |w| w.bytes(b"whole or not"))));
        let answer = self.sent().pop().expect("an answer");
        assert_eq!((answer.kinds(), answer.tag), (vec![chunk::HEARTBEAT_ACK], self.theirs));
    }

    /// A HEARTBEAT with the tag draws a reflected ABORT.
    pub(super) fn gone(&mut self) {
        self.peer(|w| w.chunk(chunk::HEARTBEAT, 0, |w| w.tlv(1, |w| w.bytes(b"whole or not"))));
        let answer = self.one();
        assert_eq!((answer.kinds(), answer.tag), (vec![chunk::ABORT], self.ours));
        assert_eq!(answer.chunks[0].flags, 1);
        assert_eq!(self.state(), State::Closed);
    }
}

/// The cookie in an INIT ACK.
pub(super) fn cookie_of(init_ack: &Sent) -> Vec<u8> {
    view::Tlvs::new(&init_ack.chunks[0].value[16..])
        .map(|tlv| tlv.unwrap())
        .find(|tlv| tlv.kind == view::parameter::STATE_COOKIE)
        .unwrap()
        .value
        .to_vec()
}

#[test]
fn golden_init() {
    let mut bench = Bench::client();
    let (_, bytes) = bench.wire.sent.pop().unwrap();
    let tag = &bytes[16..20];
    let tsn = &bytes[28..32];
    let mut expected = vec![0x0b, 0x59, 0x0b, 0x59, 0, 0, 0, 0];
    expected.extend(&bytes[8..12]);
    // INIT of 26 octets: window 262,144, 17 streams each way, supported address types: IPv4.
    expected.extend([1, 0, 0, 26]);
    expected.extend(tag);
    expected.extend([0, 4, 0, 0, 0, 17, 0, 17]);
    expected.extend(tsn);
    expected.extend([0, 12, 0, 6, 0, 5, 0, 0]);
    assert_eq!(bytes, expected);
    assert_eq!(owner_key(&bytes), Some((2905, 2905)));
    assert_eq!(owner_key(&bytes[..3]), None);
    // A packet with a CRC computed elsewhere (RFC 3720's CRC32c over zeros and ports).
    let mut whole = bytes.clone();
    whole[8..12].fill(0);
    assert_eq!(crate::codec::crc32c::crc32c(&whole).to_le_bytes(), bytes[8..12]);
    assert_eq!(Chunks::resume(&bytes, COMMON_HEADER).count(), 1);
}
