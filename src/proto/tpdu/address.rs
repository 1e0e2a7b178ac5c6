//! TP addresses (TS 23.040 9.1.2.5): numbers, and names in the GSM alphabet.

use crate::base::Inline;
use crate::codec::{Prepend, Reader, gsm7, tbcd};
use crate::ident::Digits;
use core::fmt;

/// An address: type of address, then up to 20 semi-octets. Its length counts semi-octets in use.
#[derive(Clone, Copy)]
pub struct TpAddress {
    semi_octets: u8,
    /// Type of number and numbering plan, with the extension bit.
    kind: u8,
    value: Inline<10>,
}

const INTERNATIONAL: u8 = 0x91;
const ALPHANUMERIC: u8 = 0xd0;

impl TpAddress {
    /// The most semi-octets.
    pub const MAX: usize = 20;

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut ahead = *reader;
        let semi_octets = ahead.u8()?;
        let kind = ahead.u8()?;
        let value = Inline::new(ahead.take(usize::from(semi_octets).div_ceil(2))?)?;
        *reader = ahead;
        Some(Self { semi_octets, kind, value })
    }

    pub(super) fn write(&self, writer: &mut Prepend<'_>) {
        writer.bytes(&self.value);
        writer.bytes(&[self.semi_octets, self.kind]);
    }

    /// An international E.164 number; `None` if it has more than 20 digits.
    #[must_use]
    pub fn international(digits: Digits) -> Option<Self> {
        Self::number(INTERNATIONAL, digits)
    }

    /// A number with this octet of type of number and numbering plan, e.g. 81 for an unknown type; `None` if it has more
    /// than 20 digits.
    #[must_use]
    pub fn number(kind: u8, digits: Digits) -> Option<Self> {
        let mut room = [0; 16];
        let mut writer = Prepend::new(&mut room);
        tbcd::write(&mut writer, digits);
        Some(Self {
            semi_octets: digits.len() as u8,
            kind: kind | 0x80,
            value: Inline::new(writer.finish()?)?,
        })
    }

    /// A name of at most eleven septets of the GSM alphabet; `None` if it is longer or has other characters.
    #[must_use]
    pub fn name(text: &str) -> Option<Self> {
        let mut room = [0; 10];
        let septets = gsm7::pack_text(text, 0, &mut room)?;
        let value = Inline::new(room.get(..gsm7::octets_of(septets))?)?;
        let semi_octets = septets.checked_mul(7)?.div_ceil(4) as u8;
        Some(Self { semi_octets, kind: ALPHANUMERIC, value })
    }

    /// Type of number (TS 23.040 9.1.2.5): 0 unknown, 1 international, 2 national, 3 network specific, 4 subscriber,
    /// 5 alphanumeric, 6 abbreviated.
    #[must_use]
    pub fn type_of_number(&self) -> u8 {
        self.kind >> 4 & 7
    }

    /// Numbering plan: 1 is E.164.
    #[must_use]
    pub fn numbering_plan(&self) -> u8 {
        self.kind & 0xf
    }

    /// The digits; `None` for a name, or if something else than a digit is within the length.
    #[must_use]
    pub fn digits(&self) -> Option<Digits> {
        if self.type_of_number() == 5 {
            return None;
        }
        (0..usize::from(self.semi_octets)).try_fold(Digits::EMPTY, |digits, at| {
            let octet = *self.value.get(at / 2)?;
            digits.with(if at % 2 == 0 { octet & 0xf } else { octet >> 4 })
        })
    }

    /// The characters of a name; nothing for a number.
    pub fn characters(&self) -> impl Iterator<Item = char> + '_ {
        let semi_octets = if self.type_of_number() == 5 { usize::from(self.semi_octets) } else { 0 };
        gsm7::characters(gsm7::unpack(&self.value, 0, semi_octets.saturating_mul(4) / 7))
    }
}

impl PartialEq for TpAddress {
    fn eq(&self, other: &Self) -> bool {
        (self.semi_octets, self.kind) == (other.semi_octets, other.kind) && *self.value == *other.value
    }
}

impl Eq for TpAddress {}

impl fmt::Display for TpAddress {
    /// A number with `+` if it is international, or a name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.type_of_number() == 5 {
            return self.characters().try_for_each(|character| fmt::Write::write_char(f, character));
        }
        let plus = if self.type_of_number() == 1 { "+" } else { "" };
        match self.digits() {
            Some(digits) => write!(f, "{plus}{digits}"),
            None => f.write_str("?"),
        }
    }
}

impl fmt::Debug for TpAddress {
    /// Masked: debug output may reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} ", self.type_of_number(), self.numbering_plan())?;
        match self.digits() {
            Some(digits) => fmt::Display::fmt(&crate::ident::Masked(digits), f),
            None => write!(f, "({} semi-octets)", self.semi_octets),
        }
    }
}
