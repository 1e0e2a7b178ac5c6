//! Everybody comes back at once, in virtual time: the HLR gets no more than it takes, and in the end everybody is registered.

use super::*;
use crate::base::Random;
use crate::gateway::mailbox::MapOutcome;
use crate::proto::map::subscription::{AnyTimeModification, SubscriberIdentity};
use crate::stack::Deferred;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Who comes back, in which span, and what the HLR takes.
const UES: u32 = 200_000;
const WITHIN_MS: u64 = 10_000;
const PER_SECOND: u32 = 2_000;
/// How long the HLR takes for each.
const HLR: Duration = Duration::from_millis(80);
/// Those who have been registered all the time, and now and then change something.
const STEADY: u32 = 1_000;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    /// The HLR answers an operation.
    Answered(u64),
    /// A REGISTER of this UE comes.
    Registers(u32),
}

struct Storm {
    registrar: Registrar,
    events: BinaryHeap<Reverse<(Time, Happens)>>,
    /// How often the HLR was told of each, and of how many in each second.
    told: Vec<u8>,
    asked: Vec<u32>,
    /// REGISTERs of each, when the last came, and when it was accepted.
    tries: Vec<u32>,
    came: Vec<Time>,
    accepted: Vec<Option<Time>>,
    waits: Vec<u32>,
    sequence: u32,
}

fn of(ue: u32) -> RegisterRequest {
    let private = format!("23401510{ue:07}@ims.mnc015.mcc234.3gppnetwork.org");
    let request = request(&format!("sip:u{ue}@home2.net")).network(1).private(&private);
    RegisterRequest { call: ue.into(), ..request.service_info(&format!("4470{ue:08}")) }
}

impl Storm {
    fn new() -> Self {
        let text = EXAMPLE.replacen("# r1_per_second = 500", &format!("r1_per_second = {PER_SECOND}"), 1);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating/examples/gateway.toml");
        let config = Arc::new(Config::parse(&file, &text).unwrap());
        assert_eq!(config.timers.r1_per_second, PER_SECOND);
        let places = (UES + STEADY) as usize;
        let (writer, _) = table(&TableConfig {
            subscribers: places,
            identities: 3 * places,
            addresses: 16,
            readers: 0,
            key: SipKey::new([1; 16]),
        });
        let key = SipKey::new([2; 16]);
        let authenticator = Authenticator::new(AuthenticatorConfig::new(vec![]), &key);
        let subscribers = Subscribers::load(&config).unwrap();
        Self {
            registrar: Registrar::new(config, subscribers, writer, authenticator, 2, &key),
            events: BinaryHeap::new(),
            told: vec![0; places],
            asked: vec![],
            tries: vec![0; places],
            came: vec![NOW; places],
            accepted: vec![None; places],
            waits: vec![],
            sequence: 0,
        }
    }

    fn put(&mut self, at: Time, happens: Happens) {
        self.events.push(Reverse((at, happens)));
    }

    /// What is said to workers.
    fn read(&mut self, now: Time, out: Outbox) {
        for (_, message) in out {
            match message {
                ToWorker::Invoke(operation) => {
                    let argument = AnyTimeModification::decode(&operation.argument).unwrap();
                    let SubscriberIdentity::Imsi(imsi) = argument.subscriber else { panic!() };
                    let ue = imsi.to_string()[8..].parse::<usize>().unwrap();
                    self.told[ue] += 1;
                    let second = now.as_secs() as usize;
                    self.asked.resize(self.asked.len().max(second + 1), 0);
                    self.asked[second] += 1;
                    self.put(now + HLR, Happens::Answered(operation.operation));
                }
                ToWorker::RegisterDone(outcome) => self.answered(now, &outcome),
                ToWorker::Joined(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn answered(&mut self, now: Time, outcome: &crate::gateway::mailbox::RegisterOutcome) {
        // Its name is its number.
        let name = format!("{:?}", outcome.reply_to);
        let ue: u32 = name.trim_matches(|it: char| !it.is_ascii_digit()).parse().unwrap();
        match outcome.status {
            200 => self.accepted[ue as usize] = Some(now),
            503 => {
                let seconds = outcome.retry_after.expect("a time to come again");
                self.waits.push(seconds);
                self.put(now + Duration::from_secs(seconds.into()), Happens::Registers(ue));
            }
            other => panic!("{other}"),
        }
    }

    fn register(&mut self, now: Time, ue: u32) {
        self.sequence += 1;
        self.tries[ue as usize] += 1;
        self.came[ue as usize] = now;
        let reply_to = Deferred::numbered(ue.into());
        let request = RegisterRequest { reply_to, sequence: self.sequence, ..of(ue) };
        let mut out = Outbox::new();
        self.registrar.handle(now, ToControl::Register(Box::new(request)), &mut out);
        self.read(now, out);
    }

    /// Until nothing happens any more but what ends registrations; the time then.
    fn run(&mut self) -> Time {
        let mut last = NOW;
        while let Some(&Reverse((at, happens))) = self.events.peek() {
            let due = self.registrar.poll_timeout();
            let mut out = Outbox::new();
            if due <= at {
                self.registrar.handle_timeout(due, &mut out);
                self.read(due, out);
                continue;
            }
            self.events.pop();
            last = at;
            match happens {
                Happens::Registers(ue) => self.register(at, ue),
                Happens::Answered(operation) => {
                    let outcome = MapOutcome::Returned(vec![]);
                    self.registrar.handle(at, ToControl::Ended { operation, outcome }, &mut out);
                    self.read(at, out);
                }
            }
        }
        last
    }
}

#[test]
fn a_storm_of_registrations_does_not_drown_the_hlr() {
    let mut storm = Storm::new();
    let mut random = Random::new(8);
    // Some are there before, and change something while the others come back.
    for ue in UES..UES + STEADY {
        storm.put(NOW, Happens::Registers(ue));
    }
    let began = storm.run() + Duration::from_secs(2);
    assert!(storm.told[UES as usize..].iter().all(|told| *told == 1));
    let (tries, refused) = (storm.tries.clone(), storm.waits.len());
    storm.waits.clear();
    for ue in UES..UES + STEADY {
        storm.put(began + Duration::from_millis(random.below(120_000)), Happens::Registers(ue));
    }
    for ue in 0..UES {
        storm.put(began + Duration::from_millis(random.below(WITHIN_MS)), Happens::Registers(ue));
    }
    let ended = storm.run();
    // Everybody is registered in the end, and the HLR was told of each once.
    assert_eq!(storm.registrar.summary().0, (UES + STEADY) as usize);
    assert!(storm.told.iter().all(|told| *told == 1), "told twice, or not at all");
    assert_eq!(storm.registrar.differing(), 0);
    assert_eq!(storm.registrar.r1.counts.late, 0, "who is let in is answered by the HLR");
    // Never more than it takes, beside what a quiet moment leaves over.
    let most = storm.asked.iter().max().unwrap();
    assert!(*most <= PER_SECOND + PER_SECOND / 10, "{most} in a second");
    // Who has been registered all the time is answered at once, and is never refused.
    for ue in (UES..UES + STEADY).map(|ue| ue as usize) {
        assert_eq!(storm.tries[ue], tries[ue] + 1, "refused");
        assert_eq!(storm.accepted[ue], Some(storm.came[ue]));
    }
    // They come back as the HLR has room: in little more time than it needs, and few of them twice.
    let took = ended.since(began).as_secs_f64();
    let needs = f64::from(UES) / f64::from(PER_SECOND);
    assert!(took < 1.5 * needs, "{took} s, of which the HLR needs {needs}");
    let came: u32 = storm.tries[..UES as usize].iter().sum();
    let each = f64::from(came) / f64::from(UES);
    assert!(each < 3.0, "each has come {each} times");
    let longest = storm.waits.iter().max().unwrap();
    println!(
        "{took:.1} s of {needs} s, {each:.2} REGISTERs each, longest wait {longest} s, before {refused} refused"
    );
}
