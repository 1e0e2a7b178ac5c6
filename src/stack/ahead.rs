//! Whom a frame is probably about, told without reading it as its protocols do: so that what is known of all subscribers of a
//! burst can be on its way from the memory before the first of them is looked up.

use crate::ident::Imsi;
use crate::proto::link::Outline;
use crate::proto::map;
use crate::proto::sip;
use core::net::SocketAddr;

/// Whom a frame is probably about. It may be wrong: nothing may follow from it but what is fetched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hint<'a> {
    /// The subscriber with this public identity, whom a core asserts or a REGISTER names.
    Identity(&'a [u8]),
    /// The subscriber whose UE sends from here.
    Address(SocketAddr),
    /// The subscriber with this IMSI, for whom a message comes.
    Imsi(Imsi),
}

/// Tells the hints to all kinds of requests apart.
pub(super) struct Ahead {
    sip: sip::Hinter,
    map: map::Hinter,
}

impl Ahead {
    pub(super) fn new() -> Self {
        Self { sip: sip::Hinter::new(), map: map::Hinter::new() }
    }

    /// Offers `tell` whom a frame is probably about.
    pub(super) fn hints<'a>(&self, frame: &'a [u8], tell: &mut dyn FnMut(Hint<'a>)) {
        match Outline::of(frame) {
            Some(Outline::Udp(source, text)) if sip::Hinter::is_request(text) => {
                tell(self.sip.identity(text).map_or(Hint::Address(source), Hint::Identity));
            }
            Some(Outline::Sctp(packet)) => {
                self.map.recipients(packet).for_each(|imsi| tell(Hint::Imsi(imsi)))
            }
            _ => {}
        }
    }
}

impl super::Stack {
    /// Offers `tell` whom a received frame is probably about, as far as a glance at it shows; nothing changes.
    pub fn hints<'a>(&self, frame: &'a [u8], tell: &mut dyn FnMut(Hint<'a>)) {
        self.ahead.hints(frame, tell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Prepend;
    use crate::codec::mutated::mutated;
    use crate::proto::map::{AddressString, MtForwardSm, SmRpDa, SmRpOa};

    const ETHERNET: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x99];
    const ASSERTED: &str = "MESSAGE sip:gw.home1.net SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\n\
        P-Asserted-Identity: \"A. User\" <sip:+49170@home1.net>, <tel:+49170>\r\nTo: <sip:gw.home1.net>\r\n\r\nbody";
    const REGISTER: &str = "REGISTER sip:gw.home1.net SIP/2.0\r\nFrom: <sip:scscf.home1.net>;tag=1\r\n\
        To: <sip:user@home1.net>\r\nP-Asserted-Identity: <sip:scscf.home1.net>\r\n\r\n";

    fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let header = [0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 9, 9, 9, 10, 0, 0, 1];
        [&ETHERNET[..], &[8, 0], &header, payload].concat()
    }

    fn v6_with_tag(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let source = "2001:db8::9".parse::<core::net::Ipv6Addr>().unwrap().octets();
        let header = [&[0x60, 0, 0, 0, 0, 0, protocol, 64][..], &source, &[0; 16]].concat();
        [&ETHERNET[..], &[0x81, 0, 0, 7, 0x86, 0xdd], &header, payload].concat()
    }

    fn udp(text: &str) -> Vec<u8> {
        [&[0x13, 0xc4, 0x13, 0xc4, 0, 0, 0, 0], text.as_bytes()].concat()
    }

    fn packet(imsis: &[&str]) -> Vec<u8> {
        let centre = AddressString::international("49171076".parse().unwrap());
        let mut packet = vec![0; 90];
        for imsi in imsis {
            let (mut room, imsi) = ([0; 200], SmRpDa::Imsi(imsi.parse().unwrap()));
            let mut w = Prepend::new(&mut room);
            MtForwardSm::new(imsi, SmRpOa::ServiceCentre(centre), &[4, 5, 6]).write(&mut w);
            packet.extend_from_slice(w.finish().unwrap());
            packet.extend_from_slice(&[0; 30]);
        }
        packet
    }

    fn told(frame: &[u8]) -> Vec<Hint<'_>> {
        let mut told = vec![];
        Ahead::new().hints(frame, &mut |hint| told.push(hint));
        told
    }

    #[test]
    fn requests_show_whom_the_core_asserts_whom_they_register_or_where_they_come_from() {
        for (frame, source) in
            [(v4 as fn(u8, &[u8]) -> Vec<u8>, "10.9.9.9:5060"), (v6_with_tag, "[2001:db8::9]:5060")]
        {
            assert_eq!(told(&frame(17, &udp(ASSERTED))), [Hint::Identity(b"sip:+49170@home1.net")]);
            assert_eq!(told(&frame(17, &udp(REGISTER))), [Hint::Identity(b"sip:user@home1.net")]);
            let of_ue = ASSERTED.replace("P-Asserted-Identity", "P-Preferred-Identity");
            assert_eq!(told(&frame(17, &udp(&of_ue))), [Hint::Address(source.parse().unwrap())]);
            let bare = REGISTER.replace("<sip:user@home1.net>", "sip:user@home1.net");
            assert_eq!(told(&frame(17, &udp(&bare))), [Hint::Address(source.parse().unwrap())]);
            for nobody in
                ["SIP/2.0 200 OK\r\nTo: <sip:a@b>\r\n\r\n", "NOTIFY sip:a SIP/2.0\r\n\r\n", "\r\n\r\n", ""]
            {
                assert_eq!(told(&frame(17, &udp(nobody))), [], "{nobody}");
            }
        }
    }

    #[test]
    fn packets_show_for_whom_their_messages_are() {
        let [one, two] = ["262011234567890", "262010000000007"].map(|imsi| imsi.parse().unwrap());
        let packet = packet(&["262011234567890", "262010000000007"]);
        assert_eq!(told(&v4(132, &packet)), [Hint::Imsi(one), Hint::Imsi(two)]);
        assert_eq!(told(&v6_with_tag(132, &packet)), [Hint::Imsi(one), Hint::Imsi(two)]);
        assert_eq!(told(&v4(6, &packet)), []);
    }

    #[test]
    fn parts_of_packets_and_options_show_nothing() {
        let whole = v4(17, &udp(ASSERTED));
        for (at, octet) in [(14, 0x46), (20, 0x20), (21, 1), (12, 9)] {
            let mut frame = whole.clone();
            frame[at] = octet;
            assert_eq!(told(&frame), [], "octet {at}");
        }
    }

    #[test]
    fn whatever_comes_is_looked_at_no_further_than_it_goes() {
        let ahead = Ahead::new();
        for frame in [v4(17, &udp(ASSERTED)), v6_with_tag(132, &packet(&["262011234567890"]))] {
            mutated(&frame, 1, &mut |frame| ahead.hints(frame, &mut |_| {}));
        }
    }
}
