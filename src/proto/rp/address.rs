//! RP-Originator and RP-Destination Address: the service centre's number (TS 24.011 8.2.5.1, 8.2.5.2).

use crate::base::Inline;
use crate::codec::{Prepend, tbcd};
use crate::ident::{Number, TypeOfNumber};

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

    /// A number; `None` if it has more than 20 digits.
    #[must_use]
    pub fn of(number: Number) -> Option<Self> {
        let mut room = [0; 16];
        let mut writer = Prepend::new(&mut room);
        tbcd::write(&mut writer, number.digits);
        writer.u8(number.octet());
        Self::from_octets(writer.finish()?)
    }

    /// The octets, without the length.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The number with its type and plan; `None` if there are no digits, or it is no number (alphanumeric, or filler in the
    /// middle).
    #[must_use]
    pub fn number(&self) -> Option<Number> {
        let (&first, digits) = self.0.split_first()?;
        let digits = tbcd::read(digits).filter(|digits| !digits.is_empty())?;
        Some(Number::typed(digits, first)).filter(|number| number.kind != TypeOfNumber::ALPHANUMERIC)
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
        match self.number() {
            Some(number) => core::fmt::Debug::fmt(&number, f),
            None => f.write_str("no number"),
        }
    }
}
