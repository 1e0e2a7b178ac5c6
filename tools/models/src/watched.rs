//! The protocols of buckets and of records under loom: three threads, every order.
#![allow(unsafe_code)] // what a reader holds is watched by loom, not locked

#[path = "../../../src/subscriber/draft.rs"]
mod draft;
#[path = "../../../src/subscriber/image.rs"]
mod image;
#[path = "../../../src/subscriber/index.rs"]
mod index;
#[path = "../../../src/subscriber/joining.rs"]
mod joining;
#[path = "memory.rs"]
mod memory;
#[path = "../../../src/subscriber/published.rs"]
mod published;
#[path = "../../../src/subscriber/reclaim.rs"]
mod reclaim;
#[path = "../../../src/subscriber/record.rs"]
mod record;
#[path = "../../../src/subscriber/store.rs"]
mod store;
#[path = "sync_watched.rs"]
mod sync;
#[path = "../../../src/subscriber/table.rs"]
mod table;
#[path = "../../../src/subscriber/template.rs"]
mod template;
#[path = "../../../src/subscriber/words.rs"]
mod words;
#[path = "../../../src/subscriber/writer.rs"]
mod writer;

use super::base::{SipKey, Time};
use super::ident::{Identity, Imsi, Msisdn};
use core::net::SocketAddr;
pub use memory::PageSize;
pub use record::{AccessKind, AccessNetworkInfo, Binding, Record, SubscriberId};
pub use table::{Key, Reader, Subscriber, Table};
pub use words::{Holder, LastMo};
pub use writer::{Refused, TableConfig, Writer, table};

fn imsi(n: u64) -> Imsi {
    format!("26201{n:010}").parse().expect("an IMSI")
}

fn msisdn(n: u64) -> Msisdn {
    format!("49170{n:07}").parse().expect("a number")
}

/// Subscriber `n`, whose binding says in several places which version of it this is.
fn record(n: u64, version: u64) -> Record {
    let text = |text: String| Identity::new(text.as_bytes()).expect("an identity");
    let address = SocketAddr::from(([10, 0, 0, n as u8], 5060 + version as u16));
    let binding = Binding {
        access: AccessKind::Direct,
        priority: version as u8,
        contact: text(format!("sip:{n}@{version}.example")),
        remote: address,
        target: address,
        local: address,
        connection: None,
        network: version as u16,
        access_network_info: AccessNetworkInfo::EMPTY,
        fingerprint: version,
        registration: n,
        device: version,
        call: version,
        sequence: version as u32,
    };
    let identities = [text(format!("sip:+{}@home", msisdn(n))), text(format!("sip:name{n}@home"))];
    Record::new(Some(imsi(n)), Some(msisdn(n)), None, &identities, &[binding]).expect("a record")
}

fn config(subscribers: usize, readers: usize) -> TableConfig {
    let key = SipKey::new([7; 16]);
    TableConfig { subscribers, identities: 2, details: 2, addresses: 2, readers, key }
}

use index::Index;
use loom::thread;
use std::sync::Arc;

/// Tries all orders in which a thread is interrupted so many times.
fn model(interruptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(interruptions);
    builder.max_branches = 20_000;
    builder.check(run);
}

/// A key that is there is found, wherever its bucket sends it, while others come and go in the same buckets.
pub fn a_key_that_is_there_is_found() {
    model(3, || {
        let index = Arc::new(Index::new(2, 8));
        let hash = 5 << 32 | 77;
        // One stands in its first home, the other one had to go elsewhere.
        assert!(index.insert(hash, 1) && index.insert(hash, 2));
        let readers = [1, 2].map(|wanted| {
            let index = index.clone();
            thread::spawn(move || {
                assert_eq!(index.find(hash, |it| (it == wanted).then_some(it)), Some(wanted));
            })
        });
        assert!(index.insert(hash, 3));
        index.remove(&[hash], 3);
        for reader in readers {
            reader.join().expect("it finds what is there");
        }
        index.replace(hash, 2, 4);
        assert_eq!(index.find(hash, |it| (it == 4).then_some(it)), Some(4));
    });
}

/// What a reader finds is whole, of one version, and stays so until it says that it holds nothing.
fn look(reader: &Reader) {
    let found = reader.by_msisdn(msisdn(1)).expect("he is there throughout");
    let binding = found.record().binding(0).expect("a binding");
    let version = binding.fingerprint;
    assert!(version < 3);
    assert_eq!(Some(Binding { sequence: version as u32, ..binding }), record(1, version).binding(0));
}

/// Records are replaced, places used again, and no reader sees a torn one.
pub fn a_record_is_whole_until_the_reader_lets_go() {
    model(1, || {
        let (mut writer, readers) = table(&config(1, 2));
        writer.register(record(1, 0), &[Some(Time::NEVER)]).expect("room");
        let readers = readers.into_iter().map(|mut reader| {
            thread::spawn(move || {
                look(&reader);
                reader.quiescent();
                look(&reader);
            })
        });
        let readers: Vec<_> = readers.collect();
        for version in 1..3 {
            // With readers that have not let go there may be no room.
            let _ = writer.register(record(1, version), &[Some(Time::NEVER)]);
            writer.reclaim();
        }
        readers.into_iter().for_each(|reader| reader.join().expect("what it finds is whole"));
    });
}

/// By his name too he is found whole, while his record is replaced.
pub fn a_place_leads_to_a_whole_record() {
    model(2, || {
        let (mut writer, mut readers) = table(&config(1, 1));
        let id = writer.register(record(1, 0), &[Some(Time::NEVER)]).expect("room");
        let reader = readers.remove(0);
        let reading = thread::spawn(move || {
            let found = reader.get(id).expect("he is there throughout").record().binding(0);
            let version = found.expect("a binding").fingerprint;
            assert_eq!(found, record(1, version).binding(0));
        });
        writer.register(record(1, 1), &[Some(Time::NEVER)]).expect("room");
        reading.join().expect("what it finds is whole");
    });
}

/// What stands where an entry leads. Loom sees whether whoever looks at it and whoever writes it again are in order.
struct Held(loom::cell::UnsafeCell<()>);

// SAFETY: nothing is in it; that it is not looked at and written at one time is what the model is for.
unsafe impl Sync for Held {}

/// Whatever readers looked at is written again only after they have let go of it, and can't find it any more.
pub fn nothing_is_written_before_readers_let_go() {
    model(3, || {
        let (index, epochs) = (Arc::new(Index::new(2, 8)), Arc::new(reclaim::Epochs::new(2)));
        let held = Arc::new([0, 1].map(|_| Held(loom::cell::UnsafeCell::new(()))));
        let hash = 5 << 32 | 77;
        assert!(index.insert(hash, 0));
        let readers = [0, 1].map(|reader| {
            let (index, epochs, held) = (index.clone(), epochs.clone(), held.clone());
            thread::spawn(move || {
                for _ in 0..2 - reader {
                    let found = index.find(hash, Some).expect("it is there throughout");
                    held[found as usize].0.with(|_| ());
                    epochs.quiescent(reader);
                }
            })
        });
        held[1].0.with_mut(|_| ());
        index.replace(hash, 0, 1);
        let epoch = epochs.advance();
        if epochs.passed() >= epoch {
            held[0].0.with_mut(|_| ());
        }
        readers.into_iter().for_each(|reader| reader.join().expect("nobody is disturbed"));
    });
}

/// A worker extends a binding while its record is replaced: it has done so, or knows that it has not.
pub fn an_extension_is_not_lost() {
    model(2, || {
        let (first, second) = (Time::from_millis(1), Time::from_millis(2));
        let (mut writer, readers) = table(&config(1, 2));
        let id = writer.register(record(1, 0), &[Some(first)]).expect("room");
        let readers = readers.into_iter().zip([second, Time::from_millis(3)]).map(|(reader, until)| {
            thread::spawn(move || {
                reader.get(id).is_some_and(|it| it.extend(0, first, until)).then_some(until)
            })
        });
        let readers: Vec<_> = readers.collect();
        writer.register(record(1, 0), &[None]).expect("room");
        let extended: Vec<_> =
            readers.into_iter().filter_map(|reader| reader.join().expect("no panic")).collect();
        assert!(extended.len() < 2, "both expected the same");
        let kept = writer.get(id).expect("he is there").expiry(0);
        assert_eq!(kept, extended.first().copied().unwrap_or(first));
    });
}

/// One of two that want the subscriber has him.
pub fn one_holder_at_a_time() {
    model(3, || {
        let (mut writer, readers) = table(&config(1, 2));
        let id = writer.register(record(1, 0), &[None]).expect("room");
        let readers: Vec<_> = readers
            .into_iter()
            .zip(0..)
            .map(|(reader, number)| {
                let holder = Holder { worker: super::ident::WorkerId(number), slot: 1, generation: 1 };
                thread::spawn(move || reader.get(id).is_some_and(|it| it.begin_mt(holder).is_ok()))
            })
            .collect();
        let won = readers.into_iter().map(|it| usize::from(it.join().expect("no panic"))).sum::<usize>();
        assert_eq!(won, 1);
    });
}
