//! Which associations lead to which signalling point, and what their signalling gateways have said of each way
//! (RFC 4666 4.5).

use core::time::Duration;

use crate::base::Time;
use crate::ident::{PointCode, WorkerId};
use crate::proto::m3ua::{Availability, Change, Reach};
use crate::proto::sccp::Sharing;

use super::AssociationSetup;

/// A signalling point that associations lead to.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Its point code.
    pub point_code: PointCode,
    /// The associations, by their place in the configuration; at most [`Destination::MAX_WAYS`] are used.
    pub associations: Vec<u16>,
    /// How these share the traffic: by selection, this worker's own ones before those of others; or the first that leads there
    /// has all.
    pub sharing: Sharing,
}

impl Destination {
    /// Associations that a destination can have.
    pub const MAX_WAYS: usize = 16;

    /// A destination whose associations share its traffic.
    #[must_use]
    pub const fn new(point_code: PointCode, associations: Vec<u16>) -> Self {
        Self { point_code, associations, sharing: Sharing::Loadshare }
    }
}

/// One association on its way to one destination.
#[derive(Clone, Copy, Debug)]
struct Way {
    association: u16,
    is_own: bool,
    /// What its gateway says; `None`: the association carries no traffic.
    state: Option<Availability>,
    /// Messages wait here until it is known whether it carries traffic again.
    waits: bool,
    /// When congestion that nobody mentions any more is over.
    congested_until: Time,
}

impl Way {
    fn is_usable(&self) -> bool {
        self.state.is_some_and(Availability::is_usable)
    }

    fn congestion(&self) -> u8 {
        self.state.map_or(0, |state| state.congestion)
    }

    /// How much worse than the best that there can be.
    fn rank(&self) -> (bool, bool, bool, bool) {
        let restricted = self.state.is_some_and(|state| state.reach == Reach::Restricted);
        let no_sccp = self.state.is_some_and(|state| state.no_sccp);
        (self.waits, no_sccp, restricted, self.congestion() > 0)
    }
}

/// What an association does for traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Carries {
    /// None.
    Nothing,
    /// It waits: its application server is pending.
    Later,
    /// It carries it, itself or by another ASP of its application server.
    Traffic,
}

/// A destination and its ways.
#[derive(Debug)]
struct Point {
    point_code: PointCode,
    sharing: Sharing,
    ways: Vec<Way>,
    /// Dialogues asked for while it was congested.
    asked: u32,
}

/// All destinations, by point code, as one worker knows them.
#[derive(Debug)]
pub(super) struct Ways {
    points: Vec<Point>,
    /// The signalling gateway of each association.
    gateways: Vec<u16>,
    /// Of each association, whether it carries traffic.
    carries: Vec<Carries>,
    /// Whether something of this worker's own ways has changed that the others don't know yet.
    changed: bool,
    /// When the first congestion ends of itself.
    first_end: Time,
}

impl Ways {
    /// A gateway says SCON again while messages go on to what is congested (RFC 4666 3.4.4): silent for so long, it is over.
    const CONGESTION_LIFE: Duration = Duration::from_secs(10);

    pub(super) fn new(worker: WorkerId, destinations: Vec<Destination>, setups: &[AssociationSetup]) -> Self {
        let way = |association: u16| Way {
            association,
            is_own: setups.get(usize::from(association)).is_some_and(|setup| setup.owner == worker),
            state: None,
            waits: false,
            congested_until: Time::NEVER,
        };
        let mut points: Vec<Point> = destinations
            .into_iter()
            .map(|to| Point {
                point_code: to.point_code,
                sharing: to.sharing,
                ways: to.associations.into_iter().take(Destination::MAX_WAYS).map(way).collect(),
                asked: 0,
            })
            .collect();
        points.sort_by_key(|point| point.point_code.0);
        // Who names no gateway is alone behind his own.
        let gateway = |(at, setup): (usize, &AssociationSetup)| {
            let same = |other: &AssociationSetup| setup.gateway.is_some() && other.gateway == setup.gateway;
            setups.iter().position(same).unwrap_or(at) as u16
        };
        Self {
            points,
            gateways: setups.iter().enumerate().map(gateway).collect(),
            carries: vec![Carries::Nothing; setups.len()],
            changed: false,
            first_end: Time::NEVER,
        }
    }

    fn point(&self, to: PointCode) -> Option<&Point> {
        let at = self.points.binary_search_by_key(&to.0, |point| point.point_code.0).ok()?;
        self.points.get(at)
    }

    fn gateway(&self, association: u16) -> Option<u16> {
        self.gateways.get(usize::from(association)).copied()
    }

    /// Whether an association carries traffic.
    pub(super) fn is_active(&self, association: u16) -> bool {
        self.carries.get(usize::from(association)).is_some_and(|carries| *carries == Carries::Traffic)
    }

    /// Whether what goes this way to a destination waits for its application server.
    pub(super) fn waits(&self, to: PointCode, association: u16) -> bool {
        let ways = self.point(to).map_or(&[][..], |point| &point.ways);
        ways.iter().any(|way| way.association == association && way.waits)
    }

    /// An association of this worker carries traffic, or does no more. What its gateway said before is still true as long
    /// as another association to it has been there all the time (RFC 4666 4.5.1).
    pub(super) fn set_carries(&mut self, association: u16, carries: Carries) {
        let Some(known) = self.carries.get_mut(usize::from(association)) else { return };
        let was = core::mem::replace(known, carries);
        if was == carries {
            return;
        }
        if was != Carries::Nothing && carries != Carries::Nothing {
            let ways = self.points.iter_mut().flat_map(|point| &mut point.ways);
            for way in ways.filter(|way| way.association == association) {
                way.waits = carries == Carries::Later;
            }
            return;
        }
        self.changed = true;
        let gateway = self.gateway(association);
        let gateways = &self.gateways;
        let is_same = |other: &Way| gateways.get(usize::from(other.association)).copied() == gateway;
        for point in &mut self.points {
            let said = point.ways.iter().find(|way| way.state.is_some() && is_same(way)).copied();
            for way in point.ways.iter_mut().filter(|way| way.association == association) {
                let state = said.and_then(|said| said.state).unwrap_or_default();
                way.state = (carries != Carries::Nothing).then_some(state);
                way.waits = carries == Carries::Later;
                way.congested_until = said.map_or(Time::NEVER, |said| said.congested_until);
            }
        }
    }

    /// The signalling gateway behind an association of this worker has said something of the destinations that
    /// `point_code` and its `mask` low wild bits name: it holds for all associations to that gateway.
    pub(super) fn hear(
        &mut self,
        now: Time,
        association: u16,
        (point_code, mask): (PointCode, u8),
        change: Change,
    ) {
        let gateway = self.gateway(association);
        let gateways = &self.gateways;
        let covered = |point: &&mut Point| (point.point_code.0 ^ point_code.0) >> mask.min(24) == 0;
        for point in self.points.iter_mut().filter(covered) {
            let is_same =
                |way: &&mut Way| way.is_own && gateways.get(usize::from(way.association)).copied() == gateway;
            for way in point.ways.iter_mut().filter(is_same) {
                let Some(state) = &mut way.state else { continue };
                state.apply(change);
                if matches!(change, Change::Congestion(_)) {
                    way.congested_until =
                        if state.congestion > 0 { now + Self::CONGESTION_LIFE } else { Time::NEVER };
                    self.first_end = self.first_end.min(way.congested_until);
                }
                self.changed = true;
            }
        }
    }

    /// The SCCP of a destination has answered: no gateway's news of the contrary hold any more.
    pub(super) fn sccp_back(&mut self, to: PointCode) {
        let Ok(at) = self.points.binary_search_by_key(&to.0, |point| point.point_code.0) else { return };
        let ways = self.points.get_mut(at).into_iter().flat_map(|point| &mut point.ways);
        for state in ways.filter(|way| way.is_own).filter_map(|way| way.state.as_mut()) {
            self.changed |= state.no_sccp;
            state.apply(Change::SccpBack);
        }
    }

    /// Another worker tells how one of its associations leads to the destination at a place of the configuration.
    pub(super) fn learn(&mut self, association: u16, to: PointCode, state: Option<Availability>) {
        if let Some(known) = self.carries.get_mut(usize::from(association)) {
            *known = if state.is_some() { Carries::Traffic } else { Carries::Nothing };
        }
        if let Ok(at) = self.points.binary_search_by_key(&to.0, |point| point.point_code.0)
            && let Some(point) = self.points.get_mut(at)
        {
            let its = point.ways.iter_mut().filter(|way| way.association == association && !way.is_own);
            its.for_each(|way| way.state = state);
        }
    }

    /// The ways of this worker's own associations: destination, association, state.
    pub(super) fn own(&self) -> impl Iterator<Item = (PointCode, u16, Option<Availability>)> {
        let own = |way: &&Way| way.is_own;
        self.points.iter().flat_map(move |point| {
            point.ways.iter().filter(own).map(|way| (point.point_code, way.association, way.state))
        })
    }

    /// Whether the others don't know all of [`Self::own`] yet.
    pub(super) const fn has_changed(&self) -> bool {
        self.changed
    }

    /// They have been told.
    pub(super) const fn told(&mut self) {
        self.changed = false;
    }

    /// The way for a message: the best that leads there, and of several equally good ones always the same for a selection,
    /// which keeps a dialogue's messages in order. Gives its place among the destination's, of which those whose bit stands
    /// in `tried` are passed over, and its association.
    pub(super) fn choose(&self, to: PointCode, selection: u8, tried: u16) -> Option<(u8, u16)> {
        let point = self.point(to)?;
        let open = |(place, way): &(usize, &Way)| way.is_usable() && tried & 1 << place == 0;
        let open = point.ways.iter().enumerate().filter(open);
        let of = |(place, way): (usize, &Way)| (place as u8, way.association);
        if point.sharing == Sharing::Primary {
            return open.min_by_key(|(place, way)| (way.rank(), *place)).map(of);
        }
        let rank = |way: &Way| (way.rank(), !way.is_own);
        let best = open.clone().map(|(_, way)| rank(way)).min()?;
        let equal = open.filter(|(_, way)| rank(way) == best);
        let count = equal.clone().count();
        equal.into_iter().nth(usize::from(selection) % count.max(1)).map(of)
    }

    /// The bit of the way to `to` by `association`, in a mask of ways that were tried.
    pub(super) fn bit(&self, to: PointCode, association: u16) -> u16 {
        let place =
            self.point(to).and_then(|to| to.ways.iter().position(|way| way.association == association));
        place.map_or(0, |place| 1 << place)
    }

    /// Whether any way leads to a destination; `None` if it is none.
    pub(super) fn reaches(&self, to: PointCode) -> Option<bool> {
        Some(self.point(to)?.ways.iter().any(Way::is_usable))
    }

    /// The destinations, and whether any way leads there.
    pub(super) fn reached(&self) -> impl Iterator<Item = (PointCode, bool)> {
        self.points.iter().map(|point| (point.point_code, point.ways.iter().any(Way::is_usable)))
    }

    /// Whether a new dialogue may begin there: of a destination that is congested at level n on every way, one in 2ⁿ is
    /// (as Q.714 has SCCP limit its traffic).
    pub(super) fn admits(&mut self, to: PointCode) -> bool {
        let Ok(at) = self.points.binary_search_by_key(&to.0, |point| point.point_code.0) else { return true };
        let Some(point) = self.points.get_mut(at) else { return true };
        let usable = point.ways.iter().filter(|way| way.is_usable());
        match usable.map(Way::congestion).min() {
            None | Some(0) => true,
            Some(level) => {
                point.asked = point.asked.wrapping_add(1);
                point.asked & ((1 << level.min(3)) - 1) == 0
            }
        }
    }

    /// What is known of a destination by its best way; `None`: no association that leads there carries traffic.
    pub(super) fn state(&self, to: PointCode) -> Option<Availability> {
        let ways = self.point(to)?.ways.iter();
        ways.filter(|way| way.state.is_some())
            .min_by_key(|way| (!way.is_usable(), way.rank()))
            .and_then(|way| way.state)
    }

    /// Ends congestion that nobody mentions any more.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        if now < self.first_end {
            return;
        }
        self.first_end = Time::NEVER;
        for way in self.points.iter_mut().flat_map(|point| &mut point.ways) {
            if way.congested_until <= now {
                way.congested_until = Time::NEVER;
                if let Some(state) = &mut way.state {
                    state.congestion = 0;
                    self.changed = true;
                }
            }
            self.first_end = self.first_end.min(way.congested_until);
        }
    }

    /// When [`Self::handle_timeout`] has something to do, or earlier.
    pub(super) const fn poll_timeout(&self) -> Time {
        self.first_end
    }
}
