//! What becomes of a message that has arrived (Q.714 2.3, 4): delivered, returned or answered.

use super::view::{Input, Service, Unitdata, Why, malformed, parse};
use super::{
    Cause, DuplicatePrefix, Kind, MTP3_LIMIT, ReassemblyConfig, Route, Routes, Rule, Scmg, ScmgType,
    SubsystemsConfig, build,
};
use crate::base::{Malformed, Time, counts};
use crate::codec::Prepend;
use crate::ident::{PointCode, SccpAddress, Ssn};
use core::time::Duration;

/// What is known of the SCCP of another point.
#[derive(Clone, Debug)]
pub struct RemotePoint {
    /// Its point code.
    pub point_code: PointCode,
    /// What it takes beside a UDT: XUDT, also in segments, or LUDT.
    pub form: Kind,
}

/// What SCCP is configured to do.
#[derive(Clone, Debug)]
pub struct SccpConfig {
    /// Our own point codes.
    pub own: Vec<PointCode>,
    /// The subsystems that we are.
    pub local: Vec<Ssn>,
    /// The translation rules.
    pub rules: Vec<Rule>,
    /// The longest SCCP message to send, in octets.
    pub limit: usize,
    /// How many service messages to send in a second at most to what comes from one point; 16 times that to all.
    pub returns_per_second: u32,
    /// How segments become messages; without entries they are refused.
    pub reassembly: ReassemblyConfig,
    /// How subsystems at other points are tested.
    pub subsystems: SubsystemsConfig,
    /// Points of which more is known than that they take a UDT.
    pub points: Vec<RemotePoint>,
}

impl SccpConfig {
    /// With the limits of MTP3, and 1,000 returns a second.
    #[must_use]
    pub fn new(own: Vec<PointCode>, local: Vec<Ssn>, rules: Vec<Rule>) -> Self {
        Self {
            own,
            local,
            rules,
            limit: MTP3_LIMIT,
            returns_per_second: 1000,
            reassembly: ReassemblyConfig::default(),
            subsystems: SubsystemsConfig::default(),
            points: Vec::new(),
        }
    }
}

counts! {
    /// Counters of SCCP.
    pub struct SccpCounts {
        /// Unitdata delivered to a local subsystem.
        delivered,
        /// Service messages delivered: data of ours that came back.
        came_back,
        /// Management messages received.
        management,
        /// Subsystem status tests answered.
        tests_answered,
        /// Subsystem status tests for what we are not, not answered.
        tests_ignored,
        /// Messages refused as malformed.
        malformed,
        /// Messages to an address that no translation leads from.
        no_translation,
        /// Messages to a subsystem that we are not.
        unequipped,
        /// Messages to a subsystem of ours that is out of service.
        out_of_service,
        /// Messages to an address that leads elsewhere: we are no transit node.
        transit,
        /// Messages to an address that leads elsewhere, passed on: we are one.
        relayed,
        /// Messages whose hop counter was used up.
        hop_counter,
        /// Segments of longer messages, where none are put together.
        segments_unsupported,
        /// Service messages sent.
        returned,
        /// Messages discarded since their sender didn't want them back.
        discarded,
        /// Messages discarded since too many were returned in that second.
        returns_limited,
        /// Answers that didn't fit.
        too_long,
    }
}

impl SccpCounts {
    /// The counter of messages that no way leads to for this cause.
    pub(super) fn of_route(&mut self, cause: Cause) -> &mut u64 {
        match cause {
            Cause::UNEQUIPPED_USER => &mut self.unequipped,
            Cause::SUBSYSTEM_FAILURE => &mut self.out_of_service,
            _ => &mut self.no_translation,
        }
    }
}

/// What a message was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Indication<'a> {
    /// N-UNITDATA indication: data for this subsystem of ours.
    Unitdata(Ssn, Unitdata<'a>),
    /// N-NOTICE indication: data of this subsystem of ours that was not delivered.
    Notice(Ssn, Service<'a>),
    /// A part of a message for a subsystem of ours, for [`Reassembly`](super::Reassembly).
    Segment(Unitdata<'a>),
    /// News of a remote subsystem: N-STATE or N-COORD.
    Management(Scmg),
    /// The answer that was written goes to this point code.
    Answer(PointCode),
    /// Nothing more; counted.
    Nothing,
}

/// SCCP of one node.
#[derive(Debug)]
pub struct Sccp {
    /// Which addresses are ours, and where the others lead.
    pub routes: Routes,
    reassembles: bool,
    returns_per_second: u32,
    second: Time,
    /// Service messages of this second, by the point that sent what they return.
    returns: [Option<(PointCode, u32)>; RETURNED_TO],
    /// Who has to be told that a subsystem of ours is out.
    misled: Option<(PointCode, Scmg)>,
    /// Counters.
    pub counts: SccpCounts,
}

impl Sccp {
    /// From its configuration; refuses two rules for the same titles.
    pub fn new(config: &SccpConfig) -> Result<Self, DuplicatePrefix> {
        Ok(Self {
            routes: Routes::new(&config.own, &config.local, &config.rules)?,
            reassembles: config.reassembly.entries > 0,
            returns_per_second: config.returns_per_second,
            second: Time::ZERO,
            returns: [None; RETURNED_TO],
            misled: None,
            counts: SccpCounts::default(),
        })
    }

    /// Takes one message that came from `opc`. `answer` is an empty writer for what it answers.
    pub fn handle_input<'a>(
        &mut self,
        now: Time,
        opc: PointCode,
        bytes: &'a [u8],
        answer: &mut Prepend<'_>,
    ) -> Result<Indication<'a>, Malformed> {
        match parse(bytes) {
            Ok(Input::Unitdata(unitdata)) if self.is_management(&unitdata) => {
                self.on_management(opc, unitdata.data, answer)
            }
            Ok(Input::Unitdata(unitdata)) => Ok(self.on_unitdata(now, opc, unitdata, answer)),
            Ok(Input::Service(service)) => Ok(match self.routes.route(&service.called) {
                Route::Local(ssn) => {
                    self.counts.came_back += 1;
                    Indication::Notice(ssn, service)
                }
                // Never an answer to a service message (Q.714 4.2).
                Route::Remote(..) => self.count(|counts| &mut counts.transit),
                Route::NoTranslation(cause) => self.count(|counts| counts.of_route(cause)),
            }),
            Err(refused) => {
                self.counts.malformed += 1;
                Err(refused)
            }
        }
    }

    /// A message that another worker has taken and counted, and that is this worker's: what it is. What is for nobody
    /// here was answered there; what was taken before its subsystem went out of service still arrives.
    #[must_use]
    pub fn handle_crossed<'a>(&self, bytes: &'a [u8]) -> Indication<'a> {
        match parse(bytes) {
            Ok(Input::Unitdata(unitdata)) => match self.subsystem_of(&unitdata.called) {
                Some(_) if unitdata.is_segment() => Indication::Segment(unitdata),
                Some(ssn) => Indication::Unitdata(ssn, unitdata),
                None => Indication::Nothing,
            },
            Ok(Input::Service(service)) => match self.subsystem_of(&service.called) {
                Some(ssn) => Indication::Notice(ssn, service),
                None => Indication::Nothing,
            },
            Err(_) => Indication::Nothing,
        }
    }

    /// Which subsystem of ours this address is, in service or not.
    fn subsystem_of(&self, called: &SccpAddress) -> Option<Ssn> {
        match self.routes.route(called) {
            Route::Local(ssn) => Some(ssn),
            Route::NoTranslation(Cause::SUBSYSTEM_FAILURE) => self.prohibited_of(called),
            _ => None,
        }
    }

    /// A message that [`Reassembly`](super::Reassembly) has put together: delivered once, here.
    #[must_use]
    pub fn handle_whole<'a>(&mut self, bytes: &'a [u8]) -> Indication<'a> {
        let indication = self.handle_crossed(bytes);
        self.counts.delivered += u64::from(matches!(indication, Indication::Unitdata(..)));
        indication
    }

    /// Whether management of another node says something to ours.
    fn is_management(&self, unitdata: &Unitdata<'_>) -> bool {
        unitdata.is_management() && unitdata.called.point_code.is_none_or(|to| self.routes.is_own(to))
    }

    fn on_management<'a>(
        &mut self,
        opc: PointCode,
        data: &[u8],
        answer: &mut Prepend<'_>,
    ) -> Result<Indication<'a>, Malformed> {
        let Some(scmg) = Scmg::parse(data) else {
            self.counts.malformed += 1;
            return Err(malformed(Why::Management, 0));
        };
        self.counts.management += 1;
        Ok(if scmg.message_type == ScmgType::StatusTest {
            self.on_status_test(opc, scmg, answer)
        } else {
            Indication::Management(scmg)
        })
    }

    fn count<'a>(&mut self, which: impl FnOnce(&mut SccpCounts) -> &mut u64) -> Indication<'a> {
        *which(&mut self.counts) += 1;
        Indication::Nothing
    }

    fn on_unitdata<'a>(
        &mut self,
        now: Time,
        opc: PointCode,
        unitdata: Unitdata<'a>,
        answer: &mut Prepend<'_>,
    ) -> Indication<'a> {
        let cause = match self.routes.route(&unitdata.called) {
            _ if is_used_up(&unitdata) => {
                self.counts.hop_counter += 1;
                Cause::HOP_COUNTER_VIOLATION
            }
            Route::Local(_) if unitdata.is_segment() && self.reassembles => {
                return Indication::Segment(unitdata);
            }
            Route::Local(_) if unitdata.is_segment() => {
                self.counts.segments_unsupported += 1;
                // One return for a message: that of its first segment (Q.714 4.1.1.2.3).
                if !unitdata.segmentation.is_some_and(|segmentation| segmentation.first) {
                    return Indication::Nothing;
                }
                Cause::SEGMENTATION_NOT_SUPPORTED
            }
            Route::Local(ssn) => {
                self.counts.delivered += 1;
                return Indication::Unitdata(ssn, unitdata);
            }
            Route::Remote(..) => {
                self.counts.transit += 1;
                Cause::NO_TRANSLATION_ADDRESS
            }
            Route::NoTranslation(cause) => {
                *self.counts.of_route(cause) += 1;
                if cause == Cause::SUBSYSTEM_FAILURE {
                    self.mislead(opc, &unitdata.called);
                }
                cause
            }
        };
        self.return_unitdata(now, opc, &unitdata, cause, answer)
            .map_or(Indication::Nothing, Indication::Answer)
    }

    /// Who has sent a message to a subsystem of ours that is out of service has missed that it is (Q.714 5.3.2).
    fn mislead(&mut self, opc: PointCode, called: &SccpAddress) {
        let ssn = self.prohibited_of(called);
        self.misled = ssn.and_then(|ssn| self.status(ssn, false)).map(|prohibited| (opc, prohibited));
    }

    /// The subsystem of ours at this address, which is out of service.
    fn prohibited_of(&self, called: &SccpAddress) -> Option<Ssn> {
        match called.title.filter(|_| !called.route_on_ssn) {
            Some(title) => {
                let rule = self.routes.rule(&title, &mut |_| ()).map(|(_, rule)| rule.targets.first());
                rule.ok().and_then(|to| to.ssn).or(called.ssn)
            }
            None => called.ssn,
        }
    }

    /// Who has to be told by SSP that a subsystem of ours is out, since the last call.
    pub fn take_misled(&mut self) -> Option<(PointCode, Scmg)> {
        self.misled.take()
    }

    /// The message that says whether a subsystem of ours is allowed: SSA or SSP.
    #[must_use]
    pub fn status(&self, ssn: Ssn, allowed: bool) -> Option<Scmg> {
        let message_type = if allowed { ScmgType::Allowed } else { ScmgType::Prohibited };
        let point_code = self.routes.own_point_code()?;
        Some(Scmg { message_type, ssn, point_code, multiplicity: 0, congestion: None })
    }

    /// Writes the service message that returns `unitdata`, which came from `opc`, and gives the point code that it
    /// goes to; `None` if its sender doesn't want it back, can't be told from the address, or there were too many.
    pub fn return_unitdata(
        &mut self,
        now: Time,
        opc: PointCode,
        unitdata: &Unitdata<'_>,
        cause: Cause,
        answer: &mut Prepend<'_>,
    ) -> Option<PointCode> {
        let SccpAddress { ssn, title, .. } = unitdata.calling;
        if !unitdata.return_on_error || (ssn.is_none() && title.is_none()) {
            self.counts.discarded += 1;
            return None;
        }
        if now.since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.returns = [None; RETURNED_TO];
        }
        let limit = self.returns_per_second;
        let of_it = |place: &&mut Option<(PointCode, u32)>| place.is_none_or(|(of, _)| of == opc);
        let place = self.returns.iter_mut().find(of_it);
        let Some(place) = place.filter(|place| place.is_none_or(|(_, sent)| sent < limit)) else {
            self.counts.returns_limited += 1;
            return None;
        };
        let destination = match self.routes.route(&unitdata.calling) {
            Route::Remote(destination, _) => destination.point_code,
            // An address that claims to be ours is not sent to ourselves.
            Route::Local(_) | Route::NoTranslation(_) => opc,
        };
        let sent = place.map_or(0, |(_, sent)| sent);
        *place = Some((opc, sent + 1));
        if build::service(answer, unitdata, cause).is_err() || answer.overflowed() {
            self.counts.too_long += 1;
            return None;
        }
        self.counts.returned += 1;
        Some(destination)
    }

    /// A subsystem status test: SSA if the subsystem is ours, else silence (Q.714 5.3.4).
    fn on_status_test<'a>(&mut self, opc: PointCode, test: Scmg, answer: &mut Prepend<'_>) -> Indication<'a> {
        let allowed = test.ssn == Ssn::SCMG || self.routes.is_local(test.ssn);
        if !allowed || !self.routes.is_own(test.point_code) {
            self.counts.tests_ignored += 1;
            return Indication::Nothing;
        }
        let allowed = Scmg { message_type: ScmgType::Allowed, multiplicity: 0, congestion: None, ..test };
        if allowed.write(answer).is_err() || answer.overflowed() {
            self.counts.too_long += 1;
            return Indication::Nothing;
        }
        self.counts.tests_answered += 1;
        Indication::Answer(opc)
    }
}

/// Of how many points the service messages are counted in a second.
const RETURNED_TO: usize = 16;

/// Whether a message has been translated too often (Q.714 2.4): no counter comes as 0, and ours, if the title has to be
/// translated, is one more.
pub(super) fn is_used_up(unitdata: &Unitdata<'_>) -> bool {
    match unitdata.hop_counter {
        Some(0) => true,
        Some(1) => !unitdata.called.route_on_ssn,
        _ => false,
    }
}
