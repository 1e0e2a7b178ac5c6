//! The last messages of subscribers, each way, as far as workers have told of their ends: for operators alone. Memory is
//! bounded: of those who have not had any for long nothing is known.

use crate::base::{Consumer, Time};
use crate::gateway::cause::{DEREGISTERED, Failure};
use crate::gateway::charging::End;
use crate::gateway::endings::Ending;
use crate::ident::Imsi;
use ahash::AHashMap;
use std::collections::VecDeque;

/// Messages that are kept of one subscriber, each way.
const KEPT: usize = 3;
/// Subscribers of whom some are kept.
const MOST: usize = 65_536;

/// The newest ends of one way, the newest first.
type Ends = [Option<(Time, End)>; KEPT];

/// The last messages of one subscriber.
#[derive(Clone, Copy, Default)]
pub(super) struct Last {
    /// What it has sent.
    pub(super) submitted: Ends,
    /// What was for it.
    pub(super) delivered: Ends,
    /// Whether it has had one since it was looked at for its age.
    is_young: bool,
}

/// What is kept of all.
#[derive(Default)]
pub(super) struct History {
    rings: Vec<Consumer<Ending>>,
    last: AHashMap<Imsi, Last>,
    /// Everybody in `last`, those in front who go first.
    order: VecDeque<Imsi>,
}

impl History {
    pub(super) fn new(rings: Vec<Consumer<Ending>>) -> Self {
        Self { rings, ..Self::default() }
    }

    /// Takes what the workers have told since; `absent` is told for whom something has come who was not registered then.
    pub(super) fn take(&mut self, absent: &mut dyn FnMut(Imsi)) {
        let Self { rings, last, order } = self;
        for ring in rings {
            // No more than were there at first: a busy worker goes on telling.
            for _ in 0..ring.len() {
                let Some(ending) = ring.pop() else { break };
                add(last, order, &ending);
                if ending.end == End::Delivered(Some(Failure::Absent(DEREGISTERED))) {
                    absent(ending.imsi);
                }
            }
        }
    }

    /// What is kept of a subscriber.
    pub(super) fn of(&self, imsi: Imsi) -> Option<&Last> {
        self.last.get(&imsi)
    }

    /// How many subscribers something is kept of.
    pub(super) fn len(&self) -> usize {
        self.last.len()
    }
}

fn add(last: &mut AHashMap<Imsi, Last>, order: &mut VecDeque<Imsi>, ending: &Ending) {
    if !last.contains_key(&ending.imsi) {
        make_room(last, order);
        order.push_back(ending.imsi);
    }
    let of = last.entry(ending.imsi).or_default();
    let ends = match ending.end {
        End::Submitted { .. } => &mut of.submitted,
        End::Delivered(_) => &mut of.delivered,
    };
    ends.rotate_right(1);
    ends[0] = Some((ending.at, ending.end));
    of.is_young = true;
}

/// Whoever has had no message for a whole round goes.
fn make_room(last: &mut AHashMap<Imsi, Last>, order: &mut VecDeque<Imsi>) {
    while last.len() >= MOST
        && let Some(oldest) = order.pop_front()
    {
        match last.get_mut(&oldest) {
            Some(of) if of.is_young => {
                of.is_young = false;
                order.push_back(oldest);
            }
            _ => drop(last.remove(&oldest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ring;
    use crate::gateway::cause::Failure;

    fn imsi(number: usize) -> Imsi {
        format!("26201{number:010}").parse().unwrap()
    }

    fn delivered(at: u64, number: usize, failure: Option<Failure>) -> Ending {
        Ending { at: Time::from_millis(at), imsi: imsi(number), end: End::Delivered(failure) }
    }

    #[test]
    fn the_newest_of_each_way_are_kept_newest_first() {
        let (mut one, of_one) = ring(8);
        let (mut two, of_two) = ring(8);
        let mut history = History::new(vec![of_one, of_two]);
        for at in 1..=4 {
            one.push(delivered(at, 7, (at == 4).then_some(Failure::Busy))).unwrap();
        }
        let end = End::Submitted { cause: Some(38), is_told: true };
        two.push(Ending { at: Time::from_millis(9), imsi: imsi(7), end }).unwrap();
        assert!(history.of(imsi(7)).is_none());
        history.take(&mut |_| {});
        let last = history.of(imsi(7)).unwrap();
        let ends = last.delivered.map(|it| it.unwrap());
        assert_eq!(ends[0], (Time::from_millis(4), End::Delivered(Some(Failure::Busy))));
        assert_eq!([ends[1].0, ends[2].0], [3, 2].map(Time::from_millis));
        assert_eq!(last.submitted, [Some((Time::from_millis(9), end)), None, None]);
        assert!(history.of(imsi(8)).is_none());
    }

    #[test]
    fn who_has_had_none_for_long_makes_room() {
        let (mut worker, ring) = ring(2 * MOST);
        let mut history = History::new(vec![ring]);
        for number in 0..MOST {
            worker.push(delivered(1, number, None)).unwrap();
        }
        history.take(&mut |_| {});
        // A first newcomer finds all of them young, and the round makes them old: the first in order goes.
        worker.push(delivered(2, MOST, None)).unwrap();
        worker.push(delivered(3, 1, None)).unwrap();
        worker.push(delivered(4, MOST + 1, None)).unwrap();
        history.take(&mut |_| {});
        assert_eq!((history.len(), history.order.len()), (MOST, MOST));
        assert!(history.of(imsi(0)).is_none() && history.of(imsi(2)).is_none());
        assert!(history.of(imsi(1)).is_some(), "it has had one meanwhile");
        assert!(history.of(imsi(MOST)).is_some() && history.of(imsi(MOST + 1)).is_some());
    }
}
