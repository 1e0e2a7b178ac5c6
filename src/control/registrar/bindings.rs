//! From a registration to a record of the subscriber table: which bindings and identities it has then, and in which
//! order they are tried (G-6).

use super::identities::{associated, identities, wildcards};
use super::{Joining, Registrar};
use crate::base::{SipKey, Time};
use crate::control::config::{Access, Network};
use crate::control::subscribers::Known;
use crate::gateway::mailbox::{Flow, RegisterOutcome, RegisterRequest, Registrant, ToWorker, Version};
use crate::ident::{Identity, Msisdn, Wildcard, WorkerId};
use crate::subscriber::{AccessKind, Binding, Published, Record, Refused, Subscriber, SubscriberId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The most wildcarded identities that are known at a time: each costs a look where nobody is known otherwise.
pub(super) const WILDCARDS: usize = 64;
/// Ranks of accesses are this far apart, so that q-values, in hundredths, decide within one.
const RANK: u8 = 101;

impl Registrar {
    /// Stores the mapping (8.1 step 6), or says with which status the REGISTER is refused.
    pub(super) fn store(&mut self, now: Time, joining: &Joining) -> Result<(), u16> {
        let Joining { request, network, known, .. } = joining;
        let direct = matches!(request.registrant, Registrant::Ue(_));
        if direct && !self.is_own(*network, *known, &request.public_identity) {
            self.counts.refused_identity += 1;
            tracing::warn!(identity = ?request.public_identity, "registration refused: the identity is not the UE's own");
            return Err(403);
        }
        let served = self.config.clone();
        let served = served.networks.get(usize::from(*network)).ok_or(403u16)?;
        let binding = self.binding(served, joining);
        // One that a NOTIFY brings about may begin again what has ended, but not undo a refresh that came meanwhile.
        let stale = match joining.is_answered {
            true => self.is_overtaken(*known, *network, request),
            false => self.is_stale(now, *known, *network, request),
        };
        if stale {
            self.counts.refused_stale += 1;
            return Err(500);
        }
        let mut ends = now + Duration::from_secs(joining.expires_s.into());
        if direct {
            ends += self.config.timers.guard;
        }
        self.publish(now, *known, *network, request, binding, ends)
    }

    pub(super) fn binding(&self, served: &Network, joining: &Joining) -> Binding {
        let Joining { request, network, known, .. } = joining;
        let access = match request.registrant {
            Registrant::Scscf { .. } => AccessKind::Ims,
            Registrant::Ue(_) => AccessKind::Direct,
        };
        let target = match &request.registrant {
            Registrant::Ue(ue) => ue.target.unwrap_or(request.remote),
            Registrant::Scscf { .. } => request.remote,
        };
        let file = self.subscribers.of(*network);
        let user_order = file.and_then(|file| file.access_order(known.imsi?)).filter(|_| served.user_order);
        let order = user_order.unwrap_or(&served.access_order);
        Binding {
            access,
            priority: priority(order, access, request, served.user_order),
            contact: request.contact.unwrap_or(request.public_identity),
            remote: request.remote,
            target,
            local: request.local,
            connection: request.connection.filter(|_| access == AccessKind::Direct),
            network: *network,
            access_network_info: request.access_network_info,
            fingerprint: request.fingerprint,
            registration: self.name_of(request),
            device: device_of(&self.names, request),
            call: request.call,
            sequence: request.sequence,
        }
    }

    /// What names a binding: the S-CSCF has one for a subscriber; a UE has one for each device, or else contact.
    pub(super) fn name_of(&self, request: &RegisterRequest) -> u64 {
        name_of(&self.names, request)
    }

    /// Whether the same registration has got a newer REGISTER already (RFC 3261 10.3 step 7); a UE's, under whatever
    /// contact, since a new one takes the place of an old one of its Call-ID.
    pub(super) fn is_stale(&self, now: Time, known: Known, network: u16, request: &RegisterRequest) -> bool {
        self.is_overtaken(known, network, request)
            || self.ended.is_after(now, known.imsi, self.name_of(request), request)
    }

    /// Whether there is a binding of a newer one.
    fn is_overtaken(&self, known: Known, network: u16, request: &RegisterRequest) -> bool {
        let name = self.name_of(request);
        let present = self.present(known, &request.public_identity);
        let direct = matches!(request.registrant, Registrant::Ue(_));
        // Flows of one device are renewed apart, whatever Call-ID they have in common (RFC 5626 4.2.1).
        let is_flow = flow_of(request).is_some();
        let same =
            |it: &Binding| it.registration == name || direct && !is_flow && it.access == AccessKind::Direct;
        present.is_some_and(|present| {
            versions(&present)
                .any(|(it, version)| it.network == network && same(&it) && version.is_newer_than(request))
        })
    }

    fn publish(
        &mut self,
        now: Time,
        known: Known,
        network: u16,
        request: &RegisterRequest,
        binding: Binding,
        ends: Time,
    ) -> Result<(), u16> {
        let keys = self.holders(known, request);
        if keys.iter().any(|&id| self.is_of_another_network(id, network)) {
            self.counts.refused_network += 1;
            let identity = request.public_identity;
            tracing::warn!(
                ?identity,
                "registration refused: a subscriber of another network has one of its keys"
            );
            return Err(403);
        }
        self.leave_flow(now, known, request, &binding);
        self.stop_refreshes(known, request);
        // Each round frees the keys of one other subscriber.
        for _ in 0..=keys.len() {
            let (record, expiries, cut) = self.record(known, request, binding, ends).ok_or(403u16)?;
            match self.writer.register(record, &expiries) {
                Ok(_) => {
                    self.tell_cut(request, cut);
                    self.tell_wildcards(request);
                    return Ok(());
                }
                Err(Refused::Taken(other)) => {
                    self.take_over(now, other);
                    let identity = request.public_identity;
                    tracing::info!(?identity, "registered with a key that another subscriber had");
                }
                Err(Refused::Full) => break,
            }
        }
        self.counts.refused_full += 1;
        tracing::warn!("registration refused: the subscriber table is full");
        Err(503)
    }

    /// Wildcarded identities that workers don't know yet.
    fn tell_wildcards(&mut self, request: &RegisterRequest) {
        let mut changed = false;
        for wildcard in wildcards(request) {
            if self.wildcards.contains(wildcard) {
                continue;
            }
            if self.wildcards.len() >= WILDCARDS {
                // Some may have gone with their subscribers.
                let writer = &self.writer;
                self.wildcards.retain(|it| writer.by_identity(it.identity().as_bytes()).is_some());
            }
            if self.wildcards.len() >= WILDCARDS {
                self.counts.wildcards_full += 1;
            } else {
                self.wildcards.push(*wildcard);
                changed = true;
            }
        }
        if changed {
            let all: Arc<[Wildcard]> = self.wildcards.as_slice().into();
            for worker in 0..self.workers {
                self.out.push((WorkerId(worker), ToWorker::Wildcards(all.clone())));
            }
        }
    }

    fn tell_cut(&mut self, request: &RegisterRequest, cut: usize) {
        if cut > 0 {
            self.counts.identities_cut += cut as u64;
            let (identity, most) = (request.public_identity, Record::IDENTITIES);
            tracing::warn!(?identity, cut, most, "registered with more identities than are kept");
        }
    }

    /// Another subscriber's number or identity is this one's now: he goes, and the HLR is told.
    fn take_over(&mut self, now: Time, other: SubscriberId) {
        let Some(subscriber) = self.writer.get(other) else { return };
        let network = subscriber.record().binding(0).map(|binding| binding.network);
        let party = network.and_then(|network| self.party(network, subscriber.record().imsi()));
        self.writer.deregister(other);
        self.counts.taken_over += 1;
        if let Some(party) = party {
            self.r1.wish(now, party, false, None);
        }
    }

    /// Behind a NAT an address and port can become another UE's: who had them before can't be reached there any more.
    fn leave_flow(&mut self, now: Time, known: Known, request: &RegisterRequest, binding: &Binding) {
        if binding.access != AccessKind::Direct {
            return;
        }
        let present = self.present(known, &request.public_identity).map(|present| present.id());
        if let Some(other) = self.writer.by_address(binding.remote)
            && Some(other.id()) != present
            && let Some(at) = other.record().binding_from(binding.remote)
        {
            let id = other.id();
            self.end(now, id, at, None);
        }
    }

    /// Everybody in the table who has one of the keys.
    fn holders(&self, known: Known, request: &RegisterRequest) -> Vec<SubscriberId> {
        let table = &self.writer;
        let by_imsi = known.imsi.and_then(|imsi| table.by_imsi(imsi));
        let by_msisdn = known.msisdn.and_then(|msisdn| table.by_msisdn(msisdn));
        let identities = identities(known, request);
        let by_identity = identities.iter().filter_map(|identity| table.by_identity(identity.as_bytes()));
        by_imsi.into_iter().chain(by_msisdn).chain(by_identity).map(|subscriber| subscriber.id()).collect()
    }

    fn is_of_another_network(&self, id: SubscriberId, network: u16) -> bool {
        let subscriber = self.writer.get(id);
        subscriber.is_some_and(|subscriber| {
            subscriber.record().bindings().any(|binding| binding.network != network)
        })
    }

    /// An identity is about to register apart from those that are there: from now on each has a time of its own, so that
    /// no worker may lengthen the binding's, which is read next.
    fn stop_refreshes(&mut self, known: Known, request: &RegisterRequest) {
        let Some(present) = self.present(known, &request.public_identity) else { return };
        let record = present.record();
        let refreshes = record.bindings().any(|it| it.access == AccessKind::Ims && it.fingerprint != 0);
        let is_apart = record.set_of(&request.public_identity).is_none_or(|set| set == Record::EVERY_SET);
        if !refreshes || !is_apart || matches!(request.registrant, Registrant::Ue(_)) {
            return;
        }
        let bindings: Vec<_> = record.bindings().map(|it| Binding { fingerprint: 0, ..it }).collect();
        if let Some(record) = record.with_bindings(&bindings) {
            // Where there is no room the registration itself is refused.
            let _ = self.writer.amend(present.id(), &record, &[]);
        }
    }

    /// The subscriber's new record: other bindings are kept, and identities too that registered apart. How many identities
    /// there is no room for.
    pub(super) fn record(
        &self,
        known: Known,
        request: &RegisterRequest,
        binding: Binding,
        ends: Time,
    ) -> Option<(Record, Vec<Option<Time>>, usize)> {
        let found = self.present(known, &request.public_identity);
        let present = found.as_ref().map(|present| present.record());
        let mut bindings = vec![(binding, Some(ends))];
        let others = present.into_iter().flat_map(|present| present.bindings());
        let stays = |other: &Binding| !replaces(&binding, other) && !leaves(request, other);
        bindings.extend(others.filter(stays).map(|other| (other, None)));
        // One too many: the UE's oldest goes, and never the S-CSCF's.
        if bindings.len() > Record::BINDINGS {
            let last =
                bindings.iter().rposition(|(it, ends)| ends.is_none() && it.access == AccessKind::Direct)?;
            bindings.remove(last);
        }
        bindings.sort_by_key(|(binding, _)| core::cmp::Reverse(binding.priority));
        let (mut identities, mut sets) = sets_of(known, request, present);
        let cut = identities.len().saturating_sub(Record::IDENTITIES);
        identities.truncate(Record::IDENTITIES);
        sets.truncate(Record::IDENTITIES);
        let set = identities.iter().zip(&sets).find(|(it, _)| **it == request.public_identity);
        let set = set.map(|(_, set)| *set).filter(|_| binding.access == AccessKind::Ims);
        let set_ends = set_ends(&sets, set.map(|set| (set, ends)), found.as_ref());
        if let Some(last) = set_ends.iter().map(|(_, end)| *end).max() {
            let of_sets = bindings.iter_mut().filter(|(it, _)| it.access == AccessKind::Ims);
            for (binding, ends) in of_sets {
                // Each REGISTER is about one set: no worker can tell for how long the others live.
                binding.fingerprint = 0;
                *ends = Some(last);
            }
        }
        let (bindings, expiries): (Vec<_>, Vec<_>) = bindings.into_iter().unzip();
        let private = match &request.registrant {
            Registrant::Scscf { private_identity, .. } => *private_identity,
            Registrant::Ue(_) => None,
        };
        let private = private.or_else(|| present?.private_identity());
        let record = Record::new(known.imsi, known.msisdn, private, &identities, &bindings)?;
        Some((record.in_sets(&sets).until(&set_ends), expiries, cut))
    }

    /// The HLR has said which number a subscriber has, after the registration was answered or because it changed.
    pub(super) fn on_number(&mut self, now: Time, party: super::Party, msisdn: Option<Msisdn>) {
        let Some(subscriber) = self.writer.by_imsi(party.imsi) else { return };
        let record = subscriber.record();
        let Some(msisdn) = msisdn.filter(|&msisdn| record.msisdn() != Some(msisdn)) else { return };
        let old = record.msisdn().and_then(Identity::tel);
        let kept = record.in_their_sets().filter(|(identity, _)| Some(*identity) != old);
        let (mut identities, mut sets): (Vec<_>, Vec<_>) = kept.unzip();
        if let Some(tel) = Identity::tel(msisdn).filter(|tel| !identities.contains(tel)) {
            identities.push(tel);
            sets.push(Record::EVERY_SET);
        }
        identities.truncate(Record::IDENTITIES);
        sets.truncate(Record::IDENTITIES);
        let bindings: Vec<_> = record.bindings().collect();
        let ends = record.ends().to_vec();
        let private = record.private_identity();
        let id = subscriber.id();
        if let Some(record) = Record::new(record.imsi(), Some(msisdn), private, &identities, &bindings)
            && let record = record.in_sets(&sets).until(&ends)
            && let Err(Refused::Taken(other)) = self.writer.amend(id, &record, &[])
        {
            self.take_over(now, other);
            let _ = self.writer.amend(id, &record, &[]);
        }
    }

    /// The subscriber whose bindings a de-registration names, and those bindings, each with its expiry: the S-CSCF's own,
    /// one of the UE's, or with a wildcard all of the UE's.
    pub(super) fn leaving(&self, request: &RegisterRequest) -> Option<(SubscriberId, Vec<(Version, Time)>)> {
        let subscriber = self.writer.by_identity(request.public_identity.as_bytes())?;
        let name = self.name_of(request);
        let ends = |binding: &Binding| match &request.registrant {
            Registrant::Scscf { network, .. } => {
                binding.access == AccessKind::Ims
                    && binding.network == *network
                    && speaks_of(request, binding)
            }
            Registrant::Ue(ue) => {
                let its = binding.registration == name || binding.device == name && name != 0;
                // A flow is its device's whatever address it leads to (RFC 5626 4.2.1).
                let meant = || its && (is_flow(binding) || speaks_of(request, binding));
                binding.access == AccessKind::Direct && (ue.wildcard || meant())
            }
        };
        // The expiry first: a refresh that comes between the two changes one that is known.
        let expiries: Vec<Time> =
            (0..subscriber.record().bindings().len()).map(|at| subscriber.expiry(at)).collect();
        let ending = versions(&subscriber).zip(expiries).filter(|((binding, _), _)| ends(binding));
        let bindings: Vec<_> = ending.map(|((_, version), until)| (version, until)).collect();
        (!bindings.is_empty()).then(|| (subscriber.id(), bindings))
    }

    /// Removes a binding that `request` ends, if it is still as it was, or at least not newer. A worker may have refreshed
    /// it under another Call-ID, or do so at this moment: then it stays.
    pub(super) fn remove_named(
        &mut self,
        id: SubscriberId,
        (version, until): (Version, Time),
        request: &RegisterRequest,
    ) -> bool {
        let ends = |it: Version| {
            let older = it.call == request.call && it.sequence < request.sequence;
            it == version || it.registration == version.registration && older
        };
        let claimed = self.writer.get(id).and_then(|subscriber| {
            let (at, (_, now)) = versions(&subscriber).enumerate().find(|(_, (_, it))| ends(*it))?;
            let until = if now == version { until } else { subscriber.expiry(at) };
            subscriber.extend(at, until, Time::ZERO).then_some(at)
        });
        claimed.inspect(|&at| self.remove(id, at)).is_some()
    }

    /// Removes a binding, and with the last one the subscriber.
    pub(super) fn remove(&mut self, id: SubscriberId, binding: usize) {
        let last = self.writer.get(id).is_some_and(|subscriber| subscriber.record().bindings().len() == 1);
        let _ = if last { self.writer.deregister(id) } else { self.writer.remove_binding(id, binding) };
    }

    /// The contacts that a 200 tells: the S-CSCF its own, a UE all of its subscriber's.
    pub(super) fn contacts(&self, now: Time, joining: &Joining) -> Vec<(Identity, u32)> {
        match joining.request.registrant {
            Registrant::Scscf { .. } => {
                joining.request.contact.map(|contact| (contact, joining.expires_s)).into_iter().collect()
            }
            Registrant::Ue(_) => {
                let found = self.present(joining.known, &joining.request.public_identity);
                found.map(|found| self.direct_contacts(now, found.id())).unwrap_or_default()
            }
        }
    }

    /// The contacts of a subscriber's UEs, with the seconds that they have left; not the time of the guard timer.
    pub(super) fn direct_contacts(&self, now: Time, id: SubscriberId) -> Vec<(Identity, u32)> {
        let Some(subscriber) = self.writer.get(id) else { return vec![] };
        let guard = self.config.timers.guard;
        let direct = subscriber.registered(now).filter(|(_, binding)| binding.access == AccessKind::Direct);
        let left = |at| subscriber.expiry(at).since(now).saturating_sub(guard).as_secs();
        let contacts =
            direct.map(|(at, binding)| (binding.contact, u32::try_from(left(at)).unwrap_or(u32::MAX)));
        contacts.filter(|(_, seconds)| *seconds > 0).collect()
    }

    /// The final answer to a REGISTER.
    pub(super) fn answer(
        &mut self,
        now: Time,
        request: &RegisterRequest,
        status: u16,
        contacts: &[(Identity, u32)],
    ) {
        let mut contacts = contacts.to_vec();
        if let (Registrant::Scscf { .. }, 200, 0, Some(contact)) =
            (&request.registrant, status, request.expires_s, request.contact)
        {
            contacts.push((contact, 0));
        }
        let found = self.writer.by_identity(request.public_identity.as_bytes());
        let own = matches!(request.registrant, Registrant::Ue(_)) && status == 200 && !contacts.is_empty();
        let associated = found.filter(|_| own).map(|found| found.record().identities().collect());
        let flow = flow_of(request).filter(|_| own && request.expires_s > 0).map(|(instance, reg_id)| Flow {
            contact: request.contact.unwrap_or(request.public_identity),
            instance: instance.to_vec(),
            reg_id,
            // What keeps a flow by datagrams open does not pass a thread that could miss it.
            timer: request.connection.and(self.config.sip.streams.flow_timer()),
        });
        self.reply(
            request,
            RegisterOutcome {
                reply_to: request.reply_to,
                status,
                contacts,
                flow,
                challenges: vec![],
                associated: associated.unwrap_or_default(),
                retry_after: None,
                date: (status == 200).then(|| self.date(now)).flatten(),
            },
        );
    }

    pub(super) fn reply(&mut self, request: &RegisterRequest, outcome: RegisterOutcome) {
        match outcome.status {
            200 if self.is_kept() => {
                let awaited = self.awaited_by(request);
                self.settling.answers.push((awaited, request.worker, Box::new(outcome)));
            }
            _ => self.out.push((request.worker, ToWorker::RegisterDone(Box::new(outcome)))),
        }
    }

    fn date(&self, now: Time) -> Option<String> {
        let (then, since_1970) = self.calendar?;
        let moment = std::time::UNIX_EPOCH + Duration::from_secs(since_1970) + now.since(then);
        Some(httpdate::fmt_http_date(moment))
    }
}

/// A subscriber's bindings, each with its version, which a worker's refresh raises.
fn versions<'a>(subscriber: &Subscriber<'a>) -> impl Iterator<Item = (Binding, Version)> + use<'a> {
    let subscriber = *subscriber;
    let bindings = subscriber.record().bindings().enumerate();
    bindings.map(move |(at, it)| (it, Version { sequence: subscriber.sequence(at), ..Version::of(&it) }))
}

/// A subscriber's identities once `request` is registered, and the set of each. A set that is told whole replaces what it
/// was before; what registered apart from it stays, and where nothing is told, everything.
fn sets_of(
    known: Known,
    request: &RegisterRequest,
    present: Option<Published<'_>>,
) -> (Vec<Identity>, Vec<u8>) {
    let before: Vec<(Identity, u8)> = present.map(|it| it.in_their_sets().collect()).unwrap_or_default();
    let is_ims = matches!(request.registrant, Registrant::Scscf { .. });
    let of = |identity: &Identity| before.iter().find(|(it, _)| it == identity).map(|(_, set)| *set);
    let is_free = |set: &u8| before.iter().all(|(_, it)| it != set);
    let its = of(&request.public_identity).filter(|set| *set != Record::EVERY_SET);
    let set = its.or_else(|| (0..Record::EVERY_SET).find(is_free)).unwrap_or(0);
    let number = known.msisdn.and_then(Identity::tel);
    let mut all: Vec<(Identity, u8)> = vec![];
    for identity in identities(known, request) {
        let set = match is_ims {
            _ if Some(identity) == number => Record::EVERY_SET,
            true => set,
            false => of(&identity).unwrap_or(Record::EVERY_SET),
        };
        all.push((identity, set));
    }
    let old_number = present.and_then(|present| Identity::tel(present.msisdn()?));
    let has_ue = present.is_some_and(|it| it.bindings().any(|it| it.access == AccessKind::Direct));
    let is_whole = !associated(request).is_empty();
    for (identity, of) in before {
        let replaced = is_whole && (of == set || of == Record::EVERY_SET && !has_ue);
        if !replaced && Some(identity) != old_number && !all.iter().any(|(it, _)| *it == identity) {
            all.push((identity, of));
        }
    }
    all.into_iter().unzip()
}

/// Until when each set is registered, where there are several: `new`, the one that a REGISTER is about, until its own time,
/// and the others as before. None where there is but one.
fn set_ends(sets: &[u8], new: Option<(u8, Time)>, present: Option<&Subscriber<'_>>) -> Vec<(u8, Time)> {
    let ims = |present: &Subscriber<'_>| {
        let at = present.record().bindings().position(|it| it.access == AccessKind::Ims);
        at.map(|at| present.expiry(at))
    };
    let before = |set: u8| {
        let of_set = present?.record().ends().iter().find(|(it, _)| *it == set).map(|(_, end)| *end);
        of_set.or_else(|| ims(present?))
    };
    let mut all: Vec<(u8, Time)> = vec![];
    for &set in sets.iter().filter(|set| **set != Record::EVERY_SET) {
        if all.iter().all(|(it, _)| *it != set)
            && let Some(end) = new.filter(|(it, _)| *it == set).map(|(_, end)| end).or_else(|| before(set))
        {
            all.push((set, end));
        }
    }
    if all.len() < 2 { vec![] } else { all }
}

/// [`Registrar::name_of`].
pub(super) fn name_of(names: &SipKey, request: &RegisterRequest) -> u64 {
    match &request.registrant {
        Registrant::Scscf { .. } => names.hash(&[b"ims"]),
        Registrant::Ue(ue) if ue.instance.is_empty() => {
            let contact = request.contact.unwrap_or(request.public_identity);
            names.hash(&[b"contact", contact.as_bytes()])
        }
        Registrant::Ue(ue) => match ue.reg_id {
            Some(number) => names.hash(&[b"flow", &ue.instance, &number.to_be_bytes()]),
            None => device_of(names, request),
        },
    }
}

/// What names a UE's device; 0 if nothing does. It is the name of the binding, too, of a device that has one flow alone.
fn device_of(names: &SipKey, request: &RegisterRequest) -> u64 {
    match &request.registrant {
        Registrant::Ue(ue) if !ue.instance.is_empty() => names.hash(&[b"instance", &ue.instance]),
        _ => 0,
    }
}

/// The device and the number of the flow that a UE registers, if it does so as RFC 5626 has it.
fn flow_of(request: &RegisterRequest) -> Option<(&[u8], u32)> {
    match &request.registrant {
        Registrant::Ue(ue) => ue.reg_id.map(|number| (&ue.instance[..], number)),
        Registrant::Scscf { .. } => None,
    }
}

/// Whether a de-registration can mean this binding: an S-CSCF that the subscriber has left ends nothing at the one that
/// serves him now, and a UE's old contact not the new one (RFC 3261 10.3 step 7).
pub(super) fn speaks_of(request: &RegisterRequest, binding: &Binding) -> bool {
    is_same_place(request, Some(binding.contact), binding.remote, binding.call)
}

/// [`speaks_of`] a registration that waits, or is held.
pub(super) fn speaks_of_request(request: &RegisterRequest, other: &RegisterRequest) -> bool {
    is_same_place(request, other.contact, other.remote, other.call)
}

/// One of the three is enough: after a restart an S-CSCF may have another address or another URI, and makes other
/// Call-IDs. What none of them names ends with its expiry.
fn is_same_place(
    request: &RegisterRequest,
    contact: Option<Identity>,
    remote: SocketAddr,
    call: u64,
) -> bool {
    request.contact.is_some() && request.contact == contact
        || request.remote == remote
        || request.call == call
}

/// Whether a new binding takes the place of an old one of the same subscriber.
fn replaces(new: &Binding, old: &Binding) -> bool {
    // Who begins to have several flows, or no longer has, leaves what he had before.
    let same_device = new.device != 0 && new.device == old.device;
    let beside = same_device && is_flow(new) && is_flow(old);
    let same_flow = new.remote == old.remote || !beside && (new.call == old.call || same_device);
    new.registration == old.registration
        || new.access == AccessKind::Direct && old.access == AccessKind::Direct && same_flow
}

/// Whether a UE's REGISTER gives an old binding of its subscriber up, beside the one that it is for.
fn leaves(request: &RegisterRequest, old: &Binding) -> bool {
    let Registrant::Ue(ue) = &request.registrant else { return false };
    old.access == AccessKind::Direct && ue.leaving.contains(&old.contact)
}

/// Which binding is tried first: by access, and among those of one access by the UE's q-value where users may choose.
fn priority(order: &[Access], access: AccessKind, request: &RegisterRequest, user_order: bool) -> u8 {
    let access = match access {
        AccessKind::Ims => Access::Ims,
        AccessKind::Direct => Access::Direct,
    };
    let behind = order.iter().rev().position(|it| *it == access).map_or(0, |at| at + 1);
    let q = match &request.registrant {
        Registrant::Ue(ue) if user_order => ue.q.unwrap_or(1000).min(1000) / 10,
        _ => 0,
    };
    (behind as u8).saturating_mul(RANK).saturating_add(q as u8)
}

/// Whether a binding is one of the flows that its device may have (RFC 5626).
fn is_flow(binding: &Binding) -> bool {
    binding.device != 0 && binding.device != binding.registration
}
