//! TCAP: the dialogues of one worker, ours and peers', with messages of several peers, answers, timers and users that leave.

use crate::base::{SipKey, Time};
use crate::codec::Prepend;
use crate::ident::{PointCode, SccpAddress, Ssn, WorkerId};
use crate::octets::Octets;
use crate::proto::tcap::{
    AbortReason, Component, DialogueId, Dialogues, DialoguesConfig, Indication, Limits, PeerMatch, build,
};
use crate::work;
use std::time::Duration;

/// Edges that an event may cost, and those that each of its octets may.
const WORK: (u64, u64) = (20_000, 400);
const CONTEXT: &[u8] = &[4, 0, 0, 1, 0, 21, 3];
const CAPACITY: usize = 6;

struct Node {
    dialogues: Dialogues<u64>,
    open: Vec<DialogueId>,
    now: Time,
}

fn peer(which: u8) -> SccpAddress {
    let titles = ["491710760000", "491710888001"];
    let title = titles[usize::from(which & 1)].parse().expect("digits");
    SccpAddress {
        point_code: Some(PointCode(u32::from(which >> 1 & 1))),
        ..SccpAddress::titled(title, if which & 4 == 0 { Ssn::MSC } else { Ssn::HLR })
    }
}

impl Node {
    fn new() -> Self {
        let dialogues = Dialogues::new(DialoguesConfig {
            worker: WorkerId(0),
            workers: 1,
            capacity: CAPACITY,
            identifiers: 64,
            prefix: 0,
            prefix_bits: 0,
            key: SipKey::new([4; 16]),
            rest: Duration::from_millis(500),
            guard: Duration::from_secs(5),
            peer_match: PeerMatch::default(),
            limits: Limits { per_title: 3, per_point_code: 4, aborts_per_second: 3 },
        });
        Self { dialogues: dialogues.expect("sizes"), open: vec![], now: Time::from_millis(1000) }
    }

    /// A message whose DTID, where `own` asks for it, is that of a dialogue that is there.
    fn hear(&mut self, from: &SccpAddress, message: &mut [u8], own: Option<usize>) {
        let id = own.and_then(|own| self.open.get(own % self.open.len().max(1)));
        if let Some(id) = id.and_then(|id| self.dialogues.local_id(*id)) {
            let at = message.windows(2).position(|pair| pair == [0x49, 4]);
            if let Some(place) = at.and_then(|at| message.get_mut(at + 2..at + 6)) {
                place.copy_from_slice(id.as_bytes());
            }
        }
        let (mut room, length) = ([0; 600], message.len());
        match self.dialogues.handle_input(self.now, from, message) {
            Ok(Indication::Begin { dialogue, components, .. }) => {
                count(components, length);
                self.open.push(dialogue);
            }
            Ok(Indication::Continue { components, .. } | Indication::Unidirectional { components, .. }) => {
                count(components, length);
            }
            Ok(Indication::End { dialogue, components, .. }) => {
                count(components, length);
                self.open.retain(|other| *other != dialogue);
            }
            Ok(Indication::Abort { dialogue, answer, .. }) => {
                self.open.retain(|other| *other != dialogue);
                if let Some(refusal) = answer {
                    let mut w = Prepend::new(&mut room);
                    build::refusal(&mut w, &refusal, None);
                    assert!(w.finish().is_some_and(|answer| answer.len() <= 100));
                }
            }
            Ok(Indication::Refuse(refusal)) => {
                let mut w = Prepend::new(&mut room);
                build::refusal(&mut w, &refusal, None);
                assert!(w.finish().is_some_and(|answer| answer.len() <= 100));
            }
            Ok(Indication::Ignored) | Err(_) => {}
        }
    }

    fn act(&mut self, what: u8, which: u8) {
        let mut room = [0; 600];
        let mut w = Prepend::new(&mut room);
        let Some(&id) = self.open.get(usize::from(which) % self.open.len().max(1)) else {
            return self.begin(which);
        };
        let gone = match what & 3 {
            0 => return self.begin(which),
            1 => {
                let _ = self.dialogues.write_continue(&mut w, 0, id, None);
                false
            }
            2 => self.dialogues.write_end(self.now, &mut w, 0, id, None).is_some(),
            _ => {
                let _ = self.dialogues.write_abort(self.now, &mut w, id, AbortReason::User, None);
                true
            }
        };
        if gone {
            self.open.retain(|other| *other != id);
        }
    }

    fn begin(&mut self, which: u8) {
        let mut room = [0; 600];
        let mut w = Prepend::new(&mut room);
        let life = Duration::from_millis(u64::from(which) * 10 + 1);
        if let Some(id) = self.dialogues.open(self.now, &peer(which), 7, life) {
            build::invoke(&mut w, 0, 1, 46);
            assert!(self.dialogues.write_begin(&mut w, 0, id, CONTEXT, None).is_some());
            self.open.push(id);
        }
    }
}

/// Components come to an end, and are no more than there is room for in a message.
fn count<'a>(components: impl Iterator<Item = Component<'a>>, octets: usize) {
    assert!(components.count() <= 33.min(octets));
}

pub fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let mut node = Node::new();
    while !octets.is_empty() {
        let event = octets.u8();
        let mut length = 0;
        let ((), work) = work::of(|| match event & 7 {
            0 => {
                node.now += Duration::from_millis(u64::from(octets.u16()));
                while let Some(expired) = node.dialogues.handle_timeout(node.now) {
                    node.open.retain(|other| *other != expired.dialogue);
                }
            }
            1 => node.act(event >> 3, octets.u8()),
            2 => {
                let count = usize::from(octets.u8());
                let message = octets.take(count);
                length = message.len();
                if let Some(returned) = node.dialogues.handle_returned(node.now, &peer(event >> 3), message) {
                    node.open.retain(|other| *other != returned.dialogue);
                }
            }
            _ => {
                let count = usize::from(octets.u8());
                let mut message = octets.take(count).to_vec();
                length = message.len();
                let own = (event & 0x80 != 0).then(|| usize::from(octets.u8()));
                node.hear(&peer(event >> 3), &mut message, own);
            }
        });
        let limit = WORK.0 + WORK.1 * length as u64;
        assert!(work <= limit, "{work} edges for {length} octets");
        node.dialogues.assert_invariants();
        assert!(node.dialogues.len() <= CAPACITY);
        assert_eq!(node.dialogues.len(), node.open.len(), "who is told of a dialogue is told of its end");
    }
}
