//! Registration state at the S-CSCF (TS 24.341 5.3.3.2, RFC 3680): as what leads to the HLR, and watched beside REGISTERs.

use super::harness::direct::assert_tells;
use super::harness::gateway::{Bench, Options, isolated};
use super::harness::hlr::Hlr;
use super::harness::peers::{GATEWAY, SCSCF, Ue, deliver, embedded_register, service_info};
use super::harness::sip::{Draft, Sip};
use super::harness::steps::*;
use std::time::Duration;

const ATM: &str = "any_time_modification";
const BY_NOTIFY: Options = Options { r1: ATM, network: "r1_trigger = \"reg_event\"", ..Options::DEFAULT };

/// The S-CSCF's end of a subscription.
struct Dialogue {
    subscribe: Sip,
    tag: String,
    sequence: u32,
    version: u32,
}

impl Dialogue {
    /// The SUBSCRIBE that is expected, not answered yet; its headers are those of TS 24.229 5.7.1.1 and RFC 6665.
    #[track_caller]
    fn asked(bench: &mut Bench, ue: &Ue) -> Self {
        let subscribe = bench.expect_sip("a SUBSCRIBE", |it| it.start.starts_with("SUBSCRIBE "));
        assert_eq!(subscribe.request(), ("SUBSCRIBE", ue.impu.as_str()));
        assert_eq!((subscribe.source, subscribe.destination), (GATEWAY, SCSCF[0]));
        let (from, tag) = subscribe.header("From").split_once(";tag=").expect("a From tag");
        assert_eq!((from, tag.is_empty()), ("<sip:ipsmgw.home1.net>", false));
        assert_eq!(subscribe.header("To"), format!("<{}>", ue.impu));
        assert_eq!(subscribe.header("Route"), "<sip:scscf1.home1.net;lr>");
        for (name, value) in [
            ("P-Asserted-Identity", "<sip:ipsmgw.home1.net>"),
            ("Contact", "<sip:10.0.0.1:5060>"),
            ("Event", "reg"),
            ("Accept", "application/reginfo+xml"),
            ("Expires", "600000"),
            ("CSeq", "1 SUBSCRIBE"),
            ("Max-Forwards", "70"),
        ] {
            assert_eq!(subscribe.header(name), value, "{name}");
        }
        let tag = format!("ue-{}", subscribe.branch().len());
        Self { subscribe, tag, sequence: 100, version: 0 }
    }

    fn accept(&self, bench: &mut Bench, expires: u32) {
        let extra = format!("Expires: {expires}\r\nContact: <sip:scscf1.home1.net:5060;n=1>\r\n");
        let answer = self.subscribe.response("200 OK", &extra);
        bench.send_datagram(SCSCF[0], Some(self.subscribe.queue), &answer);
    }

    /// The next NOTIFY, which says all about a contact: whether it is registered, and takes messages.
    fn notify(&mut self, bench: &mut Bench, ue: &Ue, is_active: bool, takes: bool) -> Draft {
        let (state, event) =
            if is_active { ("active", "registered") } else { ("terminated", "unregistered") };
        let param = if takes { "<unknown-param name=\"+g.3gpp.smsip\"/>" } else { "" };
        let body = format!(
            "<?xml version=\"1.0\"?>\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{}\" state=\"full\">\n\
             <registration aor=\"{impu}\" id=\"a7\" state=\"{state}\">\n<contact id=\"76\" state=\"{state}\" event=\"{event}\">\
             <uri>sip:10.2.0.1</uri>{param}</contact>\n</registration>\n</reginfo>\n",
            self.version,
            impu = ue.impu,
        );
        self.version += 1;
        self.notify_with(bench, "active;expires=599999", &body)
    }

    fn notify_with(&mut self, bench: &mut Bench, state: &str, body: &str) -> Draft {
        let contact = self.subscribe.header("Contact").trim_matches(['<', '>']).to_owned();
        let mut draft = bench.draft(0, "NOTIFY", &contact);
        self.sequence += 1;
        draft.body = body.as_bytes().to_vec();
        draft
            .with("From", format!("{};tag={}", self.subscribe.header("To"), self.tag))
            .with("To", self.subscribe.header("From"))
            .but("Call-ID", self.subscribe.header("Call-ID"))
            .with("CSeq", format!("{} NOTIFY", self.sequence))
            .with("Contact", "<sip:scscf1.home1.net:5060;n=1>")
            .with("Record-Route", "<sip:in.home1.net;lr>,<sip:out.home1.net;lr>")
            .with("Event", "reg")
            .with("Subscription-State", state)
            .with("Content-Type", "application/reginfo+xml")
    }
}

/// Registers at the S-CSCF; the answer comes at once, and the subscription is there.
#[track_caller]
fn subscribed(bench: &mut Bench, ue: &Ue) -> Dialogue {
    let draft = bench.full_register(ue, 3600);
    let response = bench.transact(&draft);
    assert_eq!(response.header("Contact"), "<sip:scscf1.home1.net>;expires=3600");
    let dialogue = Dialogue::asked(bench, ue);
    dialogue.accept(bench, 600_000);
    dialogue
}

/// Somebody is absent at this moment.
#[track_caller]
fn assert_absent(bench: &mut Bench, ue: &Ue) {
    let otid = bench.send_mt(&ue.imsi, &deliver());
    assert_error(&bench.expect_end(&otid), ABSENT_DEREGISTERED);
}

/// TS 24.341 B.3: 200, SUBSCRIBE, NOTIFY; the HLR hears of a subscriber only when a registered contact takes short messages.
#[test]
fn p_8_7_reg_event_trigger() {
    isolated(BY_NOTIFY, |bench| {
        let (alice, mut hlr) = (Ue::home1(0), Hlr::default());
        let draft = bench.full_register(&alice, 3600);
        let response = bench.transact(&draft);
        assert_eq!(
            (response.status(), response.header("Contact")),
            (200, "<sip:scscf1.home1.net>;expires=3600")
        );
        let mut dialogue = Dialogue::asked(bench, &alice);
        // A NOTIFY that comes before the 200 to the SUBSCRIBE is as good.
        let bare = dialogue.notify(bench, &alice, true, false);
        assert_eq!(bench.transact(&bare).start, "SIP/2.0 200 OK");
        dialogue.accept(bench, 600_000);
        assert_absent(bench, &alice);
        bench.assert_silent();

        let with_tag = dialogue.notify(bench, &alice, true, true);
        assert_eq!(bench.transact(&with_tag).start, "SIP/2.0 200 OK");
        let asked = bench.expect_asked();
        assert_tells(&asked, ATM, &alice.imsi, true);
        hlr.answer(bench, &asked);
        bench.until_subscribers(1);
        let message = delivered(bench, &alice, &deliver());
        assert_eq!(message.request().1, "tel:+491701234567");
        submitted_as(bench, &alice);
        // A REGISTER that changes nothing stays on the worker, and the subscription is the same.
        let refresh = bench.full_register(&alice, 3600);
        assert_eq!(bench.transact(&refresh).status(), 200);
        bench.until_total("application.registration_refreshed", 1);
        bench.assert_silent();
    });
}

/// Whoever is not the S-CSCF, or names another dialogue, another event or an old state, changes nothing.
#[test]
fn p_8_7_reg_event_refuses_what_is_not_of_its_dialogue() {
    isolated(BY_NOTIFY, |bench| {
        let alice = Ue::home1(0);
        let mut dialogue = subscribed(bench, &alice);
        let first = dialogue.notify(bench, &alice, true, false);
        assert_eq!(bench.transact(&first).status(), 200);
        let forged = dialogue.notify(bench, &alice, true, true);
        for (draft, status) in [
            (Draft { source: super::harness::peers::STRANGER, ..forged.clone() }, 403),
            (forged.clone().but("From", format!("<{}>;tag=other", alice.impu)), 481),
            (forged.clone().but("Call-ID", "another@home1.net"), 481),
            (forged.clone().but("To", "<sip:ipsmgw.home1.net>;tag=other"), 481),
            (forged.clone().but("Event", "presence"), 489),
            (forged.clone().but("CSeq", "7 NOTIFY"), 500),
            (forged.clone().but("Subscription-State", ";"), 400),
            (Draft { body: b"<reginfo".to_vec(), ..forged.clone() }, 400),
            (forged.clone().but("Content-Type", "text/plain"), 415),
        ] {
            let number = bench.mint();
            let draft = Draft { branch: format!("z9hG4bKforged{number}"), ..draft };
            assert_eq!(bench.transact(&draft).status(), status);
        }
        // The one that could not be read was asked for once more, within the dialogue.
        let again = bench.expect_sip("a SUBSCRIBE", |it| it.start.starts_with("SUBSCRIBE "));
        assert_eq!(again.request().1, "sip:scscf1.home1.net:5060;n=1");
        assert_eq!(again.all("Route"), ["<sip:in.home1.net;lr>", "<sip:out.home1.net;lr>"]);
        assert!(again.header("To").ends_with(&format!(";tag={}", dialogue.tag)));
        assert_eq!((again.header("CSeq"), again.header("Call-ID")), ("2 SUBSCRIBE", first.value("Call-ID")));
        bench.answer(&again, "200 OK");
        bench.settle();
        assert!(bench.take_unitdata(|_| true).is_none(), "the HLR hears of nothing");
        assert_absent(bench, &alice);
    });
}

/// A registration that ends at the S-CSCF ends here, by what is told first, and it does not come back by what is late.
#[test]
fn p_8_8_reg_event_ends_it() {
    isolated(BY_NOTIFY, |bench| {
        let (alice, mut hlr) = (Ue::home1(0), Hlr::default());
        let mut dialogue = subscribed(bench, &alice);
        let notify = dialogue.notify(bench, &alice, true, true);
        assert_eq!(bench.transact(&notify).status(), 200);
        let asked = bench.expect_asked();
        hlr.answer(bench, &asked);
        bench.until_subscribers(1);
        // The UE no longer takes messages, though it stays.
        let late = dialogue.notify(bench, &alice, true, true);
        let gone = dialogue.notify(bench, &alice, true, false);
        assert_eq!(bench.transact(&gone).status(), 200);
        let asked = bench.expect_asked();
        assert_tells(&asked, ATM, &alice.imsi, false);
        assert_absent(bench, &alice);
        hlr.answer(bench, &asked);
        assert_eq!(bench.transact(&late).status(), 500, "an older one");
        assert_absent(bench, &alice);
        // It does so again; then the S-CSCF's REGISTER ends everything, the subscription too.
        let back = dialogue.notify(bench, &alice, true, true);
        assert_eq!(bench.transact(&back).status(), 200);
        let asked = bench.expect_asked();
        assert_tells(&asked, ATM, &alice.imsi, true);
        hlr.answer(bench, &asked);
        bench.until_subscribers(1);
        let leave = bench.full_register(&alice, 0);
        bench.send(&leave);
        let last = bench.expect_sip("a SUBSCRIBE", |it| it.start.starts_with("SUBSCRIBE "));
        assert_eq!((last.header("Expires"), last.header("CSeq")), ("0", "2 SUBSCRIBE"));
        bench.answer(&last, "200 OK");
        let asked = bench.expect_asked();
        assert_tells(&asked, ATM, &alice.imsi, false);
        hlr.answer(bench, &asked);
        assert_eq!(bench.expect_response(&leave).status(), 200);
        let end = dialogue.notify_with(bench, "terminated;reason=timeout", "");
        assert_eq!(bench.transact(&end).status(), 200);
        let after = dialogue.notify_with(bench, "terminated;reason=timeout", "");
        assert_eq!(bench.transact(&after).status(), 481);
        assert!(hlr.registered.is_empty());
        assert_absent(bench, &alice);
        bench.assert_silent();
    });
}

/// FIELD-NOTES, pain 6: a de-registration that only a NOTIFY tells was ignored, and messages were lost for an hour.
#[test]
fn pain_06_deregistered_by_notify_is_absent_in_the_same_second() {
    let watching = Options { r1: ATM, network: "reg_event = \"watch\"", ..Options::DEFAULT };
    isolated(watching, |bench| {
        let (alice, mut hlr) = (Ue::home1(0), Hlr::default());
        let draft = bench.full_register(&alice, 3600);
        bench.send(&draft);
        let asked = bench.expect_asked();
        hlr.answer(bench, &asked);
        assert_eq!(bench.expect_response(&draft).status(), 200);
        let mut dialogue = Dialogue::asked(bench, &alice);
        dialogue.accept(bench, 600_000);
        let there = dialogue.notify(bench, &alice, true, true);
        assert_eq!(bench.transact(&there).status(), 200);
        delivered(bench, &alice, &deliver());
        let gone = dialogue.notify(bench, &alice, false, false);
        let began = bench.now();
        assert_eq!(bench.transact(&gone).status(), 200);
        assert_absent(bench, &alice);
        let asked = bench.expect_asked();
        assert_tells(&asked, ATM, &alice.imsi, false);
        assert!(bench.now().since(began) < Duration::from_secs(1), "{:?}", bench.now().since(began));
        hlr.answer(bench, &asked);
        // The S-CSCF's REGISTER has nothing left to end but the subscription.
        let leave = bench.full_register(&alice, 0);
        assert_eq!(bench.transact(&leave).status(), 200);
        let last = bench.expect_sip("a SUBSCRIBE", |it| it.start.starts_with("SUBSCRIBE "));
        assert_eq!(last.header("Expires"), "0");
        bench.answer(&last, "481 Gone");
        bench.assert_silent();
    });
}

/// FIELD-NOTES, pain 11: what the S-CSCF puts into the body of its REGISTER, or doesn't, must not keep anybody away.
#[test]
fn pain_11_a_third_party_register_in_every_form() {
    isolated(Options::default(), |bench| {
        let (alice, bob, carol) = (Ue::home1(0), Ue::home1(1), Ue::home1(1000));
        let info = service_info(&alice.msisdn).into_bytes();
        let own = embedded_register(&bob).into_bytes();
        let (ims, sip) = ("application/3gpp-ims+xml", "message/sip");
        let mut forms = vec![
            bench.third_party_register(&carol, 60, "", b""),
            bench
                .third_party_register(&alice, 60, ims, &info)
                .with("P-Associated-URI", "<sip:262011234567890@ims.mnc001.mcc262.3gppnetwork.org>"),
            bench
                .third_party_register(&bob, 60, sip, &own)
                .with("P-Associated-URI", format!("<{}>, <tel:+{}>", bob.impu, bob.msisdn)),
        ];
        for number in 2..6 {
            forms.push(bench.full_register(&Ue::home1(number), 60));
        }
        // The order of the parts, the boundary's quotes, a preamble and parts that nobody knows don't matter.
        let parts = [
            format!("Content-Type: {ims}\r\n\r\n{}", service_info(&Ue::home1(6).msisdn)),
            format!(
                "Content-Type: {sip}\r\nContent-Disposition: render\r\n\r\n{}",
                embedded_register(&Ue::home1(6))
            ),
            "Content-Type: text/plain\r\n\r\n--part of something".to_owned(),
            "\r\nof no type".to_owned(),
        ];
        for turn in 0..parts.len() {
            let mut body = "a preamble\r\n".to_owned();
            for part in parts[turn..].iter().chain(&parts[..turn]) {
                body += &format!("--\"part\r\n{part}\r\n").replace("--\"part", "--the part");
            }
            body += "--the part--\r\nan epilogue";
            let kind = "Multipart/Mixed; boundary=\"the part\"";
            forms.push(bench.third_party_register(&Ue::home1(6), 60 + turn as u32, kind, body.as_bytes()));
        }
        for (at, draft) in forms.iter().enumerate() {
            let response = bench.transact(draft);
            assert_eq!(response.status(), 200, "form {at}: {response:#?}");
        }
        for number in [0, 1, 2, 6, 1000] {
            delivered(bench, &Ue::home1(number), &deliver());
        }
        bench.assert_silent();
    });
}
