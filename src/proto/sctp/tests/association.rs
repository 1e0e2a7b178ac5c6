//! Setting up: ETSI TS 102 369 group AS; RFC 9260 5.1, 5.2.

use super::script::*;
use super::view::{cause, parameter};
use super::*;
use std::collections::BTreeSet;

/// AS-V-1-1-1: we connect (5.1).
#[test]
fn sctp_as_v_1_1_1() {
    let (mut bench, init) = Bench::new(config(Role::Client)).dial();
    assert_ne!(init.chunks[0].u32(0), 0);
    assert_eq!(bench.state(), State::CookieWait);
    bench.init_ack(|_| {});
    assert_eq!(bench.expect(&[chunk::COOKIE_ECHO]).chunks[0].value, b"the peer's cookie");
    assert_eq!(bench.state(), State::CookieEchoed);
    bench.bare(chunk::COOKIE_ACK);
    bench.silent();
    assert_eq!((bench.state(), bench.told()), (State::Established, vec![up(17)]));
    bench.intact();
}

/// AS-V-1-1-2: the peer connects (5.1).
#[test]
fn sctp_as_v_1_1_2() {
    let mut bench = Bench::server();
    let init_ack = bench.init(THEIR_TAG, |_| {});
    assert_eq!((init_ack.kinds(), init_ack.tag), (vec![chunk::INIT_ACK], THEIR_TAG));
    assert_eq!(bench.state(), State::Closed);
    bench.learn(&init_ack);
    bench.echo(&init_ack);
    bench.expect(&[chunk::COOKIE_ACK]);
    assert_eq!((bench.state(), bench.told()), (State::Established, vec![up(17)]));
    bench.intact();
}

/// AS-I-1-2-1: a lost INIT is repeated after RTO.Initial (5.1, 6.3.3).
#[test]
fn sctp_as_i_1_2_1() {
    let (mut bench, init) = Bench::new(config(Role::Client)).dial();
    assert_eq!(bench.after(1000, &[chunk::INIT]).chunks, init.chunks, "same tag, same TSN");
    bench.init_ack(|_| {});
    bench.expect(&[chunk::COOKIE_ECHO]);
    bench.bare(chunk::COOKIE_ACK);
    assert_eq!(bench.told(), [up(17)]);
}

/// AS-I-1-2-2: a lost COOKIE ECHO is repeated (5.1.4).
#[test]
fn sctp_as_i_1_2_2() {
    let mut bench = Bench::cookie_wait();
    bench.init_ack(|_| {});
    let echo = bench.expect(&[chunk::COOKIE_ECHO]);
    assert_eq!(bench.after(1000, &[chunk::COOKIE_ECHO]).chunks, echo.chunks);
    bench.bare(chunk::COOKIE_ACK);
    assert_eq!(bench.told(), [up(17)]);
}

/// Nobody answers: Max.Init.Retransmits repeats, the gap doubled up to RTO.Max, and one last RTO.
fn assert_gives_up(mut bench: Bench, kind: u8) {
    let repeats = bench.watch(REPEATS[8] - 1);
    assert_eq!(moments(&repeats), REPEATS[..8]);
    assert!(repeats.iter().all(|(_, sent)| sent.kinds() == [kind]));
    assert_eq!(bench.told(), []);
    bench.advance(1);
    assert_eq!(bench.told(), [down(DownReason::NoAnswer)]);
    assert_eq!(bench.state(), State::Closed);
    bench.sent();
    // And again, half a second to one and a half later, with another tag.
    bench.advance(1500);
    assert_ne!(bench.one().chunks[0].u32(0), bench.ours);
}

/// AS-I-1-3-1: no answer to INIT (5.1).
#[test]
fn sctp_as_i_1_3_1() {
    assert_gives_up(Bench::cookie_wait(), chunk::INIT);
}

/// AS-I-1-3-2: no answer to COOKIE ECHO (5.1.4).
#[test]
fn sctp_as_i_1_3_2() {
    assert_gives_up(Bench::cookie_echoed(), chunk::COOKIE_ECHO);
}

/// For anybody, twice.
fn two_places() -> Vec<AssociationConfig> {
    let any = AssociationConfig { remote: vec![], remote_port: None, ..config(Role::Server) };
    vec![any.clone(), any]
}

/// AS-I-1-4: INITs hold no resource (5.1.3).
#[test]
fn sctp_as_i_1_4() {
    let mut bench = Bench::with(two_places()).accept();
    bench.source = ip("10.0.3.3");
    for tag in 1..1000 {
        let answer = bench.init(tag, |_| {});
        assert_eq!((answer.kinds(), answer.tag), (vec![chunk::INIT_ACK], tag));
    }
    bench.source = ip(OTHER);
    let answer = bench.init(77, |_| {});
    bench.echo(&answer);
    assert_eq!(bench.one().kinds(), [chunk::COOKIE_ACK]);
    assert_eq!(bench.endpoint.state(AssociationId(1)), State::Established);
}

fn assert_unpredictable(tags: &[u32]) {
    assert!(!tags.contains(&0));
    assert_eq!(tags.iter().collect::<BTreeSet<_>>().len(), tags.len(), "none twice");
    let steps: BTreeSet<u32> = tags.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    assert_eq!(steps.len(), tags.len() - 1, "no rule");
}

/// AS-V-1-5-1: Initiate Tags of INITs (5.3.1).
#[test]
fn sctp_as_v_1_5_1() {
    let mut bench = Bench::client();
    let mut tags = Vec::new();
    for _ in 0..50 {
        tags.push(bench.expect(&[chunk::INIT]).chunks[0].u32(0));
        bench.abort(b"");
        bench.endpoint.connect(bench.now, ID, &mut bench.wire);
    }
    assert_unpredictable(&tags);
}

/// AS-V-1-5-2: Initiate Tags of INIT ACKs (5.3.1).
#[test]
fn sctp_as_v_1_5_2() {
    let mut bench = Bench::server();
    let tags: Vec<u32> = (0..200).map(|_| bench.init(THEIR_TAG, |_| {}).chunks[0].u32(0)).collect();
    assert_unpredictable(&tags);
}

/// Optional parameters, the last two of which are addresses.
fn optional(w: &mut PacketWriter<'_>) {
    w.tlv(parameter::COOKIE_PRESERVATIVE, |w| w.u32(1000));
    w.tlv(parameter::SUPPORTED_ADDRESS_TYPES, |w| w.bytes(&[0, 6, 0, 5]));
    w.address(ip("2001:db8::1"));
    w.address(ip(OTHER));
}

/// AS-V-1-6-1: optional parameters of INIT (3.3.2.1).
#[test]
fn sctp_as_v_1_6_1() {
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, optional);
    assert_eq!(answer.kinds(), [chunk::INIT_ACK]);
    assert_eq!(reported(&answer), Vec::<Vec<u8>>::new());
    bench.learn(&answer);
    bench.echo(&answer);
    bench.expect(&[chunk::COOKIE_ACK]);
    bench.intact();
}

/// AS-V-1-6-2: optional parameters of INIT ACK; what is not for it is ignored (3.3.3.1).
#[test]
fn sctp_as_v_1_6_2() {
    Bench::new(config(Role::Client)).connected(optional).intact();
}

/// AS-V-1-7-1: never more streams than the peer takes (5.1.1).
#[test]
fn sctp_as_v_1_7_1() {
    let mut bench = Bench::configured(Role::Server, |config| config.streams = 2);
    bench.init_as(Fixed { streams: (100, 1), ..Fixed::GOOD }, |_| {});
    let answer = bench.expect(&[chunk::INIT_ACK]);
    assert_eq!(answer.chunks[0].u16(8), 1);
    bench.echo(&answer);
    assert_eq!(bench.told(), [up(1)]);
    assert_eq!(bench.endpoint.send(bench.now, ID, 1, 3, b"x"), Err(SendRefused::NoSuchStream));
}

/// AS-I-1-7-2: INIT without outbound streams; an association that is there stays (3.3.2).
#[test]
fn sctp_as_i_1_7_2() {
    let none = Fixed { streams: (0, 17), ..Fixed::GOOD };
    let mut bench = Bench::server();
    bench.init_as(none, |_| {});
    assert_refusal(&bench.one(), THEIR_TAG, cause::INVALID_PARAMETER);
    assert_eq!((bench.state(), bench.told()), (State::Closed, vec![]));
    let mut bench = Bench::up();
    bench.init_as(none, |_| {});
    assert_refusal(&bench.one(), THEIR_TAG, cause::INVALID_PARAMETER);
    bench.carries(0);
}

/// AS-V-1-7-3: INIT ACK allows fewer streams than we asked for (5.1.1).
#[test]
fn sctp_as_v_1_7_3() {
    let mut bench = Bench::configured(Role::Client, |config| config.streams = 2).dial().0;
    bench.init_ack_as(Fixed { streams: (17, 1), ..Fixed::GOOD });
    bench.expect(&[chunk::COOKIE_ECHO]);
    bench.bare(chunk::COOKIE_ACK);
    assert_eq!(bench.told(), [up(1)]);
}

/// AS-I-1-7-4: INIT ACK without outbound streams (3.3.3).
#[test]
fn sctp_as_i_1_7_4() {
    let mut bench = Bench::cookie_wait();
    bench.init_ack_as(Fixed { streams: (0, 17), ..Fixed::GOOD });
    assert_refusal(&bench.one(), THEIR_TAG, cause::INVALID_PARAMETER);
    assert_eq!(bench.told(), [down(DownReason::Refused { cause: 7 })]);
    bench.gone();
}

/// AS-V-1-7-5: two streams each way (5.1.1).
#[test]
fn sctp_as_v_1_7_5() {
    let mut bench = Bench::configured(Role::Server, |config| {
        (config.streams, config.max_in_streams) = (2, 2);
    });
    bench.init_as(Fixed { streams: (2, 2), ..Fixed::GOOD }, |_| {});
    let answer = bench.expect(&[chunk::INIT_ACK]);
    assert_eq!((answer.chunks[0].u16(8), answer.chunks[0].u16(10)), (2, 2));
    bench.learn(&answer);
    bench.echo(&answer);
    for stream in [0, 1] {
        let tsn = THEIR_TSN + u32::from(stream);
        assert_eq!(bench.peer(|w| data(w, WHOLE, tsn, stream, 0, b"in"))[0].stream, stream);
        bench.sent();
        bench.endpoint.send(bench.now, ID, stream, 3, b"out").unwrap();
        bench.flush();
        assert_eq!(bench.one().chunks.last().unwrap().u16(4), stream);
    }
}

/// Which of three unknown parameters of these types an INIT ACK reports; the set-up completes.
fn assert_reported(kinds: [u16; 3], told: &[usize]) {
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |w| {
        for (at, kind) in kinds.into_iter().enumerate() {
            w.tlv(kind, |w| w.bytes(&[at as u8; 3]));
        }
    });
    let whole = |&at: &usize| [&kinds[at].to_be_bytes()[..], &[0, 7], &[at as u8; 3]].concat();
    assert_eq!(reported(&answer), told.iter().map(whole).collect::<Vec<_>>());
    bench.echo(&answer);
    assert_eq!(bench.state(), State::Established);
}

/// AS-I-1-8-1: unknown parameters, go on and report (3.2.1).
#[test]
fn sctp_as_i_1_8_1() {
    assert_reported([0xc0cc, 0xc0cc, 0xc0cc], &[0, 1, 2]);
}

/// AS-I-1-8-2: an unknown parameter, stop and don't report: what follows is not read, not even an address (3.2.1).
#[test]
fn sctp_as_i_1_8_2() {
    assert_reported([0xc0cc, 0x00cc, 0xc0cc], &[0]);
    let answer = Bench::server().init(THEIR_TAG, |w| {
        w.tlv(0x00cc, |_| {});
        w.tlv(parameter::HOST_NAME, |w| w.bytes(b"host"));
    });
    assert_eq!(answer.kinds(), [chunk::INIT_ACK]);
}

/// AS-I-1-8-3: an unknown parameter, stop and report (3.2.1).
#[test]
fn sctp_as_i_1_8_3() {
    assert_reported([0xc0cc, 0x40cc, 0xc0cc], &[0, 1]);
}

/// AS-I-1-8-4: an unknown parameter, go on and don't report (3.2.1).
#[test]
fn sctp_as_i_1_8_4() {
    assert_reported([0xc0cc, 0x80cc, 0xc0cc], &[0, 2]);
}

/// AS-O-1-9-1: INIT in an association; its cookie restarts it, for the tie-tags are inside (5.2.2).
#[test]
fn sctp_as_o_1_9_1() {
    let mut bench = Bench::up();
    let answer = bench.init(77, |w| w.address(ip(PEER)));
    assert_eq!((answer.kinds(), answer.tag), (vec![chunk::INIT_ACK], 77));
    assert!(answer.chunks[0].u32(0) != bench.ours && answer.chunks[0].u32(0) != 0);
    bench.carries(0);
    bench.echo(&answer);
    assert!(matches!(bench.told()[..], [Change::Restarted { .. }]));
}

/// AS-O-1-9-2: INIT in an association with a new address (5.2.2).
#[test]
fn sctp_as_o_1_9_2() {
    let mut bench = Bench::up();
    let refusal = bench.init(77, |w| w.address(ip(OTHER)));
    assert_refusal(&refusal, 77, cause::RESTART_WITH_NEW_ADDRESSES);
    assert_eq!(refusal.chunks[0].value[4..], [0, 5, 0, 8, 10, 0, 1, 2]);
    bench.carries(0);
}

/// One message is sent, and repeated twice: where it went.
fn repeats_go(bench: &mut Bench) -> Vec<IpAddr> {
    bench.send(b"never acknowledged").unwrap();
    bench.advance(8000);
    let sent = bench.sent();
    let data = sent.iter().filter(|sent| sent.kinds() == [chunk::DATA]);
    data.map(|sent| sent.flow.destination).collect()
}

/// AS-V-1-10-1: an INIT without addresses has its source (5.1.2).
#[test]
fn sctp_as_v_1_10_1() {
    assert_eq!(repeats_go(&mut Bench::up()), [ip(PEER); 4]);
}

/// AS-V-1-10-2: an INIT ACK without addresses has its source (5.1.2).
#[test]
fn sctp_as_v_1_10_2() {
    let mut bench = Bench::configured(Role::Client, |config| config.remote.push(ip(OTHER))).connected(|_| {});
    assert_eq!(repeats_go(&mut bench), [ip(PEER); 4]);
}

/// AS-V-1-11-1: a second address of an INIT gets DATA once it is confirmed (5.4, 6.4).
#[test]
fn sctp_as_v_1_11_1() {
    let mut bench = Bench::server().accept_with(&[ip(PEER), ip(OTHER)]);
    assert_eq!(repeats_go(&mut bench), [ip(PEER); 4], "not confirmed");
    let mut bench = Bench::server().accept_with(&[ip(PEER), ip(OTHER)]);
    bench.confirm(1);
    assert_eq!(repeats_go(&mut bench)[..2], [ip(PEER), ip(OTHER)]);
}

/// AS-V-1-11-2: a second address of an INIT ACK gets DATA once it is confirmed (5.4, 6.4).
#[test]
fn sctp_as_v_1_11_2() {
    let both = |w: &mut PacketWriter<'_>| [PEER, OTHER].into_iter().for_each(|text| w.address(ip(text)));
    let mut bench = Bench::new(config(Role::Client)).connected(both);
    assert_eq!(repeats_go(&mut bench), [ip(PEER); 4], "not confirmed");
    let mut bench = Bench::new(config(Role::Client)).connected(both);
    bench.confirm(1);
    assert_eq!(repeats_go(&mut bench)[..2], [ip(PEER), ip(OTHER)]);
}

fn host_name(w: &mut PacketWriter<'_>) {
    w.tlv(parameter::HOST_NAME, |w| w.bytes(b"peer.example\0"));
}

/// AS-V-1-12-1: INIT with a host name (5.1.2).
#[test]
fn sctp_as_v_1_12_1() {
    let mut bench = Bench::server();
    let refusal = bench.init(THEIR_TAG, host_name);
    assert_refusal(&refusal, THEIR_TAG, cause::UNRESOLVABLE_ADDRESS);
    assert_eq!(bench.state(), State::Closed);
}

/// AS-I-1-12-2: INIT ACK with a host name: one ABORT (5.1.2).
#[test]
fn sctp_as_i_1_12_2() {
    let mut bench = Bench::cookie_wait();
    bench.init_ack(host_name);
    assert_refusal(&bench.one(), THEIR_TAG, cause::UNRESOLVABLE_ADDRESS);
    assert_eq!(bench.told(), [down(DownReason::Refused { cause: 5 })]);
    bench.gone();
}

fn assert_accepts_types(types: &[u8]) {
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |w| w.tlv(parameter::SUPPORTED_ADDRESS_TYPES, |w| w.bytes(types)));
    assert_eq!(answer.kinds(), [chunk::INIT_ACK]);
    assert_eq!(reported(&answer), Vec::<Vec<u8>>::new());
    bench.echo(&answer);
    assert_eq!(bench.told(), [up(17)]);
}

/// AS-V-1-13-1: INIT supports IPv4 and IPv6 (3.3.2.1.5).
#[test]
fn sctp_as_v_1_13_1() {
    assert_accepts_types(&[0, 5, 0, 6]);
}

/// AS-I-1-13-2: INIT supports IPv6 alone, over IPv4: the family in use counts as supported (5.1.2).
#[test]
fn sctp_as_i_1_13_2() {
    assert_accepts_types(&[0, 6]);
}

/// AS-I-1-14-1: INIT with Initiate Tag 0 (3.3.2).
#[test]
fn sctp_as_i_1_14_1() {
    let mut bench = Bench::server();
    bench.init_as(Fixed { tag: 0, ..Fixed::GOOD }, |_| {});
    bench.silent();
    bench.accept().intact();
}

/// AS-I-1-14-2: INIT ACK with Initiate Tag 0: only our own tag can be told (3.3.3).
#[test]
fn sctp_as_i_1_14_2() {
    let mut bench = Bench::cookie_wait();
    bench.init_ack_as(Fixed { tag: 0, ..Fixed::GOOD });
    bench.reflected(chunk::ABORT, bench.ours);
    assert_eq!(bench.told(), [down(DownReason::Refused { cause: 7 })]);
    bench.gone();
}

/// AS-I-1-15: INIT goes to every address in turn, each with its own RTO (5.1, 6.4).
#[test]
fn sctp_as_i_1_15() {
    let mut bench = Bench::configured(Role::Client, |config| config.remote.push(ip(OTHER))).dial().0;
    let repeats = bench.watch(45_999);
    assert_eq!(moments(&repeats), [1000, 2000, 4000, 6000, 10_000, 14_000, 22_000, 30_000]);
    let to: Vec<IpAddr> = repeats.iter().map(|(_, sent)| sent.flow.destination).collect();
    assert_eq!(to, [OTHER, PEER, OTHER, PEER, OTHER, PEER, OTHER, PEER].map(ip));
    assert_eq!(bench.told(), []);
    bench.advance(1);
    assert_eq!(bench.told(), [down(DownReason::NoAnswer)]);
}

#[test]
fn configurations_choose_by_address_and_port() {
    let any = two_places().remove(0);
    let mut bench = Bench::with(vec![any, config(Role::Server)]);
    let answer = bench.init(THEIR_TAG, |_| {});
    bench.echo(&answer);
    assert_eq!(bench.endpoint.state(AssociationId(1)), State::Established, "the exact one");
    bench.sent();
    bench.source = ip(OTHER);
    let answer = bench.init(5, |_| {});
    bench.echo(&answer);
    assert_eq!(bench.endpoint.state(AssociationId(0)), State::Established, "the one for anybody");
    bench.sent();
    bench.source = ip("10.9.9.9");
    assert_eq!(bench.init(6, |_| {}).kinds(), [chunk::ABORT], "all are taken");
    // A server that was shut down accepts nobody until it is wanted again.
    let mut bench = Bench::server();
    bench.shutdown();
    assert_eq!(bench.init(6, |_| {}).kinds(), [chunk::ABORT]);
    bench.endpoint.connect(bench.now, ID, &mut bench.wire);
    assert_eq!(bench.init(6, |_| {}).kinds(), [chunk::INIT_ACK]);
}
