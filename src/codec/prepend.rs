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

    /// Puts one octet in front.
    pub fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    /// Puts two octets in front, most significant first.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    /// Puts four octets in front, most significant first.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// What was written, or `None` if it did not fit.
    #[must_use]
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
}
