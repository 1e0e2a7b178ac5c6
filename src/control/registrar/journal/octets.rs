//! How the rows of the store are spelt: numbers with the most significant octet first, texts behind their length.

use crate::codec::Reader;
use crate::ident::{Digits, Identity};
use core::net::{IpAddr, SocketAddr};

/// Writes forwards.
#[derive(Default)]
pub(super) struct Octets(pub(super) Vec<u8>);

impl Octets {
    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    /// At most 255 octets: longer texts have no place in a row.
    pub(super) fn text(&mut self, text: &[u8]) {
        let text = text.get(..text.len().min(255)).unwrap_or_default();
        self.u8(text.len() as u8);
        self.0.extend_from_slice(text);
    }

    /// Digits behind their number, two an octet; none are no digits.
    pub(super) fn digits(&mut self, digits: Option<Digits>) {
        let digits = digits.unwrap_or_default();
        self.u8(digits.len() as u8);
        self.0.extend_from_slice(&digits.to_packed()[..digits.len().div_ceil(2)]);
    }

    /// An empty text is no identity.
    pub(super) fn identity(&mut self, identity: Option<Identity>) {
        self.text(identity.as_ref().map_or(&[], Identity::as_bytes));
    }

    pub(super) fn address(&mut self, address: SocketAddr) {
        match address.ip() {
            IpAddr::V4(ip) => {
                self.u8(4);
                self.0.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                self.u8(16);
                self.0.extend_from_slice(&ip.octets());
            }
        }
        self.u16(address.port());
    }
}

/// Reads what [`Octets`] has written.
pub(super) fn text<'r>(row: &mut Reader<'r>) -> Option<&'r [u8]> {
    let len = row.u8()?;
    row.take(len.into())
}

/// `Some(None)`: there are none.
pub(super) fn digits(row: &mut Reader<'_>) -> Option<Option<Digits>> {
    let len = usize::from(row.u8()?);
    let packed = row.take(len.div_ceil(2))?;
    match len {
        0 => Some(None),
        len => Digits::from_packed(packed, len % 2 == 1).map(Some),
    }
}

/// `Some(None)`: there is none.
pub(super) fn identity(row: &mut Reader<'_>) -> Option<Option<Identity>> {
    match text(row)? {
        [] => Some(None),
        text => Identity::new(text).map(Some),
    }
}

pub(super) fn address(row: &mut Reader<'_>) -> Option<SocketAddr> {
    let ip = match row.u8()? {
        4 => IpAddr::from(row.array::<4>()?),
        16 => IpAddr::from(row.array::<16>()?),
        _ => return None,
    };
    Some(SocketAddr::new(ip, row.u16()?))
}

/// A number of things that are read one by one.
pub(super) fn several<T>(
    row: &mut Reader<'_>,
    most: usize,
    mut one: impl FnMut(&mut Reader<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let count = usize::from(row.u8()?);
    if count > most {
        return None;
    }
    (0..count).map(|_| one(row)).collect()
}
