//! SCCP: messages from several points, answers and returns, segments that become messages, subsystems that come and go,
//! and timers.

use crate::base::{SipKey, Time};
use crate::codec::Prepend;
use crate::ident::{Digits, PointCode, SccpAddress, Ssn};
use crate::octets::Octets;
use crate::proto::sccp::build::{UnitdataHeader, segment};
use crate::proto::sccp::{
    Destination, Indication, Input, Reassembly, ReassemblyConfig, Routes, Rule, Sccp, SccpConfig, Scmg,
    Segmentation, Subsystems, SubsystemsConfig, Unitdata, parse,
};
use crate::work;
use std::time::Duration;

/// Edges that an event may cost, and those that each of its octets may.
const WORK: (u64, u64) = (4_000, 100);
const ENTRIES: u16 = 4;
const OCTETS: u16 = 600;
const SUBSYSTEMS: u16 = 3;
/// Longer than any message that can be told about, and that can be put together.
const ROOM: usize = 1_100;

struct Node {
    sccp: Sccp,
    reassembly: Reassembly<u32>,
    subsystems: Subsystems,
    now: Time,
    /// What has come of each message since its first segment: point, calling address and reference, and the data.
    come: Vec<(u32, Vec<u8>, u32, Vec<u8>)>,
}

thread_local! {
    /// Translation tables are costly to make.
    static ROUTES: Routes = {
        let titled = |digits: &str, to| {
            let digits: Digits = digits.parse().expect("digits");
            Rule::new(digits, Destination::titled(PointCode(to)))
        };
        let rules = [titled("49", 100), titled("4917", 200), titled("", 300)];
        Routes::new(&[PointCode(100)], &[Ssn::MSC, Ssn::SGSN], &rules).expect("rules")
    };
}

impl Node {
    fn new() -> Self {
        let config = SccpConfig {
            reassembly: ReassemblyConfig { entries: ENTRIES, octets: OCTETS, ..ReassemblyConfig::default() },
            subsystems: SubsystemsConfig { capacity: SUBSYSTEMS, ..SubsystemsConfig::default() },
            returns_per_second: 4,
            ..SccpConfig::new(vec![], vec![], vec![])
        };
        let reassembly = Reassembly::new(config.reassembly, SipKey::new([3; 16]));
        let subsystems = Subsystems::new(config.subsystems);
        let mut sccp = Sccp::new(&config).expect("no rules");
        sccp.routes = ROUTES.with(Clone::clone);
        Self { sccp, reassembly, subsystems, now: Time::from_millis(1000), come: vec![] }
    }

    fn hear(&mut self, from: PointCode, message: &[u8]) {
        let mut room = [0; ROOM];
        let mut answer = Prepend::new(&mut room);
        let before = self.sccp.counts.clone();
        match self.sccp.handle_input(self.now, from, message, &mut answer) {
            Ok(Indication::Segment(unitdata)) => self.take(from, &unitdata),
            Ok(Indication::Answer(_)) => {
                let answer = answer.finish().expect("what is to be sent fits");
                assert!(answer.len() <= message.len().max(40), "more is answered than came");
                assert!(parse(answer).is_ok(), "what we send can be read");
                assert!(
                    !matches!(parse(message), Ok(Input::Service(_))),
                    "nothing answers a service message"
                );
                let sent = |counts: &crate::proto::sccp::SccpCounts| counts.returned + counts.tests_answered;
                assert_eq!(sent(&self.sccp.counts), sent(&before) + 1, "one answer, counted once");
            }
            Ok(Indication::Management(scmg)) => {
                let is_known = |point: PointCode| matches!(point.0, 0..8);
                if self.subsystems.on_scmg(self.now, &scmg, is_known).is_some() {
                    assert!(self.subsystems.fill().0 <= usize::from(SUBSYSTEMS));
                }
            }
            Ok(Indication::Unitdata(ssn, _) | Indication::Notice(ssn, _)) => {
                assert!(self.sccp.routes.is_local(ssn));
            }
            Ok(Indication::Nothing) | Err(_) => {}
        }
        if let Some((_, Scmg { ssn, .. })) = self.sccp.take_misled() {
            assert!(self.sccp.routes.is_equipped(ssn) && !self.sccp.routes.is_local(ssn));
        }
    }

    /// A segment, and what becomes whole by it: what came since the first segment, in its order.
    fn take(&mut self, from: PointCode, unitdata: &Unitdata<'_>) {
        let Self { sccp, reassembly, now, come, .. } = self;
        let segmentation = unitdata.segmentation.expect("it is a segment");
        let key = |of: &&mut (u32, Vec<u8>, u32, Vec<u8>)| {
            (of.0, &*of.1, of.2) == (from.0, unitdata.calling_octets, segmentation.local_reference)
        };
        match come.iter_mut().find(key) {
            Some((.., data)) if segmentation.first => *data = unitdata.data.to_vec(),
            Some((.., data)) => data.extend(unitdata.data),
            None => {
                let (calling, data) = (unitdata.calling_octets.to_vec(), unitdata.data.to_vec());
                come.push((from.0, calling, segmentation.local_reference, data));
            }
        }
        let mut returned = 0;
        let is_whole = reassembly.take(*now, from, from.0, unitdata, &mut |&from, first, cause| {
            returned += 1;
            give_back(sccp, *now, PointCode(from), first, cause);
        });
        assert!(returned <= 2, "what was begun, and what can't be");
        assert_eq!(is_whole, reassembly.has_whole());
        let mut room = [0; ROOM];
        let mut whole = Prepend::new(&mut room);
        let Some(label) = reassembly.next_whole(&mut whole) else {
            assert!(!is_whole);
            return;
        };
        assert_eq!(label, from.0);
        let message = whole.finish().expect("it fits");
        let Ok(Input::Unitdata(whole)) = parse(message) else { panic!("what was put together is unitdata") };
        assert!(!whole.is_segment() && whole.data.len() <= usize::from(OCTETS));
        assert_eq!(whole.called_octets, unitdata.called_octets);
        let all = come.iter_mut().find(key).map(|(.., data)| &**data);
        assert_eq!(Some(whole.data), all);
        assert!(matches!(sccp.handle_whole(message), Indication::Unitdata(..) | Indication::Nothing));
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        let Self { sccp, reassembly, subsystems, now, .. } = self;
        let mut returned = 0;
        reassembly.handle_timeout(*now, &mut |&from, first, cause| {
            returned += 1;
            give_back(sccp, *now, PointCode(from), first, cause);
        });
        assert!(returned <= ENTRIES);
        let mut tests = 0;
        subsystems.handle_timeout(*now, &mut |scmg, _| {
            tests += 1;
            let mut room = [0; 64];
            let mut w = Prepend::new(&mut room);
            assert!(scmg.write(&mut w).is_ok() && parse(w.finish().expect("it fits")).is_ok());
        });
        assert!(tests <= SUBSYSTEMS);
    }
}

/// A first segment goes back to its sender, once.
fn give_back(
    sccp: &mut Sccp,
    now: Time,
    from: PointCode,
    first: &Unitdata<'_>,
    cause: crate::proto::sccp::Cause,
) {
    let mut room = [0; ROOM];
    let mut answer = Prepend::new(&mut room);
    if sccp.return_unitdata(now, from, first, cause, &mut answer).is_some() {
        assert!(first.return_on_error && first.segmentation.is_some_and(|segmentation| segmentation.first));
        let answer = answer.finish().expect("it fits");
        let Ok(Input::Service(service)) = parse(answer) else { panic!("a service message") };
        assert_eq!((service.cause, service.data), (cause, first.data));
    }
}

/// A segment by its numbers, so that a few octets make one that may follow another.
fn numbered(octets: &mut Octets<'_>) -> Vec<u8> {
    let (which, how, count) = (octets.u8(), octets.u8(), octets.u8());
    let digits = ["491710760000", "491710888001"][usize::from(which & 1)].parse().expect("digits");
    let calling = SccpAddress::titled(digits, Ssn::MSC);
    let ssn = if which & 2 == 0 { Ssn::MSC } else { Ssn::SGSN };
    let called = SccpAddress::on_ssn(None, Some(ssn));
    let header = UnitdataHeader {
        class: u8::from(which & 4 == 0),
        return_on_error: which & 8 == 0,
        called: &called,
        calling: &calling,
    };
    let segmentation = Segmentation {
        first: how & 0x80 != 0,
        in_sequence: true,
        remaining: how & 0xf,
        local_reference: u32::from(which >> 4),
    };
    let mut room = [0; 400];
    let mut w = Prepend::new(&mut room);
    let data = vec![how; usize::from(count).max(1)];
    let _ = segment(&mut w, &header, &data, segmentation, 268);
    w.finish().map_or(vec![], <[u8]>::to_vec)
}

pub fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let mut node = Node::new();
    while !octets.is_empty() {
        let event = octets.u8();
        let from = PointCode(u32::from(event >> 3 & 3));
        let mut message = vec![];
        let kind = event & 7;
        let time = Duration::from_millis(if kind == 0 { u64::from(octets.u16()) } else { 0 });
        match kind {
            0 | 1 => {}
            2 | 3 => message = numbered(&mut octets),
            _ => {
                let count = usize::from(octets.u8()) + usize::from(event >> 7) * 256;
                message = octets.take(count).to_vec();
            }
        }
        let length = message.len();
        let ((), work) = work::of(|| match kind {
            0 => node.pass(time),
            1 => {
                let ssn = [Ssn::MSC, Ssn::SGSN, Ssn::HLR][usize::from(event >> 3 & 3) % 3];
                assert_eq!(node.sccp.routes.set_local(ssn, event & 0x80 == 0), ssn != Ssn::HLR);
            }
            _ => node.hear(from, &message),
        });
        assert!(work <= WORK.0 + WORK.1 * length as u64, "{work} edges for {length} octets");
        node.reassembly.assert_invariants();
    }
    // Whatever came, in the end nothing is left of it.
    node.pass(ReassemblyConfig::default().t_reass);
    assert_eq!(node.reassembly.fill(), (0, usize::from(ENTRIES)));
    node.reassembly.assert_invariants();
}
