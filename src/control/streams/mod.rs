//! SIP over TCP and TLS (RFC 3261 18, DESIGN decision 10): the host's kernel has the connections, stream threads the octets,
//! and workers see whole messages alone, by rings.
//!
//! A host belongs to one thread, by a keyed hash, whoever opens the connection: so a request finds a connection that the
//! peer has opened, and what one host may have is counted in one place.

mod channel;
#[cfg(test)]
mod tests;
mod thread;
pub mod tls;

pub use thread::StreamThreadCounts;

use super::StartError;
use super::config::Config;
use crate::base::publish::{Published, publish};
use crate::base::{ConnectionId, IpPrefix, SipKey};
use crate::dataplane::{StreamEnd, Worker, stream_rings};
use crate::io::PacketIo;
use crate::proto::sip::Limits;
use crate::proto::sip::framing::FramingLimits;
use crate::stack::{Application, ImsStreams, Owner};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use thread::{Numbers, Setup, Thread};
use tls::{Files, Tls};
use tokio::sync::{mpsc, watch};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

/// Messages under way between a worker and a stream thread, each way.
const RING: usize = 2048;
/// How long opening a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long TLS may take to agree.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How much longer than its Flow-Timer a flow may be silent: its ping may have to be sent again.
const FLOW_GRACE: Duration = Duration::from_secs(10);
/// How often a thread publishes its numbers, and looks whether the workers are still there.
const TICK: Duration = Duration::from_millis(50);
/// Files that are no connections: devices, sockets of workers and clients.
const OTHER_FILES: usize = 256;
/// Connections that wait for the thread that has their host.
const HANDED_OVER: usize = 256;

/// What stream threads are made of.
#[derive(Debug)]
pub struct StreamsConfig {
    /// Where they listen, and whether that is TLS.
    pub listen: Vec<(SocketAddr, bool)>,
    /// How many there are.
    pub threads: u8,
    /// Connections, at most, in all.
    pub connections: usize,
    /// Those that one host may open.
    pub connections_per_source: usize,
    /// How long a connection may be silent.
    pub idle: Duration,
    /// How much longer than its Flow-Timer a UE's flow may be silent, for what is on its way (RFC 5626 5.4).
    pub flow_grace: Duration,
    /// How long a message may take from its first octet, and what is written to be read.
    pub message: Duration,
    /// Octets that may wait to be written to one connection.
    pub write_buffer: usize,
    /// How long messages may be.
    pub limits: FramingLimits,
    /// What else they may have.
    pub texts: Limits,
    /// How long opening a connection may take.
    pub connect: Duration,
    /// How long TLS may take to agree.
    pub handshake: Duration,
    /// S-CSCFs, and the SIP domains that they prove by certificates.
    pub scscfs: Scscfs,
    /// Other hosts of served networks' cores, and the home domains of these, of which they have to show a certificate.
    pub core: Vec<(IpPrefix, Vec<String>)>,
    /// TLS.
    pub tls: Option<Arc<Files>>,
}

/// The hosts of S-CSCFs with the SIP domains that they prove: others as soon as DNS says so.
#[derive(Clone, Debug)]
pub struct Scscfs(pub watch::Receiver<Vec<(IpAddr, String)>>);

impl From<Vec<(IpAddr, String)>> for Scscfs {
    /// These, for ever.
    fn from(hosts: Vec<(IpAddr, String)>) -> Self {
        Self(watch::channel(hosts).1)
    }
}

impl StreamsConfig {
    /// What the configuration says; nothing if it has no streams.
    ///
    /// # Errors
    /// A file of TLS can't be used.
    pub fn of(config: &Config) -> Result<Option<Self>, StartError> {
        let listen = listen(config);
        if listen.is_empty() {
            return Ok(None);
        }
        let streams = &config.sip.streams;
        let tls = config.sip.tls.clone().map(|it| Files::new(it).map(Arc::new)).transpose();
        let tls = tls.map_err(|error| {
            StartError::new(format!("{}: {}", error.file.display(), error.what), error.remedy)
        })?;
        let scscfs = config.networks.iter().flat_map(|network| &network.scscf);
        let scscfs = scscfs
            .filter_map(|scscf| Some((scscf.address?.ip(), super::config::host_of(&scscf.uri)?.to_owned())));
        let core = config
            .networks
            .iter()
            .flat_map(|network| network.trusted.iter().map(|hosts| (hosts.0, network.realms.clone())));
        let texts = config.sip.limits.messages;
        let longest = (streams.message as usize).min(usize::from(texts.message));
        Ok(Some(Self {
            listen,
            threads: streams.threads,
            connections: streams.connections as usize,
            connections_per_source: streams.connections_per_source as usize,
            idle: Duration::from_secs(streams.idle_s.into()),
            flow_grace: FLOW_GRACE,
            message: Duration::from_secs(streams.message_s.into()),
            write_buffer: streams.write_buffer as usize,
            limits: FramingLimits { head: longest, message: longest },
            texts,
            connect: CONNECT,
            handshake: HANDSHAKE,
            scscfs: scscfs.collect::<Vec<_>>().into(),
            core: core.collect(),
            tls,
        }))
    }

    pub(super) fn is_scscf(&self, host: IpAddr) -> bool {
        self.scscfs.0.borrow().iter().any(|(scscf, _)| *scscf == host)
    }

    /// Whether an answer opens a connection to that host when its own is gone (RFC 3261 18.2.2): no stranger makes us open any.
    /// By TLS there is no name that another host of the core than an S-CSCF would have to prove.
    fn opens_for_answers(&self, host: IpAddr, secure: bool) -> bool {
        self.is_scscf(host) || !secure && self.core.iter().any(|(hosts, _)| hosts.contains(host))
    }

    /// The SIP domains of the S-CSCFs of a host.
    fn names_of(&self, host: IpAddr) -> Vec<String> {
        let scscfs = self.scscfs.0.borrow();
        scscfs.iter().filter(|(scscf, _)| *scscf == host).map(|(_, name)| name.clone()).collect()
    }

    /// Whether a certificate, whose authority is believed, proves that a host is who its address says: an S-CSCF, or else
    /// somebody of the network whose core the host belongs to.
    pub(super) fn is_proof(&self, host: IpAddr, certificate: &CertificateDer<'_>) -> bool {
        if self.is_scscf(host) {
            return self.names_of(host).iter().any(|name| tls::is_of(certificate, name));
        }
        let mut networks = self.core.iter().filter(|(hosts, _)| hosts.contains(host));
        networks.any(|(_, realms)| realms.iter().any(|realm| tls::is_within(certificate, realm)))
    }

    /// What a connection that begins now has of TLS.
    pub(super) fn tls(&self) -> Option<Tls> {
        self.tls.as_ref().map(|files| files.current().borrow().clone())
    }

    /// The name that a host has to prove when we connect to it.
    pub(super) fn server_name(&self, host: IpAddr) -> ServerName<'static> {
        let name = self.names_of(host).into_iter().find_map(|name| ServerName::try_from(name).ok());
        name.unwrap_or_else(|| ServerName::IpAddress(host.into()))
    }

    /// Octets of memory that connections take at most: what was read of a message, what waits to be written, and what TLS
    /// keeps of a record each way.
    #[must_use]
    pub fn memory(&self) -> u64 {
        const TLS: usize = 40 * 1024;
        const STATE: usize = 2 * 1024;
        let tls = if self.tls.is_some() { TLS } else { 0 };
        let each = self.limits.message + channel::READ + self.write_buffer + tls + STATE;
        self.connections as u64 * each as u64
    }
}

/// Files that the process may have open.
fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Where stream threads listen, and whether that is TLS.
fn listen(config: &Config) -> Vec<(SocketAddr, bool)> {
    let streams = &config.sip.streams;
    let plain = streams.listen.iter().map(|address| (*address, false));
    plain.chain(streams.listen_tls.iter().map(|address| (*address, true))).collect()
}

/// What workers have to know of streams.
#[must_use]
pub fn of_workers(config: &Config) -> ImsStreams {
    // Peers come with the hosts of the core.
    ImsStreams { listen: listen(config), peers: vec![] }
}

/// A connection by which somebody had registered is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost {
    /// Its other end.
    pub source: SocketAddr,
    /// Which one it was.
    pub connection: ConnectionId,
}

/// Stream threads that run; they end after the workers.
pub struct Streams {
    /// The threads.
    pub threads: Vec<std::thread::JoinHandle<()>>,
    /// Their numbers.
    pub published: Vec<Published>,
    /// The ends of connections that matter to registrations.
    pub lost: mpsc::UnboundedReceiver<Lost>,
    /// The files of TLS, which may be read again; none without TLS.
    pub tls: Option<Arc<Files>>,
}

/// Starts stream threads, and joins them to the workers. `key` is this process's secret, which the workers have.
///
/// # Errors
/// An address can't be listened at.
#[allow(clippy::disallowed_methods)] // the threads are started here
pub fn start<IO: PacketIo, A: Application>(
    config: StreamsConfig,
    key: &SipKey,
    workers: Vec<Worker<IO, A>>,
) -> Result<(Vec<Worker<IO, A>>, Streams), StartError> {
    let config = Arc::new(config);
    let spread = key.derive("stream threads");
    let count = workers.len() as u8;
    let mut ends: Vec<Vec<StreamEnd>> = workers.iter().map(|_| vec![]).collect();
    let total = Arc::new(AtomicUsize::new(0));
    let (lost, lost_here) = mpsc::unbounded_channel();
    let (over, mut taken_over): (Vec<_>, Vec<_>) =
        (0..config.threads).map(|_| mpsc::channel(HANDED_OVER)).unzip();
    let (mut threads, mut published) = (vec![], vec![]);
    for number in (0..config.threads).rev() {
        let doorbell = super::Doorbell::default();
        let mut of_workers = vec![];
        for end in &mut ends {
            let (of_worker, of_thread) = stream_rings(RING, doorbell.bell());
            end.insert(0, of_worker);
            of_workers.push(of_thread);
        }
        let setup = Setup {
            number,
            config: config.clone(),
            owner: Owner::new(key, count),
            spread,
            workers: of_workers,
            threads: over.clone(),
            total: total.clone(),
            lost: lost.clone(),
        };
        let numbers = Numbers {
            name: format!("streams{number}"),
            counts: StreamThreadCounts::default(),
            open: 0,
            most: config.connections as u64,
        };
        let (publisher, places) = publish(&numbers);
        published.push(places);
        let Some(accepted) = taken_over.pop() else { continue };
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name(format!("streams{number}")).spawn(move || {
            run(setup, doorbell, accepted, (numbers, publisher), &tell);
        });
        threads
            .push(thread.map_err(|error| StartError::new(format!("no thread: {error}"), "free resources"))?);
        told.recv().unwrap_or_else(|_| Err(StartError::new("a stream thread has ended", "report this")))?;
    }
    for (address, secure) in &config.listen {
        tracing::info!(%address, tls = secure, threads = config.threads, "SIP over streams");
    }
    tracing::info!(connections = config.connections, octets = config.memory(), "memory of streams, at most");
    if let Some(files) = open_files().filter(|files| *files < config.connections + OTHER_FILES) {
        let remedy = "raise LimitNOFILE, or lower [sip.streams] connections";
        tracing::warn!(
            files,
            connections = config.connections,
            remedy,
            "too few open files for so many connections"
        );
    }
    let tls = config.tls.clone();
    let joined = workers.into_iter().zip(ends).map(|(worker, ends)| worker.with_streams(ends, spread));
    Ok((joined.collect(), Streams { threads, published, lost: lost_here, tls }))
}

/// A stream thread, from the first connection to the last.
fn run(
    setup: Setup,
    doorbell: super::Doorbell,
    accepted: mpsc::Receiver<thread::Accepted>,
    (numbers, publisher): (Numbers, crate::base::publish::Publisher),
    tell: &std::sync::mpsc::Sender<Result<(), StartError>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _gone =
                tell.send(Err(StartError::new(format!("no event loop: {error}"), "free file descriptors")));
            return;
        }
    };
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async move {
        let mut listeners = vec![];
        for &(address, secure) in &setup.config.listen {
            match Thread::bind(address, setup.config.write_buffer) {
                Ok(listener) => listeners.push((listener, secure)),
                Err(error) => {
                    let remedy =
                        "set [sip.streams] listen and listen_tls to free ports of addresses of this host";
                    let what = format!("SIP over streams at {address}: {error}");
                    let _gone = tell.send(Err(StartError::new(what, remedy)));
                    return;
                }
            }
        }
        let thread = Rc::new(Thread::new(setup));
        for (listener, secure) in listeners {
            tokio::task::spawn_local(thread.clone().accept(listener, secure));
        }
        tokio::task::spawn_local(thread.clone().take_over(accepted));
        tokio::task::spawn_local(thread.clone().publish(numbers, publisher));
        let _gone = tell.send(Ok(()));
        let mut tick = tokio::time::interval(TICK);
        while !thread.is_abandoned() {
            if thread.pump() {
                tokio::task::yield_now().await;
                continue;
            }
            doorbell.bell.sleep();
            if thread.is_waiting() {
                continue;
            }
            tokio::select! {
                () = doorbell.rung.notified() => {}
                _ = tick.tick() => {}
            }
        }
        thread.end();
        // Connections close in order.
        tokio::task::yield_now().await;
    });
}
