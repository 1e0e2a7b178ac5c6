//! Telephony binary coded decimal: two digits an octet, the first in the low half, filler F (TS 29.002 TBCD-STRING).

use super::Prepend;
use crate::ident::Digits;

/// Digits from TBCD octets; a filler ends them. `None` if there are too many or something follows a filler.
#[must_use]
#[inline]
pub fn read(octets: &[u8]) -> Option<Digits> {
    Digits::from_packed(octets, has_filler(octets))
}

/// [`read`] of four to eight octets, as nearly every number has; `None` of any other too.
#[must_use]
#[inline(always)]
pub fn read_few(octets: &[u8]) -> Option<Digits> {
    // Before anything is loaded: one check of the length instead of several.
    if !Digits::FEW_OCTETS.contains(&octets.len()) {
        return None;
    }
    Digits::from_few_packed(octets, has_filler(octets))
}

/// Whether a filler ends an odd number of digits.
#[must_use]
#[inline(always)]
pub fn has_filler(octets: &[u8]) -> bool {
    octets.last().is_some_and(|last| last >> 4 == 0xf)
}

/// One to 16 digits as [`Prepend::tail`] takes them, two in an octet, with a filler for an odd count; `None` of any other.
#[must_use]
#[inline(always)]
pub const fn tail(digits: Digits, filler: u8) -> Option<(u64, usize)> {
    // Not by `div_ceil`, of which the compiler doesn't know that it gives at most eight here.
    let (count, octets) = (digits.len(), (digits.len() + 1) >> 1);
    if count.wrapping_sub(1) >= 16 {
        return None;
    }
    let filler = if count % 2 == 1 { (filler as u64) << 60 } else { 0 };
    Some(((digits.to_nibbles() as u64) << (64 - 8 * octets) | filler, octets))
}

/// Puts digits in front as TBCD, with filler F for an odd count. Returns how many octets that took.
pub fn write(writer: &mut Prepend<'_>, digits: Digits) -> usize {
    let count = digits.len();
    let filler = if count % 2 == 1 { 0xf << (4 * count) } else { 0 };
    let octets = (digits.to_nibbles() | filler).to_le_bytes();
    writer.bytes(octets.get(..count.div_ceil(2)).unwrap_or(&[]));
    count.div_ceil(2)
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
            let written = writer.finish().unwrap().to_vec();
            assert_eq!(read_few(&written), Some(digits).filter(|_| (4..=8).contains(&written.len())));
            writer.clear();
            let tail = tail(digits, 0xf).map(|(word, octets)| writer.tail(word, octets));
            assert_eq!(tail.is_some(), !text.is_empty());
            assert_eq!(writer.finish().unwrap(), written);
        }
        assert_eq!(tail("12345678901234567".parse().unwrap(), 0xf), None, "more than a word has");
        assert_eq!(read(&[0x21, 0xf3]), "123".parse().ok());
        assert_eq!(read(&[0xf1, 0x32]), None, "digits after a filler");
        assert_eq!(read(&[0x1f]), None, "filler in the low half");
        assert_eq!(read(&[0x11; 16]), None, "too long");
    }
}
