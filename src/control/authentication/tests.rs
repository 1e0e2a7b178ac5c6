//! UEs that answer, and strangers that try to.

use super::digest::{ha1, ha1_of_aka};
use super::*;
use md5::{Digest as _, Md5};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

mod aka;
mod bounds;
mod files;
mod user;

const REALM: &str = "ims.mnc001.mcc262.3gppnetwork.org";
const URI: &str = "sip:ims.mnc001.mcc262.3gppnetwork.org";
const HOME: &str = "192.0.2.7";

fn md5_hex(text: &[u8]) -> String {
    Md5::digest(text).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A network with all algorithms, in which `alice` and `bob` have the password `open sesame`.
fn network() -> NetworkAuthentication {
    let line =
        |user| format!("{user}:{REALM}:{}\n", md5_hex(format!("{user}:{REALM}:open sesame").as_bytes()));
    NetworkAuthentication {
        realm: REALM.into(),
        mcc: "262".parse().unwrap(),
        mnc: "01".parse().unwrap(),
        realms: vec!["home1.net".into()],
        algorithms: vec![Algorithm::AkaV2Md5, Algorithm::AkaV1Md5, Algorithm::Md5],
        credentials: Credentials::parse(Path::new("users"), REALM, &(line("alice") + &line("bob"))).unwrap(),
    }
}

fn authenticator() -> Authenticator {
    Authenticator::new(AuthenticatorConfig::new(vec![network(), network()]), &SipKey::new([7; 16]))
}

fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

/// A user with a password, who is a subscriber of his own.
fn digest(user: &str) -> Scheme<'_> {
    let number = user.bytes().fold(0u64, |number, octet| number * 131 + u64::from(octet)) % 10_000_000_000;
    let imsi = format!("26201{number:010}").parse().unwrap();
    Scheme::Digest { imsi, user: Some(user) }
}

/// A REGISTER of `scheme` from home, without credentials.
fn attempt(scheme: Scheme<'_>) -> Attempt<'_> {
    Attempt {
        network: 0,
        scheme,
        source: HOME.parse().unwrap(),
        method: b"REGISTER",
        request_uri: URI.as_bytes(),
        authorization: None,
    }
}

fn with<'a>(attempt: &Attempt<'a>, authorization: &'a str) -> Attempt<'a> {
    Attempt { authorization: Some(authorization.as_bytes()), ..*attempt }
}

/// A parameter of a challenge.
fn param<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let parameters = challenge.strip_prefix("Digest ").unwrap().split(',');
    let mut named = parameters.filter_map(|it| it.split_once('=').filter(|(key, _)| *key == name));
    named.next().map(|(_, value)| value.trim_matches('"'))
}

/// An answer, made as the RFCs say it, field by field.
#[derive(Clone)]
struct Credential {
    username: String,
    realm: String,
    nonce: String,
    uri: String,
    algorithm: String,
    nc: String,
    qop: String,
    method: String,
    password: Vec<u8>,
    auts: Option<String>,
}

impl Credential {
    fn new(username: &str, password: &[u8], challenge: &str) -> Self {
        let given = |name| param(challenge, name).unwrap().to_owned();
        Self {
            username: username.into(),
            realm: given("realm"),
            nonce: given("nonce"),
            uri: URI.into(),
            algorithm: given("algorithm"),
            nc: "00000001".into(),
            qop: given("qop"),
            method: "REGISTER".into(),
            password: password.into(),
            auts: None,
        }
    }

    fn text(&self) -> String {
        let Self { username, realm, nonce, uri, algorithm, nc, qop, .. } = self;
        let ha1 = md5_hex(&[format!("{username}:{realm}:").as_bytes(), &self.password].concat());
        let ha2 = md5_hex(format!("{}:{uri}", self.method).as_bytes());
        let response = md5_hex(format!("{ha1}:{nonce}:{nc}:0a4f113b:{qop}:{ha2}").as_bytes());
        let auts = self.auts.iter().map(|auts| format!(", auts=\"{auts}\"")).collect::<String>();
        format!(
            "Digest username=\"{username}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm={algorithm}, cnonce=\"0a4f113b\", nc={nc}, qop={qop}{auts}"
        )
    }
}

/// The one challenge of a verdict.
fn challenge(verdict: Verdict) -> String {
    match verdict {
        Verdict::Challenge(mut values) if values.len() == 1 => values.remove(0),
        other => panic!("{other:?}"),
    }
}

fn is_stale(verdict: Verdict) -> bool {
    param(&challenge(verdict), "stale") == Some("true")
}

#[test]
fn digests_are_those_of_the_rfcs() {
    let hex = |octets: [u8; 16]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let answer =
        |nonce, cnonce| Answer { nonce, nc: b"00000001", cnonce, method: b"GET", uri: b"/dir/index.html" };
    let rfc_2617 = answer(b"dcd98b7102dd2f0e8b11d0f600bfb0c093", b"0a4f113b");
    let key = ha1(b"Mufasa", b"testrealm@host.com", b"Circle Of Life");
    assert_eq!(hex(rfc_2617.response(&key)), "6629fae49393a05397450978507c4ef1");
    let nonce = b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    let rfc_7616 = answer(nonce, b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ");
    let key = ha1(b"Mufasa", b"http-auth@example.org", b"Circle of Life");
    assert_eq!(hex(rfc_7616.response(&key)), "8ca523f5e9506fed4657c9700eebdbec");
}
