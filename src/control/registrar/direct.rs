//! Registration by the UE itself: TR 23.804 8.1 (P-8.1), 8.2.1 (P-8.2.1) and 8.2.2 (P-8.2.2): who it is, the proof of it,
//! and what it is told when the gateway ends its registration.

use super::hlr;
use super::{Booking, Lack, Party, Registrar, Waiter};
use crate::base::Time;
use crate::control::authentication::{Attempt, Pending, Scheme, Verdict};
use crate::control::config::{Authentication, Network};
use crate::control::subscribers::{Known, belongs};
use crate::gateway::mailbox::{Inform, RegisterOutcome, RegisterRequest, Registrant, UeRegister};
use crate::ident::{Imsi, Msisdn, Nai, NaiError, ServedRealms};
use crate::proto::sip::auth::{self, Authorization};
use crate::subscriber::{AccessKind, Binding, Published};

/// A REGISTER whose sender has to prove who he is, with a vector that the HLR is asked for.
#[derive(Debug)]
pub(super) struct Unproved {
    request: RegisterRequest,
    pending: Pending,
}

/// Who a UE says it is.
struct Claim {
    network: u16,
    imsi: Imsi,
    /// As the subscriber file has it.
    msisdn: Option<Msisdn>,
    /// The user name in Authorization, if a password may go by it.
    user: Option<String>,
}

impl Registrar {
    /// 8.1 step 2, 8.2.1 step 1: a UE's REGISTER. It is nobody until it has proved who it is.
    pub(super) fn on_ue(&mut self, now: Time, request: RegisterRequest) {
        let Registrant::Ue(ue) = &request.registrant else { return };
        let Some(claim) = self.claim(ue, &request) else {
            self.counts.refused_realm += 1;
            return self.answer(now, &request, 403, &[]);
        };
        // The HLR is not asked about somebody of whom it is not known yet what it was told.
        if !self.is_loaded(Some(claim.imsi)) {
            return self.answer(now, &request, 503, &[]);
        }
        match self.examine(now, &claim, ue, &request) {
            Verdict::Authenticated => self.on_proved(now, claim, request),
            Verdict::Challenge(challenges) => self.challenge(&request, challenges),
            Verdict::NeedsVectors { pending, resynchronise } => {
                let party = Party { network: pending.network, imsi: pending.imsi };
                let unproved = Waiter::Challenge(Box::new(Unproved { request, pending }));
                self.r1.vector(now, party, resynchronise, unproved);
            }
            Verdict::Refused(_) => self.answer(now, &request, 403, &[]),
            Verdict::Limited { .. } => {
                self.counts.refused_busy += 1;
                self.answer(now, &request, 503, &[]);
            }
            Verdict::Malformed(_) => self.answer(now, &request, 400, &[]),
        }
    }

    /// 8.1 step 3, first half: the IMSI is taken from the user part of the NAI, in Authorization or in To. The realm must
    /// be a served network's, and have direct access.
    fn claim(&self, ue: &UeRegister, request: &RegisterRequest) -> Option<Claim> {
        let networks = self.config.networks.iter().enumerate().filter(|(_, it)| it.direct.is_some());
        for (at, network) in networks {
            let user = authorization(network, ue).and_then(auth::username);
            let user = user.and_then(|user| core::str::from_utf8(user).ok());
            let of_user = user.map(|user| nai(network, user.as_bytes()));
            let of_to = nai(network, &ue.to);
            // Two IMSIs are one too many, and a realm of somebody else's is no match, whatever else is.
            let imsi = match (of_user, of_to) {
                (Some(Ok(user)), Ok(to)) if user != to => continue,
                (Some(Ok(imsi)), _) | (_, Ok(imsi)) => Some(imsi),
                (Some(Err(NaiError::DoesNotFit | NaiError::Pseudonym)), _) => continue,
                (_, Err(NaiError::DoesNotFit | NaiError::Pseudonym)) => continue,
                _ => None,
            };
            let of_file = match imsi {
                Some(imsi) => self.subscribers.of(at as u16).and_then(|file| file.by_imsi(imsi)),
                None => self.owner(at as u16, &request.public_identity),
            };
            let imsi = imsi.or(of_file.and_then(|known| known.imsi));
            let Some(imsi) = imsi.filter(|&imsi| belongs(network, imsi)) else { continue };
            let msisdn = of_file.and_then(|known| known.msisdn);
            let known = Known { imsi: Some(imsi), msisdn };
            let own = |user: &&str| self.is_own_name(at as u16, known, &request.public_identity, user);
            let user = user.filter(own).map(str::to_owned);
            return Some(Claim { network: at as u16, imsi, msisdn, user });
        }
        None
    }

    fn examine(&mut self, now: Time, claim: &Claim, ue: &UeRegister, request: &RegisterRequest) -> Verdict {
        let network = self.config.networks.get(usize::from(claim.network));
        let authentication = network.and_then(|network| network.direct.as_ref()).map(|it| it.authentication);
        let scheme = match authentication {
            Some(Authentication::None) => return Verdict::Authenticated,
            Some(Authentication::Aka) => Scheme::Aka(claim.imsi),
            _ => Scheme::Digest { imsi: claim.imsi, user: claim.user.as_deref() },
        };
        self.authenticator.examine(
            now,
            &Attempt {
                network: claim.network,
                scheme,
                source: request.remote.ip(),
                method: b"REGISTER",
                request_uri: &ue.request_uri,
                authorization: network.and_then(|network| authorization(network, ue)),
            },
        )
    }

    /// 8.1 step 3, second half, or 8.2.1 step 2; or the UE only asks what is registered.
    fn on_proved(&mut self, now: Time, claim: Claim, request: RegisterRequest) {
        let Registrant::Ue(ue) = &request.registrant else { return };
        let Claim { network, imsi, msisdn, .. } = claim;
        let known = Known { imsi: Some(imsi), msisdn };
        let ours = self.present(known, &request.public_identity).map(|it| (it.id(), it.record().imsi()));
        let ours = ours.filter(|(_, imsi)| *imsi == known.imsi);
        if request.expires_s == 0 {
            // Nobody ends another's registration.
            let named = self.writer.by_identity(request.public_identity.as_bytes()).map(|it| it.id());
            if named.is_none_or(|named| ours.map(|(id, _)| id) == Some(named)) {
                return self.on_deregister(now, request, network, known.imsi);
            }
            self.counts.refused_identity += 1;
            return self.answer(now, &request, 403, &[]);
        }
        if request.contact.is_none() && !ue.wildcard {
            let contacts = ours.map(|(id, _)| self.direct_contacts(now, id)).unwrap_or_default();
            return self.answer(now, &request, 200, &contacts);
        }
        if let Some(seconds) = self.is_too_many(now, network, known.imsi, false) {
            return self.answer_later(&request, seconds);
        }
        self.join(now, request, network, known);
    }

    /// More wait than HLRs can be told of in time: 503, and when to come again.
    pub(super) fn answer_later(&mut self, request: &RegisterRequest, seconds: u32) {
        let outcome = RegisterOutcome {
            reply_to: request.reply_to,
            status: 503,
            contacts: vec![],
            flow: None,
            challenges: vec![],
            associated: vec![],
            retry_after: Some(seconds),
            date: None,
        };
        self.reply(request, outcome);
    }

    /// 401 with these challenges, first the one whose algorithm the UE names: for more than one there may be no room.
    fn challenge(&mut self, request: &RegisterRequest, mut challenges: Vec<String>) {
        if let Registrant::Ue(UeRegister { authorizations, .. }) = &request.registrant
            && let Some(authorization) = authorizations.first()
            && let Ok(Authorization { algorithm: Some(algorithm), .. }) = Authorization::parse(authorization)
            && let Ok(algorithm) = core::str::from_utf8(algorithm)
        {
            challenges.sort_by_key(|challenge| !challenge.contains(&format!("algorithm={algorithm},")));
        }
        let outcome = RegisterOutcome {
            reply_to: request.reply_to,
            status: 401,
            contacts: vec![],
            flow: None,
            challenges,
            associated: vec![],
            retry_after: None,
            date: None,
        };
        self.reply(request, outcome);
    }

    /// The HLR has given a vector, or has not.
    pub(super) fn on_vector(&mut self, now: Time, unproved: Unproved, answer: Result<Vec<u8>, Lack>) {
        let Unproved { request, pending } = unproved;
        let vector = answer.and_then(|result| hlr::vector(&result).ok_or(Lack::Failed));
        let status = match vector {
            Ok(vector) => {
                let challenges = self.authenticator.challenge_with_vector(now, &pending, &vector);
                // None if the HLR's XRES is too short to be trusted.
                if !challenges.is_empty() {
                    return self.challenge(&request, challenges);
                }
                503
            }
            Err(Lack::Refused(error)) => hlr::status_of(error),
            Err(Lack::Silent) => 504,
            Err(Lack::Full) => {
                self.counts.refused_vector += 1;
                let seconds = self.r1.come_again(now, pending.network, Booking::Stranger);
                return self.answer_later(&request, seconds);
            }
            Err(Lack::Failed | Lack::Busy) => 503,
        };
        self.counts.refused_vector += 1;
        self.answer(now, &request, status, &[]);
    }
}

/// The credentials for a realm of `network`; or else those of any realm, the first that name somebody.
fn authorization<'r>(network: &Network, ue: &'r UeRegister) -> Option<&'r [u8]> {
    let all = || ue.authorizations.iter().map(Vec::as_slice);
    let is_its = |value: &&[u8]| {
        let realm = Authorization::parse(value).ok().and_then(|it| it.realm);
        realm.is_some_and(|it| network.realms.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(it)))
    };
    let of_somebody = || all().find(|value| auth::username(value).is_some());
    all().find(is_its).or_else(of_somebody).or_else(|| all().next())
}

/// The IMSI of an NAI of `network`.
pub(super) fn nai(network: &Network, text: &[u8]) -> Result<Imsi, NaiError> {
    let served = ServedRealms { mcc: network.mcc, mnc: network.mnc, realms: &network.realms };
    Nai::parse(text).ok_or(NaiError::NotAnImsi)?.imsi(&served)
}

/// What a UE is told when the gateway ends its registration (8.2.2 step 4): the state of its registration as RFC 3680
/// writes it, in a MESSAGE, since a UE without a subscription takes no NOTIFY.
pub(super) fn inform(record: Published<'_>, binding: &Binding, event: &str) -> Option<Inform> {
    if binding.access != AccessKind::Direct {
        return None;
    }
    let identity = record.default_identity()?;
    let content = format!(
        "<?xml version=\"1.0\"?>\n\
         <reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"0\" state=\"full\">\
         <registration aor=\"{aor}\" id=\"1\" state=\"terminated\">\
         <contact id=\"1\" state=\"terminated\" event=\"{event}\"><uri>{contact}</uri></contact>\
         </registration></reginfo>\n",
        aor = quoted(identity.as_str()),
        contact = quoted(binding.contact.as_str()),
    );
    Some(Inform {
        network: binding.network,
        local: binding.local,
        remote: binding.target,
        connection: binding.connection,
        contact: binding.contact,
        identity,
        content: ("application/reginfo+xml", content.into_bytes()),
    })
}

/// A text inside XML.
fn quoted(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
