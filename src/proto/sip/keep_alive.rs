//! What keeps a flow through a NAT open: line ends, an octet that is zero, or a STUN Binding request (RFC 5626 3.5,
//! RFC 8489).
//!
//! ```text
//!   0                   1                   2                   3
//!   |0 0|  message type             |         message length        |
//!   |                     magic cookie 2112A442                     |
//!   |                     transaction id (96 bits)                  |
//!   |  attributes: type (16), length (16), value, padding to 32     |
//! ```

use core::net::{IpAddr, SocketAddr};

const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const MAGIC_COOKIE: u32 = 0x2112_a442;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const REALM: u16 = 0x0014;
const NONCE: u16 = 0x0015;
const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
/// Attributes from here on may be skipped by who does not know them (RFC 8489 14).
const COMPREHENSION_OPTIONAL: u16 = 0x8000;

/// A datagram that keeps a flow open, and is no SIP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeepAlive {
    /// It asks for no answer: nothing, line ends alone, or one zero.
    Silent,
    /// A STUN Binding request, with its transaction id.
    Binding([u8; 12]),
}

impl KeepAlive {
    /// What keep-alive a datagram is, if it is one. No SIP message begins with a control character but a line end.
    #[inline]
    #[must_use]
    pub fn read(datagram: &[u8]) -> Option<Self> {
        match datagram.first() {
            Some(b' '..) => None,
            Some(b'\r' | b'\n') | None => {
                datagram.iter().all(|octet| matches!(octet, b'\r' | b'\n')).then_some(Self::Silent)
            }
            Some(_) if datagram == [0] => Some(Self::Silent),
            Some(_) => binding_request(datagram).map(Self::Binding),
        }
    }
}

/// The transaction of a STUN Binding request. One with an unknown attribute that has to be understood can't be answered
/// as asked, and is none.
fn binding_request(datagram: &[u8]) -> Option<[u8; 12]> {
    let (head, mut attributes) = datagram.split_first_chunk::<8>()?;
    let &[t0, t1, l0, l1, cookie @ ..] = head;
    let (&transaction, rest) = attributes.split_first_chunk::<12>()?;
    attributes = rest;
    let is_binding =
        u16::from_be_bytes([t0, t1]) == BINDING_REQUEST && u32::from_be_bytes(cookie) == MAGIC_COOKIE;
    if !is_binding || usize::from(u16::from_be_bytes([l0, l1])) != attributes.len() {
        return None;
    }
    while !attributes.is_empty() {
        let (&[t0, t1, l0, l1], rest) = attributes.split_first_chunk::<4>()?;
        let kind = u16::from_be_bytes([t0, t1]);
        // RFC 5626 8: no credentials are asked for, so those that are there need no look.
        let known = matches!(
            kind,
            USERNAME
                | MESSAGE_INTEGRITY
                | REALM
                | NONCE
                | MESSAGE_INTEGRITY_SHA256
                | COMPREHENSION_OPTIONAL..
        );
        let padded = usize::from(u16::from_be_bytes([l0, l1])).next_multiple_of(4);
        attributes = rest.get(padded..).filter(|_| known)?;
    }
    Some(transaction)
}

/// Octets of the answer to a Binding request from an address of that family.
#[must_use]
pub const fn binding_answer_len(source: IpAddr) -> usize {
    match source {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 44,
    }
}

/// Writes the answer to a Binding request from `source`: its address as we see it (RFC 8489 14.2). Gives its length, or
/// `None` if `room` is too short.
pub fn write_binding_answer(transaction: &[u8; 12], source: SocketAddr, room: &mut [u8]) -> Option<usize> {
    let len = binding_answer_len(source.ip());
    let (head, attribute) = room.get_mut(..len)?.split_first_chunk_mut::<20>()?;
    let [c0, c1, c2, c3] = MAGIC_COOKIE.to_be_bytes();
    let mut mask = [0; 16];
    let [t0, t1] = BINDING_SUCCESS.to_be_bytes();
    let (start, id) = head.split_first_chunk_mut::<8>()?;
    *start = [t0, t1, 0, (len - 20) as u8, c0, c1, c2, c3];
    id.copy_from_slice(transaction);
    mask.get_mut(..4)?.copy_from_slice(&[c0, c1, c2, c3]);
    mask.get_mut(4..)?.copy_from_slice(transaction);
    let [a0, a1] = XOR_MAPPED_ADDRESS.to_be_bytes();
    let [p0, p1] = (source.port() ^ (MAGIC_COOKIE >> 16) as u16).to_be_bytes();
    let family = if source.is_ipv4() { 1 } else { 2 };
    let (start, address) = attribute.split_first_chunk_mut::<8>()?;
    *start = [a0, a1, 0, (len - 24) as u8, 0, family, p0, p1];
    let mut octets = [0; 16];
    match source.ip() {
        IpAddr::V4(ip) => octets.get_mut(..4)?.copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => octets = ip.octets(),
    }
    for (place, (octet, mask)) in address.iter_mut().zip(octets.iter().zip(&mask)) {
        *place = octet ^ mask;
    }
    Some(len)
}
