//! Writes SCTP packets: the common header, then chunks one behind the other, then the checksum.

use super::COMMON_HEADER;
use super::view::{checksum, parameter};
use core::net::IpAddr;

/// A packet being written into a transmit buffer. What doesn't fit marks the packet as overflowed.
pub struct PacketWriter<'b> {
    buffer: &'b mut [u8],
    at: usize,
    overflowed: bool,
}

impl<'b> PacketWriter<'b> {
    /// Starts a packet of at most `limit` octets with its common header.
    pub fn new(room: &'b mut [u8], limit: usize, ports: (u16, u16), tag: u32) -> Self {
        let limit = limit.min(room.len());
        let mut writer = Self { buffer: room.split_at_mut(limit).0, at: 0, overflowed: false };
        writer.u16(ports.0);
        writer.u16(ports.1);
        writer.u32(tag);
        writer.u32(0);
        writer
    }

    /// Whether an element of `length` octets still fits.
    #[must_use]
    pub const fn fits(&self, length: usize) -> bool {
        self.at.next_multiple_of(4) + length <= self.buffer.len()
    }

    /// Octets that the next element may have.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.buffer.len().saturating_sub(self.at.next_multiple_of(4))
    }

    /// Whether there is no chunk yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.at <= COMMON_HEADER
    }

    /// Appends octets.
    pub fn bytes(&mut self, bytes: &[u8]) {
        match self.buffer.get_mut(self.at..).and_then(|rest| rest.get_mut(..bytes.len())) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.at += bytes.len();
            }
            None => self.overflowed = true,
        }
    }

    /// Appends one octet.
    pub fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    /// Appends two octets, most significant first.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    /// Appends four octets, most significant first.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Appends a chunk whose contents `body` writes.
    pub fn chunk(&mut self, kind: u8, flags: u8, body: impl FnOnce(&mut Self)) {
        self.pad();
        let start = self.at;
        self.u8(kind);
        self.u8(flags);
        self.u16(0);
        body(self);
        self.close(start);
    }

    /// Appends a parameter or error cause whose contents `body` writes.
    pub fn tlv(&mut self, kind: u16, body: impl FnOnce(&mut Self)) {
        self.pad();
        let start = self.at;
        self.u16(kind);
        self.u16(0);
        body(self);
        self.close(start);
    }

    /// Appends an address parameter.
    pub fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.tlv(parameter::IPV4, |w| w.bytes(&address.octets())),
            IpAddr::V6(address) => self.tlv(parameter::IPV6, |w| w.bytes(&address.octets())),
        }
    }

    /// Writes the length of the element that began at `start`. Its padding comes with the next element: a chunk's
    /// length counts the padding of every parameter but the last (RFC 9260 3.2).
    fn close(&mut self, start: usize) {
        let length = (self.at - start) as u16;
        if let Some(field) = self.buffer.get_mut(start + 2..).and_then(<[u8]>::first_chunk_mut) {
            *field = length.to_be_bytes();
        }
    }

    /// Fills up to a multiple of four octets.
    pub fn pad(&mut self) {
        let zeros = [0; 3];
        self.bytes(zeros.get(..self.at.next_multiple_of(4) - self.at).unwrap_or(&[]));
    }

    /// Writes the checksum and gives the packet's length, or `None` if something did not fit.
    #[must_use]
    pub fn finish(mut self) -> Option<usize> {
        self.pad();
        if self.overflowed {
            return None;
        }
        let packet = self.buffer.get_mut(..self.at)?;
        let sum = checksum(packet);
        *packet.get_mut(8..)?.first_chunk_mut()? = sum.to_le_bytes();
        Some(self.at)
    }
}
