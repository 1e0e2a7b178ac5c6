//! Steps of direct access (TR 23.804 8.1 to 8.5) that many tests take.

use super::ber::{at, hex, spell};
use super::hlr::{self, ANY_TIME_MODIFICATION, Asked, Hlr, PURGE_MS, UPDATE_GPRS_LOCATION};
use super::peers::{Peers, deliver, gateway_for, rp_data, submit};
use super::phone::{Challenge, Phone, REALM};
use super::sip::{Draft, Sip};
use super::ss7::{Unitdata, mo_result};
use super::steps::{CENTRE, CENTRE_URI, SUBMIT_REPORT, rp_ack};
use std::net::SocketAddr;

/// A response to a UE behind `draft.source`: it goes there, and says what the gateway saw (RFC 3261 18.2.1, RFC 3581 4).
#[track_caller]
pub fn assert_answers_phone(response: &Sip, start: &str, request: &Draft) {
    assert_eq!(response.start, start, "{response:#?}");
    let sent_by = request.sent_by.unwrap_or(request.source);
    let port = if request.rport { request.source.port() } else { sent_by.port() };
    assert_eq!(
        (response.source, response.destination),
        (gateway_for(request.source), SocketAddr::new(request.source.ip(), port))
    );
    for name in ["From", "Call-ID", "CSeq"] {
        assert_eq!(response.header(name), request.value(name));
    }
    let tag = response.header("To").strip_prefix(request.value("To")).expect("the request's To");
    assert!(tag.strip_prefix(";tag=").is_some_and(|tag| !tag.is_empty()), "a To tag: {response:#?}");
    assert!(response.header("Via").starts_with(&format!("SIP/2.0/UDP {sent_by};")), "{response:#?}");
    assert_eq!(response.branch(), request.branch);
    if request.rport {
        assert_eq!(response.parameter("Via", "rport"), request.source.port().to_string());
        assert_eq!(response.parameter("Via", "received"), request.source.ip().to_string());
    }
    assert_eq!(response.body.len(), 0);
}

/// 8.1 step 2, not proved yet: 401 with a challenge of digest (RFC 7616 3.3), and nothing else happens.
#[track_caller]
pub fn challenged(peers: &mut Peers, phone: &mut Phone, expires: u32) -> Challenge {
    let draft = peers.phone_register(phone, expires);
    let response = peers.transact(&draft);
    assert_answers_phone(&response, "SIP/2.0 401 Unauthorized", &draft);
    assert_eq!((response.find("Contact"), response.find("P-Associated-URI")), (None, None));
    let challenge = Challenge::parse(response.header("WWW-Authenticate"));
    assert_eq!(
        (challenge.realm.as_str(), challenge.algorithm.as_str(), challenge.stale),
        (REALM, "MD5", false)
    );
    assert!(challenge.nonce.len() >= 16, "{challenge:?}");
    peers.assert_silent();
    challenge
}

/// The same REGISTER, answered.
pub fn proved(peers: &mut Peers, phone: &mut Phone, expires: u32, challenge: &Challenge) -> Draft {
    let proof = phone.proof(challenge);
    peers.phone_register(phone, expires).with("Authorization", proof)
}

/// What the HLR is asked to believe: that the gateway serves the subscriber, or that it no longer does.
#[track_caller]
pub fn assert_tells(asked: &Asked, r1: &str, imsi: &str, registered: bool) {
    match (r1, registered) {
        ("any_time_modification", _) => {
            asked.assert_is(ANY_TIME_MODIFICATION, &hlr::any_time_modification(imsi, registered));
        }
        (_, true) => asked.assert_is(UPDATE_GPRS_LOCATION, &hlr::update_gprs_location(imsi)),
        (_, false) => asked.assert_is(PURGE_MS, &hlr::purge_ms(imsi)),
    }
}

/// The 200 of 8.1 step 6: this contact with its seconds, the identities, the date.
#[track_caller]
pub fn assert_registered(response: &Sip, request: &Draft, phone: &Phone, expires: u32, identities: &[&str]) {
    assert_answers_phone(response, "SIP/2.0 200 OK", request);
    assert_eq!(response.header("Contact"), format!("<{}>;expires={expires}", phone.contact));
    let told = response.all("P-Associated-URI").join(",").replace(", ", ",");
    let expected: Vec<String> = identities.iter().map(|identity| format!("<{identity}>")).collect();
    assert_eq!(told, expected.join(","));
    assert!(response.header("Date").ends_with(" GMT"), "{response:#?}");
}

/// Registers an HLR's subscriber who has a password; a preconfigured HLR is asked nothing.
#[track_caller]
pub fn registered(peers: &mut Peers, hlr: &mut Hlr, phone: &mut Phone, expires: u32) -> Sip {
    let first = peers.phone_register(phone, expires);
    let challenge = hlr.transact(peers, &first);
    assert_eq!(challenge.status(), 401, "{challenge:#?}");
    let second = proved(peers, phone, expires, &Challenge::parse(challenge.header("WWW-Authenticate")));
    let response = hlr.transact(peers, &second);
    assert_eq!(response.status(), 200, "{response:#?}");
    response
}

/// A MESSAGE of the gateway's to a UE that is registered here: to its address, for its contact, without what an IMS needs.
#[track_caller]
pub fn assert_towards_phone(message: &Sip, phone: &Phone, to: &str) {
    assert_eq!(message.request(), ("MESSAGE", phone.contact.as_str()));
    let gateway = gateway_for(phone.address);
    assert_eq!((message.source, message.destination), (gateway, phone.address));
    let (from, tag) = message.header("From").split_once(";tag=").expect("a From tag");
    assert_eq!((from, tag.is_empty()), ("<sip:ipsmgw.home1.net>", false));
    assert_eq!(message.header("To"), format!("<{to}>"));
    for name in ["Route", "Accept-Contact", "Request-Disposition", "Contact"] {
        assert_eq!(message.find(name), None, "{message:#?}");
    }
    // Where TS 24.341 has the UE send its report.
    let short_message = message.header("Content-Type") == "application/vnd.3gpp.sms";
    assert_eq!(message.find("P-Asserted-Identity"), short_message.then_some("<sip:ipsmgw.home1.net>"));
    assert_eq!(message.header("Max-Forwards"), "70");
    let via = format!("SIP/2.0/UDP {gateway};branch=z9hG4bK");
    assert!(message.header("Via").starts_with(&via), "{message:#?}");
}

/// 8.4 steps 4 to 6; the MESSAGE.
#[track_caller]
pub fn phone_gets(peers: &mut Peers, phone: &Phone) -> Sip {
    let otid = peers.send_mt(&phone.ue.imsi, &deliver());
    let message = peers.expect_message();
    assert_eq!((message.request().1, message.destination), (phone.contact.as_str(), phone.address));
    peers.answer(&message, "200 OK");
    let report = phone_report(peers, phone, &message, &rp_ack(&message));
    assert_eq!(peers.transact(&report).status(), 200);
    peers.expect_end(&otid).component(0xa2);
    message
}

/// A UE's delivery report.
pub fn phone_report(peers: &mut Peers, phone: &Phone, message: &Sip, body: &[u8]) -> Draft {
    let draft = peers.phone_message(phone, "sip:ipsmgw.home1.net", body);
    draft.with("In-Reply-To", message.header("Call-ID"))
}

/// 8.3 steps 2 and 3: a submission up to its mo-forwardSM.
#[track_caller]
pub fn phone_submits(peers: &mut Peers, phone: &Phone) -> (Draft, Unitdata) {
    let tpdu = peers.fresh_submit();
    let draft = peers.phone_message(phone, CENTRE_URI, &rp_data(1, CENTRE, &tpdu));
    let accepted = peers.transact(&draft);
    assert_answers_phone(&accepted, "SIP/2.0 202 Accepted", &draft);
    (draft, peers.expect_unitdata(0x62))
}

/// 8.3 steps 2 to 7; the number that the message was sent under.
#[track_caller]
pub fn phone_sends(peers: &mut Peers, phone: &Phone) -> String {
    let (draft, begin) = phone_submits(peers, phone);
    let number = spell(at(begin.component(0xa1), &[0x30, 0x82]));
    peers.end_mo(&begin, &mo_result(Some(&hex(SUBMIT_REPORT))));
    let report = peers.expect_message();
    assert_eq!((report.request().1, report.destination), (phone.contact.as_str(), phone.address));
    assert_eq!(report.header("In-Reply-To"), draft.value("Call-ID"));
    peers.answer(&report, "200 OK");
    number
}

/// Nobody with this IMSI is registered here.
#[track_caller]
pub fn assert_gone(peers: &mut Peers, phone: &Phone) {
    let otid = peers.send_mt(&phone.ue.imsi, &deliver());
    super::steps::assert_error(&peers.expect_end(&otid), super::steps::ABSENT_DEREGISTERED);
    let draft = peers.phone_message(phone, CENTRE_URI, &rp_data(1, CENTRE, &submit()));
    assert_eq!(peers.transact(&draft).status(), 403);
}
