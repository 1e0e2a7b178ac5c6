//! TCAP: the dialogues of one worker, ours and peers', with messages of several peers, answers, timers, messages that come
//! back and users that leave.

use crate::base::{Counts, SipKey, Time};
use crate::codec::{Prepend, ber};
use crate::ident::{PointCode, SccpAddress, Ssn, WorkerId};
use crate::octets::Octets;
use crate::proto::tcap::build::{self, Rejects};
use crate::proto::tcap::{
    AbortCause, AbortReason, Component, Components, DialogueId, Dialogues, DialoguesConfig, Indication,
    Limits, Message, MessageType, Owner, PeerMatch, Problem, Refusal, TransactionPortion,
};
use crate::work;
use std::time::Duration;

/// Edges that an event may cost, and those that each of its octets may. A timer wheel turns through each of its slots.
const WORK: (u64, u64) = (5_000, 120);
const TURN: u64 = 100_000;
/// Elements that may be read for each octet.
const STEPS: u64 = 8;
const CONTEXT: &[u8] = &[4, 0, 0, 1, 0, 21, 3];
const CAPACITY: usize = 6;
const LIMITS: Limits = Limits { per_title: 3, per_point_code: 4, aborts_per_second: 3 };
const REST: Duration = Duration::from_millis(500);
const GUARD: Duration = Duration::from_secs(3);

/// A dialogue as its user knows it.
struct Open {
    id: DialogueId,
    user: u64,
    /// The one who opened it, if that was the peer.
    by: Option<SccpAddress>,
}

struct Node {
    dialogues: Dialogues<u64>,
    open: Vec<Open>,
    now: Time,
    users: u64,
}

fn peer(which: u8) -> SccpAddress {
    let titles = ["491710760000", "491710888001"];
    let title = titles[usize::from(which & 1)].parse().expect("digits");
    SccpAddress {
        point_code: Some(PointCode(u32::from(which >> 1 & 1))),
        ..SccpAddress::titled(title, if which & 4 == 0 { Ssn::MSC } else { Ssn::HLR })
    }
}

fn written(write: impl FnOnce(&mut Prepend<'_>)) -> Vec<u8> {
    let mut room = [0; 1_200];
    let mut w = Prepend::new(&mut room);
    write(&mut w);
    w.finish().expect("it fits").to_vec()
}

impl Node {
    fn new() -> Self {
        let dialogues = Dialogues::new(DialoguesConfig {
            worker: WorkerId(0),
            workers: 1,
            capacity: CAPACITY,
            identifiers: 32,
            prefix: 0,
            prefix_bits: 0,
            key: SipKey::new([4; 16]),
            rest: REST,
            guard: GUARD,
            peer_match: PeerMatch::default(),
            limits: LIMITS,
        });
        Self { dialogues: dialogues.expect("sizes"), open: vec![], now: Time::from_millis(1000), users: 0 }
    }

    /// The dialogue is over, and its user is told with what it had left there.
    fn over(&mut self, id: DialogueId, user: u64) {
        let at = self.open.iter().position(|open| open.id == id).expect("it was there");
        assert_eq!(self.open.swap_remove(at).user, user);
    }

    /// Takes one message, and does what its indication asks for.
    fn hear(&mut self, from: &SccpAddress, message: &[u8]) {
        let before = total(&self.dialogues);
        let owner = self.dialogues.owner(message);
        let kind = TransactionPortion::parse(message).map(|portion| portion.message_type);
        let (length, mut both) = (message.len(), false);
        match self.dialogues.handle_input(self.now, from, message) {
            Ok(Indication::Begin { dialogue, components, .. }) => {
                assert!(matches!(owner, Owner::Begin { .. }) && kind == Ok(MessageType::Begin));
                consume(components, length);
                self.users += 1;
                self.dialogues.set_user(dialogue, self.users);
                self.open.push(Open { id: dialogue, user: self.users, by: Some(*from) });
            }
            Ok(Indication::Continue { dialogue, user, components, .. }) => {
                assert_eq!((owner, kind), (Owner::Worker(WorkerId(0)), Ok(MessageType::Continue)));
                assert!(self.open.iter().any(|open| (open.id, open.user) == (dialogue, user)));
                consume(components, length);
            }
            Ok(Indication::End { dialogue, user, components, .. }) => {
                assert_eq!((owner, kind), (Owner::Worker(WorkerId(0)), Ok(MessageType::End)));
                self.over(dialogue, user);
                consume(components, length);
            }
            Ok(Indication::Abort { dialogue, user, cause, answer }) => {
                self.over(dialogue, user);
                both = kind == Ok(MessageType::Abort) && matches!(cause, AbortCause::Refused { .. });
                assert!(answer.is_none() || kind == Ok(MessageType::Continue), "only a Continue is answered");
                answered(answer, length);
            }
            Ok(Indication::Unidirectional { components, .. }) => {
                assert_eq!(kind, Ok(MessageType::Unidirectional));
                consume(components, length);
            }
            Ok(Indication::Refuse(refusal)) => {
                let answerable =
                    [MessageType::Begin, MessageType::Continue, MessageType::Unrecognised].map(Ok);
                assert!(answerable.contains(&kind), "{kind:?} is never answered");
                answered(Some(refusal), length);
            }
            Ok(Indication::Ignored) | Err(_) => {}
        }
        assert_eq!(total(&self.dialogues), before + 1 + u64::from(both), "each message is counted once");
    }

    /// A message of a dialogue that is there, from its peer, with components as they come.
    fn hear_in_dialogue(&mut self, how: u8, which: u8, octets: &[u8]) {
        let Some(open) = self.open.get(usize::from(which) % self.open.len().max(1)) else { return };
        let (Some(local), Some(peer)) = (self.dialogues.local_id(open.id), self.dialogues.peer(open.id))
        else {
            panic!("a dialogue that is open")
        };
        let (from, remote) = (*peer, self.dialogues.remote_id(open.id));
        let from =
            if how & 0x80 == 0 { from } else { SccpAddress { point_code: Some(PointCode(9)), ..from } };
        let message = written(|w| {
            w.bytes(octets);
            if how & 4 == 0 && !octets.is_empty() {
                ber::wrap(w, 0x6c, 0);
            }
            match how >> 3 & 3 {
                0 => {}
                1 => w.bytes(ACCEPTED),
                2 => w.bytes(REFUSED),
                _ => w.bytes(ABRT),
            }
            ber::put(w, 0x49, local.as_bytes());
            let tag = [0x65, 0x64, 0x67, 0x65][usize::from(how & 3)];
            if tag == 0x65 {
                match remote {
                    Some(remote) if how & 0x40 == 0 => ber::put(w, 0x48, remote.as_bytes()),
                    _ => ber::put(w, 0x48, &[which; 4][..usize::from(how >> 5 & 1) + 1]),
                }
            }
            ber::wrap(w, tag, 0);
        });
        self.hear(&from, &message);
    }

    fn act(&mut self, what: u8, which: u8) {
        let Some(&Open { id, user, .. }) = self.open.get(usize::from(which) % self.open.len().max(1)) else {
            return self.begin(which);
        };
        assert_eq!(self.dialogues.user(id), Some(user));
        let mut room = [0; 600];
        let mut w = Prepend::new(&mut room);
        let now = self.now;
        let (sent, gone) = match what & 7 {
            0 | 1 => return self.begin(which),
            2 => (self.dialogues.write_continue(&mut w, 0, id, None).is_some(), false),
            3 => {
                let sent = self.dialogues.write_end(now, &mut w, 0, id, None).is_some();
                (sent, sent)
            }
            4 => {
                let reasons = [AbortReason::User, AbortReason::Refused, AbortReason::ContextNotSupported];
                let reason = reasons[usize::from(which >> 4) % 3];
                (self.dialogues.write_abort(now, &mut w, id, reason, None).is_some(), true)
            }
            5 => {
                self.dialogues.renew(now, id);
                (false, false)
            }
            6 => {
                self.dialogues.set_timer(now, id, Duration::from_millis(u64::from(which) * 8));
                (false, false)
            }
            _ => {
                self.dialogues.close(now, id);
                (false, true)
            }
        };
        if sent {
            assert!(Message::parse(w.finish().expect("it fits")).is_ok(), "what we send can be read");
        }
        if gone {
            self.over(id, user);
        }
    }

    fn begin(&mut self, which: u8) {
        let mut room = [0; 600];
        let mut w = Prepend::new(&mut room);
        let life = Duration::from_millis(u64::from(which) * 10 + 1);
        self.users += 1;
        let Some(id) = self.dialogues.open(self.now, &peer(which), self.users, life) else { return };
        self.open.push(Open { id, user: self.users, by: None });
        build::invoke(&mut w, 0, 1, 46);
        let context = if which & 0x80 == 0 { CONTEXT } else { &[] };
        if which & 0x40 == 0 {
            assert!(self.dialogues.write_begin(&mut w, 0, id, context, None).is_some());
            assert!(Message::parse(w.finish().expect("it fits")).is_ok(), "what we send can be read");
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        let mut expired = 0;
        while let Some(over) = self.dialogues.handle_timeout(self.now) {
            expired += 1;
            self.over(over.dialogue, over.user);
            answered(over.abort, 0);
        }
        assert!(expired <= CAPACITY);
        assert!(self.dialogues.poll_timeout().is_none_or(|at| at > self.now));
    }

    fn returned(&mut self, from: u8, own: bool, which: u8, message: &[u8]) {
        let open = self.open.get(usize::from(which) % self.open.len().max(1)).filter(|_| own);
        let local = open.and_then(|open| self.dialogues.local_id(open.id));
        let to = open.and_then(|open| self.dialogues.peer(open.id).copied());
        let message = local.map_or(message.to_vec(), |local| {
            written(|w| {
                ber::put(w, 0x48, local.as_bytes());
                ber::wrap(w, 0x62, 0);
            })
        });
        let before = total(&self.dialogues);
        if let Some(over) =
            self.dialogues.handle_returned(self.now, &to.unwrap_or(peer(from)), |to| *to, &message)
        {
            self.over(over.dialogue, over.user);
        }
        assert_eq!(total(&self.dialogues), before + 1);
    }

    fn check(&self) {
        self.dialogues.assert_invariants();
        assert!(self.dialogues.len() <= CAPACITY);
        assert_eq!(self.dialogues.len(), self.open.len(), "who is told of a dialogue is told of its end");
        for open in self.open.iter().filter_map(|open| open.by) {
            let of_it = |part: fn(&SccpAddress) -> Option<u64>| {
                let by = self.open.iter().filter_map(|other| other.by);
                by.filter(|other| part(other) == part(&open)).count()
            };
            let title = |by: &SccpAddress| by.title.map(|title| title.digits.to_u128() as u64);
            assert!(of_it(title) <= LIMITS.per_title as usize);
            assert!(of_it(|by| by.point_code.map(|code| code.0.into())) <= LIMITS.per_point_code as usize);
        }
    }
}

/// Dialogue portions: AARE accepted and rejected for the context, ABRT by the user.
const ACCEPTED: &[u8] =
    b"\x6b\x2a\x28\x28\x06\x07\x00\x11\x86\x05\x01\x01\x01\xa0\x1d\x61\x1b\x80\x02\x07\x80\xa1\x09\
    \x06\x07\x04\x00\x00\x01\x00\x15\x03\xa2\x03\x02\x01\x00\xa3\x05\xa1\x03\x02\x01\x00";
const REFUSED: &[u8] =
    b"\x6b\x2a\x28\x28\x06\x07\x00\x11\x86\x05\x01\x01\x01\xa0\x1d\x61\x1b\x80\x02\x07\x80\xa1\x09\
    \x06\x07\x04\x00\x00\x01\x00\x15\x03\xa2\x03\x02\x01\x01\xa3\x05\xa1\x03\x02\x01\x02";
const ABRT: &[u8] = b"\x6b\x12\x28\x10\x06\x07\x00\x11\x86\x05\x01\x01\x01\xa0\x05\x64\x03\x80\x01\x00";

/// What became of messages: each is counted in one of these.
fn total(dialogues: &Dialogues<u64>) -> u64 {
    let mut total = 0;
    dialogues.counts.each(&mut |name, _, value| {
        total += match name {
            "begins_received"
            | "continues_received"
            | "ends_received"
            | "aborts_received"
            | "unidirectionals_received"
            | "malformed"
            | "unrecognised_type"
            | "refused_full"
            | "refused_quota"
            | "refused_dialogue_portion"
            | "unrecognised_transaction"
            | "wrong_peer"
            | "unexpected"
            | "abnormal"
            | "refused_by_peer"
            | "returned" => value,
            _ => 0,
        }
    });
    total
}

/// An answer is an Abort, and no longer than what it answers and what an Abort needs.
fn answered(answer: Option<Refusal<'_>>, length: usize) {
    let Some(refusal) = answer else { return };
    let answer = written(|w| build::refusal(w, &refusal, None));
    assert!(answer.len() <= length + 64, "{} octets answer {length}", answer.len());
    let message = Message::parse(&answer).expect("what we send can be read");
    assert_eq!((message.message_type, message.dtid), (MessageType::Abort, Some(refusal.to)));
}

/// Components come to an end, and are no more than there is room for in a message; behind one that is none there is
/// nothing, and nothing rejects a Reject.
fn consume(mut components: Components<'_>, octets: usize) {
    let (mut count, mut rejects) = (0, Rejects::default());
    loop {
        let is_reject = components.rest().first() == Some(&0xa4);
        let Some(component) = components.next() else { break };
        count += 1;
        if let Component::Malformed { id, problem, answered } = component {
            assert!(components.is_empty() && components.next().is_none());
            assert_eq!(answered, !is_reject);
            assert!(matches!(problem, Problem::General(_)));
            assert!(rejects.add(id, problem));
        }
    }
    assert!(count <= 33.min(octets));
    if !rejects.is_empty() {
        let answer = written(|w| rejects.write(w));
        let mut again = Components::new(&answer);
        assert!(matches!(again.next(), Some(Component::Reject { .. })) && again.next().is_none());
    }
}

/// From a millisecond to longer than anything lasts.
fn time(which: u8) -> Duration {
    let times = [1, 10, 100, 499, 501, 1_000, 2_999, 5_000];
    Duration::from_millis(times[usize::from(which >> 3 & 7)])
}

pub fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let mut node = Node::new();
    while !octets.is_empty() {
        let event = octets.u8();
        let (mut which, mut message): (u8, &[u8]) = (0, &[]);
        if event & 7 != 0 {
            which = octets.u8();
        }
        if event & 7 > 1 {
            let count = octets.u8();
            message = octets.take(count.into());
        }
        let length = message.len() as u64;
        let (((), steps), work) = work::of(|| {
            ber::steps::of(|| match event & 7 {
                0 => node.pass(time(event)),
                1 => node.act(event >> 3, which),
                2 => node.returned(event >> 3, event & 0x80 != 0, which, message),
                3..6 => node.hear_in_dialogue(event >> 3 | which & 0xe0, which, message),
                _ => node.hear(&peer(event >> 3), message),
            })
        });
        let turn = if event & 7 == 0 { TURN } else { 0 };
        assert!(work <= WORK.0 + turn + WORK.1 * length, "{work} edges for {length} octets");
        assert!(steps <= STEPS * (length + 16), "{steps} elements read of {length} octets");
        node.check();
    }
    // Whatever came, in the end nothing is left of it, and every place is free again.
    node.pass(GUARD);
    assert!(node.dialogues.is_empty() && node.open.is_empty());
    node.check();
    node.now += REST;
    for _ in 0..CAPACITY {
        node.begin(0x80);
    }
    assert_eq!(node.dialogues.len(), CAPACITY);
    node.check();
}
