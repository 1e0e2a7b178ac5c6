//! Datagrams that come in fragments by both queues of a gateway of two workers: they meet at one worker, and go on to
//! the one that the request belongs to.

mod harness;

use harness::config::Options;
use harness::memory::Memory;
use harness::peers::{IMS, Peers, SCSCF, Ue, deliver};
use harness::wire;
use std::time::Duration;

fn gateway() -> (Peers, Memory) {
    let memory = Memory::new(Options::DEFAULT);
    let mut peers = Peers::new(Box::new(memory.clone()), 1);
    peers.until("traffic", |peers| peers.ss7.active[0].then_some(()));
    peers.settle();
    (peers, memory)
}

/// The S-CSCF of the first network at both families.
fn sources() -> [std::net::SocketAddr; 2] {
    [SCSCF[0], "[fd11::5]:5060".parse().unwrap()]
}

#[test]
fn fragments_by_both_queues_meet() {
    let (mut peers, memory) = gateway();
    for number in 0..200 {
        let mut draft = peers.large_register(&Ue::home1(number), 3600, 3515);
        draft.source = sources()[number as usize % 2];
        let turn = number as usize / 2;
        peers.send_in_fragments(
            &draft,
            1400,
            |frames| {
                let count = frames.len();
                frames.rotate_left(turn % count);
            },
            &[turn % 2, 1 - turn % 2],
        );
        let response = peers.expect_response(&draft);
        assert_eq!(response.status(), 200, "{response:#?}");
    }
    memory.assert_invariants();
    let total = |name| memory.total(name);
    assert_eq!((total("link.reassembled"), total("link.fragments_of_refused")), (200, 0));
    assert!(total("stack.reassembled_handed_over") > 50, "{}", total("stack.reassembled_handed_over"));
    assert_eq!(total("transmit.parts_handed_off"), total("stack.reassembled_handed_over") * 2);
    assert_eq!(
        (total("stack.parts_lost"), total("transmit.ring_full"), total("fill.ip_reassemblies")),
        (0, 0, 0)
    );
}

/// The other way: a response that copies what fits one datagram and no packet.
#[test]
fn a_long_response_goes_in_fragments() {
    for source in sources() {
        let (mut peers, memory) = gateway();
        for queue in [0, 1] {
            let mut draft = peers.draft(0, "OPTIONS", "sip:ipsmgw.home1.net");
            draft.source = source;
            for hop in 0..20 {
                let via = format!("SIP/2.0/UDP hop{hop}.home1.net;branch=z9hG4bK{}", "a".repeat(90));
                draft = draft.with("Via", via);
            }
            let draft = draft
                .with("From", "<sip:scscf1.home1.net>;tag=o")
                .with("To", "<sip:ipsmgw.home1.net>")
                .with("CSeq", "1 OPTIONS");
            let before = peers.pieces_received;
            peers.send_in_fragments(&draft, 1400, |_| (), &[queue]);
            assert_eq!(peers.expect_response(&draft).status(), 200);
            assert_eq!(peers.pieces_received - before, 3);
        }
        memory.assert_invariants();
    }
}

/// A router tells that its next link is narrow. Only who has seen a request of ours is believed, by all workers, and the
/// request's next try goes in fragments.
#[test]
fn a_proved_too_big_makes_the_next_try_smaller() {
    let (mut peers, memory) = gateway();
    let ue = Ue::home1(0);
    peers.register(&ue);
    // With 140 octets of user data.
    let mut tpdu = deliver();
    (tpdu[10], tpdu[18]) = (4, 140);
    tpdu.resize(19 + 140, 7);
    peers.send_mt(&ue.imsi, &tpdu);
    let message = peers.expect_message();
    assert!(message.raw.len() > 600, "{message:#?}");
    // Another branch than ours.
    let mut forged = message.raw.clone();
    let branch = forged.windows(7).position(|octets| octets == b"z9hG4bK").unwrap();
    forged[branch + 30] ^= 1;
    let told = [&forged, &message.raw]
        .map(|octets| wire::too_big(IMS, 576, message.source, message.destination, octets));
    peers.send_frame(IMS, 1 - message.queue, &told[0]);
    let again = peers.expect_message();
    assert_eq!((again.raw == message.raw, peers.pieces_received), (true, 0), "not believed");
    assert_eq!(memory.total("link.paths_lowered"), 0);
    peers.send_frame(IMS, 1 - message.queue, &told[1]);
    let again = peers.expect_message();
    assert_eq!((again.raw == message.raw, peers.pieces_received), (true, 2));
    assert_eq!(memory.total("link.paths_lowered"), 2, "by both workers");
    peers.answer(&again, "200 OK");
    memory.assert_invariants();
}

/// What strangers leave behind takes room for a time, and is gone after it; a peer that is configured is not in their way.
#[test]
fn a_flood_of_first_fragments_ends() {
    let (mut peers, memory) = gateway();
    for number in 0..1000u16 {
        let mut draft = peers.large_register(&Ue::home1(number.into()), 3600, 3515);
        let [high, low] = number.to_be_bytes();
        draft.source.set_ip([10, 1, 100 + high, low].into());
        peers.send_in_fragments(&draft, 1400, |frames| frames.truncate(1), &[usize::from(low) % 2]);
        peers.step();
    }
    peers.settle();
    assert_eq!(memory.total("fill.ip_reassemblies"), 64, "half of what two workers have");
    assert_eq!(memory.total("link.reassembly_full"), 1000 - 64);
    let draft = peers.large_register(&Ue::home1(0), 3600, 3515);
    peers.send_in_fragments(&draft, 1400, |_| (), &[0, 1]);
    assert_eq!(peers.expect_response(&draft).status(), 200);
    memory.pace(Duration::from_millis(10));
    let end = peers.now() + Duration::from_secs(15);
    peers.until("their time", |peers| (peers.now() > end).then_some(()));
    assert_eq!((memory.total("fill.ip_reassemblies"), memory.total("link.reassembly_late")), (0, 64));
    // ICMP tells no more of them than the limit of all errors allows.
    let errors = memory.total("link.errors_out");
    assert!(errors <= 64, "{errors}");
    memory.assert_invariants();
}
