//! Mobile Application Part (TS 29.002): the short message operations, their errors, application contexts and the PDUs
//! that open and close MAP dialogues.
//!
//! Arguments, results and parameters are read from and written to whole elements, tag included, which TCAP carries
//! unread. Elements that a later version adds, and extensions that nobody has configured, are passed over.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod address;
mod alerting;
pub mod context;
mod delivery_status;
mod dialogue_pdu;
mod errors;
mod extension;
mod forward_sm;
mod hint;
mod routing_info;
mod subject;
pub mod subscription;
mod version;

pub use address::{AddressString, Plan, TypeOfNumber};
pub use alerting::{AlertReason, AlertServiceCentre, InformServiceCentre, MwStatus, ReadyForSm};
pub use delivery_status::{DeliveryOutcome, ReportSmDeliveryStatus, ReportSmDeliveryStatusResult};
pub use dialogue_pdu::{DialoguePdu, RefuseReason, UserAbort};
pub use errors::{AbsentSubscriberDiagnostic, SmDeliveryFailureCause, UserError, error_code};
pub use extension::{Arc, Extension, NotAnArc, SmscType};
pub use forward_sm::{
    CorrelationId, ForwardSmResult, MAX_UI, MoForwardSm, MtForwardSm, SmRpDa, SmRpOa, is_mobile_originated,
};
pub use hint::Hinter;
pub use routing_info::{
    IpSmGwGuidance, SendRoutingInfoForSm, SendRoutingInfoForSmResult, ServingNode, SmRpMti,
};
pub use subject::{goes_to_service_centre, resetting_node, service_centre, subscriber};

pub use version::{Class, Timer, Version, class, context_of_v1, errors, mt_forward_sm, ready_for_sm, timer};

use crate::base::{Layer, Malformed};
use crate::codec::ber::{self, Tlv};
use crate::codec::{Prepend, Reader, tbcd};
use crate::ident::Imsi;

/// Local codes of operations (TS 29.002 17.5).
pub mod operation {
    /// updateLocation.
    pub const UPDATE_LOCATION: u8 = 2;
    /// cancelLocation.
    pub const CANCEL_LOCATION: u8 = 3;
    /// noteSubscriberDataModified.
    pub const NOTE_SUBSCRIBER_DATA_MODIFIED: u8 = 5;
    /// insertSubscriberData.
    pub const INSERT_SUBSCRIBER_DATA: u8 = 7;
    /// deleteSubscriberData.
    pub const DELETE_SUBSCRIBER_DATA: u8 = 8;
    /// sendParameters, of version 1.
    pub const SEND_PARAMETERS: u8 = 9;
    /// updateGprsLocation.
    pub const UPDATE_GPRS_LOCATION: u8 = 23;
    /// reset.
    pub const RESET: u8 = 37;
    /// mt-ForwardSM, in version 3 of [`MT_RELAY_V3`](super::context::MT_RELAY_V3).
    pub const MT_FORWARD_SM: u8 = 44;
    /// sendRoutingInfoForSM.
    pub const SEND_ROUTING_INFO_FOR_SM: u8 = 45;
    /// mo-ForwardSM; in versions 1 and 2 forwardSM, both ways.
    pub const MO_FORWARD_SM: u8 = 46;
    /// reportSM-DeliveryStatus.
    pub const REPORT_SM_DELIVERY_STATUS: u8 = 47;
    /// noteSubscriberPresent, of version 1.
    pub const NOTE_SUBSCRIBER_PRESENT: u8 = 48;
    /// alertServiceCentreWithoutResult, of version 1.
    pub const ALERT_SERVICE_CENTRE_WITHOUT_RESULT: u8 = 49;
    /// sendAuthenticationInfo.
    pub const SEND_AUTHENTICATION_INFO: u8 = 56;
    /// restoreData.
    pub const RESTORE_DATA: u8 = 57;
    /// informServiceCentre.
    pub const INFORM_SERVICE_CENTRE: u8 = 63;
    /// alertServiceCentre.
    pub const ALERT_SERVICE_CENTRE: u8 = 64;
    /// anyTimeModification.
    pub const ANY_TIME_MODIFICATION: u8 = 65;
    /// readyForSM.
    pub const READY_FOR_SM: u8 = 66;
    /// purgeMS.
    pub const PURGE_MS: u8 = 67;

    /// Whether nothing answers it: class 4 (TS 29.002 17.1.2).
    #[must_use]
    pub const fn is_unanswered(opcode: u8) -> bool {
        matches!(
            opcode,
            RESET | INFORM_SERVICE_CENTRE | NOTE_SUBSCRIBER_PRESENT | ALERT_SERVICE_CENTRE_WITHOUT_RESULT
        )
    }

    /// Whether a second dialogue for the same invocation changes nothing and is answered by one message, so that it may be sent
    /// again when nobody knows whether the first has arrived.
    #[must_use]
    pub const fn is_idempotent(opcode: u8) -> bool {
        matches!(
            opcode,
            SEND_ROUTING_INFO_FOR_SM
                | REPORT_SM_DELIVERY_STATUS
                | ALERT_SERVICE_CENTRE
                | ANY_TIME_MODIFICATION
                | READY_FOR_SM
                | PURGE_MS
        )
    }

    /// Whether the responder of `of` may invoke it before it answers (TS 29.002 17.3.2).
    #[must_use]
    pub const fn is_within(opcode: u8, of: u8) -> bool {
        match opcode {
            INSERT_SUBSCRIBER_DATA => matches!(of, UPDATE_LOCATION | UPDATE_GPRS_LOCATION),
            INFORM_SERVICE_CENTRE => matches!(of, SEND_ROUTING_INFO_FOR_SM | REPORT_SM_DELIVERY_STATUS),
            _ => false,
        }
    }
}

/// Why octets are not what MAP expects there, by [`Malformed::why`]. All are answered by Reject, mistyped parameter
/// (TS 29.002 17.1.2).
pub const WHY: &[&str] = &["structure", "missing", "value", "too_many_elements"];

/// Index into [`WHY`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Why {
    /// Not BER, or not the kind of element that stands there.
    Structure,
    /// A mandatory element is missing.
    Missing,
    /// An element's value is out of its range.
    Value,
    /// More elements than any version has.
    TooManyElements,
}

/// More elements in a SEQUENCE than this are refused.
const MAX_ELEMENTS: usize = 64;

/// The elements of a SEQUENCE, in order.
struct Fields<'a> {
    all: &'a [u8],
    rest: Reader<'a>,
    left: usize,
}

impl<'a> Fields<'a> {
    /// Those of the one element in `bytes`, which must have this tag.
    #[inline(always)]
    fn of(bytes: &'a [u8], tag: u8) -> Result<Self, Malformed> {
        let mut outer = Reader::new(bytes);
        let contents = ber::read_tag(&mut outer, tag).filter(|_| outer.is_empty());
        contents.map(Self::new).ok_or(Malformed::new(Layer::Map, Why::Structure as u8, 0))
    }

    fn new(contents: &'a [u8]) -> Self {
        Self { all: contents, rest: Reader::new(contents), left: MAX_ELEMENTS }
    }

    #[inline(always)]
    fn fault(&self, why: Why) -> Malformed {
        fault_at(why, self.all.len() - self.rest.len())
    }

    /// Whether there is no more.
    fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element, whatever it is; `None` at the end.
    #[inline(always)]
    fn next(&mut self) -> Result<Option<Tlv<'a>>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.left = self.left.checked_sub(1).ok_or_else(|| self.fault(Why::TooManyElements))?;
        let element = ber::read(&mut self.rest).filter(|element| ber::has_its_form(element.tag));
        element.map(Some).ok_or_else(|| self.fault(Why::Structure))
    }

    /// Passes over an element that is none of those looked for, as a later version's. One that has a known tag in
    /// the other form (a string in pieces) is a fault: what it says must not get lost.
    #[cold]
    fn pass(&self, element: Tlv<'_>, known: &[u8]) -> Result<(), Malformed> {
        match known.contains(&(element.tag ^ 0x20)) {
            true => Err(self.fault(Why::Structure)),
            false => Ok(()),
        }
    }

    /// The next element, which must be there.
    #[inline(always)]
    fn mandatory(&mut self) -> Result<Tlv<'a>, Malformed> {
        self.next()?.ok_or_else(|| self.fault(Why::Missing))
    }

    /// The contents of the next element, which must be there and have this tag.
    #[inline(always)]
    fn tagged(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let element = self.mandatory()?;
        if element.tag == tag { Ok(element.value) } else { Err(self.fault(Why::Missing)) }
    }

    /// The contents of the next element if it has this tag; else it stays.
    fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        if self.rest.peek() == Some(tag) {
            self.next().map(|next| next.map(|tlv| tlv.value))
        } else if self.rest.peek() == Some(tag ^ 0x20) {
            Err(self.fault(Why::Structure))
        } else {
            Ok(None)
        }
    }

    /// `value`, or the fault of a value out of its range here.
    #[inline(always)]
    fn value<T>(&self, value: Option<T>) -> Result<T, Malformed> {
        value.ok_or_else(|| self.fault(Why::Value))
    }
}

/// Of a place, not of the fields themselves, which stay in registers so.
#[cold]
fn fault_at(why: Why, offset: usize) -> Malformed {
    Malformed::new(Layer::Map, why as u8, offset)
}

/// An IMSI, or a subscriber identity in its form (TS 29.002 17.7.8): 3 to 8 octets of TBCD.
#[inline]
fn read_imsi(octets: &[u8]) -> Option<Imsi> {
    Imsi::new(tbcd::read(octets)?)
}

#[inline(always)]
fn put_imsi(w: &mut Prepend<'_>, tag: u8, imsi: Imsi) {
    // An IMSI has at most 15 digits.
    let (digits, octets) = tbcd::tail(imsi.digits(), 0xf).unwrap_or_default();
    w.tail(digits, octets);
    w.bytes(&[tag, octets as u8]);
}

/// An INTEGER or ENUMERATED of one octet's range.
fn read_u8(octets: &[u8]) -> Option<u8> {
    u8::try_from(ber::integer(octets)?).ok()
}

fn read_u16(octets: &[u8]) -> Option<u16> {
    u16::try_from(ber::integer(octets)?).ok()
}

fn read_u32(octets: &[u8]) -> Option<u32> {
    Reader::new(octets).u32().filter(|_| octets.len() == 4)
}

/// Puts a NULL in front, if `present`.
fn put_null(w: &mut Prepend<'_>, tag: u8, present: bool) {
    if present {
        w.bytes(&[tag, 0]);
    }
}

#[cfg(test)]
mod tests;
