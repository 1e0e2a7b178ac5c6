//! Ending: ETSI TS 102 369 group AT; RFC 9260 9.

use super::script::*;
use super::view::cause;
use super::*;

/// AT-V-2-2: ABORT with the right tag; the place is free again (9.1).
#[test]
fn sctp_at_v_2_2() {
    let mut bench = Bench::up();
    bench.peer(|w| w.chunk(chunk::ABORT, 0, |w| w.tlv(cause::USER_ABORT, |w| w.bytes(b"bye"))));
    bench.silent();
    assert_eq!(bench.told(), [down(DownReason::Aborted { cause: 12 })]);
    bench.gone();
    bench.accept().intact();
}

/// AT-I-2-3: SHUTDOWN waits until everything is acknowledged (9.2).
#[test]
fn sctp_at_i_2_3() {
    let mut bench = Bench::shutdown_pending();
    assert_eq!(bench.data(WHOLE, THEIR_TSN, 0, b"still welcome").len(), 1);
    bench.expect(&[chunk::SACK]);
    bench.acked(bench.our_tsn);
    assert_eq!(bench.expect(&[chunk::SHUTDOWN]).chunks[0].u32(0), THEIR_TSN);
    assert_eq!(bench.state(), State::ShutdownSent);
}

/// AT-I-2-4: SHUTDOWN is repeated after one RTO (9.2).
#[test]
fn sctp_at_i_2_4() {
    Bench::shutdown_sent().after(1000, &[chunk::SHUTDOWN]);
}

/// AT-I-2-5: no answer to SHUTDOWN: T5, five times RTO.Max, is over before Association.Max.Retrans (9.2).
#[test]
fn sctp_at_i_2_5() {
    let mut bench = Bench::shutdown_sent();
    let seen = bench.watch(300_000);
    assert_eq!(moments(&seen), [&REPEATS[..9], &[300_000]].concat());
    assert!(seen[..9].iter().all(|(_, sent)| sent.kinds() == [chunk::SHUTDOWN]));
    assert_eq!(seen[9].1.kinds(), [chunk::ABORT]);
    assert_eq!(bench.told(), [down(DownReason::Lost)]);
    // Where RTO.Max leaves T5 more time, the limit ends it.
    let retrans = |config: &mut AssociationConfig| config.timers.association_max_retrans = 2;
    let mut bench = Bench::configured(Role::Server, retrans).accept();
    bench.shutdown();
    assert_eq!(bench.one().kinds(), [chunk::SHUTDOWN]);
    assert_eq!(moments(&bench.watch(6999)), [1000, 3000]);
    bench.advance(1);
    assert_eq!(bench.told(), [down(DownReason::Lost)]);
}

/// AT-V-2-6: SHUTDOWN ACK in SHUTDOWN-SENT (9.2).
#[test]
fn sctp_at_v_2_6() {
    let mut bench = Bench::shutdown_sent();
    bench.bare(chunk::SHUTDOWN_ACK);
    bench.expect(&[chunk::SHUTDOWN_COMPLETE]);
    assert_eq!(bench.told(), [down(DownReason::Shutdown)]);
    bench.advance(100_000);
    bench.silent();
    bench.gone();
}

/// AT-I-2-7-1: nothing is accepted in SHUTDOWN-SENT, and T2 goes on (9.2).
#[test]
fn sctp_at_i_2_7_1() {
    let mut bench = Bench::shutdown_sent();
    bench.advance(500);
    bench.refuses_to_send();
    bench.after(500, &[chunk::SHUTDOWN]);
}

/// AT-I-2-7-2: nothing is accepted in SHUTDOWN-RECEIVED, and what was accepted before is finished (9.2).
#[test]
fn sctp_at_i_2_7_2() {
    let mut bench = Bench::shutdown_received();
    bench.refuses_to_send();
    assert_eq!(bench.after(1000, &[chunk::DATA]).chunks[0].u32(0), bench.our_tsn);
    bench.acked(bench.our_tsn);
    bench.expect(&[chunk::SHUTDOWN_ACK]);
}

/// AT-I-2-7-3: nothing is accepted in SHUTDOWN-PENDING (9.2).
#[test]
fn sctp_at_i_2_7_3() {
    let mut bench = Bench::shutdown_pending();
    bench.refuses_to_send();
    bench.acked(bench.our_tsn);
    bench.expect(&[chunk::SHUTDOWN]);
}

/// AT-I-2-7-4: nothing is accepted in SHUTDOWN-ACK-SENT (9.2).
#[test]
fn sctp_at_i_2_7_4() {
    let mut bench = Bench::shutdown_ack_sent();
    bench.refuses_to_send();
    assert!(bench.watch(10_000).iter().all(|(_, sent)| sent.kinds() == [chunk::SHUTDOWN_ACK]));
}

/// AT-I-2-8: DATA in SHUTDOWN-SENT is delivered, and each draws a SHUTDOWN at once, which restarts T2 (9.2).
#[test]
fn sctp_at_i_2_8() {
    let mut bench = Bench::shutdown_sent();
    for (ssn, tsn) in [(0, THEIR_TSN), (1, THEIR_TSN + 1)] {
        bench.advance(600);
        assert_eq!(bench.data(WHOLE, tsn, ssn, b"late").len(), 1);
        let answer = bench.one();
        let shutdown = answer.chunks.last().unwrap();
        assert_eq!((shutdown.kind, shutdown.u32(0)), (chunk::SHUTDOWN, tsn));
    }
    bench.after(1000, &[chunk::SHUTDOWN]);
    // What is missing needs a SACK as well.
    bench.data(WHOLE, THEIR_TSN + 3, 3, b"later");
    let answer = bench.expect(&[chunk::SACK, chunk::SHUTDOWN]);
    assert_eq!((answer.chunks[0].u16(8), answer.chunks[1].u32(0)), (1, THEIR_TSN + 1));
}

/// AT-I-2-9: DATA behind the peer's SHUTDOWN is dropped (6).
#[test]
fn sctp_at_i_2_9() {
    let mut bench = Bench::shutdown_received();
    assert_eq!(bench.data(WHOLE, THEIR_TSN, 0, b"against the rules"), []);
    bench.silent();
    bench.acked(bench.our_tsn);
    bench.expect(&[chunk::SHUTDOWN_ACK]);
    assert_eq!(bench.state(), State::ShutdownAckSent);
}

/// AT-I-2-10: SHUTDOWN while DATA is not acknowledged: T3 goes on (9.2).
#[test]
fn sctp_at_i_2_10() {
    let mut bench = Bench::shutdown_received();
    bench.after(1000, &[chunk::DATA]);
    bench.after(2000, &[chunk::DATA]);
    bench.acked(bench.our_tsn);
    bench.expect(&[chunk::SHUTDOWN_ACK]);
}

/// AT-I-2-11: SHUTDOWN ACK is repeated after one RTO (9.2).
#[test]
fn sctp_at_i_2_11() {
    Bench::shutdown_ack_sent().after(1000, &[chunk::SHUTDOWN_ACK]);
}

/// AT-I-2-12: no answer to SHUTDOWN ACK (9.2).
#[test]
fn sctp_at_i_2_12() {
    let mut bench = Bench::shutdown_ack_sent();
    let seen = bench.watch(REPEATS[10] - 1);
    assert_eq!(moments(&seen), REPEATS[..10]);
    assert!(seen.iter().all(|(_, sent)| sent.kinds() == [chunk::SHUTDOWN_ACK]));
    bench.advance(1);
    assert_eq!(bench.told(), [down(DownReason::Lost)]);
    bench.sent();
    bench.gone();
}

/// AT-I-2-13: SHUTDOWN COMPLETE in SHUTDOWN-ACK-SENT (9.2).
#[test]
fn sctp_at_i_2_13() {
    let mut bench = Bench::shutdown_ack_sent();
    bench.bare(chunk::SHUTDOWN_COMPLETE);
    assert_eq!(bench.told(), [down(DownReason::Shutdown)]);
    bench.advance(100_000);
    bench.silent();
    bench.gone();
}

/// AT-V-2-14: SHUTDOWN acknowledges DATA; but none that was never sent (9.2).
#[test]
fn sctp_at_v_2_14() {
    let mut bench = Bench::unacknowledged();
    let tsn = bench.our_tsn;
    bench.say(chunk::SHUTDOWN, &tsn.wrapping_add(9).to_be_bytes());
    bench.silent();
    assert_eq!(bench.state(), State::Established);
    bench.say(chunk::SHUTDOWN, &tsn.to_be_bytes());
    bench.expect(&[chunk::SHUTDOWN_ACK]);
    assert_eq!(bench.state(), State::ShutdownAckSent);
}

/// A client that is shut down does not come back by itself, in whatever state it was.
#[test]
fn a_client_that_is_shut_down_stays_away() {
    for mut bench in [Bench::cookie_wait(), Bench::cookie_echoed()] {
        bench.shutdown();
        bench.sent();
        assert_eq!(bench.told(), [down(DownReason::Local)]);
        bench.advance(100_000);
        bench.silent();
    }
}

#[test]
fn changes_are_told_in_order_and_none_is_lost() {
    let aborted = down(DownReason::Aborted { cause: 0 });
    let come_back = |bench: &mut Bench| {
        let answer = bench.init(THEIR_TAG, |_| {});
        bench.learn(&answer);
        bench.echo(&answer);
        bench.sent();
    };
    let mut bench = Bench::up();
    bench.bare(chunk::ABORT);
    come_back(&mut bench);
    assert_eq!(bench.told(), [aborted, up(17)]);
    bench.bare(chunk::ABORT);
    come_back(&mut bench);
    bench.bare(chunk::ABORT);
    assert_eq!(bench.told(), [aborted]);
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
