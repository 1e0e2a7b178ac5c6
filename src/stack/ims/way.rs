//! Which way a message goes: by a datagram, or by a stream.

use core::net::{IpAddr, SocketAddr};

use crate::base::{Connection, Flow, Inline, Transport};

/// The flow of a datagram from `local` to `remote`.
pub(super) fn flow(local: SocketAddr, remote: SocketAddr) -> Flow {
    Flow {
        source: local.ip(),
        destination: remote.ip(),
        transport: Transport::Udp { source_port: local.port(), destination_port: remote.port() },
    }
}

/// How a request from `local` to `remote` goes, if by a stream.
pub(super) fn stream_flow(
    listen: &[(SocketAddr, bool)],
    peers: &[(SocketAddr, bool)],
    (local, remote): (SocketAddr, SocketAddr),
    connection: Option<Connection>,
) -> Option<(SocketAddr, Flow)> {
    if let Some(connection) = connection {
        let transport = Transport::Stream { connection, destination_port: 0 };
        return Some((local, Flow { source: local.ip(), destination: remote.ip(), transport }));
    }
    let &(_, secure) = peers.iter().find(|(peer, _)| *peer == remote)?;
    let usable = |(own, tls): &&(SocketAddr, bool)| *tls == secure && own.is_ipv4() == remote.is_ipv4();
    let mut own = listen.iter().filter(usable).map(|(own, _)| *own);
    let own = own.clone().find(|own| own.ip() == local.ip()).or_else(|| own.next())?;
    let transport = Transport::StreamTo { destination_port: remote.port(), secure };
    Some((own, Flow { source: own.ip(), destination: remote.ip(), transport }))
}

/// A host as Via names it.
pub(super) fn spell_host(ip: IpAddr) -> Inline<48> {
    let text = match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    Inline::new(text.as_bytes()).unwrap_or(Inline::EMPTY)
}
