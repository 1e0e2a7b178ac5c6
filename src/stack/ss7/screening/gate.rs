//! Where screening stands in the way of messages.

use super::{Rule, Screening, Verdict};
use crate::base::Time;
use crate::codec::Prepend;
use crate::ident::Ssn;
use crate::proto::map::{UserError, Version, context};
use crate::proto::sccp::Indication as Sccp;
use crate::proto::tcap::{AbortReason, Admission, Components, DialogueId, RefusalReason, build};
use crate::stack::ss7::dialogue::{gone_if_missed, opened};
use crate::stack::ss7::invocation::{Opener, Party};
use crate::stack::ss7::{Offer, Ss7, offer};
use crate::stack::{Indication, Label, Outside};

/// The rule that an operation breaks which its context does not have. What is offered in no context at all is refused with its
/// context.
fn foreign(offers: &[Offer], context: u8, version: Version, opcode: u8) -> u32 {
    if offer::has_operation(offers, context, version, opcode) || !offer::has(offers, context, version) {
        return 0;
    }
    Rule::OtherContext.bit()
}

/// Whether an application context is called at a subsystem of its own (TS 29.002 17.3): where the HLR calls a VLR, the
/// gateway stands for one with its MSC's number.
fn belongs(of: u8, ssn: Ssn) -> bool {
    match of {
        context::MT_RELAY | context::MO_RELAY => matches!(ssn, Ssn::MSC | Ssn::SGSN),
        context::LOCATION_CANCELLATION | context::SUBSCRIBER_DATA_MANAGEMENT | context::RESET => {
            matches!(ssn, Ssn::VLR | Ssn::MSC | Ssn::SGSN)
        }
        _ => true,
    }
}

impl Screening {
    /// What becomes of a Begin for the subsystem `ssn` of ours, before there is a dialogue.
    #[inline]
    pub fn admit(
        &mut self,
        now: Time,
        ssn: Option<Ssn>,
        offers: &[Offer],
        name: Option<&[u8]>,
        components: &Components<'_>,
    ) -> Admission {
        if self.source.is_none() {
            return Admission::Open;
        }
        let (context, version) = opened(name, components);
        let of_context = match ssn {
            Some(ssn) if !belongs(context, ssn) => Rule::OtherSubsystem.bit(),
            _ => 0,
        };
        let of_operation = |opcode| version.map_or(0, |version| foreign(offers, context, version, opcode));
        match self.components(now, components, of_context, of_operation) {
            Verdict::Pass => Admission::Open,
            Verdict::Drop => Admission::Ignore,
            // A peer of version 1 knows no dialogue portion.
            Verdict::Abort if name.is_none() => Admission::Refuse(RefusalReason::Bare),
            Verdict::Abort => Admission::Refuse(RefusalReason::User),
            Verdict::Error(id, error) => {
                self.error = Some((id, error));
                Admission::Open
            }
        }
    }

    /// The error that the Begin gets for which there is a dialogue now.
    pub(in crate::stack::ss7) fn take_error(&mut self) -> Option<(i8, UserError<'static>)> {
        self.error.take()
    }
}

impl Ss7 {
    /// Whether a message goes on that SCCP has read.
    #[inline]
    pub(in crate::stack::ss7) fn admits(&mut self, now: Time, label: &Label, message: &Sccp<'_>) -> bool {
        match message {
            Sccp::Unitdata(_, unitdata) | Sccp::Segment(unitdata) => {
                self.screening.unitdata(now, label, unitdata)
            }
            Sccp::Notice(..) => self.screening.returned(now, label),
            Sccp::Management(_) | Sccp::Answer(_) | Sccp::Nothing => true,
        }
    }

    /// Whether a Continue of a dialogue that a peer opened goes on. If not, the dialogue is over; what the application has to
    /// know of that goes into `gone`.
    pub(in crate::stack::ss7) fn admits_in(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        party: &Party,
        components: &Components<'_>,
        gone: &mut Option<Indication<'_>>,
        outside: &mut dyn Outside,
    ) -> bool {
        let Opener::Peer { context, .. } = party.opener else { return true };
        let Self { screening, offers, .. } = self;
        let of_operation = |opcode| foreign(offers, context, party.version, opcode);
        match screening.components(now, components, 0, of_operation) {
            Verdict::Pass => return true,
            Verdict::Drop => self.dialogues.close(now, dialogue),
            Verdict::Abort => self.abort(now, dialogue, AbortReason::User, outside),
            Verdict::Error(id, error) => self.end_with(now, dialogue, party.version, (id, &error), outside),
        }
        *gone = gone_if_missed(dialogue, party);
        false
    }

    /// Ends a dialogue with an error for one of its operations.
    pub(in crate::stack::ss7) fn end_with(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        version: Version,
        (id, error): (i8, &UserError<'_>),
        outside: &mut dyn Outside,
    ) {
        let error = error.spoken(version);
        self.send(now, dialogue, true, outside, |w: &mut Prepend<'_>| {
            error.write_in(w, version);
            build::error(w, 0, id, error.code());
        });
    }
}
