//! What is durable before it is answered, what a disk's faults do to registrations, and what the next life of the process finds.

use super::Said as _;
use super::reg_event::{Bench, IMSI, MAX, Said, max, watching};
use super::*;
use crate::control::registrar::operator::{Deregistered, Whom};
use crate::control::store::engine::{Failure, Meta};
use crate::control::store::{Kind, Report, Row, prefix};
use crate::subscriber::Loading;
use std::collections::BTreeMap;

const WAIT: Duration = Duration::from_secs(2);
const EVERYBODY: usize = 16;

/// A disk, and what is on it.
pub(super) struct Disk {
    pub(super) rows: BTreeMap<Vec<u8>, Vec<u8>>,
    meta: Meta,
}

impl Disk {
    pub(super) fn new() -> Self {
        let networks = ["other", "home1", "home2"].map(String::from).to_vec();
        Self { rows: BTreeMap::new(), meta: Meta { secret: [4; 16], sequence: 0, networks } }
    }

    /// Gives the disk to a gateway that begins to live, and what workers see of its loading.
    pub(super) fn given(&self, registrar: Registrar) -> (Registrar, Arc<Loading>) {
        let loading = Arc::new(Loading::default());
        let limits = JournalLimits { records: EVERYBODY, wait: WAIT };
        let mut registrar = registrar.with_store(&self.meta, limits, loading.clone());
        registrar.set_calendar(NOW, 1_700_000_000);
        (registrar, loading)
    }

    fn life(&self) -> (Registrar, Reader, Arc<Loading>) {
        let (registrar, reader) = registrar(EVERYBODY);
        let (registrar, loading) = self.given(registrar);
        (registrar, reader, loading)
    }

    /// A life with everything there.
    fn whole_life(&self) -> (Registrar, Reader) {
        let (mut registrar, reader, _) = self.life();
        assert!(self.load(&mut registrar).is_empty());
        (registrar, reader)
    }

    /// Everything is read.
    pub(super) fn load(&self, registrar: &mut Registrar) -> Outbox {
        let mut out = Outbox::new();
        (0..=255).for_each(|shard| self.load_shard(registrar, shard, &mut out));
        let watched = (0..=255).flat_map(|shard| self.rows_of(Kind::Watched, shard)).collect();
        registrar.on_report(NOW, Report::Rows(watched), &mut out);
        registrar.on_report(NOW, Report::Loaded, &mut out);
        registrar.assert_invariants();
        out
    }

    fn load_shard(&self, registrar: &mut Registrar, shard: u8, out: &mut Outbox) {
        for kind in [Kind::Owed, Kind::Ended, Kind::Subscriber] {
            registrar.on_report(NOW, Report::Rows(self.rows_of(kind, shard)), out);
        }
        registrar.on_report(NOW, Report::Shard(shard), out);
    }

    fn rows_of(&self, kind: Kind, shard: u8) -> Vec<Row> {
        let its = self.rows.iter().filter(|(key, _)| key.starts_with(&prefix(kind, shard)));
        its.map(|(key, value)| (key[..].into(), value[..].into())).collect()
    }

    /// Writes what there is to write; what that lets go.
    fn sync(&mut self, registrar: &mut Registrar) -> Outbox {
        self.sync_at(registrar, NOW)
    }

    pub(super) fn sync_at(&mut self, registrar: &mut Registrar, now: Time) -> Outbox {
        let mut out = Outbox::new();
        while let Some(write) = registrar.poll_write() {
            assert_eq!(write.sequence, self.meta.sequence + 1, "none is left out");
            self.meta.sequence = write.sequence;
            for change in write.changes {
                match change.value {
                    Some(value) => self.rows.insert(change.key.into(), value.into()),
                    None => self.rows.remove(&change.key[..]),
                };
            }
        }
        registrar.on_report(now, Report::Durable(self.meta.sequence), &mut out);
        registrar.assert_invariants();
        out
    }

    pub(super) fn count(&self, kind: Kind) -> usize {
        (0..=255).map(|shard| self.rows_of(kind, shard).len()).sum()
    }
}

fn say(registrar: &mut Registrar, now: Time, request: RegisterRequest) -> Option<u16> {
    let mut out = Outbox::new();
    registrar.handle(now, ToControl::Register(Box::new(request)), &mut out);
    registrar.assert_invariants();
    status(&out)
}

fn status(out: &Outbox) -> Option<u16> {
    match &out[..] {
        [] => None,
        [(_, ToWorker::RegisterDone(outcome))] => Some(outcome.status),
        other => panic!("{other:?}"),
    }
}

fn pass(registrar: &mut Registrar, now: Time) -> Option<u16> {
    let mut out = Outbox::new();
    registrar.handle_timeout(now, &mut out);
    registrar.assert_invariants();
    status(&out)
}

fn leave(request: RegisterRequest) -> RegisterRequest {
    RegisterRequest { expires_s: 0, ..request }
}

fn imsi(text: &str) -> crate::ident::Imsi {
    text.parse().unwrap()
}

const OF_ALICE: &str = "262010000000001";

#[test]
fn whoever_registers_or_leaves_is_answered_when_that_is_durable() {
    let mut disk = Disk::new();
    let (mut registrar, reader) = disk.whole_life();
    assert_eq!(say(&mut registrar, NOW, request(ALICE)), None);
    assert!(found(&reader, ALICE).is_some(), "messages may come already");
    assert_eq!(status(&disk.sync(&mut registrar)), Some(200));
    // A refresh that comes this way is answered before it is written.
    assert_eq!(say(&mut registrar, NOW, request(ALICE)), Some(200));
    assert!(registrar.poll_write().is_none());
    assert_eq!(pass(&mut registrar, NOW + SWEEP), None);
    let before = disk.rows.clone();
    assert!(disk.sync(&mut registrar).is_empty());
    assert!(disk.rows != before, "it is written behind");
    assert_eq!(say(&mut registrar, NOW, leave(request(ALICE))), None);
    assert_eq!(disk.count(Kind::Subscriber), 1);
    assert_eq!(status(&disk.sync(&mut registrar)), Some(200));
    assert_eq!(disk.count(Kind::Subscriber), 0);
}

#[test]
fn a_refresh_waits_for_the_registration_that_is_not_durable_yet() {
    let mut disk = Disk::new();
    let (mut registrar, _reader) = disk.whole_life();
    assert_eq!(say(&mut registrar, NOW, request(ALICE)), None);
    assert_eq!(say(&mut registrar, NOW, request(ALICE)), None);
    assert_eq!(disk.sync(&mut registrar).len(), 2);
}

#[test]
fn the_next_life_knows_whoever_was_told_that_he_is_registered() {
    let mut disk = Disk::new();
    let (mut registrar, reader) = disk.whole_life();
    let all = [ALICE, "sip:bob@home1.net", "sip:a!.*!@home1.net"];
    for (public, private) in all.iter().zip([None, None, Some("262010000000077@home1.net")]) {
        let request = request(public);
        say(&mut registrar, NOW, private.map_or(request.clone(), |it| request.private(it)));
        disk.sync(&mut registrar);
    }
    say(&mut registrar, NOW, leave(request(all[1])));
    disk.sync(&mut registrar);
    let summary = registrar.summary();
    let version = |reader: &Reader| {
        let subscriber = reader.by_imsi(imsi(OF_ALICE)).unwrap();
        let binding = subscriber.record().binding(0).unwrap();
        (binding.registration, binding.fingerprint, binding.call, subscriber.sequence(0))
    };
    let before = version(&reader);
    drop((registrar, reader));
    let (mut registrar, reader, loading) = disk.life();
    // Nobody is absent before he was looked for.
    assert!(!loading.has(imsi(OF_ALICE)) && !loading.is_done());
    assert_eq!(say(&mut registrar, NOW, request(ALICE)), Some(503));
    assert_eq!(say(&mut registrar, NOW, leave(request(ALICE))), Some(503));
    assert_eq!(registrar.writer.journal.counts.not_loaded, 2);
    // Each shard serves as it comes.
    let mut out = Outbox::new();
    disk.load_shard(&mut registrar, Loading::shard_of_imsi(imsi(OF_ALICE)), &mut out);
    assert!(loading.has(imsi(OF_ALICE)) && !loading.is_done());
    assert_eq!(say(&mut registrar, NOW, request(ALICE)), Some(200), "a refresh");
    drop((registrar, reader));
    let (mut registrar, reader, loading) = disk.life();
    let out = disk.load(&mut registrar);
    assert!(loading.is_done());
    let wildcards = |it: &&(WorkerId, ToWorker)| matches!(&it.1, ToWorker::Wildcards(all) if all.len() == 1);
    assert_eq!((out.len(), out.iter().filter(wildcards).count()), (2, 2), "every worker is told");
    assert_eq!(registrar.summary(), summary);
    assert_eq!(version(&reader), before);
    let ends = reader.by_imsi(imsi(OF_ALICE)).unwrap().expiry(0);
    assert_eq!(ends, NOW + Duration::from_secs(3_600), "as long again as was granted");
    assert!(found(&reader, all[1]).is_none(), "whoever left stays gone");
    assert_eq!(registrar.writer.journal.counts.restored, 2);
    assert!(registrar.poll_write().is_none(), "nothing is to be written");
}

#[test]
fn a_worker_s_refresh_is_written_behind_and_grants_no_less() {
    let mut disk = Disk::new();
    let (mut registrar, reader) = disk.whole_life();
    say(&mut registrar, NOW, RegisterRequest { expires_s: 600, ..request(ALICE) });
    disk.sync(&mut registrar);
    let subscriber = reader.by_imsi(imsi(OF_ALICE)).unwrap();
    assert!(subscriber.refresh(0, NOW, NOW + Duration::from_secs(6_000)));
    subscriber.refreshed(0, u32::MAX);
    let id = subscriber.id();
    let mut out = Outbox::new();
    registrar.handle(NOW, ToControl::Refreshed(id), &mut out);
    pass(&mut registrar, NOW + SWEEP);
    disk.sync(&mut registrar);
    let (_registrar, reader) = disk.whole_life();
    let subscriber = reader.by_imsi(imsi(OF_ALICE)).unwrap();
    assert_eq!(subscriber.expiry(0), NOW + Duration::from_secs(6_000));
    assert_eq!(subscriber.sequence(0), u32::MAX);
}

/// A second's stall passes unseen, a longer one refuses who waits, and nothing that was refused is confirmed by a worker.
#[test]
fn a_disk_that_stalls_refuses_registrations_within_a_bound() {
    let mut disk = Disk::new();
    let (mut registrar, reader) = disk.whole_life();
    say(&mut registrar, NOW, request("sip:bob@home1.net"));
    disk.sync(&mut registrar);
    assert_eq!(say(&mut registrar, NOW, request(ALICE)), None);
    assert_eq!(pass(&mut registrar, NOW + WAIT / 2), None);
    assert_eq!(pass(&mut registrar, NOW + WAIT), Some(503));
    let fingerprint = |of: &str| {
        let subscriber = reader.by_imsi(imsi(of)).unwrap();
        subscriber.record().binding(0).unwrap().fingerprint
    };
    assert_eq!(
        (fingerprint(OF_ALICE), fingerprint("262010000000002")),
        (0, 5),
        "hers is no worker's to refresh"
    );
    // Whoever comes now would wait in vain, but for who only refreshes what is durable.
    let later = NOW + WAIT;
    let carol = || request("sip:carol@home1.net").private("262010000000003@home1.net");
    assert_eq!(say(&mut registrar, later, carol()), Some(503));
    assert!(found(&reader, "sip:carol@home1.net").is_none());
    assert_eq!(say(&mut registrar, later, leave(request("sip:bob@home1.net"))), Some(503));
    assert!(found(&reader, "sip:bob@home1.net").is_some());
    assert_eq!(say(&mut registrar, later, request("sip:bob@home1.net")), Some(200));
    // It writes again, and everybody is served.
    disk.sync(&mut registrar);
    assert_eq!(say(&mut registrar, later, request(ALICE)), Some(200), "by now it is durable");
    assert_eq!(fingerprint(OF_ALICE), 5);
    assert_eq!(say(&mut registrar, later, carol()), None);
    assert_eq!(status(&disk.sync(&mut registrar)), Some(200));
    let counts = &registrar.writer.journal.counts;
    assert_eq!((counts.late, counts.refused), (1, 2));
}

#[test]
fn a_store_that_has_failed_confirms_nothing_new_and_refreshes_go_on() {
    let mut disk = Disk::new();
    let (mut registrar, reader) = disk.whole_life();
    say(&mut registrar, NOW, request("sip:bob@home1.net"));
    disk.sync(&mut registrar);
    assert_eq!(say(&mut registrar, NOW, request(ALICE)), None);
    let mut out = Outbox::new();
    registrar.on_report(NOW, Report::Failed(Failure("Input/output error".into())), &mut out);
    assert_eq!(status(&out), Some(503), "nobody knows whether she is durable");
    let carol = request("sip:carol@home1.net").private("262010000000003@home1.net");
    assert_eq!(say(&mut registrar, NOW, carol), Some(503));
    assert_eq!(say(&mut registrar, NOW, leave(request("sip:bob@home1.net"))), Some(503));
    assert_eq!(say(&mut registrar, NOW, request("sip:bob@home1.net")), Some(200));
    assert_eq!(
        say(&mut registrar, NOW, request(ALICE)),
        Some(503),
        "not even a refresh of what is not durable"
    );
    assert!(reader.by_imsi(imsi(OF_ALICE)).unwrap().is_registered(NOW), "messages go on");
    let alice = reader.by_imsi(imsi(OF_ALICE)).unwrap();
    assert_eq!(alice.record().binding(0).unwrap().fingerprint, 0);
    // Who has gone is gone, though the store has him yet.
    let end = NOW + Duration::from_secs(3_601);
    assert_eq!(pass(&mut registrar, end), None);
    assert!(found(&reader, "sip:bob@home1.net").is_none() && registrar.poll_write().is_none());
    registrar.on_report(NOW, Report::Failed(Failure("its thread has ended".into())), &mut out);
    registrar.assert_invariants();
}

#[test]
fn an_end_that_an_operator_asks_for_is_durable_before_he_hears_of_it() {
    let mut disk = Disk::new();
    let (mut registrar, _reader, _) = disk.life();
    let end = |registrar: &mut Registrar, question: u64| {
        let whom = Whom::Imsi(imsi(OF_ALICE));
        registrar.deregister(NOW, whom, question, &mut Outbox::new());
        registrar.assert_invariants();
        registrar.poll_deregistered()
    };
    assert_eq!(end(&mut registrar, 1), Some((1, Deregistered::NotLoaded)));
    disk.load(&mut registrar);
    assert_eq!(end(&mut registrar, 2), Some((2, Deregistered::Unknown)));
    assert_eq!(say(&mut registrar, NOW, request(ALICE)), None);
    disk.sync(&mut registrar);
    assert_eq!(end(&mut registrar, 3), None);
    assert_eq!(disk.count(Kind::Subscriber), 1);
    disk.sync(&mut registrar);
    let done = Deregistered::Done { bindings: 1, told: false };
    assert_eq!(registrar.poll_deregistered(), Some((3, done)));
    assert_eq!(disk.count(Kind::Subscriber), 0);
    // The disk fails while he waits; whoever asks later is refused before anything ends.
    say(&mut registrar, NOW, request(ALICE));
    disk.sync(&mut registrar);
    assert_eq!(end(&mut registrar, 4), None);
    let failed = Report::Failed(Failure("Input/output error".into()));
    registrar.on_report(NOW, failed, &mut Outbox::new());
    assert_eq!(registrar.poll_deregistered(), Some((4, Deregistered::NotKept { bindings: 1 })));
    assert_eq!(end(&mut registrar, 5), Some((5, Deregistered::NotKept { bindings: 0 })));
}

#[test]
fn a_hlr_is_asked_when_it_is_written_that_it_is_owed_an_answer() {
    let mut disk = Disk::new();
    let (registrar, _reader) = disk.whole_life();
    let mut bench = Bench::new(registrar);
    let said = |bench: &mut Bench, disk: &mut Disk| {
        let out = disk.sync(&mut bench.registrar);
        bench.read(out)
    };
    assert!(bench.register(max()).is_empty());
    assert_eq!(said(&mut bench, &mut disk), [Said::R1(true)]);
    assert_eq!((disk.count(Kind::Owed), disk.count(Kind::Subscriber)), (1, 0));
    // The process dies; the HLR may have carried it out. The UE knows nothing of it.
    let (registrar, _, _) = disk.life();
    let mut bench = Bench::new(registrar);
    let out = disk.load(&mut bench.registrar);
    assert!(out.is_empty());
    assert_eq!(said(&mut bench, &mut disk), [Said::R1(false)], "he is not here, whatever it believes");
    assert!(bench.agreed(NOW).is_empty());
    said(&mut bench, &mut disk);
    assert!(disk.rows.is_empty());
}

/// RFC 3261 10.3 step 7, across a restart.
#[test]
fn a_register_that_a_deregistration_has_overtaken_is_too_late_in_the_next_life_too() {
    let mut disk = Disk::new();
    let (mut registrar, _reader) = disk.whole_life();
    let numbered = |sequence| RegisterRequest { sequence, ..request(ALICE) };
    say(&mut registrar, NOW, numbered(1));
    disk.sync(&mut registrar);
    say(&mut registrar, NOW, leave(numbered(3)));
    assert_eq!(status(&disk.sync(&mut registrar)), Some(200));
    assert_eq!((disk.count(Kind::Subscriber), disk.count(Kind::Ended)), (0, 1));
    let (mut registrar, reader) = disk.whole_life();
    assert_eq!(registrar.writer.journal.counts.restored_ended, 1);
    assert_eq!(say(&mut registrar, NOW, numbered(2)), Some(500));
    assert!(found(&reader, ALICE).is_none(), "he stays gone");
    // Nobody is held to it for longer than a REGISTER is on its way.
    let later = NOW + Duration::from_secs(64);
    pass(&mut registrar, later);
    pass(&mut registrar, later + SWEEP);
    disk.sync(&mut registrar);
    assert_eq!(disk.count(Kind::Ended), 0);
    assert_eq!(say(&mut registrar, later, numbered(2)), None);
    assert_eq!(status(&disk.sync(&mut registrar)), Some(200));
}

#[test]
fn what_the_hlr_is_owed_and_knows_outlives_the_process() {
    let mut disk = Disk::new();
    let (registrar, _reader) = disk.whole_life();
    let mut bench = Bench::new(registrar);
    let said = |bench: &mut Bench, disk: &mut Disk| {
        let out = disk.sync(&mut bench.registrar);
        bench.read(out)
    };
    bench.register(max());
    said(&mut bench, &mut disk);
    assert!(bench.agreed(NOW).is_empty(), "not before it is durable");
    assert_eq!(said(&mut bench, &mut disk), [Said::Answer(200)]);
    assert_eq!((disk.count(Kind::Owed), disk.count(Kind::Subscriber)), (0, 1));
    // The next life does not ask again.
    let (registrar, reader) = disk.whole_life();
    let mut bench = Bench::new(registrar);
    assert_eq!(found(&reader, MAX), pair(IMSI, "447000000101"));
    assert_eq!(bench.registrar.differing(), 0);
    assert!(said(&mut bench, &mut disk).is_empty());
    // He leaves, and the process dies while the HLR is told: he is there yet, and the HLR hears that.
    assert!(bench.register(leave(max())).is_empty());
    assert_eq!(said(&mut bench, &mut disk), [Said::R1(false)]);
    assert_eq!(disk.count(Kind::Owed), 1);
    let (registrar, reader, _) = disk.life();
    let mut bench = Bench::new(registrar);
    let out = disk.load(&mut bench.registrar);
    assert_eq!(bench.read(out), [], "it is written first, if that is news");
    assert_eq!(said(&mut bench, &mut disk), [Said::R1(true)]);
    assert!(found(&reader, MAX).is_some());
    bench.agreed(NOW);
    said(&mut bench, &mut disk);
    assert_eq!(disk.count(Kind::Owed), 0);
    // This time it is heard, and he stays gone.
    bench.register(leave(max()));
    assert_eq!(said(&mut bench, &mut disk), [Said::R1(false)]);
    assert!(bench.agreed(NOW).is_empty());
    assert_eq!(said(&mut bench, &mut disk), [Said::Answer(200)]);
    let (_, reader) = disk.whole_life();
    assert!(found(&reader, MAX).is_none() && disk.rows.len() == disk.count(Kind::Ended), "nothing is left");
}

#[test]
fn an_hlr_s_word_about_somebody_who_is_not_restored_yet_is_put_off() {
    use crate::gateway::mailbox::Invoked;
    use crate::proto::map::operation;
    use crate::proto::map::subscription::CancelLocation;
    let disk = Disk::new();
    let (mut registrar, _, _) = disk.life();
    let argument = CancelLocation { imsi: imsi(IMSI), cancellation: None }.encode();
    let dialogue = crate::stack::DialogueId::from_u64(1);
    let asked = crate::stack::Asked { worker: WorkerId(0), dialogue, invoke_id: 1 };
    let invoked =
        || Invoked { asked, within: None, opcode: operation::CANCEL_LOCATION, argument: argument.clone() };
    let answer = |registrar: &mut Registrar| {
        let mut out = Outbox::new();
        registrar.handle(NOW, ToControl::Invoked(Box::new(invoked())), &mut out);
        let [(_, ToWorker::Answer(answer))] = &out[..] else { panic!("{out:?}") };
        answer.answer.is_ok()
    };
    assert!(!answer(&mut registrar));
    disk.load(&mut registrar);
    assert!(answer(&mut registrar), "nobody is as good as gone");
}

#[test]
fn whoever_is_watched_is_watched_again_and_believed_to_be_there_till_then() {
    let mut disk = Disk::new();
    let begin = |disk: &Disk| {
        let (registrar, reader) = watching();
        let mut bench = Bench::new(disk.given(registrar).0);
        let out = disk.load(&mut bench.registrar);
        (bench.read(out), bench, reader)
    };
    let (said, mut bench, _reader) = begin(&disk);
    assert!(said.is_empty());
    bench.register(max());
    let out = disk.sync(&mut bench.registrar);
    assert_eq!(bench.read(out), [Said::R1(true)]);
    let said = bench.agreed(NOW);
    assert!(said.contains(&Said::Subscribe(600_000)));
    disk.sync(&mut bench.registrar);
    assert_eq!((disk.count(Kind::Watched), disk.count(Kind::Subscriber)), (1, 1));
    drop(bench);
    let (said, mut bench, reader) = begin(&disk);
    assert_eq!(said, [Said::Subscribe(600_000)], "the S-CSCF is asked anew");
    bench.accepted();
    assert!(found(&reader, MAX).is_some());
    // His contact went while nobody was there to be told.
    assert_eq!(bench.notify(NOW, false, false), [Said::NotifyDone(200)]);
    assert!(found(&reader, MAX).is_none());
    let out = disk.sync(&mut bench.registrar);
    assert_eq!(bench.read(out), [Said::R1(false)]);
}

#[test]
fn what_cannot_be_read_is_left_out_and_told() {
    let mut disk = Disk::new();
    let (mut registrar, _reader) = disk.whole_life();
    for public in [ALICE, "sip:bob@home1.net"] {
        say(&mut registrar, NOW, request(public));
        disk.sync(&mut registrar);
    }
    let shard = Loading::shard_of_imsi(imsi(OF_ALICE));
    let row =
        disk.rows.iter_mut().find(|(key, _)| key.starts_with(&prefix(Kind::Subscriber, shard))).unwrap();
    row.1.pop();
    let (registrar, reader) = disk.whole_life();
    assert!(found(&reader, ALICE).is_none() && found(&reader, "sip:bob@home1.net").is_some());
    assert_eq!(registrar.writer.journal.counts.rows_unreadable, 1);
    // A shard that can't be read is not as if nobody were there.
    let (mut registrar, _, loading) = disk.life();
    let mut out = Outbox::new();
    for other in (0..=255).filter(|other| *other != shard) {
        disk.load_shard(&mut registrar, other, &mut out);
    }
    registrar.on_report(NOW, Report::Unreadable(shard, Failure("checksum".into())), &mut out);
    registrar.on_report(NOW, Report::Loaded, &mut out);
    assert!(!loading.has(imsi(OF_ALICE)) && loading.has(imsi("262010000000002")));
    assert_eq!(say(&mut registrar, NOW, request(ALICE)), Some(503));
}

/// More than HLRs can be told of in time: an S-CSCF has its answer as soon as that is durable, and the HLR hears of it in this life
/// or in the next.
#[test]
fn an_s_cscf_that_is_answered_before_the_hlr_is_told_is_answered_when_that_is_durable() {
    let mut disk = Disk::new();
    let slow = EXAMPLE.replacen("# r1_per_second = 500", "r1_per_second = 1", 1);
    let slow = slow.replacen("# r1_repair_s = 60", "r1_repair_s = 6", 1);
    let (registrar, reader) = registrar_of(EVERYBODY, &slow);
    let mut bench = Bench::new(disk.given(registrar).0);
    assert!(disk.load(&mut bench.registrar).is_empty());
    let of = |at: u8| {
        let private = format!("2340150000000{at:02}@ims.mnc015.mcc234.3gppnetwork.org");
        request(&format!("sip:u{at}@home2.net")).network(1).private(&private)
    };
    // Two are told to the HLR, one waits for its turn, which comes in time, and two more may wait without an answer from it.
    for at in 0..5 {
        assert!(bench.register(of(at)).is_empty(), "{at}");
    }
    assert_eq!(bench.register(of(5)), [Said::Answer(503)]);
    assert!(found(&reader, "sip:u2@home2.net").is_none());
    assert!((3..5).all(|at| found(&reader, &format!("sip:u{at}@home2.net")).is_some()));
    let out = disk.sync(&mut bench.registrar);
    let said = bench.read(out);
    assert_eq!(said.iter().filter(|it| **it == Said::R1(true)).count(), 2);
    assert_eq!(said.iter().filter(|it| **it == Said::Answer(200)).count(), 2, "{said:?}");
    assert_eq!((disk.count(Kind::Owed), disk.count(Kind::Subscriber)), (5, 2));
    // A refresh of theirs needs no HLR, and what they change is not held either.
    assert_eq!(bench.register(RegisterRequest { expires_s: 600, ..of(3) }), [Said::Answer(200)]);
    drop((bench, reader));
    // The next life knows those who were answered, and tells the HLR; of the others it says that they are not there.
    let (registrar, reader, _) = disk.life();
    let mut bench = Bench::new(registrar);
    let out = disk.load(&mut bench.registrar);
    let mut said = bench.read(out);
    let out = disk.sync(&mut bench.registrar);
    said.extend(bench.read(out));
    said.sort_by_key(|it| *it == Said::R1(true));
    assert_eq!(said, [[false; 3].map(Said::R1).as_slice(), &[true; 2].map(Said::R1)].concat());
    assert!(found(&reader, "sip:u3@home2.net").is_some() && found(&reader, "sip:u0@home2.net").is_none());
}
