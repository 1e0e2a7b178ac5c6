//! The IMS side of one worker between datagrams in and datagrams out; the tests stand in the folder `tests`, by subject.

use core::net::SocketAddr;
use core::time::Duration;

use super::*;
use crate::proto::rp;
use crate::stack::{Answer, InformRequest, MessageRequest, PublishRequest, Register, Rp};

mod answers;
mod flows;
mod registers;
mod requests;

/// Our addresses, an S-CSCF, and UEs that the stack does not know.
const LOCAL: &str = "192.0.2.1:5060";
const LOCAL_V6: &str = "[2001:db8::1]:5060";
const SCSCF: &str = "192.0.2.10:5060";
const UE: &str = "198.51.100.7:40000";
const UE_V6: &str = "[2001:db8:7::7]:40000";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A message with the line ends of SIP from lines that may be indented; one that begins with `|` continues the header
/// above it.
fn text(lines: &str) -> Vec<u8> {
    let lines: Vec<String> = lines.trim().lines().map(|line| line.trim().replacen('|', " ", 1)).collect();
    (lines.join("\r\n") + "\r\n\r\n").into_bytes()
}

/// Keeps what was sent.
#[derive(Default)]
struct Sent {
    room: Vec<u8>,
    full: bool,
    datagrams: Vec<(String, Flow)>,
}

impl Out for Sent {
    fn room(&mut self) -> Option<&mut [u8]> {
        self.room.resize(1480, 0xaa);
        (!self.full).then_some(&mut self.room[..])
    }

    fn commit(&mut self, len: usize, flow: Flow) {
        self.datagrams.push((self.room[..len].iter().map(|&octet| char::from(octet)).collect(), flow));
    }
}

/// One worker's IMS side.
struct Bench {
    ims: Ims,
    sent: Sent,
    now: Time,
    malformed: MalformedCounts,
}

impl Bench {
    fn new() -> Self {
        Self::of_worker(0, 1, 4)
    }

    fn of_worker(worker: u8, workers: u8, pending_requests: usize) -> Self {
        let config = ImsConfig {
            worker: WorkerId(worker),
            workers,
            side: Side::Network,
            listen: vec![address(LOCAL), address(LOCAL_V6)],
            trusted: vec![address(SCSCF).ip()],
            host: "gw.example".into(),
            registration_max: 7200,
            retry_after: 5,
            timers: sip::Timers::RFC_3261,
            limits: sip::Limits::DEFAULT,
            client_transactions: 8,
            pending_requests,
            server_transactions: 16,
        };
        let ims = Ims::new(config, &SipKey::new([3; 16]));
        Self { ims, sent: Sent::default(), now: Time::ZERO, malformed: MalformedCounts::default() }
    }

    /// A datagram from `source` to the address of ours that is of its family.
    fn input<T>(&mut self, source: &str, payload: &[u8], see: impl FnOnce(&mut Self, Next<'_>) -> T) -> T {
        let source = address(source);
        let local = address(if source.is_ipv4() { LOCAL } else { LOCAL_V6 });
        let datagram = Datagram {
            source: source.ip(),
            destination: local.ip(),
            source_port: source.port(),
            destination_port: local.port(),
            payload,
        };
        let (mut slots, mut embedded) = (Slots::new(), Slots::new());
        let Self { ims, sent, now, malformed } = self;
        let next = ims.handle_input(*now, &datagram, &mut slots, &mut embedded, malformed, sent);
        ims.assert_invariants();
        see(self, next)
    }

    /// A datagram that brings no indication.
    fn absorbed(&mut self, source: &str, payload: &[u8]) {
        self.input(source, payload, |_, next| assert!(matches!(next, Next::Done)));
    }

    fn register<T>(
        &mut self,
        source: &str,
        payload: &[u8],
        see: impl FnOnce(&mut Self, &Register<'_>) -> T,
    ) -> T {
        self.input(source, payload, |bench, next| match next {
            Next::Indication(Indication::Register(register)) => see(bench, &register),
            _ => panic!("no REGISTER"),
        })
    }

    /// A REGISTER, put off.
    fn deferred(&mut self, source: &str, payload: &[u8]) -> Deferred {
        let now = self.now;
        self.register(source, payload, |bench, register| {
            bench.ims.defer(now, &register.request).expect("room for it")
        })
    }

    fn answer_deferred(&mut self, request: Deferred, status: u16, answer: &Answer<'_>) {
        self.ims.answer_deferred(self.now, request, status, answer, &mut self.sent);
        self.ims.assert_invariants();
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.ims.handle_timeout(self.now, &mut self.sent);
        self.ims.assert_invariants();
    }

    /// What was sent since the last look.
    fn taken(&mut self) -> Vec<(String, Flow)> {
        core::mem::take(&mut self.sent.datagrams)
    }

    /// The only datagram since the last look.
    fn one(&mut self) -> (String, Flow) {
        let mut sent = self.taken();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    fn withheld(&self) -> u64 {
        self.ims.servers.counts.reply_withheld
    }
}

/// The first REGISTER of a UE with direct access, behind a NAT; `branch` ends its branch.
fn ue_register(branch: &str) -> Vec<u8> {
    text(&format!(
        r#"
        REGISTER sip:ims.mnc015.mcc234.3gppnetwork.org SIP/2.0
        Via: SIP/2.0/UDP 10.1.2.3:5070;branch=z9hG4bK{branch};rport
        Max-Forwards: 70
        From: <sip:234150999999999@ims.mnc015.mcc234.3gppnetwork.org>;tag=4fa3
        To: <sip:234150999999999@ims.mnc015.mcc234.3gppnetwork.org>
        Contact: <sip:234150999999999@10.1.2.3:5070;ob>;+sip.instance="<urn:gsma:imei:90420156-025763-0>";q=0.7;expires=1800
        Call-ID: apb03a0s09dkjdfglkj49111
        CSeq: 1 REGISTER
        Expires: 600000
        Authorization: Digest username="234150999999999@ims.mnc015.mcc234.3gppnetwork.org", realm="ims.mnc015.mcc234.3gppnetwork.org", nonce="", uri="sip:ims.mnc015.mcc234.3gppnetwork.org", response=""
        Supported: path, outbound
        Content-Length: 0
        "#,
    ))
}

#[test]
fn a_submit_report_of_our_own_has_a_failure_cause_and_the_time() {
    // 22 November 2021, 11:34:56, UTC.
    let octets = submit_report(0xc0, 1_637_580_896);
    assert_eq!(octets, [0x01, 0xc0, 0x00, 0x12, 0x11, 0x22, 0x11, 0x43, 0x65, 0x00]);
}
