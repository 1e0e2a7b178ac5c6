//! An MSC with its VLR, or an SGSN, with the mobiles that are attached to it: they are registered at the HLR, take messages or
//! don't, as the model says, come back, and send messages (TS 23.040 10.1, 10.2; reference points E and Gd).

use crate::config::{self, Config};
use crate::ledger::{Direction, Fingerprint, Ledger, Outcome as Ended};
use crate::model::{Failure, Fate, Model};
use crate::node::Cx;
use crate::random::Random;
use crate::scenario::{Phase, Player};
use crate::short_message;
use crate::traffic::Flow;
use core::convert::Infallible;
use core::time::Duration;
use ipsmgw::base::{Counts, Time, counts};
use ipsmgw::codec::Prepend;
use ipsmgw::control::config::NodeKind;
use ipsmgw::ident::{Digits, Imsi, Msisdn, Ssn};
use ipsmgw::proto::map::subscription::{CancelLocation, LocationInfo, UpdateGprsLocation, UpdateLocation};
use ipsmgw::proto::map::{AddressString, AlertReason, ReadyForSm, context, operation};
use ipsmgw::stack::{
    AbsentSubscriberDiagnostic, Application, Asked, ForwardSm, Indication, LocationUpdate, MapInvoke,
    MoForward, Operation, Outcome, Stack, UserError,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

counts! {
    /// What an MSC or SGSN did.
    pub struct ServingCounts {
        /// Mobiles registered at the HLR.
        located,
        /// Messages that mobiles took.
        delivered,
        /// Messages answered with an error.
        refused,
        /// Messages left without an answer.
        ignored,
        /// Messages for mobiles that are not here.
        not_here,
        /// readyForSM sent.
        ready,
        /// Mobiles that the HLR has told to go.
        cancelled,
        /// Operations that such a node does not know.
        not_for_us,
    }
}

/// The invoke timer of what is asked of the HLR (TS 29.002 17.1.2: medium).
const MEDIUM: Duration = Duration::from_secs(20);
/// How many mobiles register at a time.
const REGISTRATIONS: usize = 64;

/// Whose answer a user word brings back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum User {
    /// updateLocation or updateGprsLocation, by the mobile's place.
    Location(u32),
    /// readyForSM.
    Ready(u32),
    /// mo-forwardSM, by its number.
    Submission(u32),
}

impl User {
    fn to_u64(self) -> u64 {
        match self {
            Self::Location(number) => u64::from(number),
            Self::Ready(number) => 1 << 32 | u64::from(number),
            Self::Submission(number) => 2 << 32 | u64::from(number),
        }
    }

    fn from_u64(word: u64) -> Self {
        let number = word as u32;
        match word >> 32 {
            0 => Self::Location(number),
            1 => Self::Ready(number),
            _ => Self::Submission(number),
        }
    }
}

/// A mobile.
#[derive(Clone, Copy, Debug)]
struct Mobile {
    imsi: Imsi,
    msisdn: Msisdn,
    network: u16,
    /// Why it takes no messages, until it comes back.
    away: Option<Failure>,
}

/// What the node knows of a mobile's network.
#[derive(Clone, Copy, Debug)]
struct Home {
    hlr: Digits,
    service_centre: Digits,
}

/// A message that is answered later, as the model says.
struct Late {
    asked: Asked,
    mobile: u32,
    tpdu: Vec<u8>,
    failure: Option<Failure>,
}

/// A message that a mobile has sent.
struct Submission {
    mobile: u32,
    fingerprint: Fingerprint,
    intended: Time,
}

/// An MSC or SGSN on its stack.
pub struct ServingNode {
    /// Its name.
    pub name: String,
    kind: NodeKind,
    title: Digits,
    address: IpAddr,
    homes: Vec<Home>,
    mobiles: Vec<Mobile>,
    by_imsi: BTreeMap<Imsi, u32>,
    /// How it misbehaves.
    pub model: Model,
    back: Option<Duration>,
    returns: BTreeSet<(Time, u32)>,
    late: BTreeMap<(Time, u64), Late>,
    next: u64,
    /// Whether all associations have been up.
    risen: bool,
    /// How many mobiles have been registered at the HLR, or are being so.
    asked: usize,
    answered: usize,
    /// Mobile originated messages.
    pub mo: Flow,
    submissions: Vec<Submission>,
    /// Whether service centres may refuse messages.
    may_fail: bool,
    phase: Phase,
    random: Random,
    /// What was sent and taken.
    pub ledger: Ledger,
    stopping: bool,
    /// What was counted.
    pub counts: ServingCounts,
}

impl ServingNode {
    /// The node at place `at` of the configuration.
    ///
    /// # Errors
    /// Says which subscribers are wrong.
    pub fn new(config: &Config, at: usize) -> Result<Self, String> {
        let node = config.serving_nodes.get(at).ok_or("there is no such serving_node")?;
        let config::ServingNode { kind, title, .. } = *node;
        let address = node.point.addresses.first().map(|own| own.prefix.address);
        let mut mobiles = vec![];
        for (network, of) in config.networks.iter().enumerate() {
            let lines = of.lines()?;
            let attached = (lines.len() as f64 * node.attached).round() as usize;
            mobiles.extend(lines.into_iter().take(attached).map(|line| Mobile {
                imsi: line.imsi,
                msisdn: line.msisdn,
                network: network as u16,
                away: None,
            }));
        }
        let home = |of: &config::Network| Home { hlr: of.hlr_title, service_centre: of.service_centre };
        Ok(Self {
            name: node.name.clone(),
            kind,
            title,
            address: address
                .ok_or_else(|| format!("serving_node {}: point.addresses: there is none", node.name))?,
            homes: config.networks.iter().map(home).collect(),
            by_imsi: mobiles.iter().zip(0..).map(|(mobile, place)| (mobile.imsi, place)).collect(),
            mo: Flow::new(
                &format!("{}_mo", node.name),
                if mobiles.is_empty() { 0 } else { node.mo },
                &config.traffic,
            ),
            mobiles,
            model: node.model.clone(),
            back: node.back_ms.map(|millis| Duration::from_millis(millis.into())),
            returns: BTreeSet::new(),
            late: BTreeMap::new(),
            next: 0,
            risen: false,
            asked: 0,
            answered: 0,
            submissions: vec![],
            may_fail: !config.smsc.model.is_good(),
            phase: Phase::Rising,
            random: Random::new(config.seed ^ (at as u64 + 1) << 48),
            ledger: Ledger::default(),
            stopping: false,
            counts: ServingCounts::default(),
        })
    }

    /// The subsystem that it is to others.
    const fn ssn(&self) -> Ssn {
        match self.kind {
            NodeKind::Msc => Ssn::MSC,
            NodeKind::Sgsn => Ssn::SGSN,
        }
    }

    /// The subsystem that talks to the HLR: an MSC's VLR does.
    const fn register_ssn(&self) -> Ssn {
        match self.kind {
            NodeKind::Msc => Ssn::VLR,
            NodeKind::Sgsn => Ssn::SGSN,
        }
    }

    /// Whether mobiles that are away have come back.
    #[must_use]
    pub fn all_are_back(&self) -> bool {
        self.returns.is_empty()
    }

    fn ask(
        &self,
        now: Time,
        user: User,
        about: &Mobile,
        what: (&'static [u8], u8),
        argument: &[u8],
        cx: &mut Cx<'_>,
    ) -> bool {
        let (context, opcode) = what;
        let Some(home) = self.homes.get(usize::from(about.network)) else { return false };
        let invoke = MapInvoke {
            from: (self.title, self.register_ssn()),
            to: (home.hlr, Ssn::HLR),
            context,
            opcode,
            argument,
            timeout: MEDIUM,
        };
        cx.stack.invoke(now, &invoke, user.to_u64(), cx.outside).is_ok()
    }

    /// updateLocation or updateGprsLocation for the next mobile.
    fn locate(&mut self, now: Time, cx: &mut Cx<'_>) {
        let place = self.asked;
        let Some(&mobile) = self.mobiles.get(place) else { return };
        self.asked += 1;
        let own = AddressString::international(self.title);
        let user = User::Location(place as u32);
        let sent = match self.kind {
            NodeKind::Msc => {
                let location = LocationInfo::MscNumber(own);
                let update = UpdateLocation { imsi: mobile.imsi, location, vlr_number: own };
                self.homes.get(usize::from(mobile.network)).is_some_and(|home| {
                    let from = (self.title, self.register_ssn());
                    let update = LocationUpdate { from, hlr: home.hlr, update, timeout: MEDIUM };
                    cx.stack.update_location(now, &update, user.to_u64(), cx.outside).is_ok()
                })
            }
            NodeKind::Sgsn => {
                let argument =
                    UpdateGprsLocation { imsi: mobile.imsi, sgsn_number: own, sgsn_address: self.address };
                let what = (context::GPRS_LOCATION_UPDATE_V3, operation::UPDATE_GPRS_LOCATION);
                self.ask(now, user, &mobile, what, &argument.encode(), cx)
            }
        };
        if !sent {
            self.answered += 1;
        }
    }

    /// 8.4 step 4 and 8.5 step 7, at a node of the circuit or packet switched domain: a message for a mobile.
    fn on_mt_forward_sm(&mut self, now: Time, asked: &Asked, forward: &ForwardSm<'_>, cx: &mut Cx<'_>) {
        let mobile = forward.imsi.and_then(|imsi| self.by_imsi.get(&imsi).copied());
        let Some(mobile) = mobile else {
            self.counts.not_here += 1;
            cx.stack.user_error(now, asked, &UserError::UnidentifiedSubscriber, cx.outside);
            return;
        };
        let away = self.mobiles.get(mobile as usize).and_then(|mobile| mobile.away);
        let fate = match away {
            Some(failure) => Fate::Answer(Duration::ZERO, Some(failure)),
            None => self.model.choose(&mut self.random),
        };
        let late = |failure| Late { asked: *asked, mobile, tpdu: forward.tpdu.to_vec(), failure };
        match fate {
            Fate::Silence => {
                self.counts.ignored += 1;
                self.take(mobile, forward.tpdu, false);
            }
            Fate::Answer(Duration::ZERO, failure) => self.answer(now, &late(failure), cx),
            Fate::Answer(delay, failure) => {
                self.next += 1;
                self.late.insert((now + delay, self.next), late(failure));
            }
        }
    }

    fn take(&mut self, mobile: u32, tpdu: &[u8], accepted: bool) {
        if let Some(mobile) = self.mobiles.get(mobile as usize) {
            self.ledger.received(Direction::Mt, Fingerprint::of(tpdu), mobile.msisdn, accepted);
        }
    }

    fn answer(&mut self, now: Time, late: &Late, cx: &mut Cx<'_>) {
        let Late { asked, mobile, tpdu, failure } = late;
        self.take(*mobile, tpdu, failure.is_none());
        let Some(failure) = *failure else {
            self.counts.delivered += 1;
            let report = short_message::deliver_report(Fingerprint::of(tpdu).short(), None);
            cx.stack.mt_forward_sm_result(now, asked, Some(&report), cx.outside);
            return;
        };
        self.counts.refused += 1;
        if matches!(failure, Failure::AbsentSubscriberSm | Failure::MemoryCapacityExceeded)
            && let Some(back) = self.back
            && let Some(about) = self.mobiles.get_mut(*mobile as usize)
            && about.away.is_none()
        {
            about.away = Some(failure);
            self.returns.insert((now + back, *mobile));
        }
        let error = match (failure, self.kind) {
            (Failure::AbsentSubscriberSm, NodeKind::Msc) => {
                UserError::absent_subscriber_sm(AbsentSubscriberDiagnostic::NO_PAGING_RESPONSE_MSC)
            }
            (Failure::AbsentSubscriberSm, NodeKind::Sgsn) => {
                UserError::absent_subscriber_sm(AbsentSubscriberDiagnostic::NO_PAGING_RESPONSE_SGSN)
            }
            (failure, _) => failure.error(),
        };
        cx.stack.user_error(now, asked, &error, cx.outside);
    }

    /// cancelLocation (TS 29.002 8.1.3): the mobile is at another node now.
    fn cancel(&mut self, now: Time, asked: &Asked, argument: &[u8], cx: &mut Cx<'_>) {
        let Ok(cancel) = CancelLocation::decode(argument) else {
            cx.stack.user_error(now, asked, &UserError::UnexpectedDataValue, cx.outside);
            return;
        };
        self.counts.cancelled += u64::from(self.by_imsi.remove(&cancel.imsi).is_some());
        cx.stack.returned(now, asked, operation::CANCEL_LOCATION, None, cx.outside);
    }

    /// A mobile that was away is there again, or has room (TS 29.002 23.4): readyForSM.
    fn come_back(&mut self, now: Time, place: u32, cx: &mut Cx<'_>) {
        let Some(mobile) = self.mobiles.get_mut(place as usize) else { return };
        let reason = match mobile.away.take() {
            Some(Failure::MemoryCapacityExceeded) => AlertReason::MemoryAvailable,
            _ => AlertReason::MsPresent,
        };
        let mobile = *mobile;
        let ready =
            ReadyForSm { imsi: mobile.imsi, reason, gprs: self.kind == NodeKind::Sgsn, ip_sm_gw: false };
        let mut room = [0; 64];
        let mut w = Prepend::new(&mut room);
        ready.write(&mut w);
        let what = (context::MWD_MANAGEMENT_V3, operation::READY_FOR_SM);
        self.counts.ready += 1;
        self.ask(now, User::Ready(place), &mobile, what, w.finish().unwrap_or_default(), cx);
    }

    /// A mobile sends a message to its service centre, as TS 23.040 10.2 has it.
    fn submit(&mut self, now: Time, intended: Time, cx: &mut Cx<'_>) {
        let number = self.submissions.len() as u32;
        let place = self.random.below(self.mobiles.len());
        let mobile = self.mobiles[place];
        let body = short_message::body(&mut self.random, number);
        let destination = format!("8613{:08}", number).parse().unwrap_or_default();
        let tpdu = short_message::submit(number as u8, destination, &body);
        let fingerprint = Fingerprint::of(&tpdu);
        self.submissions.push(Submission { mobile: place as u32, fingerprint, intended });
        self.ledger.sent(Direction::Mo, fingerprint, mobile.msisdn);
        self.mo.begun += 1;
        let service_centre = self.homes[usize::from(mobile.network)].service_centre;
        let forward = MoForward {
            title: self.title,
            ssn: self.ssn(),
            service_centre,
            destination: service_centre.into(),
            msisdn: Some(mobile.msisdn),
            imsi: Some(mobile.imsi),
            tpdu: &tpdu,
        };
        let sent = cx.stack.mo_forward_sm(now, &forward, User::Submission(number).to_u64(), cx.outside);
        if let Err(refusal) = sent {
            self.mo.fail(number, &format!("mo-forwardSM not sent: {refusal:?}"));
        }
    }

    fn on_submitted(&mut self, now: Time, number: u32, outcome: &Outcome<'_>) {
        let Some(submission) = self.submissions.get(number as usize) else { return };
        let Submission { mobile, fingerprint, intended } = *submission;
        let accepted = matches!(outcome, Outcome::Result { .. });
        let ended = if accepted { Ended::Accepted } else { Ended::Failed };
        if let Some(about) = self.mobiles.get(mobile as usize) {
            self.ledger.ended(Direction::Mo, fingerprint, about.msisdn, ended);
        }
        let is_said = |report: &[u8]| short_message::is_submit_report(report, fingerprint.short(), None);
        match outcome {
            Outcome::Result { tpdu: Some(report), .. } if is_said(report) => self.mo.succeed(now, intended),
            Outcome::Error(UserError::SmDeliveryFailure { .. }) if self.may_fail => {
                self.mo.fail_as_configured()
            }
            outcome => self.mo.fail(number, &format!("mobile {mobile}: {outcome:?}")),
        }
    }

    /// Begins what can begin.
    fn proceed(&mut self, now: Time, cx: &mut Cx<'_>) {
        // With a scenario or without: who is attached is registered.
        self.risen |= self.is_up(cx.stack);
        while self.risen && self.asked < self.mobiles.len() && self.asked - self.answered < REGISTRATIONS {
            self.locate(now, cx);
        }
        if self.phase == Phase::Messages {
            while let Some(intended) = self.mo.due(now) {
                self.submit(now, intended, cx);
            }
        }
        while let Some(entry) = self.late.first_entry()
            && entry.key().0 <= now
        {
            let late = entry.remove();
            self.answer(now, &late, cx);
        }
        while let Some(&(time, place)) = self.returns.first()
            && time <= now
        {
            self.returns.pop_first();
            self.come_back(now, place, cx);
        }
    }

    /// Leaves the SS7 network in order.
    pub fn stop(&mut self, now: Time, cx: &mut Cx<'_>) {
        if !core::mem::replace(&mut self.stopping, true) {
            cx.stack.stop(now, cx.outside);
        }
    }
}

impl Player for ServingNode {
    fn is_up(&self, stack: &Stack) -> bool {
        stack.ss7().transport().associations().all(|(_, _, is_active)| is_active)
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
    }

    fn is_done(&self) -> bool {
        match self.phase {
            Phase::Registration => self.answered == self.mobiles.len(),
            Phase::Messages => self.mo.is_done(),
            _ => true,
        }
    }
}

impl Application for ServingNode {
    type Crossing = Infallible;
    type Request = Infallible;
    type Reply = Infallible;

    fn handle(&mut self, now: Time, indication: &mut Indication<'_>, cx: &mut Cx<'_>) {
        match *indication {
            Indication::Invoke(invoke) => match invoke.operation {
                Operation::MtForwardSm(ref forward) => self.on_mt_forward_sm(now, &invoke.asked, forward, cx),
                // What is provisioned does not matter here: all mobiles may have messages.
                Operation::Other { opcode: operation::INSERT_SUBSCRIBER_DATA, .. } => {
                    let opcode = operation::INSERT_SUBSCRIBER_DATA;
                    cx.stack.returned(now, &invoke.asked, opcode, None, cx.outside);
                }
                Operation::Other { opcode: operation::CANCEL_LOCATION, argument } => {
                    self.cancel(now, &invoke.asked, argument, cx);
                }
                _ => {
                    self.counts.not_for_us += 1;
                    cx.stack.user_error(now, &invoke.asked, &UserError::FacilityNotSupported, cx.outside);
                }
            },
            Indication::Ended { user, outcome } => match User::from_u64(user) {
                User::Location(_) => {
                    self.answered += 1;
                    self.counts.located += u64::from(matches!(outcome, Outcome::Returned { .. }));
                }
                User::Ready(_) => {}
                User::Submission(number) => self.on_submitted(now, number, &outcome),
            },
            // There is no SIP here.
            _ => {}
        }
        self.proceed(now, cx);
    }

    fn handle_crossing(&mut self, _now: Time, crossing: Infallible, _cx: &mut Cx<'_>) {
        match crossing {}
    }

    fn handle_reply(&mut self, _now: Time, reply: Infallible, _cx: &mut Cx<'_>) {
        match reply {}
    }

    fn handle_timeout(&mut self, now: Time, cx: &mut Cx<'_>) {
        self.proceed(now, cx);
    }

    fn poll_timeout(&self) -> Time {
        let late = self.late.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at);
        self.returns.first().map_or(late, |(at, _)| late.min(*at))
    }

    fn is_stopping(&self) -> bool {
        self.stopping
    }

    fn quiescent(&mut self) {}

    fn counts(&self) -> &dyn Counts {
        &self.counts
    }

    fn fill(&self, visit: &mut dyn FnMut(&'static str, usize, usize)) {
        visit("mobiles", self.mobiles.len(), 0);
        visit("away", self.returns.len(), self.mobiles.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_words_bring_back_what_they_were_made_of() {
        for number in [0, 7, u32::MAX] {
            for user in [User::Location(number), User::Ready(number), User::Submission(number)] {
                assert_eq!(User::from_u64(user.to_u64()), user);
            }
        }
    }
}
