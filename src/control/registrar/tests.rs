//! 8.7 and 8.8 on the slow path, with two networks and a subscriber file.

use super::*;
use crate::base::SipKey;
use crate::ident::WorkerId;
use crate::subscriber::{AccessNetworkInfo, Reader, TableConfig, table};
use std::path::Path;

const EXAMPLE: &str = include_str!("../../../docs/operating/examples/gateway.toml");
const ALICE: &str = "sip:alice@home1.net";

fn registrar(places: usize) -> (Registrar, Reader) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating/examples/gateway.toml");
    let config = Arc::new(Config::parse(&file, EXAMPLE).unwrap());
    let subscribers = Subscribers::load(&config).unwrap();
    let (writer, mut readers) = table(&TableConfig {
        subscribers: places,
        identities: 3 * places,
        addresses: places,
        readers: 1,
        key: SipKey::new([1; 16]),
    });
    (Registrar::new(config, subscribers, writer), readers.remove(0))
}

fn identity(text: &str) -> Identity {
    Identity::new(text.as_bytes()).unwrap()
}

fn request(public: &str) -> RegisterRequest {
    RegisterRequest {
        network: 0,
        public_identity: identity(public),
        contact: identity("sip:scscf1.home1.net"),
        remote: "10.1.0.5:5060".parse().unwrap(),
        local: "10.0.0.1:5060".parse().unwrap(),
        expires_s: 3_600,
        private_identity: None,
        associated: vec![],
        service_info: vec![],
        access_network_info: AccessNetworkInfo::new(b"IEEE-802.11"),
        worker: WorkerId(1),
        reply_to: crate::stack::Deferred::numbered(77),
        fingerprint: 5,
    }
}

const NOW: Time = Time::from_millis(1_000);

fn register(registrar: &mut Registrar, request: &RegisterRequest) -> RegisterAnswer {
    let outcome = registrar.register(NOW, request);
    assert_eq!((outcome.worker, outcome.reply_to), (request.worker, request.reply_to));
    outcome.answer
}

const fn accepted(expires_s: u32) -> RegisterAnswer {
    RegisterAnswer::Accepted { expires_s }
}

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
    let mut all = request(ALICE);
    all.associated = vec![identity("tel:+49-171-2")];
    all.service_info = b"<ims-3gpp version=\"1\"><service-info>491713</service-info></ims-3gpp>".to_vec();
    register(&mut registrar, &all);
    assert_eq!(found(&reader, ALICE), pair("262010000000001", "491713"));
    all.service_info = b"<ims-3gpp version=\"1\"/>".to_vec();
    register(&mut registrar, &all);
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
    let mut all = request(temporary);
    all.private_identity = Some(identity("262010000000009@ims.mnc001.mcc262.3gppnetwork.org"));
    register(&mut registrar, &all);
    assert_eq!(found(&reader, temporary), pair("262010000000009", ""));
    // A user name of digits that is no IMSI of this network says nothing.
    all.public_identity = identity("sip:262010000000007@ims.mnc001.mcc262.3gppnetwork.org");
    all.private_identity = Some(identity("491711234567@home1.net"));
    register(&mut registrar, &all);
    assert_eq!(found(&reader, all.public_identity.as_str()), pair("262010000000007", ""));
    let mut by_number = request("tel:+491710000002");
    by_number.private_identity = Some(identity("bob@home1.net"));
    register(&mut registrar, &by_number);
    assert_eq!(found(&reader, "tel:+491710000002"), pair("262010000000002", "491710000002"));
    assert_eq!(registrar.counts.without_msisdn, 2);
}

#[test]
fn one_line_of_the_file_lends_nothing_to_another_subscriber() {
    let (mut registrar, reader) = registrar(16);
    let mut other = request(ALICE);
    other.private_identity = Some(identity("262010000000099@home1.net"));
    register(&mut registrar, &other);
    assert_eq!(found(&reader, ALICE), pair("262010000000099", ""), "alice's number is 262010000000001's");
}

#[test]
fn somebody_of_whom_nothing_is_known_is_refused() {
    let (mut registrar, reader) = registrar(16);
    let refused = RegisterAnswer::Refused { status: 403 };
    assert_eq!(register(&mut registrar, &request("sip:carol@home1.net")), refused);
    assert_eq!(registrar.counts.refused_unknown, 1);
    assert!(found(&reader, "sip:carol@home1.net").is_none());
    let nowhere = RegisterRequest { network: 9, ..request(ALICE) };
    assert_eq!(register(&mut registrar, &nowhere), refused);
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
    let mut first = request("sip:dora@home1.net");
    first.private_identity = Some(identity("262010000000055@home1.net"));
    first.service_info = b"491715".to_vec();
    register(&mut registrar, &first);
    let id = reader.by_identity(b"sip:dora@home1.net").unwrap().id();
    let mut second = request("sip:dora@home1.net");
    second.contact = identity("sip:scscf2.home1.net");
    second.expires_s = 60;
    assert_eq!(register(&mut registrar, &second), accepted(60));
    let subscriber = reader.by_imsi("262010000000055".parse().unwrap()).unwrap();
    assert_eq!(subscriber.id(), id);
    assert_eq!(subscriber.record().msisdn(), "491715".parse().ok());
    assert_eq!(subscriber.record().private_identity(), first.private_identity);
    assert_eq!(subscriber.record().binding(0).unwrap().contact, second.contact);
    assert_eq!(subscriber.record().bindings().len(), 1);
}

#[test]
fn identities_that_register_apart_belong_to_one_subscriber() {
    let (mut registrar, reader) = registrar(16);
    let private = Some(identity("262010000000001@home1.net"));
    register(&mut registrar, &RegisterRequest { private_identity: private, ..request(ALICE) });
    register(&mut registrar, &RegisterRequest { private_identity: private, ..request("sip:work@home1.net") });
    let ids = [ALICE, "sip:work@home1.net", "tel:+491710000001"];
    let ids = ids.map(|text| reader.by_identity(text.as_bytes()).unwrap().id());
    assert!(ids[0] == ids[1] && ids[1] == ids[2]);
    // A whole set replaces what was there.
    let set = RegisterRequest { associated: vec![identity("sip:a2@home1.net")], ..request(ALICE) };
    register(&mut registrar, &set);
    assert!(found(&reader, "sip:work@home1.net").is_none());
    assert!(found(&reader, "sip:a2@home1.net").is_some());
}

#[test]
fn expires_zero_removes_the_binding() {
    let (mut registrar, reader) = registrar(16);
    register(&mut registrar, &request(ALICE));
    let leave = RegisterRequest { expires_s: 0, ..request("tel:+491710000001") };
    let elsewhere = RegisterRequest { network: 1, ..leave.clone() };
    assert_eq!(register(&mut registrar, &elsewhere), accepted(0));
    assert!(found(&reader, ALICE).is_some(), "another network's S-CSCF can't");
    assert_eq!(register(&mut registrar, &leave), accepted(0));
    assert!(found(&reader, ALICE).is_none());
    assert_eq!(register(&mut registrar, &leave), accepted(0));
    assert_eq!((registrar.counts.deregistered, registrar.counts.deregistered_unknown), (1, 2));
    assert!(registrar.table().by_imsi("262010000000001".parse().unwrap()).is_none());
}

#[test]
fn a_number_that_moves_to_another_sim_is_taken_over_within_the_network_only() {
    let (mut registrar, reader) = registrar(16);
    register(&mut registrar, &request(ALICE));
    let mut moved = request("sip:eve@home1.net");
    moved.private_identity = Some(identity("262010000000066@home1.net"));
    moved.service_info = b"491710000001".to_vec();
    assert_eq!(register(&mut registrar, &moved), accepted(3_600));
    assert_eq!(found(&reader, "tel:+491710000001"), pair("262010000000066", "491710000001"));
    assert!(found(&reader, ALICE).is_none());
    assert_eq!(registrar.counts.taken_over, 1);
    let stranger = RegisterRequest { network: 1, private_identity: None, ..moved };
    assert_eq!(register(&mut registrar, &stranger), RegisterAnswer::Refused { status: 403 });
    assert_eq!(found(&reader, "tel:+491710000001"), pair("262010000000066", "491710000001"));
    assert_eq!(registrar.counts.refused_network, 1);
}

#[test]
fn a_full_table_refuses_with_503() {
    let (mut registrar, _reader) = registrar(1);
    assert_eq!(register(&mut registrar, &request(ALICE)), accepted(3_600));
    assert_eq!(
        register(&mut registrar, &request("sip:bob@home1.net")),
        RegisterAnswer::Refused { status: 503 }
    );
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
    registrar.sweep(ends - Duration::from_millis(1));
    assert_eq!(registrar.counts.expired, 0);
    registrar.sweep(ends);
    assert_eq!(registrar.counts.expired, 1);
    assert!(found(&reader, ALICE).is_none());
    assert!(found(&reader, "sip:bob@home1.net").is_some());
    reader.quiescent();
    registrar.sweep(ends);
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
