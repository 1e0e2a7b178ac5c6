//! Flows with their pace, and what UEs send until its report.

use crate::config;
use crate::ledger::Fingerprint;
use crate::random::Random;
use crate::report::TOLD;
use hdrhistogram::Histogram;
use ipsmgw::base::{Time, counts};
use std::collections::VecDeque;
use std::time::Duration;

counts! {
    /// What was seen besides the flows' own outcomes.
    pub struct TrafficCounts {
        /// Mobile terminated messages that a UE got again.
        ue_twice,
        /// MESSAGEs for nobody we know.
        unknown_recipient,
        /// SIP requests from somebody who isn't the gateway.
        foreign_source,
        /// SIP requests that an S-CSCF does not take.
        not_for_us,
        /// Submit reports without an In-Reply-To of ours.
        report_unmatched,
        /// Submissions that UEs sent once more after their RP-ACK.
        repeated,
        /// Of these, how many had the same report again.
        repeated_reported,
        /// Answers to what had ended already.
        late,
        /// UEs that were told that the gateway has ended their registration.
        informed,
        /// UEs that left for a while.
        left,
        /// UEs that came back.
        came_back,
        /// Notices of free memory that the HLR has taken.
        noticed,
    }
}

/// Attempts of one kind.
pub struct Flow {
    /// Its name.
    pub name: String,
    /// How many were asked for.
    pub asked: u32,
    /// How many have begun.
    pub begun: u32,
    /// How many arrived unchanged and were reported to the sender.
    pub delivered: u32,
    /// How many ended otherwise, as configured or not.
    pub failed: u32,
    /// How many ended otherwise than configured.
    pub surprises: u32,
    /// What the first surprises were.
    pub first_surprises: Vec<String>,
    latency: Histogram<u64>,
    window: u32,
    interval: Option<Duration>,
    since: Option<Time>,
}

impl Flow {
    /// So many attempts, none of which has begun.
    #[must_use]
    pub fn new(name: &str, asked: u32, pace: &config::Traffic) -> Self {
        Self {
            name: name.to_owned(),
            asked,
            begun: 0,
            delivered: 0,
            failed: 0,
            surprises: 0,
            first_surprises: Vec::new(),
            latency: Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are allowed")),
            window: pace.window,
            interval: (pace.rate > 0.0).then(|| Duration::from_secs_f64(pace.rate.recip())),
            since: None,
        }
    }

    /// When the next attempt was meant to begin, if it may begin now.
    pub fn due(&mut self, now: Time) -> Option<Time> {
        if self.begun == self.asked || self.under_way() >= self.window {
            return None;
        }
        let since = *self.since.get_or_insert(now);
        let intended = self.interval.map_or(now, |interval| since + interval.saturating_mul(self.begun));
        (intended <= now).then_some(intended)
    }

    /// Attempts that have not ended.
    #[must_use]
    pub fn under_way(&self) -> u32 {
        self.begun - self.ended()
    }

    /// Attempts that have ended.
    #[must_use]
    pub fn ended(&self) -> u32 {
        self.delivered + self.failed
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.ended() == self.asked
    }

    /// An attempt has ended well. Its latency counts from when it was meant to begin.
    pub fn succeed(&mut self, now: Time, intended: Time) {
        self.delivered += 1;
        let micros = now.since(intended).as_nanos().div_ceil(1000);
        // It grows with what is recorded, and holds more than any clock gives.
        let _ = self.latency.record(u64::try_from(micros).unwrap_or(u64::MAX));
    }

    /// An attempt has failed as configured.
    pub fn fail_as_configured(&mut self) {
        self.failed += 1;
    }

    /// An attempt has failed, and should not have.
    pub fn fail(&mut self, number: u32, why: &str) {
        self.failed += 1;
        self.surprise(number, why);
    }

    /// Something about attempt `number` is not as it should be.
    pub fn surprise(&mut self, number: u32, why: &str) {
        self.surprises += 1;
        if self.first_surprises.len() < TOLD {
            self.first_surprises.push(format!("{} {number}: {why}", self.name));
        }
    }

    /// The latency that this share of the attempts had at the most, in microseconds.
    #[must_use]
    pub fn latency_us(&self, quantile: f64) -> u64 {
        self.latency.value_at_quantile(quantile)
    }
}

/// A mobile originated message.
#[derive(Debug)]
pub struct Submission {
    /// Who sends it.
    pub ue: u32,
    /// RP-MR.
    pub reference: u8,
    /// Its TPDU's.
    pub fingerprint: Fingerprint,
    /// When it was meant to begin.
    pub intended: Time,
    /// Whether it has ended.
    pub ended: bool,
    /// Its TPDU, if it is to come again after its RP-ACK.
    pub again: Option<Vec<u8>>,
}

/// How long it runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// Until the scenario has ended.
    End,
    /// Until the gateway has left after that, as memif wants it: a side must not go while the other polls.
    GatewayLeft,
    /// Until it is told to stop: there is no scenario, and the nodes answer whoever comes.
    Stopped,
}

/// All flows of UEs, and their messages.
pub struct Traffic {
    /// How it goes.
    pub(crate) config: config::Traffic,
    /// Registrations, first ones and refreshes.
    pub registration: Flow,
    /// Mobile originated messages.
    pub mo: Flow,
    /// De-registrations.
    pub deregistration: Flow,
    /// Registrations of UEs with direct access, first ones and refreshes.
    pub direct_registration: Flow,
    /// Mobile originated messages of UEs with direct access.
    pub direct_mo: Flow,
    /// De-registrations of UEs with direct access.
    pub direct_deregistration: Flow,
    /// What UEs do beside these flows: nothing is asked of it.
    pub ues: Flow,
    pub(crate) submissions: Vec<Submission>,
    /// Submissions in the order of their deadlines.
    pub(crate) waiting: VecDeque<(Time, u32)>,
    pub(crate) random: Random,
    /// What was seen besides.
    pub counts: TrafficCounts,
}

impl Traffic {
    /// Of so many UEs behind S-CSCFs and with direct access.
    #[must_use]
    pub fn new(config: &config::Traffic, ues: [u32; 2], seed: u64) -> Self {
        let [ims, direct] = ues;
        // Where nobody is, nothing is sent.
        let flow = |name, asked, ues| Flow::new(name, if ues == 0 { 0 } else { asked }, config);
        let registrations = 1 + config.refreshes;
        let leave = u32::from(config.deregister);
        Self {
            registration: flow("registration", ims * registrations, ims),
            mo: flow("mo", config.mo, ims),
            deregistration: flow("deregistration", ims * leave, ims),
            direct_registration: flow("direct_registration", direct * registrations, direct),
            direct_mo: flow("direct_mo", config.direct_mo, direct),
            direct_deregistration: flow("direct_deregistration", direct * leave, direct),
            ues: flow("ue", 0, 0),
            submissions: Vec::new(),
            waiting: VecDeque::new(),
            random: Random::new(seed),
            counts: TrafficCounts::default(),
            config: config.clone(),
        }
    }

    /// Mobile originated messages over one access.
    pub(crate) fn mo_of(&mut self, direct: bool) -> &mut Flow {
        if direct { &mut self.direct_mo } else { &mut self.mo }
    }

    /// Mobile originated messages over either access.
    #[must_use]
    pub fn mo_of_both(&self) -> [&Flow; 2] {
        [&self.mo, &self.direct_mo]
    }

    /// Registrations over one access, or de-registrations.
    pub(crate) fn registrations_of(&mut self, direct: bool, leave: bool) -> &mut Flow {
        match (direct, leave) {
            (false, false) => &mut self.registration,
            (false, true) => &mut self.deregistration,
            (true, false) => &mut self.direct_registration,
            (true, true) => &mut self.direct_deregistration,
        }
    }

    /// A submission has ended: its UE may send again. `None` if it had ended before.
    pub(crate) fn end_submission(&mut self, number: u32) -> Option<&Submission> {
        let submission = self.submissions.get_mut(number as usize)?;
        if core::mem::replace(&mut submission.ended, true) { None } else { Some(submission) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_keeps_its_window_and_its_pace() {
        let pace = config::Traffic { window: 2, ..config::Traffic::default() };
        let mut flow = Flow::new("x", 3, &pace);
        let now = Time::from_millis(5);
        for _ in 0..2 {
            assert_eq!(flow.due(now), Some(now));
            flow.begun += 1;
        }
        assert_eq!(flow.due(now), None, "the window is full");
        flow.succeed(now, now);
        assert_eq!(flow.due(now), Some(now));
        flow.begun += 1;
        flow.fail_as_configured();
        assert_eq!((flow.due(now), flow.is_done()), (None, false), "none is left to begin");
        flow.fail(2, "gone");
        assert!(flow.is_done() && flow.surprises == 1);
        assert_eq!(flow.first_surprises, ["x 2: gone"]);

        let pace = config::Traffic { rate: 100.0, ..config::Traffic::default() };
        let mut flow = Flow::new("y", 3, &pace);
        assert_eq!(flow.due(now), Some(now));
        flow.begun += 1;
        assert_eq!(flow.due(now + Duration::from_millis(9)), None);
        let late = now + Duration::from_millis(25);
        assert_eq!(flow.due(late), Some(Time::from_millis(15)), "from when it was meant to begin");
    }
}
