//! What the tests share: a wire, a link with two ports, and golden frames.

mod conversation;
mod forward;
mod fragments;
mod frames;
mod golden;
mod refusals;

use super::*;
use crate::base::{Flow, HEADROOM, Transport};
use core::ops::Range;

/// Keeps the frames that are sent. Its buffer starts out full of rubbish, as a used one would.
struct Wire {
    buffer: Vec<u8>,
    sent: Vec<(PortId, Vec<u8>)>,
    is_empty: bool,
}

impl Wire {
    fn new() -> Self {
        Self { buffer: vec![0xee; 2048], sent: Vec::new(), is_empty: false }
    }

    fn take(&mut self) -> Vec<Vec<u8>> {
        self.sent.drain(..).map(|(_, frame)| frame).collect()
    }

    fn one(&mut self) -> Vec<u8> {
        let frames = self.take();
        assert_eq!(frames.len(), 1, "{frames:02x?}");
        frames.into_iter().next().unwrap()
    }
}

impl Frames for Wire {
    fn buffer(&mut self) -> Option<&mut [u8]> {
        if self.is_empty { None } else { Some(&mut self.buffer) }
    }

    fn send(&mut self, port: PortId, range: Range<usize>) {
        assert!(range.len() >= 60);
        self.sent.push((port, self.buffer[range].to_vec()));
        self.buffer.fill(0xee);
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn own(address: &str, prefix: u8, vlan: Option<u16>) -> OwnAddress {
    OwnAddress { address: ip(address), prefix, vlan }
}

fn route(prefix: &str, length: u8, gateway: Option<&str>, port: u8) -> Route {
    Route { prefix: ip(prefix), length, gateway: gateway.map(ip), port: PortId(port), source: None }
}

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const GATEWAY: [u8; 6] = [2, 0, 0, 0, 0, 0x99];
const P0: PortId = PortId(0);

fn config() -> LinkConfig {
    LinkConfig {
        ports: vec![
            PortConfig {
                mac: MAC,
                mtu: 1500,
                addresses: vec![
                    own("192.0.2.10", 24, None),
                    own("2001:db8::10", 64, None),
                    own("198.51.100.10", 24, Some(7)),
                ],
            },
            PortConfig { mac: [2, 0, 0, 0, 0, 2], mtu: 1400, addresses: vec![own("10.1.0.10", 16, None)] },
        ],
        routes: vec![
            route("0.0.0.0", 0, Some("192.0.2.1"), 0),
            route("::", 0, Some("2001:db8::1"), 0),
            route("203.0.113.0", 24, Some("198.51.100.1"), 0),
        ],
        udp_ports: vec![5060],
        neighbours: 8,
        waiting: 8,
        ..LinkConfig::default()
    }
}

fn link() -> Link {
    Link::new(config()).unwrap()
}

fn told(ip_address: &str, vlan: Option<u16>, mac: [u8; 6]) -> Neighbour {
    Neighbour { port: P0, vlan, ip: ip(ip_address), mac, evidence: Evidence::Answered }
}

/// A link that knows its gateways.
fn ready() -> (Link, Wire) {
    let (mut link, mut wire) = (link(), Wire::new());
    for (gateway, vlan) in [("192.0.2.1", None), ("2001:db8::1", None), ("198.51.100.1", Some(7))] {
        link.learn(Time::ZERO, told(gateway, vlan, GATEWAY), &mut wire);
    }
    link.handle_timeout(Time::ZERO, &mut wire);
    assert!(wire.sent.is_empty());
    assert_eq!(link.counts.neighbours_learned, 3);
    (link, wire)
}

fn udp(source: &str, destination: &str) -> Flow {
    let transport = Transport::Udp { source_port: 5060, destination_port: 5060 };
    Flow { source: ip(source), destination: ip(destination), transport }
}

fn transmit(link: &mut Link, wire: &mut Wire, now: Time, flow: &Flow, payload: &[u8]) {
    wire.buffer[HEADROOM..HEADROOM + payload.len()].copy_from_slice(payload);
    link.transmit(now, flow, payload.len(), wire);
}

/// Adds to the 16-bit word at `at` and takes the same from the checksum at `sum`, so that the checksum stays right.
fn patch(frame: &mut [u8], at: usize, octet: u8, sum: usize) {
    let word = |frame: &[u8], at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let even = at & !1;
    let old = word(frame, even);
    frame[at] = octet;
    let new = word(frame, even);
    let mut total = u32::from(!word(frame, sum)) + u32::from(!old) + u32::from(new);
    total = (total & 0xffff) + (total >> 16);
    total = (total & 0xffff) + (total >> 16);
    frame[sum..sum + 2].copy_from_slice(&(!(total as u16)).to_be_bytes());
}
