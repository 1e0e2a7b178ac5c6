//! 8.7 and 8.8 on the slow path, with two networks and a subscriber file.

use super::identities::number_of;
use super::*;
use crate::base::SipKey;
use crate::control::authentication::{Authenticator, AuthenticatorConfig};
use crate::ident::Identity;
use crate::ident::WorkerId;
use crate::subscriber::{AccessNetworkInfo, Reader, TableConfig, table};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

mod audit;
mod direct;
mod leave;
mod lives;
mod operator;
mod power_cut;
mod reg_event;
mod storm;

const EXAMPLE: &str = include_str!("../../../docs/operating/examples/gateway.toml");
const ALICE: &str = "sip:alice@home1.net";

fn registrar(places: usize) -> (Registrar, Reader) {
    registrar_of(places, EXAMPLE)
}

fn registrar_of(places: usize, text: &str) -> (Registrar, Reader) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating/examples/gateway.toml");
    registrar_by(places, Arc::new(Config::parse(&file, text).unwrap()))
}

fn registrar_by(places: usize, config: Arc<Config>) -> (Registrar, Reader) {
    let subscribers = Subscribers::load(&config).unwrap();
    let (writer, mut readers) = table(&TableConfig {
        subscribers: places,
        identities: 40 * places,
        details: 40 * places,
        addresses: places,
        readers: 1,
        key: SipKey::new([1; 16]),
    });
    let key = SipKey::new([2; 16]);
    let authenticator = Authenticator::new(AuthenticatorConfig::new(vec![]), &key);
    (Registrar::new(config, subscribers, writer, authenticator, 2, &key), readers.remove(0))
}

fn identity(text: &str) -> Identity {
    Identity::new(text.as_bytes()).unwrap()
}

/// A third-party REGISTER, newer than those before it.
fn request(public: &str) -> RegisterRequest {
    static SEQUENCE: AtomicU32 = AtomicU32::new(1);
    RegisterRequest {
        registrant: Registrant::Scscf {
            network: 0,
            private_identity: None,
            associated: vec![],
            wildcards: vec![],
            service_info: vec![],
        },
        public_identity: identity(public),
        contact: Some(identity("sip:scscf1.home1.net")),
        remote: "10.1.0.5:5060".parse().unwrap(),
        local: "10.0.0.1:5060".parse().unwrap(),
        connection: None,
        expires_s: 3_600,
        call: 1,
        sequence: SEQUENCE.fetch_add(1, Ordering::Relaxed),
        access_network_info: AccessNetworkInfo::new(b"IEEE-802.11"),
        worker: WorkerId(1),
        reply_to: crate::stack::Deferred::numbered(77),
        fingerprint: 5,
    }
}

/// What the S-CSCF says in a REGISTER of [`request`].
trait Said: Sized {
    fn network(self, number: u16) -> Self;
    fn private(self, text: &str) -> Self;
    fn associated(self, texts: &[&str]) -> Self;
    fn service_info(self, body: &str) -> Self;
}

impl Said for RegisterRequest {
    fn network(mut self, number: u16) -> Self {
        if let Registrant::Scscf { network, .. } = &mut self.registrant {
            *network = number;
        }
        self
    }

    fn private(mut self, text: &str) -> Self {
        if let Registrant::Scscf { private_identity, .. } = &mut self.registrant {
            *private_identity = Some(identity(text));
        }
        self
    }

    fn associated(mut self, texts: &[&str]) -> Self {
        if let Registrant::Scscf { associated, .. } = &mut self.registrant {
            *associated = texts.iter().map(|text| identity(text)).collect();
        }
        self
    }

    fn service_info(mut self, body: &str) -> Self {
        if let Registrant::Scscf { service_info, .. } = &mut self.registrant {
            *service_info = body.into();
        }
        self
    }
}

const NOW: Time = Time::from_millis(1_000);

/// Status, and the seconds of the first contact.
type Answered = (u16, Option<u32>);

/// Carries out a REGISTER that is answered at once.
fn register(registrar: &mut Registrar, request: &RegisterRequest) -> Answered {
    let mut out = Outbox::new();
    registrar.handle(NOW, ToControl::Register(Box::new(request.clone())), &mut out);
    registrar.assert_invariants();
    let [(worker, ToWorker::RegisterDone(outcome))] = &out[..] else { panic!("{out:?}") };
    assert_eq!((*worker, outcome.reply_to), (request.worker, request.reply_to));
    (outcome.status, outcome.contacts.first().map(|(_, seconds)| *seconds))
}

const fn accepted(expires_s: u32) -> Answered {
    (200, Some(expires_s))
}

const ENDED: Answered = accepted(0);

/// IMSI and MSISDN under which the subscriber stands in the table.
fn found(reader: &Reader, public: &str) -> Option<(String, String)> {
    let subscriber = reader.by_identity(public.as_bytes())?;
    let record = subscriber.record();
    let text =
        |digits: Option<crate::ident::Digits>| digits.map_or(String::new(), |digits| digits.to_string());
    Some((text(record.imsi().map(|it| it.digits())), text(record.msisdn().map(|it| it.digits()))))
}

fn pair(imsi: &str, msisdn: &str) -> Option<(String, String)> {
    Some((imsi.into(), msisdn.into()))
}

#[test]
fn the_binding_is_what_the_register_said() {
    let (mut registrar, reader) = registrar(16);
    assert_eq!(register(&mut registrar, &request(ALICE)), accepted(3_600));
    let subscriber = reader.by_imsi("262010000000001".parse().unwrap()).unwrap();
    let binding = subscriber.record().binding(0).unwrap();
    assert_eq!(binding.contact, identity("sip:scscf1.home1.net"));
    assert_eq!((binding.remote.port(), binding.local.port(), binding.network), (5060, 5060, 0));
    assert_eq!(binding.access_network_info.as_str(), "IEEE-802.11");
    assert_eq!(subscriber.expiry(0), NOW + Duration::from_secs(3_600));
    assert_eq!(subscriber.record().default_identity(), Some(identity(ALICE)));
    assert!(subscriber.record().has_identity(b"tel:+491710000001"));
    assert_eq!(registrar.counts, RegistrarCounts { registered: 1, ..Default::default() });
}

#[test]
fn the_msisdn_comes_from_service_info_then_a_tel_identity_then_the_file() {
    let (mut registrar, reader) = registrar(16);
    let all = || request(ALICE).associated(&["tel:+49-171-2"]);
    let body = "<ims-3gpp version=\"1\"><service-info>491713</service-info></ims-3gpp>";
    register(&mut registrar, &all().service_info(body));
    assert_eq!(found(&reader, ALICE), pair("262010000000001", "491713"));
    register(&mut registrar, &all().service_info("<ims-3gpp version=\"1\"/>"));
    assert_eq!(found(&reader, ALICE), pair("262010000000001", "491712"));
    assert_eq!(found(&reader, "tel:+491713"), None, "the old number's URI goes with the number");
    assert_eq!(registrar.counts.service_info_without_msisdn, 1);
    register(&mut registrar, &request("sip:bob@home1.net"));
    assert_eq!(found(&reader, "sip:bob@home1.net"), pair("262010000000002", "491710000002"));
    register(&mut registrar, &request("sip:+491714@home1.net"));
    assert_eq!(found(&reader, "tel:+491714"), pair("", "491714"));
}

#[test]
fn the_imsi_comes_from_the_embedded_register_then_a_temporary_identity_then_the_file() {
    let (mut registrar, reader) = registrar(16);
    let temporary = "sip:262010000000008@ims.mnc001.mcc262.3gppnetwork.org";
    let private = "262010000000009@ims.mnc001.mcc262.3gppnetwork.org";
    register(&mut registrar, &request(temporary).private(private));
    assert_eq!(found(&reader, temporary), pair("262010000000009", ""));
    // A user name of digits that is no IMSI of this network says nothing.
    let other = "sip:262010000000007@ims.mnc001.mcc262.3gppnetwork.org";
    register(&mut registrar, &request(other).private("491711234567@home1.net"));
    assert_eq!(found(&reader, other), pair("262010000000007", ""));
    register(&mut registrar, &request("tel:+491710000002").private("bob@home1.net"));
    assert_eq!(found(&reader, "tel:+491710000002"), pair("262010000000002", "491710000002"));
    assert_eq!(registrar.counts.without_msisdn, 2);
}

#[test]
fn one_line_of_the_file_lends_nothing_to_another_subscriber() {
    let (mut registrar, reader) = registrar(16);
    register(&mut registrar, &request(ALICE).private("262010000000099@home1.net"));
    assert_eq!(found(&reader, ALICE), pair("262010000000099", ""), "alice's number is 262010000000001's");
}

#[test]
fn somebody_of_whom_nothing_is_known_is_refused() {
    let (mut registrar, reader) = registrar(16);
    let refused = (403, None);
    assert_eq!(register(&mut registrar, &request("sip:carol@home1.net")), refused);
    assert_eq!(registrar.counts.refused_unknown, 1);
    assert!(found(&reader, "sip:carol@home1.net").is_none());
    assert_eq!(register(&mut registrar, &request(ALICE).network(9)), refused);
}

#[test]
fn a_registration_is_cut_to_the_longest_allowed() {
    let (mut registrar, reader) = registrar(16);
    let long = RegisterRequest { expires_s: u32::MAX, ..request(ALICE) };
    assert_eq!(register(&mut registrar, &long), accepted(604_800));
    let ends = reader.by_identity(ALICE.as_bytes()).unwrap().expiry(0);
    assert_eq!(ends, NOW + Duration::from_secs(604_800));
}

#[test]
fn a_changed_registration_keeps_what_it_does_not_tell_again() {
    let (mut registrar, reader) = registrar(16);
    let private = "262010000000055@home1.net";
    register(&mut registrar, &request("sip:dora@home1.net").private(private).service_info("491715"));
    let id = reader.by_identity(b"sip:dora@home1.net").unwrap().id();
    let mut second = request("sip:dora@home1.net");
    second.contact = Some(identity("sip:scscf2.home1.net"));
    second.expires_s = 60;
    assert_eq!(register(&mut registrar, &second), accepted(60));
    let subscriber = reader.by_imsi("262010000000055".parse().unwrap()).unwrap();
    assert_eq!(subscriber.id(), id);
    assert_eq!(subscriber.record().msisdn(), "491715".parse().ok());
    assert_eq!(subscriber.record().private_identity(), Some(identity(private)));
    assert_eq!(subscriber.record().binding(0).unwrap().contact, second.contact.unwrap());
    assert_eq!(subscriber.record().bindings().len(), 1);
}

#[test]
fn identities_that_register_apart_belong_to_one_subscriber() {
    let (mut registrar, reader) = registrar(16);
    let private = "262010000000001@home1.net";
    register(&mut registrar, &request(ALICE).private(private));
    register(&mut registrar, &request("sip:work@home1.net").private(private));
    let ids = [ALICE, "sip:work@home1.net", "tel:+491710000001"];
    let ids = ids.map(|text| reader.by_identity(text.as_bytes()).unwrap().id());
    assert!(ids[0] == ids[1] && ids[1] == ids[2]);
    // A whole set replaces what it was, and nothing that registered apart from it.
    for other in ["sip:a2@home1.net", "sip:a3@home1.net"] {
        register(&mut registrar, &request(ALICE).associated(&[other]));
        assert!(found(&reader, other).is_some() && found(&reader, "sip:work@home1.net").is_some());
    }
    assert!(found(&reader, "sip:a2@home1.net").is_none());
}

#[test]
fn one_of_two_identities_leaves() {
    let (mut registrar, reader) = registrar(16);
    let private = "262010000000001@home1.net";
    let work = || request("sip:work@home1.net").private(private).associated(&["sip:office@home1.net"]);
    register(&mut registrar, &request(ALICE).private(private));
    register(&mut registrar, &work());
    let leave = |request: RegisterRequest| RegisterRequest { expires_s: 0, ..request };
    assert_eq!(register(&mut registrar, &leave(work())), ENDED);
    let is_there = |text: &str| found(&reader, text).is_some();
    assert!(!is_there("sip:work@home1.net") && !is_there("sip:office@home1.net"), "the set goes together");
    assert!(is_there(ALICE) && is_there("tel:+491710000001"));
    let counts = (registrar.counts.deregistered_identity, registrar.counts.deregistered);
    assert_eq!(counts, (1, 0));
    assert!(reader.by_identity(ALICE.as_bytes()).unwrap().is_registered(NOW));
    // The other way round, and by another identity of the set.
    register(&mut registrar, &work());
    register(&mut registrar, &leave(request(ALICE)));
    assert!(is_there("sip:office@home1.net") && !is_there(ALICE));
    register(&mut registrar, &leave(request("sip:office@home1.net")));
    assert!(!is_there("sip:work@home1.net") && !is_there("tel:+491710000001"));
    assert_eq!((registrar.counts.deregistered_identity, registrar.counts.deregistered), (2, 1));
    // The number's own URI is every identity's: with it, everything ends.
    register(&mut registrar, &request(ALICE).private(private));
    register(&mut registrar, &work());
    register(&mut registrar, &leave(request("tel:+491710000001")));
    assert!(!is_there("sip:work@home1.net") && !is_there(ALICE));
}

#[test]
fn wildcarded_identities_are_told_to_every_worker() {
    let (mut registrar, reader) = registrar(80);
    let wildcard = |text: &str| Wildcard::new(identity(text)).unwrap();
    let with = |text: &str, wildcards: &[&str]| {
        let mut request = request(text);
        if let Registrant::Scscf { wildcards: its, .. } = &mut request.registrant {
            its.extend(wildcards.iter().map(|text| wildcard(text)));
        }
        request
    };
    let told = |registrar: &mut Registrar, request: RegisterRequest| {
        let mut out = Outbox::new();
        registrar.handle(NOW, ToControl::Register(Box::new(request)), &mut out);
        let lists = out.iter().filter_map(|(worker, it)| match it {
            ToWorker::Wildcards(all) => Some((worker.0, all.len())),
            _ => None,
        });
        lists.collect::<Vec<_>>()
    };
    let list = "sip:list!.*!@home1.net";
    assert_eq!(told(&mut registrar, with(ALICE, &[list, "tel:+4917100!.{2}!"])), [(0, 2), (1, 2)]);
    assert_eq!(told(&mut registrar, with(ALICE, &[list])), [], "known by now");
    assert_eq!(found(&reader, list), pair("262010000000001", "491710000001"), "it is a key like any other");
    // As many as that, and those that have gone make room.
    for at in 0..70 {
        let text = format!("sip:{at}!.*!@home1.net");
        let (public, private) = (format!("sip:u{at}@home1.net"), format!("2620100000001{at:02}@home1.net"));
        told(&mut registrar, with(&public, &[&text]).private(&private));
    }
    assert_eq!((registrar.wildcards.len(), registrar.counts.wildcards_full), (64, 8));
    register(&mut registrar, &RegisterRequest { expires_s: 0, ..request(ALICE) });
    let new = with("sip:bob@home1.net", &["sip:new!.*!@home1.net"]);
    assert_eq!(told(&mut registrar, new), [(0, 63), (1, 63)]);
    // When as many go as come, the list is another, too.
    let carol =
        with("sip:carol@home1.net", &["sip:carol!.*!@home1.net"]).private("262010000000201@home1.net");
    assert_eq!(told(&mut registrar, carol), [(0, 64), (1, 64)]);
    let leave = request("sip:u0@home1.net").private("262010000000100@home1.net");
    assert_eq!(register(&mut registrar, &RegisterRequest { expires_s: 0, ..leave }), ENDED);
    let dave = with("sip:dave@home1.net", &["sip:dave!.*!@home1.net"]).private("262010000000202@home1.net");
    assert_eq!(told(&mut registrar, dave), [(0, 64), (1, 64)]);
}

#[test]
fn more_identities_than_are_kept_are_counted() {
    let (mut registrar, reader) = registrar(16);
    let all: Vec<String> = (0..40).map(|at| format!("sip:a{at}@home1.net")).collect();
    let texts: Vec<&str> = all.iter().map(String::as_str).collect();
    register(&mut registrar, &request(ALICE).associated(&texts));
    let known = all.iter().filter(|text| found(&reader, text).is_some()).count();
    assert_eq!((known, registrar.counts.identities_cut), (30, 10), "with To and the number 32");
    register(&mut registrar, &request(ALICE).associated(&texts[..30]));
    assert_eq!(registrar.counts.identities_cut, 10);
}

#[test]
fn expires_zero_removes_the_binding() {
    let (mut registrar, reader) = registrar(16);
    register(&mut registrar, &request(ALICE));
    let leave = || RegisterRequest { expires_s: 0, ..request("tel:+491710000001") };
    assert_eq!(register(&mut registrar, &leave().network(1)), ENDED);
    assert!(found(&reader, ALICE).is_some(), "another network's S-CSCF can't");
    assert_eq!(register(&mut registrar, &leave()), ENDED);
    assert!(found(&reader, ALICE).is_none());
    assert_eq!(register(&mut registrar, &leave()), ENDED);
    assert_eq!((registrar.counts.deregistered, registrar.counts.deregistered_unknown), (1, 2));
    assert!(registrar.table().by_imsi("262010000000001".parse().unwrap()).is_none());
}

#[test]
fn a_number_that_moves_to_another_sim_is_taken_over_within_the_network_only() {
    let (mut registrar, reader) = registrar(16);
    register(&mut registrar, &request(ALICE));
    let moved = request("sip:eve@home1.net").service_info("491710000001");
    let with_sim = moved.clone().private("262010000000066@home1.net");
    assert_eq!(register(&mut registrar, &with_sim), accepted(3_600));
    assert_eq!(found(&reader, "tel:+491710000001"), pair("262010000000066", "491710000001"));
    assert!(found(&reader, ALICE).is_none());
    assert_eq!(registrar.counts.taken_over, 1);
    assert_eq!(register(&mut registrar, &moved.network(1)), (403, None));
    assert_eq!(found(&reader, "tel:+491710000001"), pair("262010000000066", "491710000001"));
    assert_eq!(registrar.counts.refused_network, 1);
}

#[test]
fn a_full_table_refuses_with_503() {
    let (mut registrar, _reader) = registrar(1);
    assert_eq!(register(&mut registrar, &request(ALICE)), accepted(3_600));
    assert_eq!(register(&mut registrar, &request("sip:bob@home1.net")), (503, None));
    assert_eq!(register(&mut registrar, &request(ALICE)), accepted(3_600));
    assert_eq!(registrar.counts.refused_full, 1);
}

#[test]
fn what_has_expired_is_swept_and_what_a_worker_extends_stays() {
    let (mut registrar, mut reader) = registrar(16);
    register(&mut registrar, &RegisterRequest { expires_s: 10, ..request(ALICE) });
    register(&mut registrar, &RegisterRequest { expires_s: 10, ..request("sip:bob@home1.net") });
    let ends = NOW + Duration::from_secs(10);
    let bob = reader.by_identity(b"sip:bob@home1.net").unwrap();
    assert!(bob.extend(0, ends, ends + Duration::from_secs(60)));
    let mut out = Outbox::new();
    registrar.handle_timeout(ends - Duration::from_secs(2), &mut out);
    assert_eq!(registrar.counts.expired, 0);
    registrar.handle_timeout(ends, &mut out);
    assert_eq!(registrar.counts.expired, 1);
    assert!(found(&reader, ALICE).is_none());
    assert!(found(&reader, "sip:bob@home1.net").is_some());
    reader.quiescent();
    registrar.handle_timeout(ends, &mut out);
    assert!(out.is_empty(), "an S-CSCF is told nothing");
    assert_eq!(
        registrar.table().by_imsi("262010000000002".parse().unwrap()).map(|it| it.is_registered(ends)),
        Some(true)
    );
}

#[test]
fn a_number_in_an_identity_is_global() {
    let number = |text: &str| number_of(&identity(text)).map(|number| number.to_string());
    assert_eq!(number("tel:+49-171(23).4").as_deref(), Some("49171234"));
    assert_eq!(number("sip:+49171@home1.net").as_deref(), Some("49171"));
    for text in [
        "tel:110",
        "sip:49171@home1.net",
        "sip:alice@home1.net",
        "mailto:+49171",
        "tel:+",
        "tel:+12345678901234567",
    ] {
        assert_eq!(number(text), None, "{text}");
    }
}
