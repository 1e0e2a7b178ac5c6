//! the exchange with an HLR that does not do what it is asked, or speaks first; and steps 5 and 6 of 8.7 and 8.8.
//!
//! After each, the HLR as the test plays it and the subscriber table agree within `r1_repair_s`.

use super::direct::DIGEST;
use super::harness::ber::{bcd, international, spell, tlv};
use super::harness::direct::*;
use super::harness::gateway::{Bench, Options, isolated};
use super::harness::hlr::{self, Asked, HLR, Hlr};
use super::harness::peers::{Ue, deliver};
use super::harness::phone::{Challenge, Phone};
use super::harness::sip::Draft;
use super::harness::ss7::{Unitdata, error, udt};
use super::harness::steps::*;
use ipsmgw::base::Time;
use std::collections::BTreeMap;
use std::time::Duration;

const ATM: &str = "any_time_modification";
const GPRS: &str = "update_gprs_location";
/// All quick, so that what is tried again comes soon: `r1_repair_s` is 4 s.
const QUICK: Options =
    Options { r1: ATM, r1_repair_s: 4, r1_answer_ms: 1000, map_registration_ms: 1500, ..DIGEST };
const REPAIR: Duration = Duration::from_secs(4);

/// A REGISTER that has proved who sends it, on its way.
#[track_caller]
fn sent(bench: &mut Bench, phone: &mut Phone, expires: u32) -> Draft {
    let challenge = challenged(bench, phone, expires);
    let draft = proved(bench, phone, expires, &challenge);
    bench.send(&draft);
    draft
}

/// Waits for the next operation, which must come within the time for repair, and does it.
#[track_caller]
fn repaired(bench: &mut Bench, hlr: &mut Hlr, r1: &str, phone: &Phone, registered: bool) {
    let began = bench.now();
    let asked = bench.expect_asked();
    assert!(bench.now().since(began) <= REPAIR, "it took {:?}", bench.now().since(began));
    assert_tells(&asked, r1, &phone.ue.imsi, registered);
    hlr.answer(bench, &asked);
}

/// HLR and table agree about a subscriber, and nothing more is said.
#[track_caller]
fn assert_agree(bench: &mut Bench, hlr: &Hlr, phone: &Phone) {
    bench.settle();
    match hlr.registered.contains(&phone.ue.imsi) {
        true => drop(phone_gets(bench, phone)),
        false => assert_gone(bench, phone),
    }
    bench.assert_silent();
}

/// An HLR that takes 3 s: the UE waits no longer than `r1_answer_ms`, at registration and de-registration.
#[test]
fn r_1_an_hlr_that_is_slow() {
    isolated(Options { map_registration_ms: 20_000, ..QUICK }, |bench| {
        let (mut hlr, mut phone, mut refused) = (Hlr::default(), Phone::new(1000), Phone::new(1001));
        let drafts = [sent(bench, &mut phone, 600)];
        let asked = bench.expect_asked();
        let began = bench.now();
        assert_eq!(bench.expect_response(&drafts[0]).status(), 200);
        let draft = {
            let challenge = challenged(bench, &mut refused, 600);
            proved(bench, &mut refused, 600, &challenge)
        };
        bench.send(&draft);
        let of_refused = bench.expect_asked();
        assert_eq!(bench.expect_response(&draft).status(), 200);
        phone_gets(bench, &phone);
        while bench.now().since(began) < Duration::from_secs(3) {
            bench.step();
        }
        hlr.answer(bench, &asked);
        assert_agree(bench, &hlr, &phone);
        // A refusal as late ends what was granted, and the UE is told.
        bench.hlr_ends(&of_refused, &error(1, &[]));
        let message = bench.expect_message();
        assert_eq!(message.destination, refused.address);
        assert!(String::from_utf8_lossy(&message.body).contains("event=\"rejected\""), "{message:#?}");
        bench.answer(&message, "200 OK");
        assert_agree(bench, &hlr, &refused);

        let draft = sent(bench, &mut phone, 0);
        let asked = bench.expect_asked();
        let began = bench.now();
        assert_eq!(bench.expect_response(&draft).status(), 200);
        assert!(bench.now().since(began) < Duration::from_millis(2500));
        assert_gone(bench, &phone);
        hlr.answer(bench, &asked);
        assert_agree(bench, &hlr, &phone);
    });
}

/// An HLR that says nothing, in both forms, at registration and de-registration: it is asked again.
fn silent(bench: &mut Bench, r1: &str) {
    let (mut hlr, mut phone) = (Hlr::default(), Phone::new(1000));
    for expires in [600, 0] {
        let draft = sent(bench, &mut phone, expires);
        bench.expect_asked();
        assert_eq!(bench.expect_response(&draft).status(), 200, "expires {expires}");
        repaired(bench, &mut hlr, r1, &phone, expires > 0);
        assert_agree(bench, &hlr, &phone);
    }
}

#[test]
fn r_1_an_hlr_that_is_silent() {
    isolated(QUICK, |bench| silent(bench, ATM));
}

#[test]
fn r_1_an_hlr_that_is_silent_to_an_sgsn() {
    isolated(Options { r1: GPRS, ..QUICK }, |bench| silent(bench, GPRS));
}

/// An HLR believes that somebody is here who is not: his message shows that, and the HLR is told.
fn ghost(bench: &mut Bench, r1: &str) {
    let (mut hlr, phone) = (Hlr::default(), Phone::new(1000));
    hlr.registered.insert(phone.ue.imsi.clone());
    assert_gone(bench, &phone);
    if r1 == GPRS {
        // It can be asked, and is, before anything is changed.
        let asked = bench.expect_asked();
        let question = hlr::send_routing_info_for_sm(&phone.ue.msisdn, &phone.ue.imsi);
        asked.assert_is(hlr::SEND_ROUTING_INFO_FOR_SM, &question);
        hlr.answer(bench, &asked);
    }
    repaired(bench, &mut hlr, r1, &phone, false);
    assert_agree(bench, &hlr, &phone);
}

#[test]
fn r_1_a_message_shows_whom_the_hlr_believes_in() {
    isolated(Options { ghosts: "deregister", ..QUICK }, |bench| ghost(bench, ATM));
}

#[test]
fn r_1_a_message_shows_whom_the_hlr_believes_in_of_an_sgsn() {
    isolated(Options { r1: GPRS, ghosts: "deregister", ..QUICK }, |bench| ghost(bench, GPRS));
}

/// Refused for good: the UE is told at once, with nothing stored (404, 403, 500). An error that says to try again: the UE
/// is not made to wait, and the HLR is asked again.
fn errors(bench: &mut Bench, r1: &str) {
    let mut hlr = Hlr::default();
    let last = [
        (1, 404),
        (5, 404),
        (8, 403),
        (9, 403),
        (12, 403),
        (21, 403),
        (35, 500),
        (36, 500),
        (61, 403),
        (62, 403),
    ];
    for (at, (code, status)) in last.into_iter().enumerate() {
        let mut phone = Phone::new(1000 + at as u64);
        let draft = sent(bench, &mut phone, 600);
        let asked = bench.expect_asked();
        assert_tells(&asked, r1, &phone.ue.imsi, true);
        bench.hlr_ends(&asked, &error(code, &[]));
        let response = bench.expect_response(&draft);
        assert_eq!((response.status(), response.find("Contact")), (status, None), "for {code}");
        assert_agree(bench, &hlr, &phone);
    }
    let later: Vec<(Phone, Draft)> = [34, 51, 13, 99]
        .into_iter()
        .enumerate()
        .map(|(at, code)| {
            let mut phone = Phone::new(1050 + at as u64);
            let (draft, asked) = asked_about(bench, &mut phone);
            bench.hlr_ends(&asked, &error(code, &[]));
            (phone, draft)
        })
        .collect();
    let began = bench.now();
    let mut answered = 0;
    bench.until("repair", |peers| {
        hlr.serve(peers);
        let of_ours =
            |sip: &super::harness::sip::Sip| later.iter().any(|(_, draft)| sip.branch() == draft.branch);
        while let Some(response) = peers.take_sip(of_ours) {
            assert_eq!(response.status(), 200);
            answered += 1;
        }
        (hlr.registered.len() == later.len() && answered == later.len()).then_some(())
    });
    assert!(bench.now().since(began) <= REPAIR);
    for (phone, _) in &later {
        assert_agree(bench, &hlr, phone);
    }
    // De-registration: whatever the HLR says, the UE has gone.
    let draft = sent(bench, &mut later[0].0.clone(), 0);
    let asked = bench.expect_asked();
    hlr.note(&asked);
    bench.hlr_ends(&asked, &error(1, &[]));
    assert_eq!(bench.expect_response(&draft).status(), 200);
    assert_agree(bench, &hlr, &later[0].0);
}

/// As [`sent`], up to the operation, while the HLR may be asked about others.
#[track_caller]
fn asked_about(bench: &mut Bench, phone: &mut Phone) -> (Draft, Asked) {
    let first = bench.phone_register(phone, 600);
    let response = bench.transact(&first);
    let challenge = Challenge::parse(response.header("WWW-Authenticate"));
    let draft = proved(bench, phone, 600, &challenge);
    bench.send(&draft);
    let of_this = |it: &Unitdata| it.kind() == 0x62 && Asked::read(it.clone()).imsi() == phone.ue.imsi;
    let asked = bench.until("R1", |peers| peers.take_unitdata(of_this));
    (draft, Asked::read(asked))
}

#[test]
fn r_1_an_hlr_that_refuses() {
    isolated(QUICK, |bench| errors(bench, ATM));
}

#[test]
fn r_1_an_hlr_that_refuses_an_sgsn() {
    isolated(Options { r1: GPRS, ..QUICK }, |bench| errors(bench, GPRS));
}

/// Dialogues that end otherwise: the provider's abort, the user's, the context refused, a message that comes back, an End
/// without anything in it, a reject. Each is asked once more.
fn aborts(bench: &mut Bench, r1: &str) {
    type End = fn(&mut Bench, &Asked);
    let ends: [(&str, End); 6] = [
        ("P-Abort", |bench, asked| {
            let abort = tlv(0x67, &[&tlv(0x49, &[asked.begin.otid()]), &[0x4a, 1, 4]]);
            bench.reply(&asked.begin, &abort);
        }),
        ("U-Abort", |bench, asked| {
            bench.reply(&asked.begin, &user_abort(asked, &tlv(0x64, &[&[0x80, 1, 0]])))
        }),
        ("context refused", |bench, asked| {
            let context = hlr::context_of(asked.opcode).0;
            let name = tlv(0xa1, &[&[&[6, 7, 4, 0, 0, 1, 0][..], &context].concat()]);
            let refused = tlv(0x61, &[&name, &[0xa2, 3, 2, 1, 1, 0xa3, 5, 0xa1, 3, 2, 1, 2]]);
            bench.reply(&asked.begin, &user_abort(asked, &refused));
        }),
        ("UDTS", |bench, asked| {
            let begin = &asked.begin;
            let mut returned = udt(&begin.calling, &begin.called, &begin.tcap);
            (returned[0], returned[1]) = (0x0a, 1);
            let (now, association, sls) = (bench.now(), begin.association, begin.sls);
            bench.ss7.send(now, association, sls, &returned);
        }),
        ("reject", |bench, asked| bench.hlr_ends(asked, &tlv(0xa4, &[&[2, 1, 1, 0x81, 1, 1]]))),
        ("End", |bench, asked| {
            bench.reply(&asked.begin, &tlv(0x64, &[&tlv(0x49, &[asked.begin.otid()])]));
        }),
    ];
    let ended: Vec<(&str, Phone, Draft, Time)> = ends
        .into_iter()
        .enumerate()
        .map(|(at, (what, end))| {
            let mut phone = Phone::new(1000 + at as u64);
            let (draft, asked) = asked_about(bench, &mut phone);
            end(bench, &asked);
            (what, phone, draft, bench.now())
        })
        .collect();
    let (mut hlr, mut again) = (Hlr::default(), BTreeMap::<String, Vec<Time>>::new());
    bench.until("repair", |peers| {
        while let Some(begin) = peers.take_unitdata(|it| it.kind() == 0x62) {
            let asked = Asked::read(begin);
            assert_tells(&asked, r1, &asked.imsi(), true);
            again.entry(asked.imsi()).or_default().push(peers.now());
            hlr.answer(peers, &asked);
        }
        // What had no answer may be carried out yet: it is made certain, half a time for repair later.
        let certain =
            |(_, phone, ..): &(_, Phone, _, _)| again.get(&phone.ue.imsi).is_some_and(|it| it.len() > 1);
        ended.iter().all(certain).then_some(())
    });
    for (what, phone, draft, since) in &ended {
        let repaired = again[&phone.ue.imsi][0].since(*since);
        assert!(repaired <= REPAIR, "{what}: {repaired:?}");
        assert_eq!(bench.expect_response(draft).status(), 200, "{what}");
    }
    for (_, phone, ..) in &ended {
        assert_agree(bench, &hlr, phone);
        assert_eq!(again[&phone.ue.imsi].len(), 2);
    }
}

/// An ABORT with this dialogue PDU.
fn user_abort(asked: &Asked, pdu: &[u8]) -> Vec<u8> {
    let portion = tlv(0x6b, &[&tlv(0x28, &[&[6, 7, 0, 0x11, 0x86, 5, 1, 1, 1], &tlv(0xa0, &[pdu])])]);
    tlv(0x67, &[&tlv(0x49, &[asked.begin.otid()]), &portion])
}

#[test]
fn r_1_an_hlr_that_aborts_or_refuses_the_context() {
    isolated(QUICK, |bench| aborts(bench, ATM));
}

#[test]
fn r_1_an_hlr_that_aborts_an_sgsn() {
    isolated(Options { r1: GPRS, ..QUICK }, |bench| aborts(bench, GPRS));
}

const CANCELLATION: [[u8; 2]; 2] = [[2, 3], [2, 2]];
const DATA: [u8; 2] = [16, 3];

/// The argument of cancelLocation, in version 3 and 2.
fn cancel_location(imsi: &str, version: u8) -> Vec<u8> {
    let imsi = tlv(4, &[&bcd(imsi, 0xf)]);
    if version == 2 { imsi } else { tlv(0xa3, &[&imsi, &[0x0a, 1, 1]]) }
}

/// deleteSubscriberData of a teleservice.
fn delete_subscriber_data(imsi: &str, teleservice: u8) -> Vec<u8> {
    tlv(0x30, &[&tlv(0x80, &[&bcd(imsi, 0xf)]), &tlv(0xa1, &[&[0x83, 1, teleservice]])])
}

/// Restarted HLRs get their subscribers again, and nobody else's do; Reset has no answer.
#[test]
fn r_1_an_hlr_that_restarts() {
    isolated(QUICK, |bench| {
        let (mut hlr, mut phones) = (Hlr::default(), [Phone::new(1000), Phone::new(1001), Phone::new(1002)]);
        for phone in &mut phones {
            registered(bench, &mut hlr, phone, 600);
        }
        registered(bench, &mut hlr, &mut phones[2], 0);
        let reset = |number: &str| tlv(0x30, &[&tlv(4, &[&international(number)])]);
        for context in [[10, 3], [10, 2]] {
            bench.hlr_invokes(context, hlr::RESET, &reset("491719999999"));
            bench.assert_silent();
            hlr.registered.clear();
            let began = bench.now();
            bench.hlr_invokes(context, hlr::RESET, &reset(HLR));
            let mut imsis = vec![];
            for _ in 0..2 {
                let asked = bench.expect_asked();
                assert_tells(&asked, ATM, &asked.imsi(), true);
                imsis.push(asked.imsi());
                hlr.answer(bench, &asked);
            }
            assert!(bench.now().since(began) <= REPAIR);
            imsis.sort_unstable();
            assert_eq!(imsis, [phones[0].ue.imsi.clone(), phones[1].ue.imsi.clone()]);
            for phone in &phones {
                assert_agree(bench, &hlr, phone);
            }
        }
    });
}

/// What the HLR says may have crossed its answer to the registration of a moment ago: it is told that we don't serve the UE.
#[track_caller]
fn made_certain(bench: &mut Bench, hlr: &mut Hlr, phone: &Phone) {
    let asked = bench.expect_asked();
    assert_tells(&asked, ATM, &phone.ue.imsi, false);
    hlr.answer(bench, &asked);
}

/// cancelLocation in both versions: the registration has ended, which the UE is told.
#[test]
fn r_1_cancel_location() {
    isolated(QUICK, |bench| {
        let mut hlr = Hlr::default();
        for context in CANCELLATION {
            let mut phone = Phone { call: format!("cancelled-{}", context[1]), ..Phone::new(1000) };
            registered(bench, &mut hlr, &mut phone, 600);
            let argument = cancel_location(&phone.ue.imsi, context[1]);
            let otid = bench.hlr_invokes(context, hlr::CANCEL_LOCATION, &argument);
            let end = bench.expect_end(&otid);
            assert!(spell(end.component(0xa2)).starts_with("020101"), "{end:02x?}");
            hlr.registered.remove(&phone.ue.imsi);
            made_certain(bench, &mut hlr, &phone);
            let message = bench.expect_message();
            assert_eq!(message.destination, phone.address);
            assert!(String::from_utf8_lossy(&message.body).contains("event=\"deactivated\""));
            bench.answer(&message, "200 OK");
            assert_agree(bench, &hlr, &phone);
            // Nobody: as good as cancelled.
            let otid = bench.hlr_invokes(
                context,
                hlr::CANCEL_LOCATION,
                &cancel_location("262019999999998", context[1]),
            );
            bench.expect_end(&otid).component(0xa2);
            // He may come back.
            registered(bench, &mut hlr, &mut phone, 600);
            assert_agree(bench, &hlr, &phone);
            registered(bench, &mut hlr, &mut phone, 0);
        }
    });
}

/// deleteSubscriberData: whose short messages are gone is de-registered; another teleservice changes nothing. Of somebody
/// who is not here the HLR is told so.
#[test]
fn r_1_delete_subscriber_data() {
    isolated(Options { ghosts: "deregister", ..QUICK }, |bench| {
        let mut hlr = Hlr::default();
        let invoke = |bench: &mut Bench, imsi: &str, code| {
            bench.hlr_invokes(DATA, hlr::DELETE_SUBSCRIBER_DATA, &delete_subscriber_data(imsi, code))
        };
        let nobody = "262019999999998";
        let otid = invoke(bench, nobody, 0x21);
        assert_eq!(user_error(&bench.expect_end(&otid)).0, 5, "unidentifiedSubscriber");
        let asked = bench.expect_asked();
        assert_tells(&asked, ATM, nobody, false);
        hlr.answer(bench, &asked);
        for teleservice in [0x21, 0x22, 0x20] {
            let mut phone = Phone::new(1000);
            registered(bench, &mut hlr, &mut phone, 600);
            let otid = invoke(bench, &phone.ue.imsi, 0x11);
            bench.expect_end(&otid).component(0xa2);
            assert_agree(bench, &hlr, &phone);
            let otid = invoke(bench, &phone.ue.imsi, teleservice);
            assert!(spell(bench.expect_end(&otid).component(0xa2)).starts_with("020101"));
            hlr.registered.remove(&phone.ue.imsi);
            made_certain(bench, &mut hlr, &phone);
            let message = bench.expect_message();
            assert_eq!(message.destination, phone.address);
            bench.answer(&message, "200 OK");
            assert_agree(bench, &hlr, &phone);
        }
    });
}

/// insertSubscriberData by itself: from now on the subscriber has another number.
#[test]
fn r_1_insert_subscriber_data_changes_the_msisdn() {
    isolated(QUICK, |bench| {
        let (mut hlr, mut phone) = (Hlr::default(), Phone::new(1000));
        registered(bench, &mut hlr, &mut phone, 600);
        let new = "491701999999";
        let argument = hlr::insert_subscriber_data(Some(&phone.ue.imsi), Some(new));
        let otid = bench.hlr_invokes(DATA, hlr::INSERT_SUBSCRIBER_DATA, &argument);
        let end = bench.expect_end(&otid);
        assert_eq!(spell(end.component(0xa2)), "02010130050201073000");
        assert_eq!(phone_sends(bench, &phone), spell(&international(new)));
        assert_eq!(phone_gets(bench, &phone).header("To"), format!("<tel:+{new}>"));
        let argument = hlr::insert_subscriber_data(Some("262019999999998"), Some(new));
        let otid = bench.hlr_invokes(DATA, hlr::INSERT_SUBSCRIBER_DATA, &argument);
        assert_eq!(user_error(&bench.expect_end(&otid)).0, 5, "unidentifiedSubscriber");
        // A refresh does not bring the old one back.
        registered(bench, &mut hlr, &mut phone, 600);
        assert_eq!(phone_sends(bench, &phone), spell(&international(new)));
        assert_agree(bench, &hlr, &phone);
    });
}

/// 8.7 steps 5 to 7 and 8.8 steps 5 to 7: the S-CSCF's registration, with R1 before the answer or after it.
fn through_the_ims(bench: &mut Bench, r1: &str, before: bool) {
    let (alice, mut hlr) = (Ue::home1(0), Hlr::default());
    for (expires, contact) in
        [(3600, "<sip:scscf1.home1.net>;expires=3600"), (0, "<sip:scscf1.home1.net>;expires=0")]
    {
        let draft = bench.full_register(&alice, expires);
        bench.send(&draft);
        let response = (!before).then(|| bench.expect_response(&draft));
        let asked = bench.expect_asked();
        assert_tells(&asked, r1, &alice.imsi, expires > 0);
        bench.assert_silent();
        let known = (!before && r1 == GPRS && expires > 0).then(|| {
            bench.until_subscribers(1);
            bench.table().1
        });
        if r1 == GPRS && expires > 0 {
            let argument = hlr::insert_subscriber_data(None, Some("491701999999"));
            bench.hlr_inserts(&asked, [0x48, 0, 0, 1], true, &[(1, argument)]);
        }
        hlr.answer(bench, &asked);
        if let Some(known) = known {
            bench.until_table_changes(&known);
        }
        let response = response.unwrap_or_else(|| bench.expect_response(&draft));
        assert_eq!((response.status(), response.header("Contact")), (200, contact));
        bench.assert_silent();
        if expires > 0 {
            let (number, imsi) = submitted_as(bench, &alice);
            let msisdn = if r1 == GPRS { "491701999999" } else { &alice.msisdn };
            assert_eq!(number, spell(&international(msisdn)));
            assert_eq!(imsi, Some(spell(&bcd(&alice.imsi, 0xf))));
            delivered(bench, &alice, &deliver());
            let refresh = bench.full_register(&alice, 3600);
            assert_eq!(bench.transact(&refresh).status(), 200);
            bench.assert_silent(); // the HLR knows
        }
    }
    let otid = bench.send_mt(&alice.imsi, &deliver());
    assert_error(&bench.expect_end(&otid), ABSENT_DEREGISTERED);
    assert!(hlr.registered.is_empty() && hlr.asked.len() == 2);
    // An HLR that knows nobody of that name.
    let draft = bench.full_register(&alice, 3600);
    bench.send(&draft);
    if before {
        let asked = bench.expect_asked();
        bench.hlr_ends(&asked, &error(1, &[]));
        assert_eq!(bench.expect_response(&draft).status(), 404);
    } else {
        assert_eq!(bench.expect_response(&draft).status(), 200);
        let asked = bench.expect_asked();
        bench.hlr_ends(&asked, &error(1, &[]));
    }
    bench.until_subscribers(0);
    let otid = bench.send_mt(&alice.imsi, &deliver());
    assert_error(&bench.expect_end(&otid), ABSENT_DEREGISTERED);
    bench.assert_silent();
}

#[test]
fn p_8_7_and_p_8_8_any_time_modification_before_the_answer() {
    isolated(Options { r1: ATM, ..Options::DEFAULT }, |bench| through_the_ims(bench, ATM, true));
}

#[test]
fn p_8_7_and_p_8_8_any_time_modification_after_the_answer() {
    isolated(Options { r1: ATM, r1_order: "after_200", ..Options::DEFAULT }, |bench| {
        through_the_ims(bench, ATM, false)
    });
}

#[test]
fn p_8_7_and_p_8_8_update_gprs_location_before_the_answer() {
    isolated(Options { r1: GPRS, ..Options::DEFAULT }, |bench| through_the_ims(bench, GPRS, true));
}

#[test]
fn p_8_7_and_p_8_8_update_gprs_location_after_the_answer() {
    isolated(Options { r1: GPRS, r1_order: "after_200", ..Options::DEFAULT }, |bench| {
        through_the_ims(bench, GPRS, false)
    });
}
