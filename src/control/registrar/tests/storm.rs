//! Everybody comes back at once, in virtual time: the HLR gets no more than it takes, and in the end everybody is registered.

use super::direct::of_ue;
use super::*;
use crate::base::Random;
use crate::control::start::{self, Parts};
use crate::gateway::mailbox::{MapOperation, MapOutcome, RegisterOutcome};
use crate::io::memory::MemoryIo;
use crate::proto::map::operation;
use crate::proto::map::subscription::{
    AnyTimeModification, ModifyRegistrationStatus, Quintuplet, SendAuthenticationInfo,
    SendAuthenticationInfoResult, SubscriberIdentity,
};
use crate::stack::Deferred;
use md5::{Digest as _, Md5};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const CONFIG: &str = r#"
[capacity]
subscribers = SUBSCRIBERS
identities = DETAILS
details = DETAILS
[[port]]
name = "ims"
device = "net_memory0"
addresses = ["10.0.0.1/24"]
[sip]
listen = ["10.0.0.1:5060"]
uri = "sip:ipsmgw.home1.net"
[[network]]
name = "home1"
mcc = "262"
mnc = "01"
realms = ["home1.net"]
gateway_title = "491710999001"
scscf = [{ uri = "sip:scscf1.home1.net", address = "10.1.0.5:5060" }]
r1 = "any_time_modification"
hlr = [{ title = "491710760001" }]
[network.direct]
authentication = "AUTHENTICATION"
[timers]
r1_per_second = PER_SECOND
r1_outstanding = OUTSTANDING
[ss7]
point_code = 100
[[association]]
name = "sg"
role = "client"
local = ["10.0.0.1"]
remote = ["10.0.0.2"]
[[destination]]
point_code = 200
associations = ["sg"]
"#;

/// How long an operation is on its way to the HLR, and its answer back.
const WAY: Duration = Duration::from_millis(40);
/// How long a UE takes to answer a challenge.
const UE: Duration = Duration::from_millis(100);

/// What happens.
#[derive(Clone, Copy)]
struct Plan {
    /// Who comes back, and within which time.
    ues: u32,
    within: Duration,
    /// Every other one by an S-CSCF, and not by himself.
    by_scscf: bool,
    /// UEs by themselves have to prove who they are.
    aka: bool,
    /// Operations that the HLR takes in a second, and that it is given at most.
    takes: u32,
    paced: u32,
    /// Who has been registered all the time, and changes something meanwhile.
    steady: u32,
    /// Strangers who ask for a challenge, in a second.
    strangers: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    /// The HLR's answer to an operation is there.
    Answered(u64),
    /// A UE, or the S-CSCF for it, sends its REGISTER.
    Registers(u32),
    /// Somebody who will prove nothing sends one.
    Stranger(u32),
}

/// An HLR that carries out one operation after the other, and has room for so many that wait for that; it refuses the others.
struct Hlr {
    each: Duration,
    room: Duration,
    busy: Time,
    /// How often each was registered, and when the last one.
    registered: Vec<u8>,
    last: Time,
    vectors: u32,
    refused: u32,
    longest: Duration,
}

impl Hlr {
    /// Its answer, and when that comes.
    fn asked(&mut self, now: Time, operation: &MapOperation) -> (Time, MapOutcome) {
        let here = now + WAY;
        if self.busy.since(here) >= self.room {
            self.refused += 1;
            // systemFailure.
            return (here + WAY, MapOutcome::Error(34));
        }
        self.longest = self.longest.max(self.busy.since(here));
        self.busy = self.busy.max(here) + self.each;
        let answer = match operation.opcode {
            operation::ANY_TIME_MODIFICATION => {
                let argument = AnyTimeModification::decode(&operation.argument).unwrap();
                assert_eq!(argument.registration, Some(ModifyRegistrationStatus::Activate));
                let SubscriberIdentity::Imsi(imsi) = argument.subscriber else { panic!("by IMSI") };
                self.registered[ue_of(imsi)] += 1;
                self.last = self.busy;
                vec![]
            }
            operation::SEND_AUTHENTICATION_INFO => {
                self.vectors += 1;
                let imsi = SendAuthenticationInfo::decode(&operation.argument).unwrap().imsi;
                SendAuthenticationInfoResult { quintuplets: vec![vector(imsi)] }.encode()
            }
            other => panic!("operation {other}"),
        };
        (self.busy + WAY, MapOutcome::Returned(answer))
    }
}

fn ue_of(imsi: Imsi) -> usize {
    imsi.to_string()[5..].parse().unwrap()
}

fn imsi_of(ue: u32) -> String {
    format!("26201{ue:010}")
}

fn vector(imsi: Imsi) -> Quintuplet {
    let of = |what: &str| -> [u8; 16] { Md5::digest(format!("{what} {imsi}")).into() };
    Quintuplet { rand: of("rand"), autn: of("autn"), xres: of("res")[..8].into(), ck: of("ck"), ik: of("ik") }
}

/// What a UE with this SIM card answers to a challenge of AKAv1-MD5.
fn proof(ue: u32, challenge: &str) -> String {
    let param = |name: &str| challenge.split_once(name).unwrap().1.split('"').next().unwrap().to_owned();
    let (realm, nonce) = (param("realm=\""), param("nonce=\""));
    let hex = |octets: &[u8]| -> String { octets.iter().map(|octet| format!("{octet:02x}")).collect() };
    let user = format!("{}@ims.mnc001.mcc262.3gppnetwork.org", imsi_of(ue));
    let res = vector(imsi_of(ue).parse().unwrap()).xres;
    let ha1 = hex(&Md5::digest([format!("{user}:{realm}:").as_bytes(), &res].concat()));
    let ha2 = hex(&Md5::digest("REGISTER:sip:home1.net"));
    let response = hex(&Md5::digest(format!("{ha1}:{nonce}:00000001:c:auth:{ha2}")));
    format!(
        "Digest username=\"{user}\",realm=\"{realm}\",nonce=\"{nonce}\",uri=\"sip:home1.net\",response=\"{response}\",\
         algorithm=AKAv1-MD5,cnonce=\"c\",nc=00000001,qop=auth"
    )
}

/// What a UE knows of its registration.
#[derive(Clone, Default)]
struct Ue {
    /// REGISTERs that were no answers to a challenge.
    tries: u32,
    came: Time,
    accepted: Option<Time>,
    proof: Option<String>,
}

struct Storm {
    plan: Plan,
    registrar: Registrar,
    hlr: Hlr,
    events: BinaryHeap<Reverse<(Time, Happens)>>,
    answers: std::collections::HashMap<u64, MapOutcome>,
    ues: Vec<Ue>,
    /// What the refused were told to wait.
    waits: Vec<u32>,
    sequence: u32,
    strangers_refused: u32,
}

/// What requests of strangers are called; a UE's has its number.
const STRANGER: u64 = 1 << 40;

impl Storm {
    fn new(plan: Plan) -> Self {
        let text = CONFIG
            .replace("AUTHENTICATION", if plan.aka { "aka" } else { "none" })
            .replace("SUBSCRIBERS", &(plan.ues + plan.steady).to_string())
            .replace("DETAILS", &(4 * (plan.ues + plan.steady)).to_string())
            .replace("PER_SECOND", &plan.paced.to_string())
            .replace("OUTSTANDING", &plan.paced.to_string());
        let config = Config::parse(Path::new("storm.toml"), &text).unwrap();
        let subscribers = Subscribers::load(&config).unwrap();
        let built = start::build(config, subscribers, Vec::<MemoryIo>::new(), [1; 16]);
        let Parts { registrar, .. } = built.unwrap();
        let places = (plan.ues + plan.steady) as usize;
        let hlr = Hlr {
            each: Duration::from_secs(1) / plan.takes,
            room: Duration::from_millis(200),
            busy: NOW,
            registered: vec![0; places],
            last: NOW,
            vectors: 0,
            refused: 0,
            longest: Duration::ZERO,
        };
        let ues = vec![Ue::default(); places];
        let (events, answers) = (BinaryHeap::new(), std::collections::HashMap::new());
        Self { plan, registrar, hlr, events, answers, ues, waits: vec![], sequence: 0, strangers_refused: 0 }
    }

    fn put(&mut self, at: Time, happens: Happens) {
        self.events.push(Reverse((at, happens)));
    }

    fn is_of_scscf(&self, ue: u32) -> bool {
        self.plan.by_scscf && ue.is_multiple_of(2)
    }

    fn request(&mut self, ue: u32) -> RegisterRequest {
        self.sequence += 1;
        let (sequence, call) = (self.sequence, ue.into());
        let nai = format!("{}@ims.mnc001.mcc262.3gppnetwork.org", imsi_of(ue));
        let reply_to = Deferred::numbered(ue.into());
        if self.is_of_scscf(ue) {
            let request = request(&format!("sip:u{ue}@home1.net")).private(&nai);
            return RegisterRequest { call, sequence, reply_to, ..request };
        }
        let mut request = of_ue(&format!("sip:{nai}"));
        if let (Registrant::Ue(it), Some(proof)) =
            (&mut request.registrant, self.ues[ue as usize].proof.take())
        {
            it.authorizations = vec![proof.into_bytes()];
        }
        let address = std::net::Ipv4Addr::from_bits(0x0b00_0000 + ue);
        let remote = std::net::SocketAddr::from((address, 5060));
        let contact = Some(identity(&format!("sip:me@{address}")));
        RegisterRequest { call, sequence, reply_to, remote, contact, ..request }
    }

    fn stranger(&mut self, number: u32) -> RegisterRequest {
        let request =
            of_ue(&format!("sip:26201999{:07}@ims.mnc001.mcc262.3gppnetwork.org", number % 100_000));
        let address = std::net::Ipv4Addr::from_bits(0x1b00_0000 + number);
        let remote = std::net::SocketAddr::from((address, 5060));
        self.sequence += 1;
        RegisterRequest { sequence: self.sequence, reply_to: Deferred::numbered(STRANGER), remote, ..request }
    }

    /// What is said to workers.
    fn read(&mut self, now: Time, out: Outbox) {
        for (_, message) in out {
            match message {
                ToWorker::Invoke(operation) => {
                    let (at, answer) = self.hlr.asked(now, &operation);
                    self.answers.insert(operation.operation, answer);
                    self.put(at, Happens::Answered(operation.operation));
                }
                ToWorker::RegisterDone(outcome) => self.answered(now, &outcome),
                ToWorker::Joined(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn answered(&mut self, now: Time, outcome: &RegisterOutcome) {
        if outcome.reply_to == Deferred::numbered(STRANGER) {
            self.strangers_refused += u32::from(outcome.status == 503);
            return;
        }
        let name = format!("{:?}", outcome.reply_to);
        let ue: u32 = name.trim_matches(|it: char| !it.is_ascii_digit()).parse().expect("a UE's number");
        match outcome.status {
            200 => self.ues[ue as usize].accepted = Some(now),
            401 => {
                let of_v1 = |it: &&String| it.contains("algorithm=AKAv1-MD5");
                let challenge = outcome.challenges.iter().find(of_v1).expect("what it can answer");
                self.ues[ue as usize].proof = Some(proof(ue, challenge));
                self.put(now + UE, Happens::Registers(ue));
            }
            503 => {
                let seconds = outcome.retry_after.expect("a time to come again");
                self.waits.push(seconds);
                self.put(now + Duration::from_secs(seconds.into()), Happens::Registers(ue));
            }
            other => panic!("{other}"),
        }
    }

    fn register(&mut self, now: Time, request: RegisterRequest) {
        let mut out = Outbox::new();
        self.registrar.handle(now, ToControl::Register(Box::new(request)), &mut out);
        self.read(now, out);
    }

    fn happen(&mut self, now: Time, happens: Happens) {
        match happens {
            Happens::Registers(ue) => {
                let it = &mut self.ues[ue as usize];
                it.tries += u32::from(it.proof.is_none());
                it.came = now;
                let request = self.request(ue);
                self.register(now, request);
            }
            Happens::Stranger(number) => {
                let request = self.stranger(number);
                self.register(now, request);
            }
            Happens::Answered(operation) => {
                let outcome = self.answers.remove(&operation).unwrap();
                let mut out = Outbox::new();
                self.registrar.handle(now, ToControl::Ended { operation, outcome }, &mut out);
                self.read(now, out);
            }
        }
    }

    /// Until nothing waits any more; the time then.
    fn run(&mut self, mut now: Time) -> Time {
        loop {
            let due = self.registrar.poll_timeout();
            let next = self.events.peek().map(|Reverse((at, _))| *at);
            if next.is_none() && self.registrar.r1.waiting() == 0 && self.registrar.differing() == 0 {
                return now;
            }
            if next.is_none_or(|next| due <= next) {
                let mut out = Outbox::new();
                now = now.max(due);
                self.registrar.handle_timeout(now, &mut out);
                self.read(now, out);
            } else if let Some(Reverse((at, happens))) = self.events.pop() {
                now = at;
                self.happen(at, happens);
            }
        }
    }
}

/// The whole of it; what took how long, and how often they came.
fn storm(plan: Plan) -> (Storm, f64) {
    let mut storm = Storm::new(plan);
    let mut random = Random::new(8);
    let steady = plan.ues..plan.ues + plan.steady;
    for (at, ue) in steady.clone().enumerate() {
        storm.put(NOW + Duration::from_millis(10 * at as u64), Happens::Registers(ue));
    }
    let began = storm.run(NOW) + Duration::from_secs(60);
    assert!(storm.waits.is_empty());
    storm.ues.iter_mut().for_each(|ue| ue.tries = 0);
    for ue in steady {
        storm.put(began + random.span(Duration::from_secs(100)), Happens::Registers(ue));
    }
    for ue in 0..plan.ues {
        storm.put(began + random.span(plan.within), Happens::Registers(ue));
    }
    for number in 0..30 * plan.strangers {
        let at = began + Duration::from_secs(30) * number as u32 / (30 * plan.strangers) as u32;
        storm.put(at, Happens::Stranger(number as u32));
    }
    storm.run(began);
    storm.registrar.assert_invariants();
    let took = storm.hlr.last.since(began).as_secs_f64();
    let tries = storm.ues[..plan.ues as usize].iter().map(|ue| ue.tries);
    println!(
        "{took:.1} s, {:.2} REGISTERs each, {} at most, longest wait {:?} s, longest queue of the HLR {:?}, {} vectors, {} of strangers refused",
        f64::from(tries.clone().sum::<u32>()) / f64::from(plan.ues),
        tries.max().unwrap(),
        storm.waits.iter().max(),
        storm.hlr.longest,
        storm.hlr.vectors,
        storm.strangers_refused
    );
    (storm, took)
}

/// What holds of every storm that is paced.
fn assert_all_is_well(storm: &Storm) {
    let Plan { ues, steady, .. } = storm.plan;
    // Everybody is registered in the end, and the HLR has registered each once.
    assert_eq!(storm.registrar.summary().0, (ues + steady) as usize);
    assert!(storm.ues.iter().all(|ue| ue.accepted.is_some()));
    assert!(storm.hlr.registered.iter().all(|count| *count == 1), "twice, or not at all");
    assert_eq!((storm.hlr.refused, storm.registrar.differing()), (0, 0), "never more than it takes");
    assert_eq!(storm.registrar.r1.counts.late, 0, "nobody waits in vain");
    // Who has been registered all the time is never refused, and answered at once where nothing has to be proved.
    for ue in &storm.ues[ues as usize..] {
        assert_eq!(ue.tries, 1, "refused");
        assert!(storm.plan.aka || ue.accepted == Some(ue.came));
    }
}

#[test]
fn two_hundred_thousand_come_back_within_ten_seconds() {
    let plan = Plan {
        ues: 200_000,
        within: Duration::from_secs(10),
        by_scscf: true,
        aka: false,
        takes: 2_000,
        paced: 2_000,
        steady: 1_000,
        strangers: 0,
    };
    let (storm, took) = storm(plan);
    assert_all_is_well(&storm);
    // They come back as the HLR has room: in little more time than it needs, and few of them twice.
    let needs = f64::from(plan.ues) / f64::from(plan.takes);
    assert!(took < 1.25 * needs, "{took} s, of which the HLR needs {needs}");
    let (of_scscf, of_ues): (Vec<u32>, Vec<u32>) = (0..plan.ues).partition(|ue| storm.is_of_scscf(*ue));
    let tries = |ues: &[u32]| -> Vec<u32> { ues.iter().map(|ue| storm.ues[*ue as usize].tries).collect() };
    let (of_scscf, of_ues) = (tries(&of_scscf), tries(&of_ues));
    let each = |tries: &[u32]| f64::from(tries.iter().sum::<u32>()) / tries.len() as f64;
    assert!(each(&of_ues) < 2.5 && of_ues.iter().all(|tries| *tries <= 5), "{}", each(&of_ues));
    // As many of the S-CSCFs' as the HLR can be told of in a minute, with UEs beside them, are answered at once.
    let accepted = of_scscf.iter().filter(|tries| **tries == 1).count();
    assert!(accepted >= 40_000 && each(&of_scscf) < 2.5, "{accepted} {}", each(&of_scscf));
}

/// The measure of what pacing does: the same HLR, and nobody who paces.
#[test]
fn an_hlr_that_gets_more_than_it_takes_refuses_most_of_it() {
    let plan = Plan {
        ues: 20_000,
        within: Duration::from_secs(1),
        by_scscf: true,
        aka: false,
        takes: 2_000,
        paced: 1_000_000,
        steady: 0,
        strangers: 0,
    };
    let (storm, _) = storm(plan);
    assert!(storm.hlr.refused > 15_000, "{}", storm.hlr.refused);
}

#[test]
fn who_has_to_prove_something_comes_back_too_whatever_strangers_ask_for() {
    for strangers in [0, 5_000] {
        let plan = Plan {
            ues: 20_000,
            within: Duration::from_secs(1),
            by_scscf: false,
            aka: true,
            takes: 2_000,
            paced: 2_000,
            steady: 200,
            strangers,
        };
        let (storm, took) = storm(plan);
        assert_all_is_well(&storm);
        let needs = 2.0 * f64::from(plan.ues) / f64::from(plan.takes);
        // Who has yet to prove something can't be told from strangers, whose book ends after five minutes and an eighth.
        let most = if strangers > 0 { 338.0 } else { 1.5 * needs };
        assert!(took < most, "{took} s, of which the HLR needs {needs}");
        let came: u32 = storm.ues[..plan.ues as usize].iter().map(|ue| ue.tries).sum();
        assert!(f64::from(came) / f64::from(plan.ues) < 4.0, "{came}");
        // Nobody who has proved who he is was refused: vectors are not asked for in vain.
        let of_strangers = 30 * strangers as u32 - storm.strangers_refused;
        assert!(storm.hlr.vectors <= plan.ues + 2 * plan.steady + of_strangers, "{}", storm.hlr.vectors);
    }
}
