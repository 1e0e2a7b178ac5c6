//! Where the S-CSCFs of served networks are, by configuration and by DNS, and what workers are told of it.
//!
//! Each target has a place, which it keeps for as long as it is one: a worker's account of it, and requests under way, go by
//! places. Who is no target any more keeps the place until another needs it, so that what is meant for him, by users that he
//! has registered, still finds another target of the same S-CSCF.

use super::select::{By, Families, Sought, Target, Ways};
use crate::base::{IpPrefix, Time};
use crate::control::StartError;
use crate::control::config::{self, Config, ScscfTransport};
use crate::gateway::mailbox::Located;
use crate::gateway::{self, Network};
use crate::ident::Identity;
use crate::proto::link::KnownHosts;
use crate::stack::{CoreHosts, Hop};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Places, if there is a name to be asked for: bits of a request's account of where it has been.
const PLACES: usize = u64::BITS as usize;
/// For how long a host that DNS does not name any more is still believed: messages and reports may be under way.
const LINGER: Duration = Duration::from_secs(300);

/// An S-CSCF of the configuration.
struct Given {
    network: u16,
    uri: Identity,
    /// How it is looked for, unless it has an address.
    sought: Option<Sought>,
    /// Whether it was found once.
    is_located: bool,
}

/// A target, or a former one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Which S-CSCF of the configuration.
    pub(super) given: usize,
    /// Where.
    pub(super) target: Target,
    /// Its turn among the targets of that S-CSCF; nothing if it is none any more.
    pub(super) turn: Option<u8>,
    /// When it became what it is.
    since: Time,
}

impl Place {
    fn lingers(&self, now: Time) -> bool {
        self.turn.is_none() && now < self.since + LINGER
    }
}

/// The S-CSCFs and their places.
pub(in crate::control) struct Places {
    given: Vec<Given>,
    places: Vec<Option<Place>>,
    networks: Vec<Network>,
    legacy: Vec<bool>,
    peers: Vec<IpAddr>,
}

impl Places {
    /// As the configuration has them: who has no address is nowhere yet. `networks` are the networks without S-CSCFs.
    ///
    /// # Errors
    /// A URI is too long.
    pub(in crate::control) fn new(config: &Config, networks: Vec<Network>) -> Result<Self, StartError> {
        let (mut given, mut places) = (vec![], vec![]);
        for (at, network) in config.networks.iter().enumerate() {
            for scscf in &network.scscf {
                let uri = Identity::new(scscf.uri.as_bytes()).ok_or_else(|| {
                    let what = format!("network {}: the URI of an S-CSCF is too long", network.name);
                    StartError::new(what, "shorten it")
                })?;
                if let Some(address) = scscf.address {
                    let target = Target { address, by: by(scscf.transport) };
                    places.push(Some(Place { given: given.len(), target, turn: Some(0), since: Time::ZERO }));
                }
                let sought = sought(scscf);
                given.push(Given { network: at as u16, uri, is_located: sought.is_none(), sought });
            }
        }
        if given.iter().any(|it| it.sought.is_some()) {
            places.resize(PLACES, None);
        }
        Ok(Self {
            given,
            places,
            networks,
            legacy: config.networks.iter().map(|network| network.legacy).collect(),
            peers: config.associations.iter().flat_map(|it| it.remote.iter().copied()).collect(),
        })
    }

    /// The S-CSCFs that DNS is asked for, by their places in the configuration.
    pub(super) fn sought(&self) -> impl Iterator<Item = (usize, &Sought)> {
        self.given.iter().enumerate().filter_map(|(at, given)| Some((at, given.sought.as_ref()?)))
    }

    /// The URI of an S-CSCF.
    pub(super) fn uri(&self, given: usize) -> &str {
        self.given.get(given).map_or("", |given| given.uri.as_str())
    }

    /// The places.
    pub(super) fn places(&self) -> &[Option<Place>] {
        &self.places
    }

    /// The S-CSCF's targets are these from now on, in this order. Whether anything has changed.
    pub(super) fn locate(&mut self, now: Time, given: usize, targets: &[Target]) -> bool {
        let Some(it) = self.given.get_mut(given) else { return false };
        let mut has_changed = !it.is_located && !targets.is_empty();
        it.is_located |= !targets.is_empty();
        for place in self.places.iter_mut().flatten() {
            if place.given == given && place.turn.is_some() && !targets.contains(&place.target) {
                (place.turn, place.since) = (None, now);
                has_changed = true;
            }
        }
        // Who has a place keeps it, before others look for one.
        let mut placed = vec![false; targets.len()];
        for place in self.places.iter_mut().flatten().filter(|place| place.given == given) {
            let Some(turn) = targets.iter().position(|target| *target == place.target) else { continue };
            placed[turn] = true;
            let turn = Some(turn as u8);
            if place.turn != turn {
                (place.turn, place.since) = (turn, now);
                has_changed = true;
            }
        }
        let others = targets.iter().enumerate().filter(|(turn, _)| !placed[*turn]);
        for (turn, &target) in others {
            let Some(place) = self.vacant() else { break };
            *place = Some(Place { given, target, turn: Some(turn as u8), since: now });
            has_changed = true;
        }
        has_changed
    }

    /// A place that nobody has, or the one whose owner has been gone for the longest time.
    fn vacant(&mut self) -> Option<&mut Option<Place>> {
        let age = |place: &Option<Place>| match place {
            None => Some(Time::ZERO),
            Some(place) if place.turn.is_none() => Some(place.since),
            Some(_) => None,
        };
        let at = self.places.iter().enumerate().filter_map(|(at, place)| Some((age(place)?, at))).min()?.1;
        self.places.get_mut(at)
    }

    /// How many are still believed who are no targets any more.
    pub(super) fn lingering(&self, now: Time) -> usize {
        self.places.iter().flatten().filter(|place| place.lingers(now)).count()
    }

    /// The places of a network's S-CSCFs, in the order of the configuration and then of their turns.
    fn of_network(&self, network: usize) -> Vec<&Place> {
        let of = |place: &Place| self.given.get(place.given).map(|given| usize::from(given.network));
        let mut places: Vec<_> =
            self.places.iter().flatten().filter(|place| of(place) == Some(network)).collect();
        places.sort_by_key(|place| (place.given, place.turn));
        places
    }

    /// What workers are told.
    pub(in crate::control) fn snapshot(&self, now: Time) -> Located {
        let mut core = CoreHosts {
            hops: vec![None; self.places.len()],
            trusted: Arc::new([]),
            legacy: vec![],
            peers: vec![],
            known: KnownHosts::new(std::iter::empty()),
        };
        let mut trusted = vec![];
        let networks = self.networks.iter().enumerate().map(|(at, network)| {
            let all = self.of_network(at);
            let scscf = |place: &&Place| {
                let uri = self.given.get(place.given)?.uri;
                Some(gateway::Scscf { uri, address: place.target.address })
            };
            let (there, gone): (Vec<&Place>, Vec<&Place>) =
                all.iter().partition(|place| place.turn.is_some());
            let lingering = gone.iter().filter(|place| place.lingers(now));
            let lingering = lingering.map(|place| IpPrefix::from(place.target.address.ip()));
            let network = Network {
                scscfs: there.iter().filter_map(scscf).collect(),
                former: gone.iter().filter_map(scscf).collect(),
                unlocated: self.given.iter().any(|it| usize::from(it.network) == at && !it.is_located),
                trusted: network.trusted.iter().copied().chain(lingering).collect(),
                ..network.clone()
            };
            for (turn, place) in there.iter().enumerate() {
                self.put(&mut core, at, place, Some(turn as u8));
                core.peers.extend(by_stream(&place.target));
            }
            gone.iter().for_each(|place| self.put(&mut core, at, place, None));
            let hosts = there.iter().map(|place| IpPrefix::from(place.target.address.ip()));
            let hosts: Vec<_> = hosts.chain(network.trusted.iter().copied()).collect();
            if self.legacy.get(at) == Some(&true) {
                core.legacy.extend(&hosts);
            }
            trusted.extend(hosts);
            network
        });
        let networks = networks.collect();
        let scscfs = self.places.iter().flatten().filter(|place| place.turn.is_some());
        let scscfs = scscfs.map(|place| IpPrefix::from(place.target.address.ip()));
        let peers = self.peers.iter().copied().map(IpPrefix::from);
        core.known = KnownHosts::new(scscfs.chain(peers).chain(trusted.iter().copied()));
        core.trusted = trusted.into();
        Located { networks, core: Arc::new(core) }
    }

    fn put(&self, core: &mut CoreHosts, network: usize, place: &Place, turn: Option<u8>) {
        let at = self.places.iter().position(|other| other.as_ref().is_some_and(|it| it == place));
        let hop = at.and_then(|at| core.hops.get_mut(at));
        if let (Some(hop), Some(given)) = (hop, self.given.get(place.given)) {
            *hop = Some(Hop { network: network as u16, address: place.target.address, uri: given.uri, turn });
        }
    }

    /// The hosts that streams are trusted of, with the SIP domain that each has to prove.
    pub(super) fn domains(&self) -> Vec<(IpAddr, String)> {
        let there = self.places.iter().flatten().filter(|place| place.turn.is_some());
        let domain = |place: &Place| {
            let domain = config::host_of(self.uri(place.given))?;
            Some((place.target.address.ip(), domain.to_owned()))
        };
        there.filter_map(domain).collect()
    }
}

fn by(transport: Option<ScscfTransport>) -> By {
    match transport {
        None | Some(ScscfTransport::Udp) => By::Udp,
        Some(ScscfTransport::Tcp) => By::Tcp,
        Some(ScscfTransport::Tls) => By::Tls,
    }
}

fn by_stream(target: &Target) -> Option<(SocketAddr, bool)> {
    (target.by != By::Udp).then_some((target.address, target.by == By::Tls))
}

fn sought(scscf: &config::Scscf) -> Option<Sought> {
    let (name, port) = scscf.sought()?;
    Some(Sought {
        name: name.trim_end_matches('.').to_ascii_lowercase(),
        port,
        by: scscf.transport.map(|transport| by(Some(transport))),
        secure: scscf.is_secure(),
    })
}

/// By what requests can be sent: what the configuration has addresses for.
pub(super) fn ways(config: &Config) -> Ways {
    let families = |listen: &[SocketAddr]| Families {
        v4: listen.iter().any(SocketAddr::is_ipv4),
        v6: listen.iter().any(SocketAddr::is_ipv6),
    };
    let streams = &config.sip.streams;
    // What goes by streams is still sent from an address of the workers' for what is too small for them.
    Ways {
        udp: families(&config.sip.listen),
        tcp: families(&streams.listen),
        tls: families(&streams.listen_tls),
    }
}
