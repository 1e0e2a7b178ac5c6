//! All associations of one worker: which one a packet belongs to, and the answers to packets of none (RFC 9260 8.4).

use super::association::{Arrival, Association, PathState, REASON_LIMIT, State, Step, Turn};
use super::cookie::Baker;
use super::stateless::AnswerLimit;
use super::view::{Chunk, Chunks, Init, Packet, chunk};
use super::{AssociationConfig, MESSAGE_LIMIT, Random, SctpCounts};
use crate::base::{Malformed, MalformedCounts, Out, SipKey, Time};
use ahash::RandomState;
use core::net::IpAddr;
use std::collections::{HashMap, VecDeque};

/// Names an association by the place of its configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct AssociationId(pub u16);

/// Why an association is no more, or did not come up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DownReason {
    /// No answer to INIT or COOKIE ECHO.
    NoAnswer,
    /// The set-up was refused, by the peer or by us, for this error cause (0: none given).
    Refused {
        /// Cause code (3.3.10).
        cause: u16,
    },
    /// Ended at once, by the peer or by us, for this error cause (0: none given).
    Aborted {
        /// Cause code (3.3.10).
        cause: u16,
    },
    /// The peer answers no more.
    Lost,
    /// Ended gracefully; everything was delivered.
    Shutdown,
    /// Our user gave it up.
    Local,
}

/// What has become of an association.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Messages can be sent.
    Up {
        /// Outbound streams agreed on.
        streams: u16,
    },
    /// It is no more. What was not acknowledged is lost.
    Down {
        /// Why.
        reason: DownReason,
    },
    /// The peer began anew and knows nothing of before; messages can be sent (5.2.4 A).
    Restarted {
        /// Outbound streams agreed on, perhaps fewer than before.
        streams: u16,
    },
    /// A path to the peer stands otherwise than was told last.
    Path {
        /// The peer's address.
        remote: IpAddr,
        /// How it stands.
        state: PathState,
    },
}

/// Why a message was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendRefused {
    /// The association is not up.
    NotUp,
    /// The stream is not one of those agreed on.
    NoSuchStream,
    /// The send ring is full.
    Full,
    /// Longer than [`MESSAGE_LIMIT`].
    TooLong,
    /// No octets.
    Empty,
}

/// A message that was not acknowledged when its association ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Left<'a> {
    /// On which stream.
    pub stream: u16,
    /// Payload protocol identifier.
    pub ppid: u32,
    /// It left, or a part of it: the peer may have it.
    pub sent: bool,
    /// The message.
    pub payload: &'a [u8],
}

/// What a packet brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// One user message.
    Data {
        /// Whose.
        association: AssociationId,
        /// On which stream.
        stream: u16,
        /// Payload protocol identifier.
        ppid: u32,
        /// The message.
        payload: &'a [u8],
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing of the packet was looked at.
    Start,
    /// Its chunks are being handled.
    Chunks,
    /// All is done.
    Done,
}

/// How far a packet has been handled, and room for a message that is not in the packet itself.
pub struct Cursor {
    pub(super) phase: Phase,
    /// Where the next chunk begins.
    pub(super) at: usize,
    pub(super) association: u16,
    /// The association's tag: another one by now means another association.
    pub(super) tag: u32,
    /// Messages of this stream, or list, may be complete in the store.
    look: Option<usize>,
    scratch: Box<[u8; MESSAGE_LIMIT]>,
}

impl Cursor {
    /// A cursor for one packet after another.
    #[must_use]
    pub fn new() -> Self {
        let scratch = Box::new([0; MESSAGE_LIMIT]);
        Self { phase: Phase::Start, at: 0, association: 0, tag: 0, look: None, scratch }
    }

    /// Ready for the next packet.
    pub const fn reset(&mut self) {
        self.phase = Phase::Start;
        self.look = None;
    }
}

impl Default for Cursor {
    fn default() -> Self {
        Self::new()
    }
}

/// Parameters of an INIT that are looked at for known addresses, at most.
const MAX_PARAMETERS: usize = 16;

/// Source, destination and ports of a packet from the peer: (address, own address, peer's port, own port).
pub(super) type Peer = (IpAddr, IpAddr, u16, u16);

/// All associations that one worker owns.
pub struct Endpoint {
    pub(super) associations: Vec<Association>,
    /// Live associations, by every pair of addresses.
    pub(super) peers: HashMap<Peer, u16, RandomState>,
    /// What of `peers` belongs to each association.
    indexed: Vec<Vec<Peer>>,
    pub(super) baker: Baker,
    pub(super) random: Random,
    pub(super) limit: AnswerLimit,
    /// Associations that may have to send at the end of the turn.
    dirty: Vec<u16>,
    /// Associations with something to tell.
    changed: VecDeque<u16>,
    /// No timer expires before this.
    wake: Time,
    /// The association of the last packet: the next is often its own too.
    last: Option<(Peer, u16)>,
    /// What was seen and done.
    pub counts: SctpCounts,
    /// What was malformed, by reason.
    pub malformed: MalformedCounts,
}

impl Endpoint {
    /// An endpoint for at most as many associations as there are configurations (65,535). `secret` is for cookies;
    /// `random` for tags, TSNs and nonces: both must be new at every start.
    #[must_use]
    pub fn new(configs: Vec<AssociationConfig>, secret: [u8; 32], random: SipKey) -> Self {
        let count = configs.len().min(usize::from(u16::MAX));
        let mut random = Random::new(random);
        let hasher = RandomState::with_seeds(random.next(), random.next(), random.next(), random.next());
        let pairs = |config: &AssociationConfig| super::MAX_PATHS * config.local.len().max(1);
        let total = configs.iter().map(pairs).sum();
        Self {
            indexed: configs.iter().map(|config| Vec::with_capacity(pairs(config))).collect(),
            peers: HashMap::with_capacity_and_hasher(total, hasher),
            associations: configs
                .into_iter()
                .take(count)
                .enumerate()
                .map(|(id, config)| Association::new(id as u16, config))
                .collect(),
            baker: Baker::new(secret),
            random,
            limit: AnswerLimit::FULL,
            dirty: Vec::with_capacity(count),
            changed: VecDeque::with_capacity(count),
            wake: Time::NEVER,
            last: None,
            counts: SctpCounts::default(),
            malformed: MalformedCounts::default(),
        }
    }

    /// Handles one packet, which is all that follows the IP header, from `source` to `destination`, ours. Gives one
    /// message at a time: call with the same cursor until `None`, and reset the cursor before the next packet.
    pub fn input<'a>(
        &mut self,
        now: Time,
        source: IpAddr,
        destination: IpAddr,
        packet: &'a [u8],
        cursor: &'a mut Cursor,
        out: &mut dyn Out,
    ) -> Option<Event<'a>> {
        if cursor.phase == Phase::Start {
            cursor.phase = Phase::Done;
            self.counts.packets_in += 1;
            match Packet::parse(packet) {
                Ok(parsed) => {
                    if let Err(refused) = self.open(now, source, destination, &parsed, cursor, out) {
                        self.refuse(refused);
                    }
                }
                Err(refused) => self.refuse(refused),
            }
        }
        let (mut borrowed, mut stored) = (None, None);
        while cursor.phase == Phase::Chunks && borrowed.is_none() && stored.is_none() {
            let turn = &mut Turn { now, out, counts: &mut self.counts, random: &mut self.random };
            let Some(association) = self.associations.get_mut(usize::from(cursor.association)) else { break };
            if association.local_tag != cursor.tag {
                cursor.phase = Phase::Done;
                break;
            }
            if let Some(list) = cursor.look {
                stored = association.take_ready(list, cursor.scratch.as_mut_slice());
                if stored.is_none() {
                    cursor.look = None;
                }
                continue;
            }
            let mut chunks = Chunks::resume(packet, cursor.at);
            let step = match chunks.next() {
                None => Ok(Step::Stop),
                Some(Err(refused)) => Err(refused),
                Some(Ok(chunk)) => association.on_chunk(turn, &chunk),
            };
            cursor.at = chunks.position();
            match step {
                Ok(Step::Next) => {}
                Ok(Step::Look(list)) => cursor.look = Some(list),
                Ok(Step::Deliver(data)) => {
                    cursor.look = Some(usize::from(data.stream));
                    borrowed = Some(data);
                }
                Ok(Step::Stop) => {
                    association.end_of_packet(turn);
                    cursor.phase = Phase::Done;
                }
                // A malformed chunk is dropped, and all behind it; what stood before it counts.
                Err(refused) => {
                    association.end_of_packet(turn);
                    cursor.phase = Phase::Done;
                    self.refuse(refused);
                }
            }
        }
        self.settle(cursor.association);
        let association = AssociationId(cursor.association);
        if let Some(data) = borrowed {
            self.counts.messages_in += 1;
            let (stream, ppid, payload) = (data.stream, data.ppid, data.payload);
            return Some(Event::Data { association, stream, ppid, payload });
        }
        let (stream, ppid, length) = stored?;
        self.counts.messages_in += 1;
        let payload = cursor.scratch.get(..length)?;
        Some(Event::Data { association, stream, ppid, payload })
    }

    fn refuse(&mut self, refused: Malformed) {
        self.counts.malformed += 1;
        self.malformed.add(refused);
    }

    /// Whose packet it is. First the ports and addresses, then the tag (8.5), then the chunks.
    fn open(
        &mut self,
        now: Time,
        source: IpAddr,
        destination: IpAddr,
        packet: &Packet<'_>,
        cursor: &mut Cursor,
        out: &mut dyn Out,
    ) -> Result<(), Malformed> {
        let peer = (source, destination, packet.source_port, packet.destination_port);
        let known = match self.last {
            Some((last, id)) if last == peer => Some(id),
            _ => self.peers.get(&peer).copied(),
        };
        let mut chunks = packet.chunks();
        let Some(first) = chunks.next() else { return Ok(()) };
        let first = first?;
        let alone = chunks.is_at_end();
        cursor.at = super::COMMON_HEADER;
        let Some(id) = known.or_else(|| self.named(peer, packet, &first, alone)) else {
            return self.out_of_the_blue(now, peer, packet, &first, alone, cursor, out);
        };
        self.last = Some((peer, id));
        cursor.association = id;
        let Some(association) = self.associations.get_mut(usize::from(id)) else { return Ok(()) };
        let turn = &mut Turn { now, out, counts: &mut self.counts, random: &mut self.random };
        association.arrival = Arrival::new(association.path_to(source), destination);
        let reflected = first.flags & 1 == 1;
        let expected = if reflected { association.peer_tag } else { association.local_tag };
        let either_tag_fits = packet.tag == expected && packet.tag != 0;
        match first.kind {
            chunk::INIT if packet.tag == 0 && alone => return self.on_init(now, peer, Some(id), &first, out),
            chunk::COOKIE_ECHO => return self.on_cookie_echo(now, peer, packet, &first, cursor, out),
            chunk::ABORT if either_tag_fits => {
                association.on_abort(turn, &first);
            }
            chunk::SHUTDOWN_COMPLETE if either_tag_fits && alone => association.on_shutdown_complete(turn),
            // Whatever comes before it (8.5.1 E).
            _ if matches!(association.state, State::CookieWait | State::CookieEchoed)
                && packet.has(chunk::SHUTDOWN_ACK) =>
            {
                self.answer(now, peer, packet.tag, chunk::SHUTDOWN_COMPLETE, out);
            }
            chunk::INIT_ACK if packet.tag == association.local_tag && alone => {
                association.on_init_ack(turn, &first, source, destination)?;
            }
            chunk::INIT | chunk::ABORT | chunk::SHUTDOWN_COMPLETE | chunk::INIT_ACK => {
                self.counts.bad_tag += 1
            }
            _ if packet.tag == association.local_tag => {
                cursor.tag = packet.tag;
                cursor.phase = Phase::Chunks;
            }
            _ => self.counts.bad_tag += 1,
        }
        Ok(())
    }

    /// Whose an INIT or INIT ACK is that comes from an address which is not filed: that of an address which it lists, or of
    /// the tag that it answers (5.1.2 D).
    fn named(&self, peer: Peer, packet: &Packet<'_>, first: &Chunk<'_>, alone: bool) -> Option<u16> {
        let (_, destination, remote_port, local_port) = peer;
        match first.kind {
            chunk::INIT if packet.tag == 0 && alone => {
                let parameters = Init::parse(first).ok()?.parameters.take(MAX_PARAMETERS);
                let listed = parameters.filter_map(|tlv| tlv.ok()?.address());
                listed
                    .filter_map(|address| self.peers.get(&(address, destination, remote_port, local_port)))
                    .next()
                    .copied()
            }
            chunk::INIT_ACK if packet.tag != 0 && alone => {
                let is_it = |association: &&Association| {
                    association.state == State::CookieWait
                        && association.local_tag == packet.tag
                        && association.config.local.contains(&destination)
                        && association.config.local_port == local_port
                        && association.remote_port == remote_port
                };
                self.associations.iter().find(is_it).map(|association| association.id)
            }
            _ => None,
        }
    }

    /// Takes note of what handling something has changed in an association.
    fn settle(&mut self, id: u16) {
        let Some(association) = self.associations.get_mut(usize::from(id)) else { return };
        #[cfg(debug_assertions)]
        association.assert_invariants();
        self.wake = self.wake.min(association.wake);
        if association.dirty && !core::mem::replace(&mut association.listed, true) {
            self.dirty.push(id);
        }
        if association.has_news() && !self.changed.contains(&id) {
            self.changed.push_back(id);
        }
        if core::mem::take(&mut association.reindex) {
            self.index(id);
        }
    }

    /// Files an association under its addresses, and under no others.
    fn index(&mut self, id: u16) {
        self.last = None;
        let (Some(association), Some(indexed)) =
            (self.associations.get(usize::from(id)), self.indexed.get_mut(usize::from(id)))
        else {
            return;
        };
        for peer in indexed.drain(..) {
            self.peers.remove(&peer);
        }
        if association.state == State::Closed {
            return;
        }
        for path in association.paths.iter() {
            for &local in &association.config.local {
                let peer = (path.remote, local, association.remote_port, association.config.local_port);
                // What is filed under another association stays there.
                if let std::collections::hash_map::Entry::Vacant(free) = self.peers.entry(peer) {
                    free.insert(id);
                    indexed.push(peer);
                }
            }
        }
    }

    /// What has become of an association, oldest first; two changes of one association between calls become the
    /// later one, but a loss is always told before what follows it.
    pub fn poll_event(&mut self) -> Option<(AssociationId, Change)> {
        let id = *self.changed.front()?;
        let association = self.associations.get_mut(usize::from(id))?;
        let notice = &mut association.notice;
        let change = if let Some(reason) = notice.down.take() {
            Some(Change::Down { reason })
        } else if core::mem::take(&mut notice.up) {
            notice.restarted = false;
            Some(Change::Up { streams: association.streams() })
        } else if core::mem::take(&mut notice.restarted) {
            Some(Change::Restarted { streams: association.streams() })
        } else {
            association.path_change().map(|(remote, state)| Change::Path { remote, state })
        };
        if !association.has_news() {
            self.changed.pop_front();
        }
        match change {
            Some(change) => Some((AssociationId(id), change)),
            None => self.poll_event(),
        }
    }

    /// Runs `act` on one association.
    pub(super) fn with<T>(
        &mut self,
        now: Time,
        id: AssociationId,
        out: &mut dyn Out,
        act: impl FnOnce(&mut Association, &mut Turn<'_>) -> T,
    ) -> Option<T> {
        let association = self.associations.get_mut(usize::from(id.0))?;
        let mut turn = Turn { now, out, counts: &mut self.counts, random: &mut self.random };
        let done = act(association, &mut turn);
        self.settle(id.0);
        Some(done)
    }

    /// Begins to connect, and from now on again after every loss. A server accepts (again) from now on.
    pub fn connect(&mut self, now: Time, id: AssociationId, out: &mut dyn Out) {
        self.with(now, id, out, |association, turn| {
            association.wanted = true;
            if association.config.role == super::Role::Client {
                association.connect(turn);
            }
        });
    }

    /// Ends gracefully once everything is acknowledged; no new association until [`Endpoint::connect`].
    pub fn shutdown(&mut self, now: Time, id: AssociationId, out: &mut dyn Out) {
        self.with(now, id, out, Association::shutdown);
    }

    /// What was not acknowledged when the last association ended or began anew, in the order in which it was to be sent
    /// (11.1.14, 11.1.15), for as long as nothing is sent on the next one.
    pub fn left(&self, id: AssociationId, each: &mut dyn FnMut(Left<'_>)) {
        if let Some(association) = self.associations.get(usize::from(id.0)) {
            association.left(&mut [0; MESSAGE_LIMIT], each);
        }
    }

    /// What the peer's last ABORT said beside its cause code, such as its user's reason (3.3.10.12); at most 128 octets.
    #[must_use]
    pub fn abort_reason(&self, id: AssociationId) -> &[u8] {
        self.associations.get(usize::from(id.0)).map_or(&[], |association| &association.reason)
    }

    /// Gives out no more messages of an association: they are held until its receive window is shut, and the peer waits.
    pub fn hold(&mut self, id: AssociationId) {
        if let Some(association) = self.associations.get_mut(usize::from(id.0)) {
            association.hold();
        }
    }

    /// Ends [`Endpoint::hold`], and gives the next message that was held: call until `None`. What was held when an
    /// association ended can be read until the next one begins.
    pub fn read<'a>(&mut self, id: AssociationId, cursor: &'a mut Cursor) -> Option<Event<'a>> {
        let message = self.associations.get_mut(usize::from(id.0))?.read(cursor.scratch.as_mut_slice());
        self.settle(id.0);
        let (stream, ppid, length) = message?;
        self.counts.messages_in += 1;
        Some(Event::Data { association: id, stream, ppid, payload: cursor.scratch.get(..length)? })
    }

    /// Ends at once, with `reason` for the peer (at most 128 octets of it); no new association until
    /// [`Endpoint::connect`].
    pub fn abort(&mut self, now: Time, id: AssociationId, reason: &[u8], out: &mut dyn Out) {
        let reason = reason.get(..REASON_LIMIT).unwrap_or(reason);
        self.with(now, id, out, |association, turn| association.abort(turn, reason));
    }

    /// Sends new DATA to `address` from now on, as long as it answers (11.1.6); false, and nothing changes, if the peer has no
    /// such address.
    pub fn set_primary(&mut self, now: Time, id: AssociationId, address: IpAddr, out: &mut dyn Out) -> bool {
        self.with(now, id, out, |association, _| association.set_primary(address)).unwrap_or(false)
    }

    /// Copies a message into the send ring; it leaves at the next [`Endpoint::flush`], in order within its stream.
    pub fn send(
        &mut self,
        now: Time,
        id: AssociationId,
        stream: u16,
        ppid: u32,
        payload: &[u8],
    ) -> Result<(), SendRefused> {
        self.send_as(now, id, stream, ppid, payload, false)
    }

    /// As [`Endpoint::send`], but to be delivered as soon as it arrives, whatever came before it (6.6).
    pub fn send_unordered(
        &mut self,
        now: Time,
        id: AssociationId,
        stream: u16,
        ppid: u32,
        payload: &[u8],
    ) -> Result<(), SendRefused> {
        self.send_as(now, id, stream, ppid, payload, true)
    }

    #[allow(clippy::too_many_arguments)] // what the user says of a message
    fn send_as(
        &mut self,
        now: Time,
        id: AssociationId,
        stream: u16,
        ppid: u32,
        payload: &[u8],
        unordered: bool,
    ) -> Result<(), SendRefused> {
        let association = self.associations.get_mut(usize::from(id.0)).ok_or(SendRefused::NotUp)?;
        let taken = association.send(stream, ppid, payload, unordered);
        match taken {
            Ok(()) => {
                self.counts.messages_out += 1;
                // Who sleeps until the next timer wakes up at once, and flushes.
                self.wake = self.wake.min(now);
                if !core::mem::replace(&mut association.listed, true) {
                    self.dirty.push(id.0);
                }
            }
            Err(SendRefused::Full) => self.counts.send_full += 1,
            Err(_) => {}
        }
        taken
    }

    /// The end of a worker's turn: packs DATA and SACKs that are due into packets.
    pub fn flush(&mut self, now: Time, out: &mut dyn Out) {
        for _ in 0..self.dirty.len() {
            let Some(id) = self.dirty.pop() else { return };
            let Some(association) = self.associations.get_mut(usize::from(id)) else { continue };
            association.listed = false;
            if !core::mem::take(&mut association.dirty) {
                continue;
            }
            let mut turn = Turn { now, out, counts: &mut self.counts, random: &mut self.random };
            association.flush(&mut turn);
            self.wake = self.wake.min(association.wake);
            if association.dirty {
                // No buffer was free: again at the next flush.
                association.listed = true;
                self.dirty.insert(0, id);
            }
        }
    }

    /// Runs the timers that have expired, and sends what they bring.
    pub fn handle_timeout(&mut self, now: Time, out: &mut dyn Out) {
        if now < self.wake {
            return;
        }
        for id in 0..self.associations.len() as u16 {
            if self.associations.get(usize::from(id)).is_some_and(|association| association.wake <= now) {
                self.with(now, AssociationId(id), out, Association::on_timeout);
            }
        }
        self.wake = self.associations.iter().map(|association| association.wake).min().unwrap_or(Time::NEVER);
        self.flush(now, out);
    }

    /// When to call [`Endpoint::handle_timeout`] next, at the latest; sometimes there is nothing to do by then.
    #[must_use]
    pub const fn poll_timeout(&self) -> Time {
        self.wake
    }

    /// The state of an association; `Closed` for one that is not configured.
    #[must_use]
    pub fn state(&self, id: AssociationId) -> State {
        self.associations.get(usize::from(id.0)).map_or(State::Closed, |association| association.state)
    }

    /// Whether messages can be sent.
    #[must_use]
    pub fn is_up(&self, id: AssociationId) -> bool {
        self.state(id) == State::Established
    }

    /// How many associations are configured.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.associations.len()
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.associations.is_empty()
    }

    /// Panics if the books of any association, or the look-up tables, don't balance.
    pub fn assert_invariants(&self) {
        for association in &self.associations {
            association.assert_invariants();
        }
        let filed: usize = self.indexed.iter().map(Vec::len).sum();
        assert_eq!(filed, self.peers.len());
        let listed = self.associations.iter().filter(|association| association.listed).count();
        assert_eq!(listed, self.dirty.len());
        assert!(self.changed.len() <= self.associations.len());
    }
}
