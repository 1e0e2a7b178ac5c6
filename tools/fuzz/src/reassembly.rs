//! Fragments of IPv4 and IPv6 packets, in any order, overlapping and contradicting each other, as frames to a link: what
//! becomes of each is what a plain list of fragments says, and so is what comes out; memory and answers are bounded.

use crate::octets::Octets;
use ipsmgw::base::{Frames, PortId, SipKey, Time};
use ipsmgw::proto::link::{
    Evidence, Input, Link, LinkConfig, LinkCounts, Neighbour, OwnAddress, PortConfig, Reassembled,
    ReassemblyConfig, Route,
};
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const GATEWAY: [u8; 6] = [2, 0, 0, 0, 0, 0x99];
const PORT: PortId = PortId(0);
/// Packets at a time, and octets of the longest.
const ENTRIES: usize = 8;
const LONGEST: usize = 1600;
const LIFE: Duration = Duration::from_secs(15);
const UDP: u8 = 17;
const SCTP: u8 = 132;
const DESTINATION_OPTIONS: u8 = 60;

fn own(ipv6: bool) -> IpAddr {
    if ipv6 { IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10]) } else { IpAddr::from([192, 0, 2, 10]) }
}

/// Of each family four senders, of whom the first is known.
fn sender(ipv6: bool, number: u8) -> IpAddr {
    if ipv6 {
        IpAddr::from([0x2001, 0xdb8, 9, 0, 0, 0, 0, u16::from(number)])
    } else {
        IpAddr::from([203, 0, 114, number + 1])
    }
}

fn gateway(ipv6: bool) -> IpAddr {
    if ipv6 { IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]) } else { IpAddr::from([192, 0, 2, 1]) }
}

fn config() -> LinkConfig {
    let own = |ipv6, prefix| OwnAddress { address: own(ipv6), prefix, vlan: None };
    let route = |ipv6: bool, prefix: IpAddr| Route {
        prefix,
        length: 0,
        gateway: Some(gateway(ipv6)),
        port: PORT,
        source: None,
    };
    LinkConfig {
        key: SipKey::new([5; 16]),
        ports: vec![PortConfig { mac: MAC, mtu: 1500, addresses: vec![own(false, 24), own(true, 64)] }],
        routes: vec![route(false, IpAddr::from([0; 4])), route(true, IpAddr::from([0u16; 8]))],
        udp_ports: vec![5060],
        neighbours: 8,
        waiting: 8,
        reassembly: ReassemblyConfig {
            entries: ENTRIES,
            octets: LONGEST,
            t_reassembly: LIFE,
            known: vec![sender(false, 0).into(), sender(true, 0).into()],
        },
        ..LinkConfig::default()
    }
}

/// Counts what is sent.
struct Wire {
    room: Vec<u8>,
    frames: usize,
    octets: usize,
}

impl Frames for Wire {
    fn buffer(&mut self) -> Option<&mut [u8]> {
        Some(&mut self.room)
    }

    fn send(&mut self, port: PortId, range: Range<usize>) {
        assert!(port == PORT && range.len() >= 60 && range.end <= self.room.len());
        self.frames += 1;
        self.octets += range.len();
    }
}

/// A fragment, and what it claims.
struct Fragment {
    ipv6: bool,
    sender: u8,
    protocol: u8,
    identification: u8,
    offset: usize,
    more: bool,
    /// Words of options in front of it.
    options: usize,
    octets: Vec<u8>,
}

/// What becomes of a fragment, by the name of what counts it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Kept,
    Repeated,
    Whole,
    Empty,
    Uneven,
    Tiny,
    TooLong,
    Overlapping,
    Beyond,
    OfRefused,
    Full,
    SourceFull,
}

/// A packet of which fragments have arrived.
struct Train {
    ipv6: bool,
    sender: u8,
    identification: u8,
    /// Of IPv4 alone.
    protocol: u8,
    until: Time,
    refused: bool,
    pieces: Vec<(usize, bool, Vec<u8>)>,
    first_protocol: u8,
}

/// What the link ought to do, by lists.
#[derive(Default)]
struct Model {
    trains: Vec<Train>,
}

impl Model {
    /// What becomes of it, and the protocol and octets of the packet that it completes.
    fn fate(&mut self, now: Time, fragment: &Fragment) -> (Fate, u8, Vec<u8>) {
        let only = |fate| (fate, 0, vec![]);
        if fragment.octets.is_empty() {
            return only(Fate::Empty);
        }
        if fragment.more && fragment.octets.len() % 8 != 0 {
            return only(Fate::Uneven);
        }
        let at = match self.train(now, fragment) {
            Ok(at) => at,
            Err(fate) => return only(fate),
        };
        let train = &mut self.trains[at];
        if train.refused {
            return only(Fate::OfRefused);
        }
        let fate = train.add(fragment);
        match fate {
            Fate::Kept | Fate::Repeated => {}
            Fate::Whole => {
                let Train { mut pieces, first_protocol, .. } = self.trains.remove(at);
                pieces.sort();
                return (
                    fate,
                    first_protocol,
                    pieces.into_iter().flat_map(|(_, _, octets)| octets).collect(),
                );
            }
            _ => train.refused = true,
        }
        only(fate)
    }

    fn train(&mut self, now: Time, fragment: &Fragment) -> Result<usize, Fate> {
        let &Fragment { ipv6, sender, identification, .. } = fragment;
        let protocol = if ipv6 { 0 } else { fragment.protocol };
        let name = (ipv6, sender, identification, protocol);
        let is_it = |train: &Train| (train.ipv6, train.sender, train.identification, train.protocol) == name;
        if let Some(at) = self.trains.iter().position(is_it) {
            return Ok(at);
        }
        let of_sender = self.trains.iter().filter(|train| (train.ipv6, train.sender) == (ipv6, sender));
        if of_sender.count() == ENTRIES / 4 {
            return Err(Fate::SourceFull);
        }
        let of_strangers = self.trains.iter().filter(|train| train.sender != 0).count();
        if sender != 0 && of_strangers == ENTRIES / 2 || self.trains.len() == ENTRIES {
            return Err(Fate::Full);
        }
        self.trains.push(Train {
            ipv6,
            sender,
            identification,
            protocol,
            until: now + LIFE,
            refused: false,
            pieces: vec![],
            first_protocol: 0,
        });
        Ok(self.trains.len() - 1)
    }

    fn pass(&mut self, now: Time) {
        self.trains.retain(|train| train.until > now);
    }
}

impl Train {
    fn add(&mut self, fragment: &Fragment) -> Fate {
        let (start, end) = (fragment.offset, fragment.offset + fragment.octets.len());
        if end > LONGEST {
            return Fate::TooLong;
        }
        let header = match fragment.protocol {
            SCTP => 12,
            UDP | 1 | 58 => 8,
            _ => 1,
        };
        let of_link = 20 + 4 * fragment.options + fragment.octets.len();
        let is_tiny = !fragment.ipv6 && of_link <= 60 || start == 0 && fragment.octets.len() < header;
        if fragment.more && is_tiny {
            return Fate::Tiny;
        }
        let end_of = |(start, _, octets): &(usize, bool, Vec<u8>)| start + octets.len();
        let total = self.pieces.iter().find(|(_, more, _)| !more).map(end_of);
        let farthest = self.pieces.iter().map(end_of).max().unwrap_or(0);
        let contradicts = match total {
            Some(total) => {
                if fragment.more {
                    end >= total
                } else {
                    end != total
                }
            }
            None => !fragment.more && end < farthest,
        };
        if contradicts {
            return Fate::Beyond;
        }
        let piece = (start, fragment.more, fragment.octets.clone());
        if self.pieces.contains(&piece) {
            return Fate::Repeated;
        }
        if self.pieces.iter().any(|other| other.0 < end && start < end_of(other)) {
            return Fate::Overlapping;
        }
        self.pieces.push(piece);
        if start == 0 {
            self.first_protocol = fragment.protocol;
        }
        let total = self.pieces.iter().find(|(_, more, _)| !more).map(end_of);
        let there = self.pieces.iter().map(|(_, _, octets)| octets.len()).sum();
        if total == Some(there) { Fate::Whole } else { Fate::Kept }
    }
}

struct Bench {
    link: Link,
    wire: Wire,
    now: Time,
    model: Model,
    room: Reassembled,
}

pub fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let mut bench = Bench::new();
    let raw = octets.u8() & 7 == 7;
    while !octets.is_empty() {
        if raw {
            bench.raw(&mut octets);
        } else {
            bench.event(&mut octets);
        }
        bench.link.assert_invariants();
    }
    // Whatever came, after its time nothing is left of it.
    bench.pass(LIFE);
    bench.link.fill(&mut |what, used, _| assert_eq!(used, 0, "{what}"));
}

impl Bench {
    fn new() -> Self {
        let mut link = Link::new(config()).expect("a correct configuration");
        let mut wire = Wire { room: vec![0; 2048], frames: 0, octets: 0 };
        for ipv6 in [false, true] {
            let (ip, mac, evidence) = (gateway(ipv6), GATEWAY, Evidence::Answered);
            let neighbour = Neighbour { port: PORT, vlan: None, ip, mac, evidence };
            link.learn(Time::ZERO, neighbour, &mut wire);
        }
        let room = Reassembled::new(link.longest_reassembled());
        Self { link, wire, now: Time::ZERO, model: Model::default(), room }
    }

    fn event(&mut self, octets: &mut Octets<'_>) {
        let kind = octets.u8();
        if kind & 31 == 31 {
            return self.pass(Duration::from_millis(u64::from(octets.u8()) * 100));
        }
        let (who, offset, length, what) = (octets.u8(), octets.u8(), octets.u8(), octets.u8());
        let ipv6 = kind & 32 != 0;
        let control = if ipv6 { 58 } else { 1 };
        let protocols = [UDP, SCTP, control, if ipv6 { DESTINATION_OPTIONS } else { UDP }];
        let offset = if offset == 255 { 65_528 } else { usize::from(offset) * 8 };
        let length = usize::from(length) * 8 + usize::from(if kind & 64 == 0 { 0 } else { what & 7 });
        // Of one packet, mostly: octets that are right at their place.
        let fill = what >> 7;
        let fragment = Fragment {
            ipv6,
            sender: who & 3,
            protocol: protocols[usize::from(who >> 2 & 3)],
            identification: who >> 4 & 3,
            offset,
            more: kind & 128 == 0,
            options: if kind & 3 == 3 { usize::from(what >> 3 & 15).min(10) } else { 0 },
            octets: (offset..offset + length.min(1400)).map(|at| (at * 7 + at / 256) as u8 ^ fill).collect(),
        };
        self.fragment(&fragment);
    }

    fn fragment(&mut self, fragment: &Fragment) {
        let frame = frame(fragment);
        if fragment.offset == 0 && !fragment.more {
            assert!(!self.input(&frame), "it is none (RFC 6946)");
            return;
        }
        let (fate, protocol, expected) = self.model.fate(self.now, fragment);
        let before = self.link.counts.clone();
        let whole = self.input(&frame);
        let mut after = before;
        after.frames_in += 1;
        after.fragments += 1;
        *count(&mut after, fate) += u64::from(fate != Fate::Kept);
        let counts = &self.link.counts;
        let same = |of: fn(&LinkCounts) -> u64| of(&after) == of(counts);
        assert!(FRAGMENT_COUNTS.iter().all(|of| same(*of)), "{fate:?}: {counts:?}");
        assert_eq!(whole, fate == Fate::Whole);
        if whole {
            assert!(self.link.take_reassembled(&mut self.room), "what was told of is there");
            assert!(!self.link.take_reassembled(&mut self.room), "once");
            assert_eq!(self.room.octets(), expected);
            let (part, _) = self.room.parts(LONGEST).next().expect("a part");
            assert_eq!(
                (part.source, part.destination),
                (sender(fragment.ipv6, fragment.sender), own(fragment.ipv6))
            );
            assert_eq!(part.protocol, protocol);
            let _ = self.link.handle_reassembled(self.now, &self.room, &mut self.wire);
        }
        self.link.fill(&mut |_, used, size| assert_eq!((used, size), (self.model.trains.len(), ENTRIES)));
    }

    /// Gives the link a frame; whether it completes a packet. An answer is an error that quotes the frame, no more.
    fn input(&mut self, frame: &[u8]) -> bool {
        (self.wire.frames, self.wire.octets) = (0, 0);
        let whole = self.link.handle_input(self.now, PORT, frame, &mut self.wire) == Ok(Input::Reassembled);
        assert!(self.wire.frames <= 1 && self.wire.octets <= frame.len() + 62 + 60);
        whole
    }

    /// A frame of any octets to the link's own address.
    fn raw(&mut self, octets: &mut Octets<'_>) {
        let (kind, length) = (octets.u8(), usize::from(octets.u16()) % 1500);
        if kind & 15 == 0 {
            return self.pass(Duration::from_millis(u64::from(kind) * 50));
        }
        let ethertype = if kind & 16 == 0 { [8, 0] } else { [0x86, 0xdd] };
        let mut frame = [&MAC[..], &GATEWAY, &ethertype, octets.take(length)].concat();
        if kind & 16 == 0 && kind & 1 != 0 {
            let header = 14 + usize::from(frame.get(14).copied().unwrap_or(0) & 15) * 4;
            if header >= 34 && frame.len() >= header {
                frame[24..26].fill(0);
                let sum = checksum(&frame[14..header]);
                frame[24..26].copy_from_slice(&sum);
            }
        }
        if self.input(&frame) {
            assert!(self.link.take_reassembled(&mut self.room));
            assert!((1..=LONGEST).contains(&self.room.octets().len()));
            let _ = self.link.handle_reassembled(self.now, &self.room, &mut self.wire);
        }
        self.link.fill(&mut |_, used, size| assert!(used <= size));
    }

    fn pass(&mut self, span: Duration) {
        self.now += span;
        (self.wire.frames, self.wire.octets) = (0, 0);
        self.link.handle_timeout(self.now, &mut self.wire);
        // One error for each packet that is given up, and questions for two gateways.
        assert!(self.wire.frames <= ENTRIES + 2 * 4, "{} frames", self.wire.frames);
        self.model.pass(self.now);
    }
}

/// What may change with a fragment, but for answers.
const FRAGMENT_COUNTS: &[fn(&LinkCounts) -> u64] = &[
    |counts| counts.frames_in,
    |counts| counts.fragments,
    |counts| counts.fragments_repeated,
    |counts| counts.reassembled,
    |counts| counts.fragments_empty,
    |counts| counts.fragments_uneven,
    |counts| counts.fragments_tiny,
    |counts| counts.fragments_too_long,
    |counts| counts.fragments_overlapping,
    |counts| counts.fragments_beyond,
    |counts| counts.fragments_of_refused,
    |counts| counts.reassembly_full,
    |counts| counts.reassembly_source_full,
];

fn count(counts: &mut LinkCounts, fate: Fate) -> &mut u64 {
    match fate {
        Fate::Kept | Fate::Repeated => &mut counts.fragments_repeated,
        Fate::Whole => &mut counts.reassembled,
        Fate::Empty => &mut counts.fragments_empty,
        Fate::Uneven => &mut counts.fragments_uneven,
        Fate::Tiny => &mut counts.fragments_tiny,
        Fate::TooLong => &mut counts.fragments_too_long,
        Fate::Overlapping => &mut counts.fragments_overlapping,
        Fate::Beyond => &mut counts.fragments_beyond,
        Fate::OfRefused => &mut counts.fragments_of_refused,
        Fate::Full => &mut counts.reassembly_full,
        Fate::SourceFull => &mut counts.reassembly_source_full,
    }
}

fn frame(fragment: &Fragment) -> Vec<u8> {
    let Fragment { offset, more, octets, .. } = fragment;
    let mut frame = [&MAC[..], &GATEWAY].concat();
    match (sender(fragment.ipv6, fragment.sender), own(fragment.ipv6)) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header = 20 + 4 * fragment.options;
            let place = (offset / 8) as u16 | u16::from(*more) << 13;
            let mut ip = vec![0x40 | (header / 4) as u8, 0];
            ip.extend(((header + octets.len()) as u16).to_be_bytes());
            ip.extend([0, fragment.identification]);
            ip.extend(place.to_be_bytes());
            ip.extend([60, fragment.protocol, 0, 0]);
            ip.extend(source.octets());
            ip.extend(destination.octets());
            ip.resize(header, 1);
            let sum = checksum(&ip);
            ip[10..12].copy_from_slice(&sum);
            frame.extend([8, 0]);
            frame.extend(ip);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            // Options are of eight octets here, an extension header of padding.
            let options = 8 * fragment.options;
            let next = if options == 0 { 44 } else { DESTINATION_OPTIONS };
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(((options + 8 + octets.len()) as u16).to_be_bytes());
            frame.extend([next, 60]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
            if options > 0 {
                frame.extend([44, (options / 8 - 1) as u8]);
                frame.resize(frame.len() + options - 2, 0);
            }
            frame.extend([fragment.protocol, 0]);
            frame.extend((*offset as u16 | u16::from(*more)).to_be_bytes());
            frame.extend([0, 0, 0, fragment.identification]);
        }
        _ => unreachable!("one family"),
    }
    frame.extend(octets);
    frame
}

/// The checksum of an IPv4 header whose own is zero.
fn checksum(header: &[u8]) -> [u8; 2] {
    let mut sum: u32 = header.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}
