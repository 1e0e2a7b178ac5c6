//! Subscriptions to the registration state of users at their S-CSCF (TS 24.341 5.3.3.2, RFC 3680, RFC 6665): one for each
//! public identity that registers here.
//!
//! A subscription's dialogue begins with its first NOTIFY, which may come before the answer to the SUBSCRIBE (RFC 6665
//! 4.1.2.4): the NOTIFY gives the peer's tag, its target and the route set. One SUBSCRIBE is under way at a time, and all
//! of them are paced. Nobody's registration ends because a subscription fails: it is tried again.

mod state;
#[cfg(test)]
mod tests;

use super::reginfo::{self, Reginfo};
use crate::base::{Time, counts};
use crate::gateway::mailbox::{Notified, Subscribe};
use crate::ident::{Identity, WorkerId};
use crate::stack::Subscribed;
use ahash::AHashMap;
use state::{Next, SubscriptionState};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

counts! {
    /// What was subscribed to at S-CSCFs, and what they said.
    pub struct RegEventCounts {
        /// SUBSCRIBEs sent, refreshes among them.
        subscribe_sent,
        /// SUBSCRIBEs that waited for their turn because of `reg_event_per_second`.
        paced,
        /// SUBSCRIBEs accepted.
        subscribed,
        /// SUBSCRIBEs refused.
        refused,
        /// SUBSCRIBEs without an answer, or accepted without a NOTIFY that can be used.
        unanswered,
        /// Identities not watched because there is no room.
        full,
        /// NOTIFYs taken.
        notified,
        /// NOTIFYs refused with 481: there is no such subscription any more.
        notify_unknown,
        /// NOTIFYs refused with 481: another dialogue, of a SUBSCRIBE that was forked.
        notify_forked,
        /// NOTIFYs refused with 500: a newer one has come before.
        notify_out_of_order,
        /// NOTIFYs refused with 400: their headers are not enough, or the document can't be read.
        notify_malformed,
        /// Documents that did not follow on the last one: the full state was asked for.
        version_gaps,
        /// Subscriptions that the S-CSCF ended.
        terminated,
        /// Documents with registered contacts of which none takes short messages.
        without_smsip,
    }
}

/// Whose registration state is watched.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Watched {
    /// The served network.
    pub(super) network: u16,
    /// The public identity.
    pub(super) identity: Identity,
}

/// How its S-CSCF is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Path {
    /// The worker that sends: the Call-ID names it.
    pub(super) worker: WorkerId,
    /// Our address.
    pub(super) local: SocketAddr,
    /// The S-CSCF's.
    pub(super) remote: SocketAddr,
    /// The S-CSCF's URI.
    pub(super) route: Identity,
}

/// What is known of somebody's contacts.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Presence {
    /// Whether one is registered.
    pub(super) is_active: bool,
    /// Whether one is registered that takes short messages.
    pub(super) takes_messages: bool,
}

/// What has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Event {
    pub(super) watched: Watched,
    pub(super) before: Presence,
    pub(super) now: Presence,
}

/// Sizes and times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Identities watched, at most.
    pub(super) most: usize,
    /// SUBSCRIBEs in a second, at most, to all S-CSCFs together.
    pub(super) per_second: u32,
    /// Seconds of life that are asked for.
    pub(super) expires: u32,
}

/// Seconds of life where an answer tells none (RFC 3680 4.4).
const EXPIRES: u32 = 3_761;
/// How long the NOTIFY after an accepted SUBSCRIBE may take (RFC 6665 4.1.2.4, Timer N).
const NOTIFY: Duration = Duration::from_secs(32);
/// After so long a SUBSCRIBE has ended, whether we were told or not: Timer F, and the way.
const LOST: Duration = Duration::from_secs(42);
/// The first pause after a failure; each doubles it, up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);
/// The longest pause that a Retry-After brings.
const LONGEST_ASKED: Duration = Duration::from_secs(3_600);
/// SUBSCRIBEs that may go out at once after a quiet time, as a part of those of a second.
const BURST: u32 = 10;
/// Of a longer life the last so many are left for refreshing; a shorter one is halved (TS 24.229 5.1.1.4.1 for
/// registrations).
const EARLY: Duration = Duration::from_secs(600);
/// The most contacts that are kept for one identity, and registrations.
const KEPT: usize = 256;

/// The dialogue, as the first NOTIFY began it.
struct Dialogue {
    tag: Vec<u8>,
    target: String,
    routes: Vec<String>,
    /// CSeq of its last NOTIFY.
    sequence: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The next SUBSCRIBE is due at the watch's time.
    Due,
    /// It waits for its turn.
    Queued,
    /// It is under way.
    Asked { answered: bool, notified: bool },
    /// There is a subscription; its refresh is due at the watch's time.
    Active,
    /// There is none, and none is tried until somebody registers.
    Resting,
}

struct Watch {
    watched: Watched,
    path: Path,
    phase: Phase,
    /// When something is due, by its phase.
    at: Time,
    /// Nobody wants it any more: the S-CSCF is told.
    is_ending: bool,
    dialogue: Option<Dialogue>,
    /// CSeq of our last SUBSCRIBE.
    sequence: u32,
    /// When the subscription ends.
    until: Time,
    /// Seconds that are asked for.
    asked: u32,
    /// Failures in a row.
    failures: u32,
    /// That of the last document; none before the first full one.
    version: Option<u32>,
    /// The registered contacts by the names of registration and contact, and whether each takes messages.
    contacts: BTreeMap<(String, String), bool>,
}

impl Watch {
    fn presence(&self) -> Presence {
        Presence {
            is_active: !self.contacts.is_empty(),
            takes_messages: self.contacts.values().any(|takes| *takes),
        }
    }

    /// Takes what a document says; whether it could be taken.
    fn apply(&mut self, document: &Reginfo) -> bool {
        let follows = self.version.is_some_and(|version| version.checked_add(1) == Some(document.version));
        if document.is_full {
            self.contacts.clear();
        } else if !follows {
            return false;
        }
        for registration in &document.registrations {
            if registration.is_terminated {
                self.contacts.retain(|(of, _), _| *of != registration.id);
                continue;
            }
            for contact in &registration.contacts {
                let name = (registration.id.clone(), contact.id.clone());
                if contact.is_active {
                    self.contacts.insert(name, contact.takes_messages);
                } else {
                    self.contacts.remove(&name);
                }
                tracing::trace!(active = contact.is_active, expires_s = contact.expires, "a contact");
            }
        }
        if self.contacts.len() > KEPT {
            while self.contacts.len() > KEPT {
                self.contacts.pop_last();
            }
            self.version = None;
            return false;
        }
        self.version = Some(document.version);
        true
    }

    /// The SUBSCRIBE to send now.
    fn subscribe(&self, number: u64) -> Subscribe {
        let loose = |uri: &str| {
            uri.split(';')
                .skip(1)
                .any(|param| param.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("lr")))
        };
        let route = self.path.route.as_str();
        let (request_uri, routes) = match &self.dialogue {
            None if loose(route) => (self.watched.identity.to_string(), vec![route.to_owned()]),
            None => (self.watched.identity.to_string(), vec![format!("{route};lr")]),
            Some(dialogue) => match dialogue.routes.split_first() {
                // RFC 3261 12.2.1.1: a strict router's URI goes in front, and the target to the end.
                Some((first, others)) if !loose(first) => {
                    let routes = others.iter().chain([&dialogue.target]).cloned().collect();
                    (first.clone(), routes)
                }
                _ => (dialogue.target.clone(), dialogue.routes.clone()),
            },
        };
        Subscribe {
            subscription: number,
            network: self.watched.network,
            local: self.path.local,
            remote: self.path.remote,
            request_uri,
            to: self.watched.identity,
            to_tag: self.dialogue.as_ref().map_or(vec![], |dialogue| dialogue.tag.clone()),
            routes,
            expires: if self.is_ending { 0 } else { self.asked },
            sequence: self.sequence,
        }
    }
}

/// All subscriptions.
pub(super) struct RegEvent {
    limits: Limits,
    watches: AHashMap<u64, Watch>,
    numbers: AHashMap<Watched, u64>,
    next: u64,
    due: BTreeSet<(Time, u64)>,
    queue: VecDeque<u64>,
    /// When the next SUBSCRIBE may be sent.
    pace: Time,
    events: VecDeque<Event>,
    sends: VecDeque<(WorkerId, Subscribe)>,
    pub(super) counts: RegEventCounts,
}

impl RegEvent {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            watches: AHashMap::new(),
            numbers: AHashMap::new(),
            next: 1,
            due: BTreeSet::new(),
            queue: VecDeque::new(),
            pace: Time::ZERO,
            events: VecDeque::new(),
            sends: VecDeque::new(),
            counts: RegEventCounts::default(),
        }
    }

    /// Somebody has registered, or does so again: his registration state is watched at the S-CSCF that says so. `false`
    /// if there is no room.
    pub(super) fn watch(&mut self, now: Time, watched: Watched, path: Path) -> bool {
        let number = self.numbers.get(&watched).copied();
        let Some((number, watch)) = number.and_then(|number| Some((number, self.watches.get_mut(&number)?)))
        else {
            if self.watches.len() >= self.limits.most {
                self.counts.full += 1;
                return false;
            }
            self.start(now, watched, path);
            return true;
        };
        let Path { worker: _, local, remote, route } = path;
        // One that comes by a stream now and by a datagram then is the same.
        if (watch.path.local.ip(), watch.path.remote, watch.path.route) != (local.ip(), remote, route) {
            // Another S-CSCF knows nothing of the dialogue with the first.
            watch.path = path;
            let number = self.renumber(number);
            self.set(number, Phase::Due, now);
        } else if watch.phase == Phase::Resting {
            watch.failures = 0;
            self.set(number, Phase::Due, now);
        }
        self.advance(now);
        true
    }

    /// As [`RegEvent::watch`], of somebody whom a life before this one has watched; if he `was_there`, he is believed to be until
    /// a document says otherwise.
    pub(super) fn watch_again(&mut self, now: Time, watched: Watched, path: Path, was_there: bool) -> bool {
        let is_watched = self.watch(now, watched, path);
        let number = self.numbers.get(&watched);
        if let Some(watch) = number.and_then(|number| self.watches.get_mut(number))
            && was_there
            && watch.version.is_none()
        {
            // The first document that is believed is a full one, which replaces it.
            watch.contacts.insert(Default::default(), true);
        }
        is_watched
    }

    fn start(&mut self, now: Time, watched: Watched, path: Path) {
        let number = self.next;
        self.next += 1;
        let watch = Watch {
            watched,
            path,
            phase: Phase::Due,
            at: Time::NEVER,
            is_ending: false,
            dialogue: None,
            sequence: 0,
            until: Time::ZERO,
            asked: self.limits.expires,
            failures: 0,
            version: None,
            contacts: BTreeMap::new(),
        };
        self.watches.insert(number, watch);
        self.numbers.insert(watched, number);
        self.set(number, Phase::Due, now);
        self.advance(now);
    }

    /// Nobody is interested any more: the S-CSCF is told, if it has a subscription.
    pub(super) fn stop(&mut self, now: Time, watched: Watched) {
        let Some(number) = self.numbers.remove(&watched) else { return };
        let Some(watch) = self.watches.get_mut(&number) else { return };
        watch.is_ending = true;
        // What is under way brings a dialogue yet, or the next NOTIFY finds nobody.
        if watch.dialogue.is_none() || now >= watch.until {
            return self.forget(number);
        }
        if !matches!(watch.phase, Phase::Queued) {
            self.set(number, Phase::Due, now);
        }
        self.advance(now);
    }

    /// What is known of somebody's contacts.
    pub(super) fn presence(&self, watched: Watched) -> Presence {
        let number = self.numbers.get(&watched);
        number.and_then(|number| self.watches.get(number)).map_or(Presence::default(), Watch::presence)
    }

    /// When the next SUBSCRIBE of somebody is due, or what is under way is given up.
    pub(super) fn next_of(&self, watched: Watched) -> Option<Time> {
        let watch = self.watches.get(self.numbers.get(&watched)?)?;
        (watch.at != Time::NEVER).then_some(watch.at)
    }

    /// How many identities are watched, and how many of them have no subscription at the moment.
    pub(super) fn watched(&self) -> (usize, usize) {
        let without = |watch: &&Watch| watch.dialogue.is_none();
        (self.watches.len(), self.watches.values().filter(without).count())
    }

    /// A SUBSCRIBE has its final answer, 408 if none came.
    pub(super) fn answered(&mut self, now: Time, number: u64, answer: &Subscribed) {
        let Some(watch) = self.watches.get_mut(&number) else { return };
        let Phase::Asked { notified, answered: false } = watch.phase else { return };
        let is_accepted = (200..300).contains(&answer.status);
        match answer.status {
            _ if is_accepted => self.counts.subscribed += 1,
            408 => self.counts.unanswered += 1,
            _ => self.counts.refused += 1,
        }
        if watch.is_ending {
            // The last NOTIFY follows.
            return match is_accepted {
                true => self.set(number, Phase::Asked { answered: true, notified }, now + NOTIFY),
                false => self.forget(number),
            };
        }
        let granted = answer.expires.unwrap_or(EXPIRES);
        if is_accepted && granted > 0 {
            watch.until = now + Duration::from_secs(granted.into());
            return match notified {
                true => self.subscribed(now, number),
                false => self.set(number, Phase::Asked { answered: true, notified }, now + NOTIFY),
            };
        }
        if let Some(fewest) = answer.min_expires.filter(|_| answer.status == 423) {
            watch.asked = watch.asked.max(fewest);
        }
        // RFC 5057 5.1: these end the dialogue, or the usage; after others it lives on until its time has passed.
        let ends = matches!(answer.status, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604);
        let number = if ends { self.renumber(number) } else { number };
        let after = answer.retry_after.map(|seconds| Duration::from_secs(seconds.into()));
        self.fail(now, number, after);
        self.advance(now);
    }

    /// A NOTIFY has come. Gives the status that answers it.
    pub(super) fn notified(&mut self, now: Time, notified: &Notified) -> u16 {
        let number = notified.subscription;
        let Some(watch) = self.watches.get_mut(&number) else {
            self.counts.notify_unknown += 1;
            return 481;
        };
        if let Some(dialogue) = &watch.dialogue {
            if dialogue.tag != notified.remote_tag {
                self.counts.notify_forked += 1;
                return 481;
            }
            if notified.sequence <= dialogue.sequence {
                self.counts.notify_out_of_order += 1;
                return 500;
            }
        }
        let state = state::read(&notified.state).filter(|_| !notified.remote_tag.is_empty());
        let document = (!notified.body.is_empty()).then(|| reginfo::read(&notified.body)).transpose();
        let (Some(state), Ok(document), Some(target), Some(routes)) =
            (state, document, &notified.contact, &notified.routes)
        else {
            self.counts.notify_malformed += 1;
            self.ask_for_all(now, number);
            self.advance(now);
            return 400;
        };
        self.counts.notified += 1;
        match &mut watch.dialogue {
            Some(dialogue) => {
                dialogue.sequence = notified.sequence;
                dialogue.target.clone_from(target);
            }
            None => {
                watch.dialogue = Some(Dialogue {
                    tag: notified.remote_tag.clone(),
                    target: target.clone(),
                    routes: routes.clone(),
                    sequence: notified.sequence,
                });
                watch.version = None;
            }
        }
        let before = watch.presence();
        let is_taken = document.is_none_or(|document| watch.apply(&document));
        let is_gone = state == SubscriptionState::Terminated(Next::Gone);
        if is_gone {
            watch.contacts.clear();
        }
        let (watched, after) = (watch.watched, watch.presence());
        let is_wanted = !watch.is_ending;
        if is_wanted && (is_taken || is_gone) {
            self.counts.without_smsip += u64::from(after.is_active && !after.takes_messages);
            if before != after {
                self.events.push_back(Event { watched, before, now: after });
            }
        }
        self.go_on(now, number, state, is_taken);
        self.advance(now);
        200
    }

    /// What becomes of the subscription after a NOTIFY.
    fn go_on(&mut self, now: Time, number: u64, state: SubscriptionState, is_taken: bool) {
        let Some(watch) = self.watches.get_mut(&number) else { return };
        let next = match state {
            SubscriptionState::Terminated(next) => next,
            // It has ended as it was told of: at once would be again and again.
            SubscriptionState::Active(Some(Duration::ZERO)) if !watch.is_ending => {
                self.counts.terminated += 1;
                let number = self.renumber(number);
                return self.fail(now, number, None);
            }
            SubscriptionState::Active(left) => {
                if let Some(left) = left {
                    watch.until = now + left;
                } else if watch.until <= now {
                    watch.until = now + Duration::from_secs(EXPIRES.into());
                }
                if watch.is_ending {
                    return;
                }
                if !is_taken {
                    self.counts.version_gaps += 1;
                    return self.ask_for_all(now, number);
                }
                return match watch.phase {
                    Phase::Asked { answered: false, .. } => {
                        watch.phase = Phase::Asked { answered: false, notified: true };
                    }
                    Phase::Asked { answered: true, .. } | Phase::Active => self.subscribed(now, number),
                    Phase::Due | Phase::Queued | Phase::Resting => {}
                };
            }
        };
        self.counts.terminated += 1;
        if watch.is_ending {
            return self.forget(number);
        }
        let is_first = watch.failures == 0;
        watch.failures += u32::from(next == Next::Now && is_first);
        let number = self.renumber(number);
        match next {
            Next::Now if is_first => self.set(number, Phase::Due, now),
            Next::Now => self.fail(now, number, None),
            Next::Later(after) => self.fail(now, number, after),
            Next::Never | Next::Gone => self.set(number, Phase::Resting, Time::NEVER),
        }
    }

    /// There is a subscription, and what is known is whole.
    fn subscribed(&mut self, now: Time, number: u64) {
        let Some(watch) = self.watches.get_mut(&number) else { return };
        watch.failures = 0;
        let left = watch.until.since(now);
        let after = if left > 2 * EARLY { left - EARLY } else { left / 2 };
        self.set(number, Phase::Active, now + after.max(PAUSE));
    }

    /// What is known has a gap: a SUBSCRIBE within the dialogue brings all of it (RFC 3680 5.1), the first at once. While
    /// one is under way its own NOTIFY is waited for.
    fn ask_for_all(&mut self, now: Time, number: u64) {
        let Some(watch) = self.watches.get_mut(&number) else { return };
        watch.version = None;
        if watch.is_ending || !matches!(watch.phase, Phase::Active) {
            return;
        }
        if watch.failures == 0 {
            watch.failures = 1;
            self.set(number, Phase::Due, now);
        } else {
            self.fail(now, number, None);
        }
    }

    /// Tries again after a pause.
    fn fail(&mut self, now: Time, number: u64, after: Option<Duration>) {
        let Some(watch) = self.watches.get_mut(&number) else { return };
        let doubled = (PAUSE * 2u32.pow(watch.failures.min(10))).min(LONGEST);
        let pause = after.map_or(doubled, |after| after.clamp(PAUSE, LONGEST_ASKED));
        watch.failures += 1;
        self.set(number, Phase::Due, now + pause);
    }

    fn set(&mut self, number: u64, phase: Phase, at: Time) {
        let Some(watch) = self.watches.get_mut(&number) else { return };
        self.due.remove(&(watch.at, number));
        (watch.phase, watch.at) = (phase, at);
        if at < Time::NEVER {
            self.due.insert((at, number));
        }
    }

    fn forget(&mut self, number: u64) {
        let Some(watch) = self.watches.remove(&number) else { return };
        self.due.remove(&(watch.at, number));
        if self.numbers.get(&watch.watched) == Some(&number) {
            self.numbers.remove(&watch.watched);
        }
    }

    /// Another dialogue has another Call-ID and another tag of ours, so that what is late of the last one finds nobody.
    fn renumber(&mut self, number: u64) -> u64 {
        let Some(mut watch) = self.watches.remove(&number) else { return number };
        self.due.remove(&(watch.at, number));
        let next = self.next;
        self.next += 1;
        (watch.sequence, watch.until, watch.version, watch.at) = (0, Time::ZERO, None, Time::NEVER);
        watch.dialogue = None;
        self.numbers.insert(watch.watched, next);
        self.watches.insert(next, watch);
        next
    }

    /// Deadlines have passed.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
    }

    /// Sees to what is due, and sends as many as the pace allows.
    fn advance(&mut self, now: Time) {
        let waited = self.queue.len();
        while let Some(&(at, number)) = self.due.first()
            && at <= now
        {
            self.due.pop_first();
            let Some(watch) = self.watches.get_mut(&number) else { continue };
            watch.at = Time::NEVER;
            match watch.phase {
                Phase::Asked { .. } if watch.is_ending => self.forget(number),
                Phase::Asked { .. } => {
                    self.counts.unanswered += 1;
                    self.fail(now, number, None);
                }
                Phase::Due | Phase::Active => {
                    watch.phase = Phase::Queued;
                    self.queue.push_back(number);
                }
                Phase::Queued | Phase::Resting => {}
            }
        }
        let step = Duration::from_secs(1) / self.limits.per_second.max(1);
        let burst = step * (self.limits.per_second / BURST).max(1);
        while self.pace <= now + burst
            && let Some(number) = self.queue.pop_front()
        {
            if self.send(now, number) {
                self.pace = self.pace.max(now) + step;
            }
        }
        self.counts.paced += self.queue.len().saturating_sub(waited) as u64;
    }

    fn send(&mut self, now: Time, number: u64) -> bool {
        let Some(watch) = self.watches.get_mut(&number).filter(|watch| watch.phase == Phase::Queued) else {
            return false;
        };
        // Its time may have passed.
        let is_new = watch.dialogue.is_none() || now >= watch.until;
        if is_new && watch.is_ending {
            self.forget(number);
            return false;
        }
        let number = if is_new && watch.sequence > 0 { self.renumber(number) } else { number };
        let Some(watch) = self.watches.get_mut(&number) else { return false };
        watch.sequence += 1;
        self.sends.push_back((watch.path.worker, watch.subscribe(number)));
        self.counts.subscribe_sent += 1;
        self.set(number, Phase::Asked { answered: false, notified: false }, now + LOST);
        true
    }

    /// The earliest deadline.
    pub(super) fn poll_timeout(&self) -> Time {
        let turn = if self.queue.is_empty() { Time::NEVER } else { self.pace };
        self.due.first().map_or(Time::NEVER, |(at, _)| *at).min(turn)
    }

    pub(super) fn poll_send(&mut self) -> Option<(WorkerId, Subscribe)> {
        self.sends.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Checks what must hold between any two calls.
    pub(super) fn assert_invariants(&self) {
        let wanted = self.watches.values().filter(|watch| !watch.is_ending).count();
        assert_eq!(wanted, self.numbers.len(), "an identity without its subscription");
        for (number, watch) in &self.watches {
            let is_due = self.due.contains(&(watch.at, *number));
            let waits = match watch.phase {
                Phase::Due | Phase::Asked { .. } | Phase::Active => is_due,
                Phase::Queued => self.queue.contains(number),
                Phase::Resting => !watch.is_ending,
            };
            assert!(waits, "left as it is: {:?}", watch.phase);
            assert!(watch.contacts.len() <= KEPT);
        }
        assert!(self.due.len() <= self.watches.len());
    }
}
