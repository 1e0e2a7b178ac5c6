//! Several addresses: beyond ETSI, X-01 to X-12; RFC 9260 5.4, 6.4, 8.1 to 8.3, RFC 7829.

use super::script::*;
use super::*;

const THIRD: &str = "10.0.2.2";

/// The value of a HEARTBEAT's information: path and nonce.
fn info(heartbeat: &Sent) -> &[u8] {
    &heartbeat.chunks[0].value[4..]
}

/// addresses that are only listed are asked before any DATA goes there, each time with a fresh nonce (5.4).
#[test]
fn sctp_x_01_path_verification() {
    let mut bench = Bench::server().accept_with(&[ip(OTHER), ip(THIRD)]);
    let seen = bench.watch(10_000);
    assert!(seen.iter().all(|(_, sent)| sent.kinds() == [chunk::HEARTBEAT] && info(sent).len() >= 8));
    for address in [OTHER, THIRD] {
        let asked: Vec<&[u8]> =
            seen.iter().filter(|it| it.1.flow.destination == ip(address)).map(|it| info(&it.1)).collect();
        assert!(asked.len() >= 2 && asked.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(bench.path(address), PathState::Unconfirmed);
    }
    assert_eq!(bench.path(PEER), PathState::Active);
    bench.send(b"to the confirmed one").unwrap();
    bench.advance(20_000);
    let data = bench.sent().into_iter().filter(|sent| sent.kinds() == [chunk::DATA]);
    assert!(data.clone().count() > 3);
    assert!(data.into_iter().all(|sent| sent.flow.destination == ip(PEER)));
}

/// addresses that our user gave are the peer's for sure (5.4 rule 1).
#[test]
fn sctp_x_01_given_addresses() {
    let mut bench = Bench::configured(Role::Client, |config| config.remote.push(ip(OTHER)))
        .connected(|w| [OTHER, THIRD].into_iter().for_each(|text| w.address(ip(text))));
    assert_eq!([PEER, OTHER].map(|text| bench.path(text)), [PathState::Active; 2]);
    assert_eq!(bench.path(THIRD), PathState::Unconfirmed);
    assert!(bench.watch(3000).iter().all(|(_, sent)| sent.flow.destination == ip(THIRD)));
}

/// a wrong nonce, or another address's, confirms nothing, and costs the association nothing (5.4, 8.1).
#[test]
fn sctp_x_02_verification_refused() {
    let mut bench = Bench::server().accept_with(&[ip(OTHER), ip(THIRD)]);
    let seen = bench.watch(3000);
    let first = &seen.iter().find(|it| it.1.flow.destination == ip(OTHER)).unwrap().1;
    let good = first.chunks[0].value.clone();
    for (at, with) in [(good.len() - 1, 1), (7, 1 ^ 2)] {
        let mut forged = good.clone();
        forged[at] ^= with;
        bench.say(chunk::HEARTBEAT_ACK, &forged);
    }
    assert_eq!([OTHER, THIRD].map(|text| bench.path(text)), [PathState::Unconfirmed; 2]);
    bench.advance(600_000);
    assert_eq!([OTHER, THIRD].map(|text| bench.path(text)), [PathState::Inactive; 2]);
    assert_eq!((bench.state(), bench.told()), (State::Established, vec![]));
}

/// an inactive address that was never confirmed is asked at the pace of HEARTBEATs (5.4).
#[test]
fn sctp_x_02_pace() {
    let mut bench = Bench::configured(Role::Server, |config| {
        config.timers.heartbeat = Duration::from_secs(1000);
    })
    .accept_with(&[ip(OTHER)]);
    bench.advance(600_000);
    assert_eq!(bench.path(OTHER), PathState::Inactive);
    bench.sent();
    let asked = bench.watch(2_000_000);
    assert!(asked.iter().filter(|it| it.1.flow.destination == ip(OTHER)).count() <= 3);
}

/// an address of the INIT that nobody answers at disturbs nothing (5.4, 8.2).
#[test]
fn sctp_x_03_dead_address() {
    let mut bench = Bench::server().accept_with(&[ip(OTHER)]);
    for round in 0..20 {
        bench.send(b"on and on").unwrap();
        bench.acked(bench.our_tsn + round);
        bench.advance(10_000);
    }
    assert!(bench.tsns().len() == 20, "none repeated");
    assert_eq!((bench.path(PEER), bench.path(OTHER)), (PathState::Active, PathState::Inactive));
    assert_eq!((bench.told(), bench.endpoint.counts.paths_inactive), (vec![], 1));
}

/// HEARTBEATs of an idle path: RTO + HB.interval, give or take half the RTO, backed off (8.3).
#[test]
fn sctp_x_04_heartbeat_timing() {
    let mut bench = Bench::configured(Role::Server, |config| {
        config.timers.heartbeat = Duration::from_secs(30);
    })
    .accept();
    let gap_to_next = |bench: &mut Bench| {
        let seen = bench.watch(31_500);
        assert_eq!(seen.len(), 1);
        let since = 31_500 - seen[0].0;
        bench.now = bench.now - Duration::from_millis(since);
        bench.answer(&seen[0].1);
        seen[0].0
    };
    let gaps: Vec<u64> = (0..50).map(|_| gap_to_next(&mut bench)).collect();
    assert!(gaps.iter().all(|gap| (30_500..=31_500).contains(gap)), "{gaps:?}");
    let spread: std::collections::BTreeSet<u64> = gaps.iter().map(|gap| gap / 100).collect();
    assert!(spread.len() >= 5, "{gaps:?}");
    // A path that carries DATA needs none.
    for round in 0..20 {
        bench.send(b"busy").unwrap();
        bench.acked(bench.our_tsn + round);
        bench.advance(10_000);
        assert!(bench.sent().iter().all(|sent| sent.kinds() == [chunk::DATA]));
    }
    // Nobody answers: the gaps grow, and with Association.Max.Retrans lost ones it ends (8.1).
    let seen = bench.watch(2_000_000);
    let times: Vec<u64> =
        seen.iter().filter(|it| it.1.kinds() == [chunk::HEARTBEAT]).map(|it| it.0).collect();
    let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(times.len(), 11);
    assert!(gaps[..5].windows(2).all(|pair| pair[0] < pair[1]), "{gaps:?}");
    assert_eq!(bench.told(), [down(DownReason::Lost)]);
}

/// HEARTBEAT is answered from COOKIE-ECHOED on, and not before; our own end with SHUTDOWN (8.3).
#[test]
fn sctp_x_05_heartbeat_scope() {
    let mut bench = Bench::cookie_wait();
    bench.peer(|w| w.chunk(chunk::HEARTBEAT, 0, |w| w.tlv(1, |w| w.u32(1))));
    bench.silent();
    for mut bench in
        [Bench::cookie_echoed(), Bench::up(), Bench::shutdown_pending(), Bench::shutdown_received()]
    {
        bench.intact();
    }
    let mut bench = Bench::configured(Role::Server, |config| {
        config.timers.heartbeat = Duration::from_secs(1);
    })
    .accept();
    bench.shutdown();
    assert!(bench.watch(100_000).iter().all(|(_, sent)| sent.kinds() == [chunk::SHUTDOWN]));
}

/// Two paths, the first of which has failed after three errors; three messages were delivered over the second.
fn failed_over(change: impl FnOnce(&mut AssociationConfig)) -> Bench {
    let mut bench = Bench::two_paths(|config| {
        config.timers.path_max_retrans = 2;
        change(config);
    });
    for round in 0..3u32 {
        assert_eq!(bench.path(PEER), PathState::Active);
        bench.send(b"under way").unwrap();
        assert_eq!(bench.destinations(), [ip(PEER)]);
        let again = bench.after(1000 << round, &[chunk::DATA]);
        assert_eq!(again.flow.destination, ip(OTHER));
        assert_eq!(
            again.chunks[0].value[..8],
            [&(bench.our_tsn + round).to_be_bytes()[..], &[0, 0, 0, round as u8]].concat()
        );
        bench.acked(bench.our_tsn + round);
    }
    assert_eq!((bench.path(PEER), bench.path(OTHER)), (PathState::Inactive, PathState::Active));
    bench
}

/// the primary path fails: repeats go elsewhere, and past Path.Max.Retrans new DATA too (6.4.1, 8.2).
#[test]
fn sctp_x_06_failover() {
    let mut bench = failed_over(|_| {});
    assert_eq!((bench.endpoint.counts.paths_inactive, bench.told()), (1, vec![]));
    bench.send(b"new").unwrap();
    let new = bench.expect(&[chunk::DATA]);
    assert_eq!((new.flow.destination, new.chunks[0].u32(0)), (ip(OTHER), bench.our_tsn + 3));
    assert_eq!(new.chunks[0].u16(6), 3, "the next SSN");
    bench.acked(bench.our_tsn + 3);
    bench.advance(20_000);
    assert!(bench.tsns().is_empty());
}

/// The HEARTBEAT to the failed primary is answered.
fn comes_back(bench: &mut Bench) {
    let heartbeat = loop {
        bench.advance(1000);
        let to_primary = bench.sent().into_iter().find(|sent| sent.flow.destination == ip(PEER));
        if let Some(heartbeat) = to_primary {
            break heartbeat;
        }
    };
    bench.answer(&heartbeat);
    assert_eq!(bench.path(PEER), PathState::Active);
    bench.sent();
}

/// the primary answers a HEARTBEAT again: new DATA returns, in slow start (8.3, 7.2.1).
#[test]
fn sctp_x_07_failback() {
    let mut bench = failed_over(|config| config.timers.heartbeat = Duration::from_secs(30));
    comes_back(&mut bench);
    for _ in 0..10 {
        bench.endpoint.send(bench.now, ID, 0, 3, &[5; 1452]).unwrap();
    }
    bench.flush();
    assert_eq!(bench.destinations(), [ip(PEER)], "one packet");
}

/// once the errors had passed Primary.Switchover.Max.Retrans it stays away (RFC 7829 5).
#[test]
fn sctp_x_07_switchover() {
    let mut bench = failed_over(|config| {
        config.timers.heartbeat = Duration::from_secs(30);
        config.timers.primary_switchover_max_retrans = 2;
    });
    comes_back(&mut bench);
    bench.send(b"new").unwrap();
    assert_eq!(bench.destinations(), [ip(OTHER)]);
}

/// the first error makes a path potentially failed: new DATA avoids it, it is asked, and answers (RFC 7829 3.2).
#[test]
fn sctp_x_08_potentially_failed() {
    let mut bench = Bench::two_paths(|config| config.timers.potentially_failed_max_retrans = 0);
    bench.send(b"lost").unwrap();
    bench.sent();
    bench.advance(1000);
    assert_eq!(bench.path(PEER), PathState::PotentiallyFailed);
    assert_eq!(bench.endpoint.counts.paths_potentially_failed, 1);
    let sent = bench.sent();
    let kind_and_way: Vec<(u8, IpAddr)> =
        sent.iter().map(|sent| (sent.kinds()[0], sent.flow.destination)).collect();
    assert!(kind_and_way.contains(&(chunk::DATA, ip(OTHER))));
    bench.acked(bench.our_tsn);
    bench.send(b"new").unwrap();
    assert_eq!(bench.expect(&[chunk::DATA]).flow.destination, ip(OTHER));
    bench.acked(bench.our_tsn + 1);
    let heartbeat = sent.into_iter().find(|sent| sent.kinds() == [chunk::HEARTBEAT]);
    let heartbeat = heartbeat.unwrap_or_else(|| bench.watch(3000).remove(0).1);
    assert_eq!(heartbeat.flow.destination, ip(PEER), "though HB.interval is off");
    bench.answer(&heartbeat);
    assert_eq!(bench.path(PEER), PathState::Active);
    bench.send(b"back").unwrap();
    assert_eq!(bench.destinations(), [ip(PEER)]);
}

/// a potentially failed path becomes inactive; where none answers, the one with the fewest errors is used (RFC 7829 3.2).
#[test]
fn sctp_x_08_all_potentially_failed() {
    let mut bench = Bench::two_paths(|config| {
        config.timers.potentially_failed_max_retrans = 0;
        config.timers.association_max_retrans = 30;
    });
    bench.send(b"lost").unwrap();
    bench.advance(1000);
    bench.sent();
    // The second path gets its first error while the first has more from its HEARTBEATs.
    bench.advance(1000);
    assert_eq!([PEER, OTHER].map(|text| bench.path(text)), [PathState::PotentiallyFailed; 2]);
    bench.sent();
    bench.watch(200_000);
    assert_eq!([PEER, OTHER].map(|text| bench.path(text)), [PathState::Inactive; 2]);
    assert_eq!(bench.state(), State::Established);
}

/// our user changes the primary path under load: old timers run on, new DATA goes the new way (6.4, 11.1.6).
#[test]
fn sctp_x_09_primary_change() {
    let mut bench = Bench::two_paths(|_| {});
    let set =
        |bench: &mut Bench, to: &str| bench.endpoint.set_primary(bench.now, ID, ip(to), &mut bench.wire);
    let tsn = bench.our_tsn;
    bench.send(b"old way").unwrap();
    bench.advance(500);
    assert!(set(&mut bench, OTHER));
    bench.send(b"new way").unwrap();
    assert_eq!(bench.destinations(), [ip(PEER), ip(OTHER)]);
    bench.source = ip(OTHER);
    bench.gaps(tsn.wrapping_sub(1), &[(2, 2)]);
    let again = bench.after(500, &[chunk::DATA]);
    assert_eq!((again.chunks[0].u32(0), again.flow.destination), (tsn, ip(OTHER)));
    bench.acked(tsn + 1);
    assert!(!set(&mut bench, "10.9.9.9"));
    bench.send(b"still the new way").unwrap();
    assert_eq!(bench.destinations(), [ip(OTHER)]);
}

/// an address that is not confirmed gets no DATA before it answers (5.4).
#[test]
fn sctp_x_09_unconfirmed_primary() {
    let mut bench = Bench::server().accept_with(&[ip(OTHER)]);
    bench.endpoint.set_primary(bench.now, ID, ip(OTHER), &mut bench.wire);
    bench.send(b"not there yet").unwrap();
    assert_eq!(bench.sent().pop().unwrap().flow.destination, ip(PEER));
    bench.acked(bench.our_tsn);
    bench.confirm(1);
    bench.send(b"now").unwrap();
    assert_eq!(bench.destinations(), [ip(OTHER)]);
}

/// DATA over two paths, reordered and repeated: once each, in order, and SACK goes to the last source (6.4, 6.7).
#[test]
fn sctp_x_10_paths_cross() {
    let mut bench = Bench::two_paths(|_| {});
    let mut got = Vec::new();
    for (source, number) in [(OTHER, 1), (PEER, 2), (OTHER, 1), (PEER, 0), (OTHER, 2), (OTHER, 4), (PEER, 3)]
    {
        bench.source = ip(source);
        got.extend(bench.data(WHOLE, THEIR_TSN + number, number as u16, &[number as u8]));
        bench.advance(200);
        assert_eq!(bench.sent().pop().unwrap().flow.destination, ip(source));
    }
    assert_eq!(payloads(&got), [[0], [1], [2], [3], [4]]);
}

/// HEARTBEATs that an idle path does not answer count for that path alone (8.1).
#[test]
fn sctp_x_11_counter_split() {
    let mut bench = Bench::two_paths(|config| config.timers.heartbeat = Duration::from_secs(1));
    for _ in 0..3000 {
        bench.advance(500);
        for heartbeat in bench.sent().iter().filter(|sent| sent.flow.destination == ip(PEER)) {
            bench.answer(heartbeat);
        }
    }
    assert_eq!((bench.path(PEER), bench.path(OTHER)), (PathState::Active, PathState::Inactive));
    assert_eq!((bench.state(), bench.told()), (State::Established, vec![]));
}

/// every path silent, and back before Association.Max.Retrans: nothing is lost; past it all is told (8.1).
#[test]
fn sctp_x_12_all_paths_down_and_up() {
    let mut bench = Bench::two_paths(|config| config.timers.path_max_retrans = 2);
    let tsn = bench.our_tsn;
    bench.send_many(3);
    assert_eq!(bench.watch(40_000).len(), 9);
    bench.acked(tsn + 2);
    for _ in 0..10 {
        bench.endpoint.send(bench.now, ID, 0, 3, &[0; 1452]).unwrap();
    }
    bench.flush();
    assert_eq!(bench.tsns()[0], tsn + 3);
    bench.advance(1_000_000);
    assert_eq!(bench.told(), [down(DownReason::Lost)]);
    assert_eq!(bench.endpoint.counts.data_lost, 10);
    // One had left, as after every T3: the user can tell what the peer may have from the others.
    let left = bench.left();
    assert_eq!(left.len(), 10);
    assert_eq!(left.iter().filter(|(sent, _)| *sent).count(), 1);
    assert!(left.iter().all(|(_, payload)| payload[..] == [0; 1452]));
}

/// what is left of an association that ends: messages in fragments too, but none of which a part is acknowledged; and
/// only until the next association sends.
#[test]
fn sctp_x_12_what_is_left() {
    let mut bench = Bench::up();
    let tsn = bench.our_tsn;
    assert_eq!(bench.left(), []);
    bench.send(&[1; 3000]).unwrap();
    bench.acked(tsn);
    bench.endpoint.send_unordered(bench.now, ID, 3, 7, &[2; 2000]).unwrap();
    bench.flush();
    bench.endpoint.send(bench.now, ID, 0, 3, b"never left").unwrap();
    bench.endpoint.abort(bench.now, ID, b"", &mut bench.wire);
    assert_eq!(bench.told(), [down(DownReason::Local)]);
    let left = [(true, vec![2; 2000]), (false, b"never left".to_vec())];
    assert_eq!(bench.left(), left);
    let mut labels = vec![];
    bench.endpoint.left(ID, &mut |left| labels.push((left.stream, left.ppid)));
    assert_eq!(labels, [(3, 7), (0, 3)]);
    // A peer that begins anew: the same.
    bench.endpoint.connect(bench.now, ID, &mut bench.wire);
    bench.sent();
    bench = bench.accept();
    assert_eq!(bench.left(), left);
    bench.send(b"of another association").unwrap();
    assert_eq!(bench.left(), []);
}

/// HEARTBEAT ACK that names a path that is not there, with the nonce of one that is, is no answer (8.3, 5.4).
#[test]
fn a_heartbeats_answer_for_no_path() {
    let mut bench = Bench::server().accept_with(&[ip(OTHER), ip("10.0.2.2"), ip("10.0.3.2")]);
    let last = loop {
        bench.advance(500);
        let sent = bench.sent();
        if let Some(last) = sent.into_iter().find(|sent| sent.flow.destination == ip("10.0.3.2")) {
            break last;
        }
    };
    let mut value = last.chunks[0].value.clone();
    assert_eq!(value[4..8], [0, 0, 0, 3]);
    for (place, state) in [(4, PathState::Unconfirmed), (3, PathState::Active)] {
        value[7] = place;
        bench.say(chunk::HEARTBEAT_ACK, &value);
        assert_eq!(bench.path("10.0.3.2"), state);
    }
}

/// Whether a potentially failed path is there again is asked once each RTO give or take a half, not as soon as the last
/// HEARTBEAT is lost (RFC 7829 3.2).
#[test]
fn potentially_failed_paths_are_asked_by_chance() {
    let mut late = 0;
    for round in 0..20 {
        let mut bench = Bench::two_paths(|config| config.timers.potentially_failed_max_retrans = 0);
        for _ in 0..round {
            bench.endpoint.random.next();
        }
        bench.send(b"lost").unwrap();
        bench.advance(1000);
        bench.acked(bench.our_tsn);
        bench.sent();
        let at = moments(&bench.watch(40_000));
        // The RTO is 2, 4, 8 s: each HEARTBEAT counts as lost after one, and the next one is drawn from twice that.
        late += at.windows(2).filter(|pair| ![4000, 8000, 16_000].contains(&(pair[1] - pair[0]))).count();
    }
    assert!(late >= 20, "{late}");
}
