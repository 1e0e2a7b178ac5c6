//! Everybody who speaks SIP with the gateway, behind one port: UEs at addresses of their own, and an S-CSCF. Frames,
//! transactions and messages are written by hand, so that other code than the gateway's judges it.

use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;
use std::collections::BTreeMap;

use ipsmgw::base::{PortId, Time};
use ipsmgw::sim::Ports;

use crate::notifier::{How, Notifier};

pub(crate) const GATEWAY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 5060);
pub(crate) const SCSCF: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 5060);
const PORT: PortId = PortId(0);
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// How long a datagram is on its way at the most.
const WAY: Duration = Duration::from_millis(100);
/// Timer F.
const LIFE: Duration = Duration::from_secs(32);

/// What a UE does with what comes to its address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Presence {
    /// It answers, and reports.
    There,
    /// Nobody answers.
    Gone,
    /// Its host says that nobody listens.
    Closed,
}

/// A client transaction.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) from: SocketAddrV4,
    text: Vec<u8>,
    /// When the first transmission is due, or the next.
    next: Time,
    interval: Duration,
    pub(crate) ends: Time,
    /// How often it was sent.
    pub(crate) sent: u32,
    /// The final answer's status.
    pub(crate) status: Option<u16>,
    pub(crate) answered: Time,
    /// A REGISTER's; a MESSAGE has no more to tell.
    pub(crate) is_register: bool,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Phones {
    gateway: Option<[u8; 6]>,
    asked: Time,
    identification: u16,
    serial: u64,
    /// By branch.
    pub(crate) transactions: BTreeMap<u64, Transaction>,
    /// What is sent once more, from where and when.
    again: Vec<(Time, SocketAddrV4, Vec<u8>)>,
    pub(crate) presence: BTreeMap<SocketAddrV4, Presence>,
    /// Whether what is sent later may arrive sooner.
    pub(crate) overtaking: bool,
    /// Whom something was sent to that did not answer.
    pub(crate) missed: Vec<(Time, SocketAddrV4)>,
    /// What the gateway did that it may not.
    pub(crate) complaints: Vec<String>,
    /// UEs told that their registration has ended.
    pub(crate) informed: u64,
    /// Messages that arrived.
    pub(crate) delivered: u64,
    /// What the S-CSCF tells of its users.
    pub(crate) notifier: Notifier,
}

fn checksum(octets: &[u8]) -> u16 {
    let mut sum: u32 = octets
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The value of a header of this name, the first.
pub(crate) fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split("\r\n").skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

impl Phones {
    pub(crate) fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Sends a request, whose branch is `z9hG4bK` and the number, at `at` and until it is answered.
    pub(crate) fn request(
        &mut self,
        at: Time,
        branch: u64,
        from: SocketAddrV4,
        text: Vec<u8>,
        is_register: bool,
    ) {
        let transaction = Transaction {
            from,
            text,
            next: at,
            interval: T1,
            ends: at + LIFE,
            sent: 0,
            status: None,
            answered: Time::NEVER,
            is_register,
        };
        self.transactions.insert(branch, transaction);
    }

    /// The network repeats a request much later.
    pub(crate) fn repeat(&mut self, at: Time, branch: u64) {
        if let Some(transaction) = self.transactions.get(&branch) {
            self.again.push((at, transaction.from, transaction.text.clone()));
        }
    }

    /// A transaction that has no final answer yet, nor given up.
    pub(crate) fn is_open(&self, now: Time, branch: u64) -> bool {
        self.transactions.get(&branch).is_some_and(|it| it.status.is_none() && it.ends > now)
    }

    /// A turn: with a frame, or because time has come.
    pub(crate) fn turn(&mut self, now: Time, frame: Option<&[u8]>, ports: &mut Ports) {
        if let Some(frame) = frame {
            self.on_frame(now, frame, ports);
        }
        if self.gateway.is_none() {
            if now >= self.asked + Duration::from_millis(100) || self.asked == Time::ZERO {
                self.asked = now;
                let mac = ports.mac(PORT);
                ports.send(PORT, &arp(1, [0xff; 6], mac, *SCSCF.ip(), [0; 6], *GATEWAY.ip()));
            }
            ports.wake_at(self.asked + Duration::from_millis(100));
            return;
        }
        let mut due = vec![];
        for transaction in self.transactions.values_mut().filter(|it| it.status.is_none()) {
            if transaction.next <= now && now < transaction.ends {
                due.push((transaction.from, transaction.text.clone()));
                transaction.next = now + transaction.interval;
                transaction.sent += 1;
                transaction.interval = (transaction.interval * 2).min(T2);
            }
            if now < transaction.ends {
                ports.wake_at(transaction.next);
            }
        }
        self.again.retain(|(at, from, text)| {
            if *at > now {
                ports.wake_at(*at);
                return true;
            }
            due.push((*from, text.clone()));
            false
        });
        for (from, text) in due {
            self.send(from, GATEWAY, &text, ports);
        }
    }

    fn send(&mut self, from: SocketAddrV4, to: SocketAddrV4, text: &[u8], ports: &mut Ports) {
        let length = (8 + text.len()) as u16;
        let datagram =
            [&from.port().to_be_bytes()[..], &to.port().to_be_bytes(), &length.to_be_bytes(), &[0, 0], text]
                .concat();
        self.send_ip(*from.ip(), *to.ip(), 17, &datagram, ports);
    }

    fn send_ip(&mut self, from: Ipv4Addr, to: Ipv4Addr, protocol: u8, payload: &[u8], ports: &mut Ports) {
        let Some(gateway) = self.gateway else { return };
        self.identification = self.identification.wrapping_add(1);
        let length = (20 + payload.len()) as u16;
        let [high, low] = self.identification.to_be_bytes();
        let mut ip = vec![0x45, 0, (length >> 8) as u8, length as u8, high, low, 0x40, 0, 64, protocol, 0, 0];
        ip.extend(from.octets());
        ip.extend(to.octets());
        let sum = checksum(&ip);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        let frame = [&gateway[..], &ports.mac(PORT), &[8, 0], &ip, payload].concat();
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
                let length = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
                let Some(ip) = ip.get(..length) else { return };
                let to: [u8; 4] = ip[16..20].try_into().expect("four");
                let port = u16::from_be_bytes([ip[22], ip[23]]);
                let to = SocketAddrV4::new(to.into(), port);
                let text = ip[28..].to_vec();
                if text.starts_with(b"SIP/2.0 ") {
                    self.on_response(now, &String::from_utf8_lossy(&text));
                } else {
                    self.on_request(now, to, &text, ip, ports);
                }
            }
            _ => {}
        }
    }

    fn on_response(&mut self, now: Time, text: &str) {
        let status: u16 = text[8..11].parse().expect("a status");
        let branch = header(text, "Via").and_then(|via| via.split_once("branch=z9hG4bK"));
        let branch = branch.and_then(|(_, rest)| rest.split(';').next()?.parse::<u64>().ok());
        let Some(transaction) = branch.and_then(|branch| self.transactions.get_mut(&branch)) else {
            self.complaints.push(format!("an answer to nothing: {text}"));
            return;
        };
        if status < 200 {
            return;
        }
        match transaction.status {
            None => {
                transaction.status = Some(status);
                transaction.answered = now;
            }
            // Who is not known yet is asked again when he repeats what was refused: nothing is kept of strangers.
            Some(before @ 200) if before != status && transaction.is_register => {
                // A refusal may arrive behind the 200 that his repetition got.
                let overtaken = self.overtaking && transaction.sent > 1 && now < transaction.answered + WAY;
                // Past the server's timer J, no sooner, the same octets are another request (RFC 3261 17.2.2).
                if now < transaction.ends && !overtaken {
                    self.complaints.push(format!("{before} and then {status} to one REGISTER"));
                }
            }
            Some(_) => {}
        }
    }

    fn on_request(&mut self, now: Time, to: SocketAddrV4, text: &[u8], packet: &[u8], ports: &mut Ports) {
        let presence = match to == SCSCF {
            true => Presence::There,
            false => self.presence.get(&to).copied().unwrap_or(Presence::Closed),
        };
        if presence != Presence::There {
            self.missed.push((now, to));
        }
        match presence {
            Presence::There => {}
            Presence::Gone => return,
            Presence::Closed => {
                let mut icmp = vec![3, 3, 0, 0, 0, 0, 0, 0];
                icmp.extend_from_slice(&packet[..packet.len().min(548)]);
                let sum = checksum(&icmp);
                icmp[2..4].copy_from_slice(&sum.to_be_bytes());
                return self.send_ip(*to.ip(), *GATEWAY.ip(), 1, &icmp, ports);
            }
        }
        let end = text.windows(4).position(|four| four == b"\r\n\r\n").expect("an end of the headers");
        let head = String::from_utf8_lossy(&text[..end]).into_owned();
        let body = &text[end + 4..];
        let is_subscribe = head.starts_with("SUBSCRIBE ");
        let mut answer = String::from("SIP/2.0 200 OK\r\n");
        if is_subscribe {
            let serial = self.serial();
            let (extra, whose) = self.notifier.subscribed(&head, serial);
            answer += &extra;
            if let Some(identity) = whose {
                self.notify(now, &identity, How::Full);
                ports.wake_at(now);
            }
        }
        for line in head.split("\r\n").skip(1) {
            let name = line.split(':').next().unwrap_or("").to_ascii_lowercase();
            match &*name {
                "via" | "from" | "call-id" | "cseq" => answer += &format!("{line}\r\n"),
                "to" if !is_subscribe => answer += &format!("{line};tag=ue\r\n"),
                _ => {}
            }
        }
        answer += "Content-Length: 0\r\n\r\n";
        self.send(to, GATEWAY, answer.as_bytes(), ports);
        if header(&head, "Content-Type").is_some_and(|it| it.starts_with("application/reginfo")) {
            self.informed += 1;
        } else if let [1, reference, ..] = *body {
            self.report(now, to, &head, reference, ports);
        }
    }

    /// A UE reports that it has the message; again for each that it gets, whatever it had before.
    fn report(&mut self, now: Time, to: SocketAddrV4, head: &str, reference: u8, ports: &mut Ports) {
        self.delivered += 1;
        let identity = match to == SCSCF {
            true => head.split(' ').nth(1).unwrap_or("").to_owned(),
            false => format!("sip:ue@{to}"),
        };
        let call_id = header(head, "Call-ID").unwrap_or("").to_owned();
        let branch = self.serial();
        let text = message(branch, to, &identity, Some(&call_id), &[2, reference]);
        self.request(now, branch, to, text, false);
        ports.wake_at(now);
    }

    /// The S-CSCF tells of somebody's contact, if it was asked to.
    pub(crate) fn notify(&mut self, now: Time, identity: &str, how: How) {
        let branch = self.serial();
        if let Some(text) = self.notifier.notify(identity, branch, how) {
            self.request(now, branch, SCSCF, text, false);
        }
    }

    /// A UE submits a message.
    pub(crate) fn submit(&mut self, now: Time, from: SocketAddrV4, identity: &str) {
        let branch = self.serial();
        let mut body = vec![0, branch as u8, 0, 7, 0x91, 0x94, 0x17, 0x01, 0x67, 0x00, 0x00];
        let tpdu = [0x11, branch as u8, 0x0c, 0x91, 0x94, 0x71, 0x10, 0x32, 0x54, 0x76, 0, 4, 0xa7, 1, 65];
        body.push(tpdu.len() as u8);
        body.extend(tpdu);
        let text = message(branch, from, identity, None, &body);
        self.request(now, branch, from, text, false);
    }
}

/// A MESSAGE with an SM-RP message.
fn message(
    branch: u64,
    from: SocketAddrV4,
    identity: &str,
    in_reply_to: Option<&str>,
    body: &[u8],
) -> Vec<u8> {
    let in_reply_to = in_reply_to.map_or(String::new(), |id| format!("In-Reply-To: {id}\r\n"));
    let head = format!(
        "MESSAGE sip:ipsmgw.home1.net SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{branch};rport\r\n\
         Max-Forwards: 70\r\nFrom: <{identity}>;tag={branch}\r\nTo: <sip:ipsmgw.home1.net>\r\n\
         Call-ID: m{branch}@{from}\r\nCSeq: 1 MESSAGE\r\nP-Asserted-Identity: <{identity}>\r\n{in_reply_to}\
         Content-Type: application/vnd.3gpp.sms\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
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
