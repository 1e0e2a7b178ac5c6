//! Ending: ETSI TS 102 369 group AT and its neighbours in DM and IMH; RFC 9260 9.

use super::view::cause;
use super::*;

fn kinds(sent: &[Sent]) -> Vec<Vec<u8>> {
    sent.iter().map(Sent::kinds).collect()
}

impl Bench {
    fn shutdown(&mut self) {
        self.endpoint.shutdown(self.now, ID, &mut self.wire);
        self.flush();
    }

    /// With one message of ours not acknowledged.
    fn unacknowledged() -> Self {
        let mut bench = Self::up();
        bench.send(b"under way").unwrap();
        assert_eq!(bench.one().kinds(), [chunk::DATA]);
        bench
    }

    fn shutdown_sent() -> Self {
        let mut bench = Self::up();
        bench.shutdown();
        assert_eq!(bench.one().kinds(), [chunk::SHUTDOWN]);
        assert_eq!(bench.state(), State::ShutdownSent);
        bench
    }

    fn shutdown_ack_sent() -> Self {
        let mut bench = Self::up();
        bench.peer_shuts_down();
        assert_eq!(bench.one().kinds(), [chunk::SHUTDOWN_ACK]);
        assert_eq!(bench.state(), State::ShutdownAckSent);
        bench
    }

    fn peer_shuts_down(&mut self) {
        let tsn = self.our_tsn.wrapping_sub(1);
        self.peer(|w| w.chunk(chunk::SHUTDOWN, 0, |w| w.u32(tsn)));
    }

    fn acknowledge(&mut self) {
        let tsn = self.our_tsn;
        self.peer(|w| sack(w, tsn, 10_000, &[]));
    }

    fn bare(&mut self, kind: u8) {
        self.peer(|w| w.chunk(kind, 0, |_| {}));
    }
}

#[test]
fn at_v_2_2_abort() {
    let mut bench = Bench::up();
    bench.peer(|w| w.chunk(chunk::ABORT, 0, |w| w.tlv(cause::USER_ABORT, |w| w.bytes(b"bye"))));
    bench.silent();
    assert_eq!(bench.events(), [Change::Down { reason: DownReason::Aborted { cause: 12 } }]);
    bench.gone();
    // The place is free again.
    bench.tsn = THEIR_TSN;
    bench.accept().intact();
}

#[test]
fn at_i_2_3_shutdown_waits_for_the_last_sack() {
    let mut bench = Bench::unacknowledged();
    bench.shutdown();
    bench.silent();
    assert_eq!(bench.state(), State::ShutdownPending);
    // AT-I-2-7-3.
    assert_eq!(bench.send(b"too late"), Err(SendRefused::NotUp));
    bench.peer(|w| data(w, WHOLE, THEIR_TSN, 0, 0, b"still welcome"));
    assert_eq!(bench.one().kinds(), [chunk::SACK]);
    bench.acknowledge();
    let shutdown = bench.one();
    assert_eq!((shutdown.kinds(), shutdown.chunks[0].u32(0)), (vec![chunk::SHUTDOWN], THEIR_TSN));
}

#[test]
fn at_i_2_4_to_2_7_shutdown_sent() {
    let mut bench = Bench::shutdown_sent();
    assert_eq!(bench.send(b"too late"), Err(SendRefused::NotUp));
    bench.advance(1000);
    assert_eq!(bench.one().kinds(), [chunk::SHUTDOWN]);
    // IMH-I-3-9.
    let wrong = bench.ours ^ 1;
    bench.inject(wrong, |w| w.chunk(chunk::SHUTDOWN_ACK, 0, |_| {}));
    bench.silent();
    bench.bare(chunk::SHUTDOWN_ACK);
    let complete = bench.one();
    assert_eq!((complete.kinds(), complete.tag), (vec![chunk::SHUTDOWN_COMPLETE], THEIR_TAG));
    assert_eq!(complete.chunks[0].flags, 0);
    assert_eq!(bench.events(), [Change::Down { reason: DownReason::Shutdown }]);
    bench.advance(100_000);
    bench.silent();
    bench.gone();
}

#[test]
fn at_i_2_5_and_2_12_silence() {
    for (mut bench, kind) in
        [(Bench::shutdown_sent(), chunk::SHUTDOWN), (Bench::shutdown_ack_sent(), chunk::SHUTDOWN_ACK)]
    {
        bench.advance(1_000_000);
        let sent = kinds(&bench.sent());
        let repeats = sent.iter().filter(|kinds| kinds[0] == kind).count();
        // T5 (5 times RTO.Max) ends the first before the tenth repeat, the limit the second after it.
        assert_eq!(repeats, if kind == chunk::SHUTDOWN { 9 } else { 10 });
        assert_eq!(sent.last(), Some(&vec![chunk::ABORT]));
        assert_eq!(bench.events(), [Change::Down { reason: DownReason::Lost }]);
    }
}

#[test]
fn at_i_2_8_data_in_shutdown_sent() {
    let mut bench = Bench::shutdown_sent();
    for (ssn, tsn) in [(0, THEIR_TSN), (1, THEIR_TSN + 1)] {
        bench.advance(600);
        assert_eq!(bench.peer(|w| data(w, WHOLE, tsn, 0, ssn, b"late")).len(), 1);
        let answer = bench.one();
        let shutdown = answer.chunks.last().unwrap();
        assert_eq!((shutdown.kind, shutdown.u32(0)), (chunk::SHUTDOWN, tsn));
    }
    bench.advance(999);
    bench.silent();
    bench.advance(1);
    assert_eq!(bench.one().kinds(), [chunk::SHUTDOWN]);
}

#[test]
fn at_i_2_9_to_2_11_shutdown_received() {
    let mut bench = Bench::unacknowledged();
    bench.peer_shuts_down();
    bench.silent();
    assert_eq!(bench.state(), State::ShutdownReceived);
    // AT-I-2-7-2 and AT-I-2-9.
    assert_eq!(bench.send(b"too late"), Err(SendRefused::NotUp));
    assert_eq!(bench.peer(|w| data(w, WHOLE, THEIR_TSN, 0, 0, b"against the rules")), []);
    bench.silent();
    // AT-I-2-10: what is under way goes on.
    bench.advance(1000);
    assert_eq!(bench.one().kinds(), [chunk::DATA]);
    bench.acknowledge();
    assert_eq!(bench.one().kinds(), [chunk::SHUTDOWN_ACK]);
    bench.advance(2000);
    assert_eq!(bench.one().kinds(), [chunk::SHUTDOWN_ACK]);
}

#[test]
fn at_i_2_13_shutdown_complete() {
    let mut bench = Bench::shutdown_ack_sent();
    // AT-I-2-7-4, DM-O-4-10.
    assert_eq!(bench.send(b"too late"), Err(SendRefused::NotUp));
    assert_eq!(bench.peer(|w| data(w, WHOLE, THEIR_TSN, 0, 0, b"against the rules")), []);
    bench.silent();
    // IMH-I-3-10, X-27: T bit and tag go together.
    for (tag, flag) in [(bench.ours ^ 1, 0), (bench.ours, 1), (THEIR_TAG, 0)] {
        bench.inject(tag, |w| w.chunk(chunk::SHUTDOWN_COMPLETE, flag, |_| {}));
        bench.silent();
        assert_eq!(bench.state(), State::ShutdownAckSent);
    }
    // BDC-I-7-3.
    bench.peer(|w| {
        w.chunk(chunk::SHUTDOWN_COMPLETE, 0, |_| {});
        data(w, WHOLE, THEIR_TSN, 0, 0, b"bundled");
    });
    bench.advance(1000);
    assert_eq!(bench.one().kinds(), [chunk::SHUTDOWN_ACK]);
    bench.bare(chunk::SHUTDOWN_COMPLETE);
    bench.silent();
    assert_eq!(bench.events(), [Change::Down { reason: DownReason::Shutdown }]);
    bench.gone();
    // Reflected it is as good.
    let mut bench = Bench::shutdown_ack_sent();
    bench.inject(THEIR_TAG, |w| w.chunk(chunk::SHUTDOWN_COMPLETE, 1, |_| {}));
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn at_v_2_14_shutdown_acknowledges() {
    let mut bench = Bench::unacknowledged();
    let tsn = bench.our_tsn;
    bench.peer(|w| w.chunk(chunk::SHUTDOWN, 0, |w| w.u32(tsn)));
    assert_eq!(bench.one().kinds(), [chunk::SHUTDOWN_ACK]);
    // What was never sent can't be acknowledged.
    let mut bench = Bench::unacknowledged();
    bench.peer(|w| w.chunk(chunk::SHUTDOWN, 0, |w| w.u32(tsn.wrapping_add(9))));
    bench.silent();
    assert_eq!(bench.state(), State::Established);
    // BDC-V-7-6.
    bench.peer(|w| {
        w.chunk(chunk::SHUTDOWN, 0, |w| w.u32(tsn.wrapping_sub(1)));
        sack(w, tsn, 10_000, &[]);
    });
    assert_eq!(bench.one().kinds(), [chunk::SHUTDOWN_ACK]);
}

#[test]
fn dm_o_4_2_2_init_in_shutdown_ack_sent() {
    let mut bench = Bench::up();
    // a restart prepared earlier.
    let restart = bench.init(0x1234, |_| {});
    bench.peer_shuts_down();
    bench.one();
    assert_eq!(bench.init(0x4321, |_| {}).kinds(), [chunk::SHUTDOWN_ACK]);
    bench.echo(&restart);
    assert_eq!(kinds(&bench.sent()), [[chunk::SHUTDOWN_ACK], [chunk::ERROR]]);
    assert_eq!(bench.state(), State::ShutdownAckSent);
}

#[test]
fn dm_o_4_5_shutdowns_cross() {
    let mut bench = Bench::shutdown_sent();
    bench.advance(500);
    bench.peer_shuts_down();
    assert_eq!(bench.one().kinds(), [chunk::SHUTDOWN_ACK]);
    bench.advance(999);
    bench.silent();
    bench.advance(1);
    assert_eq!(bench.one().kinds(), [chunk::SHUTDOWN_ACK]);
    // DM-O-4-7-3.
    bench.bare(chunk::SHUTDOWN_ACK);
    let complete = bench.one();
    assert_eq!((complete.kinds(), complete.chunks[0].flags), (vec![chunk::SHUTDOWN_COMPLETE], 0));
    bench.gone();
}

#[test]
fn dm_o_4_6_and_4_7_out_of_place() {
    // DM-O-4-6-1, DM-O-4-7-1, DM-O-4-9, in both states of a client's handshake.
    for echoed in [false, true] {
        let mut bench = Bench::client();
        let init = bench.one();
        bench.learn(&init);
        if echoed {
            bench.init_ack(|_| {});
            bench.one();
        }
        bench.peer_shuts_down();
        bench.bare(chunk::SHUTDOWN_COMPLETE);
        bench.silent();
        bench.bare(chunk::SHUTDOWN_ACK);
        let complete = bench.one();
        assert_eq!((complete.kinds(), complete.tag), (vec![chunk::SHUTDOWN_COMPLETE], bench.ours));
        assert_eq!(complete.chunks[0].flags, 1);
        bench.advance(1000);
        assert_eq!(bench.one().kinds(), [if echoed { chunk::COOKIE_ECHO } else { chunk::INIT }]);
    }
    // DM-O-4-7-2.
    let mut bench = Bench::up();
    bench.bare(chunk::SHUTDOWN_ACK);
    bench.bare(chunk::SHUTDOWN_COMPLETE);
    bench.silent();
    bench.intact();
    // BDC-V-7-8.
    let mut bench = Bench::shutdown_sent();
    let got = bench.peer(|w| {
        w.chunk(chunk::SHUTDOWN_ACK, 0, |_| {});
        data(w, WHOLE, THEIR_TSN, 0, 0, b"too late");
    });
    assert_eq!(got, []);
    assert_eq!(bench.one().kinds(), [chunk::SHUTDOWN_COMPLETE]);
}

#[test]
fn x_46_our_user_aborts() {
    let mut bench = Bench::unacknowledged();
    bench.endpoint.abort(bench.now, ID, b"maintenance", &mut bench.wire);
    let abort = bench.one();
    assert_eq!((abort.kinds(), abort.tag), (vec![chunk::ABORT], THEIR_TAG));
    assert_eq!(abort.chunks[0].value, [&[0, 12, 0, 15][..], b"maintenance"].concat());
    assert_eq!(bench.events(), [Change::Down { reason: DownReason::Local }]);
    assert_eq!(bench.endpoint.counts.data_lost, 1);
    bench.gone();
    // A client does not come back by itself, in whatever state it was.
    for wait in [0, 1] {
        let mut bench = Bench::client();
        let init = bench.one();
        bench.learn(&init);
        if wait == 1 {
            bench.init_ack(|_| {});
            bench.one();
        }
        bench.shutdown();
        bench.sent();
        assert_eq!(bench.events(), [Change::Down { reason: DownReason::Local }]);
        bench.advance(100_000);
        bench.silent();
    }
}

#[test]
fn changes_are_told_in_order_and_none_is_lost() {
    let mut bench = Bench::up();
    let bye = |bench: &mut Bench| bench.bare(chunk::ABORT);
    bye(&mut bench);
    let answer = bench.init(THEIR_TAG, |_| {});
    bench.learn(&answer);
    bench.echo(&answer);
    bench.sent();
    assert_eq!(
        bench.events(),
        [Change::Down { reason: DownReason::Aborted { cause: 0 } }, Change::Up { streams: 17 }]
    );
    bye(&mut bench);
    let answer = bench.init(THEIR_TAG, |_| {});
    bench.learn(&answer);
    bench.echo(&answer);
    bench.sent();
    bye(&mut bench);
    assert_eq!(bench.events(), [Change::Down { reason: DownReason::Aborted { cause: 0 } }]);
}

/// the last DATA of who wants to end asks for its SACK at once.
#[test]
fn x_37_the_last_data_is_in_a_hurry() {
    let mut bench = Bench::up();
    for _ in 0..20 {
        bench.endpoint.send(bench.now, ID, 0, 3, &[0; 1000]).unwrap();
    }
    bench.endpoint.shutdown(bench.now, ID, &mut bench.wire);
    let mut flags = vec![];
    let mut tsn = bench.our_tsn;
    while flags.len() < 20 {
        bench.flush();
        let sent = bench.sent();
        let data: Vec<Seen> =
            sent.into_iter().flat_map(|sent| sent.chunks).filter(|chunk| chunk.kind == chunk::DATA).collect();
        tsn = tsn.wrapping_add(data.len() as u32);
        flags.extend(data.iter().map(|chunk| chunk.flags & 8));
        bench.peer(|w| sack(w, tsn.wrapping_sub(1), 100_000, &[]));
    }
    assert_eq!(flags.iter().filter(|flag| **flag != 0).count(), 1, "{flags:?}");
    assert_eq!(flags.last(), Some(&8));
}
