//! Faults and timers: ETSI TS 102 369 groups FH and RT; RFC 9260 6.3, 8.

use super::script::*;
use super::*;

/// FH-I-5-1-1: Association.Max.Retrans repeats of one TSN, then the end (8.1).
#[test]
fn sctp_fh_i_5_1_1() {
    let mut bench = Bench::unacknowledged();
    let repeats = bench.watch(REPEATS[10] - 1);
    assert_eq!(repeats.len(), 10);
    assert!(repeats.iter().all(|(_, sent)| sent.chunks[0].u32(0) == bench.our_tsn));
    assert_eq!(bench.told(), []);
    bench.advance(1);
    assert_eq!(bench.told(), [down(DownReason::Lost)]);
    assert_eq!(bench.endpoint.counts.data_lost, 1);
    bench.sent();
    bench.gone();
}

/// FH-I-5-1-2: an answer clears the counter: the next TSN has all its repeats (8.1).
#[test]
fn sctp_fh_i_5_1_2() {
    let mut bench = Bench::unacknowledged();
    assert_eq!(moments(&bench.watch(7000)), REPEATS[..3]);
    let tsn = bench.our_tsn;
    bench.acked(tsn);
    bench.send(b"never acknowledged").unwrap();
    assert_eq!(bench.tsns(), [tsn + 1]);
    // The RTO stays doubled, for a repeat measures nothing (6.3.1 C5).
    let repeats = bench.watch(1_000_000);
    let data = repeats.iter().filter(|(_, sent)| sent.kinds() == [chunk::DATA]);
    assert_eq!(data.count(), 10);
    assert_eq!(bench.told(), [down(DownReason::Lost)]);
}

/// FH-V-5-2: HEARTBEAT is answered, octet for octet, to its source (8.3).
#[test]
fn sctp_fh_v_5_2() {
    let mut bench = Bench::up();
    bench.peer(|w| w.chunk(chunk::HEARTBEAT, 0, |w| w.tlv(1, |w| w.bytes(b"odd length!"))));
    let ack = bench.expect(&[chunk::HEARTBEAT_ACK]);
    assert_eq!((ack.flow.source, ack.flow.destination), (ip(OURS), ip(PEER)));
    assert_eq!(ack.chunks[0].value, [&[0, 1, 0, 15][..], b"odd length!"].concat());
}

/// FH-O-5-3-1: DATA of no association (8.4 rule 8).
#[test]
fn sctp_fh_o_5_3_1() {
    let mut bench = Bench::server();
    bench.inject(0x99, |w| data(w, WHOLE, 1, 0, 0, b"x"));
    bench.reflected(chunk::ABORT, 0x99);
}

/// FH-O-5-3-2: ABORT of no association (8.4 rule 2).
#[test]
fn sctp_fh_o_5_3_2() {
    let mut bench = Bench::server();
    bench.say_as(0x99, 0, chunk::ABORT, &[]);
    bench.silent();
}

/// FH-O-5-3-3: SHUTDOWN ACK of no association (8.4 rule 5).
#[test]
fn sctp_fh_o_5_3_3() {
    let mut bench = Bench::server();
    bench.say_as(0x99, 0, chunk::SHUTDOWN_ACK, &[]);
    bench.reflected(chunk::SHUTDOWN_COMPLETE, 0x99);
}

/// FH-O-5-3-4: SHUTDOWN COMPLETE of no association (8.4 rule 6).
#[test]
fn sctp_fh_o_5_3_4() {
    let mut bench = Bench::server();
    bench.say_as(0x99, 0, chunk::SHUTDOWN_COMPLETE, &[]);
    bench.silent();
}

/// FH-O-5-3-5: whatever comes from an address that nobody has, a good cookie too (8.4 rule 1).
#[test]
fn sctp_fh_o_5_3_5() {
    let mut bench = Bench::configured(Role::Server, |config| config.remote.clear());
    let answer = bench.init(THEIR_TAG, |_| {});
    for source in ["224.0.0.1", "255.255.255.255", "0.0.0.0", "ff02::1", "::"] {
        bench.source = ip(source);
        bench.echo(&answer);
        bench.inject(0x99, |w| data(w, WHOLE, 1, 0, 0, b"x"));
        bench.init_as(Fixed::GOOD, |_| {});
        bench.silent();
        assert_eq!(bench.state(), State::Closed);
    }
    // Nor does an INIT get such an address in.
    bench.source = ip(PEER);
    bench.accept_with(&[ip("224.0.0.1"), ip("255.255.255.255")]).silent();
}

/// RT-I-11-1: T3 doubles up to RTO.Max (6.3.3 E2).
#[test]
fn sctp_rt_i_11_1() {
    assert_eq!(moments(&Bench::unacknowledged().watch(REPEATS[9])), REPEATS[..10]);
}

/// RT-I-11-2: T3 doubles from a computed RTO: 2 s measured are 2 + 4 * 1 s (6.3.1).
#[test]
fn sctp_rt_i_11_2() {
    let mut bench = Bench::configured(Role::Server, |config| {
        config.timers.rto_initial = Duration::from_secs(3);
    })
    .accept();
    bench.send(b"measured").unwrap();
    bench.advance(2000);
    bench.acked(bench.our_tsn);
    bench.sent();
    bench.send(b"never acknowledged").unwrap();
    bench.sent();
    assert_eq!(moments(&bench.watch(200_000)), [6000, 18_000, 42_000, 90_000, 150_000]);
}

/// RT-I-11-3: repeats alternate between two addresses, each with its own RTO and its own count (6.3.3, 6.4, 8.2).
#[test]
fn sctp_rt_i_11_3() {
    let mut bench = Bench::two_paths(|config| config.timers.association_max_retrans = 30);
    bench.send(b"never acknowledged").unwrap();
    bench.sent();
    let mut expected = Vec::new();
    let (mut at, mut rto) = (0, [1000, 1000]);
    for turn in 0..12 {
        at += rto[turn % 2];
        rto[turn % 2] = (2 * rto[turn % 2]).min(60_000);
        expected.push((at, if turn % 2 == 0 { ip(OTHER) } else { ip(PEER) }));
    }
    let seen: Vec<(u64, IpAddr)> =
        bench.watch(at - 1).iter().map(|(at, sent)| (*at, sent.flow.destination)).collect();
    assert_eq!(seen, expected[..11]);
    assert_eq!((bench.path(PEER), bench.path(OTHER)), (PathState::Inactive, PathState::Active));
    bench.advance(1);
    assert_eq!((bench.path(PEER), bench.path(OTHER)), (PathState::Inactive, PathState::Inactive));
    assert_eq!(bench.state(), State::Established);
}
