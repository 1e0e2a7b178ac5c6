//! RP-Originator and RP-Destination Address: the service centre's number (TS 24.011 8.2.5.1, 8.2.5.2).

use crate::base::Inline;
use crate::codec::{Prepend, tbcd};
use crate::ident::Digits;

/// An address without its length octet: type of number and numbering plan, then digits. MAP's AddressString has the same
/// form (TS 29.002 17.7.8), so the octets can be taken over as they are.
#[derive(Clone, Copy)]
pub struct RpAddress(Inline<{ Self::MAX }>);

impl RpAddress {
    /// The longest address, in octets.
    pub const MAX: usize = 11;

    /// From the octets after the length; `None` if there are none or more than 11.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        if octets.is_empty() {
            return None;
        }
        Inline::new(octets).map(Self)
    }

    /// An international E.164 number; `None` if it has more than 20 digits.
    #[must_use]
    pub fn international(digits: Digits) -> Option<Self> {
        let mut room = [0; 16];
        let mut writer = Prepend::new(&mut room);
        tbcd::write(&mut writer, digits);
        writer.u8(0x91);
        Self::from_octets(writer.finish()?)
    }

    /// The octets, without the length.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// Type of number (TS 24.008 table 10.5.118): 1 is international, 5 alphanumeric.
    #[must_use]
    pub fn type_of_number(&self) -> u8 {
        self.0.first().map_or(0, |octet| octet >> 4 & 7)
    }

    /// Numbering plan (TS 24.008 table 10.5.118): 1 is E.164.
    #[must_use]
    pub fn numbering_plan(&self) -> u8 {
        self.0.first().map_or(0, |octet| octet & 0xf)
    }

    /// The digits; `None` if there are none, or it is no number (alphanumeric, or filler in the middle).
    #[must_use]
    pub fn digits(&self) -> Option<Digits> {
        if self.type_of_number() == 5 {
            return None;
        }
        tbcd::read(self.0.get(1..)?).filter(|digits| !digits.is_empty())
    }
}

impl PartialEq for RpAddress {
    fn eq(&self, other: &Self) -> bool {
        self.octets() == other.octets()
    }
}

impl Eq for RpAddress {}

impl core::fmt::Debug for RpAddress {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{} ", self.type_of_number(), self.numbering_plan())?;
        match self.digits() {
            Some(digits) => core::fmt::Display::fmt(&crate::ident::Masked(digits), f),
            None => f.write_str("no number"),
        }
    }
}
