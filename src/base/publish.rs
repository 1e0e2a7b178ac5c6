//! Counters and levels as a worker shows them to the slow path: one pass of relaxed stores, and no lock.

use super::{Counts, Layer, MalformedCounts};
use core::net::{IpAddr, Ipv6Addr};
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// Something with numbers to show. It must show the same ones in the same order each time.
pub trait Shown {
    /// Shows every number to `to`.
    fn show(&self, to: &mut dyn Show);
}

/// Nothing to show.
impl Shown for () {
    fn show(&self, _: &mut dyn Show) {}
}

/// Who the numbers are shown to: what learns their names at start, and what stores their values afterwards.
pub trait Show {
    /// Shows one number. `object` is the association, port or worker that it is about, or `""`.
    fn number(&mut self, about: &About<'_>, value: u64);

    /// Shows a group of counters, of a layer or the like.
    fn counts(&mut self, group: &'static str, object: &str, counts: &dyn Counts) {
        counts.each(&mut |name, help, value| {
            self.number(&About { group, object, name, help, kind: Kind::Counter }, value);
        });
    }

    /// Shows something that goes up and down between 0 and `capacity` (0: without bound).
    fn level(&mut self, about: (&'static str, &str, &'static str, &'static str), value: u64, capacity: u64) {
        let (group, object, name, help) = about;
        self.number(&About { group, object, name, help, kind: Kind::Level { capacity } }, value);
    }

    /// Shows which of `states` something is in.
    fn state(
        &mut self,
        about: (&'static str, &str, &'static str, &'static str),
        state: usize,
        states: States,
    ) {
        let (group, object, name, help) = about;
        self.number(&About { group, object, name, help, kind: Kind::State(states) }, state as u64);
    }

    /// Shows an address, in two words: see [`address`].
    fn address(
        &mut self,
        group: &'static str,
        object: &str,
        [high, low]: [&'static str; 2],
        address: Option<IpAddr>,
    ) {
        let number = address.map_or(0, |address| match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        });
        for (name, word) in [(high, (number >> 64) as u64), (low, number as u64)] {
            self.number(&About { group, object, name, help: "", kind: Kind::Word }, word);
        }
    }

    /// Shows what was refused as malformed, added up over `counts`; `why` holds each layer's `WHY` table.
    fn malformed(&mut self, counts: &[&MalformedCounts], why: &[&'static [&'static str]; Layer::COUNT]) {
        for (layer, reasons) in Layer::ALL.into_iter().zip(why) {
            for (number, name) in reasons.iter().enumerate().take(64) {
                let about = About {
                    group: Layer::NAMES[layer as usize],
                    object: "",
                    name,
                    help: "",
                    kind: Kind::Malformed,
                };
                self.number(&about, counts.iter().map(|counts| counts.get(layer, number as u8)).sum());
            }
        }
    }
}

/// The address whose words these are; none if both are 0.
#[must_use]
pub fn address(high: u64, low: u64) -> Option<IpAddr> {
    let number = u128::from(high) << 64 | u128::from(low);
    (number != 0).then(|| Ipv6Addr::from_bits(number).to_canonical())
}

/// Names of the states that something can be in, by number.
pub type States = &'static [&'static str];

/// What a number is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The layer, or the like.
    pub group: &'static str,
    /// The association, port or the like; empty if the group is about the whole worker.
    pub object: &'a str,
    /// The number's name.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// How it behaves.
    pub kind: Kind,
}

/// How a number behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It only grows; the name is the reason why `group` refused bytes.
    Malformed,
    /// It goes up and down.
    Level {
        /// The most it can be; 0 without bound.
        capacity: u64,
    },
    /// It is the number of a state.
    State(States),
    /// A word of something that is no number, such as half of an address: who knows what it is puts it together.
    Word,
}

/// A number that somebody publishes.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The layer, or the like.
    pub group: &'static str,
    /// The association, port or the like, or empty.
    pub object: String,
    /// The number's name.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// How it behaves.
    pub kind: Kind,
}

/// The writing end, for the one who has the numbers.
pub struct Publisher {
    slots: Arc<[AtomicU64]>,
}

/// The reading end.
#[derive(Clone)]
pub struct Published {
    entries: Arc<[Entry]>,
    slots: Arc<[AtomicU64]>,
}

/// Places for the numbers of `shown`, whose names and order are learnt from it now.
#[must_use]
pub fn publish(shown: &dyn Shown) -> (Publisher, Published) {
    struct Learn(Vec<Entry>, Vec<AtomicU64>);
    impl Show for Learn {
        fn number(&mut self, about: &About<'_>, value: u64) {
            let &About { group, object, name, help, kind } = about;
            self.0.push(Entry { group, object: object.into(), name, help, kind });
            self.1.push(AtomicU64::new(value));
        }
    }
    let mut learn = Learn(vec![], vec![]);
    shown.show(&mut learn);
    let (entries, slots) = (learn.0.into(), Arc::<[AtomicU64]>::from(learn.1));
    (Publisher { slots: slots.clone() }, Published { entries, slots })
}

impl Publisher {
    /// Publishes the present numbers of `shown`, which must be what the publisher was made for. No allocation, no lock,
    /// no read-modify-write: a relaxed store for each number.
    pub fn publish(&mut self, shown: &dyn Shown) {
        struct Store<'s>(core::slice::Iter<'s, AtomicU64>);
        impl Show for Store<'_> {
            fn number(&mut self, _: &About<'_>, value: u64) {
                if let Some(slot) = self.0.next() {
                    slot.store(value, Ordering::Relaxed);
                }
            }
        }
        shown.show(&mut Store(self.slots.iter()));
    }
}

impl Published {
    /// Every number with its present value. Two numbers read together may be one pass of the publisher apart.
    pub fn read(&self) -> impl Iterator<Item = (&Entry, u64)> {
        self.entries.iter().zip(self.slots.iter().map(|slot| slot.load(Ordering::Relaxed)))
    }

    /// The number called `name` in `group`, of the whole publisher.
    #[must_use]
    pub fn get(&self, group: &str, name: &str) -> Option<u64> {
        let about = |entry: &Entry| entry.group == group && entry.name == name && entry.object.is_empty();
        self.read().find_map(|(entry, value)| about(entry).then_some(value))
    }
}

#[cfg(test)]
#[allow(unreachable_pub)] // `counts!` makes public structs
mod tests {
    use super::super::{Malformed, counts};
    use super::*;

    counts! {
        /// For the test.
        pub struct Traffic {
            /// In.
            received,
            /// Out.
            sent,
        }
    }

    #[derive(Default)]
    struct Worker {
        traffic: Traffic,
        queue: u64,
        state: usize,
        malformed: MalformedCounts,
    }

    const WHY: [&[&str]; Layer::COUNT] = [&["short", "long"], &[], &[], &[], &[], &[], &[], &[], &["spare"]];

    impl Shown for Worker {
        fn show(&self, to: &mut dyn Show) {
            to.counts("link", "", &self.traffic);
            to.level(("worker", "", "queue", "Waiting."), self.queue, 16);
            to.state(("association", "sg1", "state", "Its state."), self.state, &["closed", "up"]);
            to.malformed(&[&self.malformed], &WHY);
        }
    }

    #[test]
    fn what_is_published_is_read_under_its_name() {
        let mut worker = Worker::default();
        let (mut publisher, published) = publish(&worker);
        assert_eq!(published.read().count(), 7);
        assert!(published.read().all(|(_, value)| value == 0));
        worker.traffic.sent = 5;
        worker.queue = 3;
        worker.state = 1;
        worker.malformed.add(Malformed::new(Layer::Tpdu, 0, 9));
        assert_eq!(published.get("link", "sent"), Some(0), "not before it is published");
        publisher.publish(&worker);
        let read: Vec<_> = published.read().map(|(entry, value)| (entry.group, entry.name, value)).collect();
        assert_eq!(
            read,
            [
                ("link", "received", 0),
                ("link", "sent", 5),
                ("worker", "queue", 3),
                ("association", "state", 1),
                ("link", "short", 0),
                ("link", "long", 0),
                ("tpdu", "spare", 1),
            ]
        );
        assert_eq!(published.get("worker", "queue"), Some(3));
        assert_eq!(published.get("association", "state"), None, "it is an association's");
    }
}
