//! SCCP: messages from several points, answers and returns, segments that become messages, and timers.

use crate::base::{SipKey, Time};
use crate::codec::Prepend;
use crate::ident::{Digits, PointCode, Ssn};
use crate::octets::Octets;
use crate::proto::sccp::{
    Destination, Indication, Input, Reassembly, ReassemblyConfig, Rule, Sccp, SccpConfig, parse,
};
use crate::work;
use std::time::Duration;

/// Edges that a message may cost, and those that each of its octets may.
const WORK: (u64, u64) = (20_000, 200);
/// Longer than any message that can be told about.
const ROOM: usize = 5_000;

struct Node {
    sccp: Sccp,
    reassembly: Reassembly<u32>,
    now: Time,
}

impl Node {
    fn new() -> Self {
        let titled = |digits: &str, to| {
            let digits: Digits = digits.parse().expect("digits");
            Rule::new(digits, Destination::titled(PointCode(to)))
        };
        let rules = vec![titled("49", 100), titled("4917", 200), titled("", 300)];
        let mut config = SccpConfig::new(vec![PointCode(100)], vec![Ssn::MSC, Ssn::SGSN], rules);
        config.reassembly = ReassemblyConfig { entries: 4, octets: 600, ..ReassemblyConfig::default() };
        let reassembly = Reassembly::new(config.reassembly, SipKey::new([3; 16]));
        let sccp = Sccp::new(&config).expect("rules");
        Self { sccp, reassembly, now: Time::from_millis(1000) }
    }

    fn hear(&mut self, from: PointCode, message: &[u8]) {
        let mut room = [0; ROOM];
        let mut answer = Prepend::new(&mut room);
        let Self { sccp, reassembly, now } = self;
        match sccp.handle_input(*now, from, message, &mut answer) {
            Ok(Indication::Segment(segment)) => {
                let mut returned = 0;
                reassembly.take(*now, from, from.0, &segment, &mut |_, _, _| returned += 1);
                assert!(returned <= 2);
            }
            Ok(Indication::Answer(_)) => {
                let answer = answer.finish().expect("what is to be sent fits");
                assert!(
                    answer.len() <= message.len() + 64,
                    "{} octets answer {}",
                    answer.len(),
                    message.len()
                );
                assert!(
                    !matches!(parse(message), Ok(Input::Service(_))),
                    "service messages are never answered"
                );
                assert!(parse(answer).is_ok(), "what we send can be read");
            }
            Ok(_) | Err(_) => {}
        }
        while reassembly.has_whole() {
            let mut room = [0; ROOM];
            let mut whole = Prepend::new(&mut room);
            let label = reassembly.next_whole(&mut whole);
            assert!(label.is_some());
            let whole = whole.finish().expect("it fits");
            let Ok(Input::Unitdata(unitdata)) = parse(whole) else {
                panic!("what was put together is unitdata")
            };
            assert!(unitdata.data.len() <= 600 && !unitdata.is_segment());
        }
    }
}

pub fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let mut node = Node::new();
    while !octets.is_empty() {
        let event = octets.u8();
        if event & 7 == 0 {
            node.now += Duration::from_millis(u64::from(octets.u16()));
            let now = node.now;
            node.reassembly.handle_timeout(now, &mut |_, _, _| {});
        } else {
            let count = usize::from(octets.u8()) + usize::from(event >> 7) * 256;
            let message = octets.take(count);
            let from = PointCode(u32::from(event >> 3 & 3));
            let ((), work) = work::of(|| node.hear(from, message));
            let limit = WORK.0 + WORK.1 * message.len() as u64;
            assert!(work <= limit, "{work} edges for {} octets", message.len());
        }
        node.reassembly.assert_invariants();
        assert!(node.reassembly.fill().0 <= 4);
    }
}
