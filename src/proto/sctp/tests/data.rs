//! Data: ETSI TS 102 369 groups D, A, RT and FH; RFC 9260 6 and 7.

use super::script::*;
use super::view::cause;
use super::*;

#[test]
fn d_v_8_1_and_8_2_fragments() {
    let mut bench = Bench::up();
    bench.send(&[7; 1452]).unwrap();
    let sent = bench.one();
    assert_eq!((sent.chunks[0].flags, sent.chunks[0].value.len()), (3, 12 + 1452));
    let tsn = bench.our_tsn;
    bench.acked(tsn);
    bench.send(&[8; 2000]).unwrap();
    let sent = bench.sent();
    let chunks: Vec<&Seen> = sent.iter().flat_map(|sent| &sent.chunks).collect();
    assert_eq!(chunks.len(), 2);
    assert_eq!((chunks[0].flags, chunks[1].flags), (2, 1));
    assert_eq!((chunks[0].u32(0), chunks[1].u32(0)), (tsn + 1, tsn + 2));
    assert_eq!((chunks[0].u16(6), chunks[1].u16(6)), (1, 1), "one SSN");
    // D-V-8-14.
    bench.acked(tsn + 2);
    assert_eq!(bench.send(&[0; MESSAGE_LIMIT + 1]), Err(SendRefused::TooLong));
    assert_eq!(bench.send(&[]), Err(SendRefused::Empty));
    bench.send(&[0; MESSAGE_LIMIT]).unwrap();
    assert_eq!(bench.tsns().len(), 3);
}

#[test]
fn d_v_8_3_reassembly_in_every_order() {
    let parts: [(u8, &[u8]); 4] = [(2, b"one "), (0, b"two "), (0, b"three "), (1, b"four")];
    for unordered in [0, 4] {
        for order in permutations() {
            let mut bench = Bench::up();
            let mut got = Vec::new();
            for at in order {
                got.extend(bench.data(parts[at].0 | unordered, THEIR_TSN + at as u32, 0, parts[at].1));
            }
            assert_eq!(payloads(&got), [b"one two three four"], "{order:?}");
            let (cumulative, gaps, _) = bench.last_sack();
            assert_eq!((cumulative, gaps), (THEIR_TSN + 3, vec![]));
        }
    }
}

fn permutations() -> Vec<[usize; 4]> {
    let mut all = Vec::new();
    for code in 0..256usize {
        let order = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6];
        if (0..4).all(|at| order.contains(&at)) {
            all.push(order);
        }
    }
    assert_eq!(all.len(), 24);
    all
}

#[test]
fn x_42_fragments_at_odds() {
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
        let abort = bench.sent().pop().unwrap();
        assert_eq!((abort.kinds(), abort.chunks[0].u16(0)), (vec![chunk::ABORT], 13), "{case:?}");
        bench.gone();
        bench.events();
        bench.accept().intact();
    }
}

#[test]
fn d_v_8_13_and_8_15_the_longest_message() {
    for (length, fits) in [(MESSAGE_LIMIT, true), (MESSAGE_LIMIT + 1, false)] {
        let mut bench = Bench::up();
        let mut got = bench.data(2, THEIR_TSN, 0, &[1; 1400]);
        got.extend(bench.data(0, THEIR_TSN + 1, 0, &[2; 1400]));
        got.extend(bench.data(0, THEIR_TSN + 2, 0, &[3; 1400]));
        got.extend(bench.data(1, THEIR_TSN + 3, 0, &vec![4; length - 4200]));
        assert_eq!(got.len(), usize::from(fits));
        let last = bench.sent().pop().unwrap();
        assert_eq!(last.kinds(), [if fits { chunk::SACK } else { chunk::ABORT }]);
    }
}

#[test]
fn d_v_8_4_a_sack_measures_and_frees() {
    let mut bench = Bench::up();
    bench.send(b"first").unwrap();
    bench.sent();
    bench.now += Duration::from_millis(2000);
    let tsn = bench.our_tsn;
    bench.acked(tsn);
    bench.advance(100_000);
    bench.silent();
    // RTO = 2 + 4 * 1 s.
    bench.send(b"second").unwrap();
    bench.sent();
    bench.advance(5999);
    bench.silent();
    bench.advance(1);
    assert_eq!(bench.tsns(), [tsn + 1]);
    // Karn: the answer to a repeat measures nothing.
    bench.acked(tsn + 1);
    bench.send(b"third").unwrap();
    bench.sent();
    bench.advance(11_999);
    bench.silent();
    bench.advance(1);
    assert_eq!(bench.tsns(), [tsn + 2]);
}

#[test]
fn d_i_8_5_and_rt_i_11_1_back_off() {
    let mut bench = Bench::up();
    bench.send(b"never acknowledged").unwrap();
    let tsn = bench.our_tsn;
    assert_eq!(bench.tsns(), [tsn]);
    // FH-I-5-1-1: ten repeats, then the end.
    let mut gap = 1000;
    for _ in 0..10 {
        bench.advance(gap - 1);
        bench.silent();
        bench.advance(1);
        assert_eq!(bench.tsns(), [tsn]);
        gap = (2 * gap).min(60_000);
    }
    bench.advance(gap);
    assert_eq!(bench.one().kinds(), [chunk::ABORT]);
    assert_eq!(bench.events(), [Change::Down { reason: DownReason::Lost }]);
    assert_eq!(bench.endpoint.counts.data_lost, 1);
}

#[test]
fn fh_i_5_1_2_an_answer_clears_the_count() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    for round in 0..3 {
        bench.send(b"slow").unwrap();
        bench.advance(200_000);
        assert_eq!(bench.state(), State::Established, "{round}");
        bench.acked(tsn + round);
        bench.sent();
    }
}

#[test]
fn fh_v_5_2_heartbeat() {
    let mut bench = Bench::up();
    bench.peer(|w| w.chunk(chunk::HEARTBEAT, 0, |w| w.tlv(1, |w| w.bytes(b"odd length!"))));
    let ack = bench.one();
    assert_eq!((ack.kinds(), ack.flow.destination), (vec![chunk::HEARTBEAT_ACK], ip(PEER)));
    assert_eq!(ack.chunks[0].value, [&[0, 1, 0, 15][..], b"odd length!"].concat());
}

#[test]
fn x_04_own_heartbeats() {
    let mut config = config(Role::Server);
    config.timers.heartbeat = Duration::from_secs(30);
    let mut bench = Bench::new(config).accept();
    let mut gaps = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let start = bench.now;
        bench.advance(30_499);
        bench.silent();
        while bench.wire.sent.is_empty() {
            bench.advance(1);
        }
        let gap = bench.now.since(start).as_millis();
        assert!((30_500..=31_501).contains(&gap), "{gap}");
        gaps.insert(gap / 100);
        let heartbeat = bench.one();
        assert_eq!(heartbeat.kinds(), [chunk::HEARTBEAT]);
        bench.peer(|w| w.chunk(chunk::HEARTBEAT_ACK, 0, |w| w.bytes(&heartbeat.chunks[0].value)));
    }
    assert!(gaps.len() >= 5, "spread: {gaps:?}");
    // A path that carries DATA needs none.
    let tsn = bench.our_tsn;
    for at in 0..20 {
        bench.send(b"busy").unwrap();
        bench.acked(tsn + at);
        bench.advance(10_000);
        assert!(bench.sent().iter().all(|sent| sent.kinds() == [chunk::DATA]));
    }
    // Nobody answers: 11 lost ones are the end.
    bench.advance(2_000_000);
    assert_eq!(bench.events(), [Change::Down { reason: DownReason::Lost }]);
}

#[test]
fn d_o_8_6_duplicates() {
    let mut bench = Bench::up();
    assert_eq!(bench.data(WHOLE, THEIR_TSN, 0, b"once").len(), 1);
    assert_eq!(bench.sack_sent(), (THEIR_TSN, vec![], vec![]), "A-V-9-1: the first at once");
    assert_eq!(bench.data(WHOLE, THEIR_TSN, 0, b"once"), []);
    assert_eq!(bench.sack_sent(), (THEIR_TSN, vec![], vec![THEIR_TSN]));
    bench.data(WHOLE | 8, THEIR_TSN + 1, 1, b"X-37: wants an answer at once");
    assert_eq!(bench.sack_sent(), (THEIR_TSN + 1, vec![], vec![]));
    // thousands before a flush.
    let again = packet(bench.ours, |w| data(w, WHOLE, THEIR_TSN, 0, 0, b"once"));
    for _ in 0..5000 {
        bench.bytes(&again);
    }
    bench.flush();
    assert_eq!(bench.sack_sent().2.len(), 16);
}

#[test]
fn a_9_delays_and_gaps() {
    let mut bench = Bench::up();
    bench.data(WHOLE, THEIR_TSN, 0, b"0");
    bench.sent();
    // One packet waits, the second does not.
    bench.data(WHOLE, THEIR_TSN + 1, 1, b"1");
    bench.advance(199);
    bench.silent();
    bench.advance(1);
    assert_eq!(bench.sack_sent().0, THEIR_TSN + 1);
    bench.data(WHOLE, THEIR_TSN + 2, 2, b"2");
    bench.silent();
    bench.data(WHOLE, THEIR_TSN + 3, 3, b"3");
    assert_eq!(bench.sack_sent().0, THEIR_TSN + 3);
    // A-V-9-2.
    let tsn = THEIR_TSN + 4;
    let got = bench.peer(|w| (0..3).for_each(|at| data(w, WHOLE, tsn + at, 0, 4 + at as u16, b"x")));
    assert_eq!(got.len(), 3);
    bench.advance(200);
    assert_eq!(bench.sack_sent().0, tsn + 2);
    // A-O-9-3.
    assert_eq!(bench.data(WHOLE, tsn + 4, 8, b"later"), []);
    assert_eq!(bench.sack_sent(), (tsn + 2, vec![(2, 2)], vec![]));
    let got = bench.data(WHOLE, tsn + 3, 7, b"sooner");
    assert_eq!(payloads(&got), [&b"sooner"[..], b"later"]);
    bench.advance(200);
    assert_eq!(bench.sack_sent(), (tsn + 4, vec![], vec![]));
}

#[test]
fn other_streams_and_unordered_messages_do_not_wait() {
    let mut bench = Bench::up();
    let tsn = THEIR_TSN;
    assert_eq!(bench.peer(|w| data(w, WHOLE, tsn + 1, 0, 1, b"waits")), []);
    assert_eq!(bench.peer(|w| data(w, WHOLE, tsn + 2, 1, 0, b"other stream")).len(), 1);
    assert_eq!(bench.peer(|w| data(w, WHOLE | 4, tsn + 3, 0, 77, b"unordered")).len(), 1);
    assert_eq!(bench.peer(|w| data(w, WHOLE, tsn + 5, 0, 2, b"waits too")), []);
    let got = bench.peer(|w| data(w, WHOLE, tsn, 0, 0, b"first"));
    assert_eq!(payloads(&got), [&b"first"[..], b"waits", b"waits too"]);
    assert_eq!(bench.last_sack().1, [(2, 2)]);
}

#[test]
fn d_o_8_7_zero_window() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    bench.send(b"first").unwrap();
    bench.sent();
    bench.peer(|w| sack(w, tsn, 0, &[]));
    bench.send(&[1; 1400]).unwrap();
    bench.send(&[2; 1400]).unwrap();
    assert_eq!(bench.tsns(), [tsn + 1], "one probe");
    // answered for hours, it is no error.
    for _ in 0..100 {
        bench.advance(60_000);
        assert!(bench.tsns().iter().all(|&probe| probe == tsn + 1));
        bench.peer(|w| sack(w, tsn, 0, &[]));
    }
    assert_eq!(bench.state(), State::Established);
    bench.peer(|w| sack(w, tsn + 1, 5000, &[]));
    assert_eq!(bench.tsns(), [tsn + 2]);
    bench.peer(|w| sack(w, tsn + 2, 0, &[]));
    bench.send(b"last").unwrap();
    bench.advance(10_000_000);
    assert_eq!(bench.events(), [Change::Down { reason: DownReason::Lost }], "unanswered it is");
}

#[test]
fn d_v_8_9_repeats_go_first() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    bench.send(b"lost").unwrap();
    bench.sent();
    bench.endpoint.send(bench.now, ID, 0, 3, b"new").unwrap();
    bench.wire.closed = true;
    bench.advance(1000);
    bench.wire.closed = false;
    bench.flush();
    assert_eq!(bench.tsns(), [tsn, tsn + 1]);
}

#[test]
fn d_v_8_10_sack_from_another_address() {
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |w| w.address(ip(OTHER)));
    bench.learn(&answer);
    bench.echo(&answer);
    bench.sent();
    bench.send(b"x").unwrap();
    bench.source = ip(OTHER);
    let tsn = bench.our_tsn;
    bench.acked(tsn);
    bench.sent();
    bench.advance(5000);
    assert!(bench.tsns().is_empty());
}

#[test]
fn d_i_8_11_no_user_data() {
    let mut bench = Bench::up();
    assert_eq!(bench.data(WHOLE, THEIR_TSN, 0, b""), []);
    let abort = bench.one();
    assert_eq!(abort.kinds(), [chunk::ABORT]);
    assert_eq!(abort.chunks[0].value, [&[0, 9, 0, 8][..], &THEIR_TSN.to_be_bytes()].concat());
}

#[test]
fn d_o_8_12_and_x_32_to_34_odd_sacks() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    for _ in 0..4 {
        bench.send(b"x").unwrap();
    }
    bench.sent();
    bench.acked(tsn);
    // Older, with a gap block.
    bench.peer(|w| sack(w, tsn - 1, 100_000, &[(2, 4)]));
    assert_eq!(bench.endpoint.counts.sacks_old, 1);
    // Ahead of what was sent; malformed.
    let bad: [(u32, &[(u16, u16)]); 7] = [
        (tsn + 4, &[]),
        (tsn, &[(2, 4)]),
        (tsn, &[(0, 2)]),
        (tsn, &[(1, 1)]),
        (tsn, &[(3, 2)]),
        (tsn, &[(3, 3), (2, 2)]),
        (tsn, &[(2, 3), (3, 3)]),
    ];
    for (cumulative, gaps) in bad {
        let before = bench.endpoint.counts.malformed;
        bench.peer(|w| sack(w, cumulative, 100_000, gaps));
        assert_eq!(bench.endpoint.counts.malformed, before + 1, "{cumulative} {gaps:?}");
    }
    bench.peer(|w| w.chunk(chunk::SACK, 0, |w| w.bytes(&[0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0])));
    bench.silent();
    // reported, then taken back: it is kept and sent again.
    bench.peer(|w| sack(w, tsn, 100_000, &[(2, 3)]));
    bench.peer(|w| sack(w, tsn, 100_000, &[]));
    bench.advance(1000);
    assert_eq!(bench.tsns(), [tsn + 1, tsn + 2, tsn + 3]);
    bench.acked(tsn + 3);
    bench.advance(100_000);
    assert!(bench.tsns().is_empty());
}

#[test]
fn x_36_fast_retransmission() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    for _ in 0..12 {
        bench.send(b"x").unwrap();
    }
    bench.sent();
    bench.peer(|w| sack(w, tsn, 100_000, &[(2, 2)]));
    bench.peer(|w| sack(w, tsn, 100_000, &[(2, 3)]));
    // A window update reports nothing new.
    bench.peer(|w| sack(w, tsn, 90_000, &[(2, 3)]));
    bench.silent();
    bench.peer(|w| sack(w, tsn, 100_000, &[(2, 4)]));
    assert_eq!(bench.tsns(), [tsn + 1]);
    for end in 5..10 {
        bench.peer(|w| sack(w, tsn, 100_000, &[(2, end)]));
    }
    bench.silent();
    assert_eq!(bench.endpoint.counts.fast_retransmits, 1);
    bench.advance(1000);
    assert_eq!(bench.tsns()[0], tsn + 1, "the second time T3 brings it");
}

#[test]
fn congestion_windows() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    for _ in 0..200 {
        bench.endpoint.send(bench.now, ID, 0, 3, &[0; 1452]).unwrap();
    }
    bench.flush();
    // max(2 * 1468, 4404): three whole chunks.
    assert_eq!(bench.tsns().len(), 3);
    bench.flush();
    bench.silent();
    bench.acked(tsn + 1);
    // Slow start: one chunk more for each SACK.
    assert_eq!(bench.tsns().len(), 3);
    bench.acked(tsn + 4);
    assert_eq!(bench.tsns().len(), 4);
    bench.advance(1000);
    assert_eq!(bench.tsns(), [tsn + 5], "after T3 one chunk");
}

#[test]
fn x_41_numbers_wrap() {
    let mut bench = Bench::server();
    bench.tsn = 0xffff_fff0;
    let mut bench = bench.accept();
    let mut got = Vec::new();
    // Pairs in reverse order, over the wrap of the TSN.
    for pair in 0..32u32 {
        for at in [1, 0] {
            let number = 2 * pair + at;
            let tsn = 0xffff_fff0u32.wrapping_add(number);
            got.extend(bench.data(WHOLE, tsn, number as u16, &number.to_be_bytes()));
            if number == 15 {
                assert_eq!(bench.last_sack(), (0xffff_fffd, vec![(2, 2)], vec![]));
            }
        }
    }
    assert_eq!(got.len(), 64);
    assert!(got.iter().enumerate().all(|(at, message)| message.payload == (at as u32).to_be_bytes()));
    // SSNs, all the way round, both ways.
    let tsn = 0xffff_fff0u32.wrapping_add(64);
    for number in 64..65_600u32 {
        let tsn = tsn.wrapping_add(number - 64);
        assert_eq!(bench.data(WHOLE, tsn, number as u16, b"x").len(), 1);
        bench.wire.sent.clear();
    }
    let tsn = bench.our_tsn;
    for number in 0..65_600u32 {
        bench.send(b"x").unwrap();
        let sent = bench.sent().pop().unwrap();
        let chunk = sent.chunks.last().unwrap();
        assert_eq!(chunk.u16(6), number as u16);
        bench.acked(tsn.wrapping_add(number));
    }
}

#[test]
fn x_38_a_full_store() {
    let mut small = config(Role::Server);
    small.receive_window = 8192;
    let mut bench = Bench::new(small).accept();
    // 32 blocks: the first TSN is missing, so all are held. The second is the end of its message.
    bench.data(1, THEIR_TSN + 1, 0, &[1; 200]);
    for at in 2..=32 {
        bench.data(WHOLE, THEIR_TSN + at, at as u16 - 1, &[at as u8; 200]);
    }
    let sack = bench.sent().pop().unwrap();
    assert_eq!(sack.chunks[0].u32(4), 0, "no window left");
    bench.data(WHOLE, THEIR_TSN + 33, 32, b"too much");
    assert_eq!(bench.sack_sent().1, [(2, 33)]);
    assert_eq!(bench.endpoint.counts.data_no_window, 1);
    // What is missing sooner displaces the last one.
    let got = bench.data(2, THEIR_TSN, 0, b"a fragment that must be held");
    assert_eq!(got.len(), 31);
    assert_eq!(got[0].payload.len(), 228);
    assert_eq!(bench.sack_sent(), (THEIR_TSN + 31, vec![], vec![]));
    assert_eq!(bench.data(WHOLE, THEIR_TSN + 32, 31, b"again").len(), 1);
}

#[test]
fn far_ahead_and_other_streams() {
    let mut bench = Bench::up();
    bench.data(WHOLE, THEIR_TSN + 5000, 1, b"far ahead");
    assert_eq!(bench.sack_sent(), (THEIR_TSN - 1, vec![], vec![]));
    // E-I-6-3, X-40: a stream that is not there, whole, fragmented, unordered.
    for (at, flags) in [(0, 3), (1, 2), (2, 1), (3, 7)] {
        let got = bench.peer(|w| data(w, flags, THEIR_TSN + at, 17, 0, b"nowhere"));
        assert_eq!(got, []);
        let sent = bench.sent();
        assert_eq!(sent[0].kinds(), [chunk::ERROR]);
        assert_eq!(sent[0].chunks[0].value, [0, 1, 0, 8, 0, 17, 0, 0]);
        assert_eq!(sent[1].chunks[0].u32(0), THEIR_TSN + at);
    }
    assert_eq!(cause::INVALID_STREAM, 1);
    assert_eq!(bench.data(WHOLE, THEIR_TSN + 4, 0, b"here").len(), 1);
}

#[test]
fn the_ring_refuses_when_full_and_messages_are_whole_or_not_at_all() {
    let mut tiny = config(Role::Server);
    tiny.send_ring = 1;
    let mut bench = Bench::new(tiny).accept();
    let mut taken = 0;
    while bench.endpoint.send(bench.now, ID, 0, 3, &[0; 3000]).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 4 * MESSAGE_LIMIT / 3036);
    assert_eq!(bench.endpoint.counts.send_full, 1);
    bench.flush();
    let tsn = bench.our_tsn;
    bench.acked(tsn + 2);
    bench.sent();
    assert_eq!(bench.send(&[1; 3000]), Ok(()));
    bench.endpoint.assert_invariants();
}
