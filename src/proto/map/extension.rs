//! Private extensions in extension containers (TS 29.002 17.7.11): what TR 23.804 adds to the operations and no version
//! of them ever coded. Each stands under a number of its own below one arc of object identifiers, which an operator
//! configures in all nodes that shall understand each other; without an arc there are none.
//!
//! ```text
//! ExtensionContainer ::= SEQUENCE { privateExtensionList [0] SEQUENCE OF PrivateExtension OPTIONAL, pcs-Extensions [1] }
//! PrivateExtension   ::= SEQUENCE { extId OBJECT IDENTIFIER, extType ANY DEFINED BY extId OPTIONAL }
//! ```

use core::str::FromStr;

use super::Fields;
use crate::base::Inline;
use crate::codec::{Prepend, Reader, ber};

/// The contents of a whole ExtensionContainer, kept as they came and written back so: what somebody else put there is not
/// lost on its way through us. Empty if there is none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Extension<'a>(&'a [u8]);

impl<'a> Extension<'a> {
    /// No container.
    pub const NONE: Self = Self(&[]);

    /// From the contents of a container.
    #[must_use]
    pub const fn new(contents: &'a [u8]) -> Self {
        Self(contents)
    }

    /// Puts the container in front under `tag`, if there is one.
    #[inline(always)]
    pub(super) fn put(self, w: &mut Prepend<'_>, tag: u8) {
        if !self.0.is_empty() {
            w.aside(|w| ber::put(w, tag, self.0));
        }
    }
}

/// IP-messaging support of the SMS-GMSC, a NULL in sendRoutingInfoForSM (8.4 step 3, H-3).
pub(super) const IP_MESSAGING: u8 = 1;
/// Type of the service centre, an ENUMERATED in reportSM-DeliveryStatus (8.5 step 8).
pub(super) const SMSC_TYPE: u8 = 2;

/// The longest arc, in octets of its value.
const MAX_ARC: usize = 24;

/// An arc of object identifiers: what the identifiers of all our extensions begin with.
#[derive(Clone, Copy)]
pub struct Arc(Inline<MAX_ARC>);

/// Why a text is no arc.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAnArc;

impl core::fmt::Debug for Arc {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Arc").field(&&*self.0).finish()
    }
}

impl core::fmt::Display for NotAnArc {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("numbers with dots between them, such as 1.3.6.1.4.1.32473.7")
    }
}

impl core::error::Error for NotAnArc {}

impl FromStr for Arc {
    type Err = NotAnArc;

    /// From the dotted form. The first number is 0 to 2, the second below 40 under 0 and 1 (ITU-T X.660).
    fn from_str(text: &str) -> Result<Self, NotAnArc> {
        let mut numbers = text.split('.').map(|number| match number.as_bytes() {
            [b'0'..=b'9', ..] => number.parse::<u32>().map_err(|_| NotAnArc),
            _ => Err(NotAnArc),
        });
        let first = numbers.next().ok_or(NotAnArc)??;
        let second = numbers.next().ok_or(NotAnArc)??;
        if first > 2 || first < 2 && second >= 40 {
            return Err(NotAnArc);
        }
        let mut octets = Vec::new();
        push(&mut octets, (first * 40).checked_add(second).ok_or(NotAnArc)?);
        for number in numbers {
            push(&mut octets, number?);
        }
        Inline::new(&octets).map(Self).ok_or(NotAnArc)
    }
}

/// Appends a subidentifier: base 128, all octets but the last with their highest bit set (X.690 8.19.2).
fn push(octets: &mut Vec<u8>, number: u32) {
    let more = (1..5).rev().map(|place| number >> (7 * place)).skip_while(|&rest| rest == 0);
    octets.extend(more.map(|rest| rest as u8 | 0x80));
    octets.push(number as u8 & 0x7f);
}

impl Arc {
    /// The value of extension `number` in an ExtensionContainer's contents: `Some` with one element, or nothing, if the
    /// extension is there. A container that can't be read has no extensions: no operation depends on one.
    pub(super) fn find<'a>(&self, container: &'a [u8], number: u8) -> Option<&'a [u8]> {
        let mut container = Fields::new(container);
        let mut list = Fields::new(container.optional(0xa0).ok()??);
        while let Some(extension) = list.next().ok()? {
            let mut parts = Reader::new(extension.value);
            let id = ber::read_tag(&mut parts, 0x06)?;
            if id.split_last() == Some((&number, &*self.0)) {
                return Some(parts.rest());
            }
        }
        None
    }

    /// Puts an ExtensionContainer of one extension in front, under `tag`; `value` is one element or nothing.
    pub(super) fn put(&self, w: &mut Prepend<'_>, tag: u8, number: u8, value: &[u8]) {
        let mark = w.len();
        w.bytes(value);
        let id = w.len();
        w.u8(number);
        w.bytes(&self.0);
        ber::wrap(w, 0x06, id);
        ber::wrap(w, 0x30, mark);
        ber::wrap(w, 0xa0, mark);
        ber::wrap(w, tag, mark);
    }
}

/// What kind of service centre has a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum SmscType {
    /// For short messages.
    Normal = 0,
    /// Of a voice mail server.
    VoiceMail = 1,
    /// Of a video mail server.
    VideoMail = 2,
}

impl SmscType {
    /// From an extension's value, which is ENUMERATED; one that is not known says nothing.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        match ber::integer(ber::read_tag(&mut Reader::new(value), 0x0a)?)? {
            0 => Some(Self::Normal),
            1 => Some(Self::VoiceMail),
            2 => Some(Self::VideoMail),
            _ => None,
        }
    }

    /// An extension's value.
    pub(super) const fn value(self) -> [u8; 3] {
        [0x0a, 1, self as u8]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(text: &str) -> Option<Vec<u8>> {
        text.parse::<Arc>().ok().map(|arc| arc.0.to_vec())
    }

    #[test]
    fn arcs_have_their_octets() {
        assert_eq!(octets("1.3.6.1.4.1.32473.7"), Some(vec![0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59, 7]));
        assert_eq!(octets("2.999"), Some(vec![0x88, 0x37]));
        assert_eq!(octets("0.0.0"), Some(vec![0, 0]));
        assert_eq!(octets("1.39.4294967295"), Some(vec![79, 0x8f, 0xff, 0xff, 0xff, 0x7f]));
        let long = format!("1.3{}", ".1".repeat(24));
        let wrong = ["", "1", "1.", ".1", "3.1", "1.40", "1.3.x", "1.3.+4", "1.3.4294967296", "2.4294967295"];
        for text in wrong.into_iter().chain([&*long]) {
            assert_eq!(octets(text), None, "{text}");
        }
    }

    #[test]
    fn others_extensions_are_passed_over() {
        let arc: Arc = "2.999".parse().unwrap();
        let other: Arc = "2.999.1".parse().unwrap();
        let find = |container: &[u8]| arc.find(container, 5).map(<[u8]>::to_vec);
        let entry = |arc: &Arc, number| {
            let mut buffer = [0; 64];
            let mut w = Prepend::new(&mut buffer);
            arc.put(&mut w, 0x30, number, &[5, 0]);
            w.finish().unwrap()[4..].to_vec()
        };
        let ours = entry(&arc, 5);
        let container = |entries: &[&[u8]]| {
            let list = entries.concat();
            [&[0xa0, list.len() as u8], &*list, &[0xa1, 0]].concat()
        };
        assert_eq!(find(&container(&[&entry(&arc, 4), &entry(&other, 5), &ours])), Some(vec![5, 0]));
        assert_eq!(find(&container(&[&entry(&arc, 4), &entry(&other, 5)])), None);
        assert_eq!(find(&container(&[&[0x30, 5, 6, 3, 0x88, 0x37, 5]])), Some(vec![]), "without a type");
        assert_eq!(find(&[0xa1, 0]), None, "no list");
        assert_eq!(find(&container(&[&[0x30, 0], &ours])), None, "one without an id");
    }

    #[test]
    fn types_of_service_centres_that_are_not_known_say_nothing() {
        for kind in [SmscType::Normal, SmscType::VoiceMail, SmscType::VideoMail] {
            assert_eq!(SmscType::read(&kind.value()), Some(kind));
        }
        for other in [&[0x0a, 1, 3][..], &[2, 1, 0], &[0x0a, 0], &[]] {
            assert_eq!(SmscType::read(other), None);
        }
    }
}
