//! The table held against a map of whole records, under random use.

use super::*;
use std::collections::HashMap;

const CROWD: u64 = 60;

/// A record as it went in, and until when its bindings hold.
pub(super) struct Whole {
    pub(super) record: Record,
    pub(super) until: Vec<Time>,
}

fn any_binding(random: &mut Random, n: u64, at: u64) -> Binding {
    let number = msisdn(n);
    let remote = match random.below(3) {
        0 => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, n as u16, at as u16], 5060)),
        _ => SocketAddr::from(([10, n as u8, 0, at as u8], 5060)),
    };
    let access = if random.below(2) == 0 { AccessKind::Ims } else { AccessKind::Direct };
    let host = remote.ip();
    let contact = match (access, random.below(3)) {
        (AccessKind::Ims, _) => format!("sip:scscf{}.home", n % 3),
        (_, 0) => format!("sip:{number}@{host}:5060;ob"),
        (_, 1) => format!("sip:{}@{host}", "y".repeat(random.below(100) as usize)),
        _ => format!("sip:{:x}@10.9.9.9", random.below(1 << 30)),
    };
    let info = match random.below(4) {
        0 => String::new(),
        1 => format!("3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=26201{:x}", random.below(1 << 28)),
        2 => format!("IEEE-802.11; i-wlan-node-id={:X}", random.below(1 << 28)),
        _ => format!("of its own: {}", random.below(1 << 28)),
    };
    let other = SocketAddr::new(remote.ip(), 5070);
    let connection = (random.below(4) == 0).then(|| crate::base::Connection {
        id: crate::base::ConnectionId { thread: 1, slot: n as u32, generation: at as u32 },
        secure: random.below(2) == 0,
    });
    Binding {
        access,
        contact: identity(&contact),
        remote,
        target: if random.below(4) == 0 { other } else { remote },
        connection,
        access_network_info: AccessNetworkInfo::new(info.as_bytes()),
        registration: n << 8 | at,
        device: random.below(3),
        sequence: 1,
        ..binding(n, random.below(200))
    }
}

pub(super) fn any_record(random: &mut Random, n: u64) -> Whole {
    let number = match random.below(6) {
        0 => None,
        1 => Some(msisdn(n + 500)),
        _ => Some(msisdn(n)),
    };
    let all = [
        format!("sip:+{}@home", msisdn(n)),
        format!("tel:+{}", msisdn(n)),
        format!("sip:{}@home", imsi(n)),
        format!("sip:name{n}@home{}", random.below(5)),
        format!("sip:{}{n}@far.home", "x".repeat(random.below(100) as usize)),
    ];
    let chosen: Vec<_> = all.iter().filter(|_| random.below(2) == 0).map(|text| identity(text)).collect();
    let bindings: Vec<_> = (0..random.below(5)).map(|at| any_binding(random, n, at)).collect();
    let until: Vec<_> = bindings.iter().map(|_| Time::from_millis(random.below(1000))).collect();
    let private = (random.below(2) == 0).then(|| identity(&format!("{}@home", imsi(n))));
    let record = Record::new(Some(imsi(n)), number, private, &chosen, &bindings).unwrap();
    let sets: Vec<u8> = chosen.iter().map(|_| random.below(3) as u8).collect();
    Whole { record: record.in_sets(&sets).until(&[(0, T1), (1, T2), (2, Time::NEVER)]), until }
}

/// What the table says of a subscriber, by each of his keys, one by one and all at a time.
pub(super) fn compare(reader: &Reader, n: u64, expected: Option<&Whole>) {
    let Some(Whole { record, until }) = expected else {
        assert!(reader.by_imsi(imsi(n)).is_none() && reader.by_msisdn(msisdn(n)).is_none());
        assert!(reader.by_identity(format!("tel:+{}", msisdn(n)).as_bytes()).is_none());
        return;
    };
    let identities: Vec<_> = record.identities().collect();
    let mut keys = vec![Key::Imsi(record.imsi().unwrap())];
    keys.extend(record.msisdn().map(Key::Msisdn));
    keys.extend(identities.iter().map(|identity| Key::Identity(identity.as_bytes())));
    let direct = record.bindings().filter(|binding| binding.access == AccessKind::Direct);
    keys.extend(direct.map(|binding| Key::Address(binding.remote)));
    let mut many = vec![None; keys.len()];
    reader.find_many(&keys, &mut many);
    for (key, of_many) in keys.iter().zip(many) {
        let found = reader.find(*key).unwrap();
        assert_eq!(found.id(), of_many.unwrap().id(), "{key:?}");
        assert_eq!(found.record().to_record(), *record, "{key:?}");
        let expiries: Vec<_> = (0..until.len()).map(|at| found.expiry(at)).collect();
        assert_eq!(expiries, *until, "{key:?}");
    }
}

#[test]
fn agrees_with_a_map_of_whole_records() {
    for seed in 0..if cfg!(miri) { 1 } else { 4 } {
        let room = TableConfig { identities: 90, details: 150, addresses: 200, ..config(40, 1) };
        let (mut writer, mut readers) = table(&room);
        let (mut model, mut random) = (HashMap::<u64, Whole>::new(), Random(seed));
        let mut refused = 0;
        for _ in 0..if cfg!(miri) { 100 } else { 4_000 } {
            let n = random.below(CROWD);
            let id = writer.by_imsi(imsi(n)).map(|found| found.id());
            assert_eq!(id.is_some(), model.contains_key(&n));
            match (random.below(8), id) {
                (0, Some(id)) => {
                    assert!(writer.deregister(id) && model.remove(&n).is_some());
                }
                (1, Some(id)) => {
                    let whole = model.get_mut(&n).unwrap();
                    let at = random.below(4) as usize;
                    let is_there = at < whole.until.len();
                    assert_eq!(writer.remove_binding(id, at), is_there);
                    if is_there {
                        let mut bindings: Vec<_> = whole.record.bindings().collect();
                        bindings.remove(at);
                        whole.until.remove(at);
                        whole.record = whole.record.with_bindings(&bindings).unwrap();
                    }
                }
                (2, Some(id)) => {
                    let (until, new) = (&mut model.get_mut(&n).unwrap().until, Time::from_nanos(n));
                    if let Some(first) = until.first_mut() {
                        assert!(readers[0].get(id).unwrap().extend(0, *first, new));
                        *first = new;
                    }
                }
                (3, Some(id)) => {
                    let whole = any_record(&mut random, n);
                    let expiries: Vec<_> = whole.until.iter().copied().map(Some).collect();
                    if writer.amend(id, &whole.record, &expiries).is_ok() {
                        model.insert(n, whole);
                    }
                }
                _ => {
                    let whole = any_record(&mut random, n);
                    let expiries: Vec<_> = whole.until.iter().copied().map(Some).collect();
                    match writer.register(whole.record.clone(), &expiries) {
                        Ok(_) => drop(model.insert(n, whole)),
                        Err(refusal) => {
                            assert_eq!(refusal, Refused::Full);
                            refused += 1;
                        }
                    }
                }
            }
            if random.below(4) == 0 {
                readers[0].quiescent();
            }
            for n in [n, random.below(CROWD)] {
                compare(&readers[0], n, model.get(&n));
            }
            assert_eq!(writer.len(), model.len());
            if random.below(100) == 0 {
                writer.assert_invariants();
            }
        }
        assert!(refused > 0 || cfg!(miri), "it was never full");
        let all: Vec<_> = writer.iter().map(|subscriber| subscriber.id()).collect();
        assert!(all.into_iter().all(|id| writer.deregister(id)));
        readers[0].quiescent();
        writer.reclaim();
        writer.assert_invariants();
        assert_eq!((writer.used(), writer.unreclaimed(), writer.len()), ((0, 0), 0, 0));
    }
}

/// Whoever knows no secret can't choose numbers that meet in one bucket. Where he knew it, the longest look-up would still be
/// of eight buckets, and what has no place there is refused, counted, and missed by nobody else.
#[test]
fn chosen_keys_do_not_make_look_ups_long() {
    const CHOSEN: usize = if cfg!(miri) { 20 } else { 400 };
    let room = |key| TableConfig { key: SipKey::new(key), ..config(4_000, 1) };
    let known = table(&room([0; 16])).0;
    let bucket = |n: &u64| known.msisdns.home(known.hash_msisdn(msisdn(*n)), 0);
    let first = bucket(&0);
    let chosen: Vec<u64> = (0..).filter(|n| bucket(n) == first).take(CHOSEN).collect();
    let probed = |secret: [u8; 16]| {
        let (mut writer, mut readers) = table(&room(secret));
        let (mut most, mut taken) = (0, vec![]);
        for &n in &chosen {
            let record = Record::new(Some(imsi(n)), Some(msisdn(n)), None, &[], &[]).unwrap();
            if writer.register(record, &[]).is_ok() {
                taken.push(n);
            }
            readers[0].quiescent();
        }
        for &n in &taken {
            assert_eq!(readers[0].by_msisdn(msisdn(n)).unwrap().record().imsi(), Some(imsi(n)));
            most = most.max(readers[0].msisdns.buckets_of(readers[0].hash_msisdn(msisdn(n))));
        }
        writer.assert_invariants();
        assert_eq!(taken.len() as u64 + writer.counts.refused_index, CHOSEN as u64);
        (taken.len(), most)
    };
    let (taken, most) = probed([0; 16]);
    if !cfg!(miri) {
        assert!((8 * 15..CHOSEN).contains(&taken), "{taken}");
        assert_eq!(most, 8, "the most that there is");
    }
    for secret in 1..5 {
        let (taken, most) = probed([secret; 16]);
        assert_eq!(taken, CHOSEN);
        assert!(most <= 2, "{most}");
    }
}
