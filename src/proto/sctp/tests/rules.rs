//! Rules that are easily missed: each was once broken here.

use super::script::*;
use super::view::cause;
use super::*;

const THIRD: &str = "10.0.2.2";

/// Whether our user was told how the path to `address` stands since he was told anything.
fn told_of(bench: &mut Bench, address: &str) -> bool {
    bench.events().iter().any(|change| format!("{change:?}").contains(address))
}

/// AS-I-1-4: two set-ups for the same places, one within the other (5.1.3, 5.1.5).
#[test]
fn sctp_as_i_1_4_interleaved() {
    let any = AssociationConfig { remote: vec![], remote_port: None, ..config(Role::Server) };
    let mut bench = Bench::with(vec![any.clone(), any]);
    let first = bench.init(THEIR_TAG, |_| {});
    bench.source = ip(OTHER);
    let second = bench.init(77, |_| {});
    bench.echo(&second);
    assert_eq!(bench.one().kinds(), [chunk::COOKIE_ACK]);
    bench.source = ip(PEER);
    bench.echo(&first);
    assert_eq!(bench.one().kinds(), [chunk::COOKIE_ACK]);
    assert!(bench.endpoint.is_up(AssociationId(0)) && bench.endpoint.is_up(AssociationId(1)));
}

/// AS-O-1-9-2: all new addresses are listed (3.3.10.11).
#[test]
fn sctp_as_o_1_9_2_all_listed() {
    let refusal = Bench::up().init(77, |w| [OTHER, THIRD].into_iter().for_each(|text| w.address(ip(text))));
    assert_eq!(refusal.chunks[0].value[4..], [0, 5, 0, 8, 10, 0, 1, 2, 0, 5, 0, 8, 10, 0, 2, 2]);
}

/// AS-I-1-12-2: the refusal goes where the INIT ACK came from (5.1.2 B).
#[test]
fn sctp_as_i_1_12_2_to_its_source() {
    let mut bench = Bench::configured(Role::Client, |config| config.remote.push(ip(OTHER))).dial().0;
    bench.source = ip(OTHER);
    bench.init_ack_as(Fixed { streams: (0, 17), ..Fixed::GOOD });
    assert_eq!(bench.one().flow.destination, ip(OTHER));
}

/// AS-I-1-15: the address that our user named first stays the primary one (11.1.6).
#[test]
fn sctp_as_i_1_15_primary() {
    let mut bench = Bench::configured(Role::Client, |config| config.remote.push(ip(OTHER))).dial().0;
    bench.advance(1000);
    bench.source = ip(OTHER);
    bench.sent();
    bench.init_ack(|w| w.address(ip(PEER)));
    bench.bare(chunk::COOKIE_ACK);
    bench.sent();
    bench.send(b"first").unwrap();
    assert_eq!(bench.destinations(), [ip(PEER)]);
}

/// DM-O-4-2-2: INIT from an address that is not known, which lists one that is (5.1.2 D, 5.2.2, 9.2).
#[test]
fn sctp_dm_o_4_2_2_by_listed_address() {
    let mut bench = Bench::up();
    bench.source = ip(OTHER);
    bench.init_as(Fixed { tag: 77, ..Fixed::GOOD }, |w| w.address(ip(PEER)));
    assert_refusal(&bench.one(), 77, cause::RESTART_WITH_NEW_ADDRESSES);
    let mut bench = Bench::shutdown_ack_sent();
    bench.source = ip(OTHER);
    bench.init_as(Fixed { tag: 77, ..Fixed::GOOD }, |w| w.address(ip(PEER)));
    bench.expect(&[chunk::SHUTDOWN_ACK]);
}

/// AS-V-1-11-2: INIT ACK from an address that is not known (5.1.2 D).
#[test]
fn sctp_as_v_1_11_2_from_another_address() {
    let mut bench = Bench::cookie_wait();
    bench.source = ip(OTHER);
    bench.init_ack(|w| w.address(ip(PEER)));
    bench.expect(&[chunk::COOKIE_ECHO]);
}

/// AT-I-2-5: T5 begins with SHUTDOWN, not while our user's DATA is still on its way (9.2).
#[test]
fn sctp_at_i_2_5_guard() {
    let mut bench = Bench::configured(Role::Server, |config| {
        config.timers.rto_max = Duration::from_secs(1);
        config.timers.association_max_retrans = 100;
    })
    .accept();
    bench.send(b"slow").unwrap();
    bench.sent();
    bench.shutdown();
    let tsn = bench.our_tsn;
    for _ in 0..20 {
        bench.advance(900);
        bench.peer(|w| sack(w, tsn.wrapping_sub(1), 0, &[]));
        bench.data(WHOLE, THEIR_TSN, 0, b"the peer is there");
    }
    bench.sent();
    assert_eq!((bench.state(), bench.told()), (State::ShutdownPending, vec![]));
    bench.acked(tsn);
    bench.expect(&[chunk::SHUTDOWN]);
}

/// AT-I-2-8: packets of the peer clear the count of SHUTDOWNs (9.2).
#[test]
fn sctp_at_i_2_8_signs_of_life() {
    let retrans = |config: &mut AssociationConfig| config.timers.association_max_retrans = 2;
    let mut bench = Bench::configured(Role::Server, retrans).accept();
    bench.shutdown();
    for round in 0..3u16 {
        bench.advance(5000);
        bench.data(WHOLE, THEIR_TSN + u32::from(round), round, b"not done yet");
        assert_eq!(bench.state(), State::ShutdownSent);
    }
}

/// DM-O-4-7-1, X-28: what a packet holds counts, not what it begins with (8.4 rules 5 to 7, 8.5.1 E).
#[test]
fn sctp_x_28_second_chunks() {
    for (kind, answer) in [
        (chunk::COOKIE_ACK, None),
        (chunk::SHUTDOWN_ACK, Some(chunk::SHUTDOWN_COMPLETE)),
        (chunk::SHUTDOWN_COMPLETE, None),
    ] {
        let mut bench = Bench::server();
        bench.inject(0x99, |w| {
            sack(w, 1, 1, &[]);
            w.chunk(kind, 0, |_| {});
        });
        match answer {
            Some(answer) => bench.reflected(answer, 0x99),
            None => bench.silent(),
        }
    }
    let mut bench = Bench::server();
    bench.inject(0x99, |w| {
        sack(w, 1, 1, &[]);
        w.chunk(chunk::ERROR, 0, |w| w.tlv(cause::STALE_COOKIE, |w| w.u32(0)));
    });
    bench.silent();
    let mut bench = Bench::cookie_wait();
    bench.peer(|w| {
        sack(w, 1, 1, &[]);
        w.chunk(chunk::SHUTDOWN_ACK, 0, |_| {});
    });
    bench.reflected(chunk::SHUTDOWN_COMPLETE, bench.ours);
}

/// E-O-6-1: a peer that always says stale is given up (5.2.6, 4).
#[test]
fn sctp_e_o_6_1_bounded() {
    let mut bench = Bench::client();
    for _ in 0..10 {
        let Some(init) = bench.sent().pop().filter(|sent| sent.kinds() == [chunk::INIT]) else { break };
        bench.learn(&init);
        bench.init_ack(|_| {});
        bench.sent();
        bench.error(cause::STALE_COOKIE, &[0; 4]);
    }
    assert_eq!(bench.told(), [down(DownReason::NoAnswer)]);
}

/// E-I-6-5: the repeated COOKIE ECHO reports the unknown parameter too (3.2.2).
#[test]
fn sctp_e_i_6_5_repeated() {
    let mut bench = Bench::cookie_wait();
    bench.init_ack(|w| w.tlv(0xc00c, |w| w.u8(9)));
    let echo = bench.one();
    assert_eq!(bench.after(1000, &[chunk::COOKIE_ECHO, chunk::ERROR]).chunks, echo.chunks);
}

/// FH-V-5-2: the answer leaves from the address that was asked (6.4).
#[test]
fn sctp_fh_v_5_2_from_the_address_asked() {
    let mut bench = Bench::configured(Role::Server, |config| config.local.push(ip("10.0.1.1"))).accept();
    bench.destination = ip("10.0.1.1");
    bench.peer(|w| w.chunk(chunk::HEARTBEAT, 0, |w| w.tlv(1, |w| w.u32(1))));
    assert_eq!(bench.expect(&[chunk::HEARTBEAT_ACK]).flow.source, ip("10.0.1.1"));
}

/// A-O-9-3: while something is missing, each packet has its own SACK, also in one turn (6.7, 7.2.4).
#[test]
fn sctp_a_o_9_3_each_packet() {
    let mut bench = Bench::up();
    for at in 1..=3u32 {
        let bytes = packet(bench.ours, |w| data(w, WHOLE, THEIR_TSN + at, 0, at as u16, b"held"));
        bench.bytes(&bytes);
    }
    bench.flush();
    assert!(bench.sent().len() >= 3, "three reports mean loss");
}

/// A-O-9-3: as many gap blocks as fit (6.2).
#[test]
fn sctp_a_o_9_3_many_gaps() {
    let mut bench = Bench::up();
    for at in 1..=200u32 {
        bench.data(WHOLE, THEIR_TSN + 2 * at, 2 * at as u16, b"held");
    }
    assert_eq!(bench.last_sack().1.len(), 200);
}

/// one HEARTBEAT each RTO to addresses that are not confirmed, whichever it is (5.4, HB.Max.Burst).
#[test]
fn sctp_x_01_one_at_a_time() {
    let mut bench = Bench::server().accept_with(&[ip(OTHER), ip(THIRD), ip("10.0.3.2")]);
    let at = moments(&bench.watch(3500));
    assert!(at.len() >= 3 && at.windows(2).all(|pair| pair[1] - pair[0] >= 500), "{at:?}");
}

/// replies go to no address that is not confirmed, but HEARTBEAT ACK (5.4).
#[test]
fn sctp_x_01_replies() {
    let mut bench = Bench::server().accept_with(&[ip(OTHER)]);
    bench.source = ip(OTHER);
    bench.sent();
    bench.data(WHOLE, THEIR_TSN, 0, b"first");
    bench.say(0xef, &[1]);
    assert!(bench.destinations().iter().all(|&to| to == ip(PEER)));
}

/// COOKIE ACK goes where COOKIE ECHO came from, with a HEARTBEAT where that is not confirmed (5.4, 6.4).
#[test]
fn sctp_x_01_cookie_ack() {
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |w| w.address(ip(OTHER)));
    bench.source = ip(OTHER);
    bench.echo(&answer);
    assert_eq!(bench.expect(&[chunk::COOKIE_ACK, chunk::HEARTBEAT]).flow.destination, ip(OTHER));
}

/// our user is told of the dead address (8.2).
#[test]
fn sctp_x_03_told() {
    let mut bench = Bench::server().accept_with(&[ip(OTHER)]);
    bench.events();
    bench.advance(600_000);
    assert!(told_of(&mut bench, OTHER));
}

/// a HEARTBEAT ACK later than one RTO confirms, and measures (8.3, 5.4).
#[test]
fn sctp_x_04_late_answer() {
    let mut bench = Bench::server().accept_with(&[ip(OTHER)]);
    bench.advance(10);
    let heartbeat = bench.one();
    bench.now += Duration::from_millis(1);
    bench.advance(1200);
    if bench.wire.sent.is_empty() {
        bench.answer(&heartbeat);
        assert_eq!(bench.path(OTHER), PathState::Active);
    }
}

/// an unanswered HEARTBEAT is followed by the next within RTO + HB.interval and half the RTO (8.3).
#[test]
fn sctp_x_04_period_unanswered() {
    let mut bench = Bench::configured(Role::Server, |config| {
        config.timers.heartbeat = Duration::from_secs(30);
    })
    .accept();
    let at = moments(&bench.watch(200_000));
    // The RTO has doubled by then, to 2, 4, 8 s.
    for (step, rto) in [2000, 4000, 8000].into_iter().enumerate() {
        let gap = at[step + 1] - at[step];
        assert!((30_000 + rto / 2..=30_000 + rto * 3 / 2).contains(&gap), "{step}: {gap}");
    }
}

/// HEARTBEAT is answered no more in SHUTDOWN-SENT and SHUTDOWN-ACK-SENT (8.3).
#[test]
fn sctp_x_05_closing() {
    for mut bench in [Bench::shutdown_sent(), Bench::shutdown_ack_sent()] {
        bench.peer(|w| w.chunk(chunk::HEARTBEAT, 0, |w| w.tlv(1, |w| w.u32(1))));
        bench.silent();
    }
}

/// our user is told that the primary fails, and that it is back (8.2).
#[test]
fn sctp_x_06_told() {
    let mut bench = Bench::two_paths(|config| config.timers.path_max_retrans = 0);
    bench.send(b"lost").unwrap();
    bench.advance(1000);
    assert_eq!(bench.path(PEER), PathState::Inactive);
    assert!(told_of(&mut bench, PEER));
}

/// what waits to be sent again elsewhere and is acknowledged speaks for the path that it took (8.2).
#[test]
fn sctp_x_06_credit() {
    let mut bench = Bench::two_paths(|config| config.timers.potentially_failed_max_retrans = 0);
    bench.send(b"slow").unwrap();
    bench.wire.closed = true;
    bench.advance(1000);
    assert_eq!(bench.path(PEER), PathState::PotentiallyFailed);
    bench.acked(bench.our_tsn);
    assert_eq!(bench.path(PEER), PathState::Active);
}

/// a potentially failed path is asked once each RTO, backed off, give or take a half (RFC 7829 3.2).
#[test]
fn sctp_x_08_pace() {
    for jitter in 0..20 {
        let mut bench = Bench::two_paths(|config| config.timers.potentially_failed_max_retrans = 0);
        for _ in 0..jitter {
            bench.endpoint.random.next();
        }
        bench.send(b"lost").unwrap();
        bench.advance(1000);
        bench.acked(bench.our_tsn);
        let mut at: Vec<u64> =
            bench.sent().iter().filter(|it| it.kinds() == [chunk::HEARTBEAT]).map(|_| 0).collect();
        at.extend(moments(&bench.watch(40_000)));
        for (step, rto) in [4000, 8000].into_iter().enumerate() {
            let gap = at[step + 1] - at[step];
            assert!((rto / 2..=rto * 3 / 2).contains(&gap), "{step}: {gap}");
        }
    }
}

/// reports of another path's TSNs are no reports of loss on this one (7.2.4, 6.4).
#[test]
fn sctp_x_10_no_false_loss() {
    let mut bench = Bench::two_paths(|_| {});
    let tsn = bench.our_tsn;
    bench.send_many(2);
    bench.endpoint.set_primary(bench.now, ID, ip(OTHER), &mut bench.wire);
    bench.send_many(5);
    bench.sent();
    for end in 3..=6 {
        bench.gaps(tsn.wrapping_sub(1), &[(3, end)]);
    }
    bench.silent();
    assert_eq!(bench.endpoint.counts.fast_retransmits, 0);
}

/// a restart that agrees on fewer streams tells so (5.2.4 A, 5.1.1).
#[test]
fn sctp_x_16_streams() {
    let mut bench = Bench::up();
    bench.init_as(Fixed { tag: 0x7777, streams: (17, 1), ..Fixed::GOOD }, |_| {});
    let answer = bench.one();
    bench.echo(&answer);
    assert_eq!(format!("{:?}", bench.told()), "[Restarted { streams: 1 }]");
}

/// the ERROR for a stale cookie goes where the cookie came from (5.2.4, 5.1.5).
#[test]
fn sctp_x_20_stale_from_elsewhere() {
    let any = AssociationConfig { remote: vec![], remote_port: None, ..config(Role::Server) };
    let mut bench = Bench::with(vec![any.clone(), any]);
    bench.source = ip(OTHER);
    let stale = bench.init(77, |_| {});
    bench.source = ip(PEER);
    let mut bench = bench.accept();
    bench.advance(61_000);
    bench.source = ip(OTHER);
    bench.echo(&stale);
    let error = bench.one();
    assert_eq!((error.kinds(), error.tag, error.flow.destination), (vec![chunk::ERROR], 77, ip(OTHER)));
}

/// a cookie whose association has ended is spent (12.2.4).
#[test]
fn sctp_x_21_spent_cookie() {
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |_| {});
    bench.learn(&answer);
    bench.echo(&answer);
    bench.bare(chunk::ABORT);
    bench.sent();
    bench.echo(&answer);
    bench.silent();
    assert_eq!(bench.state(), State::Closed);
}

/// INIT ACK with a window below 1,500: refused, and nothing else changes (3.3.3).
#[test]
fn sctp_x_24_init_ack_window() {
    let mut bench = Bench::cookie_wait();
    bench.advance(400);
    bench.init_ack_as(Fixed { window: 1499, ..Fixed::GOOD });
    assert_refusal(&bench.one(), THEIR_TAG, cause::INVALID_PARAMETER);
    assert_eq!((bench.state(), bench.told()), (State::CookieWait, vec![]));
    bench.after(600, &[chunk::INIT]);
}

/// behind a chunk that is shorter than its kind nothing is read (6.10).
#[test]
fn sctp_x_29_below_its_minimum() {
    for kind in [chunk::SACK, chunk::SHUTDOWN] {
        let mut bench = Bench::up();
        let got = bench.peer(|w| {
            w.chunk(kind, 0, |_| {});
            data(w, WHOLE, THEIR_TSN, 0, 0, b"behind");
        });
        assert_eq!(got, []);
        bench.silent();
    }
}

/// what was taken back counts as missing once (6.2.1 D iii).
#[test]
fn sctp_x_34_taken_back_is_missing() {
    let mut bench = Bench::up();
    let before = bench.our_tsn.wrapping_sub(1);
    bench.send_many(6);
    bench.sent();
    for blocks in [&[(2, 4)][..], &[], &[(4, 4)], &[(4, 5)]] {
        bench.gaps(before, blocks);
    }
    let tsns = [1, 2, 3].map(|at| before.wrapping_add(at));
    assert_eq!(bench.tsns(), tsns);
}

/// a window that is not used up does not grow (7.2.1).
#[test]
fn sctp_x_36_not_used_up() {
    let mut bench = Bench::up();
    for _ in 0..4 {
        bench.endpoint.send(bench.now, ID, 0, 3, &[0; 1000]).unwrap();
    }
    bench.flush();
    bench.sent();
    bench.acked(bench.our_tsn + 3);
    for _ in 0..10 {
        bench.endpoint.send(bench.now, ID, 0, 3, &[0; 1452]).unwrap();
    }
    bench.flush();
    assert_eq!(bench.tsns().len(), 3, "as at the beginning: 4,404 octets");
}

/// a window that is not used shrinks by half each RTO, and what it was at first is what it grows to again (7.2.1).
#[test]
fn sctp_x_36_an_idle_window_shrinks() {
    let mut bench = Bench::up();
    let (_, mut next) = bench.widen(40);
    while bench.endpoint.associations[0].status().waiting > 0 {
        bench.acked(next - 1);
        next += bench.tsns().len() as u32;
    }
    let path =
        |bench: &Bench| bench.endpoint.associations[0].paths.iter().map(|it| (it.cwnd, it.ssthresh)).next();
    let (full, _) = path(&bench).expect("a path");
    assert!(full > 32 * 1468);
    let mut send = |bench: &mut Bench, idle: u64| {
        bench.advance(idle);
        bench.send(b"now and then").unwrap();
        next += 1;
        bench.acked(next - 1);
        path(bench).expect("a path")
    };
    assert_eq!(send(&mut bench, 900), (full, u32::MAX));
    // Two RTOs, and then one more, though it is not the whole second since.
    assert_eq!(send(&mut bench, 2900), (full / 4, full));
    assert_eq!(send(&mut bench, 1000), (full / 8, full / 4));
    assert_eq!(send(&mut bench, 60_000), (4 * 1468, full / 8));
    assert_eq!(send(&mut bench, 1000), (4 * 1468, full / 8), "no smaller");
}

/// a path on which nothing is sent while the other works shrinks step by step, and forgets nothing (7.2.1).
#[test]
fn sctp_x_36_the_other_path_shrinks() {
    let mut bench = Bench::two_paths(|_| {});
    let (_, mut next) = bench.widen(40);
    while bench.endpoint.associations[0].status().waiting > 0 {
        bench.acked(next - 1);
        next += bench.tsns().len() as u32;
    }
    let at = |bench: &Bench| {
        let path =
            bench.endpoint.associations[0].paths.iter().find(|path| path.remote == ip(PEER)).expect("a path");
        (path.cwnd, path.ssthresh)
    };
    let (full, _) = at(&bench);
    assert!(bench.endpoint.set_primary(bench.now, ID, ip(OTHER), &mut bench.wire));
    for seconds in 1..=4 {
        bench.advance(500);
        for _ in 0..2 {
            bench.advance(250);
            bench.send(b"elsewhere").unwrap();
            next += 1;
            bench.acked(next - 1);
        }
        assert_eq!(at(&bench), ((full >> seconds).max(4 * 1468), full));
    }
}

/// R3: T3 begins anew on a path whose earliest chunk has come, though on another an earlier one is missing (6.3.2).
#[test]
fn sctp_r3_each_path_has_an_earliest_chunk() {
    let mut bench = Bench::two_paths(|_| {});
    let tsn = bench.our_tsn;
    bench.send(b"lost on the first path").unwrap();
    assert!(bench.endpoint.set_primary(bench.now, ID, ip(OTHER), &mut bench.wire));
    for _ in 0..2 {
        bench.advance(100);
        bench.send(b"on the second").unwrap();
    }
    assert_eq!(bench.tsns(), [tsn, tsn + 1, tsn + 2]);
    bench.advance(700);
    bench.gaps(tsn - 1, &[(2, 2)]);
    // The round trip was 800 ms: RTO 2,400 ms from now. The first path's T3 has 100 ms left.
    let again = bench.watch(2300);
    let data: Vec<_> = again.iter().filter(|(_, sent)| sent.kinds() == [chunk::DATA]).collect();
    assert_eq!(data.iter().map(|(at, sent)| (*at, sent.chunks[0].u32(0))).next(), Some((100, tsn)));
    assert!(data.iter().all(|(_, sent)| sent.chunks[0].u32(0) == tsn), "{data:?}");
}

/// after T3 there is one packet under way (7.2.3).
#[test]
fn sctp_x_36_one_packet_after_t3() {
    let mut bench = Bench::up();
    for _ in 0..20 {
        bench.endpoint.send(bench.now, ID, 0, 3, &[0; 200]).unwrap();
    }
    bench.flush();
    bench.sent();
    bench.advance(1000);
    bench.expect(&[chunk::DATA; 6]);
}

/// a SACK that is owed does not cost the lost chunk its right to leave at once (7.2.4).
#[test]
fn sctp_x_36_with_a_sack_owed() {
    let mut bench = Bench::up();
    bench.data(WHOLE, THEIR_TSN, 0, b"first");
    let first = bench.widen(20).0;
    bench.gaps(first - 1, &[(2, 2)]);
    bench.gaps(first - 1, &[(2, 3)]);
    bench.sent();
    bench.peer(|w| {
        sack(w, first - 1, 100_000, &[(2, 4)]);
        data(w, WHOLE, THEIR_TSN + 1, 0, 1, b"second");
    });
    assert_eq!(bench.tsns().first(), Some(&first));
}

/// no second fast retransmission of a TSN, not after T3 either (7.2.4).
#[test]
fn sctp_x_36_not_twice() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    bench.send_many(4);
    for end in 2..=4 {
        bench.gaps(tsn.wrapping_sub(1), &[(2, end)]);
    }
    assert_eq!(bench.endpoint.counts.fast_retransmits, 1);
    bench.advance(1000);
    bench.send_many(4);
    bench.sent();
    for end in 5..=8 {
        bench.gaps(tsn.wrapping_sub(1), &[(2, end)]);
    }
    assert!(!bench.tsns().contains(&tsn));
    assert_eq!(bench.endpoint.counts.fast_retransmits, 1);
}

/// DATA that just filled the window is no probe: its first T3 counts (6.1 A, 8.1).
#[test]
fn sctp_x_39_a_full_window_is_no_probe() {
    let mut bench = Bench::configured(Role::Server, |config| config.timers.association_max_retrans = 2);
    bench.init_as(Fixed { window: 1500, ..Fixed::GOOD }, |_| {});
    let answer = bench.one();
    bench.learn(&answer);
    bench.echo(&answer);
    bench.told();
    bench.send(b"heard").unwrap();
    bench.peer(|w| sack(w, first_tsn(&answer), 1500, &[]));
    bench.endpoint.send(bench.now, ID, 0, 3, &[1; 1452]).unwrap();
    bench.send(&[2; 48]).unwrap();
    bench.advance(7000);
    assert_eq!(bench.told(), [down(DownReason::Lost)]);
}

fn first_tsn(answer: &Sent) -> u32 {
    answer.chunks[0].u32(12)
}

/// an SSN that comes twice ends it, or at least holds nothing back (6.5).
#[test]
fn sctp_x_42_ssn_twice() {
    let mut bench = Bench::up();
    bench.data(WHOLE, THEIR_TSN + 1, 1, b"one");
    bench.data(WHOLE, THEIR_TSN + 2, 1, b"the same number");
    bench.data(WHOLE, THEIR_TSN + 3, 2, b"two");
    let got = bench.data(WHOLE, THEIR_TSN, 0, b"zero");
    assert!(bench.state() == State::Closed || got.len() >= 3);
}

/// an ABORT whose causes lie is discarded (3.3.7).
#[test]
fn sctp_x_45_malformed_abort() {
    for value in [&[0, 12, 0, 3][..], &[0, 12, 0, 9, 1, 2, 3, 4], &[0, 12, 0, 0], &[0, 12]] {
        let mut bench = Bench::up();
        bench.say(chunk::ABORT, value);
        bench.silent();
        bench.carries(0);
    }
}

/// CVE-2010-1173, CVE-2014-3688: what goes out is bounded by what comes in: a packet of many chunks that want answers.
#[test]
fn vulnerability_03_answers_to_one_packet() {
    for kind in [chunk::HEARTBEAT, 0xef] {
        let mut bench = Bench::up();
        bench.peer(|w| (0..150).for_each(|_| w.chunk(kind, 0, |w| w.tlv(1, |w| w.u32(1)))));
        let out: Vec<usize> = bench.wire.sent.drain(..).map(|(_, bytes)| bytes.len()).collect();
        assert!(out.len() <= 2 && out.iter().sum::<usize>() <= 2000, "{out:?}");
    }
}

/// CVE-2026-53224: what a cookie says is looked at again, though its MAC is good.
#[test]
fn vulnerability_11_cookie_contents() {
    let cases: [fn(&mut cookie::Cookie); 4] = [
        |cookie| cookie.streams = (0, 0),
        |cookie| cookie.window = 0,
        |cookie| cookie.addresses.add(ip("224.0.0.1")),
        |cookie| cookie.tags.1 = 0,
    ];
    for change in cases {
        let mut bench = Bench::server();
        let answer = bench.init(THEIR_TAG, |_| {});
        let now = bench.now;
        let mut contents = bench.endpoint.baker.open(now, &cookie_of(&answer)).unwrap();
        change(&mut contents);
        let sealed = bench.endpoint.baker.seal(now, &contents).octets().to_vec();
        bench.learn(&answer);
        bench.say(chunk::COOKIE_ECHO, &sealed);
        bench.silent();
        assert_eq!(bench.state(), State::Closed);
    }
}

/// CVE-2026-64551: a stale cookie cause without its measure is none (3.3.10.3).
#[test]
fn vulnerability_12_short_cause() {
    let mut bench = Bench::cookie_echoed();
    bench.error(cause::STALE_COOKIE, &[]);
    bench.silent();
    assert_eq!(bench.state(), State::CookieEchoed);
}

/// CVE-2026-98548: after a stale cookie INIT goes to addresses that are the peer's for sure (5.4).
#[test]
fn vulnerability_13_init_after_stale_cookie() {
    let mut bench = Bench::cookie_wait();
    bench.init_ack(|w| w.address(ip(OTHER)));
    bench.error(cause::STALE_COOKIE, &[0; 4]);
    bench.sent();
    bench.advance(10_000);
    assert!(bench.destinations().iter().all(|&to| to == ip(PEER)));
}
