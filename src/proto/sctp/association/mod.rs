//! One association: its state (RFC 9260 4), its timers, and which procedure handles which chunk.

mod connect;
mod path;
mod receive;
mod send;
mod shutdown;
mod store;

use super::build::PacketWriter;
use super::view::{Chunk, Data, Tlvs, Unknown, cause, chunk, first_cause};
use super::{AssociationConfig, COMMON_HEADER, DownReason, Random, Role, SctpCounts};
use crate::base::{Flow, Malformed, Out, Time, Transport};
pub(super) use connect::{InitValues, Parameters, is_unicast, send_stale, unrecognized, write_init};
use core::net::IpAddr;
pub use path::PathState;
use path::{Path, Paths};
use receive::Inbound;
use send::Outbound;

/// Octets of an INIT ACK's cookie that we are ready to echo.
const COOKIE_ROOM: usize = 1200;

/// State of an association (RFC 9260 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// There is none.
    Closed,
    /// INIT sent.
    CookieWait,
    /// COOKIE ECHO sent.
    CookieEchoed,
    /// Data flows.
    Established,
    /// Our user wants to end; DATA is still unacknowledged.
    ShutdownPending,
    /// SHUTDOWN sent.
    ShutdownSent,
    /// SHUTDOWN received; DATA is still unacknowledged.
    ShutdownReceived,
    /// SHUTDOWN ACK sent.
    ShutdownAckSent,
}

/// What an association is lent while it handles something.
pub(super) struct Turn<'t> {
    pub(super) now: Time,
    pub(super) out: &'t mut dyn Out,
    pub(super) counts: &'t mut SctpCounts,
    pub(super) random: &'t mut Random,
}

/// Where a packet goes and what its common header says.
#[derive(Clone, Copy)]
pub(super) struct Route {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) ports: (u16, u16),
    pub(super) limit: usize,
}

impl Turn<'_> {
    /// Sends the packet that `write` fills; nothing if it writes no chunk. Whether a packet left.
    pub(super) fn emit(&mut self, route: Route, tag: u32, write: impl FnOnce(&mut PacketWriter<'_>)) -> bool {
        let Some(room) = self.out.room().filter(|room| room.len() >= route.limit) else {
            self.counts.no_buffer += 1;
            return false;
        };
        let mut writer = PacketWriter::new(room, route.limit, route.ports, tag);
        write(&mut writer);
        if writer.is_empty() {
            return false;
        }
        let Some(length) = writer.finish() else {
            self.counts.no_buffer += 1;
            return false;
        };
        let Route { source, destination, .. } = route;
        self.out.commit(length, Flow { source, destination, transport: Transport::Sctp });
        self.counts.packets_out += 1;
        true
    }
}

/// What the endpoint's user has not been told yet.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Notice {
    pub(super) down: Option<DownReason>,
    pub(super) up: bool,
    pub(super) restarted: bool,
}

/// One-shot timers of the association as a whole; `NEVER` is stopped.
struct Deadlines {
    /// T1-init and T1-cookie.
    t1: Time,
    /// T2-shutdown.
    t2: Time,
    /// T5-shutdown-guard.
    t5: Time,
    /// Delayed SACK.
    sack: Time,
    /// A client's next attempt.
    retry: Time,
}

impl Deadlines {
    const STOPPED: Self =
        Self { t1: Time::NEVER, t2: Time::NEVER, t5: Time::NEVER, sack: Time::NEVER, retry: Time::NEVER };
}

/// What became of a chunk.
pub(super) enum Step<'a> {
    /// Go on with the next one.
    Next,
    /// Messages of this stream (or list) may have become complete.
    Look(usize),
    /// A whole message, in the packet itself; then as `Look`.
    Deliver(Data<'a>),
    /// Leave the rest of the packet alone.
    Stop,
}

/// One association, or the place for one.
pub(super) struct Association {
    pub(super) id: u16,
    pub(super) config: AssociationConfig,
    pub(super) state: State,
    /// Whether our user wants it: a client connects, a server accepts.
    pub(super) wanted: bool,
    pub(super) remote_port: u16,
    pub(super) local_tag: u32,
    pub(super) peer_tag: u32,
    /// Our and the peer's initial TSN.
    pub(super) tsns: (u32, u32),
    pub(super) paths: Paths,
    outbound: Outbound,
    inbound: Inbound,
    /// Consecutive unanswered transmissions to the peer, over all paths (8.1).
    errors: u16,
    /// INITs or COOKIE ECHOs repeated so far.
    attempts: u16,
    /// The path whose packet is being handled.
    pub(super) arrival_path: u8,
    cookie: Box<[u8]>,
    cookie_length: usize,
    deadlines: Deadlines,
    /// No timer expires before this.
    pub(super) wake: Time,
    pub(super) notice: Notice,
    /// Something may have to be sent at the end of the turn.
    pub(super) dirty: bool,
    /// The peer's addresses or port, or whether there is an association at all, have changed.
    pub(super) reindex: bool,
    /// A SHUTDOWN is owed for DATA that came after the last one (9.2).
    shutdown_owed: bool,
}

impl Association {
    pub(super) fn new(id: u16, config: AssociationConfig) -> Self {
        let wanted = config.role == Role::Server;
        Self {
            id,
            state: State::Closed,
            wanted,
            remote_port: config.remote_port.unwrap_or(0),
            local_tag: 0,
            peer_tag: 0,
            tsns: (0, 0),
            paths: Paths::new(&config),
            outbound: Outbound::new(&config),
            inbound: Inbound::new(&config),
            errors: 0,
            attempts: 0,
            arrival_path: 0,
            cookie: vec![0; COOKIE_ROOM].into(),
            cookie_length: 0,
            deadlines: Deadlines::STOPPED,
            wake: Time::NEVER,
            notice: Notice::default(),
            dirty: false,
            reindex: false,
            shutdown_owed: false,
            config,
        }
    }

    /// Whether messages can be sent.
    pub(super) fn is_up(&self) -> bool {
        self.state == State::Established
    }

    /// Outbound streams agreed on.
    pub(super) fn streams(&self) -> u16 {
        self.outbound.streams
    }

    /// The largest SCTP packet that every path of the association carries.
    fn limit(&self) -> usize {
        packet_limit(&self.config, self.paths.iter().any(|path| path.remote.is_ipv6()))
    }

    fn route(&self, path: u8) -> Route {
        let path = self.paths.at(path);
        Route {
            source: path.local,
            destination: path.remote,
            ports: (self.config.local_port, self.remote_port),
            limit: self.limit(),
        }
    }

    /// Arms a timer's caller-kept deadline.
    fn wake_at(&mut self, deadline: Time) -> Time {
        self.wake = self.wake.min(deadline);
        deadline
    }

    /// Handles one chunk of a packet whose tag is right.
    pub(super) fn on_chunk<'a>(
        &mut self,
        turn: &mut Turn<'_>,
        chunk: &Chunk<'a>,
    ) -> Result<Step<'a>, Malformed> {
        match chunk.kind {
            chunk::DATA => self.on_data(turn, chunk),
            chunk::SACK => self.on_sack(turn, chunk),
            chunk::HEARTBEAT => self.on_heartbeat(turn, chunk),
            chunk::HEARTBEAT_ACK => self.on_heartbeat_ack(turn, chunk),
            // A reflected tag is for a packet that begins with the ABORT.
            chunk::ABORT if chunk.flags & 1 == 1 => {
                turn.counts.bad_tag += 1;
                Ok(Step::Stop)
            }
            chunk::ABORT => Ok(self.on_abort(turn, chunk)),
            chunk::SHUTDOWN => self.on_shutdown(turn, chunk),
            chunk::SHUTDOWN_ACK => Ok(self.on_shutdown_ack(turn)),
            chunk::ERROR => self.on_error(turn, chunk),
            chunk::COOKIE_ACK => Ok(self.on_cookie_ack(turn)),
            // These come alone or first, and are handled before the chunks; here they are out of place.
            chunk::INIT | chunk::INIT_ACK | chunk::SHUTDOWN_COMPLETE | chunk::COOKIE_ECHO => {
                turn.counts.unexpected_chunks += 1;
                Ok(Step::Stop)
            }
            kind => {
                turn.counts.unknown_chunks += 1;
                let Unknown { skip, report } = Unknown::chunk(kind);
                if report && !matches!(self.state, State::Closed | State::CookieWait) {
                    self.send_error(turn, cause::UNRECOGNIZED_CHUNK, chunk.whole);
                }
                Ok(if skip { Step::Next } else { Step::Stop })
            }
        }
    }

    /// An ABORT whose T bit and tag go together, unless another chunk stands before it (8.5.1 B).
    pub(super) fn on_abort(&mut self, turn: &mut Turn<'_>, chunk: &Chunk<'_>) -> Step<'static> {
        turn.counts.aborts_in += 1;
        let reason = match self.state {
            State::CookieWait | State::CookieEchoed => DownReason::Refused { cause: first_cause(chunk) },
            _ => DownReason::Aborted { cause: first_cause(chunk) },
        };
        self.close(turn, reason);
        Step::Stop
    }

    fn on_error(&mut self, turn: &mut Turn<'_>, chunk: &Chunk<'_>) -> Result<Step<'static>, Malformed> {
        turn.counts.errors_in += 1;
        for error in Tlvs::new(chunk.value) {
            if error?.kind == cause::STALE_COOKIE && self.state == State::CookieEchoed {
                // 5.2.6: begin again; the number of attempts stays bounded.
                self.restart_init(turn);
                return Ok(Step::Stop);
            }
        }
        Ok(Step::Next)
    }

    /// Sends an ERROR with one cause, cut to what fits, at once.
    fn send_error(&mut self, turn: &mut Turn<'_>, code: u16, contents: &[u8]) {
        let route = self.route(self.arrival_path);
        let room = route.limit - COMMON_HEADER - 8;
        let contents = contents.get(..room).unwrap_or(contents);
        turn.emit(route, self.peer_tag, |w| {
            w.chunk(chunk::ERROR, 0, |w| w.tlv(code, |w| w.bytes(contents)));
        });
    }

    /// Sends an ABORT to the peer and closes.
    fn abort_with(&mut self, turn: &mut Turn<'_>, code: u16, contents: &[u8], reason: DownReason) {
        let route = self.route(self.data_path());
        turn.counts.aborts_out += 1;
        turn.emit(route, self.peer_tag, |w| {
            w.chunk(chunk::ABORT, 0, |w| w.tlv(code, |w| w.bytes(contents)));
        });
        self.close(turn, reason);
    }

    /// Forgets the association, tells the user, and lets a client try again later.
    pub(super) fn close(&mut self, turn: &mut Turn<'_>, reason: DownReason) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        self.local_tag = 0;
        self.peer_tag = 0;
        self.deadlines = Deadlines::STOPPED;
        self.paths.stop();
        turn.counts.data_lost += u64::from(self.outbound.waiting());
        turn.counts.associations_down += 1;
        self.outbound.reset(0, 0, 0);
        self.inbound.reset(0);
        self.errors = 0;
        self.cookie_length = 0;
        self.shutdown_owed = false;
        self.dirty = false;
        self.reindex = true;
        self.notice = Notice { down: Some(reason), up: false, restarted: false };
        if self.wanted && self.config.role == Role::Client {
            let retry = turn.now + turn.random.jitter(self.config.timers.retry_gap);
            self.deadlines.retry = self.wake_at(retry);
        }
    }

    /// Counts one unanswered transmission on `path`; `true` if that was the end of the association (8.1, 8.2).
    fn count_error(&mut self, turn: &mut Turn<'_>, path: u8, whole_association: bool) -> bool {
        let timers = &self.config.timers;
        let entry = self.paths.at_mut(path);
        let before = entry.state(timers);
        entry.errors = entry.errors.saturating_add(1);
        if entry.errors > timers.path_max_retrans && entry.active {
            entry.active = false;
            turn.counts.paths_inactive += 1;
        }
        if entry.state(timers) == PathState::PotentiallyFailed && before == PathState::Active {
            turn.counts.paths_potentially_failed += 1;
            self.wake = self.wake.min(entry.ask(turn.now));
        }
        if path == self.paths.primary
            && self.paths.at(path).errors > self.config.timers.primary_switchover_max_retrans
        {
            self.paths.primary = self.data_path();
        }
        if whole_association {
            self.errors = self.errors.saturating_add(1);
            if self.errors > self.config.timers.association_max_retrans {
                self.abort_with(turn, cause::PROTOCOL_VIOLATION, b"no answer", DownReason::Lost);
                return true;
            }
        }
        false
    }

    /// Something the peer could only have sent as an answer has come (8.1).
    fn clear_errors(&mut self, path: u8) {
        self.errors = 0;
        let path = self.paths.at_mut(path);
        path.errors = 0;
        path.active = true;
    }

    /// Runs every timer that has expired.
    pub(super) fn on_timeout(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        if self.deadlines.t1 <= now {
            self.on_t1(turn);
        }
        if self.deadlines.t2 <= now {
            self.on_t2(turn);
        }
        if self.deadlines.t5 <= now {
            self.abort_with(turn, cause::PROTOCOL_VIOLATION, b"shutdown guard", DownReason::Lost);
        }
        if self.deadlines.retry <= now {
            self.connect(turn);
        }
        if self.deadlines.sack <= now {
            self.deadlines.sack = Time::NEVER;
            self.inbound.acknowledge_at_once();
            self.dirty = true;
        }
        for path in 0..self.paths.count() {
            if self.paths.at(path).t3 <= now {
                self.on_t3(turn, path);
            }
            if self.paths.at(path).heartbeat_at <= now {
                self.on_heartbeat_timer(turn, path);
            }
        }
        let Deadlines { t1, t2, t5, sack, retry } = self.deadlines;
        let own = t1.min(t2).min(t5).min(sack).min(retry);
        self.wake = self.paths.iter().fold(own, |wake, path| wake.min(path.t3).min(path.heartbeat_at));
    }

    /// Which path leads to `address`; the primary one if none does.
    pub(super) fn path_to(&self, address: IpAddr) -> u8 {
        self.paths.find(address).unwrap_or(self.paths.primary)
    }

    /// Stands for both tags in cookies, without telling them (5.2.2).
    pub(super) fn tie(&self, random: &Random) -> u64 {
        random.key.hash(&[b"tie", &self.local_tag.to_be_bytes(), &self.peer_tag.to_be_bytes()]) | 1
    }

    /// Panics if the books don't balance.
    pub(super) fn assert_invariants(&self) {
        self.outbound.assert_invariants(&self.paths);
        self.inbound.assert_invariants();
        assert_eq!(self.state == State::Closed, self.local_tag == 0);
        if self.state == State::Closed {
            assert_eq!(self.outbound.waiting(), 0);
            assert!(self.deadlines.t1 == Time::NEVER && self.deadlines.t2 == Time::NEVER);
        }
    }
}

/// The largest SCTP packet, in octets, that a path carries: a multiple of four.
pub(super) fn packet_limit(config: &AssociationConfig, ipv6: bool) -> usize {
    let (header, least) = if ipv6 { (40, 1280) } else { (20, 576) };
    (usize::from(config.mtu.max(least)) - header) & !3
}

impl Path {
    /// Stops its timers.
    fn stop(&mut self) {
        self.t3 = Time::NEVER;
        self.heartbeat_at = Time::NEVER;
    }
}
