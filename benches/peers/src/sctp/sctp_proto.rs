//! Two endpoints of sctp-proto over a queue of packets.
#![allow(clippy::disallowed_methods)] // its time is an Instant

use std::collections::VecDeque;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::sctp_proto::{
    Association, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier, ServerConfig, StreamEvent, Transmit,
};
use bytes::Bytes;

use crate::measure::Figures;

const STREAMS: u16 = 16;
/// As long as ours may be; the headers of the packet and of one DATA are not counted in what is configured.
const PACKET: u32 = 1480;

struct End {
    endpoint: Endpoint,
    association: Option<Association>,
    peer: SocketAddr,
    sent: VecDeque<Bytes>,
}

impl End {
    fn new(server: bool, peer: &str) -> Self {
        let server = server.then(|| Arc::new(ServerConfig::default()));
        let mut config = EndpointConfig::default();
        config.max_payload_size(PACKET - 28);
        let endpoint = Endpoint::new(Arc::new(config), server);
        Self { endpoint, association: None, peer: peer.parse().expect("an address"), sent: VecDeque::new() }
    }

    fn keep(&mut self, transmit: Transmit) {
        if let Payload::RawEncode(packets) = transmit.payload {
            self.sent.extend(packets);
        }
    }

    /// What is to be sent now.
    fn flush(&mut self, now: Instant) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            self.keep(transmit);
        }
        while let Some(transmit) = self.association.as_mut().and_then(|it| it.poll_transmit(now)) {
            self.keep(transmit);
        }
    }

    fn take(&mut self, now: Instant, packet: Bytes) {
        match self.endpoint.handle(now, self.peer, None, None, packet) {
            Some((_, DatagramEvent::NewAssociation(association))) => self.association = Some(association),
            Some((_, DatagramEvent::AssociationEvent(event))) => {
                self.association.as_mut().expect("an association").handle_event(event);
            }
            None => {}
        }
    }

    /// The messages that have arrived.
    fn read(&mut self) -> usize {
        let Some(association) = &mut self.association else { return 0 };
        let mut messages = 0;
        while let Some(event) = association.poll() {
            if let Event::Stream(StreamEvent::Readable { id }) = event {
                let Ok(mut stream) = association.stream(id) else { continue };
                while let Ok(Some(chunks)) = stream.read_sctp() {
                    black_box(chunks);
                    messages += 1;
                }
            }
        }
        messages
    }
}

struct Pair {
    a: End,
    b: End,
    now: Instant,
}

impl Pair {
    fn exchange(&mut self) -> usize {
        let mut messages = 0;
        loop {
            self.a.flush(self.now);
            self.b.flush(self.now);
            if self.a.sent.is_empty() && self.b.sent.is_empty() {
                return messages;
            }
            while let Some(packet) = self.a.sent.pop_front() {
                self.b.take(self.now, packet);
            }
            messages += self.b.read();
            self.b.flush(self.now);
            while let Some(packet) = self.b.sent.pop_front() {
                self.a.take(self.now, packet);
            }
            self.a.read();
        }
    }

    fn wait(&mut self) {
        self.now += Duration::from_millis(200);
        for end in [&mut self.a, &mut self.b] {
            if let Some(association) = &mut end.association {
                association.handle_timeout(self.now);
            }
        }
    }

    fn burst(&mut self, size: usize, body: &Bytes) {
        self.now += Duration::from_micros(50);
        for message in 0..size {
            let association = self.a.association.as_mut().expect("an association");
            let mut stream = association.stream(message as u16 % STREAMS).expect("a stream");
            stream.write_sctp(body, PayloadProtocolIdentifier::Binary).expect("room");
        }
        let mut arrived = self.exchange();
        while arrived < size {
            self.wait();
            arrived += self.exchange();
        }
    }
}

pub fn messages(figures: &mut Figures) {
    const PEER: &str = "peer.sctp_proto";
    if !figures.wants(PEER) && !figures.wants("sctp.") {
        return;
    }
    let mut pair =
        Pair { a: End::new(false, "10.7.0.2:5000"), b: End::new(true, "10.7.0.1:5000"), now: Instant::now() };
    let (_, association) =
        pair.a.endpoint.connect(ClientConfig::default(), pair.a.peer).expect("an association");
    pair.a.association = Some(association);
    pair.exchange();
    for stream in 0..STREAMS {
        let association = pair.a.association.as_mut().expect("an association");
        association.open_stream(stream, PayloadProtocolIdentifier::Binary).expect("a stream");
    }
    let body = Bytes::from(vec![0x5a; 200]);
    let allocations = figures.both_ends(PEER, "sctp-proto 0.10", |size| pair.burst(size, &body));
    figures.allocations(PEER, allocations);
}
