//! What is counted and measured, to the unit: counters, round trips (RFC 9260 6.3.1), windows (7.2).

use super::script::*;
use super::view::{Tlvs, cause};
use super::*;
use crate::base::Counts;

/// What was counted since the last look, by name; packets apart.
#[derive(Default)]
struct Counted(SctpCounts);

impl Counted {
    fn since(&mut self, bench: &Bench) -> Vec<(&'static str, u64)> {
        let (mut before, mut changes) = (vec![], vec![]);
        self.0.each(&mut |_, _, value| before.push(value));
        let mut before = before.into_iter();
        bench
            .endpoint
            .counts
            .each(&mut |name, _, value| changes.push((name, value - before.next().unwrap())));
        self.0 = bench.endpoint.counts.clone();
        changes.retain(|(name, by)| *by > 0 && !["packets_in", "packets_out"].contains(name));
        changes.sort_unstable();
        changes
    }
}

fn path(bench: &Bench, address: &str) -> (u32, u32) {
    let paths = &bench.endpoint.associations[0].paths;
    paths
        .iter()
        .find(|path| path.remote == ip(address))
        .map(|path| (path.cwnd, path.ssthresh))
        .expect("a path")
}

fn rto(bench: &Bench) -> (u128, Option<u128>) {
    let status = bench.endpoint.associations[0].path_statuses().next().expect("a path");
    (status.rto.as_millis(), status.srtt.map(|srtt| srtt.as_millis()))
}

/// Each thing that happens adds one to its own count, and to no other.
#[test]
fn each_thing_is_counted_once() {
    let mut bench = Bench::two_paths(|_| {});
    let counted = &mut Counted::default();
    counted.since(&bench);
    let (ours, tsn, theirs) = (bench.ours, bench.our_tsn, THEIR_TSN);
    type Script<'s> = &'s dyn Fn(&mut Bench);
    let script: [(Script<'_>, &[(&str, u64)]); 19] = [
        (&|it| it.send(b"one").unwrap(), &[("messages_out", 1), ("data_out", 1)]),
        (&|it| it.send_many(2), &[("messages_out", 2), ("data_out", 2)]),
        (&|it| it.acked(tsn + 1), &[("sacks_in", 1)]),
        (&|it| it.acked(tsn), &[("sacks_in", 1), ("sacks_old", 1)]),
        (&|it| it.acked(tsn + 9), &[("sacks_in", 1), ("malformed", 1)]),
        (&|it| it.advance(1000), &[("t3_expiries", 1), ("data_again", 1)]),
        (&|it| it.acked(tsn + 2), &[("sacks_in", 1)]),
        (
            &|it| drop(it.data(WHOLE, theirs, 0, b"in")),
            &[("data_in", 1), ("messages_in", 1), ("sacks_out", 1)],
        ),
        (&|it| drop(it.data(WHOLE, theirs, 0, b"in")), &[("data_duplicate", 1), ("sacks_out", 1)]),
        (
            &|it| drop(it.data(WHOLE, theirs + 2, 2, b"held")),
            &[("data_in", 1), ("data_held", 1), ("sacks_out", 1)],
        ),
        (&|it| drop(it.data(WHOLE, theirs + 1, 1, b"and all")), &[("data_in", 1), ("messages_in", 2)]),
        (&|it| it.bare(0x3f), &[("unknown_chunks", 1)]),
        (
            &|it| it.say(chunk::HEARTBEAT_ACK, &[0, 1, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            &[("unexpected_chunks", 1)],
        ),
        (
            &|it| it.say(chunk::HEARTBEAT_ACK, &[0, 1, 0, 16, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]),
            &[("unexpected_chunks", 1)],
        ),
        (&|it| it.error(99, b""), &[("errors_in", 1)]),
        (&|it| it.say_as(ours ^ 1, 0, chunk::SACK, &[]), &[("bad_tag", 1)]),
        (&|it| it.say_as(ours, 1, chunk::COOKIE_ACK, &[]), &[("unexpected_chunks", 1)]),
        (&|it| drop(it.bytes(&[0; 11])), &[("malformed", 1)]),
        (&|it| it.say(chunk::ABORT, &[]), &[("aborts_in", 1), ("associations_down", 1)]),
    ];
    for (at, (act, expected)) in script.into_iter().enumerate() {
        act(&mut bench);
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(counted.since(&bench), expected, "step {at}");
    }
}

/// Peers that begin, begin again, and lie: what is counted of associations and cookies.
#[test]
fn each_association_is_counted_once() {
    let mut bench = Bench::unacknowledged();
    let counted = &mut Counted::default();
    counted.since(&bench);
    // A restart is no association more, and what it leaves behind is lost.
    bench.sent();
    let init_ack = bench.init(0x5555_0001, |_| {});
    assert_eq!(counted.since(&bench), [("inits_in", 1)]);
    bench.learn(&init_ack);
    bench.theirs = 0x5555_0001;
    bench.echo(&init_ack);
    assert_eq!(counted.since(&bench), [("data_lost", 1), ("restarts", 1)]);
    // Its cookie once more is answered once more, and nothing else.
    bench.echo(&init_ack);
    assert_eq!(counted.since(&bench), []);
    let forged: Vec<u8> = cookie_of(&init_ack).iter().map(|octet| octet ^ 1).collect();
    bench.say(chunk::COOKIE_ECHO, &forged);
    assert_eq!(counted.since(&bench), [("cookies_bad", 1)]);
    bench.abort(b"");
    assert_eq!(counted.since(&bench), [("aborts_out", 1), ("associations_down", 1)]);
    bench.echo(&init_ack);
    assert_eq!(counted.since(&bench), [("out_of_the_blue", 1)], "it is spent");
}

/// The first measurement gives SRTT and RTTVAR, later ones are smoothed by 1/8 and 1/4, and RTO is kept within its bounds
/// (6.3.1 C2 to C7).
#[test]
fn the_time_out_follows_the_round_trips() {
    let mut bench = Bench::configured(Role::Server, |config| {
        config.timers.rto_min = Duration::from_millis(100);
        config.timers.rto_max = Duration::from_millis(3000);
    })
    .accept();
    assert_eq!(rto(&bench), (1000, None));
    let mut tsn = bench.our_tsn;
    for (round_trip, expected) in [
        // SRTT 400, RTTVAR 200.
        (400, (1200, Some(400))),
        // RTTVAR 3/4 200 + 1/4 320, SRTT 7/8 400 + 1/8 80.
        (80, (1280, Some(360))),
        // RTTVAR 230 -> 172.5, SRTT 360.
        (360, (1050, Some(360))),
        (1040, (1642, Some(445))),
        (1600, (2642, Some(589))),
        (2600, (3000, Some(840))),
    ] {
        bench.send(b"there and back").unwrap();
        bench.advance(round_trip);
        bench.acked(tsn);
        tsn += 1;
        assert_eq!(rto(&bench), expected, "{round_trip} ms");
    }
    for _ in 0..60 {
        bench.send(b"at once").unwrap();
        bench.acked(tsn);
        tsn += 1;
    }
    assert_eq!(rto(&bench).0, 100);
}

/// T3: the threshold is half the window and at least four packets, the window one packet, and the time-out doubles
/// (6.3.3 E1, E2, 7.2.3).
#[test]
fn a_time_out_cuts_the_window() {
    for chunks in [2, 30] {
        let mut bench = Bench::up();
        if chunks > 3 {
            bench.widen(chunks);
        } else {
            bench.send_many(2);
        }
        let (before, _) = path(&bench, PEER);
        bench.advance(1000);
        assert_eq!(path(&bench, PEER), (1468, (before / 2).max(4 * 1468)));
        assert_eq!(rto(&bench).0, 2000);
        bench.advance(1999);
        assert_eq!(bench.endpoint.counts.t3_expiries, 1);
        bench.advance(1);
        assert_eq!((bench.endpoint.counts.t3_expiries, path(&bench, PEER).1), (2, 4 * 1468));
    }
}

/// Three reports: threshold and window are half the window, and at least four packets; once in a recovery, and the one
/// after it halves again (7.2.4).
#[test]
fn a_loss_halves_the_window() {
    let mut bench = Bench::up();
    let (first, next) = bench.widen(40);
    let (before, _) = path(&bench, PEER);
    let lost = first - 1;
    for end in 2..=4 {
        assert_eq!(path(&bench, PEER).0, before);
        bench.gaps(lost, &[(2, end)]);
    }
    assert_eq!(path(&bench, PEER), (before / 2, before / 2));
    assert!(bench.tsns().contains(&first));
    // Another hole of the same flight: no second cut.
    for end in 7..=9 {
        bench.gaps(lost, &[(2, 4), (6, end)]);
    }
    assert_eq!(path(&bench, PEER), (before / 2, before / 2));
    assert_eq!(bench.endpoint.counts.fast_retransmits, 2);
    // Out of recovery: above the threshold it grows by one packet for each window that is acknowledged.
    let mut acked = next - 1;
    bench.acked(acked);
    let mut grow = || {
        let (begin, mut octets) = (path(&bench, PEER).0, 0_u32);
        while path(&bench, PEER).0 == begin {
            acked += 1;
            octets += 1468;
            bench.acked(acked);
        }
        assert_eq!(path(&bench, PEER), (begin + 1468, before / 2));
        (begin, octets)
    };
    grow();
    for _ in 0..2 {
        let (window, octets) = grow();
        assert!(octets.abs_diff(window) < 1468, "{octets} octets for a window of {window}");
    }
}

/// Slow start: the window grows by what was acknowledged, by one packet at most for each SACK, while it is used up (7.2.1).
#[test]
fn slow_start_grows_by_a_packet() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    for _ in 0..40 {
        bench.endpoint.send(bench.now, ID, 0, 3, &[0; 1452]).unwrap();
    }
    bench.flush();
    assert_eq!(bench.tsns().len(), 3);
    let (begin, threshold) = path(&bench, PEER);
    assert_eq!((begin, threshold), (4404, u32::MAX));
    bench.acked(tsn);
    assert_eq!(path(&bench, PEER).0, begin + 1468);
    bench.acked(tsn + 2);
    assert_eq!(path(&bench, PEER).0, begin + 2 * 1468, "two packets are acknowledged, one counts");
}

/// The causes of one packet go into one ERROR, padded, as far as the path carries them; a single one is cut (3.3.10).
#[test]
fn errors_fit_the_path() {
    let mut bench = Bench::up();
    let unknown =
        |w: &mut PacketWriter<'_>, octets: usize| w.chunk(0xc1, 0, |w| w.bytes(&[7; 2000][..octets]));
    bench.peer(|w| (0..3).for_each(|octets| unknown(w, octets)));
    let error = bench.expect(&[chunk::ERROR]);
    let causes: Vec<(u16, usize)> =
        Tlvs::new(&error.chunks[0].value).map(|it| it.map(|it| (it.kind, it.value.len())).unwrap()).collect();
    assert_eq!(
        causes,
        [(cause::UNRECOGNIZED_CHUNK, 4), (cause::UNRECOGNIZED_CHUNK, 5), (cause::UNRECOGNIZED_CHUNK, 6)]
    );
    assert_eq!(error.chunks[0].value.len(), 8 + 12 + 10);
    // As long as it may be, then longer: the second does not fit any more.
    for (octets, kept) in [(1456, 1460), (1457, 1460), (1460, 1460)] {
        bench.peer_wrongly(
            |w| unknown(w, 40),
            |bytes| {
                bytes.truncate(12);
                for length in [octets, 8_usize] {
                    bytes.extend([0xc1, 0]);
                    bytes.extend((length as u16 + 4).to_be_bytes());
                    bytes.resize(bytes.len() + length.next_multiple_of(4), 7);
                }
            },
        );
        let error = bench.expect(&[chunk::ERROR]);
        let causes: Vec<usize> =
            Tlvs::new(&error.chunks[0].value).map(|it| it.unwrap().value.len()).collect();
        assert_eq!(causes, [kept], "{octets}");
    }
}

/// Packets of two associations by turns: each finds its own, though the one before was the other's.
#[test]
fn packets_by_turns_find_their_association() {
    let second = AssociationConfig { remote: vec![ip(OTHER)], ..config(Role::Server) };
    let mut bench = Bench::with(vec![config(Role::Server), second]);
    let mut tags = vec![];
    for (peer, tag) in [(PEER, 0x1111_1111), (OTHER, 0x2222_2222)] {
        (bench.source, bench.theirs) = (ip(peer), tag);
        let init_ack = bench.init(tag, |_| {});
        bench.learn(&init_ack);
        bench.echo(&init_ack);
        bench.sent();
        tags.push((ip(peer), bench.ours, tag));
    }
    assert_eq!(bench.endpoint.len(), 2);
    for (peer, ours, theirs) in [0, 1, 1, 0, 1, 0].map(|at: usize| tags[at]) {
        (bench.source, bench.ours) = (peer, ours);
        bench.say(chunk::HEARTBEAT, &[0, 1, 0, 8, 1, 2, 3, 4]);
        let answer = bench.one();
        assert_eq!((answer.kinds(), answer.tag), (vec![chunk::HEARTBEAT_ACK], theirs));
        assert_eq!(answer.flow.destination, peer);
    }
}

/// A restart from an address that nobody knows, listing one that is known, is about that association: a new address is
/// refused, and with the INIT's tag (5.1.2 D, 5.2.2).
#[test]
fn an_init_names_its_association_by_what_it_lists() {
    let mut bench = Bench::up();
    bench.source = ip("10.0.9.9");
    let refusal = bench.init(0x7777_7777, |w| w.address(ip(PEER)));
    assert_refusal(&refusal, 0x7777_7777, cause::RESTART_WITH_NEW_ADDRESSES);
    // One with a tag is about nothing, and so is one that is not alone (8.5.1 A, 6.10).
    let ours = bench.ours;
    bench.inject(ours, |w| w.chunk(chunk::INIT, 0, |w| init_fields(w, 0x7777_7777, 1)));
    bench.source = ip(PEER);
    for tag in [ours, 0] {
        bench.sent();
        bench.inject(tag, |w| {
            w.chunk(chunk::INIT, 0, |w| init_fields(w, 0x7777_7777, 1));
            w.chunk(chunk::COOKIE_ACK, 0, |_| {});
        });
        assert!(bench.sent().iter().all(|sent| sent.kinds() != [chunk::INIT_ACK]));
    }
    assert_eq!((bench.state(), bench.told()), (State::Established, vec![]));
}

/// What is shown of an association and its paths (11.1.8).
#[test]
fn the_status_tells_what_is() {
    let mut bench = Bench::two_paths(|_| {});
    let window = 100_000;
    bench.send(&[0; 1000]).unwrap();
    let status = bench.endpoint.status(ID).expect("a status");
    assert_eq!((status.state, status.streams, status.errors), (State::Established, 17, 0));
    assert_eq!((status.waiting, status.peer_window), (1, window - 1000));
    let paths: Vec<_> =
        bench.endpoint.paths(ID).map(|it| (it.remote, it.is_primary, it.flight, it.again)).collect();
    assert_eq!(paths, [(ip(PEER), true, 1016, 0), (ip(OTHER), false, 0, 0)]);
    bench.advance(1000);
    let paths: Vec<_> = bench.endpoint.paths(ID).map(|it| (it.flight, it.again, it.errors)).collect();
    assert_eq!(paths, [(0, 0, 1), (1016, 1, 0)]);
    assert_eq!(bench.endpoint.status(ID).map(|it| it.errors), Some(1));
    assert!(bench.endpoint.status(AssociationId(1)).is_none());
    bench.abort(b"");
    assert_eq!(bench.endpoint.paths(ID).count(), 0);
}

/// A HEARTBEAT that a healthy path answers leaves its window alone; a path that had errors begins slowly (7.2.1, 8.3).
#[test]
fn a_heartbeats_answer_and_the_window() {
    let mut bench =
        Bench::configured(Role::Server, |config| config.timers.heartbeat = Duration::from_secs(5)).accept();
    let (_, mut next) = bench.widen(20);
    while bench.endpoint.associations[0].status().waiting > 0 {
        bench.acked(next - 1);
        next += bench.tsns().len() as u32;
    }
    let (window, _) = path(&bench, PEER);
    let heartbeat = |bench: &mut Bench| loop {
        bench.advance(100);
        if let Some(heartbeat) = bench.sent().pop() {
            return heartbeat;
        }
    };
    let asked = heartbeat(&mut bench);
    bench.answer(&asked);
    assert_eq!(path(&bench, PEER).0, window);
    heartbeat(&mut bench);
    let asked = heartbeat(&mut bench);
    assert_eq!(bench.endpoint.counts.heartbeats_lost, 1);
    bench.answer(&asked);
    assert_eq!(path(&bench, PEER).0, 1468);
}

/// A peer that calls each cookie stale gets as many INITs as one that is silent, and no more (5.2.6, Max.Init.Retransmits).
#[test]
fn stale_cookies_are_counted() {
    let mut bench = Bench::configured(Role::Client, |config| config.timers.max_init_retransmits = 3);
    bench.endpoint.connect(bench.now, ID, &mut bench.wire);
    for round in 0..4 {
        let init = bench.expect(&[chunk::INIT]);
        bench.learn(&init);
        bench.init_ack(|_| {});
        bench.expect(&[chunk::COOKIE_ECHO]);
        assert_eq!(bench.told(), [], "round {round}");
        bench.error(cause::STALE_COOKIE, &[0, 0, 0, 1]);
    }
    bench.silent();
    assert_eq!(bench.told(), [down(DownReason::NoAnswer)]);
}

/// The window is told again when it has opened by a quarter, and not for less (6.2).
#[test]
fn a_window_that_opens_is_told() {
    for (held, told) in [(7, false), (8, true), (12, true)] {
        let mut bench = Bench::configured(Role::Server, |config| config.receive_window = 32 * 256).accept();
        bench.data(WHOLE, THEIR_TSN, 0, b"first");
        bench.endpoint.hold(ID);
        for at in 1..=held {
            bench.data(WHOLE, THEIR_TSN + at, at as u16, &[0; 256]);
        }
        bench.advance(200);
        bench.sent();
        assert_eq!(bench.read().len(), held as usize);
        let sacks = bench.sent().iter().filter(|sent| sent.kinds() == [chunk::SACK]).count();
        assert_eq!(sacks == 1, told, "{held} blocks of 32");
        bench.advance(1000);
        bench.silent();
    }
}

/// A next message that finds no room while nothing can be read is the end; one above a hole is only not taken (6.2).
#[test]
fn no_room_for_what_is_next() {
    let mut bench = Bench::configured(Role::Server, |config| config.receive_window = 32 * 256).accept();
    bench.data(2, THEIR_TSN, 0, &[0; 256]);
    for at in 1..=16 {
        bench.data(0, THEIR_TSN + at, 0, &[0; 256]);
    }
    assert_eq!(bench.told(), []);
    bench.data(0, THEIR_TSN + 17, 0, &[0; 256]);
    assert_eq!(
        bench.told(),
        [down(DownReason::Aborted { cause: cause::OUT_OF_RESOURCE })],
        "4,352 octets at most"
    );
    // In two streams it is room that ends.
    let mut bench = Bench::configured(Role::Server, |config| config.receive_window = 32 * 256).accept();
    for at in 0..32_u32 {
        let (stream, begin) = ((at / 16) as u16, if at % 16 == 0 { 2 } else { 0 });
        bench.peer(|w| data(w, begin, THEIR_TSN + at + u32::from(stream), stream, 0, &[0; 256]));
    }
    assert_eq!((bench.told(), bench.endpoint.counts.data_no_window), (vec![], 0));
    bench.data(0, THEIR_TSN + 40, 0, &[0; 256]);
    assert_eq!((bench.told(), bench.endpoint.counts.data_no_window), (vec![], 1));
}

/// HEARTBEATs are counted as they leave; a second one in a packet is unexpected, and not answered (8.3).
#[test]
fn heartbeats_are_counted() {
    let mut bench = Bench::two_paths(|_| {});
    assert_eq!(bench.endpoint.counts.heartbeats_out, 1);
    bench.peer(|w| (0..2).for_each(|_| w.chunk(chunk::HEARTBEAT, 0, |w| w.tlv(1, |w| w.u32(1)))));
    bench.expect(&[chunk::HEARTBEAT_ACK]);
    assert_eq!(bench.endpoint.counts.unexpected_chunks, 1);
}
