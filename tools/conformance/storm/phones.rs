//! UEs at addresses of their own, and an S-CSCF, behind one port. Frames and messages are written by hand; nothing is lost on
//! the way, so that nobody repeats anything, and who is told to come again does so when he was told to.

use core::net::{Ipv4Addr, SocketAddrV4};
use core::ops::Range;
use core::time::Duration;
use std::collections::BTreeMap;

use ipsmgw::base::{PortId, Time};
use ipsmgw::sim::Ports;

const GATEWAY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 5060);
const SCSCF: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 5060);
const PORT: PortId = PortId(0);
/// UEs with ports of one host.
const PER_HOST: usize = 1_000;

/// What takes a time that is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// From a REGISTER of somebody who is registered to its 200.
    Refresh,
    /// From a MESSAGE to its 202.
    Accepted,
    /// From a MESSAGE to the RP-ACK of the service centre.
    Reported,
}

#[derive(Clone, Copy)]
enum Act {
    Register(usize),
    Submit(usize),
}

/// A UE.
#[derive(Clone, Default)]
struct Ue {
    sequence: u32,
    is_registered: bool,
    /// Of which kind it has done so many.
    done: [usize; 3],
}

/// All of them.
pub(crate) struct Phones {
    gateway: Option<[u8; 6]>,
    identification: u16,
    serial: u64,
    ues: Vec<Ue>,
    agenda: BTreeMap<(Time, u64), Act>,
    /// Requests without a final answer, and messages without a report, by branch: whose, when, and whether it is a MESSAGE.
    open: BTreeMap<u64, (usize, Time, bool)>,
    submitted: BTreeMap<u64, (usize, Time)>,
    /// How long it took: which of a UE's of each kind.
    pub(crate) durations: BTreeMap<(Kind, usize, usize), Duration>,
    /// REGISTERs that were to come again.
    pub(crate) refused: u32,
    /// What the gateway did that it may not.
    pub(crate) complaints: Vec<String>,
}

fn address(ue: usize) -> SocketAddrV4 {
    SocketAddrV4::new([10, 0, 0, 10 + (ue / PER_HOST) as u8].into(), 10_000 + (ue % PER_HOST) as u16)
}

fn identity(ue: usize) -> String {
    format!("sip:26201{ue:010}@ims.mnc001.mcc262.3gppnetwork.org")
}

fn checksum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The value of a header of this name, the first.
fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split("\r\n").skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

impl Phones {
    pub(crate) fn new(ues: usize) -> Self {
        Self {
            gateway: None,
            identification: 0,
            serial: 0,
            ues: vec![Ue::default(); ues],
            agenda: BTreeMap::new(),
            open: BTreeMap::new(),
            submitted: BTreeMap::new(),
            durations: BTreeMap::new(),
            refused: 0,
            complaints: vec![],
        }
    }

    /// How many of these are registered.
    pub(crate) fn registered(&self, ues: Range<usize>) -> usize {
        self.ues[ues].iter().filter(|ue| ue.is_registered).count()
    }

    /// Whether nobody waits for anything, or is going to do something.
    pub(crate) fn is_idle(&self) -> bool {
        self.agenda.is_empty() && self.open.is_empty() && self.submitted.is_empty()
    }

    fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn put(&mut self, at: Time, act: Act) {
        let serial = self.serial();
        self.agenda.insert((at, serial), act);
    }

    /// A UE registers, or refreshes its registration.
    pub(crate) fn register(&mut self, at: Time, ue: usize) {
        self.put(at, Act::Register(ue));
    }

    /// A UE submits a message.
    pub(crate) fn submit(&mut self, at: Time, ue: usize) {
        self.put(at, Act::Submit(ue));
    }

    /// A turn: with a frame, or because time has come.
    pub(crate) fn turn(&mut self, now: Time, frame: Option<&[u8]>, ports: &mut Ports) {
        if let Some(frame) = frame {
            self.on_frame(now, frame, ports);
        }
        if self.gateway.is_none() {
            ports.send(PORT, &arp(1, [0xff; 6], ports.mac(PORT), *SCSCF.ip(), [0; 6], *GATEWAY.ip()));
            return ports.wake_at(now + Duration::from_millis(100));
        }
        while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                Act::Register(ue) => self.send_register(now, ue, ports),
                Act::Submit(ue) => self.send_message(now, ue, ports),
            }
        }
        if let Some(((at, _), _)) = self.agenda.first_key_value() {
            ports.wake_at(*at);
        }
    }

    /// Every other one comes by the S-CSCF, and those who have been there before by themselves.
    fn send_register(&mut self, now: Time, ue: usize, ports: &mut Ports) {
        let branch = self.serial();
        let it = &mut self.ues[ue];
        it.sequence += 1;
        let sequence = it.sequence;
        let by_scscf = ue >= PER_HOST && ue.is_multiple_of(2);
        let at = if by_scscf { SCSCF } else { address(ue) };
        let identity = identity(ue);
        let (from, contact) = match by_scscf {
            true => ("sip:scscf.home1.net", "sip:scscf.home1.net".to_owned()),
            false => (&*identity, format!("sip:u{ue}@{at}")),
        };
        let text = format!(
            "REGISTER sip:home1.net SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <{from}>;tag={branch}\r\nTo: <{identity}>\r\nCall-ID: c{ue}\r\n\
             CSeq: {sequence} REGISTER\r\nContact: <{contact}>\r\nExpires: 3600\r\nUser-Agent: {}\r\n\
             Content-Length: 0\r\n\r\n",
            "x".repeat(400)
        );
        self.open.insert(branch, (ue, now, false));
        self.send(at, GATEWAY, text.as_bytes(), ports);
    }

    fn send_message(&mut self, now: Time, ue: usize, ports: &mut Ports) {
        let branch = self.serial();
        let (from, identity) = (address(ue), identity(ue));
        let mut body = vec![0, branch as u8, 0, 7, 0x91, 0x94, 0x17, 0x01, 0x67, 0x00, 0x00];
        let mut tpdu =
            vec![0x11, branch as u8, 0x0c, 0x91, 0x94, 0x71, 0x10, 0x32, 0x54, 0x76, 0, 4, 0xa7, 8];
        tpdu.extend(branch.to_be_bytes());
        body.push(tpdu.len() as u8);
        body.extend(tpdu);
        let head = format!(
            "MESSAGE sip:ipsmgw.home1.net SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <{identity}>;tag={branch}\r\nTo: <sip:ipsmgw.home1.net>\r\n\
             Call-ID: m{branch}\r\nCSeq: 1 MESSAGE\r\nContent-Type: application/vnd.3gpp.sms\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.open.insert(branch, (ue, now, true));
        self.submitted.insert(branch, (ue, now));
        self.send(from, GATEWAY, &[head.as_bytes(), &body].concat(), ports);
    }

    fn took(&mut self, kind: Kind, ue: usize, time: Duration) {
        let done = &mut self.ues[ue].done[kind as usize];
        *done += 1;
        self.durations.insert((kind, ue, *done), time);
    }

    fn on_response(&mut self, now: Time, text: &str) {
        let status: u16 = text[8..11].parse().expect("a status");
        if status < 200 {
            return;
        }
        let branch = header(text, "Via").and_then(|via| via.split_once("branch=z9hG4bK"));
        let branch = branch.and_then(|(_, rest)| rest.split(';').next()?.parse::<u64>().ok());
        let Some((ue, sent, is_message)) = branch.and_then(|branch| self.open.remove(&branch)) else {
            return self.complaints.push(format!("an answer to nothing: {text}"));
        };
        match (is_message, status, header(text, "Retry-After").map(str::parse::<u64>)) {
            (true, 202, _) => self.took(Kind::Accepted, ue, now.since(sent)),
            (false, 200, _) if self.ues[ue].is_registered => self.took(Kind::Refresh, ue, now.since(sent)),
            (false, 200, _) => self.ues[ue].is_registered = true,
            (false, 503, Some(Ok(seconds))) if !self.ues[ue].is_registered => {
                self.refused += 1;
                self.put(now + Duration::from_secs(seconds), Act::Register(ue));
            }
            _ => self.complaints.push(format!("UE {ue}: {text}")),
        }
    }

    fn on_request(&mut self, now: Time, to: SocketAddrV4, text: &str, ports: &mut Ports) {
        let mut answer = String::from("SIP/2.0 200 OK\r\n");
        for line in text.split("\r\n").skip(1) {
            match &*line.split(':').next().unwrap_or("").to_ascii_lowercase() {
                "via" | "from" | "call-id" | "cseq" => answer += &format!("{line}\r\n"),
                "to" => answer += &format!("{line};tag=ue\r\n"),
                _ => {}
            }
        }
        answer += "Content-Length: 0\r\n\r\n";
        self.send(to, GATEWAY, answer.as_bytes(), ports);
        let branch = header(text, "In-Reply-To").and_then(|it| it.strip_prefix('m')?.parse::<u64>().ok());
        match branch.and_then(|branch| self.submitted.remove(&branch)) {
            Some((ue, sent)) if address(ue) == to => self.took(Kind::Reported, ue, now.since(sent)),
            _ => self.complaints.push(format!("for {to}: {text}")),
        }
    }

    fn send(&mut self, from: SocketAddrV4, to: SocketAddrV4, text: &[u8], ports: &mut Ports) {
        let Some(gateway) = self.gateway else { return };
        let length = (8 + text.len()) as u16;
        self.identification = self.identification.wrapping_add(1);
        let mut ip = vec![0x45, 0];
        ip.extend((20 + length).to_be_bytes());
        ip.extend(self.identification.to_be_bytes());
        ip.extend([0x40, 0, 64, 17, 0, 0]);
        ip.extend(from.ip().octets());
        ip.extend(to.ip().octets());
        let sum = checksum(&ip);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        let udp = [from.port(), to.port(), length, 0].map(u16::to_be_bytes).concat();
        let frame = [&gateway[..], &ports.mac(PORT), &[8, 0], &ip, &udp, text].concat();
        ports.send(PORT, &frame);
    }

    fn on_frame(&mut self, now: Time, frame: &[u8], ports: &mut Ports) {
        let mac = ports.mac(PORT);
        match frame.get(12..14) {
            Some([8, 6]) if frame.len() >= 42 => {
                let octets = |at: usize| -> [u8; 4] { frame[at..at + 4].try_into().expect("four") };
                let (sender, target) = (Ipv4Addr::from(octets(28)), Ipv4Addr::from(octets(38)));
                let source: [u8; 6] = frame[22..28].try_into().expect("six");
                if sender == *GATEWAY.ip() {
                    self.gateway = Some(source);
                }
                if frame[21] == 1 && target != *GATEWAY.ip() {
                    ports.send(PORT, &arp(2, source, mac, target, source, sender));
                }
            }
            Some([8, 0]) if frame.len() >= 42 && frame[23] == 17 => {
                let ip = &frame[14..];
                let Some(ip) = ip.get(..usize::from(u16::from_be_bytes([ip[2], ip[3]]))) else { return };
                let to: [u8; 4] = ip[16..20].try_into().expect("four");
                let to = SocketAddrV4::new(to.into(), u16::from_be_bytes([ip[22], ip[23]]));
                let text = String::from_utf8_lossy(&ip[28..]).into_owned();
                let end = text.find("\r\n\r\n").unwrap_or(text.len());
                match text.starts_with("SIP/2.0 ") {
                    true => self.on_response(now, &text[..end]),
                    false => self.on_request(now, to, &text[..end], ports),
                }
            }
            _ => {}
        }
    }
}

fn arp(
    operation: u8,
    to: [u8; 6],
    mac: [u8; 6],
    sender: Ipv4Addr,
    target_mac: [u8; 6],
    target: Ipv4Addr,
) -> Vec<u8> {
    let mut frame = [&to[..], &mac, &[8, 6, 0, 1, 8, 0, 6, 4, 0, operation], &mac].concat();
    frame.extend(sender.octets());
    frame.extend(target_mac);
    frame.extend(target.octets());
    frame
}
