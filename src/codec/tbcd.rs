//! Telephony binary coded decimal: two digits an octet, the first in the low half, filler F (TS 29.002 TBCD-STRING).

use super::Prepend;
use crate::ident::Digits;

/// Digits from TBCD octets; a filler ends them. `None` if there are too many or something follows a filler.
#[must_use]
pub fn read(octets: &[u8]) -> Option<Digits> {
    let odd = octets.last().is_some_and(|last| last >> 4 == 0xf);
    Digits::from_packed(octets, 2 * octets.len() - usize::from(odd))
}

/// Puts digits in front as TBCD, with filler F for an odd count. Returns how many octets that took.
pub fn write(writer: &mut Prepend<'_>, digits: Digits) -> usize {
    write_filled(writer, digits, 0xf)
}

/// Like [`write`], with another filler: SCCP global titles use 0.
pub fn write_filled(writer: &mut Prepend<'_>, digits: Digits, filler: u8) -> usize {
    let octets = digits.len().div_ceil(2);
    let mut packed = digits.to_packed();
    if digits.len() % 2 == 1
        && let Some(last) = packed.get_mut(octets - 1)
    {
        *last |= filler << 4;
    }
    writer.bytes(packed.get(..octets).unwrap_or(&[]));
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
