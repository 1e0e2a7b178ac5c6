//! `[sip.limits]`: how much of everything a SIP message may have.

use crate::proto::sip::{self, multipart};
use serde::Deserialize;
use std::ops::RangeInclusive;

/// `[sip.limits]`. A request that is beyond one of them is refused with 400, a response is dropped; both are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SipLimits {
    /// Octets of a message: 1,500 to 65,535. Default 65,535.
    pub message: u16,
    /// Header lines: 16 to 128; a folded one counts once. Default 128.
    pub headers: u8,
    /// Octets of a header line, folds included: 256 to 65,535. Default 8,192.
    pub header: u16,
    /// Octets of a Request-URI: 64 to 65,535. Default 2,048.
    pub uri: u16,
    /// Via values, which each response has all of: 1 to 255. Default 70, as many as a request has hops.
    pub vias: u8,
    /// Values of each header that lists addresses or names, such as Contact, Route and P-Asserted-Identity: 2 to 255.
    /// Default 16.
    pub contacts: u8,
    /// Parameters of one header value: 8 to 255. Default 64.
    pub parameters: u8,
    /// Parts of a multipart body, those of parts of parts included: 1 to 32. Default 8.
    pub parts: u8,
    /// How deep multipart bodies stand in each other: 1 to 4. Default 2.
    pub depth: u8,
    /// Octets of a Call-ID: 64 to 65,535. Default 1,024.
    pub call_id: u16,
}

impl Default for SipLimits {
    fn default() -> Self {
        let sip::Limits { message, headers, header, uri, vias, contacts, parameters, parts, depth, call_id } =
            sip::Limits::DEFAULT;
        Self { message, headers, header, uri, vias, contacts, parameters, parts, depth, call_id }
    }
}

impl SipLimits {
    /// What the parser is given.
    #[must_use]
    pub const fn of_messages(&self) -> sip::Limits {
        let Self { message, headers, header, uri, vias, contacts, parameters, parts, depth, call_id } = *self;
        sip::Limits { message, headers, header, uri, vias, contacts, parameters, parts, depth, call_id }
    }

    /// Shows each key with its value and the range that it must be in.
    pub(super) fn check(&self, mut range: impl FnMut(&'static str, usize, RangeInclusive<usize>)) {
        range("message", self.message.into(), 1500..=65_535);
        range("headers", self.headers.into(), 16..=sip::MAX_HEADERS);
        range("header", self.header.into(), 256..=65_535);
        range("uri", self.uri.into(), 64..=65_535);
        range("vias", self.vias.into(), 1..=255);
        range("contacts", self.contacts.into(), 2..=255);
        range("parameters", self.parameters.into(), 8..=255);
        range("parts", self.parts.into(), 1..=multipart::MAX_PARTS);
        range("depth", self.depth.into(), 1..=multipart::MAX_DEPTH);
        range("call_id", self.call_id.into(), 64..=65_535);
    }
}
