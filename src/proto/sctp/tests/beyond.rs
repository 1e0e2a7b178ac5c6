//! What no ETSI purpose asks for; RFC 9260 3.2, 3.3, 6, 7, 8.4, 8.5.

use super::script::*;
use super::view::cause;
use super::*;

/// tag 0, INIT with a tag, port 0 (8.5.1 A, 8.4, 3.1).
#[test]
fn sctp_x_25_tag_zero() {
    for mut bench in [Bench::server(), Bench::up()] {
        for kind in 0..=255 {
            let cookie_echo = kind == chunk::COOKIE_ECHO;
            bench.inject(0, |w| {
                w.chunk(kind, 0, |w| w.bytes(&[1; 20]));
                if !cookie_echo {
                    w.chunk(chunk::COOKIE_ACK, 0, |_| {});
                }
            });
            bench.silent();
        }
    }
    let mut bench = Bench::server();
    bench.say_as(0x99, 0, chunk::INIT, &[1; 16]);
    bench.reflected(chunk::ABORT, 0x99);
    let init = |w: &mut PacketWriter<'_>| w.chunk(chunk::INIT, 0, |w| Fixed::GOOD.write(w));
    for port in [0, 2] {
        bench.peer_wrongly(init, |bytes| bytes[port..port + 2].fill(0));
        bench.silent();
    }
    bench.accept().intact();
}

/// Tag and T bit, and whether they go together: with our tag, with the peer's (8.5.1).
fn tags_and_bits(bench: &Bench) -> [(u32, u8, bool); 6] {
    let wrong = bench.ours ^ 1;
    [
        (bench.ours, 0, true),
        (THEIR_TAG, 1, true),
        (bench.ours, 1, false),
        (THEIR_TAG, 0, false),
        (wrong, 0, false),
        (wrong, 1, false),
    ]
}

/// tag and T bit of ABORT (8.5.1 B).
#[test]
fn sctp_x_26_abort_tags() {
    for at in 0..6 {
        let mut bench = Bench::up();
        let (tag, bit, good) = tags_and_bits(&bench)[at];
        bench.say_as(tag, bit, chunk::ABORT, &[]);
        bench.silent();
        assert_eq!(bench.state() == State::Closed, good, "{at}");
    }
    // A client has no tag of the peer's yet.
    let mut bench = Bench::cookie_wait();
    bench.say_as(0, 1, chunk::ABORT, &[]);
    assert_eq!(bench.state(), State::CookieWait);
}

/// tag and T bit of SHUTDOWN COMPLETE (8.5.1 C).
#[test]
fn sctp_x_27_shutdown_complete_tags() {
    for at in 0..6 {
        let mut bench = Bench::shutdown_ack_sent();
        let (tag, bit, good) = tags_and_bits(&bench)[at];
        bench.say_as(tag, bit, chunk::SHUTDOWN_COMPLETE, &[]);
        bench.silent();
        assert_eq!(bench.state() == State::Closed, good, "{at}");
    }
}

/// out of the blue, and nothing to say (8.4).
#[test]
fn sctp_x_28_other_out_of_the_blue() {
    let mut bench = Bench::server();
    bench.inject(0x99, |w| w.chunk(chunk::ERROR, 0, |w| w.tlv(cause::STALE_COOKIE, |w| w.u32(0))));
    bench.say_as(0x99, 0, chunk::COOKIE_ACK, &[]);
    bench.inject(0x99, |w| {
        data(w, WHOLE, 1, 0, 0, b"x");
        w.chunk(chunk::ABORT, 0, |_| {});
    });
    bench.silent();
    bench.inject(0x99, |w| w.chunk(chunk::ERROR, 0, |w| w.tlv(4, |_| {})));
    bench.reflected(chunk::ABORT, 0x99);
}

/// chunk lengths that lie: what stands before counts; final padding may be missing (3.2, 6.10).
#[test]
fn sctp_x_29_chunk_length() {
    for length in [0, 1, 2, 3, 0x40, 0xffff_u16] {
        for mut bench in [Bench::up(), Bench::server()] {
            let good = bench.state() == State::Established;
            let write = |w: &mut PacketWriter<'_>| {
                data(w, WHOLE, THEIR_TSN, 0, 0, b"good");
                w.chunk(0xef, 0, |w| w.u32(0));
                data(w, WHOLE, THEIR_TSN + 1, 0, 1, b"behind");
            };
            let got = bench.peer_wrongly(write, |bytes| bytes[34..36].copy_from_slice(&length.to_be_bytes()));
            assert_eq!(got.len(), usize::from(good), "{length}");
        }
    }
    let mut bench = Bench::up();
    let unpadded = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 3);
    let got = bench.peer_wrongly(|w| data(w, WHOLE, THEIR_TSN, 0, 0, b"abcde"), unpadded);
    assert_eq!(payloads(&got), [b"abcde"]);
}

/// parameter lengths that lie, in INIT and INIT ACK; final padding counted or not (3.2.1).
#[test]
fn sctp_x_30_parameter_length() {
    let parameters: [&[u8]; 9] = [
        &[0xc0, 0xcc, 0, 0],
        &[0xc0, 0xcc, 0, 1],
        &[0xc0, 0xcc, 0, 2],
        &[0xc0, 0xcc, 0, 3],
        &[0, 5, 0, 9, 1, 2, 3, 4],
        &[0, 5, 0, 7, 1, 2, 3, 0],
        &[0, 6, 0, 8, 1, 2, 3, 4],
        &[0xc0, 0xcc, 0xff, 0xff],
        &[0],
    ];
    for parameter in parameters {
        let mut bench = Bench::server();
        bench.init_as(Fixed::GOOD, |w| w.bytes(parameter));
        bench.silent();
        bench.accept().intact();
        let mut bench = Bench::cookie_wait();
        bench.init_ack(|w| w.bytes(&[&[0, 0, 0][..], parameter].concat()));
        bench.after(1000, &[chunk::INIT]);
    }
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
}

/// lengths inside HEARTBEAT and ERROR that lie (3.3.5, 3.3.10).
#[test]
fn sctp_x_31_nested_length() {
    for value in [&[0, 1, 0, 20, 1, 2, 3, 4][..], &[0, 1, 0, 3], &[0, 1, 0xff, 0xff], &[], &[0]] {
        for kind in [chunk::HEARTBEAT, chunk::HEARTBEAT_ACK, chunk::ERROR] {
            let mut bench = Bench::up();
            bench.say(kind, value);
            bench.silent();
            bench.intact();
        }
    }
    let mut bench = Bench::up();
    bench.peer(|w| w.chunk(chunk::ERROR, 0, |w| (0..300).for_each(|_| w.tlv(1, |w| w.u32(0)))));
    bench.error(cause::UNRECOGNIZED_PARAMETERS, &[0xc0, 0, 0xff, 0xff, 0, 8, 0, 0]);
    bench.silent();
    bench.intact();
}

/// gap blocks and counts that can't be: the whole SACK is dropped (3.3.4).
#[test]
fn sctp_x_32_sack_counts() {
    let bad: [&[(u16, u16)]; 6] =
        [&[(0, 2)], &[(1, 1)], &[(3, 2)], &[(3, 3), (2, 2)], &[(2, 3), (3, 3)], &[(2, 2), (2, 3)]];
    for blocks in bad {
        let mut bench = Bench::up();
        let tsn = bench.our_tsn;
        bench.send_many(4);
        bench.sent();
        bench.gaps(tsn, blocks);
        for counts in [[0xff, 0xff, 0, 0], [0, 0, 0xff, 0xff], [0, 1, 0, 0], [0, 0, 0, 1]] {
            bench.say(chunk::SACK, &[&tsn.to_be_bytes()[..], &[0, 0, 9, 9], &counts].concat());
        }
        bench.silent();
        bench.advance(1000);
        assert_eq!(bench.tsns(), [tsn, tsn + 1, tsn + 2, tsn + 3], "nothing was freed");
    }
}

/// a SACK for what was never sent (6.2.1).
#[test]
fn sctp_x_33_sack_ahead() {
    let mut bench = Bench::unacknowledged();
    let tsn = bench.our_tsn;
    bench.acked(tsn + 1);
    bench.gaps(tsn.wrapping_sub(1), &[(2, 2)]);
    bench.acked(tsn.wrapping_add(0x7fff_ffff));
    assert_eq!(bench.after(1000, &[chunk::DATA]).chunks[0].u32(0), tsn);
}

/// what was reported and taken back is kept, and sent again; SHUTDOWN takes nothing back (6.2.1, 3.3.8).
#[test]
fn sctp_x_34_reneging() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    bench.send_many(4);
    bench.sent();
    bench.gaps(tsn, &[(2, 3)]);
    bench.gaps(tsn, &[]);
    bench.advance(1000);
    assert_eq!(bench.tsns(), [tsn + 1, tsn + 2, tsn + 3]);
    bench.acked(tsn + 3);
    bench.advance(100_000);
    bench.silent();

    let mut bench = Bench::up();
    bench.send_many(3);
    bench.sent();
    let tsn = bench.our_tsn;
    bench.gaps(tsn, &[(2, 2)]);
    bench.say(chunk::SHUTDOWN, &tsn.to_be_bytes());
    bench.advance(1000);
    assert_eq!(bench.tsns(), [tsn + 1], "and not the one behind it");
}

/// thousands of duplicates before a SACK: the list is bounded, gap blocks come first, and it is cleared (6.2).
#[test]
fn sctp_x_35_duplicate_list() {
    let mut bench = Bench::up();
    bench.data(WHOLE, THEIR_TSN, 0, b"once");
    bench.data(WHOLE, THEIR_TSN + 2, 2, b"later");
    bench.sent();
    let again = packet(bench.ours, |w| data(w, WHOLE, THEIR_TSN, 0, 0, b"once"));
    for _ in 0..5000 {
        bench.bytes(&again);
    }
    bench.flush();
    assert!(bench.wire.sent.iter().all(|(_, bytes)| bytes.len() <= 1480));
    let last = bench.wire.sent.pop().unwrap();
    bench.wire.sent = vec![last];
    let (cumulative, gaps, duplicates) = bench.sack_sent();
    assert_eq!((cumulative, gaps), (THEIR_TSN, vec![(2, 2)]));
    assert!(!duplicates.is_empty());
    bench.data(WHOLE, THEIR_TSN + 1, 1, b"sooner");
    assert_eq!(bench.last_sack(), (THEIR_TSN + 2, vec![], vec![]));
}

/// three reports bring one resend at once, on the path that it took; more bring none (7.2.4).
#[test]
fn sctp_x_36_fast_retransmit() {
    let mut bench = Bench::two_paths(|_| {});
    let tsn = bench.our_tsn;
    bench.send_many(12);
    bench.sent();
    bench.gaps(tsn, &[(2, 2)]);
    bench.gaps(tsn, &[(2, 3)]);
    // A window update reports nothing new.
    bench.peer(|w| sack(w, tsn, 90_000, &[(2, 3)]));
    bench.silent();
    bench.gaps(tsn, &[(2, 4)]);
    let resent = bench.expect(&[chunk::DATA]);
    assert_eq!((resent.chunks[0].u32(0), resent.flow.destination), (tsn + 1, ip(PEER)));
    for end in 5..10 {
        bench.gaps(tsn, &[(2, end)]);
    }
    bench.silent();
    assert_eq!(bench.endpoint.counts.fast_retransmits, 1);
    bench.advance(1000);
    assert_eq!(bench.tsns()[0], tsn + 1, "the second time T3 brings it");
}

/// the window is halved, once for each recovery, and what is lost leaves though it is full (7.2.3, 7.2.4).
#[test]
fn sctp_x_36_one_cut() {
    let mut bench = Bench::up();
    let first = bench.widen(20).0;
    for end in 2..=4 {
        bench.sent();
        bench.gaps(first - 1, &[(2, end)]);
    }
    assert_eq!(bench.tsns(), [first]);
    // Some ten chunks must land before new ones leave; another loss, of the fifth, leaves it so.
    let mut landed = 0;
    while bench.tsns().iter().all(|&tsn| tsn == first + 4) {
        landed += 1;
        bench.gaps(first - 1, &[(2, 4), (6, 5 + landed)]);
    }
    assert_eq!(bench.endpoint.counts.fast_retransmits, 2);
    assert!((8..=13).contains(&landed), "{landed}");
}

/// DATA that wants its SACK at once (6.2).
#[test]
fn sctp_x_37_immediate() {
    let mut bench = Bench::up();
    bench.data(WHOLE, THEIR_TSN, 0, b"first");
    bench.sent();
    bench.data(WHOLE | 8, THEIR_TSN + 1, 1, b"at once");
    assert_eq!(bench.sack_sent(), (THEIR_TSN + 1, vec![], vec![]));
}

/// our user does not read: what comes is held until the window is shut, then refused at once; what is missing below
/// displaces what is above; once our user reads, the peer is told, once (6.2).
#[test]
fn sctp_x_38_the_user_stops_reading() {
    let mut bench = Bench::configured(Role::Server, |config| config.receive_window = 32 * 256).accept();
    bench.endpoint.hold(ID);
    let payload = |at: u32| [at as u8; 1024];
    let window = |bench: &mut Bench| {
        let sacks = bench.sent().into_iter().flat_map(|sent| sent.chunks).filter(|it| it.kind == chunk::SACK);
        sacks.map(|sack| (sack.u32(0), sack.u32(4))).collect::<Vec<_>>()
    };
    let come = |bench: &mut Bench, at: u32| {
        assert_eq!(bench.data(WHOLE, THEIR_TSN + at, at as u16, &payload(at)), []);
        bench.advance(200);
        window(bench)
    };
    // The third is missing.
    for at in [0, 1, 3, 4, 5, 6, 7, 8] {
        let sacks = come(&mut bench, at);
        let left = 8192 - 1024 * if at < 2 { at + 1 } else { at };
        assert_eq!(sacks, [(THEIR_TSN + at.min(1), left)]);
    }
    // One that is new: refused at once.
    bench.data(WHOLE, THEIR_TSN + 9, 9, &payload(9));
    assert_eq!(window(&mut bench), [(THEIR_TSN + 1, 0)]);
    assert_eq!(bench.endpoint.counts.data_no_window, 1);
    // The one that is missing: the highest makes room.
    bench.data(WHOLE, THEIR_TSN + 2, 2, &payload(2));
    assert_eq!(window(&mut bench), [(THEIR_TSN + 7, 0)]);
    // Nothing is missing now, and the next one finds no room: no reason to end the association.
    bench.data(WHOLE, THEIR_TSN + 8, 8, &payload(8));
    assert_eq!(window(&mut bench), [(THEIR_TSN + 7, 0)]);
    assert_eq!(bench.state(), State::Established);
    let got = bench.read();
    assert_eq!(payloads(&got), (0..8).map(payload).collect::<Vec<_>>());
    assert_eq!(window(&mut bench), [(THEIR_TSN + 7, 8192)]);
    bench.advance(1000);
    assert_eq!(window(&mut bench), []);
    assert_eq!(payloads(&bench.data(WHOLE, THEIR_TSN + 8, 8, &payload(8))), [payload(8)]);
}

/// unordered messages and fragments are held too; what was acknowledged can be read though the association has ended.
#[test]
fn sctp_x_38_what_was_held_outlives_the_association() {
    let mut bench = Bench::up();
    bench.endpoint.hold(ID);
    for (at, flags, payload) in
        [(0, 7, &b"unordered"[..]), (1, 2, b"two "), (2, 1, b"parts"), (3, 2, b"half")]
    {
        assert_eq!(bench.data(flags, THEIR_TSN + at, u16::from(at == 3), payload), []);
    }
    bench.sent();
    bench.say(chunk::ABORT, &[0, 12, 0, 7, b'e', b'n', b'd', 0]);
    assert_eq!(bench.told(), [down(DownReason::Aborted { cause: cause::USER_ABORT })]);
    assert_eq!(payloads(&bench.read()), [&b"two parts"[..], b"unordered"]);
    assert_eq!(bench.read(), []);
    bench.gone();
}

/// a shut window is no error as long as SACKs come, for hours; then it is (6.1 A, 8.1).
#[test]
fn sctp_x_39_zero_window() {
    let mut bench = Bench::unacknowledged();
    let tsn = bench.our_tsn;
    bench.peer(|w| sack(w, tsn, 0, &[]));
    bench.send(b"waits").unwrap();
    for _ in 0..300 {
        bench.advance(60_000);
        bench.peer(|w| sack(w, tsn, 0, &[]));
    }
    assert_eq!((bench.state(), bench.told()), (State::Established, vec![]));
    bench.advance(900_000);
    assert_eq!(bench.told(), [down(DownReason::Lost)]);
}

/// streams that are not there, whole, in fragments, unordered (5.1.1, 6.5).
#[test]
fn sctp_x_40_streams_out_of_range() {
    let mut bench = Bench::up();
    assert_eq!(bench.endpoint.send(bench.now, ID, 17, 3, b"x"), Err(SendRefused::NoSuchStream));
    bench.flush();
    bench.silent();
    for (at, flags) in [(0, 3), (1, 2), (2, 1), (3, 7)] {
        assert_eq!(bench.peer(|w| data(w, flags, THEIR_TSN + at, 17, 0, b"nowhere")), []);
        let chunks: Vec<Seen> = bench.sent().into_iter().flat_map(|sent| sent.chunks).collect();
        assert_eq!((chunks[0].kind, &chunks[0].value[..]), (chunk::ERROR, &[0, 1, 0, 8, 0, 17, 0, 0][..]));
        assert_eq!((chunks[1].kind, chunks[1].u32(0)), (chunk::SACK, THEIR_TSN + at));
    }
    assert_eq!(bench.data(WHOLE, THEIR_TSN + 4, 0, b"here").len(), 1);
}

/// TSNs, gap blocks and SSNs wrap (1.6, 6.5).
#[test]
fn sctp_x_41_wrap() {
    let mut bench = Bench::server();
    bench.tsn = 0xffff_fff0;
    let first = bench.tsn;
    let mut bench = bench.accept();
    let mut got = Vec::new();
    // Pairs in reverse order, over the wrap of the TSN.
    for number in (0..32u32).flat_map(|pair| [2 * pair + 1, 2 * pair]) {
        got.extend(bench.data(WHOLE, first.wrapping_add(number), number as u16, &number.to_be_bytes()));
        if number == 15 {
            assert_eq!(bench.last_sack(), (0xffff_fffd, vec![(2, 2)], vec![]));
        }
    }
    assert!(got.iter().enumerate().all(|(at, message)| message.payload == (at as u32).to_be_bytes()));
    assert_eq!(got.len(), 64);
    // SSNs, all the way round, both ways.
    for number in 64..65_600u32 {
        assert_eq!(bench.data(WHOLE, first.wrapping_add(number), number as u16, b"x").len(), 1);
        bench.wire.sent.clear();
    }
    for number in 0..65_600u32 {
        bench.send(b"x").unwrap();
        let chunk = bench.sent().pop().unwrap().chunks.pop().unwrap();
        assert_eq!(chunk.u16(6), number as u16);
        bench.acked(bench.our_tsn.wrapping_add(number));
    }
}

/// fragments at odds are never put together (6.9, 3.3.1).
#[test]
fn sctp_x_42_fragments_at_odds() {
    let tsn = THEIR_TSN;
    let cases: [&[(u8, u32, u16, u16)]; 8] = [
        // Flags, TSN, stream, SSN.
        &[(1, tsn, 0, 0)],
        &[(2, tsn, 0, 0), (2, tsn + 1, 0, 0)],
        &[(2, tsn, 0, 0), (3, tsn + 1, 0, 1)],
        &[(2, tsn, 0, 0), (1, tsn + 1, 1, 0)],
        &[(2, tsn, 0, 0), (1, tsn + 1, 0, 1)],
        &[(2, tsn, 0, 0), (5, tsn + 1, 0, 0)],
        &[(1, tsn + 2, 0, 0), (3, tsn + 1, 0, 0)],
        &[(3, tsn, 0, 0), (3, tsn + 1, 0, 0)],
    ];
    for case in cases {
        let mut bench = Bench::up();
        for &(flags, tsn, stream, ssn) in case {
            bench.peer(|w| data(w, flags, tsn, stream, ssn, b"part"));
        }
        assert_refusal(&bench.sent().pop().unwrap(), THEIR_TAG, cause::PROTOCOL_VIOLATION);
        bench.gone();
        bench.events();
        bench.accept().intact();
    }
}

/// what stands before an ABORT counts, what stands behind it does not (3.3.7, 9.1).
#[test]
fn sctp_x_45_abort_bundling() {
    let mut bench = Bench::up();
    let got = bench.peer(|w| {
        data(w, WHOLE, THEIR_TSN, 0, 0, b"before");
        w.chunk(chunk::ABORT, 0, |_| {});
        data(w, WHOLE, THEIR_TSN + 1, 0, 1, b"behind");
    });
    assert_eq!(payloads(&got), [b"before"]);
    bench.silent();
    bench.gone();
    // Behind another chunk the T bit makes no sense: the tag was ours.
    let mut bench = Bench::up();
    bench.peer(|w| {
        w.chunk(chunk::COOKIE_ACK, 0, |_| {});
        w.chunk(chunk::ABORT, 1, |_| {});
    });
    bench.intact();
}

/// our user aborts, with a reason (9.1, 3.3.10.12).
#[test]
fn sctp_x_46_user_abort() {
    let mut bench = Bench::unacknowledged();
    bench.endpoint.send(bench.now, ID, 0, 3, b"never sent").unwrap();
    bench.abort(b"maintenance");
    let abort = bench.one();
    assert_refusal(&abort, THEIR_TAG, cause::USER_ABORT);
    assert_eq!(abort.chunks[0].value[4..], *b"maintenance");
    assert_eq!(bench.told(), [down(DownReason::Local)]);
    assert_eq!(bench.endpoint.counts.data_lost, 2);
    bench.gone();
}

/// the peer's user aborts: its reason reaches ours, as far as it is reasonable (9.1, 3.3.10.12).
#[test]
fn sctp_x_46_the_peers_user_aborts() {
    let mut bench = Bench::up();
    bench.say(chunk::ABORT, &[0, 12, 0, 11, b'u', b'p', b'g', b'r', b'a', b'd', b'e', 0]);
    assert_eq!(bench.told(), [down(DownReason::Aborted { cause: cause::USER_ABORT })]);
    assert_eq!(bench.endpoint.abort_reason(ID), b"upgrade");
    bench.gone();
    // One that is too long is cut, and one that is not there is not the one before.
    let long: Vec<u8> = [&[0, 12, 2, 4][..], &[b'x'; 512]].concat();
    for (value, reason) in [(&long[..], &[b'x'; 128][..]), (&[], b"")] {
        bench = bench.accept();
        bench.say(chunk::ABORT, value);
        bench.told();
        assert_eq!(bench.endpoint.abort_reason(ID), reason);
    }
}
