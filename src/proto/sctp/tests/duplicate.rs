//! Messages that come twice or out of place: ETSI TS 102 369 group DM; RFC 9260 5.2, 9.2.

use super::script::*;
use super::*;

/// DM-O-4-1: INIT in COOKIE-WAIT is answered with the values of our own (5.2.1).
#[test]
fn sctp_dm_o_4_1() {
    let (mut bench, init) = Bench::new(config(Role::Client)).dial();
    bench.advance(400);
    let answer = bench.init(THEIR_TAG, |_| {});
    assert_eq!((answer.kinds(), answer.tag), (vec![chunk::INIT_ACK], THEIR_TAG));
    assert_eq!(answer.chunks[0].value[..16], init.chunks[0].value[..16]);
    assert_eq!(bench.state(), State::CookieWait);
    assert_eq!(bench.after(600, &[chunk::INIT]).chunks, init.chunks, "T1 keeps its time");
}

/// DM-O-4-2-1: the first INIT again, in the association (5.2.2).
#[test]
fn sctp_dm_o_4_2_1() {
    let mut bench = Bench::up();
    let answer = bench.init(THEIR_TAG, |_| {});
    assert_eq!(answer.kinds(), [chunk::INIT_ACK]);
    assert_ne!(answer.chunks[0].u32(0), bench.ours);
    bench.carries(0);
}

/// DM-O-4-2-2: INIT in SHUTDOWN-ACK-SENT (9.2).
#[test]
fn sctp_dm_o_4_2_2() {
    let mut bench = Bench::shutdown_ack_sent();
    bench.advance(400);
    bench.init_as(Fixed { tag: 0x4321, ..Fixed::GOOD }, |_| {});
    bench.expect(&[chunk::SHUTDOWN_ACK]);
    assert_eq!(bench.state(), State::ShutdownAckSent);
}

/// DM-O-4-3: a second INIT ACK (5.2.3).
#[test]
fn sctp_dm_o_4_3() {
    let mut bench = Bench::cookie_echoed();
    bench.advance(400);
    bench.init_ack(|_| {});
    bench.after(600, &[chunk::COOKIE_ECHO]);
}

/// DM-O-4-4: a second COOKIE ACK (5.2.5).
#[test]
fn sctp_dm_o_4_4() {
    let mut bench = Bench::new(config(Role::Client)).connected(|_| {});
    bench.bare(chunk::COOKIE_ACK);
    bench.silent();
    assert_eq!(bench.told(), []);
    bench.carries(0);
}

/// DM-O-4-5: SHUTDOWNs cross (9.2).
#[test]
fn sctp_dm_o_4_5() {
    let mut bench = Bench::shutdown_sent();
    bench.peer_shuts_down();
    bench.expect(&[chunk::SHUTDOWN_ACK]);
    assert_eq!(bench.state(), State::ShutdownAckSent);
}

/// In both states of a client's set-up, and what is repeated after one RTO.
fn while_connecting() -> [(Bench, u8); 2] {
    [(Bench::cookie_wait(), chunk::INIT), (Bench::cookie_echoed(), chunk::COOKIE_ECHO)]
}

/// DM-O-4-6-1: SHUTDOWN during set-up (9.2).
#[test]
fn sctp_dm_o_4_6_1() {
    for (mut bench, repeated) in while_connecting() {
        bench.advance(400);
        bench.peer_shuts_down();
        bench.after(600, &[repeated]);
    }
}

/// DM-O-4-6-2: SHUTDOWN of no association (8.4 rule 8).
#[test]
fn sctp_dm_o_4_6_2() {
    let mut bench = Bench::server();
    bench.say_as(0x99, 0, chunk::SHUTDOWN, &[0; 4]);
    bench.reflected(chunk::ABORT, 0x99);
}

/// DM-O-4-6-3: SHUTDOWN in SHUTDOWN-SENT restarts T2 (9.2).
#[test]
fn sctp_dm_o_4_6_3() {
    let mut bench = Bench::shutdown_sent();
    bench.advance(500);
    bench.peer_shuts_down();
    bench.expect(&[chunk::SHUTDOWN_ACK]);
    bench.after(1000, &[chunk::SHUTDOWN_ACK]);
}

/// DM-O-4-7-1: SHUTDOWN ACK during set-up (8.5.1 E).
#[test]
fn sctp_dm_o_4_7_1() {
    for (mut bench, repeated) in while_connecting() {
        bench.advance(400);
        bench.bare(chunk::SHUTDOWN_ACK);
        bench.reflected(chunk::SHUTDOWN_COMPLETE, bench.ours);
        bench.after(600, &[repeated]);
    }
}

/// DM-O-4-7-2: SHUTDOWN ACK in ESTABLISHED (9.2).
#[test]
fn sctp_dm_o_4_7_2() {
    let mut bench = Bench::up();
    bench.bare(chunk::SHUTDOWN_ACK);
    bench.silent();
    bench.carries(0);
}

/// DM-O-4-7-3: SHUTDOWN ACK in SHUTDOWN-ACK-SENT (9.2).
#[test]
fn sctp_dm_o_4_7_3() {
    let mut bench = Bench::shutdown_ack_sent();
    bench.bare(chunk::SHUTDOWN_ACK);
    bench.expect(&[chunk::SHUTDOWN_COMPLETE]);
    bench.advance(10_000);
    bench.silent();
    bench.gone();
}

/// DM-O-4-8: a forged cookie in ESTABLISHED (5.2.4).
#[test]
fn sctp_dm_o_4_8() {
    let mut bench = Bench::up();
    let mut cookie = cookie_of(&bench.init(77, |_| {}));
    cookie[9] ^= 1;
    bench.say(chunk::COOKIE_ECHO, &cookie);
    bench.silent();
    bench.carries(0);
}

/// DM-O-4-9: SHUTDOWN COMPLETE in COOKIE-WAIT (8.5.1 C).
#[test]
fn sctp_dm_o_4_9() {
    let mut bench = Bench::cookie_wait();
    bench.advance(400);
    bench.bare(chunk::SHUTDOWN_COMPLETE);
    bench.after(600, &[chunk::INIT]);
}

/// DM-O-4-10: DATA in SHUTDOWN-ACK-SENT (6).
#[test]
fn sctp_dm_o_4_10() {
    let mut bench = Bench::shutdown_ack_sent();
    bench.advance(400);
    assert_eq!(bench.data(WHOLE, THEIR_TSN, 0, b"against the rules"), []);
    bench.after(600, &[chunk::SHUTDOWN_ACK]);
}
