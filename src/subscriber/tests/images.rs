//! Records that go from one table to another as they lie there.

use super::model::{Whole, any_record, compare};
use super::*;
use crate::base::ConnectionId;

const GONE: ConnectionId = ConnectionId { thread: 9, slot: 8, generation: 7 };

fn image_of(writer: &Writer, id: SubscriberId) -> Vec<u8> {
    let mut octets = vec![];
    writer.write_image(&writer.get(id).unwrap(), (|network| network + 1, GONE), &mut octets).unwrap();
    octets
}

/// The same after a life of the process: each network has another place, and streams are gone.
fn expected(whole: &Whole) -> Record {
    let bindings: Vec<_> = whole.record.bindings().collect();
    let later = bindings.into_iter().map(|binding| Binding {
        network: binding.network + 1,
        connection: binding.connection.map(|it| crate::base::Connection { id: GONE, ..it }),
        ..binding
    });
    let later: Vec<_> = later.collect();
    let record = &whole.record;
    let identities: Vec<_> = record.identities().collect();
    let sets: Vec<_> = record.in_their_sets().map(|(_, set)| set).collect();
    let all = Record::new(record.imsi(), record.msisdn(), record.private_identity(), &identities, &later);
    all.unwrap().in_sets(&sets).until(record.ends())
}

#[test]
fn a_record_goes_into_another_table_as_it_is() {
    (1..=5).for_each(crowd_goes_into_another_table);
}

fn crowd_goes_into_another_table(seed: u64) {
    let mut random = Random(seed);
    let mut scratch = Scratch::default();
    let (mut later, mut readers) = table(&config(200, 1));
    let (mut before, _) = table(&config(200, 0));
    for n in 0..60 {
        let Whole { record, until } = any_record(&mut random, n);
        let times: Vec<_> = until.iter().map(|time| Some(*time)).collect();
        let id = before.register(record.clone(), &times).unwrap();
        let octets = image_of(&before, id);
        let image = Image::read(&octets).unwrap();
        let whole = Whole { record, until };
        let expected = expected(&whole);
        let sequences = vec![1; image.count()];
        assert_eq!(image.to_record(&mut scratch, &sequences), Some(expected.clone()), "{n}");
        assert_eq!((image.imsi(), image.msisdn()), (expected.imsi(), expected.msisdn()));
        let bindings = expected.bindings().map(|it| (it.network, it.connection.is_some()));
        assert!(image.networks().eq(bindings));
        later.prefetch(&octets);
        let times: Vec<_> = whole.until.iter().map(|time| (*time, 1)).collect();
        assert!(later.restore(&image, &times).is_some(), "{n}");
        later.assert_invariants();
        let whole = Whole { record: expected, until: whole.until };
        compare(&readers[0], n, Some(&whole));
        // Nobody comes twice, and who can't come leaves no trace.
        let (used, len) = (later.used(), later.len());
        assert!(later.restore(&image, &times).is_none());
        assert_eq!((later.used(), later.len()), (used, len));
    }
    assert_eq!(before.len(), later.len());
    let all: Vec<_> = later.iter().map(|it| it.id()).collect();
    all.into_iter().for_each(|id| assert!(later.deregister(id)));
    readers[0].quiescent();
    later.reclaim();
    assert_eq!((later.used(), later.unreclaimed()), ((0, 0), 0), "what it took is free again");
}

#[test]
fn who_has_a_key_that_another_has_does_not_come_back() {
    let (mut before, _) = table(&config(4, 0));
    let id = before.register(record(1, 0), &[Some(T1)]).unwrap();
    let octets = image_of(&before, id);
    let image = Image::read(&octets).unwrap();
    let number = |n| Record::new(Some(imsi(2)), n, None, &[], &[]).unwrap();
    let named = |text: &str| Record::new(Some(imsi(2)), None, None, &[identity(text)], &[]).unwrap();
    let at = Binding { remote: address(1), ..binding(2, 0) };
    for other in [
        record(1, 7),
        number(Some(msisdn(1))),
        named("sip:1@home"),
        named("tel:1.0"),
        Record::new(Some(imsi(2)), None, None, &[], &[at]).unwrap(),
    ] {
        let (mut later, _) = table(&config(4, 0));
        later.register(other, &[Some(T1)]).unwrap();
        let used = later.used();
        assert!(later.restore(&image, &[(T1, 0)]).is_none());
        assert_eq!((later.len(), later.used()), (1, used));
        later.assert_invariants();
    }
    let (mut later, _) = table(&config(1, 0));
    assert!(later.restore(&image, &[]).is_none(), "a binding without an expiry");
    assert!(later.restore(&image, &[(T1, 0)]).is_some());
    let (mut full, _) = table(&config(1, 0));
    full.register(record(3, 0), &[Some(T1)]).unwrap();
    assert!(full.restore(&image, &[(T1, 0)]).is_none());
    full.assert_invariants();
}

#[test]
fn octets_that_are_none_are_refused_and_never_panic() {
    let mut random = Random(6);
    let (mut before, _) = table(&config(40, 0));
    let mut scratch = Scratch::default();
    for n in 0..30 {
        let Whole { record, until } = any_record(&mut random, n);
        let times: Vec<_> = until.iter().map(|time| Some(*time)).collect();
        let id = before.register(record, &times).unwrap();
        let octets = image_of(&before, id);
        let mut attempt = |octets: &[u8]| {
            if let Some(image) = Image::read(octets) {
                let _ = image.to_record(&mut scratch, &vec![1; image.count()]);
                let _ = (image.imsi(), image.msisdn(), image.networks().count(), image.may_have(b'!'));
            }
        };
        (0..octets.len()).for_each(|cut| attempt(&octets[..cut]));
        for _ in 0..600 {
            let mut changed = octets.clone();
            let at = random.below(octets.len() as u64) as usize;
            changed[at] = random.below(256) as u8;
            attempt(&changed);
        }
    }
}
