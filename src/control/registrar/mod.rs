//! The slow path of registration over IMS (8.7, 8.8): from a third-party REGISTER to a record of the subscriber table.

mod service_info;
#[cfg(test)]
mod tests;

use super::config::{Config, Network};
use super::subscribers::{Known, NetworkSubscribers, Subscribers, belongs};
use crate::base::publish::{Show, Shown};
use crate::base::{Time, counts};
use crate::gateway::mailbox::{RegisterAnswer, RegisterOutcome, RegisterRequest};
use crate::ident::{Identity, Imsi, Msisdn};
use crate::subscriber::{AccessKind, Binding, Record, Refused, Subscriber, SubscriberId, Writer};
use std::sync::Arc;
use std::time::Duration;

counts! {
    /// What became of registrations on the slow path; refreshes that change nothing stay on the workers.
    pub struct RegistrarCounts {
        /// Registrations accepted, first ones and changed ones.
        registered,
        /// De-registrations that removed a binding.
        deregistered,
        /// De-registrations of somebody who was not registered.
        deregistered_unknown,
        /// Bindings removed because their time had passed.
        expired,
        /// Registrations accepted without an IMSI: no message can be sent to the subscriber.
        without_imsi,
        /// Registrations accepted without an MSISDN: the subscriber can send no message.
        without_msisdn,
        /// Registrations accepted with a number or identity that another subscriber had until then.
        taken_over,
        /// Registrations refused because neither IMSI nor MSISDN could be found.
        refused_unknown,
        /// Registrations refused because a key belongs to a subscriber of another network.
        refused_network,
        /// Registrations refused because there is no room.
        refused_full,
        /// Bodies in which no MSISDN could be found.
        service_info_without_msisdn,
    }
}

/// Registers, de-registers and sweeps; the one user of the table's writing end.
pub struct Registrar {
    config: Arc<Config>,
    subscribers: Subscribers,
    writer: Writer,
    /// What happened so far.
    pub counts: RegistrarCounts,
}

impl Shown for Registrar {
    fn show(&self, to: &mut dyn Show) {
        to.counts("registration", "", &self.counts);
        to.counts("subscriber", "", &self.writer.counts);
        let about = ("subscriber", "", "subscribers", "Subscribers in the table.");
        to.level(about, self.writer.len() as u64, self.config.capacity.subscribers.into());
        let about = ("subscriber", "", "unreclaimed", "Old records that wait for readers.");
        to.level(about, self.writer.unreclaimed() as u64, 0);
    }
}

impl Registrar {
    /// A registrar for the networks of `config`.
    #[must_use]
    pub fn new(config: Arc<Config>, subscribers: Subscribers, writer: Writer) -> Self {
        Self { config, subscribers, writer, counts: RegistrarCounts::default() }
    }

    /// The subscriber table.
    #[must_use]
    pub fn table(&self) -> &crate::subscriber::Table {
        &self.writer
    }

    /// Carries out a third-party REGISTER.
    pub fn register(&mut self, now: Time, request: &RegisterRequest) -> RegisterOutcome {
        let RegisterRequest { worker, reply_to, contact, .. } = *request;
        let answer = match self.try_register(now, request) {
            Ok(expires_s) => RegisterAnswer::Accepted { expires_s },
            Err(status) => RegisterAnswer::Refused { status },
        };
        RegisterOutcome { worker, reply_to, contact, answer }
    }

    /// How many seconds it is registered for, or the status code of the refusal.
    fn try_register(&mut self, now: Time, request: &RegisterRequest) -> Result<u32, u16> {
        let config = self.config.clone();
        let network = config.networks.get(usize::from(request.network)).ok_or(403u16)?;
        if request.expires_s == 0 {
            return self.deregister(request);
        }
        let known = self.find(network, request);
        let known = self.complete(known, request);
        let Known { imsi, msisdn } = known;
        let identity = request.public_identity;
        if imsi.is_none() && msisdn.is_none() {
            self.counts.refused_unknown += 1;
            tracing::warn!(
                ?identity,
                network = network.name,
                "registration refused: neither IMSI nor MSISDN is known"
            );
            return Err(403);
        }
        let most = u32::try_from(config.timers.registration_max.as_secs()).unwrap_or(u32::MAX);
        let expires_s = request.expires_s.min(most);
        let binding = Binding {
            access: AccessKind::Ims,
            priority: 0,
            contact: request.contact,
            remote: request.remote,
            local: request.local,
            network: request.network,
            access_network_info: request.access_network_info,
            fingerprint: request.fingerprint,
        };
        let ends = now + Duration::from_secs(expires_s.into());
        self.publish(known, request, binding, ends)?;
        self.counts.registered += 1;
        if imsi.is_none() {
            self.counts.without_imsi += 1;
            tracing::warn!(
                ?identity,
                network = network.name,
                "registered without IMSI: no message can be sent to it"
            );
        }
        if msisdn.is_none() {
            self.counts.without_msisdn += 1;
            tracing::warn!(
                ?identity,
                network = network.name,
                "registered without MSISDN: it can send no message"
            );
        }
        tracing::debug!(?identity, ?imsi, ?msisdn, network = network.name, expires_s, "registered");
        Ok(expires_s)
    }

    /// IMSI and MSISDN of who registers, in the order of requirement R-1.
    fn find(&mut self, network: &Network, request: &RegisterRequest) -> Known {
        let identities = || [request.public_identity].into_iter().chain(request.associated.iter().copied());
        let mut msisdn = None;
        if !request.service_info.is_empty() {
            msisdn = service_info::msisdn(&request.service_info);
            self.counts.service_info_without_msisdn += u64::from(msisdn.is_none());
        }
        let mut msisdn = msisdn.or_else(|| identities().find_map(|identity| number_of(&identity)));
        let private = request.private_identity.and_then(|identity| imsi_of(network, identity.as_str()));
        let mut imsi = private.or_else(|| {
            identities().find_map(|identity| imsi_of(network, identity.as_str().strip_prefix("sip:")?))
        });
        if let Some(file) = self.subscribers.of(request.network) {
            // By what is surest first: one line must not lend a number to another line's subscriber.
            let known =
                imsi.and_then(|imsi| file.by_imsi(imsi)).or_else(|| in_file(file, msisdn, identities()));
            imsi = imsi.or(known.and_then(|known| known.imsi));
            let same = known.filter(|known| known.imsi.is_none() || known.imsi == imsi);
            msisdn = msisdn.or(same.and_then(|known| known.msisdn));
        }
        Known { imsi, msisdn }
    }

    /// What a re-registration doesn't tell again is as it was.
    fn complete(&self, known: Known, request: &RegisterRequest) -> Known {
        let present = self.present(known, &request.public_identity).map(|present| present.record());
        let present = present.filter(|present| present.bindings().all(|it| it.network == request.network));
        Known {
            imsi: known.imsi.or_else(|| present?.imsi()),
            msisdn: known.msisdn.or_else(|| present?.msisdn()),
        }
    }

    fn publish(
        &mut self,
        known: Known,
        request: &RegisterRequest,
        binding: Binding,
        ends: Time,
    ) -> Result<(), u16> {
        let keys = self.holders(known, request);
        if keys.iter().any(|&id| self.is_of_another_network(id, request.network)) {
            self.counts.refused_network += 1;
            let identity = request.public_identity;
            tracing::warn!(
                ?identity,
                "registration refused: a subscriber of another network has one of its keys"
            );
            return Err(403);
        }
        // Each round frees the keys of one other subscriber.
        for _ in 0..=keys.len() {
            let (record, expiries) = self.record(known, request, binding, ends).ok_or(403u16)?;
            match self.writer.register(record, &expiries) {
                Ok(_) => return Ok(()),
                Err(Refused::Taken(other)) => {
                    self.writer.deregister(other);
                    self.counts.taken_over += 1;
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

    /// The subscriber's new record: bindings over other accesses are kept, and identities too that registered apart.
    fn record(
        &self,
        known: Known,
        request: &RegisterRequest,
        binding: Binding,
        ends: Time,
    ) -> Option<(Record, Vec<Option<Time>>)> {
        let present = self.present(known, &request.public_identity).map(|present| present.record());
        let others = present.into_iter().flat_map(|present| present.bindings());
        let others = others.filter(|other| other.access != AccessKind::Ims).take(Record::BINDINGS - 1);
        let bindings: Vec<_> = [binding].into_iter().chain(others).collect();
        let expiries = (0..bindings.len()).map(|at| (at == 0).then_some(ends)).collect();
        let mut identities = identities(known, request);
        if request.associated.is_empty() {
            let before = present.into_iter().flat_map(|present| present.identities());
            let number = present.and_then(|present| Identity::tel(present.msisdn()?));
            let added = |identity: &Identity| !identities.contains(identity) && Some(*identity) != number;
            let before: Vec<_> = before.filter(added).collect();
            identities.extend(before);
        }
        identities.truncate(Record::IDENTITIES);
        let private = request.private_identity.or_else(|| present?.private_identity());
        Some((Record::new(known.imsi, known.msisdn, private, &identities, &bindings)?, expiries))
    }

    /// The same subscriber in the table, if it is there.
    fn present(&self, known: Known, identity: &Identity) -> Option<Subscriber<'_>> {
        let table = &self.writer;
        let same = |found: &Subscriber<'_>| {
            known.imsi.is_none() || found.record().imsi().is_none_or(|it| Some(it) == known.imsi)
        };
        let by_imsi = known.imsi.and_then(|imsi| table.by_imsi(imsi));
        let by_msisdn = || known.msisdn.and_then(|msisdn| table.by_msisdn(msisdn)).filter(same);
        by_imsi.or_else(by_msisdn).or_else(|| table.by_identity(identity.as_bytes()).filter(same))
    }

    /// 8.8 step 4: the subscriber's binding over IMS goes, whichever identity of the set is named.
    fn deregister(&mut self, request: &RegisterRequest) -> Result<u32, u16> {
        let identity = request.public_identity;
        let found = self.writer.by_identity(identity.as_bytes()).and_then(|subscriber| {
            let binding =
                |binding: &Binding| binding.access == AccessKind::Ims && binding.network == request.network;
            let at = subscriber.record().bindings().position(|it| binding(&it))?;
            Some((subscriber.id(), at))
        });
        match found {
            Some((id, at)) => {
                self.remove(id, at);
                self.counts.deregistered += 1;
                tracing::debug!(?identity, "de-registered");
            }
            None => self.counts.deregistered_unknown += 1,
        }
        Ok(0)
    }

    /// Removes a binding, and with the last one the subscriber.
    fn remove(&mut self, id: SubscriberId, binding: usize) {
        let last = self.writer.get(id).is_some_and(|subscriber| subscriber.record().bindings().len() == 1);
        let _ = if last { self.writer.deregister(id) } else { self.writer.remove_binding(id, binding) };
    }

    /// Removes bindings whose time has passed, and frees what readers have let go; to be called about every second.
    pub fn sweep(&mut self, now: Time) {
        let mut ended = vec![];
        self.writer.expired(now, &mut |id| ended.push(id));
        for id in ended {
            let Some(subscriber) = self.writer.get(id) else { continue };
            let claimed: Vec<usize> = (0..subscriber.record().bindings().len())
                .filter(|&at| {
                    let expiry = subscriber.expiry(at);
                    // A worker may extend it at this moment: then it stays.
                    expiry <= now && subscriber.extend(at, expiry, Time::ZERO)
                })
                .collect();
            let imsi = subscriber.record().imsi();
            let msisdn = subscriber.record().msisdn();
            for &at in claimed.iter().rev() {
                self.remove(id, at);
                self.counts.expired += 1;
                tracing::info!(?imsi, ?msisdn, "registration expired");
            }
        }
        self.writer.reclaim();
    }
}

/// The public identities of the record: the one that registers first, the set it belongs to, and the number's own URI.
fn identities(known: Known, request: &RegisterRequest) -> Vec<Identity> {
    let mut identities = vec![request.public_identity];
    let number = known.msisdn.and_then(Identity::tel);
    for identity in number.into_iter().chain(request.associated.iter().copied()) {
        if !identities.contains(&identity) && identities.len() < Record::IDENTITIES {
            identities.push(identity);
        }
    }
    identities
}

/// What a subscriber file says of a number, or of one of the identities.
fn in_file(
    file: &NetworkSubscribers,
    msisdn: Option<Msisdn>,
    mut identities: impl Iterator<Item = Identity>,
) -> Option<Known> {
    let by_msisdn = msisdn.and_then(|msisdn| file.by_msisdn(msisdn));
    by_msisdn.or_else(|| identities.find_map(|identity| file.by_identity(&identity)))
}

/// The number of a global tel URI, or of a SIP URI whose user part is one (RFC 3261 19.1.6).
fn number_of(identity: &Identity) -> Option<Msisdn> {
    let text = identity.as_str();
    let user = text.strip_prefix("tel:").or_else(|| text.strip_prefix("sip:")?.split('@').next())?;
    let digits: String = user.strip_prefix('+')?.chars().filter(|c| !"-.()".contains(*c)).collect();
    digits.parse().ok()
}

/// The IMSI before the `@` of a private identity or a temporary public identity (TS 23.003 13.3, 13.4B), if it is one
/// of the network's: other user names may consist of digits too.
fn imsi_of(network: &Network, text: &str) -> Option<Imsi> {
    let (user, _) = text.split_once('@')?;
    user.parse().ok().filter(|&imsi| belongs(network, imsi))
}
