//! From sections of the configuration to what the layers below are made of: for the gateway, and for the core network
//! in a box, which has the same sections.

use super::config::{
    ApplicationServer, Association, Config, Destination, Exchange, M3uaRole, Port, PortRole, Role, Route,
    RouteOn, RoutingKey, SccpForm, SctpTimers, Sharing, Title, TrafficMode, services, shares_server,
};
use crate::base::PortId;
use crate::ident::{Digits, NatureOfAddress, NumberingPlan, PointCode, Ssn, WorkerId};
use crate::io::PacketIo;
use crate::proto::{link, m3ua, sccp, sctp};
use crate::stack;
use std::net::SocketAddr;
use std::time::Duration;

/// DPDK's environment, with the devices of `ports`.
#[cfg(feature = "dpdk")]
#[must_use]
pub fn environment(eal: &super::config::Eal, ports: &[Port]) -> crate::io::dpdk::EalConfig {
    crate::io::dpdk::EalConfig {
        file_prefix: eal.file_prefix.clone(),
        huge: eal.huge,
        memory_mb: eal.memory_mb,
        devices: ports.iter().map(|port| port.device.clone()).collect(),
        extra: eal.extra.clone(),
    }
}

/// Octets of a UDP header.
const UDP_HEADER: usize = 8;

/// How many neighbours a worker knows, and how many packets wait for one whose address is not known yet. A fuzz target, whose
/// clock leaps, would walk over them more than do anything else.
const NEIGHBOURS: (usize, usize) = if cfg!(fuzzing) { (32, 64) } else { (1024, 256) };

/// The link layer over `io`, with SIP at `listen`.
#[must_use]
pub fn link(ports: &[Port], routes: &[Route], listen: &[SocketAddr], io: &impl PacketIo) -> link::LinkConfig {
    let place = |name: &str| ports.iter().position(|port| port.name == name).unwrap_or(0);
    let routes = routes.iter().map(|route| link::Route {
        prefix: route.prefix.address,
        length: route.prefix.length,
        gateway: Some(route.gateway),
        port: PortId(place(&route.port) as u8),
        source: route.source,
    });
    let own = |port: &Port| {
        let own = port.addresses.iter().map(|own| link::OwnAddress {
            address: own.prefix.address,
            prefix: own.prefix.length,
            vlan: own.vlan,
        });
        own.collect()
    };
    let exception = ports.iter().zip(0..).find_map(|(port, at)| {
        let kernel = port.kernel_mac.filter(|_| port.role == PortRole::Exception)?;
        Some(link::Exception { port: PortId(at), kernel: kernel.0 })
    });
    let ports = ports.iter().enumerate().map(|(at, port)| link::PortConfig {
        mac: port.mac.map_or_else(|| io.mac(PortId(at as u8)), |mac| mac.0),
        mtu: port.mtu,
        addresses: own(port),
    });
    link::LinkConfig {
        ports: ports.collect(),
        routes: routes.collect(),
        udp_ports: listen.iter().map(SocketAddr::port).collect(),
        neighbours: NEIGHBOURS.0,
        waiting: NEIGHBOURS.1,
        exception,
        ..link::LinkConfig::default()
    }
}

/// Packets that arrive in fragments.
#[must_use]
pub fn reassembly(config: &Config) -> link::ReassemblyConfig {
    link::ReassemblyConfig {
        entries: config.capacity.ip_reassemblies as usize,
        octets: usize::from(config.sip.limits.datagram) + UDP_HEADER,
        t_reassembly: config.timers.reassembly,
        // They come with the hosts of the core.
        known: vec![],
    }
}

/// The associations, those that name no worker given to `workers` in turn. Each asks about those of `destinations`
/// that it leads to.
#[must_use]
pub fn associations(
    associations: &[Association],
    destinations: &[Destination],
    ports: &[Port],
    workers: u8,
) -> Vec<stack::AssociationSetup> {
    let network = ports.iter().filter(|port| port.role == PortRole::Network);
    let mtu = network.map(|port| port.mtu).min().unwrap_or(1500);
    // Associations to one signalling gateway are one worker's: it hears what the gateway says of destinations.
    // So are those of one application server's ASPs, which share its traffic.
    let owner = |at: usize, association: &Association| {
        let same = |other: &Association| {
            association.signalling_gateway.is_some()
                && other.signalling_gateway == association.signalling_gateway
                || shares_server(association, other)
        };
        let given = associations.iter().filter(|other| same(other)).find_map(|other| other.worker);
        let first = associations.iter().position(same).unwrap_or(at);
        association.worker.or(given).unwrap_or((first % usize::from(workers.max(1))) as u8)
    };
    let setup = |(at, association): (usize, &Association)| stack::AssociationSetup {
        name: association.name.clone(),
        owner: WorkerId(owner(at, association)),
        gateway: association.signalling_gateway.clone(),
        sctp: sctp(association, mtu),
        m3ua: m3ua(association, destinations),
    };
    associations.iter().enumerate().map(setup).collect()
}

fn sctp(association: &Association, mtu: u16) -> sctp::AssociationConfig {
    sctp::AssociationConfig {
        role: match association.role {
            Role::Client => sctp::Role::Client,
            Role::Server => sctp::Role::Server,
        },
        local: association.local.clone(),
        local_port: association.local_port,
        remote: association.remote.clone(),
        remote_port: association.remote_port,
        streams: association.streams,
        max_in_streams: 64,
        timers: timers(&association.timers),
        send_ring: association.send_ring_kib as usize * 1024,
        receive_window: association.receive_window_kib * 1024,
        mtu,
    }
}

fn timers(timers: &SctpTimers) -> sctp::Timers {
    sctp::Timers {
        rto_initial: timers.rto_initial,
        rto_min: timers.rto_min,
        rto_max: timers.rto_max,
        heartbeat: timers.heartbeat,
        sack_delay: timers.sack_delay,
        path_max_retrans: timers.path_max_retrans,
        association_max_retrans: timers.association_max_retrans,
        max_init_retransmits: timers.max_init_retransmits,
        potentially_failed_max_retrans: timers.potentially_failed_max_retrans,
        primary_switchover_max_retrans: timers.primary_switchover_max_retrans.unwrap_or(u16::MAX),
        max_burst: timers.max_burst,
        cookie_life: timers.cookie_life,
        retry_gap: timers.retry,
    }
}

fn m3ua(association: &Association, destinations: &[Destination]) -> m3ua::AspConfig {
    let procedures = &association.m3ua_procedures;
    let unless_zero = |time: Duration| Some(time).filter(|time| !time.is_zero());
    let audited = destinations.iter().filter(|to| to.associations.contains(&association.name));
    let role = match association.m3ua {
        M3uaRole::Asp => m3ua::Role::Asp,
        M3uaRole::IpspClient => m3ua::Role::IpspClient,
        M3uaRole::IpspServer => m3ua::Role::IpspServer,
        M3uaRole::Sgp => m3ua::Role::Sgp,
    };
    m3ua::AspConfig {
        network_appearance: association.network_appearance,
        traffic_mode: association.traffic_mode.map(traffic_mode),
        double_exchange: association.exchange == Exchange::Double,
        peer_contexts: association.peer_routing_contexts.clone(),
        asp_identifier: procedures.asp_identifier,
        t_ack: procedures.t_ack,
        t_retry: procedures.t_retry,
        leave_attempts: procedures.leave_attempts,
        t_beat: unless_zero(procedures.beat),
        t_audit: unless_zero(procedures.audit),
        audited: audited.map(|to| to.point_code).collect(),
        data_on_stream_0: procedures.data_on_stream_0,
        ssnm_while_inactive: procedures.ssnm_while_inactive,
        daud_from_gateway: procedures.daud_from_gateway,
        register: (1..).zip(&association.register).map(|(local, key)| routing_key(local, key)).collect(),
        registration: association.registration,
        ..m3ua::AspConfig::new(role, association.routing_contexts.clone())
    }
}

fn routing_key(local: u32, key: &RoutingKey) -> m3ua::keys::RoutingKey {
    m3ua::keys::RoutingKey {
        local,
        context: key.routing_context,
        mode: None,
        appearance: None,
        point_code: key.point_code,
        services: services(&key.service_indicators),
    }
}

/// The application servers whose signalling gateway we are, and the keys that ASPs may register.
#[must_use]
pub fn application_servers(servers: &[ApplicationServer]) -> (Vec<m3ua::ServerConfig>, Vec<m3ua::Provision>) {
    let config = |server: &ApplicationServer| m3ua::ServerConfig {
        mode: server.traffic_mode.map(traffic_mode),
        least_active: server.least_active,
        t_recovery: server.t_recovery,
        held: usize::from(server.held_kib) * 1024,
        ..m3ua::ServerConfig::new(Some(server.routing_context))
    };
    let provision = |server: &ApplicationServer| {
        Some(m3ua::Provision {
            context: server.routing_context,
            point_code: server.point_code?,
            services: services(&server.service_indicators),
        })
    };
    (servers.iter().map(config).collect(), servers.iter().filter_map(provision).collect())
}

fn traffic_mode(mode: TrafficMode) -> m3ua::TrafficMode {
    match mode {
        TrafficMode::Override => m3ua::TrafficMode::Override,
        TrafficMode::Loadshare => m3ua::TrafficMode::Loadshare,
        TrafficMode::Broadcast => m3ua::TrafficMode::Broadcast,
    }
}

/// The subsystems that the gateway is, in every network: an SMS-GMSC without GPRS always calls an MSC, towards the HLR we
/// are a gsmSCF when we modify its data, and CAP has a number of its own.
#[must_use]
pub fn subsystems(config: &Config) -> Vec<Ssn> {
    config.sccp.subsystems.iter().copied().map(Ssn).collect()
}

/// The signalling points, and which of `associations` reach them.
#[must_use]
pub fn destinations(destinations: &[Destination], associations: &[Association]) -> Vec<stack::Destination> {
    let place = |name: &String| associations.iter().position(|association| association.name == *name);
    destinations
        .iter()
        .map(|destination| stack::Destination {
            point_code: destination.point_code,
            associations: destination.associations.iter().filter_map(place).map(|at| at as u16).collect(),
            sharing: sharing(destination.sharing),
        })
        .collect()
}

/// What is known of the SCCP of the signalling points.
#[must_use]
pub fn points(destinations: &[Destination]) -> Vec<sccp::RemotePoint> {
    let point = |destination: &Destination| sccp::RemotePoint {
        point_code: destination.point_code,
        form: match destination.sccp {
            SccpForm::Udt => sccp::Kind::Udt,
            SccpForm::Xudt => sccp::Kind::Xudt,
            SccpForm::Ludt => sccp::Kind::Ludt,
        },
    };
    destinations.iter().map(point).collect()
}

/// SCCP with its limits.
#[must_use]
pub fn sccp(config: &Config, rules: Vec<sccp::Rule>) -> sccp::SccpConfig {
    let limits = &config.sccp;
    sccp::SccpConfig {
        limit: usize::from(config.ss7.sif_budget).saturating_sub(4),
        returns_per_second: limits.returns_per_second,
        reassembly: sccp::ReassemblyConfig {
            entries: limits.reassemblies,
            octets: limits.reassembly_octets,
            t_reass: limits.t_reassembly,
        },
        subsystems: sccp::SubsystemsConfig {
            t_status: limits.t_status,
            t_status_max: limits.t_status_max,
            ..sccp::SubsystemsConfig::default()
        },
        points: points(&config.destinations),
        ..sccp::SccpConfig::new(vec![config.ss7.point_code], subsystems(config), rules)
    }
}

/// Where titles lead: `own` to our own point code, the others as configured.
#[must_use]
pub fn rules(point_code: PointCode, own: &[Digits], titles: &[Title]) -> Vec<sccp::Rule> {
    let own = own.iter().map(|title| sccp::Rule::new(*title, sccp::Destination::titled(point_code)));
    let others = titles.iter().filter_map(|title| {
        Some(sccp::Rule {
            translation_type: title.translation_type,
            numbering_plan: title.numbering_plan.map(NumberingPlan),
            nature: title.nature.map(NatureOfAddress),
            prefix: title.prefix,
            exact: title.exact,
            targets: targets(title)?,
            rewrite: title.rewrite.map(|rewrite| sccp::Rewrite {
                strip: rewrite.strip,
                add: rewrite.add,
                translation_type: rewrite.translation_type,
                numbering_plan: rewrite.numbering_plan.map(NumberingPlan),
                nature: rewrite.nature.map(NatureOfAddress),
            }),
        })
    });
    own.chain(others).collect()
}

/// Where a title leads; a configuration that was checked has one to four targets.
fn targets(title: &Title) -> Option<sccp::Targets> {
    let route_on_ssn = title.route_on == RouteOn::Ssn;
    let targets: Vec<_> = title
        .all_targets()
        .map(|to| sccp::Destination { point_code: to.point_code, ssn: to.ssn.map(Ssn), route_on_ssn })
        .collect();
    sccp::Targets::new(&targets, sharing(title.sharing))
}

fn sharing(sharing: Sharing) -> sccp::Sharing {
    match sharing {
        Sharing::Primary => sccp::Sharing::Primary,
        Sharing::Loadshare => sccp::Sharing::Loadshare,
    }
}
