//! Who can end a registration, what a refresh changes about that, and identities that come and go apart.

use super::Said as _;
use super::reg_event::{Bench, IMSI, MAX, Said, max, watching};
use super::*;
use crate::gateway::mailbox::MapOutcome;

/// The same REGISTER from an S-CSCF of this number, under a Call-ID of its own.
fn at(scscf: u8, request: RegisterRequest) -> RegisterRequest {
    RegisterRequest {
        contact: Some(identity(&format!("sip:scscf{scscf}.home1.net"))),
        remote: format!("10.1.0.{scscf}:5060").parse().unwrap(),
        call: scscf.into(),
        ..request
    }
}

fn leave(request: RegisterRequest) -> RegisterRequest {
    RegisterRequest { expires_s: 0, ..request }
}

fn for_seconds(expires_s: u32, request: RegisterRequest) -> RegisterRequest {
    RegisterRequest { expires_s, ..request }
}

fn after(seconds: u64) -> Time {
    NOW + Duration::from_secs(seconds)
}

#[test]
fn an_s_cscf_that_was_left_ends_nothing_at_the_new_one() {
    let (mut registrar, reader) = registrar(16);
    register(&mut registrar, &at(1, request(ALICE)));
    register(&mut registrar, &at(2, request(ALICE)));
    assert_eq!(register(&mut registrar, &leave(at(1, request(ALICE)))), ENDED, "nothing is left there");
    assert!(found(&reader, ALICE).is_some());
    assert_eq!((registrar.counts.deregistered, registrar.counts.deregistered_unknown), (0, 1));
    assert_eq!(register(&mut registrar, &leave(at(2, request(ALICE)))), ENDED);
    assert!(found(&reader, ALICE).is_none());
}

/// 24.229 5.4.1.5: the network ends a registration by whatever the S-CSCF that serves it calls itself by now.
#[test]
fn an_s_cscf_that_has_restarted_ends_what_it_registered() {
    let (mut registrar, reader) = registrar(16);
    let changes: [fn(&mut RegisterRequest); 3] = [
        |it| (it.remote, it.call) = ("10.1.0.77:5060".parse().unwrap(), 77),
        |it| (it.contact, it.call) = (Some(identity("sip:scscf77.home1.net")), 77),
        |it| (it.contact, it.remote) = (Some(identity("sip:77.net")), "10.1.0.77:5060".parse().unwrap()),
    ];
    for change in changes {
        register(&mut registrar, &at(1, request(ALICE)));
        let mut other = leave(at(1, request(ALICE)));
        change(&mut other);
        assert_eq!(register(&mut registrar, &other).0, 200);
        assert!(found(&reader, ALICE).is_none());
    }
    // Another has taken its place, and the UE has not registered there: what is left ends in its time.
    register(&mut registrar, &for_seconds(60, at(1, request(ALICE))));
    register(&mut registrar, &leave(at(2, request(ALICE))));
    assert!(found(&reader, ALICE).is_some());
    registrar.handle_timeout(after(60), &mut Outbox::new());
    assert!(found(&reader, ALICE).is_none());
}

#[test]
fn an_s_cscf_that_was_left_takes_back_no_registration_that_waits_for_the_hlr() {
    let (registrar, reader) = watching();
    let mut bench = Bench::new(registrar);
    assert_eq!(bench.register(at(2, max())), [Said::R1(true)]);
    assert_eq!(bench.register(leave(at(1, max()))), [Said::Answer(200)]);
    assert_eq!(bench.agreed(NOW), [Said::Answer(200), Said::Subscribe(600_000)]);
    bench.accepted();
    bench.notify(NOW, true, true);
    // Nor is the registration state at the new one watched any less.
    assert_eq!(bench.register(leave(at(1, max()))), [Said::Answer(200)]);
    assert_eq!(bench.notify(NOW, false, false), [Said::NotifyDone(200), Said::R1(false)]);
    bench.agreed(NOW);
    assert!(found(&reader, MAX).is_none());
    assert_eq!(bench.register(leave(at(2, max()))), [Said::Answer(200), Said::Subscribe(0)]);
}

/// A worker answers it 200 by itself: then the registration stands, and the HLR hears of it again.
#[test]
fn a_refresh_while_the_hlr_is_told_of_the_end_is_not_lost() {
    for is_late in [false, true] {
        let (registrar, reader) = registrar(16);
        let mut bench = Bench::new(registrar);
        bench.register(max());
        bench.agreed(NOW);
        assert_eq!(bench.register(leave(max())), [Said::R1(false)]);
        let ends = after(3_600);
        let subscriber = reader.by_identity(MAX.as_bytes()).unwrap();
        assert!(subscriber.extend(0, ends, ends + Duration::from_secs(60)), "under another Call-ID");
        if is_late {
            assert_eq!(bench.pass(after(2)), [Said::Answer(200)]);
            assert_eq!(bench.agreed(after(3)), [Said::R1(true)]);
        } else {
            assert_eq!(bench.agreed(NOW), [Said::Answer(200), Said::R1(true)]);
        }
        assert_eq!(found(&reader, MAX).map(|it| it.0), Some(IMSI.into()));
        assert_eq!(bench.registrar.counts.deregistered, 0);
        let now = after(4);
        bench.agreed(now);
        assert_eq!(bench.registrar.differing(), 0);
        // And it can be ended as it is now.
        let end = ToControl::Register(Box::new(leave(max())));
        assert_eq!(bench.handle(now, end), [Said::R1(false)]);
        assert_eq!(bench.agreed(now), [Said::Answer(200)]);
        assert!(found(&reader, MAX).is_none());
    }
}

/// A refresh of the de-registration's own Call-ID is older, however late it is.
#[test]
fn an_older_refresh_while_the_hlr_is_told_of_the_end_changes_nothing() {
    let (registrar, reader) = registrar(16);
    let mut bench = Bench::new(registrar);
    bench.register(max());
    bench.agreed(NOW);
    let late = max().sequence;
    bench.register(leave(max()));
    let ends = after(3_600);
    let subscriber = reader.by_identity(MAX.as_bytes()).unwrap();
    assert!(subscriber.extend(0, ends, ends + Duration::from_secs(60)));
    subscriber.refreshed(0, late);
    let operation = bench.operation;
    let outcome = MapOutcome::Returned(vec![]);
    assert_eq!(bench.handle(NOW, ToControl::Ended { operation, outcome }), [Said::Answer(200)]);
    assert!(found(&reader, MAX).is_none());
}

const WORK: &str = "sip:work@home1.net";

fn work() -> RegisterRequest {
    request(WORK).private("262010000000001@home1.net")
}

#[test]
fn identities_that_registered_apart_end_each_in_its_time() {
    for (alice_s, work_s) in [(3_600, 600), (600, 3_600)] {
        let (mut registrar, reader) = registrar(16);
        register(&mut registrar, &for_seconds(alice_s, request(ALICE)));
        register(&mut registrar, &for_seconds(work_s, work()));
        let mut out = Outbox::new();
        let there = || (found(&reader, ALICE).is_some(), found(&reader, WORK).is_some());
        registrar.handle_timeout(after(599), &mut out);
        assert_eq!(there(), (true, true));
        registrar.handle_timeout(after(600), &mut out);
        registrar.assert_invariants();
        assert_eq!(there(), (alice_s > work_s, work_s > alice_s));
        let imsi = "262010000000001".parse().unwrap();
        let is_registered = |now| reader.by_imsi(imsi).is_some_and(|it| it.is_registered(now));
        assert!(is_registered(after(3_599)) && !is_registered(after(3_600)));
        registrar.handle_timeout(after(3_600), &mut out);
        registrar.assert_invariants();
        assert_eq!(there(), (false, false));
        assert_eq!((registrar.counts.expired_identities, registrar.counts.expired), (1, 1));
        assert!(out.is_empty());
    }
}

#[test]
fn a_refresh_of_one_identity_is_not_the_others() {
    let (mut registrar, reader) = registrar(16);
    register(&mut registrar, &for_seconds(600, request(ALICE)));
    register(&mut registrar, &for_seconds(600, work()));
    let binding = reader.by_identity(WORK.as_bytes()).unwrap().record().binding(0).unwrap();
    assert_eq!(binding.fingerprint, 0, "no worker takes a refresh for one of both");
    register(&mut registrar, &for_seconds(900, work()));
    let mut out = Outbox::new();
    registrar.handle_timeout(after(600), &mut out);
    assert!(found(&reader, ALICE).is_none() && found(&reader, WORK).is_some());
    // Alone again, its refreshes are the workers'.
    register(&mut registrar, &for_seconds(900, work()));
    let subscriber = reader.by_identity(WORK.as_bytes()).unwrap();
    let fingerprint = subscriber.record().binding(0).unwrap().fingerprint;
    assert_eq!((fingerprint, subscriber.expiry(0)), (5, after(900)));
}

#[test]
fn what_stays_when_another_identity_leaves_has_its_own_time() {
    let (mut registrar, reader) = registrar(16);
    register(&mut registrar, &for_seconds(600, request(ALICE)));
    register(&mut registrar, &for_seconds(3_600, work()));
    register(&mut registrar, &leave(work()));
    assert_eq!(reader.by_identity(ALICE.as_bytes()).unwrap().expiry(0), after(600));
}

/// A worker has answered a refresh of the first identity just before the second comes.
#[test]
fn a_worker_that_knows_the_old_record_lengthens_nothing() {
    let (mut registrar, reader) = registrar(16);
    register(&mut registrar, &for_seconds(600, request(ALICE)));
    let subscriber = reader.by_identity(ALICE.as_bytes()).unwrap();
    assert!(subscriber.extend(0, after(600), after(900)));
    register(&mut registrar, &for_seconds(60, work()));
    assert!(!subscriber.extend(0, after(900), after(1_200)), "such a refresh is the control thread's");
    let mut out = Outbox::new();
    registrar.handle_timeout(after(60), &mut out);
    assert!(found(&reader, WORK).is_none());
    assert_eq!(reader.by_identity(ALICE.as_bytes()).unwrap().expiry(0), after(900));
}
