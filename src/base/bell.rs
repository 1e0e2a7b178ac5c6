//! Wakes a sleeping thread from one that must not wait: a flag, and a call only when somebody sleeps.

use core::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::Arc;

/// Rung by whoever has put something into a ring whose reader may sleep.
#[derive(Clone)]
pub struct Bell {
    asleep: Arc<AtomicBool>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Bell {
    /// A bell that calls `wake`, at most once for each sleep.
    #[must_use]
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { asleep: Arc::new(AtomicBool::new(false)), wake: Arc::new(wake) }
    }

    /// Called after something was put into the ring: wakes the reader if it sleeps.
    pub fn ring(&self) {
        // With the fence in `sleep`: either the reader sees what was put, or this sees that it sleeps.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            (self.wake)();
        }
    }

    /// Called by the reader before it sleeps. It must then look into the ring once more.
    pub fn sleep(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicU32;

    #[test]
    fn it_wakes_once_a_sleep() {
        let woken = Arc::new(AtomicU32::new(0));
        let bell = Bell::new({
            let woken = woken.clone();
            move || {
                woken.fetch_add(1, Ordering::Relaxed);
            }
        });
        bell.ring();
        assert_eq!(woken.load(Ordering::Relaxed), 0, "nobody sleeps");
        bell.sleep();
        bell.clone().ring();
        bell.ring();
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        bell.sleep();
        bell.ring();
        assert_eq!(woken.load(Ordering::Relaxed), 2);
    }
}
