//! The table as its users see it: alone, and with readers on other threads.

use super::*;
use crate::base::{SipKey, Time};
use crate::ident::{Identity, Imsi, Msisdn, WorkerId};
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

mod images;
mod model;

fn identity(text: &str) -> Identity {
    Identity::new(text.as_bytes()).unwrap()
}

fn imsi(n: u64) -> Imsi {
    format!("26201{n:010}").parse().unwrap()
}

fn msisdn(n: u64) -> Msisdn {
    format!("49170{n:07}").parse().unwrap()
}

fn address(n: u64) -> SocketAddr {
    SocketAddr::from(([10, 0, (n >> 8) as u8, n as u8], 5060))
}

fn binding(n: u64, version: u64) -> Binding {
    Binding {
        access: AccessKind::Direct,
        priority: version as u8,
        contact: identity(&format!("sip:{n}@{version}.example")),
        remote: address(n),
        target: address(n),
        local: SocketAddr::from(([192, 0, 2, 1], 5060)),
        connection: None,
        network: n as u16,
        access_network_info: AccessNetworkInfo::new(format!("{n} {version}").as_bytes()),
        fingerprint: version,
        registration: n << 32 | version,
        device: 0,
        call: n,
        sequence: version as u32,
    }
}

/// The record of subscriber `n`, whose second identity and binding change with `version`.
fn record(n: u64, version: u64) -> Record {
    let identities = [identity(&format!("sip:{n}@home")), identity(&format!("tel:{n}.{}", version % 3))];
    Record::new(Some(imsi(n)), Some(msisdn(n)), None, &identities, &[binding(n, version)]).unwrap()
}

fn config(subscribers: usize, readers: usize) -> TableConfig {
    let key = SipKey::new([7; 16]);
    TableConfig {
        subscribers,
        identities: 2 * subscribers,
        details: 2 * subscribers,
        addresses: subscribers,
        readers,
        key,
    }
}

const T1: Time = Time::from_millis(1000);
const T2: Time = Time::from_millis(2000);

#[test]
fn every_key_leads_to_the_record_and_goes_with_it() {
    let (mut writer, mut readers) = table(&config(4, 1));
    let id = writer.register(record(1, 0), &[Some(T1)]).unwrap();
    let reader = &mut readers[0];
    {
        let found = reader.by_imsi(imsi(1)).unwrap();
        assert_eq!(found.id(), id);
        assert_eq!(found.record().to_record(), record(1, 0));
        assert_eq!(found.expiry(0), T1);
        assert_eq!(found.expiry(1), Time::ZERO);
        for found in [
            reader.by_msisdn(msisdn(1)),
            reader.by_identity(b"sip:1@home"),
            reader.by_identity(b"tel:1.0"),
            reader.by_address(address(1)),
            reader.by_address("[::ffff:10.0.0.1]:5060".parse().unwrap()),
            reader.get(id),
            reader.get(SubscriberId::from_u64(id.to_u64())),
        ] {
            assert_eq!(found.unwrap().id(), id);
        }
        assert!(reader.by_identity(b"tel:1.1").is_none());
        assert!(reader.by_address("10.0.0.1:5061".parse().unwrap()).is_none());
    }
    let again = writer.register(record(1, 1), &[Some(T2)]).unwrap();
    assert_eq!(again, id, "the name is stable");
    assert!(reader.by_identity(b"tel:1.0").is_none());
    assert_eq!(reader.by_identity(b"tel:1.1").unwrap().expiry(0), T2);
    assert_eq!(writer.len(), 1);

    assert!(writer.deregister(id));
    assert!(!writer.deregister(id));
    assert!(reader.by_imsi(imsi(1)).is_none() && reader.by_address(address(1)).is_none());
    assert!(reader.get(id).is_none());
    assert!(writer.is_empty());
    assert_eq!(writer.counts.added + writer.counts.replaced + writer.counts.removed, 3);
}

#[test]
fn who_is_the_same_subscriber() {
    let (mut writer, _readers) = table(&config(8, 0));
    let make = |imsi: Option<u64>, number: Option<u64>, public: &[&str]| {
        let public: Vec<_> = public.iter().map(|text| identity(text)).collect();
        Record::new(imsi.map(self::imsi), number.map(msisdn), None, &public, &[]).unwrap()
    };
    let a = writer.register(make(None, None, &["sip:a"]), &[]).unwrap();
    assert_eq!(
        writer.register(make(None, Some(1), &["sip:a"]), &[]),
        Ok(a),
        "by its identity, and now a number"
    );
    assert_eq!(
        writer.register(make(Some(1), Some(1), &["sip:b"]), &[]),
        Ok(a),
        "by its number, and now an IMSI"
    );
    assert_eq!(
        writer.register(make(Some(1), Some(2), &["sip:b"]), &[]),
        Ok(a),
        "by its IMSI, with a new number"
    );
    assert!(writer.by_msisdn(msisdn(1)).is_none() && writer.by_identity(b"sip:a").is_none());
    assert_eq!(writer.register(make(Some(2), Some(2), &[]), &[]), Err(Refused::Taken(a)), "another SIM");
    assert_eq!(writer.register(make(Some(2), None, &["sip:c", "sip:b"]), &[]), Err(Refused::Taken(a)));
    assert_eq!(writer.register(make(Some(2), None, &["sip:b"]), &[]), Err(Refused::Taken(a)));
    assert!(writer.by_identity(b"sip:c").is_none(), "a refusal leaves no trace");
    assert!(writer.deregister(a));
    assert!(writer.register(make(Some(2), Some(2), &["sip:b", "sip:b"]), &[]).is_ok());
    assert_eq!(writer.counts.refused_taken, 3);
    assert!(Record::new(None, None, Some(identity("x")), &[], &[]).is_none(), "no key");
    assert!(
        Record::new(Some(self::imsi(1)), None, None, &[identity("x"); Record::IDENTITIES + 1], &[]).is_none()
    );
    assert!(Record::new(Some(self::imsi(1)), None, None, &[], &[binding(1, 1); 5]).is_none());
}

#[test]
fn expiries_are_extended_by_workers_and_kept_by_the_writer() {
    let (mut writer, readers) = table(&config(2, 1));
    let (old, new) = (binding(1, 1), Binding { access: AccessKind::Ims, ..binding(1, 2) });
    let base = record(1, 0);
    let id = writer.register(base.with_bindings(&[old]).unwrap(), &[Some(T1)]).unwrap();
    let reader = &readers[0];
    let held = reader.get(id).unwrap();
    assert!(held.is_registered(Time::ZERO) && !held.is_registered(T1));
    assert!(!held.extend(0, T2, Time::NEVER), "expected another");
    assert!(!held.extend(1, Time::ZERO, T2), "no such binding");
    assert!(held.extend(0, T1, T2));
    writer.register(base.with_bindings(&[new, old]).unwrap(), &[Some(Time::NEVER), None]).unwrap();
    assert!(!held.extend(0, T2, Time::NEVER), "the record was replaced");
    assert_eq!(held.expiry(0), T2, "but can still be read");
    let now = reader.get(id).unwrap();
    assert_eq!((now.expiry(0), now.expiry(1)), (Time::NEVER, T2));
    assert_eq!(now.registered(T2).map(|(index, _)| index).collect::<Vec<_>>(), [0]);

    assert!(!writer.remove_binding(id, 2));
    assert!(writer.remove_binding(id, 0));
    assert_eq!(reader.get(id).unwrap().expiry(0), T2);
    assert!(reader.by_address(address(1)).is_some());
    assert!(writer.remove_binding(id, 0));
    assert!(reader.by_address(address(1)).is_none());
    assert!(!reader.by_imsi(imsi(1)).unwrap().is_registered(Time::ZERO), "known and not registered");
}

#[test]
fn the_sweep_finds_what_has_expired() {
    let (mut writer, _readers) = table(&config(8, 0));
    let ids: Vec<_> = (0..6)
        .map(|n| writer.register(record(n, 0), &[Some(if n % 2 == 0 { T1 } else { T2 })]).unwrap())
        .collect();
    let mut found = Vec::new();
    writer.expired(T1, &mut |id| found.push(id));
    assert_eq!(found, [ids[0], ids[2], ids[4]]);
    found.clear();
    writer.expired(Time::from_millis(999), &mut |id| found.push(id));
    assert_eq!(found, []);
}

#[test]
fn words_live_on_through_registrations_and_end_with_the_subscriber() {
    let (mut writer, readers) = table(&config(1, 1));
    let reader = &readers[0];
    let holder = Holder { worker: WorkerId(1), slot: 5, generation: 9 };
    let id = writer.register(record(1, 0), &[None]).unwrap();
    let reference = reader.get(id).unwrap().begin_mt(holder).unwrap();
    let (first, second) = (LastMo::new(WorkerId(1), 7, 77), LastMo::new(WorkerId(0), 8, 78));
    assert!(reader.get(id).unwrap().begin_mo(None, first));
    writer.register(record(1, 1), &[None]).unwrap();
    let subscriber = reader.get(id).unwrap();
    assert_eq!(subscriber.mt_holder(), Some((holder, reference)));
    assert!(!subscriber.begin_mo(None, second), "somebody was quicker");
    assert_eq!(subscriber.last_mo(), Some(first));
    assert!(subscriber.begin_mo(Some(first), second) && !subscriber.end_mo(first));
    assert!(subscriber.end_mo(second) && subscriber.last_mo().is_none());
    assert!(subscriber.end_mt(holder));
    assert_eq!(subscriber.begin_mt(holder), Ok(reference.wrapping_add(1)));
}

/// A report of a message before may come without In-Reply-To, as late as it likes.
#[test]
fn references_go_on_when_a_subscriber_comes_back() {
    let holder = Holder { worker: WorkerId(1), slot: 5, generation: 9 };
    let next = |writer: &mut Writer, n: u64| {
        let id = writer.register(record(n, 0), &[None]).unwrap();
        let subscriber = writer.get(id).unwrap();
        let reference = subscriber.begin_mt(holder).unwrap();
        assert!(subscriber.end_mt(holder));
        writer.deregister(id);
        reference
    };
    let mut writer = table(&config(4, 0)).0;
    let first = next(&mut writer, 1);
    next(&mut writer, 2);
    assert_eq!(next(&mut writer, 1), first.wrapping_add(1), "whatever place he has now");
    let firsts: std::collections::BTreeSet<u8> = (10..74).map(|n| next(&mut writer, n)).collect();
    assert!(firsts.len() > 32, "nobody knows where they begin: {firsts:?}");
    let other = TableConfig { key: SipKey::new([8; 16]), ..config(4, 0) };
    let mut restarted = table(&other).0;
    let again: Vec<u8> = (1..9).map(|n| next(&mut restarted, n)).collect();
    let before: Vec<u8> = (1..9).map(|n| next(&mut writer, n)).collect();
    assert_ne!(again, before);
}

/// A worker's refresh and the control thread's sweep fall together: the binding lives or has ended, and both know it.
#[test]
fn a_refresh_and_an_end_are_not_both() {
    let (mut writer, mut readers) = table(&config(1, 1));
    let turns = if cfg!(miri) { 20 } else { 5_000 };
    for turn in 0..turns {
        readers[0].quiescent();
        let id = writer.register(record(1, 0), &[Some(T1)]).unwrap();
        let (of_worker, start) = (readers[0].get(id).unwrap(), std::sync::Barrier::new(2));
        let ended = std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                start.wait();
                of_worker.refresh(0, Time::ZERO, T2)
            });
            let subscriber = writer.get(id).unwrap();
            start.wait();
            let ended = subscriber.extend(0, T1, Time::ZERO);
            assert_ne!(worker.join().unwrap(), ended, "turn {turn}");
            ended
        });
        assert_eq!(writer.get(id).unwrap().expiry(0), if ended { Time::ZERO } else { T2 });
    }
}

#[test]
fn places_and_records_wait_for_every_reader() {
    let (mut writer, mut readers) = table(&config(1, 2));
    let id = writer.register(record(1, 0), &[None]).unwrap();
    let holder = Holder { worker: WorkerId(1), slot: 5, generation: 9 };
    assert!(readers[0].get(id).unwrap().begin_mt(holder).is_ok());
    writer.register(record(1, 1), &[None]).unwrap();
    assert!(writer.deregister(id));
    assert_eq!(writer.reclaim(), 0);
    assert_eq!(writer.unreclaimed(), 2);
    assert_eq!(writer.register(record(2, 0), &[None]), Err(Refused::Full), "its place still rests");
    readers[0].quiescent();
    assert_eq!(writer.reclaim(), 0);
    drop(readers.remove(1));
    assert_eq!(writer.reclaim(), 2);
    let next = writer.register(record(2, 0), &[None]).unwrap();
    assert_eq!((next.slot, next.generation), (id.slot, id.generation + 1));
    assert!(readers[0].get(id).is_none(), "a stale name");
    assert_eq!(readers[0].get(next).unwrap().mt_holder(), None, "fresh words");
    assert_eq!(writer.counts.reclaimed, 2);
}

#[test]
fn a_reader_may_outlive_the_writer() {
    let (mut writer, readers) = table(&config(2, 1));
    let id = writer.register(record(1, 0), &[None]).unwrap();
    let held = readers[0].get(id).unwrap();
    writer.register(record(1, 1), &[None]).unwrap();
    drop(writer);
    assert_eq!(held.record().to_record(), record(1, 0));
    assert_eq!(readers[0].get(id).unwrap().record().to_record(), record(1, 1));
}

#[test]
fn full_tables_refuse_and_stay_whole() {
    let (mut writer, _readers) = table(&TableConfig { identities: 3, addresses: 9, ..config(3, 0) });
    writer.register(record(1, 0), &[None]).unwrap();
    assert_eq!(writer.register(record(2, 0), &[None]), Err(Refused::Full), "the fourth identity");
    assert_eq!(writer.counts.refused_index, 1);
    assert!(writer.by_imsi(imsi(2)).is_none() && writer.by_identity(b"sip:2@home").is_none());
    let bare = |n| Record::new(Some(imsi(n)), None, None, &[], &[]).unwrap();
    writer.register(bare(2), &[]).unwrap();
    let third = writer.register(bare(3), &[]).unwrap();
    assert_eq!(writer.register(bare(4), &[]), Err(Refused::Full));
    assert_eq!(writer.counts.refused_subscribers, 1);
    assert!(writer.deregister(third));
    writer.register(bare(4), &[]).unwrap();
    assert_eq!(writer.iter().count(), 3);
    assert!(writer.memory() > 0);
}

#[test]
fn digests_know_contents_and_not_places() {
    let digest = |order: &[u64], version| {
        let (mut writer, _readers) = table(&config(4, 0));
        for &n in order {
            writer.register(record(n, version), &[Some(Time::from_millis(n))]).unwrap();
        }
        writer.digest()
    };
    assert_eq!(digest(&[1, 2, 3], 0), digest(&[3, 1, 2], 0));
    assert_ne!(digest(&[1, 2, 3], 0), digest(&[1, 2, 3], 1));
    assert_ne!(digest(&[1, 2, 3], 0), digest(&[1, 2], 0));
}

/// A model table of `n -> version`, the real one beside it, and random use.
#[test]
fn agrees_with_a_map() {
    let (mut writer, readers) = table(&config(64, 1));
    let mut readers = readers;
    let mut model = std::collections::HashMap::new();
    let mut random = Random(1);
    for _ in 0..if cfg!(miri) { 300 } else { 20_000 } {
        let n = random.below(80);
        match random.below(4) {
            0..3 => {
                let version = random.below(100);
                match writer.register(record(n, version), &[Some(T1)]) {
                    Ok(_) => drop(model.insert(n, version)),
                    Err(refused) => {
                        assert!(refused == Refused::Full && model.len() == 64 && !model.contains_key(&n))
                    }
                }
            }
            _ => {
                let found = writer.by_imsi(imsi(n)).map(|found| found.id());
                assert_eq!(found.is_some_and(|id| writer.deregister(id)), model.remove(&n).is_some());
            }
        }
        readers[0].quiescent();
        assert_eq!(writer.len(), model.len());
        if random.below(200) == 0 {
            writer.assert_invariants();
        }
        let n = random.below(80);
        for found in [
            readers[0].by_msisdn(msisdn(n)),
            readers[0].by_address(address(n)),
            readers[0].by_identity(format!("sip:{n}@home").as_bytes()),
        ] {
            assert_eq!(
                found.map(|found| found.record().to_record()),
                model.get(&n).map(|&version| record(n, version))
            );
        }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound
    }
}

const CROWD: u64 = 40;
const VERSIONS: u64 = 9;

/// The records of the crowd in all versions, and the keys by which two of them are looked up.
struct Crowd(Vec<Vec<(Record, [Identity; 2])>>);

impl Crowd {
    fn new() -> Self {
        let member = |n, version| {
            let record = record(n, version);
            let mut identities = record.identities();
            let keys = [identities.next().unwrap(), identities.next().unwrap()];
            drop(identities);
            (record, keys)
        };
        Self((0..CROWD).map(|n| (0..VERSIONS).map(|version| member(n, version)).collect()).collect())
    }

    fn at(&self, n: u64, version: u64) -> &(Record, [Identity; 2]) {
        &self.0[n as usize][version as usize]
    }
}

/// Looks up one random key and checks that what it finds is whole: all parts of one version of the right subscriber.
fn look_and_check(reader: &Reader, crowd: &Crowd, random: &mut Random) -> bool {
    let n = random.below(CROWD);
    let (wanted, [default, changing]) = crowd.at(n, random.below(VERSIONS));
    let found = match random.below(5) {
        0 => reader.by_imsi(wanted.imsi().unwrap()),
        1 => reader.by_msisdn(wanted.msisdn().unwrap()),
        2 => reader.by_identity(changing.as_bytes()),
        3 => reader.by_address(wanted.binding(0).unwrap().remote),
        _ => {
            let found = reader.by_identity(default.as_bytes());
            // Of the first half, nobody is ever removed: whatever the writer does, they are found.
            assert!(found.is_some() || n >= CROWD / 2);
            found
        }
    };
    let Some(subscriber) = found else { return false };
    let version = u64::from(subscriber.record().binding(0).unwrap().priority);
    assert_eq!(subscriber.record().to_record(), crowd.at(n, version).0);
    let expiry = subscriber.expiry(0);
    assert!(expiry.as_nanos() % CROWD == n, "another subscriber's expiry");
    let _ = subscriber.extend(0, expiry, Time::from_nanos(expiry.as_nanos() + CROWD));
    true
}

#[test]
fn readers_see_whole_records_while_the_writer_works() {
    let (mut writer, readers) = table(&config(CROWD as usize + 8, 2));
    let first = |n: u64| [Some(Time::from_nanos(n))];
    for n in 0..CROWD / 2 {
        writer.register(record(n, 0), &first(n)).unwrap();
    }
    let rounds = if cfg!(miri) { 150 } else { 100_000 };
    let crowd = &Crowd::new();
    let done = AtomicBool::new(false);
    let looks = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for (seed, mut reader) in readers.into_iter().enumerate() {
            let (done, looks) = (&done, &looks);
            scope.spawn(move || {
                let mut random = Random(seed as u64);
                while !done.load(Ordering::Relaxed) {
                    for _ in 0..4 {
                        looks.fetch_add(
                            u64::from(look_and_check(&reader, crowd, &mut random)),
                            Ordering::Relaxed,
                        );
                    }
                    reader.quiescent();
                }
            });
        }
        let mut random = Random(99);
        let mut round = 0;
        while round < rounds || looks.load(Ordering::Relaxed) < rounds {
            round += 1;
            let n = random.below(CROWD);
            let present = writer.by_imsi(imsi(n)).map(|found| found.id());
            match present {
                Some(id) if n >= CROWD / 2 && random.below(2) == 0 => assert!(writer.deregister(id)),
                _ => {
                    let version = random.below(VERSIONS);
                    let keep = present.is_some() && random.below(2) == 0;
                    let refusal = if keep {
                        let same = writer.by_imsi(imsi(n)).unwrap().record().to_record();
                        writer.register(same, &[None])
                    } else {
                        writer.register(crowd.at(n, version).0.clone(), &first(n))
                    };
                    if refusal.is_err() {
                        // Readers that were not scheduled keep places and records from being freed.
                        assert_eq!(refusal, Err(Refused::Full));
                        std::thread::yield_now();
                    }
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    writer.assert_invariants();
    writer.reclaim();
    assert_eq!(writer.unreclaimed(), 0, "with the readers gone all old records are freed");
    let counts = &writer.counts;
    assert_eq!(counts.reclaimed, counts.replaced + counts.removed);
    assert_eq!(writer.len() as u64, CROWD / 2 + counts.added - CROWD / 2 - counts.removed);
}

#[test]
fn one_of_two_racing_holders_wins_each_time() {
    let (mut writer, readers) = table(&config(1, 2));
    let id = writer.register(record(1, 0), &[Some(Time::ZERO)]).unwrap();
    let turns = if cfg!(miri) { 50 } else { 50_000 };
    let first = Holder { worker: WorkerId(8), slot: 0, generation: 0 };
    let before = writer.get(id).unwrap().begin_mt(first).unwrap();
    assert!(writer.get(id).unwrap().end_mt(first));
    let inside = AtomicU64::new(0);
    let sum: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = readers
            .into_iter()
            .enumerate()
            .map(|(number, reader)| {
                let inside = &inside;
                scope.spawn(move || {
                    let holder = Holder { worker: WorkerId(number as u8), slot: 3, generation: 3 };
                    let mut extended = 0;
                    let mut won = 0;
                    while won < turns {
                        let subscriber = reader.get(id).unwrap();
                        let expiry = subscriber.expiry(0);
                        let later = Time::from_nanos(expiry.as_nanos() + 1);
                        extended += u64::from(subscriber.extend(0, expiry, later));
                        match subscriber.begin_mt(holder) {
                            Ok(_) => {
                                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "alone");
                                assert!(subscriber.pass_mt(holder, holder).is_some());
                                inside.fetch_sub(1, Ordering::SeqCst);
                                assert!(subscriber.end_mt(holder));
                                won += 1;
                            }
                            Err(other) => {
                                assert_ne!(other, holder);
                                std::thread::yield_now();
                            }
                        }
                    }
                    extended
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let subscriber = writer.get(id).unwrap();
    assert_eq!(subscriber.expiry(0).as_nanos(), sum, "no extension was lost");
    let last = Holder { worker: WorkerId(9), slot: 0, generation: 0 };
    let given = (2 * 2 * turns + 1) as u8;
    assert_eq!(subscriber.begin_mt(last), Ok(before.wrapping_add(given)), "no reference was given twice");
}

/// Subscriber 1 with all that a record can say, so that nothing is lost on its way through the table.
fn full_record() -> Record {
    let number = msisdn(1);
    let mut identities = vec![
        identity(&format!("sip:+{number}@home")),
        identity(&format!("tel:+{number}")),
        identity("sip:bücher@home"),
        identity("urn:service:sos"),
    ];
    identities.extend((4..Record::IDENTITIES).map(|n| identity(&format!("sip:{n}{}@home", "x".repeat(110)))));
    let connection = |secure| {
        let id = crate::base::ConnectionId { thread: 3, slot: u32::MAX, generation: 7 };
        Some(crate::base::Connection { id, secure })
    };
    let zoned = std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 5060, 3, 4);
    let bindings = [
        Binding { access: AccessKind::Ims, device: 9, ..binding(1, 1) },
        Binding {
            contact: identity(&format!("sip:+{number}@10.0.0.1:5060;ob")),
            target: "10.0.0.9:1".parse().unwrap(),
            access_network_info: AccessNetworkInfo::new(b"3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=26201ABCDEF"),
            ..binding(1, 2)
        },
        Binding {
            remote: zoned.into(),
            target: zoned.into(),
            connection: connection(true),
            access_network_info: AccessNetworkInfo::new(b"IEEE-802.11; i-wlan-node-id=aabbccddeef"),
            ..binding(1, 3)
        },
        Binding {
            remote: "[2001:db8::1]:5062".parse().unwrap(),
            target: "[2001:db8::1]:5062".parse().unwrap(),
            contact: identity("sip:[2001:db8::1]:5062\u{1}"),
            connection: connection(false),
            access_network_info: AccessNetworkInfo::new(b"3GPP-GERAN; cgi=zz"),
            ..binding(1, 4)
        },
    ];
    let sets: Vec<u8> = (0..Record::IDENTITIES as u8).map(|at| at % 3).collect();
    let private = Some(identity("somebody\u{2}"));
    let record = Record::new(Some(imsi(1)), Some(number), private, &identities, &bindings).unwrap();
    record.in_sets(&sets).until(&[(0, T1), (1, T2), (2, Time::NEVER)])
}

#[test]
fn a_record_is_in_the_table_what_it_was_before() {
    let room = TableConfig { details: 100, identities: 40, addresses: 4, ..config(2, 1) };
    let (mut writer, mut readers) = table(&room);
    let full = full_record();
    let id = writer.register(full.clone(), &[Some(T1), Some(T2), None, Some(Time::NEVER)]).unwrap();
    {
        let found = readers[0].get(id).unwrap();
        let record = found.record();
        assert_eq!(record.to_record(), full);
        assert_eq!(
            (record.ends(), record.end_of(&identity("tel:+491700000001"))),
            (full.ends().to_vec(), Some(T2))
        );
        assert_eq!(record.private_identity(), full.private_identity());
        assert_eq!(record.without_set(1), full.without_set(1));
        assert!(record.bindings().enumerate().all(|(at, it)| record.priority(at) == Some(it.priority)));
        assert_eq!((record.priority(4), found.holding(T1).collect::<Vec<_>>()), (None, vec![1, 3]));
        assert_eq!([0, 1, 2, 3, 4].map(|at| found.expiry(at)), [T1, T2, Time::ZERO, Time::NEVER, Time::ZERO]);
        found.refreshed(3, 77);
        assert_eq!((found.sequence(3), record.binding(3).unwrap().sequence), (77, 77));
        assert!(found.extend(3, Time::NEVER, T1) && found.expiry(3) == T1);
    }
    writer.assert_invariants();
    let (cells, templates) = writer.used();
    assert!(cells > 40 && templates > 3);
    assert!(writer.deregister(id));
    readers[0].quiescent();
    writer.reclaim();
    assert_eq!(writer.used(), (0, 0), "all that it took has come back");
}

/// An identity leads to its subscriber by his number as long as it is his, and by itself otherwise.
#[test]
fn identities_follow_numbers_that_change() {
    let (mut writer, readers) = table(&config(4, 1));
    let tel = |n| format!("tel:+{}", msisdn(n));
    let with = |number| {
        let identities = [identity(&tel(1)), identity(&format!("sip:{}@home", imsi(1)))];
        Record::new(Some(imsi(1)), Some(msisdn(number)), None, &identities, &[]).unwrap()
    };
    let found = |text: &str| readers[0].by_identity(text.as_bytes()).map(|it| it.id());
    let id = writer.register(with(1), &[]).unwrap();
    for number in [1, 2, 1] {
        assert_eq!(writer.register(with(number), &[]), Ok(id));
        assert_eq!([found(&tel(1)), found(&format!("sip:{}@home", imsi(1)))], [Some(id); 2]);
        assert_eq!(found(&tel(2)), None, "it is nobody's identity");
        writer.assert_invariants();
    }
    let other = Record::new(Some(imsi(2)), Some(msisdn(2)), None, &[identity(&tel(2))], &[]).unwrap();
    let other = writer.register(other, &[]).unwrap();
    let keys =
        [Key::Msisdn(msisdn(2)), Key::Imsi(imsi(1)), Key::Identity(b"tel:+491700000001"), Key::Imsi(imsi(9))];
    let mut many = [None; 4];
    readers[0].find_many(&keys, &mut many);
    assert_eq!(many.map(|it| it.map(|it| it.id())), [Some(other), Some(id), Some(id), None]);
}

/// Who stands in another bucket, and who shares what is left of a hash with somebody in the same one, is found in a batch as by
/// himself.
#[test]
fn a_batch_finds_what_each_of_its_keys_does() {
    let count = if cfg!(miri) { 40 } else { 3000 };
    let (mut writer, readers) = table(&config(count as usize, 1));
    for n in 0..count {
        writer.register(record(n, 1), &[Some(T2)]).unwrap();
    }
    let table: &Table = &readers[0];
    let all: Vec<Key<'_>> = (0..count + 100)
        .flat_map(|n| [Key::Msisdn(msisdn(n)), Key::Imsi(imsi(n)), Key::Address(address(n))])
        .collect();
    for batch in [1, 7, 32, 100] {
        for keys in all.chunks(batch) {
            let mut found = vec![None; keys.len()];
            table.find_many(keys, &mut found);
            let ids = |found: Option<Subscriber<'_>>| found.map(|it| it.id());
            assert!(keys.iter().zip(found).all(|(key, found)| ids(found) == ids(table.find(*key))));
        }
    }
    let missing = all.iter().filter(|key| table.find(**key).is_none()).count();
    assert_eq!(missing, 300);
}

#[test]
fn a_table_without_room_for_details_refuses_and_stays_whole() {
    let (mut writer, mut readers) = table(&TableConfig { details: 0, identities: 4096 * 40, ..config(4, 1) });
    let mut taken = 0;
    // Each record takes more cells than it brings: at last they are used up.
    while writer.register(full_record(), &[None; 4]).is_ok() {
        taken += 1;
    }
    assert!(taken > 10 && writer.counts.refused_details == 1);
    assert_eq!(writer.by_imsi(imsi(1)).unwrap().record().to_record(), full_record());
    writer.assert_invariants();
    let id = writer.by_imsi(imsi(1)).unwrap().id();
    // Who leaves does so all the same.
    for bindings in [3, 2, 1] {
        assert!(writer.remove_binding(id, 0));
        assert_eq!(writer.get(id).unwrap().record().bindings().len(), bindings);
    }
    assert_eq!(writer.counts.refused_details, 1);
    let fewer = full_record().without_set(2).unwrap();
    while writer.amend(id, &fewer, &[]).is_ok() {}
    // Not even what is kept for that is left: the last binding has ended nevertheless.
    assert!(writer.get(id).unwrap().extend(0, Time::ZERO, T2));
    assert!(writer.remove_binding(id, 0) && !writer.remove_binding(id, 4));
    assert_eq!(writer.get(id).unwrap().expiry(0), Time::ZERO);
    let mut ended = vec![];
    writer.expired(T1, &mut |id| ended.push(id));
    assert_eq!(ended, [id]);
    writer.assert_invariants();
    readers[0].quiescent();
    assert!(writer.register(full_record(), &[None; 4]).is_ok(), "what was replaced makes room");
    assert!(writer.deregister(id));
    readers[0].quiescent();
    writer.reclaim();
    assert_eq!((writer.used(), writer.unreclaimed()), ((0, 0), 0));
}

/// With one binding and identities that follow from his numbers, a subscriber takes at most 192 octets.
#[test]
fn a_usual_subscriber_is_small() {
    const COUNT: usize = if cfg!(miri) { 100 } else { 100_000 };
    let room = TableConfig { details: 0, identities: COUNT, ..config(COUNT, 0) };
    let mut writer = table(&room).0;
    for n in 0..COUNT as u64 {
        let (number, name) = (msisdn(n), imsi(n));
        let identities = [
            identity(&format!("sip:+{number}@ims.mnc001.mcc262.3gppnetwork.org")),
            identity(&format!("tel:+{number}")),
            identity(&format!("sip:{name}@ims.mnc001.mcc262.3gppnetwork.org")),
        ];
        let cell = format!("3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=26201{n:011x}");
        let binding = Binding {
            contact: identity(&format!("sip:{number}@10.0.{}.{}:5060;ob", n as u8 >> 4, n as u8)),
            remote: SocketAddr::from(([10, 0, n as u8 >> 4, n as u8], (n >> 8) as u16)),
            target: SocketAddr::from(([10, 0, n as u8 >> 4, n as u8], (n >> 8) as u16)),
            network: 0,
            access_network_info: AccessNetworkInfo::new(cell.as_bytes()),
            device: n + 1,
            ..binding(1, 1)
        };
        let private = Some(identity(&format!("{name}@ims.mnc001.mcc262.3gppnetwork.org")));
        let record = Record::new(Some(name), Some(number), private, &identities, &[binding]).unwrap();
        writer.register(record, &[Some(T1)]).unwrap();
    }
    assert_eq!(writer.details().0, COUNT, "a cell for each");
    // In a small table what there is once weighs more.
    let most = if cfg!(miri) { 1 << 16 } else { 192 };
    assert!(writer.octets_each() <= most, "{} in {}", writer.octets_each(), writer.memory());
}
