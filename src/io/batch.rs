//! A burst of frames on its way from or to a port, of fixed capacity.

use super::Frame;

/// The most frames that one receive burst yields.
pub const BURST: usize = 32;

/// A queue of at most 64 frames, oldest first, without allocation.
pub struct Batch {
    slots: [Option<Frame>; Self::CAPACITY],
    /// The oldest frame's slot.
    head: usize,
    len: usize,
}

impl Batch {
    /// The most frames it holds; a power of two.
    pub const CAPACITY: usize = 64;
    const MASK: usize = Self::CAPACITY - 1;

    /// Without frames.
    #[must_use]
    pub const fn new() -> Self {
        Self { slots: [const { None }; Self::CAPACITY], head: 0, len: 0 }
    }

    /// How many frames it holds.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many more it takes.
    #[must_use]
    #[inline]
    pub const fn room(&self) -> usize {
        Self::CAPACITY - self.len
    }

    /// Appends a frame, or gives it back when full.
    #[inline]
    pub fn push(&mut self, frame: Frame) -> Result<(), Frame> {
        if self.len == Self::CAPACITY {
            return Err(frame);
        }
        self.slots[(self.head + self.len) & Self::MASK] = Some(frame);
        self.len += 1;
        Ok(())
    }

    /// Takes the oldest frame.
    #[inline]
    pub fn pop(&mut self) -> Option<Frame> {
        let frame = self.slots[self.head].take()?;
        self.head = (self.head + 1) & Self::MASK;
        self.len -= 1;
        Some(frame)
    }

    /// Puts back what [`Batch::pop`] just took.
    #[inline]
    pub(super) fn put_back(&mut self, frame: Frame) {
        debug_assert!(self.len < Self::CAPACITY, "put back more than was taken");
        self.head = self.head.wrapping_sub(1) & Self::MASK;
        self.slots[self.head] = Some(frame);
        self.len += 1;
    }

    /// The frames, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Frame> {
        (0..self.len).filter_map(|at| self.slots[(self.head + at) & Self::MASK].as_ref())
    }

    /// Frees all frames.
    pub fn clear(&mut self) {
        while self.pop().is_some() {}
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::Pool;
    use super::*;

    fn numbered(pool: &Pool, number: usize) -> Frame {
        let mut frame = pool.alloc().unwrap();
        assert!(frame.copy_from(&[number as u8]));
        frame
    }

    #[test]
    fn keeps_order_around_its_end_and_refuses_when_full() {
        let pool = Pool::new(2 * Batch::CAPACITY);
        let mut batch = Batch::default();
        for number in 0..40 {
            batch.push(numbered(&pool, number)).unwrap();
        }
        for number in 0..30 {
            assert_eq!(batch.pop().unwrap().bytes(), [number]);
        }
        while batch.room() > 0 {
            batch.push(numbered(&pool, 30 + batch.len())).unwrap();
        }
        assert!(batch.push(numbered(&pool, 99)).is_err());
        assert_eq!((batch.len(), pool.available()), (64, 64));
        let order: Vec<u8> = batch.iter().map(|frame| frame.bytes()[0]).collect();
        assert_eq!(order, (30..94).collect::<Vec<u8>>());

        let first = batch.pop().unwrap();
        batch.put_back(first);
        assert_eq!(batch.pop().unwrap().bytes(), [30]);
        batch.clear();
        assert!(batch.is_empty() && batch.pop().is_none());
        assert_eq!(pool.available(), 128);
    }
}
