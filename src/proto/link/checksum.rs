//! The internet checksum (RFC 1071): a one's complement sum of 16-bit words.

/// A running sum. Words are added as they lie in memory: the sum of swapped words is the swapped sum (RFC 1071 §2 B),
/// so octet order matters only to [`Sum::number`].
#[derive(Clone, Copy)]
pub(super) struct Sum(u64);

impl Sum {
    /// Nothing summed.
    pub(super) const ZERO: Self = Self(0);

    /// Adds octets, which must start at an even place of what is summed. The sum can't overflow: each 32-bit word
    /// adds below 2^32, and no packet has 2^32 of them.
    #[inline(always)] // addresses and headers have known lengths, for which little of this remains
    pub(super) fn octets(self, octets: &[u8]) -> Self {
        // Eight independent sums of 32-bit words, so that they go into vector registers.
        let mut lanes = [0u64; 8];
        let (blocks, rest) = octets.as_chunks::<32>();
        for block in blocks {
            for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<4>().0) {
                *lane += u64::from(u32::from_ne_bytes(*word));
            }
        }
        let mut sum = lanes.iter().fold(self.0, |sum, lane| sum + lane);
        let (words, rest) = rest.as_chunks::<4>();
        for word in words {
            sum += u64::from(u32::from_ne_bytes(*word));
        }
        let mut last = [0; 4];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        Self(sum + u64::from(u32::from_ne_bytes(last)))
    }

    /// Adds a 16-bit number.
    pub(super) const fn number(self, number: u16) -> Self {
        Self(self.0 + number.to_be() as u64)
    }

    /// The checksum field that makes the whole sum right, as it lies in memory.
    pub(super) const fn field(self) -> [u8; 2] {
        (!self.fold()).to_ne_bytes()
    }

    /// Whether what was summed, checksum field included, is right.
    pub(super) const fn is_right(self) -> bool {
        self.fold() == 0xffff
    }

    const fn fold(self) -> u16 {
        let mut sum = self.0;
        sum = (sum >> 32) + (sum & 0xffff_ffff);
        sum = (sum >> 32) + (sum & 0xffff_ffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum as u16
    }
}
