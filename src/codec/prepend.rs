//! Writes octets backwards, innermost layer first, so that each layer knows the length of what it wraps.

/// A writer that fills a buffer from its end towards its start. A write that does not fit marks the writer as
/// overflowed and writes nothing; the result is then never given out.
pub struct Prepend<'b> {
    buffer: &'b mut [u8],
    start: usize,
    overflowed: bool,
}

impl<'b> Prepend<'b> {
    /// An empty writer over `buffer`.
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        let start = buffer.len();
        Self { buffer, start, overflowed: false }
    }

    /// Octets written so far; also a mark: what is written later stands before what was written up to here.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts `bytes` in front.
    #[inline(always)]
    pub fn bytes(&mut self, bytes: &[u8]) {
        match self.room(bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.start -= bytes.len();
            }
            None => self.overflowed = true,
        }
    }

    /// Lets `write` do what is rare in a function that isn't inlined. That has a writer of its own meanwhile, since one that
    /// such a function is given by reference can't be kept in registers anywhere.
    #[inline(always)]
    pub fn aside<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        let mut own = core::mem::replace(self, Self::new(&mut []));
        let written = write(&mut own);
        *self = own;
        written
    }

    /// The last `count` octets of what is free.
    #[inline(always)]
    fn room(&mut self, count: usize) -> Option<&mut [u8]> {
        // Never more than there are: said again, it spares a check that would have to be able to fail.
        let start = self.start.min(self.buffer.len());
        self.buffer.get_mut(start.wrapping_sub(count)..start)
    }

    /// Puts the last `count` octets of a word in front, whose octets stand least significant first; of at most eight.
    #[inline(always)]
    pub fn tail(&mut self, word: u64, count: usize) {
        const WHOLE: usize = size_of::<u64>();
        let octets = word.to_le_bytes();
        // All of the word is stored, since a copy of known length is one store: what goes before falls on free room.
        match self.room(WHOLE) {
            Some(room) if count <= WHOLE => {
                room.copy_from_slice(&octets);
                self.start -= count;
            }
            _ => match WHOLE.checked_sub(count).and_then(|at| octets.get(at..)) {
                Some(octets) => self.bytes(octets),
                None => self.fail(),
            },
        }
    }

    /// Puts one octet in front.
    #[inline]
    pub fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    /// Puts two octets in front, most significant first.
    #[inline]
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    /// Puts four octets in front, most significant first.
    #[inline]
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// What was written, or `None` if it did not fit.
    #[must_use]
    #[inline]
    pub fn finish(&self) -> Option<&[u8]> {
        if self.overflowed { None } else { self.buffer.get(self.start..) }
    }

    /// Marks the writer as overflowed, because something exceeds a limit of its layer (say, a length of one octet).
    pub const fn fail(&mut self) {
        self.overflowed = true;
    }

    /// Whether something did not fit.
    #[must_use]
    pub const fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Forgets everything written.
    pub const fn clear(&mut self) {
        self.start = self.buffer.len();
        self.overflowed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_backwards_and_tells_when_it_does_not_fit() {
        let mut buffer = [0; 7];
        let mut writer = Prepend::new(&mut buffer);
        writer.u8(7);
        writer.u16(0x0506);
        writer.u32(0x0102_0304);
        assert_eq!(writer.finish(), Some(&[1, 2, 3, 4, 5, 6, 7][..]));
        writer.u8(0);
        assert_eq!(writer.finish(), None);
        writer.clear();
        assert_eq!(writer.finish(), Some(&[][..]));
        writer.fail();
        assert_eq!(writer.finish(), None);
    }

    #[test]
    fn parts_of_words_are_written_with_and_without_room_to_spare() {
        let octets: [u8; 8] = core::array::from_fn(|at| at as u8 + 1);
        let word = u64::from_le_bytes(octets);
        for count in 0..=8 {
            for room in count..=20 {
                let mut buffer = [0xff; 20];
                let mut writer = Prepend::new(&mut buffer[..room]);
                writer.tail(word, count);
                assert_eq!(writer.finish(), Some(&octets[8 - count..]), "{count} in {room}");
            }
            let mut writer = Prepend::new(&mut []);
            writer.tail(word, count);
            assert_eq!(writer.overflowed(), count > 0);
        }
        let mut buffer = [0; 20];
        let mut writer = Prepend::new(&mut buffer);
        writer.u8(9);
        writer.tail(word, 3);
        assert_eq!(writer.finish(), Some(&[6, 7, 8, 9][..]));
        writer.tail(word, 9);
        assert_eq!(writer.finish(), None, "a word has no nine octets");
    }
}
