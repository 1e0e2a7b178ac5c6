//! SIP over TCP and TLS with real sockets: the gateway's stream threads and workers in this process, on ports in memory.

mod harness;

#[path = "streams/ends.rs"]
mod ends;
#[path = "streams/world.rs"]
mod world;

use harness::ber::at;
use harness::peers::{Ue, deliver, rp_data, submit};
use harness::phone::Phone;
use harness::ss7::mo_result;
use harness::steps::{CENTRE, CENTRE_URI, assert_error, pass, rp_ack};
use std::time::Duration;
use world::{BY_TCP, BY_TLS, Peer, Settings, World};

const ABSENT: (u8, &str) = harness::steps::ABSENT_DEREGISTERED;

/// An S-CSCF submits a message of its user, and gets the report; by which connection is the caller's.
fn submitted(
    world: &mut World,
    scscf: &mut Peer,
    report_by: impl FnOnce(&mut World, &mut Peer) -> Option<Peer>,
) {
    let ue = Ue::home1(0);
    let register = world.peers.full_register(&ue, 3600);
    assert_eq!(world.transact(scscf, register).status(), 200);
    let submission = world.peers.message(&ue, CENTRE_URI, &rp_data(7, CENTRE, &submit()));
    let call_id = submission.value("Call-ID").to_owned();
    let accepted = world.transact(scscf, submission);
    assert_eq!(accepted.status(), 202);
    let begin = world.peers.expect_unitdata(0x62);
    assert_eq!(at(at(begin.component(0xa1), &[0x30]), &[0x04]), submit(), "the TPDU, octet by octet");
    world.peers.end_mo(&begin, &mo_result(None));
    let mut other = report_by(world, scscf);
    let by = other.as_mut().unwrap_or(scscf);
    let report = world.expect(by, "the report", harness::sip::Sip::is_request);
    assert_eq!((report.request().0, report.header("In-Reply-To")), ("MESSAGE", call_id.as_str()));
    assert_eq!(report.body[..2], [0x03, 7], "RP-ACK");
    let transport = if by.secure { "TLS" } else { "TCP" };
    assert!(report.header("Via").starts_with(&format!("SIP/2.0/{transport} 127.0.0.1:")), "{report:#?}");
    by.send(&report.response("200 OK", ""));
    // Timer E is off: nothing comes again.
    pass(&mut world.peers, Duration::from_millis(700));
    assert!(by.take(|_| true).is_none());
    assert_eq!(world.sum(|worker| worker.stack().ims().transaction_counts().0.retransmitted), 0);
    assert_eq!(
        world.sum(|worker| worker.stack().ims().transaction_counts().1.completed),
        0,
        "Timer J is zero"
    );
}

#[test]
fn p_8_9_over_tcp() {
    let mut world = World::new(Settings::default());
    let mut scscf = world.connect(BY_TCP);
    let listener = world.listen(BY_TCP);
    submitted(&mut world, &mut scscf, |world, _| Some(world.accept(&listener)));
    assert_eq!(world.count("opened"), 1);
}

#[test]
fn a_report_comes_back_by_the_connection() {
    let mut world = World::new(Settings::default());
    let mut scscf = world.connect(BY_TCP);
    // Nobody listens: only the connection that the S-CSCF has opened leads there (RFC 5923).
    scscf.alias = Some(world.port(BY_TCP));
    submitted(&mut world, &mut scscf, |_, _| None);
    assert_eq!(world.count("opened"), 0);
}

#[test]
fn p_8_10_over_tls() {
    let mut world = World::new(Settings::default());
    let mut scscf = world.connect(BY_TLS);
    let listener = world.listen(BY_TLS);
    let ue = Ue::home1(1);
    let register = world.peers.full_register(&ue, 3600);
    assert_eq!(world.transact(&mut scscf, register).status(), 200);
    let otid = world.peers.send_mt(&ue.imsi, &deliver());
    let mut towards = world.accept(&listener);
    let message = world.expect(&mut towards, "the MESSAGE", harness::sip::Sip::is_request);
    assert_eq!(message.request(), ("MESSAGE", ue.tel().as_str()));
    assert_eq!(message.body[message.body.len() - deliver().len()..], deliver(), "octet by octet");
    assert!(message.header("Via").starts_with("SIP/2.0/TLS 127.0.0.1:"), "{message:#?}");
    towards.send(&message.response("200 OK", ""));
    let report = world.peers.report(&ue, &message, &rp_ack(&message));
    assert_eq!(world.transact(&mut scscf, report).status(), 200);
    world.peers.expect_end(&otid).component(0xa2);
}

#[test]
fn a_trusted_host_has_to_prove_its_name() {
    let mut world = World::new(Settings::default());
    // One without a certificate, and one with that of another domain.
    for certificate in [None, Some("gateway")] {
        let mut nameless = world.connect_tls(BY_TLS, certificate);
        world.until_closed(&mut nameless);
    }
    assert_eq!(world.count("closed_peer_refused"), 2);
    // UEs have no certificates.
    let mut ue = world.connect_tls("127.0.0.9", None);
    let asked = world.options();
    assert_eq!(world.transact(&mut ue, asked).status(), 200);
}

#[test]
fn a_host_of_the_core_is_believed_once_it_has_proved_its_domain() {
    let mut world = World::new(Settings { trusted: "[\"127.0.0.4\"]", ..Settings::default() });
    let mut scscf = world.connect(BY_TCP);
    let ue = Ue::home1(3);
    let register = world.peers.full_register(&ue, 3600);
    assert_eq!(world.transact(&mut scscf, register).status(), 200);
    // By TCP it is its address that is believed, as by UDP; by TLS it has something to show, and shows nothing.
    let stripped = |world: &World| world.sum(|worker| worker.stack().ims().counts.asserted_stripped);
    for (certificate, secure, status) in
        [(None, true, 403), (Some("gateway"), true, 202), (None, false, 202), (None, true, 403)]
    {
        let from = "127.0.0.4";
        let mut host = if secure { world.connect_tls(from, certificate) } else { world.connect(from) };
        let before = stripped(&world);
        let submit = world.peers.fresh_submit();
        let submission = world.peers.message(&ue, CENTRE_URI, &rp_data(7, CENTRE, &submit));
        assert_eq!(world.transact(&mut host, submission).status(), status);
        assert_eq!(stripped(&world) - before, u64::from(status == 403));
    }
    assert_eq!(world.count("closed_peer_refused"), 0);
}

#[test]
fn certificates_are_read_again() {
    let mut world = World::new(Settings::default());
    let any = || "127.0.0.9:0".parse().unwrap();
    let mut before = world.connect_tls("127.0.0.9", None);
    let mut scscf = world.connect(BY_TLS);
    let asked = world.options();
    assert_eq!(world.transact(&mut scscf, asked).status(), 200);
    // What can't be used is refused, and what was read before stays.
    let error = world.read_again(["wildcard", "gateway", "ca"]).unwrap_err();
    assert!(error.file.ends_with("own.pem"), "{error:?}");
    assert_eq!(error.remedy, "let [sip.tls] certificate and key belong together");
    let mut still = world.connect_tls("127.0.0.9", None);
    // Another certificate of the gateway's, and an authority that has not signed the S-CSCF's.
    world.read_again(["scscf", "scscf", "gateway"]).unwrap();
    assert!(world.connect_tls_to(any(), None, "ipsmgw.home1.net").is_err(), "it has another name now");
    let mut after = world.connect_tls_to(any(), None, "dns.home1.net").unwrap();
    for peer in [&mut before, &mut still, &mut after, &mut scscf] {
        let asked = world.options();
        assert_eq!(world.transact(peer, asked).status(), 200, "those that are open stay");
    }
    let refused =
        world.connect_tls_to(format!("{BY_TLS}:0").parse().unwrap(), Some("scscf"), "dns.home1.net");
    if let Ok(mut refused) = refused {
        world.until_closed(&mut refused);
    }
    assert!(world.count("closed_handshake") >= 1);
}

#[test]
fn a_ue_is_reached_by_its_connection_alone() {
    let mut world = World::new(Settings { direct: "none", ..Settings::default() });
    for secure in [false, true] {
        let from = "127.0.0.8";
        let mut peer = if secure { world.connect_tls(from, None) } else { world.connect(from) };
        let mut phone = Phone::with_sim(2).at(peer.address);
        let register = world.peers.phone_register(&mut phone, 3600);
        let registered = world.transact(&mut peer, register);
        assert_eq!(registered.status(), 200, "{registered:#?}");
        let otid = world.peers.send_mt(&phone.ue.imsi, &deliver());
        let message = world.expect(&mut peer, "the MESSAGE", harness::sip::Sip::is_request);
        assert_eq!(message.request().1, phone.contact);
        peer.send(&message.response("200 OK", ""));
        let report = world.peers.phone_message(&phone, "sip:ipsmgw.home1.net", &rp_ack(&message));
        let report = report.with("In-Reply-To", message.header("Call-ID"));
        assert_eq!(world.transact(&mut peer, report).status(), 200);
        world.peers.expect_end(&otid).component(0xa2);
        // Another connection, though from the same address and port, is somebody else's.
        if !secure {
            let mut other = world.connect_tls_at(peer.address, None);
            let spoofed = world.peers.phone_message(&phone, CENTRE_URI, &rp_data(9, CENTRE, &submit()));
            assert_eq!(world.transact(&mut other, spoofed).status(), 403);
        }
        // RFC 5626 4.3: with the connection the binding ends.
        drop(peer);
        world.until("the end of the binding", |world| (world.lost() > usize::from(secure)).then_some(()));
        let otid = world.peers.send_mt(&phone.ue.imsi, &deliver());
        assert_error(&world.peers.expect_end(&otid), ABSENT);
    }
}

/// A UE registers one of its flows by a connection of its own, and reads what the answer says of it.
fn registers_flow(world: &mut World, phone: &mut Phone, number: u32, timer: &str) -> Peer {
    let mut peer = world.connect("127.0.0.8");
    let instance = "+sip.instance=\"<urn:gsma:imei:90420156-025763-0>\"";
    phone.parameters = format!(";reg-id={number};{instance}");
    let register = world.peers.phone_register(phone, 3600).with("Supported", "path, outbound");
    let registered = world.transact(&mut peer, register);
    assert_eq!(registered.status(), 200, "{registered:#?}");
    assert_eq!((registered.header("Require"), registered.header("Flow-Timer")), ("outbound", timer));
    let contact = format!("<{}>;reg-id={number};{instance};expires=3600", phone.contact);
    assert_eq!(registered.all("Contact")[0], contact);
    peer
}

#[test]
fn the_next_flow_of_a_ue_takes_over() {
    let mut world = World::new(Settings { direct: "none", ..Settings::default() });
    let mut phone = Phone::with_sim(2).at("127.0.0.8:5060".parse().unwrap());
    let mut first = registers_flow(&mut world, &mut phone, 1, "120");
    let mut second = registers_flow(&mut world, &mut phone, 2, "120");
    let known = phone.clone();
    let takes = |world: &mut World, by: &mut Peer, otid: &[u8]| {
        let message = world.expect(by, "the MESSAGE", harness::sip::Sip::is_request);
        by.send(&message.response("200 OK", ""));
        let report = world.peers.phone_message(&known, "sip:ipsmgw.home1.net", &rp_ack(&message));
        let report = report.with("In-Reply-To", message.header("Call-ID"));
        assert_eq!(world.transact(by, report).status(), 200);
        world.peers.expect_end(otid).component(0xa2);
    };
    // The newest first; who says that it has failed, or nothing, has the next tried (RFC 5626 7).
    let otid = world.peers.send_mt(&phone.ue.imsi, &deliver());
    let message = world.expect(&mut second, "the MESSAGE", harness::sip::Sip::is_request);
    second.send(&message.response("430 Flow Failed", ""));
    takes(&mut world, &mut first, &otid);
    // What the device itself says it would say by any flow.
    let otid = world.peers.send_mt(&phone.ue.imsi, &deliver());
    let message = world.expect(&mut second, "the MESSAGE", harness::sip::Sip::is_request);
    second.send(&message.response("486 Busy Here", ""));
    world.peers.expect_end(&otid).component(0xa3);
    assert!(first.take(harness::sip::Sip::is_request).is_none());
    // A connection that is lost is a flow less.
    let otid = world.peers.send_mt(&phone.ue.imsi, &deliver());
    world.expect(&mut second, "the MESSAGE", harness::sip::Sip::is_request);
    drop(second);
    takes(&mut world, &mut first, &otid);
    // The same flow by another connection takes the place of the first.
    let mut again = registers_flow(&mut world, &mut phone, 1, "120");
    let otid = world.peers.send_mt(&phone.ue.imsi, &deliver());
    takes(&mut world, &mut again, &otid);
    drop(again);
    world.until("the end of the flow", |world| (world.lost() == 2).then_some(()));
    let otid = world.peers.send_mt(&phone.ue.imsi, &deliver());
    assert_error(&world.peers.expect_end(&otid), ABSENT);
    assert!(first.take(|_| true).is_none(), "what was replaced is no flow any more");
}

#[test]
fn a_flow_that_is_silent_is_dead() {
    let mut world = World::new(Settings { direct: "none", flow_timer_s: 1, ..Settings::default() });
    let mut phone = Phone::with_sim(2).at("127.0.0.8:5060".parse().unwrap());
    let mut silent = registers_flow(&mut world, &mut phone, 1, "1");
    let mut pings = registers_flow(&mut world, &mut phone, 2, "1");
    // Nobody promised that this one would be heard of.
    let mut stranger = world.connect("127.0.0.9");
    let mut sent = 0;
    world.until("its end", |world| {
        pings.send(b"\r\n\r\n");
        sent += 1;
        pass(&mut world.peers, Duration::from_millis(200));
        silent.is_closed().then_some(())
    });
    world.until("pongs", |_| (pings.pongs() == sent).then_some(()));
    assert!(!pings.is_closed() && !stranger.is_closed());
    assert_eq!((world.count("closed_flow_dead"), world.count("closed_idle")), (1, 0));
    let otid = world.peers.send_mt(&phone.ue.imsi, &deliver());
    let message = world.expect(&mut pings, "the MESSAGE", harness::sip::Sip::is_request);
    pings.send(&message.response("486 Busy Here", ""));
    world.peers.expect_end(&otid).component(0xa3);
    // Silent itself, it follows, and with it the registration ends.
    world.until_closed(&mut pings);
    world.until("the end of the flow", |world| (world.lost() == 2).then_some(()));
    let otid = world.peers.send_mt(&phone.ue.imsi, &deliver());
    assert_error(&world.peers.expect_end(&otid), ABSENT);
}

#[test]
fn two_messages_in_one_segment() {
    let mut world = World::new(Settings::default());
    let mut peer = world.connect("127.0.0.9");
    let (first, second) = (world.options(), world.options());
    let octets = [peer.spell(&first), b"\r\n\r\n".to_vec(), peer.spell(&second)].concat();
    peer.send(&octets);
    for draft in [first, second] {
        let answer = world.expect(&mut peer, "an answer", |sip| sip.branch() == draft.branch);
        assert_eq!(answer.status(), 200);
    }
    world.until("a pong", |_| (peer.pongs() == 1).then_some(()));
}

#[test]
fn split_at_every_octet() {
    let mut world = World::new(Settings::default());
    let mut peer = world.connect("127.0.0.9");
    let whole = world.options();
    let length = peer.spell(&whole).len();
    for cut in 1..length {
        let draft = world.options();
        let octets = peer.spell(&draft);
        peer.send(&octets[..cut.min(octets.len())]);
        world.peers.step();
        peer.send(&octets[cut.min(octets.len())..]);
        let answer = world.expect(&mut peer, "an answer", |sip| sip.branch() == draft.branch);
        assert_eq!(answer.status(), 200);
    }
    let draft = world.options();
    for octet in peer.spell(&draft) {
        peer.send(&[octet]);
        world.peers.step();
    }
    assert_eq!(world.expect(&mut peer, "an answer", |sip| sip.branch() == draft.branch).status(), 200);
    assert_eq!(world.count("accepted"), 1);
}

#[test]
fn a_message_without_a_length_is_answered_and_ends_the_connection() {
    let mut world = World::new(Settings::default());
    let lengths = [("", 400), ("Content-Length: x\r\n", 400), ("Content-Length: 99999\r\n", 513)];
    for (length, status) in lengths {
        let mut peer = world.connect("127.0.0.9");
        let draft = world.options();
        let text = String::from_utf8(peer.spell(&draft)).unwrap().replace("Content-Length: 0\r\n", length);
        let next = world.options();
        peer.send(&[text.as_bytes(), &peer.spell(&next)].concat());
        let answer = world.expect(&mut peer, "a refusal", |sip| sip.branch() == draft.branch);
        assert_eq!(answer.status(), status, "{answer:#?}");
        world.until_closed(&mut peer);
        assert!(peer.take(|_| true).is_none(), "what came behind it is nobody's");
    }
    // What is no SIP gets no answer.
    let mut peer = world.connect("127.0.0.9");
    peer.send(b"\x16\x03\x01\x02\x00");
    world.until_closed(&mut peer);
    assert_eq!(world.count("closed_unframed"), 4);
}

#[test]
fn a_connection_that_stalls_is_closed() {
    let mut world = World::new(Settings { message_s: 1, idle_s: 3, ..Settings::default() });
    let (mut stalls, mut idle) = (world.connect("127.0.0.9"), world.connect("127.0.0.9"));
    let draft = world.options();
    let octets = stalls.spell(&draft);
    let mut sent = octets[..octets.len() / 2].chunks(1);
    // An octet now and then does not help.
    world.until("its end", |_| {
        if let Some(octet) = sent.next() {
            stalls.try_send(octet);
        }
        stalls.is_closed().then_some(())
    });
    assert_eq!((world.count("closed_stalled"), world.count("closed_idle")), (1, 0));
    let asked = world.options();
    assert_eq!(world.transact(&mut idle, asked).status(), 200, "nobody else notices");
    world.until_closed(&mut idle);
    assert_eq!(world.count("closed_idle"), 1);
}

#[test]
fn a_slow_reader_is_closed() {
    let mut world = World::new(Settings { write_buffer: 8192, ..Settings::default() });
    let mut slow = world.connect_narrow("127.0.0.9");
    let draft = world.options();
    let octets = slow.spell(&draft);
    world.until("its end", |world| {
        (0..1000).for_each(|_| slow.flood(&octets));
        (world.count("closed_slow_reader") == 1).then_some(())
    });
    let mut other = world.connect("127.0.0.9");
    let asked = world.options();
    assert_eq!(world.transact(&mut other, asked).status(), 200, "nobody else notices");
}

#[test]
fn many_connections_bounded_memory() {
    let settings = Settings { connections: 500, connections_per_source: 300, ..Settings::default() };
    let mut world = World::new(settings);
    let before = world::resident_kib();
    let mut peers: Vec<Peer> = (0..280).map(|_| world.connect("127.0.0.9")).collect();
    peers.extend((0..200).map(|_| world.connect("127.0.0.10")));
    for (at, peer) in peers.iter_mut().enumerate() {
        let draft = world.options();
        let octets = peer.spell(&draft);
        // Every third stops in the middle, and is answered all the same when it goes on.
        let cut = if at % 3 == 0 { octets.len() / 2 } else { octets.len() };
        peer.send(&octets[..cut]);
        if at % 3 != 0 {
            assert_eq!(world.expect(peer, "an answer", |sip| sip.branch() == draft.branch).status(), 200);
        }
    }
    // Of thirty more, ten are more than one host may have; and then there are as many as may be.
    for (address, connections) in [("127.0.0.9", 510), ("127.0.0.10", 540)] {
        peers.extend((0..30).map(|_| world.connect(address)));
        world.until("refusals", |world| {
            let refused = world.count("refused_source") + world.count("refused_full");
            (world.count("accepted") + refused == connections).then_some(())
        });
    }
    assert_eq!((world.count("accepted"), world.count("refused_source")), (500, 10));
    assert_eq!(world.count("refused_full"), 30);
    let grown = world::resident_kib().saturating_sub(before);
    assert!(grown < 500 * 40, "{grown} KiB for 500 connections, both ends");
    // With some of them gone there is room again.
    peers.drain(..100);
    world.until("room", |world| (world.count("closed_by_peer") >= 100).then_some(()));
    let mut late = world.connect("127.0.0.11");
    let asked = world.options();
    assert_eq!(world.transact(&mut late, asked).status(), 200);
}
