//! The service centre's queue: messages by recipient, in order, and when each recipient is tried (TS 23.040 3.2.3, 3.2.6, 3.2.7).
//!
//! One message of a recipient is under way at a time: only its end tells whether the next can go. A recipient that could
//! not be reached waits for the retry schedule or for an alert, with all its messages.

use ipsmgw::base::Time;
use ipsmgw::ident::Msisdn;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Names a message in the queue and in its store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MessageId(pub u64);

/// A short message that a service centre has accepted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShortMessage {
    /// The network whose service centre has it, by its place in the configuration.
    pub network: u16,
    /// The recipient's number.
    #[serde(with = "digits")]
    pub recipient: Msisdn,
    /// SMS-DELIVER or SMS-STATUS-REPORT, with TP-MMS for one that is the last.
    pub tpdu: Vec<u8>,
    /// Until when it is tried: seconds since 1970.
    pub expires: u64,
    /// Whom a status report goes to, if one is wanted.
    pub report: Option<ReportTo>,
}

/// Whom a status report goes to, and what it has to tell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReportTo {
    /// The sender's number.
    #[serde(with = "digits")]
    pub sender: Msisdn,
    /// TP-MR of the submission.
    pub reference: u8,
    /// When it was submitted: seconds since 1970.
    pub submitted: u64,
}

mod digits {
    //! Numbers as text.
    use ipsmgw::ident::Msisdn;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(number: &Msisdn, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Msisdn, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// What a recipient's messages wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// A free place.
    Ready,
    /// The end of the first.
    UnderWay,
    /// The next attempt.
    Waiting(Time),
}

#[derive(Debug)]
struct Recipient {
    messages: VecDeque<MessageId>,
    state: State,
    /// Attempts that have failed since the last success.
    failures: usize,
    /// An alert came while a message was under way: if that fails, it was about an earlier absence.
    alerted: bool,
}

/// A change that the store has to make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// It is accepted.
    Put(MessageId, ShortMessage),
    /// It has ended.
    Remove(MessageId),
}

/// All messages.
#[derive(Default)]
pub struct Queue {
    messages: BTreeMap<MessageId, ShortMessage>,
    recipients: BTreeMap<Msisdn, Recipient>,
    ready: VecDeque<Msisdn>,
    waiting: BTreeSet<(Time, Msisdn)>,
    /// Messages by the end of their validity, without those that are under way.
    expiring: BTreeSet<(u64, MessageId)>,
    next: u64,
    under_way: usize,
    retries: Vec<Duration>,
    changes: Vec<Change>,
}

impl Queue {
    /// Empty. After a failure a recipient is tried again after the first of `retries`, then after the second, and after
    /// the last again and again; without any, an attempt that failed is the last.
    #[must_use]
    pub fn new(retries: Vec<Duration>) -> Self {
        Self { retries, ..Self::default() }
    }

    /// Takes up what a store has kept.
    pub fn restore(&mut self, messages: impl IntoIterator<Item = (MessageId, ShortMessage)>) {
        for (id, message) in messages {
            self.next = self.next.max(id.0);
            self.insert(id, message);
        }
    }

    /// Takes a message. It is safe when the [`Change`]s of now have been stored.
    pub fn push(&mut self, message: ShortMessage) -> MessageId {
        self.next += 1;
        let id = MessageId(self.next);
        self.changes.push(Change::Put(id, message.clone()));
        self.insert(id, message);
        id
    }

    fn insert(&mut self, id: MessageId, message: ShortMessage) {
        let number = message.recipient;
        self.expiring.insert((message.expires, id));
        self.messages.insert(id, message);
        let recipient = self.recipients.entry(number).or_insert_with(|| {
            self.ready.push_back(number);
            Recipient { messages: VecDeque::new(), state: State::Ready, failures: 0, alerted: false }
        });
        recipient.messages.push_back(id);
    }

    /// What is to be stored, in order; it is up to the caller from now on.
    pub fn take_changes(&mut self) -> Vec<Change> {
        core::mem::take(&mut self.changes)
    }

    /// Whether there is something to be stored.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// A message.
    #[must_use]
    pub fn get(&self, id: MessageId) -> Option<&ShortMessage> {
        self.messages.get(&id)
    }

    /// How many messages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// How many recipients have a message under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// How many recipients wait for another attempt.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether more messages wait behind the first of a recipient.
    #[must_use]
    pub fn has_more(&self, number: Msisdn) -> bool {
        self.recipients.get(&number).is_some_and(|recipient| recipient.messages.len() > 1)
    }

    /// The next recipient whose turn it is, with its first message, which is under way from now on. It ends with
    /// [`Queue::delivered`], [`Queue::given_up`] or [`Queue::failed`].
    pub fn poll_next(&mut self, now: Time) -> Option<(Msisdn, MessageId)> {
        while let Some(&(time, number)) = self.waiting.first()
            && time <= now
        {
            self.waiting.pop_first();
            self.set(number, State::Ready);
            self.ready.push_back(number);
        }
        let number = self.ready.pop_front()?;
        let recipient = self.recipients.get_mut(&number)?;
        recipient.state = State::UnderWay;
        recipient.alerted = false;
        self.under_way += 1;
        let id = *recipient.messages.front()?;
        self.hold(id);
        Some((number, id))
    }

    /// A message that is under way does not expire.
    fn hold(&mut self, id: MessageId) {
        if let Some(message) = self.messages.get(&id) {
            self.expiring.remove(&(message.expires, id));
        }
    }

    /// It is no longer under way.
    fn release(&mut self, id: MessageId) {
        if let Some(message) = self.messages.get(&id) {
            self.expiring.insert((message.expires, id));
        }
    }

    fn set(&mut self, number: Msisdn, state: State) {
        if let Some(recipient) = self.recipients.get_mut(&number) {
            recipient.state = state;
        }
    }

    /// The first message of a recipient has arrived. The next one, under way from now on: the recipient has just been
    /// there.
    pub fn delivered(&mut self, number: Msisdn) -> Option<MessageId> {
        self.end_first(number);
        let recipient = self.recipients.get_mut(&number)?;
        recipient.failures = 0;
        self.go_on(number)
    }

    /// The first message of a recipient has no hope. The next one's turn comes as anybody's.
    pub fn given_up(&mut self, number: Msisdn) {
        self.end_first(number);
        if let Some(next) = self.go_on(number) {
            self.release(next);
            self.under_way -= 1;
            self.set(number, State::Ready);
            self.ready.push_back(number);
        }
    }

    fn end_first(&mut self, number: Msisdn) {
        let Some(recipient) = self.recipients.get_mut(&number) else { return };
        if let Some(id) = recipient.messages.pop_front() {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: MessageId) {
        if let Some(message) = self.messages.remove(&id) {
            self.expiring.remove(&(message.expires, id));
            self.changes.push(Change::Remove(id));
        }
    }

    fn go_on(&mut self, number: Msisdn) -> Option<MessageId> {
        let next = self.recipients.get(&number)?.messages.front().copied();
        match next {
            Some(next) => self.hold(next),
            None => {
                self.recipients.remove(&number);
                self.under_way -= 1;
            }
        }
        next
    }

    /// The attempt for a recipient has failed: its messages wait, by the schedule. Whether they do: without a schedule the
    /// caller has to give the first up.
    pub fn failed(&mut self, now: Time, number: Msisdn) -> bool {
        let Some(recipient) = self.recipients.get_mut(&number) else { return true };
        let Some(&interval) = self.retries.get(recipient.failures).or(self.retries.last()) else {
            return false;
        };
        recipient.failures += 1;
        self.under_way -= 1;
        if recipient.alerted {
            recipient.state = State::Ready;
            self.ready.push_back(number);
        } else {
            let until = now + interval;
            recipient.state = State::Waiting(until);
            self.waiting.insert((until, number));
        }
        if let Some(&id) = recipient.messages.front() {
            self.release(id);
        }
        true
    }

    /// alertServiceCentre: the recipient is there again. Whether anything waits for it.
    pub fn alert(&mut self, number: Msisdn) -> bool {
        let Some(recipient) = self.recipients.get_mut(&number) else { return false };
        recipient.failures = 0;
        match recipient.state {
            State::Waiting(until) => {
                self.waiting.remove(&(until, number));
                recipient.state = State::Ready;
                self.ready.push_back(number);
            }
            State::UnderWay => recipient.alerted = true,
            State::Ready => {}
        }
        true
    }

    /// The next message whose validity has ended by `calendar`, in seconds since 1970, and which is not under way: it has
    /// ended.
    pub fn poll_expired(&mut self, calendar: u64) -> Option<(MessageId, ShortMessage)> {
        let &(_, id) = self.expiring.first().filter(|(expires, _)| *expires <= calendar)?;
        let message = self.messages.get(&id)?.clone();
        self.forget(id);
        if let Some(recipient) = self.recipients.get_mut(&message.recipient) {
            recipient.messages.retain(|other| *other != id);
            if recipient.messages.is_empty() {
                let state = recipient.state;
                self.recipients.remove(&message.recipient);
                self.ready.retain(|number| *number != message.recipient);
                if let State::Waiting(until) = state {
                    self.waiting.remove(&(until, message.recipient));
                }
            }
        }
        Some((id, message))
    }

    /// Whether a recipient's turn has come.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When the next message is too old, in seconds since 1970.
    #[must_use]
    pub fn next_expiry(&self) -> Option<u64> {
        self.expiring.first().map(|(expires, _)| *expires)
    }

    /// When the next recipient that waits is tried again.
    #[must_use]
    pub fn poll_timeout(&self) -> Time {
        self.waiting.first().map_or(Time::NEVER, |(time, _)| *time)
    }
}

#[cfg(test)]
mod tests;
