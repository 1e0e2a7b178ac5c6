//! Puts the core network together and runs it.

use crate::config::Config;
use crate::impairment::Impaired;
use crate::node::Node;
use core::convert::Infallible;
use ipsmgw::base::SipKey;
use ipsmgw::control::config::{Port, PortAddress, Prefix};
use ipsmgw::control::layers;
use ipsmgw::dataplane::{Worker, rings};
use ipsmgw::ident::{Digits, SccpAddress, Ssn, WorkerId};
use ipsmgw::io::PacketIo;
use ipsmgw::proto::link::Link;
use ipsmgw::proto::map::{context, operation};
use ipsmgw::proto::sccp::SccpConfig;
use ipsmgw::proto::sip;
use ipsmgw::proto::tcap::{DialoguesConfig, PeerMatch};
use ipsmgw::stack::{Ims, ImsConfig, Offer, Side, Ss7, Ss7Config, Stack, Transport};
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

/// The core network over `io`, one worker that has all the queues of its ports.
///
/// # Errors
/// Says which part of the configuration does not fit.
pub fn build<IO: PacketIo>(config: &Config, io: IO) -> Result<Worker<Impaired<IO>, Node>, String> {
    let node = Node::new(config)?;
    let key = SipKey::new(secret(config.seed, 0));
    let scscfs = config.networks.iter().map(|network| network.scscf_address);
    let listen: Vec<SocketAddr> = scscfs.chain(node.direct_addresses()).collect();
    let link = Link::new(layers::link(&ports(config, &node), &config.routes, &listen, &io))?;
    let under_way = config.traffic.window as usize * PER_MESSAGE + 64;
    let ims = ImsConfig {
        worker: WORKER,
        workers: 1,
        side: Side::Mobile,
        listen,
        trusted: config.networks.iter().map(|network| network.gateway_address.ip()).collect(),
        host: "corenet".into(),
        registration_max: u32::MAX,
        retry_after: RETRY_AFTER,
        timers: sip::Timers { t1: config.sip.t1, t2: config.sip.t2 },
        client_transactions: under_way,
        pending_requests: under_way,
        server_transactions: COMPLETED,
    };
    let ss7 = Ss7::new(ss7(config, &key, under_way))?;
    let stack = Stack::new(WORKER, &key, link, Ims::new(ims, &key), ss7);
    let (mut ends, _) = rings::<Infallible, Infallible, Infallible>(1, 1, 1);
    let end = ends.pop().ok_or("no rings")?;
    let io = Impaired::new(io, config.impairment, config.seed);
    Ok(Worker::new(WORKER, io, stack, node, end))
}

/// The ports, with the addresses of UEs with direct access on those of their networks' S-CSCFs.
fn ports(config: &Config, node: &Node) -> Vec<Port> {
    let mut ports = config.ports.clone();
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

fn ss7(config: &Config, key: &SipKey, dialogues: usize) -> Ss7Config {
    let point_code = config.ss7.point_code;
    let transport = Transport::new(
        WORKER,
        point_code,
        config.ss7.network_indicator,
        layers::associations(&config.associations, &config.ports, 1),
        layers::destinations(&config.destinations, &config.associations),
        secret(config.seed, 1),
        SipKey::new(secret(config.seed, 2)),
    );
    let titles: Vec<Digits> = config.networks.iter().map(|network| network.service_centre).collect();
    let hlrs: Vec<Digits> = config.networks.iter().filter_map(|network| network.hlr_title).collect();
    let rules = layers::rules(point_code, &[&titles[..], &hlrs].concat(), &config.titles);
    let own = titles.iter().map(|title| SccpAddress::titled(*title, Ssn::MSC));
    let own = own.chain(hlrs.iter().map(|title| SccpAddress::titled(*title, Ssn::HLR)));
    Ss7Config {
        worker: WORKER,
        workers: 1,
        transport,
        own: own.collect(),
        sccp: SccpConfig {
            limit: usize::from(config.ss7.sif_budget).saturating_sub(4),
            ..SccpConfig::new(vec![point_code], vec![Ssn::MSC, Ssn::HLR], rules)
        },
        dialogues: DialoguesConfig {
            worker: WORKER,
            workers: 1,
            capacity: dialogues,
            identifiers: COMPLETED.max(dialogues),
            prefix: 0,
            prefix_bits: 0,
            key: key.derive("transaction ids"),
            rest: Duration::from_secs(10),
            guard: config.traffic.mt_forward + Duration::from_secs(10),
            peer_match: PeerMatch::default(),
        },
        forward_timeout: config.traffic.mt_forward,
        offers: vec![
            Offer { context: context::MO_RELAY_V3, opcode: operation::MO_FORWARD_SM },
            Offer { context: context::MT_RELAY_V3, opcode: operation::MT_FORWARD_SM },
            Offer { context: context::ANY_TIME_INFO_HANDLING_V3, opcode: operation::ANY_TIME_MODIFICATION },
            Offer { context: context::GPRS_LOCATION_UPDATE_V3, opcode: operation::UPDATE_GPRS_LOCATION },
            Offer { context: context::MS_PURGING_V3, opcode: operation::PURGE_MS },
            Offer { context: context::INFO_RETRIEVAL_V3, opcode: operation::SEND_AUTHENTICATION_INFO },
        ],
    }
}
