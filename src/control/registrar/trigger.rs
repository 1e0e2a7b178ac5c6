//! What makes a subscriber of an S-CSCF reachable, and what ends that: REGISTERs, or what NOTIFYs show of his contacts (TS
//! 24.341 5.3.3.2).
//!
//! Where NOTIFYs are the trigger, a third-party REGISTER is answered and held: the HLR hears of the subscriber when a contact
//! is registered that takes short messages, and no longer when the last such contact has gone. Where REGISTERs are, NOTIFYs may
//! be watched beside them: when the last contact has gone, so has the subscriber.

use super::bindings::speaks_of_request;
use super::join::Joining;
use super::reg_event::{Event, Limits, Path, Watched};
use super::{Known, Registrar, Waiter};
use crate::base::Time;
use crate::control::config::{Config, R1Trigger, RegEvent};
use crate::gateway::mailbox::{Notified, RegisterRequest, Registrant, ToWorker, Version};
use crate::ident::Identity;
use crate::subscriber::{AccessKind, Subscriber, SubscriberId};
use ahash::AHashMap;
use std::collections::BTreeMap;
use std::time::Duration;

/// Seconds that are asked of a subscription (PROTOCOLS 1.2): longer than registrations are.
const EXPIRES: u32 = 600_000;

/// Sizes and times of the subscriptions.
pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        most: config.capacity.subscribers as usize,
        per_second: config.timers.reg_event_per_second,
        expires: EXPIRES,
    }
}

/// Somebody whom an S-CSCF has registered, and whose registration state is watched.
struct Held {
    request: RegisterRequest,
    known: Known,
    /// Until when, unless a binding lives longer.
    until: Time,
    number: u64,
}

/// Everybody whose registration state is watched.
#[derive(Default)]
pub(super) struct Holding {
    held: AHashMap<Watched, Held>,
    ends: BTreeMap<(Time, u64), Watched>,
    next: u64,
    /// Who has come, gone or changed since this was emptied.
    pub(super) changed: Vec<Watched>,
}

impl Holding {
    fn put(&mut self, watched: Watched, request: RegisterRequest, known: Known, until: Time) {
        self.take(watched);
        self.next += 1;
        let number = self.next;
        self.ends.insert((until, number), watched);
        self.held.insert(watched, Held { request, known, until, number });
        self.changed.push(watched);
    }

    /// The REGISTER by which somebody is watched, and who that is.
    pub(super) fn get(&self, watched: Watched) -> Option<(&RegisterRequest, Known)> {
        self.held.get(&watched).map(|held| (&held.request, held.known))
    }

    fn take(&mut self, watched: Watched) -> Option<Held> {
        let held = self.held.remove(&watched)?;
        self.ends.remove(&(held.until, held.number));
        self.changed.push(watched);
        Some(held)
    }

    fn put_off(&mut self, watched: Watched, until: Time) {
        let Some(held) = self.held.get_mut(&watched) else { return };
        self.ends.remove(&(held.until, held.number));
        held.until = held.until.max(until);
        self.ends.insert((held.until, held.number), watched);
    }

    fn due(&self, now: Time) -> Vec<Watched> {
        self.ends.iter().take_while(|((at, _), _)| *at <= now).map(|(_, watched)| *watched).collect()
    }
}

impl Registrar {
    /// Whether a REGISTER alone leads to nothing.
    pub(super) fn waits_for_notify(&self, network: u16) -> bool {
        let network = self.config.networks.get(usize::from(network));
        network.is_some_and(|network| network.r1_trigger == R1Trigger::RegEvent)
    }

    /// 8.7 step 7 before step 5: the S-CSCF is answered at once, and asked for the user's contacts.
    pub(super) fn hold(&mut self, now: Time, request: RegisterRequest, network: u16, known: Known) {
        let watched = Watched { network, identity: request.public_identity };
        let held = self.holding.held.get(&watched).map(|held| self.version(&held.request));
        let is_old = held.is_some_and(|held| held.is_newer_than(&request));
        if is_old || self.is_stale(now, known, network, &request) {
            self.counts.refused_stale += 1;
            return self.answer(now, &request, 500, &[]);
        }
        if !self.keep(now, watched, &request, known) {
            return self.answer(now, &request, 503, &[]);
        }
        self.counts.held += 1;
        let granted = self.granted(&request);
        let contact = request.contact.map(|contact| (contact, granted));
        self.answer(now, &request, 200, contact.as_slice());
        if self.reg_event.presence(watched).takes_messages {
            self.join_held(now, watched);
        }
    }

    /// A registration has been stored, and its state is watched beside it where that is configured.
    pub(super) fn watch_joined(&mut self, now: Time, joining: &Joining) {
        let Joining { request, network, known, is_answered, .. } = joining;
        let watches = self.config.networks.get(usize::from(*network)).map(|network| network.reg_event);
        let is_ims = matches!(request.registrant, Registrant::Scscf { .. });
        if is_ims && !is_answered && watches == Some(RegEvent::Watch) {
            let watched = Watched { network: *network, identity: request.public_identity };
            // Without room the registration stands all the same.
            self.keep(now, watched, request, *known);
        }
    }

    fn keep(&mut self, now: Time, watched: Watched, request: &RegisterRequest, known: Known) -> bool {
        if !self.reg_event.watch(now, watched, path_of(request)) {
            return false;
        }
        let mut request = request.clone();
        // What it told is in `known`.
        if let Registrant::Scscf { service_info, .. } = &mut request.registrant {
            service_info.clear();
        }
        let until = now + Duration::from_secs(self.granted(&request).into());
        self.holding.put(watched, request, known, until);
        true
    }

    /// A life before this one has watched somebody's registration state: his S-CSCF is asked anew, and until it answers he is
    /// believed to be as he was.
    pub(super) fn watch_again(
        &mut self,
        now: Time,
        watched: Watched,
        request: RegisterRequest,
        known: Known,
    ) -> bool {
        let was_there = self.binding_of(watched).is_some();
        let is_watched = self.reg_event.watch_again(now, watched, path_of(&request), was_there);
        if is_watched {
            let until = now + Duration::from_secs(self.granted(&request).into());
            self.holding.put(watched, request, known, until);
            self.holding.changed.pop();
        }
        is_watched
    }

    fn version(&self, request: &RegisterRequest) -> Version {
        let registration = self.name_of(request);
        Version { registration, call: request.call, sequence: request.sequence }
    }

    /// 8.7 step 5, once a contact takes short messages.
    fn join_held(&mut self, now: Time, watched: Watched) {
        let Some(held) = self.holding.held.get(&watched).filter(|held| held.until > now) else { return };
        let (request, known) = (held.request.clone(), held.known);
        let expires_s = u32::try_from(held.until.since(now).as_secs()).unwrap_or(u32::MAX);
        let version = self.version(&request);
        let present = self.binding_of(watched).and_then(|(id, at)| {
            let subscriber = self.writer.get(id)?;
            let binding = subscriber.record().binding(at)?;
            Some(Version { sequence: subscriber.sequence(at), ..Version::of(&binding) })
        });
        let is_there = present.is_some_and(|present| {
            present.registration == version.registration
                && present.call == version.call
                && present.sequence >= version.sequence
        });
        if !is_there {
            let network = watched.network;
            self.join_as(now, Joining { request, network, known, expires_s, is_answered: true });
        }
    }

    /// The S-CSCF's binding of whom is watched.
    fn binding_of(&self, watched: Watched) -> Option<(SubscriberId, usize)> {
        let subscriber = self.writer.by_identity(watched.identity.as_bytes())?;
        let mut bindings = subscriber.record().bindings();
        let at = bindings.position(|it| it.access == AccessKind::Ims && it.network == watched.network)?;
        Some((subscriber.id(), at))
    }

    /// TS 24.341 5.3.3.2: an S-CSCF tells of somebody's contacts. It is answered, and then the HLR hears of it.
    pub(super) fn on_notified(&mut self, now: Time, notified: &Notified) {
        let status = self.reg_event.notified(now, notified);
        self.out.push((notified.worker, ToWorker::NotifyDone { reply_to: notified.reply_to, status }));
    }

    /// What is known of somebody's contacts has changed.
    pub(super) fn on_presence(&mut self, now: Time, event: Event) {
        let Event { watched, before, now: present } = event;
        let Some(network) = self.config.networks.get(usize::from(watched.network)) else { return };
        let (was, is) = match network.r1_trigger {
            R1Trigger::RegEvent => (before.takes_messages, present.takes_messages),
            R1Trigger::Register => (before.is_active, present.is_active),
        };
        match (network.r1_trigger, was, is) {
            (_, false, true) => self.join_held(now, watched),
            (_, true, false) => self.leave_by_notify(now, watched),
            _ => {}
        }
    }

    /// 8.8.2: the last contact has gone. The subscriber is absent from this moment on, and the HLR hears of it at once. The
    /// REGISTER stays held: a contact may come back while it lives.
    fn leave_by_notify(&mut self, now: Time, watched: Watched) {
        let known = self.holding.held.get(&watched).map(|held| held.known);
        let party = known.and_then(|known| self.party(watched.network, known.imsi));
        if let Some(party) = party {
            let is_its = |waiter: &Waiter| match waiter {
                Waiter::Join(joining) => joining.request.public_identity == watched.identity,
                _ => false,
            };
            self.withdraw_those(now, party, is_its);
        }
        let Some((id, at)) = self.binding_of(watched) else { return };
        self.counts.deregistered_by_notify += 1;
        tracing::info!(identity = ?watched.identity, "de-registered: its last contact has gone");
        if let Some(subscriber) = self.writer.get(id) {
            self.holding.put_off(watched, end_of(&subscriber, at, watched));
        }
        if !self.leave_apart(now, id, watched.network, &watched.identity) {
            self.end(now, id, at, None);
        }
    }

    /// An S-CSCF has ended a registration: what that S-CSCF registered is not watched any more.
    pub(super) fn unwatch_left(
        &mut self,
        now: Time,
        network: u16,
        request: &RegisterRequest,
        identities: &[Identity],
    ) {
        let is_its = |identity: &Identity| {
            let held = self.holding.held.get(&Watched { network, identity: *identity });
            held.is_some_and(|held| speaks_of_request(request, &held.request))
        };
        let left: Vec<_> = identities.iter().copied().filter(is_its).collect();
        self.unwatch(now, network, &left);
    }

    /// Somebody's registration has ended: nothing of his is watched any more.
    pub(super) fn unwatch(&mut self, now: Time, network: u16, identities: &[Identity]) {
        for &identity in identities {
            let watched = Watched { network, identity };
            if self.holding.take(watched).is_some() {
                self.reg_event.stop(now, watched);
            }
        }
    }

    /// Whose time has passed, and who has no binding that lives longer, is not watched any more.
    pub(super) fn sweep_held(&mut self, now: Time) {
        for watched in self.holding.due(now) {
            let subscriber = self.binding_of(watched).and_then(|(id, at)| Some((self.writer.get(id)?, at)));
            let ends = subscriber.map(|(it, at)| end_of(&it, at, watched)).filter(|ends| *ends > now);
            match ends {
                Some(ends) => self.holding.put_off(watched, ends),
                None => self.unwatch(now, watched.network, &[watched.identity]),
            }
        }
    }
}

/// How the S-CSCF is reached that has sent a REGISTER.
fn path_of(request: &RegisterRequest) -> Path {
    Path {
        worker: request.worker,
        local: request.local,
        remote: request.remote,
        route: request.contact.unwrap_or(request.public_identity),
    }
}

/// When the registration of whom is watched ends: his own, or that of the binding which he shares with nobody.
fn end_of(subscriber: &Subscriber<'_>, binding: usize, watched: Watched) -> Time {
    subscriber.record().end_of(&watched.identity).unwrap_or_else(|| subscriber.expiry(binding))
}
