//! Several paths: verification (RFC 9260 5.4), failure and return (8.2, RFC 7829), ICMP (10), MTU (7.3).

use super::*;

const THIRD: &str = "10.0.2.2";

/// An association with a peer that has a second address, proved; HEARTBEATs every 30 s.
fn dual(change: impl FnOnce(&mut Timers)) -> Bench {
    let mut config = config(Role::Server);
    config.timers.heartbeat = Duration::from_secs(30);
    config.timers.potentially_failed_max_retrans = 0;
    change(&mut config.timers);
    let mut bench = Bench::new(config);
    let answer = bench.init(THEIR_TAG, |w| w.address(ip(OTHER)));
    bench.learn(&answer);
    bench.echo(&answer);
    bench.advance(1);
    for sent in bench.sent() {
        answer_heartbeat(&mut bench, &sent);
    }
    let changes = bench.events();
    assert_eq!(changes[0], Change::Up { streams: 17 });
    assert_eq!(changes[1..], [path(OTHER, PathState::Active)]);
    bench
}

fn path(remote: &str, state: PathState) -> Change {
    Change::Path { remote: ip(remote), state }
}

/// Answers the HEARTBEATs of a packet from the address that they went to.
fn answer_heartbeat(bench: &mut Bench, sent: &Sent) {
    let source = std::mem::replace(&mut bench.source, sent.flow.destination);
    for chunk in sent.chunks.iter().filter(|chunk| chunk.kind == chunk::HEARTBEAT) {
        bench.peer(|w| w.chunk(chunk::HEARTBEAT_ACK, 0, |w| w.bytes(&chunk.value)));
    }
    bench.source = source;
}

fn to(sent: &[Sent], kind: u8) -> Vec<IpAddr> {
    let with = sent.iter().filter(|packet| packet.kinds().contains(&kind));
    with.map(|packet| packet.flow.destination).collect()
}

/// One error is enough with PFMR 0: DATA and its repetition take the other path, and the first one is asked each RTO; it is
/// back with its first answer, and starts slowly.
#[test]
fn sctp_x_08_a_path_that_failed_potentially() {
    let mut bench = dual(|_| {});
    bench.send(b"lost").unwrap();
    assert_eq!(to(&bench.sent(), chunk::DATA), [ip(PEER)]);
    bench.advance(1000);
    let sent = bench.sent();
    assert_eq!(to(&sent, chunk::DATA), [ip(OTHER)]);
    assert_eq!(to(&sent, chunk::HEARTBEAT), [ip(PEER)], "at once, whatever HB.interval");
    assert_eq!(bench.events(), [path(PEER, PathState::PotentiallyFailed)]);
    bench.send(b"new").unwrap();
    assert_eq!(to(&bench.sent(), chunk::DATA), [ip(OTHER)]);
    bench.peer(|w| sack(w, bench_tsn(&sent) + 1, 100_000, &[]));
    // Unanswered, it is asked again within an RTO and a half of each loss, and at last it is inactive.
    let mut asked = 0;
    while bench.events() != [path(PEER, PathState::Inactive)] {
        bench.advance(1000);
        let sent = bench.sent();
        asked += to(&sent, chunk::HEARTBEAT).iter().filter(|to| **to == ip(PEER)).count();
        assert!(to(&sent, chunk::DATA).iter().all(|to| *to == ip(OTHER)));
        for sent in sent.iter().filter(|sent| sent.flow.destination == ip(OTHER)) {
            answer_heartbeat(&mut bench, sent);
            if let Some(data) = sent.chunks.iter().find(|chunk| chunk.kind == chunk::DATA) {
                let tsn = data.u32(0);
                bench.peer(|w| sack(w, tsn, 100_000, &[]));
            }
        }
        assert!(asked < 20, "it never fails");
    }
    assert_eq!(bench.state(), State::Established, "errors of that path are not the association's");
    // it answers, and is primary again.
    let back = loop {
        bench.advance(1000);
        let sent = bench.sent();
        if let Some(at) = sent.iter().position(|sent| sent.flow.destination == ip(PEER)) {
            break sent[at].clone();
        }
        sent.iter().for_each(|sent| answer_heartbeat(&mut bench, sent));
    };
    bench.events();
    answer_heartbeat(&mut bench, &back);
    assert_eq!(bench.events(), [path(PEER, PathState::Active)]);
    bench.send(b"as before").unwrap();
    assert_eq!(to(&bench.sent(), chunk::DATA), [ip(PEER)]);
}

fn bench_tsn(sent: &[Sent]) -> u32 {
    let data = sent.iter().flat_map(|sent| &sent.chunks).find(|chunk| chunk.kind == chunk::DATA);
    data.unwrap().u32(0)
}

/// With PSMR the other path stays the primary one (RFC 7829 5).
#[test]
fn sctp_x_07_a_switchover_that_stays() {
    let mut bench = dual(|timers| timers.primary_switchover_max_retrans = 0);
    bench.send(b"lost").unwrap();
    bench.sent();
    bench.advance(1000);
    let sent = bench.sent();
    assert_eq!(to(&sent, chunk::DATA), [ip(OTHER)]);
    bench.peer(|w| sack(w, bench_tsn(&sent), 100_000, &[]));
    let heartbeat = sent.iter().find(|sent| sent.flow.destination == ip(PEER)).unwrap().clone();
    answer_heartbeat(&mut bench, &heartbeat);
    bench.send(b"stays").unwrap();
    assert_eq!(to(&bench.sent(), chunk::DATA), [ip(OTHER)]);
}

/// All paths have failed potentially: the one with the fewest errors is used.
#[test]
fn sctp_x_08_all_have_failed_potentially() {
    let mut bench = dual(|_| {});
    bench.send(b"lost").unwrap();
    bench.sent();
    let mut destinations = vec![];
    for _ in 0..20 {
        bench.advance(500);
        destinations.extend(to(&bench.sent(), chunk::DATA));
    }
    assert!(destinations.windows(2).any(|pair| pair[0] != pair[1]), "{destinations:?}");
    assert!(bench.state() == State::Established);
}

/// Set Primary: another address of the peer, an unknown one, and one that nobody has proved (11.1.6).
#[test]
fn sctp_x_09_set_primary() {
    let mut bench = dual(|_| {});
    bench.send(b"to the first").unwrap();
    let first = bench.one();
    let now = bench.now;
    assert!(!bench.endpoint.set_primary(now, ID, ip(THIRD), &mut bench.wire));
    assert!(bench.endpoint.set_primary(now, ID, ip(OTHER), &mut bench.wire));
    bench.send(b"to the second").unwrap();
    assert_eq!(to(&bench.sent(), chunk::DATA), [ip(OTHER)]);
    // Both are acknowledged from either address, and nothing is sent again.
    let tsn = first.chunks[0].u32(0);
    bench.source = ip(OTHER);
    bench.peer(|w| sack(w, tsn + 1, 100_000, &[]));
    bench.advance(5_000);
    assert!(to(&bench.sent(), chunk::DATA).is_empty());

    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |w| w.address(ip(OTHER)));
    bench.learn(&answer);
    bench.echo(&answer);
    bench.sent();
    assert!(bench.endpoint.set_primary(bench.now, ID, ip(OTHER), &mut bench.wire));
    bench.send(b"not yet").unwrap();
    assert_eq!(to(&bench.sent(), chunk::DATA), [ip(PEER)]);
}

/// Unproved addresses are asked one each RTO, and nothing else goes there (5.4).
#[test]
fn sctp_x_01_one_heartbeat_each_rto() {
    let mut bench = Bench::server();
    let answer = bench.init(THEIR_TAG, |w| {
        w.address(ip(OTHER));
        w.address(ip(THIRD));
    });
    bench.learn(&answer);
    bench.echo(&answer);
    bench.sent();
    bench.advance(1);
    assert_eq!(to(&bench.sent(), chunk::HEARTBEAT), [ip(OTHER)]);
    bench.advance(998);
    bench.silent();
    bench.advance(1);
    assert_eq!(to(&bench.sent(), chunk::HEARTBEAT), [ip(THIRD)]);
    // DATA from an unproved address: its SACK goes to a proved one.
    bench.source = ip(OTHER);
    let tsn = bench.tsn;
    bench.peer(|w| data(w, WHOLE, tsn, 0, 0, b"from elsewhere"));
    assert_eq!(to(&bench.sent(), chunk::SACK), [ip(PEER)]);
}

/// HEARTBEATs that an idle path does not answer are not the association's errors. And an answer that comes after the
/// RTO still counts (8.3).
#[test]
fn sctp_x_11_idle_paths_and_late_answers() {
    let mut bench = dual(|timers| timers.association_max_retrans = 2);
    let mut asked = vec![];
    for _ in 0..600 {
        bench.advance(1000);
        let sent = bench.sent();
        for sent in &sent {
            match sent.flow.destination == ip(PEER) {
                true => answer_heartbeat(&mut bench, sent),
                false => asked.push(sent.clone()),
            }
        }
    }
    assert_eq!(bench.state(), State::Established);
    assert_eq!(bench.events().last(), Some(&path(OTHER, PathState::Inactive)));
    let last = asked.pop().unwrap();
    answer_heartbeat(&mut bench, &last);
    assert_eq!(bench.events(), [path(OTHER, PathState::Active)]);
}

fn icmp(bench: &mut Bench, to: &str, tag: u32, rest: &[u8], what: Unreachable) {
    let quoted = [&[0x0b, 0x59, 0x0b, 0x59][..], &tag.to_be_bytes(), rest].concat();
    let now = bench.now;
    bench.endpoint.unreachable(now, ip(OURS), ip(to), &quoted, what, &mut bench.wire);
    bench.endpoint.assert_invariants();
}

/// Section 10: only who quotes a right tag is believed.
#[test]
fn sctp_x_44_icmp() {
    let mut bench = dual(|_| {});
    let theirs = bench.theirs;
    for what in [Unreachable::Host, Unreachable::Protocol, Unreachable::TooBig(600)] {
        icmp(&mut bench, PEER, theirs ^ 1, &[], what);
        icmp(&mut bench, PEER, 0, &[], what);
        icmp(&mut bench, THIRD, theirs, &[], what);
    }
    assert_eq!((bench.endpoint.counts.icmp_in, bench.endpoint.counts.icmp_unproved), (9, 9));
    assert_eq!((bench.state(), bench.events()), (State::Established, vec![]));
    icmp(&mut bench, PEER, theirs, &[], Unreachable::Host);
    assert_eq!(bench.events(), [path(PEER, PathState::PotentiallyFailed)]);
    icmp(&mut bench, PEER, theirs, &[], Unreachable::Protocol);
    assert_eq!(bench.events(), [Change::Down { reason: DownReason::Aborted { cause: 0 } }]);

    // A quoted INIT has no tag, but its Initiate Tag is ours.
    let mut bench = Bench::client();
    let init = bench.one();
    bench.learn(&init);
    let quote = |tag: u32| [&[0; 4][..], &[1, 0, 0, 20], &tag.to_be_bytes()].concat();
    let ours = bench.ours;
    icmp(&mut bench, PEER, 0, &quote(ours ^ 1), Unreachable::Protocol);
    icmp(&mut bench, PEER, 0, &[0, 0, 0, 0, 3, 0, 0, 20, 0, 0, 0, 0], Unreachable::Protocol);
    assert_eq!(bench.state(), State::CookieWait);
    icmp(&mut bench, PEER, 0, &quote(ours), Unreachable::Protocol);
    assert_eq!(bench.events(), [Change::Down { reason: DownReason::Refused { cause: 0 } }]);
}

/// ICMP errors that say unreachable count one error, and no more while the path has not answered since; about an INIT they
/// count none, whoever quotes it (10, ICMP9).
#[test]
fn sctp_x_44_unreachable_once() {
    let mut bench = dual(|_| {});
    let theirs = bench.theirs;
    for _ in 0..10 {
        icmp(&mut bench, PEER, theirs, &[], Unreachable::Host);
    }
    let path = bench.endpoint.paths(ID).next().expect("a path");
    assert_eq!((path.state, path.errors), (PathState::PotentiallyFailed, 1));
    let mut bench = Bench::client();
    let init = bench.one();
    let quote = [&[0; 4][..], &[1, 0, 0, 20], &init.chunks[0].value[..4]].concat();
    icmp(&mut bench, PEER, 0, &quote, Unreachable::Host);
    assert_eq!(bench.endpoint.counts.icmp_unproved, 0);
    assert_eq!(bench.endpoint.paths(ID).map(|path| path.errors).collect::<Vec<_>>(), [0]);
}

/// A lower MTU cuts new messages smaller on all paths; what was cut before may be fragmented by IP.
#[test]
fn sctp_x_43_a_path_with_a_lower_mtu() {
    let mut bench = dual(|_| {});
    bench.send(&[7; 1400]).unwrap();
    let before = bench.one();
    assert_eq!(before.flow.transport, crate::base::Transport::Sctp);
    let theirs = bench.theirs;
    icmp(&mut bench, PEER, theirs, &[], Unreachable::TooBig(1000));
    assert_eq!(bench.endpoint.counts.mtu_lowered, 1);
    for octets in [1200, 1000] {
        icmp(&mut bench, PEER, theirs, &[], Unreachable::TooBig(octets));
        assert_eq!(bench.endpoint.counts.mtu_lowered, 1, "never higher, and once");
    }
    bench.endpoint.set_primary(bench.now, ID, ip(OTHER), &mut bench.wire);
    bench.send(&[8; 1400]).unwrap();
    let pieces: Vec<usize> =
        bench.sent().iter().flat_map(|sent| &sent.chunks).map(|chunk| chunk.value.len() - 12).collect();
    assert_eq!(pieces.iter().sum::<usize>(), 1400);
    assert!(pieces.len() == 2 && pieces.iter().all(|&piece| piece + 16 + 12 + 20 <= 1000), "{pieces:?}");
    // The first message, again: it fits the other path, and then goes alone over the narrow one.
    let mut wide = None;
    while wide.is_none() {
        bench.advance(500);
        let whole = |sent: &Sent| sent.chunks.iter().any(|chunk| chunk.value.len() == 1412);
        wide = bench.sent().into_iter().find(|sent| sent.flow.destination == ip(PEER) && whole(sent));
    }
    let wide = wide.expect("again on the narrow path");
    assert_eq!(wide.flow.transport, crate::base::Transport::SctpInFragments);
    assert_eq!(wide.kinds(), [chunk::DATA], "alone");
}

/// A peer that answers from its second address does not cross the pairs of the configuration.
#[test]
fn pairs_stay_pairs_whatever_address_answers() {
    const OURS_TOO: &str = "10.0.1.1";
    let mut config = config(Role::Client);
    config.local.push(ip(OURS_TOO));
    config.remote.push(ip(OTHER));
    let mut bench = Bench::new(config);
    bench.endpoint.connect(bench.now, ID, &mut bench.wire);
    let init = bench.one();
    bench.learn(&init);
    bench.source = ip(OTHER);
    bench.init_ack(|w| {
        w.address(ip(PEER));
        w.address(ip(OTHER));
    });
    bench.sent();
    bench.peer(|w| w.chunk(chunk::COOKIE_ACK, 0, |_| {}));
    bench.send(b"over the first pair").unwrap();
    let pair = |sent: &Sent| (sent.flow.source, sent.flow.destination);
    assert_eq!(pair(&bench.one()), (ip(OURS), ip(PEER)));
    bench.endpoint.set_primary(bench.now, ID, ip(OTHER), &mut bench.wire);
    bench.send(b"over the second").unwrap();
    assert_eq!(pair(&bench.one()), (ip(OURS_TOO), ip(OTHER)));
}

/// An INIT ACK with the right tag, at an address of this host that is not the association's: it is nobody's (8.4), and no path
/// begins there.
#[test]
fn an_init_ack_to_an_address_that_is_not_ours() {
    let mut bench = Bench::cookie_wait();
    bench.destination = ip(THIRD);
    bench.init_ack(|_| {});
    assert!(bench.sent().iter().all(|sent| sent.kinds() != [chunk::COOKIE_ECHO]));
    assert_eq!(bench.state(), State::CookieWait);
    bench.destination = ip(OURS);
    bench.init_ack(|_| {});
    bench.expect(&[chunk::COOKIE_ECHO]);
}
