//! Hand-offs between the workers of the real binary: whole frames, and single messages out of packets. Messages both
//! ways between many UEs and an SMSC, whose packets come in on whichever queue; none may be lost, done twice or left
//! behind, whether the links are clean or lose and double packets.

mod harness;

use harness::gateway::{Bench, Options, isolated};
use harness::peers::{Impairment, Ue, rp_data};
use harness::sip::{Draft, Sip};
use harness::ss7::{self, Unitdata, mo_result, udt};
use harness::steps::submission;
use ipsmgw::base::Time;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

const UES: u64 = 1_000;
/// Messages each way.
const MESSAGES: u32 = 10_000;
/// Of these, how many are under way each way at a time.
const WINDOW: usize = 96;
const CENTRE: &str = "491710760000";
/// Nothing may come to a standstill for so long; T1 doubled to T2 until Timer F is 32 s.
const STANDSTILL: Duration = Duration::from_secs(40);

/// One association: everything of worker 1 passes through worker 0.
#[test]
fn two_workers_share_one_association() {
    isolated(Options::default(), |bench| {
        let carried = Traffic::new(bench, MESSAGES).run(bench);
        carried.assert_crossings(bench);
    });
}

/// Answers to dialogues of both workers, in one SCTP packet.
#[test]
fn one_packet_carries_payloads_for_both_workers() {
    isolated(Options::default(), |bench| {
        // A submission's worker follows from its branch: one of each is looked for.
        let mut of_worker = [None, None];
        let mut accepted = 0;
        while of_worker.iter().any(Option::is_none) {
            let ue = Ue::home1(accepted);
            bench.register(&ue);
            let before = bench.by_worker("application.mo_accepted");
            let begin = submission(bench, &ue, 7).1;
            accepted += 1;
            bench.until_total("application.mo_accepted", accepted);
            let after = bench.by_worker("application.mo_accepted");
            let worker = usize::from(after[1] > before[1]);
            match &of_worker[worker] {
                None => of_worker[worker] = Some((ue, begin)),
                Some(_) => acknowledge(bench, &[(ue, begin)]),
            }
        }
        let [Some(first), Some(second)] = of_worker else { unreachable!() };
        bench.until_published();
        let handed_off = bench.total("transmit.messages_handed_off");
        let bundled = bench.bundled_packets;
        acknowledge(bench, &[first, second]);
        assert_eq!(bench.bundled_packets - bundled, 1, "both answers in one packet");
        // One of the two workers owns the association: the other's answer, and no more, was handed off.
        bench.until_published();
        assert_eq!(bench.total("transmit.messages_handed_off") - handed_off, 1);
    });
}

/// The service centre's results of these submissions, all sent at once, up to the UEs' answers to their reports.
fn acknowledge(bench: &mut Bench, submissions: &[(Ue, Unitdata)]) {
    let now = bench.now();
    for (_, begin) in submissions {
        let end = ss7::end(begin.otid(), ss7::MO_RELAY, &mo_result(None));
        bench.ss7.send(now, 0, 0, &udt(&begin.calling, &begin.called, &end));
    }
    for (ue, _) in submissions {
        let of_ue = |sip: &Sip| sip.is_request() && sip.request().1 == ue.impu && sip.body[0] == 0x03;
        let report = bench.expect_sip("a submit report", of_ue);
        bench.answer(&report, "200 OK");
    }
}

/// Two associations, and every answer comes by the other one.
#[test]
fn two_workers_get_answers_by_the_other_association() {
    isolated(Options { associations: 2, ..Options::default() }, |bench| {
        let carried = Traffic::new(bench, MESSAGES).run(bench);
        carried.assert_crossings(bench);
    });
}

/// Of a hundred packets one is lost and one doubled, in each direction, on both links.
#[test]
fn nothing_is_lost_or_done_twice_when_packets_are() {
    isolated(Options::default(), |bench| lossy(bench, 1));
}

/// The same over two associations, with every answer by the other one.
#[test]
fn nothing_is_lost_or_done_twice_over_two_associations() {
    isolated(Options { associations: 2, ..Options::default() }, |bench| lossy(bench, 2));
}

fn lossy(bench: &mut Bench, seed: u64) {
    let traffic = Traffic::new(bench, MESSAGES);
    bench.impairment = Some(Impairment::new(seed, 10));
    let carried = traffic.run(bench);
    bench.impairment = None;
    carried.assert_crossings(bench);
    assert!(carried.repeated > 100, "retransmissions: {}", carried.repeated);
    assert!(bench.ss7.counts().data_duplicate + bench.ss7.counts().data_again > 0);
}

/// A request of ours without a final answer yet.
struct Open {
    draft: Draft,
    next: Time,
    interval: Duration,
}

/// A message from a UE.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
struct Mo {
    accepted: bool,
    /// How often the SMS-IWMSC got it.
    arrived: u32,
    /// Submit reports, retransmissions of one left out.
    acknowledged: u32,
}

/// A message for a UE.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
struct Mt {
    /// MESSAGEs, retransmissions of one left out.
    delivered: u32,
    /// Whether the report has its answer.
    reported: bool,
    /// Results at the SMS-GMSC.
    results: u32,
}

const MO_DONE: Mo = Mo { accepted: true, arrived: 1, acknowledged: 1 };
const MT_DONE: Mt = Mt { delivered: 1, reported: true, results: 1 };

struct Traffic {
    messages: u32,
    mo: HashMap<u32, Mo>,
    mt: HashMap<u32, Mt>,
    sent: [u32; 2],
    done: [u32; 2],
    open: HashMap<String, Open>,
    /// When to look at an open request again.
    due: BTreeMap<(Time, String), ()>,
    /// Which message a Call-ID of ours is of.
    calls: HashMap<String, u32>,
    /// Branches of the gateway's requests that were seen before.
    seen: HashSet<String>,
    /// SIP answers sent, and those sent on another queue than the request came by.
    answers: [u64; 2],
    /// Requests of ours or the gateway's that were repeated.
    repeated: u64,
    started: [u64; 2],
}

impl Traffic {
    /// Registers everybody.
    fn new(bench: &mut Bench, messages: u32) -> Self {
        bench.spread_sctp = true;
        let mut waiting: VecDeque<Draft> = VecDeque::new();
        for number in 0..UES {
            let draft = bench.full_register(&Ue::home1(number), 36_000);
            bench.send_datagram(draft.source, Some(number as usize % 2), &draft.octets());
            waiting.push_back(draft);
            if waiting.len() > 64 || number + 1 == UES {
                let until = if number + 1 == UES { 0 } else { 32 };
                while waiting.len() > until {
                    let draft = waiting.pop_front().unwrap();
                    assert_eq!(bench.expect_response(&draft).status(), 200);
                }
            }
        }
        let started = Self::counters(bench);
        Self {
            messages,
            mo: HashMap::new(),
            mt: HashMap::new(),
            sent: [0; 2],
            done: [0; 2],
            open: HashMap::new(),
            due: BTreeMap::new(),
            calls: HashMap::new(),
            seen: HashSet::new(),
            answers: [0; 2],
            repeated: 0,
            started,
        }
    }

    fn counters(bench: &Bench) -> [u64; 2] {
        [bench.total("transmit.frames_handed_off"), bench.total("transmit.messages_handed_off")]
    }

    /// Sends everything and waits until everything is done and answered.
    fn run(mut self, bench: &mut Bench) -> Self {
        let mut progress = (bench.now(), 0);
        while self.done != [self.messages; 2] {
            while (self.sent[0] - self.done[0]) < WINDOW as u32 && self.sent[0] < self.messages {
                self.submit(bench);
            }
            while (self.sent[1] - self.done[1]) < WINDOW as u32 && self.sent[1] < self.messages {
                self.forward(bench);
            }
            self.turn(bench);
            let done = self.done[0] + self.done[1];
            if done > progress.1 {
                progress = (bench.now(), done);
            }
            let unfinished = || {
                let mo = self.mo.iter().filter(|(_, mo)| **mo != MO_DONE).take(9).collect::<Vec<_>>();
                (mo, self.mt.iter().filter(|(_, mt)| **mt != MT_DONE).take(9).collect::<Vec<_>>())
            };
            assert!(bench.now().since(progress.0) < STANDSTILL, "{:?}: {:?}", self.done, unfinished());
        }
        self.finish(bench);
        self
    }

    fn turn(&mut self, bench: &mut Bench) {
        bench.step();
        while let Some(sip) = bench.sip.pop_front() {
            if sip.is_request() {
                self.on_request(bench, &sip);
            } else {
                self.on_response(&sip);
            }
        }
        while let Some(unitdata) = bench.ss7.received.pop_front() {
            self.on_unitdata(bench, &unitdata);
        }
        self.repeat(bench);
    }

    /// The gateway repeats what it has no answer to; then it has nothing under way.
    fn finish(&mut self, bench: &mut Bench) {
        let deadline = bench.now() + STANDSTILL;
        let levels = ["mo", "mt", "mt_waiting", "dialogues", "pending_requests", "client_transactions"];
        for level in levels {
            while bench.total(&format!("fill.{level}")) > 0 {
                assert!(bench.now() < deadline, "{level} are left: {:#?}", bench.workers());
                self.turn(bench);
            }
        }
    }

    /// The body of message `serial`: eight octets of 8-bit data.
    fn body(serial: u32) -> Vec<u8> {
        [&[8][..], b"#", &serial.to_be_bytes(), &[0, 0xff, 0x0a]].concat()
    }

    fn serial(tpdu: &[u8]) -> u32 {
        let octets = &tpdu[tpdu.len() - 7..tpdu.len() - 3];
        u32::from_be_bytes(octets.try_into().unwrap())
    }

    fn submit(&mut self, bench: &mut Bench) {
        let serial = self.sent[0];
        self.sent[0] += 1;
        let ue = Ue::home1(u64::from(serial) % UES);
        let tpdu =
            [&[0x01, serial as u8][..], &harness::ber::hex("0c91947190785634 00f5"), &Self::body(serial)]
                .concat();
        let reference = (u64::from(serial) / UES) as u8;
        let draft = bench.message(&ue, "tel:+491710760000", &rp_data(reference, CENTRE, &tpdu));
        self.calls.insert(draft.value("Call-ID").to_owned(), serial);
        self.mo.insert(serial, Mo::default());
        self.begin(bench, draft, serial as usize % 2);
    }

    fn forward(&mut self, bench: &mut Bench) {
        let serial = self.sent[1];
        self.sent[1] += 1;
        let ue = Ue::home1(u64::from(serial) * 7 % UES);
        let tpdu =
            [&harness::ber::hex("040c91947190785634 00f5 62112292214340")[..], &Self::body(serial)].concat();
        let begin = ss7::mt_begin(&(0x6d74_0000 + serial).to_be_bytes(), &ue.imsi, CENTRE, &tpdu);
        let sccp = udt(&ss7::address("491710999001", 8), &ss7::address(CENTRE, 8), &begin);
        let (now, associations) = (bench.now(), bench.ss7.active.len());
        bench.ss7.send(now, serial as usize % associations, serial as u8 % 16, &sccp);
        self.mt.insert(serial, Mt::default());
    }

    /// Sends a request, and again until it is answered (Timer E).
    fn begin(&mut self, bench: &mut Bench, draft: Draft, queue: usize) {
        bench.send_datagram(draft.source, Some(queue), &draft.octets());
        let interval = Duration::from_millis(500);
        let next = bench.now() + interval;
        self.due.insert((next, draft.branch.clone()), ());
        self.open.insert(draft.branch.clone(), Open { draft, next, interval });
    }

    fn repeat(&mut self, bench: &mut Bench) {
        let now = bench.now();
        while let Some(((at, _), ())) = self.due.first_key_value()
            && *at <= now
        {
            let ((at, branch), ()) = self.due.pop_first().unwrap();
            let Some(open) = self.open.get_mut(&branch).filter(|open| open.next == at) else { continue };
            self.repeated += 1;
            // Retransmissions come in wherever they like.
            bench.send_datagram(open.draft.source, Some(self.repeated as usize % 2), &open.draft.octets());
            open.interval = (open.interval * 2).min(Duration::from_secs(4));
            open.next = now + open.interval;
            self.due.insert((open.next, branch), ());
        }
    }

    fn on_response(&mut self, response: &Sip) {
        assert!(response.status() != 503, "{response:?}");
        let Some(open) = self.open.remove(response.branch()) else { return };
        let call = open.draft.value("Call-ID");
        let serial = self.calls[call];
        if open.draft.body[0] == 0 {
            assert_eq!(response.status(), 202, "{response:?}");
            self.mo.get_mut(&serial).unwrap().accepted = true;
            self.count_mo(serial);
        } else {
            assert_eq!(response.status(), 200, "{response:?}");
            self.mt.get_mut(&serial).unwrap().reported = true;
            self.count_mt(serial);
        }
    }

    /// A UE gets a MESSAGE: every other answer goes to the other worker.
    fn on_request(&mut self, bench: &mut Bench, message: &Sip) {
        let crosses = self.answers[0] % 2 == 1;
        self.answers[0] += 1;
        self.answers[1] += u64::from(crosses);
        let queue = if crosses { 1 - message.queue } else { message.queue };
        bench.send_datagram(message.destination, Some(queue), &message.response("200 OK", ""));
        if !self.seen.insert(message.branch().to_owned()) {
            self.repeated += 1;
            return;
        }
        match message.body[0] {
            0x03 => {
                let serial = self.calls[message.header("In-Reply-To")];
                let mo = self.mo.get_mut(&serial).unwrap();
                mo.acknowledged += 1;
                assert_eq!(message.body[1], (u64::from(serial) / UES) as u8, "RP-MR");
                assert_eq!(message.request().1, Ue::home1(u64::from(serial) % UES).impu);
                self.count_mo(serial);
            }
            0x01 => {
                let serial = Self::serial(&message.body);
                self.mt.get_mut(&serial).unwrap().delivered += 1;
                let ue = Ue::home1(u64::from(serial) * 7 % UES);
                assert_eq!(message.request().1, ue.tel());
                let mut report = bench.report(&ue, message, &[0x02, message.body[1]]);
                if serial.is_multiple_of(3) {
                    report = report.without("In-Reply-To");
                }
                self.calls.insert(report.value("Call-ID").to_owned(), serial);
                self.begin(bench, report, serial as usize / 2 % 2);
            }
            other => panic!("RP message type {other}: {message:?}"),
        }
    }

    fn on_unitdata(&mut self, bench: &mut Bench, unitdata: &Unitdata) {
        match unitdata.kind() {
            0x62 => {
                let serial = Self::serial(unitdata.submission());
                self.mo.get_mut(&serial).unwrap().arrived += 1;
                let other = (unitdata.association + 1) % bench.ss7.active.len();
                let end = ss7::end(unitdata.otid(), ss7::MO_RELAY, &mo_result(None));
                let now = bench.now();
                let sccp = udt(&unitdata.calling, &unitdata.called, &end);
                bench.ss7.send(now, other, unitdata.sls, &sccp);
            }
            0x64 => {
                let octets = unitdata.dtid().unwrap().try_into().unwrap();
                let serial = u32::from_be_bytes(octets) - 0x6d74_0000;
                unitdata.component(0xa2);
                self.mt.get_mut(&serial).unwrap().results += 1;
                self.count_mt(serial);
            }
            other => panic!("TCAP message type {other:02x}: {unitdata:02x?}"),
        }
    }

    fn count_mo(&mut self, serial: u32) {
        let mo = self.mo[&serial];
        assert!(mo.arrived <= 1 && mo.acknowledged <= 1, "message {serial}: {mo:?}");
        self.done[0] += u32::from(mo == MO_DONE);
    }

    fn count_mt(&mut self, serial: u32) {
        let mt = self.mt[&serial];
        assert!(mt.delivered <= 1 && mt.results <= 1, "message {serial}: {mt:?}");
        self.done[1] += u32::from(mt == MT_DONE);
    }

    /// Enough of it needed each kind of hand-off, and nothing is left of it.
    fn assert_crossings(&self, bench: &mut Bench) {
        assert!(self.mo.values().all(|mo| *mo == MO_DONE) && self.mt.values().all(|mt| *mt == MT_DONE));
        bench.until_frames_are_back();
        assert_eq!(bench.total("transmit.ring_full") + bench.total("transmit.pool_empty"), 0);
        let [frames, messages] = Self::counters(bench);
        let (frames, messages) = (frames - self.started[0], messages - self.started[1]);
        let answers = 2 * u64::from(self.messages);
        assert!(self.answers[1] * 10 >= answers * 3 && frames >= self.answers[1], "frames: {frames}");
        assert!(messages * 10 >= answers * 3, "messages: {messages} for {answers} answers");
        let bundled = bench.bundled_packets;
        assert!(bundled > 100, "SCTP packets with several messages: {bundled}");
        println!(
            "{answers} answers; {frames} frames and {messages} messages handed off; {bundled} packets with several \
             messages; {} repeated",
            self.repeated
        );
    }
}
