//! One association: its state (RFC 9260 4), its timers, and which procedure handles which chunk.

mod connect;
mod path;
mod receive;
mod sack;
mod send;
mod shutdown;
mod store;

use super::build::PacketWriter;
use super::status::{AssociationStatus, PathStatus};
use super::view::{Chunk, Data, Tlvs, Unknown, cause, chunk, first_cause};
use super::{AssociationConfig, CHUNK_HEADER, COMMON_HEADER, DownReason, Left, Random, Role, SctpCounts};
use crate::base::{Flow, Malformed, Out, Time, Transport};
use crate::codec::Prepend;
pub(super) use connect::{InitValues, Parameters, is_unicast, send_stale, unrecognized, write_init};
use core::net::IpAddr;
pub use path::PathState;
use path::{Path, Paths};
use receive::Inbound;
use send::Outbound;

/// Octets of an ABORT's reason that are sent and kept, at most.
pub(super) const REASON_LIMIT: usize = 128;
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

impl State {
    /// All of them, as they are told, by number.
    pub const NAMES: [&'static str; 8] = [
        "closed",
        "cookie-wait",
        "cookie-echoed",
        "established",
        "shutdown-pending",
        "shutdown-sent",
        "shutdown-received",
        "shutdown-ack-sent",
    ];
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
    /// IP may fragment it.
    pub(super) in_fragments: bool,
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
        let Route { source, destination, in_fragments, .. } = route;
        let transport = if in_fragments { Transport::SctpInFragments } else { Transport::Sctp };
        self.out.commit(length, Flow { source, destination, transport });
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
    /// Paths may stand otherwise.
    pub(super) paths: bool,
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
    /// When to ask whether the peer's window has opened.
    probe: Time,
}

impl Deadlines {
    const STOPPED: Self = Self {
        t1: Time::NEVER,
        t2: Time::NEVER,
        t5: Time::NEVER,
        sack: Time::NEVER,
        retry: Time::NEVER,
        probe: Time::NEVER,
    };
}

/// Where a packet came from.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) path: u8,
    /// Our address that it came to.
    pub(super) local: Option<IpAddr>,
    /// A HEARTBEAT of it was answered.
    is_answered: bool,
}

impl Arrival {
    const NONE: Self = Self { path: 0, local: None, is_answered: false };

    pub(super) const fn new(path: u8, local: IpAddr) -> Self {
        Self { path, local: Some(local), is_answered: false }
    }
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
    /// The packet that is being handled.
    pub(super) arrival: Arrival,
    /// Error causes that the packet has brought about, for one ERROR.
    errors_to_tell: Box<[u8]>,
    errors_length: usize,
    cookie: Box<[u8]>,
    cookie_length: usize,
    deadlines: Deadlines,
    /// No timer expires before this.
    pub(super) wake: Time,
    pub(super) notice: Notice,
    /// Something may have to be sent at the end of the turn.
    pub(super) dirty: bool,
    /// The endpoint has it on its list for that.
    pub(super) listed: bool,
    /// The peer's addresses or port, or whether there is an association at all, have changed.
    pub(super) reindex: bool,
    /// Where SHUTDOWN or SHUTDOWN ACK goes.
    shutdown_path: u8,
    /// INITs begun anew because the peer's cookie was stale.
    stale: u16,
    /// Unrecognised parameters of the INIT ACK, behind the cookie: they go with each COOKIE ECHO.
    report_length: usize,
    /// The tags of the association before this one: a cookie with them is spent.
    pub(super) spent: (u32, u32),
    /// What the peer's last ABORT said: the contents of its first cause.
    pub(super) reason: Vec<u8>,
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
            arrival: Arrival::NONE,
            errors_to_tell: vec![0; usize::from(config.mtu.max(1280))].into(),
            errors_length: 0,
            cookie: vec![0; COOKIE_ROOM].into(),
            cookie_length: 0,
            deadlines: Deadlines::STOPPED,
            wake: Time::NEVER,
            notice: Notice::default(),
            dirty: false,
            listed: false,
            reindex: false,
            shutdown_path: 0,
            stale: 0,
            report_length: 0,
            spent: (0, 0),
            reason: Vec::with_capacity(REASON_LIMIT),
            shutdown_owed: false,
            config,
        }
    }

    /// As [`super::Endpoint::left`].
    pub(super) fn left(&self, scratch: &mut [u8], each: &mut dyn FnMut(Left<'_>)) {
        self.outbound.left(scratch, each);
    }

    /// As it is now.
    pub(super) fn status(&self) -> AssociationStatus {
        AssociationStatus {
            state: self.state,
            streams: self.outbound.streams,
            peer_window: self.outbound.window,
            waiting: self.outbound.waiting(),
            errors: self.errors,
        }
    }

    /// Its paths as they are now.
    pub(super) fn path_statuses(&self) -> impl Iterator<Item = PathStatus> + '_ {
        let timers = &self.config.timers;
        self.paths.iter().zip(0..).map(|(path, at)| path.status(timers, at == self.paths.primary))
    }

    /// Whether messages can be sent.
    pub(super) fn is_up(&self) -> bool {
        self.state == State::Established
    }

    /// Outbound streams agreed on.
    pub(super) fn streams(&self) -> u16 {
        self.outbound.streams
    }

    /// The largest SCTP packet that every path of the association carries: messages are cut by it (6.9).
    fn limit(&self) -> usize {
        self.paths.limit()
    }

    /// How a path stands.
    pub(super) fn path_state(&self, path: u8) -> PathState {
        self.paths.at(path).state(&self.config.timers)
    }

    fn route(&self, path: u8) -> Route {
        let path = self.paths.at(path);
        Route {
            source: path.local,
            destination: path.remote,
            ports: (self.config.local_port, self.remote_port),
            limit: path.limit,
            in_fragments: false,
        }
    }

    /// Back to where the packet came from, from our address that it came to (6.4).
    fn arrival_route(&self) -> Route {
        let route = self.route(self.arrival.path);
        Route { source: self.arrival.local.unwrap_or(route.source), ..route }
    }

    /// The same, but to nobody who has not proved that the address is his (5.4).
    fn reply_route(&self) -> Route {
        if self.paths.at(self.arrival.path).confirmed {
            self.arrival_route()
        } else {
            self.route(self.data_path())
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
                    self.tell_error(cause::UNRECOGNIZED_CHUNK, chunk.whole);
                }
                Ok(if skip { Step::Next } else { Step::Stop })
            }
        }
    }

    /// An ABORT whose T bit and tag go together, unless another chunk stands before it (8.5.1 B).
    pub(super) fn on_abort(&mut self, turn: &mut Turn<'_>, chunk: &Chunk<'_>) -> Step<'static> {
        // One whose causes lie is discarded (3.3.7).
        if Tlvs::new(chunk.value).any(|cause| cause.is_err()) {
            turn.counts.malformed += 1;
            return Step::Stop;
        }
        turn.counts.aborts_in += 1;
        let said = Tlvs::new(chunk.value).next().and_then(Result::ok).map_or(&[][..], |cause| cause.value);
        self.reason.clear();
        self.reason.extend_from_slice(said.get(..REASON_LIMIT).unwrap_or(said));
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
            let error = error?;
            let is_stale = error.kind == cause::STALE_COOKIE && error.value.len() >= 4;
            if is_stale && self.state == State::CookieEchoed {
                // 5.2.6: begin again; the number of attempts stays bounded.
                self.restart_init(turn);
                return Ok(Step::Stop);
            }
        }
        Ok(Step::Next)
    }

    /// One more cause for the ERROR that answers this packet; what does not fit is left out.
    fn tell_error(&mut self, code: u16, contents: &[u8]) {
        let limit = self.limit() - COMMON_HEADER - CHUNK_HEADER;
        let start = self.errors_length.next_multiple_of(4);
        let room = limit.min(self.errors_to_tell.len()).saturating_sub(start + 4);
        // Only the first may be cut.
        let contents = match contents.get(..room) {
            Some(cut) if start == 0 => cut,
            Some(_) if contents.len() > room => return,
            _ => contents,
        };
        let length = 4 + contents.len();
        let Some(cause) = self.errors_to_tell.get_mut(self.errors_length..start + length) else { return };
        cause.fill(0);
        let Some(cause) = self.errors_to_tell.get_mut(start..start + length) else { return };
        let (head, body) = cause.split_at_mut(4);
        let mut header = Prepend::new(head);
        header.u16(length as u16);
        header.u16(code);
        body.copy_from_slice(contents);
        self.errors_length = start + length;
    }

    /// The end of a packet: its ERROR, and its SACK if that can't wait.
    pub(super) fn end_of_packet(&mut self, turn: &mut Turn<'_>) {
        let length = core::mem::take(&mut self.errors_length);
        if length > 0 && !matches!(self.state, State::Closed | State::CookieWait) {
            let causes = self.errors_to_tell.get(..length).unwrap_or(&[]);
            turn.emit(self.reply_route(), self.peer_tag, |w| w.chunk(chunk::ERROR, 0, |w| w.bytes(causes)));
        }
        self.owe_sack(turn);
    }

    /// Sends an ABORT to the peer and closes.
    fn abort_with(&mut self, turn: &mut Turn<'_>, code: u16, contents: &[u8], reason: DownReason) {
        self.abort_by(turn, self.route(self.data_path()), code, contents, reason);
    }

    fn abort_by(
        &mut self,
        turn: &mut Turn<'_>,
        route: Route,
        code: u16,
        contents: &[u8],
        reason: DownReason,
    ) {
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
        self.spent = (self.local_tag, self.peer_tag);
        self.local_tag = 0;
        self.peer_tag = 0;
        self.deadlines = Deadlines::STOPPED;
        self.paths.stop();
        turn.counts.data_lost += u64::from(self.outbound.waiting());
        turn.counts.associations_down += 1;
        self.outbound.reset(0, 0, 0);
        // What is acknowledged is the user's, though he reads it later.
        if !self.inbound.on_hold {
            self.inbound.reset(0);
        }
        self.errors = 0;
        self.cookie_length = 0;
        self.errors_length = 0;
        self.shutdown_owed = false;
        self.dirty = false;
        self.reindex = true;
        self.notice = Notice { down: Some(reason), ..Notice::default() };
        if self.wanted && self.config.role == Role::Client {
            let retry = turn.now + turn.random.jitter(self.config.timers.retry_gap);
            self.deadlines.retry = self.wake_at(retry);
        }
    }

    /// Counts one unanswered transmission on `path`; `true` if that was the end of the association (8.1, 8.2).
    pub(super) fn count_error(&mut self, turn: &mut Turn<'_>, path: u8, whole_association: bool) -> bool {
        let timers = &self.config.timers;
        let entry = self.paths.at_mut(path);
        let before = entry.state(timers);
        // What has failed can't fail any more (8.3).
        entry.errors = entry.errors.saturating_add(u16::from(entry.active));
        if entry.errors > timers.path_max_retrans && entry.active {
            entry.active = false;
            turn.counts.paths_inactive += 1;
        }
        if entry.state(timers) == PathState::PotentiallyFailed && before == PathState::Active {
            turn.counts.paths_potentially_failed += 1;
            self.wake = self.wake.min(entry.ask(turn.now));
        }
        self.notice.paths |= self.paths.at(path).state(&self.config.timers) != before;
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
        let timers = &self.config.timers;
        let path = self.paths.at_mut(path);
        (path.errors, path.active) = (0, true);
        self.notice.paths |= path.told != path.state(timers);
    }

    /// Whether the user has not been told everything.
    pub(super) fn has_news(&self) -> bool {
        self.notice.up || self.notice.restarted || self.notice.down.is_some() || self.notice.paths
    }

    /// A path that stands otherwise than was told last: one each call, of an association that is up.
    pub(super) fn path_change(&mut self) -> Option<(IpAddr, PathState)> {
        if self.state != State::Closed {
            let timers = &self.config.timers;
            for path in 0..self.paths.count() {
                let path = self.paths.at_mut(path);
                let state = path.state(timers);
                if core::mem::replace(&mut path.told, state) != state {
                    return Some((path.remote, state));
                }
            }
        }
        self.notice.paths = false;
        None
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
        if self.deadlines.probe <= now {
            self.deadlines.probe = Time::NEVER;
            self.outbound.probe = true;
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
        let Deadlines { t1, t2, t5, sack, retry, probe } = self.deadlines;
        let own = t1.min(t2).min(t5).min(sack).min(retry).min(probe);
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

/// The largest SCTP packet, in octets, that a path carries as far as is configured: a multiple of four.
pub(super) fn packet_limit(config: &AssociationConfig, ipv6: bool) -> usize {
    octets_behind_ip(usize::from(config.mtu), ipv6)
}

/// Of an IP packet of `mtu` octets those that SCTP has; every path carries the least MTU of its IP version.
fn octets_behind_ip(mtu: usize, ipv6: bool) -> usize {
    let (header, least) = if ipv6 { (40, 1280) } else { (20, 576) };
    (mtu.max(least) - header) & !3
}

impl Path {
    /// Stops its timers.
    fn stop(&mut self) {
        self.t3 = Time::NEVER;
        self.heartbeat_at = Time::NEVER;
    }
}
