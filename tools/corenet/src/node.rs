//! SMSC, S-CSCFs and UEs as one application on the stack: it dispatches what arrives to them, and keeps the scenario going.

use crate::config::Config;
use crate::direct::{self, Direct};
use crate::random::Random;
use crate::scscf::{self, Scscf};
use crate::smsc::{Smsc, gmsc, iwmsc};
use crate::traffic::{Flow, Phase, Traffic};
use crate::ue::{self, Behaviour, Ue};
use core::convert::Infallible;
use ipsmgw::base::{Counts, Time};
use ipsmgw::stack::{Application, Context, Indication};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What the nodes use to reach the protocols. There is one worker and no control thread.
pub type Cx<'a> = Context<'a, Infallible, Infallible>;

/// Whose answer a user word brings back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum User {
    /// A registration of a UE.
    Registration(u32),
    /// A mobile originated message.
    Submission(u32),
    /// The delivery report of a mobile terminated message.
    DeliverReport(u32),
    /// sendRoutingInfoForSM for a mobile terminated message.
    RoutingInfo(u32),
    /// mt-forwardSM.
    MtForwardSm(u32),
}

impl User {
    pub(crate) fn to_u64(self) -> u64 {
        match self {
            Self::Registration(number) => u64::from(number),
            Self::Submission(number) => 1 << 32 | u64::from(number),
            Self::DeliverReport(number) => 2 << 32 | u64::from(number),
            Self::MtForwardSm(number) => 3 << 32 | u64::from(number),
            Self::RoutingInfo(number) => 4 << 32 | u64::from(number),
        }
    }

    fn from_u64(word: u64) -> Self {
        let number = word as u32;
        match word >> 32 {
            0 => Self::Registration(number),
            1 => Self::Submission(number),
            2 => Self::DeliverReport(number),
            3 => Self::MtForwardSm(number),
            _ => Self::RoutingInfo(number),
        }
    }
}

/// All of the core network but the HLR.
pub struct Node {
    pub(crate) scscfs: Vec<Scscf>,
    /// The UEs of all networks.
    pub ues: Vec<Ue>,
    /// UEs behind S-CSCFs.
    pub(crate) behind_ims: Vec<u32>,
    /// UEs with direct access.
    pub(crate) direct: Vec<u32>,
    pub(crate) by_identity: BTreeMap<String, u32>,
    /// UEs with direct access, by where they are seen.
    pub(crate) by_address: BTreeMap<SocketAddr, u32>,
    pub(crate) smsc: Smsc,
    /// The scenario.
    pub traffic: Traffic,
    associations: u16,
    up_by: Option<Time>,
    /// Whether the other nodes have reached each other and the gateway.
    others_up: bool,
    stopping: bool,
}

impl Node {
    /// As configured; nothing is registered yet.
    ///
    /// # Errors
    /// Says which subscribers are wrong.
    pub fn new(config: &Config) -> Result<Self, String> {
        let mut random = Random::new(config.seed);
        let (mut ues, mut by_identity) = (vec![], BTreeMap::new());
        let (mut behind_ims, mut direct, mut by_address) = (vec![], vec![], BTreeMap::new());
        for (at, network) in config.networks.iter().enumerate() {
            for (place, line) in network.lines()?.into_iter().enumerate() {
                let number = ues.len() as u32;
                let twice = |what: &str| format!("network {}: {what} is given twice", network.name);
                for identity in line.identities.iter().cloned().chain([format!("tel:+{}", line.msisdn)]) {
                    let before = by_identity.insert(identity.clone(), number);
                    if before.is_some_and(|before| before != number) {
                        return Err(twice(&identity));
                    }
                }
                let behaviour = Behaviour::choose(&config.ue, &mut random);
                let access = Direct::new(network, place as u32, &line, config.seed);
                match &access {
                    None => behind_ims.push(number),
                    Some(access) => {
                        direct.push(number);
                        if by_address.insert(access.address, number).is_some() {
                            return Err(twice(&access.address.to_string()));
                        }
                    }
                }
                ues.push(Ue::new(at, line, behaviour, access));
            }
        }
        if u32::try_from(ues.len()).is_err() {
            return Err("too many subscribers".to_owned());
        }
        let counts = [behind_ims.len() as u32, direct.len() as u32];
        Ok(Self {
            scscfs: config.networks.iter().map(Scscf::new).collect(),
            ues,
            behind_ims,
            direct,
            by_identity,
            by_address,
            smsc: Smsc::new(config),
            traffic: Traffic::new(&config.traffic, counts, random.bits()),
            associations: config.associations.len() as u16,
            up_by: None,
            others_up: false,
            stopping: false,
        })
    }

    /// Where UEs with direct access are seen.
    pub(crate) fn direct_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.by_address.keys().copied()
    }

    /// Where those of the network at place `network` are seen, in order.
    pub(crate) fn direct_addresses_of(&self, network: usize) -> impl Iterator<Item = SocketAddr> {
        let of_network = move |(_, number): &(&SocketAddr, &u32)| {
            self.ues.get(**number as usize).is_some_and(|ue| ue.network == network)
        };
        self.by_address.iter().filter(of_network).map(|(address, _)| *address)
    }

    /// Whether the scenario has ended, well or not.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.traffic.phase == Phase::Finished
    }

    /// The other nodes have reached each other and the gateway: with the own associations, the scenario may begin.
    pub fn others_are_up(&mut self) {
        self.others_up = true;
    }

    /// Nothing is to be sent: UEs and service centres only answer.
    pub fn has_no_scenario(&mut self) {
        self.traffic.phase = Phase::Finished;
    }

    /// Ends the scenario and leaves the SS7 network in order.
    pub fn stop(&mut self, now: Time, cx: &mut Cx<'_>) {
        self.traffic.phase = Phase::Finished;
        if !core::mem::replace(&mut self.stopping, true) {
            cx.stack.stop(now, cx.outside);
        }
    }

    /// Begins what the flows' pace allows.
    fn proceed(&mut self, now: Time, cx: &mut Cx<'_>) {
        match self.traffic.phase {
            Phase::Rising => {
                let transport = cx.stack.ss7().transport();
                let up_by = *self.up_by.get_or_insert(now + self.traffic.config.up);
                if self.others_up && (0..self.associations).all(|it| transport.is_active(it)) {
                    self.traffic.phase = Phase::Registration;
                } else if now >= up_by {
                    self.traffic.registration.surprise(0, "an association has not become active in time");
                    self.traffic.phase = Phase::Finished;
                }
            }
            Phase::Registration => self.register(now, false, Phase::Messages, cx),
            Phase::Messages => {
                for direct in [false, true] {
                    while let Some(intended) = self.traffic.mo_of(direct).due(now)
                        && ue::submit(self, now, direct, intended, cx)
                    {}
                    while let Some(intended) = self.traffic.mt_of(direct).due(now)
                        && gmsc::forward(self, now, direct, intended, cx)
                    {}
                }
                let Traffic { mo, mt, direct_mo, direct_mt, .. } = &self.traffic;
                let done = [mo, mt, direct_mo, direct_mt].into_iter().all(Flow::is_done);
                self.advance(done, Phase::Deregistration);
            }
            Phase::Deregistration => self.register(now, true, Phase::Finished, cx),
            Phase::Finished => {}
        }
    }

    /// UEs register, or leave, until all that were to have done so.
    fn register(&mut self, now: Time, leave: bool, next: Phase, cx: &mut Cx<'_>) {
        let mut done = true;
        for direct in [false, true] {
            while let Some(intended) = self.traffic.registrations_of(direct, leave).due(now)
                && ue::register(self, now, (direct, leave), intended, cx)
            {}
            done &= self.traffic.registrations_of(direct, leave).is_done();
        }
        self.advance(done, next);
    }

    fn advance(&mut self, done: bool, next: Phase) {
        if done {
            self.traffic.phase = next;
        }
    }
}

impl Application for Node {
    type Crossing = Infallible;
    type Request = Infallible;
    type Reply = Infallible;

    fn handle(&mut self, now: Time, indication: Indication<'_>, cx: &mut Cx<'_>) {
        match indication {
            Indication::Register(register) => {
                self.traffic.counts.not_for_us += 1;
                cx.stack.answer(now, &register.request, 403, cx.outside);
            }
            Indication::Message(message) => match self.by_address.get(&message.request.local) {
                Some(&number) => direct::on_message(self, now, number, &message, cx),
                None => scscf::on_message(self, now, &message, cx),
            },
            Indication::Content(content) => direct::on_content(self, now, &content, cx),
            Indication::Challenged { user, challenge } => {
                if let User::Registration(number) = User::from_u64(user) {
                    direct::on_challenged(self, now, number, challenge, cx);
                }
            }
            Indication::Answered { user, status } => match User::from_u64(user) {
                User::Registration(number) => ue::on_registered(self, now, number, status),
                User::Submission(number) => ue::on_submission_answered(self, number, status),
                User::DeliverReport(number) => ue::on_report_answered(self, number, status),
                User::MtForwardSm(_) | User::RoutingInfo(_) => {}
            },
            Indication::Invoke(invoke) => iwmsc::on_invoke(self, now, &invoke, cx),
            Indication::Ended { user, outcome } => match User::from_u64(user) {
                User::RoutingInfo(number) => gmsc::on_routing_info(self, now, number, &outcome, cx),
                User::MtForwardSm(number) => gmsc::on_outcome(self, now, number, &outcome),
                User::Registration(_) | User::Submission(_) | User::DeliverReport(_) => {}
            },
            // We answer in the turn of the question.
            // A transport error is a 503 (RFC 3261 8.1.3.1).
            Indication::Unreachable { user, .. } => {
                self.handle(now, Indication::Answered { user, status: 503 }, cx);
            }
            Indication::Gone { .. } | Indication::KeepAlive { .. } | Indication::Published { .. } => {}
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
        ue::on_timeout(self, now);
        self.proceed(now, cx);
    }

    fn poll_timeout(&self) -> Time {
        self.traffic.waiting.front().map_or(Time::NEVER, |(deadline, _)| *deadline)
    }

    fn is_stopping(&self) -> bool {
        self.stopping
    }

    fn quiescent(&mut self) {}

    fn counts(&self) -> &dyn Counts {
        &self.traffic.counts
    }

    fn fill(&self, visit: &mut dyn FnMut(&'static str, usize, usize)) {
        visit("mo", self.traffic.mo.under_way() as usize, self.traffic.mo.asked as usize);
        visit("mt", self.traffic.mt.under_way() as usize, self.traffic.mt.asked as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_words_bring_back_what_they_were_made_of() {
        for number in [0, 7, u32::MAX] {
            for user in [
                User::Registration(number),
                User::Submission(number),
                User::DeliverReport(number),
                User::MtForwardSm(number),
                User::RoutingInfo(number),
            ] {
                assert_eq!(User::from_u64(user.to_u64()), user);
                assert_eq!(user.to_u64() >> 63, 0, "the stack's own bit");
            }
        }
    }
}
