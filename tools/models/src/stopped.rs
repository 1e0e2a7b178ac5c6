//! A writer that is stopped at each of its accesses, one after the other, and a reader that goes on.

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
#[path = "sync_stopped.rs"]
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

use core::cell::Cell;
use std::sync::mpsc::{Receiver, Sender, channel};

thread_local! {
    /// Accesses of this thread.
    static STEPS: Cell<usize> = const { Cell::new(0) };
    /// Where it stops.
    static STOP: Cell<Option<Stop>> = const { Cell::new(None) };
}

/// At which access a thread stops, whom it tells, and who lets it go on.
struct Stop(usize, Sender<()>, Receiver<()>);

/// An access is about to happen.
fn step() {
    let steps = STEPS.get() + 1;
    STEPS.set(steps);
    let Some(stop) = STOP.take() else { return };
    if stop.0 == steps {
        stop.1.send(()).expect("somebody waits for it");
        stop.2.recv().expect("it may go on");
    } else {
        STOP.set(Some(stop));
    }
}

/// What an update does; and who is there before it, and after.
type Update = (fn(&mut Writer), [bool; 3]);

/// All that the reader finds while the writer stands still: those who are there throughout by every key, whole; how many
/// accesses the longest look-up took.
fn look(reader: &Reader, throughout: [bool; 3]) -> usize {
    let mut most = 0;
    for (n, throughout) in (0..).zip(throughout) {
        let (name, number) = (format!("sip:name{n}@home"), format!("sip:+{}@home", msisdn(n)));
        let keys = [
            Key::Msisdn(msisdn(n)),
            Key::Imsi(imsi(n)),
            Key::Identity(name.as_bytes()),
            Key::Identity(number.as_bytes()),
        ];
        for key in keys {
            let before = STEPS.get();
            let found = reader.find(key);
            most = most.max(STEPS.get() - before);
            assert!(found.is_some() || !throughout, "{key:?}");
            if let Some(found) = found {
                let Some(binding) = found.record().binding(0) else { continue };
                assert_eq!(found.record().to_record(), record(n, binding.fingerprint));
            }
        }
    }
    most
}

/// Stops a writer at every access of every kind of update. Returns how many stops there were, and how many accesses the
/// longest look-up took.
pub fn a_stopped_writer_keeps_nobody_waiting() -> (usize, usize) {
    let updates: [Update; 4] = [
        (|writer| assert!(writer.register(record(2, 0), &[None]).is_ok()), [true, true, false]),
        (|writer| assert!(writer.register(record(1, 1), &[None]).is_ok()), [true, true, false]),
        (
            |writer| {
                let id = writer.by_imsi(imsi(1)).expect("he is there").id();
                assert!(writer.deregister(id));
            },
            [true, false, false],
        ),
        (
            |writer| {
                let id = writer.by_imsi(imsi(1)).expect("he is there").id();
                assert!(writer.remove_binding(id, 0));
            },
            [true, false, false],
        ),
    ];
    let (mut stops, mut most) = (0, 0);
    for (update, throughout) in updates {
        for at in 1.. {
            let (mut writer, readers) =
                table(&TableConfig { identities: 4, details: 4, addresses: 4, ..config(3, 1) });
            for n in 0..2 {
                writer.register(record(n, 0), &[Some(Time::NEVER)]).expect("room");
            }
            let ((told, tells), (go_on, waits)) = (channel(), channel());
            let writing = std::thread::spawn(move || {
                STEPS.set(0);
                STOP.set(Some(Stop(at, told, waits)));
                update(&mut writer);
                // If it did not come so far, whoever waits hears that nobody will stop.
                STOP.take();
                writer
            });
            let stopped = tells.recv().is_ok();
            if stopped {
                stops += 1;
                most = most.max(look(&readers[0], throughout));
                go_on.send(()).expect("it waits");
            }
            writing.join().expect("the update ends").assert_invariants();
            if !stopped {
                break;
            }
        }
    }
    (stops, most)
}
