//! The internet checksum (RFC 1071): a one's complement sum of 16-bit words.

/// A running sum. Words are added as they lie in memory: the sum of swapped words is the swapped sum (RFC 1071 §2 B),
/// so octet order matters only to [`Sum::number`].
#[derive(Clone, Copy)]
pub(super) struct Sum(u64);

impl Sum {
    /// Nothing summed.
    pub(super) const ZERO: Self = Self(0);

    /// Adds octets, which must start at an even place of what is summed. The sum can't overflow: each call adds below
    /// 2^34, and no packet has so many parts.
    #[inline(always)] // addresses and headers have known lengths, for which little of this remains
    pub(super) fn octets(self, octets: &[u8]) -> Self {
        // 64-bit words, each with one addition and one for its carry; two sums, so that neither waits for the other.
        let word = |word: &[u8; 8]| u128::from(u64::from_ne_bytes(*word));
        let (mut even, mut odd) = (0u128, 0u128);
        let (pairs, rest) = octets.as_chunks::<16>();
        for pair in pairs {
            let (words, _) = pair.as_chunks::<8>();
            if let [first, second] = words {
                even += word(first);
                odd += word(second);
            }
        }
        let (words, rest) = rest.as_chunks::<8>();
        for first in words {
            even += word(first);
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        let sum = even + odd + word(&last);
        // In one's complement of 16 bits, 2^32 is 1; there are no more carries than words.
        Self(self.0 + (sum >> 64) as u64 + u64::from((sum >> 32) as u32) + u64::from(sum as u32))
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
