//! What NOTIFYs bring about (TS 24.341 5.3.3.2): as the trigger of R1, and watched beside REGISTERs.

use super::Said as _;
use super::*;
use crate::gateway::mailbox::{MapOutcome, Notified, Subscribe};
use crate::proto::map::subscription::AnyTimeModification;
use crate::stack::{Deferred, Subscribed};

pub(super) const MAX: &str = "sip:max@home2.net";
pub(super) const IMSI: &str = "234015000000001";

/// A REGISTER in the network whose HLR is asked.
pub(super) fn max() -> RegisterRequest {
    let private = format!("{IMSI}@ims.mnc015.mcc234.3gppnetwork.org");
    request(MAX).network(1).private(&private).service_info("447000000101")
}

pub(super) fn by_notify() -> (Registrar, Reader) {
    registrar_of(16, &EXAMPLE.replacen("# r1_trigger = \"register\"", "r1_trigger = \"reg_event\"", 1))
}

pub(super) fn watching() -> (Registrar, Reader) {
    registrar_of(16, &EXAMPLE.replacen("# reg_event = \"off\"", "reg_event = \"watch\"", 1))
}

/// What is said to workers, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Answer(u16),
    NotifyDone(u16),
    /// Whether the HLR shall know us.
    R1(bool),
    /// Seconds asked for.
    Subscribe(u32),
    Joined,
}

pub(super) struct Bench {
    pub(super) registrar: Registrar,
    subscribe: Option<Subscribe>,
    pub(super) operation: u64,
    /// CSeq and version of the next NOTIFY.
    next: u32,
}

impl Bench {
    pub(super) fn new(registrar: Registrar) -> Self {
        Self { registrar, subscribe: None, operation: 0, next: 0 }
    }

    pub(super) fn handle(&mut self, now: Time, message: ToControl) -> Vec<Said> {
        let mut out = Outbox::new();
        self.registrar.handle(now, message, &mut out);
        self.read(out)
    }

    pub(super) fn pass(&mut self, now: Time) -> Vec<Said> {
        let mut out = Outbox::new();
        self.registrar.handle_timeout(now, &mut out);
        self.read(out)
    }

    pub(super) fn read(&mut self, out: Outbox) -> Vec<Said> {
        self.registrar.assert_invariants();
        out.into_iter()
            .map(|(_, message)| match message {
                ToWorker::RegisterDone(outcome) => Said::Answer(outcome.status),
                ToWorker::NotifyDone { status, .. } => Said::NotifyDone(status),
                ToWorker::Joined(_) => Said::Joined,
                ToWorker::Invoke(operation) => {
                    self.operation = operation.operation;
                    let argument = AnyTimeModification::decode(&operation.argument).unwrap();
                    let wish = crate::proto::map::subscription::ModifyRegistrationStatus::Activate;
                    Said::R1(argument.registration == Some(wish))
                }
                ToWorker::Subscribe(subscribe) => {
                    let expires = subscribe.expires;
                    self.next = if subscribe.to_tag.is_empty() { 0 } else { self.next };
                    self.subscribe = Some(*subscribe);
                    Said::Subscribe(expires)
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    pub(super) fn register(&mut self, request: RegisterRequest) -> Vec<Said> {
        self.handle(NOW, ToControl::Register(Box::new(request)))
    }

    /// The S-CSCF accepts the SUBSCRIBE.
    pub(super) fn accepted(&mut self) {
        let subscription = self.subscribe.as_ref().unwrap().subscription;
        let answer = Subscribed { status: 200, expires: Some(600_000), ..Subscribed::default() };
        assert!(self.handle(NOW, ToControl::Subscribed { subscription, answer }).is_empty());
    }

    /// A NOTIFY that says all about one contact: whether it is registered, and takes messages.
    pub(super) fn notify(&mut self, now: Time, is_active: bool, takes: bool) -> Vec<Said> {
        let (state, event) =
            if is_active { ("active", "registered") } else { ("terminated", "unregistered") };
        let param = if takes { "<unknown-param name=\"+g.3gpp.smsip\"/>" } else { "" };
        let body = format!(
            "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{}\" state=\"full\">\
             <registration aor=\"{MAX}\" id=\"r\" state=\"{state}\">\
             <contact id=\"c\" state=\"{state}\" event=\"{event}\"><uri>sip:u@h</uri>{param}</contact>\
             </registration></reginfo>",
            self.next
        );
        self.notify_with(now, b"active;expires=600000", body)
    }

    fn notify_with(&mut self, now: Time, state: &[u8], body: String) -> Vec<Said> {
        self.next += 1;
        let notified = Notified {
            subscription: self.subscribe.as_ref().unwrap().subscription,
            remote_tag: b"s".to_vec(),
            sequence: self.next,
            state: state.to_vec(),
            contact: Some("sip:scscf1.home2.net".into()),
            routes: Some(vec![]),
            body: body.into_bytes(),
            worker: WorkerId(0),
            reply_to: Deferred::numbered(9),
        };
        self.handle(now, ToControl::Notified(Box::new(notified)))
    }

    /// A NOTIFY in a state of the subscription, whose document has nothing but its version.
    fn notify_partly(&mut self, now: Time, state_of: &[u8]) -> Vec<Said> {
        let body = format!(
            "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{}\" state=\"partial\"/>",
            self.next
        );
        self.notify_with(now, state_of, body)
    }

    /// The HLR carries out what it was asked.
    pub(super) fn agreed(&mut self, now: Time) -> Vec<Said> {
        let outcome = MapOutcome::Returned(vec![]);
        self.handle(now, ToControl::Ended { operation: self.operation, outcome })
    }
}

#[test]
fn r1_only_with_smsip() {
    let (registrar, reader) = by_notify();
    let mut bench = Bench::new(registrar);
    assert_eq!(bench.register(max()), [Said::Answer(200), Said::Subscribe(600_000)], "answered at once");
    let subscribe = bench.subscribe.clone().unwrap();
    assert_eq!((subscribe.request_uri.as_str(), subscribe.network), (MAX, 1));
    bench.accepted();
    assert_eq!(bench.notify(NOW, true, false), [Said::NotifyDone(200)]);
    assert!(found(&reader, MAX).is_none());
    assert_eq!(bench.notify(NOW, true, true), [Said::NotifyDone(200), Said::R1(true)]);
    assert!(found(&reader, MAX).is_none(), "not before the HLR has answered");
    assert!(bench.agreed(NOW).is_empty());
    assert_eq!(found(&reader, MAX), pair(IMSI, "447000000101"));
    let ends = reader.by_identity(MAX.as_bytes()).unwrap().expiry(0);
    assert_eq!(ends, NOW + Duration::from_secs(3_600));
    // The next REGISTER finds all of it as it is.
    assert_eq!(bench.register(max()), [Said::Answer(200)]);
    let counts = bench.registrar.counts;
    assert_eq!((counts.held, counts.registered, counts.without_imsi), (2, 2, 0));
    assert_eq!(bench.registrar.reg_event.counts.without_smsip, 1);
}

#[test]
fn a_hlr_that_refuses_is_not_asked_again_before_the_next_register() {
    let (registrar, reader) = by_notify();
    let mut bench = Bench::new(registrar);
    bench.register(max());
    bench.accepted();
    bench.notify(NOW, true, true);
    let outcome = MapOutcome::Error(1);
    let operation = bench.operation;
    assert!(bench.handle(NOW, ToControl::Ended { operation, outcome }).is_empty(), "nobody waits");
    assert!(found(&reader, MAX).is_none());
    assert_eq!(bench.notify(NOW, true, true), [Said::NotifyDone(200)]);
    assert_eq!(bench.register(max()), [Said::Answer(200), Said::R1(true)]);
}

#[test]
fn the_last_contact_leaves() {
    let (registrar, reader) = by_notify();
    let mut bench = Bench::new(registrar);
    bench.register(max());
    bench.accepted();
    bench.notify(NOW, true, true);
    bench.agreed(NOW);
    assert!(found(&reader, MAX).is_some());
    // The tag that goes is as good as the contact.
    for still_there in [true, false] {
        let later = NOW + Duration::from_secs(1);
        assert_eq!(bench.notify(later, still_there, false), [Said::NotifyDone(200), Said::R1(false)]);
        assert!(found(&reader, MAX).is_none(), "absent from this moment on");
        bench.agreed(later);
        // It comes back while the registration lives.
        assert_eq!(bench.notify(later, true, true), [Said::NotifyDone(200), Said::R1(true)]);
        bench.agreed(later);
        let ends = reader.by_identity(MAX.as_bytes()).unwrap().expiry(0);
        assert_eq!(ends, NOW + Duration::from_secs(3_600), "no longer than was granted");
    }
    assert_eq!(bench.registrar.counts.deregistered_by_notify, 2);
    assert_eq!(bench.registrar.differing(), 0);
}

#[test]
fn a_contact_that_leaves_while_the_hlr_is_asked_is_not_registered() {
    let (registrar, reader) = by_notify();
    let mut bench = Bench::new(registrar);
    bench.register(max());
    bench.accepted();
    assert_eq!(bench.notify(NOW, true, true), [Said::NotifyDone(200), Said::R1(true)]);
    assert_eq!(bench.notify(NOW, false, false), [Said::NotifyDone(200)]);
    assert_eq!(bench.agreed(NOW), [Said::R1(false)]);
    bench.agreed(NOW);
    assert!(found(&reader, MAX).is_none());
    assert_eq!(bench.registrar.differing(), 0);
}

#[test]
fn a_deregister_ends_what_is_held_and_its_subscription() {
    let (registrar, reader) = by_notify();
    let mut bench = Bench::new(registrar);
    let leave = || RegisterRequest { expires_s: 0, ..max() };
    // Before the NOTIFY there is nothing but the request.
    bench.register(max());
    assert_eq!(bench.register(leave()), [Said::Answer(200)]);
    assert_eq!(bench.notify(NOW, true, true), [Said::NotifyDone(481)]);
    // A registration that de-registration has overtaken is not held.
    let old = RegisterRequest { sequence: 0, ..max() };
    assert_eq!(bench.register(old), [Said::Answer(500)]);
    bench.register(max());
    bench.accepted();
    bench.notify(NOW, true, true);
    bench.agreed(NOW);
    assert_eq!(bench.register(leave()), [Said::R1(false), Said::Subscribe(0)]);
    assert_eq!(bench.agreed(NOW), [Said::Answer(200)]);
    assert!(found(&reader, MAX).is_none());
    assert_eq!(bench.notify(NOW, true, true), [Said::NotifyDone(200)], "its end is on its way");
    assert!(found(&reader, MAX).is_none());
}

#[test]
fn what_is_held_ends_with_its_time_and_what_workers_extend_does_not() {
    let (registrar, mut reader) = by_notify();
    let mut bench = Bench::new(registrar);
    bench.register(RegisterRequest { expires_s: 10, ..max() });
    bench.accepted();
    bench.notify(NOW, true, false);
    let ends = NOW + Duration::from_secs(10);
    assert!(bench.pass(ends - Duration::from_secs(1)).is_empty());
    assert_eq!(bench.pass(ends), [Said::Subscribe(0)]);
    assert_eq!(bench.notify(ends, true, true), [Said::NotifyDone(200)], "nobody is registered by it");
    // With a binding that lives longer it lives as long.
    let mut bench = Bench::new(by_notify_of(&mut reader));
    bench.register(RegisterRequest { expires_s: 10, ..max() });
    bench.accepted();
    bench.notify(NOW, true, true);
    bench.agreed(NOW);
    let longer = ends + Duration::from_secs(60);
    assert!(reader.by_identity(MAX.as_bytes()).unwrap().extend(0, ends, longer));
    assert!(bench.pass(ends).is_empty());
    assert_eq!(bench.notify(ends, false, false), [Said::NotifyDone(200), Said::R1(false)]);
    reader.quiescent();
}

fn by_notify_of(reader: &mut Reader) -> Registrar {
    let (registrar, other) = by_notify();
    *reader = other;
    registrar
}

#[test]
fn watched_beside_registers_the_last_contact_ends_the_binding() {
    let (registrar, reader) = watching();
    let mut bench = Bench::new(registrar);
    assert_eq!(bench.register(max()), [Said::R1(true)], "the REGISTER is the trigger");
    assert_eq!(bench.agreed(NOW), [Said::Answer(200), Said::Subscribe(600_000)]);
    bench.accepted();
    assert!(found(&reader, MAX).is_some());
    // What the S-CSCF has not heard of yet ends nothing, and the tag is not asked for.
    assert_eq!(bench.notify(NOW, false, false), [Said::NotifyDone(200)]);
    assert_eq!(bench.notify(NOW, true, false), [Said::NotifyDone(200)]);
    assert!(found(&reader, MAX).is_some());
    assert_eq!(bench.notify(NOW, false, false), [Said::NotifyDone(200), Said::R1(false)]);
    assert!(found(&reader, MAX).is_none());
    bench.agreed(NOW);
    // The S-CSCF's own word comes after it.
    let leave = RegisterRequest { expires_s: 0, ..max() };
    assert_eq!(bench.register(leave), [Said::Answer(200), Said::Subscribe(0)]);
    assert_eq!(bench.registrar.differing(), 0);
}

#[test]
fn a_contact_of_one_identity_leaves_the_other_as_it_is() {
    let (registrar, reader) = watching();
    let mut bench = Bench::new(registrar);
    let private = format!("{IMSI}@ims.mnc015.mcc234.3gppnetwork.org");
    let other = request("sip:work@home2.net").network(1).private(&private);
    bench.register(other);
    bench.agreed(NOW);
    bench.register(max());
    bench.accepted();
    assert_eq!(bench.subscribe.as_ref().unwrap().request_uri, MAX);
    bench.notify(NOW, true, true);
    assert_eq!(bench.notify(NOW, false, false), [Said::NotifyDone(200)], "the HLR keeps the subscriber");
    assert!(found(&reader, MAX).is_none());
    assert!(found(&reader, "sip:work@home2.net").is_some());
    assert_eq!(bench.registrar.counts.deregistered_identity, 1);
}

#[test]
fn watched_beside_registers_a_contact_may_go_and_come_back() {
    let (registrar, reader) = watching();
    let mut bench = Bench::new(registrar);
    bench.register(max());
    bench.agreed(NOW);
    bench.accepted();
    bench.notify(NOW, true, false);
    assert_eq!(bench.notify(NOW, false, false), [Said::NotifyDone(200), Said::R1(false)]);
    bench.agreed(NOW);
    assert!(found(&reader, MAX).is_none());
    // Its REGISTER still lives.
    assert_eq!(bench.notify(NOW, true, false), [Said::NotifyDone(200), Said::R1(true)]);
    bench.agreed(NOW);
    assert!(found(&reader, MAX).is_some());
    assert_eq!(bench.registrar.differing(), 0);
}

/// RFC 6665 4.1.3: the state that was watched is not there any more, whatever the document that comes with it says or lacks.
#[test]
fn noresource_ends_a_registration_whatever_the_document_lacks() {
    for gap in [0, 5] {
        let (registrar, reader) = watching();
        let mut bench = Bench::new(registrar);
        bench.register(max());
        bench.agreed(NOW);
        bench.accepted();
        bench.notify(NOW, true, false);
        assert!(found(&reader, MAX).is_some());
        bench.next += gap;
        let said = bench.notify_partly(NOW, b"terminated;reason=noresource");
        assert_eq!(said, [Said::NotifyDone(200), Said::R1(false)], "{gap}");
        assert!(found(&reader, MAX).is_none());
    }
}
