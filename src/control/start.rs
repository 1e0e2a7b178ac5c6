//! Puts the gateway together and runs it.

use super::authentication::{Algorithm, Authenticator, AuthenticatorConfig, NetworkAuthentication};
use super::config::{self, Config};
use super::location::{Location, Places};
#[cfg(feature = "dpdk")]
use super::log;
use super::registrar::{JournalLimits, Registrar};
use super::store::Opened;
use super::store::engine::Meta;
use super::subscribers::Subscribers;
use super::{Control, Doorbell, Mailbox, StartError};
use super::{layers, screening, streams};
#[cfg(feature = "dpdk")]
use crate::base::publish::Show;
use crate::base::publish::Shown;
use crate::base::{Producer, SipKey, Time, ring};
use crate::dataplane::{BackoffMode, Clock, Departure, Worker, WorkerEnd};
use crate::gateway::cause::Causes;
use crate::gateway::endings::Ending;
use crate::gateway::mailbox::{Located, ToControl, ToWorker};
use crate::gateway::{self, Gateway, GatewayConfig, Network, Node, UnmatchedReport};
use crate::ident::{SccpAddress, WorkerId};
use crate::io::PacketIo;
use crate::proto::link::{self, Link};
use crate::proto::map::{Version, context, operation};
use crate::proto::sip;
use crate::proto::tcap::DialoguesConfig;
use crate::stack::{
    Handshake, Ims, ImsConfig, Offer, PeerPolicy, Peers, Side, Ss7, Ss7Config, Stack, Transport,
};
use crate::subscriber::{Loading, Reader, TableConfig, table};
use std::sync::Arc;
use std::time::Duration;

/// How long messages under way may take when the gateway is told to stop.
const GRACE: Duration = Duration::from_secs(5);
/// Transaction ids for each dialogue at a time: those that rest outnumber those in use.
const IDENTIFIERS_PER_DIALOGUE: usize = 16;
/// Ends of messages that a worker may tell for operators before they are taken: those of a second, as a rule.
const ENDINGS: usize = 16_384;
/// What SMS-GMSCs and HLRs may ask of the gateway; first what they ask most often.
const OFFERS: [Offer; 7] = [
    Offer::only(context::MT_RELAY, Version::V3, operation::MT_FORWARD_SM),
    // forwardSM of versions 1 and 2, towards the mobile.
    Offer::only(context::MT_RELAY, Version::V2, operation::MO_FORWARD_SM),
    Offer::only(context::MO_RELAY, Version::V1, operation::MO_FORWARD_SM),
    Offer::new(context::LOCATION_CANCELLATION, ALL_VERSIONS, operation::CANCEL_LOCATION),
    Offer::new(context::SUBSCRIBER_DATA_MANAGEMENT, ALL_VERSIONS, operation::INSERT_SUBSCRIBER_DATA),
    Offer::new(context::SUBSCRIBER_DATA_MANAGEMENT, ALL_VERSIONS, operation::DELETE_SUBSCRIBER_DATA),
    Offer::new(context::RESET, ALL_VERSIONS, operation::RESET),
];
const ALL_VERSIONS: (Version, Version) = (Version::V1, Version::V3);

/// Dialogues that peers open and leave: TS 29.002 gives the operations in them at most ten minutes.
const DIALOGUE_GUARD: Duration = Duration::from_secs(600);

/// Runs the gateway until it is told to stop.
#[cfg(feature = "dpdk")]
pub fn run(config: Config, subscribers: Subscribers) -> Result<(), StartError> {
    use crate::base::PortId;
    use crate::io::dpdk::{Eal, Ports, PortsConfig};
    use crate::io::{Impaired, Impairment};
    log::start(&config.log);
    for config::ConfigError { line, key, what, remedy, .. } in &config.warnings {
        tracing::warn!(line, key, remedy, "{what}");
    }
    for (what, room) in config.sizes() {
        tracing::info!(what, room, "capacity");
    }
    tracing::info!(workers = config.node.workers, backoff = ?config.node.backoff, "workers");
    let devices = |what: String| StartError::new(what, "correct [eal] or the port's device");
    let eal = Eal::init(&layers::environment(&config.eal, &config.ports)).map_err(devices)?;
    let frames = config.capacity.frames * config.ports.len() as u32 * u32::from(config.node.workers);
    let ports = PortsConfig { workers: config.node.workers.into(), frames, ..PortsConfig::default() };
    let (ports, io) = Ports::open(&eal, &ports).map_err(devices)?;
    for at in 0..ports.len() {
        tracing::info!(port = config.ports[at].name, device = ports.describe(PortId(at as u8)), "port");
    }
    let names = config.ports.iter().map(|port| port.name.clone()).collect();
    let impaired: Vec<Option<Arc<Impairment>>> = config
        .ports
        .iter()
        .map(|port| port.impairment.map(|it| Arc::new(Impairment::new(it.loss, it.duplicate, it.seed))))
        .collect();
    let io = io.into_iter().zip(0..).map(|(io, worker)| Impaired::new(io, &impaired, worker)).collect();
    // Closed by this thread, after the workers have ended.
    let ports = std::rc::Rc::new(NamedPorts { ports: ports.into(), names, impaired });
    let started = start(config, subscribers, io, Box::new(ports.clone()))?;
    let result = started.control.run();
    for thread in started.threads {
        let _ = thread.join();
    }
    result
}

/// The ports and what the operator calls them, as the control thread shows them.
#[cfg(feature = "dpdk")]
struct NamedPorts {
    ports: std::cell::RefCell<crate::io::dpdk::Ports>,
    names: Vec<String>,
    impaired: Vec<Option<Arc<crate::io::Impairment>>>,
}

#[cfg(feature = "dpdk")]
impl Shown for std::rc::Rc<NamedPorts> {
    fn show(&self, to: &mut dyn Show) {
        let mut ports = self.ports.borrow_mut();
        for (at, (name, impaired)) in self.names.iter().zip(&self.impaired).enumerate() {
            let port = crate::base::PortId(at as u8);
            to.counts("port", name, &ports.counts(port));
            if let Some(impaired) = impaired {
                to.counts("port", name, &impaired.counts());
            }
            let link = ("port", name.as_str(), "link", "Whether the port's link is up.");
            to.state(link, usize::from(ports.is_up(port)), &["down", "up"]);
        }
    }
}

/// Without DPDK there are no ports to run on.
#[cfg(not(feature = "dpdk"))]
pub fn run(_config: Config, _subscribers: Subscribers) -> Result<(), StartError> {
    Err(StartError::new("this build has no ports", "build it with the feature `dpdk`"))
}

/// A gateway whose workers turn; the control thread is yet to run.
pub struct Started {
    /// The control thread's part.
    pub control: Control,
    /// The threads of workers, and those of streams, which end after them.
    pub threads: Vec<std::thread::JoinHandle<()>>,
}

/// Starts the workers over `io`, one for each, and makes the control thread, which shows the counts of `ports`.
///
/// # Errors
/// Says which part of the configuration does not fit.
#[allow(clippy::disallowed_methods)] // the workers' threads are started here
pub fn start<IO: PacketIo + 'static>(
    config: Config,
    subscribers: Subscribers,
    io: Vec<IO>,
    ports: Box<dyn Shown>,
) -> Result<Started, StartError> {
    screening::tell_start(&config);
    let clock = Clock::start();
    let mut life = [0; 16];
    getrandom::fill(&mut life).map_err(|error| {
        StartError::new(format!("no random numbers: {error}"), "see to the kernel's entropy")
    })?;
    let opened = open_store(&config)?;
    let Parts { workers, mailboxes, registrar, location, config, key } =
        build_with(config, subscribers, io, life, opened.as_ref().map(|opened| &opened.meta))?;
    let doorbell = Doorbell::default();
    let mode = match config.node.backoff {
        config::Backoff::Spin => BackoffMode::Spin,
        config::Backoff::Yield => BackoffMode::Yield,
    };
    let mut published = Vec::new();
    let mut threads = Vec::new();
    let (workers, mut of_streams) = match streams::StreamsConfig::of(&config)? {
        Some(streams) => {
            let scscfs = streams::Scscfs(location.domains());
            let streams = streams::StreamsConfig { scscfs, ..streams };
            let (workers, streams) = streams::start(streams, &key, workers)?;
            (workers, Some(streams))
        }
        None => (workers, None),
    };
    let departures = Departure::together(workers.len());
    for (mut worker, departure) in workers.into_iter().zip(departures) {
        let (publisher, places) = crate::base::publish::publish(&worker);
        published.push((Some(worker.id()), places));
        let bell = doorbell.bell();
        let thread = std::thread::Builder::new().name(format!("worker{}", worker.id().0)).spawn(move || {
            if let Err(why) = worker.io().enter() {
                tracing::error!(worker = worker.id().0, why, "worker can't poll");
                return;
            }
            crate::dataplane::run(worker, publisher, clock, mode, &bell, GRACE, departure);
        });
        threads
            .push(thread.map_err(|error| StartError::new(format!("no thread: {error}"), "free resources"))?);
    }
    let clock = Box::new(move || clock.now());
    if let Some(streams) = &mut of_streams {
        published.extend(streams.published.drain(..).map(|places| (None, places)));
        threads.append(&mut streams.threads);
    }
    let (of_location, places) = crate::base::publish::publish(&location);
    published.push((None, places));
    let config_of_store = config.store.clone();
    let control = Control::new(config, registrar, ports, mailboxes, published, clock, doorbell);
    let control = match of_streams {
        Some(streams) => control.with_streams(streams.lost, streams.tls),
        None => control,
    };
    let control = control.with_location(location, of_location);
    let control = match opened {
        Some(opened) => {
            let (store, thread) = opened
                .start(config_of_store.unacknowledged as usize + 1)
                .map_err(|error| StartError::new(format!("no thread: {error}"), "free resources"))?;
            threads.push(thread);
            control.with_store(store)
        }
        None => control,
    };
    Ok(Started { control, threads })
}

/// The gateway taken apart: simulations and benchmarks turn the workers themselves.
pub struct Parts<IO> {
    /// The workers.
    pub workers: Vec<Worker<IO, Gateway>>,
    /// The control thread's ends of their rings.
    pub mailboxes: Vec<Mailbox>,
    /// What the control thread does with registrations.
    pub registrar: Registrar,
    /// Where the S-CSCFs are.
    pub location: Location,
    /// The configuration.
    pub config: Arc<Config>,
    /// This life's secret.
    pub key: SipKey,
}

/// Builds the workers, one for each of `io`, and what the control thread needs. `life` is drawn anew for each life of a
/// process, so that identifiers of an earlier one are strangers, whose slots and generations begin anew; all random
/// numbers follow from it, and a simulation's from its seed.
///
/// # Errors
/// Says which part of the configuration does not fit.
pub fn build<IO: PacketIo>(
    config: Config,
    subscribers: Subscribers,
    io: Vec<IO>,
    life: [u8; 16],
) -> Result<Parts<IO>, StartError> {
    build_with(config, subscribers, io, life, None)
}

/// As [`build`], with a store of registrations that was opened and knows this of itself.
///
/// # Errors
/// Says which part of the configuration does not fit.
pub fn build_with<IO: PacketIo>(
    config: Config,
    mut subscribers: Subscribers,
    io: Vec<IO>,
    life: [u8; 16],
    store: Option<&Meta>,
) -> Result<Parts<IO>, StartError> {
    let secret = config.secret().map_err(|error| StartError::new(error.what, error.remedy))?;
    let key = match secret {
        Some(secret) => SipKey::new(SipKey::new(secret).hash_u128(&[b"life", &life]).to_be_bytes()),
        None => SipKey::new(life),
    };
    let (writer, readers) = table(&places_of(&config, io.len(), &key));
    let (pages, each) = (writer.page_size().to_string(), writer.octets_each());
    tracing::info!(octets = writer.memory(), each, pages, "memory of subscribers");
    let places = Places::new(&config, networks(&config))?;
    let located = Arc::new(places.snapshot(Time::ZERO));
    let size = |size: u32| size as usize;
    let (ends, control_ends) = crate::dataplane::rings::<gateway::Crossing, ToControl, ToWorker>(
        io.len(),
        size(config.capacity.hand_off),
        size(config.capacity.mailbox),
    );
    let mailboxes = control_ends
        .into_iter()
        .enumerate()
        .map(|(at, end)| Mailbox { worker: WorkerId(at as u8), from: end.requests, to: end.replies })
        .collect();
    let config = Arc::new(config);
    let count = io.len() as u8;
    let causes = Arc::new(config.causes.clone());
    let (endings, of_workers): (Vec<_>, Vec<_>) = io.iter().map(|_| ring(ENDINGS)).unzip();
    let loading = Arc::new(store.map_or_else(Loading::nothing, |_| Loading::default()));
    let lasting = store.map(|meta| SipKey::new(meta.secret));
    let assembly = Assembly {
        config: &config,
        key,
        located: &located,
        causes,
        workers: count,
        lasting,
        loading: &loading,
    };
    let workers = io
        .into_iter()
        .zip(ends)
        .zip(readers)
        .zip(endings)
        .enumerate()
        .map(|(at, (((io, end), reader), endings))| {
            assembly.worker(WorkerId(at as u8), io, end, reader, endings)
        })
        .collect::<Result<_, _>>()?;
    let authenticator = authenticator(&config, &mut subscribers, &key);
    let registrar = Registrar::new(config.clone(), subscribers, writer, authenticator, count, &key)
        .with_endings(of_workers);
    let limits = JournalLimits { records: config.store.unacknowledged as usize, wait: config.store.wait };
    let registrar = match store {
        Some(meta) => registrar.with_store(meta, limits, loading.clone()),
        None => registrar,
    };
    let location = Location::new(&config, places, located, &key);
    Ok(Parts { workers, mailboxes, registrar, location, config, key })
}

/// Opens the store of registrations, where one is configured.
fn open_store(config: &Config) -> Result<Option<Opened>, StartError> {
    let Some(path) = &config.store.path else {
        tracing::warn!(
            "registrations are not kept: set [store] path, or who is registered is absent after a restart"
        );
        return Ok(None);
    };
    let mut fresh = [0; 16];
    getrandom::fill(&mut fresh).map_err(|error| {
        StartError::new(format!("no random numbers: {error}"), "see to the kernel's entropy")
    })?;
    let names: Vec<String> = config.networks.iter().map(|network| network.name.clone()).collect();
    let opened = Opened::open(path, &names, fresh).map_err(|failure| {
        let what = format!("the store of registrations {}: {failure}", path.display());
        let remedy = "let no other gateway have it, free room on its disk, and let the gateway write there; if it is \
                      damaged, restore it, or remove it and let everybody register again";
        StartError::new(what, remedy)
    })?;
    tracing::info!(path = %path.display(), records = opened.meta.sequence, "store of registrations");
    Ok(Some(opened))
}

/// How big the subscriber table is.
fn places_of(config: &Config, readers: usize, key: &SipKey) -> TableConfig {
    let capacity = &config.capacity;
    TableConfig {
        subscribers: capacity.subscribers as usize,
        identities: capacity.identities as usize,
        details: capacity.details as usize,
        addresses: capacity.subscribers as usize,
        readers,
        key: key.derive("subscribers"),
    }
}

/// What UEs that register here themselves are authenticated with.
fn authenticator(config: &Config, subscribers: &mut Subscribers, key: &SipKey) -> Authenticator {
    let networks = config.networks.iter().enumerate().map(|(at, network)| {
        let algorithms = match &network.direct {
            Some(direct) if direct.authentication == config::Authentication::Aka => {
                let algorithm = |aka: &config::Aka| match aka {
                    config::Aka::V1 => Algorithm::AkaV1Md5,
                    config::Aka::V2 => Algorithm::AkaV2Md5,
                };
                direct.aka.iter().map(algorithm).collect()
            }
            Some(direct) if direct.authentication == config::Authentication::Digest => vec![Algorithm::Md5],
            _ => vec![],
        };
        NetworkAuthentication {
            realm: network.realms.first().cloned().unwrap_or_default(),
            mcc: network.mcc,
            mnc: network.mnc,
            realms: network.realms.clone(),
            algorithms,
            credentials: subscribers.take_credentials(at as u16),
        }
    });
    let bounds = AuthenticatorConfig::new(networks.collect());
    Authenticator::new(AuthenticatorConfig { lifetime: config.timers.nonce, ..bounds }, key)
}

/// The served networks as the procedures see them, but for their S-CSCFs.
fn networks(config: &Config) -> Vec<Network> {
    config
        .networks
        .iter()
        .map(|network| Network {
            name: network.name.clone(),
            imsi_prefixes: network.imsi_prefixes.clone(),
            title: network.gateway_title,
            ioi: network.ioi.clone(),
            node: match network.node {
                config::NodeKind::Msc => Node::Msc,
                config::NodeKind::Sgsn => Node::Sgsn,
            },
            uri: network.gateway_uri.clone(),
            service_centres: network.service_centres.clone(),
            numbering: super::numbering::numbering(network),
            hlrs: network.hlr.iter().map(|hlr| (hlr.imsi_prefix, hlr.title)).collect(),
            sgsn_at_hlr: network.r1 == config::R1::UpdateGprsLocation,
            trusted: network.trusted.iter().map(|hosts| hosts.0).collect(),
            scscfs: vec![],
            former: vec![],
            unlocated: false,
            direct: network.direct.is_some(),
            mo_preferred_only: network.mo_not_preferred == config::MoNotPreferred::Refuse,
            report_answer: network.report_answer,
            duplicate: network.duplicate,
            report_token: network.report_token,
            report_in_200: network.report_in_200,
            report_unmatched: match network.report_unmatched {
                config::ReportUnmatched::Accept => UnmatchedReport::Accept,
                config::ReportUnmatched::NotAcceptableHere => UnmatchedReport::NotAcceptable,
            },
        })
        .collect()
}

/// What every worker is made of.
struct Assembly<'c> {
    config: &'c Config,
    key: SipKey,
    located: &'c Arc<Located>,
    causes: Arc<Causes>,
    workers: u8,
    /// The secret that lasts longer than this life, where there is one.
    lasting: Option<SipKey>,
    loading: &'c Arc<Loading>,
}

impl Assembly<'_> {
    fn worker<IO: PacketIo>(
        &self,
        id: WorkerId,
        io: IO,
        end: WorkerEnd<gateway::Crossing, ToControl, ToWorker>,
        reader: Reader,
        endings: Producer<Ending>,
    ) -> Result<Worker<IO, Gateway>, StartError> {
        let wrong = |what: String| StartError::new(what, "correct the configuration");
        let config = self.config;
        let link = layers::link(&config.ports, &config.routes, &config.sip.listen, &io);
        let link = link::LinkConfig {
            worker: id,
            workers: self.workers,
            key: self.key.derive("link"),
            reassembly: layers::reassembly(config),
            ..link
        };
        let link = Link::new(link).map_err(wrong)?;
        let ims = Ims::new(self.ims(id), &self.key);
        let ss7 = Ss7::new(self.ss7(id)).map_err(wrong)?;
        let mut stack = Stack::new(id, &self.key, link, ims, ss7);
        stack.set_core(&self.located.core);
        if let Some(lasting) = &self.lasting {
            stack.set_fingerprint_key(lasting);
        }
        let gateway = GatewayConfig {
            worker: id,
            mo: config.capacity.mo as usize,
            mt: config.capacity.mt as usize,
            duplicates: config.capacity.duplicates as usize,
            forward_timeout: config.timers.map_forward,
            mt_queue: config.timers.mt_queue.into(),
            mt_more: config.timers.mt_more,
            report_timeout: config.timers.mt_report,
            registration_max: registration_max(config),
            hlr_timeout: config.timers.map_registration,
            causes: self.causes.clone(),
            icid: self.key.derive("icid").hash_u64(id.0.into()),
            ends_per_second: config.log.messages_per_second,
            loading: self.loading.clone(),
            is_kept: self.lasting.is_some(),
        };
        let gateway = Gateway::new(gateway, self.located.networks.clone(), reader).with_endings(endings);
        Ok(Worker::new(id, io, stack, gateway, end))
    }

    fn ims(&self, worker: WorkerId) -> ImsConfig {
        let config = self.config;
        ImsConfig {
            worker,
            workers: self.workers,
            side: Side::Network,
            listen: config.sip.listen.clone(),
            streams: streams::of_workers(config),
            // They come with the hosts of the core.
            trusted: vec![],
            legacy: vec![],
            hops: vec![],
            answer_within: config.timers.mt_report,
            probe: config.sip.probe,
            host: config.sip.host.clone(),
            registration_max: registration_max(config),
            retry_after: config.sip.retry_after_s,
            timers: sip::Timers { t1: config.sip.t1, t2: config.sip.t2 },
            limits: config.sip.limits.messages,
            client_transactions: config.capacity.client_transactions as usize,
            pending_requests: config.capacity.pending_requests as usize,
            server_transactions: config.capacity.server_transactions as usize,
        }
    }

    fn ss7(&self, worker: WorkerId) -> Ss7Config {
        let config = self.config;
        let point_code = config.ss7.point_code;
        let mut cookies = [0; 32];
        for (place, purpose) in
            cookies.chunks_exact_mut(8).zip(["cookie 0", "cookie 1", "cookie 2", "cookie 3"])
        {
            place.copy_from_slice(&self.key.derive(purpose).hash_u64(worker.0.into()).to_be_bytes());
        }
        let random = self.key.derive("SCTP tags").hash_u128(&[&[worker.0]]);
        let transport = Transport::new(
            worker,
            point_code,
            config.ss7.network_indicator,
            layers::associations(&config.associations, &config.destinations, &config.ports, self.workers),
            layers::destinations(&config.destinations, &config.associations),
            cookies,
            SipKey::new(random.to_be_bytes()),
        );
        let (servers, provisions) = layers::application_servers(&config.application_servers);
        let transport = transport.with_servers(&servers, provisions, config.ss7.registered_contexts_from);
        let subsystems = layers::subsystems(config);
        let titles: Vec<_> = config.networks.iter().map(|network| network.gateway_title).collect();
        let rules = layers::rules(point_code, &titles, &config.titles);
        let own =
            titles.iter().flat_map(|title| subsystems.iter().map(|ssn| SccpAddress::titled(*title, *ssn)));
        let dialogues = config.capacity.dialogues as usize;
        // An identifier rests longer than the longest operation takes.
        let rest = config.timers.map_forward + Duration::from_secs(10);
        Ss7Config {
            worker,
            workers: self.workers,
            transport,
            own: own.collect(),
            sccp: layers::sccp(config, rules),
            dialogues: DialoguesConfig {
                worker,
                workers: self.workers,
                capacity: dialogues,
                identifiers: (dialogues * IDENTIFIERS_PER_DIALOGUE).next_power_of_two().min(1 << 22),
                prefix: config.node.tid_prefix.into(),
                prefix_bits: config.node.tid_prefix_bits.into(),
                key: self.key.derive("transaction ids"),
                rest,
                guard: DIALOGUE_GUARD,
                peer_match: config.ss7.peer_match(&config.titles),
                limits: config.ss7.limits(config.capacity.dialogues),
            },
            forward_timeout: config.timers.map_forward,
            offers: OFFERS.to_vec(),
            peers: Peers {
                policies: config.map_peers.iter().map(policy).collect(),
                held: dialogues.min(4096),
                version_memory: Duration::from_secs(config.ss7.map_memory_s.into()),
                ..Peers::default()
            },
            screening: screening::screening(config),
        }
    }
}

/// What is agreed with an operator, as the stack knows it.
fn policy(peer: &config::MapPeer) -> PeerPolicy {
    PeerPolicy {
        prefix: peer.prefix,
        handshake: match peer.handshake {
            config::Handshake::Always => Handshake::Always,
            config::Handshake::WhenNeeded => Handshake::WhenNeeded,
            config::Handshake::Never => Handshake::Never,
        },
        highest: Version::new(peer.highest_version).unwrap_or(Version::V3),
    }
}

fn registration_max(config: &Config) -> u32 {
    u32::try_from(config.timers.registration_max.as_secs()).unwrap_or(u32::MAX)
}
