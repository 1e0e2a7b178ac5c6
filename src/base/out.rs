//! Where protocols put what they send: the caller's transmit buffers.

use core::net::IpAddr;
use core::ops::Range;

/// Octets kept free in front of an IP payload for the Ethernet, VLAN, IP and UDP headers.
pub const HEADROOM: usize = 128;

/// A network port of the gateway, by its place in the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct PortId(pub u8);

/// Names a connection of a stream thread, as long as it is open; stale afterwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    /// The stream thread that has it.
    pub thread: u8,
    /// Its place there.
    pub slot: u32,
    /// How often the place had been used before.
    pub generation: u32,
}

/// A connection that a message came by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Connection {
    /// Which one.
    pub id: ConnectionId,
    /// TLS rather than plain TCP.
    pub secure: bool,
}

/// What carries a payload over IP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Transport {
    /// A whole SCTP packet, checksum included (protocol 132).
    Sctp,
    /// The same, larger than a path allows: IP may fragment it (RFC 9260 6.9).
    SctpInFragments,
    /// The body of a UDP datagram (protocol 17).
    Udp {
        /// Our port.
        source_port: u16,
        /// The peer's port.
        destination_port: u16,
    },
    /// A whole message by a stream that is open.
    Stream {
        /// The connection.
        connection: Connection,
        /// The peer's port to connect to if that is no longer open (RFC 3261 18.2.2); 0 if there is none, as for a flow
        /// that the peer alone can open (RFC 5626 4.2).
        destination_port: u16,
    },
    /// A whole message by a stream to a peer, over a connection that is to be found or made.
    StreamTo {
        /// The peer's port.
        destination_port: u16,
        /// TLS rather than plain TCP.
        secure: bool,
    },
}

impl Transport {
    /// Whether it is a stream, which is reliable: nothing is repeated over it.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::Stream { .. } | Self::StreamTo { .. })
    }

    /// Whether it is SCTP.
    #[must_use]
    pub const fn is_sctp(self) -> bool {
        matches!(self, Self::Sctp | Self::SctpInFragments)
    }
}

/// From where to where a payload goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Flow {
    /// Our address.
    pub source: IpAddr,
    /// The peer's address.
    pub destination: IpAddr,
    /// What carries it.
    pub transport: Transport,
}

/// The caller's output, for protocols over IP: a buffer for one payload at a time.
pub trait Out {
    /// Room for one payload, at least 1,480 octets (an SCTP packet in 1,500 of IPv4), or `None` when no buffer is free (the caller counts that).
    /// Asked again without a [`Out::commit`] between, it is the same room.
    fn room(&mut self) -> Option<&mut [u8]>;

    /// Room for one datagram that is longer than a packet of most links, which then goes in fragments; at least what
    /// [`Out::room`] gives, and as much as is configured for datagrams.
    fn long_room(&mut self) -> Option<&mut [u8]> {
        self.room()
    }

    /// Sends the first `len` octets of the room last given.
    fn commit(&mut self, len: usize, flow: Flow);

    /// What came by that stream gets no answer: nobody is to wait for one.
    fn no_answer(&mut self, flow: Flow) {
        let _ = flow;
    }
}

/// The caller's output, for the link layer: a buffer for one Ethernet frame at a time.
pub trait Frames {
    /// An empty buffer of at least 2,048 octets, or `None` when no buffer is free (the caller counts that).
    /// Asked again without a [`Frames::send`] between, it is the same buffer.
    fn buffer(&mut self) -> Option<&mut [u8]>;

    /// Sends `range` of the buffer last given on `port`.
    fn send(&mut self, port: PortId, range: Range<usize>);
}
