//! A frame: an owned buffer of a pool, which goes back to the pool when dropped.

use core::ops::Range;

use super::memory::MemoryFrame;
use crate::base::HEADROOM;

/// The octets in a frame's buffer: room for a 1,500-octet packet with every header, and for any hand-off
/// between workers.
pub const ROOM: usize = 2048 + HEADROOM;

/// A buffer of at least 2,048 octets, of which a range is the frame's content.
///
/// It isn't `Clone`: whoever holds it owns it.
pub enum Frame {
    /// Of an in-memory pool.
    Memory(MemoryFrame),
    /// Of a DPDK mempool.
    #[cfg(feature = "dpdk")]
    Dpdk(super::dpdk::Mbuf),
}

macro_rules! either {
    ($self:ident, $frame:ident => $call:expr) => {
        match $self {
            Frame::Memory($frame) => $call,
            #[cfg(feature = "dpdk")]
            Frame::Dpdk($frame) => $call,
        }
    };
}

impl Frame {
    /// The content; of a received frame, from the Ethernet header, without the frame check sequence.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        either!(self, frame => frame.bytes())
    }

    /// The content, to be changed in place.
    #[must_use]
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        either!(self, frame => frame.bytes_mut())
    }

    /// The content's length in octets.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether there is no content.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole buffer, whatever part of it is the content.
    #[must_use]
    #[inline]
    pub fn room(&mut self) -> &mut [u8] {
        either!(self, frame => frame.room())
    }

    /// Makes `range` of the room the content. What lies outside the room is cut off.
    #[inline]
    pub fn set_range(&mut self, range: Range<usize>) {
        let room = self.room().len();
        debug_assert!(range.start <= range.end && range.end <= room, "content outside the room");
        let end = range.end.min(room);
        let start = range.start.min(end);
        either!(self, frame => frame.set_range(start, end));
    }

    /// Makes a copy of `bytes` the content, with [`HEADROOM`] octets free in front of it if they fit; whether
    /// it fitted at all.
    #[must_use]
    #[inline]
    pub fn copy_from(&mut self, bytes: &[u8]) -> bool {
        let room = self.room();
        let start = if bytes.len() + HEADROOM <= room.len() { HEADROOM } else { 0 };
        let Some(place) = room.get_mut(start..start + bytes.len()) else { return false };
        place.copy_from_slice(bytes);
        self.set_range(start..start + bytes.len());
        true
    }
}

impl core::fmt::Debug for Frame {
    /// The length only: the content may be a user's message.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Frame({} octets)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::Pool;
    use super::*;

    #[test]
    fn content_is_a_range_of_the_room() {
        let pool = Pool::new(1);
        let mut frame = pool.alloc().unwrap();
        assert!(frame.is_empty() && frame.room().len() >= 2048);
        frame.room()[10..14].copy_from_slice(b"abcd");
        frame.set_range(11..14);
        assert_eq!(frame.bytes(), b"bcd");
        frame.bytes_mut()[0] = b'x';
        assert_eq!(&frame.room()[10..14], b"axcd");
    }

    #[test]
    fn a_copy_uses_the_headroom_only_when_it_must() {
        let pool = Pool::new(1);
        let mut frame = pool.alloc().unwrap();
        assert!(frame.copy_from(&[7; 2048]));
        assert_eq!(frame.room()[HEADROOM], 7);
        assert!(frame.copy_from(&[8; ROOM]));
        assert_eq!((frame.len(), frame.room()[0]), (ROOM, 8));
        assert!(!frame.copy_from(&[9; ROOM + 1]));
        assert_eq!(frame.bytes(), [8; ROOM]);
        assert!(frame.copy_from(&[]));
        assert!(frame.is_empty());
    }

    #[test]
    fn a_frame_moves_between_threads_and_hides_its_content() {
        fn is_send<T: Send>(_: &T) {}
        let pool = Pool::new(1);
        let mut frame = pool.alloc().unwrap();
        is_send(&frame);
        assert!(frame.copy_from(b"secret"));
        assert_eq!(format!("{frame:?}"), "Frame(6 octets)");
        assert!(size_of::<Option<Frame>>() <= 16);
    }
}
