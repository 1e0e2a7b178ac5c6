//! De-registrations of late, so that a REGISTER that was overtaken by one does not bring back what has ended (RFC 3261 10.3
//! step 7 can only ask bindings that are there).

use crate::base::Time;
use crate::gateway::mailbox::{RegisterRequest, Registrant};
use crate::ident::Imsi;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A REGISTER is repeated for 32 s (RFC 3261 17.1.2.2, timer F), and may be on its way for as long.
const LIFE: Duration = Duration::from_secs(64);
/// As many as that, the newest.
const MOST: usize = 65_536;

/// The name of all of a UE's bindings.
const ALL: u64 = 0;

/// Whose binding, by its name, and the Call-ID of the REGISTER.
pub(super) type Whose = (Option<Imsi>, u64, u64);

/// The newest de-registration of each.
#[derive(Default)]
pub(super) struct Ended {
    newest: BTreeMap<Whose, (u32, Time)>,
    order: VecDeque<(Time, Whose)>,
    /// Those that have come, or that a newer one has replaced, since somebody has looked.
    pub(super) changed: Vec<Whose>,
    /// Those that are too old to matter, likewise.
    pub(super) forgotten: Vec<Whose>,
}

impl Ended {
    /// A de-registration has come.
    pub(super) fn add(&mut self, now: Time, imsi: Option<Imsi>, name: u64, request: &RegisterRequest) {
        self.forget(now);
        let wildcard = matches!(&request.registrant, Registrant::Ue(ue) if ue.wildcard);
        let whose = (imsi, if wildcard { ALL } else { name }, request.call);
        self.restore(now, whose, request.sequence);
        self.changed.push(whose);
    }

    /// The same of a life before this one, of which nobody knows how long ago it was.
    pub(super) fn restore(&mut self, now: Time, whose: Whose, sequence: u32) {
        let newest = self.newest.entry(whose).or_insert((sequence, now));
        *newest = (newest.0.max(sequence), now);
        self.order.push_back((now, whose));
    }

    /// The CSeq of the newest one that is remembered.
    pub(super) fn get(&self, whose: &Whose) -> Option<u32> {
        self.newest.get(whose).map(|(sequence, _)| *sequence)
    }

    /// What is too old to matter, or too many, is remembered no more.
    pub(super) fn forget(&mut self, now: Time) {
        while let Some(&(since, whose)) = self.order.front()
            && (now >= since + LIFE || self.order.len() >= MOST)
        {
            self.order.pop_front();
            if self.newest.get(&whose).is_some_and(|(_, at)| *at == since) {
                self.newest.remove(&whose);
                self.forgotten.push(whose);
            }
        }
    }

    /// Whether a de-registration that is newer than `request`, and of the same Call-ID, has come already.
    pub(super) fn is_after(
        &self,
        now: Time,
        imsi: Option<Imsi>,
        name: u64,
        request: &RegisterRequest,
    ) -> bool {
        let newer = |name| {
            let newest = self.newest.get(&(imsi, name, request.call));
            newest.is_some_and(|(sequence, at)| now < *at + LIFE && *sequence > request.sequence)
        };
        newer(name) || matches!(request.registrant, Registrant::Ue(_)) && newer(ALL)
    }
}
