//! SIP digest.

use super::*;

fn alice() -> Attempt<'static> {
    attempt(digest("alice"))
}

fn ask(authenticator: &mut Authenticator, now: Time) -> String {
    challenge(authenticator.examine(now, &alice()))
}

fn right(challenge: &str) -> Credential {
    Credential::new("alice", b"open sesame", challenge)
}

#[test]
fn a_password_is_challenged_for_and_found_right() {
    let mut authenticator = authenticator();
    let challenge = ask(&mut authenticator, at(0));
    let shape = format!("Digest realm=\"{REALM}\",nonce=\"\",algorithm=MD5,qop=\"auth\"");
    assert_eq!(challenge.replace(param(&challenge, "nonce").unwrap(), ""), shape);
    let answer = right(&challenge).text();
    assert_eq!(authenticator.examine(at(29_999), &with(&alice(), &answer)), Verdict::Authenticated);
    let counts = &authenticator.counts;
    assert_eq!((counts.challenges_md5, counts.verified, counts.wrong_response), (1, 1, 0));
}

#[test]
fn the_first_register_of_a_ue_of_the_ims_has_an_empty_nonce() {
    let text = format!("Digest username=\"alice\",realm=\"{REALM}\",nonce=\"\",uri=\"{URI}\",response=\"\"");
    let verdict = authenticator().examine(at(0), &with(&alice(), &text));
    assert_eq!(param(&challenge(verdict), "stale"), None);
}

#[test]
fn a_nonce_serves_once_and_not_for_long() {
    let mut authenticator = authenticator();
    let first = right(&ask(&mut authenticator, at(0)));
    assert_eq!(authenticator.examine(at(1), &with(&alice(), &first.text())), Verdict::Authenticated);
    let again = Credential { nc: "00000002".into(), ..first.clone() };
    for text in [first.text(), again.text()] {
        assert!(is_stale(authenticator.examine(at(2), &with(&alice(), &text))));
    }
    assert_eq!(authenticator.counts.replayed, 2);

    let late = right(&ask(&mut authenticator, at(10)));
    let verdict = authenticator.examine(at(32_100), &with(&alice(), &late.text()));
    let stale = challenge(verdict);
    assert_eq!((param(&stale, "stale"), authenticator.counts.stale), (Some("true"), 1));
    let answer = right(&stale).text();
    assert_eq!(authenticator.examine(at(32_101), &with(&alice(), &answer)), Verdict::Authenticated);
}

#[test]
fn a_wrong_answer_uses_the_nonce_up() {
    let mut authenticator = authenticator();
    let credential = right(&ask(&mut authenticator, at(0)));
    let wrong = Credential { password: b"open".to_vec(), ..credential.clone() };
    let verdict = authenticator.examine(at(1), &with(&alice(), &wrong.text()));
    assert_eq!(verdict, Verdict::Refused(Reason::WrongResponse));
    assert!(is_stale(authenticator.examine(at(2), &with(&alice(), &credential.text()))));
    assert_eq!((authenticator.counts.wrong_response, authenticator.counts.unknown_user), (1, 0));
}

#[test]
fn who_is_unknown_fails_like_a_wrong_password() {
    let mut authenticator = authenticator();
    let mallory = attempt(digest("mallory"));
    let credential = Credential::new("mallory", b"", &challenge(authenticator.examine(at(0), &mallory)));
    let verdict = authenticator.examine(at(1), &with(&mallory, &credential.text()));
    assert_eq!(verdict, Verdict::Refused(Reason::WrongResponse));
    assert_eq!((authenticator.counts.wrong_response, authenticator.counts.unknown_user), (1, 1));
}

#[test]
fn each_field_is_checked() {
    type Change = fn(&mut Credential);
    let changes: [(Change, Verdict); 10] = [
        (|it| it.nc = "00000002".into(), Verdict::Refused(Reason::WrongNonceCount)),
        (|it| it.nc = "1".into(), Verdict::Refused(Reason::WrongNonceCount)),
        (|it| it.uri = "sip:else.net".into(), Verdict::Refused(Reason::WrongUri)),
        (|it| it.uri = format!("{URI}:5070"), Verdict::Refused(Reason::WrongUri)),
        (|it| it.uri = "*".into(), Verdict::Refused(Reason::WrongUri)),
        (|it| it.username = "bob".into(), Verdict::Refused(Reason::OtherUser)),
        (|it| it.method = "MESSAGE".into(), Verdict::Refused(Reason::WrongResponse)),
        (|it| it.password = vec![], Verdict::Refused(Reason::WrongResponse)),
        (|it| it.qop = "auth-int".into(), Verdict::Malformed("Bad Or Missing Qop")),
        (|it| it.auts = Some("AAAA".into()), Verdict::Authenticated),
    ];
    for (change, verdict) in changes {
        let mut authenticator = authenticator();
        let mut credential = right(&ask(&mut authenticator, at(0)));
        change(&mut credential);
        assert_eq!(authenticator.examine(at(1), &with(&alice(), &credential.text())), verdict);
    }
}

#[test]
fn a_phone_may_spell_the_request_uri_in_another_way() {
    for uri in [format!("{URI};transport=udp"), URI.to_uppercase().replacen("SIP:", "sip:", 1)] {
        let mut authenticator = authenticator();
        let challenge = ask(&mut authenticator, at(0));
        let answer = Credential { uri, ..right(&challenge) }.text();
        assert_eq!(authenticator.examine(at(1), &with(&alice(), &answer)), Verdict::Authenticated);
    }
}

/// The first REGISTER does not tell the user name, and the subscriber may have several.
#[test]
fn a_challenge_is_for_a_subscriber_whatever_name_the_answer_gives() {
    let Scheme::Digest { imsi, .. } = digest("alice") else { unreachable!() };
    for (user, verdict) in [
        (Some("bob"), Verdict::Authenticated),
        (Some("alice"), Verdict::Refused(Reason::OtherUser)),
        (None, Verdict::Refused(Reason::OtherUser)),
    ] {
        let mut authenticator = authenticator();
        let asked = attempt(Scheme::Digest { imsi, user: None });
        let bob =
            Credential { username: "bob".into(), ..right(&challenge(authenticator.examine(at(0), &asked))) };
        let text = bob.text();
        let answered = with(&attempt(Scheme::Digest { imsi, user }), &text);
        assert_eq!(authenticator.examine(at(1), &answered), verdict, "{user:?}");
        // Whoever it was, it was used.
        assert!(is_stale(authenticator.examine(at(2), &answered)));
    }
}

#[test]
fn a_challenge_is_for_one_subscriber_at_one_source_in_one_network() {
    let mut authenticator = authenticator();
    let credential = right(&ask(&mut authenticator, at(0)));
    let bob = Credential { username: "bob".into(), ..credential.clone() };
    assert!(is_stale(authenticator.examine(at(1), &with(&attempt(digest("bob")), &bob.text()))));
    let text = credential.text();
    let elsewhere = Attempt { source: "192.0.2.8".parse().unwrap(), ..with(&alice(), &text) };
    assert!(is_stale(authenticator.examine(at(1), &elsewhere)));
    let other_network = Attempt { network: 1, ..with(&alice(), &text) };
    assert!(is_stale(authenticator.examine(at(1), &other_network)));
    assert_eq!(authenticator.counts.stale, 3);
    let no_network = Attempt { network: 2, ..with(&alice(), &text) };
    assert_eq!(authenticator.examine(at(1), &no_network), Verdict::Refused(Reason::NotOffered));

    for other in [
        Credential { realm: "else.net".into(), ..credential.clone() },
        Credential { algorithm: "SHA-256".into(), ..credential.clone() },
        Credential { algorithm: "AKAv1-MD5".into(), ..credential.clone() },
    ] {
        let verdict = authenticator.examine(at(1), &with(&alice(), &other.text()));
        assert_eq!(param(&challenge(verdict), "stale"), None);
    }
    assert_eq!(authenticator.counts.not_offered, 3);
    // All that has not used the challenge up.
    assert_eq!(authenticator.examine(at(1), &with(&alice(), &text)), Verdict::Authenticated);
}

#[test]
fn quotes_and_case_of_tokens_do_not_matter() {
    let mut authenticator = authenticator();
    let text = right(&ask(&mut authenticator, at(0))).text();
    let text = text.replace("algorithm=MD5", "Algorithm = \"md5\"").replace("nc=00000001", "NC=\"00000001\"");
    let text = text.replace("qop=auth", "qop=\"auth\" ,").replace("Digest", "dIGEST");
    assert_eq!(authenticator.examine(at(1), &with(&alice(), &text)), Verdict::Authenticated);
    let text = right(&ask(&mut authenticator, at(2))).text().replace("algorithm=MD5, ", "");
    assert_eq!(authenticator.examine(at(3), &with(&alice(), &text)), Verdict::Authenticated, "RFC 2617");
}

#[test]
fn no_part_of_an_answer_passes_and_no_octets_panic() {
    let mut given = authenticator();
    let text = right(&ask(&mut given, at(0))).text();
    for end in 0..text.len() {
        let mut again = authenticator();
        assert_eq!(
            param(&ask(&mut again, at(0)), "nonce"),
            text.split('"').nth(5),
            "the same key, the same nonce"
        );
        let verdict = again.examine(at(1), &with(&alice(), &text[..end]));
        assert_ne!(verdict, Verdict::Authenticated, "{end}");
    }
    let verdict = |text: &str| authenticator().examine(at(1), &with(&alice(), text));
    for other in ["Basic x", "NoOneKnowsThisScheme opaque-data=here", "x"] {
        assert!(matches!(verdict(other), Verdict::Challenge(_)), "{other}: RFC 4475 3.3.11");
    }
    assert_eq!(
        verdict("Digest nonce=\"a\", nonce=\"a\""),
        Verdict::Malformed("Repeated Authorization Parameter")
    );
    assert_eq!(verdict("Digest nonce=\"a"), Verdict::Malformed("Bad Authorization"));
    for needed in ["cnonce=", "nc=", " uri=", "qop=", "response="] {
        let mut authenticator = authenticator();
        let text = right(&ask(&mut authenticator, at(0))).text().replace(needed, " x-other=");
        let verdict = authenticator.examine(at(1), &with(&alice(), &text));
        assert!(matches!(verdict, Verdict::Malformed(_)), "{needed}");
    }
    for at_octet in 0..text.len() {
        for flip in [1, 0x80, 0x20] {
            let mut again = authenticator();
            ask(&mut again, at(0));
            let mut octets = text.clone().into_bytes();
            octets[at_octet] ^= flip;
            let attempt = Attempt { authorization: Some(&octets), ..alice() };
            again.examine(at(1), &attempt);
        }
    }
}

#[test]
fn another_life_knows_none_of_the_challenges_of_this_one() {
    let mut authenticator = authenticator();
    let text = right(&ask(&mut authenticator, at(0))).text();
    let config = AuthenticatorConfig::new(vec![network()]);
    let mut next_life = Authenticator::new(config, &SipKey::new([8; 16]));
    ask(&mut next_life, at(0));
    assert!(is_stale(next_life.examine(at(1), &with(&alice(), &text))));
}

#[test]
fn a_network_without_the_scheme_refuses() {
    let only_aka = NetworkAuthentication { algorithms: vec![Algorithm::AkaV1Md5], ..network() };
    let mut authenticator =
        Authenticator::new(AuthenticatorConfig::new(vec![only_aka]), &SipKey::new([7; 16]));
    assert_eq!(authenticator.examine(at(0), &alice()), Verdict::Refused(Reason::NotOffered));
}
