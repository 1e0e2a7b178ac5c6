//! S-CSCFs and UEs as one application on the stack: it dispatches what arrives to them, and plays the UEs' part of the
//! scenario.

use crate::config::{self, Config};
use crate::direct::{self, Direct};
use crate::ledger::Ledger;
use crate::random::Random;
use crate::scenario::{Phase, Player};
use crate::scscf::{self, Scscf};
use crate::traffic::{Flow, Traffic};
use crate::ue::{self, Act, Behaviour, Habits, Ue};
use core::convert::Infallible;
use ipsmgw::base::{Counts, Time};
use ipsmgw::ident::Digits;
use ipsmgw::proto::map::Version;
use ipsmgw::stack::{Application, Context, Indication, Stack};
use std::collections::{BTreeMap, BTreeSet};
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
}

impl User {
    pub(crate) fn to_u64(self) -> u64 {
        match self {
            Self::Registration(number) => u64::from(number),
            Self::Submission(number) => 1 << 32 | u64::from(number),
            Self::DeliverReport(number) => 2 << 32 | u64::from(number),
        }
    }

    fn from_u64(word: u64) -> Self {
        let number = word as u32;
        match word >> 32 {
            0 => Self::Registration(number),
            1 => Self::Submission(number),
            _ => Self::DeliverReport(number),
        }
    }
}

/// S-CSCFs and UEs.
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
    /// Whether service centres may refuse messages.
    pub(crate) may_refuse: bool,
    /// Whether the service centres' results lack the SUBMIT-REPORT: forwardSM of MAP versions 1 and 2 has none.
    pub(crate) lacks_reports: bool,
    /// The UEs' part of the scenario.
    pub traffic: Traffic,
    /// UEs that are about to leave for a while.
    pub(crate) leaving: Vec<u32>,
    /// UEs that try to register again, and when.
    pub(crate) trying_again: BTreeSet<(Time, u32)>,
    /// UEs that come back, and when.
    pub(crate) coming_back: BTreeSet<(Time, u32)>,
    phase: Phase,
    shares: config::Ue,
    /// What was sent and taken.
    pub ledger: Ledger,
    /// Delivery reports sent.
    pub(crate) reports: u32,
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
                let habits = Habits::choose(&config.ue, &mut random);
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
                ues.push(Ue::new(at, line, (behaviour, habits), access));
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
            may_refuse: !config.smsc.model.is_good(),
            lacks_reports: config.smsc.point.highest_map.0 < Version::V3,
            traffic: Traffic::new(&config.traffic, counts, random.bits()),
            leaving: vec![],
            trying_again: BTreeSet::new(),
            coming_back: BTreeSet::new(),
            phase: Phase::Rising,
            shares: config.ue.clone(),
            ledger: Ledger::default(),
            reports: 0,
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

    /// The shares of UEs that don't do as they should.
    #[must_use]
    pub const fn shares(&self) -> &config::Ue {
        &self.shares
    }

    /// UEs are chosen anew, by these shares.
    pub fn set_shares(&mut self, shares: config::Ue) {
        for ue in &mut self.ues {
            ue.behaviour = Behaviour::choose(&shares, &mut self.traffic.random);
            ue.habits = Habits::choose(&shares, &mut self.traffic.random);
        }
        self.shares = shares;
    }

    /// The service centre that the UEs of a network know.
    #[must_use]
    pub fn service_centre(&self, network: usize) -> Digits {
        self.scscfs[network].service_centre
    }

    /// The UEs of a network use this service centre from now on.
    pub fn set_service_centre(&mut self, network: usize, title: Digits) {
        self.scscfs[network].service_centre = title;
    }

    /// Messages may be refused from now on, and nobody is surprised.
    pub fn may_refuse(&mut self) {
        self.may_refuse = true;
    }

    /// UE `number` acts, outside the flows.
    pub fn act(&mut self, now: Time, number: u32, act: Act, cx: &mut Cx<'_>) {
        ue::act(self, now, number, act, cx);
    }

    /// Ends its part, and begins nothing new.
    pub fn stop(&mut self, now: Time, cx: &mut Cx<'_>) {
        self.phase = Phase::Finished;
        if !core::mem::replace(&mut self.stopping, true) {
            cx.stack.stop(now, cx.outside);
        }
    }

    /// Begins what the flows' pace allows.
    fn proceed(&mut self, now: Time, cx: &mut Cx<'_>) {
        ue::try_again(self, now, cx);
        match self.phase {
            Phase::Rising | Phase::Finished => {}
            Phase::Registration => self.register(now, false, cx),
            Phase::Messages => {
                ue::leave_and_come_back(self, now, cx);
                for direct in [false, true] {
                    while let Some(intended) = self.traffic.mo_of(direct).due(now)
                        && ue::submit(self, now, direct, intended, cx)
                    {}
                }
            }
            Phase::Deregistration => self.register(now, true, cx),
        }
    }

    /// UEs register, or leave.
    fn register(&mut self, now: Time, leave: bool, cx: &mut Cx<'_>) {
        for direct in [false, true] {
            while let Some(intended) = self.traffic.registrations_of(direct, leave).due(now)
                && ue::register(self, now, (direct, leave), intended, cx)
            {}
        }
    }
}

impl Player for Node {
    /// They have no associations.
    fn is_up(&self, _stack: &Stack) -> bool {
        true
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        if phase == Phase::Messages {
            ue::choose_absent(self);
        }
    }

    fn is_done(&self) -> bool {
        let Traffic { registration, direct_registration, mo, direct_mo, .. } = &self.traffic;
        let Traffic { deregistration, direct_deregistration, .. } = &self.traffic;
        let done = |flows: [&Flow; 2]| flows.into_iter().all(Flow::is_done);
        match self.phase {
            Phase::Registration => done([registration, direct_registration]),
            Phase::Messages => done([mo, direct_mo]) && !self.ues.iter().any(|ue| ue.is_away),
            Phase::Deregistration => done([deregistration, direct_deregistration]),
            Phase::Rising | Phase::Finished => true,
        }
    }
}

impl Application for Node {
    type Crossing = Infallible;
    type Request = Infallible;
    type Reply = Infallible;

    fn handle(&mut self, now: Time, indication: &mut Indication<'_>, cx: &mut Cx<'_>) {
        match *indication {
            Indication::Register(register) => {
                self.traffic.counts.not_for_us += 1;
                cx.stack.answer(now, &register.request, 403, cx.outside);
            }
            Indication::Message(message) => match self.by_address.get(&message.request.local) {
                Some(&number) => direct::on_message(self, now, number, &message, cx),
                None => scscf::on_message(self, now, &message, cx),
            },
            Indication::Content(content) => direct::on_content(self, now, &content, cx),
            // Nobody here subscribes.
            Indication::Notify(notify) => cx.stack.answer(now, &notify.request, 481, cx.outside),
            Indication::Subscribed { .. } => {}
            Indication::Challenged { user, challenge } => {
                if let User::Registration(number) = User::from_u64(user) {
                    direct::on_challenged(self, now, number, challenge, cx);
                }
            }
            Indication::Answered { user, status, .. } => match User::from_u64(user) {
                User::Registration(number) => ue::on_registered(self, now, number, status),
                User::Submission(number) => ue::on_submission_answered(self, number, status),
                User::DeliverReport(number) => ue::on_report_answered(self, number, status),
            },
            // A transport error is a 503 (RFC 3261 8.1.3.1).
            Indication::Unreachable { user, .. } => {
                self.handle(
                    now,
                    &mut Indication::Answered { user, status: 503, report: None, charging: None },
                    cx,
                );
            }
            // There is no SS7 here.
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
        ue::on_timeout(self, now);
        self.proceed(now, cx);
    }

    fn poll_timeout(&self) -> Time {
        let waiting = self.traffic.waiting.front().map_or(Time::NEVER, |(deadline, _)| *deadline);
        let others = [&self.coming_back, &self.trying_again].into_iter().filter_map(|set| set.first());
        others.fold(waiting, |until, (time, _)| until.min(*time))
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
        visit("away", self.coming_back.len(), self.ues.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_words_bring_back_what_they_were_made_of() {
        for number in [0, 7, u32::MAX] {
            for user in [User::Registration(number), User::Submission(number), User::DeliverReport(number)] {
                assert_eq!(User::from_u64(user.to_u64()), user);
                assert_eq!(user.to_u64() >> 63, 0, "the stack's own bit");
            }
        }
    }
}
