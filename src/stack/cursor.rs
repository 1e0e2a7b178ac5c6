//! Where a worker stands in what it has received, and room to parse it.

use core::net::IpAddr;

use super::ss7;
use crate::proto::{link, sctp, sip};

/// Where a worker stands in a frame, and room to parse it.
pub struct Cursor {
    pub(super) place: Place,
    /// A packet that came in fragments.
    pub(super) reassembled: link::Reassembled,
    /// Whether it is that which the place is in.
    pub(super) is_reassembled: bool,
    pub(super) components: ss7::Octets,
    pub(super) whole: ss7::Whole,
}

/// Where a worker stands in a packet.
pub(super) struct Place {
    /// The SCTP packet, once the link layer has found it: from, to, and its octets.
    pub(super) packet: Option<(IpAddr, IpAddr, core::ops::Range<usize>)>,
    /// Whether it was a datagram, which holds one thing at most.
    pub(super) datagram: bool,
    pub(super) sctp: sctp::Cursor,
    pub(super) sip: sip::Slots,
    pub(super) embedded: sip::Slots,
}

impl Cursor {
    /// Before any frame, with room for a packet of `longest` octets that comes in fragments.
    pub(super) fn new(longest: usize) -> Self {
        let place = Place {
            packet: None,
            datagram: false,
            sctp: sctp::Cursor::new(),
            sip: sip::Slots::new(),
            embedded: sip::Slots::new(),
        };
        Self {
            place,
            reassembled: link::Reassembled::new(longest),
            is_reassembled: false,
            components: ss7::Octets::EMPTY,
            whole: ss7::Whole::EMPTY,
        }
    }

    /// Before the next frame.
    pub fn reset(&mut self) {
        self.place.packet = None;
        self.place.datagram = false;
        self.place.sctp.reset();
        self.is_reassembled = false;
    }
}
