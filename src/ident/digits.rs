//! Digit strings in one word: telephone numbers and IMSIs.

use core::fmt;
use core::ops::RangeInclusive;
use core::str::FromStr;

/// Up to 30 digits, each a nibble 0..=14 (10..=14 stand for `*`, `#`, `a`, `b`, `c` as in TBCD), first digit first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Digits(u128);

const LENGTH_SHIFT: u32 = 120;

/// At most 16 octets as a word, the first lowest, with zeros above them.
fn word(octets: &[u8]) -> u128 {
    octets.iter().take(16).rev().fold(0, |word, &octet| word << 8 | u128::from(octet))
}

impl Digits {
    /// The most digits that fit.
    pub const MAX: usize = 30;
    /// In how many octets nearly every number is packed.
    pub const FEW_OCTETS: RangeInclusive<usize> = 4..=8;
    /// No digit.
    pub const EMPTY: Self = Self(0);

    /// How many digits.
    #[must_use]
    pub const fn len(self) -> usize {
        (self.0 >> LENGTH_SHIFT) as usize
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Appends a digit below 15; `None` if there is no room or it is no digit.
    #[must_use]
    pub const fn with(self, digit: u8) -> Option<Self> {
        let len = self.len();
        if len >= Self::MAX || digit > 14 {
            return None;
        }
        let digits = self.0 & ((1 << LENGTH_SHIFT) - 1);
        Some(Self((len as u128 + 1) << LENGTH_SHIFT | digits | (digit as u128) << (4 * len)))
    }

    /// From digits packed two an octet, the first in the low half; of an odd number, the last half doesn't count. `None`
    /// if they are too many, or one is no digit.
    #[must_use]
    #[inline]
    pub fn from_packed(octets: &[u8], is_odd: bool) -> Option<Self> {
        Self::from_few_packed(octets, is_odd).or_else(|| Self::from_any_packed(octets, is_odd))
    }

    /// [`Digits::from_packed`] for [`Digits::FEW_OCTETS`]; `None` of any other too.
    #[must_use]
    #[inline(always)]
    pub fn from_few_packed(octets: &[u8], is_odd: bool) -> Option<Self> {
        // Loads that overlap: a loop over the octets takes several times as long, and a copy of that length, read again as
        // one word, would stall.
        if !Self::FEW_OCTETS.contains(&octets.len()) {
            return None;
        }
        let (&low, &high) = (octets.first_chunk()?, octets.last_chunk()?);
        let count = 2 * octets.len() - usize::from(is_odd);
        let high = u64::from(u32::from_le_bytes(high)) << (8 * (octets.len() - 4));
        let unused = 64 - 4 * count;
        let digits = (u64::from(u32::from_le_bytes(low)) | high) << unused >> unused;
        // Only a nibble of 15 has all its four bits set.
        let pairs = digits & digits >> 1;
        let fifteens = pairs & pairs >> 2 & (u64::MAX / 15);
        (fifteens == 0).then_some(Self((count as u128) << LENGTH_SHIFT | u128::from(digits)))
    }

    #[cold]
    fn from_any_packed(octets: &[u8], is_odd: bool) -> Option<Self> {
        let count =
            (2 * octets.len()).checked_sub(usize::from(is_odd)).filter(|&count| count <= Self::MAX)?;
        let digits = word(octets) & ((1 << (4 * count)) - 1);
        let fifteens = digits & digits >> 1 & digits >> 2 & digits >> 3 & (u128::MAX / 15);
        (fifteens == 0).then_some(Self((count as u128) << LENGTH_SHIFT | digits))
    }

    /// The digits packed two an octet, the first in the low half, with zeros behind them.
    #[must_use]
    pub fn to_packed(self) -> [u8; Self::MAX / 2] {
        let mut packed = [0; Self::MAX / 2];
        for (to, from) in packed.iter_mut().zip(self.0.to_le_bytes()) {
            *to = from;
        }
        packed
    }

    /// The digits as a word of nibbles, the first digit in the lowest, with zeros above them.
    #[must_use]
    #[inline]
    pub const fn to_nibbles(self) -> u128 {
        self.0 & ((1 << LENGTH_SHIFT) - 1)
    }

    /// At most 15 digits in a word: the first in the lowest nibble, and in the highest how many there are.
    #[must_use]
    #[inline]
    pub const fn to_word(self) -> u64 {
        self.to_nibbles() as u64 | (self.len() as u64) << 60
    }

    /// The digits of [`Digits::to_word`].
    #[must_use]
    #[inline]
    pub fn from_word(word: u64) -> Option<Self> {
        let (octets, count) = (word.to_le_bytes(), (word >> 60) as usize);
        Self::from_packed(octets.get(..count.div_ceil(2))?, count % 2 == 1)
    }

    /// The digit at `at`, from 0.
    #[must_use]
    pub const fn get(self, at: usize) -> Option<u8> {
        if at < self.len() { Some((self.0 >> (4 * at)) as u8 & 0xf) } else { None }
    }

    /// The digits in order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..self.len()).filter_map(move |at| self.get(at))
    }

    /// Whether these digits begin with those of `prefix`.
    #[must_use]
    pub const fn starts_with(self, prefix: Self) -> bool {
        let len = prefix.len();
        len <= self.len() && (self.0 ^ prefix.0) & ((1u128 << (4 * len)) - 1) == 0
    }

    /// Whether all are 0 to 9.
    #[must_use]
    pub const fn is_decimal(self) -> bool {
        let digits = self.0 & ((1 << LENGTH_SHIFT) - 1);
        // From 10 on, the highest bit is set and one of the two below it.
        digits >> 3 & (digits >> 2 | digits >> 1) & (u128::MAX / 15) == 0
    }

    /// The digits as a word to hash or compare, length included.
    #[must_use]
    pub const fn to_u128(self) -> u128 {
        self.0
    }

    /// Decimal digits from ASCII text, nothing else allowed.
    #[must_use]
    pub fn from_ascii(text: &[u8]) -> Option<Self> {
        text.iter()
            .try_fold(Self::EMPTY, |digits, &c| if c.is_ascii_digit() { digits.with(c - b'0') } else { None })
    }

    /// Writes the digits as ASCII into `buf` and gives them back. Digits above 9 are written as `*#abc`.
    pub fn to_ascii(self, buf: &mut [u8; Self::MAX]) -> &[u8] {
        let len = self.len();
        for (at, digit) in self.iter().enumerate() {
            buf[at] = b"0123456789*#abc"[usize::from(digit)];
        }
        &buf[..len]
    }
}

impl FromStr for Digits {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_ascii(text.as_bytes()).ok_or("expected at most 30 decimal digits")
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(self.to_ascii(&mut [0; Self::MAX])).unwrap_or(""))
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! number {
    ($(#[$about:meta])* $name:ident, $min:literal..=$max:literal, $wrong:literal) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Digits);

        impl $name {
            /// From digits, if there are as many as the numbering plan allows and all are decimal.
            #[must_use]
            pub fn new(digits: Digits) -> Option<Self> {
                (($min..=$max).contains(&digits.len()) && digits.is_decimal()).then_some(Self(digits))
            }

            /// From ASCII digits.
            #[must_use]
            pub fn from_ascii(text: &[u8]) -> Option<Self> {
                Self::new(Digits::from_ascii(text)?)
            }

            /// The digits.
            #[must_use]
            pub const fn digits(self) -> Digits {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = &'static str;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::from_ascii(text.as_bytes()).ok_or($wrong)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        /// Masked: debug output may reach a log.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&super::Masked(self.0), f)
            }
        }
    };
}

number!(
    /// An International Mobile Subscriber Identity (TS 23.003 2.2): 6 to 15 digits.
    Imsi, 6..=15, "expected an IMSI of 6 to 15 digits"
);
number!(
    /// A subscriber's number in international E.164 form, without `+`: 1 to 15 digits.
    Msisdn, 1..=15, "expected an international number of 1 to 15 digits, without +"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_keep_order_zeros_and_length() {
        let digits: Digits = "001010123456789".parse().unwrap();
        assert_eq!(digits.to_string(), "001010123456789");
        assert_eq!(digits.len(), 15);
        assert!(digits.starts_with("00101".parse().unwrap()));
        assert!(digits.starts_with(Digits::EMPTY));
        assert!(!digits.starts_with("00102".parse().unwrap()));
        assert_ne!("1".parse::<Digits>(), "10".parse::<Digits>());
        assert!("12a".parse::<Digits>().is_err());
        assert!("1234567890123456789012345678901".parse::<Digits>().is_err());
        assert!("123456789012345678901234567890".parse::<Digits>().is_ok());
    }

    #[test]
    fn packed_digits_round_trip() {
        for count in 0..=Digits::MAX {
            let digits: Digits = "123456789012345678901234567890"[..count].parse().unwrap();
            let packed = digits.to_packed();
            assert_eq!(packed, digits.to_nibbles().to_le_bytes()[..15]);
            assert_eq!(Digits::from_packed(&packed[..count.div_ceil(2)], count % 2 == 1), Some(digits));
            for at in 0..count {
                let mut packed = packed;
                packed[at / 2] |= 0xf << (4 * (at % 2));
                let read = Digits::from_packed(&packed[..count.div_ceil(2)], count % 2 == 1);
                assert_eq!(read, None, "{at} of {count}");
            }
        }
        assert_eq!(
            Digits::from_packed(&[0x21, 0xf3], true),
            "123".parse().ok(),
            "the spare half doesn't count"
        );
        assert_eq!(Digits::from_packed(&[0x21, 0xf3], false), None, "no digit");
        assert_eq!(Digits::from_packed(&[], true), None, "no octet has half a digit");
        assert_eq!(Digits::from_packed(&[0x11; 16], true), None, "too long");
    }

    #[test]
    fn few_packed_digits_are_read_as_many() {
        let mut random = crate::base::Random::new(5);
        for _ in 0..100_000 {
            let length = random.below(18) as usize;
            let octets: Vec<u8> = (0..length).map(|_| (random.bits() & random.bits()) as u8 | 1).collect();
            for is_odd in [false, true] {
                let any = Digits::from_any_packed(&octets, is_odd);
                let few = Digits::from_few_packed(&octets, is_odd);
                assert_eq!(few, any.filter(|_| (4..=8).contains(&length)), "{octets:02x?} {is_odd}");
                assert_eq!(Digits::from_packed(&octets, is_odd), any);
            }
        }
    }

    #[test]
    fn every_digit_counts_as_decimal_or_not() {
        for at in 0..Digits::MAX {
            for digit in 0..15 {
                let others = |digits: Digits, count| (0..count).try_fold(digits, |digits, _| digits.with(9));
                let digits = others(Digits::EMPTY, at).and_then(|digits| digits.with(digit));
                let digits = digits.and_then(|digits| others(digits, Digits::MAX - 1 - at)).unwrap();
                assert_eq!(digits.is_decimal(), digit < 10);
            }
        }
    }

    #[test]
    fn numbers_are_checked_and_masked() {
        assert!("12345".parse::<Imsi>().is_err());
        let imsi: Imsi = "262011234567890".parse().unwrap();
        assert_eq!(format!("{imsi}"), "262011234567890");
        assert_eq!(format!("{imsi:?}"), "************890");
    }
}
