//! Octets that nobody should send: no panic, no leak, one end for each operation.

use super::*;
use std::collections::BTreeMap;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % limit
    }
}

fn some_component(random: &mut Random) -> Vec<u8> {
    let id = random.below(3) as i8;
    let opcode = [3, 7, 8, 23, 37, 44, 56][random.below(7)];
    match random.below(8) {
        0..=2 => invoke(id, opcode, &[0x30, 0]),
        3 => result(0xa2, id, [7, 23, 56][random.below(3)], &[0x30, 0]),
        4 => result(0xa7, id, [7, 23, 56][random.below(3)], &[0x30, 0]),
        5 => element(0xa3, &[&[2, 1, id as u8, 2, 1, opcode]]),
        6 => reject(id, [0x80 + random.below(4) as u8, random.below(4) as u8]),
        _ => {
            let mut component = invoke(id, opcode, &[0x30, 0]);
            let at = random.below(component.len());
            component[at] ^= 1 << random.below(8);
            component
        }
    }
}

/// A dialogue by the node's transaction id, and its context if the node has opened it.
type Known = (Vec<u8>, Option<Vec<u8>>);

fn known(said: &[u8]) -> Option<Known> {
    let is_begin = said[0] == 0x62;
    let context = said.windows(9).find(|window| window[..7] == [6, 7, 4, 0, 0, 1, 0]);
    let context = context.filter(|_| is_begin).map(|window| window[2..].to_vec());
    (is_begin || said[0] == 0x65).then(|| (our_id(said), context))
}

fn some_message(random: &mut Random, known: &[Known], contexts: &[&[u8]]) -> Vec<u8> {
    let all: Vec<Vec<u8>> = (0..random.below(4)).map(|_| some_component(random)).collect();
    let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    let some = contexts[random.below(contexts.len())];
    if known.is_empty() || random.below(3) == 0 {
        return begin(some, &all);
    }
    let (id, context) = &known[random.below(known.len())];
    let accepted = if random.below(10) == 0 { Some(some) } else { context.as_deref() };
    match random.below(16) {
        0..=11 => going_on(id, accepted, &all),
        12..=14 => end(id, accepted, &all),
        _ => element(0x67, &[&element(0x49, &[id])]),
    }
}

/// Our operations, their answers, answers of ours in any order, and peers that say anything.
fn storm(mut node: Node, contexts: &[&[u8]], seed: u64) -> [u32; 4] {
    let mut random = Random(seed);
    let (mut dialogues, mut asked): (Vec<Known>, Vec<(Asked, u8)>) = (vec![], vec![]);
    let mut running = BTreeMap::new();
    let mut seen = [0; 4];
    let mut next = 1;
    for _ in 0..400 {
        node.now += Duration::from_millis(random.below(900) as u64);
        let mut told = Vec::new();
        match random.below(8) {
            0 => {
                let invoke = [update(), authenticate()][random.below(2)];
                if node.ss7.invoke(node.now, &invoke, next, &mut node.sent).is_ok() {
                    running.insert(next, ());
                }
                next += 1;
            }
            1 if !asked.is_empty() => {
                let (asked, opcode) = asked[random.below(asked.len())];
                let result = (random.below(2) == 0).then_some(&[0x30, 0][..]);
                node.returned(&asked, opcode, result);
            }
            2 if !asked.is_empty() => {
                let (asked, _) = asked[asked.len() - 1];
                if node.within(&asked, &[0x30, 0], next).is_ok() {
                    running.insert(next, ());
                }
                next += 1;
            }
            3 => told = node.poll(),
            _ => {
                let mut message = some_message(&mut random, &dialogues, contexts);
                if random.below(10) == 0 {
                    let at = random.below(message.len());
                    message[at] ^= 1 << random.below(8);
                }
                told.extend(node.hear_tcap(&message));
            }
        }
        for told in told {
            seen[match told {
                Told::Invoke { within: None, .. } => 0,
                Told::Invoke { .. } => 1,
                Told::Returned { .. } => 2,
                _ => 3,
            }] += 1;
            match told {
                Told::Invoke { asked: whom, opcode, .. } => asked.push((whom, opcode)),
                Told::Returned { user, .. }
                | Told::Error { user, .. }
                | Told::NotDelivered(user, _)
                | Told::Aborted(user)
                | Told::TimedOut(user) => {
                    assert!(running.remove(&user).is_some(), "{user} has ended already");
                }
                Told::Gone => {}
            }
        }
        dialogues.extend(node.said().iter().filter_map(|said| known(said)));
        dialogues.drain(..dialogues.len().saturating_sub(12));
        asked.drain(..asked.len().saturating_sub(12));
    }
    // In the end everything is over.
    for _ in 0..3 {
        node.now += Duration::from_secs(700);
        for told in node.poll() {
            if let Told::Aborted(user) | Told::TimedOut(user) = told {
                assert!(running.remove(&user).is_some());
            }
        }
    }
    assert!(running.is_empty(), "seed {seed}: {running:?} never ended");
    assert_eq!((node.open(), node.ss7.within.len(), node.ss7.kept.len()), (0, 0, 0), "seed {seed}");
    seen
}

#[test]
fn whatever_is_said_each_operation_ends_once() {
    let sum = |node: fn() -> Node, contexts: &[&[u8]]| {
        (0..60)
            .map(|seed| storm(node(), contexts, seed))
            .fold([0; 4], |sum, seen| core::array::from_fn(|at| sum[at] + seen[at]))
    };
    let of_gateway = sum(
        gateway,
        &[
            context::LOCATION_CANCELLATION_V3,
            context::SUBSCRIBER_DATA_MANAGEMENT_V3,
            context::GPRS_LOCATION_UPDATE_V3,
            context::RESET_V2,
            context::MT_RELAY_V3,
        ],
    );
    let of_hlr = sum(hlr, &[context::GPRS_LOCATION_UPDATE_V3, context::INFO_RETRIEVAL_V3]);
    assert!(of_gateway.iter().all(|&seen| seen > 5), "{of_gateway:?}");
    // Nobody asks an HLR inside what it asks.
    let [asked, _, returned, others] = of_hlr;
    assert!([asked, returned, others].iter().all(|&seen| seen > 5), "{of_hlr:?}");
}

#[test]
fn no_octets_do_harm() {
    let argument = [0x30, 0x03, 0x80, 0x01, 0x55];
    let context = context::SUBSCRIBER_DATA_MANAGEMENT_V3;
    let message = begin(context, &[&invoke(1, 7, &argument), &invoke(2, 8, &argument)]);
    let mut gateway = gateway();
    for at in 0..message.len() {
        gateway.hear_tcap(&message[..at]);
        for change in [1, 0x80, 0xff, 0x20] {
            let mut changed = message.clone();
            changed[at] ^= change;
            gateway.hear_tcap(&changed);
        }
        gateway.poll();
        gateway.said();
        gateway.now += Duration::from_secs(700);
        gateway.poll();
    }
    assert_eq!((gateway.open(), gateway.ss7.kept.len()), (0, 0));
}
