//! What the types of the configuration don't say: ranges, and that names, addresses and point codes refer to each other.

mod dns;
mod screening;
mod streams;

use super::source::Source;
use super::{
    Association, Audit, Authentication, Config, ConfigError, Exchange, M3uaRole, Network, Port, PortRole, R1,
    R1Trigger, RegEvent, Title, TrafficMode,
};
use crate::gateway::mt::MAX_QUEUE;
use crate::proto::sctp::MAX_PATHS;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// Reports everything that is wrong in `config` to `source`.
pub(super) fn check(config: &Config, source: &mut Source<'_>) {
    Check { config, source }.all();
}

/// What in `config` is allowed and does harm where it does not belong.
pub(super) fn warnings(config: &Config, source: &Source<'_>) -> Vec<ConfigError> {
    let mut warnings = vec![];
    for (at, port) in config.ports.iter().enumerate() {
        if let Some(impairment) = port.impairment {
            let (loss, duplicate) = (impairment.loss * 100.0, impairment.duplicate * 100.0);
            let what = format!(
                "port {} loses {loss} % of its frames and doubles {duplicate} %, each way, on purpose",
                port.name
            );
            let place = format!("port[{at}].impairment");
            warnings.push(source.about(&place, what, "keep it to tests, or leave it out"));
        }
    }
    for (at, network) in config.networks.iter().enumerate() {
        if network.direct.as_ref().is_some_and(|it| it.authentication == Authentication::None) {
            let place = format!("network[{at}].direct.authentication");
            let what = "UEs register here without authentication: everybody can be anybody";
            warnings.push(source.about(
                &place,
                what,
                "keep it to a laboratory, or give \"aka\" or \"digest\"",
            ));
        }
        if network.r1 == R1::UpdateGprsLocation {
            let what = "a plain HLR cancels the real SGSN of everybody who registers here";
            let remedy = "make sure that the HLR keeps it, or give \"any_time_modification\"";
            warnings.push(source.about(&format!("network[{at}].r1"), what, remedy));
        }
    }
    let longest = config.networks.iter().map(|network| network.duplicate.as_secs()).max().unwrap_or(0);
    let needed = u64::from(config.capacity.mo_per_second).saturating_mul(longest);
    if u64::from(config.capacity.duplicates) < needed {
        let rate = config.capacity.mo_per_second;
        let what = format!(
            "at {rate} submissions a second some are forgotten before duplicate_s ({longest} s) is over"
        );
        let remedy =
            format!("give at least {needed} (about 400 octets each, per worker), or a shorter duplicate_s");
        warnings.push(source.about("capacity.duplicates", what, remedy));
    }
    if config.sip.tls.as_ref().is_some_and(|tls| !tls.verify_peers) {
        let what = "S-CSCFs that come by TLS, and those that we connect to, need not prove who they are";
        warnings.push(source.about(
            "sip.tls.verify_peers",
            what,
            "keep it to a laboratory, or name their ca",
        ));
    }
    if let Some(screening) = &config.screening {
        if screening.dry_run {
            let what = "screening is only tried: what breaks a rule is counted and let through";
            warnings.push(source.about("screening.dry_run", what, "leave it out, once the counts are right"));
        }
        let is_known = |name: &String| screening.operator.iter().any(|operator| operator.name == *name);
        for network in config.networks.iter().filter(|network| !is_known(&network.name)) {
            let what =
                format!("of network {} no titles are known but the gateway's and those of hlr", network.name);
            let remedy = "add a [[screening.operator]] with its name, or its other nodes are strangers";
            warnings.push(source.about("screening", what, remedy));
        }
    }
    warnings
}

/// The host part of a SIP URI.
pub(in crate::control) fn host_of(uri: &str) -> Option<&str> {
    let rest = uri.strip_prefix("sip:").or_else(|| uri.strip_prefix("sips:"))?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:[]@+".contains(c);
    let host = rest.rsplit('@').next().unwrap_or("");
    let host = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or("") };
    (!host.is_empty() && rest.chars().all(allowed)).then_some(host)
}

pub(super) struct Check<'c, 's, 't> {
    pub(super) config: &'c Config,
    source: &'s mut Source<'t>,
}

impl Check<'_, '_, '_> {
    fn all(&mut self) {
        let config = self.config;
        self.at_least_one("port", config.ports.len());
        self.at_least_one("network", config.networks.len());
        self.at_least_one("association", config.associations.len());
        self.process();
        self.ports();
        self.routes();
        self.sip();
        self.streams();
        self.dns();
        self.networks();
        self.timers();
        self.associations();
        self.application_servers();
        self.signalling();
        self.subsystems();
        self.screening();
    }

    pub(super) fn error(&mut self, place: impl Display, what: impl Into<String>, remedy: impl Into<String>) {
        self.source.error(&place.to_string(), what, remedy);
    }

    fn at_least_one(&mut self, section: &str, count: usize) {
        if count == 0 {
            self.error(section, "there is none", format!("add a [[{section}]] section"));
        }
    }

    pub(super) fn range<N: PartialOrd + Display>(
        &mut self,
        place: impl Display,
        value: N,
        range: RangeInclusive<N>,
    ) {
        if !range.contains(&value) {
            let remedy = format!("give a value from {} to {}", range.start(), range.end());
            self.error(place, format!("{value} is out of range"), remedy);
        }
    }

    pub(super) fn count(
        &mut self,
        place: impl Display,
        count: usize,
        of: &str,
        range: RangeInclusive<usize>,
    ) {
        if !range.contains(&count) {
            let remedy = match (range.start(), range.end()) {
                (least, most) if least == most => format!("give {least}"),
                (least, most) => format!("give {least} to {most}"),
            };
            self.error(place, format!("has {count} {of}"), remedy);
        }
    }

    /// Reports each value that stands at two places.
    pub(super) fn unique<V: Ord + Display>(&mut self, places: impl IntoIterator<Item = (String, V)>) {
        let mut first: BTreeMap<V, String> = BTreeMap::new();
        for (place, value) in places {
            if let Some(other) = first.get(&value) {
                let (what, remedy) = (format!("{value} is already given at {other}"), "give each once");
                self.error(place, what, remedy);
            } else {
                first.insert(value, place);
            }
        }
    }

    fn name(&mut self, place: impl Display, name: &str) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > 32 || !name.chars().all(allowed) {
            let remedy = "use 1 to 32 letters, digits, '-', '_' and '.'";
            self.error(place, format!("{name:?} is no name"), remedy);
        }
    }

    fn uri(&mut self, place: impl Display, uri: &str) {
        if host_of(uri).is_none() || uri.len() > 100 {
            let remedy = "write it as in \"sip:ipsmgw.home1.net\", without parameters, in at most 100 octets";
            self.error(place, format!("{uri:?} is no SIP URI"), remedy);
        }
    }

    fn own(&mut self, place: impl Display, address: IpAddr) {
        let mut own = self.config.ports.iter().flat_map(|port| &port.addresses);
        if !own.any(|own| own.prefix.address == address) {
            let remedy = "add it to the addresses of a [[port]]";
            self.error(place, format!("{address} is no own address"), remedy);
        }
    }

    fn process(&mut self) {
        let (node, capacity) = (&self.config.node, &self.config.capacity);
        self.name("node.name", &node.name);
        self.range("node.workers", node.workers, 1..=64);
        self.range("node.tid_prefix_bits", node.tid_prefix_bits, 0..=8);
        for (key, value, most) in [
            ("dialogues", capacity.dialogues, 1 << 24),
            ("client_transactions", capacity.client_transactions, 1 << 24),
            ("server_transactions", capacity.server_transactions, 1 << 26),
            ("pending_requests", capacity.pending_requests, 1 << 24),
            ("mo", capacity.mo, 1 << 24),
            ("mt", capacity.mt, 1 << 24),
            ("duplicates", capacity.duplicates, 1 << 24),
            ("subscribers", capacity.subscribers, 1 << 27),
            ("identities", capacity.identities, 1 << 28),
            ("details", capacity.details, 1 << 28),
            ("frames", capacity.frames, 1 << 20),
            ("hand_off", capacity.hand_off, 1 << 20),
            ("mailbox", capacity.mailbox, 1 << 20),
        ] {
            self.range(format!("capacity.{key}"), value, 16..=most);
        }
        self.range("store.wait_ms", self.config.store.wait.as_millis(), 10..=30_000);
        self.range("store.unacknowledged", self.config.store.unacknowledged, 16..=1 << 20);
        self.range("capacity.mo_per_second", capacity.mo_per_second, 1..=1_000_000);
        self.range("capacity.ip_reassemblies", capacity.ip_reassemblies, 1..=1024);
        if u32::from(node.tid_prefix) >> u32::from(node.tid_prefix_bits.min(8)) != 0 {
            let what = format!("{} does not fit into {} bits", node.tid_prefix, node.tid_prefix_bits);
            self.error(
                "node.tid_prefix",
                what,
                "raise tid_prefix_bits (at most 8), or give a smaller number",
            );
        }
        // DESIGN decision 2: 32 bits hold the prefix, the worker, the slot and a generation of at least 2 bits.
        let worker_bits = u32::from(node.workers.max(1)).next_power_of_two().trailing_zeros();
        let slot_bits = 30 - worker_bits - u32::from(node.tid_prefix_bits.min(8));
        if u64::from(capacity.dialogues) > 1 << slot_bits {
            let remedy = format!("give at most {}, or a shorter prefix, or fewer workers", 1u32 << slot_bits);
            self.error("capacity.dialogues", "don't fit into the 32 bits of a transaction id", remedy);
        }
        self.range("eal.memory_mb", self.config.eal.memory_mb, 64..=1 << 20);
        if self.config.admin.socket.as_os_str().len() > 100 {
            self.error(
                "admin.socket",
                "is longer than a Unix socket's name may be",
                "give a path of at most 100 octets",
            );
        }
    }

    fn ports(&mut self) {
        let config = self.config;
        self.unique(
            config.ports.iter().enumerate().map(|(at, port)| (format!("port[{at}].name"), &port.name)),
        );
        self.unique(
            config.ports.iter().enumerate().map(|(at, port)| (format!("port[{at}].device"), &port.device)),
        );
        self.unique(config.ports.iter().enumerate().flat_map(|(at, port)| {
            let own = port.addresses.iter().enumerate();
            own.map(move |(n, own)| (format!("port[{at}].addresses[{n}]"), own.prefix.address))
        }));
        if config.ports.len() > 16 {
            self.error("port[16]", "there are more than 16", "leave some out");
        }
        for (at, port) in config.ports.iter().enumerate() {
            self.name(format!("port[{at}].name"), &port.name);
            self.range(format!("port[{at}].mtu"), port.mtu, 1280..=1500);
            if port.mac.is_some_and(|mac| mac.0[0] & 1 == 1 || mac.0 == [0; 6]) {
                let remedy = "give one whose first octet is even, as in 02:00:00:00:00:01";
                self.error(format!("port[{at}].mac"), "is no unicast address", remedy);
            }
            if port.device.is_empty() {
                let remedy = "give a PCI address, or device arguments as in \"net_memif0,role=client,id=0\"";
                self.error(format!("port[{at}].device"), "is empty", remedy);
            }
            if let Some(impairment) = port.impairment {
                for (key, share) in [("loss", impairment.loss), ("duplicate", impairment.duplicate)] {
                    self.range(format!("port[{at}].impairment.{key}"), share, 0.0..=1.0);
                }
            }
            self.role(at, port);
            for (n, own) in port.addresses.iter().enumerate() {
                let place = format!("port[{at}].addresses[{n}]");
                if own.prefix.address.is_unspecified() || own.prefix.address.is_multicast() {
                    self.error(
                        &place,
                        format!("{} is no host's address", own.prefix.address),
                        "give a unicast address",
                    );
                }
                self.range(place, own.vlan.unwrap_or(1), 1..=4094);
            }
        }
    }

    /// A port of the network has addresses; one to the kernel has none, and there is at most one.
    fn role(&mut self, at: usize, port: &Port) {
        let first = self.config.ports.iter().position(|port| port.role == PortRole::Exception);
        match (port.role, port.addresses.is_empty(), port.kernel_mac) {
            (PortRole::Network, true, _) => {
                self.error(format!("port[{at}].addresses"), "there is none", "give at least one own address");
            }
            (PortRole::Network, _, Some(_)) => {
                let remedy = "leave it out, or give role = \"exception\"";
                self.error(format!("port[{at}].kernel_mac"), "is not used with this role", remedy);
            }
            (PortRole::Exception, false, _) => {
                let remedy = "leave them out: the kernel has those of the other ports";
                self.error(format!("port[{at}].addresses"), "an exception port has none", remedy);
            }
            (PortRole::Exception, _, mac) if mac.is_none_or(|mac| mac.0[0] & 1 == 1 || mac.0 == [0; 6]) => {
                let remedy = "give the MAC address of the kernel's end, as `ip link` shows it";
                self.error(format!("port[{at}].kernel_mac"), "is missing, or no unicast address", remedy);
            }
            (PortRole::Exception, ..) if first != Some(at) => {
                let remedy = "leave one out: all TCP goes by the first";
                self.error(format!("port[{at}].role"), "there is another exception port", remedy);
            }
            _ => {}
        }
    }

    fn routes(&mut self) {
        let config = self.config;
        self.unique(
            config
                .routes
                .iter()
                .enumerate()
                .map(|(at, route)| (format!("route[{at}].prefix"), route.prefix.to_string())),
        );
        for (at, route) in config.routes.iter().enumerate() {
            if !route.prefix.is_network() {
                let remedy = "clear the bits behind the prefix, or make the prefix longer";
                self.error(format!("route[{at}].prefix"), format!("{} has host bits", route.prefix), remedy);
            }
            if route.prefix.address.is_ipv4() != route.gateway.is_ipv4() {
                let remedy = "give a router of the same family";
                self.error(format!("route[{at}].gateway"), "is of another family than the prefix", remedy);
            }
            match config.ports.iter().find(|port| port.name == route.port) {
                None => {
                    let remedy = "give the name of a [[port]]";
                    self.error(
                        format!("route[{at}].port"),
                        format!("there is no port {:?}", route.port),
                        remedy,
                    );
                }
                Some(port) if !port.addresses.iter().any(|own| own.prefix.contains(route.gateway)) => {
                    let what = format!("{} is on no link of port {:?}", route.gateway, port.name);
                    let remedy = "give a router inside the prefix of one of the port's addresses";
                    self.error(format!("route[{at}].gateway"), what, remedy);
                }
                Some(_) => {}
            }
            if let Some(source) = route.source {
                self.own(format!("route[{at}].source"), source);
            }
        }
    }

    fn sip(&mut self) {
        let sip = &self.config.sip;
        if sip.listen.is_empty() {
            self.error(
                "sip.listen",
                "there is none",
                "give an own address and port, as in \"10.0.0.1:5060\"",
            );
        }
        self.unique(sip.listen.iter().enumerate().map(|(at, listen)| (format!("sip.listen[{at}]"), listen)));
        for (at, listen) in sip.listen.iter().enumerate() {
            self.own(format!("sip.listen[{at}]"), listen.ip());
            self.range(format!("sip.listen[{at}]"), listen.port(), 1..=u16::MAX);
        }
        self.uri("sip.uri", &sip.uri);
        if host_of(&format!("sip:{}", sip.host)) != Some(&*sip.host) && host_of(&sip.uri).is_some() {
            self.error("sip.host", format!("{:?} is no host", sip.host), "give a host name or an address");
        }
        self.range("sip.t1_ms", sip.t1.as_millis(), 10..=10_000);
        self.range("sip.probe_s", sip.probe.as_secs(), 1..=3_600);
        self.range("sip.retry_after_s", sip.retry_after_s, 1..=3_600);
        sip.limits.check(|key, value, range| self.range(format!("sip.limits.{key}"), value, range));
        self.range("sip.t2_ms", sip.t2.as_millis(), sip.t1.as_millis()..=60_000);
    }

    fn networks(&mut self) {
        let config = self.config;
        let each = || config.networks.iter().enumerate();
        self.unique(each().map(|(at, network)| (format!("network[{at}].name"), &network.name)));
        self.unique(each().flat_map(|(at, network)| {
            network
                .realms
                .iter()
                .enumerate()
                .map(move |(n, realm)| (format!("network[{at}].realms[{n}]"), realm))
        }));
        self.unique(each().flat_map(|(at, network)| {
            let prefixes = network.imsi_prefixes.iter().enumerate();
            prefixes.map(move |(n, prefix)| (format!("network[{at}].imsi_prefixes[{n}]"), prefix.to_string()))
        }));
        self.unique(each().flat_map(|(at, network)| {
            let prefixes = network.msisdn_prefixes.iter().enumerate();
            prefixes
                .map(move |(n, prefix)| (format!("network[{at}].msisdn_prefixes[{n}]"), prefix.to_string()))
        }));
        for (at, network) in each() {
            let place = |key: &str| format!("network[{at}].{key}");
            self.name(place("name"), &network.name);
            self.count(place("mcc"), network.mcc.len(), "digits", 3..=3);
            self.count(place("mnc"), network.mnc.len(), "digits", 2..=3);
            self.count(place("gateway_title"), network.gateway_title.len(), "digits", 4..=15);
            self.uri(place("gateway_uri"), &network.gateway_uri);
            let is_quotable = |octet: u8| matches!(octet, b' '..=b'~') && !matches!(octet, b'"' | b'\\');
            if network.ioi.len() > 48 || !network.ioi.bytes().all(is_quotable) {
                let what = format!("{:?} can't stand in P-Charging-Vector", network.ioi);
                self.error(place("ioi"), what, "give at most 48 printable ASCII characters, no quotes");
            }
            if !matches!(network.report_answer, 200 | 202) {
                let what = format!("{} is no answer to a report", network.report_answer);
                self.error(place("report_answer"), what, "give 200 or 202");
            }
            if network.scscf.is_empty() && network.direct.is_none() {
                let remedy = "give at least one { uri = …, address = … }, or a [network.direct] section";
                self.error(place("scscf"), "there is none", remedy);
            }
            self.numbers(at, network);
            self.reg_event(at, network);
            self.hlrs(at, network);
            self.direct(at, network);
            self.scscfs(at, network);
        }
    }

    /// How its users spell numbers.
    fn numbers(&mut self, at: usize, network: &Network) {
        let numbers = &network.numbers;
        let place = |key: &str| format!("network[{at}].numbers.{key}");
        self.count(place("country_code"), numbers.country_code.len(), "digits", 1..=3);
        self.count(place("national_prefix"), numbers.national_prefix.len(), "digits", 0..=5);
        self.count(place("international_prefix"), numbers.international_prefix.len(), "digits", 0..=5);
        if numbers.international_prefix == numbers.national_prefix && !numbers.national_prefix.is_empty() {
            let remedy = "give two different prefixes";
            self.error(place("national_prefix"), "is the international prefix too", remedy);
        }
        for (n, rule) in numbers.rule.iter().enumerate() {
            let place = |key: &str| place(&format!("rule[{n}].{key}"));
            self.range(place("strip"), u32::from(rule.strip), 0..=rule.prefix.len() as u32);
            self.count(place("add"), rule.add.len(), "digits", 0..=15);
        }
    }

    /// What registration state is watched for.
    fn reg_event(&mut self, at: usize, network: &Network) {
        let place = |key: &str| format!("network[{at}].{key}");
        if network.r1_trigger == R1Trigger::RegEvent && network.scscf.is_empty() {
            let remedy = "leave it out, or add scscf";
            self.error(place("r1_trigger"), "there is no S-CSCF to subscribe at", remedy);
        }
        if network.reg_event == RegEvent::Watch && network.scscf.is_empty() {
            self.error(
                place("reg_event"),
                "there is no S-CSCF to subscribe at",
                "leave it out, or add scscf",
            );
        }
    }

    /// Who is asked to register subscribers and to authenticate them.
    fn hlrs(&mut self, at: usize, network: &Network) {
        let place = |key: &str| format!("network[{at}].{key}");
        let aka = network.direct.as_ref().is_some_and(|it| it.authentication == Authentication::Aka);
        if network.hlr.is_empty() && (network.r1 != R1::Preconfigured || aka) {
            let what = match aka {
                true => "there is none, but UEs authenticate with their SIM",
                false => "there is none, but r1 is not \"preconfigured\"",
            };
            self.error(place("hlr"), what, "give at least one { title = … }");
        }
        let is_audited = network.audit.is_some_and(|audit| audit != Audit::Off);
        if network.r1 == R1::Preconfigured && is_audited {
            let what = "the HLR knows the gateway beforehand (r1): there is nothing to audit";
            self.error(place("audit"), what, "leave it out");
        }
        let prefixes = network.hlr.iter().enumerate();
        self.unique(
            prefixes.map(|(n, hlr)| (place(&format!("hlr[{n}].imsi_prefix")), hlr.imsi_prefix.to_string())),
        );
        for (n, hlr) in network.hlr.iter().enumerate() {
            self.count(place(&format!("hlr[{n}].title")), hlr.title.len(), "digits", 4..=15);
        }
        let order = network.access_order.iter().enumerate();
        self.unique(order.map(|(n, access)| (place(&format!("access_order[{n}]")), format!("{access:?}"))));
        self.count(place("access_order"), network.access_order.len(), "names", 1..=2);
    }

    fn direct(&mut self, at: usize, network: &Network) {
        let place = |key: &str| format!("network[{at}].direct.{key}");
        let Some(direct) = &network.direct else { return };
        match (direct.authentication, &direct.credentials) {
            (Authentication::Digest, None) => {
                let remedy = "name a file of users as htdigest writes it";
                self.error(
                    place("credentials"),
                    "there is none, but UEs authenticate with a password",
                    remedy,
                );
            }
            (Authentication::Aka | Authentication::None, Some(_)) => {
                let remedy = "leave it out, or give authentication = \"digest\"";
                self.error(place("credentials"), "is not used with this authentication", remedy);
            }
            _ => {}
        }
        self.count(place("aka"), direct.aka.len(), "algorithms", 1..=2);
        let algorithms = direct.aka.iter().enumerate();
        self.unique(algorithms.map(|(n, aka)| (place(&format!("aka[{n}]")), format!("{aka:?}"))));
    }

    fn timers(&mut self) {
        let timers = &self.config.timers;
        self.range("timers.guard_s", timers.guard.as_secs(), 0..=604_800);
        self.range("timers.r1_answer_ms", timers.r1_answer.as_millis(), 100..=25_000);
        self.range("timers.r1_repair_s", timers.r1_repair.as_secs(), 4..=3_600);
        self.range("timers.r1_per_second", timers.r1_per_second, 1..=1_000_000);
        self.range("timers.r1_outstanding", timers.r1_outstanding, 1..=1_000_000);
        self.range("timers.audit_per_second", timers.audit_per_second, 1..=1_000_000);
        self.range("timers.reg_event_per_second", timers.reg_event_per_second, 1..=1_000_000);
        self.range("timers.map_registration_ms", timers.map_registration.as_millis(), 100..=600_000);
        self.range("timers.nonce_s", timers.nonce.as_secs(), 2..=600);
        self.range("timers.reassembly_s", timers.reassembly.as_secs(), 1..=120);
        self.range("timers.mt_report_ms", timers.mt_report.as_millis(), 100..=600_000);
        self.range("timers.mt_more_ms", timers.mt_more.as_millis(), 0..=60_000);
        self.range("timers.mt_queue", timers.mt_queue, 0..=MAX_QUEUE as u8);
        self.range("timers.map_forward_ms", timers.map_forward.as_millis(), 100..=600_000);
        self.range("timers.registration_max_s", timers.registration_max.as_secs(), 60..=31_536_000);
    }

    fn associations(&mut self) {
        let config = self.config;
        let each = || config.associations.iter().enumerate();
        self.unique(each().map(|(at, association)| (format!("association[{at}].name"), &association.name)));
        for (at, association) in each() {
            let place = |key: &str| format!("association[{at}].{key}");
            self.name(place("name"), &association.name);
            for (key, addresses) in [("local", &association.local), ("remote", &association.remote)] {
                self.count(place(key), addresses.len(), "addresses", 1..=MAX_PATHS);
                let list = addresses.iter().enumerate();
                self.unique(list.map(|(n, address)| (place(&format!("{key}[{n}]")), address)));
            }
            for (n, &address) in association.local.iter().enumerate() {
                self.own(place(&format!("local[{n}]")), address);
            }
            for (n, address) in association.remote.iter().enumerate() {
                if !association.local.iter().any(|local| local.is_ipv4() == address.is_ipv4()) {
                    let remedy = "add an address of that family to local";
                    self.error(place(&format!("remote[{n}]")), "no local address is of its family", remedy);
                }
            }
            if let Some(worker) = association.worker {
                self.range(place("worker"), worker, 0..=config.node.workers.saturating_sub(1));
            }
            self.range(place("local_port"), association.local_port, 1..=u16::MAX);
            self.range(place("remote_port"), association.remote_port.unwrap_or(1), 1..=u16::MAX);
            self.range(place("streams"), association.streams, 2..=64);
            self.sctp(at, association);
            self.m3ua(at, association);
            self.registration(at, association);
            for (other_at, other) in each().take(at) {
                let gateway = &association.signalling_gateway;
                let owners = (association.worker, other.worker);
                if gateway.is_some()
                    && *gateway == other.signalling_gateway
                    && matches!(owners, (Some(one), Some(other)) if one != other)
                {
                    let what =
                        format!("association[{other_at}] to the same signalling gateway is another worker's");
                    self.error(place("worker"), what, "give all associations to one gateway to one worker");
                }
                let ports = (association.remote_port, other.remote_port);
                let ports_differ = matches!(ports, (Some(port), Some(other)) if port != other);
                let same = association.local_port == other.local_port
                    && !ports_differ
                    && association.remote.iter().any(|address| other.remote.contains(address));
                if same {
                    let what = format!("packets can't be told from those of association[{other_at}]");
                    self.error(place("remote"), what, "give another local_port, remote_port or peer");
                }
            }
            let used = config
                .destinations
                .iter()
                .any(|destination| destination.associations.contains(&association.name));
            if !used {
                let remedy = "name it in associations of a [[destination]], or leave it out";
                self.error(place("name"), "no destination uses it", remedy);
            }
        }
    }

    /// SCTP's timers and limits of one association.
    fn sctp(&mut self, at: usize, association: &Association) {
        let place = |key: &str| format!("association[{at}].{key}");
        let timers = &association.timers;
        let (min, max) = (timers.rto_min.as_millis(), timers.rto_max.as_millis());
        self.range(place("rto_min_ms"), min, 10..=60_000);
        self.range(place("rto_max_ms"), max, min..=60_000);
        self.range(place("rto_initial_ms"), timers.rto_initial.as_millis(), min..=max);
        self.range(place("heartbeat_ms"), timers.heartbeat.as_millis(), 0..=600_000);
        self.range(place("sack_delay_ms"), timers.sack_delay.as_millis(), 0..=500);
        self.range(place("path_max_retrans"), timers.path_max_retrans, 1..=100);
        self.range(place("association_max_retrans"), timers.association_max_retrans, 1..=100);
        // Each address is tried before a set-up fails.
        let least = u16::try_from(association.remote.len()).unwrap_or(u16::MAX).saturating_sub(1);
        self.range(place("max_init_retransmits"), timers.max_init_retransmits, least..=100);
        let potentially = timers.potentially_failed_max_retrans;
        self.range(place("potentially_failed_max_retrans"), potentially, 0..=100);
        let switchover = timers.primary_switchover_max_retrans.unwrap_or(0);
        self.range(place("primary_switchover_max_retrans"), switchover, 0..=100);
        self.range(place("max_burst"), timers.max_burst, 1..=64);
        self.range(place("cookie_life_ms"), timers.cookie_life.as_millis(), 1_000..=600_000);
        self.range(place("retry_ms"), timers.retry.as_millis(), 100..=60_000);
        self.range(place("send_ring_kib"), association.send_ring_kib, 64..=65_536);
        self.range(place("receive_window_kib"), association.receive_window_kib, 16..=65_536);
    }

    /// M3UA on one association.
    fn m3ua(&mut self, at: usize, association: &Association) {
        let place = |key: &str| format!("association[{at}].{key}");
        for (key, contexts) in [
            ("routing_contexts", &association.routing_contexts),
            ("peer_routing_contexts", &association.peer_routing_contexts),
        ] {
            self.count(place(key), contexts.len(), "routing contexts", 0..=16);
            let list = contexts.iter().enumerate();
            self.unique(list.map(|(n, context)| (place(&format!("{key}[{n}]")), context)));
        }
        let double = association.exchange == Exchange::Double;
        if double && matches!(association.m3ua, M3uaRole::Asp | M3uaRole::Sgp) {
            let remedy = "leave it out, or give m3ua = \"ipsp-client\" or \"ipsp-server\"";
            self.error(place("exchange"), "only IPSPs have a double exchange", remedy);
        }
        if !double && !association.peer_routing_contexts.is_empty() {
            let remedy = "leave it out, or give exchange = \"double\"";
            self.error(place("peer_routing_contexts"), "one exchange has one list for both sides", remedy);
        }
        let procedures = &association.m3ua_procedures;
        self.range(place("t_ack_ms"), procedures.t_ack.as_millis(), 100..=60_000);
        self.range(place("t_retry_ms"), procedures.t_retry.as_millis(), 100..=600_000);
        self.range(place("leave_attempts"), procedures.leave_attempts, 1..=100);
        for (key, time, least) in [("beat_ms", procedures.beat, 100), ("audit_ms", procedures.audit, 1_000)] {
            if !time.is_zero() {
                self.range(place(key), time.as_millis(), least..=600_000);
            }
        }
        let broadcast = |other: &Association| {
            let shared = |context| other.routing_contexts.contains(context);
            other.m3ua != M3uaRole::Sgp
                && other.traffic_mode == Some(TrafficMode::Broadcast)
                && other.network_appearance == association.network_appearance
                && (other.routing_contexts.is_empty() || association.routing_contexts.iter().any(shared))
        };
        let mut before = self.config.associations.iter().take(at);
        if broadcast(association)
            && let Some(other) = before.position(broadcast)
        {
            let what =
                format!("every message would come by association[{other}] as well, and be handled twice");
            let remedy = "give \"loadshare\" or \"override\", or leave one of the two to another process";
            self.error(place("traffic_mode"), what, remedy);
        }
    }

    fn signalling(&mut self) {
        let config = self.config;
        self.range("ss7.network_indicator", config.ss7.network_indicator, 0..=3);
        self.range("ss7.sif_budget", config.ss7.sif_budget, 128..=272);
        self.range("ss7.map_memory_s", config.ss7.map_memory_s, 1..=604_800);
        let peers = config.map_peers.iter().enumerate();
        self.unique(peers.map(|(at, peer)| (format!("map_peer[{at}].prefix"), peer.prefix.to_string())));
        for (at, peer) in config.map_peers.iter().enumerate() {
            self.range(format!("map_peer[{at}].highest_version"), peer.highest_version, 1..=3);
        }
        self.range("ss7.title_share", config.ss7.title_share, 1..=100);
        self.range("ss7.point_code_share", config.ss7.point_code_share, 1..=100);
        let sccp = &config.sccp;
        self.range("sccp.reassemblies", sccp.reassemblies, 0..=1024);
        self.range("sccp.reassembly_octets", sccp.reassembly_octets, 256..=2048);
        self.range("sccp.t_reassembly_ms", sccp.t_reassembly.as_millis(), 1_000..=60_000);
        self.range("sccp.t_status_ms", sccp.t_status.as_millis(), 1_000..=60_000);
        self.range("sccp.t_status_max_ms", sccp.t_status_max.as_millis(), 60_000..=1_200_000);
        self.range("sccp.returns_per_second", sccp.returns_per_second, 0..=100_000);
        let destinations = config.destinations.iter().enumerate();
        self.unique(destinations.map(|(at, to)| (format!("destination[{at}].point_code"), to.point_code.0)));
        for (at, to) in config.destinations.iter().enumerate() {
            if to.point_code == config.ss7.point_code {
                let remedy = "give the peer's point code";
                self.error(format!("destination[{at}].point_code"), "is the gateway's own", remedy);
            }
            self.count(format!("destination[{at}].associations"), to.associations.len(), "names", 1..=16);
            for (n, name) in to.associations.iter().enumerate() {
                if !config.associations.iter().any(|association| association.name == *name) {
                    let place = format!("destination[{at}].associations[{n}]");
                    self.error(
                        place,
                        format!("there is no association {name:?}"),
                        "give the name of an [[association]]",
                    );
                }
            }
        }
        self.unique(config.titles.iter().enumerate().map(|(at, title)| {
            let of = (title.translation_type, title.numbering_plan, title.nature, title.exact);
            (format!("title[{at}].prefix"), format!("{:?} with {of:?}", title.prefix.to_string()))
        }));
        for (at, title) in config.titles.iter().enumerate() {
            self.title(at, title);
        }
    }

    fn title(&mut self, at: usize, title: &Title) {
        let place = |key: &str| format!("title[{at}].{key}");
        match (title.point_code, title.targets.len()) {
            (Some(_), 0) | (None, 1..=4) => {}
            (Some(_), _) => {
                let remedy = "give either, not both";
                self.error(place("targets"), "stands beside point_code", remedy);
            }
            (None, 0) => self.error(place("point_code"), "leads nowhere", "give point_code, or targets"),
            (None, count) => self.count(place("targets"), count, "signalling points", 1..=4),
        }
        for (n, target) in title.all_targets().enumerate() {
            if !self.config.destinations.iter().any(|to| to.point_code == target.point_code) {
                let key = match title.point_code {
                    Some(_) => place("point_code"),
                    None => place(&format!("targets[{n}].point_code")),
                };
                let what = format!("no [[destination]] has the point code {}", target.point_code);
                self.error(key, what, "add one, or correct the point code");
            }
        }
        if let Some(rewrite) = &title.rewrite {
            self.range(place("rewrite.strip"), u32::from(rewrite.strip), 0..=title.prefix.len() as u32);
            self.range(place("rewrite.numbering_plan"), rewrite.numbering_plan.unwrap_or(0), 0..=15);
            self.range(place("rewrite.nature"), rewrite.nature.unwrap_or(0), 0..=127);
        }
    }
}
