//! Steps of the procedures that many tests take, and what holds of every message in them (PROTOCOLS 1, 2, 5 to 7).

use super::ber::{at, elements, hex, spell, tlv};
use super::peers::{GATEWAY, Peers, SCSCF, Ue, rp_data};
use super::sip::{Draft, Sip};
use super::ss7::{Unitdata, mo_result};
use std::time::Duration;

/// The service centre of the first network, and its title as MAP spells it.
pub const CENTRE: &str = "491710760000";
pub const CENTRE_URI: &str = "tel:+491710760000";
/// The SUBMIT-REPORT of an RP-ACK: no parameters, received on 22 November 2021 at 12:34:56, UTC+1.
pub const SUBMIT_REPORT: &str = "0100 12112221436540";
/// The DELIVER-REPORT of an RP-ACK, as short as it gets.
pub const DELIVER_REPORT: &str = "0000";

/// What a MESSAGE towards a UE carries beside its body (PROTOCOLS 1.3), whatever it is about.
#[track_caller]
pub fn assert_towards_ue(message: &Sip, uri: &str, home: usize) {
    assert_eq!(message.request(), ("MESSAGE", uri));
    assert_eq!((message.source, message.destination), (GATEWAY, SCSCF[home - 1]));
    let own = format!("<sip:ipsmgw.home{home}.net>");
    let (from, tag) = message.header("From").split_once(";tag=").expect("a From tag");
    assert_eq!((from, tag.is_empty()), (own.as_str(), false));
    assert_eq!(message.header("To"), format!("<{uri}>"));
    assert_eq!(message.header("P-Asserted-Identity"), own);
    assert_eq!(message.header("Request-Disposition"), "no-fork");
    assert_eq!(message.header("Accept-Contact"), "*;+g.3gpp.smsip;require;explicit");
    assert_eq!(message.header("Route"), format!("<sip:scscf1.home{home}.net;lr>"));
    assert_eq!(message.header("Content-Type"), "application/vnd.3gpp.sms");
    assert_eq!(message.header("Max-Forwards"), "70");
    assert!(message.header("Via").starts_with("SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK"), "{message:#?}");
    let (number, method) = message.header("CSeq").split_once(' ').unwrap();
    assert!(number.parse::<u32>().is_ok_and(|number| number < 1 << 31) && method == "MESSAGE");
    assert_eq!(message.find("Contact"), None, "RFC 3428 8: no Contact");
}

/// A final answer to a MESSAGE: echoes, and nothing that RFC 3428 forbids.
#[track_caller]
pub fn assert_answers(response: &Sip, start: &str, request: &Draft) {
    assert_eq!(response.start, start);
    assert_eq!(response.destination, request.source);
    for name in ["From", "Call-ID", "CSeq"] {
        assert_eq!(response.header(name), request.value(name));
    }
    let via = format!("SIP/2.0/UDP {};branch={}", request.source, request.branch);
    assert_eq!(response.header("Via"), via);
    let to = response.header("To").strip_prefix(request.value("To")).expect("the request's To");
    assert!(to.strip_prefix(";tag=").is_some_and(|tag| !tag.is_empty()), "a To tag: {response:#?}");
    assert_eq!((response.find("Contact"), response.body.len()), (None, 0), "{response:#?}");
}

/// The M3UA and SCCP around what the gateway sends to the SMSC: literals of PROTOCOLS 15, with our point codes.
#[track_caller]
pub fn assert_transport(unitdata: &Unitdata, called: &str, calling: &str) {
    assert_eq!(unitdata.parameters, [(0x0006, vec![0, 0, 0, 100])], "routing context 100 and nothing else");
    assert_eq!((unitdata.opc, unitdata.dpc, unitdata.service), (4899, 4900, [3, 2, 0]));
    assert!(unitdata.sls < 16 && unitdata.stream > 0);
    assert_eq!(unitdata.sccp[..5], hex("09 81 03 0e 19"), "UDT, class 1, return on error");
    assert_eq!((spell(&unitdata.called).as_str(), spell(&unitdata.calling).as_str()), (called, calling));
}

/// The title of the service centre, as an MSC, and of the gateway as an MSC: no point code in either.
pub const CENTRE_ADDRESS: &str = "12080012 04947101670000";
pub const GATEWAY_ADDRESS: &str = "12080012 04947101990910";

pub fn plain(text: &str) -> String {
    text.replace(' ', "")
}

/// A submission up to its Begin.
#[track_caller]
pub fn submission(peers: &mut Peers, ue: &Ue, reference: u8) -> (Draft, Unitdata) {
    let tpdu = peers.fresh_submit();
    let draft = peers.message(ue, CENTRE_URI, &rp_data(reference, CENTRE, &tpdu));
    let accepted = peers.transact(&draft);
    assert_eq!(accepted.status(), 202, "{accepted:#?}");
    (draft, peers.expect_unitdata(0x62))
}

/// A message for a UE up to its MESSAGE, which the S-CSCF answers 200.
#[track_caller]
pub fn delivery(peers: &mut Peers, ue: &Ue, tpdu: &[u8]) -> ([u8; 4], Sip) {
    let otid = peers.send_mt(&ue.imsi, tpdu);
    let message = peers.expect_message();
    peers.answer(&message, "200 OK");
    (otid, message)
}

/// A message for a UE from its Begin to its End; its MESSAGE.
#[track_caller]
pub fn delivered(peers: &mut Peers, ue: &Ue, tpdu: &[u8]) -> Sip {
    let (otid, message) = delivery(peers, ue, tpdu);
    let report = peers.report(ue, &message, &rp_ack(&message));
    assert!((200..=202).contains(&peers.transact(&report).status()));
    peers.expect_end(&otid).component(0xa2);
    message
}

/// RP-ACK of a UE for the RP-DATA in `message`.
pub fn rp_ack(message: &Sip) -> Vec<u8> {
    let report = hex(DELIVER_REPORT);
    [&[0x02, message.body[1], 0x41, report.len() as u8][..], &report].concat()
}

/// The return error in the End of a dialogue: its code and its parameter.
#[track_caller]
pub fn user_error(end: &Unitdata) -> (u8, Vec<u8>) {
    let parts = elements(end.component(0xa3));
    assert_eq!(parts[0], (2, &[1][..]), "invoke id 1");
    assert_eq!(parts[1].0, 2, "a local error code");
    (parts[1].1[0], parts.get(2).map_or(vec![], |(tag, content)| tlv(*tag, &[content])))
}

pub const ABSENT_DEREGISTERED: (u8, &str) = (6, "300302010b");
pub const ABSENT_NO_RESPONSE: (u8, &str) = (6, "300302010c");

#[track_caller]
pub fn assert_error(end: &Unitdata, (code, parameter): (u8, &str)) {
    let found = user_error(end);
    assert_eq!((found.0, spell(&found.1).as_str()), (code, parameter));
}

/// Steps until this much time has passed.
pub fn pass(peers: &mut Peers, span: Duration) {
    let end = peers.now() + span;
    while peers.now() < end {
        peers.step();
    }
}

/// The numbers with which `ue` submits: sm-RP-OA's MSISDN and the imsi, where they are known.
#[track_caller]
pub fn submitted_as(peers: &mut Peers, ue: &Ue) -> (String, Option<String>) {
    let (_, begin) = submission(peers, ue, 1);
    let argument = at(begin.component(0xa1), &[0x30]);
    let number = spell(at(argument, &[0x82]));
    let imsi = elements(argument).iter().skip(3).find(|(tag, _)| *tag == 4).map(|(_, imsi)| spell(imsi));
    peers.end_mo(&begin, &mo_result(None));
    let report = peers.expect_message();
    peers.answer(&report, "200 OK");
    (number, imsi)
}
