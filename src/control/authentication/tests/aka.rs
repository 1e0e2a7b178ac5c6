//! AKA.

use super::*;
use crate::base::Inline;

const IMPI: &str = "262011234567890@ims.mnc001.mcc262.3gppnetwork.org";

fn scheme() -> Scheme<'static> {
    Scheme::Aka("262011234567890".parse().unwrap())
}

fn vector() -> Vector {
    // Test set 1 of TS 35.208.
    let octets = |hex: &str| u128::from_str_radix(hex, 16).unwrap().to_be_bytes();
    Vector {
        rand: octets("23553cbe9637a89d218ae64dae47bf35"),
        autn: [0x5a; 16],
        xres: Inline::new(&0xa542_11d5_e3ba_50bf_u64.to_be_bytes()).unwrap(),
        ck: octets("b40ba9a3c58b2a05bbf0d987b21bf8cb"),
        ik: octets("f769bcd751044604127672711c6d3441"),
    }
}

/// The password of AKAv2 for that vector, by another implementation: base64(HMAC-MD5(RES || IK || CK, label)).
const AKAV2: &str = "shzt3q8CWaZnCAWqs3WmEQ==";

/// The challenges that an attempt gets: AKAv2, AKAv1.
fn ask(authenticator: &mut Authenticator, now: Time, attempt: &Attempt<'_>) -> Vec<String> {
    let Verdict::NeedsVectors { pending, resynchronise: None } = authenticator.examine(now, attempt) else {
        panic!("no vectors asked for")
    };
    authenticator.challenge_with_vector(now, &pending, &vector())
}

fn right(challenge: &str) -> Credential {
    let password = vector().xres;
    let akav2 = param(challenge, "algorithm") == Some("AKAv2-MD5");
    Credential::new(IMPI, if akav2 { AKAV2.as_bytes() } else { &password }, challenge)
}

#[test]
fn both_versions_are_challenged_for_and_found_right() {
    for version in 0..2 {
        let mut authenticator = authenticator();
        let challenges = ask(&mut authenticator, at(0), &attempt(scheme()));
        let algorithms: Vec<_> = challenges.iter().filter_map(|it| param(it, "algorithm")).collect();
        assert_eq!(algorithms, ["AKAv2-MD5", "AKAv1-MD5"]);
        let nonce = STANDARD.decode(param(&challenges[version], "nonce").unwrap()).unwrap();
        assert_eq!(nonce[..32], [vector().rand, vector().autn].concat(), "RFC 3310 3.2");
        let text = right(&challenges[version]).text();
        let verdict = authenticator.examine(at(1), &with(&attempt(scheme()), &text));
        assert_eq!(verdict, Verdict::Authenticated);
        let counts = &authenticator.counts;
        assert_eq!((counts.challenges_akav1, counts.challenges_akav2, counts.verified), (1, 1, 1));
    }
}

#[test]
fn the_password_of_akav2_is_that_of_rfc_4169() {
    let password = vector().password(Algorithm::AkaV2Md5);
    assert_eq!(STANDARD.encode(&password[..]), AKAV2);
    let by_text = ha1(b"u", b"r", AKAV2.as_bytes());
    assert_eq!(ha1_of_aka(Algorithm::AkaV2Md5, b"u", b"r", &password), by_text);
}

#[test]
fn the_user_name_may_be_any_nai_with_the_imsi() {
    for (username, verdict) in [
        ("0262011234567890@wlan.mnc001.mcc262.3gppnetwork.org", Verdict::Authenticated),
        ("6262011234567890@nai.epc.mnc001.mcc262.3gppnetwork.org", Verdict::Authenticated),
        ("262011234567890@home1.net", Verdict::Authenticated),
        ("262011234567891@home1.net", Verdict::Refused(Reason::OtherUser)),
        ("262011234567890@else.net", Verdict::Refused(Reason::OtherUser)),
        ("2262011234567890@wlan.mnc001.mcc262.3gppnetwork.org", Verdict::Refused(Reason::OtherUser)),
        ("262011234567890", Verdict::Refused(Reason::OtherUser)),
    ] {
        let mut authenticator = authenticator();
        let challenges = ask(&mut authenticator, at(0), &attempt(scheme()));
        let credential = Credential { username: username.into(), ..right(&challenges[1]) };
        let found = authenticator.examine(at(1), &with(&attempt(scheme()), &credential.text()));
        assert_eq!(found, verdict, "{username}");
    }
}

#[test]
fn a_wrong_res_is_refused_and_a_replay_asks_for_another_vector() {
    let mut authenticator = authenticator();
    let challenges = ask(&mut authenticator, at(0), &attempt(scheme()));
    let good = right(&challenges[1]);
    let wrong = Credential { password: vec![0; 8], ..right(&challenges[0]) };
    let found = authenticator.examine(at(1), &with(&attempt(scheme()), &wrong.text()));
    assert_eq!(found, Verdict::Refused(Reason::WrongResponse));
    assert_eq!(authenticator.examine(at(1), &with(&attempt(scheme()), &good.text())), Verdict::Authenticated);
    let text = good.text();
    let challenges = ask(&mut authenticator, at(2), &with(&attempt(scheme()), &text));
    assert_eq!((param(&challenges[0], "stale"), authenticator.counts.replayed), (Some("true"), 1));
}

#[test]
fn no_octet_of_a_nonce_can_be_another() {
    let mut given = authenticator();
    let credential = right(&ask(&mut given, at(0), &attempt(scheme()))[1]);
    let octets = STANDARD.decode(&credential.nonce).unwrap();
    for place in 0..octets.len() {
        for flip in [1, 0x80] {
            let mut changed = octets.clone();
            changed[place] ^= flip;
            let credential = Credential { nonce: STANDARD.encode(changed), ..credential.clone() };
            let mut again = authenticator();
            ask(&mut again, at(0), &attempt(scheme()));
            let found = again.examine(at(1), &with(&attempt(scheme()), &credential.text()));
            assert!(matches!(found, Verdict::NeedsVectors { resynchronise: None, .. }), "{place}");
            assert_eq!(again.counts.stale, 1);
        }
    }
    for len in 0..octets.len() {
        let credential = Credential { nonce: STANDARD.encode(&octets[..len]), ..credential.clone() };
        let found = given.examine(at(20_000 * len as u64), &with(&attempt(scheme()), &credential.text()));
        assert!(matches!(found, Verdict::NeedsVectors { resynchronise: None, .. }), "{len}");
    }
}

#[test]
fn a_challenge_serves_its_subscriber_source_and_algorithm_alone() {
    let mut authenticator = authenticator();
    let challenges = ask(&mut authenticator, at(0), &attempt(scheme()));
    let credential = right(&challenges[1]);
    let text = credential.text();
    let other = Scheme::Aka("262011234567891".parse().unwrap());
    let as_version_2 = Credential { algorithm: "AKAv2-MD5".into(), ..credential }.text();
    let source = "2001:db8::1".parse().unwrap();
    for attempt in [
        with(&attempt(other), &text),
        with(&attempt(scheme()), &as_version_2),
        Attempt { source, ..with(&attempt(scheme()), &text) },
        Attempt { network: 1, ..with(&attempt(scheme()), &text) },
    ] {
        let found = authenticator.examine(at(1), &attempt);
        assert!(matches!(found, Verdict::NeedsVectors { resynchronise: None, .. }));
    }
    assert_eq!(authenticator.counts.stale, 4);
}

#[test]
fn re_synchronisation_takes_a_genuine_nonce_and_the_empty_password() {
    let mut authenticator = authenticator();
    let auts = [0xa7; 14];
    let challenges = ask(&mut authenticator, at(0), &attempt(scheme()));
    let base = |challenge: &str| Credential {
        auts: Some(STANDARD.encode(auts)),
        password: vec![],
        ..right(challenge)
    };
    let credential = base(&challenges[0]);
    let text = credential.text();
    let verdict = authenticator.examine(at(1), &with(&attempt(scheme()), &text));
    let Verdict::NeedsVectors { pending, resynchronise } = verdict else { panic!("{verdict:?}") };
    assert_eq!(resynchronise, Some((vector().rand, auts)));
    assert_eq!((pending.imsi.to_string().as_str(), pending.network), ("262011234567890", 0));
    assert_eq!(authenticator.counts.resynchronisations, 1);

    // Once for a challenge.
    let again = authenticator.examine(at(2), &with(&attempt(scheme()), &text));
    assert!(matches!(again, Verdict::NeedsVectors { resynchronise: None, .. }));
    // Not with RES for the password, not without a challenge of ours, not with an AUTS of another length.
    let with_res = Credential { auts: credential.auts.clone(), ..right(&challenges[1]) };
    let found = authenticator.examine(at(3), &with(&attempt(scheme()), &with_res.text()));
    assert_eq!(found, Verdict::Refused(Reason::WrongResponse));
    let invented = Credential { nonce: STANDARD.encode([9; 81]), ..credential };
    let found = authenticator.examine(at(4), &with(&attempt(scheme()), &invented.text()));
    assert!(matches!(found, Verdict::NeedsVectors { resynchronise: None, .. }));
    for wrong in [STANDARD.encode([1; 13]), STANDARD.encode([1; 15]), "%".into(), "AAA=".into()] {
        let challenges = ask(&mut authenticator, at(20_000), &attempt(scheme()));
        let credential = Credential { auts: Some(wrong), ..base(&challenges[1]) };
        let found = authenticator.examine(at(20_001), &with(&attempt(scheme()), &credential.text()));
        assert_eq!(found, Verdict::Malformed("Bad AUTS"));
    }
    assert_eq!(authenticator.counts.resynchronisations, 1);
}

#[test]
fn the_empty_password_alone_opens_nothing() {
    let mut authenticator = authenticator();
    let challenges = ask(&mut authenticator, at(0), &attempt(scheme()));
    let credential = Credential { password: vec![], ..right(&challenges[1]) };
    let found = authenticator.examine(at(1), &with(&attempt(scheme()), &credential.text()));
    assert_eq!(found, Verdict::Refused(Reason::WrongResponse));
    let Verdict::NeedsVectors { pending, .. } = authenticator.examine(at(2), &attempt(scheme())) else {
        panic!()
    };
    let short = Vector { xres: Inline::new(&[1, 2, 3]).unwrap(), ..vector() };
    assert!(authenticator.challenge_with_vector(at(2), &pending, &short).is_empty());
}

#[test]
fn a_ue_may_refuse_the_challenge() {
    let mut authenticator = authenticator();
    let challenges = ask(&mut authenticator, at(0), &attempt(scheme()));
    let credential = right(&challenges[1]);
    let text = format!(
        "Digest username=\"{IMPI}\",realm=\"{REALM}\",nonce=\"{}\",uri=\"{URI}\",response=\"\",algorithm=AKAv1-MD5",
        credential.nonce
    );
    let found = authenticator.examine(at(1), &with(&attempt(scheme()), &text));
    assert_eq!(found, Verdict::Refused(Reason::ChallengeRefused));
    assert_eq!(authenticator.counts.challenge_refused, 1);
}

#[test]
fn vectors_are_not_shown() {
    assert_eq!(format!("{:?}", vector()), "Vector(secret)");
}
