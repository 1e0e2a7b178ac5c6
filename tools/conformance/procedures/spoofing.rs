//! G-2: who has not proved who he is changes nothing, whatever he says he is; and strangers get no more than they sent.

use super::direct::DIGEST;
use super::harness::ber::{international, spell};
use super::harness::direct::*;
use super::harness::gateway::{Bench, Options, isolated};
use super::harness::hlr::Hlr;
use super::harness::peers::{SCSCF, Ue, deliver, rp_data, v4};
use super::harness::phone::{Challenge, DOMAIN, Phone, REALM, URI};
use super::harness::sip::{Draft, Sip};
use super::harness::steps::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

/// What a stranger tries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    From,
    AssertedIdentity,
    AssertedNumber,
    Contact,
    Originator,
    OtherPort,
    Register,
    RegisterBySomebodyElse,
    MadeUpCredentials,
    WrongPassword,
    ReplayedCredentials,
    StolenCredentials,
    Deregister,
    DeregisterAll,
    ThirdParty,
    ThirdPartyDeregister,
    Report,
    ReportInRpError,
}

const KINDS: [Kind; 18] = [
    Kind::From,
    Kind::AssertedIdentity,
    Kind::AssertedNumber,
    Kind::Contact,
    Kind::Originator,
    Kind::OtherPort,
    Kind::Register,
    Kind::RegisterBySomebodyElse,
    Kind::MadeUpCredentials,
    Kind::WrongPassword,
    Kind::ReplayedCredentials,
    Kind::StolenCredentials,
    Kind::Deregister,
    Kind::DeregisterAll,
    Kind::ThirdParty,
    Kind::ThirdPartyDeregister,
    Kind::Report,
    Kind::ReportInRpError,
];

/// A victim, and what a stranger may have seen of him.
struct Victim {
    phone: Phone,
    /// Through the IMS.
    ims: Ue,
    /// Authorization that was used, and one that never was.
    used: String,
    unused: String,
    /// A message that waits for his report.
    waiting: Sip,
    otid: [u8; 4],
}

impl Victim {
    #[track_caller]
    fn new(bench: &mut Bench, number: u64) -> Self {
        let mut phone = Phone::new(number);
        let challenge = challenged(bench, &mut phone, 3600);
        let draft = proved(bench, &mut phone, 3600, &challenge);
        assert_eq!(bench.transact(&draft).status(), 200);
        let used = draft.value("Authorization").to_owned();
        let challenge = challenged(bench, &mut phone, 3600);
        let unused = phone.proof(&challenge);
        let ims = Ue::home1(number - 1000);
        bench.register(&ims);
        let otid = bench.send_mt(&phone.ue.imsi, &deliver());
        let waiting = bench.expect_message();
        bench.answer(&waiting, "200 OK");
        Self { phone, ims, used, unused, waiting, otid }
    }

    /// The attempt, as if it came from the victim: what honest twins send.
    fn draft(&self, bench: &mut Bench, kind: Kind) -> Draft {
        let (phone, ue) = (&self.phone, &self.phone.ue);
        let mut copy = phone.clone();
        copy.sequence += 1000;
        let message = |bench: &mut Bench| {
            let tpdu = bench.fresh_submit();
            bench.phone_message(phone, CENTRE_URI, &rp_data(1, CENTRE, &tpdu))
        };
        let garbage = |user: &str| {
            format!(
                "Digest username=\"{user}\",realm=\"{REALM}\",nonce=\"bm9uY2U=\",uri=\"{URI}\",\
                 response=\"00000000000000000000000000000000\",algorithm=MD5,qop=auth,nc=00000001,cnonce=\"1\""
            )
        };
        let report = |bench: &mut Bench, mti: &[u8]| {
            let body = [&mti[..1], &self.waiting.body[1..2], &mti[1..]].concat();
            phone_report(bench, phone, &self.waiting, &body)
        };
        match kind {
            Kind::From | Kind::OtherPort => message(bench),
            Kind::AssertedIdentity => message(bench).with("P-Asserted-Identity", format!("<{}>", ue.impu)),
            Kind::AssertedNumber => message(bench).with("P-Asserted-Identity", format!("<{}>", ue.tel())),
            Kind::Contact => message(bench).with("Contact", format!("<{}>", phone.contact)),
            Kind::Originator => {
                let draft = message(bench);
                let number = international(&ue.msisdn);
                let originator = [&[number.len() as u8][..], &number].concat();
                Draft { body: [&draft.body[..2], &originator, &draft.body[3..]].concat(), ..draft }
            }
            Kind::Register => bench.phone_register(&mut copy, 3600),
            Kind::RegisterBySomebodyElse => {
                bench.phone_register(&mut copy, 3600).but("From", "<sip:user1099@home1.net>;tag=m")
            }
            Kind::MadeUpCredentials => {
                bench.phone_register(&mut copy, 3600).with("Authorization", garbage(&phone.user))
            }
            Kind::WrongPassword => {
                let at = self.unused.find("response=\"").unwrap() + 10;
                let wrong = [&self.unused[..at], "0123456789abcdef0123456789abcdef", &self.unused[at + 32..]]
                    .concat();
                bench.phone_register(&mut copy, 3600).with("Authorization", wrong)
            }
            Kind::ReplayedCredentials => {
                bench.phone_register(&mut copy, 3600).with("Authorization", self.used.clone())
            }
            Kind::StolenCredentials => {
                bench.phone_register(&mut copy, 3600).with("Authorization", self.unused.clone())
            }
            Kind::Deregister => bench.phone_register(&mut copy, 0).with("Authorization", self.unused.clone()),
            Kind::DeregisterAll => {
                copy.contact = "*".into();
                bench.phone_register(&mut copy, 0).with("Authorization", self.unused.clone())
            }
            Kind::ThirdParty => bench.full_register(&self.ims, 3600),
            Kind::ThirdPartyDeregister => bench.full_register(&self.ims, 0),
            Kind::Report => report(bench, &[2, 0x41, 2, 0, 0]),
            Kind::ReportInRpError => report(bench, &[4, 1, 22]),
        }
    }
}

/// One of many addresses of strangers, or the victim's with another port.
fn stranger(number: u32, kind: Kind, victim: &Victim) -> SocketAddr {
    match kind {
        Kind::OtherPort => SocketAddr::new(victim.phone.address.ip(), 6000 + (number % 50_000) as u16),
        _ => {
            let ip = Ipv4Addr::from(0x0a01_6400 + number % 0x8000);
            SocketAddr::new(ip.into(), 1024 + (number % 60_000) as u16)
        }
    }
}

#[test]
fn g_2_ten_thousand_spoofing_attempts_change_nothing() {
    isolated(Options { nonce_s: 300, mt_report_ms: 200_000, ..DIGEST }, |bench| {
        let victims: Vec<Victim> = (1000..1008).map(|number| Victim::new(bench, number)).collect();
        bench.assert_silent();
        let table = bench.table();
        assert_eq!(table.0, 2 * victims.len() as u64, "as many through the IMS");
        assert_shown(bench, &victims, &table);
        let mut seen = BTreeMap::<(Kind, u16), u32>::new();
        let mut number = 0;
        while number < 10_000 {
            let mut open = BTreeSet::new();
            let mut of_kind = BTreeMap::new();
            for _ in 0..50 {
                let (kind, victim) =
                    (KINDS[number as usize % KINDS.len()], &victims[number as usize / 7 % victims.len()]);
                let mut draft = victim.draft(bench, kind);
                draft.source = stranger(number, kind, victim);
                if number % 3 == 0 {
                    draft.sent_by = Some(victim.phone.address);
                    draft.rport = true;
                }
                if kind >= Kind::Register && number % 2 == 0 {
                    let own = format!("<sip:mallory@{}>", draft.source);
                    draft = if draft.value("Contact") == "*" { draft } else { draft.but("Contact", own) };
                }
                bench.send(&draft);
                open.insert(draft.branch.clone());
                of_kind.insert(draft.branch, kind);
                number += 1;
            }
            bench.until("answers", |peers| {
                while let Some(response) = peers.sip.pop_front() {
                    assert!(!response.is_request(), "a request because of strangers: {response:#?}");
                    let branch = response.branch().to_owned();
                    assert!((400..600).contains(&response.status()), "{:?}: {response:#?}", of_kind[&branch]);
                    assert_eq!(response.find("Contact"), None, "{response:#?}");
                    if open.remove(&branch) {
                        *seen.entry((of_kind[&branch], response.status())).or_default() += 1;
                    }
                }
                open.is_empty().then_some(())
            });
        }
        bench.assert_silent();
        assert_eq!(seen.values().sum::<u32>(), 10_000);
        for kind in KINDS {
            let statuses: BTreeSet<u16> =
                seen.keys().filter(|(of, _)| *of == kind).map(|(_, status)| *status).collect();
            let all: &[u16] = match kind {
                kind if kind < Kind::Register || kind >= Kind::Report => &[403],
                // Challenged as far as the limits allow.
                _ => &[401, 403, 503],
            };
            assert!(
                !statuses.is_empty() && statuses.iter().all(|status| all.contains(status)),
                "{kind:?}: {statuses:?}"
            );
        }
        for name in ["mo_accepted", "mt_delivered", "mt_failed", "report_unmatched"] {
            assert_eq!(bench.total(&format!("application.{name}")), 0, "{name}");
        }
        assert_eq!(bench.table(), table, "strangers have changed a registration");
        for victim in victims {
            let before = bench.table();
            twins(bench, victim);
            assert_ne!(bench.table().1, before.1, "the digest does not see what the honest change");
        }
        bench.assert_silent();
        bench.until_total("fill.mt", 0);
    });
}

/// What operators see of the table: as programs and people get it, and nobody's number or name.
fn assert_shown(bench: &Bench, victims: &[Victim], (count, digest): &(u64, String)) {
    let shown = bench.command_shows("subscribers", &["--json"]);
    let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(read["subscribers"], serde_json::json!({ "count": count, "digest": digest }));
    let table = bench.command_shows("subscribers", &[]);
    assert!(table.starts_with(&format!("count   {count:>16}\ndigest  {digest}\n\n")), "{table}");
    for Ue { imsi, msisdn, impu, .. } in victims.iter().flat_map(|it| [&it.phone.ue, &it.ims]) {
        for known in [imsi, msisdn, impu] {
            assert!(!shown.contains(known) && !table.contains(known), "{known} in {shown}");
        }
    }
}

/// The same from the victims themselves passes.
#[track_caller]
fn twins(bench: &mut Bench, victim: Victim) {
    let own = spell(&international(&victim.phone.ue.msisdn));
    for kind in KINDS {
        let draft = victim.draft(bench, kind);
        let mut phone = victim.phone.clone();
        phone.sequence += 2000;
        match kind {
            Kind::From
            | Kind::AssertedIdentity
            | Kind::AssertedNumber
            | Kind::Contact
            | Kind::Originator
            | Kind::OtherPort => {
                assert_eq!(bench.transact(&draft).status(), 202, "{kind:?}");
                let begin = bench.expect_unitdata(0x62);
                assert_eq!(
                    spell(super::harness::ber::at(begin.component(0xa1), &[0x30, 0x82])),
                    own,
                    "{kind:?}"
                );
                bench.end_mo(&begin, &super::harness::ss7::mo_result(None));
                let report = bench.expect_message();
                assert_eq!(report.destination, phone.address);
                bench.answer(&report, "200 OK");
            }
            // The right answer to a challenge of his own, which strangers have not used up.
            Kind::StolenCredentials => assert_eq!(bench.transact(&draft).status(), 200, "{kind:?}"),
            Kind::ThirdParty => {
                assert_eq!((draft.source, bench.transact(&draft).status()), (SCSCF[0], 200));
                submitted_as(bench, &victim.ims);
                delivered(bench, &victim.ims, &deliver());
            }
            Kind::ThirdPartyDeregister => {
                assert_eq!(bench.transact(&draft).status(), 200);
                let otid = bench.send_mt(&victim.ims.imsi, &deliver());
                assert_error(&bench.expect_end(&otid), ABSENT_DEREGISTERED);
            }
            Kind::Report => {
                assert_eq!(bench.transact(&draft).status(), 200);
                bench.expect_end(&victim.otid).component(0xa2);
                phone_gets(bench, &phone);
            }
            _ => {}
        }
    }
    let (mut hlr, mut phone) = (Hlr::default(), victim.phone);
    phone.sequence += 3000;
    registered(bench, &mut hlr, &mut phone, 3600);
    phone_gets(bench, &phone);
    registered(bench, &mut hlr, &mut phone, 0);
    assert_gone(bench, &phone);
    registered(bench, &mut hlr, &mut phone, 3600);
    registered(bench, &mut hlr, &mut Phone { contact: "*".into(), ..phone.clone() }, 0);
    assert_gone(bench, &phone);
}

/// The most challenges in a while: 10 for an identity, 100 for a source; who has proved himself there before has his own.
#[test]
fn g_2_challenges_are_bounded_by_identity_and_source() {
    isolated(DIGEST, |bench| {
        let mut honest = Phone::new(1000);
        registered(bench, &mut Hlr::default(), &mut honest, 600);
        let mut statuses = vec![];
        for number in 0..12 {
            let source = v4([10, 1, 200, number]);
            let mut stranger = Phone { address: source, ..Phone::new(1000) };
            let draft = bench.phone_register(&mut stranger, 600);
            let response = bench.transact(&draft);
            assert_eq!(response.find("Retry-After").is_some(), response.status() == 503, "{response:#?}");
            statuses.push(response.status());
        }
        assert_eq!(statuses[..9], [401; 9]);
        assert_eq!(statuses[10..], [503; 2]);
        registered(bench, &mut Hlr::default(), &mut honest, 600);
        phone_gets(bench, &honest);

        let source = v4([10, 1, 201, 1]);
        let challenged = (0..130).filter(|number| {
            let aor = format!("sip:{}@{DOMAIN}", Ue::home1(3000 + number).imsi);
            let mut stranger = Phone { aor, address: source, ..Phone::new(3000 + number) };
            let draft = bench.phone_register(&mut stranger, 600);
            bench.transact(&draft).status() == 401
        });
        let challenged = challenged.count();
        assert!((100..125).contains(&challenged), "{challenged}");
        bench.assert_silent();
    });
}

/// A reply that is longer than its request is not sent to a stranger, and is counted; a REGISTER of so many octets gets
/// so many challenges.
#[track_caller]
fn replies(bench: &mut Bench, mut phone: Phone, challenges: &[(usize, usize)]) {
    let mut hlr = Hlr::default();
    let withheld = bench.total("sip_server.reply_withheld");
    phone.octets = 0;
    phone.contact = format!("sip:{}", phone.address);
    let draft =
        bench.phone_register(&mut phone, 600).without("P-Access-Network-Info").without("Max-Forwards");
    let short = draft.octets().len();
    bench.send(&draft);
    let deadline = bench.now() + std::time::Duration::from_secs(10);
    while bench.total("sip_server.reply_withheld") == withheld {
        hlr.serve(bench);
        assert!(bench.now() < deadline, "{:#?}", bench.sip);
        bench.step();
    }
    assert_eq!(
        bench.take_sip(|sip| sip.branch() == draft.branch).map(|it| it.raw.len()),
        None,
        "for {short}"
    );
    for &(octets, count) in challenges {
        phone.octets = octets;
        let draft = bench.phone_register(&mut phone, 600);
        assert_eq!(draft.octets().len(), octets);
        let response = hlr.transact(bench, &draft);
        assert_eq!((response.status(), Challenge::all(&response).len()), (401, count), "{response:#?}");
        assert!(response.raw.len() <= octets, "{} octets: {response:#?}", response.raw.len());
    }
    bench.assert_silent();
}

#[test]
fn g_2_replies_to_strangers_are_no_longer_than_their_requests() {
    isolated(DIGEST, |bench| replies(bench, Phone::new(1000), &[(500, 1)]));
}

#[test]
fn g_2_replies_to_strangers_with_sims_are_no_longer_than_their_requests() {
    isolated(Options { direct: "aka", ..Options::DEFAULT }, |bench| {
        replies(bench, Phone::with_sim(0), &[(500, 1), (1000, 2)])
    });
}
