//! What `[sip.dns]` has to be, and S-CSCFs by address and by name.

use super::super::{Scscf, ScscfTransport};
use super::{Check, Network};
use crate::control::location::TARGETS;

/// S-CSCFs that a worker can send to, those that DNS may name included.
const TARGETS_IN_ALL: usize = 64;

impl Check<'_, '_, '_> {
    pub(super) fn dns(&mut self) {
        let dns = &self.config.sip.dns;
        for (at, server) in dns.servers.iter().enumerate() {
            let place = format!("sip.dns.servers[{at}]");
            self.range(&place, server.0.port(), 1..=u16::MAX);
            if server.0.ip().is_unspecified() || server.0.ip().is_multicast() {
                self.error(
                    place,
                    format!("{} is no host's address", server.0.ip()),
                    "name one server's address",
                );
            }
        }
        self.count("sip.dns.servers", dns.servers.len(), "servers", 0..=8);
        self.unique(dns.servers.iter().enumerate().map(|(at, it)| (format!("sip.dns.servers[{at}]"), it.0)));
        self.range("sip.dns.timeout_ms", dns.timeout.as_millis(), 100..=30_000);
        self.range("sip.dns.attempts", dns.attempts, 1..=5);
        self.range("sip.dns.ttl_min_s", dns.ttl_min.as_secs(), 1..=3_600);
        self.range("sip.dns.ttl_max_s", dns.ttl_max.as_secs(), dns.ttl_min.as_secs()..=604_800);
        self.range("sip.dns.negative_max_s", dns.negative_max.as_secs(), 1..=10_800);
        self.range("sip.dns.entries", dns.entries, 64..=4_096);
        let scscfs = self.config.networks.iter().flat_map(|network| &network.scscf);
        let targets = scscfs.map(|scscf| if scscf.sought().is_some() { TARGETS } else { 1 }).sum::<usize>();
        if targets > TARGETS_IN_ALL {
            let what = format!(
                "{targets} S-CSCFs in all are possible, where each that is given by name counts for {TARGETS}"
            );
            let remedy = format!("leave some out, or give addresses: up to {TARGETS_IN_ALL} are possible");
            self.error("network", what, remedy);
        }
    }

    /// Whether each S-CSCF of a network can be sent to.
    pub(super) fn scscfs(&mut self, at: usize, network: &Network) {
        for (n, scscf) in network.scscf.iter().enumerate() {
            let place = |key: &str| format!("network[{at}].scscf[{n}].{key}");
            self.uri(place("uri"), &scscf.uri);
            if scscf.is_secure() && scscf.transport.is_some_and(|it| it != ScscfTransport::Tls) {
                self.error(
                    place("transport"),
                    "a SIPS URI is reached by TLS alone",
                    "leave it out, or give \"tls\"",
                );
            }
            match scscf.address {
                Some(address) => {
                    self.range(place("address"), address.port(), 1..=u16::MAX);
                    let listen = &self.config.sip.listen;
                    if !listen.iter().any(|listen| listen.is_ipv4() == address.is_ipv4()) {
                        let remedy = "add an address of that family to listen of [sip]";
                        self.error(
                            place("address"),
                            "is of a family that the gateway has no SIP address of",
                            remedy,
                        );
                    }
                }
                None => self.scscf_by_name(&place("address"), &place("uri"), scscf),
            }
        }
    }

    fn scscf_by_name(&mut self, address: &str, uri: &str, scscf: &Scscf) {
        let Some((name, port)) = scscf.sought() else { return };
        if self.config.sip.dns.servers.is_empty() {
            let what = format!("is missing, and there is nobody to ask where {name} is");
            self.error(address, what, "add address = …, or servers to [sip.dns]");
        }
        let is_label = |label: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            (1..=63).contains(&label.len()) && label.chars().all(allowed)
        };
        if name.len() > 253 - "_sips._tcp.".len() || !name.trim_end_matches('.').split('.').all(is_label) {
            let remedy = "write it as in \"sip:scscf.home1.net\", or give the address";
            self.error(uri, format!("{name:?} is no name that DNS can have"), remedy);
        }
        self.range(uri, port.unwrap_or(1), 1..=u16::MAX);
    }
}
