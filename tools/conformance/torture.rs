//! The torture tests of RFC 4475 and RFC 5118, their MESSAGE and REGISTER twins, and malformed messages by the ten thousand:
//! each is answered or dropped as its rule says, is counted once, and brings about nothing that it must not.
//!
//! All of it runs on workers over ports in memory with a virtual clock; with DPDK, the real binary gets the archives and
//! a part of the rest over memif ports.

mod harness;

#[path = "torture/cases.rs"]
mod cases;
#[path = "torture/generator.rs"]
mod generator;
#[path = "torture/subject.rs"]
mod subject;
#[path = "torture/twins.rs"]
mod twins;

use cases::{Case, Stream, Verdict};
use generator::{Generator, Malformed};
use harness::config::Options;
use harness::peers::{SCSCF, STRANGER, Ue, embedded_register, rp_data, service_info};
use harness::sip::Sip;
use harness::ss7::mo_result;
use harness::steps::CENTRE;
use ipsmgw::proto::sip::framing::{Framed, Framer, FramingLimits};
use ipsmgw::proto::sip::{Message, Name, Slots};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use subject::{InMemory, Subject};
use twins::{Dress, twin};

/// What `sha256sum` says of a file.
fn sum(octets: &[u8]) -> String {
    Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// No octet of the archives has changed, none is missing, and each has its row.
#[test]
fn the_archives_are_the_rfcs() {
    let mut rows: Vec<_> = cases::all().map(|case| case.file).collect();
    for (rfc, count, whole) in [
        ("rfc4475", 50, "a027170f419792e5bb50fe912c83d1e456596c7e9e0ae675f34c266d4ffc9398"),
        ("rfc5118", 12, "e124e714fc8d99c72de2c880f26a8e2a725bd77609e335ae781fc404ca271dfb"),
    ] {
        let place = cases::place().join(rfc);
        let sums = fs::read_to_string(place.join("SHA256SUMS")).unwrap();
        let mut all = vec![];
        for line in sums.lines() {
            let (expected, file) = line.split_once("  ").unwrap();
            let octets = fs::read(place.join(file)).unwrap();
            assert_eq!(sum(&octets), expected, "{file}");
            all.extend(octets);
            assert!(rows.contains(&file), "{file} has no row");
            rows.retain(|row| *row != file);
        }
        assert_eq!((sums.lines().count(), sum(&all).as_str()), (count, whole), "{rfc}");
    }
    assert!(rows.is_empty(), "rows of no file: {rows:?}");
}

/// The judge of streams makes the same twins by a rule of its own.
#[test]
fn the_twins_are_those_of_the_judge() {
    let mut all = vec![];
    for case in cases::all() {
        for method in ["MESSAGE", "REGISTER"] {
            let headers = ["X: y".to_owned()];
            let dress = Dress { method, media_type: "a/b", body: b"\r\n\r\nx\0", headers: &headers };
            all.extend(twin(case, &dress).unwrap_or_default());
        }
    }
    assert_eq!(sum(&all), fs::read_to_string(cases::place().join("TWINS")).unwrap().trim_end());
}

/// What was not as it is to be: all of it is told at the end.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn expect(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.0.push(fault());
        }
    }

    #[track_caller]
    fn tell(self) {
        assert!(self.0.is_empty(), "{} faults:\n{}", self.0.len(), self.0.join("\n"));
    }

    /// The one answer, if there is one, is this request's, and can be read again.
    fn judge(&mut self, name: &str, wire: &[u8], answers: &[Sip], verdict: Verdict) {
        let statuses: Vec<_> = answers.iter().map(Sip::status).collect();
        let as_it_is = match verdict {
            Verdict::Status(status) => statuses == [status],
            Verdict::Drop => statuses.is_empty(),
            Verdict::None => true,
        };
        self.expect(as_it_is, || format!("{name} got {statuses:?}, not {verdict:?}"));
        let mut slots = (Slots::new(), Slots::new());
        let (Ok(asked), Some(answer)) = (Message::parse(wire, &mut slots.0), answers.first()) else { return };
        let Ok(read) = Message::parse(&answer.raw, &mut slots.1) else {
            return self.expect(false, || format!("{name}: the answer can't be read: {answer:#?}"));
        };
        let same = read.call_id() == asked.call_id()
            && (read.cseq(), read.from().tag()) == (asked.cseq(), asked.from().tag())
            && (read.top_via().branch, read.from().uri) == (asked.top_via().branch, asked.from().uri)
            && read.values(Name::Via).count() == asked.values(Name::Via).count()
            && read.to().uri == asked.to().uri;
        self.expect(same && read.to().tag().is_some(), || format!("{name}: another's answer: {answer:#?}"));
    }
}

/// What is to stand in an answer beside what every answer has.
#[track_caller]
fn judge_headers(case: &Case, answers: &[Sip]) {
    let Some(answer) = answers.first() else { return };
    let all = |name: &str| answer.all(name).join(", ");
    match answer.status() {
        405 => assert!(all("Allow").contains("MESSAGE"), "{answer:#?}"),
        415 => assert!(all("Accept").contains("application/vnd.3gpp.sms"), "{answer:#?}"),
        420 => {
            let expected = "nothingSupportsThis, nothingSupportsThisEither";
            assert_eq!(all("Unsupported"), expected, "{}", case.file);
        }
        _ => {}
    }
}

/// What tells transactions and copies of a request apart (RFC 3261 17.2.3, 8.2.2.2): many of the archives' messages share it.
#[derive(Default)]
struct Seen(HashSet<Vec<u8>>);

impl Seen {
    /// Waits until nothing is remembered that this message would be taken for.
    fn make_way(&mut self, subject: &mut dyn Subject, wire: &[u8]) {
        let mut slots = Slots::new();
        let Ok(message) = Message::parse(wire, &mut slots) else { return };
        let (via, number) = (message.top_via(), message.cseq().0.to_string());
        let method = message.method().text();
        let transaction = [via.branch.unwrap_or(&[]), via.sent_by_host, method].join(&b' ');
        let request = [message.call_id(), number.as_bytes(), message.from().tag().unwrap_or(&[])].join(&b' ');
        if self.0.contains(&transaction) || self.0.contains(&request) {
            subject.let_transactions_end();
            self.0.clear();
        }
        self.0.extend([transaction, request]);
    }
}

/// Each message of the archives from the S-CSCF.
fn the_archives(subject: &mut dyn Subject) {
    let alice = Ue::home1(0);
    subject.peers().register(&alice);
    let before = subject.registered();
    let (mut faults, mut seen) = (Faults::default(), Seen::default());
    for case in cases::all().filter(|case| case.verdict != Verdict::None) {
        let wire = case.wire();
        seen.make_way(subject, &wire);
        let answers = subject.answers(SCSCF[0], &wire);
        faults.judge(case.file, &wire, &answers, case.verdict);
        judge_headers(case, &answers);
        assert!(subject.peers().ss7.received.is_empty(), "{} brought about MAP", case.file);
        assert_eq!(subject.registered(), before, "{} registered somebody", case.file);
    }
    faults.tell();
    subject.assert_serves(&alice);
}

/// The MESSAGE twins: what is accepted is submitted, what is refused is not.
fn message_twins(subject: &mut dyn Subject) {
    let alice = Ue::home1(0);
    subject.peers().register(&alice);
    let (mut faults, mut seen) = (Faults::default(), Seen::default());
    for case in cases::all() {
        // None is the one before over again.
        let body = rp_data(7, CENTRE, &subject.peers().fresh_submit());
        let dress = Dress {
            method: "MESSAGE",
            media_type: "application/vnd.3gpp.sms",
            body: &body,
            headers: &[format!("P-Asserted-Identity: <{}>", alice.impu)],
        };
        let Some(wire) = twin(case, &dress).filter(|_| case.message != Verdict::None) else { continue };
        seen.make_way(subject, &wire);
        let answers = subject.answers(SCSCF[0], &wire);
        faults.judge(case.file, &wire, &answers, case.message);
        judge_headers(case, &answers);
        let peers = subject.peers();
        if answers.first().is_some_and(|answer| answer.status() == 202) {
            let begin = peers.expect_unitdata(0x62);
            peers.end_mo(&begin, &mo_result(None));
            let report = peers.expect_message();
            peers.answer(&report, "200 OK");
        }
        assert!(peers.ss7.received.is_empty(), "{} brought about MAP", case.file);
    }
    faults.tell();
    subject.assert_serves(&alice);
}

/// The REGISTER twins: what is accepted binds, what is refused does not.
fn register_twins(subject: &mut dyn Subject) {
    let alice = Ue::home1(0);
    subject.peers().register(&alice);
    // The same subscriber for the same public identity.
    let mut known = HashMap::new();
    let (mut faults, mut seen) = (Faults::default(), Seen::default());
    for case in cases::all() {
        let number = 200 + known.len() as u64;
        let to = case
            .wire()
            .split(|octet| *octet == b'\n')
            .find(|line| line.starts_with(b"T"))
            .map(<[u8]>::to_vec);
        let ue = known.entry(to).or_insert_with(|| Ue::home1(number)).clone();
        let body = format!(
            "--part\r\nContent-Type: application/3gpp-ims+xml\r\n\r\n{}\r\n--part\r\nContent-Type: message/sip\r\n\r\n{}\r\n--part--\r\n",
            service_info(&ue.msisdn),
            embedded_register(&ue),
        );
        let wire = case.wire();
        let has_contact = [&b"\nContact"[..], b"\nm:", b"\nM:"]
            .iter()
            .any(|name| wire.windows(name.len()).any(|part| part == *name));
        let contact = "Contact: <sip:scscf1.home1.net>".to_owned();
        let dress = Dress {
            method: "REGISTER",
            media_type: "multipart/mixed;boundary=part",
            body: body.as_bytes(),
            headers: if has_contact { &[] } else { &[contact] },
        };
        let Some(wire) = twin(case, &dress).filter(|_| case.register != Verdict::None) else { continue };
        seen.make_way(subject, &wire);
        let before = subject.registered();
        let answers = subject.answers(SCSCF[0], &wire);
        faults.judge(case.file, &wire, &answers, case.register);
        judge_headers(case, &answers);
        let after = subject.registered();
        assert!(
            after == before || case.register == Verdict::Status(200),
            "{} registered somebody",
            case.file
        );
        assert!(subject.peers().ss7.received.is_empty(), "{} brought about MAP", case.file);
    }
    faults.tell();
    assert!(subject.registered() > 5);
    subject.assert_serves(&alice);
}

/// What a stream brings when its octets come in these pieces, and whether it may go on.
fn framed(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, bool) {
    let mut framer = Framer::new(FramingLimits { head: 16_384, message: 65_535 });
    let (mut held, mut messages) = (vec![], vec![]);
    for piece in pieces {
        held.extend(*piece);
        loop {
            match framer.next(&held) {
                Framed::Ping(octets) => drop(held.drain(..octets)),
                Framed::Message(place) => {
                    messages.push(held[place.clone()].to_vec());
                    held.drain(..place.end);
                }
                Framed::NeedMore => break,
                Framed::Refuse { head, .. } => {
                    messages.push(held[head].to_vec());
                    return (messages, false);
                }
            }
        }
    }
    (messages, true)
}

/// The archives and their twins in a stream, with a sound request behind each: wherever it is cut, the same messages come
/// out, and where the next one begins can't be told, it is over.
#[test]
fn streams_cut_at_every_octet() {
    let behind =
        b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bKm\r\nContent-Length: 0\r\n\r\n";
    let dress = |method| Dress { method, media_type: "a/b", body: b"\r\n\r\nx\0", headers: &[] };
    let mut cut = 0;
    for case in cases::all() {
        let wire = case.wire();
        let twins = [twin(case, &dress("MESSAGE")), twin(case, &dress("REGISTER"))];
        for (is_twin, octets) in [(false, Some(wire)), (true, twins[0].clone()), (true, twins[1].clone())] {
            let Some(octets) = octets else { continue };
            let stream = if is_twin && case.file != "clerr.dat" {
                // A twin has its empty line and its length, unless the fault is there.
                if ["ncl.dat", "mcl01.dat"].contains(&case.file) { Stream::Closes } else { Stream::Whole }
            } else {
                case.stream
            };
            let all = [&octets[..], behind].concat();
            let (messages, open) = framed(&[&all]);
            match stream {
                Stream::Whole if case.file != "dblreq.dat" => {
                    assert_eq!((messages.len(), open), (2, true), "{}", case.file);
                    assert_eq!((&messages[0], &messages[1][..]), (&octets, &behind[..]), "{}", case.file);
                }
                Stream::Whole | Stream::Two => {
                    let starts = messages.iter().map(|it| it.split(|octet| *octet == b' ').next().unwrap());
                    assert_eq!(starts.skip(1).take(1).collect::<Vec<_>>(), [b"INVITE"], "{}", case.file);
                }
                Stream::Short => {
                    assert!(octets.starts_with(&messages[0]) && messages[0].len() < octets.len())
                }
                Stream::Waits => assert_eq!(framed(&[&octets]), (vec![], true), "{}", case.file),
                Stream::Closes => {
                    assert!(!open && messages.len() == 1 && !messages[0].is_empty(), "{}", case.file)
                }
            }
            for at in 0..=all.len() {
                let (first, second) = all.split_at(at);
                assert_eq!(framed(&[first, second]), (messages.clone(), open), "{} at {at}", case.file);
                cut += 1;
            }
            let octets: Vec<_> = all.chunks(1).collect();
            assert_eq!(framed(&octets), (messages, open), "{} octet by octet", case.file);
        }
    }
    assert!(cut > 50_000, "{cut}");
}

/// What became of generated messages.
#[derive(Default)]
struct Tally {
    answered: BTreeMap<u16, u64>,
    dropped: BTreeMap<&'static str, u64>,
}

/// Sends one from the S-CSCF or from a stranger, and holds what comes of it to its rule: the one answer, or none and a
/// count that says why.
fn torture(
    subject: &mut dyn Subject,
    number: u64,
    malformed: &Malformed,
    (tally, faults): (&mut Tally, &mut Faults),
) {
    let is_stranger = number % 3 == 2;
    let source = if is_stranger { STRANGER } else { SCSCF[0] };
    let Malformed { octets, rule } = malformed;
    let text = || format!("message {number}: {}", octets.escape_ascii());
    let before = subject.counted();
    let answers = subject.quick_answers(source, octets);
    let after = subject.counted();
    assert_eq!(after.all(), before.all() + 1, "counted once: {}", text());
    assert!(answers.len() <= 1, "{} got {answers:#?}", text());
    match answers.first() {
        Some(answer) => {
            let status = answer.status();
            let allowed = rule.statuses.contains(&status);
            faults.expect(allowed, || format!("{} got {status}, not {:?}", text(), rule.statuses));
            let bounded = !is_stranger || answer.raw.len() <= octets.len();
            faults.expect(bounded, || format!("{} got {answer:#?}", text()));
            *tally.answered.entry(status).or_default() += 1;
        }
        None => {
            let why = if after.withheld > before.withheld {
                assert!(is_stranger, "withheld from the S-CSCF: {}", text());
                "withheld"
            } else if after.malformed > before.malformed {
                faults.expect(rule.may_drop, || format!("{} got nothing, not {:?}", text(), rule.statuses));
                "malformed"
            } else if after.responses > before.responses {
                "response"
            } else if after.keep_alives > before.keep_alives {
                "keep-alive"
            } else {
                let is_ack = octets.trim_ascii_start().starts_with(b"ACK ");
                faults.expect(is_ack, || format!("{} got nothing, and no count says why", text()));
                "ACK"
            };
            *tally.dropped.entry(why).or_default() += 1;
        }
    }
    assert!(subject.peers().ss7.received.is_empty(), "{} brought about MAP", text());
}

/// At least 20,000: the whole catalogue, and then as many pairs. None of them is of somebody who is known, so that nothing
/// may come of any.
#[test]
fn malformed_messages_by_the_ten_thousand() {
    let mut subject = InMemory::new(Options::DEFAULT);
    let alice = Ue::home1(0);
    subject.peers().register(&alice);
    let (registered, begun) = (subject.registered(), subject.counted());
    let (mut generator, mut tally, mut faults) = (Generator::new(1), Tally::default(), Faults::default());
    assert!(generator::elements().len() >= 50);
    let count = generator.single() + 4_000;
    assert!(count >= 20_000, "{count}");
    for number in 0..count {
        let malformed = generator.next();
        torture(&mut subject, number, &malformed, (&mut tally, &mut faults));
        assert_eq!(subject.registered(), registered, "{}", malformed.octets.escape_ascii());
    }
    faults.tell();
    assert_eq!(subject.registered(), registered, "a binding of nobody");
    let (answered, dropped): (u64, u64) = (tally.answered.values().sum(), tally.dropped.values().sum());
    assert_eq!(subject.counted().all() - begun.all(), count, "requests = answers + drops by reason");
    assert_eq!(answered + dropped, count, "{:?} {:?}", tally.answered, tally.dropped);
    assert!(tally.answered.len() > 6 && answered > count / 2, "{:?} {:?}", tally.answered, tally.dropped);
    subject.assert_serves(&alice);
}

#[test]
fn the_archives_over_udp() {
    the_archives(&mut InMemory::new(Options::DEFAULT));
}

#[test]
fn their_message_twins_over_udp() {
    message_twins(&mut InMemory::new(Options::DEFAULT));
}

#[test]
fn their_register_twins_over_udp() {
    register_twins(&mut InMemory::new(Options::DEFAULT));
}

/// The real binary.
#[cfg(feature = "dpdk")]
mod over_memif {
    use super::*;
    use harness::gateway::isolated;

    /// Transactions end soon.
    const OPTIONS: Options = Options { t1_ms: 10, ..Options::DEFAULT };

    #[test]
    fn the_archives_over_memif() {
        isolated(OPTIONS, |bench| the_archives(bench));
    }

    #[test]
    fn their_twins_over_memif() {
        isolated(OPTIONS, |bench| {
            message_twins(bench);
            register_twins(bench);
        });
    }
}
