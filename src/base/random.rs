//! Random numbers that a seed determines.

use core::time::Duration;

/// SplitMix64: small, fast, and good enough for chance; not for secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same numbers for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another stream of numbers that the same seed determines: what draws from one does not disturb the other.
    #[must_use]
    pub fn stream(seed: u64, number: u64) -> Self {
        Self(Self(seed).bits() ^ Self(!number).bits())
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `end`, or 0 if there is none.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// True in so many of a million calls. Draws nothing when it is never.
    pub fn share(&mut self, of_a_million: u32) -> bool {
        of_a_million > 0 && self.below(1_000_000) < of_a_million.into()
    }

    /// A span of at most `longest`. Draws nothing when that is zero.
    pub fn span(&mut self, longest: Duration) -> Duration {
        match u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX) {
            0 => Duration::ZERO,
            nanos => Duration::from_nanos(self.below(nanos.saturating_add(1))),
        }
    }

    /// Random octets.
    pub fn octets<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.bits() as u8)
    }
}
