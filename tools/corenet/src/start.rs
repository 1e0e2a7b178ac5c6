//! Puts the nodes of the core network together.

use crate::config::{self, Config, RefuseAs};
use crate::hlr::HlrNode;
use crate::node::Node;
use crate::serving::ServingNode;
use crate::smsc::SmscNode;
use crate::stp::StpNode;
use core::convert::Infallible;
use ipsmgw::base::SipKey;
use ipsmgw::control::config::{
    ApplicationServer, Association, Destination, NodeKind, Port, PortAddress, Prefix, Ss7 as Ss7Section,
    Title,
};
use ipsmgw::control::layers;
use ipsmgw::dataplane::{Worker, rings};
use ipsmgw::ident::{Digits, PointCode, SccpAddress, Ssn, WorkerId};
use ipsmgw::io::{Impaired, PacketIo};
use ipsmgw::proto::link::Link;
use ipsmgw::proto::map::{Version, context, operation};
use ipsmgw::proto::sccp::SccpConfig;
use ipsmgw::proto::sip;
use ipsmgw::proto::tcap::DialoguesConfig;
use ipsmgw::stack::{
    Application, Handshake, Ims, ImsConfig, Offer, PeerPolicy, Peers, ScreeningConfig, Side, Ss7, Ss7Config,
    Stack, Transport,
};
use std::net::SocketAddr;
use std::time::Duration;

/// The one worker there is.
const WORKER: WorkerId = WorkerId(0);
/// Seconds of Retry-After when something is full.
const RETRY_AFTER: u32 = 5;
/// Dialogues and client transactions for each message that may be under way.
const PER_MESSAGE: usize = 8;
/// What a server transaction, which lives 32 s, and a resting transaction id need room for.
const COMPLETED: usize = 1 << 18;

/// S-CSCFs and UEs over `io`, which has the ports of [`ue_ports`].
///
/// # Errors
/// Says which part of the configuration does not fit.
pub fn ues<IO: PacketIo>(config: &Config, io: IO) -> Result<Worker<Impaired<IO>, Node>, String> {
    let node = Node::new(config)?;
    let scscfs = config.networks.iter().map(|network| network.scscf_address);
    let listen: Vec<SocketAddr> = scscfs.chain(node.direct_addresses()).collect();
    let ports = ports(config, &node);
    let routes: Vec<_> = ports.iter().flat_map(|port| config.routes_by(&port.name)).collect();
    let stack = NodeStack {
        key: SipKey::new(secret(config.seed, 0)),
        purpose: 1,
        link: Link::new(layers::link(&ports, &routes, &listen, &io))?,
        listen,
        under_way: under_way(config),
        titles: &[],
        ssns: &[],
        offers: vec![],
        highest: Version::V3,
        refuses_without_name: false,
        signalling: Signalling::NONE,
    };
    worker(config, io, stack, node)
}

/// The service centres over `io`, which has one port, on the network that the configuration names. At time zero it is `epoch`, in
/// seconds since 1970.
///
/// # Errors
/// Says which part of the configuration does not fit, or what is with the store.
pub fn smsc<IO: PacketIo>(
    config: &Config,
    epoch: u64,
    io: IO,
) -> Result<Worker<Impaired<IO>, SmscNode>, String> {
    let titles: Vec<Digits> = config.networks.iter().map(|network| network.service_centre).collect();
    let point = Point {
        point: &config.smsc.point,
        purpose: 6,
        titles: &titles,
        ssns: &[Ssn::MSC],
        offers: vec![
            Offer::new(context::MO_RELAY, ALL_VERSIONS, operation::MO_FORWARD_SM),
            Offer::only(context::ALERT, Version::V2, operation::ALERT_SERVICE_CENTRE),
        ],
        listen: vec![],
        relays: false,
    };
    point.build(config, io, SmscNode::new(config, epoch)?)
}

/// The MSC or SGSN at place `at` of the configuration over `io`, which has one port, on the network that the configuration names.
///
/// # Errors
/// Says which part of the configuration does not fit.
pub fn serving<IO: PacketIo>(
    config: &Config,
    at: usize,
    io: IO,
) -> Result<Worker<Impaired<IO>, ServingNode>, String> {
    let application = ServingNode::new(config, at)?;
    let node = &config.serving_nodes[at];
    let ssns: &[Ssn] = match node.kind {
        NodeKind::Msc => &[Ssn::MSC, Ssn::VLR],
        NodeKind::Sgsn => &[Ssn::SGSN],
    };
    let point = Point {
        point: &node.point,
        purpose: 0x10 + 4 * at as u64,
        titles: &[node.title],
        ssns,
        offers: vec![
            Offer::only(context::MT_RELAY, Version::V3, operation::MT_FORWARD_SM),
            // forwardSM of versions 1 and 2, towards the mobile.
            Offer::only(context::MT_RELAY, Version::V2, operation::MO_FORWARD_SM),
            Offer::only(context::MO_RELAY, Version::V1, operation::MO_FORWARD_SM),
            Offer::new(context::LOCATION_CANCELLATION, ALL_VERSIONS, operation::CANCEL_LOCATION),
        ],
        listen: vec![],
        relays: false,
    };
    point.build(config, io, application)
}

/// The HLR over `io`, which has one port, on the network that the configuration names.
///
/// # Errors
/// Says which part of the configuration does not fit.
pub fn hlr<IO: PacketIo>(config: &Config, io: IO) -> Result<Worker<Impaired<IO>, HlrNode>, String> {
    let titles: Vec<Digits> = config.networks.iter().map(|network| network.hlr_title).collect();
    let offer = |context, opcode| Offer::only(context, Version::V3, opcode);
    let point = Point {
        point: &config.hlr.point,
        purpose: 3,
        titles: &titles,
        ssns: &[Ssn::HLR],
        listen: config.hlr.sip().into_iter().collect(),
        relays: false,
        offers: vec![
            offer(context::GATEWAY, operation::SEND_ROUTING_INFO_FOR_SM),
            offer(context::GATEWAY, operation::REPORT_SM_DELIVERY_STATUS),
            Offer::new(context::MWD_MANAGEMENT, (Version::V2, Version::V3), operation::READY_FOR_SM),
            offer(context::ANY_TIME_INFO_HANDLING, operation::ANY_TIME_MODIFICATION),
            Offer::new(context::NETWORK_LOCATION_UPDATE, ALL_VERSIONS, operation::UPDATE_LOCATION),
            offer(context::GPRS_LOCATION_UPDATE, operation::UPDATE_GPRS_LOCATION),
            Offer::new(context::MS_PURGING, (Version::V2, Version::V3), operation::PURGE_MS),
            offer(context::INFO_RETRIEVAL, operation::SEND_AUTHENTICATION_INFO),
        ],
    };
    point.build(config, io, HlrNode::new(config)?)
}

/// The signalling gateway at place `at` of the configuration over `io`, which has a port on each network that the configuration
/// names.
///
/// # Errors
/// Says which part of the configuration does not fit.
pub fn stp<IO: PacketIo>(
    config: &Config,
    at: usize,
    io: IO,
) -> Result<Worker<Impaired<IO>, StpNode>, String> {
    let stp = &config.stps[at];
    let point = Point {
        point: &stp.point,
        purpose: 0x1000 + 4 * at as u64,
        titles: &[],
        ssns: &[],
        offers: vec![],
        listen: vec![],
        relays: true,
    };
    point.build(config, io, StpNode::new(&stp.name))
}

const ALL_VERSIONS: (Version, Version) = (Version::V1, Version::V3);

/// Offers in the versions up to one; those that begin above it are none.
fn up_to(highest: Version, offers: Vec<Offer>) -> Vec<Offer> {
    let cut = |offer: Offer| Offer { versions: (offer.versions.0, offer.versions.1.min(highest)), ..offer };
    offers.into_iter().filter(|offer| offer.versions.0 <= highest).map(cut).collect()
}

/// A signalling point to be built.
struct Point<'a> {
    point: &'a config::SignallingPoint,
    /// Random octets of its own are of this purpose and the next two.
    purpose: u64,
    titles: &'a [Digits],
    ssns: &'a [Ssn],
    offers: Vec<Offer>,
    /// Where it takes SIP.
    listen: Vec<SocketAddr>,
    /// Whether it passes on what is for others.
    relays: bool,
}

impl Point<'_> {
    fn build<IO, A>(self, config: &Config, io: IO, application: A) -> Result<Worker<Impaired<IO>, A>, String>
    where
        IO: PacketIo,
        A: Application<Crossing = Infallible, Request = Infallible, Reply = Infallible>,
    {
        let Self { point, purpose, titles, ssns, offers, listen, relays } = self;
        let ports = point.ports(&config.ports)?;
        let routes: Vec<_> = ports.iter().flat_map(|port| config.routes_by(&port.name)).collect();
        let stack = NodeStack {
            key: SipKey::new(secret(config.seed, purpose)),
            purpose: purpose + 1,
            link: Link::new(layers::link(&ports, &routes, &listen, &io))?,
            listen,
            under_way: under_way(config),
            titles,
            ssns,
            offers: up_to(point.highest_map.0, offers),
            highest: point.highest_map.0,
            refuses_without_name: point.refuse_as == RefuseAs::PAbort,
            signalling: Signalling {
                ss7: &point.ss7,
                associations: &point.associations,
                servers: &point.application_servers,
                destinations: &point.destinations,
                titles: &point.titles,
                ports: &ports,
                relays,
            },
        };
        worker(config, io, stack, application)
    }
}

/// Dialogues and SIP transactions at a time.
fn under_way(config: &Config) -> usize {
    let messages = config.traffic.window.max(config.smsc.deliveries) as usize;
    messages * PER_MESSAGE + 64
}

/// What a node's stack is made of.
struct NodeStack<'a> {
    key: SipKey,
    /// Random octets of its own are of this purpose and the next.
    purpose: u64,
    link: Link,
    /// Where it takes SIP.
    listen: Vec<SocketAddr>,
    /// Dialogues and SIP transactions at a time.
    under_way: usize,
    titles: &'a [Digits],
    /// What those titles are.
    ssns: &'a [Ssn],
    offers: Vec<Offer>,
    /// The newest version of MAP that it asks in, where what it asks has several.
    highest: Version,
    /// Whether it refuses application contexts as if it did not know what they are.
    refuses_without_name: bool,
    signalling: Signalling<'a>,
}

/// The sections of a signalling point.
#[derive(Clone, Copy)]
struct Signalling<'a> {
    ss7: &'a Ss7Section,
    associations: &'a [Association],
    servers: &'a [ApplicationServer],
    destinations: &'a [Destination],
    titles: &'a [Title],
    ports: &'a [Port],
    relays: bool,
}

/// What a node says that never says it.
const NO_SS7: Ss7Section = Ss7Section {
    point_code: PointCode(0),
    network_indicator: 2,
    sif_budget: 272,
    map_memory_s: 3600,
    match_first: Vec::new(),
    match_later: Vec::new(),
    relays: Vec::new(),
    registered_contexts_from: None,
    title_share: 100,
    point_code_share: 100,
    aborts_per_second: u32::MAX,
};

impl Signalling<'static> {
    /// Of a node that has no signalling links.
    const NONE: Self = Self {
        ss7: &NO_SS7,
        associations: &[],
        servers: &[],
        destinations: &[],
        titles: &[],
        ports: &[],
        relays: false,
    };
}

/// A node on a stack of its own, with one worker.
fn worker<IO, A>(
    config: &Config,
    io: IO,
    stack: NodeStack<'_>,
    application: A,
) -> Result<Worker<Impaired<IO>, A>, String>
where
    IO: PacketIo,
    A: Application<Crossing = Infallible, Request = Infallible, Reply = Infallible>,
{
    let ss7 = Ss7::new(ss7(config, &stack))?;
    let key = stack.key;
    let ims = ImsConfig {
        worker: WORKER,
        workers: 1,
        side: Side::Mobile,
        listen: stack.listen,
        trusted: config.networks.iter().map(|network| network.gateway_address.ip()).collect(),
        host: "corenet".into(),
        registration_max: u32::MAX,
        retry_after: RETRY_AFTER,
        timers: sip::Timers { t1: config.sip.t1, t2: config.sip.t2 },
        limits: sip::Limits::DEFAULT,
        client_transactions: stack.under_way,
        pending_requests: stack.under_way,
        server_transactions: COMPLETED,
    };
    let layers = Stack::new(WORKER, &key, stack.link, Ims::new(ims, &key), ss7);
    let (mut ends, _) = rings::<Infallible, Infallible, Infallible>(1, 1, 1);
    let end = ends.pop().ok_or("no rings")?;
    let impairments = config.impairment.of_ports(io.ports(), config.seed ^ stack.purpose);
    let io = Impaired::new(io, &impairments, 0);
    Ok(Worker::new(WORKER, io, layers, application, end))
}

/// The places of the ports that S-CSCFs and UEs have: those with addresses of their own.
pub fn ue_ports(config: &Config) -> impl Iterator<Item = usize> {
    let ports = config.ports.iter().enumerate();
    ports.filter(|(_, port)| !port.addresses.is_empty()).map(|(at, _)| at)
}

/// Those ports, with the addresses of UEs with direct access on those of their networks' S-CSCFs.
fn ports(config: &Config, node: &Node) -> Vec<Port> {
    let mut ports: Vec<Port> = ue_ports(config).map(|at| config.ports[at].clone()).collect();
    for (at, network) in config.networks.iter().enumerate() {
        let behind = |port: &&mut Port| {
            port.addresses.iter().any(|own| own.prefix.address == network.scscf_address.ip())
        };
        let Some(port) = ports.iter_mut().find(behind) else { continue };
        let mut addresses: Vec<_> = node.direct_addresses_of(at).map(|address| address.ip()).collect();
        addresses.dedup();
        port.addresses.extend(addresses.into_iter().map(|address| PortAddress {
            prefix: Prefix { address, length: if address.is_ipv4() { 32 } else { 128 } },
            vlan: None,
        }));
    }
    ports
}

/// Octets that follow from the seed: there is nothing to protect here.
fn secret<const N: usize>(seed: u64, purpose: u64) -> [u8; N] {
    let mut random = crate::random::Random::new(seed ^ purpose << 32);
    core::array::from_fn(|_| random.bits() as u8)
}

fn ss7(config: &Config, stack: &NodeStack<'_>) -> Ss7Config {
    let Signalling { ss7, associations, servers, destinations, titles, ports, relays } = stack.signalling;
    let point_code = ss7.point_code;
    let (servers, provisions) = layers::application_servers(servers);
    let mut transport = Transport::new(
        WORKER,
        point_code,
        ss7.network_indicator,
        layers::associations(associations, destinations, ports, 1),
        layers::destinations(destinations, associations),
        secret(config.seed, stack.purpose),
        SipKey::new(secret(config.seed, stack.purpose + 1)),
    )
    .with_servers(&servers, provisions, ss7.registered_contexts_from);
    if relays {
        transport.become_gateway();
    }
    let own = stack.titles.iter().flat_map(|title| stack.ssns.iter().map(|ssn| (*title, *ssn)));
    let own = own.map(|(title, ssn)| SccpAddress::titled(title, ssn));
    let rules = layers::rules(point_code, stack.titles, titles);
    Ss7Config {
        worker: WORKER,
        workers: 1,
        transport,
        own: own.collect(),
        sccp: SccpConfig {
            limit: usize::from(ss7.sif_budget).saturating_sub(4),
            points: layers::points(destinations),
            ..SccpConfig::new(vec![point_code], stack.ssns.to_vec(), rules)
        },
        dialogues: DialoguesConfig {
            worker: WORKER,
            workers: 1,
            capacity: stack.under_way,
            identifiers: COMPLETED.max(stack.under_way),
            prefix: 0,
            prefix_bits: 0,
            key: stack.key.derive("transaction ids"),
            rest: Duration::from_secs(10),
            guard: config.traffic.mt_forward + Duration::from_secs(10),
            peer_match: ss7.peer_match(titles),
            limits: ss7.limits(u32::try_from(stack.under_way).unwrap_or(u32::MAX)),
        },
        forward_timeout: config.traffic.mt_forward,
        offers: stack.offers.clone(),
        peers: Peers {
            policies: vec![PeerPolicy {
                prefix: Digits::EMPTY,
                handshake: Handshake::WhenNeeded,
                highest: stack.highest,
            }],
            refuse_without_name: stack.refuses_without_name,
            ..Peers::default()
        },
        screening: ScreeningConfig::default(),
    }
}
