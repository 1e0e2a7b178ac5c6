//! What the gateway on one worker tells the gateway on another: about one user's mobile terminated messages, of which one
//! worker at a time is in charge (the holder, named by the subscriber's *MT in progress* word); or about his last submission,
//! which one worker remembers (named by the word for that).

use super::mo::{Submission, SubmitReport};
use super::mt::{Arrived, MtResult, Report};
use crate::base::Key;
use crate::ident::WorkerId;
use crate::stack::{Asked, Deferred, DialogueId};
use crate::subscriber::{LastMo, SubscriberId};

/// A message between two workers' gateways.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::large_enum_variant)] // it is copied into a ring: no box on the packet path
pub enum Crossing {
    /// To the holder: another mobile terminated message for the user.
    Arrived {
        /// The user.
        subscriber: SubscriberId,
        /// The message, and who waits for its result.
        arrived: Arrived,
    },
    /// From the holder to the worker that has the dialogue: how the delivery ended.
    Result {
        /// Who waits.
        asked: Asked,
        /// Whom to tell when the result is on its way: the holder's worker and entry.
        holder: Option<(WorkerId, Key)>,
        /// The end.
        result: MtResult,
    },
    /// Behind a MAP result, to the worker that has the association it leaves by: whom to tell when it has gone.
    ResultPasses {
        /// The holder.
        worker: WorkerId,
        /// The holder's entry.
        key: Key,
    },
    /// Back to the holder: the MAP result has gone, so the UE's report may be answered (8.10 steps 11 and 14).
    ResultSent {
        /// The holder's entry.
        key: Key,
    },
    /// To the worker that a delivery report names, or to the holder: a report whose In-Reply-To has not led there.
    Report {
        /// The report.
        report: Report,
    },
    /// To the holder: no message follows for the user in a dialogue for which he may be kept.
    NoMore {
        /// The user.
        subscriber: SubscriberId,
        /// The worker that had the dialogue.
        worker: WorkerId,
        /// The dialogue.
        dialogue: DialogueId,
    },
    /// To the worker that remembers what may be the same submission.
    Repeat {
        /// Who asks.
        worker: WorkerId,
        /// His entry.
        key: Key,
        /// The subscriber's word that led there.
        last: LastMo,
        /// The submission.
        submission: Submission,
    },
    /// Back to whoever asked: it is not the same.
    NoRepeat {
        /// His entry.
        key: Key,
        /// The word that it was compared with.
        last: LastMo,
        /// The submission.
        submission: Submission,
    },
    /// Back to whoever asked: it is the same, and this is its report.
    Submitted {
        /// His entry.
        key: Key,
        /// The report.
        report: SubmitReport,
    },
    /// Back to the worker that took the report: how to answer it.
    ReportAnswer {
        /// The request that waits.
        request: Deferred,
        /// The status.
        status: u16,
    },
}
