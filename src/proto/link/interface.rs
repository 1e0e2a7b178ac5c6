//! Our own addresses, by interface: a port together with one VLAN on it, or with none.

use core::net::{IpAddr, Ipv6Addr};
use core::ops::Range;

use super::view::HardwareAddress;
use super::{Mac, PortConfig};
use crate::base::PortId;

/// Number of an interface.
pub(super) type InterfaceId = u16;

const NONE: InterfaceId = u16::MAX;
const VLANS: usize = 4096;

/// Both families as one number: IPv4 as IPv4-mapped IPv6, which never stands in a packet itself.
pub(super) fn key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address of a [`key`].
pub(super) fn address(key: u128) -> IpAddr {
    Ipv6Addr::from_bits(key).to_canonical()
}

/// A prefix length in terms of [`key`].
pub(super) fn key_length(address: IpAddr, length: u8) -> u8 {
    if address.is_ipv4() { length.saturating_add(96) } else { length }
}

/// The bits of a key that a prefix of `length` bits covers.
pub(super) const fn mask(length: u8) -> u128 {
    match length {
        0 => 0,
        1..=127 => !(u128::MAX >> length),
        _ => u128::MAX,
    }
}

/// Whether `length` is a prefix length of the family of `address`.
pub(super) fn is_length(address: IpAddr, length: u8) -> bool {
    length <= if address.is_ipv4() { 32 } else { 128 }
}

/// Whether one host can have this address as its own: what may stand as a source, in a packet and in the
/// configuration.
pub(super) fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, ..] = address.octets();
            first != 0 && first != 127 && first < 224
        }
        IpAddr::V6(address) => {
            !address.is_multicast()
                && !address.is_unspecified()
                && !address.is_loopback()
                && address.to_ipv4_mapped().is_none()
        }
    }
}

/// The multicast group where an address is asked for (RFC 4291 §2.7.1).
pub(super) fn solicited_node(target: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(0xff02_0000_0000_0000_0000_0001_ff00_0000 | target.to_bits() & 0x00ff_ffff)
}

/// A port with one VLAN, or with none.
pub(super) struct Interface {
    pub(super) port: PortId,
    /// 0 without.
    pub(super) vlan: u16,
    pub(super) mac: Mac,
    pub(super) mtu: usize,
    own: Range<usize>,
}

/// One of our addresses.
#[derive(Clone, Copy)]
pub(super) struct Own {
    pub(super) interface: InterfaceId,
    pub(super) key: u128,
    /// Prefix length in terms of the key.
    pub(super) length: u8,
}

impl Own {
    pub(super) const fn covers(&self, key: u128) -> bool {
        (self.key ^ key) & mask(self.length) == 0
    }

    pub(super) fn is_v4(&self) -> bool {
        address(self.key).is_ipv4()
    }
}

/// All interfaces.
pub(super) struct Interfaces {
    macs: Box<[Mac]>,
    /// By port and VLAN.
    by_tag: Box<[InterfaceId]>,
    list: Box<[Interface]>,
    /// By interface, then key.
    own: Box<[Own]>,
    /// All our addresses, sorted.
    keys: Box<[u128]>,
}

impl Interfaces {
    pub(super) fn new(ports: &[PortConfig]) -> Result<Self, String> {
        if ports.is_empty() || ports.len() > 256 {
            return Err(format!("{} ports: from 1 to 256 are possible", ports.len()));
        }
        let mut by_tag = vec![NONE; ports.len() * VLANS].into_boxed_slice();
        let mut list: Vec<Interface> = Vec::new();
        let mut own: Vec<Own> = Vec::new();
        for (number, port) in ports.iter().enumerate() {
            check_port(number, port)?;
            for ours in &port.addresses {
                let address = ours.address;
                if !is_host(address) || !is_length(address, ours.prefix) {
                    return Err(format!(
                        "port {number}: {address}/{} is not an address for a host",
                        ours.prefix
                    ));
                }
                if ours.vlan.is_some_and(|vlan| !(1..=4094).contains(&vlan)) {
                    return Err(format!("port {number}: the VLAN of {address} is not from 1 to 4094"));
                }
                let vlan = ours.vlan.unwrap_or(0);
                let Some(tag) = by_tag.get_mut(number * VLANS + usize::from(vlan)) else { continue };
                if *tag == NONE {
                    *tag = u16::try_from(list.len()).ok().filter(|id| *id != NONE).ok_or("too many VLANs")?;
                    list.push(Interface {
                        port: PortId(number as u8),
                        vlan,
                        mac: port.mac,
                        mtu: usize::from(port.mtu),
                        own: 0..0,
                    });
                }
                let one =
                    Own { interface: *tag, key: key(address), length: key_length(address, ours.prefix) };
                if own.iter().any(|other| (other.interface, other.key) == (one.interface, one.key)) {
                    return Err(format!("port {number}: {address} stands there twice"));
                }
                own.push(one);
            }
        }
        own.sort_by_key(|one| (one.interface, one.key));
        for (id, interface) in list.iter_mut().enumerate() {
            interface.own = own.partition_point(|one| usize::from(one.interface) < id)
                ..own.partition_point(|one| usize::from(one.interface) <= id);
        }
        let mut keys: Vec<u128> = own.iter().map(|one| one.key).collect();
        keys.sort_unstable();
        keys.dedup();
        Ok(Self {
            macs: ports.iter().map(|port| port.mac).collect(),
            by_tag,
            list: list.into_boxed_slice(),
            own: own.into_boxed_slice(),
            keys: keys.into_boxed_slice(),
        })
    }

    /// The hardware address of a port.
    pub(super) fn mac(&self, port: PortId) -> Option<Mac> {
        self.macs.get(usize::from(port.0)).copied()
    }

    /// Whether a frame from `mac` is one of ours.
    pub(super) fn is_own_mac(&self, mac: Mac) -> bool {
        self.macs.contains(&mac)
    }

    /// The interface of a port and VLAN (0: none), if we have an address there.
    pub(super) fn find(&self, port: PortId, vlan: u16) -> Option<InterfaceId> {
        let id = *self.by_tag.get(usize::from(port.0) * VLANS + usize::from(vlan))?;
        if id == NONE { None } else { Some(id) }
    }

    pub(super) fn get(&self, id: InterfaceId) -> Option<&Interface> {
        self.list.get(usize::from(id))
    }

    /// All interfaces with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (InterfaceId, &Interface)> {
        self.list.iter().enumerate().map(|(id, interface)| (id as InterfaceId, interface))
    }

    /// Our addresses on an interface.
    pub(super) fn own(&self, id: InterfaceId) -> &[Own] {
        self.get(id).and_then(|interface| self.own.get(interface.own.clone())).unwrap_or(&[])
    }

    /// Whether `key` is ours on this interface.
    pub(super) fn has(&self, id: InterfaceId, key: u128) -> bool {
        self.own(id).binary_search_by_key(&key, |own| own.key).is_ok()
    }

    /// Whether `key` is ours anywhere.
    pub(super) fn is_own(&self, key: u128) -> bool {
        self.keys.binary_search(&key).is_ok()
    }

    /// Whether a multicast packet is one that IPv6 nodes listen to for neighbour discovery: to all nodes, or to the
    /// solicited-node group of an own address.
    pub(super) fn listens(&self, id: InterfaceId, group: IpAddr) -> bool {
        const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
        let IpAddr::V6(group) = group else { return false };
        group == ALL_NODES
            || self
                .own(id)
                .iter()
                .any(|own| !own.is_v4() && solicited_node(Ipv6Addr::from_bits(own.key)) == group)
    }

    /// Our address to ask for `target` with: of its family, the one whose prefix covers it most closely, else any.
    pub(super) fn asking(&self, id: InterfaceId, target: u128) -> Option<IpAddr> {
        let is_v4 = address(target).is_ipv4();
        let rank = |own: &&Own| if own.covers(target) { own.length } else { 0 };
        self.own(id).iter().filter(|own| own.is_v4() == is_v4).max_by_key(rank).map(|own| address(own.key))
    }
}

fn check_port(number: usize, port: &PortConfig) -> Result<(), String> {
    if !port.mac.is_station() {
        return Err(format!("port {number}: its MAC address is not a station's"));
    }
    let least = if port.addresses.iter().any(|own| own.address.is_ipv6()) { 1280 } else { 576 };
    if !(least..=9216).contains(&port.mtu) {
        return Err(format!("port {number}: its MTU of {} is not from {least} to 9216", port.mtu));
    }
    Ok(())
}

/// Whether an address holds on its own link alone (RFC 4291 §2.5.6), as routers' addresses there do.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}
