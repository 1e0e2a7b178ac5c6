//! AddressString: a number with its nature and plan (TS 29.002 17.7.8).

use crate::codec::{Prepend, ber, tbcd};
use crate::ident::{Digits, Msisdn, Number};
pub use crate::ident::{Plan, TypeOfNumber};

/// An AddressString of at most 20 octets, or an ISDN-AddressString, the same in at most 9.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressString {
    /// Nature of address.
    pub nature: TypeOfNumber,
    /// Numbering plan.
    pub plan: Plan,
    /// The digits.
    pub digits: Digits,
}

impl AddressString {
    /// An international E.164 number.
    #[must_use]
    pub const fn international(digits: Digits) -> Self {
        Self { nature: TypeOfNumber::INTERNATIONAL, plan: Plan::E164, digits }
    }

    /// From contents octets. `None` if there is no octet, the digits are too many, or a filler stands among them.
    #[must_use]
    #[inline]
    pub fn read(octets: &[u8]) -> Option<Self> {
        Self::read_by(octets, tbcd::read)
    }

    /// [`AddressString::read`] of 7 to 16 digits, as nearly every number has; `None` of any other too.
    #[inline(always)]
    pub(super) fn read_few(octets: &[u8]) -> Option<Self> {
        Self::read_by(octets, tbcd::read_few)
    }

    #[inline(always)]
    fn read_by(octets: &[u8], read: impl FnOnce(&[u8]) -> Option<Digits>) -> Option<Self> {
        let (&first, digits) = octets.split_first()?;
        // Without the extension bit a second octet of nature and plan would follow, which no version defines.
        if first & 0x80 == 0 {
            return None;
        }
        Some(Self { nature: TypeOfNumber(first >> 4 & 7), plan: Plan(first & 0xf), digits: read(digits)? })
    }

    /// Puts it in front under `tag`.
    #[inline(always)]
    pub fn put(&self, w: &mut Prepend<'_>, tag: u8) {
        // In two pieces, but for those that no number of a subscriber has.
        let Some((digits, octets)) = tbcd::tail(self.digits, 0xf) else {
            return w.aside(|w| self.put_long(w, tag));
        };
        w.tail(digits, octets);
        w.bytes(&[tag, octets as u8 + 1, self.first()]);
    }

    #[cold]
    pub(super) fn put_long(&self, w: &mut Prepend<'_>, tag: u8) {
        let mark = w.len();
        self.write(w);
        ber::wrap(w, tag, mark);
    }

    /// Puts its contents octets in front.
    pub fn write(self, w: &mut Prepend<'_>) {
        tbcd::write(w, self.digits);
        w.u8(self.first());
    }

    /// The octet of nature and plan, without extension.
    const fn first(self) -> u8 {
        0x80 | (self.nature.0 & 7) << 4 | self.plan.0 & 0xf
    }

    /// The number, if it is an international E.164 one.
    #[must_use]
    pub fn msisdn(self) -> Option<Msisdn> {
        if (self.nature, self.plan) == (TypeOfNumber::INTERNATIONAL, Plan::E164) {
            Msisdn::new(self.digits)
        } else {
            None
        }
    }
}

impl From<Msisdn> for AddressString {
    fn from(number: Msisdn) -> Self {
        Self::international(number.digits())
    }
}

impl From<Number> for AddressString {
    fn from(number: Number) -> Self {
        Self { nature: number.kind, plan: number.plan, digits: number.digits }
    }
}

impl From<AddressString> for Number {
    fn from(address: AddressString) -> Self {
        Self { digits: address.digits, kind: address.nature, plan: address.plan }
    }
}

/// Masked: debug output may reach a log.
impl core::fmt::Debug for AddressString {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}:{}", self.nature.0, self.plan.0, crate::ident::Masked(self.digits))
    }
}
