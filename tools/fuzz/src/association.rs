//! An association, from any of its states: packets, users, time, and buffers that run out, in any order.

use crate::bench::{Bench, ID, address, packet};
use crate::chunks::Known;
use crate::octets::Octets;
use crate::proto::sctp::view::checksum;
use std::time::Duration;

/// Milliseconds that pass at once.
const SPANS: &[u64] = &[0, 1, 20, 100, 200, 300, 1000, 3000, 10_000, 61_000, 700_000];

pub fn run(octets: &[u8]) {
    let octets = &mut Octets(octets);
    let mut bench = Bench::new(octets.u8());
    bench.reach(octets.below(10));
    while !octets.is_empty() {
        event(&mut bench, octets);
    }
    // Whatever came, it ends when its user wants that.
    bench.wire.closed = false;
    bench.act(300, |endpoint, now, wire| endpoint.abort(now, ID, b"enough", wire));
    assert!(bench.state() == crate::proto::sctp::State::Closed);
    bench.flush();
}

fn event(bench: &mut Bench, octets: &mut Octets<'_>) {
    match octets.below(20) {
        0..=8 => structured(bench, octets),
        9 => raw(bench, octets),
        10 | 11 => {
            let span = SPANS[usize::from(octets.u8()) % SPANS.len()];
            bench.pass(Duration::from_millis(span));
        }
        12 | 13 => {
            let (stream, count, unordered) =
                (u16::from(octets.below(6)), octets.below(8), octets.below(2) == 1);
            let length = usize::from(octets.u16() % 4400);
            for _ in 0..count {
                let message = &[0xa5; 4400][..length];
                let _ = if unordered {
                    bench.endpoint.send_unordered(bench.now, ID, stream, 3, message)
                } else {
                    bench.endpoint.send(bench.now, ID, stream, 3, message)
                };
            }
        }
        14 => bench.flush(),
        15 => bench.act(300, |endpoint, now, wire| endpoint.connect(now, ID, wire)),
        16 => bench.act(300, |endpoint, now, wire| endpoint.shutdown(now, ID, wire)),
        17 => match octets.below(3) {
            0 => bench.act(300, |endpoint, now, wire| endpoint.abort(now, ID, &[0x33; 200], wire)),
            path => {
                let to = address(1, path, bench.ipv6);
                bench.act(300, |endpoint, now, wire| {
                    endpoint.set_primary(now, ID, to, wire);
                });
            }
        },
        18 => bench.answer_heartbeats(),
        _ => match octets.below(4) {
            0 => bench.endpoint.hold(ID),
            1 => bench.read(),
            _ => bench.wire.closed = !bench.wire.closed,
        },
    }
}

/// Where a packet comes from and goes to; mostly two addresses of one path.
fn ends(bench: &Bench, octets: &mut Octets<'_>) -> (std::net::IpAddr, std::net::IpAddr) {
    let path = octets.below(8);
    match path {
        6 => (address(1, octets.below(4), bench.ipv6), address(0, octets.below(3), bench.ipv6)),
        7 => (address(octets.below(3), 0, !bench.ipv6), address(0, 0, !bench.ipv6)),
        _ => (address(1, path & 1, bench.ipv6), address(0, path & 1, bench.ipv6)),
    }
}

fn tag(bench: &Bench, octets: &mut Octets<'_>) -> u32 {
    match octets.below(16) {
        0..=9 => bench.ours,
        10..=12 => bench.offered,
        13 => bench.theirs,
        14 => 0,
        _ => octets.u32(),
    }
}

fn structured(bench: &mut Bench, octets: &mut Octets<'_>) {
    let ((source, destination), tag) = (ends(bench, octets), tag(bench, octets));
    let count = 1 + octets.below(4);
    let mut known = Known::of(bench);
    let packet = packet(tag, |w| {
        for _ in 0..count {
            known.write(octets, w);
        }
    });
    known.learnt(bench);
    bench.inject(source, destination, &packet);
}

/// Octets as they are, behind the right ports and tag, with the right checksum or not.
fn raw(bench: &mut Bench, octets: &mut Octets<'_>) {
    let ((source, destination), tag) = (ends(bench, octets), tag(bench, octets));
    let right = octets.below(8) != 0;
    let length = usize::from(octets.u8());
    let mut packet = vec![0x0b, 0x59, 0x0b, 0x59];
    packet.extend(tag.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(octets.take(length));
    if right {
        let sum = checksum(&packet).to_le_bytes();
        packet[8..12].copy_from_slice(&sum);
    }
    bench.inject(source, destination, &packet);
}
