//! Transaction Capabilities (ITU-T Q.771 to Q.775): dialogues, and the components that they carry for MAP and CAP.
//!
//! ```text
//!   62 Begin ───────┬ 48 OTID ┬ 6B dialogue portion ─ 28 EXTERNAL ─ 06 …, A0 ─ 60 AARQ ┬ [80 version] A1 context [BE user]
//!   65 Continue ────┼ 48, 49 ─┤                                               61 AARE ┼ … A2 result, A3 diagnostic
//!   64 End ─────────┼ 49 DTID ┤                                               64 ABRT ┴ 80 source [BE user]
//!   67 Abort ───────┴ 49 ──── ┤ 4A P-Abort cause, or 6B
//!                             └ 6C components ┬ A1 Invoke           02 id [80 linked] 02 operation, argument
//!                                             ├ A2 ReturnResultLast 02 id [30 operation, result]  (A7: not last)
//!                                             ├ A3 ReturnError      02 id 02 error [parameter]
//!                                             └ A4 Reject           02 id or 05 00, 80..83 problem
//! ```
//!
//! [`Message`] reads, [`build`] writes components, and [`Dialogues`] is the transaction and dialogue machine: one
//! table per worker, whose transaction ids say which worker, slot and use of the slot they belong to. Arguments,
//! results, application contexts and user information pass through as octets.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod build;
mod component;
mod dialogue;
mod dialogue_portion;
mod identifier;
mod view;

pub use component::{Code, Component, Components, MAX_COMPONENTS, Problem};
pub use dialogue::{
    AbortCause, AbortReason, AddressParts, Admission, Dialogues, DialoguesConfig, Expired, Indication,
    Limits, Owner, PeerMatch, Returned, TcapCounts,
};
pub use dialogue_portion::{Diagnostic, DialoguePortion};
pub use identifier::DialogueId;
pub use view::{
    MAX_MESSAGE, Message, MessageType, Refusal, RefusalReason, TransactionId, TransactionPortion, p_abort,
};

use crate::base::{Layer, Malformed};

/// Why octets are not a TCAP message, by [`Malformed::why`].
pub const WHY: &[&str] = &[
    "too_long",
    "message",
    "message_type",
    "transaction_id",
    "p_abort_cause",
    "dialogue_portion",
    "component_portion",
    "unexpected",
];

/// Index into [`WHY`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Why {
    /// Longer than [`MAX_MESSAGE`].
    TooLong,
    /// Not one whole BER element.
    Message,
    /// Not a type of message that Q.773 has, and no transaction to abort.
    MessageType,
    /// A transaction id is missing, has a wrong length, or stands in the wrong place.
    TransactionId,
    /// The P-Abort cause is no integer.
    PAbortCause,
    /// The dialogue portion can't be read.
    DialoguePortion,
    /// The component portion can't be read.
    ComponentPortion,
    /// An element that has no business there, or not twice.
    Unexpected,
}

impl Why {
    fn at(self, offset: usize) -> Malformed {
        Malformed::new(Layer::Tcap, self as u8, offset)
    }
}

#[cfg(test)]
mod tests;
