//! Header names: their numbers, their spellings, and how a name on the wire is recognised.

use crate::codec::scan::{SHOWN, Vectors, Window};

macro_rules! names {
    ($($(#[doc = $about:literal])? $name:ident $text:literal $($compact:literal)?,)*) => {
        /// A header that this gateway reads or writes (RFC 3261 20, and the RFCs of its extensions).
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = concat!("`", $text, "`")] $name,)*
            /// Any other header.
            Other,
        }

        impl Name {
            /// How many names there are, [`Name::Other`] included.
            pub(super) const COUNT: usize = Self::Other as usize + 1;
            const ALL: [Self; Self::COUNT] = [$(Self::$name,)* Self::Other];
            const TEXTS: [&'static str; Self::COUNT] = [$($text,)* ""];
            const LINES: [&'static str; Self::COUNT] = [$(concat!($text, ": "),)* ": "];
            const COMPACT: &'static [(u8, Self)] = &[$($(($compact, Self::$name),)?)*];
        }
    };
}

names! {
    // Those that may stand once.
    From "From" b'f',
    To "To" b't',
    CallId "Call-ID" b'i',
    CSeq "CSeq",
    MaxForwards "Max-Forwards",
    ContentType "Content-Type" b'c',
    Expires "Expires",
    Event "Event" b'o',
    // Those that are read of some messages alone, the last four of hardly any.
    Contact "Contact" b'm',
    PAssertedIdentity "P-Asserted-Identity",
    Route "Route",
    RecordRoute "Record-Route",
    ContentEncoding "Content-Encoding" b'e',
    Require "Require",
    ProxyRequire "Proxy-Require",
    SubscriptionState "Subscription-State",
    // Those of every message, and those that are read when somebody asks.
    Via "Via" b'v',
    ContentLength "Content-Length" b'l',
    ContentDisposition "Content-Disposition",
    ContentTransferEncoding "Content-Transfer-Encoding",
    Path "Path",
    ServiceRoute "Service-Route",
    InReplyTo "In-Reply-To",
    PPreferredIdentity "P-Preferred-Identity",
    PAccessNetworkInfo "P-Access-Network-Info",
    PVisitedNetworkId "P-Visited-Network-ID",
    PChargingVector "P-Charging-Vector",
    PChargingFunctionAddresses "P-Charging-Function-Addresses",
    PAssociatedUri "P-Associated-URI",
    PCalledPartyId "P-Called-Party-ID",
    RequestDisposition "Request-Disposition" b'd',
    AcceptContact "Accept-Contact" b'a',
    RejectContact "Reject-Contact" b'j',
    Supported "Supported" b'k',
    Unsupported "Unsupported",
    AllowEvents "Allow-Events" b'u',
    Authorization "Authorization",
    WwwAuthenticate "WWW-Authenticate",
    Allow "Allow",
    Accept "Accept",
    AcceptEncoding "Accept-Encoding",
    RetryAfter "Retry-After",
    MinExpires "Min-Expires",
    Date "Date",
    Timestamp "Timestamp",
    UserAgent "User-Agent",
    Server "Server",
    Warning "Warning",
    Reason "Reason",
    Privacy "Privacy",
    FeatureCaps "Feature-Caps",
    MimeVersion "MIME-Version",
    Subject "Subject" b's',
    ReferTo "Refer-To" b'r',
    ReferredBy "Referred-By" b'b',
    SessionExpires "Session-Expires" b'x',
    Identity "Identity" b'y',
    IdentityInfo "Identity-Info" b'n',
    SipETag "SIP-ETag",
    SipIfMatch "SIP-If-Match",
    PServedUser "P-Served-User",
    PProfileKey "P-Profile-Key",
    FlowTimer "Flow-Timer",
    SecurityClient "Security-Client",
    SecurityServer "Security-Server",
    SecurityVerify "Security-Verify",
}

impl Name {
    /// The name in full, as we write it; empty for [`Name::Other`].
    #[must_use]
    pub fn text(self) -> &'static str {
        Self::TEXTS.get(self as usize).copied().unwrap_or("")
    }

    /// What a header line of ours begins with: the name, a colon and a space.
    pub(super) fn line(self) -> &'static str {
        Self::LINES.get(self as usize).copied().unwrap_or("")
    }

    /// How many names stand before all others that a message may have once.
    pub(super) const SINGLE: usize = 8;

    /// Whether a second header of this name makes a message malformed: two readers could pick different ones.
    pub(super) const fn is_single(self) -> bool {
        (self as usize) < Self::SINGLE
    }

    /// The name that reaches from the window's beginning to `colon`, a token, where a colon and a space must stand; `None` if
    /// they don't, or if it is empty or too long. What stands there may be a control character, too.
    #[inline(always)]
    pub(super) fn usual(vectors: Vectors, window: &Window<'_>, colon: usize) -> Option<Self> {
        let start = vectors.lowest(window.eight(0) | LOWER, 8 * colon);
        let known = KNOWN.get(known_place(start, colon))?;
        if vectors.same(window.block(0), &known.text) | known.beyond == u32::MAX {
            Some(known.name)
        } else {
            Self::seldom(window, colon)
        }
    }

    /// A name that no usual header has.
    #[cold]
    fn seldom(window: &Window<'_>, colon: usize) -> Option<Self> {
        let is_name = (1..SHOWN).contains(&colon) && window.four(colon) as u16 == u16::from_le_bytes(*b": ");
        is_name.then(|| Self::read(window.text(), colon))
    }

    /// The name spelt by the first `len` octets of `line`, in any case, in full or compact (RFC 3261 7.3.3).
    #[inline]
    pub(super) fn read(line: &[u8], len: usize) -> Self {
        if len == 1 {
            let letter = line.first().copied().unwrap_or(0).to_ascii_lowercase();
            return Self::compact(letter);
        }
        let Some(spelling) = Spelling::of(line, len) else { return Self::Other };
        let Some(&(name, ref known)) = TABLE.get(spelling.hash(MULTIPLIER)) else { return Self::Other };
        // A spelling covers 24 octets; a longer name is compared whole.
        let same = *known == spelling && (len <= 24 || same_text(name, line, len));
        if same { name } else { Self::Other }
    }

    fn compact(letter: u8) -> Self {
        Self::COMPACT.iter().find(|&&(form, _)| form == letter).map_or(Self::Other, |&(_, name)| name)
    }
}

fn same_text(name: Name, line: &[u8], len: usize) -> bool {
    line.get(..len).is_some_and(|spelt| spelt.eq_ignore_ascii_case(name.text().as_bytes()))
}

/// What recognises a name at once: its length and, in lower case, its first and last eight octets, and those after the
/// first eight if it has more than sixteen.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Spelling {
    len: u8,
    first: u64,
    middle: u64,
    last: u64,
}

/// The first eight octets, filled up with zeros at the end of a message.
#[cold]
fn padded(line: &[u8]) -> [u8; 8] {
    let mut padded = [0; 8];
    padded.iter_mut().zip(line).for_each(|(to, &from)| *to = from);
    padded
}

const LOWER: u64 = 0x2020_2020_2020_2020;

impl Spelling {
    #[inline]
    fn of(line: &[u8], len: usize) -> Option<Self> {
        let first = u64::from_le_bytes(line.first_chunk().copied().unwrap_or_else(|| padded(line))) | LOWER;
        let short = u8::try_from(len).ok()?;
        if len < 8 {
            let first = first & ((1 << (8 * len)) - 1);
            return Some(Self { len: short, first, middle: 0, last: first });
        }
        let middle = match len {
            0..=16 => 0,
            _ => u64::from_le_bytes(*line.get(8..)?.first_chunk::<8>()?) | LOWER,
        };
        let last = u64::from_le_bytes(*line.get(..len)?.last_chunk::<8>()?) | LOWER;
        Some(Self { len: short, first, middle, last })
    }

    #[allow(clippy::indexing_slicing)] // evaluated at compile time
    const fn of_text(text: &str) -> Self {
        let bytes = text.as_bytes();
        let len = bytes.len();
        let (mut first, mut middle, mut last) = (0, 0, 0);
        let mut at = 0;
        while at < len && at < 8 {
            first |= ((bytes[at] | 0x20) as u64) << (8 * at);
            last |= ((bytes[if len < 8 { at } else { len - 8 + at }] | 0x20) as u64) << (8 * at);
            if len > 16 {
                middle |= ((bytes[8 + at] | 0x20) as u64) << (8 * at);
            }
            at += 1;
        }
        Self { len: len as u8, first, middle, last }
    }

    #[inline]
    const fn hash(&self, multiplier: u64) -> usize {
        let mixed = self.first ^ self.last.rotate_left(21) ^ self.len as u64;
        (mixed.wrapping_mul(multiplier) >> 55) as usize
    }
}

/// A name in the table of those that are found at once, in lower case with its colon and a space.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Known {
    text: [u8; 32],
    /// A bit for each octet beyond the space.
    beyond: u32,
    name: Name,
}

/// This multiplier gives every name and compact form a place of its own, but that two of those that begin with
/// `Security-` have none.
const KNOWN_MULTIPLIER: u64 = 0x0d67_585b_3335_6a91;

/// The place of a name with these first octets, eight at the most, in lower case, and that length.
#[inline(always)]
const fn known_place(start: u64, len: usize) -> usize {
    ((start ^ len as u64).wrapping_mul(KNOWN_MULTIPLIER) >> 56) as usize
}

#[allow(clippy::indexing_slicing)] // evaluated at compile time
static KNOWN: [Known; 256] = {
    let mut table = [Known { text: [0; 32], beyond: 0, name: Name::Other }; 256];
    let mut at = 0;
    while at < Name::COUNT - 1 {
        if !matches!(Name::ALL[at], Name::SecurityServer | Name::SecurityVerify) {
            know(&mut table, Name::TEXTS[at].as_bytes(), Name::ALL[at]);
        }
        at += 1;
    }
    at = 0;
    while at < Name::COMPACT.len() {
        know(&mut table, &[Name::COMPACT[at].0], Name::COMPACT[at].1);
        at += 1;
    }
    table
};

#[allow(clippy::indexing_slicing)] // evaluated at compile time
const fn know(table: &mut [Known; 256], text: &[u8], name: Name) {
    let mut known = Known { text: [0; 32], beyond: u32::MAX << (text.len() + 2), name };
    let (mut at, mut start) = (0, 0);
    while at < text.len() {
        known.text[at] = text[at] | 0x20;
        if at < 8 {
            start |= (known.text[at] as u64) << (8 * at);
        }
        at += 1;
    }
    known.text[at] = b':';
    known.text[at + 1] = b' ';
    let place = known_place(start, text.len());
    assert!(matches!(table[place].name, Name::Other), "two names in one place");
    table[place] = known;
}

const TABLE_SIZE: usize = 512;

/// The first multiplier that gives every name a place of its own.
#[allow(clippy::indexing_slicing)] // evaluated at compile time
const MULTIPLIER: u64 = {
    let mut multiplier: u64 = 0x9e37_79b9_7f4a_7c15;
    loop {
        let mut taken = [false; TABLE_SIZE];
        let mut at = 0;
        let mut clash = false;
        while at < Name::COUNT - 1 {
            let place = Spelling::of_text(Name::TEXTS[at]).hash(multiplier);
            if taken[place] {
                clash = true;
                break;
            }
            taken[place] = true;
            at += 1;
        }
        if !clash {
            break multiplier;
        }
        multiplier = multiplier.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(2);
    }
};

#[allow(clippy::indexing_slicing)] // evaluated at compile time
static TABLE: [(Name, Spelling); TABLE_SIZE] = {
    let mut table = [(Name::Other, Spelling { len: 0, first: 0, middle: 0, last: 0 }); TABLE_SIZE];
    let mut at = 0;
    while at < Name::COUNT - 1 {
        let spelling = Spelling::of_text(Name::TEXTS[at]);
        table[spelling.hash(MULTIPLIER)] = (Name::ALL[at], spelling);
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Name {
        Name::read(format!("{name}: padding").as_bytes(), name.len())
    }

    #[test]
    fn every_name_is_known_in_any_case_and_nothing_else_is() {
        for (at, text) in Name::TEXTS.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            for spelt in [text.to_string(), text.to_lowercase(), text.to_uppercase()] {
                assert_eq!(read(&spelt), Name::ALL[at], "{spelt}");
            }
            for wrong in 0..text.len() {
                let mut changed = text.as_bytes().to_vec();
                changed[wrong] = b'~';
                assert_eq!(read(std::str::from_utf8(&changed).unwrap()), Name::Other);
            }
            assert_eq!(read(&format!("{text}x")), Name::Other);
        }
        assert_eq!(read(&"x".repeat(300)), Name::Other);
        assert_eq!(read("X-Something-Else"), Name::Other);
    }

    #[test]
    fn compact_forms_are_those_of_the_registry() {
        let forms = [
            ("v", Name::Via),
            ("f", Name::From),
            ("t", Name::To),
            ("i", Name::CallId),
            ("m", Name::Contact),
            ("l", Name::ContentLength),
            ("c", Name::ContentType),
            ("e", Name::ContentEncoding),
            ("k", Name::Supported),
            ("o", Name::Event),
            ("u", Name::AllowEvents),
            ("a", Name::AcceptContact),
            ("d", Name::RequestDisposition),
            ("j", Name::RejectContact),
            ("r", Name::ReferTo),
            ("b", Name::ReferredBy),
            ("s", Name::Subject),
            ("x", Name::SessionExpires),
            ("y", Name::Identity),
            ("n", Name::IdentityInfo),
        ];
        for (form, name) in forms {
            assert_eq!(read(form), name);
            assert_eq!(read(&form.to_uppercase()), name);
        }
        assert_eq!(read("z"), Name::Other);
        assert_eq!(read("g"), Name::Other);
    }
}
