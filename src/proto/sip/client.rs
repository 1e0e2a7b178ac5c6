//! Non-INVITE client transactions (RFC 3261 17.1.2). Over streams nothing is repeated, and Timer K is zero.
//!
//! A transaction's branch names its place in a slab, so a response finds it without a search. Once it is over, its place
//! is free at once: a late response still carries a branch that only we can have minted, and is absorbed on that
//! evidence. That is all that the state Completed and Timer K are for, so neither needs memory here.

use super::build::{Writer, set_branch, set_route, set_via_transport};
use super::mint::{Minter, Token};
use super::timers::Timers;
use super::view::Message;
use crate::base::{Flow, HEADROOM, IpPrefix, Key, Out, Slab, Time, TimerId, Transport, Wheel, counts};
use crate::ident::WorkerId;
use core::time::Duration;
use std::collections::VecDeque;

/// The longest request that each transaction has room for, in octets: what fits a UDP datagram in an Ethernet frame.
pub const MAX_REQUEST: usize = 1472;
/// The longest request that goes by UDP where a stream can be had, in octets, since nobody knows what paths carry (RFC 3261
/// 18.1.1).
pub const LONGEST_BY_UDP: usize = 1300;
/// The longest request that there is, in octets: a datagram in fragments. Few are so long, and few at a time have room.
pub const MAX_LONG_REQUEST: usize = 8192;
/// The longest request by a stream: its room is a frame.
const MAX_BY_STREAM: usize = 2048 - HEADROOM;
/// How many at a time.
const LONG_REQUESTS: usize = 64;

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
        /// Requests that were longer than a frame.
        long_requests,
        /// Requests sent once more, to another next hop.
        elsewhere_tried,
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
    interval: Duration,
    timer: Option<TimerId>,
    len: u16,
    method_len: u16,
    /// State Proceeding rather than Trying.
    proceeding: bool,
    /// The flow by UDP that it would have gone by, were it not too large.
    back: Option<Flow>,
    /// Timer F.
    end: Time,
    /// Its place among the long requests.
    long: Option<u16>,
    /// Which of several next hops this is.
    attempt: Option<Attempt>,
    /// The transaction that was the first of these attempts.
    first: u32,
}

/// Which of several next hops a request is sent to (RFC 3263 4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// The next hop.
    pub hop: u8,
    /// A bit for each that it was sent to, this one included.
    pub tried: u64,
    /// When nobody waits for an answer any more.
    pub until: Time,
    /// How long this one may take: at most Timer F.
    pub end: Time,
}

/// The client transactions of one worker.
pub struct ClientTransactions {
    /// What they did.
    pub counts: SipClientCounts,
    transactions: Slab<Transaction>,
    requests: Vec<[u8; MAX_REQUEST]>,
    long: Vec<[u8; MAX_LONG_REQUEST]>,
    long_free: Vec<u16>,
    /// The transaction that ended last, whose request is still there.
    ended: Option<(Key, Transaction)>,
    wheel: Wheel<Key>,
    /// Timed out, and not yet told.
    expired: VecDeque<Key>,
    minter: Minter,
    worker: WorkerId,
    timers: Timers,
    /// The hosts that can be reached by streams.
    by_streams: Vec<IpPrefix>,
}

impl ClientTransactions {
    /// No transactions yet, and room for as many as configured.
    #[must_use]
    pub fn new(config: ClientConfig, minter: Minter) -> Self {
        Self {
            counts: SipClientCounts::default(),
            transactions: Slab::newest_first(config.capacity),
            requests: vec![[0; MAX_REQUEST]; config.capacity],
            long: vec![[0; MAX_LONG_REQUEST]; LONG_REQUESTS.min(config.capacity)],
            long_free: (0..LONG_REQUESTS.min(config.capacity) as u16).rev().collect(),
            ended: None,
            wheel: Wheel::new(config.capacity),
            expired: VecDeque::with_capacity(config.capacity),
            minter,
            worker: config.worker,
            timers: config.timers,
            by_streams: vec![],
        }
    }

    /// The same, but requests to these hosts that are too large for UDP go by TCP. Not those to a UE: behind its address and
    /// port may be somebody else's.
    #[must_use]
    pub fn with_streams(self, hosts: Vec<IpPrefix>) -> Self {
        Self { by_streams: hosts, ..self }
    }

    /// Sends the request that `build` writes with the branch it is given, and keeps it until it is answered. `user` comes
    /// back with the outcome.
    pub fn start(
        &mut self,
        now: Time,
        flow: Flow,
        user: u64,
        out: &mut dyn Out,
        build: impl Fn(&mut Writer<'_>, &[u8]),
    ) -> Result<Key, Refused> {
        let full = |counts: &mut SipClientCounts| {
            counts.refused_full += 1;
            Refused::Full
        };
        let Some(key) = self.transactions.next_key() else { return Err(full(&mut self.counts)) };
        let token = Token { worker: self.worker, slot: key.slot, generation: key.generation };
        let Some(mut request) = self.requests.get_mut(key.slot as usize).map(|request| &mut request[..])
        else {
            return Err(full(&mut self.counts));
        };
        let branch = self.minter.branch(token);
        let most = if flow.transport.is_stream() { MAX_BY_STREAM } else { MAX_LONG_REQUEST };
        let mut written = write(request, &build, branch.as_bytes());
        // What does not fit, but for a value that must not be written, fits one of the long places.
        let mut long = None;
        if written.is_none()
            && let Some(&place) = self.long_free.last()
            && let Some(room) = self.long.get_mut(usize::from(place)).and_then(|room| room.get_mut(..most))
        {
            written = write(room, &build, branch.as_bytes());
            if written.is_some() {
                (request, long) = (room, self.long_free.pop());
                self.counts.long_requests += 1;
            }
        }
        let written = request.get_mut(..written.unwrap_or(0)).unwrap_or(&mut []);
        let (flow, back) = match stream_instead(&flow) {
            // What is longer than a frame goes in fragments.
            Some(stream)
                if self.by_streams.iter().any(|hosts| hosts.contains(flow.destination))
                    && long.is_none()
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
            interval,
            timer: self.wheel.insert(now + interval, key).ok(),
            len: written.len() as u16,
            method_len: method_len as u16,
            proceeding: false,
            back,
            end: now + self.timers.transaction(),
            long,
            attempt: None,
            first: key.generation,
        };
        self.send(&transaction, key, out);
        let inserted = self.transactions.insert(transaction);
        debug_assert!(inserted.is_ok_and(|inserted| inserted == key));
        self.counts.started += 1;
        Ok(key)
    }

    fn send(&mut self, transaction: &Transaction, key: Key, out: &mut dyn Out) {
        let request = match transaction.long {
            Some(place) => self.long.get(usize::from(place)).map(|request| &request[..]),
            None => self.requests.get(key.slot as usize).map(|request| &request[..]),
        };
        let request = request.and_then(|request| request.get(..usize::from(transaction.len))).unwrap_or(&[]);
        let in_fragments = transaction.long.is_some() && !transaction.flow.transport.is_stream();
        let room = if in_fragments { out.long_room() } else { out.room() };
        match room.and_then(|room| room.get_mut(..request.len())) {
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
        let request = match transaction.long {
            Some(place) => self.long.get(usize::from(place)).map(|request| &request[..]),
            None => self.requests.get(key.slot as usize).map(|request| &request[..]),
        };
        let method = request.and_then(|request| request.get(..usize::from(transaction.method_len)));
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

    fn remove(&mut self, key: Key) -> Option<u64> {
        let mut transaction = self.transactions.remove(key)?;
        if let Some(timer) = transaction.timer.take() {
            self.wheel.cancel(timer);
        }
        self.long_free.extend(transaction.long);
        let user = transaction.user;
        self.ended = Some((key, transaction));
        Some(user)
    }

    /// Fires the timers that are due: sends requests again (Timer E), or ends their transactions (Timer F), which
    /// [`ClientTransactions::poll_expired`] then tells.
    pub fn handle_timeout(&mut self, now: Time, out: &mut dyn Out) {
        while let Some(key) = self.wheel.poll(now) {
            let Some(transaction) = self.transactions.get_mut(key) else { continue };
            let end = transaction.end;
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
            if let Some(user) = self.remove(key) {
                return Some(user);
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
        // It may have been sent to another hop meanwhile: that is another transaction in the same place.
        let here = self
            .transactions
            .key_of(key.slot)
            .filter(|here| self.transactions.get(*here).is_some_and(|found| found.first == key.generation));
        let key = here.unwrap_or(key);
        let user = self.remove(key)?;
        self.counts.cancelled += 1;
        Some(user)
    }

    /// Says of a transaction that began in this turn which of several next hops it is to, and when it ends at the latest.
    pub fn set_attempt(&mut self, key: Key, attempt: Attempt) {
        if let Some(transaction) = self.transactions.get_mut(key) {
            transaction.end = transaction.end.min(attempt.end);
            transaction.attempt = Some(attempt);
            // By a stream nothing is repeated: the one timer is that of the end.
            if transaction.flow.transport.is_stream()
                && let Some(timer) = transaction.timer.take()
            {
                self.wheel.cancel(timer);
                transaction.timer = self.wheel.insert(transaction.end, key).ok();
            }
        }
    }

    /// Which of several next hops the transaction that ended last was to, and by which flow.
    #[must_use]
    pub fn last_attempt(&self) -> Option<(Attempt, Flow)> {
        let (_, transaction) = self.ended.as_ref()?;
        Some((transaction.attempt?, transaction.flow))
    }

    /// Sends the request of the transaction that ended last once more, by another flow, with that value of Route: in a
    /// transaction of its own, with another branch, and the same otherwise (RFC 3263 4.3). Whether that was possible.
    pub fn send_elsewhere(
        &mut self,
        now: Time,
        (flow, attempt): (Flow, Attempt),
        route: &[u8],
        out: &mut dyn Out,
    ) -> bool {
        let Some((old, ended)) = self.ended.take() else { return false };
        // The place that was freed last is used first.
        let Some(key) = self.transactions.next_key().filter(|key| key.slot == old.slot) else { return false };
        let [before, after] = [old, key].map(|key| {
            let token = Token { worker: self.worker, slot: key.slot, generation: key.generation };
            self.minter.branch(token)
        });
        let long = ended.long.filter(|place| self.long_free.last() == Some(place));
        if long != ended.long {
            return false;
        }
        let request = match long {
            Some(place) => self.long.get_mut(usize::from(place)).map(|request| &mut request[..]),
            None => self.requests.get_mut(key.slot as usize).map(|request| &mut request[..]),
        };
        let len = request.and_then(|request| {
            set_branch(request, before.as_bytes(), after.as_bytes())?;
            set_route(request, ended.len.into(), route)
        });
        let Some(len) = len else { return false };
        if long.is_some() {
            self.long_free.pop();
        }
        let end = (now + self.timers.transaction()).min(attempt.end);
        let interval = if flow.transport.is_stream() { end.since(now) } else { self.timers.t1 };
        let transaction = Transaction {
            flow,
            back: ended.back.and_then(|back| datagram_instead(&back, &flow)),
            interval,
            timer: self.wheel.insert(now + interval, key).ok(),
            len: len as u16,
            proceeding: false,
            end,
            attempt: Some(attempt),
            ..ended
        };
        self.send(&transaction, key, out);
        let inserted = self.transactions.insert(transaction);
        debug_assert!(inserted.is_ok_and(|inserted| inserted == key));
        self.counts.elsewhere_tried += 1;
        true
    }

    /// Ends the transaction of an ICMP error about a request of ours that was sent by `flow`, quoted with a branch that
    /// says `token`. Gives what it was started with, or nothing unless it is open and was sent by that very flow.
    pub fn unreachable(&mut self, token: Token, flow: &Flow) -> Option<u64> {
        let key = Key { slot: token.slot, generation: token.generation };
        let found = self.transactions.get(key).filter(|found| found.timer.is_some() && found.flow == *flow);
        found?;
        let user = self.remove(key)?;
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
        let user = self.remove(key)?;
        self.counts.unreachable += 1;
        Some((user, flow))
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
            let room = if transaction.long.is_some() { MAX_LONG_REQUEST } else { MAX_REQUEST };
            assert!(usize::from(transaction.len) <= room);
        }
        let long = self.transactions.iter().filter(|(_, entry)| entry.long.is_some()).count();
        assert_eq!(long + self.long_free.len(), self.long.len());
        assert!(self.expired.len() <= self.transactions.capacity());
    }
}

/// The stream that a datagram's flow could be.
fn stream_instead(flow: &Flow) -> Option<Flow> {
    let Transport::Udp { destination_port, .. } = flow.transport else { return None };
    Some(Flow { transport: Transport::StreamTo { destination_port, secure: false }, ..*flow })
}

/// The datagram's flow that a stream's could be, from where another one would have gone.
fn datagram_instead(from: &Flow, stream: &Flow) -> Option<Flow> {
    let (Transport::Udp { source_port, .. }, Transport::StreamTo { destination_port, .. }) =
        (from.transport, stream.transport)
    else {
        return None;
    };
    Some(Flow { transport: Transport::Udp { source_port, destination_port }, ..*stream })
}

/// Writes a request; its length, or nothing if it is spoilt or does not fit.
fn write(room: &mut [u8], build: &impl Fn(&mut Writer<'_>, &[u8]), branch: &[u8]) -> Option<usize> {
    let mut writer = Writer::new(room);
    build(&mut writer, branch);
    writer.finish()
}
