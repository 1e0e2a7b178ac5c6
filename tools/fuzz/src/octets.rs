//! What a fuzzer gives, as the numbers that make up events; zeros when it has run out.

pub struct Octets<'a>(pub &'a [u8]);

impl<'a> Octets<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn u8(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    pub fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    pub fn below(&mut self, below: u8) -> u8 {
        self.u8() % below
    }

    /// One of a list, the last of which stands for any number.
    pub fn of(&mut self, list: &[u32]) -> u32 {
        let at = usize::from(self.u8()) % (list.len() + 1);
        list.get(at).copied().unwrap_or_else(|| self.u32())
    }

    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
