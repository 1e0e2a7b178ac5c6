//! Cookies, collisions and restarts: beyond ETSI, X-13 to X-24; RFC 9260 5.1.3 to 5.2.4.

use super::script::*;
use super::view::cause;
use super::*;

/// both sides begin at once; the peer's INIT ACK came before its INIT, with another tag (5.2.4 B).
#[test]
fn sctp_x_13_collision() {
    let mut bench = Bench::cookie_echoed();
    let answer = bench.init(0x5555, |_| {});
    assert_eq!(answer.chunks[0].u32(0), bench.ours);
    bench.theirs = 0x5555;
    bench.echo(&answer);
    bench.expect(&[chunk::COOKIE_ACK]);
    assert_eq!(bench.told(), [up(17)]);
    bench.advance(100_000);
    bench.silent();
    bench.carries(0);
}

/// a cookie with an old tag of ours (5.2.4 C).
#[test]
fn sctp_x_14_late_cookie() {
    let mut bench = Bench::server();
    let late = bench.init(THEIR_TAG, |_| {});
    let mut bench = bench.accept();
    bench.send(b"under way").unwrap();
    bench.sent();
    bench.advance(400);
    bench.echo(&late);
    bench.silent();
    bench.after(600, &[chunk::DATA]);
    bench.intact();
}

/// A server, established, and the INIT ACK that began it.
fn established() -> (Bench, Sent) {
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |_| {});
    bench.learn(&answer);
    bench.echo(&answer);
    bench.expect(&[chunk::COOKIE_ACK]);
    assert_eq!(bench.told(), [up(17)]);
    (bench, answer)
}

/// the same COOKIE ECHO again, also past its life (5.2.4 D).
#[test]
fn sctp_x_15_lost_cookie_ack() {
    let (mut bench, answer) = established();
    bench.carries(0);
    bench.acked(bench.our_tsn);
    for wait in [0, 61_000] {
        bench.advance(wait);
        bench.sent();
        bench.echo(&answer);
        bench.expect(&[chunk::COOKIE_ACK]);
    }
    assert_eq!(bench.told(), []);
    bench.send(b"nothing was reset").unwrap();
    assert_eq!(bench.tsns(), [bench.our_tsn + 1]);
}

/// The peer begins anew with another tag.
fn restart(bench: &mut Bench) {
    let answer = bench.init(0x7777, |_| {});
    bench.learn(&answer);
    bench.theirs = 0x7777;
    bench.echo(&answer);
    bench.expect(&[chunk::COOKIE_ACK]);
}

/// restart: RESTART and not LOST, and all numbers begin anew (5.2.4 A).
#[test]
fn sctp_x_16_restart() {
    let mut bench = Bench::up();
    bench.carries(0);
    let old = bench.ours;
    restart(&mut bench);
    assert_ne!(bench.ours, old);
    assert!(matches!(bench.told()[..], [Change::Restarted { .. }]));
    assert_eq!(bench.state(), State::Established);
    bench.data(WHOLE, THEIR_TSN, 0, b"anew");
    bench.sent();
    bench.send(b"anew").unwrap();
    let chunk = bench.expect(&[chunk::DATA]).chunks.remove(0);
    assert_eq!((chunk.u32(0), chunk.u16(6)), (bench.our_tsn, 0));
    bench.say_as(old, 0, chunk::ABORT, &[]);
    bench.intact();
}

/// a restart may add no address, in ESTABLISHED nor in COOKIE-ECHOED (5.2.1, 5.2.2).
#[test]
fn sctp_x_17_restart_with_a_new_address() {
    for mut bench in [Bench::up(), Bench::cookie_echoed()] {
        let state = bench.state();
        let refusal = bench.init(0x7777, |w| w.address(ip(OTHER)));
        assert_refusal(&refusal, 0x7777, cause::RESTART_WITH_NEW_ADDRESSES);
        assert_eq!((bench.state(), bench.told()), (state, vec![]));
    }
    let mut bench = Bench::up();
    bench.init(0x7777, |w| w.address(ip(OTHER)));
    bench.carries(0);
}

/// a restart may drop addresses (5.2.2).
#[test]
fn sctp_x_18_restart_with_fewer_addresses() {
    let mut bench = Bench::two_paths(|_| {});
    restart(&mut bench);
    assert!(matches!(bench.told()[..], [Change::Restarted { .. }]));
    bench.source = ip(OTHER);
    bench.peer(|w| w.chunk(chunk::HEARTBEAT, 0, |w| w.tlv(1, |w| w.u32(1))));
    bench.reflected(chunk::ABORT, bench.ours);
    bench.source = ip(PEER);
    bench.send(b"anew").unwrap();
    bench.advance(10_000);
    assert!(bench.destinations().iter().all(|&to| to == ip(PEER)));
}

/// a restart that was prepared before, in SHUTDOWN-ACK-SENT (5.2.4 A).
#[test]
fn sctp_x_19_restart_while_closing() {
    let mut bench = Bench::up();
    let answer = bench.init(0x7777, |_| {});
    bench.peer_shuts_down();
    bench.expect(&[chunk::SHUTDOWN_ACK]);
    bench.echo(&answer);
    let chunks: Vec<Seen> = bench.sent().into_iter().flat_map(|sent| sent.chunks).collect();
    assert_eq!([chunks[0].kind, chunks[1].kind], [chunk::SHUTDOWN_ACK, chunk::ERROR]);
    assert_eq!((chunks.len(), chunks[1].u16(0)), (2, cause::COOKIE_WHILE_SHUTTING_DOWN));
    assert_eq!(bench.state(), State::ShutdownAckSent);
    bench.bare(chunk::SHUTDOWN_COMPLETE);
    assert_eq!(bench.told(), [down(DownReason::Shutdown)]);
}

/// a cookie that fits no line of the table; the same when it is stale (5.2.4).
#[test]
fn sctp_x_20_cookie_with_other_tags() {
    let (mut bench, first) = established();
    restart(&mut bench);
    bench.told();
    bench.echo(&first);
    bench.silent();
    bench.advance(61_000);
    bench.echo(&first);
    let error = bench.one();
    assert_eq!((error.kinds(), error.tag), (vec![chunk::ERROR], THEIR_TAG));
    assert_eq!(error.chunks[0].u16(0), cause::STALE_COOKIE);
    assert_eq!(bench.told(), []);
    bench.carries(0);
}

/// a cookie with any bit changed, or from another port or address, is worth nothing (5.1.5).
#[test]
fn sctp_x_21_cookie_tampering() {
    let mut bench = Bench::configured(Role::Server, |config| {
        config.remote.clear();
        config.remote_port = None;
    });
    let answer = bench.init(THEIR_TAG, |_| {});
    let cookie = cookie_of(&answer);
    bench.learn(&answer);
    for bit in 0..8 * cookie.len() {
        let mut forged = cookie.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        bench.say(chunk::COOKIE_ECHO, &forged);
    }
    bench.source = ip(OTHER);
    bench.echo(&answer);
    bench.source = ip(PEER);
    bench.peer_wrongly(|w| w.chunk(chunk::COOKIE_ECHO, 0, |w| w.bytes(&cookie)), |bytes| bytes[0] ^= 1);
    bench.silent();
    assert_eq!(bench.endpoint.counts.cookies_bad, 8 * cookie.len() as u64 + 2);
    bench.echo(&answer);
    bench.expect(&[chunk::COOKIE_ACK]);
    // Replayed from elsewhere it takes nothing over.
    bench.source = ip(OTHER);
    bench.echo(&answer);
    bench.silent();
    bench.source = ip(PEER);
    bench.carries(0);
}

/// the key before the current one is still good, and the one before it is not (5.1.3).
#[test]
fn sctp_x_22_key_rotation() {
    for (seconds, good) in [(300, true), (1500, false)] {
        let mut bench = Bench::configured(Role::Server, |config| {
            config.timers.cookie_life = Duration::from_secs(10_000);
        });
        bench.now = Time::from_millis(599_000);
        let answer = bench.init(THEIR_TAG, |_| {});
        bench.advance(1000 * seconds);
        bench.echo(&answer);
        assert_eq!(bench.sent().len(), usize::from(good));
        assert_eq!(bench.state() == State::Established, good);
    }
}

/// 100,000 INITs from everywhere: small answers, and the timers of an association keep their time (5.1.3).
#[test]
fn sctp_x_23_init_flood() {
    let any = AssociationConfig { remote: vec![], remote_port: None, ..config(Role::Server) };
    let mut bench = Bench::with(vec![config(Role::Server), any]).accept();
    bench.send(b"under way").unwrap();
    bench.sent();
    let init = packet(0, |w| w.chunk(chunk::INIT, 0, |w| Fixed::GOOD.write(w)));
    let mut cursor = Cursor::new();
    for number in 0..100_000u32 {
        let source = IpAddr::from((0x0b00_0000 + number).to_be_bytes());
        give(&mut bench.endpoint, bench.now, (source, ip(OURS)), &init, &mut cursor, &mut bench.wire);
        assert!(bench.wire.sent.drain(..).all(|(_, bytes)| bytes.len() < 200));
    }
    assert_eq!(bench.endpoint.state(AssociationId(1)), State::Closed);
    bench.after(1000, &[chunk::DATA]);
    bench.acked(bench.our_tsn);
    bench.carries(0);
}

/// INIT with no inbound stream, or a window below 1,500 (3.3.2).
#[test]
fn sctp_x_24_bad_init_values() {
    for bad in [Fixed { streams: (17, 0), ..Fixed::GOOD }, Fixed { window: 1499, ..Fixed::GOOD }] {
        let mut bench = Bench::server();
        bench.init_as(bad, |_| {});
        assert_refusal(&bench.one(), THEIR_TAG, cause::INVALID_PARAMETER);
        let mut bench = bench.accept();
        bench.init_as(bad, |_| {});
        assert_refusal(&bench.one(), THEIR_TAG, cause::INVALID_PARAMETER);
        bench.carries(0);
    }
}
