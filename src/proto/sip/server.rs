//! Non-INVITE server transactions (RFC 3261 17.2.2, RFC 4320). Over streams Timer J is zero: nothing is remembered of what
//! was answered.
//!
//! An answered transaction is a 16-byte fingerprint and a status until Timer J ends: the To tag is a keyed hash of the
//! branch, so that the same response can be written from the retransmitted request. Only a transaction whose answer
//! comes later keeps octets, and only those that the answer needs.
//!
//! An answer that does not follow from the request, such as a challenge or a list of contacts, stays in the place where
//! its request waited, whole, until Timer J ends or a new request needs the place: the oldest goes first, and its
//! retransmission is then a new request.
//!
//! A response that is longer than its request goes only to sources that are known ([`Origin`]), and requests of others
//! are not remembered once they are answered: no stranger can make us flood a third party, or fill this table.

mod key;

use super::build::{
    Writer, reason_phrase, response_end, response_head, response_target, status_line, timestamp,
};
use super::client::Refused;
use super::index::Index;
use super::mint::Tag;
use super::timers::Timers;
use super::via::Via;
use super::view::{Message, Method};
use crate::base::{Connection, Flow, Out, SipKey, Time, TimerId, Transport, Wheel, counts};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;

pub use key::ServerKey;

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
        /// Requests without a branch of RFC 3261, refused.
        legacy,
        /// Requests that came again by another way, refused with 482.
        merged,
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
        /// Responses not sent because they were longer than their request, whose source is not known.
        reply_withheld,
        /// Whole answers forgotten before Timer J had ended, because a new request needed the place.
        forgotten_early,
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

/// Where a request came from, and what may go back there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Where it came from.
    pub source: SocketAddr,
    /// Our address that it came to.
    pub local: SocketAddr,
    /// Octets of its datagram.
    pub octets: usize,
    /// Whether the source is known: anybody can write an address there, unless it has shown that it gets what is sent
    /// there.
    pub known: bool,
    /// The stream that it came by; none if it is a datagram.
    pub connection: Option<Connection>,
}

impl Origin {
    /// Whether a response of `len` octets may go there: to a source that is not known, none that is longer than the
    /// request. Who has connected gets what is sent to him.
    #[must_use]
    pub const fn takes(&self, len: usize) -> bool {
        self.known || self.connection.is_some() || len <= self.octets
    }

    /// How a response gets to `target`: by the stream that its request came by, as long as that is open (RFC 3261 18.2.2).
    #[must_use]
    pub fn flow(&self, target: SocketAddr) -> Flow {
        let transport = match self.connection {
            Some(connection) => Transport::Stream { connection, destination_port: target.port() },
            None => Transport::Udp { source_port: self.local.port(), destination_port: target.port() },
        };
        Flow { source: self.local.ip(), destination: target.ip(), transport }
    }

    /// Where the response to a request with that topmost Via goes; for a stream, where one is to be opened if it is lost:
    /// to the port of sent-by, or the transport's own (RFC 3261 18.2.2).
    #[must_use]
    pub fn target(&self, via: &Via<'_>) -> SocketAddr {
        match self.connection {
            Some(connection) => {
                let default = if connection.secure { 5061 } else { 5060 };
                SocketAddr::new(self.source.ip(), via.sent_by_port.unwrap_or(default))
            }
            None => response_target(via, self.source),
        }
    }
}

/// What a request is to the transaction layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// A new request. Nothing is remembered until it is completed or deferred.
    New(ServerKey),
    /// A retransmission before the answer: drop it, or, if the last response was a 100, send that again
    /// ([`ServerTransactions::repeat`]).
    InProgress {
        /// Whether a 100 was sent.
        trying: bool,
    },
    /// A retransmission after the answer: write the same response again from this request.
    Completed {
        /// The status of the answer.
        status: u16,
        /// Whether it comes from the address that the first request came from, which was known.
        known: bool,
        /// When it was answered.
        at: Time,
    },
    /// Not that request again, but a copy of it that came by another way, while the first is worked on or after it was
    /// accepted: 482, statelessly (RFC 3261 8.2.2.2).
    Merged,
    /// A retransmission of a request whose answer is kept whole: send it again ([`ServerTransactions::repeat`]).
    Kept,
    /// No room to remember it: 503 with Retry-After, statelessly.
    Full,
    /// No branch of RFC 3261, and not from a peer for which RFC 2543's rules hold: 400, statelessly.
    Legacy,
}

#[derive(Clone, Copy)]
struct Completed {
    fingerprint: [u64; 2],
    /// End of Timer J in milliseconds; six bits of [`mark`]; and in the low ten the status, 0 if the client gave up.
    expires_and_status: u64,
}

const STATUS: u64 = 0x3ff;

/// Six bits that tell, but for chance, whether an address is the one that the request came from: of the fingerprint,
/// which nobody else knows, and the address.
fn mark(key: ServerKey, source: IpAddr) -> u64 {
    let address = match source {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    };
    let mixed = u128::from(key.0 as u64) ^ address;
    (mixed as u64 ^ (mixed >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58
}

#[derive(Clone, Copy)]
struct Pending {
    key: ServerKey,
    arrived: Time,
    origin: Origin,
    /// Where the response goes.
    flow: Flow,
    timer: Option<TimerId>,
    /// Octets kept of the request, and after them those that are for a 100 alone; or, once it is answered, of the answer.
    len: u16,
    timestamp_len: u16,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// RFC 3261 17.2.2: Trying.
    Trying,
    /// Proceeding: a 100 was sent.
    Proceeding,
    /// Completed, the answer kept whole.
    Answered,
}

/// The server transactions of one worker.
pub struct ServerTransactions {
    /// What they did.
    pub counts: SipServerCounts,
    fingerprint: SipKey,
    timers: Timers,
    index: Index,
    /// Those of them whose copies are refused, by what these have in common: one at a time of each, since a copy of it is
    /// remembered nowhere.
    copies: Index,
    /// A ring in the order of completion, which is the order of expiry.
    completed: Vec<Completed>,
    head: usize,
    len: usize,
    pending: Vec<Option<Pending>>,
    free: Vec<u32>,
    kept: Vec<[u8; MAX_DEFERRED]>,
    /// The places in state Answered with the ends of their Timers J, in the order of these.
    answered: VecDeque<(Time, u32)>,
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
            fingerprint: ServerKey::secret(secret),
            timers: config.timers,
            index: Index::new(config.completed),
            copies: Index::new(config.completed),
            completed: vec![nothing; config.completed],
            head: 0,
            len: 0,
            pending: (0..config.pending).map(|_| None).collect(),
            free: (0..config.pending as u32).rev().collect(),
            kept: vec![[0; MAX_DEFERRED]; config.pending],
            answered: VecDeque::with_capacity(config.pending),
            wheel: Wheel::new(config.pending),
        }
    }

    /// The transaction that a request belongs to.
    #[must_use]
    pub fn key(&self, request: &Message<'_>) -> ServerKey {
        ServerKey::of(&self.fingerprint, request)
    }

    /// Tells a new request, whose transaction is `key` and which came from `source`, from a retransmission. From a `legacy`
    /// peer one without a branch of RFC 3261 is taken too.
    pub fn receive(
        &mut self,
        now: Time,
        key: ServerKey,
        request: &Message<'_>,
        source: IpAddr,
        legacy: bool,
    ) -> Received {
        self.expire(now);
        if !legacy && !request.top_via().has_magic_cookie() {
            self.counts.legacy += 1;
            return Received::Legacy;
        }
        match self.find(key) {
            Some((_, Place::Pending(slot))) => match self.pending_at(slot).map(|entry| entry.state) {
                Some(State::Answered) => {
                    self.counts.retransmitted_completed += 1;
                    Received::Kept
                }
                state => {
                    self.counts.retransmitted_in_progress += 1;
                    Received::InProgress { trying: state == Some(State::Proceeding) }
                }
            },
            Some((_, Place::Completed(at))) => {
                let entry = self.completed.get(at as usize).map_or(0, |entry| entry.expires_and_status);
                let life = self.timers.transaction().as_millis() as u64 + 1;
                let answered = Time::from_millis((entry >> 16).saturating_sub(life));
                match (entry & STATUS) as u16 {
                    0 => {
                        self.counts.retransmitted_in_progress += 1;
                        Received::InProgress { trying: false }
                    }
                    status => {
                        self.counts.retransmitted_completed += 1;
                        let known = entry as u16 >> 10 == mark(key, source) as u16;
                        Received::Completed { status, known, at: answered }
                    }
                }
            }
            None if self.is_copy(key, request) => {
                self.counts.merged += 1;
                Received::Merged
            }
            None if self.is_full() && self.answered.is_empty() => {
                self.counts.refused_full += 1;
                Received::Full
            }
            None => {
                self.counts.new_requests += 1;
                Received::New(key)
            }
        }
    }

    /// Whether a MESSAGE, of a transaction of its own, is one that is being worked on or was accepted, come again by another
    /// way. One that was refused may be tried again: RFC 3263 4.3 has a client do so with another branch alone.
    fn is_copy(&self, key: ServerKey, request: &Message<'_>) -> bool {
        if !key.may_be_copy() || request.method() != Method::Message {
            return false;
        }
        let same = |other: ServerKey| other.copies() == key.copies();
        let found = self.copies.find(key.place_of_copies(), |number| match Place::of(number) {
            Place::Completed(at) => self.completed.get(at as usize).is_some_and(|entry| same(entry.key())),
            Place::Pending(slot) => self.pending_at(slot).is_some_and(|entry| same(entry.key)),
        });
        found.is_some()
    }

    /// Whether the request that a CANCEL names is one that is worked on or was answered (RFC 3261 9.2).
    #[must_use]
    pub fn knows_cancelled(&self, cancel: &Message<'_>) -> bool {
        let methods = [Method::Message, Method::Register, Method::Notify, Method::Options];
        let mut keys = methods.iter().map(|method| ServerKey::of_method(&self.fingerprint, cancel, *method));
        keys.any(|key| self.find(key).is_some())
    }

    /// Notes where a transaction is, and with `copied` that copies of its request are refused.
    fn note(&mut self, key: ServerKey, place: Place, copied: bool) {
        self.index.insert(key.0, place.number());
        if copied && key.may_be_copy() {
            self.copies.insert(key.place_of_copies(), place.number());
        }
    }

    /// The same no more.
    fn strike(&mut self, key: ServerKey, place: Place) {
        let is = |number| Place::of(number) == place;
        if let Some((at, _)) = self.index.find(key.0, is) {
            self.index.remove(at);
        }
        self.allow_copies(key, place);
    }

    /// Copies of that request are taken from now on.
    fn allow_copies(&mut self, key: ServerKey, place: Place) {
        if let Some((at, _)) = self.copies.find(key.place_of_copies(), |number| Place::of(number) == place) {
            self.copies.remove(at);
        }
    }

    /// Remembers that a new request from `source` was answered with `status` in the same turn.
    pub fn complete_now(&mut self, now: Time, key: ServerKey, status: u16, source: IpAddr) {
        if self.find(key).is_some() || !self.make_room() {
            return;
        }
        self.remember(now, key, status, source);
        self.counts.completed += 1;
    }

    fn remember(&mut self, now: Time, key: ServerKey, status: u16, source: IpAddr) {
        let expires = (now + self.timers.transaction()).as_millis() + 1;
        let at = (self.head + self.len) % self.completed.len().max(1);
        if let Some(place) = self.completed.get_mut(at) {
            place.fingerprint = [key.0 as u64, (key.0 >> 64) as u64];
            place.expires_and_status = expires << 16 | mark(key, source) << 10 | u64::from(status) & STATUS;
            self.len += 1;
            self.note(key, Place::Completed(at as u32), (200..300).contains(&status));
        }
    }

    /// Keeps what the answer to a new request needs, until [`ServerTransactions::answer`].
    pub fn defer(
        &mut self,
        now: Time,
        key: ServerKey,
        request: &Message<'_>,
        to_tag: &Tag,
        origin: Origin,
    ) -> Result<(), Refused> {
        let refused = self.keep(now, key, request, to_tag, origin);
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
        origin: Origin,
    ) -> Result<(), Refused> {
        if self.find(key).is_some() || !self.make_room() {
            return Err(Refused::Full);
        }
        if self.free.is_empty() {
            self.forget_oldest();
        }
        let &slot = self.free.last().ok_or(Refused::Full)?;
        let kept = self.kept.get_mut(slot as usize).ok_or(Refused::Full)?;
        let mut w = Writer::new(kept);
        response_head(&request.fragment(), to_tag, origin.source, &mut w);
        let len = w.finish().ok_or(Refused::Unwritable)?;
        timestamp(&request.fragment(), &mut w);
        let with_timestamp = w.finish().ok_or(Refused::Unwritable)?;
        let entry = Pending {
            key,
            arrived: now,
            origin,
            flow: origin.flow(origin.target(&request.top_via())),
            timer: self.wheel.insert(now + self.timers.trying(), slot).ok(),
            len: len as u16,
            timestamp_len: (with_timestamp - len) as u16,
            state: State::Trying,
        };
        *self.pending.get_mut(slot as usize).ok_or(Refused::Full)? = Some(entry);
        self.free.pop();
        self.note(key, Place::Pending(slot), true);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.len + self.pending.len() - self.free.len() >= self.completed.len()
    }

    /// Room for one more transaction, if need be in the place of an answer that was kept.
    fn make_room(&mut self) -> bool {
        if self.is_full() {
            self.forget_oldest();
        }
        !self.is_full()
    }

    /// Forgets the answer that has been kept for the longest time.
    fn forget_oldest(&mut self) {
        if let Some((_, slot)) = self.answered.pop_front() {
            self.release(slot);
            self.counts.forgotten_early += 1;
        }
    }

    fn pending_at(&self, slot: u32) -> Option<&Pending> {
        self.pending.get(slot as usize)?.as_ref()
    }

    fn pending_mut(&mut self, slot: u32) -> Option<&mut Pending> {
        self.pending.get_mut(slot as usize)?.as_mut()
    }

    /// The place of a request that waits for its answer.
    fn waiting(&self, key: ServerKey) -> Option<(u32, Pending)> {
        match self.find(key) {
            Some((_, Place::Pending(slot))) => {
                let entry = self.pending_at(slot).filter(|entry| entry.state != State::Answered)?;
                Some((slot, *entry))
            }
            _ => None,
        }
    }

    /// Gives a place free; its octets stay until it is used again.
    fn release(&mut self, slot: u32) {
        let Some(entry) = self.pending.get_mut(slot as usize).and_then(Option::take) else { return };
        self.free.push(slot);
        if let Some(timer) = entry.timer {
            self.wheel.cancel(timer);
        }
        self.strike(entry.key, Place::Pending(slot));
    }

    /// The transaction in that place is over: remembers its status, 0 if the client gave up, unless its source is not
    /// known.
    fn end(&mut self, now: Time, slot: u32, entry: &Pending, status: u16) {
        self.release(slot);
        if entry.origin.known && entry.origin.connection.is_none() {
            self.remember(now, entry.key, status, entry.origin.source.ip());
        }
    }

    /// Says of a deferred request that its source is known now: it has shown that it gets what is sent there.
    pub fn vouch(&mut self, key: ServerKey) {
        if let Some((slot, _)) = self.waiting(key)
            && let Some(entry) = self.pending_mut(slot)
        {
            entry.origin.known = true;
        }
    }

    /// Answers a deferred request with `status`, its reason phrase and the headers that `extra` adds; with `true`, no more
    /// of them than must be. `whole` keeps the
    /// answer for retransmissions; otherwise they are answered from the request alone, without `extra`.
    pub fn answer(
        &mut self,
        now: Time,
        key: ServerKey,
        status: u16,
        whole: bool,
        extra: impl Fn(&mut Writer<'_>, bool),
        out: &mut dyn Out,
    ) -> Result<(), Refused> {
        let Some((slot, entry)) = self.waiting(key) else {
            self.counts.late_answers += 1;
            return Err(Refused::Gone);
        };
        // Nothing is sent once the client has given up (RFC 4320 4.2).
        if now >= entry.arrived + self.timers.transaction() {
            self.end(now, slot, &entry, 0);
            self.counts.late_answers += 1;
            return Err(Refused::Gone);
        }
        self.counts.answered += 1;
        let sent = self.send(slot, &entry, status, whole, extra, out);
        match sent {
            Ok(len) if whole && len > 0 && entry.origin.connection.is_none() => self.stay(now, slot, len),
            // What found no buffer is not there to be sent again: the retransmission is a new request.
            _ if whole => self.release(slot),
            _ => self.end(now, slot, &entry, status),
        }
        sent.map(|_| ())
    }

    /// The answer of `len` octets stays in its place.
    fn stay(&mut self, now: Time, slot: u32, len: usize) {
        let until = now + self.timers.transaction();
        let Some(entry) = self.pending_mut(slot) else { return };
        entry.state = State::Answered;
        (entry.len, entry.timestamp_len) = (len as u16, 0);
        let key = entry.key;
        if let Some(timer) = entry.timer.take() {
            self.wheel.cancel(timer);
        }
        self.answered.push_back((until, slot));
        self.allow_copies(key, Place::Pending(slot));
    }

    /// Writes the response to a deferred request, and gives its length; 0 if there was no buffer. `whole` copies it to
    /// where the request was. A challenge that is too long for its source is written again as short as can be: without
    /// reason phrase and Content-Length, which the datagram's end stands for (RFC 3261 7.2, 18.3).
    fn send(
        &mut self,
        slot: u32,
        entry: &Pending,
        status: u16,
        whole: bool,
        extra: impl Fn(&mut Writer<'_>, bool),
        out: &mut dyn Out,
    ) -> Result<usize, Refused> {
        let before = entry.len + if status == 100 { entry.timestamp_len } else { 0 };
        let before =
            self.kept.get(slot as usize).and_then(|kept| kept.get(..usize::from(before))).unwrap_or(&[]);
        let mut short = false;
        let len = loop {
            let Some(room) = out.room() else {
                self.counts.no_buffer += 1;
                return Ok(0);
            };
            let mut w = Writer::new(room);
            status_line(status, if short { "" } else { reason_phrase(status) }, &mut w);
            w.bytes(before);
            extra(&mut w, short);
            response_end(short, &mut w);
            let Some(len) = w.finish() else {
                self.counts.unwritable += 1;
                return Err(Refused::Unwritable);
            };
            if entry.origin.takes(len) {
                break len;
            }
            if short || status != 401 {
                self.counts.reply_withheld += 1;
                return Err(Refused::Withheld);
            }
            short = true;
        };
        let Some(room) = out.room() else { return Ok(0) };
        if whole {
            let kept = self.kept.get_mut(slot as usize);
            let place = kept.and_then(|kept| kept.get_mut(..len)).zip(room.get(..len));
            let Some((place, written)) = place else {
                self.counts.unwritable += 1;
                return Err(Refused::Unwritable);
            };
            place.copy_from_slice(written);
        }
        out.commit(len, entry.flow);
        Ok(len)
    }

    /// Sends a deferred request's response again, for a retransmission of `octets`: the 100, or the answer that was kept.
    /// It goes where the first went.
    pub fn repeat(&mut self, key: ServerKey, octets: usize, out: &mut dyn Out) {
        let Some((_, Place::Pending(slot))) = self.find(key) else { return };
        let Some(mut entry) = self.pending_at(slot).copied() else { return };
        entry.origin.octets = octets;
        if entry.state != State::Answered {
            let _counted = self.send(slot, &entry, 100, false, |_, _| (), out);
            return;
        }
        let len = usize::from(entry.len);
        if !entry.origin.takes(len) {
            self.counts.reply_withheld += 1;
            return;
        }
        let kept = self.kept.get(slot as usize).and_then(|kept| kept.get(..len)).unwrap_or(&[]);
        match out.room().and_then(|room| room.get_mut(..kept.len())) {
            Some(room) => {
                room.copy_from_slice(kept);
                out.commit(kept.len(), entry.flow);
            }
            None => self.counts.no_buffer += 1,
        }
    }

    /// Sends the 100s that are due, gives up requests whose client has given up, and forgets what Timer J has ended.
    pub fn handle_timeout(&mut self, now: Time, out: &mut dyn Out) {
        while let Some(slot) = self.wheel.poll(now) {
            let Some(entry) = self.pending_at(slot).copied() else { continue };
            let end = entry.arrived + self.timers.transaction();
            if now >= end {
                self.end(now, slot, &entry, 0);
                self.counts.unanswered += 1;
                continue;
            }
            let timer = self.wheel.insert(end, slot).ok();
            if let Some(entry) = self.pending_mut(slot) {
                (entry.state, entry.timer) = (State::Proceeding, timer);
            }
            self.counts.trying += 1;
            let _counted = self.send(slot, &entry, 100, false, |_, _| (), out);
        }
        self.expire(now);
    }

    fn expire(&mut self, now: Time) {
        while let Some(&(_, slot)) = self.answered.front().filter(|(until, _)| now > *until) {
            self.answered.pop_front();
            self.release(slot);
        }
        while self.len > 0 {
            let Some(&oldest) = self.completed.get(self.head) else { return };
            if now.as_millis() < oldest.expires_and_status >> 16 {
                return;
            }
            self.strike(oldest.key(), Place::Completed(self.head as u32));
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
        let kept = self.answered.front().map(|&(until, _)| until + Duration::from_millis(1));
        timer_j.into_iter().chain(kept).chain(pending).min()
    }

    /// How many requests wait for their answer.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len() - self.free.len() - self.answered.len()
    }

    /// How many answers are kept whole.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.answered.len()
    }

    /// How many answered requests are remembered.
    #[must_use]
    pub fn completed(&self) -> usize {
        self.len
    }

    /// How many there are whose copies are refused.
    #[must_use]
    pub fn refusing_copies(&self) -> usize {
        let accepted = |entry: &Completed| (200..300).contains(&(entry.expires_and_status & STATUS));
        let at = |at: usize| self.completed.get((self.head + at) % self.completed.len().max(1));
        let completed = (0..self.len).filter_map(at).filter(|it| it.key().may_be_copy() && accepted(it));
        let waiting = |entry: &&Pending| entry.key.may_be_copy() && entry.state != State::Answered;
        completed.count() + self.pending.iter().flatten().filter(waiting).count()
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
        assert!(self.len + self.pending() + self.kept() <= self.completed.len());
        assert_eq!(self.index.len(), self.len + self.pending() + self.kept());
        assert_eq!(self.copies.len(), self.refusing_copies());
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
            let queued = self.answered.iter().filter(|(_, other)| *other == slot as u32).count();
            assert_eq!(queued, usize::from(entry.state == State::Answered));
        }
        assert!(self.answered.iter().is_sorted_by_key(|(until, _)| *until));
    }
}

impl Completed {
    fn key(&self) -> ServerKey {
        let [low, high] = self.fingerprint;
        ServerKey(u128::from(high) << 64 | u128::from(low))
    }
}
