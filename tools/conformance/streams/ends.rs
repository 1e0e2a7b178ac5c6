//! What ends a connection and what does not, and what still gets out before it does.

use super::harness::peers::{Ue, deliver};
use super::harness::sip::Sip;
use super::pass;
use super::world::{BY_TCP, Settings, World};
use std::net::TcpListener;
use std::time::Duration;

/// The pong and the answer to the request before are on their way when it shows that nobody knows where the next one begins.
#[test]
fn the_answer_that_ends_a_stream_comes_behind_all_others() {
    let mut world = World::new(Settings::default());
    for _ in 0..20 {
        let mut peer = world.connect("127.0.0.9");
        let (sound, endless) = (world.options(), world.options());
        let text = String::from_utf8(peer.spell(&endless)).unwrap().replace("Content-Length: 0\r\n", "");
        peer.send(&[&b"\r\n\r\n"[..], &peer.spell(&sound), text.as_bytes()].concat());
        world.until_closed(&mut peer);
        assert_eq!(peer.pongs(), 1);
        for (draft, status) in [(&sound, 200), (&endless, 400)] {
            let answer = peer.take(|sip| sip.branch() == draft.branch).expect("an answer");
            assert_eq!(answer.status(), status, "{answer:#?}");
        }
    }
    assert_eq!(world.count("closed_unframed"), 20);
    // What is no SIP, or has no answer, is not waited for; an answer that comes by the control thread is.
    let mut scscf = world.connect(BY_TCP);
    for garbage in [&b"\x16\x03\x01"[..], b"SIP/2.0 200 OK\r\n\r\n", b"x\r\n\r\n"] {
        let register = world.peers.full_register(&Ue::home1(3), 3600);
        let branch = register.branch.clone();
        scscf.send(&[&scscf.spell(&register), garbage].concat());
        world.until_closed(&mut scscf);
        let answer = scscf.take(|sip| sip.branch() == branch).expect("an answer");
        assert_eq!(answer.status(), 200, "{answer:#?}");
        scscf = world.connect(BY_TCP);
    }
}

/// An answer repeats all hops of its request: more than a frame has room for.
#[test]
fn an_answer_longer_than_a_frame_comes_by_its_stream() {
    let mut world = World::new(Settings::default());
    let mut peer = world.connect("127.0.0.9");
    for hops in [30, 60, 45] {
        let mut draft = world.options();
        for hop in 0..hops {
            draft =
                draft.with("Via", format!("SIP/2.0/TCP hop{hop}.home1.net;branch=z9hG4bK{}", "a".repeat(60)));
        }
        let answer = world.transact(&mut peer, draft);
        assert_eq!((answer.status(), answer.all("Via").len()), (200, hops + 1));
        assert!(answer.raw.len() > 2048, "{}", answer.raw.len());
    }
    assert_eq!(world.sum(|worker| worker.stack().ims().transaction_counts().1.unwritable), 0);
}

/// What workers send in one turn is more than may wait for a peer that reads: it is written in shares.
#[test]
fn a_burst_makes_no_peer_slow() {
    const USERS: u64 = 60;
    let mut world = World::new(Settings { write_buffer: 8192, ..Settings::default() });
    let mut scscf = world.connect(BY_TCP);
    let listener = world.listen(BY_TCP);
    for number in 0..=USERS {
        let register = world.peers.full_register(&Ue::home1(number), 3600);
        assert_eq!(world.transact(&mut scscf, register).status(), 200);
    }
    // The connection is open before the burst.
    world.peers.send_mt(&Ue::home1(USERS).imsi, &deliver());
    let mut towards = world.accept(&listener);
    let first = world.expect(&mut towards, "a MESSAGE", Sip::is_request);
    towards.send(&first.response("200 OK", ""));
    for number in 0..USERS {
        world.peers.send_mt(&Ue::home1(number).imsi, &deliver());
    }
    let mut octets = 0;
    for _ in 0..USERS {
        let message = world.expect(&mut towards, "a MESSAGE", Sip::is_request);
        octets += message.raw.len();
        towards.send(&message.response("200 OK", ""));
    }
    assert!(octets > 3 * 8192, "{octets}");
    assert_eq!(world.count("closed_slow_reader"), 0);
}

/// A stranger has gone before his answer: nobody connects to where his Via says that he is. To a host of the core, an S-CSCF or
/// another that is trusted, the answer opens a connection (RFC 3261 18.2.2).
#[test]
fn no_connection_to_a_stranger_for_a_late_answer() {
    const TRUSTED: &str = "127.0.0.4";
    let mut world = World::new(Settings { trusted: "[\"127.0.0.4\"]", ..Settings::default() });
    // What has been opened stays open: its end would be counted too.
    let (mut opened, mut kept) = (0, vec![]);
    for (before, (from, opens)) in (0..).zip([("127.0.0.9", false), (TRUSTED, true), (BY_TCP, true)]) {
        let mut peer = world.connect(from);
        let draft = world.options();
        let octets = peer.spell(&draft);
        peer.send(&octets);
        let address = peer.address;
        drop(peer);
        // Workers take no turn meanwhile.
        while world.published("closed_by_peer") != 1 + before {
            std::thread::yield_now();
        }
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        world.until("the answer's end", |world| {
            (world.count("flow_gone") + world.count("opened") == 1 + before).then_some(())
        });
        opened += u64::from(opens);
        pass(&mut world.peers, Duration::from_millis(100));
        assert_eq!(world.count("opened"), opened, "{from}");
        let accepted = listener.accept();
        assert_eq!(accepted.is_ok(), opens, "{from}");
        kept.push((listener, accepted));
    }
}
