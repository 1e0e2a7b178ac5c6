//! Routes: which interface and gateway lead to an address, longest prefix first.

use core::net::IpAddr;

use super::interface::{InterfaceId, Interfaces, is_length, is_link_local, key, key_length, mask};
use super::neighbour::Neighbours;
use super::{OwnAddress, PortConfig, Route};

/// A way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) interface: InterfaceId,
    /// The gateway's number in the neighbour table; none where the destination is on the link.
    pub(super) gateway: Option<u32>,
    /// Our address for those who don't bring their own.
    pub(super) source: IpAddr,
}

/// All routes, spread into disjoint ranges of addresses, so that one binary search finds the longest prefix.
pub(super) struct Routes {
    /// Where each range starts; it ends where the next one starts.
    starts: Box<[u128]>,
    /// The hops of each range.
    targets: Box<[(u32, u32)]>,
    hops: Box<[Hop]>,
}

struct Prefix {
    key: u128,
    length: u8,
    /// None where nothing may be sent.
    hop: Option<Hop>,
}

impl Prefix {
    const fn covers(&self, key: u128) -> bool {
        (self.key ^ key) & mask(self.length) == 0
    }
}

/// Prefixes that no packet of ours goes to, in terms of keys: unspecified, loopback, multicast, reserved; and all of
/// IPv4 unless there is a route, so that a default route of IPv6 doesn't
/// catch it (one bit shorter than 0.0.0.0/0, which must win).
const NOWHERE: [(u128, u8); 8] = [
    (0, 128),
    (1, 128),
    (0xff << 120, 8),
    (0xfffe << 32, 95),
    (0xffff << 32, 104),
    (0xffff_7f00_0000, 104),
    (0xffff_e000_0000, 100),
    (0xffff_f000_0000, 100),
];

impl Routes {
    pub(super) fn new(
        ports: &[PortConfig],
        routes: &[Route],
        interfaces: &Interfaces,
        neighbours: &mut Neighbours,
    ) -> Result<Self, String> {
        let mut prefixes: Vec<Prefix> =
            NOWHERE.iter().map(|&(key, length)| Prefix { key, length, hop: None }).collect();
        for (_, own) in own_addresses(ports, interfaces) {
            prefixes.push(Prefix { key: key(own.address), length: 128, hop: None });
        }
        for (interface, own) in own_addresses(ports, interfaces) {
            let length = key_length(own.address, own.prefix);
            if length < 128 {
                let hop = Hop { interface, gateway: None, source: own.address };
                prefixes.push(Prefix { key: key(own.address) & mask(length), length, hop: Some(hop) });
            }
        }
        // On-link routes first: gateways may stand behind them.
        for route in routes.iter().filter(|route| route.gateway.is_none()) {
            let hop = on_link(route, ports, interfaces)?;
            prefixes.push(prefix(route, hop)?);
        }
        let links = prefixes.len();
        for route in routes {
            if let Some(gateway) = route.gateway {
                let on_links = prefixes.get(..links).unwrap_or(&[]);
                let hop = through(route, gateway, ports, interfaces, on_links, neighbours)?;
                prefixes.push(prefix(route, hop)?);
            }
        }
        Ok(Self::spread(&prefixes))
    }

    fn spread(prefixes: &[Prefix]) -> Self {
        let mut starts = vec![0];
        for prefix in prefixes {
            starts.push(prefix.key);
            starts.extend((prefix.key | !mask(prefix.length)).checked_add(1));
        }
        starts.sort_unstable();
        starts.dedup();
        let mut hops = Vec::new();
        let mut targets = Vec::new();
        for &start in &starts {
            let from = hops.len() as u32;
            let covering = || prefixes.iter().filter(move |prefix| prefix.covers(start));
            let longest = covering().map(|prefix| prefix.length).max();
            let best = || covering().filter(move |prefix| Some(prefix.length) == longest);
            if best().all(|prefix| prefix.hop.is_some()) {
                hops.extend(best().filter_map(|prefix| prefix.hop));
            }
            targets.push((from, hops.len() as u32));
        }
        Self { starts: starts.into(), targets: targets.into(), hops: hops.into() }
    }

    /// All hops of the longest prefix that covers `destination`, in the order of the configuration.
    pub(super) fn hops(&self, destination: u128) -> &[Hop] {
        let at = self.starts.partition_point(|start| *start <= destination).wrapping_sub(1);
        match self.targets.get(at) {
            Some(&(from, to)) => self.hops.get(from as usize..to as usize).unwrap_or(&[]),
            None => &[],
        }
    }

    /// The way from `source` to `destination`: where several are equal, the one that `source` stands on.
    pub(super) fn hop(&self, interfaces: &Interfaces, source: IpAddr, destination: u128) -> Option<Hop> {
        match self.hops(destination) {
            [only] => Some(*only),
            hops => hops
                .iter()
                .find(|hop| hop.source == source || interfaces.has(hop.interface, key(source)))
                .or(hops.first())
                .copied(),
        }
    }

    /// Whether `address` is a neighbour on `interface`, not behind a gateway.
    pub(super) fn is_on_link(&self, interface: InterfaceId, address: IpAddr) -> bool {
        is_link_local(address)
            || self.hops(key(address)).iter().any(|hop| hop.interface == interface && hop.gateway.is_none())
    }
}

fn own_addresses<'a>(
    ports: &'a [PortConfig],
    interfaces: &'a Interfaces,
) -> impl Iterator<Item = (InterfaceId, &'a OwnAddress)> {
    interfaces.iter().flat_map(move |(id, interface)| {
        ports
            .get(usize::from(interface.port.0))
            .into_iter()
            .flat_map(|port| &port.addresses)
            .filter(|own| own.vlan.unwrap_or(0) == interface.vlan)
            .map(move |own| (id, own))
    })
}

fn name(route: &Route) -> String {
    format!("route {}/{} on port {}", route.prefix, route.length, route.port.0)
}

fn prefix(route: &Route, hop: Hop) -> Result<Prefix, String> {
    if !is_length(route.prefix, route.length) {
        return Err(format!("{}: no such prefix length", name(route)));
    }
    let length = key_length(route.prefix, route.length);
    if key(route.prefix) & !mask(length) != 0 {
        return Err(format!("{}: the address has bits behind the prefix", name(route)));
    }
    Ok(Prefix { key: key(route.prefix), length, hop: Some(hop) })
}

/// Our addresses that a route can have as its source: on its port, of its family, and the explicit one if given.
fn sources<'a>(
    route: &'a Route,
    ports: &'a [PortConfig],
    interfaces: &'a Interfaces,
) -> impl Iterator<Item = (InterfaceId, &'a OwnAddress)> {
    own_addresses(ports, interfaces)
        .filter(|(id, _)| interfaces.get(*id).is_some_and(|interface| interface.port == route.port))
        .filter(|(_, own)| own.address.is_ipv4() == route.prefix.is_ipv4())
        .filter(|(_, own)| route.source.is_none_or(|source| source == own.address))
}

fn on_link(route: &Route, ports: &[PortConfig], interfaces: &Interfaces) -> Result<Hop, String> {
    let mut found = sources(route, ports, interfaces);
    let Some((interface, own)) = found.next() else {
        return Err(format!("{}: no own address there that it could have as its source", name(route)));
    };
    if found.any(|(other, _)| other != interface) {
        return Err(format!("{}: without a gateway it needs a source, to tell its VLAN", name(route)));
    }
    Ok(Hop { interface, gateway: None, source: own.address })
}

fn through(
    route: &Route,
    gateway: IpAddr,
    ports: &[PortConfig],
    interfaces: &Interfaces,
    links: &[Prefix],
    neighbours: &mut Neighbours,
) -> Result<Hop, String> {
    if gateway.is_ipv4() != route.prefix.is_ipv4() {
        return Err(format!("{}: its gateway {gateway} is of the other family", name(route)));
    }
    if interfaces.is_own(key(gateway)) {
        return Err(format!("{}: its gateway {gateway} is an own address", name(route)));
    }
    let mut best: Option<((u8, bool), Hop)> = None;
    for (interface, own) in sources(route, ports, interfaces) {
        let link = links
            .iter()
            .filter(|link| link.hop.is_some_and(|hop| hop.interface == interface))
            .filter(|link| link.covers(key(gateway)))
            .map(|link| link.length)
            .max()
            .or(if is_link_local(gateway) { Some(0) } else { None });
        let Some(link) = link else { continue };
        // The closest link; on it the own address whose prefix covers the gateway.
        let length = key_length(own.address, own.prefix);
        let rank = (link, (key(own.address) ^ key(gateway)) & mask(length) == 0);
        match best {
            Some((other, hop)) if other == rank && hop.interface != interface => {
                return Err(format!("{}: its gateway is on several VLANs; name a source", name(route)));
            }
            Some((other, _)) if other >= rank => {}
            _ => best = Some((rank, Hop { interface, gateway: None, source: own.address })),
        }
    }
    let Some((_, hop)) = best else {
        return Err(format!("{}: no own address there reaches its gateway {gateway}", name(route)));
    };
    let entry = neighbours
        .add_gateway(hop.interface, key(gateway))
        .ok_or_else(|| format!("{}: the neighbour table is too small for its gateway", name(route)))?;
    Ok(Hop { gateway: Some(entry), ..hop })
}
