//! What has brought other implementations down: one test for each pattern of published vulnerabilities.

use super::script::*;
use super::view::{cause, parameter};
use super::*;

/// Extensions that nobody has agreed on: AUTH, RE-CONFIG, ASCONF-ACK, PAD, FORWARD-TSN, ASCONF, I-FORWARD-TSN.
const EXTENSIONS: [u8; 7] = [0x0f, 0x82, 0x80, 0x84, 0xc0, 0xc1, 0xc2];

/// A packet of this chunk, whose length field says `length`, and a HEARTBEAT behind it.
fn chunk_of_length(bench: &mut Bench, kind: u8, length: u16) {
    let write = |w: &mut PacketWriter<'_>| {
        w.chunk(kind, 0, |w| w.u32(0));
        w.chunk(chunk::HEARTBEAT, 0, |w| w.tlv(1, |w| w.u32(1)));
    };
    bench.peer_wrongly(write, |bytes| bytes[14..16].copy_from_slice(&length.to_be_bytes()));
}

/// CVE-2006-1527, CVE-2010-0008: chunk length 0, in an association and out of the blue.
#[test]
fn vulnerability_01_chunk_length_zero() {
    for kind in 0..=255 {
        for length in 0..4 {
            let mut bench = Bench::up();
            chunk_of_length(&mut bench, kind, length);
            bench.silent();
            bench.intact();
            let mut bench = Bench::server();
            bench.ours = 0x99;
            chunk_of_length(&mut bench, kind, length);
            bench.silent();
        }
    }
}

/// CVE-2026-99128: the length is looked at before any rule about the chunk's type, at every place in the packet.
#[test]
fn vulnerability_02_length_check_before_anything_else() {
    for kind in EXTENSIONS {
        let mut bench = Bench::up();
        let write = |w: &mut PacketWriter<'_>| {
            w.chunk(0xc1, 0, |w| w.u32(0));
            w.chunk(kind, 0, |w| w.u32(0));
            data(w, WHOLE, THEIR_TSN, 0, 0, b"behind");
        };
        assert_eq!(bench.peer_wrongly(write, |bytes| bytes[22..24].fill(0)), []);
        bench.sent();
        bench.intact();
    }
}

/// CVE-2010-1173: an INIT of many bad parameters: the report stays within the path's packet.
#[test]
fn vulnerability_03_bounded_reports() {
    let many = |w: &mut PacketWriter<'_>| (0..2000).for_each(|_| w.tlv(0xc0cc, |w| w.bytes(&[0; 20])));
    let mut bench = Bench::server();
    bench.init_as(Fixed::GOOD, many);
    assert!(bench.wire.sent[0].1.len() <= 1480);
    assert!(!reported(&bench.one()).is_empty());
    let mut bench = Bench::cookie_wait();
    bench.init_ack(many);
    assert!(bench.wire.sent[0].1.len() <= 1480);
    bench.expect(&[chunk::COOKIE_ECHO, chunk::ERROR]);
}

/// CVE-2009-0065: FORWARD-TSN, not agreed on, for a stream that is not there.
#[test]
fn vulnerability_04_streams_of_unknown_extensions() {
    for kind in [0xc0, 0xc2] {
        let mut bench = Bench::up();
        bench.say(kind, &[&(THEIR_TSN + 5).to_be_bytes()[..], &[0xff; 8]].concat());
        assert_eq!(bench.expect(&[chunk::ERROR]).chunks[0].u16(0), cause::UNRECOGNIZED_CHUNK);
        bench.carries(0);
    }
}

/// CVE-2006-1857, CVE-2006-2272: HEARTBEAT ACKs of every length.
#[test]
fn vulnerability_05_heartbeat_ack() {
    let mut bench = Bench::server().accept_with(&[ip(OTHER)]);
    bench.advance(10);
    let good = bench.one().chunks[0].value.clone();
    for length in 0..good.len() {
        let mut cut = good[..length].to_vec();
        bench.say(chunk::HEARTBEAT_ACK, &cut);
        if length >= 4 {
            cut[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            bench.say(chunk::HEARTBEAT_ACK, &cut);
        }
    }
    bench.say(chunk::HEARTBEAT_ACK, &[0xff; 60_000]);
    for path in 0..=255 {
        let mut wrong = good.clone();
        wrong[4..8].fill(path);
        bench.say(chunk::HEARTBEAT_ACK, &wrong);
    }
    bench.silent();
    assert_eq!(bench.path(OTHER), PathState::Unconfirmed);
    bench.say(chunk::HEARTBEAT_ACK, &good);
    assert_eq!(bench.path(OTHER), PathState::Active);
}

/// CVE-2014-3673, CVE-2026-74287: a parameter longer than its chunk, an address longer or shorter than an address.
#[test]
fn vulnerability_06_nested_parameters() {
    for kind in [parameter::IPV4, parameter::IPV6] {
        for length in 4..=40u16 {
            let mut bench = Bench::server();
            let mut tlv = [&kind.to_be_bytes()[..], &length.to_be_bytes(), &[9; 40]].concat();
            tlv.truncate(usize::from(length));
            bench.init_as(Fixed::GOOD, |w| w.bytes(&tlv));
            let good = length == if kind == parameter::IPV4 { 8 } else { 20 };
            assert_eq!(bench.sent().len(), usize::from(good), "{kind} {length}");
            // The last octets are missing.
            bench.init_as(Fixed::GOOD, |w| w.bytes(&tlv[..tlv.len() - 1]));
            bench.silent();
        }
    }
    let mut bench = Bench::up();
    bench.say(0xc1, &[0, 0, 0, 1, 0xc0, 1, 0xff, 0xff, 0, 0, 0, 2, 0, 5, 0, 8, 1, 2, 3, 4]);
    bench.sent();
    bench.intact();
}

/// CVE-2014-3688: a flood of probes that want answers: nothing of it is kept.
#[test]
fn vulnerability_07_no_queue_of_answers() {
    let mut bench = Bench::up();
    bench.wire.closed = true;
    for _ in 0..10_000 {
        bench.peer(|w| w.chunk(0xc1, 0, |w| w.bytes(&[0; 100])));
        bench.peer(|w| w.chunk(chunk::HEARTBEAT, 0, |w| w.tlv(1, |w| w.bytes(&[0; 100]))));
    }
    bench.wire.closed = false;
    bench.flush();
    bench.silent();
    bench.carries(0);
}

/// CVE-2014-0101: AUTH before COOKIE ECHO: what is agreed on stands in the cookie, not in the packet.
#[test]
fn vulnerability_08_auth_before_cookie_echo() {
    for kind in EXTENSIONS {
        let mut bench = Bench::server();
        let answer = bench.init(THEIR_TAG, |_| {});
        let cookie = cookie_of(&answer);
        bench.learn(&answer);
        bench.peer(|w| {
            w.chunk(kind, 0, |w| w.bytes(&[0; 24]));
            w.chunk(chunk::COOKIE_ECHO, 0, |w| w.bytes(&cookie));
        });
        assert_eq!(bench.state(), State::Closed);
        bench.sent();
        bench.echo(&answer);
        bench.expect(&[chunk::COOKIE_ACK]);
        bench.carries(0);
    }
}

/// CVE-2015-1421, CVE-2013-2206: INITs collide, and COOKIE ECHO and COOKIE ACK come twice.
#[test]
fn vulnerability_09_collision_and_second_cookie() {
    for echoed in [false, true] {
        let mut bench = if echoed { Bench::cookie_echoed() } else { Bench::cookie_wait() };
        let answer = bench.init(THEIR_TAG, |_| {});
        for _ in 0..2 {
            bench.echo(&answer);
            bench.expect(&[chunk::COOKIE_ACK]);
            bench.bare(chunk::COOKIE_ACK);
            bench.init_ack(|_| {});
            bench.silent();
        }
        assert_eq!(bench.told(), [up(17)]);
        bench.carries(0);
    }
}

/// CVE-2021-3772: chunks of every type with tags that are not the association's.
#[test]
fn vulnerability_10_blind_chunks() {
    let mut bench = Bench::up();
    let cookie = cookie_of(&bench.init(77, |_| {}));
    let mut tags = vec![bench.ours ^ 4, THEIR_TAG, 0];
    let mut tag = 1u32;
    tags.extend((0..200).map(|_| {
        tag = tag.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        tag
    }));
    tags.retain(|&tag| tag != bench.ours);
    for tag in tags {
        for kind in 0..=255 {
            bench.say_as(tag, 0, kind, &[0; 16]);
        }
        bench.say_as(tag, 0, chunk::COOKIE_ECHO, &cookie);
        if tag != THEIR_TAG {
            bench.say_as(tag, 1, chunk::ABORT, &[]);
        }
    }
    bench.silent();
    assert_eq!(bench.told(), []);
    bench.carries(0);
}

/// CVE-2026-53224 and its like: a cookie without a good MAC is never looked into, whatever it says and however long.
#[test]
fn vulnerability_11_cookies_are_not_trusted() {
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |_| {});
    let cookie = cookie_of(&answer);
    bench.learn(&answer);
    for length in 0..cookie.len() {
        bench.say(chunk::COOKIE_ECHO, &cookie[..length]);
    }
    bench.say(chunk::COOKIE_ECHO, &[&cookie[..], &[0]].concat());
    bench.say(chunk::COOKIE_ECHO, &[0xff; 60_000]);
    bench.silent();
    assert_eq!(bench.state(), State::Closed);
    bench.echo(&answer);
    bench.expect(&[chunk::COOKIE_ACK]);
}

/// CVE-2026-64551: a stale cookie cause without its measure: nothing of ours is echoed in the next INIT.
#[test]
fn vulnerability_12_short_stale_cookie() {
    for length in 0..8 {
        let (mut bench, init) = Bench::new(config(Role::Client)).dial();
        bench.init_ack(|_| {});
        bench.sent();
        bench.say(chunk::ERROR, &[0, 3, 0, length][..]);
        bench.error(cause::STALE_COOKIE, &vec![0xee; usize::from(length)]);
        for sent in bench.sent() {
            assert_eq!(
                (sent.kinds(), sent.chunks[0].value.len()),
                (vec![chunk::INIT], init.chunks[0].value.len())
            );
        }
    }
}

/// CVE-2026-52924, CVE-2026-98548: a stale cookie, and DATA behind it, from the second address.
#[test]
fn vulnerability_13_stale_cookie_and_data() {
    let mut bench = Bench::cookie_wait();
    bench.init_ack(|w| w.address(ip(OTHER)));
    bench.sent();
    bench.source = ip(OTHER);
    let got = bench.peer(|w| {
        w.chunk(chunk::ERROR, 0, |w| w.tlv(cause::STALE_COOKIE, |w| w.u32(9)));
        data(w, WHOLE, THEIR_TSN, 0, 0, b"behind");
    });
    assert_eq!(got, []);
    let init = bench.expect(&[chunk::INIT]);
    bench.learn(&init);
    bench.source = ip(PEER);
    bench.init_ack(|w| w.address(ip(OTHER)));
    bench.expect(&[chunk::COOKIE_ECHO]);
    bench.bare(chunk::COOKIE_ACK);
    bench.carries(0);
}

/// CVE-2014-8613, CVE-2012-3549: RE-CONFIG and ASCONF of every length are unknown chunks, no more.
#[test]
fn vulnerability_14_unknown_extensions() {
    for kind in EXTENSIONS {
        for mut bench in [Bench::up(), Bench::server(), Bench::cookie_echoed(), Bench::shutdown_sent()] {
            let state = bench.state();
            for length in 0..64 {
                bench.say(kind, &vec![0xff; length]);
                bench.say(kind, &vec![0; length]);
            }
            assert_eq!((bench.state(), bench.told()), (state, vec![]));
        }
    }
}

/// CVE-2013-5209, CVE-2019-20503: every octet sent is written, whatever stood in the buffer; address lists are bounded.
#[test]
fn vulnerability_15_every_octet_is_written() {
    let script = |fill: u8| {
        let mut bench = Bench::server();
        bench.wire.fill = fill;
        bench.init_as(Fixed::GOOD, |w| (1..=200).for_each(|at| w.address(IpAddr::from([10, 9, 0, at]))));
        let (flow, bytes) = bench.wire.sent.pop().unwrap();
        let answer = Sent::parse(flow, &bytes);
        bench.learn(&answer);
        bench.echo(&answer);
        bench.data(WHOLE, THEIR_TSN + 1, 1, b"odd");
        bench.say(0xef, &[1]);
        bench.send(b"odd").unwrap();
        bench.advance(5000);
        bench.error(cause::STALE_COOKIE, &[]);
        bench.shutdown();
        bench.advance(5000);
        bench.abort(b"odd");
        let mut all = vec![(flow, bytes)];
        all.append(&mut bench.wire.sent);
        assert!(all.len() > 10);
        all.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>()
    };
    assert_eq!(script(0), script(0xff));
}
