//! Messages and an output for the tests of this folder; the tests stand in the folder `tests`, by subject.

use super::*;
use crate::base::{Flow, HEADROOM, Out, SipKey, Time, Transport};
use crate::ident::WorkerId;
use core::net::SocketAddr;
use core::time::Duration;

mod build;
mod framing;
mod fuzz;
mod grammar;
mod rfc;
mod torture;
mod transactions;
mod usual;
mod values;

/// A message with the line ends of SIP from text with those of this file, whose lines may be indented.
fn text(lines: &str) -> Vec<u8> {
    let lines: Vec<&str> = lines.trim().lines().map(str::trim).collect();
    (lines.join("\r\n") + "\r\n\r\n").into_bytes()
}

/// The submission of a short message as the gateway gets it from an S-CSCF (TS 24.341 B.5).
fn mo_message() -> Vec<u8> {
    let mut message = text(
        r#"
        MESSAGE sip:sc.home1.net SIP/2.0
        Via: SIP/2.0/UDP scscf1.home1.net:5060;branch=z9hG4bK344a65.1
        Via: SIP/2.0/UDP pcscf1.visited1.net:5060;branch=z9hG4bK240f34.1, SIP/2.0/UDP [5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp;branch=z9hG4bKnashds7
        Max-Forwards: 68
        Route: <sip:ipsmgw.home1.net:5060;lr>, <sip:cb03a0s09a2sdfglkj490333@scscf1.home1.net;lr>
        P-Asserted-Identity: "Dupont, Jean" <sip:+4917012345670@home1.net>, <tel:+4917012345670>
        P-Access-Network-Info: 3GPP-UTRAN-TDD; utran-cell-id-3gpp=234151D0FCE11
        P-Visited-Network-ID: "Visited network number 1"
        P-Charging-Vector: icid-value="AyretyU0dm+6O2IrT5tAFrbHLso=023551024"; orig-ioi=home1.net
        From: <sip:+4917012345670@home1.net>;tag=171828
        To: <tel:+49172000001;phone-context=x>
        Call-ID: cb03a0s09a2sdfglkj490333
        CSeq: 666 MESSAGE
        Content-Type: application/vnd.3gpp.sms
        Content-Length: 48
        "#,
    );
    message.extend(binary_body());
    message
}

/// 48 octets with NUL, CR, LF, octets above 0x7f and an end of headers among them.
fn binary_body() -> Vec<u8> {
    let mut body: Vec<u8> = (0..44u8).map(|at| at.wrapping_mul(61)).collect();
    body.splice(10..10, *b"\r\n\r\n");
    body
}

/// A third-party registration (TS 24.341 B.3).
fn third_party_register() -> Vec<u8> {
    text(
        "
        REGISTER sip:ipsmgw.home1.net SIP/2.0
        Via: SIP/2.0/UDP scscf1.home1.net;branch=z9hG4bK499ffhy
        Max-Forwards: 70
        From: <sip:scscf1.home1.net>;tag=538ya
        To: <sip:user1_public1@home1.net>
        Contact: <sip:scscf1.home1.net>
        Expires: 600000
        P-Charging-Vector: icid-value=\"AyretyU0dm+6O2IrT5tAFrbHLso=023551024\"
        Call-ID: 1asdaddlrfjflslj40a222
        CSeq: 87 REGISTER
        Content-Length: 0
        ",
    )
}

fn parse<R>(bytes: &[u8], look: impl FnOnce(Message<'_>) -> R) -> R {
    let mut slots = Slots::new();
    look(Message::parse(bytes, &mut slots).unwrap())
}

fn why(bytes: &[u8]) -> Option<&'static str> {
    Message::parse(bytes, &mut Slots::new()).err().map(|malformed| WHY[usize::from(malformed.why)])
}

fn source() -> SocketAddr {
    "192.0.2.7:5091".parse().unwrap()
}

fn local() -> SocketAddr {
    "192.0.2.1:5060".parse().unwrap()
}

/// Of a request whose source is known.
fn origin() -> Origin {
    Origin { source: source(), local: local(), octets: 0, known: true, connection: None }
}

fn flow() -> Flow {
    Flow {
        source: local().ip(),
        destination: source().ip(),
        transport: Transport::Udp { source_port: 5060, destination_port: 5060 },
    }
}

fn minter() -> Minter {
    Minter::new(SipKey::new([9; 16]))
}

/// Keeps what was sent.
#[derive(Default)]
struct Sent {
    room: Vec<u8>,
    full: bool,
    datagrams: Vec<(Vec<u8>, Flow)>,
}

impl Out for Sent {
    fn room(&mut self) -> Option<&mut [u8]> {
        self.room.resize(1472, 0xaa);
        (!self.full).then_some(&mut self.room[..])
    }

    fn commit(&mut self, len: usize, flow: Flow) {
        self.datagrams.push((self.room[..len].to_vec(), flow));
    }
}

fn ms(millis: u64) -> Time {
    Time::from_millis(millis)
}

/// What an LCG gives, below a limit.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % limit
    }
}
