//! ICMP errors about packets of ours (RFC 9260 10). They are believed only if they quote a tag that nobody else knows.

use super::association::{PathState, State, Turn};
use super::view::{chunk, owner_key};
use super::{DownReason, Endpoint};
use crate::base::{Out, Time};
use crate::codec::Reader;
use core::net::IpAddr;

/// What became of a packet of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreachable {
    /// There is no way to the host, or it is not there.
    Host,
    /// The host does not know SCTP.
    Protocol,
    /// It is larger than its path allows, which is this many octets of IP packet (0: not told).
    TooBig(u32),
}

/// What an ICMP error quotes of an SCTP packet: its ports, its tag, and if it reaches so far and the packet is an INIT, the
/// Initiate Tag.
struct Quote {
    ports: (u16, u16),
    tag: u32,
    /// Nothing of the chunk is quoted, or it is an INIT, or another one.
    init: Option<Option<u32>>,
}

impl Quote {
    fn read(quoted: &[u8]) -> Option<Self> {
        let ports = owner_key(quoted)?;
        let mut reader = Reader::new(quoted.get(4..)?);
        let tag = reader.u32()?;
        let _checksum = reader.u32();
        let init = reader.u8().map(|kind| {
            let _flags_and_length = (reader.u8(), reader.u16());
            reader.u32().filter(|_| kind == chunk::INIT)
        });
        Some(Self { ports, tag, init })
    }
}

impl Endpoint {
    /// An ICMP error about a packet from `source`, ours, to `destination`; `quoted` is what it repeats of the packet,
    /// from the SCTP header on.
    #[allow(clippy::too_many_arguments)] // a quoted packet's addresses and octets, and what is said of it
    pub fn unreachable(
        &mut self,
        now: Time,
        source: IpAddr,
        destination: IpAddr,
        quoted: &[u8],
        what: Unreachable,
        out: &mut dyn Out,
    ) {
        self.counts.icmp_in += 1;
        let proved = Quote::read(quoted).and_then(|quote| {
            let (local_port, remote_port) = quote.ports;
            let id = *self.peers.get(&(destination, source, remote_port, local_port))?;
            let association = self.associations.get(usize::from(id))?;
            // With tag 0 only an INIT of ours counts, whose Initiate Tag is ours (ICMP6).
            let is_ours = match quote.tag {
                0 => quote.init.flatten() == Some(association.local_tag),
                tag => tag == association.peer_tag,
            };
            is_ours.then_some((id, quote.tag == 0))
        });
        let Some((id, is_init)) = proved else {
            self.counts.icmp_unproved += 1;
            return;
        };
        self.with(now, super::AssociationId(id), out, |association, turn| {
            association.on_unreachable(turn, destination, what, is_init);
        });
    }
}

impl super::association::Association {
    /// One that is proved.
    fn on_unreachable(&mut self, turn: &mut Turn<'_>, remote: IpAddr, what: Unreachable, is_init: bool) {
        let path = self.path_to(remote);
        match what {
            Unreachable::TooBig(octets) => self.lower_mtu(turn, path, octets),
            // As an ABORT with the T bit would (ICMP8).
            Unreachable::Protocol if !is_init => self.close(turn, DownReason::Aborted { cause: 0 }),
            Unreachable::Protocol if self.state == State::CookieWait => {
                self.close(turn, DownReason::Refused { cause: 0 });
            }
            // An error of the path, but never of the association: anybody on the way may say so (ICMP9).
            Unreachable::Host if self.path_state(path) == PathState::Active && !is_init => {
                self.count_error(turn, path, false);
            }
            Unreachable::Protocol | Unreachable::Host => {}
        }
    }
}
