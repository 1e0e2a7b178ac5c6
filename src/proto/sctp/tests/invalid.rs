//! Packets that are wrong: ETSI TS 102 369 groups IMH and M; RFC 9260 3.2, 6.8, 8.5.

use super::script::*;
use super::view::cause;
use super::*;

/// IMH-I-3-1: an INIT of 8 octets (3.3.2).
#[test]
fn sctp_imh_i_3_1() {
    let mut bench = Bench::server();
    bench.say_as(0, 0, chunk::INIT, &[0, 0, 0, 1]);
    bench.silent();
    bench.accept().intact();
}

/// IMH-I-3-2: an INIT ACK of 8 octets; T1 keeps its time (3.3.3).
#[test]
fn sctp_imh_i_3_2() {
    let mut bench = Bench::cookie_wait();
    bench.say(chunk::INIT_ACK, &[0, 0, 0, 1]);
    bench.after(1000, &[chunk::INIT]);
}

/// A server, its INIT ACK, and the cookie in it.
fn cookie_given() -> (Bench, Sent, Vec<u8>) {
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |_| {});
    let cookie = cookie_of(&answer);
    bench.learn(&answer);
    (bench, answer, cookie)
}

/// IMH-I-3-3: a good cookie with a wrong tag (5.1.5 step 3).
#[test]
fn sctp_imh_i_3_3() {
    let (mut bench, answer, cookie) = cookie_given();
    bench.say_as(bench.ours ^ 1, 0, chunk::COOKIE_ECHO, &cookie);
    bench.silent();
    assert_eq!((bench.state(), bench.told()), (State::Closed, vec![]));
    bench.echo(&answer);
    bench.expect(&[chunk::COOKIE_ACK]);
}

/// IMH-I-3-4: a wrong checksum (6.8).
#[test]
fn sctp_imh_i_3_4() {
    let mut bench = Bench::server();
    let mut init = packet(0, |w| w.chunk(chunk::INIT, 0, |w| Fixed::GOOD.write(w)));
    init[8] ^= 1;
    bench.bytes(&init);
    bench.silent();
    assert_eq!(bench.endpoint.malformed.get(crate::base::Layer::Sctp, Why::Checksum as u8), 1);
    bench.accept().intact();
}

/// IMH-I-3-5: a forged cookie (5.1.5 step 2).
#[test]
fn sctp_imh_i_3_5() {
    let (mut bench, answer, mut cookie) = cookie_given();
    cookie[9] ^= 1;
    bench.say(chunk::COOKIE_ECHO, &cookie);
    bench.silent();
    bench.echo(&answer);
    bench.expect(&[chunk::COOKIE_ACK]);
}

/// IMH-I-3-6: a cookie after its life (5.1.5 step 4).
#[test]
fn sctp_imh_i_3_6() {
    let (mut bench, answer, _) = cookie_given();
    bench.advance(65_000);
    bench.echo(&answer);
    let error = bench.expect(&[chunk::ERROR]);
    assert_eq!(error.chunks[0].value[..4], [0, 3, 0, 8]);
    bench.gone();
    bench.accept().intact();
}

/// IMH-I-3-7: ABORT with a wrong tag (8.5.1 B).
#[test]
fn sctp_imh_i_3_7() {
    let mut bench = Bench::up();
    bench.say_as(bench.ours ^ 1, 0, chunk::ABORT, &[]);
    bench.silent();
    bench.carries(0);
}

/// IMH-I-3-8: an INIT that runs past its packet (6.10).
#[test]
fn sctp_imh_i_3_8() {
    let mut bench = Bench::server();
    let init = |w: &mut PacketWriter<'_>| w.chunk(chunk::INIT, 0, |w| Fixed::GOOD.write(w));
    bench.peer_wrongly(init, |bytes| bytes[15] = 96);
    bench.silent();
    bench.accept().intact();
}

/// IMH-I-3-9: SHUTDOWN ACK with a wrong tag (8.5).
#[test]
fn sctp_imh_i_3_9() {
    let mut bench = Bench::shutdown_sent();
    bench.say_as(bench.ours ^ 1, 0, chunk::SHUTDOWN_ACK, &[]);
    bench.after(1000, &[chunk::SHUTDOWN]);
    bench.bare(chunk::SHUTDOWN_ACK);
    bench.expect(&[chunk::SHUTDOWN_COMPLETE]);
    bench.gone();
}

/// IMH-I-3-10: SHUTDOWN COMPLETE with a wrong tag (8.5.1 C).
#[test]
fn sctp_imh_i_3_10() {
    let mut bench = Bench::shutdown_ack_sent();
    bench.say_as(bench.ours ^ 1, 0, chunk::SHUTDOWN_COMPLETE, &[]);
    bench.after(1000, &[chunk::SHUTDOWN_ACK]);
}

/// An unknown chunk of 5 octets before DATA: is it told, and does the packet go on behind it?
fn assert_unknown(kind: u8, told: bool, goes_on: bool) {
    let mut bench = Bench::up();
    let got = bench.peer(|w| {
        w.chunk(kind, 0, |w| w.u8(7));
        data(w, WHOLE, THEIR_TSN, 0, 0, b"behind it");
    });
    assert_eq!(got.len(), usize::from(goes_on));
    let chunks: Vec<Seen> = bench.sent().into_iter().flat_map(|sent| sent.chunks).collect();
    let error: Vec<&[u8]> =
        chunks.iter().filter(|chunk| chunk.kind == chunk::ERROR).map(|chunk| &chunk.value[..]).collect();
    let whole = [0, cause::UNRECOGNIZED_CHUNK as u8, 0, 9, kind, 0, 0, 5, 7];
    assert_eq!(error, if told { vec![&whole[..]] } else { vec![] });
    let sack = chunks.iter().find(|chunk| chunk.kind == chunk::SACK);
    assert_eq!(sack.map(|sack| sack.u32(0)), goes_on.then_some(THEIR_TSN));
    bench.intact();
}

/// M-I-10-1: an unknown chunk before DATA, go on and report (3.2).
#[test]
fn sctp_m_i_10_1() {
    assert_unknown(0xef, true, true);
}

/// M-I-10-2: an unknown chunk before DATA, stop and don't report (3.2).
#[test]
fn sctp_m_i_10_2() {
    assert_unknown(0x2f, false, false);
}

/// M-I-10-3: an unknown chunk before DATA, stop and report (3.2).
#[test]
fn sctp_m_i_10_3() {
    assert_unknown(0x6f, true, false);
}

/// M-I-10-4: an unknown chunk before DATA, go on and don't report (3.2).
#[test]
fn sctp_m_i_10_4() {
    assert_unknown(0xaf, false, true);
}
