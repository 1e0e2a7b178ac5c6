//! The associations of one worker with their M3UA, and which association leads to which point code.

use core::net::IpAddr;
use core::time::Duration;

use crate::base::{Malformed, MalformedCounts, SipKey, Time, counts};
use crate::codec::Prepend;
use crate::ident::{PointCode, WorkerId};
use crate::proto::link;
use crate::proto::m3ua::{self, Asp, AspConfig, Provision, Role, ServerConfig, Servers, Told};
use crate::proto::sctp::{self, AssociationConfig, AssociationId, Change, Cursor, Endpoint, Event};

use super::failover::{Leftovers, data_context};
use super::ways::{Carries, Ways};
use super::{Destination, Refusal};
use crate::stack::{Direction, Label, News, Outside};

/// SCTP's payload protocol identifier of M3UA.
pub(super) const PPID_M3UA: u32 = 3;
/// How often workers tell each other which associations carry traffic, beside the moments when that changes.
const ANNOUNCE: Duration = Duration::from_secs(1);
/// The service indicator of SCCP.
const SCCP: u8 = 3;

/// An association as configured, the same list on every worker.
#[derive(Clone, Debug)]
pub struct AssociationSetup {
    /// Its name.
    pub name: String,
    /// The worker that owns it.
    pub owner: WorkerId,
    /// The signalling gateway that it leads to, which may be reached by others too; without a name, nobody else's. All
    /// associations to one gateway have one owner.
    pub gateway: Option<String>,
    /// SCTP.
    pub sctp: AssociationConfig,
    /// M3UA.
    pub m3ua: AspConfig,
}

counts! {
    /// What the associations of a worker did beside SCTP and M3UA themselves.
    pub struct TransportCounts {
        /// Messages with another payload protocol than M3UA.
        foreign_payload,
        /// DATA of another MTP3 user than SCCP.
        foreign_user,
        /// DATA of another network.
        foreign_network,
        /// DATA for a point code that is not ours.
        foreign_point_code,
        /// Messages that left by another way, since the first would not take them.
        rerouted,
        /// Messages that an association left unsent when it ended, and that found another way.
        rescued,
        /// Copies of broadcast messages that an association left when it ended, and that another ASP has too.
        copies,
        /// Messages that an association left unsent when it ended, and for which there was no other way.
        stranded,
        /// Messages sent and not acknowledged when an association ended: the peer may have them.
        indeterminate,
        /// Those of the indeterminate that may come twice, and were sent once more by another way.
        repeated,
        /// Dialogues refused because their destination is congested.
        congested_point,
        /// Copies of messages for the further ASPs of application servers that broadcast.
        broadcast,
        /// Messages between others, passed on.
        relayed,
        /// Messages between others that found no way.
        relay_refused,
    }
}

pub(super) struct Link {
    /// Place in this worker's endpoint.
    pub(super) local: AssociationId,
    pub(super) asp: Asp,
    streams_out: u16,
    /// There is an association.
    is_up: bool,
    /// It is to end: once M3UA has left, SCTP does.
    pub(super) leaving: bool,
}

impl Link {
    /// M3UA has left the traffic, as it was to.
    fn is_gone(&self) -> bool {
        self.leaving && self.asp.state() == m3ua::AspState::Down
    }
}

/// Who is shown the SCTP of associations.
type EachSctp<'v> =
    &'v mut dyn FnMut(&str, &sctp::AssociationStatus, &mut dyn Iterator<Item = sctp::PathStatus>);

/// MTP as the gateway has it: associations, M3UA over them, and the way to point codes.
pub struct Transport {
    worker: WorkerId,
    point_code: PointCode,
    network_indicator: u8,
    setups: Vec<AssociationSetup>,
    /// This worker's own associations, by their place in the configuration.
    pub(super) links: Vec<Option<Link>>,
    pub(super) ways: Ways,
    /// Which destinations it has told its ASPs to be available, if it passes on what is for others.
    pub(super) gateway: Option<Vec<bool>>,
    /// What associations left behind that have ended, until it goes another way.
    pub(super) left: Leftovers,
    /// Points whose SCCP is said to be absent, for management to hear.
    pub(super) silent: Vec<PointCode>,
    /// Room for one DATA.
    pub(super) room: Box<[u8]>,
    /// The application servers of those that are a signalling gateway's, and what their ASPs are about to be told.
    pub(super) servers: Servers,
    pub(super) told: Vec<Told>,
    pub(crate) endpoint: Endpoint,
    /// Whether the associations have been told to connect.
    started: bool,
    next_announcement: Time,
    /// From the endpoint's numbers to the configuration's.
    global: Vec<u16>,
    /// What was counted.
    pub counts: TransportCounts,
}

impl Transport {
    /// The associations of `worker` among `setups`. `secret` signs SCTP's cookies, `random` makes tags.
    #[must_use]
    pub fn new(
        worker: WorkerId,
        point_code: PointCode,
        network_indicator: u8,
        setups: Vec<AssociationSetup>,
        destinations: Vec<Destination>,
        secret: [u8; 32],
        random: SipKey,
    ) -> Self {
        let mine = setups.iter().enumerate().filter(|(_, setup)| setup.owner == worker);
        let servers = Servers::new(mine.map(|(at, setup)| (at as u16, &setup.m3ua)), &[]);
        let mut own = Vec::new();
        let mut global = Vec::new();
        let links = setups
            .iter()
            .enumerate()
            .map(|(at, setup)| {
                (setup.owner == worker).then(|| {
                    let local = AssociationId(own.len() as u16);
                    own.push(setup.sctp.clone());
                    global.push(at as u16);
                    Link {
                        local,
                        asp: Asp::new(setup.m3ua.clone()),
                        streams_out: 1,
                        is_up: false,
                        leaving: false,
                    }
                })
            })
            .collect();
        Self {
            worker,
            point_code,
            network_indicator,
            ways: Ways::new(worker, destinations, &setups),
            gateway: None,
            left: Leftovers::default(),
            silent: Vec::with_capacity(super::management::SILENT),
            room: vec![0; super::ROOM + 64].into_boxed_slice(),
            links,
            servers,
            told: Vec::with_capacity(super::application_servers::TOLD),
            endpoint: Endpoint::new(own, secret, random),
            started: false,
            next_announcement: Time::ZERO,
            global,
            setups,
            counts: TransportCounts::default(),
        }
    }

    /// What application servers of ours, as a signalling gateway, are configured to be; the others are as usual. ASPs whose
    /// associations allow it may register the keys of `provisions`, and any others too for routing contexts from `dynamic` on.
    #[must_use]
    pub fn with_servers(
        mut self,
        configs: &[ServerConfig],
        provisions: Vec<Provision>,
        dynamic: Option<u32>,
    ) -> Self {
        let own = self.setups.iter().enumerate().filter(|(_, setup)| setup.owner == self.worker);
        self.servers = Servers::new(own.map(|(at, setup)| (at as u16, &setup.m3ua)), configs);
        self.servers.provision(provisions, dynamic);
        self
    }

    /// Our own point code.
    #[must_use]
    pub fn point_code(&self) -> PointCode {
        self.point_code
    }

    /// Which worker owns the association that a packet belongs to: a snapshot of the configuration decides, since tags
    /// are random. Nobody's packets are worker 0's, to be counted and refused.
    #[must_use]
    pub fn owner(&self, source: IpAddr, packet: &[u8]) -> WorkerId {
        let Some((source_port, destination_port)) = sctp::view::owner_key(packet) else { return self.worker };
        self.owner_of(source, source_port, destination_port)
    }

    /// The owner of the association with a peer. A peer may have told addresses that are not configured: then its ports
    /// say whose it is, if all associations with these are one worker's.
    fn owner_of(&self, peer: IpAddr, peer_port: u16, own_port: u16) -> WorkerId {
        let by_ports = |setup: &&AssociationSetup| {
            setup.sctp.local_port == own_port && setup.sctp.remote_port.is_none_or(|port| port == peer_port)
        };
        let by_address =
            |setup: &&AssociationSetup| setup.sctp.remote.is_empty() || setup.sctp.remote.contains(&peer);
        let mut setups = self.setups.iter().filter(by_ports);
        let owners = setups.clone().map(|setup| setup.owner);
        let one = owners.clone().next().filter(|first| owners.clone().all(|owner| owner == *first));
        setups.find(by_address).map(|setup| setup.owner).or(one).unwrap_or(WorkerId(0))
    }

    /// An ICMP error about an SCTP packet of ours: its owner, if that is another worker.
    pub(in crate::stack) fn unreachable(
        &mut self,
        now: Time,
        told: &link::Unreachable<'_>,
        out: &mut dyn crate::base::Out,
    ) -> Option<WorkerId> {
        // What the rules of RFC 9260 10 have ignored.
        let what = match told.cause {
            link::Cause::Network | link::Cause::Host | link::Cause::Prohibited => sctp::Unreachable::Host,
            link::Cause::Protocol => sctp::Unreachable::Protocol,
            link::Cause::TooBig(octets) => sctp::Unreachable::TooBig(octets),
            link::Cause::Port | link::Cause::HopLimit | link::Cause::Parameter => return None,
        };
        let (own_port, peer_port) = sctp::view::owner_key(told.quoted)?;
        let owner = self.owner_of(told.flow.destination, peer_port, own_port);
        if owner != self.worker {
            return Some(owner);
        }
        self.endpoint.unreachable(now, told.flow.source, told.flow.destination, told.quoted, what, out);
        None
    }

    /// The next SCCP message of an SCTP packet, with what MTP says of it. Call until `None`.
    pub(in crate::stack) fn next<'a>(
        &mut self,
        now: Time,
        (source, destination): (IpAddr, IpAddr),
        packet: &'a [u8],
        cursor: &'a mut Cursor,
        refused: &mut dyn FnMut(Malformed),
        out: &mut dyn crate::base::Out,
    ) -> Option<Option<(Label, &'a [u8])>> {
        let Event::Data { association, stream, ppid, payload } =
            self.endpoint.input(now, source, destination, packet, cursor, out)?;
        // The packet that sets an association up may have data too (RFC 9260 5.1 D): M3UA must be up for it.
        self.heed_changes(now);
        Some(self.on_payload(now, association, stream, ppid, payload, refused))
    }

    fn on_payload<'a>(
        &mut self,
        now: Time,
        association: AssociationId,
        stream: u16,
        ppid: u32,
        payload: &'a [u8],
        refused: &mut dyn FnMut(Malformed),
    ) -> Option<(Label, &'a [u8])> {
        // Zero: a peer from before payload protocols were assigned.
        if ppid != PPID_M3UA && ppid != 0 {
            self.counts.foreign_payload += 1;
            return None;
        }
        let at = *self.global.get(usize::from(association.0))?;
        let link = self.links.get_mut(usize::from(at))?.as_mut()?;
        let endpoint = &mut self.endpoint;
        let mut send = |stream: u16, message: &[u8]| {
            // A management message that finds the ring full is repeated by its timer.
            let _ = endpoint.send(now, association, stream, PPID_M3UA, message);
        };
        let input = link.asp.handle_input(now, stream, payload, &mut send);
        match input {
            Ok(m3ua::Input::Registration(keys)) => self.servers.register(at, &mut link.asp, keys, &mut send),
            Ok(m3ua::Input::Deregistration(contexts)) => {
                self.servers.deregister(&mut link.asp, contexts, &mut send);
            }
            _ => {}
        }
        if !matches!(input, Ok(m3ua::Input::Data(_))) {
            self.tend(now, at, false);
        }
        match input {
            Ok(m3ua::Input::Destination { affected, change }) => {
                affected.for_each(|points| {
                    self.ways.hear(now, at, points, change);
                    self.note_silence(points.0, change);
                });
                self.pass_news_on(now, at, affected, change);
                None
            }
            Ok(m3ua::Input::Data(data)) => self.on_data(now, at, &data),
            Ok(_) => None,
            Err(why) => {
                refused(why);
                None
            }
        }
    }

    fn on_data<'a>(&mut self, now: Time, at: u16, data: &m3ua::Data<'a>) -> Option<(Label, &'a [u8])> {
        if data.ni != self.network_indicator {
            self.counts.foreign_network += 1;
        } else if data.dpc != self.point_code && self.gateway.is_none() {
            self.counts.foreign_point_code += 1;
        } else if data.si != SCCP {
            self.counts.foreign_user += 1;
            if data.dpc == self.point_code {
                self.refuse_user(now, at, data.si);
            }
        } else {
            let label = Label {
                direction: Direction::In,
                association: at,
                originating: data.opc,
                destination: data.dpc,
                selection: data.sls,
                tried: 0,
            };
            return Some((label, data.payload));
        }
        None
    }

    /// No other MTP user than SCCP is here: who sends to one learns that, where it is for us to say (RFC 4666 3.4.5).
    fn refuse_user(&mut self, now: Time, at: u16, user: u8) {
        let own = self.point_code;
        let Some(Some(link)) = self.links.get_mut(usize::from(at)) else { return };
        let (endpoint, local) = (&mut self.endpoint, link.local);
        link.asp.refuse_user(own, user, &mut |stream, message| {
            let _ = endpoint.send(now, local, stream, PPID_M3UA, message);
        });
    }

    /// Sends the SCCP message that stands in `w`, for which room for padding was left first, to `destination`.
    /// Gives the worker whose association it leaves by.
    pub(super) fn send(
        &mut self,
        w: &mut Prepend<'_>,
        destination: PointCode,
        selection: u8,
        outside: &mut dyn Outside,
    ) -> Result<WorkerId, Refusal> {
        let label = Label {
            direction: Direction::Out,
            association: 0,
            originating: self.point_code,
            destination,
            selection,
            tried: 0,
        };
        let message = w.finish().ok_or(Refusal::TooLong)?;
        self.send_by_best(label, message, outside)
    }

    /// Sends a message by the best way that takes it, but for those that were tried.
    pub(super) fn send_by_best(
        &mut self,
        mut label: Label,
        message: &[u8],
        outside: &mut dyn Outside,
    ) -> Result<WorkerId, Refusal> {
        let mut refused = Refusal::NoRoute;
        while let Some((place, association)) =
            self.ways.choose(label.destination, label.selection, label.tried)
        {
            let again = label.tried != 0;
            label.tried |= 1 << place;
            label.association = association;
            let owner = self.setups.get(usize::from(association)).map_or(self.worker, |setup| setup.owner);
            let taken = if owner == self.worker {
                self.send_on(&label, message)
            } else if outside.hand_off(owner, label, message) {
                Ok(())
            } else {
                Err(Refusal::Full)
            };
            match taken {
                Ok(()) => {
                    self.counts.rerouted += u64::from(again);
                    return Ok(owner);
                }
                Err(Refusal::TooLong) => return Err(Refusal::TooLong),
                Err(why) => refused = why,
            }
        }
        Err(refused)
    }

    /// A message that another worker chose an association of ours for. If that carries no traffic any more or not yet, or is
    /// full, it goes another way if there is one.
    pub(super) fn send_for_another(
        &mut self,
        label: &Label,
        message: &[u8],
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        // Only this worker knows that its application server is pending.
        let waits = |association| self.ways.waits(label.destination, association);
        let best = self.ways.choose(label.destination, label.selection, label.tried);
        if waits(label.association)
            && best.is_some_and(|(_, other)| !waits(other))
            && self.send_by_best(*label, message, outside).is_ok()
        {
            return Ok(());
        }
        match self.send_on(label, message) {
            Err(Refusal::NoRoute | Refusal::Full) => self.send_by_best(*label, message, outside).map(drop),
            other => other,
        }
    }

    /// Whether a new dialogue with `destination` may begin, congested as it may be.
    pub(super) fn admits(&mut self, destination: PointCode) -> bool {
        let admitted = self.ways.admits(destination);
        self.counts.congested_point += u64::from(!admitted);
        admitted
    }

    /// What is known of a destination; `None`: no association that leads there carries traffic.
    #[must_use]
    pub fn state_of(&self, destination: PointCode) -> Option<m3ua::Availability> {
        self.ways.state(destination)
    }

    /// The ways to destinations by this worker's own associations: point code, association, what its gateway says of the
    /// point; `None`: it carries no traffic.
    pub fn own_ways(&self) -> impl Iterator<Item = (PointCode, &str, Option<m3ua::Availability>)> {
        self.ways.own().filter_map(|(destination, association, state)| {
            Some((destination, self.setups.get(usize::from(association))?.name.as_str(), state))
        })
    }

    /// Sends an SCCP message on an association of this worker; of a signalling gateway, by the ASPs of its application
    /// server.
    fn send_on(&mut self, label: &Label, message: &[u8]) -> Result<(), Refusal> {
        let Some(Some(link)) = self.links.get(usize::from(label.association)) else {
            return Err(Refusal::NoRoute);
        };
        match link.asp.role() {
            _ if link.leaving => Err(Refusal::NoRoute),
            Role::Sgp => self.send_to_server(label, message),
            _ => self.send_data(label, None, None, message),
        }
    }

    /// Sends a DATA message on one association, if its ASP is active: with `context`, for that application server.
    pub(super) fn send_data(
        &mut self,
        label: &Label,
        context: Option<u32>,
        correlation: Option<u32>,
        message: &[u8],
    ) -> Result<(), Refusal> {
        let Some(Some(link)) = self.links.get(usize::from(label.association)) else {
            return Err(Refusal::NoRoute);
        };
        let context = link.asp.data_context(context).filter(|_| !link.leaving).ok_or(Refusal::NoRoute)?;
        let (local, stream) = (link.local, m3ua::stream_for(label.selection, link.streams_out));
        let header = self.data_header(label, context);
        let mut w = Prepend::new(&mut self.room);
        let data = write_data(&mut w, message, &header, correlation).ok_or(Refusal::TooLong)?;
        self.endpoint.send(Time::ZERO, local, stream, PPID_M3UA, data).map_err(|_| Refusal::Full)
    }

    /// What surrounds a message in DATA on an association.
    pub(super) fn data_header(&self, label: &Label, routing_context: Option<u32>) -> m3ua::build::DataHeader {
        let configured = self.setups.get(usize::from(label.association)).map(|setup| &setup.m3ua);
        m3ua::build::DataHeader {
            network_appearance: configured.and_then(|m3ua| m3ua.network_appearance),
            routing_context,
            opc: label.originating,
            dpc: label.destination,
            si: SCCP,
            ni: self.network_indicator,
            mp: 0,
            sls: label.selection,
        }
    }

    /// What became of associations since the last call: M3UA goes up and down with them, what they left behind goes another
    /// way, and the other workers learn which carry traffic, and where to.
    pub(in crate::stack) fn settle(&mut self, now: Time, outside: &mut dyn Outside) {
        self.heed_changes(now);
        self.note_active();
        self.release();
        self.rescue(outside);
        if self.ways.has_changed() {
            self.tell_ways(outside);
            self.tell_asps(now);
        }
    }

    fn note_active(&mut self) {
        for (at, link) in self.links.iter().enumerate() {
            let Some(link) = link else { continue };
            let carries = match link.asp.role() {
                _ if link.leaving => Carries::Nothing,
                Role::Sgp => match self.servers.state(at as u16) {
                    m3ua::ServerState::Active => Carries::Traffic,
                    m3ua::ServerState::Pending => Carries::Later,
                    _ => Carries::Nothing,
                },
                _ if link.asp.is_active() => Carries::Traffic,
                _ => Carries::Nothing,
            };
            self.ways.set_carries(at as u16, carries);
        }
    }

    fn tell_ways(&mut self, outside: &mut dyn Outside) {
        for (destination, association, state) in self.ways.own() {
            outside.tell_all(News::Way { association, destination, state });
        }
        self.ways.told();
    }

    /// M3UA goes up and down with its associations.
    fn heed_changes(&mut self, now: Time) {
        while let Some((association, change)) = self.endpoint.poll_event() {
            let Some(&at) = self.global.get(usize::from(association.0)) else { continue };
            let Some(Some(link)) = self.links.get_mut(usize::from(at)) else { continue };
            let is_up = matches!(change, Change::Up { .. } | Change::Restarted { .. });
            let ended = matches!(change, Change::Restarted { .. } | Change::Down { .. });
            // What M3UA says on the next association takes the place of what was left.
            if ended && core::mem::replace(&mut link.is_up, is_up) {
                let Self { endpoint, left: leftovers, servers, counts, .. } = self;
                endpoint.left(association, &mut |left| {
                    // To rescue a copy would be to send it twice to who has the other.
                    if data_context(left.payload).is_some_and(|context| servers.has_copies(at, context)) {
                        counts.copies += 1;
                    } else {
                        leftovers.keep(&left);
                    }
                });
            }
            let endpoint = &mut self.endpoint;
            let mut send = |stream: u16, message: &[u8]| {
                let _ = endpoint.send(now, association, stream, PPID_M3UA, message);
            };
            let failed = matches!(change, Change::Down { .. } | Change::Restarted { .. });
            match change {
                Change::Up { streams } | Change::Restarted { streams } => {
                    link.is_up = true;
                    link.streams_out = streams;
                    link.asp.association_up(now, streams, &mut send);
                }
                // `show sctp` and the metrics tell.
                Change::Path { .. } => {}
                Change::Down { .. } => link.asp.association_down(now),
            }
            self.tend(now, at, failed);
        }
    }

    /// Tells the other workers once more how the associations of this one lead to their destinations: they may have missed
    /// it when their rings were full.
    pub(in crate::stack) fn announce(&mut self, now: Time, outside: &mut dyn Outside) {
        if now < self.next_announcement {
            return;
        }
        self.next_announcement = now + ANNOUNCE;
        self.tell_ways(outside);
    }

    /// How another worker's association leads to a destination.
    pub(in crate::stack) fn learn(
        &mut self,
        association: u16,
        destination: PointCode,
        state: Option<m3ua::Availability>,
    ) {
        self.ways.learn(association, destination, state);
    }

    /// Runs SCTP's and M3UA's timers.
    pub(in crate::stack) fn handle_timeout(&mut self, now: Time, out: &mut dyn crate::base::Out) {
        if !core::mem::replace(&mut self.started, true) {
            for link in self.links.iter().flatten() {
                self.endpoint.connect(now, link.local, out);
            }
        }
        self.endpoint.handle_timeout(now, out);
        self.ways.handle_timeout(now);
        self.tend_recovery(now);
        for link in self.links.iter_mut().flatten() {
            let (endpoint, local) = (&mut self.endpoint, link.local);
            let mut send = |stream: u16, message: &[u8]| {
                let _ = endpoint.send(now, local, stream, PPID_M3UA, message);
            };
            let due = link.asp.poll_timeout() <= now;
            if due && link.asp.handle_timeout(now, &mut send) == Some(m3ua::Timeout::PeerFailed) {
                self.endpoint.abort(now, local, b"no M3UA BEAT ACK", out);
                if !link.leaving {
                    self.endpoint.connect(now, local, out);
                }
            }
            if link.is_gone() {
                self.endpoint.shutdown(now, local, out);
            }
        }
    }

    /// When [`Self::handle_timeout`] or [`Self::announce`] has something to do, or earlier.
    pub(in crate::stack) fn poll_timeout(&self) -> Time {
        if !self.started {
            return Time::ZERO;
        }
        let is_gone =
            |link: &Link| link.is_gone() && self.endpoint.state(link.local) == sctp::State::Established;
        let due = |link: &Link| if is_gone(link) { Time::ZERO } else { link.asp.poll_timeout() };
        let own = self.ways.poll_timeout().min(self.servers.poll_timeout()).min(self.next_announcement);
        let others = self.endpoint.poll_timeout().min(own);
        self.links.iter().flatten().map(due).fold(others, Time::min)
    }

    /// Leaves the traffic in order (RFC 4666 4.3.4): ASPIA, ASPDN when that is acknowledged, and SHUTDOWN at last, after
    /// everything that was sent.
    pub(in crate::stack) fn stop(&mut self, now: Time, out: &mut dyn crate::base::Out) {
        for link in self.links.iter_mut().flatten() {
            let (endpoint, local) = (&mut self.endpoint, link.local);
            let mut send = |stream: u16, message: &[u8]| {
                let _ = endpoint.send(now, local, stream, PPID_M3UA, message);
            };
            link.leaving = true;
            link.asp.stop(now, &mut send);
            if link.is_gone() {
                self.endpoint.shutdown(now, local, out);
            }
        }
        self.note_active();
        for at in 0..self.links.len() {
            self.tend(now, at as u16, false);
        }
    }

    /// Whether every association of this worker is closed.
    pub(in crate::stack) fn is_closed(&self) -> bool {
        self.links.iter().flatten().all(|link| self.endpoint.state(link.local) == sctp::State::Closed)
    }

    /// SCTP's counters.
    #[must_use]
    pub fn sctp_counts(&self) -> &sctp::SctpCounts {
        &self.endpoint.counts
    }

    /// What SCTP refused as malformed.
    #[must_use]
    pub fn sctp_malformed(&self) -> &MalformedCounts {
        &self.endpoint.malformed
    }

    /// Whether an association carries traffic.
    #[must_use]
    pub fn is_active(&self, association: u16) -> bool {
        match self.links.get(usize::from(association)) {
            // That of its application server may have another.
            Some(Some(link)) => link.asp.is_active() && !link.leaving,
            _ => self.ways.is_active(association),
        }
    }

    /// M3UA's counters of this worker's associations, with their names.
    pub fn asps(&self) -> impl Iterator<Item = (&str, &Asp)> {
        self.setups
            .iter()
            .zip(&self.links)
            .filter_map(|(setup, link)| Some((setup.name.as_str(), &link.as_ref()?.asp)))
    }

    /// The SCTP of a worker's own associations: name, status, paths.
    pub fn each_sctp(&self, visit: EachSctp<'_>) {
        for (setup, link) in self.setups.iter().zip(&self.links) {
            let Some(link) = link else { continue };
            let Some(status) = self.endpoint.status(link.local) else { continue };
            visit(&setup.name, &status, &mut self.endpoint.paths(link.local));
        }
    }

    /// The configured associations: name, owner, and whether each carries traffic as far as this worker knows.
    pub fn associations(&self) -> impl Iterator<Item = (&str, WorkerId, bool)> {
        let active = |at: usize| self.is_active(at as u16);
        self.setups.iter().enumerate().map(move |(at, setup)| (setup.name.as_str(), setup.owner, active(at)))
    }

    /// Whether messages get to a point code; `None` if it is no destination of ours.
    pub(super) fn leads_to(&self, point_code: PointCode) -> Option<bool> {
        self.ways.reaches(point_code)
    }
}

/// Writes a whole DATA message.
pub(super) fn write_data<'w>(
    w: &'w mut Prepend<'_>,
    message: &[u8],
    header: &m3ua::build::DataHeader,
    correlation: Option<u32>,
) -> Option<&'w [u8]> {
    if let Some(correlation) = correlation {
        return m3ua::build::correlated_data(w, message, header, correlation);
    }
    let mark = m3ua::build::data_padding(w);
    w.bytes(message);
    m3ua::build::data(w, mark, header)
}
