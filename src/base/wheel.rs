//! A hashed timer wheel of fixed size: timers are armed and cancelled in constant time and without allocation.

use super::Time;

/// Width of a slot: 2^20 ns, about a millisecond.
const TICK_SHIFT: u32 = 20;
const SLOTS: usize = 4096;
const NIL: u32 = u32::MAX;

/// Names an armed timer; stale once it has fired or was cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimerId {
    node: u32,
    generation: u32,
}

struct Node<T> {
    deadline: Time,
    generation: u32,
    previous: u32,
    next: u32,
    /// The list the node is in: a slot of the wheel, or `SLOTS` for the due list; `NIL` when free.
    list: u32,
    item: Option<T>,
}

/// Timers that carry a `T` each. A timer never fires early; it fires at the first [`Wheel::poll`] after its deadline.
pub struct Wheel<T> {
    nodes: Vec<Node<T>>,
    free: u32,
    heads: Vec<u32>,
    due_tail: u32,
    tick: u64,
    armed: usize,
}

impl<T> Wheel<T> {
    /// A wheel for at most `capacity` armed timers.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let nodes = (0..capacity)
            .map(|at| Node {
                deadline: Time::ZERO,
                generation: 0,
                previous: NIL,
                next: if at + 1 < capacity { at as u32 + 1 } else { NIL },
                list: NIL,
                item: None,
            })
            .collect();
        Self {
            nodes,
            free: if capacity > 0 { 0 } else { NIL },
            heads: vec![NIL; SLOTS + 1],
            due_tail: NIL,
            tick: 0,
            armed: 0,
        }
    }

    /// How many timers are armed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.armed
    }

    /// Whether no timer is armed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.armed == 0
    }

    /// Arms a timer, or gives the item back when the wheel is full.
    pub fn insert(&mut self, deadline: Time, item: T) -> Result<TimerId, T> {
        let at = self.free;
        if at == NIL {
            return Err(item);
        }
        let tick = (deadline.as_nanos() >> TICK_SHIFT).max(self.tick);
        let node = &mut self.nodes[at as usize];
        self.free = node.next;
        node.deadline = deadline;
        node.item = Some(item);
        let generation = node.generation;
        self.link(at, tick as usize % SLOTS);
        self.armed += 1;
        Ok(TimerId { node: at, generation })
    }

    /// Cancels a timer and gives its item back, or `None` if it is stale.
    pub fn cancel(&mut self, id: TimerId) -> Option<T> {
        let node = self.nodes.get(id.node as usize)?;
        if node.generation != id.generation || node.list == NIL {
            return None;
        }
        self.unlink(id.node);
        self.release(id.node)
    }

    /// Takes the next timer whose deadline has passed, or `None`. Call until `None`. Timers come in the order of
    /// their deadlines, to about a millisecond, unless the last call is more than four seconds ago.
    pub fn poll(&mut self, now: Time) -> Option<T> {
        let now_tick = now.as_nanos() >> TICK_SHIFT;
        loop {
            let due = self.heads[SLOTS];
            if due != NIL {
                self.unlink(due);
                return self.release(due);
            }
            if self.armed == 0 {
                self.tick = now_tick;
                return None;
            }
            self.collect(now);
            if self.heads[SLOTS] != NIL {
                continue;
            }
            if self.tick >= now_tick {
                return None;
            }
            // After a long gap one lap visits every slot; more laps would only repeat it.
            self.tick = (self.tick + 1).max(now_tick.saturating_sub(SLOTS as u64));
        }
    }

    /// Moves the due timers of the current slot to the due list, in the order they were armed.
    fn collect(&mut self, now: Time) {
        let slot = self.tick as usize % SLOTS;
        let mut at = self.heads[slot];
        let mut last = NIL;
        while at != NIL {
            last = at;
            at = self.nodes[at as usize].next;
        }
        // Lists grow at their head, so the tail is the oldest.
        while last != NIL {
            let previous = self.nodes[last as usize].previous;
            if self.nodes[last as usize].deadline <= now {
                self.unlink(last);
                self.append_due(last);
            }
            last = previous;
        }
    }

    /// The earliest deadline, by a walk over every armed timer: for simulations and for a worker about to sleep.
    #[must_use]
    pub fn next_deadline(&self) -> Time {
        // Places are given again as they come back, so those in use stand near the beginning.
        let armed = self.nodes.iter().filter(|node| node.list != NIL).take(self.armed);
        armed.map(|node| node.deadline).min().unwrap_or(Time::NEVER)
    }

    fn link(&mut self, at: u32, list: usize) {
        let head = self.heads[list];
        let node = &mut self.nodes[at as usize];
        node.previous = NIL;
        node.next = head;
        node.list = list as u32;
        if head != NIL {
            self.nodes[head as usize].previous = at;
        }
        self.heads[list] = at;
    }

    fn append_due(&mut self, at: u32) {
        let tail = self.due_tail;
        let node = &mut self.nodes[at as usize];
        node.list = SLOTS as u32;
        node.next = NIL;
        node.previous = tail;
        if tail == NIL {
            self.heads[SLOTS] = at;
        } else {
            self.nodes[tail as usize].next = at;
        }
        self.due_tail = at;
    }

    fn unlink(&mut self, at: u32) {
        let (previous, next, list) = {
            let node = &self.nodes[at as usize];
            (node.previous, node.next, node.list)
        };
        if previous == NIL {
            self.heads[list as usize] = next;
        } else {
            self.nodes[previous as usize].next = next;
        }
        if next != NIL {
            self.nodes[next as usize].previous = previous;
        } else if list == SLOTS as u32 {
            self.due_tail = previous;
        }
    }

    fn release(&mut self, at: u32) -> Option<T> {
        let node = &mut self.nodes[at as usize];
        node.generation = node.generation.wrapping_add(1);
        node.list = NIL;
        node.next = self.free;
        self.free = at;
        self.armed -= 1;
        node.item.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn drain(wheel: &mut Wheel<u32>, now: Time) -> Vec<u32> {
        std::iter::from_fn(|| wheel.poll(now)).collect()
    }

    #[test]
    fn fires_in_time_and_never_early() {
        let mut wheel = Wheel::new(8);
        let start = Time::from_millis(5);
        for (item, delay) in [(1, 10), (2, 500), (3, 32_000), (4, 10)] {
            wheel.insert(start + Duration::from_millis(delay), item).unwrap();
        }
        assert!(drain(&mut wheel, start + Duration::from_millis(9)).is_empty());
        assert_eq!(drain(&mut wheel, start + Duration::from_millis(10)), [1, 4]);
        assert!(drain(&mut wheel, start + Duration::from_millis(499)).is_empty());
        assert_eq!(wheel.next_deadline(), start + Duration::from_millis(500));
        let mut late = drain(&mut wheel, start + Duration::from_millis(40_000));
        late.sort_unstable();
        assert_eq!(late, [2, 3]);
        assert!(wheel.is_empty());
    }

    #[test]
    fn cancel_is_final_and_full_is_told() {
        let mut wheel = Wheel::new(1);
        let id = wheel.insert(Time::from_millis(1), 7).unwrap();
        assert_eq!(wheel.insert(Time::from_millis(1), 8), Err(8));
        assert_eq!(wheel.cancel(id), Some(7));
        assert_eq!(wheel.cancel(id), None);
        assert!(drain(&mut wheel, Time::from_millis(100)).is_empty());
        let again = wheel.insert(Time::from_millis(50), 9).unwrap();
        assert_ne!(id, again);
        assert_eq!(drain(&mut wheel, Time::from_millis(100)), [9]);
    }

    #[test]
    fn agrees_with_a_sorted_list_over_random_use() {
        let mut wheel = Wheel::new(1000);
        let mut model: Vec<(u64, u32, TimerId)> = Vec::new();
        let mut seed = 1u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % below
        };
        let mut now = 0u64;
        for item in 0..20_000u32 {
            match random(4) {
                0 | 1 if model.len() < 1000 => {
                    let deadline = now + random(9_000_000_000);
                    let id = wheel.insert(Time::from_nanos(deadline), item).unwrap();
                    model.push((deadline, item, id));
                }
                2 if !model.is_empty() => {
                    let (_, item, id) = model.swap_remove(random(model.len() as u64) as usize);
                    assert_eq!(wheel.cancel(id), Some(item));
                }
                _ => {
                    now += random(60_000_000);
                    let mut fired = drain(&mut wheel, Time::from_nanos(now));
                    fired.sort_unstable();
                    let mut due: Vec<u32> =
                        model.iter().filter(|(at, ..)| *at <= now).map(|&(_, item, _)| item).collect();
                    due.sort_unstable();
                    assert_eq!(fired, due);
                    model.retain(|(at, ..)| *at > now);
                }
            }
            assert_eq!(wheel.len(), model.len());
        }
    }
}
