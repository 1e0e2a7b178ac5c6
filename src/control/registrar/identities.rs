//! Who registers: IMSI and MSISDN behind the identities of a REGISTER (requirement R-1).

use super::{Registrar, service_info};
use crate::control::config::Network;
use crate::control::subscribers::{Known, NetworkSubscribers, belongs};
use crate::gateway::mailbox::{RegisterRequest, Registrant};
use crate::ident::{Identity, Imsi, Msisdn, Wildcard};
use crate::proto::sip::Uri;
use crate::subscriber::Subscriber;

impl Registrar {
    /// IMSI and MSISDN of whom an S-CSCF registers, in the order of requirement R-1.
    pub(super) fn find(&mut self, network: &Network, request: &RegisterRequest) -> Known {
        let Registrant::Scscf { network: number, private_identity, associated, service_info, .. } =
            &request.registrant
        else {
            return Known { imsi: None, msisdn: None };
        };
        let identities = || [request.public_identity].into_iter().chain(associated.iter().copied());
        let mut msisdn = None;
        if !service_info.is_empty() {
            msisdn = service_info::msisdn(service_info);
            self.counts.service_info_without_msisdn += u64::from(msisdn.is_none());
        }
        let mut msisdn = msisdn.or_else(|| identities().find_map(|identity| number_of(&identity)));
        let private = private_identity.and_then(|identity| imsi_of(network, identity.as_str()));
        let mut imsi = private.or_else(|| {
            identities().find_map(|identity| imsi_of(network, identity.as_str().strip_prefix("sip:")?))
        });
        if let Some(file) = self.subscribers.of(*number) {
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
    pub(super) fn complete(&self, known: Known, network: u16, request: &RegisterRequest) -> Known {
        let present = self.present(known, &request.public_identity).map(|present| present.record());
        let present = present.filter(|present| present.bindings().all(|it| it.network == network));
        Known {
            imsi: known.imsi.or_else(|| present?.imsi()),
            msisdn: known.msisdn.or_else(|| present?.msisdn()),
        }
    }

    /// The same subscriber in the table, if it is there.
    pub(super) fn present(&self, known: Known, identity: &Identity) -> Option<Subscriber<'_>> {
        let table = &self.writer;
        let same = |found: &Subscriber<'_>| {
            known.imsi.is_none() || found.record().imsi().is_none_or(|it| Some(it) == known.imsi)
        };
        let by_imsi = known.imsi.and_then(|imsi| table.by_imsi(imsi));
        let by_msisdn = || known.msisdn.and_then(|msisdn| table.by_msisdn(msisdn)).filter(same);
        by_imsi.or_else(by_msisdn).or_else(|| table.by_identity(identity.as_bytes()).filter(same))
    }

    /// Whether a UE that has proved to be `known` may register `identity`: a temporary public identity of its IMSI, its
    /// number, or one that the subscriber file gives to it.
    pub(super) fn is_own(&self, network: u16, known: Known, identity: &Identity) -> bool {
        let Some(served) = self.config.networks.get(usize::from(network)) else { return false };
        let imsi = temporary(served, identity);
        if imsi.is_some() {
            return imsi == known.imsi;
        }
        if known.msisdn.is_some() && number_in(served, identity) == known.msisdn {
            return true;
        }
        let of_file = self.subscribers.of(network).and_then(|file| file.by_identity(identity));
        of_file.is_some_and(|of_file| of_file.imsi.is_some() && of_file.imsi == known.imsi)
    }

    /// Whose `identity` is before anything is proved: of the IMSI in it, or of whom the subscriber file gives it to, by
    /// itself or by its number.
    pub(super) fn owner(&self, network: u16, identity: &Identity) -> Option<Known> {
        let served = self.config.networks.get(usize::from(network))?;
        let imsi = temporary(served, identity);
        if imsi.is_some() {
            return Some(Known { imsi, msisdn: None });
        }
        let file = self.subscribers.of(network)?;
        file.by_identity(identity).or_else(|| file.by_msisdn(number_in(served, identity)?))
    }

    /// Whether a password of `known` may go by this user name when `to` is registered. It names one of his identities,
    /// in the challenge's realm where it has none of its own; or it is To's, and names nobody else.
    pub(super) fn is_own_name(&self, network: u16, known: Known, to: &Identity, user: &str) -> bool {
        let Some(served) = self.config.networks.get(usize::from(network)) else { return false };
        let realm = served.realms.first().map_or("", String::as_str);
        let uri = if user.contains('@') { format!("sip:{user}") } else { format!("sip:{user}@{realm}") };
        let Some(named) = Uri::parse(uri.as_bytes()).and_then(|uri| uri.canonical()) else { return false };
        let to = to.as_str().split_once(':').map_or(to.as_str(), |(_, rest)| rest);
        let of_to = user == to || to.split('@').next() == Some(user);
        self.is_own(network, known, &named) || of_to && self.owner(network, &named).is_none()
    }
}

/// The IMSI of a temporary public identity of `network` (TS 23.003 13.4B): an NAI with `sip:` before it.
fn temporary(network: &Network, identity: &Identity) -> Option<Imsi> {
    super::direct::nai(network, identity.as_str().strip_prefix("sip:")?.as_bytes()).ok()
}

/// The public identities of the record: the one that registers first, the set it belongs to, and the number's own URI.
pub(super) fn identities(known: Known, request: &RegisterRequest) -> Vec<Identity> {
    let mut identities = vec![request.public_identity];
    let number = known.msisdn.and_then(Identity::tel);
    let wildcards = wildcards(request).iter().map(Wildcard::identity);
    for identity in number.into_iter().chain(associated(request).iter().copied()).chain(wildcards) {
        if !identities.contains(&identity) {
            identities.push(identity);
        }
    }
    identities
}

/// The other identities of the set that an S-CSCF registers.
pub(super) fn associated(request: &RegisterRequest) -> &[Identity] {
    match &request.registrant {
        Registrant::Scscf { associated, .. } => associated,
        Registrant::Ue(_) => &[],
    }
}

/// The wildcarded identities of that set.
pub(super) fn wildcards(request: &RegisterRequest) -> &[Wildcard] {
    match &request.registrant {
        Registrant::Scscf { wildcards, .. } => wildcards,
        Registrant::Ue(_) => &[],
    }
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
pub(super) fn number_of(identity: &Identity) -> Option<Msisdn> {
    let text = identity.as_str();
    let user = text.strip_prefix("tel:").or_else(|| text.strip_prefix("sip:")?.split('@').next())?;
    let digits: String = user.strip_prefix('+')?.chars().filter(|c| !"-.()".contains(*c)).collect();
    digits.parse().ok()
}

/// The number that an identity is, in no realm or in one of `network`.
fn number_in(network: &Network, identity: &Identity) -> Option<Msisdn> {
    let host = identity.as_str().split_once('@').map(|(_, host)| host);
    let served = |host: &str| network.realms.iter().any(|realm| realm.eq_ignore_ascii_case(host));
    number_of(identity).filter(|_| host.is_none_or(served))
}

/// The IMSI before the `@` of a private identity or a temporary public identity (TS 23.003 13.3, 13.4B), if it is one
/// of the network's: other user names may consist of digits too.
fn imsi_of(network: &Network, text: &str) -> Option<Imsi> {
    let (user, _) = text.split_once('@')?;
    user.parse().ok().filter(|&imsi| belongs(network, imsi))
}
