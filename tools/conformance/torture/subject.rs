//! A gateway under torture: in memory, or the real one; what has come back when it is at rest.

use super::harness::config::Options;
use super::harness::memory::Memory;
use super::harness::peers::{Peers, SCSCF, Ue, deliver};
use super::harness::sip::Sip;
use super::harness::steps::{delivered, submitted_as};
use ipsmgw::base::Layer;
use ipsmgw::proto::sip::WHY;
use std::net::SocketAddr;
use std::time::Duration;

pub(crate) trait Subject {
    fn peers(&mut self) -> &mut Peers;

    /// The sum over the workers of a number.
    fn total(&mut self, name: &str) -> u64;

    /// How many subscribers are registered.
    fn registered(&mut self) -> u64;

    /// Until a branch may be used again.
    fn let_transactions_end(&mut self);

    /// Nothing is lost and nothing left over.
    fn assert_whole(&mut self);

    /// Sends a datagram; the SIP messages that have come when both workers have done all that it brought about.
    fn answers(&mut self, source: SocketAddr, octets: &[u8]) -> Vec<Sip> {
        self.peers().send_datagram(source, None, octets);
        // What one worker hands to the other comes after the first mark.
        self.mark();
        self.mark();
        self.peers().sip.drain(..).collect()
    }

    /// The same without marks, where it is known how many turns it takes.
    fn quick_answers(&mut self, source: SocketAddr, octets: &[u8]) -> Vec<Sip> {
        self.answers(source, octets)
    }

    /// A question to each worker, and its answer.
    fn mark(&mut self) {
        let peers = self.peers();
        for queue in 0..2 {
            let draft = peers.draft(1, "OPTIONS", "sip:ipsmgw.home2.net");
            let draft = draft.with("From", "<sip:mark@home2.net>;tag=m").with("To", "<sip:ipsmgw.home2.net>");
            let draft = draft.with("CSeq", "1 OPTIONS");
            peers.send_datagram(SCSCF[1], Some(queue), &draft.octets());
            peers.expect_sip("the answer to a mark", |sip| {
                sip.find("Via").is_some_and(|via| via.ends_with(&format!("branch={}", draft.branch)))
            });
        }
    }

    /// Datagrams of SIP as the gateway counts them, by what became of them.
    fn counted(&mut self) -> Counted {
        let names = ["provisional", "finals", "absorbed", "not_ours"];
        let names = names.map(|name| format!("sip_client.{name}"));
        let malformed = WHY.iter().map(|why| format!("malformed.sip.{why}"));
        let mut sum = |names: &mut dyn Iterator<Item = String>| names.map(|name| self.total(&name)).sum();
        Counted {
            malformed: sum(&mut malformed.into_iter()),
            responses: sum(&mut names.into_iter()),
            requests: self.total("ims.requests"),
            keep_alives: self.total("ims.keep_alive"),
            withheld: self.total("sip_server.reply_withheld"),
        }
    }

    /// Messages both ways still pass.
    fn assert_serves(&mut self, ue: &Ue) {
        let peers = self.peers();
        for _ in 0..4 {
            submitted_as(peers, ue);
            delivered(peers, ue, &deliver());
        }
        peers.assert_silent();
        self.assert_whole();
    }
}

/// See [`Subject::counted`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Counted {
    pub(crate) malformed: u64,
    pub(crate) requests: u64,
    pub(crate) responses: u64,
    pub(crate) keep_alives: u64,
    pub(crate) withheld: u64,
}

impl core::iter::Sum for Counted {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, it| Self {
            malformed: sum.malformed + it.malformed,
            requests: sum.requests + it.requests,
            responses: sum.responses + it.responses,
            keep_alives: sum.keep_alives + it.keep_alives,
            withheld: sum.withheld + it.withheld,
        })
    }
}

impl Counted {
    pub(crate) fn all(&self) -> u64 {
        self.malformed + self.requests + self.responses + self.keep_alives
    }
}

pub(crate) struct InMemory {
    memory: Memory,
    peers: Peers,
}

impl InMemory {
    pub(crate) fn new(options: Options) -> Self {
        let memory = Memory::new(options);
        let mut peers = Peers::new(Box::new(memory.clone()), options.associations);
        peers.until("traffic", |peers| peers.ss7.active[0].then_some(()));
        peers.settle();
        Self { memory, peers }
    }
}

impl Subject for InMemory {
    fn peers(&mut self) -> &mut Peers {
        &mut self.peers
    }

    fn total(&mut self, name: &str) -> u64 {
        self.memory.total(name)
    }

    fn registered(&mut self) -> u64 {
        self.memory.registered() as u64
    }

    fn quick_answers(&mut self, source: SocketAddr, octets: &[u8]) -> Vec<Sip> {
        self.peers.send_datagram(source, None, octets);
        // One turn of the worker that it comes to, one of the worker that it belongs to; then the peers look.
        for _ in 0..4 {
            self.peers.step();
        }
        self.peers.sip.drain(..).collect()
    }

    fn counted(&mut self) -> Counted {
        self.memory.stacks(|stack| {
            let (client, server) = stack.ims().transaction_counts();
            Counted {
                malformed: (0..64).map(|why| stack.malformed.get(Layer::Sip, why)).sum(),
                requests: stack.ims().counts.requests,
                responses: client.provisional + client.finals + client.absorbed + client.not_ours,
                keep_alives: stack.ims().counts.keep_alive,
                withheld: server.reply_withheld,
            }
        })
    }

    fn let_transactions_end(&mut self) {
        // In steps that no heartbeat of SCTP misses.
        for _ in 0..33 {
            self.memory.pass(Duration::from_secs(1));
            for _ in 0..4 {
                self.peers.step();
            }
        }
    }

    fn assert_whole(&mut self) {
        assert_eq!(self.memory.frames_lost(), 0, "frames");
        self.memory.assert_invariants();
    }
}

#[cfg(feature = "dpdk")]
impl Subject for super::harness::gateway::Bench {
    fn peers(&mut self) -> &mut Peers {
        self
    }

    fn total(&mut self, name: &str) -> u64 {
        self.until_published();
        Self::total(self, name)
    }

    fn registered(&mut self) -> u64 {
        self.table().0
    }

    fn let_transactions_end(&mut self) {
        super::harness::steps::pass(self, Duration::from_millis(700));
    }

    fn assert_whole(&mut self) {
        self.until_frames_are_back();
    }
}
