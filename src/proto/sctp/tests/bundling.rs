//! DATA bundled with control: ETSI TS 102 369 group BDC; RFC 9260 6.10.

use super::script::*;
use super::view::parameter;
use super::*;

/// BDC-I-7-1: INIT with DATA is dropped whole (8.5.1 A).
#[test]
fn sctp_bdc_i_7_1() {
    let mut bench = Bench::server();
    let got = bench.inject(0, |w| {
        w.chunk(chunk::INIT, 0, |w| Fixed::GOOD.write(w));
        data(w, WHOLE, THEIR_TSN, 0, 0, b"early");
    });
    assert_eq!(got, []);
    bench.silent();
    bench.accept().intact();
}

/// BDC-I-7-2: INIT ACK with DATA is dropped whole (6.10).
#[test]
fn sctp_bdc_i_7_2() {
    let mut bench = Bench::cookie_wait();
    let got = bench.peer(|w| {
        w.chunk(chunk::INIT_ACK, 0, |w| {
            Fixed::GOOD.write(w);
            w.tlv(parameter::STATE_COOKIE, |w| w.u32(7));
        });
        data(w, WHOLE, THEIR_TSN, 0, 0, b"early");
    });
    assert_eq!(got, []);
    bench.after(1000, &[chunk::INIT]);
}

/// BDC-I-7-3: SHUTDOWN COMPLETE with DATA is dropped whole (6.10).
#[test]
fn sctp_bdc_i_7_3() {
    let mut bench = Bench::shutdown_ack_sent();
    let got = bench.peer(|w| {
        w.chunk(chunk::SHUTDOWN_COMPLETE, 0, |_| {});
        data(w, WHOLE, THEIR_TSN, 0, 0, b"bundled");
    });
    assert_eq!(got, []);
    bench.after(1000, &[chunk::SHUTDOWN_ACK]);
}

/// BDC-V-7-4: COOKIE ECHO with DATA (5.1.5).
#[test]
fn sctp_bdc_v_7_4() {
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |_| {});
    let cookie = cookie_of(&answer);
    bench.learn(&answer);
    let got = bench.peer(|w| {
        w.chunk(chunk::COOKIE_ECHO, 0, |w| w.bytes(&cookie));
        data(w, WHOLE, THEIR_TSN, 0, 0, b"with the cookie");
    });
    assert_eq!(payloads(&got), [b"with the cookie"]);
    let sent: Vec<u8> = bench.sent().iter().flat_map(Sent::kinds).collect();
    assert_eq!(sent, [chunk::COOKIE_ACK, chunk::SACK]);
}

/// BDC-V-7-5: COOKIE ACK with DATA (5.1).
#[test]
fn sctp_bdc_v_7_5() {
    let mut bench = Bench::cookie_echoed();
    let got = bench.peer(|w| {
        w.chunk(chunk::COOKIE_ACK, 0, |_| {});
        data(w, WHOLE, THEIR_TSN, 0, 0, b"with the COOKIE ACK");
    });
    assert_eq!(payloads(&got), [b"with the COOKIE ACK"]);
    assert_eq!((bench.told(), bench.sack_sent().0), (vec![up(17)], THEIR_TSN));
}

/// BDC-V-7-6: SHUTDOWN with SACK (9.2).
#[test]
fn sctp_bdc_v_7_6() {
    let mut bench = Bench::up();
    let last = bench.our_tsn.wrapping_sub(1);
    bench.peer(|w| {
        w.chunk(chunk::SHUTDOWN, 0, |w| w.u32(last));
        sack(w, last, 10_000, &[]);
    });
    bench.expect(&[chunk::SHUTDOWN_ACK]);
    // With DATA under way the SACK behind it counts too.
    let mut bench = Bench::unacknowledged();
    let tsn = bench.our_tsn;
    bench.peer(|w| {
        w.chunk(chunk::SHUTDOWN, 0, |w| w.u32(tsn.wrapping_sub(1)));
        sack(w, tsn, 10_000, &[]);
    });
    bench.expect(&[chunk::SHUTDOWN_ACK]);
}

/// BDC-V-7-7: SACK with DATA (6.10).
#[test]
fn sctp_bdc_v_7_7() {
    let mut bench = Bench::unacknowledged();
    let tsn = bench.our_tsn;
    let got = bench.peer(|w| {
        sack(w, tsn, 10_000, &[]);
        data(w, WHOLE, THEIR_TSN, 0, 0, b"with the SACK");
    });
    assert_eq!(payloads(&got), [b"with the SACK"]);
    assert_eq!(bench.sack_sent().0, THEIR_TSN);
    bench.advance(10_000);
    bench.silent();
}

/// BDC-V-7-8: SHUTDOWN ACK with DATA (9.2).
#[test]
fn sctp_bdc_v_7_8() {
    let mut bench = Bench::shutdown_sent();
    let got = bench.peer(|w| {
        w.chunk(chunk::SHUTDOWN_ACK, 0, |_| {});
        data(w, WHOLE, THEIR_TSN, 0, 0, b"too late");
    });
    assert_eq!(got, []);
    bench.expect(&[chunk::SHUTDOWN_COMPLETE]);
    bench.gone();
}
