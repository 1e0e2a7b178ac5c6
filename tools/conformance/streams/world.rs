//! The gateway with stream threads, and peers that connect to it.

#![allow(clippy::disallowed_methods)] // sockets and threads have real time

use super::harness::config::{Options, configuration, subscribers};
use super::harness::peers::{Cable, Peers};
use super::harness::sip::{Draft, Sip};
use ipsmgw::base::Time;
use ipsmgw::base::publish::Published;
use ipsmgw::control::Mailbox;
use ipsmgw::control::config::{Config, ConfigError};
use ipsmgw::control::registrar::{Outbox, Registrar};
use ipsmgw::control::start::{self, Parts};
use ipsmgw::control::streams::tls::Files;
use ipsmgw::control::streams::{self, Streams, StreamsConfig};
use ipsmgw::control::subscribers::Subscribers;
use ipsmgw::dataplane::Worker;
use ipsmgw::gateway::Gateway;
use ipsmgw::io::memory::{End, MemoryIo, Pool, pair, views};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned, crypto,
};

/// The hosts of the first network's S-CSCFs that speak TCP and TLS.
pub(crate) const BY_TCP: &str = "127.0.0.2";
pub(crate) const BY_TLS: &str = "127.0.0.3";

/// What differs between tests.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) direct: &'static str,
    pub(crate) connections: u32,
    pub(crate) connections_per_source: u32,
    pub(crate) idle_s: u32,
    pub(crate) flow_timer_s: u32,
    pub(crate) message_s: u32,
    pub(crate) write_buffer: u32,
    /// Other hosts of the first network's core.
    pub(crate) trusted: &'static str,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            direct: "",
            connections: 1000,
            connections_per_source: 1000,
            idle_s: 60,
            flow_timer_s: 120,
            message_s: 20,
            write_buffer: 65_536,
            trusted: "[]",
        }
    }
}

type Workers = Rc<RefCell<Vec<Worker<MemoryIo, Gateway>>>>;

/// A gateway of two workers on ports in memory, two stream threads, and the clock of the host.
struct Turned {
    began: Instant,
    workers: Workers,
    mailboxes: Vec<Mailbox>,
    registrar: Registrar,
    streams: Streams,
    lost: Rc<Cell<usize>>,
    ends: [End; 2],
}

impl Turned {
    fn control(&mut self) {
        let mut out = Outbox::new();
        let now = self.now();
        for mailbox in &mut self.mailboxes {
            while let Some(message) = mailbox.from.pop() {
                self.registrar.handle(now, message, &mut out);
            }
        }
        while let Ok(lost) = self.streams.lost.try_recv() {
            self.registrar.on_connection_lost(now, lost.source, lost.connection, &mut out);
            self.lost.set(self.lost.get() + 1);
        }
        if now >= self.registrar.poll_timeout() {
            self.registrar.handle_timeout(now, &mut out);
        }
        for (worker, message) in out {
            assert!(self.mailboxes[usize::from(worker.0)].to.push(message).is_ok());
        }
    }
}

impl Cable for Turned {
    fn now(&self) -> Time {
        Time::from_millis(1000) + self.began.elapsed()
    }

    fn queues(&self) -> usize {
        2
    }

    fn send(&mut self, port: usize, queue: usize, frame: &[u8]) {
        assert!(self.ends[port].send(queue, frame));
    }

    fn receive(&mut self, port: usize, queue: usize) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.ends[port].receive(queue)).map(|frame| frame.bytes().to_vec()).collect()
    }

    fn rest(&mut self, _: bool) {
        let now = self.now();
        for worker in self.workers.borrow_mut().iter_mut() {
            worker.turn(now);
        }
        self.control();
        std::thread::yield_now();
    }
}

pub(crate) struct World {
    pub(crate) peers: Peers,
    workers: Workers,
    published: Vec<Published>,
    lost: Rc<Cell<usize>>,
    runtime: Runtime,
    /// Where the gateway's files are.
    place: PathBuf,
    tls: Arc<Files>,
    /// The gateway's ports for TCP and TLS, and those of the S-CSCFs.
    ports: [u16; 4],
}

/// Ports that no other test of this process has.
fn ports() -> [u16; 4] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    [(); 4].map(|()| {
        loop {
            let port = 20_000 + (std::process::id() % 97) as u16 * 100 + NEXT.fetch_add(1, Ordering::Relaxed);
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    })
}

fn files(name: &str) -> String {
    format!("{}/tools/conformance/certificates/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn text(place: &Path, settings: Settings, ports: [u16; 4]) -> String {
    let Settings {
        direct,
        connections,
        connections_per_source,
        idle_s,
        flow_timer_s,
        message_s,
        write_buffer,
        trusted,
    } = settings;
    let [tcp, tls, scscf_tcp, scscf_tls] = ports;
    let text = configuration(place, Options { direct, ..Options::default() });
    let more = format!(
        r#"address = "10.1.0.5:5060" }},
    {{ uri = "sip:scscf1.home1.net", address = "{BY_TCP}:{scscf_tcp}", transport = "tcp" }},
    {{ uri = "sip:scscf1.home1.net", address = "{BY_TLS}:{scscf_tls}", transport = "tls" }}]"#
    );
    let text = text.replace("address = \"[fd11::5]:5060\" }]", &more);
    let text =
        text.replace("realms = [\"home1.net\"]", &format!("realms = [\"home1.net\"]\ntrusted = {trusted}"));
    text + &format!(
        r#"
[sip.streams]
listen = ["127.0.0.1:{tcp}"]
listen_tls = ["127.0.0.1:{tls}"]
threads = 2
connections = {connections}
connections_per_source = {connections_per_source}
idle_s = {idle_s}
flow_timer_s = {flow_timer_s}
message_s = {message_s}
write_buffer = {write_buffer}
[sip.tls]
certificate = "own.pem"
key = "own.key"
ca = "ca.pem"
"#
    )
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        let ports = ports();
        let place = std::env::temp_dir().join(format!("ipsmgw-streams-{}-{}", std::process::id(), ports[0]));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("home1.csv"), subscribers()).unwrap();
        put(&place, ["gateway", "gateway", "ca"]);
        let config = Config::parse(&place.join("gateway.toml"), &text(&place, settings, ports)).unwrap();
        let subscribers = Subscribers::load(&config).unwrap();
        let pool = Pool::new(4096);
        let ((ims, ims_peer), (ss7, ss7_peer)) = (pair(2, 1024, &pool), pair(2, 1024, &pool));
        let mut streams = StreamsConfig::of(&config).unwrap().expect("streams");
        streams.flow_grace = Duration::from_secs(1);
        let parts = start::build(config, subscribers, views(2, &[ims, ss7], &pool), [1; 16]).unwrap();
        let Parts { workers, mailboxes, registrar, key, .. } = parts;
        let (workers, mut streams) = streams::start(streams, &key, workers).unwrap();
        let tls = streams.tls.clone().expect("TLS");
        let published = streams.published.drain(..).collect();
        let (workers, lost) = (Rc::new(RefCell::new(workers)), Rc::default());
        let turned = Turned {
            began: Instant::now(),
            workers: Rc::clone(&workers),
            mailboxes,
            registrar,
            streams,
            lost: Rc::clone(&lost),
            ends: [ims_peer, ss7_peer],
        };
        let mut peers = Peers::new(Box::new(turned), 1);
        peers.until("traffic", |peers| peers.ss7.active[0].then_some(()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { peers, workers, published, lost, runtime, place, tls, ports }
    }

    /// The gateway gets another certificate and other authorities, and reads them.
    pub(crate) fn read_again(&self, names: [&str; 3]) -> Result<(), ConfigError> {
        put(&self.place, names);
        self.tls.read_again()
    }

    pub(crate) fn until<T>(&mut self, what: &str, mut found: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = self.peers.now() + super::harness::peers::PATIENCE;
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            assert!(self.peers.now() < deadline, "{what} did not come");
            self.peers.step();
        }
    }

    /// A number of the workers, added up.
    pub(crate) fn sum(&self, of: impl Fn(&Worker<MemoryIo, Gateway>) -> u64) -> u64 {
        self.workers.borrow().iter().map(of).sum()
    }

    /// A counter of the stream threads, added up, once they have published what they do now.
    pub(crate) fn count(&mut self, name: &str) -> u64 {
        pass_a_tick(&mut self.peers);
        self.published(name)
    }

    /// The same as they have published it last.
    pub(crate) fn published(&self, name: &str) -> u64 {
        let of = |published: &Published| -> u64 {
            published.read().filter(|(entry, _)| entry.name == name).map(|(_, value)| value).sum()
        };
        self.published.iter().map(of).sum()
    }

    /// How many connections of UEs were lost.
    pub(crate) fn lost(&self) -> usize {
        self.lost.get()
    }

    /// The port of an S-CSCF.
    pub(crate) fn port(&self, host: &str) -> u16 {
        self.ports[if host == BY_TLS { 3 } else { 2 }]
    }

    fn open(&self, from: &str, port: u16, receive: Option<u32>) -> TcpStream {
        self.open_at(SocketAddr::new(from.parse().unwrap(), 0), port, receive)
    }

    fn open_at(&self, from: SocketAddr, port: u16, receive: Option<u32>) -> TcpStream {
        let to: IpAddr = "127.0.0.1".parse().unwrap();
        let stream = self.runtime.block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            if let Some(octets) = receive {
                socket.set_recv_buffer_size(octets).unwrap();
            }
            socket.set_reuseaddr(true).unwrap();
            socket.bind(from).unwrap();
            socket.connect(SocketAddr::new(to, port)).await.unwrap()
        });
        let stream = stream.into_std().unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// A connection from a host; that of TLS shows its certificate.
    pub(crate) fn connect(&self, from: &str) -> Peer {
        match from {
            BY_TLS => self.connect_tls(from, Some("scscf")),
            _ => Peer::new(Stream::Plain(self.open(from, self.ports[0], None)), false),
        }
    }

    /// One that hardly reads.
    pub(crate) fn connect_narrow(&self, from: &str) -> Peer {
        Peer::new(Stream::Plain(self.open(from, self.ports[0], Some(4096))), false)
    }

    pub(crate) fn connect_tls(&self, from: &str, certificate: Option<&str>) -> Peer {
        self.connect_tls_at(SocketAddr::new(from.parse().unwrap(), 0), certificate)
    }

    /// One that comes from that very address and port, which another to the gateway's other port may have too.
    pub(crate) fn connect_tls_at(&self, from: SocketAddr, certificate: Option<&str>) -> Peer {
        self.connect_tls_to(from, certificate, "ipsmgw.home1.net").expect("a handshake")
    }

    /// One that asks for a gateway of that name.
    pub(crate) fn connect_tls_to(
        &self,
        from: SocketAddr,
        certificate: Option<&str>,
        name: &'static str,
    ) -> std::io::Result<Peer> {
        let provider = Arc::new(crypto::ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots(), provider.clone()).build().unwrap();
        let verifier: Arc<dyn ServerCertVerifier> = verifier;
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.dangerous().with_custom_certificate_verifier(verifier);
        let config = match certificate {
            Some(name) => {
                let (chain, key) = identity(name);
                config.with_client_auth_cert(chain, key).unwrap()
            }
            None => config.with_no_client_auth(),
        };
        let name = ServerName::try_from(name).unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = self.open_at(from, self.ports[1], None);
        stream.set_nonblocking(false).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        Ok(Peer::new(Stream::Client(Box::new(StreamOwned::new(tls, stream))), true))
    }

    /// Where an S-CSCF takes connections.
    pub(crate) fn listen(&self, host: &str) -> (TcpListener, bool) {
        let listener = TcpListener::bind((host, self.port(host))).unwrap();
        listener.set_nonblocking(true).unwrap();
        (listener, host == BY_TLS)
    }

    /// The next connection that the gateway opens.
    pub(crate) fn accept(&mut self, (listener, secure): &(TcpListener, bool)) -> Peer {
        let (mut stream, _) = self.until("a connection", |_| listener.accept().ok());
        if !secure {
            return Peer::new(Stream::Plain(stream), false);
        }
        let provider = Arc::new(crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots(), provider.clone()).build().unwrap();
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let (chain, key) = identity("scscf");
        let config = config.with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap();
        let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
        stream.set_nonblocking(false).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).expect("a handshake");
        }
        Peer::new(Stream::Server(Box::new(StreamOwned::new(tls, stream))), true)
    }

    /// An OPTIONS of nobody in particular.
    pub(crate) fn options(&mut self) -> Draft {
        let number = self.peers.mint();
        let draft = self.peers.draft(0, "OPTIONS", "sip:ipsmgw.home1.net");
        draft
            .with("From", "<sip:a@home1.net>;tag=o")
            .with("To", "<sip:ipsmgw.home1.net>")
            .with("CSeq", format!("{number} OPTIONS"))
    }

    pub(crate) fn expect(&mut self, peer: &mut Peer, what: &str, like: impl Fn(&Sip) -> bool) -> Sip {
        self.until(what, |_| peer.take(&like))
    }

    /// Sends a request by a connection and waits for its response.
    pub(crate) fn transact(&mut self, peer: &mut Peer, draft: Draft) -> Sip {
        let octets = peer.spell(&draft);
        peer.send(&octets);
        self.expect(peer, "a response", |sip| !sip.is_request() && sip.branch() == draft.branch)
    }

    pub(crate) fn until_closed(&mut self, peer: &mut Peer) {
        self.until("the end of a connection", |_| peer.is_closed().then_some(()));
    }
}

/// Stream threads publish what they count every 50 ms.
fn pass_a_tick(peers: &mut Peers) {
    super::pass(peers, std::time::Duration::from_millis(120));
}

/// Writes the files that `[sip.tls]` names: the certificate, its key and the authority.
fn put(place: &Path, [certificate, key, ca]: [&str; 3]) {
    for (from, to) in [
        (format!("{certificate}.pem"), "own.pem"),
        (format!("{key}.key"), "own.key"),
        (format!("{ca}.pem"), "ca.pem"),
    ] {
        std::fs::copy(files(&from), place.join(to)).unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.place);
    }
}

fn roots() -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(files("ca.pem")).unwrap()).unwrap();
    Arc::new(roots)
}

fn identity(name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = vec![CertificateDer::from_pem_file(files(&format!("{name}.pem"))).unwrap()];
    (chain, PrivateKeyDer::from_pem_file(files(&format!("{name}.key"))).unwrap())
}

enum Stream {
    Plain(TcpStream),
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Client(stream) => &stream.sock,
            Self::Server(stream) => &stream.sock,
        }
    }

    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(room),
            Self::Client(stream) => stream.read(room),
            Self::Server(stream) => stream.read(room),
        }
    }

    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(octets),
            Self::Client(stream) => stream.write(octets).and_then(|len| stream.flush().map(|()| len)),
            Self::Server(stream) => stream.write(octets).and_then(|len| stream.flush().map(|()| len)),
        }
    }
}

/// The peer's end of a connection.
pub(crate) struct Peer {
    stream: Stream,
    pub(crate) secure: bool,
    pub(crate) address: SocketAddr,
    /// Whether its Vias say that requests may come by this connection, and the port that those would go to.
    pub(crate) alias: Option<u16>,
    octets: Vec<u8>,
    /// What a flood has not sent yet.
    unsent: Vec<u8>,
    received: VecDeque<Sip>,
    pongs: usize,
    closed: bool,
}

impl Peer {
    fn new(stream: Stream, secure: bool) -> Self {
        stream.socket().set_nonblocking(true).unwrap();
        let address = stream.socket().local_addr().unwrap();
        Self {
            stream,
            secure,
            address,
            alias: None,
            octets: vec![],
            unsent: vec![],
            received: VecDeque::new(),
            pongs: 0,
            closed: false,
        }
    }

    /// A request as it goes by this connection.
    pub(crate) fn spell(&self, draft: &Draft) -> Vec<u8> {
        let mut draft = draft.clone();
        let port = self.alias.unwrap_or(self.address.port());
        draft.sent_by = Some(SocketAddr::new(self.address.ip(), port));
        let octets = draft.octets();
        let end = octets.windows(2).position(|two| two == b"\r\n").unwrap();
        let via_end = end + 2 + octets[end + 2..].windows(2).position(|two| two == b"\r\n").unwrap();
        let transport = if self.secure { "SIP/2.0/TLS" } else { "SIP/2.0/TCP" };
        let via = String::from_utf8_lossy(&octets[..via_end]).replace("SIP/2.0/UDP", transport);
        let alias = if self.alias.is_some() { ";alias" } else { "" };
        [via.as_bytes(), alias.as_bytes(), &octets[via_end..]].concat()
    }

    /// Sends octets, which must find room.
    pub(crate) fn send(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() {
            match self.stream.write(octets) {
                Ok(sent) => octets = &octets[sent..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Sends the same again and again, as far as it finds room.
    pub(crate) fn flood(&mut self, octets: &[u8]) {
        if self.unsent.is_empty() {
            self.unsent.extend(octets);
        }
        if let Ok(sent) = self.stream.write(&self.unsent) {
            self.unsent.drain(..sent);
        }
    }

    /// Sends what finds room.
    pub(crate) fn try_send(&mut self, octets: &[u8]) {
        let _ = self.stream.write(octets);
    }

    fn read(&mut self) {
        let mut room = [0; 4096];
        loop {
            match self.stream.read(&mut room) {
                Ok(0) => {
                    self.closed = true;
                    break;
                }
                Ok(octets) => self.octets.extend(&room[..octets]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.closed = true;
                    break;
                }
            }
        }
        while let Some(len) = whole(&self.octets) {
            let raw: Vec<u8> = self.octets.drain(..len).collect();
            match raw.as_slice() {
                b"\r\n" => self.pongs += 1,
                raw => {
                    let remote = self.stream.socket().peer_addr().unwrap_or(self.address);
                    self.received.push_back(Sip::parse(raw, remote, self.address));
                }
            }
        }
    }

    /// The oldest message like this.
    pub(crate) fn take(&mut self, like: impl Fn(&Sip) -> bool) -> Option<Sip> {
        self.read();
        let at = self.received.iter().position(like)?;
        self.received.remove(at)
    }

    pub(crate) fn pongs(&mut self) -> usize {
        self.read();
        self.pongs
    }

    pub(crate) fn is_closed(&mut self) -> bool {
        self.read();
        self.closed
    }
}

/// Octets of the first message, or line end, if it is whole.
fn whole(octets: &[u8]) -> Option<usize> {
    if octets.starts_with(b"\r\n") {
        return Some(2);
    }
    let head = octets.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&octets[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"))?;
    let len = head + length.trim().parse::<usize>().unwrap();
    (octets.len() >= len).then_some(len)
}

/// What of this process is in memory.
pub(crate) fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
