//! Setting up: ETSI TS 102 369 groups AS and DM, RFC 9260 5.1 and 5.2.

use super::view::{Tlvs, cause, parameter};
use super::*;

fn cause_of(chunk: &Seen) -> u16 {
    chunk.u16(0)
}

/// An ABORT with the peer's Initiate Tag and this cause.
fn assert_refusal(sent: &Sent, code: u16) {
    assert_eq!((sent.kinds(), sent.tag, sent.chunks[0].flags), (vec![chunk::ABORT], THEIR_TAG, 0));
    assert_eq!(cause_of(&sent.chunks[0]), code);
}

fn reported(init_ack: &Sent) -> Vec<Vec<u8>> {
    Tlvs::new(&init_ack.chunks[0].value[16..])
        .map(|tlv| tlv.unwrap())
        .filter(|tlv| tlv.kind == parameter::UNRECOGNIZED)
        .map(|tlv| tlv.value.to_vec())
        .collect()
}

#[test]
fn as_v_1_1_1_client() {
    let mut bench = Bench::client();
    let init = bench.one();
    assert_eq!((init.kinds(), init.tag), (vec![chunk::INIT], 0));
    bench.learn(&init);
    assert_ne!(bench.ours, 0);
    bench.init_ack(|_| {});
    let echo = bench.one();
    assert_eq!((echo.kinds(), echo.tag), (vec![chunk::COOKIE_ECHO], THEIR_TAG));
    assert_eq!(echo.chunks[0].value, b"the peer's cookie");
    assert_eq!(bench.state(), State::CookieEchoed);
    bench.peer(|w| w.chunk(chunk::COOKIE_ACK, 0, |_| {}));
    assert_eq!(bench.events(), [Change::Up { streams: 17 }]);
    bench.silent();
    bench.intact();
    // DM-O-4-4: another COOKIE ACK changes nothing.
    bench.peer(|w| w.chunk(chunk::COOKIE_ACK, 0, |_| {}));
    bench.silent();
    bench.intact();
}

#[test]
fn as_v_1_1_2_server() {
    Bench::up().intact();
}

#[test]
fn as_i_1_2_lost_init_and_cookie_echo() {
    let mut bench = Bench::client();
    let init = bench.one();
    bench.learn(&init);
    bench.advance(999);
    bench.silent();
    bench.advance(1);
    assert_eq!(bench.one().chunks, init.chunks, "the same INIT");
    bench.init_ack(|_| {});
    let echo = bench.one();
    // DM-O-4-3: a second INIT ACK is dropped, and the timer keeps its time.
    bench.init_ack(|_| {});
    bench.silent();
    bench.advance(2000);
    assert_eq!(bench.one().chunks, echo.chunks);
    bench.peer(|w| w.chunk(chunk::COOKIE_ACK, 0, |_| {}));
    assert_eq!(bench.state(), State::Established);
}

#[test]
fn as_i_1_3_nobody_answers() {
    for echoed in [false, true] {
        let mut bench = Bench::client();
        let init = bench.one();
        bench.learn(&init);
        let mut gap = 1000;
        if echoed {
            bench.init_ack(|_| {});
            bench.one();
        }
        for _ in 0..8 {
            bench.advance(gap - 1);
            bench.silent();
            bench.advance(1);
            assert_eq!(bench.one().kinds(), [if echoed { chunk::COOKIE_ECHO } else { chunk::INIT }]);
            gap = (2 * gap).min(60_000);
        }
        bench.endpoint.poll_event();
        bench.advance(gap);
        assert_eq!(bench.events(), [Change::Down { reason: DownReason::NoAnswer }]);
        // And again, half a second to one and a half later, with another tag.
        bench.advance(1500);
        let again = bench.one();
        assert_eq!(again.kinds(), [chunk::INIT]);
        assert_ne!(again.chunks[0].u32(0), bench.ours);
    }
}

#[test]
fn as_i_1_4_inits_hold_nothing() {
    let mut bench = Bench::server();
    let first = bench.init(THEIR_TAG, |_| {});
    let size = bench.endpoint.counts.clone();
    for tag in 1..1000 {
        let answer = bench.init(tag, |_| {});
        assert_eq!(answer.tag, tag);
        assert!(answer.chunks[0].value.len() < 200, "small answers");
        assert_ne!(answer.chunks[0].u32(0), first.chunks[0].u32(0));
    }
    assert_eq!(size.associations_up, 0);
    bench.accept().intact();
}

#[test]
fn as_v_1_5_tags_differ() {
    let mut seen = std::collections::BTreeSet::new();
    let mut bench = Bench::server();
    for _ in 0..200 {
        assert!(seen.insert(bench.init(THEIR_TAG, |_| {}).chunks[0].u32(0)));
    }
    assert!(!seen.contains(&0));
}

#[test]
fn as_v_1_6_optional_parameters() {
    let optional = |w: &mut PacketWriter<'_>| {
        w.tlv(parameter::COOKIE_PRESERVATIVE, |w| w.u32(1000));
        w.tlv(parameter::SUPPORTED_ADDRESS_TYPES, |w| w.bytes(&[0, 6, 0, 5]));
        w.address(ip("2001:db8::1"));
        w.address(ip(OTHER));
    };
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, optional);
    assert_eq!(reported(&answer), Vec::<Vec<u8>>::new());
    bench.echo(&answer);
    // AS-V-1-11-1, X-01: the other IPv4 address is probed before it is used; ours are no IPv6.
    let sent = bench.sent();
    assert_eq!(sent[0].kinds(), [chunk::COOKIE_ACK]);
    bench.learn(&answer);
    bench.advance(1);
    let probe = bench.one();
    assert_eq!((probe.kinds(), probe.flow.destination), (vec![chunk::HEARTBEAT], ip(OTHER)));
    bench.source = ip(OTHER);
    bench.peer(|w| w.chunk(chunk::HEARTBEAT_ACK, 0, |w| w.bytes(&probe.chunks[0].value)));
    bench.send(b"to the first address").unwrap();
    assert_eq!(bench.one().flow.destination, ip(PEER));
    bench.advance(1000);
    let again = bench.sent().pop().unwrap();
    assert_eq!((again.kinds(), again.flow.destination), (vec![chunk::DATA], ip(OTHER)));

    let mut bench = Bench::client();
    let init = bench.one();
    bench.learn(&init);
    bench.init_ack(optional);
    assert_eq!(bench.one().kinds(), [chunk::COOKIE_ECHO]);
}

#[test]
fn x_02_a_wrong_nonce_confirms_nothing() {
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |w| w.address(ip(OTHER)));
    bench.learn(&answer);
    bench.echo(&answer);
    bench.advance(2000);
    let probe = bench.sent().pop().unwrap();
    assert_eq!(probe.flow.destination, ip(OTHER));
    let mut forged = probe.chunks[0].value.clone();
    forged[10] ^= 1;
    bench.peer(|w| w.chunk(chunk::HEARTBEAT_ACK, 0, |w| w.bytes(&forged)));
    bench.advance(240_000);
    assert_eq!(bench.state(), State::Established, "an unconfirmed address costs the association nothing");
    assert!(bench.endpoint.counts.heartbeats_lost > 5);
    assert_eq!(bench.endpoint.counts.paths_inactive, 1);
}

#[test]
fn as_1_7_streams() {
    let init = |out: u16, inbound: u16, window: u32| {
        let mut bench = Bench::server();
        bench.inject(0, |w| {
            w.chunk(chunk::INIT, 0, |w| {
                w.u32(THEIR_TAG);
                w.u32(window);
                w.u16(out);
                w.u16(inbound);
                w.u32(THEIR_TSN);
            });
        });
        let answer = bench.one();
        (bench, answer)
    };
    let (mut bench, answer) = init(100, 1, 100_000);
    assert_eq!((answer.chunks[0].u16(8), answer.chunks[0].u16(10)), (1, 17));
    bench.echo(&answer);
    assert_eq!(bench.events(), [Change::Up { streams: 1 }]);
    assert_eq!(bench.endpoint.send(bench.now, ID, 1, 3, b"x"), Err(SendRefused::NoSuchStream));
    // AS-I-1-7-2, X-24.
    for (out, inbound, window) in [(0, 1, 100_000), (1, 0, 100_000), (1, 1, 1499)] {
        let (mut bench, answer) = init(out, inbound, window);
        assert_refusal(&answer, cause::INVALID_PARAMETER);
        bench.accept_after_refusal();
    }
}

impl Bench {
    fn accept_after_refusal(&mut self) {
        let answer = self.init(THEIR_TAG, |_| {});
        assert_eq!(answer.kinds(), [chunk::INIT_ACK]);
    }

    /// A client that has sent INIT gets this INIT ACK.
    fn answered(write: impl FnOnce(&mut PacketWriter<'_>)) -> Self {
        let mut bench = Self::client();
        let init = bench.one();
        bench.learn(&init);
        bench.peer(write);
        bench
    }
}

#[test]
fn as_1_7_streams_in_init_ack() {
    let answer = |tag: u32, out: u16, inbound: u16| {
        Bench::answered(|w| {
            w.chunk(chunk::INIT_ACK, 0, |w| {
                w.u32(tag);
                w.u32(100_000);
                w.u16(out);
                w.u16(inbound);
                w.u32(THEIR_TSN);
                w.tlv(parameter::STATE_COOKIE, |w| w.u32(1));
            });
        })
    };
    let mut bench = answer(THEIR_TAG, 1, 1);
    assert_eq!(bench.one().kinds(), [chunk::COOKIE_ECHO]);
    bench.peer(|w| w.chunk(chunk::COOKIE_ACK, 0, |_| {}));
    assert_eq!(bench.events(), [Change::Up { streams: 1 }]);
    // AS-I-1-7-4.
    let mut bench = answer(THEIR_TAG, 0, 1);
    assert_refusal(&bench.one(), cause::INVALID_PARAMETER);
    assert_eq!(bench.events(), [Change::Down { reason: DownReason::Refused { cause: 7 } }]);
    // AS-I-1-14-2: only our own tag can be told.
    let mut bench = answer(0, 1, 1);
    let abort = bench.one();
    assert_eq!((abort.kinds(), abort.tag, abort.chunks[0].flags), (vec![chunk::ABORT], bench.ours, 1));
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn as_i_1_8_unknown_parameters() {
    let unknown = |w: &mut PacketWriter<'_>, kinds: &[u16]| {
        for (at, &kind) in kinds.iter().enumerate() {
            w.tlv(kind, |w| w.bytes(&[at as u8; 3]));
        }
    };
    for (kinds, told) in [
        ([0xc0cc, 0xc0cc, 0xc0cc], vec![0, 1, 2]),
        ([0xc0cc, 0x00cc, 0xc0cc], vec![0]),
        ([0xc0cc, 0x40cc, 0xc0cc], vec![0, 1]),
        ([0xc0cc, 0x80cc, 0xc0cc], vec![0, 2]),
    ] {
        let mut bench = Bench::server();
        let answer = bench.init(THEIR_TAG, |w| unknown(w, &kinds));
        let expected: Vec<Vec<u8>> =
            told.iter().map(|&at| [&kinds[at].to_be_bytes()[..], &[0, 7], &[at as u8; 3]].concat()).collect();
        assert_eq!(reported(&answer), expected);
        bench.echo(&answer);
        assert_eq!(bench.state(), State::Established);
    }
    // What follows a parameter that says stop is not read: not even an address.
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |w| {
        w.tlv(0x00cc, |_| {});
        w.tlv(parameter::HOST_NAME, |w| w.bytes(b"host"));
    });
    assert_eq!(answer.kinds(), [chunk::INIT_ACK]);
    // CVE-2010-1173: many of them; the answer stays within the path's packet.
    let mut bench = Bench::server();
    bench.inject(0, |w| {
        w.chunk(chunk::INIT, 0, |w| {
            init_fields(w, THEIR_TAG, 1);
            for _ in 0..2000 {
                w.tlv(0xc0cc, |w| w.bytes(&[0; 20]));
            }
        });
    });
    assert!(bench.wire.sent[0].1.len() <= 1480);
    assert!(!reported(&bench.one()).is_empty());
}

#[test]
fn as_o_1_9_init_in_an_association() {
    let mut bench = Bench::up();
    let answer = bench.init(77, |w| w.address(ip(PEER)));
    assert_eq!((answer.kinds(), answer.tag), (vec![chunk::INIT_ACK], 77));
    assert_ne!(answer.chunks[0].u32(0), bench.ours);
    bench.intact();
    // AS-O-1-9-2, X-17.
    let refusal = bench.init(THEIR_TAG, |w| w.address(ip(OTHER)));
    assert_refusal(&refusal, cause::RESTART_WITH_NEW_ADDRESSES);
    assert_eq!(refusal.chunks[0].value[4..], [0, 5, 0, 8, 10, 0, 1, 2]);
    bench.intact();
    // DM-O-4-2-1: the first INIT again.
    let answer = bench.init(THEIR_TAG, |_| {});
    assert_ne!(answer.chunks[0].u32(0), bench.ours);
    bench.intact();
    // X-24 in an association.
    bench.inject(0, |w| {
        w.chunk(chunk::INIT, 0, |w| {
            init_fields(w, THEIR_TAG, 1);
        });
        w.chunk(chunk::COOKIE_ACK, 0, |_| {});
    });
    bench.silent();
    bench.intact();
}

#[test]
fn as_1_12_host_names_are_refused() {
    let host = |w: &mut PacketWriter<'_>| w.tlv(parameter::HOST_NAME, |w| w.bytes(b"peer.example\0"));
    let mut bench = Bench::server();
    let refusal = bench.init(THEIR_TAG, host);
    assert_refusal(&refusal, cause::UNRESOLVABLE_ADDRESS);
    let mut bench = Bench::client();
    let init = bench.one();
    bench.learn(&init);
    bench.init_ack(host);
    assert_refusal(&bench.one(), cause::UNRESOLVABLE_ADDRESS);
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn as_1_13_supported_address_types() {
    for types in [&[0, 5, 0, 6][..], &[0, 6]] {
        let mut bench = Bench::server();
        let answer = bench.init(THEIR_TAG, |w| w.tlv(parameter::SUPPORTED_ADDRESS_TYPES, |w| w.bytes(types)));
        assert_eq!(answer.kinds(), [chunk::INIT_ACK]);
    }
}

#[test]
fn as_i_1_14_1_tag_zero() {
    let mut bench = Bench::server();
    bench.inject(0, |w| w.chunk(chunk::INIT, 0, |w| init_fields(w, 0, 1)));
    bench.silent();
    bench.accept().intact();
}

#[test]
fn as_i_1_15_every_address_is_tried() {
    let mut config = config(Role::Client);
    config.remote.push(ip(OTHER));
    let mut bench = Bench::new(config);
    bench.endpoint.connect(bench.now, ID, &mut bench.wire);
    bench.advance(20_000);
    let to: Vec<IpAddr> = bench.sent().iter().map(|sent| sent.flow.destination).collect();
    assert_eq!(to[..4], [ip(PEER), ip(OTHER), ip(PEER), ip(OTHER)]);
}

#[test]
fn dm_o_4_1_both_begin_at_once() {
    let mut bench = Bench::client();
    let init = bench.one();
    bench.learn(&init);
    let answer = bench.init(THEIR_TAG, |_| {});
    assert_eq!(answer.chunks[0].value[..16], init.chunks[0].value[..16], "the values of our INIT");
    assert_eq!(bench.state(), State::CookieWait);
    bench.advance(1000);
    assert_eq!(bench.one().chunks, init.chunks, "T1 keeps its time");
    // the peer's COOKIE ECHO ends it for both.
    bench.echo(&answer);
    assert_eq!(bench.one().kinds(), [chunk::COOKIE_ACK]);
    assert_eq!(bench.events(), [Change::Up { streams: 17 }]);
    bench.intact();
    bench.advance(100_000);
    bench.silent();
}

#[test]
fn x_13_collision_after_the_peers_init_ack() {
    let mut bench = Bench::client();
    let init = bench.one();
    bench.learn(&init);
    bench.init_ack(|_| {});
    bench.one();
    // The peer answered before it began itself, with another tag.
    let answer = bench.init(0x5555, |_| {});
    assert_eq!(answer.chunks[0].u32(0), bench.ours);
    bench.echo(&answer);
    bench.theirs = 0x5555;
    let ack = bench.one();
    assert_eq!((ack.kinds(), ack.tag), (vec![chunk::COOKIE_ACK], 0x5555));
    bench.intact();
    // in COOKIE-ECHOED too, an INIT may add no address.
    let mut bench = Bench::client();
    let init = bench.one();
    bench.learn(&init);
    bench.init_ack(|_| {});
    bench.one();
    let refusal = bench.init(THEIR_TAG, |w| w.address(ip(OTHER)));
    assert_refusal(&refusal, cause::RESTART_WITH_NEW_ADDRESSES);
    assert_eq!(bench.state(), State::CookieEchoed);
}

#[test]
fn x_14_to_x_18_cookies_in_an_association() {
    let mut bench = Bench::server();
    let late = bench.init(THEIR_TAG, |_| {});
    let init_ack = bench.init(THEIR_TAG, |_| {});
    bench.learn(&init_ack);
    bench.echo(&init_ack);
    assert_eq!(bench.one().kinds(), [chunk::COOKIE_ACK]);
    // C: an old tag of ours.
    bench.echo(&late);
    bench.silent();
    bench.intact();
    // D: the COOKIE ACK was lost; also when the cookie is stale by now.
    bench.send(b"data under way").unwrap();
    bench.sent();
    for wait in [0, 61_000] {
        bench.peer(|w| sack(w, bench_tsn(), 1000, &[]));
        bench.now += Duration::from_millis(wait);
        bench.echo(&init_ack);
        assert_eq!(bench.one().kinds(), [chunk::COOKIE_ACK]);
        bench.intact();
    }
    assert_eq!(bench.events(), [Change::Up { streams: 17 }]);
    // A: restart.
    bench.tsn = 5000;
    let answer = bench.init(0x7777, |_| {});
    bench.echo(&answer);
    bench.learn(&answer);
    bench.theirs = 0x7777;
    assert_eq!(bench.one().kinds(), [chunk::COOKIE_ACK]);
    assert_eq!(bench.events(), [Change::Restarted { streams: 17 }]);
    let got = bench.peer(|w| data(w, WHOLE, 5000, 0, 0, b"anew"));
    assert_eq!(got.len(), 1);
    bench.sent();
    bench.send(b"anew").unwrap();
    assert_eq!(bench.one().chunks[0].u32(0), bench.our_tsn);
    // the old cookies fit nothing now.
    bench.echo(&init_ack);
    assert_eq!(bench.one().chunks[0].kind, chunk::ERROR, "expired, with other tags");
    bench.intact();
}

/// A TSN long acknowledged: a SACK that is ignored.
fn bench_tsn() -> u32 {
    0
}

#[test]
fn x_21_a_cookie_works_only_from_where_it_was_asked_for() {
    let mut bench =
        Bench::new(AssociationConfig { remote: vec![], remote_port: None, ..config(Role::Server) });
    let answer = bench.init(THEIR_TAG, |_| {});
    let cookie = cookie_of(&answer);
    bench.source = ip(OTHER);
    bench.echo(&answer);
    bench.silent();
    bench.source = ip(PEER);
    let mut moved = packet(answer.chunks[0].u32(0), |w| w.chunk(chunk::COOKIE_ECHO, 0, |w| w.bytes(&cookie)));
    moved[0] ^= 1;
    let sum = view::checksum(&moved);
    moved[8..12].copy_from_slice(&sum.to_le_bytes());
    bench.bytes(&moved);
    bench.silent();
    assert_eq!(bench.endpoint.counts.cookies_bad, 2);
    bench.echo(&answer);
    assert_eq!(bench.one().kinds(), [chunk::COOKIE_ACK]);
}

#[test]
fn imh_3_3_to_3_6_bad_cookies() {
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |_| {});
    let cookie = cookie_of(&answer);
    let tag = answer.chunks[0].u32(0);
    // IMH-I-3-3: the tag is not the cookie's.
    bench.inject(tag ^ 1, |w| w.chunk(chunk::COOKIE_ECHO, 0, |w| w.bytes(&cookie)));
    bench.silent();
    // IMH-I-3-5, DM-O-4-8.
    let mut forged = cookie.clone();
    forged[9] ^= 1;
    bench.inject(tag, |w| w.chunk(chunk::COOKIE_ECHO, 0, |w| w.bytes(&forged)));
    bench.silent();
    // IMH-I-3-6.
    bench.now += Duration::from_secs(65);
    bench.echo(&answer);
    let error = bench.one();
    assert_eq!((error.kinds(), error.tag, cause_of(&error.chunks[0])), (vec![chunk::ERROR], THEIR_TAG, 3));
    assert_eq!(bench.state(), State::Closed);
    bench.accept().intact();
}

#[test]
fn e_o_6_1_a_stale_cookie_means_a_new_try() {
    let stale = |w: &mut PacketWriter<'_>| w.chunk(chunk::ERROR, 0, |w| w.tlv(3, |w| w.u32(1_000_000)));
    let mut bench = Bench::client();
    let init = bench.one();
    bench.learn(&init);
    bench.init_ack(|_| {});
    bench.one();
    bench.peer(stale);
    let again = bench.one();
    assert_eq!(again.kinds(), [chunk::INIT]);
    assert_ne!(again.chunks[0].u32(0), bench.ours);
    // E-O-6-2: elsewhere it means nothing.
    let mut bench = Bench::up();
    bench.peer(stale);
    bench.silent();
    bench.intact();
    // CVE-2026-64551: a cause too short for its measure; nothing of ours is echoed.
    let mut bench = Bench::client();
    let init = bench.one();
    bench.learn(&init);
    bench.init_ack(|_| {});
    bench.one();
    bench.peer(|w| w.chunk(chunk::ERROR, 0, |w| w.tlv(3, |_| {})));
    bench.silent();
}

#[test]
fn e_i_6_4_and_6_5_init_ack_parameters() {
    let mut bench =
        Bench::answered(|w| w.chunk(chunk::INIT_ACK, 0, |w| init_fields(w, THEIR_TAG, THEIR_TSN)));
    let refusal = bench.one();
    assert_refusal(&refusal, cause::MISSING_PARAMETER);
    assert_eq!(refusal.chunks[0].value[4..], [0, 0, 0, 1, 0, 7]);
    assert_eq!(bench.events(), [Change::Down { reason: DownReason::Refused { cause: 2 } }]);

    let mut bench = Bench::client();
    let init = bench.one();
    bench.learn(&init);
    bench.init_ack(|w| w.tlv(0xc00c, |w| w.u8(9)));
    let echo = bench.one();
    assert_eq!(echo.kinds(), [chunk::COOKIE_ECHO, chunk::ERROR]);
    assert_eq!(echo.chunks[1].value, [0, 8, 0, 9, 0xc0, 0x0c, 0, 5, 9]);
    // E-I-6-6, with us as the server.
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |_| {});
    let cookie = cookie_of(&answer);
    bench.inject(answer.chunks[0].u32(0), |w| {
        w.chunk(chunk::COOKIE_ECHO, 0, |w| w.bytes(&cookie));
        w.chunk(chunk::ERROR, 0, |w| w.tlv(8, |w| w.bytes(&[0xc0, 0, 0, 4])));
    });
    assert_eq!(bench.one().kinds(), [chunk::COOKIE_ACK]);
    assert_eq!(bench.state(), State::Established);
}

#[test]
fn bdc_7_bundles_with_a_handshake() {
    // BDC-I-7-1.
    let mut bench = Bench::server();
    bench.inject(0, |w| {
        w.chunk(chunk::INIT, 0, |w| init_fields(w, THEIR_TAG, THEIR_TSN));
        data(w, WHOLE, THEIR_TSN, 0, 0, b"early");
    });
    bench.silent();
    // BDC-V-7-4.
    let answer = bench.init(THEIR_TAG, |_| {});
    let cookie = cookie_of(&answer);
    let got = bench.inject(answer.chunks[0].u32(0), |w| {
        w.chunk(chunk::COOKIE_ECHO, 0, |w| w.bytes(&cookie));
        data(w, WHOLE, THEIR_TSN, 0, 0, b"with the cookie");
    });
    assert_eq!(got.len(), 1);
    let kinds: Vec<u8> = bench.sent().iter().flat_map(Sent::kinds).collect();
    assert_eq!(kinds, [chunk::COOKIE_ACK, chunk::SACK]);
    // BDC-I-7-2.
    let mut bench = Bench::client();
    let init = bench.one();
    bench.learn(&init);
    bench.peer(|w| {
        w.chunk(chunk::INIT_ACK, 0, |w| {
            init_fields(w, THEIR_TAG, THEIR_TSN);
            w.tlv(parameter::STATE_COOKIE, |w| w.u32(7));
        });
        data(w, WHOLE, THEIR_TSN, 0, 0, b"early");
    });
    bench.silent();
    bench.advance(1000);
    assert_eq!(bench.one().kinds(), [chunk::INIT]);
    // BDC-V-7-5.
    bench.init_ack(|_| {});
    bench.one();
    let got = bench.peer(|w| {
        w.chunk(chunk::COOKIE_ACK, 0, |_| {});
        data(w, WHOLE, THEIR_TSN, 0, 0, b"with the COOKIE ACK");
    });
    assert_eq!(got.len(), 1);
    assert_eq!(bench.one().kinds(), [chunk::SACK]);
}

#[test]
fn configurations_choose_by_address_and_port() {
    let any = AssociationConfig { remote: vec![], remote_port: None, ..config(Role::Server) };
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
    bench.endpoint.shutdown(bench.now, ID, &mut bench.wire);
    assert_eq!(bench.init(6, |_| {}).kinds(), [chunk::ABORT]);
    bench.endpoint.connect(bench.now, ID, &mut bench.wire);
    assert_eq!(bench.init(6, |_| {}).kinds(), [chunk::INIT_ACK]);
}
