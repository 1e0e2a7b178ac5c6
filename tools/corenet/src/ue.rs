//! The UEs: submit short messages and take their reports, take short messages and report on them (TS 24.341 5.3.2).

use crate::config;
use crate::direct::{self, Direct};
use crate::ledger::{Direction, Fingerprint, Outcome};
use crate::node::{Cx, Node, User};
use crate::random::Random;
use crate::scscf::{self, Scscf};
use crate::short_message;
use crate::traffic::{Submission, Traffic};
use core::time::Duration;
use ipsmgw::base::{Key, Time};
use ipsmgw::ident::{Digits, Imsi, Msisdn, Number, WorkerId};
use ipsmgw::stack::{Message, MessageRequest, RegisterRequest, Rp};
use serde::Deserialize;
use std::net::SocketAddr;

/// Of a key, which says what it is a key of: a submission.
const SUBMISSIONS: u32 = 0;
/// Of a key: a delivery report.
const REPORTS: u32 = 1;
/// Of a key: a notice of free memory.
const NOTICES: u32 = 4;
/// Of a key: a submission once more.
const REPEATS: u32 = 5;
/// Of a key: a UE's registrations.
pub(crate) const REGISTRATIONS: u32 = 2;
/// TP-FCS of a failing UE: memory capacity exceeded.
pub(crate) const FAILURE: u8 = 0xd3;

/// What a UE does with mobile terminated messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behaviour {
    /// Takes and acknowledges them.
    Good,
    /// Does not answer at all.
    Silent,
    /// Answers 200 and never reports.
    Mute,
    /// Reports RP-ERROR with this RP-Cause.
    Failing(u8),
    /// Answers with this SIP status.
    Refusing(u16),
}

impl Behaviour {
    /// By the configured shares.
    pub fn choose(shares: &config::Ue, random: &mut Random) -> Self {
        if random.chance(shares.silent) {
            Self::Silent
        } else if random.chance(shares.mute) {
            Self::Mute
        } else if random.chance(shares.failing) {
            Self::Failing(shares.cause)
        } else if random.chance(shares.refusing) {
            Self::Refusing(shares.status)
        } else {
            Self::Good
        }
    }
}

/// What a UE does beside that, out of habit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Habits {
    /// It submits each message once more after its RP-ACK, as if it had had none.
    pub repeats: bool,
    /// It reports under its number, not under the identity that it registers.
    pub other_identity: bool,
}

impl Habits {
    /// By the configured shares.
    pub fn choose(shares: &config::Ue, random: &mut Random) -> Self {
        let mut has = |share: f64| share > 0.0 && random.chance(share);
        Self { repeats: has(shares.repeating), other_identity: has(shares.other_identity) }
    }
}

/// A UE with its subscription.
#[derive(Clone, Debug)]
pub struct Ue {
    /// Its network, by its place in the configuration.
    pub network: usize,
    /// Its IMSI.
    pub imsi: Imsi,
    /// Its number.
    pub msisdn: Msisdn,
    /// Its public user identities, the one it registers first; at least one.
    pub identities: Vec<String>,
    /// What it does.
    pub behaviour: Behaviour,
    /// What it does beside that.
    pub habits: Habits,
    /// What it has for direct access; without it is behind its network's S-CSCF.
    pub direct: Option<Direct>,
    /// Whether a registration waits for its answer.
    pub(crate) registering: bool,
    /// Seconds of life that its latest registration asked for; 0 to leave.
    pub(crate) expires: u32,
    /// CSeq of its latest registration.
    pub(crate) sequence: u32,
    /// When its latest registration was meant to begin.
    pub(crate) register_intended: Time,
    /// RP-MR and TP-MR of its next submission.
    reference: u8,
    /// Whether a submission waits for its report: the relay layer has one at a time.
    submitting: bool,
    /// How often it has tried to register again.
    tries: u32,
    /// Whether it is registered, as far as it knows.
    pub(crate) is_registered: bool,
    /// It has left for a while, or is about to, and comes back.
    pub(crate) is_away: bool,
}

impl Ue {
    /// A UE that has not registered.
    #[must_use]
    pub fn new(
        network: usize,
        line: config::Line,
        (behaviour, habits): (Behaviour, Habits),
        direct: Option<Direct>,
    ) -> Self {
        Self {
            network,
            imsi: line.imsi,
            msisdn: line.msisdn,
            identities: line.identities,
            behaviour,
            habits,
            direct,
            registering: false,
            expires: 0,
            sequence: 0,
            register_intended: Time::ZERO,
            reference: 0,
            submitting: false,
            tries: 0,
            is_registered: false,
            is_away: false,
        }
    }

    /// The identity that it sends under.
    fn identity(&self) -> &str {
        self.direct.as_ref().map_or(self.identities[0].as_str(), |direct| &direct.identity)
    }

    /// The address that its messages leave by, and P-Access-Network-Info.
    fn way(&self, scscf: &Scscf) -> (SocketAddr, &'static [u8]) {
        match &self.direct {
            Some(access) => (access.address, direct::ACCESS_NETWORK),
            None => (scscf.address, scscf::ACCESS_NETWORK),
        }
    }
}

/// The UE whose turn it is among `members`.
pub(crate) fn in_turn(members: &[u32], turn: u32) -> u32 {
    members.get(turn as usize % members.len().max(1)).copied().unwrap_or(0)
}

/// 8.1 step 2, 8.7 step 4: the next UE registers, for the first time or anew; 8.2.1 step 1, 8.8 step 4: it leaves. Whether it
/// could: one at a time.
pub(crate) fn register(
    node: &mut Node,
    now: Time,
    (direct, leave): (bool, bool),
    intended: Time,
    cx: &mut Cx<'_>,
) -> bool {
    let members = if direct { &node.direct } else { &node.behind_ims };
    let expires = if leave { 0 } else { node.traffic.config.expires };
    let flow = node.traffic.registrations_of(direct, leave);
    let number = in_turn(members, flow.begun);
    let ue = &mut node.ues[number as usize];
    if ue.registering {
        return false;
    }
    flow.begun += 1;
    (ue.registering, ue.expires, ue.register_intended) = (true, expires, intended);
    let sent = match direct {
        true => direct::register(node, now, number, cx),
        false => scscf::register(node, now, number, cx),
    };
    if let Err(why) = sent {
        node.ues[number as usize].registering = false;
        node.traffic.registrations_of(direct, leave).fail(number, &why);
    }
    true
}

/// Sends a REGISTER of UE `number`.
pub(crate) fn send_register(
    now: Time,
    number: u32,
    request: &RegisterRequest<'_>,
    cx: &mut Cx<'_>,
) -> Result<(), String> {
    let sent = cx.stack.register(now, request, User::Registration(number).to_u64(), cx.outside);
    sent.map(|_| ()).map_err(|refusal| format!("REGISTER not sent: {refusal:?}"))
}

/// 8.1 step 6, 8.2.1 step 5, 8.7 step 7, 8.8 step 7: the gateway's answer.
pub(crate) fn on_registered(node: &mut Node, now: Time, number: u32, status: u16) {
    let Some(ue) = node.ues.get_mut(number as usize) else { return };
    ue.registering = false;
    let leaves = ue.expires == 0;
    if status == 200 {
        ue.is_registered = !leaves;
    }
    if ue.is_away {
        return on_away(node, now, number, status);
    }
    // As TS 24.229 5.1.1.2 wants it: the core, or what is behind it, may be there in a while.
    if matches!(status, 408 | 500..=599) && ue.tries < TRIES {
        ue.tries += 1;
        ue.registering = true;
        node.trying_again.insert((now + AGAIN, number));
        return;
    }
    ue.tries = 0;
    let flow = node.traffic.registrations_of(ue.direct.is_some(), ue.expires == 0);
    match status {
        200 => flow.succeed(now, ue.register_intended),
        _ => flow.fail(number, &format!("REGISTER answered {status}")),
    }
}

/// This share of the UEs leaves now, and comes back later, at random.
pub(crate) fn choose_absent(node: &mut Node) {
    let Traffic { config, random, .. } = &mut node.traffic;
    for (ue, number) in node.ues.iter_mut().zip(0..) {
        if ue.is_registered && random.chance(config.absent) {
            ue.is_away = true;
            node.leaving.push(number);
        }
    }
}

/// UEs that are to leave do so; those whose time has come register again (8.6 step 2).
pub(crate) fn leave_and_come_back(node: &mut Node, now: Time, cx: &mut Cx<'_>) {
    for number in core::mem::take(&mut node.leaving) {
        // What it has submitted it waits for.
        match node.ues[number as usize].submitting {
            true => node.leaving.push(number),
            false => send_away(node, now, number, 0, cx),
        }
    }
    while let Some(&(time, number)) = node.coming_back.first()
        && time <= now
    {
        node.coming_back.pop_first();
        send_away(node, now, number, node.traffic.config.expires, cx);
    }
}

/// What a UE does when somebody has it do so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// It registers, for the first time or anew.
    Register,
    /// It leaves.
    Leave,
    /// It says that it has memory again (RP-SMMA).
    MemoryAvailable,
    /// It submits a message to an SME.
    Submit,
}

/// UE `number` acts.
pub(crate) fn act(node: &mut Node, now: Time, number: u32, act: Act, cx: &mut Cx<'_>) {
    let expires = node.traffic.config.expires;
    match act {
        Act::Register | Act::Leave => {
            node.ues[number as usize].is_away = true;
            send_away(node, now, number, if act == Act::Register { expires } else { 0 }, cx);
        }
        Act::MemoryAvailable => notice(node, now, number, cx),
        Act::Submit => {
            let direct = node.ues[number as usize].direct.is_some();
            node.traffic.mo_of(direct).asked += 1;
            submit_as(node, now, number as usize, direct, now, cx);
        }
    }
}

/// RP-SMMA (TS 24.011 7.3.2).
fn notice(node: &mut Node, now: Time, number: u32, cx: &mut Cx<'_>) {
    let ue = &mut node.ues[number as usize];
    let reference = ue.reference;
    ue.reference = reference.wrapping_add(1);
    let scscf = &node.scscfs[ue.network];
    let (local, access_network_info) = ue.way(scscf);
    let request = MessageRequest {
        local,
        remote: scscf.gateway,
        connection: None,
        request_uri: &format!("tel:+{}", scscf.service_centre),
        to: None,
        asserted: true,
        from: ue.identity(),
        route: None,
        in_reply_to: None,
        key: Key { slot: number, generation: NOTICES },
        towards_ue: false,
        charging: None,
        access_network_info,
        rp: Rp::MemoryAvailable { reference },
    };
    if cx.stack.message(now, &request, User::DeliverReport(number).to_u64(), cx.outside).is_err() {
        node.traffic.ues.surprise(number, "notice of free memory not sent");
    }
}

/// A REGISTER of a UE that leaves for a while or comes back.
fn send_away(node: &mut Node, now: Time, number: u32, expires: u32, cx: &mut Cx<'_>) {
    let ue = &mut node.ues[number as usize];
    (ue.registering, ue.expires) = (true, expires);
    let sent = match ue.direct.is_some() {
        true => direct::register(node, now, number, cx),
        false => scscf::register(node, now, number, cx),
    };
    if sent.is_err() {
        on_registered(node, now, number, 503);
    }
}

/// A UE that was to leave for a while has left, or has come back.
fn on_away(node: &mut Node, now: Time, number: u32, status: u16) {
    let Traffic { config, random, counts, .. } = &mut node.traffic;
    let ue = &mut node.ues[number as usize];
    match (status, ue.expires) {
        (200, 0) => {
            counts.left += 1;
            let most = config.absence.as_millis() as usize;
            let absence = Duration::from_millis(random.below(most + 1) as u64);
            node.coming_back.insert((now + absence, number));
        }
        (200, _) => {
            counts.came_back += 1;
            ue.is_away = false;
        }
        (status, expires) => {
            ue.is_away = false;
            let what = if expires == 0 { "leaving" } else { "coming back" };
            node.traffic.ues.surprise(number, &format!("REGISTER answered {status}, {what}"));
        }
    }
}

/// How often a UE tries to register again.
const TRIES: u32 = 5;
/// After how long.
const AGAIN: Duration = Duration::from_secs(2);

/// UEs whose registration failed for a while try again.
pub(crate) fn try_again(node: &mut Node, now: Time, cx: &mut Cx<'_>) {
    while let Some(&(time, number)) = node.trying_again.first()
        && time <= now
    {
        node.trying_again.pop_first();
        let sent = match node.ues[number as usize].direct.is_some() {
            true => direct::register(node, now, number, cx),
            false => scscf::register(node, now, number, cx),
        };
        if sent.is_err() {
            on_registered(node, now, number, 503);
        }
    }
}

/// Every so many submissions of UEs with direct access say that they are another UE's.
const LIES: u32 = 4;

/// 8.9 steps 1 to 3, 8.3 step 2: a UE that has none under way submits a message. Whether there was one.
pub(crate) fn submit(node: &mut Node, now: Time, direct: bool, intended: Time, cx: &mut Cx<'_>) -> bool {
    let members = if direct { &node.direct } else { &node.behind_ims };
    let traffic = &mut node.traffic;
    let Some(at) =
        free(&node.ues, members, &mut traffic.random, |ue| !ue.submitting && ue.is_registered && !ue.is_away)
    else {
        return false;
    };
    submit_as(node, now, at, direct, intended, cx);
    true
}

/// UE `at` submits a message.
fn submit_as(node: &mut Node, now: Time, at: usize, direct: bool, intended: Time, cx: &mut Cx<'_>) {
    let traffic = &mut node.traffic;
    let number = traffic.submissions.len() as u32;
    let lies = direct && number % LIES == LIES - 1;
    let claimed = if lies { (at + 1) % node.ues.len() } else { at };
    let claimed = node.ues[claimed].identity().to_owned();
    let body = short_message::body(&mut traffic.random, number);
    let destination = destination(&mut traffic.random);
    let ue = &mut node.ues[at];
    let reference = ue.reference;
    ue.reference = reference.wrapping_add(1);
    ue.submitting = true;
    let scscf = &node.scscfs[ue.network];
    let (local, access_network_info) = ue.way(scscf);
    let tpdu = short_message::submit(reference, destination, &body);
    let request = MessageRequest {
        local,
        remote: scscf.gateway,
        connection: None,
        request_uri: &format!("tel:+{}", scscf.service_centre),
        to: None,
        asserted: true,
        from: &claimed,
        route: None,
        in_reply_to: None,
        key: Key { slot: number, generation: SUBMISSIONS },
        towards_ue: false,
        charging: None,
        access_network_info,
        rp: Rp::Submit { reference, service_centre: Some(scscf.service_centre.into()), tpdu: &tpdu },
    };
    let sent = cx.stack.message(now, &request, User::Submission(number).to_u64(), cx.outside);
    let fingerprint = Fingerprint::of(&tpdu);
    node.ledger.sent(Direction::Mo, fingerprint, ue.msisdn);
    let ue = at as u32;
    let again = node.ues[at].habits.repeats.then_some(tpdu);
    traffic.submissions.push(Submission { ue, reference, fingerprint, intended, ended: false, again });
    traffic.waiting.push_back((now + traffic.config.mo_report, number));
    traffic.mo_of(direct).begun += 1;
    if let Err(refusal) = sent {
        fail(node, number, &format!("MESSAGE not sent: {refusal:?}"));
    }
}

/// One of the `members` of `ues` that `fits`, chosen at random.
pub(crate) fn free(
    ues: &[Ue],
    members: &[u32],
    random: &mut Random,
    fits: impl Fn(&Ue) -> bool,
) -> Option<usize> {
    let first = random.below(members.len());
    let (before, after) = members.split_at(first);
    let mut places = after.iter().chain(before).map(|&number| number as usize);
    places.find(|&at| fits(&ues[at]))
}

fn destination(random: &mut Random) -> Digits {
    let len = 8 + random.below(5);
    (0..len).try_fold(Digits::EMPTY, |digits, _| digits.with(random.below(10) as u8)).unwrap_or(Digits::EMPTY)
}

fn fail(node: &mut Node, number: u32, why: &str) {
    let Some(submission) = node.traffic.end_submission(number) else { return };
    let ue = &mut node.ues[submission.ue as usize];
    ue.submitting = false;
    let direct = ue.direct.is_some();
    node.ledger.ended(Direction::Mo, submission.fingerprint, ue.msisdn, Outcome::Failed);
    node.traffic.mo_of(direct).fail(number, why);
}

/// 8.9 step 5: the gateway's answer, which is not the report yet.
pub(crate) fn on_submission_answered(node: &mut Node, number: u32, status: u16) {
    if !(200..300).contains(&status) {
        fail(node, number, &format!("submission answered {status}"));
    }
}

/// TR1M: no report came in time.
pub(crate) fn on_timeout(node: &mut Node, now: Time) {
    while let Some(&(deadline, number)) = node.traffic.waiting.front()
        && deadline <= now
    {
        node.traffic.waiting.pop_front();
        fail(node, number, "no submit report");
    }
}

/// A MESSAGE for UE `number`: a submit report or a short message.
pub(crate) fn on_message(node: &mut Node, now: Time, number: u32, message: &Message<'_>, cx: &mut Cx<'_>) {
    match message.rp {
        Rp::Ack { .. } | Rp::Error { .. } => {
            cx.stack.answer(now, &message.request, 200, cx.outside);
            on_submit_report(node, now, number, message, cx);
        }
        Rp::Deliver { reference, service_centre, tpdu } => {
            on_deliver(node, now, number, message, (reference, service_centre, tpdu), cx);
        }
        Rp::Submit { .. } | Rp::MemoryAvailable { .. } | Rp::Faulty { .. } => {
            node.traffic.counts.not_for_us += 1;
            cx.stack.answer(now, &message.request, 400, cx.outside);
        }
    }
}

/// The answer to a notice of free memory.
fn on_noticed(node: &mut Node, number: u32, rp: Rp<'_>) {
    match rp {
        Rp::Ack { .. } => node.traffic.counts.noticed += 1,
        rp => node.traffic.ues.surprise(number, &format!("notice of free memory: {rp:?}")),
    }
}

/// 8.9 steps 11 and 12: the submit report. It must be for this UE's own message, and what the SMSC had said.
fn on_submit_report(node: &mut Node, now: Time, ue: u32, message: &Message<'_>, cx: &mut Cx<'_>) {
    let submission = match message.in_reply_to {
        Some((WorkerId(0), Key { slot, generation: SUBMISSIONS })) => Some(slot),
        Some((WorkerId(0), Key { slot, generation: NOTICES })) => return on_noticed(node, slot, message.rp),
        Some((WorkerId(0), Key { slot, generation: REPEATS })) => return on_repeated(node, slot, message.rp),
        _ => None,
    };
    let Some(number) = submission.filter(|&number| (number as usize) < node.traffic.submissions.len()) else {
        node.traffic.counts.report_unmatched += 1;
        return;
    };
    let Some(submission) = node.traffic.end_submission(number) else {
        node.traffic.counts.late += 1;
        return;
    };
    let again = submission.again.is_some();
    let (sender, expected, intended) = (submission.ue, submission.reference, submission.intended);
    let fingerprint = submission.fingerprint;
    node.ues[sender as usize].submitting = false;
    let (reference, failed, report) = match message.rp {
        Rp::Ack { reference, tpdu } => (reference, None, tpdu),
        Rp::Error { reference, cause, tpdu } => (reference, Some(cause), tpdu),
        _ => return,
    };
    let outcome = if failed.is_none() { Outcome::Accepted } else { Outcome::Failed };
    node.ledger.ended(Direction::Mo, fingerprint, node.ues[sender as usize].msisdn, outcome);
    let is_said = |report: &[u8]| {
        let failure = failed.and_then(|_| report.get(1).copied());
        short_message::is_submit_report(report, fingerprint.short(), failure)
    };
    let (may_refuse, lacks_reports) = (node.may_refuse, node.lacks_reports);
    let mo = node.traffic.mo_of(node.ues[sender as usize].direct.is_some());
    if sender != ue {
        mo.fail(number, "the report went to another UE");
    } else if reference != expected {
        mo.fail(number, &format!("the report has RP-MR {reference}, not {expected}"));
    } else if failed.is_some() && !may_refuse {
        mo.fail(number, &format!("RP-Cause {failed:?}"));
    } else if !report.map_or(failed.is_some() || lacks_reports, is_said) {
        mo.fail(number, "the SUBMIT-REPORT is not the SMSC's");
    } else if failed.is_some() {
        mo.fail_as_configured();
    } else {
        mo.succeed(now, intended);
        if again {
            repeat(node, now, number, cx);
        }
    }
}

/// Pain 1: a UE that has its RP-ACK submits the same once more.
fn repeat(node: &mut Node, now: Time, number: u32, cx: &mut Cx<'_>) {
    let Some(submission) = node.traffic.submissions.get(number as usize) else { return };
    let Some(tpdu) = &submission.again else { return };
    let ue = &mut node.ues[submission.ue as usize];
    ue.submitting = true;
    let scscf = &node.scscfs[ue.network];
    let (local, access_network_info) = ue.way(scscf);
    let rp = Rp::Submit {
        reference: submission.reference,
        service_centre: Some(scscf.service_centre.into()),
        tpdu,
    };
    let request = MessageRequest {
        local,
        remote: scscf.gateway,
        connection: None,
        request_uri: &format!("tel:+{}", scscf.service_centre),
        to: None,
        asserted: true,
        from: ue.identity(),
        route: None,
        in_reply_to: None,
        key: Key { slot: number, generation: REPEATS },
        towards_ue: false,
        charging: None,
        access_network_info,
        rp,
    };
    node.traffic.counts.repeated += 1;
    let sender = submission.ue;
    if cx.stack.message(now, &request, User::Submission(number).to_u64(), cx.outside).is_err() {
        node.traffic.ues.surprise(sender, "message not submitted once more");
    }
}

/// The report of what was submitted once more: the same as before.
fn on_repeated(node: &mut Node, number: u32, rp: Rp<'_>) {
    let Some(submission) = node.traffic.submissions.get(number as usize) else { return };
    let (sender, expected) = (submission.ue, submission.reference);
    node.ues[sender as usize].submitting = false;
    match rp {
        Rp::Ack { reference, .. } if reference == expected => node.traffic.counts.repeated_reported += 1,
        rp => node.traffic.ues.surprise(sender, &format!("the same submitted again: {rp:?}")),
    }
}

/// 8.10 steps 6 to 9: a short message arrives; the UE takes it, and reports.
fn on_deliver(
    node: &mut Node,
    now: Time,
    ue: u32,
    message: &Message<'_>,
    (reference, service_centre, tpdu): (u8, Option<Number>, &[u8]),
    cx: &mut Cx<'_>,
) {
    let me = &node.ues[ue as usize];
    let behaviour = me.behaviour;
    let scscf = &node.scscfs[me.network];
    let (local, access_network_info) = me.way(scscf);
    let fingerprint = Fingerprint::of(tpdu);
    let accepted = behaviour == Behaviour::Good;
    let received = node.ledger.received(Direction::Mt, fingerprint, me.msisdn, accepted);
    let traffic = &mut node.traffic;
    traffic.counts.ue_twice += u64::from(received.accepted > 1);
    if service_centre != Some(scscf.service_centre.into()) {
        traffic.ues.surprise(ue, &format!("RP-OA is {service_centre:?}"));
    }
    node.reports += 1;
    let number = node.reports;
    match behaviour {
        Behaviour::Silent => return,
        Behaviour::Refusing(status) => return cx.stack.answer(now, &message.request, status, cx.outside),
        _ => cx.stack.answer(now, &message.request, 200, cx.outside),
    }
    let report = short_message::deliver_report(
        fingerprint.short(),
        matches!(behaviour, Behaviour::Failing(_)).then_some(FAILURE),
    );
    let rp = match behaviour {
        Behaviour::Failing(cause) => Rp::Error { reference, cause, tpdu: Some(&report) },
        Behaviour::Good => Rp::Ack { reference, tpdu: Some(&report) },
        Behaviour::Mute | Behaviour::Silent | Behaviour::Refusing(_) => return,
    };
    let by_number = me.habits.other_identity.then(|| format!("tel:+{}", me.msisdn));
    let request = MessageRequest {
        local,
        remote: scscf.gateway,
        connection: None,
        request_uri: &scscf.gateway_uri,
        to: None,
        asserted: true,
        from: by_number.as_deref().unwrap_or(me.identity()),
        route: None,
        in_reply_to: Some(message.call_id),
        key: Key { slot: number, generation: REPORTS },
        towards_ue: false,
        charging: None,
        access_network_info,
        rp,
    };
    if cx.stack.message(now, &request, User::DeliverReport(ue).to_u64(), cx.outside).is_err() {
        traffic.ues.surprise(ue, "delivery report not sent");
    }
}

/// 8.10 step 14: the answer to the delivery report of UE `number`.
pub(crate) fn on_report_answered(node: &mut Node, number: u32, status: u16) {
    if !(200..300).contains(&status) {
        node.traffic.ues.surprise(number, &format!("delivery report answered {status}"));
    }
}
