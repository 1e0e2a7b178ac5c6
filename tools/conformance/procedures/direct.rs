//! TR 23.804 8.1: registration of a UE at the gateway itself, in each form of R1.

use super::harness::ber::{hex, international, spell, tlv};
use super::harness::direct::*;
use super::harness::gateway::{Bench, Options, isolated};
use super::harness::hlr::{self, Hlr, SEND_AUTHENTICATION_INFO};
use super::harness::phone::{Challenge, DOMAIN, Phone, REALM, URI, Vector};
use super::harness::ss7::error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(super) const DIGEST: Options = Options { direct: "digest", ..Options::DEFAULT };
const AKA: Options = Options { direct: "aka", ..Options::DEFAULT };

/// Steps 2 to 6 of somebody of the subscriber file, and what follows: both ways work, a refresh asks the HLR nothing,
/// and a nonce serves once.
fn registers(bench: &mut Bench, r1: &str, before: bool) {
    let mut phone = Phone::new(1000);
    let (imsi, tel) = (phone.ue.imsi.clone(), phone.ue.tel());
    let identities = [phone.aor.clone(), tel];
    let identities: Vec<&str> = identities.iter().map(String::as_str).collect();
    let challenge = challenged(bench, &mut phone, 3600);
    let draft = proved(bench, &mut phone, 3600, &challenge);
    bench.send(&draft);
    let asked = if r1 != "preconfigured" && before {
        let asked = bench.expect_asked();
        assert_tells(&asked, r1, &imsi, true);
        bench.assert_silent(); // step 6 waits for step 5
        inserts(bench, r1, &asked, &phone);
        bench.hlr_agrees(&asked);
        None
    } else {
        (r1 != "preconfigured").then(|| bench.expect_asked())
    };
    let response = bench.expect_response(&draft);
    assert_registered(&response, &draft, &phone, 3600, &identities);
    if let Some(asked) = asked {
        assert_tells(&asked, r1, &imsi, true);
        bench.assert_silent();
        inserts(bench, r1, &asked, &phone);
        bench.hlr_agrees(&asked);
    }
    bench.assert_silent();
    assert_eq!(phone_sends(bench, &phone), spell(&international(&phone.ue.msisdn)));
    phone_gets(bench, &phone);

    // Again, after another challenge; the old answer is good for nothing.
    let replayed = bench.phone_register(&mut phone, 1800).with("Authorization", draft.value("Authorization"));
    let response = bench.transact(&replayed);
    assert_answers_phone(&response, "SIP/2.0 401 Unauthorized", &replayed);
    let again = Challenge::parse(response.header("WWW-Authenticate"));
    assert!(again.stale && again.nonce != challenge.nonce, "{again:?}");
    let draft = proved(bench, &mut phone, 1800, &again);
    let response = bench.transact(&draft);
    assert_registered(&response, &draft, &phone, 1800, &identities);
    bench.assert_silent();
    phone_gets(bench, &phone);
}

/// An HLR that has an SGSN in us tells it the subscriber's data first.
fn inserts(bench: &mut Bench, r1: &str, asked: &hlr::Asked, phone: &Phone) {
    if r1 == "update_gprs_location" {
        let argument = hlr::insert_subscriber_data(None, Some(&phone.ue.msisdn));
        let told = bench.hlr_inserts(asked, [0x48, 0, 0, 1], true, &[(1, argument)]);
        assert_eq!(told, [result(1)]);
    }
}

/// The empty result of insertSubscriberData.
fn result(invoke: u8) -> String {
    spell(&tlv(0xa2, &[&[2, 1, invoke], &hex("3005 020107 3000")]))
}

#[test]
fn p_8_1_any_time_modification_before_the_answer() {
    let r1 = "any_time_modification";
    isolated(Options { r1, ..DIGEST }, |bench| registers(bench, r1, true));
}

#[test]
fn p_8_1_any_time_modification_after_the_answer() {
    let r1 = "any_time_modification";
    isolated(Options { r1, r1_order: "after_200", ..DIGEST }, |bench| registers(bench, r1, false));
}

#[test]
fn p_8_1_update_gprs_location_before_the_answer() {
    let r1 = "update_gprs_location";
    isolated(Options { r1, ..DIGEST }, |bench| registers(bench, r1, true));
}

#[test]
fn p_8_1_update_gprs_location_after_the_answer() {
    let r1 = "update_gprs_location";
    isolated(Options { r1, r1_order: "after_200", ..DIGEST }, |bench| registers(bench, r1, false));
}

#[test]
fn p_8_1_preconfigured() {
    isolated(DIGEST, |bench| registers(bench, "preconfigured", true));
}

/// Step 5: one insertSubscriberData or two, in one Continue or in one each, in dialogues of AKA's UEs, whom no file
/// knows: the number is the HLR's.
#[test]
fn p_8_1_subscriber_data_in_continues_bring_the_msisdn() {
    let options = Options { r1: "update_gprs_location", ..AKA };
    isolated(options, |bench| {
        let mut hlr = Hlr::default();
        for (number, together, alone) in [(0, 1, 0), (1, 2, 0), (2, 1, 1)] {
            let mut phone = Phone::with_sim(number);
            let draft = aka_proved(bench, &mut hlr, &mut phone, "AKAv2-MD5");
            bench.send(&draft);
            let asked = bench.expect_asked();
            assert_tells(&asked, "update_gprs_location", &phone.ue.imsi, true);
            let number = hlr::insert_subscriber_data(None, Some(&phone.ue.msisdn));
            let more = hlr::insert_subscriber_data(None, None);
            let otid = [0x48, 0, 1, asked.begin.otid()[3]];
            let both = [(7, number), (8, more.clone())];
            let told = bench.hlr_inserts(&asked, otid, true, &both[..together]);
            assert_eq!(told, [result(7), result(8)][..together]);
            if alone > 0 {
                let told = bench.hlr_inserts(&asked, otid, false, &[(9, more)]);
                assert_eq!(told, [result(9)]);
            }
            bench.assert_silent();
            bench.hlr_agrees(&asked);
            let response = bench.expect_response(&draft);
            assert_registered(&response, &draft, &phone, 600, &[&phone.aor.clone(), &phone.ue.tel()]);
            assert_eq!(phone_sends(bench, &phone), spell(&international(&phone.ue.msisdn)));
            phone_gets(bench, &phone);
        }
        bench.assert_silent();
    });
}

/// Step 2 with AKA up to the REGISTER that answers the challenge.
#[track_caller]
fn aka_proved(
    bench: &mut Bench,
    hlr: &mut Hlr,
    phone: &mut Phone,
    algorithm: &str,
) -> super::harness::sip::Draft {
    let draft = bench.phone_register(phone, 600);
    bench.send(&draft);
    let asked = bench.expect_asked();
    asked.assert_is(SEND_AUTHENTICATION_INFO, &hlr::send_authentication_info(&phone.ue.imsi, &[]));
    bench.assert_silent();
    hlr.answer(bench, &asked);
    let response = bench.expect_response(&draft);
    assert_answers_phone(&response, "SIP/2.0 401 Unauthorized", &draft);
    let vector = hlr.vector(&phone.ue.imsi);
    let challenges = Challenge::all(&response);
    assert_eq!(
        challenges.iter().map(|it| it.algorithm.as_str()).collect::<Vec<_>>(),
        ["AKAv2-MD5", "AKAv1-MD5"]
    );
    for challenge in &challenges {
        assert_eq!((challenge.realm.as_str(), challenge.stale), (REALM, false));
        assert_eq!(challenge.rand_autn(), [vector.rand, vector.autn].concat(), "RFC 3310 3.2");
    }
    let chosen = challenges.iter().find(|it| it.algorithm == algorithm).unwrap();
    let proof = chosen.authorization(&phone.user, &vector.password(algorithm), URI);
    bench.phone_register(phone, 600).with("Authorization", proof)
}

/// AKAv1 and AKAv2, each with its own password; RES of another vector, or of nobody, is refused; so is a used nonce.
#[test]
fn p_8_1_aka_with_both_algorithms() {
    isolated(AKA, |bench| {
        let mut hlr = Hlr::default();
        for (number, algorithm) in [(0, "AKAv1-MD5"), (1, "AKAv2-MD5")] {
            let mut phone = Phone::with_sim(number);
            let draft = aka_proved(bench, &mut hlr, &mut phone, algorithm);
            let response = bench.transact(&draft);
            assert_registered(&response, &draft, &phone, 600, &[&phone.aor.clone()]);
            bench.assert_silent();
            phone_gets(bench, &phone);

            let again =
                bench.phone_register(&mut phone, 600).with("Authorization", draft.value("Authorization"));
            let response = hlr.transact(bench, &again);
            assert_eq!(response.status(), 401);
            assert!(Challenge::all(&response).iter().all(|challenge| challenge.stale), "{response:#?}");

            let wrong = Challenge::all(&response).pop().unwrap();
            let other = Vector::of(&phone.ue.imsi, 77).password(&wrong.algorithm);
            let wrong = wrong.authorization(&phone.user, &other, URI);
            let draft = bench.phone_register(&mut phone, 0).with("Authorization", wrong);
            let response = bench.transact(&draft);
            assert_answers_phone(&response, "SIP/2.0 403 Forbidden", &draft);
            phone_gets(bench, &phone);
        }
        bench.assert_silent();
    });
}

/// A SIM whose sequence number is ahead (TS 33.102 6.3.5): the HLR is told RAND and AUTS and gives another vector.
#[test]
fn p_8_1_aka_resynchronisation() {
    isolated(AKA, |bench| {
        let mut hlr = Hlr::default();
        let mut phone = Phone::with_sim(0);
        let first = bench.phone_register(&mut phone, 600);
        let response = hlr.transact(bench, &first);
        let challenge = Challenge::all(&response).remove(0);
        let before = hlr.vector(&phone.ue.imsi);
        let auts = [0xa5; 14];
        let proof = challenge.authorization(&phone.user, b"", URI);
        let draft = bench
            .phone_register(&mut phone, 600)
            .with("Authorization", format!("{proof},auts=\"{}\"", STANDARD.encode(auts)));
        bench.send(&draft);
        let asked = bench.expect_asked();
        let resynchronisation = tlv(0x30, &[&tlv(4, &[&before.rand]), &tlv(4, &[&auts])]);
        let expected = hlr::send_authentication_info(&phone.ue.imsi, &resynchronisation);
        asked.assert_is(SEND_AUTHENTICATION_INFO, &expected);
        hlr.answer(bench, &asked);
        let response = bench.expect_response(&draft);
        assert_answers_phone(&response, "SIP/2.0 401 Unauthorized", &draft);
        let challenge = Challenge::all(&response).remove(0);
        let vector = hlr.vector(&phone.ue.imsi);
        assert_eq!(challenge.rand_autn(), [vector.rand, vector.autn].concat());
        // The same again is not one more: its nonce is used.
        bench.phone_register(&mut phone, 600);
        let repeated =
            bench.phone_register(&mut phone, 600).with("Authorization", draft.value("Authorization"));
        bench.send(&repeated);
        let asked = bench.expect_asked();
        asked.assert_is(SEND_AUTHENTICATION_INFO, &hlr::send_authentication_info(&phone.ue.imsi, &[]));
        hlr.answer(bench, &asked);
        bench.expect_response(&repeated);

        let proof = challenge.authorization(&phone.user, &vector.password(&challenge.algorithm), URI);
        let draft = bench.phone_register(&mut phone, 600).with("Authorization", proof);
        assert_eq!(bench.transact(&draft).status(), 200);
        bench.assert_silent();
    });
}

/// Steps 2 and 3: a realm that is not served, an IMSI of another network, somebody whom the HLR does not know, an
/// identity of somebody else's; and a UE that says nothing of itself that could be believed.
#[test]
fn p_8_1_refusals_of_who_can_not_be_served() {
    isolated(AKA, |bench| {
        for aor in [
            "sip:262011234567890@example.com".to_owned(),
            "sip:262011234567890@ims.mnc002.mcc262.3gppnetwork.org".to_owned(),
            format!("sip:262021234567890@{DOMAIN}"),
            "sip:nobody@home1.net".to_owned(),
        ] {
            let mut phone = Phone { aor, ..Phone::with_sim(0) };
            let draft = bench.phone_register(&mut phone, 600);
            let response = bench.transact(&draft);
            assert_answers_phone(&response, "SIP/2.0 403 Forbidden", &draft);
        }
        bench.assert_silent();
        for (code, status) in [(1, 404), (36, 500), (35, 500), (34, 503)] {
            let mut phone = Phone::with_sim(u64::from(code));
            let draft = bench.phone_register(&mut phone, 600);
            bench.send(&draft);
            let asked = bench.expect_asked();
            bench.hlr_ends(&asked, &error(code, &[]));
            assert_eq!(bench.expect_response(&draft).status(), status, "for {code}");
        }
        // A SIM proves its own IMSI, and no other's identity.
        let mut hlr = Hlr::default();
        let mut mallory = Phone { aor: Phone::new(1001).aor, ..Phone::with_sim(5) };
        let draft = bench.phone_register(&mut mallory, 600).with(
            "Authorization",
            format!(
                "Digest username=\"{}\",realm=\"{REALM}\",nonce=\"\",uri=\"{URI}\",response=\"\"",
                mallory.user
            ),
        );
        let response = hlr.transact(bench, &draft);
        assert_eq!(hlr.asked, [(SEND_AUTHENTICATION_INFO, mallory.ue.imsi.clone())]);
        let challenge = Challenge::all(&response).remove(0);
        let password = hlr.vector(&mallory.ue.imsi).password(&challenge.algorithm);
        let proof = challenge.authorization(&mallory.user, &password, URI);
        let draft = bench.phone_register(&mut mallory, 600).with("Authorization", proof);
        let response = bench.transact(&draft);
        assert_answers_phone(&response, "SIP/2.0 403 Forbidden", &draft);
        assert_gone(bench, &Phone::new(1001));
        assert_gone(bench, &mallory);
        bench.assert_silent();
    });
}
