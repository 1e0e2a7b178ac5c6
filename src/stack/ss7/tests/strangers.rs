//! Nodes that have no part in a dialogue and speak in it all the same: transaction ids can be guessed, titles be written by
//! anybody, but not the OPC.

use super::*;
use crate::proto::tcap::AddressParts;

const CONTEXT: &[u8] = context::SUBSCRIBER_DATA_MANAGEMENT_V3;
const INSERT: &[u8] = &[0x30, 0x03, 0x80, 0x01, 0x55];
const UGL: &[u8] = context::GPRS_LOCATION_UPDATE_V3;
const STRANGER: u32 = 300;

/// A message of the gateway's that comes back to it.
fn came_back(message: &[u8]) -> Vec<u8> {
    let mut udts = carried(message, true);
    udts[..2].copy_from_slice(&[0x0a, 1]);
    udts
}

/// Dialogues of every kind, `each` of each: opened by the gateway and not answered, opened by it and answered, opened by
/// the peer. Their transaction ids.
fn live(gateway: &mut Node, each: u64) -> [Vec<Vec<u8>>; 3] {
    let mut ids = [vec![], vec![], vec![]];
    for user in 0..each {
        for (kind, ids) in ids.iter_mut().enumerate().take(2) {
            gateway.invoke(&update(), user << 1 | kind as u64);
            let id = our_id(&gateway.said()[0]);
            if kind == 1 {
                assert_eq!(gateway.hear_tcap(&going_on(&id, Some(UGL), &[])), None);
            }
            ids.push(id);
        }
        gateway.hear_tcap(&begin(CONTEXT, &[&invoke(9, 3, INSERT), &invoke(1, 7, INSERT)])).unwrap();
        ids[2].push(our_id(&gateway.said()[0]));
    }
    ids
}

/// What pycrate made of them, by `tools/interop/vectors.py`: a name, and a UDT or UDTS with the id `NOBODY`.
const VECTORS: &str = include_str!("strangers.txt");
const NOBODY: [u8; 4] = [0x5a, 0x3c, 0x9e, 0x71];

/// The messages of these vectors, and where in them the transaction id stands.
fn forged() -> Vec<(&'static str, Vec<u8>, usize)> {
    let of = |line: &'static str| {
        let (name, octets) = line.split_once('\t').unwrap();
        let message = hex(octets);
        let mut places = message.windows(4).enumerate().filter(|(_, window)| *window == NOBODY);
        let place = places.next().unwrap().0;
        assert!(places.next().is_none(), "{name}: one id is to be replaced");
        (name, message, place)
    };
    VECTORS.lines().skip(1).map(of).collect()
}

/// A node with a point code of its own, which writes the HLR's title and subsystem into its messages and even knows the
/// HLR's transaction id, ends, continues and answers dialogues with a million ids of ours each, and aborts them, answers in
/// other ways, and returns what we are to have sent in them, with a tenth of that. The ids of the sixty live dialogues are
/// among them. None is touched, and each try is counted.
#[test]
fn a_stranger_with_a_million_ids_touches_nothing() {
    const TRIES: u32 = 1_000_000;
    let mut gateway = gateway();
    let ids = live(&mut gateway, 20);
    let refused = |gateway: &Node| {
        let counts = &gateway.ss7.dialogues.counts;
        (counts.wrong_peer, counts.wrong_peer + counts.unrecognised_transaction)
    };
    let live: Vec<u32> =
        ids.iter().flatten().map(|id| u32::from_be_bytes(id[..].try_into().unwrap())).collect();
    let mut all = 0;
    for (name, mut message, place) in forged() {
        let tries = if ["end", "continue", "answer"].contains(&name) { TRIES } else { TRIES / 10 };
        let each = tries.div_ceil(live.len() as u32);
        let before = refused(&gateway);
        for &middle in &live {
            for number in 0..each {
                let id = middle.wrapping_add(number).wrapping_sub(each / 2);
                message[place..place + 4].copy_from_slice(&id.to_be_bytes());
                assert_eq!(gateway.hear_from(STRANGER, &message), None, "{name} {id:08x}");
            }
            gateway.sent.0.clear();
        }
        gateway.ss7.assert_invariants();
        let after = refused(&gateway);
        assert_eq!(gateway.open(), 60, "{name}");
        assert!(after.0 - before.0 >= 60, "{name}: each live dialogue is tried");
        assert_eq!(after.1 - before.1, u64::from(each) * 60, "{name}");
        all += after.1 - before.1;
    }
    assert!(all >= u64::from(TRIES) * 7 / 2);
    // Whose dialogues they are goes on in them.
    let result = result(0xa2, 1, operation::UPDATE_GPRS_LOCATION, &[0x30, 0]);
    for (kind, ids) in ids.iter().enumerate() {
        for id in ids {
            let told = gateway.hear_tcap(&end(id, (kind == 0).then_some(UGL), &[&result]));
            assert!(matches!(told, Some(Told::Returned { .. } | Told::Gone)), "{told:?}");
        }
    }
    assert_eq!(gateway.open(), 0);
}

/// From the HLR itself the same messages are heeded: it is not their form that is refused.
#[test]
fn what_strangers_say_counts_from_whom_it_is() {
    for (name, mut message, place) in forged() {
        let mut gateway = gateway();
        let kind = usize::from(name == "continue" || name == "answer-of-an-answered");
        let id = live(&mut gateway, 1).into_iter().nth(kind).unwrap().remove(0);
        message[place..place + 4].copy_from_slice(&id);
        let told = gateway.hear(&message);
        let heeded = match name {
            "end" | "abort" => matches!(told, Some(Told::Aborted(_))),
            "continue" => told.is_none() && gateway.ss7.dialogues.counts.continues_received == 2,
            "error" => matches!(told, Some(Told::Error { code: 34, .. })),
            "returned" => matches!(told, Some(Told::NotDelivered(_, 1))),
            _ => matches!(told, Some(Told::Returned { .. })),
        };
        assert!(heeded, "{name}: {told:?}");
    }
}

#[test]
fn what_came_back_must_come_from_where_it_was_sent() {
    let mut gateway = gateway();
    gateway.invoke(&update(), 5);
    let message = gateway.said().remove(0);
    assert_eq!(gateway.hear_from(STRANGER, &came_back(&message)), None);
    assert_eq!((gateway.open(), gateway.ss7.dialogues.counts.wrong_peer), (1, 1));
    assert_eq!(gateway.hear(&came_back(&message)), Some(Told::NotDelivered(5, 1)));
}

/// Two signalling relays of one load: the question goes through one, the answer comes through the other.
#[test]
fn tcap_loadshare_different_opc() {
    let relays = vec![PointCode(200), PointCode(201)];
    for (relays, is_taken) in [(relays, true), (vec![], false)] {
        let mut gateway = gateway_with(PeerMatch { relays, ..PeerMatch::default() });
        gateway.invoke(&update(), 5);
        let id = our_id(&gateway.said()[0]);
        let first = carried(&going_on(&id, Some(UGL), &[]), true);
        let last = carried(&end(&id, (!is_taken).then_some(UGL), &[]), true);
        gateway.hear_from(201, &first);
        assert_eq!(gateway.ss7.dialogues.counts.continues_received, u64::from(is_taken));
        assert_eq!(gateway.hear_from(STRANGER, &last), None, "a stranger is not among them");
        let told = gateway.hear(&last);
        assert_eq!(told, Some(Told::Aborted(5)), "the one that was called is");
    }
}

/// What must match is configured: titles instead of point codes, say.
#[test]
fn what_must_match_is_as_configured() {
    let parts = |point_code, title| AddressParts { point_code, ssn: true, title };
    for (first, taken) in
        [(parts(true, false), false), (parts(false, true), true), (parts(false, false), true)]
    {
        let mut gateway = gateway_with(PeerMatch { first, later: first, relays: vec![] });
        gateway.invoke(&update(), 5);
        let id = our_id(&gateway.said()[0]);
        let told = gateway.hear_from(STRANGER, &carried(&end(&id, Some(UGL), &[]), true));
        assert_eq!(told, taken.then_some(Told::Aborted(5)));
    }
}

/// A dialogue in which nothing is asked for is not kept open by empty Continues.
#[test]
fn empty_continues_keep_no_dialogue_open() {
    let mut gateway = gateway();
    assert_eq!(gateway.hear_tcap(&begin(CONTEXT, &[])), None);
    let id = our_id(&gateway.said()[0]);
    let start = gateway.now;
    while gateway.now < start + Duration::from_secs(31) {
        gateway.now += Duration::from_secs(5);
        gateway.hear_tcap(&going_on(&id, None, &[]));
        gateway.poll();
    }
    assert_eq!(gateway.open(), 0);
    // One in which an operation waits has its time from that on.
    assert_eq!(gateway.hear_tcap(&begin(CONTEXT, &[])), None);
    gateway.sent.0.drain(..gateway.sent.0.len() - 1);
    let id = our_id(&gateway.said()[0]);
    gateway.now += Duration::from_secs(29);
    gateway.hear_tcap(&going_on(&id, None, &[&invoke(1, 7, INSERT)])).unwrap();
    gateway.now += Duration::from_secs(599);
    assert_eq!((gateway.poll(), gateway.open()), (vec![], 1));
    gateway.now += Duration::from_secs(1);
    assert_eq!((gateway.poll(), gateway.open()), (vec![Told::Gone], 0));
}

#[test]
fn half_open_dialogues_of_one_title_leave_room_for_others() {
    let mut gateway = gateway();
    for _ in 0..70 {
        gateway.hear_tcap(&begin(CONTEXT, &[]));
    }
    assert_eq!(gateway.open() as u32, LIMITS.per_title);
    assert_eq!(gateway.ss7.dialogues.counts.refused_quota, 70 - u64::from(LIMITS.per_title));
    gateway.invoke(&update(), 1);
}
