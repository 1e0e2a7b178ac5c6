//! What `[sip.streams]` and `[sip.tls]` have to be.

use super::super::ScscfTransport;
use super::Check;
use std::net::SocketAddr;

impl Check<'_, '_, '_> {
    pub(super) fn streams(&mut self) {
        let streams = &self.config.sip.streams;
        let plain =
            streams.listen.iter().enumerate().map(|(at, it)| (format!("sip.streams.listen[{at}]"), it));
        let tls = streams
            .listen_tls
            .iter()
            .enumerate()
            .map(|(at, it)| (format!("sip.streams.listen_tls[{at}]"), it));
        let all: Vec<_> = plain.chain(tls).collect();
        for (place, listen) in &all {
            self.range(place, listen.port(), 1..=u16::MAX);
            if listen.ip().is_unspecified() || listen.ip().is_multicast() {
                let remedy = "name one address of the host, as in \"10.0.0.1:5060\": Via tells it to peers";
                self.error(place, format!("{} is no host's address", listen.ip()), remedy);
            }
        }
        self.unique(all);
        if self.config.has_streams() {
            self.range("sip.streams.threads", streams.threads, 1..=16);
            self.range("sip.streams.connections", streams.connections, 1..=1 << 20);
            self.range("sip.streams.connections_per_source", streams.connections_per_source, 1..=1 << 20);
            self.range("sip.streams.idle_s", streams.idle_s, 1..=86_400);
            self.range("sip.streams.message_s", streams.message_s, 1..=300);
            self.range("sip.streams.message", streams.message, 1_500..=65_535);
            self.range("sip.streams.write_buffer", streams.write_buffer, 4_096..=1 << 24);
        }
        self.tls();
        self.scscf_transports();
    }

    fn tls(&mut self) {
        let sip = &self.config.sip;
        match &sip.tls {
            None if !sip.streams.listen_tls.is_empty() => {
                let remedy = "add [sip.tls] with certificate and key, or leave listen_tls out";
                self.error("sip.streams.listen_tls", "there is no certificate to show", remedy);
            }
            Some(tls) if tls.verify_peers && tls.ca.is_none() => {
                let remedy = "name the authorities of S-CSCFs in ca, or give verify_peers = false";
                self.error("sip.tls", "peers are to be verified, and nobody is believed", remedy);
            }
            _ => {}
        }
    }

    fn scscf_transports(&mut self) {
        let config = self.config;
        let streams = &config.sip.streams;
        for (at, network) in config.networks.iter().enumerate() {
            for (n, scscf) in network.scscf.iter().enumerate() {
                let (listen, key) = match scscf.transport {
                    None | Some(ScscfTransport::Udp) => continue,
                    Some(ScscfTransport::Tcp) => (&streams.listen, "listen"),
                    Some(ScscfTransport::Tls) => (&streams.listen_tls, "listen_tls"),
                };
                let fits = |own: &SocketAddr| scscf.address.is_none_or(|it| it.is_ipv4() == own.is_ipv4());
                if !listen.iter().any(fits) {
                    let family = scscf.address.map_or(String::new(), |it| format!(" of the family of {it}"));
                    let remedy = format!("give an address{family} in [sip.streams] {key}");
                    let place = format!("network[{at}].scscf[{n}].transport");
                    self.error(place, "there is no address that such requests can be sent from", remedy);
                }
            }
        }
    }
}
