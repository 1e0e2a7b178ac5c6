//! What a frame carries and from where, told without a check: for hints, which may be wrong.

use super::view::Ethernet;
use super::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, SCTP, UDP};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outline<'a> {
    /// A datagram's payload, and where it says that it comes from.
    Udp(SocketAddr, &'a [u8]),
    /// An SCTP packet, from its common header on.
    Sctp(&'a [u8]),
}

impl<'a> Outline<'a> {
    /// Of a whole packet without options or extension headers; `None` for any other.
    #[must_use]
    pub fn of(frame: &'a [u8]) -> Option<Self> {
        let ethernet = Ethernet::parse(frame).ok()?;
        let (source, protocol, payload): (IpAddr, u8, _) = match ethernet.ethertype {
            ETHERTYPE_IPV4 => {
                let (fixed, payload) = ethernet.payload.split_first_chunk::<20>()?;
                let &[first, _, _, _, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, ..] = fixed;
                if first != 0x45 || f0 & 0x3f != 0 || f1 != 0 {
                    return None;
                }
                (Ipv4Addr::new(s0, s1, s2, s3).into(), protocol, payload)
            }
            ETHERTYPE_IPV6 => {
                let (&[_, _, _, _, _, _, protocol, _], rest) = ethernet.payload.split_first_chunk::<8>()?;
                let (&source, rest) = rest.split_first_chunk::<16>()?;
                let (_, payload) = rest.split_first_chunk::<16>()?;
                (Ipv6Addr::from(source).into(), protocol, payload)
            }
            _ => return None,
        };
        match protocol {
            SCTP => Some(Self::Sctp(payload)),
            UDP => {
                let (&[p0, p1, ..], text) = payload.split_first_chunk::<8>()?;
                Some(Self::Udp(SocketAddr::new(source, u16::from_be_bytes([p0, p1])), text))
            }
            _ => None,
        }
    }
}
