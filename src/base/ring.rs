//! A bounded ring from one producer to one consumer, without locks.
#![allow(unsafe_code)] // the two ends share the slots; the head and tail counters say whose each slot is

use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

#[repr(align(128))]
struct Aligned<T>(T);

struct Shared<T> {
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    mask: usize,
    /// Next slot to read; written by the consumer alone.
    head: Aligned<AtomicUsize>,
    /// Next slot to write; written by the producer alone.
    tail: Aligned<AtomicUsize>,
}

// SAFETY: a slot is touched by one side at a time: the producer owns [tail, head + capacity), the consumer
// [head, tail), and each side passes slots on with a release store that the other reads with acquire.
unsafe impl<T: Send> Sync for Shared<T> {}

/// The writing end; it can move to another thread but not be shared.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
    head: Cell<usize>,
}

/// The reading end; it can move to another thread but not be shared.
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
    tail: Cell<usize>,
}

/// A ring of `capacity` items, rounded up to a power of two.
#[must_use]
pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let capacity = capacity.next_power_of_two();
    let shared = Arc::new(Shared {
        slots: (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
        mask: capacity - 1,
        head: Aligned(AtomicUsize::new(0)),
        tail: Aligned(AtomicUsize::new(0)),
    });
    (Producer { shared: shared.clone(), head: Cell::new(0) }, Consumer { shared, tail: Cell::new(0) })
}

impl<T: Send> Producer<T> {
    /// Appends `item`, or gives it back when the ring is full.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let shared = &*self.shared;
        let tail = shared.tail.0.load(Ordering::Relaxed);
        if tail.wrapping_sub(self.head.get()) > shared.mask {
            self.head.set(shared.head.0.load(Ordering::Acquire));
            if tail.wrapping_sub(self.head.get()) > shared.mask {
                return Err(item);
            }
        }
        // SAFETY: the slot at `tail` is the producer's, since tail - head <= mask; nobody else writes or reads it.
        unsafe { (*shared.slots[tail & shared.mask].get()).write(item) };
        shared.tail.0.store(tail.wrapping_add(1), Ordering::Release);
        Ok(())
    }

    /// Whether there is no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let tail = self.shared.tail.0.load(Ordering::Relaxed);
        tail.wrapping_sub(self.shared.head.0.load(Ordering::Acquire)) > self.shared.mask
    }

    /// Whether the reading end is gone.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        Arc::strong_count(&self.shared) == 1
    }
}

impl<T: Send> Consumer<T> {
    /// Whether the writing end is gone. What it wrote before is still there.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        Arc::strong_count(&self.shared) == 1
    }

    /// Takes the oldest item.
    pub fn pop(&mut self) -> Option<T> {
        let shared = &*self.shared;
        let head = shared.head.0.load(Ordering::Relaxed);
        if head == self.tail.get() {
            self.tail.set(shared.tail.0.load(Ordering::Acquire));
            if head == self.tail.get() {
                return None;
            }
        }
        // SAFETY: head < tail, so the producer has written this slot and passed it on; it is read once.
        let item = unsafe { (*shared.slots[head & shared.mask].get()).assume_init_read() };
        shared.head.0.store(head.wrapping_add(1), Ordering::Release);
        Some(item)
    }

    /// How many items wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.tail.0.load(Ordering::Acquire).wrapping_sub(self.shared.head.0.load(Ordering::Relaxed))
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let tail = *self.tail.0.get_mut();
        let mut head = *self.head.0.get_mut();
        while head != tail {
            // SAFETY: both ends are gone; the slots in [head, tail) hold items that nobody has read.
            unsafe { self.slots[head & self.mask].get_mut().assume_init_drop() };
            head = head.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_refuses_when_full_and_drops_what_is_left() {
        let (mut tx, mut rx) = ring(4);
        let item = Arc::new(());
        for _ in 0..4 {
            tx.push(item.clone()).unwrap();
        }
        assert!(tx.push(item.clone()).is_err());
        assert_eq!(rx.len(), 4);
        assert!(rx.pop().is_some());
        tx.push(item.clone()).unwrap();
        drop((tx, rx));
        assert_eq!(Arc::strong_count(&item), 1);
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // a test of two threads needs the second one
    fn two_threads_pass_everything_in_order() {
        let (mut tx, mut rx) = ring(64);
        const COUNT: u64 = 200_000;
        let producer = std::thread::spawn(move || {
            for mut item in 0..COUNT {
                while let Err(back) = tx.push(item) {
                    item = back;
                    std::thread::yield_now();
                }
            }
        });
        let mut expected = 0;
        while expected < COUNT {
            match rx.pop() {
                Some(item) => {
                    assert_eq!(item, expected);
                    expected += 1;
                }
                None => std::thread::yield_now(),
            }
        }
        producer.join().unwrap();
        assert!(rx.is_empty());
    }
}
