//! G-2 where UEs prove with their SIM who they are: credentials that are wrong, used, stolen or made up change nothing.

use super::harness::direct::*;
use super::harness::gateway::{Bench, Options, isolated};
use super::harness::hlr::Hlr;
use super::harness::peers::v4;
use super::harness::phone::{Challenge, Phone, REALM, URI, Vector};
use super::harness::sip::Sip;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::net::SocketAddr;

/// What a stranger tries.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// He is challenged in the victim's name, and answers as another SIM or another vector would.
    WrongRes,
    /// He refuses that challenge as not the network's.
    NoRes,
    /// He says that the victim's SIM is out of step, which needs no password but an AUTS.
    MadeUpAuts,
    MadeUpNonce,
    Replayed,
    Stolen,
    /// RES of his own SIM, for a challenge of his own.
    OwnChallenge,
    /// The same under his own name, for the victim's identity.
    OwnName,
    Deregister,
    /// From the victim's own address, behind the same NAT.
    WrongResNearby,
    ReplayedNearby,
    DeregisterAllNearby,
}

/// Each with the status that it gets. What is challenged again costs the victim's name one of ten challenges for strangers.
const KINDS: [(Kind, u16); 12] = [
    (Kind::WrongRes, 403),
    (Kind::NoRes, 403),
    (Kind::MadeUpAuts, 401),
    (Kind::MadeUpNonce, 401),
    (Kind::Replayed, 401),
    (Kind::Stolen, 401),
    (Kind::OwnChallenge, 401),
    (Kind::OwnName, 403),
    (Kind::Deregister, 401),
    (Kind::WrongResNearby, 403),
    (Kind::ReplayedNearby, 401),
    (Kind::DeregisterAllNearby, 401),
];

const VICTIMS: u64 = 40;

/// Step 2 of 8.1 without credentials: one of the two challenges, for odd numbers AKAv1's.
#[track_caller]
fn challenge(bench: &mut Bench, hlr: &mut Hlr, phone: &mut Phone) -> Challenge {
    let draft = bench.phone_register(phone, 3600);
    let response = hlr.transact(bench, &draft);
    assert_eq!(response.status(), 401, "{response:#?}");
    Challenge::all(&response).remove((phone.number % 2) as usize)
}

/// What the UE's SIM answers to the challenge given last.
fn proof(hlr: &Hlr, phone: &Phone, challenge: &Challenge) -> String {
    let vector = hlr.vector(&phone.ue.imsi);
    challenge.authorization(&phone.user, &vector.password(&challenge.algorithm), URI)
}

/// A victim, and what a stranger may have seen of him.
struct Victim {
    phone: Phone,
    /// Authorization that was used, and one that never was.
    used: String,
    unused: String,
}

impl Victim {
    #[track_caller]
    fn new(bench: &mut Bench, hlr: &mut Hlr, number: u64) -> Self {
        let mut phone = Phone::with_sim(number);
        let asked = challenge(bench, hlr, &mut phone);
        let used = proof(hlr, &phone, &asked);
        let draft = bench.phone_register(&mut phone, 3600).with("Authorization", used.clone());
        assert_eq!(bench.transact(&draft).status(), 200);
        let asked = challenge(bench, hlr, &mut phone);
        let unused = proof(hlr, &phone, &asked);
        Self { phone, used, unused }
    }

    /// The final answer to an attempt from `stranger`, who would have the victim's messages come to him.
    fn attempt(&self, bench: &mut Bench, hlr: &mut Hlr, kind: Kind, stranger: SocketAddr) -> Sip {
        let nearby = SocketAddr::new(self.phone.address.ip(), stranger.port());
        let from = match kind {
            Kind::WrongResNearby | Kind::ReplayedNearby | Kind::DeregisterAllNearby => nearby,
            _ => stranger,
        };
        let mut copy = Phone { sequence: self.phone.sequence + 1000, ..self.phone.clone() }.at(from);
        let own = Phone::with_sim(self.phone.number + 500).at(from);
        let authorization = match kind {
            Kind::WrongRes | Kind::WrongResNearby => {
                let asked = challenge(bench, hlr, &mut copy);
                let wrong = match self.phone.number % 4 {
                    0 | 1 => Vector::of(&own.ue.imsi, 1),
                    _ => Vector::of(&copy.ue.imsi, 0),
                };
                asked.authorization(&copy.user, &wrong.password(&asked.algorithm), URI)
            }
            Kind::NoRes => {
                let asked = challenge(bench, hlr, &mut copy);
                let (user, nonce, algorithm) = (&copy.user, asked.nonce, asked.algorithm);
                format!(
                    "Digest username=\"{user}\",realm=\"{REALM}\",nonce=\"{nonce}\",uri=\"{URI}\",response=\"\",\
                     algorithm={algorithm}"
                )
            }
            Kind::MadeUpAuts => {
                let asked = challenge(bench, hlr, &mut copy);
                let proof = asked.authorization(&copy.user, b"", URI);
                format!("{proof},auts=\"{}\"", STANDARD.encode([0xa5; 14]))
            }
            Kind::MadeUpNonce => {
                let (realm, algorithm) = (REALM.to_owned(), "AKAv1-MD5".to_owned());
                let asked = Challenge { realm, algorithm, nonce: STANDARD.encode([0xa5; 55]), stale: false };
                asked.authorization(&copy.user, &Vector::of(&copy.ue.imsi, 0).xres, URI)
            }
            Kind::Replayed | Kind::ReplayedNearby | Kind::DeregisterAllNearby => self.used.clone(),
            Kind::Stolen | Kind::Deregister => self.unused.clone(),
            Kind::OwnChallenge | Kind::OwnName => {
                let mut own = own;
                let asked = challenge(bench, hlr, &mut own);
                let vector = hlr.vector(&own.ue.imsi);
                let user = if matches!(kind, Kind::OwnName) { &own.user } else { &copy.user };
                asked.authorization(user, &vector.password(&asked.algorithm), URI)
            }
        };
        if matches!(kind, Kind::DeregisterAllNearby) {
            copy.contact = "*".into();
        }
        let ends = matches!(kind, Kind::Deregister | Kind::DeregisterAllNearby);
        let expires = if ends { 0 } else { 3600 };
        let draft = bench.phone_register(&mut copy, expires).with("Authorization", authorization);
        hlr.transact(bench, &draft)
    }
}

#[test]
fn g_2_hundreds_of_spoofing_attempts_against_sims_change_nothing() {
    isolated(Options { direct: "aka", nonce_s: 300, ..Options::DEFAULT }, |bench| {
        let mut hlr = Hlr::default();
        let victims: Vec<Victim> = (0..VICTIMS).map(|number| Victim::new(bench, &mut hlr, number)).collect();
        bench.assert_silent();
        let table = bench.table();
        assert_eq!(table.0, VICTIMS);
        for (at, (kind, status)) in KINDS.into_iter().enumerate() {
            for victim in &victims {
                let host = v4([10, 1, 100 + at as u8, victim.phone.number as u8]).ip();
                let stranger = SocketAddr::new(host, 1024 + victim.phone.number as u16);
                let response = victim.attempt(bench, &mut hlr, kind, stranger);
                assert_eq!(response.status(), status, "{kind:?}: {response:#?}");
                assert_eq!(response.find("Contact"), None, "{kind:?}: {response:#?}");
            }
        }
        bench.assert_silent();
        assert_eq!(bench.table(), table, "strangers have changed a registration");
        for victim in victims {
            let before = bench.table();
            twins(bench, &mut hlr, victim);
            assert_ne!(bench.table(), before, "the digest does not see what the honest change");
        }
        bench.assert_silent();
    });
}

/// The same from the victim himself passes.
#[track_caller]
fn twins(bench: &mut Bench, hlr: &mut Hlr, Victim { mut phone, unused, .. }: Victim) {
    phone_gets(bench, &phone);
    // The right answer to a challenge of his own, which strangers have not used up.
    let draft = bench.phone_register(&mut phone, 3600).with("Authorization", unused);
    assert_eq!(bench.transact(&draft).status(), 200);
    for expires in [3600, 0] {
        let asked = challenge(bench, hlr, &mut phone);
        let proof = proof(hlr, &phone, &asked);
        let draft = bench.phone_register(&mut phone, expires).with("Authorization", proof);
        assert_eq!(bench.transact(&draft).status(), 200, "expires {expires}");
    }
    assert_gone(bench, &phone);
}
