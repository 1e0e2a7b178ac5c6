//! Rows are read as they were written, whatever is cut or flipped; and who waits for the disk.

use super::*;
use crate::base::{Connection, ConnectionId, SipKey};
use crate::codec::crc32c::crc32c;
use crate::control::subscribers::Known;
use crate::gateway::mailbox::{RegisterRequest, Registrant};
use crate::ident::Wildcard;
use crate::stack::Deferred;
use crate::subscriber::{AccessKind, AccessNetworkInfo, Binding, Record, Scratch, TableConfig, table};

fn networks() -> Networks {
    // The first is served no more.
    Networks::new(&["b".into(), "a".into()], &["gone".into(), "a".into(), "b".into()])
}

fn identity(text: &str) -> Identity {
    Identity::new(text.as_bytes()).unwrap()
}

fn binding(access: AccessKind, network: u16, number: u16) -> Binding {
    let is_direct = access == AccessKind::Direct;
    let id = ConnectionId { thread: 1, slot: 2, generation: 3 };
    Binding {
        access,
        priority: number as u8,
        contact: identity(&format!("sip:contact{number}@10.1.0.5")),
        remote: format!("[2001:db8::1]:{number}").parse().unwrap(),
        target: format!("10.1.0.5:{number}").parse().unwrap(),
        local: "10.0.0.1:5060".parse().unwrap(),
        connection: is_direct.then_some(Connection { id, secure: true }),
        network,
        access_network_info: AccessNetworkInfo::new(b"IEEE-802.11"),
        fingerprint: 11,
        registration: 12 + u64::from(number),
        device: 13,
        call: 14,
        sequence: 15,
    }
}

/// A subscriber's row, written from a table as it is in use.
fn subscriber_row(record: &Record, networks: &Networks) -> Box<[u8]> {
    let config = TableConfig {
        subscribers: 4,
        identities: 40,
        details: 400,
        addresses: 4,
        readers: 0,
        key: SipKey::new([1; 16]),
    };
    let (mut writer, _) = table(&config);
    let until = Time::from_millis(9_000);
    let id = writer.register(record.clone(), &[Some(until), Some(until)]).unwrap();
    let subscriber = writer.get(id).unwrap();
    subscriber.refreshed(0, 99);
    SubscriberRow::write(7, (&writer, &subscriber), &[3_600, 60], (1_700_000_000, true), networks).unwrap()
}

fn apart(now: Time, row: &[u8], networks: &Networks) -> Result<Apart, Unreadable> {
    SubscriberRow::read(row)?.apart(now, networks, &mut Scratch::default())
}

fn record(bindings: &[Binding]) -> Record {
    let identities = ["sip:a@home1.net", "tel:+491710000001", "sip:b!.*!@home1.net"].map(identity);
    let (imsi, msisdn) = ("262010000000001".parse().ok(), "491710000001".parse().ok());
    let record =
        Record::new(imsi, msisdn, Some(identity("262010000000001@home1.net")), &identities, bindings);
    record.unwrap().in_sets(&[0, Record::EVERY_SET, 1])
}

#[test]
fn a_subscriber_is_restored_as_he_was() {
    let now = Time::from_millis(1_000);
    let ends = [(0, now), (1, now)];
    let all = record(&[binding(AccessKind::Ims, 1, 1), binding(AccessKind::Direct, 0, 2)]).until(&ends);
    let octets = subscriber_row(&all, &networks());
    let row = SubscriberRow::read(&octets).unwrap();
    assert_eq!((row.told, row.is_number_told), (1_700_000_000, true));
    assert_eq!(row.bindings(), &[(3_600, 99), (60, 15)]);
    let row = apart(now, &octets, &networks()).unwrap();
    assert_eq!(row.periods, [3_600, 60]);
    let later = now + Duration::from_secs(3_600);
    assert_eq!(row.record.ends(), &[(0, later), (1, later)], "as long as the S-CSCF's binding");
    let gone = ConnectionId { thread: u8::MAX, slot: u32::MAX, generation: u32::MAX };
    let mut expected: Vec<Binding> = all.bindings().collect();
    // A refresh had raised it, and a stream is no more.
    expected[0].sequence = 99;
    expected[1].connection = Some(Connection { id: gone, secure: true });
    assert!(row.record.bindings().eq(expected));
    assert!(row.record.in_their_sets().eq(all.in_their_sets()));
    assert_eq!((row.record.imsi(), row.record.msisdn()), (all.imsi(), all.msisdn()));
    assert_eq!((row.record.private_identity(), row.left_out), (all.private_identity(), 0));
    assert!(Wildcard::new(row.record.identities().nth(2).unwrap()).is_some());
}

#[test]
fn bindings_of_a_network_that_is_served_no_more_are_left_out() {
    let all = record(&[binding(AccessKind::Ims, 1, 1), binding(AccessKind::Direct, 0, 2)]);
    let octets = subscriber_row(&all, &networks());
    let now = Time::ZERO;
    let fewer = Networks::new(&["a".into()], &["gone".into(), "a".into(), "b".into()]);
    let row = apart(now, &octets, &fewer).unwrap();
    let left: Vec<_> = row.record.bindings().map(|it| (it.access, it.network)).collect();
    assert_eq!((left, row.left_out), (vec![(AccessKind::Ims, 0)], 1), "and places are the configuration's");
    assert_eq!(row.periods, [3_600]);
}

#[test]
fn a_row_that_is_cut_or_longer_is_unreadable_and_none_that_is_flipped_panics() {
    let all = record(&[binding(AccessKind::Ims, 1, 1), binding(AccessKind::Direct, 0, 2)]);
    let octets = subscriber_row(&all, &networks());
    let read = |octets: &[u8]| apart(Time::ZERO, octets, &networks());
    assert!(read(&octets).is_ok() && (0..octets.len()).all(|cut| read(&octets[..cut]).is_err()));
    assert!(read(&[&octets[..], &[0]].concat()).is_err());
    for at in 0..octets.len() {
        for bit in 0..8 {
            let mut flipped = octets.to_vec();
            flipped[at] ^= 1 << bit;
            assert!(read(&flipped).is_err());
            // And with a sum that is right again.
            let end = flipped.len() - 4;
            let sum = crc32c(&flipped[..end]);
            flipped[end..].copy_from_slice(&sum.to_be_bytes());
            let _ = read(&flipped);
        }
    }
}

#[test]
fn keys_name_rows_and_are_read_again() {
    let imsi: Imsi = "262010000000001".parse().unwrap();
    let party = Party { network: 1, imsi };
    let watched = Watched { network: 0, identity: identity("sip:a@home1.net") };
    let rows = [
        RowKey::Subscriber(Name::Imsi(imsi)),
        RowKey::Subscriber(Name::Msisdn("4917112".parse().unwrap())),
        RowKey::Subscriber(Name::Identity(identity("sip:a@home1.net"))),
        RowKey::Owed(party),
        RowKey::Watched(watched),
        RowKey::Ended((Some(imsi), 7, u64::MAX)),
        RowKey::Ended((None, 0, 8)),
    ];
    for row in rows {
        let key = key_of(&row, &networks());
        assert_eq!(read_key(&key, &networks()).unwrap(), Some(row));
        assert!((0..key.len()).all(|cut| read_key(&key[..cut], &networks()).is_err()));
    }
    let owed = key_of(&RowKey::Owed(party), &networks());
    let subscriber = key_of(&rows[0], &networks());
    assert_eq!(owed[1], subscriber[1], "what is owed about somebody is in his shard");
    let none = Networks::new(&[], &["gone".into(), "a".into(), "b".into()]);
    assert_eq!(read_key(&owed, &none).unwrap(), None, "a network that is served no more");
    for wanted in [false, true] {
        assert_eq!(OwedRow::read(&OwedRow { wanted }.write(1)).unwrap(), OwedRow { wanted });
    }
    assert!(OwedRow::read(&[0; 8]).is_err() && OwedRow::read(&[2; 9]).is_err());
    assert_eq!(EndedRow::read(&EndedRow { cseq: 9 }.write(1)).unwrap(), EndedRow { cseq: 9 });
    assert!(EndedRow::read(&[0; 11]).is_err() && EndedRow::read(&[0; 13]).is_err());
}

#[test]
fn whoever_is_watched_is_restored_with_his_register() {
    let watched = Watched { network: 1, identity: identity("sip:a@home1.net") };
    let request = RegisterRequest {
        registrant: Registrant::Scscf {
            network: 1,
            private_identity: Some(identity("262010000000001@home1.net")),
            associated: vec![identity("sip:b@home1.net")],
            wildcards: vec![Wildcard::new(identity("sip:c!.*!@home1.net")).unwrap()],
            service_info: vec![],
        },
        public_identity: watched.identity,
        contact: Some(identity("sip:scscf1.home1.net")),
        remote: "10.1.0.5:5060".parse().unwrap(),
        local: "10.0.0.1:5060".parse().unwrap(),
        connection: None,
        expires_s: 3_600,
        call: 1,
        sequence: 2,
        access_network_info: AccessNetworkInfo::new(b"3GPP"),
        worker: WorkerId(1),
        reply_to: Deferred::numbered(77),
        fingerprint: 5,
    };
    let known = Known { imsi: "262010000000001".parse().ok(), msisdn: None };
    let octets = WatchedRow::write(3, &request, known);
    let row = WatchedRow::read(&octets, watched, 1).ok().unwrap();
    assert_eq!((row.known, row.request.worker, row.request.reply_to), (known, WorkerId(0), Deferred::NOBODY));
    assert!(row.request.registrant == request.registrant);
    let same = |it: &RegisterRequest| (it.contact, it.remote, it.local, it.expires_s, it.call, it.sequence);
    assert_eq!(same(&row.request), same(&request));
    assert!((0..octets.len()).all(|cut| WatchedRow::read(&octets[..cut], watched, 1).is_err()));
}

const NOW: Time = Time::from_millis(1_000);
const WAIT: Duration = Duration::from_secs(2);

fn row(number: u32) -> RowKey {
    RowKey::Subscriber(Name::Identity(identity(&format!("sip:{number}@home1.net"))))
}

fn journal(records: usize) -> Journal {
    Journal::open(Limits { records, wait: WAIT }, 10)
}

fn flush(journal: &mut Journal, behind: bool) {
    let write = |row: &RowKey, sequence: u64| Change {
        key: key_of(row, &Networks::default()),
        value: Some(Box::new(sequence.to_be_bytes())),
    };
    journal.flush(NOW, behind, write);
    journal.assert_invariants();
}

fn outcome(number: u64) -> Box<RegisterOutcome> {
    Box::new(RegisterOutcome {
        reply_to: Deferred::numbered(number),
        status: 200,
        contacts: vec![],
        flow: None,
        challenges: vec![],
        associated: vec![],
        retry_after: None,
        date: None,
    })
}

/// Whom an answer is for, and whether it may be given.
fn told(done: Option<Done>) -> Option<(bool, Deferred)> {
    match done? {
        Done::Answer(_, outcome) => Some((true, outcome.reply_to)),
        Done::Refuse(_, outcome) => Some((false, outcome.reply_to)),
    }
}

fn ask(journal: &mut Journal, rows: Option<&[RowKey]>, number: u64) -> Option<(bool, Deferred)> {
    told(journal.answer(NOW, rows, WorkerId(0), outcome(number)))
}

const fn yes(number: u64) -> Option<(bool, Deferred)> {
    Some((true, Deferred::numbered(number)))
}

const fn no(number: u64) -> Option<(bool, Deferred)> {
    Some((false, Deferred::numbered(number)))
}

#[test]
fn without_a_store_nobody_waits() {
    let mut journal = Journal::off();
    journal.change(row(1));
    flush(&mut journal, true);
    assert!(journal.poll_write().is_none() && !journal.refuses(NOW));
    assert_eq!(ask(&mut journal, Some(&[row(1)]), 1), yes(1));
    assert_eq!(ask(&mut journal, None, 2), yes(2));
}

#[test]
fn an_answer_waits_for_its_rows_and_a_refresh_for_nothing() {
    let mut journal = journal(100);
    journal.change(row(1));
    journal.change(row(1));
    journal.change_behind(row(2));
    flush(&mut journal, false);
    let write = journal.poll_write().unwrap();
    assert_eq!((write.sequence, write.changes.len()), (11, 1), "what changes twice is written once");
    assert!(journal.poll_write().is_none(), "a refresh waits for its time");
    assert_eq!(ask(&mut journal, Some(&[row(1)]), 1), None);
    assert_eq!(ask(&mut journal, Some(&[row(2)]), 2), yes(2));
    assert_eq!(ask(&mut journal, None, 3), None);
    flush(&mut journal, true);
    assert_eq!(journal.poll_write().unwrap().sequence, 12);
    assert_eq!(journal.counts.behind, 1);
    let mut done = vec![];
    journal.durable(11, &mut done);
    let answers: Vec<_> = done.into_iter().map(|done| told(Some(done))).collect();
    assert_eq!(answers, [yes(1), yes(3)]);
    assert_eq!(ask(&mut journal, Some(&[row(1)]), 4), yes(4), "it is durable now");
    journal.assert_invariants();
}

#[test]
fn an_operation_goes_out_when_it_is_written_that_it_is_owed() {
    let mut journal = journal(100);
    journal.change(row(1));
    flush(&mut journal, false);
    journal.send(WorkerId(3), ToWorker::Stop);
    assert!(journal.poll_send().is_none());
    journal.durable(11, &mut vec![]);
    assert!(matches!(journal.poll_send(), Some((WorkerId(3), ToWorker::Stop))));
    journal.send(WorkerId(3), ToWorker::Stop);
    assert!(journal.poll_send().is_some(), "nothing is written");
}

#[test]
fn who_waits_for_too_long_is_refused_and_so_is_who_comes_then() {
    let mut journal = journal(100);
    journal.change(row(1));
    flush(&mut journal, false);
    assert_eq!(ask(&mut journal, Some(&[row(1)]), 1), None);
    assert_eq!(journal.poll_timeout(), NOW + WAIT);
    let mut done = vec![];
    let before = NOW + WAIT - Duration::from_millis(1);
    assert!(journal.handle_timeout(before, &mut done).is_empty() && done.is_empty());
    assert!(!journal.refuses(before));
    assert_eq!(journal.handle_timeout(NOW + WAIT, &mut done), [row(1)], "no worker may refresh that");
    assert_eq!(done.pop().and_then(|done| told(Some(done))), no(1));
    assert!(journal.refuses(NOW + WAIT), "who came now would wait in vain");
    assert_eq!(journal.counts.late, 1);
    journal.durable(11, &mut done);
    assert!(!journal.refuses(NOW + WAIT) && done.is_empty());
}

#[test]
fn what_there_is_no_room_for_waits_and_refreshes_take_half_of_it() {
    let mut journal = journal(16);
    (0..5_000).for_each(|number| journal.change_behind(row(number)));
    flush(&mut journal, true);
    assert_eq!(journal.unacknowledged(), 8);
    (5_000..7_000).for_each(|number| journal.change(row(number)));
    flush(&mut journal, true);
    assert_eq!(journal.unacknowledged(), 16);
    assert!(journal.refuses(NOW));
    // It was accepted before that was known.
    let at = (5_000..7_000).map(row).find(|row| journal.changed.contains(row)).unwrap();
    assert_eq!(ask(&mut journal, Some(&[at]), 1), no(1));
    assert_eq!(ask(&mut journal, None, 2), no(2), "a de-registration is not written either");
    // In the end everything is.
    let mut rows = 0;
    while let Some(write) = journal.poll_write() {
        rows += write.changes.len();
        journal.durable(write.sequence, &mut vec![]);
        flush(&mut journal, true);
    }
    assert_eq!((rows, journal.unacknowledged()), (7_000, 0));
}

#[test]
fn once_the_store_has_failed_only_what_is_durable_is_confirmed() {
    let mut journal = journal(100);
    journal.change(row(1));
    flush(&mut journal, false);
    journal.durable(11, &mut vec![]);
    journal.change(row(2));
    flush(&mut journal, false);
    assert_eq!(ask(&mut journal, Some(&[row(2)]), 2), None);
    journal.send(WorkerId(3), ToWorker::Stop);
    let mut done = vec![];
    assert_eq!(journal.fence(&mut done), [row(2)]);
    assert_eq!(done.pop().and_then(|done| told(Some(done))), no(2));
    assert!(journal.poll_write().is_none() && journal.refuses(NOW));
    assert!(journal.poll_send().is_some(), "the HLR is told all the same");
    assert_eq!(ask(&mut journal, Some(&[row(1)]), 3), yes(3), "a refresh of what is durable");
    assert_eq!(ask(&mut journal, Some(&[row(2)]), 4), no(4));
    journal.change(row(1));
    assert_eq!(ask(&mut journal, Some(&[row(1)]), 5), no(5), "changed, and not written");
    flush(&mut journal, true);
    assert!(journal.poll_write().is_none());
}
