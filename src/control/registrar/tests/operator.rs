//! What operators are told of subscribers, and ends that they ask for.

use super::direct::{of_ue, of_ues, send};
use super::reg_event::{Bench, IMSI, MAX, Said, max, watching};
use super::*;
use crate::base::ring;
use crate::control::registrar::operator::{Access, Deregistered, Filter, Sight, State, Whom};
use crate::gateway::cause::{DEREGISTERED, Failure};
use crate::gateway::charging::End;
use crate::gateway::mailbox::MapOutcome;
use serde_json::{Value, json};

const MASKED: Sight = Sight { unmasked: false };
const WHOLE: Sight = Sight { unmasked: true };
const NUMBER: &str = "447000000101";

fn by_msisdn(number: &str) -> Whom {
    Whom::Msisdn(number.parse().unwrap())
}

fn after(seconds: u64) -> Time {
    NOW + Duration::from_secs(seconds)
}

/// An operator ends the registration of `number`; what is said to workers.
fn ends(bench: &mut Bench, now: Time, number: &str, question: u64) -> Vec<Said> {
    let mut out = Outbox::new();
    bench.registrar.deregister(now, by_msisdn(number), question, &mut out);
    bench.read(out)
}

fn registered(registrar: Registrar) -> Bench {
    let mut bench = Bench::new(registrar);
    assert_eq!(bench.register(max()), [Said::R1(true)]);
    assert!(bench.agreed(NOW).contains(&Said::Answer(200)));
    bench
}

#[test]
fn an_operator_who_ends_a_registration_hears_of_it_when_the_hlr_has() {
    let (registrar, reader) = registrar(16);
    let mut bench = registered(registrar);
    assert_eq!(ends(&mut bench, NOW, NUMBER, 7), [Said::R1(false)]);
    assert!(found(&reader, MAX).is_none(), "absent from this moment on");
    assert_eq!(bench.registrar.poll_deregistered(), None);
    assert!(bench.agreed(NOW).is_empty());
    let done = Deregistered::Done { bindings: 1, told: true };
    assert_eq!(bench.registrar.poll_deregistered(), Some((7, done)));
    assert_eq!((bench.registrar.counts.ended_by_operator, bench.registrar.differing()), (1, 0));
    // Nobody is there any more.
    assert!(ends(&mut bench, NOW, NUMBER, 8).is_empty());
    assert_eq!(bench.registrar.poll_deregistered(), Some((8, Deregistered::Unknown)));
    // It is no ban.
    assert_eq!(bench.register(max()), [Said::R1(true)]);
}

#[test]
fn an_operator_hears_that_the_hlr_is_late_or_refuses() {
    let (registrar, reader) = registrar(16);
    let mut bench = registered(registrar);
    ends(&mut bench, NOW, NUMBER, 1);
    assert!(bench.pass(after(2)).is_empty());
    assert_eq!(bench.registrar.poll_deregistered(), Some((1, Deregistered::Late { bindings: 1 })));
    let operation = bench.operation;
    let outcome = MapOutcome::Error(1);
    bench.handle(after(3), ToControl::Ended { operation, outcome: outcome.clone() });
    assert_eq!(bench.registrar.poll_deregistered(), None, "nobody waits any more");
    let mut bench = registered(super::registrar(16).0);
    ends(&mut bench, NOW, NUMBER, 2);
    let operation = bench.operation;
    bench.handle(NOW, ToControl::Ended { operation, outcome });
    let refused = Deregistered::Refused { bindings: 1, error: 1 };
    assert_eq!(bench.registrar.poll_deregistered(), Some((2, refused)));
    assert!(found(&reader, MAX).is_none());
}

#[test]
fn an_operator_hears_of_who_registers_again_meanwhile() {
    let mut bench = registered(registrar(16).0);
    ends(&mut bench, NOW, NUMBER, 3);
    assert!(bench.register(max()).is_empty(), "one operation at a time");
    assert_eq!(bench.registrar.poll_deregistered(), Some((3, Deregistered::Superseded { bindings: 1 })));
    assert_eq!(bench.agreed(NOW), [Said::R1(true)]);
    assert_eq!(bench.agreed(NOW), [Said::Answer(200)]);
}

#[test]
fn a_registration_that_waits_for_the_hlr_ends_too() {
    let (registrar, reader) = registrar(16);
    let mut bench = Bench::new(registrar);
    assert_eq!(bench.register(max()), [Said::R1(true)]);
    let mut out = Outbox::new();
    bench.registrar.deregister(NOW, Whom::Imsi(IMSI.parse().unwrap()), 4, &mut out);
    assert_eq!(bench.read(out), [Said::Answer(503)]);
    assert_eq!(bench.agreed(NOW), [Said::R1(false)]);
    assert!(bench.agreed(NOW).is_empty());
    let done = Deregistered::Done { bindings: 0, told: true };
    assert_eq!(bench.registrar.poll_deregistered(), Some((4, done)));
    assert!(found(&reader, MAX).is_none());
}

#[test]
fn what_was_watched_is_watched_no_more() {
    let mut bench = Bench::new(watching().0);
    bench.register(max());
    assert_eq!(bench.agreed(NOW), [Said::Answer(200), Said::Subscribe(600_000)]);
    bench.accepted();
    bench.notify(NOW, true, true);
    let mut said = ends(&mut bench, NOW, NUMBER, 5);
    said.sort_by_key(|it| *it == Said::Subscribe(0));
    assert_eq!(said, [Said::R1(false), Said::Subscribe(0)]);
}

#[test]
fn a_ue_that_registered_here_itself_is_told() {
    let mut registrar = of_ues("none");
    let alices = "sip:262010000000001@home1.net";
    assert_eq!(send(&mut registrar, NOW, of_ue(alices)).status, 200);
    let mut out = Outbox::new();
    registrar.deregister(NOW, by_msisdn("491700000001"), 6, &mut out);
    let [(_, ToWorker::Inform(inform))] = &out[..] else { panic!("{out:?}") };
    let text = String::from_utf8(inform.content.1.clone()).unwrap();
    assert!(text.contains("event=\"deactivated\""), "{text}");
    // It is preconfigured: there is no HLR to be told.
    let done = Deregistered::Done { bindings: 1, told: false };
    assert_eq!(registrar.poll_deregistered(), Some((6, done)));
    assert_eq!(registrar.summary().0, 0);
}

/// The numbers of a list, and the place to go on from.
fn list(registrar: &Registrar, filter: &Filter, from: u32, most: usize) -> (Vec<String>, Option<u32>) {
    let listed = registrar.list(NOW, filter, from, most, WHOLE);
    let numbers = listed.subscribers.iter().map(|it| it["msisdn"].as_str().unwrap().to_owned());
    (numbers.collect(), listed.next)
}

#[test]
fn subscribers_are_listed_in_parts_and_by_filters() {
    let (mut registrar, _reader) = registrar(8);
    register(&mut registrar, &request(ALICE));
    register(&mut registrar, &request("sip:bob@home1.net"));
    let mut bench = Bench::new(registrar);
    bench.register(max());
    assert_eq!(list(&bench.registrar, &Filter::default(), 0, 9).0.len(), 2, "not before the HLR has agreed");
    bench.pass(after(2));
    let registrar = bench.registrar;
    let (all, next) = list(&registrar, &Filter::default(), 0, 9);
    assert_eq!((all.len(), next), (3, None));
    let mut parts = vec![];
    let mut from = Some(0);
    while let Some(place) = from {
        let (part, next) = list(&registrar, &Filter::default(), place, 2);
        assert!(part.len() <= 2);
        parts.extend(part);
        from = next;
    }
    assert_eq!(parts, all);
    let of = |filter: Filter| list(&registrar, &filter, 0, 9).0;
    let pending = Filter { state: Some(State::HlrPending), ..Filter::default() };
    assert_eq!(of(pending), [NUMBER]);
    assert_eq!(of(Filter { state: Some(State::Registered), ..Filter::default() }).len(), 2);
    assert_eq!(of(Filter { network: Some("home2".into()), ..Filter::default() }), [NUMBER]);
    assert_eq!(of(Filter { access: Some(Access::Ims), ..Filter::default() }), all);
    assert!(of(Filter { access: Some(Access::Direct), ..Filter::default() }).is_empty());
    assert_eq!(of(Filter { scscf: Some("sip:scscf1.home1.net".into()), ..Filter::default() }).len(), 3);
    assert!(of(Filter { scscf: Some("sip:scscf1".into()), ..Filter::default() }).is_empty());
    // More than an hour later their time has passed, and nobody has looked yet.
    let ended = Filter { state: Some(State::Ended), ..Filter::default() };
    assert_eq!(registrar.list(after(3_700), &ended, 0, 9, MASKED).subscribers.len(), 3);
}

#[test]
fn numbers_are_masked_unless_they_are_asked_for() {
    let mut bench = registered(registrar(16).0);
    let known = [NUMBER, IMSI];
    let texts = |bench: &mut Bench, sight| {
        let list = bench.registrar.list(NOW, &Filter::default(), 0, 9, sight);
        let why = bench.registrar.why(NOW, by_msisdn(NUMBER), sight);
        let nobody = bench.registrar.why(NOW, by_msisdn("447000000999"), sight);
        (Value::from(list.subscribers).to_string(), why.to_string(), nobody.to_string())
    };
    let (list, why, nobody) = texts(&mut bench, MASKED);
    for number in known {
        assert!(!list.contains(number) && !why.contains(number), "{number} in {list} {why}");
    }
    assert!(!nobody.contains("447000000999"), "{nobody}");
    assert!(why.contains("\"************001@ims.mnc015.mcc234.3gppnetwork.org\""), "{why}");
    assert!(why.contains("\"*********101\"") && list.contains("\"************001\""), "{why} {list}");
    let (list, why, nobody) = texts(&mut bench, WHOLE);
    assert!(list.contains(NUMBER) && why.contains(NUMBER) && why.contains(IMSI));
    assert!(nobody.contains("447000000999"), "{nobody}");
    // A UE's address is a person's too.
    let mut registrar = of_ues("none");
    let mut ue = of_ue("sip:262010000000001@home1.net");
    ue.access_network_info = AccessNetworkInfo::new(b"IEEE-802.11;cell=1");
    send(&mut registrar, NOW, ue);
    let why = |registrar: &mut Registrar, sight| {
        registrar.why(NOW, by_msisdn("491700000001"), sight)["bindings"][0].clone()
    };
    let masked = why(&mut registrar, MASKED);
    assert_eq!(masked["access_network_info"], "IEEE-802.11");
    assert!(!masked.to_string().contains("192.0.2.7"), "{masked}");
    let whole = why(&mut registrar, WHOLE);
    assert_eq!(whole["access_network_info"], "IEEE-802.11;cell=1");
    assert_eq!(whole["path"], "10.0.0.1:5060 to 192.0.2.7:5060, datagrams");
}

#[test]
fn why_says_what_the_hlr_was_told_and_has_yet_to_be_told() {
    let mut bench = Bench::new(registrar(16).0);
    bench.register(max());
    let why = |bench: &mut Bench, now| bench.registrar.why(now, Whom::Imsi(IMSI.parse().unwrap()), WHOLE);
    let waits = why(&mut bench, after(1));
    assert_eq!((&waits["registered"], &waits["registering"]), (&json!(false), &json!(true)));
    let hlr = &waits["hlr"][0];
    assert_eq!((&hlr["network"], &hlr["form"]), (&json!("home2"), &json!("any_time_modification")));
    assert_eq!(
        hlr["told"],
        json!({ "what": "registered", "s_ago": 1, "answer": null, "map_error": null, "answered_s_ago": null })
    );
    assert_eq!(
        (&hlr["to_tell"], &hlr["is_underway"], &hlr["waiting"]),
        (&json!("registered"), &json!(true), &json!(1))
    );
    assert_eq!(waits["next_timer"], json!({ "timer": "answer to a REGISTER without the HLR's", "in_s": 1 }));
    // It is late, then fails: the next try is what fires next.
    bench.pass(after(2));
    let operation = bench.operation;
    bench.handle(after(3), ToControl::Ended { operation, outcome: MapOutcome::Error(34) });
    let failed = why(&mut bench, after(3));
    assert_eq!((&failed["registered"], &failed["state"]), (&json!(true), &json!("hlr_pending")));
    assert_eq!(
        (&failed["hlr"][0]["told"]["answer"], &failed["hlr"][0]["told"]["map_error"]),
        (&json!("error"), &json!(34))
    );
    assert_eq!((&failed["hlr"][0]["failures"], &failed["hlr"][0]["next_try_in_s"]), (&json!(1), &json!(1)));
    assert_eq!(failed["next_timer"], json!({ "timer": "next try at the HLR", "in_s": 1 }));
    bench.pass(after(4));
    bench.agreed(after(5));
    let agreed = why(&mut bench, after(10));
    assert_eq!(agreed["state"], "registered");
    assert_eq!(
        (&agreed["hlr"][0]["told"]["answer"], &agreed["hlr"][0]["told"]["answered_s_ago"]),
        (&json!("agreed"), &json!(5))
    );
    assert_eq!(agreed["hlr"][0]["to_tell"], Value::Null);
    assert_eq!(agreed["next_timer"], json!({ "timer": "end of a binding", "in_s": 3_592 }));
    let binding = &agreed["bindings"][0];
    assert_eq!((&binding["access"], &binding["network"]), (&json!("ims"), &json!("home2")));
    assert_eq!(
        (&binding["expires_in_s"], &binding["contact"]),
        (&json!(3_592), &json!("sip:scscf1.home1.net"))
    );
    // Who has gone is known by what the HLR was told last.
    ends(&mut bench, after(10), NUMBER, 1);
    bench.agreed(after(11));
    let gone = why(&mut bench, after(12));
    assert_eq!(
        (&gone["found"], &gone["registered"], &gone["next_timer"]),
        (&json!(true), &json!(false), &Value::Null)
    );
    assert_eq!(
        (&gone["hlr"][0]["told"]["what"], &gone["hlr"][0]["told"]["answer"]),
        (&json!("deregistered"), &json!("agreed"))
    );
}

#[test]
fn why_says_how_the_last_messages_ended() {
    let (mut worker, endings) = ring(8);
    let (registrar, _reader) = registrar(16);
    let mut bench = registered(registrar.with_endings(vec![endings]));
    let imsi = IMSI.parse().unwrap();
    let mut tell = |seconds, end| worker.push(Ending { at: after(seconds), imsi, end }).unwrap();
    tell(1, End::Submitted { cause: None, is_told: true });
    tell(2, End::Submitted { cause: Some(38), is_told: false });
    tell(3, End::Delivered(Some(Failure::Absent(DEREGISTERED))));
    tell(4, End::Delivered(None));
    let why = bench.registrar.why(after(10), by_msisdn(NUMBER), MASKED);
    let submitted = json!([
        { "outcome": "refused", "rp_cause": 38, "report_taken": false, "s_ago": 8 },
        { "outcome": "acknowledged", "rp_cause": null, "report_taken": true, "s_ago": 9 },
    ]);
    assert_eq!(why["messages"]["submitted"], submitted);
    assert_eq!(
        why["messages"]["delivered"][0],
        json!({ "outcome": "delivered", "failure": null, "s_ago": 6 })
    );
    assert_eq!(why["messages"]["delivered"][1]["outcome"], "failed");
    let failure = why["messages"]["delivered"][1]["failure"].as_str().unwrap();
    assert!(failure.starts_with("Absent"), "{failure}");
}

#[test]
fn nobody_is_told_with_where_was_looked() {
    let (mut registrar, _reader) = registrar(16);
    register(&mut registrar, &request(ALICE));
    let why = registrar.why(NOW, by_msisdn("15550000000"), MASKED);
    assert_eq!((&why["found"], &why["registered"]), (&json!(false), &json!(false)));
    let looked = why["looked_in"].as_array().unwrap();
    let places: Vec<&str> = looked.iter().map(|it| it["place"].as_str().unwrap()).collect();
    assert_eq!(places[0], "table of subscribers (1), by MSISDN");
    assert!(places[1].starts_with("subscriber file of home1 ("), "{places:?}");
    assert!(places.last().unwrap().contains("no IMSI is known for the number"), "{places:?}");
    assert!(looked.iter().all(|it| it["found"] == false));
    // Of whom the file knows the IMSI it is looked for by that, too.
    let why = registrar.why(NOW, by_msisdn("491710000002"), MASKED);
    assert_eq!((&why["found"], &why["registered"]), (&json!(true), &json!(false)));
    let looked = why["looked_in"].as_array().unwrap();
    assert!(looked.iter().any(|it| it["place"] == "exchanges with HLRs, by IMSI" && it["found"] == false));
}
