//! M3UA over one association, in any role: messages, lost associations, timers and commands in any order.

use crate::base::Time;
use crate::ident::PointCode;
use crate::octets::Octets;
use crate::proto::m3ua::{Asp, AspConfig, Change, Data, Message, Reach, Role, TrafficMode};
use crate::work;
use std::time::Duration;

/// Edges that an event may cost, and those that each of its octets may: a DAUD of many points is answered one by one.
const WORK: (u64, u64) = (60_000, 3_000);
/// Messages of ours that one event may bring about.
const ANSWERS: usize = 8;

fn configuration(octets: &mut Octets<'_>) -> AspConfig {
    let options = octets.u8();
    let role = [Role::Asp, Role::Sgp, Role::IpspClient, Role::IpspServer][usize::from(options & 3)];
    let contexts = [vec![], vec![7], vec![7, 8], vec![7, 8, 0xffff_ffff]];
    AspConfig {
        double_exchange: options & 0x10 != 0,
        network_appearance: (options & 0x20 != 0).then_some(3),
        traffic_mode: (options & 0x40 != 0).then_some(TrafficMode::Loadshare),
        t_beat: (options & 0x80 != 0).then_some(Duration::from_secs(1)),
        t_audit: Some(Duration::from_secs(3)),
        destinations: 16,
        ..AspConfig::new(role, contexts[usize::from(options >> 2 & 3)].clone())
    }
}

pub fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let mut asp = Asp::new(configuration(&mut octets));
    let mut now = Time::from_millis(1000);
    let mut up = false;
    while !octets.is_empty() {
        let event = octets.u8();
        let (mut answers, mut longest) = (0, 0);
        let mut send = |_: u16, message: &[u8]| {
            answers += 1;
            longest = longest.max(message.len());
            assert!(Message::parse(message).is_ok(), "what we send can be read");
        };
        let mut length = 0;
        let (_, work) = work::of(|| match event & 7 {
            0 => {
                up = true;
                asp.association_up(now, u16::from(octets.u8()), &mut send);
            }
            1 => {
                up = false;
                asp.association_down(now);
            }
            2 => asp.stop(now, &mut send),
            3 => asp.start(now, &mut send),
            4 => {
                now += Duration::from_millis(u64::from(octets.u16()));
                let _ = asp.handle_timeout(now, &mut send);
            }
            5 => {
                let reach = [Reach::Available, Reach::Restricted, Reach::Unavailable];
                let change = Change::Reach(reach[usize::from(octets.below(3))]);
                asp.report(PointCode(u32::from(octets.u16())), octets.below(26), change, &mut send);
            }
            _ => {
                let count = usize::from(octets.u8());
                let message = whole(event, octets.take(count));
                length = message.len();
                let stream = u16::from(octets.below(3));
                let _ = asp.handle_input(now, stream, &message, &mut send);
            }
        });
        assert!(work <= WORK.0 + WORK.1 * length as u64, "{work} edges for {length} octets");
        assert!(answers <= ANSWERS + length / 8, "{answers} answers to {length} octets");
        assert!(longest <= length + 1500, "{longest} octets answer {length}");
        assert!(up || !asp.is_active());
        asp.assert_invariants();
    }
}

/// A message as it came, or with the header that makes its parameters one.
fn whole(event: u8, octets: &[u8]) -> Vec<u8> {
    if event & 8 == 0 || octets.len() < 2 {
        return octets.to_vec();
    }
    let (kind, parameters) = octets.split_at(2);
    let length = (8 + parameters.len() as u32).to_be_bytes();
    let message = [&[1, 0], kind, &length, parameters].concat();
    if let Ok(message) = Message::parse(&message) {
        let _ = Data::parse(&message);
    }
    message
}
