//! The control thread with a worker played by the test.

use super::*;
use crate::base::{SipKey, ring};
use crate::control::authentication::{Authenticator, AuthenticatorConfig};
use crate::gateway::mailbox::{RegisterRequest, Registrant};
use crate::ident::Identity;
use crate::stack::Deferred;
use crate::subscriber::{AccessNetworkInfo, TableConfig, table};
use std::process::Command;

const EXAMPLE: &str = include_str!("../../docs/operating/examples/gateway.toml");

fn request(reply_to: u64) -> ToControl {
    request_of("alice", "491710000001", reply_to)
}

fn request_of(user: &str, msisdn: &str, reply_to: u64) -> ToControl {
    ToControl::Register(Box::new(RegisterRequest {
        registrant: Registrant::Scscf {
            network: 0,
            private_identity: None,
            associated: vec![],
            wildcards: vec![],
            service_info: msisdn.into(),
        },
        public_identity: Identity::new(format!("sip:{user}@home1.net").as_bytes()).unwrap(),
        contact: Identity::new(b"sip:scscf1.home1.net"),
        remote: "10.1.0.5:5060".parse().unwrap(),
        local: "10.0.0.1:5060".parse().unwrap(),
        connection: None,
        expires_s: 60,
        call: 1,
        sequence: reply_to as u32 + 1,
        access_network_info: AccessNetworkInfo::EMPTY,
        worker: WorkerId(0),
        reply_to: Deferred::numbered(reply_to),
        fingerprint: 0,
    }))
}

/// A control thread with one worker, whose ends of the rings the test has; the ring back has 4 places.
struct Played {
    socket: std::path::PathBuf,
    to_control: Producer<ToControl>,
    from_control: Consumer<ToWorker>,
    bell: Bell,
    control: std::thread::JoinHandle<Result<(), StartError>>,
}

#[allow(clippy::disallowed_methods)] // the control thread needs one, and its clock
fn play(name: &str) -> Played {
    let socket = std::env::temp_dir().join(format!("ipsmgw-control-{name}-{}.sock", std::process::id()));
    let mut config = Config::parse(Path::new("gw.toml"), EXAMPLE).unwrap();
    config.admin.socket.clone_from(&socket);
    config.metrics.listen = None;
    let (to_control, from) = ring(64);
    let (to, from_control) = ring(4);
    let doorbell = Doorbell::default();
    let bell = doorbell.bell();
    let control = std::thread::spawn(move || {
        let (writer, _readers) = table(&TableConfig {
            subscribers: 16,
            identities: 64,
            details: 64,
            addresses: 16,
            readers: 1,
            key: SipKey::new([1; 16]),
        });
        let config = Arc::new(config);
        let key = SipKey::new([2; 16]);
        let authenticator = Authenticator::new(AuthenticatorConfig::new(vec![]), &key);
        let registrar =
            Registrar::new(config.clone(), Subscribers::default(), writer, authenticator, 1, &key);
        let began = std::time::Instant::now();
        let clock = Box::new(move || Time::ZERO + began.elapsed());
        let mailbox = Mailbox { worker: WorkerId(0), from, to };
        Control::new(config, registrar, Box::new(()), vec![mailbox], vec![], clock, doorbell).run()
    });
    Played { socket, to_control, from_control, bell, control }
}

fn next(from_control: &mut Consumer<ToWorker>) -> ToWorker {
    loop {
        let ended = from_control.is_abandoned();
        match from_control.pop() {
            Some(ToWorker::Calendar(_)) => {}
            Some(message) => return message,
            None if ended => panic!("the control thread has ended"),
            None => std::thread::yield_now(),
        }
    }
}

#[test]
fn a_worker_is_answered_and_told_to_stop() {
    let Played { socket, mut to_control, mut from_control, bell, control } = play("stop");
    for reply_to in 0..50 {
        to_control.push(request(reply_to)).unwrap();
        bell.ring();
    }
    for reply_to in 0..50 {
        let ToWorker::RegisterDone(outcome) = next(&mut from_control) else { panic!("stopped") };
        assert_eq!(
            (outcome.reply_to, outcome.status, outcome.contacts[0].1),
            (Deferred::numbered(reply_to), 200, 60)
        );
    }
    // It has answered, so it serves, and has put its signal handler in place.
    assert!(socket.exists());
    let kill = Command::new("sh").args(["-c", &format!("kill -TERM {}", std::process::id())]).status();
    assert!(kill.unwrap().success());
    assert!(matches!(next(&mut from_control), ToWorker::Stop));
    assert!(!control.is_finished(), "it waits for the worker");
    drop(from_control);
    control.join().unwrap().unwrap();
    assert!(!socket.exists());
}

#[test]
fn a_hang_up_is_no_end() {
    let Played { mut to_control, mut from_control, bell, .. } = play("hang-up");
    let mut serves = |reply_to| {
        to_control.push(request(reply_to)).unwrap();
        bell.ring();
        matches!(next(&mut from_control), ToWorker::RegisterDone(_) | ToWorker::Stop)
    };
    assert!(serves(1));
    let kill = Command::new("sh").args(["-c", &format!("kill -HUP {}", std::process::id())]).status();
    assert!(kill.unwrap().success());
    assert!(serves(2), "without certificates there is nothing to read again");
}

#[test]
fn clients_are_told_how_many_are_registered_and_a_digest() {
    let Played { socket, mut to_control, mut from_control, bell, .. } = play("digest");
    let mut told = |message| {
        to_control.push(message).unwrap();
        bell.ring();
        // Unless the other test's signal comes first, which is the whole process's: it is answered all the same.
        while !matches!(next(&mut from_control), ToWorker::RegisterDone(_)) {}
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(admin::ask(&socket, admin::Subject::Subscribers)).unwrap();
        let (count, digest) = (&answer["subscribers"]["count"], &answer["subscribers"]["digest"]);
        (count.as_u64().unwrap(), digest.as_str().unwrap().to_owned())
    };
    let first = told(request(1));
    assert_eq!(first.0, 1);
    assert_eq!(told(request(2)), first, "a refresh changes nothing");
    let both = told(request_of("bob", "491710000002", 3));
    assert_eq!(both.0, 2);
    assert_ne!(both.1, first.1);
    let renumbered = told(request_of("bob", "491710000003", 4));
    assert_eq!(renumbered.0, 2);
    assert_ne!(renumbered.1, both.1);
}

#[test]
fn a_worker_that_ends_by_itself_ends_the_process() {
    let Played { mut to_control, mut from_control, bell, control, .. } = play("end");
    to_control.push(request(1)).unwrap();
    bell.ring();
    assert!(matches!(next(&mut from_control), ToWorker::RegisterDone(_) | ToWorker::Stop));
    drop(from_control);
    // Unless the other test's signal came first, which is the whole process's.
    if let Err(error) = control.join().unwrap() {
        assert!(error.to_string().starts_with("worker 0 has ended; "), "{error}");
    }
}
