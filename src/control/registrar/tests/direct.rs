//! 8.1 step 2: with passwords, who answers by which name, and for whom; and which contacts there are in the end.

use super::*;
use crate::base::{Connection, ConnectionId};
use crate::control::start::{self, Parts};
use crate::gateway::mailbox::{RegisterOutcome, UeRegister};
use crate::io::memory::MemoryIo;
use md5::{Digest as _, Md5};
use std::os::unix::fs::PermissionsExt;

const CONFIG: &str = r#"
[[port]]
name = "ims"
device = "net_memory0"
addresses = ["10.0.0.1/24"]
[sip]
listen = ["10.0.0.1:5060"]
uri = "sip:ipsmgw.home1.net"
[[network]]
name = "home1"
mcc = "262"
mnc = "01"
realms = ["home1.net", "phones.example"]
gateway_title = "491710999001"
r1 = "preconfigured"
subscribers = "subscribers"
[network.direct]
authentication = "digest"
credentials = "users"
[ss7]
point_code = 100
[[association]]
name = "sg"
role = "client"
local = ["10.0.0.1"]
remote = ["10.0.0.2"]
[[destination]]
point_code = 200
associations = ["sg"]
"#;

const SUBSCRIBERS: &str = "262010000000001,491700000001,sip:alice@home1.net sip:alice.jones@home1.net sip:alice@10.0.0.1\n\
                           262010000000002,491700000002,sip:bob@home1.net sip:alice@phones.example\n\
                           262010000000003,,sip:carol@10.0.0.1\n";

/// Each may be a subscriber's name, with a password of its own.
const USERS: [&str; 9] = [
    "262010000000001@home1.net",
    "262010000000002@home1.net",
    "alice",
    "alice@home1.net",
    "alice.jones",
    "+491700000001",
    "bob",
    "carol",
    "stranger",
];

fn md5(parts: &[&str]) -> String {
    Md5::digest(parts.join(":")).iter().map(|octet| format!("{octet:02x}")).collect()
}

fn password(user: &str) -> String {
    format!("the password of {user}")
}

/// A registrar whose UEs authenticate like this.
pub(super) fn of_ues(authentication: &str) -> Registrar {
    let directory = std::env::temp_dir().join(format!(
        "ipsmgw-passwords-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::create_dir_all(&directory).unwrap();
    let users = directory.join("users");
    let lines =
        USERS.map(|user| format!("{user}:home1.net:{}\n", md5(&[user, "home1.net", &password(user)])));
    std::fs::write(directory.join("subscribers"), SUBSCRIBERS).unwrap();
    std::fs::write(&users, lines.concat()).unwrap();
    std::fs::set_permissions(&users, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text =
        CONFIG.replace("authentication = \"digest\"", &format!("authentication = \"{authentication}\""));
    let text = if authentication == "digest" { text } else { text.replace("credentials = \"users\"\n", "") };
    let config = Config::parse(&directory.join("gateway.toml"), &text).unwrap();
    let subscribers = Subscribers::load(&config).unwrap();
    std::fs::remove_dir_all(directory).unwrap();
    let Parts { registrar, .. } = start::build(config, subscribers, Vec::<MemoryIo>::new(), [1; 16]).unwrap();
    registrar
}

/// A UE's REGISTER for `to`, without credentials.
pub(super) fn of_ue(to: &str) -> RegisterRequest {
    let mut request = request(to);
    request.registrant = Registrant::Ue(UeRegister {
        to: to.into(),
        request_uri: b"sip:home1.net".to_vec(),
        authorizations: vec![],
        wildcard: false,
        leaving: vec![],
        q: None,
        instance: vec![],
        reg_id: None,
        target: None,
    });
    request.contact = Some(identity("sip:me@192.0.2.7"));
    request.remote = "192.0.2.7:5060".parse().unwrap();
    request
}

fn ue(request: &mut RegisterRequest) -> &mut UeRegister {
    match &mut request.registrant {
        Registrant::Ue(ue) => ue,
        Registrant::Scscf { .. } => unreachable!(),
    }
}

/// What becomes of a REGISTER.
pub(super) fn send(registrar: &mut Registrar, now: Time, request: RegisterRequest) -> RegisterOutcome {
    let mut out = Outbox::new();
    registrar.handle(now, ToControl::Register(Box::new(request)), &mut out);
    registrar.assert_invariants();
    match out.pop() {
        Some((_, ToWorker::RegisterDone(outcome))) => *outcome,
        other => panic!("{other:?}"),
    }
}

/// The statuses until `to` is registered by who goes by `user`, or is not.
fn statuses(registrar: &mut Registrar, now: Time, to: &str, user: &str) -> Vec<u16> {
    let mut outcome = send(registrar, now, of_ue(to));
    let mut statuses = vec![outcome.status];
    while let [challenge] = &outcome.challenges[..]
        && statuses.len() < 4
    {
        let nonce = challenge.split('"').nth(3).unwrap();
        let ha1 = md5(&[user, "home1.net", &password(user)]);
        let ha2 = md5(&["REGISTER", "sip:home1.net"]);
        let response = md5(&[&ha1, nonce, "00000001", "c", "auth", &ha2]);
        let authorization = format!(
            "Digest username=\"{user}\",realm=\"home1.net\",nonce=\"{nonce}\",uri=\"sip:home1.net\",\
             response=\"{response}\",algorithm=MD5,cnonce=\"c\",nc=00000001,qop=auth"
        );
        let mut answered = of_ue(to);
        ue(&mut answered).authorizations = vec![authorization.into_bytes()];
        outcome = send(registrar, now, answered);
        statuses.push(outcome.status);
    }
    statuses
}

#[test]
fn a_subscriber_goes_by_any_name_of_his_after_one_challenge() {
    let mut registrar = of_ues("digest");
    let own = [
        ("sip:+491700000001@home1.net", "262010000000001@home1.net"),
        ("sip:alice@home1.net", "262010000000001@home1.net"),
        ("sip:alice@home1.net", "alice"),
        ("sip:alice@home1.net", "alice@home1.net"),
        ("sip:alice@home1.net", "alice.jones"),
        ("sip:alice@home1.net", "+491700000001"),
        ("tel:+491700000001", "alice"),
        ("sip:262010000000001@home1.net", "alice"),
        ("sip:alice@10.0.0.1", "alice"),
        // Of a host that is no realm: the name is To's.
        ("sip:carol@10.0.0.1", "carol"),
    ];
    for (number, (to, user)) in own.into_iter().enumerate() {
        let now = NOW + Duration::from_secs(10 * number as u64);
        assert_eq!(statuses(&mut registrar, now, to, user), [401, 200], "{to} by {user}");
    }
    let counts = &registrar.authenticator.counts;
    assert_eq!((counts.challenges_md5, counts.verified, counts.stale), (10, 10, 0));
}

#[test]
fn nobody_registers_what_is_not_his() {
    let mut registrar = of_ues("digest");
    let others: [(&str, &str, &[u16]); 8] = [
        ("sip:alice@home1.net", "bob", &[401, 403]),
        ("sip:alice@home1.net", "stranger", &[401, 403]),
        ("sip:bob@home1.net", "alice", &[401, 403]),
        ("sip:+491700000002@home1.net", "alice", &[401, 403]),
        ("sip:262010000000002@home1.net", "alice", &[401, 403]),
        // The name is Alice's, in the challenge's realm.
        ("sip:alice@phones.example", "alice", &[401, 403]),
        // Two IMSIs.
        ("sip:262010000000001@home1.net", "262010000000002@home1.net", &[401, 403]),
        // Bob's challenge is not Alice's; he proves to be Bob, whose identity it is not.
        ("sip:alice@home1.net", "262010000000002@home1.net", &[401, 401, 403]),
    ];
    for (number, (to, user, expected)) in others.into_iter().enumerate() {
        let now = NOW + Duration::from_secs(10 * number as u64);
        assert_eq!(statuses(&mut registrar, now, to, user), expected, "{to} by {user}");
    }
    assert_eq!((registrar.writer.len(), registrar.counts.refused_identity), (0, 1));
    assert_eq!(send(&mut registrar, NOW, of_ue("sip:nobody@home1.net")).status, 403);
}

#[test]
fn of_several_credentials_those_of_the_realm_count() {
    let mut registrar = of_ues("digest");
    let to = "sip:alice@home1.net";
    let outcome = send(&mut registrar, NOW, of_ue(to));
    let nonce = outcome.challenges[0].split('"').nth(3).unwrap().to_owned();
    let ha1 = md5(&["alice", "home1.net", &password("alice")]);
    let ha2 = md5(&["REGISTER", "sip:home1.net"]);
    let response = md5(&[&ha1, &nonce, "00000001", "c", "auth", &ha2]);
    let right = format!(
        "Digest username=\"alice\",realm=\"home1.net\",nonce=\"{nonce}\",uri=\"sip:home1.net\",\
         response=\"{response}\",algorithm=MD5,cnonce=\"c\",nc=00000001,qop=auth"
    );
    let others = [
        "Digest username=\"bob\",realm=\"elsewhere.net\",nonce=\"n\",uri=\"sip:home1.net\",response=\"r\"",
        "NoOneKnowsThisScheme opaque-data=here",
    ];
    let mut answered = of_ue(to);
    ue(&mut answered).authorizations = others.iter().map(|it| it.as_bytes().to_vec()).collect();
    assert_eq!(send(&mut registrar, NOW, answered.clone()).status, 401, "another realm's prove nothing");
    ue(&mut answered).authorizations.push(right.into_bytes());
    answered.sequence += 1;
    assert_eq!(send(&mut registrar, NOW, answered).status, 200);
    // A scheme that nobody asked for.
    let mut other = of_ue(to);
    ue(&mut other).authorizations = vec![others[1].into()];
    assert_eq!(send(&mut registrar, NOW, other).status, 401);
}

const ALICES: &str = "sip:262010000000001@home1.net";

/// Registers a contact from a host: the contacts that there are then, or the status that refuses it.
fn at_host(registrar: &mut Registrar, host: u8, call: u64, leaving: &[&str]) -> Result<Vec<String>, u16> {
    let mut request = of_ue(ALICES);
    request.contact = Some(identity(&format!("sip:host{host}@192.0.2.{host}")));
    request.remote = format!("192.0.2.{host}:5060").parse().unwrap();
    request.call = call;
    ue(&mut request).leaving = leaving.iter().map(|uri| identity(uri)).collect();
    let outcome = send(registrar, NOW, request);
    let mut contacts: Vec<_> = outcome.contacts.iter().map(|(contact, _)| contact.to_string()).collect();
    contacts.sort();
    if outcome.status == 200 { Ok(contacts) } else { Err(outcome.status) }
}

#[test]
fn contacts_leave_as_another_comes() {
    let mut registrar = of_ues("none");
    let uri = |host: u8| format!("sip:host{host}@192.0.2.{host}");
    assert_eq!(at_host(&mut registrar, 1, 1, &[]), Ok(vec![uri(1)]));
    assert_eq!(at_host(&mut registrar, 2, 2, &[]), Ok(vec![uri(1), uri(2)]));
    // The UE at host 1 is at host 3 now, after a restart; what nobody has leaves without a word.
    assert_eq!(at_host(&mut registrar, 3, 3, &[&uri(1), &uri(9)]), Ok(vec![uri(2), uri(3)]));
    // What stays does not leave.
    assert_eq!(at_host(&mut registrar, 3, 3, &[]), Ok(vec![uri(2), uri(3)]));
}

/// Registers a flow of Alice's device, or without a number the device: the ports where it is reached then, in their order.
fn flow_at(registrar: &mut Registrar, port: u16, sequence: u32, reg_id: Option<u32>) -> Vec<u16> {
    let mut request = of_ue(ALICES);
    // RFC 5626 4.2.1: one contact and one Call-ID for all of them.
    request.remote = format!("192.0.2.7:{port}").parse().unwrap();
    request.sequence = sequence;
    ue(&mut request).instance = b"<urn:gsma:imei:90420156-025763-0>".to_vec();
    ue(&mut request).reg_id = reg_id;
    let outcome = send(registrar, NOW, request);
    assert_eq!(outcome.status, 200);
    let expected = reg_id.map(|number| (number, b"<urn:gsma:imei:90420156-025763-0>".to_vec()));
    assert_eq!(outcome.flow.map(|flow| (flow.reg_id, flow.instance)), expected);
    ports(registrar)
}

fn ports(registrar: &Registrar) -> Vec<u16> {
    let found = registrar.writer.by_identity(ALICES.as_bytes());
    let bindings: Vec<_> =
        found.into_iter().flat_map(|it| it.record().bindings().collect::<Vec<_>>()).collect();
    bindings.iter().map(|binding| binding.remote.port()).collect()
}

#[test]
fn a_device_has_several_flows_and_each_replaces_itself_alone() {
    let mut registrar = of_ues("none");
    assert_eq!(flow_at(&mut registrar, 5061, 1, Some(1)), [5061]);
    assert_eq!(flow_at(&mut registrar, 5062, 3, Some(2)), [5062, 5061]);
    // The first is renewed by another connection, in a REGISTER that has been overtaken by the second's.
    assert_eq!(flow_at(&mut registrar, 5063, 2, Some(1)), [5063, 5062], "what was first is replaced");
    // An older one of the same flow is stale (RFC 3261 10.3 step 7).
    let mut stale = of_ue(ALICES);
    stale.sequence = 1;
    ue(&mut stale).instance = b"<urn:gsma:imei:90420156-025763-0>".to_vec();
    ue(&mut stale).reg_id = Some(1);
    assert_eq!(send(&mut registrar, NOW, stale).status, 500);
    // Another device is beside them, whatever its flow's number.
    let mut other = of_ue(ALICES);
    (other.remote, other.call) = ("192.0.2.8:5060".parse().unwrap(), 99);
    ue(&mut other).instance = b"<urn:gsma:imei:90420156-025763-1>".to_vec();
    ue(&mut other).reg_id = Some(1);
    assert_eq!(send(&mut registrar, NOW, other).status, 200);
    assert_eq!(ports(&registrar), [5060, 5063, 5062]);
    // One flow is given up, and the others stay.
    let mut gone = of_ue(ALICES);
    (gone.sequence, gone.expires_s) = (4, 0);
    ue(&mut gone).instance = b"<urn:gsma:imei:90420156-025763-0>".to_vec();
    ue(&mut gone).reg_id = Some(2);
    let outcome = send(&mut registrar, NOW, gone.clone());
    assert_eq!((outcome.status, outcome.flow), (200, None));
    assert_eq!(ports(&registrar), [5060, 5063]);
    // The same device without several flows leaves those that it had.
    assert_eq!(flow_at(&mut registrar, 5064, 5, None), [5064, 5060]);
    assert_eq!(flow_at(&mut registrar, 5065, 6, Some(1)), [5065, 5060]);
    // Without a number a device gives up all its flows.
    gone.sequence = 7;
    ue(&mut gone).reg_id = None;
    assert_eq!(send(&mut registrar, NOW, gone).status, 200);
    assert_eq!(ports(&registrar), [5060]);
}

#[test]
fn a_connection_that_is_gone_before_its_register_is_carried_out_leaves_no_binding() {
    let mut registrar = of_ues("none");
    let id = |generation| ConnectionId { thread: 1, slot: 3, generation };
    let by = |generation: u32| {
        let mut request = of_ue(ALICES);
        (request.sequence, request.connection) =
            (generation, Some(Connection { id: id(generation), secure: false }));
        request
    };
    let lose = |registrar: &mut Registrar, generation| {
        registrar.on_connection_lost(NOW, by(1).remote, id(generation), &mut Outbox::new());
        registrar.assert_invariants();
    };
    lose(&mut registrar, 4);
    // Nobody hears it.
    assert_eq!(send(&mut registrar, NOW, by(4)).status, 200);
    assert_eq!(ports(&registrar), [0; 0]);
    assert_eq!((registrar.counts.connection_lost, registrar.counts.unreachable), (1, 1));
    // The next one at that place is another, from the same port or not.
    assert_eq!(send(&mut registrar, NOW, by(5)).status, 200);
    assert_eq!(ports(&registrar), [5060]);
    lose(&mut registrar, 5);
    assert_eq!(ports(&registrar), [0; 0]);
}

#[test]
fn an_older_register_does_not_bring_back_a_contact_that_has_left() {
    let mut registrar = of_ues("none");
    let mut older = of_ue(ALICES);
    older.contact = Some(identity("sip:old@192.0.2.7"));
    let newer = of_ue(ALICES);
    assert_eq!(send(&mut registrar, NOW, newer).status, 200);
    let outcome = send(&mut registrar, NOW, older);
    assert_eq!((outcome.status, registrar.counts.refused_stale), (500, 1));
}

#[test]
fn an_old_contact_of_a_device_ends_nothing_at_its_new_one() {
    let mut registrar = of_ues("none");
    let at = |address: &str, call: u64, expires_s: u32| {
        let mut request = of_ue("sip:262010000000001@home1.net");
        ue(&mut request).instance = b"<urn:gsma:imei:1>".to_vec();
        request.contact = Some(identity(&format!("sip:me@{address}")));
        request.remote = format!("{address}:5060").parse().unwrap();
        RegisterRequest { call, expires_s, ..request }
    };
    let is_there =
        |registrar: &Registrar| registrar.table().by_imsi("262010000000001".parse().unwrap()).is_some();
    assert_eq!(send(&mut registrar, NOW, at("192.0.2.7", 1, 600)).status, 200);
    assert_eq!(send(&mut registrar, NOW, at("192.0.2.8", 2, 600)).status, 200);
    let late = send(&mut registrar, NOW, at("192.0.2.7", 1, 0));
    assert_eq!((late.status, is_there(&registrar)), (200, true), "it has another contact by now");
    // Behind another address, and under another Call-ID: the contact is the same.
    let mut own = at("192.0.2.8", 3, 0);
    own.remote = "198.51.100.1:1024".parse().unwrap();
    assert_eq!(send(&mut registrar, NOW, own).status, 200);
    assert!(!is_there(&registrar));
    // The device has another address, and goes by the Call-ID that it has kept.
    assert_eq!(send(&mut registrar, NOW, at("192.0.2.7", 4, 600)).status, 200);
    assert_eq!(send(&mut registrar, NOW, at("192.0.2.9", 4, 0)).status, 200);
    assert!(!is_there(&registrar));
}
