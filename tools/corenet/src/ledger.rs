//! Ledgers: what each node says of the short messages that it sent or took, and what does not agree when all are compared.
//!
//! A message is known by what it is: the [`Fingerprint`] of its TPDU, with the direction. So ledgers of nodes in several
//! processes can be compared, and with a count of what a capture shows.

use ipsmgw::ident::Msisdn;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Which way a short message goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From a mobile to a service centre.
    Mo,
    /// From a service centre to a mobile.
    Mt,
}

/// What a TPDU is recognised by: FNV-1a over its octets, without TP-MMS, which an SMSC chooses anew at each attempt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// TP-MMS of DELIVER and STATUS-REPORT; TP-RD of SUBMIT, which a repetition sets (TS 23.040 9.2.3.2, 9.2.3.25).
    const CHANGES: u8 = 0x04;

    /// Of a TPDU.
    #[must_use]
    pub fn of(tpdu: &[u8]) -> Self {
        let first = tpdu.first().map(|first| first & !Self::CHANGES);
        let octets = first.into_iter().chain(tpdu.iter().skip(1).copied());
        let hash = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
        Self(octets.fold(0xcbf2_9ce4_8422_2325, hash))
    }

    /// As much of it as a report tells.
    #[must_use]
    pub const fn short(self) -> u32 {
        self.0 as u32
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        format!("{:016x}", fingerprint.0)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = core::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u64::from_str_radix(&text, 16).map(Self)
    }
}

/// What the sender of a message knows of its end.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is under way, or waits.
    #[default]
    Open,
    /// It was accepted.
    Accepted,
    /// It was refused, nobody answered, or it was given up.
    Failed,
}

/// A line of a ledger.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Line {
    direction: Direction,
    message: Fingerprint,
    /// The mobile's number.
    mobile: String,
    #[serde(flatten)]
    what: What,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum What {
    Sent { outcome: Outcome },
    Received { accepted: u32, refused: u32 },
}

/// What became of a message at one who received it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Received {
    /// How often it was accepted.
    pub accepted: u32,
    /// How often it was refused, or not answered.
    pub refused: u32,
}

/// What one node says.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Ledger {
    sent: BTreeMap<(Direction, Fingerprint, Msisdn), Outcome>,
    received: BTreeMap<(Direction, Fingerprint, Msisdn), Received>,
}

impl Ledger {
    /// A message was sent for the first time: by a mobile (MO), or to it (MT).
    pub fn sent(&mut self, direction: Direction, message: Fingerprint, mobile: Msisdn) {
        self.sent.entry((direction, message, mobile)).or_insert(Outcome::Open);
    }

    /// It has ended so for its sender.
    pub fn ended(&mut self, direction: Direction, message: Fingerprint, mobile: Msisdn, outcome: Outcome) {
        if let Some(ended) = self.sent.get_mut(&(direction, message, mobile)) {
            *ended = outcome;
        }
    }

    /// A message has come, from a mobile (MO) or at it (MT), and was accepted or not. What it has become.
    pub fn received(
        &mut self,
        direction: Direction,
        message: Fingerprint,
        mobile: Msisdn,
        accepted: bool,
    ) -> Received {
        let received = self.received.entry((direction, message, mobile)).or_default();
        match accepted {
            true => received.accepted += 1,
            false => received.refused += 1,
        }
        *received
    }

    /// How many messages were sent, and have ended so.
    #[must_use]
    pub fn count(&self, direction: Direction, outcome: Outcome) -> usize {
        let of = |(key, ended): &(&(Direction, Fingerprint, Msisdn), &Outcome)| {
            key.0 == direction && **ended == outcome
        };
        self.sent.iter().filter(of).count()
    }

    /// How often messages were accepted by a mobile (MT), or from it (MO).
    #[must_use]
    pub fn accepted(&self, direction: Direction, mobile: Msisdn) -> u32 {
        self.of(direction, mobile).map(|received| received.accepted).sum()
    }

    /// How often they were not.
    #[must_use]
    pub fn refused(&self, direction: Direction, mobile: Msisdn) -> u32 {
        self.of(direction, mobile).map(|received| received.refused).sum()
    }

    fn of(&self, direction: Direction, mobile: Msisdn) -> impl Iterator<Item = &Received> {
        let is_it =
            move |(way, _, who): &(Direction, Fingerprint, Msisdn)| *way == direction && *who == mobile;
        self.received.iter().filter(move |(key, _)| is_it(key)).map(|(_, received)| received)
    }

    /// As lines of JSON.
    #[must_use]
    pub fn lines(&self) -> String {
        let sent = self.sent.iter().map(|(&(direction, message, mobile), outcome)| Line {
            direction,
            message,
            mobile: mobile.to_string(),
            what: What::Sent { outcome: *outcome },
        });
        let received = self.received.iter().map(|(&(direction, message, mobile), received)| Line {
            direction,
            message,
            mobile: mobile.to_string(),
            what: What::Received { accepted: received.accepted, refused: received.refused },
        });
        let text = |line: Line| serde_json::to_string(&line).unwrap_or_else(|_| unreachable!("plain values"));
        sent.chain(received).map(|line| text(line) + "\n").collect()
    }

    /// Reads lines of JSON.
    ///
    /// # Errors
    /// Says which line is none.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut ledger = Self::default();
        for (at, line) in text.lines().enumerate() {
            let wrong = |what: String| format!("line {}: {what}", at + 1);
            let line: Line = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            let mobile: Msisdn = line.mobile.parse().map_err(|what: &str| wrong(what.to_owned()))?;
            match line.what {
                What::Sent { outcome } => {
                    ledger.sent.insert((line.direction, line.message, mobile), outcome);
                }
                What::Received { accepted, refused } => {
                    let received = Received { accepted, refused };
                    ledger.received.insert((line.direction, line.message, mobile), received);
                }
            }
        }
        Ok(ledger)
    }
}

/// What all ledgers together say.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize)]
pub struct Comparison {
    /// Messages sent.
    pub sent: u64,
    /// Messages that arrived, and whose senders know it.
    pub delivered: u64,
    /// Messages that have not ended for their senders.
    pub open: u64,
    /// Messages that failed for their senders, and did not arrive.
    pub failed: u64,
    /// Messages that arrived, and failed for their senders: a report was lost.
    pub unreported: u64,
    /// What can't be: lost, twice, at somebody else, altered.
    pub differences: Vec<String>,
}

impl Comparison {
    fn differs(&mut self, direction: Direction, message: Fingerprint, what: &str) {
        self.differences.push(format!("{direction:?} {}: {what}", String::from(message)));
    }

    /// A line for people for each kind.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { sent, delivered, open, failed, unreported, differences } = self;
        let mut text = format!(
            "{sent} sent, {delivered} delivered, {open} open, {failed} failed, {unreported} arrived without a report\n"
        );
        for difference in differences {
            let _ = writeln!(text, "{difference}");
        }
        text
    }
}

/// Compares what senders and receivers say.
pub fn compare<'a>(ledgers: impl IntoIterator<Item = &'a Ledger>) -> Comparison {
    let ledgers: Vec<&Ledger> = ledgers.into_iter().collect();
    let mut comparison = Comparison::default();
    let mut received: BTreeMap<(Direction, Fingerprint, Msisdn), u32> = BTreeMap::new();
    for (key, what) in ledgers.iter().flat_map(|it| &it.received) {
        *received.entry(*key).or_default() += what.accepted;
    }
    let mut known = BTreeSet::new();
    for (key, outcome) in ledgers.iter().flat_map(|it| &it.sent) {
        comparison.sent += 1;
        known.insert((key.0, key.1));
        let mut differs = |what| comparison.differs(key.0, key.1, what);
        match (outcome, received.remove(key).unwrap_or(0)) {
            (_, 2..) => differs("was accepted more than once"),
            (Outcome::Accepted, 0) => differs("is reported as accepted, and is not there"),
            (Outcome::Accepted, _) => comparison.delivered += 1,
            (Outcome::Open, _) => comparison.open += 1,
            (Outcome::Failed, 0) => comparison.failed += 1,
            (Outcome::Failed, _) => comparison.unreported += 1,
        }
    }
    for (direction, message, _) in received.into_keys() {
        let what = match known.contains(&(direction, message)) {
            true => "was with somebody else",
            false => "nobody sent it so",
        };
        comparison.differs(direction, message, what);
    }
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mobile(last: u8) -> Msisdn {
        format!("49171{last:06}").parse().unwrap()
    }

    /// Two messages each way, delivered.
    fn pair() -> (Ledger, Ledger) {
        let (mut centre, mut ues) = (Ledger::default(), Ledger::default());
        for number in 0..2 {
            let message = Fingerprint::of(&[number]);
            ues.sent(Direction::Mo, message, mobile(number));
            centre.received(Direction::Mo, message, mobile(number), true);
            ues.ended(Direction::Mo, message, mobile(number), Outcome::Accepted);
            centre.sent(Direction::Mt, message, mobile(number));
            ues.received(Direction::Mt, message, mobile(number), true);
            centre.ended(Direction::Mt, message, mobile(number), Outcome::Accepted);
        }
        (centre, ues)
    }

    #[test]
    fn what_agrees_is_delivered() {
        let (centre, ues) = pair();
        let comparison = compare([&centre, &ues]);
        assert_eq!((comparison.sent, comparison.delivered), (4, 4), "{}", comparison.text());
        assert!(comparison.differences.is_empty());
        let read = [&centre, &ues].map(|ledger| Ledger::read(&ledger.lines()).unwrap());
        assert_eq!(read, [centre, ues]);
        assert!(Ledger::read("{}").unwrap_err().starts_with("line 1: "));
    }

    #[test]
    fn losses_doubles_strays_and_changes_are_found() {
        type Fault = fn(&mut Ledger, &mut Ledger);
        let message = Fingerprint::of(&[1]);
        let faults: [(&str, Fault); 5] = [
            ("is not there", |_, ues| {
                ues.received.remove(&(Direction::Mt, Fingerprint::of(&[1]), mobile(1)));
            }),
            ("more than once", |centre, _| {
                centre.received(Direction::Mo, Fingerprint::of(&[1]), mobile(1), true);
            }),
            ("somebody else", |_, ues| {
                ues.received(Direction::Mt, Fingerprint::of(&[1]), mobile(0), false);
            }),
            ("nobody sent it so", |_, ues| {
                ues.received(Direction::Mt, Fingerprint::of(&[9]), mobile(0), false);
            }),
            ("more than once", |_, ues| {
                ues.received(Direction::Mt, Fingerprint::of(&[1]), mobile(1), true);
            }),
        ];
        for (found, fault) in faults {
            let (mut centre, mut ues) = pair();
            fault(&mut centre, &mut ues);
            let differences = compare([&centre, &ues]).differences;
            assert!(differences.iter().any(|what| what.contains(found)), "{found}: {differences:?}");
        }
        let (mut centre, mut ues) = pair();
        ues.ended(Direction::Mo, message, mobile(1), Outcome::Failed);
        centre.sent(Direction::Mt, Fingerprint::of(&[7]), mobile(7));
        centre.sent(Direction::Mt, Fingerprint::of(&[8]), mobile(7));
        centre.ended(Direction::Mt, Fingerprint::of(&[8]), mobile(7), Outcome::Failed);
        let comparison = compare([&centre, &ues]);
        assert_eq!((comparison.unreported, comparison.open, comparison.failed), (1, 1, 1));
        assert_eq!(comparison.differences, [""; 0]);
    }

    #[test]
    fn the_more_messages_bit_makes_no_other_message() {
        assert_eq!(Fingerprint::of(&[0x04, 1, 2]), Fingerprint::of(&[0x00, 1, 2]));
        assert_ne!(Fingerprint::of(&[0x04, 1, 2]), Fingerprint::of(&[0x04, 1, 3]));
        assert_ne!(Fingerprint::of(&[0x44, 1, 2]), Fingerprint::of(&[0x04, 1, 2]));
    }
}
