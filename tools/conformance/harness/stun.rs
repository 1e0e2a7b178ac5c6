//! STUN Binding as UEs use it to keep a flow open (RFC 5626 3.5.2, RFC 8489), by hand.

use super::ber::spell;
use super::peers::{Peers, gateway_for};
use std::net::{IpAddr, SocketAddr};

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// A Binding request with these attributes, whole.
pub fn binding_request(transaction: [u8; 12], attributes: &[u8]) -> Vec<u8> {
    let len = (attributes.len() as u16).to_be_bytes();
    [&[0, 1][..], &len, &COOKIE, &transaction, attributes].concat()
}

/// A SOFTWARE attribute (RFC 8489 14.14) of this many octets, which nobody has to understand.
pub fn software(octets: usize) -> Vec<u8> {
    let text = octets - 4;
    assert_eq!(text % 4, 0, "without padding");
    [&[0x80, 0x22, 0, text as u8][..], &vec![b'x'; text]].concat()
}

/// The success response that tells who sent the request where it comes from, XOR-MAPPED-ADDRESS (RFC 8489 14.2).
pub fn binding_response(transaction: [u8; 12], mapped: SocketAddr) -> Vec<u8> {
    let xored = |octets: &[u8], mask: &[u8]| -> Vec<u8> {
        octets.iter().zip(mask).map(|(octet, mask)| octet ^ mask).collect()
    };
    let mask = [&COOKIE[..], &transaction].concat();
    let port = xored(&mapped.port().to_be_bytes(), &COOKIE);
    let (family, address) = match mapped.ip() {
        IpAddr::V4(ip) => (1, xored(&ip.octets(), &mask)),
        IpAddr::V6(ip) => (2, xored(&ip.octets(), &mask)),
    };
    let value = [&[0, family][..], &port, &address].concat();
    let attribute = [&[0, 0x20, 0, value.len() as u8][..], &value].concat();
    [&[1, 1, 0, attribute.len() as u8][..], &COOKIE, &transaction, &attribute].concat()
}

/// A datagram from the gateway that is no SIP.
#[derive(Clone, Debug)]
pub struct Stun {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub octets: Vec<u8>,
}

impl Peers {
    /// A Binding request from `source` is answered: with the address that it comes from, and nothing else.
    #[track_caller]
    pub fn assert_mapped(&mut self, source: SocketAddr, attributes: &[u8]) {
        let transaction = self.transaction();
        self.send_datagram(source, None, &binding_request(transaction, attributes));
        let answer = self.until("a Binding response", |peers| peers.stun.pop_front());
        assert_eq!((answer.source, answer.destination), (gateway_for(source), source));
        assert_eq!(spell(&answer.octets), spell(&binding_response(transaction, source)));
    }

    /// A datagram from `source` has no answer.
    #[track_caller]
    pub fn assert_unanswered(&mut self, source: SocketAddr, datagram: &[u8]) {
        self.send_datagram(source, None, datagram);
        self.assert_silent();
    }

    /// A transaction id that was not used yet.
    pub fn transaction(&mut self) -> [u8; 12] {
        let number = self.mint() as u32;
        let mut transaction = [0xa5; 12];
        transaction[8..].copy_from_slice(&(0x5a5a_0000 + number).to_be_bytes());
        transaction
    }
}
