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
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        match self
            .start
            .checked_sub(bytes.len())
            .and_then(|at| Some((at, self.buffer.get_mut(at..self.start)?)))
        {
            Some((at, room)) => {
                room.copy_from_slice(bytes);
                self.start = at;
            }
            None => self.overflowed = true,
        }
    }

    /// Puts the first `count` octets of a word in front, least significant first; of at most 16.
    #[inline]
    pub fn word(&mut self, word: u128, count: usize) {
        const WHOLE: usize = size_of::<u128>();
        let unused = WHOLE.saturating_sub(count);
        // At their end in the word, and all of it stored, since a copy of known length is one store: what goes before
        // them falls on free room.
        let octets = word.wrapping_shl(8 * unused as u32).to_le_bytes();
        match self.start.checked_sub(WHOLE).and_then(|at| self.buffer.get_mut(at..self.start)) {
            Some(room) if (1..=WHOLE).contains(&count) => {
                room.copy_from_slice(&octets);
                self.start -= count;
            }
            _ => match word.to_le_bytes().get(..count) {
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
        let octets: [u8; 16] = core::array::from_fn(|at| at as u8 + 1);
        let word = u128::from_le_bytes(octets);
        for count in 0..=16 {
            for room in count..=40 {
                let mut buffer = [0xff; 40];
                let mut writer = Prepend::new(&mut buffer[..room]);
                writer.word(word, count);
                assert_eq!(writer.finish(), Some(&octets[..count]), "{count} in {room}");
            }
            let mut writer = Prepend::new(&mut []);
            writer.word(word, count);
            assert_eq!(writer.overflowed(), count > 0);
        }
        let mut buffer = [0; 40];
        let mut writer = Prepend::new(&mut buffer);
        writer.u8(9);
        writer.word(word, 3);
        assert_eq!(writer.finish(), Some(&[1, 2, 3, 9][..]));
        writer.word(word, 17);
        assert_eq!(writer.finish(), None, "a word has no 17 octets");
    }
}
