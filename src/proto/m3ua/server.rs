//! An application server as a signalling gateway sees it (RFC 4666 4.3.2): which of its ASPs carry its traffic, what
//! they are told of each other, and what waits while none does.

use super::asp::AspState;
use super::{ErrorCode, Status, TrafficMode};
use crate::base::{Time, counts};
use core::time::Duration;

/// What an application server is configured to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerConfig {
    /// Its routing context; none where its associations serve no other.
    pub routing_context: Option<u32>,
    /// How its ASPs share its traffic; without it, as the first of them asks.
    pub mode: Option<TrafficMode>,
    /// How many ASPs must be active before it is, the n of n+k: 1 with override.
    pub least_active: u8,
    /// T(r): how long it stays pending.
    pub t_recovery: Duration,
    /// Octets of messages that are held while it is pending.
    pub held: usize,
}

impl ServerConfig {
    /// One active ASP, T(r) of 2 s, 64 KiB held.
    #[must_use]
    pub const fn new(routing_context: Option<u32>) -> Self {
        Self {
            routing_context,
            mode: None,
            least_active: 1,
            t_recovery: Duration::from_secs(2),
            held: 64 * 1024,
        }
    }
}

/// The state of an application server (RFC 4666 4.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerState {
    /// Every ASP is down.
    Down,
    /// ASPs are there, too few of them active.
    Inactive,
    /// It carries traffic.
    Active,
    /// Its last active ASP is gone; T(r) runs.
    Pending,
}

/// A NTFY that is to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notice {
    /// To which ASPs, one bit each.
    pub members: u32,
    /// What it says.
    pub status: Status,
    /// The identifier of the ASP that it is about.
    pub asp_identifier: Option<u32>,
}

/// Where a message goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// The application server carries no traffic.
    Nobody,
    /// It is pending, or what was held meanwhile has not left yet: the message is to be held.
    Hold,
    /// To this ASP.
    One(u8),
    /// To all of these, one bit each, with a correlation identifier if it is the first of its flow since an ASP joined.
    All(u32, Option<u32>),
}

counts! {
    /// What became of messages while application servers were pending.
    pub struct ServerCounts {
        /// Messages held while pending.
        held,
        /// Held messages sent when an ASP was active again.
        released,
        /// Held messages that the end of T(r) found still there.
        discarded,
        /// Messages that found no room to be held.
        held_full,
    }
}

/// An application server.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    state: ServerState,
    /// As configured, or as the first ASP asked; until every ASP is down.
    mode: Option<TrafficMode>,
    members: u8,
    /// ASPs that are not down.
    up: u32,
    active: u32,
    /// The ASP that became active last.
    newest: u8,
    identifiers: [Option<u32>; Server::MAX_MEMBERS],
    recovery: Time,
    /// Flows whose first message since the last ASP joined is sent, by selection.
    tagged: [u64; 4],
    correlation: u32,
    held: Box<[u8]>,
    filled: usize,
    /// Counters.
    pub counts: ServerCounts,
}

impl Server {
    /// The most ASPs of an application server.
    pub const MAX_MEMBERS: usize = 32;

    /// An application server of `members` ASPs, at most [`Server::MAX_MEMBERS`], all of them down.
    #[must_use]
    pub fn new(config: ServerConfig, members: usize) -> Self {
        Self {
            state: ServerState::Down,
            mode: config.mode,
            members: members.min(Self::MAX_MEMBERS) as u8,
            up: 0,
            active: 0,
            newest: 0,
            identifiers: [None; Self::MAX_MEMBERS],
            recovery: Time::NEVER,
            tagged: [0; 4],
            correlation: 0,
            held: vec![0; config.held].into_boxed_slice(),
            filled: 0,
            counts: ServerCounts::default(),
            config,
        }
    }

    /// What it is configured to be.
    #[must_use]
    pub fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> ServerState {
        self.state
    }

    /// How its ASPs share its traffic, once that is known.
    #[must_use]
    pub fn mode(&self) -> Option<TrafficMode> {
        self.mode
    }

    /// The ASPs that are active, one bit each.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.active
    }

    /// One ASP more, of those that have registered; `None` if there is no room.
    pub fn add_member(&mut self) -> Option<u8> {
        let member = self.members;
        if usize::from(member) >= Self::MAX_MEMBERS {
            return None;
        }
        self.members += 1;
        Some(member)
    }

    /// Whether an ASP may become active with this traffic mode; asked before its ASPAC is acknowledged.
    pub fn accepts(&self, mode: Option<u32>) -> Result<(), ErrorCode> {
        let fits = match (mode, self.required_mode()) {
            (None, _) => true,
            (Some(asked), Some(ours)) => asked == ours as u32,
            (Some(asked), None) => TrafficMode::from_wire(asked).is_some(),
        };
        if fits { Ok(()) } else { Err(ErrorCode::UnsupportedTrafficMode) }
    }

    /// An ASP has become active with this traffic mode: the others must ask for the same.
    pub fn adopt(&mut self, mode: TrafficMode) {
        if self.active == 0 || mode == TrafficMode::Loadshare {
            self.mode.get_or_insert(mode);
        }
    }

    /// The traffic mode that its ASPs must ask for if they ask for one.
    #[must_use]
    pub fn required_mode(&self) -> Option<TrafficMode> {
        // Those that are active without having asked share the load.
        self.mode.or((self.active != 0).then_some(TrafficMode::Loadshare))
    }

    /// The identifier that an ASP has given itself.
    pub fn identify(&mut self, member: u8, identifier: Option<u32>) {
        if let Some(slot) = self.identifiers.get_mut(usize::from(member)) {
            *slot = identifier;
        }
    }

    /// The identifiers of the ASPs that are up, but for one.
    pub(super) fn identifiers_beside(&self, member: u8) -> impl Iterator<Item = u32> {
        let others = self.up & !bit(member);
        let of = move |at: usize| others.checked_shr(at as u32).is_some_and(|up| up & 1 == 1);
        self.identifiers.iter().enumerate().filter(move |(at, _)| of(*at)).filter_map(|(_, id)| *id)
    }

    fn identifier(&self, member: u8) -> Option<u32> {
        self.identifiers.get(usize::from(member)).copied().flatten()
    }

    /// An ASP is lost: its association or its process has failed. The others learn which (RFC 4666 3.8.2).
    pub fn on_failure(&mut self, now: Time, member: u8, tell: &mut dyn FnMut(Notice)) {
        let others = self.up & !bit(member);
        if self.up & bit(member) != 0 && others != 0 {
            let asp_identifier = self.identifier(member);
            tell(Notice { members: others, status: Status::AspFailure, asp_identifier });
        }
        self.on_member(now, member, AspState::Down, tell);
    }

    /// The state of an ASP for this application server is now this. What is to be sent goes to `tell`, in order.
    pub fn on_member(&mut self, now: Time, member: u8, state: AspState, tell: &mut dyn FnMut(Notice)) {
        let bit = bit(member);
        if member >= self.members || self.of(bit) == state {
            return;
        }
        let (was_up, before) = (self.up & bit != 0, self.active);
        self.up = if state == AspState::Down { self.up & !bit } else { self.up | bit };
        self.active = if state == AspState::Active { self.active | bit } else { self.active & !bit };
        if state == AspState::Active {
            self.on_active(member, tell);
        }
        let told = self.step(now, tell);
        if !was_up && self.up & bit != 0 && !told {
            // Who comes up is told how things stand (4.3.4.5).
            tell(Notice { members: bit, status: self.status(), asp_identifier: None });
        }
        let least = u32::from(self.least());
        if self.state == ServerState::Active
            && before.count_ones() >= least
            && self.active.count_ones() < least
            && self.up & !self.active != 0
        {
            let members = self.up & !self.active;
            tell(Notice { members, status: Status::InsufficientAspResources, asp_identifier: None });
        }
        if self.up == 0 && self.state == ServerState::Down {
            self.mode = self.config.mode;
        }
    }

    fn on_active(&mut self, member: u8, tell: &mut dyn FnMut(Notice)) {
        self.newest = member;
        self.tagged = [0; 4];
        self.correlation = self.correlation.wrapping_add(1);
        let others = self.active & !bit(member);
        if self.mode == Some(TrafficMode::Override) && others != 0 {
            self.active = bit(member);
            let asp_identifier = self.identifier(member);
            tell(Notice { members: others, status: Status::AlternateAspActive, asp_identifier });
        }
    }

    fn of(&self, bit: u32) -> AspState {
        match (self.up & bit != 0, self.active & bit != 0) {
            (false, _) => AspState::Down,
            (true, false) => AspState::Inactive,
            (true, true) => AspState::Active,
        }
    }

    fn least(&self) -> u8 {
        if self.mode == Some(TrafficMode::Override) { 1 } else { self.config.least_active.max(1) }
    }

    /// Goes to the state that the ASPs make; `true` if that is another and those that are up were told.
    fn step(&mut self, now: Time, tell: &mut dyn FnMut(Notice)) -> bool {
        let enough = self.active.count_ones() >= u32::from(self.least());
        let next = match self.state {
            ServerState::Active if self.active != 0 => ServerState::Active,
            ServerState::Active => ServerState::Pending,
            ServerState::Pending if self.active == 0 => ServerState::Pending,
            ServerState::Pending => ServerState::Active,
            _ if enough => ServerState::Active,
            _ if self.up != 0 => ServerState::Inactive,
            _ => ServerState::Down,
        };
        self.enter(now, next, tell)
    }

    fn enter(&mut self, now: Time, next: ServerState, tell: &mut dyn FnMut(Notice)) -> bool {
        if next == self.state {
            return false;
        }
        self.recovery = if next == ServerState::Pending { now + self.config.t_recovery } else { Time::NEVER };
        self.state = next;
        let told = next != ServerState::Down && self.up != 0;
        if told {
            tell(Notice { members: self.up, status: self.status(), asp_identifier: None });
        }
        told
    }

    fn status(&self) -> Status {
        match self.state {
            ServerState::Down | ServerState::Inactive => Status::AsInactive,
            ServerState::Active => Status::AsActive,
            ServerState::Pending => Status::AsPending,
        }
    }

    /// Where a message with this signalling link selection goes: equal selections by the same ASP while none comes or
    /// goes.
    pub fn choose(&mut self, selection: u8) -> Choice {
        match (self.state, self.mode) {
            (ServerState::Pending, _) => Choice::Hold,
            // Nothing overtakes what waits.
            (ServerState::Active, _) if self.filled > 0 => Choice::Hold,
            (ServerState::Down | ServerState::Inactive, _) => Choice::Nobody,
            (ServerState::Active, Some(TrafficMode::Override)) => Choice::One(self.newest),
            (ServerState::Active, Some(TrafficMode::Broadcast)) => {
                Choice::All(self.active, self.first_of_flow(selection))
            }
            (ServerState::Active, _) => {
                let at = u32::from(selection) % self.active.count_ones().max(1);
                let mut left = self.active;
                for _ in 0..at {
                    left &= left.wrapping_sub(1);
                }
                Choice::One(left.trailing_zeros().min(31) as u8)
            }
        }
    }

    /// The correlation identifier of the first message of a flow, by which an ASP that has joined finds its place
    /// (RFC 4666 4.3.4.3).
    fn first_of_flow(&mut self, selection: u8) -> Option<u32> {
        let word = self.tagged.get_mut(usize::from(selection >> 6))?;
        let flow = 1 << (selection & 63);
        let first = *word & flow == 0;
        *word |= flow;
        first.then_some(self.correlation)
    }

    /// Holds a message as [`Choice::Hold`] asks; `false` if there is no room, or nothing to wait for.
    pub fn hold(&mut self, message: &[u8]) -> bool {
        let room = (self.state == ServerState::Pending || self.filled > 0)
            .then(|| self.held.get_mut(self.filled..))
            .flatten()
            .and_then(|free| free.get_mut(..message.len().checked_add(4)?))
            .and_then(|room| room.split_first_chunk_mut());
        let Some((length, octets)) = room else {
            self.counts.held_full += 1;
            return false;
        };
        *length = (message.len() as u32).to_be_bytes();
        octets.copy_from_slice(message);
        self.filled += 4 + message.len();
        self.counts.held += 1;
        true
    }

    /// Gives what was held, in order, once the application server is active again; nothing before.
    pub fn release(&mut self, each: &mut dyn FnMut(&[u8])) {
        if self.state == ServerState::Active {
            self.counts.released += self.drain(each);
        }
    }

    fn drain(&mut self, each: &mut dyn FnMut(&[u8])) -> u64 {
        let mut left = self.held.get(..self.filled).unwrap_or(&[]);
        let mut count = 0;
        while let Some((length, rest)) = left.split_first_chunk() {
            let Some((message, rest)) = rest.split_at_checked(u32::from_be_bytes(*length) as usize) else {
                break;
            };
            each(message);
            count += 1;
            left = rest;
        }
        self.filled = 0;
        count
    }

    /// T(r) has ended: inactive or down, and what was held goes to `discarded`.
    pub fn handle_timeout(
        &mut self,
        now: Time,
        tell: &mut dyn FnMut(Notice),
        discarded: &mut dyn FnMut(&[u8]),
    ) {
        if now < self.recovery {
            return;
        }
        self.counts.discarded += self.drain(discarded);
        let next = if self.up == 0 { ServerState::Down } else { ServerState::Inactive };
        self.enter(now, next, tell);
        if next == ServerState::Down {
            self.mode = self.config.mode;
        }
    }

    /// When [`Server::handle_timeout`] is due; `Time::NEVER` when T(r) does not run.
    #[must_use]
    pub fn poll_timeout(&self) -> Time {
        self.recovery
    }

    /// Panics if the state contradicts itself.
    pub fn assert_invariants(&self) {
        assert_eq!(self.active & !self.up, 0);
        let all = u32::MAX.checked_shr(32 - u32::from(self.members)).unwrap_or(0);
        assert_eq!(self.up & !all, 0);
        assert_eq!(self.recovery == Time::NEVER, self.state != ServerState::Pending);
        match self.state {
            ServerState::Down => assert_eq!(self.up, 0),
            ServerState::Inactive => {
                assert!(self.up != 0 && self.active.count_ones() < u32::from(self.least()))
            }
            ServerState::Active => assert!(self.active != 0),
            ServerState::Pending => assert_eq!(self.active, 0),
        }
        if self.mode == Some(TrafficMode::Override) {
            assert!(self.active.count_ones() <= 1);
            assert!(self.active == 0 || self.active == bit(self.newest));
        }
        assert!(self.filled == 0 || matches!(self.state, ServerState::Pending | ServerState::Active));
        assert!(self.filled <= self.held.len());
    }
}

const fn bit(member: u8) -> u32 {
    1u32.wrapping_shl(member as u32)
}
