//! The words that scripts are made of: what the peer says, what must come back and when, what our user is told.

use super::view::{Tlvs, parameter};
use super::*;

/// When something unanswered is repeated, in milliseconds after it was first sent: RTO.Initial and RTO.Max of RFC 9260
/// 16; the eleventh is when an association with Association.Max.Retrans 10 ends.
pub(super) const REPEATS: [u64; 11] =
    [1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000, 183_000, 243_000, 303_000, 363_000];

pub(super) const fn up(streams: u16) -> Change {
    Change::Up { streams }
}

pub(super) const fn down(reason: DownReason) -> Change {
    Change::Down { reason }
}

/// Packets and when they left, in milliseconds.
pub(super) type Watched = Vec<(u64, Sent)>;

pub(super) fn moments(watched: &[(u64, Sent)]) -> Vec<u64> {
    watched.iter().map(|(at, _)| *at).collect()
}

pub(super) fn payloads(messages: &[Message]) -> Vec<&[u8]> {
    messages.iter().map(|message| &message.payload[..]).collect()
}

/// Computes the checksum again after octets were changed.
pub(super) fn resum(bytes: &mut [u8]) {
    if bytes.len() >= 12 {
        let sum = view::checksum(bytes);
        bytes[8..12].copy_from_slice(&sum.to_le_bytes());
    }
}

/// The Unrecognized Parameters of an INIT ACK.
pub(super) fn reported(init_ack: &Sent) -> Vec<Vec<u8>> {
    Tlvs::new(&init_ack.chunks[0].value[16..])
        .map(|tlv| tlv.unwrap())
        .filter(|tlv| tlv.kind == parameter::UNRECOGNIZED)
        .map(|tlv| tlv.value.to_vec())
        .collect()
}

/// An ABORT with this tag, no T bit, and this first cause.
#[track_caller]
pub(super) fn assert_refusal(sent: &Sent, tag: u32, code: u16) {
    assert_eq!((sent.kinds(), sent.tag, sent.chunks[0].flags), (vec![chunk::ABORT], tag, 0));
    assert_eq!(sent.chunks[0].u16(0), code);
}

/// Fixed part of an INIT or INIT ACK of the peer's.
#[derive(Clone, Copy)]
pub(super) struct Fixed {
    pub(super) tag: u32,
    pub(super) window: u32,
    pub(super) streams: (u16, u16),
}

impl Fixed {
    pub(super) const GOOD: Self = Self { tag: THEIR_TAG, window: 100_000, streams: (17, 17) };

    pub(super) fn write(self, w: &mut PacketWriter<'_>) {
        w.u32(self.tag);
        w.u32(self.window);
        w.u16(self.streams.0);
        w.u16(self.streams.1);
        w.u32(THEIR_TSN);
    }
}

/// States to begin from.
impl Bench {
    /// An endpoint whose configuration `change` has changed.
    pub(super) fn configured(role: Role, change: impl FnOnce(&mut AssociationConfig)) -> Self {
        let mut config = config(role);
        change(&mut config);
        Self::new(config)
    }

    /// Our user connects: the INIT.
    pub(super) fn dial(mut self) -> (Self, Sent) {
        self.endpoint.connect(self.now, ID, &mut self.wire);
        let init = self.expect(&[chunk::INIT]);
        self.learn(&init);
        (self, init)
    }

    pub(super) fn cookie_wait() -> Self {
        Self::new(config(Role::Client)).dial().0
    }

    /// The INIT ACK has come and COOKIE ECHO has left.
    pub(super) fn cookie_echoed() -> Self {
        let mut bench = Self::cookie_wait();
        bench.init_ack(|_| {});
        bench.expect(&[chunk::COOKIE_ECHO]);
        bench
    }

    /// A client, established.
    pub(super) fn connected(mut self, more: impl FnOnce(&mut PacketWriter<'_>)) -> Self {
        self = self.dial().0;
        self.init_ack(more);
        self.expect(&[chunk::COOKIE_ECHO]);
        self.bare(chunk::COOKIE_ACK);
        assert_eq!(self.told(), [up(17)]);
        self
    }

    /// A server, established with a peer that lists these addresses.
    pub(super) fn accept_with(mut self, addresses: &[IpAddr]) -> Self {
        let init_ack = self.init(THEIR_TAG, |w| addresses.iter().for_each(|&address| w.address(address)));
        self.learn(&init_ack);
        self.echo(&init_ack);
        assert_eq!(self.sent()[0].kinds()[0], chunk::COOKIE_ACK);
        assert_eq!(self.told(), [up(17)]);
        self
    }

    /// An established association with a peer of two addresses, both confirmed.
    pub(super) fn two_paths(change: impl FnOnce(&mut AssociationConfig)) -> Self {
        let mut bench = Self::configured(Role::Server, change).accept_with(&[ip(OTHER)]);
        bench.confirm(1);
        bench
    }

    /// Answers HEARTBEATs until so many addresses are confirmed.
    pub(super) fn confirm(&mut self, mut addresses: usize) {
        while addresses > 0 {
            self.advance(10);
            for heartbeat in self.sent() {
                self.answer(&heartbeat);
                addresses -= 1;
            }
        }
        self.events();
    }

    /// With one message of ours not acknowledged.
    pub(super) fn unacknowledged() -> Self {
        let mut bench = Self::up();
        bench.send(b"under way").unwrap();
        bench.expect(&[chunk::DATA]);
        bench
    }

    pub(super) fn shutdown_pending() -> Self {
        let mut bench = Self::unacknowledged();
        bench.shutdown();
        bench.silent();
        assert_eq!(bench.state(), State::ShutdownPending);
        bench
    }

    pub(super) fn shutdown_sent() -> Self {
        let mut bench = Self::up();
        bench.shutdown();
        bench.expect(&[chunk::SHUTDOWN]);
        assert_eq!(bench.state(), State::ShutdownSent);
        bench
    }

    pub(super) fn shutdown_received() -> Self {
        let mut bench = Self::unacknowledged();
        bench.peer_shuts_down();
        bench.silent();
        assert_eq!(bench.state(), State::ShutdownReceived);
        bench
    }

    pub(super) fn shutdown_ack_sent() -> Self {
        let mut bench = Self::up();
        bench.peer_shuts_down();
        bench.expect(&[chunk::SHUTDOWN_ACK]);
        assert_eq!(bench.state(), State::ShutdownAckSent);
        bench
    }
}

/// What the peer says.
impl Bench {
    /// One chunk with this tag and these flags.
    pub(super) fn say_as(&mut self, tag: u32, flags: u8, kind: u8, value: &[u8]) {
        self.inject(tag, |w| w.chunk(kind, flags, |w| w.bytes(value)));
    }

    pub(super) fn say(&mut self, kind: u8, value: &[u8]) {
        self.say_as(self.ours, 0, kind, value);
    }

    pub(super) fn bare(&mut self, kind: u8) {
        self.say(kind, &[]);
    }

    /// An ERROR with one cause.
    pub(super) fn error(&mut self, code: u16, contents: &[u8]) {
        self.peer(|w| w.chunk(chunk::ERROR, 0, |w| w.tlv(code, |w| w.bytes(contents))));
    }

    /// An INIT with this fixed part; the answers are on the wire.
    pub(super) fn init_as(&mut self, fixed: Fixed, more: impl FnOnce(&mut PacketWriter<'_>)) {
        self.inject(0, |w| {
            w.chunk(chunk::INIT, 0, |w| {
                fixed.write(w);
                more(w);
            });
        });
    }

    /// An INIT ACK with this fixed part, and a cookie.
    pub(super) fn init_ack_as(&mut self, fixed: Fixed) {
        self.peer(|w| {
            w.chunk(chunk::INIT_ACK, 0, |w| {
                fixed.write(w);
                w.tlv(parameter::STATE_COOKIE, |w| w.u32(1));
            });
        });
    }

    /// HEARTBEAT ACK from where the HEARTBEAT went.
    pub(super) fn answer(&mut self, heartbeat: &Sent) {
        assert_eq!(heartbeat.kinds(), [chunk::HEARTBEAT]);
        let source = core::mem::replace(&mut self.source, heartbeat.flow.destination);
        self.say(chunk::HEARTBEAT_ACK, &heartbeat.chunks[0].value);
        self.source = source;
    }

    pub(super) fn acked(&mut self, tsn: u32) {
        self.peer(|w| sack(w, tsn, 100_000, &[]));
    }

    pub(super) fn gaps(&mut self, cumulative: u32, gaps: &[(u16, u16)]) {
        self.peer(|w| sack(w, cumulative, 100_000, gaps));
    }

    /// DATA on stream 0.
    pub(super) fn data(&mut self, flags: u8, tsn: u32, ssn: u16, payload: &[u8]) -> Vec<Message> {
        self.peer(|w| data(w, flags, tsn, 0, ssn, payload))
    }

    /// SHUTDOWN that acknowledges nothing.
    pub(super) fn peer_shuts_down(&mut self) {
        let tsn = self.our_tsn.wrapping_sub(1);
        self.say(chunk::SHUTDOWN, &tsn.to_be_bytes());
    }

    /// A packet of the peer's whose octets `change` changes before the checksum.
    pub(super) fn peer_wrongly(
        &mut self,
        write: impl FnOnce(&mut PacketWriter<'_>),
        change: impl FnOnce(&mut Vec<u8>),
    ) -> Vec<Message> {
        let mut bytes = packet(self.ours, write);
        change(&mut bytes);
        resum(&mut bytes);
        let got = self.bytes(&bytes);
        self.flush();
        got
    }
}

/// What our user does.
impl Bench {
    pub(super) fn shutdown(&mut self) {
        self.endpoint.shutdown(self.now, ID, &mut self.wire);
        self.flush();
    }

    pub(super) fn abort(&mut self, reason: &[u8]) {
        self.endpoint.abort(self.now, ID, reason, &mut self.wire);
        self.flush();
    }

    /// So many small messages in one turn.
    pub(super) fn send_many(&mut self, count: usize) {
        for _ in 0..count {
            self.endpoint.send(self.now, ID, 0, 3, b"one of many").unwrap();
        }
        self.flush();
    }

    /// Sends whole chunks, and grows the window until so many are under way; the first of them and the next TSN.
    pub(super) fn widen(&mut self, chunks: u32) -> (u32, u32) {
        for _ in 0..300 {
            self.endpoint.send(self.now, ID, 0, 3, &[0; 1452]).unwrap();
        }
        self.flush();
        let (mut first, mut next) = (self.our_tsn, self.our_tsn);
        loop {
            next += self.tsns().len() as u32;
            if next - first >= chunks {
                return (first, next);
            }
            first += 1;
            self.acked(first - 1);
        }
    }

    pub(super) fn refuses_to_send(&mut self) {
        assert_eq!(self.send(b"too late"), Err(SendRefused::NotUp));
        self.silent();
    }
}

/// What must come of it.
impl Bench {
    /// One packet of these chunks, and no other, with the right tag and no T bit.
    #[track_caller]
    pub(super) fn expect(&mut self, kinds: &[u8]) -> Sent {
        let sent = self.one();
        assert_eq!(sent.kinds(), kinds);
        assert_eq!(sent.tag, if kinds == [chunk::INIT] { 0 } else { self.theirs });
        assert!(sent.chunks.iter().all(|chunk| chunk.kind == chunk::DATA || chunk.flags == 0));
        sent
    }

    /// One packet of one chunk that reflects `tag`, with the T bit.
    #[track_caller]
    pub(super) fn reflected(&mut self, kind: u8, tag: u32) {
        let sent = self.one();
        assert_eq!((sent.kinds(), sent.tag, sent.chunks[0].flags), (vec![kind], tag, 1));
    }

    /// Nothing before so many milliseconds from now; then one packet of these chunks.
    #[track_caller]
    pub(super) fn after(&mut self, millis: u64, kinds: &[u8]) -> Sent {
        self.advance(millis - 1);
        self.silent();
        self.advance(1);
        self.expect(kinds)
    }

    /// Runs the timers for so many milliseconds: what leaves, and when.
    pub(super) fn watch(&mut self, millis: u64) -> Watched {
        let start = self.now;
        let end = start + Duration::from_millis(millis);
        let mut watched = Vec::new();
        while self.endpoint.poll_timeout() <= end {
            self.now = self.now.max(self.endpoint.poll_timeout());
            self.endpoint.handle_timeout(self.now, &mut self.wire);
            self.endpoint.assert_invariants();
            let at = self.now.since(start).as_millis() as u64;
            watched.extend(self.sent().into_iter().map(|sent| (at, sent)));
        }
        self.now = end;
        watched
    }

    /// What was not acknowledged of the association before: whether it had left, and the message.
    pub(super) fn left(&self) -> Vec<(bool, Vec<u8>)> {
        let mut left = vec![];
        self.endpoint.left(ID, &mut |message| left.push((message.sent, message.payload.to_vec())));
        left
    }

    /// Our user reads (again) what it had let wait.
    pub(super) fn read(&mut self) -> Vec<Message> {
        let mut got = vec![];
        while let Some(Event::Data { stream, ppid, payload, .. }) = self.endpoint.read(ID, &mut self.cursor) {
            got.push(Message { stream, ppid, payload: payload.to_vec() });
        }
        self.flush();
        got
    }

    /// What our user was told of the association, its paths apart.
    pub(super) fn told(&mut self) -> Vec<Change> {
        let mut events = self.events();
        events.retain(|change| {
            matches!(change, Change::Up { .. } | Change::Down { .. } | Change::Restarted { .. })
        });
        events
    }

    /// The TSNs of the DATA chunks sent since the last look.
    pub(super) fn tsns(&mut self) -> Vec<u32> {
        let chunks = self.sent().into_iter().flat_map(|sent| sent.chunks);
        chunks.filter(|chunk| chunk.kind == chunk::DATA).map(|chunk| chunk.u32(0)).collect()
    }

    /// Where the packets sent since the last look went.
    pub(super) fn destinations(&mut self) -> Vec<IpAddr> {
        self.sent().iter().map(|sent| sent.flow.destination).collect()
    }

    /// The SACK sent: cumulative TSN, gap blocks, duplicates.
    #[track_caller]
    pub(super) fn sack_sent(&mut self) -> (u32, Vec<(u16, u16)>, Vec<u32>) {
        let sent = self.one();
        let sack = sent.chunks.iter().find(|chunk| chunk.kind == chunk::SACK).expect("a SACK");
        let gaps = usize::from(sack.u16(8));
        let duplicates = usize::from(sack.u16(10));
        (
            sack.u32(0),
            (0..gaps).map(|at| (sack.u16(12 + 4 * at), sack.u16(14 + 4 * at))).collect(),
            (0..duplicates).map(|at| sack.u32(12 + 4 * (gaps + at))).collect(),
        )
    }

    /// The last SACK, waited for.
    #[track_caller]
    pub(super) fn last_sack(&mut self) -> (u32, Vec<(u16, u16)>, Vec<u32>) {
        self.advance(300);
        let last = self.wire.sent.pop().unwrap();
        self.wire.sent = vec![last];
        self.sack_sent()
    }

    /// How the path to `address` stands.
    pub(super) fn path(&self, address: &str) -> PathState {
        let association = &self.endpoint.associations[0];
        let path = association.paths.iter().find(|path| path.remote == ip(address)).expect("a path");
        path.state(&association.config.timers)
    }

    /// DATA still flows both ways; `ssn` is the peer's next one.
    #[track_caller]
    pub(super) fn carries(&mut self, ssn: u16) {
        let tsn = THEIR_TSN + u32::from(ssn);
        assert_eq!(payloads(&self.data(WHOLE, tsn, ssn, b"still there")), [b"still there"]);
        self.sent();
        self.send(b"still here").unwrap();
        let last = self.sent().pop().expect("DATA");
        assert_eq!((last.kinds().last(), last.tag), (Some(&chunk::DATA), self.theirs));
    }
}
