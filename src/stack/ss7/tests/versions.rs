//! Versions 1, 2 and 3 of MAP both ways: which is offered, refused, tried next and remembered; long messages; several
//! messages in one dialogue.

use super::*;
use crate::ident::{Imsi, Msisdn};
use crate::proto::map::{self, DialoguePdu, subscription};

/// An SMSC that is both SMS-IWMSC and SMS-GMSC, of the versions `versions` alone.
fn smsc(versions: (Version, Version)) -> Node {
    let mut offers = vec![Offer::new(context::MO_RELAY, versions, operation::MO_FORWARD_SM)];
    offers.push(Offer::new(context::MWD_MANAGEMENT, versions, operation::READY_FOR_SM));
    if versions.0 == Version::V1 {
        offers.push(Offer::only(context::MWD_MANAGEMENT, Version::V1, operation::NOTE_SUBSCRIBER_PRESENT));
    }
    centre(offers)
}

/// A node that is service centre and HLR under one title.
fn centre(offers: Vec<Offer>) -> Node {
    let own = [Ssn::MSC, Ssn::HLR].map(|ssn| SccpAddress::titled(digits(HLR), ssn));
    Node::new(200, 100, own.to_vec(), offers)
}

const ALL: (Version, Version) = (Version::V1, Version::V3);

/// The gateway with the offers that it has in operation.
fn relay() -> Node {
    let own = [Ssn::MSC, Ssn::SGSN].map(|ssn| SccpAddress::titled(digits(GATEWAY), ssn));
    let offers = vec![
        Offer::only(context::MT_RELAY, Version::V3, operation::MT_FORWARD_SM),
        Offer::only(context::MT_RELAY, Version::V2, operation::MO_FORWARD_SM),
        Offer::only(context::MO_RELAY, Version::V1, operation::MO_FORWARD_SM),
    ];
    Node::new(100, 200, own.to_vec(), offers)
}

fn imsi() -> Imsi {
    "262011234567890".parse().unwrap()
}

fn mo<'a>(title: &str, service_centre: &str, msisdn: &str, tpdu: &'a [u8]) -> MoForward<'a> {
    MoForward {
        title: digits(title),
        ssn: Ssn::MSC,
        service_centre: digits(service_centre),
        destination: digits(service_centre).into(),
        msisdn: Msisdn::new(digits(msisdn)),
        imsi: Some(imsi()),
        tpdu,
    }
}

impl Node {
    fn mo(&mut self, forward: &MoForward<'_>, user: u64) -> Result<(), Refusal> {
        self.ss7.mo_forward_sm(self.now, forward, user, &mut self.sent)
    }

    fn forwarded(&mut self, asked: &Asked, tpdu: Option<&[u8]>) {
        self.ss7.forward_sm_result(self.now, asked, operation::MT_FORWARD_SM, tpdu, &mut self.sent);
    }

    /// A TCAP message from the service centre.
    fn hear_centre(&mut self, message: &[u8]) -> Option<Told> {
        let [calling, called] = [HLR, GATEWAY].map(|title| SccpAddress::titled(digits(title), Ssn::MSC));
        let header = sccp::build::UnitdataHeader {
            class: 1,
            return_on_error: false,
            called: &called,
            calling: &calling,
        };
        let mut room = [0; 600];
        let mut w = Prepend::new(&mut room);
        w.bytes(message);
        sccp::build::udt(&mut w, 0, &header, 600).expect("it fits");
        self.hear(w.finish().unwrap())
    }

    fn remembered(&self) -> Vec<(u8, Version)> {
        let mut all = vec![];
        self.ss7.versions(self.now, &mut |_, context, version, _| all.push((context, version)));
        all
    }
}

/// Carries what two nodes have to say to each other until neither says anything; what each told meanwhile.
fn converse(one: &mut Node, other: &mut Node) -> (Vec<Told>, Vec<Told>) {
    let (mut told, mut others) = (vec![], vec![]);
    loop {
        let (to_other, to_one) = (core::mem::take(&mut one.sent.0), core::mem::take(&mut other.sent.0));
        if to_other.is_empty() && to_one.is_empty() {
            return (told, others);
        }
        others.extend(to_other.iter().filter_map(|message| other.hear(message)));
        told.extend(to_one.iter().filter_map(|message| one.hear(message)));
    }
}

const TITLES: [(&str, &str, &str); 2] = [
    ("491710999001", "491710888001", "491701234567"),
    ("491710999001234", "491710888001234", "491701234567890"),
];

/// 160 septets and 140 octets, with titles of 12 and of 15 digits, in each version: the peer refuses the newer ones.
#[test]
fn mobile_originated_messages_of_all_lengths_in_all_versions() {
    // SMS-SUBMIT with validity period and a number of 12 digits in front of the user data, which has 140 octets in both
    // codings; less without a validity period.
    let lengths = [140 + 13, 140 + 20];
    for (versions, refusals) in [
        (ALL, 0),
        ((Version::V1, Version::V2), 1),
        ((Version::V1, Version::V1), 2),
        ((Version::V2, Version::V2), 1),
    ] {
        for (title, centre, msisdn) in TITLES {
            for length in lengths {
                let (mut gateway, mut smsc) = (relay(), smsc(versions));
                let tpdu = vec![0x41; length];
                for round in 0..2 {
                    gateway.mo(&mo(title, centre, msisdn, &tpdu), 7).unwrap();
                    let (told, asked) = converse(&mut gateway, &mut smsc);
                    let what = format!("{versions:?} {title} {length} octets, round {round}");
                    assert_eq!((told, asked.len()), (vec![], 1), "{what}");
                    let Told::Invoke { opcode: 46, argument, .. } = &asked[0] else { panic!("{what}") };
                    assert_eq!(*argument, tpdu, "{what}");
                    smsc.forwarded(&asked[0].asked(), None);
                    let (told, _) = converse(&mut gateway, &mut smsc);
                    assert_eq!(told, [Told::Returned { user: 7, opcode: 46, result: vec![] }], "{what}");
                    // The second goes there at once.
                    assert_eq!(gateway.ss7.counts.version_refused, refusals, "{what}");
                    assert_eq!((gateway.open(), gateway.ss7.held.len(), smsc.open()), (0, 0, 0), "{what}");
                }
                let known = if refusals == 0 { vec![] } else { vec![(context::MO_RELAY, versions.1)] };
                assert_eq!(gateway.remembered(), known);
                assert_eq!(gateway.ss7.counts.too_long, 0);
            }
        }
    }
}

#[test]
fn a_handshake_is_made_where_a_begin_would_be_too_long() {
    let (title, centre, msisdn) = TITLES[1];
    for (length, expected) in [(100, 0), (160, 1), (200, 1)] {
        let (mut gateway, mut smsc) = (relay(), smsc(ALL));
        let tpdu = vec![0x41; length];
        let sent = gateway.mo(&mo(title, centre, msisdn, &tpdu), 7);
        if length == 200 {
            // Longer than a message with the dialogue open, too.
            assert_eq!((sent, gateway.open(), gateway.ss7.held.len()), (Err(Refusal::TooLong), 0, 0));
            continue;
        }
        let begin = gateway.sent.0.clone();
        assert_eq!((gateway.ss7.counts.handshakes, sent), (expected, Ok(())));
        let told = smsc.hear(&begin[0]);
        assert_eq!(told.is_none(), expected == 1, "{length} octets: nothing is invoked in the Begin");
    }
    // SM-RP-UI has at most 200 octets.
    let mut gateway = relay();
    assert_eq!(gateway.mo(&mo(title, centre, msisdn, &[0; 201]), 7), Err(Refusal::TooLong));
    assert_eq!(gateway.ss7.counts.too_long, 1);
}

#[test]
fn what_is_agreed_with_an_operator_holds() {
    let (title, centre, msisdn) = TITLES[0];
    let long = TITLES[1];
    let with = |handshake, highest| {
        let mut gateway = relay();
        gateway.ss7.policies = vec![PeerPolicy { prefix: digits("4917108"), handshake, highest }];
        gateway
    };
    let mut always = with(Handshake::Always, Version::V3);
    always.mo(&mo(title, centre, msisdn, &[1]), 1).unwrap();
    assert_eq!((always.ss7.counts.handshakes, parts(&always.said()[0])), (1, vec![]));
    let mut never = with(Handshake::Never, Version::V3);
    assert_eq!(never.mo(&mo(long.0, long.1, long.2, &[1; 160]), 1), Err(Refusal::TooLong));
    assert_eq!((never.open(), never.ss7.held.len()), (0, 0));
    let mut older = with(Handshake::Always, Version::V2);
    older.mo(&mo(title, centre, msisdn, &[1]), 1).unwrap();
    let said = older.said();
    let asked = aarq(&context::of(context::MO_RELAY, 2));
    assert!(said[0].windows(asked.len()).any(|window| window == asked));
}

/// The operation must not be done twice.
#[test]
fn nothing_is_sent_again_once_a_peer_has_accepted() {
    let (title, centre, msisdn) = TITLES[0];
    let mut gateway = relay();
    gateway.mo(&mo(title, centre, msisdn, &[1]), 1).unwrap();
    let id = our_id(&gateway.said()[0]);
    let relay_v3 = context::MO_RELAY_V3;
    assert_eq!(gateway.hear_centre(&going_on(&id, Some(relay_v3), &[])), None);
    let aborts =
        [element(0x67, &[&element(0x49, &[&id]), &[0x4a, 1, 3]]), element(0x67, &[&element(0x49, &[&id])])];
    assert_eq!(gateway.hear_centre(&aborts[0]), Some(Told::Aborted(1)));
    assert_eq!((gateway.said().len(), gateway.ss7.held.len()), (0, 0));
    // Nor is it when the first answer can't be what was agreed: it may have been done.
    gateway.mo(&mo(title, centre, msisdn, &[1]), 2).unwrap();
    let id = our_id(&gateway.said()[0]);
    assert_eq!(gateway.hear_centre(&end(&id, None, &[&[0xa2, 3, 2, 1, 1]])), Some(Told::Aborted(2)));
    // After a handshake the operation goes out once.
    let long = TITLES[1];
    gateway.mo(&mo(long.0, long.1, long.2, &[1; 160]), 3).unwrap();
    let id = our_id(&gateway.said()[0]);
    assert_eq!(gateway.hear_centre(&going_on(&id, Some(relay_v3), &[])), None);
    assert_eq!(gateway.said().len(), 1);
    assert_eq!(gateway.hear_centre(&going_on(&id, None, &[])), None);
    assert_eq!(gateway.said().len(), 0);
    assert_eq!(gateway.ss7.counts.version_refused, 0);
}

#[test]
fn which_refusals_mean_the_version() {
    let (title, centre, msisdn) = TITLES[0];
    let refused = |code: [u8; 3], alternative: Option<[u8; 7]>| {
        let mut room = [0; DialoguePdu::MAX];
        let mut w = Prepend::new(&mut room);
        if let Some(alternative) = &alternative {
            let reason = map::RefuseReason::NoReason;
            DialoguePdu::Refuse { reason, alternative: Some(alternative) }.write(&mut w);
        }
        let information = w.finish().unwrap();
        let information = if information.is_empty() { vec![] } else { element(0xbe, &[information]) };
        let context = element(0xa1, &[&element(6, &[context::MO_RELAY_V3])]);
        let rest = [0xa2, 3, 2, 1, 1, 0xa3, 5, code[0], 3, 2, 1, code[2]];
        dialogue_portion(&element(0x61, &[&context, &rest, &information]))
    };
    let mo_v = |version| Some(context::of(context::MO_RELAY, version));
    let cases: [(Vec<u8>, Option<u8>); 12] = [
        (vec![0x4a, 1, 3], Some(2)),
        (vec![0x4a, 1, 1], None),
        (vec![0x4a, 1, 4], None),
        (vec![], Some(2)),
        (refused([0xa1, 0, 2], None), Some(2)),
        (refused([0xa1, 0, 1], None), None),
        (refused([0xa1, 0, 2], mo_v(1)), Some(1)),
        (refused([0xa1, 0, 1], mo_v(2)), Some(2)),
        // An alternative that is none: another context, a newer version.
        (refused([0xa1, 0, 2], Some(context::of(context::GATEWAY, 1))), Some(2)),
        (refused([0xa1, 0, 1], mo_v(4)), None),
        (dialogue_portion(&element(0x64, &[&[0x80, 1, 1]])), None),
        (dialogue_portion(&element(0x64, &[&[0x80, 1, 0]])), None),
    ];
    for (cause, expected) in cases {
        let mut gateway = relay();
        gateway.mo(&mo(title, centre, msisdn, &[1]), 1).unwrap();
        let id = our_id(&gateway.said()[0]);
        let told = gateway.hear_centre(&element(0x67, &[&element(0x49, &[&id]), &cause]));
        let said = gateway.said();
        match expected {
            None => {
                assert_eq!((told, said.len(), gateway.open()), (Some(Told::Aborted(1)), 0, 0), "{cause:02x?}")
            }
            Some(version) => {
                assert_eq!((told, said.len(), gateway.open()), (None, 1, 1), "{cause:02x?}");
                let asked = aarq(&context::of(context::MO_RELAY, version));
                let named = said[0].windows(asked.len()).any(|window| window == asked);
                assert_eq!(named, version > 1, "{cause:02x?}");
                assert!(gateway.remembered().is_empty(), "not before it is accepted");
            }
        }
        assert_eq!(gateway.ss7.held.len(), gateway.open());
    }
}

#[test]
fn a_peer_that_refuses_everything_is_asked_three_times() {
    let (mut gateway, mut none) = (relay(), centre(vec![]));
    let (title, centre, msisdn) = TITLES[0];
    gateway.mo(&mo(title, centre, msisdn, &[1]), 9).unwrap();
    let (told, _) = converse(&mut gateway, &mut none);
    assert_eq!(told, [Told::Aborted(9)]);
    assert_eq!((gateway.ss7.counts.version_refused, gateway.open(), gateway.ss7.held.len()), (2, 0, 0));
    assert!(gateway.remembered().is_empty());
}

#[test]
fn what_is_remembered_ages() {
    let (mut gateway, mut smsc) = (relay(), smsc((Version::V2, Version::V2)));
    let (title, centre, msisdn) = TITLES[0];
    let mut send = |gateway: &mut Node| {
        gateway.mo(&mo(title, centre, msisdn, &[1]), 9).unwrap();
        let (_, asked) = converse(gateway, &mut smsc);
        smsc.forwarded(&asked[0].asked(), None);
        let (told, _) = converse(gateway, &mut smsc);
        assert_eq!(told.len(), 1);
        gateway.ss7.counts.version_refused
    };
    assert_eq!((send(&mut gateway), send(&mut gateway)), (1, 1));
    gateway.now += Duration::from_secs(3601);
    assert_eq!((send(&mut gateway), send(&mut gateway)), (2, 2));
}

#[test]
fn nothing_is_held_beyond_its_room() {
    let (mut gateway, mut smsc) = (relay(), smsc((Version::V2, Version::V2)));
    gateway.ss7.held = Slab::newest_first(1);
    let (title, centre, msisdn) = TITLES[0];
    gateway.mo(&mo(title, centre, msisdn, &[1]), 1).unwrap();
    gateway.mo(&mo(title, centre, msisdn, &[2]), 2).unwrap();
    let long = TITLES[1];
    assert_eq!(gateway.mo(&mo(long.0, long.1, long.2, &[3; 160]), 3), Err(Refusal::Full));
    assert_eq!((gateway.ss7.counts.held_full, gateway.open()), (2, 2));
    // The second can't be asked again.
    let (told, asked) = converse(&mut gateway, &mut smsc);
    assert_eq!((told, asked.len()), (vec![Told::Aborted(2)], 1));
    // Time ends the other one, and with it what was held.
    gateway.now += Duration::from_secs(91);
    assert_eq!(gateway.poll(), [Told::TimedOut(1)]);
    assert_eq!((gateway.open(), gateway.ss7.held.len()), (0, 0));
}

#[test]
fn an_hlr_is_told_in_its_version_who_is_there_again() {
    for (versions, reason, expected) in [
        (ALL, AlertReason::MemoryAvailable, Some((66, "300f 800862021132547698f0 0a0101 8100"))),
        ((Version::V2, Version::V2), AlertReason::MsPresent, Some((66, "300d 800862021132547698f0 0a0100"))),
        ((Version::V1, Version::V1), AlertReason::MsPresent, Some((48, "0408 62021132547698f0"))),
        ((Version::V1, Version::V1), AlertReason::MemoryAvailable, None),
    ] {
        let (mut gateway, mut hlr) = (relay(), smsc(versions));
        let ready = ReadyForSm {
            from: (digits(GATEWAY), Ssn::MSC),
            hlr: digits(HLR),
            imsi: imsi(),
            reason,
            sgsn: false,
            timeout: Duration::from_secs(20),
        };
        gateway.ss7.ready_for_sm(gateway.now, &ready, 5, &mut gateway.sent).unwrap();
        let (told, asked) = converse(&mut gateway, &mut hlr);
        let Some((code, octets)) = expected else {
            assert_eq!((told, asked.len()), (vec![Told::Aborted(5)], 0));
            continue;
        };
        let Told::Invoke { opcode, argument, .. } = &asked[0] else { panic!() };
        assert_eq!((*opcode, argument), (code, &hex(octets)));
        if code == 66 {
            hlr.returned(&asked[0].asked(), 66, None);
            let (told, _) = converse(&mut gateway, &mut hlr);
            assert_eq!(told, [Told::Returned { user: 5, opcode: 66, result: vec![] }]);
        } else {
            // Nothing answers it: time is its success.
            gateway.now += Duration::from_secs(21);
            assert_eq!(gateway.poll(), [Told::Returned { user: 5, opcode: 48, result: vec![] }]);
        }
        assert_eq!((gateway.open(), gateway.ss7.held.len(), hlr.open()), (0, 0, 0));
    }
}

/// A VLR tells HLRs of every version where a subscriber is, each in its words.
#[test]
fn an_hlr_is_told_in_its_version_where_somebody_is() {
    let msc = map::AddressString::international(digits(GATEWAY));
    let location = subscription::LocationInfo::MscNumber(msc);
    let update = subscription::UpdateLocation { imsi: imsi(), location, vlr_number: msc };
    for (version, refusals) in [(Version::V3, 0), (Version::V2, 1), (Version::V1, 2)] {
        let offer =
            Offer::new(context::NETWORK_LOCATION_UPDATE, (Version::V1, version), operation::UPDATE_LOCATION);
        let (mut vlr, mut hlr) = (relay(), centre(vec![offer]));
        for round in 0..2 {
            let from = (digits(GATEWAY), Ssn::MSC);
            let update = LocationUpdate { from, hlr: digits(HLR), update, timeout: Duration::from_secs(20) };
            vlr.ss7.update_location(vlr.now, &update, 5, &mut vlr.sent).unwrap();
            let (told, asked) = converse(&mut vlr, &mut hlr);
            let Told::Invoke { opcode: 2, argument, .. } = &asked[0] else { panic!("{told:?} {asked:?}") };
            assert_eq!(*argument, update.update.encode_in(version), "{version:?}");
            // insertSubscriberData in the same dialogue, whatever the version.
            let inside = asked[0].asked();
            hlr.within(&inside, &[0x30, 0], 6).unwrap();
            let (told, _) = converse(&mut vlr, &mut hlr);
            assert!(matches!(told[0], Told::Invoke { opcode: 7, within: Some(5), .. }), "{told:?}");
            vlr.returned(&told[0].asked(), 7, None);
            let (_, told) = converse(&mut vlr, &mut hlr);
            assert_eq!(told, [Told::Returned { user: 6, opcode: 7, result: vec![] }]);
            let hlr_number = map::AddressString::international(digits(HLR));
            let result = subscription::UpdateLocationResult { hlr_number }.encode_in(version);
            hlr.returned(&inside, 2, Some(&result));
            let (told, _) = converse(&mut vlr, &mut hlr);
            assert_eq!(told, [Told::Returned { user: 5, opcode: 2, result }]);
            assert_eq!(vlr.ss7.counts.version_refused, refusals, "round {round}: remembered");
        }
        assert_eq!((vlr.open(), vlr.ss7.held.len(), hlr.open()), (0, 0, 0));
    }
}

const MT: &str = "3016 800862021132547698f0 840791947101670000 0401 01";
const MT_MORE: &str = "3018 800862021132547698f0 840791947101670000 0401 01 0500";
const NEXT_MORE: &str = "3009 8500 8500 0401 02 0500";
const NEXT: &str = "3007 8500 8500 0401 03";

/// A Begin of version 1, which has no dialogue portion.
fn begin_v1(all: &[&[u8]]) -> Vec<u8> {
    element(0x62, &[&PEERS_ID, &components(all)])
}

/// A Begin of an mt-ForwardSM in a version, and the operation's code in it.
fn mt_begin(version: Version, argument: &str) -> (Vec<u8>, u8) {
    let (context, opcode) = map::mt_forward_sm(version);
    let component = invoke(1, opcode, &hex(argument));
    let message = match version {
        Version::V1 => begin_v1(&[&component]),
        _ => begin(&context::of(context, version as u8), &[&component]),
    };
    (message, opcode)
}

#[test]
fn mobile_terminated_messages_are_answered_in_their_version() {
    for version in [Version::V1, Version::V2, Version::V3] {
        let mut gateway = relay();
        let (message, _) = mt_begin(version, MT);
        let told = gateway.hear_tcap(&message).unwrap();
        assert_eq!(told, Told::Invoke { asked: told.asked(), opcode: 44, argument: vec![1], within: None });
        // A report goes with the result in version 3 only.
        gateway.forwarded(&told.asked(), Some(&[0, 0]));
        let said = gateway.said();
        let result = if version == Version::V3 {
            hex("a20e 020101 3009 02012c 3004 0402 0000")
        } else {
            hex("a203 020101")
        };
        assert_eq!((said[0][0], parts(&said[0])), (0x64, result.clone()), "{version:?}");
        let parsed = tcap::Message::parse(&said[0]).unwrap();
        assert_eq!(parsed.dialogue.is_none(), version == Version::V1);
        assert_eq!(gateway.open(), 0);
        // And an error in its version's words.
        let told = gateway.hear_tcap(&message).unwrap();
        let absent = UserError::absent_subscriber_sm(map::AbsentSubscriberDiagnostic(12));
        gateway.ss7.user_error(gateway.now, &told.asked(), &absent, &mut gateway.sent);
        let error =
            if version == Version::V3 { "a30b 020101 020106 300302010c" } else { "a306 020101 02011b" };
        assert_eq!(parts(&gateway.said()[0]), hex(error), "{version:?}");
    }
}

#[test]
fn versions_that_are_not_offered_are_refused_with_one_that_is() {
    let mut gateway = relay();
    let refused = |gateway: &mut Node, message: &[u8]| {
        assert_eq!(gateway.hear_tcap(message), None);
        let said = gateway.said();
        let parsed = tcap::Message::parse(&said[0]).unwrap();
        assert_eq!((said.len(), said[0][0], gateway.open()), (1, 0x67, 0));
        match parsed.dialogue {
            None => None,
            Some(tcap::DialoguePortion::Response {
                accepted: false, diagnostic, user_information, ..
            }) => {
                assert_eq!(diagnostic, tcap::Diagnostic::CONTEXT_NOT_SUPPORTED);
                user_information.map(|information| match DialoguePdu::parse(information) {
                    Some(DialoguePdu::Refuse { alternative, .. }) => alternative.unwrap().to_vec(),
                    other => panic!("{other:?}"),
                })
            }
            other => panic!("{other:?}"),
        }
    };
    let component = invoke(1, 44, &hex(MT));
    let asked = |context, version| begin(&context::of(context, version), &[&component]);
    assert_eq!(refused(&mut gateway, &asked(25, 4)), Some(context::MT_RELAY_V3.to_vec()));
    // Version 1 with its name; a context of others, and one that is offered in version 1 alone.
    assert_eq!(refused(&mut gateway, &asked(25, 1)), Some(context::MT_RELAY_V3.to_vec()));
    assert_eq!(refused(&mut gateway, &asked(20, 3)), None);
    assert_eq!(refused(&mut gateway, &asked(21, 1)), None);
    // Without a name: the operation's context is not offered, or there is none.
    for bad in [invoke(1, 45, &[0x30, 0]), invoke(1, 44, &hex(MT)), vec![0xa2, 3, 2, 1, 1]] {
        assert_eq!(refused(&mut gateway, &begin_v1(&[&bad])), None);
    }
    assert_eq!(refused(&mut gateway, &begin_v1(&[])), None);
    assert_eq!(gateway.ss7.counts.context_refused, 8);
    // mt-ForwardSM's code belongs to version 3.
    assert_eq!(gateway.hear_tcap(&begin(&context::of(25, 2), &[&invoke(1, 44, &hex(MT))])), None);
    assert_eq!(parts(&gateway.said()[0]), reject(1, [0x81, 1]));
}

#[test]
fn more_messages_come_in_one_dialogue() {
    for version in [Version::V1, Version::V2, Version::V3] {
        let mut gateway = relay();
        let (message, opcode) = mt_begin(version, MT_MORE);
        let first = gateway.hear_tcap(&message).unwrap().asked();
        gateway.forwarded(&first, None);
        let said = gateway.said();
        assert_eq!((said[0][0], parts(&said[0])), (0x65, hex("a203 020101")), "{version:?}");
        let id = our_id(&said[0]);
        for (number, argument, tag) in [(2, NEXT_MORE, 0x65), (3, NEXT, 0x64)] {
            let message = carried(&going_on(&id, None, &[&invoke(number, opcode, &hex(argument))]), true);
            let label = Label {
                direction: Direction::In,
                association: 0,
                originating: PointCode(200),
                destination: PointCode(100),
                selection: 0,
                tried: 0,
            };
            let malformed = &mut gateway.malformed;
            let told = gateway.ss7.handle_sccp(gateway.now, &label, &message, malformed, &mut gateway.sent);
            let Some(Indication::Invoke(told)) = told else { panic!("{told:?}") };
            let Operation::MtForwardSm(forward) = told.operation else { panic!() };
            assert_eq!(
                (forward.imsi, forward.service_centre),
                (Some(imsi()), Some(digits("491710760000").into()))
            );
            assert_eq!(
                (forward.tpdu, forward.more_messages, told.version),
                (&[number as u8][..], tag == 0x65, version)
            );
            let asked = told.asked;
            gateway.forwarded(&asked, None);
            assert_eq!(gateway.said()[0][0], tag);
        }
        assert_eq!((gateway.open(), gateway.ss7.counts.more_messages), (0, 2));
    }
}

#[test]
fn a_dialogue_for_more_messages_ends() {
    let begun = || {
        let mut gateway = relay();
        let first = gateway.hear_tcap(&mt_begin(Version::V3, MT_MORE).0).unwrap().asked();
        (gateway, first)
    };
    // By an error.
    let (mut gateway, first) = begun();
    gateway.ss7.user_error(gateway.now, &first, &UserError::system_failure(), &mut gateway.sent);
    assert_eq!((gateway.said()[0][0], gateway.open()), (0x64, 0));
    // Because none comes.
    let (mut gateway, first) = begun();
    gateway.forwarded(&first, None);
    gateway.said();
    gateway.now += Duration::from_secs(59);
    assert_eq!(gateway.poll(), []);
    gateway.now += Duration::from_secs(2);
    assert_eq!(gateway.poll(), [Told::Gone]);
    assert_eq!((gateway.said()[0][0], gateway.open()), (0x67, 0));
    // By the peer.
    let (mut gateway, first) = begun();
    gateway.forwarded(&first, None);
    let id = our_id(&gateway.said()[0]);
    assert_eq!(gateway.hear_tcap(&end(&id, None, &[])), Some(Told::Gone));
    // Without one before it, a message that says "as before" is for nobody.
    let mut gateway = relay();
    let told = gateway.hear_tcap(&mt_begin(Version::V3, NEXT).0).unwrap();
    assert_eq!(gateway.ss7.counts.more_messages, 0);
    gateway.forwarded(&told.asked(), None);
    assert_eq!(gateway.said()[0][0], 0x64);
}

/// F-18: the VLR's own number in SM-RP-DA, and the subscriber's in map-open (TS 29.002 23.3.1).
#[test]
fn map_open_names_whose_lmsi_it_is() {
    let lmsi = invoke(1, 44, &hex("3012 8104 01020304 840791947101670000 0401 01"));
    let open = |plan| {
        let destination = map::AddressString {
            nature: map::TypeOfNumber::INTERNATIONAL,
            plan,
            digits: digits("262011234567890"),
        };
        let mut room = [0; DialoguePdu::MAX];
        let mut w = Prepend::new(&mut room);
        DialoguePdu::Open { destination: Some(destination), originator: None }.write(&mut w);
        let information = element(0xbe, &[w.finish().unwrap()]);
        let context = element(0xa1, &[&element(6, &[context::MT_RELAY_V3])]);
        let portion = dialogue_portion(&element(0x60, &[&context, &information]));
        element(0x62, &[&PEERS_ID, &portion, &components(&[&lmsi])])
    };
    for (message, expected) in [
        (open(map::Plan::E212), Some(imsi())),
        (open(map::Plan::E164), None),
        (begin(context::MT_RELAY_V3, &[&lmsi]), None),
    ] {
        let mut gateway = relay();
        let message = carried(&message, true);
        let label = Label {
            direction: Direction::In,
            association: 0,
            originating: PointCode(200),
            destination: PointCode(100),
            selection: 0,
            tried: 0,
        };
        let malformed = &mut gateway.malformed;
        let told = gateway.ss7.handle_sccp(gateway.now, &label, &message, malformed, &mut gateway.sent);
        let Some(Indication::Invoke(told)) = told else { panic!("{told:?}") };
        let Operation::MtForwardSm(forward) = told.operation else { panic!() };
        assert_eq!(forward.imsi, expected);
    }
}

#[test]
fn the_length_of_a_begin_is_known_before_it_is_written() {
    for length in [1, 60, 90, 100, 120, 127, 150, 160] {
        for (title, centre, msisdn) in TITLES {
            let mut gateway = relay();
            let tpdu = vec![0; length];
            if gateway.mo(&mo(title, centre, msisdn, &tpdu), 1).is_err() || gateway.ss7.counts.handshakes == 1
            {
                continue;
            }
            let message = gateway.sent.0.remove(0);
            let Ok(sccp::Input::Unitdata(unitdata)) = sccp::parse(&message) else { panic!() };
            let components = parts(unitdata.data).len();
            assert_eq!(tcap::build::begin_len(components, 7), unitdata.data.len(), "{length} octets");
            let (called, calling) = (&unitdata.called, &unitdata.calling);
            assert_eq!(sccp::build::udt_len(unitdata.data.len(), called, calling), message.len());
        }
    }
}
