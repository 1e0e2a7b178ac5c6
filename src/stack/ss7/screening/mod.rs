//! Screening: what is refused of what the SS7 network brings, before anything is kept of it (GSMA FS.11, IR.70, IR.71; TS 33.204).
//!
//! A message is looked at twice. When SCCP has read it, on the worker whose association it came by: the point that it comes
//! from, its addresses, and how much their owner may send ([`Screening::message`], [`Screening::unitdata`],
//! [`Screening::returned`]). When TCAP has read it, on the worker whose dialogue it is or would be: the operations in it
//! ([`Screening::components`]), for a Begin before there is a dialogue. What breaks a rule is counted by the rule, some of it is
//! told, and what is done about it is the rule's [`Action`].

mod gate;
mod operations;
mod policy;
mod prefixes;
mod rates;
#[cfg(test)]
mod tests;

pub use policy::{Action, Operator, Rule, ScreeningConfig};

use crate::base::{SipKey, Time, counts};
use crate::ident::{Digits, Masked, PointCode};
use crate::proto::map::{UserError, operation};
use crate::proto::sccp::Unitdata;
use crate::proto::tcap::{Code, Component, Components};
use crate::stack::Label;
use core::time::Duration;
use policy::{OF_OPERATIONS, Policy, Source};
use rates::Rates;
use std::collections::VecDeque;

counts! {
    /// What a rule of screening did.
    pub struct RuleCounts {
        /// Messages that broke the rule and were refused.
        refused,
        /// Messages that broke the rule and were let through, since it is only tried (dry run).
        let_through,
    }
}

counts! {
    /// What screening did beside its rules.
    pub struct ScreeningCounts {
        /// Messages whose sender was limited together with others, since too many are limited at a time.
        rates_shared,
        /// Refusals that were not told one by one.
        not_told,
    }
}

/// One refusal, as the log tells it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Screened {
    /// The rule that was broken.
    pub rule: Rule,
    /// What was done about it.
    pub action: Action,
    /// The association that it came by, by its place in the configuration.
    pub association: u16,
    /// The originating point code.
    pub point_code: PointCode,
    /// The calling title, to be masked.
    pub title: Option<Digits>,
    /// The network of the title, by its number among the operators from 1; 0: none that is known.
    pub operator: u32,
    /// The operation, if it is about one.
    pub opcode: Option<u8>,
    /// How many others broke the rule since the last that was told.
    pub more: u64,
}

/// Masked: it may reach a log.
impl core::fmt::Debug for Screened {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (rule, action, opcode) = (self.rule.name(), self.action.name(), self.opcode);
        let title = Masked(self.title.unwrap_or_default());
        write!(f, "{rule}: {action}, operation {opcode:?} of {title} at {}", self.point_code)
    }
}

/// What is done about a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It goes on.
    Pass,
    /// It is discarded.
    Drop,
    /// Its dialogue is aborted.
    Abort,
    /// The operation with this invoke id is answered with an error.
    Error(i8, UserError<'static>),
}

/// What of a rule is told.
#[derive(Clone, Copy, Default)]
struct Telling {
    second: Time,
    told: u32,
    /// Not told since the last that was.
    more: u64,
}

/// Refusals that wait to be told.
const WAITING: usize = 64;

/// Screening of one worker.
pub struct Screening {
    policy: Policy,
    rates: Rates,
    told_per_second: u32,
    rules: [RuleCounts; Rule::COUNT],
    telling: [Telling; Rule::COUNT],
    waiting: VecDeque<Screened>,
    /// Who was looked up last.
    last: Source,
    /// Whose message is being looked at by TCAP.
    source: Option<Source>,
    /// The error that the operations of a Begin get, once there is a dialogue to say it in.
    error: Option<(i8, UserError<'static>)>,
    /// What it did beside its rules.
    pub counts: ScreeningCounts,
}

impl Screening {
    /// Of one worker, which keeps rates of its own.
    ///
    /// # Errors
    /// Says which prefix two networks claim.
    pub fn new(config: &ScreeningConfig, key: SipKey) -> Result<Self, String> {
        let policy = Policy::new(config)?;
        let limits = policy.on & (Rule::TitleRate.bit() | Rule::ReturnedRate.bit()) != 0;
        Ok(Self {
            policy,
            rates: Rates::new(key, if limits { config.rates } else { 1 }),
            told_per_second: config.told_per_second,
            rules: core::array::from_fn(|_| RuleCounts::default()),
            telling: [Telling::default(); Rule::COUNT],
            waiting: VecDeque::with_capacity(WAITING),
            last: Source::of_point(0, PointCode(0)),
            source: None,
            error: None,
            counts: ScreeningCounts::default(),
        })
    }

    /// Each rule, with what is done about what breaks it, and what it did.
    pub fn rules(&self) -> impl Iterator<Item = (Rule, Action, &RuleCounts)> {
        Rule::ALL.iter().zip(&self.rules).map(|(rule, counts)| (*rule, self.policy.action(*rule), counts))
    }

    /// A refusal to tell, if there is one.
    pub fn next_told(&mut self) -> Option<Screened> {
        self.waiting.pop_front()
    }

    /// Whether an SCCP message, whatever it is, may come by the association that it came by.
    #[inline]
    pub fn message(&mut self, now: Time, label: &Label) -> bool {
        let (association, point_code) = (label.association, label.originating);
        if self.policy.on & Rule::PointCode.bit() == 0 || self.policy.is_expected(association, point_code) {
            return true;
        }
        let source = Source::of_point(association, point_code);
        self.act(now, &source, None, Rule::PointCode.bit()).is_none()
    }

    /// Whether a UDT, XUDT or LUDT for a subsystem of ours, or the segment of one, goes on. It takes from the calling title's
    /// bucket if it opens a dialogue.
    #[inline]
    pub fn unitdata(&mut self, now: Time, label: &Label, unitdata: &Unitdata<'_>) -> bool {
        const ADDRESSES: u32 = !OF_OPERATIONS & !Rule::PointCode.bit() & !Rule::ReturnedRate.bit();
        let on = self.policy.on & ADDRESSES;
        if on == 0 {
            return true;
        }
        let source = self.source_of(label, unitdata);
        let mut broken = self.policy.addresses(&source, &unitdata.called, &unitdata.calling) & on;
        let begins = unitdata.data.first() == Some(&0x62)
            && unitdata.segmentation.is_none_or(|segmentation| segmentation.first);
        if begins && let Some(rate) = self.policy.title_rate.filter(|_| on & Rule::TitleRate.bit() != 0) {
            let number = source.title.unwrap_or_default().to_u128();
            let mark = self.rates.mark([number as u64, (number >> 64) as u64]);
            if !self.rates.take(now, mark, rate) {
                broken |= Rule::TitleRate.bit();
            }
        }
        broken == 0 || self.act(now, &source, None, broken).is_none()
    }

    /// Whether a message of ours that came back is told to its dialogue.
    pub fn returned(&mut self, now: Time, label: &Label) -> bool {
        let on = self.policy.on & Rule::ReturnedRate.bit() != 0;
        let Some(rate) = self.policy.returned_rate.filter(|_| on) else { return true };
        // No title has all of these bits.
        let mark = self.rates.mark([u64::from(label.originating.0), u64::MAX]);
        if self.rates.take(now, mark, rate) {
            return true;
        }
        let source = Source::of_point(label.association, label.originating);
        self.act(now, &source, None, Rule::ReturnedRate.bit()).is_none()
    }

    /// From whom a message is; nobody is looked up twice in a row.
    #[inline]
    fn source_of(&mut self, label: &Label, unitdata: &Unitdata<'_>) -> Source {
        let (association, point_code) = (label.association, label.originating);
        let title = unitdata.calling.title.map(|title| title.digits);
        let last = &self.last;
        if (last.association, last.point_code, last.title) != (association, point_code, title) {
            self.last = self.policy.source(association, point_code, title);
        }
        self.last
    }

    /// Remembers whose message TCAP is about to read.
    #[inline]
    pub fn begin(&mut self, label: &Label, unitdata: &Unitdata<'_>) {
        self.error = None;
        self.source = match self.policy.on & OF_OPERATIONS {
            0 => None,
            _ => Some(self.source_of(label, unitdata)),
        };
    }

    /// What is done about the components of a Begin, or of a later message of a peer's dialogue, whose context breaks rules of
    /// its own. `foreign` tells which of them an operation breaks.
    #[inline]
    pub(super) fn components(
        &mut self,
        now: Time,
        components: &Components<'_>,
        of_context: u32,
        foreign: impl Fn(u8) -> u32,
    ) -> Verdict {
        let Some(source) = self.source else { return Verdict::Pass };
        let on = self.policy.on;
        if let Some((id, opcode, argument)) = only_invoke(components.rest()) {
            let of_it = self.policy.operation(&source, opcode, argument) | foreign(opcode);
            let broken = (of_context | of_it) & on;
            return match broken {
                0 => Verdict::Pass,
                _ => self.verdict(now, &source, Some((id, opcode)), broken),
            };
        }
        // An error goes to the operation that breaks a rule; if the message as a whole does, to its first.
        let (mut broken, mut first, mut any, mut count) = (of_context & on, None, None, 0);
        for component in components.clone() {
            count += 1;
            if let Component::Invoke { id, opcode, argument, .. } = component {
                // Codes that are no octet, or object identifiers, are none of MAP's.
                let local = if let Code::Local(opcode) = opcode { opcode } else { u8::MAX };
                let of_it = (self.policy.operation(&source, local, argument) | foreign(local)) & on;
                any = any.or(Some((id, local)));
                if of_it != 0 {
                    first = first.or(Some((id, local)));
                }
                broken |= of_it;
            }
        }
        if count > self.policy.components {
            broken |= Rule::Components.bit() & on;
        }
        if broken == 0 { Verdict::Pass } else { self.verdict(now, &source, first.or(any), broken) }
    }

    #[cold]
    fn verdict(&mut self, now: Time, source: &Source, first: Option<(i8, u8)>, broken: u32) -> Verdict {
        let action = self.act(now, source, first.map(|(_, opcode)| opcode), broken);
        let error = |error| match first {
            // Nothing answers these (class 4).
            Some((id, opcode)) if !operation::is_unanswered(opcode) => Verdict::Error(id, error),
            _ => Verdict::Drop,
        };
        match action {
            None | Some(Action::Off | Action::DryRun) => Verdict::Pass,
            Some(Action::Drop) => Verdict::Drop,
            Some(Action::Abort) => Verdict::Abort,
            Some(Action::SystemFailure) => error(UserError::system_failure()),
            Some(Action::UnexpectedDataValue) => error(UserError::UnexpectedDataValue),
        }
    }

    /// Counts what was broken, and gives what is done about it: by the first rule that is more than tried.
    #[cold]
    fn act(&mut self, now: Time, source: &Source, opcode: Option<u8>, broken: u32) -> Option<Action> {
        self.counts.rates_shared = self.rates.shared_count;
        for rule in Rule::ALL.iter().copied().filter(|rule| broken & rule.bit() != 0) {
            let action = self.policy.action(rule);
            let is_tried = action == Action::DryRun;
            if let Some(counts) = self.rules.get_mut(rule as usize) {
                *(if is_tried { &mut counts.let_through } else { &mut counts.refused }) += 1;
            }
            self.tell(now, rule, action, source, opcode);
            if !is_tried {
                return Some(action);
            }
        }
        None
    }

    /// Has a refusal told, unless too many are.
    fn tell(&mut self, now: Time, rule: Rule, action: Action, source: &Source, opcode: Option<u8>) {
        let Some(telling) = self.telling.get_mut(rule as usize) else { return };
        if now.since(telling.second) >= Duration::from_secs(1) {
            *telling = Telling { second: now, told: 0, ..*telling };
        }
        if telling.told >= self.told_per_second || self.waiting.len() >= WAITING {
            telling.more += 1;
            self.counts.not_told += 1;
            return;
        }
        telling.told += 1;
        let more = core::mem::take(&mut telling.more);
        let Source { association, point_code, title, operator, .. } = *source;
        self.waiting.push_back(Screened {
            rule,
            action,
            association,
            point_code,
            title,
            operator,
            opcode,
            more,
        });
    }
}

/// Invoke id, operation and argument of a message with one Invoke that is spelt as almost all are; any other is read component by
/// component. What stands behind the argument is TCAP's to refuse.
#[inline]
fn only_invoke(portion: &[u8]) -> Option<(i8, u8, &[u8])> {
    let (length, contents) = match portion {
        [0xa1, length @ ..=0x7f, contents @ ..] | [0xa1, 0x81, length, contents @ ..] => (*length, contents),
        _ => return None,
    };
    match contents {
        [2, 1, id, 2, 1, opcode @ ..=0x7f, argument @ ..] if contents.len() == usize::from(length) => {
            Some((*id as i8, *opcode, argument))
        }
        _ => None,
    }
}
