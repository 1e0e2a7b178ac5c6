//! A checked SIP message in place (RFC 3261 7): where its lines are, and that what every message must have is there.

use super::headers::{MediaType, NameAddr, Via, take_value};
use super::name::Name;
use super::scan::{
    control, decimal, has_lws, has_scheme, is_lws, is_token, is_uri_text, seconds, skip_lws, split_once, trim,
};
use crate::base::{Layer, Malformed};

/// The most header lines of a message.
pub const MAX_HEADERS: usize = 64;
/// The longest header, folds included, in octets.
const MAX_HEADER: usize = 8192;
/// The longest Request-URI, in octets.
const MAX_URI: usize = 2048;

/// Why a message is malformed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Why {
    /// Nothing but line ends: a keep-alive (RFC 5626 4.4.1).
    Empty,
    /// Longer than a datagram, or a header or URI longer than we read.
    TooLong,
    /// Neither a request line nor a status line.
    StartLine,
    /// A version other than SIP/2.0: 505.
    Version,
    /// The Request-URI has octets that no URI has, or no scheme.
    RequestUri,
    /// A status code outside 100..=699.
    Status,
    /// A control character, or a CR or LF that doesn't end a line.
    Control,
    /// No empty line after the headers.
    Unfinished,
    /// A line without a colon, a name that is no token, or a fold with nothing before it.
    HeaderLine,
    /// More header lines than we read.
    TooManyHeaders,
    /// Two headers of a name that may stand once.
    Duplicate,
    /// No Via, or the topmost one can't be read.
    Via,
    /// No From, or not one address.
    From,
    /// No To, or not one address.
    To,
    /// No Call-ID, or an empty one.
    CallId,
    /// No CSeq, or not a number and a method.
    CSeq,
    /// CSeq names another method than the request line.
    CSeqMethod,
    /// Max-Forwards is no number up to 255.
    MaxForwards,
    /// Content-Length is no number, or two of them differ.
    ContentLength,
    /// Content-Length is more than the datagram holds.
    Truncated,
    /// A multipart body without a boundary, with too many parts, or that doesn't end.
    Multipart,
}

/// The names of [`Why`], by number. They also serve as reason phrases of a 400.
pub const WHY: &[&str] = &[
    "Keep-Alive",
    "Too Long",
    "Bad Start Line",
    "Version Not Supported",
    "Bad Request-URI",
    "Bad Status Code",
    "Control Character In Header",
    "Headers Don't End",
    "Bad Header Line",
    "Too Many Headers",
    "Repeated Header",
    "Bad Or Missing Via",
    "Bad Or Missing From",
    "Bad Or Missing To",
    "Bad Or Missing Call-ID",
    "Bad Or Missing CSeq",
    "CSeq Method Differs",
    "Bad Max-Forwards",
    "Bad Content-Length",
    "Content-Length Too Great",
    "Bad Multipart Body",
];

impl Why {
    pub(super) const fn at(self, offset: usize) -> Malformed {
        Malformed::new(Layer::Sip, self as u8, offset)
    }
}

/// Where one header is in its message.
#[derive(Clone, Copy, Debug)]
struct Slot {
    name: Name,
    folded: bool,
    /// Start of the line.
    line: u16,
    /// Start and end of the value, without white space around it.
    value: u16,
    end: u16,
}

/// Room for the places of a message's headers, given by the caller so that nothing is allocated or cleared.
#[derive(Debug)]
pub struct Slots {
    slots: [Slot; MAX_HEADERS],
    len: usize,
    /// The first slot of each name, or `NONE`.
    first: [u8; Name::COUNT],
    /// A bit for each name that has more than one.
    repeated: u64,
}

const _: () = assert!(Name::COUNT <= 64);

const NONE: u8 = u8::MAX;

impl Slots {
    /// Empty room.
    #[must_use]
    pub const fn new() -> Self {
        let slot = Slot { name: Name::Other, folded: false, line: 0, value: 0, end: 0 };
        Self { slots: [slot; MAX_HEADERS], len: 0, first: [NONE; Name::COUNT], repeated: 0 }
    }

    fn clear(&mut self) {
        self.len = 0;
        self.first = [NONE; Name::COUNT];
        self.repeated = 0;
    }

    fn all(&self) -> &[Slot] {
        self.slots.get(..self.len).unwrap_or(&[])
    }

    /// The first slot of that name.
    fn first(&self, name: Name) -> Option<&Slot> {
        let first = self.first.get(name as usize).copied().unwrap_or(NONE);
        self.all().get(usize::from(first))
    }

    /// The slots of that name, in order.
    fn named(&self, name: Name) -> impl Iterator<Item = &Slot> {
        let first = usize::from(self.first.get(name as usize).copied().unwrap_or(NONE));
        let end = if self.is_repeated(name) { self.len } else { first + 1 };
        self.slots.get(first..end).unwrap_or(&[]).iter().filter(move |slot| slot.name == name)
    }

    fn is_repeated(&self, name: Name) -> bool {
        self.repeated >> name as u64 & 1 != 0
    }

    fn push(&mut self, slot: Slot) -> Result<(), Why> {
        let Some(place) = self.slots.get_mut(self.len) else { return Err(Why::TooManyHeaders) };
        *place = slot;
        if let Some(first) = self.first.get_mut(slot.name as usize) {
            if *first == NONE {
                *first = self.len as u8;
            } else if slot.name.is_single() {
                return Err(Why::Duplicate);
            } else {
                self.repeated |= 1 << slot.name as u64;
            }
        }
        self.len += 1;
        Ok(())
    }

    /// Appends a continuation line that ends at `end` to the last header.
    fn extend(&mut self, bytes: &[u8], end: usize) -> Result<(), Why> {
        let slot =
            self.len.checked_sub(1).and_then(|last| self.slots.get_mut(last)).ok_or(Why::HeaderLine)?;
        let value = trim(bytes.get(usize::from(slot.value)..end).unwrap_or(&[]));
        let start = end - skip_lws(bytes.get(usize::from(slot.value)..end).unwrap_or(&[])).len();
        if end - usize::from(slot.line) > MAX_HEADER {
            return Err(Why::TooLong);
        }
        slot.value = start as u16;
        slot.end = (start + value.len()) as u16;
        slot.folded = true;
        Ok(())
    }

    /// Finds the header lines from `start` to the empty line. Gives the offset after the empty line.
    fn fill(&mut self, bytes: &[u8], start: usize) -> Result<usize, Malformed> {
        let mut rest = bytes.get(start..).unwrap_or(&[]);
        loop {
            let at = bytes.len() - rest.len();
            let (line, after) = take_line(rest, at)?;
            match line.first() {
                None => return Ok(at + 2),
                Some(b' ' | b'\t') => self.extend(bytes, at + line.len()).map_err(|why| why.at(at))?,
                _ => self.header(line, at).map_err(|why| why.at(at))?,
            }
            rest = after;
        }
    }

    /// The same, but passes over what can't be read.
    fn fill_leniently(&mut self, bytes: &[u8], start: usize) {
        let mut rest = bytes.get(start..).unwrap_or(&[]);
        while let Ok((line, after)) = take_line(rest, 0) {
            let at = bytes.len() - rest.len();
            let _unread = match line.first() {
                None => return,
                Some(b' ' | b'\t') => self.extend(bytes, at + line.len()),
                _ => self.header(line, at),
            };
            rest = after;
        }
    }

    /// Notes the header line at `at`.
    #[inline(always)]
    fn header(&mut self, line: &[u8], at: usize) -> Result<(), Why> {
        let (before, value) = split_once(line, b':').ok_or(Why::HeaderLine)?;
        if line.len() > MAX_HEADER {
            return Err(Why::TooLong);
        }
        // White space may stand before the colon (RFC 3261 7.3.1).
        let mut name = before;
        while let [spelt @ .., last] = name
            && is_lws(*last)
        {
            name = spelt;
        }
        let known = Name::read(line, name.len());
        if known == Name::Other && !is_token(name) {
            return Err(Why::HeaderLine);
        }
        let end = at + line.len();
        let (start, end) = match value {
            [b' ', first, .., last] if !is_lws(*first) && !is_lws(*last) => (end + 1 - value.len(), end),
            _ => {
                let start = end - skip_lws(value).len();
                (start, start + trim(value).len())
            }
        };
        self.push(Slot { name: known, folded: false, line: at as u16, value: start as u16, end: end as u16 })
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self::new()
    }
}

/// Splits `text`, which is at `at` in its message, after its first line, which loses its CR LF; a tab is the only other
/// control character allowed.
#[inline(always)]
fn take_line(text: &[u8], at: usize) -> Result<(&[u8], &[u8]), Malformed> {
    match text.split_at_checked(control(text, 0)) {
        Some((line, [b'\r', b'\n', after @ ..])) => Ok((line, after)),
        _ => take_line_with_tabs(text, at),
    }
}

/// The same of one that may have tabs.
#[cold]
fn take_line_with_tabs(text: &[u8], at: usize) -> Result<(&[u8], &[u8]), Malformed> {
    let mut end = 0;
    loop {
        end = control(text, end);
        match text.split_at_checked(end) {
            Some((line, [b'\r', b'\n', after @ ..])) => return Ok((line, after)),
            Some((_, [b'\t', ..])) => end += 1,
            Some((_, [_, _, ..])) => return Err(Why::Control.at(at + end)),
            _ => return Err(Why::Unfinished.at(at + end)),
        }
    }
}

/// A request's method; names are compared with regard to case (RFC 3261 7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method<'a> {
    /// REGISTER
    Register,
    /// MESSAGE (RFC 3428)
    Message,
    /// OPTIONS
    Options,
    /// PUBLISH (RFC 3903)
    Publish,
    /// SUBSCRIBE (RFC 6665)
    Subscribe,
    /// NOTIFY (RFC 6665)
    Notify,
    /// ACK, which is never answered
    Ack,
    /// Any other
    Other(&'a [u8]),
}

impl<'a> Method<'a> {
    fn read(text: &'a [u8]) -> Self {
        match text {
            b"REGISTER" => Self::Register,
            b"MESSAGE" => Self::Message,
            b"OPTIONS" => Self::Options,
            b"PUBLISH" => Self::Publish,
            b"SUBSCRIBE" => Self::Subscribe,
            b"NOTIFY" => Self::Notify,
            b"ACK" => Self::Ack,
            other => Self::Other(other),
        }
    }

    /// The method's name.
    #[must_use]
    pub const fn text(self) -> &'a [u8] {
        match self {
            Self::Register => b"REGISTER",
            Self::Message => b"MESSAGE",
            Self::Options => b"OPTIONS",
            Self::Publish => b"PUBLISH",
            Self::Subscribe => b"SUBSCRIBE",
            Self::Notify => b"NOTIFY",
            Self::Ack => b"ACK",
            Self::Other(other) => other,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Start<'a> {
    Request { method: Method<'a>, uri: &'a [u8] },
    Response { status: u16 },
}

/// A well-formed message: it has a start line, a topmost Via, From, To, Call-ID and CSeq that can be read, at most one
/// Max-Forwards, and a body that agrees with Content-Length.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    slots: &'a Slots,
    start: Start<'a>,
    top_via: Via<'a>,
    from: NameAddr<'a>,
    to: NameAddr<'a>,
    call_id: &'a [u8],
    cseq: u32,
    cseq_method: Method<'a>,
    max_forwards: Option<u8>,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    /// The message in a datagram. The body is what Content-Length says, or, without it, the rest (RFC 3261 18.3);
    /// octets after it are ignored. A Content-Length beyond the datagram, or two that differ, are refused.
    pub fn parse(bytes: &'a [u8], slots: &'a mut Slots) -> Result<Self, Malformed> {
        let (start, body_at) = index(bytes, slots)?;
        let slots: &'a Slots = slots;
        let headers = Headers { bytes, slots };
        let (at, value) = headers.first(Name::Via);
        let top_via = Via::parse(value).ok_or(Why::Via.at(at))?;
        let (at, value) = headers.first(Name::From);
        let from = NameAddr::parse(value).ok_or(Why::From.at(at))?;
        let (at, value) = headers.first(Name::To);
        let to = NameAddr::parse(value).ok_or(Why::To.at(at))?;
        let (at, call_id) = headers.first(Name::CallId);
        if call_id.is_empty() || has_lws(call_id) {
            return Err(Why::CallId.at(at));
        }
        let (at, value) = headers.first(Name::CSeq);
        let (cseq, cseq_method) = read_cseq(value).ok_or(Why::CSeq.at(at))?;
        if let Start::Request { method, .. } = start
            && method != cseq_method
        {
            return Err(Why::CSeqMethod.at(at));
        }
        let (at, value) = headers.first(Name::MaxForwards);
        let max_forwards = match at {
            0 => None,
            _ => {
                Some(decimal(value).and_then(|hops| u8::try_from(hops).ok()).ok_or(Why::MaxForwards.at(at))?)
            }
        };
        let body = headers.body(body_at)?;
        Ok(Self { bytes, slots, start, top_via, from, to, call_id, cseq, cseq_method, max_forwards, body })
    }

    fn headers(&self) -> Headers<'a> {
        Headers { bytes: self.bytes, slots: self.slots }
    }

    pub(super) fn fragment(&self) -> Fragment<'a> {
        Fragment { headers: self.headers(), top_via: self.top_via, lacks_to_tag: self.to.tag().is_none() }
    }

    /// Whether this is a request.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// The request's method; of a response, that of the request it answers.
    #[must_use]
    pub const fn method(&self) -> Method<'a> {
        self.cseq_method
    }

    /// The Request-URI; empty for a response.
    #[must_use]
    pub const fn request_uri(&self) -> &'a [u8] {
        match self.start {
            Start::Request { uri, .. } => uri,
            Start::Response { .. } => &[],
        }
    }

    /// The status code, 100..=699; `None` for a request.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status } => Some(status),
        }
    }

    /// The Call-ID.
    #[must_use]
    pub const fn call_id(&self) -> &'a [u8] {
        self.call_id
    }

    /// From. Its tag is absent only if the sender is older than RFC 3261.
    #[must_use]
    pub const fn from(&self) -> NameAddr<'a> {
        self.from
    }

    /// To.
    #[must_use]
    pub const fn to(&self) -> NameAddr<'a> {
        self.to
    }

    /// CSeq: the number and the method.
    #[must_use]
    pub const fn cseq(&self) -> (u32, Method<'a>) {
        (self.cseq, self.cseq_method)
    }

    /// The topmost Via.
    #[must_use]
    pub const fn top_via(&self) -> Via<'a> {
        self.top_via
    }

    /// Whether there is exactly one Via value, as in a response to a request of ours (RFC 3261 8.1.3.3).
    #[must_use]
    pub fn has_one_via(&self) -> bool {
        self.top_via.rest.is_empty() && !self.slots.is_repeated(Name::Via)
    }

    /// Max-Forwards.
    #[must_use]
    pub const fn max_forwards(&self) -> Option<u8> {
        self.max_forwards
    }

    /// Expires in seconds; too great a number counts as the greatest, anything that is no number as absent
    /// (RFC 3261 20.19, 10.3).
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        seconds(self.header(Name::Expires)?)
    }

    /// Min-Expires in seconds, as [`Message::expires`] (RFC 3261 20.23).
    #[must_use]
    pub fn min_expires(&self) -> Option<u32> {
        seconds(self.header(Name::MinExpires)?)
    }

    /// Content-Type, if there is one and it is a media type.
    #[must_use]
    pub fn content_type(&self) -> Option<MediaType<'a>> {
        MediaType::parse(self.header(Name::ContentType)?)
    }

    /// The body: octets of any value.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The whole value of the first header line of that name, without white space around it. A folded value still has
    /// its line ends, each followed by white space. [`Name::Other`] finds nothing.
    #[must_use]
    pub fn header(&self, name: Name) -> Option<&'a [u8]> {
        let slot = self.slots.first(name).filter(|_| name != Name::Other)?;
        Some(self.headers().value(slot))
    }

    /// The whole values of all header lines of that name, each as [`Message::header`] gives the first.
    pub fn lines(&self, name: Name) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let headers = self.headers();
        let slots = (name != Name::Other).then(|| headers.slots.named(name));
        slots.into_iter().flatten().map(move |slot| headers.value(slot))
    }

    /// The comma-separated values of all header lines of that name, in order (RFC 3261 7.3.1). Commas inside quotes and
    /// angle brackets don't separate. Not for headers whose grammar has commas of its own: Date, Authorization,
    /// WWW-Authenticate.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.lines(name).flat_map(|line| {
            let mut rest = line;
            core::iter::from_fn(move || take_value(&mut rest))
        })
    }
}

/// One header's value and whether it has line ends in it.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) value: &'a [u8],
    pub(super) folded: bool,
}

/// What is needed to answer a request, malformed or not.
#[derive(Clone, Copy)]
pub(super) struct Fragment<'a> {
    headers: Headers<'a>,
    pub(super) top_via: Via<'a>,
    /// To can be read and has no tag yet.
    pub(super) lacks_to_tag: bool,
}

impl<'a> Fragment<'a> {
    /// What can be answered of a malformed message; `None` for a response, an ACK, or when no Via says where to.
    pub(super) fn salvage(bytes: &'a [u8], slots: &'a mut Slots) -> Option<Self> {
        slots.clear();
        let start = bytes.len() - skip_lws(bytes).len();
        let (line, rest) = take_line(bytes.get(start..)?, start).ok()?;
        let (first, _) = split_once(line, b' ')?;
        if bytes.len() > usize::from(u16::MAX) || !is_token(first) || first == b"ACK" {
            return None;
        }
        slots.fill_leniently(bytes, bytes.len() - rest.len());
        let headers = Headers { bytes, slots };
        let top_via = Via::parse(headers.first(Name::Via).1)?;
        let lacks_to_tag = NameAddr::parse(headers.first(Name::To).1).is_some_and(|to| to.tag().is_none());
        Some(Self { headers, top_via, lacks_to_tag })
    }

    /// The first header line of that name.
    pub(super) fn field(&self, name: Name) -> Option<Field<'a>> {
        let headers = self.headers;
        let slot = headers.slots.first(name)?;
        Some(Field { value: headers.value(slot), folded: slot.folded })
    }

    pub(super) fn fields(&self, name: Name) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let headers = self.headers;
        headers.slots.named(name).map(move |slot| Field { value: headers.value(slot), folded: slot.folded })
    }
}

/// The lines of a message that has been indexed.
#[derive(Clone, Copy)]
struct Headers<'a> {
    bytes: &'a [u8],
    slots: &'a Slots,
}

impl<'a> Headers<'a> {
    fn value(&self, slot: &Slot) -> &'a [u8] {
        self.bytes.get(usize::from(slot.value)..usize::from(slot.end)).unwrap_or(&[])
    }

    /// Offset and value of the first header of that name; 0 and nothing if there is none.
    fn first(&self, name: Name) -> (usize, &'a [u8]) {
        self.slots.first(name).map_or((0, &[]), |slot| (usize::from(slot.line), self.value(slot)))
    }

    fn body(&self, at: usize) -> Result<&'a [u8], Malformed> {
        let rest = self.bytes.get(at..).unwrap_or(&[]);
        let mut length = None;
        for slot in self.slots.named(Name::ContentLength) {
            let refused = Why::ContentLength.at(usize::from(slot.line));
            let octets = decimal(self.value(slot)).ok_or(refused)?;
            if length.is_some_and(|other| other != octets) {
                return Err(refused);
            }
            length = Some(octets);
        }
        match length {
            None => Ok(rest),
            Some(octets) => rest.get(..octets as usize).ok_or(Why::Truncated.at(at)),
        }
    }
}

/// Reads the start line and finds the headers. Gives the offset of the body.
fn index<'a>(bytes: &'a [u8], slots: &mut Slots) -> Result<(Start<'a>, usize), Malformed> {
    slots.clear();
    if bytes.len() > usize::from(u16::MAX) {
        return Err(Why::TooLong.at(bytes.len()));
    }
    let mut at = 0;
    while bytes.get(at..).is_some_and(|rest| rest.starts_with(b"\r\n")) {
        at += 2;
    }
    if at == bytes.len() {
        return Err(Why::Empty.at(at));
    }
    let (line, rest) = take_line(bytes.get(at..).unwrap_or(&[]), at)?;
    let start = read_start(line).map_err(|why| why.at(at))?;
    let body_at = slots.fill(bytes, bytes.len() - rest.len())?;
    Ok((start, body_at))
}

fn read_start(line: &[u8]) -> Result<Start<'_>, Why> {
    let (first, rest) = split_once(line, b' ').ok_or(Why::StartLine)?;
    if first.eq_ignore_ascii_case(b"SIP/2.0") {
        let digits = rest.get(..3).ok_or(Why::Status)?;
        if !matches!(rest.get(3), None | Some(b' ')) {
            return Err(Why::Status);
        }
        let status = decimal(digits).and_then(|code| u16::try_from(code).ok()).ok_or(Why::Status)?;
        return if (100..700).contains(&status) { Ok(Start::Response { status }) } else { Err(Why::Status) };
    }
    let (uri, version) = split_once(rest, b' ').ok_or(Why::StartLine)?;
    if !is_token(first) {
        return Err(Why::StartLine);
    }
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        let other_version = version
            .split_at_checked(4)
            .is_some_and(|(sip, number)| sip.eq_ignore_ascii_case(b"SIP/") && !number.contains(&b' '));
        return Err(if other_version { Why::Version } else { Why::StartLine });
    }
    if uri.len() > MAX_URI {
        return Err(Why::TooLong);
    }
    if !is_uri_text(uri) || !has_scheme(uri) {
        return Err(Why::RequestUri);
    }
    Ok(Start::Request { method: Method::read(first), uri })
}

fn read_cseq(value: &[u8]) -> Option<(u32, Method<'_>)> {
    let digits = value.iter().position(|c| !c.is_ascii_digit())?;
    let (number, method) = value.split_at_checked(digits)?;
    let text = skip_lws(method);
    let method = match Method::read(text) {
        _ if text.len() == method.len() => return None,
        Method::Other(other) if !is_token(other) => return None,
        method => method,
    };
    Some((decimal(number)?, method))
}
