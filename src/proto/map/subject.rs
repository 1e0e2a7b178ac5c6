//! Whom an operation is about, read from the beginning of its argument: enough to screen it by, before the rest is read.

use super::{AddressString, Fields, SmRpOa, read_imsi};
use crate::ident::{Digits, Imsi};

/// The subscriber of an operation whose argument begins with an IMSI, as those between HLR and VLR or SGSN do: alone, first in
/// the argument, or first in an identity that stands there (TS 29.002 17.7.1). `None` if there is none.
#[must_use]
pub fn subscriber(argument: &[u8]) -> Option<Imsi> {
    let mut element = Fields::new(argument).mandatory().ok()?;
    // The argument, an identity in it, and the IMSI in that.
    for _ in 0..2 {
        match element.tag {
            0x04 | 0x80 => break,
            0x30 | 0xa3 => element = Fields::new(element.value).mandatory().ok()?,
            _ => return None,
        }
    }
    if matches!(element.tag, 0x04 | 0x80) { read_imsi(element.value) } else { None }
}

/// The number of the HLR that a reset comes from; version 1 may name a resource before it.
#[must_use]
pub fn resetting_node(argument: &[u8]) -> Option<Digits> {
    let mut fields = Fields::of(argument, 0x30).ok()?;
    let mut element = fields.mandatory().ok()?;
    if element.tag == 0x0a {
        element = fields.mandatory().ok()?;
    }
    if element.tag != 0x04 {
        return None;
    }
    AddressString::read(element.value).map(|number| number.digits)
}

/// Whether the SM-RP-DA of a forwardSM names a service centre.
#[must_use]
pub fn goes_to_service_centre(argument: &[u8]) -> bool {
    match argument {
        // As almost all are spelt.
        [0x30, ..=0x7f, to, ..] | [0x30, 0x81, _, to, ..] => *to == 0x84,
        _ => Fields::of(argument, 0x30)
            .and_then(|mut fields| fields.mandatory())
            .is_ok_and(|to| to.tag == 0x84),
    }
}

/// The service centre that a short message to a subscriber comes from, SM-RP-OA. `None` if it names none, being one more
/// message of a dialogue, or can't be read.
#[must_use]
pub fn service_centre(argument: &[u8]) -> Option<Digits> {
    let mut fields = Fields::of(argument, 0x30).ok()?;
    fields.mandatory().ok()?;
    match SmRpOa::read(&mut fields).ok()? {
        SmRpOa::ServiceCentre(number) => Some(number.digits),
        SmRpOa::Msisdn(_) | SmRpOa::None => None,
    }
}
