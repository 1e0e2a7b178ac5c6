//! SCCP management: what other points say of their subsystems and we of ours, and what is known of points.

use crate::base::Time;
use crate::codec::Prepend;
use crate::ident::{PointCode, Ssn};
use crate::proto::m3ua;
use crate::proto::sccp::{self, Cause, Scmg, SubsystemNews, SubsystemState};
use crate::stack::{News, Outside};

use super::{Ss7, Transport};

/// Room for a management message with padding.
const ROOM: usize = 64;

/// How many points management hears of at a time that their SCCP is absent; the others are heard of with the next DUPU.
pub(super) const SILENT: usize = 16;

impl Transport {
    /// A signalling gateway has said something of a point: if its SCCP is absent, management has to know (N-PCSTATE).
    pub(super) fn note_silence(&mut self, point_code: PointCode, change: m3ua::Change) {
        let absent = matches!(change, m3ua::Change::NoSccp(_));
        let is_new = self.leads_to(point_code).is_some() && !self.silent.contains(&point_code);
        if absent && is_new && self.silent.len() < SILENT {
            self.silent.push(point_code);
        }
    }

    /// If it is the SCCP of a point that has answered, its gateways' news of the contrary hold no more.
    fn heed_sccp(&mut self, news: &SubsystemNews) {
        let &SubsystemNews { point_code, ssn, state } = news;
        if (ssn, state) != (Ssn::SCMG, SubsystemState::Allowed) {
            return;
        }
        self.ways.sccp_back(point_code);
        for link in self.links.iter_mut().flatten() {
            link.asp.sccp_back(point_code);
        }
    }
}

/// What is known of other points.
pub(super) struct Known<'s> {
    pub(super) transport: &'s Transport,
    pub(super) subsystems: &'s sccp::Subsystems,
}

impl sccp::States for Known<'_> {
    fn point(&self, point_code: PointCode) -> sccp::PointState {
        // Without SCCP it is of no use to titles, whatever they are routed on there.
        let has_sccp = self.subsystem(point_code, Ssn::SCMG) != SubsystemState::Prohibited;
        match self.transport.leads_to(point_code).map(|leads| leads && has_sccp) {
            Some(true) => sccp::PointState::Available,
            Some(false) | None => sccp::PointState::Unavailable,
        }
    }

    fn subsystem(&self, point_code: PointCode, ssn: Ssn) -> SubsystemState {
        self.subsystems.state(point_code, ssn)
    }
}

impl Ss7 {
    /// What is known of other points.
    pub(super) fn known(&self) -> Known<'_> {
        Known { transport: &self.transport, subsystems: &self.subsystems }
    }

    /// Another node's management says something of a subsystem at a point that we send to.
    pub(super) fn on_scmg(&mut self, now: Time, scmg: &Scmg, outside: &mut dyn Outside) {
        let transport = &self.transport;
        let is_known = |point_code| transport.leads_to(point_code).is_some();
        if let Some(news) = self.subsystems.on_scmg(now, scmg, is_known) {
            self.transport.heed_sccp(&news);
            outside.tell_all(News::Subsystem(news));
        }
    }

    /// A message of ours came back since the subsystem failed: it is out, and tested. Only of the last node is known which
    /// point that is.
    pub(super) fn heed_return(&mut self, now: Time, service: &sccp::Service<'_>, outside: &mut dyn Outside) {
        if service.cause != Cause::SUBSYSTEM_FAILURE {
            return;
        }
        let sccp::Route::Remote(to, called) = self.sccp.routes.route(&service.calling) else { return };
        let Some(ssn) = called.ssn.filter(|_| to.route_on_ssn) else { return };
        if self.transport.leads_to(to.point_code).is_some() {
            self.subsystems.prohibit(now, to.point_code, ssn);
            let (point_code, state) = (to.point_code, SubsystemState::Prohibited);
            outside.tell_all(News::Subsystem(SubsystemNews { point_code, ssn, state }));
        }
    }

    /// Another worker has heard of a subsystem.
    pub(in crate::stack) fn learn(&mut self, now: Time, news: &SubsystemNews) {
        self.subsystems.learn(now, news);
        self.transport.heed_sccp(news);
    }

    /// Tests of subsystems whose time has come. A point without SCCP is one whose management is out: it is tested like any
    /// subsystem, and until it answers nothing is translated to it (Q.714 5.2.2, 5.3.4).
    pub(super) fn test_subsystems(&mut self, now: Time, outside: &mut dyn Outside) {
        while let Some(point_code) = self.transport.silent.pop() {
            let (ssn, state) = (Ssn::SCMG, SubsystemState::Prohibited);
            self.subsystems.prohibit(now, point_code, ssn);
            outside.tell_all(News::Subsystem(SubsystemNews { point_code, ssn, state }));
        }
        let Self { subsystems, transport, .. } = self;
        subsystems.handle_timeout(now, &mut |test, news| {
            send(transport, &test, test.point_code, outside);
            outside.tell_all(News::Subsystem(news));
        });
    }

    /// Sends a management message to a point.
    pub(super) fn send_scmg(&mut self, scmg: &Scmg, to: PointCode, outside: &mut dyn Outside) {
        send(&mut self.transport, scmg, to, outside);
    }

    /// Takes a subsystem of ours out of service or brings it back; whether it is one.
    pub(in crate::stack) fn set_subsystem(
        &mut self,
        ssn: Ssn,
        in_service: bool,
        tell: bool,
        outside: &mut dyn Outside,
    ) -> bool {
        if !self.sccp.routes.set_local(ssn, in_service) {
            return false;
        }
        if let Some(status) = self.sccp.status(ssn, in_service).filter(|_| tell) {
            for point in &self.points {
                send(&mut self.transport, &status, point.point_code, outside);
            }
        }
        true
    }
}

/// What can't be sent is not missed: a test is repeated, and who sends to what is out is told.
fn send(transport: &mut Transport, scmg: &Scmg, to: PointCode, outside: &mut dyn Outside) {
    let mut room = [0; ROOM];
    let mut w = Prepend::new(&mut room);
    if scmg.write(&mut w).is_ok() {
        let _ = transport.send(&mut w, to, 0, outside);
    }
}
