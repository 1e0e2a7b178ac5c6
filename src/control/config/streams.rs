//! `[sip.streams]` and `[sip.tls]`: SIP over TCP and TLS.

use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `[sip.streams]`: TCP and TLS, by the host's kernel. Without an address to listen at there are none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Streams {
    /// Addresses of the host and ports for TCP, as in `["10.0.0.1:5060"]`. Requests of more than 1,300 octets go by TCP then
    /// (RFC 3261 18.1.1). Default none.
    pub listen: Vec<SocketAddr>,
    /// The same for TLS, as in `["10.0.0.1:5061"]`; it needs `[sip.tls]`. Default none.
    pub listen_tls: Vec<SocketAddr>,
    /// Threads that have the connections: 1 to 16. Default 1.
    pub threads: u8,
    /// Connections at a time, in all. Default 10,000.
    pub connections: u32,
    /// Of these, how many one host may open (in IPv6 one network of 64 bits); S-CSCFs any number. Default 1,000.
    pub connections_per_source: u32,
    /// Seconds after which a connection is closed by which nothing has come or gone. Default 300.
    pub idle_s: u32,
    /// Seconds that the flow of a UE which registers by RFC 5626 may be silent, as Flow-Timer tells it; a few seconds later it is
    /// closed, and its binding ends. 0: the UE is told nothing, and `idle_s` alone holds. Default 120.
    pub flow_timer_s: u32,
    /// Seconds that a message may take from its first octet to its last, and that the peer may take to read. Default 10.
    pub message_s: u32,
    /// Octets of the longest message that is taken, if `sip.limits.message` is not less. Default 16,384.
    pub message: u32,
    /// Octets that may wait to be written to one connection; a peer that reads too slowly for it is left. Default 65,536.
    pub write_buffer: u32,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            listen: vec![],
            listen_tls: vec![],
            threads: 1,
            connections: 10_000,
            connections_per_source: 1_000,
            idle_s: 300,
            flow_timer_s: 120,
            message_s: 10,
            message: 16_384,
            write_buffer: 65_536,
        }
    }
}

impl Streams {
    /// Flow-Timer, if UEs are told one.
    #[must_use]
    pub fn flow_timer(&self) -> Option<u32> {
        (self.flow_timer_s > 0).then_some(self.flow_timer_s)
    }
}

/// `[sip.tls]`: who the gateway is, and whom it believes. Files are PEM, and relative to this file's directory; they are read
/// again at each SIGHUP.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamTls {
    /// The gateway's certificate and those between it and the authority.
    pub certificate: PathBuf,
    /// Its private key, unencrypted, readable by the owner alone.
    pub key: PathBuf,
    /// Certificates of the authorities that have signed those of S-CSCFs and other hosts of the core. Default none.
    pub ca: Option<PathBuf>,
    /// Whether S-CSCFs have to prove the domain of their URI by a certificate, to us and when we connect to them (RFC 5922), and
    /// other hosts of the core that they are of the network's domain, if they are to be believed. UEs need none. Default true.
    #[serde(default = "super::default::verify_peers")]
    pub verify_peers: bool,
}
