//! Puts the core network together and runs it.

use crate::config::Config;
use crate::impairment::Impaired;
use crate::node::Node;
use core::convert::Infallible;
use ipsmgw::base::SipKey;
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
const PER_MESSAGE: usize = 4;
/// What a server transaction, which lives 32 s, and a resting transaction id need room for.
const COMPLETED: usize = 1 << 18;

/// The core network over `io`, one worker that has all the queues of its ports.
///
/// # Errors
/// Says which part of the configuration does not fit.
pub fn build<IO: PacketIo>(config: &Config, io: IO) -> Result<Worker<Impaired<IO>, Node>, String> {
    let node = Node::new(config)?;
    let key = SipKey::new(secret(config.seed, 0));
    let listen: Vec<SocketAddr> = config.networks.iter().map(|network| network.scscf_address).collect();
    let link = Link::new(layers::link(&config.ports, &config.routes, &listen, &io))?;
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
    let rules = layers::rules(point_code, &titles, &config.titles);
    Ss7Config {
        worker: WORKER,
        workers: 1,
        transport,
        own: titles.iter().map(|title| SccpAddress::titled(*title, Ssn::MSC)).collect(),
        sccp: SccpConfig {
            limit: usize::from(config.ss7.sif_budget).saturating_sub(4),
            ..SccpConfig::new(vec![point_code], vec![Ssn::MSC], rules)
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
        ],
    }
}
