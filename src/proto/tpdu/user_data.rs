//! TP-User-Data with its length and header (TS 23.040 9.2.3.16, 9.2.3.24).

use super::{Alphabet, CodingScheme, Elements};
use crate::codec::{Prepend, Reader, gsm7};

/// The user data of one TPDU, whose length fits its octets and whose header, if it has one, fits in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UserData<'a> {
    coding: CodingScheme,
    has_header: bool,
    length: u8,
    octets: &'a [u8],
}

/// Why user data can't be read.
pub(super) enum Wrong {
    Length,
    Header,
}

impl<'a> UserData<'a> {
    /// The most octets in a message; reports have a little more.
    pub const MAX: usize = 140;

    /// No user data.
    pub const EMPTY: Self = Self { coding: CodingScheme::GSM7, has_header: false, length: 0, octets: &[] };

    pub(super) fn read(
        reader: &mut Reader<'a>,
        coding: CodingScheme,
        has_header: bool,
        most: usize,
    ) -> Result<Self, Wrong> {
        let length = reader.u8().ok_or(Wrong::Length)?;
        Self::new(coding, has_header, length, reader, most)
    }

    fn new(
        coding: CodingScheme,
        has_header: bool,
        length: u8,
        reader: &mut Reader<'a>,
        most: usize,
    ) -> Result<Self, Wrong> {
        let count = usize::from(length);
        let needed = if coding.counts_septets() { gsm7::octets_of(count) } else { count };
        let octets = reader.take(needed).filter(|_| needed <= most).ok_or(Wrong::Length)?;
        let data = Self { coding, has_header, length, octets };
        let whole = match octets.first() {
            // The text starts at or before the end, fill bits included.
            Some(header) if has_header => usize::from(*header).checked_add(1).is_some_and(|header| {
                let border = header.saturating_mul(8).saturating_add(gsm7::fill_bits(header)) / 7;
                header <= octets.len() && (!coding.counts_septets() || border <= count)
            }),
            other => other.is_some() || !has_header,
        };
        if whole { Ok(data) } else { Err(Wrong::Header) }
    }

    pub(super) fn write(&self, writer: &mut Prepend<'_>, most: usize) {
        if self.octets.len() > most {
            writer.fail();
        }
        writer.bytes(self.octets);
        writer.u8(self.length);
    }

    /// User data of these octets, header included, for a coding that counts octets; `None` if it counts septets, or there
    /// are more than 140 or the header doesn't fit in.
    #[must_use]
    pub fn from_octets(coding: CodingScheme, has_header: bool, octets: &'a [u8]) -> Option<Self> {
        let length = u8::try_from(octets.len()).ok().filter(|_| !coding.counts_septets())?;
        Self::new(coding, has_header, length, &mut Reader::new(octets), Self::MAX).ok()
    }

    /// A text in the GSM alphabet behind `header` (elements without the length octet, or nothing), packed into `room`.
    /// `None` if it doesn't fit or has other characters.
    #[must_use]
    pub fn from_gsm7(
        coding: CodingScheme,
        header: &[u8],
        text: &str,
        room: &'a mut [u8; UserData::MAX],
    ) -> Option<Self> {
        if !coding.counts_septets() {
            return None;
        }
        let before = put_header(header, room)?;
        let first_bit = before.checked_mul(8)?.checked_add(gsm7::fill_bits(before))?;
        // The bits between are no part of either.
        if let Some(fill) = room.get_mut(before) {
            *fill = 0;
        }
        let septets = gsm7::pack_text(text, first_bit, room)?.checked_add(first_bit / 7)?;
        let octets = room.get(..gsm7::octets_of(septets))?;
        Some(Self { coding, has_header: before > 0, length: u8::try_from(septets).ok()?, octets })
    }

    /// A text in UTF-16 behind `header`, written into `room`. `None` if it doesn't fit.
    #[must_use]
    pub fn from_ucs2(
        coding: CodingScheme,
        header: &[u8],
        text: &str,
        room: &'a mut [u8; UserData::MAX],
    ) -> Option<Self> {
        let before = put_header(header, room)?;
        let mut end = before;
        for unit in text.encode_utf16() {
            let next = end.checked_add(2)?;
            room.get_mut(end..next)?.copy_from_slice(&unit.to_be_bytes());
            end = next;
        }
        let octets = room.get(..end)?;
        Some(Self { has_header: before > 0, ..Self::from_octets(coding, false, octets)? })
    }

    /// 8-bit data behind `header`, written into `room`. `None` if it doesn't fit.
    #[must_use]
    pub fn from_binary(
        coding: CodingScheme,
        header: &[u8],
        data: &[u8],
        room: &'a mut [u8; UserData::MAX],
    ) -> Option<Self> {
        let before = put_header(header, room)?;
        let end = before.checked_add(data.len())?;
        room.get_mut(before..end)?.copy_from_slice(data);
        let octets = room.get(..end)?;
        Some(Self { has_header: before > 0, ..Self::from_octets(coding, false, octets)? })
    }

    /// TP-Data-Coding-Scheme that it is read by.
    #[must_use]
    pub const fn coding(&self) -> CodingScheme {
        self.coding
    }

    /// TP-User-Data-Header-Indicator.
    #[must_use]
    pub const fn has_header(&self) -> bool {
        self.has_header
    }

    /// TP-User-Data-Length: septets or octets, as the coding says.
    #[must_use]
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// All octets, header included.
    #[must_use]
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// Octets of the header with its length octet; 0 without a header.
    fn header_octets(&self) -> usize {
        match self.octets.first() {
            Some(length) if self.has_header => usize::from(*length).saturating_add(1),
            _ => 0,
        }
    }

    /// The elements of the header.
    #[must_use]
    pub fn elements(&self) -> Elements<'a> {
        Elements::new(self.octets.get(1..self.header_octets()).unwrap_or(&[]))
    }

    /// What follows the header, as octets; a text in the GSM alphabet begins after some fill bits.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.octets.get(self.header_octets()..).unwrap_or(&[])
    }

    /// The text's characters; none for 8-bit and compressed data. Halves of surrogate pairs read as U+FFFD.
    pub fn characters(&self) -> impl Iterator<Item = char> + use<'a> {
        let header = self.header_octets();
        let first_bit = header.saturating_mul(8).saturating_add(gsm7::fill_bits(header));
        let plain = !self.coding.is_compressed();
        let septets = match self.coding.alphabet() {
            Alphabet::Gsm7 if plain => usize::from(self.length).saturating_sub(first_bit / 7),
            _ => 0,
        };
        let units = match self.coding.alphabet() {
            Alphabet::Ucs2 if plain => self.body(),
            _ => &[],
        };
        let units = units
            .chunks_exact(2)
            .map(|unit| unit.iter().fold(0, |sum: u16, &octet| sum << 8 | u16::from(octet)));
        gsm7::characters(gsm7::unpack(self.octets, first_bit, septets))
            .chain(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)))
    }
}

/// Puts a header with its length octet at the front of `room`; returns how many octets that took, none for no header.
fn put_header(header: &[u8], room: &mut [u8]) -> Option<usize> {
    if header.is_empty() {
        return Some(0);
    }
    let end = header.len().checked_add(1)?;
    room.get_mut(1..end)?.copy_from_slice(header);
    *room.first_mut()? = u8::try_from(header.len()).ok()?;
    Some(end)
}

impl core::fmt::Debug for UserData<'_> {
    /// Never the contents: debug output may reach a log.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} of {:?}{}", self.length, self.coding, if self.has_header { " with header" } else { "" })
    }
}
