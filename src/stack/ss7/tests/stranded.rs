//! Messages that find no way once they have left their dialogue: it ends at once, not when its timer does.

use super::*;
use crate::proto::sctp::Left;

const MTP_FAILURE: u8 = 5;

/// An M3UA DATA with `message`, as an association keeps it until it is acknowledged.
fn data(message: &[u8]) -> Vec<u8> {
    let mut room = [0; 1024];
    let mut w = Prepend::new(&mut room);
    let mark = m3ua::build::data_padding(&mut w);
    w.bytes(message);
    let header = m3ua::build::DataHeader {
        network_appearance: None,
        routing_context: Some(1),
        opc: PointCode(100),
        dpc: PointCode(200),
        si: 3,
        ni: 2,
        mp: 0,
        sls: 0,
    };
    m3ua::build::data(&mut w, mark, &header).unwrap().to_vec()
}

/// The association to the HLR has ended and left these behind, none of them sent; no other leads there.
fn leave(gateway: &mut Node, messages: &[Vec<u8>]) {
    gateway.ss7.transport.learn(0, PointCode(200), None);
    for message in messages {
        let payload = &data(message);
        gateway.ss7.transport.left.keep(&Left { stream: 1, ppid: 3, sent: false, payload });
    }
    gateway.ss7.transport.rescue(&mut gateway.sent);
}

#[test]
fn a_dialogue_whose_message_finds_no_way_ends_at_once() {
    let mut gateway = gateway();
    for user in [1, 2] {
        gateway.invoke(&update(), user);
    }
    let sent = core::mem::take(&mut gateway.sent.0);
    leave(&mut gateway, &sent);
    let gone = [Told::NotDelivered(1, MTP_FAILURE), Told::NotDelivered(2, MTP_FAILURE)];
    assert_eq!(gateway.poll(), gone);
    assert_eq!((gateway.open(), gateway.ss7.counts.bounced), (0, 2));
    assert_eq!(gateway.ss7.transport.counts.stranded, 2);
    assert_eq!(gateway.poll(), []);
}

/// The gateway's answer can't be delivered: its dialogue is gone, and who asked for it is told nothing.
#[test]
fn an_answer_that_finds_no_way_is_counted() {
    let (mut gateway, mut hlr) = (gateway(), hlr());
    gateway.invoke(&update(), 7);
    let begin = gateway.sent.0.remove(0);
    let asked = hlr.hear(&begin).unwrap().asked();
    hlr.returned(&asked, operation::UPDATE_GPRS_LOCATION, Some(&[0x30, 0]));
    let end = hlr.sent.0.remove(0);
    hlr.ss7.transport.learn(0, PointCode(100), None);
    hlr.ss7.transport.left.keep(&Left { stream: 1, ppid: 3, sent: false, payload: &data(&end) });
    hlr.ss7.transport.rescue(&mut hlr.sent);
    assert_eq!((hlr.poll(), hlr.ss7.transport.counts.stranded), (vec![], 1));
}

/// What was not to be returned is gone: its dialogue has its timer.
#[test]
fn what_was_not_to_be_returned_does_not_come_back() {
    let mut gateway = gateway();
    gateway.invoke(&update(), 1);
    let mut message = gateway.sent.0.remove(0);
    // The return option of class 1.
    assert_eq!(message[1], 0x81);
    message[1] = 1;
    leave(&mut gateway, &[message]);
    assert_eq!((gateway.poll(), gateway.open(), gateway.ss7.counts.bounced), (vec![], 1, 0));
}

/// Another worker has chosen an association of ours that has just ended, and there is no other.
#[test]
fn a_message_handed_over_too_late_comes_back() {
    let mut gateway = gateway();
    gateway.invoke(&update(), 9);
    let message = gateway.sent.0.remove(0);
    gateway.ss7.transport.learn(0, PointCode(200), None);
    let label = Label {
        direction: Direction::Out,
        association: 0,
        originating: PointCode(100),
        destination: PointCode(200),
        selection: 0,
        tried: 1,
    };
    let Node { ss7, now, sent, malformed, .. } = &mut gateway;
    let told = ss7.handle_message(*now, &label, &message, malformed, sent).map(Told::of);
    assert_eq!(told, Some(Told::NotDelivered(9, MTP_FAILURE)));
    assert_eq!((gateway.open(), gateway.ss7.counts.no_route), (0, 1));
}

/// A gateway between others returns what it has translated and finds no way for, to who sent it.
#[test]
fn what_was_translated_for_others_goes_back_to_them() {
    let mut between = Node::new(150, 200, vec![], vec![]);
    between.ss7.transport.become_gateway();
    let hlr = SccpAddress::titled(digits(HLR), Ssn::HLR);
    let begin = begin(context::SUBSCRIBER_DATA_MANAGEMENT_V3, &[]);
    assert_eq!(between.hear(&addressing::unitdata(&hlr, &hlr, &begin)), None);
    let onward = between.sent.0.remove(0);
    let label = Label {
        direction: Direction::Out,
        originating: PointCode(150),
        destination: PointCode(200),
        ..addressing::label(150)
    };
    let Node { ss7, now, sent, .. } = &mut between;
    assert!(ss7.bounce(*now, &label, &onward, sent).is_none());
    let returned = core::mem::take(&mut sent.0);
    let [returned] = &returned[..] else { panic!("{returned:02x?}") };
    let Ok(sccp::Input::Service(service)) = sccp::parse(returned) else { panic!("{returned:02x?}") };
    assert_eq!((service.cause.0, service.called, service.data), (MTP_FAILURE, hlr, &begin[..]));
    assert_eq!((ss7.counts.bounced, ss7.tcap_counts().unrecognised_transaction), (0, 0));
}
