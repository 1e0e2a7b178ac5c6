//! What screening refuses never becomes a dialogue, or ends it; what it only tries changes nothing.

use super::*;
use crate::proto::map::{AddressString, MtForwardSm, SmRpDa, SmRpOa};
use crate::proto::tcap::{Component, DialoguePortion};

/// A title of a network that nobody knows, and one of a partner's.
const STRANGER: &str = "8613800100500";
const PARTNER: &str = "447700900123";

/// A point of our own network, and the one whose messages lead out of it.
const INSIDE: u32 = 201;
const OUTSIDE: u32 = 200;

/// `actions`, and all else off, as an operator would have it who knows his own network and one partner.
fn config(actions: &[(Rule, Action)]) -> ScreeningConfig {
    let operator = |is_own, titles: &[&str], imsis: &[&str]| {
        let all = |texts: &[&str]| texts.iter().map(|text| digits(text)).collect();
        Operator { is_own, titles: all(titles), imsi_prefixes: all(imsis) }
    };
    let mut config = ScreeningConfig {
        operators: vec![
            operator(true, &["491710", "436640"], &["26201"]),
            operator(false, &["4477009"], &["23415"]),
        ],
        own_points: vec![PointCode(INSIDE)],
        ..ScreeningConfig::default()
    };
    for (rule, action) in actions {
        config.actions[*rule as usize] = *action;
    }
    config
}

fn screened(config: &ScreeningConfig) -> Node {
    let mut node = gateway();
    node.ss7.screening = Screening::new(config, SipKey::new([9; 16])).unwrap();
    node
}

/// A UDT to the gateway's MSC from a title at a subsystem.
fn from(title: &str, ssn: Ssn, message: &[u8]) -> Vec<u8> {
    let called = SccpAddress::titled(digits(GATEWAY), Ssn::MSC);
    let calling = SccpAddress::titled(digits(title), ssn);
    let header =
        sccp::build::UnitdataHeader { class: 1, return_on_error: false, called: &called, calling: &calling };
    let mut room = [0; 600];
    let mut w = Prepend::new(&mut room);
    w.bytes(message);
    sccp::build::udt(&mut w, 0, &header, 600).expect("it fits");
    w.finish().unwrap().to_vec()
}

/// cancelLocation for a subscriber of the network with MCC 262 and MNC 01.
fn cancel() -> Vec<u8> {
    invoke(1, operation::CANCEL_LOCATION, &hex("a30a 0408 62021132547698f0"))
}

fn message(centre: &str) -> Vec<u8> {
    let mut room = [0; 128];
    let mut w = Prepend::new(&mut room);
    let origin = SmRpOa::ServiceCentre(AddressString::international(digits(centre)));
    let imsi = "262011234567890".parse().unwrap();
    MtForwardSm::new(SmRpDa::Imsi(imsi), origin, &hex("0405810000")).write(&mut w);
    invoke(1, operation::MT_FORWARD_SM, w.finish().unwrap())
}

/// What was refused, and what let through, by the rules that did anything.
fn counted(node: &Node) -> Vec<(&'static str, u64, u64)> {
    let rules = node.ss7.screening().rules();
    let counted = rules.map(|(rule, _, counts)| (rule.name(), counts.refused, counts.let_through));
    counted.filter(|(_, refused, let_through)| refused + let_through > 0).collect()
}

/// The user error in the only component of a message.
fn error_in(message: &[u8]) -> u8 {
    let parsed = tcap::Message::parse(message).expect("a message");
    let components: Vec<_> = parsed.components.clone().collect();
    match components[..] {
        [Component::Error { id: 1, code: tcap::Code::Local(code), .. }] => code,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_dropped_leaves_nothing_behind() {
    let mut node = screened(&config(&[(Rule::Category1, Action::Drop)]));
    let asked = begin(context::GATEWAY_V3, &[&invoke(1, operation::SEND_ROUTING_INFO_FOR_SM, &[0x30, 0])]);
    for _ in 0..10_000 {
        assert_eq!(node.hear_from(OUTSIDE, &from(STRANGER, Ssn::MSC, &asked)), None);
    }
    assert_eq!((node.said(), node.open()), (vec![], 0));
    assert_eq!(counted(&node), [("category_1", 10_000, 0)]);
    assert_eq!(node.ss7.tcap_counts().not_admitted, 10_000);
    assert_eq!(node.ss7.tcap_counts().refused_quota, 0);
    // Our own network is answered: it is not offered.
    node.hear_from(INSIDE, &from(HLR, Ssn::MSC, &asked));
    assert_eq!(node.said().len(), 1);
    assert_eq!(counted(&node), [("category_1", 10_000, 0)]);
}

#[test]
fn an_error_ends_the_dialogue_at_once() {
    let actions =
        [(Rule::Category2, Action::UnexpectedDataValue), (Rule::ServiceCentre, Action::SystemFailure)];
    let mut node = screened(&config(&actions));
    let cases = [
        (PARTNER, begin(context::LOCATION_CANCELLATION_V3, &[&cancel()]), 36),
        (PARTNER, begin(context::MT_RELAY_V3, &[&message(HLR)]), 34),
        (STRANGER, begin(context::MT_RELAY_V3, &[&message(PARTNER)]), 34),
    ];
    for (title, asked, error) in cases {
        assert_eq!(node.hear_from(OUTSIDE, &from(title, Ssn::HLR, &asked)), None);
        let said = node.said();
        let [end] = &said[..] else { panic!("{said:02x?}") };
        let parsed = tcap::Message::parse(end).unwrap();
        assert_eq!(parsed.message_type, tcap::MessageType::End);
        assert!(matches!(parsed.dialogue, Some(DialoguePortion::Response { accepted: true, .. })));
        assert_eq!((error_in(end), node.open()), (error, 0));
    }
    assert_eq!(counted(&node), [("category_2", 1, 0), ("service_centre", 2, 0)]);
    // What is as it should be comes through.
    let good = begin(context::MT_RELAY_V3, &[&message(PARTNER)]);
    assert!(matches!(node.hear_from(OUTSIDE, &from(PARTNER, Ssn::MSC, &good)), Some(Told::Invoke { .. })));
    let good = begin(context::LOCATION_CANCELLATION_V3, &[&cancel()]);
    assert!(matches!(node.hear_from(INSIDE, &from(HLR, Ssn::HLR, &good)), Some(Told::Invoke { .. })));
}

#[test]
fn the_handshake_is_no_way_around() {
    for action in [Action::Drop, Action::Abort, Action::SystemFailure] {
        let mut node = screened(&config(&[(Rule::Category2, action)]));
        let empty = begin(context::LOCATION_CANCELLATION_V3, &[]);
        assert_eq!(node.hear_from(OUTSIDE, &from(PARTNER, Ssn::HLR, &empty)), None);
        let said = node.said();
        assert_eq!((said.len(), node.open()), (1, 1));
        let later = going_on(&our_id(&said[0]), None, &[&cancel()]);
        assert_eq!(node.hear_from(OUTSIDE, &from(PARTNER, Ssn::HLR, &later)), None);
        let said = node.said();
        match action {
            Action::Drop => assert_eq!(said.len(), 0),
            Action::Abort => assert_eq!((said.len(), said[0][0]), (1, 0x67)),
            _ => assert_eq!(error_in(&said[0]), 34),
        }
        assert_eq!((node.open(), counted(&node)), (0, vec![("category_2", 1, 0)]));
    }
}

#[test]
fn an_application_learns_that_its_dialogue_is_gone() {
    let mut node = screened(&config(&[(Rule::Category2, Action::Abort)]));
    let good =
        begin(context::SUBSCRIBER_DATA_MANAGEMENT_V3, &[&invoke(1, 7, &hex("300a 8008 62021132547698f0"))]);
    let told = node.hear_from(INSIDE, &from(HLR, Ssn::HLR, &good)).expect("an invocation");
    node.within(&told.asked(), &[0x30, 0], 5).unwrap();
    let ours = our_id(&node.said()[0]);
    let bad = going_on(&ours, None, &[&invoke(2, 7, &[0x30, 0])]);
    assert_eq!(node.hear_from(INSIDE, &from(HLR, Ssn::HLR, &bad)), Some(Told::Gone));
    assert_eq!(node.said()[0][0], 0x67);
    assert_eq!((node.poll(), node.open()), (vec![Told::Aborted(5)], 0));
}

#[test]
fn aborts_are_of_the_kind_that_the_peer_knows() {
    let mut node = screened(&config(&[(Rule::Category2, Action::Abort)]));
    node.ss7.offers = vec![Offer::new(
        context::LOCATION_CANCELLATION,
        (Version::V1, Version::V3),
        operation::CANCEL_LOCATION,
    )];
    let named = begin(context::LOCATION_CANCELLATION_V3, &[&cancel()]);
    let nameless = element(0x62, &[&PEERS_ID, &components(&[&cancel()])]);
    for (asked, has_portion) in [(named, true), (nameless, false)] {
        node.hear_from(OUTSIDE, &from(PARTNER, Ssn::HLR, &asked));
        let said = node.said();
        let parsed = tcap::Message::parse(&said[0]).unwrap();
        assert_eq!((parsed.message_type, parsed.p_abort), (tcap::MessageType::Abort, None));
        let by_user = matches!(parsed.dialogue, Some(DialoguePortion::Abort { by_provider: false, .. }));
        assert_eq!((by_user, parsed.dialogue.is_some()), (has_portion, has_portion));
    }
    assert_eq!(node.open(), 0);
}

/// Messages of every kind that some rule is against, and some that none is.
fn everything() -> Vec<(u32, Vec<u8>)> {
    let many: Vec<Vec<u8>> = (1..12).map(|id| invoke(id, operation::CANCEL_LOCATION, &[0x30, 0])).collect();
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    let routing = invoke(1, operation::SEND_ROUTING_INFO_FOR_SM, &[0x30, 0]);
    let cancellation = context::LOCATION_CANCELLATION_V3;
    let mut all = vec![
        (INSIDE, from(HLR, Ssn::HLR, &begin(cancellation, &[&cancel()]))),
        (OUTSIDE, from(HLR, Ssn::HLR, &begin(cancellation, &[&cancel()]))),
        (OUTSIDE, from(PARTNER, Ssn::HLR, &begin(cancellation, &[&cancel()]))),
        (OUTSIDE, from(PARTNER, Ssn::MSC, &begin(context::GATEWAY_V3, &[&routing]))),
        (OUTSIDE, from(PARTNER, Ssn(77), &begin(context::MT_RELAY_V3, &[&message(PARTNER)]))),
        (OUTSIDE, from("0447700900", Ssn::MSC, &begin(context::MT_RELAY_V3, &[&message(STRANGER)]))),
        (OUTSIDE, from(PARTNER, Ssn::MSC, &begin(context::MT_RELAY_V3, &[&message(PARTNER)]))),
        (OUTSIDE, from(STRANGER, Ssn::MSC, &begin(context::MT_RELAY_V3, &[&invoke(1, 66, &[0x30, 0])]))),
        (OUTSIDE, from(PARTNER, Ssn::HLR, &begin(cancellation, &[&invoke(1, 100, &[])]))),
        (OUTSIDE, from(PARTNER, Ssn::HLR, &begin(cancellation, &many))),
        (OUTSIDE, from(PARTNER, Ssn::HLR, &begin(cancellation, &[]))),
    ];
    all.extend((0..20).map(|_| (OUTSIDE, from(STRANGER, Ssn::MSC, &begin(context::RESET_V2, &[])))));
    all
}

/// What a node tells and says to all of these.
fn run(node: &mut Node) -> (Vec<Option<Told>>, Vec<Vec<u8>>) {
    let told = everything().iter().map(|(point, octets)| node.hear_from(*point, octets)).collect();
    (told, core::mem::take(&mut node.sent.0))
}

#[test]
fn a_dry_run_changes_counts_and_no_traffic() {
    let limited = |action| {
        let all: Vec<_> = Rule::ALL.iter().map(|rule| (*rule, action)).collect();
        let originating = vec![Some(vec![PointCode(INSIDE)])];
        ScreeningConfig { title_rate: (1, 5), originating, ..config(&all) }
    };
    let mut without = gateway();
    let expected = run(&mut without);
    assert_eq!(counted(&without), []);
    let mut tried = screened(&limited(Action::DryRun));
    assert_eq!(run(&mut tried), expected);
    let counts = counted(&tried);
    let names: Vec<_> = counts.iter().map(|(name, ..)| *name).collect();
    let expected = [
        "point_code",
        "calling_ssn",
        "calling_title",
        "spoofed_title",
        "title_rate",
        "components",
        "category_1",
        "category_2",
        "category_3",
        "unlisted_operation",
        "service_centre",
        "operation_of_another_context",
    ];
    assert_eq!(names, expected);
    assert!(counts.iter().all(|(_, refused, let_through)| *refused == 0 && *let_through > 0), "{counts:?}");
    // The same rules in earnest let through what breaks none of them.
    let mut refusing = screened(&ScreeningConfig { originating: vec![], ..limited(Action::Drop) });
    let (told, _) = run(&mut refusing);
    let heard: Vec<_> = told.iter().map(Option::is_some).collect();
    let good: Vec<_> = (0..told.len()).map(|at| [0, 6].contains(&at)).collect();
    assert_eq!(heard, good);
}

#[test]
fn points_come_by_their_own_association() {
    let originating = vec![Some(vec![PointCode(200)])];
    let mut node = screened(&ScreeningConfig { originating, ..config(&[(Rule::PointCode, Action::Drop)]) });
    let asked = begin(context::LOCATION_CANCELLATION_V3, &[&cancel()]);
    assert_eq!(node.hear_from(201, &from(HLR, Ssn::HLR, &asked)), None);
    // Not even what nothing is known of, or what management asks.
    let unknown = SccpAddress::titled(digits("999999999"), Ssn::MSC);
    let calling = SccpAddress::titled(digits(HLR), Ssn::HLR);
    let header =
        sccp::build::UnitdataHeader { class: 1, return_on_error: true, called: &unknown, calling: &calling };
    let mut room = [0; 600];
    let mut w = Prepend::new(&mut room);
    w.bytes(&asked);
    sccp::build::udt(&mut w, 0, &header, 600).expect("it fits");
    let nobodys = w.finish().unwrap().to_vec();
    assert_eq!(node.hear_from(201, &nobodys), None);
    assert_eq!((node.said(), counted(&node)), (vec![], vec![("point_code", 2, 0)]));
    assert!(node.hear_from(200, &from(HLR, Ssn::HLR, &asked)).is_some());
}

#[test]
fn a_title_opens_so_many_dialogues_a_second() {
    let mut node =
        screened(&ScreeningConfig { title_rate: (10, 3), ..config(&[(Rule::TitleRate, Action::Drop)]) });
    let asked = begin(context::MT_RELAY_V3, &[&message(PARTNER)]);
    let passed = |node: &mut Node, title: &str, count: usize| {
        let heard = (0..count).filter_map(|_| node.hear_from(OUTSIDE, &from(title, Ssn::MSC, &asked)));
        let heard: Vec<_> = heard.collect();
        heard.iter().for_each(|told| node.ss7.dialogues.close(node.now, told.asked().dialogue));
        heard.len()
    };
    assert_eq!(passed(&mut node, PARTNER, 10), 3);
    assert_eq!(passed(&mut node, STRANGER, 10), 3, "each title has a bucket");
    node.now += Duration::from_millis(200);
    assert_eq!(passed(&mut node, PARTNER, 10), 2);
    assert_eq!(counted(&node), [("title_rate", 22, 0)]);
    node.now += Duration::from_secs(10);
    assert_eq!(passed(&mut node, PARTNER, 3), 3);
    // Only what opens a dialogue counts.
    let stray = end(&[1, 2, 3, 4], None, &[]);
    for _ in 0..20 {
        node.hear_from(OUTSIDE, &from(PARTNER, Ssn::MSC, &stray));
    }
    assert_eq!(counted(&node), [("title_rate", 22, 0)]);
}

#[test]
fn a_point_returns_so_many_messages_a_second() {
    let mut node =
        screened(&ScreeningConfig { returned_rate: (1, 1), ..config(&[(Rule::ReturnedRate, Action::Drop)]) });
    for user in 0..2 {
        node.invoke(&update(), user);
    }
    let sent: Vec<Vec<u8>> = core::mem::take(&mut node.sent.0);
    let returned: Vec<Vec<u8>> = sent.iter().map(|message| given_back(message)).collect();
    assert!(matches!(node.hear_from(200, &returned[0]), Some(Told::NotDelivered(0, _))));
    assert_eq!(node.hear_from(200, &returned[1]), None);
    assert_eq!((counted(&node), node.open()), (vec![("returned_rate", 1, 0)], 1));
    node.now += Duration::from_secs(1);
    assert!(matches!(node.hear_from(200, &returned[1]), Some(Told::NotDelivered(1, _))));
}

/// The UDTS of a UDT of ours.
fn given_back(message: &[u8]) -> Vec<u8> {
    let Ok(sccp::Input::Unitdata(unitdata)) = sccp::parse(message) else { panic!("a UDT") };
    let mut room = [0; 600];
    let mut w = Prepend::new(&mut room);
    sccp::build::service(&mut w, &unitdata, sccp::Cause::NETWORK_CONGESTION).unwrap();
    w.finish().unwrap().to_vec()
}

#[test]
fn an_operation_of_another_context_is_rejected_and_counted() {
    let asked = begin(context::RESET_V2, &[&invoke(1, operation::CANCEL_LOCATION, &[0x30, 0])]);
    for (action, counts) in [
        (Action::DryRun, ("operation_of_another_context", 0, 1)),
        (Action::Abort, ("operation_of_another_context", 1, 0)),
    ] {
        let mut node = screened(&config(&[(Rule::OtherContext, action)]));
        assert_eq!(node.hear_from(INSIDE, &from(HLR, Ssn::HLR, &asked)), None);
        let said = node.said();
        match action {
            Action::Abort => assert_eq!(said[0][0], 0x67),
            _ => assert_eq!(parts(&said[0]), reject(1, [0x81, 1])),
        }
        assert_eq!((counted(&node), node.open()), (vec![counts], 0));
    }
}

#[test]
fn a_context_is_called_at_its_subsystem() {
    let mut node = screened(&config(&[(Rule::OtherSubsystem, Action::Drop)]));
    let own: Vec<_> = [Ssn::MSC, Ssn::GSM_SCF].map(|ssn| SccpAddress::titled(digits(GATEWAY), ssn)).to_vec();
    node.ss7.own = own;
    let asked = begin(context::MT_RELAY_V3, &[&message(HLR)]);
    let source = from(HLR, Ssn::MSC, &asked);
    let Ok(sccp::Input::Unitdata(unitdata)) = sccp::parse(&source) else { panic!("a UDT") };
    let hear = |node: &mut Node, own: usize| {
        let label = super::addressing::label(200);
        node.ss7.screening.begin(&label, &unitdata);
        let peer = unitdata.calling;
        let told =
            node.ss7.handle_tcap(node.now, own, &peer, unitdata.data, &mut node.malformed, &mut node.sent);
        told.is_some()
    };
    assert!(hear(&mut node, 0));
    assert!(!hear(&mut node, 1));
    assert_eq!(counted(&node), [("context_of_another_subsystem", 1, 0)]);
}

#[test]
fn a_flood_is_told_once_a_second_for_each_rule() {
    let mut node = screened(&config(&[(Rule::Category1, Action::Drop), (Rule::CallingSsn, Action::DryRun)]));
    let asked = begin(context::GATEWAY_V3, &[&invoke(1, operation::SEND_ROUTING_INFO_FOR_SM, &[0x30, 0])]);
    let mut told = Vec::new();
    for _ in 0..4 {
        for _ in 0..1_000 {
            node.hear_from(OUTSIDE, &from(STRANGER, Ssn(77), &asked));
            told.extend(node.ss7.next_screened());
        }
        node.now += Duration::from_secs(1);
    }
    while let Some(screened) = node.ss7.next_screened() {
        told.push(screened);
    }
    assert_eq!(told.len(), 8);
    let first = Screened {
        rule: Rule::CallingSsn,
        action: Action::DryRun,
        association: 0,
        point_code: PointCode(OUTSIDE),
        title: Some(digits(STRANGER)),
        operator: 0,
        opcode: None,
        more: 0,
    };
    assert_eq!(told[0], first);
    let of_operation = |it: &&Screened| it.rule == Rule::Category1;
    let more: Vec<_> = told.iter().filter(of_operation).map(|it| (it.opcode, it.more)).collect();
    assert_eq!(more, [(Some(45), 0), (Some(45), 999), (Some(45), 999), (Some(45), 999)]);
    assert_eq!(node.ss7.screening().counts.not_told, 2 * 4 * 999);
}

/// Nested, endless and broken arguments of every operation: an answer of some kind, and nothing else.
#[test]
fn arguments_that_are_bombs_cost_nothing() {
    let all: Vec<_> = Rule::ALL.iter().map(|rule| (*rule, Action::DryRun)).collect();
    let mut node = screened(&config(&all));
    let nested = |tag: u8, depth: usize| (0..depth).flat_map(|_| [tag, 0x80]).collect::<Vec<u8>>();
    for opcode in 0..=255 {
        for argument in [
            nested(0x30, 100),
            nested(0xa3, 100),
            (0..60).rev().fold(vec![0x30, 0], |inner, _| element(0x30, &[&inner])),
            hex("3082ffff"),
            vec![0x30; 120],
            vec![],
        ] {
            let asked = begin(context::MT_RELAY_V3, &[&invoke(1, opcode, &argument)]);
            if let Some(told) = node.hear_from(OUTSIDE, &from(PARTNER, Ssn::MSC, &asked)) {
                node.ss7.dialogues.close(node.now, told.asked().dialogue);
            }
            node.ss7.assert_invariants();
        }
    }
    assert_eq!(node.open(), 0);
}

/// Where a message as a whole breaks a rule, its first operation has the error.
#[test]
fn too_many_components_are_answered_with_an_error() {
    let mut node = screened(&config(&[(Rule::Components, Action::SystemFailure)]));
    let many = vec![cancel(); 9];
    let many: Vec<&[u8]> = many.iter().map(|component| &component[..]).collect();
    let asked = begin(context::LOCATION_CANCELLATION_V3, &many);
    assert_eq!(node.hear_from(OUTSIDE, &from(PARTNER, Ssn::HLR, &asked)), None);
    let said = node.said();
    let [end] = &said[..] else { panic!("{said:02x?}") };
    assert_eq!((error_in(end), node.open()), (34, 0));
    assert_eq!(counted(&node), [("components", 1, 0)]);
}
