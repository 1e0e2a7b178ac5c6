//! The protocol stack of a peer: a core network's end of a gateway's wires.

use crate::base::{PortId, SipKey};
use crate::dataplane::{Worker, rings};
use crate::ident::{Digits, PointCode, SccpAddress, Ssn, WorkerId};
use crate::io::PacketIo as _;
use crate::io::memory::MemoryIo;
use crate::proto::link::{Link, LinkConfig, OwnAddress, PortConfig};
use crate::proto::m3ua::{AspConfig, Role};
use crate::proto::sccp::{self, Rule, SccpConfig};
use crate::proto::tcap::{DialoguesConfig, Limits, PeerMatch};
use crate::proto::{sctp, sip};
use crate::stack::{
    Application, AssociationSetup, Destination, Ims, ImsConfig, Offer, Peers, ScreeningConfig, Side, Ss7,
    Ss7Config, Stack, Transport,
};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

/// The one worker there is.
const WORKER: WorkerId = WorkerId(0);
/// The first association's port; the others have those after it.
const SCTP_PORT: u16 = 2905;

/// What peers differ in. The gateway is an ASP with routing context 100 and opens the associations; it has 100 for its
/// point code, and the peer 200.
pub struct PeerStack<'a> {
    /// Its address on each of its ports, and the gateway's there, in networks of 24 bits. SIP is on the first, at port
    /// 5060; SCTP is on the last.
    pub ports: &'a [[IpAddr; 2]],
    /// The host part of its Call-IDs.
    pub host: &'a str,
    /// Associations, on the ports from 2905 on.
    pub associations: u16,
    /// Its own titles, and which subsystem each is.
    pub own: &'a [(Digits, Ssn)],
    /// What the gateway's titles begin with.
    pub gateway_titles: Digits,
    /// Dialogues at a time; SIP transactions follow from it.
    pub dialogues: usize,
    /// Transaction ids, which rest for a second after use.
    pub identifiers: usize,
    /// How long its forwardSM may take.
    pub forward_timeout: Duration,
    /// What the gateway may ask of it.
    pub offers: &'a [Offer],
}

impl PeerStack<'_> {
    /// A worker with this stack over `io`, for `application`.
    ///
    /// # Panics
    /// If there is no port.
    #[must_use]
    pub fn worker<A>(&self, key: &SipKey, io: MemoryIo, application: A) -> Worker<MemoryIo, A>
    where
        A: Application<Crossing = (), Request = (), Reply = ()>,
    {
        let stack = Stack::new(WORKER, key, self.link(&io), Ims::new(self.ims(), key), self.ss7(key));
        let (mut ends, _control) = rings::<(), (), ()>(1, 16, 16);
        Worker::new(WORKER, io, stack, application, ends.pop().expect("one worker's"))
    }

    fn sip(&self) -> SocketAddr {
        SocketAddr::new(self.ports.first().expect("a port")[0], 5060)
    }

    fn link(&self, io: &MemoryIo) -> Link {
        let port = |(at, [address, _]): (usize, &[IpAddr; 2])| PortConfig {
            mac: io.mac(PortId(at as u8)),
            mtu: 1500,
            addresses: vec![OwnAddress { address: *address, prefix: 24, vlan: None }],
        };
        let config = LinkConfig {
            ports: self.ports.iter().enumerate().map(port).collect(),
            udp_ports: vec![self.sip().port()],
            neighbours: 16,
            waiting: 64,
            ..LinkConfig::default()
        };
        Link::new(config).expect("addresses of its own")
    }

    fn ims(&self) -> ImsConfig {
        ImsConfig {
            worker: WORKER,
            workers: 1,
            side: Side::Mobile,
            listen: vec![self.sip()],
            trusted: self.ports.iter().map(|[_, gateway]| *gateway).collect(),
            host: self.host.into(),
            registration_max: 600_000,
            retry_after: 1,
            timers: sip::Timers::RFC_3261,
            limits: sip::Limits::DEFAULT,
            client_transactions: 2 * self.dialogues,
            pending_requests: 64,
            server_transactions: 8 * self.dialogues,
        }
    }

    fn transport(&self, key: &SipKey) -> Transport {
        let [own, gateway] = *self.ports.last().expect("a port");
        let setup = |at: u16| AssociationSetup {
            name: format!("gw{at}"),
            owner: WORKER,
            gateway: None,
            sctp: sctp::AssociationConfig {
                local_port: SCTP_PORT + at,
                remote_port: None,
                ..sctp::AssociationConfig::new(sctp::Role::Server, own, gateway)
            },
            m3ua: AspConfig::new(Role::Sgp, vec![100]),
        };
        Transport::new(
            WORKER,
            PointCode(200),
            2,
            (0..self.associations).map(setup).collect(),
            vec![Destination::new(PointCode(100), (0..self.associations).collect())],
            [7; 32],
            key.derive("core"),
        )
    }

    fn ss7(&self, key: &SipKey) -> Ss7 {
        let leads = |prefix: Digits, point_code| Rule::new(prefix, sccp::Destination::titled(point_code));
        let here = self.own.iter().map(|(title, _)| leads(*title, PointCode(200)));
        let config = Ss7Config {
            worker: WORKER,
            workers: 1,
            transport: self.transport(key),
            own: self.own.iter().map(|(title, ssn)| SccpAddress::titled(*title, *ssn)).collect(),
            sccp: SccpConfig::new(
                vec![PointCode(200)],
                self.own.iter().map(|(_, ssn)| *ssn).collect(),
                here.chain([leads(self.gateway_titles, PointCode(100))]).collect(),
            ),
            dialogues: DialoguesConfig {
                worker: WORKER,
                workers: 1,
                capacity: self.dialogues,
                identifiers: self.identifiers,
                prefix: 0,
                prefix_bits: 0,
                key: key.derive("core dialogues"),
                rest: Duration::from_secs(1),
                guard: Duration::from_secs(60),
                peer_match: PeerMatch::default(),
                limits: Limits::default(),
            },
            forward_timeout: self.forward_timeout,
            peers: Peers::default(),
            screening: ScreeningConfig::default(),
            offers: self.offers.to_vec(),
        };
        Ss7::new(config).expect("dialogues and identifiers that fit")
    }
}
