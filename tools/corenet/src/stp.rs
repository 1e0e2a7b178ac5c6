//! A signalling gateway between others, which passes on what they say to each other by point code (RFC 4666 1.4.2.1), or by
//! title if that is sent to itself (Q.714 2.4). It says nothing itself.

use crate::node::Cx;
use crate::scenario::{Phase, Player};
use core::convert::Infallible;
use ipsmgw::base::{Counts, Time, counts};
use ipsmgw::stack::{Application, Indication, Stack};

counts! {
    /// What came for the gateway itself.
    pub struct StpCounts {
        /// Operations, of which it has none.
        not_for_us,
    }
}

/// A signalling gateway.
pub struct StpNode {
    /// Its name.
    pub name: String,
    counts: StpCounts,
    stopping: bool,
}

impl StpNode {
    /// One of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), counts: StpCounts::default(), stopping: false }
    }

    /// Leaves the network.
    pub fn stop(&mut self, now: Time, cx: &mut Cx<'_>) {
        if !core::mem::replace(&mut self.stopping, true) {
            cx.stack.stop(now, cx.outside);
        }
    }
}

impl Player for StpNode {
    /// Others wait for their associations with it.
    fn is_up(&self, _stack: &Stack) -> bool {
        true
    }

    fn enter(&mut self, _phase: Phase) {}

    fn is_done(&self) -> bool {
        true
    }
}

impl Application for StpNode {
    type Crossing = Infallible;
    type Request = Infallible;
    type Reply = Infallible;

    fn handle(&mut self, _now: Time, _indication: &mut Indication<'_>, _cx: &mut Cx<'_>) {
        self.counts.not_for_us += 1;
    }

    fn handle_crossing(&mut self, _now: Time, crossing: Infallible, _cx: &mut Cx<'_>) {
        match crossing {}
    }

    fn handle_reply(&mut self, _now: Time, reply: Infallible, _cx: &mut Cx<'_>) {
        match reply {}
    }

    fn handle_timeout(&mut self, _now: Time, _cx: &mut Cx<'_>) {}

    fn poll_timeout(&self) -> Time {
        Time::NEVER
    }

    fn is_stopping(&self) -> bool {
        self.stopping
    }

    fn quiescent(&mut self) {}

    fn counts(&self) -> &dyn Counts {
        &self.counts
    }

    fn fill(&self, _visit: &mut dyn FnMut(&'static str, usize, usize)) {}
}
