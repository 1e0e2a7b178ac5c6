//! Addresses of SS7 nodes: point codes, subsystem numbers and global titles (ITU-T Q.713 3.4).

use super::Digits;
use core::fmt;
use core::str::FromStr;

/// An SS7 signalling point code: 14 bits (ITU) or 24 bits (ANSI), right-justified.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct PointCode(pub u32);

impl FromStr for PointCode {
    type Err = &'static str;

    /// From a number, or from the ITU form `zone.area.point` (3, 8 and 3 bits).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str =
            "expected a point code: a number below 16777216, or zone.area.point as in 2.100.3";
        let parts: Vec<u32> =
            text.split('.').map(|part| part.parse().map_err(|_| WRONG)).collect::<Result<_, _>>()?;
        match parts[..] {
            [number] if number < 1 << 24 => Ok(Self(number)),
            [zone, area, point] if zone < 8 && area < 256 && point < 8 => {
                Ok(Self(zone << 11 | area << 3 | point))
            }
            _ => Err(WRONG),
        }
    }
}

impl fmt::Display for PointCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0 >> 11, self.0 >> 3 & 0xff, self.0 & 7)
    }
}

/// A subsystem number (TS 23.003 8): which user of SCCP.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Ssn(pub u8);

impl Ssn {
    /// SCCP management.
    pub const SCMG: Self = Self(1);
    /// Home Location Register.
    pub const HLR: Self = Self(6);
    /// Visitor Location Register.
    pub const VLR: Self = Self(7);
    /// MSC, SMS-GMSC and SMS-IWMSC; the gateway on reference point E.
    pub const MSC: Self = Self(8);
    /// gsmSCF (CAP).
    pub const CAP: Self = Self(146);
    /// gsmSCF (MAP).
    pub const GSM_SCF: Self = Self(147);
    /// SGSN; the gateway on reference point Gd.
    pub const SGSN: Self = Self(149);
}

/// Numbering plan of a global title (Q.713 3.4.2.3.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NumberingPlan(pub u8);

impl NumberingPlan {
    /// ISDN/telephony, E.164.
    pub const E164: Self = Self(1);
    /// ISDN/mobile, E.214.
    pub const E214: Self = Self(7);
}

/// Nature of address indicator of a global title (Q.713 3.4.2.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NatureOfAddress(pub u8);

impl NatureOfAddress {
    /// International number.
    pub const INTERNATIONAL: Self = Self(4);
}

/// Which parts a global title has (Q.713 3.4.1, global title indicator).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum TitleIndicator {
    /// 0001: nature of address.
    Nature = 1,
    /// 0010: translation type.
    TranslationType = 2,
    /// 0011: translation type and numbering plan.
    TypeAndPlan = 3,
    /// 0100: translation type, numbering plan and nature of address.
    #[default]
    TypePlanAndNature = 4,
}

/// A global title with everything that format 0100 carries; the shorter formats leave parts at their defaults.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GlobalTitle {
    /// Which of these parts it is written with.
    pub indicator: TitleIndicator,
    /// Translation type.
    pub translation_type: u8,
    /// Numbering plan.
    pub numbering_plan: NumberingPlan,
    /// Nature of address.
    pub nature: NatureOfAddress,
    /// The digits.
    pub digits: Digits,
}

impl GlobalTitle {
    /// An international E.164 title with translation type 0, as MAP uses between networks (TS 29.002 6.1.3.1).
    #[must_use]
    pub const fn e164(digits: Digits) -> Self {
        Self {
            indicator: TitleIndicator::TypePlanAndNature,
            translation_type: 0,
            numbering_plan: NumberingPlan::E164,
            nature: NatureOfAddress::INTERNATIONAL,
            digits,
        }
    }
}

/// A called or calling party address of SCCP (Q.713 3.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SccpAddress {
    /// Point code, if the address has one.
    pub point_code: Option<PointCode>,
    /// Subsystem number, if the address has one.
    pub ssn: Option<Ssn>,
    /// Global title, if the address has one.
    pub title: Option<GlobalTitle>,
    /// Routing indicator: by subsystem number (and point code) rather than by global title.
    pub route_on_ssn: bool,
    /// The bit reserved for national use: written as it was read.
    pub national: bool,
}

impl SccpAddress {
    /// Routed on an international E.164 title, with a subsystem number and no point code.
    #[must_use]
    pub const fn titled(digits: Digits, ssn: Ssn) -> Self {
        let title = Some(GlobalTitle::e164(digits));
        Self { point_code: None, ssn: Some(ssn), title, route_on_ssn: false, national: false }
    }

    /// Routed on a subsystem number, at a point code or at the point that the message goes to.
    #[must_use]
    pub const fn on_ssn(point_code: Option<PointCode>, ssn: Option<Ssn>) -> Self {
        Self { point_code, ssn, title: None, route_on_ssn: true, national: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn point_codes_have_two_spellings() {
        assert_eq!("0.12.4".parse(), Ok(PointCode(100)));
        assert_eq!("100".parse(), Ok(PointCode(100)));
        assert_eq!(PointCode(200).to_string(), "0.25.0");
        assert!("8.0.0".parse::<PointCode>().is_err());
    }
}
