//! Called and calling party addresses (Q.713 3.4, 3.5).

use crate::codec::{Prepend, Reader, tbcd};
use crate::ident::{
    Digits, GlobalTitle, NatureOfAddress, NumberingPlan, PointCode, SccpAddress, Ssn, TitleIndicator,
};

/// Octets of the longest address that we write: indicator, point code, subsystem number, title of 30 digits.
pub(super) const LONGEST: usize = 1 + 2 + 1 + 3 + Digits::MAX / 2;

const HAS_POINT_CODE: u8 = 0x01;
const HAS_SSN: u8 = 0x02;
const ROUTE_ON_SSN: u8 = 0x40;
const NATIONAL: u8 = 0x80;
/// What fills the last octet of an odd number of digits where no encoding scheme tells that it is one.
const FILLER: u8 = 0xf0;
/// Encoding schemes: BCD with an odd or an even number of digits.
const ODD: u8 = 1;
const EVEN: u8 = 2;

/// The address in these octets, the length not among them.
#[inline]
pub(super) fn read(octets: &[u8]) -> Option<SccpAddress> {
    usual(octets).or_else(|| read_any(octets))
}

/// One with a subsystem number and a title in full, of a number that a subscriber or a node has, and no point code, as
/// nearly all are; `None` of any other.
#[inline(always)]
pub(super) fn usual(octets: &[u8]) -> Option<SccpAddress> {
    let &[indicator, ssn, translation_type, plan, nature, ref digits @ ..] = octets else { return None };
    if !Digits::FEW_OCTETS.contains(&digits.len())
        || indicator & !(ROUTE_ON_SSN | NATIONAL) != HAS_SSN | (TitleIndicator::TypePlanAndNature as u8) << 2
    {
        return None;
    }
    let title = GlobalTitle {
        indicator: TitleIndicator::TypePlanAndNature,
        translation_type,
        numbering_plan: NumberingPlan(plan >> 4),
        nature: NatureOfAddress(nature & 0x7f),
        digits: Digits::from_few_packed(digits, is_odd(plan & 0xf, digits)?)?,
    };
    Some(SccpAddress {
        point_code: None,
        ssn: Some(Ssn(ssn)),
        title: Some(title),
        route_on_ssn: indicator & ROUTE_ON_SSN != 0,
        national: indicator & NATIONAL != 0,
    })
}

#[cold]
fn read_any(octets: &[u8]) -> Option<SccpAddress> {
    let mut reader = Reader::new(octets);
    let indicator = reader.u8()?;
    let point_code = if indicator & HAS_POINT_CODE != 0 {
        let [low, high] = reader.array()?;
        Some(PointCode(u32::from(high & 0x3f) << 8 | u32::from(low)))
    } else {
        None
    };
    let ssn = if indicator & HAS_SSN != 0 { Some(Ssn(reader.u8()?)) } else { None };
    let title = match indicator >> 2 & 0xf {
        0 => {
            if !reader.is_empty() {
                return None;
            }
            None
        }
        1 => Some(read_title(TitleIndicator::Nature, reader)?),
        2 => Some(read_title(TitleIndicator::TranslationType, reader)?),
        3 => Some(read_title(TitleIndicator::TypeAndPlan, reader)?),
        4 => Some(read_title(TitleIndicator::TypePlanAndNature, reader)?),
        _ => return None,
    };
    let (route_on_ssn, national) = (indicator & ROUTE_ON_SSN != 0, indicator & NATIONAL != 0);
    Some(SccpAddress { point_code, ssn, title, route_on_ssn, national })
}

fn read_title(indicator: TitleIndicator, mut reader: Reader<'_>) -> Option<GlobalTitle> {
    let mut title = GlobalTitle {
        indicator,
        translation_type: 0,
        numbering_plan: NumberingPlan(0),
        nature: NatureOfAddress(0),
        digits: Digits::EMPTY,
    };
    let mut scheme = EVEN;
    if indicator == TitleIndicator::Nature {
        let octet = reader.u8()?;
        title.numbering_plan = NumberingPlan::E164;
        title.nature = NatureOfAddress(octet & 0x7f);
        scheme = if octet & 0x80 != 0 { ODD } else { EVEN };
    } else {
        title.translation_type = reader.u8()?;
    }
    if matches!(indicator, TitleIndicator::TypeAndPlan | TitleIndicator::TypePlanAndNature) {
        let octet = reader.u8()?;
        title.numbering_plan = NumberingPlan(octet >> 4);
        scheme = octet & 0xf;
    }
    if indicator == TitleIndicator::TypePlanAndNature {
        title.nature = NatureOfAddress(reader.u8()? & 0x7f);
    }
    title.digits = Digits::from_packed(reader.rest(), is_odd(scheme, reader.rest())?)?;
    Some(title)
}

/// Whether a title has an odd number of digits by its encoding scheme.
#[inline(always)]
fn is_odd(scheme: u8, octets: &[u8]) -> Option<bool> {
    // A filler of 15 is no digit, whatever the scheme says.
    let is_odd = (scheme == ODD) | tbcd::has_filler(octets);
    matches!(scheme, ODD | EVEN).then_some(is_odd)
}

/// Address indicator (Q.713 3.4.1).
#[inline]
fn indicator(address: &SccpAddress) -> u8 {
    let flag = |is_set: bool, bits: u8| if is_set { bits } else { 0 };
    flag(address.point_code.is_some(), HAS_POINT_CODE)
        | flag(address.ssn.is_some(), HAS_SSN)
        | address.title.map_or(0, |title| (title.indicator as u8) << 2)
        | flag(address.route_on_ssn, ROUTE_ON_SSN)
        | flag(address.national, NATIONAL)
}

/// Numbering plan with encoding scheme, and nature of address.
const fn plan_and_nature(title: &GlobalTitle) -> (u8, u8) {
    let scheme = if title.digits.len() % 2 == 1 { ODD } else { EVEN };
    (title.numbering_plan.0 << 4 | scheme, title.nature.0 & 0x7f)
}

/// An address whose digits are one word, as [`Prepend::tail`] takes it, and what stands before them, the length included.
pub(super) struct Words {
    digits: (u64, usize),
    front: [u8; 6],
}

impl Words {
    /// One with a subsystem number and a title in full, of 1 to 16 digits, and no point code; `None` of any other.
    #[inline(always)]
    pub(super) fn new(address: &SccpAddress) -> Option<Self> {
        let SccpAddress { point_code: None, ssn: Some(Ssn(ssn)), title: Some(title), .. } = address else {
            return None;
        };
        if title.indicator != TitleIndicator::TypePlanAndNature {
            return None;
        }
        let digits = tbcd::tail(title.digits, 0)?;
        let (plan, nature) = plan_and_nature(title);
        let front = [5 + digits.1 as u8, indicator(address), *ssn, title.translation_type, plan, nature];
        Some(Self { digits, front })
    }

    /// How many octets that is, the length not among them.
    #[inline]
    pub(super) fn len(&self) -> usize {
        5 + self.digits.1
    }

    /// Puts length and address in front.
    #[inline(always)]
    pub(super) fn put(&self, writer: &mut Prepend<'_>) {
        writer.tail(self.digits.0, self.digits.1);
        writer.bytes(&self.front);
    }
}

/// An address as octets, the length not among them.
pub(super) struct Octets {
    octets: [u8; LONGEST],
    length: usize,
}

impl Octets {
    pub(super) fn new(address: &SccpAddress) -> Self {
        let mut this = Self { octets: [0; LONGEST], length: 0 };
        this.push(&[indicator(address)]);
        if let Some(PointCode(point_code)) = address.point_code {
            this.push(&[point_code as u8, (point_code >> 8) as u8 & 0x3f]);
        }
        if let Some(Ssn(ssn)) = address.ssn {
            this.push(&[ssn]);
        }
        if let Some(title) = address.title {
            this.push_title(&title);
        }
        this
    }

    fn push_title(&mut self, title: &GlobalTitle) {
        let count = title.digits.len();
        let is_odd = count % 2 == 1;
        let (plan, nature) = plan_and_nature(title);
        match title.indicator {
            TitleIndicator::Nature => self.push(&[nature | u8::from(is_odd) << 7]),
            TitleIndicator::TranslationType => self.push(&[title.translation_type]),
            TitleIndicator::TypeAndPlan => self.push(&[title.translation_type, plan]),
            TitleIndicator::TypePlanAndNature => self.push(&[title.translation_type, plan, nature]),
        }
        self.push(title.digits.to_packed().get(..count.div_ceil(2)).unwrap_or(&[]));
        if is_odd
            && title.indicator == TitleIndicator::TranslationType
            && let Some(last) = self.length.checked_sub(1).and_then(|last| self.octets.get_mut(last))
        {
            *last |= FILLER;
        }
    }

    fn push(&mut self, octets: &[u8]) {
        if let Some(room) = self.octets.get_mut(self.length..self.length + octets.len()) {
            room.copy_from_slice(octets);
            self.length += octets.len();
        }
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or(&[])
    }
}
