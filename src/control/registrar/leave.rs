//! De-registration by who registered: an S-CSCF or a UE (8.2.1, 8.8).

use super::identities::associated;
use super::r1::{Party, Settled};
use super::{R1Order, Registrar, Waiter, bindings};
use crate::base::Time;
use crate::gateway::mailbox::{RegisterRequest, Registrant, Version};
use crate::ident::{Identity, Imsi};
use crate::subscriber::{AccessKind, Binding, SubscriberId};

/// A de-registration of bindings that are there.
#[derive(Debug)]
pub(super) struct Leaving {
    request: RegisterRequest,
    subscriber: SubscriberId,
    /// Each with its expiry as it was: another by the time of the HLR's answer is a refresh's.
    bindings: Vec<(Version, Time)>,
}

impl Registrar {
    /// 8.2.1 step 1, 8.8 step 4: bindings are to end. Steps 2 and 5: the HLR is told if no other binding is left.
    pub(super) fn on_deregister(
        &mut self,
        now: Time,
        request: RegisterRequest,
        network: u16,
        imsi: Option<Imsi>,
    ) {
        if self.refuses_to_end(now) {
            return self.answer(now, &request, 503, &[]);
        }
        if self.ended.is_after(now, imsi, self.name_of(&request), &request) {
            self.counts.refused_stale += 1;
            return self.answer(now, &request, 500, &[]);
        }
        let Some((subscriber, leaving)) = self.leaving(&request) else {
            self.withdraw(now, &request, network, imsi);
            self.counts.deregistered_unknown += 1;
            return self.answer(now, &request, 200, &[]);
        };
        if leaving.iter().any(|(version, _)| version.is_newer_than(&request)) {
            self.counts.refused_stale += 1;
            return self.answer(now, &request, 500, &[]);
        }
        self.withdraw(now, &request, network, imsi);
        if self.leave_apart(now, subscriber, network, &request.public_identity) {
            return self.answer(now, &request, 200, &[]);
        }
        let names: Vec<u64> = leaving.iter().map(|(version, _)| version.registration).collect();
        let party = self.last_of(now, subscriber, &names);
        let network = self.network_of(subscriber).unwrap_or(0);
        let leaving = Box::new(Leaving { request, subscriber, bindings: leaving });
        match (party, self.order(network)) {
            (Some(party), R1Order::Before200) => {
                if let Some(Waiter::Leave(leaving)) =
                    self.r1.wish(now, party, false, Some(Waiter::Leave(leaving)))
                {
                    self.on_left(now, &leaving);
                }
            }
            _ => self.on_left(now, &leaving),
        }
    }

    /// Older registrations that wait for the HLR are not wanted any more, and those that arrive after this neither.
    fn withdraw(&mut self, now: Time, request: &RegisterRequest, network: u16, imsi: Option<Imsi>) {
        let name = self.name_of(request);
        self.ended.add(now, imsi, name, request);
        let set = self.set_of(request);
        if matches!(request.registrant, Registrant::Scscf { .. }) {
            self.unwatch_left(now, network, request, set.as_deref().unwrap_or(&[request.public_identity]));
        }
        let Some(party) = self.party(network, imsi) else { return };
        let all = matches!(&request.registrant, Registrant::Ue(ue) if ue.wildcard);
        let names = &self.names;
        let older = |waiter: &Waiter| match waiter {
            Waiter::Join(joining) => {
                let other = &joining.request;
                let direct = matches!(other.registrant, Registrant::Ue(_));
                let newer = other.call == request.call && other.sequence > request.sequence;
                let apart = !direct && !is_of_set(other, request, set.as_deref());
                let is_it =
                    bindings::name_of(names, other) == name && bindings::speaks_of_request(request, other);
                (is_it || all && direct) && !newer && !apart
            }
            _ => false,
        };
        let withdrawn = self.r1.withdraw(party, older);
        self.superseded(now, party, withdrawn);
    }

    /// Registrations that wait for the HLR, and that something else has overtaken.
    pub(super) fn withdraw_those(&mut self, now: Time, party: Party, is_it: impl Fn(&Waiter) -> bool) {
        let withdrawn = self.r1.withdraw(party, is_it);
        self.superseded(now, party, withdrawn);
    }

    fn superseded(&mut self, now: Time, party: Party, withdrawn: Vec<Waiter>) {
        for waiter in withdrawn {
            if let Waiter::Join(joining) = waiter {
                self.on_joined(now, *joining, Settled::Superseded);
            }
        }
        self.tell_hlr(now, party);
    }

    /// The identities that leave with the one that an S-CSCF's REGISTER is about: those of its set, or all where nothing
    /// registered apart. None if the subscriber isn't there.
    fn set_of(&self, request: &RegisterRequest) -> Option<Vec<Identity>> {
        let subscriber = self.writer.by_identity(request.public_identity.as_bytes())?;
        let record = subscriber.record();
        let set = record.set_of(&request.public_identity)?;
        let is_apart = record.without_set(set).is_some();
        let its = record.in_their_sets().filter(|(_, it)| !is_apart || *it == set);
        Some(its.map(|(identity, _)| identity).collect())
    }

    /// One identity of several that registered apart leaves, with its set: the others' binding stays. Whether it was so.
    pub(super) fn leave_apart(
        &mut self,
        now: Time,
        id: SubscriberId,
        network: u16,
        identity: &Identity,
    ) -> bool {
        let Some(subscriber) = self.writer.get(id) else { return false };
        let record = subscriber.record();
        let is_its = |it: &Binding| it.access == AccessKind::Ims && it.network == network;
        let registered = subscriber.registered(now).any(|(_, binding)| is_its(&binding));
        let Some(set) = record.set_of(identity).filter(|_| registered) else { return false };
        let left = self.leave_set(id, set);
        self.counts.deregistered_identity += u64::from(left);
        left
    }

    /// A set leaves, and the S-CSCF's binding lives on for as long as those that stay have left. False if none would stay.
    fn leave_set(&mut self, id: SubscriberId, set: u8) -> bool {
        let Some(subscriber) = self.writer.get(id) else { return false };
        let record = subscriber.record();
        let Some(rest) = record.without_set(set) else { return false };
        let last = record.ends().iter().filter(|(it, _)| *it != set).map(|(_, end)| *end).max();
        let expiries: Vec<_> =
            record.bindings().map(|binding| last.filter(|_| binding.access == AccessKind::Ims)).collect();
        self.writer.amend(id, &rest, &expiries).is_ok()
    }

    /// Identities whose own time has passed, while others of the subscriber live on.
    pub(super) fn sweep_sets(&mut self, now: Time, id: SubscriberId) {
        let ended = |registrar: &Self| {
            let subscriber = registrar.writer.get(id)?;
            let ends = subscriber.record().ends();
            let (set, _) = ends.iter().find(|(_, end)| *end <= now)?;
            ends.iter().any(|(_, end)| *end > now).then_some(*set)
        };
        while let Some(set) = ended(self)
            && self.leave_set(id, set)
        {
            self.counts.expired_identities += 1;
            tracing::info!(?id, "identities that registered apart have expired");
        }
    }

    /// The HLR shall know what the table says, or will say when the HLR has answered.
    pub(super) fn tell_hlr(&mut self, now: Time, party: Party) {
        let registered = self.is_registered(now, party) || self.r1.is_registering(party);
        self.r1.wish(now, party, registered, None);
    }

    /// 8.2.1 steps 4 and 5, 8.8 steps 6 and 7: the mapping is deleted and the answer given, unless a newer registration
    /// has come meanwhile, or a refresh: then the HLR, which knows him to be gone, is told again.
    pub(super) fn on_left(&mut self, now: Time, leaving: &Leaving) {
        let network = self.network_of(leaving.subscriber);
        let imsi = self.writer.get(leaving.subscriber).and_then(|it| it.record().imsi());
        for binding in &leaving.bindings {
            if self.remove_named(leaving.subscriber, *binding, &leaving.request) {
                self.counts.deregistered += 1;
                tracing::debug!(identity = ?leaving.request.public_identity, "de-registered");
            }
        }
        if let Some(party) = network.and_then(|network| self.party(network, imsi)) {
            self.tell_hlr(now, party);
        }
        let contacts = self.direct_contacts(now, leaving.subscriber);
        self.answer(now, &leaving.request, 200, &contacts);
    }
}

/// Whether an S-CSCF's waiting REGISTER is for an identity that leaves with the one of another: the same, or one of its
/// set, as either of them or the table says.
fn is_of_set(other: &RegisterRequest, leaving: &RegisterRequest, set: Option<&[Identity]>) -> bool {
    let (one, two) = (&other.public_identity, &leaving.public_identity);
    one == two
        || associated(other).contains(two)
        || associated(leaving).contains(one)
        || set.is_some_and(|set| set.contains(one))
}
