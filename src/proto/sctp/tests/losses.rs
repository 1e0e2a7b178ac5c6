//! What counts as a loss, and what follows it: missing reports, fast recovery (RFC 9260 7.2.4), T3-rtx (6.3.2, 6.3.3),
//! round trips that count (6.3.1).

use super::script::*;
use super::*;

fn first_path(bench: &Bench) -> PathStatus {
    bench.endpoint.paths(ID).next().expect("a path")
}

/// So many whole packets of DATA in one turn.
fn send_whole(bench: &mut Bench, count: usize) {
    for _ in 0..count {
        bench.endpoint.send(bench.now, ID, 0, 3, &[0; 1452]).unwrap();
    }
    bench.flush();
}

/// Sends until the window is wide, and until everything is acknowledged: the next TSN.
fn widened(bench: &mut Bench, chunks: u32) -> u32 {
    let (_, mut next) = bench.widen(chunks);
    while bench.endpoint.associations[0].status().waiting > 0 {
        bench.acked(next - 1);
        next += bench.tsns().len() as u32;
    }
    next
}

/// Only a SACK that newly acknowledges a higher TSN reports one as missing: blocks that are told again report nothing, though
/// the cumulative TSN moves (7.2.4, HTNA).
#[test]
fn old_blocks_report_nothing() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    bench.send_many(6);
    bench.tsns();
    // t + 4 is missing, t + 5 has come; then t to t + 3, one by one.
    bench.gaps(tsn - 1, &[(6, 6)]);
    for at in 0..4 {
        bench.gaps(tsn + at, &[(5 - at as u16, 5 - at as u16)]);
    }
    assert_eq!((bench.endpoint.counts.fast_retransmits, bench.tsns()), (0, vec![]));
}

/// In fast recovery a SACK counts for all that is missing only if it moves the cumulative TSN (7.2.4).
#[test]
fn repeated_sacks_report_nothing_in_recovery() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    bench.send_many(9);
    bench.tsns();
    // t is lost, and in recovery; t + 4 was reported once.
    for blocks in [&[(2, 2)][..], &[(2, 3)], &[(2, 4), (6, 6)]] {
        bench.gaps(tsn - 1, blocks);
    }
    assert_eq!(bench.tsns(), [tsn]);
    for _ in 0..5 {
        bench.gaps(tsn - 1, &[(2, 4), (6, 6)]);
    }
    assert_eq!((bench.endpoint.counts.fast_retransmits, bench.tsns()), (1, vec![]));
    // The cumulative TSN moves twice: the second and third report.
    bench.gaps(tsn, &[(1, 3), (5, 5)]);
    assert_eq!(bench.tsns(), [0; 0]);
}

/// The threshold after a loss is four packets at least, and so is the window (7.2.4).
#[test]
fn a_loss_leaves_four_packets() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    bench.send_many(5);
    for end in 2..=4 {
        bench.gaps(tsn - 1, &[(2, end)]);
    }
    let path = first_path(&bench);
    assert_eq!(
        (path.cwnd, bench.endpoint.associations[0].paths.iter().next().unwrap().ssthresh),
        (5872, 5872)
    );
}

/// T3 begins anew when the earliest DATA under way is retransmitted fast, and not when a later one is (7.2.4, 6.3.2).
#[test]
fn t3_begins_anew_with_the_earliest() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    bench.send_many(7);
    bench.tsns();
    let report = |bench: &mut Bench, blocks: &[(u16, u16)]| {
        bench.gaps(tsn - 1, blocks);
        bench.tsns()
    };
    // T3 would have expired at 1,000 ms.
    bench.advance(500);
    report(&mut bench, &[(2, 2)]);
    report(&mut bench, &[(2, 3)]);
    assert_eq!(report(&mut bench, &[(2, 3), (5, 5)]), [tsn]);
    bench.advance(400);
    report(&mut bench, &[(2, 3), (5, 6)]);
    assert_eq!(report(&mut bench, &[(2, 3), (5, 7)]), [tsn + 3]);
    // 900 ms by now; 500 and 1,000 make 1,500.
    let again = bench.after(600, &[chunk::DATA, chunk::DATA]);
    assert_eq!([again.chunks[0].u32(0), again.chunks[1].u32(0)], [tsn, tsn + 3]);
}

/// After T3 one packet at a time, until something of what is under way is acknowledged; a SACK that brings no news changes
/// nothing, and after one that does the window decides (7.2.3).
#[test]
fn one_packet_at_a_time_until_an_answer() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    for _ in 0..20 {
        bench.endpoint.send(bench.now, ID, 0, 3, &[0; 200]).unwrap();
    }
    bench.flush();
    bench.advance(1000);
    bench.tsns();
    bench.acked(tsn - 1);
    bench.silent();
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    send_whole(&mut bench, 20);
    bench.tsns();
    bench.advance(1000);
    assert_eq!(bench.tsns(), [tsn]);
    bench.acked(tsn);
    assert_eq!(bench.tsns(), [tsn + 1, tsn + 2], "a window of two packets");
}

/// A loss spoils the measurement of what was lost, and no other (6.3.1 C5).
#[test]
fn a_loss_spoils_its_own_measurement_only() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    bench.send_many(3);
    // The first is measured: at once. The next measured is t + 3, while t + 1 is lost.
    bench.acked(tsn);
    bench.send_many(3);
    for blocks in [&[(2, 2)][..], &[(2, 2), (4, 4)], &[(2, 2), (4, 5)]] {
        bench.gaps(tsn, blocks);
    }
    assert_eq!(bench.endpoint.counts.fast_retransmits, 1);
    assert_eq!(first_path(&bench).srtt, Some(Duration::ZERO));
    bench.advance(800);
    bench.acked(tsn + 5);
    assert_eq!(first_path(&bench).srtt, Some(Duration::from_millis(100)), "an eighth of 800 ms");
}

/// What was lost is measured no more: the next DATA that leaves for the first time is (6.3.1 C5).
#[test]
fn after_a_loss_the_next_is_measured() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    bench.send_many(4);
    for end in 2..=4 {
        bench.gaps(tsn - 1, &[(2, end)]);
    }
    bench.send(b"new").unwrap();
    bench.advance(800);
    bench.acked(tsn + 4);
    assert_eq!(first_path(&bench).srtt, Some(Duration::from_millis(800)));
}

/// A window is idle while nothing is under way: what waits for its SACK does not let it shrink (7.2.1).
#[test]
fn a_window_in_use_does_not_shrink() {
    let mut bench = Bench::up();
    let next = widened(&mut bench, 20);
    let window = first_path(&bench).cwnd;
    assert!(window > 16 * 1468);
    bench.send_many(2);
    bench.advance(900);
    bench.acked(next);
    assert!(first_path(&bench).rto < Duration::from_millis(1100));
    bench.advance(400);
    bench.send(b"later than an RTO").unwrap();
    let path = first_path(&bench);
    assert!(path.flight > 0 && path.cwnd == window, "{path:?}");
}

/// T3 ends fast recovery: the window grows again from one packet, though what was under way before is not all acknowledged
/// (6.3.3, 7.2.3, 7.2.4).
#[test]
fn t3_ends_fast_recovery() {
    let mut bench = Bench::up();
    let (first, _) = bench.widen(20);
    for end in 2..=4 {
        bench.gaps(first - 1, &[(2, end)]);
    }
    bench.advance(1000);
    assert_eq!((bench.endpoint.counts.t3_expiries, first_path(&bench).cwnd), (1, 1468));
    bench.acked(first + 3);
    assert_eq!(first_path(&bench).cwnd, 2 * 1468);
}

/// What is lost is under way no more, and the peer's window has room for it again (6.2.1 C).
#[test]
fn losses_leave_the_peers_window() {
    let peer_window = |bench: &Bench| bench.endpoint.status(ID).expect("a status").peer_window;
    let mut bench = Bench::up();
    for _ in 0..3 {
        bench.send(&[0; 1000]).unwrap();
    }
    assert_eq!(peer_window(&bench), 97_000);
    bench.advance(1000);
    assert_eq!((peer_window(&bench), first_path(&bench).flight), (99_000, 1016));
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    for _ in 0..4 {
        bench.send(&[0; 1000]).unwrap();
    }
    for end in 2..=4 {
        bench.gaps(tsn - 1, &[(2, end)]);
    }
    assert_eq!((peer_window(&bench), first_path(&bench).flight), (99_000, 1016));
}

/// However wide the window is, four packets leave in one turn (6.1 D, Max.Burst).
#[test]
fn no_burst_is_longer_than_four_packets() {
    let mut bench = Bench::up();
    widened(&mut bench, 20);
    send_whole(&mut bench, 10);
    assert_eq!(bench.tsns().len(), 4);
}

/// The window is looked at before each chunk, not only before each packet: also when chunks are sent again (6.1 B, 7.2.1).
#[test]
fn each_chunk_finds_the_window_open() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    for _ in 0..40 {
        bench.endpoint.send(bench.now, ID, 0, 3, &[0; 200]).unwrap();
    }
    bench.flush();
    assert_eq!(bench.tsns().len(), 21, "20 chunks of 216 octets are less than 4,404");
    bench.advance(1000);
    assert_eq!(bench.tsns().len(), 6);
    bench.acked(tsn + 5);
    assert_eq!(bench.tsns().len(), 7, "6 chunks are less than 1,468");
}

/// A peer's window is open to a chunk that just fits; T3 is an error of a peer that has room, and none of one that says that
/// it has none (6.1 A, 6.3.3).
#[test]
fn a_window_that_just_suffices() {
    for (window, errors) in [(100, 1), (99, 0)] {
        let mut bench = Bench::unacknowledged();
        let tsn = bench.our_tsn;
        bench.peer(|w| sack(w, tsn, window, &[]));
        bench.send(&[0; 100]).unwrap();
        assert_eq!(bench.tsns().len(), usize::from(window == 100));
        let mut bench = Bench::up();
        bench.send(&[0; 100]).unwrap();
        let before = bench.our_tsn.wrapping_sub(1);
        bench.peer(|w| sack(w, before, window, &[]));
        bench.advance(1000);
        assert_eq!(bench.endpoint.status(ID).map(|it| it.errors), Some(errors), "{window}");
    }
}

/// A shut window is asked with new DATA only while nothing is under way; until then T3 alone asks (6.1 A).
#[test]
fn a_shut_window_is_asked_by_what_is_under_way() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    bench.send(&[0; 1000]).unwrap();
    bench.peer(|w| sack(w, tsn - 1, 1000, &[]));
    bench.send(b"no room yet").unwrap();
    bench.sent();
    let again = bench.watch(16_000);
    assert_eq!(moments(&again), [1000, 3000, 7000, 15_000]);
    assert!(again.iter().all(|(_, sent)| sent.chunks.len() == 1 && sent.chunks[0].u32(0) == tsn));
}
