//! Telephony binary coded decimal: two digits an octet, the first in the low half, filler F (TS 29.002 TBCD-STRING).

use super::Prepend;
use crate::ident::Digits;

/// Digits from TBCD octets; a filler ends them. `None` if there are too many or something follows a filler.
#[must_use]
#[inline]
pub fn read(octets: &[u8]) -> Option<Digits> {
    let odd = octets.last().is_some_and(|last| last >> 4 == 0xf);
    Digits::from_packed(octets, 2 * octets.len() - usize::from(odd))
}

/// Digits as a word of octets, two digits in each, the first lowest, with a filler for an odd count; and how many octets.
#[must_use]
#[inline]
pub const fn word(digits: Digits, filler: u8) -> (u128, usize) {
    let count = digits.len();
    let filler = if count % 2 == 1 { (filler as u128 & 0xf) << (4 * count) } else { 0 };
    (digits.to_nibbles() | filler, count.div_ceil(2))
}

/// Puts digits in front as TBCD, with filler F for an odd count. Returns how many octets that took.
#[inline]
pub fn write(writer: &mut Prepend<'_>, digits: Digits) -> usize {
    let (word, octets) = word(digits, 0xf);
    writer.word(word, octets);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_and_even_round_trip() {
        for text in ["", "1", "12", "262011234567890", "4917012345678"] {
            let digits: Digits = text.parse().unwrap();
            let mut buffer = [0; 16];
            let mut writer = Prepend::new(&mut buffer);
            assert_eq!(write(&mut writer, digits), text.len().div_ceil(2));
            assert_eq!(read(writer.finish().unwrap()), Some(digits));
        }
        assert_eq!(read(&[0x21, 0xf3]), "123".parse().ok());
        assert_eq!(read(&[0xf1, 0x32]), None, "digits after a filler");
        assert_eq!(read(&[0x1f]), None, "filler in the low half");
        assert_eq!(read(&[0x11; 16]), None, "too long");
    }
}
