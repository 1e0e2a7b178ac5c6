//! The SS7 side: SCTP, M3UA, SCCP, TCAP and MAP, from an SCTP packet to an operation and back.

mod application_servers;
mod component;
mod dialogue;
mod failover;
mod held;
mod invocation;
mod management;
mod offer;
mod operation;
mod relay;
mod screening;
mod segments;
mod transport;
mod version;
mod ways;

use core::time::Duration;
use std::collections::VecDeque;

pub(super) use invocation::Octets;
pub use offer::Offer;
pub use screening::{
    Action, Operator, Rule, RuleCounts, Screened, Screening, ScreeningConfig, ScreeningCounts,
};
pub(super) use segments::Whole;
pub use transport::{AssociationSetup, Transport};
pub use version::{Handshake, PeerPolicy};
pub use ways::Destination;

use crate::base::{Malformed, MalformedCounts, Slab, Time, counts};
use crate::codec::Prepend;
use crate::ident::{Digits, Imsi, Msisdn, Number, PointCode, SccpAddress, Ssn, WorkerId};
use crate::proto::map::subscription::UpdateLocation;
use crate::proto::sccp::{self, Reassembly, Sccp};
use crate::proto::tcap::{self, DialogueId, Dialogues, DialoguesConfig, Owner};

use dialogue::gone;
use held::Held;
use invocation::{KEPT, Kept, Party, WITHIN, Within};
use segments::Wrapped;
use version::Versions;

use super::{AlertReason, Direction, Indication, Label, Outcome, Outside};

counts! {
    /// What the SS7 side refused or could not send.
    pub struct Ss7Counts {
        /// Messages for a point code that no active association reaches.
        no_route,
        /// Messages refused because the association's send ring, or the ring to its worker, is full.
        congested,
        /// Messages from the network that could not be handed to the worker of their dialogue, and were returned.
        not_handed_on,
        /// Messages of ours that found no way any more once they were sent, and came back to their dialogues for that.
        bounced,
        /// Messages sent in segments.
        segmented,
        /// Messages that are too long for what their destination takes.
        too_long,
        /// Dialogues asked for in an application context that we don't offer.
        context_refused,
        /// Dialogues of ours that a peer refused in a version, and that were opened again in an older one.
        version_refused,
        /// Dialogues of ours that were opened before anything was invoked in them.
        handshakes,
        /// Operations of ours for which no room was to be kept until the peer accepts them.
        held_full,
        /// Short messages that came in the dialogue of an earlier one.
        more_messages,
        /// Those that we sent in the dialogue of an earlier one.
        more_messages_sent,
        /// Unidirectional messages: no operation of MAP comes in one.
        unidirectional_refused,
        /// Results and errors that can't be read, or are none that the operation has.
        outcome_rejected,
        /// Operations rejected: unknown, not of their application context, a duplicate, or one too many.
        operation_rejected,
        /// Operations rejected for their argument.
        argument_rejected,
        /// Components that can't be read; those behind them are discarded.
        component_malformed,
        /// Rejects that can't be read, which are not answered.
        reject_malformed,
        /// Components of one message refused because no more can wait.
        components_refused,
        /// Answers to operations whose dialogue is gone, or that were answered already.
        answer_late,
    }
}

/// What the SS7 side of one worker is made of.
pub struct Ss7Config {
    /// The worker.
    pub worker: WorkerId,
    /// How many there are.
    pub workers: u8,
    /// MTP, M3UA and SCTP.
    pub transport: Transport,
    /// Titles and subsystem numbers of ours, each as others call it.
    pub own: Vec<SccpAddress>,
    /// SCCP: where titles lead, ours to our own point code.
    pub sccp: sccp::SccpConfig,
    /// TCAP.
    pub dialogues: DialoguesConfig,
    /// How long mo-forwardSM may take (TS 29.002 17.1.2, ml).
    pub forward_timeout: Duration,
    /// What peers may open dialogues for: mt- and mo-forwardSM come taken apart, all else as [`Operation::Other`].
    ///
    /// [`Operation::Other`]: super::Operation::Other
    pub offers: Vec<Offer>,
    /// What versions of MAP peers speak.
    pub peers: Peers,
    /// What is refused of what they send.
    pub screening: ScreeningConfig,
}

/// How peers of different versions of MAP are dealt with.
#[derive(Clone, Debug)]
pub struct Peers {
    /// What is agreed with their operators.
    pub policies: Vec<PeerPolicy>,
    /// How many operations may wait until their peers accept them; some 350 octets each.
    pub held: usize,
    /// How many peers' older versions are remembered, for each application context; 64 octets each.
    pub versions: usize,
    /// For how long: then a newer one is tried again.
    pub version_memory: Duration,
    /// Application contexts that we don't offer are refused by P-Abort "incorrect transaction portion", as a node of
    /// version 1 does, for which peers of such nodes are tried.
    pub refuse_without_name: bool,
}

impl Default for Peers {
    /// Nothing agreed; 4,096 operations, and 4,096 versions for an hour.
    fn default() -> Self {
        let version_memory = Duration::from_secs(3600);
        Self { policies: Vec::new(), held: 4096, versions: 4096, version_memory, refuse_without_name: false }
    }
}

/// mo-forwardSM to send.
#[derive(Clone, Copy, Debug)]
pub struct MoForward<'a> {
    /// Our own title.
    pub title: Digits,
    /// Our own subsystem number.
    pub ssn: Ssn,
    /// The service centre, which is called.
    pub service_centre: Digits,
    /// The same as it stands in SM-RP-DA.
    pub destination: Number,
    /// The originator's number, SM-RP-OA.
    pub msisdn: Option<Msisdn>,
    /// The originator's IMSI.
    pub imsi: Option<Imsi>,
    /// SM-RP-UI.
    pub tpdu: &'a [u8],
}

/// mt-forwardSM to send, as an SMS-GMSC does.
#[derive(Clone, Copy, Debug)]
pub struct MtForward<'a> {
    /// Our own title.
    pub title: Digits,
    /// Our own subsystem number.
    pub ssn: Ssn,
    /// The title of the MSC, SGSN or gateway that is called, and its subsystem number.
    pub node: (Digits, Ssn),
    /// The recipient, SM-RP-DA.
    pub imsi: Imsi,
    /// The service centre, SM-RP-OA.
    pub service_centre: Number,
    /// SM-RP-UI.
    pub tpdu: &'a [u8],
    /// The service centre has more for the recipient (moreMessagesToSend).
    pub more_messages: bool,
}

/// readyForSM to send: a subscriber is there again, or has memory again.
#[derive(Clone, Copy, Debug)]
pub struct ReadyForSm {
    /// Our own title and subsystem number.
    pub from: (Digits, Ssn),
    /// The HLR's title.
    pub hlr: Digits,
    /// The subscriber.
    pub imsi: Imsi,
    /// Which of the two.
    pub reason: AlertReason,
    /// Whether we are an SGSN to the HLR, not an IP-SM-GW.
    pub sgsn: bool,
    /// How long it may take (TS 29.002 17.1.2).
    pub timeout: Duration,
}

/// updateLocation to send, as a VLR does.
#[derive(Clone, Copy, Debug)]
pub struct LocationUpdate {
    /// Our own title and subsystem number.
    pub from: (Digits, Ssn),
    /// The HLR's title.
    pub hlr: Digits,
    /// Who is where.
    pub update: UpdateLocation,
    /// How long it may take (TS 29.002 17.1.2).
    pub timeout: Duration,
}

/// An operation to invoke in a dialogue of its own, argument encoded.
#[derive(Clone, Copy)]
pub struct MapInvoke<'a> {
    /// Our own title and subsystem number.
    pub from: (Digits, Ssn),
    /// Those of the node that is called.
    pub to: (Digits, Ssn),
    /// The application context, from [`context`](crate::proto::map::context).
    pub context: &'static [u8],
    /// The operation's local code, from [`operation`](crate::proto::map::operation).
    pub opcode: u8,
    /// The argument: a whole element, or nothing.
    pub argument: &'a [u8],
    /// How long it may take (TS 29.002 17.1.2).
    pub timeout: Duration,
}

/// Why an operation could not be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// No translation for the title, or no association to its point code.
    NoRoute,
    /// Tables or rings are full.
    Full,
    /// The message does not fit.
    TooLong,
}

/// The SS7 side of one worker.
pub struct Ss7 {
    worker: WorkerId,
    workers: u8,
    pub(super) transport: Transport,
    own: Vec<SccpAddress>,
    sccp: Sccp,
    reassembly: Reassembly<Label>,
    budget: usize,
    points: Vec<sccp::RemotePoint>,
    subsystems: sccp::Subsystems,
    /// Names the next message that leaves in segments.
    reference: u32,
    dialogues: Dialogues<Party>,
    forward_timeout: Duration,
    offers: Vec<Offer>,
    screening: Screening,
    policies: Vec<PeerPolicy>,
    refuse_without_name: bool,
    versions: Versions,
    /// Operations of ours that their peers have not accepted yet.
    held: Slab<Held>,
    /// Our invocations in dialogues that peers opened.
    within: Vec<Within>,
    /// Components that wait for the application.
    kept: VecDeque<Kept>,
    /// Room for one message: to clear it anew for each would cost as much as to write most of them.
    room: Box<[u8]>,
    /// What was refused or could not be sent.
    pub counts: Ss7Counts,
}

impl Ss7 {
    /// The SS7 side of a worker, nothing up yet.
    ///
    /// # Errors
    /// Says which sizes don't fit together.
    pub fn new(config: Ss7Config) -> Result<Self, String> {
        Ok(Self {
            worker: config.worker,
            workers: config.workers,
            transport: config.transport,
            own: config.own,
            budget: config.sccp.limit,
            points: config.sccp.points.clone(),
            subsystems: sccp::Subsystems::new(config.sccp.subsystems),
            reference: 0,
            versions: Versions::new(
                config.dialogues.key.derive("versions of peers"),
                config.peers.versions,
                config.peers.version_memory,
            ),
            screening: Screening::new(&config.screening, config.dialogues.key.derive("rates of peers"))?,
            held: Slab::newest_first(config.peers.held),
            policies: config.peers.policies,
            refuse_without_name: config.peers.refuse_without_name,
            sccp: Sccp::new(&config.sccp)
                .map_err(|duplicate| format!("two rules for the same titles: {duplicate:?}"))?,
            reassembly: Reassembly::new(config.sccp.reassembly, config.dialogues.key.derive("reassembly")),
            dialogues: Dialogues::new(config.dialogues)?,
            forward_timeout: config.forward_timeout,
            offers: config.offers,
            within: Vec::with_capacity(WITHIN),
            kept: VecDeque::with_capacity(KEPT),
            room: vec![0; ROOM].into_boxed_slice(),
            counts: Ss7Counts::default(),
        })
    }

    /// MTP, M3UA and SCTP.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// What is refused of what peers send.
    #[must_use]
    pub fn screening(&self) -> &Screening {
        &self.screening
    }

    /// A refusal by screening that the operator is to be told of.
    pub(super) fn next_screened(&mut self) -> Option<Screened> {
        self.screening.next_told()
    }

    pub(super) fn is_open(&self, dialogue: DialogueId) -> bool {
        self.dialogues.user(dialogue).is_some()
    }

    /// How full the tables are: name, used, size.
    pub fn fill(&self, visit: &mut dyn FnMut(&'static str, usize, usize)) {
        visit("dialogues", self.dialogues.len(), self.dialogues.capacity());
        let (used, size) = self.reassembly.fill();
        visit("reassemblies", used, size);
        let (used, size) = self.subsystems.fill();
        visit("subsystems_out", used, size);
        visit("held_operations", self.held.len(), self.held.capacity());
        let (used, size) = self.versions.fill();
        visit("older_peers", used, size);
    }

    /// SCCP's counters.
    #[must_use]
    pub fn sccp_counts(&self) -> &sccp::SccpCounts {
        &self.sccp.counts
    }

    /// What became of segments.
    #[must_use]
    pub fn reassembly_counts(&self) -> &sccp::ReassemblyCounts {
        &self.reassembly.counts
    }

    /// What was said of subsystems at other points.
    #[must_use]
    pub fn subsystem_counts(&self) -> &sccp::SubsystemCounts {
        &self.subsystems.counts
    }

    /// TCAP's counters.
    #[must_use]
    pub fn tcap_counts(&self) -> &tcap::TcapCounts {
        &self.dialogues.counts
    }

    /// An SCCP message from the network, or from the worker that its association belongs to.
    pub(super) fn handle_sccp<'a>(
        &mut self,
        now: Time,
        label: &Label,
        message: &'a [u8],
        malformed: &mut MalformedCounts,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'a>> {
        if self.transport.gateway.is_some() && self.translate(now, label, message, outside) {
            return None;
        }
        if !self.screening.message(now, label) {
            return None;
        }
        let Self { room, sccp, transport, .. } = self;
        let mut answer = Prepend::new(room);
        let indication = count(sccp.handle_input(now, label.originating, message, &mut answer), malformed)?;
        if let sccp::Indication::Answer(destination) = indication {
            let _ = transport.send(&mut answer, destination, label.selection, outside);
        }
        if let Some((to, prohibited)) = self.sccp.take_misled() {
            self.send_scmg(&prohibited, to, outside);
        }
        if !self.admits(now, label, &indication) {
            return None;
        }
        self.deliver(now, label, &indication, message, malformed, outside)
    }

    /// A message for a subsystem of ours, to the worker that its dialogue belongs to.
    fn deliver<'a>(
        &mut self,
        now: Time,
        label: &Label,
        indication: &sccp::Indication<'a>,
        message: &'a [u8],
        malformed: &mut MalformedCounts,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'a>> {
        match indication {
            sccp::Indication::Unitdata(ssn, unitdata) => {
                self.on_unitdata(now, label, *ssn, unitdata, message, malformed, outside)
            }
            sccp::Indication::Notice(_, service) => self.on_notice(now, label, service, message, outside),
            sccp::Indication::Segment(segment) => {
                self.on_segment(now, label, segment, message, outside);
                None
            }
            sccp::Indication::Management(scmg) => {
                self.on_scmg(now, scmg, outside);
                None
            }
            sccp::Indication::Answer(_) | sccp::Indication::Nothing => None,
        }
    }

    fn on_unitdata<'a>(
        &mut self,
        now: Time,
        label: &Label,
        ssn: Ssn,
        unitdata: &sccp::Unitdata<'a>,
        message: &'a [u8],
        malformed: &mut MalformedCounts,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'a>> {
        let of = self.dialogues.owner(unitdata.data);
        let owner = match of {
            Owner::Worker(worker) => worker,
            Owner::Begin { otid_hash } => WorkerId((otid_hash % u64::from(self.workers.max(1))) as u8),
            Owner::None => self.worker,
        };
        if owner != self.worker {
            if !outside.hand_off(owner, *label, message) {
                self.counts.not_handed_on += 1;
                let is_long = message.len() > CROSSING;
                let cause =
                    if is_long { sccp::Cause::LOCAL_PROCESSING } else { sccp::Cause::SUBSYSTEM_CONGESTION };
                self.give_back(now, label, unitdata, cause, outside);
            }
            return None;
        }
        let own = self.own_address(ssn, &unitdata.called);
        // A point code goes with the address: the way back, where no title leads there. Behind a relay it is the address's
        // own, not that of the relay, which comes as OPC. Whoever says where he is can say anything: in a dialogue that is
        // there already the OPC counts, unless it is that of a relay.
        let opens = matches!(of, Owner::Begin { .. });
        let told = unitdata.calling.point_code.filter(|told| {
            (opens || self.dialogues.is_relay(label.originating)) && self.transport.leads_to(*told).is_some()
        });
        let peer = SccpAddress { point_code: told.or(Some(label.originating)), ..unitdata.calling };
        self.screening.begin(label, unitdata);
        self.handle_tcap(now, own, &peer, unitdata.data, malformed, outside)
    }

    /// Returns a message that can't be delivered, if its sender wants that.
    fn give_back(
        &mut self,
        now: Time,
        label: &Label,
        unitdata: &sccp::Unitdata<'_>,
        cause: sccp::Cause,
        outside: &mut dyn Outside,
    ) {
        let mut room = [0; ROOM];
        let mut answer = Prepend::new(&mut room);
        let to = self.sccp.return_unitdata(now, label.originating, unitdata, cause, &mut answer);
        if let Some(to) = to {
            let _ = self.transport.send(&mut answer, to, label.selection, outside);
        }
    }

    /// Which of our addresses is called: the one with this title and subsystem, or else the subsystem's first.
    fn own_address(&self, ssn: Ssn, called: &SccpAddress) -> usize {
        let digits = called.title.map(|title| title.digits);
        let of_subsystem = |own: &SccpAddress| own.ssn == Some(ssn);
        let exact = |own: &SccpAddress| of_subsystem(own) && own.title.map(|title| title.digits) == digits;
        self.own.iter().position(exact).or_else(|| self.own.iter().position(of_subsystem)).unwrap_or(0)
    }

    /// A message of ours came back: its dialogue fails now, not when the invoke timer ends.
    fn on_notice(
        &mut self,
        now: Time,
        label: &Label,
        service: &sccp::Service<'_>,
        message: &[u8],
        outside: &mut dyn Outside,
    ) -> Option<Indication<'static>> {
        if let Owner::Worker(worker) = self.dialogues.owner_of_returned(service.data)
            && worker != self.worker
        {
            if !outside.hand_off(worker, *label, message) {
                self.counts.not_handed_on += 1;
            }
            return None;
        }
        // Whom it was going to is now the calling address.
        let peer = SccpAddress { point_code: Some(label.originating), ..service.calling };
        let routes = &self.sccp.routes;
        let sent_to = |to: &SccpAddress| match routes.route(to) {
            sccp::Route::Remote(at, called) => SccpAddress { point_code: Some(at.point_code), ..called },
            _ => *to,
        };
        let returned = self.dialogues.handle_returned(now, &peer, sent_to, service.data)?;
        self.heed_return(now, service, outside);
        self.release(&returned.user);
        Some(gone(returned.dialogue, &returned.user, Outcome::NotDelivered(service.cause)))
    }

    /// An address of ours as the calling party: no point code beside a title (TS 29.002 6.1.3.1).
    fn calling(&self, own: usize) -> SccpAddress {
        self.own.get(own).copied().unwrap_or(SccpAddress::on_ssn(None, None))
    }

    /// Wraps a TCAP message that stands in `w` into UDT, or what else its destination takes, and sends it to `to`. Gives
    /// the worker whose association it leaves by.
    fn send_unitdata(
        &mut self,
        w: &mut Prepend<'_>,
        class: Class,
        to: &SccpAddress,
        from: &SccpAddress,
        selection: u8,
        outside: &mut dyn Outside,
    ) -> Result<WorkerId, Refusal> {
        let Some((destination, called)) = self.route(to, selection) else {
            self.counts.no_route += 1;
            return Err(Refusal::NoRoute);
        };
        let header = sccp::build::UnitdataHeader {
            class: class.number,
            return_on_error: class.return_on_error,
            called: &called,
            calling: from,
        };
        let sent = match self.wrap(w, destination, &header) {
            Wrapped::Whole => self.transport.send(w, destination, selection, outside),
            Wrapped::InSegments => self.send_segments(w, &header, destination, selection, outside),
            Wrapped::TooLong => Err(Refusal::TooLong),
        };
        sent.inspect_err(|refusal| match refusal {
            Refusal::NoRoute => self.counts.no_route += 1,
            Refusal::Full => self.counts.congested += 1,
            Refusal::TooLong => self.counts.too_long += 1,
        })
    }

    /// The point code that an address leads to, and the called address to send there: by its title, or else by its own
    /// point code.
    fn route(&self, to: &SccpAddress, selection: u8) -> Option<(PointCode, SccpAddress)> {
        let titled = SccpAddress { point_code: None, ..*to };
        if to.title.is_some()
            && !to.route_on_ssn
            && let sccp::Route::Remote(destination, called) =
                self.sccp.routes.resolve(&titled, selection, &self.known(), &mut |_| ())
        {
            return Some((destination.point_code, called));
        }
        to.point_code.map(|point_code| (point_code, if to.route_on_ssn { *to } else { titled }))
    }

    /// A message handed over by another worker.
    pub(super) fn handle_message<'a>(
        &mut self,
        now: Time,
        label: &Label,
        message: &'a [u8],
        malformed: &mut MalformedCounts,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'a>> {
        match label.direction {
            Direction::In => {
                let indication = self.sccp.handle_crossed(message);
                self.deliver(now, label, &indication, message, malformed, outside)
            }
            Direction::Out => {
                let refusal = self.transport.send_for_another(label, message, outside).err()?;
                match refusal {
                    Refusal::NoRoute => self.counts.no_route += 1,
                    Refusal::Full => self.counts.congested += 1,
                    Refusal::TooLong => self.counts.too_long += 1,
                }
                self.bounce(now, label, message, outside)
            }
        }
    }

    /// When timers have something to do, or [`Ss7::poll`] something to say; or earlier.
    pub(super) fn poll_timeout(&self) -> Time {
        let within =
            |within: &Within| if self.is_open(within.dialogue) { within.deadline } else { Time::ZERO };
        let transport = &self.transport;
        let waits = !self.kept.is_empty() || transport.left.has_stranded() || !transport.silent.is_empty();
        let kept = if waits { Time::ZERO } else { Time::NEVER };
        let dialogues = self.dialogues.poll_timeout().unwrap_or(Time::NEVER);
        let whole = if self.reassembly.has_whole() { Time::ZERO } else { self.reassembly.poll_timeout() };
        let others = kept
            .min(self.subsystems.poll_timeout())
            .min(whole)
            .min(dialogues)
            .min(self.transport.poll_timeout());
        self.within.iter().map(within).fold(others, Time::min)
    }

    /// What must hold between any two calls.
    pub fn assert_invariants(&self) {
        assert!(self.within.len() <= WITHIN && self.kept.len() <= KEPT);
        self.reassembly.assert_invariants();
        assert!(self.held.len() <= self.dialogues.len(), "what is held belongs to a dialogue");
        self.dialogues.assert_invariants();
    }
}

/// SCCP's class of a message.
#[derive(Clone, Copy)]
struct Class {
    number: u8,
    return_on_error: bool,
}

/// Room for one SS7 message with everything around it: the longest LUDT.
const ROOM: usize = 4224;
/// Room for one that is known to be short.
const SHORT: usize = 640;
/// The longest message that surely crosses to another worker, in octets.
const CROSSING: usize = 2048;

/// What a parser refused goes to the drop counters.
fn count<T>(result: Result<T, Malformed>, malformed: &mut MalformedCounts) -> Option<T> {
    result.map_err(|why| malformed.add(why)).ok()
}

#[cfg(test)]
mod tests;
