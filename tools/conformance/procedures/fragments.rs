//! SIP in fragments (RFC 791 3.2, RFC 8200 4.5): what S-CSCFs send that is longer than a link's packet, and our answers.

use super::harness::gateway::{Bench, Options, isolated};
use super::harness::peers::{SCSCF, Ue};
use super::harness::steps::*;
use std::net::SocketAddr;

/// The S-CSCF of the first network at both families.
fn sources() -> [SocketAddr; 2] {
    [SCSCF[0], "[fd11::5]:5060".parse().unwrap()]
}

/// Sends a REGISTER of about `octets` octets in fragments of `most`.
fn registers(bench: &mut Bench, ue: &Ue, source: SocketAddr, octets: usize, most: usize) {
    let mut draft = bench.large_register(ue, 3600, octets);
    draft.source = source;
    assert!(draft.octets().len() >= octets);
    bench.send_in_fragments(&draft, most, |frames| frames.reverse(), &[0, 1]);
    let response = bench.expect_response(&draft);
    assert_eq!(response.status(), 200, "{response:#?}");
    assert_eq!(response.destination, source);
}

/// A third-party REGISTER with the UE's own and more in it arrives, over either family, by whichever queues, and its user
/// sends and gets messages.
#[test]
fn pain_11_a_register_of_four_kilobytes_in_fragments() {
    isolated(Options::default(), |bench| {
        for (number, (source, octets, most)) in sources()
            .into_iter()
            .flat_map(|source| [(source, 4096, 1480), (source, 3515, 1232), (source, 8000, 552)])
            .enumerate()
        {
            let ue = Ue::home1(number as u64);
            registers(bench, &ue, source, octets, most);
            if source.is_ipv4() {
                drop(submitted_as(bench, &ue));
            }
        }
        bench.until_total("link.reassembled", 6);
        bench.until_total("fill.ip_reassemblies", 0);
        bench.assert_silent();
    });
}

/// An answer that is longer than a packet goes in fragments, rather than nowhere.
#[test]
fn a_response_longer_than_the_link_arrives() {
    isolated(Options::default(), |bench| {
        for source in sources() {
            let mut draft = bench.draft(0, "OPTIONS", "sip:ipsmgw.home1.net");
            draft.source = source;
            for hop in 0..20 {
                let via = format!("SIP/2.0/UDP hop{hop}.home1.net;branch=z9hG4bK{}", "a".repeat(90));
                draft = draft.with("Via", via);
            }
            let draft = draft
                .with("From", "<sip:scscf1.home1.net>;tag=o")
                .with("To", "<sip:ipsmgw.home1.net>")
                .with("CSeq", "1 OPTIONS");
            let before = bench.pieces_received;
            bench.send_in_fragments(&draft, 1400, |_| (), &[0, 1]);
            assert_eq!(bench.expect_response(&draft).status(), 200);
            assert_eq!(bench.pieces_received - before, 3);
        }
    });
}

/// Fragments that lie about each other never become a request, and what comes after them does.
#[test]
fn fragments_that_contradict_each_other_are_refused() {
    isolated(Options::default(), |bench| {
        let ue = Ue::home1(0);
        for source in sources() {
            let mut draft = bench.large_register(&ue, 3600, 3515);
            draft.source = source;
            // The second one a second time, with an octet changed.
            let forge = |frames: &mut Vec<Vec<u8>>| {
                let mut forged = frames[1].clone();
                *forged.last_mut().unwrap() ^= 1;
                frames.insert(2, forged);
            };
            bench.send_in_fragments(&draft, 1400, forge, &[0]);
            bench.settle();
            registers(bench, &ue, source, 3515, 1400);
        }
        bench.until_total("link.fragments_overlapping", 2);
        bench.until_total("link.fragments_of_refused", 2);
        bench.assert_silent();
    });
}
