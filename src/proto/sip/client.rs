//! Non-INVITE client transactions (RFC 3261 17.1.2). Over streams nothing is repeated, and Timer K is zero.
//!
//! A transaction's branch names its place in a slab, so a response finds it without a search. Once it is over, its place
//! is free at once: a late response still carries a branch that only we can have minted, and is absorbed on that
//! evidence. That is all that the state Completed and Timer K are for, so neither needs memory here.

use super::build::{Writer, set_via_transport};
use super::mint::{Minter, Token};
use super::timers::Timers;
use super::view::Message;
use crate::base::{Flow, Key, Out, Slab, Time, TimerId, Transport, Wheel, counts};
use crate::ident::WorkerId;
use core::time::Duration;
use std::collections::VecDeque;

/// The longest request, in octets: what fits a UDP datagram in an Ethernet frame.
pub const MAX_REQUEST: usize = 1472;
/// The longest request that goes by UDP where a stream can be had, in octets, since nobody knows what paths carry (RFC 3261
/// 18.1.1).
pub const LONGEST_BY_UDP: usize = 1300;

counts! {
    /// What client transactions did.
    pub struct SipClientCounts {
        /// Transactions started.
        started,
        /// Requests not sent because every transaction was in use.
        refused_full,
        /// Requests not sent because they were too long or had a control character in a value.
        refused_unwritable,
        /// Requests retransmitted by Timer E.
        retransmitted,
        /// Requests that found no transmit buffer; Timer E sends them again.
        no_buffer,
        /// Provisional responses.
        provisional,
        /// Final responses that ended a transaction.
        finals,
        /// Responses to transactions that were over already.
        absorbed,
        /// Responses for a transaction of another worker.
        elsewhere,
        /// Responses to a request that we never sent, or with more than one Via.
        not_ours,
        /// Transactions that Timer F ended.
        timed_out,
        /// Transactions given up by their user.
        cancelled,
        /// Transactions that ended because their request proved undeliverable: by ICMP, or since its stream was not to be had.
        unreachable,
        /// Requests that went by TCP since they are too large for UDP.
        by_tcp,
        /// Of these, how many went by UDP after all, since the peer takes no TCP.
        back_by_udp,
    }
}

/// The size and timers of a [`ClientTransactions`].
#[derive(Clone, Copy, Debug)]
pub struct ClientConfig {
    /// The most transactions at a time; each has a buffer of [`MAX_REQUEST`] octets.
    pub capacity: usize,
    /// The worker that owns them.
    pub worker: WorkerId,
    /// T1 and T2.
    pub timers: Timers,
}

/// Why a request was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Every transaction is in use.
    Full,
    /// The message does not fit, or a value had a control character in it.
    Unwritable,
    /// The transaction is over, or was never deferred.
    Gone,
    /// The response is longer than its request, whose source is not known.
    Withheld,
}

/// What a response was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponseOutcome {
    /// The final response: the transaction is over.
    Final {
        /// What the transaction was started with.
        user: u64,
        /// The transaction, stale from now on.
        key: Key,
        /// The status, 200..=699.
        status: u16,
    },
    /// A provisional response: retransmissions slow down to T2.
    Provisional,
    /// A response to a transaction that is over.
    Absorbed,
    /// A response to a request of another worker, which should get it.
    Elsewhere(WorkerId),
    /// No response to a request of ours.
    NotOurs,
}

struct Transaction {
    user: u64,
    flow: Flow,
    started: Time,
    interval: Duration,
    timer: Option<TimerId>,
    len: u16,
    method_len: u16,
    /// State Proceeding rather than Trying.
    proceeding: bool,
    /// The flow by UDP that it would have gone by, were it not too large.
    back: Option<Flow>,
}

/// The client transactions of one worker.
pub struct ClientTransactions {
    /// What they did.
    pub counts: SipClientCounts,
    transactions: Slab<Transaction>,
    requests: Vec<[u8; MAX_REQUEST]>,
    wheel: Wheel<Key>,
    /// Timed out, and not yet told.
    expired: VecDeque<Key>,
    minter: Minter,
    worker: WorkerId,
    timers: Timers,
    /// Whether peers can be reached by streams.
    has_streams: bool,
}

impl ClientTransactions {
    /// No transactions yet, and room for as many as configured.
    #[must_use]
    pub fn new(config: ClientConfig, minter: Minter) -> Self {
        Self {
            counts: SipClientCounts::default(),
            transactions: Slab::newest_first(config.capacity),
            requests: vec![[0; MAX_REQUEST]; config.capacity],
            wheel: Wheel::new(config.capacity),
            expired: VecDeque::with_capacity(config.capacity),
            minter,
            worker: config.worker,
            timers: config.timers,
            has_streams: false,
        }
    }

    /// The same, but requests that are too large for UDP go by TCP.
    #[must_use]
    pub fn with_streams(self) -> Self {
        Self { has_streams: true, ..self }
    }

    /// Sends the request that `build` writes with the branch it is given, and keeps it until it is answered. `user` comes
    /// back with the outcome.
    pub fn start(
        &mut self,
        now: Time,
        flow: Flow,
        user: u64,
        out: &mut dyn Out,
        build: impl FnOnce(&mut Writer<'_>, &[u8]),
    ) -> Result<Key, Refused> {
        let full = |counts: &mut SipClientCounts| {
            counts.refused_full += 1;
            Refused::Full
        };
        let Some(key) = self.transactions.next_key() else { return Err(full(&mut self.counts)) };
        let token = Token { worker: self.worker, slot: key.slot, generation: key.generation };
        let Some(request) = self.requests.get_mut(key.slot as usize) else {
            return Err(full(&mut self.counts));
        };
        let mut writer = Writer::new(request);
        build(&mut writer, self.minter.branch(token).as_bytes());
        let written = writer.finish();
        let written = request.get_mut(..written.unwrap_or(0)).unwrap_or(&mut []);
        let (flow, back) = match stream_instead(&flow) {
            Some(stream)
                if self.has_streams
                    && written.len() > LONGEST_BY_UDP
                    && set_via_transport(written, b"UDP", b"TCP") =>
            {
                self.counts.by_tcp += 1;
                (stream, Some(flow))
            }
            _ => (flow, None),
        };
        let Some(method_len) = written.iter().position(|&c| c == b' ') else {
            self.counts.refused_unwritable += 1;
            return Err(Refused::Unwritable);
        };
        let interval = if flow.transport.is_stream() { self.timers.transaction() } else { self.timers.t1 };
        let transaction = Transaction {
            user,
            flow,
            started: now,
            interval,
            timer: self.wheel.insert(now + interval, key).ok(),
            len: written.len() as u16,
            method_len: method_len as u16,
            proceeding: false,
            back,
        };
        self.send(&transaction, key, out);
        let inserted = self.transactions.insert(transaction);
        debug_assert!(inserted.is_ok_and(|inserted| inserted == key));
        self.counts.started += 1;
        Ok(key)
    }

    fn send(&mut self, transaction: &Transaction, key: Key, out: &mut dyn Out) {
        let request = self
            .requests
            .get(key.slot as usize)
            .and_then(|request| request.get(..usize::from(transaction.len)))
            .unwrap_or(&[]);
        match out.room().and_then(|room| room.get_mut(..request.len())) {
            Some(room) => {
                room.copy_from_slice(request);
                out.commit(request.len(), transaction.flow);
            }
            None => self.counts.no_buffer += 1,
        }
    }

    /// Takes a response that arrived.
    pub fn handle_response(&mut self, _now: Time, response: &Message<'_>) -> ResponseOutcome {
        let token = response.top_via().branch.and_then(|branch| self.minter.read_branch(branch));
        let (Some(status), Some(token), true) = (response.status(), token, response.has_one_via()) else {
            self.counts.not_ours += 1;
            return ResponseOutcome::NotOurs;
        };
        if token.worker != self.worker {
            self.counts.elsewhere += 1;
            return ResponseOutcome::Elsewhere(token.worker);
        }
        let key = Key { slot: token.slot, generation: token.generation };
        let Some(transaction) = self.transactions.get_mut(key).filter(|found| found.timer.is_some()) else {
            self.counts.absorbed += 1;
            return ResponseOutcome::Absorbed;
        };
        let method = self
            .requests
            .get(key.slot as usize)
            .and_then(|request| request.get(..usize::from(transaction.method_len)));
        if method != Some(response.method().text()) {
            self.counts.not_ours += 1;
            return ResponseOutcome::NotOurs;
        }
        if status < 200 {
            transaction.proceeding = true;
            self.counts.provisional += 1;
            return ResponseOutcome::Provisional;
        }
        let user = transaction.user;
        self.remove(key);
        self.counts.finals += 1;
        ResponseOutcome::Final { user, key, status }
    }

    fn remove(&mut self, key: Key) -> Option<Transaction> {
        let transaction = self.transactions.remove(key)?;
        if let Some(timer) = transaction.timer {
            self.wheel.cancel(timer);
        }
        Some(transaction)
    }

    /// Fires the timers that are due: sends requests again (Timer E), or ends their transactions (Timer F), which
    /// [`ClientTransactions::poll_expired`] then tells.
    pub fn handle_timeout(&mut self, now: Time, out: &mut dyn Out) {
        while let Some(key) = self.wheel.poll(now) {
            let Some(transaction) = self.transactions.get_mut(key) else { continue };
            let end = transaction.started + self.timers.transaction();
            if now >= end {
                transaction.timer = None;
                self.expired.push_back(key);
                self.counts.timed_out += 1;
                continue;
            }
            transaction.interval = match transaction.proceeding {
                true => self.timers.t2,
                false => self.timers.next_interval(transaction.interval),
            };
            let next = (now + transaction.interval).min(end);
            transaction.timer = self.wheel.insert(next, key).ok();
            let again = Transaction { ..*transaction };
            self.send(&again, key, out);
            self.counts.retransmitted += 1;
        }
    }

    /// The user of a transaction that Timer F has ended, which is like a 408; call until `None`.
    pub fn poll_expired(&mut self) -> Option<u64> {
        loop {
            let key = self.expired.pop_front()?;
            if let Some(transaction) = self.transactions.remove(key) {
                return Some(transaction.user);
            }
        }
    }

    /// When a timer is due next, if one is armed. Walks over every timer.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        (!self.wheel.is_empty()).then(|| self.wheel.next_deadline())
    }

    /// Forgets a transaction; its responses will be absorbed. Gives back what it was started with.
    pub fn cancel(&mut self, key: Key) -> Option<u64> {
        let user = self.remove(key)?.user;
        self.counts.cancelled += 1;
        Some(user)
    }

    /// Ends the transaction of an ICMP error about a request of ours that was sent by `flow`, quoted with a branch that
    /// says `token`. Gives what it was started with, or nothing unless it is open and was sent by that very flow.
    pub fn unreachable(&mut self, token: Token, flow: &Flow) -> Option<u64> {
        let key = Key { slot: token.slot, generation: token.generation };
        let found = self.transactions.get(key).filter(|found| found.timer.is_some() && found.flow == *flow);
        found?;
        let user = self.remove(key)?.user;
        self.counts.unreachable += 1;
        Some(user)
    }

    /// The stream of the request that `token` names could not be had, or is lost before an answer came. A request that went
    /// by TCP only since it is large goes by UDP after all (RFC 3261 18.1.1), unless it was `sent`. Otherwise gives what it was
    /// started with, and where it went.
    pub fn stream_failed(
        &mut self,
        now: Time,
        token: Token,
        sent: bool,
        out: &mut dyn Out,
    ) -> Option<(u64, Flow)> {
        let key = Key { slot: token.slot, generation: token.generation };
        let open = |found: &&mut Transaction| found.timer.is_some() && found.flow.transport.is_stream();
        let transaction = self.transactions.get_mut(key).filter(open)?;
        let request = self.requests.get_mut(key.slot as usize);
        let request = request.and_then(|request| request.get_mut(..usize::from(transaction.len)));
        let back = transaction.back.filter(|_| !sent);
        if let (Some(back), Some(request)) = (back, request)
            && set_via_transport(request, b"TCP", b"UDP")
        {
            (transaction.flow, transaction.back) = (back, None);
            transaction.interval = self.timers.t1;
            if let Some(timer) = transaction.timer.take() {
                self.wheel.cancel(timer);
            }
            transaction.timer = self.wheel.insert(now + transaction.interval, key).ok();
            let again = Transaction { ..*transaction };
            self.send(&again, key, out);
            self.counts.back_by_udp += 1;
            return None;
        }
        let flow = transaction.flow;
        let user = self.remove(key)?.user;
        self.counts.unreachable += 1;
        Some((user, flow))
    }

    /// Where the request of a transaction that isn't over was sent.
    #[must_use]
    pub fn pending_flow(&self, key: Key) -> Option<Flow> {
        self.transactions.get(key).map(|transaction| transaction.flow)
    }

    /// How many transactions are not over.
    #[must_use]
    pub fn len(&self) -> usize {
        self.transactions.len()
    }

    /// Whether all are over.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.transactions.is_empty()
    }

    /// Panics unless every transaction has either a timer or a place among the expired.
    pub fn assert_invariants(&self) {
        assert_eq!(
            self.wheel.len(),
            self.transactions.iter().filter(|(_, entry)| entry.timer.is_some()).count()
        );
        for (key, transaction) in self.transactions.iter() {
            assert!(transaction.timer.is_some() != self.expired.contains(&key));
            assert!(usize::from(transaction.len) <= MAX_REQUEST);
        }
        assert!(self.expired.len() <= self.transactions.capacity());
    }
}

/// The stream that a datagram's flow could be.
fn stream_instead(flow: &Flow) -> Option<Flow> {
    let Transport::Udp { destination_port, .. } = flow.transport else { return None };
    Some(Flow { transport: Transport::StreamTo { destination_port, secure: false }, ..*flow })
}
