//! The user data header (TS 23.040 9.2.3.24): information elements in front of the text.

use crate::codec::Reader;

/// One information element.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// Information element identifier.
    pub identifier: u8,
    /// Information element data.
    pub data: &'a [u8],
}

/// Which part of a longer message this is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Concatenation {
    /// What all parts share.
    pub reference: u16,
    /// Whether the reference has 16 bits; parts of both kinds don't belong together.
    pub wide: bool,
    /// How many parts.
    pub total: u8,
    /// Which one, from 1.
    pub number: u8,
}

impl Element<'_> {
    /// The standard's name of the element (TS 23.040 9.2.3.24).
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.identifier {
            0x00 => "concatenated short messages, 8-bit reference",
            0x01 => "special SMS message indication",
            0x04 => "application port addressing, 8 bit",
            0x05 => "application port addressing, 16 bit",
            0x06 => "SMSC control parameters",
            0x07 => "UDH source indicator",
            0x08 => "concatenated short messages, 16-bit reference",
            0x09 => "wireless control message protocol",
            0x0a..=0x1f => "enhanced messaging",
            0x20 => "RFC 822 e-mail header",
            0x21 => "hyperlink format",
            0x22 => "reply address",
            0x24 => "national language single shift",
            0x25 => "national language locking shift",
            0x70..=0x7f => "(U)SIM toolkit security header",
            0x80..=0x9f => "SME to SME specific",
            0xc0..=0xdf => "SC specific",
            _ => "reserved",
        }
    }

    /// Which part of a longer message this is; `None` for other elements, and for ones to be ignored (9.2.3.24.1).
    #[must_use]
    pub fn concatenation(&self) -> Option<Concatenation> {
        let (reference, wide, total, number) = match (self.identifier, self.data) {
            (0x00, &[reference, total, number]) => (u16::from(reference), false, total, number),
            (0x08, &[high, low, total, number]) => (u16::from_be_bytes([high, low]), true, total, number),
            _ => return None,
        };
        (1..=total).contains(&number).then_some(Concatenation { reference, wide, total, number })
    }

    /// Destination and originator port; `None` for other elements.
    #[must_use]
    pub fn ports(&self) -> Option<(u16, u16)> {
        match (self.identifier, self.data) {
            (0x04, &[destination, originator]) => Some((destination.into(), originator.into())),
            (0x05, &[a, b, c, d]) => Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))),
            _ => None,
        }
    }
}

impl core::fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:02x} ({}), {} octets", self.identifier, self.name(), self.data.len())
    }
}

/// The elements of a header, in order; they end early where one is cut off.
#[derive(Clone, Debug)]
pub struct Elements<'a>(Reader<'a>);

impl<'a> Elements<'a> {
    /// Over a header without its length octet.
    pub(super) const fn new(header: &'a [u8]) -> Self {
        Self(Reader::new(header))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (identifier, length) = (self.0.u8()?, self.0.u8()?);
        Some(Element { identifier, data: self.0.take(usize::from(length))? })
    }
}
