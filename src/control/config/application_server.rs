//! `[[application_server]]`: what serves a point from behind several associations, where the gateway is their signalling gateway
//! (RFC 4666 1.4.2, 4.3.2).

use super::check::Check;
use super::{Association, M3uaRole, R1, TrafficMode};
use crate::ident::{PointCode, Ssn};
use serde::Deserialize;
use std::time::Duration;

/// `[[application_server]]`: one that is not as usual, or that ASPs may register.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationServer {
    /// Its routing context, by which associations with `m3ua = "sgp"` are its ASPs'.
    pub routing_context: u32,
    /// The `[[destination]]` that it is: nothing else is sent to it, and ASPs may register it. Default: whatever its associations
    /// lead to, and nobody may.
    pub point_code: Option<PointCode>,
    /// The MTP users that `point_code` may be registered for. Default: all.
    #[serde(default)]
    pub service_indicators: Vec<u8>,
    /// How its ASPs share the traffic. Default: as the first of them asks.
    pub traffic_mode: Option<TrafficMode>,
    /// How many ASPs must be active before it is: 1 to 32. Default 1.
    #[serde(default = "super::default::least_active")]
    pub least_active: u8,
    /// T(r), how long messages wait when its last ASP is gone. Key `t_recovery_ms`, default 2,000.
    #[serde(
        rename = "t_recovery_ms",
        deserialize_with = "super::text::millis",
        default = "super::default::t_recovery"
    )]
    pub t_recovery: Duration,
    /// Kibibytes of messages that may wait so long. Default 64.
    #[serde(default = "super::default::held_kib")]
    pub held_kib: u16,
}

/// One of `register`: a routing key that an ASP asks its signalling gateway for (RFC 4666 4.4).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutingKey {
    /// The gateway's own point code.
    pub point_code: PointCode,
    /// The MTP users that it is for. Default: SCCP, 3.
    #[serde(default = "super::default::service_indicators")]
    pub service_indicators: Vec<u8>,
    /// The routing context of a key that the signalling gateway has already. Default: it says which.
    pub routing_context: Option<u32>,
}

/// A list of service indicators as a mask: one bit each.
#[must_use]
pub fn services(indicators: &[u8]) -> u16 {
    indicators.iter().fold(0, |mask, &indicator| mask | 1 << (indicator & 15))
}

/// Whether the ASPs of two associations are of one application server: the same worker must own them.
#[must_use]
pub fn shares_server(one: &Association, other: &Association) -> bool {
    let shared = |context| other.routing_contexts.contains(context);
    (one.m3ua, other.m3ua) == (M3uaRole::Sgp, M3uaRole::Sgp)
        && one.network_appearance == other.network_appearance
        && (one.routing_contexts.iter().any(shared) || one.registration && other.registration)
}

impl Check<'_, '_, '_> {
    pub(super) fn application_servers(&mut self) {
        let config = self.config;
        let each = || config.application_servers.iter().enumerate();
        self.unique(
            each().map(|(at, it)| (format!("application_server[{at}].routing_context"), it.routing_context)),
        );
        let registers = config.associations.iter().any(|association| association.registration);
        for (at, server) in each() {
            let place = |key: &str| format!("application_server[{at}].{key}");
            self.range(place("least_active"), server.least_active, 1..=32);
            self.range(place("t_recovery_ms"), server.t_recovery.as_millis(), 100..=60_000);
            self.range(place("held_kib"), server.held_kib, 0..=1024);
            self.services(&place("service_indicators"), &server.service_indicators);
            let named = |it: &&Association| {
                it.m3ua == M3uaRole::Sgp && it.routing_contexts.contains(&server.routing_context)
            };
            let asps = config.associations.iter().filter(named);
            let may_come = registers && server.point_code.is_some();
            if asps.clone().next().is_none() && !may_come {
                let remedy = "name it in routing_contexts of an [[association]] with m3ua = \"sgp\", or let one register its point_code";
                self.error(place("routing_context"), "no ASP has it", remedy);
            } else if usize::from(server.least_active) > asps.clone().count() && !may_come {
                let what = format!(
                    "{} ASPs can't be active, there are {}",
                    server.least_active,
                    asps.clone().count()
                );
                self.error(place("least_active"), what, "give no more than it has associations");
            }
            if server.traffic_mode == Some(TrafficMode::Override) && server.least_active > 1 {
                let remedy = "give 1, or \"loadshare\" or \"broadcast\"";
                self.error(place("least_active"), "with override one ASP is active", remedy);
            }
            if let Some(other) = asps.clone().find(|it| {
                it.traffic_mode.is_some_and(|mode| server.traffic_mode.is_some_and(|own| own != mode))
            }) {
                let what = format!("is not the traffic_mode of its association {}", other.name);
                self.error(
                    place("traffic_mode"),
                    what,
                    "give the same, or leave out that of the association",
                );
            }
            if let Some(point) = server.point_code
                && !config.destinations.iter().any(|to| to.point_code == point)
            {
                let what = format!("no [[destination]] has the point code {point}");
                self.error(place("point_code"), what, "add one, or correct the point code");
            }
        }
        if config.ss7.registered_contexts_from.is_some() && !registers {
            let remedy = "give registration = true to an [[association]], or leave it out";
            self.error("ss7.registered_contexts_from", "no ASP may register anything", remedy);
        }
    }

    /// What an association has to do with application servers.
    pub(super) fn registration(&mut self, at: usize, association: &Association) {
        let place = |key: &str| format!("association[{at}].{key}");
        if association.registration && association.m3ua != M3uaRole::Sgp {
            let remedy = "leave it out, or give m3ua = \"sgp\"";
            self.error(place("registration"), "only a signalling gateway lets ASPs register", remedy);
        }
        if !association.register.is_empty() && association.m3ua != M3uaRole::Asp {
            let remedy = "leave it out, or give m3ua = \"asp\"";
            self.error(place("register"), "only an ASP registers", remedy);
        }
        self.count(place("register"), association.register.len(), "routing keys", 0..=16);
        for (n, key) in association.register.iter().enumerate() {
            let place = |of: &str| format!("association[{at}].register[{n}].{of}");
            self.services(&place("service_indicators"), &key.service_indicators);
            if key.point_code != self.config.ss7.point_code {
                let remedy = "give point_code of [ss7]";
                self.error(place("point_code"), "is not the gateway's own", remedy);
            }
        }
        for (other_at, other) in self.config.associations.iter().enumerate().take(at) {
            if !shares_server(association, other) {
                continue;
            }
            if matches!((association.worker, other.worker), (Some(one), Some(other)) if one != other) {
                let what =
                    format!("association[{other_at}] of the same application server is another worker's");
                self.error(place("worker"), what, "give all ASPs of one application server to one worker");
            }
            let identifier = association.m3ua_procedures.asp_identifier;
            if identifier.is_some() && identifier == other.m3ua_procedures.asp_identifier {
                let what = format!("association[{other_at}] of the same application server has it too");
                self.error(place("asp_identifier"), what, "give each ASP its own");
            }
        }
    }

    /// The subsystems that the gateway is: what networks need must be among them.
    pub(super) fn subsystems(&mut self) {
        let config = self.config;
        let own = &config.sccp.subsystems;
        self.count("sccp.subsystems", own.len(), "subsystem numbers", 1..=8);
        self.unique(own.iter().enumerate().map(|(n, ssn)| (format!("sccp.subsystems[{n}]"), *ssn)));
        for (n, &ssn) in own.iter().enumerate() {
            self.range(format!("sccp.subsystems[{n}]"), ssn, 2..=254);
        }
        for (at, network) in config.networks.iter().enumerate() {
            let modifies = (network.r1 == R1::AnyTimeModification).then_some(Ssn::GSM_SCF);
            for ssn in [Some(network.node.ssn()), modifies].into_iter().flatten() {
                if !own.contains(&ssn.0) {
                    let what = format!("network[{at}] needs subsystem {}", ssn.0);
                    self.error("sccp.subsystems", what, "add it");
                }
            }
        }
    }

    fn services(&mut self, place: &str, indicators: &[u8]) {
        self.count(place, indicators.len(), "service indicators", 0..=16);
        for (n, &indicator) in indicators.iter().enumerate() {
            self.range(format!("{place}[{n}]"), indicator, 0..=15);
        }
    }
}
