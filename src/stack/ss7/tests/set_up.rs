//! An association whose first message comes in the packet that sets it up.

use super::*;
use crate::base::{Flow, Out, Time};
use crate::ident::PointCode;
use crate::proto::sctp::{Cursor, PacketWriter};
use core::net::IpAddr;

const OURS: [u8; 4] = [10, 7, 0, 1];
const PEERS: [u8; 4] = [10, 7, 0, 2];
const INIT: u8 = 1;
const DATA: u8 = 0;
const COOKIE_ECHO: u8 = 10;

/// Keeps the packets.
struct Packets(Vec<u8>, Vec<Vec<u8>>);

impl Out for Packets {
    fn room(&mut self) -> Option<&mut [u8]> {
        Some(&mut self.0)
    }

    fn commit(&mut self, len: usize, _: Flow) {
        self.1.push(self.0[..len].to_vec());
    }
}

/// What is sent in answer to a packet of the peer's with `tag` and the chunks of `write`.
fn exchange(transport: &mut Transport, tag: u32, write: impl FnOnce(&mut PacketWriter<'_>)) -> Vec<Vec<u8>> {
    let (mut room, mut out) = ([0; 1480], Packets(vec![0; 1480], vec![]));
    let mut writer = PacketWriter::new(&mut room, 1480, (2905, 2905), tag);
    write(&mut writer);
    let length = writer.finish().unwrap();
    let (between, mut cursor) = ((IpAddr::from(PEERS), IpAddr::from(OURS)), Cursor::new());
    let refused = &mut |why: Malformed| panic!("{why:?}");
    while transport.next(Time::ZERO, between, &room[..length], &mut cursor, refused, &mut out).is_some() {}
    transport.settle(Time::ZERO, &mut Sent::default());
    transport.endpoint.flush(Time::ZERO, &mut out);
    out.1
}

#[test]
fn data_that_comes_with_the_cookie_is_not_lost() {
    let setup = AssociationSetup {
        name: "a".to_owned(),
        owner: WorkerId(0),
        gateway: None,
        sctp: sctp::AssociationConfig::new(sctp::Role::Server, OURS.into(), PEERS.into()),
        m3ua: AspConfig::new(Role::IpspServer, vec![1]),
    };
    let random = SipKey::new([2; 16]);
    let mut transport = Transport::new(WorkerId(0), PointCode(1), 2, vec![setup], vec![], [1; 32], random);
    transport.handle_timeout(Time::ZERO, &mut Packets(vec![0; 1480], vec![]));
    let acknowledged = exchange(&mut transport, 0, |w| {
        w.chunk(INIT, 0, |w| w.bytes(&hex("00000007 00010000 0010 0010 00000064")));
    });
    let [init_ack] = &acknowledged[..] else { panic!("{acknowledged:?}") };
    let tag = u32::from_be_bytes(init_ack[16..20].try_into().unwrap());
    // The parameters of the INIT ACK stand behind 12 octets of header and 20 of the chunk; 7 is the cookie.
    let (mut at, mut cookie) = (32, None);
    while at < init_ack.len() {
        let length = usize::from(u16::from_be_bytes([init_ack[at + 2], init_ack[at + 3]]));
        if init_ack[at..at + 2] == [0, 7] {
            cookie = Some(&init_ack[at + 4..at + length]);
        }
        at += length.next_multiple_of(4);
    }
    let cookie = cookie.expect("a cookie");
    let aspup = hex("01000301 00000008");
    let answers = exchange(&mut transport, tag, |w| {
        w.chunk(COOKIE_ECHO, 0, |w| w.bytes(cookie));
        // TSN 100, stream 0, first message; payload protocol 3 is M3UA.
        w.chunk(DATA, 3, |w| {
            w.bytes(&hex("00000064 0000 0000 00000003"));
            w.bytes(&aspup);
        });
    });
    let aspup_ack = hex("01000304 00000008");
    let answered = answers.iter().any(|packet| packet.windows(8).any(|octets| octets == aspup_ack));
    assert!(answered, "no ASPUP ACK in {answers:02x?}");
}
