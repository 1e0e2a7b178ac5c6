//! Called and calling party addresses (Q.713 3.4, 3.5).

use crate::codec::Reader;
use crate::ident::{Digits, GlobalTitle, NatureOfAddress, NumberingPlan, PointCode, SccpAddress, Ssn};

/// Octets of the longest address that we write: indicator, point code, subsystem number, title of 30 digits.
pub(super) const LONGEST: usize = 1 + 2 + 1 + 3 + Digits::MAX / 2;

const HAS_POINT_CODE: u8 = 0x01;
const HAS_SSN: u8 = 0x02;
const FORMAT_0100: u8 = 4 << 2;
const ROUTE_ON_SSN: u8 = 0x40;
/// Encoding schemes: BCD with an odd or an even number of digits.
const ODD: u8 = 1;
const EVEN: u8 = 2;

/// The address in these octets, the length not among them.
pub(super) fn read(octets: &[u8]) -> Option<SccpAddress> {
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
        format => Some(read_title(format, reader)?),
    };
    Some(SccpAddress { point_code, ssn, title, route_on_ssn: indicator & ROUTE_ON_SSN != 0 })
}

fn read_title(format: u8, mut reader: Reader<'_>) -> Option<GlobalTitle> {
    let mut title = GlobalTitle {
        translation_type: 0,
        numbering_plan: NumberingPlan(0),
        nature: NatureOfAddress(0),
        digits: Digits::EMPTY,
    };
    let mut scheme = EVEN;
    if format == 1 {
        let octet = reader.u8()?;
        title.numbering_plan = NumberingPlan::E164;
        title.nature = NatureOfAddress(octet & 0x7f);
        scheme = if octet & 0x80 != 0 { ODD } else { EVEN };
    } else {
        title.translation_type = reader.u8()?;
    }
    if matches!(format, 3 | 4) {
        let octet = reader.u8()?;
        title.numbering_plan = NumberingPlan(octet >> 4);
        scheme = octet & 0xf;
    }
    if format == 4 {
        title.nature = NatureOfAddress(reader.u8()? & 0x7f);
    }
    let octets = reader.rest();
    let nibbles = octets.len() * 2;
    // A filler of 15 is no digit, whatever the scheme says.
    let filled = octets.last().is_some_and(|&octet| octet >> 4 == 0xf);
    let count = match (format, scheme) {
        (5.., _) => return None,
        (_, ODD) => nibbles.checked_sub(1)?,
        (_, EVEN) => nibbles - usize::from(filled),
        _ => return None,
    };
    title.digits = Digits::from_packed(octets, count)?;
    Some(title)
}

/// An address as octets, the length not among them; titles in format 0100.
pub(super) struct Octets {
    octets: [u8; LONGEST],
    length: usize,
}

impl Octets {
    pub(super) fn new(address: &SccpAddress) -> Self {
        let mut this = Self { octets: [0; LONGEST], length: 0 };
        let flag = |is_set: bool, bits: u8| if is_set { bits } else { 0 };
        let indicator = flag(address.point_code.is_some(), HAS_POINT_CODE)
            | flag(address.ssn.is_some(), HAS_SSN)
            | flag(address.title.is_some(), FORMAT_0100)
            | flag(address.route_on_ssn, ROUTE_ON_SSN);
        this.push(&[indicator]);
        if let Some(PointCode(point_code)) = address.point_code {
            this.push(&[point_code as u8, (point_code >> 8) as u8 & 0x3f]);
        }
        if let Some(Ssn(ssn)) = address.ssn {
            this.push(&[ssn]);
        }
        if let Some(title) = address.title {
            let count = title.digits.len();
            let scheme = if count % 2 == 1 { ODD } else { EVEN };
            let plan = title.numbering_plan.0 << 4;
            this.push(&[title.translation_type, plan | scheme, title.nature.0 & 0x7f]);
            this.push(title.digits.to_packed().get(..count.div_ceil(2)).unwrap_or(&[]));
        }
        this
    }

    fn push(&mut self, octets: &[u8]) {
        if let Some(room) = self.octets.get_mut(self.length..self.length + octets.len()) {
            room.copy_from_slice(octets);
            self.length += octets.len();
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or(&[])
    }
}
