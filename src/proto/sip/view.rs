//! A checked SIP message in place (RFC 3261 7): where its lines are, and that what it says can be read.

mod read;

use self::read::{Headers, Read, index};
use super::headers::{MediaType, NameAddr, take_value};
use super::multipart;
use super::name::Name;
use super::params::Params;
use super::places::{Place, Values};
use super::scan::{is_token, seconds, skip_lws, split_once};
use super::slots::{Lines, Quotes, Slots, take_line};
use super::uri::Uri;
use super::usual::Unmarked;
use super::via::Via;
use crate::base::{Layer, Malformed};
use crate::codec::scan::Vectors;

/// Why a message is malformed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Why {
    /// Nothing but line ends: a keep-alive (RFC 5626 4.4.1).
    Empty,
    /// A header, Call-ID or URI longer than we read.
    TooLong,
    /// Neither a request line nor a status line.
    StartLine,
    /// A version other than SIP/2.0: 505.
    Version,
    /// The Request-URI is no URI, or has headers, which it may not have (RFC 3261 19.1.1).
    RequestUri,
    /// A status code outside 100..=699.
    Status,
    /// A control character outside of an escape in quotes, or a CR or LF that doesn't end a line.
    Control,
    /// No empty line after the headers.
    Unfinished,
    /// A line without a colon, a name that is no token, or a fold with nothing before it.
    HeaderLine,
    /// More header lines than we read.
    TooManyHeaders,
    /// Two headers of a name that may stand once.
    Duplicate,
    /// No Via, or one that can't be read.
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
    /// More Via values than we copy.
    TooManyVias,
    /// A Contact that is no address, or `*` and others.
    Contact,
    /// A P-Asserted-Identity that is no address.
    AssertedIdentity,
    /// A Route or Record-Route that is no address.
    Route,
    /// Content-Type is no media type.
    ContentType,
    /// Content-Encoding is no list of tokens.
    ContentEncoding,
    /// Require or Proxy-Require is no list of tokens.
    Require,
    /// Event is no event type.
    Event,
    /// Subscription-State is no state.
    SubscriptionState,
    /// The message is longer than the limit.
    TooLarge,
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
    "Too Many Via",
    "Bad Contact",
    "Bad P-Asserted-Identity",
    "Bad Route",
    "Bad Content-Type",
    "Bad Content-Encoding",
    "Bad Require",
    "Bad Event",
    "Bad Subscription-State",
    "Message Too Large",
];

impl Why {
    pub(super) const fn at(self, offset: usize) -> Malformed {
        Malformed::new(Layer::Sip, self as u8, offset)
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
    pub(super) fn read(text: &'a [u8]) -> Self {
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

/// A start line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Start<'a> {
    Request { method: Method<'a>, uri: Uri<'a> },
    Response { status: u16 },
}

/// A well-formed message: it has a start line, Vias, From, To, Call-ID and CSeq that can be read, at most one Max-Forwards,
/// and a body that agrees with Content-Length; and what it has of Contact, P-Asserted-Identity, Route, Record-Route,
/// Content-Type, Content-Encoding, Require, Proxy-Require, Event and Subscription-State can be read too.
/// Whatever is read later is read by the same grammar, which it is known to follow.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    lines: &'a Lines,
    values: &'a Values,
}

impl<'a> Message<'a> {
    /// The message in a datagram. The body is what Content-Length says, or, without it, the rest (RFC 3261 18.3);
    /// octets after it are ignored. A Content-Length beyond the datagram, or two that differ, are refused.
    pub fn parse(bytes: &'a [u8], slots: &'a mut Slots) -> Result<Self, Malformed> {
        if let Some(vectors) = Vectors::detect()
            && let Some(read) = vectors.run(Read { bytes, slots })
        {
            read?;
            let Slots { lines, values, .. } = slots;
            return Ok(Self { bytes, lines, values });
        }
        Self::parse_in_general(bytes, slots)
    }

    /// The same by the general readers alone.
    pub(super) fn parse_in_general(bytes: &'a [u8], slots: &'a mut Slots) -> Result<Self, Malformed> {
        let Slots { lines, values, .. } = slots;
        let body_at = index(bytes, lines, values)?;
        let lines = &*lines;
        Headers { bytes, lines, usual: Unmarked }.message(values, body_at)?;
        Ok(Self { bytes, lines, values })
    }

    fn text(&self, place: Place) -> &'a [u8] {
        place.text(self.bytes)
    }

    fn headers(&self) -> Headers<'a, Unmarked> {
        Headers { bytes: self.bytes, lines: self.lines, usual: Unmarked }
    }

    pub(super) fn fragment(&self) -> Fragment<'a> {
        Fragment { headers: self.headers(), top_via: self.top_via(), lacks_to_tag: !self.values.to.has_tag() }
    }

    /// Whether this is a request.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        self.values.status == 0
    }

    /// The request's method; of a response, that of the request it answers.
    #[inline]
    #[must_use]
    pub fn method(&self) -> Method<'a> {
        self.values.method(self.bytes)
    }

    /// The Request-URI; empty for a response.
    #[must_use]
    pub fn request_uri(&self) -> &'a [u8] {
        if self.is_request() { self.text(self.values.target.text) } else { &[] }
    }

    /// The Request-URI taken apart; `None` for a response.
    #[inline]
    #[must_use]
    pub fn target(&self) -> Option<Uri<'a>> {
        self.is_request().then(|| self.values.target.uri(self.bytes))
    }

    /// The status code, 100..=699; `None` for a request.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        if self.is_request() { None } else { Some(self.values.status) }
    }

    /// The Call-ID.
    #[inline]
    #[must_use]
    pub fn call_id(&self) -> &'a [u8] {
        self.text(self.values.call_id)
    }

    /// From. Its tag is absent only if the sender is older than RFC 3261.
    #[inline]
    #[must_use]
    pub fn from(&self) -> NameAddr<'a> {
        self.values.from.address(self.bytes)
    }

    /// To.
    #[inline]
    #[must_use]
    pub fn to(&self) -> NameAddr<'a> {
        self.values.to.address(self.bytes)
    }

    /// CSeq: the number and the method.
    #[inline]
    #[must_use]
    pub fn cseq(&self) -> (u32, Method<'a>) {
        (self.values.cseq, self.method())
    }

    /// The topmost Via.
    #[inline]
    #[must_use]
    pub fn top_via(&self) -> Via<'a> {
        self.values.via.via(self.bytes)
    }

    /// The branch of the topmost Via.
    pub(super) fn branch(&self) -> Option<&'a [u8]> {
        self.values.via.branch.unless_empty(self.bytes)
    }

    /// Whether there is exactly one Via value, as in a response to a request of ours (RFC 3261 8.1.3.3).
    #[must_use]
    pub const fn has_one_via(&self) -> bool {
        self.values.has_one_via
    }

    /// Max-Forwards.
    #[must_use]
    pub const fn max_forwards(&self) -> Option<u8> {
        self.values.max_forwards
    }

    /// Expires in seconds; too great a number counts as the greatest, anything that is no number as absent
    /// (RFC 3261 20.19, 10.3).
    #[must_use]
    pub const fn expires(&self) -> Option<u32> {
        self.values.expires
    }

    /// Min-Expires in seconds, as [`Message::expires`] (RFC 3261 20.23).
    #[must_use]
    pub fn min_expires(&self) -> Option<u32> {
        seconds(self.header(Name::MinExpires)?)
    }

    /// Content-Type, if there is one.
    #[inline]
    #[must_use]
    pub fn content_type(&self) -> Option<MediaType<'a>> {
        self.values.has_content_type.then(|| self.values.content_type.media_type(self.bytes))
    }

    /// The parts of the body, as [`multipart::parts`]; none if it has no type.
    ///
    /// # Errors
    /// As there.
    pub fn parts(&self) -> Result<multipart::Parts<'a>, Malformed> {
        match self.content_type() {
            Some(media_type) => multipart::parts_within(media_type, self.body(), &self.lines.limits),
            None => Ok(multipart::Parts::NONE),
        }
    }

    /// Whether the body has a Content-Encoding other than `identity` (RFC 3261 20.12): it is not what Content-Type says
    /// before it is decoded.
    #[must_use]
    pub fn is_encoded(&self) -> bool {
        self.values(Name::ContentEncoding).any(|coding| !coding.eq_ignore_ascii_case(b"identity"))
    }

    /// The URIs of P-Asserted-Identity in their order: of the first SIP or SIPS one and the first tel one, as there may
    /// be (RFC 3325 9.1, RFC 5876 4.5).
    pub fn asserted(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.asserted_uris().map(|uri| uri.text())
    }

    /// The same, taken apart.
    pub fn asserted_uris(&self) -> impl Iterator<Item = Uri<'a>> + use<'a> {
        let Self { bytes, values, .. } = *self;
        values.asserted_uris.iter().take(usize::from(values.asserted)).map(|uri| uri.uri(bytes))
    }

    /// The first Contact, unless it is a `*`.
    #[inline]
    #[must_use]
    pub fn contact(&self) -> Option<NameAddr<'a>> {
        self.values.has_contact.then(|| self.values.contact.address(self.bytes))
    }

    /// The Contacts in order, without a `*`.
    pub fn contacts(&self) -> impl Iterator<Item = NameAddr<'a>> + use<'a> {
        self.addresses(Name::Contact)
    }

    /// Whether Contact is `*`: all that are registered (RFC 3261 10.2.2).
    #[must_use]
    pub const fn is_all_contacts(&self) -> bool {
        self.values.all_contacts
    }

    /// The addresses of Route, Record-Route, Contact or P-Asserted-Identity in order, all of which could be read when the
    /// message was; or those of another header, without what can't be read.
    pub fn addresses(&self, name: Name) -> impl Iterator<Item = NameAddr<'a>> + use<'a> {
        let most = self.lines.limits.parameters;
        self.values(name).filter_map(move |value| NameAddr::read(value, most))
    }

    /// Event: the package, as in `reg`, and the parameters (RFC 6665 8.2.1).
    #[must_use]
    pub fn event(&self) -> Option<(&'a [u8], Params<'a>)> {
        self.headers().token_and_params(self.header(Name::Event)?)
    }

    /// Subscription-State: as in `active`, and the parameters (RFC 6665 8.2.3).
    #[must_use]
    pub fn subscription_state(&self) -> Option<(&'a [u8], Params<'a>)> {
        self.headers().token_and_params(self.header(Name::SubscriptionState)?)
    }

    /// Retry-After in seconds, without its comment and parameters (RFC 3261 20.33); anything that is no number counts as
    /// absent.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        let value = self.header(Name::RetryAfter)?;
        let digits = value.iter().position(|c| !c.is_ascii_digit()).unwrap_or(value.len());
        seconds(value.get(..digits)?)
    }

    /// The body: octets of any value.
    #[inline]
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.text(self.values.body)
    }

    /// The whole value of the first header line of that name, without white space around it. A folded value still has
    /// its line ends, each followed by white space. [`Name::Other`] finds nothing.
    #[must_use]
    pub fn header(&self, name: Name) -> Option<&'a [u8]> {
        let slot = self.lines.first(name).filter(|_| name != Name::Other)?;
        Some(self.headers().value(slot))
    }

    /// The whole values of all header lines of that name, each as [`Message::header`] gives the first.
    pub fn lines(&self, name: Name) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let headers = self.headers();
        let slots = (name != Name::Other).then(|| headers.lines.named(name));
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

/// One header's value, whether it has line ends in it, and where its line and it begin.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) value: &'a [u8],
    pub(super) folded: bool,
    pub(super) line: usize,
    pub(super) at: usize,
}

impl Field<'_> {
    /// Where the value ends.
    pub(super) const fn end(&self) -> usize {
        self.at + self.value.len()
    }

    /// Whether the line is spelt as ours are, in that message: on one line, the name in full, a colon, a space.
    #[inline(always)] // so that the name is a constant
    pub(super) fn is_spelt(&self, name: Name, message: &[u8]) -> bool {
        !self.folded && message.get(self.line..self.at) == Some(name.line().as_bytes())
    }
}

/// What is needed to answer a request, malformed or not.
#[derive(Clone, Copy)]
pub(super) struct Fragment<'a> {
    headers: Headers<'a, Unmarked>,
    pub(super) top_via: Via<'a>,
    /// To can be read and has no tag yet.
    pub(super) lacks_to_tag: bool,
}

impl<'a> Fragment<'a> {
    /// What can be answered of a malformed message; `None` for a response, an ACK, or when there is no Via. A topmost Via
    /// that can't be read is copied as it is.
    pub(super) fn salvage(bytes: &'a [u8], slots: &'a mut Slots) -> Option<Self> {
        let lines = &mut slots.lines;
        lines.clear();
        let start = bytes.len() - skip_lws(bytes).len();
        let (line, next) = take_line(bytes, start, &mut Quotes::default()).ok()?;
        let (first, _) = split_once(line, b' ')?;
        if bytes.len() > usize::from(u16::MAX) || !is_token(first) || first == b"ACK" {
            return None;
        }
        lines.fill_leniently(bytes, next);
        let headers = Headers { bytes, lines, usual: Unmarked };
        let (at, via) = headers.first(Name::Via);
        if at == 0 {
            return None;
        }
        let top_via = Via::read(via, headers.lines.limits.parameters).unwrap_or(Via::unreadable(via));
        let to = NameAddr::read(headers.first(Name::To).1, headers.lines.limits.parameters);
        Some(Self { headers, top_via, lacks_to_tag: to.is_some_and(|to| to.tag().is_none()) })
    }

    /// The first header line of that name.
    pub(super) fn field(&self, name: Name) -> Option<Field<'a>> {
        self.fields(name).next()
    }

    pub(super) fn fields(&self, name: Name) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let headers = self.headers;
        let mut slots = headers.lines.named(name);
        core::iter::from_fn(move || {
            let folded = headers.lines.is_folded(slots.number());
            let slot = slots.next()?;
            let (line, at) = (usize::from(slot.line), usize::from(slot.value));
            Some(Field { value: headers.value(slot), folded, line, at })
        })
    }

    /// The message that it is of.
    pub(super) const fn octets(&self) -> &'a [u8] {
        self.headers.bytes
    }
}
