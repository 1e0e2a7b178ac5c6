//! A bad neighbourhood: floods, no buffers, every octet changed, noise.

use super::script::resum;
use super::view::cause;
use super::*;

#[test]
fn answers_out_of_the_blue_are_limited() {
    let mut bench = Bench::server();
    for _ in 0..100_000 {
        bench.inject(0x99, |w| data(w, WHOLE, 1, 0, 0, b"x"));
    }
    assert_eq!(bench.sent().len(), 100);
    bench.now += Duration::from_millis(50);
    for _ in 0..1000 {
        bench.inject(0x99, |w| data(w, WHOLE, 1, 0, 0, b"x"));
    }
    assert_eq!(bench.sent().len(), 10);
}

#[test]
fn a_message_taken_by_halves_survives_the_end_of_the_association() {
    let mut bench = Bench::up();
    let bytes = packet(bench.ours, |w| {
        data(w, WHOLE, THEIR_TSN, 0, 0, b"one");
        data(w, WHOLE, THEIR_TSN + 1, 0, 1, b"two");
    });
    let mut cursor = Cursor::new();
    let (from, to) = (ip(PEER), ip(OURS));
    let event = bench.endpoint.input(bench.now, from, to, &bytes, &mut cursor, &mut bench.wire);
    assert!(event.is_some());
    bench.endpoint.abort(bench.now, ID, b"", &mut bench.wire);
    let event = bench.endpoint.input(bench.now, from, to, &bytes, &mut cursor, &mut bench.wire);
    assert_eq!(event, None);
}

#[test]
fn no_buffer_is_no_loss() {
    let mut bench = Bench::up();
    bench.wire.closed = true;
    for _ in 0..10 {
        bench.send(b"waits").unwrap();
    }
    bench.data_while_closed();
    assert!(bench.endpoint.counts.no_buffer > 0);
    bench.wire.closed = false;
    bench.flush();
    let chunks: Vec<u8> = bench.sent().iter().flat_map(Sent::kinds).collect();
    assert_eq!(chunks.iter().filter(|&&kind| kind == chunk::DATA).count(), 10);
    assert_eq!(chunks.iter().filter(|&&kind| kind == chunk::SACK).count(), 1);
}

impl Bench {
    fn data_while_closed(&mut self) {
        let got = self.peer(|w| data(w, WHOLE, THEIR_TSN, 0, 0, b"comes in"));
        assert_eq!(got.len(), 1);
    }
}

/// Golden packets of every chunk that we understand, for an association whose tag is `tag`.
fn golden(tag: u32, cookie: &[u8], our_tsn: u32) -> Vec<Vec<u8>> {
    vec![
        packet(0, |w| {
            w.chunk(chunk::INIT, 0, |w| {
                init_fields(w, THEIR_TAG, THEIR_TSN);
                w.address(ip(PEER));
                w.tlv(0xc0cc, |w| w.u32(1));
            });
        }),
        packet(tag, |w| w.chunk(chunk::COOKIE_ECHO, 0, |w| w.bytes(cookie))),
        packet(tag, |w| {
            w.chunk(chunk::INIT_ACK, 0, |w| {
                init_fields(w, THEIR_TAG, THEIR_TSN);
                w.tlv(7, |w| w.u32(1));
            });
        }),
        packet(tag, |w| {
            data(w, 2, THEIR_TSN, 0, 0, b"first part");
            data(w, 1, THEIR_TSN + 1, 0, 0, b"second part");
            data(w, 7, THEIR_TSN + 3, 1, 0, b"unordered");
            sack(w, our_tsn, 5000, &[(2, 2)]);
        }),
        packet(tag, |w| {
            w.chunk(chunk::HEARTBEAT, 0, |w| w.tlv(1, |w| w.bytes(&[5; 16])));
            w.chunk(chunk::HEARTBEAT_ACK, 0, |w| w.tlv(1, |w| w.bytes(&[0; 12])));
            w.chunk(chunk::ERROR, 0, |w| w.tlv(cause::STALE_COOKIE, |w| w.u32(0)));
            w.chunk(0xef, 0, |w| w.u32(0));
            w.chunk(chunk::SHUTDOWN, 0, |w| w.u32(our_tsn));
            w.chunk(chunk::ABORT, 0, |w| w.tlv(12, |w| w.bytes(b"why")));
        }),
        packet(tag, |w| w.chunk(chunk::SHUTDOWN_ACK, 0, |_| {})),
        packet(tag, |w| w.chunk(chunk::SHUTDOWN_COMPLETE, 1, |_| {})),
    ]
}

/// An endpoint in one of its states, with DATA under way where that can be.
fn in_state(which: usize) -> (Bench, Vec<u8>) {
    let mut bench = match which {
        0 => Bench::server(),
        1 => Bench::client(),
        _ => Bench::up(),
    };
    match which {
        1 => {
            let init = bench.one();
            bench.learn(&init);
        }
        2 => (0..3).for_each(|_| bench.send(b"under way").unwrap()),
        3 => bench.endpoint.shutdown(bench.now, ID, &mut bench.wire),
        4 => {
            let tsn = bench.our_tsn.wrapping_sub(1);
            bench.peer(|w| w.chunk(chunk::SHUTDOWN, 0, |w| w.u32(tsn)));
        }
        _ => {}
    }
    let cookie = if which == 1 || which == 4 {
        vec![1; 100]
    } else {
        bench.wire.sent.clear();
        cookie_of(&bench.init(THEIR_TAG, |_| {}))
    };
    bench.wire.sent.clear();
    (bench, cookie)
}

#[test]
fn every_octet_cut_or_changed_in_every_state() {
    for which in 0..5 {
        let (bench, cookie) = in_state(which);
        for golden in golden(bench.ours, &cookie, bench.our_tsn) {
            for at in 0..golden.len() {
                let mut cut = golden[..at].to_vec();
                resum(&mut cut);
                let mut changed = golden.clone();
                changed[at] ^= 0xff;
                resum(&mut changed);
                let mut nudged = golden.clone();
                nudged[at] = nudged[at].wrapping_add(1);
                resum(&mut nudged);
                let (mut bench, _) = in_state(which);
                for bytes in [cut, changed, nudged] {
                    bench.bytes(&bytes);
                    bench.flush();
                    let answered: usize = bench.wire.sent.drain(..).map(|(_, bytes)| bytes.len()).sum();
                    assert!(answered < 2000);
                }
            }
        }
    }
}

#[test]
fn noise_with_good_checksums_in_every_state() {
    let mut seed = 42u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize % below
    };
    for round in 0..400 {
        let (mut bench, cookie) = in_state(round % 5);
        let golden = golden(bench.ours, &cookie, bench.our_tsn);
        for _ in 0..40 {
            let mut bytes = golden[random(golden.len())].clone();
            for _ in 0..random(6) {
                let at = random(bytes.len());
                bytes[at] = random(256) as u8;
            }
            if random(4) == 0 {
                let more = golden[random(golden.len())][12..].to_vec();
                bytes.extend(more);
            }
            if random(8) == 0 {
                bytes = (0..random(200)).map(|_| random(256) as u8).collect();
            }
            resum(&mut bytes);
            bench.bytes(&bytes);
            bench.flush();
            let answered: usize = bench.wire.sent.drain(..).map(|(_, bytes)| bytes.len()).sum();
            assert!(answered < 4000, "{answered}");
            if random(10) == 0 {
                let millis = random(3000) as u64;
                bench.advance(millis);
            }
            if random(5) == 0 {
                let _ = bench.send(b"something to do");
            }
            bench.events();
        }
    }
}
