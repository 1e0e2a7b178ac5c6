//! A keyed permutation of small numbers, so that dense identifiers don't look dense.

use super::SipKey;

/// A bijection on `0..2^bits`, by a Feistel network of four rounds keyed with SipHash.
#[derive(Clone, Debug)]
pub struct Permutation {
    key: SipKey,
    low_bits: u32,
    high_bits: u32,
}

impl Permutation {
    /// A permutation of numbers of `bits` bits (2..=32) under `key`.
    #[must_use]
    pub fn new(key: SipKey, bits: u32) -> Self {
        assert!((2..=32).contains(&bits));
        Self { key, low_bits: bits / 2, high_bits: bits - bits / 2 }
    }

    /// How many bits it permutes.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.low_bits + self.high_bits
    }

    fn round(&self, round: u64, half: u32, bits: u32) -> u32 {
        // It hides an order and authenticates nothing: halves of 16 bits are what limits four rounds, not their hash.
        self.key.quick_hash_u64(round << 32 | u64::from(half)) as u32 & mask(bits)
    }

    /// The image of `number`, which must be below `2^bits`.
    #[must_use]
    pub fn apply(&self, number: u32) -> u32 {
        let mut low = number & mask(self.low_bits);
        let mut high = number.checked_shr(self.low_bits).unwrap_or(0);
        for round in 0..2 {
            high ^= self.round(2 * round, low, self.high_bits);
            low ^= self.round(2 * round + 1, high, self.low_bits);
        }
        high << self.low_bits | low
    }

    /// The number whose image is `image`.
    #[must_use]
    pub fn invert(&self, image: u32) -> u32 {
        let mut low = image & mask(self.low_bits);
        let mut high = image.checked_shr(self.low_bits).unwrap_or(0);
        for round in (0..2).rev() {
            low ^= self.round(2 * round + 1, high, self.low_bits);
            high ^= self.round(2 * round, low, self.high_bits);
        }
        high << self.low_bits | low
    }
}

const fn mask(bits: u32) -> u32 {
    if bits >= 32 { u32::MAX } else { (1 << bits) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_is_a_bijection() {
        for bits in 2..=14 {
            let permutation = Permutation::new(SipKey::new([3; 16]), bits);
            let mut seen = vec![false; 1 << bits];
            for number in 0..1 << bits {
                let image = permutation.apply(number);
                assert!(!std::mem::replace(&mut seen[image as usize], true));
                assert_eq!(permutation.invert(image), number);
            }
        }
        let wide = Permutation::new(SipKey::new([4; 16]), 32);
        for number in [0, 1, u32::MAX, 0x1234_5678] {
            assert_eq!(wide.invert(wide.apply(number)), number);
        }
    }
}
