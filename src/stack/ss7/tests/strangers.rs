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

/// A node with a point code of its own, which writes the HLR's title and subsystem into its messages and even knows the
/// HLR's transaction id, tries a million of ours by Continue, End, Abort and UDTS, those of the sixty live dialogues among
/// them. None is touched, and each try is counted.
#[test]
fn a_stranger_with_a_million_ids_touches_nothing() {
    const TRIES: u32 = 1_000_000;
    let mut gateway = gateway();
    let ids = live(&mut gateway, 20);
    let refused = |gateway: &Node| {
        let counts = &gateway.ss7.dialogues.counts;
        counts.wrong_peer + counts.unrecognised_transaction
    };
    let before = refused(&gateway);
    let nobody = &[0; 4][..];
    let mut forged = [
        carried(&going_on(nobody, None, &[]), true),
        carried(&end(nobody, None, &[]), true),
        carried(&element(0x67, &[&element(0x49, &[nobody])]), true),
        came_back(&element(0x65, &[&element(0x48, &[nobody]), &PEERS_ID])),
    ];
    let mut places = [0; 4];
    for (place, message) in places.iter_mut().zip(&forged) {
        *place = message.windows(4).rposition(|window| window == nobody).unwrap();
    }
    let live: Vec<u32> =
        ids.iter().flatten().map(|id| u32::from_be_bytes(id[..].try_into().unwrap())).collect();
    let each = TRIES / (live.len() as u32) + 1;
    let mut tried = 0;
    for &middle in &live {
        for number in 0..each {
            let id = middle.wrapping_add(number).wrapping_sub(each / 2);
            let kinds = if id == middle { 0..4 } else { number as usize % 4..number as usize % 4 + 1 };
            for kind in kinds {
                forged[kind][places[kind]..places[kind] + 4].copy_from_slice(&id.to_be_bytes());
                assert_eq!(gateway.hear_from(STRANGER, &forged[kind]), None, "{kind} {id:08x}");
                tried += 1;
            }
            gateway.sent.0.clear();
        }
    }
    gateway.ss7.assert_invariants();
    assert!(tried >= u64::from(TRIES));
    assert_eq!(gateway.open(), 60);
    assert_eq!(refused(&gateway) - before, tried);
    assert!(gateway.ss7.dialogues.counts.wrong_peer >= 4 * 60);
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

#[test]
fn what_came_back_must_come_from_where_it_was_sent() {
    let mut gateway = gateway();
    gateway.invoke(&update(), 5);
    let message = gateway.said().remove(0);
    assert_eq!(gateway.hear_from(STRANGER, &came_back(&message)), None);
    assert_eq!((gateway.open(), gateway.ss7.dialogues.counts.wrong_peer), (1, 1));
    assert_eq!(gateway.hear(&came_back(&message)), Some(Told::Aborted(5)));
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
