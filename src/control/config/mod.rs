//! The configuration: a TOML file whose every section is a type here, and whose errors name file, line, key and remedy.

mod application_server;
mod causes;
mod check;
mod default;
mod dns;
mod ip;
mod network;
mod numbers;
mod process;
mod screening;
mod sip_limits;
mod source;
mod ss7;
mod streams;
#[cfg(test)]
mod tests;
mod text;

pub use application_server::{ApplicationServer, RoutingKey, services, shares_server};
pub use dns::{Dns, DnsServer};
pub use ip::{Impairment, Port, PortRole, Route, Sip};
pub use network::{
    Access, Aka, Audit, Authentication, Direct, Ghosts, HlrRoute, MoNotPreferred, Network, NodeKind, R1,
    R1Order, R1Trigger, RegEvent, ReportUnmatched, Scscf, ScscfTransport, Timers, UnreachablePolicy,
};
pub use numbers::{NumberForm, NumberRule, NumberType, Numbers};
pub use process::{Admin, Backoff, Capacity, Eal, Log, LogFormat, LogLevel, Metrics, Node, Store};
pub use screening::{Screening, ScreeningOperator, ScreeningPeer, default_action};
pub use sip_limits::SipLimits;
pub use ss7::{
    Association, Destination, Exchange, Handshake, M3uaProcedures, M3uaRole, MapPeer, PeerPart, Profile,
    Rewrite, Role, RouteOn, Sccp, SccpForm, SctpTimers, Sharing, Ss7, Target, Title, TrafficMode,
};
pub use streams::{StreamTls, Streams};
pub use text::{Hosts, Mac, PortAddress, Prefix};

pub(super) use check::host_of;

use crate::gateway::cause::Causes;
use crate::gateway::country_code;
use source::Source;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The whole configuration, checked: what refers to something refers to something that is there.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it comes from.
    pub file: PathBuf,
    /// `[node]`.
    pub node: Node,
    /// `[capacity]`.
    pub capacity: Capacity,
    /// `[eal]`.
    pub eal: Eal,
    /// `[[port]]`, at least one; [`PortId`](crate::base::PortId) is the place here.
    pub ports: Vec<Port>,
    /// `[[route]]`.
    pub routes: Vec<Route>,
    /// `[sip]`.
    pub sip: Sip,
    /// `[[network]]`, at least one.
    pub networks: Vec<Network>,
    /// `[timers]`.
    pub timers: Timers,
    /// `[causes]`: the tables with the rows that stand there.
    pub causes: Causes,
    /// `[ss7]`.
    pub ss7: Ss7,
    /// `[sccp]`.
    pub sccp: Sccp,
    /// `[[association]]`, at least one.
    pub associations: Vec<Association>,
    /// `[[application_server]]`.
    pub application_servers: Vec<ApplicationServer>,
    /// `[[destination]]`.
    pub destinations: Vec<Destination>,
    /// `[[title]]`.
    pub titles: Vec<Title>,
    /// `[[map_peer]]`.
    pub map_peers: Vec<MapPeer>,
    /// `[screening]`, if it is there.
    pub screening: Option<Screening>,
    /// `[store]`.
    pub store: Store,
    /// `[admin]`.
    pub admin: Admin,
    /// `[metrics]`.
    pub metrics: Metrics,
    /// `[log]`.
    pub log: Log,
    /// What in it is allowed and does harm where it does not belong: told at each check and each start.
    pub warnings: Vec<ConfigError>,
}

/// What is wrong with a file of the configuration, or what there is to be wary of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 if it is about the file as a whole.
    pub line: usize,
    /// The key, as in `port[1].mtu`, counted from 0; empty if it is about no key.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl ConfigError {
    /// About the file as a whole.
    pub(crate) fn of_file(file: &Path, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: 0, key: String::new(), what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}; {}", self.what, self.remedy)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads and checks `file`. All errors that can be told apart are given, in the order of their lines.
    pub fn load(file: &Path) -> Result<Self, Vec<ConfigError>> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            vec![ConfigError::of_file(
                file,
                format!("cannot be read: {error}"),
                "name a readable file with -c",
            )]
        })?;
        Self::parse(file, &text)
    }

    /// Checks `text` as the content of `file`.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Vec<ConfigError>> {
        let mut source = Source::new(file, text);
        let config = Self::read(&mut source, file).filter(|_| source.errors.is_empty()).map(|mut config| {
            config.fill();
            check::check(&config, &mut source);
            config.warnings = check::warnings(&config, &source);
            config
        });
        match config {
            Some(config) if source.errors.is_empty() => Ok(config),
            _ => {
                source.errors.sort_by_key(|error| error.line);
                Err(source.errors)
            }
        }
    }

    fn read(source: &mut Source<'_>, file: &Path) -> Option<Self> {
        let (node, capacity, eal) =
            (source.section("node"), source.section("capacity"), source.section("eal"));
        let (ports, routes, sip) = (source.sections("port"), source.sections("route"), source.section("sip"));
        let (networks, timers, ss7) =
            (source.sections("network"), source.section("timers"), source.section("ss7"));
        let sccp = source.section("sccp");
        let causes = source.section::<causes::Changes>("causes");
        let (associations, destinations) = (source.sections("association"), source.sections("destination"));
        let (titles, map_peers, admin) =
            (source.sections("title"), source.sections("map_peer"), source.section("admin"));
        let (metrics, log) = (source.section("metrics"), source.section("log"));
        let application_servers = source.sections("application_server");
        let store = source.section("store");
        let screening = source.section_if_there("screening");
        source.refuse_the_rest();
        let causes = causes.map(|changes| changes.apply(source));
        Some(Self {
            file: file.to_owned(),
            node: node?,
            capacity: capacity?,
            eal: eal?,
            ports,
            routes,
            sip: sip?,
            networks,
            timers: timers?,
            causes: causes?,
            ss7: ss7?,
            sccp: sccp?,
            associations,
            application_servers,
            destinations,
            titles,
            map_peers,
            screening: screening?,
            store: store?,
            admin: admin?,
            metrics: metrics?,
            log: log?,
            warnings: vec![],
        })
    }

    /// Puts in the defaults that follow from other keys.
    fn fill(&mut self) {
        if self.sip.host.is_empty() {
            self.sip.host = check::host_of(&self.sip.uri).unwrap_or_default().into();
        }
        let directory = self.file.parent().unwrap_or(Path::new("")).to_owned();
        for network in &mut self.networks {
            network.scscf.iter_mut().for_each(Scscf::fill);
            if network.realms.is_empty() {
                network.realms.push(format!(
                    "ims.mnc{:0>3}.mcc{}.3gppnetwork.org",
                    network.mnc.to_string(),
                    network.mcc
                ));
            }
            if network.imsi_prefixes.is_empty() {
                let prefix = network
                    .mnc
                    .iter()
                    .fold(network.mcc, |prefix, digit| prefix.with(digit).unwrap_or(prefix));
                network.imsi_prefixes.push(prefix);
            }
            if network.numbers.country_code.is_empty() {
                network.numbers.country_code = country_code(network.gateway_title);
            }
            if network.gateway_uri.is_empty() {
                network.gateway_uri.clone_from(&self.sip.uri);
            }
            network.subscribers = network.subscribers.take().map(|file| directory.join(file));
            if let Some(direct) = &mut network.direct {
                direct.credentials = direct.credentials.take().map(|file| directory.join(file));
            }
        }
        if let Some(tls) = &mut self.sip.tls {
            for file in
                [Some(&mut tls.certificate), Some(&mut tls.key), tls.ca.as_mut()].into_iter().flatten()
            {
                *file = directory.join(&*file);
            }
        }
        self.store.path = self.store.path.take().map(|path| directory.join(path));
        self.node.secret_file = self.node.secret_file.take().map(|file| directory.join(file));
        if let Some(screening) = &mut self.screening {
            screening.fill();
        }
        for association in &mut self.associations {
            if association.role == Role::Client {
                association.remote_port.get_or_insert(default::m3ua_port());
            }
        }
    }

    /// The secret behind minted identifiers, beside what is random in each life: the content of `secret_file`.
    pub fn secret(&self) -> Result<Option<[u8; 16]>, ConfigError> {
        let Some(file) = &self.node.secret_file else { return Ok(None) };
        let wrong = |what: String| {
            let remedy = "make it with: (umask 077; od -An -N16 -tx1 /dev/urandom | tr -d ' ' > FILE)";
            ConfigError::of_file(file, what, remedy)
        };
        let text =
            std::fs::read_to_string(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let mode = std::fs::metadata(file).map_err(|error| wrong(error.to_string()))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(wrong(format!("is a secret, but others may use it (mode {:03o})", mode & 0o777)));
        }
        let digits = text.trim();
        let written = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        match u128::from_str_radix(digits, 16) {
            Ok(number) if written => Ok(Some(number.to_be_bytes())),
            _ => Err(wrong("does not hold 32 hexadecimal digits".into())),
        }
    }

    /// Whether there is SIP over TCP or TLS.
    #[must_use]
    pub fn has_streams(&self) -> bool {
        !self.sip.streams.listen.is_empty() || !self.sip.streams.listen_tls.is_empty()
    }

    /// What there is room for in the whole process, to be printed at start.
    #[must_use]
    pub fn sizes(&self) -> [(&'static str, u64); 15] {
        let (workers, ports) = (u64::from(self.node.workers), self.ports.len() as u64);
        let Capacity {
            dialogues,
            client_transactions,
            server_transactions,
            pending_requests,
            mo,
            mt,
            duplicates,
            mo_per_second: _,
            subscribers,
            identities,
            details,
            frames,
            hand_off,
            mailbox,
            ip_reassemblies,
        } = self.capacity;
        [
            ("dialogues", workers * u64::from(dialogues)),
            ("client_transactions", workers * u64::from(client_transactions)),
            ("server_transactions", workers * u64::from(server_transactions)),
            ("pending_requests", workers * u64::from(pending_requests)),
            ("mo", workers * u64::from(mo)),
            ("mt", workers * u64::from(mt)),
            ("duplicates", workers * u64::from(duplicates)),
            ("subscribers", subscribers.into()),
            ("identities", identities.into()),
            ("details", details.into()),
            ("frames", workers * ports * u64::from(frames)),
            ("hand_off", workers * workers.saturating_sub(1) * u64::from(hand_off)),
            ("mailbox", 2 * workers * u64::from(mailbox)),
            ("ip_reassemblies", workers * u64::from(ip_reassemblies)),
            ("connections", if self.has_streams() { self.sip.streams.connections.into() } else { 0 }),
        ]
    }
}
