//! Authentication of UEs that register at the gateway itself: HTTP digest in SIP with a password (RFC 2617, RFC 7616) or
//! with AKA (RFC 3310, RFC 4169; TS 24.229 5.4.1.2).
//!
//! Nothing is kept of a challenge but one bit: what an answer is checked with is sealed inside the nonce. There is no
//! clock in here and no chance: the same key and the same calls give the same challenges.

mod credentials;
mod digest;
mod limits;
mod nonce;
#[cfg(test)]
mod tests;

pub use credentials::Credentials;
pub use digest::{Algorithm, Vector};
pub use limits::{Pauses, Rate};

use crate::base::publish::{Show, Shown};
use crate::base::{SipKey, Time, counts};
use crate::ident::{Digits, Imsi, Nai, ServedRealms};
use crate::proto::sip::Uri;
use crate::proto::sip::auth::{Authorization, Unreadable};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use digest::Answer;
use limits::{Bucket, Recent, Standing};
use nonce::{Bound, Freshness, Nonces};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;

counts! {
    /// What became of UEs' credentials.
    pub struct AuthenticationCounts {
        /// Challenges with algorithm MD5.
        challenges_md5,
        /// Challenges with algorithm AKAv1-MD5.
        challenges_akav1,
        /// Challenges with algorithm AKAv2-MD5.
        challenges_akav2,
        /// Right answers.
        verified,
        /// Wrong answers.
        wrong_response,
        /// Wrong answers for users whom the credential file does not have; wrong_response has them too.
        unknown_user,
        /// Answers to a challenge that is too old, of another life of the process, or for somebody else.
        stale,
        /// Answers to a challenge that has been answered already.
        replayed,
        /// Answers whose nonce count is not 1.
        wrong_nc,
        /// Answers for another resource than the Request-URI's.
        wrong_uri,
        /// Answers with the name of another user than the one who registers.
        other_user,
        /// Challenges that the UE refuses as not the network's.
        challenge_refused,
        /// Re-synchronisations that a UE asks for.
        resynchronisations,
        /// Credentials that can't be read, or lack something.
        malformed,
        /// Credentials for a realm or with an algorithm that was not offered.
        not_offered,
        /// Refused for a time: too many challenges for one identity.
        limited_identity,
        /// Refused for a time: too many challenges for one source.
        limited_source,
        /// Refused for a time: too many wrong answers for one identity from one source.
        limited_failures,
    }
}

/// What the UEs of a network authenticate with.
#[derive(Debug)]
pub struct NetworkAuthentication {
    /// The realm of its challenges: a host name.
    pub realm: String,
    /// Its mobile country code.
    pub mcc: Digits,
    /// Its mobile network code.
    pub mnc: Digits,
    /// The realms of its subscribers' NAIs, beside those that follow from the codes.
    pub realms: Vec<String>,
    /// What is offered, the preferred one first.
    pub algorithms: Vec<Algorithm>,
    /// The users of SIP digest.
    pub credentials: Credentials,
}

/// How authentication is bounded.
#[derive(Debug)]
pub struct AuthenticatorConfig {
    /// The served networks, by their places in the configuration.
    pub networks: Vec<NetworkAuthentication>,
    /// How long a challenge may be answered. Default 30 s.
    pub lifetime: Duration,
    /// Of how many challenges, the last ones, is known whether they were answered. Default 1,048,576 (a bit each).
    pub nonces: u32,
    /// Of how many identities, of how many sources, and of how many identities at their sources something is known.
    /// Default 65,536.
    pub places: u32,
    /// The most challenges for an identity, and for it at each source from which it was right before. Default 10 in 10 s.
    pub per_identity: Rate,
    /// The most challenges for a source, an IPv4 address or an IPv6 /64, to identities that were not right from there
    /// before. Default 100 in 10 s.
    pub per_source: Rate,
    /// Pauses after wrong answers. Default after 5, from 1 s to 60 s.
    pub pauses: Pauses,
}

impl AuthenticatorConfig {
    /// With the defaults.
    #[must_use]
    pub fn new(networks: Vec<NetworkAuthentication>) -> Self {
        let in_ten_seconds = |count| Rate { count, per: Duration::from_secs(10) };
        Self {
            networks,
            lifetime: Duration::from_secs(30),
            nonces: 1 << 20,
            places: 1 << 16,
            per_identity: in_ten_seconds(10),
            per_source: in_ten_seconds(100),
            pauses: Pauses { after: 5, first: Duration::from_secs(1), longest: Duration::from_secs(60) },
        }
    }
}

/// Who is to be authenticated, and so how.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scheme<'a> {
    /// A subscriber, by a password.
    Digest {
        /// The IMSI.
        imsi: Imsi,
        /// The user name that the answer gives, if it is one of the subscriber's: each has a password of its own.
        user: Option<&'a str>,
    },
    /// A subscriber, by AKA. The user name may be any NAI with this IMSI.
    Aka(Imsi),
}

/// A request to authenticate.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The served network, by its place in the configuration.
    pub network: u16,
    /// Who claims to send the request.
    pub scheme: Scheme<'a>,
    /// The address that it came from.
    pub source: IpAddr,
    /// Its method.
    pub method: &'a [u8],
    /// Its Request-URI.
    pub request_uri: &'a [u8],
    /// The value of its Authorization header, if it has one.
    pub authorization: Option<&'a [u8]>,
}

/// What a request's credentials are worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Who claims to send the request does.
    Authenticated,
    /// Answer 401 with these values of WWW-Authenticate, one header each.
    Challenge(Vec<String>),
    /// Ask the HLR for a vector, then [`Authenticator::challenge_with_vector`].
    NeedsVectors {
        /// To be given back with the vector.
        pending: Pending,
        /// RAND and AUTS for the HLR: the UE asks for re-synchronisation (TS 33.102 6.3.5).
        resynchronise: Option<([u8; 16], [u8; 14])>,
    },
    /// Answer 403.
    Refused(Reason),
    /// Answer 503 with Retry-After.
    Limited {
        /// Seconds, at least 1.
        retry_after_s: u32,
    },
    /// Answer 400 with this reason phrase.
    Malformed(&'static str),
}

/// Why authentication fails for good. The UE is not told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The network has no algorithm of the scheme, or is not there.
    NotOffered,
    /// The user name is not that of who registers.
    OtherUser,
    /// The digest is for another resource than the Request-URI's.
    WrongUri,
    /// The nonce count is not 1.
    WrongNonceCount,
    /// The UE refuses the challenge as not the network's (TS 24.229 5.1.1.5.3).
    ChallengeRefused,
    /// The answer is wrong.
    WrongResponse,
}

/// A challenge that waits for its vector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pending {
    /// The served network.
    pub network: u16,
    /// Whom the vector is for.
    pub imsi: Imsi,
    source: IpAddr,
    stale: bool,
}

/// What verification says.
enum Found {
    Right,
    /// Nothing that could be right or wrong: challenge.
    Nothing,
    /// An answer to a challenge that may not be answered any more: challenge again.
    Stale,
    Resynchronise([u8; 16], [u8; 14]),
    Wrong(Reason),
    Malformed(&'static str),
}

/// Challenges UEs and checks their answers.
pub struct Authenticator {
    networks: Arc<[NetworkAuthentication]>,
    rates: (Rate, Rate),
    pauses: Pauses,
    nonces: Nonces,
    decoy: SipKey,
    identities: Recent<Bucket>,
    sources: Recent<Bucket>,
    standings: Recent<Standing>,
    /// What happened so far.
    pub counts: AuthenticationCounts,
}

impl Shown for Authenticator {
    fn show(&self, to: &mut dyn Show) {
        to.counts("authentication", "", &self.counts);
    }
}

impl Authenticator {
    /// `key` must be of this life of the process alone; with another one, every earlier challenge is stale.
    #[must_use]
    pub fn new(config: AuthenticatorConfig, key: &SipKey) -> Self {
        let recent = |purpose| key.derive(purpose);
        Self {
            networks: config.networks.into(),
            rates: (config.per_identity, config.per_source),
            pauses: config.pauses,
            nonces: Nonces::new(&key.derive("authentication nonces"), config.nonces, config.lifetime),
            decoy: key.derive("authentication decoy"),
            identities: Recent::new(recent("authentication identities"), config.places),
            sources: Recent::new(recent("authentication sources"), config.places),
            standings: Recent::new(recent("authentication standings"), config.places),
            counts: AuthenticationCounts::default(),
        }
    }

    /// What there is room for, to be printed at start.
    #[must_use]
    pub fn sizes(&self) -> [(&'static str, u64); 4] {
        [
            ("nonces", self.nonces.window()),
            ("limited_identities", self.identities.capacity()),
            ("limited_sources", self.sources.capacity()),
            ("limited_failures", self.standings.capacity()),
        ]
    }

    /// Examines a request's credentials, and challenges it if they are none or are used up.
    pub fn examine(&mut self, now: Time, attempt: &Attempt<'_>) -> Verdict {
        let networks = self.networks.clone();
        let Some(network) = networks.get(usize::from(attempt.network)) else {
            return Verdict::Refused(Reason::NotOffered);
        };
        let pair = attempt.pair();
        if let Some(left) = self.standings.get(&pair.parts()).and_then(|standing| standing.pause(now)) {
            self.counts.limited_failures += 1;
            return limited(left);
        }
        let found = match attempt.authorization.map(Authorization::parse) {
            // Credentials of a scheme that nobody asked for are as good as none (RFC 3261 22.1).
            None | Some(Err(Unreadable::Scheme)) => Found::Nothing,
            Some(Ok(given)) => self.verify(now, network, attempt, &given),
            Some(Err(Unreadable::Grammar)) => Found::Malformed("Bad Authorization"),
            Some(Err(Unreadable::Duplicate)) => Found::Malformed("Repeated Authorization Parameter"),
        };
        match found {
            Found::Right => {
                self.counts.verified += 1;
                self.standings.change(&pair.parts()).passed();
                Verdict::Authenticated
            }
            Found::Nothing => self.challenge(now, network, attempt, false, None),
            Found::Stale => self.challenge(now, network, attempt, true, None),
            Found::Resynchronise(rand, auts) => {
                self.counts.resynchronisations += 1;
                self.challenge(now, network, attempt, false, Some((rand, auts)))
            }
            Found::Wrong(reason) => {
                self.count(reason);
                if reason == Reason::WrongResponse {
                    self.standings.change(&pair.parts()).failed(now, self.pauses);
                }
                Verdict::Refused(reason)
            }
            Found::Malformed(why) => {
                self.counts.malformed += 1;
                Verdict::Malformed(why)
            }
        }
    }

    fn count(&mut self, reason: Reason) {
        let counts = &mut self.counts;
        *match reason {
            Reason::NotOffered => &mut counts.not_offered,
            Reason::OtherUser => &mut counts.other_user,
            Reason::WrongUri => &mut counts.wrong_uri,
            Reason::WrongNonceCount => &mut counts.wrong_nc,
            Reason::ChallengeRefused => &mut counts.challenge_refused,
            Reason::WrongResponse => &mut counts.wrong_response,
        } += 1;
    }

    /// Checks an answer. It uses its nonce up, whether it is right or wrong.
    fn verify(
        &mut self,
        now: Time,
        network: &NetworkAuthentication,
        attempt: &Attempt<'_>,
        given: &Authorization<'_>,
    ) -> Found {
        let text = given.nonce.unwrap_or(b"");
        if text.is_empty() {
            return Found::Nothing;
        }
        let algorithm = Algorithm::from_name(given.algorithm.unwrap_or(b"MD5"));
        let offered = |algorithm: &Algorithm| {
            attempt.scheme.takes(*algorithm) && network.algorithms.contains(algorithm)
        };
        let realm = given.realm == Some(network.realm.as_bytes());
        let Some(algorithm) = algorithm.filter(offered).filter(|_| realm) else {
            self.counts.not_offered += 1;
            return Found::Nothing;
        };
        let Some(nonce) = self.nonces.open(&attempt.bound(algorithm), text) else {
            self.counts.stale += 1;
            return Found::Stale;
        };
        match self.nonces.freshness(now, &nonce) {
            Freshness::Fresh => self.nonces.spend(&nonce),
            Freshness::Old => {
                self.counts.stale += 1;
                return Found::Stale;
            }
            Freshness::Used => {
                self.counts.replayed += 1;
                return Found::Stale;
            }
        }
        let Some(username) = given.username.filter(|name| attempt.scheme.is_named(name, network)) else {
            return Found::Wrong(Reason::OtherUser);
        };
        if algorithm.is_aka() && given.auts.is_none() && given.response == Some(b"") {
            return Found::Wrong(Reason::ChallengeRefused);
        }
        let (answer, response) = match answer(attempt, given) {
            Ok(read) => read,
            Err(found) => return found,
        };
        let realm = network.realm.as_bytes();
        if let Some(auts) = given.auts.filter(|_| algorithm.is_aka()) {
            // Everybody knows the empty password; whether AUTS is the UE's, the authentication centre will say.
            let empty = digest::ha1(username, realm, b"");
            let right = answer.response(&empty).ct_eq(&response);
            let auts = STANDARD.decode(auts).ok().and_then(|auts| auts.try_into().ok());
            let rand = nonce.rand_autn.first_chunk().copied();
            return match (bool::from(right), rand, auts) {
                (false, ..) => Found::Wrong(Reason::WrongResponse),
                (true, Some(rand), Some(auts)) => Found::Resynchronise(rand, auts),
                (true, ..) => Found::Malformed("Bad AUTS"),
            };
        }
        let (ha1, known) = match algorithm {
            Algorithm::Md5 => {
                // For who is unknown the same is done, with an H(A1) that nobody knows, and fails alike.
                let decoy = self.decoy.hash_u128(&[username]).to_le_bytes();
                let known =
                    core::str::from_utf8(username).ok().and_then(|user| network.credentials.ha1(user));
                (*known.unwrap_or(&decoy), known.is_some())
            }
            _ => (digest::ha1_of_aka(algorithm, username, realm, &nonce.password), true),
        };
        let right = answer.response(&ha1).ct_eq(&response);
        self.counts.unknown_user += u64::from(!known);
        if bool::from(right) && known { Found::Right } else { Found::Wrong(Reason::WrongResponse) }
    }

    /// Challenges, unless the source or the identity has had too many challenges.
    fn challenge(
        &mut self,
        now: Time,
        network: &NetworkAuthentication,
        attempt: &Attempt<'_>,
        stale: bool,
        resynchronise: Option<([u8; 16], [u8; 14])>,
    ) -> Verdict {
        if !network.algorithms.iter().any(|&algorithm| attempt.scheme.takes(algorithm)) {
            self.counts.not_offered += 1;
            return Verdict::Refused(Reason::NotOffered);
        }
        if let Err(left) = self.take(now, &attempt.pair()) {
            return limited(left);
        }
        match attempt.scheme {
            Scheme::Aka(imsi) => {
                let pending = Pending { network: attempt.network, imsi, source: attempt.source, stale };
                Verdict::NeedsVectors { pending, resynchronise }
            }
            Scheme::Digest { .. } => {
                self.counts.challenges_md5 += 1;
                let nonce = self.nonces.issue(now, &attempt.bound(Algorithm::Md5));
                Verdict::Challenge(vec![www_authenticate(network, Algorithm::Md5, &nonce, stale)])
            }
        }
    }

    /// Takes what a challenge costs, or says how long it takes until there is enough.
    fn take(&mut self, now: Time, pair: &Pair) -> Result<(), Duration> {
        let (per_identity, per_source) = self.rates;
        let [network, host, identity] = pair.parts();
        // Who was right before, from there, has a bucket that strangers can't empty, whatever source they pretend.
        let proven = self.standings.get(&pair.parts()).is_some_and(|standing| standing.proven);
        if proven {
            let own = self.identities.change(&[network, host, identity]);
            return own.take(now, per_identity).inspect_err(|_| self.counts.limited_identity += 1);
        }
        // The source pays first, so that one that has nothing left takes nothing from the identity.
        let of_source = self.sources.change(&[host]);
        of_source.take(now, per_source).inspect_err(|_| self.counts.limited_source += 1)?;
        let of_all = self.identities.change(&[network, b"", identity]);
        of_all.take(now, per_identity).inspect_err(|_| self.counts.limited_identity += 1)
    }

    /// The values of WWW-Authenticate for a 401 with this vector, one for each algorithm of the network. None if XRES
    /// has fewer than its 4 octets (TS 33.102 6.3.7): it would be guessed.
    pub fn challenge_with_vector(&mut self, now: Time, pending: &Pending, vector: &Vector) -> Vec<String> {
        let networks = self.networks.clone();
        let Some(network) = networks.get(usize::from(pending.network)) else { return vec![] };
        if vector.xres.len() < 4 {
            return vec![];
        }
        let mut rand_autn = [0; 32];
        rand_autn[..16].copy_from_slice(&vector.rand);
        rand_autn[16..].copy_from_slice(&vector.autn);
        let aka = network.algorithms.iter().copied().filter(|algorithm| algorithm.is_aka());
        aka.map(|algorithm| {
            match algorithm {
                Algorithm::AkaV2Md5 => self.counts.challenges_akav2 += 1,
                _ => self.counts.challenges_akav1 += 1,
            }
            let Pending { network: number, imsi, source, .. } = *pending;
            let bound = Bound { algorithm, network: number, source, imsi };
            let nonce = self.nonces.issue_aka(now, &bound, &rand_autn, &vector.password(algorithm));
            www_authenticate(network, algorithm, &nonce, pending.stale)
        })
        .collect()
    }
}

/// A subscriber of a network at a source: what wrong and right answers are kept for.
struct Pair {
    network: [u8; 2],
    host: [u8; 16],
    imsi: [u8; 16],
}

impl Pair {
    fn parts(&self) -> [&[u8]; 3] {
        [&self.network, &self.host, &self.imsi]
    }
}

impl Attempt<'_> {
    fn pair(&self) -> Pair {
        let imsi = self.scheme.imsi().digits().to_u128().to_le_bytes();
        Pair { network: self.network.to_le_bytes(), host: limits::host(self.source), imsi }
    }

    fn bound(&self, algorithm: Algorithm) -> Bound {
        Bound { algorithm, network: self.network, source: self.source, imsi: self.scheme.imsi() }
    }
}

impl Scheme<'_> {
    fn imsi(&self) -> Imsi {
        match *self {
            Self::Digest { imsi, .. } | Self::Aka(imsi) => imsi,
        }
    }

    fn takes(&self, algorithm: Algorithm) -> bool {
        algorithm.is_aka() == matches!(self, Self::Aka(_))
    }

    /// Whether this user name, as it stands in a header, is the subscriber's.
    fn is_named(&self, username: &[u8], network: &NetworkAuthentication) -> bool {
        match self {
            Self::Digest { user, .. } => user.is_some_and(|user| username == user.as_bytes()),
            Self::Aka(imsi) => {
                let served = ServedRealms { mcc: network.mcc, mnc: network.mnc, realms: &network.realms };
                Nai::parse(username).is_some_and(|nai| nai.imsi(&served) == Ok(*imsi))
            }
        }
    }
}

/// What an answer's digest is made of, and the digest.
fn answer<'a>(attempt: &Attempt<'a>, given: &Authorization<'a>) -> Result<(Answer<'a>, [u8; 16]), Found> {
    let (Some(uri), Some(cnonce), Some(nc), Some(nonce)) = (given.uri, given.cnonce, given.nc, given.nonce)
    else {
        return Err(Found::Malformed("Authorization Incomplete"));
    };
    if !given.qop.is_some_and(|qop| qop.eq_ignore_ascii_case(b"auth")) {
        return Err(Found::Malformed("Bad Or Missing Qop"));
    }
    let Some(response) = given.response.and_then(digest::from_hex) else {
        return Err(Found::Malformed("Bad Or Missing Response"));
    };
    if nc != b"00000001" {
        return Err(Found::Wrong(Reason::WrongNonceCount));
    }
    if !is_same(uri, attempt.request_uri) {
        return Err(Found::Wrong(Reason::WrongUri));
    }
    Ok((Answer { nonce, nc, cnonce, method: attempt.method, uri }, response))
}

/// Whether two URIs are for the same resource (RFC 7616 3.4.6, RFC 3261 22.4): octet by octet, or as SIP compares them.
/// Phones leave out parameters of the Request-URI, or spell the host in another way. The digest is of theirs.
fn is_same(uri: &[u8], request_uri: &[u8]) -> bool {
    let canonical = |uri| Uri::parse(uri).and_then(|uri| uri.canonical());
    uri == request_uri || canonical(uri).is_some_and(|uri| Some(uri) == canonical(request_uri))
}

/// The header's value (RFC 7616 3.3).
fn www_authenticate(
    network: &NetworkAuthentication,
    algorithm: Algorithm,
    nonce: &str,
    stale: bool,
) -> String {
    let stale = if stale { ",stale=true" } else { "" };
    let (realm, algorithm) = (&network.realm, algorithm.name());
    format!("Digest realm=\"{realm}\",nonce=\"{nonce}\",algorithm={algorithm},qop=\"auth\"{stale}")
}

fn limited(left: Duration) -> Verdict {
    let seconds = left.as_nanos().div_ceil(1_000_000_000).max(1);
    Verdict::Limited { retry_after_s: u32::try_from(seconds).unwrap_or(u32::MAX) }
}
