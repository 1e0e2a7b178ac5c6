//! What a run has been, in one number: two runs are the same if their traces are.

use crate::base::Time;

/// A hash of every frame with its time and place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Trace {
    hash: u64,
    /// How many frames were sent and received.
    pub frames: u64,
}

impl Trace {
    /// A frame that a link takes from its node, or brings to the `queue` of its port.
    pub(super) fn add(&mut self, now: Time, link: usize, queue: usize, bytes: &[u8]) {
        self.frames += 1;
        let (words, rest) = bytes.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        for word in [now.as_nanos(), link as u64, queue as u64, bytes.len() as u64] {
            self.word(word);
        }
        for word in words.iter().chain([&last]) {
            self.word(u64::from_le_bytes(*word));
        }
    }

    fn word(&mut self, word: u64) {
        self.hash = (self.hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}
