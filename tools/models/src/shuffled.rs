//! The whole table under shuttle: a writer and two readers, in orders that chance chooses.

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
#[path = "sync_shuffled.rs"]
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

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

const CROWD: u64 = 3;

fn look(reader: &Reader) {
    let n = thread_rng().gen_range(0..CROWD);
    let name = format!("sip:name{n}@home");
    let number = format!("sip:+{}@home", msisdn(n));
    let key = match thread_rng().gen_range(0..4) {
        0 => Key::Msisdn(msisdn(n)),
        1 => Key::Imsi(imsi(n)),
        2 => Key::Identity(name.as_bytes()),
        _ => Key::Identity(number.as_bytes()),
    };
    let mut found = [None];
    if thread_rng().gen_range(0..2) == 0 {
        reader.find_many(&[key], &mut found);
    } else {
        found = [reader.find(key)];
    }
    // The first is there throughout, whatever happens to the others.
    assert!(found[0].is_some() || n > 0, "{key:?}");
    if let Some(found) = found[0] {
        let version = found.record().binding(0).expect("a binding").fingerprint;
        assert_eq!(found.record().to_record(), record(n, version));
        let until = found.expiry(0);
        let _ = found.extend(0, until, Time::from_nanos(until.as_nanos() + 1));
    }
}

/// Readers find whole records by every key, those who are there always, and the table is whole in the end.
pub fn readers_and_the_writer(orders: usize) {
    let run = || {
        let room = TableConfig { identities: 4, details: 4, addresses: 4, ..config(CROWD as usize, 2) };
        let (mut writer, readers) = table(&room);
        writer.register(record(0, 0), &[Some(Time::from_nanos(1))]).expect("room");
        let readers: Vec<_> = readers
            .into_iter()
            .map(|mut reader| {
                thread::spawn(move || {
                    for _ in 0..4 {
                        look(&reader);
                        reader.quiescent();
                    }
                })
            })
            .collect();
        for _ in 0..6 {
            let n = thread_rng().gen_range(0..CROWD);
            let present = writer.by_imsi(imsi(n)).map(|found| found.id());
            match present {
                Some(id) if n > 0 && thread_rng().gen_range(0..2) == 0 => assert!(writer.deregister(id)),
                _ => {
                    // Readers may keep what would make room.
                    let _ = writer.register(record(n, thread_rng().gen_range(0..5)), &[None]);
                }
            }
        }
        readers.into_iter().for_each(|reader| reader.join().expect("what it finds is whole"));
        writer.assert_invariants();
        writer.reclaim();
        assert_eq!(writer.unreclaimed(), 0);
    };
    shuttle::check_random(run, orders / 2);
    shuttle::check_pct(run, orders / 2, 3);
}
