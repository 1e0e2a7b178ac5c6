//! The link and network layers: Ethernet, VLAN, ARP, NDP, IPv4, IPv6, ICMP and UDP.
//!
//! ```text
//!   frame ──► Ethernet ─┬─ ARP ─────────────► neighbour table      (RFC 826)
//!             802.1Q    ├─ IPv4 ─┬─ ICMP ───► echo, errors         (RFC 791, RFC 792)
//!                       │        ├─ UDP ────► Input::Udp           (RFC 768)
//!                       │        └─ SCTP ───► Input::Sctp
//!                       └─ IPv6 ─┬─ ICMPv6 ─► echo, errors, NDP    (RFC 8200, RFC 4443, RFC 4861)
//!                                └─ UDP, SCTP
//!             fragments ──► train ─────────► Input::Reassembled    (RFC 8200 4.5, RFC 5722, RFC 6946)
//!             TCP ─────► exception port ─► the host's kernel ─► route
//!   payload ─► route ─► neighbour ─► headers ─► frame
//! ```
//!
//! One [`Link`] belongs to one worker. A message about a neighbour comes to one worker only; [`Input::Learned`] is what
//! it tells the others, who take it in by [`Link::learn`].
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod build;
mod checksum;
mod forward;
mod fragments;
mod icmp;
mod input;
mod interface;
mod neighbour;
mod outline;
mod output;
mod path_mtu;
mod reassembly;
mod resolution;
mod route;
#[cfg(test)]
mod tests;
mod view;

use core::net::IpAddr;
use core::time::Duration;

pub use forward::Exception;
pub use icmp::{Cause, Unreachable};
pub use neighbour::{Evidence, Neighbour};
pub use outline::Outline;
pub use reassembly::{KnownHosts, Part, Reassembled, ReassemblyConfig};

use crate::base::{Frames, Layer, Malformed, PortId, SipKey, Time, counts};
use crate::ident::WorkerId;
use interface::Interfaces;
use neighbour::Neighbours;
use path_mtu::PathMtus;
use reassembly::Reassembly;
use route::Routes;

/// A hardware address.
type Mac = [u8; 6];

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_VLAN: u16 = 0x8100;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const NO_NEXT_HEADER: u8 = 59;
const SCTP: u8 = 132;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// Differentiated services code point of signalling (RFC 4594 §3.1).
const CS5: u8 = 40;

/// An address of ours on a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnAddress {
    /// The address.
    pub address: IpAddr,
    /// Prefix length of its link.
    pub prefix: u8,
    /// The VLAN where it stands, 1 to 4094.
    pub vlan: Option<u16>,
}

/// A port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortConfig {
    /// Its hardware address.
    pub mac: [u8; 6],
    /// The largest IP packet there, in octets.
    pub mtu: u16,
    /// Our addresses there.
    pub addresses: Vec<OwnAddress>,
}

/// Where packets go that are not for a neighbour. The prefixes of own addresses need no route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// The destinations' address prefix.
    pub prefix: IpAddr,
    /// Its length; the longest that covers a destination wins.
    pub length: u8,
    /// The next hop; without one, the destinations are neighbours.
    pub gateway: Option<IpAddr>,
    /// The port where it is.
    pub port: PortId,
    /// The own address for packets that don't bring one; by default one whose prefix covers the gateway.
    pub source: Option<IpAddr>,
}

/// All that a [`Link`] has to know.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// Whose link it is.
    pub worker: WorkerId,
    /// How many workers there are.
    pub workers: u8,
    /// This process's secret, the same for all workers.
    pub key: SipKey,
    /// The ports, by number.
    pub ports: Vec<PortConfig>,
    /// Routes. Of equal ones, that which the packet's source address stands on is taken, else the first.
    pub routes: Vec<Route>,
    /// Open UDP ports; for others the sender gets ICMP port unreachable.
    pub udp_ports: Vec<u16>,
    /// Room for neighbours, gateways included.
    pub neighbours: usize,
    /// Room for packets that wait for a neighbour's hardware address.
    pub waiting: usize,
    /// Differentiated services code point of SCTP packets, 0 to 63.
    pub sctp_dscp: u8,
    /// Differentiated services code point of UDP packets, 0 to 63.
    pub udp_dscp: u8,
    /// Room for packets that arrive in fragments. What is sent in fragments may be as long.
    pub reassembly: ReassemblyConfig,
    /// The port towards the host's kernel, if there is one.
    pub exception: Option<Exception>,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            worker: WorkerId(0),
            workers: 1,
            key: SipKey::new([0; 16]),
            ports: Vec::new(),
            routes: Vec::new(),
            udp_ports: Vec::new(),
            neighbours: 1024,
            waiting: 256,
            sctp_dscp: CS5,
            udp_dscp: CS5,
            reassembly: ReassemblyConfig::default(),
            exception: None,
        }
    }
}

/// What a frame was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// A UDP datagram to an open port.
    Udp(Datagram<'a>),
    /// An SCTP packet; nothing in it is checked yet.
    Sctp(Packet<'a>),
    /// A packet of ours did not arrive.
    Unreachable(Unreachable<'a>),
    /// A neighbour told its hardware address: for the other workers.
    Learned(Neighbour),
    /// Answered, absorbed or dropped here, and counted.
    Handled,
    /// A fragment of a packet that another worker puts together.
    Elsewhere(WorkerId),
    /// The last fragment of a packet, which [`Link::take_reassembled`] gives.
    Reassembled,
    /// A TCP segment to an own address, or an ICMP error about one: for an exception port, of which there is none.
    Other,
}

/// A UDP datagram that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Datagram<'a> {
    /// The sender.
    pub source: IpAddr,
    /// An own address.
    pub destination: IpAddr,
    /// The sender's port.
    pub source_port: u16,
    /// An open port.
    pub destination_port: u16,
    /// What it carries.
    pub payload: &'a [u8],
}

/// An IP packet that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    /// The sender.
    pub source: IpAddr,
    /// An own address.
    pub destination: IpAddr,
    /// What it carries.
    pub payload: &'a [u8],
}

macro_rules! why {
    ($($(#[doc = $about:literal])* $name:ident = $text:literal,)*) => {
        /// Why a frame was refused.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Why { $($(#[doc = $about])* $name,)* }

        /// Names of the reasons, by number.
        pub const WHY: &[&str] = &[$($text,)*];
    };
}

why! {
    /// The frame ends within its Ethernet header or VLAN tag.
    EthernetShort = "ethernet_short",
    /// The Ethernet source is a group address.
    EthernetSource = "ethernet_source",
    /// The frame ends within the ARP message.
    ArpShort = "arp_short",
    /// ARP for something else than IPv4 over Ethernet.
    ArpFormat = "arp_format",
    /// Neither an ARP request nor a reply.
    ArpOperation = "arp_operation",
    /// The ARP sender's hardware address is not a station's.
    ArpSender = "arp_sender",
    /// The frame ends within the IPv4 header.
    Ipv4Short = "ipv4_short",
    /// The version is not 4.
    Ipv4Version = "ipv4_version",
    /// Below 20 octets, or longer than the packet.
    Ipv4HeaderLength = "ipv4_header_length",
    /// The packet is longer than the frame.
    Ipv4Length = "ipv4_length",
    /// The header checksum is wrong.
    Ipv4Checksum = "ipv4_checksum",
    /// The frame ends within the IPv6 header.
    Ipv6Short = "ipv6_short",
    /// The version is not 6.
    Ipv6Version = "ipv6_version",
    /// The packet is longer than the frame.
    Ipv6Length = "ipv6_length",
    /// An extension header is cut off or stands in the wrong place.
    Ipv6Extension = "ipv6_extension",
    /// A routing header with segments left.
    Ipv6Routing = "ipv6_routing",
    /// An option is cut off, or unknown and may not be skipped.
    Ipv6Option = "ipv6_option",
    /// The packet ends within the UDP header.
    UdpShort = "udp_short",
    /// The datagram's length is below 8 or above the packet's.
    UdpLength = "udp_length",
    /// The UDP checksum is wrong.
    UdpChecksum = "udp_checksum",
    /// No UDP checksum, over IPv6.
    UdpNoChecksum = "udp_no_checksum",
    /// The packet ends within the ICMP header.
    IcmpShort = "icmp_short",
    /// The ICMP checksum is wrong.
    IcmpChecksum = "icmp_checksum",
    /// An ICMP error quotes too little, or no IP packet.
    IcmpQuote = "icmp_quote",
    /// The packet ends within the neighbour message.
    NdpShort = "ndp_short",
    /// A neighbour message that has passed a router.
    NdpHopLimit = "ndp_hop_limit",
    /// A neighbour message against RFC 4861 §7.1: code, target, or what may not go together.
    NdpFormat = "ndp_format",
    /// A neighbour message's option is cut off or empty.
    NdpOption = "ndp_option",
}

impl Why {
    const fn at(self, offset: usize) -> Malformed {
        Malformed::new(Layer::Link, self as u8, offset)
    }
}

counts! {
    /// What a [`Link`] has done.
    pub struct LinkCounts {
        /// Frames received.
        frames_in,
        /// Frames sent.
        frames_out,
        /// Frames to another station's hardware address.
        other_station,
        /// IP packets in a frame to a group of stations.
        group_frame,
        /// Frames on a VLAN without an own address.
        unknown_vlan,
        /// Frames of a type that is not ours.
        unknown_ethertype,
        /// IP packets to an address that is not ours there.
        other_address,
        /// IP packets whose source is no host's, or is ours.
        bad_source,
        /// IP fragments received.
        fragments,
        /// Packets put together of their fragments.
        reassembled,
        /// Fragments that had come before.
        fragments_repeated,
        /// Fragments that carry nothing.
        fragments_empty,
        /// Fragments cut elsewhere than at a multiple of eight octets.
        fragments_uneven,
        /// Fragments that are shorter than any link makes them.
        fragments_tiny,
        /// Fragments that lead beyond the longest packet there is room for.
        fragments_too_long,
        /// Fragments that share octets with others: their packet is refused.
        fragments_overlapping,
        /// Fragments behind the end of their packet, or with another end: their packet is refused.
        fragments_beyond,
        /// Further fragments of refused packets.
        fragments_of_refused,
        /// Fragments for which there was no room.
        reassembly_full,
        /// Fragments whose source has too many packets under way already.
        reassembly_source_full,
        /// Packets not all of whose fragments came in time.
        reassembly_late,
        /// UDP datagrams received on open ports.
        udp_in,
        /// SCTP packets received.
        sctp_in,
        /// Packets for the exception port.
        other_in,
        /// Packets given to the kernel, by the exception port.
        to_kernel,
        /// Packets of the kernel's sent on.
        from_kernel,
        /// Packets of the kernel's that don't go from an own address to another's.
        kernel_bad_source,
        /// Frames of the kernel's that are no TCP and no ICMP about it.
        kernel_ignored,
        /// Packets of the kernel's that are longer than the link that they would leave by takes.
        kernel_too_long,
        /// Echo requests answered.
        echoes,
        /// ICMP errors about packets of ours.
        unreachable_in,
        /// ICMP messages that nothing is done about.
        icmp_ignored,
        /// ICMP errors sent.
        errors_out,
        /// ICMP errors not sent because there have been many.
        errors_withheld,
        /// Questions for an own address answered by ARP or NDP.
        resolutions_answered,
        /// ARP and NDP messages that told nothing new or were not for us.
        resolutions_ignored,
        /// ARP and NDP messages whose sender is not on the link.
        off_link_senders,
        /// Another station claims an own address.
        conflicts,
        /// ARP requests and neighbour solicitations sent.
        solicitations,
        /// Neighbours whose hardware address became known.
        neighbours_learned,
        /// Neighbours whose hardware address changed.
        neighbours_changed,
        /// Neighbours that stopped answering, or never did.
        neighbours_silent,
        /// No room for a neighbour.
        neighbours_full,
        /// Packets that had to wait for a hardware address.
        held,
        /// Packets dropped because too many were waiting.
        held_full,
        /// Packets dropped because their next hop did not answer.
        unresolved,
        /// Packets dropped because no route leads to their destination.
        no_route,
        /// Packets dropped because they are larger than the MTU or the buffer.
        too_long,
        /// Packets sent in fragments.
        fragmented,
        /// Paths that carry less than was believed.
        paths_lowered,
    }
}

/// ICMP errors that may still be sent (RFC 1812 §4.3.2.8, RFC 4443 §2.4 f): a bucket of tokens.
struct Allowance {
    tokens: u32,
    filled: Time,
}

impl Allowance {
    const BURST: u32 = 50;
    const INTERVAL: Duration = Duration::from_millis(10);

    fn take(&mut self, now: Time) -> bool {
        let earned = now.since(self.filled).as_nanos() / Self::INTERVAL.as_nanos();
        if earned >= u128::from(Self::BURST) {
            (self.tokens, self.filled) = (Self::BURST, now);
        } else {
            self.tokens = self.tokens.saturating_add(earned as u32).min(Self::BURST);
            self.filled += Self::INTERVAL * earned as u32;
        }
        let is_allowed = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        is_allowed
    }
}

/// The link and network layers of one worker.
pub struct Link {
    /// What it has done.
    pub counts: LinkCounts,
    interfaces: Interfaces,
    routes: Routes,
    neighbours: Neighbours,
    udp_ports: Box<[u16]>,
    errors: Allowance,
    sctp_dscp: u8,
    udp_dscp: u8,
    worker: WorkerId,
    workers: u8,
    reassembly: Reassembly,
    pieces: output::Pieces,
    path_mtus: PathMtus,
    exception: Option<Exception>,
}

impl Link {
    /// A link with nothing known yet.
    ///
    /// # Errors
    ///
    /// What is wrong with the configuration, in words.
    pub fn new(config: LinkConfig) -> Result<Self, String> {
        let LinkConfig { worker, workers, key, ports, routes, mut udp_ports, .. } = config;
        let LinkConfig { neighbours, waiting, sctp_dscp, udp_dscp, reassembly, exception, .. } = config;
        if sctp_dscp > 63 || udp_dscp > 63 {
            return Err("a differentiated services code point is above 63".into());
        }
        if neighbours > 1 << 20 || waiting > 1 << 16 {
            return Err("room for neighbours is limited to 1048576, for waiting packets to 65536".into());
        }
        let interfaces = Interfaces::new(&ports)?;
        let longest = ports.iter().map(|port| usize::from(port.mtu)).max().unwrap_or(0);
        let mut neighbours = Neighbours::new(neighbours, waiting, longest + build::ETHERNET);
        let routes = Routes::new(&ports, &routes, &interfaces, &mut neighbours)?;
        if let Some(Exception { port, kernel }) = exception {
            let is_bare = ports.get(usize::from(port.0)).is_some_and(|port| port.addresses.is_empty());
            if !is_bare || !view::HardwareAddress::is_station(&kernel) {
                return Err(
                    "the exception port has no addresses, and the kernel's end a station's MAC address"
                        .into(),
                );
            }
        }
        udp_ports.sort_unstable();
        udp_ports.dedup();
        Ok(Self {
            counts: LinkCounts::default(),
            interfaces,
            routes,
            neighbours,
            udp_ports: udp_ports.into(),
            errors: Allowance { tokens: Allowance::BURST, filled: Time::ZERO },
            sctp_dscp,
            udp_dscp,
            worker,
            workers,
            pieces: output::Pieces::new(worker, workers, &key, reassembly.octets),
            reassembly: Reassembly::new(&reassembly, &key, workers)?,
            path_mtus: PathMtus::new(&key),
            exception,
        })
    }

    /// The own address for packets to `destination`, or `None` if no route leads there.
    #[must_use]
    pub fn source_for(&self, destination: IpAddr) -> Option<IpAddr> {
        self.routes.hops(interface::key(destination)).first().map(|hop| hop.source)
    }

    /// How many workers there are.
    #[must_use]
    pub const fn workers(&self) -> u8 {
        self.workers
    }

    /// Whether `address` is ours.
    #[must_use]
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.interfaces.is_own(interface::key(address))
    }

    /// A router told, and it is proved that it saw a packet of ours, that a path carries no more than `mtu` octets of IP packet:
    /// longer datagrams go there in fragments, for ten minutes. Whether that is news.
    pub fn lower_mtu(&mut self, now: Time, destination: IpAddr, mtu: u32) -> bool {
        let is_news = mtu != 0 && self.path_mtus.lower(now, destination, mtu);
        self.counts.paths_lowered += u64::from(is_news);
        is_news
    }

    /// Takes in what another worker has learned, and sends what waited for it.
    pub fn learn(&mut self, now: Time, neighbour: Neighbour, frames: &mut dyn Frames) {
        let vlan = neighbour.vlan.unwrap_or(0);
        if let Some(interface) = self.interfaces.find(neighbour.port, vlan) {
            self.take_in(now, interface, neighbour, frames);
        }
    }

    /// Asks for the neighbours that it is time to ask for, forgets those that nobody needs, and gives up packets whose
    /// fragments did not all come.
    pub fn handle_timeout(&mut self, now: Time, frames: &mut dyn Frames) {
        if now >= self.reassembly.next() {
            self.expire_fragments(now, frames);
        }
        if now < self.neighbours.next() {
            return;
        }
        self.neighbours.begin();
        for at in 0..self.neighbours.len() {
            if let Some(question) = self.neighbours.due(now, at, &mut self.counts) {
                self.ask(&question, frames);
            }
        }
        if cfg!(debug_assertions) {
            self.assert_invariants();
        }
    }

    /// When [`Self::handle_timeout`] has something to do, or earlier.
    #[must_use]
    pub fn poll_timeout(&self) -> Time {
        self.neighbours.next().min(self.reassembly.next())
    }

    /// Of these sources fragments find room from now on whatever strangers send.
    pub fn set_known(&mut self, known: KnownHosts) {
        self.reassembly.set_known(known);
    }

    /// How full the tables are: name, used, size.
    pub fn fill(&self, visit: &mut dyn FnMut(&'static str, usize, usize)) {
        let (used, size) = self.reassembly.fill();
        visit("ip_reassemblies", used, size);
    }

    /// How many packets wait for a hardware address.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.neighbours.held()
    }

    /// Panics if the state contradicts itself.
    pub fn assert_invariants(&self) {
        self.neighbours.assert_invariants();
        self.reassembly.assert_invariants();
        self.path_mtus.assert_invariants();
        assert!(self.errors.tokens <= Allowance::BURST);
    }
}
