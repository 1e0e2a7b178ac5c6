//! TR 23.804 8.2.1 and 8.2.2: the registration of a UE at the gateway ends, by the UE or by the gateway.

use super::direct::DIGEST;
use super::harness::direct::*;
use super::harness::gateway::{Bench, Options, isolated};
use super::harness::hlr::{Asked, Hlr};
use super::harness::peers::deliver;
use super::harness::phone::Phone;
use super::harness::sip::Sip;
use super::harness::steps::*;
use std::time::Duration;

const ATM: &str = "any_time_modification";
const GPRS: &str = "update_gprs_location";

/// 8.2.1 steps 1, 2, 4 and 5.
fn leaves(bench: &mut Bench, r1: &str, before: bool) {
    let (mut hlr, mut phone) = (Hlr::default(), Phone::new(1000));
    registered(bench, &mut hlr, &mut phone, 3600);
    bench.until("R1", |peers| {
        hlr.serve(peers);
        (r1 == "preconfigured" || !hlr.registered.is_empty()).then_some(())
    });
    bench.settle();
    let challenge = challenged(bench, &mut phone, 0);
    phone_gets(bench, &phone);
    let draft = proved(bench, &mut phone, 0, &challenge);
    bench.send(&draft);
    let tell = |bench: &mut Bench| {
        let asked = bench.expect_asked();
        assert_tells(&asked, r1, &phone.ue.imsi, false);
        bench.assert_silent();
        asked
    };
    if r1 != "preconfigured" && before {
        let asked = tell(bench);
        phone_gets(bench, &phone); // the mapping is there until step 4
        bench.hlr_agrees(&asked);
    }
    let response = bench.expect_response(&draft);
    assert_answers_phone(&response, "SIP/2.0 200 OK", &draft);
    assert_eq!(response.find("Contact"), None, "none is left");
    if r1 != "preconfigured" && !before {
        let asked = tell(bench);
        bench.hlr_agrees(&asked);
    }
    bench.assert_silent();
    assert_gone(bench, &phone);

    // Once more: there is nothing to end, and nobody to tell.
    let challenge = challenged(bench, &mut phone, 0);
    let draft = proved(bench, &mut phone, 0, &challenge);
    assert_eq!(bench.transact(&draft).status(), 200);
    bench.assert_silent();
}

#[test]
fn p_8_2_1_any_time_modification_before_the_answer() {
    isolated(Options { r1: ATM, ..DIGEST }, |bench| leaves(bench, ATM, true));
}

#[test]
fn p_8_2_1_any_time_modification_after_the_answer() {
    isolated(Options { r1: ATM, r1_order: "after_200", ..DIGEST }, |bench| leaves(bench, ATM, false));
}

#[test]
fn p_8_2_1_purge_ms_before_the_answer() {
    isolated(Options { r1: GPRS, ..DIGEST }, |bench| leaves(bench, GPRS, true));
}

#[test]
fn p_8_2_1_purge_ms_after_the_answer() {
    isolated(Options { r1: GPRS, r1_order: "after_200", ..DIGEST }, |bench| leaves(bench, GPRS, false));
}

#[test]
fn p_8_2_1_preconfigured() {
    isolated(DIGEST, |bench| leaves(bench, "preconfigured", true));
}

/// Step 1 for one contact of two: the HLR is not told before the last. And for all of them, by the wildcard.
#[test]
fn p_8_2_1_one_contact_and_all() {
    isolated(Options { r1: ATM, ..DIGEST }, |bench| {
        let mut hlr = Hlr::default();
        for wildcard in [false, true] {
            // With the Call-ID of what has just ended, a lower CSeq would be an old request.
            let mut one = Phone { call: format!("one-{wildcard}"), ..Phone::new(1000) };
            let call = format!("two-{wildcard}");
            let mut two = Phone { call, ..Phone::new(1000).at(Phone::new(1050).address) };
            registered(bench, &mut hlr, &mut one, 3600);
            let response = registered(bench, &mut hlr, &mut two, 1800);
            let mut contacts = response.all("Contact");
            contacts.sort_unstable();
            let mut all =
                [format!("<{}>;expires=3600", one.contact), format!("<{}>;expires=1800", two.contact)];
            all.sort_unstable();
            let seconds_later = all.clone().map(|contact| contact.replace("3600", "3599"));
            assert!(contacts == all || contacts == seconds_later, "{response:#?}");
            assert_eq!(hlr.asked.len(), 1, "R1 once: {:?}", hlr.asked);
            hlr.asked.clear();
            if wildcard {
                two.contact = "*".into();
                registered(bench, &mut hlr, &mut two, 0);
            } else {
                registered(bench, &mut hlr, &mut two, 0);
                bench.assert_silent();
                assert_eq!(hlr.asked, [], "another contact is left");
                phone_gets(bench, &one);
                phone_sends(bench, &one);
                registered(bench, &mut hlr, &mut one, 0);
            }
            assert_eq!((hlr.asked.len(), hlr.registered.len()), (1, 0), "{:?}", hlr.asked);
            hlr.asked.clear();
            assert_gone(bench, &one);
            bench.assert_silent();
        }
    });
}

/// The message of 8.2.2 step 4 (RFC 3680 in a MESSAGE).
#[track_caller]
fn assert_informs(message: &Sip, phone: &Phone, event: &str) {
    assert_towards_phone(message, phone, &phone.aor);
    assert_eq!(message.header("Content-Type"), "application/reginfo+xml");
    let text = String::from_utf8(message.body.clone()).unwrap();
    let read = roxmltree::Document::parse(&text).unwrap();
    let of = |name: &str| {
        read.descendants().find(|node| node.has_tag_name(("urn:ietf:params:xml:ns:reginfo", name)))
    };
    let (registration, contact) = (of("registration").unwrap(), of("contact").unwrap());
    assert_eq!(of("reginfo").unwrap().attribute("state"), Some("full"));
    assert_eq!(
        (registration.attribute("aor"), registration.attribute("state")),
        (Some(phone.aor.as_str()), Some("terminated"))
    );
    assert_eq!((contact.attribute("state"), contact.attribute("event")), (Some("terminated"), Some(event)));
    assert_eq!(of("uri").unwrap().text(), Some(phone.contact.as_str()));
}

/// 8.2.2 steps 1, 3 and 4: the guard timer of a second after an expiry of a second; R1 goes out, the mapping goes, the
/// UE is told after the HLR's answer. A UE that has registered again meanwhile is told nothing.
fn ends(bench: &mut Bench, r1: &str, before: bool) {
    let (mut hlr, mut phone, mut back) = (Hlr::default(), Phone::new(1000), Phone::new(1001));
    let dynamic = r1 != "preconfigured";
    registered(bench, &mut hlr, &mut back, 1);
    registered(bench, &mut hlr, &mut phone, 1);
    let began = bench.now();
    bench.until("R1", |peers| {
        hlr.serve(peers);
        (!dynamic || hlr.registered.len() == 2).then_some(())
    });
    bench.settle();
    let asked: Vec<Asked> = if dynamic { vec![bench.expect_asked(), bench.expect_asked()] } else { vec![] };
    for asked in &asked {
        assert_tells(asked, r1, &asked.imsi(), false);
        assert!(bench.sip.is_empty(), "told before the HLR has answered");
    }
    if dynamic {
        let taken = bench.now().since(began);
        assert!(taken >= Duration::from_millis(1900) && taken < Duration::from_secs(6), "{taken:?}");
        assert_gone(bench, &phone);
        // One comes back before the HLR has answered.
        let challenge = challenged(bench, &mut back, 600);
        let draft = proved(bench, &mut back, 600, &challenge);
        bench.send(&draft);
        if !before {
            assert_eq!(bench.expect_response(&draft).status(), 200);
        }
        bench.assert_silent();
        let [of_back, of_phone] = [&back, &phone]
            .map(|phone| asked.iter().find(|asked| asked.imsi() == phone.ue.imsi).expect("each once"));
        bench.hlr_agrees(of_back);
        let again = bench.expect_asked();
        assert_tells(&again, r1, &back.ue.imsi, true);
        bench.hlr_agrees(&again);
        if before {
            assert_eq!(bench.expect_response(&draft).status(), 200);
        }
        bench.assert_silent(); // step 4 waits for step 3, of this UE
        bench.hlr_agrees(of_phone);
        let message = bench.expect_message();
        assert_informs(&message, &phone, "expired");
        bench.answer(&message, "200 OK");
        bench.assert_silent();
        phone_gets(bench, &back);
    } else {
        for _ in 0..2 {
            let message = bench.expect_message();
            let phone = if message.destination == phone.address { &phone } else { &back };
            assert_informs(&message, phone, "expired");
            bench.answer(&message, "481 Whatever it says");
        }
        let taken = bench.now().since(began);
        assert!(taken >= Duration::from_millis(1900) && taken < Duration::from_secs(6), "{taken:?}");
        bench.assert_silent();
    }
    assert_gone(bench, &phone);
}

const GUARD: Options = Options { guard_s: 1, r1_answer_ms: 15_000, ..DIGEST };

#[test]
fn p_8_2_2_any_time_modification_and_who_comes_back() {
    isolated(Options { r1: ATM, ..GUARD }, |bench| ends(bench, ATM, true));
}

#[test]
fn p_8_2_2_any_time_modification_after_the_answer() {
    isolated(Options { r1: ATM, r1_order: "after_200", ..GUARD }, |bench| ends(bench, ATM, false));
}

#[test]
fn p_8_2_2_purge_ms_and_who_comes_back() {
    isolated(Options { r1: GPRS, ..GUARD }, |bench| ends(bench, GPRS, true));
}

#[test]
fn p_8_2_2_purge_ms_after_the_answer() {
    isolated(Options { r1: GPRS, r1_order: "after_200", ..GUARD }, |bench| ends(bench, GPRS, false));
}

#[test]
fn p_8_2_2_preconfigured() {
    isolated(GUARD, |bench| ends(bench, "preconfigured", true));
}

/// Steps 1 to 4 because an operator says so: the command waits for step 3, and says what came of it.
#[test]
fn p_8_2_2_an_operator_ends_the_registration() {
    isolated(Options { r1: ATM, r1_answer_ms: 15_000, ..DIGEST }, |bench| {
        let (mut hlr, mut phone) = (Hlr::default(), Phone::new(1000));
        registered(bench, &mut hlr, &mut phone, 600);
        let mut command = bench.command_about("deregister", &phone.ue.msisdn, &[]);
        let asked = bench.expect_asked();
        assert_tells(&asked, ATM, &phone.ue.imsi, false);
        bench.assert_silent();
        assert!(command.try_wait().unwrap().is_none(), "the HLR has not answered");
        bench.hlr_agrees(&asked);
        let message = bench.expect_message();
        assert_informs(&message, &phone, "deactivated");
        bench.answer(&message, "200 OK");
        let said = command.wait_with_output().unwrap();
        assert!(said.status.success(), "{said:?}");
        let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
        assert_eq!(
            (&said["deregister"]["outcome"], &said["deregister"]["bindings"]),
            (&"done".into(), &1.into())
        );
        assert_gone(bench, &phone);
        let said = bench.command_about("why", &phone.ue.imsi, &["--imsi"]).wait_with_output().unwrap();
        let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
        let told = &said["why"]["hlr"][0]["told"];
        assert_eq!((&told["what"], &told["answer"]), (&"deregistered".into(), &"agreed".into()));
        // Who is gone was refused a message, and has had none.
        assert_eq!(said["why"]["messages"]["delivered"][0]["outcome"], "failed");
        bench.assert_silent();
    });
}

/// Within the guard time the mapping lives on (G-8), and who renews in time is not ended.
#[test]
fn g_8_the_association_lives_as_long_as_the_registration_and_its_guard_time() {
    isolated(Options { guard_s: 2, ..DIGEST }, |bench| {
        let (mut hlr, mut late, mut renewed) = (Hlr::default(), Phone::new(1000), Phone::new(1001));
        let began = bench.now();
        registered(bench, &mut hlr, &mut late, 1);
        registered(bench, &mut hlr, &mut renewed, 1);
        pass(bench, Duration::from_millis(1500));
        assert!(bench.now().since(began) > Duration::from_secs(1), "what the UEs were told is over");
        phone_gets(bench, &late);
        registered(bench, &mut hlr, &mut renewed, 600);
        let message = bench.expect_message();
        assert_informs(&message, &late, "expired");
        bench.answer(&message, "200 OK");
        let otid = bench.send_mt(&late.ue.imsi, &deliver());
        assert_error(&bench.expect_end(&otid), ABSENT_DEREGISTERED);
        phone_gets(bench, &renewed);
        bench.assert_silent();
    });
}
