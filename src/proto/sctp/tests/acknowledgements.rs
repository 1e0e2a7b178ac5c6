//! SACKs of ours: when, how many, with what and where to (RFC 9260 6.2, 6.4, 6.7), and what is taken and what is not (6.9).

use super::script::*;
use super::view::cause;
use super::*;

fn small_window(config: &mut AssociationConfig) {
    config.receive_window = 32 * 256;
}

/// A SACK that may wait goes with the next DATA, is counted, and then does not go again (6.2, 6.10).
#[test]
fn a_sack_that_waits_goes_with_data() {
    let mut bench = Bench::up();
    bench.data(WHOLE, THEIR_TSN, 0, b"acknowledged at once");
    bench.expect(&[chunk::SACK]);
    bench.data(WHOLE, THEIR_TSN + 1, 1, b"acknowledged later");
    bench.silent();
    bench.send(b"and back").unwrap();
    let sent = bench.expect(&[chunk::SACK, chunk::DATA]);
    assert_eq!((sent.chunks[0].u32(0), bench.endpoint.counts.sacks_out), (THEIR_TSN + 1, 2));
    bench.advance(300);
    bench.silent();
}

/// DATA that is larger than its path by now, and goes in fragments, goes without the SACK (6.9).
#[test]
fn a_sack_stays_out_of_fragments() {
    let mut bench = Bench::up();
    bench.send(&[7; 1400]).unwrap();
    bench.sent();
    bench.endpoint.with(bench.now, ID, &mut bench.wire, |association, turn| {
        association.lower_mtu(turn, 0, 1000);
    });
    bench.data(WHOLE, THEIR_TSN, 0, b"acknowledged at once");
    bench.expect(&[chunk::SACK]);
    bench.advance(900);
    bench.data(WHOLE, THEIR_TSN + 1, 1, b"acknowledged later");
    bench.silent();
    let again = bench.after(100, &[chunk::DATA]);
    assert_eq!(again.flow.transport, crate::base::Transport::SctpInFragments);
    bench.after(100, &[chunk::SACK]);
}

/// While something is missing three SACKs leave at once in a turn and one at its end, in each turn anew (6.7, 7.2.4).
#[test]
fn a_few_sacks_at_once_in_each_turn() {
    let mut bench = Bench::up();
    for turn in 0..3 {
        for at in 1..=10_u32 {
            let ahead = 10 * turn + at;
            let bytes = packet(bench.ours, |w| data(w, WHOLE, THEIR_TSN + ahead, 0, ahead as u16, b"held"));
            bench.bytes(&bytes);
        }
        assert_eq!(bench.sent().len(), 3, "turn {turn}");
        bench.flush();
        let (cumulative, gaps, _) = bench.sack_sent();
        assert_eq!((cumulative, gaps), (THEIR_TSN - 1, vec![(2, 10 * turn as u16 + 11)]));
    }
}

/// That the window has opened is told where the last DATA came from, though a SACK went there since (6.4).
#[test]
fn an_opened_window_is_told_where_data_came_from() {
    let mut bench = Bench::two_paths(small_window);
    bench.source = ip(OTHER);
    bench.endpoint.hold(ID);
    for at in 0..16_u32 {
        bench.data(WHOLE, THEIR_TSN + at, at as u16, &[0; 256]);
    }
    bench.advance(200);
    bench.sent();
    assert_eq!(bench.read().len(), 16);
    assert_eq!(bench.expect(&[chunk::SACK]).flow.destination, ip(OTHER));
}

/// A peer that fills the window with what can never be due ends with it (6.2).
#[test]
fn a_window_full_of_what_is_never_due() {
    let mut bench = Bench::configured(Role::Server, small_window).accept();
    // The first SSN never comes, though every TSN does.
    for at in 0..32 {
        assert_eq!(bench.data(WHOLE, THEIR_TSN + at, at as u16 + 1, &[0; 256]), []);
    }
    assert_eq!(bench.told(), []);
    bench.data(WHOLE, THEIR_TSN + 32, 33, &[0; 256]);
    assert_eq!(bench.told(), [down(DownReason::Aborted { cause: cause::OUT_OF_RESOURCE })]);
}

/// Above a hole, what does not fit any more is not taken, and comes again later; the association goes on (6.2).
#[test]
fn what_does_not_fit_above_a_hole() {
    let mut bench = Bench::configured(Role::Server, small_window).accept();
    for at in 1..=31 {
        bench.data(WHOLE, THEIR_TSN + at, at as u16, &[0; 256]);
    }
    bench.data(WHOLE, THEIR_TSN + 32, 32, &[0; 512]);
    assert_eq!((bench.told(), bench.endpoint.counts.data_no_window), (vec![], 1));
    assert_eq!(bench.last_sack(), (THEIR_TSN - 1, vec![(2, 32)], vec![]));
    assert_eq!(bench.data(WHOLE, THEIR_TSN, 0, b"the hole").len(), 32);
    assert_eq!(bench.data(WHOLE, THEIR_TSN + 32, 32, &[0; 512]).len(), 1);
}

/// Beginnings of messages whose other halves are late are no long message, in whatever order they come (6.9).
#[test]
fn halves_of_several_messages() {
    let mut bench = Bench::up();
    let half = |bench: &mut Bench, at: u32, flags: u8| {
        bench.data(flags, THEIR_TSN + 2 * at + u32::from(flags == 1), at as u16, &[at as u8; 1400])
    };
    for at in (0..4).rev() {
        assert_eq!(half(&mut bench, at, 2), []);
    }
    for at in 0..4 {
        let whole = half(&mut bench, at, 1);
        assert_eq!(payloads(&whole), [&[at as u8; 2800]]);
    }
    assert_eq!(bench.told(), []);
}

/// Two chunks of one SSN can only be parts of one message: none ends before the second, none begins after the first, whatever
/// is still missing between them (6.5, 6.9).
#[test]
fn parts_of_one_message_apart() {
    const BEGIN: u8 = 2;
    const END: u8 = 1;
    for (first, second, can_be) in
        [(0, 0, true), (BEGIN, END, true), (END, 0, false), (0, BEGIN, false), (END, BEGIN, false)]
    {
        for order in [[0, 1], [1, 0]] {
            let mut bench = Bench::up();
            for which in order {
                let (flags, at) = [(first, 2), (second, 4)][which];
                bench.data(flags, THEIR_TSN + at, 0, b"part");
            }
            let refusal = [down(DownReason::Aborted { cause: cause::PROTOCOL_VIOLATION })];
            assert_eq!(bench.told(), &refusal[usize::from(can_be)..], "{first} {second} {order:?}");
        }
    }
}

/// A SACK goes where its DATA came from: it does not go along with DATA to another address (6.4).
#[test]
fn a_sack_goes_with_no_data_to_another_address() {
    let mut bench = Bench::two_paths(|_| {});
    bench.source = ip(OTHER);
    bench.data(WHOLE, THEIR_TSN, 0, b"acknowledged at once");
    bench.sent();
    bench.data(WHOLE, THEIR_TSN + 1, 1, b"acknowledged later");
    bench.send(b"and back").unwrap();
    assert_eq!(bench.expect(&[chunk::DATA]).flow.destination, ip(PEER));
    assert_eq!(bench.after(200, &[chunk::SACK]).flow.destination, ip(OTHER));
}

/// Without SACK.Delay each packet is acknowledged at once (6.2).
#[test]
fn no_delay_means_at_once() {
    let mut bench =
        Bench::configured(Role::Server, |config| config.timers.sack_delay = Duration::ZERO).accept();
    for at in 0..3 {
        bench.data(WHOLE, THEIR_TSN + at, at as u16, b"each");
        assert_eq!(bench.sack_sent().0, THEIR_TSN + at);
    }
}

/// As many gap blocks as the packet has room for, less one for each duplicate that is told (6.2, 3.3.4).
#[test]
fn gap_blocks_and_duplicates_share_the_packet() {
    let mut bench = Bench::up();
    for at in 1..=400_u32 {
        bench.data(WHOLE, THEIR_TSN + 2 * at, 2 * at as u16, b"held");
    }
    // 1,480 octets less the headers of packet and chunk.
    assert_eq!(bench.last_sack().1.len(), (1480 - 12 - 16) / 4);
    for _ in 0..2 {
        let bytes = packet(bench.ours, |w| data(w, WHOLE, THEIR_TSN + 2, 0, 2, b"held"));
        bench.bytes(&bytes);
    }
    bench.flush();
    let (_, gaps, duplicates) = bench.last_sack();
    assert_eq!(gaps.len() + duplicates.len(), (1480 - 12 - 16) / 4);
    assert!(!duplicates.is_empty());
}

/// What was held for an association is not there in the next one (5.1, 5.2.4 A).
#[test]
fn nothing_held_outlives_its_association() {
    for restarts in [false, true] {
        let mut bench = Bench::up();
        assert_eq!(bench.data(WHOLE, THEIR_TSN + 1, 1, b"old"), []);
        bench.sent();
        if restarts {
            let answer = bench.init(0x5555_0001, |_| {});
            bench.learn(&answer);
            bench.echo(&answer);
        } else {
            bench.bare(chunk::ABORT);
            bench.events();
            bench = bench.accept();
        }
        assert_eq!(payloads(&bench.data(WHOLE, THEIR_TSN, 0, b"new")), [b"new"]);
    }
}
