//! Whose a cookie is (RFC 9260 5.1.5, 5.2.4), what of an INIT counts (5.1.2, 3.3.2), and packets that look like parts of a
//! set-up.

use super::script::*;
use super::view::{cause, parameter};
use super::*;

fn any_peer() -> Bench {
    let any = AssociationConfig { remote: vec![], remote_port: None, ..config(Role::Server) };
    Bench::with(vec![any.clone(), any])
}

/// Two associations whose peers list one address, which is filed under the first, and the cookie of the second. Both cookies
/// were made when the first place was free.
fn two_with_one_address() -> (Bench, Sent) {
    let mut bench = any_peer();
    bench.source = ip(OTHER);
    let first = bench.init(0x1111_1111, |_| {});
    bench.source = ip(PEER);
    let second = bench.init(THEIR_TAG, |w| w.address(ip(OTHER)));
    bench.source = ip(OTHER);
    bench.echo(&first);
    bench.source = ip(PEER);
    bench.echo(&second);
    bench.sent();
    assert!(bench.endpoint.is_up(AssociationId(0)) && bench.endpoint.is_up(AssociationId(1)));
    bench.events();
    (bench, second)
}

/// A cookie that found its place taken and got another is known again, when the COOKIE ACK was lost (5.2.4 D).
#[test]
fn a_cookie_again_whose_place_was_taken() {
    let (mut bench, second) = two_with_one_address();
    bench.echo(&second);
    let answer = bench.one();
    assert_eq!((answer.kinds()[0], answer.tag), (chunk::COOKIE_ACK, THEIR_TAG));
    assert_eq!(bench.endpoint.counts.cookies_bad, 0);
}

/// A restart whose cookie comes from an address that two associations share is that of the one whose tie-tag it has, and the
/// cookie again that of the one whose tags it has (5.2.2, 5.2.4 A, D).
#[test]
fn a_restart_from_a_shared_address() {
    let (mut bench, _) = two_with_one_address();
    let again = bench.init(0x2222_2222, |w| w.address(ip(OTHER)));
    bench.source = ip(OTHER);
    for told in [Some((AssociationId(1), Change::Restarted { streams: 17 })), None] {
        bench.echo(&again);
        let answer = bench.one();
        assert_eq!((answer.kinds()[0], answer.tag), (chunk::COOKIE_ACK, 0x2222_2222));
        assert_eq!(bench.endpoint.poll_event(), told);
    }
    assert_eq!(bench.endpoint.counts.cookies_bad, 0);
}

/// A restart's cookie, when the association has ended meanwhile and its place is another peer's: there is room for both, and
/// a new association (5.1.5).
#[test]
fn a_restart_that_comes_after_the_end() {
    let mut bench = any_peer().accept();
    let again = bench.init(0x2222_2222, |_| {});
    bench.bare(chunk::ABORT);
    bench.source = ip(OTHER);
    let another = bench.init(0x3333_3333, |_| {});
    bench.echo(&another);
    bench.sent();
    bench.events();
    bench.source = ip(PEER);
    bench.echo(&again);
    assert_eq!(bench.one().kinds(), [chunk::COOKIE_ACK]);
    assert_eq!(bench.endpoint.poll_event(), Some((AssociationId(1), up(17))));
    assert!(bench.endpoint.is_up(ID));
}

/// Both sides begin at once, and the peer's cookie comes from an address that only its INIT listed (5.2.4 B).
#[test]
fn a_collision_with_a_cookie_from_elsewhere() {
    let mut bench = Bench::cookie_wait();
    let answer = bench.init(THEIR_TAG, |w| w.address(ip(OTHER)));
    bench.source = ip(OTHER);
    bench.echo(&answer);
    assert_eq!(bench.sent()[0].kinds()[0], chunk::COOKIE_ACK);
    assert_eq!(bench.told(), [up(17)]);
}

/// Both sides began at once and we are established already: a cookie of an INIT with the TSN that we know is no restart, one
/// with another TSN is (5.2.4 B).
#[test]
fn a_late_collision() {
    for (tsn, expected) in [(THEIR_TSN, vec![]), (THEIR_TSN + 7, vec![Change::Restarted { streams: 17 }])] {
        let mut bench = Bench::cookie_echoed();
        (bench.tsn, bench.theirs) = (tsn, 0x5555);
        let answer = bench.init(0x5555, |_| {});
        bench.bare(chunk::COOKIE_ACK);
        assert_eq!(bench.told(), [up(17)]);
        bench.echo(&answer);
        bench.expect(&[chunk::COOKIE_ACK]);
        assert_eq!(bench.told(), expected, "{tsn}");
        bench.intact();
    }
}

/// Cookies that are refused, by an association and by none, are counted for what they are (5.2.4 C, 5.2.6).
#[test]
fn refused_cookies_are_counted() {
    let counted = |bench: &Bench| (bench.endpoint.counts.cookies_bad, bench.endpoint.counts.cookies_stale);
    // With old tags: of another attempt.
    let mut bench = Bench::server();
    let late = bench.init(THEIR_TAG, |_| {});
    let mut bench = bench.accept();
    bench.echo(&late);
    assert_eq!(counted(&bench), (1, 0));
    bench.advance(61_000);
    bench.echo(&late);
    assert_eq!(counted(&bench), (1, 1));
    assert_eq!(bench.told(), []);
    // No place for it, and stale as well.
    let mut bench = Bench::with(vec![AssociationConfig { remote: vec![], ..config(Role::Server) }]);
    bench.source = ip(OTHER);
    let late = bench.init(77, |_| {});
    bench.source = ip(PEER);
    let mut bench = bench.accept();
    bench.source = ip(OTHER);
    bench.echo(&late);
    assert_eq!(counted(&bench), (1, 0));
    bench.advance(61_000);
    bench.echo(&late);
    assert_eq!(counted(&bench), (2, 1));
}

/// Addresses behind parameters that are known and say nothing to us count (3.3.2.1).
#[test]
fn addresses_behind_other_parameters() {
    for kind in [parameter::COOKIE_PRESERVATIVE, parameter::SUPPORTED_ADDRESS_TYPES] {
        let mut bench = Bench::server();
        let answer = bench.init(THEIR_TAG, |w| {
            w.tlv(kind, |w| w.u32(5 << 16 | 5));
            w.address(ip(OTHER));
        });
        assert_eq!(reported(&answer), Vec::<Vec<u8>>::new());
        bench.echo(&answer);
        assert_eq!(bench.endpoint.paths(ID).map(|it| it.remote).collect::<Vec<_>>(), [ip(PEER), ip(OTHER)]);
    }
    let mut bench = Bench::cookie_wait();
    bench.say_init_ack_with_report();
    bench.expect(&[chunk::COOKIE_ECHO]);
}

impl Bench {
    /// INIT ACK whose cookie stands behind a report of an unrecognized parameter.
    fn say_init_ack_with_report(&mut self) {
        self.peer(|w| {
            w.chunk(chunk::INIT_ACK, 0, |w| {
                Fixed::GOOD.write(w);
                w.tlv(parameter::UNRECOGNIZED, |w| w.tlv(0xc00c, |w| w.u32(1)));
                w.tlv(parameter::STATE_COOKIE, |w| w.u32(1));
            });
        });
    }
}

/// One address of the peer's is configured, and two of ours: we answer from the one that the peer spoke to (5.1.2, 6.4).
#[test]
fn we_stay_at_the_address_that_the_peer_spoke_to() {
    let mut bench = Bench::configured(Role::Server, |config| config.local.push(ip("10.0.1.1")));
    bench.destination = ip("10.0.1.1");
    let mut bench = bench.accept();
    bench.send(b"from where").unwrap();
    assert_eq!(bench.expect(&[chunk::DATA]).flow.source, ip("10.0.1.1"));
}

/// An INIT with a tag, or INIT ACK that is not alone, from an address that nobody knows is about nothing, whatever it lists
/// (8.4, 8.5.1 A, 6.10).
#[test]
fn strangers_that_name_an_association_wrongly() {
    let mut bench = Bench::up();
    bench.source = ip(OTHER);
    let ours = bench.ours;
    bench.inject(ours, |w| {
        w.chunk(chunk::INIT, 0, |w| {
            init_fields(w, 77, 1);
            w.address(ip(PEER));
        });
    });
    bench.reflected(chunk::ABORT, ours);
    let mut bench = Bench::cookie_wait();
    bench.source = ip(OTHER);
    let ours = bench.ours;
    bench.peer(|w| {
        w.chunk(chunk::INIT_ACK, 0, |w| {
            Fixed::GOOD.write(w);
            w.tlv(parameter::STATE_COOKIE, |w| w.u32(1));
        });
        w.chunk(chunk::HEARTBEAT, 0, |w| w.tlv(1, |w| w.u32(1)));
    });
    bench.reflected(chunk::ABORT, ours);
    assert_eq!(bench.state(), State::CookieWait);
}

/// INIT and the like with a tag that does not go with them are counted as that, and chunks of a set-up among others as
/// unexpected; nothing behind them counts (8.5.1, 6.10).
#[test]
fn misplaced_chunks_are_counted() {
    let wrong = |kind: u8, flags: u8| {
        let mut bench = Bench::up();
        bench.say_as(bench.ours, flags, kind, &[0; 20]);
        (bench.endpoint.counts.bad_tag, bench.endpoint.counts.unexpected_chunks)
    };
    assert_eq!(wrong(chunk::INIT, 0), (1, 0));
    assert_eq!(wrong(chunk::SHUTDOWN_COMPLETE, 1), (1, 0));
    for (kind, flags, counts) in [
        (chunk::INIT, 0, (0, 1, 0)),
        (chunk::COOKIE_ECHO, 0, (0, 1, 0)),
        (chunk::ABORT, 1, (1, 0, 0)),
        (chunk::ABORT, 0, (0, 0, 1)),
    ] {
        let mut bench = Bench::up();
        let got = bench.peer(|w| {
            w.chunk(chunk::ERROR, 0, |w| w.tlv(99, |_| {}));
            w.chunk(kind, flags, |w| w.u32(3));
            data(w, WHOLE, THEIR_TSN, 0, 0, b"behind");
        });
        let counted = &bench.endpoint.counts;
        assert_eq!((counted.bad_tag, counted.unexpected_chunks, counted.malformed), counts, "{kind}");
        assert_eq!((got, bench.state()), (vec![], State::Established));
    }
}

/// Restarts with an unsound cookie: each field of it is looked at alone (5.1.5).
#[test]
fn each_part_of_a_cookie_is_looked_at() {
    let unsound: [fn(&mut cookie::Cookie); 4] = [
        |cookie| cookie.streams.0 = 0,
        |cookie| cookie.streams.1 = 0,
        |cookie| cookie.window = 1499,
        |cookie| cookie.ports.1 += 1,
    ];
    for change in unsound {
        let mut bench = Bench::server();
        let answer = bench.init(THEIR_TAG, |_| {});
        let mut contents = bench.endpoint.baker.open(bench.now, &cookie_of(&answer)).unwrap();
        change(&mut contents);
        let sealed = bench.endpoint.baker.seal(bench.now, &contents).octets().to_vec();
        bench.learn(&answer);
        bench.say(chunk::COOKIE_ECHO, &sealed);
        bench.silent();
        assert_eq!(bench.endpoint.counts.cookies_bad, 1);
    }
}

/// Answers that the limit holds back are counted, and so is each packet that comes (8.4).
#[test]
fn what_is_not_answered_is_counted() {
    let mut bench = Bench::server();
    for _ in 0..120 {
        bench.inject(9, |w| w.chunk(chunk::ERROR, 0, |w| w.tlv(cause::INVALID_STREAM, |w| w.u32(0))));
    }
    let counted = &bench.endpoint.counts;
    assert_eq!((counted.packets_in, counted.packets_out), (120, 100));
    assert_eq!((counted.stateless_answers, counted.stateless_limited), (100, 20));
}
