//! Questions of operators about subscribers, on the control thread: what the registrar answers at once, and what waits for an
//! HLR.

use super::Control;
use super::registrar::Outbox;
use super::registrar::operator::{Deregistered, Filter, Sight, Whom};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// A question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// A part of the list of subscribers.
    List {
        /// Who is listed.
        filter: Filter,
        /// The place to go on from.
        from: u32,
        /// Subscribers, at most.
        most: usize,
        /// Whether numbers are shown whole.
        sight: Sight,
    },
    /// What is known about a subscriber.
    Why {
        /// Whom.
        whom: Whom,
        /// Whether numbers are shown whole.
        sight: Sight,
    },
    /// A subscriber's registration ends.
    Deregister {
        /// Whose.
        whom: Whom,
    },
    /// How the audit against HLRs stands.
    Audit {
        /// Whether one of everybody begins, unless it is under way.
        begin: bool,
    },
}

/// Who waits for a de-registration.
#[derive(Default)]
pub(super) struct Desk {
    waiting: BTreeMap<u64, oneshot::Sender<Value>>,
    asked: u64,
}

impl Control {
    /// Answers, at once or when the HLR has.
    pub(super) fn ask_operator(&mut self, asked: Asked, answer: oneshot::Sender<Value>) {
        let now = (self.clock)();
        match asked {
            Asked::List { filter, from, most, sight } => {
                let listed = self.registrar.list(now, &filter, from, most, sight);
                drop(answer.send(json!({ "list": listed.subscribers, "next": listed.next })));
            }
            Asked::Why { whom, sight } => drop(answer.send(self.registrar.why(now, whom, sight))),
            Asked::Deregister { whom } => {
                self.desk.asked += 1;
                self.desk.waiting.insert(self.desk.asked, answer);
                let mut out = Outbox::new();
                self.registrar.deregister(now, whom, self.desk.asked, &mut out);
                self.post(out);
            }
            Asked::Audit { begin } => {
                let mut out = Outbox::new();
                let begun = begin && self.registrar.audit(now, &mut out);
                self.post(out);
                drop(answer.send(self.registrar.audit_report(now, begun)));
            }
        }
    }

    /// Tells operators what has become of their de-registrations.
    pub(super) fn tell_operators(&mut self) {
        while let Some((number, ended)) = self.registrar.poll_deregistered() {
            if let Some(answer) = self.desk.waiting.remove(&number) {
                drop(answer.send(told(ended)));
            }
        }
    }
}

fn told(ended: Deregistered) -> Value {
    let (outcome, bindings, cause, error) = match ended {
        Deregistered::Done { bindings, told: true } => ("done", bindings, None, None),
        Deregistered::Done { bindings, told: false } => {
            ("done", bindings, Some("the HLR need not be told"), None)
        }
        Deregistered::Late { bindings } => {
            ("hlr_pending", bindings, Some("the HLR has not answered yet; it goes on being told"), None)
        }
        Deregistered::Refused { bindings, error } => {
            ("refused", bindings, Some("the HLR has refused; the bindings have ended here"), Some(error))
        }
        Deregistered::Superseded { bindings } => {
            ("superseded", bindings, Some("the subscriber has registered again meanwhile"), None)
        }
        Deregistered::Unknown => (
            "unknown",
            0,
            Some(
                "nobody of this number in the table of subscribers, and nobody's registration waits for an HLR",
            ),
            None,
        ),
        Deregistered::NotLoaded => {
            ("not_loaded", 0, Some("registrations are still being restored after the start: ask again"), None)
        }
        Deregistered::NotKept { bindings } => (
            "not_kept",
            bindings,
            Some("the store of registrations does not write: what ends now comes back with the next start"),
            None,
        ),
    };
    json!({ "outcome": outcome, "bindings": bindings, "cause": cause, "map_error": error })
}
