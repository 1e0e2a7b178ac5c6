//! An endpoint of ours on two paths, and the peer that a fuzzer plays: what it knows of us from our own packets.

use crate::base::{Flow, Out, SipKey, Time};
use crate::proto::sctp::view::{Init, Packet, Tlvs, chunk, parameter};
use crate::proto::sctp::{
    AssociationConfig, AssociationId, Cursor, Endpoint, Event, MESSAGE_LIMIT, PacketWriter, Role, State,
    Timers,
};
use crate::work;
use std::net::IpAddr;
use std::time::Duration;

pub const ID: AssociationId = AssociationId(0);
/// Edges that an event may cost, for what is queued and held; and for each octet of a packet.
const WORK: (u64, u64) = (400_000, 2_000);

pub fn address(side: u8, path: u8, ipv6: bool) -> IpAddr {
    if ipv6 {
        IpAddr::from([0x2001, 0xdb8, u16::from(path), 0, 0, 0, 0, u16::from(side) + 1])
    } else {
        IpAddr::from([10, 0, path, side + 1])
    }
}

/// Two paths, small windows.
pub fn configuration(role: Role, ipv6: bool) -> AssociationConfig {
    let mut config = AssociationConfig::new(role, address(0, 0, ipv6), address(1, 0, ipv6));
    config.local.push(address(0, 1, ipv6));
    config.remote.push(address(1, 1, ipv6));
    config.send_ring = 1;
    config.receive_window = 8000;
    config.streams = 5;
    config.max_in_streams = 7;
    config
}

/// Keeps what is sent.
#[derive(Default)]
pub struct Wire {
    sent: Vec<(Flow, Vec<u8>)>,
    room: Vec<u8>,
    pub closed: bool,
}

impl Wire {
    pub fn take(&mut self) -> Vec<(Flow, Vec<u8>)> {
        core::mem::take(&mut self.sent)
    }
}

impl Out for Wire {
    fn room(&mut self) -> Option<&mut [u8]> {
        self.room.resize(1920, 0xa5);
        (!self.closed).then_some(&mut self.room[..])
    }

    fn commit(&mut self, len: usize, flow: Flow) {
        self.sent.push((flow, self.room[..len].to_vec()));
    }
}

pub struct Bench {
    pub endpoint: Endpoint,
    pub now: Time,
    pub wire: Wire,
    pub config: AssociationConfig,
    cursor: Cursor,
    pub ipv6: bool,
    /// Where the last packet went: an address of the host, if not of the association.
    destination: IpAddr,
    /// Our tag; the one of our last INIT ACK; the peer's.
    pub ours: u32,
    pub offered: u32,
    pub theirs: u32,
    /// Our highest TSN seen, and the peer's next.
    pub our_tsn: u32,
    pub tsn: u32,
    /// The cookie of our last INIT ACK, and our last HEARTBEAT's contents, by path.
    pub cookie: Vec<u8>,
    pub heartbeats: [Vec<u8>; 2],
}

impl Bench {
    pub fn new(options: u8) -> Self {
        let role = if options & 1 == 0 { Role::Client } else { Role::Server };
        let ipv6 = options & 2 != 0;
        let mut config = configuration(role, ipv6);
        if options & 4 != 0 {
            config.timers = Timers::RFC_9260;
        }
        if options & 8 != 0 {
            config.timers.heartbeat = Duration::ZERO;
            config.timers.sack_delay = Duration::ZERO;
        }
        Self {
            endpoint: Endpoint::new(vec![config.clone()], [1; 32], SipKey::new([2; 16])),
            now: Time::from_millis(1000),
            wire: Wire::default(),
            config,
            cursor: Cursor::new(),
            ipv6,
            destination: address(0, 0, ipv6),
            ours: 0,
            offered: 0,
            theirs: 0x0bad_cafe,
            our_tsn: 0,
            tsn: 1000,
            cookie: vec![],
            heartbeats: [vec![], vec![]],
        }
    }

    pub fn state(&self) -> State {
        self.endpoint.state(ID)
    }

    /// Something that the endpoint does.
    pub fn act(&mut self, octets: usize, act: impl FnOnce(&mut Endpoint, Time, &mut Wire)) {
        let ((), work) = work::of(|| act(&mut self.endpoint, self.now, &mut self.wire));
        assert!(work <= WORK.0 + WORK.1 * octets as u64, "{work} edges for {octets} octets");
        self.look(2 + octets / 4);
    }

    pub fn inject(&mut self, source: IpAddr, destination: IpAddr, packet: &[u8]) {
        let mut cursor = core::mem::take(&mut self.cursor);
        cursor.reset();
        self.destination = destination;
        let streams = self.config.max_in_streams;
        self.act(packet.len(), |endpoint, now, wire| {
            let mut messages = 0;
            while let Some(Event::Data { stream, payload, .. }) =
                endpoint.input(now, source, destination, packet, &mut cursor, wire)
            {
                messages += 1;
                assert!(stream < streams && (1..=MESSAGE_LIMIT).contains(&payload.len()));
                // A fragment that was missing may let all go that is held.
                assert!(messages <= 8000 + packet.len() / 17);
            }
        });
        self.cursor = cursor;
    }

    /// The user reads what it had let wait; and what is left of an association.
    pub fn read(&mut self) {
        let mut cursor = core::mem::take(&mut self.cursor);
        self.act(300, |endpoint, _, _| {
            while let Some(Event::Data { payload, .. }) = endpoint.read(ID, &mut cursor) {
                assert!((1..=MESSAGE_LIMIT).contains(&payload.len()));
            }
            endpoint.left(ID, &mut |left| assert!((1..=MESSAGE_LIMIT).contains(&left.payload.len())));
        });
        self.cursor = cursor;
    }

    pub fn flush(&mut self) {
        self.act(300, |endpoint, now, wire| endpoint.flush(now, wire));
    }

    pub fn pass(&mut self, span: Duration) {
        self.now += span;
        self.act(300, |endpoint, now, wire| endpoint.handle_timeout(now, wire));
    }

    /// Everything that we have sent is well-formed; takes note of what a peer would.
    fn look(&mut self, most: usize) {
        while self.endpoint.poll_event().is_some() {}
        self.endpoint.assert_invariants();
        let sent = self.wire.take();
        assert!(sent.len() <= most, "{} packets leave", sent.len());
        let limit = usize::from(self.config.mtu) - if self.ipv6 { 40 } else { 20 };
        for (flow, bytes) in sent {
            assert!(bytes.len() % 4 == 0 && bytes.len() <= limit, "{} octets", bytes.len());
            assert!(self.config.local.contains(&flow.source) || flow.source == self.destination);
            let packet = Packet::parse(&bytes).expect("what we send is well-formed");
            for chunk in packet.chunks() {
                let chunk = chunk.expect("what we send is well-formed");
                match chunk.kind {
                    chunk::INIT | chunk::INIT_ACK => {
                        let init = Init::parse(&chunk).expect("what we send is well-formed");
                        assert!(init.tag != 0 && !init.is_invalid());
                        if chunk.kind == chunk::INIT {
                            (self.ours, self.our_tsn) = (init.tag, init.tsn.wrapping_sub(1));
                        } else {
                            self.offered = init.tag;
                            self.our_tsn = init.tsn.wrapping_sub(1);
                        }
                        for parameter in init.parameters {
                            let parameter = parameter.expect("what we send is well-formed");
                            if parameter.kind == parameter::STATE_COOKIE {
                                self.cookie = parameter.value.to_vec();
                            }
                        }
                    }
                    chunk::COOKIE_ACK => self.ours = self.offered,
                    chunk::DATA => {
                        let tsn = chunk.value.first_chunk().map_or(0, |tsn| u32::from_be_bytes(*tsn));
                        self.our_tsn = tsn;
                    }
                    chunk::HEARTBEAT => {
                        let path = usize::from(self.config.remote.get(1) == Some(&flow.destination));
                        self.heartbeats[path] = chunk.value.to_vec();
                    }
                    chunk::ERROR | chunk::ABORT => {
                        assert!(Tlvs::new(chunk.value).all(|cause| cause.is_ok()), "causes are well-formed");
                    }
                    _ => {}
                }
            }
        }
    }

    /// A packet of the peer's, on its first path.
    pub fn peer(&mut self, tag: u32, write: impl FnOnce(&mut PacketWriter<'_>)) {
        let packet = packet(tag, write);
        self.inject(address(1, 0, self.ipv6), address(0, 0, self.ipv6), &packet);
    }

    /// Answers every HEARTBEAT that was seen.
    pub fn answer_heartbeats(&mut self) {
        for path in 0..2 {
            let contents = core::mem::take(&mut self.heartbeats[path]);
            if !contents.is_empty() {
                let packet = packet(self.ours, |w| w.chunk(chunk::HEARTBEAT_ACK, 0, |w| w.bytes(&contents)));
                self.inject(address(1, path as u8, self.ipv6), address(0, path as u8, self.ipv6), &packet);
            }
        }
    }

    /// Brings the association into a state, as a peer that follows the rules would.
    pub fn reach(&mut self, state: u8) {
        if state == 0 {
            return;
        }
        let (theirs, tsn, ipv6) = (self.theirs, self.tsn, self.ipv6);
        let init = |w: &mut PacketWriter<'_>, kind: u8, cookie: &[u8]| {
            w.chunk(kind, 0, |w| {
                w.u32(theirs);
                w.u32(10_000);
                w.u32(7 << 16 | 7);
                w.u32(tsn);
                w.address(address(1, 1, ipv6));
                if !cookie.is_empty() {
                    w.tlv(parameter::STATE_COOKIE, |w| w.bytes(cookie));
                }
            });
        };
        self.act(300, |endpoint, now, wire| endpoint.connect(now, ID, wire));
        if self.config.role == Role::Client && state != 4 {
            if state == 1 {
                return;
            }
            self.peer(self.ours, |w| init(w, chunk::INIT_ACK, b"a peer's cookie"));
            if state == 2 {
                return;
            }
            self.peer(self.ours, |w| w.chunk(chunk::COOKIE_ACK, 0, |_| {}));
        } else {
            self.peer(0, |w| init(w, chunk::INIT, &[]));
            let cookie = self.cookie.clone();
            self.peer(self.offered, |w| w.chunk(chunk::COOKIE_ECHO, 0, |w| w.bytes(&cookie)));
        }
        self.pass(Duration::ZERO);
        self.answer_heartbeats();
        let end = |bench: &mut Self, cumulative: u32| {
            bench.peer(bench.ours, |w| w.chunk(chunk::SHUTDOWN, 0, |w| w.u32(cumulative)));
        };
        let send = |bench: &mut Self| {
            for stream in 0..5 {
                let _ = bench.endpoint.send(bench.now, ID, stream, 3, &[stream as u8; 700]);
            }
            bench.flush();
        };
        let before = self.our_tsn;
        match state {
            5 => send(self),
            6 => self.act(300, |endpoint, now, wire| endpoint.shutdown(now, ID, wire)),
            7 => end(self, before),
            8 => {
                send(self);
                self.act(300, |endpoint, now, wire| endpoint.shutdown(now, ID, wire));
            }
            9 => {
                send(self);
                end(self, before);
            }
            _ => {}
        }
    }
}

/// A packet from the peer's port to ours.
pub fn packet(tag: u32, write: impl FnOnce(&mut PacketWriter<'_>)) -> Vec<u8> {
    let mut room = vec![0; 4096];
    let mut writer = PacketWriter::new(&mut room, 4096, (2905, 2905), tag);
    write(&mut writer);
    let length = writer.finish().unwrap_or(0);
    room.truncate(length);
    room
}
