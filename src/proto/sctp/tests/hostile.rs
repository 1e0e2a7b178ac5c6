//! Packets that are wrong or of no association: ETSI TS 102 369 groups IMH, FH-O, E, M; known vulnerabilities; noise.

use super::script::resum;
use super::view::cause;
use super::*;

#[test]
fn imh_i_3_1_and_3_2_short_chunks() {
    let mut bench = Bench::server();
    bench.inject(0, |w| w.chunk(chunk::INIT, 0, |w| w.u32(1)));
    bench.silent();
    bench.accept().intact();
    let mut bench = Bench::client();
    let init = bench.one();
    bench.learn(&init);
    bench.peer(|w| w.chunk(chunk::INIT_ACK, 0, |w| w.u32(1)));
    bench.silent();
    bench.advance(1000);
    assert_eq!(bench.one().kinds(), [chunk::INIT]);
}

#[test]
fn imh_i_3_4_checksum() {
    let mut bench = Bench::server();
    let mut init = packet(0, |w| w.chunk(chunk::INIT, 0, |w| init_fields(w, 1, 1)));
    init[8] ^= 1;
    bench.bytes(&init);
    bench.silent();
    assert_eq!(bench.endpoint.malformed.get(crate::base::Layer::Sctp, Why::Checksum as u8), 1);
    bench.accept().intact();
}

#[test]
fn imh_i_3_7_and_x_26_tags_of_abort() {
    let abort = |tag: u32, flag: u8| {
        let mut bench = Bench::up();
        let tag = if tag == 0 { bench.ours } else { tag };
        bench.inject(tag, |w| w.chunk(chunk::ABORT, flag, |_| {}));
        bench.silent();
        bench.state() == State::Closed
    };
    assert!(abort(0, 0));
    assert!(abort(THEIR_TAG, 1));
    // CVE-2021-3772: everything else leaves the association alone.
    assert!(!abort(0, 1));
    assert!(!abort(THEIR_TAG, 0));
    assert!(!abort(99, 0));
    assert!(!abort(99, 1));
    // A client has no peer's tag yet.
    let mut bench = Bench::client();
    bench.one();
    bench.inject(0, |w| w.chunk(chunk::ABORT, 1, |_| {}));
    assert_eq!(bench.state(), State::CookieWait);
    // Every other chunk with a wrong tag.
    let mut bench = Bench::up();
    let wrong = bench.ours ^ 4;
    for kind in 0..=255 {
        for tag in [wrong, THEIR_TAG, 0] {
            bench.inject(tag, |w| w.chunk(kind, 0, |w| w.bytes(&[0; 16])));
            bench.silent();
        }
    }
    bench.intact();
}

#[test]
fn imh_i_3_8_length_past_the_packet() {
    let mut bench = Bench::server();
    let mut init = packet(0, |w| w.chunk(chunk::INIT, 0, |w| init_fields(w, 1, 1)));
    init[15] = 96;
    let sum = view::checksum(&init);
    init[8..12].copy_from_slice(&sum.to_le_bytes());
    bench.bytes(&init);
    bench.silent();
    bench.accept().intact();
}

#[test]
fn fh_o_5_3_and_x_28_out_of_the_blue() {
    let mut bench = Bench::server();
    let none: [u8; 0] = [];
    let mut answer = |write: &dyn Fn(&mut PacketWriter<'_>)| {
        bench.inject(0x99, write);
        let sent = bench.sent();
        assert!(sent.iter().all(|sent| sent.tag == 0x99 && sent.chunks[0].flags == 1));
        sent.iter().flat_map(Sent::kinds).collect::<Vec<u8>>()
    };
    assert_eq!(answer(&|w| data(w, WHOLE, 1, 0, 0, b"x")), [chunk::ABORT]);
    assert_eq!(answer(&|w| w.chunk(chunk::ABORT, 0, |_| {})), none);
    assert_eq!(answer(&|w| w.chunk(chunk::SHUTDOWN_ACK, 0, |_| {})), [chunk::SHUTDOWN_COMPLETE]);
    assert_eq!(answer(&|w| w.chunk(chunk::SHUTDOWN_COMPLETE, 0, |_| {})), none);
    // DM-O-4-6-2, X-25, X-28.
    assert_eq!(answer(&|w| w.chunk(chunk::SHUTDOWN, 0, |w| w.u32(0))), [chunk::ABORT]);
    assert_eq!(answer(&|w| w.chunk(chunk::INIT, 0, |w| init_fields(w, 1, 1))), [chunk::ABORT]);
    assert_eq!(answer(&|w| w.chunk(chunk::INIT_ACK, 0, |w| init_fields(w, 1, 1))), [chunk::ABORT]);
    assert_eq!(answer(&|w| w.chunk(chunk::ERROR, 0, |w| w.tlv(3, |w| w.u32(0)))), none);
    assert_eq!(answer(&|w| w.chunk(chunk::ERROR, 0, |w| w.tlv(4, |w| w.u32(0)))), [chunk::ABORT]);
    assert_eq!(answer(&|w| w.chunk(chunk::COOKIE_ACK, 0, |_| {})), none);
    assert_eq!(
        answer(&|w| {
            data(w, WHOLE, 1, 0, 0, b"x");
            w.chunk(chunk::ABORT, 0, |_| {});
        }),
        none
    );
    bench.inject(0, |w| data(w, WHOLE, 1, 0, 0, b"x"));
    bench.silent();
    // FH-O-5-3-5 and its like.
    for source in ["224.0.0.1", "255.255.255.255", "0.0.0.0", "ff02::1", "::"] {
        bench.source = ip(source);
        bench.inject(0x99, |w| data(w, WHOLE, 1, 0, 0, b"x"));
        bench.inject(0, |w| w.chunk(chunk::INIT, 0, |w| init_fields(w, 1, 1)));
        bench.silent();
    }
}

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
fn m_i_10_unknown_chunks() {
    for (kind, told, goes_on) in
        [(0xef, true, true), (0x2f, false, false), (0x6f, true, false), (0xaf, false, true)]
    {
        let mut bench = Bench::up();
        let got = bench.peer(|w| {
            w.chunk(kind, 0, |w| w.u8(7));
            data(w, WHOLE, THEIR_TSN, 0, 0, b"behind it");
        });
        assert_eq!(got.len(), usize::from(goes_on));
        let sent = bench.sent();
        let error = sent.iter().find(|sent| sent.chunks[0].kind == chunk::ERROR);
        assert_eq!(error.is_some(), told);
        if let Some(error) = error {
            assert_eq!(error.chunks[0].value, [0, 6, 0, 9, kind, 0, 0, 5, 7]);
        }
        assert_eq!(sent.iter().any(|sent| sent.chunks[0].kind == chunk::SACK), goes_on);
        bench.intact();
    }
    // CVE-2009-0065, 2014-0101: extensions that nobody agreed on are unknown chunks, no more.
    let mut bench = Bench::up();
    for kind in [0xc0, 0xc1, 0x80, 0x82, 15, 64] {
        bench.peer(|w| w.chunk(kind, 0, |w| w.bytes(&[0xff; 12])));
        bench.sent();
        bench.intact();
    }
}

#[test]
fn x_29_and_cve_2010_0008_lengths_that_lie() {
    for length in [0, 1, 2, 3, 0x40, 0xffff_u16] {
        let mut bench = Bench::up();
        let mut bytes = packet(bench.ours, |w| {
            data(w, WHOLE, THEIR_TSN, 0, 0, b"good");
            w.chunk(0xef, 0, |w| w.u32(0));
            data(w, WHOLE, THEIR_TSN + 1, 0, 1, b"behind");
        });
        bytes[12 + 20 + 2..12 + 20 + 4].copy_from_slice(&length.to_be_bytes());
        let sum = view::checksum(&bytes);
        bytes[8..12].copy_from_slice(&sum.to_le_bytes());
        let got = bench.bytes(&bytes);
        assert_eq!(got.len(), 1, "what stands before it counts");
        bench.flush();
        bench.sent();
        bench.intact();
        // The same of no association.
        let mut bench = Bench::server();
        bench.bytes(&bytes);
    }
    // The last padding may be missing.
    let mut bench = Bench::up();
    let mut bytes = packet(bench.ours, |w| data(w, WHOLE, THEIR_TSN, 0, 0, b"abcde"));
    bytes.truncate(bytes.len() - 3);
    let sum = view::checksum(&bytes);
    bytes[8..12].copy_from_slice(&sum.to_le_bytes());
    assert_eq!(bench.bytes(&bytes).len(), 1);
}

#[test]
fn x_30_and_x_31_nested_lengths() {
    // CVE-2014-3673, 2026-74287: a parameter that runs past the INIT, an address of a wrong size.
    let parameters: [&[u8]; 6] = [
        &[0xc0, 0xcc, 0, 0],
        &[0xc0, 0xcc, 0, 3],
        &[0, 5, 0, 9, 1, 2, 3, 4],
        &[0, 5, 0, 7, 1, 2, 3, 0],
        &[0, 6, 0, 8, 1, 2, 3, 4],
        &[0],
    ];
    for parameter in parameters {
        let mut bench = Bench::server();
        bench.inject(0, |w| {
            w.chunk(chunk::INIT, 0, |w| {
                init_fields(w, THEIR_TAG, 1);
                w.bytes(parameter);
            });
        });
        bench.silent();
        bench.accept().intact();
    }
    // Final padding counted in the chunk's length, and not.
    for counted in [false, true] {
        let mut bench = Bench::server();
        let answer = bench.init(THEIR_TAG, |w| {
            w.tlv(0x80cc, |w| w.u8(1));
            if counted {
                w.pad();
            }
        });
        assert_eq!(answer.kinds(), [chunk::INIT_ACK]);
    }
    // HEARTBEAT whose information runs past it, or is not there: not answered (CVE-2006-1857).
    for value in [&[0, 1, 0, 20, 1, 2, 3, 4][..], &[0, 1, 0, 3], &[], &[0]] {
        for kind in [chunk::HEARTBEAT, chunk::HEARTBEAT_ACK] {
            let mut bench = Bench::up();
            bench.peer(|w| w.chunk(kind, 0, |w| w.bytes(value)));
            bench.silent();
            bench.intact();
        }
    }
    let mut bench = Bench::up();
    bench.peer(|w| w.chunk(chunk::ERROR, 0, |_| {}));
    bench.peer(|w| w.chunk(chunk::ERROR, 0, |w| (0..300).for_each(|_| w.tlv(1, |w| w.u32(0)))));
    bench.peer(|w| w.chunk(chunk::ERROR, 0, |w| w.bytes(&[0, 1, 0, 0])));
    bench.silent();
    bench.intact();
}

#[test]
fn x_45_abort_behind_other_chunks() {
    let mut bench = Bench::up();
    let got = bench.peer(|w| {
        data(w, WHOLE, THEIR_TSN, 0, 0, b"before");
        w.chunk(chunk::ABORT, 0, |_| {});
        data(w, WHOLE, THEIR_TSN + 1, 0, 1, b"behind");
    });
    assert_eq!(got.len(), 1);
    bench.silent();
    bench.gone();
    let mut bench = Bench::up();
    bench.peer(|w| {
        w.chunk(chunk::COOKIE_ACK, 0, |_| {});
        w.chunk(chunk::ABORT, 1, |_| {});
    });
    bench.intact();
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
