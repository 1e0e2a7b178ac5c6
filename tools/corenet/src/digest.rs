//! The UE's side of digest authentication: answers to challenges with a password (RFC 2617) or with a SIM card
//! (RFC 3310, RFC 4169).

use crate::sim_card::{CardAnswer, SimCard};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use md5::{Digest as _, Md5};

/// The value of a WWW-Authenticate header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    /// The realm.
    pub realm: String,
    /// The nonce.
    pub nonce: String,
    /// The algorithm, as in `AKAv1-MD5`.
    pub algorithm: String,
    /// Whether the last answer failed for its nonce alone.
    pub stale: bool,
}

impl Challenge {
    /// Takes a header's value apart; `None` if it is no challenge with the scheme Digest and the protection `auth`.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut challenge =
            Self { realm: String::new(), nonce: String::new(), algorithm: "MD5".into(), stale: false };
        let mut protected = false;
        let mut rest = value.strip_prefix("Digest ")?.trim_start();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=')?;
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_at(after.find(',').unwrap_or(after.len())),
            };
            match name.trim().to_ascii_lowercase().as_str() {
                "realm" => challenge.realm = value.into(),
                "nonce" => challenge.nonce = value.into(),
                "algorithm" => challenge.algorithm = value.trim().into(),
                "stale" => challenge.stale = value.trim().eq_ignore_ascii_case("true"),
                "qop" => protected = value.split(',').any(|qop| qop.trim() == "auth"),
                _ => {}
            }
            rest = after.trim_start().trim_start_matches(',').trim_start();
        }
        (protected && !challenge.nonce.is_empty()).then_some(challenge)
    }
}

/// A UE that authenticates a request.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The user name.
    pub username: &'a str,
    /// The request's method.
    pub method: &'a str,
    /// The Request-URI.
    pub uri: &'a str,
    /// The UE's nonce.
    pub cnonce: &'a str,
    /// How often the challenge's nonce has been used, this time included.
    pub nc: u32,
}

impl Client<'_> {
    /// The Authorization of a first REGISTER, which says who will be authenticated (TS 24.229 5.1.1.2).
    #[must_use]
    pub fn initial(&self, realm: &str) -> String {
        let Self { username, uri, .. } = self;
        format!("Digest username=\"{username}\",realm=\"{realm}\",nonce=\"\",uri=\"{uri}\",response=\"\"")
    }

    /// The Authorization that answers with a password.
    #[must_use]
    pub fn with_password(&self, challenge: &Challenge, password: &[u8]) -> String {
        self.answer(challenge, Some(password), None)
    }

    /// The Authorization that answers as the card says, and what it says; `None` if the challenge is none of AKA. A card
    /// that finds the challenge not the network's gives an empty response, one that finds it not fresh gives AUTS.
    #[must_use]
    pub fn with_card(&self, challenge: &Challenge, card: &mut SimCard) -> Option<(String, CardAnswer)> {
        let nonce = STANDARD.decode(&challenge.nonce).ok()?;
        let (rand, rest) = nonce.split_first_chunk()?;
        let akav2 = match challenge.algorithm.to_ascii_lowercase().as_str() {
            "akav1-md5" => false,
            "akav2-md5" => true,
            _ => return None,
        };
        let answer = card.authenticate(*rand, *rest.first_chunk()?);
        let text = match answer {
            CardAnswer::Response(keys) if akav2 => {
                let key = [&keys.res[..], &keys.ik, &keys.ck].concat();
                let mac = Hmac::<Md5>::new_from_slice(&key).ok()?;
                let mac = mac.chain_update("http-digest-akav2-password").finalize().into_bytes();
                self.answer(challenge, Some(STANDARD.encode(mac).as_bytes()), None)
            }
            CardAnswer::Response(keys) => self.answer(challenge, Some(&keys.res), None),
            CardAnswer::MacFailure => self.answer(challenge, None, None),
            CardAnswer::SyncFailure(auts) => self.answer(challenge, Some(b""), Some(&STANDARD.encode(auts))),
        };
        Some((text, answer))
    }

    fn answer(&self, challenge: &Challenge, password: Option<&[u8]>, auts: Option<&str>) -> String {
        let Self { username, method, uri, cnonce, nc } = self;
        let Challenge { realm, nonce, algorithm, .. } = challenge;
        let response = password.map_or(String::new(), |password| {
            let ha1 = hex_md5(&[format!("{username}:{realm}:").as_bytes(), password].concat());
            let ha2 = hex_md5(format!("{method}:{uri}").as_bytes());
            hex_md5(format!("{ha1}:{nonce}:{nc:08x}:{cnonce}:auth:{ha2}").as_bytes())
        });
        let auts = auts.map_or(String::new(), |auts| format!(",auts=\"{auts}\""));
        format!(
            "Digest username=\"{username}\",realm=\"{realm}\",nonce=\"{nonce}\",uri=\"{uri}\",response=\"{response}\",\
             algorithm={algorithm},cnonce=\"{cnonce}\",qop=auth,nc={nc:08x}{auts}"
        )
    }
}

pub(crate) fn hex_md5(text: &[u8]) -> String {
    Md5::digest(text).iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::milenage::Milenage;
    use crate::sim_card::Subscription;
    use ipsmgw::base::{Inline, SipKey, Time};
    use ipsmgw::control::authentication::{
        Algorithm, Attempt, Authenticator, AuthenticatorConfig, Credentials, NetworkAuthentication, Reason,
        Scheme, Vector, Verdict,
    };

    const URI: &str = "sip:home1.net";
    const NAI: &str = "262011234567890@home1.net";

    fn client() -> Client<'static> {
        Client { username: NAI, method: "REGISTER", uri: URI, cnonce: "0a4f113b", nc: 1 }
    }

    #[test]
    fn answers_are_those_of_rfc_2617() {
        let challenge = Challenge::parse(
            "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
             nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        );
        let mufasa = Client { username: "Mufasa", method: "GET", uri: "/dir/index.html", ..client() };
        let answer = mufasa.with_password(&challenge.unwrap(), b"Circle Of Life");
        assert!(answer.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{answer}");
    }

    #[test]
    fn challenges_are_read_or_refused() {
        let value = "Digest nonce=\"n\",realm=\"a, b=c\", Algorithm=AKAv1-MD5,qop=auth, stale=TRUE";
        let (realm, nonce) = ("a, b=c".into(), "n".into());
        let read = Challenge { realm, nonce, algorithm: "AKAv1-MD5".into(), stale: true };
        assert_eq!(Challenge::parse(value), Some(read));
        for end in 0..value.len() - ", stale=TRUE".len() {
            assert_eq!(Challenge::parse(&value[..end]), None, "{end}");
        }
        assert_eq!(Challenge::parse("Digest nonce=\"n\",qop=\"auth-int\""), None);
        assert_eq!(Challenge::parse("Basic realm=\"a\""), None);
    }

    /// The gateway with one network.
    struct Gateway(Authenticator, Subscription);

    impl Gateway {
        fn new(algorithm: Algorithm) -> Self {
            let network = NetworkAuthentication {
                realm: "home1.net".into(),
                mcc: "262".parse().unwrap(),
                mnc: "01".parse().unwrap(),
                realms: vec!["home1.net".into()],
                algorithms: vec![algorithm],
                credentials: Credentials::default(),
            };
            let authenticator =
                Authenticator::new(AuthenticatorConfig::new(vec![network]), &SipKey::new([3; 16]));
            Self(authenticator, Subscription::new(milenage(), [0x80, 0]))
        }

        fn examine(&mut self, authorization: &str) -> Verdict {
            let attempt = Attempt {
                network: 0,
                scheme: Scheme::Aka("262011234567890".parse().unwrap()),
                source: "192.0.2.1".parse().unwrap(),
                method: b"REGISTER",
                request_uri: URI.as_bytes(),
                authorization: Some(authorization.as_bytes()),
            };
            self.0.examine(Time::from_millis(1), &attempt)
        }

        /// The challenge that an Authorization gets.
        fn challenge(&mut self, authorization: &str) -> (Challenge, bool) {
            let Verdict::NeedsVectors { pending, resynchronise } = self.examine(authorization) else {
                panic!("no challenge")
            };
            let synchronised = resynchronise.is_none_or(|(rand, auts)| self.1.resynchronise(rand, auts));
            assert!(synchronised);
            let made = self.1.vector([0x42; 16]);
            let vector = Vector {
                rand: made.rand,
                autn: made.autn,
                xres: Inline::new(&made.keys.res).unwrap(),
                ck: made.keys.ck,
                ik: made.keys.ik,
            };
            let values = self.0.challenge_with_vector(Time::from_millis(1), &pending, &vector);
            (Challenge::parse(&values[0]).unwrap(), resynchronise.is_some())
        }
    }

    fn milenage() -> Milenage {
        Milenage::new([1; 16], [2; 16])
    }

    #[test]
    fn a_card_and_the_gateway_agree() {
        for algorithm in [Algorithm::AkaV1Md5, Algorithm::AkaV2Md5] {
            let (mut gateway, mut card) = (Gateway::new(algorithm), SimCard::new(milenage()));
            let (challenge, _) = gateway.challenge(&client().initial("home1.net"));
            assert_eq!(challenge.algorithm, algorithm.name());
            let (answer, _) = client().with_card(&challenge, &mut card).unwrap();
            assert_eq!(gateway.examine(&answer), Verdict::Authenticated);

            let (challenge, _) = gateway.challenge(&answer);
            assert!(challenge.stale, "a replay");
            let (wrong_nc, _) = Client { nc: 2, ..client() }.with_card(&challenge, &mut card).unwrap();
            assert_eq!(gateway.examine(&wrong_nc), Verdict::Refused(Reason::WrongNonceCount));

            let stranger = client().with_password(&challenge, b"RES?");
            assert_ne!(gateway.examine(&stranger), Verdict::Authenticated);
        }
    }

    #[test]
    fn a_card_that_is_ahead_is_followed() {
        for algorithm in [Algorithm::AkaV1Md5, Algorithm::AkaV2Md5] {
            let (mut gateway, mut card) = (Gateway::new(algorithm), SimCard::new(milenage()));
            card.use_up_to(77_777);
            let (challenge, _) = gateway.challenge(&client().initial("home1.net"));
            let (answer, _) = client().with_card(&challenge, &mut card).unwrap();
            assert!(answer.contains(",auts=\""));
            let (challenge, resynchronised) = gateway.challenge(&answer);
            assert!(resynchronised);
            let (answer, _) = client().with_card(&challenge, &mut card).unwrap();
            assert_eq!(gateway.examine(&answer), Verdict::Authenticated);
        }
    }

    #[test]
    fn a_card_of_another_network_refuses() {
        let mut gateway = Gateway::new(Algorithm::AkaV1Md5);
        let (challenge, _) = gateway.challenge(&client().initial("home1.net"));
        let mut card = SimCard::new(Milenage::new([1; 16], [3; 16]));
        let (answer, _) = client().with_card(&challenge, &mut card).unwrap();
        assert!(answer.contains("response=\"\""));
        assert_eq!(gateway.examine(&answer), Verdict::Refused(Reason::ChallengeRefused));
        let no_aka = Challenge { algorithm: "MD5".into(), ..challenge.clone() };
        assert!(client().with_card(&no_aka, &mut card).is_none());
        let short = Challenge { nonce: STANDARD.encode([0; 31]), ..challenge };
        assert!(client().with_card(&short, &mut card).is_none());
    }
}
