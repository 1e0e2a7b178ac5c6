//! Several messages for one subscriber in one dialogue of ours (moreMessagesToSend; TS 29.002 12.9, 23.3.2).

use super::*;
use crate::ident::Imsi;

const V1: Offer = Offer::only(context::MO_RELAY, Version::V1, operation::MO_FORWARD_SM);
const V2: Offer = Offer::only(context::MT_RELAY, Version::V2, operation::MO_FORWARD_SM);
const V3: Offer = Offer::only(context::MT_RELAY, Version::V3, operation::MT_FORWARD_SM);

/// An MSC that speaks these versions.
fn msc(offers: &[Offer]) -> Node {
    let own = vec![SccpAddress::titled(digits(GATEWAY), Ssn::MSC)];
    Node::new(100, 200, own, offers.to_vec())
}

/// An SMS-GMSC with its service centre's title.
fn gmsc() -> Node {
    Node::new(200, 100, vec![SccpAddress::titled(digits(HLR), Ssn::MSC)], vec![])
}

fn imsi() -> Imsi {
    "262011234567890".parse().unwrap()
}

impl Node {
    /// A message in a dialogue of its own.
    fn mt(&mut self, tpdu: &[u8], more_messages: bool, user: u64) {
        let forward = MtForward {
            title: digits(HLR),
            ssn: Ssn::MSC,
            node: (digits(GATEWAY), Ssn::MSC),
            imsi: imsi(),
            service_centre: digits(HLR).into(),
            tpdu,
            more_messages,
        };
        self.ss7.mt_forward_sm(self.now, &forward, user, &mut self.sent).unwrap();
    }

    /// The next one in a dialogue that is open.
    fn next(&mut self, dialogue: DialogueId, tpdu: &[u8], more: bool, user: u64) -> Result<(), Refusal> {
        self.ss7.next_mt_forward_sm(self.now, dialogue, (tpdu, more), user, &mut self.sent)
    }

    /// What of the other's is heard: the application's words and the open dialogues of what has ended.
    fn ended(&mut self, other: &mut Node) -> Vec<(u64, bool, Option<DialogueId>)> {
        let mut all = vec![];
        loop {
            let (to_other, to_us) = (core::mem::take(&mut self.sent.0), core::mem::take(&mut other.sent.0));
            if to_other.is_empty() && to_us.is_empty() {
                return all;
            }
            for message in to_us {
                match self.indication(&message) {
                    Some(Indication::Ended { user, outcome: Outcome::Result { open, .. } }) => {
                        all.push((user, true, open));
                    }
                    Some(Indication::Ended { user, .. }) => all.push((user, false, None)),
                    None => {}
                    other => panic!("{other:?}"),
                }
            }
            for message in to_other {
                other.take_message(&message);
            }
        }
    }

    fn indication<'a>(&mut self, message: &'a [u8]) -> Option<Indication<'a>> {
        let label = Label {
            direction: Direction::In,
            association: 0,
            originating: PointCode(self.peer),
            destination: self.ss7.transport.point_code(),
            selection: 0,
            tried: 0,
        };
        self.ss7.handle_sccp(self.now, &label, message, &mut self.malformed, &mut self.sent)
    }

    /// As an MSC: takes a message for its only subscriber; refuses one that says 9.
    fn take_message(&mut self, message: &[u8]) {
        let Some(Indication::Invoke(invoke)) = self.indication(message) else { return };
        let Operation::MtForwardSm(forward) = invoke.operation else { panic!("{invoke:?}") };
        assert_eq!((forward.imsi, forward.service_centre), (Some(imsi()), Some(digits(HLR).into())));
        let (asked, refused) = (invoke.asked, forward.tpdu == [9]);
        if refused {
            self.ss7.user_error(self.now, &asked, &UserError::system_failure(), &mut self.sent);
        } else {
            self.ss7.forward_sm_result(self.now, &asked, operation::MT_FORWARD_SM, None, &mut self.sent);
        }
    }
}

/// A first message that has arrived, and the dialogue that is open for the next.
fn begun(offers: &[Offer]) -> (Node, Node, DialogueId) {
    let (mut gmsc, mut msc) = (gmsc(), msc(offers));
    gmsc.mt(&[1], true, 1);
    let ended = gmsc.ended(&mut msc);
    let [(1, true, Some(dialogue))] = ended[..] else { panic!("{ended:?}") };
    assert_eq!((gmsc.open(), msc.open(), gmsc.ss7.held.len()), (1, 1, 0));
    (gmsc, msc, dialogue)
}

#[test]
fn three_messages_leave_in_one_dialogue_in_every_version() {
    for (offers, refused) in [(&[V1, V2, V3][..], 0), (&[V1, V2], 1), (&[V1], 2)] {
        let (mut gmsc, mut msc, dialogue) = begun(offers);
        gmsc.next(dialogue, &[2], true, 2).unwrap();
        let second = gmsc.sent.0[0].clone();
        assert_eq!(gmsc.ended(&mut msc), [(2, true, Some(dialogue))]);
        gmsc.next(dialogue, &[3], false, 3).unwrap();
        let third = gmsc.sent.0[0].clone();
        assert_eq!(gmsc.ended(&mut msc), [(3, true, None)], "the MSC ends it with the last");
        assert_eq!((gmsc.open(), msc.open()), (0, 0));
        assert_eq!(gmsc.ss7.counts.version_refused, refused, "once: the first message finds the version");
        assert_eq!((gmsc.ss7.counts.more_messages_sent, msc.ss7.counts.more_messages), (2, 2));
        // Later ones name nobody again, and each has an invoke id of its own.
        let code = if refused == 0 { 44 } else { 46 };
        for (message, id, argument) in
            [(second, 2, "3009 8500 8500 0401 02 0500"), (third, 3, "3007 8500 8500 0401 03")]
        {
            let Ok(sccp::Input::Unitdata(unitdata)) = sccp::parse(&message) else { panic!() };
            assert_eq!(unitdata.data[0], 0x65);
            assert_eq!(parts(unitdata.data), invoke(id, code, &hex(argument)));
        }
    }
}

#[test]
fn a_message_that_fails_ends_the_dialogue_and_nothing_else() {
    let (mut gmsc, mut msc, dialogue) = begun(&[V3]);
    gmsc.next(dialogue, &[9], true, 2).unwrap();
    assert_eq!(gmsc.ended(&mut msc), [(2, false, None)]);
    assert_eq!((gmsc.open(), msc.open()), (0, 0));
    // What was to follow has no dialogue any more.
    assert_eq!(gmsc.next(dialogue, &[3], false, 3), Err(Refusal::NoRoute));
    assert_eq!(gmsc.sent.0.len(), 0);
}

#[test]
fn an_open_dialogue_takes_one_message_at_a_time() {
    let (mut gmsc, mut msc, dialogue) = begun(&[V3]);
    gmsc.next(dialogue, &[2], true, 2).unwrap();
    assert_eq!(gmsc.next(dialogue, &[3], true, 3), Err(Refusal::NoRoute), "the second is not answered");
    gmsc.ss7.no_more_messages(gmsc.now, dialogue, &mut gmsc.sent);
    assert_eq!((gmsc.sent.0.len(), gmsc.open()), (1, 1), "nor can the dialogue end before");
    assert_eq!(gmsc.ended(&mut msc), [(2, true, Some(dialogue))]);
    // An answer that comes twice is rejected, and the dialogue stays.
    let dialogues = &gmsc.ss7.dialogues;
    let [from, to] = [dialogues.remote_id(dialogue), dialogues.local_id(dialogue)].map(Option::unwrap);
    let ids = [element(0x48, &[from.as_bytes()]), element(0x49, &[to.as_bytes()])].concat();
    let again = element(0x65, &[&ids, &components(&[&[0xa2, 3, 2, 1, 2]])]);
    assert_eq!((gmsc.hear(&from_msc(&again)), gmsc.open()), (None, 1));
    assert_eq!(parts(&gmsc.said()[0]), reject(2, [0x82, 0]));
    gmsc.next(dialogue, &[3], false, 3).unwrap();
    assert_eq!(gmsc.ended(&mut msc), [(3, true, None)]);
}

/// A TCAP message on its way from the MSC to the GMSC.
fn from_msc(message: &[u8]) -> Vec<u8> {
    let [called, calling] = [HLR, GATEWAY].map(|title| SccpAddress::titled(digits(title), Ssn::MSC));
    let header =
        sccp::build::UnitdataHeader { class: 1, return_on_error: false, called: &called, calling: &calling };
    let mut room = [0; 600];
    let mut w = Prepend::new(&mut room);
    w.bytes(message);
    sccp::build::udt(&mut w, 0, &header, 600).expect("it fits");
    w.finish().unwrap().to_vec()
}

#[test]
fn a_dialogue_that_nothing_follows_in_ends() {
    // Because we say so.
    let (mut gmsc, mut msc, dialogue) = begun(&[V3]);
    gmsc.ss7.no_more_messages(gmsc.now, dialogue, &mut gmsc.sent);
    let end = gmsc.sent.0.remove(0);
    assert!(matches!(msc.indication(&end), Some(Indication::Gone { .. })));
    assert_eq!((gmsc.open(), msc.open()), (0, 0));
    // Because we say nothing: the message has arrived all the same.
    let (mut gmsc, _, _) = begun(&[V3]);
    gmsc.now += Duration::from_secs(59);
    assert_eq!(gmsc.poll(), []);
    gmsc.now += Duration::from_secs(2);
    assert_eq!(gmsc.poll(), [Told::Gone]);
    assert_eq!((gmsc.open(), gmsc.said()[0][0]), (0, 0x67));
    // Because the next one can't be sent: it is free to go in another.
    let (mut gmsc, _, dialogue) = begun(&[V3]);
    assert_eq!(gmsc.next(dialogue, &[0; 201], false, 2), Err(Refusal::TooLong));
    assert_eq!((gmsc.open(), gmsc.said()[0][0]), (0, 0x64));
    // Because nothing answers the next one.
    let (mut gmsc, _, dialogue) = begun(&[V3]);
    gmsc.next(dialogue, &[2], false, 2).unwrap();
    gmsc.now += Duration::from_secs(61);
    assert_eq!(gmsc.poll(), []);
    gmsc.now += Duration::from_secs(30);
    assert_eq!(gmsc.poll(), [Told::TimedOut(2)]);
}

#[test]
fn a_peer_may_end_the_dialogue_though_more_was_to_follow() {
    let mut gmsc = self::gmsc();
    gmsc.mt(&[1], true, 1);
    let id = our_id(&gmsc.said()[0]);
    let message = from_msc(&end(&id, Some(context::MT_RELAY_V3), &[&[0xa2, 3, 2, 1, 1]]));
    let told = gmsc.indication(&message);
    assert!(
        matches!(told, Some(Indication::Ended { user: 1, outcome: Outcome::Result { open: None, .. } })),
        "{told:?}"
    );
    assert_eq!(gmsc.open(), 0);
    // And without the flag a dialogue that the peer leaves open is ended by us, as before.
    let (mut gmsc, mut msc) = (self::gmsc(), self::msc(&[V3]));
    gmsc.mt(&[1], false, 1);
    assert_eq!(gmsc.ended(&mut msc), [(1, true, None)]);
    assert_eq!((gmsc.open(), msc.open()), (0, 0));
}
