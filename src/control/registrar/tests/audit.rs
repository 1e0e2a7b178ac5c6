//! What is compared with an HLR that has forgotten some and believes in others: after a restart, when an operator asks, and when
//! something comes for somebody who is not here.

use super::lives::Disk;
use super::*;
use crate::base::{Producer, ring};
use crate::control::store::Kind;
use crate::gateway::cause::{DEREGISTERED, Failure};
use crate::gateway::charging::End;
use crate::gateway::mailbox::{Invoked, MapOperation, MapOutcome};
use crate::ident::{Digits, Ssn};
use crate::proto::map::subscription::{
    AnyTimeModification, InsertSubscriberData, ModifyRegistrationStatus, PurgeMs, SubscriberIdentity,
    UpdateGprsLocation,
};
use crate::proto::map::{AddressString, SendRoutingInfoForSm, SendRoutingInfoForSmResult, operation};
use std::collections::{BTreeMap, BTreeSet};

const OURS: &str = "447000000001";
const OTHERS: &str = "447000000002";
const PLACES: usize = 16;
const SYSTEM_FAILURE: MapOutcome = MapOutcome::Error(34);
const ASKS: [(&str, &str); 1] = [("# audit = \"register\"", "audit = \"routing_info\"")];

fn imsi(number: u64) -> Imsi {
    format!("2340150000000{number:02}").parse().unwrap()
}

fn title(text: &str) -> Digits {
    text.parse().unwrap()
}

/// Somebody of the network whose HLR is told.
fn of(number: u64) -> RegisterRequest {
    let private = format!("{}@ims.mnc015.mcc234.3gppnetwork.org", imsi(number).digits());
    let number = format!("4470000001{number:02}");
    request(&format!("sip:{number}@home2.net")).network(1).private(&private).service_info(&number)
}

fn leave(number: u64) -> RegisterRequest {
    RegisterRequest { expires_s: 0, ..of(number) }
}

/// An HLR: where it believes everybody to be.
#[derive(Default)]
struct Hlr {
    here: BTreeMap<Imsi, Digits>,
    /// Whom it has no such subscriber as.
    unknown: BTreeSet<Imsi>,
    is_silent: bool,
    /// Operations wait until they are let go.
    holds: bool,
    held: Vec<MapOperation>,
    /// What it answers to questions, if not where somebody is.
    to_questions: Option<MapOutcome>,
    /// What was done about whom: `?`, `+` or `-`.
    log: Vec<(char, Imsi)>,
}

impl Hlr {
    fn whom(operation: &MapOperation) -> (char, Imsi) {
        let argument = &operation.argument;
        assert_eq!(operation.to, (title("447000000006"), Ssn::HLR));
        match operation.opcode {
            operation::ANY_TIME_MODIFICATION => {
                let it = AnyTimeModification::decode(argument).unwrap();
                let SubscriberIdentity::Imsi(imsi) = it.subscriber else { panic!("by IMSI") };
                (if it.registration == Some(ModifyRegistrationStatus::Activate) { '+' } else { '-' }, imsi)
            }
            operation::UPDATE_GPRS_LOCATION => ('+', UpdateGprsLocation::decode(argument).unwrap().imsi),
            operation::PURGE_MS => ('-', PurgeMs::decode(argument).unwrap().imsi),
            operation::SEND_ROUTING_INFO_FOR_SM => {
                let ask = SendRoutingInfoForSm::parse(argument, None).unwrap();
                assert!(ask.priority && ask.single_attempt, "nobody waits for an alert");
                assert_eq!(ask.service_centre.digits, title(OURS));
                let imsi = ask.imsi.unwrap();
                let end = &imsi.digits().to_string()[13..];
                assert_eq!(ask.msisdn.digits, title(&format!("4470000001{end}")));
                ('?', imsi)
            }
            other => panic!("{other}"),
        }
    }

    fn answer(&mut self, operation: &MapOperation) -> Option<MapOutcome> {
        let (what, imsi) = Self::whom(operation);
        self.log.push((what, imsi));
        if self.is_silent {
            return None;
        }
        if self.unknown.contains(&imsi) {
            return Some(MapOutcome::Error(1));
        }
        match what {
            '+' => drop(self.here.insert(imsi, title(OURS))),
            '-' => drop(self.here.remove(&imsi)),
            _ => {
                if let Some(outcome) = &self.to_questions {
                    return Some(outcome.clone());
                }
                let Some(node) = self.here.get(&imsi) else { return Some(MapOutcome::Error(6)) };
                let result = SendRoutingInfoForSmResult::new(imsi, AddressString::international(*node));
                let mut room = [0; 128];
                let mut w = crate::codec::Prepend::new(&mut room);
                result.write(&mut w);
                return Some(MapOutcome::Returned(w.finish().unwrap().to_vec()));
            }
        }
        Some(MapOutcome::Returned(vec![]))
    }

    fn said(&self, what: char) -> usize {
        self.log.iter().filter(|(it, _)| *it == what).count()
    }
}

/// A gateway with a disk, and its HLR.
struct World {
    text: String,
    disk: Disk,
    registrar: Registrar,
    reader: Reader,
    hlr: Hlr,
    worker: Producer<Ending>,
    now: Time,
    answers: Vec<u16>,
}

impl World {
    fn new(changes: &[(&str, &str)]) -> Self {
        let text = changes.iter().fold(EXAMPLE.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let disk = Disk::new();
        let (registrar, reader, worker) = Self::life(&text, &disk);
        let mut world =
            Self { text, disk, registrar, reader, hlr: Hlr::default(), worker, now: NOW, answers: vec![] };
        world.load();
        world
    }

    fn life(text: &str, disk: &Disk) -> (Registrar, Reader, Producer<Ending>) {
        let (registrar, reader) = registrar_of(PLACES, text);
        let (worker, endings) = ring(8_192);
        let (registrar, _) = disk.given(registrar.with_endings(vec![endings]));
        (registrar, reader, worker)
    }

    fn load(&mut self) {
        let out = self.disk.load(&mut self.registrar);
        self.deliver(out);
    }

    /// The process dies, and the next one has restored everybody. What it had asked is gone.
    fn restart(&mut self) {
        (self.registrar, self.reader, self.worker) = Self::life(&self.text, &self.disk);
        self.hlr.held.clear();
        self.hlr.log.clear();
        self.now = NOW;
        self.load();
    }

    fn deliver(&mut self, out: Outbox) {
        let mut all = std::collections::VecDeque::from(out);
        loop {
            all.extend(self.disk.sync_at(&mut self.registrar, self.now));
            let Some((_, message)) = all.pop_front() else { return };
            match message {
                ToWorker::Invoke(operation) if self.hlr.holds => self.hlr.held.push(*operation),
                ToWorker::Invoke(operation) => {
                    let Some(outcome) = self.hlr.answer(&operation) else { continue };
                    let mut out = Outbox::new();
                    let ended = ToControl::Ended { operation: operation.operation, outcome };
                    self.registrar.handle(self.now, ended, &mut out);
                    all.extend(out);
                }
                ToWorker::RegisterDone(outcome) => self.answers.push(outcome.status),
                ToWorker::Joined(_) | ToWorker::Answer(_) => {}
                other => panic!("{other:?}"),
            }
            self.registrar.assert_invariants();
        }
    }

    /// What the HLR holds has its effect and its answer now.
    fn let_go(&mut self) {
        self.hlr.holds = false;
        let held = core::mem::take(&mut self.hlr.held);
        self.deliver(held.into_iter().map(|it| (WorkerId(0), ToWorker::Invoke(Box::new(it)))).collect());
    }

    fn handle(&mut self, message: ToControl) {
        let mut out = Outbox::new();
        self.registrar.handle(self.now, message, &mut out);
        self.deliver(out);
    }

    fn register(&mut self, request: RegisterRequest) -> u16 {
        self.handle(ToControl::Register(Box::new(request)));
        self.answers.pop().unwrap()
    }

    fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        loop {
            let due = self.registrar.poll_timeout().max(self.now);
            self.now = due.min(end);
            let mut out = Outbox::new();
            self.registrar.handle_timeout(self.now, &mut out);
            self.deliver(out);
            if due > end {
                return;
            }
        }
    }

    /// A worker has refused a message for somebody, since he is not registered.
    fn refused(&mut self, imsi: Imsi) {
        let end = End::Delivered(Some(Failure::Absent(DEREGISTERED)));
        self.worker.push(Ending { at: self.now, imsi, end }).unwrap();
    }

    fn counts(&self) -> AuditCounts {
        self.registrar.audit.counts.clone()
    }

    fn left(&self) -> usize {
        self.registrar.audit_state(self.now).left
    }

    /// The HLR believes those to be here who are.
    #[track_caller]
    fn assert_agree(&self, numbers: &[u64]) {
        let there: Vec<Imsi> = (0..100)
            .map(imsi)
            .filter(|it| self.reader.by_imsi(*it).is_some_and(|it| it.is_registered(self.now)))
            .collect();
        let believed: Vec<Imsi> =
            self.hlr.here.iter().filter(|(_, node)| **node == title(OURS)).map(|(it, _)| *it).collect();
        assert_eq!((&there, &believed), (&numbers.iter().map(|it| imsi(*it)).collect(), &there));
        assert_eq!(self.registrar.differing(), 0);
    }
}

fn everybody(changes: &[(&str, &str)], count: u64) -> World {
    let mut world = World::new(changes);
    for number in 1..=count {
        assert_eq!(world.register(of(number)), 200);
    }
    world.assert_agree(&(1..=count).collect::<Vec<_>>());
    world
}

#[test]
fn what_an_hlr_has_forgotten_is_repaired_after_a_restart_and_counted() {
    let mut world = everybody(&ASKS, 6);
    world.hlr.here.remove(&imsi(2));
    world.hlr.here.remove(&imsi(5));
    world.hlr.here.insert(imsi(3), title(OTHERS));
    world.restart();
    assert!(world.registrar.audit_state(world.now).running && world.left() > 0);
    world.pass(2);
    world.assert_agree(&[1, 2, 3, 4, 5, 6]);
    let expected = AuditCounts {
        begun: 1,
        ended: 1,
        checked: 6,
        agreed: 3,
        missing: 3,
        repaired_registered: 3,
        ..AuditCounts::default()
    };
    assert_eq!((world.counts(), world.left()), (expected, 0));
    assert_eq!((world.hlr.said('?'), world.hlr.said('+'), world.hlr.said('-')), (6, 3, 0));
    // What is repaired is owed no more, in the next life either.
    assert_eq!(world.disk.count(Kind::Owed), 0);
    world.restart();
    world.pass(2);
    assert_eq!((world.counts().agreed, world.hlr.said('+')), (6, 0));
}

#[test]
fn an_hlr_that_can_t_be_asked_is_told_again_and_nothing_is_written_for_that() {
    let mut world = everybody(&[], 6);
    world.hlr.here.remove(&imsi(2));
    let rows = world.disk.rows.clone();
    world.restart();
    world.pass(2);
    world.assert_agree(&[1, 2, 3, 4, 5, 6]);
    let expected = AuditCounts { begun: 1, ended: 1, checked: 6, asserted: 6, ..AuditCounts::default() };
    assert_eq!(world.counts(), expected);
    assert_eq!((world.hlr.log.len(), world.hlr.said('+')), (6, 6));
    assert_eq!(world.disk.count(Kind::Owed), 0);
    assert_eq!(world.disk.rows.len(), rows.len());
}

#[test]
fn an_hlr_that_refuses_the_question_is_told_again_and_a_subscriber_it_does_not_know_is_gone() {
    let mut world = everybody(&ASKS, 3);
    world.hlr.to_questions = Some(MapOutcome::Error(21));
    world.hlr.unknown.insert(imsi(2));
    world.hlr.here.remove(&imsi(2));
    world.restart();
    world.pass(2);
    world.assert_agree(&[1, 3]);
    let counts = world.counts();
    assert_eq!((counts.checked, counts.asserted, counts.refused, counts.agreed), (3, 2, 1, 0));
}

#[test]
fn without_a_number_there_is_no_question() {
    let mut world = World::new(&ASKS);
    let private = format!("{}@ims.mnc015.mcc234.3gppnetwork.org", imsi(1).digits());
    assert_eq!(world.register(request("sip:max@home2.net").network(1).private(&private)), 200);
    world.restart();
    world.pass(2);
    assert_eq!((world.counts().asserted, world.hlr.said('?')), (1, 0));
}

#[test]
fn an_audit_keeps_its_pace_and_begins_again_in_the_next_life() {
    let slow = [ASKS[0], ("# audit_per_second = 100", "audit_per_second = 1")];
    let mut world = everybody(&slow, 8);
    world.hlr.here.clear();
    world.restart();
    world.pass(3);
    let asked = world.hlr.said('?');
    assert!((3..=5).contains(&asked), "{asked}");
    assert_eq!((world.left(), world.counts().ended), (8 - asked, 0));
    // The process dies in the middle.
    world.restart();
    world.pass(20);
    world.assert_agree(&(1..=8).collect::<Vec<_>>());
    let counts = world.counts();
    assert_eq!((counts.checked, counts.agreed, counts.missing), (8, asked as u64, 8 - asked as u64));
    assert_eq!((counts.begun, counts.ended), (1, 1));
}

#[test]
fn who_registers_while_an_audit_goes_on_has_his_turn_first() {
    let slow = [ASKS[0], ("# audit_per_second = 100", "audit_per_second = 1")];
    let mut world = everybody(&slow, 4);
    world.restart();
    // Of whom the HLR has spoken in this life, nothing has to be asked after a start.
    assert_eq!(world.register(leave(4)), 200);
    assert_eq!(world.register(of(4)), 200);
    world.pass(20);
    assert_eq!(world.hlr.log.iter().filter(|(what, of)| *what == '?' && *of == imsi(4)).count(), 0);
    assert_eq!(world.counts().checked, 3);
    // An operator asks for all.
    let mut out = Outbox::new();
    assert!(world.registrar.audit(world.now, &mut out));
    assert!(!world.registrar.audit(world.now, &mut out), "it is under way");
    world.deliver(out);
    world.pass(20);
    let report = world.registrar.audit_report(world.now, false);
    assert_eq!((&report["found"]["checked"], &report["state"]["running"]), (&7.into(), &false.into()));
    assert_eq!(world.counts().ended, 2);
}

#[test]
fn an_hlr_that_does_not_answer_is_asked_again_and_nobody_is_forgotten() {
    for changes in [&ASKS[..], &[]] {
        let mut world = everybody(changes, 6);
        world.hlr.here.remove(&imsi(2));
        world.restart();
        world.hlr.is_silent = true;
        world.pass(100);
        assert!(world.counts().failed >= 6, "{:?}", world.counts());
        assert_eq!((world.counts().checked, world.left()), (0, 6));
        assert!(world.hlr.log.len() < 60, "it is left alone: {}", world.hlr.log.len());
        assert!((1..=6).all(|it| world.reader.by_imsi(imsi(it)).is_some()), "messages go on");
        world.hlr.is_silent = false;
        world.pass(95);
        world.assert_agree(&[1, 2, 3, 4, 5, 6]);
        assert_eq!((world.counts().checked, world.counts().ended, world.left()), (6, 1, 0));
        // One that says to try again is tried again.
        world.restart();
        world.hlr.to_questions = Some(SYSTEM_FAILURE);
        world.pass(5);
        world.hlr.to_questions = None;
        world.pass(40);
        assert_eq!((world.counts().checked, world.counts().ended), (6, 1));
    }
}

#[test]
fn whoever_leaves_while_the_hlr_is_asked_is_not_registered_again() {
    for changes in [&ASKS[..], &[]] {
        let mut world = everybody(changes, 1);
        world.restart();
        world.hlr.here.clear();
        world.hlr.holds = true;
        world.pass(1);
        assert_eq!(world.hlr.held.len(), 1, "one operation at a time");
        world.handle(ToControl::Register(Box::new(leave(1))));
        world.pass(1);
        assert_eq!(world.hlr.held.len(), 1);
        world.let_go();
        world.pass(70);
        world.assert_agree(&[]);
        assert_eq!((world.counts().superseded, world.counts().repaired_registered), (1, 0));
        assert_eq!(world.hlr.log.last().unwrap().0, '-');
        assert_eq!(world.counts().ended, 1);
    }
}

#[test]
fn who_registers_again_while_the_hlr_is_told_again_does_not_wait_for_it() {
    let mut world = everybody(&[], 1);
    world.restart();
    world.hlr.holds = true;
    world.pass(1);
    assert_eq!(world.hlr.held.len(), 1);
    // By another S-CSCF, so that it is no refresh.
    let moved = RegisterRequest { contact: Some(identity("sip:scscf2.home2.net")), ..of(1) };
    assert_eq!(world.register(moved), 200);
    world.let_go();
    world.pass(1);
    world.assert_agree(&[1]);
    assert_eq!((world.counts().asserted, world.hlr.log.len()), (1, 1));
}

#[test]
fn a_message_for_somebody_who_is_not_here_shows_whom_the_hlr_believes_in() {
    let mut world = everybody(&[], 2);
    world.hlr.here.insert(imsi(9), title(OURS));
    for _ in 0..3 {
        world.refused(imsi(9));
    }
    world.pass(2);
    world.assert_agree(&[1, 2]);
    let counts = world.counts();
    assert_eq!((counts.ghosts, counts.repaired_deregistered, counts.checked), (1, 1, 0));
    assert_eq!(world.hlr.said('-'), 1, "once");
    // Who had been asked before that sends yet: it is no news.
    world.refused(imsi(9));
    world.pass(2);
    assert_eq!(world.hlr.said('-'), 1);
    world.pass(60);
    world.refused(imsi(9));
    world.pass(2);
    assert_eq!((world.counts().ghosts, world.hlr.said('-')), (2, 2));
    assert_eq!(world.disk.count(Kind::Owed), 0);
}

#[test]
fn what_the_hlr_is_to_hear_of_somebody_who_is_not_here_outlives_the_process() {
    let mut world = World::new(&[]);
    world.hlr.here.insert(imsi(9), title(OURS));
    world.hlr.is_silent = true;
    world.refused(imsi(9));
    world.pass(2);
    assert_eq!((world.hlr.said('-'), world.disk.count(Kind::Owed)), (1, 1));
    world.restart();
    world.hlr.is_silent = false;
    world.pass(70);
    world.assert_agree(&[]);
    assert_eq!(world.disk.count(Kind::Owed), 0);
}

#[test]
fn nobody_is_deregistered_who_has_registered_meanwhile() {
    let slow = [("# audit_per_second = 100", "audit_per_second = 1")];
    // He registers before his turn has come.
    let mut world = World::new(&slow);
    world.refused(imsi(8));
    world.refused(imsi(9));
    world.registrar.take_history(world.now);
    assert_eq!(world.registrar.audit_state(world.now).suspects, 2);
    for number in [8, 9] {
        assert_eq!(world.register(of(number)), 200);
    }
    world.pass(5);
    assert_eq!((world.counts().ghosts, world.hlr.said('-')), (0, 0));
    world.assert_agree(&[8, 9]);
    // He registers while the HLR is told that he is not here, or asked whether.
    for changes in [&ASKS[..], &[]] {
        let mut world = World::new(changes);
        world.hlr.here.insert(imsi(9), title(OURS));
        world.hlr.holds = true;
        world.refused(imsi(9));
        world.pass(2);
        assert_eq!(world.hlr.held.len(), 1);
        world.handle(ToControl::Register(Box::new(of(9))));
        assert_eq!(world.hlr.held.len(), 1, "one operation at a time");
        world.let_go();
        world.pass(70);
        world.assert_agree(&[9]);
        assert_eq!(world.hlr.log.last().unwrap(), &('+', imsi(9)));
        assert_eq!((world.counts().superseded, world.registrar.audit_state(world.now).suspects), (1, 0));
    }
}

#[test]
fn an_hlr_that_can_be_asked_is_asked_before_it_is_told_that_somebody_is_not_here() {
    let file = std::env::temp_dir().join(format!("ipsmgw-audit-{}.csv", std::process::id()));
    let lines = format!(
        "{},447000000108,sip:h@home2.net\n{},447000000109,sip:i@home2.net\n",
        imsi(8).digits(),
        imsi(9).digits()
    );
    std::fs::write(&file, lines).unwrap();
    let with_file = format!("report_answer = 202\nsubscribers = \"{}\"", file.display());
    let mut world = World::new(&[ASKS[0], ("report_answer = 202", &with_file)]);
    std::fs::remove_file(&file).unwrap();
    world.hlr.here.insert(imsi(8), title(OTHERS));
    world.hlr.here.insert(imsi(9), title(OURS));
    for number in [8, 9] {
        world.refused(imsi(number));
    }
    world.pass(2);
    assert_eq!(world.hlr.here.get(&imsi(8)), Some(&title(OTHERS)), "another gateway has him");
    assert!(!world.hlr.here.contains_key(&imsi(9)));
    let counts = world.counts();
    assert_eq!((counts.ghosts, counts.ghosts_unconfirmed, counts.repaired_deregistered), (2, 1, 1));
}

#[test]
fn an_hlr_s_own_word_about_somebody_who_is_not_here_shows_it_too() {
    let mut world = World::new(&[]);
    world.hlr.here.insert(imsi(9), title(OURS));
    let argument =
        InsertSubscriberData { imsi: Some(imsi(9)), msisdn: None, status: None, teleservices: None };
    let dialogue = crate::stack::DialogueId::from_u64(1);
    let asked = crate::stack::Asked { worker: WorkerId(0), dialogue, invoke_id: 1 };
    let opcode = operation::INSERT_SUBSCRIBER_DATA;
    let invoked = Invoked { asked, within: None, opcode, argument: argument.encode() };
    world.handle(ToControl::Invoked(Box::new(invoked)));
    world.pass(1);
    world.assert_agree(&[]);
    assert_eq!(world.counts().repaired_deregistered, 1);
}

#[test]
fn strangers_are_looked_at_at_a_pace_and_within_a_bound() {
    let mut world = World::new(&[]);
    for number in 0..5_000 {
        world.refused(format!("23401512{number:07}").parse().unwrap());
    }
    // Of other networks nobody is told anything.
    world.refused("999990000000001".parse().unwrap());
    world.registrar.take_history(world.now);
    assert_eq!(world.registrar.audit_state(world.now).suspects, 4_096);
    assert_eq!(world.counts().suspects_dropped, 5_001 - 4_096);
    world.pass(10);
    let told = world.hlr.said('-');
    assert!((990..=1_015).contains(&told), "{told}");
    // An HLR that does not answer has no more to answer than a second's worth.
    world.hlr.is_silent = true;
    world.pass(10);
    let asked = world.hlr.said('-') - told;
    assert!(asked <= 101, "{asked}");
}

#[test]
fn where_the_hlr_knows_us_beforehand_or_an_operator_says_so_nobody_is_told() {
    let mut world = World::new(&[("# ghosts = \"deregister\"", "ghosts = \"count\"")]);
    world.refused(imsi(9));
    world.pass(2);
    assert_eq!((world.counts().ghosts, world.hlr.log.len()), (1, 0));
    // Somebody of home1, whose HLR is told nothing.
    world.refused("262010000000007".parse().unwrap());
    assert_eq!(world.register(request(ALICE)), 200);
    world.pass(2);
    world.restart();
    world.pass(2);
    assert_eq!((world.counts().ghosts, world.counts().checked, world.hlr.log.len()), (0, 0, 0));
    assert_eq!(world.counts().ended, 1, "an audit of nobody");
    let mut world = everybody(&[("# audit = \"register\"", "audit = \"off\"")], 1);
    world.restart();
    world.pass(2);
    assert_eq!(world.hlr.log.len(), 0);
}

#[test]
fn an_sgsn_asks_before_it_would_take_somebody_from_another() {
    let gprs = [("# r1 = \"any_time_modification\"", "r1 = \"update_gprs_location\"")];
    let mut world = everybody(&gprs, 2);
    world.hlr.here.remove(&imsi(2));
    world.restart();
    world.pass(2);
    assert_eq!((world.counts().agreed, world.counts().repaired_registered), (1, 1));
    assert_eq!((world.hlr.said('?'), world.hlr.said('+')), (2, 1));
    world.assert_agree(&[1, 2]);
}

#[test]
fn cancel_location_while_the_hlr_is_told_again_is_not_taken_for_its_answer() {
    use crate::proto::map::subscription::CancelLocation;
    let mut world = everybody(&[], 1);
    world.restart();
    world.hlr.holds = true;
    world.pass(1);
    world.hlr.here.clear();
    let argument = CancelLocation { imsi: imsi(1), cancellation: None }.encode();
    let dialogue = crate::stack::DialogueId::from_u64(1);
    let asked = crate::stack::Asked { worker: WorkerId(0), dialogue, invoke_id: 1 };
    let invoked = Invoked { asked, within: None, opcode: operation::CANCEL_LOCATION, argument };
    world.handle(ToControl::Invoked(Box::new(invoked)));
    world.let_go();
    world.pass(70);
    world.assert_agree(&[1]);
    assert_eq!(world.hlr.said('+'), 2, "it is made certain");
    assert_eq!((world.counts().asserted, world.counts().ended), (1, 1));
}

#[test]
fn why_says_what_the_hlr_had_been_told_before_the_start() {
    use super::super::operator::{Sight, Whom};
    let mut world = everybody(&[("# audit = \"register\"", "audit = \"off\"")], 1);
    // The row that says when is written behind.
    world.pass(5);
    world.restart();
    world.pass(3);
    let sight = Sight { unmasked: false };
    let why = world.registrar.why(world.now, Whom::Imsi(imsi(1)), sight);
    let hlr = &why["hlr"][0];
    assert_eq!((&hlr["told"], &hlr["to_tell"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    let before = serde_json::json!({ "what": "registered", "answer": "agreed", "answered_s_ago": 3 });
    assert_eq!(hlr["told_before_start"], before);
    // Another life before it still is the last that has heard of it.
    world.restart();
    let why = world.registrar.why(world.now, Whom::Imsi(imsi(1)), sight);
    assert_eq!(why["hlr"][0]["told_before_start"]["answered_s_ago"], 0);
}
