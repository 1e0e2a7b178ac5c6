//! A telephone number as it is spelt: its digits, with their type and plan.

use super::Digits;

/// Type of number (TS 24.008 table 10.5.118), the nature of address of MAP (TS 29.002 17.7.8): three bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TypeOfNumber(pub u8);

impl TypeOfNumber {
    /// Not known.
    pub const UNKNOWN: Self = Self(0);
    /// With country code, without prefix.
    pub const INTERNATIONAL: Self = Self(1);
    /// Without country code.
    pub const NATIONAL: Self = Self(2);
    /// Of the network itself.
    pub const NETWORK_SPECIFIC: Self = Self(3);
    /// Without an area's code.
    pub const SUBSCRIBER: Self = Self(4);
    /// No digits, but letters.
    pub const ALPHANUMERIC: Self = Self(5);
    /// Short.
    pub const ABBREVIATED: Self = Self(6);
}

/// Numbering plan (four bits).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Plan(pub u8);

impl Plan {
    /// Not known.
    pub const UNKNOWN: Self = Self(0);
    /// ISDN/telephony, E.164.
    pub const E164: Self = Self(1);
    /// Land mobile, E.212: IMSIs.
    pub const E212: Self = Self(6);
}

/// A number in the form in which it came, as RP, TP and MAP spell one. What it is looked up and routed by is another thing:
/// the international number that it stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number {
    /// The digits.
    pub digits: Digits,
    /// Type of number.
    pub kind: TypeOfNumber,
    /// Numbering plan.
    pub plan: Plan,
}

impl Number {
    /// An international E.164 number.
    #[must_use]
    pub const fn international(digits: Digits) -> Self {
        Self { digits, kind: TypeOfNumber::INTERNATIONAL, plan: Plan::E164 }
    }

    /// The number in a URI: international if it began with `+`; what it is else, the URI does not say.
    #[must_use]
    pub const fn of_uri(digits: Digits, began_with_plus: bool) -> Self {
        match began_with_plus {
            true => Self::international(digits),
            false => Self { digits, kind: TypeOfNumber::UNKNOWN, plan: Plan::E164 },
        }
    }

    /// Type and plan with those that an octet has, whose highest bit is the extension.
    #[must_use]
    pub const fn typed(digits: Digits, octet: u8) -> Self {
        Self { digits, kind: TypeOfNumber(octet >> 4 & 7), plan: Plan(octet & 0xf) }
    }

    /// The octet of type and plan, without extension.
    #[must_use]
    pub const fn octet(self) -> u8 {
        0x80 | (self.kind.0 & 7) << 4 | self.plan.0 & 0xf
    }
}

impl From<Digits> for Number {
    fn from(digits: Digits) -> Self {
        Self::international(digits)
    }
}

/// Masked: debug output may reach a log.
impl core::fmt::Debug for Number {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}:{}", self.kind.0, self.plan.0, super::Masked(self.digits))
    }
}
