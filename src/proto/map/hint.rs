//! For whom short messages in a packet probably are, told without reading the layers above it.

use super::read_imsi;
use crate::ident::Imsi;
use memchr::memmem::Finder;

/// How an IMSI begins as SM-RP-DA (TS 29.002 17.7.6): its tag, and the octets of 15 digits.
const DESTINATION: [u8; 2] = [0x80, 8];
/// The lower layers and the dialogue portion, or less, stand before it.
const BEFORE: usize = 64;

/// Finds recipients in packets.
pub struct Hinter {
    destination: Finder<'static>,
}

impl Hinter {
    /// One for all packets.
    #[must_use]
    pub fn new() -> Self {
        Self { destination: Finder::new(&DESTINATION) }
    }

    /// The recipients of the messages in an SCTP packet, as they may be.
    pub fn recipients<'a>(&'a self, packet: &'a [u8]) -> impl Iterator<Item = Imsi> + 'a {
        let octets = packet.get(BEFORE..).unwrap_or(&[]);
        self.destination.find_iter(octets).filter_map(|at| read_imsi(octets.get(at + 2..at + 10)?))
    }
}

impl Default for Hinter {
    fn default() -> Self {
        Self::new()
    }
}
