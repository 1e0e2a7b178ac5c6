//! A signalling gateway that is a signalling transfer point too: what its ASPs say to each other is passed on by point code,
//! or by title if it was sent to the gateway itself, and they are told which destinations it reaches (RFC 4666 4.5.1).

use crate::base::Time;
use crate::codec::Prepend;
use crate::proto::m3ua::{Affected, Change, Reach};
use crate::proto::sccp::{Cause, Relayed};

use super::management::Known;
use super::transport::{PPID_M3UA, Transport};
use super::{Refusal, Ss7};
use crate::stack::{Direction, Label, Outside};

impl Transport {
    /// Passes on what is for other points from now on. Who asks before they are reached hears that they are not.
    pub fn become_gateway(&mut self) {
        for (destination, _) in self.ways.reached().filter(|(_, reached)| !reached) {
            for (at, link) in self.links.iter_mut().enumerate() {
                if let Some(link) = link
                    && self.ways.bit(destination, at as u16) == 0
                {
                    // Nobody is active yet who would be told.
                    link.asp.report(destination, 0, Change::Reach(Reach::Unavailable), &mut |_, _| ());
                }
            }
        }
        self.gateway = Some(self.ways.reached().map(|(_, reached)| reached).collect());
    }

    /// A message that came by one association, for another point.
    pub(in crate::stack) fn relay(
        &mut self,
        now: Time,
        label: &Label,
        message: &[u8],
        outside: &mut dyn Outside,
    ) {
        let back = self.ways.bit(label.destination, label.association);
        let on = Label { direction: Direction::Out, tried: back, ..*label };
        if self.send_by_best(on, message, outside).is_ok() {
            self.counts.relayed += 1;
            return;
        }
        self.counts.relay_refused += 1;
        // Who sends there has not heard that it is unavailable, or nobody knows of such a destination.
        if self.ways.choose(label.destination, label.selection, 0).is_none() {
            self.report(now, label.association, label, Reach::Unavailable);
        }
    }

    fn report(&mut self, now: Time, association: u16, of: &Label, reach: Reach) {
        let Some(Some(link)) = self.links.get_mut(usize::from(association)) else { return };
        let (endpoint, local) = (&mut self.endpoint, link.local);
        let mut send = |stream: u16, message: &[u8]| {
            let _ = endpoint.send(now, local, stream, PPID_M3UA, message);
        };
        link.asp.report(of.destination, 0, Change::Reach(reach), &mut send);
    }

    /// What one ASP says of congestion at the points behind it is told to the others (RFC 4666 3.4.4): all else that it may
    /// say is seen in what its associations do.
    pub(super) fn pass_news_on(&mut self, now: Time, from: u16, affected: Affected<'_>, change: Change) {
        if self.gateway.is_none() || !matches!(change, Change::Congestion(_)) {
            return;
        }
        let others = self.links.iter_mut().enumerate().filter(|(at, _)| *at != usize::from(from));
        for link in others.filter_map(|(_, link)| link.as_mut()) {
            let (endpoint, local) = (&mut self.endpoint, link.local);
            let mut send = |stream: u16, message: &[u8]| {
                let _ = endpoint.send(now, local, stream, PPID_M3UA, message);
            };
            for (point_code, mask) in affected {
                link.asp.report(point_code, mask, change, &mut send);
            }
        }
    }

    /// Tells the ASPs which destinations have become available or unavailable, but for those that lead there.
    pub(super) fn tell_asps(&mut self, now: Time) {
        let Some(mut told) = self.gateway.take() else { return };
        for (known, (destination, reached)) in told.iter_mut().zip(self.ways.reached()) {
            if core::mem::replace(known, reached) == reached {
                continue;
            }
            let reach = if reached { Reach::Available } else { Reach::Unavailable };
            for (at, link) in self.links.iter_mut().enumerate() {
                let Some(link) = link else { continue };
                if self.ways.bit(destination, at as u16) != 0 {
                    continue;
                }
                let (endpoint, local) = (&mut self.endpoint, link.local);
                let mut send = |stream: u16, message: &[u8]| {
                    let _ = endpoint.send(now, local, stream, PPID_M3UA, message);
                };
                link.asp.report(destination, 0, Change::Reach(reach), &mut send);
            }
        }
        self.gateway = Some(told);
    }
}

impl Ss7 {
    /// Translates the title of a message to the gateway itself that leads to another point, and passes it on; whether it was
    /// one.
    pub(super) fn translate(
        &mut self,
        now: Time,
        label: &Label,
        message: &[u8],
        outside: &mut dyn Outside,
    ) -> bool {
        let Self { room, sccp, transport, subsystems, .. } = self;
        let mut w = Prepend::new(room);
        let states = Known { transport: &*transport, subsystems };
        let relayed = sccp.relay(now, label.originating, label.selection, message, &states, &mut w);
        match relayed {
            Relayed::NotForOthers => return false,
            Relayed::Nothing => {}
            Relayed::On(to) => {
                let Err(refusal) = transport.send(&mut w, to, label.selection, outside) else { return true };
                transport.counts.relay_refused += 1;
                w.clear();
                let cause = match refusal {
                    Refusal::NoRoute => Cause::MTP_FAILURE,
                    Refusal::Full => Cause::NETWORK_CONGESTION,
                    Refusal::TooLong => Cause::LOCAL_PROCESSING,
                };
                if let Some(back) = sccp.return_relayed(now, label.originating, message, cause, &mut w) {
                    let _ = transport.send(&mut w, back, label.selection, outside);
                }
            }
            Relayed::Back(to) => {
                let _ = transport.send(&mut w, to, label.selection, outside);
            }
        }
        true
    }
}
