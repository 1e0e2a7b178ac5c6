//! What is known of subsystems at other points (Q.714 5.3): those that don't take messages, and tests whether they do
//! again. Whatever is not in the table is allowed.

use super::{Scmg, ScmgType, SubsystemState};
use crate::base::{Time, counts};
use crate::ident::{PointCode, Ssn};
use core::time::Duration;

/// How subsystems at other points are tested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubsystemsConfig {
    /// How many are kept at most.
    pub capacity: u16,
    /// T(stat info): from the news that a subsystem is out to the first test; each later one takes half as long again.
    pub t_status: Duration,
    /// The longest time between two tests.
    pub t_status_max: Duration,
}

impl Default for SubsystemsConfig {
    /// 256 subsystems, tested after 10 s and then ever less, up to 10 minutes.
    fn default() -> Self {
        Self { capacity: 256, t_status: Duration::from_secs(10), t_status_max: Duration::from_secs(600) }
    }
}

counts! {
    /// What was said of subsystems at other points.
    pub struct SubsystemCounts {
        /// Subsystems that went out of service.
        prohibited,
        /// Subsystems that came back.
        allowed,
        /// News of congestion (SSC) that was heeded.
        congested,
        /// Tests sent.
        tests,
        /// News of points or subsystems that are none, or that there was no room for.
        ignored,
        /// Requests to go out of service, and grants (SOR, SOG): no subsystem is replicated here.
        coordination,
    }
}

/// How long congestion lasts that is not told again.
const CONGESTION: Duration = Duration::from_secs(10);
/// The lowest level of SSC at which a point gets no more: below it what is less important than ours yields.
const CONGESTED: u8 = 5;

#[derive(Clone, Copy, Debug)]
struct Entry {
    point_code: PointCode,
    ssn: Ssn,
    state: SubsystemState,
    /// The next test, or when what was heard is forgotten.
    due: Time,
    /// From this test to the next; `None` if another worker tests, or nobody has to.
    interval: Option<Duration>,
}

/// Something that the other workers have to know: this subsystem of a point is in that state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubsystemNews {
    /// The point.
    pub point_code: PointCode,
    /// The subsystem; number 1 stands for all of the point's SCCP.
    pub ssn: Ssn,
    /// Its state.
    pub state: SubsystemState,
}

/// Subsystems at other points that don't take messages.
#[derive(Debug)]
pub struct Subsystems {
    config: SubsystemsConfig,
    entries: Vec<Entry>,
    /// When the first of them is due, or earlier.
    next: Time,
    /// Counters.
    pub counts: SubsystemCounts,
}

impl Subsystems {
    /// All allowed.
    #[must_use]
    pub fn new(config: SubsystemsConfig) -> Self {
        let entries = Vec::with_capacity(config.capacity.into());
        Self { config, entries, next: Time::NEVER, counts: SubsystemCounts::default() }
    }

    /// Whether a subsystem of a point takes messages, as far as is known.
    #[must_use]
    pub fn state(&self, point_code: PointCode, ssn: Ssn) -> SubsystemState {
        let about =
            |entry: &&Entry| entry.point_code == point_code && (entry.ssn == ssn || entry.ssn == Ssn::SCMG);
        let states = self.entries.iter().filter(about).map(|entry| entry.state);
        states.fold(SubsystemState::Allowed, |worst, state| match (worst, state) {
            (SubsystemState::Prohibited, _) | (_, SubsystemState::Prohibited) => SubsystemState::Prohibited,
            (SubsystemState::Allowed, state) => state,
            (worst, _) => worst,
        })
    }

    /// SCMG of another node says this; `is_known` are the points that we send to. Gives what the other workers have to
    /// know.
    pub fn on_scmg(
        &mut self,
        now: Time,
        scmg: &Scmg,
        is_known: impl Fn(PointCode) -> bool,
    ) -> Option<SubsystemNews> {
        let Scmg { point_code, ssn, .. } = *scmg;
        let state = match scmg.message_type {
            ScmgType::Allowed => SubsystemState::Allowed,
            ScmgType::Prohibited => SubsystemState::Prohibited,
            ScmgType::Congested if scmg.congestion.is_some_and(|level| level < CONGESTED) => return None,
            ScmgType::Congested => SubsystemState::Congested,
            ScmgType::OutOfServiceRequest | ScmgType::OutOfServiceGrant => {
                self.counts.coordination += 1;
                return None;
            }
            ScmgType::StatusTest => return None,
        };
        if ssn.0 == 0 || !is_known(point_code) {
            self.counts.ignored += 1;
            return None;
        }
        // Congestion is that of all of the point's SCCP.
        let ssn = if state == SubsystemState::Congested { Ssn::SCMG } else { ssn };
        match state {
            SubsystemState::Allowed => self.allow(point_code, ssn),
            SubsystemState::Prohibited => self.prohibit(now, point_code, ssn),
            SubsystemState::Congested => {
                self.counts.congested += 1;
                self.put(Entry { point_code, ssn, state, due: now + CONGESTION, interval: None });
            }
        }
        Some(SubsystemNews { point_code, ssn, state })
    }

    /// A subsystem is out: by SSP, by a message of ours that came back, by DUPU. It is tested until it is back.
    pub fn prohibit(&mut self, now: Time, point_code: PointCode, ssn: Ssn) {
        let state = SubsystemState::Prohibited;
        if let Some(entry) = self.find(point_code, ssn)
            && entry.state == state
            && entry.interval.is_some()
        {
            return;
        }
        self.counts.prohibited += 1;
        let t_status = self.config.t_status;
        self.put(Entry { point_code, ssn, state, due: now + t_status, interval: Some(t_status) });
    }

    /// It is back.
    fn allow(&mut self, point_code: PointCode, ssn: Ssn) {
        let before = self.entries.len();
        self.entries.retain(|entry| (entry.point_code, entry.ssn) != (point_code, ssn));
        self.counts.allowed += u64::from(self.entries.len() < before);
    }

    /// Another worker has heard this, and tests.
    pub fn learn(&mut self, now: Time, news: &SubsystemNews) {
        let &SubsystemNews { point_code, ssn, state } = news;
        match state {
            SubsystemState::Allowed => {
                self.entries.retain(|entry| (entry.point_code, entry.ssn) != (point_code, ssn));
            }
            SubsystemState::Prohibited | SubsystemState::Congested => {
                let tests = self.find(point_code, ssn).is_some_and(|entry| entry.interval.is_some());
                if !tests {
                    // Told again with each test: who misses the end of it forgets.
                    let lasts = match state {
                        SubsystemState::Congested => CONGESTION,
                        _ => self.config.t_status_max + self.config.t_status,
                    };
                    self.put(Entry { point_code, ssn, state, due: now + lasts, interval: None });
                }
            }
        }
    }

    fn find(&mut self, point_code: PointCode, ssn: Ssn) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| (entry.point_code, entry.ssn) == (point_code, ssn))
    }

    fn put(&mut self, new: Entry) {
        self.next = self.next.min(new.due);
        if let Some(entry) = self.find(new.point_code, new.ssn) {
            *entry = new;
        } else if self.entries.len() < usize::from(self.config.capacity) {
            self.entries.push(new);
        } else {
            self.counts.ignored += 1;
        }
    }

    /// Tests whose time has come: `test` sends each, and tells the other workers once more.
    pub fn handle_timeout(&mut self, now: Time, test: &mut dyn FnMut(Scmg, SubsystemNews)) {
        if self.next > now {
            return;
        }
        let (longest, counts) = (self.config.t_status_max, &mut self.counts);
        self.entries.retain_mut(|entry| {
            let Some(interval) = entry.interval else { return entry.due > now };
            if entry.due <= now {
                counts.tests += 1;
                let &mut Entry { point_code, ssn, state, .. } = entry;
                let message_type = ScmgType::StatusTest;
                let scmg = Scmg { message_type, ssn, point_code, multiplicity: 0, congestion: None };
                test(scmg, SubsystemNews { point_code, ssn, state });
                let longer = (interval + interval / 2).min(longest);
                (entry.interval, entry.due) = (Some(longer), now + longer);
            }
            true
        });
        self.next = self.entries.iter().map(|entry| entry.due).fold(Time::NEVER, Time::min);
    }

    /// When [`Subsystems::handle_timeout`] has something to do, or earlier.
    #[must_use]
    pub fn poll_timeout(&self) -> Time {
        self.next
    }

    /// How many are kept, and how many can be.
    #[must_use]
    pub fn fill(&self) -> (usize, usize) {
        (self.entries.len(), self.config.capacity.into())
    }
}
