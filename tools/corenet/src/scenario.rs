//! The order of a scenario: nodes rise, UEs register, messages go, UEs leave. Each node plays its part of a phase, and the
//! next begins when all have done theirs.

use ipsmgw::base::Time;
use ipsmgw::stack::Stack;
use std::time::Duration;

/// What the scenario is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Waits for the associations.
    Rising,
    /// UEs register, for the first time or anew; mobiles attach to MSCs and SGSNs.
    Registration,
    /// Messages go both ways.
    Messages,
    /// UEs de-register.
    Deregistration,
    /// Everything has ended.
    Finished,
}

/// A node with a part in the scenario.
pub trait Player {
    /// Whether it has reached all that it is configured with.
    fn is_up(&self, stack: &Stack) -> bool;

    /// A phase begins.
    fn enter(&mut self, phase: Phase);

    /// Whether its part of the phase is done.
    fn is_done(&self) -> bool;
}

/// Where a scenario is.
#[derive(Debug)]
pub struct Scenario {
    phase: Phase,
    patience: Duration,
    up_by: Option<Time>,
    /// Whether the associations did not rise in time.
    pub is_stuck: bool,
}

impl Scenario {
    /// One that has not begun; the associations have so long to rise.
    #[must_use]
    pub const fn new(patience: Duration) -> Self {
        Self { phase: Phase::Rising, patience, up_by: None, is_stuck: false }
    }

    /// What it is at.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// There is none, or it ends here.
    pub const fn end(&mut self) {
        self.phase = Phase::Finished;
    }

    /// Goes on to the next phase if all nodes have done their part: for [`Player::enter`].
    pub fn advance(&mut self, now: Time, are_up: bool, are_done: bool) -> Option<Phase> {
        let up_by = *self.up_by.get_or_insert(now + self.patience);
        let next = match self.phase {
            Phase::Rising if are_up => Phase::Registration,
            Phase::Rising if now >= up_by => {
                self.is_stuck = true;
                Phase::Finished
            }
            Phase::Registration if are_done => Phase::Messages,
            Phase::Messages if are_done => Phase::Deregistration,
            Phase::Deregistration if are_done => Phase::Finished,
            _ => return None,
        };
        self.phase = next;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_follow_each_other_when_all_are_done() {
        let mut scenario = Scenario::new(Duration::from_secs(1));
        assert_eq!(scenario.advance(Time::ZERO, false, true), None);
        for phase in [Phase::Registration, Phase::Messages, Phase::Deregistration, Phase::Finished] {
            assert_eq!(
                scenario.advance(Time::ZERO, phase == Phase::Registration, false),
                (phase == Phase::Registration).then_some(phase)
            );
            if scenario.phase() != phase {
                assert_eq!(scenario.advance(Time::ZERO, true, true), Some(phase));
            }
        }
        assert_eq!(scenario.advance(Time::ZERO, true, true), None);
    }

    #[test]
    fn who_does_not_rise_ends_it() {
        let mut scenario = Scenario::new(Duration::from_secs(1));
        assert_eq!(scenario.advance(Time::ZERO, false, false), None);
        assert_eq!(scenario.advance(Time::from_millis(1_000), false, false), Some(Phase::Finished));
        assert!(scenario.is_stuck);
    }
}
