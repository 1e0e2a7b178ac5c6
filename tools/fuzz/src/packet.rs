//! One packet: what its octets parse into, and what an endpoint without association says to it.

use crate::base::{SipKey, Time};
use crate::bench::{Wire, address, configuration};
use crate::octets::Octets;
use crate::proto::sctp::view::{Chunks, Data, Init, Packet, Sack, Tlvs, checksum, chunk};
use crate::proto::sctp::{Cursor, Endpoint, Role};
use crate::work;
use std::cell::RefCell;
use std::net::IpAddr;
use std::time::Duration;

/// Edges that a packet may cost, and those that each of its octets may.
const WORK: (u64, u64) = (30_000, 250);

/// An endpoint without association, of each family; it serves again until a packet sets one up.
struct Idle {
    endpoint: Endpoint,
    wire: Wire,
    cursor: Cursor,
    now: Time,
}

thread_local! {
    static IDLE: RefCell<[Option<Idle>; 2]> = const { RefCell::new([None, None]) };
}

impl Idle {
    fn new(ipv6: bool) -> Self {
        let configs = vec![configuration(Role::Server, ipv6)];
        let endpoint = Endpoint::new(configs, [1; 32], SipKey::new([2; 16]));
        Self { endpoint, wire: Wire::default(), cursor: Cursor::new(), now: Time::from_millis(1000) }
    }

    /// Gives it the packet; whether it is as before.
    fn serve(&mut self, source: IpAddr, destination: IpAddr, packet: &[u8]) -> bool {
        let Self { endpoint, wire, cursor, now } = self;
        // Its allowance of answers never runs out.
        *now += Duration::from_millis(10);
        cursor.reset();
        let (event, work) = work::of(|| {
            let event = endpoint.input(*now, source, destination, packet, cursor, wire).is_some();
            endpoint.flush(*now, wire);
            event
        });
        assert!(work <= limit(packet), "{work} edges for {} octets", packet.len());
        endpoint.assert_invariants();
        // Without a cookie's MAC anybody may set up an association, and send in the same packet.
        assert!(!event || packet.get(12) == Some(&chunk::COOKIE_ECHO));
        let answers = wire.take();
        assert!(answers.len() <= 2 + packet.len() / 4);
        if endpoint.counts.associations_up > 0 {
            return false;
        }
        assert!(answers.len() <= 1, "who has no association gets one answer at most");
        if let [(flow, answer)] = answers.as_slice() {
            assert_eq!((flow.source, flow.destination), (destination, source));
            // Each parameter that an INIT ACK reports has a header of its own around it.
            assert!(answer.len() <= 2 * packet.len() + 300, "{} octets answer {}", answer.len(), packet.len());
        }
        true
    }
}

fn limit(packet: &[u8]) -> u64 {
    WORK.0 + WORK.1 * packet.len() as u64
}

pub fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let options = octets.u8();
    let mut packet = octets.0.to_vec();
    // Ports and checksum that are right let it further in.
    if options & 2 != 0 && packet.len() >= 4 {
        packet[..4].copy_from_slice(&[0x0b, 0x59, 0x0b, 0x59]);
    }
    if options & 1 != 0 && packet.len() >= 12 {
        let sum = checksum(&packet).to_le_bytes();
        packet[8..12].copy_from_slice(&sum);
    }
    let (_, parsing) = work::of(|| parse(&packet));
    assert!(parsing <= limit(&packet), "{parsing} edges to parse {} octets", packet.len());
    let ipv6 = options & 4 != 0;
    let (source, destination) = (address(1, options >> 3 & 1, ipv6), address(0, options >> 4 & 1, ipv6));
    IDLE.with_borrow_mut(|idle| {
        let idle = &mut idle[usize::from(ipv6)];
        if !idle.get_or_insert_with(|| Idle::new(ipv6)).serve(source, destination, &packet) {
            *idle = None;
        }
    });
}

/// Looks at all that a packet may have.
fn parse(octets: &[u8]) {
    let Ok(packet) = Packet::parse(octets) else { return };
    let mut seen = 0;
    let mut walk = packet.chunks();
    while let Some(chunk) = walk.next() {
        seen += 1;
        assert!(seen <= octets.len() / 4, "each step goes on by four octets");
        let Ok(chunk) = chunk else {
            assert!(walk.next().is_none(), "nothing comes after what is broken");
            break;
        };
        assert!(chunk.whole.len() == chunk.value.len() + 4 && walk.position() <= octets.len() + 3);
        assert_eq!(Chunks::resume(octets, walk.position()).is_at_end(), walk.is_at_end());
        parameters(Tlvs::new(chunk.value));
        if let Ok(init) = Init::parse(&chunk) {
            parameters(init.parameters);
        }
        if let Ok(data) = Data::parse(&chunk) {
            assert!(data.payload.len() + 12 == chunk.value.len());
        }
        if let Ok(sack) = Sack::parse(&chunk) {
            let mut last = 1;
            for (start, end) in sack.gaps() {
                assert!(start > last && end >= start);
                last = end;
            }
            assert!(sack.last_gap_end() == last || sack.gaps().next().is_none());
        }
    }
}

fn parameters(list: Tlvs<'_>) {
    for tlv in list {
        let Ok(tlv) = tlv else { return };
        assert_eq!(tlv.whole.len(), tlv.value.len() + 4);
        let _ = tlv.address();
    }
}
