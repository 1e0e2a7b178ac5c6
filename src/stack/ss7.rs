//! The SS7 side: SCTP, M3UA, SCCP, TCAP and MAP, from an SCTP packet to an operation and back.

mod component;
mod dialogue;
mod invocation;
mod transport;

use core::time::Duration;
use std::collections::VecDeque;

pub(super) use invocation::Octets;
pub use invocation::Offer;
pub use transport::{AssociationSetup, Destination, Transport};

use crate::base::{Malformed, MalformedCounts, Time, counts};
use crate::codec::Prepend;
use crate::ident::{Digits, Imsi, Msisdn, PointCode, SccpAddress, Ssn, WorkerId};
use crate::proto::sccp::{self, Sccp};
use crate::proto::tcap::{self, DialogueId, Dialogues, DialoguesConfig, Owner};

use dialogue::gone;
use invocation::{KEPT, Kept, Party, WITHIN, Within};

use super::{AlertReason, Direction, Indication, Label, Outcome, Outside};

counts! {
    /// What the SS7 side refused or could not send.
    pub struct Ss7Counts {
        /// Messages for a point code that no active association reaches.
        no_route,
        /// Messages refused because the association's send ring, or the ring to its worker, is full.
        congested,
        /// Messages that are too long for one UDT.
        too_long,
        /// Dialogues asked for in an application context that we don't offer.
        context_refused,
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
}

/// mo-forwardSM to send.
#[derive(Clone, Copy, Debug)]
pub struct MoForward<'a> {
    /// Our own title.
    pub title: Digits,
    /// Our own subsystem number.
    pub ssn: Ssn,
    /// The service centre, which is called and stands in SM-RP-DA.
    pub service_centre: Digits,
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
    pub service_centre: Digits,
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
    budget: usize,
    dialogues: Dialogues<Party>,
    forward_timeout: Duration,
    offers: Vec<Offer>,
    /// Our invocations in dialogues that peers opened.
    within: Vec<Within>,
    /// Components that wait for the application.
    kept: VecDeque<Kept>,
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
            sccp: Sccp::new(&config.sccp)
                .map_err(|duplicate| format!("two rules for the same titles: {duplicate:?}"))?,
            dialogues: Dialogues::new(config.dialogues)?,
            forward_timeout: config.forward_timeout,
            offers: config.offers,
            within: Vec::with_capacity(WITHIN),
            kept: VecDeque::with_capacity(KEPT),
            counts: Ss7Counts::default(),
        })
    }

    /// MTP, M3UA and SCTP.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(super) fn is_open(&self, dialogue: DialogueId) -> bool {
        self.dialogues.user(dialogue).is_some()
    }

    /// How full the tables are: name, used, size.
    pub fn fill(&self, visit: &mut dyn FnMut(&'static str, usize, usize)) {
        visit("dialogues", self.dialogues.len(), self.dialogues.capacity());
    }

    /// SCCP's counters.
    #[must_use]
    pub fn sccp_counts(&self) -> &sccp::SccpCounts {
        &self.sccp.counts
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
        let mut room = [0; ROOM];
        let mut answer = Prepend::new(&mut room);
        let indication = self.sccp.handle_input(now, label.originating, message, &mut answer);
        match count(indication, malformed)? {
            sccp::Indication::Unitdata(ssn, unitdata) => {
                self.on_unitdata(now, label, ssn, &unitdata, message, malformed, outside)
            }
            sccp::Indication::Notice(_, service) => self.on_notice(now, label, &service, message, outside),
            sccp::Indication::Answer(destination) => {
                let _ = self.transport.send(&mut answer, destination, label.selection, outside);
                None
            }
            sccp::Indication::Management(_) | sccp::Indication::Nothing => None,
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
        let owner = match self.dialogues.owner(unitdata.data) {
            Owner::Worker(worker) => worker,
            Owner::Begin { otid_hash } => WorkerId((otid_hash % u64::from(self.workers.max(1))) as u8),
            Owner::None => self.worker,
        };
        if owner != self.worker {
            outside.hand_off(owner, *label, message);
            return None;
        }
        let own = self.own_address(ssn, &unitdata.called);
        // The OPC goes with the address: the way back, where no title leads there.
        let peer = SccpAddress { point_code: Some(label.originating), ..unitdata.calling };
        self.handle_tcap(now, own, &peer, unitdata.data, malformed, outside)
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
            outside.hand_off(worker, *label, message);
            return None;
        }
        // Whom it was going to is now the calling address.
        let peer = SccpAddress { point_code: Some(label.originating), ..service.calling };
        let returned = self.dialogues.handle_returned(now, &peer, service.data)?;
        Some(gone(returned.dialogue, &returned.user, Outcome::Aborted))
    }

    /// An address of ours as the calling party: no point code beside a title (TS 29.002 6.1.3.1).
    fn calling(&self, own: usize) -> SccpAddress {
        let nobody = SccpAddress { point_code: None, ssn: None, title: None, route_on_ssn: true };
        self.own.get(own).copied().unwrap_or(nobody)
    }

    /// Wraps a TCAP message that stands in `w` into UDT and sends it to `to`. Gives the worker whose association it
    /// leaves by.
    fn send_unitdata(
        &mut self,
        w: &mut Prepend<'_>,
        class: Class,
        to: &SccpAddress,
        from: &SccpAddress,
        selection: u8,
        outside: &mut dyn Outside,
    ) -> Result<WorkerId, Refusal> {
        let Some((destination, called)) = self.route(to) else {
            self.counts.no_route += 1;
            return Err(Refusal::NoRoute);
        };
        let header = sccp::build::UnitdataHeader {
            class: class.number,
            return_on_error: class.return_on_error,
            called: &called,
            calling: from,
        };
        if sccp::build::udt(w, 0, &header, self.budget).is_err() || w.overflowed() {
            self.counts.too_long += 1;
            return Err(Refusal::TooLong);
        }
        self.transport.send(w, destination, selection, outside).inspect_err(|refusal| match refusal {
            Refusal::NoRoute => self.counts.no_route += 1,
            Refusal::Full | Refusal::TooLong => self.counts.congested += 1,
        })
    }

    /// The point code that an address leads to, and the called address to send there: by its title, or else by its own
    /// point code.
    fn route(&self, to: &SccpAddress) -> Option<(PointCode, SccpAddress)> {
        let titled = SccpAddress { point_code: None, ..*to };
        if to.title.is_some()
            && !to.route_on_ssn
            && let sccp::Route::Remote(destination) = self.sccp.routes.route(&titled)
        {
            return Some((destination.point_code, destination.called(&titled)));
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
            Direction::In => self.handle_sccp(now, label, message, malformed, outside),
            Direction::Out => {
                if self.transport.send_on(label, message).is_err() {
                    self.counts.congested += 1;
                }
                None
            }
        }
    }

    /// When timers have something to do, or [`Ss7::poll`] something to say; or earlier.
    pub(super) fn poll_timeout(&self) -> Time {
        let within =
            |within: &Within| if self.is_open(within.dialogue) { within.deadline } else { Time::ZERO };
        let kept = if self.kept.is_empty() { Time::NEVER } else { Time::ZERO };
        let dialogues = self.dialogues.poll_timeout().unwrap_or(Time::NEVER);
        let others = kept.min(dialogues).min(self.transport.poll_timeout());
        self.within.iter().map(within).fold(others, Time::min)
    }

    /// What must hold between any two calls.
    pub fn assert_invariants(&self) {
        assert!(self.within.len() <= WITHIN && self.kept.len() <= KEPT);
        self.dialogues.assert_invariants();
    }
}

/// SCCP's class of a message.
#[derive(Clone, Copy)]
struct Class {
    number: u8,
    return_on_error: bool,
}

/// Room for one SS7 message with everything around it.
const ROOM: usize = 640;

/// What a parser refused goes to the drop counters.
fn count<T>(result: Result<T, Malformed>, malformed: &mut MalformedCounts) -> Option<T> {
    result.map_err(|why| malformed.add(why)).ok()
}

#[cfg(test)]
mod tests;
