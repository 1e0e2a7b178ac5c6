//! Non-INVITE server transactions over UDP (RFC 3261 17.2.2, RFC 4320).
//!
//! An answered transaction is a 16-byte fingerprint and a status until Timer J ends: the To tag is a keyed hash of the
//! branch, so that the same response can be written from the retransmitted request. Only a transaction whose answer
//! comes later keeps octets, and only those that the answer needs.

use super::build::{
    Writer, reason_phrase, response_end, response_head, response_target, status_line, timestamp,
};
use super::client::Refused;
use super::index::Index;
use super::mint::Tag;
use super::timers::Timers;
use super::view::Message;
use crate::base::{Flow, Out, SipKey, Time, TimerId, Transport, Wheel, counts};
use core::net::SocketAddr;

/// Octets kept of a request whose answer comes later: Via, From, To, Call-ID and CSeq as the response will have them.
pub const MAX_DEFERRED: usize = 2048;

counts! {
    /// What server transactions did.
    pub struct SipServerCounts {
        /// Requests seen for the first time.
        new_requests,
        /// Retransmissions of a request that is still being worked on.
        retransmitted_in_progress,
        /// Retransmissions of an answered request.
        retransmitted_completed,
        /// Requests without a branch of RFC 3261.
        legacy,
        /// Requests refused because no transaction was free.
        refused_full,
        /// Transactions answered at once.
        completed,
        /// Transactions whose answer was put off.
        deferred,
        /// Deferrals refused because no buffer was free or the headers were too long.
        refused_defer,
        /// Transactions answered later.
        answered,
        /// 100 Trying sent.
        trying,
        /// Transactions that were not answered before the client gave up.
        unanswered,
        /// Answers that came after the client had given up, or twice: not sent.
        late_answers,
        /// Answers or 100s that found no transmit buffer.
        no_buffer,
        /// Answers that did not fit a datagram.
        unwritable,
    }
}

/// The size and timers of a [`ServerTransactions`].
#[derive(Clone, Copy, Debug)]
pub struct ServerConfig {
    /// The most transactions whose answer is put off at a time; each has a buffer of [`MAX_DEFERRED`] octets.
    pub pending: usize,
    /// The most transactions remembered at a time, those included: 64 times T1 times the requests a second.
    pub completed: usize,
    /// T1 and T2.
    pub timers: Timers,
}

/// Names a server transaction: a keyed hash of branch, sent-by and method (RFC 3261 17.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct ServerKey(u128);

impl ServerKey {
    /// A number below `count`, the same for every retransmission and on every worker, to spread requests by.
    #[must_use]
    pub const fn spread(self, count: u8) -> u8 {
        if count == 0 { 0 } else { ((self.0 >> 64) as u64 % count as u64) as u8 }
    }

    /// A key that no request has.
    #[cfg(test)]
    pub(crate) const fn numbered(number: u128) -> Self {
        Self(number)
    }
}

/// What a request is to the transaction layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// A new request. Nothing is remembered until it is completed or deferred.
    New(ServerKey),
    /// A retransmission before the answer: drop it, or, if the last response was a 100, answer 100 again.
    InProgress {
        /// Whether a 100 was sent.
        trying: bool,
    },
    /// A retransmission after the answer: write the same response again from this request.
    Completed {
        /// The status of the answer.
        status: u16,
    },
    /// No room to remember it: 503 with Retry-After, statelessly.
    Full,
    /// No branch of RFC 3261, so retransmissions can't be told from new requests: 400, statelessly.
    Legacy,
}

#[derive(Clone, Copy)]
struct Completed {
    fingerprint: [u64; 2],
    /// End of Timer J in milliseconds, and the status in the low 16 bits; 0 if the client gave up.
    expires_and_status: u64,
}

struct Pending {
    key: ServerKey,
    arrived: Time,
    flow: Flow,
    timer: Option<TimerId>,
    /// Octets kept, the last of which are for a 100 alone.
    len: u16,
    timestamp_len: u16,
    trying: bool,
}

/// The server transactions of one worker.
pub struct ServerTransactions {
    /// What they did.
    pub counts: SipServerCounts,
    fingerprint: SipKey,
    timers: Timers,
    index: Index,
    /// A ring in the order of completion, which is the order of expiry.
    completed: Vec<Completed>,
    head: usize,
    len: usize,
    pending: Vec<Option<Pending>>,
    free: Vec<u32>,
    kept: Vec<[u8; MAX_DEFERRED]>,
    /// A timer for each pending transaction, by its slot.
    wheel: Wheel<u32>,
}

/// Where a transaction is: the index holds one number for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Completed(u32),
    Pending(u32),
}

const PENDING: u32 = 1 << 31;

impl Place {
    const fn of(number: u32) -> Self {
        if number & PENDING == 0 { Self::Completed(number) } else { Self::Pending(number & !PENDING) }
    }

    const fn number(self) -> u32 {
        match self {
            Self::Completed(at) => at,
            Self::Pending(slot) => slot | PENDING,
        }
    }
}

impl ServerTransactions {
    /// No transactions yet, and room for as many as configured. `secret` makes the fingerprints unpredictable.
    #[must_use]
    pub fn new(config: ServerConfig, secret: &SipKey) -> Self {
        assert!(config.completed < PENDING as usize && config.pending < PENDING as usize);
        let nothing = Completed { fingerprint: [0; 2], expires_and_status: 0 };
        Self {
            counts: SipServerCounts::default(),
            fingerprint: secret.derive("sip server transaction"),
            timers: config.timers,
            index: Index::new(config.completed),
            completed: vec![nothing; config.completed],
            head: 0,
            len: 0,
            pending: (0..config.pending).map(|_| None).collect(),
            free: (0..config.pending as u32).rev().collect(),
            kept: vec![[0; MAX_DEFERRED]; config.pending],
            wheel: Wheel::new(config.pending),
        }
    }

    /// The transaction that a request belongs to.
    #[must_use]
    pub fn key(&self, request: &Message<'_>) -> ServerKey {
        let via = request.top_via();
        let port = via.sent_by_port.unwrap_or(0).to_be_bytes();
        ServerKey(self.fingerprint.hash_u128(&[
            via.branch.unwrap_or(&[]),
            via.sent_by_host,
            &port,
            request.method().text(),
        ]))
    }

    /// Tells a new request, whose transaction is `key`, from a retransmission.
    pub fn receive(&mut self, now: Time, key: ServerKey, request: &Message<'_>) -> Received {
        self.expire(now);
        if !request.top_via().has_magic_cookie() {
            self.counts.legacy += 1;
            return Received::Legacy;
        }
        match self.find(key) {
            Some((_, Place::Pending(slot))) => {
                self.counts.retransmitted_in_progress += 1;
                Received::InProgress { trying: self.pending_at(slot).is_some_and(|entry| entry.trying) }
            }
            Some((_, Place::Completed(at))) => {
                let entry = self.completed.get(at as usize).map_or(0, |entry| entry.expires_and_status);
                match entry as u16 {
                    0 => {
                        self.counts.retransmitted_in_progress += 1;
                        Received::InProgress { trying: false }
                    }
                    status => {
                        self.counts.retransmitted_completed += 1;
                        Received::Completed { status }
                    }
                }
            }
            None if self.is_full() => {
                self.counts.refused_full += 1;
                Received::Full
            }
            None => {
                self.counts.new_requests += 1;
                Received::New(key)
            }
        }
    }

    /// Remembers that a new request was answered with `status` in the same turn.
    pub fn complete_now(&mut self, now: Time, key: ServerKey, status: u16) {
        if self.find(key).is_some() || self.is_full() {
            return;
        }
        self.remember(now, key, status);
        self.counts.completed += 1;
    }

    fn remember(&mut self, now: Time, key: ServerKey, status: u16) {
        let expires = (now + self.timers.transaction()).as_millis() + 1;
        let at = (self.head + self.len) % self.completed.len().max(1);
        if let Some(place) = self.completed.get_mut(at) {
            place.fingerprint = [key.0 as u64, (key.0 >> 64) as u64];
            place.expires_and_status = expires << 16 | u64::from(status);
            self.len += 1;
            self.index.insert(key.0, Place::Completed(at as u32).number());
        }
    }

    /// Keeps what the answer to a new request needs, until [`ServerTransactions::answer`]. The request came from `source`
    /// to `local`.
    pub fn defer(
        &mut self,
        now: Time,
        key: ServerKey,
        request: &Message<'_>,
        to_tag: &Tag,
        source: SocketAddr,
        local: SocketAddr,
    ) -> Result<(), Refused> {
        let refused = self.keep(now, key, request, to_tag, source, local);
        match refused {
            Ok(()) => self.counts.deferred += 1,
            Err(_) => self.counts.refused_defer += 1,
        }
        refused
    }

    fn keep(
        &mut self,
        now: Time,
        key: ServerKey,
        request: &Message<'_>,
        to_tag: &Tag,
        source: SocketAddr,
        local: SocketAddr,
    ) -> Result<(), Refused> {
        if self.find(key).is_some() || self.is_full() {
            return Err(Refused::Full);
        }
        let &slot = self.free.last().ok_or(Refused::Full)?;
        let kept = self.kept.get_mut(slot as usize).ok_or(Refused::Full)?;
        let mut w = Writer::new(kept);
        response_head(&request.fragment(), to_tag, source, &mut w);
        let len = w.finish().ok_or(Refused::Unwritable)?;
        timestamp(&request.fragment(), &mut w);
        let with_timestamp = w.finish().ok_or(Refused::Unwritable)?;
        let target = response_target(&request.top_via(), source);
        let entry = Pending {
            key,
            arrived: now,
            flow: Flow {
                source: local.ip(),
                destination: target.ip(),
                transport: Transport::Udp { source_port: local.port(), destination_port: target.port() },
            },
            timer: self.wheel.insert(now + self.timers.trying(), slot).ok(),
            len: len as u16,
            timestamp_len: (with_timestamp - len) as u16,
            trying: false,
        };
        *self.pending.get_mut(slot as usize).ok_or(Refused::Full)? = Some(entry);
        self.free.pop();
        self.index.insert(key.0, Place::Pending(slot).number());
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.len + self.pending() >= self.completed.len()
    }

    fn pending_at(&self, slot: u32) -> Option<&Pending> {
        self.pending.get(slot as usize)?.as_ref()
    }

    /// Takes a pending transaction out; its octets stay until the slot is used again.
    fn take_pending(&mut self, slot: u32) -> Option<Pending> {
        let entry = self.pending.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        if let Some(timer) = entry.timer {
            self.wheel.cancel(timer);
        }
        if let Some((place, _)) =
            self.index.find(entry.key.0, |number| Place::of(number) == Place::Pending(slot))
        {
            self.index.remove(place);
        }
        Some(entry)
    }

    /// Answers a deferred request with `status`, its reason phrase and the headers that `extra` adds.
    pub fn answer(
        &mut self,
        now: Time,
        key: ServerKey,
        status: u16,
        extra: impl FnOnce(&mut Writer<'_>),
        out: &mut dyn Out,
    ) -> Result<(), Refused> {
        let slot = match self.find(key) {
            Some((_, Place::Pending(slot))) => Some(slot),
            _ => None,
        };
        let Some((slot, entry)) = slot.and_then(|slot| Some((slot, self.take_pending(slot)?))) else {
            self.counts.late_answers += 1;
            return Err(Refused::Gone);
        };
        // Nothing is sent once the client has given up (RFC 4320 4.2).
        if now >= entry.arrived + self.timers.transaction() {
            self.remember(now, key, 0);
            self.counts.late_answers += 1;
            return Err(Refused::Gone);
        }
        self.remember(now, key, status);
        self.counts.answered += 1;
        self.send(slot, &entry, status, extra, out)
    }

    fn send(
        &mut self,
        slot: u32,
        entry: &Pending,
        status: u16,
        extra: impl FnOnce(&mut Writer<'_>),
        out: &mut dyn Out,
    ) -> Result<(), Refused> {
        let len = entry.len + if status == 100 { entry.timestamp_len } else { 0 };
        let kept = self.kept.get(slot as usize).and_then(|kept| kept.get(..usize::from(len)));
        let Some(room) = out.room() else {
            self.counts.no_buffer += 1;
            return Ok(());
        };
        let mut w = Writer::new(room);
        status_line(status, reason_phrase(status), &mut w);
        w.bytes(kept.unwrap_or(&[]));
        response_end(extra, &mut w);
        match w.finish() {
            Some(len) => {
                out.commit(len, entry.flow);
                Ok(())
            }
            None => {
                self.counts.unwritable += 1;
                Err(Refused::Unwritable)
            }
        }
    }

    /// Sends the 100s that are due, gives up requests whose client has given up, and forgets what Timer J has ended.
    pub fn handle_timeout(&mut self, now: Time, out: &mut dyn Out) {
        while let Some(slot) = self.wheel.poll(now) {
            let Some(Some(entry)) = self.pending.get_mut(slot as usize) else { continue };
            let end = entry.arrived + self.timers.transaction();
            if now >= end {
                let key = entry.key;
                self.take_pending(slot);
                self.remember(now, key, 0);
                self.counts.unanswered += 1;
                continue;
            }
            entry.trying = true;
            entry.timer = self.wheel.insert(end, slot).ok();
            let copy = Pending { ..*entry };
            self.counts.trying += 1;
            let _counted = self.send(slot, &copy, 100, |_| (), out);
        }
        self.expire(now);
    }

    fn expire(&mut self, now: Time) {
        while self.len > 0 {
            let Some(&oldest) = self.completed.get(self.head) else { return };
            if now.as_millis() < oldest.expires_and_status >> 16 {
                return;
            }
            if let Some((place, _)) = self.find(oldest.key()) {
                self.index.remove(place);
            }
            self.head = (self.head + 1) % self.completed.len();
            self.len -= 1;
        }
    }

    /// When there is something to do next. Walks over every timer.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let oldest = (self.len > 0).then(|| self.completed.get(self.head)).flatten();
        let timer_j = oldest.map(|entry| Time::from_millis(entry.expires_and_status >> 16));
        let pending = (!self.wheel.is_empty()).then(|| self.wheel.next_deadline());
        timer_j.into_iter().chain(pending).min()
    }

    /// How many requests wait for their answer.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len() - self.free.len()
    }

    /// How many answered requests are remembered.
    #[must_use]
    pub fn completed(&self) -> usize {
        self.len
    }

    fn find(&self, key: ServerKey) -> Option<(usize, Place)> {
        let (place, number) = self.index.find(key.0, |number| match Place::of(number) {
            Place::Completed(at) => self.completed.get(at as usize).is_some_and(|entry| entry.key() == key),
            Place::Pending(slot) => self.pending_at(slot).is_some_and(|entry| entry.key == key),
        })?;
        Some((place, Place::of(number)))
    }

    /// Panics unless every transaction is in the index once, and the remembered ones are in order.
    pub fn assert_invariants(&self) {
        assert!(self.len + self.pending() <= self.completed.len());
        assert_eq!(self.index.len(), self.len + self.pending());
        assert_eq!(self.wheel.len(), self.pending());
        let mut last = 0;
        for at in 0..self.len {
            let at = (self.head + at) % self.completed.len();
            let Some(entry) = self.completed.get(at) else { continue };
            assert!(self.find(entry.key()).is_some_and(|(_, place)| place == Place::Completed(at as u32)));
            let expires = entry.expires_and_status >> 16;
            assert!(expires >= last);
            last = expires;
        }
        for (slot, entry) in self.pending.iter().enumerate() {
            let Some(entry) = entry else { continue };
            assert!(self.find(entry.key).is_some_and(|(_, place)| place == Place::Pending(slot as u32)));
        }
    }
}

impl Completed {
    fn key(&self) -> ServerKey {
        let [low, high] = self.fingerprint;
        ServerKey(u128::from(high) << 64 | u128::from(low))
    }
}
