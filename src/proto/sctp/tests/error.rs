//! ERROR: ETSI TS 102 369 group E; RFC 9260 3.3.10, 5.2.6, 6.5.

use super::script::*;
use super::view::{cause, parameter};
use super::*;

/// One second, in microseconds.
const STALE: [u8; 4] = 1_000_000u32.to_be_bytes();

/// E-O-6-1: a stale cookie means a new INIT (5.2.6).
#[test]
fn sctp_e_o_6_1() {
    let mut bench = Bench::cookie_echoed();
    bench.error(cause::STALE_COOKIE, &STALE);
    let again = bench.expect(&[chunk::INIT]);
    assert_ne!(again.chunks[0].u32(0), bench.ours);
    assert_eq!(bench.state(), State::CookieWait);
}

/// E-O-6-2: a stale cookie means nothing but in COOKIE-ECHOED (5.2.6).
#[test]
fn sctp_e_o_6_2() {
    let mut bench = Bench::up();
    bench.error(cause::STALE_COOKIE, &STALE);
    bench.silent();
    bench.carries(0);
    let rest = [
        Bench::cookie_wait(),
        Bench::shutdown_pending(),
        Bench::shutdown_sent(),
        Bench::shutdown_received(),
        Bench::shutdown_ack_sent(),
    ];
    for mut bench in rest {
        let state = bench.state();
        bench.error(cause::STALE_COOKIE, &STALE);
        bench.silent();
        assert_eq!(bench.state(), state);
    }
}

/// E-I-6-3: DATA on a stream that is not there is acknowledged and not delivered (6.5).
#[test]
fn sctp_e_i_6_3() {
    let mut bench = Bench::configured(Role::Server, |config| config.max_in_streams = 1).accept();
    assert_eq!(bench.peer(|w| data(w, WHOLE, THEIR_TSN, 1, 0, b"nowhere")), []);
    let chunks: Vec<Seen> = bench.sent().into_iter().flat_map(|sent| sent.chunks).collect();
    assert_eq!(chunks[0].kind, chunk::ERROR);
    assert_eq!(chunks[0].value, [0, cause::INVALID_STREAM as u8, 0, 8, 0, 1, 0, 0]);
    assert_eq!((chunks[1].kind, chunks[1].u32(0)), (chunk::SACK, THEIR_TSN));
    bench.intact();
}

/// E-I-6-4: INIT ACK without a cookie (5.1, 3.3.10.2).
#[test]
fn sctp_e_i_6_4() {
    let mut bench = Bench::cookie_wait();
    bench.peer(|w| w.chunk(chunk::INIT_ACK, 0, |w| Fixed::GOOD.write(w)));
    let refusal = bench.one();
    assert_refusal(&refusal, THEIR_TAG, cause::MISSING_PARAMETER);
    assert_eq!(refusal.chunks[0].value[4..], [0, 0, 0, 1, 0, parameter::STATE_COOKIE as u8]);
    assert_eq!(bench.told(), [down(DownReason::Refused { cause: 2 })]);
    bench.gone();
}

/// E-I-6-5: an unknown parameter of INIT ACK is reported with the COOKIE ECHO (3.2.2).
#[test]
fn sctp_e_i_6_5() {
    let mut bench = Bench::cookie_wait();
    bench.init_ack(|w| w.tlv(0xc00c, |w| w.u8(9)));
    let echo = bench.expect(&[chunk::COOKIE_ECHO, chunk::ERROR]);
    assert_eq!(echo.chunks[1].value, [0, cause::UNRECOGNIZED_PARAMETERS as u8, 0, 9, 0xc0, 0x0c, 0, 5, 9]);
}

/// E-I-6-6: the peer reports a parameter with its COOKIE ECHO (3.2.2).
#[test]
fn sctp_e_i_6_6() {
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |_| {});
    let cookie = cookie_of(&answer);
    bench.learn(&answer);
    bench.peer(|w| {
        w.chunk(chunk::COOKIE_ECHO, 0, |w| w.bytes(&cookie));
        w.chunk(chunk::ERROR, 0, |w| w.tlv(8, |w| w.bytes(&[0xc0, 0, 0, 4])));
    });
    bench.expect(&[chunk::COOKIE_ACK]);
    assert_eq!(bench.told(), [up(17)]);
    bench.carries(0);
}
