//! Data and its acknowledgement: ETSI TS 102 369 groups D and A; RFC 9260 6 and 7.

use super::script::*;
use super::view::cause;
use super::*;

/// D-V-8-1: a message that fits is one chunk (6.9).
#[test]
fn sctp_d_v_8_1() {
    let mut bench = Bench::up();
    bench.send(&[7; 1452]).unwrap();
    let chunk = bench.expect(&[chunk::DATA]).chunks.remove(0);
    assert_eq!((chunk.flags, chunk.value.len() + CHUNK_HEADER), (WHOLE, 1468));
}

/// D-V-8-2: a message that does not fit is cut (6.9).
#[test]
fn sctp_d_v_8_2() {
    let mut bench = Bench::up();
    bench.send(&[8; 2000]).unwrap();
    let chunks: Vec<Seen> = bench.sent().into_iter().flat_map(|sent| sent.chunks).collect();
    assert_eq!((chunks[0].flags, chunks[1].flags, chunks.len()), (2, 1, 2));
    assert_eq!([chunks[0].u32(0), chunks[1].u32(0)], [bench.our_tsn, bench.our_tsn + 1]);
    assert_eq!(chunks[0].value[4..8], chunks[1].value[4..8], "one stream and SSN");
    assert_eq!(chunks.iter().map(|chunk| chunk.value.len() - 12).sum::<usize>(), 2000);
}

fn permutations() -> Vec<[usize; 4]> {
    let codes = (0..256usize).map(|code| [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6]);
    let all: Vec<[usize; 4]> = codes.filter(|order| (0..4).all(|at| order.contains(&at))).collect();
    assert_eq!(all.len(), 24);
    all
}

/// D-V-8-3: fragments become one message, in whatever order they come (6.9).
#[test]
fn sctp_d_v_8_3() {
    let parts: [(u8, &[u8]); 4] = [(2, b"one "), (0, b"two "), (0, b"three "), (1, b"four")];
    for unordered in [0, 4] {
        for order in permutations() {
            let mut bench = Bench::up();
            let mut got = Vec::new();
            for at in order {
                got.extend(bench.data(parts[at].0 | unordered, THEIR_TSN + at as u32, 0, parts[at].1));
            }
            assert_eq!(payloads(&got), [b"one two three four"], "{order:?}");
            assert_eq!(bench.last_sack(), (THEIR_TSN + 3, vec![], vec![]));
        }
    }
}

/// D-V-8-4: SACK frees, stops T3 and measures: RTO = 2 + 4 * 1 s; a repeat measures nothing (6.2.1, 6.3.1).
#[test]
fn sctp_d_v_8_4() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    bench.send(b"quick").unwrap();
    bench.acked(tsn);
    bench.sent();
    bench.advance(100_000);
    bench.silent();
    bench.send(b"RTO.Min is the least").unwrap();
    bench.sent();
    bench.after(1000, &[chunk::DATA]);
    bench.acked(tsn + 1);
    bench.send(b"2 s").unwrap();
    bench.now += Duration::from_millis(1900);
    bench.acked(tsn + 2);
    bench.sent();
    // SRTT 7/8 * 0 + 1/8 * 1.9, RTTVAR 1/4 * 1.9: 0.2375 + 4 * 0.475 s.
    bench.send(b"never acknowledged").unwrap();
    bench.sent();
    assert_eq!(moments(&bench.watch(2138)), [2137]);
}

/// D-I-8-5: no SACK within one RTO (6.3.3).
#[test]
fn sctp_d_i_8_5() {
    let mut bench = Bench::up();
    bench.send(b"lost").unwrap();
    let first = bench.expect(&[chunk::DATA]);
    assert_eq!(bench.after(1000, &[chunk::DATA]).chunks, first.chunks);
}

/// D-O-8-6: a duplicate is reported at once, and once (6.2).
#[test]
fn sctp_d_o_8_6() {
    let mut bench = Bench::up();
    assert_eq!(bench.data(WHOLE, THEIR_TSN, 0, b"once").len(), 1);
    bench.sent();
    assert_eq!(bench.data(WHOLE, THEIR_TSN, 0, b"once"), []);
    assert_eq!(bench.sack_sent(), (THEIR_TSN, vec![], vec![THEIR_TSN]));
    bench.data(WHOLE, THEIR_TSN + 1, 1, b"twice");
    assert_eq!(bench.last_sack(), (THEIR_TSN + 1, vec![], vec![]));
}

/// D-O-8-7: the peer's window is shut: one probe after an RTO, repeated with back-off, until it opens (6.1 A).
#[test]
fn sctp_d_o_8_7() {
    let mut bench = Bench::unacknowledged();
    let tsn = bench.our_tsn;
    bench.peer(|w| sack(w, tsn, 0, &[]));
    bench.send(&[1; 1400]).unwrap();
    bench.send(&[2; 1400]).unwrap();
    bench.silent();
    let probes = bench.watch(16_000);
    assert!(probes.iter().all(|(_, sent)| sent.kinds() == [chunk::DATA] && sent.chunks[0].u32(0) == tsn + 1));
    let at = moments(&probes);
    assert_eq!(at, [1000, 2000, 4000, 8000, 16_000]);
    bench.acked(tsn + 1);
    assert_eq!(bench.tsns(), [tsn + 2]);
}

/// D-O-8-8: the window is shut within a message: the next fragment is the probe, and an answered probe is no error (6.1 A).
#[test]
fn sctp_d_o_8_8() {
    let mut bench = Bench::server();
    bench.init_as(Fixed { window: 1500, ..Fixed::GOOD }, |_| {});
    let answer = bench.one();
    bench.learn(&answer);
    bench.echo(&answer);
    bench.sent();
    let tsn = bench.our_tsn;
    bench.send(&[3; 4000]).unwrap();
    assert_eq!(bench.tsns(), [tsn]);
    bench.peer(|w| sack(w, tsn, 0, &[]));
    for _ in 0..30 {
        bench.advance(60_000);
        assert!(bench.tsns().iter().all(|&probe| probe == tsn + 1));
        bench.peer(|w| sack(w, tsn, 0, &[]));
    }
    assert_eq!(bench.state(), State::Established);
    bench.sent();
    bench.acked(tsn + 1);
    assert_eq!(bench.expect(&[chunk::DATA]).chunks[0].flags, 1);
    bench.acked(tsn + 2);
    bench.advance(100_000);
    bench.silent();
}

/// D-V-8-9: what is marked for resending leaves before anything new, after T3 and after three reports (6.1 C).
#[test]
fn sctp_d_v_8_9() {
    let mut bench = Bench::unacknowledged();
    let tsn = bench.our_tsn;
    bench.endpoint.send(bench.now, ID, 0, 3, b"new").unwrap();
    bench.wire.closed = true;
    bench.advance(1000);
    bench.wire.closed = false;
    bench.flush();
    assert_eq!(bench.tsns(), [tsn, tsn + 1]);

    let mut bench = Bench::up();
    bench.send_many(5);
    bench.sent();
    bench.endpoint.send(bench.now, ID, 0, 3, b"new").unwrap();
    for end in 2..=4 {
        let report = packet(bench.ours, |w| sack(w, tsn, 100_000, &[(2, end)]));
        bench.bytes(&report);
    }
    bench.flush();
    assert_eq!(bench.tsns(), [tsn + 1, tsn + 5]);
}

/// D-V-8-10: SACK from another address of the peer (6.4).
#[test]
fn sctp_d_v_8_10() {
    let mut bench = Bench::two_paths(|_| {});
    bench.send(b"to the first").unwrap();
    assert_eq!(bench.destinations(), [ip(PEER)]);
    bench.source = ip(OTHER);
    bench.acked(bench.our_tsn);
    bench.advance(10_000);
    bench.silent();
}

/// D-I-8-11: DATA without user data (6.2, 3.3.10.9).
#[test]
fn sctp_d_i_8_11() {
    let mut bench = Bench::up();
    assert_eq!(bench.data(WHOLE, THEIR_TSN, 0, b""), []);
    let abort = bench.one();
    assert_refusal(&abort, THEIR_TAG, cause::NO_USER_DATA);
    assert_eq!(abort.chunks[0].value[4..], THEIR_TSN.to_be_bytes());
    bench.gone();
}

/// D-O-8-12: an older SACK is ignored, its gap blocks too (6.2.1).
#[test]
fn sctp_d_o_8_12() {
    let mut bench = Bench::unacknowledged();
    let tsn = bench.our_tsn;
    bench.acked(tsn);
    bench.send(b"next").unwrap();
    bench.sent();
    bench.gaps(tsn.wrapping_sub(1), &[(2, 2)]);
    assert_eq!(bench.endpoint.counts.sacks_old, 1);
    assert_eq!(bench.after(1000, &[chunk::DATA]).chunks[0].u32(0), tsn + 1);
}

/// Four fragments that are a message of so many octets: what is delivered.
fn four_fragments(bench: &mut Bench, length: usize) -> Vec<Message> {
    let last = vec![4; length - 4200];
    let parts: [(u8, &[u8]); 4] = [(2, &[1; 1400]), (0, &[2; 1400]), (0, &[3; 1400]), (1, &last)];
    (THEIR_TSN..).zip(parts).flat_map(|(tsn, (flags, part))| bench.data(flags, tsn, 0, part)).collect()
}

/// D-V-8-13: the longest message is delivered whole (6.9).
#[test]
fn sctp_d_v_8_13() {
    let mut bench = Bench::up();
    let got = four_fragments(&mut bench, MESSAGE_LIMIT);
    assert_eq!((got.len(), got[0].payload.len()), (1, MESSAGE_LIMIT));
    assert_eq!(bench.last_sack().0, THEIR_TSN + 3);
}

/// D-V-8-14: the longest message is sent whole, and none longer or empty is taken (6.9, 11.1.5).
#[test]
fn sctp_d_v_8_14() {
    let mut bench = Bench::up();
    assert_eq!(bench.send(&[0; MESSAGE_LIMIT + 1]), Err(SendRefused::TooLong));
    assert_eq!(bench.send(&[]), Err(SendRefused::Empty));
    bench.silent();
    bench.send(&[9; MESSAGE_LIMIT]).unwrap();
    let chunks: Vec<Seen> = bench.sent().into_iter().flat_map(|sent| sent.chunks).collect();
    assert_eq!(chunks.iter().map(|chunk| chunk.value.len() - 12).sum::<usize>(), MESSAGE_LIMIT);
    assert_eq!(chunks.iter().map(|chunk| chunk.flags).collect::<Vec<_>>(), [2, 0, 1]);
}

/// D-V-8-15: a message that is too long is refused, not cut (6.9, 3.3.10.4).
#[test]
fn sctp_d_v_8_15() {
    let mut bench = Bench::up();
    assert_eq!(four_fragments(&mut bench, MESSAGE_LIMIT + 1), []);
    assert_refusal(&bench.sent().pop().unwrap(), THEIR_TAG, cause::OUT_OF_RESOURCE);
    bench.gone();
}

/// A-V-9-1: the first DATA is acknowledged at once (5.1, 6.2).
#[test]
fn sctp_a_v_9_1() {
    let mut bench = Bench::up();
    bench.data(WHOLE, THEIR_TSN, 0, b"first");
    assert_eq!(bench.sack_sent(), (THEIR_TSN, vec![], vec![]));
}

/// A-V-9-2: one SACK for three DATA in a packet; otherwise every second packet, or after SACK.Delay (6.2).
#[test]
fn sctp_a_v_9_2() {
    let mut bench = Bench::up();
    let got = bench.peer(|w| (0..3).for_each(|at| data(w, WHOLE, THEIR_TSN + at, 0, at as u16, b"x")));
    assert_eq!(got.len(), 3);
    assert_eq!(bench.sack_sent(), (THEIR_TSN + 2, vec![], vec![]));
    bench.data(WHOLE, THEIR_TSN + 3, 3, b"waits");
    assert_eq!(bench.after(200, &[chunk::SACK]).chunks[0].u32(0), THEIR_TSN + 3);
    bench.data(WHOLE, THEIR_TSN + 4, 4, b"waits");
    bench.silent();
    bench.data(WHOLE, THEIR_TSN + 5, 5, b"does not");
    assert_eq!(bench.sack_sent().0, THEIR_TSN + 5);
}

/// A-O-9-3: a gap is reported at once, and what was missing ends it (6.7).
#[test]
fn sctp_a_o_9_3() {
    let mut bench = Bench::up();
    bench.data(WHOLE, THEIR_TSN, 0, b"first");
    bench.sent();
    assert_eq!(bench.data(WHOLE, THEIR_TSN + 2, 2, b"later"), []);
    assert_eq!(bench.sack_sent(), (THEIR_TSN, vec![(2, 2)], vec![]));
    let got = bench.data(WHOLE, THEIR_TSN + 1, 1, b"sooner");
    assert_eq!(payloads(&got), [&b"sooner"[..], b"later"]);
    assert_eq!(bench.last_sack(), (THEIR_TSN + 2, vec![], vec![]));
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
fn far_ahead_is_not_taken() {
    let mut bench = Bench::up();
    bench.data(WHOLE, THEIR_TSN + 5000, 1, b"far ahead");
    assert_eq!(bench.sack_sent(), (THEIR_TSN - 1, vec![], vec![]));
    bench.carries(0);
}

#[test]
fn a_full_store() {
    let mut bench = Bench::configured(Role::Server, |config| config.receive_window = 8192).accept();
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
fn the_ring_refuses_when_full_and_messages_are_whole_or_not_at_all() {
    let mut bench = Bench::configured(Role::Server, |config| config.send_ring = 1).accept();
    let mut taken = 0;
    while bench.endpoint.send(bench.now, ID, 0, 3, &[0; 3000]).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 4 * MESSAGE_LIMIT / 3036);
    assert_eq!(bench.endpoint.counts.send_full, 1);
    bench.flush();
    bench.acked(bench.our_tsn + 2);
    bench.sent();
    assert_eq!(bench.send(&[1; 3000]), Ok(()));
    bench.endpoint.assert_invariants();
}

/// Two messages of one SSN: the second could never be delivered, and would hold up all behind it.
#[test]
fn x_42_the_same_ssn_twice() {
    for (first, second) in
        [((WHOLE, 1, 1), (WHOLE, 2, 1)), ((WHOLE, 2, 1), (WHOLE, 1, 1)), ((WHOLE, 2, 3), (WHOLE, 3, 2))]
    {
        let mut bench = Bench::up();
        bench.data(first.0, THEIR_TSN + first.1, first.2, b"one");
        bench.data(second.0, THEIR_TSN + second.1, second.2, b"another");
        assert_eq!(bench.state(), State::Closed, "{first:?} {second:?}");
    }
    let mut bench = Bench::up();
    bench.data(2, THEIR_TSN + 1, 0, b"a beginning");
    bench.data(WHOLE, THEIR_TSN, 0, b"the same number");
    assert_eq!(bench.state(), State::Closed);
}
