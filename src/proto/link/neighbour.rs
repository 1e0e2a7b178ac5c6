//! The neighbour table: which hardware address a neighbour has, how sure that is (RFC 4861 §7.3, for ARP too), and
//! the frames that wait to know.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{HashMap, VecDeque};

use super::interface::InterfaceId;
use super::{LinkCounts, Mac};
use crate::base::{PortId, Time};

/// How long an answer holds (RFC 4861 §10, REACHABLE_TIME).
const REACHABLE: Duration = Duration::from_secs(30);
/// How soon an address that nobody confirmed is asked after, once it is used (DELAY_FIRST_PROBE_TIME).
const DELAY: Duration = Duration::from_secs(5);
/// Between questions (RETRANS_TIMER).
const RETRANSMIT: Duration = Duration::from_secs(1);
/// How long a neighbour that nobody needs is remembered.
const IDLE: Duration = Duration::from_secs(600);
/// Questions of each kind (MAX_UNICAST_SOLICIT, MAX_MULTICAST_SOLICIT).
const ASKS: u8 = 3;
/// Part of the waiting room that one neighbour may fill unless it is a gateway.
const SHARE: usize = 4;

/// A neighbour that a message told of; every worker's table wants to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// Where.
    pub port: PortId,
    /// The VLAN there.
    pub vlan: Option<u16>,
    /// Its address.
    pub ip: IpAddr,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// What kind of message told it.
    pub evidence: Evidence,
}

/// How a neighbour was learned, which says what the news may change (RFC 4861 §7.2.3 and §7.2.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// It asked for an own address: makes an entry, confirms nothing.
    Asked,
    /// It answered a question: confirms an entry.
    Answered,
    /// An answer that doesn't override what is known, as proxies give.
    Proxied,
    /// It told everybody unasked: changes an entry, confirms nothing.
    Announced,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Free,
    /// Its hardware address is not known.
    Asking,
    /// It is; at the deadline somebody must confirm it, if it is still needed.
    Known,
    /// It is in use while it is being confirmed.
    Probing,
    /// It was known, and nobody has needed it since; forgotten at the deadline.
    Idle,
}

struct Entry {
    key: u128,
    deadline: Time,
    waiting: u16,
    interface: InterfaceId,
    mac: Mac,
    state: State,
    asks: u8,
    /// Needed since it was last confirmed.
    is_used: bool,
    is_gateway: bool,
}

/// A question to send.
pub(super) struct Question {
    pub(super) interface: InterfaceId,
    pub(super) target: u128,
    /// To whom; to all if none.
    pub(super) mac: Option<Mac>,
}

/// What is known of the next hop of a packet.
pub(super) enum NextHop {
    Known(Mac),
    /// The frame can wait; a question should go out now if there is one.
    Unknown(u32, Option<Question>),
    /// There is no room for one more neighbour.
    Full,
}

struct Held {
    entry: u32,
    slot: usize,
    len: usize,
}

/// The table.
pub(super) struct Neighbours {
    entries: Box<[Entry]>,
    by_key: HashMap<(InterfaceId, u128), u32, ahash::RandomState>,
    free: Vec<u32>,
    /// The earliest deadline, or earlier.
    next: Time,
    held: VecDeque<Held>,
    free_slots: Vec<usize>,
    room: Box<[u8]>,
    slot_len: usize,
}

impl Neighbours {
    /// A table of `size` neighbours and `waiting` frames of at most `slot_len` octets.
    pub(super) fn new(size: usize, waiting: usize, slot_len: usize) -> Self {
        let entry = |_| Entry {
            key: 0,
            deadline: Time::NEVER,
            waiting: 0,
            interface: 0,
            mac: [0; 6],
            state: State::Free,
            asks: 0,
            is_used: false,
            is_gateway: false,
        };
        Self {
            entries: (0..size).map(entry).collect(),
            // Twice the room, so that the map never has to grow to get rid of what was removed.
            by_key: HashMap::with_capacity_and_hasher(2 * size + 2, ahash::RandomState::new()),
            free: (0..size as u32).rev().collect(),
            next: Time::NEVER,
            held: VecDeque::with_capacity(waiting),
            free_slots: (0..waiting).rev().collect(),
            room: vec![0; waiting * slot_len].into(),
            slot_len,
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.entries.len() as u32
    }

    /// The entry of a gateway, which is asked for from the start and never forgotten.
    pub(super) fn add_gateway(&mut self, interface: InterfaceId, key: u128) -> Option<u32> {
        if let Some(known) = self.find(interface, key) {
            return Some(known);
        }
        let at = self.insert(interface, key)?;
        let entry = self.entries.get_mut(at as usize)?;
        entry.is_gateway = true;
        entry.deadline = Time::ZERO;
        self.next = Time::ZERO;
        Some(at)
    }

    pub(super) fn find(&self, interface: InterfaceId, key: u128) -> Option<u32> {
        self.by_key.get(&(interface, key)).copied()
    }

    fn insert(&mut self, interface: InterfaceId, key: u128) -> Option<u32> {
        let at = self.free.pop()?;
        let entry = self.entries.get_mut(at as usize)?;
        *entry = Entry {
            key,
            deadline: Time::NEVER,
            waiting: 0,
            interface,
            mac: [0; 6],
            state: State::Asking,
            asks: 0,
            is_used: false,
            is_gateway: false,
        };
        self.by_key.insert((interface, key), at);
        Some(at)
    }

    /// Makes room: forgets an idle neighbour, or, for a packet to send, one that never was needed, so that strangers
    /// who ask can't fill the table.
    fn evict(&mut self, is_for_sending: bool) -> bool {
        let rank = |entry: &Entry| match entry.state {
            State::Idle => Some((0, entry.deadline)),
            State::Known if is_for_sending && !entry.is_used && !entry.is_gateway => {
                Some((1, entry.deadline))
            }
            _ => None,
        };
        let oldest = self.entries.iter().enumerate().filter_map(|(at, entry)| Some((rank(entry)?, at))).min();
        match oldest {
            Some((_, at)) => {
                self.forget(at as u32);
                true
            }
            None => false,
        }
    }

    fn create(&mut self, interface: InterfaceId, key: u128, is_for_sending: bool) -> Option<u32> {
        if self.free.is_empty() && !self.evict(is_for_sending) {
            return None;
        }
        self.insert(interface, key)
    }

    fn forget(&mut self, at: u32) {
        let Some(entry) = self.entries.get_mut(at as usize) else { return };
        self.by_key.remove(&(entry.interface, entry.key));
        entry.state = State::Free;
        entry.deadline = Time::NEVER;
        self.free.push(at);
    }

    /// The hardware address for a packet through `gateway`, or else straight to `destination`.
    pub(super) fn next_hop(
        &mut self,
        now: Time,
        interface: InterfaceId,
        gateway: Option<u32>,
        destination: u128,
    ) -> NextHop {
        let known = gateway.or_else(|| self.find(interface, destination));
        let Some(at) = known.or_else(|| self.create(interface, destination, true)) else {
            return NextHop::Full;
        };
        let Some(entry) = self.entries.get_mut(at as usize) else { return NextHop::Full };
        entry.is_used = true;
        match entry.state {
            State::Known | State::Probing => NextHop::Known(entry.mac),
            State::Idle => {
                entry.state = State::Known;
                entry.deadline = now + DELAY;
                self.next = self.next.min(entry.deadline);
                NextHop::Known(entry.mac)
            }
            State::Asking | State::Free => {
                let question = if entry.asks == 0 { Some(entry.ask(now)) } else { None };
                self.next = self.next.min(entry.deadline);
                NextHop::Unknown(at, question)
            }
        }
    }

    /// Keeps a frame until its next hop is known; its first six octets are filled in then. False when there is no room.
    pub(super) fn hold(&mut self, at: u32, frame: &[u8]) -> bool {
        let capacity = self.free_slots.len() + self.held.len();
        let Some(entry) = self.entries.get_mut(at as usize) else { return false };
        if !entry.is_gateway && usize::from(entry.waiting) >= capacity.div_ceil(SHARE) {
            return false;
        }
        let Some(waiting) = entry.waiting.checked_add(1) else { return false };
        let Some(&slot) = self.free_slots.last() else { return false };
        let start = slot * self.slot_len;
        let room =
            self.room.get_mut(start..start + self.slot_len).and_then(|room| room.get_mut(..frame.len()));
        let Some(room) = room else { return false };
        room.copy_from_slice(frame);
        self.free_slots.pop();
        entry.waiting = waiting;
        self.held.push_back(Held { entry: at, slot, len: frame.len() });
        true
    }

    /// Takes the oldest frame that waits for a neighbour into `buffer`, and gives its length. Without a buffer it is
    /// dropped.
    pub(super) fn release(&mut self, at: u32, buffer: Option<&mut [u8]>) -> Option<usize> {
        let entry = self.entries.get_mut(at as usize)?;
        if entry.waiting == 0 {
            return None;
        }
        let place = self.held.iter().position(|held| held.entry == at)?;
        let held = self.held.remove(place)?;
        entry.waiting -= 1;
        self.free_slots.push(held.slot);
        let start = held.slot * self.slot_len;
        if let (Some(to), Some(from)) =
            (buffer.and_then(|buffer| buffer.get_mut(..held.len)), self.room.get(start..start + held.len))
        {
            to.copy_from_slice(from);
            if let Some(destination) = to.first_chunk_mut() {
                *destination = entry.mac;
            }
        }
        Some(held.len)
    }

    /// Frames that wait for a neighbour.
    pub(super) fn waiting(&self, at: u32) -> u16 {
        self.entries.get(at as usize).map_or(0, |entry| entry.waiting)
    }

    /// Frames that wait for anybody.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes in what a message told. The number of the entry, if it is known now.
    pub(super) fn learn(
        &mut self,
        now: Time,
        interface: InterfaceId,
        key: u128,
        mac: Mac,
        evidence: Evidence,
        counts: &mut LinkCounts,
    ) -> Option<u32> {
        let at = match self.find(interface, key) {
            Some(at) => at,
            None if evidence == Evidence::Asked => {
                let Some(at) = self.create(interface, key, false) else {
                    counts.neighbours_full += 1;
                    return None;
                };
                at
            }
            None => return None,
        };
        let entry = self.entries.get_mut(at as usize)?;
        entry.learn(now, mac, evidence, counts);
        self.next = self.next.min(entry.deadline);
        Some(at)
    }

    /// The earliest time at which [`Self::due`] has something to do.
    pub(super) fn next(&self) -> Time {
        self.next
    }

    /// Starts a round of [`Self::due`].
    pub(super) fn begin(&mut self) {
        self.next = Time::NEVER;
    }

    /// Does what is due for one entry, and gives the question to send if there is one. Frames that have waited in vain
    /// are dropped.
    pub(super) fn due(&mut self, now: Time, at: u32, counts: &mut LinkCounts) -> Option<Question> {
        let entry = self.entries.get_mut(at as usize)?;
        if entry.deadline > now {
            self.next = self.next.min(entry.deadline);
            return None;
        }
        let mut question = None;
        let mut is_lost = false;
        let mut is_over = false;
        match entry.state {
            State::Free => entry.deadline = Time::NEVER,
            State::Idle => is_over = true,
            State::Known if entry.is_used || entry.is_gateway => {
                entry.state = State::Probing;
                entry.is_used = false;
                entry.asks = 0;
                question = Some(entry.ask(now));
            }
            State::Known => {
                entry.state = State::Idle;
                entry.deadline = now + IDLE;
            }
            State::Asking | State::Probing => {
                let limit = if entry.state == State::Asking { ASKS } else { 2 * ASKS };
                if entry.asks == limit {
                    counts.neighbours_silent += 1;
                }
                is_lost = entry.asks >= limit;
                if is_lost && !entry.is_gateway {
                    is_over = true;
                } else {
                    question = Some(entry.ask(now));
                }
            }
        }
        self.next = self.next.min(entry.deadline);
        if is_lost {
            while self.release(at, None).is_some() {
                counts.unresolved += 1;
            }
        }
        if is_over {
            self.forget(at);
        }
        question
    }

    /// Panics if the table contradicts itself.
    pub(super) fn assert_invariants(&self) {
        let used = self.entries.iter().filter(|entry| entry.state != State::Free).count();
        assert_eq!(used, self.by_key.len());
        assert_eq!(used + self.free.len(), self.entries.len());
        let waiting: usize = self.entries.iter().map(|entry| usize::from(entry.waiting)).sum();
        assert_eq!(waiting, self.held.len());
        for (at, entry) in self.entries.iter().enumerate() {
            assert!(entry.deadline >= self.next);
            if entry.state == State::Free {
                assert_eq!(entry.waiting, 0);
                assert_eq!(entry.deadline, Time::NEVER);
            } else {
                assert_eq!(self.find(entry.interface, entry.key), Some(at as u32));
                assert!(entry.waiting == 0 || entry.state == State::Asking);
            }
        }
    }
}

impl Entry {
    /// The next question, and when the one after it is due: to the neighbour alone if its hardware address is known,
    /// until that has failed.
    fn ask(&mut self, now: Time) -> Question {
        let is_alone = self.state == State::Probing && self.asks < ASKS;
        self.asks = self.asks.saturating_add(1);
        self.deadline = now + RETRANSMIT;
        let mac = if is_alone { Some(self.mac) } else { None };
        Question { interface: self.interface, target: self.key, mac }
    }

    fn confirm(&mut self, now: Time) {
        self.state = State::Known;
        self.is_used = false;
        self.asks = 0;
        self.deadline = now + REACHABLE;
    }

    fn learn(&mut self, now: Time, mac: Mac, evidence: Evidence, counts: &mut LinkCounts) {
        let is_new = self.state == State::Asking;
        let is_changed = !is_new && self.mac != mac;
        if is_changed && evidence == Evidence::Proxied {
            // Doubt what we know, and keep it.
            if self.state == State::Known {
                self.deadline = self.deadline.min(now + DELAY);
            }
            return;
        }
        self.mac = mac;
        if is_new {
            counts.neighbours_learned += 1;
        } else if is_changed {
            counts.neighbours_changed += 1;
        }
        match evidence {
            Evidence::Answered | Evidence::Proxied => self.confirm(now),
            Evidence::Asked | Evidence::Announced if is_new => {
                if self.asks == 0 && !self.is_gateway {
                    // We never wanted it ourselves.
                    self.state = State::Idle;
                    self.deadline = now + IDLE;
                } else {
                    self.state = State::Known;
                    self.deadline = now + DELAY;
                }
            }
            Evidence::Asked | Evidence::Announced if is_changed => {
                if self.state != State::Idle {
                    self.state = State::Known;
                    self.is_used = true;
                    self.deadline = now + DELAY;
                }
            }
            Evidence::Asked | Evidence::Announced => {}
        }
    }
}
